/* rows.c — rows on their way up: an array that grows in the scope, and members that drivers fill. */
// SPDX-License-Identifier: Apache-2.0
#include "store/store_private.h"
#include <string.h>

#define CAPACITY_FIRST ((size_t)16)
#define ROWS_BYTES_MAX (JB_ARENA_BYTES_MAX / 4) /* in the scope of what reads: its array may still double, and the arena's maximum ends the process */

void jb__sink_init(struct jb__sink *sink, struct jb_scope *scope, const struct jb_record *record, size_t max)
{
    *sink = (struct jb__sink){ .scope = scope, .record = record, .max = max, .presence_offset = SIZE_MAX };
    const struct jb_field *field = record->fields;
    for (; field->type != JB_END; field++)
        if (field->type == JB_WORD) {
            sink->presence_offset = field->offset;
            sink->presence_bits = field->size * 8;
        } else {
            sink->field_count++;
        }
}

bool jb__column_find(struct jb_scope *scope, const struct jb__statement *what, struct jb_str name, size_t *next, uint16_t *ret_index)
{
    const struct jb_record *record = what->sink->record;
    const struct jb_field *field = &record->fields[*next];

    if (what->in_order) {
        while (field->type == JB_WORD)
            field = &record->fields[++*next];
        *next += field->type != JB_END;
    } else {
        field = jb_record_field(record, name);
    }
    if (!field || field->type == JB_END)
        return jb_fail(scope, JB_BROKEN, "%s has no member for the column \"%.*s\" of: %.*s", record->name, JB_FMT(name), JB_FMT(what->sql));
    *ret_index = (uint16_t)(field - record->fields);
    return true;
}

bool jb__sink_has_room(struct jb_scope *scope, const struct jb__sink *sink)
{
    if (jb_arena_bytes(jb_scope_arena(sink->scope)) <= ROWS_BYTES_MAX)
        return true;
    return jb_fail(scope, JB_LIMIT, "%s", JB_L(scope, "읽을 것이 너무 큽니다. 조건을 더 넣거나 나누어 읽으세요.", "There is too much to read at once. Narrow the selection, or read it in parts."));
}

bool jb__fail_member(struct jb_scope *scope, const struct jb__sink *sink, const struct jb_field *field, struct jb_str text)
{
    return jb_fail(scope, JB_BROKEN, JB_L(scope, "%s.%s에 그 열의 값이 아닌 “%.*s”이(가) 들어 있습니다.", "%s.%s holds \"%.*s\", which is no value for it."),
        sink->record->name, field->name, JB_FMT(jb_str_slice(text, 0, 100)));
}

void *jb__row_add(struct jb__sink *sink)
{
    size_t size = sink->record->size;

    JB_CHECK(sink->count < sink->max);
    if (sink->count == sink->capacity) {
        size_t capacity = JB_MIN(sink->max, JB_MAX(CAPACITY_FIRST, sink->capacity * 2));
        char *data = jb_alloc_array(sink->scope, size, capacity);
        if (sink->count > 0)
            memcpy(data, sink->data, sink->count * size);
        sink->data = data;
        sink->capacity = capacity;
    }
    return sink->data + sink->count++ * size;
}

static bool put_int(const struct jb_field *field, char *member, int64_t number)
{
    if (field->size == sizeof number) {
        memcpy(member, &number, sizeof number);
        return true;
    }
    int32_t small = (int32_t)number;
    memcpy(member, &small, sizeof small);
    return small == number;
}

static bool put(const struct jb_field *field, char *member, struct jb_value value)
{
    switch (field->type) {
    case JB_BOOL:
        *(bool *)member = value.type == JB_BOOL ? value.truth : value.number != 0;
        return true;
    case JB_INT32:
    case JB_INT64:
        return put_int(field, member, value.number);
    case JB_TEXT:
        *(struct jb_str *)member = value.text;
        return true;
    case JB_DATE:
        ((struct jb_date *)member)->days = (int32_t)value.number;
        return true;
    case JB_MONTH:
        ((struct jb_month *)member)->months = (int32_t)value.number;
        return true;
    case JB_TIME:
        ((struct jb_time *)member)->us = value.number;
        return true;
    case JB_DECIMAL:
        *(struct jb_decimal *)member = value.decimal;
        return true;
    default:
        return false;
    }
}

bool jb__member_set(const struct jb__sink *sink, void *row, size_t index, struct jb_value value)
{
    const struct jb_field *field = &sink->record->fields[index];
    char *member = (char *)row + field->offset;

    if (value.type == JB_NULL) {
        if (field->type == JB_DECIMAL)
            ((struct jb_decimal *)member)->scale = field->decimals;
        return true;
    }
    struct jb__presence own = { sink->presence_offset, (unsigned)index };
    if (sink->presences)
        own = sink->presences[index];
    if (own.offset != SIZE_MAX && (sink->presences || own.bit < sink->presence_bits)) {
        uint64_t *words = (uint64_t *)((char *)row + own.offset);
        words[own.bit / 64] |= (uint64_t)1 << own.bit % 64;
    }
    return put(field, member, value);
}
