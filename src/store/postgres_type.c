/* postgres_type.c — values in PostgreSQL's binary form, as the type that the server names for the parameter.
 *
 * Dates count from 2000-01-01, instants are microseconds from there; everything is big-endian. A type without a case of its own is sent as text, which the server parses. */
// SPDX-License-Identifier: Apache-2.0
#include "store/postgres_private.h"
#include <endian.h>
#include <string.h>

#define MONTHS_MIN ((1 - 1970) * 12)
#define MONTHS_END ((10000 - 1970) * 12)
#define FIXED_BYTES_MAX 32 /* of any value but text and arrays */

_Static_assert(JB__PG_NUMERIC_BYTES_MAX <= FIXED_BYTES_MAX, "room for a numeric");

/* ---- numbers of the network's order ------------------------------------------------------------------------------------------------- */

static int put16(char *out, int64_t number)
{
    uint16_t bytes = htobe16((uint16_t)number);
    memcpy(out, &bytes, sizeof bytes);
    return sizeof bytes;
}

static int put32(char *out, int64_t number)
{
    uint32_t bytes = htobe32((uint32_t)number);
    memcpy(out, &bytes, sizeof bytes);
    return sizeof bytes;
}

static int put64(char *out, int64_t number)
{
    uint64_t bytes = htobe64((uint64_t)number);
    memcpy(out, &bytes, sizeof bytes);
    return sizeof bytes;
}

void jb__pg_put16(struct jb_buf *out, uint16_t number)
{
    char bytes[sizeof number];
    jb_buf_put(out, (struct jb_str){ bytes, (size_t)put16(bytes, number) });
}

void jb__pg_put32(struct jb_buf *out, uint32_t number)
{
    char bytes[sizeof number];
    jb_buf_put(out, (struct jb_str){ bytes, (size_t)put32(bytes, number) });
}

void jb__pg_put64(struct jb_buf *out, uint64_t number)
{
    char bytes[sizeof number];
    jb_buf_put(out, (struct jb_str){ bytes, (size_t)put64(bytes, (int64_t)number) });
}

/* ---- values ------------------------------------------------------------------------------------------------------------------------- */

static bool is_whole(struct jb_value value)
{
    return value.type == JB_INT32 || value.type == JB_INT64 || value.type == JB_BOOL;
}

/* An int, a truth as 0 or 1, a decimal without decimals. */
static bool whole_of(struct jb_value value, int64_t *ret_number)
{
    struct jb_decimal exact;

    if (value.type == JB_DECIMAL) {
        if (!jb_decimal_rescale(value.decimal, 0, &exact))
            return false;
        *ret_number = exact.units;
        return true;
    }
    if (!is_whole(value))
        return false;
    *ret_number = value.type == JB_BOOL ? value.truth : value.number;
    return true;
}

static bool day_of(struct jb_value value, int64_t *ret_days)
{
    if (value.type == JB_MONTH && value.number >= MONTHS_MIN && value.number < MONTHS_END)
        value = jb_v_date(jb_month_first((struct jb_month){ (int32_t)value.number }));
    if (value.type != JB_DATE || !jb__pg_days_fit(value.number))
        return false;
    *ret_days = value.number;
    return true;
}

/* A day as an instant is its midnight in UTC. */
static bool instant_of(struct jb_value value, int64_t *ret_us)
{
    int64_t days;

    if (day_of(value, &days)) {
        *ret_us = days * JB_DAY_US;
        return true;
    }
    if (value.type != JB_TIME || !jb__pg_us_fit(value.number))
        return false;
    *ret_us = value.number;
    return true;
}

/* ISO; an instant in UTC, whatever the site's zone is. */
static struct jb_str text_of(struct jb_scope *scope, struct jb_value value)
{
    char out[JB_TIME_TEXT_SIZE];
    return value.type == JB_TIME ? jb_copy(scope, jb_time_text((struct jb_time){ value.number }, NULL, out)) : jb_value_text(scope, value);
}

/* ---- parameters --------------------------------------------------------------------------------------------------------------------- */

/* How wide an int of that type is; 0: it is no int. */
static int int_bytes(Oid type)
{
    switch (type) {
    case JB__PG_INT2: return 2;
    case JB__PG_INT4:
    case JB__PG_OID: return 4;
    case JB__PG_INT8: return 8;
    default: return 0;
    }
}

static bool int_fits(Oid type, int64_t number)
{
    switch (type) {
    case JB__PG_INT2: return number == (int16_t)number;
    case JB__PG_INT4: return number == (int32_t)number;
    case JB__PG_OID: return number == (int64_t)(uint32_t)number;
    default: return true;
    }
}

static int put_int(char *out, Oid type, int64_t number)
{
    if (!int_fits(type, number))
        return -1;
    switch (int_bytes(type)) {
    case 2: return put16(out, number);
    case 4: return put32(out, number);
    default: return put64(out, number);
    }
}

static bool is_text_type(Oid type)
{
    return type == JB__PG_TEXT || type == JB__PG_VARCHAR || type == JB__PG_BPCHAR || type == JB__PG_NAME || type == JB__PG_UNKNOWN || type == JB__PG_BYTEA;
}

/* An int beyond a decimal's 18 digits still is a numeric. */
static int put_numeric(char *out, struct jb_value value)
{
    struct jb_decimal number = value.decimal;

    if (value.type != JB_DECIMAL) {
        number.scale = 0;
        if (!whole_of(value, &number.units))
            return -1;
    }
    return (int)jb__pg_numeric_put(out, number);
}

static int put_day(char *out, struct jb_value value)
{
    int64_t days;
    return day_of(value, &days) ? put32(out, days - JB__PG_EPOCH_DAYS) : -1;
}

static int put_instant(char *out, struct jb_value value)
{
    int64_t us;
    return instant_of(value, &us) ? put64(out, us - JB__PG_EPOCH_US) : -1;
}

/* Bytes of the value as that type, which is no text and known; -1 when it does not fit. */
static int put_fixed(char *out, Oid type, struct jb_value value)
{
    int64_t number;

    switch (type) {
    case JB__PG_BOOL:
        if (!whole_of(value, &number) || (number != 0 && number != 1))
            return -1;
        *out = (char)number;
        return 1;
    case JB__PG_NUMERIC: return put_numeric(out, value);
    case JB__PG_DATE: return put_day(out, value);
    case JB__PG_TIMESTAMP:
    case JB__PG_TIMESTAMPTZ: return put_instant(out, value);
    default: return whole_of(value, &number) ? put_int(out, type, number) : -1;
    }
}

static bool has_fixed_form(Oid type)
{
    return int_bytes(type) > 0 || type == JB__PG_BOOL || type == JB__PG_NUMERIC || type == JB__PG_DATE || type == JB__PG_TIMESTAMP || type == JB__PG_TIMESTAMPTZ;
}

/* int8[]: dimensions, no nulls, the element's type; then the one dimension's length and first index, and the elements. Nothing is in an array without dimensions. */
static struct jb_str ids_array(struct jb_scope *scope, struct jb_ids ids)
{
    char *bytes = jb_alloc_array(scope, 12, ids.count + 2), *to = bytes;

    JB_CHECK(ids.count < INT32_MAX / 12 - 2);
    to += put32(to, ids.count > 0);
    to += put32(to, 0);
    to += put32(to, JB__PG_INT8);
    if (ids.count > 0) {
        to += put32(to, (int64_t)ids.count);
        to += put32(to, 1);
    }
    for (size_t i = 0; i < ids.count; i++) {
        to += put32(to, 8);
        to += put64(to, ids.at[i]);
    }
    return (struct jb_str){ bytes, (size_t)(to - bytes) };
}

/* {1,2,3}: for arrays of other types. */
static struct jb_str ids_text(struct jb_scope *scope, struct jb_ids ids)
{
    struct jb_buf buf = JB_BUF_INIT(22 * ids.count + 2);

    jb_buf_put_char(&buf, '{');
    for (size_t i = 0; i < ids.count; i++)
        jb_buf_printf(&buf, i ? ",%lld" : "%lld", (long long)ids.at[i]);
    jb_buf_put_char(&buf, '}');
    struct jb_str text = jb_copy(scope, jb_buf_str(&buf));
    jb_buf_done(&buf);
    return text;
}

/* `2026-11` for a date is the month's first day, as in SQLite, where a month is that text. */
static bool month_in_text(struct jb_value value, struct jb_month *ret_month)
{
    return value.type == JB_TEXT && jb_month_parse(value.text, ret_month);
}

struct param {
    const char *data; /* NULL: null */
    int size;
    bool binary;
};

/* As text that the server parses. A NUL would end it early. */
static bool encode_text(struct jb_scope *scope, struct jb_value value, struct param *param)
{
    struct jb_str text = value.type == JB_IDS ? ids_text(scope, value.ids) : text_of(scope, value);

    *param = (struct param){ jb_cstr(scope, text), (int)text.size, false };
    return jb_str_find_char(text, '\0', 0) == SIZE_MAX;
}

static bool encode(struct jb_scope *scope, Oid type, struct jb_value value, char *fixed, struct param *param)
{
    struct jb_month month;

    switch (value.type) {
    case JB_NULL:
        *param = (struct param){ .binary = true };
        return true;
    case JB_IDS:
        if (type == JB__PG_INT8_ARRAY) {
            struct jb_str array = ids_array(scope, value.ids);
            *param = (struct param){ array.data, (int)array.size, true };
            return true;
        }
        return !has_fixed_form(type) && !is_text_type(type) && encode_text(scope, value, param);
    case JB_ROWS:
    case JB_ROW:
    case JB_END:
    case JB_WORD: return false;
    default: break;
    }
    if (is_text_type(type)) {
        struct jb_str text = text_of(scope, value);
        *param = (struct param){ text.data, (int)text.size, true };
        return text.size < INT32_MAX;
    }
    if (value.type == JB_BOOL && !has_fixed_form(type))
        value = jb_v_int(value.truth);
    if (type == JB__PG_DATE && month_in_text(value, &month))
        value = jb_v_month(month);
    if (!has_fixed_form(type) || value.type == JB_TEXT || value.type == JB_HTML)
        return encode_text(scope, value, param);
    *param = (struct param){ fixed, put_fixed(fixed, type, value), true };
    return param->size >= 0;
}

static const char *type_name(Oid type)
{
    switch (type) {
    case JB__PG_BOOL: return "boolean";
    case JB__PG_BYTEA: return "bytea";
    case JB__PG_INT2: return "smallint";
    case JB__PG_INT4: return "integer";
    case JB__PG_INT8: return "bigint";
    case JB__PG_OID: return "oid";
    case JB__PG_INT8_ARRAY: return "bigint[]";
    case JB__PG_FLOAT4: return "real";
    case JB__PG_FLOAT8: return "double precision";
    case JB__PG_NUMERIC: return "numeric";
    case JB__PG_DATE: return "date";
    case JB__PG_TIMESTAMP: return "timestamp";
    case JB__PG_TIMESTAMPTZ: return "timestamp with time zone";
    default: return is_text_type(type) ? "text" : "type";
    }
}

bool jb__pg_encode(struct jb_scope *scope, struct jb_str sql, const Oid *types, const struct jb_value *args, size_t count, struct jb__pg_params *ret_params)
{
    struct jb__pg_params params = { (int)count, JB_NEW_ARRAY(scope, const char *, count + 1), JB_NEW_ARRAY(scope, int, count + 1), JB_NEW_ARRAY(scope, int, count + 1) };
    char *fixed = jb_alloc_array(scope, FIXED_BYTES_MAX, count + 1);

    for (size_t i = 0; i < count; i++) {
        struct param param;
        if (!encode(scope, types[i], args[i], fixed + i * FIXED_BYTES_MAX, &param))
            return jb_fail(scope, JB_INVALID, JB_L(scope, "%zu번째 값은 %s 자리에 맞지 않습니다. 자릿수와 종류를 고치세요: %.*s", "Value %zu does not fit a %s. Correct its digits or its kind: %.*s"),
                i + 1, type_name(types[i]), JB_FMT(sql));
        params.values[i] = param.data;
        params.lengths[i] = param.size;
        params.formats[i] = param.binary;
    }
    *ret_params = params;
    return true;
}

/* ---- COPY BINARY ------------------------------------------------------------------------------------------------------------------------ */

static bool is_text(struct jb_value value)
{
    return value.type == JB_TEXT || value.type == JB_HTML;
}

static bool put_text_field(struct jb_buf *out, struct jb_value value)
{
    if (!is_text(value) || value.text.size >= INT32_MAX || !jb_buf_reserve(out, 4 + value.text.size))
        return false;
    put32(out->data + out->size, (int64_t)value.text.size);
    out->size += 4;
    jb_buf_put(out, value.text);
    return true;
}

static Oid int_column(const struct jb_field *field)
{
    if (field->column_bytes == 2)
        return JB__PG_INT2;
    return field->type == JB_INT32 || field->column_bytes == 4 ? JB__PG_INT4 : JB__PG_INT8;
}

static int put_field_fixed(char *out, const struct jb_field *field, struct jb_value value)
{
    switch (field->type) {
    case JB_BOOL: return put_fixed(out, JB__PG_BOOL, value);
    case JB_INT32:
    case JB_INT64: return put_fixed(out, int_column(field), value);
    case JB_DECIMAL:
        if ((value.type != JB_DECIMAL || value.decimal.scale != field->decimals) && !jb__value_for(field, value, &value))
            return -1;
        return put_numeric(out, value);
    case JB_DATE:
    case JB_MONTH: return value.type == field->type ? put_day(out, value) : -1;
    case JB_TIME: return value.type == JB_TIME ? put_instant(out, value) : -1;
    default: return -1;
    }
}

bool jb__pg_put_field(struct jb_buf *out, const struct jb_field *field, struct jb_value value)
{
    if (field->type == JB_TEXT && value.type != JB_NULL)
        return put_text_field(out, value);
    if (!jb_buf_reserve(out, 4 + FIXED_BYTES_MAX))
        return false;
    char *to = out->data + out->size;
    int size = value.type == JB_NULL ? 0 : put_field_fixed(to + 4, field, value);
    if (size < 0)
        return false;
    put32(to, value.type == JB_NULL ? -1 : size);
    out->size += 4 + (size_t)size;
    return true;
}
