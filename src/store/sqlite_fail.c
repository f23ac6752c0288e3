/* sqlite_fail.c — what SQLite answered, as a sentence for people.
 *
 * A broken rule of a table names its column: SQLite's message gives the columns of a unique index, our own names of CHECK constraints (ddl.c) begin
 * with theirs; broken_rule.c has the words. Which reference was missing SQLite does not say, so we look. Everything else is a kind: busy, full, damaged, or our mistake. */
// SPDX-License-Identifier: Apache-2.0
#include "store/broken_rule.h"
#include "store/sqlite_private.h"
#include <errno.h>
#include <string.h>

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
    return field ? jb__broken_reference(scope, what->model, field, JB_STR_NULL, what) : jb__broken_delete(scope, referring_model(scope, handle, what));
}

/* ---- every code -------------------------------------------------------------------------------------------------------------------- */

static struct jb_str after(struct jb_str message, const char *prefix)
{
    struct jb_str start = jb_str_of(prefix);
    return jb_str_starts(message, start) ? jb_str_slice(message, start.size, message.size) : message;
}

static bool fail_words(struct jb_scope *scope, struct jb_str message)
{
    return jb_fail(scope, JB_INVALID, JB_L(scope, "표의 규칙에 맞지 않습니다: %.*s", "A rule of the table is broken: %.*s"), JB_FMT(message));
}

static bool fail_constraint(struct jb_scope *scope, sqlite3 *handle, int code, struct jb_str message, const struct jb__statement *what)
{
    size_t words = jb_str_find(message, JB_STR(" constraint failed: "), 0);

    if (what && what->ret_rule && words != SIZE_MAX)
        *what->ret_rule = jb_str_slice(message, words + strlen(" constraint failed: "), message.size);
    switch (code) {
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_ROWID:
        return jb__broken_unique(scope, after(message, "UNIQUE constraint failed: "), JB_STR_NULL, what);
    case SQLITE_CONSTRAINT_NOTNULL:
        return jb__broken_null(scope, after(message, "NOT NULL constraint failed: "));
    case SQLITE_CONSTRAINT_CHECK:
        return jb__broken_check(scope, after(message, "CHECK constraint failed: "), what);
    case SQLITE_CONSTRAINT_FOREIGNKEY:
        return fail_reference(scope, handle, what);
    case SQLITE_CONSTRAINT_TRIGGER: /* ON DELETE RESTRICT, or a trigger's own words */
        if (jb_str_is(message, "FOREIGN KEY constraint failed"))
            return fail_reference(scope, handle, what);
        return fail_words(scope, message);
    default:
        return fail_words(scope, message);
    }
}

/* SQLite notes the system's number for these two kinds only, and keeps it. */
static bool fail_file(struct jb_scope *scope, sqlite3 *handle, int kind, struct jb_str message)
{
    int number = handle && (kind == SQLITE_IOERR || kind == SQLITE_CANTOPEN) ? sqlite3_system_errno(handle) : 0;

    if (number == ENOSPC || number == EDQUOT)
        return jb__fail_disk_full(scope);
    return jb_fail(scope, JB_UNAVAILABLE, JB_L(scope, "데이터베이스 파일을 쓸 수 없습니다: %.*s. 디스크와, 파일과 폴더의 권한을 살펴본 뒤 다시 하세요.", "The database file cannot be used: %.*s. Check the disk, and the permissions of the file and its folder; then try again."), JB_FMT(message));
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
        return jb__fail_busy(scope);
    case SQLITE_FULL:
        return jb__fail_disk_full(scope);
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
        return fail_file(scope, handle, code & 0xff, message);
    case SQLITE_AUTH:
    case SQLITE_NOMEM:
    case SQLITE_NOLFS:
        return jb_fail(scope, JB_UNAVAILABLE, JB_L(scope, "데이터베이스 파일을 쓸 수 없습니다: %.*s.", "The database file cannot be used: %.*s."), JB_FMT(message));
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return jb_fail(scope, JB_BROKEN, JB_L(scope, "데이터베이스 파일이 손상되었습니다: %.*s. 백업에서 되살리세요.", "The database file is damaged: %.*s. Restore it from a backup."), JB_FMT(message));
    case SQLITE_TOOBIG:
        return jb__fail_too_big(scope);
    default:
        if (jb_str_is(message, "integer overflow"))
            return jb__fail_total(scope);
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
