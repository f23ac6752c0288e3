/* tables.h — existing tables in the admin without a line of C (--tables); private to app. */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_APP_TABLES_H
#define JB_APP_TABLES_H

#include "app/site.h"

/* Reads the tables that the settings name and gives the database their models. Nothing to do without them. */
bool jb__tables_open(struct jb_scope *scope, struct jb_runtime *runtime);
/* The group of the side menu for them; a NULL name when there are none. */
struct jb_admin_app jb__tables_admin(struct jb_scope *scope, const struct jb_runtime *runtime);

#endif
