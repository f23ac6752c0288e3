/* postgres_looker.c — looks after replicas, on a thread of its own: how far each has replayed, and whether it may be read from at all. What changes about that is said once, to the log. */
// SPDX-License-Identifier: Apache-2.0
#include "store/postgres_private.h"
#include "base/log.h"
#include <string.h>

#define PAUSE_LEAST_US (JB_SECOND_US / 4)
#define PAUSE_MOST_US (5 * JB_SECOND_US) /* also how late a server that is back may be used again */

struct standing {
    bool recovering;
    int64_t replayed; /* LSN as a number */
};
#define REPLAYED "select pg_is_in_recovery(), coalesce(pg_last_wal_replay_lsn(), '0/0') - '0/0'::pg_lsn"
static const struct jb_record standing_record = JB_RECORD(standing, JB_FIELD(standing, recovering), JB_FIELD(standing, replayed));

static struct jb_scope *patient(const struct jb__pg *pg)
{
    struct jb_scope *scope = jb_scope_new("replica");
    jb_language_set(scope, pg->language);
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

/* ---- saying it, once ------------------------------------------------------------------------------------------------------------------ */

/* What failed, with its causes: "cannot connect …: connection refused". */
static struct jb_str sentence(struct jb_scope *scope)
{
    const struct jb_failure *failure = jb_failure(scope);
    struct jb_str text = failure ? failure->message : JB_STR("");

    while (failure && (failure = failure->cause))
        text = jb_format(scope, "%.*s: %.*s", JB_FMT(text), JB_FMT(failure->message));
    return text;
}

/* To the log when the state is another than before; that all is well only when it was not. */
static void say(struct jb__pg_server *server, struct jb_scope *scope, enum jb__pg_state state, struct jb_str why)
{
    enum jb__pg_state before = server->state;

    server->state = state;
    if (state == before || (state == JB__PG_WELL && before == JB__PG_UNSEEN))
        return;
    if (state == JB__PG_WELL)
        jb_log(JB_LOG_NOTICE, "store", JB_L(scope, "%s 서버를 다시 씁니다.", "The server %s is used again."), server->name);
    else
        jb_log(JB_LOG_WARNING, "store", JB_L(scope, "%s 서버에서 읽지 않습니다: %.*s 그동안 다른 서버에서 읽고, 나아지면 저절로 다시 씁니다.", "The server %s gets no reads: %.*s Others answer meanwhile, and it is used again by itself."), server->name, JB_FMT(why));
}

/* ---- asking -------------------------------------------------------------------------------------------------------------------------- */

/* A server that refuses us, at the door or once inside, is not asked ten times a second. */
static void pause_longer(struct jb__pg_server *server)
{
    server->pause_us = JB_MIN(JB_MAX(server->pause_us * 2, PAUSE_LEAST_US), PAUSE_MOST_US);
    server->retry_us = jb_monotonic_us() + server->pause_us;
}

static bool ask_in(struct jb__pg_server *server, struct jb_scope *scope, const char *sql, struct standing *ret_standing)
{
    if (!server->looker && (server->looker = jb__pg_connect(server, scope, false)))
        server->looker->looks = true;
    if (server->looker && ask_on(server->looker, scope, sql, ret_standing)) {
        server->pause_us = 0;
        return true;
    }
    jb__pg_close(server->looker);
    server->looker = NULL;
    pause_longer(server);
    return false;
}

void jb__pg_find_floor(struct jb__pg_connection *connection)
{
    struct standing standing;
    struct jb_scope *scope = patient(connection->server->pg);

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
    struct jb_scope *scope = patient(pg);
    bool there = jb_monotonic_us() >= pg->primary.retry_us && ask_in(&pg->primary, scope, "select false, pg_current_wal_insert_lsn() - '0/0'::pg_lsn", &standing);

    jb_scope_end(scope);
    return there ? standing.replayed : -1;
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

/* Up to where a session may have written whose reads go there; 0: nobody's do. An analytics server may be no physical replica: then it knows no position, and nobody asks it for one. */
static uint64_t judge(struct jb__pg_server *server, struct jb_scope *scope, bool replica, const struct standing *standing)
{
    int64_t now_us = jb_monotonic_us(), lag_us = now_us - server->fresh_us, known_us = now_us - JB_MAX(server->fresh_us, server->looker->opened_us);

    if (!standing->recovering && !replica) {
        say(server, scope, JB__PG_WELL, JB_STR(""));
        return UINT64_MAX;
    }
    const char *database = PQdb(server->looker->handle), *own = server->pg->database;
    if (replica && strcmp(database, own) != 0)
        say(server, scope, JB__PG_FOREIGN, jb_format(scope, JB_L(scope, "데이터베이스 %s의 복제본입니다. 주 서버는 %s입니다. 주소를 고치세요.", "it holds the database %s, but the primary's is %s. Correct its address."), database, own));
    else if (!standing->recovering)
        say(server, scope, JB__PG_PROMOTED, jb_str_of(JB_L(scope, "복제본이 아니라 스스로 쓰는 서버입니다.", "it is no replica but takes writes itself.")));
    else if (lag_us <= server->pg->lag_max_us) {
        say(server, scope, JB__PG_WELL, JB_STR(""));
        return (uint64_t)standing->replayed;
    } else if (known_us > server->pg->lag_max_us) { /* otherwise it has just been found, and may have everything */
        say(server, scope, JB__PG_LAGGING, jb_format(scope, JB_L(scope, "%lld밀리초 넘게 뒤처졌습니다(DB_REPLICA_LAG_MS).", "it lags more than %lld ms (DB_REPLICA_LAG_MS)."), (long long)(server->pg->lag_max_us / 1000)));
    }
    return 0;
}

static void look_at(struct jb__pg_server *server, bool replica, int64_t written, int64_t asked_us)
{
    struct standing standing;
    uint64_t replayed = 0;
    int64_t looked_us = jb_monotonic_us();

    if (!server->looker && looked_us < server->retry_us)
        return;
    struct jb_scope *scope = patient(server->pg);
    bool there = ask_in(server, scope, REPLAYED, &standing);
    if (there) {
        note_lag(server, standing.replayed, written, asked_us);
        replayed = judge(server, scope, replica, &standing);
    } else {
        say(server, scope, JB__PG_AWAY, sentence(scope));
    }
    atomic_store(&server->replayed, replayed);
    atomic_store(&server->looked_us, looked_us);
    atomic_store(&server->away, !there);
    jb_scope_end(scope);
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
