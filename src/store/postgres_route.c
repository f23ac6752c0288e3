/* postgres_route.c — which server a read goes to.
 *
 * The looker notes for each replica up to where it has replayed, 0 when it is away, is no replica any more, or lags too far. A session's read goes to one that has replayed what the session has
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

/* ---- looking after replicas: on the looker's thread ------------------------------------------------------------------------------ */

struct standing {
    bool recovering;
    int64_t replayed; /* LSN as a number */
};
#define REPLAYED "select pg_is_in_recovery(), coalesce(pg_last_wal_replay_lsn(), '0/0') - '0/0'::pg_lsn"
static const struct jb_record standing_record = JB_RECORD(standing, JB_FIELD(standing, recovering), JB_FIELD(standing, replayed));

static struct jb_scope *patient(void)
{
    struct jb_scope *scope = jb_scope_new("replica");
    jb_deadline_set(scope, jb_monotonic_us() + JB__PG_REPLICA_PATIENCE_US);
    return scope;
}

static bool ask_on(struct jb__pg_connection *connection, struct jb_scope *scope, const char *sql, struct standing *ret_standing)
{
    struct jb__sink sink;
    struct jb__statement statement = { .sql = jb_str_of(sql), .in_order = true, .row_limit = 1, .sink = &sink };

    jb__sink_init(&sink, scope, &standing_record, 1);
    if (!jb__pg_run_on(connection, scope, &statement, true) || sink.count != 1)
        return false;
    *ret_standing = *(const struct standing *)(const void *)sink.data;
    return true;
}

static bool ask(struct jb__pg_connection **connection, struct jb__pg_server *server, const char *sql, struct standing *ret_standing)
{
    struct jb_scope *scope = patient();

    if (!*connection)
        *connection = jb__pg_connect(server, scope, false);
    if (*connection)
        (*connection)->looks = true;
    bool ok = *connection && ask_on(*connection, scope, sql, ret_standing);
    if (!ok) {
        jb__pg_close(*connection);
        *connection = NULL;
    }
    jb_scope_end(scope);
    return ok;
}

void jb__pg_find_floor(struct jb__pg_connection *connection)
{
    struct standing standing;
    struct jb_scope *scope = patient();

    if (ask_on(connection, scope, REPLAYED, &standing))
        connection->floor = (uint64_t)standing.replayed;
    else
        connection->broken = true;
    jb_scope_end(scope);
}

/* How far the primary is; -1 when it does not say. */
static int64_t primary_position(struct jb__pg *pg)
{
    struct standing standing;
    return ask(&pg->primary.looker, &pg->primary, "select false, pg_current_wal_insert_lsn() - '0/0'::pg_lsn", &standing) ? standing.replayed : -1;
}

/* A replica lags by the time since which it has not had all that the primary had written then. While the primary is away nothing can be fresher. */
static void note_lag(struct jb__pg_server *server, int64_t replayed, int64_t written, int64_t asked_us)
{
    if (written < 0) {
        server->fresh_us = asked_us;
    } else if (replayed >= server->target) {
        server->fresh_us = server->target_us;
        server->target = written;
        server->target_us = asked_us;
    }
}

/* An analytics server may be no physical replica: then it knows no position, and nobody asks it for one. */
static void look_at(struct jb__pg_server *server, bool replica, int64_t written, int64_t asked_us)
{
    struct standing standing;
    uint64_t replayed = 0;
    int64_t looked_us = jb_monotonic_us();
    bool there = ask(&server->looker, server, REPLAYED, &standing);

    if (there) {
        note_lag(server, standing.replayed, written, asked_us);
        bool lags = jb_monotonic_us() - server->fresh_us > server->pg->lag_max_us;
        if (standing.recovering && !lags)
            replayed = (uint64_t)standing.replayed;
        else if (!standing.recovering && !replica)
            replayed = UINT64_MAX;
    }
    atomic_store(&server->replayed, replayed);
    atomic_store(&server->looked_us, looked_us);
    atomic_store(&server->away, !there);
}

void jb__pg_replicas_look(struct jb__pg *pg)
{
    int64_t asked_us = jb_monotonic_us(), written = primary_position(pg);

    for (int i = 0; i < pg->replica_count; i++)
        look_at(&pg->replicas[i], true, written, asked_us);
    if (pg->has_analytics)
        look_at(&pg->analytics, false, written, asked_us);
}

void jb__pg_replicas_leave(struct jb__pg *pg)
{
    jb__pg_close(pg->primary.looker);
    jb__pg_close(pg->analytics.looker);
    for (int i = 0; i < pg->replica_count; i++)
        jb__pg_close(pg->replicas[i].looker);
}
