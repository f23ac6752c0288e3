/* work.c — a worker: claims entries and runs each on a fiber, while a heartbeat renews the leases and looks for wishes to cancel.
 *
 * The calling fiber is the dispatcher. It waits on a channel of one place for a poke (an enqueue of this process, the end of a run) and looks by itself five times
 * a second for what other processes enqueued. */
// SPDX-License-Identifier: Apache-2.0
#include "queue/queue_private.h"
#include "base/log.h"
#include "base/random.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOOK_US (200 * 1000)
#define WISH_LOOK_US (300 * 1000) /* a wish to cancel is seen well within a second */
#define SEEN_EVERY_US (JB_LEASE_S * JB_SECOND_US / 3)
#define PAUSE_AFTER_FAILURE_US JB_SECOND_US
#define DRAIN_S 25 /* the supervisor waits 30 */
#define FORGET_EVERY_US (600 * JB_SECOND_US)

struct work {
    struct jb_list link; /* in queue->workers */
    struct jb_scope *scope, *beat_scope;
    struct jb_scope *steady; /* is not cancelled with `scope`: heartbeats and endings go on */
    struct jb_queue *queue;
    struct jb_channel *pokes;
    struct jb__claim claim;
    struct queue_worker registry;
    struct jb_list runs;    /* struct jb__task_run */
    const char *bulk_tasks; /* their names, as jb__claim wants them; NULL: there are none */
    int concurrency, bulk_active, bulk_max, suspects_active, tasks_max, started;
    bool beating, drain;
    int64_t forgot_us;
};

struct job {
    struct work *work;
    struct jb_scope *scope; /* owns the entry's texts */
    struct jb__task_run run;
};

void jb__work_poke(struct jb_list *link)
{
    struct work *work = JB_CONTAINER(link, struct work, link);
    jb_channel_try_send(work->pokes, work); /* one poke is as good as two */
}

/* Waits for a poke, at most so long. Its own scope: a worker that is cancelled still waits for its runs. */
static void wait_poke(struct work *work, int64_t us)
{
    struct jb_scope *wait = jb_scope_new("wait for work");
    void *poke;

    jb_deadline_set(wait, jb_monotonic_us() + us);
    (void)jb_channel_receive(work->pokes, wait, &poke); /* both ends of the wait are fine */
    jb_scope_end(wait);
}

static void log_and_clear(struct jb_scope *scope, const char *doing)
{
    struct jb_str text = jb_failure_text(scope);

    if (jb_error(scope) != JB_CANCELLED) /* by the end of the work */
        jb_log(JB_LOG_WARNING, "queue", "%s: %.*s", doing, JB_FMT(text));
    jb_failure_clear(scope);
}

/* ---- the heartbeat -------------------------------------------------------------------------------------------------------- */

static struct jb__task_run *run_find(struct work *work, int64_t id)
{
    for (JB_EACH(&work->runs, link)) {
        struct jb__task_run *run = JB_CONTAINER(link, struct jb__task_run, link);
        if (run->entry.id == id)
            return run;
    }
    return NULL;
}

static bool renew_one(struct work *work, struct jb_scope *scope, int64_t id)
{
    bool cancel = false;
    bool kept = jb__broker_renew(scope, work->claim.worker, id, work->claim.lease_s, &cancel);

    if (!kept && jb_failure(scope)) {
        log_and_clear(scope, "renewing a lease");
        return false;
    }
    struct jb__task_run *run = run_find(work, id); /* it may have ended during the wait */
    if (!run || !run->scope)
        return true;
    run->wished |= cancel;
    run->lost |= !kept;
    if (run->wished || run->lost)
        jb_cancel(run->scope);
    return true;
}

static void renew_all(struct work *work, struct jb_scope *scope)
{
    int64_t *ids = JB_NEW_ARRAY(scope, int64_t, (size_t)work->registry.active + 1);
    size_t count = 0;

    for (JB_EACH(&work->runs, link))
        ids[count++] = JB_CONTAINER(link, struct jb__task_run, link)->entry.id;
    for (size_t i = 0; i < count && renew_one(work, scope, ids[i]); i++)
        ;
}

static bool wish_exists(struct work *work, struct jb_scope *scope)
{
    int64_t count = 0;

    if (jb_list_empty(&work->runs))
        return false;
    if (!jb_live_query_int(scope, JB_SQL("select count(*) from queue_leases where worker = ? and cancel", work->claim.worker), &count))
        log_and_clear(scope, "looking for wishes to cancel");
    return count > 0;
}

static void see_worker(struct work *work, struct jb_scope *scope)
{
    if (work->claim.only_id)
        return;
    work->registry.seen_at = jb_now();
    if (!jb__broker_worker_seen(scope, &work->registry))
        log_and_clear(scope, "writing the heartbeat");
}

static void beat(void *arg)
{
    struct work *work = arg;
    int64_t renewed_us = 0, seen_us = 0, lease_us = work->claim.lease_s * JB_SECOND_US;

    while (!jb_cancelled(work->beat_scope)) {
        struct jb_scope *scope = jb_scope_child(work->beat_scope, "beat");
        bool due = jb_monotonic_us() - renewed_us >= lease_us / 3;
        if (due || wish_exists(work, scope))
            renew_all(work, scope);
        if (due)
            renewed_us = jb_monotonic_us();
        if (due || jb_monotonic_us() - seen_us >= SEEN_EVERY_US) { /* however long a lease is */
            see_worker(work, scope);
            seen_us = jb_monotonic_us();
        }
        (void)jb_sleep(scope, JB_MIN(WISH_LOOK_US, lease_us / 4)); /* ends early when the worker stops */
        jb_scope_end(scope);
    }
    work->beating = false;
    jb_channel_try_send(work->pokes, work);
}

/* ---- running ----------------------------------------------------------------------------------------------------------------- */

static bool is_bulk(const struct jb__task_run *run)
{
    return run->task && run->task->bulk;
}

static bool is_suspect(const struct jb__task_run *run)
{
    return run->starts >= JB__SUSPECT_STARTS;
}

/* A worker of one fiber gets a second one while the first is busy for long. */
static bool has_room(const struct work *work)
{
    return work->registry.active < JB_MAX(work->concurrency, work->bulk_active + 1);
}

static void run_job(void *arg)
{
    struct job *job = arg;
    struct work *work = job->work;

    jb__task_run(job->scope, work->steady, work->claim.worker, &job->run);
    jb_list_remove(&job->run.link);
    work->registry.active--;
    work->bulk_active -= is_bulk(&job->run);
    work->suspects_active -= is_suspect(&job->run);
    work->registry.done++;
    jb_scope_end(job->scope);
    jb_channel_try_send(work->pokes, work);
}

/* true when something was started. */
static bool start_one(struct work *work, bool *ret_failed)
{
    struct jb_scope *scope = jb_scope_child(work->scope, "task run");
    jb_db_reads(scope, JB_READS_PRIMARY); /* it is about what somebody has just written */
    struct job *job = JB_NEW(scope, struct job);
    struct queue_lease lease = { 0 };

    work->claim.without = work->bulk_active >= work->bulk_max ? work->bulk_tasks : NULL;
    work->claim.no_suspects = work->suspects_active > 0;
    bool found = jb__broker_claim(scope, &work->claim, &job->run.entry, &lease);
    *ret_failed = !found && jb_failure(scope);
    if (!found) {
        if (*ret_failed && jb_error(scope) != JB_CANCELLED)
            log_and_clear(scope, "looking for work");
        jb_scope_end(scope);
        return false;
    }
    job->work = work;
    job->scope = scope;
    job->run.task = jb__task_find(work->queue, job->run.entry.name);
    job->run.starts = lease.starts;
    job->run.wished = lease.cancel;
    jb_list_init(&job->run.link);
    jb_list_append(&work->runs, &job->run.link);
    work->registry.active++;
    work->bulk_active += is_bulk(&job->run);
    work->suspects_active += is_suspect(&job->run);
    work->started++;
    jb_fiber_start_big("task", run_job, job);
    return true;
}

static void forget_done(struct work *work)
{
    if (work->claim.only_id || jb_monotonic_us() - work->forgot_us < FORGET_EVERY_US)
        return;
    struct jb_scope *scope = jb_scope_child(work->scope, "forget");
    if (!jb__broker_forget_done(scope))
        log_and_clear(scope, "forgetting what was done");
    jb_scope_end(scope);
    work->forgot_us = jb_monotonic_us();
}

static void dispatch(struct work *work)
{
    bool failed = false;

    while (!jb_stopping() && !jb_cancelled(work->scope) && (work->tasks_max == 0 || work->started < work->tasks_max)) {
        bool room = has_room(work);
        if (room && start_one(work, &failed))
            continue;
        if (work->drain && room && !failed && work->registry.active == 0)
            return;
        forget_done(work);
        wait_poke(work, failed ? PAUSE_AFTER_FAILURE_US : LOOK_US);
    }
}

static void cancel_runs(struct work *work)
{
    for (JB_EACH(&work->runs, link)) {
        struct jb__task_run *run = JB_CONTAINER(link, struct jb__task_run, link);
        if (run->scope)
            jb_cancel(run->scope);
    }
}

/* What runs may finish; after the drain time it is cancelled and put back. */
static void finish(struct work *work)
{
    int64_t until_us = jb_monotonic_us() + DRAIN_S * JB_SECOND_US;

    while (work->registry.active > 0) {
        if (jb_cancelled(work->scope) || (jb_stopping() && jb_monotonic_us() > until_us))
            cancel_runs(work);
        wait_poke(work, LOOK_US);
    }
    jb_cancel(work->beat_scope);
    while (work->beating)
        wait_poke(work, LOOK_US);
}

/* ---- doors ---------------------------------------------------------------------------------------------------------------------- */

static int default_concurrency(void)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return cores < 1 ? 1 : (int)JB_MIN(cores, 64);
}

struct jb_str jb__process_name(struct jb_scope *scope, int pid)
{
    char host[100] = "worker";
    (void)gethostname(host, sizeof host - 1);
    return jb_format(scope, "%s:%d", host, pid);
}

struct jb_str jb__worker_name(struct jb_scope *scope, const char *name)
{
    struct jb_str process = jb__process_name(scope, (int)getpid());
    char token[9];

    jb_random_token(token, sizeof token - 1); /* a restarted worker is not the one that died */
    return name ? jb_format(scope, "%s@%.*s/%s", name, JB_FMT(process), token) : jb_format(scope, "%.*s/%s", JB_FMT(process), token);
}

/* "a, b" as ",a,b,". */
static const char *queue_list(struct jb_scope *scope, const char *queues)
{
    if (!queues)
        return NULL;
    struct jb_str rest = jb_str_of(queues), list = JB_STR(",");
    while (rest.data) {
        struct jb_str name = jb_str_trim(jb_str_cut(&rest, ','));
        if (name.size > 0)
            list = jb_format(scope, "%.*s%.*s,", JB_FMT(list), JB_FMT(name));
    }
    return jb_cstr(scope, list);
}

/* ",transfer.import,transfer.export,"; commas stand twice between, as each name is looked for with its own. */
static const char *bulk_tasks(struct jb_scope *scope, const struct jb_queue *queue)
{
    struct jb_str list = JB_STR("");

    for (const struct jb_task *const *task = queue->tasks; *task; task++)
        if ((*task)->bulk)
            list = jb_format(scope, "%.*s,%s,", JB_FMT(list), (*task)->name);
    return list.size > 0 ? jb_cstr(scope, list) : NULL;
}

static void join(struct work *work)
{
    pthread_mutex_lock(&work->queue->mutex);
    jb_list_append(&work->queue->workers, &work->link);
    pthread_mutex_unlock(&work->queue->mutex);
}

static void leave(struct work *work)
{
    pthread_mutex_lock(&work->queue->mutex);
    jb_list_remove(&work->link);
    pthread_mutex_unlock(&work->queue->mutex);
}

static int work_on(struct jb_scope *outer, const struct jb_work *how, int64_t only_id)
{
    struct jb_scope *scope = jb_scope_child(outer, "worker");
    struct jb_scope *steady = jb_scope_detached(outer, "steady");
    struct work work = {
        .scope = scope,
        .steady = steady,
        .beat_scope = jb_scope_child(steady, "heartbeat"),
        .queue = jb__queue_of(scope),
        .pokes = jb_channel_new(1),
        .claim = { .worker = jb__worker_name(scope, how->hostname), .queues = queue_list(scope, how->queues), .only_id = only_id, .lease_s = how->lease_s ? how->lease_s : jb__queue_of(scope)->lease_s },
        .concurrency = how->concurrency ? how->concurrency : default_concurrency(),
        .tasks_max = how->tasks_max,
        .drain = how->drain,
        .beating = true,
        .forgot_us = jb_monotonic_us() - FORGET_EVERY_US,
    };
    work.bulk_tasks = bulk_tasks(scope, work.queue);
    work.bulk_max = JB_MAX(1, work.concurrency / 2);
    work.registry = (struct queue_worker){
        .worker = work.claim.worker,
        .queues = how->queues ? jb_str_of(how->queues) : JB_STR("*"),
        .pid = (int)getpid(),
        .concurrency = work.concurrency,
        .started_at = jb_now(),
    };
    jb_list_init(&work.runs);
    jb_list_init(&work.link);
    join(&work);
    jb_fiber_start("heartbeat", beat, &work);
    dispatch(&work);
    finish(&work);
    leave(&work);
    if (!only_id && !jb__broker_worker_gone(steady, work.claim.worker))
        log_and_clear(steady, "leaving the registry");
    jb_channel_free(work.pokes);
    jb_scope_end(work.beat_scope);
    jb_scope_end(steady);
    jb_scope_end(scope);
    return work.started;
}

bool jb_queue_work(struct jb_scope *scope, const struct jb_work *how)
{
    work_on(scope, how, 0);
    return true;
}

bool jb_task_run_here(struct jb_scope *scope, int64_t id)
{
    return work_on(scope, &(struct jb_work){ .concurrency = 1, .drain = true, .tasks_max = 1 }, id) == 1;
}
