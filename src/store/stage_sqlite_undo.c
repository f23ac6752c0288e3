/* stage_sqlite_undo.c — a merge taken back: which rows still are as it left them, decided by sets in the staging file; then done on the main file's writer.
 *
 * jb_undo holds a line for each row that the merge wrote. Rules only ever move lines from "removed" or "restored" to a reason to leave the row. */
// SPDX-License-Identifier: Apache-2.0
#include "store/stage_sqlite.h"
#include <string.h>

#define CHUNK_ROWS 5000
#define SCHEMA "jb_stage"
#define MATCH_STEPS 80 /* of SQLite's virtual machine, for a row */

struct undo {
    struct jb_stage *stage;
    struct jb_scope *scope;
    const struct jb_stage_undo *how;
    long long from, to; /* staged ids: (from, to] */
    struct jb_str table, primary;
};

static bool exec(struct undo *undo, struct jb_str sql)
{
    return jb__stage_exec(undo->stage, undo->scope, sql.data);
}

/* ---- as the import left it? ----------------------------------------------------------------------------------------------------- */

static struct jb_str alike(struct jb_scope *scope, const struct jb_field *const *fields, size_t count, const char *pattern)
{
    return count ? jb__stage_list(scope, fields, count, pattern, " and ") : JB_STR("1");
}

static bool find_new_by(struct undo *undo, const char *join, struct jb_str on, const char *which)
{
    const struct jb_field *fields[JB_STAGE_COLUMNS_MAX];
    size_t count = jb__stage_left_by_insert(undo->stage, fields);
    struct jb_str same = alike(undo->scope, fields, count, "s.@ is t.@");

    return exec(undo,
        jb_format(undo->scope,
            "insert into main.jb_undo (id, target, state) select s.rowid, coalesce(t.%.*s, 0), case when t.%.*s is null then %d when %.*s then %d else %d end"
            " from main.%.*s s %s left join target.%.*s t on %.*s where s.rowid > %lld and s.rowid <= %lld and not exists (select 1 from main.jb_match m where m.id = s.rowid) and %s",
            JB_FMT(undo->primary), JB_FMT(undo->primary), JB_STAGE_GONE, JB_FMT(same), JB_STAGE_REMOVED, JB_STAGE_TOUCHED, JB_FMT(undo->table), join, JB_FMT(undo->table), JB_FMT(on), undo->from, undo->to, which));
}

/* Those whose id is known, then those that their key finds. */
static bool find_new(struct undo *undo)
{
    struct jb_stage *stage = undo->stage;
    struct jb_str same = jb__stage_list(undo->scope, stage->match, stage->match_count, "t.@ = s.@", " and ");
    struct jb_str on = jb_format(undo->scope, "t.%.*s = n.key", JB_FMT(undo->primary));
    const char *numbers = "join (select id, key from main.jb_number union all select id, key from main.jb_key) n on n.id = s.rowid";

    if (jb__stage_unkeyed(undo->scope, stage, "s").data && !find_new_by(undo, numbers, on, "true"))
        return false;
    return stage->by_id || stage->match_count == 0 || find_new_by(undo, "", same, "not exists (select 1 from main.jb_undo u where u.id = s.rowid)");
}

static bool find_changed(struct undo *undo)
{
    const struct jb_field *written[JB_STAGE_COLUMNS_MAX], *alone[JB_STAGE_COLUMNS_MAX];
    struct jb_scope *scope = undo->scope;
    size_t written_count = 0, alone_count = jb__stage_left_alone(undo->stage, alone);

    for (size_t i = 0; i < undo->stage->column_count; i++)
        if (!undo->stage->columns[i]->primary)
            written[written_count++] = undo->stage->columns[i];
    struct jb_str as_written = alike(scope, written, written_count, "t.@ is s.@"), as_before = alike(scope, written, written_count, "t.@ is b.@"), others = alike(scope, alone, alone_count, "t.@ is b.@");
    return exec(undo,
        jb_format(scope,
            "insert into main.jb_undo (id, target, state) select m.id, m.target, case when t.%.*s is null then %d when (%.*s) and (%.*s) then %d when (%.*s) and (%.*s) then %d else %d end"
            " from main.jb_match m cross join main.%.*s s on s.rowid = m.id cross join main.jb_before b on b.rowid = m.id left join target.%.*s t on t.%.*s = m.target"
            " where m.id > %lld and m.id <= %lld and m.state = %d",
            JB_FMT(undo->primary), JB_STAGE_GONE, JB_FMT(as_written), JB_FMT(others), JB_STAGE_RESTORED, JB_FMT(as_before), JB_FMT(others), JB_STAGE_STANDS, JB_STAGE_TOUCHED, JB_FMT(undo->table), JB_FMT(undo->table), JB_FMT(undo->primary),
            undo->from, undo->to, JB_MATCH_CHANGED));
}

/* ---- rules -------------------------------------------------------------------------------------------------------------------------- */

/* Rows of any table that refer to one that would go. A row of the same table does not count that goes too; one that stays after all may be found by the next look. */
static bool leave_referred(struct undo *undo)
{
    struct jb_scope *scope = undo->scope;
    struct jb_str name = jb__literal(scope, jb_model_table(undo->stage->model));
    struct jb_str sql = jb_format(scope, "select m.name, f.\"from\" from target.sqlite_master m, pragma_foreign_key_list(m.name, 'target') f where m.type = 'table' and f.\"table\" = %.*s collate nocase", JB_FMT(name));
    sqlite3_stmt *keys = jb__stage_prepare(undo->stage, scope, sql.data);
    bool ok = keys != NULL;

    while (ok && jb__stage_step(undo->stage, scope, keys)) {
        const char *other = (const char *)sqlite3_column_text(keys, 0);
        struct jb_str table = jb__quoted(scope, other), column = jb__quoted(scope, (const char *)sqlite3_column_text(keys, 1)), note = jb__literal(scope, jb_str_of(other));
        bool own = jb_str_is(jb_model_table(undo->stage->model), other);
        struct jb_str stays = own ? jb_format(scope, " and o.rowid not in (select target from main.jb_undo where state = %d)", JB_STAGE_REMOVED) : JB_STR("");
        int64_t found = 1;
        while (ok && found > 0)
            ok = exec(undo, jb_format(scope, "update main.jb_undo set state = %d, note = %.*s where state = %d and target in (select o.%.*s from target.%.*s o where o.%.*s is not null%.*s)", JB_STAGE_REFERRED, JB_FMT(note), JB_STAGE_REMOVED, JB_FMT(column), JB_FMT(table), JB_FMT(column), JB_FMT(stays))) &&
                 (!own || jb__stage_int(undo->stage, scope, "select changes()", &found)) && (found *= own, true);
    }
    sqlite3_finalize(keys);
    return ok && !jb_failure(scope);
}

static bool leave_retaken(struct undo *undo)
{
    struct jb_scope *scope = undo->scope;
    struct jb__stage_group group;
    bool ok = true;

    for (int i = 0; ok && jb__stage_group_at(undo->stage, i, &group); i++) {
        if (group.is_key)
            continue;
        struct jb_str same = jb__stage_list(scope, group.fields, group.count, "t.@ = b.@", " and "), note = jb__literal(scope, jb_str_of(group.fields[0]->name));
        ok = exec(undo,
            jb_format(scope,
                "update main.jb_undo set state = %d, note = %.*s where state = %d and id in (select u.id from main.jb_undo u cross join main.jb_before b on b.rowid = u.id"
                " cross join target.%.*s t on %.*s where u.state = %d and t.rowid <> u.target and t.rowid not in (select target from main.jb_undo where state = %d))",
                JB_STAGE_RETAKEN, JB_FMT(note), JB_STAGE_RESTORED, JB_FMT(undo->table), JB_FMT(same), JB_STAGE_RESTORED, JB_STAGE_REMOVED));
    }
    return ok;
}

static bool leave_dangling(struct undo *undo)
{
    struct jb_scope *scope = undo->scope;
    bool ok = true;

    for (const struct jb_field *field = undo->stage->model->record.fields; ok && field->type != JB_END; field++) {
        if (!field->references || !jb__stage_brings(undo->stage, field))
            continue;
        struct jb_str name = jb__quoted(scope, field->name), note = jb__literal(scope, jb_str_of(field->name)), other = jb__quoted(scope, jb_cstr(scope, jb_model_table(field->references)));
        ok = exec(undo,
            jb_format(scope,
                "update main.jb_undo set state = %d, note = %.*s where state = %d and exists (select 1 from main.jb_before b where b.rowid = jb_undo.id and b.%.*s is not null"
                " and not exists (select 1 from target.%.*s r where r.rowid = b.%.*s))",
                JB_STAGE_DANGLING, JB_FMT(note), JB_STAGE_RESTORED, JB_FMT(name), JB_FMT(other), JB_FMT(name)));
    }
    return ok;
}

/* ---- the model's check ------------------------------------------------------------------------------------------------------------------ */

static sqlite3_stmt *prepare_rows(struct jb_stage *stage, struct jb_scope *scope, const char *from)
{
    const struct jb_field *fields[JB_STAGE_COLUMNS_MAX];
    size_t count = jb__stage_stored(stage->model, true, fields);
    struct jb_str names = jb__stage_list(scope, fields, count, "@", ", ");
    return jb__stage_prepare(stage, scope, jb_format(scope, "select %.*s from %s where rowid = ?", JB_FMT(names), from).data);
}

/* Rows of the table, of what was there before, and of the sheet, as the model's records. */
struct rows {
    sqlite3_stmt *ids, *now, *held, *staged;
};

static bool rows_open(struct rows *rows, struct undo *undo, struct jb_str ids)
{
    struct jb_str target = jb_format(undo->scope, "target.%.*s", JB_FMT(undo->table)), staged = jb_format(undo->scope, "main.%.*s", JB_FMT(undo->table));

    *rows = (struct rows){ 0 };
    rows->ids = jb__stage_prepare(undo->stage, undo->scope, ids.data);
    rows->now = rows->ids ? prepare_rows(undo->stage, undo->scope, target.data) : NULL;
    rows->held = rows->now ? prepare_rows(undo->stage, undo->scope, "main.jb_before") : NULL;
    rows->staged = rows->held ? prepare_rows(undo->stage, undo->scope, staged.data) : NULL;
    return rows->staged != NULL;
}

static void rows_close(struct rows *rows)
{
    sqlite3_finalize(rows->ids);
    sqlite3_finalize(rows->now);
    sqlite3_finalize(rows->held);
    sqlite3_finalize(rows->staged);
}

static bool forbid(struct undo *undo, struct jb_scope *scope, int64_t id, struct jb_str note)
{
    struct jb_str text = jb__literal(scope, note);
    return jb__stage_exec(undo->stage, scope, jb_format(scope, "update main.jb_undo set state = %d, note = %.*s where id = %lld", JB_STAGE_FORBIDDEN, JB_FMT(text), (long long)id).data);
}

static bool check_row(struct undo *undo, struct jb_scope *scope, const struct rows *rows)
{
    struct jb_stage *stage = undo->stage;
    int64_t id = sqlite3_column_int64(rows->ids, 0);
    struct jb_str note;
    void *now = jb__stage_record(stage, scope, rows->now, sqlite3_column_int64(rows->ids, 1)), *before = NULL;

    if (now && sqlite3_column_int(rows->ids, 2) == JB_STAGE_RESTORED) {
        const void *held = jb__stage_record(stage, scope, rows->held, id);
        before = held ? jb__stage_lay_over(stage, scope, now, held) : NULL;
        now = before ? now : NULL;
    }
    if (!now)
        return false;
    return jb__stage_undo_check(stage, scope, undo->how->check_state, now, before, &note) && (!note.data || forbid(undo, scope, id, note));
}

static bool leave_forbidden(struct undo *undo)
{
    struct jb_scope *scope = undo->scope;
    struct rows rows;

    if (!undo->stage->model->check)
        return true;
    bool ok = rows_open(&rows, undo, jb_format(scope, "select id, target, state from main.jb_undo where state in (%d, %d) order by id", JB_STAGE_REMOVED, JB_STAGE_RESTORED));
    while (ok && jb__stage_step(undo->stage, scope, rows.ids)) {
        struct jb_scope *one = jb_scope_child(scope, "check");
        ok = check_row(undo, one, &rows) || jb_failure_pass(one, scope);
        jb_scope_end(one);
    }
    rows_close(&rows);
    return ok && !jb_failure(scope);
}

/* ---- the whole --------------------------------------------------------------------------------------------------------------------------- */

static bool count_rows(struct undo *undo, struct jb_stage_undo_counts *ret_counts)
{
    struct jb_stage_undo_counts counts = { 0 };
    sqlite3_stmt *statement = jb__stage_prepare(undo->stage, undo->scope, "select state, count(*) from main.jb_undo group by state");

    if (!statement)
        return false;
    while (jb__stage_step(undo->stage, undo->scope, statement))
        jb__stage_undo_count(&counts, sqlite3_column_int(statement, 0), sqlite3_column_int64(statement, 1));
    sqlite3_finalize(statement);
    *ret_counts = counts;
    return !jb_failure(undo->scope);
}

static bool compare_all(struct undo *undo, struct jb_stage_undo_counts *ret_counts)
{
    struct jb_stage *stage = undo->stage;

    if (!exec(undo, JB_STR("drop table if exists main.jb_undo; create table main.jb_undo (id integer primary key, target integer not null, state integer not null, note text)")))
        return false;
    jb__stage_part(stage, 0, 0.6, MATCH_STEPS);
    if (!find_new(undo) || !find_changed(undo) || (undo->how->again && !exec(undo, jb_format(undo->scope, "update main.jb_undo set state = %d where state = %d", JB_STAGE_STANDS, JB_STAGE_GONE))))
        return false;
    jb__stage_part(stage, 0.6, 1, MATCH_STEPS);
    return leave_dangling(undo) && leave_forbidden(undo) && leave_referred(undo) && leave_retaken(undo) && count_rows(undo, ret_counts);
}

static struct undo undo_of(struct jb_stage *stage, struct jb_scope *scope, const struct jb_stage_undo *how)
{
    return (struct undo){
        .stage = stage,
        .scope = scope,
        .how = how,
        .from = how && how->after_row ? stage->sqlite.id_base + how->after_row : INT64_MIN,
        .to = how && how->last_row ? stage->sqlite.id_base + how->last_row : INT64_MAX,
        .table = jb__stage_table(scope, stage),
        .primary = jb__quoted(scope, jb_model_primary(stage->model)->name),
    };
}

bool jb__sqlite_stage_undo_compare(struct jb_stage *stage, struct jb_scope *scope, const struct jb_stage_undo *how, struct jb_stage_undo_counts *ret_counts)
{
    struct undo undo = undo_of(stage, scope, how);

    if (!jb__stage_exec(stage, scope, "begin"))
        return false;
    if (compare_all(&undo, ret_counts))
        return jb__stage_exec(stage, scope, "commit");
    stage->sqlite.scope = NULL;
    sqlite3_exec(stage->sqlite.handle, "rollback", NULL, NULL, NULL);
    return false;
}

/* The row as the import left it. */
static const void *written_row(struct undo *undo, struct jb_scope *scope, const struct rows *rows, int64_t id)
{
    const void *staged = jb__stage_record(undo->stage, scope, rows->staged, id), *before = staged ? jb__stage_record(undo->stage, scope, rows->held, id) : NULL;
    return before ? jb__stage_lay_over(undo->stage, scope, before, staged) : staged;
}

static bool left_row(struct undo *undo, struct jb_scope *scope, const struct rows *rows, jb_stage_left_fn *each, void *arg)
{
    struct jb_stage *stage = undo->stage;
    int64_t id = sqlite3_column_int64(rows->ids, 0);
    const char *note = (const char *)sqlite3_column_text(rows->ids, 3);
    struct jb_str text = note ? jb_copy(scope, jb_str_of(note)) : JB_STR_NULL;
    const void *written = written_row(undo, scope, rows, id), *now = jb__stage_record(stage, scope, rows->now, sqlite3_column_int64(rows->ids, 1));

    if (!written || jb_failure(scope))
        return false;
    return each(arg, scope, id - stage->sqlite.id_base, (enum jb_stage_undone)sqlite3_column_int(rows->ids, 2), text, written, now);
}

bool jb__sqlite_stage_undo_left(struct jb_stage *stage, struct jb_scope *scope, jb_stage_left_fn *each, void *arg)
{
    struct undo undo = undo_of(stage, scope, NULL);
    struct rows rows;

    bool ok = rows_open(&rows, &undo, jb_format(scope, "select id, target, state, note from main.jb_undo where state >= %d order by id", JB_STAGE_TOUCHED));
    while (ok && jb__stage_step(stage, scope, rows.ids)) {
        struct jb_scope *one = jb_scope_child(scope, "left");
        ok = left_row(&undo, one, &rows, each, arg) || jb_failure_pass(one, scope);
        jb_scope_end(one);
    }
    rows_close(&rows);
    return ok && !jb_failure(scope);
}

/* ---- one row --------------------------------------------------------------------------------------------------------------------------- */

/* The staged id of the row that the merge changed or added under that id; 0: none. */
static bool find_row(struct undo *undo, int64_t id, int64_t *ret_staged)
{
    struct jb_scope *scope = undo->scope;
    struct jb_str table = undo->table, primary = undo->primary, same = jb__stage_list(scope, undo->stage->match, undo->stage->match_count, "s.@ = t.@", " and ");
    struct jb_str keyed = JB_STR("");
    long long from = undo->from, to = undo->to;

    if (!undo->stage->by_id && undo->stage->match_count > 0)
        keyed = jb_format(scope, " union all select s.rowid from target.%.*s t cross join main.%.*s s on %.*s where t.%.*s = %lld and s.rowid > %lld and s.rowid <= %lld and not exists (select 1 from main.jb_match m where m.id = s.rowid)", JB_FMT(table), JB_FMT(table), JB_FMT(same), JB_FMT(primary), (long long)id, from, to);
    return jb__stage_int(undo->stage, scope,
        jb_format(scope,
            "select coalesce(min(id), 0) from (select m.id from main.jb_match m where m.target = %lld and m.state = %d and m.id > %lld and m.id <= %lld"
            " union all select n.id from (select id, key from main.jb_number union all select id, key from main.jb_key) n where n.key = %lld and n.id > %lld and n.id <= %lld and not exists (select 1 from main.jb_match m where m.id = n.id)%.*s)",
            (long long)id, JB_MATCH_CHANGED, from, to, (long long)id, from, to, JB_FMT(keyed))
            .data,
        ret_staged);
}

bool jb__sqlite_stage_row(struct jb_stage *stage, struct jb_scope *scope, int64_t id, const struct jb_stage_undo *range, const void **ret_before, const void **ret_written)
{
    struct undo undo = undo_of(stage, scope, range);
    struct rows rows;
    int64_t staged;

    if (!find_row(&undo, id, &staged))
        return false;
    if (!staged)
        return true;
    bool ok = rows_open(&rows, &undo, JB_STR("select 1"));
    if (ok) {
        *ret_before = jb__stage_record(stage, scope, rows.held, staged);
        *ret_written = written_row(&undo, scope, &rows, staged);
    }
    rows_close(&rows);
    return ok && !jb_failure(scope);
}

/* ---- on the writer --------------------------------------------------------------------------------------------------------------------- */

struct undoing {
    struct jb_stage *stage;
    struct jb_scope *scope;
    struct jb_str remove, restore; /* restore NULL: nothing to set */
    struct jb_value args[JB_STAGE_COLUMNS_MAX];
    int times;
    bool restoring;
    int64_t first, from, to, last, changes;
};

static bool on_writer_chunk(sqlite3 *writer, void *arg)
{
    struct undoing *undoing = arg;
    struct jb_value range[] = { jb_v_int(undoing->from), jb_v_int(undoing->to) };

    if (JB_FAULT("transfer/undo/chunk", undoing->scope))
        return false;
    if (!undoing->restoring)
        return jb__stage_on_writer(writer, undoing->stage, undoing->scope, undoing->remove.data, range, 2, &undoing->changes, NULL);
    undoing->args[undoing->times] = range[0];
    undoing->args[undoing->times + 1] = range[1];
    return jb__stage_on_writer(writer, undoing->stage, undoing->scope, undoing->restore.data, undoing->args, undoing->times + 2, &undoing->changes, NULL);
}

static bool on_writer_bounds(sqlite3 *writer, void *arg)
{
    struct undoing *undoing = arg;
    sqlite3_stmt *statement;
    int code = sqlite3_prepare_v2(writer, "select coalesce(min(id), 1) - 1, coalesce(max(id), 0) from " SCHEMA ".jb_undo", -1, &statement, NULL);

    if (code == SQLITE_OK && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        undoing->first = sqlite3_column_int64(statement, 0);
        undoing->last = sqlite3_column_int64(statement, 1);
    }
    bool ok = code == SQLITE_ROW || jb__sqlite_fail(undoing->scope, writer, code, "the bounds of an undo");
    sqlite3_finalize(statement);
    return ok;
}

static void write_sql(struct undoing *undoing)
{
    const struct jb_field *written[JB_STAGE_COLUMNS_MAX], *times[JB_STAGE_COLUMNS_MAX];
    struct jb_scope *scope = undoing->scope;
    struct undo undo = undo_of(undoing->stage, scope, NULL);
    size_t count = 0, time_count = jb__stage_auto_now(undoing->stage, times);

    for (size_t i = 0; i < undoing->stage->column_count; i++)
        if (!undoing->stage->columns[i]->primary)
            written[count++] = undoing->stage->columns[i];
    undoing->remove = jb_format(scope, "delete from main.%.*s where %.*s in (select u.target from " SCHEMA ".jb_undo u where u.id > ? and u.id <= ? and u.state = %d)", JB_FMT(undo.table), JB_FMT(undo.primary), JB_STAGE_REMOVED);
    if (count == 0)
        return;
    struct jb_str sets = jb__stage_list(scope, written, count, "@ = b.@", ", "), now = jb__stage_list(scope, times, time_count, ", @ = ?", "");
    for (size_t i = 0; i < time_count; i++)
        undoing->args[undoing->times++] = jb_v(jb_now());
    undoing->restore = jb_format(scope, "update main.%.*s as t set %.*s%.*s from " SCHEMA ".jb_undo u cross join " SCHEMA ".jb_before b on b.rowid = u.id where u.id > ? and u.id <= ? and u.state = %d and t.%.*s = u.target",
        JB_FMT(undo.table), JB_FMT(sets), JB_FMT(now), JB_STAGE_RESTORED, JB_FMT(undo.primary));
}

static bool undo_pass(struct undoing *undoing, bool restoring)
{
    double told = restoring ? 0.5 : 0;

    undoing->restoring = restoring;
    for (undoing->from = undoing->first; undoing->from < undoing->last; undoing->from = undoing->to) {
        undoing->to = JB_MIN(undoing->from + CHUNK_ROWS, undoing->last);
        if (!jb_continue(undoing->scope) || !jb__writer_call(undoing->stage->db, false, on_writer_chunk, undoing, undoing->scope))
            return false;
        jb__stage_tell(undoing->stage, told + 0.5 * (double)(undoing->to - undoing->first) / (double)(undoing->last - undoing->first));
    }
    return true;
}

/* All that go, then all that get back what they held: a unique value may have moved from a row that was changed to a new one. */
bool jb__sqlite_stage_undo(struct jb_stage *stage, struct jb_scope *scope)
{
    struct undoing undoing = { .stage = stage, .scope = scope };

    write_sql(&undoing);
    return jb__writer_call(stage->db, false, on_writer_bounds, &undoing, scope) && undo_pass(&undoing, false) && (!undoing.restore.data || undo_pass(&undoing, true));
}
