/* introspect_private.h — what the drivers say about existing tables, before anything is made of it. */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_STORE_INTROSPECT_PRIVATE_H
#define JB_STORE_INTROSPECT_PRIVATE_H

#include "store/introspect.h"
#include "store/store_private.h"

#define JB__TABLE_COLUMNS_MAX ((size_t)198) /* of a model: a staging takes 200, an import also its key */

/* All sorted by table. */
struct jb__found_column {
    struct jb_str table, name, type, default_sql;
    bool view;     /* of the table: nothing can be written to it */
    bool not_null; /* said by the column itself */
    bool computed;
    bool numbered;   /* the database gives it its number */
    int64_t key;     /* place in the primary key, from 1; 0: none */
    int64_t columns; /* of the primary key */
};
/* Of one column. */
struct jb__found_reference {
    struct jb_str table, column, target, target_column; /* target_column NULL: its primary key */
    struct jb_str on_delete;                            /* in capitals: "CASCADE", "SET NULL", … */
};
struct jb__found_index {
    struct jb_str table, columns; /* one a line */
    bool is_unique;
    bool plain; /* of whole columns and all rows */
};
struct jb__found {
    struct jb__found_column *columns;
    struct jb__found_reference *references;
    struct jb__found_index *indexes;
    size_t column_count, reference_count, index_count;
};

/* Driver: reads what is there … */
bool jb__sqlite_describe(struct jb_db *db, struct jb_scope *scope, struct jb__found *ret_found);
bool jb__pg_describe(struct jb_db *db, struct jb_scope *scope, struct jb__found *ret_found);
/* … and says what a column of that type holds: type, lengths, digits, as_text, as_number. false: it cannot even be shown. `type` is in small letters. */
bool jb__sqlite_kind(struct jb_str type, struct jb_field *field);
bool jb__pg_kind(struct jb_str type, struct jb_field *field);
/* "varchar(40)" → "varchar", 40, -1; also with two numbers. Without any: -1. */
struct jb_str jb__kind_numbers(struct jb_str type, int *ret_first, int *ret_second);

/* A statement on this table failed because the table is not as it was read at start: says so instead. Always false. */
bool jb__external_failed(struct jb_scope *scope, const struct jb_model *model);

#endif
