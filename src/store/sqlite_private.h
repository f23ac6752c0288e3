/* sqlite_private.h — what the files of the SQLite driver share.
 *
 * sqlite.c opens connections and runs one statement on one of them; sqlite_pool.c decides which connection and thread; sqlite_write.c has the writer, its turn
 * among processes and its checkpoints; sqlite_fail.c finds the words; migrate.c follows the models. A connection is used by one thread at a time. */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_STORE_SQLITE_PRIVATE_H
#define JB_STORE_SQLITE_PRIVATE_H

#include "base/map.h"
#include "store/store_private.h"
#include <sqlite3.h>

#define JB__READERS_MAX 32 /* open read connections per file */
#define JB__CURSORS_MAX 16 /* of them for cursors, which keep theirs while somebody downloads slowly, or read other rows meanwhile */
#define JB__READER_THREADS_MAX 16

struct jb__prepared {
    struct jb_list link; /* most recently used first */
    struct jb_str sql;
    sqlite3_stmt *statement;
    bool heavy; /* has an operation that cannot be interrupted: runs on a reader thread */
    bool in_use;
    bool loose; /* the cached one was running (a cursor inside a transaction): a copy for one use */
};

/* Tables whose rows the open transaction changed. */
struct jb__touched {
    char **names;
    size_t count, last;
};

struct jb__connection {
    sqlite3 *handle;
    struct jb__file *file;
    struct jb__connection *next;        /* idle ones */
    struct jb__connection *next_opened; /* all readers of the file */
    struct jb_map by_sql;
    struct jb_list recent;
    size_t statement_count;
    struct jb_scope *scope;                     /* whose work it does: deadline and cancellation; NULL: may not be interrupted */
    struct jb__touched touched;                 /* the main file's writer */
    int64_t held_since_us;                      /* on a loop thread: since when no other fiber could run … */
    int64_t held_us;                            /* … and the longest of these times, since jb__hold_start */
    void (*on_steps)(void *arg, int64_t steps); /* for whoever watches one long statement; NULL: nobody */
    void *steps_arg;
};

struct jb__file {
    char *path;
    bool live;
    struct jb__sqlite *sqlite;
    struct jb__gate readers; /* permits for read connections */
    struct jb__gate cursors; /* … that are kept */
    pthread_mutex_t mutex;   /* of the two lists */
    struct jb__connection *idle, *opened;
    struct jb__gate writers; /* the turn inside this process */
    struct jb_thread *thread;
    struct jb__connection *writer;  /* used on `thread` only */
    _Atomic int tx_serial;          /* counts ended transactions: a cursor of an ended one has nothing left to release */
    _Atomic int wal_pages;          /* after the last commit */
    struct jb__gate versions;       /* the turn to use … */
    struct jb__connection *version; /* … for PRAGMA data_version */
};

struct jb__sqlite {
    struct jb_db *db;
    struct jb__file files[2];    /* main, live */
    int turn_fd;                 /* the lock file: byte 0 main, byte 1 live */
    struct jb__gate reader_gate; /* permits for reader threads */
    pthread_mutex_t mutex;       /* of reader_busy */
    struct jb_thread *readers[JB__READER_THREADS_MAX];
    bool reader_busy[JB__READER_THREADS_MAX];
    pthread_t checkpointer;
    pthread_mutex_t checkpoint_mutex;
    pthread_cond_t checkpoint_wanted;
    bool checkpointer_runs, stop;
    int checkpoint_pages, log_pages_max; /* the log's length at which the checkpointer works beside a busy writer; at which a commit does it */
};

static inline struct jb__sqlite *jb__sqlite_of(struct jb_db *db)
{
    return db->driver_state;
}

/* ---- sqlite.c: one connection --------------------------------------------------------------------------------------- */

/* On failure NULL, with the path and the reason. */
struct jb__connection *jb__connection_open(struct jb__file *file, struct jb_scope *scope, bool writer);
void jb__connection_close(struct jb__connection *connection);
/* From the cache or prepared now; in use until jb__release. */
struct jb__prepared *jb__prepare(struct jb__connection *connection, struct jb_scope *scope, struct jb_str sql);
void jb__release(struct jb__connection *connection, struct jb__prepared *prepared);
bool jb__bind(sqlite3_stmt *statement, int index, struct jb_value value);
/* A text without a NUL and in UTF-8, or no text: SQLite takes any bytes, PostgreSQL would not. */
bool jb__is_text(struct jb_value value);
bool jb__bind_all(struct jb__connection *connection, struct jb_scope *scope, sqlite3_stmt *statement, const struct jb_value *args, size_t count);
/* columns[i]: the field for result column i; in order or by name. */
struct jb__columns {
    int count;
    uint16_t field[256];
};
bool jb__columns_find(struct jb_scope *scope, sqlite3_stmt *statement, const struct jb__statement *what, struct jb__columns *ret_columns);
bool jb__row_read(struct jb_scope *scope, sqlite3_stmt *statement, const struct jb__columns *columns, struct jb__sink *sink);
/* How long a statement holds the loop's thread: its waits and yields begin a new time. */
void jb__hold_start(struct jb__connection *connection);
int64_t jb__hold_longest_us(struct jb__connection *connection);
/* Prepares, binds, steps to the end and resets. */
bool jb__execute(struct jb__connection *connection, struct jb_scope *scope, struct jb__statement *what);
bool jb__execute_prepared(struct jb__connection *connection, struct jb_scope *scope, struct jb__prepared *prepared, struct jb__statement *what);

/* ---- generation.c ------------------------------------------------------------------------------------------------------- */

bool jb__generation_open(struct jb__connection *writer, struct jb_scope *scope);
/* Within the transaction, as its last statement. */
bool jb__generation_write(struct jb__connection *writer, struct jb_scope *scope);
void jb__touched_add(struct jb__touched *touched, const char *table);
void jb__touched_clear(struct jb__touched *touched);
/* On the writer thread, inside a transaction: rows of that table change in a way that the hook does not see. */
void jb__generation_touch(struct jb_db *db, const char *table);

/* ---- sqlite_fail.c ---------------------------------------------------------------------------------------------------- */

/* As jb__sqlite_fail, with the statement for its model, row and text; may be NULL. */
bool jb__statement_fail(struct jb_scope *scope, sqlite3 *handle, int code, const struct jb__statement *what);

/* ---- sqlite_pool.c: reads ---------------------------------------------------------------------------------------------- */

struct jb__connection *jb__reader_take(struct jb__file *file, struct jb_scope *scope);
void jb__reader_give(struct jb__connection *connection);
/* Runs on a reader thread, in turn; on a plain thread right here. */
bool jb__reader_thread_call(struct jb__sqlite *sqlite, struct jb_scope *scope, void (*run)(void *arg), void *arg);
bool jb__sqlite_run(struct jb_db *db, struct jb_scope *scope, struct jb_tx *tx, struct jb__statement *statement);
struct jb__pages *jb__sqlite_pages_open(struct jb_db *db, struct jb_scope *scope, struct jb_tx *tx, const struct jb__statement *statement);
bool jb__sqlite_pages_next(struct jb__pages *pages, struct jb_scope *scope, bool *ret_end);
void jb__sqlite_pages_close(struct jb__pages *pages);
bool jb__sqlite_live_version(struct jb_db *db, struct jb_scope *scope, int64_t *ret_version);

/* ---- sqlite_write.c: the writer ------------------------------------------------------------------------------------------ */

typedef bool jb__write(struct jb__connection *writer, struct jb_scope *scope, void *arg);

/* On the writer thread: inside the open transaction (tx), or in a turn of its own; `own_tx` brackets it with BEGIN IMMEDIATE and COMMIT. */
bool jb__write_call(struct jb__file *file, struct jb_scope *scope, struct jb_tx *tx, bool own_tx, jb__write *run, void *arg);
/* For opening: the first switch to WAL fails when two processes do it at once. */
bool jb__turn_take(struct jb__file *file, struct jb_scope *scope);
void jb__turn_leave(struct jb__file *file);
bool jb__write_begin(struct jb__connection *writer, struct jb_scope *scope);
bool jb__write_end(struct jb__connection *writer, struct jb_scope *scope, bool commit);
bool jb__sqlite_tx_begin(struct jb_db *db, struct jb_scope *scope, bool live, int depth, void **handle);
bool jb__sqlite_tx_commit(struct jb_db *db, struct jb_scope *scope, bool live, int depth, void *handle);
void jb__sqlite_tx_rollback(struct jb_db *db, bool live, int depth, void *handle);
bool jb__sqlite_batch(struct jb_db *db, struct jb_scope *scope, struct jb_tx *tx, struct jb__batch *batch);
/* SQLite's hook after each commit: notes how long the log is, and checkpoints when nobody else got it short. */
int jb__on_commit(void *connection, sqlite3 *handle, const char *name, int wal_pages);
bool jb__checkpointer_start(struct jb__sqlite *sqlite);
void jb__checkpointer_stop(struct jb__sqlite *sqlite);

/* ---- sqlite_migrate.c ------------------------------------------------------------------------------------------------------------- */

bool jb__sqlite_migrate(struct jb_db *db, struct jb_scope *scope, const struct jb_migrate_options *apply, struct jb_migration_step **ret_steps, size_t *ret_count);

#endif
