/* bench.h — what the measuring programs share: clocks, medians, plain libpq. */
// SPDX-License-Identifier: Apache-2.0
#ifndef BENCH_H
#define BENCH_H

#include <jangbu.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BENCH_HELPER __attribute__((unused)) static

BENCH_HELPER void bench_die(const char *what, const char *why)
{
    fprintf(stderr, "bench: %s: %s\n", what, why);
    exit(1);
}

/* Ends the program with the scope's failure unless ok. */
BENCH_HELPER void bench_ok(struct jb_scope *scope, bool ok)
{
    if (!ok)
        bench_die("failed", jb_cstr(scope, jb_failure_text(scope)));
}

BENCH_HELPER double bench_seconds(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

BENCH_HELPER int bench_compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

BENCH_HELPER double bench_median(double *times, int count)
{
    qsort(times, (size_t)count, sizeof *times, bench_compare);
    return times[count / 2];
}

/* Random enough, and the same in every run. */
BENCH_HELPER uint32_t bench_random(uint32_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed;
}

/* Ties a database with the tables of these models to the scope. */
BENCH_HELPER struct jb_db *bench_open(struct jb_scope *scope, const char *url, const struct jb_model *const *models)
{
    struct jb_db_options options = { .url = jb_str_of(url), .models = models };
    struct jb_db *db = jb_db_open(scope, &options);
    size_t done;

    bench_ok(scope, db != NULL);
    jb_db_use(scope, db);
    bench_ok(scope, jb_migrate(scope, &done));
    return db;
}

BENCH_HELPER PGconn *bench_connect(const char *url)
{
    PGconn *server = PQconnectdb(url);
    if (PQstatus(server) != CONNECTION_OK)
        bench_die("connecting", PQerrorMessage(server));
    return server;
}

BENCH_HELPER void bench_sql(PGconn *server, const char *sql)
{
    PGresult *result = PQexec(server, sql);
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        bench_die(sql, PQerrorMessage(server));
    PQclear(result);
}

/* Seconds that the server's processes for our database have computed; they run on this machine. On a busy one their sum with our own says more than a clock. */
BENCH_HELPER double bench_server_cpu(PGconn *server)
{
    PGresult *result = PQexec(server, "select pid from pg_stat_activity where datname = current_database() and backend_type = 'client backend'");
    double ticks = 0;

    for (int i = 0; i < PQntuples(result); i++) {
        unsigned long user = 0, system = 0;
        char path[64];
        snprintf(path, sizeof path, "/proc/%s/stat", PQgetvalue(result, i, 0));
        FILE *file = fopen(path, "r");
        if (file && fscanf(file, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) == 2)
            ticks += (double)(user + system);
        if (file)
            fclose(file);
    }
    PQclear(result);
    return ticks / (double)sysconf(_SC_CLK_TCK);
}

#endif
