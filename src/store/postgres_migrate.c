/* postgres_migrate.c — PostgreSQL's tables follow the models.
 *
 * One process at a time has the advisory lock (asked for again and again, never waited for in a statement: CREATE INDEX CONCURRENTLY waits for all statements that have begun). It compares, asks the rows that could be in the way, makes the changes of the catalogue in one
 * transaction, then the rest one by one. A table that is in use is waited for only for a moment at a time, because everybody else waits behind. */
// SPDX-License-Identifier: Apache-2.0
#include "store/postgres_catalog.h"
#include <stdio.h>
#include <string.h>

#define TURN_PAUSE_US (200 * 1000)
#define LOCK_PAUSE_US (500 * 1000)

struct run {
    struct jb_db *db;
    struct jb_scope *scope;
    struct jb__pg_connection *connection;
    struct jb__pg_difference difference;
    int lock_ms, lock_attempts;
    int64_t note_id; /* in jb_migrations, of this run; 0: nothing noted yet */
};

/* ---- questions -------------------------------------------------------------------------------------------------------------------- */

struct answer {
    struct jb_str texts[JB__INDEX_COLUMNS_MAX + 1];
};
static const struct jb_record answer_record = JB_RECORD(answer,
    { .name = "a", .offset = offsetof(struct answer, texts[0]), .size = sizeof(struct jb_str), .type = JB_TEXT },
    { .name = "b", .offset = offsetof(struct answer, texts[1]), .size = sizeof(struct jb_str), .type = JB_TEXT },
    { .name = "c", .offset = offsetof(struct answer, texts[2]), .size = sizeof(struct jb_str), .type = JB_TEXT },
    { .name = "d", .offset = offsetof(struct answer, texts[3]), .size = sizeof(struct jb_str), .type = JB_TEXT },
    { .name = "e", .offset = offsetof(struct answer, texts[4]), .size = sizeof(struct jb_str), .type = JB_TEXT },
    { .name = "f", .offset = offsetof(struct answer, texts[5]), .size = sizeof(struct jb_str), .type = JB_TEXT },
    { .name = "g", .offset = offsetof(struct answer, texts[6]), .size = sizeof(struct jb_str), .type = JB_TEXT },
    { .name = "h", .offset = offsetof(struct answer, texts[7]), .size = sizeof(struct jb_str), .type = JB_TEXT },
    { .name = "i", .offset = offsetof(struct answer, texts[8]), .size = sizeof(struct jb_str), .type = JB_TEXT });

/* The first row of so many texts; *ret_found false: there is none. */
static bool ask(struct run *run, struct jb_str sql, size_t columns, struct answer *ret_answer, bool *ret_found)
{
    struct jb_record *record = JB_NEW(run->scope, struct jb_record);
    struct jb_field *fields = JB_NEW_ARRAY(run->scope, struct jb_field, columns + 1);
    struct jb__sink sink;

    memcpy(fields, answer_record.fields, columns * sizeof *fields);
    *record = (struct jb_record){ "answer", sizeof(struct answer), fields };
    jb__sink_init(&sink, run->scope, record, 1);
    struct jb__statement statement = { .sql = sql, .in_order = true, .sink = &sink };
    if (!jb__pg_run_once(run->connection, run->scope, &statement))
        return false;
    *ret_found = sink.count > 0;
    if (sink.count > 0)
        memcpy(ret_answer, sink.data, sizeof *ret_answer);
    return true;
}

static bool ask_truth(struct run *run, const char *sql, bool *ret_truth)
{
    struct answer answer;
    bool found;

    if (!ask(run, jb_str_of(sql), 1, &answer, &found))
        return false;
    *ret_truth = found && jb_str_is(answer.texts[0], "true");
    return true;
}

static bool exec(struct run *run, const char *sql)
{
    return jb__pg_exec_on(run->connection, run->scope, sql);
}

/* ---- rows in the way ------------------------------------------------------------------------------------------------------------------- */

static struct jb_str check_sql(struct jb_scope *scope, const struct jb__pg_check *check)
{
    struct jb_str table = jb_model_table(check->model);
    const char *id = jb_model_primary(check->model)->name, *column = check->field ? check->field->name : NULL;

    switch (check->kind) {
    case JB__PG_ANY_ROW: return jb_format(scope, "select ''::text, ''::text from \"%.*s\" limit 1", JB_FMT(table));
    case JB__PG_ROW: return jb_format(scope, "select \"%s\"::text, \"%s\"::text from \"%.*s\" where %.*s limit 1", id, column, JB_FMT(table), JB_FMT(check->condition));
    case JB__PG_ORPHAN: {
        struct jb_str target = jb_model_table(check->field->references);
        return jb_format(scope, "select t.\"%s\"::text, t.\"%s\"::text from \"%.*s\" t where t.\"%s\" is not null and not exists (select from \"%.*s\" r where r.\"%s\" = t.\"%s\") limit 1", id, column, JB_FMT(table), column, JB_FMT(target),
            jb_model_primary(check->field->references)->name, column);
    }
    default: return jb__duplicate_sql(scope, table, check->index, jb__pg_index_condition(scope, check->index));
    }
}

/* true: no row is in the way. */
static bool check_rows(struct run *run, const struct jb__pg_check *check)
{
    struct jb_str table = jb_model_table(check->model);
    size_t columns = check->kind == JB__PG_DUPLICATE ? check->index->column_count + 1 : 2;
    struct answer answer;
    bool found;

    if (!ask(run, check_sql(run->scope, check), columns, &answer, &found))
        return false;
    if (!found)
        return true;
    switch (check->kind) {
    case JB__PG_ANY_ROW: return jb__fail_unfillable(run->scope, table, check->field->name);
    case JB__PG_ROW: return jb__fail_row(run->scope, table, answer.texts[0], check->field, answer.texts[1], check->rule);
    case JB__PG_ORPHAN: return jb__fail_orphan(run->scope, table, answer.texts[0]);
    default: return jb__fail_duplicate(run->scope, table, check->index, answer.texts, answer.texts[columns - 1]);
    }
}

/* A new table that is referred to is not there yet: then its rows are no question. */
static bool check_is_possible(const struct run *run, const struct jb__pg_check *check)
{
    return check->kind != JB__PG_ORPHAN || jb__pg_has_table(run->difference.catalog, jb_model_table(check->field->references));
}

static bool check_all(struct run *run)
{
    for (size_t i = 0; i < run->difference.check_count; i++)
        if (check_is_possible(run, &run->difference.checks[i]) && !check_rows(run, &run->difference.checks[i]))
            return false;
    return true;
}

/* After something failed on its own: a row that came between may be why, and then it is named. */
static void blame(struct run *run)
{
    struct jb_scope *child = jb_scope_child(run->scope, "blame"), *scope = run->scope;

    run->scope = child;
    if (!run->connection->broken && !check_all(run) && (jb_error(child) == JB_INVALID || jb_error(child) == JB_CONFLICT)) {
        jb_failure_clear(scope);
        jb_failure_pass(child, scope);
    }
    run->scope = scope;
    jb_scope_end(child);
}

/* ---- waiting for tables --------------------------------------------------------------------------------------------------------------------- */

/* Somebody else had the table, or we were in each other's way. */
static bool may_try_again(struct run *run)
{
    if (run->connection->broken || PQstatus(run->connection->handle) != CONNECTION_OK)
        return false;
    return (jb_error(run->scope) == JB_TIMEOUT || jb_error(run->scope) == JB_UNAVAILABLE) && !jb_cancelled(run->scope) && jb_deadline_us(run->scope) > jb_monotonic_us();
}

static bool fail_locked(struct run *run)
{
    struct answer who;
    bool found = false;

    jb_failure_clear(run->scope);
    if (!ask(run, JB_STR("select pid::text, coalesce(nullif(application_name, ''), usename::text, '?')::text from pg_stat_activity where datname = current_database() and xact_start is not null and pid <> pg_backend_pid() order by xact_start limit 1"), 2, &who, &found))
        return false;
    if (!found)
        return jb_fail(run->scope, JB_TIMEOUT, JB_L(run->scope, "표를 다른 작업이 쓰고 있어 %d번 기다리다 그만두었습니다. 조금 뒤에 다시 하세요.", "A table is in use; given up after %d attempts. Try again in a moment."), run->lock_attempts);
    return jb_fail(run->scope, JB_TIMEOUT,
        JB_L(run->scope, "표를 다른 작업이 쓰고 있어 %d번 기다리다 그만두었습니다. 가장 오래 열린 트랜잭션은 %.*s의 것입니다 (pid %.*s). 그것이 끝난 뒤에 다시 하세요.",
            "A table is in use; given up after %d attempts. The oldest open transaction is that of %.*s (pid %.*s). Migrate again when it has ended."),
        run->lock_attempts, JB_FMT(who.texts[1]), JB_FMT(who.texts[0]));
}

/* Does it, again and again while tables are in use. What it did is undone before the next attempt. */
static bool patiently(struct run *run, bool (*attempt)(struct run *run, const void *arg), const void *arg)
{
    for (int left = run->lock_attempts; left > 0; left--) {
        if (attempt(run, arg))
            return true;
        if (PQtransactionStatus(run->connection->handle) != PQTRANS_IDLE) {
            struct jb_scope *child = jb_scope_new("rollback");
            jb_deadline_set(child, jb_monotonic_us() + 5 * JB_SECOND_US);
            run->connection->broken = !jb__pg_exec_on(run->connection, child, "rollback") || run->connection->broken;
            jb_scope_end(child);
        }
        if (!may_try_again(run))
            return false;
        if (left > 1) {
            jb_failure_clear(run->scope);
            if (!jb_sleep(run->scope, LOCK_PAUSE_US))
                return false;
        }
    }
    return fail_locked(run);
}

/* ---- doing ------------------------------------------------------------------------------------------------------------------------------------ */

static bool do_step(struct run *run, const struct jb_migration_step *step)
{
    return !JB_FAULT("store/migrate/step", run->scope) && (exec(run, step->sql.data) || jb_wrap(run->scope, "%.*s", JB_FMT(step->reason)));
}

static const char notes_sql[] = "create table if not exists jb_migrations (id bigint generated by default as identity primary key, at timestamp with time zone not null, hash text not null, steps text not null)";

static const struct jb_record id_record = { "id", sizeof(int64_t), (const struct jb_field[]){ { .name = "id", .size = sizeof(int64_t), .type = JB_INT64 }, { 0 } } };

/* Adds to this run's row in jb_migrations. */
static bool note(struct run *run, struct jb_str steps)
{
    struct jb_value args[] = { jb_v_time(jb_now()), jb_v_text(jb_format(run->scope, "%016llx", (unsigned long long)run->difference.hash)), jb_v_text(steps) };
    struct jb_value more[] = { jb_v_text(steps), jb_v_int(run->note_id) };
    struct jb__statement insert = { .sql = JB_STR("insert into jb_migrations (at, hash, steps) values (?, ?, ?) returning id"), .args = args, .arg_count = JB_COUNT(args), .write = true };
    struct jb__statement update = { .sql = JB_STR("update jb_migrations set steps = steps || ? where id = ?"), .args = more, .arg_count = JB_COUNT(more), .write = true };
    struct jb__sink sink;

    if (run->note_id)
        return jb__pg_run_on(run->connection, run->scope, &update, false);
    jb__sink_init(&sink, run->scope, &id_record, 1);
    insert.in_order = true;
    insert.sink = &sink;
    if (!exec(run, notes_sql) || !jb__pg_run_on(run->connection, run->scope, &insert, false))
        return false;
    memcpy(&run->note_id, sink.data, sizeof run->note_id);
    return true;
}

static bool do_together(struct run *run, const void *arg)
{
    const struct jb__steps *steps = &run->difference.together;

    (void)arg;
    if (!exec(run, jb_format(run->scope, "begin; set local lock_timeout = %d", run->lock_ms).data))
        return false;
    for (size_t i = 0; i < steps->count; i++)
        if (jb__step_wanted(&steps->at[i], run->difference.options) && !do_step(run, &steps->at[i]))
            return false;
    run->note_id = 0;
    return note(run, jb__steps_text(run->scope, steps, run->difference.options)) && exec(run, "commit");
}

/* What a build that failed has left behind would slow every write and keep values unique already. */
static void drop_unfinished(struct run *run, struct jb_str sql)
{
    size_t at = jb_str_find(sql, JB_STR(" CONCURRENTLY \""), 0), start = at + strlen(" CONCURRENTLY \"");
    struct jb_scope *child, *scope = run->scope;
    struct answer answer;
    bool found = false;

    if (!jb_str_starts(sql, JB_STR("CREATE ")) || at == SIZE_MAX || run->connection->broken)
        return;
    run->scope = child = jb_scope_child(scope, "unfinished index");
    struct jb_str name = jb_format(child, "\"%.*s\"", JB_FMT(jb_str_slice(sql, start, jb_str_find_char(sql, '"', start)))), literal = jb__literal(child, name);
    /* one that is whole is why ours could not be made, and somebody's */
    if (ask(run, jb_format(child, "select ''::text from pg_index where indexrelid = to_regclass(%.*s) and not indisvalid", JB_FMT(literal)), 1, &answer, &found) && found)
        jb__pg_exec_on(run->connection, child, jb_format(child, "DROP INDEX CONCURRENTLY IF EXISTS %.*s", JB_FMT(name)).data);
    run->scope = scope;
    jb_scope_end(child);
}

/* CONCURRENTLY waits for those who were there before, and nobody waits for it. */
static bool do_alone(struct run *run, const void *arg)
{
    const struct jb_migration_step *step = arg;

    if (!exec(run, jb_format(run->scope, "set lock_timeout = %d", step->hold == JB_HOLD_NONE ? 0 : run->lock_ms).data))
        return false;
    if (do_step(run, step))
        return true;
    drop_unfinished(run, step->sql);
    return false;
}

static bool some_wanted(const struct run *run, const struct jb__steps *steps)
{
    for (size_t i = 0; i < steps->count; i++)
        if (jb__step_wanted(&steps->at[i], run->difference.options))
            return true;
    return false;
}

static bool do_all(struct run *run)
{
    const struct jb__steps *steps = &run->difference.alone;

    if (some_wanted(run, &run->difference.together) && !patiently(run, do_together, NULL)) {
        blame(run);
        return false;
    }
    for (size_t i = 0; i < steps->count; i++) {
        if (!jb__step_wanted(&steps->at[i], run->difference.options))
            continue;
        if (!patiently(run, do_alone, &steps->at[i])) {
            blame(run);
            return false;
        }
        if (!note(run, jb_format(run->scope, "%.*s\n", JB_FMT(steps->at[i].reason))))
            return false;
    }
    return true;
}

/* ---- one at a time ------------------------------------------------------------------------------------------------------------------------------ */

static bool refuse_replica(struct run *run)
{
    bool replica;

    if (!ask_truth(run, "select pg_is_in_recovery()::text", &replica))
        return false;
    return !replica || jb_fail(run->scope, JB_UNAVAILABLE, "%s",
                           JB_L(run->scope, "이 서버는 복제본입니다. DATABASE_URL에 주 서버를 적고 다시 하세요.", "This server is a replica. Name the primary in DATABASE_URL and migrate again."));
}

/* Its end is that of the session. */
static bool take_turn(struct run *run)
{
    bool mine = false;

    for (;;) {
        if (!ask_truth(run, "select pg_try_advisory_lock(1784832, hashtext(current_schema()))::text", &mine))
            return false;
        if (mine)
            return true;
        if (!jb_sleep(run->scope, TURN_PAUSE_US))
            return jb_wrap(run->scope, "%s", JB_L(run->scope, "다른 프로세스가 표를 맞추고 있어 기다리다가 멈추었습니다", "while waiting for another process that migrates"));
    }
}

static bool compare(struct run *run)
{
    struct jb__pg_catalog *catalog = JB_NEW(run->scope, struct jb__pg_catalog);

    run->difference.scope = run->scope;
    run->difference.db = run->db;
    run->difference.catalog = catalog;
    return jb__pg_catalog_read(run->connection, run->scope, (const struct jb_model *const *)run->db->models, catalog) && jb__pg_compare(&run->difference);
}

/* What a plan would meet. */
static bool look(struct run *run)
{
    struct jb_scope *scope = run->scope;

    if (!compare(run))
        return false;
    run->scope = jb_scope_child(scope, "checks");
    bool met = !check_all(run), refused = met && (jb_error(run->scope) == JB_INVALID || jb_error(run->scope) == JB_CONFLICT);
    if (refused)
        jb__say_refused(scope, &run->difference.notices, run->scope);
    else if (met)
        jb_failure_pass(run->scope, scope);
    jb_scope_end(run->scope);
    run->scope = scope;
    return !met || refused;
}

static bool apply(struct run *run)
{
    return refuse_replica(run) && exec(run, "set statement_timeout = 0; set idle_in_transaction_session_timeout = 0; set synchronous_commit = on") && take_turn(run) && compare(run) && check_all(run) && do_all(run);
}

bool jb__pg_migrate(struct jb_db *db, struct jb_scope *scope, const struct jb_migrate_options *options, struct jb_migration_step **ret_steps, size_t *ret_count)
{
    struct run run = { .db = db, .scope = scope, .connection = jb__pg_take(&jb__pg_of(db)->primary, scope, false) };

    if (!run.connection)
        return false;
    run.difference.options = options;
    run.lock_ms = options && options->lock_ms > 0 ? options->lock_ms : 1000;
    run.lock_attempts = options && options->lock_attempts > 0 ? options->lock_attempts : 30;
    bool ok = options ? apply(&run) : look(&run);
    if (ok && options)
        jb__pg_note_position(run.connection, scope);
    run.connection->broken |= options != NULL; /* its settings and its lock end with it */
    jb__pg_give(run.connection);
    if (!ok)
        return false;
    struct jb__steps *all = &run.difference.notices;
    jb__steps_append(scope, all, &run.difference.together);
    jb__steps_append(scope, all, &run.difference.alone);
    *ret_steps = all->at;
    *ret_count = all->count;
    return true;
}
