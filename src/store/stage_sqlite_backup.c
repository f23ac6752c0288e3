/* stage_sqlite_backup.c — a copy of the whole table in the staging file, from right before the merge; and the table made equal to it again. */
// SPDX-License-Identifier: Apache-2.0
#include "store/stage_sqlite.h"

#define SCHEMA "jb_stage"

static struct jb_str all_columns(struct jb_scope *scope, const struct jb_stage *stage, const char *pattern, const char *between)
{
    const struct jb_field *fields[JB_STAGE_COLUMNS_MAX];
    size_t count = jb__stage_stored(stage->model, true, fields);
    return jb__stage_list(scope, fields, count, pattern, between);
}

bool jb__sqlite_stage_backup(struct jb_stage *stage, struct jb_scope *scope, int64_t *ret_rows)
{
    struct jb_str table = jb__stage_table(scope, stage), primary = jb__quoted(scope, jb_model_primary(stage->model)->name), names = all_columns(scope, stage, "@", ", ");

    return jb__stage_exec(stage, scope,
               jb_format(scope,
                   "begin; drop table if exists main.jb_backup; create table main.jb_backup as select * from target.%.*s where 0; insert into main.jb_backup (rowid, %.*s) select %.*s, %.*s from target.%.*s order by %.*s; commit",
                   JB_FMT(table), JB_FMT(names), JB_FMT(primary), JB_FMT(names), JB_FMT(table), JB_FMT(primary))
                   .data) &&
           jb__stage_int(stage, scope, "select count(*) from main.jb_backup", ret_rows);
}

/* ---- comparing ------------------------------------------------------------------------------------------------------------------ */

static sqlite3_stmt *prepare_rows(struct jb_stage *stage, struct jb_scope *scope, const char *from)
{
    struct jb_str names = all_columns(scope, stage, "@", ", ");
    return jb__stage_prepare(stage, scope, jb_format(scope, "select %.*s from %s where rowid = ?", JB_FMT(names), from).data);
}

/* The model's check, for every row that would be written; the first refusal ends it. */
static bool check_rows(struct jb_stage *stage, struct jb_scope *scope, void *check_state, struct jb_str *ret_note)
{
    struct jb_str target = jb_format(scope, "target.%.*s", JB_FMT(jb__stage_table(scope, stage)));
    sqlite3_stmt *ids = jb__stage_prepare(stage, scope, "select id, state from main.jb_undo order by id"), *now = ids ? prepare_rows(stage, scope, target.data) : NULL, *held = now ? prepare_rows(stage, scope, "main.jb_backup") : NULL;
    bool ok = held != NULL;

    while (ok && !ret_note->data && jb__stage_step(stage, scope, ids)) {
        struct jb_scope *one = jb_scope_child(scope, "check");
        int64_t id = sqlite3_column_int64(ids, 0);
        int state = sqlite3_column_int(ids, 1);
        struct jb_str note = JB_STR_NULL;
        const void *before = state == JB_STAGE_RETURNED ? NULL : jb__stage_record(stage, one, now, id), *after = state == JB_STAGE_REMOVED ? NULL : jb__stage_record(stage, one, held, id);
        ok = (!jb_failure(one) && jb__stage_undo_check(stage, one, check_state, before, after, &note)) || jb_failure_pass(one, scope);
        if (note.data)
            *ret_note = jb_copy(scope, note);
        jb_scope_end(one);
    }
    sqlite3_finalize(ids);
    sqlite3_finalize(now);
    sqlite3_finalize(held);
    return ok && !jb_failure(scope);
}

static bool find_differences(struct jb_stage *stage, struct jb_scope *scope)
{
    struct jb_str table = jb__stage_table(scope, stage), same = all_columns(scope, stage, "t.@ is b.@", " and ");

    return jb__stage_exec(stage, scope, "drop table if exists main.jb_undo; create table main.jb_undo (id integer primary key, target integer not null, state integer not null, note text)") &&
           jb__stage_exec(stage, scope,
               jb_format(scope, "insert into main.jb_undo (id, target, state) select t.rowid, t.rowid, case when b.rowid is null then %d else %d end from target.%.*s t left join main.jb_backup b on b.rowid = t.rowid where b.rowid is null or not (%.*s)",
                   JB_STAGE_REMOVED, JB_STAGE_RESTORED, JB_FMT(table), JB_FMT(same))
                   .data) &&
           jb__stage_exec(stage, scope, jb_format(scope, "insert into main.jb_undo (id, target, state) select b.rowid, b.rowid, %d from main.jb_backup b where not exists (select 1 from target.%.*s t where t.rowid = b.rowid)", JB_STAGE_RETURNED, JB_FMT(table)).data);
}

static bool count_rows(struct jb_stage *stage, struct jb_scope *scope, struct jb_stage_undo_counts *ret_counts)
{
    struct jb_stage_undo_counts counts = { 0 };
    sqlite3_stmt *statement = jb__stage_prepare(stage, scope, "select state, count(*) from main.jb_undo group by state");

    while (statement && jb__stage_step(stage, scope, statement))
        jb__stage_undo_count(&counts, sqlite3_column_int(statement, 0), sqlite3_column_int64(statement, 1));
    sqlite3_finalize(statement);
    *ret_counts = counts;
    return statement && !jb_failure(scope);
}

bool jb__sqlite_stage_return_compare(struct jb_stage *stage, struct jb_scope *scope, void *check_state, struct jb_stage_undo_counts *ret_counts, struct jb_str *ret_note)
{
    *ret_note = JB_STR_NULL;
    return find_differences(stage, scope) && (!stage->model->check || check_rows(stage, scope, check_state, ret_note)) && count_rows(stage, scope, ret_counts);
}

/* ---- on the writer ----------------------------------------------------------------------------------------------------------------- */

struct returning {
    struct jb_stage *stage;
    struct jb_scope *scope;
    const char *sql[3], *differences;
    int64_t changes, left;
};

static bool on_writer(sqlite3 *writer, void *arg)
{
    struct returning *returning = arg;
    sqlite3_stmt *statement;
    bool ok = !JB_FAULT("transfer/undo/chunk", returning->scope);

    for (size_t i = 0; ok && i < JB_COUNT(returning->sql); i++)
        ok = jb__stage_on_writer(writer, returning->stage, returning->scope, returning->sql[i], NULL, 0, &returning->changes, NULL);
    if (!ok)
        return false;
    int code = sqlite3_prepare_v2(writer, returning->differences, -1, &statement, NULL);
    if (code == SQLITE_OK && (code = sqlite3_step(statement)) == SQLITE_ROW)
        returning->left = sqlite3_column_int64(statement, 0);
    ok = code == SQLITE_ROW || jb__sqlite_fail(returning->scope, writer, code, returning->differences);
    sqlite3_finalize(statement);
    return ok;
}

bool jb__sqlite_stage_return(struct jb_stage *stage, struct jb_scope *scope, int64_t *ret_differences)
{
    struct jb_str table = jb__stage_table(scope, stage), names = all_columns(scope, stage, "@", ", "), sets = all_columns(scope, stage, "@ = b.@", ", ");
    struct returning returning = {
        .stage = stage,
        .scope = scope,
        .sql = {
            jb_format(scope, "delete from main.%.*s where rowid in (select id from " SCHEMA ".jb_undo where state = %d)", JB_FMT(table), JB_STAGE_REMOVED).data,
            jb_format(scope, "update main.%.*s as t set %.*s from " SCHEMA ".jb_undo u cross join " SCHEMA ".jb_backup b on b.rowid = u.id where u.state = %d and t.rowid = u.id", JB_FMT(table), JB_FMT(sets), JB_STAGE_RESTORED).data,
            jb_format(scope, "insert into main.%.*s (%.*s) select %.*s from " SCHEMA ".jb_backup b where b.rowid in (select id from " SCHEMA ".jb_undo where state = %d)", JB_FMT(table), JB_FMT(names), JB_FMT(names), JB_STAGE_RETURNED).data,
        },
        .differences = jb_format(scope, "select (select count(*) from (select %.*s from main.%.*s except select %.*s from " SCHEMA ".jb_backup)) + (select count(*) from (select %.*s from " SCHEMA ".jb_backup except select %.*s from main.%.*s))", JB_FMT(names), JB_FMT(table), JB_FMT(names), JB_FMT(names), JB_FMT(names), JB_FMT(table)).data,
    };

    if (!jb__writer_call(stage->db, false, on_writer, &returning, scope))
        return false;
    *ret_differences = returning.left;
    return true;
}
