/* import.c — the doors of importing: starting, running here, submitting an upload, confirming, the task. */
// SPDX-License-Identifier: Apache-2.0
#include "transfer/transfer_private.h"
#include "base/log.h"
#include <string.h>

#define ANSWER_WITHIN_US (800 * 1000)
#define LOOK_US (2 * JB_SECOND_US)
#define REPEATED_JOBS_MAX 200 /* that many of the last jobs may be the one that a request sent twice made go on */

/* ---- starting -------------------------------------------------------------------------------------------------------------- */

struct jb_str jb__once_key(struct jb_scope *scope, struct jb_str once)
{
    return once.size > 0 ? jb_format(scope, "%lld:%.*s", (long long)jb_actor(scope)->id, JB_FMT(once)) : JB_STR_NULL;
}

bool jb__fail_other_file(struct jb_scope *scope, int64_t job)
{
    return jb_fail(scope, JB_CONFLICT, JB_L(scope, "같은 양식(또는 Idempotency-Key)으로 이미 다른 파일을 보냈습니다: 작업 %lld. 양식을 새로 열어 보내세요.", "This form (or Idempotency-Key) has sent another file already: job %lld. Open the form anew, or use a new key."), (long long)job);
}

/* 16 hexadecimal digits. An option that is new to a version is in the JSON only when it is set, so that a request may be repeated over the upgrade. */
static struct jb_str request_hash(struct jb_scope *scope, const struct jb_import_options *asked)
{
    struct jb_str json = jb__import_options_json(scope, &(struct jb__job_options){ .import = *asked });

    return jb_format(scope, "%016llx", (unsigned long long)jb_str_digest(JB_DIGEST_START, json));
}

static bool is_same_request(struct jb_scope *scope, const struct import_job *job, const struct jb_import_options *asked)
{
    struct jb__job_options then;

    if (!jb__import_options_read(scope, job->options, &then))
        return false;
    return !then.asked.data || jb_str_equal(then.asked, request_hash(scope, asked)) ||
           jb_fail(scope, JB_CONFLICT, JB_L(scope, "같은 양식(또는 Idempotency-Key, 올린 파일)으로 이미 다르게 가져오게 했습니다: 작업 %lld. 새 키로, 올린 파일이면 다시 올려 보내세요.", "This form (or Idempotency-Key, or upload) has started an import with other options already: job %lld. Use a new key; an upload must be sent again."), (long long)job->id);
}

/* The job that was started with the token; another file, or the same to be imported otherwise, is no repetition. */
static bool find_once(struct jb_scope *scope, struct jb_str once, const struct jb_model *model, struct jb_str hash, const struct jb_import_options *options, int64_t *ret_job)
{
    struct import_job job;

    if (!once.data || !jb_first(scope, &jb_import_job, &job, .where = JB_SQL("once = ?", once)))
        return false;
    if (!jb_str_is(job.kind, "import") || !jb_str_equal(job.file_hash, hash) || !jb_str_equal(job.model, jb_model_full_name(model, scope)))
        return jb__fail_other_file(scope, job.id);
    *ret_job = job.id;
    return is_same_request(scope, &job, options);
}

/* The import that the request started, or made go on with corrected rows; 0: none. */
static int64_t find_repeated(struct jb_scope *scope, struct jb_str model, const struct jb_import_options *options)
{
    struct import_job job;

    if (jb_first(scope, &jb_import_job, &job, .where = JB_SQL("once = ? and kind = 'import' and model = ?", jb__once_key(scope, options->once), model)))
        return is_same_request(scope, &job, options) ? job.id : 0;
    struct jb_rows *last = jb_failure(scope) ? NULL : jb_select(scope, &jb_import_job, .where = JB_SQL("kind = 'import' and model = ?", model), .order = JB_STR("-id"), .limit = REPEATED_JOBS_MAX, .only = "options");
    for (size_t i = 0; last && i < last->count; i++)
        if (jb__import_went_on(scope, jb_rows_at(last, i), options->once))
            return jb_row_id(&jb_import_job, jb_rows_at(last, i));
    return 0;
}

bool jb_import_repeated(struct jb_scope *scope, const struct jb_model *model, const struct jb_import_options *options, int64_t *ret_job)
{
    if (jb_error(scope) != JB_NOT_FOUND || !options->once.data)
        return false;
    struct jb_scope *look = jb_scope_child(scope, "repeated");
    int64_t found = find_repeated(look, jb_model_full_name(model, look), options);
    if (found || jb_error(look) == JB_CONFLICT)
        jb_failure_clear(scope);
    if (!found && jb_error(look) == JB_CONFLICT)
        jb_failure_pass(look, scope);
    jb_scope_end(look);
    *ret_job = found;
    return found != 0;
}

static bool insert_job(struct jb_scope *scope, struct import_job *job, const struct jb_spool *spool, bool background)
{
    return (!spool || jb__upload_taken(scope, spool)) && jb__job_save(scope, job) && jb_exec(scope, JB_SQL("insert into import_marks (id, round, done, position, new_rows, changed, unchanged, skipped, refused) values (?, 0, false, 0, 0, 0, 0, 0, 0)", job->id), NULL) &&
           (!background || jb__job_enqueue(scope, job));
}

bool jb__job_start(struct jb_scope *scope, struct import_job *job, const struct jb_spool *spool, bool background)
{
    struct jb_tx *tx = jb_begin(scope);

    if (!tx)
        return false;
    if (insert_job(scope, job, spool, background))
        return jb_commit(tx);
    jb_rollback(tx);
    return false;
}

/* A commit whose answer was lost may have been one: then the job is there, and owns the file. When nobody can say now, the file stays, too, and the sweep decides. */
static bool is_started(struct jb_scope *scope, struct jb_spool *spool, struct import_job *ret_job)
{
    bool found = false;

    if (jb_error(scope) != JB_UNAVAILABLE)
        return false;
    struct jb_scope *look = jb_scope_detached(scope, "look for the job");
    jb_deadline_set(look, jb_monotonic_us() + LOOK_US);
    found = jb_first(look, &jb_import_job, ret_job, .where = JB_SQL("spool = ?", jb__spool_file(spool)));
    if (!found && jb_failure(look))
        jb__spool_taken(spool);
    jb_scope_end(look);
    if (found)
        jb_failure_clear(scope);
    return found;
}

bool jb_import_start(struct jb_scope *scope, const struct jb_model *model, struct jb_spool *spool, const struct jb_import_options *options, bool background, int64_t *ret_job)
{
    struct jb_str once = jb__once_key(scope, options->once), hash;
    const struct jb_user *actor = jb_actor(scope);
    struct jb_str label = jb_model_label(model, scope);

    if (model->read_only)
        return jb_fail(scope, JB_DENIED, JB_L(scope, "‘%.*s’에는 프로그램만 적습니다. 내보낼 수는 있어도 가져올 수는 없습니다.", "%.*s is written by the program alone: it can be exported, not imported."), JB_FMT(label));
    if (options->backup_first && jb__transfer_of(scope)->undo_days <= 0)
        return jb_fail(scope, JB_INVALID, "%s", JB_L(scope, "UNDO_DAYS가 0이라 백업을 둘 수 없습니다. 백업 없이 가져오거나 UNDO_DAYS를 늘리세요.", "With UNDO_DAYS=0 no backup is kept. Import without one, or raise UNDO_DAYS."));
    if (!jb__spool_seal(spool, scope, &hash))
        return false;
    if (find_once(scope, once, model, hash, options, ret_job))
        return true;
    if (options->format.size && jb_sheet_format_named(options->format) == JB_SHEET_AUTO)
        return jb_fail(scope, JB_INVALID, JB_L(scope, "‘%.*s’ 형식은 읽을 수 없습니다. " JB_SHEET_FORMATS " 가운데 하나를 적으세요.", "Cannot read the format \"%.*s\". Give one of " JB_SHEET_FORMATS "."), JB_FMT(options->format));
    if (jb_failure(scope) || !jb__plan_of(scope, jb__transfer_of(scope), jb_exchange_of(scope, model), options))
        return false;
    struct import_job job = {
        .kind = JB_STR("import"),
        .model = jb_model_full_name(model, scope),
        .status = JB_STR("queued"),
        .user_id = actor->id,
        .user = actor->name,
        .file_name = jb__spool_title(spool),
        .file_hash = hash,
        .file_bytes = jb_spool_bytes(spool),
        .options = jb__import_options_json(scope, &(struct jb__job_options){ .import = *options, .language = jb_language(scope), .asked = request_hash(scope, options) }),
        .spool = jb__spool_file(spool),
        .once = once,
        .dry_run = options->dry_run,
        .created_at = jb_now(),
    };
    if (!jb__job_start(scope, &job, spool, background) && !is_started(scope, spool, &job)) {
        if (jb_error(scope) != JB_CONFLICT || !once.data)
            return false;
        struct jb_scope *again = jb_scope_child(scope, "again"); /* the same request may have come twice at the same moment */
        bool found = find_once(again, once, model, hash, options, ret_job), differs = !found && jb_failure(again);
        if (found || differs)
            jb_failure_clear(scope);
        if (differs)
            jb_failure_pass(again, scope);
        jb_scope_end(again);
        return found;
    }
    jb__spool_taken(spool);
    *ret_job = job.id;
    return true;
}

/* ---- running ------------------------------------------------------------------------------------------------------------------ */

static bool end_failed(struct jb_scope *scope, int64_t id, const struct jb_failure *failure)
{
    struct import_job job;

    if (!jb_get(scope, &jb_import_job, id, &job))
        return false;
    return jb__job_ended(&job) || jb__job_end(scope, &job, failure->error == JB_CANCELLED ? "cancelled" : "failed", failure);
}

/* Not even the job's end could be written (a full disk): who waits for it shall know that its batches are in. */
static void say_what_is_in(struct jb_scope *outer, int64_t id)
{
    struct jb_scope *scope = jb_scope_detached(outer, "what is in");
    enum jb_error error = jb_error(outer);
    bool full = jb_failure(outer)->full;
    struct import_job job;
    int64_t rows;

    if (jb_get(scope, &jb_import_job, id, &job) && !jb__job_ended(&job) && jb__take_committed(scope, &job, &rows) && rows > 0) {
        struct jb_str text = jb__failure_sentence(scope, jb_failure(outer));
        jb_failure_clear(outer);
        jb_fail(outer, error, JB_L(outer, "%.*s 이미 반영된 %lld행은 남아 있습니다.", "%.*s The %lld rows already applied stay."), JB_FMT(text), (long long)rows);
        if (full)
            jb_failure_of_full_disk(outer);
    }
    jb_scope_end(scope);
}

bool jb_import_run(struct jb_scope *scope, int64_t job)
{
    struct jb_scope *run = jb_scope_child(scope, "import run");
    bool ok = jb__attempt_run(run, job);

    if (!ok) {
        struct jb_scope *steady = jb_scope_detached(scope, "end of import");
        ok = end_failed(steady, job, jb_failure(run)) || jb_failure_pass(steady, scope);
        jb_scope_end(steady);
        if (!ok)
            say_what_is_in(scope, job);
    }
    jb_scope_end(run);
    return ok;
}

static bool run_import(struct jb_scope *scope, const void *arg)
{
    const struct jb_payload_job *payload = arg;
    return jb__attempt_run(scope, payload->job);
}

static void import_failed(struct jb_scope *scope, const void *arg, const struct jb_failure *failure)
{
    const struct jb_payload_job *payload = arg;
    end_failed(scope, payload->job, failure);
}

const struct jb_task jb_import_task = {
    .name = "transfer.import",
    .unique_by = "job",
    .payload = JB_RECORD(jb_payload_job, JB_FIELD(jb_payload_job, job, .required = true)),
    .run = run_import,
    .failed = import_failed,
    .attempts_max = 5,
    .backoff_s = 2,
    .timeout_s = -1,
    .bulk = true,
};

/* ---- uploads ------------------------------------------------------------------------------------------------------------------- */

struct here {
    struct jb_scope *scope;
    int64_t task_id;
};

/* Outlives the request that started it. */
static void run_here(void *arg)
{
    struct here *here = arg;
    struct jb_scope *scope = here->scope;

    jb_task_run_here(scope, here->task_id); /* false: a worker was quicker */
    jb_scope_end(scope);
}

void jb__run_here(struct jb_scope *scope, int64_t task_id)
{
    struct jb_scope *detached = jb_scope_detached(scope, "import here");
    struct here *here = JB_NEW(detached, struct here);

    *here = (struct here){ detached, task_id };
    jb_fiber_start_big("import", run_here, here);
}

static bool job_status(struct jb_scope *scope, int64_t id, bool *ret_ended)
{
    int64_t open;

    if (!jb_query_int(scope, JB_SQL("select count(*) from import_jobs where id = ? and status in ('queued', 'running')", id), &open))
        return false;
    *ret_ended = open == 0;
    return true;
}

bool jb__wait_for_end(struct jb_scope *scope, int64_t job, bool *ret_ended)
{
    int64_t until_us = jb_monotonic_us() + ANSWER_WITHIN_US;

    do {
        struct jb_scope *look = jb_scope_child(scope, "look");
        bool ok = (job_status(look, job, ret_ended)) || jb_failure_pass(look, scope);
        jb_scope_end(look);
        if (!ok || *ret_ended)
            return ok;
        if (!jb_sleep(scope, 10 * 1000))
            return false;
    } while (jb_monotonic_us() < until_us);
    return true;
}

bool jb_import_submit(struct jb_scope *scope, const struct jb_model *model, struct jb_spool *spool, const struct jb_import_options *options, int64_t *ret_job, bool *ret_ended)
{
    struct import_job job;
    int64_t id;
    bool small = jb_spool_bytes(spool) < jb__transfer_of(scope)->async_bytes, ended = false;

    if (!jb_import_start(scope, model, spool, options, true, &id))
        return false;
    if (small) {
        if (!jb_get(scope, &jb_import_job, id, &job))
            return false;
        jb__run_here(scope, job.task_id);
        if (!jb__wait_for_end(scope, id, &ended))
            return false;
    }
    *ret_job = id;
    *ret_ended = ended;
    return true;
}

/* ---- previews -------------------------------------------------------------------------------------------------------------------- */

bool jb__fail_not_waiting(struct jb_scope *scope, int64_t id)
{
    return jb_fail(scope, JB_CONFLICT, JB_L(scope, "작업 %lld은(는) 이미 확인했거나 버린 것입니다. 작업 목록에서 결과를 보세요.", "Job %lld has been confirmed or discarded already. See the list of jobs for what came of it."), (long long)id);
}

static bool get_waiting(struct jb_scope *scope, int64_t id, struct import_job *ret_job)
{
    return jb_job_get(scope, id, ret_job) && (jb_str_is(ret_job->status, "waiting") || jb__fail_not_waiting(scope, id));
}

static bool confirm_in(struct jb_scope *scope, struct import_job *job)
{
    struct jb__job_options options;
    int64_t changes;

    if (!jb__import_options_read(scope, job->options, &options))
        return false;
    if (options.asks)
        return jb_fail(scope, JB_CONFLICT, JB_L(scope, "작업 %lld은(는) 열을 먼저 맞추어야 합니다.", "The columns of job %lld must be mapped first."), (long long)job->id);
    options.confirmed = true;
    if (!jb_exec(scope, JB_SQL("update import_jobs set status = 'queued' where id = ? and status = 'waiting'", job->id), &changes))
        return false;
    if (changes == 0)
        return jb__fail_not_waiting(scope, job->id);
    job->status = JB_STR("queued");
    job->options = jb__import_options_json(scope, &options);
    job->expires_at = (struct jb_time){ 0 };
    job->attempt = 0; /* the preview's are over: a second one would mean that something failed */
    return jb__job_enqueue(scope, job);
}

bool jb_import_confirm(struct jb_scope *scope, int64_t id)
{
    struct import_job job;

    if (!get_waiting(scope, id, &job) || !jb__wish_forget(scope, id))
        return false;
    struct jb_tx *tx = jb_begin(scope);
    if (!tx)
        return false;
    if (confirm_in(scope, &job))
        return jb_commit(tx);
    jb_rollback(tx);
    return false;
}

bool jb_import_discard(struct jb_scope *scope, int64_t id)
{
    struct import_job job;

    if (!jb_job_get(scope, id, &job))
        return false;
    if (jb_job_continues(scope, &job))
        return jb__job_forget(scope, &job);
    if (job.dry_run && jb_import_has_differences(scope, &job)) {
        jb__stage_remove(scope, jb_format(scope, "%s/%lld.sealed", jb__transfer_of(scope)->spool_dir, (long long)id));
        return true;
    }
    return get_waiting(scope, id, &job) && jb__job_end(scope, &job, "cancelled", NULL);
}
