/* database.c — test databases, by plain blocking calls. */
// SPDX-License-Identifier: Apache-2.0
#include "database.h"
#include "jb_test.h"
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DUPLICATE_DATABASE "42P04"
#define UNIQUE_VIOLATION "23505" /* two made it at the same moment */
#define QUERY_CANCELED "57014"   /* it took too long */

bool test_is_sqlite(void)
{
    const char *kind = getenv("JB_TEST_DATABASE");

    if (!kind || !*kind || strcmp(kind, "sqlite") == 0)
        return true;
    if (strcmp(kind, "postgresql") == 0 && getenv("JB_TEST_POSTGRES"))
        return false;
    fprintf(stderr, "JB_TEST_DATABASE=%s: it may be sqlite, or postgresql under `test/pg_server.py run -- PROGRAM`.\n", kind);
    abort();
}

static const char *name_of(const char *folder)
{
    return strrchr(folder, '/') + 1;
}

static void quiet(void *arg, const char *message)
{
    (void)arg, (void)message;
}

/* Runs a statement about the folder's database; `expected` are SQLSTATEs that are no failure. */
static void run(const char *format, const char *folder, const char *expected)
{
    char sql[256];
    PGconn *server = PQconnectdb(getenv("JB_TEST_POSTGRES"));
    PQsetNoticeProcessor(server, quiet, NULL);
    PQclear(PQexec(server, "set statement_timeout = '60s'"));
    snprintf(sql, sizeof sql, format, name_of(folder));
    PGresult *result = PQexec(server, sql);
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);

    if (state && strcmp(state, QUERY_CANCELED) == 0)
        fprintf(stderr, "%s: given up after a minute\n", sql);
    if (PQresultStatus(result) != PGRES_COMMAND_OK && (!state || !strstr(expected, state))) {
        fprintf(stderr, "%s: %s", sql, PQerrorMessage(server));
        abort();
    }
    PQclear(result);
    PQfinish(server);
}

struct jb_str test_database_url(struct jb_scope *scope, const char *folder)
{
    if (test_is_sqlite())
        return jb_format(scope, "sqlite:///%s/test.db", folder);
    run("create database \"%s\"", folder, DUPLICATE_DATABASE " " UNIQUE_VIOLATION);
    const char *server = getenv("JB_TEST_POSTGRES");
    return jb_format(scope, "%.*s/%s", (int)(strrchr(server, '/') - server), server, name_of(folder));
}

void test_database_drop(const char *folder)
{
    if (!test_is_sqlite())
        run("drop database if exists \"%s\" with (force)", folder, QUERY_CANCELED); /* it goes with its server at the latest */
}
