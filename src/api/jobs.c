/* jobs.c — what became of an import or export, and its file. */
// SPDX-License-Identifier: Apache-2.0
#include "api_private.h"

/* 200 when it is done, the failure's own status when it failed, 202 while it goes on. */
static int status_of(const struct import_job *job)
{
    if (jb_str_is(job->status, "done") || jb_str_is(job->status, "cancelled"))
        return 200;
    if (!jb_str_is(job->status, "failed"))
        return 202;
    for (int error = JB_OK + 1; error < JB_ERROR_COUNT; error++)
        if (jb_str_is(job->error, jb_error_name((enum jb_error)error)))
            return jb_error_http((enum jb_error)error);
    return 422;
}

struct jb_response *jb__api_job_answer(struct jb_request *req, int64_t id, int status)
{
    struct jb_scope *scope = req->scope;
    struct jb_buf buf = JB_BUF_INIT((size_t)16 << 20);
    struct jb_json_writer writer;
    struct import_job job;

    if (!jb_job_get(scope, id, &job))
        return jb_problem(req);
    jb_json_start(&writer, &buf);
    jb_job_json(scope, &job, &writer);
    int own = status_of(&job);
    struct jb_response *response = jb_respond_json(req, status ? status : own, &buf);
    jb_buf_done(&buf);
    if (response->status == 202)
        jb_response_header(response, "Location", jb_format(scope, "/api/jobs/%lld", (long long)id));
    return response;
}

struct jb_response *jb__api_job(struct jb_request *req)
{
    int64_t id;
    return jb_path_int(req, "id", &id) ? jb__api_job_answer(req, id, 200) : jb_problem(req);
}

struct jb_response *jb__api_job_cancel(struct jb_request *req)
{
    int64_t id;
    if (!jb_path_int(req, "id", &id) || !jb_job_cancel(req->scope, id))
        return jb_problem(req);
    return jb__api_job_answer(req, id, 200);
}

static bool may(struct jb_scope *scope, const struct jb_model *model, const char *verb)
{
    struct jb_str name = jb_model_name(model, scope);
    return jb_require(scope, jb_format(scope, "%s.%s_%.*s", model->app, verb, JB_FMT(name)));
}

bool jb__api_may_import(struct jb_scope *scope, const struct jb_model *model, enum jb_import_mode mode)
{
    return may(scope, model, "import") && (mode == JB_UPDATE_ONLY || may(scope, model, "add")) && (mode == JB_INSERT || may(scope, model, "change"));
}

/* Whoever may no longer import the model may not set an old job of theirs going either. */
static bool may_go_on(struct jb_scope *scope, const struct import_job *job)
{
    const struct jb_model *model = jb_model_find(scope, job->model);
    return model && jb__api_may_import(scope, model, jb_job_mode(scope, job));
}

static bool may_undo(struct jb_scope *scope, const struct import_job *job)
{
    const struct jb_model *model = jb_model_find(scope, job->model);
    return model && may(scope, model, "import") && (job->new_rows == 0 || may(scope, model, "delete")) && (job->changed == 0 || may(scope, model, "change"));
}

static bool may_return(struct jb_scope *scope, const struct import_job *job)
{
    const struct jb_model *model = jb_model_find(scope, job->model);
    return model && may(scope, model, "add") && may(scope, model, "change") && may(scope, model, "delete");
}

struct jb_response *jb__api_job_continue(struct jb_request *req)
{
    struct jb_spool *spool = NULL;
    struct import_job job;
    struct jb_str once;
    int64_t id;
    bool ended;

    if (!jb_path_int(req, "id", &id) || !jb_job_get(req->scope, id, &job) || !may_go_on(req->scope, &job) || !jb__api_once(req, &once))
        return jb_problem(req);
    if (!jb__api_take_upload(req, &spool) ? jb_import_continue_repeated(req->scope, &job, once) : jb_import_continue_submit(req->scope, id, spool, once, &ended))
        return jb__api_job_answer(req, id, 0);
    return jb_problem(req);
}

struct jb_response *jb__api_job_undo(struct jb_request *req)
{
    struct jb_scope *scope = req->scope;
    struct import_job job;
    static const char *const names[] = { "whole" };
    struct jb_str once;
    int64_t id, undo;
    bool ended, whole = false;

    if (!jb_path_int(req, "id", &id) || !jb__api_known(req, names, JB_COUNT(names)) || !jb_job_get(scope, id, &job) || !may_undo(scope, &job) || !jb__api_flag(req, "whole", &whole) || (whole && !may_return(scope, &job)) ||
        !jb__api_once(req, &once) || !jb_undo_submit(scope, id, &(struct jb_undo_options){ .whole = whole, .once = once }, &undo, &ended))
        return jb_problem(req);
    return jb__api_job_answer(req, undo, 0);
}

struct jb_response *jb__api_job_file(struct jb_request *req)
{
    struct jb_job_file file;
    int64_t id;

    if (!jb_path_int(req, "id", &id) || !jb_job_file(req->scope, id, &file))
        return jb_problem(req);
    return jb_respond_file(req, jb_sheet_format_type(jb_sheet_format_of_file(file.name)), file.name, file.fd, file.bytes, file.sha256);
}

static bool stream_differences(struct jb_request *req, void *arg)
{
    return jb_import_differences(req->scope, *(const int64_t *)arg, jb_to_client, req);
}

struct jb_response *jb__api_job_differences(struct jb_request *req)
{
    int64_t *id = JB_NEW(req->scope, int64_t); /* lives as long as the stream */
    struct import_job job;

    if (!jb_path_int(req, "id", id) || !jb_job_get(req->scope, *id, &job) || !jb_import_tells_differences(req->scope, &job))
        return jb_problem(req);
    return jb_respond_download(req, jb_sheet_format_type(JB_SHEET_XLSX), jb_format(req->scope, "differences-%lld.xlsx", (long long)*id), stream_differences, id, -1);
}
