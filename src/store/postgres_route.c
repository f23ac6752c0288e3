/* postgres_route.c — which server a read goes to.
 *
 * The looker (postgres_looker.c) notes for each replica up to where it has replayed, 0 when it is away, is no replica any more, or lags too far. A session's read goes to one that has replayed what the session has
 * written, in turn; to the primary when there is none.
 *
 * A replica that starts again begins with what it had some time ago. What was noted before must not speak for it: a connection that is younger than the note is asked itself. */
// SPDX-License-Identifier: Apache-2.0
#include "store/postgres_private.h"

static bool is_usable(const struct jb__pg_server *server, uint64_t position)
{
    uint64_t replayed = atomic_load(&server->replayed);
    return replayed != 0 && replayed >= position;
}

struct jb__pg_server *jb__pg_server_for(struct jb__pg *pg, struct jb_scope *scope, const struct jb__statement *statement)
{
    if (!jb__pg_has_others(pg))
        return &pg->primary;
    enum jb_reads reads = jb__reads_of(scope, statement);
    if (reads == JB_READS_PRIMARY)
        return &pg->primary;
    uint64_t position = jb_db_session_position(scope);
    if (reads == JB_READS_ANALYTICS && pg->has_analytics && is_usable(&pg->analytics, position))
        return &pg->analytics;
    unsigned first = atomic_fetch_add(&pg->turn, 1);
    for (int i = 0; i < pg->replica_count; i++) {
        struct jb__pg_server *replica = &pg->replicas[(first + (unsigned)i) % (unsigned)pg->replica_count];
        if (is_usable(replica, position))
            return replica;
    }
    return &pg->primary;
}

bool jb__pg_has_seen(const struct jb__pg_connection *connection, struct jb_scope *scope)
{
    const struct jb__pg_server *server = connection->server;

    if (server == &server->pg->primary)
        return true;
    uint64_t position = jb_db_session_position(scope);
    int64_t looked_us = atomic_load(&server->looked_us); /* before what it speaks of */
    return position <= connection->floor || (looked_us > connection->opened_us && is_usable(server, position));
}
