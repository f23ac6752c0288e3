/* broker.h — the door to where tasks wait. Who claims, runs and ends them (work.c, run.c, ends.c) knows no SQL.
 *
 * The hot table holds only what waits or runs; what has ended moves to the history in the statement that ends it, so that finished rows cost a claim nothing. Who runs an entry is told by its lease, in the live file. */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_QUEUE_BROKER_H
#define JB_QUEUE_BROKER_H

#include "queue/queue.h"

/* A task that waits or runs (main file). */
struct queue_entry {
    int64_t id;
    struct jb_str name, queue, payload;
    struct jb_str unique_key; /* NULL: it may stand here twice */
    int priority, attempts;   /* ended attempts */
    struct jb_str error_kind, error;
    struct jb_time run_at, created_at;
};

/* One that has ended (main file), under the id it had. */
struct queue_history {
    int64_t id;
    struct jb_str name, queue, payload, status; /* done failed cancelled */
    int priority, attempts;
    struct jb_str error_kind, error, worker;
    struct jb_time created_at, started_at, finished_at;
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

/* ---- claiming -------------------------------------------------------------------------------------------------------------------- */

struct jb__claim {
    struct jb_str worker;  /* who claims */
    struct jb_str queues;  /* of these, one per line; the first of them first among tasks that are equal */
    struct jb_str without; /* tasks that it does not take now, one per line; NULL: none */
    int64_t only_id;       /* 0: any */
    int lease_s;
    bool no_suspects; /* takes none whose workers have died: one of them runs here already */
};
/* Of two tasks that ran when their worker died, nobody knows which it was. From this many starts on they no longer run beside each other, so that only the guilty one goes on dying. */
#define JB__SUSPECT_STARTS 3
#define JB__CLAIM_MAX 100

struct jb__claimed {
    int64_t id;
    struct jb_str name, queue, payload;
    int priority, attempts, starts; /* starts: with this one */
    bool cancel;                    /* somebody wishes it */
    struct jb_time run_at, created_at;
};
/* Takes at most `most` (≤ JB__CLAIM_MAX) entries that may run now, the urgent and the old first, each with a lease. Their texts are in the scope. */
bool jb__broker_claim(struct jb_scope *scope, const struct jb__claim *claim, size_t most, struct jb__claimed *ret_claimed, size_t *ret_count);
/* Back, as if they had not been claimed. */
bool jb__broker_release(struct jb_scope *scope, struct jb_str worker, const int64_t *ids, size_t count);
bool jb__broker_release_all(struct jb_scope *scope, struct jb_str worker);

struct jb__renewed {
    int64_t id;
    bool cancel;
};
/* Those of these leases that the worker still has. NULL on failure. One that it does not know of, because the answer to its claim was lost, is not renewed and so comes back. */
struct jb_rows *jb__broker_renew(struct jb_scope *scope, struct jb_str worker, const int64_t *ids, size_t count, int lease_s);

/* ---- what became of it ------------------------------------------------------------------------------------------------------------ */

struct jb__end {
    int64_t id;
    const char *status; /* done failed cancelled */
    int attempts;
    struct jb_str error_kind, error;
    struct jb_time started_at; /* 0: it never was */
};
#define JB__ENDS_MAX ((size_t)500)
/* Into the history, and their leases go. An entry that another worker has a lease of is left alone. `worker` NULL: nobody ran them. ret_ended may be NULL. */
bool jb__broker_end(struct jb_scope *scope, struct jb_str worker, const struct jb__end *const *ends, size_t count, int64_t *ret_ended);
/* Back into the queue, to be run at that time. */
bool jb__broker_again(struct jb_scope *scope, struct jb_str worker, const struct jb__end *end, struct jb_time run_at);
/* Out of the history into the queue, attempts at 0. */
bool jb__broker_retry(struct jb_scope *scope, int64_t id, bool *ret_found);
/* Forgets what has ended long ago. */
bool jb__broker_forget(struct jb_scope *scope);
/* Adds it; of one that stands there with the same unique_key, that one's id. */
bool jb__broker_enqueue(struct jb_scope *scope, struct queue_entry *entry);
/* Names of queues that have entries, one per line. NULL text on failure. */
struct jb_str jb__broker_queues(struct jb_scope *scope);

/* ---- workers ---------------------------------------------------------------------------------------------------------------------------- */

bool jb__broker_wishes(struct jb_scope *scope, struct jb_str worker, int64_t *ret_count); /* to cancel something that it runs */
bool jb__broker_worker_seen(struct jb_scope *scope, const struct queue_worker *worker);
bool jb__broker_worker_gone(struct jb_scope *scope, struct jb_str worker);

#endif
