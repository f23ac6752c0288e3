/* stage_postgres_sums.c — the sums that prove a merge (stage_sums.c), by the server: of staged rows before it, of what was written by the statements that write. */
// SPDX-License-Identifier: Apache-2.0
#include "store/stage_postgres.h"

/* "3 1200.50 -7.00": a column that holds NaN or an infinity cannot be added. */
static void take(struct jb_stage_sums *sums, struct jb_str text, size_t member)
{
    for (size_t i = 0; i < sums->count; i++) {
        struct jb_stage_sum *sum = &sums->at[i];
        struct jb_str number = jb_str_cut(&text, ' ');
        jb_decimal_sum units = 0;
        if (!jb_decimal_sum_parse(number, sum->field->decimals, &units))
            sum->unknown = true;
        *(jb_decimal_sum *)(void *)((char *)sum + member) += units;
    }
}

struct jb_str jb__pg_sums_returning(struct jb_scope *scope, const struct jb_stage_sums *sums, struct jb_str sql)
{
    const struct jb_field *fields[JB_STAGE_SUMS_MAX];
    size_t count = jb__sums_fields(sums, fields);
    struct jb_str written = count ? jb__stage_list(scope, fields, count, "t.@", ", ") : JB_STR("1"), added = jb__stage_list(scope, fields, count, ", coalesce(sum(w.@), 0)", "");

    return jb_format(scope, "with w as (%.*s returning %.*s) select concat_ws(' ', count(*)%.*s) from w", JB_FMT(sql), JB_FMT(written), JB_FMT(added));
}

bool jb__pg_sums_written(struct jb_stage_sums *sums, struct jb_str text, int64_t *ret_rows)
{
    if (!jb_str_to_int64(jb_str_cut(&text, ' '), ret_rows))
        return false;
    take(sums, text, offsetof(struct jb_stage_sum, after));
    return true;
}

/* Adds what `alias` holds in the rows that `from` (a from clause and its condition) gives. */
static bool add(struct jb_scope *scope, struct jb_stage_sums *sums, const char *alias, struct jb_str from, size_t member)
{
    const struct jb_field *fields[JB_STAGE_SUMS_MAX];
    size_t count = jb__sums_fields(sums, fields);
    struct jb_str added = jb__stage_list(scope, fields, count, jb_format(scope, "coalesce(sum(%s.@), 0)", alias).data, ", "), text;

    if (!jb__pg_stage_text(scope, jb_format(scope, "select concat_ws(' ', %.*s) from %.*s", JB_FMT(added), JB_FMT(from)), &text))
        return false;
    take(sums, text, member);
    return true;
}

bool jb__pg_sums_before(struct jb_stage *stage, struct jb_scope *scope, int64_t from, int64_t to, bool changes, struct jb_stage_sums *sums)
{
    struct jb_str rows = jb__pg_stage_rows(scope, stage), match = jb__pg_stage_match(scope, stage), table = jb__stage_table(scope, stage), primary = jb__pg_stage_primary(scope, stage);
    struct jb_str staged = jb__pg_stage_range(scope, "s.jb_row", from, to), kept = jb__pg_stage_range(scope, "b.jb_row", from, to), matched = jb__pg_stage_range(scope, "m.row", from, to);

    if (sums->count == 0)
        return true;
    if (!add(scope, sums, "s", jb_format(scope, "%.*s s left join %.*s m on m.row = s.jb_row where (m.row is null or m.state = %d)%.*s", JB_FMT(rows), JB_FMT(match), JB_MATCH_CHANGED, JB_FMT(staged)), offsetof(struct jb_stage_sum, file)))
        return false;
    if (!changes)
        return true;
    if (stage->keeps) {
        struct jb_str before = jb__pg_stage_before(scope, stage);
        return add(scope, sums, "b", jb_format(scope, "%.*s b where true%.*s", JB_FMT(before), JB_FMT(kept)), offsetof(struct jb_stage_sum, before));
    }
    return add(scope, sums, "t", jb_format(scope, "%.*s m join %.*s t on t.%.*s = m.target where m.state = %d%.*s", JB_FMT(match), JB_FMT(table), JB_FMT(primary), JB_MATCH_CHANGED, JB_FMT(matched)), offsetof(struct jb_stage_sum, before));
}

bool jb__pg_stage_sums_standing(struct jb_stage *stage, struct jb_scope *scope, int64_t after_row, int64_t last_row, struct jb_stage_sums *sums)
{
    struct jb_str rows = jb__pg_stage_rows(scope, stage), match = jb__pg_stage_match(scope, stage);
    struct jb_str range = jb__pg_stage_range(scope, "m.row", after_row ? after_row : INT64_MIN, last_row ? last_row : INT64_MAX);

    return add(scope, sums, "s", jb_format(scope, "%.*s m join %.*s s on s.jb_row = m.row where m.state = %d%.*s", JB_FMT(match), JB_FMT(rows), JB_MATCH_UNCHANGED, JB_FMT(range)), offsetof(struct jb_stage_sum, file));
}
