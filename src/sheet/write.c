/* write.c — the door of the writers: rows in, bytes out to a sink, nothing of earlier rows kept. */
// SPDX-License-Identifier: Apache-2.0
#include "sheet/write_private.h"
#include <stdlib.h>
#include <string.h>

#define COLUMNS_MAX 16384
#define SHEET_NAME_MAX 31

/* Excel takes 31 characters, none of []:*?/\ and no ' at an end. */
static struct jb_str sheet_name(struct jb_str wanted)
{
    char *name = calloc(1, SHEET_NAME_MAX * 4 + 8);
    JB_CHECK(name);
    size_t size = 0, units = 0;
    wanted = jb_str_trim_unicode(wanted);
    for (size_t at = 0; at < wanted.size;) {
        uint32_t code = jb_utf8_next(wanted, &at);
        units += code > 0xffff ? 2 : 1;
        if (units > SHEET_NAME_MAX)
            break;
        if (code < 0x20 || (code < 0x80 && strchr("[]:*?/\\'", (int)code)))
            code = ' ';
        size += jb_utf8_put(code, name + size);
    }
    if (jb_str_trim((struct jb_str){ name, size }).size == 0) {
        memcpy(name, "Sheet1", 6);
        size = 6;
    }
    return (struct jb_str){ name, size };
}

static const struct jb__writer *const kinds[] = {
    [JB_SHEET_XLSX] = &jb__xlsx_writer,
    [JB_SHEET_CSV] = &jb__csv_writer,
    [JB_SHEET_TSV] = &jb__csv_writer,
    [JB_SHEET_ODS] = &jb__ods_writer,
    [JB_SHEET_JSON] = &jb__json_writer,
    [JB_SHEET_JSONL] = &jb__json_writer,
};

bool jb__write_flush(struct jb_sheet_writer *writer, struct jb_scope *scope, size_t at_least)
{
    struct jb_buf *out = &writer->out;
    if (out->full)
        return jb_fail(scope, JB_LIMIT, "%s", JB_L(scope, "한 셀의 내용이 너무 깁니다. 내용을 줄이세요.", "A cell is too long. Shorten it."));
    if (out->size < at_least || out->size == 0)
        return true;
    bool ok = writer->zip ? jb__zip_take(writer->zip, scope, out) : writer->sink(writer->arg, scope, out->data, out->size);
    jb_buf_clear(out);
    return ok;
}

int jb__column_width(const struct jb_field *field)
{
    switch (field ? field->type : JB_TEXT) {
    case JB_TEXT: return field && field->length_max ? JB_MAX(10, JB_MIN(field->length_max / 2, 40)) : 24;
    case JB_TIME: return 20;
    case JB_DECIMAL: return 16;
    default: return 12;
    }
}

struct jb_sheet_writer *jb_sheet_writer_new(struct jb_scope *scope, const struct jb_sheet_writer_options *options, jb_sheet_sink *sink, void *arg)
{
    (void)scope;
    struct jb_sheet_writer *writer = calloc(1, sizeof *writer);
    JB_CHECK(writer && options->format != JB_SHEET_AUTO);
    writer->options = *options;
    writer->options.sheet = sheet_name(options->sheet);
    writer->sink = sink;
    writer->arg = arg;
    jb_buf_init(&writer->out, JB__PACK_TEXT_MAX);
    writer->kind = kinds[options->format];
    if (writer->kind->zipped)
        writer->zip = jb__zip_writer_new(sink, arg, options->beside);
    return writer;
}

void jb_sheet_writer_free(struct jb_sheet_writer *writer)
{
    if (!writer)
        return;
    jb__zip_writer_free(writer->zip);
    jb_buf_done(&writer->out);
    free((void *)(uintptr_t)writer->options.sheet.data);
    for (size_t i = 0; i < writer->count; i++)
        free((void *)(uintptr_t)writer->columns[i].name.data);
    for (size_t i = 0; writer->titles && i < writer->count; i++)
        free((void *)(uintptr_t)writer->titles[i].data);
    free(writer->titles);
    free(writer->columns);
    free(writer);
}

bool jb_sheet_writer_head(struct jb_sheet_writer *writer, struct jb_scope *scope, const struct jb_str *titles, const struct jb_field *const *fields, size_t count)
{
    JB_CHECK(!writer->columns);
    if (count == 0 || count > COLUMNS_MAX)
        return jb_fail(scope, JB_LIMIT, JB_L(scope, "열이 %zu개입니다. 1개에서 %d개까지 쓸 수 있습니다.", "There are %zu columns. Use 1 to %d."), count, COLUMNS_MAX);
    writer->columns = calloc(count, sizeof *writer->columns);
    JB_CHECK(writer->columns);
    writer->count = count;
    for (size_t i = 0; i < count; i++) {
        writer->columns[i].field = fields ? fields[i] : NULL;
        jb_column_letters((uint32_t)i + 1, writer->columns[i].letters);
    }
    return writer->kind->head(writer, scope, titles);
}

bool jb_sheet_writer_row(struct jb_sheet_writer *writer, struct jb_scope *scope, const struct jb_value *values, size_t count)
{
    JB_CHECK(writer->columns && count <= writer->count);
    return writer->kind->row(writer, scope, values, count);
}

bool jb_sheet_writer_cells(struct jb_sheet_writer *writer, struct jb_scope *scope, const struct jb_cell *cells, const bool *marks, size_t count)
{
    JB_CHECK(writer->kind->cells && writer->columns && (count == 0 || cells[count - 1].column <= writer->count));
    return writer->kind->cells(writer, scope, cells, marks, count);
}

int jb_sheet_writer_sheets(const struct jb_sheet_writer *writer)
{
    return JB_MAX(writer->sheets, 1);
}

bool jb_sheet_writer_finish(struct jb_sheet_writer *writer, struct jb_scope *scope)
{
    JB_CHECK(writer->columns);
    return writer->kind->finish(writer, scope);
}
