/* json_write.c — JSON into a buffer; commas and quotes come by themselves. */
// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"
#include <math.h>

void jb_json_start(struct jb_json_writer *writer, struct jb_buf *buf)
{
    *writer = (struct jb_json_writer){ .buf = buf };
}

static void comma(struct jb_json_writer *writer)
{
    if (writer->comma)
        jb_buf_put_char(writer->buf, ',');
    writer->comma = true;
}

static void open(struct jb_json_writer *writer, char bracket)
{
    comma(writer);
    jb_buf_put_char(writer->buf, bracket);
    writer->comma = false;
}

static void close(struct jb_json_writer *writer, char bracket)
{
    jb_buf_put_char(writer->buf, bracket);
    writer->comma = true;
}

void jb_json_object(struct jb_json_writer *writer)
{
    open(writer, '{');
}

void jb_json_object_end(struct jb_json_writer *writer)
{
    close(writer, '}');
}

void jb_json_array(struct jb_json_writer *writer)
{
    open(writer, '[');
}

void jb_json_array_end(struct jb_json_writer *writer)
{
    close(writer, ']');
}

static void put_escaped(struct jb_buf *buf, unsigned char c)
{
    static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";

    for (size_t i = 0; from[i]; i++)
        if (c == (unsigned char)from[i]) {
            jb_buf_put_char(buf, '\\');
            jb_buf_put_char(buf, to[i]);
            return;
        }
    jb_buf_printf(buf, "\\u%04x", c);
}

/* Runs of plain ASCII go over in one piece. */
static void put_string(struct jb_buf *buf, struct jb_str text)
{
    bool valid = jb_utf8_valid(text);
    size_t start = 0, at = 0;

    jb_buf_put_char(buf, '"');
    while (at < text.size) {
        unsigned char c = (unsigned char)text.data[at];
        if (c >= 0x20 && c != '"' && c != '\\' && (valid || c < 0x80)) {
            at++;
            continue;
        }
        jb_buf_put(buf, jb_str_slice(text, start, at));
        if (c < 0x80) {
            put_escaped(buf, c);
            at++;
        } else {
            char out[4];
            uint32_t code = jb_utf8_next(text, &at);
            jb_buf_put_bytes(buf, out, jb_utf8_put(code, out));
        }
        start = at;
    }
    jb_buf_put(buf, jb_str_slice(text, start, at));
    jb_buf_put_char(buf, '"');
}

void jb_json_name(struct jb_json_writer *writer, const char *name)
{
    comma(writer);
    put_string(writer->buf, jb_str_of(name));
    jb_buf_put_char(writer->buf, ':');
    writer->comma = false;
}

void jb_json_text(struct jb_json_writer *writer, struct jb_str text)
{
    if (!text.data) {
        jb_json_null(writer);
        return;
    }
    comma(writer);
    put_string(writer->buf, text);
}

void jb_json_int(struct jb_json_writer *writer, int64_t number)
{
    comma(writer);
    jb_buf_printf(writer->buf, "%lld", (long long)number);
}

void jb_json_double(struct jb_json_writer *writer, double number, int decimals)
{
    if (!isfinite(number)) {
        jb_json_null(writer);
        return;
    }
    comma(writer);
    jb_buf_printf(writer->buf, "%.*f", decimals, number);
}

void jb_json_bool(struct jb_json_writer *writer, bool truth)
{
    comma(writer);
    jb_buf_put_z(writer->buf, truth ? "true" : "false");
}

void jb_json_null(struct jb_json_writer *writer)
{
    comma(writer);
    jb_buf_put_z(writer->buf, "null");
}

static void put_ids(struct jb_json_writer *writer, struct jb_ids ids)
{
    jb_json_array(writer);
    for (size_t i = 0; i < ids.count; i++)
        jb_json_int(writer, ids.at[i]);
    jb_json_array_end(writer);
}

void jb_json_value(struct jb_json_writer *writer, struct jb_value value, const struct jb_zone *zone)
{
    char out[JB_TIME_TEXT_SIZE];

    switch (value.type) {
    case JB_BOOL: jb_json_bool(writer, value.truth); break;
    case JB_INT32:
    case JB_INT64: jb_json_int(writer, value.number); break;
    case JB_TEXT:
    case JB_HTML: jb_json_text(writer, value.text); break;
    case JB_DATE: jb_json_text(writer, jb_date_text((struct jb_date){ (int32_t)value.number }, out)); break;
    case JB_MONTH: jb_json_text(writer, jb_month_text((struct jb_month){ (int32_t)value.number }, out)); break;
    case JB_TIME: jb_json_text(writer, jb_time_text((struct jb_time){ value.number }, zone, out)); break;
    case JB_DECIMAL:
        comma(writer);
        jb_buf_put(writer->buf, jb_decimal_text(value.decimal, out));
        break;
    case JB_ROW: jb_json_record(writer, value.row.record, value.row.data, zone); break;
    case JB_IDS: put_ids(writer, value.ids); break;
    case JB_NULL: jb_json_null(writer); break;
    case JB_ROWS:
    case JB_END:
    case JB_WORD: JB_CHECK(!"a value that JSON can hold");
    }
}

void jb_json_record(struct jb_json_writer *writer, const struct jb_record *record, const void *row, const struct jb_zone *zone)
{
    jb_json_object(writer);
    for (const struct jb_field *field = record->fields; field->type != JB_END; field++) {
        if (field->type == JB_WORD || field->secret)
            continue;
        jb_json_name(writer, field->name);
        jb_json_value(writer, jb_record_get(record, row, field), zone);
    }
    jb_json_object_end(writer);
}

void jb_json_put(struct jb_json_writer *writer, const char *name, struct jb_value value)
{
    jb_json_name(writer, name);
    jb_json_value(writer, value, NULL);
}
