/* stage_sqlite.h — what the files of the SQLite staging share: rows in a SQLite file of their own (decisions.md G).
 *
 * Tables of a staging file: the target's own one (rows that were not refused while loading, without those that repeat others), whose row ids are sheet row numbers plus a constant;
 * jb_key: the primary key a sheet gave, when that is the import key; jb_match: rows of the file that are in the table or may not go in; jb_refused: sentences; jb_meta: one row. Of one that is kept, so that it can be undone, also
 * jb_before: what stood in the table for rows that change, by the staged row's id; jb_number: ids of new rows that no key tells from others; jb_undo: what an undo found out. */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_STORE_STAGE_SQLITE_H
#define JB_STORE_STAGE_SQLITE_H

#include "store/sqlite_private.h"
#include "store/stage_private.h"

/* Statements for the staging connection, in the scope. */
bool jb__stage_exec(struct jb_stage *stage, struct jb_scope *scope, const char *sql);
/* Prepares with integers bound; NULL on failure. */
sqlite3_stmt *jb__stage_prepare(struct jb_stage *stage, struct jb_scope *scope, const char *sql);
bool jb__stage_int(struct jb_stage *stage, struct jb_scope *scope, const char *sql, int64_t *ret_number);
/* Steps: true with a row; false at the end or with a failure. */
bool jb__stage_step(struct jb_stage *stage, struct jb_scope *scope, sqlite3_stmt *statement);
/* The sum of the numbers of the tables that decide about this import. */
struct jb_str jb__stage_generation_sql(struct jb_scope *scope, const struct jb_stage *stage, const char *schema);

/* The statement that comes next is the part from … to (0…1) of the running call, and takes about so many steps a row. */
void jb__stage_part(struct jb_stage *stage, double from, double to, int64_t steps_per_row);
void jb__stage_steps(void *stage, int64_t steps); /* it took so many more */

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

/* The row that the statement gives for the id, in the scope's memory; NULL: there is none, or a failure. */
void *jb__stage_record(struct jb_stage *stage, struct jb_scope *scope, sqlite3_stmt *statement, int64_t id);
/* stage_sqlite_keep.c: what an undo will want to know of the rows (from, to], noted by the comparison that found them; and forgotten, when it is repeated. */
bool jb__stage_keep(struct jb_stage *stage, struct jb_scope *scope, int64_t from, int64_t to);
bool jb__stage_keep_forget(struct jb_stage *stage, struct jb_scope *scope, int64_t from, int64_t to);
/* stage_sqlite_sums.c: on the writer, with the staging file attached. Adds what the new and changed rows of the staged ids (from, to] are to hold, and what the changed ones hold before they are written; … and
 * what all of them hold afterwards. The same of a whole file that was copied. */
struct jb__sums_range {
    int64_t from, to, last_id; /* the table's highest before */
};
bool jb__sums_before(sqlite3 *writer, struct jb_stage *stage, struct jb_scope *scope, struct jb__sums_range *range, struct jb_stage_sums *sums);
bool jb__sums_after(sqlite3 *writer, struct jb_stage *stage, struct jb_scope *scope, const struct jb__sums_range *range, int64_t inserted, struct jb_stage_sums *sums);
bool jb__sums_copied(sqlite3 *writer, struct jb_stage *stage, struct jb_scope *scope, struct jb_stage_sums *sums);
bool jb__sqlite_stage_sums_standing(struct jb_stage *stage, struct jb_scope *scope, int64_t after_row, int64_t last_row, struct jb_stage_sums *sums);
bool jb__sqlite_int(sqlite3 *writer, struct jb_scope *scope, const char *sql, int64_t *ret_number); /* one number, on the writer */
/* One statement on the writer; its numbers are bound in order. */
bool jb__stage_on_writer(sqlite3 *writer, struct jb_stage *stage, struct jb_scope *scope, const char *sql, const struct jb_value *args, int count, int64_t *ret_changes, struct jb_str *ret_rule);

/* stage_sqlite_compare.c, stage_sqlite_merge.c, stage_sqlite_undo.c: members of jb__sqlite_stage. */
bool jb__sqlite_stage_duplicates(struct jb_stage *stage, struct jb_scope *scope, jb_stage_refuse_fn *refuse, void *arg, int64_t *ret_refused);
bool jb__sqlite_stage_note(struct jb_stage *stage, struct jb_scope *scope, bool *ret_moved);
bool jb__sqlite_stage_compare(struct jb_stage *stage, struct jb_scope *scope, const struct jb_stage_compare *how, struct jb_stage_counts *ret_counts);
bool jb__sqlite_stage_target_empty(struct jb_stage *stage, struct jb_scope *scope, bool *ret_empty);
bool jb__sqlite_stage_index(struct jb_stage *stage, struct jb_scope *scope);
bool jb__sqlite_stage_range_end(struct jb_stage *stage, struct jb_scope *scope, int64_t after_row, int64_t limit, int64_t *ret_last_row);
bool jb__sqlite_stage_attach(struct jb_stage *stage, struct jb_scope *scope);
bool jb__sqlite_stage_detach(struct jb_stage *stage, struct jb_scope *scope);
bool jb__sqlite_stage_is_fresh(struct jb_stage *stage, struct jb_scope *scope, bool hold, bool *ret_fresh);
bool jb__sqlite_stage_merge(struct jb_stage *stage, struct jb_scope *scope, int64_t after_row, int64_t last_row);
bool jb__sqlite_stage_sift_begin(struct jb_stage *stage, struct jb_scope *scope, int64_t after_row, int64_t last_row, int64_t *ret_first, int64_t *ret_last);
bool jb__sqlite_stage_sift_part(struct jb_stage *stage, struct jb_scope *scope, int64_t after_row, int64_t last_row, struct jb__sift_part *part);
bool jb__sqlite_stage_sift_end(struct jb_stage *stage, struct jb_scope *scope);
bool jb__sqlite_stage_rule_field(struct jb_stage *stage, struct jb_scope *scope, struct jb_str rule, const struct jb_field **ret_field);
bool jb__sqlite_stage_value_of(struct jb_stage *stage, struct jb_scope *scope, const struct jb_field *field, int64_t row, struct jb_str *ret_value);
bool jb__sqlite_stage_mark_refused(struct jb_stage *stage, struct jb_scope *scope, const struct jb__sifted *rows, size_t count);
bool jb__sqlite_stage_merge_empty(struct jb_stage *stage, struct jb_scope *scope, bool *ret_possible);
bool jb__sqlite_stage_refused(struct jb_stage *stage, struct jb_scope *scope, jb__each_refused *each, void *arg);
bool jb__sqlite_stage_refused_of(struct jb_stage *stage, struct jb_scope *scope, struct jb_str rows, jb__each_refused *each, void *arg);
bool jb__sqlite_stage_refused_in(struct jb_stage *stage, struct jb_scope *scope, int64_t after_row, int64_t last_row, jb__each_refused *each, void *arg);
bool jb__sqlite_stage_refused_count(struct jb_stage *stage, struct jb_scope *scope, int64_t *ret_errors);
bool jb__sqlite_stage_refused_rows(struct jb_stage *stage, struct jb_scope *scope, int64_t *ret_rows);
bool jb__sqlite_stage_look(struct jb_stage *stage, struct jb_scope *scope, enum jb_stage_kind kind, int64_t after_row, int64_t offset, int64_t limit, jb__each_pair *each, void *arg);
bool jb__sqlite_stage_undo_compare(struct jb_stage *stage, struct jb_scope *scope, const struct jb_stage_undo *how, struct jb_stage_undo_counts *ret_counts);
/* stage_sqlite_backup.c */
bool jb__sqlite_stage_backup(struct jb_stage *stage, struct jb_scope *scope, int64_t *ret_rows);
bool jb__sqlite_stage_return_compare(struct jb_stage *stage, struct jb_scope *scope, void *check_state, struct jb_stage_undo_counts *ret_counts, struct jb_str *ret_note);
bool jb__sqlite_stage_return(struct jb_stage *stage, struct jb_scope *scope, int64_t *ret_differences);
bool jb__sqlite_stage_row(struct jb_stage *stage, struct jb_scope *scope, int64_t id, const struct jb_stage_undo *range, const void **ret_before, const void **ret_written);
bool jb__sqlite_stage_undo(struct jb_stage *stage, struct jb_scope *scope);
bool jb__sqlite_stage_undo_left(struct jb_stage *stage, struct jb_scope *scope, jb_stage_left_fn *each, void *arg);

#endif
