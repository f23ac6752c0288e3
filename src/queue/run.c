/* run.c — one run of one task: its scope, its payload, and what is to become of the entry.
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
#define JITTER_FROM_S 10

static bool worth_another(enum jb_error error)
{
    return error == JB_LIMIT || error == JB_TIMEOUT || error == JB_UNAVAILABLE || error == JB_BROKEN || error == JB_CANCELLED;
}

static enum jb__outcome outcome_of(const struct jb__task_run *run, bool ok, enum jb_error error, int attempts_max)
{
    if (ok)
        return JB__DONE;
    if (error == JB_CANCELLED)
        return run->wished ? JB__CANCELLED : JB__PUT_BACK;
    if (!worth_another(error) || run->entry.attempts + 1 >= attempts_max || run->entry.starts > attempts_max)
        return JB__FAILED;
    return JB__AGAIN;
}

/* backoff_s · 2^(n-1), at most an hour; of more than ten seconds up to a tenth more, so that many do not come back together. */
static struct jb_time next_run(const struct jb_task *task, int attempt)
{
    int64_t pause_s = task->backoff_s ? task->backoff_s : 1;

    for (int i = 1; i < attempt && pause_s < BACKOFF_S_MAX; i++)
        pause_s *= 2;
    int64_t pause_us = JB_MIN(pause_s, BACKOFF_S_MAX) * JB_SECOND_US;
    int64_t more_us = pause_s > JITTER_FROM_S ? (int64_t)(jb_random_u64() % (uint64_t)(pause_us / 10)) : 0;
    return (struct jb_time){ jb_now().us + pause_us + more_us };
}

static void log_outcome(const struct jb__task_run *run, enum jb__outcome outcome, const struct jb_failure *failure, struct jb_scope *scope, int64_t us)
{
    static const char *const word[] = { "done", "failed", "cancelled", "to be tried again", "put back" };

    if (outcome == JB__DONE) {
        jb_log(JB_LOG_INFO, "queue", "%.*s done in %.3f s", JB_FMT(run->entry.name), (double)us / 1e6);
        return;
    }
    struct jb_str text = jb_failure_text(scope);
    jb_log(jb_log_level_of(failure ? failure->error : JB_OK), "queue", "%.*s %s (attempt %d, %s): %.*s", JB_FMT(run->entry.name), word[outcome], run->entry.attempts + 1,
        failure ? jb_error_name(failure->error) : "ok", JB_FMT(text));
}

static struct jb_str failure_sentence(struct jb_scope *scope, const struct jb_failure *failure)
{
    struct jb_str text = JB_STR_NULL;

    for (; failure; failure = failure->cause)
        text = text.data ? jb_format(scope, "%.*s: %.*s", JB_FMT(text), JB_FMT(failure->message)) : jb_copy(scope, failure->message);
    return text;
}

/* In the batch's memory, which outlives the task's. */
static void note_outcome(struct jb__task_run *run, enum jb__outcome outcome, const struct jb_failure *failure, struct jb_time started_at)
{
    static const char *const status[] = { "done", "failed", "cancelled", "", "" };

    run->outcome = outcome;
    run->end = (struct jb__end){
        .id = run->entry.id,
        .status = status[outcome],
        .attempts = run->entry.attempts + 1,
        .error_kind = failure ? jb_str_of(jb_error_name(failure->error)) : JB_STR_NULL,
        .error = failure_sentence(run->batch->scope, failure),
        .started_at = started_at,
    };
    if (outcome == JB__AGAIN)
        run->run_at = next_run(run->task, run->end.attempts);
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
    if (run->entry.starts > attempts_max)
        return jb_fail(scope, JB_BROKEN, JB_L(scope, "이것을 하던 작업자가 %d번 죽어 그만두었습니다. 작업자의 로그와 메모리를 보고, 고친 뒤 다시 시도하세요.", "Its worker died %d times; it is not tried again. Look at the worker's log and memory, and retry when the cause is mended."), run->entry.starts - 1);
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

void jb__task_run(struct jb__task_run *run)
{
    struct jb_scope *scope = jb_scope_child(run->work->scope, "task");
    struct jb__queue_slot *slot = JB_NEW(scope, struct jb__queue_slot);
    int attempts_max = run->task && run->task->attempts_max ? run->task->attempts_max : ATTEMPTS_MAX;
    struct jb_time started_at = jb_now();
    void *payload = NULL;
    char tag[80];

    snprintf(tag, sizeof tag, "task %lld", (long long)run->entry.id);
    jb_log_tag_set(tag);
    jb_db_reads(scope, JB_READS_PRIMARY); /* it is about what somebody has just written */
    *slot = (struct jb__queue_slot){ .queue = run->work->queue, .task_id = run->entry.id, .attempt = run->entry.attempts + 1, .starts = run->entry.starts };
    jb_service_set(scope, JB_SERVICE_QUEUE, slot);
    run->scope = scope;
    if (run->wished)
        jb_cancel(scope);

    int64_t started_us = jb_monotonic_us();
    bool ok = run_task(scope, run, attempts_max, &payload);
    run->scope = NULL; /* the heartbeat cancels it no more */
    const struct jb_failure *failure = ok ? NULL : jb_failure(scope);
    enum jb__outcome outcome = outcome_of(run, ok, jb_error(scope), attempts_max);
    log_outcome(run, outcome, failure, scope, jb_monotonic_us() - started_us);
    if (outcome == JB__FAILED && !run->lost)
        call_failed(run->work->steady, run, payload, failure);
    note_outcome(run, outcome, failure, started_at);
    jb_log_tag_set(NULL);
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
