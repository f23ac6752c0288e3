/* driver.h — the seam behind which a database stands.
 *
 * Above it everything speaks models, conditions and jb_value; below it a driver speaks one database. A statement comes down complete: its text, its
 * parameters already of their column's kind (params.c), the record its rows shall become, and what the driver needs to choose a connection (file, write or
 * read, how many rows at most). Rows go up through jb__row_add, so that a driver never knows where they are kept. */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_STORE_DRIVER_H
#define JB_STORE_DRIVER_H

#include "store/store.h"

/* Which bit says that a member is there, when the record read is only a part of one, or several. */
struct jb__presence {
    size_t offset; /* of the word in the row; SIZE_MAX: there is none */
    unsigned bit;
};

/* Where the rows of a statement go: an array that grows in the scope, or one row of the caller's. */
struct jb__sink {
    struct jb_scope *scope; /* owner of the array and the texts */
    const struct jb_record *record;
    size_t field_count;                   /* jb_record_count */
    size_t presence_offset;               /* SIZE_MAX: the record has no presence word */
    size_t presence_bits;                 /* how many members it speaks for */
    const struct jb__presence *presences; /* per field, where each has its own word; NULL: the record's */
    char *data;
    size_t count, capacity, max; /* reading stops at max rows */
};

struct jb__statement {
    struct jb_str sql; /* every parameter is a ? */
    const struct jb_value *args;
    size_t arg_count;
    bool live;             /* which file */
    bool write;            /* may change something */
    enum jb_reads reads;   /* what the query itself says */
    bool in_order;         /* result columns are the record's fields in order; otherwise they are found by name */
    int64_t row_limit;     /* how many rows it can give at most; 0: not stated */
    struct jb__sink *sink; /* NULL: rows are not wanted */
    /* For sentences about broken rules; both may be NULL. */
    const struct jb_model *model;
    const void *row;
    struct jb_str *ret_rule; /* NULL, or where the database's own name of the broken rule goes; "" for none */
    /* Results of a write. */
    int64_t changes, id;
};

/* Many rows at once. The text serves a driver that runs it for each row; another one reads what is wanted from the rest and does it its own way. */
struct jb__batch {
    struct jb_str sql; /* parameters are `fields` of one row */
    const struct jb_model *model;
    const struct jb_field *const *fields; /* inserting: every column, in the record's order, the primary key (0: NULL) among them; updating: the columns that are set, the primary key last */
    size_t field_count;
    const struct jb_bulk *how; /* never NULL */
    bool update;               /* rows that are there already get new values, by their primary key */
    const char *rows;          /* count * record.size bytes */
    size_t count;
    int64_t inserted, updated, ignored; /* ignored: as they were (also: nothing to update in them) */
};

struct jb_tx; /* db.c */
struct jb__pages;
struct jb__stream;
struct jb__found;
struct jb__stage_driver; /* stage_private.h */

/* What differs in the SQL that select.c, bulk.c and params.c write. Everything else is one text for both databases. */
struct jb__dialect {
    const char *like;             /* " like ", " ilike ": ASCII letters without case */
    const char *part_of[2];       /* around a column that is no text but is searched by a part (a date) */
    const char *part_of_month[2]; /* … a month: 2026-11 */
    const char *as_text[2];       /* around a column of a kind that no member has (jb_field.as_text) */
    const char *explain;          /* around a statement (%.*s), to one column of text: how it would be run */
    bool says_kinds;              /* the database says which kind a parameter has, so that params.c need not read the literal */
    bool takes_arrays;            /* an ids parameter is one array, not a list of ? */
    bool nulls_last;              /* orders NULL after everything unless told otherwise: NULL is the smallest here, as in SQLite */
    bool locks_rows;              /* knows `for update`; otherwise a transaction excludes others anyway */
    bool returns_id;              /* an insert must ask for the id that it made: the first column of its one row goes to statement.id */
};

/* Every function fails in the scope with a sentence. `tx` is the open transaction on that file, NULL outside one. */
struct jb_driver {
    const char *kind; /* "sqlite" */
    const char *url;  /* what its DATABASE_URL begins with */
    const struct jb__dialect *dialect;
    const struct jb__stage_driver *stage;
    bool (*open)(struct jb_db *db, struct jb_scope *scope, const struct jb_db_options *options);
    void (*close)(struct jb_db *db);
    bool (*run)(struct jb_db *db, struct jb_scope *scope, struct jb_tx *tx, struct jb__statement *statement);
    bool (*batch)(struct jb_db *db, struct jb_scope *scope, struct jb_tx *tx, struct jb__batch *batch);
    /* depth 0 is the transaction itself, deeper ones are savepoints inside it. Rolling back cannot fail. */
    bool (*begin)(struct jb_db *db, struct jb_scope *scope, bool live, int depth, void **handle); /* *handle: the driver's, set at depth 0 */
    bool (*commit)(struct jb_db *db, struct jb_scope *scope, bool live, int depth, void *handle);
    void (*rollback)(struct jb_db *db, bool live, int depth, void *handle);
    /* A statement that stays open and gives its rows page by page; its sink is emptied before each page. */
    struct jb__pages *(*pages_open)(struct jb_db *db, struct jb_scope *scope, struct jb_tx *tx, const struct jb__statement *statement);
    bool (*pages_next)(struct jb__pages *pages, struct jb_scope *scope, bool *ret_end);
    void (*pages_close)(struct jb__pages *pages);
    /* All rows of a statement without parameters in one go, outside transactions; NULL: the driver has only pages. `needed` says of which of the columns, which are `fields`, values are wanted. Texts are borrowed until the next call. */
    struct jb__stream *(*stream_open)(struct jb_db *db, struct jb_scope *scope, const struct jb__statement *statement, const struct jb_field *fields, const bool *needed);
    bool (*stream_next)(struct jb__stream *stream, struct jb_scope *scope, struct jb_value *values, bool *ret_end);
    void (*stream_close)(struct jb__stream *stream);
    bool (*live_version)(struct jb_db *db, struct jb_scope *scope, int64_t *ret_version);
    bool (*live_tell)(struct jb_db *db, struct jb_scope *scope);                                   /* NULL: the database tells by itself */
    bool (*check_prepare)(struct jb_scope *scope, const struct jb_model *model, void **ret_state); /* and holds what it read until the end of the transaction; NULL: a transaction alone holds it */
    void (*stats)(struct jb_db *db, struct jb_db_stats *stats);                                    /* adds what it knows; may be NULL */
    /* What tables there are, and what a column of a type holds (introspect_private.h). */
    bool (*describe)(struct jb_db *db, struct jb_scope *scope, struct jb__found *ret_found);
    bool (*column_kind)(struct jb_str type, struct jb_field *field);
    /* Compares the tables with the models and, with options, makes them alike. */
    bool (*migrate)(struct jb_db *db, struct jb_scope *scope, const struct jb_migrate_options *apply, struct jb_migration_step **ret_steps, size_t *ret_count);
};

extern const struct jb_driver jb__sqlite_driver, jb__postgres_driver;

/* What begin gave for the outermost transaction; NULL for NULL. */
void *jb__tx_handle(const struct jb_tx *tx);
/* It has been committed or rolled back; `outermost`: the one around all, whose handle is gone then. */
bool jb__tx_has_ended(const struct jb_tx *tx, bool outermost);

/* ---- for drivers (rows.c) ------------------------------------------------------------------------------------------ */

void jb__sink_init(struct jb__sink *sink, struct jb_scope *scope, const struct jb_record *record, size_t max);
/* The field of the sink's record that a result column belongs to: the next one, or the one of that name. `next` counts, from 0. */
bool jb__column_find(struct jb_scope *scope, const struct jb__statement *what, struct jb_str name, size_t *next, uint16_t *ret_index);
/* LIMIT when the rows so far are too big for one more. */
bool jb__sink_has_room(struct jb_scope *scope, const struct jb__sink *sink);
/* The column holds something that is no value for its member. */
bool jb__fail_member(struct jb_scope *scope, const struct jb__sink *sink, const struct jb_field *field, struct jb_str text);
/* Room for the next row, zeroed; the row counts at once. */
void *jb__row_add(struct jb__sink *sink);
/* Puts a value that the driver decoded for field `index` into a zeroed row; NULL leaves it absent. false when it does not fit the member. */
bool jb__member_set(const struct jb__sink *sink, void *row, size_t index, struct jb_value value);

#endif
