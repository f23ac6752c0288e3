/* job.c — jobs from outside: the row with its live figures, events, cancelling, retrying, the result as JSON, files. */
// SPDX-License-Identifier: Apache-2.0
#include "transfer/transfer_private.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define EVENTS_AT_ONCE 500
#define LOOK_US (100 * 1000)
#define NOTED_US (600 * JB_SECOND_US) /* no replica that is read from lags so far */

/* A member whose column has another name. */
#define NAMED_FIELD(record, column, member, ...)                                                                                                                               \
    {                                                                                                                                                                          \
        .name = column, .offset = offsetof(struct record, member), .size = sizeof(((struct record *)0)->member), .type = JB_TYPE_OF(((struct record *)0)->member), __VA_ARGS__ \
    }

static const struct jb_choice statuses[] = {
    { "queued", "기다림", "Queued", 0 },
    { "running", "하는 중", "Running", 0 },
    { "waiting", "확인 기다림", "Waiting", 0 },
    { "done", "끝남", "Done", 0 },
    { "failed", "실패", "Failed", 0 },
    { "cancelled", "취소", "Cancelled", 0 },
    { 0 },
};
static const struct jb_choice kinds[] = { { "import", "가져오기", "Import", 0 }, { "export", "내보내기", "Export", 0 }, { "undo", "되돌리기", "Undo", 0 }, { 0 } };

const struct jb_model jb_import_job = {
    .app = "cash",
    .reads = JB_READS_PRIMARY,
    .name = "importjob",
    .table = "import_jobs",
    .label = "작업",
    .label_en = "Job",
    .order = "-id",
    .indexes = "status, user_id",
    .read_only = true,
    .record = JB_RECORD(import_job,
        JB_FIELD(import_job, id, .primary = true),
        JB_FIELD(import_job, kind, .label = "종류", .required = true, .choices = kinds, .length_max = 20),
        JB_FIELD(import_job, model, .label = "장부", .required = true, .length_max = 100),
        JB_FIELD(import_job, status, .label = "상태", .required = true, .choices = statuses, .length_max = 20),
        JB_FIELD(import_job, progress, .label = "진행률", .unit = "%"),
        JB_FIELD(import_job, rows, .label = "행"),
        JB_FIELD(import_job, batches, .label = "묶음"),
        NAMED_FIELD(import_job, "new", new_rows, .label = "추가"),
        JB_FIELD(import_job, changed, .label = "변경"),
        JB_FIELD(import_job, unchanged, .label = "그대로"),
        JB_FIELD(import_job, refused, .label = "거절"),
        JB_FIELD(import_job, conflicts, .label = "겹침"),
        JB_FIELD(import_job, skipped, .label = "건너뜀"),
        JB_FIELD(import_job, errors_total, .label = "오류"),
        JB_FIELD(import_job, errors, .label = "오류 목록", .length_max = 8000000),
        JB_FIELD(import_job, reason, .label = "이유"),
        JB_FIELD(import_job, error, .label = "오류 종류", .length_max = 20),
        JB_FIELD(import_job, notes, .label = "알림"),
        JB_FIELD(import_job, user_id, .label = "사용자 번호"),
        JB_FIELD(import_job, user, .label = "사용자", .length_max = 150),
        JB_FIELD(import_job, file_name, .label = "파일", .length_max = 255),
        JB_FIELD(import_job, file_hash, .label = "SHA-256", .length_max = 64),
        JB_FIELD(import_job, file_bytes, .label = "크기", .unit = "bytes"),
        JB_FIELD(import_job, totals, .label = "합계"),
        JB_FIELD(import_job, options, .label = "방식", .length_max = 70000000),
        JB_FIELD(import_job, spool, .secret = true),
        JB_FIELD(import_job, corrections, .secret = true),
        JB_FIELD(import_job, result, .secret = true),
        JB_FIELD(import_job, once, .secret = true, .unique = true),
        JB_FIELD(import_job, task_id, .label = "할 일"),
        JB_FIELD(import_job, attempt, .label = "시도"),
        JB_FIELD(import_job, position, .label = "위치"),
        JB_FIELD(import_job, micros, .label = "걸린 시간", .unit = "µs"),
        JB_FIELD(import_job, peak_rss_bytes, .label = "메모리", .unit = "bytes"),
        JB_FIELD(import_job, dry_run, .label = "연습"),
        JB_FIELD(import_job, undoes, .label = "되돌리는 작업"),
        JB_FIELD(import_job, undone_by, .label = "되돌린 작업"),
        JB_FIELD(import_job, removed, .label = "지움"),
        JB_FIELD(import_job, undo_until, .label = "되돌릴 수 있는 기한"),
        JB_FIELD(import_job, created_at, .label = "만든 때", .auto_now_add = true),
        JB_FIELD(import_job, started_at, .label = "시작"),
        JB_FIELD(import_job, finished_at, .label = "끝"),
        JB_FIELD(import_job, expires_at, .label = "기한"),
        JB_PRESENCE(import_job, present)),
};

/* ---- reading ----------------------------------------------------------------------------------------------------------------- */

static bool may_see(struct jb_scope *scope, const struct import_job *job)
{
    const struct jb_user *actor = jb_actor(scope);
    return actor->id == 0 || actor->superuser || actor->id == job->user_id ||
           jb_fail(scope, JB_DENIED, JB_L(scope, "작업 %lld은(는) 다른 사람의 것입니다.", "Job %lld is somebody else's."), (long long)job->id);
}

enum jb_import_mode jb_job_mode(struct jb_scope *outer, const struct import_job *job)
{
    struct jb_scope *scope = jb_scope_child(outer, "mode");
    struct jb__job_options options = { .import = { .mode = JB_UPSERT } };

    (void)jb__import_options_read(scope, job->options, &options);
    enum jb_import_mode mode = options.import.mode;
    jb_scope_end(scope);
    return mode;
}

bool jb_job_undoes_whole(struct jb_scope *outer, const struct import_job *job)
{
    struct jb_scope *scope = jb_scope_child(outer, "whole");
    struct jb__job_options options = { .whole = true };

    (void)jb__import_options_read(scope, job->options, &options);
    bool whole = options.whole;
    jb_scope_end(scope);
    return whole;
}

static bool lay_live_over(struct jb_scope *scope, struct import_job *job)
{
    struct import_progress live;

    if (!jb_first(scope, &jb_import_progress, &live, .where = JB_SQL("job_id = ? and number > 0", job->id), .order = JB_STR("-number")))
        return !jb_failure(scope);
    job->progress = live.progress;
    job->new_rows = live.new_rows;
    job->changed = live.changed;
    job->unchanged = live.unchanged;
    job->refused = live.refused;
    job->rows = JB_MAX(live.done, live.total);
    return true;
}

/* Who sees that a job has just ended sees its rows, too: a worker committed them, so that the session's own position does not say. */
static void note_end(struct jb_scope *scope, const struct import_job *job)
{
    if (!jb_str_is(job->status, "running") && jb_now().us - job->finished_at.us < NOTED_US)
        jb_db_session_behind(scope);
}

bool jb_job_get(struct jb_scope *scope, int64_t id, struct import_job *ret_job)
{
    struct import_job job;

    if (!jb_get(scope, &jb_import_job, id, &job) || !may_see(scope, &job))
        return false;
    if (jb_str_is(job.status, "running")) {
        job.micros = JB_MAX(jb_now().us - job.started_at.us, 0);
        if (!lay_live_over(scope, &job))
            return false;
    }
    note_end(scope, &job);
    *ret_job = job;
    return true;
}

struct jb_rows *jb_job_events(struct jb_scope *scope, int64_t id, int64_t after_number)
{
    struct import_job job;

    if (!jb_get(scope, &jb_import_job, id, &job) || !may_see(scope, &job))
        return NULL;
    return jb_select(scope, &jb_import_progress, .where = JB_SQL("job_id = ? and number > ? and number > 0", id, after_number), .order = JB_STR("number"), .limit = EVENTS_AT_ONCE);
}

static bool has_event_or_ended(struct jb_scope *scope, int64_t id, int64_t after_number, bool *ret_yes)
{
    int64_t events, running;

    if (!jb_live_query_int(scope, JB_SQL("select count(*) from import_progress where job_id = ? and number > ? and number > 0", id, after_number), &events))
        return false;
    if (events == 0 && !jb_query_int(scope, JB_SQL("select count(*) from import_jobs where id = ? and status in ('queued', 'running')", id), &running))
        return false;
    *ret_yes = events > 0 || running == 0;
    return true;
}

bool jb_job_wait(struct jb_scope *scope, int64_t id, int64_t after_number)
{
    for (;;) {
        struct jb_scope *look = jb_scope_child(scope, "look");
        bool yes = false, ok = has_event_or_ended(look, id, after_number, &yes) || jb_failure_pass(look, scope);
        jb_scope_end(look);
        if (!ok || yes)
            return ok;
        if (!jb_sleep(scope, LOOK_US))
            return false;
    }
}

/* ---- cancelling and retrying ------------------------------------------------------------------------------------------------------ */

static bool fail_ended(struct jb_scope *scope, const struct import_job *job)
{
    return jb_fail(scope, JB_CONFLICT, JB_L(scope, "작업 %lld은(는) 이미 끝났습니다.", "Job %lld has ended already."), (long long)job->id);
}

bool jb__wish_forget(struct jb_scope *scope, int64_t id)
{
    return jb_live_exec(scope, JB_SQL("delete from import_progress where job_id = ? and number = 0", id), NULL);
}

bool jb_job_cancel(struct jb_scope *scope, int64_t id)
{
    struct import_job job;

    if (!jb_get(scope, &jb_import_job, id, &job) || !may_see(scope, &job))
        return false;
    if (jb__job_ended(&job))
        return fail_ended(scope, &job);
    if (jb_str_is(job.status, "waiting"))
        return jb_import_discard(scope, id);
    /* first the wish, so that a worker that claims it this moment finds it */
    struct import_progress wish = { .job_id = id, .number = 0, .phase = JB_STR(""), .at = jb_now(), .started_at = jb_now(), .cancel_wish = true };
    if (!jb_bulk_insert(scope, &jb_import_progress, &wish, 1, &(struct jb_bulk){ .match_on = "job_id number", .on_conflict = JB_CONFLICT_UPDATE }))
        return false;
    if (!jb_str_is(job.status, "queued") || job.attempt > 0)
        return true; /* it runs and will look */
    if (!jb__job_end(scope, &job, "cancelled", NULL)) {
        if (jb_error(scope) != JB_CONFLICT)
            return false;
        jb_failure_clear(scope); /* it began this moment, and will look */
        return true;
    }
    if (job.task_id && !jb_task_cancel(scope, job.task_id))
        jb_failure_clear(scope);
    return true;
}

static const struct jb_task *task_of(const struct import_job *job)
{
    return jb_str_is(job->kind, "export") ? &jb_export_task : jb_str_is(job->kind, "undo") ? &jb_undo_task
                                                                                           : &jb_import_task;
}

bool jb__job_enqueue(struct jb_scope *scope, struct import_job *job)
{
    return jb_enqueue(scope, task_of(job), &(struct jb_payload_job){ job->id }, .ret_id = &job->task_id) && jb__job_save(scope, job);
}

bool jb_job_retry(struct jb_scope *scope, int64_t id)
{
    struct import_job job;

    if (!jb_get(scope, &jb_import_job, id, &job) || !may_see(scope, &job))
        return false;
    if (!jb_str_is(job.status, "failed") && !jb_str_is(job.status, "cancelled"))
        return jb_fail(scope, JB_CONFLICT, JB_L(scope, "작업 %lld은(는) 실패하거나 취소된 작업이 아닙니다.", "Job %lld neither failed nor was cancelled."), (long long)id);
    bool import = jb_str_is(job.kind, "import");
    if (import && (!job.spool.data || access(jb__spool_path(scope, jb__transfer_of(scope), job.spool).data, R_OK) != 0))
        return jb_fail(scope, JB_CONFLICT, JB_L(scope, "작업 %lld의 파일이 이제 없습니다. 다시 올리세요.", "The file of job %lld is gone. Upload it again."), (long long)id);
    if (!jb__wish_forget(scope, id))
        return false;
    struct jb_str was = job.status;
    job.status = JB_STR("queued");
    job.reason = job.error = JB_STR_NULL;
    job.finished_at = job.expires_at = (struct jb_time){ 0 };
    struct jb_tx *tx = jb_begin(scope);
    if (!tx)
        return false;
    if (jb__job_leave(scope, &job, was) && jb__job_enqueue(scope, &job))
        return jb_commit(tx);
    jb_rollback(tx);
    return false;
}

/* ---- the result --------------------------------------------------------------------------------------------------------------------- */

/* JSON that we wrote ourselves, as it is. */
static void put_raw(struct jb_json_writer *writer, const char *name, struct jb_str json)
{
    jb_json_name(writer, name);
    if (!json.data || json.size == 0) {
        jb_json_array(writer);
        jb_json_array_end(writer);
        return;
    }
    jb_buf_put(writer->buf, json);
    writer->comma = true;
}

void jb_job_json(struct jb_scope *scope, const struct import_job *job, struct jb_json_writer *writer)
{
    double seconds = (double)job->micros / 1e6;
    double share = jb_str_is(job->status, "running") ? job->progress / 100.0 : 1; /* of the rows, so far */
    bool export = jb_str_is(job->kind, "export");

    jb_json_object(writer);
    jb_json_put(writer, "job", jb_v(job->id));
    jb_json_put(writer, "kind", jb_v(job->kind));
    jb_json_put(writer, "model", jb_v(job->model));
    jb_json_put(writer, "file", jb_v(job->file_name));
    jb_json_put(writer, "status", jb_v(job->status));
    jb_json_put(writer, "progress", jb_v(job->progress));
    jb_json_put(writer, "rows", jb_v(job->rows));
    jb_json_put(writer, "batches", jb_v(job->batches));
    jb_json_put(writer, "new", jb_v(job->new_rows));
    jb_json_put(writer, "changed", jb_v(job->changed));
    jb_json_put(writer, "unchanged", jb_v(job->unchanged));
    jb_json_put(writer, "refused", jb_v(job->refused));
    jb_json_put(writer, "conflicts", jb_v(job->conflicts));
    jb_json_put(writer, "skipped", jb_v(job->skipped));
    jb_json_name(writer, "seconds");
    jb_json_double(writer, seconds, 2);
    jb_json_put(writer, "rows_per_second", jb_v(seconds > 0 ? (int64_t)((double)job->rows * share / seconds) : 0));
    jb_json_put(writer, "peak_rss_bytes", jb_v(job->peak_rss_bytes));
    jb_json_put(writer, "dry_run", jb_v_bool(job->dry_run));
    put_raw(writer, "errors", job->errors);
    jb_json_put(writer, "errors_total", jb_v(job->errors_total));
    put_raw(writer, "notes", job->notes);
    jb_json_put(writer, "reason", jb_v(job->reason));
    jb_json_put(writer, "error", jb_v(job->error));
    jb_json_put(writer, "refused_file", jb_v(!export && job->result.data ? jb_format(scope, "/admin/jobs/%lld/refused.xlsx", (long long)job->id) : JB_STR_NULL));
    if (jb_str_is(job->kind, "undo")) {
        jb_json_put(writer, "undoes", jb_v(job->undoes));
        jb_json_put(writer, "removed", jb_v(job->removed));
        jb_json_put(writer, "restored", jb_v(job->changed));
        jb_json_put(writer, "left", jb_v(job->refused));
    } else if (!export) {
        jb_json_put(writer, "undone_by", job->undone_by ? jb_v(job->undone_by) : jb_v_null());
        jb_json_put(writer, "undo_until", job->undo_until.us ? jb_v(job->undo_until) : jb_v_null());
        put_raw(writer, "totals", job->totals);
        jb_json_put(writer, "differences_file", jb_v(jb_import_has_differences(scope, job) ? jb_format(scope, "/admin/jobs/%lld/differences.xlsx", (long long)job->id) : JB_STR_NULL));
    }
    if (export) {
        jb_json_put(writer, "sha256", jb_v(job->file_hash));
        jb_json_put(writer, "bytes", jb_v(job->file_bytes));
        put_raw(writer, "totals", job->totals);
        jb_json_put(writer, "download", jb_v(job->result.data ? jb_format(scope, "/admin/jobs/%lld/download", (long long)job->id) : JB_STR_NULL));
    }
    jb_json_object_end(writer);
}

/* ---- files ----------------------------------------------------------------------------------------------------------------------------- */

static struct jb_str download_name(struct jb_scope *scope, const struct import_job *job)
{
    if (jb_str_is(job->kind, "export"))
        return job->file_name;
    struct jb_str base = job->file_name;
    size_t dot = base.size;
    while (dot > 0 && base.data[dot - 1] != '.')
        dot--;
    if (dot > 1)
        base = jb_str_slice(base, 0, dot - 1);
    if (jb_str_is(job->kind, "undo"))
        return jb_format(scope, JB_L(scope, "%.*s - 되돌리지 않은 행.xlsx", "%.*s - rows not undone.xlsx"), JB_FMT(base));
    return jb_format(scope, JB_L(scope, "%.*s - 거절된 행.xlsx", "%.*s - refused rows.xlsx"), JB_FMT(base));
}

bool jb_job_file(struct jb_scope *scope, int64_t id, struct jb_job_file *ret_file)
{
    struct import_job job;
    struct stat info;

    if (!jb_get(scope, &jb_import_job, id, &job) || !may_see(scope, &job))
        return false;
    if (!job.result.data && !jb__job_ended(&job))
        return jb_fail(scope, JB_CONFLICT, JB_L(scope, "작업 %lld은(는) 아직 끝나지 않았습니다. 끝난 뒤에 받으세요.", "Job %lld has not ended yet. Its file is there when it has."), (long long)id);
    if (!job.result.data)
        return jb_fail(scope, JB_NOT_FOUND, JB_L(scope, "작업 %lld에는 받을 파일이 없습니다.", "Job %lld has no file."), (long long)id);
    struct jb_str path = jb_format(scope, "%s/%.*s", jb__transfer_of(scope)->media_dir, JB_FMT(job.result));
    int fd = open(path.data, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &info) != 0) {
        if (fd >= 0)
            close(fd);
        return jb_fail(scope, JB_NOT_FOUND, JB_L(scope, "작업 %lld의 파일은 보관 기한이 지나 지워졌습니다.", "The file of job %lld is no longer kept."), (long long)id);
    }
    *ret_file = (struct jb_job_file){ fd, info.st_size, download_name(scope, &job), jb_str_is(job.kind, "export") ? job.file_hash : JB_STR_NULL };
    return true;
}
