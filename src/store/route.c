/* route.c — where reads may come from, and what a session has written. */
// SPDX-License-Identifier: Apache-2.0
#include "store/store_private.h"
#include <string.h>

/* The use that stands in this very scope's slot, made when there is none. Outside a transaction. */
static struct jb__use *own_use(struct jb_scope *scope)
{
    struct jb__use *use = jb__use_of(scope), *own;

    if (use->scope == scope)
        return use;
    own = JB_NEW(scope, struct jb__use);
    *own = *use;
    own->scope = scope;
    own->outer = NULL;
    jb_service_set(scope, JB_SERVICE_DB, own);
    return own;
}

void jb_db_reads(struct jb_scope *scope, enum jb_reads reads)
{
    own_use(scope)->reads = reads;
}

void jb_db_session(struct jb_scope *scope, uint64_t after)
{
    struct jb__use *use = own_use(scope);

    use->seen = JB_NEW(scope, _Atomic uint64_t);
    atomic_init(use->seen, after);
}

uint64_t jb_db_session_position(struct jb_scope *scope)
{
    return atomic_load(jb__use_of(scope)->seen);
}

void jb_db_session_behind(struct jb_scope *scope)
{
    if (jb__use_of(scope)->db->has_others)
        jb__session_note(scope, JB__POSITION_LOST);
}

void jb__session_note(struct jb_scope *scope, uint64_t position)
{
    _Atomic uint64_t *seen = jb__use_of(scope)->seen;
    uint64_t old = atomic_load(seen);

    while (old < position && !atomic_compare_exchange_weak(seen, &old, position))
        ;
}

void jb__session_found(struct jb_scope *scope, uint64_t position)
{
    uint64_t lost = JB__POSITION_LOST;
    atomic_compare_exchange_strong(jb__use_of(scope)->seen, &lost, position);
}

static enum jb_reads reads_of_app(const struct jb_db *db, const char *app)
{
    for (const struct jb_db_route *route = db->routes; route && route->app; route++)
        if (app && strcmp(route->app, app) == 0)
            return route->reads;
    return JB_READS_DEFAULT;
}

enum jb_reads jb__reads_of_model(const struct jb_db *db, const struct jb_model *model)
{
    return model->reads ? model->reads : reads_of_app(db, model->app);
}

bool jb__may_relate(const struct jb_db *db, const struct jb_model *a, const struct jb_model *b)
{
    return (jb__reads_of_model(db, a) == JB_READS_ANALYTICS) == (jb__reads_of_model(db, b) == JB_READS_ANALYTICS);
}

/* SQL by hand: the strictest of the tables that its text may name. */
static enum jb_reads reads_of_text(const struct jb_db *db, struct jb_str sql)
{
    enum jb_reads found = JB_READS_DEFAULT;

    for (const struct jb_model **model = db->models; *model; model++) {
        enum jb_reads reads = jb__reads_of_model(db, *model);
        if (reads && (!found || reads < found) && jb_str_find(sql, jb_model_table(*model), 0) != SIZE_MAX)
            found = reads;
    }
    return found;
}

enum jb_reads jb__reads_of(struct jb_scope *scope, const struct jb__statement *statement)
{
    const struct jb__use *use = jb__use_of(scope);
    enum jb_reads reads = statement->reads;

    if (statement->write || statement->live)
        return JB_READS_PRIMARY;
    if (!reads)
        reads = statement->model ? jb__reads_of_model(use->db, statement->model) : reads_of_text(use->db, statement->sql);
    if (!reads)
        reads = use->reads;
    return reads ? reads : JB_READS_REPLICA;
}
