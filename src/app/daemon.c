/* daemon.c — a command in the background.
 *
 * The lock on the pidfile, not the number in it, says that the process lives: it goes with the process, however that dies. The parent waits until the child is ready, so that a start that
 * fails is seen where it was asked for. */
// SPDX-License-Identifier: Apache-2.0
#include "app/daemon.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

static bool pidfile_take(struct jb_program *program, struct jb__daemon *daemon)
{
    struct jb_scope *scope = program->scope;
    struct jb_str path = jb__option(program, "pidfile");

    if (!path.data)
        return true;
    daemon->pid_fd = open(jb_cstr(scope, path), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (daemon->pid_fd < 0)
        return jb_fail_errno(scope, errno, JB_L(scope, "%.*s을(를) 만들지 못했습니다", "cannot make %.*s"), JB_FMT(path));
    if (flock(daemon->pid_fd, LOCK_EX | LOCK_NB) != 0)
        return jb_fail(scope, JB_CONFLICT, JB_L(scope, "%.*s의 프로세스가 이미 돌고 있습니다. 먼저 멈추거나 다른 --pidfile을 적으세요.", "the process of %.*s is running already. Stop it first, or give another --pidfile."), JB_FMT(path));
    char real[PATH_MAX];
    daemon->pidfile = realpath(jb_cstr(scope, path), real) ? jb_cstr(scope, jb_str_of(real)) : NULL;
    return true;
}

static bool pidfile_write(struct jb_scope *scope, const struct jb__daemon *daemon)
{
    if (daemon->pid_fd < 0)
        return true;
    if (ftruncate(daemon->pid_fd, 0) == 0 && dprintf(daemon->pid_fd, "%d\n", (int)getpid()) > 0)
        return true;
    return jb_fail_errno(scope, errno, JB_L(scope, "%s에 쓰지 못했습니다", "cannot write %s"), daemon->pidfile);
}

/* In the parent: 0 once the child is ready, otherwise what it ended with. */
static int wait_ready(int fd, pid_t child)
{
    char byte;
    ssize_t got;
    int status;

    while ((got = read(fd, &byte, 1)) < 0 && errno == EINTR)
        ;
    close(fd);
    if (got == 1)
        return 0;
    return waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : 70;
}

/* true in the child; in the parent, or when there is no child, *ret_status. */
static bool detach(struct jb_program *program, struct jb__daemon *daemon, int *ret_status)
{
    int ends[2];
    pid_t child = -1;

    fflush(NULL);
    if (pipe2(ends, O_CLOEXEC) != 0 || (child = fork()) < 0) {
        jb_fail_errno(program->scope, errno, JB_L(program->scope, "프로세스를 만들지 못했습니다", "cannot start a process"));
        *ret_status = jb__command_failed(program);
        return false;
    }
    if (child > 0) {
        close(ends[1]);
        *ret_status = wait_ready(ends[0], child);
        return false;
    }
    close(ends[0]);
    setsid();
    daemon->ready_fd = ends[1];
    return true;
}

bool jb__daemon_start(struct jb_program *program, struct jb__daemon *daemon, int *ret_status)
{
    *daemon = (struct jb__daemon){ .pid_fd = -1, .ready_fd = -1 };
    if (!pidfile_take(program, daemon)) {
        *ret_status = jb__command_failed(program);
        return false;
    }
    if (jb__flag(program, "detach") && !detach(program, daemon, ret_status))
        return false;
    if (pidfile_write(program->scope, daemon))
        return true;
    *ret_status = jb__command_failed(program);
    return false;
}

void jb__daemon_ready(struct jb__daemon *daemon)
{
    if (daemon->ready_fd < 0)
        return;
    int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = STDIN_FILENO; nowhere >= 0 && fd <= STDERR_FILENO; fd++)
        dup2(nowhere, fd);
    if (nowhere > STDERR_FILENO)
        close(nowhere);
    (void)!write(daemon->ready_fd, "", 1); /* a parent that has gone needs no telling */
    close(daemon->ready_fd);
    daemon->ready_fd = -1;
}

void jb__daemon_end(struct jb__daemon *daemon)
{
    if (daemon->pidfile)
        unlink(daemon->pidfile);
    if (daemon->pid_fd >= 0)
        close(daemon->pid_fd);
}
