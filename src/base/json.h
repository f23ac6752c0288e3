/* json.h — RFC 8259, strict: numbers stay text until somebody says what they are, duplicate names are refused, depth and size are limited. */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_BASE_JSON_H
#define JB_BASE_JSON_H

#include "base/record.h"

#define JB_JSON_DEPTH_MAX 64

enum jb_json_type {
    JB_JSON_NULL,
    JB_JSON_FALSE,
    JB_JSON_TRUE,
    JB_JSON_NUMBER,
    JB_JSON_STRING,
    JB_JSON_ARRAY,
    JB_JSON_OBJECT,
};

struct jb_json {
    enum jb_json_type type;
    struct jb_str text;           /* NUMBER as written, STRING decoded */
    struct jb_str name;           /* when it is an object's member */
    struct jb_json *first, *next; /* children of ARRAY and OBJECT; next sibling */
    size_t count;                 /* children */
};

/* A tree in the scope; fails INVALID with line, column and reason. `text` must outlive it (strings without escapes are slices of it). */
struct jb_json *jb_json_parse(struct jb_scope *scope, struct jb_str text);
/* NULL when absent, or when `object` is NULL or no object. */
struct jb_json *jb_json_member(const struct jb_json *object, const char *name);

/* An object into a record: unknown names and wrong types are field errors; absent members keep what `row` holds; null means absent. Decimals may be
 * numbers or strings, dates and times ISO strings. */
bool jb_json_read(struct jb_scope *scope, const struct jb_json *object, const struct jb_record *record, void *row);

/* ---- writing: commas and quotes by themselves ------------------------------------------------------------------------- */

struct jb_json_writer {
    struct jb_buf *buf;
    bool comma; /* the next value needs one */
};
void jb_json_start(struct jb_json_writer *writer, struct jb_buf *buf);
void jb_json_object(struct jb_json_writer *writer);
void jb_json_object_end(struct jb_json_writer *writer);
void jb_json_array(struct jb_json_writer *writer);
void jb_json_array_end(struct jb_json_writer *writer);
void jb_json_name(struct jb_json_writer *writer, const char *name);
void jb_json_text(struct jb_json_writer *writer, struct jb_str text); /* NULL text writes null; invalid UTF-8 becomes U+FFFD */
void jb_json_int(struct jb_json_writer *writer, int64_t number);
void jb_json_double(struct jb_json_writer *writer, double number, int decimals);
void jb_json_bool(struct jb_json_writer *writer, bool truth);
void jb_json_null(struct jb_json_writer *writer);
/* Any value but rows: dates and times as ISO strings, decimals as numbers with all their decimals. Times in the zone (NULL: UTC). */
void jb_json_value(struct jb_json_writer *writer, struct jb_value value, const struct jb_zone *zone);
void jb_json_record(struct jb_json_writer *writer, const struct jb_record *record, const void *row, const struct jb_zone *zone); /* an object, without secret fields */
/* name and value in one: jb_json_put(w, "rows", jb_v(count)) */
void jb_json_put(struct jb_json_writer *writer, const char *name, struct jb_value value);

#endif
