/* test_once.c — a commit that went through although nobody heard of it: it is not done a second time. */
// SPDX-License-Identifier: Apache-2.0
#define JB_TRANSFER_TEST_MODELS
#include "transfer_test.h"

#define ROWS 3000

/* Runs the job as the queue would, attempt after attempt. */
static int attempts(struct jb_scope *scope, int64_t id)
{
    for (int count = 1; count < 6; count++) {
        struct jb_scope *run = jb_scope_child(scope, "attempt");
        bool ok = jb_import_task.run(run, &(int64_t){ id });
        if (!ok)
            CHECK_INT(jb_error(run), JB_UNAVAILABLE);
        jb_scope_end(run);
        if (ok)
            return count;
    }
    CHECK(!"the job ends");
    return 0;
}

/* The answer of the n-th commit is lost, for every n that an import has. */
static void lose_each_answer(struct jb_scope *scope, struct jb_import_options options)
{
    for (int n = 0; n < 12; n++) {
        struct jb_scope *round = jb_scope_child(scope, "round");
        struct site *site = site_new(round);
        int64_t id, marks;
        CHECK_OK(jb_import_start(round, &book_model, spool_of(round, "a.csv", rows_text(round, 1, ROWS)), &options, false, &id));
        CHECK_OK(jb_fault_set(round, jb_format(round, "store/commit/answer=unavailable*1@%d", n)));
        attempts(round, id);
        jb_fault_clear();
        struct import_job job = job_of(round, id);
        check_status(&job, "done");
        check_counts(&job, ROWS, 0, 0, 0);
        CHECK_INT(books(round), ROWS);
        CHECK_OK(jb_query_int(round, JB_SQL("select count(*) from queue_entries where name = 'transfer.mail'"), &marks));
        CHECK(marks <= 1);
        if (!test_is_sqlite()) /* dropping the staging is a commit, too: the sweep does it again */
            CHECK_OK(jb_transfer_sweep(round));
        if (files_in(site->spool) > 0)
            fprintf(stderr, "after the answer of commit %d was lost\n", n);
        CHECK_INT(files_in(site->spool), 0);
        jb_scope_end(round);
    }
}

JB_FIBER_TEST("abort: a lost answer to any commit leaves the file's rows, once, and no file")
{
    lose_each_answer(scope, (struct jb_import_options){ 0 });
}

JB_FIBER_TEST("skip: a lost answer to any commit leaves the file's rows, once, and no file")
{
    lose_each_answer(scope, (struct jb_import_options){ .on_error = JB_SKIP, .batch_rows = 500 });
}

JB_FIBER_TEST("a lost answer to the commit that starts a job is no second job")
{
    struct site *site = site_new(scope);
    struct jb_import_options options = { .once = JB_STR("token") };
    int64_t first, second;

    CHECK_OK(jb_fault_set(scope, JB_STR("store/commit/answer=unavailable*1")));
    CHECK_OK(jb_import_start(scope, &book_model, spool_of(scope, "a.csv", rows_text(scope, 1, 10)), &options, true, &first));
    jb_fault_clear();
    struct jb_scope *again = jb_scope_child(scope, "again");
    CHECK_OK(jb_import_start(again, &book_model, spool_of(again, "a.csv", rows_text(again, 1, 10)), &options, true, &second));
    jb_scope_end(again);
    CHECK_INT(first, second);
    CHECK_OK(jb_queue_work(scope, &(struct jb_work){ .drain = true, .concurrency = 1 }));
    struct import_job job = job_of(scope, first);
    check_status(&job, "done");
    CHECK_INT(books(scope), 10);
    CHECK_OK(jb_transfer_sweep(scope));
    CHECK_INT(files_in(site->spool), 0);
}
