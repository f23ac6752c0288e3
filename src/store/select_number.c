/* select_number.c — one number, or a few values, about many rows. */
// SPDX-License-Identifier: Apache-2.0
#include "store/ddl.h"
#include "store/select_private.h"
#include <string.h>

struct number {
    int64_t number;
};
static const struct jb_record number_record = JB_RECORD(number, JB_FIELD(number, number));

/* The number of the first row of HEAD … TAIL; left alone when there is none. */
static bool number_of(struct jb_scope *scope, const struct jb_model *model, const struct jb_select *what, const char *head, const char *tail, int64_t row_limit, int64_t *number)
{
    struct jb__query query;
    struct jb__sink sink;

    jb__query_init(&query, scope, model);
    jb__sink_init(&sink, scope, &number_record, 1);
    bool ok = jb__query_where(&query, what);
    if (ok) {
        jb__query_put(&query, tail);
        jb_buf_put_z(&query.head, head);
        ok = jb__query_finish(&query);
    }
    if (ok) {
        struct jb__statement statement = jb__query_statement(&query, &sink, row_limit);
        ok = jb__run(scope, &statement);
    }
    jb__query_done(&query);
    if (ok && sink.count > 0)
        *number = ((struct number *)sink.data)->number;
    return ok;
}

int64_t jb_count_rows(struct jb_scope *scope, const struct jb_model *model, const struct jb_select *what)
{
    int64_t count = 0;
    return number_of(scope, model, what, "select count(*)", "", 0, &count) ? count : -1;
}

bool jb_exists_row(struct jb_scope *scope, const struct jb_model *model, const struct jb_select *what)
{
    int64_t one = 0;
    return number_of(scope, model, what, "select 1", " limit 1", 1, &one) && one == 1;
}

#define SUMS_MAX 32

/* One DECIMAL column for each summed field; ints are decimals without decimals. */
static bool sum_columns(struct jb__query *query, const char *fields, struct jb_field *columns, size_t *ret_count)
{
    struct jb_str rest = jb_str_of(fields), word;
    bool descending;
    size_t count = 0;

    while ((word = jb__list_word(&rest, &descending)).data) {
        const struct jb_field *field = jb__model_field(query->scope, query->model, word, "sum");
        if (!field)
            return false;
        JB_CHECK(count < SUMS_MAX && (field->type == JB_DECIMAL || field->type == JB_INT32 || field->type == JB_INT64));
        columns[count] = (struct jb_field){ .name = field->name, .type = JB_DECIMAL, .size = sizeof(struct jb_decimal), .offset = count * sizeof(struct jb_decimal), .digits = JB_DECIMAL_DIGITS_MAX, .decimals = field->decimals, .as_number = field->as_number };
        jb_buf_put_z(&query->head, count++ ? ", coalesce(sum(" : "select coalesce(sum(");
        jb__put_name(&query->head, jb_str_of(field->name));
        jb_buf_put_z(&query->head, "), 0)");
    }
    columns[count] = (struct jb_field){ 0 };
    *ret_count = count;
    return true;
}

bool jb_sum_rows(struct jb_scope *scope, const struct jb_model *model, const struct jb_select *what, const char *fields, struct jb_decimal *ret_sums)
{
    struct jb_field columns[SUMS_MAX + 1];
    struct jb__query query;
    struct jb__sink sink;
    size_t count;

    jb__query_init(&query, scope, model);
    bool ok = sum_columns(&query, fields, columns, &count);
    struct jb_record record = { "sums", SUMS_MAX * sizeof(struct jb_decimal), columns, NULL };
    ok = ok && jb__query_where(&query, what) && jb__query_finish(&query);
    if (ok) {
        jb__sink_init(&sink, scope, &record, 1);
        struct jb__statement statement = jb__query_statement(&query, &sink, 0);
        ok = jb__run(scope, &statement);
    }
    jb__query_done(&query);
    if (ok)
        memcpy(ret_sums, sink.data, count * sizeof *ret_sums);
    return ok;
}

/* With an index that begins with the field: from each value one seek to the next, so that a million rows of ten values cost ten steps. Without: one pass that stops early. */
static void distinct_text(struct jb__query *query, const struct jb_field *field, int64_t limit)
{
    struct jb__indexes *indexes = JB_NEW(query->scope, struct jb__indexes);
    const char *name = field->name;

    jb__indexes_of(query->scope, query->model, jb_model_table(query->model), indexes);
    if (jb__index_leads(indexes, name) && field->type != JB_BOOL) { /* PostgreSQL knows no smallest truth */
        struct jb_str table = jb_model_table(query->model);
        jb_buf_put_z(&query->head, jb_format(query->scope, "with recursive seek(x, n) as (select min(\"%s\"), 1 from \"%.*s\" union all select (select min(\"%s\") from \"%.*s\" where \"%s\" > seek.x), n + 1 from seek where seek.x is not null and n < ?)",
                                       name, JB_FMT(table), name, JB_FMT(table), name)
                                       .data);
        jb_buf_put_z(&query->head, jb_format(query->scope, " select x as \"%s\" from seek where x is not null order by 1 limit ?", name).data);
        jb__query_arg(query, jb_v_int(limit));
    } else {
        jb_buf_put_z(&query->head, "select ");
        jb__put_name(&query->head, jb_str_of(field->name));
        jb_buf_put_z(&query->head, " from (select distinct ");
        jb__put_name(&query->head, jb_str_of(field->name));
        jb_buf_put_z(&query->head, " from ");
        jb__put_name(&query->head, jb_model_table(query->model));
        jb_buf_put_z(&query->head, " where ");
        jb__put_name(&query->head, jb_str_of(field->name));
        jb_buf_put_z(&query->head, " is not null limit ?) as few order by 1 limit ?");
        jb__query_arg(query, jb_v_int(limit));
    }
    jb__query_arg(query, jb_v_int(limit));
}

struct jb_rows *jb_distinct(struct jb_scope *scope, const struct jb_model *model, const char *name, int64_t limit)
{
    const struct jb_field *field = jb__model_field(scope, model, jb_str_of(name), "distinct");
    struct jb__query query;
    struct jb__sink sink;

    if (!field)
        return NULL;
    JB_CHECK(limit > 0 && limit <= JB_ROWS_MAX);
    const struct jb_record *record = jb_record_layout(scope, name, field, 1);
    jb__query_init(&query, scope, model);
    jb__sink_init(&sink, scope, record, (size_t)limit);
    distinct_text(&query, field, limit);
    struct jb__statement statement = jb__query_statement(&query, &sink, 0);
    bool ok = jb__run(scope, &statement);
    jb__query_done(&query);
    if (!ok)
        return NULL;
    struct jb_rows *rows = JB_NEW(scope, struct jb_rows);
    *rows = (struct jb_rows){ record, sink.count, sink.data };
    return rows;
}
