/* str.h — text: slices of UTF-8 that own nothing, and a growing buffer with a stated maximum.
 *
 * A slice is a pointer and a length, not NUL-terminated.  data == NULL is SQL's NULL and differs from empty text
 * (data != NULL, size == 0); functions that only read treat both as empty. */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_BASE_STR_H
#define JB_BASE_STR_H

#include "base/check.h"
#include <stdarg.h>

struct jb_str {
    const char *data;
    size_t size;
};

#define JB_STR(literal) ((struct jb_str){ "" literal "", sizeof(literal) - 1 })
#define JB_STR_NULL ((struct jb_str){ NULL, 0 })

/* printf("%.*s", JB_FMT(text)) */
#define JB_FMT(text) (int)(text).size, (text).data ? (text).data : ""

/* A slice over a NUL-terminated string; NULL gives JB_STR_NULL. */
struct jb_str jb_str_of(const char *z);

bool jb_str_equal(struct jb_str a, struct jb_str b);
bool jb_str_is(struct jb_str a, const char *z);
/* ASCII letters without case; other bytes must be equal. */
bool jb_str_equal_nocase(struct jb_str a, struct jb_str b);
/* memcmp order, the shorter first. */
int jb_str_compare(struct jb_str a, struct jb_str b);
bool jb_str_starts(struct jb_str text, struct jb_str prefix);
bool jb_str_ends(struct jb_str text, struct jb_str suffix);
/* Byte position of the first `what` at or after `from`; SIZE_MAX when absent. */
size_t jb_str_find(struct jb_str text, struct jb_str what, size_t from);
size_t jb_str_find_char(struct jb_str text, char what, size_t from);
/* Bytes [from, to); both are clipped to the text. */
struct jb_str jb_str_slice(struct jb_str text, size_t from, size_t to);
/* Without ASCII blanks (space, \t \r \n \f \v) at both ends. */
struct jb_str jb_str_trim(struct jb_str text);
/* Also without U+00A0, U+3000, U+FEFF and zero-width space, as people paste them into sheets. */
struct jb_str jb_str_trim_unicode(struct jb_str text);
/* Cuts `rest` at the first separator: returns what stands before it, leaves what follows in `rest`.  Without a
 * separator all of it is returned and rest->data becomes NULL:  while (rest.data) part = jb_str_cut(&rest, ','); */
struct jb_str jb_str_cut(struct jb_str *rest, char separator);

/* Decimal integer with optional sign, nothing else around it; false on overflow or anything else. */
bool jb_str_to_int64(struct jb_str text, int64_t *ret_number);

/* "Did you mean …?": the name nearest to `name` among count names by edit distance; NULL text when none is near. */
struct jb_str jb_nearest(struct jb_str name, const struct jb_str *names, size_t count);

/* UTF-8.  Valid means RFC 3629: no overlong forms, no surrogates, at most U+10FFFF. */
bool jb_utf8_valid(struct jb_str text);
/* Code points of a valid text: what "length_max" counts. */
size_t jb_utf8_count(struct jb_str text);
/* Decodes the code point at *at and moves *at past it; an invalid byte gives U+FFFD and moves by one. */
uint32_t jb_utf8_next(struct jb_str text, size_t *at);
/* Writes 1-4 bytes, returns how many; an impossible code point is written as U+FFFD. */
size_t jb_utf8_put(uint32_t code, char out[4]);
/* At most `count` code points of the text. */
struct jb_str jb_utf8_first(struct jb_str text, size_t count);

/* SipHash-2-4 under a key made at process start: safe for tables that strangers fill. */
uint64_t jb_str_hash(struct jb_str text);
/* FNV-1a, of several texts when it is given its last answer: the same in every process and version, and no secret. */
#define JB_DIGEST_START 0xcbf29ce484222325u
uint64_t jb_str_digest(uint64_t digest, struct jb_str text);

/* ---- growing buffer ------------------------------------------------------------------------------------------- */

/* A piece that does not fit within `max` is dropped, and all that follows it: `full` says so; check it once, at the end. */
struct jb_buf {
    char *data;
    size_t size, capacity, max;
    bool full;
};

#define JB_BUF_INIT(bytes_max) ((struct jb_buf){ NULL, 0, 0, (bytes_max), false })

void jb_buf_init(struct jb_buf *buf, size_t bytes_max);
void jb_buf_done(struct jb_buf *buf);
/* Empties it and keeps the memory. */
void jb_buf_clear(struct jb_buf *buf);
void jb_buf_put(struct jb_buf *buf, struct jb_str text);
void jb_buf_put_z(struct jb_buf *buf, const char *z);
void jb_buf_put_char(struct jb_buf *buf, char c);
void jb_buf_put_bytes(struct jb_buf *buf, const void *bytes, size_t size);
void jb_buf_printf(struct jb_buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
void jb_buf_vprintf(struct jb_buf *buf, const char *format, va_list args) __attribute__((format(printf, 2, 0)));
/* Room for `size` more bytes at buf->data + buf->size (then add to buf->size yourself); false when over max. */
bool jb_buf_reserve(struct jb_buf *buf, size_t size);
/* Removes the first `size` bytes. */
void jb_buf_drop(struct jb_buf *buf, size_t size);
static inline struct jb_str jb_buf_str(const struct jb_buf *buf)
{
    return (struct jb_str){ buf->data ? buf->data : "", buf->size };
}

#endif
