/* test_resume.c — a skip import that was cut off and goes on: what its batches decided stands, whatever changed meanwhile, and nothing that belongs to it is lost. */
// SPDX-License-Identifier: Apache-2.0
#define JB_TRANSFER_TEST_MODELS
#include "transfer_test.h"

#define ROWS 300 /* three batches */

/* A-2 is refused, the first hundred good rows are of January, the others of February, and the last one repeats the key of A-2. */
static struct jb_str mixed_rows(struct jb_scope *scope, const char *second)
{
    struct jb_buf buf = JB_BUF_INIT((size_t)1 << 20);

    jb_buf_printf(&buf, HEAD "%s\n", second);
    for (int i = 3; i <= ROWS; i++)
        jb_buf_printf(&buf, "A-%d,2025-%s-01,a,,1,,\n", i, i <= 102 ? "01" : "02");
    jb_buf_put_z(&buf, "A-2,2025-02-01,again,,2,,\n");
    struct jb_str text = jb_copy(scope, jb_buf_str(&buf));
    jb_buf_done(&buf);
    return text;
}

static int64_t cut_off(struct jb_scope *scope, struct jb_str text, struct jb_import_options options)
{
    int64_t id;

    options.on_error = JB_SKIP;
    options.batch_rows = 100;
    CHECK_OK(jb_import_start(scope, &book_model, spool_of(scope, "a.csv", text), &options, false, &id));
    attempt_ends_by(scope, id, "transfer/import/group=unavailable*1@1");
    return id;
}

static struct import_job run_again(struct jb_scope *scope, int64_t id)
{
    CHECK_OK(jb_import_task.run(scope, &(int64_t){ id }));
    return job_of(scope, id);
}

static void check_adds_up(const struct import_job *job)
{
    CHECK_INT(job->new_rows + job->changed + job->unchanged + job->skipped + job->refused, job->rows);
}

JB_FIBER_TEST("a row that a batch refused stays refused, although what it lacked is there now")
{
    for (int mode = 0; mode < 2; mode++) {
        struct jb_scope *round = jb_scope_child(scope, "round");
        site_new(round);
        int64_t id = cut_off(round, mixed_rows(round, "A-2,2025-01-01,a,,1,,P-404"), (struct jb_import_options){ .mode = mode ? JB_INSERT : JB_UPSERT });
        add_project(round, "P-404");
        struct import_job job = run_again(round, id);
        check_status(&job, "done");
        check_counts(&job, ROWS - 1, 0, 0, 1);
        CHECK_INT(job.rows, ROWS);
        check_adds_up(&job);
        CHECK(contains(job.errors, "There is no such Sample project."));
        CHECK_INT(book_of(round, "A-2").income.units, 200);
        jb_scope_end(round);
    }
}

JB_FIBER_TEST("a row that is in is not refused when its month is closed meanwhile")
{
    for (int mode = 0; mode < 2; mode++) {
        struct jb_scope *round = jb_scope_child(scope, "round");
        site_new(round);
        int64_t id = cut_off(round, mixed_rows(round, "A-2,bad,a,,1,,"), (struct jb_import_options){ .mode = mode ? JB_INSERT : JB_UPSERT });
        close_month(round, 2025, 1);
        struct import_job job = run_again(round, id);
        check_status(&job, "done");
        check_counts(&job, ROWS - 1, 0, 0, 1);
        check_adds_up(&job);
        CHECK_INT(job.errors_total, 1);
        jb_scope_end(round);
    }
}

JB_FIBER_TEST("a key that a row in the table has is found by a later one, over the crash")
{
    site_new(scope);
    struct jb_str text = jb_format(scope, "%.*sA-3,2025-02-01,twice,,3,,\n", JB_FMT(mixed_rows(scope, "A-2,bad,a,,1,,")));
    int64_t id = cut_off(scope, text, (struct jb_import_options){ 0 });
    struct import_job job = run_again(scope, id);

    check_status(&job, "done");
    check_counts(&job, ROWS - 1, 0, 0, 2);
    CHECK_INT(job.conflicts, 1);
    check_adds_up(&job);
    CHECK_INT(book_of(scope, "A-3").income.units, 100);
}

JB_FIBER_TEST("an import that is cancelled before it goes on keeps rows that were refused for their own cells")
{
    struct site *site = site_new(scope);
    int64_t id = cut_off(scope, mixed_rows(scope, "A-2,bad,a,,1,,"), (struct jb_import_options){ 0 });

    CHECK_OK(jb_job_cancel(scope, id));
    struct import_job job = run_again(scope, id);
    check_status(&job, "cancelled");
    check_counts(&job, 100, 0, 0, 1);
    CHECK(contains(job.reason, "Retry it to see the refused rows."));
    CHECK_INT(files_in(site->spool), 1);
    CHECK_OK(jb_job_retry(scope, id));
    job = run_again(scope, id);
    check_status(&job, "done");
    check_counts(&job, ROWS - 1, 0, 0, 1);
    CHECK(contains(job.errors, "bad"));
    CHECK_INT(files_in(site->spool), 0);
}

JB_FIBER_TEST("when what was refused cannot be read back now, another attempt goes on")
{
    site_new(scope);
    int64_t id = cut_off(scope, mixed_rows(scope, "A-2,bad,a,,1,,"), (struct jb_import_options){ 0 });

    attempt_ends_by(scope, id, "transfer/import/restore=unavailable*1");
    CHECK(jb_str_is(job_of(scope, id).status, "queued"));
    struct import_job job = run_again(scope, id);
    check_status(&job, "done");
    check_counts(&job, ROWS - 1, 0, 0, 1);
}

/* ---- with corrected rows ---------------------------------------------------------------------------------------------------------- */

/* All rows but `bad` of 300 refused ones are corrected; the last is missing in the file. */
static struct jb_str corrections(struct jb_scope *scope, const struct import_job *job, int bad)
{
    struct jb_buf buf = JB_BUF_INIT((size_t)1 << 20);

    jb_buf_printf(&buf, "external_ref,date,description,행 row (job %lld-%.6s)\n", (long long)job->id, job->file_hash.data);
    for (int i = 2; i <= ROWS; i++)
        jb_buf_printf(&buf, "B-%d,%s,b,%d\n", i, i == bad ? "still bad" : "2025-03-01", i);
    struct jb_str text = jb_copy(scope, jb_buf_str(&buf));
    jb_buf_done(&buf);
    return text;
}

static struct import_job all_refused(struct jb_scope *scope)
{
    struct jb_buf buf = JB_BUF_INIT((size_t)1 << 20);

    jb_buf_put_z(&buf, "external_ref,date,description\n");
    for (int i = 2; i <= ROWS + 1; i++)
        jb_buf_printf(&buf, "B-%d,bad,b\n", i);
    struct import_job job = import_bytes(scope, "a.csv", jb_buf_str(&buf), (struct jb_import_options){ .on_error = JB_SKIP, .batch_rows = 100 });
    jb_buf_done(&buf);
    check_counts(&job, 0, 0, 0, ROWS);
    return job;
}

JB_FIBER_TEST("one that went on with corrected rows and is cancelled after a crash keeps both files, and goes on when it is retried")
{
    struct site *site = site_new(scope);
    struct import_job job = all_refused(scope);
    struct jb_str result = job.result;
    int64_t id = job.id;

    CHECK_OK(jb_import_continue(scope, id, spool_of(scope, "fixed.csv", corrections(scope, &job, 250)), JB_STR_NULL, false));
    attempt_ends_by(scope, id, "transfer/import/group=unavailable*1@1");
    CHECK_OK(jb_job_cancel(scope, id));
    job = run_again(scope, id);
    check_status(&job, "cancelled");
    CHECK_STR(job.result, result);
    CHECK_INT(files_in(site->spool), 1);
    CHECK_INT(files_in(site->media), 1);
    CHECK_OK(jb_job_retry(scope, id));
    job = run_again(scope, id);
    check_status(&job, "done");
    check_counts(&job, ROWS - 2, 0, 0, 2);
    check_adds_up(&job);
    CHECK_INT(files_in(site->spool), 0);
    CHECK_INT(files_in(site->media), 1);
}

JB_FIBER_TEST("rows that nobody corrected are counted as the conflicts that they were")
{
    site_new(scope);
    struct import_job job = IMPORT("external_ref,date,description\nA,2025-01-01,a\nB,bad,b\nA,2025-01-02,c\n", .on_error = JB_SKIP);
    check_counts(&job, 1, 0, 0, 2);
    CHECK_INT(job.conflicts, 1);
    CHECK_OK(jb_import_continue(scope, job.id, spool_of(scope, "fixed.csv", jb_format(scope, "external_ref,date,description,행 row (job %lld-%.6s)\nB,2025-01-01,b,3\n", (long long)job.id, job.file_hash.data)), JB_STR_NULL, false));
    CHECK_OK(jb_import_run(scope, job.id));
    job = job_of(scope, job.id);
    check_counts(&job, 2, 0, 0, 1);
    CHECK_INT(job.conflicts, 1);
}

JB_FIBER_TEST("a lost answer to the commit that makes a job go on leaves the corrected file to the job")
{
    for (int i = 0; i < 2; i++) {
        struct jb_scope *round = jb_scope_child(scope, "round");
        site_new(round);
        struct import_job job = all_refused(round);
        struct jb_scope *request = jb_scope_child(round, "request");
        CHECK_OK(jb_fault_set(round, JB_STR("store/commit/answer=unavailable*1")));
        CHECK_OK(jb_import_continue(request, job.id, spool_of(request, "fixed.csv", corrections(round, &job, 0)), i ? JB_STR("token") : JB_STR_NULL, false));
        jb_fault_clear();
        jb_scope_end(request);
        CHECK_OK(jb_import_run(round, job.id));
        job = job_of(round, job.id);
        check_status(&job, "done");
        check_counts(&job, ROWS - 1, 0, 0, 1);
        jb_scope_end(round);
    }
}
