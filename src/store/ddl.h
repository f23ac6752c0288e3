/* ddl.h — what a model wants of the database: between index.c, ddl.c, postgres_ddl.c and the migrations. */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_STORE_DDL_H
#define JB_STORE_DDL_H

#include "store/store_private.h"
#include <stdio.h>

/* ---- index.c: the same for both databases ----------------------------------------------------------------------------- */

#define JB__INDEX_COLUMNS_MAX 8
#define JB__INDEX_CONDITIONS_MAX 4
#define JB__NAME_BYTES_MAX 63                             /* PostgreSQL's */
#define JB__INDEX_NAME_BYTES_MAX (JB__NAME_BYTES_MAX - 4) /* with room for "_new" while it is changed */

struct jb__index_column {
    const struct jb_field *field;
    bool descending;
};
struct jb__index_condition {
    const struct jb_field *field;
    const char *op;        /* "=", "<>", "<", "<=", ">", ">=", "is null", "is not null" */
    struct jb_value value; /* of the field's kind; NULL after the last two */
};
struct jb__index {
    struct jb_str name;
    bool unique;
    size_t column_count, condition_count;
    struct jb__index_column columns[JB__INDEX_COLUMNS_MAX];
    struct jb__index_condition conditions[JB__INDEX_CONDITIONS_MAX]; /* all hold; none: the index knows every row */
};
struct jb__indexes {
    size_t count;
    struct jb__index at[64];
};

/* Unique ones first; a reference without an index of its own gets one. Named for `table`. */
void jb__indexes_of(struct jb_scope *scope, const struct jb_model *model, struct jb_str table, struct jb__indexes *ret_indexes);
/* The declarations can be read, and no two have one name; otherwise INVALID. */
bool jb__indexes_check(struct jb_scope *scope, const struct jb_model *model);
/* One of them begins with this column and knows every row. */
bool jb__index_leads(const struct jb__indexes *indexes, const char *column);
/* An index of that name on that table came from here, by a name that was derived. */
bool jb__index_is_ours(struct jb_str table, struct jb_str name);
/* The name and its ending, cut to so many bytes with a hash between when they are longer. */
struct jb_str jb__name_fit(struct jb_scope *scope, struct jb_str name, const char *ending, size_t bytes_max);

/* ---- ddl.c ---------------------------------------------------------------------------------------------------------------- */

/* 'text' with quotes doubled. */
void jb__put_literal(struct jb_buf *sql, struct jb_str text);
struct jb_str jb__literal(struct jb_scope *scope, struct jb_str text); /* 'text' */
struct jb_str jb__quoted(struct jb_scope *scope, const char *name);    /* "name" */
/* The declared default; otherwise nothing of its kind, for a member that cannot be absent; NULL: none. */
struct jb_value jb__field_default(struct jb_scope *scope, const struct jb_model *model, const struct jb_field *field);
/* Old rows could not be given a value: the column is required and has no default. */
bool jb__field_unfillable(const struct jb_model *model, const struct jb_field *field);
/* SQLite: `"memo" VARCHAR(200) CONSTRAINT …` */
struct jb_str jb__column_sql(struct jb_scope *scope, const struct jb_model *model, const struct jb_field *field);
/* `"a" = 1 AND …` of the rows that it knows, NULL when it knows all. SQLite's words. */
struct jb_str jb__index_condition(struct jb_scope *scope, const struct jb__index *index);
struct jb_str jb__index_create(struct jb_scope *scope, const struct jb__index *index, struct jb_str table);

/* ---- postgres_ddl.c ------------------------------------------------------------------------------------------------------- */

#define JB__PG_RULES_MAX 3

/* A CHECK: `items.state choice`, `"state" = any (array['new', 'done'])`. */
struct jb__pg_rule {
    struct jb_str name, sql;
    const char *word; /* "choice" */
};
struct jb__pg_column {
    const struct jb_field *field;
    struct jb_str type;        /* as format_type writes it: "numeric(15,2)" */
    struct jb_str default_sql; /* NULL: none */
    bool nullable;
    size_t rule_count;
    struct jb__pg_rule rules[JB__PG_RULES_MAX];
};
void jb__pg_column_of(struct jb_scope *scope, const struct jb_model *model, const struct jb_field *field, struct jb__pg_column *ret_column);
/* `"price" numeric(15,2) NOT NULL DEFAULT 0.00`, without its rules */
struct jb_str jb__pg_column_sql(struct jb_scope *scope, const struct jb__pg_column *column);
/* `CONSTRAINT "items.state choice" CHECK (…)` */
struct jb_str jb__pg_rule_sql(struct jb_scope *scope, const struct jb__pg_rule *rule);
struct jb_str jb__pg_rule_name(struct jb_scope *scope, struct jb_str table, const char *column, const char *word);
/* `CONSTRAINT "items_project_id_fkey" FOREIGN KEY …`; NULL: the field refers to nothing in this database (a live row and one that is not keep their own word). */
struct jb_str jb__pg_reference_sql(struct jb_scope *scope, const struct jb_model *model, const struct jb_field *field);
struct jb_str jb__pg_reference_name(struct jb_scope *scope, const struct jb_model *model, const struct jb_field *field);
/* Columns, rules and the references that `has` (NULL: none) says can be there at once. */
struct jb_str jb__pg_table_sql(struct jb_scope *scope, const struct jb_model *model, bool (*has)(void *arg, const struct jb_model *target), void *arg);
/* CREATE INDEX under that name. */
struct jb_str jb__pg_index_sql(struct jb_scope *scope, const struct jb_model *model, const struct jb__index *index, struct jb_str name, bool concurrently);
/* The columns of an index with their order as the catalogue counts it ("state 0", 1: descending, 2: NULLs first), a line each; and its condition, NULL: none. */
struct jb_str jb__pg_index_shape(struct jb_scope *scope, const struct jb_model *model, const struct jb__index *index);
struct jb_str jb__pg_index_condition(struct jb_scope *scope, const struct jb__index *index);
/* Do two expressions say the same, however the server wrote them down (casts, brackets, quotes)? NULL is only like NULL. */
bool jb__pg_same(struct jb_str a, struct jb_str b);

#endif
