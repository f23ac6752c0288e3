/* stage_sqlite_compare.c — what is new, changed, unchanged or not allowed, decided by sets and outside any lock on the main file.
 *
 * Each rule is one statement over the whole range. Rows that may not go in are noted in jb_match, so that nothing is lost when the comparison must be repeated because somebody
 * changed the table meanwhile; only duplicates within the file, which no table can change, are taken out for good. */
// SPDX-License-Identifier: Apache-2.0
#include "store/stage_sqlite.h"
#include <stdlib.h>
#include <string.h>

/* Of SQLite's virtual machine for a row, as counted on a table of seven columns: they only have to be near. */
#define INDEX_STEPS 10
#define MATCH_STEPS 50
#define COUNT_STEPS 10

struct compare {
    struct jb_stage *stage;
    struct jb_scope *scope;
    const struct jb_stage_compare *how;
    int64_t from, to; /* ids: (from, to] */
    struct jb_str table;
};

/* ---- refusing ------------------------------------------------------------------------------------------------------------------------ */

/* Ids that a statement found; acted upon after it has ended. */
struct found {
    int64_t *ids;
    size_t count, capacity;
};

static void found_add(struct found *found, int64_t id)
{
    if (found->count == found->capacity) {
        found->capacity = found->capacity ? found->capacity * 2 : 256;
        found->ids = realloc(found->ids, found->capacity * sizeof *found->ids);
        JB_CHECK(found->ids);
    }
    found->ids[found->count++] = id;
}

static struct jb_str column_text(struct jb_scope *scope, sqlite3_stmt *statement, int column)
{
    return jb_copy(scope, jb_str_of((const char *)sqlite3_column_text(statement, column)));
}

/* The value as people write it: minor units are no text for them. */
static struct jb_str shown(struct jb_scope *scope, sqlite3_stmt *statement, int column, const struct jb_field *field)
{
    if (field->type != JB_DECIMAL)
        return column_text(scope, statement, column);
    return jb_value_text(scope, jb_v_decimal((struct jb_decimal){ sqlite3_column_int64(statement, column), field->decimals }));
}

static bool mark_refused(struct jb_stage *stage, struct jb_scope *scope, const struct found *found)
{
    sqlite3_stmt *mark = jb__stage_prepare(stage, scope,
        "insert into main.jb_match (id, target, state) values (?, 0, 3) on conflict (id) do update set state = 3");
    bool ok = mark != NULL;

    for (size_t i = 0; ok && i < found->count; i++) {
        sqlite3_bind_int64(mark, 1, found->ids[i]);
        jb__stage_step(stage, scope, mark);
        ok = !jb_failure(scope);
        sqlite3_reset(mark);
    }
    sqlite3_finalize(mark);
    return ok;
}

/* Runs a rule: each row of its result is (id, other id or 0, value of the first field). */
static bool refuse_found(struct compare *compare, const char *sql, enum jb_stage_conflict conflict, const struct jb_field *field)
{
    struct jb_stage *stage = compare->stage;
    struct jb_scope *scope = compare->scope;
    sqlite3_stmt *rule = jb__stage_prepare(stage, scope, sql);
    struct found found = { 0 };
    bool ok = rule != NULL;

    if (ok) {
        sqlite3_bind_int64(rule, 1, compare->from);
        sqlite3_bind_int64(rule, 2, compare->to);
    }
    while (ok && jb__stage_step(stage, scope, rule)) {
        struct jb_arena_mark mark = jb_arena_mark(jb_scope_arena(scope));
        struct jb_stage_refusal refusal = {
            .conflict = conflict,
            .row = sqlite3_column_int64(rule, 0) - stage->sqlite.id_base,
            .other_row = sqlite3_column_int64(rule, 1) - stage->sqlite.id_base,
            .field = field,
            .value = shown(scope, rule, 2, field),
        };
        found_add(&found, sqlite3_column_int64(rule, 0));
        ok = compare->how->refuse(compare->how->arg, scope, &refusal);
        if (ok)
            jb_arena_rewind(jb_scope_arena(scope), mark);
    }
    sqlite3_finalize(rule);
    ok = ok && !jb_failure(scope) && mark_refused(stage, scope, &found);
    free(found.ids);
    return ok;
}

/* ---- duplicates within the file --------------------------------------------------------------------------------------------------------- */

/* A unique index is the quickest proof that there are none; otherwise a plain one finds them. */
static bool index_group(struct jb_stage *stage, struct jb_scope *scope, const struct jb__stage_group *group, bool *ret_unique)
{
    struct jb_str names = jb__stage_list(scope, group->fields, group->count, "@", ", "), table = jb__stage_table(scope, stage);
    struct jb_str sql = jb_format(scope, "create unique index main.jb_group_%d on %.*s (%.*s)", group->index, JB_FMT(table), JB_FMT(names));

    stage->sqlite.scope = scope;
    int code = sqlite3_exec(stage->sqlite.handle, sql.data, NULL, NULL, NULL);
    *ret_unique = code == SQLITE_OK;
    if (code == SQLITE_OK)
        return true;
    if ((code & 0xff) != SQLITE_CONSTRAINT)
        return jb__sqlite_fail(scope, stage->sqlite.handle, code, sql.data);
    return jb__stage_exec(stage, scope, jb_format(scope, "create index main.jb_group_%d on %.*s (%.*s)", group->index, JB_FMT(table), JB_FMT(names)).data);
}

static bool remove_rows(struct jb_stage *stage, struct jb_scope *scope)
{
    struct jb_str table = jb__stage_table(scope, stage), primary = jb__quoted(scope, jb_model_primary(stage->model)->name);

    return jb__stage_exec(stage, scope, jb_format(scope, "delete from main.%.*s where %.*s in (select id from main.jb_match); delete from main.jb_match", JB_FMT(table), JB_FMT(primary)).data);
}

static bool group_duplicates(struct compare *compare, const struct jb__stage_group *group)
{
    struct jb_scope *scope = compare->scope;
    struct jb_str primary = jb__quoted(scope, jb_model_primary(compare->stage->model)->name);
    struct jb_str names = jb__stage_list(scope, group->fields, group->count, "@", ", ");
    struct jb_str present = jb__stage_list(scope, group->fields, group->count, "@ is not null", " and ");
    struct jb_str same = jb__stage_list(scope, group->fields, group->count, "s.@ = d.@", " and ");
    struct jb_str first = jb__quoted(scope, group->fields[0]->name);

    return refuse_found(compare,
        jb_format(scope,
            "select s.%.*s, d.first, s.%.*s from (select %.*s, min(%.*s) as first from main.%.*s where %.*s group by %.*s having count(*) > 1) d"
            " cross join main.%.*s s on %.*s and s.%.*s <> d.first where s.%.*s > ? and s.%.*s <= ? order by 1",
            JB_FMT(primary), JB_FMT(first), JB_FMT(names), JB_FMT(primary), JB_FMT(compare->table), JB_FMT(present), JB_FMT(names),
            JB_FMT(compare->table), JB_FMT(same), JB_FMT(primary), JB_FMT(primary), JB_FMT(primary))
            .data,
        JB_STAGE_DUPLICATE, group->fields[0]);
}

static bool key_duplicates(struct compare *compare)
{
    return refuse_found(compare,
        "select k.id, d.first, k.key from (select key, min(id) as first from main.jb_key group by key having count(*) > 1) d"
        " cross join main.jb_key k on k.key = d.key and k.id <> d.first where k.id > ? and k.id <= ? order by 1",
        JB_STAGE_DUPLICATE, jb_model_primary(compare->stage->model));
}

bool jb__sqlite_stage_duplicates(struct jb_stage *stage, struct jb_scope *scope, jb_stage_refuse_fn *refuse, void *arg, int64_t *ret_refused)
{
    struct compare compare = { stage, scope, &(struct jb_stage_compare){ .refuse = refuse, .arg = arg }, INT64_MIN, INT64_MAX, jb__stage_table(scope, stage) };
    struct jb__stage_group group;
    bool unique = true, ok = jb__stage_exec(stage, scope, "begin");
    int groups = 0;

    while (jb__stage_group_at(stage, groups, &group))
        groups++;
    for (int i = 0; ok && jb__stage_group_at(stage, i, &group); i++) {
        if (!group.is_key && !group.brought)
            continue;
        jb__stage_part(stage, (double)i / groups, (double)(i + 1) / groups, INDEX_STEPS);
        ok = index_group(stage, scope, &group, &unique) && (unique || group_duplicates(&compare, &group));
        stage->sqlite.key_indexed |= group.is_key;
        if (group.is_key)
            stage->sqlite.key_group = i;
    }
    ok = ok && (!stage->by_id || key_duplicates(&compare));
    return ok && jb__stage_int(stage, scope, "select count(*) from main.jb_match", ret_refused) && remove_rows(stage, scope) && jb__stage_exec(stage, scope, "commit");
}

/* ---- matching ------------------------------------------------------------------------------------------------------------------------------ */

/* A row differs when one of the columns that the sheet brings does; those of the key are equal anyway. */
static struct jb_str differs(struct jb_scope *scope, const struct jb_stage *stage)
{
    const struct jb_field *fields[JB_STAGE_COLUMNS_MAX];
    size_t count = jb__stage_differing(stage, fields);

    return count ? jb__stage_list(scope, fields, count, "s.@ is not t.@", " or ") : JB_STR("0");
}

static bool match_rows(struct compare *compare)
{
    struct jb_stage *stage = compare->stage;
    struct jb_scope *scope = compare->scope;
    struct jb_str primary = jb__quoted(scope, jb_model_primary(stage->model)->name), table = compare->table, different = differs(scope, stage);
    struct jb_str same = jb__stage_list(scope, stage->match, stage->match_count, "t.@ = s.@", " and ");
    bool whole = compare->from == INT64_MIN && compare->to == INT64_MAX;
    struct jb_str by_key = whole && stage->sqlite.key_indexed ? jb_format(scope, " indexed by jb_group_%d", stage->sqlite.key_group) : JB_STR("");
    struct jb_str sql;

    if (stage->by_id)
        sql = jb_format(scope,
            "insert into main.jb_match (id, target, state) select k.id, t.%.*s, case when %d then 2 else (%.*s) end"
            " from main.jb_key k cross join main.%.*s s on s.%.*s = k.id cross join target.%.*s t on t.%.*s = k.key where k.id > ? and k.id <= ?",
            JB_FMT(primary), compare->how->ignore_existing, JB_FMT(different), JB_FMT(table), JB_FMT(primary), JB_FMT(table), JB_FMT(primary));
    else
        sql = jb_format(scope,
            "insert into main.jb_match (id, target, state) select s.%.*s, t.%.*s, case when %d then 2 else (%.*s) end"
            " from main.%.*s s%.*s cross join target.%.*s t on %.*s where s.%.*s > ? and s.%.*s <= ?",
            JB_FMT(primary), JB_FMT(primary), compare->how->ignore_existing, JB_FMT(different), JB_FMT(table), JB_FMT(by_key), JB_FMT(table), JB_FMT(same), JB_FMT(primary), JB_FMT(primary));
    sqlite3_stmt *statement = jb__stage_prepare(stage, scope, sql.data);
    if (!statement)
        return false;
    sqlite3_bind_int64(statement, 1, compare->from);
    sqlite3_bind_int64(statement, 2, compare->to);
    jb__stage_step(stage, scope, statement);
    sqlite3_finalize(statement);
    return !jb_failure(scope);
}

/* ---- rules against the table --------------------------------------------------------------------------------------------------------------- */

static struct jb_str key_value(struct jb_scope *scope, const struct jb_stage *stage)
{
    if (stage->by_id)
        return JB_STR("(select key from main.jb_key k where k.id = s.rowid)");
    return jb_format(scope, "s.%.*s", JB_FMT(jb__quoted(scope, jb__stage_key(stage)->name)));
}

static bool mode_rules(struct compare *compare)
{
    struct jb_scope *scope = compare->scope;
    struct jb_str key = key_value(scope, compare->stage);

    if (compare->how->insert_only && !compare->how->ignore_existing)
        return refuse_found(compare,
            jb_format(scope, "select m.id, 0, %.*s from main.jb_match m cross join main.%.*s s on s.rowid = m.id where m.id > ? and m.id <= ? and m.state < 2 order by 1", JB_FMT(key), JB_FMT(compare->table)).data,
            JB_STAGE_EXISTS, jb__stage_key(compare->stage));
    if (compare->how->update_only)
        return refuse_found(compare,
            jb_format(scope, "select s.rowid, 0, %.*s from main.%.*s s where s.rowid > ? and s.rowid <= ? and not exists (select 1 from main.jb_match m where m.id = s.rowid) order by 1", JB_FMT(key), JB_FMT(compare->table)).data,
            JB_STAGE_UNKNOWN, jb__stage_key(compare->stage));
    return true;
}

/* A field that refers to a row which is not there. */
static bool reference_rules(struct compare *compare)
{
    struct jb_scope *scope = compare->scope;
    bool ok = true;

    for (const struct jb_field *field = compare->stage->model->record.fields; ok && field->type != JB_END; field++) {
        if (!field->references || !jb__stage_brings(compare->stage, field))
            continue;
        struct jb_str name = jb__quoted(scope, field->name), other = jb__quoted(scope, jb_cstr(scope, jb_model_table(field->references)));
        ok = refuse_found(compare,
            jb_format(scope, "select s.rowid, 0, s.%.*s from main.%.*s s left join target.%.*s r on r.rowid = s.%.*s where s.rowid > ? and s.rowid <= ? and s.%.*s is not null and r.rowid is null order by 1",
                JB_FMT(name), JB_FMT(compare->table), JB_FMT(other), JB_FMT(name), JB_FMT(name))
                .data,
            JB_STAGE_MISSING, field);
    }
    return ok;
}

/* A unique value (other than the key) that another row of the table has. */
static bool unique_rules(struct compare *compare)
{
    struct jb_stage *stage = compare->stage;
    struct jb_scope *scope = compare->scope;
    struct jb__stage_group group;
    bool ok = true;

    for (int i = 0; ok && jb__stage_group_at(stage, i, &group); i++) {
        if ((!stage->by_id && group.is_key) || !group.brought)
            continue;
        struct jb_str same = jb__stage_list(scope, group.fields, group.count, "t.@ = s.@", " and "), first = jb__quoted(scope, group.fields[0]->name);
        ok = refuse_found(compare,
            jb_format(scope,
                "select s.rowid, 0, s.%.*s from main.%.*s s cross join target.%.*s t on %.*s left join main.jb_match m on m.id = s.rowid"
                " where s.rowid > ? and s.rowid <= ? and t.rowid is not m.target and coalesce(m.state, 0) < 2 order by 1",
                JB_FMT(first), JB_FMT(compare->table), JB_FMT(compare->table), JB_FMT(same))
                .data,
            JB_STAGE_TAKEN, group.fields[0]);
    }
    return ok;
}

/* The model's own check, for every row that would be written. */
static bool check_rules(struct compare *compare)
{
    struct jb_stage *stage = compare->stage;
    const struct jb_model *model = stage->model;
    struct jb_scope *scope = compare->scope;
    struct found found = { 0 };
    struct jb__pairs pairs;
    int64_t row;
    void *after, *before;

    if (!model->check || compare->how->no_checks)
        return true;
    struct jb_str ids = jb_format(scope,
        "select s.rowid, m.target from main.%.*s s left join main.jb_match m on m.id = s.rowid where s.rowid > %lld and s.rowid <= %lld and (m.id is null or m.state = 1) order by s.rowid",
        JB_FMT(compare->table), (long long)compare->from, (long long)compare->to);
    bool ok = jb__pairs_open(&pairs, stage, scope, ids.data);
    while (ok) {
        struct jb_scope *one = jb_scope_child(scope, "check");
        bool more = jb__pairs_next(&pairs, one, &row, &after, &before);
        ok = !jb_failure(one) || jb_failure_pass(one, scope);
        bool good = true;
        if (ok && more)
            ok = jb__stage_check(stage, one, compare->how, row, before, after, &good) || jb_failure_pass(one, scope);
        if (!good)
            found_add(&found, stage->sqlite.id_base + row);
        jb_scope_end(one);
        if (!more)
            break;
    }
    jb__pairs_close(&pairs);
    ok = ok && mark_refused(stage, scope, &found);
    free(found.ids);
    return ok;
}

/* ---- rows that the table refused (stage_sift.c) -------------------------------------------------------------------------------------------- */

/* SQLite tells "table.a, table.b" of a unique index, the text of a CHECK without a name, and the name of one that has it: then the text stands behind the name in the table's definition. */
bool jb__sqlite_stage_rule_field(struct jb_stage *stage, struct jb_scope *scope, struct jb_str rule, const struct jb_field **ret_field)
{
    struct jb_str table = jb__literal(scope, jb_model_table(stage->model)), prefix = jb_format(scope, "%.*s.", JB_FMT(jb_model_table(stage->model)));
    size_t last = rule.size;

    while (last > 0 && rule.data[last - 1] != ',')
        last--;
    struct jb_str column = jb_str_trim(jb_str_slice(rule, last, rule.size));
    *ret_field = jb_str_starts(column, prefix) ? jb_record_field(&stage->model->record, jb_str_slice(column, prefix.size, column.size)) : jb__stage_field_in(stage, rule);
    if (*ret_field)
        return true;
    sqlite3_stmt *statement = jb__stage_prepare(stage, scope, jb_format(scope, "select sql from target.sqlite_master where type = 'table' and name = %.*s", JB_FMT(table)).data);
    struct jb_str sql = statement && jb__stage_step(stage, scope, statement) ? column_text(scope, statement, 0) : JB_STR("");
    sqlite3_finalize(statement);
    size_t at = jb_str_find(sql, rule, 0);
    if (at != SIZE_MAX)
        *ret_field = jb__stage_field_in(stage, jb_str_slice(sql, at + rule.size, sql.size));
    return !jb_failure(scope);
}

bool jb__sqlite_stage_value_of(struct jb_stage *stage, struct jb_scope *scope, const struct jb_field *field, int64_t row, struct jb_str *ret_value)
{
    struct jb_str table = jb__stage_table(scope, stage), name = jb__quoted(scope, field->name);
    sqlite3_stmt *statement = jb__stage_prepare(stage, scope, jb_format(scope, "select %.*s from main.%.*s where rowid = %lld", JB_FMT(name), JB_FMT(table), (long long)(stage->sqlite.id_base + row)).data);

    if (!statement)
        return false;
    if (!field->primary && jb__stage_step(stage, scope, statement) && sqlite3_column_type(statement, 0) != SQLITE_NULL)
        *ret_value = shown(scope, statement, 0, field);
    sqlite3_finalize(statement);
    return !jb_failure(scope);
}

bool jb__sqlite_stage_mark_refused(struct jb_stage *stage, struct jb_scope *scope, const struct jb__sifted *rows, size_t count)
{
    struct found found = { 0 };

    for (size_t i = 0; i < count; i++)
        found_add(&found, stage->sqlite.id_base + rows[i].row);
    bool ok = mark_refused(stage, scope, &found);
    free(found.ids);
    return ok;
}

/* ---- the whole --------------------------------------------------------------------------------------------------------------------------------- */

static struct jb_str list_literal(struct jb_scope *scope, struct jb_str list, struct jb_str text)
{
    struct jb_str literal = jb__literal(scope, text);
    return jb_format(scope, "%.*s, %.*s", JB_FMT(list), JB_FMT(literal));
}

/* Names of the tables that decide: the model's own, those it refers to, and those of its app when it has a check of its own. */
struct jb_str jb__stage_generation_sql(struct jb_scope *scope, const struct jb_stage *stage, const char *schema)
{
    struct jb_str names = jb__literal(scope, jb_model_table(stage->model));

    for (const struct jb_field *field = stage->model->record.fields; field->type != JB_END; field++)
        if (field->references)
            names = list_literal(scope, names, jb_model_table(field->references));
    for (size_t i = 0; stage->model->check && stage->db->models[i]; i++)
        if (stage->model->app && stage->db->models[i]->app && strcmp(stage->db->models[i]->app, stage->model->app) == 0)
            names = list_literal(scope, names, jb_model_table(stage->db->models[i]));
    return jb_format(scope, "select coalesce(sum(number), 0) from %s.jb_generation where name in (%.*s) and name not in ('import_jobs', 'import_marks', 'import_refusals')", schema, JB_FMT(names));
}

bool jb__sqlite_stage_note(struct jb_stage *stage, struct jb_scope *scope, bool *ret_moved)
{
    int64_t before = stage->sqlite.generation;

    if (!jb__stage_int(stage, scope, jb__stage_generation_sql(scope, stage, "target").data, &stage->sqlite.generation))
        return false;
    *ret_moved = stage->sqlite.generation != before;
    return true;
}

static bool forget(struct compare *compare)
{
    struct jb_stage *stage = compare->stage;
    long long from = compare->from, to = compare->to, first = from == INT64_MIN ? from : from - stage->sqlite.id_base, last = to == INT64_MAX ? to : to - stage->sqlite.id_base;

    return jb__stage_keep_forget(stage, compare->scope, from, to) && jb__stage_exec(stage, compare->scope,
                                                                         jb_format(compare->scope, "delete from main.jb_match where id > %lld and id <= %lld; delete from main.jb_refused where compared and row > %lld and row <= %lld", from, to, first, last).data);
}

static bool count_rows(struct compare *compare, struct jb_stage_counts *ret_counts)
{
    struct jb_scope *scope = compare->scope;
    struct jb_stage_counts counts = { 0 };
    int64_t rows, matched = 0, *const by_state[] = { &counts.unchanged, &counts.changed, &counts.skipped, &counts.refused };
    long long from = compare->from, to = compare->to;
    struct jb_str states = jb_format(scope, "select state, count(*) from main.jb_match where id > %lld and id <= %lld group by state", from, to);
    sqlite3_stmt *statement = jb__stage_prepare(compare->stage, scope, states.data);

    if (!statement)
        return false;
    while (jb__stage_step(compare->stage, scope, statement)) {
        int state = sqlite3_column_int(statement, 0);
        *by_state[state & 3] = sqlite3_column_int64(statement, 1);
        matched += sqlite3_column_int64(statement, 1);
    }
    sqlite3_finalize(statement);
    if (jb_failure(scope) || !jb__stage_int(compare->stage, scope, jb_format(scope, "select count(*) from main.%.*s where rowid > %lld and rowid <= %lld", JB_FMT(compare->table), from, to).data, &rows))
        return false;
    counts.new_rows = rows - matched;
    *ret_counts = compare->stage->sqlite.due = counts;
    return true;
}

static bool compare_all(struct compare *compare, struct jb_stage_counts *ret_counts)
{
    struct jb_stage *stage = compare->stage;
    struct jb_scope *scope = compare->scope;
    bool empty;

    if (!forget(compare) || !jb__sqlite_stage_target_empty(stage, scope, &empty))
        return false;
    double matched = empty ? 0 : 0.5, ruled = empty ? 0.1 : 0.7; /* against an empty table there is little to ask */
    jb__stage_part(stage, 0, matched, MATCH_STEPS);
    if (!empty && stage->match_count > 0 && !match_rows(compare))
        return false;
    jb__stage_part(stage, matched, ruled, MATCH_STEPS);
    if (!mode_rules(compare) || !reference_rules(compare) || (!empty && !unique_rules(compare)))
        return false;
    jb__stage_part(stage, ruled, 1, stage->model->check && !compare->how->no_checks ? MATCH_STEPS : COUNT_STEPS);
    return check_rules(compare) && count_rows(compare, ret_counts) && jb__stage_keep(stage, scope, compare->from, compare->to);
}

bool jb__sqlite_stage_compare(struct jb_stage *stage, struct jb_scope *scope, const struct jb_stage_compare *how, struct jb_stage_counts *ret_counts)
{
    struct compare compare = {
        .stage = stage,
        .scope = scope,
        .how = how,
        .from = how->after_row ? stage->sqlite.id_base + how->after_row : INT64_MIN,
        .to = how->last_row ? stage->sqlite.id_base + how->last_row : INT64_MAX,
        .table = jb__stage_table(scope, stage),
    };

    if (!jb__stage_exec(stage, scope, "begin"))
        return false;
    bool ok = compare_all(&compare, ret_counts);
    if (!ok) { /* over the limit of refused rows, those found so far are the answer */
        stage->sqlite.scope = NULL;
        sqlite3_exec(stage->sqlite.handle, jb_error(scope) == JB_LIMIT ? "commit" : "rollback", NULL, NULL, NULL);
        return false;
    }
    return jb__stage_exec(stage, scope, "commit");
}

bool jb__sqlite_stage_target_empty(struct jb_stage *stage, struct jb_scope *scope, bool *ret_empty)
{
    struct jb_str table = jb__stage_table(scope, stage);
    int64_t exists;

    if (!jb__stage_int(stage, scope, jb_format(scope, "select exists (select 1 from target.%.*s)", JB_FMT(table)).data, &exists))
        return false;
    *ret_empty = !exists;
    return true;
}
