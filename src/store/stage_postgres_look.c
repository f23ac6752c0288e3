/* stage_postgres_look.c — walking through what was staged: rows beside those of the table, and sentences. */
// SPDX-License-Identifier: Apache-2.0
#include "store/stage_postgres.h"
#include "store/stage_shown.h"
#include <string.h>

#define PAGE_ROWS 500

/* ---- pairs ---------------------------------------------------------------------------------------------------------------------- */

/* The columns of the model in order, with `id` in the primary key's place. */
static struct jb_str columns(struct jb_scope *scope, const struct jb_stage *stage, const char *alias, const char *id)
{
    const struct jb_field *fields[JB_STAGE_COLUMNS_MAX];
    size_t count = jb__stage_stored(stage->model, true, fields);
    struct jb_str list = JB_STR("");

    for (size_t i = 0; i < count; i++) {
        struct jb_str name = jb__quoted(scope, fields[i]->name);
        if (fields[i]->primary)
            list = jb_format(scope, "%.*s%s%s", JB_FMT(list), i ? ", " : "", id);
        else
            list = jb_format(scope, "%.*s%s%s.%.*s", JB_FMT(list), i ? ", " : "", alias, JB_FMT(name));
    }
    return list;
}

/* The columns of the table's row, with what was shown in its cells. */
static struct jb_str shown_columns(struct jb_scope *scope, const struct jb_stage *stage)
{
    const struct jb_field *fields[JB_STAGE_COLUMNS_MAX];
    size_t count = jb__stage_stored(stage->model, true, fields);
    struct jb_str list = JB_STR("");

    for (size_t i = 0; i < count; i++)
        list = jb_format(scope, "%.*s%s%.*s", JB_FMT(list), i ? ", " : "", JB_FMT(jb__shown_value(scope, stage, fields[i])));
    return list;
}

/* Two cursors over the same rows: as they were staged, with the sheet's row number for an id, and as they stand in the table (all NULL where there is none). */
static bool declare(struct jb_stage *stage, struct jb_scope *scope, struct jb_str where, const char *rest)
{
    struct jb_str rows = jb__pg_stage_rows(scope, stage), match = jb__pg_stage_match(scope, stage), table = jb__stage_table(scope, stage), primary = jb__pg_stage_primary(scope, stage);
    struct jb_str after = columns(scope, stage, "s", "s.jb_row"), before = columns(scope, stage, "t", jb_format(scope, "t.%.*s", JB_FMT(primary)).data), shown = JB_STR("");

    if (stage->pg.shows) {
        before = shown_columns(scope, stage);
        shown = jb_format(scope, " left join %.*s w on w.id = s.jb_row and w.state = %d", JB_FMT(jb__pg_stage_shown_table(scope, stage)), JB_MATCH_CHANGED);
    }

    return jb__pg_stage_exec(stage, scope, jb_format(scope, "declare jb_after no scroll cursor for select %.*s from %.*s s left join %.*s m on m.row = s.jb_row where %.*s order by s.jb_row%s", JB_FMT(after), JB_FMT(rows), JB_FMT(match), JB_FMT(where), rest), NULL) &&
           jb__pg_stage_exec(stage, scope,
               jb_format(scope, "declare jb_before no scroll cursor for select %.*s from %.*s s left join %.*s m on m.row = s.jb_row left join %.*s t on t.%.*s = m.target%.*s where %.*s order by s.jb_row%s", JB_FMT(before), JB_FMT(rows), JB_FMT(match), JB_FMT(table), JB_FMT(primary), JB_FMT(shown), JB_FMT(where), rest), NULL);
}

static void set_id(const struct jb_stage *stage, void *row, int64_t id)
{
    memcpy((char *)row + jb_model_primary(stage->model)->offset, &id, sizeof id);
}

static bool page(struct jb_stage *stage, struct jb_scope *scope, jb__each_pair *each, void *arg, size_t *ret_count)
{
    const struct jb_record *record = &stage->model->record;
    struct jb__sink after, before;

    jb__sink_init(&after, scope, record, PAGE_ROWS);
    jb__sink_init(&before, scope, record, PAGE_ROWS);
    if (!jb__pg_stage_read(stage, scope, jb_format(scope, "fetch forward %d from jb_after", PAGE_ROWS), &after) || !jb__pg_stage_read(stage, scope, jb_format(scope, "fetch forward %d from jb_before", PAGE_ROWS), &before))
        return false;
    JB_CHECK(after.count == before.count);
    *ret_count = after.count;
    for (size_t i = 0; i < after.count; i++) {
        void *staged = after.data + i * record->size, *old = before.data + i * record->size;
        int64_t row = jb_row_id(stage->model, staged);
        bool there = jb_row_id(stage->model, old) != 0;
        set_id(stage, staged, 0);
        if (!each(arg, scope, row, there ? jb__stage_lay_over(stage, scope, old, staged) : staged, there ? old : NULL))
            return false;
    }
    return true;
}

bool jb__pg_stage_pairs(struct jb_stage *stage, struct jb_scope *scope, struct jb_str where, const char *rest, jb__each_pair *each, void *arg)
{
    size_t count = PAGE_ROWS;
    bool ok = declare(stage, scope, where, rest);

    while (ok && count == PAGE_ROWS) {
        struct jb_scope *one = jb_scope_child(scope, "page");
        ok = page(stage, one, each, arg, &count) || jb_failure_pass(one, scope);
        jb_scope_end(one);
    }
    return ok && jb__pg_stage_exec(stage, scope, JB_STR("close jb_after"), NULL) && jb__pg_stage_exec(stage, scope, JB_STR("close jb_before"), NULL);
}

bool jb__pg_stage_look(struct jb_stage *stage, struct jb_scope *scope, enum jb_stage_kind kind, int64_t after_row, int64_t offset, int64_t limit, jb__each_pair *each, void *arg)
{
    static const char *const which[] = { "m.row is null", "m.state = 1", "m.state = 0" };
    struct jb_str where = jb_format(scope, "%s and s.jb_row > %lld", which[kind], (long long)after_row), rest = jb_format(scope, " limit %lld offset %lld", (long long)limit, (long long)offset);

    if (!jb__pg_stage_shown(stage, scope, &stage->pg.shows))
        return false;
    return jb__pg_stage_exec(stage, scope, JB_STR("begin isolation level repeatable read"), NULL) && jb__pg_stage_pairs(stage, scope, where, rest.data, each, arg) &&
           jb__pg_stage_exec(stage, scope, JB_STR("commit"), NULL);
}

/* ---- sentences ------------------------------------------------------------------------------------------------------------------- */

struct refused {
    int64_t row;
    struct jb_str column, value, reason;
};
static const struct jb_record refused_record = JB_RECORD(refused, JB_FIELD(refused, row), JB_FIELD(refused, column), JB_FIELD(refused, value), JB_FIELD(refused, reason));

static bool refused_page(struct jb_stage *stage, struct jb_scope *scope, jb__each_refused *each, void *arg, size_t *ret_count)
{
    struct jb__sink sink;

    jb__sink_init(&sink, scope, &refused_record, PAGE_ROWS);
    if (!jb__pg_stage_read(stage, scope, jb_format(scope, "fetch forward %d from jb_refused", PAGE_ROWS), &sink))
        return false;
    *ret_count = sink.count;
    for (size_t i = 0; i < sink.count; i++) {
        const struct refused *refused = (const struct refused *)(const void *)sink.data + i;
        if (!each(arg, scope, refused->row, refused->column, refused->value, refused->reason))
            return false;
    }
    return true;
}

static bool walk_refused(struct jb_stage *stage, struct jb_scope *scope, const char *where, struct jb_str range, jb__each_refused *each, void *arg)
{
    struct jb_str refused = jb__pg_stage_refused(scope, stage);
    size_t count = PAGE_ROWS;
    bool ok = jb__pg_stage_revive(stage, scope) && jb__pg_stage_exec(stage, scope, JB_STR("begin"), NULL) &&
              jb__pg_stage_exec(stage, scope, jb_format(scope, "declare jb_refused no scroll cursor for select row, col, value, reason from %.*s where %s%.*s order by row, id", JB_FMT(refused), where, JB_FMT(range)), NULL);

    while (ok && count == PAGE_ROWS) {
        struct jb_scope *one = jb_scope_child(scope, "refused");
        ok = refused_page(stage, one, each, arg, &count) || jb_failure_pass(one, scope);
        jb_scope_end(one);
    }
    return ok && jb__pg_stage_exec(stage, scope, JB_STR("commit"), NULL);
}

bool jb__pg_stage_each_refused(struct jb_stage *stage, struct jb_scope *scope, jb__each_refused *each, void *arg)
{
    return walk_refused(stage, scope, "true", JB_STR(""), each, arg);
}

bool jb__pg_stage_each_refused_of(struct jb_stage *stage, struct jb_scope *scope, struct jb_str rows, jb__each_refused *each, void *arg)
{
    struct jb_str refused = jb__pg_stage_refused(scope, stage);

    if (!stage->refused_indexed && (!jb__pg_stage_revive(stage, scope) || !jb__pg_stage_flush(stage, scope) ||
                                       !jb__pg_exec_on(stage->pg.connection, scope, jb_format(scope, "create index on %.*s (row); analyze %.*s", JB_FMT(refused), JB_FMT(refused)).data)))
        return false;
    stage->refused_indexed = true;
    return walk_refused(stage, scope, "", jb_format(scope, "row in (%.*s)", JB_FMT(rows)), each, arg);
}

bool jb__pg_stage_each_refused_in(struct jb_stage *stage, struct jb_scope *scope, int64_t after_row, int64_t last_row, jb__each_refused *each, void *arg)
{
    return walk_refused(stage, scope, "true", jb__pg_stage_range(scope, "row", after_row, last_row), each, arg);
}
