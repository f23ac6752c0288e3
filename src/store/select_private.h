/* select_private.h — a question that is being written.
 *
 *   select_where.c   conditions, search words, literals
 *   select_join.c    references by dotted names: which tables are joined, which columns are read, and rows put beside rows
 *   select.c         order, page, locks; rows, the first row, a cursor's statement
 *   select_number.c  one number, or a few values, about many rows
 *   select_get.c     the row with an id
 *
 * Every joined table stands as (select "name" as "category.name", … from "categories"): its columns are called by their dotted names everywhere, so that no name in a literal is ambiguous, and both
 * planners see through it. What comes after the from is written first, because it finds out what must be joined. */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_STORE_SELECT_PRIVATE_H
#define JB_STORE_SELECT_PRIVATE_H

#include "store/store_private.h"

/* A reference that is followed. */
struct jb__join {
    struct jb__join *next;
    struct jb__join *up;          /* NULL: a reference of the model itself */
    struct jb_str path;           /* "category.parent" */
    const struct jb_field *field; /* the reference, of up's model */
    const struct jb_model *model; /* what it refers to */
    struct jb_str only;           /* some of its columns, by .only; NULL: all */
    bool read;                    /* its columns are read: .with */
    struct jb_record *record;     /* of its columns that are read */
    size_t offset;                /* of its row in the row as it is read */
    struct jb_record *beside;     /* of its rows beside those that were read last: a copy, which knows what stands beside them */
    char *rows;                   /* one for each of ours */
};

struct jb__query {
    struct jb_scope *scope;
    struct jb_db *db;
    const struct jb_model *model;
    struct jb_buf head; /* select …, then the whole */
    struct jb_buf sql;  /* from the where on */
    struct jb_value *args;
    size_t arg_count, args_max;
    struct jb__join *joins, **joins_end;
    const char *first; /* orders before what is asked for; NULL: nothing */
    bool any;          /* a condition stands already */
    enum jb_reads reads;
};

/* A column of the model, or of what it refers to. */
struct jb__place {
    struct jb__join *join; /* NULL: the model's own */
    const struct jb_field *field;
};

void jb__query_init(struct jb__query *query, struct jb_scope *scope, const struct jb_model *model);
void jb__query_done(struct jb__query *query);
void jb__query_put(struct jb__query *query, const char *text);
void jb__query_arg(struct jb__query *query, struct jb_value value);
/* Room for `count` more arguments. */
void jb__query_reserve(struct jb__query *query, size_t count);

/* ---- select_where.c */
bool jb__query_where(struct jb__query *query, const struct jb_select *what);

/* ---- select_join.c */
/* "name" or "category.name": INVALID with the nearest name. Whatever it goes through is joined. */
bool jb__query_place(struct jb__query *query, struct jb_str name, const char *where, struct jb__place *ret_place);
/* A column as its table has it. */
void jb__put_column(const struct jb_db *db, struct jb_buf *sql, const struct jb_field *field);
void jb__query_put_place(struct jb__query *query, struct jb__place place);
/* May be NULL in a row of the answer. */
bool jb__place_nullable(const struct jb__query *query, struct jb__place place);
/* Dotted names in a literal (`"category.name" = ?`) are joined too. */
bool jb__query_literal_joins(struct jb__query *query, const char *text);
/* Puts the table, its joins and what was written so far behind the head: the whole statement is in `head`. INVALID when a dotted name is too long. */
bool jb__query_finish(struct jb__query *query);

/* What is read of each row: some or all columns of the model, and those of its references. */
struct jb__shape {
    const struct jb_record *record;       /* as it is read */
    const struct jb__presence *presences; /* NULL: the record's own */
    const struct jb_record *rows;         /* as it is given back, without what stands beside */
    struct jb__join *joins;
};
/* Rows of references stand beside it. */
static inline bool jb__shape_is_wide(const struct jb__shape *shape)
{
    return shape->record->size != shape->rows->size;
}
/* Writes `select` and the columns into the head. */
bool jb__shape_of(struct jb__query *query, const struct jb_select *what, struct jb__shape *ret_shape);
/* What was read, in the scope, with what stands beside it; again for other rows when those before are gone. */
struct jb_rows *jb__shape_rows(struct jb_scope *scope, const struct jb__shape *shape, const struct jb__sink *sink);

/* ---- select_get.c */
/* select "a", "b", … of all columns of the model; lives as long as the database. */
struct jb_str jb__model_head(struct jb_scope *scope, struct jb_db *db, const struct jb_model *model);

/* ---- select.c */
/* select …, whole. */
bool jb__query_select(struct jb__query *query, const struct jb_select *what, int64_t limit, struct jb__shape *ret_shape);
struct jb__statement jb__query_statement(const struct jb__query *query, struct jb__sink *sink, int64_t row_limit);

#endif
