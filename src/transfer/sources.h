/* sources.h — the files of an import, read as if they were one.
 *
 * The last one is the base: it says which columns there are and which number each row has. The upload itself is one; or, when its good rows are in already, our own workbook of the rows that were
 * refused. Over the base lie workbooks of refused rows as people sent them back, the newest first: each of their rows says in its column "행 row (job 17-3fa9c1)" which row of the upload it stands
 * for, and is read in that row's place. What comes out has the upload's row numbers and columns, in the order of the files. */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_TRANSFER_SOURCES_H
#define JB_TRANSFER_SOURCES_H

#include "sheet/sheet.h"

/* Headings of the three columns that a workbook of refused rows has behind those of the upload. */
#define JB_REFUSED_COLUMN "열 column"
#define JB_REFUSED_REASON "이유 reason"
struct jb_str jb__refused_row_heading(struct jb_scope *scope, int64_t job, struct jb_str file_hash);
/* Whether a heading is one; of which job, and the first of its file's hash. */
bool jb__refused_row_heading_read(struct jb_str heading, int64_t *ret_job, struct jb_str *ret_mark);

/* Numbers of rows, a bit each. All zero is an empty set. */
struct jb__row_set {
    uint64_t **pages;
    size_t page_count;
    int64_t count;
};
void jb__row_set_done(struct jb__row_set *set);
bool jb__row_set_has(const struct jb__row_set *set, int64_t row);
bool jb__row_set_add(struct jb__row_set *set, int64_t row); /* false: it was in */

#define JB_ROWS_AHEAD 3

struct jb__source {
    const char *path;
    struct jb_str title; /* what people call it */
    struct jb_sheet_options options;
    int64_t head_row; /* which row holds the headings; 0: the first that has cells */
    bool numbered;    /* a workbook of refused rows */
    bool carried;     /* our own: its rows stay refused, for the reasons that it says */
    bool verified;    /* by an attempt before */
    bool looks_ahead;
    /* once open: */
    struct jb_sheet *sheet;
    struct jb_sheet_row head;                           /* without the three */
    uint32_t number_column, what_column, reason_column; /* 0: none */
    uint32_t *columns;                                  /* of the base, by its own; 0: none */
    uint32_t column_max;
    struct jb_sheet_row ahead[JB_ROWS_AHEAD]; /* read with the head already; they come first */
    size_t ahead_count, ahead_at;
};

struct jb__sources {
    struct jb__source *at;
    size_t count, current;
    int64_t job; /* to whom numbered ones belong */
    struct jb_str file_hash;
    struct jb__row_set taken; /* by corrections */
    struct jb_cell *cells;
    size_t cell_capacity;
    int64_t bytes_before, bytes_total;
};

/* Opens all and reads their heads; the base's is the import's. false without a failure: the base is empty. */
bool jb__sources_open(struct jb__sources *sources, struct jb_scope *scope);
void jb__sources_close(struct jb__sources *sources); /* also half-open ones, and again */
const struct jb__source *jb__sources_base(const struct jb__sources *sources);
uint32_t jb__source_columns(const struct jb__source *source); /* the last one that has a heading, without the three */
/* The next row, with cells in the base's columns, and whose it is. false at the end or with a failure. */
bool jb__sources_next(struct jb__sources *sources, struct jb_scope *scope, struct jb_sheet_row *ret_row, const struct jb__source **ret_source);
/* Whether an upload is a workbook of refused rows, by its headings: of which job. */
bool jb__sources_foreign(const struct jb__source *source, struct jb_scope *scope, int64_t *ret_job);
/* INVALID when a correction lacks a column that the plan reads. */
struct jb__plan;
bool jb__sources_check(const struct jb__sources *sources, struct jb_scope *scope, const struct jb__plan *plan);
/* INVALID when a correction that nobody verified has a number twice, or one that is neither in the workbook of refused rows nor in an earlier correction. Reads the files, but for the upload. */
bool jb__sources_verify(const struct jb__sources *sources, struct jb_scope *scope, const char *refused_path);
int jb__by_column(const void *a, const void *b);             /* cells, for qsort and bsearch */
double jb__sources_share(const struct jb__sources *sources); /* read so far, 0…1 */

#endif
