/* test_http_serve.c — conversations with a whole server: framing of requests and answers, bodies, files, events. */
// SPDX-License-Identifier: Apache-2.0
#include "talk.h"
#include <stdio.h>
#include <stdlib.h>

/* What the handler saw, for tests that look at it. */
struct seen {
    int calls;
    enum jb_error error;
    int64_t bytes;
};

/* Answers "METHOD PATH [BODY]"; the path chooses what else it does. */
static void handle(struct jb_http *http, void *arg)
{
    struct seen *seen = arg;
    struct jb_str body = JB_STR("");
    seen->calls++;
    if (jb_str_is(http->path, "/unread")) {
        jb_http_send(http, 200, NULL, 0, JB_STR("unread"));
    } else if (jb_str_is(http->path, "/none")) {
        return;
    } else if (jb_str_is(http->path, "/204")) {
        jb_http_send(http, 204, NULL, 0, JB_STR(""));
    } else if (jb_str_is(http->path, "/304")) {
        jb_http_send(http, 304, NULL, 0, JB_STR(""));
    } else if (jb_str_is(http->path, "/stream")) {
        CHECK(jb_http_begin(http, 200, NULL, 0, -1));
        CHECK(jb_http_write(http, "one", 3) && jb_http_write(http, "", 0) && jb_http_write(http, "twelve bytes", 12) && jb_http_end(http));
    } else if (jb_str_is(http->path, "/length")) {
        if (jb_http_begin(http, 200, NULL, 0, 6) && jb_http_write(http, "abc", 3))
            jb_http_write(http, "def", 3);
    } else if (jb_str_is(http->path, "/short")) {
        CHECK(jb_http_begin(http, 200, NULL, 0, 6) && jb_http_write(http, "abc", 3) && !jb_http_end(http));
    } else if (jb_str_is(http->path, "/limited") && !jb_http_body_limit(http, 4)) {
        seen->error = jb_error(http->scope);
        jb_http_send(http, 413, NULL, 0, JB_STR("no"));
    } else if (!jb_http_body(http, 100000, &body)) {
        seen->error = jb_error(http->scope);
        jb_http_send(http, 422, NULL, 0, JB_STR("no"));
    } else {
        const struct jb_header headers[] = { { JB_STR("X-A"), JB_STR("b") } };
        struct jb_str text = jb_format(http->scope, "%.*s %.*s %.*s", JB_FMT(http->method), JB_FMT(http->path), JB_FMT(body));
        jb_http_send(http, 200, headers, 1, text);
    }
}

JB_FIBER_TEST("requests on one connection are answered one after the other")
{
    struct seen seen = { 0 };
    struct site site = site_open(scope, handle, &seen, (struct jb_http_limits){ 0 });
    struct jb_stream *stream = dial(scope, &site);
    say(scope, stream, GET("/a"));
    CHECK_TEXT(hear(scope, stream, "GET /a "), OK_HEAD "X-A: b\r\nContent-Length: 7\r\n\r\nGET /a ");
    say(scope, stream, "POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nxyz");
    CHECK_TEXT(hear(scope, stream, "xyz"), OK_HEAD "X-A: b\r\nContent-Length: 11\r\n\r\nPOST /b xyz");
    say(scope, stream, LAST("/c"));
    CHECK_TEXT(hear(scope, stream, NULL), OK_HEAD "X-A: b\r\nContent-Length: 7\r\nConnection: close\r\n\r\nGET /c ");
    jb_stream_close(stream);
    CHECK_INT(seen.calls, 3);
    site_close(&site);
}

JB_FIBER_TEST("pipelined requests are answered in order, whatever their bodies")
{
    struct seen seen = { 0 };
    struct site site = site_open(scope, handle, &seen, (struct jb_http_limits){ 0 });
    struct jb_str all = talk(scope, &site,
        "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc" GET("/2") "POST /3 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nde\r\n1;x=y\r\nf\r\n0\r\nT: v\r\n\r\n"
                                                                                "POST /unread HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n12345" LAST("/4"));
    CHECK_TEXT(all, OK_HEAD "X-A: b\r\nContent-Length: 11\r\n\r\nPOST /1 abc" OK_HEAD "X-A: b\r\nContent-Length: 7\r\n\r\nGET /2 " OK_HEAD
                            "X-A: b\r\nContent-Length: 11\r\n\r\nPOST /3 def" OK_HEAD "Content-Length: 6\r\n\r\nunread" OK_HEAD
                            "X-A: b\r\nContent-Length: 7\r\nConnection: close\r\n\r\nGET /4 ");
    site_close(&site);
}

JB_FIBER_TEST("a thousand pipelined requests are answered, however large the pile")
{
    struct seen seen = { 0 };
    struct site site = site_open(scope, handle, &seen, (struct jb_http_limits){ 0 });
    struct jb_buf pile = JB_BUF_INIT((size_t)1 << 20);
    for (int i = 0; i < 1000; i++)
        jb_buf_printf(&pile, "POST /p%d HTTP/1.1\r\nHost: a\r\nX-Pad: %0100d\r\nContent-Length: 2\r\n\r\nab", i, i);
    jb_buf_put_z(&pile, LAST("/end"));
    jb_buf_put_char(&pile, '\0');
    struct jb_str all = talk(scope, &site, pile.data);
    size_t at = 0;
    for (int i = 0; i < 1000; i++) {
        at = jb_str_find(all, jb_format(scope, "POST /p%d ab", i), at);
        CHECK(at != SIZE_MAX);
    }
    CHECK_INT(seen.calls, 1001);
    jb_buf_done(&pile);
    site_close(&site);
}

JB_FIBER_TEST("HEAD, 204 and 304 have no body, and the connection goes on behind them")
{
    struct seen seen = { 0 };
    struct site site = site_open(scope, handle, &seen, (struct jb_http_limits){ 0 });
    struct jb_str all = talk(scope, &site,
        "HEAD /h HTTP/1.1\r\nHost: a\r\n\r\n"
        "HEAD /stream HTTP/1.1\r\nHost: a\r\n\r\n"
        "HEAD /length HTTP/1.1\r\nHost: a\r\n\r\n" GET("/204") GET("/304") LAST("/x"));
    CHECK_TEXT(all, OK_HEAD "X-A: b\r\nContent-Length: 8\r\n\r\n" OK_HEAD "Transfer-Encoding: chunked\r\n\r\n" OK_HEAD
                            "Content-Length: 6\r\n\r\nHTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 304 Not Modified\r\n\r\n" OK_HEAD "X-A: b\r\nContent-Length: 7\r\nConnection: close\r\n\r\nGET /x ");
    site_close(&site);
}

JB_FIBER_TEST("HTTP/1.0 closes unless asked to stay, and hears no chunks")
{
    struct seen seen = { 0 };
    struct site site = site_open(scope, handle, &seen, (struct jb_http_limits){ 0 });
    CHECK_TEXT(talk(scope, &site, "GET /stream HTTP/1.0\r\n\r\n"), OK_HEAD "Connection: close\r\n\r\nonetwelve bytes");
    CHECK_TEXT(talk(scope, &site, "GET /length HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\nGET /length HTTP/1.0\r\n\r\n"),
        OK_HEAD "Content-Length: 6\r\nConnection: keep-alive\r\n\r\nabcdef" OK_HEAD "Content-Length: 6\r\nConnection: close\r\n\r\nabcdef");
    site_close(&site);
}

JB_FIBER_TEST("a streamed answer comes in chunks, each with its length")
{
    struct seen seen = { 0 };
    struct site site = site_open(scope, handle, &seen, (struct jb_http_limits){ 0 });
    CHECK_TEXT(talk(scope, &site, LAST("/stream")), OK_HEAD "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\none\r\nc\r\ntwelve bytes\r\n0\r\n\r\n");
    site_close(&site);
}

JB_FIBER_TEST("an answer shorter than announced ends the connection")
{
    struct seen seen = { 0 };
    struct site site = site_open(scope, handle, &seen, (struct jb_http_limits){ 0 });
    CHECK_TEXT(talk(scope, &site, GET("/short") GET("/a")), OK_HEAD "Content-Length: 6\r\n\r\nabc");
    site_close(&site);
}

JB_FIBER_TEST("a handler without an answer is a 500, and the connection ends")
{
    struct seen seen = { 0 };
    struct site site = site_open(scope, handle, &seen, (struct jb_http_limits){ 0 });
    CHECK(jb_str_starts(talk(scope, &site, GET("/none") GET("/a")), JB_STR("HTTP/1.1 500 Internal Server Error\r\n")));
    CHECK_INT(seen.calls, 1);
    site_close(&site);
}

JB_FIBER_TEST("what is no request is refused behind the answers to what is, and the connection ends")
{
    struct seen seen = { 0 };
    struct site site = site_open(scope, handle, &seen, (struct jb_http_limits){ 0 });
    struct jb_str all = talk(scope, &site, GET("/a") "GET / HTTP/1.1\r\n\r\n" GET("/b"));
    CHECK(jb_str_starts(all, JB_STR(OK_HEAD)));
    CHECK(jb_str_find(all, JB_STR("HTTP/1.1 400 Bad Request\r\n"), 0) != SIZE_MAX);
    CHECK(jb_str_ends(all, JB_STR("400 Bad Request: Host is missing\n")));
    CHECK_INT(seen.calls, 1);
    CHECK(jb_str_starts(talk(scope, &site, "GET / HTTP/3.0\r\n"), JB_STR("HTTP/1.1 505 ")));
    site_close(&site);
}

/* ---- bodies --------------------------------------------------------------------------------------------------------------- */

JB_FIBER_TEST("100 Continue is said when the body is read, not before and not twice")
{
    struct seen seen = { 0 };
    struct site site = site_open(scope, handle, &seen, (struct jb_http_limits){ 0 });
    struct jb_stream *stream = dial(scope, &site);
    say(scope, stream, "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\nExpect: 100-continue\r\n\r\n");
    CHECK_TEXT(hear(scope, stream, "\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
    say(scope, stream, "abc");
    say(scope, stream, "def");
    CHECK_TEXT(hear(scope, stream, "def"), OK_HEAD "X-A: b\r\nContent-Length: 14\r\n\r\nPOST /a abcdef");
    say(scope, stream, "POST /unread HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\nExpect: 100-continue\r\n\r\n");
    CHECK_TEXT(hear(scope, stream, NULL), OK_HEAD "Content-Length: 6\r\nConnection: close\r\n\r\nunread");
    jb_stream_close(stream);
    CHECK_TEXT(talk(scope, &site, "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\nConnection: close\r\n\r\nab"),
        OK_HEAD "X-A: b\r\nContent-Length: 10\r\nConnection: close\r\n\r\nPOST /a ab");
    site_close(&site);
}

JB_FIBER_TEST("a long body that nobody reads ends the connection, but the answer arrives")
{
    struct seen seen = { 0 };
    struct site site = site_open(scope, handle, &seen, (struct jb_http_limits){ 0 });
    struct jb_stream *stream = dial(scope, &site);
    char *body = jb_alloc(scope, 1 << 20);
    memset(body, 'x', 1 << 20);
    say(scope, stream, "POST /unread HTTP/1.1\r\nHost: a\r\nContent-Length: 1048576\r\n\r\n");
    jb_stream_write(stream, scope, body, 1 << 20);
    jb_failure_clear(scope);
    CHECK_TEXT(hear(scope, stream, NULL), OK_HEAD "Content-Length: 6\r\nConnection: close\r\n\r\nunread");
    jb_stream_close(stream);
    site_close(&site);
}

JB_FIBER_TEST("a malformed body is a 400 even when the handler does not read it or thinks otherwise")
{
    struct seen seen = { 0 };
    struct site site = site_open(scope, handle, &seen, (struct jb_http_limits){ 0 });
    CHECK(jb_str_starts(talk(scope, &site, "POST /unread HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n"), JB_STR("HTTP/1.1 400 ")));
    struct jb_str answer = talk(scope, &site, "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n" GET("/b"));
    CHECK(jb_str_starts(answer, JB_STR("HTTP/1.1 400 ")));
    CHECK(jb_str_ends(answer, JB_STR("\r\n\r\nno"))); /* the handler's page under our status */
    CHECK_INT(seen.error, JB_INVALID);
    CHECK_INT(seen.calls, 2);
    site_close(&site);
}

JB_FIBER_TEST("a body beyond its limit is a 413, announced or not")
{
    struct seen seen = { 0 };
    struct site site = site_open(scope, handle, &seen, (struct jb_http_limits){ .body_bytes = 1000 });
    CHECK(jb_str_starts(talk(scope, &site, "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n"), JB_STR("HTTP/1.1 413 ")));
    CHECK_INT(seen.calls, 0);
    CHECK(jb_str_starts(talk(scope, &site, "POST /limited HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n12345"), JB_STR("HTTP/1.1 413 ")));
    CHECK_INT(seen.error, JB_LIMIT);
    seen.error = JB_OK;
    CHECK(jb_str_starts(talk(scope, &site, "POST /limited HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"), JB_STR("HTTP/1.1 413 ")));
    CHECK_INT(seen.error, JB_LIMIT);
    CHECK(jb_str_starts(talk(scope, &site, "POST /limited HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n"), JB_STR("HTTP/1.1 200 ")));
    site_close(&site);
}

JB_FIBER_TEST("a body that breaks off is CANCELLED for its handler and gets no answer")
{
    struct seen seen = { 0 };
    struct site site = site_open(scope, handle, &seen, (struct jb_http_limits){ 0 });
    struct jb_stream *stream = dial(scope, &site);
    say(scope, stream, "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc");
    jb_stream_close(stream);
    site_close(&site);
    CHECK_INT(seen.calls, 1);
    CHECK_INT(seen.error, JB_CANCELLED);
}

/* ---- large ones --------------------------------------------------------------------------------------------------------------- */

#define LARGE_BYTES JB_TEST_MUCH((int64_t)256 << 20, (int64_t)1 << 20)

static bool read_body(void *arg, struct jb_scope *scope, void *bytes, size_t size, size_t *ret_got)
{
    (void)scope;
    return jb_http_body_read(arg, bytes, size, ret_got);
}

static void handle_upload(struct jb_http *http, void *arg)
{
    struct seen *seen = arg;
    struct jb_multipart_part part;
    static char bytes[65536];
    size_t got = 1;
    struct jb_multipart *multipart = jb_multipart_open(http->scope, jb_http_header(http, "content-type"), NULL, read_body, http);
    CHECK(multipart && jb_multipart_next(multipart, &part));
    while (got > 0) {
        CHECK(jb_multipart_read(multipart, bytes, sizeof(bytes), &got));
        seen->bytes += (int64_t)got;
    }
    CHECK(!jb_multipart_next(multipart, &part) && !jb_failure(http->scope));
    jb_http_send(http, 200, NULL, 0, JB_STR("done"));
}

static void upload(struct jb_scope *scope, bool chunked)
{
    static const char head[] = "--b\r\nContent-Disposition: form-data; name=f; filename=x\r\n\r\n", tail[] = "\r\n--b--\r\n";
    static char block[65536 + 16];
    struct seen seen = { 0 };
    struct site site = site_open(scope, handle_upload, &seen, (struct jb_http_limits){ 0 });
    struct jb_stream *stream = dial(scope, &site);
    int64_t before = jb_test_memory_kib();

    memset(block, '\r', sizeof(block));
    int64_t length = (int64_t)(strlen(head) + strlen(tail)) + LARGE_BYTES;
    struct jb_str framing = chunked ? JB_STR("Transfer-Encoding: chunked") : jb_format(scope, "Content-Length: %lld", (long long)length);
    struct jb_str text = jb_format(scope, "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=b\r\n%.*s\r\n\r\n", JB_FMT(framing));
    say(scope, stream, text.data);
    text = chunked ? jb_format(scope, "%zx\r\n%s\r\n", strlen(head), head) : jb_str_of(head);
    say(scope, stream, text.data);
    for (int64_t at = 0; at < LARGE_BYTES; at += 65536) {
        if (chunked)
            say(scope, stream, "10000\r\n");
        CHECK_OK(jb_stream_write(stream, scope, block, chunked ? 65536 + 1 : 65536)); /* a chunk ends with CR… */
        if (chunked)
            say(scope, stream, "\n");
    }
    text = chunked ? jb_format(scope, "%zx\r\n%s\r\n0\r\n\r\n", strlen(tail), tail) : jb_str_of(tail);
    say(scope, stream, text.data);
    hear(scope, stream, "done");
    jb_stream_close(stream);
    CHECK_INT(seen.bytes, LARGE_BYTES);
    CHECK(jb_test_memory_kib() - before < 8 * 1024);
    site_close(&site);
}

JB_FIBER_TEST("an upload of 256 MiB does not grow memory by 8 MiB")
{
    upload(scope, false);
}

JB_FIBER_TEST("an upload of 256 MiB in chunks does not grow memory by 8 MiB")
{
    upload(scope, true);
}

#ifdef JB_HOSTILE
#define FILE_BYTES 30000
#else
#define FILE_BYTES 3000000
#endif

static void handle_file(struct jb_http *http, void *arg)
{
    int fd = *(const int *)arg;
    CHECK(jb_http_begin(http, 200, NULL, 0, FILE_BYTES) && jb_http_send_file(http, fd, 1000, FILE_BYTES) && jb_http_end(http));
}

JB_FIBER_TEST("a part of a file is sent as it is, and only its head to HEAD")
{
    char path[] = "/tmp/jb-net-XXXXXX";
    int fd = mkstemp(path);
    CHECK(fd >= 0);
    unlink(path);
    char *bytes = jb_alloc(scope, FILE_BYTES + 1000);
    for (int i = 0; i < FILE_BYTES + 1000; i++)
        bytes[i] = (char)(i % 251);
    CHECK_INT(write(fd, bytes, FILE_BYTES + 1000), FILE_BYTES + 1000);
    struct site site = site_open(scope, handle_file, &fd, (struct jb_http_limits){ 0 });
    struct jb_str all = talk(scope, &site, "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n" LAST("/"));
    struct jb_str heads = jb_format(scope, OK_HEAD "Content-Length: %d\r\n\r\n" OK_HEAD "Content-Length: %d\r\nConnection: close\r\n\r\n", FILE_BYTES, FILE_BYTES);
    CHECK_INT(all.size, heads.size + FILE_BYTES);
    CHECK_STR(jb_str_slice(all, 0, heads.size), heads);
    CHECK(memcmp(all.data + heads.size, bytes + 1000, FILE_BYTES) == 0);
    site_close(&site);
    close(fd);
}

/* ---- events --------------------------------------------------------------------------------------------------------------------------- */

static void handle_events(struct jb_http *http, void *arg)
{
    (void)arg;
    CHECK(jb_events_begin(http, NULL, 0));
    CHECK(jb_events_send(http, 7, "progress", JB_STR("50")) && jb_events_ping(http));
    CHECK(jb_events_send(http, -1, NULL, JB_STR("a\nb\r\nc\rd\n")) && jb_events_send(http, -1, NULL, JB_STR("")));
    CHECK(jb_http_end(http));
}

JB_FIBER_TEST("events have one data line for each line, an id and a name when given")
{
    struct site site = site_open(scope, handle_events, NULL, (struct jb_http_limits){ 0 });
    struct jb_str all = talk(scope, &site, "GET / HTTP/1.0\r\n\r\n");
    CHECK(jb_str_find(all, JB_STR("Content-Type: text/event-stream; charset=utf-8\r\n"), 0) != SIZE_MAX);
    CHECK(jb_str_ends(all, JB_STR("\r\n\r\nid: 7\nevent: progress\ndata: 50\n\n:\n\ndata: a\ndata: b\ndata: c\ndata: d\ndata: \n\ndata: \n\n")));
    site_close(&site);
}
