/* child.c — a small process for the supervisor's tests: child KIND FILE.
 *
 * It appends one line when it starts and one when it has drained to FILE, which the test reads. */
// SPDX-License-Identifier: Apache-2.0
#include "run/run.h"
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *file;

static void note(const char *format, int number)
{
    char line[100];
    int size = snprintf(line, sizeof line, format, number);
    int fd = open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);

    JB_CHECK(fd >= 0 && write(fd, line, (size_t)size) == size);
    close(fd);
}

static void drain(void *arg)
{
    struct jb_scope *scope = jb_scope_new("child");

    (void)arg;
    note("started %d\n", getpid());
    jb_wait_stop(scope);
    note("drained %d\n", getpid());
    jb_scope_end(scope);
}

/* Takes one connection from the inherited socket and says hello. */
static void greet(void)
{
    int first = -1, count = jb_inherited_sockets(&first);

    note("sockets %d\n", count);
    int fd = accept(first, NULL, NULL);
    JB_CHECK(fd >= 0 && write(fd, "hello", 5) == 5);
    close(fd);
}

int main(int argc, char **argv)
{
    JB_CHECK(argc == 3);
    file = argv[2];
    jb_signals_open();
    if (strcmp(argv[1], "dies") == 0) {
        note("started %d\n", getpid());
        return 7;
    }
    if (strcmp(argv[1], "stubborn") == 0) {
        signal(SIGTERM, SIG_IGN);
        note("started %d\n", getpid());
        for (;;)
            pause();
    }
    if (strcmp(argv[1], "greets") == 0)
        greet();
    jb_loop_run(drain, NULL);
    return 0;
}
