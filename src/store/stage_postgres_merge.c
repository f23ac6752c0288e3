/* stage_postgres_merge.c — from the staged rows into the table, in the caller's transaction, while others read and write.
 *
 * Nothing is locked but the rows that are written. That they are still what the comparison met is seen: a new row whose key somebody took meanwhile is a conflict (a plain insert costs less than
 * `on conflict do nothing`), changed ones are updated in the very version (xmin) that was compared, unchanged ones must still stand in theirs. A conflict, or any other number than the
 * comparison's, means that somebody was in between: the transaction is rolled back and the rows are compared again; twice, and then with the table held (jb_stage_is_fresh). The same counting notices staged rows that a crash of the server has emptied.
 *
 * What the model's check knows comes from check_prepare. The tables that it reads are asked for from the server (pg_locks), and a number that stands for their versions is taken before it reads.
 * At the very end of the merge they are locked against writers and the number is taken again: a month that was closed meanwhile is noticed, and none can be closed until the commit. */
// SPDX-License-Identifier: Apache-2.0
#include "store/stage_postgres.h"
#include "run/run.h"
#include <stdlib.h>
#include <string.h>

#define CHUNK_ROWS 5000 /* at least; progress is told and a wish to cancel is heard between two */
#define CHUNKS_MAX 50

/* ---- on the caller's connection -------------------------------------------------------------------------------------------------- */

static bool run(struct jb_stage *stage, struct jb_scope *scope, struct jb_str sql, const int64_t bounds[2], int64_t *ret_changes)
{
    struct jb_value args[] = { jb_v_int(bounds ? bounds[0] : 0), jb_v_int(bounds ? bounds[1] : 0) };
    struct jb__statement statement = { .sql = sql, .args = args, .arg_count = bounds ? 2 : 0, .write = true, .model = stage->model, .ret_rule = &stage->pg.rule };

    stage->pg.rule = JB_STR_NULL;
    if (!jb__run(scope, &statement))
        return false;
    if (ret_changes)
        *ret_changes = statement.changes;
    return true;
}

struct range {
    int64_t first, last, standing, rules;
};
static const struct jb_record range_record = JB_RECORD(range, JB_FIELD(range, first), JB_FIELD(range, last), JB_FIELD(range, standing), JB_FIELD(range, rules));

struct text_row {
    struct jb_str text;
};
static const struct jb_record text_record = JB_RECORD(text_row, JB_FIELD(text_row, text));

static bool read_one(struct jb_scope *scope, struct jb_str sql, const struct jb_record *record, void *ret_row)
{
    struct jb__sink sink;
    struct jb__statement statement = { .sql = sql, .in_order = true, .sink = &sink, .row_limit = 1 };

    jb__sink_init(&sink, scope, record, 1);
    if (!jb__run(scope, &statement))
        return false;
    JB_CHECK(sink.count == 1);
    memcpy(ret_row, sink.data, record->size);
    return true;
}

bool jb__pg_stage_text(struct jb_scope *scope, struct jb_str sql, struct jb_str *ret_text)
{
    struct text_row row;

    if (!read_one(scope, sql, &text_record, &row))
        return false;
    *ret_text = row.text;
    return true;
}

static bool fail_moved(struct jb_stage *stage, struct jb_scope *scope)
{
    stage->moved = true;
    return jb_fail(scope, JB_UNAVAILABLE, "%s", JB_L(scope, "그사이 표가 바뀌었습니다.", "The table changed meanwhile."));
}

/* ---- what the model's check reads --------------------------------------------------------------------------------------------------- */

/* Which tables this transaction has read so far, but for the target, whose rows are looked at one by one. Both strings are NULL for none. */
static bool learn_deciders(struct jb_stage *stage, struct jb_scope *scope)
{
    const struct jb__pg_read_table *tables;
    struct jb_str union_all = JB_STR(""), names = JB_STR("");
    size_t count;

    if (!jb__pg_tables_read(scope, stage->model, &tables, &count))
        return false;
    for (size_t i = 0; i < count; i++) {
        if (tables[i].own)
            continue;
        struct jb_str name = tables[i].name;
        union_all = jb_format(scope, "%.*s%sselect tableoid::text || ctid::text || xmin::text as version from %.*s", JB_FMT(union_all), union_all.size ? " union all " : "", JB_FMT(name));
        names = jb_format(scope, "%.*s%s%.*s", JB_FMT(names), names.size ? ", " : "", JB_FMT(name));
    }
    free(stage->pg.deciders);
    free(stage->pg.decider_lock);
    stage->pg.deciders = stage->pg.decider_lock = NULL;
    if (names.size > 0) {
        stage->pg.deciders = strdup(jb_format(scope, "select coalesce(sum(hashtextextended(version, 0)), 0)::text from (%.*s) v", JB_FMT(union_all)).data);
        stage->pg.decider_lock = strdup(jb_format(scope, "lock table %.*s in share mode", JB_FMT(names)).data);
        JB_CHECK(stage->pg.deciders && stage->pg.decider_lock);
    }
    return true;
}

static bool take_fingerprint(struct jb_stage *stage, struct jb_scope *scope, bool *ret_changed)
{
    struct text_row now = { JB_STR("") };

    if (stage->pg.deciders && !read_one(scope, jb_str_of(stage->pg.deciders), &text_record, &now))
        return false;
    *ret_changed = !jb_str_is(now.text, stage->pg.fingerprint);
    JB_CHECK(now.text.size < sizeof stage->pg.fingerprint);
    memcpy(stage->pg.fingerprint, now.text.data, now.text.size);
    stage->pg.fingerprint[now.text.size] = '\0';
    return true;
}

/* Twice: which tables it reads is known only afterwards, and the fingerprint must be older than what counts. */
static bool prepare_in(struct jb_stage *stage, struct jb_scope *scope, void **ret_state, bool *ret_changed)
{
    bool (*prepare)(struct jb_scope *, void **) = stage->model->check_prepare;
    return prepare(scope, ret_state) && learn_deciders(stage, scope) && take_fingerprint(stage, scope, ret_changed) && prepare(scope, ret_state);
}

bool jb__pg_stage_prepare(struct jb_stage *stage, struct jb_scope *scope, void **ret_state, bool *ret_moved)
{
    struct jb_tx *tx = jb_begin(scope);
    bool changed = false;

    if (!tx)
        return false;
    bool ok = prepare_in(stage, scope, ret_state, &changed);
    jb_rollback(tx);
    *ret_moved |= ok && changed;
    return ok;
}

static bool deciders_stand(struct jb_stage *stage, struct jb_scope *scope)
{
    struct text_row now;

    if (!stage->pg.deciders)
        return true;
    if (!run(stage, scope, jb_str_of(stage->pg.decider_lock), NULL, NULL) || !read_one(scope, jb_str_of(stage->pg.deciders), &text_record, &now))
        return false;
    return jb_str_is(now.text, stage->pg.fingerprint) || fail_moved(stage, scope);
}

/* ---- before ------------------------------------------------------------------------------------------------------------------------ */

bool jb__pg_stage_is_fresh(struct jb_stage *stage, struct jb_scope *scope, bool hold, bool *ret_fresh)
{
    struct jb_str table = jb__stage_table(scope, stage);

    if (hold && !run(stage, scope, jb_format(scope, "lock table %.*s in share row exclusive mode", JB_FMT(table)), NULL, NULL))
        return false;
    if (hold && stage->pg.decider_lock && !run(stage, scope, jb_str_of(stage->pg.decider_lock), NULL, NULL))
        return false;
    *ret_fresh = !hold; /* otherwise the merge will say */
    return true;
}

/* ---- the statements ------------------------------------------------------------------------------------------------------------------ */

struct merge {
    struct jb_stage *stage;
    struct jb_scope *scope;
    struct jb_str insert, update; /* update NULL: nothing to set */
    int64_t inserted, updated;
    struct jb_stage_sums sums;
};

/* Writes rows of a range, and adds up what it wrote. */
static bool write_rows(struct merge *merge, struct jb_str sql, const int64_t bounds[2], int64_t *ret_rows)
{
    struct jb_stage *stage = merge->stage;

    for (size_t i = 0; i < merge->sums.count; i++)
        merge->sums.at[i].unknown |= stage->pg.rewritten;
    if (merge->sums.count == 0 || stage->pg.rewritten)
        return run(stage, merge->scope, sql, bounds, ret_rows);
    struct jb_scope *scope = jb_scope_child(merge->scope, "rows written");
    struct jb_value args[] = { jb_v_int(bounds[0]), jb_v_int(bounds[1]) };
    struct jb__sink sink;
    struct jb__statement statement = { .sql = jb__pg_sums_returning(scope, &merge->sums, sql), .args = args, .arg_count = 2, .write = true, .in_order = true, .sink = &sink, .row_limit = 1, .model = stage->model, .ret_rule = &stage->pg.rule };

    stage->pg.rule = JB_STR_NULL;
    jb__sink_init(&sink, scope, &text_record, 1);
    bool ok = jb__run(scope, &statement);
    if (ok)
        ok = jb__pg_sums_written(&merge->sums, ((const struct text_row *)(const void *)sink.data)->text, ret_rows) || jb_fail(scope, JB_BROKEN, "sums that are no numbers");
    if (!ok) {
        stage->pg.rule = stage->pg.rule.data ? jb_copy(merge->scope, stage->pg.rule) : JB_STR_NULL;
        jb_failure_pass(scope, merge->scope);
    }
    jb_scope_end(scope);
    return ok;
}

static bool numbers_rows(struct jb_scope *scope, const struct jb_stage *stage)
{
    return stage->by_id || (stage->keeps && jb__stage_unkeyed(scope, stage, "s").data);
}

/* insert into t (…) select … for rows that are not noted. */
static struct jb_str insert_sql(struct jb_scope *scope, const struct jb_stage *stage)
{
    const struct jb_field *fields[JB_STAGE_COLUMNS_MAX];
    size_t count = jb__stage_stored(stage->model, false, fields);
    struct jb_str rows = jb__pg_stage_rows(scope, stage), match = jb__pg_stage_match(scope, stage), table = jb__stage_table(scope, stage), primary = jb__pg_stage_primary(scope, stage);
    struct jb_str names = jb__stage_list(scope, fields, count, "@", ", "), values = jb__stage_list(scope, fields, count, "s.@", ", ");
    struct jb_str id = JB_STR(""), key = JB_STR("");

    if (numbers_rows(scope, stage)) {
        struct jb_str sequence = jb__pg_sequence(scope, stage->model);
        id = jb_format(scope, "%.*s, ", JB_FMT(primary));
        key = jb_format(scope, "coalesce(s.jb_key, nextval(%.*s)), ", JB_FMT(sequence));
    }
    return jb_format(scope,
        "insert into %.*s as t (%.*s%.*s) select %.*s%.*s from %.*s s where s.jb_row > ? and s.jb_row <= ? and not exists (select from %.*s m where m.row = s.jb_row) order by s.jb_row",
        JB_FMT(table), JB_FMT(id), JB_FMT(names), JB_FMT(key), JB_FMT(values), JB_FMT(rows), JB_FMT(match));
}

static struct jb_str update_sql(struct jb_scope *scope, const struct jb_stage *stage)
{
    const struct jb_field *fields[JB_STAGE_COLUMNS_MAX];
    size_t count = jb__stage_written(stage, fields);
    struct jb_str rows = jb__pg_stage_rows(scope, stage), match = jb__pg_stage_match(scope, stage), table = jb__stage_table(scope, stage), primary = jb__pg_stage_primary(scope, stage);

    if (count == 0)
        return JB_STR_NULL;
    struct jb_str sets = jb__stage_list(scope, fields, count, "@ = s.@", ", ");
    return jb_format(scope, "update %.*s as t set %.*s from %.*s m join %.*s s on s.jb_row = m.row where m.row > ? and m.row <= ? and m.state = %d and t.%.*s = m.target and t.xmin = m.version",
        JB_FMT(table), JB_FMT(sets), JB_FMT(match), JB_FMT(rows), JB_MATCH_CHANGED, JB_FMT(primary));
}

struct last_row {
    int64_t id;
};
static const struct jb_record last_record = JB_RECORD(last_row, JB_FIELD(last_row, id));

/* The table's own numbers go on after the ids that the sheet brings. */
static bool pass_ids(struct jb_stage *stage, struct jb_scope *scope)
{
    struct jb_str rows = jb__pg_stage_rows(scope, stage), match = jb__pg_stage_match(scope, stage);
    struct last_row last;

    return read_one(scope, jb_format(scope, "select coalesce(max(s.jb_key), 0) from %.*s s where not exists (select from %.*s m where m.row = s.jb_row)", JB_FMT(rows), JB_FMT(match)), &last_record, &last) &&
           jb__pg_ids_pass(jb__tx_handle(jb__tx_of(scope, stage->model->live)), scope, stage->model, last.id);
}

/* The first and last row to merge, and how many that need no change still stand as they were met. */
static bool survey(struct jb_stage *stage, struct jb_scope *scope, int64_t after_row, int64_t last_row, struct range *ret_range)
{
    struct jb_str rows = jb__pg_stage_rows(scope, stage), match = jb__pg_stage_match(scope, stage), table = jb__stage_table(scope, stage), primary = jb__pg_stage_primary(scope, stage);
    int64_t from = after_row ? after_row : INT64_MIN, to = last_row ? last_row : INT64_MAX;
    struct jb_str in_rows = jb__pg_stage_range(scope, "s.jb_row", from, to), in_match = jb__pg_stage_range(scope, "m.row", from, to);

    struct jb_str literal = jb__literal(scope, table);

    if (!read_one(scope,
            jb_format(scope, "select coalesce(min(s.jb_row), 1), coalesce(max(s.jb_row), 0), (select count(*) from %.*s m join %.*s t on t.%.*s = m.target and t.xmin = m.version where m.state in (%d, %d)%.*s),"
                             " (select count(*) from pg_class where oid = to_regclass(%.*s) and relhasrules) from %.*s s where true%.*s",
                JB_FMT(match), JB_FMT(table), JB_FMT(primary), JB_MATCH_UNCHANGED, JB_MATCH_SKIPPED, JB_FMT(in_match), JB_FMT(literal), JB_FMT(rows), JB_FMT(in_rows)),
            &range_record, ret_range))
        return false;
    stage->pg.rewritten = ret_range->rules > 0;
    return true;
}

/* New rows that no key tells from others: which id each gets is noted, for an undo. */
static bool number_rows(struct jb_stage *stage, struct jb_scope *scope, const struct range *range)
{
    struct jb_str rows = jb__pg_stage_rows(scope, stage), match = jb__pg_stage_match(scope, stage), unkeyed = jb__stage_unkeyed(scope, stage, "s"), sequence = jb__pg_sequence(scope, stage->model);

    return !stage->keeps || !unkeyed.data ||
           run(stage, scope,
               jb_format(scope, "update %.*s s set jb_key = nextval(%.*s) where s.jb_row > ? and s.jb_row <= ? and s.jb_key is null and %.*s and not exists (select from %.*s m where m.row = s.jb_row)", JB_FMT(rows), JB_FMT(sequence), JB_FMT(unkeyed), JB_FMT(match)),
               (int64_t[]){ range->first - 1, range->last }, NULL);
}

/* ---- merging -------------------------------------------------------------------------------------------------------------------------- */

static bool merge_chunk(struct merge *merge, const int64_t bounds[2])
{
    int64_t updated = 0, inserted = 0;

    if (JB_FAULT("transfer/import/merge_chunk", merge->scope) || !jb_continue(merge->scope))
        return false;
    if (merge->update.data && merge->stage->pg.expected.changed > 0 && !write_rows(merge, merge->update, bounds, &updated))
        return false;
    if (merge->stage->pg.expected.new_rows > 0 && !write_rows(merge, merge->insert, bounds, &inserted))
        return false;
    merge->updated += updated;
    merge->inserted += inserted;
    return true;
}

static bool merge_range(struct merge *merge, const struct range *range)
{
    int64_t chunk = JB_MAX(CHUNK_ROWS, (range->last - range->first) / CHUNKS_MAX);

    for (int64_t from = range->first - 1; from < range->last;) {
        int64_t to = JB_MIN(from + chunk, range->last);
        if (!merge_chunk(merge, (int64_t[]){ from, to }))
            return false;
        jb__stage_tell(merge->stage, (double)(to - range->first + 1) / (double)(range->last - range->first + 1));
        from = to;
    }
    return true;
}

/* the rows of a chunk are looked up by their ids: what they stand on is in memory, and must not be taken for far away */
static bool plan_for_memory(struct jb_stage *stage, struct jb_scope *scope)
{
    return run(stage, scope, JB_STR("set local random_page_cost = 1.1"), NULL, NULL);
}

static bool merge_all(struct merge *merge, int64_t after_row, int64_t last_row)
{
    struct jb_stage *stage = merge->stage;
    const struct jb_stage_counts *expected = &stage->pg.expected;
    struct range range;

    if (!plan_for_memory(stage, merge->scope) || !survey(stage, merge->scope, after_row, last_row, &range))
        return false;
    if (range.standing != expected->unchanged + expected->skipped)
        return fail_moved(stage, merge->scope);
    if ((stage->by_id && expected->new_rows > 0 && !pass_ids(stage, merge->scope)) || (expected->new_rows > 0 && !number_rows(stage, merge->scope, &range)))
        return false;
    if (!jb__pg_sums_before(stage, merge->scope, range.first - 1, range.last, expected->changed > 0, &merge->sums) || !merge_range(merge, &range))
        return false;
    if (merge->inserted != expected->new_rows || (merge->update.data && merge->updated != expected->changed))
        return fail_moved(stage, merge->scope);
    if (!jb__sums_stand(&merge->sums, merge->scope))
        return false;
    jb__sums_add(stage, &merge->sums);
    return deciders_stand(stage, merge->scope);
}

bool jb__pg_stage_merge(struct jb_stage *stage, struct jb_scope *scope, int64_t after_row, int64_t last_row)
{
    struct merge merge = { .stage = stage, .scope = scope, .insert = insert_sql(scope, stage), .update = update_sql(scope, stage), .sums = jb__sums_of(stage) };

    if (merge_all(&merge, after_row, last_row))
        return true;
    /* a unique value that was taken or a row that was referred to and is gone: the next comparison finds who it was; a deadlock with others (UNAVAILABLE) is over by then */
    stage->moved |= jb_error(scope) == JB_CONFLICT || jb_error(scope) == JB_INVALID || jb_error(scope) == JB_UNAVAILABLE;
    return false;
}

/* ---- by parts (stage_sift.c) ----------------------------------------------------------------------------------------------------------- */

/* What a constraint puts off to the commit is asked for with each part. */
bool jb__pg_stage_sift_begin(struct jb_stage *stage, struct jb_scope *scope, int64_t after_row, int64_t last_row, int64_t *ret_first, int64_t *ret_last)
{
    struct range range;

    if (!plan_for_memory(stage, scope) || !run(stage, scope, JB_STR("set constraints all immediate"), NULL, NULL) || !survey(stage, scope, after_row, last_row, &range))
        return false;
    *ret_first = range.first;
    *ret_last = range.last;
    return !stage->by_id || stage->pg.expected.new_rows == 0 || pass_ids(stage, scope);
}

struct part_row {
    int64_t new_rows, changed;
};
static const struct jb_record part_record = JB_RECORD(part_row, JB_FIELD(part_row, new_rows), JB_FIELD(part_row, changed));

static bool expect(struct jb_stage *stage, struct jb_scope *scope, const int64_t bounds[2], struct part_row *ret_part)
{
    struct jb_str rows = jb__pg_stage_rows(scope, stage), match = jb__pg_stage_match(scope, stage);
    struct jb_str in_rows = jb__pg_stage_range(scope, "s.jb_row", bounds[0], bounds[1]), in_match = jb__pg_stage_range(scope, "m.row", bounds[0], bounds[1]);

    return read_one(scope,
        jb_format(scope, "select (select count(*) from %.*s s where not exists (select from %.*s m where m.row = s.jb_row)%.*s), (select count(*) from %.*s m where m.state = %d%.*s)", JB_FMT(rows), JB_FMT(match), JB_FMT(in_rows), JB_FMT(match), JB_MATCH_CHANGED, JB_FMT(in_match)),
        &part_record, ret_part);
}

bool jb__pg_stage_sift_part(struct jb_stage *stage, struct jb_scope *scope, int64_t after_row, int64_t last_row, struct jb__sift_part *part)
{
    struct merge merge = { .stage = stage, .scope = scope, .insert = insert_sql(scope, stage), .update = update_sql(scope, stage), .sums = jb__sums_of(stage) };
    const int64_t bounds[2] = { after_row, last_row };
    struct part_row expected;

    if (!expect(stage, scope, bounds, &expected))
        return false;
    part->expected_new = expected.new_rows;
    part->expected_changed = merge.update.data ? expected.changed : 0;
    bool ok = jb__pg_sums_before(stage, scope, after_row, last_row, part->expected_changed > 0, &merge.sums) && (part->expected_changed == 0 || write_rows(&merge, merge.update, bounds, &part->changed)) &&
              (part->expected_new == 0 || write_rows(&merge, merge.insert, bounds, &part->new_rows));
    part->rule = stage->pg.rule;
    part->sums = merge.sums;
    return ok;
}

bool jb__pg_stage_sift_end(struct jb_stage *stage, struct jb_scope *scope)
{
    return deciders_stand(stage, scope);
}

/* The last column of the constraint or unique index of that name; of a column, itself. */
bool jb__pg_stage_rule_field(struct jb_stage *stage, struct jb_scope *scope, struct jb_str rule, const struct jb_field **ret_field)
{
    struct jb_str name = jb__literal(scope, rule), table = jb__literal(scope, jb__stage_table(scope, stage));
    struct jb__sink sink;

    *ret_field = jb_record_field(&stage->model->record, rule);
    if (*ret_field)
        return true;
    jb__sink_init(&sink, scope, &text_record, 1);
    if (!jb__pg_stage_read(stage, scope,
            jb_format(scope,
                "select a.attname::text from (select conrelid as relation, conkey[array_upper(conkey, 1)] as number from pg_constraint where conrelid = %.*s::regclass and conname = %.*s"
                " union all select indrelid, indkey[indnatts - 1] from pg_index where indexrelid = to_regclass(quote_ident(%.*s))) r join pg_attribute a on a.attrelid = r.relation and a.attnum = r.number limit 1",
                JB_FMT(table), JB_FMT(name), JB_FMT(name)),
            &sink))
        return false;
    if (sink.count > 0)
        *ret_field = jb_record_field(&stage->model->record, ((const struct text_row *)(const void *)sink.data)->text);
    return true;
}
