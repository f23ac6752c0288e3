/* stage_postgres_compare.c — what is new, changed, unchanged or not allowed, decided by sets on the staging's connection; nothing of the table is locked.
 *
 * A rule is a cursor over the rows that break it. Their sentences go to the table of refusals, and one statement takes over from there who is refused. */
// SPDX-License-Identifier: Apache-2.0
#include "store/stage_postgres.h"
#include <stdlib.h>

#define PAGE_ROWS 2000
/* About as long as a row takes. */
#define SETTLE_NS 500
#define GROUP_NS 700
#define MATCH_NS 2000
#define CHECK_NS 3000

struct compare {
    struct jb_stage *stage;
    struct jb_scope *scope;
    const struct jb_stage_compare *how;
    int64_t from, to; /* rows of the sheet: (from, to] */
    struct jb_str rows, match, refused, table, primary;
};

static struct compare compare_of(struct jb_stage *stage, struct jb_scope *scope, const struct jb_stage_compare *how)
{
    return (struct compare){
        .stage = stage,
        .scope = scope,
        .how = how,
        .from = how->after_row ? how->after_row : INT64_MIN,
        .to = how->last_row ? how->last_row : INT64_MAX,
        .rows = jb__pg_stage_rows(scope, stage),
        .match = jb__pg_stage_match(scope, stage),
        .refused = jb__pg_stage_refused(scope, stage),
        .table = jb__stage_table(scope, stage),
        .primary = jb__pg_stage_primary(scope, stage),
    };
}

static struct jb_str range_of(const struct compare *compare, const char *column)
{
    return jb__pg_stage_range(compare->scope, column, compare->from, compare->to);
}

/* The value as people write it. */
static struct jb_str shown(struct jb_scope *scope, const struct jb_field *field)
{
    struct jb_str name = jb__quoted(scope, field->name);
    return jb_format(scope, field->type == JB_MONTH ? "to_char(s.%.*s, 'YYYY-MM')" : "s.%.*s::text", JB_FMT(name));
}

/* ---- refusing ------------------------------------------------------------------------------------------------------------------ */

struct broken {
    int64_t row, other_row;
    struct jb_str value;
};
static const struct jb_record broken_record = JB_RECORD(broken, JB_FIELD(broken, row), JB_FIELD(broken, other_row), JB_FIELD(broken, value));

static bool refuse_page(struct compare *compare, struct jb_scope *scope, enum jb_stage_conflict conflict, const struct jb_field *field, size_t *ret_count)
{
    struct jb__sink sink;

    jb__sink_init(&sink, scope, &broken_record, PAGE_ROWS);
    if (!jb__pg_stage_read(compare->stage, scope, jb_format(scope, "fetch forward %d from jb_rule", PAGE_ROWS), &sink))
        return false;
    *ret_count = sink.count;
    for (size_t i = 0; i < sink.count; i++) {
        const struct broken *broken = (const struct broken *)(const void *)sink.data + i;
        struct jb_stage_refusal refusal = { .conflict = conflict, .row = broken->row, .other_row = broken->other_row, .field = field, .value = broken->value };
        if (!compare->how->refuse(compare->how->arg, scope, &refusal))
            return false;
    }
    return true;
}

/* Who has a sentence of this comparison is noted as refused. */
static bool mark_refused(struct compare *compare)
{
    struct jb_stage *stage = compare->stage;
    struct jb_scope *scope = compare->scope;
    struct jb_str range = range_of(compare, "r.row");

    return jb__pg_stage_exec(stage, scope, jb_format(scope, "update %.*s m set state = %d from %.*s r where r.compared and m.row = r.row%.*s", JB_FMT(compare->match), JB_MATCH_REFUSED, JB_FMT(compare->refused), JB_FMT(range)), NULL) &&
           jb__pg_stage_exec(stage, scope,
               jb_format(scope, "insert into %.*s (row, target, state) select distinct r.row, 0, %d from %.*s r where r.compared%.*s and not exists (select from %.*s m where m.row = r.row)", JB_FMT(compare->match), JB_MATCH_REFUSED, JB_FMT(compare->refused), JB_FMT(range), JB_FMT(compare->match)), NULL);
}

/* Runs a rule: each row of its result is (row, other row or 0, value of the first field as text). */
static bool refuse_found(struct compare *compare, struct jb_str sql, enum jb_stage_conflict conflict, const struct jb_field *field)
{
    struct jb_stage *stage = compare->stage;
    struct jb_scope *scope = compare->scope;
    size_t count = PAGE_ROWS, found = 0;

    bool ok = jb__pg_stage_exec(stage, scope, jb_format(scope, "declare jb_rule no scroll cursor for %.*s order by 1", JB_FMT(sql)), NULL);
    while (ok && count == PAGE_ROWS) {
        struct jb_scope *page = jb_scope_child(scope, "rule");
        ok = refuse_page(compare, page, conflict, field, &count) || jb_failure_pass(page, scope);
        jb_scope_end(page);
        found += count;
    }
    ok = ok && jb__pg_stage_exec(stage, scope, JB_STR("close jb_rule"), NULL);
    return ok && (found == 0 || !stage->comparing || mark_refused(compare));
}

/* After a failure what is still on its way goes with the transaction; over the limit of refused rows, those found so far are the answer. */
static bool end_failed(struct jb_stage *stage, struct jb_scope *scope)
{
    struct jb_scope *end = jb_scope_new("end of a comparison");
    bool keep = jb_error(scope) == JB_LIMIT;

    if (!keep)
        stage->pg.refused.size = 0;
    if (!stage->pg.connection->broken)
        (void)jb__pg_stage_exec(stage, end, keep ? JB_STR("commit") : JB_STR("rollback"), NULL);
    jb_scope_end(end);
    return false;
}

/* ---- duplicates within the file --------------------------------------------------------------------------------------------------- */

static bool group_duplicates(struct compare *compare, const struct jb__stage_group *group)
{
    struct jb_scope *scope = compare->scope;
    struct jb_str names = jb__stage_list(scope, group->fields, group->count, "@", ", "), value = shown(scope, group->fields[0]);
    struct jb_str present = jb__stage_list(scope, group->fields, group->count, "@ is not null", " and ");
    struct jb_str same = jb__stage_list(scope, group->fields, group->count, "s.@ = d.@", " and ");

    return refuse_found(compare,
        jb_format(scope, "select s.jb_row, d.first, %.*s from (select %.*s, min(jb_row) as first from %.*s where %.*s group by %.*s having count(*) > 1) d join %.*s s on %.*s and s.jb_row <> d.first",
            JB_FMT(value), JB_FMT(names), JB_FMT(compare->rows), JB_FMT(present), JB_FMT(names), JB_FMT(compare->rows), JB_FMT(same)),
        JB_STAGE_DUPLICATE, group->fields[0]);
}

static bool key_duplicates(struct compare *compare)
{
    return refuse_found(compare,
        jb_format(compare->scope, "select s.jb_row, d.first, s.jb_key::text from (select jb_key, min(jb_row) as first from %.*s where jb_key is not null group by jb_key having count(*) > 1) d join %.*s s on s.jb_key = d.jb_key and s.jb_row <> d.first",
            JB_FMT(compare->rows), JB_FMT(compare->rows)),
        JB_STAGE_DUPLICATE, jb_model_primary(compare->stage->model));
}

/* Rows came in the order of the sheet; the index is for ranges of them. */
static bool settle(struct compare *compare)
{
    struct jb_stage *stage = compare->stage;
    struct jb_scope *scope = compare->scope;

    return jb__pg_stage_exec(stage, scope, jb_format(scope, "create unique index on %.*s (jb_row)", JB_FMT(compare->rows)), NULL) && jb__pg_stage_exec(stage, scope, jb_format(scope, "create index on %.*s (row)", JB_FMT(compare->match)), NULL) &&
           jb__pg_stage_exec(stage, scope, jb_format(scope, "analyze %.*s", JB_FMT(compare->rows)), NULL);
}

bool jb__pg_stage_duplicates(struct jb_stage *stage, struct jb_scope *scope, jb_stage_refuse_fn *refuse, void *arg, int64_t *ret_refused)
{
    struct compare compare = compare_of(stage, scope, &(struct jb_stage_compare){ .refuse = refuse, .arg = arg });
    struct jb__stage_group group;
    int groups = 0;

    while (jb__stage_group_at(stage, groups, &group))
        groups++;
    jb__pg_stage_part(stage, 0, 0.4, SETTLE_NS);
    bool ok = jb__pg_stage_exec(stage, scope, JB_STR("begin"), NULL) && settle(&compare);

    for (int i = 0; ok && jb__stage_group_at(stage, i, &group); i++)
        if (group.is_key || group.brought) {
            jb__pg_stage_part(stage, 0.4 + 0.5 * i / groups, 0.4 + 0.5 * (i + 1) / groups, GROUP_NS);
            ok = group_duplicates(&compare, &group);
        }
    ok = ok && (!stage->by_id || key_duplicates(&compare));
    ok = ok && jb__pg_stage_exec(stage, scope, jb_format(scope, "delete from %.*s s using (select distinct row from %.*s) r where s.jb_row = r.row", JB_FMT(compare.rows), JB_FMT(compare.refused)), ret_refused);
    if (!ok || !jb__pg_stage_exec(stage, scope, JB_STR("commit"), NULL))
        return end_failed(stage, scope);
    jb__pg_stage_part(stage, 1, 1, 0);
    return true;
}

/* ---- matching ------------------------------------------------------------------------------------------------------------------------ */

static bool match_rows(struct compare *compare)
{
    const struct jb_field *fields[JB_STAGE_COLUMNS_MAX];
    struct jb_stage *stage = compare->stage;
    struct jb_scope *scope = compare->scope;
    size_t count = jb__stage_differing(stage, fields);
    struct jb_str range = range_of(compare, "s.jb_row"), different = count ? jb__stage_list(scope, fields, count, "s.@ is distinct from t.@", " or ") : JB_STR("false");
    struct jb_str same = stage->by_id ? jb_format(scope, "t.%.*s = s.jb_key", JB_FMT(compare->primary)) : jb__stage_list(scope, stage->match, stage->match_count, "t.@ = s.@", " and ");

    if (compare->how->ignore_existing)
        different = JB_STR("null");
    return jb__pg_stage_exec(stage, scope,
               jb_format(scope, "insert into %.*s (row, target, state, version) select s.jb_row, t.%.*s, case when %.*s then %d else %d end, t.xmin from %.*s s join %.*s t on %.*s where true%.*s",
                   JB_FMT(compare->match), JB_FMT(compare->primary), JB_FMT(different), JB_MATCH_CHANGED, compare->how->ignore_existing ? JB_MATCH_SKIPPED : JB_MATCH_UNCHANGED, JB_FMT(compare->rows), JB_FMT(compare->table), JB_FMT(same), JB_FMT(range)),
               NULL) &&
           (stage->comparisons > 1 || jb__pg_stage_exec(stage, scope, jb_format(scope, "analyze %.*s", JB_FMT(compare->match)), NULL));
}

/* ---- rules against the table --------------------------------------------------------------------------------------------------------- */

static bool mode_rules(struct compare *compare)
{
    if (compare->stage->match_count == 0)
        return true; /* rows without a key meet no other: they can only be inserted */
    struct jb_scope *scope = compare->scope;
    const struct jb_field *key = jb__stage_key(compare->stage);
    struct jb_str value = compare->stage->by_id ? JB_STR("s.jb_key::text") : shown(scope, key), range = range_of(compare, "s.jb_row");

    if (compare->how->insert_only && !compare->how->ignore_existing)
        return refuse_found(compare, jb_format(scope, "select s.jb_row, 0::bigint, %.*s from %.*s m join %.*s s on s.jb_row = m.row where m.state < %d%.*s", JB_FMT(value), JB_FMT(compare->match), JB_FMT(compare->rows), JB_MATCH_SKIPPED, JB_FMT(range)), JB_STAGE_EXISTS, key);
    if (compare->how->update_only)
        return refuse_found(compare, jb_format(scope, "select s.jb_row, 0::bigint, %.*s from %.*s s where not exists (select from %.*s m where m.row = s.jb_row)%.*s", JB_FMT(value), JB_FMT(compare->rows), JB_FMT(compare->match), JB_FMT(range)), JB_STAGE_UNKNOWN, key);
    return true;
}

/* A field that refers to a row which is not there. */
static bool reference_rules(struct compare *compare)
{
    struct jb_scope *scope = compare->scope;
    struct jb_str range = range_of(compare, "s.jb_row");
    bool ok = true;

    for (const struct jb_field *field = compare->stage->model->record.fields; ok && field->type != JB_END; field++) {
        if (!field->references || !jb__stage_brings(compare->stage, field))
            continue;
        struct jb_str name = jb__quoted(scope, field->name), other = jb__quoted(scope, jb_cstr(scope, jb_model_table(field->references))), id = jb__quoted(scope, jb_model_primary(field->references)->name);
        ok = refuse_found(compare, jb_format(scope, "select s.jb_row, 0::bigint, s.%.*s::text from %.*s s where s.%.*s is not null%.*s and not exists (select from %.*s r where r.%.*s = s.%.*s)", JB_FMT(name), JB_FMT(compare->rows), JB_FMT(name), JB_FMT(range), JB_FMT(other), JB_FMT(id), JB_FMT(name)), JB_STAGE_MISSING, field);
    }
    return ok;
}

/* A unique value (other than the key) that another row of the table has. */
static bool unique_rules(struct compare *compare)
{
    struct jb_stage *stage = compare->stage;
    struct jb_scope *scope = compare->scope;
    struct jb_str range = range_of(compare, "s.jb_row");
    struct jb__stage_group group;
    bool ok = true;

    for (int i = 0; ok && jb__stage_group_at(stage, i, &group); i++) {
        if ((!stage->by_id && group.is_key) || !group.brought)
            continue;
        struct jb_str same = jb__stage_list(scope, group.fields, group.count, "t.@ = s.@", " and "), value = shown(scope, group.fields[0]);
        ok = refuse_found(compare,
            jb_format(scope, "select s.jb_row, 0::bigint, %.*s from %.*s s join %.*s t on %.*s left join %.*s m on m.row = s.jb_row where t.%.*s is distinct from m.target and coalesce(m.state, 0) < %d%.*s",
                JB_FMT(value), JB_FMT(compare->rows), JB_FMT(compare->table), JB_FMT(same), JB_FMT(compare->match), JB_FMT(compare->primary), JB_MATCH_SKIPPED, JB_FMT(range)),
            JB_STAGE_TAKEN, group.fields[0]);
    }
    return ok;
}

struct checking {
    struct compare *compare;
    size_t refused;
};

static bool check_pair(void *arg, struct jb_scope *scope, int64_t row, const void *after, const void *before)
{
    struct checking *checking = arg;
    struct jb_scope *one = jb_scope_child(scope, "check");
    bool good = true, ok = jb__stage_check(checking->compare->stage, one, checking->compare->how, row, before, after, &good) || jb_failure_pass(one, scope);

    checking->refused += !good;
    jb_scope_end(one);
    return ok;
}

/* The model's own check, for every row that would be written. */
static bool check_rules(struct compare *compare)
{
    struct checking checking = { .compare = compare };
    struct jb_str range = range_of(compare, "s.jb_row");

    if (!compare->stage->model->check || compare->how->no_checks)
        return true;
    struct jb_str where = jb_format(compare->scope, "(m.row is null or m.state = %d)%.*s", JB_MATCH_CHANGED, JB_FMT(range));
    return jb__pg_stage_pairs(compare->stage, compare->scope, where, "", check_pair, &checking) && (checking.refused == 0 || mark_refused(compare));
}

/* ---- rows that the table refused (stage_sift.c) ----------------------------------------------------------------------------------------- */

bool jb__pg_stage_mark_refused(struct jb_stage *stage, struct jb_scope *scope, const struct jb__sifted *rows, size_t count)
{
    struct compare compare = compare_of(stage, scope, &(struct jb_stage_compare){ 0 });

    if (count == 0)
        return true;
    compare.from = rows[0].row - 1; /* in order */
    compare.to = rows[count - 1].row;
    return mark_refused(&compare);
}

bool jb__pg_stage_value_of(struct jb_stage *stage, struct jb_scope *scope, const struct jb_field *field, int64_t row, struct jb_str *ret_value)
{
    struct jb_str rows = jb__pg_stage_rows(scope, stage), value = shown(scope, field);
    struct jb__sink sink;

    if (field->primary) /* no column of the staging's */
        return true;
    jb__sink_init(&sink, scope, &broken_record, 1);
    if (!jb__pg_stage_read(stage, scope, jb_format(scope, "select s.jb_row, 0::bigint, %.*s from %.*s s where s.jb_row = %lld", JB_FMT(value), JB_FMT(rows), (long long)row), &sink))
        return false;
    if (sink.count > 0)
        *ret_value = ((const struct broken *)(const void *)sink.data)->value;
    return true;
}

/* ---- the whole ------------------------------------------------------------------------------------------------------------------------ */

/* What stands in the table for the rows that change, in the very version that was met. */
static bool note_before(struct compare *compare)
{
    const struct jb_field *fields[JB_STAGE_COLUMNS_MAX];
    struct jb_scope *scope = compare->scope;
    size_t count = jb__stage_stored(compare->stage->model, false, fields);
    struct jb_str names = jb__stage_list(scope, fields, count, ", @", ""), values = jb__stage_list(scope, fields, count, ", t.@", ""), before = jb__pg_stage_before(scope, compare->stage), range = range_of(compare, "m.row");

    return !compare->stage->keeps || compare->stage->pg.expected.changed == 0 ||
           jb__pg_stage_exec(compare->stage, scope,
               jb_format(scope, "insert into %.*s (jb_row%.*s) select m.row%.*s from %.*s m join %.*s t on t.%.*s = m.target and t.xmin = m.version where m.state = %d%.*s",
                   JB_FMT(before), JB_FMT(names), JB_FMT(values), JB_FMT(compare->match), JB_FMT(compare->table), JB_FMT(compare->primary), JB_MATCH_CHANGED, JB_FMT(range)),
               NULL);
}

static bool forget_before(struct compare *compare)
{
    struct jb_str before = jb__pg_stage_before(compare->scope, compare->stage), range = range_of(compare, "jb_row");

    return !compare->stage->keeps || jb__pg_stage_exec(compare->stage, compare->scope, jb_format(compare->scope, "delete from %.*s where true%.*s", JB_FMT(before), JB_FMT(range)), NULL);
}

static bool forget(struct compare *compare)
{
    struct jb_scope *scope = compare->scope;
    struct jb_str range = range_of(compare, "row");

    return forget_before(compare) && jb__pg_stage_exec(compare->stage, scope, jb_format(scope, "delete from %.*s where true%.*s", JB_FMT(compare->match), JB_FMT(range)), NULL) &&
           jb__pg_stage_exec(compare->stage, scope, jb_format(scope, "delete from %.*s where compared%.*s", JB_FMT(compare->refused), JB_FMT(range)), NULL);
}

struct count_row {
    int64_t state, count;
};
static const struct jb_record count_record = JB_RECORD(count_row, JB_FIELD(count_row, state), JB_FIELD(count_row, count));

static bool count_rows(struct compare *compare, struct jb_stage_counts *ret_counts)
{
    struct jb_scope *scope = compare->scope;
    struct jb_stage_counts counts = { 0 };
    int64_t rows, matched = 0, *const by_state[] = { &counts.unchanged, &counts.changed, &counts.skipped, &counts.refused };
    struct jb_str range = range_of(compare, "row");
    struct jb__sink sink;

    jb__sink_init(&sink, scope, &count_record, 4);
    if (!jb__pg_stage_read(compare->stage, scope, jb_format(scope, "select state::bigint, count(*) from %.*s where true%.*s group by state", JB_FMT(compare->match), JB_FMT(range)), &sink))
        return false;
    for (size_t i = 0; i < sink.count; i++) {
        const struct count_row *count = (const struct count_row *)(const void *)sink.data + i;
        *by_state[count->state & 3] = count->count;
        matched += count->count;
    }
    range = range_of(compare, "jb_row");
    if (!jb__pg_stage_int(compare->stage, scope, jb_format(scope, "select count(*) from %.*s where true%.*s", JB_FMT(compare->rows), JB_FMT(range)), &rows))
        return false;
    counts.new_rows = rows - matched;
    *ret_counts = compare->stage->pg.expected = counts;
    return true;
}

static bool compare_all(struct compare *compare, struct jb_stage_counts *ret_counts)
{
    struct jb_stage *stage = compare->stage;
    bool empty;

    if (!forget(compare) || !jb__postgres_stage.target_empty(stage, compare->scope, &empty))
        return false;
    double matched = empty ? 0 : 0.5, ruled = empty ? 0.3 : 0.7; /* against an empty table there is little to ask */
    jb__pg_stage_part(stage, 0, matched, MATCH_NS);
    if (!empty && stage->match_count > 0 && !match_rows(compare))
        return false;
    jb__pg_stage_part(stage, matched, ruled, GROUP_NS);
    if (!mode_rules(compare) || !reference_rules(compare) || (!empty && !unique_rules(compare)))
        return false;
    jb__pg_stage_part(stage, ruled, 1, stage->model->check && !compare->how->no_checks ? CHECK_NS : GROUP_NS);
    if (!check_rules(compare) || !count_rows(compare, ret_counts) || !note_before(compare))
        return false;
    jb__pg_stage_part(stage, 1, 1, 0);
    return true;
}

bool jb__pg_stage_compare(struct jb_stage *stage, struct jb_scope *scope, const struct jb_stage_compare *how, struct jb_stage_counts *ret_counts)
{
    struct compare compare = compare_of(stage, scope, how);

    if (stage->pg.renewed)
        return jb_fail(scope, JB_UNAVAILABLE, "%s", JB_L(scope, "그사이 데이터베이스와 끊겼습니다. 다시 시도하면 파일에서 새로 준비합니다.", "The database was away meanwhile. Try again: the rows are staged from the file anew."));
    if (!jb__pg_stage_exec(stage, scope, JB_STR("begin"), NULL))
        return false;
    return compare_all(&compare, ret_counts) ? jb__pg_stage_exec(stage, scope, JB_STR("commit"), NULL) : end_failed(stage, scope);
}
