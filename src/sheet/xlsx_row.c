/* xlsx_row.c — rows of values as a sheet's XML: the hot path of an export.
 *
 * Everything of a cell but its value is known before: the letters of its column, the digits of its row, what stands around a value of its style. Room for the longest that a cell can become is made once, then
 * bytes are put there one after the other.
 *
 * Text stands in the cell itself, as a formula's result would (t="str"): shared strings would have to be remembered, and an inline string takes a fifth more to write. Only what needs escapes that not
 * every reader knows there, or has blanks at an end, is an inline string. A value is a number only when Excel's 15 digits hold all of it, otherwise text: a workbook that is read back has every value
 * unchanged. */
// SPDX-License-Identifier: Apache-2.0
#include "sheet/write_private.h"
#include <stdio.h>
#include <string.h>

#define CHARS_MAX 32767
#define EXACT_MAX 1000000000000000u /* 15 digits */
#define CELL_ROOM 192               /* all but a text */
#define ESCAPED 7                   /* bytes that one of a text may become */

/* ---- text ------------------------------------------------------------------------------------------------------------------- */

enum kind {
    ODD, /* looked at by itself */
    PLAIN,
    LEAD, /* of three bytes that need no look at their code */
};

/* clang-format off */
#define P8 PLAIN, PLAIN, PLAIN, PLAIN, PLAIN, PLAIN, PLAIN, PLAIN
static const unsigned char kinds[256] = {
    ['\t'] = PLAIN,
    ['\n'] = PLAIN,
    [' '] = PLAIN, PLAIN, ODD /* " */, PLAIN, PLAIN, PLAIN, ODD /* & */, PLAIN,
    ['('] = P8,
    ['0'] = P8, PLAIN, PLAIN, PLAIN, PLAIN, ODD /* < */, PLAIN, ODD /* > */, PLAIN,
    ['@'] = P8, P8, P8, PLAIN, PLAIN, PLAIN, PLAIN, PLAIN, PLAIN, PLAIN, ODD /* _ */,
    ['`'] = P8, P8, P8, P8,
    [0xE1] = LEAD, LEAD, LEAD, LEAD, LEAD, LEAD, LEAD, LEAD, LEAD, LEAD, LEAD, LEAD, /* to 0xEC */
    [0xEE] = LEAD,
};
/* clang-format on */

static bool hex(char c)
{
    return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'f');
}

/* Text that says _x0041_ itself: its first _ is escaped, or readers would take it for an A. */
static bool looks_escaped(struct jb_str text, size_t at)
{
    if (at + 7 > text.size || text.data[at + 1] != 'x' || text.data[at + 6] != '_')
        return false;
    return hex(text.data[at + 2]) && hex(text.data[at + 3]) && hex(text.data[at + 4]) && hex(text.data[at + 5]);
}

static char *put_z(char *to, const char *z)
{
    size_t size = strlen(z);
    memcpy(to, z, size);
    return to + size;
}

/* What XML has no character for is _xHHHH_; bytes that are no UTF-8 become U+FFFD. */
static char *put_odd(char *to, struct jb_str text, size_t *at, bool *escapes)
{
    size_t start = *at;
    uint32_t code = jb_utf8_next(text, at);

    switch (code) {
    case '&': return put_z(to, "&amp;");
    case '<': return put_z(to, "&lt;");
    case '>': return put_z(to, "&gt;");
    case '"': return put_z(to, "&quot;");
    case '_':
        if (!looks_escaped(text, start)) {
            *to = '_';
            return to + 1;
        }
        *escapes = true;
        return put_z(to, "_x005F_");
    }
    if (code < 0x20 || code == 0xfffe || code == 0xffff) {
        *escapes = true;
        return to + snprintf(to, ESCAPED + 1, "_x%04X_", code);
    }
    return to + jb_utf8_put(code, to);
}

static char *put_text(char *to, struct jb_str text, bool *escapes)
{
    const unsigned char *from = (const unsigned char *)text.data;

    for (size_t at = 0; at < text.size;) {
        unsigned char kind = kinds[from[at]];
        if (kind == PLAIN) {
            *to++ = (char)from[at++];
        } else if (kind == LEAD && at + 2 < text.size && (from[at + 1] & 0xC0) == 0x80 && (from[at + 2] & 0xC0) == 0x80) {
            memcpy(to, from + at, 3);
            to += 3;
            at += 3;
        } else {
            to = put_odd(to, text, &at, escapes);
        }
    }
    return to;
}

/* Where so many bytes can be put; the buffer states its maximum. */
static char *room_for(struct jb_buf *out, size_t size)
{
    JB_CHECK(jb_buf_reserve(out, size));
    return out->data + out->size;
}

static void put_until(struct jb_buf *out, const char *end)
{
    out->size = (size_t)(end - out->data);
}

void jb__xlsx_put_text(struct jb_buf *out, struct jb_str text)
{
    bool escapes = false;
    put_until(out, put_text(room_for(out, ESCAPED * text.size + 1), text, &escapes));
}

/* Excel counts UTF-16 units. */
bool jb__xlsx_text_fits(struct jb_str text)
{
    size_t units = 0;
    if (text.size <= CHARS_MAX)
        return true;
    for (size_t at = 0; at < text.size && units <= CHARS_MAX;)
        units += jb_utf8_next(text, &at) > 0xffff ? 2 : 1;
    return units <= CHARS_MAX;
}

/* ---- digits ----------------------------------------------------------------------------------------------------------------- */

static const char pairs[] = "0001020304050607080910111213141516171819202122232425262728293031323334353637383940414243444546474849"
                            "5051525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899";

/* In front of `end`. */
static char *digits_before(char *end, uint64_t number)
{
    while (number >= 100) {
        end -= 2;
        memcpy(end, pairs + 2 * (number % 100), 2);
        number /= 100;
    }
    if (number >= 10) {
        end -= 2;
        memcpy(end, pairs + 2 * number, 2);
    } else {
        *--end = (char)('0' + number);
    }
    return end;
}

static char *put_whole(char *to, uint64_t number)
{
    char digits[24], *end = digits + sizeof digits, *start = digits_before(end, number);
    memcpy(to, start, (size_t)(end - start));
    return to + (end - start);
}

static char *put_signed(char *to, int64_t number)
{
    if (number < 0)
        *to++ = '-';
    return put_whole(to, number < 0 ? 0 - (uint64_t)number : (uint64_t)number);
}

/* Without zeros at the end. */
static char *put_decimals(char *to, uint64_t number, int scale)
{
    char digits[24], *end = digits + sizeof digits, *start = digits_before(end, number);

    while (end - start < scale)
        *--start = '0';
    while (end[-1] == '0')
        end--;
    memcpy(to, start, (size_t)(end - start));
    return to + (end - start);
}

static const uint64_t powers[] = { 1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000, 10000000000, 100000000000, 1000000000000, 10000000000000,
    100000000000000, 1000000000000000, 10000000000000000, 100000000000000000, 1000000000000000000 };

static char *put_decimal_digits(char *to, struct jb_decimal number)
{
    uint64_t units = number.units < 0 ? 0 - (uint64_t)number.units : (uint64_t)number.units, whole, rest;

    JB_CHECK(number.scale >= 0 && number.scale <= JB_DECIMAL_DIGITS_MAX);
    switch (number.scale) { /* a division by a constant is none */
    case 0: whole = units, rest = 0; break;
    case 2: whole = units / 100, rest = units % 100; break;
    default: whole = units / powers[number.scale], rest = units % powers[number.scale];
    }
    if (number.units < 0)
        *to++ = '-';
    to = put_whole(to, whole);
    if (rest == 0)
        return to;
    *to++ = '.';
    return put_decimals(to, rest, number.scale);
}

/* ---- cells ------------------------------------------------------------------------------------------------------------------ */

void jb__xlsx_shells_make(struct jb_sheet_writer *writer)
{
    for (int style = 0; style < JB__XLSX_SHELLS; style++) {
        struct jb__xlsx_shell *shell = &writer->shells[style];
        char named[8] = "";
        if (style)
            snprintf(named, sizeof named, " s=\"%u\"", (unsigned)style % 100); /* as the compiler sees: two digits */
        shell->number_size = (unsigned char)snprintf(shell->number, sizeof shell->number, "\"%s><v>", named);
        shell->text_size = (unsigned char)snprintf(shell->text, sizeof shell->text, "\"%s t=\"str\"><v>", named);
    }
    for (size_t i = 0; i < writer->count; i++) {
        struct jb__write_column *column = &writer->columns[i];
        column->open_size = (unsigned char)snprintf(column->open, sizeof column->open, "<c r=\"%s", column->letters);
    }
}

/* <c r="AB12: more is copied than counts, which is quicker than to look. */
static inline char *put_open(char *to, const struct jb_sheet_writer *writer, size_t column)
{
    memcpy(to, writer->columns[column].open, sizeof writer->columns[column].open);
    to += writer->columns[column].open_size;
    memcpy(to, writer->row_digits, sizeof writer->row_digits);
    return to + writer->row_digits_size;
}

static inline char *put_open_number(char *to, const struct jb_sheet_writer *writer, size_t column, int style)
{
    const struct jb__xlsx_shell *shell = &writer->shells[style];

    to = put_open(to, writer, column);
    memcpy(to, shell->number, sizeof shell->number);
    return to + shell->number_size;
}

static inline char *put_close(char *to)
{
    memcpy(to, "</v></c>", 8);
    return to + 8;
}

static char *put_inline_text(char *to, const struct jb_sheet_writer *writer, size_t column, int style, struct jb_str text)
{
    unsigned char first = (unsigned char)text.data[0], last = (unsigned char)text.data[text.size - 1];
    bool escapes = false;

    to = put_open(to, writer, column);
    to += style ? snprintf(to, 64, "\" s=\"%d\" t=\"inlineStr\"><is><t", style) : snprintf(to, 64, "\" t=\"inlineStr\"><is><t");
    to = put_z(to, first <= ' ' || last <= ' ' ? " xml:space=\"preserve\">" : ">");
    to = put_text(to, text, &escapes);
    return put_z(to, "</t></is></c>");
}

bool jb__xlsx_text_cell(struct jb_sheet_writer *writer, struct jb_scope *scope, size_t column, int style, struct jb_str text)
{
    bool escapes = false;

    if (text.size == 0)
        return true;
    if (!jb__xlsx_text_fits(text))
        return jb_fail(scope, JB_LIMIT, JB_L(scope, "%s%lld: 엑셀 셀에는 %d자까지 들어갑니다. CSV로 내보내세요.", "%s%lld: an Excel cell holds at most %d characters. Export as CSV."), writer->columns[column].letters, (long long)writer->row, CHARS_MAX);
    char *start = room_for(&writer->out, CELL_ROOM + ESCAPED * text.size);
    bool plain = style < JB__XLSX_SHELLS && (unsigned char)text.data[0] > ' ' && (unsigned char)text.data[text.size - 1] > ' ';
    if (plain) {
        const struct jb__xlsx_shell *shell = &writer->shells[style];
        char *to = put_open(start, writer, column);
        memcpy(to, shell->text, sizeof shell->text);
        to = put_text(to + shell->text_size, text, &escapes);
        if (!escapes) {
            put_until(&writer->out, put_close(to));
            return true;
        }
    }
    put_until(&writer->out, put_inline_text(start, writer, column, style, text));
    return true;
}

static void bool_cell(struct jb_sheet_writer *writer, size_t column, bool truth)
{
    char *to = put_open(room_for(&writer->out, CELL_ROOM), writer, column);
    put_until(&writer->out, put_z(to, truth ? "\" t=\"b\"><v>1</v></c>" : "\" t=\"b\"><v>0</v></c>"));
}

static bool int_cell(struct jb_sheet_writer *writer, struct jb_scope *scope, size_t column, int64_t number)
{
    uint64_t magnitude = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    char text[24];

    if (magnitude >= EXACT_MAX)
        return jb__xlsx_text_cell(writer, scope, column, JB__STYLE_TEXT, (struct jb_str){ text, (size_t)(put_signed(text, number) - text) });
    put_until(&writer->out, put_close(put_signed(put_open_number(room_for(&writer->out, CELL_ROOM), writer, column, JB__STYLE_NONE), number)));
    return true;
}

static bool decimal_cell(struct jb_sheet_writer *writer, struct jb_scope *scope, size_t column, struct jb_decimal number)
{
    uint64_t magnitude = number.units < 0 ? 0 - (uint64_t)number.units : (uint64_t)number.units;
    char text[JB_DECIMAL_TEXT_SIZE];
    int style = JB__STYLE_DECIMAL + number.scale;

    if (magnitude >= EXACT_MAX) { /* unless zeros at its end make it so long */
        number = jb_decimal_trim(number);
        if (number.units >= (int64_t)EXACT_MAX || number.units <= -(int64_t)EXACT_MAX)
            return jb__xlsx_text_cell(writer, scope, column, JB__STYLE_TEXT, jb_decimal_text(number, text));
    }
    put_until(&writer->out, put_close(put_decimal_digits(put_open_number(room_for(&writer->out, CELL_ROOM), writer, column, style), number)));
    return true;
}

/* A serial, or ISO text for what Excel's calendar does not have (before 1900). */
static bool civil_cell(struct jb_sheet_writer *writer, struct jb_scope *scope, size_t column, int style, const struct jb_civil *civil, struct jb_str iso)
{
    double serial;

    if (!jb__serial_of(civil, &serial))
        return jb__xlsx_text_cell(writer, scope, column, JB__STYLE_TEXT, iso);
    char *to = put_open_number(room_for(&writer->out, CELL_ROOM), writer, column, style);
    if (style == JB__STYLE_TIME)
        to += snprintf(to, 40, "%.17g", serial);
    else
        to = put_signed(to, (int64_t)serial);
    put_until(&writer->out, put_close(to));
    return true;
}

#define DAYS_1900 25569    /* the serial of 1970-01-01 */
#define SERIAL_PLAIN 61    /* 1900-03-01: after the day that Excel has and nobody else */
#define SERIAL_END 2958466 /* the day after 9999-12-31 */

static bool date_cell(struct jb_sheet_writer *writer, struct jb_scope *scope, size_t column, int style, struct jb_date date)
{
    char iso[JB_DATE_TEXT_SIZE];
    int64_t serial = (int64_t)date.days + DAYS_1900;

    if (serial >= SERIAL_PLAIN && serial < SERIAL_END) {
        put_until(&writer->out, put_close(put_whole(put_open_number(room_for(&writer->out, CELL_ROOM), writer, column, style), (uint64_t)serial)));
        return true;
    }
    struct jb_civil civil = jb_date_civil(date);
    struct jb_str text = style == JB__STYLE_MONTH ? jb_month_text(jb_date_month(date), iso) : jb_date_text(date, iso);
    return civil_cell(writer, scope, column, style, &civil, text);
}

static bool time_cell(struct jb_sheet_writer *writer, struct jb_scope *scope, size_t column, struct jb_time time)
{
    char iso[JB_TIME_TEXT_SIZE];
    struct jb_civil civil = jb_zone_civil(writer->options.zone, time);

    return civil_cell(writer, scope, column, JB__STYLE_TIME, &civil, jb_time_text(time, writer->options.zone, iso));
}

static bool value_cell(struct jb_sheet_writer *writer, struct jb_scope *scope, size_t column, const struct jb_value *value)
{
    switch (value->type) {
    case JB_NULL: return true;
    case JB_BOOL: bool_cell(writer, column, value->truth); return true;
    case JB_INT32:
    case JB_INT64: return int_cell(writer, scope, column, value->number);
    case JB_TEXT: return jb__xlsx_text_cell(writer, scope, column, JB__STYLE_TEXT, value->text);
    case JB_DECIMAL: return decimal_cell(writer, scope, column, value->decimal);
    case JB_DATE: return date_cell(writer, scope, column, JB__STYLE_DATE, (struct jb_date){ (int32_t)value->number });
    case JB_MONTH: return date_cell(writer, scope, column, JB__STYLE_MONTH, jb_month_first((struct jb_month){ (int32_t)value->number }));
    case JB_TIME: return time_cell(writer, scope, column, (struct jb_time){ value->number });
    default: JB_CHECK(!"a value that a sheet can hold"); return false;
    }
}

/* ---- rows -------------------------------------------------------------------------------------------------------------------- */

void jb__xlsx_open_row(struct jb_sheet_writer *writer)
{
    char *to = put_z(room_for(&writer->out, CELL_ROOM), "<row r=\"");
    char *end = put_whole(to, (uint64_t)++writer->row);

    writer->row_digits_size = (unsigned char)(end - to);
    memcpy(writer->row_digits, to, writer->row_digits_size);
    put_until(&writer->out, put_z(end, "\">"));
}

void jb__xlsx_close_row(struct jb_sheet_writer *writer)
{
    jb_buf_put(&writer->out, JB_STR("</row>"));
}

static bool is_full(const struct jb_sheet_writer *writer)
{
    int64_t bytes_max = writer->options.sheet_bytes_max ? writer->options.sheet_bytes_max : JB__XLSX_BYTES_MAX;
    return writer->row >= JB__XLSX_ROWS_MAX || jb__zip_part_bytes(writer->zip) >= bytes_max;
}

bool jb__xlsx_write_row(struct jb_sheet_writer *writer, struct jb_scope *scope, const struct jb_value *values, size_t count)
{
    if (is_full(writer) && !jb__xlsx_next_sheet(writer, scope))
        return false;
    jb__xlsx_open_row(writer);
    for (size_t i = 0; i < count; i++)
        if (!value_cell(writer, scope, i, &values[i]) || !jb__write_flush(writer, scope, JB__PACK_BYTES))
            return false;
    jb__xlsx_close_row(writer);
    return true;
}
