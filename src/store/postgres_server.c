/* postgres_server.c — one server and its connections.
 *
 * Two pools: one for work of one's own, a small one for live statements, which may be asked for inside a transaction; so nobody who holds a connection of the one waits for another of it. Waiting is
 * in order. Idle connections are used last in, first out, so that those nobody needs grow old and are closed. */
// SPDX-License-Identifier: Apache-2.0
#include "store/postgres_private.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define IDLE_US (60 * JB_SECOND_US) /* an idle one more than DB_POOL_MIN is closed after this */
#define POOL_MAX_LEAST 5

static void pool_init(struct jb__pg_pool *pool, struct jb__pg_server *server, bool live, int permits)
{
    *pool = (struct jb__pg_pool){ .server = server, .live = live };
    jb__gate_init(&pool->gate, permits);
    JB_CHECK(pthread_mutex_init(&pool->mutex, NULL) == 0);
}

/* "replica 10.0.0.2:5432", so that one of several can be told. */
static char *name_of(const char *role, const char *url)
{
    PQconninfoOption *options = PQconninfoParse(url, NULL);
    const char *host = "", *port = "5432";
    char name[300];

    for (const PQconninfoOption *option = options; option && option->keyword; option++) {
        if (option->val && *option->val && (strcmp(option->keyword, "host") == 0 || (strcmp(option->keyword, "hostaddr") == 0 && !*host)))
            host = option->val;
        if (option->val && *option->val && strcmp(option->keyword, "port") == 0)
            port = option->val;
    }
    snprintf(name, sizeof name, *host ? "%s %s:%s" : "%s", role, host, port);
    PQconninfoFree(options);
    char *copy = strdup(name);
    JB_CHECK(copy);
    return copy;
}

void jb__pg_server_init(struct jb__pg_server *server, struct jb__pg *pg, const char *role, struct jb_str url, const struct jb_db_options *options)
{
    int max = JB_MAX(options->pool_max > 0 ? options->pool_max : 20, POOL_MAX_LEAST), fifth = max / 5;
    bool others = options->replica_urls.size > 0 || options->analytics_url.size > 0;

    server->pg = pg;
    server->url = strndup(url.data, url.size);
    JB_CHECK(server->url);
    server->name = name_of(role, server == &pg->primary ? "" : server->url);
    server->shared_max = JB_MIN(fifth, JB__PG_SHARED_MAX);
    server->pool_min = options->pool_min > 0 ? options->pool_min : 5;
    pool_init(&server->live, server, true, fifth);
    pool_init(&server->own, server, false, max - 2 * fifth - 1 - (others && server == &pg->primary)); /* a fifth is for the loops' shared connections, one for the keeper, where there are replicas one for the looker */
}

static void close_idle(struct jb__pg_pool *pool)
{
    while (pool->idle) {
        struct jb__pg_connection *connection = pool->idle;
        pool->idle = connection->next;
        jb__pg_close(connection);
    }
}

static void pool_done(struct jb__pg_pool *pool)
{
    close_idle(pool);
    jb__gate_done(&pool->gate);
    pthread_mutex_destroy(&pool->mutex);
}

void jb__pg_server_done(struct jb__pg_server *server)
{
    if (!server->pg)
        return;
    jb__pg_shared_close(server);
    pool_done(&server->own);
    pool_done(&server->live);
    free(server->name);
    free(server->url);
}

/* ---- taking and giving ----------------------------------------------------------------------------------------------------------- */

static bool is_old(const struct jb__pg_connection *connection)
{
    return jb_monotonic_us() - connection->opened_us >= connection->server->pg->age_max_us;
}

/* A server that goes away says so or just closes its end, and one that stays has nothing to say: what waits to be read makes a connection useless. */
static bool is_ending(const struct jb__pg_connection *connection)
{
    char byte;
    return recv(PQsocket(connection->handle), &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}

static void count_closed(struct jb__pg_pool *pool)
{
    pthread_mutex_lock(&pool->mutex);
    pool->open_count--;
    pthread_mutex_unlock(&pool->mutex);
}

static void close_counted(struct jb__pg_connection *connection)
{
    count_closed(connection->pool);
    jb__pg_close(connection);
}

static struct jb__pg_connection *pop_idle(struct jb__pg_pool *pool)
{
    pthread_mutex_lock(&pool->mutex);
    struct jb__pg_connection *connection = pool->idle;
    if (connection) {
        pool->idle = connection->next;
        pool->idle_count--;
    }
    pthread_mutex_unlock(&pool->mutex);
    return connection;
}

static void push_idle(struct jb__pg_connection *connection)
{
    struct jb__pg_pool *pool = connection->pool;

    connection->idle_us = jb_monotonic_us();
    pthread_mutex_lock(&pool->mutex);
    connection->next = pool->idle;
    pool->idle = connection;
    pool->idle_count++;
    pthread_mutex_unlock(&pool->mutex);
}

static struct jb__pg_connection *open_counted(struct jb__pg_pool *pool, struct jb_scope *scope)
{
    struct jb__pg_connection *connection = jb__pg_connect(pool->server, scope, pool->live);

    if (!connection)
        return NULL;
    connection->pool = pool;
    pthread_mutex_lock(&pool->mutex);
    pool->open_count++;
    pthread_mutex_unlock(&pool->mutex);
    return connection;
}

static void fail_exhausted(const struct jb__pg_pool *pool, struct jb_scope *scope)
{
    if (jb_error(scope) == JB_TIMEOUT)
        jb_wrap(scope,
            JB_L(scope, "PostgreSQL 서버(%s)로 가는 연결 %d개가 모두 쓰이고 있었습니다(DB_POOL_MAX를 늘리거나 트랜잭션을 짧게 하세요)", "PostgreSQL server (%s): all its %d connections were in use (raise DB_POOL_MAX or make transactions shorter)"),
            pool->server->name, pool->gate.permits);
}

struct jb__pg_connection *jb__pg_take(struct jb__pg_server *server, struct jb_scope *scope, bool live)
{
    struct jb__pg_pool *pool = live ? &server->live : &server->own;
    struct jb__pg_connection *connection;

    if (!jb__gate_take(&pool->gate, scope)) {
        fail_exhausted(pool, scope);
        return NULL;
    }
    while ((connection = pop_idle(pool)) && (is_old(connection) || is_ending(connection)))
        close_counted(connection);
    if (!connection)
        connection = open_counted(pool, scope);
    if (!connection) {
        jb__gate_leave(&pool->gate);
        return NULL;
    }
    if (!jb__pg_has_seen(connection, scope))
        jb__pg_find_floor(connection);
    if (!connection->broken && jb__pg_has_seen(connection, scope))
        return connection;
    jb__pg_give(connection);
    jb_fail(scope, JB_UNAVAILABLE, JB_L(scope, "서버(%s)에 방금 저장한 것이 아직 없습니다.", "the server (%s) does not have yet what was just saved."), server->name);
    return NULL;
}

void jb__pg_give(struct jb__pg_connection *connection)
{
    if (!connection)
        return;
    struct jb__pg_pool *pool = connection->pool;
    if (connection->broken || PQtransactionStatus(connection->handle) != PQTRANS_IDLE || is_old(connection))
        close_counted(connection);
    else
        push_idle(connection);
    jb__gate_leave(&pool->gate);
}

void jb__pg_server_stats(struct jb__pg_server *server, struct jb_db_stats *stats)
{
    struct jb__pg_pool *own = &server->own;

    pthread_mutex_lock(&own->gate.mutex);
    stats->connections_busy = own->gate.permits - own->gate.free;
    stats->connections_max = own->gate.permits;
    stats->connections_waiting = own->gate.waiting;
    stats->waits = own->gate.waits;
    pthread_mutex_unlock(&own->gate.mutex);
    pthread_mutex_lock(&own->mutex);
    stats->connections_open = own->open_count;
    pthread_mutex_unlock(&own->mutex);
}

/* ---- for the keeper ----------------------------------------------------------------------------------------------------------------- */

/* Takes out what is too old, what the server has closed, and what has been idle for long while there are more than `least`; a list. */
static struct jb__pg_connection *pick_spare(struct jb__pg_pool *pool, int least)
{
    struct jb__pg_connection *spare = NULL, **at = &pool->idle;
    int64_t now_us = jb_monotonic_us();

    pthread_mutex_lock(&pool->mutex);
    while (*at) {
        struct jb__pg_connection *connection = *at;
        if (!is_old(connection) && !is_ending(connection) && (pool->open_count <= least || now_us - connection->idle_us < IDLE_US)) {
            at = &connection->next;
            continue;
        }
        *at = connection->next;
        connection->next = spare;
        spare = connection;
        pool->idle_count--;
        pool->open_count--;
    }
    pthread_mutex_unlock(&pool->mutex);
    return spare;
}

static void pool_tidy(struct jb__pg_pool *pool, int least)
{
    struct jb__pg_connection *spare = pick_spare(pool, least), *next;

    for (; spare; spare = next) {
        next = spare->next;
        jb__pg_close(spare);
    }
}

void jb__pg_server_tidy(struct jb__pg_server *server, struct jb_scope *scope)
{
    struct jb__pg_pool *own = &server->own;

    pool_tidy(own, server->pool_min);
    pool_tidy(&server->live, 1);
    pthread_mutex_lock(&own->mutex);
    int missing = JB_MIN(server->pool_min, own->gate.permits) - own->open_count;
    pthread_mutex_unlock(&own->mutex);
    for (; missing > 0; missing--) {
        struct jb__pg_connection *connection;
        if (!jb__gate_try(&own->gate))
            return;
        connection = open_counted(own, scope);
        if (!connection) {
            jb__gate_leave(&own->gate);
            jb_failure_clear(scope);
            return;
        }
        jb__pg_give(connection);
    }
}
