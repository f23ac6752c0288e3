/* test_kill.c — kill -9 at any instant: after a restart the table holds exactly the file's rows, none twice, and no spool file is left.
 *
 * Each round is a site of its own. A worker process, slowed by fault points, is killed at a random moment of the import; another process then sweeps and works as a restarted
 * server would. The seed is printed; JB_SEED repeats a run. JB_CAMPAIGN=1 (script/test full) makes it twenty rounds a mode on larger files. */
// SPDX-License-Identifier: Apache-2.0
#define JB_TRANSFER_TEST_MODELS
#include "transfer_test.h"
#include "base/log.h"
#include "base/random.h"
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

struct plan {
    const char *folder, *faults;
    struct jb_import_options options;
    int rows;
};

static bool is_campaign(void)
{
    return getenv("JB_CAMPAIGN") != NULL;
}

static uint64_t seed(void)
{
    const char *text = getenv("JB_SEED");
    uint64_t value = text ? strtoull(text, NULL, 10) : jb_random_u64() % 1000000;
    fprintf(stderr, "# seed %llu (JB_SEED repeats it)\n", (unsigned long long)value);
    return value;
}

/* ---- what a process of the site does ------------------------------------------------------------------------------------------ */

static void set_up(void *arg)
{
    struct plan *plan = arg;
    struct jb_scope *scope = jb_scope_new("set up");
    int64_t id;

    site_open(scope, plan->folder);
    CHECK_OK(jb_import_start(scope, &book_model, spool_of(scope, "a.csv", rows_text(scope, 1, plan->rows)), &plan->options, true, &id));
    CHECK_INT(id, 1);
    jb_scope_end(scope);
}

/* The supervisor frees what a dead worker held. */
static void free_leases(struct jb_scope *scope)
{
    CHECK_OK(jb_live_exec(scope, JB_SQL("update queue_leases set until = ?", (struct jb_time){ 0 }), NULL));
}

static void work(void *arg)
{
    struct plan *plan = arg;
    struct jb_scope *scope = jb_scope_new("worker");

    site_open(scope, plan->folder);
    free_leases(scope);
    if (plan->faults)
        CHECK_OK(jb_fault_set(scope, jb_str_of(plan->faults)));
    CHECK_OK(jb_queue_work(scope, &(struct jb_work){ .drain = true, .concurrency = 1 }));
    jb_scope_end(scope);
}

/* A restart: everything left over is swept, a worker goes on. */
static void restart(void *arg)
{
    struct plan *plan = arg;
    struct jb_scope *scope = jb_scope_new("restart");
    struct site *site = site_open(scope, plan->folder);

    free_leases(scope);
    CHECK_OK(jb_transfer_sweep(scope));
    CHECK_OK(jb_queue_work(scope, &(struct jb_work){ .drain = true, .concurrency = 1 }));
    CHECK_OK(jb_transfer_sweep(scope));
    struct import_job job = job_of(scope, 1);
    check_status(&job, "done");
    check_counts(&job, plan->rows, 0, 0, 0);
    CHECK_INT(books(scope), plan->rows);
    int64_t distinct;
    struct jb_decimal sum;
    CHECK_OK(jb_query_int(scope, JB_SQL("select count(distinct external_ref) from book"), &distinct));
    CHECK_OK(jb_sum_rows(scope, &book_model, &(struct jb_select){ 0 }, "income", &sum));
    CHECK_INT(distinct, plan->rows);
    CHECK_INT(sum.units, (int64_t)plan->rows * (plan->rows + 1) / 2 * 100);
    CHECK_INT(files_in(site->spool), 0);
    jb_scope_end(scope);
}

/* ---- processes -------------------------------------------------------------------------------------------------------------------- */

static pid_t start(void (*main)(void *arg), struct plan *plan)
{
    fflush(NULL);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        jb_log_open(&(struct jb_log_options){ .level = JB_LOG_ERROR });
        jb_loop_run(main, plan);
        _exit(0);
    }
    return pid;
}

static int wait_end(pid_t pid)
{
    int status;
    CHECK(waitpid(pid, &status, 0) == pid);
    return status;
}

static void run_ok(void (*main)(void *arg), struct plan *plan)
{
    int status = wait_end(start(main, plan));
    CHECK(WIFEXITED(status));
    CHECK_INT(WEXITSTATUS(status), 0);
}

/* What the main file says of the job, read by a plain connection. */
static void read_status(void *arg)
{
    struct plan *plan = arg;
    struct jb_scope *scope = jb_scope_new("status");

    site_open(scope, plan->folder);
    struct import_job job = job_of(scope, 1);
    bool inside = jb_str_is(job.status, "running");
    jb_scope_end(scope);
    _exit(inside ? 10 : 11);
}

static bool was_inside(struct plan *plan)
{
    int status = wait_end(start(read_status, plan));
    CHECK(WIFEXITED(status) && (WEXITSTATUS(status) == 10 || WEXITSTATUS(status) == 11));
    return WEXITSTATUS(status) == 10;
}

/* ---- rounds -------------------------------------------------------------------------------------------------------------------------- */

static int64_t time_of_run(struct jb_scope *scope, struct plan plan)
{
    plan.folder = test_folder(scope);
    run_ok(set_up, &plan);
    int64_t began_us = jb_monotonic_us();
    run_ok(work, &plan);
    return jb_monotonic_us() - began_us;
}

static void kill_after(struct plan *plan, int64_t us)
{
    pid_t worker = start(work, plan);
    struct timespec pause = { us / 1000000, us % 1000000 * 1000 };

    nanosleep(&pause, NULL); /* the random moment is the test */
    kill(worker, SIGKILL);
    wait_end(worker);
}

static void rounds(struct jb_scope *scope, struct plan plan)
{
    struct jb_rng rng = { seed() };
    int count = is_campaign() ? 20 : 4, inside = 0, missed = 0;
    int64_t run_us = time_of_run(scope, plan);

    while (inside < count && missed < 10 * count) {
        struct jb_scope *round = jb_scope_child(scope, "round");
        plan.folder = test_folder(round);
        run_ok(set_up, &plan);
        /* the first tenth opens files, the last one sends the mail */
        kill_after(&plan, run_us / 10 + (int64_t)jb_rng_below(&rng, (uint64_t)(run_us * 7 / 10)));
        bool hit = was_inside(&plan);
        run_ok(restart, &plan);
        inside += hit;
        missed += !hit;
        if (!hit) /* the machine is busier or idler than when it was timed */
            run_us = time_of_run(round, plan);
        jb_scope_end(round);
    }
    fprintf(stderr, "# %d kills inside the import of %.1f s, %d beside it\n", inside, (double)run_us / 1e6, missed);
    CHECK_INT(inside, count);
}

JB_TEST("a worker killed at random moments of an abort import: exactly the file's rows, none twice, no spool file")
{
    rounds(scope, (struct plan){ .rows = is_campaign() ? 60000 : 10000, .faults = "transfer/import/batch=sleep:20,transfer/import/merge_chunk=sleep:100" });
}

JB_TEST("a worker killed at random moments of a skip import: exactly the file's rows, none twice, no spool file")
{
    rounds(scope, (struct plan){
                      .rows = is_campaign() ? 60000 : 10000,
                      .options = { .on_error = JB_SKIP, .batch_rows = 500 },
                      .faults = "transfer/import/batch=sleep:10,transfer/import/group=sleep:40,transfer/import/merge_chunk=sleep:20",
                  });
}

JB_TEST("a worker that dies at each named place leaves nothing behind and nothing double")
{
    static const struct {
        const char *fault;
        enum jb_on_error on_error;
    } places[] = {
        { "transfer/import/batch=crash", JB_ABORT },
        { "transfer/import/batch=crash@3", JB_ABORT },
        { "transfer/import/merge_chunk=crash", JB_ABORT },
        { "transfer/import/merged=crash", JB_ABORT },
        { "transfer/import/batch=crash@2", JB_SKIP },
        { "transfer/import/group=crash", JB_SKIP },
        { "transfer/import/group=crash@2", JB_SKIP },
        { "transfer/import/merge_chunk=crash@1", JB_SKIP },
        { "transfer/import/merged=crash", JB_SKIP },
    };

    for (size_t i = 0; i < JB_COUNT(places); i++) {
        struct jb_scope *round = jb_scope_child(scope, "round");
        struct plan plan = { .folder = test_folder(round), .faults = places[i].fault, .rows = 4000, .options = { .on_error = places[i].on_error } };
        run_ok(set_up, &plan);
        int status = wait_end(start(work, &plan));
        if (!WIFSIGNALED(status))
            fprintf(stderr, "%s did not happen\n", places[i].fault);
        CHECK(WIFSIGNALED(status));
        run_ok(restart, &plan);
        jb_scope_end(round);
    }
}

/* Ten rows that exist already, in a skip import with insert only: refused by the comparison, not by their cells. */
static void set_up_conflicts(void *arg)
{
    struct plan *plan = arg;
    struct jb_scope *scope = jb_scope_new("set up");
    int64_t id;

    site_open(scope, plan->folder);
    import_bytes(scope, "ten.csv", rows_text(scope, 5, 10), (struct jb_import_options){ 0 });
    CHECK_OK(jb_import_start(scope, &book_model, spool_of(scope, "a.csv", rows_text(scope, 1, plan->rows)), &plan->options, true, &id));
    CHECK_INT(id, 2);
    jb_scope_end(scope);
}

static void check_conflicts(void *arg)
{
    struct plan *plan = arg;
    struct jb_scope *scope = jb_scope_new("restart");

    site_open(scope, plan->folder);
    free_leases(scope);
    CHECK_OK(jb_queue_work(scope, &(struct jb_work){ .drain = true }));
    struct import_job job = job_of(scope, 2);
    check_status(&job, "done");
    check_counts(&job, plan->rows - 10, 0, 0, 10);
    CHECK_INT(job.errors_total, 10);
    CHECK(contains(job.errors, "E-000005") && contains(job.errors, "E-000014"));
    jb_scope_end(scope);
}

JB_TEST("what a committed batch refused is still listed when a later one died")
{
    struct plan plan = { .folder = test_folder(scope), .faults = "transfer/import/group=crash@2", .rows = 4000, .options = { .mode = JB_INSERT, .on_error = JB_SKIP, .batch_rows = 500 } };

    run_ok(set_up_conflicts, &plan);
    int status = wait_end(start(work, &plan));
    CHECK(WIFSIGNALED(status));
    run_ok(check_conflicts, &plan);
}

static void check_poison(void *arg)
{
    struct plan *plan = arg;
    struct jb_scope *scope = jb_scope_new("restart");
    struct site *site = site_open(scope, plan->folder);

    free_leases(scope);
    CHECK_OK(jb_queue_work(scope, &(struct jb_work){ .drain = true }));
    struct import_job job = job_of(scope, 1);
    check_status(&job, "failed");
    CHECK(contains(job.reason, "died 5 times"));
    CHECK_INT(books(scope), 0);
    CHECK_INT(files_in(site->spool), 1); /* the upload alone: it may be tried again */
    CHECK_OK(jb_job_retry(scope, 1));
    CHECK_OK(jb_queue_work(scope, &(struct jb_work){ .drain = true }));
    job = job_of(scope, 1);
    check_status(&job, "done");
    CHECK_INT(books(scope), plan->rows);
    CHECK_INT(files_in(site->spool), 0);
    jb_scope_end(scope);
}

JB_TEST("a file whose worker dies each time is given up after as many deaths as attempts, with the reason, and can be retried")
{
    struct plan plan = { .folder = test_folder(scope), .faults = "transfer/import/batch=crash", .rows = 2000 };

    run_ok(set_up, &plan);
    for (int i = 0; i < 5; i++)
        CHECK(WIFSIGNALED(wait_end(start(work, &plan))));
    run_ok(check_poison, &plan);
}

/* Some groups are in, and nobody goes on. */
static void check_stays(struct plan *plan, const char *status, bool cancel)
{
    struct jb_scope *scope = jb_scope_new("restart");
    int64_t logged;

    site_open(scope, plan->folder);
    free_leases(scope);
    if (cancel)
        CHECK_OK(jb_job_cancel(scope, 1));
    CHECK_OK(jb_queue_work(scope, &(struct jb_work){ .drain = true }));
    struct import_job job = job_of(scope, 1);
    check_status(&job, status);
    CHECK(books(scope) > 0 && books(scope) < plan->rows);
    CHECK_INT(job.new_rows, books(scope));
    CHECK(contains(job.reason, "rows already applied stay"));
    CHECK_OK(jb_query_int(scope, JB_SQL("select count(*) from admin_log where job_id = 1 and added = ?", job.new_rows), &logged));
    CHECK_INT(logged, 1);
    jb_scope_end(scope);
}

static void check_cancelled(void *arg)
{
    check_stays(arg, "cancelled", true);
}

static void check_given_up(void *arg)
{
    check_stays(arg, "failed", false);
}

JB_TEST("what a dead worker had committed is told when its job is cancelled before it goes on, or given up")
{
    static const struct {
        const char *faults;
        int deaths;
        void (*check)(void *arg);
    } ends[] = { { "transfer/import/batch=crash", 0, check_cancelled }, { "transfer/import/batch=crash", 4, check_given_up } };

    for (size_t i = 0; i < JB_COUNT(ends); i++) {
        struct plan plan = { .folder = test_folder(scope), .faults = "transfer/import/group=crash@2", .rows = 8000, .options = { .on_error = JB_SKIP, .batch_rows = 500 } };
        run_ok(set_up, &plan);
        CHECK(WIFSIGNALED(wait_end(start(work, &plan))));
        plan.faults = ends[i].faults;
        for (int death = 0; death < ends[i].deaths; death++)
            CHECK(WIFSIGNALED(wait_end(start(work, &plan))));
        run_ok(ends[i].check, &plan);
    }
}

JB_TEST("a worker that dies a dozen times in a row comes through in the end")
{
    struct plan plan = { .folder = test_folder(scope), .faults = "transfer/import/group=crash@1", .rows = 14000, .options = { .on_error = JB_SKIP, .batch_rows = 500 } };

    run_ok(set_up, &plan);
    for (int i = 0; i < 12; i++) {
        int status = wait_end(start(work, &plan));
        CHECK(WIFSIGNALED(status));
        plan.faults = i % 2 ? "transfer/import/group=crash@1" : "transfer/import/batch=crash@1";
    }
    run_ok(restart, &plan);
}
