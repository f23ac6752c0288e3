/* undo.c — a whole import taken back, as a job of its own.
 *
 * Each staging that the import merged is undone in one transaction, the last one first: an `abort` import has one. It holds the table against other writers, asks which rows still are as the import
 * left them, and removes or restores those. The note of the staging (import_kept.undone_by) and the job's mark are written by the same commit, so an attempt that goes on after a crash undoes nothing twice and
 * counts nothing twice; which rows were left stands with the staging. */
// SPDX-License-Identifier: Apache-2.0
#include "transfer/undo.h"
#include <string.h>

#define HERE_ROWS_MAX 20000 /* so many are undone by whoever asks */

/* ---- may it? --------------------------------------------------------------------------------------------------------------------- */

static bool fail_not_undoable(struct jb_scope *scope, const struct import_job *import)
{
    if (!jb_str_is(import->kind, "import"))
        return jb_fail(scope, JB_CONFLICT, JB_L(scope, "작업 %lld은(는) 가져오기가 아니라서 되돌릴 것이 없습니다.", "Job %lld is no import: there is nothing to undo."), (long long)import->id);
    if (!jb__job_ended(import))
        return jb_fail(scope, JB_CONFLICT, JB_L(scope, "작업 %lld은(는) 아직 끝나지 않았습니다. 끝난 뒤에 되돌리거나 취소하세요.", "Job %lld has not ended yet. Undo it when it has, or cancel it."), (long long)import->id);
    if (import->dry_run || import->new_rows + import->changed == 0)
        return jb_fail(scope, JB_CONFLICT, JB_L(scope, "작업 %lld은(는) 아무것도 바꾸지 않아서 되돌릴 것이 없습니다.", "Job %lld changed nothing: there is nothing to undo."), (long long)import->id);
    return jb_fail(scope, JB_CONFLICT, JB_L(scope, "작업 %lld은(는) 이제 되돌릴 수 없습니다. 되돌리는 데 드는 자료를 더는 두지 않습니다 (UNDO_DAYS, UNDO_BYTES_MAX).", "Job %lld can no longer be undone: what that needs is not kept any more (UNDO_DAYS, UNDO_BYTES_MAX)."), (long long)import->id);
}

/* One that runs, or one after which nothing is left to undo. */
static bool fail_undone(struct jb_scope *scope, const struct import_job *import, const struct import_job *undo)
{
    if (!jb__job_ended(undo))
        return jb_fail(scope, JB_CONFLICT, JB_L(scope, "작업 %lld을(를) 작업 %lld이(가) 되돌리는 중입니다.", "Job %lld is being undone by job %lld."), (long long)import->id, (long long)undo->id);
    return jb_fail(scope, JB_CONFLICT, JB_L(scope, "작업 %lld은(는) 작업 %lld이(가) 이미 되돌렸습니다.", "Job %lld was undone already, by job %lld."), (long long)import->id, (long long)undo->id);
}

bool jb_undo_possible(struct jb_scope *scope, const struct import_job *import)
{
    struct import_job undo = { .id = 0 };
    int64_t kept, fresh;

    if (!jb_query_int(scope, JB_SQL("select count(*) from import_kept where job_id = ?", import->id), &kept) || !jb_query_int(scope, JB_SQL("select count(*) from import_kept where job_id = ? and coalesce(undone_by, 0) = 0", import->id), &fresh))
        return false;
    if (import->undone_by && !jb_get(scope, &jb_import_job, import->undone_by, &undo))
        return false;
    bool undone = jb_str_is(undo.status, "done") && undo.refused == 0 && fresh == 0;
    if (undo.id && (!jb__job_ended(&undo) || undone))
        return fail_undone(scope, import, &undo);
    return (jb__job_ended(import) && kept > 0 && import->undo_until.us > jb_now().us) || fail_not_undoable(scope, import);
}

/* ---- starting -------------------------------------------------------------------------------------------------------------------- */

/* The undo of this import that was started with the key; a key that did something else is no repetition. */
static bool find_once(struct jb_scope *scope, struct jb_str once, int64_t import, bool whole, int64_t *ret_job)
{
    struct jb__job_options options;
    struct import_job job;

    if (!once.data || !jb_first(scope, &jb_import_job, &job, .where = JB_SQL("once = ?", once)) || !jb__import_options_read(scope, job.options, &options))
        return false;
    if (!jb_str_is(job.kind, "undo") || job.undoes != import || options.whole != whole)
        return jb_fail(scope, JB_CONFLICT, JB_L(scope, "같은 양식(또는 Idempotency-Key)으로 이미 다른 일을 시켰습니다: 작업 %lld. 양식을 새로 열어 보내세요.", "This form (or Idempotency-Key) has started something else already: job %lld. Open the form anew, or use a new key."), (long long)job.id);
    *ret_job = job.id;
    return true;
}

/* Of two that begin at once, one is told of the other. */
static bool take_import(struct jb_scope *scope, const struct import_job *import, int64_t undo)
{
    int64_t changes;

    if (!jb_exec(scope, JB_SQL("update import_jobs set undone_by = ? where id = ? and coalesce(undone_by, 0) = ?", undo, import->id, import->undone_by), &changes))
        return false;
    return changes == 1 || jb_fail(scope, JB_CONFLICT, JB_L(scope, "작업 %lld의 상태가 그사이 바뀌었습니다. 다시 보세요.", "The state of job %lld changed meanwhile. Look again."), (long long)import->id);
}

static bool start(struct jb_scope *scope, const struct import_job *import, struct import_job *undo)
{
    struct jb_tx *tx = jb_begin(scope);

    if (!tx)
        return false;
    if (jb__job_start(scope, undo, NULL, true) && take_import(scope, import, undo->id))
        return jb_commit(tx);
    jb_rollback(tx);
    return false;
}

bool jb_undo_has_backup(struct jb_scope *scope, int64_t import, bool *ret_there)
{
    int64_t copies;

    if (!jb_query_int(scope, JB_SQL("select count(*) from import_kept where job_id = ? and backup_rows >= 0", import), &copies))
        return false;
    *ret_there = copies > 0;
    return true;
}

static bool whole_possible(struct jb_scope *scope, const struct import_job *import)
{
    bool there;

    if (!jb_undo_has_backup(scope, import->id, &there))
        return false;
    return there || jb_fail(scope, JB_CONFLICT, JB_L(scope, "작업 %lld은(는) 표를 백업해 두지 않았습니다. 백업 없이 되돌리면 그 뒤에 바뀌지 않은 행만 되돌립니다.", "Job %lld took no backup of the table. Undone without one, only rows that nobody touched since are undone."), (long long)import->id);
}

bool jb_undo_start(struct jb_scope *scope, int64_t id, const struct jb_undo_options *options, int64_t *ret_job)
{
    const struct jb_user *actor = jb_actor(scope);
    struct jb_str key = jb__once_key(scope, options->once);
    struct import_job import;

    if (!jb_job_get(scope, id, &import))
        return false;
    if (find_once(scope, key, id, options->whole, ret_job))
        return true;
    if (jb_failure(scope) || !jb_undo_possible(scope, &import) || (options->whole && !whole_possible(scope, &import)))
        return false;
    struct import_job undo = {
        .kind = JB_STR("undo"),
        .model = import.model,
        .status = JB_STR("queued"),
        .user_id = actor->id,
        .user = actor->name,
        .file_name = import.file_name,
        .file_hash = import.file_hash,
        .options = jb__import_options_json(scope, &(struct jb__job_options){ .language = jb_language(scope), .whole = options->whole }),
        .once = key,
        .undoes = import.id,
        .created_at = jb_now(),
    };
    if (!start(scope, &import, &undo)) {
        if (jb_error(scope) != JB_CONFLICT || !key.data)
            return false;
        struct jb_scope *again = jb_scope_child(scope, "again"); /* the same request may have come twice at the same moment */
        bool found = find_once(again, key, id, options->whole, ret_job), differs = !found && jb_failure(again);
        if (found || differs)
            jb_failure_clear(scope);
        if (differs)
            jb_failure_pass(again, scope);
        jb_scope_end(again);
        return found;
    }
    *ret_job = undo.id;
    return true;
}

bool jb_undo_submit(struct jb_scope *scope, int64_t import, const struct jb_undo_options *options, int64_t *ret_job, bool *ret_ended)
{
    struct import_job job, undo;
    bool ended = false;

    if (!jb_undo_start(scope, import, options, ret_job) || !jb_get(scope, &jb_import_job, import, &job) || !jb_get(scope, &jb_import_job, *ret_job, &undo))
        return false;
    if (job.new_rows + job.changed <= HERE_ROWS_MAX) {
        if (!jb__job_ended(&undo))
            jb__run_here(scope, undo.task_id);
        if (!jb__wait_for_end(scope, *ret_job, &ended))
            return false;
    }
    *ret_ended = ended;
    return true;
}

/* ---- running ------------------------------------------------------------------------------------------------------------------------ */

struct undoing {
    struct jb_scope *outer, *scope; /* cancelled by the wish */
    const struct jb_transfer *transfer;
    const struct jb_model *model;
    struct import_job job, import;
    const struct import_kept *kept; /* the one in hand */
    struct jb__plan *plan;
    struct jb__progress progress;
    struct jb_thread *thread;
    struct jb_stage *stage;
    struct jb__undo_report report;
    void *check_state;
    struct jb_stage_undo_counts counts;
    int64_t started_us;
    bool whole;
    struct jb_str refused; /* whole: why the model's check says no */
};

struct call {
    struct undoing *undoing;
    struct jb_scope *scope;
    struct jb_stage_options options;
    struct jb_db *db;
    bool ok;
};

static bool on_thread(struct undoing *undoing, void (*run)(void *call), struct call *call)
{
    call->undoing = undoing;
    call->scope = jb_scope_child(undoing->scope, "undo staging");
    call->db = jb_db_of(undoing->scope);
    jb_fiber_allow_wait(true); /* what is compared is compared under the lock */
    jb_thread_call(undoing->thread, run, call);
    jb_fiber_allow_wait(false);
    bool ok = call->ok || jb_failure_pass(call->scope, undoing->scope);
    jb_scope_end(call->scope);
    return ok;
}

static void open_blocking(void *arg)
{
    struct call *call = arg;
    call->undoing->stage = jb_stage_open_sealed(call->scope, call->db, &call->options);
    call->ok = call->undoing->stage != NULL;
}

static void on_share(void *arg, double share)
{
    jb__progress_share(arg, share, -1);
}

static bool fail_other_columns(struct undoing *undoing)
{
    return jb_fail(undoing->scope, JB_CONFLICT, JB_L(undoing->scope, "작업 %lld 뒤에 표의 열이 바뀌어서 되돌릴 수 없습니다.", "The table's columns have changed since job %lld: it cannot be undone."), (long long)undoing->import.id);
}

static bool open_stage(struct undoing *undoing)
{
    const struct import_kept *kept = undoing->kept;
    struct call call = { .ok = false };

    if (!jb_str_equal(kept->fields, jb__kept_fields(undoing->scope, undoing->model)))
        return fail_other_columns(undoing);
    call.options = jb__kept_options(undoing->scope, undoing->model, kept);
    if (!on_thread(undoing, open_blocking, &call))
        return false;
    jb_stage_watch(undoing->stage, on_share, &undoing->progress);
    return true;
}

static void compare_blocking(void *arg)
{
    struct call *call = arg;
    struct undoing *undoing = call->undoing;
    struct jb_stage_undo how = { .after_row = undoing->kept->from_row, .last_row = undoing->kept->to_row, .check_state = undoing->check_state, .again = undoing->kept->undone_by != 0 };
    struct jb_str refused = JB_STR_NULL;

    if (undoing->whole)
        call->ok = jb_stage_return_compare(undoing->stage, call->scope, undoing->check_state, &undoing->counts, &refused);
    else
        call->ok = jb_stage_undo_compare(undoing->stage, call->scope, &how, &undoing->counts);
    undoing->refused = jb_copy(undoing->scope, refused);
}

static bool compare(struct undoing *undoing)
{
    struct call call = { .ok = false };

    jb__progress_phase(&undoing->progress, JB_COMPARING, undoing->kept->rows);
    if (!on_thread(undoing, compare_blocking, &call))
        return false;
    if (undoing->whole)
        return !undoing->refused.data || jb_fail(undoing->scope, JB_CONFLICT, JB_L(undoing->scope, "백업으로 되돌리지 못했습니다: %.*s 아무것도 바꾸지 않았습니다.", "The backup was not put back: %.*s Nothing was changed."), JB_FMT(undoing->refused));
    const struct jb_stage_undo_counts *counts = &undoing->counts;
    if (counts->rows != undoing->kept->rows) /* a crash of the database server empties what it had not made durable */
        return jb_fail(undoing->scope, JB_CONFLICT, JB_L(undoing->scope, "되돌리는 데 드는 자료가 온전하지 않습니다 (%lld행 가운데 %lld행). 아무것도 되돌리지 않았습니다.", "What the undo needs is not whole (of %lld rows, %lld). Nothing was undone."), (long long)undoing->kept->rows, (long long)counts->rows);
    jb__progress_counts(&undoing->progress, -1, counts->removed, counts->restored, counts->stand, counts->left);
    return true;
}

/* The commit that undoes a staging says so; whoever else tries finds it said. */
static bool note(struct undoing *undoing)
{
    const struct jb_stage_undo_counts *counts = &undoing->counts;
    struct jb_scope *scope = undoing->scope;
    int64_t kept, mark;

    if (!jb_exec(scope, JB_SQL("update import_kept set undone_by = ? where id = ? and coalesce(undone_by, 0) = ?", undoing->job.id, undoing->kept->id, undoing->kept->undone_by), &kept) ||
        !jb_exec(scope, JB_SQL("update import_marks set position = position + ?, new_rows = new_rows + ?, changed = changed + ?, unchanged = unchanged + ?, refused = refused + ? where id = ? and not done", counts->rows, counts->removed, counts->restored + counts->returned, counts->stand, counts->left, undoing->job.id), &mark))
        return false;
    if (undoing->whole && !jb_exec(scope, JB_SQL("update import_kept set undone_by = ? where job_id = ?", undoing->job.id, undoing->import.id), NULL))
        return false;
    return (kept == 1 && mark == 1) || jb_fail(scope, JB_UNAVAILABLE, "%s", JB_L(scope, "다른 작업자가 이 작업을 먼저 반영했습니다.", "Another worker was faster with this job."));
}

/* The proof belongs to it: what is committed is equal to the copy, to the cell. */
static bool return_all(struct undoing *undoing)
{
    int64_t differences;

    if (!jb_stage_return(undoing->stage, undoing->scope, &differences))
        return false;
    return differences == 0 || jb_fail(undoing->scope, JB_BROKEN, JB_L(undoing->scope, "백업과 다른 행이 %lld개 남아서 그만두었습니다. 아무것도 바꾸지 않았습니다.", "%lld rows would still differ from the backup: given up, and nothing was changed."), (long long)differences);
}

static bool undo_in(struct undoing *undoing)
{
    struct jb_scope *scope = undoing->scope;
    bool fresh;

    if (!jb_check_prepare(scope, undoing->model, &undoing->check_state) || !jb_stage_is_fresh(undoing->stage, scope, true, &fresh) || !compare(undoing) || JB_FAULT("transfer/undo/compared", scope))
        return false;
    jb__progress_phase(&undoing->progress, JB_WRITING, undoing->kept->rows);
    return (undoing->whole ? return_all(undoing) : jb_stage_undo(undoing->stage, scope)) && note(undoing);
}

static bool undo_stage(struct undoing *undoing)
{
    struct jb_scope *scope = undoing->scope, *detached = jb_scope_detached(undoing->outer, "detach");
    bool ok = jb_lock_take(undoing->transfer->merging, scope);

    if (ok) {
        struct jb_tx *tx = jb_stage_attach(undoing->stage, scope) ? jb_begin(scope) : NULL;
        ok = tx && undo_in(undoing) && jb_commit(tx);
        if (tx)
            jb_rollback(tx); /* unless committed */
        (void)jb_stage_detach(undoing->stage, detached);
        jb_lock_leave(undoing->transfer->merging);
    }
    jb_scope_end(detached);
    return ok && !JB_FAULT("transfer/undo/committed", scope);
}

static void report_blocking(void *arg)
{
    struct call *call = arg;
    call->ok = jb_stage_undo_left(call->undoing->stage, call->scope, jb__undo_report_row, &call->undoing->report);
}

static bool undo_one(struct undoing *undoing, const struct import_kept *kept)
{
    struct call call = { .ok = false };

    undoing->kept = kept;
    bool ok = open_stage(undoing) && (kept->undone_by == undoing->job.id || undo_stage(undoing)) && (undoing->whole || on_thread(undoing, report_blocking, &call));
    jb_stage_close(undoing->stage);
    undoing->stage = NULL;
    return ok;
}

/* ---- the end -------------------------------------------------------------------------------------------------------------------------- */

static bool end_in(struct undoing *undoing)
{
    struct import_job *job = &undoing->job;
    struct jb_scope *scope = undoing->scope;
    struct import_mark mark;

    if (!jb_exec(scope, JB_SQL("update import_marks set done = true where id = ? and not done", job->id), NULL) || !jb_get(scope, &jb_import_mark, job->id, &mark))
        return false;
    job->status = JB_STR("done");
    job->progress = 100;
    job->rows = mark.position;
    job->removed = mark.new_rows;
    job->changed = mark.changed;
    job->unchanged = mark.unchanged;
    job->refused = mark.refused;
    job->errors = undoing->report.lines ? jb_buf_str(&undoing->report.json) : JB_STR_NULL;
    job->errors_total = undoing->report.lines;
    job->result = undoing->report.lines ? undoing->report.file : JB_STR_NULL;
    job->micros = jb_monotonic_us() - undoing->started_us;
    job->peak_rss_bytes = jb__peak_bytes();
    job->finished_at = jb_now();
    return jb__job_leave(scope, job, JB_STR("running")) && jb__job_save(scope, job) && jb__log_job(scope, job) && jb__mail_enqueue(scope, job->id);
}

static bool end(struct undoing *undoing)
{
    struct jb_tx *tx = jb__undo_report_finish(&undoing->report, undoing->scope) ? jb_begin(undoing->scope) : NULL;

    if (!tx)
        return false;
    if (end_in(undoing))
        return jb_commit(tx);
    jb_rollback(tx);
    return false;
}

static bool load(struct undoing *undoing, struct jb_rows **ret_kept)
{
    struct jb_scope *scope = undoing->scope;
    struct jb__job_options options;

    if (!jb_get(scope, &jb_import_job, undoing->job.undoes, &undoing->import) || !jb__import_options_read(scope, undoing->job.options, &options))
        return false;
    jb_language_set(scope, options.language);
    undoing->whole = options.whole;
    jb_actor_set(scope, &(struct jb_user){ .id = undoing->job.user_id, .name = undoing->job.user });
    undoing->model = jb_model_find(scope, undoing->job.model);
    if (!undoing->model || !jb__import_options_read(scope, undoing->import.options, &options))
        return false;
    undoing->plan = jb__plan_new(scope, undoing->transfer, jb_exchange_of(scope, undoing->model), options.import.match_on);
    *ret_kept = jb_select(scope, &jb_import_kept, .where = JB_SQL("job_id = ? and (not ? or backup_rows >= 0)", undoing->import.id, undoing->whole), .order = JB_STR("-id"), .limit = 10000);
    if (!undoing->plan || !*ret_kept)
        return false;
    return (*ret_kept)->count > 0 || fail_not_undoable(scope, &undoing->import);
}

static bool run_steps(struct undoing *undoing)
{
    struct jb_rows *kept;

    if (!load(undoing, &kept))
        return false;
    jb__undo_report_init(&undoing->report, undoing->scope, undoing->plan, undoing->job.id);
    undoing->thread = jb_thread_new("undo");
    bool ok = true;
    for (size_t i = 0; ok && i < kept->count; i++)
        ok = undo_one(undoing, jb_rows_at(kept, i));
    ok = ok && end(undoing);
    jb_thread_free(undoing->thread);
    jb__undo_report_done(&undoing->report, ok && undoing->report.lines > 0);
    return ok;
}

static bool begin(struct undoing *undoing)
{
    struct import_job *job = &undoing->job;
    int64_t changes;

    job->attempt++;
    job->started_at = jb_now();
    job->status = JB_STR("running");
    if (!jb_exec(undoing->scope, JB_SQL("update import_jobs set status = 'running', attempt = ?, started_at = ? where id = ? and status in ('queued', 'running')", job->attempt, job->started_at, job->id), &changes))
        return false;
    return changes == 1 || jb_fail(undoing->scope, JB_CONFLICT, JB_L(undoing->scope, "작업 %lld은(는) 이미 끝났습니다.", "Job %lld has ended already."), (long long)job->id);
}

/* Another attempt would meet the same. */
static bool is_final(enum jb_error error)
{
    return error == JB_INVALID || error == JB_DENIED || error == JB_NOT_FOUND || error == JB_CONFLICT || error == JB_LIMIT;
}

static bool run_job(struct undoing *undoing)
{
    if (!begin(undoing) || !jb__progress_open(&undoing->progress, undoing->scope, undoing->job.id, true))
        return false;
    undoing->progress.from[JB_COMPARING] = 0;
    jb__peak_begin();
    bool ok = run_steps(undoing);
    jb__peak_end();
    jb__progress_close(&undoing->progress);
    return ok;
}

/* For another attempt: the list shall not say that it runs. */
static void put_back(struct jb_scope *scope, int64_t job)
{
    if (!jb_exec(scope, JB_SQL("update import_jobs set status = 'queued' where id = ? and status = 'running'", job), NULL))
        jb_failure_clear(scope);
}

static bool run_undo(struct jb_scope *outer, const void *arg)
{
    const struct jb_payload_job *payload = arg;
    struct undoing undoing = { .outer = outer, .scope = jb_scope_child(outer, "undo"), .transfer = jb__transfer_of(outer), .started_us = jb_monotonic_us() };
    bool ok = jb_get(undoing.scope, &jb_import_job, payload->job, &undoing.job);

    if (ok && !jb__job_ended(&undoing.job)) {
        ok = run_job(&undoing);
        struct jb_scope *steady = jb_scope_detached(outer, "end of undo");
        if (!ok && undoing.progress.wished && jb_error(undoing.scope) == JB_CANCELLED)
            ok = jb__job_end(steady, &undoing.job, "cancelled", NULL);
        else if (!ok && is_final(jb_error(undoing.scope)))
            ok = jb__job_end(steady, &undoing.job, "failed", jb_failure(undoing.scope));
        else if (!ok)
            put_back(steady, payload->job);
        jb_scope_end(steady);
    }
    if (!ok)
        jb_failure_pass(undoing.scope, outer);
    jb_scope_end(undoing.scope);
    return ok;
}

static void undo_failed(struct jb_scope *scope, const void *arg, const struct jb_failure *failure)
{
    const struct jb_payload_job *payload = arg;
    struct import_job job;

    if (jb_get(scope, &jb_import_job, payload->job, &job) && !jb__job_ended(&job))
        jb__job_end(scope, &job, "failed", failure);
}

const struct jb_task jb_undo_task = {
    .name = "transfer.undo",
    .unique_by = "job",
    .payload = JB_RECORD(jb_payload_job, JB_FIELD(jb_payload_job, job, .required = true)),
    .run = run_undo,
    .failed = undo_failed,
    .attempts_max = 5,
    .backoff_s = 2,
    .timeout_s = -1,
    .bulk = true,
};
