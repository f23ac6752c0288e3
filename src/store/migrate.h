/* migrate.h — what the migrations of both databases share: the steps and the sentences. */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_STORE_MIGRATE_H
#define JB_STORE_MIGRATE_H

#include "store/ddl.h"

struct jb__steps {
    struct jb_migration_step *at; /* in the scope */
    size_t count, capacity;
};
struct jb_migration_step *jb__step_add(struct jb_scope *scope, struct jb__steps *steps, struct jb_migration_step step);
/* It will be done by a run with these options (NULL: by one without). */
bool jb__step_wanted(const struct jb_migration_step *step, const struct jb_migrate_options *options);
/* The reasons of what was done, one a line, for jb_migrations. */
struct jb_str jb__steps_text(struct jb_scope *scope, const struct jb__steps *steps, const struct jb_migrate_options *options);

/* "table.column" */
struct jb_str jb__dotted(struct jb_scope *scope, struct jb_str table, struct jb_str column);

enum jb__unknown {
    JB__UNKNOWN_COLUMN,
    JB__UNKNOWN_INDEX,
    JB__UNKNOWN_TABLE,
};
/* "column items.memo is in no model: drop it" */
struct jb_str jb__unknown_reason(struct jb_scope *scope, enum jb__unknown kind, struct jb_str name);

/* A table that was there before the model that uses it: so many changes are planned for it. */
void jb__say_taken(struct jb_scope *scope, struct jb__steps *notices, struct jb_str table, size_t changes);
/* A plan says, too, what applying it would refuse: the failure of `checks` as a notice. */
void jb__say_refused(struct jb_scope *scope, struct jb__steps *notices, const struct jb_scope *checks);
/* How many of them, from `first` on, a run without options does. */
size_t jb__steps_wanted(const struct jb__steps *steps, size_t first);
/* One list behind the other, in the first. */
void jb__steps_append(struct jb_scope *scope, struct jb__steps *to, const struct jb__steps *from);

/* The sentences for rows that stand in the way; each returns false. */
bool jb__fail_unfillable(struct jb_scope *scope, struct jb_str table, const char *column);
bool jb__fail_orphan(struct jb_scope *scope, struct jb_str table, struct jb_str id);
bool jb__fail_row(struct jb_scope *scope, struct jb_str table, struct jb_str id, const struct jb_field *field, struct jb_str value, const char *rule);
bool jb__fail_duplicate(struct jb_scope *scope, struct jb_str table, const struct jb__index *index, const struct jb_str *values, struct jb_str count);
/* select a, b, count(*) from "table" where a and b are not null and (condition) group by a, b having count(*) > 1 limit 1; all as text. condition: that of the index, may be NULL */
struct jb_str jb__duplicate_sql(struct jb_scope *scope, struct jb_str table, const struct jb__index *index, struct jb_str condition);

#endif
