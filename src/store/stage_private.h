/* stage_private.h — between stage.h's door and the two stagings behind it (stage_sqlite.h, stage_postgres.h), and what both read off a model.
 *
 * Both follow the same order: duplicates within the file; then, for a range of rows, which are in the table (unchanged, changed, skipped), the mode's rule, references, unique values, the model's
 * own check. A row that one rule refused meets no later one. */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_STORE_STAGE_PRIVATE_H
#define JB_STORE_STAGE_PRIVATE_H

#include "base/map.h"
#include "store/ddl.h"
#include "store/stage.h"
#include "store/store_private.h"

#define JB_STAGE_COLUMNS_MAX 200

/* What is noted of a row; one that is not noted at all is new. */
enum jb__match {
    JB_MATCH_UNCHANGED,
    JB_MATCH_CHANGED,
    JB_MATCH_SKIPPED,
    JB_MATCH_REFUSED,
};

typedef bool jb__each_refused(void *arg, struct jb_scope *scope, int64_t row, struct jb_str column, struct jb_str value, struct jb_str reason);
typedef bool jb__each_pair(void *arg, struct jb_scope *scope, int64_t row, const void *after, const void *before);

struct jb__sift_part {
    int64_t new_rows, changed;              /* written */
    int64_t expected_new, expected_changed; /* by the comparison */
    struct jb_str rule;                     /* of a failure: the database's name of what was broken, in the scope */
    struct jb_stage_sums sums;
};
/* A row that the table refused. Names and sentences are mostly the same from row to row, and kept once. */
struct jb__sifted {
    int64_t row;
    const char *field; /* NULL: `rule` may tell */
    const char *rule, *reason;
};

/* As stage.h says of the function of that name. */
struct jb__stage_driver {
    bool (*open)(struct jb_stage *stage, struct jb_scope *scope, int64_t head_row);
    bool (*open_sealed)(struct jb_stage *stage, struct jb_scope *scope);
    void (*close)(struct jb_stage *stage); /* also a half-opened one */
    bool (*seal)(struct jb_stage *stage, struct jb_scope *scope, const char *sealed);
    bool (*begin)(struct jb_stage *stage, struct jb_scope *scope);
    bool (*commit)(struct jb_stage *stage, struct jb_scope *scope);
    bool (*add)(struct jb_stage *stage, struct jb_scope *scope, int64_t row, const void *record);
    bool (*refuse)(struct jb_stage *stage, struct jb_scope *scope, int64_t row, struct jb_str column, struct jb_str value, struct jb_str reason);
    bool (*lookup)(struct jb_stage *stage, struct jb_scope *scope, const struct jb_model *in, const struct jb_field *by, const struct jb_str *keys, size_t count, int64_t *ids);
    bool (*duplicates)(struct jb_stage *stage, struct jb_scope *scope, jb_stage_refuse_fn *refuse, void *arg, int64_t *ret_refused);
    bool (*note)(struct jb_stage *stage, struct jb_scope *scope, bool *ret_moved);
    bool (*prepare)(struct jb_stage *stage, struct jb_scope *scope, void **ret_state, bool *ret_moved);
    bool (*compare)(struct jb_stage *stage, struct jb_scope *scope, const struct jb_stage_compare *how, struct jb_stage_counts *ret_counts);
    bool (*target_empty)(struct jb_stage *stage, struct jb_scope *scope, bool *ret_empty);
    bool (*index)(struct jb_stage *stage, struct jb_scope *scope);
    bool (*range_end)(struct jb_stage *stage, struct jb_scope *scope, int64_t after_row, int64_t limit, int64_t *ret_last_row);
    bool (*attach)(struct jb_stage *stage, struct jb_scope *scope);
    bool (*detach)(struct jb_stage *stage, struct jb_scope *scope);
    bool (*is_fresh)(struct jb_stage *stage, struct jb_scope *scope, bool hold, bool *ret_fresh);
    bool (*merge)(struct jb_stage *stage, struct jb_scope *scope, int64_t after_row, int64_t last_row);
    /* stage_sift.c: the first and last row of a range that is to be merged by parts; a part in an open savepoint, what it did and what it should have; what must hold when all are in. */
    bool (*sift_begin)(struct jb_stage *stage, struct jb_scope *scope, int64_t after_row, int64_t last_row, int64_t *ret_first, int64_t *ret_last);
    bool (*sift_part)(struct jb_stage *stage, struct jb_scope *scope, int64_t after_row, int64_t last_row, struct jb__sift_part *part);
    bool (*sift_end)(struct jb_stage *stage, struct jb_scope *scope);
    /* On the import's thread: the field that the database's name of a rule is about, or NULL; a staged value as text; rows to be taken for refused. */
    bool (*rule_field)(struct jb_stage *stage, struct jb_scope *scope, struct jb_str rule, const struct jb_field **ret_field);
    bool (*value_of)(struct jb_stage *stage, struct jb_scope *scope, const struct jb_field *field, int64_t row, struct jb_str *ret_value);
    bool (*mark_refused)(struct jb_stage *stage, struct jb_scope *scope, const struct jb__sifted *rows, size_t count);
    bool (*sums_standing)(struct jb_stage *stage, struct jb_scope *scope, int64_t after_row, int64_t last_row, struct jb_stage_sums *sums); /* `file` of unchanged rows */
    bool (*merge_empty)(struct jb_stage *stage, struct jb_scope *scope, bool *ret_possible);                                                /* NULL: an insert from the staged rows is as quick as a copy would be */
    bool (*refused)(struct jb_stage *stage, struct jb_scope *scope, jb__each_refused *each, void *arg);
    bool (*refused_of)(struct jb_stage *stage, struct jb_scope *scope, struct jb_str rows, jb__each_refused *each, void *arg); /* rows: "1, 2, 3" */
    bool (*refused_in)(struct jb_stage *stage, struct jb_scope *scope, int64_t after_row, int64_t last_row, jb__each_refused *each, void *arg);
    bool (*refused_count)(struct jb_stage *stage, struct jb_scope *scope, int64_t *ret_errors);
    bool (*refused_rows)(struct jb_stage *stage, struct jb_scope *scope, int64_t *ret_rows);
    bool (*look)(struct jb_stage *stage, struct jb_scope *scope, enum jb_stage_kind kind, int64_t after_row, int64_t offset, int64_t limit, jb__each_pair *each, void *arg);
    bool (*show)(struct jb_stage *stage, struct jb_scope *scope);
    bool (*shown)(struct jb_stage *stage, struct jb_scope *scope, bool *ret_there);
    bool (*differ)(struct jb_stage *stage, struct jb_scope *scope, int64_t limit, jb_stage_differ_fn *each, void *arg, int64_t *ret_count);
    bool (*undo_compare)(struct jb_stage *stage, struct jb_scope *scope, const struct jb_stage_undo *how, struct jb_stage_undo_counts *ret_counts);
    bool (*undo)(struct jb_stage *stage, struct jb_scope *scope);
    bool (*undo_left)(struct jb_stage *stage, struct jb_scope *scope, jb_stage_left_fn *each, void *arg);
    bool (*backup)(struct jb_stage *stage, struct jb_scope *scope, int64_t *ret_rows);
    bool (*return_compare)(struct jb_stage *stage, struct jb_scope *scope, void *check_state, struct jb_stage_undo_counts *ret_counts, struct jb_str *ret_note);
    bool (*return_all)(struct jb_stage *stage, struct jb_scope *scope, int64_t *ret_differences);
    bool (*row)(struct jb_stage *stage, struct jb_scope *scope, int64_t id, const struct jb_stage_undo *range, const void **ret_before, const void **ret_written);
    bool (*bytes)(struct jb_scope *scope, struct jb_db *db, const char *path, int64_t *ret_bytes);
    bool (*remove)(struct jb_scope *scope, struct jb_db *db, const char *path);
    bool (*sweep)(struct jb_scope *scope, struct jb_db *db, jb_stage_needed_fn *is_needed, void *arg);
};
extern const struct jb__stage_driver jb__sqlite_stage, jb__postgres_stage;

struct sqlite3;
struct sqlite3_stmt;
struct jb__stage_sqlite {
    struct sqlite3 *handle;
    bool attached; /* to the writer */
    bool indexed;  /* as the target is */
    bool key_indexed;
    int key_group;
    int64_t numbered;           /* new rows that the last comparison gave an id */
    int64_t id_base;            /* id of a staged row = id_base + row of the sheet */
    int64_t generation;         /* of the target when it was compared */
    struct jb_stage_counts due; /* what the last comparison says that a merge will do */
    struct jb_scope *scope;     /* of the call that runs: its cancellation interrupts */
    int64_t rows;               /* added; of a sealed file, those that are in it */
    double from, to;            /* the part of the call that the running statement is */
    int64_t steps, expected;    /* of SQLite's virtual machine, for it */
    struct sqlite3_stmt *add, *add_key, *refuse;
};

struct jb__pg_connection;
struct jb__stage_postgres {
    struct jb__pg_connection *connection;
    char name[64];                   /* of the tables, without schema */
    struct jb_buf rows, refused;     /* in COPY's format, on their way */
    bool copying;                    /* a COPY of rows is open on the connection */
    bool shows;                      /* looking: at what was shown, not at what stands in the table now */
    bool renewed;                    /* the connection broke: the server may have crashed, and emptied the tables */
    struct jb_stage_counts expected; /* what the last comparison says that a merge will do */
    char *deciders, *decider_lock;   /* SQL: a number that stands for what check_prepare read, and a lock on those tables; NULL: it reads none */
    char fingerprint[64];            /* that number when it read */
    struct jb_str rule;              /* of the statement that failed last, in its scope */
    bool rewritten;                  /* the table has rewrite rules: what writes it cannot tell what it wrote */
    int64_t rows_added;
    double from, to, told;        /* the part of the call that the running statements are; what was told last */
    int64_t part_us, expected_us; /* when it began, how long it may take */
};

struct jb_stage {
    const struct jb__stage_driver *driver;
    struct jb_db *db;
    char *path;
    const struct jb_model *model;
    const struct jb_field *columns[JB_STAGE_COLUMNS_MAX], *match[JB_STAGE_COLUMNS_MAX];
    size_t column_count, match_count;
    bool by_id, keeps, undoes;
    int comparisons;
    bool comparing; /* refusals are of the comparison, forgotten when it is repeated */
    bool refused_indexed;
    struct jb_stage_sums sums;    /* of the transaction's merges */
    bool moved;                   /* the last merge met another table than the comparison */
    struct jb_scope *sift_memory; /* stage_sift.c; NULL: nothing was sifted */
    struct jb__sifted *sifted;
    size_t sifted_count, sifted_capacity;
    struct jb_map sift_words;
    struct jb__watch {
        jb_stage_watch_fn *tell;
        void *arg;
    } watch;
    union {
        struct jb__stage_sqlite sqlite;
        struct jb__stage_postgres pg;
    };
};

void jb__stage_tell(struct jb_stage *stage, double share); /* whoever watches */

/* ---- stage_fields.c ----------------------------------------------------------------------------------------------------- */

struct jb_str jb__stage_table(struct jb_scope *scope, const struct jb_stage *stage); /* the target's name, quoted */
/* The fields one after another: every @ of `pattern` is a quoted name. */
struct jb_str jb__stage_list(struct jb_scope *scope, const struct jb_field *const *fields, size_t count, const char *pattern, const char *between);
/* Those of the model that are columns. `fields` has room for JB_STAGE_COLUMNS_MAX. */
size_t jb__stage_stored(const struct jb_model *model, bool with_primary, const struct jb_field **fields);
/* Those that a row of the sheet may change, and times that every change sets. */
size_t jb__stage_written(const struct jb_stage *stage, const struct jb_field **fields);
/* By which a row of the sheet can differ from the one it meets: what it brings, but for the key. */
size_t jb__stage_differing(const struct jb_stage *stage, const struct jb_field **fields);
/* Those that an undo sets to the time: the import did too, and nobody compares them. */
size_t jb__stage_auto_now(const struct jb_stage *stage, const struct jb_field **fields);
/* By which it is seen whether a row was touched since: those that the import wrote there; those that it did not. */
size_t jb__stage_left_by_insert(const struct jb_stage *stage, const struct jb_field **fields);
size_t jb__stage_left_alone(const struct jb_stage *stage, const struct jb_field **fields);
/* Of new rows that no key tells from others, a condition on the alias: SQL, or NULL when there are none. */
struct jb_str jb__stage_unkeyed(struct jb_scope *scope, const struct jb_stage *stage, const char *alias);
void jb__stage_undo_count(struct jb_stage_undo_counts *counts, int state, int64_t rows);
/* Asks the model's check about undoing one row; what it said against it is *ret_note, otherwise NULL. */
bool jb__stage_undo_check(struct jb_stage *stage, struct jb_scope *scope, void *check_state, const void *before, const void *after, struct jb_str *ret_note);
bool jb__stage_brings(const struct jb_stage *stage, const struct jb_field *field);
const struct jb_field *jb__stage_key(const struct jb_stage *stage); /* first of the import key */

/* Fields that are unique together. */
struct jb__stage_group {
    const struct jb_field *fields[JB_STAGE_COLUMNS_MAX];
    size_t count;
    int index; /* names its index */
    bool is_key, brought;
};
/* The n-th of the model: its unique fields, then its lists; false after the last. */
bool jb__stage_group_at(const struct jb_stage *stage, int n, struct jb__stage_group *ret_group);
/* Keys that are looked up in one statement, as a JSON list. */
struct jb_str jb__stage_keys(struct jb_scope *scope, const struct jb_str *keys, size_t count);
/* The row as it would stand in the table: what is there, with the sheet's columns over it. */
void *jb__stage_lay_over(const struct jb_stage *stage, struct jb_scope *scope, const void *before, const void *staged);
/* Asks the model's check; a refusal goes to `refuse`. *ret_good: the row may go in. */
bool jb__stage_check(struct jb_stage *stage, struct jb_scope *scope, const struct jb_stage_compare *how, int64_t row, const void *before, const void *after, bool *ret_good);

/* ---- stage_sums.c ----------------------------------------------------------------------------------------------------------- */

/* What is to be summed, nothing added yet; its fields (room for JB_STAGE_SUMS_MAX), as many as it returns. */
struct jb_stage_sums jb__sums_of(const struct jb_stage *stage);
size_t jb__sums_fields(const struct jb_stage_sums *sums, const struct jb_field **fields);
bool jb__sums_stand(const struct jb_stage_sums *sums, struct jb_scope *scope); /* INVALID, naming the field */
void jb__sums_add(struct jb_stage *stage, const struct jb_stage_sums *sums);

/* ---- stage_sift.c ----------------------------------------------------------------------------------------------------------- */

void jb__stage_sift_done(struct jb_stage *stage);
/* The first stored field that stands as a word in a text that has names in it. */
const struct jb_field *jb__stage_field_in(const struct jb_stage *stage, struct jb_str text);
/* The table took fewer rows than it was given and said nothing: INVALID. */
bool jb__stage_fail_left_out(struct jb_scope *scope, int64_t count);

/* ---- stage_files.c: a staging's file in the spool -------------------------------------------------------------------------- */

/* fsync of the file and rename to `sealed`, durable in its folder. */
bool jb__stage_file_seal(struct jb_scope *scope, const char *path, const char *sealed);

#endif
