/* respond.c — answers as values, failures as pages or problem documents (RFC 9457). Nothing is written here; pipeline.c does that. */
// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"
#include "web/web_private.h"
#include <string.h>

struct jb_response *jb_respond(struct jb_request *req, int status, const char *content_type, struct jb_str body)
{
    struct jb_response *response = JB_NEW(req->http->scope, struct jb_response);

    response->status = status;
    response->body = body;
    if (content_type)
        jb_response_header(response, "Content-Type", jb_str_of(content_type));
    return response;
}

void jb_response_header(struct jb_response *response, const char *name, struct jb_str value)
{
    JB_CHECK(response->header_count < JB_COUNT(response->headers));
    response->headers[response->header_count++] = (struct jb_header){ jb_str_of(name), value };
}

struct jb_response *jb_respond_json(struct jb_request *req, int status, const struct jb_buf *json)
{
    if (json->full) {
        jb_fail(req->scope, JB_LIMIT, JB_L(req->scope, "답이 너무 큽니다. 조건을 좁히세요.", "The answer is too big. Narrow the selection."));
        return jb_problem(req);
    }
    return jb_respond(req, status, "application/json", jb_copy(req->http->scope, jb_buf_str(json)));
}

/* A Location is ASCII without blanks, and its beginning cannot be read as another host. */
static struct jb_str location_text(struct jb_request *req, struct jb_str path)
{
    struct jb_buf buf = JB_BUF_INIT(1 << 16);

    for (size_t i = 0; i < path.size; i++) {
        unsigned char c = (unsigned char)path.data[i];
        if (c <= 0x20 || c >= 0x7f || strchr("\\\"<>^`{|}", c))
            jb_buf_printf(&buf, "%%%02X", c);
        else
            jb_buf_put_char(&buf, (char)c);
    }
    struct jb_str text = jb_copy(req->http->scope, jb_buf_str(&buf));
    jb_buf_done(&buf);
    return text;
}

struct jb_response *jb_redirect_to(struct jb_request *req, struct jb_str path)
{
    struct jb_response *response = jb_respond(req, 303, NULL, JB_STR(""));

    if (!jb_safe_next(req, path).data)
        path = JB_STR("/");
    jb_response_header(response, "Location", location_text(req, path));
    return response;
}

struct jb_response *jb_redirect(struct jb_request *req, const char *route, struct jb_value of)
{
    return jb_redirect_to(req, jb_url(req, route, of));
}

/* ---- streams --------------------------------------------------------------------------------------------------------------------- */

struct jb_response *jb_respond_download(struct jb_request *req, const char *content_type, struct jb_str filename, bool (*stream)(struct jb_request *req, void *arg), void *arg, int64_t length)
{
    struct jb_response *response = jb_respond(req, 200, content_type, JB_STR_NULL);
    struct jb_str clean = jb__clean_text(req->scope, filename);
    char *plain = jb_alloc(req->scope, clean.size + 1);
    size_t size = 0;

    for (size_t at = 0; at < clean.size;) {
        uint32_t code = jb_utf8_next(clean, &at);
        plain[size++] = code > 0x20 && code < 0x7f && !strchr("\"\\%/;", (int)code) ? (char)code : '_';
    }
    struct jb_str encoded = jb_url_encode(req->scope, clean, false);
    jb_response_header(response, "Content-Disposition", jb_format(req->http->scope, "attachment; filename=\"%.*s\"; filename*=UTF-8''%.*s", (int)size, plain, JB_FMT(encoded)));
    jb_response_header(response, "Cache-Control", JB_STR("private, no-store"));
    response->stream = stream;
    response->stream_arg = arg;
    response->stream_length = length;
    return response;
}

bool jb_to_client(void *request, struct jb_scope *scope, const void *bytes, size_t size)
{
    struct jb_request *req = request;

    if (jb_http_write(req->http, bytes, size))
        return true;
    return jb_failure(scope) ? false : jb_fail(scope, JB_CANCELLED, "%s", JB_L(scope, "받는 쪽이 연결을 끊었습니다.", "The client has gone."));
}

struct jb_response *jb_respond_events(struct jb_request *req, bool (*stream)(struct jb_request *req, void *arg), void *arg)
{
    struct jb_response *response = jb_respond(req, 200, NULL, JB_STR_NULL);

    response->stream = stream;
    response->stream_arg = arg;
    response->events = true;
    return response;
}

/* ---- failures ----------------------------------------------------------------------------------------------------------------------- */

struct jb_str jb__status_title(struct jb_request *req, int status)
{
    static const struct {
        int status;
        const char *ko, *en;
    } titles[] = {
        { 400, "요청을 알아볼 수 없습니다", "The request makes no sense" },
        { 401, "로그인이 필요합니다", "Sign in first" },
        { 403, "권한이 없습니다", "You may not do this" },
        { 404, "쪽을 찾지 못했습니다", "There is no such page" },
        { 405, "여기서는 이렇게 할 수 없습니다", "This cannot be done here" },
        { 409, "다른 것과 부딪힙니다", "This conflicts with something else" },
        { 413, "너무 큽니다", "This is too big" },
        { 422, "고칠 곳이 있습니다", "Something needs attention" },
        { 429, "너무 자주 시도했습니다", "Too many attempts" },
        { 503, "지금은 답할 수 없습니다", "Not available right now" },
        { 504, "너무 오래 걸렸습니다", "This took too long" },
        { 507, "서버의 디스크에 자리가 없습니다", "The server's disk is full" },
    };

    for (size_t i = 0; i < JB_COUNT(titles); i++)
        if (titles[i].status == status)
            return jb_str_of(JB_L(req->scope, titles[i].ko, titles[i].en));
    return jb_str_of(JB_L(req->scope, "문제가 생겼습니다", "Something went wrong"));
}

int jb__problem_status(struct jb_request *req)
{
    enum jb_error error = jb_error(req->scope);

    if (error == JB_OK)
        return 500;
    if (error == JB_UNAVAILABLE && jb_failure(req->scope)->full)
        return 507;
    return error == JB_LIMIT && req->state->retry_after_s > 0 ? 429 : jb_error_http(error);
}

/* What people may read: our own trouble is told in general words, the rest is the sentence of whoever failed. */
static struct jb_str public_message(struct jb_request *req, int status)
{
    if (status == 500)
        return jb_format(req->scope, JB_L(req->scope, "저희 쪽 문제입니다. 저장되지 않았습니다. 요청 번호 %s를 관리자에게 알려 주세요.", "Our fault; nothing was saved. Give request %s to your administrator."), req->id);
    if (status == 503 || status == 504)
        return jb_str_of(JB_L(req->scope, "저장되지 않았습니다. 잠시 뒤에 다시 해 보세요.", "Nothing was saved. Try again shortly."));
    if (status == 507)
        return jb_str_of(JB_L(req->scope, "서버의 디스크에 자리가 없어 저장되지 않았습니다. 관리자에게 자리를 비워 달라고 하세요.", "The server's disk has no room for this; nothing was saved. Ask your administrator to free some."));
    return jb_failure_text(req->scope);
}

static void problem_json(struct jb_request *req, int status, struct jb_str title, struct jb_str message, struct jb_buf *buf)
{
    const struct jb_failure *failure = jb_failure(req->scope);
    struct jb_json_writer writer;

    jb_json_start(&writer, buf);
    jb_json_object(&writer);
    jb_json_put(&writer, "type", jb_v(JB_STR("about:blank")));
    jb_json_put(&writer, "title", jb_v(title));
    jb_json_put(&writer, "status", jb_v(status));
    jb_json_put(&writer, "detail", jb_v(message));
    jb_json_put(&writer, "instance", jb_v(req->path));
    jb_json_put(&writer, "request_id", jb_v(jb_str_of(req->id)));
    if (failure && failure->fields) {
        jb_json_name(&writer, "errors");
        jb_json_array(&writer);
        for (const struct jb_field_error *error = failure->fields; error; error = error->next) {
            jb_json_object(&writer);
            jb_json_put(&writer, "field", jb_v(error->field));
            jb_json_put(&writer, "message", jb_v(error->message));
            jb_json_object_end(&writer);
        }
        jb_json_array_end(&writer);
    }
    if (req->web->options.debug && failure) {
        jb_json_name(&writer, "causes");
        jb_json_array(&writer);
        for (; failure; failure = failure->cause)
            jb_json_text(&writer, jb_format(req->scope, "%s:%d: %.*s", failure->file, failure->line, JB_FMT(failure->message)));
        jb_json_array_end(&writer);
    }
    jb_json_object_end(&writer);
    jb_buf_put_char(buf, '\n');
}

static struct jb_response *problem_page(struct jb_request *req, int status, struct jb_str title, struct jb_str message)
{
    struct jb_vars *vars = jb_vars_new(req->scope);
    struct jb_civil now = jb_zone_civil(jb_zone_of(req), jb_now());
    struct jb_html html;

    jb_vars_set(vars, "status", jb_v(status));
    jb_vars_text(vars, "title", title);
    jb_vars_text(vars, "message", message);
    jb_vars_text(vars, "request_id", jb_str_of(req->id));
    jb_vars_text(vars, "time", jb_format(req->scope, "%04d-%02d-%02d %02d:%02d:%02d", now.year, now.month, now.day, now.hour, now.minute, now.second));
    jb_vars_set(vars, "retry", jb_v_bool(status >= 500 || status == 429));
    jb_vars_list(vars, "detail");
    for (const struct jb_failure *failure = req->web->options.debug ? jb_failure(req->scope) : NULL; failure; failure = failure->cause)
        jb_vars_text(jb_vars_append(vars, "detail"), "text", jb_format(req->scope, "%s:%d: %.*s", failure->file, failure->line, JB_FMT(failure->message)));
    req->state->showing_error = true;
    if (!jb__render_page(req, "error.html", vars, &html))
        return jb_respond(req, status, "text/plain; charset=utf-8", message);
    return jb_respond(req, status, "text/html; charset=utf-8", (struct jb_str){ html.data, html.size });
}

struct jb_response *jb__problem_as(struct jb_request *req, int status, struct jb_str title, struct jb_str message)
{
    struct jb_response *response;

    if (req->api) {
        struct jb_buf buf = JB_BUF_INIT(1 << 20);
        problem_json(req, status, title, message, &buf);
        response = jb_respond(req, status, "application/problem+json", jb_copy(req->http->scope, jb_buf_str(&buf)));
        jb_buf_done(&buf);
    } else {
        response = problem_page(req, status, title, message);
    }
    jb_response_header(response, "Cache-Control", JB_STR("no-store"));
    if (req->state->retry_after_s > 0 || status == 503)
        jb_response_header(response, "Retry-After", jb_format(req->http->scope, "%d", JB_MAX(req->state->retry_after_s, 5)));
    return response;
}

struct jb_response *jb_problem(struct jb_request *req)
{
    int status = jb__problem_status(req);
    struct jb_str message;

    if (!req->state->failed.data) {
        const struct jb_failure *root = jb_failure(req->scope);
        struct jb_str text = jb_failure_text(req->scope);
        req->state->failed = root ? jb_format(req->http->scope, "%.*s (%s:%d)", JB_FMT(text), root->file, root->line) : JB_STR("the view gave no response and no reason");
        req->state->failed_as = root ? root->error : JB_BROKEN;
    }
    message = public_message(req, status);
    return jb__problem_as(req, status, jb__status_title(req, status), message);
}
