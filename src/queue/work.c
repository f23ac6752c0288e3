/* work.c — a worker: claims entries and runs each on a fiber.
 *
 * The calling fiber is the dispatcher. It waits on a channel of one place for a poke (an enqueue of this process, the end of a run) and looks by itself five times a second for what other processes enqueued. What it claims beyond its fibers
 * (prefetch) is reserved: whichever fiber comes free starts it. */
// SPDX-License-Identifier: Apache-2.0
#include "queue/queue_private.h"
#include "base/log.h"
#include "base/random.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOOK_US (200 * 1000)
#define LOOK_AGAIN_US (5 * 1000) /* others may just be taking what it would have taken */
#define PAUSE_AFTER_FAILURE_US JB_SECOND_US
#define NAMES_US JB_SECOND_US
#define DRAIN_S 25 /* the supervisor waits 30 */
#define FORGET_EVERY_US (600 * JB_SECOND_US)
#define ENDED_MAX (4 * (int)JB__ENDS_MAX) /* then nothing more is started until some are written */

void jb__work_poke(struct jb_list *link)
{
    struct jb__work *work = JB_CONTAINER(link, struct jb__work, link);
    jb_channel_try_send(work->pokes, work); /* one poke is as good as two */
}

void jb__work_wait(struct jb__work *work, int64_t us)
{
    struct jb_scope *wait = jb_scope_new("wait for work");
    void *poke;

    jb_deadline_set(wait, jb_monotonic_us() + us);
    (void)jb_channel_receive(work->pokes, wait, &poke); /* both ends of the wait are fine */
    jb_scope_end(wait);
}

void jb__work_log(struct jb_scope *scope, const char *doing)
{
    struct jb_str text = jb_failure_text(scope);

    if (jb_error(scope) != JB_CANCELLED) /* by the end of the work */
        jb_log(JB_LOG_WARNING, "queue", "%s: %.*s", doing, JB_FMT(text));
    jb_failure_clear(scope);
}

/* ---- names, one per line --------------------------------------------------------------------------------------------------------- */

static bool has_line(struct jb_str list, struct jb_str name)
{
    for (struct jb_str rest = list; rest.data && rest.size > 0;)
        if (jb_str_equal(jb_str_cut(&rest, '\n'), name))
            return true;
    return false;
}

static struct jb_str with_line(struct jb_scope *scope, struct jb_str list, struct jb_str name)
{
    if (name.size == 0 || has_line(list, name))
        return list;
    return jb_format(scope, "%.*s%s%.*s", JB_FMT(list), list.size > 0 ? "\n" : "", JB_FMT(name));
}

/* "a, b"; NULL: all. */
static struct jb_str own_queues(struct jb_scope *scope, const char *queues)
{
    struct jb_str rest = jb_str_of(queues ? queues : ""), list = JB_STR("");

    if (!queues)
        return JB_STR_NULL;
    while (rest.data)
        list = with_line(scope, list, jb_str_trim(jb_str_cut(&rest, ',')));
    return list;
}

static struct jb_str bulk_tasks(struct jb_scope *scope, const struct jb_queue *queue)
{
    struct jb_str list = JB_STR("");

    for (const struct jb_task *const *task = queue->tasks; *task; task++)
        if ((*task)->bulk)
            list = with_line(scope, list, jb_str_of((*task)->name));
    return list;
}

/* Which queues there are: those that tasks name, and those that have entries. The next claim begins with another one, so that tasks that are equal have equal chances. */
static bool name_queues(struct jb__work *work)
{
    struct jb_scope *scope = jb_scope_child(work->steady, "names");
    struct jb_str list = work->own_queues;

    if (!list.data) {
        struct jb_str others = jb__broker_queues(scope);
        if (!others.data) {
            jb__work_log(scope, "looking for queues");
            jb_scope_end(scope);
            return false;
        }
        list = JB_STR("");
        for (const struct jb_task *const *task = work->queue->tasks; *task; task++)
            list = with_line(scope, list, jb_str_of((*task)->queue ? (*task)->queue : "default"));
        while (others.data && others.size > 0)
            list = with_line(scope, list, jb_str_cut(&others, '\n'));
    }
    jb_scope_end(work->names);
    work->names = scope;
    work->claim.queues = list;
    work->named_us = jb_monotonic_us();
    return true;
}

static void turn_queues(struct jb__work *work)
{
    struct jb_str rest = work->claim.queues, first = jb_str_cut(&rest, '\n');

    if (rest.data)
        work->claim.queues = jb_format(work->names, "%.*s\n%.*s", JB_FMT(rest), JB_FMT(first));
}

/* ---- running ----------------------------------------------------------------------------------------------------------------- */

static bool is_bulk(const struct jb__task_run *run)
{
    return run->task && run->task->bulk;
}

static bool is_suspect(const struct jb__task_run *run)
{
    return run->entry.starts >= JB__SUSPECT_STARTS;
}

/* A worker of one fiber gets a second one while the first is busy for long. */
static bool has_room(const struct jb__work *work)
{
    return work->registry.active < JB_MAX(work->concurrency, work->bulk_active + 1) && work->ended_count < ENDED_MAX;
}

static void start_reserved(struct jb__work *work);

static void run_job(void *arg)
{
    struct jb__task_run *run = arg;
    struct jb__work *work = run->work;

    jb__task_run(run);
    work->registry.active--;
    work->bulk_active -= is_bulk(run);
    work->suspects_active -= is_suspect(run);
    work->registry.done++;
    start_reserved(work);
    jb__work_poke(&work->link);
    jb__ended(run);
}

static void start(struct jb__task_run *run)
{
    struct jb__work *work = run->work;

    jb_list_remove(&run->link);
    jb_list_append(&work->running, &run->link);
    work->reserved_count--;
    work->registry.active++;
    work->started++;
    jb_fiber_start_big("task", run_job, run);
}

static void start_reserved(struct jb__work *work)
{
    while (!jb_list_empty(&work->reserved) && has_room(work) && !jb_stopping() && !jb_cancelled(work->scope)) {
        struct jb__task_run *run = JB_CONTAINER(work->reserved.next, struct jb__task_run, link);
        if (!run->lost) {
            start(run);
            continue;
        }
        work->reserved_count--;
        work->bulk_active -= is_bulk(run);
        work->suspects_active -= is_suspect(run);
        jb__run_free(run);
    }
}

/* ---- claiming ---------------------------------------------------------------------------------------------------------------- */

/* How many more it may have: as many as its fibers, times `prefetch`; of tasks that run for long it has no reserve. */
static size_t wanted(const struct jb__work *work)
{
    int have = work->registry.active + work->reserved_count, most = JB_MAX(work->concurrency * work->prefetch, work->bulk_active + 1) - have;

    if (work->tasks_max > 0)
        most = JB_MIN(most, work->tasks_max - work->started - work->reserved_count);
    return most <= 0 || work->ended_count >= ENDED_MAX ? 0 : (size_t)JB_MIN(most, JB__CLAIM_MAX);
}

/* Of what was claimed together, more bulk tasks than may run, and more than one suspect, go back. */
static bool may_stay(const struct jb__work *work, const struct jb__task_run *run)
{
    return (!is_bulk(run) || work->bulk_active < work->bulk_max) && (!is_suspect(run) || work->suspects_active == 0);
}

static void reserve(struct jb__work *work, struct jb__batch *batch, const struct jb__claimed *claimed, size_t count)
{
    struct jb__task_run *runs = JB_NEW_ARRAY(batch->scope, struct jb__task_run, count);
    int64_t *back = JB_NEW_ARRAY(batch->scope, int64_t, count);
    size_t back_count = 0;

    batch->left = 1; /* ours, until all are in their places */
    for (size_t i = 0; i < count; i++) {
        struct jb__task_run *run = &runs[i];
        *run = (struct jb__task_run){ .work = work, .batch = batch, .entry = claimed[i], .task = jb__task_find(work->queue, claimed[i].name), .wished = claimed[i].cancel, .since = work->renewals };
        jb_list_init(&run->link);
        if (!may_stay(work, run)) {
            back[back_count++] = run->entry.id;
            continue;
        }
        batch->left++;
        work->bulk_active += is_bulk(run);
        work->suspects_active += is_suspect(run);
        work->reserved_count++;
        jb_list_append(&work->reserved, &run->link);
    }
    if (back_count > 0 && !jb__broker_release(batch->scope, work->claim.worker, back, back_count))
        jb__work_log(batch->scope, "giving tasks back"); /* their leases run out */
    if (--batch->left == 0)
        jb_scope_end(batch->scope);
}

enum claimed {
    SOME,
    NONE,
    BROKEN,
};

static enum claimed claim_some(struct jb__work *work, size_t most)
{
    struct jb_scope *scope = jb_scope_child(work->scope, "claimed tasks"), *claiming = jb_scope_child(work->steady, "claim");
    struct jb__claimed *claimed = JB_NEW_ARRAY(scope, struct jb__claimed, most);
    size_t count = 0;

    if (!work->claim.only_id && jb_monotonic_us() - work->named_us >= NAMES_US && !name_queues(work)) {
        jb_scope_end(claiming);
        jb_scope_end(scope);
        return BROKEN;
    }
    work->claim.without = work->bulk_active >= work->bulk_max ? work->bulk_tasks : JB_STR_NULL;
    work->claim.no_suspects = work->suspects_active > 0;
    jb_db_reads(scope, JB_READS_PRIMARY);
    bool ok = jb__broker_claim(scope, &work->claim, most, claimed, &count);
    turn_queues(work);
    jb_scope_end(claiming);
    if (!ok && jb_error(scope) != JB_CANCELLED)
        jb__work_log(scope, "looking for work");
    if (count == 0) {
        jb_scope_end(scope);
        return ok ? NONE : BROKEN;
    }
    struct jb__batch *batch = JB_NEW(scope, struct jb__batch);
    batch->scope = scope;
    reserve(work, batch, claimed, count);
    return SOME;
}

static void forget(struct jb__work *work)
{
    if (work->claim.only_id || jb_monotonic_us() - work->forgot_us < FORGET_EVERY_US)
        return;
    struct jb_scope *scope = jb_scope_child(work->scope, "forget");
    if (!jb__broker_forget(scope))
        jb__work_log(scope, "forgetting what has ended long ago");
    jb_scope_end(scope);
    work->forgot_us = jb_monotonic_us();
}

static bool is_idle(const struct jb__work *work)
{
    return work->registry.active == 0 && work->reserved_count == 0 && work->ended_count == 0 && !work->writing_ends;
}

static bool goes_on(const struct jb__work *work)
{
    return !jb_stopping() && !jb_cancelled(work->scope) && (work->tasks_max == 0 || work->started < work->tasks_max);
}

static void dispatch(struct jb__work *work)
{
    int64_t pause_us = LOOK_AGAIN_US;

    while (goes_on(work)) {
        start_reserved(work);
        size_t most = wanted(work);
        enum claimed claimed = most > 0 ? claim_some(work, most) : NONE;
        if (claimed == SOME) {
            pause_us = LOOK_AGAIN_US;
            continue;
        }
        if (work->drain && most > 0 && claimed == NONE && is_idle(work))
            return;
        forget(work);
        jb__work_wait(work, claimed == BROKEN ? PAUSE_AFTER_FAILURE_US : pause_us);
        pause_us = JB_MIN(2 * pause_us, LOOK_US);
    }
}

/* ---- the end -------------------------------------------------------------------------------------------------------------------- */

static void give_back_reserved(struct jb__work *work)
{
    struct jb_scope *scope = jb_scope_child(work->steady, "give back");
    int64_t *ids = JB_NEW_ARRAY(scope, int64_t, (size_t)work->reserved_count + 1);
    size_t count = 0;

    while (!jb_list_empty(&work->reserved)) {
        struct jb__task_run *run = JB_CONTAINER(work->reserved.next, struct jb__task_run, link);
        if (!run->lost)
            ids[count++] = run->entry.id;
        work->reserved_count--;
        jb__run_free(run);
    }
    if (count > 0 && !jb__broker_release(scope, work->claim.worker, ids, count))
        jb__work_log(scope, "giving tasks back");
    jb_scope_end(scope);
}

static void cancel_runs(struct jb__work *work)
{
    for (JB_EACH(&work->running, link)) {
        struct jb__task_run *run = JB_CONTAINER(link, struct jb__task_run, link);
        if (run->scope)
            jb_cancel(run->scope);
    }
}

/* What runs may finish; after the drain time it is cancelled and put back. */
static void finish(struct jb__work *work)
{
    int64_t until_us = jb_monotonic_us() + DRAIN_S * JB_SECOND_US;

    give_back_reserved(work);
    while (!is_idle(work)) {
        if (jb_cancelled(work->scope) || (jb_stopping() && jb_monotonic_us() > until_us))
            cancel_runs(work);
        jb__work_wait(work, LOOK_US);
    }
    jb_cancel(work->beat_scope);
    while (work->beating)
        jb__work_wait(work, LOOK_US);
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

static void join(struct jb__work *work)
{
    pthread_mutex_lock(&work->queue->mutex);
    jb_list_append(&work->queue->workers, &work->link);
    pthread_mutex_unlock(&work->queue->mutex);
}

static void leave(struct jb__work *work)
{
    pthread_mutex_lock(&work->queue->mutex);
    jb_list_remove(&work->link);
    pthread_mutex_unlock(&work->queue->mutex);
}

static int work_on(struct jb_scope *outer, const struct jb_work *how, int64_t only_id)
{
    struct jb_scope *scope = jb_scope_child(outer, "worker");
    struct jb_scope *steady = jb_scope_detached(outer, "steady");
    struct jb__work work = {
        .scope = scope,
        .steady = steady,
        .beat_scope = jb_scope_child(steady, "heartbeat"),
        .queue = jb__queue_of(scope),
        .pokes = jb_channel_new(1),
        .claim = { .worker = jb__worker_name(scope, how->hostname), .only_id = only_id, .lease_s = how->lease_s ? how->lease_s : jb__queue_of(scope)->lease_s },
        .own_queues = own_queues(scope, how->queues),
        .names = jb_scope_child(steady, "names"),
        .concurrency = how->concurrency ? how->concurrency : default_concurrency(),
        .prefetch = how->prefetch ? how->prefetch : 1,
        .tasks_max = how->tasks_max,
        .drain = how->drain,
        .beating = true,
        .forgot_us = jb_monotonic_us() - FORGET_EVERY_US,
        .named_us = jb_monotonic_us() - NAMES_US,
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
    jb_list_init(&work.reserved);
    jb_list_init(&work.running);
    jb_list_init(&work.ended);
    jb_list_init(&work.writing);
    jb_list_init(&work.link);
    join(&work);
    jb_fiber_start("heartbeat", jb__beat, &work);
    dispatch(&work);
    finish(&work);
    leave(&work);
    if (!only_id && !(jb__broker_release_all(steady, work.claim.worker) && jb__broker_worker_gone(steady, work.claim.worker))) /* what a claim took whose answer was lost goes back, too */
        jb__work_log(steady, "leaving the registry");
    jb_channel_free(work.pokes);
    jb_scope_end(work.beat_scope);
    jb_scope_end(work.names);
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
