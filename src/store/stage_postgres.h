/* stage_postgres.h — what the files of the PostgreSQL staging share (docs/decisions/0010).
 *
 * Three unlogged tables of the schema jb_stage, named after the attempt: "17.2" holds rows that were not refused while loading, without those that repeat others: the target's columns, jb_row (the
 * sheet's row number), jb_key (the primary key a sheet gave, when that is the import key). "17.2 match" says which of them are in the table or may not go in, and in which version (xmin) a row of
 * the table was met. "17.2 refused" holds sentences, "17.2 shown" (a logged one) what a preview showed. Of one that is kept, so that it can be undone, also
 * "17.2 before": what stood in the table for rows that change; "17.2 undo": what an undo found out; "17.2 backup": the whole table before the merge. A file at the staging's path holds the name: what is sealed, taken and swept is the file, and the tables go before it does. */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_STORE_STAGE_POSTGRES_H
#define JB_STORE_STAGE_POSTGRES_H

#include "store/postgres_private.h"
#include "store/stage_private.h"

/* Quoted names in the scope. */
struct jb_str jb__pg_stage_rows(struct jb_scope *scope, const struct jb_stage *stage);
struct jb_str jb__pg_stage_match(struct jb_scope *scope, const struct jb_stage *stage);
struct jb_str jb__pg_stage_refused(struct jb_scope *scope, const struct jb_stage *stage);
struct jb_str jb__pg_stage_shown_table(struct jb_scope *scope, const struct jb_stage *stage);
struct jb_str jb__pg_stage_before(struct jb_scope *scope, const struct jb_stage *stage);
struct jb_str jb__pg_stage_undone(struct jb_scope *scope, const struct jb_stage *stage);
struct jb_str jb__pg_stage_backup_table(struct jb_scope *scope, const struct jb_stage *stage);
struct jb_str jb__pg_stage_primary(struct jb_scope *scope, const struct jb_stage *stage);
/* " and ALIAS.COLUMN > from and … <= to"; INT64_MIN and INT64_MAX: no bound. */
struct jb_str jb__pg_stage_range(struct jb_scope *scope, const char *column, int64_t from, int64_t to);

/* What runs next is the part from … to (0…1) of the call, and takes about so long a row. The server does not say how far a statement is: it is told by the clock, coming ever closer to the end of the
 * part, and what is left of a part is told in small steps when the next one begins. */
void jb__pg_stage_part(struct jb_stage *stage, double from, double to, int64_t ns_per_row);

/* On the staging's own connection, after what is still on its way has arrived. Commands have no parameters. */
bool jb__pg_stage_flush(struct jb_stage *stage, struct jb_scope *scope);
bool jb__pg_stage_exec(struct jb_stage *stage, struct jb_scope *scope, struct jb_str sql, int64_t *ret_changes); /* ret_changes may be NULL */
bool jb__pg_stage_int(struct jb_stage *stage, struct jb_scope *scope, struct jb_str sql, int64_t *ret_number);   /* one row, one bigint */
/* Reads rows as the record into rows_scope: of a select, or the next ones of a cursor. */
bool jb__pg_stage_read(struct jb_stage *stage, struct jb_scope *scope, struct jb_str sql, struct jb__sink *sink);

/* For telling of what was refused, whatever ended the work before: a transaction is given up, a connection that broke is made anew. */
bool jb__pg_stage_revive(struct jb_stage *stage, struct jb_scope *scope);

/* stage_postgres_load.c */
bool jb__pg_stage_add(struct jb_stage *stage, struct jb_scope *scope, int64_t row, const void *record);
bool jb__pg_stage_refuse(struct jb_stage *stage, struct jb_scope *scope, int64_t row, struct jb_str column, struct jb_str value, struct jb_str reason);
bool jb__pg_stage_lookup(struct jb_stage *stage, struct jb_scope *scope, const struct jb_model *in, const struct jb_field *by, const struct jb_str *keys, size_t count, int64_t *ids);

/* stage_postgres_compare.c */
bool jb__pg_stage_duplicates(struct jb_stage *stage, struct jb_scope *scope, jb_stage_refuse_fn *refuse, void *arg, int64_t *ret_refused);
bool jb__pg_stage_mark_refused(struct jb_stage *stage, struct jb_scope *scope, const struct jb__sifted *rows, size_t count);
bool jb__pg_stage_value_of(struct jb_stage *stage, struct jb_scope *scope, const struct jb_field *field, int64_t row, struct jb_str *ret_value);
bool jb__pg_stage_compare(struct jb_stage *stage, struct jb_scope *scope, const struct jb_stage_compare *how, struct jb_stage_counts *ret_counts);

/* stage_postgres_look.c: pairs of a staged row and the row of the table that it meets (NULL: a new one). `where` chooses among rows s and notes m; `rest` may hold limit and offset. */
bool jb__pg_stage_pairs(struct jb_stage *stage, struct jb_scope *scope, struct jb_str where, const char *rest, jb__each_pair *each, void *arg);
bool jb__pg_stage_look(struct jb_stage *stage, struct jb_scope *scope, enum jb_stage_kind kind, int64_t after_row, int64_t offset, int64_t limit, jb__each_pair *each, void *arg);
bool jb__pg_stage_each_refused(struct jb_stage *stage, struct jb_scope *scope, jb__each_refused *each, void *arg);
bool jb__pg_stage_each_refused_of(struct jb_stage *stage, struct jb_scope *scope, struct jb_str rows, jb__each_refused *each, void *arg);
bool jb__pg_stage_each_refused_in(struct jb_stage *stage, struct jb_scope *scope, int64_t after_row, int64_t last_row, jb__each_refused *each, void *arg);

/* stage_postgres_merge.c */
bool jb__pg_stage_prepare(struct jb_stage *stage, struct jb_scope *scope, void **ret_state, bool *ret_moved);
bool jb__pg_stage_is_fresh(struct jb_stage *stage, struct jb_scope *scope, bool hold, bool *ret_fresh);
bool jb__pg_stage_merge(struct jb_stage *stage, struct jb_scope *scope, int64_t after_row, int64_t last_row);
bool jb__pg_stage_sift_begin(struct jb_stage *stage, struct jb_scope *scope, int64_t after_row, int64_t last_row, int64_t *ret_first, int64_t *ret_last);
bool jb__pg_stage_sift_part(struct jb_stage *stage, struct jb_scope *scope, int64_t after_row, int64_t last_row, struct jb__sift_part *part);
bool jb__pg_stage_sift_end(struct jb_stage *stage, struct jb_scope *scope);
bool jb__pg_stage_rule_field(struct jb_stage *stage, struct jb_scope *scope, struct jb_str rule, const struct jb_field **ret_field);

bool jb__pg_stage_text(struct jb_scope *scope, struct jb_str sql, struct jb_str *ret_text); /* on the caller's connection: one row, one text */

/* stage_postgres_sums.c: on the caller's connection. Adds, of the rows (from, to] (INT64_MIN, INT64_MAX: no bound), what new and changed ones are to hold and, when there are `changes`, what the changed
 * ones hold before. */
bool jb__pg_sums_before(struct jb_stage *stage, struct jb_scope *scope, int64_t from, int64_t to, bool changes, struct jb_stage_sums *sums);
/* The statement that writes rows of the table, called t, made to give one text: how many they are and what they add up to, as their triggers left them. And that text. */
struct jb_str jb__pg_sums_returning(struct jb_scope *scope, const struct jb_stage_sums *sums, struct jb_str sql);
bool jb__pg_sums_written(struct jb_stage_sums *sums, struct jb_str text, int64_t *ret_rows);
bool jb__pg_stage_sums_standing(struct jb_stage *stage, struct jb_scope *scope, int64_t after_row, int64_t last_row, struct jb_stage_sums *sums);

/* stage_postgres_undo.c */
bool jb__pg_stage_undo_compare(struct jb_stage *stage, struct jb_scope *scope, const struct jb_stage_undo *how, struct jb_stage_undo_counts *ret_counts);
bool jb__pg_stage_backup(struct jb_stage *stage, struct jb_scope *scope, int64_t *ret_rows); /* stage_postgres_backup.c */
bool jb__pg_stage_return_compare(struct jb_stage *stage, struct jb_scope *scope, void *check_state, struct jb_stage_undo_counts *ret_counts, struct jb_str *ret_note);
bool jb__pg_stage_return(struct jb_stage *stage, struct jb_scope *scope, int64_t *ret_differences);
bool jb__pg_stage_row(struct jb_stage *stage, struct jb_scope *scope, int64_t id, const struct jb_stage_undo *range, const void **ret_before, const void **ret_written);
bool jb__pg_stage_undo(struct jb_stage *stage, struct jb_scope *scope);
bool jb__pg_stage_undo_left(struct jb_stage *stage, struct jb_scope *scope, jb_stage_left_fn *each, void *arg);

#endif
