/* sqlite_fail.c — what SQLite answered, as a sentence for people.
 *
 * A broken rule of a table names its column: SQLite's message gives the columns of a unique index, our own names of CHECK constraints (migrate.c) begin
 * with theirs. Which reference was missing SQLite does not say, so we look. Everything else is a kind: busy, full, damaged, or our mistake. */
// SPDX-License-Identifier: Apache-2.0
#include "store/sqlite_private.h"
#include <stdlib.h>
#include <string.h>

/* The sentence is for the field; the failure's kind is that of the broken rule. */
static bool fail_field(struct jb_scope *scope, enum jb_error error, const struct jb_field *field, struct jb_str sentence)
{
    struct jb_str label = jb_field_label(scope, field, jb_language(scope));

    if (error == JB_INVALID)
        return jb_fail_field(scope, jb_str_of(field->name), "%.*s", JB_FMT(sentence));
    return jb_fail(scope, error, JB_L(scope, "‘%.*s’: %.*s", "%.*s: %.*s"), JB_FMT(label), JB_FMT(sentence));
}

static struct jb_str shown(struct jb_scope *scope, const struct jb_model *model, const void *row, const struct jb_field *field)
{
    if (!row || field->secret)
        return JB_STR_NULL;
    struct jb_str text = jb_value_text(scope, jb_record_get(&model->record, row, field));
    return jb_utf8_first(text, 60);
}

/* "products.code, products.name": the table, and its last column that is a field of the model. */
static const struct jb_field *named_field(struct jb_db *db, struct jb_str columns, const struct jb_model **ret_model, int *ret_count)
{
    const struct jb_field *found = NULL;

    *ret_count = 0;
    while (columns.data) {
        struct jb_str column = jb_str_trim(jb_str_cut(&columns, ',')), table = jb_str_cut(&column, '.');
        const struct jb_model *model = jb__model_of_table(db, table);
        if (!model || !column.data)
            continue;
        *ret_model = model;
        const struct jb_field *field = jb_record_field(&model->record, column);
        if (field) {
            (*ret_count)++;
            found = field;
        }
    }
    return found;
}

static bool fail_unique(struct jb_scope *scope, struct jb_str columns, const struct jb__statement *what)
{
    const struct jb_model *model = NULL;
    int count;
    const struct jb_field *field = named_field(jb_db_of(scope), columns, &model, &count);

    if (!field)
        return jb_fail(scope, JB_CONFLICT, JB_L(scope, "같은 값이 이미 있습니다 (%.*s).", "Such a value exists already (%.*s)."), JB_FMT(columns));
    struct jb_str value = count == 1 && what && what->model == model ? shown(scope, model, what->row, field) : JB_STR_NULL;
    if (count > 1)
        return fail_field(scope, JB_CONFLICT, field, jb_str_of(JB_L(scope, "같은 조합의 행이 이미 있습니다. 다른 값을 쓰세요.", "a row with this combination exists already. Use another value.")));
    if (!value.data)
        return fail_field(scope, JB_CONFLICT, field, jb_str_of(JB_L(scope, "같은 값이 이미 있습니다. 다른 값을 쓰세요.", "this value exists already. Use another one.")));
    return fail_field(scope, JB_CONFLICT, field,
        jb_format(scope, JB_L(scope, "“%.*s” 값이 이미 있습니다. 다른 값을 쓰세요.", "\"%.*s\" exists already. Use another value."), JB_FMT(value)));
}

static bool fail_null(struct jb_scope *scope, struct jb_str column)
{
    const struct jb_model *model = NULL;
    int count;
    const struct jb_field *field = named_field(jb_db_of(scope), column, &model, &count);

    if (!field)
        return jb_fail(scope, JB_INVALID, JB_L(scope, "값이 있어야 하는 열이 비어 있습니다 (%.*s).", "A required column is empty (%.*s)."), JB_FMT(column));
    return fail_field(scope, JB_INVALID, field, jb_str_of(JB_L(scope, "비어 있습니다. 값을 적으세요.", "is empty. Enter a value.")));
}

/* Our constraints are named "table.column rule". */
static bool fail_check(struct jb_scope *scope, struct jb_str name, const struct jb__statement *what)
{
    const struct jb_model *model = NULL;
    int count;
    struct jb_str column = jb_str_slice(name, 0, jb_str_find_char(name, ' ', 0));
    const struct jb_field *field = named_field(jb_db_of(scope), column, &model, &count);

    if (!field)
        return jb_fail(scope, JB_INVALID, JB_L(scope, "표의 규칙에 맞지 않는 값입니다 (%.*s).", "A value breaks a rule of the table (%.*s)."), JB_FMT(name));
    if (what && what->model == model && what->row) {
        struct jb_scope *child = jb_scope_child(scope, "check");
        bool fine = jb_field_check(child, field, jb_record_get(&model->record, what->row, field));
        struct jb_str reason = fine ? JB_STR_NULL : jb_copy(scope, jb_failure_text(child));
        jb_scope_end(child);
        if (!fine)
            return fail_field(scope, JB_INVALID, field, reason);
    }
    return fail_field(scope, JB_INVALID, field, jb_format(scope, JB_L(scope, "값이 규칙에 맞지 않습니다 (%.*s).", "the value breaks a rule (%.*s)."), JB_FMT(name)));
}

/* ---- references ----------------------------------------------------------------------------------------------------------------- */

/* One small question about an id, on the connection at hand; -1 when it cannot be asked. */
static int ask(sqlite3 *handle, const char *sql, int64_t id)
{
    sqlite3_stmt *statement;
    int answer = -1;

    if (sqlite3_prepare_v2(handle, sql, -1, &statement, NULL) != SQLITE_OK)
        return -1;
    sqlite3_bind_int64(statement, 1, id);
    if (sqlite3_step(statement) == SQLITE_ROW)
        answer = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    return answer;
}

static int exists(struct jb_scope *scope, sqlite3 *handle, const struct jb_model *model, const char *column, int64_t id)
{
    struct jb_buf sql = JB_BUF_INIT(1000);

    jb_buf_put_z(&sql, "select exists (select 1 from ");
    jb__put_name(&sql, jb_model_table(model));
    jb_buf_put_z(&sql, " where ");
    jb__put_name(&sql, jb_str_of(column));
    jb_buf_put_z(&sql, " = ?)");
    int answer = ask(handle, jb_cstr(scope, jb_buf_str(&sql)), id);
    jb_buf_done(&sql);
    return answer;
}

/* Which reference of the row has no row behind it. */
static const struct jb_field *missing_reference(struct jb_scope *scope, sqlite3 *handle, const struct jb__statement *what)
{
    if (!what || !what->model || !what->row)
        return NULL;
    for (const struct jb_field *field = what->model->record.fields; field->type != JB_END; field++) {
        if (!field->references)
            continue;
        struct jb_value value = jb__column_value(what->model, what->row, field);
        if (value.type != JB_NULL && exists(scope, handle, field->references, jb_model_primary(field->references)->name, value.number) == 0)
            return field;
    }
    return NULL;
}

/* Whose rows refer to the row that was to be deleted. */
static const struct jb_model *referring_model(struct jb_scope *scope, sqlite3 *handle, const struct jb__statement *what)
{
    if (!what || !what->model || what->row || what->arg_count != 1)
        return NULL;
    for (const struct jb_model *const *other = jb_db_models(scope); *other; other++)
        for (const struct jb_field *field = (*other)->record.fields; field->type != JB_END; field++)
            if (field->references == what->model && field->on_delete == JB_RESTRICT && exists(scope, handle, *other, field->name, what->args[0].number) == 1)
                return *other;
    return NULL;
}

static bool fail_reference(struct jb_scope *scope, sqlite3 *handle, const struct jb__statement *what)
{
    const struct jb_field *field = missing_reference(scope, handle, what);

    if (field) {
        struct jb_str value = shown(scope, what->model, what->row, field);
        return fail_field(scope, JB_INVALID, field,
            jb_format(scope, JB_L(scope, "가리키는 행이 없습니다 (%.*s). 있는 것을 고르세요.", "there is no such row (%.*s). Choose an existing one."), JB_FMT(value)));
    }
    const struct jb_model *other = referring_model(scope, handle, what);
    if (other) {
        struct jb_str label = jb_model_label(other, scope);
        return jb_fail(scope, JB_CONFLICT, JB_L(scope, "지우지 못했습니다. ‘%.*s’에 이것을 쓰는 행이 있습니다. 먼저 그 행을 지우거나 고치세요.", "Not deleted: rows of \"%.*s\" refer to it. Delete or change them first."), JB_FMT(label));
    }
    return jb_fail(scope, JB_CONFLICT, "%s", JB_L(scope, "다른 행이 가리키는 행을 지우거나, 없는 행을 가리킬 수 없습니다.", "A row that others refer to cannot go, and a reference needs its row."));
}

/* ---- every code -------------------------------------------------------------------------------------------------------------------- */

static struct jb_str after(struct jb_str message, const char *prefix)
{
    struct jb_str start = jb_str_of(prefix);
    return jb_str_starts(message, start) ? jb_str_slice(message, start.size, message.size) : message;
}

static bool fail_constraint(struct jb_scope *scope, sqlite3 *handle, int code, struct jb_str message, const struct jb__statement *what)
{
    switch (code) {
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_ROWID:
        return fail_unique(scope, after(message, "UNIQUE constraint failed: "), what);
    case SQLITE_CONSTRAINT_NOTNULL:
        return fail_null(scope, after(message, "NOT NULL constraint failed: "));
    case SQLITE_CONSTRAINT_CHECK:
        return fail_check(scope, after(message, "CHECK constraint failed: "), what);
    case SQLITE_CONSTRAINT_FOREIGNKEY:
    case SQLITE_CONSTRAINT_TRIGGER: /* ON DELETE RESTRICT */
        return fail_reference(scope, handle, what);
    default:
        return jb_fail(scope, JB_INVALID, JB_L(scope, "표의 규칙에 맞지 않습니다: %.*s", "A rule of the table is broken: %.*s"), JB_FMT(message));
    }
}

static bool fail_busy(struct jb_scope *scope)
{
    if (!jb_continue(scope))
        return jb_wrap(scope, "%s", JB_L(scope, "데이터베이스를 기다리다가 멈추었습니다", "while waiting for the database"));
    return jb_fail(scope, JB_TIMEOUT, "%s", JB_L(scope, "데이터베이스가 바쁩니다. 잠시 뒤에 다시 하세요.", "The database is busy. Try again in a moment."));
}

bool jb__statement_fail(struct jb_scope *scope, sqlite3 *handle, int code, const struct jb__statement *what)
{
    struct jb_str message = jb_copy(scope, jb_str_of(handle ? sqlite3_errmsg(handle) : sqlite3_errstr(code)));
    int extended = handle ? sqlite3_extended_errcode(handle) : code;
    struct jb_str sql = what ? what->sql : JB_STR_NULL;

    switch (code & 0xff) {
    case SQLITE_CONSTRAINT:
        return fail_constraint(scope, handle, extended, message, what);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL: /* too many at once at the log's locks */
    case SQLITE_INTERRUPT:
        return fail_busy(scope);
    case SQLITE_FULL:
        return jb_fail(scope, JB_UNAVAILABLE, "%s", JB_L(scope, "디스크가 가득 차서 저장하지 못했습니다. 자리를 비우고 다시 하세요.", "The disk is full; nothing was saved. Free some space and try again."));
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_NOMEM:
    case SQLITE_NOLFS:
        return jb_fail(scope, JB_UNAVAILABLE, JB_L(scope, "데이터베이스 파일을 쓸 수 없습니다: %.*s.", "The database file cannot be used: %.*s."), JB_FMT(message));
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return jb_fail(scope, JB_BROKEN, JB_L(scope, "데이터베이스 파일이 손상되었습니다: %.*s. 백업에서 되살리세요.", "The database file is damaged: %.*s. Restore it from a backup."), JB_FMT(message));
    case SQLITE_TOOBIG:
        return jb_fail(scope, JB_LIMIT, "%s", JB_L(scope, "값이 너무 큽니다. 나누어 저장하세요.", "The value is too big. Split it."));
    default:
        if (jb_str_is(message, "integer overflow"))
            return jb_fail(scope, JB_LIMIT, "%s", JB_L(scope, "합계가 너무 커서 셈할 수 없습니다. 범위를 줄이세요.", "The total is too big. Narrow the range."));
        return jb_fail(scope, JB_BROKEN, "SQLite: %.*s (%d) in: %.*s", JB_FMT(message), extended, JB_FMT(sql));
    }
}

bool jb__sqlite_fail(struct jb_scope *scope, sqlite3 *handle, int code, const char *doing)
{
    return jb__statement_fail(scope, handle, code, doing ? &(struct jb__statement){ .sql = jb_str_of(doing) } : NULL);
}

bool jb__sqlite_exec(struct jb_scope *scope, sqlite3 *handle, const char *sql)
{
    int code = sqlite3_exec(handle, sql, NULL, NULL, NULL);
    return code == SQLITE_OK || jb__sqlite_fail(scope, handle, code, sql);
}
