/* undo.h — the report of an undo: rows that were left, as errors of its job and as a workbook. */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_TRANSFER_UNDO_H
#define JB_TRANSFER_UNDO_H

#include "transfer/keep.h"

struct jb__undo_report {
    struct jb_scope *scope;
    const struct jb_transfer *transfer;
    const struct jb__plan *plan;
    struct jb_buf json;
    struct jb_json_writer json_writer;
    int64_t lines;
    struct jb_str file, path; /* of the workbook, once there is a line */
    int fd;
    struct jb_sheet_writer *sheet;
};
void jb__undo_report_init(struct jb__undo_report *report, struct jb_scope *scope, const struct jb__plan *plan, int64_t job);
/* A jb_stage_left_fn: a line for each cell that somebody changed, or one that says why the row was left. */
bool jb__undo_report_row(void *report, struct jb_scope *scope, int64_t row, enum jb_stage_undone why, struct jb_str note, const void *written, const void *now);
/* Ends the texts and the workbook. */
bool jb__undo_report_finish(struct jb__undo_report *report, struct jb_scope *scope);
void jb__undo_report_done(struct jb__undo_report *report, bool keep);

#endif
