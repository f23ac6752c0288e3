/* stage.h — rows of an import on their way: checked and compared beside the table, merged into it by sets.
 *
 *   load     jb_stage_add, in batches (jb_stage_begin … jb_stage_commit)
 *   compare  jb_stage_compare: duplicates within the file, rules against the table, and per row: new, changed or unchanged
 *   merge    jb_stage_merge: within a transaction, rows of a range, by `insert … select` and `update … from`
 * What was never sealed is thrown away after a crash; what was can be opened again.
 *
 * SQLite stages in a file of its own (docs/decisions/0008), PostgreSQL in unlogged tables, with a file of their name at the same path (0010). On both the last part of the path begins with the job's
 * number. Between comparing and merging others may write. SQLite knows from a number per table that nobody did (jb_stage_is_fresh); PostgreSQL lets them and counts what the merge did
 * (jb_stage_moved).
 *
 * What is not said to be asked within or outside a transaction blocks and belongs to one thread at a time (a jb_thread of the import's own). */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_STORE_STAGE_H
#define JB_STORE_STAGE_H

#include "store/store.h"

struct jb_stage;

struct jb_stage_options {
    const char *path;
    const struct jb_model *model;
    const struct jb_field *const *columns; /* what the sheet brings: compared, and written to rows that exist */
    size_t column_count;
    const struct jb_field *const *match; /* the import key */
    size_t match_count;
    bool by_id;       /* the key is the primary key: rows with id 0 are new */
    bool keeps;       /* so that what is merged can be undone: the comparison notes what stood in the table, and which new row gets which id where no key tells */
    bool undoes;      /* to be undone: nothing is merged from it any more */
    int64_t head_row; /* the row above the first */
};
struct jb_stage *jb_stage_open(struct jb_scope *scope, struct jb_db *db, const struct jb_stage_options *options); /* makes the file */
struct jb_stage *jb_stage_open_sealed(struct jb_scope *scope, struct jb_db *db, const struct jb_stage_options *options);
void jb_stage_close(struct jb_stage *stage); /* NULL is fine */
/* Durable under the path `sealed`, closed. */
bool jb_stage_seal(struct jb_stage *stage, struct jb_scope *scope, const char *sealed);

/* How far the call is that runs now (duplicates, index, compare, merge), 0…1: told often, from the thread that works. Within one long statement of SQLite it is estimated from its steps.
 * NULL ends it. */
typedef void jb_stage_watch_fn(void *arg, double share);
void jb_stage_watch(struct jb_stage *stage, jb_stage_watch_fn *watch, void *arg);

/* ---- loading ------------------------------------------------------------------------------------------------------------- */

bool jb_stage_begin(struct jb_stage *stage, struct jb_scope *scope);
bool jb_stage_commit(struct jb_stage *stage, struct jb_scope *scope);
bool jb_stage_add(struct jb_stage *stage, struct jb_scope *scope, int64_t row, const void *record);
/* A refused cell (or row: column NULL). Row is the sheet's. */
bool jb_stage_refuse(struct jb_stage *stage, struct jb_scope *scope, int64_t row, struct jb_str column, struct jb_str value, struct jb_str reason);
/* ids[i]: of the row of `in` whose `by` is keys[i] (as text); 0 when there is none. One question for all. */
bool jb_stage_lookup(struct jb_stage *stage, struct jb_scope *scope, const struct jb_model *in, const struct jb_field *by, const struct jb_str *keys, size_t count, int64_t *ids);

/* ---- comparing ------------------------------------------------------------------------------------------------------------- */

enum jb_stage_conflict {
    JB_STAGE_DUPLICATE, /* other_row of the file has the same value */
    JB_STAGE_EXISTS,    /* the key is in the table, and rows are to be new */
    JB_STAGE_UNKNOWN,   /* the key is not in the table, and rows are to exist */
    JB_STAGE_TAKEN,     /* another row of the table has that unique value */
    JB_STAGE_MISSING,   /* the row it refers to is gone */
    JB_STAGE_CHECKED,   /* the model's check refused it: `reason` */
};
struct jb_stage_refusal {
    enum jb_stage_conflict conflict;
    int64_t row, other_row;
    const struct jb_field *field; /* first of the group; CHECKED: the one that the check named, or NULL */
    struct jb_str value, reason;
};
/* Called for each refused row; writes the sentence by jb_stage_refuse. */
typedef bool jb_stage_refuse_fn(void *arg, struct jb_scope *scope, const struct jb_stage_refusal *refusal);
/* Rows that repeat a unique value of an earlier one are taken out; once, after the last row was added. *ret_refused counts them. */
bool jb_stage_duplicates(struct jb_stage *stage, struct jb_scope *scope, jb_stage_refuse_fn *refuse, void *arg, int64_t *ret_refused);

struct jb_stage_compare {
    bool insert_only, update_only, ignore_existing;
    int64_t after_row, last_row; /* of this range; last_row 0: to the end */
    bool no_checks;              /* the model's check was asked for every row while loading */
    void *check_state;
    jb_stage_refuse_fn *refuse;
    void *arg;
};
struct jb_stage_counts {
    int64_t new_rows, changed, unchanged, skipped, refused;
    int64_t conflicts; /* of the refused ones, as who compares counts them: the store does not */
};
/* Notes how the table (and what decides about it) stands now; to be asked before anything is read that a comparison uses. *ret_moved: something changed since the last time. */
bool jb_stage_note(struct jb_stage *stage, struct jb_scope *scope, bool *ret_moved);
/* The model's check_prepare, on the caller's fiber, and what it read: should that change before the merge commits, the merge will have moved. *ret_moved becomes true when it changed since the last
 * time. */
bool jb_stage_prepare(struct jb_stage *stage, struct jb_scope *scope, void **ret_state, bool *ret_moved);
/* After jb_stage_note. May be asked again for the same range: what it found before is forgotten. */
bool jb_stage_compare(struct jb_stage *stage, struct jb_scope *scope, const struct jb_stage_compare *how, struct jb_stage_counts *ret_counts);
/* true when the target holds no row now. */
bool jb_stage_target_empty(struct jb_stage *stage, struct jb_scope *scope, bool *ret_empty);
/* SQLite: indexes as the target's, so that an empty target is filled by one copy of the b-trees; only before any row was refused. */
bool jb_stage_index(struct jb_stage *stage, struct jb_scope *scope);
/* The `limit`-th row after `after_row`; 0 when there is none left. */
bool jb_stage_range_end(struct jb_stage *stage, struct jb_scope *scope, int64_t after_row, int64_t limit, int64_t *ret_last_row);

/* ---- merging: on the caller's fiber --------------------------------------------------------------------------------------------- */

/* SQLite: attaches the staging file to the writer and lets go of it again; outside a transaction. */
bool jb_stage_attach(struct jb_stage *stage, struct jb_scope *scope);
bool jb_stage_detach(struct jb_stage *stage, struct jb_scope *scope);
/* May be merged as it was compared? To be asked inside the transaction. `hold`: nobody else shall change the table until the end of the transaction, so that another comparison stays true. */
bool jb_stage_is_fresh(struct jb_stage *stage, struct jb_scope *scope, bool hold, bool *ret_fresh);
/* The merge that failed met a table that had changed since the comparison: roll back, compare again. */
bool jb_stage_moved(const struct jb_stage *stage);
/* New and changed rows of (after_row, last_row] go in; last_row 0: to the end. */
bool jb_stage_merge(struct jb_stage *stage, struct jb_scope *scope, int64_t after_row, int64_t last_row);
/* The same for a whole file of new rows into an empty table; false in *ret_possible (nothing done) when the table is not empty. */
bool jb_stage_merge_empty(struct jb_stage *stage, struct jb_scope *scope, bool *ret_possible);
bool jb_stage_copies(const struct jb_stage *stage); /* whether that ever happens on this database */

/* ---- the proof: what was merged in this transaction, added up ------------------------------------------------------------------- */

#define JB_STAGE_SUMS_MAX 32
/* Of a decimal column that the sheet brings, in units of the field's decimals, over the rows that are in: as the file says, as the table held them before (new ones: 0), and as it holds them now. */
struct jb_stage_sum {
    const struct jb_field *field;
    bool unknown; /* the column holds what cannot be added */
    jb_decimal_sum file, before, after;
};
struct jb_stage_sums {
    struct jb_stage_sum at[JB_STAGE_SUMS_MAX];
    size_t count; /* 0: nothing was merged, or there is no such column */
};
/* Of new and changed rows since jb_stage_is_fresh; `after` equals `file`, or the merge has failed INVALID: a trigger of the table's own makes other amounts. Lives as long as the stage. */
const struct jb_stage_sums *jb_stage_sums(const struct jb_stage *stage);
/* Adds the rows of (after_row, last_row] that stand unchanged in the table; on the caller's fiber, in the transaction. */
bool jb_stage_sums_standing(struct jb_stage *stage, struct jb_scope *scope, int64_t after_row, int64_t last_row);

/* ---- rows that only the table refuses: on the caller's fiber, in the transaction ------------------------------------------------ */

/* After a merge that failed INVALID or CONFLICT though nobody was in between: constraints, triggers and rules of the table's own, of which no model knows. With the table held (jb_stage_is_fresh) and
 * compared: merges the range again, by halves where a part fails, each within a savepoint, until every row that the table refuses stands alone. The others are in. *counts: of the comparison; then new
 * and changed are those that went in and refused counts these, too. Above `limit` (0: none) it stops and fails LIMIT. The refused rows are remembered until jb_stage_sifted_keep. */
bool jb_stage_sift(struct jb_stage *stage, struct jb_scope *scope, int64_t after_row, int64_t last_row, int64_t limit, struct jb_stage_counts *counts);
size_t jb_stage_sifted_count(const struct jb_stage *stage);
/* Each of them, of conflict CHECKED; on the import's thread, and within the transaction, too. */
bool jb_stage_sifted(struct jb_stage *stage, struct jb_scope *scope, jb_stage_refuse_fn *each, void *arg);
/* The same after the transaction: `refuse` writes sentences, as of the comparison, the rows are noted as refused, and forgotten here. */
bool jb_stage_sifted_keep(struct jb_stage *stage, struct jb_scope *scope, jb_stage_refuse_fn *refuse, void *arg);

/* ---- undoing: of a staging that was opened with `keeps`, merged, closed, and opened again as a sealed one ---------------------------- */

enum jb_stage_undone {
    JB_STAGE_REMOVED,  /* a new row: it goes */
    JB_STAGE_RESTORED, /* a changed one: it gets back what it held */
    JB_STAGE_STANDS,   /* … and holds it already */
    JB_STAGE_RETURNED, /* of a whole backup: a row that is gone comes again */
    /* Left as they are: */
    JB_STAGE_TOUCHED,  /* it is not as the import left it */
    JB_STAGE_GONE,     /* it is not in the table any more; a new row: not under its key */
    JB_STAGE_REFERRED, /* rows of the table `note` refer to it */
    JB_STAGE_RETAKEN,  /* what it held in the field `note` is unique, and another row has it now */
    JB_STAGE_DANGLING, /* what it held in the field `note` refers to a row that is gone */
    JB_STAGE_FORBIDDEN /* the model's check says so: `note` */
};
struct jb_stage_undo {
    int64_t after_row, last_row; /* what was merged: (after_row, last_row]; last_row 0: to the end */
    void *check_state;           /* of jb_check_prepare */
    bool again;                  /* rows went before, in an earlier undo: none of those that are gone is left over */
};
struct jb_stage_undo_counts {
    int64_t rows; /* that were new or changed then, however many of them are to be undone */
    int64_t removed, restored, stand, returned, left;
};
/* Finds out what can be undone. Nobody may write the table from then on until the undo has been committed: asked in its transaction, after jb_stage_is_fresh with `hold`. */
bool jb_stage_undo_compare(struct jb_stage *stage, struct jb_scope *scope, const struct jb_stage_undo *how, struct jb_stage_undo_counts *ret_counts);
/* Does it, within the transaction, on the caller's fiber. */
bool jb_stage_undo(struct jb_stage *stage, struct jb_scope *scope);
/* The rows that the comparison left, by row: as the import wrote them, and as they stand (NULL: gone). */
typedef bool jb_stage_left_fn(void *arg, struct jb_scope *scope, int64_t row, enum jb_stage_undone why, struct jb_str note, const void *written, const void *now);
bool jb_stage_undo_left(struct jb_stage *stage, struct jb_scope *scope, jb_stage_left_fn *each, void *arg);

/* A copy of the whole table as it is now, kept with the staging: before the merge, within its transaction and with the table held (jb_stage_is_fresh with `hold`), so that nobody writes in between. */
bool jb_stage_backup(struct jb_stage *stage, struct jb_scope *scope, int64_t *ret_rows);
/* What it takes to make the table equal to the copy, whoever changed it since; as jb_stage_undo_compare. *ret_note: the model's check says no to a row, and this is why; otherwise NULL. */
bool jb_stage_return_compare(struct jb_stage *stage, struct jb_scope *scope, void *check_state, struct jb_stage_undo_counts *ret_counts, struct jb_str *ret_note);
/* Does it, within the transaction, on the caller's fiber; then holds the two against each other: *ret_differences is 0 when they are equal to the cell. */
bool jb_stage_return(struct jb_stage *stage, struct jb_scope *scope, int64_t *ret_differences);
/* What the merge did to the row of that id: *ret_written is the row as it was written (NULL: nothing), *ret_before what stood there (NULL: it was new). */
bool jb_stage_row(struct jb_stage *stage, struct jb_scope *scope, int64_t id, const struct jb_stage_undo *range, const void **ret_before, const void **ret_written);

/* ---- removing ------------------------------------------------------------------------------------------------------------------- */

/* The staging at that path, which nobody has open; on a fiber, outside a transaction. Absence is fine. */
bool jb_stage_remove(struct jb_scope *scope, const char *path);
/* How much room it takes; 0 when it is gone. On a fiber. */
bool jb_stage_bytes(struct jb_scope *scope, const char *path, int64_t *ret_bytes);
/* Durable under the path `kept`; what nobody has open. */
bool jb_stage_keep(struct jb_scope *scope, const char *path, const char *kept);
/* Removes what no file stands for any more, of jobs that is_needed does not want kept. */
typedef bool jb_stage_needed_fn(void *arg, struct jb_scope *scope, int64_t job, bool *ret_needed);
bool jb_stage_sweep(struct jb_scope *scope, jb_stage_needed_fn *is_needed, void *arg);

/* ---- showing: what a person confirms --------------------------------------------------------------------------------------------- */

/* Keeps what the last comparison found, and what stood in the cells that change, as that which is shown; jb_stage_look gives it from then on. Before sealing. */
bool jb_stage_show(struct jb_stage *stage, struct jb_scope *scope);
/* A row that is found otherwise than it was shown: states of the two comparisons, the same where only what stood in its cells is another. */
enum { JB_STAGE_ROW_UNCHANGED,
    JB_STAGE_ROW_CHANGED,
    JB_STAGE_ROW_SKIPPED,
    JB_STAGE_ROW_REFUSED,
    JB_STAGE_ROW_NEW };
typedef bool jb_stage_differ_fn(void *arg, struct jb_scope *scope, int64_t row, int was, int now, struct jb_str key);
/* After another comparison: the first `limit` rows that are not as shown, and how many there are; -1 in *ret_count when nothing was shown. */
bool jb_stage_differ(struct jb_stage *stage, struct jb_scope *scope, int64_t limit, jb_stage_differ_fn *each, void *arg, int64_t *ret_count);

/* ---- looking ---------------------------------------------------------------------------------------------------------------------- */

/* Every refused cell, by row. */
bool jb_stage_refused(struct jb_stage *stage, struct jb_scope *scope, bool (*each)(void *arg, struct jb_scope *scope, int64_t row, struct jb_str column, struct jb_str value, struct jb_str reason), void *arg);
/* Those of these rows, by row. */
bool jb_stage_refused_of(struct jb_stage *stage, struct jb_scope *scope, const int64_t *rows, size_t count, bool (*each)(void *arg, struct jb_scope *scope, int64_t row, struct jb_str column, struct jb_str value, struct jb_str reason), void *arg);
/* Those of the rows (after_row, last_row], by row. */
bool jb_stage_refused_in(struct jb_stage *stage, struct jb_scope *scope, int64_t after_row, int64_t last_row, bool (*each)(void *arg, struct jb_scope *scope, int64_t row, struct jb_str column, struct jb_str value, struct jb_str reason), void *arg);
bool jb_stage_refused_count(struct jb_stage *stage, struct jb_scope *scope, int64_t *ret_errors);
/* Rows refused before any comparison: by their cells, or as duplicates. */
bool jb_stage_refused_rows(struct jb_stage *stage, struct jb_scope *scope, int64_t *ret_rows);
enum jb_stage_kind {
    JB_STAGE_NEW,
    JB_STAGE_CHANGED,
    JB_STAGE_UNCHANGED,
};
/* Rows of that kind, those after a row of the sheet (0: all): `each` gets the sheet's row number, the record as it would be, and what stands in the table (NULL for new ones). */
bool jb_stage_look(struct jb_stage *stage, struct jb_scope *scope, enum jb_stage_kind kind, int64_t after_row, int64_t offset, int64_t limit, bool (*each)(void *arg, struct jb_scope *scope, int64_t row, const void *after, const void *before), void *arg);

#endif
