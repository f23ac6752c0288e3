/* test_process.c — the supervisor, with real children (child.c) that write what happens to them into a file. */
// SPDX-License-Identifier: Apache-2.0
#include "jb_test.h"
#include "run/run.h"
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct stage {
    char file[64];
    int death_pipe[2]; /* one byte per death */
    pid_t supervisor;
};

static void stage_open(struct stage *stage)
{
    snprintf(stage->file, sizeof stage->file, "/tmp/jb_test_process_XXXXXX");
    int fd = mkstemp(stage->file);
    CHECK(fd >= 0);
    close(fd);
    CHECK_INT(pipe(stage->death_pipe), 0);
}

static void stage_close(struct stage *stage)
{
    unlink(stage->file);
    close(stage->death_pipe[0]);
}

static void tell_death(const char *name, int pid, int status, void *arg)
{
    const struct stage *stage = arg;

    (void)name, (void)pid, (void)status;
    CHECK_INT(write(stage->death_pipe[1], "x", 1), 1);
}

/* Starts a supervisor process with one child of that kind. */
static void supervise(struct stage *stage, const char *kind, const int *sockets, size_t socket_count, int drain_s)
{
    const char *argv[] = { JB_TEST_CHILD, kind, stage->file, NULL };
    struct jb_child child = { .name = kind, .argv = argv, .sockets = socket_count > 0 };
    struct jb_supervise what = { .children = &child, .count = 1, .sockets = sockets, .socket_count = socket_count, .drain_s = drain_s, .died = tell_death, .arg = stage };

    stage->supervisor = fork();
    CHECK(stage->supervisor >= 0);
    if (stage->supervisor == 0)
        exit(jb_supervise(&what));
    close(stage->death_pipe[1]);
}

static int supervisor_end(struct stage *stage)
{
    int status;

    CHECK_INT(waitpid(stage->supervisor, &status, 0), stage->supervisor);
    return status;
}

static void await_death(struct stage *stage)
{
    char byte;

    CHECK_INT(read(stage->death_pipe[0], &byte, 1), 1);
}

/* The file's text once it has `lines` lines; the test's time limit ends a wait in vain. */
static struct jb_str await_lines(struct stage *stage, struct jb_scope *scope, int lines)
{
    char text[4096];

    for (;;) {
        int fd = open(stage->file, O_RDONLY), seen = 0;
        CHECK(fd >= 0);
        ssize_t size = read(fd, text, sizeof text);
        close(fd);
        for (ssize_t i = 0; i < size; i++)
            seen += text[i] == '\n';
        if (seen >= lines)
            return jb_copy(scope, (struct jb_str){ text, (size_t)size });
        poll(NULL, 0, 5);
    }
}

static int pid_in(struct jb_str text)
{
    int64_t pid;

    jb_str_cut(&text, ' ');
    CHECK(jb_str_to_int64(jb_str_cut(&text, '\n'), &pid));
    return (int)pid;
}

JB_TEST("a supervised child drains on SIGTERM and the whole ends with 0")
{
    struct stage stage;

    stage_open(&stage);
    supervise(&stage, "drains", NULL, 0, 0);
    int pid = pid_in(await_lines(&stage, scope, 1));
    CHECK_INT(kill(stage.supervisor, SIGTERM), 0);
    CHECK_INT(supervisor_end(&stage), 0);
    struct jb_str want = jb_format(scope, "started %d\ndrained %d\n", pid, pid);
    CHECK_STR(await_lines(&stage, scope, 2), want);
    stage_close(&stage);
}

JB_TEST("a child that is killed is started again at once")
{
    struct stage stage;

    stage_open(&stage);
    supervise(&stage, "drains", NULL, 0, 0);
    int pid = pid_in(await_lines(&stage, scope, 1));
    CHECK_INT(kill(pid, SIGKILL), 0);
    await_death(&stage);
    struct jb_str text = await_lines(&stage, scope, 2);
    jb_str_cut(&text, '\n');
    CHECK(pid_in(text) != pid);
    CHECK_INT(kill(stage.supervisor, SIGINT), 0);
    CHECK_INT(supervisor_end(&stage), 0);
    stage_close(&stage);
}

JB_TEST("a child that keeps dying is started again later each time")
{
    struct stage stage;

    stage_open(&stage);
    int64_t before_us = jb_monotonic_us();
    supervise(&stage, "dies", NULL, 0, 0);
    for (int i = 0; i < 4; i++)
        await_death(&stage);
    CHECK(jb_monotonic_us() - before_us >= 300000); /* 0 + 0.1 + 0.2 s */
    CHECK_INT(kill(stage.supervisor, SIGTERM), 0);
    CHECK_INT(supervisor_end(&stage), 0);
    stage_close(&stage);
}

JB_TEST("a supervisor that was started with SIGCHLD ignored still sees its children die")
{
    struct stage stage;

    stage_open(&stage);
    signal(SIGCHLD, SIG_IGN);
    supervise(&stage, "dies", NULL, 0, 0);
    signal(SIGCHLD, SIG_DFL);
    for (int i = 0; i < 2; i++)
        await_death(&stage);
    CHECK_INT(kill(stage.supervisor, SIGTERM), 0);
    CHECK_INT(supervisor_end(&stage), 0);
    stage_close(&stage);
}

JB_TEST("a child that does not drain in time is killed")
{
    struct stage stage;

    stage_open(&stage);
    supervise(&stage, "stubborn", NULL, 0, 1);
    int pid = pid_in(await_lines(&stage, scope, 1));
    CHECK_INT(kill(stage.supervisor, SIGTERM), 0);
    CHECK_INT(supervisor_end(&stage), 0);
    CHECK_INT(kill(pid, 0), -1);
    CHECK_INT(errno, ESRCH);
    stage_close(&stage);
}

JB_TEST("a killed supervisor leaves no child behind")
{
    struct stage stage;

    stage_open(&stage);
    supervise(&stage, "drains", NULL, 0, 0);
    await_lines(&stage, scope, 1);
    CHECK_INT(kill(stage.supervisor, SIGKILL), 0);
    supervisor_end(&stage);
    await_lines(&stage, scope, 2);
    stage_close(&stage);
}

static int listen_anywhere(struct sockaddr_in *ret_address)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    CHECK(fd >= 0);
    CHECK_INT(bind(fd, (struct sockaddr *)&address, size), 0);
    CHECK_INT(listen(fd, 10), 0);
    CHECK_INT(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    *ret_address = address;
    return fd;
}

JB_TEST("children serve the sockets that the supervisor bound, also the one after a death")
{
    struct stage stage;
    struct sockaddr_in address;
    int sockets[2] = { listen_anywhere(&address), listen_anywhere(&(struct sockaddr_in){ 0 }) };
    char text[6] = "";

    stage_open(&stage);
    supervise(&stage, "greets", sockets, 2, 0);
    for (int life = 0; life < 2; life++) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        CHECK_INT(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
        CHECK_INT(recv(fd, text, 5, MSG_WAITALL), 5);
        CHECK_TEXT(jb_str_of(text), "hello");
        close(fd);
        struct jb_str all = await_lines(&stage, scope, 2 * life + 2);
        CHECK(jb_str_starts(all, JB_STR("sockets 2\nstarted ")));
        jb_str_cut(&all, '\n');
        if (life == 0)
            CHECK_INT(kill(pid_in(all), SIGKILL), 0);
    }
    CHECK_INT(kill(stage.supervisor, SIGTERM), 0);
    CHECK_INT(supervisor_end(&stage), 0);
    close(sockets[0]);
    close(sockets[1]);
    stage_close(&stage);
}

JB_TEST("handlers of signals run on a stack of their own, not on a fiber's")
{
    struct sigaction action;

    jb_signals_open();
    CHECK_INT(sigaction(SIGTERM, NULL, &action), 0);
    CHECK(action.sa_flags & SA_ONSTACK);
    CHECK(!jb_stopping());
    CHECK_INT(raise(SIGTERM), 0);
    CHECK(jb_stopping());
}

JB_TEST("sockets are inherited only when as many listen as were announced")
{
    int first = -1;

    setenv("LISTEN_FDS", "250", 1);
    CHECK_INT(jb_inherited_sockets(&first), 0);
    setenv("LISTEN_FDS", "nonsense", 1);
    CHECK_INT(jb_inherited_sockets(&first), 0);
    unsetenv("LISTEN_FDS");
    CHECK_INT(jb_inherited_sockets(&first), 0);
    CHECK_INT(first, -1);
}
