/* ddl.h — between ddl.c and migrate.c. */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_STORE_DDL_H
#define JB_STORE_DDL_H

#include "store/store_private.h"
#include <stdio.h>

struct jb__index {
    struct jb_str name, columns, where, sql; /* columns: `"status", "created_at" DESC`; where NULL: of all rows */
    bool unique;
};
struct jb__indexes {
    size_t count;
    struct jb__index at[64];
};

/* `"memo" VARCHAR(200) CONSTRAINT …` */
struct jb_str jb__column_sql(struct jb_scope *scope, const struct jb_model *model, const struct jb_field *field);
/* One of them begins with this column, and is of all rows. */
bool jb__index_leads(const struct jb__indexes *indexes, const char *column);
/* Everything that a model wants: unique ones first, then groups, then those with names of their own; a reference without an index gets one. NULL stands in them where it does in every order. */
void jb__indexes_of(struct jb_scope *scope, const struct jb_model *model, struct jb_str table, struct jb__indexes *ret_indexes);

#endif
