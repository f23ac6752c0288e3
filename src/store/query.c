/* query.c — statements written by hand: rows, one row, one integer, or only the effect. */
// SPDX-License-Identifier: Apache-2.0
#include "store/store_private.h"
#include <string.h>

#define QUERY_ROWS_MAX ((size_t)1000000) /* a mistake beyond this: use a cursor */

struct one_int {
    int64_t number;
};
static const struct jb_record one_int_record = JB_RECORD(one_int, JB_FIELD(one_int, number));

size_t jb__args_room(const struct jb_sql *sql)
{
    size_t room = 8;

    for (size_t i = 0; i < sql->arg_count; i++)
        if (sql->args[i].type == JB_IDS)
            room += 2 * sql->args[i].ids.count;
    return JB_MIN(room, JB__ARGS_MAX);
}

static bool run_sql(struct jb_scope *scope, const struct jb_sql *sql, struct jb__statement *statement)
{
    size_t room = jb__args_room(sql), count = 0;
    struct jb_buf text = JB_BUF_INIT(JB__SQL_BYTES_MAX);
    struct jb_value *args = JB_NEW_ARRAY(scope, struct jb_value, room);

    bool ok = jb__params(scope, jb_db_of(scope), statement->model, sql, &text, args, room, &count);
    JB_CHECK(!text.full);
    if (ok) {
        statement->sql = jb_buf_str(&text);
        statement->args = args;
        statement->arg_count = count;
        ok = jb__run(scope, statement);
    }
    jb_buf_done(&text);
    return ok;
}

/* What `limit 20` or `limit ?` at the end of the text says; 0: nothing. */
static int64_t stated_limit(const struct jb_sql *sql)
{
    struct jb_str text = jb_str_trim(jb_str_of(sql->text));
    size_t digits = text.size;
    int64_t limit = 0;

    while (digits > 0 && ((text.data[digits - 1] >= '0' && text.data[digits - 1] <= '9') || text.data[digits - 1] == '?'))
        digits--;
    struct jb_str number = jb_str_slice(text, digits, text.size), before = jb_str_trim(jb_str_slice(text, 0, digits)), word = JB_STR("limit");
    if (before.size < word.size || !jb_str_equal_nocase(jb_str_slice(before, before.size - word.size, before.size), word))
        return 0;
    if (jb_str_is(number, "?"))
        return sql->args[sql->arg_count - 1].number;
    return jb_str_to_int64(number, &limit) ? limit : 0;
}

static struct jb_rows *query(struct jb_scope *scope, struct jb_sql sql, const struct jb_record *as, bool live, bool write)
{
    struct jb__sink sink;
    struct jb__statement statement = { .live = live, .write = write, .row_limit = stated_limit(&sql), .sink = &sink };

    jb__sink_init(&sink, scope, as, QUERY_ROWS_MAX + 1);
    if (!run_sql(scope, &sql, &statement))
        return NULL;
    if (sink.count > QUERY_ROWS_MAX) {
        jb_fail(scope, JB_LIMIT, JB_L(scope, "%zu행이 넘습니다. 조건을 더 넣으세요.", "More than %zu rows. Narrow the selection."), QUERY_ROWS_MAX);
        return NULL;
    }
    struct jb_rows *rows = JB_NEW(scope, struct jb_rows);
    *rows = (struct jb_rows){ as, sink.count, sink.data };
    return rows;
}

/* false without a failure when there is no row. */
static bool query_one(struct jb_scope *scope, const struct jb_sql *sql, const struct jb_record *as, bool in_order, bool live, void *ret_row)
{
    struct jb__sink sink;
    struct jb__statement statement = { .live = live, .in_order = in_order, .row_limit = 1, .sink = &sink };

    jb__sink_init(&sink, scope, as, 1);
    if (!run_sql(scope, sql, &statement) || sink.count == 0)
        return false;
    memcpy(ret_row, sink.data, as->size);
    return true;
}

static bool query_row(struct jb_scope *scope, const struct jb_sql *sql, const struct jb_record *as, bool live, void *ret_row)
{
    if (query_one(scope, sql, as, false, live, ret_row))
        return true;
    if (jb_failure(scope))
        return false;
    return jb_fail(scope, JB_NOT_FOUND, "%s", JB_L(scope, "찾는 것이 없습니다.", "There is nothing of the kind."));
}

static bool query_int(struct jb_scope *scope, const struct jb_sql *sql, bool live, int64_t *ret_number)
{
    struct one_int one = { 0 };

    if (!query_one(scope, sql, &one_int_record, true, live, &one) && jb_failure(scope))
        return false;
    *ret_number = one.number;
    return true;
}

struct jb_rows *jb_query(struct jb_scope *scope, struct jb_sql sql, const struct jb_record *as)
{
    return query(scope, sql, as, false, false);
}

struct jb_rows *jb_live_query(struct jb_scope *scope, struct jb_sql sql, const struct jb_record *as)
{
    return query(scope, sql, as, true, false);
}

struct jb_rows *jb_exec_rows(struct jb_scope *scope, struct jb_sql sql, const struct jb_record *as)
{
    return query(scope, sql, as, false, true);
}

struct jb_rows *jb_live_exec_rows(struct jb_scope *scope, struct jb_sql sql, const struct jb_record *as)
{
    return query(scope, sql, as, true, true);
}

bool jb_query_row(struct jb_scope *scope, struct jb_sql sql, const struct jb_record *as, void *ret_row)
{
    return query_row(scope, &sql, as, false, ret_row);
}

bool jb_live_query_row(struct jb_scope *scope, struct jb_sql sql, const struct jb_record *as, void *ret_row)
{
    return query_row(scope, &sql, as, true, ret_row);
}

bool jb_query_int(struct jb_scope *scope, struct jb_sql sql, int64_t *ret_number)
{
    return query_int(scope, &sql, false, ret_number);
}

bool jb_live_query_int(struct jb_scope *scope, struct jb_sql sql, int64_t *ret_number)
{
    return query_int(scope, &sql, true, ret_number);
}

static bool exec(struct jb_scope *scope, const struct jb_sql *sql, bool live, int64_t *ret_changes)
{
    struct jb__statement statement = { .live = live, .write = true };

    if (!run_sql(scope, sql, &statement))
        return false;
    if (ret_changes)
        *ret_changes = statement.changes;
    return true;
}

bool jb_exec(struct jb_scope *scope, struct jb_sql sql, int64_t *ret_changes)
{
    return exec(scope, &sql, false, ret_changes);
}

bool jb_live_exec(struct jb_scope *scope, struct jb_sql sql, int64_t *ret_changes)
{
    return exec(scope, &sql, true, ret_changes);
}
