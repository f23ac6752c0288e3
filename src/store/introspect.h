/* introspect.h — tables that nobody declared: what stands in the database, and models for it, laid out while the program runs.
 *
 * Nothing is guessed. A column whose kind no member has (uuid, json, an array, a number without a scale, …) is shown as its text and never written; what cannot even be shown is left out, and the description
 * says why. A table is edited when the database numbers its rows by one integer column; any other one that has such a column to tell its rows apart is shown only. */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_STORE_INTROSPECT_H
#define JB_STORE_INTROSPECT_H

#include "store/store.h"

struct jb_table_column {
    struct jb_str name, type; /* as the database says them */
    struct jb_str why;        /* why it is only shown, or left out; NULL: neither */
    bool shown;
};
struct jb_table {
    struct jb_str name;
    bool view;
    const struct jb_model *model; /* external; NULL: left out */
    struct jb_str why;            /* why it is left out, or (its model is .read_only) only shown; NULL: neither */
    const struct jb_table_column *columns;
    size_t column_count;
};
struct jb_tables {
    struct jb_table *at; /* by name */
    size_t count;
};

struct jb_tables_options {
    const char *app;     /* of the models */
    struct jb_str names; /* "a,b"; NULL: all but those that are declared, ours, or Django's own (auth_*, django_*) */
    bool django;         /* those, too */
    bool superusers;     /* the models are for superusers alone */
};
/* Reads them from the database's current schema (the main file); all of it lives in the scope. A name that is no table, or whose table is declared, fails NOT_FOUND or CONFLICT. References lead to
 * tables that are declared or chosen; others are plain numbers. */
bool jb_tables_read(struct jb_scope *scope, const struct jb_tables_options *options, struct jb_tables *ret_tables);
/* The database gets these models besides those it was opened with; before its first loop runs. They live as long as it. */
void jb_tables_use(struct jb_scope *scope, const struct jb_tables *tables);

#endif
