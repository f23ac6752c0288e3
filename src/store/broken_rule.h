/* broken_rule.h — the sentences that both drivers fail with. All but jb__broken_row always return false. */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_STORE_BROKEN_RULE_H
#define JB_STORE_BROKEN_RULE_H

#include "store/store_private.h"

/* `what` may be NULL. Sentences name the value: that of its row, otherwise `told`, which the database told (NULL text: nothing). */

/* CONFLICT: a unique index over "table.a, table.b". */
bool jb__broken_unique(struct jb_scope *scope, struct jb_str columns, struct jb_str told, const struct jb__statement *what);
/* INVALID: "table.column" is empty. */
bool jb__broken_null(struct jb_scope *scope, struct jb_str column);
/* INVALID: a CHECK, whose name is "table.column rule" (ddl.c). */
bool jb__broken_check(struct jb_scope *scope, struct jb_str name, const struct jb__statement *what);
/* INVALID: the reference has no row behind it. */
bool jb__broken_reference(struct jb_scope *scope, const struct jb_model *model, const struct jb_field *field, struct jb_str told, const struct jb__statement *what);
/* CONFLICT: rows of `other` (NULL: nobody knows whose) refer to the row. */
bool jb__broken_delete(struct jb_scope *scope, const struct jb_model *other);
/* The database does not say which value is at fault: true when members of the row break a rule of theirs, and then it has failed INVALID by field. */
bool jb__broken_row(struct jb_scope *scope, const struct jb__statement *what);

/* INVALID: a text of the statement has bytes that no text has; which one, when its row is known. */
bool jb__broken_text(struct jb_scope *scope, const struct jb__statement *what);

bool jb__fail_busy(struct jb_scope *scope); /* TIMEOUT, or what the scope ended with */
bool jb__fail_disk_full(struct jb_scope *scope);
bool jb__fail_too_big(struct jb_scope *scope);
bool jb__fail_total(struct jb_scope *scope); /* a sum beyond 64 bits */

#endif
