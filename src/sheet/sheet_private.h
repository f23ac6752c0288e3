/* sheet_private.h — what the files of this module share.
 *
 * Reading a workbook is a chain of small machines, each with one worry:
 *     zip (where the parts are) → part (unpacking one, with limits and CRC) → feed (blocks of UTF-8, unpacked ahead on another thread when the part is
 *     big) → xml (tokens over the block, nothing copied) → strings and xlsx_read (cells).
 * The small parts (relations, workbook, styles) go part → expat instead. */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_SHEET_PRIVATE_H
#define JB_SHEET_PRIVATE_H

#include "sheet/sheet.h"
#include <iconv.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

struct jb__xlsx;
struct jb__ods;
struct jb__csv;
struct jb__objects;

/* ---- zip.c ------------------------------------------------------------------------------------------------------------- */

struct jb__zip_entry {
    struct jb_str name; /* with / for \, without a leading / */
    int64_t offset, packed, unpacked;
    uint32_t crc;
    uint16_t method;
    bool encrypted;
};

struct jb__zip {
    int fd; /* borrowed */
    int64_t size;
    char *directory; /* the names lie in it */
    struct jb__zip_entry *entries;
    size_t count;
};

/* Fails INVALID when there is no whole archive in the file. jb__zip_done may be called after a failure. */
bool jb__zip_init(struct jb__zip *zip, struct jb_scope *scope, int fd, int64_t size);
void jb__zip_done(struct jb__zip *zip);
/* By name, then by name without case (some writers disagree with their own relations); NULL when absent. */
const struct jb__zip_entry *jb__zip_find(const struct jb__zip *zip, struct jb_str name);

/* ---- part.c ------------------------------------------------------------------------------------------------------------ */

enum jb__part_state {
    JB__PART_OPEN,
    JB__PART_END,
    JB__PART_IO,
    JB__PART_SHORT,   /* the file ends first */
    JB__PART_DAMAGED, /* no deflate data, or not what the checksum says */
    JB__PART_METHOD,  /* packed in a way we do not know */
    JB__PART_ENCRYPTED,
    JB__PART_BYTES,    /* over bytes_max */
    JB__PART_RATIO,    /* over ratio_max */
    JB__PART_ENCODING, /* neither UTF-8 nor UTF-16 */
};

struct jb__part;
/* Never NULL; what is wrong shows when it is read. No scope: it may be read on another thread. */
struct jb__part *jb__part_new(const struct jb__zip *zip, const struct jb__zip_entry *entry, int64_t bytes_max, int ratio_max);
void jb__part_free(struct jb__part *part);
/* Up to `size` unpacked bytes; 0 at the end or when it broke. */
size_t jb__part_read(struct jb__part *part, char *out, size_t size);
enum jb__part_state jb__part_state(const struct jb__part *part);
int64_t jb__part_packed_read(const struct jb__part *part); /* any thread */
/* The sentence for a state after JB__PART_END; returns false. */
bool jb__part_fail(struct jb_scope *scope, enum jb__part_state state, struct jb_str name);

/* ---- feed.c ------------------------------------------------------------------------------------------------------------ */

#ifdef JB_HOSTILE
#define JB__FEED_BLOCK 61
#define JB__FEED_AHEAD_BYTES 256
#else
#define JB__FEED_BLOCK ((size_t)256 * 1024)
#define JB__FEED_AHEAD_BYTES ((int64_t)1024 * 1024) /* a packed part above this is unpacked on its own thread */
#endif
#define JB__FEED_TAIL ((size_t)64 * 1024) /* what may stay unread when the next block is asked for */
#define JB__FEED_BLOCKS 4
#define JB__FEED_ZEROS 16 /* behind the window, so that a scanner may look ahead that far */

/* A window [at, end) over a part as UTF-8, zeros behind it. The reader moves `at`; jb__feed_next keeps what it left and adds the next block behind it. */
struct jb__feed {
    const char *at, *end;
    bool full; /* the reader left more than JB__FEED_TAIL: a mark-up longer than anybody writes */
    struct jb__part *part;
    char *blocks[JB__FEED_BLOCKS]; /* JB__FEED_TAIL + JB__FEED_BLOCK + JB__FEED_ZEROS bytes each */
    size_t sizes[JB__FEED_BLOCKS];
    char *wide; /* UTF-16 before it becomes UTF-8; NULL for UTF-8 */
    size_t wide_size;
    bool big_endian, started, ended;
    bool ahead; /* a thread fills blocks */
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    uint64_t filled, taken; /* blocks so far; under the mutex when ahead */
    bool stop;
};

/* Owns the part from here on. */
void jb__feed_init(struct jb__feed *feed, struct jb__part *part, int64_t packed);
void jb__feed_done(struct jb__feed *feed);
/* false at the end of the part, or when something broke (jb__feed_state says). */
bool jb__feed_next(struct jb__feed *feed);
enum jb__part_state jb__feed_state(struct jb__feed *feed);

/* ---- xml.c ------------------------------------------------------------------------------------------------------------- */

#define JB__XML_ATTRIBUTES_MAX 32
#define JB__XML_DEPTH_MAX 256

enum jb__xml_token {
    JB__XML_FAIL,
    JB__XML_START,
    JB__XML_STOP,
    JB__XML_TEXT,
    JB__XML_END,
};

struct jb__xml {
    struct jb__feed feed;
    struct jb_str part; /* its name, for messages */
    struct jb_str name; /* START, STOP: without prefix. Borrowed until the next token, as all of the following. */
    struct jb_str text; /* TEXT: a piece, raw; jb__xml_decode makes it text unless `cdata` */
    bool cdata;
    bool closed; /* START: <x/>; a STOP follows by itself */
    size_t count;
    struct {
        struct jb_str name, value; /* with prefix; raw */
    } attributes[JB__XML_ATTRIBUTES_MAX];
    int depth;                         /* open elements, this START's included */
    uint32_t marks[JB__XML_DEPTH_MAX]; /* of their names */
    bool pending_stop, in_cdata, rooted;
};

void jb__xml_init(struct jb__xml *xml, const struct jb__zip *zip, const struct jb__zip_entry *entry, int64_t bytes_max, int ratio_max);
void jb__xml_done(struct jb__xml *xml);
/* FAIL has failed the scope. END is the proper end of the part. */
enum jb__xml_token jb__xml_next(struct jb__xml *xml, struct jb_scope *scope);
bool jb__xml_broken(struct jb__xml *xml, struct jb_scope *scope, const char *what); /* "the part is not well-formed: …"; returns false */
/* Reads on to the STOP that closes the present START. */
bool jb__xml_skip(struct jb__xml *xml, struct jb_scope *scope);
struct jb_str jb__xml_attribute(const struct jb__xml *xml, const char *name); /* raw; NULL when absent */
/* Entities resolved, CR LF as LF; `out` has room for raw.size bytes (decoding never grows). SIZE_MAX for an unknown entity. */
size_t jb__xml_decode(struct jb_str raw, char *out);
/* All text of a string item (<si>, <is>) or of one <v> up to its STOP, into `buf` (cleared first): runs joined, phonetic hints left out,
 * _xHHHH_ resolved, valid UTF-8 without NUL. Call it after the START. false with buf->full and no failure: over chars_max code points, and only the caller
 * knows where. */
bool jb__xml_text(struct jb__xml *xml, struct jb_scope *scope, size_t chars_max, struct jb_buf *buf);
/* The present TEXT behind what is in `buf`; over buf->max it becomes full. */
bool jb__xml_append(struct jb__xml *xml, struct jb_scope *scope, struct jb_buf *buf);
/* Text as the part may hold it: UTF-8, and no character that XML 1.0 forbids. false with a failure that names the character. */
bool jb__xml_check(struct jb__xml *xml, struct jb_scope *scope, struct jb_str text);
/* What follows is not looked at, only its checksum. */
bool jb__xml_drain(struct jb__xml *xml, struct jb_scope *scope);

/* ---- row.c ------------------------------------------------------------------------------------------------------------- */

/* The cells of one row, and the texts they do not borrow from elsewhere. */
struct jb__row {
    int64_t number;
    struct jb_cell *cells;
    size_t count, capacity;
    bool unsorted;
    uint64_t *order; /* for unsorted rows: column and place */
    char *text;
    size_t text_size, text_capacity;
};

void jb__row_done(struct jb__row *row);
bool jb__row_grow_text(struct jb__row *row, struct jb_scope *scope, size_t size);
bool jb__row_grow_cells(struct jb__row *row, struct jb_scope *scope, int columns_max);
/* Ascending columns; of cells at one place the last stays. */
void jb__row_sort(struct jb__row *row);
bool jb__fail_chars(struct jb_scope *scope, size_t chars_max, const char *where);    /* LIMIT; returns false */
const char *jb__row_place(const struct jb__row *row, uint32_t column, char out[32]); /* "B7" */
/* The limits of options: a column, a row number. */
bool jb__row_check_column(const struct jb_sheet *sheet, struct jb_scope *scope, const struct jb__row *row, uint64_t column);
bool jb__row_check_number(const struct jb_sheet *sheet, struct jb_scope *scope, int64_t number);

static inline void jb__row_clear(struct jb__row *row)
{
    row->count = row->text_size = 0;
    row->unsorted = false;
}

static inline bool jb__row_keep(struct jb__row *row, struct jb_scope *scope, struct jb_str text, struct jb_str *ret_text)
{
    if (row->text_size + text.size > row->text_capacity && !jb__row_grow_text(row, scope, text.size))
        return false;
    memcpy(row->text + row->text_size, text.data, text.size);
    *ret_text = (struct jb_str){ row->text + row->text_size, text.size };
    row->text_size += text.size;
    return true;
}

static inline bool jb__row_add(struct jb__row *row, struct jb_scope *scope, int columns_max, struct jb_cell cell)
{
    if (row->count == row->capacity && !jb__row_grow_cells(row, scope, columns_max))
        return false;
    row->unsorted |= row->count > 0 && row->cells[row->count - 1].column >= cell.column;
    row->cells[row->count++] = cell;
    return true;
}

/* ---- strings.c --------------------------------------------------------------------------------------------------------- */

#define JB__STRINGS_BLOCK ((size_t)1 << 20)
#define JB__STRINGS_INDEX ((size_t)1 << 16)

/* Shared strings: blocks of bytes that never move, each string behind its length, and 32-bit places. */
struct jb__strings {
    char **blocks;
    uint32_t **index; /* JB__STRINGS_INDEX places each */
    size_t count, block_count, index_count, block_capacity, index_capacity;
    size_t used; /* of the newest block */
    size_t bytes_max;
};

void jb__strings_init(struct jb__strings *strings, size_t bytes_max);
void jb__strings_done(struct jb__strings *strings);
bool jb__strings_add(struct jb__strings *strings, struct jb_str text); /* false: over bytes_max */
size_t jb__strings_bytes(const struct jb__strings *strings);
bool jb__strings_read(struct jb__strings *strings, struct jb_scope *scope, struct jb__xml *xml, size_t chars_max);

static inline struct jb_str jb__strings_at(const struct jb__strings *strings, size_t i)
{
    uint32_t place = strings->index[i / JB__STRINGS_INDEX][i % JB__STRINGS_INDEX];
    const unsigned char *at = (const unsigned char *)strings->blocks[place / JB__STRINGS_BLOCK] + place % JB__STRINGS_BLOCK;
    size_t size = *at++;
    if (size >= 0x80) { /* seven bits a byte, low first */
        size &= 0x7f;
        for (int shift = 7;; shift += 7) {
            size |= (size_t)(*at & 0x7f) << shift;
            if (*at++ < 0x80)
                break;
        }
    }
    return (struct jb_str){ (const char *)at, size };
}

/* ---- format.c ---------------------------------------------------------------------------------------------------------- */

enum jb__format {
    JB__FORMAT_NUMBER,
    JB__FORMAT_DATE,
    JB__FORMAT_TIME,
}; /* TIME: shows a time of day, with or without a date */
enum jb__format jb__format_builtin(int id);
enum jb__format jb__format_of(struct jb_str code);

/* A number format of a workbook, and what it makes of a number. */
struct jb__shown_as {
    struct jb_number_format number;
    enum jb__format as;
};

/* ---- workbook.c -------------------------------------------------------------------------------------------------------- */

struct jb__workbook {
    struct jb_str *names, *parts; /* worksheets in order, and where they are in the zip (NULL: outside it) */
    size_t count;
    struct jb_str strings_part; /* NULL: none */
    bool date1904;
    struct jb__shown_as *formats;
    size_t format_count;
    uint32_t *styles; /* of cells: places of formats */
    size_t style_count;
};

/* Everything lives in `arena`. */
bool jb__workbook_read(struct jb__workbook *workbook, struct jb_scope *scope, const struct jb__zip *zip, struct jb_arena *arena);

/* ---- text.c ------------------------------------------------------------------------------------------------------------ */

#define JB__TEXT_ROOM ((size_t)192 * 1024) /* the least that jb__text_read is given */

/* A file of text, decoded as it is read. */
struct jb__text {
    int fd;         /* borrowed */
    int64_t offset; /* read from the file */
    size_t mark;    /* bytes of its mark */
    char *input;    /* bytes before decoding; NULL when the file is UTF-8 */
    size_t input_size;
    iconv_t decoder; /* with input */
    bool checked;    /* what is read is known to be UTF-8 */
    bool undecodable, ended;
};

/* Sets sheet->encoding too. jb__text_close may be called after a failure. */
bool jb__text_open(struct jb__text *text, struct jb_sheet *sheet, struct jb_scope *scope);
void jb__text_close(struct jb__text *text);
void jb__text_rewind(struct jb__text *text);
/* UTF-8; 0 at the end, or when the rest is undecodable; -1 with errno. */
ssize_t jb__text_read(struct jb__text *text, char *out, size_t room);
bool jb__text_fail(const struct jb_sheet *sheet, struct jb_scope *scope, int64_t row); /* the sentence for undecodable; returns false */
/* Hangul that macOS took apart (U+1100 …) becomes syllables again, in place: columns and choices are compared by bytes. Returns the new size. */
size_t jb__compose_hangul(char *text, size_t size);

/* ---- the readers behind struct jb_sheet ---------------------------------------------------------------------------------- */

/* What each format brings. */
struct jb__reader {
    bool workbook; /* it is a zip, with the limits of workbooks */
    bool (*open)(struct jb_sheet *sheet, struct jb_scope *scope);
    void (*close)(struct jb_sheet *sheet); /* also after a failed open */
    bool (*next)(struct jb_sheet *sheet, struct jb_scope *scope, struct jb_sheet_row *ret_row);
    struct jb_sheet_progress (*progress)(const struct jb_sheet *sheet);
};

extern const struct jb__reader jb__xlsx_reader, jb__ods_reader, jb__csv_reader, jb__json_reader;

struct jb_sheet {
    int fd;
    int64_t size;
    struct jb_arena arena;
    struct jb_str title;             /* what people call the file */
    struct jb_sheet_options options; /* with the defaults filled in */
    enum jb_sheet_format format;
    const struct jb__reader *reader;
    struct jb__zip zip; /* of a workbook */
    const struct jb_str *names;
    size_t name_count, chosen;
    struct jb_str encoding;
    bool date1904;
    bool ended; /* a broken reader stays at its end */
    union {     /* the reader's own */
        struct jb__xlsx *xlsx;
        struct jb__ods *ods;
        struct jb__csv *csv;
        struct jb__objects *objects;
    };
};

/* ---- choose.c ---------------------------------------------------------------------------------------------------------- */

/* Sets format and reader by the first bytes and the name, and opens the zip of a workbook; or refuses. */
bool jb__choose_format(struct jb_sheet *sheet, struct jb_scope *scope);
/* Sets `chosen` by options.sheet among the names of the workbook. */
bool jb__choose_sheet(struct jb_sheet *sheet, struct jb_scope *scope);

/* ---- xlsx_read.c ------------------------------------------------------------------------------------------------------- */

const struct jb_number_format *jb__xlsx_number_format(const struct jb__xlsx *xlsx, uint32_t format);
size_t jb__xlsx_strings_bytes(const struct jb__xlsx *xlsx);

/* ---- cell.c ------------------------------------------------------------------------------------------------------------ */

/* Exact for up to 15 digits and small exponents, strtod beyond; false when the text is no number. */
bool jb__number_parse(struct jb_str text, double *ret_number);
/* An Excel that reads the number shows these very digits. */
bool jb__number_kept(struct jb_str text);
/* An ISO date or date-time of a t="d" cell as a serial. */
bool jb__serial_parse(struct jb_str text, bool date1904, double *ret_serial, bool *ret_has_time);
/* A date or date-time of an OpenDocument cell; false when it is none. */
bool jb__iso_civil(struct jb_str text, struct jb_civil *ret_civil, bool *ret_has_time);
/* Excel's serial of it; before 1900, where Excel has none, a negative one. */
double jb__iso_serial(const struct jb_civil *civil);
/* A length of time, PT16H45M00S, in days; a time of day is one too. */
bool jb__duration_parse(struct jb_str text, double *ret_days);
/* Dates and times as a workbook counts them; false before 1900 (1904). */
bool jb__serial_of(const struct jb_civil *civil, double *ret_serial);

/* A text that a spreadsheet may run as a formula; ' guards it, and a guarded one loses one ' when it is read back. */
bool jb__formula_like(struct jb_str text);

#endif
