/* keep.h — what is kept of an import so that it can be undone: its staging, named by a note. */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_TRANSFER_KEEP_H
#define JB_TRANSFER_KEEP_H

#include "transfer/transfer_private.h"

/* A staging and which of its rows were merged. A job has several when a `skip` import was cut off and went on, or went on with corrected rows. */
struct import_kept {
    int64_t id, job_id;
    struct jb_str stage;                  /* file in UNDO_DIR, or, until it was moved, in SPOOL_DIR */
    struct jb_str columns, match, fields; /* names, a space between: what the sheet brought, the key, and all that the model had */
    bool by_id;
    int64_t from_row, to_row; /* (from, to] of the sheet; to 0: to the end */
    int64_t rows;             /* new or changed ones */
    int64_t bytes;            /* 0: not moved yet */
    int64_t backup_rows;      /* of the copy of the whole table; -1: none was taken */
    int64_t undone_by;        /* the last undo that was committed; 0: none */
    struct jb_time created_at;
};

bool jb__keeps(const struct jb__attempt *attempt);
/* In the transaction that merges, with the table held: takes the copy if one is due. */
bool jb__keep_backup(struct jb__attempt *attempt);
/* Whether a copy is due: asked for, and no earlier attempt took it. */
bool jb__keep_backup_due(struct jb__attempt *attempt);
void jb__keep_columns(struct jb__attempt *attempt); /* notes what the sheet brings; the plan knows it while the sheet is open */
/* In the transaction that merges the rows (from, to]. */
bool jb__keep_note(struct jb__attempt *attempt, int64_t from, int64_t to, int64_t rows);
bool jb__is_kept(struct jb_scope *scope, struct jb_str stage, bool *ret_kept);
/* Moves a kept staging to UNDO_DIR. */
bool jb__keep_away(struct jb_scope *scope, struct jb_str stage);
/* A staging of the spool that no attempt uses any more: moved if it is kept, removed otherwise. What fails is left to the sweep. */
void jb__stage_let_go(struct jb_scope *scope, struct jb_str stage);
/* Gives up what is kept of the job. */
bool jb__keep_forget(struct jb_scope *scope, int64_t job);
/* Gives up what is too old or, the oldest first, too much. */
bool jb__keep_sweep(struct jb_scope *scope);
/* Where it is now. */
struct jb_str jb__kept_path(struct jb_scope *scope, struct jb_str stage);
struct jb_str jb__kept_fields(struct jb_scope *scope, const struct jb_model *model);
/* How a kept staging is opened: as the import that filled it did. They live in the scope; the model's fields are those of then (jb__kept_fields). */
struct jb_stage_options jb__kept_options(struct jb_scope *scope, const struct jb_model *model, const struct import_kept *kept);

#endif
