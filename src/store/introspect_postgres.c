/* introspect_postgres.c — what stands in a PostgreSQL schema, from the same questions to pg_catalog that migrations ask. */
// SPDX-License-Identifier: Apache-2.0
#include "store/introspect_private.h"
#include "store/postgres_catalog.h"
#include <string.h>

static bool is_in(struct jb_str text, const char *words)
{
    struct jb_str rest = jb_str_of(words);

    while (rest.data)
        if (jb_str_equal(jb_str_cut(&rest, ','), text))
            return true;
    return false;
}

/* "name option" lines → names. */
static struct jb_str shape_names(struct jb_scope *scope, struct jb_str shape)
{
    struct jb_buf names = JB_BUF_INIT(JB__SQL_BYTES_MAX);

    while (shape.data) {
        struct jb_str line = jb_str_cut(&shape, '\n');
        while (line.size > 0 && line.data[line.size - 1] != ' ')
            line.size--;
        jb_buf_printf(&names, "%s%.*s", names.size ? "\n" : "", JB_FMT(jb_str_slice(line, 0, line.size - 1)));
    }
    struct jb_str copy = jb_copy(scope, jb_buf_str(&names));
    jb_buf_done(&names);
    return copy;
}

/* Where the column stands in the primary key. */
static void find_key(struct jb_scope *scope, const struct jb__pg_catalog *catalog, struct jb__found_column *column)
{
    for (size_t i = 0; i < catalog->index_count; i++) {
        const struct jb__pg_has_index *index = &catalog->indexes[i];
        if (!index->primary_key || !index->shape.data || !jb_str_equal(index->table, column->table))
            continue;
        struct jb_str rest = shape_names(scope, index->shape);
        for (column->columns = 0; rest.data; column->columns++)
            if (jb_str_equal(jb_str_cut(&rest, '\n'), column->name))
                column->key = column->columns + 1;
    }
}

static void columns_of(struct jb_scope *scope, const struct jb__pg_catalog *catalog, struct jb__found *found)
{
    found->columns = JB_NEW_ARRAY(scope, struct jb__found_column, catalog->column_count + 1);
    for (size_t i = 0; i < catalog->column_count; i++) {
        const struct jb__pg_has_column *has = &catalog->columns[i];
        struct jb__found_column *column = &found->columns[found->column_count++];
        *column = (struct jb__found_column){
            .table = has->table,
            .name = has->name,
            .type = has->type,
            .default_sql = has->generated ? JB_STR_NULL : has->default_sql,
            .view = !is_in(has->kind, "r,p"),
            .not_null = has->not_null,
            .computed = has->generated,
            .numbered = has->identity || jb_str_starts(has->default_sql, JB_STR("nextval(")),
        };
        find_key(scope, catalog, column);
    }
}

static struct jb_str action(struct jb_str letter)
{
    if (jb_str_is(letter, "c"))
        return JB_STR("CASCADE");
    return jb_str_is(letter, "n") ? JB_STR("SET NULL") : JB_STR("RESTRICT");
}

static void references_of(struct jb_scope *scope, const struct jb__pg_catalog *catalog, struct jb__found *found)
{
    found->references = JB_NEW_ARRAY(scope, struct jb__found_reference, catalog->constraint_count + 1);
    for (size_t i = 0; i < catalog->constraint_count; i++) {
        const struct jb__pg_has_constraint *has = &catalog->constraints[i];
        if (jb_str_is(has->kind, "f") && has->column.data && has->target.data && has->target_column.data)
            found->references[found->reference_count++] = (struct jb__found_reference){ has->table, has->column, has->target, has->target_column, action(has->on_delete) };
    }
}

static void indexes_of(struct jb_scope *scope, const struct jb__pg_catalog *catalog, struct jb__found *found)
{
    found->indexes = JB_NEW_ARRAY(scope, struct jb__found_index, catalog->index_count + 1);
    for (size_t i = 0; i < catalog->index_count; i++) {
        const struct jb__pg_has_index *has = &catalog->indexes[i];
        if (has->shape.data)
            found->indexes[found->index_count++] = (struct jb__found_index){ has->table, shape_names(scope, has->shape), has->is_unique, has->plain && has->valid && !has->condition.data };
    }
}

bool jb__pg_describe(struct jb_db *db, struct jb_scope *scope, struct jb__found *ret_found)
{
    struct jb__pg_connection *connection = jb__pg_take(&jb__pg_of(db)->primary, scope, false);
    struct jb__pg_catalog catalog;

    bool ok = connection && jb__pg_catalog_read(connection, scope, NULL, &catalog);
    jb__pg_give(connection);
    if (!ok)
        return false;
    columns_of(scope, &catalog, ret_found);
    references_of(scope, &catalog, ret_found);
    indexes_of(scope, &catalog, ret_found);
    return true;
}

/* As format_type writes them. */
bool jb__pg_kind(struct jb_str type, struct jb_field *field)
{
    int first, second;
    struct jb_str name = jb__kind_numbers(type, &first, &second);

    field->type = JB_TEXT;
    if (jb_str_is(name, "bytea"))
        return false;
    if (jb_str_is(name, "boolean")) {
        field->type = JB_BOOL;
    } else if (is_in(name, "smallint,integer,bigint")) {
        field->type = jb_str_is(name, "bigint") ? JB_INT64 : JB_INT32;
        field->column_bytes = jb_str_is(name, "smallint") ? 2 : field->type == JB_INT32 ? 4
                                                                                        : 0;
    } else if (is_in(name, "character varying,character,text")) {
        field->length_max = first > 0 ? first : 0;
        field->long_text = first <= 0;
    } else if (jb_str_is(name, "numeric") && first >= 1 && first <= JB_DECIMAL_DIGITS_MAX && second >= 0 && second <= first) {
        field->type = JB_DECIMAL;
        field->digits = first;
        field->decimals = second;
    } else if (jb_str_is(name, "date")) {
        field->type = JB_DATE;
    } else if (jb_str_starts(name, JB_STR("timestamp")) && jb_str_ends(type, JB_STR("with time zone"))) {
        field->type = JB_TIME;
    } else {
        field->as_text = true;
    }
    return true;
}
