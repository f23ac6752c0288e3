/* finish.c — the end of a job: figures and errors into its row, the mail, and the files that go. */
// SPDX-License-Identifier: Apache-2.0
#include "transfer/transfer_private.h"
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
        bool optional = field->type == JB_TIME || strcmp(field->name, "user_id") == 0 || strcmp(field->name, "task_id") == 0;
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

bool jb__ending_prepare(struct jb__attempt *attempt, struct jb_scope *scope, struct jb__ending *ending)
{
    return !attempt->stage || attempt->counts.refused == 0 || jb__refused_write(attempt, scope, ending);
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

bool jb__ending_write(struct jb__attempt *attempt, struct jb_scope *scope, const struct jb__ending *ending)
{
    struct import_job *job = &attempt->job;
    const struct jb__counts *counts = &attempt->counts;
    bool failed = strcmp(ending->status, "failed") == 0, applied = !failed || attempt->batch_position > 0;

    job->status = jb_str_of(ending->status);
    job->progress = !failed && ends(ending->status) && strcmp(ending->status, "cancelled") != 0 ? 100 : attempt->progress.percent;
    job->rows = counts->rows;
    job->batches = attempt->plan ? (counts->rows + attempt->plan->batch_rows - 1) / attempt->plan->batch_rows : 0;
    job->new_rows = applied ? counts->new_rows : 0;
    job->changed = applied ? counts->changed : 0;
    job->unchanged = applied ? counts->unchanged : 0;
    job->skipped = applied ? counts->skipped : 0;
    job->refused = counts->refused;
    job->errors_total = ending->errors_total;
    job->errors = ending->errors;
    job->result = ending->result;
    job->reason = ending->reason;
    job->error = ending->error ? jb_str_of(jb_error_name(ending->error)) : JB_STR_NULL;
    job->position = attempt->batch_position;
    job->micros = jb_monotonic_us() - attempt->started_us;
    job->peak_rss_bytes = jb__peak_bytes();
    if (ends(ending->status)) {
        job->finished_at = jb_now();
        job->spool = JB_STR_NULL;
    }
    attempt->status = ending->status;
    return take_end(scope, job, ending->status) && jb__job_save(scope, job) && (!ends(ending->status) || jb__mail_enqueue(scope, job->id));
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

void jb__ending_sweep(struct jb__attempt *attempt)
{
    const struct jb_transfer *transfer = attempt->transfer;
    struct jb_scope *scope = jb_scope_detached(attempt->outer, "sweep");

    jb__stage_remove(scope, jb_format(scope, "%s/%lld.%d.stage", transfer->spool_dir, (long long)attempt->job.id, attempt->job.attempt));
    if (attempt->status && ends(attempt->status)) {
        jb__stage_remove(scope, jb_format(scope, "%s/%lld.sealed", transfer->spool_dir, (long long)attempt->job.id));
        if (attempt->spool.data)
            jb__file_remove(scope, jb__spool_path(scope, transfer, attempt->spool));
    }
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

bool jb__job_end(struct jb_scope *scope, struct import_job *job, const char *status, const struct jb_failure *failure)
{
    const struct jb_transfer *transfer = jb__transfer_of(scope);
    struct jb_str spool = job->spool;
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
        job->new_rows = job->changed = job->unchanged = job->skipped = 0;
    }
    if (!keep)
        job->spool = JB_STR_NULL;
    struct jb_tx *tx = jb_begin(scope);
    if (!tx)
        return false;
    if (!jb__job_leave(scope, job, was) || !jb__job_save(scope, job) || !jb__mail_enqueue(scope, job->id)) {
        jb_rollback(tx);
        return false;
    }
    if (!jb_commit(tx))
        return false;
    if (!keep && spool.data)
        jb__file_remove(scope, jb__spool_path(scope, transfer, spool));
    jb__stage_remove(scope, jb_format(scope, "%s/%lld.sealed", transfer->spool_dir, (long long)job->id));
    jb__stage_remove(scope, jb_format(scope, "%s/%lld.%d.stage", transfer->spool_dir, (long long)job->id, job->attempt));
    return true;
}
