/* sheet.h — workbooks, delimited text and JSON, in and out, streaming.
 *
 * A reader gives borrowed cells: a row's cells live until the next call. Limits stand at the door: parts, sizes, ratio, strings, columns. Readers block on
 * file I/O and are meant for offload threads (or a plain thread): they touch no loop. A scope is used for memory and failure only. */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_SHEET_SHEET_H
#define JB_SHEET_SHEET_H

#include "base/decimal.h"
#include "base/record.h"
#include "base/scope.h"
#include <stdio.h>

enum jb_cell_type {
    JB_CELL_EMPTY,
    JB_CELL_NUMBER, /* text: as written in the file; number(): exact */
    JB_CELL_TEXT,
    JB_CELL_BOOL,
    JB_CELL_ERROR, /* text "#DIV/0!" */
    JB_CELL_DATE,  /* a number whose format is a date or time; text: the serial as written */
};

struct jb_cell {
    enum jb_cell_type type;
    uint32_t column; /* 1-based */
    bool truth;
    bool exact;         /* NUMBER: all its digits count, not just Excel's 15 */
    bool has_time;      /* DATE: the format shows a time of day, or the serial has a fraction */
    bool duration;      /* DATE of an OpenDocument: a length of time, in days; it is no day */
    uint32_t format;    /* how the file shows it: jb_sheet_number_format */
    struct jb_str text; /* UTF-8, decoded */
    double serial;      /* DATE and NUMBER */
};

enum jb_sheet_format {
    JB_SHEET_AUTO,
    JB_SHEET_XLSX,
    JB_SHEET_CSV,
    JB_SHEET_TSV,
    JB_SHEET_ODS,
    JB_SHEET_JSON,  /* an array of objects */
    JB_SHEET_JSONL, /* an object a line */
};

#define JB_SHEET_FORMATS "xlsx, ods, csv, tsv, json, jsonl" /* for sentences and help */

const char *jb_sheet_format_name(enum jb_sheet_format format); /* "xlsx"; also what a file's name ends with */
const char *jb_sheet_format_type(enum jb_sheet_format format); /* its media type; AUTO: that of any bytes */
/* By name or by what file names end with ("xlsm"), whatever the case; AUTO when there is no such. */
enum jb_sheet_format jb_sheet_format_named(struct jb_str name);
/* By media type, without its parameters; AUTO when it is none of ours. */
enum jb_sheet_format jb_sheet_format_typed(struct jb_str type);
/* What is written: one of JB_SHEET_FORMATS exactly. */
enum jb_sheet_format jb_sheet_format_written(struct jb_str name);
enum jb_sheet_format jb_sheet_format_of_file(struct jb_str name); /* the same by what the name ends with */

struct jb_sheet_options {
    enum jb_sheet_format format; /* AUTO: by content, then by name */
    struct jb_str sheet;         /* of a workbook: its name, or its number from 1; NULL: the first worksheet */
    struct jb_str encoding;      /* of text; NULL: BOM, then UTF-8 if valid, then CP949 */
    char separator;              /* CSV; 0: guessed among , ; tab */
    int64_t rows_max;            /* 0: 1,048,576 for workbooks, none for CSV */
    int columns_max;             /* 0: 16,384 */
    size_t cell_chars_max;       /* 0: Excel's 32,767 characters for XLSX, 1,000,000 for others */
    int64_t part_bytes_max;      /* one unpacked part; 0: 4 GiB */
    int64_t strings_bytes_max;   /* memory of the shared strings; 0: 400 MiB */
    int ratio_max;               /* unpacked : packed, over the first MiB; 0: 1,000 */
};

struct jb_sheet; /* an open file */

/* Opens a file by path. `name` is what people call it (an upload's own name), used in messages; NULL: the path's last part. Refuses with one sentence: not a
 * workbook, old Excel format, xlsb, encrypted, no such sheet (names the ones there are), truncated, limits (LIMIT), not found. */
struct jb_sheet *jb_sheet_open(struct jb_scope *scope, const char *path, struct jb_str name, const struct jb_sheet_options *options);
void jb_sheet_close(struct jb_sheet *sheet);

struct jb_sheet_row {
    int64_t number;              /* 1-based row number in the sheet; for CSV the record's number (blank lines counted); for JSON the names are row 1, object n is row n + 1 */
    const struct jb_cell *cells; /* ascending columns, no EMPTY cells */
    size_t count;
};

/* The next row that has cells. false at the end without a failure, or with one. */
bool jb_sheet_next(struct jb_sheet *sheet, struct jb_scope *scope, struct jb_sheet_row *ret_row);

/* For progress: bytes of the packed sheet read so far and in all; rows from the dimension element or 0. */
struct jb_sheet_progress {
    int64_t bytes_read, bytes_total, rows_hint;
};
struct jb_sheet_progress jb_sheet_progress(const struct jb_sheet *sheet);

enum jb_sheet_format jb_sheet_format_of(const struct jb_sheet *sheet);
/* Worksheet names in order (of a file without sheets: one, the file's name). */
size_t jb_sheet_names(const struct jb_sheet *sheet, const struct jb_str **ret_names);
struct jb_str jb_sheet_name(const struct jb_sheet *sheet); /* the one being read */
bool jb_sheet_date1904(const struct jb_sheet *sheet);
struct jb_str jb_sheet_encoding(const struct jb_sheet *sheet); /* "utf-8", "cp949", "utf-16le", … */
size_t jb_sheet_strings_bytes(const struct jb_sheet *sheet);   /* memory held by shared strings */

/* How a workbook shows numbers: one that every Excel knows by its id has no code. */
struct jb_number_format {
    int id;
    struct jb_str code;
};
/* The one that a cell of this sheet names; NULL when the file has no such, as text files have none. The formats of a workbook are 0, 1, … up to the first NULL. */
const struct jb_number_format *jb_sheet_number_format(const struct jb_sheet *sheet, uint32_t format);

/* NUMBER: exact, the way Excel shows it (15 significant digits). false when it does not fit in 18 digits. */
bool jb_cell_decimal(const struct jb_cell *cell, struct jb_decimal *ret_number);
/* DATE: days and time of day. Knows the 1900 system with its false 29 February, 1904, and OpenDocument's days as written. false when out of range or a duration. */
bool jb_cell_time(const struct jb_sheet *sheet, const struct jb_cell *cell, struct jb_civil *ret_civil);
/* The cell as people see it in Excel's General format or ISO: for text columns. A number keeps no ".0", a date becomes ISO. In the scope or borrowed. */
struct jb_str jb_cell_text(const struct jb_sheet *sheet, struct jb_scope *scope, const struct jb_cell *cell);
/* The cell as a value for a field: numbers, dates in cells or as text, amounts as people write them, choices by name or label; leading zeros of text survive.
 * Fails INVALID with the reason alone, in the scope's language. Empty cell or blank text: JB_NULL. (Then jb_field_check.) */
bool jb_cell_value(const struct jb_sheet *sheet, struct jb_scope *scope, const struct jb_cell *cell, const struct jb_field *field, struct jb_value *ret_value);

/* "A", "XFD" for 1, 16384. */
struct jb_str jb_column_letters(uint32_t column, char out[4]);

/* ---- writing ------------------------------------------------------------------------------------------------------------ */

/* Where written bytes go: a file, a socket, a buffer. false stops the writer; the sink has failed the scope. */
typedef bool jb_sheet_sink(void *arg, struct jb_scope *scope, const void *bytes, size_t size);

struct jb_sheet_writer_options {
    enum jb_sheet_format format;            /* any but AUTO */
    struct jb_str sheet;                    /* its name; NULL: "Sheet1" */
    bool raw;                               /* no formula guard in CSV and TSV */
    bool bom;                               /* CSV: UTF-8 BOM, so that Excel reads Korean */
    const struct jb_zone *zone;             /* for TIME values */
    bool date1904;                          /* XLSX: DATE cells count from 1904 */
    const struct jb_number_format *formats; /* XLSX: what cells of jb_sheet_writer_cells name; read by the head alone */
    size_t format_count;
    int64_t sheet_bytes_max; /* XLSX: a sheet with more text than that ends, and a further one begins, so that programs open it whose zip knows 32-bit sizes only (LibreOffice); 0: 3.75 GiB */
    bool beside;             /* workbooks: packed on other threads while the caller's fiber goes on; the sink is called on that fiber all the same */
};

struct jb_sheet_writer;
/* Streams: nothing of earlier rows is kept. XLSX and ODS: texts in their cells, the fastest deflate, ZIP64 where needed, dates and amounts with formats, a frozen bold head
 * row. JSON: an array of objects, JSONL: one a line; titles are their names, amounts numbers with all decimals. */
struct jb_sheet_writer *jb_sheet_writer_new(struct jb_scope *scope, const struct jb_sheet_writer_options *options, jb_sheet_sink *sink, void *arg);
void jb_sheet_writer_free(struct jb_sheet_writer *writer);
/* The head row: column titles, and the fields they belong to (their types choose column formats; NULL entries are text). Call first. */
bool jb_sheet_writer_head(struct jb_sheet_writer *writer, struct jb_scope *scope, const struct jb_str *titles, const struct jb_field *const *fields, size_t count);
/* JB_NULL leaves the cell out. Text that a spreadsheet would take for a formula is guarded in CSV with a leading ' (OWASP) unless raw; in XLSX it is text anyway.
 * What an XLSX sheet has no room for, from the 1,048,577th row or sheet_bytes_max on, stands in further sheets with the same head. ODS fails LIMIT there, and INVALID with a character that XML does not have. */
bool jb_sheet_writer_row(struct jb_sheet_writer *writer, struct jb_scope *scope, const struct jb_value *values, size_t count);
/* XLSX: a row of cells as a reader gave them, in ascending columns and shown as before: `format` is a place in options.formats, anything past them the usual of the cell's type. Those of
 * `marks` are coloured. The 1,048,577th row fails LIMIT. A text over Excel's length becomes the error #VALUE!, which no import takes. */
bool jb_sheet_writer_cells(struct jb_sheet_writer *writer, struct jb_scope *scope, const struct jb_cell *cells, const bool *marks, size_t count);
int jb_sheet_writer_sheets(const struct jb_sheet_writer *writer); /* so far; 1 where there are none */
bool jb_sheet_writer_finish(struct jb_sheet_writer *writer, struct jb_scope *scope);

/* ---- commands ----------------------------------------------------------------------------------------------------------- */

/* `jangbu sheet cells`: every cell as row<TAB>column<TAB>type<TAB>value (n, s as a JSON string, b 0 or 1, e, d ISO). A CSV whose first row names a column
 * twice is refused. */
bool jb_sheet_print_cells(struct jb_scope *scope, const char *path, const struct jb_sheet_options *options, FILE *out);
/* `jangbu sheet info`: format, encoding, sheets, counts; as name<TAB>value lines or one JSON object. Reads the whole sheet. */
bool jb_sheet_print_info(struct jb_scope *scope, const char *path, const struct jb_sheet_options *options, bool json, FILE *out);
/* `jangbu sheet generate`: a head row of labels and `rows` sample rows of the fields that people fill in. Row i depends on the seed and i alone. A failure leaves
 * no file behind. */
bool jb_sheet_generate(struct jb_scope *scope, const struct jb_record *record, struct jb_str title, int64_t rows, uint64_t seed, enum jb_sheet_format format, const char *path);

#endif
