/* migrate.c — tables that follow the models.
 *
 * What is there is read from the database itself, never from a record of what was done: the text of each column's definition is compared with the one the model wants. Missing
 * tables, columns and indexes are added; a definition that changed (a new choice, a longer text) rebuilds the table: new table, rows copied, renamed. All of a file happens in one
 * transaction, so two processes at once do it once, and a row that breaks a new rule leaves everything as it was. A column that no model names any more is reported and kept. Each
 * run that changed something is noted in jb_migrations with a hash of the whole schema. */
// SPDX-License-Identifier: Apache-2.0
#include "store/ddl.h"
#include "store/sqlite_private.h"
#include <stdlib.h>
#include <string.h>

#define STEPS_MAX 4000
#define COLUMNS_MAX 512

struct plan {
    struct jb_scope *scope;
    struct jb_db *db;
    sqlite3 *handle;
    bool live, apply;
    struct jb_migration_step *steps;
    size_t count;
    uint64_t hash; /* of all DDL that the models want */
    bool rebuilt;
    size_t applied;
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

struct definitions {
    size_t count;
    struct {
        struct jb_str name, sql;
    } at[COLUMNS_MAX];
};

/* Past a quoted word or text. */
static size_t past_quotes(struct jb_str sql, size_t at)
{
    char quote = sql.data[at];
    size_t end = jb_str_find_char(sql, quote, at + 1);
    return end == SIZE_MAX ? sql.size : end + 1; /* a doubled quote begins the next one */
}

/* "name" or name, at the beginning of a definition. */
static struct jb_str defined_name(struct jb_str definition)
{
    if (definition.size > 0 && strchr("\"`[", definition.data[0]))
        return jb_str_slice(definition, 1, jb_str_find_char(definition, definition.data[0] == '[' ? ']' : definition.data[0], 1));
    return jb_str_slice(definition, 0, jb_str_find_char(definition, ' ', 0));
}

static void definition_add(struct definitions *definitions, struct jb_str sql)
{
    sql = jb_str_trim(sql);
    if (sql.size == 0 || definitions->count == COLUMNS_MAX)
        return;
    definitions->at[definitions->count].name = defined_name(sql);
    definitions->at[definitions->count++].sql = sql;
}

/* The column definitions of a CREATE TABLE statement, split at the commas between them. */
static void definitions_read(struct jb_str sql, struct definitions *definitions)
{
    size_t start = jb_str_find_char(sql, '(', 0) + 1, at = start;
    int depth = 1;

    definitions->count = 0;
    while (start != 0 && at < sql.size && depth > 0) {
        char c = sql.data[at];
        if (c == '"' || c == '\'' || c == '`') {
            at = past_quotes(sql, at);
            continue;
        }
        depth += (c == '(') - (c == ')');
        if (depth == 0 || (depth == 1 && c == ',')) {
            definition_add(definitions, jb_str_slice(sql, start, at));
            start = at + 1;
        }
        at++;
    }
}

static size_t find_definition(const struct definitions *definitions, struct jb_str name)
{
    for (size_t i = 0; i < definitions->count; i++)
        if (jb_str_equal_nocase(definitions->at[i].name, name))
            return i;
    return SIZE_MAX;
}

/* ---- steps ------------------------------------------------------------------------------------------------------------------------------- */

/* Notes a step and, when applying, does it at once, so that what follows sees it. */
static bool step(struct plan *plan, bool destructive, struct jb_str reason, struct jb_str sql)
{
    JB_CHECK(plan->count < STEPS_MAX);
    plan->steps[plan->count++] = (struct jb_migration_step){ sql, reason, destructive };
    if (!plan->apply || destructive)
        return true;
    plan->applied++;
    return jb__sqlite_exec(plan->scope, plan->handle, sql.data) || jb_wrap(plan->scope, "%.*s", JB_FMT(reason));
}

static void hash_add(struct plan *plan, struct jb_str text)
{
    for (size_t i = 0; i < text.size; i++)
        plan->hash = (plan->hash ^ (unsigned char)text.data[i]) * 0x100000001b3u; /* FNV-1a */
}

/* "table.column" for reasons. */
static struct jb_str dotted(struct plan *plan, struct jb_str table, struct jb_str column)
{
    return jb_format(plan->scope, "%.*s.%.*s", JB_FMT(table), JB_FMT(column));
}

static bool table_new(struct plan *plan, const struct jb_model *model)
{
    struct jb_str table = jb_model_table(model);
    struct jb_str reason = jb_format(plan->scope, JB_L(plan->scope, "새 표 %.*s", "new table %.*s"), JB_FMT(table));
    return step(plan, false, reason, jb__table_sql(plan->scope, model, table));
}

/* SQLite adds a column in place when old rows need nothing from it. */
static bool addable(const struct jb_model *model, const struct jb_field *field)
{
    return jb__field_nullable(model, field) || ((field->default_text || !field->required) && !field->references);
}

static bool column_new(struct plan *plan, const struct jb_model *model, const struct jb_field *field)
{
    struct jb_str table = jb_model_table(model), column = jb__column_sql(plan->scope, model, field), name = dotted(plan, table, jb_str_of(field->name));
    struct jb_str reason = jb_format(plan->scope, JB_L(plan->scope, "새 열 %.*s", "new column %.*s"), JB_FMT(name));
    return step(plan, false, reason, jb_format(plan->scope, "ALTER TABLE \"%.*s\" ADD COLUMN %.*s", JB_FMT(table), JB_FMT(column)));
}

/* ---- rebuilding a table ---------------------------------------------------------------------------------------------------------------------- */

/* Old columns as the new table wants them: NULLs of a column that may hold none any more become its default. */
static void put_copied(struct plan *plan, struct jb_buf *into, struct jb_buf *from, const struct jb_model *model, const struct definitions *old)
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

static struct jb_str new_table_sql(struct plan *plan, const struct jb_model *model, const struct definitions *old, struct jb_str name)
{
    struct jb_str sql = jb__table_sql(plan->scope, model, name);

    for (size_t i = 0; i < old->count; i++)
        if (!jb_record_field(&model->record, old->at[i].name))
            sql = jb_format(plan->scope, "%.*s,\n  %.*s\n)", JB_FMT(jb_str_slice(sql, 0, sql.size - 2)), JB_FMT(kept_definition(old->at[i].sql)));
    return sql;
}

static bool keep_index(struct plan *plan, sqlite3_stmt *statement, void *arg)
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
static bool can_be_filled(struct plan *plan, const struct jb_model *model, const struct definitions *old)
{
    struct jb_str table = jb_model_table(model);

    for (const struct jb_field *field = model->record.fields; field->type != JB_END; field++) {
        bool rows = false;
        if (!jb__field_is_stored(field) || find_definition(old, jb_str_of(field->name)) != SIZE_MAX || jb__field_nullable(model, field) || field->default_text || !field->required)
            continue;
        if (!ask(plan, jb_cstr(plan->scope, jb_format(plan->scope, "select 1 from \"%.*s\" limit 1", JB_FMT(table))), JB_STR_NULL, note_row, &rows))
            return false;
        if (rows)
            return jb_fail(plan->scope, JB_INVALID,
                JB_L(plan->scope, "표 %.*s에 행이 있어 새 열 %s에 무엇을 적을지 알 수 없습니다. 모델에서 .default_text를 적거나 .required를 빼세요.",
                    "Table %.*s has rows, and nothing says what its new column %s should hold there. Give the field a .default_text, or take .required away."),
                JB_FMT(table), field->name);
    }
    return true;
}

static bool table_rebuild(struct plan *plan, const struct jb_model *model, const struct definitions *old, struct jb_str changed)
{
    struct jb_str table = jb_model_table(model), fresh = jb_format(plan->scope, "%.*s_new", JB_FMT(table));
    struct jb_buf sql = JB_BUF_INIT(JB__SQL_BYTES_MAX), into = JB_BUF_INIT(JB__SQL_BYTES_MAX), from = JB_BUF_INIT(JB__SQL_BYTES_MAX);

    if (plan->apply && !can_be_filled(plan, model, old))
        return false;
    put_copied(plan, &into, &from, model, old);
    jb_buf_put(&sql, new_table_sql(plan, model, old, fresh));
    jb_buf_printf(&sql, ";\nINSERT INTO \"%.*s\" (%.*s)\n  SELECT %.*s FROM \"%.*s\"", JB_FMT(fresh), JB_FMT(jb_buf_str(&into)), JB_FMT(jb_buf_str(&from)), JB_FMT(table));
    jb_buf_printf(&sql, ";\nDROP TABLE \"%.*s\";\nALTER TABLE \"%.*s\" RENAME TO \"%.*s\"", JB_FMT(table), JB_FMT(fresh), JB_FMT(table));
    bool ok = ask(plan, "select sql from sqlite_schema where type = 'index' and lower(tbl_name) = lower(?) and sql is not null", table, keep_index, &sql);
    struct jb_str reason = jb_format(plan->scope, JB_L(plan->scope, "표 %.*s 고쳐 짓기 (%.*s)", "table %.*s rebuilt (%.*s)"), JB_FMT(table), JB_FMT(changed));
    plan->rebuilt = true;
    ok = ok && step(plan, false, reason, jb_copy(plan->scope, jb_buf_str(&sql)));
    jb_buf_done(&sql);
    jb_buf_done(&into);
    jb_buf_done(&from);
    return ok;
}

/* ---- comparing one table ------------------------------------------------------------------------------------------------------------------------- */

/* The first definition that is not as the model wants it, a new column that needs a new table, or one that no new row could fill; NULL text: none. */
static struct jb_str changed_column(struct plan *plan, const struct jb_model *model, const struct definitions *old)
{
    for (const struct jb_field *field = model->record.fields; field->type != JB_END; field++) {
        if (!jb__field_is_stored(field))
            continue;
        size_t at = find_definition(old, jb_str_of(field->name));
        if (at == SIZE_MAX ? !addable(model, field) : !jb_str_equal(old->at[at].sql, jb__column_sql(plan->scope, model, field)))
            return jb_str_of(field->name);
    }
    for (size_t i = 0; i < old->count; i++)
        if (!jb_record_field(&model->record, old->at[i].name) && kept_definition(old->at[i].sql).size != old->at[i].sql.size)
            return old->at[i].name;
    return JB_STR_NULL;
}

static bool columns_compare(struct plan *plan, const struct jb_model *model, const struct definitions *old)
{
    struct jb_str changed = changed_column(plan, model, old), table = jb_model_table(model);

    if (changed.data && !table_rebuild(plan, model, old, changed))
        return false;
    for (const struct jb_field *field = model->record.fields; !changed.data && field->type != JB_END; field++)
        if (jb__field_is_stored(field) && find_definition(old, jb_str_of(field->name)) == SIZE_MAX && !column_new(plan, model, field))
            return false;
    for (size_t i = 0; i < old->count; i++) {
        if (jb_record_field(&model->record, old->at[i].name))
            continue;
        struct jb_str name = dotted(plan, table, old->at[i].name);
        struct jb_str reason = jb_format(plan->scope, JB_L(plan->scope, "모델에 없는 열 %.*s (지우지 않음)", "column %.*s is in no model (kept)"), JB_FMT(name));
        if (!step(plan, true, reason, jb_format(plan->scope, "ALTER TABLE \"%.*s\" DROP COLUMN \"%.*s\"", JB_FMT(table), JB_FMT(old->at[i].name))))
            return false;
    }
    return true;
}

/* ---- indexes -------------------------------------------------------------------------------------------------------------------------------------- */

struct index_search {
    const struct jb__indexes *wanted;
    struct jb_str table;
    struct jb_str stale[64];
    bool there[64];
    size_t stale_count;
};

/* Ours by name: TABLE_…_idx or TABLE_…_key, or one that is wanted in another form. Others belong to somebody else and are left alone. */
static bool index_seen(struct plan *plan, sqlite3_stmt *statement, void *arg)
{
    struct index_search *search = arg;
    struct jb_str name = text_at(plan, statement, 0), sql = text_at(plan, statement, 1);

    bool named = false;
    for (size_t i = 0; i < search->wanted->count; i++) {
        if (!jb_str_equal(search->wanted->at[i].name, name))
            continue;
        search->there[i] = jb_str_equal(search->wanted->at[i].sql, sql);
        if (search->there[i])
            return true;
        named = true;
    }
    bool ours = named || (jb_str_starts(name, search->table) && (jb_str_ends(name, JB_STR("_idx")) || jb_str_ends(name, JB_STR("_key"))));
    if (ours && search->stale_count < JB_COUNT(search->stale))
        search->stale[search->stale_count++] = name;
    return true;
}

static bool indexes_compare(struct plan *plan, const struct jb_model *model)
{
    struct jb__indexes *wanted = JB_NEW(plan->scope, struct jb__indexes);
    struct index_search *search = JB_NEW(plan->scope, struct index_search);

    search->table = jb_model_table(model);
    search->wanted = wanted;
    jb__indexes_of(plan->scope, model, search->table, wanted);
    if (!ask(plan, "select name, sql from sqlite_schema where type = 'index' and lower(tbl_name) = lower(?) and sql is not null order by name", search->table, index_seen, search))
        return false;
    for (size_t i = 0; i < search->stale_count; i++) {
        struct jb_str reason = jb_format(plan->scope, JB_L(plan->scope, "안 쓰는 색인 %.*s 지우기", "index %.*s is not wanted any more"), JB_FMT(search->stale[i]));
        if (!step(plan, false, reason, jb_format(plan->scope, "DROP INDEX \"%.*s\"", JB_FMT(search->stale[i]))))
            return false;
    }
    for (size_t i = 0; i < wanted->count; i++) {
        hash_add(plan, wanted->at[i].sql);
        struct jb_str reason = jb_format(plan->scope, JB_L(plan->scope, "새 색인 %.*s", "new index %.*s"), JB_FMT(wanted->at[i].name));
        if (!search->there[i] && !step(plan, false, reason, wanted->at[i].sql))
            return false;
    }
    return true;
}

static bool model_compare(struct plan *plan, const struct jb_model *model)
{
    struct jb_str table = jb_model_table(model), sql = JB_STR_NULL;
    struct definitions *old = JB_NEW(plan->scope, struct definitions);

    hash_add(plan, jb__table_sql(plan->scope, model, table));
    if (!ask(plan, "select sql from sqlite_schema where type = 'table' and lower(name) = lower(?)", table, keep_text, &sql))
        return false;
    if (!sql.data)
        return table_new(plan, model) && indexes_compare(plan, model);
    definitions_read(sql, old);
    return columns_compare(plan, model, old) && indexes_compare(plan, model);
}

/* ---- a whole file -------------------------------------------------------------------------------------------------------------------------------------- */

static bool note(struct plan *plan)
{
    struct jb_buf steps = JB_BUF_INIT(JB__SQL_BYTES_MAX);
    sqlite3_stmt *statement;

    if (!jb__sqlite_exec(plan->scope, plan->handle, "CREATE TABLE IF NOT EXISTS jb_migrations (id INTEGER PRIMARY KEY, at TIMESTAMP NOT NULL, hash TEXT NOT NULL, steps TEXT NOT NULL)"))
        return false;
    for (size_t i = 0; i < plan->count; i++)
        if (!plan->steps[i].destructive)
            jb_buf_printf(&steps, "%.*s\n", JB_FMT(plan->steps[i].reason));
    int code = sqlite3_prepare_v2(plan->handle, "insert into jb_migrations (at, hash, steps) values (?, ?, ?)", -1, &statement, NULL);
    if (code == SQLITE_OK) {
        jb__bind(statement, 1, jb_v_time(jb_now()));
        jb__bind(statement, 2, jb_v_text(jb_format(plan->scope, "%016llx", (unsigned long long)plan->hash)));
        jb__bind(statement, 3, jb_v_text(jb_buf_str(&steps)));
        code = sqlite3_step(statement);
    }
    sqlite3_finalize(statement);
    jb_buf_done(&steps);
    return code == SQLITE_DONE || jb__sqlite_fail(plan->scope, plan->handle, code, "jb_migrations");
}

static bool refuse_orphan(struct plan *plan, sqlite3_stmt *statement, void *arg)
{
    (void)arg;
    return jb_fail(plan->scope, JB_CONFLICT, JB_L(plan->scope, "표 %s의 %lld번 행이 없는 행을 가리킵니다. 고친 뒤에 다시 하세요.", "Table %s, row %lld refers to a row that is not there. Correct it and migrate again."), (const char *)sqlite3_column_text(statement, 0), (long long)sqlite3_column_int64(statement, 1));
}

static bool compare_all(struct plan *plan)
{
    for (const struct jb_model **model = plan->db->models; *model; model++)
        if ((*model)->live == plan->live && !model_compare(plan, *model))
            return false;
    return true;
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

/* Rebuilding drops tables that others refer to, so references are checked at the end instead; that switch cannot be moved inside a transaction. */
static bool apply_on_writer(struct jb__connection *writer, struct jb_scope *scope, void *arg)
{
    struct plan *plan = arg;

    plan->handle = writer->handle;
    if (!jb__sqlite_exec(scope, writer->handle, "pragma foreign_keys = off"))
        return false;
    bool ok = jb__write_begin(writer, scope);
    if (ok) {
        ok = apply_in_tx(plan);
        ok = jb__write_end(writer, scope, ok) && ok;
    }
    sqlite3_exec(writer->handle, "pragma foreign_keys = on", NULL, NULL, NULL);
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

bool jb__sqlite_migrate(struct jb_db *db, struct jb_scope *scope, bool apply, struct jb_migration_step **ret_steps, size_t *ret_count)
{
    struct plan plan = { .scope = scope, .db = db, .apply = apply, .steps = JB_NEW_ARRAY(scope, struct jb_migration_step, STEPS_MAX) };

    for (int live = 0; live < 2; live++) {
        plan.live = live;
        plan.hash = 0xcbf29ce484222325u;
        plan.rebuilt = false;
        plan.applied = 0;
        if (!migrate_file(&plan))
            return false;
    }
    *ret_steps = plan.steps;
    *ret_count = plan.count;
    return true;
}
