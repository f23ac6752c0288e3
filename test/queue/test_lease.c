/* test_lease.c — leases, heartbeats, wishes to cancel, and workers that come and go. */
// SPDX-License-Identifier: Apache-2.0
#define JB_QUEUE_TEST_TASKS
#include "queue_test.h"

struct worker {
    struct jb_scope *scope;
    struct jb_work how;
    bool ended;
};

static void work(void *arg)
{
    struct worker *worker = arg;
    CHECK(jb_queue_work(worker->scope, &worker->how));
    worker->ended = true;
}

static struct worker *start_worker(struct jb_scope *scope, struct jb_work how)
{
    struct worker *worker = JB_NEW(scope, struct worker);
    *worker = (struct worker){ jb_scope_child(scope, "a worker"), how, false };
    jb_fiber_start_big("worker", work, worker);
    return worker;
}

static void stop_worker(struct jb_scope *scope, struct worker *worker)
{
    jb_cancel(worker->scope);
    WAIT_FOR(worker->ended);
    jb_scope_end(worker->scope);
}

static struct jb__claim claim_as(const char *worker)
{
    return (struct jb__claim){ .worker = jb_str_of(worker), .lease_s = 10 };
}

JB_FIBER_TEST("of two that claim the same task one gets it")
{
    struct jb_queue *queue = test_queue(scope);
    struct jb__claim a = claim_as("a"), b = claim_as("b");
    struct queue_entry entry;
    struct queue_lease lease;
    test_enqueue(scope, &sample_task, (struct sample_task){ .key = JB_STR("x") });

    CHECK(jb__broker_claim(scope, &a, &entry, &lease));
    CHECK(!jb__broker_claim(scope, &b, &entry, &lease));
    CHECK_INT(jb_error(scope), JB_OK);
    jb_queue_free(queue);
}

JB_FIBER_TEST("a lease that ran out is taken over, the start is counted, and the first holder finds it lost")
{
    struct jb_queue *queue = test_queue(scope);
    struct jb__claim a = claim_as("a"), b = claim_as("b");
    struct queue_entry entry;
    struct queue_lease lease;
    bool cancel;

    jb_clock_hold(jb_now());
    int64_t id = test_enqueue(scope, &sample_task, (struct sample_task){ .key = JB_STR("x") });
    CHECK(jb__broker_claim(scope, &a, &entry, &lease));
    jb_clock_advance_us(9 * JB_SECOND_US);
    CHECK_OK(jb__broker_renew(scope, a.worker, id, 10, &cancel));
    jb_clock_advance_us(9 * JB_SECOND_US);
    CHECK(!jb__broker_claim(scope, &b, &entry, &lease));
    jb_clock_advance_us(2 * JB_SECOND_US);
    CHECK(jb__broker_claim(scope, &b, &entry, &lease));
    CHECK_INT(lease.starts, 2);
    CHECK(!jb__broker_renew(scope, a.worker, id, 10, &cancel));
    CHECK_INT(jb_error(scope), JB_OK);
    jb_queue_free(queue);
}

JB_FIBER_TEST("a supervisor that saw a child die frees its tasks at once")
{
    struct jb_queue *queue = test_queue(scope);
    struct queue_entry entry;
    struct queue_lease lease;
    test_enqueue(scope, &sample_task, (struct sample_task){ .key = JB_STR("x") });

    for (int i = 0; i < 2; i++) {
        struct jb__claim a = { .worker = jb__worker_name(scope, i ? "here" : NULL), .lease_s = 10 }, b = claim_as("b");
        CHECK(jb__broker_claim(scope, &a, &entry, &lease));
        CHECK_OK(jb_queue_release_worker(scope, lease.pid));
        CHECK(jb__broker_claim(scope, &b, &entry, &lease));
        CHECK_OK(jb__broker_drop(scope, b.worker, entry.id));
    }
    jb_queue_free(queue);
}

JB_FIBER_TEST("a supervisor that saw a child die frees no task of another machine's process with the same number")
{
    struct jb_queue *queue = test_queue(scope);
    struct jb__claim far = { .worker = jb_format(scope, "elsewhere:%d/abcdefgh", (int)getpid()), .lease_s = 10 }, b = claim_as("b");
    struct queue_entry entry;
    struct queue_lease lease;
    test_enqueue(scope, &sample_task, (struct sample_task){ .key = JB_STR("x") });

    CHECK(jb__broker_claim(scope, &far, &entry, &lease));
    CHECK_OK(jb_queue_release_worker(scope, lease.pid));
    CHECK(!jb__broker_claim(scope, &b, &entry, &lease));
    CHECK_INT(jb_error(scope), JB_OK);
    jb_queue_free(queue);
}

JB_FIBER_TEST("a running task is cancelled by a wish, and is not put back")
{
    struct jb_queue *queue = test_queue(scope);
    int64_t id = test_enqueue(scope, &sample_task, (struct sample_task){ .key = JB_STR("x"), .wait = true });
    struct worker *worker = start_worker(scope, (struct jb_work){ .concurrency = 2 });

    WAIT_FOR(ran_count == 1);
    CHECK_OK(jb_task_cancel(scope, id));
    WAIT_FOR(jb_str_is(test_entry(scope, id).status, "cancelled"));
    stop_worker(scope, worker);
    test_drain(scope);
    CHECK_INT(ran_count, 1);
    jb_queue_free(queue);
}

JB_FIBER_TEST("a queued task is cancelled at once, an ended one not at all")
{
    struct jb_queue *queue = test_queue(scope);
    int64_t id = test_enqueue(scope, &sample_task, (struct sample_task){ .key = JB_STR("x") });

    CHECK_OK(jb_task_cancel(scope, id));
    CHECK_TEXT(test_entry(scope, id).status, "cancelled");
    test_drain(scope);
    CHECK_INT(ran_count, 0);
    CHECK_FAILS(jb_task_cancel(scope, id), JB_CONFLICT);
    jb_queue_free(queue);
}

JB_FIBER_TEST("a worker that stops puts its task back without counting the attempt")
{
    struct jb_queue *queue = test_queue(scope);
    int64_t id = test_enqueue(scope, &sample_task, (struct sample_task){ .key = JB_STR("x"), .wait = true });
    struct worker *worker = start_worker(scope, (struct jb_work){ .concurrency = 1 });

    WAIT_FOR(ran_count == 1);
    stop_worker(scope, worker);
    struct queue_entry entry = test_entry(scope, id);
    CHECK_TEXT(entry.status, "queued");
    CHECK_INT(entry.attempts, 0);
    worker = start_worker(scope, (struct jb_work){ .concurrency = 1 });
    WAIT_FOR(ran_count == 2);
    CHECK_INT(ran[1].attempt, 1);
    stop_worker(scope, worker);
    jb_queue_free(queue);
}

JB_FIBER_TEST("workers are counted while they live")
{
    struct jb_queue *queue = test_queue(scope);

    CHECK_INT(jb_workers_alive(scope), 0);
    struct worker *worker = start_worker(scope, (struct jb_work){ .hostname = "here" });
    WAIT_FOR(jb_workers_alive(scope) == 1);
    stop_worker(scope, worker);
    CHECK_INT(jb_workers_alive(scope), 0);
    jb_queue_free(queue);
}

JB_FIBER_TEST("a waiting worker is woken by an enqueue of its own process")
{
    struct jb_queue *queue = test_queue(scope);
    struct worker *worker = start_worker(scope, (struct jb_work){ 0 });

    WAIT_FOR(jb_workers_alive(scope) == 1);
    for (int i = 0; i < 20; i++) {
        test_enqueue(scope, &sample_task, (struct sample_task){ .key = JB_STR("x") });
        WAIT_FOR(ran_count == (size_t)i + 1);
    }
    stop_worker(scope, worker);
    jb_queue_free(queue);
}

JB_FIBER_TEST("an entry can be run by whoever enqueued it, and only once")
{
    struct jb_queue *queue = test_queue(scope);
    int64_t id = test_enqueue(scope, &sample_task, (struct sample_task){ .key = JB_STR("x") });

    CHECK(jb_task_run_here(scope, id));
    CHECK(!jb_task_run_here(scope, id));
    CHECK_INT(ran_count, 1);
    CHECK_TEXT(test_entry(scope, id).status, "done");
    CHECK_INT(jb_workers_alive(scope), 0);
    jb_queue_free(queue);
}

JB_FIBER_TEST("a worker with a limit of tasks returns when it has run them")
{
    struct jb_queue *queue = test_queue(scope);

    for (int i = 0; i < 5; i++)
        test_enqueue(scope, &sample_task, (struct sample_task){ .key = JB_STR("x") });
    CHECK_OK(jb_queue_work(scope, &(struct jb_work){ .tasks_max = 3 }));
    CHECK_INT(ran_count, 3);
    jb_queue_free(queue);
}

/* Starts that no end followed, as of workers that died. */
static void die(struct jb_scope *scope, int64_t id, int times)
{
    for (int i = 0; i < times; i++) {
        struct jb__claim claim = claim_as("dead");
        struct queue_entry entry;
        struct queue_lease lease;
        claim.only_id = id;
        CHECK(jb__broker_claim(scope, &claim, &entry, &lease));
        CHECK_OK(jb_live_exec(scope, JB_SQL("update queue_leases set until = ?", (struct jb_time){ 0 }), NULL));
    }
}

JB_FIBER_TEST("a task whose worker dies each time is failed after as many starts as attempts, and its hook hears why")
{
    struct jb_queue *queue = test_queue(scope);
    int64_t id = test_enqueue(scope, &sample_task, (struct sample_task){ .key = JB_STR("x"), .fail = JB_BROKEN });

    die(scope, id, 3);
    test_drain(scope);
    struct queue_entry entry = test_entry(scope, id);
    CHECK_TEXT(entry.status, "failed");
    CHECK(jb_str_find(entry.error, JB_STR("3"), 0) != SIZE_MAX);
    CHECK_INT(ran_count, 0);
    CHECK_INT(failed_hooks, 1);
    jb_queue_free(queue);
}

JB_FIBER_TEST("a task that got through after deaths is done, and one that was retried in order counts no deaths")
{
    struct jb_queue *queue = test_queue(scope);
    int64_t id = test_enqueue(scope, &sample_task, (struct sample_task){ .key = JB_STR("x") });

    die(scope, id, 2);
    test_drain(scope);
    CHECK_TEXT(test_entry(scope, id).status, "done");
    CHECK_INT(ran_count, 1);
    jb_queue_free(queue);
}

JB_FIBER_TEST("what got further forgets the deaths before")
{
    struct jb_queue *queue = test_queue(scope);
    int64_t id = test_enqueue(scope, &sample_task, (struct sample_task){ .key = JB_STR("x") }), starts;
    struct jb_scope *run = jb_scope_child(scope, "run");

    die(scope, id, 2);
    jb_service_set(run, JB_SERVICE_QUEUE, &(struct jb__queue_slot){ .queue = queue, .task_id = id, .attempt = 1, .starts = 2 });
    jb_task_moved(run);
    jb_scope_end(run);
    CHECK_OK(jb_live_query_int(scope, JB_SQL("select starts from queue_leases where id = ?", id), &starts));
    CHECK_INT(starts, 1);
    die(scope, id, 1); /* without that, the next start would be one too many */
    test_drain(scope);
    CHECK_TEXT(test_entry(scope, id).status, "done");
    jb_queue_free(queue);
}

JB_FIBER_TEST("two tasks whose worker died twice no longer run beside each other; others do")
{
    struct jb_queue *queue = test_queue(scope);
    int64_t first = test_enqueue(scope, &sample_task, (struct sample_task){ .key = JB_STR("a") }), second = test_enqueue(scope, &sample_task, (struct sample_task){ .key = JB_STR("b") });
    struct jb__claim one = claim_as("one"), two = claim_as("two");
    struct queue_entry entry;
    struct queue_lease lease;

    die(scope, first, 2);
    die(scope, second, 2);
    CHECK(jb__broker_claim(scope, &one, &entry, &lease));
    CHECK_INT(entry.id, first);
    two.no_suspects = true;
    CHECK(!jb__broker_claim(scope, &two, &entry, &lease));
    CHECK_INT(jb_error(scope), JB_OK);
    int64_t third = test_enqueue(scope, &sample_task, (struct sample_task){ .key = JB_STR("c") });
    CHECK(jb__broker_claim(scope, &two, &entry, &lease));
    CHECK_INT(entry.id, third);
    two.no_suspects = false;
    CHECK(jb__broker_claim(scope, &two, &entry, &lease));
    CHECK_INT(entry.id, second);
    jb_queue_free(queue);
}
