/* queue_private.h — what the files of the queue share.
 *
 * The scope's slot points to a jb__queue_slot: the service, and within a running task that task. */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_QUEUE_PRIVATE_H
#define JB_QUEUE_PRIVATE_H

#include "queue/broker.h"
#include "base/list.h"
#include "run/run.h"
#include <pthread.h>

#define JB_LEASE_S 10 /* when nothing is said */
#define QUEUES_MAX 100

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

/* broker_sql.c */
bool jb__is_sqlite(struct jb_scope *scope);
struct jb_str jb__ids_json(struct jb_scope *scope, const int64_t *ids, size_t count); /* "[1,2]" */

/* ---- run.c: one claimed entry --------------------------------------------------------------------------------------------------- */

enum jb__outcome {
    JB__DONE,
    JB__FAILED,
    JB__CANCELLED,
    JB__AGAIN,
    JB__PUT_BACK,
};

/* Entries that were claimed together: their texts go when the last of them has gone. */
struct jb__batch {
    struct jb_scope *scope;
    size_t left;
};

struct jb__task_run {
    struct jb_list link; /* in work->reserved, ->running, ->ended or ->writing */
    struct jb__work *work;
    struct jb__batch *batch;
    struct jb_scope *scope;     /* of the task, while it runs: who cancels it says why */
    const struct jb_task *task; /* NULL: nobody here knows it */
    struct jb__claimed entry;
    int64_t since; /* which renewal of the leases came before it */
    bool wished;   /* somebody asked for the cancellation */
    bool lost;     /* the lease is another worker's now: what becomes of the entry is for that one to write */
    /* Once it has returned: */
    enum jb__outcome outcome;
    struct jb__end end;
    struct jb_time run_at; /* again */
};
/* Runs it to its end and logs once; what became of it is in the run, for ends.c to write. */
void jb__task_run(struct jb__task_run *run);

/* ---- work.c: a worker ---------------------------------------------------------------------------------------------------------------- */

struct jb__work {
    struct jb_list link; /* in queue->workers */
    struct jb_scope *scope, *beat_scope;
    struct jb_scope *steady; /* is not cancelled with `scope`: heartbeats and endings go on */
    struct jb_queue *queue;
    struct jb_channel *pokes;
    struct jb__claim claim;
    struct queue_worker registry;
    struct jb_list reserved, running, ended, writing; /* struct jb__task_run: claimed; started; has returned; what became of it is being written */
    int reserved_count, ended_count;
    struct jb_str own_queues, bulk_tasks; /* one name per line; NULL: of all queues; there are none */
    struct jb_scope *names;               /* owns claim.queues */
    int concurrency, prefetch, bulk_active, bulk_max, suspects_active, tasks_max, started;
    int64_t forgot_us, named_us, renewals;
    int turn; /* which queue comes first in the next claim */
    bool beating, drain, writing_ends;
};

void jb__work_poke(struct jb_list *link); /* called by jb__queue_poke */
/* Waits for a poke, at most so long, whatever the scope says: a worker that is cancelled still waits for its runs. */
void jb__work_wait(struct jb__work *work, int64_t us);
void jb__work_log(struct jb_scope *scope, const char *doing);            /* a failure that it goes on after; clears it */
struct jb_str jb__process_name(struct jb_scope *scope, int pid);         /* HOST:PID */
struct jb_str jb__worker_name(struct jb_scope *scope, const char *name); /* [NAME@]HOST:PID/TOKEN, of this process */

/* heartbeat.c, a fiber: renews leases, looks for wishes, says that the worker lives. */
void jb__beat(void *work);

/* ends.c */
void jb__ended(struct jb__task_run *run);    /* the task has returned; writes what ended, unless another fiber is doing so */
void jb__run_free(struct jb__task_run *run); /* out of its list; its batch goes with the last one */

#endif
