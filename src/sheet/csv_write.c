/* csv_write.c — delimited text that a spreadsheet may open without harm.
 *
 * A text that would run as a formula gets a ' in front (OWASP), and so does one that already looks guarded: reading takes exactly one away, so what was
 * exported comes back. Numbers, dates and plain negative amounts stay bare. */
// SPDX-License-Identifier: Apache-2.0
#include "sheet/write_private.h"
#include <string.h>

/* Also where only some locales would split: at ; and tab, and at blanks that a reader might trim. */
static bool needs_quotes(struct jb_str text)
{
    for (size_t i = 0; i < text.size; i++)
        if (strchr(",;\t\"\r\n", text.data[i]) && text.data[i])
            return true;
    return text.size && (text.data[0] == ' ' || text.data[text.size - 1] == ' ');
}

static void put_text(struct jb_sheet_writer *writer, struct jb_str text)
{
    struct jb_buf *out = &writer->out;
    bool guarded = !writer->options.raw && jb__formula_like(text);
    bool quoted = needs_quotes(text);
    if (quoted)
        jb_buf_put_char(out, '"');
    if (guarded)
        jb_buf_put_char(out, '\'');
    for (size_t at = 0; at < text.size;) {
        size_t quote = JB_MIN(jb_str_find_char(text, '"', at), text.size);
        jb_buf_put(out, jb_str_slice(text, at, quote));
        if (quote < text.size)
            jb_buf_put_z(out, "\"\"");
        at = quote + 1;
    }
    if (quoted)
        jb_buf_put_char(out, '"');
}

static void put_value(struct jb_sheet_writer *writer, struct jb_value value)
{
    struct jb_buf *out = &writer->out;
    char text[JB_TIME_TEXT_SIZE];
    switch (value.type) {
    case JB_NULL: break;
    case JB_BOOL: jb_buf_put_z(out, value.truth ? "true" : "false"); break;
    case JB_INT32:
    case JB_INT64: jb_buf_printf(out, "%lld", (long long)value.number); break;
    case JB_TEXT: put_text(writer, value.text); break;
    case JB_DATE: jb_buf_put(out, jb_date_text((struct jb_date){ (int32_t)value.number }, text)); break;
    case JB_MONTH: jb_buf_put(out, jb_month_text((struct jb_month){ (int32_t)value.number }, text)); break;
    case JB_TIME: jb_buf_put(out, jb_time_text((struct jb_time){ value.number }, writer->options.zone, text)); break;
    case JB_DECIMAL: jb_buf_put(out, jb_decimal_text(value.decimal, text)); break;
    default: JB_CHECK(!"a value that a sheet can hold");
    }
}

static void put_separator(struct jb_sheet_writer *writer, size_t column)
{
    if (column > 0)
        jb_buf_put_char(&writer->out, writer->options.format == JB_SHEET_TSV ? '\t' : ',');
}

static bool csv_head(struct jb_sheet_writer *writer, struct jb_scope *scope, const struct jb_str *titles)
{
    if (writer->options.bom)
        jb_buf_put_z(&writer->out, "\xef\xbb\xbf");
    for (size_t i = 0; i < writer->count; i++) {
        put_separator(writer, i);
        put_text(writer, titles[i]);
    }
    jb_buf_put_z(&writer->out, "\r\n");
    return jb__write_flush(writer, scope, JB__WRITE_CHUNK);
}

/* One empty cell alone is written as "": a blank line would be no row. */
static bool csv_row(struct jb_sheet_writer *writer, struct jb_scope *scope, const struct jb_value *values, size_t count)
{
    size_t before = writer->out.size;
    for (size_t i = 0; i < writer->count; i++) {
        put_separator(writer, i);
        if (i < count)
            put_value(writer, values[i]);
        if (writer->out.size >= JB__WRITE_CHUNK) {
            if (!jb__write_flush(writer, scope, 0))
                return false;
            before = SIZE_MAX;
        }
    }
    if (writer->out.size == before)
        jb_buf_put_z(&writer->out, "\"\"");
    jb_buf_put_z(&writer->out, "\r\n");
    writer->row++;
    return jb__write_flush(writer, scope, JB__WRITE_CHUNK);
}

static bool csv_finish(struct jb_sheet_writer *writer, struct jb_scope *scope)
{
    return jb__write_flush(writer, scope, 0);
}

const struct jb__writer jb__csv_writer = { .head = csv_head, .row = csv_row, .finish = csv_finish };
