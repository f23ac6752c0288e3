/* test_once.c — a commit that went through although nobody heard of it is not done a second time, nor a form that is sent twice at once. */
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

/* ---- going on with refused rows, two requests at once --------------------------------------------------------------------------- */

struct sender {
    struct jb_scope *scope;
    int64_t job;
    const char *file;
    struct jb_str once;
    bool ok, ended;
};

static void send_rows(void *arg)
{
    struct sender *sender = arg;
    struct jb_spool *spool = jb_spool_open(sender->scope, JB_STR("fixed.xlsx"));

    sender->ok = spool && jb_spool_copy(spool, sender->scope, sender->file) && jb_import_continue(sender->scope, sender->job, spool, sender->once, true);
    sender->ended = true;
}

/* How many of two that come at the same moment are told that the job goes on. */
static int send_twice(struct jb_scope *scope, int64_t job, const char *file, const char *first, const char *second)
{
    struct sender senders[] = { { .job = job, .file = file, .once = jb_str_of(first) }, { .job = job, .file = file, .once = jb_str_of(second) } };
    int good = 0;

    for (size_t i = 0; i < JB_COUNT(senders); i++) {
        senders[i].scope = jb_scope_child(scope, "sender");
        jb_actor_set(senders[i].scope, &(struct jb_user){ .id = 7, .name = JB_STR("kim"), .superuser = true }); /* a form counts for the person who has it */
        jb_fiber_start("sender", send_rows, &senders[i]);
    }
    for (size_t i = 0; i < JB_COUNT(senders); i++) {
        while (!senders[i].ended)
            CHECK_OK(jb_sleep(scope, 1000));
        good += senders[i].ok;
        if (!senders[i].ok)
            CHECK_INT(jb_error(senders[i].scope), JB_CONFLICT);
        jb_failure_clear(senders[i].scope);
        jb_scope_end(senders[i].scope);
    }
    return good;
}

/* Ten rows, of which the sixth's month is closed; it is open when the job goes on, so that the workbook of refused rows is right as it is. */
static int twice_on_one_job(struct jb_scope *scope, const struct site *site, const char *first, const char *second)
{
    CHECK_OK(jb_exec(scope, JB_SQL("delete from book"), NULL));
    close_month(scope, 2025, 6);
    struct import_job job = import_bytes(scope, "a.csv", rows_text(scope, 1, 10), (struct jb_import_options){ 0 });
    check_status(&job, "failed");
    CHECK_OK(jb_exec(scope, JB_SQL("delete from closed"), NULL));
    int good = send_twice(scope, job.id, jb_format(scope, "%s/%.*s", site->media, JB_FMT(job.result)).data, first, second);
    CHECK_OK(jb_import_run(scope, job.id));
    job = job_of(scope, job.id);
    check_status(&job, "done");
    CHECK_INT(books(scope), 10);
    return good;
}

JB_FIBER_TEST("a form with corrected rows that is sent twice at once makes its job go on once, and both are told so; another form is not")
{
    struct site *site = site_new(scope);

    CHECK_INT(twice_on_one_job(scope, site, "a form", "a form"), 2);
    CHECK_INT(twice_on_one_job(scope, site, "a form", "another form"), 1);
}
