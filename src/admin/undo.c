/* undo.c — a whole import taken back: the question, the deed, and what the pages of jobs say of it. */
// SPDX-License-Identifier: Apache-2.0
#include "admin_private.h"
#include "job_fields.h"

/* ---- what pages say --------------------------------------------------------------------------------------------------------------- */

struct jb_str jb__undo_summary(struct jb_scope *scope, const struct import_job *job)
{
    struct jb_str removed = jb__number(scope, job->removed), restored = jb__number(scope, job->changed), left = jb__number(scope, job->refused);

    if (job->refused > 0)
        return jb_format(scope, JB_L(scope, "지움 %.*s, 되돌림 %.*s, 남김 %.*s", "Removed %.*s, restored %.*s, left %.*s"), JB_FMT(removed), JB_FMT(restored), JB_FMT(left));
    return jb_format(scope, JB_L(scope, "지움 %.*s, 되돌림 %.*s", "Removed %.*s, restored %.*s"), JB_FMT(removed), JB_FMT(restored));
}

void jb__undo_outcome(struct jb_scope *scope, const struct import_job *job, struct jb_vars *vars)
{
    struct jb_str removed = jb__number(scope, job->removed), restored = jb__number(scope, job->changed), left = jb__number(scope, job->refused);
    struct jb_str more = JB_STR("");

    jb_vars_text(vars, "outcome", jb_format(scope, JB_L(scope, "가져오기 %lld을(를) 되돌렸습니다.", "Import %lld was undone."), (long long)job->undoes));
    if (job->removed > 0)
        more = jb_format(scope, JB_L(scope, "%.*s행을 지웠습니다. ", "Rows deleted: %.*s. "), JB_FMT(removed));
    if (job->changed > 0)
        more = jb_format(scope, JB_L(scope, "%.*s%.*s행을 예전 값으로 되돌렸습니다. ", "%.*sRows with their old values again: %.*s. "), JB_FMT(more), JB_FMT(restored));
    if (job->refused > 0)
        more = jb_format(scope, JB_L(scope, "%.*s%.*s행은 그대로 두었습니다. 이유는 아래에 있습니다.", "%.*sRows left as they are: %.*s. Why is said below."), JB_FMT(more), JB_FMT(left));
    jb_vars_text(vars, "outcome_more", more);
}

/* The way from an ended import to its undo: a link to the question, or to the job that undid it. */
void jb__undo_vars(struct jb_request *req, const struct import_job *job, struct jb_vars *vars)
{
    struct jb_scope *scope = jb_scope_child(req->scope, "undo?");
    bool import = jb_str_is(job->kind, "import"), possible = import && job->undo_until.us > 0 && jb_undo_possible(scope, job) && jb__undo_allowed(scope, job);

    jb__set(vars, "undo", possible);
    jb_vars_text(vars, "undo_until", possible ? jb_copy(req->scope, jb__clock(req, job->undo_until)) : JB_STR_NULL);
    jb__set(vars, "undone_by", import ? job->undone_by : (int64_t)0);
    jb__set(vars, "undoes", job->undoes);
    jb_scope_end(scope);
}

/* ---- the question -------------------------------------------------------------------------------------------------------------------- */

static struct jb_response *question(struct jb_request *req, const struct import_job *job, struct jb_str problem, int status)
{
    struct jb_scope *scope = req->scope;
    const struct jb_model *model = jb_model_find(scope, job->model);
    struct jb_vars *vars = jb_vars_new(scope);
    bool backup;

    if (!model || !jb_undo_has_backup(scope, job->id, &backup))
        return jb_problem(req);
    jb__set(vars, "backup", backup);
    jb__set(vars, "id", job->id);
    jb_vars_text(vars, "label", jb_model_label(model, scope));
    jb_vars_text(vars, "file", job->file_name);
    jb_vars_text(vars, "ended", jb__clock(req, job->finished_at));
    jb__set(vars, "removed", job->new_rows);
    jb__set(vars, "restored", job->changed);
    jb__set(vars, "again", (bool)(job->undone_by != 0));
    jb_vars_text(vars, "path", jb_format(scope, "/admin/jobs/%lld/", (long long)job->id));
    jb_vars_text(vars, "problem", problem);
    jb_vars_text(vars, "once", jb_form_once(req));
    return jb_page_vars(req, status, "admin/undo.html", vars);
}

static bool read_import(struct jb_request *req, struct import_job *ret_job)
{
    return jb__job_read(req, ret_job) && jb__undo_allowed(req->scope, ret_job);
}

struct jb_response *jb__undo_view(struct jb_request *req)
{
    struct import_job job;

    if (!read_import(req, &job) || !jb_undo_possible(req->scope, &job))
        return jb_problem(req);
    return question(req, &job, JB_STR_NULL, 200);
}

struct jb_response *jb__undo_post(struct jb_request *req)
{
    struct jb_scope *scope = req->scope;
    struct import_job job;
    int64_t undo;
    bool ended;

    if (!read_import(req, &job) || !jb_form_read(req))
        return jb_problem(req);
    struct jb_str once = jb_form_text(req, "once");
    bool whole = jb_str_is(jb_form_text(req, "whole"), "1");
    if (whole && !jb__return_allowed(scope, &job))
        return jb_problem(req);
    if (jb_undo_submit(scope, job.id, &(struct jb_undo_options){ .whole = whole, .once = once.size ? once : JB_STR_NULL }, &undo, &ended))
        return jb__to_job(req, undo);
    if (req->api || jb_error(scope) != JB_CONFLICT)
        return jb_problem(req);
    struct jb_str problem = jb_failure_text(scope);
    jb_failure_clear(scope); /* it is answered here, by the page */
    return question(req, &job, problem, jb_error_http(JB_CONFLICT));
}
