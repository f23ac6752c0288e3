/* test_balance.c — the proof of an import: what the file's amounts add up to is how the table changed. */
// SPDX-License-Identifier: Apache-2.0
#define JB_TRANSFER_TEST_MODELS
#include "transfer_test.h"

#define ROW(number, description, income) number ",2025-01-02," description ",income," income ",,\n"

/* The one amount column of the book, as the job tells it. */
static void check_totals(struct jb_scope *scope, const struct import_job *job, const char *file, const char *before, const char *after, const char *change)
{
    CHECK_STR(job->totals, jb_format(scope, "[{\"column\":\"income\",\"label\":\"Income\",\"file\":\"%s\",\"before\":\"%s\",\"after\":\"%s\",\"change\":\"%s\"}]", file, before, after, change));
}

struct sum_row {
    struct jb_decimal income;
};
static const struct jb_record sum_record = JB_RECORD(sum_row, JB_FIELD(sum_row, income, .digits = 18, .decimals = 2));

static struct jb_str sum_of(struct jb_scope *scope)
{
    struct sum_row row;
    char text[JB_DECIMAL_TEXT_SIZE];

    CHECK_OK(jb_query_row(scope, JB_SQL("select coalesce(sum(income), 0) as income from book"), &sum_record, &row));
    return jb_copy(scope, jb_decimal_text(row.income, text));
}

/* Amounts of rows that are described as `round` lose what stands behind the point. */
static void add_rounding(struct jb_scope *scope)
{
    if (test_is_sqlite()) {
        CHECK_OK(jb_exec(scope, JB_SQL("create trigger own_insert after insert on book when new.description = 'round' begin update book set income = income / 100 * 100 where id = new.id; end"), NULL));
        CHECK_OK(jb_exec(scope, JB_SQL("create trigger own_update after update on book when new.description = 'round' and new.income % 100 <> 0 begin update book set income = income / 100 * 100 where id = new.id; end"), NULL));
        return;
    }
    CHECK_OK(jb_exec(scope, JB_SQL("create function own_rounding() returns trigger language plpgsql as $$ begin if new.description = 'round' then new.income = trunc(new.income); end if; return new; end $$"), NULL));
    CHECK_OK(jb_exec(scope, JB_SQL("create trigger own_rounding before insert or update on book for each row execute function own_rounding()"), NULL));
}

JB_FIBER_TEST("new, changed and unchanged rows add up to the change of the table")
{
    site_new(scope);
    struct import_job job = IMPORT(HEAD ROW("E-1", "one", "10.50") ROW("E-2", "two", "20") ROW("E-3", "three", "30"));
    check_counts(&job, 3, 0, 0, 0);
    check_totals(scope, &job, "60.50", "0.00", "60.50", "60.50");
    job = IMPORT(HEAD ROW("E-1", "one", "11") ROW("E-2", "two", "20.00") ROW("E-4", "four", "5") ROW("E-5", "five", "0.25"));
    check_counts(&job, 2, 1, 1, 0);
    check_totals(scope, &job, "36.25", "30.50", "36.25", "5.75");
    CHECK_TEXT(sum_of(scope), "66.25");
    job = IMPORT(HEAD ROW("E-1", "one", "11") ROW("E-2", "two", "20.00"));
    check_counts(&job, 0, 0, 2, 0);
    check_totals(scope, &job, "31.00", "31.00", "31.00", "0.00");
}

JB_FIBER_TEST("rows that are left out do not count, nor does a dry run, nor a file without amounts")
{
    site_new(scope);
    IMPORT(HEAD ROW("E-1", "one", "10"));
    struct import_job job = IMPORT_WITH(HEAD ROW("E-1", "uno", "99") ROW("E-2", "two", "2"), .mode = JB_INSERT, .ignore_existing = true);
    check_totals(scope, &job, "2.00", "0.00", "2.00", "2.00");
    job = IMPORT_WITH(HEAD ROW("E-3", "three", "3") ROW("E-4", "four", "x") ROW("E-3", "again", "4"), .on_error = JB_SKIP);
    check_counts(&job, 1, 0, 0, 2);
    check_totals(scope, &job, "3.00", "0.00", "3.00", "3.00");
    job = IMPORT_WITH(HEAD ROW("E-5", "five", "5"), .dry_run = true);
    CHECK(!job.totals.data || job.totals.size == 0);
    job = IMPORT_WITH("external_ref,memo\nE-1,a memo\n", .mode = JB_UPDATE_ONLY);
    check_counts(&job, 0, 1, 0, 0);
    CHECK(!job.totals.data || job.totals.size == 0);
}

JB_FIBER_TEST("a sum may have more digits than an amount")
{
    enum { ROWS = 10000 };
    struct jb_buf text = JB_BUF_INIT((size_t)64 << 20);

    site_new(scope);
    jb_buf_put_z(&text, HEAD);
    for (int i = 0; i < ROWS; i++)
        jb_buf_printf(&text, "E-%d,2025-01-02,much,income,9999999999999.99,,\n", i);
    struct import_job job = import_bytes(scope, "a.csv", jb_buf_str(&text), (struct jb_import_options){ 0 });
    check_counts(&job, ROWS, 0, 0, 0);
    check_totals(scope, &job, "99999999999999900.00", "0.00", "99999999999999900.00", "99999999999999900.00");
    jb_buf_clear(&text);
    jb_buf_put_z(&text, HEAD);
    for (int i = 0; i < ROWS; i++)
        jb_buf_printf(&text, "E-%d,2025-01-02,less,income,-9999999999999.99,,\n", i);
    job = import_bytes(scope, "a.csv", jb_buf_str(&text), (struct jb_import_options){ .on_error = JB_SKIP });
    check_counts(&job, 0, ROWS, 0, 0);
    check_totals(scope, &job, "-99999999999999900.00", "99999999999999900.00", "-99999999999999900.00", "-199999999999999800.00");
    jb_buf_done(&text);
}

JB_FIBER_TEST("rows whose amounts a trigger of the table's own changes are refused, each with its column, and nothing else is lost")
{
    site_new(scope);
    add_rounding(scope);
    const char *text = HEAD ROW("E-1", "fine", "1.50") ROW("E-2", "round", "2.50") ROW("E-3", "round", "3.00") ROW("E-4", "fine", "4.25");
    struct import_job job = IMPORT(text);
    check_status(&job, "failed");
    CHECK_INT(job.refused, 1);
    CHECK(contains(job.errors, "\"row\":3,\"column\":\"income\",\"heading\":\"income\",\"value\":\"2.50\"") && contains(job.errors, "2.50 in the file, 2.00 in the table"));
    CHECK(!job.totals.data || job.totals.size == 0);
    CHECK_INT(books(scope), 0);
    job = IMPORT_WITH(text, .on_error = JB_SKIP);
    check_status(&job, "done");
    check_counts(&job, 3, 0, 0, 1);
    check_totals(scope, &job, "8.75", "0.00", "8.75", "8.75");
    job = IMPORT_WITH(HEAD ROW("E-1", "fine", "1.75") ROW("E-4", "round", "5.25"), .on_error = JB_SKIP); /* a change, too */
    check_counts(&job, 0, 1, 0, 1);
    check_totals(scope, &job, "1.75", "1.50", "1.75", "0.25");
    CHECK_TEXT(sum_of(scope), "9.00");
}

JB_FIBER_TEST("a table whose triggers or rules add rows of their own takes imports as before, and nothing is said of its sums")
{
    site_new(scope);
    if (test_is_sqlite()) {
        CHECK_OK(jb_exec(scope, JB_SQL("create trigger contra after insert on book when new.external_ref not like '-%' begin insert into book (external_ref, date, description, income) values ('-' || new.external_ref, new.date, 'contra', -new.income); end"), NULL));
    } else {
        CHECK_OK(jb_exec(scope, JB_SQL("create table copies (external_ref text)"), NULL));
        CHECK_OK(jb_exec(scope, JB_SQL("create rule copying as on insert to book do also insert into copies values (new.external_ref)"), NULL));
    }
    struct import_job job = IMPORT(HEAD ROW("E-1", "one", "10") ROW("E-2", "two", "20"));
    check_status(&job, "done");
    check_counts(&job, 2, 0, 0, 0);
    CHECK(!job.totals.data || jb_str_is(job.totals, "[]"));
    CHECK_INT(books(scope), test_is_sqlite() ? 4 : 2);
    job = IMPORT("external_ref,date,description\nE-9,2025-01-02,nine\n"); /* without amounts, too */
    check_counts(&job, 1, 0, 0, 0);
}

JB_FIBER_TEST("of rows that change each other's amounts nothing is claimed")
{
    site_new(scope);
    if (test_is_sqlite()) {
        CHECK_OK(jb_exec(scope, JB_SQL("create trigger newest after insert on book begin update book set income = 0 where id <> new.id; end"), NULL));
    } else {
        CHECK_OK(jb_exec(scope, JB_SQL("create function newest() returns trigger language plpgsql as $$ begin update book set income = 0 where external_ref <> new.external_ref; return new; end $$"), NULL));
        CHECK_OK(jb_exec(scope, JB_SQL("create trigger newest before insert on book for each row execute function newest()"), NULL));
    }
    struct import_job job = IMPORT(HEAD ROW("E-1", "one", "10") ROW("E-2", "two", "20"));
    check_status(&job, "done");
    check_counts(&job, 2, 0, 0, 0);
    CHECK_TEXT(sum_of(scope), "20.00");
    CHECK(!test_is_sqlite() || !contains(job.totals, "file")); /* PostgreSQL tells rows as they were when they were written: docs/imports.md */
}

JB_FIBER_TEST("what was not known before corrected rows came is not known after them")
{
    struct site *site = site_new(scope);
    if (test_is_sqlite())
        CHECK_OK(jb_exec(scope, JB_SQL("create trigger contra after insert on book when new.external_ref not like '-%' begin insert into book (external_ref, date, description, income) values ('-' || new.external_ref, new.date, 'contra', -new.income); end"), NULL));
    else
        CHECK_OK(jb_exec(scope, JB_SQL("create rule copying as on insert to book do also select 1"), NULL));
    close_month(scope, 2025, 6);
    struct import_job job = IMPORT_WITH(HEAD ROW("E-1", "one", "10") "E-2,2025-06-02,two,income,5,,\n", .on_error = JB_SKIP);
    check_counts(&job, 1, 0, 0, 1);
    CHECK_OK(jb_exec(scope, JB_SQL("delete from closed"), NULL));
    if (test_is_sqlite())
        CHECK_OK(jb_exec(scope, JB_SQL("drop trigger contra"), NULL));
    else
        CHECK_OK(jb_exec(scope, JB_SQL("drop rule copying on book"), NULL));
    struct jb_spool *spool = jb_spool_open(scope, JB_STR("fixed.xlsx"));
    CHECK_OK(spool && jb_spool_copy(spool, scope, jb_format(scope, "%s/%.*s", site->media, JB_FMT(job.result)).data));
    CHECK_OK(jb_import_continue(scope, job.id, spool, JB_STR_NULL, false));
    CHECK_OK(jb_import_run(scope, job.id));
    job = job_of(scope, job.id);
    check_counts(&job, 2, 0, 0, 0);
    CHECK(!contains(job.totals, "file"));
}

JB_FIBER_TEST("batches add up, over a lost attempt and over corrected rows")
{
    enum { ROWS = 3000 };
    struct site *site = site_new(scope);
    struct jb_import_options options = { .on_error = JB_SKIP, .batch_rows = 100 };
    int64_t id;

    close_month(scope, 2025, 6); /* i % 12 + 1: every twelfth row */
    CHECK_OK(jb_import_start(scope, &book_model, spool_of(scope, "a.csv", rows_text(scope, 1, ROWS)), &options, false, &id));
    attempt_ends_by(scope, id, "transfer/import/group=unavailable*1@9");
    CHECK_OK(jb_import_task.run(scope, &(int64_t){ id }));
    struct import_job job = job_of(scope, id);
    check_counts(&job, ROWS - ROWS / 12, 0, 0, ROWS / 12);
    /* of 1 … 3,000 without 5, 17, …, 2,993 */
    check_totals(scope, &job, "4126750.00", "0.00", "4126750.00", "4126750.00");
    CHECK_TEXT(sum_of(scope), "4126750.00");
    CHECK_OK(jb_exec(scope, JB_SQL("delete from closed"), NULL));
    struct jb_spool *spool = jb_spool_open(scope, JB_STR("fixed.xlsx"));
    CHECK_OK(spool && jb_spool_copy(spool, scope, jb_format(scope, "%s/%.*s", site->media, JB_FMT(job.result)).data)); /* the month is open now: nothing in it needs to be corrected */
    CHECK_OK(jb_import_continue(scope, id, spool, JB_STR_NULL, false));
    CHECK_OK(jb_import_run(scope, id));
    job = job_of(scope, id);
    check_counts(&job, ROWS, 0, 0, 0);
    check_totals(scope, &job, "4501500.00", "0.00", "4501500.00", "4501500.00");
}

JB_FIBER_TEST("the proof stands where nothing is kept for an undo, and where the sheet brings the ids")
{
    struct site *site = site_new(scope);
    static const struct jb_exchange by_id = { .model = &book_model, .match_on = "id" };
    static const struct jb_exchange *const exchanges[] = { &by_id, NULL };
    struct jb_transfer *plain = jb_transfer_new(scope, &(struct jb_transfer_options){ .exchanges = exchanges, .spool_dir = jb_str_of(site->spool), .media_dir = jb_str_of(site->media), .undo_days = -1 });

    CHECK_OK(plain != NULL);
    jb_transfer_use(scope, plain);
    struct import_job job = IMPORT("id,external_ref,date,description,income\n7,E-7,2025-01-02,seven,7\n,E-0,2025-01-02,none,1\n900,E-900,2025-01-02,many,900\n");
    check_counts(&job, 3, 0, 0, 0);
    check_totals(scope, &job, "908.00", "0.00", "908.00", "908.00");
    job = IMPORT("id,external_ref,date,description,income\n7,E-7,2025-01-02,seven,8\n20,E-20,2025-01-02,new,20\n,E-1,2025-01-02,none,2\n");
    check_counts(&job, 2, 1, 0, 0);
    check_totals(scope, &job, "30.00", "7.00", "30.00", "23.00");
    CHECK_TEXT(sum_of(scope), "931.00");
    jb_transfer_use(scope, site->transfer);
    jb_transfer_free(plain);
}

JB_FIBER_TEST("refused rows in whose way another row stands are counted as conflicts, before and after a preview")
{
    site_new(scope);
    IMPORT(HEAD ROW("E-1", "one", "1"));
    const char *text = HEAD ROW("E-1", "uno", "1") ROW("E-2", "two", "x") ROW("E-3", "three", "3") ROW("E-3", "again", "3") ROW("E-4", "four", "4");
    struct import_job job = IMPORT_WITH(text, .mode = JB_INSERT);
    check_status(&job, "failed");
    CHECK_INT(job.refused, 3);
    CHECK_INT(job.conflicts, 2);
    job = IMPORT_WITH(HEAD ROW("E-1", "uno", "1"), .mode = JB_INSERT, .limit_refused = 1);
    CHECK_INT(job.conflicts, 1);
    job = IMPORT_WITH(text, .mode = JB_INSERT, .on_error = JB_SKIP, .confirm = true);
    check_status(&job, "waiting");
    check_counts(&job, 2, 0, 0, 3);
    CHECK_INT(job.conflicts, 2);
    CHECK_OK(jb_import_confirm(scope, job.id));
    CHECK_OK(jb_import_run(scope, job.id));
    job = job_of(scope, job.id);
    check_status(&job, "done");
    check_counts(&job, 2, 0, 0, 3);
    CHECK_INT(job.conflicts, 2);
}
