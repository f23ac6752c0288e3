/* http_echo.c — a server for tests and measurements: reads the body of any request and answers 200 with it (bodies beyond 1 MiB: with their length).
 *
 * http_echo [ADDRESS [THREADS]] prints each thread's address and serves until SIGTERM. GET /file sends its own program file, /events three events, /none no answer at all. */
// SPDX-License-Identifier: Apache-2.0
#include "net/net.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define ECHO_BYTES_MAX ((size_t)1 << 20)

static struct jb_str address = { "127.0.0.1:0", 11 };
static int threads = 1;

static void answer_file(struct jb_http *http)
{
    struct stat status;
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    JB_CHECK(fd >= 0 && fstat(fd, &status) == 0);
    if (jb_http_begin(http, 200, NULL, 0, status.st_size) && jb_http_send_file(http, fd, 0, status.st_size))
        jb_http_end(http);
    close(fd);
}

static void answer_events(struct jb_http *http)
{
    if (!jb_events_begin(http, NULL, 0))
        return;
    for (int64_t id = 1; id <= 3; id++)
        if (!jb_events_send(http, id, "count", jb_format(http->scope, "%d", (int)id)) || !jb_sleep(http->scope, 1000))
            return;
    jb_http_end(http);
}

static void echo(struct jb_http *http, void *arg)
{
    const struct jb_header headers[] = { { JB_STR("Content-Type"), JB_STR("text/plain; charset=utf-8") } };
    struct jb_buf body = JB_BUF_INIT(ECHO_BYTES_MAX);
    char bytes[16384];
    int64_t size = 0;
    size_t got;
    (void)arg;

    if (jb_str_is(http->path, "/file")) {
        answer_file(http);
        return;
    }
    if (jb_str_is(http->path, "/events")) {
        answer_events(http);
        return;
    }
    if (jb_str_is(http->path, "/none"))
        return;
    for (;;) {
        if (!jb_http_body_read(http, bytes, sizeof(bytes), &got)) {
            jb_buf_done(&body);
            return;
        }
        if (got == 0)
            break;
        size += (int64_t)got;
        jb_buf_put_bytes(&body, bytes, got);
    }
    struct jb_str text = size > 0 ? jb_buf_str(&body) : JB_STR("hello, world\n");
    if (body.full)
        text = jb_format(http->scope, "%lld bytes\n", (long long)size);
    jb_http_send(http, 200, headers, 1, text);
    jb_buf_done(&body);
}

static void serve(int index, void *arg)
{
    struct jb_scope *scope = jb_scope_new("http_echo");
    int fd;
    (void)arg;
    if (!jb_listen(scope, address, threads > 1, &fd)) {
        struct jb_str text = jb_failure_text(scope);
        fprintf(stderr, "%.*s\n", JB_FMT(text));
        exit(1);
    }
    struct jb_str at = jb_socket_address(scope, fd);
    printf("%d %.*s\n", index, JB_FMT(at));
    fflush(stdout);
    const struct jb_http_server_options options = { .handle = echo, .parent = scope, .date = true };
    struct jb_http_server *server = jb_http_server_start(&options, &fd, 1);
    jb_wait_stop(scope);
    jb_http_server_stop(server, jb_monotonic_us() + 5 * JB_SECOND_US);
    close(fd);
    jb_scope_end(scope);
}

int main(int argc, char **argv)
{
    if (argc > 1)
        address = jb_str_of(argv[1]);
    if (argc > 2)
        threads = atoi(argv[2]);
    jb_signals_open();
    jb_loop_run_threads(threads, serve, NULL);
    return 0;
}
