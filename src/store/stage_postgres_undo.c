/* stage_postgres_undo.c — a merge taken back: which rows still are as it left them, decided by sets on the staging's connection; then done in the caller's transaction, which holds the table meanwhile.
 *
 * The table of the undo holds a line for each row that the merge wrote. Rules only ever move lines from "removed" or "restored" to a reason to leave the row. */
// SPDX-License-Identifier: Apache-2.0
#include "store/stage_postgres.h"
#include "run/run.h"
#include <string.h>

#define CHUNK_ROWS 5000
#define CHUNKS_MAX 50
#define PAGE_ROWS 500
#define MATCH_NS 3000
#define CHECK_NS 3000

struct undo {
    struct jb_stage *stage;
    struct jb_scope *scope;
    const struct jb_stage_undo *how;
    struct jb_str rows, match, before, undone, table, primary;
};

static struct undo undo_of(struct jb_stage *stage, struct jb_scope *scope, const struct jb_stage_undo *how)
{
    return (struct undo){
        .stage = stage,
        .scope = scope,
        .how = how,
        .rows = jb__pg_stage_rows(scope, stage),
        .match = jb__pg_stage_match(scope, stage),
        .before = jb__pg_stage_before(scope, stage),
        .undone = jb__pg_stage_undone(scope, stage),
        .table = jb__stage_table(scope, stage),
        .primary = jb__pg_stage_primary(scope, stage),
    };
}

static bool exec(struct undo *undo, struct jb_str sql, int64_t *ret_changes)
{
    return jb__pg_stage_exec(undo->stage, undo->scope, sql, ret_changes);
}

static struct jb_str range_of(const struct undo *undo, const char *column)
{
    return jb__pg_stage_range(undo->scope, column, undo->how->after_row ? undo->how->after_row : INT64_MIN, undo->how->last_row ? undo->how->last_row : INT64_MAX);
}

/* ---- as the import left it? ----------------------------------------------------------------------------------------------------- */

static struct jb_str alike(struct jb_scope *scope, const struct jb_field *const *fields, size_t count, const char *pattern)
{
    return count ? jb__stage_list(scope, fields, count, pattern, " and ") : JB_STR("true");
}

static size_t columns_written(const struct jb_stage *stage, const struct jb_field **fields)
{
    size_t count = 0;

    for (size_t i = 0; i < stage->column_count; i++)
        if (!stage->columns[i]->primary)
            fields[count++] = stage->columns[i];
    return count;
}

static bool find_new_by(struct undo *undo, struct jb_str on, const char *which)
{
    const struct jb_field *fields[JB_STAGE_COLUMNS_MAX];
    size_t count = jb__stage_left_by_insert(undo->stage, fields);
    struct jb_str same = alike(undo->scope, fields, count, "s.@ is not distinct from t.@"), range = range_of(undo, "s.jb_row");

    return exec(undo,
        jb_format(undo->scope,
            "insert into %.*s (row, target, state) select s.jb_row, coalesce(t.%.*s, 0), case when t.%.*s is null then %d when %.*s then %d else %d end"
            " from %.*s s left join %.*s t on %.*s where not exists (select from %.*s m where m.row = s.jb_row) and %s%.*s",
            JB_FMT(undo->undone), JB_FMT(undo->primary), JB_FMT(undo->primary), JB_STAGE_GONE, JB_FMT(same), JB_STAGE_REMOVED, JB_STAGE_TOUCHED, JB_FMT(undo->rows), JB_FMT(undo->table), JB_FMT(on), JB_FMT(undo->match), which, JB_FMT(range)),
        NULL);
}

/* Those whose id is known, and those that their key finds. */
static bool find_new(struct undo *undo)
{
    struct jb_stage *stage = undo->stage;
    struct jb_str same = jb__stage_list(undo->scope, stage->match, stage->match_count, "t.@ = s.@", " and "), numbered = jb_format(undo->scope, "t.%.*s = s.jb_key", JB_FMT(undo->primary));

    if (jb__stage_unkeyed(undo->scope, stage, "s").data && !find_new_by(undo, numbered, "s.jb_key is not null"))
        return false;
    return stage->by_id || stage->match_count == 0 || find_new_by(undo, same, "s.jb_key is null");
}

static bool find_changed(struct undo *undo)
{
    const struct jb_field *written[JB_STAGE_COLUMNS_MAX], *alone[JB_STAGE_COLUMNS_MAX];
    struct jb_scope *scope = undo->scope;
    size_t written_count = columns_written(undo->stage, written), alone_count = jb__stage_left_alone(undo->stage, alone);
    struct jb_str as_written = alike(scope, written, written_count, "t.@ is not distinct from s.@"), as_before = alike(scope, written, written_count, "t.@ is not distinct from b.@");
    struct jb_str others = alike(scope, alone, alone_count, "t.@ is not distinct from b.@"), range = range_of(undo, "m.row");

    return exec(undo,
        jb_format(scope,
            "insert into %.*s (row, target, state) select m.row, m.target, case when t.%.*s is null then %d when (%.*s) and (%.*s) then %d when (%.*s) and (%.*s) then %d else %d end"
            " from %.*s m join %.*s s on s.jb_row = m.row join %.*s b on b.jb_row = m.row left join %.*s t on t.%.*s = m.target where m.state = %d%.*s",
            JB_FMT(undo->undone), JB_FMT(undo->primary), JB_STAGE_GONE, JB_FMT(as_written), JB_FMT(others), JB_STAGE_RESTORED, JB_FMT(as_before), JB_FMT(others), JB_STAGE_STANDS, JB_STAGE_TOUCHED, JB_FMT(undo->match), JB_FMT(undo->rows), JB_FMT(undo->before),
            JB_FMT(undo->table), JB_FMT(undo->primary), JB_MATCH_CHANGED, JB_FMT(range)),
        NULL);
}

/* ---- rules -------------------------------------------------------------------------------------------------------------------------- */

struct reference {
    struct jb_str table, column, note;
    bool own;
};
static const struct jb_record reference_record = JB_RECORD(reference, JB_FIELD(reference, table), JB_FIELD(reference, column), JB_FIELD(reference, note), JB_FIELD(reference, own));

#define REFERENCES_MAX 500

/* A row of the same table that goes too does not count; one that stays after all may be found by the next look. */
static bool leave_referred_by(struct undo *undo, const struct reference *reference)
{
    struct jb_scope *scope = undo->scope;
    struct jb_str note = jb__literal(scope, reference->note);
    struct jb_str stays = reference->own ? jb_format(scope, " and o.%.*s not in (select target from %.*s where state = %d)", JB_FMT(undo->primary), JB_FMT(undo->undone), JB_STAGE_REMOVED) : JB_STR("");
    int64_t found = 1;

    while (found > 0) {
        if (!exec(undo, jb_format(scope, "update %.*s set state = %d, note = %.*s where state = %d and target in (select o.%.*s from %.*s o where o.%.*s is not null%.*s)", JB_FMT(undo->undone), JB_STAGE_REFERRED, JB_FMT(note), JB_STAGE_REMOVED, JB_FMT(reference->column), JB_FMT(reference->table), JB_FMT(reference->column), JB_FMT(stays)), &found))
            return false;
        if (!reference->own)
            break;
    }
    return true;
}

/* Rows of any table that refer to one that would go. */
static bool leave_referred(struct undo *undo)
{
    struct jb_scope *scope = undo->scope;
    struct jb_str table = jb__literal(scope, undo->table);
    struct jb__sink sink;
    bool ok;

    jb__sink_init(&sink, scope, &reference_record, REFERENCES_MAX);
    ok = jb__pg_stage_read(undo->stage, scope,
        jb_format(scope, "select k.conrelid::regclass::text, quote_ident(a.attname::text), c.relname::text, k.conrelid = k.confrelid from pg_constraint k join pg_class c on c.oid = k.conrelid"
                         " join pg_attribute a on a.attrelid = k.conrelid and a.attnum = k.conkey[1] where k.contype = 'f' and k.confrelid = %.*s::regclass order by 4, 3",
            JB_FMT(table)),
        &sink);
    for (size_t i = 0; ok && i < sink.count; i++)
        ok = leave_referred_by(undo, (const struct reference *)(const void *)sink.data + i);
    return ok;
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
                "update %.*s set state = %d, note = %.*s where state = %d and row in (select u.row from %.*s u join %.*s b on b.jb_row = u.row join %.*s t on %.*s"
                " where u.state = %d and t.%.*s <> u.target and t.%.*s not in (select target from %.*s where state = %d))",
                JB_FMT(undo->undone), JB_STAGE_RETAKEN, JB_FMT(note), JB_STAGE_RESTORED, JB_FMT(undo->undone), JB_FMT(undo->before), JB_FMT(undo->table), JB_FMT(same), JB_STAGE_RESTORED, JB_FMT(undo->primary), JB_FMT(undo->primary),
                JB_FMT(undo->undone), JB_STAGE_REMOVED),
            NULL);
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
        struct jb_str name = jb__quoted(scope, field->name), note = jb__literal(scope, jb_str_of(field->name)), other = jb__quoted(scope, jb_cstr(scope, jb_model_table(field->references))), id = jb__quoted(scope, jb_model_primary(field->references)->name);
        ok = exec(undo,
            jb_format(scope, "update %.*s u set state = %d, note = %.*s from %.*s b where u.state = %d and b.jb_row = u.row and b.%.*s is not null and not exists (select from %.*s r where r.%.*s = b.%.*s)",
                JB_FMT(undo->undone), JB_STAGE_DANGLING, JB_FMT(note), JB_FMT(undo->before), JB_STAGE_RESTORED, JB_FMT(name), JB_FMT(other), JB_FMT(id), JB_FMT(name)),
            NULL);
    }
    return ok;
}

/* ---- rows beside each other ------------------------------------------------------------------------------------------------------------- */

struct line {
    int64_t row, target;
    int state;
    struct jb_str note;
};
static const struct jb_record line_record = JB_RECORD(line, JB_FIELD(line, row), JB_FIELD(line, target), JB_FIELD(line, state), JB_FIELD(line, note));

/* The columns of the model in order, with the target's id: of the row before, or of the sheet's (`written`: where it brought them) over that. */
static struct jb_str columns(struct undo *undo, bool written)
{
    const struct jb_field *fields[JB_STAGE_COLUMNS_MAX];
    struct jb_scope *scope = undo->scope;
    size_t count = jb__stage_stored(undo->stage->model, true, fields);
    struct jb_str list = JB_STR("");

    for (size_t i = 0; i < count; i++) {
        struct jb_str name = jb__quoted(scope, fields[i]->name), column;
        if (fields[i]->primary)
            column = JB_STR("u.target");
        else if (written && !jb__stage_brings(undo->stage, fields[i]))
            column = jb_format(scope, "case when b.jb_row is not null then b.%.*s else s.%.*s end", JB_FMT(name), JB_FMT(name));
        else
            column = jb_format(scope, "%s.%.*s", written ? "s" : "b", JB_FMT(name));
        list = jb_format(scope, "%.*s%s%.*s", JB_FMT(list), i ? ", " : "", JB_FMT(column));
    }
    return list;
}

/* Three cursors over the same lines of the undo: themselves; the row of the table (all NULL where there is none); what it held before, or what was written. */
static bool declare(struct undo *undo, bool written, struct jb_str where)
{
    const struct jb_field *fields[JB_STAGE_COLUMNS_MAX];
    struct jb_scope *scope = undo->scope;
    size_t count = jb__stage_stored(undo->stage->model, true, fields);
    struct jb_str now = jb__stage_list(scope, fields, count, "t.@", ", "), beside = columns(undo, written);

    return exec(undo, jb_format(scope, "declare jb_lines no scroll cursor for select u.row, u.target, u.state::int, u.note from %.*s u where %.*s order by u.row", JB_FMT(undo->undone), JB_FMT(where)), NULL) &&
           exec(undo, jb_format(scope, "declare jb_now no scroll cursor for select %.*s from %.*s u left join %.*s t on t.%.*s = u.target where %.*s order by u.row", JB_FMT(now), JB_FMT(undo->undone), JB_FMT(undo->table), JB_FMT(undo->primary), JB_FMT(where)), NULL) &&
           exec(undo, jb_format(scope, "declare jb_beside no scroll cursor for select %.*s from %.*s u join %.*s s on s.jb_row = u.row left join %.*s b on b.jb_row = u.row where %.*s order by u.row", JB_FMT(beside), JB_FMT(undo->undone), JB_FMT(undo->rows), JB_FMT(undo->before), JB_FMT(where)), NULL);
}

typedef bool each_line(struct undo *undo, struct jb_scope *scope, void *arg, const struct line *line, const void *now, const void *beside);

static bool page(struct undo *undo, struct jb_scope *scope, each_line *each, void *arg, size_t *ret_count)
{
    const struct jb_record *record = &undo->stage->model->record;
    struct jb__sink lines, now, beside;

    jb__sink_init(&lines, scope, &line_record, PAGE_ROWS);
    jb__sink_init(&now, scope, record, PAGE_ROWS);
    jb__sink_init(&beside, scope, record, PAGE_ROWS);
    if (!jb__pg_stage_read(undo->stage, scope, jb_format(scope, "fetch forward %d from jb_lines", PAGE_ROWS), &lines) || !jb__pg_stage_read(undo->stage, scope, jb_format(scope, "fetch forward %d from jb_now", PAGE_ROWS), &now) ||
        !jb__pg_stage_read(undo->stage, scope, jb_format(scope, "fetch forward %d from jb_beside", PAGE_ROWS), &beside))
        return false;
    JB_CHECK(lines.count == now.count && lines.count == beside.count);
    *ret_count = lines.count;
    for (size_t i = 0; i < lines.count; i++) {
        const struct line *line = (const struct line *)(const void *)lines.data + i;
        const void *there = now.data + i * record->size, *other = beside.data + i * record->size;
        if (!each(undo, scope, arg, line, jb_row_id(undo->stage->model, there) ? there : NULL, other))
            return false;
    }
    return true;
}

static bool walk(struct undo *undo, bool written, struct jb_str where, each_line *each, void *arg)
{
    size_t count = PAGE_ROWS;
    bool ok = declare(undo, written, where);

    while (ok && count == PAGE_ROWS) {
        struct jb_scope *one = jb_scope_child(undo->scope, "page");
        ok = page(undo, one, each, arg, &count) || jb_failure_pass(one, undo->scope);
        jb_scope_end(one);
    }
    return ok && exec(undo, JB_STR("close jb_lines"), NULL) && exec(undo, JB_STR("close jb_now"), NULL) && exec(undo, JB_STR("close jb_beside"), NULL);
}

/* ---- the model's check ------------------------------------------------------------------------------------------------------------------ */

static bool check_line(struct undo *undo, struct jb_scope *scope, void *arg, const struct line *line, const void *now, const void *beside)
{
    const void *after = line->state == JB_STAGE_RESTORED ? jb__stage_lay_over(undo->stage, scope, now, beside) : NULL;
    struct jb_str note;

    (void)arg;
    if (!jb__stage_undo_check(undo->stage, scope, undo->how->check_state, now, after, &note))
        return false;
    if (!note.data)
        return true;
    struct jb_str text = jb__literal(scope, note);
    return jb__pg_stage_exec(undo->stage, scope, jb_format(scope, "update %.*s set state = %d, note = %.*s where row = %lld", JB_FMT(undo->undone), JB_STAGE_FORBIDDEN, JB_FMT(text), (long long)line->row), NULL);
}

static bool leave_forbidden(struct undo *undo)
{
    return !undo->stage->model->check || walk(undo, false, jb_format(undo->scope, "u.state in (%d, %d)", JB_STAGE_REMOVED, JB_STAGE_RESTORED), check_line, NULL);
}

/* ---- the whole --------------------------------------------------------------------------------------------------------------------------- */

struct count_row {
    int64_t state, count;
};
static const struct jb_record count_record = JB_RECORD(count_row, JB_FIELD(count_row, state), JB_FIELD(count_row, count));

static bool count_rows(struct undo *undo, struct jb_stage_undo_counts *ret_counts)
{
    struct jb_stage_undo_counts counts = { 0 };
    struct jb__sink sink;

    jb__sink_init(&sink, undo->scope, &count_record, 20);
    if (!jb__pg_stage_read(undo->stage, undo->scope, jb_format(undo->scope, "select state::bigint, count(*) from %.*s group by state", JB_FMT(undo->undone)), &sink))
        return false;
    for (size_t i = 0; i < sink.count; i++) {
        const struct count_row *count = (const struct count_row *)(const void *)sink.data + i;
        jb__stage_undo_count(&counts, (int)count->state, count->count);
    }
    *ret_counts = counts;
    return true;
}

static bool make_table(struct undo *undo)
{
    return exec(undo, jb_format(undo->scope, "drop table if exists %.*s", JB_FMT(undo->undone)), NULL) &&
           exec(undo, jb_format(undo->scope, "create unlogged table %.*s (row bigint not null, target bigint not null, state smallint not null, note text) with (autovacuum_enabled = false)", JB_FMT(undo->undone)), NULL);
}

static bool settle(struct undo *undo)
{
    return exec(undo, jb_format(undo->scope, "create unique index on %.*s (row)", JB_FMT(undo->undone)), NULL) && exec(undo, jb_format(undo->scope, "analyze %.*s", JB_FMT(undo->undone)), NULL) &&
           exec(undo, jb_format(undo->scope, "analyze %.*s", JB_FMT(undo->before)), NULL);
}

static bool compare_all(struct undo *undo, struct jb_stage_undo_counts *ret_counts)
{
    struct jb_stage *stage = undo->stage;

    jb__pg_stage_part(stage, 0, 0.5, MATCH_NS);
    if (!make_table(undo) || !find_new(undo) || !find_changed(undo) || !settle(undo))
        return false;
    if (undo->how->again && !exec(undo, jb_format(undo->scope, "update %.*s set state = %d where state = %d", JB_FMT(undo->undone), JB_STAGE_STANDS, JB_STAGE_GONE), NULL))
        return false;
    jb__pg_stage_part(stage, 0.5, 1, CHECK_NS);
    if (!leave_dangling(undo) || !leave_forbidden(undo) || !leave_referred(undo) || !leave_retaken(undo) || !count_rows(undo, ret_counts))
        return false;
    jb__pg_stage_part(stage, 1, 1, 0);
    return true;
}

bool jb__pg_stage_undo_compare(struct jb_stage *stage, struct jb_scope *scope, const struct jb_stage_undo *how, struct jb_stage_undo_counts *ret_counts)
{
    struct undo undo = undo_of(stage, scope, how);

    return jb__pg_stage_exec(stage, scope, JB_STR("begin"), NULL) && compare_all(&undo, ret_counts) && jb__pg_stage_exec(stage, scope, JB_STR("commit"), NULL);
}

struct leaving {
    jb_stage_left_fn *each;
    void *arg;
};

static bool left_line(struct undo *undo, struct jb_scope *scope, void *arg, const struct line *line, const void *now, const void *beside)
{
    const struct leaving *leaving = arg;

    (void)undo;
    return leaving->each(leaving->arg, scope, line->row, (enum jb_stage_undone)line->state, line->note, beside, now);
}

bool jb__pg_stage_undo_left(struct jb_stage *stage, struct jb_scope *scope, jb_stage_left_fn *each, void *arg)
{
    struct undo undo = undo_of(stage, scope, NULL);
    struct leaving leaving = { each, arg };

    return jb__pg_stage_revive(stage, scope) && jb__pg_stage_exec(stage, scope, JB_STR("begin isolation level repeatable read"), NULL) &&
           walk(&undo, true, jb_format(scope, "u.state >= %d", JB_STAGE_TOUCHED), left_line, &leaving) && jb__pg_stage_exec(stage, scope, JB_STR("commit"), NULL);
}

/* ---- one row --------------------------------------------------------------------------------------------------------------------------- */

/* The sheet's row that the merge changed or added under that id; 0: none. */
static bool find_row(struct undo *undo, int64_t id, int64_t *ret_row)
{
    struct jb_scope *scope = undo->scope;
    struct jb_str same = jb__stage_list(scope, undo->stage->match, undo->stage->match_count, "s.@ = t.@", " and "), range = range_of(undo, "m.row"), staged_range = range_of(undo, "s.jb_row");
    struct jb_str fresh = jb_format(scope, "not exists (select from %.*s m where m.row = s.jb_row)%.*s", JB_FMT(undo->match), JB_FMT(staged_range)), keyed = JB_STR("");

    if (!undo->stage->by_id && undo->stage->match_count > 0)
        keyed = jb_format(scope, " union all select s.jb_row from %.*s t join %.*s s on %.*s where t.%.*s = %lld and s.jb_key is null and %.*s", JB_FMT(undo->table), JB_FMT(undo->rows), JB_FMT(same), JB_FMT(undo->primary), (long long)id, JB_FMT(fresh));
    return jb__pg_stage_int(undo->stage, scope,
        jb_format(scope, "select coalesce(min(row), 0)::bigint from (select m.row from %.*s m where m.target = %lld and m.state = %d%.*s union all select s.jb_row from %.*s s where s.jb_key = %lld and %.*s%.*s) f",
            JB_FMT(undo->match), (long long)id, JB_MATCH_CHANGED, JB_FMT(range), JB_FMT(undo->rows), (long long)id, JB_FMT(fresh), JB_FMT(keyed)),
        ret_row);
}

static bool read_row(struct undo *undo, bool written, int64_t id, int64_t row, const char *from, const void **ret_row)
{
    struct jb_scope *scope = undo->scope;
    struct jb_str list = columns(undo, written);
    struct jb__sink sink;

    jb__sink_init(&sink, scope, &undo->stage->model->record, 1);
    if (!jb__pg_stage_read(undo->stage, scope, jb_format(scope, "select %.*s from (select %lld::bigint as row, %lld::bigint as target) u %s", JB_FMT(list), (long long)row, (long long)id, from), &sink))
        return false;
    *ret_row = sink.count ? sink.data : NULL;
    return true;
}

bool jb__pg_stage_row(struct jb_stage *stage, struct jb_scope *scope, int64_t id, const struct jb_stage_undo *range, const void **ret_before, const void **ret_written)
{
    struct undo undo = undo_of(stage, scope, range);
    int64_t row;

    if (!find_row(&undo, id, &row))
        return false;
    if (!row)
        return true;
    struct jb_str before = jb_format(scope, "join %.*s b on b.jb_row = u.row", JB_FMT(undo.before));
    struct jb_str written = jb_format(scope, "join %.*s s on s.jb_row = u.row left join %.*s b on b.jb_row = u.row", JB_FMT(undo.rows), JB_FMT(undo.before));
    return read_row(&undo, false, id, row, before.data, ret_before) && read_row(&undo, true, id, row, written.data, ret_written);
}

/* ---- in the caller's transaction ---------------------------------------------------------------------------------------------------------- */

struct undoing {
    struct jb_str remove, restore; /* restore NULL: nothing to set */
    struct jb_value args[JB_STAGE_COLUMNS_MAX];
    size_t times;
};

static bool run(struct jb_stage *stage, struct jb_scope *scope, struct jb_str sql, const struct jb_value *args, size_t count)
{
    struct jb__statement statement = { .sql = sql, .args = args, .arg_count = count, .write = true, .model = stage->model };
    return jb__run(scope, &statement);
}

static void write_sql(struct undo *undo, struct undoing *undoing)
{
    const struct jb_field *written[JB_STAGE_COLUMNS_MAX], *times[JB_STAGE_COLUMNS_MAX];
    struct jb_scope *scope = undo->scope;
    size_t count = columns_written(undo->stage, written), time_count = jb__stage_auto_now(undo->stage, times);

    undoing->remove = jb_format(scope, "delete from %.*s t using %.*s u where u.row > ? and u.row <= ? and u.state = %d and t.%.*s = u.target", JB_FMT(undo->table), JB_FMT(undo->undone), JB_STAGE_REMOVED, JB_FMT(undo->primary));
    if (count == 0)
        return;
    struct jb_str sets = jb__stage_list(scope, written, count, "@ = b.@", ", "), now = jb__stage_list(scope, times, time_count, ", @ = ?", "");
    for (size_t i = 0; i < time_count; i++)
        undoing->args[undoing->times++] = jb_v(jb_now());
    undoing->restore = jb_format(scope, "update %.*s as t set %.*s%.*s from %.*s u join %.*s b on b.jb_row = u.row where u.row > ? and u.row <= ? and u.state = %d and t.%.*s = u.target",
        JB_FMT(undo->table), JB_FMT(sets), JB_FMT(now), JB_FMT(undo->undone), JB_FMT(undo->before), JB_STAGE_RESTORED, JB_FMT(undo->primary));
}

struct bounds {
    int64_t first, last;
};
static const struct jb_record bounds_record = JB_RECORD(bounds, JB_FIELD(bounds, first), JB_FIELD(bounds, last));

static bool find_bounds(struct undo *undo, struct bounds *ret_bounds)
{
    struct jb__sink sink;
    struct jb__statement statement = { .sql = jb_format(undo->scope, "select coalesce(min(row), 1), coalesce(max(row), 0) from %.*s", JB_FMT(undo->undone)), .in_order = true, .sink = &sink, .row_limit = 1 };

    jb__sink_init(&sink, undo->scope, &bounds_record, 1);
    if (!run(undo->stage, undo->scope, JB_STR("set local random_page_cost = 1.1"), NULL, 0) || !jb__run(undo->scope, &statement))
        return false;
    *ret_bounds = *(const struct bounds *)(const void *)sink.data;
    return true;
}

static bool undo_chunk(struct undo *undo, struct undoing *undoing, bool restore, int64_t from, int64_t to)
{
    if (JB_FAULT("transfer/undo/chunk", undo->scope) || !jb_continue(undo->scope))
        return false;
    undoing->args[undoing->times] = jb_v_int(from);
    undoing->args[undoing->times + 1] = jb_v_int(to);
    return restore ? run(undo->stage, undo->scope, undoing->restore, undoing->args, undoing->times + 2) : run(undo->stage, undo->scope, undoing->remove, undoing->args + undoing->times, 2);
}

static bool undo_pass(struct undo *undo, struct undoing *undoing, bool restore, struct bounds bounds)
{
    double told = restore ? 0.5 : 0;
    int64_t chunk = JB_MAX(CHUNK_ROWS, (bounds.last - bounds.first) / CHUNKS_MAX);

    for (int64_t from = bounds.first - 1; from < bounds.last;) {
        int64_t to = JB_MIN(from + chunk, bounds.last);
        if (!undo_chunk(undo, undoing, restore, from, to))
            return false;
        jb__stage_tell(undo->stage, told + 0.5 * (double)(to - bounds.first + 1) / (double)(bounds.last - bounds.first + 1));
        from = to;
    }
    return true;
}

/* All that go, then all that get back what they held: a unique value may have moved from a row that was changed to a new one. */

bool jb__pg_stage_undo(struct jb_stage *stage, struct jb_scope *scope)
{
    struct undo undo = undo_of(stage, scope, NULL);
    struct undoing undoing = { .times = 0 };
    struct bounds bounds;

    write_sql(&undo, &undoing);
    if (!find_bounds(&undo, &bounds))
        return false;
    return undo_pass(&undo, &undoing, false, bounds) && (!undoing.restore.data || undo_pass(&undo, &undoing, true, bounds));
}
