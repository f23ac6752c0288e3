/* stage_shown.c — statements about what a preview showed, as both databases understand them. */
// SPDX-License-Identifier: Apache-2.0
#include "store/stage_shown.h"

struct jb_str jb__shown_create_sql(struct jb_scope *scope, const struct jb_stage *stage, const struct jb__shown_names *names)
{
    const struct jb_field *fields[JB_STAGE_COLUMNS_MAX];
    size_t count = jb__stage_differing(stage, fields);
    struct jb_str before = JB_STR("");

    for (size_t i = 0; i < count; i++)
        before = jb_format(scope, "%.*s, t.%.*s as b%zu", JB_FMT(before), JB_FMT(jb__quoted(scope, fields[i]->name)), i);
    return jb_format(scope, "drop table if exists %.*s; create table %.*s as select m.%s as id, m.target, m.state%.*s from %.*s m left join %.*s t on t.%.*s = m.target and m.state = %d",
        JB_FMT(names->shown), JB_FMT(names->shown), names->id, JB_FMT(before), JB_FMT(names->match), JB_FMT(names->table), JB_FMT(names->primary), JB_MATCH_CHANGED);
}

struct jb_str jb__shown_differ_sql(struct jb_scope *scope, const struct jb_stage *stage, const struct jb__shown_names *names)
{
    const struct jb_field *fields[JB_STAGE_COLUMNS_MAX];
    size_t count = jb__stage_differing(stage, fields);
    struct jb_str before = JB_STR("1 = 0");

    for (size_t i = 0; i < count; i++)
        before = jb_format(scope, "%.*s or w.b%zu is distinct from t.%.*s", JB_FMT(before), i, JB_FMT(jb__quoted(scope, fields[i]->name)));
    struct jb_str moved = jb_format(scope, "select m.%s as id, coalesce(w.state, %d) as was, m.state as now from %.*s m left join %.*s w on w.id = m.%s where w.id is null or w.state <> m.state or (w.target <> m.target and m.state <> %d)",
        names->id, JB_STAGE_ROW_NEW, JB_FMT(names->match), JB_FMT(names->shown), names->id, JB_MATCH_REFUSED);
    struct jb_str gone = jb_format(scope, "select w.id, w.state, %d from %.*s w left join %.*s m on m.%s = w.id where m.%s is null", JB_STAGE_ROW_NEW, JB_FMT(names->shown), JB_FMT(names->match), names->id, names->id);
    struct jb_str edited = jb_format(scope, "select w.id, w.state, m.state from %.*s w join %.*s m on m.%s = w.id and m.state = w.state and m.target = w.target join %.*s t on t.%.*s = w.target where w.state = %d and (%.*s)",
        JB_FMT(names->shown), JB_FMT(names->match), names->id, JB_FMT(names->table), JB_FMT(names->primary), JB_MATCH_CHANGED, JB_FMT(before));
    return jb_format(scope, "select cast(d.id as bigint) as id, cast(d.was as bigint) as was, cast(d.now as bigint) as now, %.*s as key from (%.*s union all %.*s union all %.*s) d left join %.*s s on s.%s = d.id",
        JB_FMT(names->key), JB_FMT(moved), JB_FMT(gone), JB_FMT(edited), JB_FMT(names->rows), names->row);
}

struct jb_str jb__shown_value(struct jb_scope *scope, const struct jb_stage *stage, const struct jb_field *field)
{
    const struct jb_field *fields[JB_STAGE_COLUMNS_MAX];
    size_t count = jb__stage_differing(stage, fields);
    struct jb_str name = jb__quoted(scope, field->name);

    for (size_t i = 0; i < count; i++)
        if (fields[i] == field)
            return jb_format(scope, "case when w.id is null then t.%.*s else w.b%zu end as %.*s", JB_FMT(name), i, JB_FMT(name));
    return jb_format(scope, "t.%.*s", JB_FMT(name));
}
