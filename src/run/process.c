/* process.c — the wish to stop, and the supervisor.
 *
 * The wish to stop is an eventfd that stays readable for ever once SIGTERM or SIGINT has come: a waiter watches a duplicate of it.
 *
 * The supervisor is one thread that waits for signals with a timeout and starts children by fork and exec at once.  It moves the listening sockets out of
 * the way first, so that each child finds them at descriptor 3 and up. */
// SPDX-License-Identifier: Apache-2.0
#include "run/run_private.h"
#include "base/log.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#if defined(__linux__)
#include <sys/prctl.h>
#endif

#define FIRST_SOCKET 3
#define SOCKETS_MAX 256
#define CHILDREN_MAX 256
#define BACK_OFF_FIRST_US (JB_SECOND_US / 10)
#define BACK_OFF_MAX_US (10 * JB_SECOND_US)
#define LONG_LIFE_US (60 * JB_SECOND_US)
#define DRAIN_S 30

/* ---- the wish to stop ------------------------------------------------------------------------------------------------------- */

static int stop_fd = -1;
static atomic_bool stopping;

static void open_stop_fd(void)
{
    stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    JB_CHECK(stop_fd >= 0);
}

static void need_stop_fd(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, open_stop_fd);
}

/* Also a signal handler: nothing but an atomic and a write. */
static void request(int number)
{
    int error = errno;
    uint64_t one = 1;

    (void)number;
    atomic_store(&stopping, true);
    if (write(stop_fd, &one, sizeof one) < 0)
        errno = error; /* full of wishes already */
    errno = error;
}

void jb_stop_request(void)
{
    need_stop_fd();
    request(0);
}

bool jb_stopping(void)
{
    return atomic_load(&stopping);
}

bool jb_wait_stop(struct jb_scope *scope)
{
    need_stop_fd();
    int fd = fcntl(stop_fd, F_DUPFD_CLOEXEC, FIRST_SOCKET);
    JB_CHECK(fd >= 0);
    while (!jb_stopping())
        if (!jb_wait_fd(scope, fd, JB_WAIT_READ, JB_NEVER))
            break;
    close(fd);
    return jb_stopping();
}

static void handle(int number, void (*handler)(int))
{
    struct sigaction action = { .sa_handler = handler, .sa_flags = SA_RESTART | SA_ONSTACK }; /* a fiber's stack may be nearly full */

    sigemptyset(&action.sa_mask);
    JB_CHECK(sigaction(number, &action, NULL) == 0);
}

void jb_signals_open(void)
{
    need_stop_fd();
    handle(SIGTERM, request);
    handle(SIGINT, request);
    handle(SIGPIPE, SIG_IGN);
}

/* ---- children ------------------------------------------------------------------------------------------------------------------ */

struct life {
    const struct jb_child *child;
    int pid;                      /* 0: not running */
    int64_t started_us, start_us; /* when it was, when it will be */
    int64_t back_off_us;
};

struct supervisor {
    const struct jb_supervise *what;
    struct life *lives;
    int sockets[SOCKETS_MAX];
    size_t socket_count;
    sigset_t signals, before;
    int pid;
    bool ending, killed;
    int64_t kill_us;
    char count_text[32]; /* LISTEN_FDS=… */
};

static _Noreturn void become(const struct supervisor *supervisor, const struct jb_child *child)
{
    size_t count = child->sockets ? supervisor->socket_count : 0;

#if defined(__linux__)
    prctl(PR_SET_PDEATHSIG, SIGTERM); /* a killed supervisor leaves nobody behind, not even now */
    if (getppid() != supervisor->pid)
        _exit(0);
#endif
    for (size_t i = 0; i < count; i++)
        if (dup2(supervisor->sockets[i], FIRST_SOCKET + (int)i) < 0)
            _exit(127);
    unsetenv("LISTEN_PID");
    if (count > 0)
        putenv((char *)supervisor->count_text);
    else
        unsetenv("LISTEN_FDS");
    sigprocmask(SIG_SETMASK, &supervisor->before, NULL);
    const char *path = child->path ? child->path : child->argv[0];
    execv(path, (char *const *)child->argv);
    fprintf(stderr, "%s: %s\n", path, strerror(errno));
    _exit(127);
}

static void start_child(struct supervisor *supervisor, struct life *life)
{
    fflush(NULL);
    int pid = fork();

    life->started_us = jb_monotonic_us();
    if (pid == 0)
        become(supervisor, life->child);
    if (pid < 0) {
        life->start_us = life->started_us + JB_SECOND_US;
        jb_log(JB_LOG_ERROR, "run", "cannot start %s: %s; trying again in 1 s", life->child->name, strerror(errno));
        return;
    }
    life->pid = pid;
    jb_log(JB_LOG_INFO, "run", "started %s (pid %d)", life->child->name, pid);
}

static void describe(int status, char *out, size_t size)
{
    if (WIFSIGNALED(status))
        snprintf(out, size, "killed by signal %d, %s", WTERMSIG(status), strsignal(WTERMSIG(status)));
    else
        snprintf(out, size, "exit status %d", WEXITSTATUS(status));
}

/* Its next start: at once after a first death, then later and later; a long life makes good. */
static void plan_restart(struct life *life, int64_t now_us)
{
    if (now_us - life->started_us >= LONG_LIFE_US)
        life->back_off_us = 0;
    life->start_us = now_us + life->back_off_us;
    life->back_off_us = life->back_off_us == 0 ? BACK_OFF_FIRST_US : JB_MIN(life->back_off_us * 2, BACK_OFF_MAX_US);
}

static void died(struct supervisor *supervisor, int pid, int status)
{
    const struct jb_supervise *what = supervisor->what;
    char how[80];

    describe(status, how, sizeof how);
    for (size_t i = 0; i < what->count; i++) {
        struct life *life = &supervisor->lives[i];
        if (life->pid != pid)
            continue;
        life->pid = 0;
        int64_t now_us = jb_monotonic_us();
        plan_restart(life, now_us);
        if (supervisor->ending)
            jb_log(JB_LOG_INFO, "run", "%s (pid %d) has ended: %s", life->child->name, pid, how);
        else
            jb_log(JB_LOG_WARNING, "run", "%s (pid %d) died: %s; starting it again in %.1f s", life->child->name, pid, how, (double)(life->start_us - now_us) / JB_SECOND_US);
        if (what->died)
            what->died(life->child->name, pid, status, what->arg);
    }
}

static void reap(struct supervisor *supervisor)
{
    int pid, status;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        died(supervisor, pid, status);
}

static size_t signal_all(struct supervisor *supervisor, int number)
{
    size_t running = 0;

    for (size_t i = 0; i < supervisor->what->count; i++)
        if (supervisor->lives[i].pid) {
            running++;
            if (number)
                kill(supervisor->lives[i].pid, number);
        }
    return running;
}

/* Nobody would accept what still comes; and a successor may listen while the last children finish. */
static void close_sockets(struct supervisor *supervisor)
{
    for (size_t i = 0; i < supervisor->socket_count; i++)
        close(supervisor->sockets[i]);
    supervisor->socket_count = 0;
}

static void begin_ending(struct supervisor *supervisor, int number)
{
    int drain_s = supervisor->what->drain_s ? supervisor->what->drain_s : DRAIN_S;
    size_t running = signal_all(supervisor, number);

    if (!supervisor->ending)
        supervisor->kill_us = jb_monotonic_us() + drain_s * JB_SECOND_US;
    supervisor->ending = true;
    close_sockets(supervisor);
    jb_log(JB_LOG_NOTICE, "run", "stopping: %s; %zu children have %d s to finish", strsignal(number), running, drain_s);
}

/* Starts and kills what is due; returns when something will be again. */
static int64_t look_at_the_clock(struct supervisor *supervisor)
{
    int64_t now_us = jb_monotonic_us(), next_us = JB_NEVER;

    if (supervisor->ending) {
        if (supervisor->killed || now_us < supervisor->kill_us)
            return supervisor->killed ? JB_NEVER : supervisor->kill_us;
        supervisor->killed = true;
        size_t running = signal_all(supervisor, SIGKILL);
        jb_log(JB_LOG_WARNING, "run", "killed %zu children that did not finish in time", running);
        return JB_NEVER;
    }
    for (size_t i = 0; i < supervisor->what->count; i++) {
        struct life *life = &supervisor->lives[i];
        if (!life->pid && life->start_us <= now_us)
            start_child(supervisor, life);
        if (!life->pid)
            next_us = JB_MIN(next_us, life->start_us);
    }
    return next_us;
}

static void wait_for_signal(struct supervisor *supervisor, int64_t until_us)
{
    int64_t wait_us = JB_MAX(JB_MIN(until_us - jb_monotonic_us(), 3600 * JB_SECOND_US), 0);
    struct timespec timeout = { wait_us / JB_SECOND_US, wait_us % JB_SECOND_US * 1000 };
    int number = sigtimedwait(&supervisor->signals, NULL, &timeout);

    if (number == SIGTERM || number == SIGINT)
        begin_ending(supervisor, number);
    reap(supervisor);
}

static void open_supervisor(struct supervisor *supervisor, const struct jb_supervise *what)
{
    JB_CHECK(what->socket_count <= SOCKETS_MAX && what->count > 0 && what->count <= CHILDREN_MAX);
    supervisor->what = what;
    supervisor->pid = getpid();
    supervisor->lives = calloc(what->count, sizeof *supervisor->lives);
    JB_CHECK(supervisor->lives);
    for (size_t i = 0; i < what->count; i++)
        supervisor->lives[i].child = &what->children[i];
    for (size_t i = 0; i < what->socket_count; i++) {
        supervisor->sockets[i] = fcntl(what->sockets[i], F_DUPFD_CLOEXEC, FIRST_SOCKET + SOCKETS_MAX);
        JB_CHECK(supervisor->sockets[i] >= 0);
        close(what->sockets[i]);
    }
    supervisor->socket_count = what->socket_count;
    snprintf(supervisor->count_text, sizeof supervisor->count_text, "LISTEN_FDS=%zu", what->socket_count);
    sigemptyset(&supervisor->signals);
    sigaddset(&supervisor->signals, SIGTERM);
    sigaddset(&supervisor->signals, SIGINT);
    sigaddset(&supervisor->signals, SIGCHLD);
    sigprocmask(SIG_BLOCK, &supervisor->signals, &supervisor->before);
    handle(SIGCHLD, SIG_DFL); /* whoever started us may have ignored it: then no death would be told */
}

static void close_supervisor(struct supervisor *supervisor)
{
    close_sockets(supervisor);
    sigprocmask(SIG_SETMASK, &supervisor->before, NULL);
    free(supervisor->lives);
}

int jb_supervise(const struct jb_supervise *what)
{
    struct supervisor supervisor = { .ending = false };

    open_supervisor(&supervisor, what);
    do {
        wait_for_signal(&supervisor, look_at_the_clock(&supervisor));
    } while (!supervisor.ending || signal_all(&supervisor, 0) > 0);
    close_supervisor(&supervisor);
    return 0;
}

/* ---- inherited sockets ------------------------------------------------------------------------------------------------------------ */

static bool listens(int fd)
{
    int truth = 0;

    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &truth, &(socklen_t){ sizeof truth }) == 0 && truth;
}

/* LISTEN_PID, when a system's manager set it, must name us. */
int jb_inherited_sockets(int *ret_first)
{
    struct jb_str count_text = jb_str_of(getenv("LISTEN_FDS")), pid_text = jb_str_of(getenv("LISTEN_PID"));
    int64_t count, pid;

    if (!jb_str_to_int64(count_text, &count) || count < 1 || count > SOCKETS_MAX)
        return 0;
    if (pid_text.data && (!jb_str_to_int64(pid_text, &pid) || pid != getpid()))
        return 0;
    for (int i = 0; i < count; i++) {
        if (!listens(FIRST_SOCKET + i))
            return 0;
        fcntl(FIRST_SOCKET + i, F_SETFD, FD_CLOEXEC);
    }
    *ret_first = FIRST_SOCKET;
    return (int)count;
}
