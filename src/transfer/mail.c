/* mail.c — one mail when a job has ended: to its owner, or to the log when nobody's address is known. */
// SPDX-License-Identifier: Apache-2.0
#include "transfer/transfer_private.h"
#include "base/log.h"
#include "notify/notify.h"

bool jb__mail_enqueue(struct jb_scope *scope, int64_t job_id)
{
    return jb_enqueue(scope, &jb_job_mail_task, &(struct jb_payload_job){ job_id }, .priority = JB_LOW);
}

/* The table of users belongs to a higher module; here it is any model with that name and an e-mail. */
static struct jb_str owner_address(struct jb_scope *scope, const struct import_job *job)
{
    const struct jb_model *users = job->user_id ? jb_model_find(scope, JB_STR("auth.user")) : NULL;
    const struct jb_field *email = users ? jb_record_field(&users->record, JB_STR("email")) : NULL;
    struct jb_str address = JB_STR_NULL;

    if (email) {
        void *user = jb_alloc(scope, users->record.size);
        if (jb_get(scope, users, job->user_id, user))
            address = jb_record_get(&users->record, user, email).text;
    }
    jb_failure_clear(scope);
    return address.size > 0 ? address : JB_STR_NULL;
}

static struct jb_str undo_subject(struct jb_scope *scope, const struct import_job *job)
{
    if (jb_str_is(job->status, "done"))
        return jb_format(scope, JB_L(scope, "되돌리기 완료: 지움 %lld, 되돌림 %lld, 그대로 둠 %lld", "Undo done: %lld removed, %lld restored, %lld left"), (long long)job->removed, (long long)job->changed, (long long)job->refused);
    return jb_str_of(jb_str_is(job->status, "cancelled") ? JB_L(scope, "되돌리기 취소", "Undo cancelled") : JB_L(scope, "되돌리기 실패", "Undo failed"));
}

static struct jb_str subject_of(struct jb_scope *scope, const struct import_job *job)
{
    bool import = jb_str_is(job->kind, "import");

    if (jb_str_is(job->kind, "undo"))
        return undo_subject(scope, job);
    if (jb_str_is(job->status, "done") && import)
        return jb_format(scope, JB_L(scope, "가져오기 완료: 추가 %lld, 변경 %lld, 그대로 %lld, 오류 %lld", "Import done: %lld new, %lld changed, %lld unchanged, %lld errors"), (long long)job->new_rows,
            (long long)job->changed, (long long)job->unchanged, (long long)job->refused);
    if (jb_str_is(job->status, "done"))
        return jb_format(scope, JB_L(scope, "내보내기 완료: %lld행", "Export done: %lld rows"), (long long)job->rows);
    if (jb_str_is(job->status, "cancelled"))
        return jb_str_of(import ? JB_L(scope, "가져오기 취소", "Import cancelled") : JB_L(scope, "내보내기 취소", "Export cancelled"));
    return jb_str_of(import ? JB_L(scope, "가져오기 실패", "Import failed") : JB_L(scope, "내보내기 실패", "Export failed"));
}

static struct jb_str text_of(struct jb_scope *scope, const struct import_job *job)
{
    const struct jb_transfer *transfer = jb__transfer_of(scope);
    bool export = jb_str_is(job->kind, "export");
    struct jb_str text = jb_format(scope, JB_L(scope, "파일: %.*s\n행: %lld\n추가: %lld\n변경: %lld\n그대로: %lld\n건너뜀: %lld\n거절: %lld\n걸린 시간: %.1f초\n", "File: %.*s\nRows: %lld\nNew: %lld\nChanged: %lld\nUnchanged: %lld\nSkipped: %lld\nRefused: %lld\nTime: %.1f s\n"),
        JB_FMT(job->file_name), (long long)job->rows, (long long)job->new_rows, (long long)job->changed, (long long)job->unchanged, (long long)job->skipped, (long long)job->refused, (double)job->micros / 1e6);

    if (jb_str_is(job->kind, "undo"))
        text = jb_format(scope, JB_L(scope, "되돌린 작업: %lld (%.*s)\n행: %lld\n지움: %lld\n되돌림: %lld\n그대로 둠: %lld\n걸린 시간: %.1f초\n", "Undone job: %lld (%.*s)\nRows: %lld\nRemoved: %lld\nRestored: %lld\nLeft: %lld\nTime: %.1f s\n"), (long long)job->undoes, JB_FMT(job->file_name), (long long)job->rows, (long long)job->removed,
            (long long)job->changed, (long long)job->refused, (double)job->micros / 1e6);
    if (job->reason.size > 0)
        text = jb_format(scope, "%.*s\n%.*s\n", JB_FMT(job->reason), JB_FMT(text));
    text = jb_format(scope, "%.*s\n%.*s/admin/jobs/%lld/\n", JB_FMT(text), JB_FMT(transfer->site_url), (long long)job->id);
    if (!job->result.data)
        return text;
    return jb_format(scope, "%.*s%s: %.*s/admin/jobs/%lld/%s\n", JB_FMT(text), export ? JB_L(scope, "파일", "File") : jb_str_is(job->kind, "undo") ? JB_L(scope, "되돌리지 않은 행", "Rows that were left")
                                                                                                                                                   : JB_L(scope, "거절된 행", "Refused rows"),
        JB_FMT(transfer->site_url), (long long)job->id, export ? "download" : "refused.xlsx");
}

/* The task's is the same at every attempt and another's when the job ends again; the time tells books apart that stood under the same address. */
static struct jb_str id_of(struct jb_scope *scope, const struct import_job *job)
{
    return jb_format(scope, "job%lld.task%lld.%lld", (long long)job->id, (long long)jb_task_id(scope), (long long)job->created_at.us);
}

static bool send_mail(struct jb_scope *scope, const void *arg)
{
    const struct jb_payload_job *payload = arg;
    struct import_job job;
    struct jb__job_options options;

    if (!jb_get(scope, &jb_import_job, payload->job, &job))
        return false;
    if (jb__import_options_read(scope, job.options, &options)) /* of an export too: the language is all we want */
        jb_language_set(scope, options.language);
    jb_failure_clear(scope);
    struct jb_str address = owner_address(scope, &job), subject = subject_of(scope, &job), text = text_of(scope, &job);
    if (address.data)
        return jb_mail_send(scope, .to = address, .subject = subject, .text = text, .id = id_of(scope, &job));
    jb_log(JB_LOG_INFO, "transfer", "job %lld: %.*s", (long long)job.id, JB_FMT(subject));
    return true;
}

const struct jb_task jb_job_mail_task = {
    .name = "transfer.mail",
    .queue = "email",
    .payload = JB_RECORD(jb_payload_job, JB_FIELD(jb_payload_job, job, .required = true)),
    .run = send_mail,
    .priority = JB_LOW,
    .attempts_max = 14, /* for about five hours */
    .backoff_s = 10,
    .timeout_s = 60,
};
