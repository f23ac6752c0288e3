/* stage_sqlite.c — the staging file: opening, loading, sealing.
 *
 * Its journal is in memory: a statement that fails (a unique index over duplicates) can be taken back, and since rows are only appended it holds next to nothing. */
// SPDX-License-Identifier: Apache-2.0
#include "store/stage_sqlite.h"
#include "store/stage_shown.h"
#include "run/run.h"
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STEPS 5000
#define SETTINGS \
    "pragma ignore_check_constraints = on; pragma main.journal_mode = memory; pragma main.synchronous = off; pragma main.cache_size = -16384; pragma target.cache_size = -16384;"
#define TABLES                                                                                                                                            \
    "create table main.jb_match (id integer primary key, target integer not null, state integer not null);"                                               \
    "create table main.jb_key (id integer primary key, key integer not null);"                                                                            \
    "create table main.jb_refused (id integer primary key, row integer not null, compared integer not null, col text, value text, reason text not null);" \
    "create table main.jb_meta (id_base integer not null, generation integer not null, indexed integer not null);"

/* ---- statements ---------------------------------------------------------------------------------------------------------- */

bool jb__stage_exec(struct jb_stage *stage, struct jb_scope *scope, const char *sql)
{
    stage->sqlite.scope = scope;
    return jb__sqlite_exec(scope, stage->sqlite.handle, sql);
}

sqlite3_stmt *jb__stage_prepare(struct jb_stage *stage, struct jb_scope *scope, const char *sql)
{
    sqlite3_stmt *statement = NULL;

    stage->sqlite.scope = scope;
    int code = sqlite3_prepare_v2(stage->sqlite.handle, sql, -1, &statement, NULL);
    if (code != SQLITE_OK)
        jb__sqlite_fail(scope, stage->sqlite.handle, code, sql);
    return statement;
}

bool jb__stage_step(struct jb_stage *stage, struct jb_scope *scope, sqlite3_stmt *statement)
{
    stage->sqlite.scope = scope;
    int code = sqlite3_step(statement);
    if (code == SQLITE_ROW)
        return true;
    if (code != SQLITE_DONE)
        jb__sqlite_fail(scope, stage->sqlite.handle, code, "staging");
    return false;
}

bool jb__stage_int(struct jb_stage *stage, struct jb_scope *scope, const char *sql, int64_t *ret_number)
{
    sqlite3_stmt *statement = jb__stage_prepare(stage, scope, sql);
    if (!statement)
        return false;
    bool found = jb__stage_step(stage, scope, statement);
    if (found)
        *ret_number = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return found;
}

static int on_progress(void *arg)
{
    struct jb_stage *stage = arg;
    jb__stage_steps(stage, STEPS);
    return stage->sqlite.scope && jb_cancelled(stage->sqlite.scope);
}

/* ---- how far it is ------------------------------------------------------------------------------------------------------------- */

void jb__stage_part(struct jb_stage *stage, double from, double to, int64_t steps_per_row)
{
    struct jb__stage_sqlite *sqlite = &stage->sqlite;

    sqlite->from = from;
    sqlite->to = to;
    sqlite->steps = 0;
    sqlite->expected = JB_MAX(1, sqlite->rows * steps_per_row);
    jb__stage_tell(stage, from);
}

/* More steps than expected come ever closer to the end without reaching it. */
void jb__stage_steps(void *arg, int64_t steps)
{
    struct jb_stage *stage = arg;
    struct jb__stage_sqlite *sqlite = &stage->sqlite;

    if (sqlite->expected == 0)
        return;
    sqlite->steps += steps;
    double share = (double)sqlite->steps / (double)sqlite->expected;
    share = share < 0.95 ? share : 1 - 0.0475 / share;
    jb__stage_tell(stage, sqlite->from + (sqlite->to - sqlite->from) * share);
}

/* ---- opening --------------------------------------------------------------------------------------------------------------- */

struct jb_str jb__file_uri(struct jb_scope *scope, const char *path, bool read_only)
{
    struct jb_buf buf = JB_BUF_INIT(20000);

    jb_buf_put_z(&buf, "file:");
    for (const char *c = path; *c; c++)
        if (strchr("%?#'\" ", *c))
            jb_buf_printf(&buf, "%%%02X", (unsigned char)*c);
        else
            jb_buf_put_char(&buf, *c);
    jb_buf_put_z(&buf, read_only ? "?mode=ro" : "?mode=rw");
    struct jb_str uri = jb_copy(scope, jb_buf_str(&buf));
    jb_buf_done(&buf);
    return uri;
}

static bool attach_target(struct jb_stage *stage, struct jb_scope *scope)
{
    struct jb_str uri = jb__file_uri(scope, jb__db_path(stage->db), true);
    return jb__stage_exec(stage, scope, jb_format(scope, "attach '%.*s' as target", JB_FMT(uri)).data);
}

static bool connect(struct jb_stage *stage, struct jb_scope *scope, int more_flags)
{
    int code = sqlite3_open_v2(stage->path, &stage->sqlite.handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI | more_flags, NULL);

    if (code != SQLITE_OK)
        return jb__sqlite_fail(scope, stage->sqlite.handle, code, "opening the staging file");
    sqlite3_extended_result_codes(stage->sqlite.handle, 1);
    sqlite3_progress_handler(stage->sqlite.handle, STEPS, on_progress, stage);
    sqlite3_busy_timeout(stage->sqlite.handle, 60 * 1000);
    return attach_target(stage, scope) && jb__stage_exec(stage, scope, SETTINGS);
}

static bool fail_no_table(struct jb_scope *scope, struct jb_str table)
{
    return jb_fail(scope, JB_UNAVAILABLE, JB_L(scope, "표 %.*s이(가) 없습니다. `jangbu migrate`를 먼저 실행하세요.", "There is no table %.*s. Run `jangbu migrate` first."), JB_FMT(table));
}

/* Columns only: rules of a table that was made elsewhere are about whole rows of it, and a staged one may hold less. The merge meets them (stage_sift.c). */
static bool create_plain(struct jb_stage *stage, struct jb_scope *scope)
{
    struct jb_str table = jb__stage_table(scope, stage), name = jb__literal(scope, jb_model_table(stage->model)), primary = jb__literal(scope, jb_str_of(jb_model_primary(stage->model)->name));
    sqlite3_stmt *statement = jb__stage_prepare(stage, scope, jb_format(scope, "select group_concat('\"' || replace(name, '\"', '\"\"') || '\" ' || case when name = %.*s then 'integer primary key' else type end, ', ') from pragma_table_info(%.*s, 'target')", JB_FMT(primary), JB_FMT(name)).data);
    struct jb_str columns = statement && jb__stage_step(stage, scope, statement) ? jb_copy(scope, jb_str_of((const char *)sqlite3_column_text(statement, 0))) : JB_STR("");

    sqlite3_finalize(statement);
    if (columns.size == 0)
        return jb_failure(scope) ? false : fail_no_table(scope, jb_model_table(stage->model));
    return jb__stage_exec(stage, scope, jb_format(scope, "create table %.*s (%.*s)", JB_FMT(table), JB_FMT(columns)).data);
}

/* The target's own definition, whatever migrations have made of it: then a copy of the b-tree can fill an empty one. */
static bool create_table(struct jb_stage *stage, struct jb_scope *scope)
{
    struct jb_str table = jb_model_table(stage->model);

    if (stage->model->external)
        return create_plain(stage, scope);
    sqlite3_stmt *statement = jb__stage_prepare(stage, scope, "select sql from target.sqlite_master where type = 'table' and name = ?");
    if (!statement)
        return false;
    sqlite3_bind_text(statement, 1, table.data, (int)table.size, SQLITE_STATIC);
    struct jb_str sql = JB_STR_NULL;
    if (jb__stage_step(stage, scope, statement))
        sql = jb_copy(scope, jb_str_of((const char *)sqlite3_column_text(statement, 0)));
    sqlite3_finalize(statement);
    if (!sql.data)
        return jb_failure(scope) ? false : fail_no_table(scope, table);
    return jb__stage_exec(stage, scope, sql.data);
}

/* Ids of staged rows begin after every id the table ever gave, so that a copy of them needs no new ones. */
static bool find_id_base(struct jb_stage *stage, struct jb_scope *scope, int64_t head_row)
{
    struct jb_str table = jb__stage_table(scope, stage), primary = jb__quoted(scope, jb_model_primary(stage->model)->name);
    int64_t has_sequence, last, sequence = 0;

    if (!jb__stage_int(stage, scope, "select count(*) from target.sqlite_master where name = 'sqlite_sequence'", &has_sequence) ||
        !jb__stage_int(stage, scope, jb_format(scope, "select coalesce(max(%.*s), 0) from target.%.*s", JB_FMT(primary), JB_FMT(table)).data, &last))
        return false;
    if (has_sequence) {
        struct jb_str name = jb__literal(scope, jb_model_table(stage->model));
        if (!jb__stage_int(stage, scope, jb_format(scope, "select coalesce(max(seq), 0) from target.sqlite_sequence where name = %.*s", JB_FMT(name)).data, &sequence))
            return false;
    }
    stage->sqlite.id_base = JB_MAX(last, sequence) - head_row;
    return true;
}

static bool prepare_loading(struct jb_stage *stage, struct jb_scope *scope)
{
    const struct jb_field *fields[JB_STAGE_COLUMNS_MAX];
    size_t count = jb__stage_stored(stage->model, true, fields);
    struct jb_str table = jb__stage_table(scope, stage);
    struct jb_str names = jb__stage_list(scope, fields, count, "@", ", "), marks = jb__stage_list(scope, fields, count, "?", ", ");

    stage->sqlite.add = jb__stage_prepare(stage, scope, jb_format(scope, "insert into main.%.*s (%.*s) values (%.*s)", JB_FMT(table), JB_FMT(names), JB_FMT(marks)).data);
    stage->sqlite.add_key = stage->sqlite.add ? jb__stage_prepare(stage, scope, "insert into main.jb_key (id, key) values (?, ?)") : NULL;
    stage->sqlite.refuse = stage->sqlite.add_key ? jb__stage_prepare(stage, scope, "insert into main.jb_refused (row, compared, col, value, reason) values (?, ?, ?, ?, ?)") : NULL;
    return stage->sqlite.refuse != NULL;
}

static bool make_keeping(struct jb_stage *stage, struct jb_scope *scope)
{
    struct jb_str table = jb__stage_table(scope, stage);

    return !stage->keeps || jb__stage_exec(stage, scope, jb_format(scope, "create table if not exists main.jb_before as select * from target.%.*s where 0; create table if not exists main.jb_number (id integer primary key, key integer not null)", JB_FMT(table)).data);
}

static bool sqlite_stage_open(struct jb_stage *stage, struct jb_scope *scope, int64_t head_row)
{
    unlink(stage->path); /* of an attempt that died under the same number */
    return connect(stage, scope, SQLITE_OPEN_CREATE) && create_table(stage, scope) && jb__stage_exec(stage, scope, TABLES) && make_keeping(stage, scope) && find_id_base(stage, scope, head_row) &&
           jb__stage_exec(stage, scope, jb_format(scope, "insert into main.jb_meta values (%lld, -1, 0)", (long long)stage->sqlite.id_base).data) && prepare_loading(stage, scope);
}

static bool sqlite_stage_open_sealed(struct jb_stage *stage, struct jb_scope *scope)
{
    int64_t indexed = 0;
    struct jb_str table = jb__stage_table(scope, stage);

    if (!connect(stage, scope, 0) || !jb__stage_int(stage, scope, jb_format(scope, "select coalesce(max(rowid) - min(rowid) + 1, 0) from main.%.*s", JB_FMT(table)).data, &stage->sqlite.rows) ||
        !jb__stage_int(stage, scope, "select indexed from main.jb_meta", &indexed) || !jb__stage_int(stage, scope, "select id_base from main.jb_meta", &stage->sqlite.id_base) ||
        !jb__stage_int(stage, scope, "select generation from main.jb_meta", &stage->sqlite.generation) || !make_keeping(stage, scope) || !prepare_loading(stage, scope))
        return false;
    stage->sqlite.indexed = indexed != 0 && !stage->undoes;
    return true;
}

static void disconnect(struct jb_stage *stage)
{
    sqlite3_finalize(stage->sqlite.add);
    sqlite3_finalize(stage->sqlite.add_key);
    sqlite3_finalize(stage->sqlite.refuse);
    stage->sqlite.add = stage->sqlite.add_key = stage->sqlite.refuse = NULL;
    int code = sqlite3_close(stage->sqlite.handle);
    JB_CHECK(code == SQLITE_OK);
    stage->sqlite.handle = NULL;
}

static bool sqlite_stage_seal(struct jb_stage *stage, struct jb_scope *scope, const char *sealed)
{
    bool ok = jb__stage_exec(stage, scope, jb_format(scope, "update main.jb_meta set generation = %lld", (long long)stage->sqlite.generation).data);

    disconnect(stage);
    return ok && jb__stage_file_seal(scope, stage->path, sealed);
}

/* ---- loading ------------------------------------------------------------------------------------------------------------------ */

static bool sqlite_stage_begin(struct jb_stage *stage, struct jb_scope *scope)
{
    return jb__stage_exec(stage, scope, "begin");
}

static bool sqlite_stage_commit(struct jb_stage *stage, struct jb_scope *scope)
{
    return jb__stage_exec(stage, scope, "commit");
}

static bool run_once(struct jb_stage *stage, struct jb_scope *scope, sqlite3_stmt *statement)
{
    stage->sqlite.scope = scope;
    int code = sqlite3_step(statement);
    bool ok = code == SQLITE_DONE || jb__sqlite_fail(scope, stage->sqlite.handle, code, "staging a row");
    sqlite3_reset(statement);
    return ok;
}

static bool sqlite_stage_add(struct jb_stage *stage, struct jb_scope *scope, int64_t row, const void *record)
{
    int64_t id = stage->sqlite.id_base + row, key = jb_row_id(stage->model, record);
    int index = 0;

    for (const struct jb_field *field = stage->model->record.fields; field->type != JB_END; field++) {
        if (!jb__field_is_written(field))
            continue;
        struct jb_value value = field->primary ? jb_v_int(id) : jb__column_value(stage->model, record, field);
        if (value.type == JB_NULL && !jb__field_nullable(stage->model, field))
            value = jb_v_text(JB_STR("")); /* a required column that the sheet leaves alone: only rows that exist have it, and keep theirs */
        if (!jb__bind(stage->sqlite.add, ++index, value))
            return jb__sqlite_fail(scope, stage->sqlite.handle, sqlite3_errcode(stage->sqlite.handle), "binding a row");
    }
    if (!run_once(stage, scope, stage->sqlite.add))
        return false;
    stage->sqlite.rows++;
    if (!stage->by_id || key == 0)
        return true;
    sqlite3_bind_int64(stage->sqlite.add_key, 1, id);
    sqlite3_bind_int64(stage->sqlite.add_key, 2, key);
    return run_once(stage, scope, stage->sqlite.add_key);
}

static void bind_text(sqlite3_stmt *statement, int index, struct jb_str text)
{
    sqlite3_bind_text64(statement, index, text.data, text.size, SQLITE_STATIC, SQLITE_UTF8);
}

static bool refuse_as(struct jb_stage *stage, struct jb_scope *scope, bool compared, int64_t row, struct jb_str column, struct jb_str value, struct jb_str reason)
{
    sqlite3_bind_int64(stage->sqlite.refuse, 1, row);
    sqlite3_bind_int(stage->sqlite.refuse, 2, compared);
    bind_text(stage->sqlite.refuse, 3, column);
    bind_text(stage->sqlite.refuse, 4, value);
    bind_text(stage->sqlite.refuse, 5, reason);
    bool ok = run_once(stage, scope, stage->sqlite.refuse);
    sqlite3_clear_bindings(stage->sqlite.refuse);
    return ok;
}

static bool sqlite_stage_refuse(struct jb_stage *stage, struct jb_scope *scope, int64_t row, struct jb_str column, struct jb_str value, struct jb_str reason)
{
    return refuse_as(stage, scope, stage->comparing, row, column, value, reason);
}

/* ---- looking up -------------------------------------------------------------------------------------------------------------------- */

static bool sqlite_stage_lookup(struct jb_stage *stage, struct jb_scope *scope, const struct jb_model *in, const struct jb_field *by, const struct jb_str *keys, size_t count, int64_t *ids)
{
    struct jb_str table = jb__quoted(scope, jb_cstr(scope, jb_model_table(in))), name = jb__quoted(scope, by->name), primary = jb__quoted(scope, jb_model_primary(in)->name);
    struct jb_str sql = jb_format(scope, "select j.key, r.%.*s from json_each(?) j cross join target.%.*s r on r.%.*s = j.value", JB_FMT(primary), JB_FMT(table), JB_FMT(name));
    struct jb_str json = jb__stage_keys(scope, keys, count);
    sqlite3_stmt *statement = jb__stage_prepare(stage, scope, sql.data);

    if (!statement)
        return false;
    for (size_t i = 0; i < count; i++)
        ids[i] = 0;
    bind_text(statement, 1, json);
    while (jb__stage_step(stage, scope, statement)) {
        int64_t key = sqlite3_column_int64(statement, 0);
        if (key >= 0 && (size_t)key < count)
            ids[key] = sqlite3_column_int64(statement, 1);
    }
    sqlite3_finalize(statement);
    return !jb_failure(scope);
}

/* ---- the whole ---------------------------------------------------------------------------------------------------------------------- */

static bool no_prepare(struct jb_stage *stage, struct jb_scope *scope, void **ret_state, bool *ret_moved)
{
    (void)ret_moved; /* note has said */
    return stage->model->check_prepare(scope, ret_state);
}

static void unlink_blocking(void *arg)
{
    unlink(arg);
}

struct measuring {
    const char *path;
    int64_t bytes;
};

static void measure_blocking(void *arg)
{
    struct measuring *measuring = arg;
    struct stat info;

    measuring->bytes = stat(measuring->path, &info) == 0 ? info.st_size : 0;
}

static bool sqlite_stage_bytes(struct jb_scope *scope, struct jb_db *db, const char *path, int64_t *ret_bytes)
{
    struct measuring measuring = { path, 0 };

    (void)scope, (void)db;
    jb_offload(measure_blocking, &measuring);
    *ret_bytes = measuring.bytes;
    return true;
}

static bool sqlite_stage_remove(struct jb_scope *scope, struct jb_db *db, const char *path)
{
    (void)scope, (void)db;
    jb_offload(unlink_blocking, (void *)path);
    return true;
}

static bool no_sweep(struct jb_scope *scope, struct jb_db *db, jb_stage_needed_fn *is_needed, void *arg)
{
    (void)scope, (void)db, (void)is_needed, (void)arg; /* the files are all there is */
    return true;
}

const struct jb__stage_driver jb__sqlite_stage = {
    .open = sqlite_stage_open,
    .open_sealed = sqlite_stage_open_sealed,
    .close = disconnect,
    .seal = sqlite_stage_seal,
    .begin = sqlite_stage_begin,
    .commit = sqlite_stage_commit,
    .add = sqlite_stage_add,
    .refuse = sqlite_stage_refuse,
    .lookup = sqlite_stage_lookup,
    .duplicates = jb__sqlite_stage_duplicates,
    .note = jb__sqlite_stage_note,
    .prepare = no_prepare,
    .compare = jb__sqlite_stage_compare,
    .target_empty = jb__sqlite_stage_target_empty,
    .index = jb__sqlite_stage_index,
    .range_end = jb__sqlite_stage_range_end,
    .attach = jb__sqlite_stage_attach,
    .detach = jb__sqlite_stage_detach,
    .is_fresh = jb__sqlite_stage_is_fresh,
    .merge = jb__sqlite_stage_merge,
    .sift_begin = jb__sqlite_stage_sift_begin,
    .sift_part = jb__sqlite_stage_sift_part,
    .sift_end = jb__sqlite_stage_sift_end,
    .rule_field = jb__sqlite_stage_rule_field,
    .value_of = jb__sqlite_stage_value_of,
    .mark_refused = jb__sqlite_stage_mark_refused,
    .sums_standing = jb__sqlite_stage_sums_standing,
    .merge_empty = jb__sqlite_stage_merge_empty,
    .refused = jb__sqlite_stage_refused,
    .refused_of = jb__sqlite_stage_refused_of,
    .refused_in = jb__sqlite_stage_refused_in,
    .refused_count = jb__sqlite_stage_refused_count,
    .refused_rows = jb__sqlite_stage_refused_rows,
    .look = jb__sqlite_stage_look,
    .show = jb__sqlite_stage_show,
    .shown = jb__sqlite_stage_shown,
    .differ = jb__sqlite_stage_differ,
    .undo_compare = jb__sqlite_stage_undo_compare,
    .undo = jb__sqlite_stage_undo,
    .undo_left = jb__sqlite_stage_undo_left,
    .backup = jb__sqlite_stage_backup,
    .return_compare = jb__sqlite_stage_return_compare,
    .return_all = jb__sqlite_stage_return,
    .row = jb__sqlite_stage_row,
    .bytes = sqlite_stage_bytes,
    .remove = sqlite_stage_remove,
    .sweep = no_sweep,
};
