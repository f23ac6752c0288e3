/* again.c — after an attempt that another one may follow: did it end all the same, and what it leaves. */
// SPDX-License-Identifier: Apache-2.0
#include "transfer/transfer_private.h"
#include "transfer/keep.h"

#define LOOK_US (2 * JB_SECOND_US)

/* What the attempt of that number staged, if it still is there: nobody goes on with it (it may be kept for undoing), and the disk may be full. */
void jb__attempt_let_go(struct jb__attempt *attempt, int number)
{
    struct jb_scope *scope = jb_scope_detached(attempt->outer, "remove staging");

    jb_deadline_set(scope, jb_monotonic_us() + LOOK_US);
    jb__stage_let_go(scope, jb_format(scope, "%lld.%d.stage", (long long)attempt->job.id, number));
    jb_scope_end(scope);
}

/* For another attempt: the list shall not say that it runs. */
void jb__attempt_put_back(struct jb__attempt *attempt)
{
    struct jb_scope *scope = jb_scope_detached(attempt->outer, "put back");

    jb__attempt_let_go(attempt, attempt->job.attempt);
    if (attempt->job.id && !jb_exec(scope, JB_SQL("update import_jobs set status = 'queued' where id = ? and status = 'running'", attempt->job.id), NULL))
        jb_failure_clear(scope);
    jb_scope_end(scope);
}

/* The last commit may have gone through although its answer was lost: then the job has ended, and is not to be done again. */
bool jb__attempt_has_ended(struct jb__attempt *attempt)
{
    struct jb_scope *scope = jb_scope_detached(attempt->outer, "look");
    struct import_job job;

    jb_deadline_set(scope, jb_monotonic_us() + LOOK_US);
    bool ended = jb_error(attempt->outer) == JB_UNAVAILABLE && attempt->status && jb_get(scope, &jb_import_job, attempt->job.id, &job) && jb_str_is(job.status, attempt->status);
    jb_scope_end(scope);
    if (ended)
        jb_failure_clear(attempt->outer);
    return ended;
}
