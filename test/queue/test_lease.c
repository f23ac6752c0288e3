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
    return (struct jb__claim){ .worker = jb_str_of(worker), .queues = JB_STR("email\ndefault"), .lease_s = 10 };
}

/* One entry; false without a failure when there is none. */
static bool claims(struct jb_scope *scope, struct jb__claim claim, struct jb__claimed *ret_entry)
{
    size_t count = 0;
    CHECK_OK(jb__broker_claim(scope, &claim, 1, ret_entry, &count));
    return count == 1;
}

static bool renews(struct jb_scope *scope, struct jb__claim claim, int64_t id)
{
    struct jb_rows *rows = jb__broker_renew(scope, claim.worker, &id, 1, claim.lease_s);
    CHECK_OK(rows != NULL);
    return rows->count == 1 && ((struct jb__renewed *)jb_rows_at(rows, 0))->id == id;
}

JB_FIBER_TEST("of two that claim the same task one gets it")
{
    struct jb_queue *queue = test_queue(scope);
    struct jb__claim a = claim_as("a"), b = claim_as("b");
    struct jb__claimed entry;
    test_enqueue(scope, &sample_task, (struct sample_task){ .key = JB_STR("x") });

    CHECK(claims(scope, a, &entry));
    CHECK(!claims(scope, b, &entry));
    CHECK_INT(jb_error(scope), JB_OK);
    jb_queue_free(queue);
}

JB_FIBER_TEST("a lease that ran out is taken over, the start is counted, and the first holder finds it lost")
{
    struct jb_queue *queue = test_queue(scope);
    struct jb__claim a = claim_as("a"), b = claim_as("b");
    struct jb__claimed entry;

    jb_clock_hold(jb_now());
    int64_t id = test_enqueue(scope, &sample_task, (struct sample_task){ .key = JB_STR("x") });
    CHECK(claims(scope, a, &entry));
    jb_clock_advance_us(9 * JB_SECOND_US);
    CHECK(renews(scope, a, id));
    jb_clock_advance_us(9 * JB_SECOND_US);
    CHECK(!claims(scope, b, &entry));
    jb_clock_advance_us(2 * JB_SECOND_US);
    CHECK(claims(scope, b, &entry));
    CHECK_INT(entry.starts, 2);
    CHECK(!renews(scope, a, id));
    CHECK_INT(jb_error(scope), JB_OK);
    jb_queue_free(queue);
}

JB_FIBER_TEST("a lease that its worker does not know of, as when the answer to its claim was lost, is not renewed with the others")
{
    struct jb_queue *queue = test_queue(scope);
    struct jb__claim a = claim_as("a"), b = claim_as("b");
    struct jb__claimed known, lost, entry;

    jb_clock_hold(jb_now());
    for (int i = 0; i < 2; i++)
        test_enqueue(scope, &sample_task, (struct sample_task){ .key = JB_STR("x") });
    CHECK(claims(scope, a, &known) && claims(scope, a, &lost));
    jb_clock_advance_us(9 * JB_SECOND_US);
    CHECK(renews(scope, a, known.id));
    jb_clock_advance_us(2 * JB_SECOND_US);
    CHECK(claims(scope, b, &entry));
    CHECK_INT(entry.id, lost.id);
    CHECK(!claims(scope, b, &entry));
    CHECK_OK(jb__broker_release_all(scope, a.worker));
    CHECK(claims(scope, b, &entry));
    CHECK_INT(entry.id, known.id);
    CHECK_INT(entry.starts, 1);
    jb_queue_free(queue);
}

JB_FIBER_TEST("a supervisor that saw a child die frees its tasks at once")
{
    struct jb_queue *queue = test_queue(scope);
    struct jb__claimed entry;
    test_enqueue(scope, &sample_task, (struct sample_task){ .key = JB_STR("x") });

    for (int i = 0; i < 2; i++) {
        struct jb__claim a = { .worker = jb__worker_name(scope, i ? "here" : NULL), .queues = JB_STR("default"), .lease_s = 10 }, b = claim_as("b");
        CHECK(claims(scope, a, &entry));
        CHECK_OK(jb_queue_release_worker(scope, (int)getpid()));
        CHECK(claims(scope, b, &entry));
        CHECK_OK(jb__broker_release(scope, b.worker, &entry.id, 1));
    }
    jb_queue_free(queue);
}

JB_FIBER_TEST("a supervisor that saw a child die frees no task of another machine's process with the same number")
{
    struct jb_queue *queue = test_queue(scope);
    struct jb__claim far = { .worker = jb_format(scope, "elsewhere:%d/abcdefgh", (int)getpid()), .queues = JB_STR("default"), .lease_s = 10 }, b = claim_as("b");
    struct jb__claimed entry;
    test_enqueue(scope, &sample_task, (struct sample_task){ .key = JB_STR("x") });

    CHECK(claims(scope, far, &entry));
    CHECK_OK(jb_queue_release_worker(scope, (int)getpid()));
    CHECK(!claims(scope, b, &entry));
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
    struct queue_history entry = test_entry(scope, id);
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
        struct jb__claimed entry;
        claim.only_id = id;
        CHECK(claims(scope, claim, &entry));
        CHECK_OK(jb_live_exec(scope, JB_SQL("update queue_leases set until = ?", (struct jb_time){ 0 }), NULL));
    }
}

JB_FIBER_TEST("a task whose worker dies each time is failed after as many starts as attempts, and its hook hears why")
{
    struct jb_queue *queue = test_queue(scope);
    int64_t id = test_enqueue(scope, &sample_task, (struct sample_task){ .key = JB_STR("x"), .fail = JB_BROKEN });

    die(scope, id, 3);
    test_drain(scope);
    struct queue_history entry = test_entry(scope, id);
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
    struct jb__claimed entry;

    die(scope, first, 2);
    die(scope, second, 2);
    CHECK(claims(scope, one, &entry));
    CHECK_INT(entry.id, first);
    two.no_suspects = true;
    CHECK(!claims(scope, two, &entry));
    CHECK_INT(jb_error(scope), JB_OK);
    int64_t third = test_enqueue(scope, &sample_task, (struct sample_task){ .key = JB_STR("c") });
    CHECK(claims(scope, two, &entry));
    CHECK_INT(entry.id, third);
    two.no_suspects = false;
    CHECK(claims(scope, two, &entry));
    CHECK_INT(entry.id, second);
    jb_queue_free(queue);
}

/* ---- many at once --------------------------------------------------------------------------------------------------------------- */

static int64_t leases(struct jb_scope *scope)
{
    int64_t count;
    CHECK_OK(jb_live_query_int(scope, JB_SQL("select count(*) from queue_leases"), &count));
    return count;
}

JB_FIBER_TEST("what is claimed together is the most urgent and the oldest that may run, in that order, and no more than was asked for")
{
    struct jb_queue *queue = test_queue(scope);
    static const int priorities[] = { JB_LOW, JB_NORMAL, JB_HIGH, JB_NORMAL, JB_HIGH };
    static const int order[] = { 2, 4, 1, 3, 0 };
    struct jb__claim a = claim_as("a"), b = claim_as("b");
    struct jb__claimed entries[JB__CLAIM_MAX];
    int64_t ids[JB_COUNT(priorities)];
    size_t count;

    for (size_t i = 0; i < JB_COUNT(priorities); i++)
        CHECK_OK(jb_enqueue(scope, i % 2 ? &sample_once : &sample_task, &(struct sample_task){ .key = jb_format(scope, "%zu", i) }, .priority = priorities[i], .ret_id = &ids[i]));
    CHECK_OK(jb_enqueue(scope, &sample_task, &(struct sample_task){ .key = JB_STR("later") }, .priority = JB_HIGH, .delay_s = 60));
    CHECK_STR(jb__broker_queues(scope), JB_STR("default\nemail"));
    CHECK_OK(jb__broker_claim(scope, &a, 3, entries, &count));
    CHECK_INT(count, 3);
    for (size_t i = 0; i < count; i++)
        CHECK_INT(entries[i].id, ids[order[i]]);
    CHECK_OK(jb__broker_claim(scope, &b, JB__CLAIM_MAX, entries, &count));
    CHECK_INT(count, 2);
    for (size_t i = 0; i < count; i++)
        CHECK_INT(entries[i].id, ids[order[i + 3]]);
    CHECK_OK(jb__broker_release(scope, b.worker, (int64_t[]){ entries[0].id, entries[1].id }, 2));
    CHECK_INT(leases(scope), 3);
    b.queues = JB_STR("email");
    CHECK_OK(jb__broker_claim(scope, &b, JB__CLAIM_MAX, entries, &count));
    CHECK_INT(count, 1);
    CHECK_INT(entries[0].id, ids[3]);
    CHECK_INT(entries[0].starts, 1);
    jb_queue_free(queue);
}

JB_FIBER_TEST("what a worker took in advance goes back uncounted when it stops")
{
    struct jb_queue *queue = test_queue(scope);
    int64_t ids[5];

    for (size_t i = 0; i < JB_COUNT(ids); i++)
        ids[i] = test_enqueue(scope, &sample_task, (struct sample_task){ .key = JB_STR("x"), .wait = true });
    struct worker *worker = start_worker(scope, (struct jb_work){ .concurrency = 1, .prefetch = 4 });
    WAIT_FOR(ran_count == 1 && leases(scope) == 4);
    stop_worker(scope, worker);
    CHECK_INT(ran_count, 1);
    CHECK_INT(leases(scope), 0);
    for (size_t i = 0; i < JB_COUNT(ids); i++) {
        CHECK_TEXT(test_entry(scope, ids[i]).status, "queued");
        CHECK_INT(test_entry(scope, ids[i]).attempts, 0);
    }
    jb_queue_free(queue);
}

JB_FIBER_TEST("a task that was taken in advance is cancelled without a run, and the next one starts when the first has ended")
{
    struct jb_queue *queue = test_queue(scope);
    int64_t ids[3];

    for (size_t i = 0; i < JB_COUNT(ids); i++)
        ids[i] = test_enqueue(scope, &sample_task, (struct sample_task){ .key = jb_format(scope, "%zu", i), .wait = true });
    struct worker *worker = start_worker(scope, (struct jb_work){ .concurrency = 1, .prefetch = 3 });
    WAIT_FOR(ran_count == 1 && leases(scope) == 3);
    CHECK_OK(jb_task_cancel(scope, ids[1]));
    CHECK_OK(jb_sleep(scope, JB_SECOND_US)); /* the heartbeat has seen it */
    CHECK_OK(jb_task_cancel(scope, ids[0]));
    WAIT_FOR(ran_count == 2);
    CHECK_TEXT(jb_str_of(ran[1].key), "2");
    WAIT_FOR(jb_str_is(test_entry(scope, ids[1]).status, "cancelled"));
    stop_worker(scope, worker);
    jb_queue_free(queue);
}

JB_FIBER_TEST("of several tasks whose workers died one is kept, the others go back with the deaths that they had")
{
    struct jb_queue *queue = test_queue(scope);
    int64_t starts[2];
    int64_t ids[2];

    for (size_t i = 0; i < JB_COUNT(ids); i++) {
        ids[i] = test_enqueue(scope, &sample_task, (struct sample_task){ .key = JB_STR("x"), .wait = true });
        die(scope, ids[i], 2);
    }
    struct worker *worker = start_worker(scope, (struct jb_work){ .concurrency = 4 });
    WAIT_FOR(ran_count == 1);
    CHECK_OK(jb_sleep(scope, JB_SECOND_US / 2));
    CHECK_INT(ran_count, 1);
    for (size_t i = 0; i < JB_COUNT(ids); i++)
        CHECK_OK(jb_live_query_int(scope, JB_SQL("select starts from queue_leases where id = ?", ids[i]), &starts[i]));
    CHECK_INT(starts[0] + starts[1], 3 + 2);
    stop_worker(scope, worker);
    jb_queue_free(queue);
}

JB_FIBER_TEST("what became of a task is written when the database is back, and the task is not run again")
{
    struct jb_queue *queue = test_queue(scope);
    int64_t id = test_enqueue(scope, &sample_task, (struct sample_task){ .key = JB_STR("x") });

    CHECK_OK(jb_fault_set(scope, JB_STR("queue/ends/write=unavailable*3")));
    test_drain(scope);
    CHECK_TEXT(test_entry(scope, id).status, "done");
    CHECK_INT(ran_count, 1);
    jb_fault_clear();
    jb_queue_free(queue);
}

JB_FIBER_TEST("on PostgreSQL whoever has lost the lease ends nothing")
{
    if (test_is_sqlite())
        return; /* leases stand in another file there: the heartbeat says so */
    struct jb_queue *queue = test_queue(scope);
    struct jb__claim a = claim_as("a"), b = claim_as("b");
    struct jb__claimed entry;
    int64_t ended = -1;

    test_enqueue(scope, &sample_task, (struct sample_task){ .key = JB_STR("x") });
    CHECK(claims(scope, a, &entry));
    CHECK_OK(jb_live_exec(scope, JB_SQL("update queue_leases set until = ?", (struct jb_time){ 0 }), NULL));
    CHECK(claims(scope, b, &entry));
    struct jb__end end = { .id = entry.id, .status = "done", .attempts = 1 };
    CHECK_OK(jb__broker_end(scope, a.worker, (const struct jb__end *const[]){ &end }, 1, &ended));
    CHECK_INT(ended, 0);
    CHECK_TEXT(test_entry(scope, entry.id).status, "queued");
    CHECK_OK(jb__broker_end(scope, b.worker, (const struct jb__end *const[]){ &end }, 1, &ended));
    CHECK_INT(ended, 1);
    CHECK_TEXT(test_entry(scope, entry.id).status, "done");
    CHECK_INT(leases(scope), 0);
    jb_queue_free(queue);
}

/* ---- what has ended ---------------------------------------------------------------------------------------------------------------- */

JB_FIBER_TEST("ended tasks are forgotten after a day, failed ones after thirty, and no number is given twice")
{
    struct jb_queue *queue = test_queue(scope);
    int64_t count;

    jb_clock_hold(jb_now());
    test_enqueue(scope, &sample_task, (struct sample_task){ .key = JB_STR("x"), .fail = JB_INVALID, .fail_times = 1 });
    int64_t done = test_enqueue(scope, &sample_task, (struct sample_task){ .key = JB_STR("x") });
    test_drain(scope);
    jb_clock_advance_us(2 * JB_DAY_US);
    int64_t last = test_enqueue(scope, &sample_task, (struct sample_task){ .key = JB_STR("x") });
    CHECK(last > done);
    test_drain(scope);
    CHECK_OK(jb__broker_forget(scope));
    CHECK_OK(jb_query_int(scope, JB_SQL("select count(*) from queue_history where status = 'done'"), &count));
    CHECK_INT(count, 1);
    CHECK_OK(jb_query_int(scope, JB_SQL("select count(*) from queue_history where status = 'failed'"), &count));
    CHECK_INT(count, 1);
    jb_clock_advance_us(31 * JB_DAY_US);
    CHECK_OK(jb__broker_forget(scope));
    CHECK_OK(jb_query_int(scope, JB_SQL("select count(*) from queue_history"), &count));
    CHECK_INT(count, 1);
    CHECK(test_enqueue(scope, &sample_task, (struct sample_task){ .key = JB_STR("x") }) > last);
    jb_queue_free(queue);
}
