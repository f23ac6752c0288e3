/* export.c — rows of a model into a sheet: to any sink at once, or as a job that ends with a file.
 *
 * Rows come from a cursor in constant memory. A reference is written by the unique field that the exchange names; what was looked up is remembered. */
// SPDX-License-Identifier: Apache-2.0
#include "transfer/transfer_private.h"
#include "base/map.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define REMEMBERED_MAX 20000
#define TOLD_EVERY 1000

struct column {
    const struct jb__target *target;
    struct jb_map known; /* id as text → struct jb_value in `memory` */
};

struct exporting {
    struct jb_scope *scope, *memory;
    const struct jb_model *model;
    struct jb__plan *plan;
    struct column *columns;
    size_t count;
    struct jb_cursor *cursor;
    struct jb_sheet_writer *writer;
    int64_t rows;
    struct jb__progress *progress; /* may be NULL */
};

/* ---- columns --------------------------------------------------------------------------------------------------------------- */

static const struct jb__target *target_named(const struct jb__plan *plan, struct jb_str name)
{
    for (size_t i = 0; i < plan->count; i++)
        if (jb_str_equal(plan->targets[i].name, name) || jb_str_is(name, plan->targets[i].field->name))
            return &plan->targets[i];
    return NULL;
}

static bool choose_columns(struct exporting *exporting, struct jb_str names)
{
    const struct jb__plan *plan = exporting->plan;
    size_t room = plan->count + 1;

    for (size_t i = 0; i < names.size; i++)
        room += names.data[i] == ',';
    exporting->columns = JB_NEW_ARRAY(exporting->scope, struct column, room);
    for (size_t i = 0; names.size == 0 && i < plan->count; i++)
        exporting->columns[exporting->count++].target = &plan->targets[i];
    for (struct jb_str rest = names; names.size > 0 && rest.data;) {
        struct jb_str name = jb_str_trim(jb_str_cut(&rest, ','));
        const struct jb__target *target = target_named(plan, name);
        if (!target)
            return jb_fail(exporting->scope, JB_INVALID, JB_L(exporting->scope, "내보낼 열 ‘%.*s’이(가) 없습니다.", "There is no column \"%.*s\" to export."), JB_FMT(name));
        exporting->columns[exporting->count++].target = target;
    }
    for (size_t i = 0; i < exporting->count; i++)
        jb_map_init(&exporting->columns[i].known);
    return true;
}

/* The value of the field that stands for the row referred to. */
static bool look_up(struct exporting *exporting, struct column *column, int64_t id, struct jb_value *ret_value)
{
    const struct jb__target *target = column->target;
    struct jb_scope *scope = exporting->scope;
    char text[32];
    struct jb_str key = { text, (size_t)snprintf(text, sizeof text, "%lld", (long long)id) };
    struct jb_value *known = jb_map_get(&column->known, key);

    if (!known) {
        void *row = jb_alloc(exporting->memory, target->lookup_in->record.size);
        if (!jb_get(exporting->memory, target->lookup_in, id, row))
            return jb_failure_pass(exporting->memory, scope);
        known = JB_NEW(exporting->memory, struct jb_value);
        *known = jb_record_get(&target->lookup_in->record, row, target->lookup);
        if (column->known.count < REMEMBERED_MAX)
            jb_map_put(&column->known, jb_copy(exporting->memory, key), known);
    }
    *ret_value = *known;
    return true;
}

/* ---- rows -------------------------------------------------------------------------------------------------------------------- */

static bool write_row(struct exporting *exporting, struct jb_value *values, const void *row)
{
    for (size_t i = 0; i < exporting->count; i++) {
        struct column *column = &exporting->columns[i];
        values[i] = jb_record_get(&exporting->model->record, row, column->target->field);
        if (!column->target->lookup || values[i].type == JB_NULL)
            continue;
        int64_t id = values[i].number;
        values[i] = jb_v_null();
        if (id != 0 && !look_up(exporting, column, id, &values[i]))
            return false;
    }
    return jb_sheet_writer_row(exporting->writer, exporting->scope, values, exporting->count);
}

/* JSON is for programs: its members are called as the fields are. */
static bool write_head(struct exporting *exporting, bool by_names)
{
    struct jb_scope *scope = exporting->scope;
    struct jb_str *titles = JB_NEW_ARRAY(scope, struct jb_str, exporting->count);
    const struct jb_field **fields = JB_NEW_ARRAY(scope, const struct jb_field *, exporting->count);

    for (size_t i = 0; i < exporting->count; i++) {
        titles[i] = by_names ? exporting->columns[i].target->name : exporting->columns[i].target->heading;
        fields[i] = exporting->columns[i].target->lookup ? exporting->columns[i].target->lookup : exporting->columns[i].target->field;
    }
    return jb_sheet_writer_head(exporting->writer, scope, titles, fields, exporting->count);
}

static bool write_rows(struct exporting *exporting)
{
    struct jb_scope *scope = exporting->scope;
    struct jb_value *values = JB_NEW_ARRAY(scope, struct jb_value, exporting->count);
    const void *row;

    while (jb_cursor_next(exporting->cursor, scope, &row)) {
        struct jb_arena_mark mark = jb_arena_mark(jb_scope_arena(scope));
        if (!write_row(exporting, values, row))
            return false;
        jb_arena_rewind(jb_scope_arena(scope), mark);
        exporting->rows++;
        if (exporting->rows % TOLD_EVERY != 0)
            continue;
        if (!jb_continue(scope))
            return false;
        if (exporting->progress)
            jb__progress_done(exporting->progress, exporting->rows);
    }
    return !jb_failure(scope);
}

/* Chosen rows as a condition after the others. */
static const struct jb_condition *with_ids(struct jb_scope *scope, const struct jb_model *model, const struct jb_export_options *options)
{
    size_t count = 0;

    if (options->ids.count == 0)
        return options->conditions;
    while (options->conditions && options->conditions[count].op != JB_OP_END)
        count++;
    struct jb_condition *all = JB_NEW_ARRAY(scope, struct jb_condition, count + 2);
    if (count > 0)
        memcpy(all, options->conditions, count * sizeof *all);
    all[count] = (struct jb_condition){ jb_str_of(jb_model_primary(model)->name), JB_IN, jb_v(options->ids) };
    return all;
}

struct output {
    jb_sheet_sink *sink;
    void *arg;
};

static bool run_export(struct exporting *exporting, const struct jb_export_options *options, const struct output *output)
{
    struct jb_scope *scope = exporting->scope;
    const struct jb_model *model = exporting->model;
    const struct jb_transfer *transfer = jb__transfer_of(scope);

    exporting->plan = jb__plan_new(scope, transfer, jb_exchange_of(scope, model), JB_STR_NULL);
    if (!exporting->plan || !choose_columns(exporting, options->columns))
        return false;
    exporting->cursor = jb_cursor_open(scope, model,
        &(struct jb_select){ .conditions = with_ids(scope, model, options), .search = options->search, .search_fields = options->search_fields, .order = options->order });
    if (!exporting->cursor)
        return false;
    exporting->writer = jb_sheet_writer_new(scope,
        &(struct jb_sheet_writer_options){
            .format = options->format == JB_SHEET_AUTO ? JB_SHEET_XLSX : options->format,
            .sheet = jb_model_label(model, scope),
            .raw = options->raw,
            .bom = true,
            .zone = transfer->zone,
        },
        output->sink, output->arg);
    bool ok = exporting->writer && write_head(exporting, options->format == JB_SHEET_JSON || options->format == JB_SHEET_JSONL) && write_rows(exporting) && jb_sheet_writer_finish(exporting->writer, scope);
    jb_sheet_writer_free(exporting->writer);
    jb_cursor_close(exporting->cursor);
    return ok;
}

static bool export_with(struct jb_scope *outer, const struct jb_model *model, const struct jb_export_options *options, const struct output *output, struct jb__progress *progress, int64_t *ret_rows)
{
    struct jb_scope *scope = jb_scope_child(outer, "export");
    struct exporting exporting = { .scope = scope, .memory = jb_scope_child(scope, "references"), .model = model, .progress = progress };

    bool ok = run_export(&exporting, options, output) || jb_failure_pass(scope, outer);
    for (size_t i = 0; i < exporting.count; i++)
        jb_map_done(&exporting.columns[i].known);
    if (ok && ret_rows)
        *ret_rows = exporting.rows;
    jb_scope_end(exporting.memory);
    jb_scope_end(scope);
    return ok;
}

bool jb_export_to(struct jb_scope *scope, const struct jb_model *model, const struct jb_export_options *options, jb_sheet_sink *sink, void *arg, int64_t *ret_rows)
{
    return export_with(scope, model, options, &(struct output){ sink, arg }, NULL, ret_rows);
}

/* ---- as a job -------------------------------------------------------------------------------------------------------------------- */

static const char *extension_of(enum jb_sheet_format format)
{
    return jb_sheet_format_name(format == JB_SHEET_AUTO ? JB_SHEET_XLSX : format);
}

bool jb_export_start(struct jb_scope *scope, const struct jb_model *model, const struct jb_export_options *options, int64_t *ret_job)
{
    const struct jb_user *actor = jb_actor(scope);
    char day[JB_DATE_TEXT_SIZE];
    struct jb_civil today = jb_zone_civil(jb__transfer_of(scope)->zone, jb_now());
    struct jb_date date;

    if (!jb_date_of(today.year, today.month, today.day, &date))
        return jb_fail(scope, JB_BROKEN, "the clock shows no day");
    struct import_job job = {
        .kind = JB_STR("export"),
        .model = jb_model_full_name(model, scope),
        .status = JB_STR("queued"),
        .user_id = actor->id,
        .user = actor->name,
        .file_name = jb_format(scope, "%.*s-%.*s.%s", JB_FMT(jb_model_label(model, scope)), JB_FMT(jb_date_text(date, day)), extension_of(options->format)),
        .options = jb__export_options_json(scope, model, options),
        .created_at = jb_now(),
    };
    if (!jb__job_start(scope, &job, true))
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
}

#define FLUSH_BYTES ((size_t)256 << 10)

static bool file_flush(struct file *file, struct jb_scope *scope)
{
    struct flushing flushing = { file, 0 };

    jb_offload(flush_blocking, &flushing);
    return !flushing.error || jb_fail_errno(scope, flushing.error, JB_L(scope, "내보낸 파일 쓰기", "writing the export"));
}

static bool file_sink(void *arg, struct jb_scope *scope, const void *bytes, size_t size)
{
    struct file *file = arg;

    if (file->buf.size + size > FLUSH_BYTES && !file_flush(file, scope))
        return false;
    jb_buf_put_bytes(&file->buf, bytes, size);
    return !file->buf.full || jb_fail(scope, JB_LIMIT, "a piece of the export is too large");
}

static bool write_file(struct jb_scope *scope, const struct jb_model *model, const struct jb_export_options *options, const char *path, struct jb__progress *progress, int64_t *ret_rows)
{
    struct file file = { .fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640), .buf = JB_BUF_INIT((size_t)64 << 20) };

    if (file.fd < 0)
        return jb_fail_errno(scope, errno, JB_L(scope, "%s 만들기", "making %s"), path);
    bool ok = export_with(scope, model, options, &(struct output){ file_sink, &file }, progress, ret_rows) && file_flush(&file, scope);
    jb_buf_done(&file.buf);
    close(file.fd);
    if (!ok)
        unlink(path);
    return ok;
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
    enum jb_language language;
    const struct jb_model *model = jb_model_find(scope, job->model);
    int64_t started_us = jb_monotonic_us();

    if (!model || !jb__export_options_read(scope, model, job->options, &options, &language))
        return false;
    jb_language_set(scope, language);
    int64_t total = jb_count(scope, model, .conditions = with_ids(scope, model, &options), .search = options.search, .search_fields = options.search_fields);
    if (total < 0)
        return false;
    jb__progress_phase(progress, JB_WRITING, total);
    struct jb_str name = jb__result_name(scope, job->id, "export", extension_of(options.format));
    struct jb_str path = jb_format(scope, "%s/%.*s", jb__transfer_of(scope)->media_dir, JB_FMT(name));
    if (!write_file(scope, model, &options, path.data, progress, &job->rows))
        return false;
    job->status = JB_STR("done");
    job->progress = 100;
    job->result = name;
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
