/* sqlite_definition.h — the text of a CREATE TABLE, as its parts. They point into the text. */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_STORE_SQLITE_DEFINITION_H
#define JB_STORE_SQLITE_DEFINITION_H

#include "base/str.h"

#define JB__DEFINITIONS_MAX 512
#define JB__RULES_MAX 64

struct jb__definitions {
    size_t count;
    struct {
        struct jb_str name, sql;
    } at[JB__DEFINITIONS_MAX];
    size_t rule_count;
    struct jb_str rules[JB__RULES_MAX]; /* of the table itself, which others have declared */
};

/* Split at the commas between them; more than there is room for are passed over. */
void jb__definitions_read(struct jb_str sql, struct jb__definitions *definitions);
/* SIZE_MAX: there is none of that name. */
size_t jb__definition_find(const struct jb__definitions *definitions, struct jb_str name);
bool jb__rule_is_primary_key(struct jb_str rule);

#endif
