/* select.c — from a selection (conditions, words, order) to SQL, and rows out of it.
 *
 * What comes from outside (field names, values, words) meets SQL here: names are looked up in the model, values are parameters. Every order ends with the primary key, so that pages
 * neither repeat nor lose a row. */
// SPDX-License-Identifier: Apache-2.0
#include "store/ddl.h"
#include "store/store_private.h"
#include <stdlib.h>
#include <string.h>

#define SEARCH_WORDS_MAX 8
#define CONDITION_ARGS_MAX ((size_t)512) /* besides ids, which have their own limit */

/* A statement that is being written. */
struct query {
    struct jb_scope *scope;
    struct jb_db *db;
    const struct jb_model *model;
    struct jb_buf sql;
    struct jb_value *args;
    size_t arg_count, args_max;
    bool any; /* a condition stands already */
    enum jb_reads reads;
};

static void query_init(struct query *query, struct jb_scope *scope, const struct jb_model *model)
{
    *query = (struct query){ .scope = scope, .db = jb_db_of(scope), .model = model, .sql = JB_BUF_INIT(JB__SQL_BYTES_MAX) };
}

static void query_done(struct query *query)
{
    jb_buf_done(&query->sql);
}

/* Room for `count` more arguments. */
static void args_reserve(struct query *query, size_t count)
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

static void arg_add(struct query *query, struct jb_value value)
{
    args_reserve(query, 1);
    query->args[query->arg_count++] = value;
}

static void put(struct query *query, const char *text)
{
    jb_buf_put_z(&query->sql, text);
}

static void put_field(struct query *query, const struct jb_field *field)
{
    jb__put_name(&query->sql, jb_str_of(field->name));
}

void jb__put_name(struct jb_buf *buf, struct jb_str name)
{
    jb_buf_put_char(buf, '"');
    for (size_t i = 0; i < name.size; i++) {
        if (name.data[i] == '"')
            jb_buf_put_char(buf, '"');
        jb_buf_put_char(buf, name.data[i]);
    }
    jb_buf_put_char(buf, '"');
}

/* ---- conditions ---------------------------------------------------------------------------------------------------------------------- */

static void and_next(struct query *query)
{
    put(query, query->any ? " and " : " where ");
    query->any = true;
}

/* %text% with %, _ and \ taken literally. */
static struct jb_value like_value(struct query *query, struct jb_str text, bool anywhere)
{
    char *pattern = jb_alloc(query->scope, text.size * 2 + 3);
    size_t size = 0;

    if (anywhere)
        pattern[size++] = '%';
    for (size_t i = 0; i < text.size; i++) {
        if (strchr("%_\\", text.data[i]) && text.data[i])
            pattern[size++] = '\\';
        pattern[size++] = text.data[i];
    }
    pattern[size++] = '%';
    return jb_v_text((struct jb_str){ pattern, size });
}

/* A column that is no text is looked at as it is written. */
static void put_like(struct query *query, const struct jb_field *field)
{
    const struct jb__dialect *dialect = query->db->driver->dialect;
    const char *const *around = field->type == JB_MONTH ? dialect->part_of_month : dialect->part_of;
    bool part = field->type != JB_TEXT;

    put(query, part ? around[0] : "");
    put_field(query, field);
    put(query, part ? around[1] : "");
    put(query, dialect->like);
    put(query, "? escape '\\'");
}

static bool like(struct query *query, const struct jb_field *field, struct jb_value value, bool anywhere)
{
    if (field->type == JB_DECIMAL || field->type == JB_BOOL || field->type == JB_TIME || (value.type != JB_TEXT && value.type != JB_NULL))
        return jb_fail(query->scope, JB_INVALID, JB_L(query->scope, "‘%s’은(는) 글이 아니라서 부분으로 찾을 수 없습니다.", "%s is not text: it cannot be searched by a part."), field->name);
    put_like(query, field);
    arg_add(query, like_value(query, value.text, anywhere));
    return true;
}

static bool compare(struct query *query, const struct jb_field *field, const char *operator, struct jb_value value)
{
    struct jb_value encoded;

    if (!jb__value_for(field, value, &encoded))
        return jb_fail(query->scope, JB_INVALID, JB_L(query->scope, "‘%s’과(와) 견줄 수 없는 값입니다.", "%s: that is no value to compare it with."), field->name);
    put_field(query, field);
    put(query, operator);
    arg_add(query, encoded);
    return true;
}

static bool in_list(struct query *query, const struct jb_field *field, struct jb_value value)
{
    struct jb_sql list = { .text = " in (?)", .arg_count = 1, .args = { value } };

    if (value.type != JB_IDS)
        return compare(query, field, " = ?", value);
    put_field(query, field);
    args_reserve(query, 2 * value.ids.count + 2);
    return jb__params(query->scope, query->db, query->model, &list, &query->sql, query->args, JB_MIN(query->args_max, JB__ARGS_MAX), &query->arg_count);
}

static bool condition(struct query *query, const struct jb_condition *condition)
{
    const struct jb_field *field = jb__model_field(query->scope, query->model, condition->field, "filter");
    bool null = condition->value.type == JB_NULL;

    if (!field)
        return false;
    and_next(query);
    if (null && (condition->op == JB_EQUAL || condition->op == JB_NOT_EQUAL)) {
        put_field(query, field);
        put(query, condition->op == JB_EQUAL ? " is null" : " is not null");
        return true;
    }
    switch (condition->op) {
    case JB_EQUAL: return compare(query, field, " = ?", condition->value);
    case JB_NOT_EQUAL: return compare(query, field, " is distinct from ?", condition->value);
    case JB_LESS: return compare(query, field, " < ?", condition->value);
    case JB_LESS_EQUAL: return compare(query, field, " <= ?", condition->value);
    case JB_GREATER: return compare(query, field, " > ?", condition->value);
    case JB_GREATER_EQUAL: return compare(query, field, " >= ?", condition->value);
    case JB_CONTAINS: return like(query, field, condition->value, true);
    case JB_STARTS: return like(query, field, condition->value, false);
    case JB_IN: return in_list(query, field, condition->value);
    case JB_IS_NULL:
        put_field(query, field);
        put(query, condition->value.type == JB_BOOL && !condition->value.truth ? " is not null" : " is null");
        return true;
    default:
        JB_CHECK(!"an operator");
        return false;
    }
}

/* One word in one field: text and dates by a part, numbers and amounts by their value. false when the word cannot stand there. */
static bool word_in_field(struct query *query, const struct jb_field *field, struct jb_str word, bool first)
{
    struct jb_decimal number;
    struct jb_value value;
    bool part = field->type == JB_TEXT || field->type == JB_DATE || field->type == JB_MONTH;

    if (!part && (!jb_decimal_parse_loose(word, &number) || !jb__value_for(field, jb_v_decimal(number), &value)))
        return false;
    put(query, first ? "" : " or ");
    if (part) {
        put_like(query, field);
    } else {
        put_field(query, field);
        put(query, " = ?");
    }
    arg_add(query, part ? like_value(query, word, true) : value);
    return true;
}

static bool search(struct query *query, struct jb_str words, const char *fields)
{
    struct jb_str rest = jb_str_trim_unicode(words);
    bool descending;
    int count = 0;

    JB_CHECK(fields); /* a search names its fields */
    while (rest.size > 0) {
        struct jb_str word = jb_str_trim_unicode(jb_str_cut(&rest, ' ')), list = jb_str_of(fields), name;
        bool first = true;
        if (word.size == 0)
            continue;
        if (count++ == SEARCH_WORDS_MAX)
            break; /* more words would only narrow further */
        and_next(query);
        put(query, "(");
        while ((name = jb__list_word(&list, &descending)).data) {
            const struct jb_field *field = jb__model_field(query->scope, query->model, name, "search_fields");
            if (!field)
                return false;
            first = !word_in_field(query, field, word, first) && first;
        }
        put(query, first ? "false)" : ")");
    }
    return true;
}

static bool literal(struct query *query, const struct jb_sql *sql)
{
    args_reserve(query, jb__args_room(sql));
    return jb__params(query->scope, query->db, query->model, sql, &query->sql, query->args, JB_MIN(query->args_max, query->arg_count + JB__ARGS_MAX), &query->arg_count);
}

static bool where(struct query *query, const struct jb_select *what)
{
    query->reads = what->fresh ? JB_READS_PRIMARY : what->reads;
    if (what->where.text) {
        and_next(query);
        put(query, "(");
        if (!literal(query, &what->where))
            return false;
        put(query, ")");
    }
    for (const struct jb_condition *at = what->conditions; at && at->op != JB_OP_END; at++) {
        if (query->arg_count > CONDITION_ARGS_MAX && at->op != JB_IN)
            return jb_fail(query->scope, JB_LIMIT, "%s", JB_L(query->scope, "조건이 너무 많습니다. 줄이세요.", "Too many conditions. Use fewer."));
        if (!condition(query, at))
            return false;
    }
    return !what->search.size || search(query, what->search, what->search_fields);
}

/* ---- order and page ------------------------------------------------------------------------------------------------------------------ */

/* NULL is the smallest, whatever the database thinks. */
static void put_ordered(struct query *query, const struct jb_field *field, bool descending)
{
    put_field(query, field);
    put(query, descending ? " desc" : "");
    if (query->db->driver->dialect->nulls_last && jb__field_nullable(query->model, field))
        put(query, descending ? " nulls last" : " nulls first");
}

static bool order(struct query *query, const struct jb_select *what)
{
    const char *usual = query->model->order ? query->model->order : "-id";
    struct jb_str rest = what->order.data ? what->order : jb_str_of(usual), word;
    const struct jb_field *primary = jb_model_primary(query->model);
    bool descending = false, last = false, keyed = false;

    put(query, " order by ");
    while (!keyed && (word = jb__list_word(&rest, &descending)).data) {
        const struct jb_field *field = jb__model_field(query->scope, query->model, word, "order");
        if (!field)
            return false;
        put_ordered(query, field, descending);
        put(query, ", ");
        last = descending;
        keyed = field == primary;
    }
    if (keyed)
        query->sql.size -= 2;
    else
        put_ordered(query, primary, last); /* in the direction of the last one, so that an index can be walked backwards */
    return true;
}

static bool page(struct query *query, int64_t limit, int64_t offset)
{
    if (limit < 0 || offset < 0)
        return jb_fail(query->scope, JB_INVALID, "%s", JB_L(query->scope, "쪽 번호는 1 이상이어야 합니다.", "A page number is 1 or more."));
    if (limit > 0 || offset > 0) {
        put(query, " limit ? offset ?");
        arg_add(query, jb_v_int(limit > 0 ? limit : INT64_MAX));
        arg_add(query, jb_v_int(offset));
    }
    return true;
}

static void put_columns(struct query *query)
{
    bool first = true;

    for (const struct jb_field *field = query->model->record.fields; field->type != JB_END; field++)
        if (jb__field_is_stored(field)) {
            put(query, first ? "" : ", ");
            put_field(query, field);
            first = false;
        }
}

static void put_table(struct query *query)
{
    jb__put_name(&query->sql, jb_model_table(query->model));
}

/* select … from … where … order by … limit … */
static bool select_text(struct query *query, const struct jb_select *what, int64_t limit)
{
    put(query, "select ");
    put_columns(query);
    put(query, " from ");
    put_table(query);
    return where(query, what) && order(query, what) && page(query, limit, what->offset);
}

static struct jb__statement statement_of(const struct query *query, struct jb__sink *sink, int64_t row_limit)
{
    return (struct jb__statement){ .sql = jb_buf_str(&query->sql), .args = query->args, .arg_count = query->arg_count, .live = query->model->live, .reads = query->reads, .in_order = true, .row_limit = row_limit, .sink = sink, .model = query->model };
}

bool jb__select_statement(struct jb_scope *scope, const struct jb_model *model, const struct jb_select *what, struct jb__statement *ret_statement)
{
    struct query query;

    query_init(&query, scope, model);
    bool ok = select_text(&query, what, what->limit);
    if (ok) {
        struct jb__statement statement = statement_of(&query, NULL, 0);
        statement.sql = jb_copy(scope, statement.sql);
        *ret_statement = statement;
    }
    query_done(&query);
    return ok;
}

/* ---- rows ------------------------------------------------------------------------------------------------------------------------------ */

static bool select_into(struct jb_scope *scope, const struct jb_model *model, const struct jb_select *what, int64_t limit, struct jb__sink *sink)
{
    struct query query;

    query_init(&query, scope, model);
    bool ok = select_text(&query, what, limit);
    if (ok) {
        struct jb__statement statement = statement_of(&query, sink, limit);
        ok = jb__run(scope, &statement);
    }
    query_done(&query);
    return ok;
}

static struct jb_rows *rows_of(struct jb_scope *scope, const struct jb__sink *sink)
{
    struct jb_rows *rows = JB_NEW(scope, struct jb_rows);
    *rows = (struct jb_rows){ sink->record, sink->count, sink->data };
    return rows;
}

struct jb_rows *jb_select_rows(struct jb_scope *scope, const struct jb_model *model, const struct jb_select *what)
{
    struct jb__sink sink;
    bool stated = what->limit != 0;
    int64_t limit = stated ? JB_MIN(what->limit, JB_ROWS_MAX) : JB_ROWS_MAX + 1;

    jb__sink_init(&sink, scope, &model->record, (size_t)JB_MAX(limit, 0));
    if (!select_into(scope, model, what, limit, &sink))
        return NULL;
    if (sink.count > JB_ROWS_MAX) {
        jb_fail(scope, JB_LIMIT, JB_L(scope, "%d행이 넘습니다. 조건을 더 넣으세요.", "More than %d rows. Narrow the selection."), JB_ROWS_MAX);
        return NULL;
    }
    return rows_of(scope, &sink);
}

bool jb_first_row(struct jb_scope *scope, const struct jb_model *model, void *ret_row, const struct jb_select *what)
{
    struct jb__sink sink;

    jb__sink_init(&sink, scope, &model->record, 1);
    if (!select_into(scope, model, what, 1, &sink) || sink.count == 0)
        return false;
    memcpy(ret_row, sink.data, model->record.size);
    return true;
}

bool jb_get(struct jb_scope *scope, const struct jb_model *model, int64_t id, void *ret_row)
{
    const struct jb_condition by_id[] = { { .field = jb_str_of(jb_model_primary(model)->name), .op = JB_EQUAL, .value = jb_v_int(id) }, { .op = JB_OP_END } };

    if (jb_first(scope, model, ret_row, .conditions = by_id))
        return true;
    return !jb_failure(scope) && jb__fail_gone(scope, model, id);
}

/* ---- one number about many rows ---------------------------------------------------------------------------------------------------------- */

struct number {
    int64_t number;
};
static const struct jb_record number_record = JB_RECORD(number, JB_FIELD(number, number));

int64_t jb_count_rows(struct jb_scope *scope, const struct jb_model *model, const struct jb_select *what)
{
    struct query query;
    struct jb__sink sink;

    query_init(&query, scope, model);
    jb__sink_init(&sink, scope, &number_record, 1);
    put(&query, "select count(*) from ");
    put_table(&query);
    bool ok = where(&query, what);
    if (ok) {
        struct jb__statement statement = statement_of(&query, &sink, 0);
        ok = jb__run(scope, &statement);
    }
    query_done(&query);
    return ok ? ((struct number *)sink.data)->number : -1;
}

#define SUMS_MAX 32

/* One DECIMAL column for each summed field; ints are decimals without decimals. */
static bool sum_columns(struct query *query, const char *fields, struct jb_field *columns, size_t *ret_count)
{
    struct jb_str rest = jb_str_of(fields), word;
    bool descending;
    size_t count = 0;

    while ((word = jb__list_word(&rest, &descending)).data) {
        const struct jb_field *field = jb__model_field(query->scope, query->model, word, "sum");
        if (!field)
            return false;
        JB_CHECK(count < SUMS_MAX && (field->type == JB_DECIMAL || field->type == JB_INT32 || field->type == JB_INT64));
        columns[count] = (struct jb_field){ .name = field->name, .type = JB_DECIMAL, .size = sizeof(struct jb_decimal), .offset = count * sizeof(struct jb_decimal), .digits = JB_DECIMAL_DIGITS_MAX, .decimals = field->decimals };
        put(query, count++ ? ", coalesce(sum(" : "coalesce(sum(");
        put_field(query, field);
        put(query, "), 0)");
    }
    columns[count] = (struct jb_field){ 0 };
    *ret_count = count;
    return true;
}

bool jb_sum_rows(struct jb_scope *scope, const struct jb_model *model, const struct jb_select *what, const char *fields, struct jb_decimal *ret_sums)
{
    struct jb_field columns[SUMS_MAX + 1];
    struct query query;
    struct jb__sink sink;
    size_t count;

    query_init(&query, scope, model);
    put(&query, "select ");
    bool ok = sum_columns(&query, fields, columns, &count);
    struct jb_record record = { "sums", SUMS_MAX * sizeof(struct jb_decimal), columns };
    put(&query, " from ");
    put_table(&query);
    ok = ok && where(&query, what);
    if (ok) {
        jb__sink_init(&sink, scope, &record, 1);
        struct jb__statement statement = statement_of(&query, &sink, 0);
        ok = jb__run(scope, &statement);
    }
    query_done(&query);
    if (ok)
        memcpy(ret_sums, sink.data, count * sizeof *ret_sums);
    return ok;
}

/* With an index that begins with the field: from each value one seek to the next, so that a million rows of ten values cost ten steps. Without: one pass that stops early. */
static void distinct_text(struct query *query, const struct jb_field *field, int64_t limit)
{
    struct jb__indexes *indexes = JB_NEW(query->scope, struct jb__indexes);
    const char *name = field->name;

    jb__indexes_of(query->scope, query->model, jb_model_table(query->model), indexes);
    if (jb__index_leads(indexes, name)) {
        struct jb_str table = jb_model_table(query->model);
        put(query, jb_format(query->scope, "with recursive seek(x) as (select min(\"%s\") from \"%.*s\" union all select (select min(\"%s\") from \"%.*s\" where \"%s\" > seek.x) from seek where seek.x is not null limit ?)",
                       name, JB_FMT(table), name, JB_FMT(table), name)
                       .data);
        put(query, jb_format(query->scope, " select x as \"%s\" from seek where x is not null order by 1 limit ?", name).data);
        arg_add(query, jb_v_int(limit));
    } else {
        put(query, "select ");
        put_field(query, field);
        put(query, " from (select distinct ");
        put_field(query, field);
        put(query, " from ");
        put_table(query);
        put(query, " where ");
        put_field(query, field);
        put(query, " is not null limit ?) order by 1 limit ?");
        arg_add(query, jb_v_int(limit));
    }
    arg_add(query, jb_v_int(limit));
}

struct jb_rows *jb_distinct(struct jb_scope *scope, const struct jb_model *model, const char *name, int64_t limit)
{
    const struct jb_field *field = jb__model_field(scope, model, jb_str_of(name), "distinct");
    struct query query;
    struct jb__sink sink;

    if (!field)
        return NULL;
    JB_CHECK(limit > 0 && limit <= JB_ROWS_MAX);
    const struct jb_record *record = jb_record_layout(scope, name, field, 1);
    query_init(&query, scope, model);
    jb__sink_init(&sink, scope, record, (size_t)limit);
    distinct_text(&query, field, limit);
    struct jb__statement statement = statement_of(&query, &sink, 0);
    bool ok = jb__run(scope, &statement);
    query_done(&query);
    return ok ? rows_of(scope, &sink) : NULL;
}
