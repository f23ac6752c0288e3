/* store_private.h — what the files of the store share.
 *
 * The scope's slot points to a jb__use: which database, and which transactions are open. A transaction begun in a scope puts a use of its own
 * into that scope's slot, so that children find it by looking up, and takes it out again at its end. */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_STORE_PRIVATE_H
#define JB_STORE_PRIVATE_H

#include "base/list.h"
#include "store/driver.h"
#include "run/run.h"
#include <pthread.h>
#include <stdatomic.h>

struct sqlite3;

struct jb_db {
    const struct jb_driver *driver;
    void *driver_state;
    char *path;                     /* SQLite: of the main file; the live file stands beside it */
    const struct jb_model **models; /* the site's, then those of links.c */
    struct jb__link_table *link_tables;
    struct jb__model_text *_Atomic *texts; /* one beside each model; NULL: not needed yet */
    bool has_others;                       /* servers that are only read */
    int reader_threads;
    bool reads_on_threads;
    int64_t cache_bytes, slow_query_us;
    _Atomic int64_t queries, slow_queries;
    jb_slow_query *slow; /* NULL: nobody */
    void *slow_arg;
    const struct jb_db_route *routes;                          /* may be NULL */
    void (*stalled)(struct jb_str sql, int64_t us, void *arg); /* NULL: nobody */
    void *stalled_arg;
    int64_t stall_us;
};

struct jb__use {
    struct jb_db *db;
    struct jb_tx *tx[2];    /* main, live: the innermost one */
    struct jb_scope *scope; /* in whose slot it stands */
    enum jb_reads reads;    /* of this scope; JB_READS_DEFAULT: nothing said */
    _Atomic uint64_t *seen; /* position that the session's reads must have reached */
    struct jb__use *outer;  /* what stood there before this transaction; NULL: nothing, the parents answer */
};

/* ---- the seam for src/store/stage.* and whoever needs the writer itself --------------------------------------------- */

/* The main file's path, for ever the same. */
const char *jb__db_path(const struct jb_db *db);
/* Runs run(connection, arg) on the writer thread of that file with exclusive use of its connection: inside the scope's transaction when there is one, otherwise
 * outside any (then `run` begins and ends its own with jb__sqlite_begin / _end). Waits for its turn until the scope's deadline. `run` returns false having failed the scope. */
bool jb__writer_call(struct jb_db *db, bool live, bool (*run)(struct sqlite3 *connection, void *arg), void *arg, struct jb_scope *scope);
/* SQLite's present error as a failure with a sentence; always returns false. `doing` is for the log ("merging"), may be NULL. */
bool jb__sqlite_fail(struct jb_scope *scope, struct sqlite3 *connection, int code, const char *doing);
/* Runs one or several statements without results; fails as above. */
bool jb__sqlite_exec(struct jb_scope *scope, struct sqlite3 *connection, const char *sql);
/* BEGIN IMMEDIATE with this process's turn among processes; then COMMIT, or ROLLBACK when !commit. For `run` of jb__writer_call outside a transaction. */
bool jb__sqlite_begin(struct jb_db *db, bool live, struct jb_scope *scope);
bool jb__sqlite_end(struct jb_db *db, bool live, struct jb_scope *scope, bool commit);
/* The DDL of a model's table under the name `table` (a staging copy has the identical one); indexes apart, as statements with a final ";". */
struct jb_str jb__table_sql(struct jb_scope *scope, const struct jb_model *model, struct jb_str table);
struct jb_str jb__index_sql(struct jb_scope *scope, const struct jb_model *model, struct jb_str table);

/* ---- gate.c: so many may pass, the others wait in order ------------------------------------------------------------- */

struct jb__gate {
    pthread_mutex_t mutex;
    pthread_cond_t passed; /* for waiting plain threads */
    struct jb_list waiters;
    int free, permits, waiting;
    int64_t waits; /* so often somebody had to */
};
void jb__gate_init(struct jb__gate *gate, int permits);
void jb__gate_done(struct jb__gate *gate); /* also with permits out and waiters in: those of abandoned fibers */
/* Waits on a fiber or a plain thread; false (TIMEOUT, CANCELLED) when the scope ends first. */
bool jb__gate_take(struct jb__gate *gate, struct jb_scope *scope);
/* Without waiting; false when nothing is free. */
bool jb__gate_try(struct jb__gate *gate);
void jb__gate_leave(struct jb__gate *gate);
/* Nobody holds it. */
bool jb__gate_idle(struct jb__gate *gate);

/* The store's own waits inside a transaction (decisions.md H); nothing off a fiber. */
static inline void jb__wait_allow(bool allow)
{
    if (jb_on_fiber())
        jb_fiber_allow_wait(allow);
}

/* ---- db.c ------------------------------------------------------------------------------------------------------------- */

struct jb__use *jb__use_of(struct jb_scope *scope);
/* The innermost transaction that this scope is in, on that file; NULL outside. */
struct jb_tx *jb__tx_of(struct jb_scope *scope, bool live);
/* A failed statement has ended its transaction: nothing but a rollback goes on, to where this transaction began. tx NULL: always fine. */
bool jb__tx_sound(struct jb_tx *tx, struct jb_scope *scope);
void jb__tx_note(struct jb_tx *tx, bool ok); /* a statement of it went well, or not */
/* Where the statement's rows may come from. */
enum jb_reads jb__reads_of(struct jb_scope *scope, const struct jb__statement *statement);
/* Rows of the two can be joined: both are read from the analytics server, or none is. */
/* As the model or its app declares; JB_READS_DEFAULT: neither does. */
enum jb_reads jb__reads_of_model(const struct jb_db *db, const struct jb_model *model);
bool jb__may_relate(const struct jb_db *db, const struct jb_model *a, const struct jb_model *b);
/* A commit has reached this position; JB__POSITION_LOST: nobody knows which, so that reads go to the primary until… */
#define JB__POSITION_LOST ((uint64_t)INT64_MAX) /* the web tier hands it on as any other */
void jb__session_note(struct jb_scope *scope, uint64_t position);
/* … it was asked where it is. */
void jb__session_found(struct jb_scope *scope, uint64_t position);
/* Sends the statement down and counts it. */
bool jb__run(struct jb_scope *scope, struct jb__statement *statement);
bool jb__run_batch(struct jb_scope *scope, struct jb__batch *batch);
/* NOT_FOUND: there is no such row (any more). */
bool jb__fail_gone(struct jb_scope *scope, const struct jb_model *model, int64_t id);

/* ---- count.c ---------------------------------------------------------------------------------------------------------- */

/* A statement that began at start_us has ended. */
void jb__count(struct jb_scope *scope, struct jb_db *db, int64_t start_us, const struct jb__statement *statement, bool ok);
/* The next part of a statement that was counted before: a page of a cursor. */
void jb__count_more(struct jb_scope *scope, struct jb_db *db, int64_t start_us, const struct jb__statement *statement, bool ok);

/* ---- model.c ---------------------------------------------------------------------------------------------------------- */

/* "a b, -c": groups by comma, words by blanks. Returns the next word of the group or NULL text; a leading - is cut off and reported. */
struct jb_str jb__list_word(struct jb_str *rest, bool *ret_descending);
bool jb__list_has(struct jb_str list, const char *name);
/* The field or INVALID with the nearest name; `where` is "cashbook.order". */
const struct jb_field *jb__model_field(struct jb_scope *scope, const struct jb_model *model, struct jb_str name, const char *where);
/* "category" is the reference category_id; NULL: there is none. */
const struct jb_field *jb__model_reference(const struct jb_model *model, struct jb_str name);
/* The field of a dotted name, "category.parent.name"; NULL: there is none. */
const struct jb_field *jb__model_path(const struct jb_model *model, struct jb_str name);
bool jb__has_word(const struct jb_model *model);         /* a presence word */
bool jb__field_is_stored(const struct jb_field *field);  /* a column, not the presence word */
bool jb__field_is_written(const struct jb_field *field); /* … that we write */
/* A column may hold NULL (store.h's rules; a reference that is not required holds NULL for 0). */
bool jb__field_nullable(const struct jb_model *model, const struct jb_field *field);
const struct jb_model *jb__model_of_table(struct jb_db *db, struct jb_str table);
/* The member as its column holds it. */
struct jb_value jb__column_value(const struct jb_model *model, const void *row, const struct jb_field *field);

/* ---- links.c: the tables of pairs --------------------------------------------------------------------------------------- */

/* Makes a model of each link of the db's models and adds it to them; freed by the other. */
void jb__links_open(struct jb_db *db);
void jb__links_close(struct jb_db *db);
/* NULL: the model has no link of that name. */
const struct jb_link *jb__link_named(const struct jb_model *model, struct jb_str name);
/* Its fields: id, whose, what. */
const struct jb_model *jb__link_model(struct jb_db *db, const struct jb_model *model, const struct jb_link *link);

/* ---- select_get.c: the text that reads a row by its id ------------------------------------------------------------------- */

/* When all models are there. */
void jb__texts_open(struct jb_db *db);
void jb__texts_close(struct jb_db *db);

/* ---- relate.c ------------------------------------------------------------------------------------------------------------- */

/* Puts rows under a name beside each of `rows`: ranges[i] belong to row i. */
void jb__rows_attach(struct jb_scope *scope, struct jb_rows *rows, const char *name, const struct jb_rows *ranges);
/* Where, in rows ordered by that reference, those of `id` begin and end. */
void jb__rows_of(const struct jb_rows *rows, const struct jb_field *field, int64_t id, size_t *ret_from, size_t *ret_to);
/* The ids of the rows, in the scope. */
struct jb_ids jb__rows_ids(struct jb_scope *scope, const struct jb_rows *rows);
/* As jb_select, of up to that many rows; `first` comes before the order that is asked for. */
struct jb_rows *jb__select_many(struct jb_scope *scope, const struct jb_model *model, const struct jb_select *what, const char *first, int64_t max);

/* ---- params.c --------------------------------------------------------------------------------------------------------- */

/* Brings the arguments of a literal to the kinds of the columns they face and appends them; `?` for an ids parameter becomes ?,?,… The text goes to `out`.
 * `model` is the table the text is about, NULL: all tables it names. */
bool jb__params(struct jb_scope *scope, struct jb_db *db, const struct jb_model *model, const struct jb_sql *sql, struct jb_buf *out, struct jb_value *args, size_t args_max, size_t *count);
/* One value for one field: ints become decimals of the field's scale, decimals are brought to it. false when digits would be lost or the kind is wrong. */
bool jb__value_for(const struct jb_field *field, struct jb_value value, struct jb_value *ret_value);

#define JB__ARGS_MAX ((size_t)20000)
#define JB__SQL_BYTES_MAX ((size_t)1 << 20)
/* How many arguments the literal can become. */
size_t jb__args_room(const struct jb_sql *sql);

/* The whole of a selection (its limit 0: all rows) as a statement whose text lives in the scope; its values are still the caller's. */
struct jb__shape; /* select_private.h */
/* The values outlive the caller's. */
const struct jb_value *jb__args_copy(struct jb_scope *scope, const struct jb_value *args, size_t count);
bool jb__select_statement(struct jb_scope *scope, const struct jb_model *model, const struct jb_select *what, struct jb__shape *ret_shape, struct jb__statement *ret_statement);

/* ---- text of SQL ------------------------------------------------------------------------------------------------------- */

/* "name", with quotes doubled. */
void jb__put_name(struct jb_buf *buf, struct jb_str name);
/* sql_text.c: the end of the quoted text, quoted name or comment that begins at `at`, which is no place inside a word; `at` when none begins there. */
size_t jb__sql_quoted_end(struct jb_str sql, size_t at);
bool jb__sql_is_name_byte(char c);

#endif
