/* store.h — models, queries, transactions.
 *
 * A model is a record with a table. SQL is text that was written in a C file (JB_SQL refuses a variable), everything else is a parameter. The scope knows its
 * database (JB_SERVICE_DB) and its open transaction. Two files stand behind SQLite (decisions.md G): the main file holds what must not be lost and must change
 * together; the live file what may be lost (sessions, leases, progress). A model says which with .live; no transaction ever writes to both.
 *
 * NULL: text as in record.h. An optional reference (int64_t id) or time that no presence word speaks for is NULL in the table when it is 0. */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_STORE_STORE_H
#define JB_STORE_STORE_H

#include "base/record.h"
#include "base/scope.h"

/* Where reads go when there are replicas. Writes, and everything inside a transaction, go to the primary. */
enum jb_reads {
    JB_READS_DEFAULT,   /* as the next one in this order says: the query, the model, the app, the scope; in the end JB_READS_REPLICA */
    JB_READS_PRIMARY,   /* must not be stale: accounts, jobs */
    JB_READS_REPLICA,   /* a replica that is reachable, lags little and has replayed what this session has written; otherwise the primary */
    JB_READS_ANALYTICS, /* the analytics server; otherwise as JB_READS_REPLICA */
};

/* An index with a name of its own, or of some rows only. */
struct jb_index {
    const char *name;   /* "idx_active_products_name" */
    const char *fields; /* "name", "-created_at id" */
    const char *where;  /* "status = 'active' and price > 0": FIELD = <> < <= > >= VALUE, FIELD is null, FIELD is not null; NULL: of all rows */
    bool unique;
};

/* Many to many: rows of the target beside each row, in an order of one's own. `jb migrate` makes the table of the pairs: product_id and tag_id, each pair once, gone with either row. */
struct jb_link {
    const char *name; /* "tags" */
    const struct jb_model *target;
    const char *table;            /* "product_tags" */
    const char *label, *label_en; /* NULL: the target's */
};

/* clang-format off */
#define JB_INDEXES(...) (const struct jb_index[]){ __VA_ARGS__, { 0 } }
#define JB_LINKS(...) (const struct jb_link[]){ __VA_ARGS__, { 0 } }
/* clang-format on */

struct jb_model {
    struct jb_record record; /* exactly one field is .primary: int64_t id (of an external table: any name) */
    const char *app;         /* "cash" */
    const char *name;        /* "cashbook"; NULL: the struct's name without underscores */
    const char *table;       /* NULL: the struct's name */
    const char *label;       /* Korean, for people: "현금출납부" */
    const char *label_en;    /* NULL: the name, humanised */
    const char *entry;       /* one of them: "전표"; NULL: the label */
    const char *entry_en;
    const char *title;                    /* the field that names a row for people ("external_ref"); NULL: id */
    const char *order;                    /* "-date -id"; NULL: "-id" */
    const char *indexes;                  /* "date, category date": groups separated by commas, fields by blanks, - for descending */
    const char *uniques;                  /* groups of fields that are unique together */
    const struct jb_index *named_indexes; /* JB_INDEXES(…); ends with a NULL name */
    const struct jb_link *links;          /* JB_LINKS(…); ends with a NULL name */
    bool live;                            /* in the live file */
    enum jb_reads reads;                  /* PostgreSQL with replicas */
    bool hidden;                          /* no admin, no API, no import (auth secrets, queue) */
    bool read_only;                       /* people may look at it and export it; only the program writes it (jobs) */
    bool external;                        /* the table is made and changed elsewhere: migrations leave it alone */
    bool superusers;                      /* nobody else may see it; no permission for it can be granted */
    /* Called before a row of this model is written by a form, the API or an import; before is NULL for an insert, after for a delete. Fails INVALID or CONFLICT to refuse. NULL: nothing to check.
     * `state` is what check_prepare fetched, once per request or import (closed months, …); NULL without it. An import is sure to notice when that changes before it commits; on PostgreSQL it does
     * not see what the check reads by itself. */
    bool (*check)(struct jb_scope *scope, void *state, const void *before, const void *after);
    bool (*check_prepare)(struct jb_scope *scope, void **ret_state);
};

#define JB_MODELS(...)               \
    (const struct jb_model *const[]) \
    {                                \
        __VA_ARGS__, NULL            \
    }

struct jb_str jb_model_name(const struct jb_model *model, struct jb_scope *scope);      /* "cashbook" */
struct jb_str jb_model_table(const struct jb_model *model);                             /* "cashbook" */
struct jb_str jb_model_full_name(const struct jb_model *model, struct jb_scope *scope); /* "cash.cashbook" */
struct jb_str jb_model_label(const struct jb_model *model, struct jb_scope *scope);     /* in the scope's language */
struct jb_str jb_model_entry(const struct jb_model *model, struct jb_scope *scope);
const struct jb_field *jb_model_primary(const struct jb_model *model);
int64_t jb_row_id(const struct jb_model *model, const void *row);
/* What names the row for people: the title field's text, otherwise "#17". */
struct jb_str jb_row_title(struct jb_scope *scope, const struct jb_model *model, const void *row);
/* By "cash.cashbook" among the database's models; NULL (NOT_FOUND, names the nearest). */
const struct jb_model *jb_model_find(struct jb_scope *scope, struct jb_str full_name);

/* ---- SQL literals ----------------------------------------------------------------------------------------------------- */

/* SQL is text written in this file: "" text "" refuses anything else. Parameters are `?`, at most eight; an ids parameter fills `in (?)`. */
struct jb_sql {
    const char *text;
    size_t arg_count;
    struct jb_value args[8];
};
#define JB_SQL0(t) ((struct jb_sql){ "" t "", 0, { { 0 } } })
#define JB_SQL1(t, a) ((struct jb_sql){ "" t "", 1, { jb_v(a) } })
#define JB_SQL2(t, a, b) ((struct jb_sql){ "" t "", 2, { jb_v(a), jb_v(b) } })
#define JB_SQL3(t, a, b, c) ((struct jb_sql){ "" t "", 3, { jb_v(a), jb_v(b), jb_v(c) } })
#define JB_SQL4(t, a, b, c, d) ((struct jb_sql){ "" t "", 4, { jb_v(a), jb_v(b), jb_v(c), jb_v(d) } })
#define JB_SQL5(t, a, b, c, d, e) ((struct jb_sql){ "" t "", 5, { jb_v(a), jb_v(b), jb_v(c), jb_v(d), jb_v(e) } })
#define JB_SQL6(t, a, b, c, d, e, f) ((struct jb_sql){ "" t "", 6, { jb_v(a), jb_v(b), jb_v(c), jb_v(d), jb_v(e), jb_v(f) } })
#define JB_SQL7(t, a, b, c, d, e, f, g) ((struct jb_sql){ "" t "", 7, { jb_v(a), jb_v(b), jb_v(c), jb_v(d), jb_v(e), jb_v(f), jb_v(g) } })
#define JB_SQL8(t, a, b, c, d, e, f, g, h) ((struct jb_sql){ "" t "", 8, { jb_v(a), jb_v(b), jb_v(c), jb_v(d), jb_v(e), jb_v(f), jb_v(g), jb_v(h) } })
#define JB_SQL_PICK(a, b, c, d, e, f, g, h, i, name, ...) name
#define JB_SQL(...) JB_SQL_PICK(__VA_ARGS__, JB_SQL8, JB_SQL7, JB_SQL6, JB_SQL5, JB_SQL4, JB_SQL3, JB_SQL2, JB_SQL1, JB_SQL0, 0)(__VA_ARGS__)

/* ---- reading ------------------------------------------------------------------------------------------------------------ */

enum jb_op {
    JB_OP_END,
    JB_EQUAL,
    JB_NOT_EQUAL,
    JB_LESS,
    JB_LESS_EQUAL,
    JB_GREATER,
    JB_GREATER_EQUAL,
    JB_CONTAINS,
    JB_STARTS,
    JB_IS_NULL,
    JB_IN,
};

/* One condition from outside (a filter, a query parameter): field by name, value typed. All of a list must hold. */
struct jb_condition {
    struct jb_str field; /* "price", "category.name" through a reference, or a link's name: "tags" with JB_EQUAL an id or JB_IN ids */
    enum jb_op op;
    struct jb_value value;
};

#define JB_ROWS_MAX 10000 /* jb_select never returns more; walk a cursor instead */

/* Rows that are read are locked until the transaction ends; on SQLite the transaction alone keeps others out. */
enum jb_row_lock {
    JB_LOCK_NONE,
    JB_LOCK_UPDATE, /* waits for whoever holds one of them */
    JB_LOCK_SKIP,   /* leaves out those that others hold: a queue's workers */
    JB_LOCK_NOWAIT, /* fails CONFLICT when somebody holds one */
};

#define JB_WITH_1 "*"  /* every reference */
#define JB_WITH_2 "**" /* … and theirs */

struct jb_select {
    struct jb_sql where;                   /* optional; ANDed with the conditions. A column of a reference is called "category.name", in double quotes */
    const struct jb_condition *conditions; /* ends with JB_OP_END; NULL: none */
    struct jb_str search;                  /* every word must occur in one of search_fields (ASCII without case) */
    const char *search_fields;             /* "memo counterparty category.name" */
    struct jb_str order;                   /* "-date category.name"; unknown names fail INVALID; NULL: the model's order. The primary key is always last. */
    int64_t limit;                         /* 0: JB_ROWS_MAX, and more rows than that fail LIMIT */
    int64_t offset;
    const char *only;      /* "name price": read these columns (and the id) alone; the other members stay 0, and templates and JSON do not know them. "category.name" reads that one of a reference */
    const char *defer;     /* "description": read all columns but these */
    const char *with;      /* "category author.group": rows that are referred to come with the same statement, for jb_related and {{ product.category.name }}. Of a cursor they stand in jb_cursor_rows; jb_first fails BROKEN */
    enum jb_row_lock lock; /* inside a transaction */
    bool fresh;            /* from the primary */
    enum jb_reads reads;   /* where from, when it is not as for the model's other queries */
};

/* Rows of the model, in the scope; NULL on failure. */
#define jb_select(scope, model, ...) jb_select_rows((scope), (model), &(struct jb_select){ __VA_ARGS__ })
struct jb_rows *jb_select_rows(struct jb_scope *scope, const struct jb_model *model, const struct jb_select *what);
/* The one row with that id into ret_row; NOT_FOUND. */
bool jb_get(struct jb_scope *scope, const struct jb_model *model, int64_t id, void *ret_row);
/* The same inside a transaction, and nobody else changes the row until its end: for what is read, changed and written back. */
bool jb_get_locked(struct jb_scope *scope, const struct jb_model *model, int64_t id, void *ret_row);
/* The first row; false without a failure when there is none. */
#define jb_first(scope, model, ret_row, ...) jb_first_row((scope), (model), (ret_row), &(struct jb_select){ __VA_ARGS__ })
bool jb_first_row(struct jb_scope *scope, const struct jb_model *model, void *ret_row, const struct jb_select *what);
/* The row that `row`, one of `rows`, refers to: "category", "category.parent". NULL when it refers to none; asserts that it was read .with it. */
const void *jb_related(const struct jb_rows *rows, const void *row, const char *name);
/* Reads, in one query, the rows of `model` whose reference `field` leads to any of these rows, which get them under that name: jb_children, {% for item in order.items %}. What is selected is as for jb_select;
 * without a limit, at most 100,000 (LIMIT). Returns all of them, ordered by whom they belong to, for a further prefetch; NULL on failure. */
#define jb_prefetch(scope, rows, name, model, field, ...) jb_prefetch_rows((scope), (rows), (name), (model), (field), &(struct jb_select){ __VA_ARGS__ })
struct jb_rows *jb_prefetch_rows(struct jb_scope *scope, struct jb_rows *rows, const char *name, const struct jb_model *model, const char *field, const struct jb_select *what);
/* Those of them that belong to `row`, one of `rows`; not copied. Asserts that they were prefetched under that name. */
const struct jb_rows *jb_children(const struct jb_rows *rows, const void *row, const char *name);
/* false also on a failure. */
#define jb_exists(scope, model, ...) jb_exists_row((scope), (model), &(struct jb_select){ __VA_ARGS__ })
bool jb_exists_row(struct jb_scope *scope, const struct jb_model *model, const struct jb_select *what);
/* The statement that jb_select would run, then how the database would go about it, for people; it is not run. NULL text on failure. */
#define jb_explain(scope, model, ...) jb_explain_rows((scope), (model), &(struct jb_select){ __VA_ARGS__ })
struct jb_str jb_explain_rows(struct jb_scope *scope, const struct jb_model *model, const struct jb_select *what);
/* -1 on failure. */
#define jb_count(scope, model, ...) jb_count_rows((scope), (model), &(struct jb_select){ __VA_ARGS__ })
int64_t jb_count_rows(struct jb_scope *scope, const struct jb_model *model, const struct jb_select *what);
/* Sums of decimal or int fields ("income expense") over what the selection finds, in that order; order, limit and offset are ignored. */
bool jb_sum_rows(struct jb_scope *scope, const struct jb_model *model, const struct jb_select *what, const char *fields, struct jb_decimal *ret_sums);
/* Distinct values of one field, sorted, at most limit (of more, any): for filters. The record has that one column. Cheap when an index begins with the field. */
struct jb_rows *jb_distinct(struct jb_scope *scope, const struct jb_model *model, const char *field, int64_t limit);

/* Own SQL. Result columns go to the record's members by name. One that ends with `limit N` or `limit ?` of at most 1,000 runs right here, others on a reader thread. SQLite stores decimals as minor units: a DECIMAL member reads them with its own .decimals. */
bool jb_query_row(struct jb_scope *scope, struct jb_sql sql, const struct jb_record *as, void *ret_row); /* NOT_FOUND when no row */
struct jb_rows *jb_query(struct jb_scope *scope, struct jb_sql sql, const struct jb_record *as);
/* One integer (NULL counts as 0). */
bool jb_query_int(struct jb_scope *scope, struct jb_sql sql, int64_t *ret_number);
/* The same three on the live file. */
bool jb_live_query_row(struct jb_scope *scope, struct jb_sql sql, const struct jb_record *as, void *ret_row);
struct jb_rows *jb_live_query(struct jb_scope *scope, struct jb_sql sql, const struct jb_record *as);
bool jb_live_query_int(struct jb_scope *scope, struct jb_sql sql, int64_t *ret_number);

/* Walks any number of rows in a constant amount of memory (exports); the row is borrowed until the next call. On SQLite it works on a reader thread, in pages. */
struct jb_cursor;
struct jb_cursor *jb_cursor_open(struct jb_scope *scope, const struct jb_model *model, const struct jb_select *what); /* limit 0: all */
bool jb_cursor_next(struct jb_cursor *cursor, struct jb_scope *scope, const void **ret_row);                          /* false at the end without a failure */
/* The rows that the one at hand was read with, for jb_related and templates; borrowed until the next call too. */
const struct jb_rows *jb_cursor_rows(const struct jb_cursor *cursor);
void jb_cursor_close(struct jb_cursor *cursor);

/* The same rows as values of the columns named, "external_ref date project.code", in that order and in the quickest way: on PostgreSQL by COPY when nothing of the selection is a parameter. One statement reads them all, so rows and
 * what they refer to are of one moment, however long it takes. Values and texts are borrowed until the next call. .only, .defer and .with of the selection are not looked at. */
struct jb_values;
struct jb_values *jb_values_open(struct jb_scope *scope, const struct jb_model *model, const struct jb_select *what, const char *columns);
bool jb_values_next(struct jb_values *values, struct jb_scope *scope, const struct jb_value **ret_values); /* false at the end without a failure */
void jb_values_close(struct jb_values *values);

/* ---- writing -------------------------------------------------------------------------------------------------------------- */

/* Inserts one row; auto fields and the id are filled in. Breaking a unique rule fails CONFLICT with field and value in the sentence ("external_ref ‘CB-1’ exists already"),
 * a missing reference INVALID, a choice or length rule INVALID (by field). */
bool jb_insert(struct jb_scope *scope, const struct jb_model *model, void *row);
/* Writes all members of the row with its id; NOT_FOUND when it is gone. */
bool jb_save(struct jb_scope *scope, const struct jb_model *model, void *row);
/* CONFLICT when other rows refer to it (RESTRICT). */
bool jb_delete(struct jb_scope *scope, const struct jb_model *model, int64_t id);

struct jb_update {
    struct jb_sql set, where;
    int64_t *ret_count; /* may be NULL */
};
#define jb_update(scope, model, ...) jb_update_rows((scope), (model), &(struct jb_update){ __VA_ARGS__ })
bool jb_update_rows(struct jb_scope *scope, const struct jb_model *model, const struct jb_update *what);
bool jb_delete_rows(struct jb_scope *scope, const struct jb_model *model, struct jb_sql where, int64_t *ret_count); /* ret_count may be NULL */

/* Any statement on the main or the live file. ret_changes may be NULL. */
bool jb_exec(struct jb_scope *scope, struct jb_sql sql, int64_t *ret_changes);
bool jb_live_exec(struct jb_scope *scope, struct jb_sql sql, int64_t *ret_changes);
/* One that also gives rows back (`returning`, or on PostgreSQL a select over statements that write). NULL on failure. */
struct jb_rows *jb_exec_rows(struct jb_scope *scope, struct jb_sql sql, const struct jb_record *as);
struct jb_rows *jb_live_exec_rows(struct jb_scope *scope, struct jb_sql sql, const struct jb_record *as);

/* Many rows by one prepared statement in the open transaction (or one of its own). With match_on (unique fields) it can ignore or update. */
enum jb_on_conflict {
    JB_CONFLICT_FAIL,
    JB_CONFLICT_IGNORE,
    JB_CONFLICT_UPDATE,
};
struct jb_bulk {
    const char *match_on;
    enum jb_on_conflict on_conflict;
    int64_t *ret_inserted, *ret_updated, *ret_ignored; /* each may be NULL; ignored: left as they were, also because nothing in them would change */
};
bool jb_bulk_insert(struct jb_scope *scope, const struct jb_model *model, const void *rows, size_t count, const struct jb_bulk *how);
/* Writes those fields ("price stock", and the automatic time of change) of every row, found by its id; that time is filled in. Rows that are gone are not counted. ret_count may be NULL. */
bool jb_bulk_update(struct jb_scope *scope, const struct jb_model *model, void *rows, size_t count, const char *fields, int64_t *ret_count);

/* The state for model->check (NULL when it has none), inside the transaction that will write and before anything else in it: nobody changes what check_prepare has read until its end. */
bool jb_check_prepare(struct jb_scope *scope, const struct jb_model *model, void **ret_state);

/* ---- many to many ------------------------------------------------------------------------------------------------------------- */

/* What that row is linked to under that name ("tags"), in order. */
struct jb_rows *jb_links_get(struct jb_scope *scope, const struct jb_model *model, int64_t id, const char *name);
/* As jb_prefetch: the linked rows of all these rows in one query, for jb_children and templates. */
bool jb_links_prefetch(struct jb_scope *scope, struct jb_rows *rows, const struct jb_model *model, const char *name);
/* Exactly these, in that order. An id twice counts once; one that is not there fails INVALID. */
bool jb_links_set(struct jb_scope *scope, const struct jb_model *model, int64_t id, const char *name, struct jb_ids ids);
/* These too, after those that are there; those that are there stay where they stand. */
bool jb_links_add(struct jb_scope *scope, const struct jb_model *model, int64_t id, const char *name, struct jb_ids ids);
bool jb_links_remove(struct jb_scope *scope, const struct jb_model *model, int64_t id, const char *name, struct jb_ids ids);

/* ---- transactions ------------------------------------------------------------------------------------------------------------ */

/* A statement that fails inside a transaction ends it: nothing in it goes on, and its commit fails UNAVAILABLE having saved nothing. What may fail stands in a transaction of its own inside.
 * BEGIN IMMEDIATE on the main (or the live) file; a live one may be begun inside a main one, not the other way round. Until commit or rollback every store call of this scope and its children runs inside; only store calls may wait. Rolled back with
 * its scope unless committed. Inside another transaction it is a savepoint. NULL on failure (TIMEOUT when the writer is busy past the deadline). */
struct jb_tx;
struct jb_tx *jb_begin(struct jb_scope *scope);
struct jb_tx *jb_begin_live(struct jb_scope *scope);
bool jb_commit(struct jb_tx *tx);
void jb_rollback(struct jb_tx *tx);
/* Rolls back whatever this very scope began and left open: for whoever answers for the work (web before it writes, queue after a task). */
void jb_rollback_open(struct jb_scope *scope);
bool jb_in_transaction(const struct jb_scope *scope);
/* Calls run(scope, arg) with the transaction's scope after the outermost commit (never after a rollback), on the committing fiber; outside a transaction at once with this scope. `arg`
 * must live until then. */
void jb_after_commit(struct jb_scope *scope, void (*run)(struct jb_scope *scope, void *arg), void *arg);

/* ---- the database -------------------------------------------------------------------------------------------------------------- */

/* Reads of all models of an app. */
struct jb_db_route {
    const char *app;
    enum jb_reads reads;
};

/* A statement took slow_query_s or longer. `parameters`: as a JSON list; "…" each when the statement touches a secret field. */
typedef void jb_slow_query(struct jb_scope *scope, struct jb_str sql, struct jb_str parameters, int64_t us, void *arg);

struct jb_db;
struct jb_db_options {
    struct jb_str url;                    /* sqlite:///relative.db, sqlite:////absolute.db; the live file stands beside it: relative-live.db. Or postgresql://user:password@host:port/database */
    const struct jb_model *const *models; /* every model of the site; ends with NULL */
    int reader_threads;                   /* 0: 2 */
    bool reads_on_threads;                /* DB_READS=threads */
    int64_t cache_bytes;                  /* of the writer; 0: 32 MiB */
    double slow_query_s;                  /* 0: 1.0; slower statements are counted, and told to `slow` */
    jb_slow_query *slow;                  /* NULL: nobody */
    void *slow_arg;
    /* PostgreSQL; per process */
    int pool_min, pool_max;           /* connections to one server: kept, at most; 0: 5 and 20 */
    int connection_age_max_s;         /* older ones are not used again; 0: 600 */
    int connect_timeout_s;            /* 0: 10 */
    int shared_read_ms;               /* longest read on a shared connection; 0: 100 */
    struct jb_str replica_urls;       /* separated by commas; NULL: none */
    struct jb_str analytics_url;      /* NULL: none */
    int replica_lag_ms;               /* a replica further behind is left out; 0: 5000 */
    const struct jb_db_route *routes; /* ends with a NULL app; NULL: none */
    /* Told, on the fiber that read, when a read has held its loop's thread for stall_s (0: 0.01) in one go; `sql` is without the parameters' values. NULL: nobody. */
    void (*stalled)(struct jb_str sql, int64_t us, void *arg);
    void *stalled_arg;
    double stall_s;
};
/* Opens (and creates) the files; usable on every loop of the process, connections are opened when first used. Fails UNAVAILABLE with the path and the reason. */
struct jb_db *jb_db_open(struct jb_scope *scope, const struct jb_db_options *options);
/* After the loops that used it; what fibers that were abandoned there have left open is rolled back. NULL is fine. */
void jb_db_close(struct jb_db *db);
/* Ties the database to the scope and its children. */
void jb_db_use(struct jb_scope *scope, struct jb_db *db);
/* For reads of this scope and its children that neither query, model nor app routes. */
void jb_db_reads(struct jb_scope *scope, enum jb_reads reads);
/* Read your own writes: reads of this scope and its children use a replica only once it has replayed what they committed, and `after`, a position that an earlier scope of the same session had reached (0: none). Without it the whole
 * process counts as one session. */
void jb_db_session(struct jb_scope *scope, uint64_t after);
/* What must have been replayed before this session may read from a replica; 0: nothing. */
uint64_t jb_db_session_position(struct jb_scope *scope);
/* Somebody else has written what this session is to see, and nobody told how far that is: its reads go to the primary until one of them could ask. */
void jb_db_session_behind(struct jb_scope *scope);
struct jb_db *jb_db_of(struct jb_scope *scope); /* asserts that there is one */
const struct jb_model *const *jb_db_models(struct jb_scope *scope);
/* SELECT 1 on both files. */
bool jb_db_ping(struct jb_scope *scope);
const char *jb_db_kind(const struct jb_db *db); /* "sqlite", "postgresql" */
/* Counters of this process. Connections are PostgreSQL's: busy ones of the primary's main pool, and how many it may have. */
struct jb_db_stats {
    int64_t queries, slow_queries, connection_errors;
    int connections_busy, connections_open, connections_max, connections_waiting;
    int64_t waits; /* so often all were busy and somebody had to wait */
    int replicas, replicas_usable;
};
void jb_db_stats(struct jb_db *db, struct jb_db_stats *ret_stats);
/* Changes whenever another connection committed to the live file; for progress (decisions.md F). Cheap; runs on the calling loop. */
bool jb_live_version(struct jb_scope *scope, int64_t *ret_version);
/* For whoever has written what others watch by it: PostgreSQL has to be told (NOTIFY), SQLite sees it by itself. */
bool jb_live_tell(struct jb_scope *scope);

/* ---- migrations ------------------------------------------------------------------------------------------------------------------ */

enum jb_migration_hold {
    JB_HOLD_NONE,    /* readers and writers go on */
    JB_HOLD_MOMENT,  /* both wait for a moment */
    JB_HOLD_WRITERS, /* writers wait until it is done */
    JB_HOLD_ALL,     /* readers too */
};

struct jb_migration_step {
    struct jb_str sql, reason; /* reason: "new table cashbook", "new column cashbook.memo" */
    enum jb_migration_hold hold;
    bool destructive; /* something would be lost: done only with allow_drop */
    bool by_hand;     /* only said: migrate never does it. Without sql there is nothing to do either: a plan begins with the tables that models use and that were not made here */
};
/* What must change for the tables to follow the models; ret_count 0: nothing. */
bool jb_migrate_plan(struct jb_scope *scope, struct jb_migration_step **ret_steps, size_t *ret_count);
/* Does it: on SQLite in one transaction per file; on PostgreSQL in one transaction, then one by one what would make readers and writers wait there (indexes, rules looked up in old rows). One process at a time. Killed
 * at any point it has left old or new tables, and running again goes on. Rows that break a new rule: INVALID or CONFLICT, naming one, and nothing was done. */
struct jb_migrate_options {
    bool allow_drop;   /* also what no model names any more */
    int lock_ms;       /* PostgreSQL: how long a table is waited for at a time, while its users wait behind; 0: 1000 */
    int lock_attempts; /* then somebody else goes first, and it tries again; 0: 30 */
};
bool jb_migrate(struct jb_scope *scope, size_t *ret_done);
bool jb_migrate_with(struct jb_scope *scope, const struct jb_migrate_options *options, size_t *ret_done);

/* jb check's part: every model's indexes, uniques, order, title, references resolve; types and sizes fit. Fails INVALID with one sentence, with the nearest name. */
bool jb_model_check(struct jb_scope *scope, const struct jb_model *model);

#endif
