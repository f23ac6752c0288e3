/* values.c — rows as plain lists of values, for what only passes them on: an export.
 *
 * One statement reads all columns, those of references too, so that everything in it is of one moment. A driver that can send rows in one go gives them as they come; otherwise they come in a cursor's
 * pages. Nothing is laid out in records that nobody asks for. */
// SPDX-License-Identifier: Apache-2.0
#include "store/introspect_private.h"
#include "store/select_private.h"
#include <stdlib.h>
#include <string.h>

#define PAGE_ROWS ((size_t)500)

/* A column that was asked for, among those that are read. */
struct wanted {
    size_t index;                  /* of its field */
    const struct jb_field *holder; /* through a reference: the id of the row referred to; NULL: the model's own */
};

struct jb_values {
    struct jb_db *db;
    const struct jb_model *model;
    struct jb_scope *scope; /* what the statement needs */
    struct jb_scope *page;  /* the rows at hand */
    struct jb_defer *defer;
    struct jb__shape shape;
    struct wanted *wanted;
    size_t count;
    struct jb_value *read;  /* all of a row, as they are read */
    struct jb_value *given; /* those that were asked for */
    struct jb__stream *stream;
    struct jb__pages *pages;
    struct jb__sink sink;
    size_t next;
    bool end;
};

/* ---- which columns --------------------------------------------------------------------------------------------------------------- */

static bool is_within(const struct jb_field *field, size_t offset, size_t size)
{
    return field->offset >= offset && field->offset < offset + size;
}

/* Of the model itself, or of the reference called so. */
static bool want(struct jb_values *values, struct jb_str name, struct wanted *wanted)
{
    size_t dot = name.size, offset = 0, size = values->model->record.size;
    const struct jb_field *fields = values->shape.record->fields;

    while (dot > 0 && name.data[dot - 1] != '.')
        dot--;
    for (const struct jb__join *join = dot ? values->shape.joins : NULL; join; join = join->next)
        if (join->read && jb_str_equal(join->path, jb_str_slice(name, 0, dot - 1))) {
            offset = join->offset;
            size = join->model->record.size;
        }
    for (size_t i = 0; fields[i].type != JB_END; i++) {
        if (!is_within(&fields[i], offset, size))
            continue;
        if (fields[i].primary && dot)
            wanted->holder = &fields[i];
        if (jb_str_is(jb_str_slice(name, dot, name.size), fields[i].name))
            wanted->index = i;
    }
    return jb_str_is(jb_str_slice(name, dot, name.size), fields[wanted->index].name) || jb_fail(values->scope, JB_BROKEN, "%.*s is not among what is read", JB_FMT(name));
}

static bool want_all(struct jb_values *values, const char *columns)
{
    struct jb_str rest = jb_str_of(columns);
    size_t room = 1, fields = jb_record_count(values->shape.record);

    for (size_t i = 0; i < rest.size; i++)
        room += rest.data[i] == ' ';
    values->wanted = JB_NEW_ARRAY(values->scope, struct wanted, room);
    values->read = JB_NEW_ARRAY(values->scope, struct jb_value, fields + 1);
    values->given = JB_NEW_ARRAY(values->scope, struct jb_value, room);
    while (rest.data) {
        struct jb_str name = jb_str_cut(&rest, ' ');
        if (name.size > 0 && !want(values, name, &values->wanted[values->count++]))
            return false;
    }
    return true;
}

/* ---- opening ------------------------------------------------------------------------------------------------------------------------- */

static void close_with_scope(void *arg)
{
    struct jb_values *values = arg;
    values->defer = NULL;
    jb_values_close(values);
}

void jb_values_close(struct jb_values *values)
{
    if (!values)
        return;
    jb_defer_cancel(values->defer);
    if (values->stream)
        values->db->driver->stream_close(values->stream);
    if (values->pages)
        values->db->driver->pages_close(values->pages);
    jb_scope_end(values->page);
    jb_scope_end(values->scope);
    free(values);
}

/* Which of the fields that are read are needed: the database had to send keys with them. */
static bool *needed(const struct jb_values *values)
{
    bool *needed = JB_NEW_ARRAY(values->scope, bool, jb_record_count(values->shape.record) + 1);

    for (size_t i = 0; i < values->count; i++)
        needed[values->wanted[i].index] = true;
    return needed;
}

static bool open_statement(struct jb_values *values, const struct jb_select *what, const char *columns)
{
    struct jb_select select = *what;
    struct jb__statement statement;

    select.only = columns;
    if (!jb__select_statement(values->scope, values->model, &select, &values->shape, &statement) || !want_all(values, columns))
        return false;
    statement.args = jb__args_copy(values->scope, statement.args, statement.arg_count);
    struct jb_tx *tx = jb__tx_of(values->scope, values->model->live);
    if (!jb__tx_sound(tx, values->scope))
        return false;
    jb_counters(values->scope)->queries++;
    if (!tx && values->db->driver->stream_open && statement.arg_count == 0) {
        values->stream = values->db->driver->stream_open(values->db, values->scope, &statement, values->shape.record->fields, needed(values));
        return values->stream != NULL || jb__external_failed(values->scope, values->model);
    }
    statement.sink = &values->sink;
    values->pages = values->db->driver->pages_open(values->db, values->scope, tx, &statement);
    jb__tx_note(tx, values->pages != NULL);
    return values->pages != NULL || jb__external_failed(values->scope, values->model);
}

struct jb_values *jb_values_open(struct jb_scope *scope, const struct jb_model *model, const struct jb_select *what, const char *columns)
{
    struct jb_values *values = calloc(1, sizeof *values);

    JB_CHECK(values);
    values->db = jb_db_of(scope);
    values->model = model;
    values->scope = jb_scope_child(scope, "values");
    if (!open_statement(values, what, columns)) {
        jb_failure_pass(values->scope, scope);
        jb_values_close(values);
        return NULL;
    }
    values->defer = jb_defer(scope, close_with_scope, values);
    return values;
}

/* ---- reading -------------------------------------------------------------------------------------------------------------------------- */

static bool page_next(struct jb_values *values, struct jb_scope *scope)
{
    struct jb_counters *counters = jb_counters(scope);
    int64_t start_us = jb_monotonic_us();

    jb_scope_end(values->page);
    values->page = jb_scope_child(values->scope, "page");
    jb__sink_init(&values->sink, values->page, values->shape.record, PAGE_ROWS);
    values->sink.presences = values->shape.presences;
    values->next = 0;
    if (!jb_continue(scope))
        return false;
    if (!values->db->driver->pages_next(values->pages, scope, &values->end)) {
        jb__tx_note(jb__tx_of(values->scope, values->model->live), false);
        return jb__external_failed(scope, values->model);
    }
    counters->query_us += jb_monotonic_us() - start_us;
    counters->rows += (int64_t)values->sink.count;
    return true;
}

static bool is_there(const struct jb_values *values, const char *row, const struct wanted *wanted)
{
    const struct jb__presence *presence = &values->shape.presences[wanted->index];
    const struct jb_field *field = &values->shape.record->fields[wanted->index];
    int64_t number;

    if (wanted->holder) {
        memcpy(&number, row + wanted->holder->offset, sizeof number);
        if (number == 0)
            return false;
    }
    if (presence->offset != SIZE_MAX)
        return ((const uint64_t *)(const void *)(row + presence->offset))[presence->bit / 64] >> presence->bit % 64 & 1;
    if (field->type != JB_TIME && !(field->references && field->type == JB_INT64))
        return true;
    memcpy(&number, row + field->offset, sizeof number);
    return number != 0;
}

static bool from_page(struct jb_values *values, struct jb_scope *scope)
{
    const struct jb_record *record = values->shape.record;

    while (values->next == values->sink.count)
        if (values->end || !page_next(values, scope))
            return false;
    const char *row = values->sink.data + values->next++ * record->size;
    for (size_t i = 0; i < values->count; i++) {
        const struct wanted *wanted = &values->wanted[i];
        values->given[i] = is_there(values, row, wanted) ? jb_record_get(record, row, &record->fields[wanted->index]) : jb_v_null();
    }
    return true;
}

static bool from_stream(struct jb_values *values, struct jb_scope *scope)
{
    if (values->end)
        return false;
    if (!values->db->driver->stream_next(values->stream, scope, values->read, &values->end))
        return jb__external_failed(scope, values->model);
    if (values->end)
        return false;
    for (size_t i = 0; i < values->count; i++)
        values->given[i] = values->read[values->wanted[i].index];
    jb_counters(scope)->rows++;
    return true;
}

bool jb_values_next(struct jb_values *values, struct jb_scope *scope, const struct jb_value **ret_values)
{
    if (!(values->stream ? from_stream(values, scope) : from_page(values, scope)))
        return false;
    *ret_values = values->given;
    return true;
}
