/* position.c — read your own writes, over requests.
 *
 * With replicas, what a request has committed may not be everywhere yet when the next one comes. The answer carries the position that was reached: browsers keep it as a cookie for a minute,
 * programs may send the header back. It is a number without meaning to anybody else; a forged one only makes its sender read from the primary. A program with a token that sends none reads there
 * anyway. */
// SPDX-License-Identifier: Apache-2.0
#include "web/web_private.h"
#define COOKIE_NAME "read_after"
#define HEADER_NAME "X-Read-After"
#define COOKIE_S 60 /* a replica that lags longer than DB_REPLICA_LAG_MS is not read from */

static uint64_t parse(struct jb_str text)
{
    int64_t position;
    return text.size > 0 && jb_str_to_int64(text, &position) && position > 0 ? (uint64_t)position : 0;
}

void jb__position_open(struct jb_request *req)
{
    struct jb_str header = jb_http_header(req->http, HEADER_NAME);

    if (!jb_service(req->http->scope, JB_SERVICE_DB))
        return;
    req->state->position = parse(header.size > 0 ? header : jb_cookie(req, COOKIE_NAME));
    jb_db_session(req->http->scope, req->state->position);
    if (req->state->position == 0 && jb_http_header(req->http, "Authorization").size > 0)
        jb_db_reads(req->http->scope, JB_READS_PRIMARY);
}

void jb__position_save(struct jb_request *req, struct jb_response *response)
{
    if (!jb_service(req->http->scope, JB_SERVICE_DB))
        return;
    uint64_t position = jb_db_session_position(req->http->scope);
    if (position == req->state->position) /* it falls when what was lost has been found: a cookie that stays above every position is not renewed by later writes */
        return;
    struct jb_str text = jb_format(req->http->scope, "%lld", (long long)position);
    jb_response_header(response, HEADER_NAME, text);
    jb_response_header(response, "Set-Cookie", jb_format(req->http->scope, COOKIE_NAME "=%.*s; Path=/; Max-Age=%d; HttpOnly; SameSite=Lax%s", JB_FMT(text), COOKIE_S, jb__cookie_secure(req)));
}
