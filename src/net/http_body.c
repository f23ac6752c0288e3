/* http_body.c — the body of a request, read when somebody asks for it: what nobody reads stays in the socket and slows its sender down. */
// SPDX-License-Identifier: Apache-2.0
#include "net/http_private.h"
#include <string.h>

void jb__body_start(struct jb__exchange *exchange)
{
    jb__chunk_init(&exchange->chunk);
    exchange->body_left = exchange->head.body_bytes;
    exchange->body_taken = 0;
    exchange->body_limit = exchange->head.body_bytes_max;
    exchange->body_until_us = JB_NEVER;
    exchange->body_done = exchange->head.body_bytes == 0;
    exchange->continue_due = exchange->head.expects_continue && !exchange->body_done;
    exchange->bad_status = 0;
}

static bool fail_limit(struct jb__exchange *exchange, struct jb_scope *scope)
{
    exchange->bad_status = 413;
    return jb_fail(scope, JB_LIMIT, JB_L(scope, "보낸 내용이 %lld바이트를 넘습니다.", "The body is longer than %lld bytes."), (long long)exchange->body_limit);
}

static bool fail_gone(struct jb__exchange *exchange, struct jb_scope *scope)
{
    exchange->gone = true;
    return jb_fail(scope, JB_CANCELLED, JB_L(scope, "보내는 쪽이 도중에 연결을 끊었습니다.", "The sender left before the body was complete."));
}

bool jb_http_body_limit(struct jb_http *http, int64_t bytes)
{
    struct jb__exchange *exchange = jb__exchange_of(http);
    exchange->body_limit = JB_MIN(exchange->body_limit, bytes);
    return exchange->head.body_bytes <= exchange->body_limit || fail_limit(exchange, http->scope);
}

void jb__exchange_left(struct jb__exchange *exchange)
{
    if (!exchange->left || !exchange->http.scope || !exchange->body_done)
        return;
    exchange->gone = true;
    jb_cancel(exchange->http.scope);
}

void jb_http_body_until(struct jb_http *http, int64_t until_us)
{
    jb__exchange_of(http)->body_until_us = until_us;
}

/* ---- from the socket ----------------------------------------------------------------------------------------------------- */

/* At least one byte, or a failure: a body never ends by the end of the connection. */
static bool receive(struct jb__exchange *exchange, struct jb_scope *scope, void *bytes, size_t size, size_t *ret_got)
{
    struct jb_stream *stream = exchange->connection->stream;
    size_t got;
    if (jb_monotonic_us() >= exchange->body_until_us) {
        exchange->bad_status = 408;
        return jb_fail(scope, JB_TIMEOUT, JB_L(scope, "보낸 내용이 너무 천천히 와서 기다리지 않았습니다. 다시 보내 주십시오.", "The body came too slowly to be waited for. Please send it again."));
    }
    jb_stream_timeout(stream, jb__server_limits(exchange->connection->server)->body_idle_s);
    if (!jb_stream_read(stream, scope, bytes, size, &got)) {
        if (jb_error(scope) == JB_TIMEOUT && jb_monotonic_us() < jb_deadline_us(scope))
            exchange->bad_status = 408;
        return false;
    }
    if (got == 0)
        return fail_gone(exchange, scope);
    *ret_got = got;
    return true;
}

/* The first read of a body whose sender waits for permission gives it, unless the body is coming already. */
static bool give_permission(struct jb__exchange *exchange, struct jb_scope *scope)
{
    static const char permission[] = "HTTP/1.1 100 Continue\r\n\r\n";
    if (!exchange->continue_due)
        return true;
    exchange->continue_due = false;
    if (exchange->start < exchange->filled || exchange->begun)
        return true;
    struct jb_stream *stream = exchange->connection->stream;
    jb_stream_timeout(stream, jb__server_limits(exchange->connection->server)->write_idle_s);
    return jb_stream_write(stream, scope, permission, sizeof(permission) - 1);
}

/* Up to `size` bytes, from the buffer first, then straight from the socket. */
static bool take(struct jb__exchange *exchange, struct jb_scope *scope, void *bytes, size_t size, size_t *ret_got)
{
    size_t buffered = exchange->filled - exchange->start;
    if (buffered == 0)
        return receive(exchange, scope, bytes, size, ret_got);
    *ret_got = JB_MIN(size, buffered);
    memcpy(bytes, exchange->bytes + exchange->start, *ret_got);
    exchange->start += *ret_got;
    return true;
}

static bool read_plain(struct jb__exchange *exchange, struct jb_scope *scope, void *bytes, size_t size, size_t *ret_got)
{
    size_t got;
    if (!take(exchange, scope, bytes, (size_t)JB_MIN((int64_t)size, exchange->body_left), &got))
        return false;
    exchange->body_left -= (int64_t)got;
    exchange->body_taken += (int64_t)got;
    exchange->body_done = exchange->body_left == 0;
    *ret_got = got;
    return true;
}

static bool read_chunked(struct jb__exchange *exchange, struct jb_scope *scope, void *bytes, size_t size, size_t *ret_got)
{
    struct jb__chunk *chunk = &exchange->chunk;
    for (;;) {
        size_t used, got;
        enum jb__chunked next = jb__chunk_feed(chunk, exchange->bytes + exchange->start, exchange->filled - exchange->start, &used);
        exchange->start += used;
        switch (next) {
        case JB__CHUNK_DATA:
            if (exchange->body_taken + chunk->left > exchange->body_limit || exchange->body_taken + chunk->left < 0)
                return fail_limit(exchange, scope);
            if (!take(exchange, scope, bytes, (size_t)JB_MIN((int64_t)size, chunk->left), &got))
                return false;
            jb__chunk_take(chunk, got);
            exchange->body_taken += (int64_t)got;
            *ret_got = got;
            return true;
        case JB__CHUNK_DONE:
            exchange->body_done = true;
            *ret_got = 0;
            return true;
        case JB__CHUNK_BAD:
            exchange->bad_status = 400;
            return jb_fail(scope, JB_INVALID, JB_L(scope, "보낸 내용의 chunked 형식이 올바르지 않습니다.", "The chunked coding of the body is malformed."));
        default:
            exchange->start = exchange->filled = exchange->head.size; /* all used: the room behind the head is free */
            if (!receive(exchange, scope, exchange->bytes + exchange->start, exchange->capacity - exchange->start, &got))
                return false;
            exchange->filled += got;
        }
    }
}

static bool body_read(struct jb__exchange *exchange, struct jb_scope *scope, void *bytes, size_t size, size_t *ret_got)
{
    JB_CHECK(size > 0);
    if (exchange->body_done) {
        *ret_got = 0;
        return true;
    }
    if (exchange->gone)
        return fail_gone(exchange, scope);
    if (exchange->bad_status == 413)
        return fail_limit(exchange, scope);
    if (!give_permission(exchange, scope))
        return false;
    bool ok = exchange->head.chunked ? read_chunked(exchange, scope, bytes, size, ret_got) : read_plain(exchange, scope, bytes, size, ret_got);
    jb__exchange_left(exchange);
    return ok;
}

bool jb_http_body_read(struct jb_http *http, void *bytes, size_t size, size_t *ret_got)
{
    return body_read(jb__exchange_of(http), http->scope, bytes, size, ret_got);
}

bool jb_http_body(struct jb_http *http, size_t bytes_max, struct jb_str *ret_body)
{
    if (!jb_http_body_limit(http, (int64_t)JB_MIN(bytes_max, (size_t)INT64_MAX)))
        return false;
    size_t size = 0, got = 1, capacity = http->body_bytes >= 0 ? (size_t)http->body_bytes : JB_MIN(bytes_max, (size_t)16 << 10);
    char *bytes = jb_alloc(http->scope, capacity + 1);
    while (got > 0) {
        if (size == capacity && !jb__exchange_of(http)->body_done) { /* chunks beyond: the arena keeps the halves, at most twice the body */
            char *larger = jb_alloc(http->scope, capacity * 2 + 1);
            memcpy(larger, bytes, size);
            bytes = larger;
            capacity *= 2;
        }
        if (!jb_http_body_read(http, bytes + size, capacity - size + (size == capacity), &got))
            return false;
        size += got;
    }
    *ret_body = (struct jb_str){ bytes, size };
    return true;
}

/* ---- leaving it ------------------------------------------------------------------------------------------------------------- */

void jb__body_settle(struct jb__exchange *exchange)
{
    char bytes[4096];
    int64_t drained = 0;
    size_t got = 1;
    bool short_enough = exchange->head.chunked || exchange->body_left <= JB__DRAIN_BYTES;

    if (exchange->body_done)
        return;
    if (exchange->continue_due || !short_enough || exchange->bad_status || exchange->gone) {
        exchange->keep_alive = false;
        return;
    }
    struct jb_scope *scope = jb_scope_child(exchange->http.scope, "drain"); /* what goes wrong here is not the handler's failure */
    jb_deadline_set(scope, jb_monotonic_us() + JB__DRAIN_US);
    while (!exchange->body_done && drained <= JB__DRAIN_BYTES && body_read(exchange, scope, bytes, sizeof(bytes), &got))
        drained += (int64_t)got;
    jb_scope_end(scope);
    if (exchange->body_done)
        return;
    exchange->keep_alive = false;
    if (exchange->bad_status != 400)
        exchange->bad_status = 0; /* slow or long: the handler's answer stands */
}
