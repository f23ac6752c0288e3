/* write_private.h — what the writers of this module share.
 *
 *     values → xlsx_write or csv_write (text in `out`) → for XLSX zip_write (deflate) → the caller's sink. */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_SHEET_WRITE_PRIVATE_H
#define JB_SHEET_WRITE_PRIVATE_H

#include "sheet/sheet_private.h"

#define JB__WRITE_CHUNK ((size_t)64 * 1024)

/* ---- zip_write.c ------------------------------------------------------------------------------------------------------- */

struct jb__zip_writer;
struct jb__zip_writer *jb__zip_writer_new(jb_sheet_sink *sink, void *arg);
void jb__zip_writer_free(struct jb__zip_writer *zip);
/* One part after the other: begin, put…, end. `name` must outlive the writer. */
bool jb__zip_begin(struct jb__zip_writer *zip, struct jb_scope *scope, const char *name);
bool jb__zip_put(struct jb__zip_writer *zip, struct jb_scope *scope, const void *bytes, size_t size);
bool jb__zip_end(struct jb__zip_writer *zip, struct jb_scope *scope);
/* The directory. */
bool jb__zip_finish(struct jb__zip_writer *zip, struct jb_scope *scope);

/* ---- write.c ----------------------------------------------------------------------------------------------------------- */

struct jb__write_column {
    const struct jb_field *field; /* NULL: text */
    char letters[4];
};

struct jb_sheet_writer {
    struct jb_sheet_writer_options options; /* its sheet name is a copy */
    jb_sheet_sink *sink;
    void *arg;
    struct jb_buf out; /* not yet given on */
    struct jb__zip_writer *zip;
    struct jb__write_column *columns;
    size_t count;
    int64_t row; /* rows written */
};

/* ---- xlsx_write.c, csv_write.c ------------------------------------------------------------------------------------------- */

bool jb__xlsx_write_head(struct jb_sheet_writer *writer, struct jb_scope *scope, const struct jb_str *titles);
bool jb__xlsx_write_row(struct jb_sheet_writer *writer, struct jb_scope *scope, const struct jb_value *values, size_t count);
bool jb__xlsx_write_cells(struct jb_sheet_writer *writer, struct jb_scope *scope, const struct jb_cell *cells, const bool *marks, size_t count);
bool jb__xlsx_write_finish(struct jb_sheet_writer *writer, struct jb_scope *scope);
bool jb__csv_write_head(struct jb_sheet_writer *writer, struct jb_scope *scope, const struct jb_str *titles);
bool jb__csv_write_row(struct jb_sheet_writer *writer, struct jb_scope *scope, const struct jb_value *values, size_t count);
bool jb__csv_write_finish(struct jb_sheet_writer *writer, struct jb_scope *scope);

#endif
