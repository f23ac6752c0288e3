/* relate.c — rows beside rows: what a row refers to, and what refers to it.
 *
 * A record with .related was made for its rows while the program runs, so more may be put into it; one of a model is copied first. */
// SPDX-License-Identifier: Apache-2.0
#include "store/store_private.h"
#include <string.h>

#define CHILDREN_MAX 100000

/* ---- looking ---------------------------------------------------------------------------------------------------------------------------- */

const void *jb_related(const struct jb_rows *rows, const void *row, const char *name)
{
    struct jb_row at = { rows->record, row };
    struct jb_str rest = jb_str_of(name);

    while (rest.data) {
        struct jb_value value;
        JB_CHECK(jb_record_related(at.record, at.data, jb_str_cut(&rest, '.'), &value) && value.type != JB_ROWS); /* it was read .with it */
        if (value.type == JB_NULL)
            return NULL;
        at = value.row;
    }
    return at.data;
}

const struct jb_rows *jb_children(const struct jb_rows *rows, const void *row, const char *name)
{
    struct jb_value value;

    JB_CHECK(jb_record_related(rows->record, row, jb_str_of(name), &value) && value.type == JB_ROWS); /* they were prefetched */
    return value.rows;
}

/* ---- putting there ----------------------------------------------------------------------------------------------------------------------- */

static struct jb_record *own_record(struct jb_scope *scope, struct jb_rows *rows)
{
    static const struct jb_related nothing = { .name = "" };

    if (!rows->record->related) {
        struct jb_record *own = JB_NEW(scope, struct jb_record);
        *own = *rows->record;
        own->related = &nothing;
        rows->record = own;
    }
    return (struct jb_record *)rows->record;
}

void jb__rows_attach(struct jb_scope *scope, struct jb_rows *rows, const char *name, const struct jb_rows *ranges)
{
    struct jb_record *record = own_record(scope, rows);
    struct jb_related *related = JB_NEW(scope, struct jb_related);

    *related = (struct jb_related){ record->related, jb_cstr(scope, jb_str_of(name)), rows->data, rows->count, NULL, NULL, ranges };
    record->related = related;
}

static int64_t id_at(const struct jb_rows *rows, size_t index, const struct jb_field *field)
{
    int64_t id;
    memcpy(&id, (const char *)jb_rows_at(rows, index) + field->offset, sizeof id);
    return id;
}

/* The first row, from `from` on, whose reference is at least `id`. */
static size_t lower_bound(const struct jb_rows *rows, const struct jb_field *field, int64_t id, size_t from)
{
    size_t to = rows->count;

    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (id_at(rows, middle, field) < id)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

void jb__rows_of(const struct jb_rows *rows, const struct jb_field *field, int64_t id, size_t *ret_from, size_t *ret_to)
{
    *ret_from = lower_bound(rows, field, id, 0);
    *ret_to = lower_bound(rows, field, id + 1, *ret_from);
}

static const struct jb_field *primary_of(const struct jb_rows *rows)
{
    const struct jb_field *field = rows->record->fields;

    while (!field->primary) {
        JB_CHECK(field->type != JB_END); /* rows of a model */
        field++;
    }
    return field;
}

struct jb_ids jb__rows_ids(struct jb_scope *scope, const struct jb_rows *rows)
{
    int64_t *ids = JB_NEW_ARRAY(scope, int64_t, rows->count);
    const struct jb_field *primary = primary_of(rows);

    for (size_t i = 0; i < rows->count; i++)
        ids[i] = id_at(rows, i, primary);
    return (struct jb_ids){ ids, rows->count };
}

struct jb_rows *jb_prefetch_rows(struct jb_scope *scope, struct jb_rows *rows, const char *name, const struct jb_model *model, const char *field_name, const struct jb_select *what)
{
    const struct jb_field *field = jb__model_field(scope, model, jb_str_of(field_name), "prefetch"), *primary = primary_of(rows);
    struct jb_select select = *what;
    size_t count = 0;

    if (!field)
        return NULL;
    JB_CHECK(field->references && !what->limit && !what->offset && !jb__list_has(jb_str_of(what->defer), field_name)); /* by it the rows are told apart */
    while (what->conditions && what->conditions[count].op != JB_OP_END)
        count++;
    struct jb_condition *conditions = JB_NEW_ARRAY(scope, struct jb_condition, count + 2);
    if (count > 0)
        memcpy(conditions, what->conditions, count * sizeof *conditions);
    conditions[count] = (struct jb_condition){ jb_str_of(field_name), JB_IN, jb_v(jb__rows_ids(scope, rows)) };
    select.conditions = conditions;
    if (what->only)
        select.only = jb_cstr(scope, jb_format(scope, "%s %s", what->only, field_name));
    struct jb_rows *children = jb__select_many(scope, model, &select, field_name, CHILDREN_MAX);
    if (!children)
        return NULL;
    own_record(scope, children); /* before the ranges are cut: what is put beside the children later is seen in them too */
    struct jb_rows *ranges = JB_NEW_ARRAY(scope, struct jb_rows, rows->count);
    for (size_t i = 0; i < rows->count; i++) {
        size_t from, to;
        jb__rows_of(children, field, id_at(rows, i, primary), &from, &to);
        ranges[i] = (struct jb_rows){ children->record, to - from, children->data + from * children->record->size };
    }
    jb__rows_attach(scope, rows, name, ranges);
    return children;
}
