/* stage_private.h — what the files of the staging share.
 *
 * Tables of a staging file: the target's own one (rows that were not refused while loading, without those that repeat others); jb_key: the primary key a sheet gave,
 * when that is the import key; jb_match: rows of the file that are in the table or may not go in; jb_refused: sentences; jb_meta: one row. */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_STORE_STAGE_PRIVATE_H
#define JB_STORE_STAGE_PRIVATE_H

#include "store/stage.h"
#include "store/sqlite_private.h"

/* jb_match.state; a row that is not there at all is new. */
enum jb__match {
    JB_MATCH_UNCHANGED,
    JB_MATCH_CHANGED,
    JB_MATCH_SKIPPED,
    JB_MATCH_REFUSED,
};

#define JB_STAGE_COLUMNS_MAX 200

struct jb_stage {
    struct jb_db *db;
    sqlite3 *handle;
    char *path;
    const struct jb_model *model;
    const struct jb_field *columns[JB_STAGE_COLUMNS_MAX], *match[JB_STAGE_COLUMNS_MAX];
    size_t column_count, match_count;
    bool by_id;
    bool attached; /* to the writer */
    bool indexed;  /* as the target is */
    bool key_indexed;
    int comparisons;
    int key_group;
    bool comparing;         /* refusals are of the comparison, forgotten when it is repeated */
    int64_t rows;           /* added; of a sealed file, those that are in it */
    int64_t id_base;        /* id of a staged row = id_base + row of the sheet */
    int64_t generation;     /* of the target when it was compared */
    struct jb_scope *scope; /* of the call that runs: its cancellation interrupts */
    sqlite3_stmt *add, *add_key, *refuse;
    struct jb__watch {
        jb_stage_watch_fn *tell;
        void *arg;
        double from, to;         /* the part of the call that the running statement is */
        int64_t steps, expected; /* of SQLite's virtual machine */
    } watch;
};

/* The statement that comes next is the part from … to (0…1) of the running call, and takes about so many steps a row. */
void jb__stage_part(struct jb_stage *stage, double from, double to, int64_t steps_per_row);
void jb__stage_steps(void *stage, int64_t steps); /* it took so many more */

/* Statements for the staging connection, in the scope. */
struct jb_str jb__stage_table(struct jb_scope *scope, const struct jb_stage *stage); /* quoted */
struct jb_str jb__quoted(struct jb_scope *scope, const char *name);
/* The fields one after another: every @ of `pattern` is a quoted name. */
struct jb_str jb__stage_list(struct jb_scope *scope, const struct jb_field *const *fields, size_t count, const char *pattern, const char *between);
bool jb__stage_exec(struct jb_stage *stage, struct jb_scope *scope, const char *sql);
/* Prepares with integers bound; NULL on failure. */
sqlite3_stmt *jb__stage_prepare(struct jb_stage *stage, struct jb_scope *scope, const char *sql);
bool jb__stage_int(struct jb_stage *stage, struct jb_scope *scope, const char *sql, int64_t *ret_number);
/* Steps: true with a row; false at the end or with a failure. */
bool jb__stage_step(struct jb_stage *stage, struct jb_scope *scope, sqlite3_stmt *statement);
/* The sum of the numbers of the tables that decide about this import. */
struct jb_str jb__stage_generation_sql(struct jb_scope *scope, const struct jb_stage *stage, const char *schema);

/* file:PATH?mode=… with what means something in a URI escaped. */
struct jb_str jb__file_uri(struct jb_scope *scope, const char *path, bool read_only);
/* The merge is one copy of b-trees into an empty table. */
bool jb__stage_copies(const struct jb_stage *stage);

/* Pairs of a staged row and the row of the table that it meets. */
struct jb__pairs {
    struct jb_stage *stage;
    sqlite3_stmt *ids, *after, *before;
};
bool jb__pairs_open(struct jb__pairs *pairs, struct jb_stage *stage, struct jb_scope *scope, const char *ids_sql);
void jb__pairs_close(struct jb__pairs *pairs);
/* The next pair; before is NULL for a new row. Both live in the scope's memory. */
bool jb__pairs_next(struct jb__pairs *pairs, struct jb_scope *scope, int64_t *ret_row, void **ret_after, void **ret_before);

#endif
