/* test_stream.c — streams over TCP and Unix sockets, addresses, deadlines. */
// SPDX-License-Identifier: Apache-2.0
#include "jb_test.h"
#include "net/net.h"
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* Accepts one connection and sends back what it hears. */
static void echo_once(void *arg)
{
    int fd = *(const int *)arg;
    struct jb_scope *scope = jb_scope_new("echo");
    char bytes[100000];
    size_t got;
    CHECK_OK(jb_wait_fd(scope, fd, JB_WAIT_READ, JB_NEVER));
    int accepted = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    CHECK(accepted >= 0);
    struct jb_stream *stream = jb_stream_open(accepted);
    while (jb_stream_read(stream, scope, bytes, 1000, &got) && got > 0)
        CHECK_OK(jb_stream_write(stream, scope, bytes, got));
    jb_stream_close(stream);
    jb_scope_end(scope);
}

static void check_echo(struct jb_scope *scope, struct jb_str address)
{
    int fd;
    char *sent = jb_alloc(scope, 200000), *heard = jb_alloc(scope, 200000);
    CHECK_OK(jb_listen(scope, address, false, &fd));
    jb_fiber_start("echo", echo_once, &fd);
    struct jb_stream *stream = jb_stream_connect(scope, jb_socket_address(scope, fd));
    CHECK_OK(stream);
    for (int i = 0; i < 200000; i++)
        sent[i] = (char)(i * 7);
    for (size_t at = 0; at < 200000; at += 2000) {
        CHECK_OK(jb_stream_write(stream, scope, sent + at, 2000));
        for (size_t heard_bytes = 0, got; heard_bytes < 2000; heard_bytes += got)
            CHECK_OK(jb_stream_read(stream, scope, heard + at + heard_bytes, 2000 - heard_bytes, &got) && got > 0);
    }
    CHECK(memcmp(sent, heard, 200000) == 0);
    jb_stream_close(stream);
    close(fd);
}

JB_FIBER_TEST("bytes go both ways over TCP of both versions and over Unix sockets")
{
    char directory[] = "/tmp/jb-stream-XXXXXX";
    CHECK(mkdtemp(directory));
    check_echo(scope, JB_STR("127.0.0.1:0"));
    check_echo(scope, JB_STR("localhost:0"));
    struct jb_str path = jb_format(scope, "unix:%s/socket", directory);
    check_echo(scope, path);
    check_echo(scope, path); /* the file a dead listener left behind is replaced */
    unlink(path.data + 5);
    rmdir(directory);
}

JB_FIBER_TEST("an address in use, an unknown form and a silent port are clear failures")
{
    static const char *const bad[] = { "", "8000", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536", "127.0.0.1:-1", "::1:80", "[::1:80", "unix:" };
    int fd, other;
    for (size_t i = 0; i < JB_COUNT(bad); i++)
        CHECK_FAILS(jb_listen(scope, jb_str_of(bad[i]), false, &fd), JB_INVALID);
    CHECK_FAILS(jb_stream_connect(scope, JB_STR(":80")), JB_INVALID);
    CHECK_OK(jb_listen(scope, JB_STR("127.0.0.1:0"), false, &fd));
    struct jb_str address = jb_socket_address(scope, fd);
    CHECK_FAILS(jb_listen(scope, address, false, &other), JB_CONFLICT);
    close(fd);
    CHECK_FAILS(jb_stream_connect(scope, address), JB_UNAVAILABLE);
    CHECK_FAILS(jb_stream_connect(scope, JB_STR("unix:/nowhere/at/all")), JB_UNAVAILABLE);
}

JB_FIBER_TEST("two listeners share a port when both want to")
{
    int first, second;
    CHECK_OK(jb_listen(scope, JB_STR("127.0.0.1:0"), true, &first));
    CHECK_OK(jb_listen(scope, jb_socket_address(scope, first), true, &second));
    close(first);
    close(second);
}

JB_FIBER_TEST("a read that nobody answers ends with the stream's timeout or the scope's deadline")
{
    int pair[2];
    char byte;
    size_t got = 77;
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0);
    struct jb_stream *stream = jb_stream_open(pair[0]);
    jb_stream_timeout(stream, 1);
    CHECK_FAILS(jb_stream_read(stream, scope, &byte, 1, &got), JB_TIMEOUT);
    CHECK_INT(got, 77);
    jb_stream_timeout(stream, 100);
    struct jb_scope *child = jb_scope_child(scope, "short");
    jb_deadline_set(child, jb_monotonic_us() + 20000);
    CHECK(!jb_stream_read(stream, child, &byte, 1, &got));
    CHECK_INT(jb_error(child), JB_TIMEOUT);
    jb_scope_end(child);
    close(pair[1]);
    CHECK_OK(jb_stream_read(stream, scope, &byte, 1, &got));
    CHECK_INT(got, 0);
    jb_stream_close(stream);
}

JB_FIBER_TEST("writing to somebody who has left is UNAVAILABLE, not a signal")
{
    int pair[2];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0);
    struct jb_stream *stream = jb_stream_open(pair[0]);
    close(pair[1]);
    CHECK_FAILS(jb_stream_write(stream, scope, "x", 1), JB_UNAVAILABLE);
    jb_stream_close(stream);
}
