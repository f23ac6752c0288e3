/* pipeline.c — the one way of every request: id, host, route, limits, session and user, language, CSRF, permission, view, answer.
 *
 * The order is fixed. Each step either lets the request pass or gives the response that ends it. The view runs in a child scope with the deadline; before a byte is written its open transactions are
 * rolled back, and what streams afterwards runs in the request's own scope, which only the connection's idle limits end. */
// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"
#include "base/random.h"
#include "web/web_private.h"
#include <string.h>

#define REQUEST_TIMEOUT_S 30
#define FORM_S 60 /* for a form to arrive; uploads may take as long as they go on */

const struct jb_zone *jb_zone_of(const struct jb_request *req)
{
    return req->web->options.zone;
}

const struct jb_web_options *jb_web_options_of(const struct jb_web *web)
{
    return &web->options;
}

/* ---- who asks, what for --------------------------------------------------------------------------------------------------------- */

/* Browsers name text/html. Who names no type at all is shown pages too, but not who asks for JSON or for one type only. */
static bool takes_pages(struct jb_str accept)
{
    if (jb_str_find(accept, JB_STR("text/html"), 0) != SIZE_MAX)
        return true;
    return accept.size == 0 || (jb_str_find(accept, JB_STR("*/*"), 0) != SIZE_MAX && jb_str_find(accept, JB_STR("json"), 0) == SIZE_MAX);
}

static struct jb_request *request_new(struct jb_web *web, struct jb_http *http)
{
    struct jb_request *req = JB_NEW(http->scope, struct jb_request);
    struct jb__tie *tie = JB_NEW(http->scope, struct jb__tie);

    req->scope = http->scope;
    req->http = http;
    req->web = web;
    req->state = JB_NEW(http->scope, struct jb__request_state);
    req->state->req = req;
    req->state->form_last = &req->state->form;
    req->method = jb__method_of(http->method);
    req->path = jb__clean_text(http->scope, jb_url_decode(http->scope, http->path, false));
    req->api = jb_str_starts(http->path, JB_STR("/api/")) || !takes_pages(jb_http_header(http, "Accept"));
    jb_random_ulid(req->id);
    tie->permissions = web->options.permissions;
    tie->state = req->state;
    jb_service_set(http->scope, JB_SERVICE_WEB, tie);
    jb__client_find(web, req);
    jb__query_read(req);
    enum jb_language language = web->options.language;
    jb__language_accepted(jb_http_header(http, "Accept-Language"), &language);
    jb_language_set(http->scope, language);
    return req;
}

static struct jb_response *simple_problem(struct jb_request *req, int status, const char *ko, const char *en)
{
    return jb__problem_as(req, status, jb__status_title(req, status), jb_str_of(JB_L(req->scope, ko, en)));
}

static struct jb_response *check_host(struct jb_request *req)
{
    struct jb_str allowed = req->web->options.allowed_hosts;

    if (jb__host_allowed(req->http->host, allowed.size > 0 ? allowed : JB_STR("localhost,127.0.0.1,[::1]")))
        return NULL;
    req->state->failed = jb_format(req->scope, "host '%.*s' is not in ALLOWED_HOSTS", JB_FMT(jb__clean_text(req->scope, req->http->host)));
    req->state->failed_as = JB_DENIED;
    return simple_problem(req, 400, "이 이름으로는 이 사이트를 열 수 없습니다. 설정 ALLOWED_HOSTS를 확인하세요.", "This site does not answer to that name. See the setting ALLOWED_HOSTS.");
}

/* ---- routes ------------------------------------------------------------------------------------------------------------------------ */

static struct jb_response *with_header(struct jb_response *response, const char *name, struct jb_str value)
{
    jb_response_header(response, name, value);
    return response;
}

static struct jb_response *find_route(struct jb_request *req)
{
    struct jb_str text, query = req->http->query;

    switch (jb__route_match(req->web, req, req->http->path, &text)) {
    case JB__MATCH_OK: return NULL;
    case JB__MATCH_SLASH:
        text = query.data ? jb_format(req->scope, "%.*s?%.*s", JB_FMT(text), JB_FMT(query)) : text;
        return with_header(jb_respond(req, 308, NULL, JB_STR("")), "Location", text);
    case JB__MATCH_METHOD:
        if (jb_str_is(req->http->method, "OPTIONS"))
            return with_header(jb_respond(req, 204, NULL, JB_STR("")), "Allow", text);
        return with_header(simple_problem(req, 405, "이 주소는 이 방법을 받지 않습니다.", "This address does not take that method."), "Allow", text);
    case JB__MATCH_NONE: break;
    }
    jb_fail(req->scope, JB_NOT_FOUND, JB_L(req->scope, "‘%.*s’ 쪽은 없습니다. 주소를 확인하세요.", "There is no page '%.*s'. Check the address."), JB_FMT(jb_utf8_first(req->path, 200)));
    return jb_problem(req);
}

static struct jb_response *set_limits(struct jb_request *req)
{
    const struct jb_web_options *options = &req->web->options;

    if (!req->route->upload)
        jb_http_body_until(req->http, jb_monotonic_us() + FORM_S * JB_SECOND_US);
    if (jb_http_body_limit(req->http, req->route->upload ? options->upload_bytes_max : options->form_bytes_max))
        return NULL;
    return jb_problem(req);
}

/* ---- people --------------------------------------------------------------------------------------------------------------------------- */

static struct jb_response *find_person(struct jb_request *req)
{
    struct jb_str bearer = jb_http_header(req->http, "Authorization");
    bool ok;

    if (req->route->anyone)
        return NULL;
    if (bearer.size > 7 && jb_str_equal_nocase(jb_str_slice(bearer, 0, 7), JB_STR("Bearer ")))
        ok = jb__token_open(req, jb_str_trim(jb_str_slice(bearer, 7, bearer.size)));
    else
        ok = jb__session_open(req);
    if (ok)
        return NULL;
    if (jb_error(req->scope) != JB_DENIED)
        return jb_problem(req);
    struct jb_response *response = jb__problem_as(req, 401, jb__status_title(req, 401), jb_failure_text(req->scope));
    return with_header(response, "WWW-Authenticate", JB_STR("Bearer error=\"invalid_token\""));
}

static struct jb_response *ask_to_sign_in(struct jb_request *req)
{
    bool parameter;
    const struct jb_route *login = jb__route_named(req->web, JB_STR(JB_LOGIN_ROUTE), &parameter);
    struct jb_str query = req->http->query, next = req->http->path;

    if (req->api || !login || parameter) {
        struct jb_response *response = simple_problem(req, 401, "로그인하거나 Authorization: Bearer 토큰을 보내세요.", "Sign in, or send Authorization: Bearer with a token.");
        return with_header(response, "WWW-Authenticate", JB_STR("Bearer"));
    }
    if (query.data)
        next = jb_format(req->scope, "%.*s?%.*s", JB_FMT(next), JB_FMT(query));
    if (req->method != JB_GET)
        return jb_redirect_to(req, jb_str_of(login->path));
    return jb_redirect_to(req, jb_format(req->scope, "%s?next=%.*s", login->path, JB_FMT(jb_url_encode(req->scope, next, true))));
}

static struct jb_response *check_permission(struct jb_request *req)
{
    const char *permission = req->route->permission;

    if (!permission)
        return NULL;
    if (req->state->user.id == 0)
        return ask_to_sign_in(req);
    if (!permission[0] || (strcmp(permission, "staff") == 0 && (req->state->user.staff || req->state->user.superuser)))
        return NULL;
    if (strcmp(permission, "superuser") == 0 && req->state->user.superuser)
        return NULL;
    if (strcmp(permission, "superuser") == 0)
        jb_fail(req->scope, JB_DENIED, JB_L(req->scope, "이 표는 최고 관리자만 볼 수 있습니다. 최고 관리자에게 부탁하세요.", "This table is for superusers only; ask one."));
    else if (strcmp(permission, "staff") == 0)
        jb_fail(req->scope, JB_DENIED, JB_L(req->scope, "이 일을 할 권한이 없습니다. 직원만 할 수 있습니다. 관리자에게 부탁하세요.", "You may not do this. It is for staff only; ask an administrator."));
    else if (jb_require(req->scope, jb_str_of(permission)))
        return NULL;
    return jb_problem(req);
}

/* ---- the view ---------------------------------------------------------------------------------------------------------------------------- */

static void end_scope(void *arg)
{
    jb_scope_end(arg);
}

static struct jb_response *run_view(struct jb_request *req)
{
    int timeout_s = req->web->options.request_timeout_s > 0 ? req->web->options.request_timeout_s : REQUEST_TIMEOUT_S;
    struct jb_scope *scope = jb_scope_child(req->http->scope, "view");

    jb_defer(req->http->scope, end_scope, scope);
    if (!req->route->upload)
        jb_deadline_set(scope, jb_monotonic_us() + timeout_s * JB_SECOND_US);
    req->scope = scope;
    struct jb_response *response = req->route->view(req);
    if (!response)
        response = jb_problem(req);
    jb_rollback_open(scope);
    req->scope = req->http->scope;
    return response;
}

static struct jb_response *decide(struct jb_request *req)
{
    static struct jb_response *(*const steps[])(struct jb_request *) = { find_route, set_limits, find_person };
    struct jb_response *response = check_host(req);

    if (response)
        return response;
    if (req->method == JB_GET && jb_str_starts(req->path, JB_STR("/static/")))
        return jb__static_answer(req);
    for (size_t i = 0; i < JB_COUNT(steps); i++)
        if ((response = steps[i](req)))
            return response;
    if (!jb__csrf_pipeline(req))
        return jb_problem(req);
    response = check_permission(req);
    return response ? response : run_view(req);
}

/* ---- one log line for what failed ------------------------------------------------------------------------------------------------------------- */

static void log_failure(const struct jb_request *req)
{
    const struct jb__request_state *state = req->state;

    if (state->failed.data)
        jb_log(jb_log_level_of(state->failed_as), "web", "%.*s %.*s: %.*s", JB_FMT(req->http->method), JB_FMT(req->path), JB_FMT(state->failed));
}

void jb_web_handle(struct jb_http *http, void *arg)
{
    struct jb_request *req = request_new(arg, http);
    char tag[32] = "req ";

    memcpy(tag + 4, req->id, sizeof req->id);
    jb_log_tag_set(tag);
    jb__position_open(req);
    struct jb_response *response = decide(req);
    jb_failure_clear(http->scope);
    if (!jb__session_save(req)) {
        response = jb_problem(req);
        jb_failure_clear(http->scope);
    }
    jb__position_save(req, response);
    bool sent = jb__answer(req, response);
    log_failure(req);
    if (!sent && jb_error(http->scope) != JB_CANCELLED && jb_error(http->scope) != JB_OK)
        jb_log(JB_LOG_WARNING, "web", "%.*s %.*s, while answering: %.*s", JB_FMT(http->method), JB_FMT(req->path), JB_FMT(jb_failure_text(http->scope)));
    jb_log_tag_set(NULL);
}
