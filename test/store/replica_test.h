/* replica_test.h — a primary and a replica, for tests of who does what: test/pg_server.py run --replica.
 *
 *     cluster("replica pause");
 *     CHECK_INT(calls(REPLICA, folder, "%from sample_entry%"), 1);
 *
 * What the tests ask the servers themselves goes over plain connections of libpq, so that it is seen apart from what the program does. */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_REPLICA_TEST_H
#define JB_REPLICA_TEST_H

#include "store_test.h"
#include "run/run.h"
#include "store/postgres_private.h"
#include <sys/socket.h>
#include <sys/un.h>

#define PRIMARY "JB_TEST_POSTGRES"
#define REPLICA "JB_TEST_POSTGRES_REPLICA"

/* Waits until it is so; only a hang takes so long that it fails. */
#define HANG_US (100 * JB_SECOND_US)
#define WAIT_FOR(condition)                                               \
    do {                                                                  \
        int64_t hangs_us = jb_monotonic_us() + HANG_US;                   \
        while (!(condition))                                              \
            CHECK(jb_monotonic_us() < hangs_us && jb_sleep(scope, 2000)); \
    } while (0)

/* "replica pause", "primary restart", "all rebuild": see pg_server.py. Returns when it is done. */
TEST_HELPER void cluster(const char *command)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    char answer[1000] = "";
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (!getenv("JB_TEST_POSTGRES_CONTROL"))
        jb_test_skip("JB_TEST_POSTGRES_CONTROL is not set");
    snprintf(address.sun_path, sizeof address.sun_path, "%s", getenv("JB_TEST_POSTGRES_CONTROL"));
    CHECK(connect(fd, (struct sockaddr *)&address, sizeof address) == 0);
    CHECK(dprintf(fd, "%s\n", command) > 0);
    for (size_t got = 0; got < sizeof answer - 1;) {
        ssize_t more = read(fd, answer + got, sizeof answer - 1 - got);
        if (more <= 0)
            break;
        got += (size_t)more;
    }
    close(fd);
    CHECK_TEXT(jb_str_of(answer), "ok\n");
}

TEST_HELPER void cluster_blocking(void *command)
{
    cluster(command);
}

/* The same while the other fibers go on. */
TEST_HELPER void cluster_beside(const char *command)
{
    jb_offload(cluster_blocking, (void *)command);
}

/* postgresql://USER:PASSWORD@host:port/DATABASE of that server; user NULL: the one that may do everything. */
TEST_HELPER struct jb_str server_url(struct jb_scope *scope, const char *server, const char *user, const char *folder)
{
    struct jb_str url = jb_str_of(getenv(server)), place = jb_str_slice(url, 0, (size_t)(strrchr(url.data, '/') - url.data));
    const char *name = strrchr(folder, '/') + 1;

    if (!user)
        return jb_format(scope, "%.*s/%s", JB_FMT(place), name);
    return jb_format(scope, "postgresql://%s:hush-%s%.*s/%s", user, user, JB_FMT(jb_str_slice(place, jb_str_find_char(place, '@', 0), place.size)), name);
}

/* One whole number from that server's `postgres` database. */
TEST_HELPER int64_t ask_server(const char *server, const char *sql)
{
    PGconn *handle = PQconnectdb(getenv(server));
    PGresult *result = PQexec(handle, sql);

    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        fprintf(stderr, "%s: %s", sql, PQerrorMessage(handle));
    CHECK_INT(PQresultStatus(result), PGRES_TUPLES_OK);
    int64_t number = PQntuples(result) ? strtoll(PQgetvalue(result, 0, 0), NULL, 10) : 0;
    PQclear(result);
    PQfinish(handle);
    return number;
}

/* How often such statements were run there in the folder's database, by whom (a pattern too). */
TEST_HELPER int64_t calls_by(const char *server, const char *folder, const char *user, const char *pattern)
{
    char sql[1000];

    snprintf(sql, sizeof sql,
        "select coalesce(sum(calls), 0) from pg_stat_statements s join pg_database d on d.oid = dbid join pg_roles r on r.oid = userid where datname = '%s' and rolname like '%s' and query ilike '%s'",
        strrchr(folder, '/') + 1, user, pattern);
    return ask_server(server, sql);
}

TEST_HELPER int64_t calls(const char *server, const char *folder, const char *pattern)
{
    return calls_by(server, folder, "%", pattern);
}

#endif
