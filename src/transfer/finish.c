/* finish.c — the end of a job: figures and errors into its row, the mail, and the files that go. */
// SPDX-License-Identifier: Apache-2.0
#include "transfer/keep.h"
#include "base/random.h"
#include <string.h>

#define KEPT_FOR_RETRY_DAYS 7

bool jb__job_ended(const struct import_job *job)
{
    return jb_str_is(job->status, "done") || jb_str_is(job->status, "failed") || jb_str_is(job->status, "cancelled");
}

struct jb_str jb__failure_sentence(struct jb_scope *scope, const struct jb_failure *failure)
{
    struct jb_str text = JB_STR_NULL;

    for (; failure; failure = failure->cause)
        text = text.data ? jb_format(scope, "%.*s: %.*s", JB_FMT(text), JB_FMT(failure->message)) : jb_copy(scope, failure->message);
    return text;
}

/* Times and numbers of people that are 0 are absent. */
static void set_presence(struct import_job *job)
{
    const struct jb_record *record = &jb_import_job.record;

    job->present = 0;
    for (const struct jb_field *field = record->fields; field->type != JB_END; field++) {
        int64_t value = 1;
        if (field->type == JB_WORD)
            continue;
        bool optional = field->type == JB_TIME || strcmp(field->name, "user_id") == 0 || strcmp(field->name, "task_id") == 0 || strcmp(field->name, "undoes") == 0 || strcmp(field->name, "undone_by") == 0;
        if (optional)
            memcpy(&value, (const char *)job + field->offset, sizeof value);
        if (value)
            job->present |= (uint64_t)1 << jb_field_index(record, field);
    }
}

bool jb__job_save(struct jb_scope *scope, struct import_job *job)
{
    set_presence(job);
    return job->id ? jb_save(scope, &jb_import_job, job) : jb_insert(scope, &jb_import_job, job);
}

struct jb_str jb__result_name(struct jb_scope *scope, int64_t job_id, const char *what, const char *extension)
{
    char token[17];
    jb_random_token(token, sizeof token - 1);
    return jb_format(scope, "job-%lld-%s-%s.%s", (long long)job_id, what, token, extension);
}

/* A skip import whose batches are in, and that ends before all of its rows are in the staging again, cannot show what was refused. Retried, it can: the sentences are kept, the upload, and what it went on from. */
static bool keeps_refusals(const struct jb__attempt *attempt, const struct jb__ending *ending)
{
    const struct jb_import_options *options = &attempt->options.import;
    bool cut_off = options->on_error == JB_SKIP && !options->dry_run && attempt->batch_position > 0 && !attempt->loaded && !attempt->refused_all && strcmp(ending->status, "done") != 0;
    return cut_off && (attempt->counts.refused > 0 || jb__goes_on_by_rows(attempt));
}

bool jb__ending_prepare(struct jb__attempt *attempt, struct jb_scope *scope, struct jb__ending *ending)
{
    bool nothing = !attempt->stage || keeps_refusals(attempt, ending) || (attempt->counts.refused == 0 && !attempt->undecided.data);
    return nothing || ending->stands || jb__refused_write(attempt, scope, ending);
}

/* ---- what the job keeps so that it can go on ---------------------------------------------------------------------------------------- */

size_t jb__lines(struct jb_str text)
{
    size_t count = text.size > 0;

    for (size_t i = 0; i < text.size; i++)
        count += text.data[i] == '\n';
    return count;
}

static struct jb_str without_last_line(struct jb_str lines)
{
    size_t size = lines.size;

    while (size > 0 && lines.data[size - 1] != '\n')
        size--;
    return size > 0 ? jb_str_slice(lines, 0, size - 1) : JB_STR_NULL;
}

/* An all-or-nothing import whose rows were refused reads its upload again when they come back corrected. One that went on and was stopped before it said anything about the last corrections forgets
 * those. */
static void keep_files(struct jb__attempt *attempt, const struct jb__ending *ending)
{
    struct import_job *job = &attempt->job;
    const struct jb__job_options *options = &attempt->options;
    bool kept = options->import.on_error == JB_ABORT && !options->import.dry_run && (ending->stands || (strcmp(ending->status, "failed") == 0 && attempt->refused_all));

    if (!kept && !keeps_refusals(attempt, ending)) {
        job->spool = job->corrections = JB_STR_NULL;
    } else if (ending->stands && (int)jb__lines(attempt->corrections) > options->verified) {
        job->corrections = without_last_line(attempt->corrections);
    }
    job->expires_at = (struct jb_time){ jb_now().us + KEPT_FOR_RETRY_DAYS * JB_DAY_US };
}

/* ---- the row ------------------------------------------------------------------------------------------------------------------- */

static bool ends(const char *status)
{
    return strcmp(status, "waiting") != 0;
}

/* A run that stood still for long may have been given up: the job was ended without it, and it writes nothing any more. */
static bool take_end(struct jb_scope *scope, const struct import_job *job, const char *status)
{
    int64_t changes;

    if (!jb_exec(scope, JB_SQL("update import_jobs set status = ? where id = ? and status in ('queued', 'running')", jb_str_of(status), job->id), &changes))
        return false;
    return changes == 1 || jb_fail(scope, JB_UNAVAILABLE, JB_L(scope, "작업 %lld은(는) 그사이 끝났습니다.", "Job %lld was ended meanwhile."), (long long)job->id);
}

static bool has_sum(const struct jb_stage_sums *sums, const struct jb_field *field)
{
    for (size_t i = 0; i < sums->count; i++)
        if (sums->at[i].field == field)
            return true;
    return false;
}

/* With what the job had before it went on: a column whose sum nobody knew then has none now either. */
static struct jb_str totals_of(struct jb_scope *scope, const struct jb_model *model, const struct jb__job_options *options, const struct jb_stage_sums *sums)
{
    struct jb_stage_sums all = { .count = 0 }, now = *sums;
    bool wrote = options->base.new_rows + options->base.changed + options->base.unchanged > 0;

    if (!model || !jb__balance_read(scope, model, options->base_totals, &all)) {
        jb_failure_clear(scope);
        return options->base_totals;
    }
    for (size_t i = 0; i < now.count; i++)
        now.at[i].unknown |= wrote && !has_sum(&all, now.at[i].field);
    jb__balance_add(&all, &now);
    return jb__balance_json(scope, &all, false);
}

/* Figures of the whole job: of a skip import that went on, with those that it had. */
static void write_figures(struct jb__attempt *attempt, const struct jb__ending *ending)
{
    struct import_job *job = &attempt->job;
    const struct jb__counts *counts = &attempt->counts, *base = &attempt->options.base;
    bool failed = strcmp(ending->status, "failed") == 0, applied = !failed || attempt->batch_position > 0;

    job->rows = counts->rows + (base->rows > 0 ? base->rows - counts->corrected : 0);
    job->batches = attempt->plan ? (job->rows + attempt->plan->batch_rows - 1) / attempt->plan->batch_rows : 0;
    job->new_rows = base->new_rows + (applied ? counts->new_rows : 0);
    job->changed = base->changed + (applied ? counts->changed : 0);
    job->unchanged = base->unchanged + (applied ? counts->unchanged : 0);
    job->skipped = base->skipped + (applied ? counts->skipped : 0);
    job->refused = counts->refused;
    job->conflicts = counts->conflicts;
    job->totals = totals_of(attempt->scope, attempt->model, &attempt->options, &attempt->sums);
    job->errors_total = ending->errors_total;
    job->errors = ending->errors;
    bool as_it_was = keeps_refusals(attempt, ending) && jb__goes_on_by_rows(attempt);    /* the retry reads the workbook that it had */
    job->result = as_it_was ? attempt->result : jb_copy(attempt->scope, ending->result); /* outlives the ending: other files go after it */
}

bool jb__ending_write(struct jb__attempt *attempt, struct jb_scope *scope, const struct jb__ending *ending)
{
    struct import_job *job = &attempt->job;
    bool complete = strcmp(ending->status, "done") == 0;

    job->status = jb_str_of(ending->status);
    job->progress = complete ? 100 : attempt->progress.percent;
    if (!ending->stands)
        write_figures(attempt, ending);
    if (!ending->stands && attempt->options.continued > 0) {
        attempt->options.verified = (int)jb__lines(attempt->corrections);
        job->options = jb__import_options_json(scope, &attempt->options);
    }
    job->reason = ending->reason;
    if (keeps_refusals(attempt, ending))
        job->reason = jb_format(scope, JB_L(scope, "%.*s 거절된 행은 다시 시도하면 볼 수 있습니다.", "%.*s Retry it to see the refused rows."), JB_FMT(ending->reason));
    job->error = ending->error ? jb_str_of(jb_error_name(ending->error)) : JB_STR_NULL;
    job->position = attempt->batch_position;
    job->micros = jb_monotonic_us() - attempt->started_us;
    job->peak_rss_bytes = jb__peak_bytes();
    if (ends(ending->status)) {
        job->finished_at = jb_now();
        keep_files(attempt, ending);
    }
    attempt->status = ending->status;
    bool logged = ends(ending->status) && !job->dry_run && !ending->stands && (complete || attempt->batch_position > 0);
    return take_end(scope, job, ending->status) && jb__job_save(scope, job) && (!logged || jb__log_job(scope, job)) && (!ends(ending->status) || ((keeps_refusals(attempt, ending) || jb__refusals_forget(scope, job->id)) && jb__mail_enqueue(scope, job->id)));
}

bool jb__ending_commit(struct jb__attempt *attempt, struct jb_scope *scope, const struct jb__ending *ending)
{
    struct jb_tx *tx = jb_begin(scope);

    if (!tx)
        return false;
    if (jb__ending_write(attempt, scope, ending))
        return jb_commit(tx);
    jb_rollback(tx);
    return false;
}

static bool has_line(struct jb_str lines, struct jb_str line)
{
    while (lines.data)
        if (jb_str_equal(jb_str_cut(&lines, '\n'), line))
            return true;
    return false;
}

/* Files of the job as it was, but for those that it still names. */
static void remove_files(struct jb_scope *scope, const struct import_job *was, const struct import_job *is)
{
    const struct jb_transfer *transfer = jb__transfer_of(scope);

    if (was->spool.data && !jb_str_equal(was->spool, is->spool))
        jb__file_remove(scope, jb__spool_path(scope, transfer, was->spool));
    for (struct jb_str rest = was->corrections; rest.size > 0;) {
        struct jb_str file = jb_str_cut(&rest, '\n');
        if (!has_line(is->corrections, file))
            jb__file_remove(scope, jb__spool_path(scope, transfer, file));
    }
    if (was->result.data && !jb_str_equal(was->result, is->result))
        jb__file_remove(scope, jb_format(scope, "%s/%.*s", transfer->media_dir, JB_FMT(was->result)));
}

bool jb__job_forget(struct jb_scope *scope, struct import_job *job)
{
    struct import_job before = *job;

    job->spool = job->corrections = job->result = JB_STR_NULL;
    job->expires_at = (struct jb_time){ 0 };
    struct jb_tx *tx = jb_begin(scope);
    if (!tx)
        return false;
    if (!jb__job_leave(scope, job, job->status) || !jb__refusals_forget(scope, job->id) || !jb__job_save(scope, job)) {
        jb_rollback(tx);
        return false;
    }
    if (!jb_commit(tx))
        return false;
    remove_files(scope, &before, job);
    return true;
}

void jb__ending_sweep(struct jb__attempt *attempt)
{
    const struct jb_transfer *transfer = attempt->transfer;
    struct jb_scope *scope = jb_scope_detached(attempt->outer, "sweep");

    jb__stage_let_go(scope, jb_format(scope, "%lld.%d.stage", (long long)attempt->job.id, attempt->job.attempt));
    if (attempt->status && ends(attempt->status) && !attempt->options.import.differences)
        jb__stage_remove(scope, jb_format(scope, "%s/%lld.sealed", transfer->spool_dir, (long long)attempt->job.id));
    if (attempt->status && jb__keeps(attempt) && !jb__keep_sweep(scope))
        jb_failure_clear(scope); /* the nightly one will */
    if (attempt->status)
        remove_files(scope, &(struct import_job){ .spool = attempt->spool, .corrections = attempt->corrections, .result = attempt->result }, &attempt->job);
    jb_scope_end(scope);
}

/* ---- without an attempt ------------------------------------------------------------------------------------------------------------ */

bool jb__job_leave(struct jb_scope *scope, const struct import_job *job, struct jb_str was)
{
    int64_t changes;

    if (!jb_exec(scope, JB_SQL("update import_jobs set status = ? where id = ? and status = ?", job->status, job->id, was), &changes))
        return false;
    return changes == 1 || jb_fail(scope, JB_CONFLICT, JB_L(scope, "작업 %lld의 상태가 그사이 바뀌었습니다. 다시 보세요.", "The state of job %lld changed meanwhile. Look again."), (long long)job->id);
}

bool jb__take_committed(struct jb_scope *scope, struct import_job *job, int64_t *ret_rows)
{
    struct jb__job_options options = { 0 };
    struct import_mark mark;
    bool undo = jb_str_is(job->kind, "undo");

    *ret_rows = 0;
    if (!undo && !jb_str_is(job->kind, "import"))
        return true;
    if (!jb_first(scope, &jb_import_mark, &mark, .where = JB_SQL("id = ?", job->id)))
        return !jb_failure(scope);
    if (!undo && !jb__import_options_read(scope, job->options, &options))
        return false;
    job->removed = undo ? mark.new_rows : job->removed;
    job->new_rows = undo ? 0 : options.base.new_rows + mark.new_rows;
    job->changed = options.base.changed + mark.changed;
    job->unchanged = options.base.unchanged + mark.unchanged;
    job->skipped = options.base.skipped + mark.skipped;
    struct jb_stage_sums sums = { .count = 0 };
    const struct jb_model *model = undo ? NULL : jb_model_find(scope, job->model);
    if (!model)
        jb_failure_clear(scope); /* the site has lost it: nothing is added up */
    if (model && !jb__balance_read(scope, model, mark.totals, &sums))
        return false;
    if (model)
        job->totals = totals_of(scope, model, &options, &sums);
    if (mark.position > 0) {
        job->position = mark.position;
        job->refused = mark.refused;
        job->conflicts = mark.conflicts;
        *ret_rows = mark.new_rows + mark.changed + (undo ? 0 : mark.unchanged);
    }
    return true;
}

/* "… The 300 rows already applied stay." */
static void say_committed(struct jb_scope *scope, struct import_job *job, int64_t rows)
{
    const char *words = jb_str_is(job->kind, "undo") ? JB_L(scope, "이미 되돌린 %lld행은 그대로입니다.", "The %lld rows undone before stay so.") : JB_L(scope, "이미 반영된 %lld행은 남아 있습니다.", "The %lld rows already applied stay.");
    struct jb_str head = jb_str_is(job->status, "cancelled") ? jb_str_of(JB_L(scope, "취소했습니다.", "Cancelled.")) : job->reason, rest = jb_format(scope, words, (long long)rows);

    job->reason = jb_format(scope, "%.*s %.*s", JB_FMT(head), JB_FMT(rest));
}

static bool end_in(struct jb_scope *scope, struct import_job *job, struct jb_str was)
{
    int64_t rows;

    if (!jb__job_leave(scope, job, was) || !jb__take_committed(scope, job, &rows)) /* left first: a batch asks whether the job still runs */
        return false;
    if (rows > 0)
        say_committed(scope, job, rows);
    return (job->spool.data || jb__refusals_forget(scope, job->id)) && jb__job_save(scope, job) && (rows == 0 || jb__log_job(scope, job)) && jb__mail_enqueue(scope, job->id);
}

bool jb__job_end(struct jb_scope *scope, struct import_job *job, const char *status, const struct jb_failure *failure)
{
    const struct jb_transfer *transfer = jb__transfer_of(scope);
    struct import_job before = *job;
    bool keep = failure && strcmp(status, "failed") == 0 && (failure->error == JB_UNAVAILABLE || failure->error == JB_TIMEOUT || failure->error == JB_BROKEN);
    struct jb_str was = job->status;
    bool was_waiting = jb_str_is(was, "waiting");

    job->status = jb_str_of(status);
    job->finished_at = jb_now();
    job->expires_at = (struct jb_time){ jb_now().us + KEPT_FOR_RETRY_DAYS * JB_DAY_US };
    if (failure) {
        job->reason = jb__failure_sentence(scope, failure);
        job->error = jb_str_of(jb_error_name(failure->error));
    } else if (was_waiting || strcmp(status, "cancelled") == 0) {
        job->reason = jb_str_of(JB_L(scope, "취소했습니다. 아무것도 반영하지 않았습니다.", "Cancelled. Nothing was applied."));
        job->error = jb_str_of(jb_error_name(JB_CANCELLED));
    }
    if (!keep)
        job->spool = job->corrections = JB_STR_NULL;
    struct jb_tx *tx = jb_begin(scope);
    if (!tx)
        return false;
    if (!end_in(scope, job, was)) {
        jb_rollback(tx);
        return false;
    }
    if (!jb_commit(tx))
        return false;
    remove_files(scope, &before, job);
    jb__stage_remove(scope, jb_format(scope, "%s/%lld.sealed", transfer->spool_dir, (long long)job->id));
    jb__stage_let_go(scope, jb_format(scope, "%lld.%d.stage", (long long)job->id, job->attempt));
    return true;
}
