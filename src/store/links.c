/* links.c — many to many: a table of pairs, which is a model like any other (so that it is migrated, and goes with its rows), and what is asked of it.
 *
 * The order of a row's links is that of the pairs' ids. */
// SPDX-License-Identifier: Apache-2.0
#include "store/store_private.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINKS_MAX 10000

struct pair {
    int64_t id, whose, what;
};

struct jb__link_table {
    struct jb__link_table *next;
    const struct jb_model *owner;
    const struct jb_link *link;
    struct jb_model model;
    struct jb_field fields[4];
    char whose[64], what[64], unique[132];
};

/* ---- the tables --------------------------------------------------------------------------------------------------------------------------- */

static struct jb_field reference(const char *name, size_t offset, const struct jb_model *model)
{
    return (struct jb_field){ .name = name, .offset = offset, .size = sizeof(int64_t), .type = JB_INT64, .required = true, .references = model, .on_delete = JB_CASCADE, .label = model->label, .label_en = model->label_en };
}

static struct jb__link_table *table_new(const struct jb_model *owner, const struct jb_link *link)
{
    struct jb__link_table *table = calloc(1, sizeof *table);

    JB_CHECK(table && link->target && link->table && owner->live == link->target->live);
    bool same = strcmp(owner->record.name, link->target->record.name) == 0;
    snprintf(table->whose, sizeof table->whose, "%s_id", owner->record.name);
    snprintf(table->what, sizeof table->what, "%s%s_id", same ? "to_" : "", link->target->record.name);
    snprintf(table->unique, sizeof table->unique, "%s %s", table->whose, table->what);
    table->owner = owner;
    table->link = link;
    table->fields[0] = (struct jb_field){ .name = "id", .offset = offsetof(struct pair, id), .size = sizeof(int64_t), .type = JB_INT64, .primary = true };
    table->fields[1] = reference(table->whose, offsetof(struct pair, whose), owner);
    table->fields[2] = reference(table->what, offsetof(struct pair, what), link->target);
    table->model = (struct jb_model){ .app = owner->app, .table = link->table, .label = link->label, .label_en = link->label_en, .order = "id", .uniques = table->unique, .live = owner->live, .hidden = true };
    table->model.record = (struct jb_record){ link->table, sizeof(struct pair), table->fields, NULL };
    return table;
}

void jb__links_open(struct jb_db *db)
{
    size_t count = 0, more = 0, own = 0;

    for (; db->models[own]; own++)
        for (const struct jb_link *link = db->models[own]->links; link && link->name; link++)
            more++;
    db->models = realloc(db->models, (own + more + 1) * sizeof *db->models);
    JB_CHECK(db->models);
    for (size_t i = 0; i < own; i++)
        for (const struct jb_link *link = db->models[i]->links; link && link->name; link++) {
            struct jb__link_table *table = table_new(db->models[i], link);
            table->next = db->link_tables;
            db->link_tables = table;
            db->models[own + count++] = &table->model;
        }
    db->models[own + count] = NULL;
}

void jb__links_close(struct jb_db *db)
{
    while (db->link_tables) {
        struct jb__link_table *next = db->link_tables->next;
        free(db->link_tables);
        db->link_tables = next;
    }
}

const struct jb_link *jb__link_named(const struct jb_model *model, struct jb_str name)
{
    for (const struct jb_link *link = model->links; link && link->name; link++)
        if (jb_str_is(name, link->name))
            return link;
    return NULL;
}

const struct jb_model *jb__link_model(struct jb_db *db, const struct jb_model *model, const struct jb_link *link)
{
    const struct jb__link_table *table = db->link_tables;

    while (table && (table->owner != model || table->link != link))
        table = table->next;
    JB_CHECK(table); /* the model is one of the database's */
    return &table->model;
}

static const struct jb_model *pairs_of(struct jb_scope *scope, const struct jb_model *model, const char *name)
{
    const struct jb_link *link = jb__link_named(model, jb_str_of(name));
    JB_CHECK(link); /* an app knows its links */
    return jb__link_model(jb_db_of(scope), model, link);
}

/* ---- reading ----------------------------------------------------------------------------------------------------------------------------- */

/* Pairs of those rows, ordered by whose they are, then as they were linked; `with` also reads what they lead to, and leaves out pairs that lead to nothing (a program that does not keep references can make some). */
static struct jb_rows *pairs(struct jb_scope *scope, const struct jb_model *table, struct jb_ids whose, bool with)
{
    const struct jb_field *fields = table->record.fields;
    struct jb_str there = jb_format(scope, "%s.%s", fields[2].name, jb_model_primary(fields[2].references)->name);
    const struct jb_condition conditions[] = { { jb_str_of(fields[1].name), JB_IN, jb_v(whose) }, { there, with ? JB_IS_NULL : JB_OP_END, jb_v_bool(false) }, { .op = JB_OP_END } };

    return jb__select_many(scope, table, &(struct jb_select){ .conditions = conditions, .order = JB_STR("id"), .with = with ? fields[2].name : NULL }, fields[1].name, 10 * LINKS_MAX);
}

/* What pairs [from, to) lead to: the rows that stand beside them, without gaps. */
static struct jb_rows targets(const struct jb_rows *rows, size_t from, size_t to)
{
    const struct jb_related *beside = rows->record->related;
    return (struct jb_rows){ beside->record, to - from, from < to ? (char *)beside->one[from] : NULL };
}

struct jb_rows *jb_links_get(struct jb_scope *scope, const struct jb_model *model, int64_t id, const char *name)
{
    struct jb_rows *found = pairs(scope, pairs_of(scope, model, name), (struct jb_ids){ &id, 1 }, true);

    if (!found)
        return NULL;
    struct jb_rows *rows = JB_NEW(scope, struct jb_rows);
    *rows = targets(found, 0, found->count);
    return rows;
}

bool jb_links_prefetch(struct jb_scope *scope, struct jb_rows *rows, const struct jb_model *model, const char *name)
{
    const struct jb_model *table = pairs_of(scope, model, name);
    struct jb_ids ids = jb__rows_ids(scope, rows);
    struct jb_rows *found = pairs(scope, table, ids, true);

    if (!found)
        return false;
    struct jb_rows *ranges = JB_NEW_ARRAY(scope, struct jb_rows, rows->count);
    for (size_t i = 0; i < rows->count; i++) {
        size_t from, to;
        jb__rows_of(found, &table->record.fields[1], ids.at[i], &from, &to);
        ranges[i] = targets(found, from, to);
    }
    jb__rows_attach(scope, rows, name, ranges);
    return true;
}

/* ---- writing ------------------------------------------------------------------------------------------------------------------------------ */

static bool contains(const struct pair *pairs, size_t count, int64_t what)
{
    for (size_t i = 0; i < count; i++)
        if (pairs[i].what == what)
            return true;
    return false;
}

/* The wanted pairs, each once. */
static struct pair *wanted_pairs(struct jb_scope *scope, int64_t id, struct jb_ids ids, size_t *ret_count)
{
    struct pair *wanted = JB_NEW_ARRAY(scope, struct pair, ids.count);
    size_t count = 0;

    for (size_t i = 0; i < ids.count; i++)
        if (!contains(wanted, count, ids.at[i]))
            wanted[count++] = (struct pair){ 0, id, ids.at[i] };
    *ret_count = count;
    return wanted;
}

static bool delete_pairs(struct jb_scope *scope, const struct jb_model *table, int64_t id, const struct jb_ids *what)
{
    const struct jb_field *fields = table->record.fields;
    struct jb_buf sql = JB_BUF_INIT(JB__SQL_BYTES_MAX);
    struct jb_sql list = { .text = " and what in (?)", .arg_count = 1 };
    size_t count = 1;

    if (what)
        list.args[0] = jb_v(*what);
    size_t room = 1 + jb__args_room(&list);
    struct jb_value *args = JB_NEW_ARRAY(scope, struct jb_value, room);
    args[0] = jb_v_int(id);
    jb_buf_printf(&sql, "delete from \"%s\" where \"%s\" = ?", table->table, fields[1].name);
    list.text = jb_cstr(scope, jb_format(scope, " and \"%s\" in (?)", fields[2].name));
    bool ok = !what || jb__params(scope, jb_db_of(scope), table, &list, &sql, args, room, &count);
    struct jb__statement statement = { .sql = jb_buf_str(&sql), .args = args, .arg_count = count, .live = table->live, .write = true, .model = table };
    ok = ok && jb__run(scope, &statement);
    jb_buf_done(&sql);
    return ok;
}

static bool set_pairs(struct jb_scope *scope, const struct jb_model *table, int64_t id, struct jb_ids ids)
{
    size_t count, same = 0;
    struct pair *wanted = wanted_pairs(scope, id, ids, &count);
    const struct jb_rows *now = pairs(scope, table, (struct jb_ids){ &id, 1 }, false);

    if (!now)
        return false;
    while (same < count && same < now->count && ((const struct pair *)jb_rows_at(now, same))->what == wanted[same].what)
        same++;
    if (same == count && same == now->count)
        return true;
    return delete_pairs(scope, table, id, NULL) && jb_bulk_insert(scope, table, wanted, count, NULL);
}

static bool add_pairs(struct jb_scope *scope, const struct jb_model *table, int64_t id, struct jb_ids ids)
{
    size_t count;
    const struct pair *wanted = wanted_pairs(scope, id, ids, &count);
    struct jb_bulk how = { .match_on = table->uniques, .on_conflict = JB_CONFLICT_IGNORE };

    return jb_bulk_insert(scope, table, wanted, count, &how);
}

static bool remove_pairs(struct jb_scope *scope, const struct jb_model *table, int64_t id, struct jb_ids ids)
{
    return delete_pairs(scope, table, id, &ids);
}

static bool change(struct jb_scope *scope, const struct jb_model *model, int64_t id, const char *name, struct jb_ids ids, bool (*run)(struct jb_scope *scope, const struct jb_model *table, int64_t id, struct jb_ids ids))
{
    const struct jb_model *table = pairs_of(scope, model, name);

    if (ids.count > LINKS_MAX)
        return jb_fail(scope, JB_LIMIT, JB_L(scope, "한 행에 %d개까지 이을 수 있습니다.", "A row can be linked to at most %d others."), LINKS_MAX);
    struct jb_tx *tx = table->live ? jb_begin_live(scope) : jb_begin(scope);
    if (!tx)
        return false;
    if (run(scope, table, id, ids))
        return jb_commit(tx);
    jb_rollback(tx);
    return false;
}

bool jb_links_set(struct jb_scope *scope, const struct jb_model *model, int64_t id, const char *name, struct jb_ids ids)
{
    return change(scope, model, id, name, ids, set_pairs);
}

bool jb_links_add(struct jb_scope *scope, const struct jb_model *model, int64_t id, const char *name, struct jb_ids ids)
{
    return change(scope, model, id, name, ids, add_pairs);
}

bool jb_links_remove(struct jb_scope *scope, const struct jb_model *model, int64_t id, const char *name, struct jb_ids ids)
{
    return change(scope, model, id, name, ids, remove_pairs);
}
