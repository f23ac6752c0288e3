/* continue.c — refused rows that come back corrected, on their job's page or on the page of imports. */
// SPDX-License-Identifier: Apache-2.0
#include "admin_private.h"
#include "job_fields.h"

bool jb__went_on(struct jb_request *req, const struct jb_model *model, struct jb_spool *spool, struct jb_str once, int64_t *ret_job)
{
    struct jb_scope *scope = req->scope;
    struct import_job job;
    int64_t id = jb_spool_job(scope, spool);
    bool ended;

    if (id == 0)
        return false;
    if (!jb_job_get(scope, id, &job) || !jb_str_equal(job.model, jb_model_full_name(model, scope))) {
        jb_failure_clear(scope); /* there is none for this person: the import says what it thinks of the file */
        return false;
    }
    *ret_job = id;
    return jb__job_allowed(scope, &job) && jb_import_continue_submit(scope, id, spool, once, &ended);
}

static struct jb_response *again(struct jb_request *req, const struct import_job *job)
{
    struct jb_scope *scope = req->scope;
    enum jb_error error = jb_error(scope);
    struct jb_str problem = jb_failure_text(scope);

    if (req->api || (error != JB_INVALID && error != JB_LIMIT && error != JB_CONFLICT))
        return jb_problem(req);
    jb_failure_clear(scope); /* it is answered here, by the page */
    return jb__job_page(req, job, problem, jb_error_http(error));
}

struct jb_response *jb__job_continue(struct jb_request *req)
{
    struct jb_scope *scope = req->scope;
    struct jb_spool *spool = NULL;
    struct import_job job;
    bool ended;

    if (!jb__job_read(req, &job) || !jb__job_allowed(scope, &job))
        return jb_problem(req);
    if (!jb__upload_form(req, &spool)) {
        jb__say_too_large(req, jb__site_of(scope)->options.upload_bytes_max);
        return again(req, &job);
    }
    struct jb_str once = jb_form_text(req, "once").size ? jb_form_text(req, "once") : JB_STR_NULL;
    if (!jb__upload_file(req, &spool) ? jb_import_continue_repeated(scope, &job, once) : jb_import_continue_submit(scope, job.id, spool, once, &ended))
        return jb__to_job(req, job.id);
    return again(req, &job);
}
