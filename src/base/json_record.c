/* json_record.c — a JSON object into a record: types are checked here, the table's rules by whoever saves (jb_field_check). */
// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"

static bool wrong(struct jb_scope *scope, const char *ko, const char *en)
{
    return jb_fail(scope, JB_INVALID, "%s", JB_L(scope, ko, en));
}

static bool read_number(struct jb_scope *scope, const struct jb_field *field, const struct jb_json *json, struct jb_value *ret_value)
{
    struct jb_decimal number;
    int64_t whole;

    if (field->type == JB_DECIMAL) {
        if ((json->type != JB_JSON_NUMBER && json->type != JB_JSON_STRING) || !jb_decimal_parse(json->text, &number))
            return wrong(scope, "금액이 아닙니다. 18자리까지의 수로 적으세요.", "This is not an amount. Use a number of at most 18 digits.");
        *ret_value = jb_v_decimal(number);
        return true;
    }
    if (json->type != JB_JSON_NUMBER)
        return wrong(scope, "수가 아닙니다. 따옴표 없이 정수로 적으세요.", "This is not a number. Use a whole number without quotes.");
    if (!jb_str_to_int64(json->text, &whole)) {
        if (!jb_decimal_parse(json->text, &number) || !jb_decimal_rescale(number, 0, &number))
            return wrong(scope, "정수가 아니거나 너무 큽니다.", "This is not a whole number, or too large.");
        whole = number.units;
    }
    *ret_value = (struct jb_value){ .type = field->type, .number = whole };
    return true;
}

static bool read_time(struct jb_scope *scope, const struct jb_field *field, struct jb_str text, struct jb_value *ret_value)
{
    struct jb_date date;
    struct jb_month month;
    struct jb_time time;

    switch (field->type) {
    case JB_DATE:
        if (!jb_date_parse(text, &date))
            return jb_field_parse(scope, field, text, ret_value) ? wrong(scope, "날짜를 2025-01-31처럼 적으세요.", "Write the date like 2025-01-31.") : false;
        *ret_value = jb_v_date(date);
        return true;
    case JB_MONTH:
        if (!jb_month_parse(text, &month))
            return wrong(scope, "달이 아닙니다. 2025-01처럼 적으세요.", "This is not a month. Write it like 2025-01.");
        *ret_value = jb_v_month(month);
        return true;
    default:
        if (!jb_time_parse(text, jb_zone_local(), &time))
            return wrong(scope, "시각이 아닙니다. 2025-01-31T09:30:00+09:00처럼 적으세요.", "This is not a time. Write it like 2025-01-31T09:30:00+09:00.");
        *ret_value = jb_v_time(time);
        return true;
    }
}

static bool read_value(struct jb_scope *scope, const struct jb_field *field, const struct jb_json *json, struct jb_value *ret_value)
{
    bool is_string = json->type == JB_JSON_STRING;

    if (json->type == JB_JSON_NULL) {
        *ret_value = jb_v_null();
        return true;
    }
    switch (field->type) {
    case JB_BOOL:
        if (json->type != JB_JSON_TRUE && json->type != JB_JSON_FALSE)
            return wrong(scope, "true나 false가 아닙니다.", "This is neither true nor false.");
        *ret_value = jb_v_bool(json->type == JB_JSON_TRUE);
        return true;
    case JB_INT32:
    case JB_INT64:
    case JB_DECIMAL: return read_number(scope, field, json, ret_value);
    case JB_TEXT:
        if (!is_string)
            return wrong(scope, "글이 아닙니다. 따옴표 안에 적으세요.", "This is not text. Put it in quotes.");
        *ret_value = jb_v_text(json->text);
        return true;
    case JB_DATE:
    case JB_MONTH:
    case JB_TIME:
        if (!is_string)
            return wrong(scope, "따옴표 안에 적으세요.", "Put it in quotes.");
        return read_time(scope, field, json->text, ret_value);
    default: return wrong(scope, "JSON으로 받지 않는 값입니다.", "This cannot be given as JSON.");
    }
}

/* Why a value of the right type does not fit: the table's rule if it has one to say. */
static bool set_value(struct jb_scope *scope, const struct jb_record *record, void *row, const struct jb_field *field, struct jb_value value)
{
    if (jb_record_set(record, row, field, value))
        return true;
    if (value.type == JB_NULL)
        return wrong(scope, "비어 있습니다. 값을 적으세요.", "This is empty. Give a value.");
    if (!jb_field_check(scope, field, value))
        return false;
    return wrong(scope, "넣을 수 없는 값입니다.", "This value does not fit.");
}

bool jb_json_read(struct jb_scope *scope, const struct jb_json *object, const struct jb_record *record, void *row)
{
    bool good = true;

    if (!object || object->type != JB_JSON_OBJECT)
        return wrong(scope, "JSON 객체 { }가 와야 합니다.", "A JSON object { } is expected.");
    for (const struct jb_json *member = object->first; member; member = member->next) {
        const struct jb_field *field = jb_record_field(record, member->name);
        struct jb_value value;
        if (!field)
            good = jb_fail_field(scope, member->name, "%s", JB_L(scope, "그런 이름은 없습니다.", "There is no field of that name."));
        else if (!read_value(scope, field, member, &value) || !set_value(scope, record, row, field, value))
            good = jb_failure_of_field(scope, member->name);
    }
    return good;
}
