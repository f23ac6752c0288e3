/* queue_test.h — a database with the queue's tables, and tasks that do what their payload says. */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_QUEUE_TEST_H
#define JB_QUEUE_TEST_H

#include "../store/store_test.h"
#include "queue/queue.h"
#include "queue/queue_private.h"
#include "run/run.h"

/* fail: the kind of error to fail with, fail_times times; wait: until its scope is cancelled. */
struct sample_task {
    struct jb_str key;
    int fail, fail_times;
    bool wait;
};

extern const struct jb_task sample_task, sample_once, sample_hurried, sample_bulk;

/* What ran, in order: keys and attempts. */
struct ran {
    char key[40];
    int attempt;
};
extern struct ran ran[200];
extern size_t ran_count, failed_hooks;

TEST_HELPER struct jb_queue *test_queue(struct jb_scope *scope)
{
    static const struct jb_model *const models[] = { JB_QUEUE_MODELS, NULL };
    static const struct jb_task *const tasks[] = { &sample_task, &sample_once, &sample_hurried, &sample_bulk, NULL };

    test_database(scope, models);
    struct jb_queue *queue = jb_queue_new(scope, tasks);
    CHECK_OK(queue != NULL);
    jb_queue_use(scope, queue);
    return queue;
}

TEST_HELPER void test_drain(struct jb_scope *scope)
{
    CHECK_OK(jb_queue_work(scope, &(struct jb_work){ .drain = true }));
}

TEST_HELPER int64_t test_enqueue(struct jb_scope *scope, const struct jb_task *task, struct sample_task payload)
{
    int64_t id = 0;
    CHECK_OK(jb_enqueue(scope, task, &payload, .ret_id = &id));
    return id;
}

/* Of a task that waits or runs ("queued") or has ended. */
TEST_HELPER struct queue_history test_entry(struct jb_scope *scope, int64_t id)
{
    struct queue_history ended = { 0 };
    struct queue_entry entry;

    if (jb_first(scope, &jb_queue_entry, &entry, .where = JB_SQL("id = ?", id)))
        return (struct queue_history){ .id = id, .status = JB_STR("queued"), .attempts = entry.attempts, .error_kind = entry.error_kind, .error = entry.error };
    CHECK_OK(!jb_failure(scope));
    CHECK_OK(jb_get(scope, &jb_queue_history, id, &ended));
    return ended;
}

/* Waits for a condition that another fiber or process brings about. */
#define WAIT_FOR(condition) \
    while (!(condition))    \
    CHECK_OK(jb_sleep(scope, 2000))

#ifdef JB_QUEUE_TEST_TASKS
struct ran ran[200];
size_t ran_count, failed_hooks;

static bool run_sample(struct jb_scope *scope, const void *arg)
{
    const struct sample_task *task = arg;

    CHECK(ran_count < JB_COUNT(ran));
    snprintf(ran[ran_count].key, sizeof ran[0].key, "%.*s", JB_FMT(task->key));
    ran[ran_count++].attempt = jb_task_attempt(scope);
    if (task->wait)
        return jb_sleep(scope, 100 * JB_SECOND_US);
    return task->fail == 0 || jb_task_attempt(scope) > task->fail_times || jb_fail(scope, (enum jb_error)task->fail, "as asked");
}

static void sample_failed(struct jb_scope *scope, const void *arg, const struct jb_failure *failure)
{
    const struct sample_task *task = arg;
    (void)scope;
    CHECK_INT(failure->error, task->fail);
    failed_hooks++;
}

#define SAMPLE_PAYLOAD JB_RECORD(sample_task, JB_FIELD(sample_task, key), JB_FIELD(sample_task, fail), JB_FIELD(sample_task, fail_times), JB_FIELD(sample_task, wait))
const struct jb_task sample_task = { .name = "sample.task", .payload = SAMPLE_PAYLOAD, .run = run_sample, .failed = sample_failed };
const struct jb_task sample_once = { .name = "sample.once", .payload = SAMPLE_PAYLOAD, .run = run_sample, .unique_by = "key", .queue = "email" };
const struct jb_task sample_hurried = { .name = "sample.hurried", .payload = SAMPLE_PAYLOAD, .run = run_sample, .timeout_s = 1, .attempts_max = 1 };
const struct jb_task sample_bulk = { .name = "sample.bulk", .payload = SAMPLE_PAYLOAD, .run = run_sample, .timeout_s = -1, .bulk = true };
#endif

#endif
