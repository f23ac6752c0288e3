/* run.h — fibers on event loops, threads for what must block, processes under a supervisor.
 *
 * One loop (libuv) per thread.  A fiber runs on the loop that started it and never moves; code waits where it stands.  Every wait takes the
 * scope: it ends early, failing TIMEOUT, CANCELLED or — inside a database transaction — with an assertion (decisions.md H). */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_RUN_RUN_H
#define JB_RUN_RUN_H

#include "base/list.h"
#include "base/scope.h"

/* ---- loops ------------------------------------------------------------------------------------------------------ */

/* Makes a loop on this thread, runs `main` on a fiber and returns when `main` has returned and all other fibers have ended or been abandoned
 * (they are cancelled and get 5 s). For commands, tests and each thread of a server. */
void jb_loop_run(void (*main)(void *arg), void *arg);

/* Runs `main(index, arg)` on `threads` loops, one thread each (the first on this thread), and returns when all have. */
void jb_loop_run_threads(int threads, void (*main)(int index, void *arg), void *arg);

/* true on a fiber. */
bool jb_on_fiber(void);

/* Number of the loop within this process, 0…; -1 outside. */
int jb_loop_index(void);

/* For what belongs to this loop without a fiber (a watched connection that its fibers share): `run(arg)` is called on the loop's thread once all fibers have ended, newest first, unless taken back on
 * that thread before. The caller's memory. */
struct jb_loop_end {
    struct jb_list link;
    void (*run)(void *arg);
    void *arg;
};
void jb_loop_end_add(struct jb_loop_end *end);
void jb_loop_end_remove(struct jb_loop_end *end);

/* ---- fibers ------------------------------------------------------------------------------------------------------- */

struct jb_fiber;

/* Starts `main(arg)` on a fiber of this loop; it first runs when the caller waits. `name` must live for ever. The stack comes from a pool (guard page;
 * 128 KiB, `big` 256 KiB, sanitizer builds 1 MiB). Never NULL: when no stack can be mapped the process ends, so limit what starts fibers. */
struct jb_fiber *jb_fiber_start(const char *name, void (*main)(void *arg), void *arg);
struct jb_fiber *jb_fiber_start_big(const char *name, void (*main)(void *arg), void *arg);
struct jb_fiber *jb_fiber_self(void); /* NULL outside */
const char *jb_fiber_name(const struct jb_fiber *fiber);

/* Lets others run; returns soon. */
void jb_yield(void);
/* Waits; false (TIMEOUT, CANCELLED) when the scope ends first. scope may be NULL. Outside a fiber it blocks the thread. */
bool jb_sleep(struct jb_scope *scope, int64_t us);

/* Parks this fiber until jb_wake. A wake that came before the park is not lost. deadline_us (monotonic) may be JB_NEVER; the scope's counts too.
 * `scope` may be NULL: then only the wake and the deadline end it. Returns false, failing TIMEOUT or CANCELLED, when it was not woken. */
bool jb_park(struct jb_scope *scope, int64_t deadline_us);
/* Makes a parked fiber ready. From any thread; the fiber must not have ended (the waiter's own structures must guarantee that). */
void jb_wake(struct jb_fiber *fiber);

/* Waits until fd is readable or writable (or has hung up); a plain file always is. One waiter per fd and direction. Makes the fd non-blocking. */
enum jb_wait {
    JB_WAIT_READ,
    JB_WAIT_WRITE,
};
bool jb_wait_fd(struct jb_scope *scope, int fd, enum jb_wait what, int64_t deadline_us);

/* A watched descriptor, armed once for reading for its whole life (decisions.md A): what net/stream uses. If bytes or a hang-up arrive while the fiber
 * waits elsewhere, it notes and disarms until the next read wait. Close before close(fd). */
struct jb_watch;
struct jb_watch *jb_watch_open(int fd);
void jb_watch_close(struct jb_watch *watch);
bool jb_watch_wait(struct jb_watch *watch, struct jb_scope *scope, enum jb_wait what, int64_t deadline_us);
/* true once the peer was seen to hang up (POLLHUP, RDHUP) while nobody was reading. */
bool jb_watch_gone(const struct jb_watch *watch);

/* For connections that no fiber serves (net/http_serve: a connection holds no fiber while it is idle). `seen` runs on the loop, outside any fiber, each time bytes, a new
 * connection or the end arrive while no fiber waits to read; `gone`: the peer has hung up (POLLHUP, RDHUP, POLLERR). true keeps the watch armed (whoever returns it has read what
 * there was); false disarms reading until the next read wait or jb_watch_arm, but a hang-up is still told, once. `seen` may close its own watch. NULL ends it. */
typedef bool jb_watch_seen(void *arg, bool gone);
void jb_watch_notify(struct jb_watch *watch, jb_watch_seen *seen, void *arg);
void jb_watch_arm(struct jb_watch *watch);

/* Store calls between jb_begin and commit mark the fiber, so that any other wait inside a transaction asserts. Nests. */
void jb_fiber_forbid_waits(bool forbid);
/* Store's own waits bracket themselves with this, to be allowed all the same. */
void jb_fiber_allow_wait(bool allow);

/* Deepest stack use seen in the pool, bytes; for metrics. */
size_t jb_stack_high_water(void);

/* ---- locks and channels between fibers (of any loop) ---------------------------------------------------------------- */

/* A fair lock for fibers. Never held by a fiber that ends. */
struct jb_lock;
struct jb_lock *jb_lock_new(void);
void jb_lock_free(struct jb_lock *lock); /* nobody may be waiting; a fiber that was abandoned may hold it */
bool jb_lock_take(struct jb_lock *lock, struct jb_scope *scope);
void jb_lock_leave(struct jb_lock *lock);

/* A bounded queue of pointers (not NULL), any number of senders and receivers on any loops or offload threads. */
struct jb_channel;
struct jb_channel *jb_channel_new(size_t capacity);
void jb_channel_free(struct jb_channel *channel); /* nobody may be using it */
/* Waits while full; false when closed (fails CANCELLED) or the scope ends. On a plain thread it blocks the thread. */
bool jb_channel_send(struct jb_channel *channel, struct jb_scope *scope, void *item);
/* Waits while empty. false without a failure when closed and empty; false with one when the scope ends. */
bool jb_channel_receive(struct jb_channel *channel, struct jb_scope *scope, void **ret_item);
bool jb_channel_try_send(struct jb_channel *channel, void *item); /* never waits; any thread, also outside loops */
void jb_channel_close(struct jb_channel *channel);

/* ---- threads for what must block -------------------------------------------------------------------------------------- */

/* Runs `run(arg)` on a thread of the pool and waits for it to end, whatever the scope says (args usually live on this stack). Outside a fiber it runs right
 * here. The pool grows to 64 threads, so jobs may wait for each other at channels; whoever starts such jobs limits how many. */
void jb_offload(void (*run)(void *arg), void *arg);

/* A thread that does one thing at a time, in order of asking (SQLite's writers). */
struct jb_thread;
struct jb_thread *jb_thread_new(const char *name);
void jb_thread_free(struct jb_thread *thread); /* after its last call; NULL is fine */
/* As jb_offload, on that thread. Outside a fiber it blocks the caller. */
void jb_thread_call(struct jb_thread *thread, void (*run)(void *arg), void *arg);

/* ---- processes ---------------------------------------------------------------------------------------------------------- */

/* In a child or a single process: SIGTERM and SIGINT ask to stop. */
bool jb_stopping(void);
void jb_stop_request(void); /* as if SIGTERM had come */
/* Waits for that; true when it came, false when the scope ended. */
bool jb_wait_stop(struct jb_scope *scope);
/* Installs the handlers and ignores SIGPIPE; every long-running command calls it once before its loops. */
void jb_signals_open(void);

struct jb_child {
    const char *name;        /* for logs */
    const char *const *argv; /* ends with NULL */
    const char *path;        /* of the program; NULL: argv[0] */
    bool sockets;            /* gets the listening sockets, LISTEN_FDS-style (fd 3…; LISTEN_FDS, JB_LISTEN_PID unset: checked by count) */
};
struct jb_supervise {
    const struct jb_child *children;
    size_t count;
    const int *sockets; /* bound and listening, made by net's jb_listen; taken over, and closed when the end begins */
    size_t socket_count;
    int drain_s;                                                    /* after SIGTERM: how long children may finish; 0 means 30 */
    void (*died)(const char *name, int pid, int status, void *arg); /* may be NULL */
    void *arg;
};
/* Starts the children by exec, restarts one that dies (at once, then after 0.1 s, 0.2 s … 10 s; reset after 60 s of life), passes SIGTERM and SIGINT on,
 * kills what is left after drain_s. Opens no database, starts no thread. Returns the exit status for the whole: 0 after a wish to stop. Writes one log line per event. */
int jb_supervise(const struct jb_supervise *what);
/* fd of the first inherited socket and their number; 0 when none. */
int jb_inherited_sockets(int *ret_first);

/* ---- faults --------------------------------------------------------------------------------------------------------------- */

/* Named places where tests break the world: `if (JB_FAULT("store/bulk/flush", scope)) return false;`. Off, it costs one load. The sorted list of all names is
 * run/fault.c's; an unknown name in a setting is an error at start. */
#define JB_FAULT(name, scope) (__builtin_expect(__atomic_load_n(&jb_fault_armed, __ATOMIC_RELAXED), 0) && jb_fault_hit((name), (scope)))
extern bool jb_fault_armed;
bool jb_fault_hit(const char *name, struct jb_scope *scope);
/* `name=KIND[*times][@skip]` with KIND one of the error names, `crash` (SIGKILL to itself), `sleep:MS`; several separated by commas. From the environment
 * variable JANGBU_FAULTS at jb_fault_open, or from a test. Fails INVALID with the nearest known name. */
bool jb_fault_set(struct jb_scope *scope, struct jb_str faults);
bool jb_fault_open(struct jb_scope *scope);
void jb_fault_clear(void);

#endif
