/* answer.c — a response onto the wire: the headers that every answer carries, ETag and 304, streams. */
// SPDX-License-Identifier: Apache-2.0
#include "web/web_private.h"
#include <sodium.h>
#include <string.h>

#define HEADERS_MAX 48

struct head {
    struct jb_header at[HEADERS_MAX];
    size_t count;
};

static void put(struct head *head, const char *name, struct jb_str value)
{
    JB_CHECK(head->count < HEADERS_MAX);
    head->at[head->count++] = (struct jb_header){ jb_str_of(name), value };
}

static struct jb_str header_of(const struct jb_response *response, const char *name)
{
    for (size_t i = 0; i < response->header_count; i++)
        if (jb_str_equal_nocase(response->headers[i].name, jb_str_of(name)))
            return response->headers[i].value;
    return JB_STR_NULL;
}

/* Made for one person: signed in, or with a form bound to their session. */
static bool is_private(const struct jb_request *req)
{
    return req->state->user.id != 0 || req->state->session.token[0];
}

static void put_caching(struct jb_request *req, const struct jb_response *response, struct head *head)
{
    struct jb_str control = header_of(response, "Cache-Control");

    if (jb_str_starts(control, JB_STR("public")))
        return;
    if (!control.data && !response->events) /* net says it of events */
        put(head, "Cache-Control", is_private(req) ? JB_STR("private, max-age=0, must-revalidate") : JB_STR("max-age=0, must-revalidate"));
    if (!header_of(response, "Vary").data)
        put(head, "Vary", JB_STR("Accept, Accept-Language, Cookie, Authorization"));
}

static void put_security(struct jb_request *req, struct head *head)
{
    put(head, "Content-Security-Policy", req->web->csp);
    put(head, "X-Content-Type-Options", JB_STR("nosniff"));
    put(head, "X-Frame-Options", JB_STR("DENY"));
    put(head, "Referrer-Policy", JB_STR("same-origin"));
    put(head, "Cross-Origin-Opener-Policy", JB_STR("same-origin"));
    if (req->secure)
        put(head, "Strict-Transport-Security", JB_STR("max-age=31536000"));
}

/* A tag of the body for GET answers that have none; true when the client has the same already. */
static bool put_etag(struct jb_request *req, const struct jb_response *response, struct head *head)
{
    unsigned char hash[16];
    char hex[2 * sizeof hash + 1];

    if (req->method != JB_GET || response->status != 200 || response->stream || header_of(response, "ETag").data || jb_str_find(header_of(response, "Cache-Control"), JB_STR("no-store"), 0) != SIZE_MAX)
        return false;
    crypto_generichash(hash, sizeof hash, (const unsigned char *)(response->body.data ? response->body.data : ""), response->body.size, NULL, 0);
    sodium_bin2hex(hex, sizeof hex, hash, sizeof hash);
    struct jb_str etag = jb_format(req->http->scope, "\"%s\"", hex);
    put(head, "ETag", etag);
    return jb__etag_matches(jb_http_header(req->http, "If-None-Match"), etag);
}

static bool send_stream(struct jb_request *req, const struct jb_response *response, const struct head *head)
{
    bool ok = response->events ? jb_events_begin(req->http, head->at, head->count) : jb_http_begin(req->http, response->status, head->at, head->count, response->stream_length);

    if (ok && !jb_str_is(req->http->method, "HEAD"))
        ok = response->stream(req, response->stream_arg);
    if (!ok && !jb_http_gone(req->http) && jb_http_take_back(req->http)) { /* it failed before its first byte: say why */
        struct jb_response *problem = jb_problem(req);
        jb_failure_clear(req->scope);
        return jb__answer(req, problem);
    }
    return ok && jb_http_end(req->http);
}

bool jb__answer(struct jb_request *req, struct jb_response *response)
{
    struct head head = { .count = 0 };
    struct jb_str cookie = jb__session_cookie(req);

    bool same = put_etag(req, response, &head);
    for (size_t i = 0; i < response->header_count; i++)
        if (!same || !jb_str_equal_nocase(response->headers[i].name, JB_STR("Content-Type")))
            head.at[head.count++] = response->headers[i];
    put_caching(req, response, &head);
    put_security(req, &head);
    if (cookie.data)
        put(&head, "Set-Cookie", cookie);
    if (response->stream)
        return send_stream(req, response, &head);
    return jb_http_send(req->http, same ? 304 : response->status, head.at, head.count, same ? JB_STR("") : response->body);
}
