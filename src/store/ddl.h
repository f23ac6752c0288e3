/* ddl.h — between ddl.c and migrate.c. */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_STORE_DDL_H
#define JB_STORE_DDL_H

#include "store/store_private.h"
#include <stdio.h>

struct jb__index {
    struct jb_str name, columns, sql;
};
struct jb__indexes {
    size_t count;
    struct jb__index at[64];
};

/* `"memo" VARCHAR(200) CONSTRAINT …` */
struct jb_str jb__column_sql(struct jb_scope *scope, const struct jb_model *model, const struct jb_field *field);
/* Unique ones first; a reference without an index of its own gets one. */
/* One of them begins with this column. */
bool jb__index_leads(const struct jb__indexes *indexes, const char *column);
void jb__indexes_of(struct jb_scope *scope, const struct jb_model *model, struct jb_str table, struct jb__indexes *ret_indexes);

#endif
