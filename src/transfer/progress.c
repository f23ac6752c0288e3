/* progress.c — live progress: threads note what they have done, a reporter fiber writes it.
 *
 * An event is made when the percentage has moved by two or the phase changes, at the moment it happens; every 100 ms the reporter makes one more of whatever moved since and writes all that are
 * pending in one transaction on the live file. So an import of half a second still shows its course, and a long one costs ten small writes a second. Row number 0 of a job
 * is no event: it holds the wish to cancel. */
// SPDX-License-Identifier: Apache-2.0
#include "transfer/transfer_private.h"
#include "base/log.h"
#include <string.h>

#define EVERY_US (100 * 1000)
#define STEP_PERCENT 2

static const char *const phase_names[JB_PHASES] = { "reading", "checking", "comparing", "writing" };

const struct jb_model jb_import_progress = {
    .app = "cash",
    .name = "importprogress",
    .table = "import_progress",
    .label = "작업 진행",
    .label_en = "Job progress",
    .uniques = "job_id number",
    .live = true,
    .hidden = true,
    .record = JB_RECORD(import_progress,
        JB_FIELD(import_progress, id, .primary = true),
        JB_FIELD(import_progress, job_id, .required = true),
        JB_FIELD(import_progress, number, .required = true),
        JB_FIELD(import_progress, phase, .length_max = 20),
        JB_FIELD(import_progress, progress),
        JB_FIELD(import_progress, done),
        JB_FIELD(import_progress, total),
        JB_FIELD(import_progress, new_rows),
        JB_FIELD(import_progress, changed),
        JB_FIELD(import_progress, unchanged),
        JB_FIELD(import_progress, refused),
        JB_FIELD(import_progress, at, .required = true),
        JB_FIELD(import_progress, started_at, .required = true),
        JB_FIELD(import_progress, cancel_wish)),
};

/* ---- noting: any thread, with the mutex ------------------------------------------------------------------------------------- */

static void make_event(struct jb__progress *progress)
{
    progress->moved = false;
    progress->percent_event = progress->percent;
    if (progress->pending_count == JB_EVENTS_PENDING) /* the reporter is late: the newest counts */
        progress->pending_count--;
    else
        progress->number++;
    progress->pending[progress->pending_count++] = (struct import_progress){
        .job_id = progress->job_id,
        .number = progress->number,
        .phase = jb_str_of(phase_names[progress->phase]),
        .progress = progress->percent,
        .done = progress->done,
        .total = progress->total,
        .new_rows = progress->new_rows,
        .changed = progress->changed,
        .unchanged = progress->unchanged,
        .refused = progress->refused,
        .at = jb_now(),
        .started_at = progress->started_at,
    };
}

static void move_to(struct jb__progress *progress, double share)
{
    int from = progress->from[progress->phase], to = progress->to[progress->phase];
    int percent = from + (int)((to - from) * (share < 0 ? 0 : share > 1 ? 1
                                                                        : share));

    progress->percent = JB_MAX(progress->percent, percent);
    progress->moved = true;
    if (progress->percent - progress->percent_event >= STEP_PERCENT)
        make_event(progress);
}

void jb__progress_phase(struct jb__progress *progress, enum jb__phase phase, int64_t total)
{
    pthread_mutex_lock(&progress->mutex);
    progress->phase = phase;
    if (total > 0)
        progress->done = 0;
    progress->total = total;
    progress->part_from = 0;
    progress->part_to = 1;
    progress->percent = JB_MAX(progress->percent, progress->from[phase]);
    make_event(progress);
    pthread_mutex_unlock(&progress->mutex);
}

void jb__progress_done(struct jb__progress *progress, int64_t done)
{
    pthread_mutex_lock(&progress->mutex);
    progress->done = done;
    move_to(progress, progress->total > 0 ? (double)done / (double)progress->total : 0);
    pthread_mutex_unlock(&progress->mutex);
}

void jb__progress_part(struct jb__progress *progress, double from, double to)
{
    pthread_mutex_lock(&progress->mutex);
    progress->part_from = from;
    progress->part_to = to;
    pthread_mutex_unlock(&progress->mutex);
}

void jb__progress_share(struct jb__progress *progress, double share, int64_t done)
{
    pthread_mutex_lock(&progress->mutex);
    share = progress->part_from + (progress->part_to - progress->part_from) * share;
    if (done >= 0)
        progress->done = done;
    else if (progress->total > 0)
        progress->done = (int64_t)((double)progress->total * share);
    move_to(progress, share);
    pthread_mutex_unlock(&progress->mutex);
}

void jb__progress_counts(struct jb__progress *progress, int64_t done, int64_t new_rows, int64_t changed, int64_t unchanged, int64_t refused)
{
    pthread_mutex_lock(&progress->mutex);
    if (done >= 0)
        progress->done = done;
    progress->new_rows = new_rows;
    progress->changed = changed;
    progress->unchanged = unchanged;
    progress->refused = refused;
    if (done >= 0 && progress->total > 0)
        move_to(progress, (double)done / (double)progress->total);
    progress->moved = true;
    pthread_mutex_unlock(&progress->mutex);
}

/* ---- the reporter ------------------------------------------------------------------------------------------------------------- */

static size_t take_events(struct jb__progress *progress, struct import_progress *events)
{
    pthread_mutex_lock(&progress->mutex);
    if (progress->moved)
        make_event(progress);
    size_t count = progress->pending_count;
    memcpy(events, progress->pending, count * sizeof *events);
    progress->pending_count = 0;
    pthread_mutex_unlock(&progress->mutex);
    return count;
}

static void write_events(struct jb__progress *progress, struct jb_scope *scope)
{
    struct import_progress *events = JB_NEW_ARRAY(scope, struct import_progress, JB_EVENTS_PENDING);
    size_t count = take_events(progress, events);

    if (count > 0 && (!jb_bulk_insert(scope, &jb_import_progress, events, count, &(struct jb_bulk){ 0 }) || !jb_live_tell(scope))) {
        struct jb_str text = jb_failure_text(scope);
        jb_log(JB_LOG_WARNING, "transfer", "writing progress: %.*s", JB_FMT(text));
        jb_failure_clear(scope);
    }
}

static void look_for_wish(struct jb__progress *progress, struct jb_scope *scope)
{
    int64_t wishes = 0;

    if (!jb_live_query_int(scope, JB_SQL("select count(*) from import_progress where job_id = ? and number = 0 and cancel_wish", progress->job_id), &wishes))
        jb_failure_clear(scope);
    if (wishes > 0 && !progress->wished) {
        progress->wished = true;
        jb_cancel(progress->attempt_scope);
    }
}

static void report(void *arg)
{
    struct jb__progress *progress = arg;
    bool last = false;

    while (!last) {
        struct jb_scope *scope = jb_scope_child(progress->steady, "progress");
        last = jb_cancelled(progress->scope);
        write_events(progress, scope);
        look_for_wish(progress, scope);
        if (!last)
            jb__pace_measure(&progress->pace, scope, progress->job_id);
        jb_scope_end(scope);
        if (!last) {
            struct jb_scope *wait = jb_scope_child(progress->scope, "wait");
            (void)jb_sleep(wait, EVERY_US); /* ends early when the attempt has */
            jb_scope_end(wait);
        }
    }
    jb_channel_close(progress->ended);
}

bool jb__progress_open(struct jb__progress *progress, struct jb_scope *attempt_scope, int64_t job_id, bool writes)
{
    static const int with_writing[JB_PHASES][2] = { { 0, 2 }, { 2, 40 }, { 40, 60 }, { 60, 99 } }, without[JB_PHASES][2] = { { 0, 2 }, { 2, 60 }, { 60, 99 }, { 99, 99 } };

    *progress = (struct jb__progress){ .job_id = job_id, .attempt_scope = attempt_scope, .started_at = jb_now(), .percent_event = -STEP_PERCENT };
    pthread_mutex_init(&progress->mutex, NULL);
    for (int i = 0; i < JB_PHASES; i++) {
        progress->from[i] = writes ? with_writing[i][0] : without[i][0];
        progress->to[i] = writes ? with_writing[i][1] : without[i][1];
    }
    progress->steady = jb_scope_detached(attempt_scope, "progress");
    progress->scope = jb_scope_child(progress->steady, "reporter");
    /* an earlier attempt may have left events: numbers go on rising, for whoever reads them */
    if (!jb_live_query_int(attempt_scope, JB_SQL("select coalesce(max(number), 0) from import_progress where job_id = ?", job_id), &progress->number)) {
        jb_scope_end(progress->scope);
        jb_scope_end(progress->steady);
        pthread_mutex_destroy(&progress->mutex);
        return false;
    }
    look_for_wish(progress, progress->steady);
    progress->ended = jb_channel_new(1);
    jb_fiber_start("progress", report, progress);
    return true;
}

void jb__progress_close(struct jb__progress *progress)
{
    void *item;

    jb_cancel(progress->scope);
    (void)jb_channel_receive(progress->ended, NULL, &item); /* closed: the reporter has returned. No scope: the end of the loop would cancel it, and the reporter uses what is freed below */
    if (progress->pace.rested_us > 0)
        jb_log(JB_LOG_NOTICE, "transfer", "the import of job %lld rested for %.1f s in all", (long long)progress->job_id, (double)progress->pace.rested_us / JB_SECOND_US);
    jb_channel_free(progress->ended);
    jb_scope_end(progress->scope);
    jb_scope_end(progress->steady);
    pthread_mutex_destroy(&progress->mutex);
}
