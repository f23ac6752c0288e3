/* sqlite_migrate.c — SQLite's tables follow the models.
 *
 * The text of each column's definition is compared with the one the model wants. Missing tables, columns and indexes are added; a definition that changed (a new choice, a longer text) rebuilds the table: new table, rows copied,
 * renamed. All of a file happens in one transaction, in the writer's turn, so two processes at once do it once, and a row that breaks a new rule leaves everything as it was. A column that no model names any more is reported and
 * kept. */
// SPDX-License-Identifier: Apache-2.0
#include "store/migrate.h"
#include "store/sqlite_definition.h"
#include "store/sqlite_private.h"
#include <stdlib.h>
#include <string.h>

struct plan {
    struct jb_scope *scope;
    struct jb_db *db;
    sqlite3 *handle;
    bool live;
    const struct jb_migrate_options *apply; /* NULL: only plan */
    struct jb__steps notices, steps;
    uint64_t hash; /* of all DDL that the models want */
    bool rebuilt;
    size_t first, applied; /* in steps: of this file; how many were done */
};

/* ---- what is there -------------------------------------------------------------------------------------------------------------------- */

typedef bool each_row(struct plan *plan, sqlite3_stmt *statement, void *arg);

/* Runs a question with up to one text argument; each may be NULL. */
static bool ask(struct plan *plan, const char *sql, struct jb_str argument, each_row *each, void *arg)
{
    sqlite3_stmt *statement;
    bool ok = true;
    int code = sqlite3_prepare_v2(plan->handle, sql, -1, &statement, NULL);

    if (code == SQLITE_OK && argument.data)
        code = sqlite3_bind_text64(statement, 1, argument.data, argument.size, SQLITE_STATIC, SQLITE_UTF8);
    if (code == SQLITE_OK)
        while (ok && (code = sqlite3_step(statement)) == SQLITE_ROW)
            ok = each(plan, statement, arg);
    if (ok && code != SQLITE_DONE)
        ok = jb__sqlite_fail(plan->scope, plan->handle, code, sql);
    sqlite3_finalize(statement);
    return ok;
}

static struct jb_str text_at(struct plan *plan, sqlite3_stmt *statement, int column)
{
    return jb_copy(plan->scope, jb_str_of((const char *)sqlite3_column_text(statement, column)));
}

static bool keep_text(struct plan *plan, sqlite3_stmt *statement, void *arg)
{
    *(struct jb_str *)arg = text_at(plan, statement, 0);
    return true;
}

/* ---- steps ------------------------------------------------------------------------------------------------------------------------------- */

/* Notes a step and, when applying, does it at once, so that what follows sees it. */
static bool step(struct plan *plan, struct jb_migration_step what)
{
    jb__step_add(plan->scope, &plan->steps, what);
    if (!plan->apply || !jb__step_wanted(&what, plan->apply))
        return true;
    plan->applied++;
    if (JB_FAULT("store/migrate/step", plan->scope))
        return false;
    return jb__sqlite_exec(plan->scope, plan->handle, what.sql.data) || jb_wrap(plan->scope, "%.*s", JB_FMT(what.reason));
}

static bool table_new(struct plan *plan, const struct jb_model *model)
{
    struct jb_str table = jb_model_table(model);
    struct jb_str reason = jb_format(plan->scope, JB_L(plan->scope, "새 표 %.*s", "new table %.*s"), JB_FMT(table));
    return step(plan, (struct jb_migration_step){ .reason = reason, .sql = jb__table_sql(plan->scope, model, table), .hold = JB_HOLD_MOMENT });
}

/* SQLite adds a column in place when old rows need nothing from it. */
static bool addable(const struct jb_model *model, const struct jb_field *field)
{
    return jb__field_nullable(model, field) || ((field->default_text || !field->required) && !field->references);
}

static bool column_new(struct plan *plan, const struct jb_model *model, const struct jb_field *field)
{
    struct jb_str table = jb_model_table(model), column = jb__column_sql(plan->scope, model, field), name = jb__dotted(plan->scope, table, jb_str_of(field->name));
    struct jb_str reason = jb_format(plan->scope, JB_L(plan->scope, "새 열 %.*s", "new column %.*s"), JB_FMT(name));
    return step(plan, (struct jb_migration_step){ .reason = reason, .sql = jb_format(plan->scope, "ALTER TABLE \"%.*s\" ADD COLUMN %.*s", JB_FMT(table), JB_FMT(column)), .hold = JB_HOLD_MOMENT });
}

/* ---- rebuilding a table ---------------------------------------------------------------------------------------------------------------------- */

/* Old columns as the new table wants them: NULLs of a column that may hold none any more become its default. */
static void put_copied(struct plan *plan, struct jb_buf *into, struct jb_buf *from, const struct jb_model *model, const struct jb__definitions *old)
{
    for (size_t i = 0; i < old->count; i++) {
        const struct jb_field *field = jb_record_field(&model->record, old->at[i].name);
        struct jb_str name = old->at[i].name;
        struct jb_str definition = field ? jb__column_sql(plan->scope, model, field) : JB_STR("");
        size_t at = jb_str_find(definition, JB_STR(" DEFAULT "), 0);
        jb_buf_put_z(into, i ? ", " : "");
        jb_buf_put_z(from, i ? ", " : "");
        jb__put_name(into, name);
        if (at != SIZE_MAX && !jb__field_nullable(model, field)) {
            struct jb_str value = jb_str_slice(definition, at + 9, jb_str_find(definition, JB_STR(" CONSTRAINT "), at + 9));
            jb_buf_put_z(from, "coalesce(");
            jb__put_name(from, name);
            jb_buf_printf(from, ", %.*s)", JB_FMT(value));
        } else {
            jb__put_name(from, name);
        }
    }
}

/* A column that no model names is kept. One that wants a value from every row would refuse all new ones, which bring none: it is kept with its type alone. */
static struct jb_str kept_definition(struct jb_str sql)
{
    size_t at = jb_str_find(sql, JB_STR(" NOT NULL"), 0);
    return at == SIZE_MAX || jb_str_find(sql, JB_STR(" DEFAULT "), 0) != SIZE_MAX ? sql : jb_str_slice(sql, 0, at);
}

static struct jb_str definition_append(struct plan *plan, struct jb_str table, struct jb_str definition)
{
    return jb_format(plan->scope, "%.*s,\n  %.*s\n)", JB_FMT(jb_str_slice(table, 0, table.size - 2)), JB_FMT(definition));
}

static struct jb_str new_table_sql(struct plan *plan, const struct jb_model *model, const struct jb__definitions *old, struct jb_str name)
{
    struct jb_str sql = jb__table_sql(plan->scope, model, name);

    for (size_t i = 0; i < old->count; i++)
        if (!jb_record_field(&model->record, old->at[i].name))
            sql = definition_append(plan, sql, kept_definition(old->at[i].sql));
    for (size_t i = 0; i < old->rule_count; i++)
        if (!jb__rule_is_primary_key(old->rules[i]))
            sql = definition_append(plan, sql, old->rules[i]);
    return sql;
}

static bool keep_made(struct plan *plan, sqlite3_stmt *statement, void *arg)
{
    jb_buf_printf(arg, ";\n%s", (const char *)sqlite3_column_text(statement, 0));
    (void)plan;
    return true;
}

static bool note_row(struct plan *plan, sqlite3_stmt *statement, void *arg)
{
    (void)plan, (void)statement;
    *(bool *)arg = true;
    return true;
}

/* A column that must have a value and says none: fine in an empty table, impossible beside rows that are there already. */
static bool can_be_filled(struct plan *plan, const struct jb_model *model, const struct jb__definitions *old)
{
    struct jb_str table = jb_model_table(model);

    for (const struct jb_field *field = model->record.fields; field->type != JB_END; field++) {
        bool rows = false;
        if (!jb__field_is_stored(field) || jb__definition_find(old, jb_str_of(field->name)) != SIZE_MAX || !jb__field_unfillable(model, field))
            continue;
        if (!ask(plan, jb_cstr(plan->scope, jb_format(plan->scope, "select 1 from \"%.*s\" limit 1", JB_FMT(table))), JB_STR_NULL, note_row, &rows))
            return false;
        if (rows && plan->apply)
            return jb__fail_unfillable(plan->scope, table, field->name);
        if (rows) {
            struct jb_scope *child = jb_scope_child(plan->scope, "checks");
            jb__fail_unfillable(child, table, field->name);
            jb__say_refused(plan->scope, &plan->notices, child);
            jb_scope_end(child);
        }
    }
    return true;
}

struct blame {
    struct jb_str insert;      /* copies all rows */
    struct jb_str id, message; /* of the first row that fails alone; NULL: none did */
};

static bool try_row(struct plan *plan, sqlite3_stmt *statement, void *arg)
{
    struct blame *blame = arg;
    struct jb_str id = text_at(plan, statement, 0);

    if (sqlite3_exec(plan->handle, jb_format(plan->scope, "%.*s WHERE \"id\" = %.*s", JB_FMT(blame->insert), JB_FMT(id)).data, NULL, NULL, NULL) == SQLITE_OK)
        return true;
    blame->id = id;
    blame->message = jb_copy(plan->scope, jb_str_of(sqlite3_errmsg(plan->handle)));
    return false;
}

/* The statement that copied all rows has failed with the scope; says which row it was. "CHECK constraint failed: items.state choice", "NOT NULL constraint failed: items_new.memo". */
static bool blame_row(struct plan *plan, const struct jb_model *model, struct jb_str insert)
{
    struct jb_str table = jb_model_table(model), value = JB_STR_NULL;
    struct blame blame = { .insert = insert };

    ask(plan, jb_format(plan->scope, "select cast(id as text) from \"%.*s\" order by id", JB_FMT(table)).data, JB_STR_NULL, try_row, &blame);
    struct jb_str rule = jb_str_slice(blame.message, jb_str_find_char(blame.message, '.', 0) + 1, blame.message.size), column = jb_str_cut(&rule, ' ');
    const struct jb_field *field = column.data ? jb_record_field(&model->record, column) : NULL;
    if (!field || !ask(plan, jb_format(plan->scope, "select cast(\"%s\" as text) from \"%.*s\" where id = ?", field->name, JB_FMT(table)).data, blame.id, keep_text, &value))
        return false;
    jb_failure_clear(plan->scope);
    return jb__fail_row(plan->scope, table, blame.id, field, value, rule.data ? rule.data : "required");
}

static bool table_rebuild(struct plan *plan, const struct jb_model *model, const struct jb__definitions *old, struct jb_str changed)
{
    struct jb_str table = jb_model_table(model), fresh = jb_format(plan->scope, "%.*s_new", JB_FMT(table));
    struct jb_buf sql = JB_BUF_INIT(JB__SQL_BYTES_MAX), into = JB_BUF_INIT(JB__SQL_BYTES_MAX), from = JB_BUF_INIT(JB__SQL_BYTES_MAX);

    if (!can_be_filled(plan, model, old))
        return false;
    put_copied(plan, &into, &from, model, old);
    struct jb_str insert = jb_format(plan->scope, "INSERT INTO \"%.*s\" (%.*s)\n  SELECT %.*s FROM \"%.*s\"", JB_FMT(fresh), JB_FMT(jb_buf_str(&into)), JB_FMT(jb_buf_str(&from)), JB_FMT(table));
    jb_buf_put(&sql, new_table_sql(plan, model, old, fresh));
    jb_buf_printf(&sql, ";\n%.*s;\nDROP TABLE \"%.*s\";\nALTER TABLE \"%.*s\" RENAME TO \"%.*s\"", JB_FMT(insert), JB_FMT(table), JB_FMT(fresh), JB_FMT(table));
    bool ok = ask(plan, "select sql from sqlite_schema where type in ('index', 'trigger') and lower(tbl_name) = lower(?) and sql is not null order by type", table, keep_made, &sql);
    struct jb_str reason = jb_format(plan->scope, JB_L(plan->scope, "표 %.*s 고쳐 짓기 (%.*s)", "table %.*s rebuilt (%.*s)"), JB_FMT(table), JB_FMT(changed));
    plan->rebuilt = true;
    ok = ok && (step(plan, (struct jb_migration_step){ .reason = reason, .sql = jb_copy(plan->scope, jb_buf_str(&sql)), .hold = JB_HOLD_WRITERS }) || blame_row(plan, model, insert));
    jb_buf_done(&sql);
    jb_buf_done(&into);
    jb_buf_done(&from);
    return ok;
}

/* ---- comparing one table ------------------------------------------------------------------------------------------------------------------------- */

/* The first definition that is not as the model wants it, a new column that needs a new table, or one that no new row could fill; NULL text: none. */
static struct jb_str changed_column(struct plan *plan, const struct jb_model *model, const struct jb__definitions *old)
{
    for (const struct jb_field *field = model->record.fields; field->type != JB_END; field++) {
        if (!jb__field_is_stored(field))
            continue;
        size_t at = jb__definition_find(old, jb_str_of(field->name));
        if (at == SIZE_MAX ? !addable(model, field) : !jb_str_equal(old->at[at].sql, jb__column_sql(plan->scope, model, field)))
            return jb_str_of(field->name);
    }
    for (size_t i = 0; i < old->count; i++)
        if (!jb_record_field(&model->record, old->at[i].name) && kept_definition(old->at[i].sql).size != old->at[i].sql.size)
            return old->at[i].name;
    return JB_STR_NULL;
}

static bool columns_compare(struct plan *plan, const struct jb_model *model, const struct jb__definitions *old)
{
    struct jb_str changed = changed_column(plan, model, old);

    if (changed.data && !table_rebuild(plan, model, old, changed))
        return false;
    for (const struct jb_field *field = model->record.fields; !changed.data && field->type != JB_END; field++)
        if (jb__field_is_stored(field) && jb__definition_find(old, jb_str_of(field->name)) == SIZE_MAX && !column_new(plan, model, field))
            return false;
    return true;
}

static bool columns_drop(struct plan *plan, const struct jb_model *model, const struct jb__definitions *old)
{
    struct jb_str table = jb_model_table(model);

    for (size_t i = 0; i < old->count; i++) {
        if (jb_record_field(&model->record, old->at[i].name))
            continue;
        struct jb_str name = jb__dotted(plan->scope, table, old->at[i].name), sql = jb_format(plan->scope, "ALTER TABLE \"%.*s\" DROP COLUMN \"%.*s\"", JB_FMT(table), JB_FMT(old->at[i].name));
        if (!step(plan, (struct jb_migration_step){ .reason = jb__unknown_reason(plan->scope, JB__UNKNOWN_COLUMN, name), .sql = sql, .hold = JB_HOLD_WRITERS, .destructive = true }))
            return false;
    }
    return true;
}

/* ---- indexes -------------------------------------------------------------------------------------------------------------------------------------- */

struct index_search {
    const struct jb__indexes *wanted;
    const struct jb_str *create; /* of each wanted one */
    struct jb_str table;
    bool there[64];
    struct jb_str stale[256];
    size_t stale_count;
};

static bool index_seen(struct plan *plan, sqlite3_stmt *statement, void *arg)
{
    struct index_search *search = arg;
    struct jb_str name = text_at(plan, statement, 0), sql = text_at(plan, statement, 1);

    for (size_t i = 0; i < search->wanted->count; i++)
        if (jb_str_equal(search->wanted->at[i].name, name) && jb_str_equal(search->create[i], sql)) {
            search->there[i] = true;
            return true;
        }
    if (search->stale_count < JB_COUNT(search->stale))
        search->stale[search->stale_count++] = name;
    return true;
}

static bool name_is_wanted(const struct jb__indexes *wanted, struct jb_str name)
{
    for (size_t i = 0; i < wanted->count; i++)
        if (jb_str_equal(wanted->at[i].name, name))
            return true;
    return false;
}

/* Those that we named go when they are not wanted; those of others are theirs. */
static bool index_drop(struct plan *plan, const struct index_search *search, struct jb_str name)
{
    struct jb_str quoted = jb__quoted(plan->scope, jb_cstr(plan->scope, name));
    bool theirs = !jb__index_is_ours(search->table, name) && !name_is_wanted(search->wanted, name);
    struct jb_str reason = theirs ? jb__unknown_reason(plan->scope, JB__UNKNOWN_INDEX, name)
                                  : jb_format(plan->scope, JB_L(plan->scope, "안 쓰는 색인 %.*s 지우기", "index %.*s is not wanted any more"), JB_FMT(name));

    return step(plan, (struct jb_migration_step){ .reason = reason, .sql = jb_format(plan->scope, "DROP INDEX %.*s", JB_FMT(quoted)), .hold = JB_HOLD_MOMENT, .destructive = theirs });
}

struct duplicate {
    struct jb_str values[JB__INDEX_COLUMNS_MAX], count;
    size_t columns;
    bool found;
};

static bool keep_duplicate(struct plan *plan, sqlite3_stmt *statement, void *arg)
{
    struct duplicate *duplicate = arg;

    for (size_t i = 0; i < duplicate->columns; i++)
        duplicate->values[i] = text_at(plan, statement, (int)i);
    duplicate->count = text_at(plan, statement, (int)duplicate->columns);
    duplicate->found = true;
    return true;
}

/* A unique index that could not be made: says which value stands there twice. */
static bool blame_duplicate(struct plan *plan, struct jb_str table, const struct jb__index *index)
{
    struct duplicate duplicate = { .columns = index->column_count };

    if (!index->unique || !ask(plan, jb__duplicate_sql(plan->scope, table, index, jb__index_condition(plan->scope, index)).data, JB_STR_NULL, keep_duplicate, &duplicate) || !duplicate.found)
        return false;
    jb_failure_clear(plan->scope);
    return jb__fail_duplicate(plan->scope, table, index, duplicate.values, duplicate.count);
}

static bool index_new(struct plan *plan, struct jb_str table, const struct jb__index *index, struct jb_str sql)
{
    struct jb_str reason = jb_format(plan->scope, JB_L(plan->scope, "새 색인 %.*s", "new index %.*s"), JB_FMT(index->name));

    return step(plan, (struct jb_migration_step){ .reason = reason, .sql = sql, .hold = JB_HOLD_WRITERS }) || blame_duplicate(plan, table, index);
}

static bool indexes_compare(struct plan *plan, const struct jb_model *model)
{
    struct jb__indexes *wanted = JB_NEW(plan->scope, struct jb__indexes);
    struct index_search *search = JB_NEW(plan->scope, struct index_search);
    struct jb_str create[64];

    search->table = jb_model_table(model);
    search->wanted = wanted;
    search->create = create;
    jb__indexes_of(plan->scope, model, search->table, wanted);
    for (size_t i = 0; i < wanted->count; i++) {
        create[i] = jb__index_create(plan->scope, &wanted->at[i], search->table);
        plan->hash = jb_str_digest(plan->hash, create[i]);
    }
    if (!ask(plan, "select name, sql from sqlite_schema where type = 'index' and lower(tbl_name) = lower(?) and sql is not null order by name", search->table, index_seen, search))
        return false;
    for (size_t i = 0; i < search->stale_count; i++)
        if (!index_drop(plan, search, search->stale[i]))
            return false;
    for (size_t i = 0; i < wanted->count; i++)
        if (!search->there[i] && !index_new(plan, search->table, &wanted->at[i], create[i]))
            return false;
    return true;
}

/* It was made here: its text says so. */
static bool is_ours(struct plan *plan, struct jb_str name, struct jb_str sql)
{
    return jb_str_starts(sql, jb_format(plan->scope, "CREATE TABLE \"%.*s\" (\n  \"id\" INTEGER PRIMARY KEY", JB_FMT(name)));
}

static bool model_compare(struct plan *plan, const struct jb_model *model)
{
    struct jb_str table = jb_model_table(model), sql = JB_STR_NULL;
    struct jb__definitions *old = JB_NEW(plan->scope, struct jb__definitions);

    plan->hash = jb_str_digest(plan->hash, jb__table_sql(plan->scope, model, table));
    if (!ask(plan, "select sql from sqlite_schema where type = 'table' and lower(name) = lower(?)", table, keep_text, &sql))
        return false;
    if (!sql.data)
        return table_new(plan, model) && indexes_compare(plan, model);
    size_t first = plan->steps.count;
    jb__definitions_read(sql, old);
    if (!columns_compare(plan, model, old) || !indexes_compare(plan, model) || !columns_drop(plan, model, old))
        return false;
    if (!plan->apply && !is_ours(plan, table, sql))
        jb__say_taken(plan->scope, &plan->notices, table, jb__steps_wanted(&plan->steps, first));
    return true;
}

/* ---- a whole file -------------------------------------------------------------------------------------------------------------------------------------- */

static bool note(struct plan *plan)
{
    struct jb__steps done = { plan->steps.at + plan->first, plan->steps.count - plan->first, 0 };
    sqlite3_stmt *statement;

    if (!jb__sqlite_exec(plan->scope, plan->handle, "CREATE TABLE IF NOT EXISTS jb_migrations (id INTEGER PRIMARY KEY, at TIMESTAMP NOT NULL, hash TEXT NOT NULL, steps TEXT NOT NULL)"))
        return false;
    int code = sqlite3_prepare_v2(plan->handle, "insert into jb_migrations (at, hash, steps) values (?, ?, ?)", -1, &statement, NULL);
    if (code == SQLITE_OK) {
        jb__bind(statement, 1, jb_v_time(jb_now()));
        jb__bind(statement, 2, jb_v_text(jb_format(plan->scope, "%016llx", (unsigned long long)plan->hash)));
        jb__bind(statement, 3, jb_v_text(jb__steps_text(plan->scope, &done, plan->apply)));
        code = sqlite3_step(statement);
    }
    sqlite3_finalize(statement);
    return code == SQLITE_DONE || jb__sqlite_fail(plan->scope, plan->handle, code, "jb_migrations");
}

static bool refuse_orphan(struct plan *plan, sqlite3_stmt *statement, void *arg)
{
    (void)arg;
    return jb__fail_orphan(plan->scope, text_at(plan, statement, 0), text_at(plan, statement, 1));
}

struct tables {
    struct jb_str names[256];
    size_t count;
};

/* A table that was made here and that no model of this file names. */
static bool table_seen(struct plan *plan, sqlite3_stmt *statement, void *arg)
{
    struct tables *tables = arg;
    struct jb_str name = text_at(plan, statement, 0), sql = text_at(plan, statement, 1);
    const struct jb_model *model = jb__model_of_table(plan->db, name);

    if ((model && model->live == plan->live) || tables->count == JB_COUNT(tables->names))
        return true;
    if (is_ours(plan, name, sql))
        tables->names[tables->count++] = name;
    return true;
}

static bool tables_drop(struct plan *plan)
{
    struct tables *tables = JB_NEW(plan->scope, struct tables);

    if (!ask(plan, "select name, sql from sqlite_schema where type = 'table' order by name", JB_STR_NULL, table_seen, tables))
        return false;
    for (size_t i = 0; i < tables->count; i++) {
        struct jb_str reason = jb__unknown_reason(plan->scope, JB__UNKNOWN_TABLE, tables->names[i]), quoted = jb__quoted(plan->scope, jb_cstr(plan->scope, tables->names[i]));
        plan->rebuilt = true; /* who refers to it is looked for at the end */
        if (!step(plan, (struct jb_migration_step){ .reason = reason, .sql = jb_format(plan->scope, "DROP TABLE %.*s", JB_FMT(quoted)), .hold = JB_HOLD_MOMENT, .destructive = true }))
            return false;
    }
    return true;
}

static bool compare_all(struct plan *plan)
{
    for (const struct jb_model **model = plan->db->models; *model; model++)
        if ((*model)->live == plan->live && !(*model)->external && !model_compare(plan, *model))
            return false;
    return tables_drop(plan);
}

static void plan_here(void *arg)
{
    struct plan *plan = arg;
    if (!compare_all(plan))
        plan->handle = NULL;
}

static bool apply_in_tx(struct plan *plan)
{
    if (!compare_all(plan))
        return false;
    if (plan->rebuilt && !ask(plan, "pragma foreign_key_check", JB_STR_NULL, refuse_orphan, NULL))
        return false;
    return plan->applied == 0 || note(plan);
}

/* Rebuilding drops tables that others refer to, so references are checked at the end instead; that switch cannot be moved inside a transaction. legacy_alter_table: views and triggers that read a table are not asked about while
 * it is away for a moment. */
static bool apply_on_writer(struct jb__connection *writer, struct jb_scope *scope, void *arg)
{
    struct plan *plan = arg;

    plan->handle = writer->handle;
    if (!jb__sqlite_exec(scope, writer->handle, "pragma foreign_keys = off; pragma legacy_alter_table = on"))
        return false;
    bool ok = jb__write_begin(writer, scope);
    if (ok) {
        ok = apply_in_tx(plan);
        ok = jb__write_end(writer, scope, ok) && ok;
    }
    sqlite3_exec(writer->handle, "pragma foreign_keys = on; pragma legacy_alter_table = off", NULL, NULL, NULL);
    return ok;
}

static bool migrate_file(struct plan *plan)
{
    struct jb__file *file = &jb__sqlite_of(plan->db)->files[plan->live];

    if (plan->apply)
        return jb__write_call(file, plan->scope, NULL, false, apply_on_writer, plan);
    struct jb__connection *reader = jb__reader_take(file, plan->scope);
    if (!reader)
        return false;
    plan->handle = reader->handle;
    bool ok = jb__reader_thread_call(file->sqlite, plan->scope, plan_here, plan) && plan->handle;
    jb__reader_give(reader);
    return ok;
}

bool jb__sqlite_migrate(struct jb_db *db, struct jb_scope *scope, const struct jb_migrate_options *apply, struct jb_migration_step **ret_steps, size_t *ret_count)
{
    struct plan plan = { .scope = scope, .db = db, .apply = apply };

    for (int live = 0; live < 2; live++) {
        plan.live = live;
        plan.hash = JB_DIGEST_START;
        plan.rebuilt = false;
        plan.applied = 0;
        plan.first = plan.steps.count;
        if (!migrate_file(&plan))
            return false;
    }
    jb__steps_append(scope, &plan.notices, &plan.steps);
    *ret_steps = plan.notices.at;
    *ret_count = plan.notices.count;
    return true;
}
