/* record.c — members of any struct, read and written through its table. */
// SPDX-License-Identifier: Apache-2.0
#include "base/record.h"
#include "base/base_private.h"
#include <stdio.h>

struct jb_value jb_v_unsigned(uint64_t x)
{
    JB_CHECK(x <= INT64_MAX);
    return jb_v_int((int64_t)x);
}

/* ---- tables ------------------------------------------------------------------------------------------------------------ */

size_t jb_record_count(const struct jb_record *record)
{
    size_t count = 0;
    for (const struct jb_field *field = record->fields; field->type != JB_END; field++)
        count += field->type != JB_WORD;
    return count;
}

const struct jb_field *jb_record_field(const struct jb_record *record, struct jb_str name)
{
    for (const struct jb_field *field = record->fields; field->type != JB_END; field++)
        if (field->type != JB_WORD && jb_str_is(name, field->name))
            return field;
    return NULL;
}

struct jb_str jb_record_nearest(const struct jb_record *record, struct jb_str name)
{
    struct jb_str names[256];
    size_t count = 0;

    for (const struct jb_field *field = record->fields; field->type != JB_END && count < JB_COUNT(names); field++)
        if (field->type != JB_WORD)
            names[count++] = jb_str_of(field->name);
    return jb_nearest(name, names, count);
}

bool jb_record_related(const struct jb_record *record, const void *row, struct jb_str name, struct jb_value *ret_value)
{
    for (const struct jb_related *related = record->related; related; related = related->next) {
        size_t index = (size_t)((const char *)row - related->base) / record->size;
        if (!jb_str_is(name, related->name) || (const char *)row < related->base || index >= related->count)
            continue;
        if (related->many)
            *ret_value = jb_v_rows(&related->many[index]);
        else
            *ret_value = related->one[index] ? jb_v_row((struct jb_row){ related->record, related->one[index] }) : jb_v_null();
        return true;
    }
    return false;
}

size_t jb_field_index(const struct jb_record *record, const struct jb_field *field)
{
    return (size_t)(field - record->fields);
}

/* "external_ref" → "External ref" */
static struct jb_str humanise(struct jb_scope *scope, const char *name)
{
    struct jb_str label = jb_copy(scope, jb_str_of(name));
    char *text = (char *)label.data;

    for (size_t i = 0; i < label.size; i++)
        if (text[i] == '_')
            text[i] = ' ';
    if (label.size && text[0] >= 'a' && text[0] <= 'z')
        text[0] -= 'a' - 'A';
    return label;
}

struct jb_str jb_field_label(struct jb_scope *scope, const struct jb_field *field, enum jb_language language)
{
    const char *label = language == JB_KO ? field->label : field->label_en;
    return label ? jb_str_of(label) : humanise(scope, field->name);
}

const struct jb_choice *jb_field_choice(const struct jb_field *field, struct jb_value value)
{
    if (!field->choices)
        return NULL;
    for (const struct jb_choice *choice = field->choices; choice->name; choice++)
        if (value.type == JB_TEXT ? jb_str_is(value.text, choice->name) : (value.type == JB_INT32 || value.type == JB_INT64) && value.number == choice->value)
            return choice;
    return NULL;
}

struct jb_str jb_choice_label(struct jb_scope *scope, const struct jb_choice *choice, enum jb_language language)
{
    const char *label = language == JB_KO ? choice->label : choice->label_en;
    return label ? jb_str_of(label) : humanise(scope, choice->name);
}

static size_t type_size(enum jb_type type)
{
    switch (type) {
    case JB_BOOL: return sizeof(bool);
    case JB_INT32: return sizeof(int32_t);
    case JB_INT64: return sizeof(int64_t);
    case JB_TEXT: return sizeof(struct jb_str);
    case JB_HTML: return sizeof(struct jb_html);
    case JB_DATE: return sizeof(struct jb_date);
    case JB_MONTH: return sizeof(struct jb_month);
    case JB_TIME: return sizeof(struct jb_time);
    case JB_DECIMAL: return sizeof(struct jb_decimal);
    case JB_ROWS: return sizeof(const struct jb_rows *);
    case JB_ROW: return sizeof(struct jb_row);
    case JB_IDS: return sizeof(struct jb_ids);
    case JB_END:
    case JB_NULL:
    case JB_WORD: break;
    }
    JB_CHECK(!"a member of that type");
    return 0;
}

static const char *copy_z(struct jb_scope *scope, const char *z)
{
    return z ? jb_cstr(scope, jb_str_of(z)) : NULL;
}

const struct jb_record *jb_record_layout(struct jb_scope *scope, const char *name, const struct jb_field *fields, size_t count)
{
    struct jb_record *record = JB_NEW(scope, struct jb_record);
    struct jb_field *copy = JB_NEW_ARRAY(scope, struct jb_field, count + 2);
    size_t offset = 0;

    for (size_t i = 0; i < count; i++) {
        struct jb_field *field = &copy[i];
        *field = fields[i];
        field->name = copy_z(scope, field->name);
        field->label = copy_z(scope, field->label);
        field->label_en = copy_z(scope, field->label_en);
        field->unit = copy_z(scope, field->unit);
        field->default_text = copy_z(scope, field->default_text);
        field->size = type_size(field->type);
        size_t align = JB_MIN(field->size, (size_t)8);
        offset = (offset + align - 1) / align * align;
        field->offset = offset;
        offset += field->size;
    }
    offset = (offset + 7) / 8 * 8;
    copy[count] = (struct jb_field){ .name = "", .type = JB_WORD, .offset = offset, .size = JB_MAX((count + 63) / 64, (size_t)1) * 8 };
    *record = (struct jb_record){ copy_z(scope, name), offset + copy[count].size, copy };
    return record;
}

/* ---- presence ------------------------------------------------------------------------------------------------------------ */

static const struct jb_field *word_of(const struct jb_record *record)
{
    for (const struct jb_field *field = record->fields; field->type != JB_END; field++)
        if (field->type == JB_WORD)
            return field;
    return NULL;
}

/* The field's bit: which 64-bit word of the row, and its mask. */
static size_t presence_at(const struct jb_record *record, const struct jb_field *word, const struct jb_field *field, uint64_t *ret_mask)
{
    size_t index = jb_field_index(record, field);
    JB_CHECK(index / 64 < word->size / 8); /* a compiled record with a presence word has at most 64 fields */
    *ret_mask = UINT64_C(1) << index % 64;
    return word->offset + index / 64 * 8;
}

static bool present(const struct jb_record *record, const void *row, const struct jb_field *field)
{
    const struct jb_field *word = word_of(record);
    uint64_t mask, bits;

    if (!word)
        return true;
    memcpy(&bits, (const char *)row + presence_at(record, word, field, &mask), sizeof bits);
    return bits & mask;
}

/* false when the record cannot say that the field is absent. */
static bool presence_set(const struct jb_record *record, void *row, const struct jb_field *field, bool is_present)
{
    const struct jb_field *word = word_of(record);
    uint64_t mask, bits;

    if (!word)
        return is_present;
    char *at = (char *)row + presence_at(record, word, field, &mask);
    memcpy(&bits, at, sizeof bits);
    bits = is_present ? bits | mask : bits & ~mask;
    memcpy(at, &bits, sizeof bits);
    return true;
}

/* ---- members ------------------------------------------------------------------------------------------------------------- */

#define READ(type, at) (*(type const *)(const void *)(at))

struct jb_value jb_record_get(const struct jb_record *record, const void *row, const struct jb_field *field)
{
    const char *at = (const char *)row + field->offset;

    if (field->type == JB_TEXT)
        return jb_v_text(READ(struct jb_str, at));
    if (field->type == JB_HTML)
        return jb_v_html(READ(struct jb_html, at));
    if (!present(record, row, field))
        return jb_v_null();
    switch (field->type) {
    case JB_BOOL: return jb_v_bool(READ(bool, at));
    case JB_INT32: return (struct jb_value){ .type = JB_INT32, .number = READ(int32_t, at) };
    case JB_INT64: return jb_v_int(READ(int64_t, at));
    case JB_DATE: return jb_v_date(READ(struct jb_date, at));
    case JB_MONTH: return jb_v_month(READ(struct jb_month, at));
    case JB_TIME: return jb_v_time(READ(struct jb_time, at));
    case JB_DECIMAL: return jb_v_decimal(READ(struct jb_decimal, at));
    case JB_ROWS: return jb_v_rows(READ(const struct jb_rows *, at));
    case JB_ROW: return jb_v_row(READ(struct jb_row, at));
    case JB_IDS: return jb_v_ids(READ(struct jb_ids, at));
    default: JB_CHECK(!"a member of that type");
    }
    return jb_v_null();
}

static bool is_int(struct jb_value value)
{
    return value.type == JB_INT32 || value.type == JB_INT64;
}

static bool set_null(const struct jb_record *record, void *row, const struct jb_field *field)
{
    bool text = field->type == JB_TEXT || field->type == JB_HTML;
    if (!presence_set(record, row, field, false) && !text)
        return false;
    memset((char *)row + field->offset, 0, field->size);
    return true;
}

/* Integers and what C17 makes of true. */
static bool set_int(char *at, const struct jb_field *field, int64_t number)
{
    switch (field->type) {
    case JB_BOOL:
        if (number != 0 && number != 1)
            return false;
        *(bool *)at = number;
        return true;
    case JB_INT32:
        if (number < INT32_MIN || number > INT32_MAX)
            return false;
        *(int32_t *)(void *)at = (int32_t)number;
        return true;
    case JB_INT64: *(int64_t *)(void *)at = number; return true;
    default: return false;
    }
}

static bool set_decimal(char *at, const struct jb_field *field, struct jb_value value)
{
    struct jb_decimal number = value.decimal;

    if (is_int(value)) {
        if (value.number <= -1000000000000000000 || value.number >= 1000000000000000000)
            return false;
        number = (struct jb_decimal){ value.number, 0 };
    }
    if ((field->digits || field->decimals) && !jb_decimal_rescale(number, field->decimals, &number))
        return false;
    *(struct jb_decimal *)(void *)at = number;
    return true;
}

static bool set_other(char *at, const struct jb_field *field, struct jb_value value)
{
    if (value.type != field->type)
        return false;
    switch (field->type) {
    case JB_BOOL: *(bool *)at = value.truth; return true;
    case JB_TEXT: *(struct jb_str *)(void *)at = value.text; return true;
    case JB_HTML: *(struct jb_html *)(void *)at = (struct jb_html){ value.text.data, value.text.size }; return true;
    case JB_DATE:
    case JB_MONTH:
        if (value.number < INT32_MIN || value.number > INT32_MAX)
            return false;
        *(int32_t *)(void *)at = (int32_t)value.number;
        return true;
    case JB_TIME: *(struct jb_time *)(void *)at = (struct jb_time){ value.number }; return true;
    case JB_ROWS: *(const struct jb_rows **)(void *)at = value.rows; return true;
    case JB_ROW: *(struct jb_row *)(void *)at = value.row; return true;
    case JB_IDS: *(struct jb_ids *)(void *)at = value.ids; return true;
    default: return false;
    }
}

bool jb_record_set(const struct jb_record *record, void *row, const struct jb_field *field, struct jb_value value)
{
    char *at = (char *)row + field->offset;
    bool set;

    if (value.type == JB_NULL || (value.type == JB_TEXT && !value.text.data))
        return set_null(record, row, field);
    if (field->type == JB_DECIMAL)
        set = (value.type == JB_DECIMAL || is_int(value)) && set_decimal(at, field, value);
    else if (is_int(value))
        set = set_int(at, field, value.number);
    else
        set = set_other(at, field, value);
    return set && presence_set(record, row, field, true);
}

struct jb_str jb_value_text(struct jb_scope *scope, struct jb_value value)
{
    char out[JB_TIME_TEXT_SIZE];

    switch (value.type) {
    case JB_BOOL: return value.truth ? JB_STR("true") : JB_STR("false");
    case JB_INT32:
    case JB_INT64: return jb_format(scope, "%lld", (long long)value.number);
    case JB_TEXT:
    case JB_HTML: return value.text.data ? value.text : JB_STR("");
    case JB_DATE: return jb_copy(scope, jb_date_text((struct jb_date){ (int32_t)value.number }, out));
    case JB_MONTH: return jb_copy(scope, jb_month_text((struct jb_month){ (int32_t)value.number }, out));
    case JB_TIME: return jb_copy(scope, jb_time_text((struct jb_time){ value.number }, jb_zone_local(), out));
    case JB_DECIMAL: return jb_copy(scope, jb_decimal_text(value.decimal, out));
    default: return JB_STR("");
    }
}

bool jb_value_equal(struct jb_value a, struct jb_value b)
{
    if (is_int(a) && is_int(b))
        return a.number == b.number;
    if (a.type != b.type)
        return false;
    switch (a.type) {
    case JB_NULL: return true;
    case JB_BOOL: return a.truth == b.truth;
    case JB_DATE:
    case JB_MONTH:
    case JB_TIME: return a.number == b.number;
    case JB_DECIMAL: return jb_decimal_compare(a.decimal, b.decimal) == 0;
    case JB_TEXT:
    case JB_HTML: return jb_str_equal(a.text, b.text);
    case JB_ROWS: return a.rows == b.rows;
    case JB_ROW: return a.row.data == b.row.data;
    case JB_IDS: return a.ids.count == b.ids.count && (a.ids.count == 0 || memcmp(a.ids.at, b.ids.at, a.ids.count * sizeof *a.ids.at) == 0);
    default: return false;
    }
}

bool jb_record_equal(const struct jb_record *record, const void *a, const void *b)
{
    for (const struct jb_field *field = record->fields; field->type != JB_END; field++)
        if (field->type != JB_WORD && !jb_value_equal(jb_record_get(record, a, field), jb_record_get(record, b, field)))
            return false;
    return true;
}

bool jb_record_defaults(struct jb_scope *scope, const struct jb_record *record, void *row)
{
    for (const struct jb_field *field = record->fields; field->type != JB_END; field++) {
        struct jb_value value;
        if (!field->default_text || field->type == JB_WORD)
            continue;
        if (!jb_field_parse(scope, field, jb_str_of(field->default_text), &value))
            return jb_wrap(scope, "%s.%s", record->name, field->name);
        if (!jb_record_set(record, row, field, value))
            return jb_fail(scope, JB_INVALID, JB_L(scope, "%s.%s: 기본값 “%s”을(를) 넣을 수 없습니다.", "%s.%s: the default \"%s\" does not fit."), record->name, field->name, field->default_text);
    }
    return true;
}

void *jb_record_copy(struct jb_scope *scope, const struct jb_record *record, const void *row)
{
    char *copy = jb_alloc(scope, record->size);

    memcpy(copy, row, record->size);
    for (const struct jb_field *field = record->fields; field->type != JB_END; field++)
        if (field->type == JB_TEXT || field->type == JB_HTML) {
            struct jb_str *text = (struct jb_str *)(void *)(copy + field->offset);
            *text = jb_copy(scope, *text);
        }
    return copy;
}
