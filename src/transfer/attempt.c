/* attempt.c — one run of an import: read, check, stage, compare, and then what the options say.
 *
 * Nothing of an attempt is in the main file before the merge, so an attempt that dies leaves only files, which the next one replaces and the sweep removes. Bad input ends the job;
 * a lost service, a full disk or a stop of the program leaves it running for another attempt. */
// SPDX-License-Identifier: Apache-2.0
#include "transfer/keep.h"
#include "base/log.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- the sheet, on the reader's thread ------------------------------------------------------------------------------------ */

struct opening {
    struct jb__attempt *attempt;
    struct jb_scope *scope;
    struct jb__sources *sources;
    const char *path;
    bool ok;
};

static void open_blocking(void *arg)
{
    struct opening *opening = arg;

    opening->sources = jb__attempt_sources(opening->attempt, opening->scope);
    opening->ok = jb__attempt_open(opening->attempt, opening->scope, opening->sources);
}

/* ---- staging ------------------------------------------------------------------------------------------------------------------ */

struct reading {
    struct jb_thread *thread;
    struct jb__reader *reader;
    struct jb_channel *ended;
};

static void read_fiber(void *arg)
{
    struct reading *reading = arg;
    jb_thread_call(reading->thread, jb__reader_run, reading->reader);
    jb_channel_close(reading->ended);
}

static void drain(struct jb_channel *channel)
{
    struct jb_scope *scope = jb_scope_new("drain");
    void *batch;

    while (jb_channel_receive(channel, scope, &batch))
        jb__batch_free(batch);
    jb_scope_end(scope);
    jb_channel_free(channel);
}

/* Both threads at work; true when every row was checked and staged or refused. */
static bool read_and_check(struct jb__attempt *attempt, struct jb_thread *reader_thread, struct jb__sources *sources)
{
    int batch_rows = attempt->plan->batch_rows;
    struct jb_channel *filled = jb_channel_new(JB_BATCHES), *free_batches = jb_channel_new(JB_BATCHES);
    struct jb__reader reader = { .scope = jb_scope_child(attempt->scope, "read"), .sources = sources, .batch_rows = batch_rows, .filled = filled, .free = free_batches };
    struct jb__checker checker = {
        .scope = jb_scope_child(attempt->scope, "check"),
        .plan = attempt->plan,
        .stage = attempt->stage,
        .filled = filled,
        .free = free_batches,
        .progress = &attempt->progress,
        .batch_rows = batch_rows,
        .limit_refused = attempt->options.import.limit_refused,
        .checks = attempt->checked_early,
        .decided_to = attempt->batch_position,
        .refused_earlier = attempt->mark.refused,
        .refused_before = &attempt->refused_before,
        .check_state = attempt->check_state,
        .dropped = &attempt->dropped,
    };
    struct reading reading = { reader_thread, &reader, jb_channel_new(1) };
    void *item;

    jb_fiber_start("reader", read_fiber, &reading);
    jb_thread_call(attempt->thread, jb__checker_run, &checker);
    (void)jb_channel_receive(reading.ended, NULL, &item); /* closed: the reader has returned. No scope: the end of the loop would cancel it */
    attempt->counts = checker.counts;
    attempt->counts.refused += checker.counts.carried;
    attempt->counts.conflicts = checker.counts.conflicts;
    attempt->counts.corrected = sources->taken.count;
    bool ok = jb_failure(checker.scope) ? jb_failure_pass(checker.scope, attempt->scope) : jb_failure(reader.scope) ? jb_failure_pass(reader.scope, attempt->scope)
                                                                                                                    : jb_continue(attempt->scope);
    jb__note_stray(attempt, &checker);
    jb_channel_free(reading.ended);
    drain(filled);
    drain(free_batches);
    jb_scope_end(checker.scope);
    jb_scope_end(reader.scope);
    return ok;
}

struct staging {
    struct jb__attempt *attempt;
    struct jb_scope *scope;
    struct jb_stage_options options;
    struct jb_db *db;
    bool sealed, empty, ok;
};

static void on_share(void *arg, double share)
{
    jb__progress_share(arg, share, -1);
}

static void stage_open_blocking(void *arg)
{
    struct staging *staging = arg;

    staging->attempt->stage = staging->sealed ? jb_stage_open_sealed(staging->scope, staging->db, &staging->options) : jb_stage_open(staging->scope, staging->db, &staging->options);
    staging->ok = staging->attempt->stage && jb_stage_target_empty(staging->attempt->stage, staging->scope, &staging->empty);
}

static bool open_stage(struct jb__attempt *attempt, bool sealed)
{
    const struct jb__plan *plan = attempt->plan;
    bool by_id = plan->match_count == 1 && plan->match[0]->primary;
    struct staging staging = {
        .attempt = attempt,
        .scope = jb_scope_child(attempt->scope, "open staging"),
        .db = jb_db_of(attempt->scope),
        .sealed = sealed,
        .options = {
            .path = attempt->stage_path.data,
            .model = attempt->model,
            .columns = plan->present,
            .column_count = plan->present_count,
            .match = plan->match,
            .match_count = by_id && !plan->match_given ? 0 : plan->match_count,
            .by_id = by_id && plan->match_given,
            .keeps = jb__keeps(attempt),
            .head_row = plan->head_row,
        },
    };

    jb__keep_columns(attempt);
    jb_thread_call(attempt->thread, stage_open_blocking, &staging);
    if (!staging.ok)
        jb_failure_pass(staging.scope, attempt->scope);
    jb_scope_end(staging.scope);
    if (staging.ok)
        jb_stage_watch(attempt->stage, on_share, &attempt->progress);
    attempt->checked_early = staging.ok && !sealed && attempt->model->check && (staging.empty || attempt->options.import.mode == JB_INSERT);
    attempt->was_empty = staging.ok && staging.empty;
    return staging.ok && jb__mark_read(attempt, attempt->scope) && jb__compare_prepare(attempt);
}

static void stage_index_blocking(void *arg)
{
    struct staging *staging = arg;
    staging->ok = jb_stage_index(staging->attempt->stage, staging->scope);
}

/* An empty table without references is filled by a copy of the staged b-trees. */
static bool index_for_copy(struct jb__attempt *attempt)
{
    struct staging staging = { .attempt = attempt, .scope = jb_scope_child(attempt->scope, "index") };

    jb_thread_call(attempt->thread, stage_index_blocking, &staging);
    if (!staging.ok)
        jb_failure_pass(staging.scope, attempt->scope);
    jb_scope_end(staging.scope);
    return staging.ok;
}

static bool refers(const struct jb_model *model)
{
    for (const struct jb_field *field = model->record.fields; field->type != JB_END; field++)
        if (field->references)
            return true;
    return false;
}

static bool will_write(const struct jb__attempt *attempt)
{
    const struct jb_import_options *options = &attempt->options.import;
    return !options->dry_run && (!options->confirm || attempt->options.confirmed);
}

static bool stage_rows(struct jb__attempt *attempt, struct jb_thread *reader_thread, struct jb__sources *sources)
{
    const struct jb_import_options *options = &attempt->options.import;
    struct jb__progress *progress = &attempt->progress;

    jb__progress_phase(progress, JB_CHECKING, jb_sheet_progress(jb__sources_base(sources)->sheet).rows_hint);
    if (!open_stage(attempt, false) || !read_and_check(attempt, reader_thread, sources) || !(jb__goes_on_by_rows(attempt) || jb__plan_seen(attempt->plan, attempt->scope)))
        return false;
    attempt->loaded = true;
    jb__mark_count(attempt);
    if (attempt->counts.rows == 0 && attempt->counts.corrected == 0)
        return jb__fail_no_rows(attempt->scope, attempt, true);
    bool by_batches = options->on_error == JB_SKIP && will_write(attempt);
    bool copies = attempt->was_empty && options->on_error == JB_ABORT && attempt->counts.refused == 0 && !options->dry_run && !refers(attempt->model) && jb_stage_copies(attempt->stage);
    double duplicates = by_batches ? 1 : attempt->was_empty && !copies ? 0.9
                                                                       : 0.3;
    jb__progress_phase(progress, JB_COMPARING, 0);
    jb__progress_part(progress, 0, duplicates);
    if (!jb__compare_duplicates(attempt))
        return false;
    if (copies && attempt->counts.refused == 0) {
        jb__progress_part(progress, duplicates, 0.9);
        if (!index_for_copy(attempt))
            return false;
        duplicates = 0.9;
    }
    jb__progress_part(progress, duplicates, 1); /* of the comparison with the table */
    return true;
}

/* ---- the course of an attempt ------------------------------------------------------------------------------------------------------ */

static bool add_counts(struct jb__attempt *attempt)
{
    struct jb_stage_counts counts;

    if (attempt->options.import.on_error == JB_SKIP && will_write(attempt))
        return true; /* batch by batch, right before each is written */
    if (!jb__compare(attempt, 0, 0, &counts))
        return false;
    jb__counts_take(attempt, &counts);
    return true;
}

bool jb__fail_refused(struct jb__attempt *attempt)
{
    struct jb_scope *scope = attempt->scope;
    attempt->refused_all = true;
    struct jb_str text = jb_format(scope, JB_L(scope, "아무것도 반영하지 않았습니다. %lld행이 거절되었습니다. 고쳐 올리거나 ‘그 행만 빼고 넣기’(skip)를 고르세요.", "Nothing was applied: %lld rows were refused. Correct them, or choose \"skip those rows\" (skip)."), (long long)attempt->counts.refused);

    if (attempt->counts.refused == 1 && jb_language(scope) == JB_EN)
        return jb_fail(scope, JB_INVALID, "Nothing was applied: 1 row was refused. Correct it, or choose \"skip those rows\" (skip).");
    return jb_fail(scope, JB_INVALID, "%.*s", JB_FMT(text));
}

/* The sealed file becomes this attempt's own: should it die, the next one stages the upload again rather than trust a file that was being written. */
static bool take_sealed(const struct jb__attempt *attempt)
{
    struct jb_str path = jb_format(attempt->scope, "%s/%lld.sealed", attempt->transfer->spool_dir, (long long)attempt->job.id);
    return attempt->options.confirmed && rename(path.data, attempt->stage_path.data) == 0;
}

static void count_blocking(void *arg)
{
    struct opening *counting = arg;
    counting->ok = jb_stage_refused_rows(counting->attempt->stage, counting->scope, &counting->attempt->counts.refused);
}

/* Of a sealed file: what the rows' own cells had against them; the comparison comes again and counts its own. */
static bool count_refused(struct jb__attempt *attempt)
{
    struct opening counting = { .attempt = attempt, .scope = jb_scope_child(attempt->scope, "count") };

    jb_thread_call(attempt->thread, count_blocking, &counting);
    bool ok = counting.ok || jb_failure_pass(counting.scope, attempt->scope);
    jb_scope_end(counting.scope);
    return ok;
}

/* Rows in the staging file, compared. */
static bool stage_or_reopen(struct jb__attempt *attempt, struct jb_thread *reader_thread)
{
    struct opening opening = {
        .attempt = attempt,
        .scope = jb_scope_child(attempt->scope, "open"),
    };

    jb_thread_call(reader_thread, open_blocking, &opening);
    bool ok = opening.ok || jb_failure_pass(opening.scope, attempt->scope);
    if (ok)
        jb__note_unknown_columns(attempt);
    if (ok && attempt->recalled)
        jb__note_add(attempt, jb__recalled_words(attempt));
    if (ok && attempt->asks.data) {
        jb__sources_close(opening.sources);
        jb_scope_end(opening.scope);
        return true;
    }
    if (ok && take_sealed(attempt)) {
        attempt->was_sealed = true;
        attempt->counts.rows = attempt->job.rows;
        attempt->counts.conflicts = attempt->options.duplicates;
        jb__progress_phase(&attempt->progress, JB_COMPARING, 0);
        jb__progress_share(&attempt->progress, 0, attempt->counts.rows);
        ok = open_stage(attempt, true) && count_refused(attempt);
        attempt->loaded = ok;
        jb__mark_count(attempt);
    } else if (ok) {
        ok = stage_rows(attempt, reader_thread, opening.sources);
    }
    jb__sources_close(opening.sources);
    jb_scope_end(opening.scope);
    return ok && add_counts(attempt);
}

/* A preview shall not need to read the sheet again. */
static void note_present_columns(struct jb__attempt *attempt)
{
    struct jb_str names = JB_STR("");

    for (size_t i = 0; i < attempt->plan->count; i++)
        if (attempt->plan->targets[i].column)
            names = jb_format(attempt->scope, "%.*s%.*s\n", JB_FMT(names), JB_FMT(attempt->plan->targets[i].name));
    attempt->options.present = names;
    attempt->job.options = jb__import_options_json(attempt->scope, &attempt->options);
}

static void seal_blocking(void *arg)
{
    struct opening *opening = arg;
    opening->ok = jb_stage_show(opening->attempt->stage, opening->scope) && jb_stage_seal(opening->attempt->stage, opening->scope, opening->path);
}

/* Stands ready to be looked at and, but for a dry run, confirmed. */
static bool seal(struct jb__attempt *attempt)
{
    struct jb_str path = jb_format(attempt->scope, "%s/%lld.sealed", attempt->transfer->spool_dir, (long long)attempt->job.id);
    struct jb__ending ending = { .status = attempt->options.import.dry_run ? "done" : "waiting" };
    struct opening opening = { .attempt = attempt, .scope = jb_scope_child(attempt->scope, "seal"), .path = path.data };

    bool ok = jb__ending_prepare(attempt, attempt->scope, &ending);
    if (ok) {
        jb_thread_call(attempt->thread, seal_blocking, &opening);
        ok = opening.ok || jb_failure_pass(opening.scope, attempt->scope);
    }
    jb_scope_end(opening.scope);
    if (!ok || JB_FAULT("transfer/import/sealed", attempt->scope))
        return false;
    attempt->job.expires_at = (struct jb_time){ jb_now().us + JB_PREVIEW_DAYS * JB_DAY_US };
    note_present_columns(attempt);
    return jb__ending_commit(attempt, attempt->scope, &ending);
}

static int64_t rows_written(const struct jb__attempt *attempt)
{
    const struct jb__counts *base = &attempt->options.base, *now = &attempt->counts;
    return base->new_rows + base->changed + base->unchanged + now->new_rows + now->changed + now->unchanged;
}

/* One that ends before it merges does not know yet what earlier attempts have committed. */
static bool know_committed(struct jb__attempt *attempt)
{
    struct jb_scope *scope = jb_scope_detached(attempt->outer, "earlier attempts");
    bool ok = jb__mark_read(attempt, scope) || jb_failure_pass(scope, attempt->outer);

    jb__mark_count(attempt);
    jb_scope_end(scope);
    return ok;
}

/* After a failed attempt or a dry run: nothing more is written than the result. */
static bool end_without_rows(struct jb__attempt *attempt, const char *status, const struct jb_failure *failure)
{
    if (!know_committed(attempt))
        return false;
    struct jb_scope *scope = jb_scope_detached(attempt->outer, "end of import");
    struct jb__ending ending = { .status = status };

    if (failure) {
        ending.error = failure->error;
        ending.reason = jb__failure_sentence(scope, failure);
        if (strcmp(status, "failed") == 0 && attempt->batch_position > 0)
            ending.reason = jb_format(scope, JB_L(scope, "%.*s 이미 반영된 %lld행은 남아 있습니다.", "%.*s The %lld rows already applied stay."), JB_FMT(ending.reason), (long long)rows_written(attempt));
    }
    attempt->refused_all |= failure && failure->error == JB_LIMIT && attempt->counts.refused > 0;
    if (jb__goes_on_by_rows(attempt) && attempt->batch_position > 0 && attempt->loaded)
        attempt->undecided = jb_format(scope, JB_L(scope, "반영하지 않았습니다. %.*s", "It was not applied. %.*s"), JB_FMT(ending.reason));
    ending.stands = failure && attempt->result.data && !attempt->refused_all && !attempt->undecided.data;
    bool ok = jb__ending_prepare(attempt, scope, &ending) && jb__ending_commit(attempt, scope, &ending);
    if (!ok)
        jb_failure_pass(scope, attempt->outer);
    jb_scope_end(scope);
    return ok;
}

static bool show_again(struct jb__attempt *attempt)
{
    jb_failure_clear(attempt->scope);
    attempt->options.confirmed = false;
    jb__note_add(attempt, attempt->shows_again);
    return seal(attempt);
}

/* A confirmed import does what was shown or nothing: what somebody changed in between is shown again. One that writes batch by batch is looked at as a whole before the first. */
static bool is_as_shown(struct jb__attempt *attempt)
{
    const struct jb__counts *counts = &attempt->counts;
    struct jb_stage_counts now = { counts->new_rows, counts->changed, counts->unchanged, counts->skipped, 0 };

    if (!attempt->options.confirmed)
        return true;
    if (attempt->options.import.on_error == JB_ABORT)
        return jb__shown_check(attempt, &now);
    if (!attempt->was_sealed)
        return true; /* it goes on after its last batch */
    if (!jb__compare(attempt, 0, 0, &now))
        return false;
    if (jb__shown_check(attempt, &now))
        return true;
    jb__counts_take(attempt, &now);
    return false;
}

/* Waits to be told what its columns mean; the upload stays. */
static bool ask(struct jb__attempt *attempt)
{
    struct jb__ending ending = { .status = "waiting", .reason = attempt->asks.size > 0 ? attempt->asks : JB_STR_NULL };

    attempt->options.asks = true;
    attempt->job.expires_at = (struct jb_time){ jb_now().us + JB_PREVIEW_DAYS * JB_DAY_US };
    attempt->job.options = jb__import_options_json(attempt->scope, &attempt->options);
    return jb__ending_commit(attempt, attempt->scope, &ending);
}

static bool decide(struct jb__attempt *attempt)
{
    const struct jb_import_options *options = &attempt->options.import;

    if (attempt->asks.data)
        return ask(attempt);

    if (options->on_error == JB_ABORT && attempt->counts.refused > 0)
        return jb__fail_refused(attempt);
    if (!is_as_shown(attempt))
        return attempt->shows_again.data && show_again(attempt);
    if (options->dry_run)
        return options->differences ? seal(attempt) : end_without_rows(attempt, "done", NULL);
    if (options->confirm && !attempt->options.confirmed)
        return seal(attempt);
    return jb__merge(attempt) || (attempt->shows_again.data && show_again(attempt));
}

/* Another attempt would meet the same. */
static bool is_final(enum jb_error error)
{
    return error == JB_INVALID || error == JB_DENIED || error == JB_NOT_FOUND || error == JB_CONFLICT || error == JB_LIMIT;
}

static bool end_cancelled(struct jb__attempt *attempt)
{
    if (!know_committed(attempt))
        return false;
    struct jb_scope *scope = jb_scope_child(attempt->outer, "words");
    int64_t written = rows_written(attempt);
    bool stays = attempt->options.import.on_error == JB_SKIP && attempt->batch_position > 0;

    if (!stays)
        attempt->counts = (struct jb__counts){ .rows = attempt->counts.rows, .refused = attempt->counts.refused, .conflicts = attempt->counts.conflicts, .carried = attempt->counts.carried, .corrected = attempt->counts.corrected };
    jb_language_set(scope, attempt->options.language);
    if (stays)
        jb_fail(scope, JB_CANCELLED, JB_L(scope, "취소했습니다. 이미 반영된 %lld행은 남아 있습니다.", "Cancelled. The %lld rows already applied stay."), (long long)written);
    else
        jb_fail(scope, JB_CANCELLED, "%s", JB_L(scope, "취소했습니다. 아무것도 반영하지 않았습니다.", "Cancelled. Nothing was applied."));
    bool ok = end_without_rows(attempt, "cancelled", jb_failure(scope));
    jb_scope_end(scope);
    return ok;
}

static bool run_steps(struct jb__attempt *attempt)
{
    struct jb_thread *reader_thread = jb_thread_new("import reader");

    attempt->thread = jb_thread_new("import");
    bool ok = jb_continue(attempt->scope) && stage_or_reopen(attempt, reader_thread) && decide(attempt);
    jb_thread_free(reader_thread);
    if (ok)
        return true;
    if (attempt->progress.wished && jb_error(attempt->scope) == JB_CANCELLED)
        return end_cancelled(attempt);
    if (is_final(jb_error(attempt->scope)))
        return end_without_rows(attempt, "failed", jb_failure(attempt->scope));
    return jb_failure_pass(attempt->scope, attempt->outer);
}

/* The row says that it runs, and which attempt this is. */
static bool begin(struct jb__attempt *attempt)
{
    struct import_job *job = &attempt->job;
    int64_t changes;

    job->attempt++;
    job->started_at = jb_now();
    attempt->stage_path = jb_format(attempt->scope, "%s/%lld.%d.stage", attempt->transfer->spool_dir, (long long)job->id, job->attempt);
    if (!jb_exec(attempt->scope, JB_SQL("update import_jobs set status = 'running', attempt = ?, started_at = ? where id = ? and status in ('queued', 'running')", job->attempt, job->started_at, job->id), &changes))
        return false;
    return changes == 1 || jb_fail(attempt->scope, JB_CONFLICT, JB_L(attempt->scope, "작업 %lld은(는) 이미 끝났습니다.", "Job %lld has ended already."), (long long)job->id);
}

static bool load(struct jb__attempt *attempt, int64_t job_id)
{
    struct jb_scope *scope = attempt->scope;

    if (!jb_get(scope, &jb_import_job, job_id, &attempt->job) || !jb__import_options_read(scope, attempt->job.options, &attempt->options))
        return false;
    jb_language_set(scope, attempt->options.language);
    jb_actor_set(scope, &(struct jb_user){ .id = attempt->job.user_id, .name = attempt->job.user });
    attempt->spool = attempt->job.spool;
    attempt->corrections = attempt->job.corrections;
    attempt->result = attempt->job.result;
    if (jb__goes_on_by_rows(attempt))
        attempt->options.import.limit_refused = 0; /* it counts those that nobody corrected */
    attempt->model = jb_model_find(scope, attempt->job.model);
    if (!attempt->model)
        return false;
    attempt->plan = jb__plan_of(scope, attempt->transfer, jb_exchange_of(scope, attempt->model), &attempt->options.import);
    if (!attempt->plan)
        return false;
    if (attempt->options.import.batch_rows > 0)
        attempt->plan->batch_rows = attempt->options.import.batch_rows;
    return jb__remembered_load(attempt);
}

static void close_stage(struct jb__attempt *attempt)
{
    jb_stage_close(attempt->stage); /* quick: the file is thrown away or was sealed */
    attempt->stage = NULL;
    jb_thread_free(attempt->thread);
}

bool jb__attempt_run(struct jb_scope *outer, int64_t job_id)
{
    struct jb__attempt attempt = { .outer = outer, .scope = jb_scope_child(outer, "import"), .transfer = jb__transfer_of(outer), .started_us = jb_monotonic_us() };
    int lock_fd = -1;
    bool ok = load(&attempt, job_id);

    if (ok && (jb__job_ended(&attempt.job) || (jb_str_is(attempt.job.status, "waiting")))) {
        (void)jb_transfer_sweep(attempt.scope); /* whoever ended it may have been cut off before its files went */
        jb_scope_end(attempt.scope);
        return true;
    }
    if (ok && jb__spool_lock(attempt.scope, attempt.job.spool, &lock_fd) && begin(&attempt) &&
        jb__progress_open(&attempt.progress, attempt.scope, job_id, will_write(&attempt))) {
        jb__pace_open(&attempt.progress.pace, attempt.transfer->latency_max_us);
        if (attempt.job.attempt > 1) /* it died */
            jb__attempt_let_go(&attempt, attempt.job.attempt - 1);
        jb__progress_phase(&attempt.progress, JB_READING, 0);
        jb__peak_begin();
        ok = run_steps(&attempt);
        jb__peak_end();
        close_stage(&attempt);
        jb__progress_close(&attempt.progress);
        ok = ok || jb__attempt_has_ended(&attempt);
    } else {
        ok = is_final(jb_error(attempt.scope)) && attempt.job.id ? end_without_rows(&attempt, "failed", jb_failure(attempt.scope)) : jb_failure_pass(attempt.scope, outer);
    }
    if (ok)
        jb__ending_sweep(&attempt);
    else if (lock_fd >= 0) /* otherwise another one runs it */
        jb__attempt_put_back(&attempt);
    if (lock_fd >= 0)
        close(lock_fd);
    jb__row_set_done(&attempt.dropped);
    jb__row_set_done(&attempt.refused_before);
    jb_scope_end(attempt.scope);
    return ok;
}
