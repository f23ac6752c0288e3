/* postgres_catalog.c — pg_catalog, read in three questions. */
// SPDX-License-Identifier: Apache-2.0
#include "store/postgres_catalog.h"
#include <string.h>

#define ROWS_MAX ((size_t)1000000)

static const struct jb_record column_record = JB_RECORD(jb__pg_has_column,
    JB_FIELD(jb__pg_has_column, table), JB_FIELD(jb__pg_has_column, name), JB_FIELD(jb__pg_has_column, type), JB_FIELD(jb__pg_has_column, default_sql),
    JB_FIELD(jb__pg_has_column, not_null), JB_FIELD(jb__pg_has_column, identity), JB_FIELD(jb__pg_has_column, by_bytes), JB_FIELD(jb__pg_has_column, ours), JB_FIELD(jb__pg_has_column, kind), JB_FIELD(jb__pg_has_column, generated));
static const struct jb_record constraint_record = JB_RECORD(jb__pg_has_constraint,
    JB_FIELD(jb__pg_has_constraint, table), JB_FIELD(jb__pg_has_constraint, name), JB_FIELD(jb__pg_has_constraint, kind), JB_FIELD(jb__pg_has_constraint, rule),
    JB_FIELD(jb__pg_has_constraint, column), JB_FIELD(jb__pg_has_constraint, target), JB_FIELD(jb__pg_has_constraint, target_column), JB_FIELD(jb__pg_has_constraint, on_delete),
    JB_FIELD(jb__pg_has_constraint, valid), JB_FIELD(jb__pg_has_constraint, deferrable));
static const struct jb_record index_record = JB_RECORD(jb__pg_has_index,
    JB_FIELD(jb__pg_has_index, table), JB_FIELD(jb__pg_has_index, name), JB_FIELD(jb__pg_has_index, condition), JB_FIELD(jb__pg_has_index, shape),
    JB_FIELD(jb__pg_has_index, is_unique), JB_FIELD(jb__pg_has_index, valid), JB_FIELD(jb__pg_has_index, of_constraint), JB_FIELD(jb__pg_has_index, primary_key), JB_FIELD(jb__pg_has_index, plain));

/* %s: which tables. to_jsonb reads a column of pg_database that versions before 15 do not have. */
#define TABLES \
    " pg_class c left join pg_description t on t.objoid = c.oid and t.classoid = 'pg_class'::regclass and t.objsubid = 0"
#define OF_TABLES \
    " c.relnamespace = (select oid from pg_namespace where nspname = current_schema()) and %s"
#define EVERYTHING "c.relkind in ('r', 'p', 'v', 'm', 'f') and not c.relispartition"

static const char columns_sql[] =
    "select c.relname::text, a.attname::text, format_type(a.atttypid, a.atttypmod), pg_get_expr(d.adbin, d.adrelid), a.attnotnull, a.attidentity <> '',"
    " coalesce(l.collname in ('C', 'POSIX', 'ucs_basic', 'C.utf8', 'C.UTF-8') or (l.collname = 'default' and"
    " (select datcollate in ('C', 'POSIX', 'C.utf8', 'C.UTF-8') and coalesce(to_jsonb(b) ->> 'datlocprovider', 'c') <> 'i' from pg_database b where datname = current_database())), true),"
    " coalesce(t.description like 'jangbu %%', false), c.relkind::text, a.attgenerated <> ''"
    " from" TABLES " join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped"
    " left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum left join pg_collation l on l.oid = a.attcollation"
    " where" OF_TABLES " order by c.relname, a.attnum";

static const char constraints_sql[] =
    "select c.relname::text, k.conname::text, k.contype::text, case k.contype when 'c' then pg_get_expr(k.conbin, k.conrelid) end,"
    " case when array_length(k.conkey, 1) = 1 then (select attname::text from pg_attribute where attrelid = k.conrelid and attnum = k.conkey[1]) end,"
    " (select relname::text from pg_class f where f.oid = k.confrelid and f.relnamespace = c.relnamespace),"
    " case when array_length(k.confkey, 1) = 1 then (select attname::text from pg_attribute where attrelid = k.confrelid and attnum = k.confkey[1]) end, k.confdeltype::text, k.convalidated, k.condeferrable"
    " from" TABLES " join pg_constraint k on k.conrelid = c.oid and k.contype in ('c', 'f', 'p')"
    " where" OF_TABLES " order by c.relname, k.conname";

static const char indexes_sql[] =
    "select c.relname::text, x.relname::text, pg_get_expr(i.indpred, i.indrelid),"
    " (select string_agg(a.attname || ' ' || i.indoption[s], e'\\n' order by s) from generate_series(0, i.indnkeyatts - 1) s join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[s]),"
    " i.indisunique, i.indisvalid, exists (select from pg_constraint k where k.conindid = x.oid and k.contype in ('p', 'u', 'x')), i.indisprimary,"
    " m.amname = 'btree' and i.indexprs is null and not exists (select from unnest(i.indclass) o join pg_opclass p on p.oid = o where not p.opcdefault)"
    " from" TABLES " join pg_index i on i.indrelid = c.oid join pg_class x on x.oid = i.indexrelid join pg_am m on m.oid = x.relam"
    " where" OF_TABLES " order by c.relname, x.relname";

static bool ask(struct jb__pg_connection *connection, struct jb_scope *scope, const char *format, struct jb_str names, const struct jb_record *record, void **ret_rows, size_t *ret_count)
{
    struct jb_buf sql = JB_BUF_INIT(JB__PG_SQL_MAX);
    struct jb__sink sink;

    jb__sink_init(&sink, scope, record, ROWS_MAX);
    jb_buf_printf(&sql, format, names.data);
    struct jb__statement statement = { .sql = jb_buf_str(&sql), .in_order = true, .sink = &sink };
    bool ok = jb__pg_run_once(connection, scope, &statement);
    jb_buf_done(&sql);
    *ret_rows = sink.data;
    *ret_count = sink.count;
    return ok;
}

bool jb__pg_catalog_read(struct jb__pg_connection *connection, struct jb_scope *scope, const struct jb_model *const *models, struct jb__pg_catalog *ret_catalog)
{
    struct jb_buf names = JB_BUF_INIT(JB__PG_SQL_MAX);
    bool all = !models;

    jb_buf_put_z(&names, models ? "c.relkind in ('r', 'p') and (c.relname in (''" : EVERYTHING);
    for (; models && *models; models++) {
        jb_buf_put_z(&names, ", ");
        jb__put_literal(&names, jb_model_table(*models));
    }
    jb_buf_put_z(&names, all ? "" : ") or t.description like 'jangbu %')");
    struct jb_str list = jb_copy(scope, jb_buf_str(&names));
    jb_buf_done(&names);
    *ret_catalog = (struct jb__pg_catalog){ 0 };
    return ask(connection, scope, columns_sql, list, &column_record, (void **)&ret_catalog->columns, &ret_catalog->column_count) &&
           ask(connection, scope, constraints_sql, list, &constraint_record, (void **)&ret_catalog->constraints, &ret_catalog->constraint_count) &&
           ask(connection, scope, indexes_sql, list, &index_record, (void **)&ret_catalog->indexes, &ret_catalog->index_count);
}

bool jb__pg_has_table(const struct jb__pg_catalog *catalog, struct jb_str table)
{
    for (size_t i = 0; i < catalog->column_count; i++)
        if (jb_str_equal(catalog->columns[i].table, table))
            return true;
    return false;
}

bool jb__pg_table_is_ours(const struct jb__pg_catalog *catalog, struct jb_str table)
{
    for (size_t i = 0; i < catalog->column_count; i++)
        if (jb_str_equal(catalog->columns[i].table, table))
            return catalog->columns[i].ours;
    return false;
}

const struct jb__pg_has_column *jb__pg_find_column(const struct jb__pg_catalog *catalog, struct jb_str table, struct jb_str name)
{
    for (size_t i = 0; i < catalog->column_count; i++)
        if (jb_str_equal(catalog->columns[i].name, name) && jb_str_equal(catalog->columns[i].table, table))
            return &catalog->columns[i];
    return NULL;
}
