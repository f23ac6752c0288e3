/* stage_sqlite_keep.c — what the comparison notes so that its merge can be undone.
 *
 * The staging file knows each row as it was written; beside it stands here what a row held that changes, and the id that a new row gets which no key tells from others. That id is sure: it is above all
 * that the table has given, and a merge only happens to a table that nobody has changed since. */
// SPDX-License-Identifier: Apache-2.0
#include "store/stage_sqlite.h"

bool jb__stage_keep_forget(struct jb_stage *stage, struct jb_scope *scope, int64_t from, int64_t to)
{
    long long first = from, last = to;

    return !stage->keeps || jb__stage_exec(stage, scope, jb_format(scope, "delete from main.jb_before where rowid > %lld and rowid <= %lld; delete from main.jb_number where id > %lld and id <= %lld", first, last, first, last).data);
}

static bool note_before(struct jb_stage *stage, struct jb_scope *scope, int64_t from, int64_t to)
{
    const struct jb_field *fields[JB_STAGE_COLUMNS_MAX];
    size_t count = jb__stage_stored(stage->model, true, fields);
    struct jb_str names = jb__stage_list(scope, fields, count, "@", ", "), values = jb__stage_list(scope, fields, count, "t.@", ", "), table = jb__stage_table(scope, stage);

    return jb__stage_exec(stage, scope,
        jb_format(scope, "insert into main.jb_before (rowid, %.*s) select m.id, %.*s from main.jb_match m cross join target.%.*s t on t.rowid = m.target where m.id > %lld and m.id <= %lld and m.state = %d", JB_FMT(names), JB_FMT(values), JB_FMT(table), (long long)from, (long long)to, JB_MATCH_CHANGED).data);
}

/* The highest id that the table or the sheet has given. */
static bool last_id(struct jb_stage *stage, struct jb_scope *scope, int64_t *ret_last)
{
    struct jb_str table = jb__stage_table(scope, stage), name = jb__literal(scope, jb_model_table(stage->model));
    int64_t has_sequence;

    if (!jb__stage_int(stage, scope, "select count(*) from target.sqlite_master where name = 'sqlite_sequence'", &has_sequence))
        return false;
    struct jb_str sequence = has_sequence ? jb_format(scope, "(select coalesce(max(seq), 0) from target.sqlite_sequence where name = %.*s)", JB_FMT(name)) : JB_STR("0");
    return jb__stage_int(stage, scope, jb_format(scope, "select max((select coalesce(max(rowid), 0) from target.%.*s), (select coalesce(max(key), 0) from main.jb_key), %.*s)", JB_FMT(table), JB_FMT(sequence)).data, ret_last);
}

static bool number_rows(struct jb_stage *stage, struct jb_scope *scope, int64_t from, int64_t to)
{
    struct jb_str table = jb__stage_table(scope, stage), unkeyed = jb__stage_unkeyed(scope, stage, "s");
    int64_t last, first, empty;

    stage->sqlite.numbered = 0;
    if (!unkeyed.data)
        return true;
    struct jb_str which = jb_format(scope,
        "from main.%.*s s where s.rowid > %lld and s.rowid <= %lld and %.*s and not exists (select 1 from main.jb_match m where m.id = s.rowid) and not exists (select 1 from main.jb_key k where k.id = s.rowid)",
        JB_FMT(table), (long long)from, (long long)to, JB_FMT(unkeyed));
    if (!jb__stage_int(stage, scope, jb_format(scope, "select not exists (select 1 from target.%.*s)", JB_FMT(table)).data, &empty) || !last_id(stage, scope, &last) ||
        !jb__stage_int(stage, scope, jb_format(scope, "select coalesce(min(s.rowid), 0) %.*s", JB_FMT(which)).data, &first))
        return false;
    int64_t shift = empty && !stage->by_id ? 0 : JB_MAX(0, last + 1 - first); /* an empty table may be filled by a copy, ids and all */
    return jb__stage_exec(stage, scope, jb_format(scope, "insert into main.jb_number (id, key) select s.rowid, s.rowid + %lld %.*s", (long long)shift, JB_FMT(which)).data) &&
           jb__stage_int(stage, scope, "select count(*) from main.jb_number", &stage->sqlite.numbered);
}

bool jb__stage_keep(struct jb_stage *stage, struct jb_scope *scope, int64_t from, int64_t to)
{
    return !stage->keeps || (note_before(stage, scope, from, to) && number_rows(stage, scope, from, to));
}
