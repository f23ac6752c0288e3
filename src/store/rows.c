/* rows.c — rows on their way up: an array that grows in the scope, and members that drivers fill. */
// SPDX-License-Identifier: Apache-2.0
#include "store/store_private.h"
#include <string.h>

#define CAPACITY_FIRST ((size_t)16)

void jb__sink_init(struct jb__sink *sink, struct jb_scope *scope, const struct jb_record *record, size_t max)
{
    *sink = (struct jb__sink){ .scope = scope, .record = record, .max = max, .presence_offset = SIZE_MAX };
    const struct jb_field *field = record->fields;
    for (; field->type != JB_END; field++)
        if (field->type == JB_WORD)
            sink->presence_offset = field->offset;
        else
            sink->field_count++;
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
    if (sink->presence_offset != SIZE_MAX && index < 64) {
        uint64_t *presence = (uint64_t *)((char *)row + sink->presence_offset);
        *presence |= (uint64_t)1 << index;
    }
    return put(field, member, value);
}
