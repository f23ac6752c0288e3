/* cell.c — what a cell means: an exact number, a date, a text, a value for a field.
 *
 * Numbers go through their text, not through a double, as long as they have the 15 digits that Excel keeps; only what a computation left behind
 * (0.30000000000000004) is rounded to those digits. Dates know that Excel believes in a 29 February 1900. */
// SPDX-License-Identifier: Apache-2.0
#include "sheet/sheet_private.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXCEL_DIGITS 15
#define SERIAL_MAX 2958466.0   /* 10000-01-01 */
#define DAYS_1900 25569        /* from 1899-12-30 to 1970-01-01 */
#define DAYS_1904 24107        /* from 1904-01-01 */
#define SERIAL_MARCH_1900 61.0 /* from here on the count is right; before, it is a day ahead */
#define NUMBER_BYTES_MAX 340
#define DURATION_DAYS_MAX 1e6

struct jb_str jb_column_letters(uint32_t column, char out[4])
{
    char letters[8];
    size_t size = 0;
    for (; column > 0 && size < 3; column = (column - 1) / 26)
        letters[size++] = (char)('A' + (column - 1) % 26);
    for (size_t i = 0; i < size; i++)
        out[i] = letters[size - 1 - i];
    out[size] = '\0';
    return (struct jb_str){ out, size };
}

/* ---- numbers ------------------------------------------------------------------------------------------------------------- */

static const double powers[] = { 1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22 };

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* A number taken apart: digits as an integer (the first 18), and the exponent of ten they stand at. */
struct parts {
    bool minus;
    uint64_t digits;
    int count; /* significant digits in all */
    int exponent;
};

static bool take_apart(struct jb_str text, struct parts *ret_parts)
{
    struct parts parts = { 0 };
    size_t at = 0, seen = 0;
    bool point = false;
    if (at < text.size && (text.data[at] == '-' || text.data[at] == '+'))
        parts.minus = text.data[at++] == '-';
    for (; at < text.size; at++) {
        char c = text.data[at];
        if (c == '.' && !point) {
            point = true;
            continue;
        }
        if (!is_digit(c))
            break;
        seen++;
        if (parts.digits || c != '0')
            parts.count++;
        if (parts.count <= 18) {
            parts.digits = parts.digits * 10 + (uint64_t)(c - '0');
            parts.exponent -= point;
        } else {
            parts.exponent += !point;
        }
    }
    if (seen == 0)
        return false;
    if (at < text.size) {
        int64_t exponent;
        if ((text.data[at] | 32) != 'e' || !jb_str_to_int64(jb_str_slice(text, at + 1, text.size), &exponent) || exponent > 9999 || exponent < -9999)
            return false;
        parts.exponent += (int)exponent;
    }
    *ret_parts = parts;
    return true;
}

bool jb__number_parse(struct jb_str text, double *ret_number)
{
    struct parts parts;
    char z[NUMBER_BYTES_MAX + 1];
    double number;
    if (text.size > NUMBER_BYTES_MAX || !take_apart(text, &parts))
        return false;
    if (parts.count <= EXCEL_DIGITS && parts.exponent >= -22 && parts.exponent <= 22) {
        number = (double)parts.digits; /* exact, and so is the power: one rounding */
        number = parts.exponent < 0 ? number / powers[-parts.exponent] : number * powers[parts.exponent];
        number = parts.minus ? -number : number;
    } else {
        memcpy(z, text.data, text.size);
        z[text.size] = '\0';
        number = strtod(z, NULL);
        if (!isfinite(number))
            return false;
    }
    *ret_number = number;
    return true;
}

bool jb__number_kept(struct jb_str text)
{
    struct jb_decimal number;
    struct parts parts;
    char out[JB_DECIMAL_TEXT_SIZE];
    return take_apart(text, &parts) && parts.count <= EXCEL_DIGITS && jb_decimal_parse(text, &number) && jb_str_equal(jb_decimal_text(jb_decimal_trim(number), out), text);
}

bool jb_cell_decimal(const struct jb_cell *cell, struct jb_decimal *ret_number)
{
    struct parts parts;
    struct jb_decimal number;
    if (cell->type != JB_CELL_NUMBER)
        return false;
    if (cell->exact) {
        if (!jb_decimal_parse(cell->text, &number))
            return false;
        *ret_number = jb_decimal_trim(number);
        return true;
    }
    if (!take_apart(cell->text, &parts))
        return false;
    if (parts.count <= EXCEL_DIGITS && parts.exponent <= 0 && parts.exponent >= -JB_DECIMAL_DIGITS_MAX)
        number = (struct jb_decimal){ parts.minus ? -(int64_t)parts.digits : (int64_t)parts.digits, -parts.exponent };
    else if (!jb_decimal_of_double(cell->serial, &number))
        return false;
    *ret_number = jb_decimal_trim(number);
    return true;
}

/* ---- dates ----------------------------------------------------------------------------------------------------------------- */

/* The day's fraction in microseconds. What was written with Excel's 15 digits means the millisecond beside it; with more digits it is taken as it is. */
static int64_t fraction_us(const struct jb_cell *cell, double fraction)
{
    struct parts parts;
    int64_t us = llround(fraction * (double)JB_DAY_US), near = (us + 500) / 1000 * 1000;
    bool rough = !take_apart(cell->text, &parts) || parts.count <= EXCEL_DIGITS;
    return rough && llabs(us - near) <= 5 ? near : us;
}

bool jb_cell_time(const struct jb_sheet *sheet, const struct jb_cell *cell, struct jb_civil *ret_civil)
{
    bool has_time;
    if (sheet->format == JB_SHEET_ODS)
        return cell->type == JB_CELL_DATE && !cell->duration && jb__iso_civil(cell->text, ret_civil, &has_time);
    if (cell->type != JB_CELL_DATE || !(cell->serial >= (sheet->date1904 ? 0 : 1)) || cell->serial >= SERIAL_MAX)
        return false;
    double days = floor(cell->serial);
    int64_t us = fraction_us(cell, cell->serial - days), day = (int64_t)days;
    if (!sheet->date1904 && day == 60)
        return false; /* 1900-02-29 */
    day += us / JB_DAY_US;
    day -= sheet->date1904 ? DAYS_1904 : DAYS_1900 - (cell->serial < SERIAL_MARCH_1900);
    struct jb_civil civil = jb_time_civil((struct jb_time){ day * JB_DAY_US + us % JB_DAY_US });
    if (civil.year < 1 || civil.year > 9999)
        return false;
    *ret_civil = civil;
    return true;
}

bool jb__serial_of(const struct jb_civil *civil, double *ret_serial)
{
    struct jb_date date;
    if (!jb_date_of(civil->year, civil->month, civil->day, &date))
        return false;
    int64_t us = ((civil->hour * 60 + civil->minute) * 60 + civil->second) * JB_SECOND_US + civil->microsecond;
    int64_t days = (int64_t)date.days + DAYS_1900;
    if (days < (int64_t)SERIAL_MARCH_1900)
        days--;
    if (days < 1)
        return false;
    *ret_serial = (double)days + (double)us / (double)JB_DAY_US;
    return true;
}

bool jb__serial_parse(struct jb_str text, bool date1904, double *ret_serial, bool *ret_has_time)
{
    struct jb_date date;
    struct jb_time time;
    char whole[64];
    if (jb_date_parse(text, &date)) {
        *ret_has_time = false;
    } else if (text.size < sizeof whole - 16 && text.size > 3 && text.data[2] == ':') { /* a time of day alone */
        int size = snprintf(whole, sizeof whole, "1970-01-01T%.*s", JB_FMT(text));
        if (!jb_time_parse((struct jb_str){ whole, (size_t)size }, NULL, &time))
            return false;
        *ret_serial = (double)time.us / (double)JB_DAY_US;
        *ret_has_time = true;
        return true;
    } else if (jb_time_parse(text, NULL, &time)) {
        *ret_has_time = true;
    } else {
        return false;
    }
    struct jb_civil civil = *ret_has_time ? jb_time_civil(time) : jb_date_civil(date);
    if (!jb__serial_of(&civil, ret_serial))
        return false;
    if (date1904)
        *ret_serial -= DAYS_1900 - DAYS_1904;
    return true;
}

bool jb__iso_civil(struct jb_str text, struct jb_civil *ret_civil, bool *ret_has_time)
{
    struct jb_date date;
    struct jb_time time;
    size_t point = jb_str_find_char(text, '.', 0);
    if (jb_date_parse(text, &date)) {
        *ret_civil = jb_date_civil(date);
        *ret_has_time = false;
        return true;
    }
    if (point != SIZE_MAX && text.size > point + 7) /* programs write nanoseconds */
        text.size = point + 7;
    if (!jb_time_parse(text, NULL, &time))
        return false;
    *ret_civil = jb_time_civil(time);
    *ret_has_time = true;
    return true;
}

double jb__iso_serial(const struct jb_civil *civil)
{
    struct jb_time time;
    double serial;
    if (jb__serial_of(civil, &serial))
        return serial;
    return jb_time_of(civil, &time) ? (double)time.us / (double)JB_DAY_US + DAYS_1900 : 0;
}

/* PT16H45M00.5S, P1DT2H, -PT1H: the parts in this order, each with its letter. */
bool jb__duration_parse(struct jb_str text, double *ret_days)
{
    static const struct {
        char letter;
        bool in_time;
        double days;
    } parts[] = { { 'D', false, 1 }, { 'H', true, 1.0 / 24 }, { 'M', true, 1.0 / 1440 }, { 'S', true, 1.0 / 86400 } };
    bool minus = text.size > 0 && text.data[0] == '-', in_time = false, has_time;
    size_t at = minus, found = 0;
    double days = 0;
    if (at >= text.size || text.data[at++] != 'P')
        return jb__serial_parse(text, false, ret_days, &has_time) && *ret_days < 1; /* 09:55:33 */
    for (size_t i = 0; i < JB_COUNT(parts) && at < text.size; i++) {
        double number;
        if (!in_time && text.data[at] == 'T') {
            in_time = true;
            at++;
        }
        size_t end = at;
        while (end < text.size && (is_digit(text.data[end]) || text.data[end] == '.'))
            end++;
        if (end == text.size || text.data[end] != parts[i].letter || in_time != parts[i].in_time)
            continue;
        if (!jb__number_parse(jb_str_slice(text, at, end), &number))
            return false;
        days += number * parts[i].days;
        at = end + 1;
        found++;
    }
    *ret_days = minus ? -days : days;
    return found > 0 && at == text.size;
}

/* ---- text ------------------------------------------------------------------------------------------------------------------ */

/* -5, -1234.5: nobody runs those. */
static bool plain_negative(struct jb_str text)
{
    struct jb_decimal number;
    return text.size > 1 && text.data[0] == '-' && is_digit(text.data[1]) && jb_str_find_char(text, 'e', 0) == SIZE_MAX && jb_str_find_char(text, 'E', 0) == SIZE_MAX && jb_decimal_parse(text, &number);
}

bool jb__formula_like(struct jb_str text)
{
    size_t at = 0;
    while (at < text.size && text.data[at] == '\'')
        at++;
    if (at == text.size)
        return false;
    struct jb_str rest = jb_str_slice(text, at, text.size);
    size_t next = 0;
    switch (jb_utf8_next(rest, &next)) {
    case '-': return !plain_negative(rest);
    case '=':
    case '+':
    case '@':
    case '\t':
    case '\r':
    case '\n':
    case 0xff1d: /* full-width = + - @ */
    case 0xff0b:
    case 0xff0d:
    case 0xff20: return true;
    default: return false;
    }
}

/* A guarded text from a CSV file is what it was before. */
static struct jb_str plain_text(const struct jb_sheet *sheet, struct jb_str text)
{
    struct jb_str rest = jb_str_slice(text, 1, text.size);
    bool guarded = (sheet->format == JB_SHEET_CSV || sheet->format == JB_SHEET_TSV) && text.size > 1 && text.data[0] == '\'' && jb__formula_like(rest);
    return guarded ? rest : text;
}

static struct jb_str date_text(const struct jb_sheet *sheet, struct jb_scope *scope, const struct jb_cell *cell)
{
    struct jb_civil civil;
    if (cell->duration && cell->serial >= 0 && cell->serial < DURATION_DAYS_MAX) {
        int64_t second = llround(cell->serial * 86400);
        return jb_format(scope, "%02lld:%02d:%02d", (long long)(second / 3600), (int)(second / 60 % 60), (int)(second % 60));
    }
    if (!jb_cell_time(sheet, cell, &civil)) {
        if (!(cell->serial >= 0 && cell->serial < 1))
            return jb_copy(scope, cell->text);
        int64_t second = fraction_us(cell, cell->serial) / JB_SECOND_US % 86400;
        return jb_format(scope, "%02d:%02d:%02d", (int)(second / 3600), (int)(second / 60 % 60), (int)(second % 60));
    }
    if (!cell->has_time)
        return jb_format(scope, "%04d-%02d-%02d", civil.year, civil.month, civil.day);
    struct jb_str text = jb_format(scope, "%04d-%02d-%02dT%02d:%02d:%02d", civil.year, civil.month, civil.day, civil.hour, civil.minute, civil.second);
    return civil.microsecond ? jb_format(scope, "%.*s.%06d", JB_FMT(text), civil.microsecond) : text;
}

/* As Excel's General format shows it. */
static struct jb_str number_text(struct jb_scope *scope, const struct jb_cell *cell)
{
    struct jb_decimal number;
    char out[JB_DECIMAL_TEXT_SIZE];
    if (jb_cell_decimal(cell, &number))
        return jb_copy(scope, jb_decimal_text(number, out));
    return cell->exact ? cell->text : jb_format(scope, "%.15G", cell->serial);
}

struct jb_str jb_cell_text(const struct jb_sheet *sheet, struct jb_scope *scope, const struct jb_cell *cell)
{
    switch (cell->type) {
    case JB_CELL_EMPTY: return JB_STR("");
    case JB_CELL_TEXT: return plain_text(sheet, cell->text);
    case JB_CELL_BOOL: return cell->truth ? JB_STR("TRUE") : JB_STR("FALSE");
    case JB_CELL_ERROR: return cell->text;
    case JB_CELL_DATE: return date_text(sheet, scope, cell);
    case JB_CELL_NUMBER: break;
    }
    return cell->exact ? cell->text : number_text(scope, cell);
}

/* ---- values ---------------------------------------------------------------------------------------------------------------- */

static bool refuse(struct jb_scope *scope, const char *ko, const char *en)
{
    return jb_fail(scope, JB_INVALID, "%s", JB_L(scope, ko, en));
}

static bool decimal_value(struct jb_scope *scope, const struct jb_cell *cell, struct jb_value *ret_value)
{
    struct jb_decimal number;
    if (!jb_cell_decimal(cell, &number))
        return refuse(scope, "너무 큰 수입니다. 열여덟 자리까지 쓸 수 있습니다.", "This number is too large. Use at most 18 digits.");
    *ret_value = jb_v_decimal(number);
    return true;
}

static bool time_value(const struct jb_sheet *sheet, struct jb_scope *scope, const struct jb_cell *cell, const struct jb_field *field, struct jb_value *ret_value)
{
    struct jb_civil civil;
    struct jb_date date;
    struct jb_time time;
    if (!jb_cell_time(sheet, cell, &civil) || !jb_date_of(civil.year, civil.month, civil.day, &date))
        return refuse(scope, "없는 날짜입니다. 2025-01-31처럼 적으세요.", "There is no such date. Enter it like 2025-01-31.");
    if (field->type == JB_TIME) {
        if (!jb_zone_time(jb_zone_local(), &civil, &time))
            return refuse(scope, "없는 시각입니다. 2025-01-31 09:30처럼 적으세요.", "There is no such time. Enter it like 2025-01-31 09:30.");
        *ret_value = jb_v_time(time);
        return true;
    }
    if (civil.hour || civil.minute || civil.second || civil.microsecond)
        return refuse(scope, "시각이 붙어 있습니다. 날짜만 적으세요.", "This has a time of day. Enter the date alone.");
    *ret_value = field->type == JB_MONTH ? jb_v_month(jb_date_month(date)) : jb_v_date(date);
    return true;
}

bool jb_cell_value(const struct jb_sheet *sheet, struct jb_scope *scope, const struct jb_cell *cell, const struct jb_field *field, struct jb_value *ret_value)
{
    bool dated = field->type == JB_DATE || field->type == JB_MONTH || field->type == JB_TIME;
    if (cell->type == JB_CELL_ERROR)
        return refuse(scope, "수식이 오류입니다. 값으로 바꾸어 적으세요.", "The formula is an error. Enter a value instead.");
    if (cell->type == JB_CELL_EMPTY || (cell->type == JB_CELL_TEXT && jb_str_trim_unicode(cell->text).size == 0)) {
        *ret_value = jb_v_null();
        return true;
    }
    if (cell->type == JB_CELL_NUMBER && field->type == JB_DECIMAL && !field->choices)
        return decimal_value(scope, cell, ret_value);
    if (cell->type == JB_CELL_DATE && dated)
        return time_value(sheet, scope, cell, field, ret_value);
    if (cell->type == JB_CELL_DATE && field->type != JB_TEXT)
        return refuse(scope, "날짜입니다. 셀 서식을 일반으로 바꾸고 숫자로 적으세요.", "This is a date. Set the cell's format to General and enter digits.");
    if (cell->type == JB_CELL_BOOL && field->type == JB_BOOL) {
        *ret_value = jb_v_bool(cell->truth);
        return true;
    }
    bool number = cell->type == JB_CELL_NUMBER && field->type != JB_TEXT;
    return jb_field_parse(scope, field, number ? number_text(scope, cell) : jb_cell_text(sheet, scope, cell), ret_value);
}
