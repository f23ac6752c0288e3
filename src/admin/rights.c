/* rights.c — what jobs take: importing is adding and changing, undoing is deleting and changing. */
// SPDX-License-Identifier: Apache-2.0
#include "admin_private.h"

static bool require(struct jb_scope *scope, const struct jb_model *model, const char *verb)
{
    struct jb_str name = jb_model_name(model, scope);
    return jb_require(scope, jb_format(scope, "%s.%s_%.*s", model->app, verb, JB_FMT(name)));
}

bool jb__import_allowed(struct jb_scope *scope, const struct jb_model *model, enum jb_import_mode mode)
{
    return require(scope, model, "import") && (mode == JB_UPDATE_ONLY || require(scope, model, "add")) && (mode == JB_INSERT || require(scope, model, "change"));
}

bool jb__undo_allowed(struct jb_scope *scope, const struct import_job *import)
{
    const struct jb_model *model = jb_model_find(scope, import->model);
    return model && require(scope, model, "import") && (import->new_rows == 0 || require(scope, model, "delete")) && (import->changed == 0 || require(scope, model, "change"));
}

bool jb__return_allowed(struct jb_scope *scope, const struct import_job *import)
{
    const struct jb_model *model = jb_model_find(scope, import->model);
    return model && require(scope, model, "import") && require(scope, model, "add") && require(scope, model, "change") && require(scope, model, "delete");
}

bool jb__job_allowed(struct jb_scope *scope, const struct import_job *job)
{
    const struct jb_model *model = jb_model_find(scope, job->model);
    struct import_job import;

    if (!model) {
        jb_failure_clear(scope); /* the job will say that it is gone */
        return true;
    }
    if (jb_str_is(job->kind, "undo"))
        return jb_job_get(scope, job->undoes, &import) && (jb_job_undoes_whole(scope, job) ? jb__return_allowed(scope, &import) : jb__undo_allowed(scope, &import));
    return jb_str_is(job->kind, "import") ? jb__import_allowed(scope, model, jb_job_mode(scope, job)) : require(scope, model, "export");
}
