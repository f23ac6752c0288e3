/* stage_postgres_shown.c — what a preview showed, in a table beside the staged rows. */
// SPDX-License-Identifier: Apache-2.0
#include "store/stage_shown.h"
#include "store/stage_postgres.h"

struct differ {
    int64_t id, was, now;
    struct jb_str key;
};
static const struct jb_record differ_record = JB_RECORD(differ, JB_FIELD(differ, id), JB_FIELD(differ, was), JB_FIELD(differ, now), JB_FIELD(differ, key));

static struct jb__shown_names names_of(struct jb_scope *scope, const struct jb_stage *stage)
{
    struct jb_str key = jb__quoted(scope, jb__stage_key(stage)->name);

    return (struct jb__shown_names){
        .rows = jb__pg_stage_rows(scope, stage),
        .match = jb__pg_stage_match(scope, stage),
        .shown = jb__pg_stage_shown_table(scope, stage),
        .table = jb__stage_table(scope, stage),
        .primary = jb__pg_stage_primary(scope, stage),
        .id = "row",
        .row = "jb_row",
        .key = stage->by_id ? JB_STR("cast(s.jb_key as text)") : jb_format(scope, "cast(s.%.*s as text)", JB_FMT(key)),
    };
}

/* A real table: what is sealed must outlive a crash of the server. */
bool jb__pg_stage_show(struct jb_stage *stage, struct jb_scope *scope)
{
    struct jb__shown_names names = names_of(scope, stage);
    struct jb_str create = jb__shown_create_sql(scope, stage, &names);

    return jb__pg_stage_flush(stage, scope) && jb__pg_exec_on(stage->pg.connection, scope, jb_format(scope, "%.*s; create index on %.*s (id); analyze %.*s", JB_FMT(create), JB_FMT(names.shown), JB_FMT(names.shown)).data);
}

bool jb__pg_stage_shown(struct jb_stage *stage, struct jb_scope *scope, bool *ret_there)
{
    struct jb_str name = jb__literal(scope, jb__pg_stage_shown_table(scope, stage));
    int64_t tables;

    if (!jb__pg_stage_int(stage, scope, jb_format(scope, "select count(*) from pg_class where oid = to_regclass(%.*s)", JB_FMT(name)), &tables))
        return false;
    *ret_there = tables > 0;
    return true;
}

bool jb__pg_stage_differ(struct jb_stage *stage, struct jb_scope *scope, int64_t limit, jb_stage_differ_fn *each, void *arg, int64_t *ret_count)
{
    struct jb__shown_names names = names_of(scope, stage);
    struct jb_str sql = jb__shown_differ_sql(scope, stage, &names);
    struct jb__sink sink;

    if (!jb__pg_stage_int(stage, scope, jb_format(scope, "select count(*) from (%.*s) n", JB_FMT(sql)), ret_count))
        return false;
    jb__sink_init(&sink, scope, &differ_record, (size_t)limit);
    if (*ret_count > 0 && !jb__pg_stage_read(stage, scope, jb_format(scope, "%.*s order by 1 limit %lld", JB_FMT(sql), (long long)limit), &sink))
        return false;
    for (size_t i = 0; *ret_count > 0 && i < sink.count; i++) {
        const struct differ *differ = (const struct differ *)(const void *)sink.data + i;
        if (!each(arg, scope, differ->id, (int)differ->was, (int)differ->now, differ->key))
            return false;
    }
    return true;
}
