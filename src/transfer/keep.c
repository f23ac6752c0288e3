/* keep.c — stagings that were merged are kept, so that their import can be undone.
 *
 * The commit that merges notes which staging it was (import_kept) and until when the job can be undone. After it the staging moves to UNDO_DIR. The sweep, and the end of each import, give up what is
 * too old, and the oldest while all together are too large. What is noted decides: a staging that no note names goes. */
// SPDX-License-Identifier: Apache-2.0
#include "transfer/keep.h"
#include "base/log.h"
#include <string.h>
#include <unistd.h>

const struct jb_model jb_import_kept = {
    .app = "cash",
    .reads = JB_READS_PRIMARY,
    .name = "importkept",
    .table = "import_kept",
    .label = "되돌릴 자료",
    .label_en = "Kept for undoing",
    .indexes = "job_id",
    .hidden = true,
    .record = JB_RECORD(import_kept,
        JB_FIELD(import_kept, id, .primary = true),
        JB_FIELD(import_kept, job_id, .required = true),
        JB_FIELD(import_kept, stage, .required = true, .length_max = 100),
        JB_FIELD(import_kept, columns, .required = true),
        JB_FIELD(import_kept, match),
        JB_FIELD(import_kept, fields, .required = true),
        JB_FIELD(import_kept, by_id),
        JB_FIELD(import_kept, from_row),
        JB_FIELD(import_kept, to_row),
        JB_FIELD(import_kept, rows),
        JB_FIELD(import_kept, bytes),
        JB_FIELD(import_kept, backup_rows, .default_text = "-1"),
        JB_FIELD(import_kept, undone_by),
        JB_FIELD(import_kept, created_at, .required = true)),
};

/* ---- names -------------------------------------------------------------------------------------------------------------------- */

static struct jb_str names_of(struct jb_scope *scope, const struct jb_field *const *fields, size_t count)
{
    struct jb_str names = JB_STR("");

    for (size_t i = 0; i < count; i++)
        names = jb_format(scope, "%.*s%s%s", JB_FMT(names), i ? " " : "", fields[i]->name);
    return names;
}

void jb__keep_columns(struct jb__attempt *attempt)
{
    attempt->brought = names_of(attempt->scope, attempt->plan->present, attempt->plan->present_count);
}

struct jb_str jb__kept_fields(struct jb_scope *scope, const struct jb_model *model)
{
    struct jb_str names = JB_STR("");

    for (const struct jb_field *field = model->record.fields; field->type != JB_END; field++)
        if (field->type != JB_WORD)
            names = jb_format(scope, "%.*s%s%s", JB_FMT(names), names.size ? " " : "", field->name);
    return names;
}

static size_t kept_names(struct jb_scope *scope, const struct jb_model *model, struct jb_str names, const struct jb_field ***ret_fields)
{
    const struct jb_field **fields = JB_NEW_ARRAY(scope, const struct jb_field *, names.size + 1);
    size_t count = 0;

    for (struct jb_str rest = names; rest.size > 0;) {
        const struct jb_field *field = jb_record_field(&model->record, jb_str_cut(&rest, ' '));
        if (field)
            fields[count++] = field;
    }
    *ret_fields = fields;
    return count;
}

static struct jb_str stage_name(struct jb_scope *scope, int64_t job, int attempt)
{
    return jb_format(scope, "%lld.%d.stage", (long long)job, attempt);
}

struct jb_str jb__kept_path(struct jb_scope *scope, struct jb_str stage)
{
    const struct jb_transfer *transfer = jb__transfer_of(scope);
    struct jb_str kept = jb_format(scope, "%s/%.*s", transfer->undo_dir, JB_FMT(stage)), spooled = jb__spool_path(scope, transfer, stage);
    return access(kept.data, F_OK) != 0 && access(spooled.data, F_OK) == 0 ? spooled : kept;
}

struct jb_stage_options jb__kept_options(struct jb_scope *scope, const struct jb_model *model, const struct import_kept *kept)
{
    const struct jb_field **columns, **match;
    size_t column_count = kept_names(scope, model, kept->columns, &columns), match_count = kept_names(scope, model, kept->match, &match);

    return (struct jb_stage_options){
        .path = jb__kept_path(scope, kept->stage).data,
        .model = model,
        .columns = columns,
        .column_count = column_count,
        .match = match,
        .match_count = match_count,
        .by_id = kept->by_id,
        .keeps = true,
        .undoes = true,
    };
}

/* ---- noting: in the transaction that merges --------------------------------------------------------------------------------------- */

static bool note_new(struct jb__attempt *attempt, int64_t from, int64_t to, int64_t rows)
{
    const struct jb__plan *plan = attempt->plan;
    struct jb_scope *scope = attempt->scope;
    bool by_id = plan->match_count == 1 && plan->match[0]->primary;
    struct import_kept kept = {
        .job_id = attempt->job.id,
        .stage = stage_name(scope, attempt->job.id, attempt->job.attempt),
        .columns = attempt->brought,
        .match = by_id && !plan->match_given ? JB_STR("") : names_of(scope, plan->match, plan->match_count),
        .fields = jb__kept_fields(scope, attempt->model),
        .by_id = by_id && plan->match_given,
        .from_row = from,
        .to_row = to,
        .rows = rows,
        .backup_rows = attempt->backup_rows,
        .created_at = jb_now(),
    };

    attempt->job.undo_until = (struct jb_time){ jb_now().us + (int64_t)attempt->transfer->undo_days * JB_DAY_US };
    return jb_insert(scope, &jb_import_kept, &kept) && jb_exec(scope, JB_SQL("update import_jobs set undo_until = ? where id = ?", attempt->job.undo_until, attempt->job.id), NULL);
}

bool jb__keep_note(struct jb__attempt *attempt, int64_t from, int64_t to, int64_t rows)
{
    struct jb_str stage = stage_name(attempt->scope, attempt->job.id, attempt->job.attempt);
    int64_t changes;

    if (!jb__keeps(attempt) || rows == 0)
        return true;
    if (!jb_exec(attempt->scope, JB_SQL("update import_kept set to_row = ?, rows = rows + ? where job_id = ? and stage = ?", to, rows, attempt->job.id, stage), &changes))
        return false;
    return changes > 0 || note_new(attempt, from, to, rows);
}

bool jb__keeps(const struct jb__attempt *attempt)
{
    return attempt->transfer->undo_days > 0 && !attempt->options.import.dry_run && (!attempt->options.import.confirm || attempt->options.confirmed);
}

/* ---- the copy of the whole table ------------------------------------------------------------------------------------------------------ */

bool jb__keep_backup_due(struct jb__attempt *attempt)
{
    int64_t taken;

    attempt->backup_rows = -1;
    attempt->backup_due = false;
    if (!attempt->options.import.backup_first || !jb__keeps(attempt))
        return true;
    if (!jb_query_int(attempt->scope, JB_SQL("select count(*) from import_kept where job_id = ? and backup_rows >= 0", attempt->job.id), &taken))
        return false;
    attempt->backup_due = taken == 0;
    return true;
}

struct backing_up {
    struct jb__attempt *attempt;
    struct jb_scope *scope;
    int64_t rows;
    bool ok;
};

static void backup_blocking(void *arg)
{
    struct backing_up *backing = arg;
    backing->ok = jb_stage_backup(backing->attempt->stage, backing->scope, &backing->rows);
}

bool jb__keep_backup(struct jb__attempt *attempt)
{
    struct backing_up backing = { .attempt = attempt, .scope = jb_scope_child(attempt->scope, "backup") };

    if (attempt->backup_due) {
        jb_fiber_allow_wait(true); /* nobody writes until the merge has been committed */
        jb_thread_call(attempt->thread, backup_blocking, &backing);
        jb_fiber_allow_wait(false);
        attempt->backup_rows = backing.rows;
    }
    bool ok = !attempt->backup_due || backing.ok || jb_failure_pass(backing.scope, attempt->scope);
    jb_scope_end(backing.scope);
    return ok;
}

/* ---- afterwards ------------------------------------------------------------------------------------------------------------------- */

bool jb__is_kept(struct jb_scope *scope, struct jb_str stage, bool *ret_kept)
{
    int64_t notes;

    if (!jb_query_int(scope, JB_SQL("select count(*) from import_kept where stage = ?", stage), &notes))
        return false;
    *ret_kept = notes > 0;
    return true;
}

bool jb__keep_away(struct jb_scope *scope, struct jb_str stage)
{
    const struct jb_transfer *transfer = jb__transfer_of(scope);
    struct jb_str from = jb__spool_path(scope, transfer, stage), to = jb_format(scope, "%s/%.*s", transfer->undo_dir, JB_FMT(stage));
    int64_t bytes;

    if (JB_FAULT("transfer/import/keep", scope))
        return false;
    if (access(from.data, F_OK) == 0 && !jb_stage_keep(scope, from.data, to.data))
        return false;
    return jb_stage_bytes(scope, to.data, &bytes) && jb_exec(scope, JB_SQL("update import_kept set bytes = ? where stage = ?", JB_MAX(bytes, 1), stage), NULL);
}

void jb__stage_let_go(struct jb_scope *outer, struct jb_str stage)
{
    struct jb_scope *scope = jb_scope_child(outer, "let go");
    bool kept = true;
    bool ok = jb__is_kept(scope, stage, &kept) && (!kept || jb__keep_away(scope, stage));

    if (ok && !kept)
        jb__stage_remove(scope, jb__spool_path(scope, jb__transfer_of(scope), stage));
    if (!ok) { /* the sweep does it */
        struct jb_str text = jb_failure_text(scope);
        jb_log(JB_LOG_WARNING, "transfer", "keeping %.*s: %.*s", JB_FMT(stage), JB_FMT(text));
    }
    jb_scope_end(scope);
}

/* ---- giving up ---------------------------------------------------------------------------------------------------------------------- */

bool jb__keep_forget(struct jb_scope *scope, int64_t job)
{
    struct jb_rows *rows = jb_select(scope, &jb_import_kept, .where = JB_SQL("job_id = ?", job), .limit = 10000);
    struct jb_tx *tx = rows ? jb_begin(scope) : NULL;

    if (!tx)
        return false;
    if (!jb_exec(scope, JB_SQL("delete from import_kept where job_id = ?", job), NULL) || !jb_exec(scope, JB_SQL("update import_jobs set undo_until = null where id = ?", job), NULL)) {
        jb_rollback(tx);
        return false;
    }
    if (!jb_commit(tx))
        return false;
    for (JB_EACH_ROW(rows, const struct import_kept, kept))
        jb__stage_remove(scope, jb__kept_path(scope, kept->stage));
    return true;
}

struct kept_job {
    int64_t job_id, bytes;
    struct jb_time until;
};
static const struct jb_record kept_job_record = JB_RECORD(kept_job, JB_FIELD(kept_job, job_id), JB_FIELD(kept_job, bytes), JB_FIELD(kept_job, until));

/* The newest first; those that an undo works with are left alone. */
static struct jb_rows *kept_jobs(struct jb_scope *scope)
{
    return jb_query(scope,
        JB_SQL("select k.job_id, cast(sum(coalesce(k.bytes, 0)) as bigint) as bytes, j.undo_until as until from import_kept k left join import_jobs j on j.id = k.job_id"
               " where not exists (select 1 from import_jobs u where u.undoes = k.job_id and u.status in ('queued', 'running')) and coalesce(j.status, 'done') in ('done', 'failed', 'cancelled')"
               " group by k.job_id, j.undo_until order by k.job_id desc"),
        &kept_job_record);
}

bool jb__keep_sweep(struct jb_scope *outer)
{
    const struct jb_transfer *transfer = jb__transfer_of(outer);
    struct jb_scope *scope = jb_scope_child(outer, "kept");
    struct jb_rows *jobs = kept_jobs(scope);
    int64_t total = 0;
    bool ok = jobs != NULL;

    for (size_t i = 0; ok && i < jobs->count; i++) {
        const struct kept_job *job = jb_rows_at(jobs, i);
        total += job->bytes;
        if (job->until.us < jb_now().us || transfer->undo_days <= 0 || total > transfer->undo_bytes_max)
            ok = jb__keep_forget(scope, job->job_id);
    }
    ok = ok || jb_failure_pass(scope, outer);
    jb_scope_end(scope);
    return ok;
}
