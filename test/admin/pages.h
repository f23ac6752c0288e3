/* pages.h — renders the admin's templates without a server, and checks that what came out is well-formed. */
// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_ADMIN_PAGES_H
#define TEST_ADMIN_PAGES_H

#include "jb_test.h"
#include "admin/admin.h"

/* HTML of a template with those vars in the scope's language; fails the test when it cannot be rendered or is not well-formed. */
struct jb_str page_of(struct jb_scope *scope, const char *name, struct jb_vars *vars);
/* What every page needs: menu, user, csrf, flash. */
struct jb_vars *page_vars(struct jb_scope *scope);
bool has(struct jb_str html, const char *text);

#endif
