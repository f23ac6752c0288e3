/* write_private.h — what the writers of this module share.
 *
 *     values → xlsx_write, ods_write, csv_write or json_write (text in `out`) → for workbooks zip_write (deflate) → the caller's sink. */
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
/* A whole part as it is, unpacked: such as a reader wants at the file's beginning. */
bool jb__zip_store(struct jb__zip_writer *zip, struct jb_scope *scope, const char *name, struct jb_str bytes);
/* The directory. */
bool jb__zip_finish(struct jb__zip_writer *zip, struct jb_scope *scope);

/* ---- write.c ----------------------------------------------------------------------------------------------------------- */

struct jb__write_column {
    const struct jb_field *field; /* NULL: text */
    char letters[4];
    struct jb_str name; /* JSON: with quotes and colon; the writer's own */
};

/* What each format brings; `cells` may be NULL. */
struct jb__writer {
    bool zipped;
    bool (*head)(struct jb_sheet_writer *writer, struct jb_scope *scope, const struct jb_str *titles);
    bool (*row)(struct jb_sheet_writer *writer, struct jb_scope *scope, const struct jb_value *values, size_t count);
    bool (*cells)(struct jb_sheet_writer *writer, struct jb_scope *scope, const struct jb_cell *cells, const bool *marks, size_t count);
    bool (*finish)(struct jb_sheet_writer *writer, struct jb_scope *scope);
};

extern const struct jb__writer jb__xlsx_writer, jb__ods_writer, jb__csv_writer, jb__json_writer;

struct jb_sheet_writer {
    struct jb_sheet_writer_options options; /* its sheet name is a copy */
    const struct jb__writer *kind;
    jb_sheet_sink *sink;
    void *arg;
    struct jb_buf out; /* not yet given on */
    struct jb__zip_writer *zip;
    struct jb__write_column *columns;
    size_t count;
    int64_t row; /* rows written */
};

#define JB__EXACT_MAX ((int64_t)1000000000000000) /* 15 digits: what a spreadsheet keeps of a number */

/* Gives `out` on, to the zip or the sink, when it holds at least that much. */
bool jb__write_flush(struct jb_sheet_writer *writer, struct jb_scope *scope, size_t at_least);
int jb__column_width(const struct jb_field *field); /* in characters */

#endif
