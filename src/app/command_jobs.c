/* command_jobs.c — jobs list|show|wait|cancel|retry|refused|continue|differences|discard|undo. */
// SPDX-License-Identifier: Apache-2.0
#include "app/command.h"
#include "app/job_report.h"
#include "app/site.h"
#include "run/run.h"
#include <stdio.h>

static bool has_ended(const struct import_job *job)
{
    return jb_str_is(job->status, "done") || jb_str_is(job->status, "failed") || jb_str_is(job->status, "cancelled");
}

static int list_jobs(struct jb_program *program)
{
    struct jb_scope *scope = program->scope;
    struct import_job job;
    int64_t limit;

    if (!jb__option_int(program, "limit", 1, 1000, 20, &limit))
        return jb__command_misused(program);
    struct jb_rows *rows = jb_select(scope, &jb_import_job, .order = JB_STR("-id"), .limit = limit);
    if (!rows)
        return jb__command_failed(program);
    for (JB_EACH_ROW(rows, struct import_job, row)) {
        if (!jb_job_get(scope, row->id, &job)) /* with its live figures */
            return jb__command_failed(program);
        jb__job_line(program, &job);
    }
    return 0;
}

static int wait_for(struct jb_program *program, int64_t id)
{
    struct jb_scope *scope = program->scope;
    struct import_job job;
    int64_t after = 0;

    if (jb_job_get(scope, id, &job))
        jb__job_say_if_nobody_works(program, &job);
    jb_failure_clear(scope);
    for (;;) {
        struct jb_scope *step = jb_scope_child(scope, "wait");
        struct jb_rows *events = jb_job_wait(step, id, after) ? jb_job_events(step, id, after) : NULL;
        if (events && events->count > 0)
            after = ((const struct import_progress *)jb_rows_at(events, events->count - 1))->number;
        bool ok = events || jb_failure_pass(step, scope);
        jb_scope_end(step);
        if (!ok)
            return jb__command_failed(program);
        if (!jb_job_get(scope, id, &job))
            return jb__command_failed(program);
        if (has_ended(&job) || jb_str_is(job.status, "waiting"))
            break;
    }
    jb__job_print(program, &job);
    return jb__job_exit(&job);
}

static int show_job(struct jb_program *program, int64_t id)
{
    struct import_job job;

    if (!jb_job_get(program->scope, id, &job))
        return jb__command_failed(program);
    jb__job_print(program, &job);
    return 0;
}

/* What it is now; what it said before is no news. */
static int tell_state(struct jb_program *program, int64_t id)
{
    struct import_job job;

    if (!jb_job_get(program->scope, id, &job))
        return jb__command_failed(program);
    jb__job_line(program, &job);
    jb__job_say_if_nobody_works(program, &job);
    return 0;
}

/* Here and now, with progress; should this program die, a worker goes on. */
static int undo_job(struct jb_program *program, int64_t import)
{
    struct jb_scope *scope = program->scope;
    struct import_job job;
    int64_t id;

    if (!jb_undo_start(scope, import, &(struct jb_undo_options){ .whole = jb__flag(program, "whole") }, &id) || !jb_get(scope, &jb_import_job, id, &job))
        return jb__command_failed(program);
    program->stops_itself = true;
    struct jb__watching *watching = jb__job_watch(program, id);
    (void)jb_task_run_here(scope, job.task_id); /* false: a worker was quicker */
    jb__job_watch_end(watching);
    jb_failure_clear(scope);
    return wait_for(program, id);
}

static bool is_verb(struct jb_str verb)
{
    static const char *const verbs[] = { "show", "wait", "cancel", "retry", "refused", "continue", "differences", "discard", "undo" };

    for (size_t i = 0; i < JB_COUNT(verbs); i++)
        if (jb_str_is(verb, verbs[i]))
            return true;
    return false;
}

int jb__command_jobs(struct jb_program *program)
{
    struct jb_scope *scope = program->scope;
    struct jb_str verb = program->argument_count > 0 ? program->arguments[0] : JB_STR("list");
    int64_t id;

    if (!jb__site_open(scope, program->site, &program->config) || !jb__site_migrated(scope))
        return jb__command_failed(program);
    if (jb_str_is(verb, "list"))
        return list_jobs(program);
    if (!is_verb(verb)) {
        jb_fail(scope, JB_INVALID, JB_L(scope, "‘%.*s’: list, show, wait, cancel, retry, refused, continue, differences, discard, undo 가운데 하나를 적으세요.", "'%.*s': give one of list, show, wait, cancel, retry, refused, continue, differences, discard, undo."), JB_FMT(verb));
        return jb__command_misused(program);
    }
    if (program->argument_count < 2 || !jb_str_to_int64(program->arguments[1], &id)) {
        jb_fail(scope, JB_INVALID, JB_L(scope, "작업 번호를 적으세요: jangbu jobs %.*s 17", "give the number of a job: jangbu jobs %.*s 17"), JB_FMT(verb));
        return jb__command_misused(program);
    }
    if (jb_str_is(verb, "show"))
        return show_job(program, id);
    if (jb_str_is(verb, "wait"))
        return wait_for(program, id);
    if (jb_str_is(verb, "continue"))
        return jb__command_continue(program, id);
    if (jb_str_is(verb, "refused"))
        return jb__command_refused(program, id);
    if (jb_str_is(verb, "differences"))
        return jb__command_differences(program, id);
    if (jb_str_is(verb, "undo"))
        return undo_job(program, id);
    if (jb_str_is(verb, "discard"))
        return jb_import_discard(scope, id) ? tell_state(program, id) : jb__command_failed(program);
    if (jb_str_is(verb, "cancel"))
        return jb_job_cancel(scope, id) ? tell_state(program, id) : jb__command_failed(program);
    return jb_job_retry(scope, id) ? tell_state(program, id) : jb__command_failed(program);
}
