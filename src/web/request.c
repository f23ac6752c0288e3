/* request.c — what a request says: path, query, cookies. */
// SPDX-License-Identifier: Apache-2.0
#include "web/web_private.h"
#include <string.h>

#define COOKIES_MAX 100

enum jb_method jb__method_of(struct jb_str method)
{
    static const struct {
        const char *name;
        enum jb_method method;
    } methods[] = { { "GET", JB_GET }, { "HEAD", JB_GET }, { "POST", JB_POST }, { "PUT", JB_PUT }, { "PATCH", JB_PATCH }, { "DELETE", JB_DELETE_METHOD } };

    for (size_t i = 0; i < JB_COUNT(methods); i++)
        if (jb_str_is(method, methods[i].name))
            return methods[i].method;
    return (enum jb_method)0;
}

struct jb_str jb__clean_text(struct jb_scope *scope, struct jb_str text)
{
    if (text.size == 0 || (jb_utf8_valid(text) && !memchr(text.data, 0, text.size)))
        return text;
    char *out = jb_alloc(scope, text.size * 3 + 1);
    size_t size = 0;
    for (size_t at = 0; at < text.size;) {
        uint32_t code = jb_utf8_next(text, &at);
        size += jb_utf8_put(code ? code : 0xFFFD, out + size);
    }
    return (struct jb_str){ out, size };
}

/* ---- path parameters ----------------------------------------------------------------------------------------------------------- */

static struct jb_str param_text(const struct jb_param *params, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (jb_str_is(params[i].name, name))
            return params[i].value;
    return JB_STR_NULL;
}

struct jb_str jb_path_text(const struct jb_request *req, const char *name)
{
    return param_text(req->path_params, req->path_param_count, name);
}

static bool not_found(struct jb_request *req)
{
    return jb_fail(req->scope, JB_NOT_FOUND, JB_L(req->scope, "‘%.*s’ 쪽은 없습니다. 주소를 확인하세요.", "There is no page “%.*s”. Check the address."), JB_FMT(req->path));
}

bool jb_path_int(struct jb_request *req, const char *name, int64_t *ret_number)
{
    struct jb_str text = jb_path_text(req, name);

    if (text.size == 0 || text.data[0] == '+' || !jb_str_to_int64(text, ret_number))
        return not_found(req);
    return true;
}

bool jb_path_month(struct jb_request *req, const char *name, struct jb_month *ret_month)
{
    return jb_month_parse(jb_path_text(req, name), ret_month) || not_found(req);
}

/* ---- query ------------------------------------------------------------------------------------------------------------------------ */

void jb__query_read(struct jb_request *req)
{
    size_t count;
    struct jb__pair *pairs = jb__urlencoded_parse(req->scope, req->http->query, SIZE_MAX - 1, &count);
    struct jb_param *params = JB_NEW_ARRAY(req->scope, struct jb_param, count + 1);

    req->query_params = params;
    req->query_param_count = count;
    for (; pairs; pairs = pairs->next, params++)
        *params = (struct jb_param){ jb__clean_text(req->scope, pairs->name), jb__clean_text(req->scope, pairs->value) };
}

struct jb_str jb_query_text(const struct jb_request *req, const char *name)
{
    return param_text(req->query_params, req->query_param_count, name);
}

static void query_put(struct jb_scope *scope, struct jb_buf *buf, struct jb_str name, struct jb_str value)
{
    jb_buf_put_char(buf, buf->size == 0 ? '?' : '&');
    jb_buf_put(buf, jb_url_encode(scope, name, false));
    jb_buf_put_char(buf, '=');
    jb_buf_put(buf, jb_url_encode(scope, value, false));
}

struct jb_str jb_query_with(struct jb_request *req, const char *name, struct jb_str value)
{
    struct jb_buf buf = JB_BUF_INIT(1 << 16);
    bool done = false;

    for (size_t i = 0; i < req->query_param_count; i++) {
        const struct jb_param *param = &req->query_params[i];
        if (!jb_str_is(param->name, name))
            query_put(req->scope, &buf, param->name, param->value);
        else if (value.data && !done)
            query_put(req->scope, &buf, param->name, value);
        done |= jb_str_is(param->name, name);
    }
    if (value.data && !done)
        query_put(req->scope, &buf, jb_str_of(name), value);
    struct jb_str text = buf.size > 0 ? jb_copy(req->scope, jb_buf_str(&buf)) : JB_STR("?");
    jb_buf_done(&buf);
    return text;
}

/* ---- cookies ------------------------------------------------------------------------------------------------------------------------- */

static bool octal(char c)
{
    return c >= '0' && c <= '7';
}

/* "a\054b" in quotes, as old programs write cookies. */
static struct jb_str cookie_unquote(struct jb_scope *scope, struct jb_str text)
{
    if (text.size < 2 || text.data[0] != '"' || text.data[text.size - 1] != '"')
        return text;
    char *out = jb_alloc(scope, text.size);
    size_t size = 0;
    for (size_t i = 1; i + 1 < text.size; i++) {
        const char *at = text.data + i;
        if (*at == '\\' && i + 4 < text.size && at[1] <= '3' && octal(at[1]) && octal(at[2]) && octal(at[3])) {
            out[size++] = (char)((at[1] - '0') * 64 + (at[2] - '0') * 8 + (at[3] - '0'));
            i += 3;
        } else if (*at == '\\' && i + 2 < text.size) {
            out[size++] = at[1];
            i++;
        } else {
            out[size++] = *at;
        }
    }
    return (struct jb_str){ out, size };
}

struct jb__pair *jb__cookies_parse(struct jb_scope *scope, struct jb_str header)
{
    struct jb__pair *first = NULL, **last = &first;
    struct jb_str rest = header;

    for (int count = 0; rest.data && count < COOKIES_MAX; count++) {
        struct jb_str part = jb_str_cut(&rest, ';'), value = part;
        bool named = jb_str_find_char(part, '=', 0) != SIZE_MAX;
        struct jb_str name = named ? jb_str_trim(jb_str_cut(&value, '=')) : JB_STR("");
        value = jb_str_trim(value);
        if (name.size == 0 && value.size == 0)
            continue;
        struct jb__pair *pair = JB_NEW(scope, struct jb__pair);
        pair->name = name;
        pair->value = cookie_unquote(scope, value);
        *last = pair;
        last = &pair->next;
    }
    return first;
}

struct jb_str jb_cookie(const struct jb_request *req, const char *name)
{
    struct jb__request_state *state = req->state;

    if (!state->cookies_read) {
        state->cookies = jb__cookies_parse(req->http->scope, jb_http_header(req->http, "Cookie"));
        state->cookies_read = true;
    }
    for (const struct jb__pair *pair = state->cookies; pair; pair = pair->next)
        if (jb_str_is(pair->name, name))
            return pair->value;
    return JB_STR_NULL;
}
