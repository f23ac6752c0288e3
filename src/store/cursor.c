/* cursor.c — any number of rows in a constant amount of memory.
 *
 * One statement stays open on a connection of its own, so that all rows are of one moment; a reader thread fills a page, the fiber walks it, and the page's memory goes before the next
 * one comes. While a cursor is open SQLite's log cannot be emptied past its moment, so close it as soon as the rows are out. */
// SPDX-License-Identifier: Apache-2.0
#include "store/introspect_private.h"
#include "store/select_private.h"
#include <stdlib.h>

#define PAGE_ROWS ((size_t)500)

struct jb_cursor {
    struct jb_db *db;
    struct jb__shape shape; /* of a row */
    struct jb_scope *scope; /* what the statement needs */
    struct jb_scope *page;  /* the rows at hand; NULL before the first */
    struct jb_defer *defer;
    struct jb__statement statement;
    struct jb__pages *pages;
    struct jb__sink sink;
    const struct jb_rows *rows; /* of the page; NULL before the first */
    size_t next;
    bool end, live;
    const struct jb_model *model;
};

static void close_with_scope(void *arg)
{
    struct jb_cursor *cursor = arg;
    cursor->defer = NULL;
    jb_cursor_close(cursor);
}

void jb_cursor_close(struct jb_cursor *cursor)
{
    if (!cursor)
        return;
    jb_defer_cancel(cursor->defer);
    cursor->db->driver->pages_close(cursor->pages);
    jb_scope_end(cursor->page);
    jb_scope_end(cursor->scope);
    free(cursor);
}

const struct jb_value *jb__args_copy(struct jb_scope *scope, const struct jb_value *args, size_t count)
{
    struct jb_value *copies = JB_NEW_ARRAY(scope, struct jb_value, count);

    for (size_t i = 0; i < count; i++) {
        copies[i] = args[i];
        if (args[i].type == JB_TEXT)
            copies[i].text = jb_copy(scope, args[i].text);
    }
    return copies;
}

static bool open_pages(struct jb_cursor *cursor, const struct jb_model *model, const struct jb_select *what)
{
    struct jb__statement *statement = &cursor->statement;
    int64_t start_us = jb_monotonic_us();

    if (!jb__select_statement(cursor->scope, model, what, &cursor->shape, statement))
        return false;
    statement->args = jb__args_copy(cursor->scope, statement->args, statement->arg_count);
    statement->sink = &cursor->sink;
    struct jb_tx *tx = jb__tx_of(cursor->scope, model->live);
    if (!jb__tx_sound(tx, cursor->scope))
        return false;
    cursor->pages = cursor->db->driver->pages_open(cursor->db, cursor->scope, tx, statement);
    jb__count(cursor->scope, cursor->db, start_us, statement, false);
    jb__tx_note(tx, cursor->pages != NULL);
    return cursor->pages != NULL || jb__external_failed(cursor->scope, model);
}

struct jb_cursor *jb_cursor_open(struct jb_scope *scope, const struct jb_model *model, const struct jb_select *what)
{
    struct jb_cursor *cursor = calloc(1, sizeof *cursor);

    JB_CHECK(cursor);
    cursor->db = jb_db_of(scope);
    cursor->live = model->live;
    cursor->model = model;
    cursor->scope = jb_scope_child(scope, "cursor");
    if (!open_pages(cursor, model, what)) {
        jb_failure_pass(cursor->scope, scope);
        jb_cursor_close(cursor);
        return NULL;
    }
    cursor->defer = jb_defer(scope, close_with_scope, cursor);
    return cursor;
}

static bool page_next(struct jb_cursor *cursor, struct jb_scope *scope)
{
    int64_t start_us = jb_monotonic_us();

    jb_scope_end(cursor->page);
    cursor->page = jb_scope_child(cursor->scope, "page");
    jb__sink_init(&cursor->sink, cursor->page, cursor->shape.record, PAGE_ROWS);
    cursor->sink.presences = cursor->shape.presences;
    cursor->rows = NULL;
    cursor->next = 0;
    if (!jb_continue(scope))
        return false;
    bool ok = cursor->db->driver->pages_next(cursor->pages, scope, &cursor->end);
    jb__count_more(scope, cursor->db, start_us, &cursor->statement, ok);
    if (!ok) {
        jb__tx_note(jb__tx_of(cursor->scope, cursor->live), false);
        return jb__external_failed(scope, cursor->model);
    }
    cursor->rows = jb__shape_rows(cursor->page, &cursor->shape, &cursor->sink);
    return true;
}

bool jb_cursor_next(struct jb_cursor *cursor, struct jb_scope *scope, const void **ret_row)
{
    while (!cursor->rows || cursor->next == cursor->rows->count)
        if (cursor->end || !page_next(cursor, scope))
            return false;
    *ret_row = jb_rows_at(cursor->rows, cursor->next++);
    return true;
}

const struct jb_rows *jb_cursor_rows(const struct jb_cursor *cursor)
{
    JB_CHECK(cursor->rows); /* a row was read */
    return cursor->rows;
}
