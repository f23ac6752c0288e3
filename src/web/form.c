/* form.c — what forms send: urlencoded bodies and multipart fields, files part by part. */
// SPDX-License-Identifier: Apache-2.0
#include "base/random.h"
#include "web/web_private.h"
#include <string.h>

#define FIELD_READ_BYTES 4096

/* ---- application/x-www-form-urlencoded ------------------------------------------------------------------------------------------ */

struct jb__pair *jb__urlencoded_parse(struct jb_scope *scope, struct jb_str text, size_t count_max, size_t *ret_count)
{
    struct jb__pair *first = NULL, **last = &first;
    struct jb_str rest = text;
    size_t count = 0;

    while (rest.data) {
        struct jb_str value = jb_str_cut(&rest, '&'), name;
        if (value.size == 0)
            continue;
        if (++count > count_max) {
            *ret_count = SIZE_MAX;
            return NULL;
        }
        name = jb_str_cut(&value, '=');
        struct jb__pair *pair = JB_NEW(scope, struct jb__pair);
        pair->name = jb_url_decode(scope, name, true);
        pair->value = value.data ? jb_url_decode(scope, value, true) : JB_STR("");
        *last = pair;
        last = &pair->next;
    }
    *ret_count = count;
    return first;
}

static bool too_many(struct jb_request *req)
{
    return jb_fail(req->scope, JB_LIMIT, JB_L(req->scope, "양식의 칸이 %d개를 넘습니다. 나누어 보내세요.", "The form has more than %d fields. Send it in parts."), JB_FORM_FIELDS_MAX);
}

static bool content_is(const struct jb_request *req, const char *type)
{
    struct jb_str value = jb_http_header(req->http, "Content-Type");

    return jb_str_equal_nocase(jb_str_trim(jb_str_slice(value, 0, jb_str_find_char(value, ';', 0))), jb_str_of(type));
}

bool jb_form_is_multipart(const struct jb_request *req)
{
    return content_is(req, "multipart/form-data");
}

static bool pass_failure(struct jb_request *req)
{
    return req->scope == req->http->scope ? false : jb_failure_pass(req->http->scope, req->scope);
}

bool jb_body_read(struct jb_request *req, void *bytes, size_t size, size_t *ret_got)
{
    return jb_http_body_read(req->http, bytes, size, ret_got) || pass_failure(req);
}

static bool read_urlencoded(struct jb_request *req)
{
    struct jb__request_state *state = req->state;
    struct jb_str body;

    if (!jb_http_body(req->http, (size_t)req->web->options.form_bytes_max, &body))
        return pass_failure(req);
    state->form = jb__urlencoded_parse(req->http->scope, body, JB_FORM_FIELDS_MAX, &state->form_count);
    return state->form_count != SIZE_MAX || too_many(req);
}

/* ---- multipart/form-data --------------------------------------------------------------------------------------------------------------- */

static bool read_body(void *arg, struct jb_scope *scope, void *bytes, size_t size, size_t *ret_got)
{
    struct jb_http *http = arg;

    if (jb_http_body_read(http, bytes, size, ret_got))
        return true;
    return http->scope == scope ? false : jb_failure_pass(http->scope, scope);
}

static bool add_field(struct jb_request *req, struct jb_multipart *multipart, struct jb_str name, size_t *bytes_left)
{
    struct jb__request_state *state = req->state;
    struct jb_buf buf = JB_BUF_INIT(*bytes_left + 1);
    size_t got = 1;
    bool ok = true;

    if (++state->form_count > JB_FORM_FIELDS_MAX)
        return too_many(req);
    while (ok && got > 0) {
        char chunk[FIELD_READ_BYTES];
        ok = jb_multipart_read(multipart, chunk, sizeof chunk, &got);
        if (ok)
            jb_buf_put_bytes(&buf, chunk, got);
        if (ok && (buf.full || buf.size > *bytes_left))
            ok = jb_fail(req->scope, JB_LIMIT, JB_L(req->scope, "양식이 너무 큽니다. %lld바이트까지 보낼 수 있습니다.", "The form is too big; the limit is %lld bytes."), (long long)req->web->options.form_bytes_max);
    }
    if (ok) {
        struct jb__pair *pair = JB_NEW(req->http->scope, struct jb__pair);
        pair->name = jb_copy(req->http->scope, name);
        pair->value = jb_copy(req->http->scope, jb_buf_str(&buf));
        if (!pair->value.data)
            pair->value = JB_STR("");
        *state->form_last = pair;
        state->form_last = &pair->next;
        *bytes_left -= buf.size;
    }
    jb_buf_done(&buf);
    return ok;
}

static bool skip_part(struct jb_multipart *multipart)
{
    char bytes[FIELD_READ_BYTES];
    size_t got = 1;

    while (got > 0)
        if (!jb_multipart_read(multipart, bytes, sizeof bytes, &got))
            return false;
    return true;
}

/* A file input left empty sends a part with an empty name: no file. */
static bool one_file(struct jb_request *req, jb_form_file *file, void *arg, struct jb_multipart *multipart, const struct jb_multipart_part *part)
{
    struct jb__request_state *state = req->state;

    if (!file || part->filename.size == 0)
        return skip_part(multipart);
    if (state->csrf_pending) {
        if (!jb__csrf_check(req, jb_form_text(req, "csrfmiddlewaretoken")))
            return false;
        state->csrf_pending = false;
    }
    return file(req, arg, multipart, part);
}

static bool read_parts(struct jb_request *req, jb_form_file *file, void *arg)
{
    struct jb__request_state *state = req->state;
    size_t bytes_left = (size_t)req->web->options.form_bytes_max;
    struct jb_multipart_part part;

    struct jb_multipart *multipart = jb_multipart_open(req->scope, jb_http_header(req->http, "Content-Type"), NULL, read_body, req->http);
    if (!multipart)
        return false;
    state->form_read = true;
    state->form_last = &state->form;
    while (jb_multipart_next(multipart, &part)) {
        bool ok;
        if (!part.name.data)
            ok = skip_part(multipart);
        else if (part.filename.data)
            ok = one_file(req, file, arg, multipart, &part);
        else
            ok = add_field(req, multipart, part.name, &bytes_left);
        if (!ok)
            return false;
    }
    if (jb_failure(req->scope))
        return false;
    if (state->csrf_pending && !jb__csrf_check(req, jb_form_text(req, "csrfmiddlewaretoken")))
        return false;
    state->csrf_pending = false;
    return true;
}

bool jb_form_parts(struct jb_request *req, jb_form_file *file, void *arg)
{
    if (!jb_form_is_multipart(req))
        return jb_fail(req->scope, JB_INVALID, JB_L(req->scope, "파일이 든 양식(multipart/form-data)이 아닙니다.", "This is no form with a file (multipart/form-data)."));
    JB_CHECK(!req->state->form_read); /* a body can be read once */
    return read_parts(req, file, arg);
}

bool jb_form_read(struct jb_request *req)
{
    struct jb__request_state *state = req->state;

    if (state->form_read)
        return true;
    if (jb_form_is_multipart(req))
        return read_parts(req, NULL, NULL);
    state->form_read = true;
    if (!req->http->has_body || !content_is(req, "application/x-www-form-urlencoded"))
        return true;
    return read_urlencoded(req);
}

/* ---- what was sent --------------------------------------------------------------------------------------------------------------------- */

struct jb_str jb_form_text(struct jb_request *req, const char *name)
{
    for (const struct jb__pair *pair = req->state->form; pair; pair = pair->next)
        if (jb_str_is(pair->name, name))
            return pair->value;
    return JB_STR_NULL;
}

size_t jb_form_all(struct jb_request *req, const char *name, const struct jb_str **ret_values)
{
    struct jb_str *values = JB_NEW_ARRAY(req->scope, struct jb_str, req->state->form_count + 1);
    size_t count = 0;

    for (const struct jb__pair *pair = req->state->form; pair; pair = pair->next)
        if (jb_str_is(pair->name, name))
            values[count++] = pair->value;
    *ret_values = values;
    return count;
}

struct jb_str jb_form_once(struct jb_request *req)
{
    char *token = jb_alloc(req->scope, 33);

    jb_random_token(token, 32);
    return jb_str_of(token);
}
