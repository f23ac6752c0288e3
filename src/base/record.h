/* record.h — what a thing is: a plain C struct plus one table that names its members.
 *
 * Models, task payloads, forms, JSON bodies, sheet rows, query results, settings and the API schema are all records; this file reads,
 * prints and compares any of them.  A record can also be laid out while the program runs (jb_record_layout), so nothing above base may
 * assume that a struct was compiled for it.
 *
 * NULL: a text member is NULL when data == NULL.  A record with other optional members has a presence word: a uint64_t member declared
 * with JB_PRESENCE; bit i says that the field at index i of the table is present.  Run-time layouts always have one. */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_BASE_RECORD_H
#define JB_BASE_RECORD_H

#include "base/decimal.h"
#include "base/scope.h"
#include "base/str.h"
#include "base/time.h"

struct jb_html {
    const char *data; /* already escaped; made only by the renderer */
    size_t size;
};
struct jb_ids {
    const int64_t *at;
    size_t count;
};
struct jb_rows;  /* below */
struct jb_model; /* store */

enum jb_type {
    JB_END,
    JB_BOOL,
    JB_INT32,
    JB_INT64,
    JB_TEXT,
    JB_HTML, /* templates only */
    JB_DATE,
    JB_MONTH,
    JB_TIME,
    JB_DECIMAL,
    JB_ROWS, /* templates only */
    JB_ROW,  /* templates only: one record */
    JB_IDS,  /* parameters only */
    JB_NULL, /* values only */
    JB_WORD, /* the presence word */
};

struct jb_record;
struct jb_row {
    const struct jb_record *record;
    const void *data;
};

struct jb_value {
    enum jb_type type;
    bool as_number; /* DECIMAL, for SQLite: as the field says */
    union {
        bool truth;
        int64_t number;     /* INT32, INT64; DATE days, MONTH months, TIME µs */
        struct jb_str text; /* TEXT, HTML */
        struct jb_decimal decimal;
        const struct jb_rows *rows;
        struct jb_row row;
        struct jb_ids ids;
    };
};

/* clang-format off */
#define JB_TYPE_OF(x) _Generic((x), \
    bool: JB_BOOL, \
    int: JB_INT32, \
    unsigned: JB_INT32, \
    int64_t: JB_INT64, \
    uint64_t: JB_WORD, \
    struct jb_str: JB_TEXT, \
    struct jb_html: JB_HTML, \
    struct jb_date: JB_DATE, \
    struct jb_month: JB_MONTH, \
    struct jb_time: JB_TIME, \
    struct jb_decimal: JB_DECIMAL)
/* clang-format on */

static inline struct jb_value jb_v_bool(bool x)
{
    return (struct jb_value){ .type = JB_BOOL, .truth = x };
}
static inline struct jb_value jb_v_int(int64_t x)
{
    return (struct jb_value){ .type = JB_INT64, .number = x };
}
/* Aborts above INT64_MAX. */
struct jb_value jb_v_unsigned(uint64_t x);
static inline struct jb_value jb_v_text(struct jb_str x)
{
    return (struct jb_value){ .type = x.data ? JB_TEXT : JB_NULL, .text = x };
}
static inline struct jb_value jb_v_html(struct jb_html x)
{
    return (struct jb_value){ .type = JB_HTML, .text = { x.data, x.size } };
}
static inline struct jb_value jb_v_date(struct jb_date x)
{
    return (struct jb_value){ .type = JB_DATE, .number = x.days };
}
static inline struct jb_value jb_v_month(struct jb_month x)
{
    return (struct jb_value){ .type = JB_MONTH, .number = x.months };
}
static inline struct jb_value jb_v_time(struct jb_time x)
{
    return (struct jb_value){ .type = JB_TIME, .number = x.us };
}
static inline struct jb_value jb_v_decimal(struct jb_decimal x)
{
    return (struct jb_value){ .type = JB_DECIMAL, .decimal = x };
}
static inline struct jb_value jb_v_rows(const struct jb_rows *x)
{
    return (struct jb_value){ .type = JB_ROWS, .rows = x };
}
static inline struct jb_value jb_v_row(struct jb_row x)
{
    return (struct jb_value){ .type = JB_ROW, .row = x };
}
static inline struct jb_value jb_v_ids(struct jb_ids x)
{
    return (struct jb_value){ .type = JB_IDS, .ids = x };
}
static inline struct jb_value jb_v_self(struct jb_value x)
{
    return x;
}
static inline struct jb_value jb_v_null(void)
{
    return (struct jb_value){ .type = JB_NULL };
}

/* Any C value as a jb_value; not double, not char * (text in SQL and HTML is always a slice). In C17 `true` and `a == b` are int:
 * drivers encode a parameter by the column's type, never by the C type alone. */
/* clang-format off */
#define jb_v(x) _Generic((x), \
    bool: jb_v_bool, \
    signed char: jb_v_int, \
    short: jb_v_int, \
    int: jb_v_int, \
    long: jb_v_int, \
    long long: jb_v_int, \
    unsigned char: jb_v_unsigned, \
    unsigned short: jb_v_unsigned, \
    unsigned: jb_v_unsigned, \
    unsigned long: jb_v_unsigned, \
    unsigned long long: jb_v_unsigned, \
    struct jb_str: jb_v_text, \
    struct jb_html: jb_v_html, \
    struct jb_date: jb_v_date, \
    struct jb_month: jb_v_month, \
    struct jb_time: jb_v_time, \
    struct jb_decimal: jb_v_decimal, \
    struct jb_rows *: jb_v_rows, \
    const struct jb_rows *: jb_v_rows, \
    struct jb_row: jb_v_row, \
    struct jb_ids: jb_v_ids, \
    struct jb_value: jb_v_self)(x)
/* clang-format on */

/* ---- tables ------------------------------------------------------------------------------------------------------ */

/* One allowed value.  A text field stores `name`, an int field `value`. */
struct jb_choice {
    const char *name;
    const char *label;    /* Korean */
    const char *label_en; /* NULL: the name, humanised */
    int value;
};

enum jb_on_delete {
    JB_RESTRICT,
    JB_CASCADE,
    JB_SET_NULL,
};

struct jb_field {
    const char *name;
    const char *label;    /* Korean; NULL: the name, humanised */
    const char *label_en; /* NULL: the name, humanised ("external_ref" → "External ref") */
    const char *unit;     /* shown in head cells, e.g. "원" */
    size_t offset, size;
    enum jb_type type;
    bool primary, required, unique, indexed, readonly;
    bool long_text;                  /* a text area in forms */
    bool secret;                     /* never shown, logged or exported */
    bool auto_now, auto_now_add;     /* TIME: set at each save, at insert */
    int length_max;                  /* TEXT: code points, 0 = 1,000,000 */
    int digits, decimals;            /* DECIMAL(15,2): .digits = 15, .decimals = 2 */
    const char *default_text;        /* as it would stand in a sheet; NULL: no default */
    const struct jb_choice *choices; /* ends with a NULL name */
    const struct jb_model *references;
    enum jb_on_delete on_delete;
    bool has_min;
    int64_t min; /* INT32, INT64, with has_min */
    /* Tables that were made elsewhere (store/introspect.h): */
    bool as_text;     /* TEXT: a column of a kind that no member has (uuid, json, …): read as its text, never written */
    bool as_number;   /* DECIMAL: SQLite holds the number itself, not minor units; TEXT: a number of any scale, as it is written */
    int column_bytes; /* INT32, INT64: of a narrower column of PostgreSQL; 0: as wide as the member */
    bool empty_text;  /* TEXT: the column takes no NULL; empty text stands for it */
};

struct jb_related;
struct jb_record {
    const char *name;
    size_t size;
    const struct jb_field *fields;    /* ends with JB_END */
    const struct jb_related *related; /* only of rows that were read together with others */
};

/* Rows of another record that were read together with rows of this one: beside each its category, or its items. */
struct jb_related {
    const struct jb_related *next;
    const char *name;               /* "category", "items" */
    const char *base;               /* the rows beside which they stand: */
    size_t count;                   /* … so many */
    const struct jb_record *record; /* of the others */
    const void *const *one;         /* per row the one that it refers to, NULL for none; or … */
    const struct jb_rows *many;     /* … per row those that refer to it */
};

/* clang-format off */
/* JB_FIELD(cashbook, memo, .label = "적요", .length_max = 200) */
#define JB_FIELD(record, ...) JB_FIELD_(record, __VA_ARGS__, )
#define JB_FIELD_(record, member, ...) \
    { .name = #member, .offset = offsetof(struct record, member), .size = sizeof(((struct record *)0)->member), .type = JB_TYPE_OF(((struct record *)0)->member), __VA_ARGS__ }

/* The presence word: put it last, so that indexes of real fields stay small. */
#define JB_PRESENCE(record, member) \
    { .name = #member, .offset = offsetof(struct record, member), .size = sizeof(uint64_t), .type = JB_WORD }

#define JB_RECORD(record, ...) \
    { #record, sizeof(struct record), (const struct jb_field[]){ __VA_ARGS__, { 0 } } }
/* clang-format on */

/* Real fields: the presence word and the end are not counted. */
size_t jb_record_count(const struct jb_record *record);
/* NULL when there is none of that name. */
const struct jb_field *jb_record_field(const struct jb_record *record, struct jb_str name);
/* The name of one that may have been meant; NULL text: none is near. */
struct jb_str jb_record_nearest(const struct jb_record *record, struct jb_str name);
/* What was read with this row under that name: JB_ROW, JB_ROWS, or JB_NULL for a reference that is not set. false: nothing was, or the row is not one of those that were read. */
bool jb_record_related(const struct jb_record *record, const void *row, struct jb_str name, struct jb_value *ret_value);
/* Index in the table. */
size_t jb_field_index(const struct jb_record *record, const struct jb_field *field);
/* The label in that language. Result lives for ever (labels) or in the scope (humanised names). */
struct jb_str jb_field_label(struct jb_scope *scope, const struct jb_field *field, enum jb_language language);
const struct jb_choice *jb_field_choice(const struct jb_field *field, struct jb_value value);
struct jb_str jb_choice_label(struct jb_scope *scope, const struct jb_choice *choice, enum jb_language language);

/* A table made at run time from (name, type, …) descriptions: offsets and size are filled in, a presence word is added. Lives in the scope. */
const struct jb_record *jb_record_layout(struct jb_scope *scope, const char *name, const struct jb_field *fields, size_t count);

/* ---- members ------------------------------------------------------------------------------------------------------ */

/* JB_NULL when absent. A DECIMAL comes with its scale. */
struct jb_value jb_record_get(const struct jb_record *record, const void *row, const struct jb_field *field);
/* The value must be JB_NULL or of the field's kind (ints among themselves; DECIMAL is brought to the field's scale). Text is not copied.
 * false when it does not fit. */
bool jb_record_set(const struct jb_record *record, void *row, const struct jb_field *field, struct jb_value value);
/* Text for people's forms and CSV: ISO dates, plain decimals, "true"/"false"; NULL gives empty text. */
struct jb_str jb_value_text(struct jb_scope *scope, struct jb_value value);
/* From text as typed in a form, sheet or query string (dates and amounts in their loose forms, choices by name or label); empty text gives
 * JB_NULL, or "" for a required text field, which jb_field_check then refuses. Fails INVALID with the reason alone (no field name): "금액이 아닙니다. 숫자로 적으세요." */
bool jb_field_parse(struct jb_scope *scope, const struct jb_field *field, struct jb_str text, struct jb_value *ret_value);
/* Rules of the table: required, length, digits and decimals (never rounded), choices, min, valid UTF-8 without NUL. Same kind of failure. */
bool jb_field_check(struct jb_scope *scope, const struct jb_field *field, struct jb_value value);
/* A date, month or time is in the years 1 to 9999; others always are. Otherwise INVALID. */
bool jb_value_dated(struct jb_scope *scope, struct jb_value value);
bool jb_value_equal(struct jb_value a, struct jb_value b);
/* Sets defaults of every field that has one. */
bool jb_record_defaults(struct jb_scope *scope, const struct jb_record *record, void *row);
bool jb_record_equal(const struct jb_record *record, const void *a, const void *b);
/* A deep copy (texts too) into the scope. */
void *jb_record_copy(struct jb_scope *scope, const struct jb_record *record, const void *row);

/* ---- a list of records of one kind ----------------------------------------------------------------------------------- */

struct jb_rows {
    const struct jb_record *record;
    size_t count;
    char *data; /* count * record->size bytes */
};
static inline void *jb_rows_at(const struct jb_rows *rows, size_t index)
{
    JB_CHECK(index < rows->count);
    return rows->data + index * rows->record->size;
}
/* for (JB_EACH_ROW(rows, struct cashbook, row)) */
/* clang-format off */
#define JB_EACH_ROW(rows, type, row) type *row = (type *)(rows)->data; row < (type *)(rows)->data + (rows)->count; row++
/* clang-format on */

#endif
