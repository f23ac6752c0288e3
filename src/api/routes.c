/* routes.c — the addresses of the programs' interface, and how its query parameters are read. */
// SPDX-License-Identifier: Apache-2.0
#include "api_private.h"

/* Names the nearest among the models that the caller may do this with, and tells strangers nothing. */
static struct jb_response *no_such_model(struct jb_request *req)
{
    struct jb_scope *scope = req->scope;
    const char *verb = req->route->context;
    struct jb_str asked = jb_format(scope, "%.*s/%.*s", JB_FMT(jb_path_text(req, "app")), JB_FMT(jb_path_text(req, "model"))), names[256];
    size_t count = 0;

    for (const struct jb_model *const *model = jb_db_models(scope); *model && count < JB_COUNT(names); model++)
        if (!(*model)->hidden && jb_may_model(scope, verb, *model))
            names[count++] = jb_format(scope, "%s/%.*s", (*model)->app, JB_FMT(jb_model_name(*model, scope)));
    struct jb_str nearest = jb_nearest(asked, names, count);
    if (nearest.data)
        jb_fail(scope, JB_NOT_FOUND, JB_L(scope, "‘/api/%.*s/%s’: 그런 모델은 없습니다. ‘/api/%.*s/%s’을(를) 뜻했습니까?", "'/api/%.*s/%s': there is no such model. Did you mean '/api/%.*s/%s'?"), JB_FMT(asked), verb, JB_FMT(nearest), verb);
    else
        jb_fail(scope, JB_NOT_FOUND, JB_L(scope, "‘/api/%.*s/%s’ 쪽은 없습니다. 주소를 확인하세요.", "There is no page '/api/%.*s/%s'. Check the address."), JB_FMT(asked), verb);
    return jb_problem(req);
}

static const struct jb_route own_routes[] = {
    { JB_GET, "/api/jobs/{id}", jb__api_job, NULL, .permission = "" },
    { JB_GET, "/api/jobs/{id}/download", jb__api_job_file, NULL, .permission = "" },
    { JB_GET, "/api/jobs/{id}/differences", jb__api_job_differences, NULL, .permission = "" },
    { JB_POST, "/api/jobs/{id}/cancel", jb__api_job_cancel, NULL, .permission = "", .no_csrf = true },
    { JB_POST, "/api/jobs/{id}/continue", jb__api_job_continue, NULL, .permission = "", .upload = true, .no_csrf = true },
    { JB_POST, "/api/jobs/{id}/undo", jb__api_job_undo, NULL, .permission = "", .no_csrf = true },
    { JB_POST, "/api/uploads", jb__api_upload_new, "api.uploads", .permission = "", .no_csrf = true },
    { JB_GET, "/api/uploads/{id}", jb__api_upload, NULL, .permission = "" },
    { JB_PATCH, "/api/uploads/{id}", jb__api_upload_add, NULL, .permission = "", .upload = true, .no_csrf = true },
    { JB_DELETE_METHOD, "/api/uploads/{id}", jb__api_upload_drop, NULL, .permission = "", .no_csrf = true },
    /* what is left when no model's route matches; `upload`, so that a file is told the same */
    { JB_ANY_METHOD, "/api/{app}/{model}/import", no_such_model, NULL, .upload = true, .no_csrf = true, .context = "import" },
    { JB_ANY_METHOD, "/api/{app}/{model}/export", no_such_model, NULL, .upload = true, .no_csrf = true, .context = "export" },
};

static struct jb_route model_route(struct jb_scope *scope, const struct jb_model *model, const char *verb, jb_view *view, bool upload)
{
    struct jb_str name = jb_model_name(model, scope);
    return (struct jb_route){
        .method = JB_POST,
        .path = jb_cstr(scope, jb_format(scope, "/api/%s/%.*s/%s", model->app, JB_FMT(name), verb)),
        .view = view,
        .permission = jb_cstr(scope, jb_format(scope, "%s.%s_%.*s", model->app, verb, JB_FMT(name))),
        .upload = upload,
        .no_csrf = true,
        .context = model,
    };
}

const struct jb_route *jb_api_routes(struct jb_scope *scope, const struct jb_model *const *models)
{
    size_t count = 0;
    for (const struct jb_model *const *model = models; *model; model++)
        count++;
    struct jb_route *routes = JB_NEW_ARRAY(scope, struct jb_route, JB_COUNT(own_routes) + 2 * count + 1), *end = routes;
    for (size_t i = 0; i < JB_COUNT(own_routes); i++)
        *end++ = own_routes[i];
    for (const struct jb_model *const *model = models; *model; model++) {
        if ((*model)->hidden)
            continue;
        if (!(*model)->read_only)
            *end++ = model_route(scope, *model, "import", jb__api_import, true);
        *end++ = model_route(scope, *model, "export", jb__api_export, false);
    }
    return routes;
}

/* ---- parameters ---------------------------------------------------------------------------------------------------------------- */

bool jb__api_choice(struct jb_request *req, const char *name, const char *const *words, int *ret_index)
{
    struct jb_str text = jb_query_text(req, name), list = JB_STR("");

    for (int i = 0; words[i]; i++) {
        if (jb_str_is(text, words[i]) || (i == 0 && text.size == 0)) {
            *ret_index = i;
            return true;
        }
        list = jb_format(req->scope, "%.*s%s%s", JB_FMT(list), i ? ", " : "", words[i]);
    }
    return jb_fail(req->scope, JB_INVALID, JB_L(req->scope, "%s=%.*s: %.*s 가운데 하나를 적으세요.", "%s=%.*s: give one of %.*s."), name, JB_FMT(text), JB_FMT(list));
}

bool jb__api_int(struct jb_request *req, const char *name, int64_t min, int64_t max, int64_t *number)
{
    struct jb_str text = jb_query_text(req, name);
    int64_t value;

    if (text.size == 0)
        return true;
    if (!jb_str_to_int64(text, &value) || value < min || value > max)
        return jb_fail(req->scope, JB_INVALID, JB_L(req->scope, "%s=%.*s: %lld에서 %lld까지의 정수를 적으세요.", "%s=%.*s: give a whole number from %lld to %lld."), name, JB_FMT(text), (long long)min, (long long)max);
    *number = value;
    return true;
}

bool jb__api_flag(struct jb_request *req, const char *name, bool *flag)
{
    struct jb_str text = jb_query_text(req, name);

    if (!text.data)
        return true;
    bool yes = text.size == 0 || jb_str_is(text, "1") || jb_str_is(text, "true");
    if (!yes && !jb_str_is(text, "0") && !jb_str_is(text, "false"))
        return jb_fail(req->scope, JB_INVALID, JB_L(req->scope, "%s=%.*s: true나 false를 적으세요.", "%s=%.*s: give true or false."), name, JB_FMT(text));
    *flag = yes;
    return true;
}
