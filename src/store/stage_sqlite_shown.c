/* stage_sqlite_shown.c — what a preview showed, in the staging file. */
// SPDX-License-Identifier: Apache-2.0
#include "store/stage_shown.h"
#include "store/stage_sqlite.h"

static struct jb__shown_names names_of(struct jb_scope *scope, const struct jb_stage *stage)
{
    struct jb_str table = jb__stage_table(scope, stage), key = jb__quoted(scope, jb__stage_key(stage)->name);

    return (struct jb__shown_names){
        .rows = jb_format(scope, "main.%.*s", JB_FMT(table)),
        .match = JB_STR("main.jb_match"),
        .shown = JB_STR("main.jb_shown"),
        .table = jb_format(scope, "target.%.*s", JB_FMT(table)),
        .primary = jb__quoted(scope, jb_model_primary(stage->model)->name),
        .id = "id",
        .row = "rowid",
        .key = stage->by_id ? JB_STR("(select cast(k.key as text) from main.jb_key k where k.id = d.id)") : jb_format(scope, "cast(s.%.*s as text)", JB_FMT(key)),
    };
}

bool jb__sqlite_stage_show(struct jb_stage *stage, struct jb_scope *scope)
{
    struct jb__shown_names names = names_of(scope, stage);
    struct jb_str create = jb__shown_create_sql(scope, stage, &names);

    return jb__stage_exec(stage, scope, jb_format(scope, "%.*s; create index main.jb_shown_id on jb_shown (id); create index main.jb_shown_target on jb_shown (target)", JB_FMT(create)).data);
}

bool jb__sqlite_stage_shown(struct jb_stage *stage, struct jb_scope *scope, bool *ret_there)
{
    int64_t tables;

    if (!jb__stage_int(stage, scope, "select count(*) from main.sqlite_master where name = 'jb_shown'", &tables))
        return false;
    *ret_there = tables > 0;
    return true;
}

bool jb__sqlite_stage_differ(struct jb_stage *stage, struct jb_scope *scope, int64_t limit, jb_stage_differ_fn *each, void *arg, int64_t *ret_count)
{
    struct jb__shown_names names = names_of(scope, stage);
    struct jb_str sql = jb__shown_differ_sql(scope, stage, &names);
    sqlite3_stmt *statement = jb__stage_prepare(stage, scope, jb_format(scope, "%.*s order by d.id", JB_FMT(sql)).data);
    int64_t count = 0;
    bool ok = statement != NULL;

    while (ok && jb__stage_step(stage, scope, statement)) {
        const char *key = count < limit ? (const char *)sqlite3_column_text(statement, 3) : NULL;
        if (count++ < limit)
            ok = each(arg, scope, sqlite3_column_int64(statement, 0) - stage->sqlite.id_base, sqlite3_column_int(statement, 1), sqlite3_column_int(statement, 2), key ? jb_copy(scope, jb_str_of(key)) : JB_STR_NULL);
    }
    sqlite3_finalize(statement);
    *ret_count = count;
    return ok && !jb_failure(scope);
}
