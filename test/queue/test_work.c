/* test_work.c — what workers run, in which order, and what becomes of it. */
// SPDX-License-Identifier: Apache-2.0
#define JB_QUEUE_TEST_TASKS
#include "queue_test.h"

static void hold_clock(struct jb_scope *scope)
{
    struct jb_time now;
    CHECK(jb_time_parse(JB_STR("2026-11-21T09:00"), NULL, &now));
    jb_clock_hold(now);
    (void)scope;
}

JB_FIBER_TEST("an enqueued task is run once and its entry is done")
{
    struct jb_queue *queue = test_queue(scope);
    int64_t id = test_enqueue(scope, &sample_task, (struct sample_task){ .key = JB_STR("한글 \"a\"") });

    test_drain(scope);
    test_drain(scope);
    CHECK_INT(ran_count, 1);
    CHECK_TEXT(JB_STR("한글 \"a\""), ran[0].key);
    struct queue_history entry = test_entry(scope, id);
    CHECK_TEXT(entry.status, "done");
    CHECK_INT(entry.attempts, 1);
    jb_queue_free(queue);
}

JB_FIBER_TEST("an enqueue that is rolled back never runs, one that is committed does")
{
    struct jb_queue *queue = test_queue(scope);
    struct jb_tx *tx = jb_begin(scope);

    test_enqueue(scope, &sample_task, (struct sample_task){ .key = JB_STR("rolled back") });
    jb_rollback(tx);
    tx = jb_begin(scope);
    test_enqueue(scope, &sample_task, (struct sample_task){ .key = JB_STR("committed") });
    CHECK_OK(jb_commit(tx));
    test_drain(scope);
    CHECK_INT(ran_count, 1);
    CHECK_TEXT(JB_STR("committed"), ran[0].key);
    jb_queue_free(queue);
}

JB_FIBER_TEST("the urgent runs before the normal and the low, and the older before the younger")
{
    struct jb_queue *queue = test_queue(scope);
    static const char *const keys[] = { "low", "normal 1", "normal 2", "urgent" };
    static const int priorities[] = { JB_LOW, 0, 0, JB_HIGH };
    static const char *const order[] = { "urgent", "normal 1", "normal 2", "low" };

    for (int i = 0; i < 4; i++)
        CHECK_OK(jb_enqueue(scope, &sample_task, &(struct sample_task){ .key = jb_str_of(keys[i]) }, .priority = priorities[i]));
    CHECK_OK(jb_queue_work(scope, &(struct jb_work){ .drain = true, .concurrency = 1 }));
    CHECK_INT(ran_count, 4);
    for (int i = 0; i < 4; i++)
        CHECK_TEXT(jb_str_of(ran[i].key), order[i]);
    jb_queue_free(queue);
}

JB_FIBER_TEST("a task that loses its service is tried again after 1, 2, 4 s and then failed with its cause")
{
    struct jb_queue *queue = test_queue(scope);
    hold_clock(scope);
    int64_t id = test_enqueue(scope, &sample_task, (struct sample_task){ .key = JB_STR("a"), .fail = JB_UNAVAILABLE, .fail_times = 9 });

    test_drain(scope);
    test_drain(scope);
    CHECK_INT(ran_count, 1);
    CHECK_INT(test_entry(scope, id).attempts, 1);
    jb_clock_advance_us(JB_SECOND_US + JB_SECOND_US / 5);
    test_drain(scope);
    CHECK_INT(ran_count, 2);
    jb_clock_advance_us(JB_SECOND_US + JB_SECOND_US / 5);
    test_drain(scope);
    CHECK_INT(ran_count, 2);
    jb_clock_advance_us(JB_SECOND_US + JB_SECOND_US / 5);
    test_drain(scope);
    CHECK_INT(ran_count, 3);
    struct queue_history entry = test_entry(scope, id);
    CHECK_TEXT(entry.status, "failed");
    CHECK_TEXT(entry.error_kind, "unavailable");
    CHECK_TEXT(entry.error, "as asked");
    CHECK_INT(failed_hooks, 1);

    CHECK_OK(jb_task_retry(scope, id));
    test_drain(scope);
    CHECK_INT(ran_count, 4);
    CHECK_FAILS(jb_task_retry(scope, id), JB_CONFLICT);
    jb_queue_free(queue);
}

JB_FIBER_TEST("bad input, denial, absence and conflict fail at once, for they would fail again")
{
    struct jb_queue *queue = test_queue(scope);
    static const enum jb_error errors[] = { JB_INVALID, JB_DENIED, JB_NOT_FOUND, JB_CONFLICT };

    for (size_t i = 0; i < JB_COUNT(errors); i++) {
        int64_t id = test_enqueue(scope, &sample_task, (struct sample_task){ .key = JB_STR("a"), .fail = (int)errors[i], .fail_times = 1 });
        test_drain(scope);
        CHECK_TEXT(test_entry(scope, id).status, "failed");
        CHECK_INT(ran_count, i + 1);
    }
    CHECK_INT(failed_hooks, 4);
    jb_queue_free(queue);
}

JB_FIBER_TEST("a second attempt knows that it is the second")
{
    struct jb_queue *queue = test_queue(scope);
    hold_clock(scope);
    int64_t id = test_enqueue(scope, &sample_task, (struct sample_task){ .key = JB_STR("a"), .fail = JB_BROKEN, .fail_times = 1 });

    test_drain(scope);
    jb_clock_advance_us(2 * JB_SECOND_US);
    test_drain(scope);
    CHECK_INT(ran_count, 2);
    CHECK_INT(ran[0].attempt, 1);
    CHECK_INT(ran[1].attempt, 2);
    CHECK_TEXT(test_entry(scope, id).status, "done");
    CHECK_INT(jb_task_id(scope), 0);
    jb_queue_free(queue);
}

JB_FIBER_TEST("a unique task is queued once while it waits, and again after it has run")
{
    struct jb_queue *queue = test_queue(scope);
    int64_t first = test_enqueue(scope, &sample_once, (struct sample_task){ .key = JB_STR("a") });

    CHECK_INT(test_enqueue(scope, &sample_once, (struct sample_task){ .key = JB_STR("a") }), first);
    CHECK(test_enqueue(scope, &sample_once, (struct sample_task){ .key = JB_STR("b") }) != first);
    test_drain(scope);
    CHECK_INT(ran_count, 2);
    CHECK(test_enqueue(scope, &sample_once, (struct sample_task){ .key = JB_STR("a") }) != first);
    test_drain(scope);
    CHECK_INT(ran_count, 3);
    jb_queue_free(queue);
}

JB_FIBER_TEST("on PostgreSQL a unique task is queued anew when the one before ends in the very moment")
{
    if (test_is_sqlite())
        return; /* its transaction is alone */
    struct jb_queue *queue = test_queue(scope);
    int64_t first = test_enqueue(scope, &sample_once, (struct sample_task){ .key = JB_STR("a") });

    CHECK_INT(first, 1);
    CHECK_OK(jb_exec(scope, JB_SQL("create function end_first() returns trigger language plpgsql as 'begin"
                                   " delete from queue_entries where id = 1; return null; end'"),
        NULL));
    CHECK_OK(jb_exec(scope, JB_SQL("create trigger end_first after insert on queue_entries execute function end_first()"), NULL));
    int64_t second = test_enqueue(scope, &sample_once, (struct sample_task){ .key = JB_STR("a") });
    CHECK(second > first);
    CHECK_TEXT(test_entry(scope, second).status, "queued");
    jb_queue_free(queue);
}

JB_FIBER_TEST("a worker takes the queues it was given and no others")
{
    struct jb_queue *queue = test_queue(scope);

    test_enqueue(scope, &sample_once, (struct sample_task){ .key = JB_STR("email") });
    test_enqueue(scope, &sample_task, (struct sample_task){ .key = JB_STR("default") });
    CHECK_OK(jb_queue_work(scope, &(struct jb_work){ .drain = true, .queues = "email, media" }));
    CHECK_INT(ran_count, 1);
    CHECK_TEXT(jb_str_of(ran[0].key), "email");
    test_drain(scope);
    CHECK_INT(ran_count, 2);
    jb_queue_free(queue);
}

JB_FIBER_TEST("a delayed task waits for its time")
{
    struct jb_queue *queue = test_queue(scope);
    hold_clock(scope);
    CHECK_OK(jb_enqueue(scope, &sample_task, &(struct sample_task){ .key = JB_STR("later") }, .delay_s = 60));

    test_drain(scope);
    CHECK_INT(ran_count, 0);
    jb_clock_advance_us(61 * JB_SECOND_US);
    test_drain(scope);
    CHECK_INT(ran_count, 1);
    jb_queue_free(queue);
}

JB_FIBER_TEST("a task of a name that nobody knows fails with a sentence")
{
    struct jb_queue *queue = test_queue(scope);
    int64_t id = test_enqueue(scope, &sample_task, (struct sample_task){ .key = JB_STR("a") });

    CHECK_OK(jb_exec(scope, JB_SQL("update queue_entries set name = 'gone.task' where id = ?", id), NULL));
    test_drain(scope);
    CHECK_INT(ran_count, 0);
    struct queue_history entry = test_entry(scope, id);
    CHECK_TEXT(entry.status, "failed");
    CHECK(jb_str_find(entry.error, JB_STR("gone.task"), 0) != SIZE_MAX);
    jb_queue_free(queue);
}

JB_TEST("two tasks of one name are refused")
{
    static const struct jb_task *const tasks[] = { &sample_task, &sample_task, NULL };
    CHECK_FAILS(jb_queue_new(scope, tasks), JB_INVALID);
}

JB_FIBER_TEST("a task that runs over its time is stopped")
{
    struct jb_queue *queue = test_queue(scope);
    int64_t id = test_enqueue(scope, &sample_hurried, (struct sample_task){ .key = JB_STR("a"), .wait = true });

    test_drain(scope);
    struct queue_history entry = test_entry(scope, id);
    CHECK_TEXT(entry.status, "failed");
    CHECK_TEXT(entry.error_kind, "timeout");
    jb_queue_free(queue);
}

/* ---- long tasks beside short ones ----------------------------------------------------------------------------------------- */

struct beside {
    struct jb_scope *scope;
    int concurrency;
    bool ended;
};

static void work_beside(void *arg)
{
    struct beside *beside = arg;
    struct jb_scope *scope = beside->scope;
    CHECK_OK(jb_queue_work(scope, &(struct jb_work){ .drain = true, .concurrency = beside->concurrency }));
    beside->ended = true;
}

static size_t ran_of(const char *key)
{
    size_t count = 0;
    for (size_t i = 0; i < ran_count; i++)
        count += strcmp(ran[i].key, key) == 0;
    return count;
}

/* Long tasks come first and stay; so many of them may run, and short ones pass by. */
static void check_lane(struct jb_scope *scope, int concurrency, size_t long_ones)
{
    struct jb_queue *queue = test_queue(scope);
    struct beside beside = { jb_scope_child(scope, "beside"), concurrency, false };
    int64_t ids[6];

    ran_count = 0;
    for (size_t i = 0; i < JB_COUNT(ids); i++)
        ids[i] = test_enqueue(scope, &sample_bulk, (struct sample_task){ .key = JB_STR("long"), .wait = true });
    jb_fiber_start("worker", work_beside, &beside);
    WAIT_FOR(ran_of("long") == long_ones);
    for (size_t i = 0; i < 5; i++)
        CHECK_OK(jb_enqueue(scope, &sample_task, &(struct sample_task){ .key = JB_STR("short") }, .priority = JB_LOW));
    WAIT_FOR(ran_of("short") == 5);
    CHECK_INT(ran_of("long"), long_ones);
    for (size_t i = 0; i < JB_COUNT(ids); i++)
        CHECK_OK(jb_task_cancel(scope, ids[i]));
    WAIT_FOR(beside.ended);
    jb_scope_end(beside.scope);
    jb_queue_free(queue);
}

JB_FIBER_TEST("long tasks take at most half of a worker's fibers, and short ones pass them")
{
    check_lane(scope, 4, 2);
}

JB_FIBER_TEST("a worker of one fiber runs short tasks beside a long one")
{
    check_lane(scope, 1, 1);
}
