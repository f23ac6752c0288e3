/* sqlite_pool.c — which connection and which thread a statement gets.
 *
 * Short reads run right here, on the loop thread: handing them to another thread costs more than they do (decisions.md C). What may be long goes to a reader thread: no
 * stated limit or one over 1,000 rows, a plan with an operation that cannot be interrupted, or everything when DB_READS=threads. Inside a transaction everything
 * runs on the writer's connection, so that it sees its own changes. A read takes a connection, is finished and reset, and gives it back; only a cursor keeps
 * one, because its rows must be of one moment. */
// SPDX-License-Identifier: Apache-2.0
#include "store/sqlite_private.h"
#include <stdlib.h>
#include <string.h>

#define INLINE_ROWS_MAX 1000
#define PAGE_BYTES_MAX ((size_t)1 << 20) /* a cursor's page ends with the row that passes this */

/* ---- connections ------------------------------------------------------------------------------------------------------------ */

static struct jb__connection *reader_open(struct jb__file *file, struct jb_scope *scope)
{
    struct jb__connection *connection = jb__connection_open(file, scope, false);

    if (!connection)
        return NULL;
    pthread_mutex_lock(&file->mutex);
    connection->next_opened = file->opened;
    file->opened = connection;
    pthread_mutex_unlock(&file->mutex);
    return connection;
}

struct jb__connection *jb__reader_take(struct jb__file *file, struct jb_scope *scope)
{
    if (!jb__gate_take(&file->readers, scope))
        return NULL;
    pthread_mutex_lock(&file->mutex);
    struct jb__connection *connection = file->idle;
    if (connection)
        file->idle = connection->next;
    pthread_mutex_unlock(&file->mutex);
    if (!connection)
        connection = reader_open(file, scope);
    if (!connection) {
        jb__gate_leave(&file->readers);
        return NULL;
    }
    connection->scope = scope;
    return connection;
}

void jb__reader_give(struct jb__connection *connection)
{
    struct jb__file *file = connection->file;

    connection->scope = NULL;
    pthread_mutex_lock(&file->mutex);
    connection->next = file->idle;
    file->idle = connection;
    pthread_mutex_unlock(&file->mutex);
    jb__gate_leave(&file->readers);
}

/* ---- reader threads ------------------------------------------------------------------------------------------------------------ */

static int reader_pick(struct jb__sqlite *sqlite)
{
    int picked = -1;

    pthread_mutex_lock(&sqlite->mutex);
    for (int i = 0; picked < 0; i++) {
        JB_CHECK(i < sqlite->db->reader_threads); /* the gate lets in as many as there are threads */
        if (!sqlite->reader_busy[i])
            picked = i;
    }
    sqlite->reader_busy[picked] = true;
    pthread_mutex_unlock(&sqlite->mutex);
    return picked;
}

bool jb__reader_thread_call(struct jb__sqlite *sqlite, struct jb_scope *scope, void (*run)(void *arg), void *arg)
{
    if (!jb_on_fiber()) {
        run(arg);
        return true;
    }
    if (!jb__gate_take(&sqlite->reader_gate, scope))
        return false;
    int picked = reader_pick(sqlite);
    jb__wait_allow(true);
    jb_thread_call(sqlite->readers[picked], run, arg);
    jb__wait_allow(false);
    pthread_mutex_lock(&sqlite->mutex);
    sqlite->reader_busy[picked] = false;
    pthread_mutex_unlock(&sqlite->mutex);
    jb__gate_leave(&sqlite->reader_gate);
    return true;
}

/* ---- one statement ---------------------------------------------------------------------------------------------------------------- */

struct reading {
    struct jb__connection *connection;
    struct jb_scope *scope;
    struct jb__prepared *prepared;
    struct jb__statement *what;
    bool ok;
};

static void read_now(void *arg)
{
    struct reading *reading = arg;
    reading->ok = jb__execute_prepared(reading->connection, reading->scope, reading->prepared, reading->what);
}

static void tell_of_stall(struct jb__connection *connection, const struct jb__statement *what)
{
    const struct jb_db *db = connection->file->sqlite->db;
    int64_t held_us;

    if (db->stalled && jb_on_fiber() && (held_us = jb__hold_longest_us(connection)) >= db->stall_us)
        db->stalled(what->sql, held_us, db->stalled_arg);
}

static bool read_on(struct jb__connection *connection, struct jb_scope *scope, struct jb__statement *what, struct jb__prepared *prepared)
{
    struct reading reading = { connection, scope, prepared, what, false };
    struct jb__sqlite *sqlite = connection->file->sqlite;
    bool here = !prepared->heavy && what->row_limit > 0 && what->row_limit <= INLINE_ROWS_MAX && !sqlite->db->reads_on_threads;

    if (here) {
        read_now(&reading);
        tell_of_stall(connection, what);
        return reading.ok;
    }
    return jb__reader_thread_call(sqlite, scope, read_now, &reading) && reading.ok;
}

static bool write_one(struct jb__connection *writer, struct jb_scope *scope, void *arg)
{
    return jb__execute(writer, scope, arg);
}

/* Only a statement that begins so can be a read; WITH may also write, which its preparation shows. */
static bool looks_like_read(struct jb_str sql)
{
    static const char *const words[] = { "select", "with", "values", "explain", "pragma" };
    struct jb_str trimmed = jb_str_trim(sql);

    for (size_t i = 0; i < JB_COUNT(words); i++)
        if (jb_str_equal_nocase(jb_str_slice(trimmed, 0, strlen(words[i])), jb_str_of(words[i])))
            return true;
    return false;
}

static bool read_one(struct jb__file *file, struct jb_scope *scope, struct jb__statement *what)
{
    struct jb__connection *connection = jb__reader_take(file, scope);
    if (!connection)
        return false;
    jb__hold_start(connection);
    struct jb__prepared *prepared = jb__prepare(connection, scope, what->sql);
    bool ok = prepared != NULL;
    if (prepared) {
        what->write = !sqlite3_stmt_readonly(prepared->statement);
        ok = what->write || read_on(connection, scope, what, prepared);
        jb__release(connection, prepared);
    }
    jb__reader_give(connection);
    return ok;
}

bool jb__sqlite_run(struct jb_db *db, struct jb_scope *scope, struct jb_tx *tx, struct jb__statement *what)
{
    struct jb__file *file = &jb__sqlite_of(db)->files[what->live];

    if (!what->write && !looks_like_read(what->sql))
        what->write = true;
    if (!tx && !what->write) {
        if (!read_one(file, scope, what))
            return false;
        if (!what->write)
            return true;
    }
    return jb__write_call(file, scope, tx, true, write_one, what);
}

/* ---- cursors --------------------------------------------------------------------------------------------------------------------------- */

struct jb__pages {
    struct jb__file *file;
    struct jb_tx *tx;
    struct jb__connection *connection; /* a reader of our own, or the writer inside a transaction */
    struct jb__prepared *prepared;
    struct jb__statement what;
    struct jb__columns columns;
    struct jb_scope *owner, *scope; /* who opened it; whose page is being read */
    int tx_serial;
    bool admitted, bound, ended, ok;
};

static bool fill_page(struct jb__pages *pages)
{
    sqlite3_stmt *statement = pages->prepared->statement;
    struct jb__sink *sink = pages->what.sink;

    if (!pages->bound) {
        if (!jb__bind_all(pages->connection, pages->scope, statement, pages->what.args, pages->what.arg_count) || !jb__columns_find(pages->scope, statement, &pages->what, &pages->columns))
            return false;
        pages->bound = true;
    }
    while (sink->count < sink->max && jb_arena_bytes(jb_scope_arena(sink->scope)) < PAGE_BYTES_MAX) {
        int code = sqlite3_step(statement);
        if (code == SQLITE_DONE) {
            pages->ended = true;
            return true;
        }
        if (code != SQLITE_ROW)
            return jb__statement_fail(pages->scope, pages->connection->handle, code, &pages->what);
        if (!jb__row_read(pages->scope, statement, &pages->columns, sink))
            return false;
    }
    return true;
}

static void fill_here(void *arg)
{
    struct jb__pages *pages = arg;
    pages->connection->scope = pages->scope;
    pages->ok = fill_page(pages);
}

static bool fill_in_tx(struct jb__connection *writer, struct jb_scope *scope, void *arg)
{
    struct jb__pages *pages = arg;

    pages->connection = writer;
    if (!pages->prepared)
        pages->prepared = jb__prepare(writer, scope, pages->what.sql);
    return pages->prepared && fill_page(pages);
}

static bool release_in_tx(struct jb__connection *writer, struct jb_scope *scope, void *arg)
{
    (void)scope;
    jb__release(writer, arg);
    return true;
}

struct jb__pages *jb__sqlite_pages_open(struct jb_db *db, struct jb_scope *scope, struct jb_tx *tx, const struct jb__statement *statement)
{
    struct jb__pages *pages = calloc(1, sizeof *pages);

    JB_CHECK(pages);
    *pages = (struct jb__pages){ .file = &jb__sqlite_of(db)->files[statement->live], .tx = tx, .what = *statement, .owner = scope };
    pages->tx_serial = atomic_load(&pages->file->tx_serial);
    if (tx)
        return pages;
    pages->admitted = jb__gate_take(&pages->file->cursors, scope);
    pages->connection = pages->admitted ? jb__reader_take(pages->file, scope) : NULL;
    pages->prepared = pages->connection ? jb__prepare(pages->connection, scope, statement->sql) : NULL;
    if (pages->prepared)
        return pages;
    jb__sqlite_pages_close(pages);
    return NULL;
}

bool jb__sqlite_pages_next(struct jb__pages *pages, struct jb_scope *scope, bool *ret_end)
{
    bool ok;

    pages->scope = scope;
    JB_CHECK(!pages->tx || pages->tx_serial == atomic_load(&pages->file->tx_serial)); /* a cursor ends with the transaction it was opened in */
    if (pages->tx)
        ok = jb__write_call(pages->file, scope, pages->tx, false, fill_in_tx, pages);
    else
        ok = jb__reader_thread_call(pages->file->sqlite, scope, fill_here, pages) && pages->ok;
    if (ok)
        *ret_end = pages->ended;
    return ok;
}

void jb__sqlite_pages_close(struct jb__pages *pages)
{
    if (!pages)
        return;
    bool in_tx = pages->tx && pages->tx_serial == atomic_load(&pages->file->tx_serial);
    if (in_tx && pages->prepared)
        jb__write_call(pages->file, pages->owner, pages->tx, false, release_in_tx, pages->prepared);
    if (!pages->tx && pages->prepared)
        jb__release(pages->connection, pages->prepared);
    if (!pages->tx && pages->connection)
        jb__reader_give(pages->connection);
    if (pages->admitted)
        jb__gate_leave(&pages->file->cursors);
    free(pages);
}

/* ---- did anybody commit to the live file? ------------------------------------------------------------------------------------------------ */

/* The number is a connection's own view, so one connection, which never writes, answers for the process. */
bool jb__sqlite_live_version(struct jb_db *db, struct jb_scope *scope, int64_t *ret_version)
{
    struct jb__file *file = &jb__sqlite_of(db)->files[true];
    int64_t version = 0;

    if (!jb__gate_take(&file->versions, scope))
        return false;
    if (!file->version)
        file->version = jb__connection_open(file, scope, false);
    if (file->version)
        file->version->scope = scope;
    struct jb__prepared *prepared = file->version ? jb__prepare(file->version, scope, JB_STR("pragma data_version")) : NULL;
    if (prepared) {
        int code = sqlite3_step(prepared->statement);
        if (code == SQLITE_ROW)
            version = sqlite3_column_int64(prepared->statement, 0);
        else
            jb__sqlite_fail(scope, file->version->handle, code, "data_version");
        jb__release(file->version, prepared);
    }
    if (file->version)
        file->version->scope = NULL;
    jb__gate_leave(&file->versions);
    if (version == 0)
        return false;
    *ret_version = version;
    return true;
}
