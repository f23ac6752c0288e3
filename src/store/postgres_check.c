/* postgres_check.c — what a model's check_prepare reads, found out from the server and held.
 *
 * At read committed a month can be closed between the look at the closed months and the commit of an entry. So the tables that check_prepare has read (pg_locks knows them) are locked against writers, and it is called once more:
 * whoever closes a month waits for the entries that are being saved, and those that come later see it closed. Two forms of one model do not wait for each other, unless the check reads their own table: there the lock excludes
 * itself, because two that both hold it could never write. */
// SPDX-License-Identifier: Apache-2.0
#include "store/postgres_private.h"

#define TABLES_MAX 1000

static const struct jb_record read_record = JB_RECORD(jb__pg_read_table, JB_FIELD(jb__pg_read_table, name), JB_FIELD(jb__pg_read_table, own));

bool jb__pg_tables_read(struct jb_scope *scope, const struct jb_model *model, const struct jb__pg_read_table **ret_tables, size_t *ret_count)
{
    struct jb_value own = jb_v_text(jb_format(scope, "\"%.*s\"", JB_FMT(jb_model_table(model))));
    struct jb__sink sink;
    struct jb__statement statement = {
        .sql = JB_STR("select distinct c.oid::regclass::text, c.oid is not distinct from to_regclass(?) from pg_locks l join pg_class c on c.oid = l.relation where l.pid = pg_backend_pid() and l.locktype = 'relation'"
                      " and l.mode in ('AccessShareLock', 'RowShareLock') and c.relkind in ('r', 'p') and c.relnamespace <> 'pg_catalog'::regnamespace and c.relnamespace is distinct from to_regnamespace('jb_stage') order by 1"),
        .args = &own,
        .arg_count = 1,
        .in_order = true,
        .sink = &sink,
        .row_limit = TABLES_MAX,
    };

    jb__sink_init(&sink, scope, &read_record, TABLES_MAX);
    if (!jb__run(scope, &statement))
        return false;
    *ret_tables = (const struct jb__pg_read_table *)(const void *)sink.data;
    *ret_count = sink.count;
    return true;
}

bool jb__pg_check_prepare(struct jb_scope *scope, const struct jb_model *model, void **ret_state)
{
    const struct jb__pg_read_table *tables;
    size_t count;
    bool ok = model->check_prepare(scope, ret_state) && jb__pg_tables_read(scope, model, &tables, &count);

    /* in the order of their names, so that nobody waits in a circle */
    for (size_t i = 0; ok && i < count; i++) {
        struct jb__statement lock = { .sql = jb_format(scope, "lock table %.*s in %s mode", JB_FMT(tables[i].name), tables[i].own ? "share row exclusive" : "share"), .write = true, .model = model };
        ok = jb__run(scope, &lock);
    }
    return ok && (count == 0 || model->check_prepare(scope, ret_state));
}
