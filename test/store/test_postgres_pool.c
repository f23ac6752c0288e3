/* test_postgres_pool.c — how many connections there are, who waits for one, servers that do not answer, and what a lost connection does to the work on it. */
// SPDX-License-Identifier: Apache-2.0
#include "replica_test.h"
#include <arpa/inet.h>
#include <netinet/in.h>

#define FIBERS 60

static struct jb_db *sample(struct jb_scope *scope, struct jb_db_options options)
{
    size_t done;
    struct jb_db *db = test_database_open(scope, sample_models, test_folder(scope), options);
    CHECK_OK(jb_migrate(scope, &done));
    return db;
}

static struct jb_db_stats stats_of(struct jb_scope *scope)
{
    struct jb_db_stats stats;
    jb_db_stats(jb_db_of(scope), &stats);
    return stats;
}

static int64_t ask_activity(struct jb_scope *scope, const char *what, const char *more)
{
    const char *name = strrchr(jb__pg_of(jb_db_of(scope))->primary.url, '/') + 1;
    return ask_server(PRIMARY, jb_format(scope, "select count(%s) from pg_stat_activity where datname = '%s' and backend_type = 'client backend' %s", what, name, more).data);
}

/* In the site's database, seen by somebody else. */
static int64_t connections(struct jb_scope *scope, const char *more)
{
    return ask_activity(scope, "*", more);
}

static int64_t kill_connections(struct jb_scope *scope, const char *more)
{
    return ask_activity(scope, "pg_terminate_backend(pid)", more);
}

struct work {
    struct jb_scope *scope;
    int *running;
    int number;
    enum jb_error error;
    int64_t got;
};

static struct work *run_all(struct jb_scope *scope, int count, void (*main)(void *arg), int *running)
{
    struct work *works = JB_NEW_ARRAY(scope, struct work, (size_t)count);

    *running = count;
    for (int i = 0; i < count; i++) {
        works[i] = (struct work){ .scope = jb_scope_child(scope, "work"), .running = running, .number = i };
        jb_fiber_start("work", main, &works[i]);
    }
    return works;
}

static void works_end(struct jb_scope *scope, struct work *works, int count, const int *running)
{
    WAIT_FOR(*running == 0);
    for (int i = 0; i < count; i++)
        jb_scope_end(works[i].scope);
}

/* ---- G1, G2, G4 ------------------------------------------------------------------------------------------------------------------------ */

static void mix(void *arg)
{
    struct work *work = arg;
    struct jb_scope *scope = work->scope;
    struct sample_entry entry = sample_entry_of(jb_format(scope, "E-%d", work->number).data, 1);
    struct sample_lease lease = { .owner = jb_format(scope, "L-%d", work->number) };

    struct jb_tx *tx = jb_begin(scope);
    bool ok = tx && jb_insert(scope, &sample_entry, &entry) && jb_insert(scope, &sample_lease, &lease) && jb_commit(tx); /* two connections at one time */
    for (int i = 0; ok && i < 20; i++)
        ok = jb_get(scope, &sample_entry, entry.id, &entry);
    work->error = jb_error(scope);
    --*work->running;
}

JB_FIBER_TEST("under load there are never more connections than DB_POOL_MAX, and live statements inside transactions wait for none of them")
{
    int running, most = 0;
    sample(scope, (struct jb_db_options){ .pool_min = 2, .pool_max = 10 });
    struct work *works = run_all(scope, FIBERS, mix, &running);
    while (running > 0) {
        most = JB_MAX(most, (int)connections(scope, ""));
        CHECK(jb_sleep(scope, 100));
    }
    works_end(scope, works, FIBERS, &running);
    for (int i = 0; i < FIBERS; i++)
        CHECK_INT(works[i].error, JB_OK);
    CHECK_INT(jb_count(scope, &sample_lease, .limit = 0), FIBERS);
    CHECK(most > 2 && most <= 10);
}

JB_FIBER_TEST("DB_POOL_MIN connections are there before anybody asks, also again after the server has ended them")
{
    sample(scope, (struct jb_db_options){ .pool_min = 5 });
    WAIT_FOR(stats_of(scope).connections_open >= 5 && connections(scope, "") >= 5);
    CHECK_INT(stats_of(scope).connections_busy, 0);
    CHECK(kill_connections(scope, "") > 0);
    WAIT_FOR(connections(scope, "") >= 5);
    int64_t one;
    CHECK_OK(jb_query_int(scope, JB_SQL("select 1"), &one));
}

JB_FIBER_TEST("a connection older than DB_CONN_MAX_AGE is replaced")
{
    sample(scope, (struct jb_db_options){ .pool_min = 3, .connection_age_max_s = 1 });
    WAIT_FOR(stats_of(scope).connections_open >= 3);
    int64_t began = ask_server(PRIMARY, "select extract(epoch from clock_timestamp()) * 1000");
    WAIT_FOR(connections(scope, jb_format(scope, "and query not ilike 'listen%%' and backend_start < to_timestamp(%lld / 1000.0)", (long long)began).data) == 0);
    WAIT_FOR(stats_of(scope).connections_open >= 3);
}

struct order {
    int next, turns[5];
    struct jb_tx *first;
};
static struct order order;

static void take_turn(void *arg)
{
    struct work *work = arg;
    struct jb_tx *tx = jb_begin(work->scope);

    work->error = jb_error(work->scope);
    if (tx) {
        order.turns[order.next++] = work->number;
        jb_rollback(tx);
    }
    --*work->running;
}

JB_FIBER_TEST("who waits for a connection gets it in order, and whose time is over is told what to do")
{
    struct jb_tx *held[2];
    struct jb_scope *holders[2];
    int running;
    sample(scope, (struct jb_db_options){ .pool_max = 5 });
    order = (struct order){ 0 };
    CHECK_INT(stats_of(scope).connections_max, 2);
    for (int i = 0; i < 2; i++) {
        holders[i] = jb_scope_child(scope, "holder");
        CHECK_OK((held[i] = jb_begin(holders[i])) != NULL);
    }
    CHECK_INT(stats_of(scope).connections_busy, 2);
    int64_t before = stats_of(scope).waits; /* the keeper opens connections at first: a holder may have waited for it */
    struct jb_scope *hasty = jb_scope_child(scope, "hasty");
    jb_language_set(hasty, JB_EN);
    jb_deadline_set(hasty, jb_monotonic_us() + 50000);
    CHECK(!jb_begin(hasty));
    CHECK_INT(jb_error(hasty), JB_TIMEOUT);
    CHECK_TEXT(jb_failure_text(hasty), "PostgreSQL server (primary): all its 2 connections were in use (raise DB_POOL_MAX or make transactions shorter): This took longer than allowed.");
    jb_scope_end(hasty);
    struct work *works = run_all(scope, 5, take_turn, &running);
    jb_fiber_allow_wait(true);
    WAIT_FOR(stats_of(scope).connections_waiting == 5);
    jb_fiber_allow_wait(false);
    jb_rollback(held[1]); /* one place, so one after the other */
    jb_fiber_allow_wait(true);
    works_end(scope, works, 5, &running);
    jb_fiber_allow_wait(false);
    jb_rollback(held[0]);
    for (int i = 0; i < 5; i++) {
        CHECK_INT(works[i].error, JB_OK);
        CHECK_INT(order.turns[i], i);
    }
    CHECK_INT(stats_of(scope).connections_busy, 0);
    CHECK_INT(stats_of(scope).connections_waiting, 0);
    CHECK_INT(stats_of(scope).waits - before, 6);
    jb_scope_end(holders[0]);
    jb_scope_end(holders[1]);
}

JB_FIBER_TEST("statements, slow ones and failed connections are counted")
{
    sample(scope, (struct jb_db_options){ .slow_query_s = 0.02, .pool_min = 1, .replica_urls = JB_STR("postgresql://127.0.0.1:1/x") });
    struct jb_db_stats before = stats_of(scope);
    int64_t number;
    CHECK_OK(jb_query_int(scope, JB_SQL("select count(*) from pg_sleep(0.03)"), &number));
    CHECK_OK(jb_query_int(scope, JB_SQL("select 1"), &number));
    CHECK_INT(stats_of(scope).queries - before.queries, 2);
    CHECK(stats_of(scope).slow_queries > before.slow_queries);
    WAIT_FOR(stats_of(scope).connection_errors > before.connection_errors); /* the replica's */
    CHECK_INT(stats_of(scope).replicas, 1);
    CHECK_INT(stats_of(scope).replicas_usable, 0);
}

/* ---- servers that cannot be reached ------------------------------------------------------------------------------------------------------- */

/* Takes connections and says nothing. */
static int silent_server(int *ret_port)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    CHECK(bind(fd, (struct sockaddr *)&address, sizeof address) == 0 && listen(fd, 16) == 0);
    CHECK(getsockname(fd, (struct sockaddr *)&address, &size) == 0);
    *ret_port = ntohs(address.sin_port);
    return fd;
}

JB_FIBER_TEST("a server that cannot be reached is one sentence, without the password")
{
    struct jb_str url = jb_str_of(getenv(PRIMARY)), place = jb_str_slice(url, jb_str_find_char(url, '@', 0), url.size);
    int port, silent = silent_server(&port);
    const struct {
        struct jb_str url;
        const char *says;
    } cases[] = {
        { jb_format(scope, "postgresql://jangbu:hushhush%.*s", JB_FMT(place)), "password authentication failed for user \"jangbu\"" },
        { JB_STR("postgresql://jangbu:hushhush@nowhere.invalid/x"), "could not translate host name \"nowhere.invalid\"" },
        { JB_STR("postgresql://jangbu:hushhush@127.0.0.1:1/x"), "Connection refused" },
        { jb_format(scope, "postgresql://jangbu:hushhush@127.0.0.1:%d/x", port), "no answer within 1 seconds" },
        { jb_format(scope, "%.*s-not-there", JB_FMT(url)), "does not exist" },
    };
    for (size_t i = 0; i < JB_COUNT(cases); i++) {
        struct jb_scope *trying = jb_scope_child(scope, "trying");
        jb_language_set(trying, JB_EN);
        CHECK(!jb_db_open(trying, &(struct jb_db_options){ .url = cases[i].url, .models = sample_models, .connect_timeout_s = 1 }));
        struct jb_str text = jb_failure_text(trying);
        CHECK_INT(jb_error(trying), JB_UNAVAILABLE);
        if (jb_str_find(text, jb_str_of(cases[i].says), 0) == SIZE_MAX)
            CHECK_STR(text, jb_str_of(cases[i].says));
        CHECK(jb_str_starts(text, JB_STR("cannot connect to the PostgreSQL server (primary): ")));
        CHECK(jb_str_find(text, JB_STR("hushhush"), 0) == SIZE_MAX && jb_str_find_char(text, '\n', 0) == SIZE_MAX);
        jb_scope_end(trying);
    }
    close(silent);
}

JB_FIBER_TEST("a database that does not keep text as UTF8 is refused")
{
    struct jb_str url = jb_str_of(getenv(PRIMARY)), name = jb_format(scope, "jb-latin-%d", (int)getpid());
    size_t slash = jb_str_find_char(url, '/', jb_str_find_char(url, '@', 0));
    PGconn *handle = PQconnectdb(url.data);
    PQclear(PQexec(handle, jb_format(scope, "create database \"%.*s\" encoding 'LATIN1' lc_collate 'C' lc_ctype 'C' template template0", JB_FMT(name)).data));
    CHECK_FAILS(jb_db_open(scope, &(struct jb_db_options){ .url = jb_format(scope, "%.*s/%.*s", JB_FMT(jb_str_slice(url, 0, slash)), JB_FMT(name)), .models = sample_models }) != NULL, JB_CONFLICT);
    PGresult *result = PQexec(handle, jb_format(scope, "drop database \"%.*s\" with (force)", JB_FMT(name)).data);
    CHECK(PQresultStatus(result) == PGRES_COMMAND_OK); /* it was there */
    PQclear(result);
    PQfinish(handle);
}

JB_FIBER_TEST("of several hosts the one that answers is found behind one that is silent, and asked first from then on")
{
    const char *folder = test_folder(scope);
    struct jb_str url = test_database_url(scope, folder);
    int port, silent = silent_server(&port);
    size_t at = jb_str_find_char(url, '@', 0) + 1, end = jb_str_find_char(url, '/', at);
    url = jb_format(scope, "%.*s127.0.0.1:%d,%.*s?target_session_attrs=read-write", JB_FMT(jb_str_slice(url, 0, at)), port, JB_FMT(jb_str_slice(url, at, url.size)));
    CHECK(end != SIZE_MAX);
    struct jb_db *db = jb_db_open(scope, &(struct jb_db_options){ .url = url, .models = sample_models, .connect_timeout_s = 4, .pool_min = 1 });
    CHECK_OK(db != NULL);
    CHECK_INT(jb__pg_of(db)->primary.host, 1);
    jb_db_close(db);
    close(silent);
}

/* ---- work whose connection is lost ----------------------------------------------------------------------------------------------------------- */

JB_FIBER_TEST("a connection that is killed in a transaction or under a cursor fails its work as unavailable, and the next is a new one")
{
    sample(scope, (struct jb_db_options){ .pool_min = 1 });
    sample_entries(scope, 2000);
    struct jb_scope *inside = jb_scope_child(scope, "inside");
    struct sample_project project = { .code = JB_STR("p") };
    struct jb_tx *tx = jb_begin(inside);
    CHECK_OK(jb_insert(inside, &sample_project, &project));
    CHECK(kill_connections(scope, "") > 0);
    project.code = JB_STR("q");
    CHECK(!jb_insert(inside, &sample_project, &project));
    CHECK_INT(jb_error(inside), JB_UNAVAILABLE);
    jb_rollback(tx);
    jb_scope_end(inside);
    CHECK_INT(jb_count(scope, &sample_project, .limit = 0), 0);

    struct jb_scope *walking = jb_scope_child(scope, "walking");
    struct jb_cursor *cursor = jb_cursor_open(walking, &sample_entry, &(struct jb_select){ 0 });
    const void *row;
    CHECK_OK(cursor != NULL && jb_cursor_next(cursor, walking, &row));
    CHECK(kill_connections(scope, "") > 0);
    int rows = 1;
    while (jb_cursor_next(cursor, walking, &row))
        rows++;
    CHECK_INT(rows, 500); /* the page that was there */
    CHECK_INT(jb_error(walking), JB_UNAVAILABLE);
    jb_cursor_close(cursor);
    jb_scope_end(walking);
    CHECK_INT(jb_count(scope, &sample_entry, .limit = 0), 2000);
    WAIT_FOR(stats_of(scope).connections_busy == 0);
}

static void copy_many(void *arg)
{
    struct work *work = arg;
    struct jb_scope *scope = work->scope;
    struct sample_project *rows = JB_NEW_ARRAY(scope, struct sample_project, 200000);

    for (int i = 0; i < 200000; i++)
        rows[i] = (struct sample_project){ .code = jb_format(scope, "P-%d", i), .name = JB_STR("name") };
    work->got = jb_bulk_insert(scope, &sample_project, rows, 200000, NULL);
    work->error = jb_error(scope);
    --*work->running;
}

JB_FIBER_TEST("a COPY whose connection is killed or whose scope is cancelled saves nothing, and its connection is not used again")
{
    sample(scope, (struct jb_db_options){ .pool_min = 1 });
    for (int way = 0; way < 2; way++) {
        int running;
        struct work *work = run_all(scope, 1, copy_many, &running);
        WAIT_FOR(running == 0 || connections(scope, "and state = 'active' and query ilike 'copy%'") == 1);
        if (way == 0)
            CHECK_INT(kill_connections(scope, "and query ilike 'copy%'"), 1);
        else
            jb_cancel(work->scope);
        works_end(scope, work, 0, &running);
        CHECK(!work->got);
        CHECK_INT(work->error, way == 0 ? JB_UNAVAILABLE : JB_CANCELLED);
        jb_scope_end(work->scope);
        WAIT_FOR(connections(scope, "and state = 'active' and query ilike 'copy%'") == 0);
        CHECK_INT(jb_count(scope, &sample_project, .limit = 0), 0);
        WAIT_FOR(stats_of(scope).connections_busy == 0); /* one that the keeper opens anew counts while it does */
    }
}

static void sleep_long(void *arg)
{
    struct work *work = arg;
    int64_t number;
    work->got = jb_query_int(work->scope, JB_SQL("select count(*) from pg_sleep(1000)"), &number);
    work->error = jb_error(work->scope);
    --*work->running;
}

JB_FIBER_TEST("a statement whose scope is cancelled is cancelled on the server, and its connection goes on")
{
    int running;
    sample(scope, (struct jb_db_options){ .pool_min = 1 });
    struct work *work = run_all(scope, 1, sleep_long, &running);
    WAIT_FOR(connections(scope, "and state = 'active' and query ilike '%pg_sleep(1000)%'") == 1);
    jb_cancel(work->scope);
    WAIT_FOR(running == 0);
    CHECK_INT(work->error, JB_CANCELLED);
    WAIT_FOR(connections(scope, "and state = 'active' and query ilike '%pg_sleep(1000)%'") == 0);
    CHECK_INT(connections(scope, "and state = 'idle' and query ilike '%pg_sleep(1000)%'"), 1);
    jb_scope_end(work->scope);
}
