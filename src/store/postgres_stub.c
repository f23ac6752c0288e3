/* postgres_stub.c — stands in until its parts are there. */
// SPDX-License-Identifier: Apache-2.0
#include "store/postgres_private.h"
bool jb__pg_fail(struct jb_scope *scope, PGconn *handle, const PGresult *result, const struct jb__statement *what)
{
    (void)result;
    (void)what;
    return jb_fail(scope, JB_UNAVAILABLE, "%s", PQerrorMessage(handle));
}
bool jb__pg_state_is(const PGresult *result, const char *state)
{
    (void)result;
    (void)state;
    return false;
}
bool jb__pg_migrate(struct jb_db *db, struct jb_scope *scope, bool apply, struct jb_migration_step **ret_steps, size_t *ret_count)
{
    (void)db;
    (void)scope;
    (void)apply;
    (void)ret_steps;
    (void)ret_count;
    return false;
}
