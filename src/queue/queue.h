/* queue.h — tasks: work that goes on after the request.
 *
 * A task is declared once (name, payload record, run). jb_enqueue writes it in the caller's transaction: rolled back with it, visible with it. Workers claim with a lease that a
 * heartbeat renews; `true` is done, on `false` the error's kind decides between again (back-off) and failed (architecture §4). The entry stands in the main file, the lease in the
 * live file, so that heartbeats go on during a long merge. */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_QUEUE_QUEUE_H
#define JB_QUEUE_QUEUE_H

#include "store/store.h"

enum {
    JB_LOW = 2,
    JB_NORMAL = 5,
    JB_HIGH = 9,
};

struct jb_task {
    const char *name;      /* "transfer.import" */
    const char *queue;     /* NULL: "default" */
    const char *unique_by; /* payload fields: while such a task is queued or running, enqueueing it again is a no-op that succeeds; NULL: never */
    struct jb_record payload;
    bool (*run)(struct jb_scope *scope, const void *payload);
    /* After the last failed attempt, in a fresh scope. NULL: nothing. */
    void (*failed)(struct jb_scope *scope, const void *payload, const struct jb_failure *failure);
    int priority;     /* 1-9, 9 first; 0 means JB_NORMAL */
    int attempts_max; /* counts the first run; 0 means 3. As many starts in a row whose worker died end it, too (jb_task_moved) */
    int backoff_s;    /* wait before attempt n+1: backoff_s · 2^(n-1), at most 3,600; 0 means 1 */
    int timeout_s;    /* of one run; 0 means 1,800; -1 none */
    bool bulk;        /* long work that many wait behind: at most half of a worker's fibers run such tasks, and one fiber is always left for others */
};

#define JB_TASKS(...)               \
    (const struct jb_task *const[]) \
    {                               \
        __VA_ARGS__, NULL           \
    }

/* Models of the queue: entries and what has ended in the main file; leases, workers in the live file. */
extern const struct jb_model jb_queue_entry, jb_queue_history, jb_queue_lease, jb_queue_worker;
#define JB_QUEUE_MODELS &jb_queue_entry, &jb_queue_history, &jb_queue_lease, &jb_queue_worker

struct jb_enqueue {
    int delay_s;
    int priority;    /* 0: the task's */
    int64_t *ret_id; /* may be NULL */
};
#define jb_enqueue(scope, task, payload, ...) jb_enqueue_with((scope), (task), (payload), &(struct jb_enqueue){ __VA_ARGS__ })
bool jb_enqueue_with(struct jb_scope *scope, const struct jb_task *task, const void *payload, const struct jb_enqueue *how);

/* The service: which tasks exist. Tied to the scope like the database. */
struct jb_queue;
struct jb_queue *jb_queue_new(struct jb_scope *scope, const struct jb_task *const *tasks); /* fails INVALID on a name twice */
void jb_queue_lease_set(struct jb_queue *queue, int lease_s);                              /* of all who work here and say nothing else, jb_task_run_here too; else 10 */
void jb_queue_free(struct jb_queue *queue);
void jb_queue_use(struct jb_scope *scope, struct jb_queue *queue);

/* A root scope with the same services and language and neither transaction, deadline nor cancellation: for what must be written although its caller was cancelled, and for
 * work that goes on after its caller has answered. */
struct jb_scope *jb_scope_detached(struct jb_scope *scope, const char *name);

struct jb_work {
    const char *queues;   /* "default,email"; NULL: all */
    int concurrency;      /* fibers; 0: cores */
    int prefetch;         /* so many entries are claimed for each of them, with those that run; 0: 1 */
    const char *hostname; /* stands before host:pid in the worker's name; NULL: nothing does */
    int lease_s;          /* 0: jb_queue_lease_set's */
    int tasks_max;        /* then returns; 0: no limit (--max-tasks-per-child) */
    bool drain;           /* returns when nothing is left to run now (tests, `jangbu worker --drain`) */
};
/* Runs tasks on this loop until a stop is asked for (running ones are let finish, up to the supervisor's drain time; then they are cancelled and requeued, uncounted). */
bool jb_queue_work(struct jb_scope *scope, const struct jb_work *how);

/* The running task got further for good (it committed a part, where the next run goes on): workers that died before are not held against it. Free, but after a death. */
void jb_task_moved(struct jb_scope *scope);

/* Claims that one entry and runs it on this process (a small upload answered at once, the command line). false when it was not free to be claimed: somebody else runs or ran it.
 * Should this process die, a worker takes it over. */
bool jb_task_run_here(struct jb_scope *scope, int64_t id);

/* Within a running task. */
int64_t jb_task_id(const struct jb_scope *scope);  /* 0 outside */
int jb_task_attempt(const struct jb_scope *scope); /* 1… */
/* Asks a queued or running task to stop: queued ones are cancelled at once, running ones find their scope cancelled within a heartbeat (≤ 1 s). */
bool jb_task_cancel(struct jb_scope *scope, int64_t id);
/* Puts a failed or cancelled one back, attempts at 0. */
bool jb_task_retry(struct jb_scope *scope, int64_t id);
/* Workers whose heartbeat is younger than 3 leases. -1 on failure. */
int64_t jb_workers_alive(struct jb_scope *scope);
/* A supervisor that saw a child die frees its leases at once; a process of another machine that has the same number keeps its own. */
bool jb_queue_release_worker(struct jb_scope *scope, int pid);

#endif
