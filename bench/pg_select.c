/* pg_select.c — one row by its key, over and over: ours from many fibers beside bare libpq, pipelined and synchronous.
 *
 *     pg_select URL ROUNDS     each round measures the three in turn for a second; prints a line of each, medians, then the ratios
 *
 * All three read every column in binary into a struct. */
// SPDX-License-Identifier: Apache-2.0
#include "bench.h"
#include "../apps/cash/cash.h"
#include <endian.h>

#define ROWS 100000
#define FIBERS 64
#define PIPELINE 32
#define ROUNDS_MAX 99
#define SELECT "select id, external_ref, date, description, category, account, income, expense, counterparty, evidence, memo from cashbook where id = $1"

static const struct jb_model *const models[] = { &cash_cashbook, NULL };
static uint32_t seed = 2463534242u;

static int64_t next_id(void)
{
    return 1 + bench_random(&seed) % ROWS;
}

static void fill(struct jb_scope *scope)
{
    bench_ok(scope, jb_exec(scope, JB_SQL("insert into cashbook (external_ref, date, description, category, account, income, expense, counterparty, evidence, memo)"
                                          " select 'CB-' || lpad(n::text, 7, '0'), date '2020-01-01' + n % 2000, '사무용품 구입 ' || n, '운영비', '보통예금', n * 100.25, 0, '거래처 ' || n % 500, '영수증', case when n % 3 = 0 then null else '메모 ' || n end"
                                          " from generate_series(1, 100000) as n"),
                        NULL));
    bench_ok(scope, jb_exec(scope, JB_SQL("analyze cashbook"), NULL));
}

/* ---- ours ------------------------------------------------------------------------------------------------------------------ */

struct run {
    struct jb_scope *scope;
    double until;
    int64_t rows;
    int running;
    bool by_first;
};

/* As a handler does: a scope of its own, one row. */
static void reader(void *arg)
{
    struct run *run = arg;

    while (bench_seconds(CLOCK_MONOTONIC) < run->until) {
        struct jb_scope *scope = jb_scope_child(run->scope, "request");
        struct cashbook row;
        int64_t id = next_id();
        bool ok = run->by_first ? jb_first(scope, &cash_cashbook, &row, .where = JB_SQL("id = ?", id)) : jb_get(scope, &cash_cashbook, id, &row);
        bench_ok(scope, ok && row.id == id && row.description.size > 0);
        run->rows++;
        jb_scope_end(scope);
    }
    run->running--;
}

static int64_t ours(struct jb_scope *scope, double until, bool by_first)
{
    struct run run = { .scope = scope, .until = until, .running = FIBERS, .by_first = by_first };

    for (int i = 0; i < FIBERS; i++)
        jb_fiber_start("reader", reader, &run);
    while (run.running > 0)
        jb_sleep(NULL, 1000);
    return run.rows;
}

/* ---- bare libpq ------------------------------------------------------------------------------------------------------------ */

struct bare_row {
    int64_t id, income, expense;
    int32_t day;
    char text[7][256];
};

/* Units of 1/100. */
static int64_t bare_numeric(const char *bytes)
{
    uint16_t words[16];
    int64_t units = 0;

    memcpy(words, bytes, 8);
    int count = be16toh(words[0]), weight = (int16_t)be16toh(words[1]);
    memcpy(words, bytes + 8, 2 * (size_t)JB_MIN(count, 16));
    for (int i = 0; i <= weight; i++)
        units = units * 10000 + (i < count ? be16toh(words[i]) : 0);
    return units * 100 + (count > weight + 1 ? be16toh(words[weight + 1]) / 100 : 0);
}

static void bare_text(char *out, const PGresult *result, int column)
{
    size_t size = JB_MIN((size_t)PQgetlength(result, 0, column), (size_t)255);
    memcpy(out, PQgetvalue(result, 0, column), size);
    out[size] = '\0';
}

static void bare_read(PGconn *server, const PGresult *result, struct bare_row *row)
{
    static const int texts[] = { 1, 3, 4, 5, 8, 9, 10 };
    uint64_t id;
    uint32_t day;

    if (PQresultStatus(result) != PGRES_TUPLES_OK || PQntuples(result) != 1)
        bench_die("select", PQerrorMessage(server));
    memcpy(&id, PQgetvalue(result, 0, 0), sizeof id);
    memcpy(&day, PQgetvalue(result, 0, 2), sizeof day);
    row->id = (int64_t)be64toh(id);
    row->day = (int32_t)be32toh(day);
    row->income = bare_numeric(PQgetvalue(result, 0, 6));
    row->expense = bare_numeric(PQgetvalue(result, 0, 7));
    for (size_t i = 0; i < JB_COUNT(texts); i++)
        bare_text(row->text[i], result, texts[i]);
}

struct bare_param {
    uint64_t id;
    const char *values[1];
    int lengths[1], formats[1];
};

static void bare_param(struct bare_param *param)
{
    param->id = htobe64((uint64_t)next_id());
    param->values[0] = (const char *)&param->id;
    param->lengths[0] = sizeof param->id;
    param->formats[0] = 1;
}

static void bare_prepare(PGconn *server)
{
    PGresult *result = PQprepare(server, "by_id", SELECT, 0, NULL);
    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        bench_die("prepare", PQerrorMessage(server));
    PQclear(result);
}

static int64_t synchronous(PGconn *server, double until)
{
    struct bare_param param;
    struct bare_row row;
    int64_t rows = 0;

    for (; bench_seconds(CLOCK_MONOTONIC) < until; rows++) {
        bare_param(&param);
        PGresult *result = PQexecPrepared(server, "by_id", 1, param.values, param.lengths, param.formats, 1);
        bare_read(server, result, &row);
        PQclear(result);
    }
    return rows;
}

static int64_t pipelined(PGconn *server, double until)
{
    struct bare_param param;
    struct bare_row row;
    int64_t rows = 0;

    while (bench_seconds(CLOCK_MONOTONIC) < until) {
        for (int i = 0; i < PIPELINE; i++) {
            bare_param(&param);
            if (!PQsendQueryPrepared(server, "by_id", 1, param.values, param.lengths, param.formats, 1))
                bench_die("sending", PQerrorMessage(server));
        }
        PQpipelineSync(server);
        for (int i = 0; i < PIPELINE; i++, rows++) {
            PGresult *result = PQgetResult(server);
            bare_read(server, result, &row);
            PQclear(result);
            PQgetResult(server); /* NULL: the end of that one */
        }
        PQclear(PQgetResult(server)); /* the sync */
    }
    return rows;
}

/* ---- side by side ---------------------------------------------------------------------------------------------------------- */

enum way {
    OURS_GET,
    OURS_FIRST,
    PIPELINED,
    SYNCHRONOUS,
    WAYS,
};

static const char *const names[] = { "ours, 64 fibers, jb_get", "ours, 64 fibers, jb_first", "libpq, pipeline of 32", "libpq, PQexecPrepared" };

struct bench {
    const char *url;
    int rounds;
    PGconn *servers[2];
    double rates[WAYS][ROUNDS_MAX], cpu[WAYS][ROUNDS_MAX], server_cpu[WAYS][ROUNDS_MAX]; /* rows/s; microseconds of this process, and of the server, for each */
};

static void measure(struct bench *bench, struct jb_scope *scope, enum way way, int round, double s)
{
    double server_cpu = bench_server_cpu(bench->servers[1]), began = bench_seconds(CLOCK_MONOTONIC), cpu = bench_seconds(CLOCK_PROCESS_CPUTIME_ID), until = began + s;
    int64_t rows;

    switch (way) {
    case PIPELINED: rows = pipelined(bench->servers[0], until); break;
    case SYNCHRONOUS: rows = synchronous(bench->servers[1], until); break;
    default: rows = ours(scope, until, way == OURS_FIRST);
    }
    bench->rates[way][round] = (double)rows / (bench_seconds(CLOCK_MONOTONIC) - began);
    bench->cpu[way][round] = 1e6 * (bench_seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu) / (double)rows;
    bench->server_cpu[way][round] = 1e6 * (bench_server_cpu(bench->servers[1]) - server_cpu) / (double)rows;
}

static void run(void *arg)
{
    struct bench *bench = arg;
    struct jb_scope *scope = jb_scope_new("bench");
    struct jb_db *db = bench_open(scope, bench->url, models);
    double rates[WAYS], cpu[WAYS];

    fill(scope);
    for (int i = 0; i < 2; i++) {
        bench->servers[i] = bench_connect(bench->url);
        bare_prepare(bench->servers[i]);
    }
    if (!PQenterPipelineMode(bench->servers[0]))
        bench_die("pipeline mode", PQerrorMessage(bench->servers[0]));
    for (enum way way = 0; way < WAYS; way++)
        measure(bench, scope, way, 0, 0.3); /* warm: statements prepared, pages read */
    for (int round = 0; round < bench->rounds; round++)
        for (enum way way = 0; way < WAYS; way++)
            measure(bench, scope, way, round, 1);
    for (enum way way = 0; way < WAYS; way++) {
        rates[way] = bench_median(bench->rates[way], bench->rounds);
        double client = bench_median(bench->cpu[way], bench->rounds), server = bench_median(bench->server_cpu[way], bench->rounds);
        cpu[way] = client + server;
        printf("%-28s %8.0f rows/s   cpu of a row: client %5.1f us, server %5.1f us\n", names[way], rates[way], client, server);
    }
    printf("against the pipeline:   jb_get %.2f, jb_first %.2f (aim 0.80); by cpu %.2f, %.2f\n", rates[OURS_GET] / rates[PIPELINED], rates[OURS_FIRST] / rates[PIPELINED], cpu[PIPELINED] / cpu[OURS_GET], cpu[PIPELINED] / cpu[OURS_FIRST]);
    printf("against PQexecPrepared: jb_get %.2f, jb_first %.2f (aim 1.70); by cpu %.2f, %.2f\n", rates[OURS_GET] / rates[SYNCHRONOUS], rates[OURS_FIRST] / rates[SYNCHRONOUS], cpu[SYNCHRONOUS] / cpu[OURS_GET], cpu[SYNCHRONOUS] / cpu[OURS_FIRST]);
    PQfinish(bench->servers[0]);
    PQfinish(bench->servers[1]);
    jb_db_close(db);
    jb_scope_end(scope);
}

int main(int argc, char **argv)
{
    static struct bench bench;

    if (argc != 3 || atoi(argv[2]) < 1 || atoi(argv[2]) > ROUNDS_MAX)
        bench_die("usage", "pg_select URL ROUNDS");
    bench.url = argv[1];
    bench.rounds = atoi(argv[2]);
    jb_loop_run(run, &bench);
    return 0;
}
