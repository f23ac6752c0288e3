/* test_http_limits.c — what ends: time, clients, connections, descriptors and the server itself. */
// SPDX-License-Identifier: Apache-2.0
#include "talk.h"
#include <sys/resource.h>

/* What the handler saw, for tests that look at it. */
struct seen {
    int calls;
    enum jb_error error;
    int64_t bytes;
    bool gone, entered, go;
    size_t read;
};

static void handle(struct jb_http *http, void *arg)
{
    struct seen *seen = arg;
    struct jb_str body;
    seen->calls++;
    if (jb_http_body(http, 100, &body)) {
        jb_http_send(http, 200, NULL, 0, JB_STR("abcdef"));
        return;
    }
    seen->error = jb_error(http->scope);
    jb_http_send(http, 422, NULL, 0, JB_STR("no"));
}

/* ---- time ---------------------------------------------------------------------------------------------------------------------------------- */

/* Moves a held clock on until told to stop, while everything else runs. */
struct ticker {
    bool stop, stopped;
};

static void tick(void *arg)
{
    struct ticker *ticker = arg;
    while (!ticker->stop) {
        jb_clock_advance_us(JB_SECOND_US / 4);
        jb_yield();
    }
    ticker->stopped = true;
}

static struct ticker *tick_start(struct jb_scope *scope)
{
    struct ticker *ticker = JB_NEW(scope, struct ticker);
    jb_clock_hold(jb_now());
    jb_fiber_start("ticker", tick, ticker);
    return ticker;
}

static void tick_stop(struct ticker *ticker)
{
    ticker->stop = true;
    while (!ticker->stopped)
        jb_yield();
    jb_clock_release();
}

JB_FIBER_TEST("a head that does not come is a 408, an idle connection just ends")
{
    struct seen seen = { 0 };
    struct site site = site_open(scope, handle, &seen, (struct jb_http_limits){ 0 });
    struct ticker *ticker = tick_start(scope);
    CHECK(jb_str_starts(talk(scope, &site, "GET / HT"), JB_STR("HTTP/1.1 408 Request Timeout\r\n")));
    CHECK_TEXT(talk(scope, &site, ""), "");
    CHECK_TEXT(talk(scope, &site, GET("/length")), OK_HEAD "Content-Length: 6\r\n\r\nabcdef");
    struct jb_str all = talk(scope, &site, GET("/length") "GET ");
    CHECK(jb_str_find(all, JB_STR("abcdefHTTP/1.1 408 "), 0) != SIZE_MAX);
    tick_stop(ticker);
    site_close(&site);
}

JB_FIBER_TEST("a body that does not come is TIMEOUT for its handler and a 408")
{
    struct seen seen = { 0 };
    struct site site = site_open(scope, handle, &seen, (struct jb_http_limits){ 0 });
    struct ticker *ticker = tick_start(scope);
    CHECK(jb_str_starts(talk(scope, &site, "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc"), JB_STR("HTTP/1.1 408 ")));
    CHECK_INT(seen.error, JB_TIMEOUT);
    tick_stop(ticker);
    site_close(&site);
}

struct trickle {
    struct jb_stream *stream;
    int sent;
    bool stop, stopped;
};

/* A byte every five seconds: never idle, never done. */
static void trickle(void *arg)
{
    struct trickle *trickle = arg;
    struct jb_scope *scope = jb_scope_new("trickle");
    int64_t next_us = jb_monotonic_us();
    while (!trickle->stop) {
        if (jb_monotonic_us() >= next_us) {
            jb_stream_write(trickle->stream, scope, "x", 1);
            trickle->sent++;
            next_us += 5 * JB_SECOND_US;
        }
        jb_yield();
    }
    jb_scope_end(scope);
    trickle->stopped = true;
}

/* The beginning of the answer to a body of 60,000 bytes that trickles in. */
static struct jb_str talk_trickling(struct jb_scope *scope, jb_http_handle *handler, struct seen *seen)
{
    struct site site = site_open(scope, handler, seen, (struct jb_http_limits){ 0 });
    struct trickle trickling = { .stream = dial(scope, &site) };
    struct ticker *ticker = tick_start(scope);
    say(scope, trickling.stream, "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n");
    jb_fiber_start("trickle", trickle, &trickling);
    struct jb_str answer = hear(scope, trickling.stream, "\r\n\r\n");
    CHECK(trickling.sent < 100);
    trickling.stop = true;
    while (!trickling.stopped)
        jb_yield();
    tick_stop(ticker);
    jb_stream_close(trickling.stream);
    site_close(&site);
    return answer;
}

static void handle_without_body(struct jb_http *http, void *arg)
{
    (void)arg;
    jb_http_send(http, 404, NULL, 0, JB_STR(""));
}

JB_FIBER_TEST("an answer does not wait for a body that trickles in and that nobody reads")
{
    struct seen seen = { 0 };
    CHECK(jb_str_starts(talk_trickling(scope, handle_without_body, &seen), JB_STR("HTTP/1.1 404 ")));
}

static void handle_until(struct jb_http *http, void *arg)
{
    struct seen *seen = arg;
    struct jb_str body;
    jb_http_body_until(http, jb_monotonic_us() + 60 * JB_SECOND_US);
    CHECK(!jb_http_body(http, 100000, &body));
    seen->error = jb_error(http->scope);
    jb_http_send(http, 422, NULL, 0, JB_STR("no"));
}

JB_FIBER_TEST("a body that trickles in beyond its time is TIMEOUT for its handler and a 408")
{
    struct seen seen = { 0 };
    CHECK(jb_str_starts(talk_trickling(scope, handle_until, &seen), JB_STR("HTTP/1.1 408 ")));
    CHECK_INT(seen.error, JB_TIMEOUT);
}

static void handle_flood(struct jb_http *http, void *arg)
{
    static char block[65536];
    struct seen *seen = arg;
    CHECK(jb_http_begin(http, 200, NULL, 0, -1));
    while (jb_http_write(http, block, sizeof(block)))
        seen->bytes += sizeof(block);
    seen->error = jb_error(http->scope);
}

JB_FIBER_TEST("a reader that does not read is TIMEOUT for its handler")
{
    struct seen seen = { 0 };
    struct site site = site_open(scope, handle_flood, &seen, (struct jb_http_limits){ 0 });
    struct jb_stream *stream = dial(scope, &site);
    struct ticker *ticker = tick_start(scope);
    say(scope, stream, GET("/"));
    while (!seen.error)
        jb_yield();
    CHECK_INT(seen.error, JB_TIMEOUT);
    tick_stop(ticker);
    jb_stream_close(stream);
    site_close(&site);
}

static void handle_sleep(struct jb_http *http, void *arg)
{
    struct seen *seen = arg;
    seen->entered = true;
    jb_sleep(http->scope, 3600 * JB_SECOND_US);
    seen->error = jb_error(http->scope);
    seen->gone = jb_http_gone(http);
}

JB_FIBER_TEST("a client that leaves cancels its handler")
{
    struct seen seen = { 0 };
    struct site site = site_open(scope, handle_sleep, &seen, (struct jb_http_limits){ 0 });
    struct jb_stream *stream = dial(scope, &site);
    say(scope, stream, GET("/"));
    while (!seen.entered)
        jb_yield();
    jb_stream_close(stream);
    while (!seen.error)
        jb_yield();
    CHECK_INT(seen.error, JB_CANCELLED);
    CHECK(seen.gone);
    site_close(&site);
}

JB_FIBER_TEST("a client that has pipelined more and leaves cancels its handler too")
{
    struct seen seen = { 0 };
    struct site site = site_open(scope, handle_sleep, &seen, (struct jb_http_limits){ 0 });
    struct jb_stream *stream = dial(scope, &site);
    say(scope, stream, GET("/"));
    while (!seen.entered)
        jb_yield();
    say(scope, stream, GET("/"));
    for (int i = 0; i < 100; i++)
        jb_yield();
    CHECK(!seen.error);
    jb_stream_close(stream);
    while (!seen.error)
        jb_yield();
    CHECK_INT(seen.error, JB_CANCELLED);
    site_close(&site);
}

static void handle_read_late(struct jb_http *http, void *arg)
{
    struct seen *seen = arg;
    char bytes[16];
    size_t got;
    seen->entered = true;
    while (!seen->go)
        jb_yield();
    while (jb_http_body_read(http, bytes, sizeof bytes, &got) && got > 0)
        seen->read += got;
    if (!jb_failure(http->scope))
        jb_sleep(http->scope, 3600 * JB_SECOND_US); /* until the hang-up is noticed */
    seen->error = jb_error(http->scope);
}

JB_FIBER_TEST("what a client sent before it left is read, part of a body or all of it")
{
    for (size_t sent = 4; sent <= 6; sent += 2) {
        struct seen seen = { 0 };
        struct site site = site_open(scope, handle_read_late, &seen, (struct jb_http_limits){ 0 });
        struct jb_stream *stream = dial(scope, &site);
        say(scope, stream, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\n");
        while (!seen.entered)
            jb_yield();
        say(scope, stream, sent == 4 ? "1234" : "123456");
        jb_stream_close(stream);
        for (int i = 0; i < 100; i++)
            jb_yield();
        seen.go = true;
        while (!seen.error)
            jb_yield();
        CHECK_INT(seen.error, JB_CANCELLED);
        CHECK_INT(seen.read, sent);
        site_close(&site);
    }
}

/* ---- limits and the end ------------------------------------------------------------------------------------------------------------------------ */

JB_FIBER_TEST("connections beyond the limit hear 503, and come in again when others have left")
{
    struct seen seen = { 0 };
    struct site site = site_open(scope, handle, &seen, (struct jb_http_limits){ .connections = 2 });
    struct jb_stream *a = dial(scope, &site), *b = dial(scope, &site);
    say(scope, a, GET("/length"));
    hear(scope, a, "abcdef");
    say(scope, b, GET("/length"));
    hear(scope, b, "abcdef");
    CHECK(jb_str_starts(talk(scope, &site, GET("/length")), JB_STR("HTTP/1.1 503 Service Unavailable\r\n")));
    jb_stream_close(a);
    struct jb_str answer = JB_STR("HTTP/1.1 503 ");
    while (jb_str_starts(answer, JB_STR("HTTP/1.1 503 ")))
        answer = talk(scope, &site, LAST("/length"));
    CHECK(jb_str_ends(answer, JB_STR("abcdef")));
    jb_stream_close(b);
    site_close(&site);
}

JB_FIBER_TEST("a connection ends after its number of requests")
{
    struct seen seen = { 0 };
    struct site site = site_open(scope, handle, &seen, (struct jb_http_limits){ .requests = 2 });
    CHECK_TEXT(talk(scope, &site, GET("/length") GET("/length") GET("/length")), OK_HEAD "Content-Length: 6\r\n\r\nabcdef" OK_HEAD "Content-Length: 6\r\nConnection: close\r\n\r\nabcdef");
    CHECK_INT(seen.calls, 2);
    site_close(&site);
}

JB_FIBER_TEST("a process without free descriptors accepts again when there are some")
{
    struct seen seen = { 0 };
    struct rlimit limit, low;
    struct site site = site_open(scope, handle, &seen, (struct jb_http_limits){ 0 });
    CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    int next = dup(0);
    close(next);
    low = (struct rlimit){ (rlim_t)next + 1, limit.rlim_max };
    CHECK(setrlimit(RLIMIT_NOFILE, &low) == 0);
    struct jb_stream *stream = dial(scope, &site); /* takes the last one */
    say(scope, stream, GET("/length"));
    for (int i = 0; i < 100; i++)
        jb_yield();
    CHECK_INT(seen.calls, 0);
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    CHECK(jb_str_ends(hear(scope, stream, "abcdef"), JB_STR("abcdef")));
    jb_stream_close(stream);
    site_close(&site);
}

struct stopping {
    struct site site;
    int64_t patience_us;
    bool done;
};

static void stop(void *arg)
{
    struct stopping *stopping = arg;
    jb_http_server_stop(stopping->site.server, jb_monotonic_us() + stopping->patience_us);
    stopping->done = true;
}

static void handle_gate(struct jb_http *http, void *arg)
{
    struct seen *seen = arg;
    seen->entered = true;
    while (seen->bytes == 0 && jb_continue(http->scope))
        jb_yield();
    jb_http_send(http, 200, NULL, 0, JB_STR("finished"));
    seen->error = jb_error(http->scope);
}

JB_FIBER_TEST("a stopping server ends idle connections, lets requests finish and accepts no more")
{
    struct seen seen = { 0 };
    struct stopping stopping = { .site = site_open(scope, handle_gate, &seen, (struct jb_http_limits){ 0 }), .patience_us = 60 * JB_SECOND_US };
    struct jb_stream *idle = dial(scope, &stopping.site), *busy = dial(scope, &stopping.site);
    say(scope, busy, GET("/"));
    while (!seen.entered)
        jb_yield();
    jb_fiber_start("stop", stop, &stopping);
    CHECK_TEXT(hear(scope, idle, NULL), "");
    CHECK(!stopping.done);
    struct jb_stream *late = dial(scope, &stopping.site); /* the socket is open for the next generation: it waits in the queue */
    seen.bytes = 1;
    CHECK_TEXT(hear(scope, busy, NULL), OK_HEAD "Content-Length: 8\r\nConnection: close\r\n\r\nfinished");
    jb_stream_close(busy);
    while (!stopping.done)
        jb_yield();
    CHECK_INT(seen.calls, 0);
    jb_stream_close(late);
    jb_stream_close(idle);
    close(stopping.site.fd);
}

static void handle_stream(struct jb_http *http, void *arg)
{
    struct seen *seen = arg;
    CHECK(jb_http_begin(http, 200, NULL, 0, -1));
    CHECK(jb_http_write(http, "a", 1));
    seen->entered = true;
    while (seen->bytes == 0 && jb_continue(http->scope))
        jb_yield();
    jb_http_end(http);
}

JB_FIBER_TEST("a stopping server does not wait for another request where an answer had begun before")
{
    struct seen seen = { 0 };
    struct stopping stopping = { .site = site_open(scope, handle_stream, &seen, (struct jb_http_limits){ 0 }), .patience_us = 3600 * JB_SECOND_US };
    struct jb_stream *busy = dial(scope, &stopping.site);
    say(scope, busy, GET("/"));
    while (!seen.entered)
        jb_yield();
    jb_fiber_start("stop", stop, &stopping);
    jb_yield();
    seen.bytes = 1;
    CHECK_TEXT(hear(scope, busy, NULL), OK_HEAD "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n");
    jb_stream_close(busy);
    while (!stopping.done)
        jb_yield();
    close(stopping.site.fd);
}

JB_FIBER_TEST("a stopping server cancels what does not end by its deadline")
{
    struct seen seen = { 0 };
    struct stopping stopping = { .site = site_open(scope, handle_sleep, &seen, (struct jb_http_limits){ 0 }), .patience_us = 20000 };
    struct jb_stream *busy = dial(scope, &stopping.site), *half = dial(scope, &stopping.site);
    say(scope, half, "GET / HTTP/1.1\r\nHo");
    say(scope, busy, GET("/"));
    while (!seen.entered)
        jb_yield();
    stop(&stopping);
    CHECK_INT(seen.error, JB_CANCELLED);
    CHECK_TEXT(hear(scope, busy, NULL), "");
    CHECK_TEXT(hear(scope, half, NULL), "");
    jb_stream_close(busy);
    jb_stream_close(half);
    close(stopping.site.fd);
}

JB_FIBER_TEST("a thousand connections come and go at once")
{
    struct seen seen = { 0 };
    struct site site = site_open(scope, handle, &seen, (struct jb_http_limits){ 0 });
    struct jb_stream *streams[300];
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < JB_COUNT(streams); i++)
            streams[i] = dial(scope, &site);
        for (size_t i = 0; i < JB_COUNT(streams); i++)
            say(scope, streams[i], GET("/length"));
        for (size_t i = 0; i < JB_COUNT(streams); i++) {
            if (i % 3)
                CHECK(jb_str_ends(hear(scope, streams[i], "abcdef"), JB_STR("abcdef")));
            jb_stream_close(streams[i]);
        }
    }
    site_close(&site);
}

static void handle_second_thought(struct jb_http *http, void *arg)
{
    (void)arg;
    CHECK(jb_http_begin(http, 200, &(struct jb_header){ JB_STR("X-First"), JB_STR("1") }, 1, -1));
    CHECK(jb_http_take_back(http));
    CHECK(jb_http_begin(http, 422, NULL, 0, -1));
    CHECK(jb_http_write(http, "no", 2));
    CHECK(!jb_http_take_back(http));
    CHECK(jb_http_end(http));
}

JB_FIBER_TEST("an answer that has begun can be taken back until its first byte is out")
{
    struct site site = site_open(scope, handle_second_thought, NULL, (struct jb_http_limits){ 0 });
    CHECK_TEXT(talk(scope, &site, LAST("/")), "HTTP/1.1 422 Unprocessable Content\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n2\r\nno\r\n0\r\n\r\n");
    site_close(&site);
}
