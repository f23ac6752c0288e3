/* ends.c — what became of tasks, written many at a time.
 *
 * The fiber whose task has returned writes it; what others bring meanwhile goes with its next statement, so that a busy worker writes hundreds at once and an idle one nobody waits. While the database is away it tries again: the leases are
 * renewed, or somebody else takes the entries over and runs them once more. */
// SPDX-License-Identifier: Apache-2.0
#include "queue/queue_private.h"
#include "base/log.h"

#define PATIENCE_US (60 * JB_SECOND_US)
#define PATIENCE_STOPPING_US (5 * JB_SECOND_US)
#define PAUSE_US (200 * 1000)

void jb__run_free(struct jb__task_run *run)
{
    struct jb__batch *batch = run->batch;

    jb_list_remove(&run->link);
    if (--batch->left == 0)
        jb_scope_end(batch->scope); /* and all that is in it */
}

static bool is_end(const struct jb__task_run *run)
{
    return run->outcome == JB__DONE || run->outcome == JB__FAILED || run->outcome == JB__CANCELLED;
}

/* One that goes on in the queue. */
static bool put_back(struct jb_scope *scope, const struct jb__task_run *run)
{
    struct jb_str worker = run->work->claim.worker;
    return run->outcome == JB__AGAIN ? jb__broker_again(scope, worker, &run->end, run->run_at) : jb__broker_release(scope, worker, &run->entry.id, 1);
}

static bool may_pass(struct jb_scope *scope, int64_t began_us)
{
    enum jb_error error = jb_error(scope);
    int64_t patience_us = jb_stopping() ? PATIENCE_STOPPING_US : PATIENCE_US;
    return (error == JB_UNAVAILABLE || error == JB_TIMEOUT) && jb_monotonic_us() - began_us < patience_us;
}

static void log_lost(struct jb_scope *scope)
{
    struct jb_str text = jb_failure_text(scope);
    jb_log(JB_LOG_WARNING, "queue", "cannot write what became of it, it will be run again: %.*s", JB_FMT(text));
}

/* Ends (`run` NULL) or the one run, for as long as the database may come back. */
static bool write_patiently(struct jb__work *work, const struct jb__end *const *ends, size_t count, const struct jb__task_run *run)
{
    int64_t began_us = jb_monotonic_us();
    bool ok, again;

    do {
        struct jb_scope *scope = jb_scope_child(work->steady, "task end");
        ok = !JB_FAULT("queue/ends/write", scope) && (run ? put_back(scope, run) : jb__broker_end(scope, work->claim.worker, ends, count, NULL));
        again = !ok && may_pass(scope, began_us);
        if (!ok && !again && (run || count == 1))
            log_lost(scope);
        jb_scope_end(scope);
        if (again)
            (void)jb_sleep(NULL, PAUSE_US);
    } while (again);
    return ok;
}

/* What cannot be written together is written one by one. */
static void write_ends(struct jb__work *work, const struct jb__end *const *ends, size_t count)
{
    if (count == 0 || write_patiently(work, ends, count, NULL) || count == 1)
        return;
    for (size_t i = 0; i < count; i++)
        write_patiently(work, ends + i, 1, NULL);
}

/* Takes what has ended out of the list and writes it. */
static void write_some(struct jb__work *work)
{
    struct jb__task_run *runs[JB__ENDS_MAX];
    const struct jb__end *ends[JB__ENDS_MAX];
    size_t count = 0, end_count = 0;

    while (!jb_list_empty(&work->ended) && count < JB__ENDS_MAX) {
        struct jb__task_run *run = JB_CONTAINER(jb_list_pop(&work->ended), struct jb__task_run, link);
        jb_list_append(&work->writing, &run->link);
        runs[count++] = run;
        if (!run->lost && is_end(run))
            ends[end_count++] = &run->end;
    }
    write_ends(work, ends, end_count);
    for (size_t i = 0; i < count; i++)
        if (!runs[i]->lost && !is_end(runs[i]))
            write_patiently(work, NULL, 0, runs[i]);
    for (size_t i = 0; i < count; i++)
        jb__run_free(runs[i]);
    work->ended_count -= (int)count;
}

void jb__ended(struct jb__task_run *run)
{
    struct jb__work *work = run->work;

    jb_list_remove(&run->link);
    jb_list_append(&work->ended, &run->link);
    work->ended_count++;
    if (work->writing_ends)
        return;
    work->writing_ends = true;
    while (!jb_list_empty(&work->ended)) {
        write_some(work);
        jb__work_poke(&work->link);
    }
    work->writing_ends = false;
    jb__work_poke(&work->link);
}
