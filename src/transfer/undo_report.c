/* undo_report.c — which rows an undo left, and why: the first lines as JSON, all of them as a workbook. */
// SPDX-License-Identifier: Apache-2.0
#include "transfer/undo.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define ERRORS_BYTES_MAX ((size_t)4 << 20)
#define WORKBOOK_LINES_MAX 1048575

/* ---- words ------------------------------------------------------------------------------------------------------------------- */

static struct jb_str heading_of(struct jb_scope *scope, const struct jb__plan *plan, const struct jb_field *field)
{
    for (size_t i = 0; i < plan->count; i++)
        if (plan->targets[i].field == field)
            return plan->targets[i].heading;
    return jb_field_label(scope, field, jb_language(scope));
}

static struct jb_str table_label(struct jb_scope *scope, struct jb_str table)
{
    for (const struct jb_model *const *model = jb_db_models(scope); *model; model++)
        if (jb_str_equal(jb_model_table(*model), table))
            return jb_model_label(*model, scope);
    return table;
}

static struct jb_str sentence_of(struct jb_scope *scope, enum jb_stage_undone why, struct jb_str note)
{
    struct jb_str table;

    switch (why) {
    case JB_STAGE_GONE:
        return jb_str_of(JB_L(scope, "가져온 뒤에 지워졌거나 열쇠가 바뀌었습니다.", "It is not there any more: it was deleted since, or its key was changed."));
    case JB_STAGE_REFERRED:
        table = table_label(scope, note);
        return jb_format(scope, JB_L(scope, "‘%.*s’의 행이 이 행을 가리킵니다. 그 행을 먼저 지우고 다시 되돌리세요.", "Rows of \"%.*s\" refer to it. Delete those first, and undo again."), JB_FMT(table));
    case JB_STAGE_RETAKEN:
        return jb_str_of(JB_L(scope, "예전 값을 이제 다른 행이 쓰고 있습니다. 그 행을 고치고 다시 되돌리세요.", "Another row has the value now that it had before. Change that row, and undo again."));
    case JB_STAGE_DANGLING:
        return jb_str_of(JB_L(scope, "예전에 가리키던 행이 이제 없습니다.", "The row that it referred to before is gone."));
    case JB_STAGE_FORBIDDEN:
        return note;
    default:
        return jb_str_of(JB_L(scope, "가져온 뒤에 바뀌었습니다. 그대로 두었습니다.", "It was changed after the import, and left as it is."));
    }
}

/* ---- lines --------------------------------------------------------------------------------------------------------------------- */

struct line {
    int64_t row;
    struct jb_str key, column, heading, written, now, reason;
};

static void put_json(struct jb__undo_report *report, const struct line *line)
{
    if (report->lines > JB_ERRORS_KEPT)
        return;
    jb_json_object(&report->json_writer);
    jb_json_put(&report->json_writer, "row", jb_v(line->row));
    jb_json_put(&report->json_writer, "column", jb_v(line->column));
    jb_json_put(&report->json_writer, "heading", jb_v(line->heading));
    jb_json_put(&report->json_writer, "value", jb_v(line->now));
    jb_json_put(&report->json_writer, "written", jb_v(line->written));
    jb_json_put(&report->json_writer, "key", jb_v(line->key));
    jb_json_put(&report->json_writer, "reason", jb_v(line->reason));
    jb_json_object_end(&report->json_writer);
}

static bool write_all(void *arg, struct jb_scope *scope, const void *bytes, size_t size)
{
    const int *fd = arg;

    for (size_t done = 0; done < size;) {
        ssize_t part = write(*fd, (const char *)bytes + done, size - done);
        if (part < 0 && errno != EINTR)
            return jb_fail_errno(scope, errno, JB_L(scope, "되돌리지 않은 행의 파일 쓰기", "writing the file of rows that were left"));
        done += part > 0 ? (size_t)part : 0;
    }
    return true;
}

static bool open_book(struct jb__undo_report *report, struct jb_scope *scope)
{
    static const struct jb_field plain = { .name = "plain", .type = JB_INT64, .size = sizeof(int64_t) };
    struct jb_str titles[] = {
        JB_STR("행 row"),
        JB_STR("열쇠 key"),
        JB_STR("열 column"),
        JB_STR("가져온 값 imported"),
        JB_STR("지금 값 now"),
        JB_STR("이유 reason"),
    };
    const struct jb_field *fields[JB_COUNT(titles)] = { &plain };

    report->fd = open(report->path.data, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    if (report->fd < 0)
        return jb_fail_errno(scope, errno, JB_L(scope, "%s 만들기", "making %s"), report->path.data);
    report->sheet = jb_sheet_writer_new(report->scope, &(struct jb_sheet_writer_options){ .format = JB_SHEET_XLSX, .sheet = jb_str_of(JB_L(scope, "되돌리지 않은 행", "Rows not undone")) }, write_all, &report->fd);
    return jb_sheet_writer_head(report->sheet, scope, titles, fields, JB_COUNT(titles));
}

static bool put_line(struct jb__undo_report *report, struct jb_scope *scope, const struct line *line)
{
    const struct jb_str texts[] = { jb_format(scope, "%lld", (long long)line->row), line->key, line->heading, line->written, line->now, line->reason };
    struct jb_cell cells[JB_COUNT(texts)];
    bool marks[JB_COUNT(texts)] = { false };
    size_t count = 0;

    report->lines++;
    put_json(report, line);
    if (report->lines > WORKBOOK_LINES_MAX)
        return true;
    if (!report->sheet && !open_book(report, scope))
        return false;
    for (uint32_t i = 0; i < JB_COUNT(texts); i++)
        if (texts[i].size > 0)
            cells[count++] = (struct jb_cell){ .type = i ? JB_CELL_TEXT : JB_CELL_NUMBER, .column = i + 1, .format = UINT32_MAX, .text = texts[i] };
    return jb_sheet_writer_cells(report->sheet, scope, cells, marks, count);
}

static struct jb_str key_of(struct jb_scope *scope, const struct jb__plan *plan, const void *row)
{
    struct jb_str key = JB_STR("");

    for (size_t i = 0; i < plan->match_count; i++) {
        struct jb_str part = jb_value_text(scope, jb_record_get(&plan->model->record, row, plan->match[i]));
        key = jb_format(scope, "%.*s%s%.*s", JB_FMT(key), i ? " " : "", JB_FMT(part));
    }
    return key;
}

/* A line for each cell that is not as it was written. */
static bool put_touched(struct jb__undo_report *report, struct jb_scope *scope, struct line *line, const void *written, const void *now)
{
    const struct jb_record *record = &report->plan->model->record;
    bool ok = true, found = false;

    for (const struct jb_field *field = record->fields; ok && field->type != JB_END; field++) {
        if (field->type == JB_WORD || field->primary || field->auto_now || field->secret)
            continue;
        struct jb_value left = jb_record_get(record, written, field), is = jb_record_get(record, now, field);
        if (jb_value_equal(left, is))
            continue;
        found = true;
        line->column = jb_str_of(field->name);
        line->heading = heading_of(scope, report->plan, field);
        line->written = left.type == JB_NULL ? JB_STR_NULL : jb_value_text(scope, left);
        line->now = is.type == JB_NULL ? JB_STR_NULL : jb_value_text(scope, is);
        ok = put_line(report, scope, line);
    }
    return ok && (found || put_line(report, scope, line));
}

bool jb__undo_report_row(void *arg, struct jb_scope *scope, int64_t row, enum jb_stage_undone why, struct jb_str note, const void *written, const void *now)
{
    struct jb__undo_report *report = arg;
    struct line line = { .row = row, .key = key_of(scope, report->plan, now ? now : written), .reason = sentence_of(scope, why, note) };

    if (why == JB_STAGE_TOUCHED && now)
        return put_touched(report, scope, &line, written, now);
    const struct jb_field *field = why == JB_STAGE_RETAKEN || why == JB_STAGE_DANGLING ? jb_record_field(&report->plan->model->record, note) : NULL;
    if (field) {
        line.column = jb_str_of(field->name);
        line.heading = heading_of(scope, report->plan, field);
    }
    return put_line(report, scope, &line);
}

/* ---- the whole --------------------------------------------------------------------------------------------------------------------- */

void jb__undo_report_init(struct jb__undo_report *report, struct jb_scope *scope, const struct jb__plan *plan, int64_t job)
{
    *report = (struct jb__undo_report){ .scope = scope, .transfer = jb__transfer_of(scope), .plan = plan, .fd = -1 };
    jb_buf_init(&report->json, ERRORS_BYTES_MAX);
    jb_json_start(&report->json_writer, &report->json);
    jb_json_array(&report->json_writer);
    report->file = jb__result_name(scope, job, "left", "xlsx");
    report->path = jb_format(scope, "%s/%.*s", report->transfer->media_dir, JB_FMT(report->file));
}

bool jb__undo_report_finish(struct jb__undo_report *report, struct jb_scope *scope)
{
    jb_json_array_end(&report->json_writer);
    return !report->sheet || jb_sheet_writer_finish(report->sheet, scope);
}

void jb__undo_report_done(struct jb__undo_report *report, bool keep)
{
    bool made = report->fd >= 0;

    jb_sheet_writer_free(report->sheet);
    if (made)
        close(report->fd);
    if (made && !keep)
        unlink(report->path.data);
    jb_buf_done(&report->json);
}
