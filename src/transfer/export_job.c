/* export_job.c — an export as a job: a worker writes the file, its page tells of it.
 *
 * The file is durable before the job says that it is done, and whoever has it may compare size, sums and SHA-256 with what stands there. */
// SPDX-License-Identifier: Apache-2.0
#include "transfer/transfer_private.h"
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static const char *extension_of(enum jb_sheet_format format)
{
    return jb_sheet_format_name(format == JB_SHEET_AUTO ? JB_SHEET_XLSX : format);
}

bool jb_export_start(struct jb_scope *scope, const struct jb_model *model, const struct jb_export_options *options, int64_t *ret_job)
{
    const struct jb_user *actor = jb_actor(scope);
    char day[JB_DATE_TEXT_SIZE];
    struct jb_export_options own = *options;
    struct jb_civil today = jb_zone_civil(jb__transfer_of(scope)->zone, jb_now());
    struct jb_date date;

    if (!jb_date_of(today.year, today.month, today.day, &date))
        return jb_fail(scope, JB_BROKEN, "the clock shows no day");
    own.position = jb_db_session_position(scope);
    struct import_job job = {
        .kind = JB_STR("export"),
        .model = jb_model_full_name(model, scope),
        .status = JB_STR("queued"),
        .user_id = actor->id,
        .user = actor->name,
        .file_name = jb_format(scope, "%.*s-%.*s.%s", JB_FMT(jb_model_label(model, scope)), JB_FMT(jb_date_text(date, day)), extension_of(options->format)),
        .options = jb__export_options_json(scope, model, &own),
        .created_at = jb_now(),
    };
    if (!jb__job_start(scope, &job, NULL, true))
        return false;
    *ret_job = job.id;
    return true;
}

struct file {
    int fd;
    struct jb_buf buf;
};

struct flushing {
    struct file *file;
    bool last;
    int error;
};

static void flush_blocking(void *arg)
{
    struct flushing *flushing = arg;
    struct jb_buf *buf = &flushing->file->buf;

    for (size_t done = 0; done < buf->size;) {
        ssize_t part = write(flushing->file->fd, buf->data + done, buf->size - done);
        if (part < 0 && errno != EINTR) {
            flushing->error = errno;
            return;
        }
        done += part > 0 ? (size_t)part : 0;
    }
    jb_buf_clear(buf);
    if (flushing->last && fdatasync(flushing->file->fd) != 0)
        flushing->error = errno;
}

#define FLUSH_BYTES ((size_t)256 << 10)

static bool file_flush(struct file *file, struct jb_scope *scope, bool last)
{
    struct flushing flushing = { file, last, 0 };

    if (JB_FAULT("transfer/export/write", scope))
        return false;
    jb_offload(flush_blocking, &flushing);
    return !flushing.error || jb_fail_errno(scope, flushing.error, JB_L(scope, "내보낸 파일 쓰기", "writing the export"));
}

static bool file_sink(void *arg, struct jb_scope *scope, const void *bytes, size_t size)
{
    struct file *file = arg;

    if (file->buf.size + size > FLUSH_BYTES && !file_flush(file, scope, false))
        return false;
    jb_buf_put_bytes(&file->buf, bytes, size);
    return !file->buf.full || jb_fail(scope, JB_LIMIT, "a piece of the export is too large");
}

static bool write_file(struct jb_scope *scope, const struct jb_model *model, const struct jb_export_options *options, const char *path, struct jb__progress *progress, struct jb_export_result *ret_result)
{
    struct file file = { .fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640), .buf = JB_BUF_INIT((size_t)64 << 20) };

    if (file.fd < 0)
        return jb_fail_errno(scope, errno, JB_L(scope, "%s 만들기", "making %s"), path);
    bool ok = jb__export_with(scope, model, options, file_sink, &file, progress, ret_result) && file_flush(&file, scope, true);
    jb_buf_done(&file.buf);
    close(file.fd);
    if (!ok)
        unlink(path);
    return ok;
}

void jb_export_totals_json(struct jb_json_writer *writer, const struct jb_export_result *result)
{
    jb_json_array(writer);
    for (size_t i = 0; i < result->total_count; i++) {
        jb_json_object(writer);
        jb_json_put(writer, "column", jb_v(result->totals[i].column));
        jb_json_put(writer, "label", jb_v(result->totals[i].label));
        jb_json_put(writer, "sum", jb_v(result->totals[i].sum));
        jb_json_object_end(writer);
    }
    jb_json_array_end(writer);
}

static struct jb_str totals_json(struct jb_scope *scope, const struct jb_export_result *result)
{
    struct jb_buf buf = JB_BUF_INIT((size_t)1 << 20);
    struct jb_json_writer writer;

    jb_json_start(&writer, &buf);
    jb_export_totals_json(&writer, result);
    struct jb_str json = jb_copy(scope, jb_buf_str(&buf));
    jb_buf_done(&buf);
    return json;
}

static struct jb_str note_json(struct jb_scope *scope, struct jb_str note)
{
    struct jb_buf buf = JB_BUF_INIT((size_t)1 << 16);
    struct jb_json_writer writer;

    if (note.size == 0)
        return JB_STR_NULL;
    jb_json_start(&writer, &buf);
    jb_json_array(&writer);
    jb_json_text(&writer, note);
    jb_json_array_end(&writer);
    struct jb_str json = jb_copy(scope, jb_buf_str(&buf));
    jb_buf_done(&buf);
    return json;
}

static bool finish_export(struct jb_scope *scope, struct import_job *job)
{
    struct jb_tx *tx = jb_begin(scope);

    if (!tx)
        return false;
    if (jb__job_leave(scope, job, JB_STR("running")) && jb__job_save(scope, job) && jb__mail_enqueue(scope, job->id))
        return jb_commit(tx);
    jb_rollback(tx);
    return false;
}

/* Counts, writes the file and notes its name, with progress; a wish to cancel cancels `scope`. */
static bool export_job(struct jb_scope *scope, struct import_job *job, struct jb__progress *progress)
{
    struct jb_export_options options;
    struct jb_export_result result;
    enum jb_language language;
    const struct jb_model *model = jb_model_find(scope, job->model);
    int64_t started_us = jb_monotonic_us();

    if (!model || !jb__export_options_read(scope, model, job->options, &options, &language))
        return false;
    jb_language_set(scope, language);
    jb_db_session(scope, options.position); /* a replica is read only when it has what the person had written */
    options.fresh |= job->attempt > 1;      /* one that took the statement back, for what it had to replay, is not asked again */
    int64_t total = jb_count(scope, model, .conditions = jb__export_conditions(scope, model, &options), .search = options.search, .search_fields = options.search_fields);
    if (total < 0)
        return false;
    jb__progress_phase(progress, JB_WRITING, total);
    struct jb_str name = jb__result_name(scope, job->id, "export", extension_of(options.format));
    struct jb_str path = jb_format(scope, "%s/%.*s", jb__transfer_of(scope)->media_dir, JB_FMT(name));
    if (!write_file(scope, model, &options, path.data, progress, &result))
        return false;
    job->status = JB_STR("done");
    job->progress = 100;
    job->rows = result.rows;
    job->result = name;
    job->file_hash = jb_copy(scope, jb_str_of(result.sha256));
    job->file_bytes = result.bytes;
    job->totals = totals_json(scope, &result);
    job->notes = note_json(scope, result.note);
    job->micros = jb_monotonic_us() - started_us;
    job->finished_at = jb_now();
    return finish_export(scope, job);
}

static bool begin_export(struct jb_scope *scope, struct import_job *job)
{
    struct jb_str was = job->status;
    struct jb_tx *tx = jb_begin(scope);

    job->attempt++;
    job->status = JB_STR("running");
    job->started_at = jb_now();
    if (!tx)
        return false;
    if (jb__job_leave(scope, job, was) && jb__job_save(scope, job))
        return jb_commit(tx);
    jb_rollback(tx);
    return false;
}

static bool run_export_task(struct jb_scope *outer, const void *arg)
{
    const struct jb_payload_job *payload = arg;
    struct jb_scope *scope = jb_scope_child(outer, "export job");
    struct jb__progress progress;
    struct import_job job;
    bool wished = false;

    bool ok = jb_get(scope, &jb_import_job, payload->job, &job);
    if (ok && jb__job_ended(&job)) {
        jb_scope_end(scope);
        return true;
    }
    ok = ok && begin_export(scope, &job) && jb__progress_open(&progress, scope, job.id, true);
    if (ok) {
        progress.from[JB_WRITING] = 0;
        ok = export_job(scope, &job, &progress);
        wished = progress.wished;
        jb__progress_close(&progress);
    }
    if (!ok && wished && jb_error(scope) == JB_CANCELLED)
        ok = jb__job_end(outer, &job, "cancelled", NULL);
    else if (!ok)
        jb_failure_pass(scope, outer);
    jb_scope_end(scope);
    return ok;
}

static void export_failed(struct jb_scope *scope, const void *arg, const struct jb_failure *failure)
{
    const struct jb_payload_job *payload = arg;
    struct import_job job;

    if (jb_get(scope, &jb_import_job, payload->job, &job) && !jb__job_ended(&job))
        jb__job_end(scope, &job, "failed", failure);
}

const struct jb_task jb_export_task = {
    .name = "transfer.export",
    .unique_by = "job",
    .payload = JB_RECORD(jb_payload_job, JB_FIELD(jb_payload_job, job, .required = true)),
    .run = run_export_task,
    .failed = export_failed,
    .timeout_s = -1,
    .bulk = true,
};
