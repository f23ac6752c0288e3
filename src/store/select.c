/* select.c — from a selection (conditions, words, order) to SQL, and rows out of it.
 *
 * Every order ends with the primary key, so that pages neither repeat nor lose a row. */
// SPDX-License-Identifier: Apache-2.0
#include "store/select_private.h"
#include <string.h>

void jb__query_init(struct jb__query *query, struct jb_scope *scope, const struct jb_model *model)
{
    *query = (struct jb__query){ .scope = scope, .db = jb_db_of(scope), .model = model, .head = JB_BUF_INIT(JB__SQL_BYTES_MAX), .sql = JB_BUF_INIT(JB__SQL_BYTES_MAX) };
    query->joins_end = &query->joins;
}

void jb__query_done(struct jb__query *query)
{
    jb_buf_done(&query->head);
    jb_buf_done(&query->sql);
}

void jb__query_reserve(struct jb__query *query, size_t count)
{
    if (query->arg_count + count <= query->args_max)
        return;
    size_t room = JB_MAX((size_t)8, (query->arg_count + count) * 2);
    struct jb_value *args = JB_NEW_ARRAY(query->scope, struct jb_value, room);
    if (query->arg_count > 0)
        memcpy(args, query->args, query->arg_count * sizeof *args);
    query->args = args;
    query->args_max = room;
}

void jb__query_arg(struct jb__query *query, struct jb_value value)
{
    jb__query_reserve(query, 1);
    query->args[query->arg_count++] = value;
}

void jb__query_put(struct jb__query *query, const char *text)
{
    jb_buf_put_z(&query->sql, text);
}

void jb__put_name(struct jb_buf *buf, struct jb_str name)
{
    jb_buf_put_char(buf, '"');
    while (name.data) {
        jb_buf_put(buf, jb_str_cut(&name, '"'));
        jb_buf_put_z(buf, name.data ? "\"\"" : "");
    }
    jb_buf_put_char(buf, '"');
}

/* ---- order and page ------------------------------------------------------------------------------------------------------------------ */

/* NULL is the smallest, whatever the database thinks. */
static void put_ordered(struct jb__query *query, struct jb__place place, bool descending)
{
    jb__query_put_place(query, place);
    jb__query_put(query, descending ? " desc" : "");
    if (query->db->driver->dialect->nulls_last && jb__place_nullable(query, place))
        jb__query_put(query, descending ? " nulls last" : " nulls first");
}

static bool order(struct jb__query *query, const struct jb_select *what)
{
    const struct jb_field *primary = jb_model_primary(query->model);
    struct jb_str usual = query->model->order ? jb_str_of(query->model->order) : jb_format(query->scope, "-%s", primary->name);
    struct jb_str rest = what->order.data ? what->order : usual, first = jb_str_of(query->first), word;
    bool descending = false, last = false, keyed = false;

    jb__query_put(query, " order by ");
    while (!keyed && ((word = jb__list_word(&first, &descending)).data || (word = jb__list_word(&rest, &descending)).data)) {
        struct jb__place place;
        if (!jb__query_place(query, word, "order", &place))
            return false;
        put_ordered(query, place, descending);
        jb__query_put(query, ", ");
        last = descending;
        keyed = place.field == primary && !place.join;
    }
    if (keyed)
        query->sql.size -= 2;
    else
        put_ordered(query, (struct jb__place){ NULL, primary }, last); /* in the direction of the last one, so that an index can be walked backwards */
    return true;
}

static bool page(struct jb__query *query, int64_t limit, int64_t offset)
{
    if (limit < 0 || offset < 0)
        return jb_fail(query->scope, JB_INVALID, "%s", JB_L(query->scope, "쪽 번호는 1 이상이어야 합니다.", "A page number is 1 or more."));
    if (limit == 1 && offset == 0) { /* said in the text, the planner knows it too */
        jb__query_put(query, " limit 1");
    } else if (limit > 0 || offset > 0) {
        jb__query_put(query, " limit ? offset ?");
        jb__query_arg(query, jb_v_int(limit > 0 ? limit : INT64_MAX));
        jb__query_arg(query, jb_v_int(offset));
    }
    return true;
}

/* Only the rows of the table itself are locked, not those that they refer to. */
static bool lock(struct jb__query *query, enum jb_row_lock lock)
{
    static const char *const words[] = { "", "", " skip locked", " nowait" };

    if (lock == JB_LOCK_NONE)
        return true;
    if (!jb__tx_of(query->scope, query->model->live))
        return jb_fail(query->scope, JB_BROKEN, "rows of %s can be locked inside a transaction only: a lock ends with it", query->model->record.name);
    if (!query->db->driver->dialect->locks_rows)
        return true;
    jb__query_put(query, " for update of ");
    jb__put_name(&query->sql, jb_model_table(query->model));
    jb__query_put(query, words[lock]);
    return true;
}

bool jb__query_select(struct jb__query *query, const struct jb_select *what, int64_t limit, struct jb__shape *ret_shape)
{
    return jb__shape_of(query, what, ret_shape) && jb__query_where(query, what) && order(query, what) && page(query, limit, what->offset) && lock(query, what->lock) && jb__query_finish(query);
}

/* What is joined may be stricter than the model itself. */
static enum jb_reads reads_of(const struct jb__query *query)
{
    for (const struct jb__join *join = query->reads ? NULL : query->joins; join; join = join->next)
        if (jb__reads_of_model(query->db, join->model) == JB_READS_PRIMARY)
            return JB_READS_PRIMARY;
    return query->reads;
}

struct jb__statement jb__query_statement(const struct jb__query *query, struct jb__sink *sink, int64_t row_limit)
{
    return (struct jb__statement){ .sql = jb_buf_str(&query->head), .args = query->args, .arg_count = query->arg_count, .live = query->model->live, .reads = reads_of(query), .in_order = true, .row_limit = row_limit, .sink = sink, .model = query->model };
}

bool jb__select_statement(struct jb_scope *scope, const struct jb_model *model, const struct jb_select *what, struct jb__shape *ret_shape, struct jb__statement *ret_statement)
{
    struct jb__query query;

    jb__query_init(&query, scope, model);
    bool ok = jb__query_select(&query, what, what->limit, ret_shape);
    if (ok) {
        struct jb__statement statement = jb__query_statement(&query, NULL, 0);
        statement.sql = jb_copy(scope, statement.sql);
        *ret_statement = statement;
    }
    jb__query_done(&query);
    return ok;
}

/* ---- rows ------------------------------------------------------------------------------------------------------------------------------ */

/* Runs the selection that was written; the sink is made for its rows. */
static bool read_into(struct jb__query *query, int64_t limit, const struct jb__shape *shape, struct jb__sink *sink)
{
    jb__sink_init(sink, query->scope, shape->record, (size_t)limit);
    sink->presences = shape->presences;
    struct jb__statement statement = jb__query_statement(query, sink, limit);
    return jb__run(query->scope, &statement);
}

struct jb_rows *jb__select_many(struct jb_scope *scope, const struct jb_model *model, const struct jb_select *what, const char *first, int64_t max)
{
    int64_t limit = what->limit ? JB_MIN(what->limit, max) : max + 1;
    struct jb_rows *rows = NULL;
    struct jb__query query;
    struct jb__shape shape;
    struct jb__sink sink;

    jb__query_init(&query, scope, model);
    query.first = first;
    bool ok = jb__query_select(&query, what, limit, &shape) && read_into(&query, limit, &shape, &sink);
    if (ok && (int64_t)sink.count > max)
        jb_fail(scope, JB_LIMIT, JB_L(scope, "%lld행이 넘습니다. 조건을 더 넣으세요.", "More than %lld rows. Narrow the selection."), (long long)max);
    else if (ok)
        rows = jb__shape_rows(scope, &shape, &sink);
    jb__query_done(&query);
    return rows;
}

struct jb_rows *jb_select_rows(struct jb_scope *scope, const struct jb_model *model, const struct jb_select *what)
{
    return jb__select_many(scope, model, what, NULL, JB_ROWS_MAX);
}

/* One row of the caller's has no rows that something could stand beside. */
static bool fail_wide(const struct jb__query *query)
{
    return jb_fail(query->scope, JB_BROKEN, "jb_first gives a row of %s and nothing beside it: read it by jb_select with .limit = 1, or leave the reference out of .with and .only", query->model->record.name);
}

bool jb_first_row(struct jb_scope *scope, const struct jb_model *model, void *ret_row, const struct jb_select *what)
{
    struct jb__query query;
    struct jb__shape shape;
    struct jb__sink sink;

    jb__query_init(&query, scope, model);
    bool ok = jb__query_select(&query, what, 1, &shape) && (!jb__shape_is_wide(&shape) || fail_wide(&query)) && read_into(&query, 1, &shape, &sink) && sink.count > 0;
    jb__query_done(&query);
    if (ok)
        memcpy(ret_row, sink.data, model->record.size);
    return ok;
}

bool jb_get_locked(struct jb_scope *scope, const struct jb_model *model, int64_t id, void *ret_row)
{
    const struct jb_condition by_id[] = { { .field = jb_str_of(jb_model_primary(model)->name), .op = JB_EQUAL, .value = jb_v_int(id) }, { .op = JB_OP_END } };

    if (jb_first(scope, model, ret_row, .conditions = by_id, .lock = JB_LOCK_UPDATE))
        return true;
    return !jb_failure(scope) && jb__fail_gone(scope, model, id);
}

/* ---- how the database would do it ---------------------------------------------------------------------------------------------------- */

/* The columns of SQLite's answer, then the one of PostgreSQL's. */
struct plan_line {
    int64_t id, parent, notused;
    struct jb_str detail, query_plan;
};
static const struct jb_record plan_record = JB_RECORD(plan_line, JB_FIELD(plan_line, id), JB_FIELD(plan_line, parent), JB_FIELD(plan_line, notused), JB_FIELD(plan_line, detail),
    { .name = "QUERY PLAN", .offset = offsetof(struct plan_line, query_plan), .size = sizeof(struct jb_str), .type = JB_TEXT });

struct jb_str jb_explain_rows(struct jb_scope *scope, const struct jb_model *model, const struct jb_select *what)
{
    struct jb_str text = JB_STR_NULL;
    struct jb__query query;
    struct jb__shape shape;
    struct jb__sink sink;

    jb__query_init(&query, scope, model);
    if (jb__query_select(&query, what, what->limit, &shape)) {
        struct jb_str sql = jb_copy(scope, jb_buf_str(&query.head));
        query.head.size = 0;
        jb_buf_printf(&query.head, query.db->driver->dialect->explain, JB_FMT(sql));
        jb__sink_init(&sink, scope, &plan_record, 1000);
        struct jb__statement statement = jb__query_statement(&query, &sink, 0);
        statement.in_order = false;
        const struct plan_line *line = jb__run(scope, &statement) ? (const void *)sink.data : NULL;
        for (size_t i = 0; line && i < sink.count; i++) {
            struct jb_str own = line[i].detail.data ? line[i].detail : line[i].query_plan;
            text = jb_format(scope, "%.*s\n%.*s", JB_FMT(i ? text : sql), JB_FMT(own));
        }
    }
    jb__query_done(&query);
    return text;
}
