/* sqlite.c — one connection of SQLite: opened with its settings, with a cache of prepared statements, running one statement at a time.
 *
 * Storage (docs/decisions: SQLite as default): BOOL 0/1; INT; TEXT in UTF-8; DECIMAL as an integer of minor units; DATE, MONTH and TIME as text that sorts and that SQLite's
 * own functions read: `2026-11-21`, `2026-11`, `2026-11-21 09:30:15.000000` in UTC. Every 2,000 steps of its machine SQLite asks whether to go on: the
 * deadline or a cancellation stops it, and on a loop thread other fibers run in between. */
// SPDX-License-Identifier: Apache-2.0
#include "store/sqlite_private.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PROGRESS_STEPS 2000
#define BUSY_LOOK_US 1000
#define STATEMENTS_MAX 200
#define TIME_TEXT_BYTES 26 /* 2026-11-21 09:30:15.000000 */
#define VALUE_BYTES_MAX (64 << 20)

/* ---- what SQLite asks while it works ------------------------------------------------------------------------------------ */

static bool may_go_on(const struct jb__connection *connection)
{
    const struct jb_scope *scope = connection->scope;

    if (!scope)
        return true;
    if (jb_cancelled(scope))
        return false;
    int64_t deadline_us = jb_deadline_us(scope);
    return deadline_us == JB_NEVER || jb_monotonic_us() < deadline_us;
}

void jb__hold_start(struct jb__connection *connection)
{
    connection->held_us = 0;
    connection->held_since_us = jb_monotonic_us();
}

int64_t jb__hold_longest_us(struct jb__connection *connection)
{
    return connection->held_us = JB_MAX(connection->held_us, jb_monotonic_us() - connection->held_since_us);
}

/* Others run on this loop for that long, at least once; false when the scope ended meanwhile. */
static bool let_others_run(struct jb__connection *connection, int64_t us)
{
    jb__hold_longest_us(connection);
    jb__wait_allow(true);
    bool ok = true;
    if (us > 0)
        ok = jb_sleep(connection->scope, us);
    else
        jb_yield();
    jb__wait_allow(false);
    connection->held_since_us = jb_monotonic_us();
    return ok;
}

static int on_progress(void *arg)
{
    struct jb__connection *connection = arg;

    if (!may_go_on(connection))
        return 1;
    if (connection->on_steps)
        connection->on_steps(connection->steps_arg, PROGRESS_STEPS);
    if (jb_on_fiber())
        let_others_run(connection, 0);
    return 0;
}

/* Another process holds the lock: look again after 0.2 to 2 ms, until the scope ends. On a loop thread this may be any use of a connection, its opening and a prepare among them. */
static int on_busy(void *arg, int count)
{
    struct jb__connection *connection = arg;

    if (!may_go_on(connection))
        return 0;
    if (jb_on_fiber())
        return let_others_run(connection, BUSY_LOOK_US);
    struct timespec pause = { 0, JB_MIN(count + 1, 10) * 200000L };
    nanosleep(&pause, NULL);
    return 1;
}

/* ---- opening ------------------------------------------------------------------------------------------------------------- */

static bool set_up(struct jb__connection *connection, struct jb_scope *scope, bool writer)
{
    struct jb_db *db = connection->file->sqlite->db;
    sqlite3 *handle = connection->handle;
    char settings[400];

    sqlite3_extended_result_codes(handle, 1);
    sqlite3_busy_handler(handle, on_busy, connection);
    sqlite3_progress_handler(handle, PROGRESS_STEPS, on_progress, connection);
    sqlite3_limit(handle, SQLITE_LIMIT_LENGTH, VALUE_BYTES_MAX);
    sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(handle, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    sqlite3_db_config(handle, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
    if (!writer)
        return jb__sqlite_exec(scope, handle, "pragma query_only = on; pragma cache_size = -4096");
    snprintf(settings, sizeof settings,
        "pragma journal_mode = wal; pragma synchronous = %s; pragma foreign_keys = on; pragma secure_delete = off;"
        "pragma cache_size = -%lld; pragma journal_size_limit = 67108864",
        connection->file->live ? "normal" : "full", (long long)(db->cache_bytes / 1024));
    if (!jb__sqlite_exec(scope, handle, settings))
        return false;
    sqlite3_wal_hook(handle, jb__on_commit, connection);
    return connection->file->live || jb__generation_open(connection, scope);
}

struct jb__connection *jb__connection_open(struct jb__file *file, struct jb_scope *scope, bool writer)
{
    struct jb__connection *connection = calloc(1, sizeof *connection);
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | (writer ? SQLITE_OPEN_CREATE | SQLITE_OPEN_URI : 0); /* URI: staging files are attached read-only */

    JB_CHECK(connection);
    connection->file = file;
    connection->scope = scope;
    jb_map_init(&connection->by_sql);
    jb_list_init(&connection->recent);
    int code = sqlite3_open_v2(file->path, &connection->handle, flags, NULL);
    bool ok = code == SQLITE_OK ? set_up(connection, scope, writer) : jb__sqlite_fail(scope, connection->handle, code, NULL);
    if (!ok) {
        jb_wrap(scope, JB_L(scope, "데이터베이스 파일 %s을(를) 열지 못했습니다", "cannot open the database file %s"), file->path);
        jb__connection_close(connection);
        return NULL;
    }
    connection->scope = NULL;
    return connection;
}

/* ---- prepared statements ---------------------------------------------------------------------------------------------------- */

static void forget(struct jb__connection *connection, struct jb__prepared *prepared)
{
    if (!prepared->loose)
        jb_map_remove(&connection->by_sql, prepared->sql);
    jb_list_remove(&prepared->link);
    connection->statement_count--;
    sqlite3_finalize(prepared->statement);
    free(prepared);
}

void jb__connection_close(struct jb__connection *connection)
{
    if (!connection)
        return;
    while (!jb_list_empty(&connection->recent))
        forget(connection, JB_CONTAINER(connection->recent.next, struct jb__prepared, link));
    jb_map_done(&connection->by_sql);
    jb__touched_clear(&connection->touched);
    int code = sqlite3_close(connection->handle);
    JB_CHECK(code == SQLITE_OK);
    free(connection);
}

/* The oldest that is not running; all may be, then the cache grows for a while. */
static void make_room(struct jb__connection *connection)
{
    if (connection->statement_count < STATEMENTS_MAX)
        return;
    for (struct jb_list *link = connection->recent.previous; link != &connection->recent; link = link->previous) {
        struct jb__prepared *oldest = JB_CONTAINER(link, struct jb__prepared, link);
        if (!oldest->in_use) {
            forget(connection, oldest);
            return;
        }
    }
}

/* Asks EXPLAIN for an operation that the progress handler cannot interrupt: a sort, a virtual table, counting a whole table. */
static bool is_heavy(struct jb__connection *connection, struct jb_scope *scope, struct jb_str sql)
{
    static const char *const heavy[] = { "SorterOpen", "VOpen", "Count", "IntegrityCk" };
    struct jb_str explain = jb_format(scope, "explain %.*s", JB_FMT(sql));
    sqlite3_stmt *statement;
    bool found = false;

    if (sqlite3_prepare_v2(connection->handle, explain.data, (int)explain.size, &statement, NULL) != SQLITE_OK)
        return true;
    while (!found && sqlite3_step(statement) == SQLITE_ROW) {
        const char *operation = (const char *)sqlite3_column_text(statement, 1);
        for (size_t i = 0; operation && i < JB_COUNT(heavy); i++)
            found |= strcmp(operation, heavy[i]) == 0;
    }
    sqlite3_finalize(statement);
    return found;
}

struct jb__prepared *jb__prepare(struct jb__connection *connection, struct jb_scope *scope, struct jb_str sql)
{
    struct jb__prepared *prepared = jb_map_get(&connection->by_sql, sql);
    const char *rest;

    bool loose = prepared != NULL;
    if (prepared && !prepared->in_use) {
        jb_list_remove(&prepared->link);
        jb_list_prepend(&connection->recent, &prepared->link);
        prepared->in_use = true;
        return prepared;
    }
    make_room(connection);
    prepared = calloc(1, sizeof *prepared + sql.size + 1);
    JB_CHECK(prepared);
    char *copy = (char *)(prepared + 1);
    memcpy(copy, sql.data, sql.size);
    prepared->sql = (struct jb_str){ copy, sql.size };
    int code = sqlite3_prepare_v3(connection->handle, copy, (int)sql.size + 1, SQLITE_PREPARE_PERSISTENT, &prepared->statement, &rest);
    if (code == SQLITE_OK && prepared->statement && !rest[strspn(rest, " \n\t;")]) {
        prepared->heavy = sqlite3_stmt_readonly(prepared->statement) && is_heavy(connection, scope, sql);
        prepared->in_use = true;
        jb_list_init(&prepared->link);
        jb_list_prepend(&connection->recent, &prepared->link);
        prepared->loose = loose;
        if (!loose)
            jb_map_put(&connection->by_sql, prepared->sql, prepared);
        connection->statement_count++;
        return prepared;
    }
    if (code == SQLITE_OK)
        jb_fail(scope, JB_BROKEN, "one SQL statement at a time: %s", copy);
    else
        jb__statement_fail(scope, connection->handle, code, &(struct jb__statement){ .sql = prepared->sql });
    sqlite3_finalize(prepared->statement);
    free(prepared);
    return NULL;
}

void jb__release(struct jb__connection *connection, struct jb__prepared *prepared)
{
    sqlite3_reset(prepared->statement);
    sqlite3_clear_bindings(prepared->statement);
    prepared->in_use = false;
    if (prepared->loose)
        forget(connection, prepared);
}

/* ---- values in ------------------------------------------------------------------------------------------------------------------ */

static void put_digits(char *out, int number, int digits)
{
    for (int i = digits - 1; i >= 0; i--, number /= 10)
        out[i] = (char)('0' + number % 10);
}

static void time_text(struct jb_time time, char out[TIME_TEXT_BYTES])
{
    struct jb_civil civil = jb_time_civil(time);

    memcpy(out, "0000-00-00 00:00:00.000000", TIME_TEXT_BYTES);
    put_digits(out, civil.year, 4);
    put_digits(out + 5, civil.month, 2);
    put_digits(out + 8, civil.day, 2);
    put_digits(out + 11, civil.hour, 2);
    put_digits(out + 14, civil.minute, 2);
    put_digits(out + 17, civil.second, 2);
    put_digits(out + 20, civil.microsecond, 6);
}

static int bind_text(sqlite3_stmt *statement, int index, struct jb_str text)
{
    return sqlite3_bind_text64(statement, index, text.data, text.size, SQLITE_TRANSIENT, SQLITE_UTF8);
}

bool jb__bind(sqlite3_stmt *statement, int index, struct jb_value value)
{
    char date[JB_DATE_TEXT_SIZE], time[TIME_TEXT_BYTES], decimal[JB_DECIMAL_TEXT_SIZE];

    switch (value.type) {
    case JB_NULL:
        return sqlite3_bind_null(statement, index) == SQLITE_OK;
    case JB_BOOL:
        return sqlite3_bind_int(statement, index, value.truth) == SQLITE_OK;
    case JB_INT32:
    case JB_INT64:
        return sqlite3_bind_int64(statement, index, value.number) == SQLITE_OK;
    case JB_DECIMAL:
        if (value.as_number) /* the column's affinity makes a number of it */
            return bind_text(statement, index, jb_decimal_text(value.decimal, decimal)) == SQLITE_OK;
        return sqlite3_bind_int64(statement, index, value.decimal.units) == SQLITE_OK;
    case JB_TEXT: /* the caller's text outlives the statement's run */
        return sqlite3_bind_text64(statement, index, value.text.data, value.text.size, SQLITE_STATIC, SQLITE_UTF8) == SQLITE_OK;
    case JB_DATE:
        return bind_text(statement, index, jb_date_text((struct jb_date){ (int32_t)value.number }, date)) == SQLITE_OK;
    case JB_MONTH:
        return bind_text(statement, index, jb_month_text((struct jb_month){ (int32_t)value.number }, date)) == SQLITE_OK;
    case JB_TIME:
        time_text((struct jb_time){ value.number }, time);
        return bind_text(statement, index, (struct jb_str){ time, sizeof time }) == SQLITE_OK;
    default:
        return false;
    }
}

bool jb__is_text(struct jb_value value)
{
    return value.type != JB_TEXT || !value.text.data || (jb_utf8_valid(value.text) && jb_str_find_char(value.text, '\0', 0) == SIZE_MAX);
}

bool jb__bind_all(struct jb__connection *connection, struct jb_scope *scope, sqlite3_stmt *statement, const struct jb_value *args, size_t count)
{
    JB_CHECK((size_t)sqlite3_bind_parameter_count(statement) == count); /* as many ? as arguments */
    for (size_t i = 0; i < count; i++)
        if (!jb__bind(statement, (int)i + 1, args[i]))
            return jb__sqlite_fail(scope, connection->handle, sqlite3_errcode(connection->handle), "binding");
    return true;
}

/* ---- values out ------------------------------------------------------------------------------------------------------------------ */

static bool get_digits(const char *text, int digits, int *number)
{
    for (*number = 0; digits > 0; digits--, text++) {
        if (*text < '0' || *text > '9')
            return false;
        *number = *number * 10 + (*text - '0');
    }
    return true;
}

/* Our own form directly, any other that SQLite's functions give by the general reader; both in UTC. */
static bool time_of_text(struct jb_str text, struct jb_value *value)
{
    struct jb_civil civil;
    struct jb_time time;
    const char *at = text.data;
    bool ours = text.size == TIME_TEXT_BYTES && at[4] == '-' && at[7] == '-' && at[10] == ' ' && at[13] == ':' && at[16] == ':' && at[19] == '.' &&
                get_digits(at, 4, &civil.year) && get_digits(at + 5, 2, &civil.month) && get_digits(at + 8, 2, &civil.day) &&
                get_digits(at + 11, 2, &civil.hour) && get_digits(at + 14, 2, &civil.minute) && get_digits(at + 17, 2, &civil.second) && get_digits(at + 20, 6, &civil.microsecond);

    if (ours ? !jb_time_of(&civil, &time) : !jb_time_parse(text, NULL, &time))
        return false;
    *value = jb_v_time(time);
    return true;
}

static bool date_of_text(struct jb_str text, struct jb_value *value)
{
    struct jb_date date;

    if (!jb_date_parse(text, &date))
        return false;
    *value = jb_v_date(date);
    return true;
}

static bool month_of_text(struct jb_str text, struct jb_value *value)
{
    struct jb_month month;

    if (!jb_month_parse(text, &month))
        return false;
    *value = jb_v_month(month);
    return true;
}

static struct jb_str column_text(sqlite3_stmt *statement, int column)
{
    const char *data = (const char *)sqlite3_column_text(statement, column);
    return (struct jb_str){ data, (size_t)sqlite3_column_bytes(statement, column) };
}

/* A number as it is, with as many decimals as the field has: the nearest one, as the programs that keep amounts in floating point read it themselves. */
static bool decimal_of_number(sqlite3_stmt *statement, int column, int type, int scale, struct jb_value *value)
{
    double real = sqlite3_column_double(statement, column);
    struct jb_decimal number;

    if (type == SQLITE_INTEGER) {
        if (!jb_decimal_rescale((struct jb_decimal){ sqlite3_column_int64(statement, column), 0 }, scale, &number))
            return false;
        *value = jb_v_decimal(number);
        return true;
    }
    for (int i = 0; i < scale; i++)
        real *= 10;
    if (type != SQLITE_FLOAT || !(real > -1e18 && real < 1e18))
        return false;
    *value = jb_v_decimal((struct jb_decimal){ (int64_t)(real < 0 ? real - 0.5 : real + 0.5), scale });
    return true;
}

/* Minor units. A REAL is an average or a product of them: its nearest one. */
static bool decimal_of_column(sqlite3_stmt *statement, int column, int type, int scale, struct jb_value *value)
{
    const int64_t limit = 1000000000000000000;
    int64_t units = sqlite3_column_int64(statement, column); /* of a REAL cut, and at most the largest */

    if ((type != SQLITE_INTEGER && type != SQLITE_FLOAT) || units <= -limit || units >= limit)
        return false;
    if (type == SQLITE_FLOAT) {
        double real = sqlite3_column_double(statement, column);
        units = (int64_t)(real < 0 ? real - 0.5 : real + 0.5);
    }
    *value = jb_v_decimal((struct jb_decimal){ units, scale });
    return true;
}

/* What SQLite holds as what the member wants; false when it is something else. */
static bool value_of(sqlite3_stmt *statement, int column, const struct jb_field *field, struct jb_scope *scope, struct jb_value *value)
{
    int type = sqlite3_column_type(statement, column);

    *value = jb_v_null();
    if (type == SQLITE_NULL)
        return true;
    switch (field->type) {
    case JB_BOOL:
    case JB_INT32:
    case JB_INT64:
        *value = jb_v_int(sqlite3_column_int64(statement, column));
        return type == SQLITE_INTEGER;
    case JB_DECIMAL:
        return (field->as_number ? decimal_of_number : decimal_of_column)(statement, column, type, field->decimals, value);
    case JB_TEXT:
        *value = jb_v_text(jb_copy(scope, column_text(statement, column)));
        return type != SQLITE_BLOB;
    case JB_DATE:
        return date_of_text(column_text(statement, column), value);
    case JB_MONTH:
        return month_of_text(column_text(statement, column), value);
    case JB_TIME:
        return time_of_text(column_text(statement, column), value);
    default:
        return false;
    }
}

bool jb__columns_find(struct jb_scope *scope, sqlite3_stmt *statement, const struct jb__statement *what, struct jb__columns *ret_columns)
{
    struct jb__columns columns = { .count = sqlite3_column_count(statement) };
    size_t next = 0;

    JB_CHECK(columns.count <= (int)JB_COUNT(columns.field));
    for (int i = 0; i < columns.count; i++)
        if (!jb__column_find(scope, what, jb_str_of(sqlite3_column_name(statement, i)), &next, &columns.field[i]))
            return false;
    *ret_columns = columns;
    return true;
}

bool jb__row_read(struct jb_scope *scope, sqlite3_stmt *statement, const struct jb__columns *columns, struct jb__sink *sink)
{
    void *row = jb__row_add(sink);

    for (int i = 0; i < columns->count; i++) {
        const struct jb_field *field = &sink->record->fields[columns->field[i]];
        struct jb_value value;
        if (!value_of(statement, i, field, sink->scope, &value) || !jb__member_set(sink, row, columns->field[i], value))
            return jb__fail_member(scope, sink, field, column_text(statement, i));
    }
    return true;
}

/* ---- running ---------------------------------------------------------------------------------------------------------------------- */

static bool step_all(struct jb__connection *connection, struct jb_scope *scope, sqlite3_stmt *statement, struct jb__statement *what)
{
    struct jb__columns columns;
    int code;

    if (what->sink && !jb__columns_find(scope, statement, what, &columns))
        return false;
    while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
        if (!what->sink)
            continue;
        if (what->sink->count == what->sink->max) {
            if (!what->write)
                return true;
            continue; /* a writing statement with RETURNING runs to its end */
        }
        if (!jb__sink_has_room(scope, what->sink) || !jb__row_read(scope, statement, &columns, what->sink))
            return false;
    }
    if (code != SQLITE_DONE)
        return jb__statement_fail(scope, connection->handle, code, what);
    return true;
}

bool jb__execute_prepared(struct jb__connection *connection, struct jb_scope *scope, struct jb__prepared *prepared, struct jb__statement *what)
{
    sqlite3_stmt *statement = prepared->statement;
    int64_t before = sqlite3_total_changes64(connection->handle);

    bool ok = jb__bind_all(connection, scope, statement, what->args, what->arg_count) && step_all(connection, scope, statement, what);
    if (ok && what->write) {
        bool changed = sqlite3_total_changes64(connection->handle) != before;
        what->changes = changed ? sqlite3_changes64(connection->handle) : 0;
        what->id = sqlite3_last_insert_rowid(connection->handle);
    }
    return ok;
}

bool jb__execute(struct jb__connection *connection, struct jb_scope *scope, struct jb__statement *what)
{
    struct jb__prepared *prepared = jb__prepare(connection, scope, what->sql);

    if (!prepared)
        return false;
    bool ok = jb__execute_prepared(connection, scope, prepared, what);
    jb__release(connection, prepared);
    return ok;
}
