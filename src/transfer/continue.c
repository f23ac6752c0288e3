/* continue.c — a job goes on with the workbook of its refused rows, corrected.
 *
 * `abort` has written nothing: its upload was kept, the corrections lie over it, and all is read again. `skip` has written all but the refused rows: what is read is the corrected workbook, over our own
 * one, whose other rows stay refused. Each time a round of the job's mark begins, so that who still works at an earlier one writes nothing. */
// SPDX-License-Identifier: Apache-2.0
#include "transfer/transfer_private.h"
#include <string.h>
#include <unistd.h>

#define LOOK_US (2 * JB_SECOND_US) /* for what became of a commit whose answer was lost */

/* ---- may it? --------------------------------------------------------------------------------------------------------------------- */

static bool fail_running(struct jb_scope *scope, const struct import_job *job)
{
    return jb_fail(scope, JB_CONFLICT, JB_L(scope, "작업 %lld은(는) 아직 하는 중입니다. 끝난 뒤에 고친 파일을 올리세요.", "Job %lld has not ended yet. Upload the corrected file when it has."), (long long)job->id);
}

static bool fail_nothing_refused(struct jb_scope *scope, const struct import_job *job)
{
    return jb_fail(scope, JB_CONFLICT, JB_L(scope, "작업 %lld에는 거절된 행이 남아 있지 않습니다. 새 행은 ‘행 row’ 열 없이 새로 가져오세요.", "Job %lld has no refused rows left. Import new rows as a new file, without the column \"행 row\"."), (long long)job->id);
}

static bool fail_gone(struct jb_scope *scope, const struct import_job *job)
{
    return jb_fail(scope, JB_CONFLICT, JB_L(scope, "작업 %lld을(를) 이어 갈 파일이 이제 없습니다. 처음 파일을 고쳐 새로 가져오세요.", "The files with which job %lld could go on are gone. Correct the first file and import it anew."), (long long)job->id);
}

static bool fail_unfinished(struct jb_scope *scope, const struct import_job *job)
{
    return jb_fail(scope, JB_CONFLICT, JB_L(scope, "작업 %lld은(는) 끝까지 가지 못했습니다. 먼저 다시 시도하세요.", "Job %lld did not come to its end. Retry it first."), (long long)job->id);
}

bool jb__job_may_continue(struct jb_scope *scope, const struct import_job *job, const struct jb__job_options *options)
{
    bool skip = options->import.on_error == JB_SKIP, ran = options->continued > 0 || jb_str_is(job->status, "done");

    if (!jb__job_ended(job))
        return fail_running(scope, job);
    if (!jb_str_is(job->kind, "import") || job->refused == 0 || job->dry_run)
        return fail_nothing_refused(scope, job);
    if (skip && (!ran || job->spool.data)) /* rows behind the last commit were never decided */
        return fail_unfinished(scope, job);
    if (!job->result.data || job->expires_at.us < jb_now().us || (!skip && !job->spool.data))
        return fail_gone(scope, job);
    return true;
}

bool jb_job_continues(struct jb_scope *outer, const struct import_job *job)
{
    struct jb_scope *scope = jb_scope_child(outer, "continues");
    struct jb__job_options options;
    bool yes = jb__job_ended(job) && jb__import_options_read(scope, job->options, &options) && jb__job_may_continue(scope, job, &options);

    jb_scope_end(scope);
    return yes;
}

/* ---- is the file its? --------------------------------------------------------------------------------------------------------------- */

struct looking {
    struct jb_scope *scope;
    struct jb__sources sources;
    struct jb__plan *plan;
    enum jb_import_mode mode;
    const char *refused;
    int64_t job;
    bool ok;
};

static void add(struct looking *looking, struct jb_str file, struct jb_str title, bool verified)
{
    struct jb_str path = jb__spool_path(looking->scope, jb__transfer_of(looking->scope), file);
    looking->sources.at[looking->sources.count++] = (struct jb__source){ .path = path.data, .title = title, .numbered = true, .verified = verified };
}

static void verify_blocking(void *arg)
{
    struct looking *looking = arg;
    struct jb_scope *scope = looking->scope;
    struct jb__sources *sources = &looking->sources;

    if (!jb__sources_open(sources, scope))
        return;
    const struct jb__source *base = jb__sources_base(sources);
    looking->ok = jb__plan_map(looking->plan, scope, base->sheet, &base->head, looking->mode) && jb__sources_check(sources, scope, looking->plan) && jb__sources_verify(sources, scope, looking->refused);
}

/* What can be said at once is said to who sent the file, and the job stays as it is. The upload need not be read for it: our own workbook has its columns too. */
static bool verify(struct jb_scope *scope, const struct import_job *job, const struct jb__job_options *options, const struct jb_spool *spool)
{
    const struct jb_transfer *transfer = jb__transfer_of(scope);
    const struct jb_model *model = jb_model_find(scope, job->model);
    struct looking looking = { .scope = scope, .mode = options->import.mode, .refused = jb_format(scope, "%s/%.*s", transfer->media_dir, JB_FMT(job->result)).data };

    if (access(looking.refused, R_OK) != 0)
        return fail_gone(scope, job);
    if (jb_spool_bytes(spool) >= transfer->async_bytes)
        return true; /* the attempt looks */
    looking.plan = model ? jb__plan_of(scope, transfer, jb_exchange_of(scope, model), &options->import) : NULL;
    if (!looking.plan)
        return false;
    looking.sources = (struct jb__sources){ .at = JB_NEW_ARRAY(scope, struct jb__source, jb__lines(job->corrections) + 2), .job = job->id, .file_hash = job->file_hash };
    add(&looking, jb__spool_file(spool), jb__spool_title(spool), false);
    for (struct jb_str rest = job->corrections; rest.size > 0;)
        add(&looking, jb_str_cut(&rest, '\n'), options->correction, true);
    looking.sources.at[looking.sources.count++] = (struct jb__source){ .path = looking.refused, .title = job->file_name, .numbered = true, .carried = true };
    jb_offload(verify_blocking, &looking);
    jb__sources_close(&looking.sources);
    return looking.ok;
}

static void look_blocking(void *arg)
{
    struct looking *looking = arg;
    looking->ok = jb__sources_open(&looking->sources, looking->scope) && jb__sources_foreign(&looking->sources.at[0], looking->scope, &looking->job);
}

int64_t jb_spool_job(struct jb_scope *outer, struct jb_spool *spool)
{
    const struct jb_transfer *transfer = jb__transfer_of(outer);
    struct jb_scope *scope = jb_scope_child(outer, "look");
    struct looking looking = { .scope = scope };

    if (jb_spool_bytes(spool) < transfer->async_bytes) {
        looking.sources.at = JB_NEW(scope, struct jb__source);
        add(&looking, jb__spool_file(spool), jb__spool_title(spool), false);
        looking.sources.at[0].numbered = false;
        jb_offload(look_blocking, &looking); /* what is wrong with it, the import says */
        jb__sources_close(&looking.sources);
    }
    jb_scope_end(scope);
    return looking.ok ? looking.job : 0;
}

/* ---- going on ------------------------------------------------------------------------------------------------------------------------ */

/* A request that makes a job go on. */
struct request {
    struct jb_spool *spool;
    struct jb_str key, hash;
};

static void set_options(const struct import_job *job, struct jb__job_options *options, const struct request *request)
{
    options->continued++;
    options->continued_once = request->key;
    options->continued_hash = request->hash;
    options->correction = jb__spool_title(request->spool);
    options->confirmed = false;
    if (options->import.on_error == JB_ABORT)
        return;
    options->import.confirm = false; /* it was confirmed once, and its rows are in */
    options->base = (struct jb__counts){ .rows = job->rows, .new_rows = job->new_rows, .changed = job->changed, .unchanged = job->unchanged, .skipped = job->skipped };
    options->base_totals = job->totals;
}

static bool go_on_in(struct jb_scope *scope, struct import_job *job, struct jb__job_options *options, const struct request *request, bool background)
{
    struct jb_str was = job->status, file = jb__spool_file(request->spool);
    int64_t changes;

    set_options(job, options, request);
    if (options->import.on_error == JB_SKIP)
        job->spool = file;
    else
        job->corrections = job->corrections.data ? jb_format(scope, "%.*s\n%.*s", JB_FMT(job->corrections), JB_FMT(file)) : file;
    job->options = jb__import_options_json(scope, options);
    job->status = JB_STR("queued");
    job->reason = job->error = JB_STR_NULL;
    job->progress = 0;
    job->finished_at = job->expires_at = (struct jb_time){ 0 };
    if (!jb__upload_taken(scope, request->spool) || !jb__job_leave(scope, job, was))
        return false;
    if (!jb_exec(scope, JB_SQL("update import_marks set round = ?, done = false, position = 0, new_rows = 0, changed = 0, unchanged = 0, skipped = 0, refused = 0, conflicts = 0, totals = null where id = ? and coalesce(round, 0) = ?", options->continued, job->id, options->continued - 1), &changes))
        return false;
    if (changes != 1)
        return jb_fail(scope, JB_CONFLICT, JB_L(scope, "작업 %lld의 상태가 그사이 바뀌었습니다. 다시 보세요.", "The state of job %lld changed meanwhile. Look again."), (long long)job->id);
    return background ? jb__job_enqueue(scope, job) : jb__job_save(scope, job);
}

static bool went_on_already(const struct jb__job_options *options, struct jb_str once)
{
    return once.data && options->continued > 0 && jb_str_equal(options->continued_once, once);
}

static bool is_same_file(const struct jb__job_options *options, struct jb_str hash)
{
    return !options->continued_hash.data || jb_str_equal(options->continued_hash, hash);
}

bool jb__import_went_on(struct jb_scope *outer, const struct import_job *job, struct jb_str once)
{
    struct jb_scope *scope = jb_scope_child(outer, "went on");
    struct jb__job_options options;
    bool yes = jb__import_options_read(scope, job->options, &options) && went_on_already(&options, jb__once_key(scope, once));

    jb_scope_end(scope);
    return yes;
}

bool jb_import_continue_repeated(struct jb_scope *scope, const struct import_job *job, struct jb_str once)
{
    if (jb_error(scope) != JB_NOT_FOUND || !jb__import_went_on(scope, job, once))
        return false;
    jb_failure_clear(scope);
    return true;
}

/* A commit whose answer was lost may have been one: then the job has the file, which nobody else has by that name. When nobody can say now, the file stays, too, and the sweep decides. */
static bool has_gone_on(struct jb_scope *scope, int64_t id, struct jb_spool *spool)
{
    struct jb_str file = jb__spool_file(spool);
    struct import_job job;
    bool found = false;

    if (jb_error(scope) != JB_UNAVAILABLE)
        return false;
    struct jb_scope *look = jb_scope_detached(scope, "look for the file");
    jb_deadline_set(look, jb_monotonic_us() + LOOK_US);
    if (jb_get(look, &jb_import_job, id, &job))
        found = jb_str_equal(job.spool, file) || jb_str_find(job.corrections, file, 0) != SIZE_MAX;
    else
        jb__spool_taken(spool);
    jb_scope_end(look);
    if (found)
        jb_failure_clear(scope);
    return found;
}

/* The same request, sent twice at once, was faster: as good as this one. */
static bool went_on_meanwhile(struct jb_scope *scope, int64_t id, const struct request *request)
{
    struct jb__job_options options;
    struct import_job job;

    if (jb_error(scope) != JB_CONFLICT || !request->key.data)
        return false;
    struct jb_scope *look = jb_scope_detached(scope, "look");
    bool yes = jb_get(look, &jb_import_job, id, &job) && jb__import_options_read(look, job.options, &options) && went_on_already(&options, request->key) && is_same_file(&options, request->hash);
    jb_scope_end(look);
    if (yes)
        jb_failure_clear(scope);
    return yes;
}

bool jb_import_continue(struct jb_scope *scope, int64_t id, struct jb_spool *spool, struct jb_str once, bool background)
{
    struct jb__job_options options;
    struct request request = { .spool = spool, .key = jb__once_key(scope, once) };
    struct import_job job;

    if (!jb_job_get(scope, id, &job) || !jb__import_options_read(scope, job.options, &options) || !jb__spool_seal(spool, scope, &request.hash))
        return false;
    if (went_on_already(&options, request.key))
        return is_same_file(&options, request.hash) || jb__fail_other_file(scope, id);
    if (!jb__job_may_continue(scope, &job, &options) || !verify(scope, &job, &options, spool))
        return went_on_meanwhile(scope, id, &request);
    if (!jb_live_exec(scope, JB_SQL("delete from import_progress where job_id = ?", id), NULL))
        return false;
    struct jb_tx *tx = jb_begin(scope);
    if (!tx)
        return false;
    if (!go_on_in(scope, &job, &options, &request, background)) {
        jb_rollback(tx);
        return went_on_meanwhile(scope, id, &request);
    }
    if (!jb_commit(tx) && !has_gone_on(scope, id, spool))
        return false;
    jb__spool_taken(spool);
    return true;
}

bool jb_import_continue_submit(struct jb_scope *scope, int64_t id, struct jb_spool *spool, struct jb_str once, bool *ret_ended)
{
    bool small = jb_spool_bytes(spool) < jb__transfer_of(scope)->async_bytes, ended = false;
    struct import_job job;

    if (!jb_import_continue(scope, id, spool, once, true))
        return false;
    if (small) {
        if (!jb_get(scope, &jb_import_job, id, &job))
            return false;
        if (!jb__job_ended(&job))
            jb__run_here(scope, job.task_id);
        if (!jb__wait_for_end(scope, id, &ended))
            return false;
    }
    *ret_ended = ended;
    return true;
}
