/* command_serve.c — up, serve, worker: the commands that stay. */
// SPDX-License-Identifier: Apache-2.0
#include "app/command.h"
#include "app/daemon.h"
#include "app/site.h"
#include "base/log.h"
#include "net/net.h"
#include "run/run.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define THREADS_MAX 256
#define PROCESSES_MAX 200
#define SOCKETS_MAX 256 /* as many as the supervisor passes on */
#define DRAIN_SECONDS 30
#define SWEEP_SECONDS 3600
#define BURY_SECONDS 10 /* between looks for imports whose command died */

/* up tells its children, so that a worker may end itself after WORKER_MAX_TASKS_PER_CHILD and is started anew. */
#define SUPERVISED "JANGBU_SUPERVISED"
/* Process numbers of children that died, newest first. */
#define DIED "JANGBU_DIED"
#define DEAD_KEPT 4
#define SELF "/proc/self/exe" /* the program that runs, also after its file was replaced */

static int64_t core_count(void)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return cores > 0 ? cores : 1;
}

/* ---- deaths ---------------------------------------------------------------------------------------------------------------- */

/* The supervisor opens no database: whoever starts next frees what the dead one had leased. The last few are enough. */
static void note_death(const char *name, int pid, int status, void *arg)
{
    const char *before = getenv(DIED);
    char text[80];
    int numbers = 0;

    (void)name, (void)status, (void)arg;
    snprintf(text, sizeof text, "%d,%s", pid, before ? before : "");
    for (char *c = text; *c; c++)
        if (*c == ',' && ++numbers == DEAD_KEPT) {
            *c = '\0';
            break;
        }
    setenv(DIED, text, 1);
}

static void free_the_dead(struct jb_scope *scope)
{
    struct jb_str rest = jb_str_of(getenv(DIED));
    int64_t pid;

    while (rest.data)
        if (jb_str_to_int64(jb_str_cut(&rest, ','), &pid) && pid > 0 && !jb_queue_release_worker(scope, (int)pid))
            jb_failure_clear(scope); /* the leases run out by themselves */
}

/* ---- sockets ------------------------------------------------------------------------------------------------------------------ */

struct listening {
    int fds[SOCKETS_MAX];
    size_t count;
};

/* Several sockets of one address share it, and would share it with another program that does the same: half of the visitors would meet the other one. */
static bool is_free(struct jb_scope *scope, struct jb_str address)
{
    int fd;

    if (jb_str_starts(address, JB_STR("unix:")))
        return true;
    if (!jb_listen(scope, address, false, &fd))
        return false;
    close(fd);
    return true;
}

/* One socket per address and thread, so that the kernel spreads connections; port 0 is picked once and then shared. */
static bool listen_all(struct jb_program *program, int64_t threads, struct listening *listening)
{
    struct jb_scope *scope = program->scope;
    struct jb_str address = jb__option_at(program, "listen", 0);

    if (!address.data)
        address = JB_STR("127.0.0.1:8000");
    for (size_t i = 0; address.data; address = jb__option_at(program, "listen", ++i)) {
        if (!is_free(scope, address))
            return false;
        for (int64_t thread = 0; thread < threads; thread++) {
            if (listening->count == SOCKETS_MAX)
                return jb_fail(scope, JB_INVALID, JB_L(scope, "소켓이 너무 많습니다 (256개까지). --threads나 --listen을 줄이세요.", "too many sockets (at most 256). Use fewer --threads or --listen."));
            if (!jb_listen(scope, address, threads > 1 && !jb_str_starts(address, JB_STR("unix:")), &listening->fds[listening->count]))
                return false;
            address = jb_socket_address(scope, listening->fds[listening->count++]);
            if (jb_str_starts(address, JB_STR("unix:")))
                break;
        }
    }
    return true;
}

static void announce(struct jb_scope *scope, const struct listening *listening)
{
    struct jb_str last = JB_STR_NULL;
    for (size_t i = 0; i < listening->count; i++) {
        struct jb_str address = jb_socket_address(scope, listening->fds[i]);
        if (!jb_str_equal(address, last))
            jb_log(JB_LOG_NOTICE, "serve", "listening on %s%.*s", jb_str_starts(address, JB_STR("unix:")) ? "" : "http://", JB_FMT(address));
        last = address;
    }
}

/* ---- serve -------------------------------------------------------------------------------------------------------------------- */

struct serving {
    struct jb_program *program;
    struct jb_runtime *runtime;
    struct listening listening;
    int threads;
};

static void serve_on_loop(int index, void *arg)
{
    struct serving *serving = arg;
    struct jb_scope *scope = jb_scope_new("serve");
    int fds[SOCKETS_MAX];
    size_t count = 0;

    jb_language_set(scope, jb_language(serving->program->scope));
    jb__site_use(scope, serving->runtime);
    for (size_t i = (size_t)index; i < serving->listening.count; i += (size_t)serving->threads)
        fds[count++] = serving->listening.fds[i];

    struct jb_http_server *server = jb_http_server_start(&(struct jb_http_server_options){
                                                             .limits = { .body_bytes = serving->program->config.upload_bytes_max + (1 << 20) },
                                                             .handle = jb_web_handle,
                                                             .arg = serving->runtime->web,
                                                             .parent = scope,
                                                             .access_log = jb__flag(serving->program, "access-log"),
                                                             .date = true,
                                                         },
        fds, count);
    jb_wait_stop(scope);
    jb_http_server_stop(server, jb_monotonic_us() + DRAIN_SECONDS * JB_SECOND_US);
    jb_scope_end(scope);
}

static bool open_web(struct jb_program *program, struct jb_runtime **ret_runtime)
{
    struct jb_scope *scope = program->scope;

    return (*ret_runtime = jb__site_open(scope, program->site, &program->config)) && jb__site_open_web(scope, *ret_runtime);
}

static int serve_here(struct jb_program *program, int64_t threads)
{
    struct serving *serving = JB_NEW(program->scope, struct serving);
    int first;

    serving->program = program;
    serving->listening.count = (size_t)jb_inherited_sockets(&first);
    for (size_t i = 0; i < serving->listening.count; i++)
        serving->listening.fds[i] = first + (int)i;
    if (serving->listening.count == 0 && !listen_all(program, threads, &serving->listening))
        return jb__command_failed(program);
    serving->threads = (int)JB_MIN((size_t)threads, serving->listening.count);

    jb_signals_open();
    if (!open_web(program, &serving->runtime))
        return jb__command_failed(program);
    free_the_dead(program->scope);
    if (getenv(SUPERVISED))
        jb_log(JB_LOG_INFO, "serve", "ready: %d threads", serving->threads); /* the supervisor has said where */
    else
        announce(program->scope, &serving->listening);
    jb_loop_run_threads(serving->threads, serve_on_loop, serving);
    jb_log(JB_LOG_NOTICE, "serve", "stopped");
    return 0;
}

/* ---- children ------------------------------------------------------------------------------------------------------------------- */

/* argv of a child: this program, the command, every option that was given and that the command knows. */
static const char *const *child_arguments(struct jb_program *program, const char *name)
{
    static const char *const shared[] = { "config", "database", "cache", "broker", "log-level", "access-log", "threads", "concurrency", "tables" };
    struct jb_scope *scope = program->scope;
    const char **argv = JB_NEW_ARRAY(scope, const char *, program->given_count + 4);
    size_t count = 0;
    bool web = strcmp(name, "serve") == 0;

    argv[count++] = "jangbu"; /* what ps shows */
    argv[count++] = name;
    for (size_t i = 0; i < program->given_count; i++) {
        const struct jb_given *given = &program->given[i];
        for (size_t k = 0; k < JB_COUNT(shared); k++) {
            if (strcmp(shared[k], given->option->name) != 0)
                continue;
            bool web_only = k == 5 || k == 6, worker_only = k == 7, not_migrate = k == 8;
            if ((not_migrate && strcmp(name, "migrate") == 0) || (web_only && !web) || (worker_only && strcmp(name, "worker") != 0))
                continue;
            argv[count++] = given->value.data ? jb_cstr(scope, jb_format(scope, "--%s=%.*s", shared[k], JB_FMT(given->value)))
                                              : jb_cstr(scope, jb_format(scope, "--%s", shared[k]));
        }
    }
    return argv;
}

static struct jb_child child_of(struct jb_program *program, const char *name)
{
    return (struct jb_child){ .name = name, .path = SELF, .argv = child_arguments(program, name), .sockets = strcmp(name, "serve") == 0 };
}

static int supervise(const struct jb_child *children, size_t count, const struct listening *listening)
{
    setenv(SUPERVISED, "1", 1);
    return jb_supervise(&(struct jb_supervise){
        .children = children,
        .count = count,
        .sockets = listening->fds,
        .socket_count = listening->count,
        .drain_s = DRAIN_SECONDS,
        .died = note_death,
    });
}

int jb__command_serve(struct jb_program *program)
{
    int64_t threads, processes;
    int first;

    if (!jb__option_int(program, "threads", 1, THREADS_MAX, core_count(), &threads) ||
        !jb__option_int(program, "processes", 1, PROCESSES_MAX, 1, &processes))
        return jb__command_misused(program);
    if (!jb_config_public(program->scope, &program->config)) /* before an address is taken or a child started over and over */
        return jb__command_failed(program);
    if (processes == 1 || jb_inherited_sockets(&first) > 0)
        return serve_here(program, threads);

    struct listening *listening = JB_NEW(program->scope, struct listening);
    struct jb_child *children = JB_NEW_ARRAY(program->scope, struct jb_child, (size_t)processes);
    if (!listen_all(program, threads, listening))
        return jb__command_failed(program);
    announce(program->scope, listening);
    for (int64_t i = 0; i < processes; i++)
        children[i] = child_of(program, "serve");
    return supervise(children, (size_t)processes, listening);
}

/* The supervisor opens no database: the migration is a child too, and must end well before the others start. Its status; one that ended badly has said why. */
static int migrate_first(struct jb_program *program)
{
    struct jb_scope *scope = program->scope;
    const char *const *argv = child_arguments(program, "migrate");
    int status;

    fflush(NULL);
    pid_t child = fork();
    if (child < 0) {
        jb_fail(scope, JB_UNAVAILABLE, JB_L(scope, "프로세스를 만들지 못했습니다.", "cannot start a process."));
        return jb__command_failed(program);
    }
    if (child == 0) {
        dup2(STDERR_FILENO, STDOUT_FILENO);
        execv(SELF, (char *const *)argv);
        _exit(127);
    }
    if (waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) != 127)
        return WEXITSTATUS(status);
    jb_fail(scope, JB_UNAVAILABLE, JB_L(scope, "표를 모델에 맞추던 프로세스가 죽어 시작하지 않았습니다. jangbu migrate를 해 보세요.", "not started, because the process that brings the tables up to date died. Run jangbu migrate and see."));
    return jb__command_failed(program);
}

int jb__command_up(struct jb_program *program)
{
    struct listening *listening = JB_NEW(program->scope, struct listening);
    struct jb_child children[PROCESSES_MAX + 1];
    int64_t threads, processes, concurrency;
    size_t count = 0;

    if (!jb__option_int(program, "threads", 1, THREADS_MAX, core_count(), &threads) ||
        !jb__option_int(program, "processes", 1, PROCESSES_MAX, 1, &processes) ||
        !jb__option_int(program, "concurrency", 1, 10000, 0, &concurrency))
        return jb__command_misused(program);
    if (!jb_config_public(program->scope, &program->config))
        return jb__command_failed(program);
    int status = migrate_first(program);
    if (status != 0)
        return status;
    if (!listen_all(program, threads, listening))
        return jb__command_failed(program);
    announce(program->scope, listening);
    for (int64_t i = 0; i < processes; i++)
        children[count++] = child_of(program, "serve");
    children[count++] = child_of(program, "worker");
    return supervise(children, count, listening);
}

/* ---- worker ------------------------------------------------------------------------------------------------------------------------ */

struct working {
    struct jb_program *program;
    struct jb_work how;
    struct jb__daemon daemon;
    int status;
};

/* Dead attempts' files and expired previews: at start and every hour. Imports whose command died: soon. */
static void sweep(void *arg)
{
    struct jb_runtime *runtime = arg;
    int64_t swept_us = 0;

    for (;;) {
        struct jb_scope *scope = jb_scope_new("sweep");
        jb__site_use(scope, runtime);
        bool due = swept_us == 0 || jb_monotonic_us() - swept_us >= SWEEP_SECONDS * JB_SECOND_US;
        if (due)
            swept_us = jb_monotonic_us();
        if (!(due ? jb_transfer_sweep(scope) : jb_transfer_bury(scope))) {
            struct jb_str text = jb_failure_text(scope);
            jb_log(JB_LOG_WARNING, "worker", "sweeping: %.*s", JB_FMT(text));
            jb_failure_clear(scope);
        }
        bool again = jb_sleep(scope, BURY_SECONDS * JB_SECOND_US);
        jb_scope_end(scope);
        if (!again || jb_stopping())
            return;
    }
}

static void work_on_loop(void *arg)
{
    struct working *working = arg;
    struct jb_program *program = working->program;
    struct jb_scope *scope = program->scope;
    bool supervised = getenv(SUPERVISED) != NULL;

    struct jb_runtime *runtime = jb__site_open(scope, program->site, &program->config);
    if (!runtime || !jb__site_migrated(scope)) {
        working->status = jb__command_failed(program);
        return;
    }
    free_the_dead(scope);
    jb__daemon_ready(&working->daemon);
    if (!working->how.drain)
        jb_fiber_start("sweep", sweep, runtime);
    jb_log(JB_LOG_NOTICE, "worker", "ready: queues %s, concurrency %d", working->how.queues ? working->how.queues : "all", working->how.concurrency);
    do {
        if (!jb_queue_work(scope, &working->how)) {
            working->status = jb__command_failed(program);
            return;
        }
    } while (!supervised && !working->how.drain && !jb_stopping());
    jb_log(JB_LOG_NOTICE, "worker", "stopped");
}

int jb__command_worker(struct jb_program *program)
{
    struct working working = { .program = program };
    int64_t concurrency, tasks_max, prefetch, from_config = program->config.concurrency;
    bool drain = jb__flag(program, "drain"); /* to the end, and not as many as a child runs */
    struct jb_str queues = jb__option(program, "queues"), hostname = jb__option(program, "hostname");

    if (!jb__option_int(program, "concurrency", 1, 10000, from_config > 0 ? from_config : core_count(), &concurrency) ||
        !jb__option_int(program, "max-tasks-per-child", 0, INT32_MAX, drain ? 0 : program->config.tasks_per_child, &tasks_max) ||
        !jb__option_int(program, "prefetch", 1, 10000, program->config.prefetch, &prefetch))
        return jb__command_misused(program);
    working.how = (struct jb_work){
        .queues = queues.data ? jb_cstr(program->scope, queues) : NULL,
        .hostname = hostname.data ? jb_cstr(program->scope, hostname) : NULL,
        .concurrency = (int)concurrency,
        .prefetch = (int)prefetch,
        .tasks_max = (int)tasks_max,
        .drain = drain,
    };
    if (!jb__daemon_start(program, &working.daemon, &working.status))
        return working.status;
    jb_signals_open();
    jb_loop_run(work_on_loop, &working);
    jb__daemon_end(&working.daemon);
    return working.status;
}
