/* test_sift.c — rows that only the table refuses: triggers, rules and indexes of its own, of which no model knows. */
// SPDX-License-Identifier: Apache-2.0
#define JB_TRANSFER_TEST_MODELS
#include "transfer_test.h"

/* ---- rules of the table's own ----------------------------------------------------------------------------------------------- */

/* Whoever adds a row that is described as `bad` hears so; `gone` is left out without a word. */
static void add_triggers(struct jb_scope *scope)
{
    if (test_is_sqlite()) {
        CHECK_OK(jb_exec(scope, JB_SQL("create trigger own_insert before insert on book begin select raise(abort, 'nobody writes that here') where new.description = 'bad'; select raise(ignore) where new.description = 'gone'; end"), NULL));
        CHECK_OK(jb_exec(scope, JB_SQL("create trigger own_update before update on book begin select raise(abort, 'nobody writes that here') where new.description = 'bad'; select raise(ignore) where new.description = 'gone'; end"), NULL));
        return;
    }
    CHECK_OK(jb_exec(scope, JB_SQL("create function own_rule() returns trigger language plpgsql as $$ begin if new.description = 'bad' then raise exception 'nobody writes that here'; end if;"
                                   " if new.description = 'gone' then return null; end if; return new; end $$"),
        NULL));
    CHECK_OK(jb_exec(scope, JB_SQL("create trigger own_rule before insert or update on book for each row execute function own_rule()"), NULL));
}

/* Rows 2 … count + 1 of the sheet, E-000001 … ; those of `bad` have that description. */
static struct jb_str rows_with(struct jb_scope *scope, int count, const int *bad, int bad_count, const char *description)
{
    struct jb_buf buf = JB_BUF_INIT((size_t)64 << 20);

    jb_buf_put_z(&buf, HEAD);
    for (int i = 1; i <= count; i++) {
        bool is_bad = false;
        for (int j = 0; j < bad_count; j++)
            is_bad |= bad[j] == i;
        jb_buf_printf(&buf, "E-%06d,2025-01-02,%s,income,%d,,\n", i, is_bad ? description : "fine", i);
    }
    struct jb_str text = jb_copy(scope, jb_buf_str(&buf));
    jb_buf_done(&buf);
    return text;
}

#define ROWS 12000
static const int bad[] = { 1, 4999, 5000, 8123, 12000 };

static struct import_job import_bad(struct jb_scope *scope, const char *description, struct jb_import_options options)
{
    return import_bytes(scope, "a.csv", rows_with(scope, ROWS, bad, JB_COUNT(bad), description), options);
}

static void check_named(const struct import_job *job)
{
    CHECK_INT(job->errors_total, (int64_t)JB_COUNT(bad));
    CHECK(contains(job->errors, "\"row\":2,") && contains(job->errors, "\"row\":5000,") && contains(job->errors, "\"row\":5001,") && contains(job->errors, "\"row\":8124,") && contains(job->errors, "\"row\":12001,"));
    CHECK(job->result.size > 0);
}

/* ---- all or nothing ----------------------------------------------------------------------------------------------------------- */

JB_FIBER_TEST("abort: every row that a trigger refuses is named at once, and nothing is in")
{
    struct site *site = site_new(scope);
    add_triggers(scope);
    struct import_job job = import_bad(scope, "bad", (struct jb_import_options){ 0 });
    check_status(&job, "failed");
    CHECK_INT(job.refused, (int64_t)JB_COUNT(bad));
    check_named(&job);
    CHECK(contains(job.errors, "nobody writes that here"));
    CHECK_INT(books(scope), 0);
    CHECK_INT(files_in(site->spool), 1); /* the upload, for the corrected rows */
}

JB_FIBER_TEST("an empty table without references, which takes all at once, refuses what its triggers leave out")
{
    site_new(scope);
    if (test_is_sqlite()) {
        CHECK_OK(jb_exec(scope, JB_SQL("create trigger own before insert on sample_measure begin select raise(ignore) where new.count = 13; end"), NULL));
    } else {
        CHECK_OK(jb_exec(scope, JB_SQL("create function own() returns trigger language plpgsql as $$ begin if new.count = 13 then return null; end if; return new; end $$"), NULL));
        CHECK_OK(jb_exec(scope, JB_SQL("create trigger own before insert on sample_measure for each row execute function own()"), NULL));
    }
    for (int i = 0; i < 2; i++) {
        struct jb_import_options options = { .on_error = i ? JB_SKIP : JB_ABORT };
        int64_t id;
        CHECK_OK(jb_import_start(scope, &sample_measure, spool_of(scope, "m.csv", JB_STR("count,weight\n1,1\n13,0\n3,2\n")), &options, false, &id));
        CHECK_OK(jb_import_run(scope, id));
        struct import_job job = job_of(scope, id);
        check_status(&job, i ? "done" : "failed");
        CHECK_INT(job.refused, 1);
        CHECK(contains(job.errors, "\"row\":3,") && contains(job.errors, "left this row out"));
        CHECK_INT(jb_count(scope, &sample_measure, .limit = 0), 2 * i);
    }
}

JB_FIBER_TEST("a failing batch is halved, never taken row by row")
{
    site_new(scope);
    add_triggers(scope);
    /* five of 12,000, in parts of 5,000: some thirteen halvings each, two parts a halving at most */
    CHECK_OK(jb_fault_set(scope, JB_STR("transfer/import/part=unavailable@130")));
    struct import_job job = import_bad(scope, "bad", (struct jb_import_options){ 0 });
    jb_fault_clear();
    check_status(&job, "failed");
    CHECK_INT(job.refused, (int64_t)JB_COUNT(bad));
}

JB_FIBER_TEST("rows that a trigger swallows without a word are refused")
{
    site_new(scope);
    add_triggers(scope);
    struct import_job job = import_bad(scope, "gone", (struct jb_import_options){ 0 });
    check_status(&job, "failed");
    check_named(&job);
    CHECK(contains(job.errors, "without a word"));
    CHECK_INT(books(scope), 0);
}

JB_FIBER_TEST("a row that a trigger keeps from being changed is refused, and stays as it was")
{
    site_new(scope);
    struct import_job job = IMPORT(HEAD "E-1,2025-01-02,one,income,1,,\nE-2,2025-01-02,two,income,2,,\n");
    check_counts(&job, 2, 0, 0, 0);
    add_triggers(scope);
    job = IMPORT(HEAD "E-1,2025-01-02,uno,income,1,,\nE-2,2025-01-02,bad,income,2,,\nE-3,2025-01-02,three,income,3,,\n");
    check_status(&job, "failed");
    CHECK_INT(job.refused, 1);
    CHECK_TEXT(book_of(scope, "E-1").description, "one");
    job = IMPORT_WITH(HEAD "E-1,2025-01-02,uno,income,1,,\nE-2,2025-01-02,bad,income,2,,\nE-3,2025-01-02,three,income,3,,\n", .on_error = JB_SKIP);
    check_status(&job, "done");
    check_counts(&job, 1, 1, 0, 1);
    CHECK_TEXT(book_of(scope, "E-1").description, "uno");
    CHECK_TEXT(book_of(scope, "E-2").description, "two");
}

JB_FIBER_TEST("a unique index that no model knows refuses the second of two rows, with its column")
{
    site_new(scope);
    CHECK_OK(jb_exec(scope, JB_SQL("create unique index own_index on book (description)"), NULL));
    struct import_job job = IMPORT(HEAD "E-1,2025-01-02,one,income,1,,\nE-2,2025-01-02,two,income,2,,\nE-3,2025-01-02,one,income,3,,\n");
    check_status(&job, "failed");
    CHECK_INT(job.refused, 1);
    CHECK(contains(job.errors, "\"row\":4,\"column\":\"description\",\"heading\":\"description\",\"value\":\"one\""));
    CHECK_INT(books(scope), 0);
}

JB_FIBER_TEST("on PostgreSQL a CHECK of the table's own names its column, and one that is put off to the commit its row")
{
    if (test_is_sqlite())
        return; /* it adds no constraint to a table; test/cli/test_tables.py has one that came with it */
    site_new(scope);
    CHECK_OK(jb_exec(scope, JB_SQL("alter table book add constraint own_check check (income < 100)"), NULL));
    struct import_job job = IMPORT(HEAD "E-1,2025-01-02,one,income,1,,\nE-2,2025-01-02,two,income,200,,\n");
    check_status(&job, "failed");
    CHECK(contains(job.errors, "\"row\":3,\"column\":\"income\",\"heading\":\"income\",\"value\":\"200.00\"") && contains(job.errors, "own_check"));
    CHECK_OK(jb_exec(scope, JB_SQL("alter table book drop constraint own_check"), NULL));
    add_triggers(scope);
    CHECK_OK(jb_exec(scope, JB_SQL("drop trigger own_rule on book"), NULL));
    CHECK_OK(jb_exec(scope, JB_SQL("create constraint trigger own_late after insert on book deferrable initially deferred for each row execute function own_rule()"), NULL));
    job = IMPORT_WITH(HEAD "E-1,2025-01-02,one,income,1,,\nE-2,2025-01-02,bad,income,2,,\n", .on_error = JB_SKIP);
    check_status(&job, "done");
    check_counts(&job, 1, 0, 0, 1);
    CHECK(contains(job.errors, "\"row\":3,"));
}

/* ---- batch by batch --------------------------------------------------------------------------------------------------------------- */

JB_FIBER_TEST("skip: the rows that the table refuses are left out, the others are in")
{
    struct site *site = site_new(scope);
    add_triggers(scope);
    struct import_job job = import_bad(scope, "bad", (struct jb_import_options){ .on_error = JB_SKIP });
    check_status(&job, "done");
    check_counts(&job, ROWS - (int64_t)JB_COUNT(bad), 0, 0, JB_COUNT(bad));
    check_named(&job);
    CHECK_INT(books(scope), ROWS - (int64_t)JB_COUNT(bad));
    CHECK_INT(files_in(site->spool), 0);
}

JB_FIBER_TEST("skip: an attempt that dies in the middle of a failing batch is resumed, and each refused row is told once")
{
    site_new(scope);
    add_triggers(scope);
    int64_t id;
    struct jb_import_options options = { .on_error = JB_SKIP };
    CHECK_OK(jb_import_start(scope, &book_model, spool_of(scope, "a.csv", rows_with(scope, ROWS, bad, JB_COUNT(bad), "bad")), &options, false, &id));
    attempt_ends_by(scope, id, "transfer/import/part=unavailable*1@20");
    CHECK_OK(jb_import_task.run(scope, &(int64_t){ id }));
    struct import_job job = job_of(scope, id);
    check_status(&job, "done");
    check_counts(&job, ROWS - (int64_t)JB_COUNT(bad), 0, 0, JB_COUNT(bad));
    check_named(&job);
}

JB_FIBER_TEST("a table that refuses every row says so of each, or gives up at the limit")
{
    int all[300];
    for (int i = 0; i < (int)JB_COUNT(all); i++)
        all[i] = i + 1;
    site_new(scope);
    add_triggers(scope);
    struct jb_str text = rows_with(scope, JB_COUNT(all), all, JB_COUNT(all), "bad");
    struct import_job job = import_bytes(scope, "a.csv", text, (struct jb_import_options){ 0 });
    check_status(&job, "failed");
    CHECK_INT(job.refused, JB_COUNT(all));
    CHECK_INT(job.errors_total, JB_COUNT(all));
    for (int skip = 0; skip < 2; skip++) {
        job = import_bytes(scope, "a.csv", text, (struct jb_import_options){ .limit_refused = 7, .on_error = skip ? JB_SKIP : JB_ABORT });
        check_status(&job, "failed");
        CHECK_INT(job.refused, 7);
        CHECK(contains(job.reason, "Gave up after 7 refused rows."));
    }
    CHECK_INT(books(scope), 0);
}
