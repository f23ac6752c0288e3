/* login.c — in and out. Wrong passwords answer with the same page and one sentence; too many with 429 and when to come back. */
// SPDX-License-Identifier: Apache-2.0
#include "admin_private.h"

static struct jb_response *login_page(struct jb_request *req, int status)
{
    struct jb_scope *scope = req->scope;
    struct jb_vars *vars = jb_vars_new(scope);
    const struct jb_failure *failure = jb_failure(scope);
    struct jb_str username = status == 200 ? JB_STR_NULL : jb_form_text(req, "username");
    struct jb_str next = jb_query_text(req, "next");

    jb_failure_clear(scope); /* it is answered here, by the page */
    jb_vars_text(vars, "problem", failure ? failure->message : JB_STR_NULL);
    jb_vars_text(vars, "username", username.data ? username : JB_STR(""));
    jb_vars_text(vars, "next", next.data ? next : JB_STR(""));
    return jb_page_vars(req, status, "admin/login.html", vars);
}

static struct jb_response *onwards(struct jb_request *req, struct jb_str next)
{
    struct jb_str safe = jb_safe_next(req, next);
    return jb_redirect_to(req, safe.size ? safe : JB_STR("/admin/"));
}

struct jb_response *jb__login_view(struct jb_request *req)
{
    const struct jb_user *user = jb_actor(req->scope);
    if (user->id && (user->staff || user->superuser))
        return onwards(req, jb_query_text(req, "next"));
    return login_page(req, 200);
}

struct jb_response *jb__login_post(struct jb_request *req)
{
    struct jb_scope *scope = req->scope;

    if (!jb_form_read(req))
        return jb_problem(req);
    struct jb_str next = jb_form_text(req, "next");
    if (jb_sign_in(req, jb_str_trim(jb_form_text(req, "username")), jb_form_text(req, "password")))
        return onwards(req, next.size ? next : jb_query_text(req, "next"));
    enum jb_error error = jb_error(scope);
    if (req->api || (error != JB_INVALID && error != JB_LIMIT))
        return jb_problem(req);
    struct jb_response *response = login_page(req, error == JB_LIMIT ? 429 : 422);
    if (error == JB_LIMIT)
        jb_response_header(response, "Retry-After", JB_STR("900"));
    return response;
}

struct jb_response *jb__logout_post(struct jb_request *req)
{
    if (!jb_sign_out(req))
        return jb_problem(req);
    return jb_redirect_to(req, JB_STR("/admin/login/"));
}
