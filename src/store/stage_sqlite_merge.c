/* stage_sqlite_merge.c — from the staging file into the table, on the main file's writer; and looking at what was staged.
 *
 * The staging file is attached read-only to the writer's connection for as long as a merge lasts. Nothing is decided here: jb_match says which rows are new or changed. */
// SPDX-License-Identifier: Apache-2.0
#include "store/stage_sqlite.h"
#include "store/stage_shown.h"
#include "run/run.h"
#include <stdlib.h>
#include <string.h>

#define CHUNK_ROWS 5000 /* some ten milliseconds: progress is told and a wish to cancel is heard between them */
/* Of SQLite's virtual machine, for a row. */
#define COPY_STEPS 3
#define COPY_INDEX_STEPS 4
#define INDEX_STEPS 10
#define SCHEMA "jb_stage"

/* ---- pairs ------------------------------------------------------------------------------------------------------------------ */

/* The row of the table, with what was shown in its cells. */
static sqlite3_stmt *prepare_shown(struct jb_stage *stage, struct jb_scope *scope)
{
    const struct jb_field *fields[JB_STAGE_COLUMNS_MAX];
    size_t count = jb__stage_stored(stage->model, true, fields);
    struct jb_str list = JB_STR(""), table = jb__stage_table(scope, stage);

    for (size_t i = 0; i < count; i++)
        list = jb_format(scope, "%.*s%s%.*s", JB_FMT(list), i ? ", " : "", JB_FMT(jb__shown_value(scope, stage, fields[i])));
    return jb__stage_prepare(stage, scope, jb_format(scope, "select %.*s from target.%.*s t left join main.jb_shown w on w.target = t.rowid and w.state = 1 where t.rowid = ?", JB_FMT(list), JB_FMT(table)).data);
}

static sqlite3_stmt *prepare_row(struct jb_stage *stage, struct jb_scope *scope, const char *schema)
{
    const struct jb_field *fields[JB_STAGE_COLUMNS_MAX];
    size_t count = jb__stage_stored(stage->model, true, fields);
    struct jb_str names = jb__stage_list(scope, fields, count, "@", ", "), table = jb__stage_table(scope, stage);
    return jb__stage_prepare(stage, scope, jb_format(scope, "select %.*s from %s.%.*s where rowid = ?", JB_FMT(names), schema, JB_FMT(table)).data);
}

bool jb__pairs_open(struct jb__pairs *pairs, struct jb_stage *stage, struct jb_scope *scope, const char *ids_sql)
{
    *pairs = (struct jb__pairs){ .stage = stage };
    pairs->ids = jb__stage_prepare(stage, scope, ids_sql);
    pairs->after = pairs->ids ? prepare_row(stage, scope, "main") : NULL;
    pairs->before = pairs->after ? prepare_row(stage, scope, "target") : NULL;
    return pairs->before != NULL;
}

void jb__pairs_close(struct jb__pairs *pairs)
{
    sqlite3_finalize(pairs->ids);
    sqlite3_finalize(pairs->after);
    sqlite3_finalize(pairs->before);
}

void *jb__stage_record(struct jb_stage *stage, struct jb_scope *scope, sqlite3_stmt *statement, int64_t id)
{
    struct jb__sink sink;
    struct jb__columns columns;
    struct jb__statement what = { .in_order = true, .sink = &sink };
    bool ok = false;

    jb__sink_init(&sink, scope, &stage->model->record, 1);
    sqlite3_bind_int64(statement, 1, id);
    if (jb__stage_step(stage, scope, statement))
        ok = jb__columns_find(scope, statement, &what, &columns) && jb__row_read(scope, statement, &columns, &sink);
    sqlite3_reset(statement);
    return ok ? sink.data : NULL;
}

bool jb__pairs_next(struct jb__pairs *pairs, struct jb_scope *scope, int64_t *ret_row, void **ret_after, void **ret_before)
{
    struct jb_stage *stage = pairs->stage;

    if (!jb__stage_step(stage, scope, pairs->ids))
        return false;
    int64_t id = sqlite3_column_int64(pairs->ids, 0), target = sqlite3_column_int64(pairs->ids, 1);
    void *staged = jb__stage_record(stage, scope, pairs->after, id);
    void *before = staged && target ? jb__stage_record(stage, scope, pairs->before, target) : NULL;
    if (!staged || jb_failure(scope))
        return false;
    *ret_row = id - stage->sqlite.id_base;
    *ret_before = before;
    *ret_after = before ? jb__stage_lay_over(stage, scope, before, staged) : staged;
    if (!before) /* the staged id is no id of the table */
        memset((char *)staged + jb_model_primary(stage->model)->offset, 0, sizeof(int64_t));
    return true;
}

/* ---- looking ------------------------------------------------------------------------------------------------------------------- */

bool jb__sqlite_stage_look(struct jb_stage *stage, struct jb_scope *scope, enum jb_stage_kind kind, int64_t after_row, int64_t offset, int64_t limit, jb__each_pair *each, void *arg)
{
    static const char *const which[] = { "m.id is null", "m.state = 1", "m.state = 0" };
    struct jb_str table = jb__stage_table(scope, stage);
    struct jb_str ids = jb_format(scope, "select s.rowid, m.target from main.%.*s s left join main.jb_match m on m.id = s.rowid where %s and s.rowid > %lld order by s.rowid limit %lld offset %lld", JB_FMT(table), which[kind], (long long)(stage->sqlite.id_base + after_row), (long long)limit, (long long)offset);
    struct jb__pairs pairs = { 0 };
    int64_t row;
    void *after, *before;

    bool shown = false, ok = jb__sqlite_stage_shown(stage, scope, &shown) && jb__pairs_open(&pairs, stage, scope, ids.data);
    if (ok && shown) {
        sqlite3_finalize(pairs.before);
        ok = (pairs.before = prepare_shown(stage, scope)) != NULL;
    }
    while (ok && jb__pairs_next(&pairs, scope, &row, &after, &before))
        ok = each(arg, scope, row, after, before);
    jb__pairs_close(&pairs);
    return ok && !jb_failure(scope);
}

static struct jb_str column_text(struct jb_scope *scope, sqlite3_stmt *statement, int column)
{
    const char *text = (const char *)sqlite3_column_text(statement, column);
    return text ? jb_copy(scope, (struct jb_str){ text, (size_t)sqlite3_column_bytes(statement, column) }) : JB_STR_NULL;
}

static bool walk_refused(struct jb_stage *stage, struct jb_scope *scope, const char *sql, jb__each_refused *each, void *arg)
{
    sqlite3_stmt *statement = jb__stage_prepare(stage, scope, sql);
    bool ok = statement != NULL;

    while (ok && jb__stage_step(stage, scope, statement)) {
        struct jb_arena_mark mark = jb_arena_mark(jb_scope_arena(scope));
        ok = each(arg, scope, sqlite3_column_int64(statement, 0), column_text(scope, statement, 1), column_text(scope, statement, 2), column_text(scope, statement, 3));
        if (ok)
            jb_arena_rewind(jb_scope_arena(scope), mark);
    }
    sqlite3_finalize(statement);
    return ok && !jb_failure(scope);
}

bool jb__sqlite_stage_refused(struct jb_stage *stage, struct jb_scope *scope, jb__each_refused *each, void *arg)
{
    return walk_refused(stage, scope, "select row, col, value, reason from main.jb_refused order by row, id", each, arg);
}

bool jb__sqlite_stage_refused_of(struct jb_stage *stage, struct jb_scope *scope, struct jb_str rows, jb__each_refused *each, void *arg)
{
    struct jb_str sql = jb_format(scope, "select row, col, value, reason from main.jb_refused where row in (%.*s) order by row, id", JB_FMT(rows));

    if (!stage->refused_indexed && !jb__stage_exec(stage, scope, "create index if not exists main.jb_refused_row on jb_refused (row)"))
        return false;
    stage->refused_indexed = true;
    return walk_refused(stage, scope, sql.data, each, arg);
}

bool jb__sqlite_stage_refused_in(struct jb_stage *stage, struct jb_scope *scope, int64_t after_row, int64_t last_row, jb__each_refused *each, void *arg)
{
    struct jb_str sql = jb_format(scope, "select row, col, value, reason from main.jb_refused where row > %lld and row <= %lld order by row, id", (long long)after_row, (long long)last_row);
    return walk_refused(stage, scope, sql.data, each, arg);
}

bool jb__sqlite_stage_refused_count(struct jb_stage *stage, struct jb_scope *scope, int64_t *ret_errors)
{
    return jb__stage_int(stage, scope, "select count(*) from main.jb_refused", ret_errors);
}

bool jb__sqlite_stage_refused_rows(struct jb_stage *stage, struct jb_scope *scope, int64_t *ret_rows)
{
    return jb__stage_int(stage, scope, "select count(distinct row) from main.jb_refused where not compared", ret_rows);
}

bool jb__sqlite_stage_range_end(struct jb_stage *stage, struct jb_scope *scope, int64_t after_row, int64_t limit, int64_t *ret_last_row)
{
    struct jb_str table = jb__stage_table(scope, stage);
    struct jb_str sql = jb_format(scope, "select coalesce(max(id), 0) from (select rowid as id from main.%.*s where rowid > %lld order by rowid limit %lld)", JB_FMT(table), (long long)(stage->sqlite.id_base + after_row), (long long)limit);
    int64_t last;

    if (!jb__stage_int(stage, scope, sql.data, &last))
        return false;
    *ret_last_row = last ? last - stage->sqlite.id_base : 0;
    return true;
}

/* ---- an empty table -------------------------------------------------------------------------------------------------------------- */

/* The target's indexes on the staged table too: then SQLite copies the b-trees of an empty target instead of inserting row by row. One that proved that there are no duplicates
 * serves as it is; names do not matter. */
bool jb__sqlite_stage_index(struct jb_stage *stage, struct jb_scope *scope)
{
    struct jb_str table = jb_model_table(stage->model), sql = JB_STR("");
    int64_t count = 0;

    if (stage->model->external)
        return true; /* its rows are staged without its constraints: they go in one by one */
    sqlite3_stmt *statement = jb__stage_prepare(stage, scope, "select sql from target.sqlite_master t where type = 'index' and tbl_name = ? and sql is not null and not exists"
                                                              " (select 1 from main.sqlite_master m where m.type = 'index' and m.sql like 'create unique %' and t.sql like 'create unique %'"
                                                              "   and substr(m.sql, instr(m.sql, '(')) = substr(t.sql, instr(t.sql, '(')))");

    if (!statement)
        return false;
    sqlite3_bind_text(statement, 1, table.data, (int)table.size, SQLITE_STATIC);
    for (; jb__stage_step(stage, scope, statement); count++)
        sql = jb_format(scope, "%.*s%s;", JB_FMT(sql), (const char *)sqlite3_column_text(statement, 0));
    sqlite3_finalize(statement);
    jb__stage_part(stage, 0, 1, INDEX_STEPS * count);
    stage->sqlite.indexed = !jb_failure(scope) && jb__stage_exec(stage, scope, sql.data) && jb__stage_exec(stage, scope, "update main.jb_meta set indexed = 1");
    return stage->sqlite.indexed;
}

bool jb__stage_copies(const struct jb_stage *stage)
{
    return stage->sqlite.indexed && !stage->by_id && stage->comparisons < 2; /* a second one means that somebody writes there */
}

/* ---- on the writer ------------------------------------------------------------------------------------------------------------------ */

struct merge {
    struct jb_stage *stage;
    struct jb_scope *scope;
    const char *sql[3];
    int64_t from, to;
    bool answer;
    int64_t updated, inserted;
    struct jb_str rule; /* of a failure: what was broken */
    struct jb_stage_sums sums;
};

static bool on_writer_exec(sqlite3 *writer, void *arg)
{
    struct merge *merge = arg;
    return jb__sqlite_exec(merge->scope, writer, merge->sql[0]);
}

/* Read-only, but for the copy into an empty table: SQLite copies b-trees only from a file that it may write. It would then lock the staging file too, so a comparison under the
 * lock is only possible without. */
bool jb__sqlite_stage_attach(struct jb_stage *stage, struct jb_scope *scope)
{
    struct jb_str uri = jb__file_uri(scope, stage->path, !jb__stage_copies(stage));
    struct merge merge = {
        .stage = stage,
        .scope = scope,
        .sql = { jb_format(scope, "attach '%.*s' as " SCHEMA "; pragma " SCHEMA ".journal_mode = off; pragma " SCHEMA ".synchronous = off; pragma " SCHEMA ".cache_size = -8192", JB_FMT(uri)).data },
    };

    stage->sqlite.attached = jb__writer_call(stage->db, false, on_writer_exec, &merge, scope);
    return stage->sqlite.attached;
}

bool jb__sqlite_stage_detach(struct jb_stage *stage, struct jb_scope *scope)
{
    struct merge merge = { .stage = stage, .scope = scope, .sql = { "detach " SCHEMA } };

    if (!stage->sqlite.attached)
        return true;
    stage->sqlite.attached = false;
    return jb__writer_call(stage->db, false, on_writer_exec, &merge, scope);
}

bool jb__sqlite_int(sqlite3 *writer, struct jb_scope *scope, const char *sql, int64_t *ret_number)
{
    sqlite3_stmt *statement;
    int code = sqlite3_prepare_v2(writer, sql, -1, &statement, NULL);

    if (code == SQLITE_OK && (code = sqlite3_step(statement)) == SQLITE_ROW)
        *ret_number = sqlite3_column_int64(statement, 0);
    bool ok = code == SQLITE_ROW || jb__sqlite_fail(scope, writer, code, sql);
    sqlite3_finalize(statement);
    return ok;
}

static bool on_writer_fresh(sqlite3 *writer, void *arg)
{
    struct merge *merge = arg;
    int64_t generation;

    if (!jb__sqlite_int(writer, merge->scope, jb__stage_generation_sql(merge->scope, merge->stage, "main").data, &generation))
        return false;
    merge->answer = generation == merge->stage->sqlite.generation;
    return true;
}

bool jb__sqlite_stage_is_fresh(struct jb_stage *stage, struct jb_scope *scope, bool hold, bool *ret_fresh)
{
    struct merge merge = { .stage = stage, .scope = scope };

    (void)hold; /* the transaction holds the only writer there is */
    if (!jb__writer_call(stage->db, false, on_writer_fresh, &merge, scope))
        return false;
    *ret_fresh = merge.answer;
    return true;
}

bool jb__stage_on_writer(sqlite3 *writer, struct jb_stage *stage, struct jb_scope *scope, const char *sql, const struct jb_value *args, int count, int64_t *ret_changes, struct jb_str *ret_rule)
{
    sqlite3_stmt *statement;
    int code = sqlite3_prepare_v2(writer, sql, -1, &statement, NULL);

    if (code != SQLITE_OK)
        return jb__sqlite_fail(scope, writer, code, sql);
    bool ok = true;
    for (int i = 0; ok && i < count; i++)
        ok = jb__bind(statement, i + 1, args[i]);
    code = ok ? sqlite3_step(statement) : sqlite3_errcode(writer);
    ok = code == SQLITE_DONE || jb__statement_fail(scope, writer, code, &(struct jb__statement){ .sql = jb_str_of(sql), .model = stage->model, .ret_rule = ret_rule });
    if (ok)
        *ret_changes += sqlite3_changes64(writer);
    sqlite3_finalize(statement);
    return ok;
}

/* One statement over a range of ids. */
static bool run_range(struct merge *merge, sqlite3 *writer, const char *sql, int64_t *changes)
{
    struct jb_value range[] = { jb_v_int(merge->from), jb_v_int(merge->to) };
    return !sql || jb__stage_on_writer(writer, merge->stage, merge->scope, sql, range, 2, changes, &merge->rule);
}

/* Writes the changed and the new rows of the range, and adds up what they were and are. */
static bool write_range(struct merge *merge, sqlite3 *writer)
{
    struct jb__sums_range range = { .from = merge->from, .to = merge->to };
    int64_t inserted = merge->inserted;

    return jb__sums_before(writer, merge->stage, merge->scope, &range, &merge->sums) && run_range(merge, writer, merge->sql[0], &merge->updated) && run_range(merge, writer, merge->sql[1], &merge->inserted) &&
           jb__sums_after(writer, merge->stage, merge->scope, &range, merge->inserted - inserted, &merge->sums);
}

static bool on_writer_chunk(sqlite3 *writer, void *arg)
{
    struct merge *merge = arg;

    return !JB_FAULT("transfer/import/merge_chunk", merge->scope) && write_range(merge, writer);
}

/* insert into t (…) select … for rows that jb_match does not know. */
static const char *insert_sql(struct jb_scope *scope, const struct jb_stage *stage)
{
    const struct jb_field *fields[JB_STAGE_COLUMNS_MAX];
    struct jb_str table = jb__stage_table(scope, stage), primary = jb__quoted(scope, jb_model_primary(stage->model)->name);
    size_t count = jb__stage_stored(stage->model, false, fields);
    struct jb_str names = jb__stage_list(scope, fields, count, "@", ", "), values = jb__stage_list(scope, fields, count, "s.@", ", ");
    const char *given = stage->by_id ? "(select k.key from " SCHEMA ".jb_key k where k.id = s.rowid)" : "null";
    const char *key = stage->sqlite.numbered ? jb_format(scope, "coalesce(%s, (select n.key from " SCHEMA ".jb_number n where n.id = s.rowid))", given).data : given;
    return jb_format(scope,
        "insert into main.%.*s (%.*s, %.*s) select %s, %.*s from " SCHEMA ".%.*s s where s.rowid > ? and s.rowid <= ?"
        " and not exists (select 1 from " SCHEMA ".jb_match m where m.id = s.rowid)",
        JB_FMT(table), JB_FMT(primary), JB_FMT(names), key, JB_FMT(values), JB_FMT(table))
        .data;
}

/* Columns of the sheet, and times that every change sets; NULL when there are none. */
static const char *update_sql(struct jb_scope *scope, const struct jb_stage *stage)
{
    const struct jb_field *fields[JB_STAGE_COLUMNS_MAX];
    struct jb_str table = jb__stage_table(scope, stage), primary = jb__quoted(scope, jb_model_primary(stage->model)->name);
    size_t count = jb__stage_written(stage, fields);

    if (count == 0)
        return NULL;
    struct jb_str sets = jb__stage_list(scope, fields, count, "@ = s.@", ", ");
    return jb_format(scope,
        "update main.%.*s as t set %.*s from " SCHEMA ".jb_match m cross join " SCHEMA ".%.*s s"
        " where m.id > ? and m.id <= ? and m.state = 1 and s.%.*s = m.id and t.%.*s = m.target",
        JB_FMT(table), JB_FMT(sets), JB_FMT(table), JB_FMT(primary), JB_FMT(primary))
        .data;
}

static int64_t chunk_end(const struct merge *merge, int64_t last)
{
    return last - merge->from > CHUNK_ROWS ? merge->from + CHUNK_ROWS : last;
}

static bool on_writer_bounds(sqlite3 *writer, void *arg)
{
    struct merge *merge = arg;
    struct jb_str table = jb__stage_table(merge->scope, merge->stage);

    return jb__sqlite_int(writer, merge->scope, jb_format(merge->scope, "select coalesce(min(rowid), 1) - 1 from " SCHEMA ".%.*s", JB_FMT(table)).data, &merge->from) &&
           jb__sqlite_int(writer, merge->scope, jb_format(merge->scope, "select coalesce(max(rowid), 0) from " SCHEMA ".%.*s", JB_FMT(table)).data, &merge->to);
}

bool jb__sqlite_stage_merge(struct jb_stage *stage, struct jb_scope *scope, int64_t after_row, int64_t last_row)
{
    struct merge merge = { .stage = stage, .scope = scope, .sql = { update_sql(scope, stage), insert_sql(scope, stage) }, .sums = jb__sums_of(stage) };

    if (!jb__writer_call(stage->db, false, on_writer_bounds, &merge, scope))
        return false;
    int64_t last = last_row ? JB_MIN(merge.to, stage->sqlite.id_base + last_row) : merge.to;
    merge.from = after_row ? JB_MAX(merge.from, stage->sqlite.id_base + after_row) : merge.from;
    for (int64_t first = merge.from; merge.from < last; merge.from = merge.to) {
        merge.to = chunk_end(&merge, last);
        if (!jb_continue(scope) || !jb__writer_call(stage->db, false, on_writer_chunk, &merge, scope))
            return false;
        jb__stage_tell(stage, (double)(merge.to - first) / (double)(last - first));
    }
    int64_t left_out = stage->sqlite.due.new_rows - merge.inserted + (merge.sql[0] ? stage->sqlite.due.changed - merge.updated : 0);
    if (left_out != 0)
        return jb__stage_fail_left_out(scope, left_out);
    jb__sums_add(stage, &merge.sums);
    return jb__sums_stand(&merge.sums, scope);
}

/* ---- by parts (stage_sift.c) -------------------------------------------------------------------------------------------------------------- */

bool jb__sqlite_stage_sift_begin(struct jb_stage *stage, struct jb_scope *scope, int64_t after_row, int64_t last_row, int64_t *ret_first, int64_t *ret_last)
{
    struct merge merge = { .stage = stage, .scope = scope };

    if (!jb__writer_call(stage->db, false, on_writer_bounds, &merge, scope))
        return false;
    *ret_first = JB_MAX(merge.from - stage->sqlite.id_base, after_row) + 1;
    *ret_last = last_row ? JB_MIN(merge.to - stage->sqlite.id_base, last_row) : merge.to - stage->sqlite.id_base;
    return true;
}

/* References that are asked for at the commit only: those that are missing now. */
static bool references_stand(struct merge *merge, sqlite3 *writer)
{
    int missing = 0, highest;

    sqlite3_db_status(writer, SQLITE_DBSTATUS_DEFERRED_FKS, &missing, &highest, 0);
    return missing == 0 || jb_fail(merge->scope, JB_CONFLICT, "%s", JB_L(merge->scope, "가리키는 행이 없습니다. 먼저 등록하거나 고쳐 적으세요.", "It refers to a row that does not exist. Add that first, or correct the value."));
}

static bool on_writer_part(sqlite3 *writer, void *arg)
{
    struct merge *merge = arg;
    return write_range(merge, writer) && references_stand(merge, writer);
}

static bool on_writer_expect(sqlite3 *writer, void *arg)
{
    struct merge *merge = arg;
    return jb__sqlite_int(writer, merge->scope, merge->sql[0], &merge->updated) && jb__sqlite_int(writer, merge->scope, merge->sql[1], &merge->inserted);
}

bool jb__sqlite_stage_sift_part(struct jb_stage *stage, struct jb_scope *scope, int64_t after_row, int64_t last_row, struct jb__sift_part *part)
{
    struct merge merge = { .stage = stage, .scope = scope, .sql = { update_sql(scope, stage), insert_sql(scope, stage) }, .from = stage->sqlite.id_base + after_row, .to = stage->sqlite.id_base + last_row, .sums = jb__sums_of(stage) };
    struct jb_str table = jb__stage_table(scope, stage);
    long long from = merge.from, to = merge.to;
    struct merge expected = {
        .stage = stage,
        .scope = scope,
        .sql = {
            jb_format(scope, "select count(*) from " SCHEMA ".jb_match where id > %lld and id <= %lld and state = 1", from, to).data,
            jb_format(scope, "select count(*) from " SCHEMA ".%.*s s where s.rowid > %lld and s.rowid <= %lld and not exists (select 1 from " SCHEMA ".jb_match m where m.id = s.rowid)", JB_FMT(table), from, to).data,
        },
    };

    if (!jb__writer_call(stage->db, false, on_writer_expect, &expected, scope))
        return false;
    part->expected_changed = merge.sql[0] ? expected.updated : 0;
    part->expected_new = expected.inserted;
    bool ok = jb__writer_call(stage->db, false, on_writer_part, &merge, scope);
    part->changed = merge.updated;
    part->new_rows = merge.inserted;
    part->rule = merge.rule;
    part->sums = merge.sums;
    return ok;
}

bool jb__sqlite_stage_sift_end(struct jb_stage *stage, struct jb_scope *scope)
{
    (void)stage;
    return jb_continue(scope); /* the transaction holds the only writer there is */
}

/* ---- an empty table, all at once ------------------------------------------------------------------------------------------------------ */

/* One statement that may take seconds: how far it is, its steps tell. */
static bool copy_watched(struct merge *merge, sqlite3 *handle)
{
    struct jb__connection *writer = jb__sqlite_of(merge->stage->db)->files[0].writer;
    struct jb_str table = jb__literal(merge->scope, jb_model_table(merge->stage->model));
    int64_t indexes;

    JB_CHECK(writer->handle == handle);
    if (!jb__sqlite_int(handle, merge->scope, jb_format(merge->scope, "select count(*) from main.sqlite_master where type = 'index' and tbl_name = %.*s", JB_FMT(table)).data, &indexes))
        return false;
    jb__stage_part(merge->stage, 0, 1, COPY_STEPS + COPY_INDEX_STEPS * indexes);
    writer->on_steps = jb__stage_steps;
    writer->steps_arg = merge->stage;
    bool ok = jb__sqlite_exec(merge->scope, handle, merge->sql[1]);
    writer->on_steps = NULL;
    merge->inserted = sqlite3_changes64(handle);
    return ok;
}

/* Rows that a trigger left out without a word. */
static bool all_copied(struct merge *merge, sqlite3 *writer)
{
    struct jb_str table = jb__stage_table(merge->scope, merge->stage);
    int64_t rows;

    if (!jb__sqlite_int(writer, merge->scope, jb_format(merge->scope, "select count(*) from " SCHEMA ".%.*s", JB_FMT(table)).data, &rows))
        return false;
    return rows == merge->inserted || jb__stage_fail_left_out(merge->scope, rows - merge->inserted);
}

static bool on_writer_copy(sqlite3 *writer, void *arg)
{
    struct merge *merge = arg;
    int64_t exists;

    if (JB_FAULT("transfer/import/merge_chunk", merge->scope))
        return false;
    if (!jb__sqlite_int(writer, merge->scope, merge->sql[0], &exists))
        return false;
    merge->answer = !exists;
    if (exists)
        return true;
    jb__generation_touch(merge->stage->db, jb_cstr(merge->scope, jb_model_table(merge->stage->model)));
    return copy_watched(merge, writer) && all_copied(merge, writer) && jb__sums_copied(writer, merge->stage, merge->scope, &merge->sums) && jb__sums_stand(&merge->sums, merge->scope);
}

bool jb__sqlite_stage_merge_empty(struct jb_stage *stage, struct jb_scope *scope, bool *ret_possible)
{
    struct jb_str table = jb__stage_table(scope, stage);
    struct merge merge = {
        .stage = stage,
        .scope = scope,
        .sql = { jb_format(scope, "select exists (select 1 from main.%.*s)", JB_FMT(table)).data, jb_format(scope, "insert into main.%.*s select * from " SCHEMA ".%.*s", JB_FMT(table), JB_FMT(table)).data },
        .sums = jb__sums_of(stage),
    };

    if (!jb__stage_copies(stage)) {
        *ret_possible = false;
        return true;
    }
    if (!jb__writer_call(stage->db, false, on_writer_copy, &merge, scope))
        return false;
    *ret_possible = merge.answer;
    if (merge.answer)
        jb__sums_add(stage, &merge.sums);
    return true;
}
