/* introspect_sqlite.c — what stands in a SQLite file: its own table-valued pragmas, asked in three questions. */
// SPDX-License-Identifier: Apache-2.0
#include "store/introspect_private.h"

#define ROWS_MAX ((size_t)1000000)
/* Shadow and virtual tables are the machinery of an extension. */
#define TABLES " from pragma_table_list l"
#define OF_TABLES " where l.schema = 'main' and l.type in ('table', 'view') and l.name not like 'sqlite\\_%' escape '\\'"

static const struct jb_record column_record = JB_RECORD(jb__found_column,
    JB_FIELD(jb__found_column, table), JB_FIELD(jb__found_column, view), JB_FIELD(jb__found_column, name), JB_FIELD(jb__found_column, type), JB_FIELD(jb__found_column, default_sql),
    JB_FIELD(jb__found_column, not_null), JB_FIELD(jb__found_column, computed), JB_FIELD(jb__found_column, numbered), JB_FIELD(jb__found_column, key), JB_FIELD(jb__found_column, columns));
static const struct jb_record reference_record = JB_RECORD(jb__found_reference,
    JB_FIELD(jb__found_reference, table), JB_FIELD(jb__found_reference, column), JB_FIELD(jb__found_reference, target), JB_FIELD(jb__found_reference, target_column), JB_FIELD(jb__found_reference, on_delete));
static const struct jb_record index_record = JB_RECORD(jb__found_index,
    JB_FIELD(jb__found_index, table), JB_FIELD(jb__found_index, columns), JB_FIELD(jb__found_index, is_unique), JB_FIELD(jb__found_index, plain));

/* INTEGER PRIMARY KEY is the row's number itself, unless the table has no such numbers. */
static const char columns_sql[] =
    "select l.name, l.type = 'view', x.name, coalesce(x.type, ''), x.dflt_value, x.\"notnull\", x.hidden in (2, 3), lower(x.type) = 'integer' and x.pk = 1 and l.wr = 0,"
    " x.pk, (select count(*) from pragma_table_xinfo(l.name, 'main') k where k.pk > 0)" TABLES " join pragma_table_xinfo(l.name, 'main') x" OF_TABLES " and x.hidden <> 1 order by l.name, x.cid";
static const char references_sql[] =
    "select l.name, f.\"from\", f.\"table\", f.\"to\", upper(f.on_delete)" TABLES " join pragma_foreign_key_list(l.name, 'main') f" OF_TABLES
    " and (select count(*) from pragma_foreign_key_list(l.name, 'main') g where g.id = f.id) = 1 order by l.name, f.id desc";
static const char indexes_sql[] =
    "select l.name, (select group_concat(coalesce(c.name, ''), char(10)) from pragma_index_info(i.name, 'main') c), i.\"unique\","
    " i.partial = 0 and not exists (select 1 from pragma_index_info(i.name, 'main') c where c.name is null)" TABLES " join pragma_index_list(l.name, 'main') i" OF_TABLES " order by l.name, i.seq desc";

static bool ask(struct jb_scope *scope, const char *sql, const struct jb_record *record, void **ret_rows, size_t *ret_count)
{
    struct jb__sink sink;

    jb__sink_init(&sink, scope, record, ROWS_MAX);
    struct jb__statement statement = { .sql = jb_str_of(sql), .in_order = true, .sink = &sink };
    bool ok = jb__run(scope, &statement);
    *ret_rows = sink.data;
    *ret_count = sink.count;
    return ok;
}

bool jb__sqlite_describe(struct jb_db *db, struct jb_scope *scope, struct jb__found *ret_found)
{
    (void)db;
    return ask(scope, columns_sql, &column_record, (void **)&ret_found->columns, &ret_found->column_count) &&
           ask(scope, references_sql, &reference_record, (void **)&ret_found->references, &ret_found->reference_count) &&
           ask(scope, indexes_sql, &index_record, (void **)&ret_found->indexes, &ret_found->index_count);
}

static bool has_part(struct jb_str type, const char *part)
{
    return jb_str_find(type, jb_str_of(part), 0) != SIZE_MAX;
}

/* A type is a hint in SQLite: only names that say one thing become a member of that kind. */
bool jb__sqlite_kind(struct jb_str type, struct jb_field *field)
{
    int first, second;
    struct jb_str name = jb__kind_numbers(type, &first, &second);

    field->type = JB_TEXT;
    if (name.size == 0 || has_part(name, "blob") || has_part(name, "binary"))
        return false;
    if (jb_str_is(name, "bool") || jb_str_is(name, "boolean")) {
        field->type = JB_BOOL;
    } else if (jb_str_is(name, "date")) {
        field->type = JB_DATE;
    } else if (jb_str_is(name, "datetime") || jb_str_is(name, "timestamp")) {
        field->type = JB_TIME;
    } else if (has_part(name, "char") || has_part(name, "text") || has_part(name, "clob")) {
        field->length_max = first > 0 ? first : 0;
        field->long_text = first <= 0;
    } else if (has_part(name, "int") && !has_part(name, "interval") && !has_part(name, "point")) {
        field->type = JB_INT64;
    } else if (jb_str_is(name, "decimal") || jb_str_is(name, "numeric")) {
        field->as_number = true;
        if (first >= 1 && first <= JB_DECIMAL_DIGITS_MAX) {
            field->type = JB_DECIMAL;
            field->digits = first;
            field->decimals = second > 0 ? second : 0;
        }
    } else {
        field->as_text = true;
    }
    return true;
}
