/* stage_postgres.c — a staging's connection and tables: opening, sealing, removing.
 *
 * The connection belongs to the import's thread and is counted apart from the pools. Its commits wait for no disk, but for the last one before a seal. */
// SPDX-License-Identifier: Apache-2.0
#include "store/stage_postgres.h"
#include "store/stage_shown.h"
#include "base/time.h"
#include "run/run.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SETTINGS "set work_mem = '64MB'; set maintenance_work_mem = '128MB'; set cursor_tuple_fraction = 1; set default_statistics_target = 10"
#define MAGIC "jb_stage "
#define STEP 0.08 /* of what is told */
#define NAME_CHARS_MAX ((size_t)40)
#define ROWS_BYTES_MAX ((size_t)256 << 20) /* one row's texts may be long */

/* ---- names and statements ---------------------------------------------------------------------------------------------------- */

static struct jb_str table_name(struct jb_scope *scope, const char *name, const char *what)
{
    struct jb_str quoted = jb__quoted(scope, jb_format(scope, "%s%s", name, what).data);
    return jb_format(scope, "jb_stage.%.*s", JB_FMT(quoted));
}

struct jb_str jb__pg_stage_rows(struct jb_scope *scope, const struct jb_stage *stage)
{
    return table_name(scope, stage->pg.name, "");
}

struct jb_str jb__pg_stage_match(struct jb_scope *scope, const struct jb_stage *stage)
{
    return table_name(scope, stage->pg.name, " match");
}

struct jb_str jb__pg_stage_refused(struct jb_scope *scope, const struct jb_stage *stage)
{
    return table_name(scope, stage->pg.name, " refused");
}

struct jb_str jb__pg_stage_shown_table(struct jb_scope *scope, const struct jb_stage *stage)
{
    return table_name(scope, stage->pg.name, " shown");
}

struct jb_str jb__pg_stage_before(struct jb_scope *scope, const struct jb_stage *stage)
{
    return table_name(scope, stage->pg.name, " before");
}

struct jb_str jb__pg_stage_undone(struct jb_scope *scope, const struct jb_stage *stage)
{
    return table_name(scope, stage->pg.name, " undo");
}

struct jb_str jb__pg_stage_backup_table(struct jb_scope *scope, const struct jb_stage *stage)
{
    return table_name(scope, stage->pg.name, " backup");
}

struct jb_str jb__pg_stage_primary(struct jb_scope *scope, const struct jb_stage *stage)
{
    return jb__quoted(scope, jb_model_primary(stage->model)->name);
}

struct jb_str jb__pg_stage_range(struct jb_scope *scope, const char *column, int64_t from, int64_t to)
{
    struct jb_str range = JB_STR("");

    if (from != INT64_MIN)
        range = jb_format(scope, " and %s > %lld", column, (long long)from);
    if (to != INT64_MAX)
        range = jb_format(scope, "%.*s and %s <= %lld", JB_FMT(range), column, (long long)to);
    return range;
}

bool jb__pg_stage_exec(struct jb_stage *stage, struct jb_scope *scope, struct jb_str sql, int64_t *ret_changes)
{
    struct jb__statement statement = { .sql = sql, .model = stage->model, .write = true };

    if (!jb__pg_stage_flush(stage, scope) || !jb__pg_run_once(stage->pg.connection, scope, &statement))
        return false;
    if (ret_changes)
        *ret_changes = statement.changes;
    return true;
}

bool jb__pg_stage_read(struct jb_stage *stage, struct jb_scope *scope, struct jb_str sql, struct jb__sink *sink)
{
    struct jb__statement statement = { .sql = sql, .in_order = true, .sink = sink, .row_limit = (int64_t)sink->max };
    return jb__pg_stage_flush(stage, scope) && jb__pg_run_once(stage->pg.connection, scope, &statement);
}

struct int_row {
    int64_t number;
};
static const struct jb_record int_record = JB_RECORD(int_row, JB_FIELD(int_row, number));

bool jb__pg_stage_int(struct jb_stage *stage, struct jb_scope *scope, struct jb_str sql, int64_t *ret_number)
{
    struct jb__sink sink;

    jb__sink_init(&sink, scope, &int_record, 1);
    if (!jb__pg_stage_read(stage, scope, sql, &sink))
        return false;
    *ret_number = sink.count ? ((const struct int_row *)(const void *)sink.data)->number : 0;
    return true;
}

/* ---- the file ------------------------------------------------------------------------------------------------------------------ */

/* "…/17.2.stage" → "17.2" */
static void name_of_path(const char *path, char *name)
{
    const char *last = strrchr(path, '/');
    struct jb_str text = jb_str_of(last ? last + 1 : path);

    if (jb_str_ends(text, JB_STR(".stage")))
        text.size -= strlen(".stage");
    text.size = JB_MIN(text.size, NAME_CHARS_MAX); /* digits and dots */
    snprintf(name, NAME_CHARS_MAX + 1, "%.*s", JB_FMT(text));
}

static bool file_write(struct jb_scope *scope, const char *path, const char *name)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    bool ok = fd >= 0 && dprintf(fd, MAGIC "%s\n", name) > 0;

    if (!ok)
        jb_fail_errno(scope, errno, JB_L(scope, "%s 쓰기", "writing %s"), path);
    if (fd >= 0)
        close(fd);
    return ok;
}

/* The name that the file holds; "" when it is none of ours. */
static void file_read(const char *path, char *name)
{
    char text[sizeof MAGIC + NAME_CHARS_MAX + 1] = "";
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;

    if (fd >= 0)
        close(fd);
    *name = '\0';
    if (size <= (ssize_t)strlen(MAGIC) || strncmp(text, MAGIC, strlen(MAGIC)) != 0)
        return;
    text[strcspn(text, "\n")] = '\0';
    snprintf(name, NAME_CHARS_MAX + 1, "%.*s", (int)NAME_CHARS_MAX, text + strlen(MAGIC));
}

/* ---- opening --------------------------------------------------------------------------------------------------------------------- */

/* ---- how far it is ------------------------------------------------------------------------------------------------------------- */

static void tell(struct jb_stage *stage, double share)
{
    struct jb__stage_postgres *pg = &stage->pg;

    while (share - pg->told > STEP)
        jb__stage_tell(stage, pg->told += STEP);
    if (share > pg->told)
        jb__stage_tell(stage, pg->told = share);
}

void jb__pg_stage_part(struct jb_stage *stage, double from, double to, int64_t ns_per_row)
{
    struct jb__stage_postgres *pg = &stage->pg;

    if (from == 0)
        pg->told = 0;
    tell(stage, from);
    pg->from = from;
    pg->to = to;
    pg->part_us = jb_monotonic_us();
    pg->expected_us = JB_MAX(1000, pg->rows_added * ns_per_row / 1000);
}

static void on_look(void *arg)
{
    struct jb_stage *stage = arg;
    const struct jb__stage_postgres *pg = &stage->pg;

    if (pg->expected_us == 0)
        return;
    double share = (double)(jb_monotonic_us() - pg->part_us) / (double)pg->expected_us;
    share = share < 0.8 ? share : 1 - 0.16 / share;
    tell(stage, pg->from + (pg->to - pg->from) * share);
}

static void buffers_init(struct jb_stage *stage)
{
    struct jb_buf empty = JB_BUF_INIT(ROWS_BYTES_MAX);
    stage->pg.rows = stage->pg.refused = empty;
}

static bool connect(struct jb_stage *stage, struct jb_scope *scope)
{
    stage->pg.connection = jb__pg_connect(&jb__pg_of(stage->db)->primary, scope, true);
    if (!stage->pg.connection)
        return false;
    stage->pg.connection->on_look = on_look;
    stage->pg.connection->look_arg = stage;
    return jb__pg_exec_on(stage->pg.connection, scope, SETTINGS);
}

static struct jb_str drop_sql(struct jb_scope *scope, const char *name)
{
    static const char *const parts[] = { "", " match", " refused", " before", " undo", " shown", " backup" };
    struct jb_str list = JB_STR("");

    for (size_t i = 0; i < JB_COUNT(parts); i++) {
        struct jb_str table = table_name(scope, name, parts[i]);
        list = jb_format(scope, "%.*s%s%.*s", JB_FMT(list), i ? ", " : "", JB_FMT(table));
    }
    return jb_format(scope, "drop table if exists %.*s;", JB_FMT(list));
}

/* In one go, so that of two that make the schema one waits. */
static bool create_tables(struct jb_stage *stage, struct jb_scope *scope)
{
    const struct jb_field *fields[JB_STAGE_COLUMNS_MAX];
    size_t count = jb__stage_stored(stage->model, false, fields);
    struct jb_str names = jb__stage_list(scope, fields, count, ", @", ""), drop = drop_sql(scope, stage->pg.name), target = jb__stage_table(scope, stage);
    struct jb_str rows = jb__pg_stage_rows(scope, stage), match = jb__pg_stage_match(scope, stage), refused = jb__pg_stage_refused(scope, stage);
    struct jb_str sql = jb_format(scope,
        "begin; select pg_advisory_xact_lock(hashtext('jb_stage')); create schema if not exists jb_stage; commit; %.*s"
        "create unlogged table %.*s with (autovacuum_enabled = false) as select 0::bigint as jb_row, 0::bigint as jb_key%.*s from %.*s with no data;"
        "create unlogged table %.*s (row bigint not null, target bigint not null, state smallint not null, version xid) with (autovacuum_enabled = false);"
        "create unlogged table %.*s (id bigint generated always as identity, row bigint not null, compared boolean not null, col text, value text, reason text not null) with (autovacuum_enabled = false)",
        JB_FMT(drop), JB_FMT(rows), JB_FMT(names), JB_FMT(target), JB_FMT(match), JB_FMT(refused));

    return jb__pg_exec_on(stage->pg.connection, scope, sql.data);
}

static bool make_keeping(struct jb_stage *stage, struct jb_scope *scope)
{
    const struct jb_field *fields[JB_STAGE_COLUMNS_MAX];
    size_t count = jb__stage_stored(stage->model, false, fields);
    struct jb_str names = jb__stage_list(scope, fields, count, ", @", ""), before = jb__pg_stage_before(scope, stage), target = jb__stage_table(scope, stage);

    return !stage->keeps || jb__pg_exec_on(stage->pg.connection, scope, jb_format(scope, "create unlogged table if not exists %.*s with (autovacuum_enabled = false) as select 0::bigint as jb_row%.*s from %.*s with no data", JB_FMT(before), JB_FMT(names), JB_FMT(target)).data);
}

static bool pg_open(struct jb_stage *stage, struct jb_scope *scope, int64_t head_row)
{
    (void)head_row;
    buffers_init(stage);
    name_of_path(stage->path, stage->pg.name);
    return file_write(scope, stage->path, stage->pg.name) && connect(stage, scope) && create_tables(stage, scope) && make_keeping(stage, scope);
}

static bool pg_open_sealed(struct jb_stage *stage, struct jb_scope *scope)
{
    int64_t there = 0;

    buffers_init(stage);
    file_read(stage->path, stage->pg.name);
    if (!stage->pg.name[0] && access(stage->path, F_OK) != 0) /* it was kept by another machine */
        name_of_path(stage->path, stage->pg.name);
    if (!connect(stage, scope))
        return false;
    struct jb_str rows = jb__literal(scope, jb__pg_stage_rows(scope, stage));
    if (stage->pg.name[0] && !jb__pg_stage_int(stage, scope, jb_format(scope, "select count(*) from pg_class where oid = to_regclass(%.*s)", JB_FMT(rows)), &there))
        return false;
    if (there)
        return make_keeping(stage, scope);
    return jb_fail(scope, JB_UNAVAILABLE, "%s", JB_L(scope, "준비해 둔 행들이 데이터베이스에서 사라졌습니다. 다시 시도하면 파일에서 새로 준비합니다.", "The rows that stood ready are gone from the database. Try again: they are staged from the file anew."));
}

static void pg_close(struct jb_stage *stage)
{
    jb__pg_close(stage->pg.connection);
    jb_buf_done(&stage->pg.rows);
    jb_buf_done(&stage->pg.refused);
    free(stage->pg.deciders);
    free(stage->pg.decider_lock);
}

/* Unlogged tables are emptied by a crash of the server: what is sealed must not be. */
static bool pg_seal(struct jb_stage *stage, struct jb_scope *scope, const char *sealed)
{
    struct jb_str rows = jb__pg_stage_rows(scope, stage), match = jb__pg_stage_match(scope, stage), refused = jb__pg_stage_refused(scope, stage);

    return jb__pg_stage_flush(stage, scope) &&
           jb__pg_exec_on(stage->pg.connection, scope, jb_format(scope, "set synchronous_commit = on; alter table %.*s set logged; alter table %.*s set logged; alter table %.*s set logged", JB_FMT(rows), JB_FMT(match), JB_FMT(refused)).data) &&
           jb__stage_file_seal(scope, stage->path, sealed);
}

static bool nothing(struct jb_stage *stage, struct jb_scope *scope)
{
    (void)stage;
    return jb_continue(scope);
}

/* ---- asking ------------------------------------------------------------------------------------------------------------------------ */

static bool note_nothing(struct jb_stage *stage, struct jb_scope *scope, bool *ret_moved)
{
    (void)stage, (void)scope;
    *ret_moved = false; /* the merge counts; and jb_stage_prepare says it of what the model's check reads */
    return true;
}

static bool target_empty(struct jb_stage *stage, struct jb_scope *scope, bool *ret_empty)
{
    struct jb_str table = jb__stage_table(scope, stage);
    int64_t rows;

    if (!jb__pg_stage_int(stage, scope, jb_format(scope, "select count(*) from (select from %.*s limit 1) t", JB_FMT(table)), &rows))
        return false;
    *ret_empty = rows == 0;
    return true;
}

static bool range_end(struct jb_stage *stage, struct jb_scope *scope, int64_t after_row, int64_t limit, int64_t *ret_last_row)
{
    struct jb_str rows = jb__pg_stage_rows(scope, stage);
    struct jb_str sql = jb_format(scope, "select coalesce(max(jb_row), 0) from (select jb_row from %.*s where jb_row > %lld order by jb_row limit %lld) r", JB_FMT(rows), (long long)after_row, (long long)limit);
    return jb__pg_stage_int(stage, scope, sql, ret_last_row);
}

bool jb__pg_stage_revive(struct jb_stage *stage, struct jb_scope *scope)
{
    struct jb__pg_connection *connection = stage->pg.connection;
    PGTransactionStatusType status = PQtransactionStatus(connection->handle);

    if (!connection->broken && (status == PQTRANS_INERROR || status == PQTRANS_INTRANS))
        return jb__pg_exec_on(connection, scope, "rollback");
    if (!connection->broken && (status == PQTRANS_IDLE || stage->pg.copying))
        return true;
    jb__pg_close(connection);
    stage->pg.renewed = true;
    stage->pg.copying = false;
    stage->pg.rows.size = 0;
    return connect(stage, scope);
}

static bool refused_count(struct jb_stage *stage, struct jb_scope *scope, int64_t *ret_errors)
{
    struct jb_str refused = jb__pg_stage_refused(scope, stage);
    return jb__pg_stage_revive(stage, scope) && jb__pg_stage_int(stage, scope, jb_format(scope, "select count(*) from %.*s", JB_FMT(refused)), ret_errors);
}

static bool refused_rows(struct jb_stage *stage, struct jb_scope *scope, int64_t *ret_rows)
{
    struct jb_str refused = jb__pg_stage_refused(scope, stage);
    return jb__pg_stage_int(stage, scope, jb_format(scope, "select count(distinct row) from %.*s where not compared", JB_FMT(refused)), ret_rows);
}

/* ---- removing ------------------------------------------------------------------------------------------------------------------------ */

struct removing {
    const char *path;
    char name[NAME_CHARS_MAX + 1];
};

static void read_blocking(void *arg)
{
    struct removing *removing = arg;
    file_read(removing->path, removing->name);
}

static void unlink_blocking(void *arg)
{
    unlink(arg);
}

/* A server process of a worker that died may still use them: then the next sweep tries again. */
static bool drop(struct jb_scope *scope, const char *name)
{
    struct jb_tx *tx = jb_begin(scope);

    if (tx && jb__pg_exec_on(jb__tx_handle(jb__tx_of(scope, false)), scope, jb_format(scope, "set local lock_timeout = '2s'; %.*s", JB_FMT(drop_sql(scope, name))).data))
        return jb_commit(tx);
    if (tx)
        jb_rollback(tx);
    return false;
}

static bool pg_remove(struct jb_scope *outer, struct jb_db *db, const char *path)
{
    struct removing removing = { .path = path };
    struct jb_scope *scope = jb_scope_child(outer, "remove");

    (void)db;
    jb_offload(read_blocking, &removing);
    bool ok = !removing.name[0] || drop(scope, removing.name) || jb_failure_pass(scope, outer);
    jb_scope_end(scope);
    if (ok)
        jb_offload(unlink_blocking, (void *)path);
    return ok;
}

struct bytes_row {
    int64_t bytes;
};
static const struct jb_record bytes_record = JB_RECORD(bytes_row, JB_FIELD(bytes_row, bytes));

static bool pg_bytes(struct jb_scope *scope, struct jb_db *db, const char *path, int64_t *ret_bytes)
{
    struct removing removing = { .path = path };

    (void)db;
    jb_offload(read_blocking, &removing);
    if (!removing.name[0])
        name_of_path(path, removing.name);
    struct jb_rows *rows = jb_query(scope, JB_SQL("select coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint as bytes from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = 'jb_stage' and c.relkind = 'r' and (c.relname::text = ? or c.relname::text like ? || ' %')", jb_str_of(removing.name), jb_str_of(removing.name)), &bytes_record);
    if (!rows)
        return false;
    *ret_bytes = ((const struct bytes_row *)jb_rows_at(rows, 0))->bytes;
    return true;
}

struct name_row {
    struct jb_str name;
};
static const struct jb_record name_record = JB_RECORD(name_row, JB_FIELD(name_row, name));

static bool pg_sweep(struct jb_scope *scope, struct jb_db *db, jb_stage_needed_fn *is_needed, void *arg)
{
    struct jb_rows *names = jb_query(scope, JB_SQL("select c.relname::text as name from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = 'jb_stage' and c.relkind = 'r' and c.relname::text not like '% %' order by 1"), &name_record);
    bool ok = names != NULL;

    (void)db;
    for (size_t i = 0; ok && i < names->count; i++) {
        struct jb_str rest = ((const struct name_row *)(const void *)names->data)[i].name;
        const char *name = jb_cstr(scope, rest);
        bool needed = true;
        int64_t job;
        if (!jb_str_to_int64(jb_str_cut(&rest, '.'), &job))
            continue;
        ok = is_needed(arg, scope, job, &needed) && (needed || drop(scope, name));
    }
    return ok;
}

const struct jb__stage_driver jb__postgres_stage = {
    .open = pg_open,
    .open_sealed = pg_open_sealed,
    .close = pg_close,
    .seal = pg_seal,
    .begin = nothing,
    .commit = nothing,
    .add = jb__pg_stage_add,
    .refuse = jb__pg_stage_refuse,
    .lookup = jb__pg_stage_lookup,
    .duplicates = jb__pg_stage_duplicates,
    .note = note_nothing,
    .prepare = jb__pg_stage_prepare,
    .compare = jb__pg_stage_compare,
    .target_empty = target_empty,
    .index = nothing,
    .range_end = range_end,
    .attach = nothing,
    .detach = nothing,
    .is_fresh = jb__pg_stage_is_fresh,
    .merge = jb__pg_stage_merge,
    .sums_standing = jb__pg_stage_sums_standing,
    .sift_begin = jb__pg_stage_sift_begin,
    .sift_part = jb__pg_stage_sift_part,
    .sift_end = jb__pg_stage_sift_end,
    .rule_field = jb__pg_stage_rule_field,
    .value_of = jb__pg_stage_value_of,
    .mark_refused = jb__pg_stage_mark_refused,
    .refused = jb__pg_stage_each_refused,
    .refused_of = jb__pg_stage_each_refused_of,
    .refused_in = jb__pg_stage_each_refused_in,
    .refused_count = refused_count,
    .refused_rows = refused_rows,
    .look = jb__pg_stage_look,
    .show = jb__pg_stage_show,
    .shown = jb__pg_stage_shown,
    .differ = jb__pg_stage_differ,
    .undo_compare = jb__pg_stage_undo_compare,
    .undo = jb__pg_stage_undo,
    .undo_left = jb__pg_stage_undo_left,
    .backup = jb__pg_stage_backup,
    .return_compare = jb__pg_stage_return_compare,
    .return_all = jb__pg_stage_return,
    .row = jb__pg_stage_row,
    .bytes = pg_bytes,
    .remove = pg_remove,
    .sweep = pg_sweep,
};
