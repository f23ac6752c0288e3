/* talk.h — a server and its clients in one process, on fibers of one loop. */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_TEST_NET_TALK_H
#define JB_TEST_NET_TALK_H

#include "jb_test.h"
#include "net/net.h"
#include <string.h>
#include <unistd.h>

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"
#define LAST(path) "GET " path " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
#define OK_HEAD "HTTP/1.1 200 OK\r\n"

struct site {
    struct jb_http_server *server;
    struct jb_str address;
    int fd;
};

static inline struct site site_open(struct jb_scope *scope, jb_http_handle *handle, void *arg, struct jb_http_limits limits)
{
    struct site site;
    CHECK_OK(jb_listen(scope, JB_STR("127.0.0.1:0"), false, &site.fd));
    site.address = jb_socket_address(scope, site.fd);
    const struct jb_http_server_options options = { .limits = limits, .handle = handle, .arg = arg, .parent = scope };
    site.server = jb_http_server_start(&options, &site.fd, 1);
    return site;
}

static inline void site_close(struct site *site)
{
    jb_http_server_stop(site->server, jb_monotonic_us() + 10 * JB_SECOND_US);
    close(site->fd);
}

static inline struct jb_stream *dial(struct jb_scope *scope, const struct site *site)
{
    struct jb_stream *stream = jb_stream_connect(scope, site->address);
    CHECK_OK(stream);
    jb_stream_timeout(stream, 100000); /* with a held clock, only the server's patience ends */
    return stream;
}

static inline void say(struct jb_scope *scope, struct jb_stream *stream, const char *text)
{
    CHECK_OK(jb_stream_write(stream, scope, text, strlen(text)));
}

/* Reads until the text ends with `end`, or to the end of the connection when it is NULL. */
static inline struct jb_str hear(struct jb_scope *scope, struct jb_stream *stream, const char *end)
{
    struct jb_buf buf = JB_BUF_INIT((size_t)64 << 20);
    char bytes[65536];
    size_t got = 1;
    while (!end || !jb_str_ends(jb_buf_str(&buf), jb_str_of(end))) {
        if (!jb_stream_read(stream, scope, bytes, sizeof(bytes), &got)) {
            jb_failure_clear(scope); /* a reset ends it too */
            break;
        }
        if (got == 0)
            break;
        jb_buf_put_bytes(&buf, bytes, got);
    }
    struct jb_str text = jb_copy(scope, jb_buf_str(&buf));
    jb_buf_done(&buf);
    return text;
}

/* One connection: says all of it at once, hears everything until the server closes. */
static inline struct jb_str talk(struct jb_scope *scope, const struct site *site, const char *text)
{
    struct jb_stream *stream = dial(scope, site);
    say(scope, stream, text);
    struct jb_str answer = hear(scope, stream, NULL);
    jb_stream_close(stream);
    return answer;
}

#endif
