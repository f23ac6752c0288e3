/* stage_postgres_backup.c — a copy of the whole table beside the staged rows, from right before the merge; and the table made equal to it again.
 *
 * The copy is a logged table: it is there to survive what nobody planned. */
// SPDX-License-Identifier: Apache-2.0
#include "store/stage_postgres.h"
#include "run/run.h"

#define PAGE_ROWS 500

static struct jb_str all_columns(struct jb_scope *scope, const struct jb_stage *stage, const char *pattern, const char *between)
{
    const struct jb_field *fields[JB_STAGE_COLUMNS_MAX];
    size_t count = jb__stage_stored(stage->model, true, fields);
    return jb__stage_list(scope, fields, count, pattern, between);
}

bool jb__pg_stage_backup(struct jb_stage *stage, struct jb_scope *scope, int64_t *ret_rows)
{
    struct jb_str backup = jb__pg_stage_backup_table(scope, stage), table = jb__stage_table(scope, stage), names = all_columns(scope, stage, "@", ", "), primary = jb__pg_stage_primary(scope, stage);

    return jb__pg_stage_flush(stage, scope) &&
           jb__pg_exec_on(stage->pg.connection, scope,
               jb_format(scope, "drop table if exists %.*s; create table %.*s with (autovacuum_enabled = false) as select %.*s from %.*s; create unique index on %.*s (%.*s); analyze %.*s", JB_FMT(backup), JB_FMT(backup), JB_FMT(names), JB_FMT(table), JB_FMT(backup), JB_FMT(primary), JB_FMT(backup)).data) &&
           jb__pg_stage_int(stage, scope, jb_format(scope, "select count(*) from %.*s", JB_FMT(backup)), ret_rows);
}

/* ---- comparing ------------------------------------------------------------------------------------------------------------------ */

struct line {
    int64_t row;
    int state;
};
static const struct jb_record line_record = JB_RECORD(line, JB_FIELD(line, row), JB_FIELD(line, state));

static bool check_page(struct jb_stage *stage, struct jb_scope *scope, void *check_state, size_t *ret_count, struct jb_str *ret_note)
{
    const struct jb_record *record = &stage->model->record;
    struct jb__sink lines, now, held;
    bool ok = true;

    jb__sink_init(&lines, scope, &line_record, PAGE_ROWS);
    jb__sink_init(&now, scope, record, PAGE_ROWS);
    jb__sink_init(&held, scope, record, PAGE_ROWS);
    if (!jb__pg_stage_read(stage, scope, jb_format(scope, "fetch forward %d from jb_lines", PAGE_ROWS), &lines) || !jb__pg_stage_read(stage, scope, jb_format(scope, "fetch forward %d from jb_now", PAGE_ROWS), &now) ||
        !jb__pg_stage_read(stage, scope, jb_format(scope, "fetch forward %d from jb_held", PAGE_ROWS), &held))
        return false;
    JB_CHECK(lines.count == now.count && lines.count == held.count);
    *ret_count = lines.count;
    for (size_t i = 0; ok && i < lines.count && !ret_note->data; i++) {
        int state = ((const struct line *)(const void *)lines.data)[i].state;
        ok = jb__stage_undo_check(stage, scope, check_state, state == JB_STAGE_RETURNED ? NULL : now.data + i * record->size, state == JB_STAGE_REMOVED ? NULL : held.data + i * record->size, ret_note);
    }
    return ok;
}

/* The model's check, for every row that would be written; the first refusal ends it. */
static bool check_rows(struct jb_stage *stage, struct jb_scope *scope, void *check_state, struct jb_str *ret_note)
{
    struct jb_str undone = jb__pg_stage_undone(scope, stage), backup = jb__pg_stage_backup_table(scope, stage), table = jb__stage_table(scope, stage), primary = jb__pg_stage_primary(scope, stage);
    struct jb_str now = all_columns(scope, stage, "t.@", ", "), held = all_columns(scope, stage, "b.@", ", ");
    size_t count = PAGE_ROWS;
    bool ok = jb__pg_stage_exec(stage, scope, jb_format(scope, "declare jb_lines no scroll cursor for select u.row, u.state::int from %.*s u order by u.row", JB_FMT(undone)), NULL) &&
              jb__pg_stage_exec(stage, scope, jb_format(scope, "declare jb_now no scroll cursor for select %.*s from %.*s u left join %.*s t on t.%.*s = u.row order by u.row", JB_FMT(now), JB_FMT(undone), JB_FMT(table), JB_FMT(primary)), NULL) &&
              jb__pg_stage_exec(stage, scope, jb_format(scope, "declare jb_held no scroll cursor for select %.*s from %.*s u left join %.*s b on b.%.*s = u.row order by u.row", JB_FMT(held), JB_FMT(undone), JB_FMT(backup), JB_FMT(primary)), NULL);

    while (ok && count == PAGE_ROWS && !ret_note->data) {
        struct jb_scope *one = jb_scope_child(scope, "page");
        struct jb_str note = JB_STR_NULL;
        ok = check_page(stage, one, check_state, &count, &note) || jb_failure_pass(one, scope);
        if (note.data)
            *ret_note = jb_copy(scope, note);
        jb_scope_end(one);
    }
    return ok;
}

static bool find_differences(struct jb_stage *stage, struct jb_scope *scope)
{
    struct jb_str undone = jb__pg_stage_undone(scope, stage), backup = jb__pg_stage_backup_table(scope, stage), table = jb__stage_table(scope, stage), primary = jb__pg_stage_primary(scope, stage);
    struct jb_str same = all_columns(scope, stage, "t.@ is not distinct from b.@", " and ");

    return jb__pg_stage_exec(stage, scope, jb_format(scope, "drop table if exists %.*s", JB_FMT(undone)), NULL) &&
           jb__pg_stage_exec(stage, scope,
               jb_format(scope, "create unlogged table %.*s with (autovacuum_enabled = false) as select coalesce(t.%.*s, b.%.*s)::bigint as row, coalesce(t.%.*s, b.%.*s)::bigint as target, (case when b.%.*s is null then %d when t.%.*s is null then %d else %d end)::smallint as state, null::text as note"
                                " from %.*s t full join %.*s b on b.%.*s = t.%.*s where b.%.*s is null or t.%.*s is null or not (%.*s)",
                   JB_FMT(undone), JB_FMT(primary), JB_FMT(primary), JB_FMT(primary), JB_FMT(primary), JB_FMT(primary), JB_STAGE_REMOVED, JB_FMT(primary), JB_STAGE_RETURNED, JB_STAGE_RESTORED, JB_FMT(table), JB_FMT(backup), JB_FMT(primary), JB_FMT(primary),
                   JB_FMT(primary), JB_FMT(primary), JB_FMT(same)),
               NULL) &&
           jb__pg_stage_exec(stage, scope, jb_format(scope, "create unique index on %.*s (row)", JB_FMT(undone)), NULL);
}

struct count_row {
    int64_t state, count;
};
static const struct jb_record count_record = JB_RECORD(count_row, JB_FIELD(count_row, state), JB_FIELD(count_row, count));

static bool count_rows(struct jb_stage *stage, struct jb_scope *scope, struct jb_stage_undo_counts *ret_counts)
{
    struct jb_str undone = jb__pg_stage_undone(scope, stage);
    struct jb_stage_undo_counts counts = { 0 };
    struct jb__sink sink;

    jb__sink_init(&sink, scope, &count_record, 20);
    if (!jb__pg_stage_read(stage, scope, jb_format(scope, "select state::bigint, count(*) from %.*s group by state", JB_FMT(undone)), &sink))
        return false;
    for (size_t i = 0; i < sink.count; i++) {
        const struct count_row *count = (const struct count_row *)(const void *)sink.data + i;
        jb__stage_undo_count(&counts, (int)count->state, count->count);
    }
    *ret_counts = counts;
    return true;
}

bool jb__pg_stage_return_compare(struct jb_stage *stage, struct jb_scope *scope, void *check_state, struct jb_stage_undo_counts *ret_counts, struct jb_str *ret_note)
{
    *ret_note = JB_STR_NULL;
    return jb__pg_stage_exec(stage, scope, JB_STR("begin"), NULL) && find_differences(stage, scope) && (!stage->model->check || check_rows(stage, scope, check_state, ret_note)) && count_rows(stage, scope, ret_counts) &&
           jb__pg_stage_exec(stage, scope, JB_STR("commit"), NULL);
}

/* ---- in the caller's transaction ---------------------------------------------------------------------------------------------------- */

static bool run(struct jb_stage *stage, struct jb_scope *scope, struct jb_str sql)
{
    struct jb__statement statement = { .sql = sql, .write = true, .model = stage->model };
    return jb__run(scope, &statement);
}

struct number_row {
    int64_t number;
};
static const struct jb_record number_record = JB_RECORD(number_row, JB_FIELD(number_row, number));

bool jb__pg_stage_return(struct jb_stage *stage, struct jb_scope *scope, int64_t *ret_differences)
{
    struct jb_str undone = jb__pg_stage_undone(scope, stage), backup = jb__pg_stage_backup_table(scope, stage), table = jb__stage_table(scope, stage), primary = jb__pg_stage_primary(scope, stage);
    const struct jb_field *fields[JB_STAGE_COLUMNS_MAX];
    size_t count = jb__stage_stored(stage->model, false, fields);
    struct jb_str names = all_columns(scope, stage, "@", ", "), values = all_columns(scope, stage, "b.@", ", "), sets = jb__stage_list(scope, fields, count, "@ = b.@", ", ");
    struct jb__sink sink;
    struct jb__statement differences = {
        .sql = jb_format(scope, "select (select count(*) from (select %.*s from %.*s except select %.*s from %.*s) x) + (select count(*) from (select %.*s from %.*s except select %.*s from %.*s) y)", JB_FMT(names), JB_FMT(table), JB_FMT(names), JB_FMT(backup), JB_FMT(names), JB_FMT(backup), JB_FMT(names), JB_FMT(table)),
        .in_order = true,
        .sink = &sink,
        .row_limit = 1,
    };

    if (JB_FAULT("transfer/undo/chunk", scope) || !run(stage, scope, jb_format(scope, "delete from %.*s t using %.*s u where u.state = %d and t.%.*s = u.row", JB_FMT(table), JB_FMT(undone), JB_STAGE_REMOVED, JB_FMT(primary))) ||
        !run(stage, scope, jb_format(scope, "update %.*s as t set %.*s from %.*s u join %.*s b on b.%.*s = u.row where u.state = %d and t.%.*s = u.row", JB_FMT(table), JB_FMT(sets), JB_FMT(undone), JB_FMT(backup), JB_FMT(primary), JB_STAGE_RESTORED, JB_FMT(primary))) ||
        !run(stage, scope, jb_format(scope, "insert into %.*s (%.*s) select %.*s from %.*s b join %.*s u on u.row = b.%.*s and u.state = %d", JB_FMT(table), JB_FMT(names), JB_FMT(values), JB_FMT(backup), JB_FMT(undone), JB_FMT(primary), JB_STAGE_RETURNED)))
        return false;
    jb__sink_init(&sink, scope, &number_record, 1);
    if (!jb__run(scope, &differences))
        return false;
    *ret_differences = ((const struct number_row *)(const void *)sink.data)->number;
    return true;
}
