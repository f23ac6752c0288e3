/* postgres_compare_index.c — indexes that are missing, other than they should be, half made, or not wanted.
 *
 * A new table gets its indexes in the transaction that makes it. Otherwise they are built CONCURRENTLY, each alone; one that changed is built under NAME_new and then takes the place of the old one, so that it is never missing. What a killed or
 * failed build left is INVALID: it goes, and is built again. An index under another name that serves as well is left to serve. */
// SPDX-License-Identifier: Apache-2.0
#include "store/postgres_catalog.h"
#include <string.h>

struct search {
    struct jb__pg_difference *difference;
    struct jb_scope *scope;
    const struct jb_model *model;
    struct jb_str table;
    const struct jb__pg_has_index *has; /* of this table */
    size_t has_count;
    bool *used;
};

static void alone(struct search *search, enum jb_migration_hold hold, bool destructive, struct jb_str reason, struct jb_str sql)
{
    jb__step_add(search->scope, &search->difference->alone, (struct jb_migration_step){ .sql = sql, .reason = reason, .hold = hold, .destructive = destructive });
}

/* What keeps values unique does so in any order. */
static bool same_columns(struct jb_str a, struct jb_str b, bool in_order)
{
    if (in_order || !a.data || !b.data)
        return jb_str_equal(a, b);
    while (a.data && b.data) {
        struct jb_str one = jb_str_cut(&a, '\n'), other = jb_str_cut(&b, '\n');
        if (one.size < 2 || one.size != other.size || !jb_str_equal(jb_str_slice(one, 0, one.size - 2), jb_str_slice(other, 0, other.size - 2)))
            return false;
    }
    return !a.data && !b.data;
}

static bool serves(struct search *search, const struct jb__pg_has_index *has, const struct jb__index *wants)
{
    return has->plain && has->is_unique == wants->unique && same_columns(has->shape, jb__pg_index_shape(search->scope, search->model, wants), !wants->unique) &&
           jb__pg_same(has->condition, jb__pg_index_condition(search->scope, wants));
}

static size_t find_named(struct search *search, struct jb_str name)
{
    for (size_t i = 0; i < search->has_count; i++)
        if (jb_str_equal(search->has[i].name, name))
            return i;
    return SIZE_MAX;
}

static void drop_left(struct search *search, size_t at)
{
    struct jb_str name = search->has[at].name, quoted = jb__quoted(search->scope, jb_cstr(search->scope, name));

    search->used[at] = true;
    alone(search, JB_HOLD_NONE, false, jb_format(search->scope, JB_L(search->scope, "다 만들지 못한 색인 %.*s 지우기", "index %.*s was left half made"), JB_FMT(name)),
        jb_format(search->scope, "DROP INDEX CONCURRENTLY IF EXISTS %.*s", JB_FMT(quoted)));
}

/* Built under a name of its own, then in the old one's place. */
static void index_change(struct search *search, const struct jb__index *wants, size_t old)
{
    struct jb_str fresh = jb_format(search->scope, "%.*s_new", JB_FMT(wants->name));
    size_t begun = find_named(search, fresh);
    bool ready = begun != SIZE_MAX && search->has[begun].valid && serves(search, &search->has[begun], wants);

    search->used[old] = true;
    if (begun != SIZE_MAX && !ready)
        drop_left(search, begun);
    if (ready)
        search->used[begun] = true;
    else
        alone(search, JB_HOLD_NONE, false, jb_format(search->scope, JB_L(search->scope, "바뀐 색인 %.*s", "changed index %.*s"), JB_FMT(wants->name)), jb__pg_index_sql(search->scope, search->model, wants, fresh, true));
    struct jb_str drop = search->has[old].of_constraint ? jb_format(search->scope, "ALTER TABLE \"%.*s\" DROP CONSTRAINT \"%.*s\"", JB_FMT(search->table), JB_FMT(wants->name))
                                                        : jb_format(search->scope, "DROP INDEX \"%.*s\"", JB_FMT(wants->name));
    alone(search, JB_HOLD_MOMENT, false, jb_format(search->scope, JB_L(search->scope, "색인 %.*s 바꿔 넣기", "index %.*s takes its place"), JB_FMT(wants->name)),
        jb_format(search->scope, "%.*s;\nALTER INDEX \"%.*s\" RENAME TO \"%.*s\"", JB_FMT(drop), JB_FMT(fresh), JB_FMT(wants->name)));
}

static void duplicates_check(struct search *search, const struct jb__index *wants)
{
    if (wants->unique)
        jb__pg_check_add(search->difference, (struct jb__pg_check){ .kind = JB__PG_DUPLICATE, .model = search->model, .index = wants });
}

/* A unique index over a column that is not there yet finds nothing twice: the column is new. */
static bool columns_are_there(struct search *search, const struct jb__index *wants)
{
    for (size_t i = 0; i < wants->column_count; i++)
        if (!jb__pg_find_column(search->difference->catalog, search->table, jb_str_of(wants->columns[i].field->name)))
            return false;
    return true;
}

static void index_compare(struct search *search, const struct jb__index *wants)
{
    size_t named = find_named(search, wants->name);

    if (named != SIZE_MAX && search->has[named].valid && serves(search, &search->has[named], wants)) {
        search->used[named] = true;
        return;
    }
    for (size_t i = 0; i < search->has_count; i++)
        if (!search->used[i] && search->has[i].valid && !search->has[i].primary_key && !jb__index_is_ours(search->table, search->has[i].name) && serves(search, &search->has[i], wants)) {
            search->used[i] = true;
            return;
        }
    if (columns_are_there(search, wants))
        duplicates_check(search, wants);
    if (named != SIZE_MAX && search->has[named].valid) {
        index_change(search, wants, named);
        return;
    }
    if (named != SIZE_MAX)
        drop_left(search, named);
    alone(search, JB_HOLD_NONE, false, jb_format(search->scope, JB_L(search->scope, "새 색인 %.*s", "new index %.*s"), JB_FMT(wants->name)), jb__pg_index_sql(search->scope, search->model, wants, wants->name, true));
}

/* Those that we named go when they are not wanted; those of others are theirs. */
static void unwanted(struct search *search, const struct jb__pg_has_index *has)
{
    bool ours = jb__index_is_ours(search->table, has->name);
    struct jb_str quoted = jb__quoted(search->scope, jb_cstr(search->scope, has->name)), sql = jb_format(search->scope, "DROP INDEX CONCURRENTLY IF EXISTS %.*s", JB_FMT(quoted));
    struct jb_str reason = ours ? jb_format(search->scope, JB_L(search->scope, "안 쓰는 색인 %.*s 지우기", "index %.*s is not wanted any more"), JB_FMT(has->name))
                                : jb__unknown_reason(search->scope, JB__UNKNOWN_INDEX, has->name);

    if (has->of_constraint)
        sql = jb_format(search->scope, "ALTER TABLE \"%.*s\" DROP CONSTRAINT IF EXISTS %.*s", JB_FMT(search->table), JB_FMT(quoted));
    alone(search, has->of_constraint ? JB_HOLD_MOMENT : JB_HOLD_NONE, !ours, reason, sql);
}

static void all_new(struct jb__pg_difference *difference, const struct jb_model *model, const struct jb__indexes *indexes)
{
    struct jb_scope *scope = difference->scope;

    for (size_t i = 0; i < indexes->count; i++)
        jb__step_add(scope, &difference->together, (struct jb_migration_step){
                                                       .reason = jb_format(scope, JB_L(scope, "새 색인 %.*s", "new index %.*s"), JB_FMT(indexes->at[i].name)),
                                                       .sql = jb__pg_index_sql(scope, model, &indexes->at[i], indexes->at[i].name, false),
                                                   });
}

void jb__pg_compare_indexes(struct jb__pg_difference *difference, const struct jb_model *model, bool is_new)
{
    const struct jb__pg_catalog *catalog = difference->catalog;
    struct jb__indexes *wanted = JB_NEW(difference->scope, struct jb__indexes);
    struct search search = { .difference = difference, .scope = difference->scope, .model = model, .table = jb_model_table(model) };
    size_t first = 0;

    jb__indexes_of(difference->scope, model, search.table, wanted);
    for (size_t i = 0; i < wanted->count; i++)
        difference->hash = jb_str_digest(difference->hash, jb__pg_index_sql(difference->scope, model, &wanted->at[i], wanted->at[i].name, false));
    if (is_new) {
        all_new(difference, model, wanted);
        return;
    }
    while (first < catalog->index_count && !jb_str_equal(catalog->indexes[first].table, search.table))
        first++;
    search.has = catalog->indexes + first;
    while (first + search.has_count < catalog->index_count && jb_str_equal(search.has[search.has_count].table, search.table))
        search.has_count++;
    search.used = JB_NEW_ARRAY(difference->scope, bool, search.has_count + 1);
    for (size_t i = 0; i < wanted->count; i++)
        index_compare(&search, &wanted->at[i]);
    for (size_t i = 0; i < search.has_count; i++)
        if (!search.used[i] && !search.has[i].primary_key)
            unwanted(&search, &search.has[i]);
}
