/* http_answer.c — answers: a head, then a body of known length, in chunks, or until the connection closes (RFC 9112 6).
 *
 * The head waits in `out` until the first bytes of the body go out with it in one writev. */
// SPDX-License-Identifier: Apache-2.0
#include "net/http_private.h"
#include <stdio.h>
#include <string.h>

#define HEAD_BYTES_MAX ((size_t)64 << 10)

static const struct reason {
    int status;
    const char *text;
} reasons[] = {
    { 200, "OK" },
    { 201, "Created" },
    { 202, "Accepted" },
    { 204, "No Content" },
    { 206, "Partial Content" },
    { 301, "Moved Permanently" },
    { 302, "Found" },
    { 303, "See Other" },
    { 304, "Not Modified" },
    { 307, "Temporary Redirect" },
    { 308, "Permanent Redirect" },
    { 400, "Bad Request" },
    { 401, "Unauthorized" },
    { 403, "Forbidden" },
    { 404, "Not Found" },
    { 405, "Method Not Allowed" },
    { 406, "Not Acceptable" },
    { 408, "Request Timeout" },
    { 409, "Conflict" },
    { 410, "Gone" },
    { 411, "Length Required" },
    { 412, "Precondition Failed" },
    { 413, "Content Too Large" },
    { 414, "URI Too Long" },
    { 415, "Unsupported Media Type" },
    { 416, "Range Not Satisfiable" },
    { 417, "Expectation Failed" },
    { 421, "Misdirected Request" },
    { 422, "Unprocessable Content" },
    { 426, "Upgrade Required" },
    { 428, "Precondition Required" },
    { 429, "Too Many Requests" },
    { 431, "Request Header Fields Too Large" },
    { 499, "Client Closed Request" },
    { 500, "Internal Server Error" },
    { 501, "Not Implemented" },
    { 502, "Bad Gateway" },
    { 503, "Service Unavailable" },
    { 504, "Gateway Timeout" },
    { 505, "HTTP Version Not Supported" },
    { 507, "Insufficient Storage" },
};

const char *jb_http_reason(int status)
{
    for (size_t i = 0; i < JB_COUNT(reasons); i++)
        if (reasons[i].status == status)
            return reasons[i].text;
    return "Unknown";
}

/* ---- the head ---------------------------------------------------------------------------------------------------------------- */

static void put_header(struct jb_buf *out, struct jb_str name, struct jb_str value)
{
    jb_buf_put(out, name);
    jb_buf_put(out, JB_STR(": "));
    jb_buf_put(out, value);
    jb_buf_put(out, JB_STR("\r\n"));
}

/* The handler's headers; what frames the answer is ours alone. */
static void put_headers(struct jb__exchange *exchange, const struct jb_header *headers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct jb_header *header = &headers[i];
        JB_CHECK(jb__is_token(header->name) && jb__is_field_value(header->value));
        JB_CHECK(!jb_str_equal_nocase(header->name, JB_STR("Content-Length")) && !jb_str_equal_nocase(header->name, JB_STR("Transfer-Encoding")));
        if (jb_str_equal_nocase(header->name, JB_STR("Connection"))) {
            JB_CHECK(jb_str_equal_nocase(header->value, JB_STR("close")));
            exchange->keep_alive = false;
            continue;
        }
        put_header(&exchange->out, header->name, header->value);
    }
}

/* How the end of the body will be known. */
static void put_framing(struct jb__exchange *exchange, int status, int64_t length)
{
    bool old = exchange->http.version_minor == 0;
    bool nothing = status == 204 || status == 304;
    exchange->bodyless = nothing || jb_str_is(exchange->http.method, "HEAD");
    exchange->chunked = length < 0 && !old && !nothing;
    exchange->answer_left = length;
    if (length >= 0 && !nothing)
        jb_buf_printf(&exchange->out, "Content-Length: %lld\r\n", (long long)length);
    if (exchange->chunked)
        jb_buf_put(&exchange->out, JB_STR("Transfer-Encoding: chunked\r\n"));
    if (length < 0 && old && !exchange->bodyless)
        exchange->keep_alive = false;
    if (!exchange->keep_alive)
        jb_buf_put(&exchange->out, JB_STR("Connection: close\r\n"));
    else if (old)
        jb_buf_put(&exchange->out, JB_STR("Connection: keep-alive\r\n"));
}

static void put_status(struct jb__exchange *exchange, int status)
{
    jb_buf_clear(&exchange->out);
    jb_buf_printf(&exchange->out, "HTTP/1.1 %d %s\r\n", status, jb_http_reason(status));
    jb_buf_put(&exchange->out, jb__server_date(exchange->connection->server));
}

static bool begin(struct jb__exchange *exchange, int status, const struct jb_header *headers, size_t count, int64_t length)
{
    JB_CHECK(!exchange->begun && status >= 200 && status <= 599);
    if (exchange->broken)
        return false;
    jb__body_settle(exchange);
    if (exchange->bad_status && status < 400) {
        jb__answer_plain(exchange, exchange->bad_status, "the body of the request was not acceptable");
        return jb_fail(exchange->http.scope, JB_INVALID, JB_L(exchange->http.scope, "보낸 내용을 받아들일 수 없어 %d(으)로 답했습니다.", "The body was not acceptable, so the answer became %d."), exchange->bad_status);
    }
    if (exchange->bad_status)
        status = exchange->bad_status;
    if (jb__server_stopping(exchange->connection->server))
        exchange->keep_alive = false;
    exchange->begun = true;
    exchange->http.status = status;
    put_status(exchange, status);
    put_headers(exchange, headers, count);
    put_framing(exchange, status, length);
    jb_buf_put(&exchange->out, JB_STR("\r\n"));
    JB_CHECK(!exchange->out.full);
    return true;
}

/* ---- sending ------------------------------------------------------------------------------------------------------------------ */

/* The waiting head and up to three parts. */
static bool send_parts(struct jb__exchange *exchange, struct iovec *parts, size_t count, bool more)
{
    struct jb_stream *stream = exchange->connection->stream;
    parts[0] = (struct iovec){ exchange->out.data, exchange->out.size };
    jb_stream_timeout(stream, jb__server_limits(exchange->connection->server)->write_idle_s);
    bool ok = !exchange->broken && jb__stream_writev(stream, exchange->http.scope, parts, count, more);
    jb_buf_clear(&exchange->out);
    exchange->broken = !ok;
    return ok;
}

static struct iovec part_of(const void *bytes, size_t size)
{
    return (struct iovec){ (void *)(uintptr_t)bytes, size };
}

bool jb__answer_flush(struct jb__exchange *exchange)
{
    struct iovec parts[1];
    return exchange->out.size == 0 || send_parts(exchange, parts, 1, false);
}

bool jb_http_send(struct jb_http *http, int status, const struct jb_header *headers, size_t count, struct jb_str body)
{
    struct jb__exchange *exchange = jb__exchange_of(http);
    if (!begin(exchange, status, headers, count, (int64_t)body.size))
        return false;
    if (exchange->bodyless)
        body.size = 0;
    struct iovec parts[2] = { { 0 }, part_of(body.data, body.size) };
    exchange->ended = send_parts(exchange, parts, 2, false);
    http->sent_bytes = exchange->ended ? (int64_t)body.size : 0;
    return exchange->ended;
}

bool jb_http_begin(struct jb_http *http, int status, const struct jb_header *headers, size_t count, int64_t length)
{
    return begin(jb__exchange_of(http), status, headers, count, length);
}

bool jb_http_write(struct jb_http *http, const void *bytes, size_t size)
{
    struct jb__exchange *exchange = jb__exchange_of(http);
    char hex[20];
    JB_CHECK(exchange->begun && !exchange->ended);
    if (size == 0 || exchange->bodyless)
        return !exchange->broken;
    if (exchange->answer_left >= 0) {
        JB_CHECK((int64_t)size <= exchange->answer_left); /* more than announced */
        exchange->answer_left -= (int64_t)size;
    }
    struct iovec parts[4] = { { 0 }, { 0 }, part_of(bytes, size), { 0 } };
    if (exchange->chunked) {
        static const char digits[] = "0123456789abcdef";
        char *at = hex + sizeof(hex);
        *--at = '\n';
        *--at = '\r';
        for (size_t rest = size; rest > 0; rest >>= 4)
            *--at = digits[rest & 15];
        parts[1] = part_of(at, (size_t)(hex + sizeof(hex) - at));
        parts[3] = part_of("\r\n", 2);
    }
    if (!send_parts(exchange, parts, 4, false))
        return false;
    http->sent_bytes += (int64_t)size;
    return true;
}

bool jb_http_end(struct jb_http *http)
{
    struct jb__exchange *exchange = jb__exchange_of(http);
    JB_CHECK(exchange->begun && !exchange->ended);
    if (!exchange->bodyless && exchange->answer_left > 0) {
        exchange->broken = true;
        return jb_fail(http->scope, JB_BROKEN, JB_L(http->scope, "답이 알린 길이보다 %lld바이트 짧습니다.", "The answer is %lld bytes shorter than announced."), (long long)exchange->answer_left);
    }
    struct iovec parts[2] = { { 0 }, part_of("0\r\n\r\n", exchange->chunked && !exchange->bodyless ? 5 : 0) };
    exchange->ended = send_parts(exchange, parts, 2, false);
    return exchange->ended;
}

bool jb_http_take_back(struct jb_http *http)
{
    struct jb__exchange *exchange = jb__exchange_of(http);
    if (!exchange->begun || exchange->ended || exchange->broken || exchange->out.size == 0)
        return false;
    jb_buf_clear(&exchange->out);
    exchange->begun = false;
    http->status = 0;
    return true;
}

bool jb_http_send_file(struct jb_http *http, int fd, int64_t offset, int64_t bytes)
{
    struct jb__exchange *exchange = jb__exchange_of(http);
    struct iovec parts[1];
    JB_CHECK(exchange->begun && !exchange->ended && bytes >= 0 && bytes <= exchange->answer_left);
    if (bytes == 0 || exchange->bodyless)
        return !exchange->broken;
    if (exchange->out.size > 0 && !send_parts(exchange, parts, 1, true))
        return false;
    if (exchange->broken || !jb__stream_send_file(exchange->connection->stream, http->scope, fd, offset, bytes)) {
        exchange->broken = true;
        return false;
    }
    exchange->answer_left -= bytes;
    http->sent_bytes += bytes;
    return true;
}

bool jb__answer_plain(struct jb__exchange *exchange, int status, const char *why)
{
    char text[256];
    int size = snprintf(text, sizeof(text), "%d %s: %s\n", status, jb_http_reason(status), why);
    JB_CHECK(size > 0 && (size_t)size < sizeof(text));
    exchange->begun = true;
    exchange->keep_alive = false;
    exchange->http.status = status;
    put_status(exchange, status);
    jb_buf_put(&exchange->out, JB_STR("Content-Type: text/plain; charset=utf-8\r\n"));
    put_framing(exchange, status, size);
    jb_buf_put(&exchange->out, JB_STR("\r\n"));
    if (!exchange->bodyless)
        jb_buf_put_bytes(&exchange->out, text, (size_t)size);
    exchange->ended = jb__stream_try_write(exchange->connection->stream, jb_buf_str(&exchange->out));
    exchange->broken = !exchange->ended;
    jb_buf_clear(&exchange->out);
    return exchange->ended;
}
