/* postgres_row.c — rows of a binary result as records: every column as what its member wants, or a sentence.
 *
 * Every byte that comes is counted before it is read. */
// SPDX-License-Identifier: Apache-2.0
#include "store/broken_rule.h"
#include "store/postgres_private.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UNITS_LIMIT ((int64_t)1000000000000000000)

enum {
    CHAR_OID = 18,
    JSON_OID = 114,
    VOID_OID = 2278,
};

/* ---- bytes -------------------------------------------------------------------------------------------------------------------------- */

static bool get_unsigned(struct jb_str bytes, size_t size, uint64_t *ret_number)
{
    uint64_t number = 0;

    if (bytes.size != size)
        return false;
    for (size_t i = 0; i < size; i++)
        number = number << 8 | (unsigned char)bytes.data[i];
    *ret_number = number;
    return true;
}

/* Of 2, 4 or 8 bytes, with its sign. */
static bool get_signed(struct jb_str bytes, size_t size, int64_t *ret_number)
{
    uint64_t number;

    if (!get_unsigned(bytes, size, &number))
        return false;
    unsigned unused = 64 - 8 * (unsigned)size;
    *ret_number = (int64_t)(number << unused) >> unused;
    return true;
}

static bool get_real(Oid type, struct jb_str bytes, double *ret_real)
{
    uint64_t number;

    if (!get_unsigned(bytes, type == JB__PG_FLOAT4 ? 4 : 8, &number))
        return false;
    if (type == JB__PG_FLOAT8) {
        memcpy(ret_real, &number, sizeof *ret_real);
        return true;
    }
    uint32_t half = (uint32_t)number;
    float real;
    memcpy(&real, &half, sizeof real);
    *ret_real = real;
    return true;
}

/* Days since 1970; false for infinity and years that we do not have. */
static bool get_days(struct jb_str bytes, int64_t *ret_days)
{
    int64_t days;

    if (!get_signed(bytes, 4, &days) || !jb__pg_days_fit(days + JB__PG_EPOCH_DAYS))
        return false;
    *ret_days = days + JB__PG_EPOCH_DAYS;
    return true;
}

static bool get_instant(struct jb_str bytes, int64_t *ret_us)
{
    int64_t us;

    if (!get_signed(bytes, 8, &us) || __builtin_add_overflow(us, JB__PG_EPOCH_US, &us) || !jb__pg_us_fit(us))
        return false;
    *ret_us = us;
    return true;
}

/* ---- kinds -------------------------------------------------------------------------------------------------------------------------- */

static bool whole_of(Oid type, struct jb_str bytes, int64_t *ret_number)
{
    uint64_t number;
    bool exact;

    switch (type) {
    case JB__PG_INT2: return get_signed(bytes, 2, ret_number);
    case JB__PG_INT4: return get_signed(bytes, 4, ret_number);
    case JB__PG_INT8: return get_signed(bytes, 8, ret_number);
    case JB__PG_BOOL:
    case JB__PG_OID:
        if (!get_unsigned(bytes, type == JB__PG_BOOL ? 1 : 4, &number))
            return false;
        *ret_number = (int64_t)number;
        return true;
    case JB__PG_NUMERIC: return jb__pg_numeric_get(bytes, 0, ret_number, &exact) && exact;
    default: return false;
    }
}

static bool real_units(double real, int scale, int64_t *ret_units)
{
    double units = real * (double)jb__pg_power(scale);

    if (!isfinite(units) || fabs(units) >= (double)UNITS_LIMIT)
        return false;
    *ret_units = (int64_t)(units < 0 ? units - 0.5 : units + 0.5);
    return true;
}

/* An average has more decimals than its field: the nearest of the field's, halves away from zero. */
static bool decimal_of(Oid type, struct jb_str bytes, int scale, struct jb_value *value)
{
    int64_t units;
    double real;
    bool exact, ok;

    switch (type) {
    case JB__PG_NUMERIC: ok = jb__pg_numeric_get(bytes, scale, &units, &exact); break;
    case JB__PG_FLOAT4:
    case JB__PG_FLOAT8: ok = get_real(type, bytes, &real) && real_units(real, scale, &units); break;
    case JB__PG_BOOL: return false;
    default: ok = whole_of(type, bytes, &units) && !__builtin_mul_overflow(units, jb__pg_power(scale), &units);
    }
    if (!ok || units <= -UNITS_LIMIT || units >= UNITS_LIMIT)
        return false;
    *value = jb_v_decimal((struct jb_decimal){ units, scale });
    return true;
}

static bool is_text(Oid type)
{
    switch (type) {
    case JB__PG_TEXT:
    case JB__PG_VARCHAR:
    case JB__PG_BPCHAR:
    case JB__PG_NAME:
    case JB__PG_UNKNOWN:
    case CHAR_OID:
    case JSON_OID:
    case VOID_OID: return true;
    default: return false;
    }
}

/* The shortest that reads back as the same number. */
static struct jb_str real_text(struct jb_scope *scope, Oid type, double real)
{
    bool single = type == JB__PG_FLOAT4;
    struct jb_str text = jb_format(scope, "%.*g", single ? 6 : 15, real);
    double again = strtod(text.data, NULL);

    if (isfinite(real) && (single ? (float)again != (float)real : again != real))
        return jb_format(scope, "%.*g", single ? 9 : 17, real);
    return text;
}

/* Whatever it is, as people and machines read it. */
static bool text_of(struct jb_scope *scope, Oid type, struct jb_str bytes, struct jb_str *ret_text)
{
    char out[JB_TIME_TEXT_SIZE];
    int64_t number;
    double real;

    if (is_text(type)) {
        *ret_text = jb_copy(scope, bytes);
        return true;
    }
    switch (type) {
    case JB__PG_NUMERIC: return jb__pg_numeric_text(scope, bytes, ret_text);
    case JB__PG_FLOAT4:
    case JB__PG_FLOAT8:
        if (!get_real(type, bytes, &real))
            return false;
        *ret_text = real_text(scope, type, real);
        return true;
    case JB__PG_DATE:
        if (!get_days(bytes, &number))
            return false;
        *ret_text = jb_copy(scope, jb_date_text((struct jb_date){ (int32_t)number }, out));
        return true;
    case JB__PG_TIMESTAMP:
    case JB__PG_TIMESTAMPTZ:
        if (!get_instant(bytes, &number))
            return false;
        *ret_text = jb_copy(scope, jb_time_text((struct jb_time){ number }, NULL, out));
        return true;
    default:
        if (!whole_of(type, bytes, &number))
            return false;
        *ret_text = type == JB__PG_BOOL ? jb_str_of(number ? "true" : "false") : jb_format(scope, "%lld", (long long)number);
        return true;
    }
}

static bool date_of(Oid type, struct jb_str bytes, struct jb_value *value)
{
    struct jb_date date;
    int64_t days;

    if (is_text(type) ? !jb_date_parse(bytes, &date) : type != JB__PG_DATE || !get_days(bytes, &days))
        return false;
    *value = jb_v_date(is_text(type) ? date : (struct jb_date){ (int32_t)days });
    return true;
}

static bool month_of(Oid type, struct jb_str bytes, struct jb_value *value)
{
    struct jb_value date;
    struct jb_month month;

    if (is_text(type) && jb_month_parse(bytes, &month)) {
        *value = jb_v_month(month);
        return true;
    }
    if (type != JB__PG_DATE || !date_of(type, bytes, &date))
        return false;
    *value = jb_v_month(jb_date_month((struct jb_date){ (int32_t)date.number }));
    return true;
}

static bool time_of(Oid type, struct jb_str bytes, struct jb_value *value)
{
    struct jb_time time;

    if (is_text(type) ? !jb_time_parse(bytes, NULL, &time) : (type != JB__PG_TIMESTAMPTZ && type != JB__PG_TIMESTAMP) || !get_instant(bytes, &time.us))
        return false;
    *value = jb_v_time(time);
    return true;
}

/* The bytes of a column as what the member wants; false when they are something else. */
static bool value_of(struct jb_scope *scope, Oid type, struct jb_str bytes, const struct jb_field *field, struct jb_value *value)
{
    switch (field->type) {
    case JB_BOOL:
    case JB_INT32:
    case JB_INT64: *value = jb_v_int(0); return whole_of(type, bytes, &value->number);
    case JB_DECIMAL: return decimal_of(type, bytes, field->decimals, value);
    case JB_TEXT: *value = (struct jb_value){ .type = JB_TEXT }; return text_of(scope, type, bytes, &value->text);
    case JB_DATE: return date_of(type, bytes, value);
    case JB_MONTH: return month_of(type, bytes, value);
    case JB_TIME: return time_of(type, bytes, value);
    default: return false;
    }
}

bool jb__pg_value(struct jb_scope *scope, Oid type, struct jb_str bytes, const struct jb_field *field, struct jb_value *ret_value)
{
    struct jb_value value;

    if (field->type == JB_TEXT && is_text(type)) {
        *ret_value = (struct jb_value){ .type = JB_TEXT, .text = bytes };
        return true;
    }
    if (!value_of(scope, type, bytes, field, &value))
        return false;
    if (field->type == JB_BOOL)
        value = jb_v_bool(value.number != 0);
    else if (field->type == JB_INT32 && (int32_t)value.number != value.number)
        return false;
    *ret_value = value;
    return true;
}

/* ---- rows --------------------------------------------------------------------------------------------------------------------------- */

static bool columns_find(struct jb_scope *scope, const PGresult *result, const struct jb__statement *what, struct jb__pg_answer *columns)
{
    size_t next = 0;

    columns->count = PQnfields(result);
    if (columns->count > JB__PG_COLUMNS_MAX)
        return jb_fail(scope, JB_BROKEN, JB_L(scope, "결과의 열이 %d개로, %d개를 넘습니다. 열을 골라 읽으세요: %.*s", "The result has %d columns, more than %d. Name those that are wanted: %.*s"), columns->count, JB__PG_COLUMNS_MAX, JB_FMT(what->sql));
    for (int i = 0; i < columns->count; i++) {
        columns->at[i].type = PQftype(result, i);
        if (!jb__column_find(scope, what, jb_str_of(PQfname(result, i)), &next, &columns->at[i].index))
            return false;
    }
    columns->found = true;
    return true;
}

bool jb__pg_fail_value(struct jb_scope *scope, const struct jb__sink *sink, const struct jb_field *field, Oid type, struct jb_str bytes)
{
    struct jb_str text;

    bool number = bytes.size >= 6 && (unsigned char)bytes.data[4] < 0xC0; /* its sign says that it is neither NaN nor infinite */
    if (type == JB__PG_NUMERIC && field->type == JB_DECIMAL && number)    /* what a column holds has at most 18 digits: a sum */
        return jb__fail_total(scope);
    if (!text_of(scope, type, bytes, &text))
        text = jb_format(scope, "%zu bytes of type %u", bytes.size, type);
    return jb__fail_member(scope, sink, field, text);
}

static bool row_read(struct jb_scope *scope, const PGresult *result, int number, const struct jb__pg_answer *columns, struct jb__sink *sink)
{
    void *row = jb__row_add(sink);

    for (int i = 0; i < columns->count; i++) {
        const struct jb__pg_answer_column *column = &columns->at[i];
        const struct jb_field *field = &sink->record->fields[column->index];
        struct jb_str bytes = { PQgetvalue(result, number, i), (size_t)PQgetlength(result, number, i) };
        struct jb_value value = jb_v_null();
        if (!PQgetisnull(result, number, i) && !value_of(sink->scope, column->type, bytes, field, &value))
            return jb__pg_fail_value(scope, sink, field, column->type, bytes);
        if (!jb__member_set(sink, row, column->index, value))
            return jb__pg_fail_value(scope, sink, field, column->type, bytes);
    }
    return true;
}

bool jb__pg_rows_read(struct jb_scope *scope, const PGresult *result, struct jb__statement *what, struct jb__pg_answer *columns)
{
    struct jb__sink *sink = what->sink;
    int count = PQntuples(result);

    if (!sink)
        return true;
    if (!columns->found && !columns_find(scope, result, what, columns))
        return false;
    for (int i = 0; i < count && sink->count < sink->max; i++)
        if (!jb__sink_has_room(scope, sink) || !row_read(scope, result, i, columns, sink))
            return false;
    return true;
}
