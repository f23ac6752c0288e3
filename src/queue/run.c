/* run.c — one run of one task: its scope, its payload, and what becomes of the entry afterwards.
 *
 * `true` is done. On `false` the kind of the error decides (architecture §4): bad input, refusal, absence and conflict would fail again in the same way, so the entry is
 * failed at once; limits, time-outs, lost services and our own mistakes are tried again with a growing pause. A cancellation that nobody wished for (the worker
 * is stopping) puts it back and does not count. A run that a crash cut off never comes here: its lease counted the start. */
// SPDX-License-Identifier: Apache-2.0
#include "queue/queue_private.h"
#include "base/json.h"
#include "base/log.h"
#include "base/random.h"
#include <stdio.h>

#define TIMEOUT_S 1800
#define ATTEMPTS_MAX 3
#define BACKOFF_S_MAX 3600

enum outcome {
    DONE,
    FAILED,
    CANCELLED,
    AGAIN,
    PUT_BACK,
};

static bool worth_another(enum jb_error error)
{
    return error == JB_LIMIT || error == JB_TIMEOUT || error == JB_UNAVAILABLE || error == JB_BROKEN || error == JB_CANCELLED;
}

static enum outcome outcome_of(const struct jb__task_run *run, bool ok, enum jb_error error, int attempts_max)
{
    if (ok)
        return DONE;
    if (error == JB_CANCELLED)
        return run->wished ? CANCELLED : PUT_BACK;
    if (!worth_another(error) || run->entry.attempts + 1 >= attempts_max || run->starts > attempts_max)
        return FAILED;
    return AGAIN;
}

/* backoff_s · 2^(n-1), at most an hour, and up to a tenth more so that many do not come back together. */
static struct jb_time next_run(const struct jb_task *task, int attempt)
{
    int64_t pause_s = task->backoff_s ? task->backoff_s : 1;

    for (int i = 1; i < attempt && pause_s < BACKOFF_S_MAX; i++)
        pause_s *= 2;
    int64_t pause_us = JB_MIN(pause_s, BACKOFF_S_MAX) * JB_SECOND_US;
    return (struct jb_time){ jb_now().us + pause_us + (int64_t)(jb_random_u64() % (uint64_t)(pause_us / 10)) };
}

static void log_outcome(const struct jb__task_run *run, enum outcome outcome, const struct jb_failure *failure, struct jb_scope *scope, int64_t us)
{
    static const char *const word[] = { "done", "failed", "cancelled", "to be tried again", "put back" };

    if (outcome == DONE) {
        jb_log(JB_LOG_INFO, "queue", "%.*s done in %.3f s", JB_FMT(run->entry.name), (double)us / 1e6);
        return;
    }
    struct jb_str text = jb_failure_text(scope);
    jb_log(jb_log_level_of(failure ? failure->error : JB_OK), "queue", "%.*s %s (attempt %d, %s): %.*s", JB_FMT(run->entry.name), word[outcome], run->entry.attempts + 1,
        failure ? jb_error_name(failure->error) : "ok", JB_FMT(text));
}

static void write_outcome(struct jb_scope *scope, const struct jb__task_run *run, enum outcome outcome, const struct jb_failure *failure)
{
    int64_t id = run->entry.id;
    int attempts = run->entry.attempts + 1;
    bool ok = true;

    switch (outcome) {
    case DONE: ok = jb__broker_end(scope, id, JB_STR("done"), attempts, NULL); break;
    case FAILED: ok = jb__broker_end(scope, id, JB_STR("failed"), attempts, failure); break;
    case CANCELLED: ok = jb__broker_end(scope, id, JB_STR("cancelled"), attempts, failure); break;
    case AGAIN: ok = jb__broker_again(scope, id, attempts, next_run(run->task, attempts), failure); break;
    case PUT_BACK: break; /* as it was */
    }
    if (!ok) {
        struct jb_str text = jb_failure_text(scope);
        jb_log(JB_LOG_WARNING, "queue", "cannot write what became of it, it will be run again: %.*s", JB_FMT(text));
        jb_failure_clear(scope);
    }
}

static bool payload_read(struct jb_scope *scope, const struct jb__task_run *run, void **ret_payload)
{
    struct jb_json *json = jb_json_parse(scope, run->entry.payload);
    void *payload = jb_alloc(scope, run->task->payload.size);

    if (!json || !jb_json_read(scope, json, &run->task->payload, payload))
        return jb_wrap(scope, "reading the payload of task %lld", (long long)run->entry.id);
    *ret_payload = payload;
    return true;
}

static bool run_task(struct jb_scope *scope, struct jb__task_run *run, int attempts_max, void **ret_payload)
{
    if (!run->task)
        return jb_fail(scope, JB_INVALID, JB_L(scope, "작업 ‘%.*s’을(를) 아는 프로그램이 아닙니다.", "This program knows no task \"%.*s\"."), JB_FMT(run->entry.name));
    if (!payload_read(scope, run, ret_payload))
        return false;
    if (run->starts > attempts_max)
        return jb_fail(scope, JB_BROKEN, JB_L(scope, "이것을 하던 작업자가 %d번 죽어 그만두었습니다. 작업자의 로그와 메모리를 보고, 고친 뒤 다시 시도하세요.", "Its worker died %d times; it is not tried again. Look at the worker's log and memory, and retry when the cause is mended."), run->starts - 1);
    if (run->task->timeout_s >= 0)
        jb_deadline_set(scope, jb_monotonic_us() + (run->task->timeout_s ? run->task->timeout_s : TIMEOUT_S) * JB_SECOND_US);
    return !JB_FAULT("queue/work/claimed", scope) && jb_continue(scope) && run->task->run(scope, *ret_payload);
}

static void call_failed(struct jb_scope *steady, const struct jb__task_run *run, const void *payload, const struct jb_failure *failure)
{
    if (!run->task || !run->task->failed || !payload)
        return;
    struct jb_scope *scope = jb_scope_child(steady, "task failed");
    run->task->failed(scope, payload, failure);
    if (jb_failure(scope)) {
        struct jb_str text = jb_failure_text(scope);
        jb_log(JB_LOG_ERROR, "queue", "%s: its failure hook failed: %.*s", run->task->name, JB_FMT(text));
    }
    jb_scope_end(scope);
}

void jb__task_run(struct jb_scope *worker_scope, struct jb_scope *steady, struct jb_str worker, struct jb__task_run *run)
{
    struct jb_scope *scope = jb_scope_child(worker_scope, "task"), *after = jb_scope_child(steady, "task end");
    struct jb__queue_slot *slot = JB_NEW(scope, struct jb__queue_slot);
    int attempts_max = run->task && run->task->attempts_max ? run->task->attempts_max : ATTEMPTS_MAX;
    void *payload = NULL;
    char tag[80];

    snprintf(tag, sizeof tag, "task %lld", (long long)run->entry.id);
    jb_log_tag_set(tag);
    *slot = (struct jb__queue_slot){ .queue = jb__queue_of(worker_scope), .task_id = run->entry.id, .attempt = run->entry.attempts + 1, .starts = run->starts };
    jb_service_set(scope, JB_SERVICE_QUEUE, slot);
    run->scope = scope;

    int64_t started_us = jb_monotonic_us();
    bool ok = run_task(scope, run, attempts_max, &payload);
    run->scope = NULL; /* the heartbeat cancels it no more */
    const struct jb_failure *failure = ok ? NULL : jb_failure(scope);
    enum outcome outcome = outcome_of(run, ok, jb_error(scope), attempts_max);
    log_outcome(run, outcome, failure, scope, jb_monotonic_us() - started_us);
    if (!run->lost) {
        if (outcome == FAILED)
            call_failed(steady, run, payload, failure);
        write_outcome(after, run, outcome, failure);
        if (!jb__broker_drop(after, worker, run->entry.id))
            jb_failure_clear(after); /* it runs out by itself */
    }
    jb_log_tag_set(NULL);
    jb_scope_end(after);
    jb_scope_end(scope);
}

void jb_task_moved(struct jb_scope *scope)
{
    struct jb__queue_slot *slot = jb__queue_slot_of(scope);

    if (!slot || slot->starts <= 1)
        return;
    struct jb_scope *note = jb_scope_detached(scope, "moved");
    if (jb_live_exec(note, JB_SQL("update queue_leases set starts = 1 where id = ?", slot->task_id), NULL))
        slot->starts = 1;
    jb_scope_end(note);
}
