/* postgres_private.h — what the files of the PostgreSQL driver share.
 *
 *   postgres.c             the driver: opening, which server, transactions
 *   postgres_server.c      one server: its connections in two pools
 *   postgres_keeper.c      the threads that look after them: one listens and tidies, one asks replicas how far they are
 *   postgres_open.c        opening a connection, of several hosts to the right one
 *   postgres_connection.c  one connection: waiting, prepared statements, running one statement
 *   postgres_cancel.c      telling the server to give a statement up
 *   postgres_route.c       which server a read goes to
 *   postgres_looker.c      how far replicas are
 *   postgres_shared.c      one pipelined connection for the short reads of a loop's fibers
 *   postgres_bulk.c        many rows by COPY BINARY
 *   postgres_pages.c       statements that stay open (cursors)
 *   postgres_stream.c      all rows of a statement by COPY BINARY
 *   postgres_type.c        values, to binary
 *   postgres_row.c         rows, from binary
 *   postgres_numeric.c     numeric's binary form
 *   postgres_text.c        ? becomes $1
 *   postgres_fail.c        the server's errors as sentences
 *
 * A connection is used by one fiber (or plain thread) at a time and may be used on any loop. What must not block the loop (connecting with its name look-up and password hashing, PQcancel) runs on an
 * offload thread. Waiting inside a transaction is bracketed by jb__wait_allow. */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_STORE_POSTGRES_PRIVATE_H
#define JB_STORE_POSTGRES_PRIVATE_H

#include "base/map.h"
#include "store/store_private.h"
#include <libpq-fe.h>

#define JB__PG_SQL_MAX ((size_t)1 << 20)

/* Types of pg_type.dat that we read or write. */
enum {
    JB__PG_BOOL = 16,
    JB__PG_BYTEA = 17,
    JB__PG_NAME = 19,
    JB__PG_INT8 = 20,
    JB__PG_INT2 = 21,
    JB__PG_INT4 = 23,
    JB__PG_TEXT = 25,
    JB__PG_OID = 26,
    JB__PG_FLOAT4 = 700,
    JB__PG_FLOAT8 = 701,
    JB__PG_UNKNOWN = 705,
    JB__PG_INT8_ARRAY = 1016,
    JB__PG_BPCHAR = 1042,
    JB__PG_VARCHAR = 1043,
    JB__PG_DATE = 1082,
    JB__PG_TIMESTAMP = 1114,
    JB__PG_TIMESTAMPTZ = 1184,
    JB__PG_NUMERIC = 1700,
};

struct jb__pg;
struct jb__pg_server;

/* A statement that a connection has prepared. */
struct jb__pg_prepared {
    struct jb_list link; /* most recently used first */
    struct jb_str sql;   /* with ?; owned */
    char name[24];
    int param_count;
    Oid *params; /* owned */
    /* On a shared connection: */
    bool ready;                /* the server has answered */
    bool alone;                /* it failed before: gets a sync of its own */
    bool direct;               /* no plain read: not here */
    int64_t slow_us, pause_us; /* it took too long: not here before (monotonic); grows with each time in a row */
};

#define JB__PG_SHARED_MAX 16
struct jb__pg_shared;

/* Connections that are alike: those for work of one's own, and those for live statements. */
struct jb__pg_pool {
    struct jb__pg_server *server;
    bool live;                      /* synchronous_commit = off */
    struct jb__gate gate;           /* permits: connections at most */
    pthread_mutex_t mutex;          /* of the rest */
    struct jb__pg_connection *idle; /* used last first */
    int idle_count, open_count;
};

struct jb__pg_connection {
    struct jb__pg_connection *next; /* idle ones */
    PGconn *handle;
    struct jb__pg_server *server;
    struct jb__pg_pool *pool;   /* whose permit it holds; NULL: counted apart (keeper, shared) */
    int64_t opened_us, idle_us; /* monotonic */
    struct jb_map by_sql;
    struct jb_list recent;
    size_t statement_count;
    int serial;                 /* of the next statement's name */
    bool broken;                /* closed instead of given back */
    PGresult *late;             /* what the statement that was given up last had done by then; NULL: nothing */
    bool late_bad;              /* … and whether it was refused */
    bool looks;                 /* the looker's own */
    uint64_t floor;             /* of a replica: what it had replayed when the connection asked for it itself; 0: it has not */
    void (*on_look)(void *arg); /* while a plain thread waits, some hundred times a second; NULL: nobody asks */
    void *look_arg;
};

enum jb__pg_state {
    JB__PG_UNSEEN,
    JB__PG_WELL,
    JB__PG_AWAY,
    JB__PG_LAGGING,
    JB__PG_PROMOTED,
    JB__PG_FOREIGN,
};

/* One database server that we know under one URL. */
struct jb__pg_server {
    struct jb__pg *pg;
    char *name; /* for people: "primary", "replica 10.0.0.2:5432" */
    char *url;  /* for libpq */
    struct jb__pg_pool own, live;
    struct jb__pg_shared *shared[JB__PG_SHARED_MAX]; /* by loop; each is its loop's alone */
    int shared_max;                                  /* how many of them may be used */
    int pool_min;
    _Atomic int64_t connection_errors;
    /* The looker's: its own connection, when the server last had all that was written, and the position of the primary that it was last asked to reach. */
    struct jb__pg_connection *looker;
    int64_t fresh_us, target, target_us;
    int64_t retry_us, pause_us; /* it could not be asked: not again before; grows */
    enum jb__pg_state state;    /* as the log knows it */
    _Atomic uint64_t replayed;  /* replicas: LSN up to which it has replayed, as the looker saw it; 0: not usable now */
    _Atomic int64_t looked_us;  /* when the looker asked for that; stored after it */
    _Atomic bool away;          /* it did not answer */
    _Atomic int host;           /* of the URL's hosts: the one that was connected to last */
};

#define JB__PG_REPLICAS_MAX 16

struct jb__pg {
    struct jb_db *db;
    struct jb__pg_server primary, analytics, replicas[JB__PG_REPLICAS_MAX];
    int replica_count;
    struct jb__gate cursors; /* how many connections may be kept by cursors */
    bool has_analytics;
    int64_t age_max_us, lag_max_us;
    _Atomic unsigned turn; /* among replicas */
    int connect_timeout_s, shared_read_ms;
    enum jb_language language;    /* the log's */
    _Atomic int64_t live_version; /* counts notifications */
    char *database;               /* the primary's own name of it */
    _Atomic int64_t cancels;      /* statements that a server was told to give up */
    _Atomic int server_version;   /* 150018; of the primary */
    pthread_t keeper, looker;
    bool keeper_runs, looker_runs;
    int stop_pipe[2]; /* closed at its end: they stop */
};

static inline struct jb__pg *jb__pg_of(struct jb_db *db)
{
    return db->driver_state;
}

/* postgres.c: ends the connection's transaction, patiently: half a word would leave its fate unknown. When it is unknown all the same the sentence says so. */
bool jb__pg_commit(struct jb__pg_connection *connection, struct jb_scope *scope);
/* After a commit on this connection. */
void jb__pg_note_position(struct jb__pg_connection *connection, struct jb_scope *scope);

/* ---- postgres_open.c, postgres_connection.c ------------------------------------------------------------------------------------------- */

/* NULL fails UNAVAILABLE (or DENIED) with the server's name and its reason. Waits off the loop. */
struct jb__pg_connection *jb__pg_connect(struct jb__pg_server *server, struct jb_scope *scope, bool live);
void jb__pg_close(struct jb__pg_connection *connection); /* NULL is fine */
/* Prepares when needed, sends, waits, reads the rows. When the scope ends meanwhile the statement is cancelled on the server. `may_retry`: outside a transaction, so that a statement whose table
 * has changed may be prepared anew. */
bool jb__pg_run_on(struct jb__pg_connection *connection, struct jb_scope *scope, struct jb__statement *statement, bool may_retry);
/* The same for a text without parameters that is not worth preparing. */
bool jb__pg_run_once(struct jb__pg_connection *connection, struct jb_scope *scope, struct jb__statement *statement);
/* One or several commands without parameters or rows. */
bool jb__pg_exec_on(struct jb__pg_connection *connection, struct jb_scope *scope, const char *sql);
/* The prepared statement; NULL on failure. */
struct jb__pg_prepared *jb__pg_prepare(struct jb__pg_connection *connection, struct jb_scope *scope, const struct jb__statement *statement);
void jb__pg_forget_statements(struct jb__pg_connection *connection);
/* For postgres_shared.c: a statement under its text, newest; and out again. */
struct jb__pg_prepared *jb__pg_prepared_new(struct jb__pg_connection *connection, struct jb_str sql);
void jb__pg_prepared_forget(struct jb__pg_connection *connection, struct jb__pg_prepared *prepared);
void jb__pg_prepared_describe(struct jb__pg_prepared *prepared, const PGresult *description);
bool jb__pg_is_good(const PGresult *result);
/* Waits until the socket is ready; a plain thread looks at its scope every 10 ms. */
bool jb__pg_wait(struct jb__pg_connection *connection, struct jb_scope *scope, enum jb_wait what);
/* Sends what libpq holds. */
bool jb__pg_flush(struct jb__pg_connection *connection, struct jb_scope *scope);
/* The next result; NULL in *ret_result at the end of the command. false: the scope ended (the command is cancelled and drained) or the connection broke. */
bool jb__pg_result(struct jb__pg_connection *connection, struct jb_scope *scope, PGresult **ret_result);

/* ---- postgres_cancel.c ------------------------------------------------------------------------------------------------- */

/* The server has been told. false: not known by then; the connection must not be used again. */
bool jb__pg_cancel(struct jb__pg_connection *connection, int64_t deadline_us);

/* ---- postgres_server.c ------------------------------------------------------------------------------------------------- */

void jb__pg_server_init(struct jb__pg_server *server, struct jb__pg *pg, const char *role, struct jb_str url, const struct jb_db_options *options);
void jb__pg_server_done(struct jb__pg_server *server);
/* A connection of one's own, until given back; waits in order for a free place until the scope's deadline. Live statements have their own pool, because they may be needed inside a transaction. */
struct jb__pg_connection *jb__pg_take(struct jb__pg_server *server, struct jb_scope *scope, bool live);
/* Broken and old ones are closed. NULL is fine. */
void jb__pg_give(struct jb__pg_connection *connection);
void jb__pg_server_stats(struct jb__pg_server *server, struct jb_db_stats *stats);
/* Closes idle ones that are too old or more than enough; opens some when there are fewer than DB_POOL_MIN. Blocks: for the keeper. */
void jb__pg_server_tidy(struct jb__pg_server *server, struct jb_scope *scope);
/* postgres_keeper.c */
bool jb__pg_keeper_start(struct jb__pg *pg, struct jb_scope *scope);
void jb__pg_keeper_stop(struct jb__pg *pg);

/* ---- postgres_route.c ------------------------------------------------------------------------------------------------------ */

#define JB__PG_REPLICA_PATIENCE_US (JB_SECOND_US / 2) /* a replica that does not answer within this is left out */
bool jb__pg_asks_again(const struct jb__pg_server *server, struct jb_scope *scope, bool broken);
struct jb__pg_server *jb__pg_server_for(struct jb__pg *pg, struct jb_scope *scope, const struct jb__statement *statement);
/* What this connection reads is known to hold what the session has written: it said so itself, or the looker saw it replayed after the connection was opened, so since the server's last start. */
bool jb__pg_has_seen(const struct jb__pg_connection *connection, struct jb_scope *scope);
/* Asks it; for young connections. */
void jb__pg_find_floor(struct jb__pg_connection *connection);
/* On the looker's thread. */
void jb__pg_replicas_look(struct jb__pg *pg);
void jb__pg_replicas_leave(struct jb__pg *pg);
/* false once a replica has been found away: whoever waits for it gives up and asks the primary. One that only lags is waited for. */
static inline bool jb__pg_is_there(const struct jb__pg_server *server)
{
    return server == &server->pg->primary || !atomic_load(&server->away);
}
static inline bool jb__pg_has_others(const struct jb__pg *pg)
{
    return pg->replica_count > 0 || pg->has_analytics;
}

/* ---- postgres_shared.c -------------------------------------------------------------------------------------------------- */

/* A short read begins on this loop: it counts until the other call, wherever it is served, because several at one time are what makes a shared connection worth opening. NULL: there is none for it. */
struct jb__pg_shared *jb__pg_shared_enter(struct jb__pg_server *server);
void jb__pg_shared_leave(struct jb__pg_shared *shared); /* NULL is fine */
/* The read itself. *ret_served false: not here (the connection is not open, the statement does not belong there, the connection was lost); nothing has happened, take one of your own. */
bool jb__pg_shared_run(struct jb__pg_shared *shared, struct jb_scope *scope, struct jb__statement *statement, bool *ret_served);
/* On its own loop. */
void jb__pg_shared_close(struct jb__pg_server *server);

/* ---- postgres_type.c, postgres_row.c ------------------------------------------------------------------------------------- */

#define JB__PG_EPOCH_DAYS 10957 /* from 1970-01-01 to 2000-01-01 */
#define JB__PG_EPOCH_US (JB__PG_EPOCH_DAYS * JB_DAY_US)
#define JB__PG_DAYS_MIN (-719162) /* 0001-01-01 */
#define JB__PG_DAYS_END 2932897   /* the day after 9999-12-31 */

static inline bool jb__pg_days_fit(int64_t days)
{
    return days >= JB__PG_DAYS_MIN && days < JB__PG_DAYS_END;
}

static inline bool jb__pg_us_fit(int64_t us)
{
    return us >= JB__PG_DAYS_MIN * JB_DAY_US && us < JB__PG_DAYS_END * JB_DAY_US;
}

struct jb__pg_params {
    int count;
    const char **values; /* NULL: null */
    int *lengths, *formats;
};
/* Arguments in binary, each as the type the statement asks for; lives in the scope. INVALID when one does not fit (digits, range, kind). `sql` is for the sentence. */
bool jb__pg_encode(struct jb_scope *scope, struct jb_str sql, const Oid *types, const struct jb_value *args, size_t count, struct jb__pg_params *ret_params);
#define JB__PG_COLUMNS_MAX 256
struct jb__pg_answer_column {
    uint16_t index; /* of the field */
    Oid type;
};
struct jb__pg_answer {
    bool found;
    int count;
    struct jb__pg_answer_column at[JB__PG_COLUMNS_MAX];
};
/* Reads rows [0, PQntuples) of a binary result into what->sink, up to its max; columns by order or by name as the statement says. They are looked up for the first of its results (found: false). */
bool jb__pg_rows_read(struct jb_scope *scope, const PGresult *result, struct jb__statement *what, struct jb__pg_answer *columns);
/* Bytes of a column as what the member wants; texts that are made go to the scope, others are the bytes themselves. false when they are something else. */
bool jb__pg_value(struct jb_scope *scope, Oid type, struct jb_str bytes, const struct jb_field *field, struct jb_value *ret_value);
/* It holds something that is no value for its member, one of sink->record. */
bool jb__pg_fail_value(struct jb_scope *scope, const struct jb__sink *sink, const struct jb_field *field, Oid type, struct jb_str bytes);
/* What COPY BINARY is made of. */
#define JB__PG_COPY_HEAD ((struct jb_str){ "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19 })
void jb__pg_put16(struct jb_buf *out, uint16_t number);
void jb__pg_put32(struct jb_buf *out, uint32_t number);
void jb__pg_put64(struct jb_buf *out, uint64_t number);
/* One column of a COPY BINARY row for that field of a model: length and value (-1 for NULL). Value as jb__column_value gives it. false when it does not fit the field. */
bool jb__pg_put_field(struct jb_buf *out, const struct jb_field *field, struct jb_value value);

/* ---- postgres_numeric.c --------------------------------------------------------------------------------------------------- */

#define JB__PG_NUMERIC_BYTES_MAX 28 /* of a decimal: four words of head, at most ten digits of base 10,000 */

int64_t jb__pg_power(int exponent); /* of ten, 0 to 18 */
/* Writes the number into `out` and returns how many bytes it took. */
size_t jb__pg_numeric_put(char out[JB__PG_NUMERIC_BYTES_MAX], struct jb_decimal number);
/* A numeric from the server in units of 10^-scale, halves away from zero. `exact`: nothing was cut. false when it is none, or not a number, or beyond 64 bits. */
bool jb__pg_numeric_get(struct jb_str bytes, int scale, int64_t *ret_units, bool *ret_exact);
/* All its digits; false when the bytes are no numeric. */
bool jb__pg_numeric_text(struct jb_scope *scope, struct jb_str bytes, struct jb_str *ret_text);

/* ---- postgres_text.c ------------------------------------------------------------------------------------------------------ */

/* Every ? outside quotes and comments becomes $1, $2, …; NUL-terminated, in the scope. */
const char *jb__pg_text(struct jb_scope *scope, struct jb_str sql);

/* ---- postgres_fail.c ------------------------------------------------------------------------------------------------------- */

/* The server's answer as a failure with a sentence; always returns false. `result` NULL: the connection itself failed. `what` names model and row for broken rules; may be NULL. */
bool jb__pg_fail(struct jb_scope *scope, PGconn *handle, const PGresult *result, const struct jb__statement *what);
/* The same from what the server says apart from its words, which come in its language. */
struct jb__pg_diagnosis {
    struct jb_str state, message, detail, table, column, constraint;
};
bool jb__pg_fail_as(struct jb_scope *scope, const struct jb__pg_diagnosis *diagnosis, const struct jb__statement *what);
/* The first line of libpq's message without the password, in the scope. */
struct jb_str jb__pg_message(struct jb_scope *scope, struct jb_str message, struct jb_str password);
/* Was it this SQLSTATE? */
bool jb__pg_state_is(const PGresult *result, const char *state);

/* ---- postgres_ids.c --------------------------------------------------------------------------------------------------------- */

/* The sequence of the model's key, an expression: pg_get_serial_sequence('"table"', 'id'). */
struct jb_str jb__pg_sequence(struct jb_scope *scope, const struct jb_model *model);
/* Numbers of the table's own, in the scope; NULL on failure. */
const int64_t *jb__pg_ids_draw(struct jb__pg_connection *connection, struct jb_scope *scope, const struct jb_model *model, size_t count);
/* They go on after `last`, whoever draws or brings others meanwhile. Inside a transaction; before the rows that bring theirs go in. */
bool jb__pg_ids_pass(struct jb__pg_connection *connection, struct jb_scope *scope, const struct jb_model *model, int64_t last);

/* ---- postgres_bulk.c, postgres_pages.c --------------------------------------------------------------------------------------- */

bool jb__pg_batch(struct jb_db *db, struct jb_scope *scope, struct jb_tx *tx, struct jb__batch *batch);
struct jb__pages *jb__pg_pages_open(struct jb_db *db, struct jb_scope *scope, struct jb_tx *tx, const struct jb__statement *statement);
bool jb__pg_pages_next(struct jb__pages *pages, struct jb_scope *scope, bool *ret_end);
void jb__pg_pages_close(struct jb__pages *pages);

/* ---- postgres_stream.c --------------------------------------------------------------------------------------------------------- */

struct jb__stream *jb__pg_stream_open(struct jb_db *db, struct jb_scope *scope, const struct jb__statement *statement, const struct jb_field *fields, const bool *needed);
bool jb__pg_stream_next(struct jb__stream *stream, struct jb_scope *scope, struct jb_value *values, bool *ret_end);
void jb__pg_stream_close(struct jb__stream *stream);

/* ---- postgres_check.c ------------------------------------------------------------------------------------------------------- */

struct jb__pg_read_table {
    struct jb_str name; /* as SQL wants it */
    bool own;           /* the model's */
};
/* Which tables this transaction has read so far, by name. */
bool jb__pg_tables_read(struct jb_scope *scope, const struct jb_model *model, const struct jb__pg_read_table **ret_tables, size_t *ret_count);
bool jb__pg_check_prepare(struct jb_scope *scope, const struct jb_model *model, void **ret_state);

/* ---- postgres_migrate.c ------------------------------------------------------------------------------------------------------ */

bool jb__pg_migrate(struct jb_db *db, struct jb_scope *scope, const struct jb_migrate_options *apply, struct jb_migration_step **ret_steps, size_t *ret_count);

#endif
