/* queue_private.h — what the files of the queue share.
 *
 * The scope's slot points to a jb__queue_slot: the service, and within a running task that task. */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_QUEUE_PRIVATE_H
#define JB_QUEUE_PRIVATE_H

#include "queue/queue.h"
#include "base/list.h"
#include "run/run.h"
#include <pthread.h>

/* A task that waits, failed or was done lately (main file). While it runs it is still `queued`, with a lease in the live file. */
struct queue_entry {
    int64_t id;
    struct jb_str name, queue, payload, status; /* queued done failed cancelled */
    struct jb_str unique_key;                   /* NULL once it has ended */
    int priority, attempts;                     /* ended attempts */
    struct jb_str error_kind, error;
    struct jb_time run_at, created_at, finished_at;
    uint64_t present;
};

/* Who runs entry `id` now (live file). The row outlives a crash, so that it counts starts and keeps a cancel wish. */
struct queue_lease {
    int64_t id;
    struct jb_str worker;
    int pid, starts;
    bool cancel;
    struct jb_time until;
};

struct queue_worker {
    int64_t id;
    struct jb_str worker, queues;
    int pid, concurrency, active;
    int64_t done;
    struct jb_time started_at, seen_at;
    uint64_t present;
};

#define JB_LEASE_S 10 /* when nothing is said */

struct jb_queue {
    const struct jb_task *const *tasks;
    int lease_s;
    pthread_mutex_t mutex;
    struct jb_list workers; /* struct jb__work of this process, to be poked */
};

struct jb__queue_slot {
    struct jb_queue *queue;
    int64_t task_id;
    int attempt;
    int starts; /* in a row that no end followed; 1: nobody died */
};

/* enqueue.c */
struct jb__queue_slot *jb__queue_slot_of(const struct jb_scope *scope); /* NULL when none is tied */
struct jb_queue *jb__queue_of(const struct jb_scope *scope);            /* asserts that there is one */
const struct jb_task *jb__task_find(const struct jb_queue *queue, struct jb_str name);
/* Pokes this process's workers: there may be something to do. Any thread. */
void jb__queue_poke(struct jb_queue *queue);

/* broker_sql.c — every statement of the queue. */
struct jb__claim {
    struct jb_str worker; /* who claims */
    const char *queues;   /* ",default,email,"; NULL: all */
    const char *without;  /* ",transfer.import,": tasks that it does not take now; NULL: none */
    int64_t only_id;      /* 0: any */
    int lease_s;
    bool no_suspects; /* takes none whose workers have died: one of them runs here already */
};
/* Of two tasks that ran when their worker died, nobody knows which it was. From this many starts on they no longer run beside each other, so that only the guilty one goes on dying. */
#define JB__SUSPECT_STARTS 3
/* Takes the next entry that may run now. false without a failure when there is none. *ret_starts counts this one. */
bool jb__broker_claim(struct jb_scope *scope, const struct jb__claim *claim, struct queue_entry *ret_entry, struct queue_lease *ret_lease);
/* false without a failure when the lease was lost; otherwise the cancel wish. */
bool jb__broker_renew(struct jb_scope *scope, struct jb_str worker, int64_t id, int lease_s, bool *ret_cancel);
bool jb__broker_drop(struct jb_scope *scope, struct jb_str worker, int64_t id);
/* Ends the entry: done, failed or cancelled. */
bool jb__broker_end(struct jb_scope *scope, int64_t id, struct jb_str status, int attempts, const struct jb_failure *failure);
/* Back into the queue, to be run at that time. */
bool jb__broker_again(struct jb_scope *scope, int64_t id, int attempts, struct jb_time run_at, const struct jb_failure *failure);
/* Forgets what was done more than an hour ago. */
bool jb__broker_forget_done(struct jb_scope *scope);
bool jb__broker_worker_seen(struct jb_scope *scope, const struct queue_worker *worker);
bool jb__broker_worker_gone(struct jb_scope *scope, struct jb_str worker);

/* work.c */
void jb__work_poke(struct jb_list *link);                                /* called by jb__queue_poke */
struct jb_str jb__process_name(struct jb_scope *scope, int pid);         /* HOST:PID */
struct jb_str jb__worker_name(struct jb_scope *scope, const char *name); /* [NAME@]HOST:PID/TOKEN, of this process */

/* run.c: one claimed entry. The heartbeat cancels `scope` and says why. */
struct jb__task_run {
    struct jb_list link;
    struct jb_scope *scope;     /* of the task; NULL once it has returned */
    const struct jb_task *task; /* NULL: nobody here knows it */
    struct queue_entry entry;
    int starts;
    bool wished; /* somebody asked for the cancellation */
    bool lost;   /* the lease is another worker's now: what becomes of the entry is for that one to write */
};
/* Runs it to its end in a child of `scope`, writes what became of it and logs once; `steady` is not cancelled with the worker. */
void jb__task_run(struct jb_scope *scope, struct jb_scope *steady, struct jb_str worker, struct jb__task_run *run);

#endif
