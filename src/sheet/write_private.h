/* write_private.h — what the writers of this module share.
 *
 *     values → xlsx_row, ods_write, csv_write or json_write (text in `out`) → for workbooks pack (deflate) and zip_write → the caller's sink. */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_SHEET_WRITE_PRIVATE_H
#define JB_SHEET_WRITE_PRIVATE_H

#include "run/run.h"
#include "sheet/sheet_private.h"

#define JB__WRITE_CHUNK ((size_t)64 * 1024)

/* ---- pack.c ------------------------------------------------------------------------------------------------------------ */

#define JB__PACK_BYTES ((size_t)256 << 10)
#define JB__PACK_TEXT_MAX ((size_t)64 << 20) /* one cell at most, it is given on between cells */

struct jb__pack_codes;
/* How often which byte stands there, made of a block's worth; NULL where the packer finds out by itself. */
struct jb__pack_codes *jb__pack_codes_new(const struct jb_buf *sample);
void jb__pack_codes_free(struct jb__pack_codes *codes); /* NULL is fine */

/* Some of a part's text on its way. */
struct jb__pack_block {
    struct jb_buf text;
    struct jb__pack_codes *codes; /* only read; NULL: the usual ones */
    bool last;                    /* of its part */
    unsigned char *packed;
    size_t packed_size, packed_room;
    uint32_t crc; /* of the text */
    bool filled;  /* begun, and not yet given on */
    bool running;
    struct jb_fiber *waiter;
};
void jb__pack_block_init(struct jb__pack_block *block);
void jb__pack_block_done(struct jb__pack_block *block); /* waits for it */
/* Packs the text; `beside`: on another thread while this fiber goes on. */
void jb__pack_start(struct jb__pack_block *block, bool beside);
void jb__pack_wait(struct jb__pack_block *block);

/* ---- zip_write.c ------------------------------------------------------------------------------------------------------- */

struct jb__zip_writer;
struct jb__zip_writer *jb__zip_writer_new(jb_sheet_sink *sink, void *arg, bool beside);
void jb__zip_writer_free(struct jb__zip_writer *zip);
/* One part after the other: begin, put…, end. */
bool jb__zip_begin(struct jb__zip_writer *zip, struct jb_scope *scope, const char *name);
bool jb__zip_put(struct jb__zip_writer *zip, struct jb_scope *scope, const void *bytes, size_t size);
/* The same; the buffer, of JB__PACK_TEXT_MAX, is empty afterwards and may be another one. */
bool jb__zip_take(struct jb__zip_writer *zip, struct jb_scope *scope, struct jb_buf *text);
bool jb__zip_end(struct jb__zip_writer *zip, struct jb_scope *scope);
int64_t jb__zip_part_bytes(const struct jb__zip_writer *zip); /* of the open part, without its last megabyte or so */
/* A whole part as it is, unpacked: such as a reader wants at the file's beginning. */
bool jb__zip_store(struct jb__zip_writer *zip, struct jb_scope *scope, const char *name, struct jb_str bytes);
/* The directory. */
bool jb__zip_finish(struct jb__zip_writer *zip, struct jb_scope *scope);

/* ---- write.c ----------------------------------------------------------------------------------------------------------- */

struct jb__write_column {
    const struct jb_field *field; /* NULL: text */
    char letters[4];
    char open[16]; /* of each of its cells in a workbook: <c r="AB */
    unsigned char open_size;
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

/* What stands between a cell's place and its value, by style. */
struct jb__xlsx_shell {
    char number[16], text[32];
    unsigned char number_size, text_size;
};
enum jb__xlsx_style {
    JB__STYLE_NONE,
    JB__STYLE_HEAD,
    JB__STYLE_TEXT,
    JB__STYLE_DATE,
    JB__STYLE_TIME,
    JB__STYLE_MONTH,
    JB__STYLE_DECIMAL, /* + decimals */
    JB__STYLE_LINES = JB__STYLE_DECIMAL + JB_DECIMAL_DIGITS_MAX + 1,
    JB__XLSX_SHELLS, /* those before are used by values */
};
#define JB__XLSX_ROWS_MAX 1048576
#define JB__XLSX_BYTES_MAX ((int64_t)0xf0000000) /* below 4 GiB by a quarter of a GiB, for the row that is being written */

struct jb_sheet_writer {
    struct jb_sheet_writer_options options; /* its sheet name is a copy */
    const struct jb__writer *kind;
    jb_sheet_sink *sink;
    void *arg;
    struct jb_buf out; /* not yet given on */
    struct jb__zip_writer *zip;
    struct jb__write_column *columns;
    size_t count;
    struct jb_str *titles; /* XLSX: for further sheets; copies */
    int64_t row;           /* rows written, in a workbook those of its last sheet */
    int sheets;            /* of a workbook */
    char row_digits[8];
    unsigned char row_digits_size;
    struct jb__xlsx_shell shells[JB__XLSX_SHELLS];
};

#define JB__EXACT_MAX ((int64_t)1000000000000000) /* 15 digits: what a spreadsheet keeps of a number */

/* Gives `out` on, to the zip or the sink, when it holds at least that much. */
bool jb__write_flush(struct jb_sheet_writer *writer, struct jb_scope *scope, size_t at_least);
int jb__column_width(const struct jb_field *field); /* in characters */

/* ---- xlsx_row.c ---------------------------------------------------------------------------------------------------------- */

void jb__xlsx_shells_make(struct jb_sheet_writer *writer);
void jb__xlsx_put_text(struct jb_buf *out, struct jb_str text); /* escaped */
bool jb__xlsx_text_fits(struct jb_str text);                    /* into a cell */
/* Nothing for empty text; LIMIT when it is too long. */
bool jb__xlsx_text_cell(struct jb_sheet_writer *writer, struct jb_scope *scope, size_t column, int style, struct jb_str text);
void jb__xlsx_open_row(struct jb_sheet_writer *writer);
void jb__xlsx_close_row(struct jb_sheet_writer *writer);
bool jb__xlsx_write_row(struct jb_sheet_writer *writer, struct jb_scope *scope, const struct jb_value *values, size_t count);

/* ---- xlsx_write.c ---------------------------------------------------------------------------------------------------- */

bool jb__xlsx_next_sheet(struct jb_sheet_writer *writer, struct jb_scope *scope);

#endif
