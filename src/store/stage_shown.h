/* stage_shown.h — what a preview showed, so that a confirmed import does that or nothing.
 *
 * When a staging is sealed, its notes are copied: which rows were new, changed, unchanged or refused, and what stood in the changed cells. Pages read the copy; after a confirmation the rows are
 * compared with the table again, and whatever differs from the copy somebody has changed in between. */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_STORE_STAGE_SHOWN_H
#define JB_STORE_STAGE_SHOWN_H

#include "store/stage_private.h"

/* How the statements call things; all quoted. */
struct jb__shown_names {
    struct jb_str rows, match, shown, table, primary;
    const char *id, *row; /* the column of `match` that names a row, and that of `rows` */
    struct jb_str key;    /* of rows s, as text */
};
/* Column b0, b1, … hold what stood in the differing fields. */
struct jb_str jb__shown_create_sql(struct jb_scope *scope, const struct jb_stage *stage, const struct jb__shown_names *names);
/* Rows (id, was, now, key) that are not as they were shown. */
struct jb_str jb__shown_differ_sql(struct jb_scope *scope, const struct jb_stage *stage, const struct jb__shown_names *names);
/* A field of the table's row t, or of what was shown of it (w). */
struct jb_str jb__shown_value(struct jb_scope *scope, const struct jb_stage *stage, const struct jb_field *field);

bool jb__sqlite_stage_show(struct jb_stage *stage, struct jb_scope *scope);
bool jb__sqlite_stage_shown(struct jb_stage *stage, struct jb_scope *scope, bool *ret_there);
bool jb__sqlite_stage_differ(struct jb_stage *stage, struct jb_scope *scope, int64_t limit, jb_stage_differ_fn *each, void *arg, int64_t *ret_count);
bool jb__pg_stage_show(struct jb_stage *stage, struct jb_scope *scope);
bool jb__pg_stage_shown(struct jb_stage *stage, struct jb_scope *scope, bool *ret_there);
bool jb__pg_stage_differ(struct jb_stage *stage, struct jb_scope *scope, int64_t limit, jb_stage_differ_fn *each, void *arg, int64_t *ret_count);

#endif
