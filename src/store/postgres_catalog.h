/* postgres_catalog.h — what stands in a PostgreSQL database, and how it differs from the models. */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_STORE_POSTGRES_CATALOG_H
#define JB_STORE_POSTGRES_CATALOG_H

#include "store/migrate.h"
#include "store/postgres_private.h"

/* ---- postgres_catalog.c --------------------------------------------------------------------------------------------------- */

/* Rows of pg_catalog, for the tables of the models in the current schema and others that were made here; models NULL: everything there whose columns can be read. Sorted by table. */
struct jb__pg_has_column {
    struct jb_str table, name, type, default_sql;
    struct jb_str kind; /* of the table: r, p; also v, m, f when all are read */
    bool not_null, identity, by_bytes /* its texts compare by bytes */, ours /* the table was made here */, generated;
};
struct jb__pg_has_constraint {
    struct jb_str table, name, kind /* c, f, p */, rule, column, target, target_column, on_delete /* r, a, c, n, d */;
    bool valid, deferrable;
};
struct jb__pg_has_index {
    struct jb_str table, name, condition, shape;
    bool is_unique, valid, of_constraint, primary_key, plain /* b-tree of columns with their usual order */;
};
struct jb__pg_catalog {
    struct jb__pg_has_column *columns;
    struct jb__pg_has_constraint *constraints;
    struct jb__pg_has_index *indexes;
    size_t column_count, constraint_count, index_count;
};
bool jb__pg_catalog_read(struct jb__pg_connection *connection, struct jb_scope *scope, const struct jb_model *const *models, struct jb__pg_catalog *ret_catalog);
bool jb__pg_has_table(const struct jb__pg_catalog *catalog, struct jb_str table);
bool jb__pg_table_is_ours(const struct jb__pg_catalog *catalog, struct jb_str table); /* it was made here */
const struct jb__pg_has_column *jb__pg_find_column(const struct jb__pg_catalog *catalog, struct jb_str table, struct jb_str name);

/* ---- postgres_compare.c, postgres_compare_index.c ----------------------------------------------------------------------------- */

/* A question to ask the rows before anything is changed; the rows that it finds are in the way. */
enum jb__pg_check_kind {
    JB__PG_ANY_ROW, /* a new column could not be filled */
    JB__PG_ROW,     /* breaks a rule */
    JB__PG_ORPHAN,  /* refers to nothing */
    JB__PG_DUPLICATE,
};
struct jb__pg_check {
    enum jb__pg_check_kind kind;
    const struct jb_model *model;
    const struct jb_field *field;  /* not for duplicates */
    struct jb_str condition;       /* of the rows that break the rule */
    const char *rule;              /* "choice" */
    const struct jb__index *index; /* duplicates */
};

struct jb__pg_difference {
    struct jb_scope *scope;
    struct jb_db *db;
    const struct jb_migrate_options *options; /* NULL: only plan */
    const struct jb__pg_catalog *catalog;
    struct jb__steps notices;  /* nothing to do */
    struct jb__steps together; /* in one transaction */
    struct jb__steps alone;    /* after it, one by one, each on its own */
    struct jb__pg_check *checks;
    size_t check_count, check_capacity;
    uint64_t hash; /* of all DDL that the models want */
};
/* Fails INVALID when a column holds another kind of value than its member and nobody could tell how to convert it. */
bool jb__pg_compare(struct jb__pg_difference *difference);
void jb__pg_compare_indexes(struct jb__pg_difference *difference, const struct jb_model *model, bool is_new);
void jb__pg_check_add(struct jb__pg_difference *difference, struct jb__pg_check check);

#endif
