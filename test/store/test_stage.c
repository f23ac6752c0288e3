/* test_stage.c — rows staged, compared and merged while somebody else writes: nothing is lost, doubled or overwritten unseen. */
// SPDX-License-Identifier: Apache-2.0
#include "store_test.h"
#include "store/stage.h"
#include "run/run.h"

struct ledger {
    int64_t id;
    struct jb_str ref, tag;
    struct jb_decimal income;
    struct jb_date day;
    int64_t project_id;
};
struct shut_month {
    int64_t id;
    struct jb_month month;
};

static const struct jb_model shut_month = {
    .app = "books",
    .record = JB_RECORD(shut_month, JB_FIELD(shut_month, id, .primary = true), JB_FIELD(shut_month, month, .required = true, .unique = true)),
};

static bool prepare(struct jb_scope *scope, void **ret_state)
{
    *ret_state = jb_select(scope, &shut_month, .limit = 0);
    return *ret_state != NULL;
}

static bool check(struct jb_scope *scope, void *state, const void *before, const void *after)
{
    const struct ledger *row = after;

    (void)before;
    for (JB_EACH_ROW((const struct jb_rows *)state, const struct shut_month, shut))
        if (shut->month.months == jb_date_month(row->day).months)
            return jb_fail(scope, JB_CONFLICT, "the month is shut");
    return true;
}

static const struct jb_model ledger = {
    .app = "books",
    .check = check,
    .check_prepare = prepare,
    .named_indexes = JB_INDEXES({ "one_ledger_a_tag", "tag", .unique = true }),
    .record = JB_RECORD(ledger,
        JB_FIELD(ledger, id, .primary = true),
        JB_FIELD(ledger, ref, .required = true, .length_max = 20, .unique = true),
        JB_FIELD(ledger, tag, .length_max = 20),
        JB_FIELD(ledger, income, .required = true, .digits = 15, .decimals = 2),
        JB_FIELD(ledger, day, .required = true),
        JB_FIELD(ledger, project_id, .references = &sample_project, .on_delete = JB_RESTRICT)),
};
static const struct jb_model *const models[] = { &sample_project, &ledger, &shut_month, NULL };

static struct ledger row_of(const char *ref, const char *tag, int64_t won, int64_t project)
{
    return (struct ledger){ .ref = jb_str_of(ref), .tag = jb_str_of(tag), .income = cents(won * 100), .day = day(2026, 11, 21), .project_id = project };
}

/* ---- a staging ----------------------------------------------------------------------------------------------------------- */

struct staging {
    struct jb_scope *scope;
    struct jb_stage *stage;
    void *state;
    int64_t project, refused;
    struct jb_stage_counts counts;
};

static bool on_refused(void *arg, struct jb_scope *scope, const struct jb_stage_refusal *refusal)
{
    struct staging *staging = arg;
    staging->refused++;
    return jb_stage_refuse(staging->stage, scope, refusal->row, JB_STR_NULL, refusal->value, JB_STR("refused"));
}

static void compare(struct staging *staging)
{
    struct jb_scope *scope = staging->scope;
    struct jb_stage_compare how = { .check_state = NULL, .refuse = on_refused, .arg = staging };
    bool moved = false;

    CHECK_OK(jb_stage_note(staging->stage, scope, &moved));
    CHECK_OK(jb_stage_prepare(staging->stage, scope, &how.check_state, &moved));
    staging->refused = 0;
    CHECK_OK(jb_stage_compare(staging->stage, scope, &how, &staging->counts));
}

static void close_staging(void *arg)
{
    struct staging *staging = arg;
    jb_stage_close(staging->stage);
}

/* A is changed, B unchanged, C (of the project) new. */
static struct staging *stage_rows(struct jb_scope *scope)
{
    const struct jb_field *fields = ledger.record.fields, *const columns[] = { &fields[1], &fields[2], &fields[3], &fields[4], &fields[5] };
    struct staging *staging = JB_NEW(scope, struct staging);
    const char *folder = test_folder(scope);
    struct sample_project project = { .code = JB_STR("P") };
    int64_t duplicates;

    staging->scope = scope;
    CHECK_OK(jb_insert(scope, &sample_project, &project));
    struct ledger there[] = { row_of("A", "a", 1, 0), row_of("B", "b", 2, 0) }, sheet[] = { row_of("A", "a", 5, 0), row_of("B", "b", 2, 0), row_of("C", "c", 3, project.id) };
    CHECK_OK(jb_bulk_insert(scope, &ledger, there, 2, NULL));
    staging->project = project.id;
    staging->stage = jb_stage_open(scope, jb_db_of(scope), &(struct jb_stage_options){ .path = jb_format(scope, "%s/1.1.stage", folder).data, .model = &ledger, .columns = columns, .column_count = 5, .match = columns, .match_count = 1, .head_row = 1 });
    CHECK_OK(staging->stage != NULL);
    jb_defer(scope, close_staging, staging);
    CHECK_OK(jb_stage_begin(staging->stage, scope));
    for (int i = 0; i < 3; i++)
        CHECK_OK(jb_stage_add(staging->stage, scope, i + 2, &sheet[i]));
    CHECK_OK(jb_stage_commit(staging->stage, scope));
    CHECK_OK(jb_stage_duplicates(staging->stage, scope, on_refused, staging, &duplicates));
    CHECK_INT(duplicates, 0);
    compare(staging);
    CHECK_INT(staging->counts.new_rows, 1);
    CHECK_INT(staging->counts.changed, 1);
    CHECK_INT(staging->counts.unchanged, 1);
    return staging;
}

/* Merges; true when that was possible at once, otherwise nothing was written. */
static bool merge_at_once(struct staging *staging)
{
    struct jb_scope *scope = staging->scope;
    bool fresh;

    CHECK_OK(jb_stage_attach(staging->stage, scope));
    struct jb_tx *tx = jb_begin(scope);
    CHECK_OK(tx != NULL);
    CHECK_OK(jb_stage_is_fresh(staging->stage, scope, false, &fresh));
    bool merged = fresh && jb_stage_merge(staging->stage, scope, 0, 0);
    if (fresh && !merged) {
        CHECK(jb_stage_moved(staging->stage));
        jb_failure_clear(scope);
    }
    if (merged)
        CHECK_OK(jb_commit(tx));
    else
        jb_rollback(tx);
    CHECK_OK(jb_stage_detach(staging->stage, scope));
    return merged;
}

/* With the table held: compares again and merges what may go in. */
static void merge_held(struct staging *staging)
{
    struct jb_scope *scope = staging->scope;
    bool fresh;

    CHECK_OK(jb_stage_attach(staging->stage, scope));
    struct jb_tx *tx = jb_begin(scope);
    CHECK_OK(tx != NULL);
    CHECK_OK(jb_stage_is_fresh(staging->stage, scope, true, &fresh));
    CHECK(!fresh);
    compare(staging);
    CHECK_OK(jb_stage_merge(staging->stage, scope, 0, 0));
    CHECK_OK(jb_commit(tx));
    CHECK_OK(jb_stage_detach(staging->stage, scope));
}

static int64_t number(struct jb_scope *scope, struct jb_sql sql)
{
    int64_t number;
    CHECK_OK(jb_query_int(scope, sql, &number));
    return number;
}

/* ---- somebody else -------------------------------------------------------------------------------------------------------- */

struct meddling {
    const char *what;
    void (*run)(struct staging *staging);
    int64_t new_rows, changed, unchanged, refused; /* of the comparison after it */
};

static void run(struct jb_scope *scope, struct jb_sql sql)
{
    int64_t changes;
    CHECK_OK(jb_exec(scope, sql, &changes));
    CHECK_INT(changes, 1);
}

static void take_key(struct staging *staging)
{
    struct jb_scope *scope = staging->scope;
    struct ledger row = row_of("C", "x", 9, 0);
    CHECK_OK(jb_insert(scope, &ledger, &row));
}

static void take_tag(struct staging *staging)
{
    struct jb_scope *scope = staging->scope;
    struct ledger row = row_of("X", "c", 9, 0);
    CHECK_OK(jb_insert(scope, &ledger, &row));
}

static void change_changed(struct staging *staging)
{
    run(staging->scope, JB_SQL("update ledger set income = ? where ref = 'A'", cents(700)));
}

static void delete_changed(struct staging *staging)
{
    run(staging->scope, JB_SQL("delete from ledger where ref = 'A'"));
}

static void change_unchanged(struct staging *staging)
{
    run(staging->scope, JB_SQL("update ledger set income = ? where ref = 'B'", cents(700)));
}

static void delete_project(struct staging *staging)
{
    run(staging->scope, JB_SQL("delete from projects where id = ?", staging->project));
}

static void shut(struct staging *staging)
{
    struct jb_scope *scope = staging->scope;
    struct shut_month row = { .month = jb_date_month(day(2026, 11, 1)) };
    CHECK_OK(jb_insert(scope, &shut_month, &row));
}

static const struct meddling meddlings[] = {
    { "the key of a new row is taken", take_key, 0, 2, 1, 0 },
    { "a unique value of a new row is taken", take_tag, 0, 1, 1, 1 },
    { "the row to be changed is changed", change_changed, 1, 1, 1, 0 },
    { "the row to be changed is deleted", delete_changed, 2, 0, 1, 0 },
    { "the unchanged row is changed", change_unchanged, 1, 2, 0, 0 },
    { "what a row refers to is deleted", delete_project, 0, 1, 1, 1 },
    { "the month is shut", shut, 0, 0, 1, 2 },
};

JB_FIBER_TEST("what somebody changes between comparison and merge stops the merge, and the next comparison sees it")
{
    for (size_t i = 0; i < sizeof meddlings / sizeof *meddlings; i++) {
        const struct meddling *meddling = &meddlings[i];
        struct jb_scope *one = jb_scope_child(scope, meddling->what);
        test_database(one, models);
        struct staging *staging = stage_rows(one);
        meddling->run(staging);
        bool merged = merge_at_once(staging);
        if (merged)
            fprintf(stderr, "%s: nobody noticed\n", meddling->what);
        CHECK(!merged);
        CHECK_INT(number(one, JB_SQL("select count(*) from ledger where income = ? or ref = 'C' and tag = 'c'", cents(500))), 0);
        merge_held(staging);
        if (staging->counts.new_rows != meddling->new_rows || staging->counts.changed != meddling->changed || staging->counts.refused != meddling->refused)
            fprintf(stderr, "%s:\n", meddling->what);
        CHECK_INT(staging->counts.new_rows, meddling->new_rows);
        CHECK_INT(staging->counts.changed, meddling->changed);
        CHECK_INT(staging->counts.unchanged, meddling->unchanged);
        CHECK_INT(staging->counts.refused, meddling->refused);
        jb_scope_end(one);
    }
}

JB_FIBER_TEST("what nobody touched is merged at once")
{
    test_database(scope, models);
    struct staging *staging = stage_rows(scope);
    CHECK(merge_at_once(staging));
    CHECK_INT(number(scope, JB_SQL("select count(*) from ledger where (ref = 'A' and income = ?) or (ref = 'B' and income = ?) or (ref = 'C' and income = ? and project_id = ?)", cents(500), cents(200), cents(300), staging->project)), 3);
    CHECK_INT(number(scope, JB_SQL("select count(*) from ledger")), 3);
}

JB_FIBER_TEST("on PostgreSQL others write while rows are merged, but shut no month")
{
    if (test_is_sqlite())
        return; /* it has one writer */
    struct jb_db *db = test_database(scope, models);
    struct staging *staging = stage_rows(scope);
    struct jb_tx *tx = jb_begin(scope);
    CHECK_OK(tx != NULL);
    CHECK_OK(jb_stage_merge(staging->stage, scope, 0, 0));
    struct jb_scope *other = jb_scope_new("other");
    jb_db_use(other, db);
    jb_deadline_set(other, jb_monotonic_us() + 10 * JB_SECOND_US);
    CHECK_OK(jb_exec(other, JB_SQL("update ledger set tag = 'z' where ref = 'B'"), NULL));
    struct ledger row = row_of("X", "x", 9, 0);
    CHECK_OK(jb_insert(other, &ledger, &row));
    jb_deadline_set(other, jb_monotonic_us() + JB_SECOND_US / 10);
    struct shut_month month = { .month = jb_date_month(day(2026, 11, 1)) };
    CHECK(!jb_insert(other, &shut_month, &month));
    jb_scope_end(other);
    CHECK_OK(jb_commit(tx));
    CHECK_INT(number(scope, JB_SQL("select count(*) from ledger")), 4);
}

JB_FIBER_TEST("on PostgreSQL staged rows that a crash of the server emptied are no import")
{
    if (test_is_sqlite())
        return; /* its file dies with the attempt */
    test_database(scope, models);
    struct staging *staging = stage_rows(scope);
    CHECK_OK(jb_exec(scope, JB_SQL("truncate jb_stage.\"1.1\", jb_stage.\"1.1 match\""), NULL));
    CHECK(!merge_at_once(staging));
    CHECK_INT(number(scope, JB_SQL("select count(*) from ledger")), 2);
}

JB_FIBER_TEST("on PostgreSQL a merge that met others in a deadlock is tried again, not given up")
{
    if (test_is_sqlite())
        return; /* it has one writer */
    test_database(scope, models);
    struct staging *staging = stage_rows(scope);
    CHECK_OK(jb_exec(scope, JB_SQL("create function deadlock() returns trigger language plpgsql as 'begin raise exception using errcode = ''40P01''; end'"), NULL));
    CHECK_OK(jb_exec(scope, JB_SQL("create trigger deadlock before insert on ledger execute function deadlock()"), NULL));
    CHECK(!merge_at_once(staging));
    CHECK_OK(jb_exec(scope, JB_SQL("drop trigger deadlock on ledger"), NULL));
    compare(staging);
    CHECK(merge_at_once(staging));
    CHECK_INT(number(scope, JB_SQL("select count(*) from ledger")), 3);
}

JB_FIBER_TEST("on PostgreSQL nothing is compared any more over a connection that was made anew: the server may have emptied the rows")
{
    if (test_is_sqlite())
        return; /* its file dies with the attempt */
    test_database(scope, models);
    struct staging *staging = stage_rows(scope);
    struct jb_stage_compare how = { .refuse = on_refused, .arg = staging };
    int64_t errors;
    CHECK_OK(prepare(scope, &how.check_state));
    CHECK_OK(jb_exec(scope, JB_SQL("select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"), NULL));
    CHECK(!jb_stage_compare(staging->stage, scope, &how, &staging->counts));
    jb_failure_clear(scope);
    CHECK_OK(jb_stage_refused_count(staging->stage, scope, &errors));
    CHECK_FAILS(jb_stage_compare(staging->stage, scope, &how, &staging->counts), JB_UNAVAILABLE);
}

/* ---- ids that a sheet brings ------------------------------------------------------------------------------------------------ */

static const struct jb_model dates = {
    .app = "books",
    .name = "shelf",
    .table = "o'shelf",
    .record = JB_RECORD(shut_month, JB_FIELD(shut_month, id, .primary = true), JB_FIELD(shut_month, month, .required = true)),
};
static const struct jb_model *const shelves[] = { &dates, NULL };

JB_FIBER_TEST("ids of a sheet go into a table whose name has an apostrophe, and its own numbers go on after them")
{
    const struct jb_field *fields = dates.record.fields, *const columns[] = { &fields[1] }, *const by_key[] = { &fields[0] };
    struct staging *staging = JB_NEW(scope, struct staging); /* it is closed with the scope */
    struct shut_month rows[] = { { 7, jb_date_month(day(2026, 11, 1)) }, { 0, jb_date_month(day(2026, 12, 1)) } }, next = { .month = jb_date_month(day(2027, 1, 1)) };
    int64_t duplicates;

    staging->scope = scope;
    test_database(scope, shelves);
    staging->stage = jb_stage_open(scope, jb_db_of(scope), &(struct jb_stage_options){ .path = jb_format(scope, "%s/2.1.stage", test_folder(scope)).data, .model = &dates, .columns = columns, .column_count = 1, .match = by_key, .match_count = 1, .by_id = true, .head_row = 1 });
    CHECK_OK(staging->stage != NULL);
    jb_defer(scope, close_staging, staging);
    CHECK_OK(jb_stage_begin(staging->stage, scope));
    for (int i = 0; i < 2; i++)
        CHECK_OK(jb_stage_add(staging->stage, scope, i + 2, &rows[i]));
    CHECK_OK(jb_stage_commit(staging->stage, scope));
    CHECK_OK(jb_stage_duplicates(staging->stage, scope, on_refused, staging, &duplicates));
    compare(staging);
    CHECK(merge_at_once(staging));
    CHECK_OK(jb_insert(scope, &dates, &next));
    CHECK_INT(next.id, 9);
    CHECK_INT(number(scope, JB_SQL("select count(*) from \"o'shelf\" where id in (7, 8, 9)")), 3);
}
