/* postgres_stub.c — stands in until its parts are there. */
// SPDX-License-Identifier: Apache-2.0
#include "store/postgres_private.h"
bool jb__pg_migrate(struct jb_db *db, struct jb_scope *scope, bool apply, struct jb_migration_step **ret_steps, size_t *ret_count)
{
    (void)db;
    (void)scope;
    (void)apply;
    (void)ret_steps;
    (void)ret_count;
    return false;
}
