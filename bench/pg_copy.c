/* pg_copy.c — many cash book rows into the table with its indexes: jb_bulk_insert beside bare libpq that sends the same rows, encoded before the clock starts.
 *
 *     pg_copy URL ROWS ROUNDS     prints seconds of each, then the ratios
 *
 * Insert: COPY BINARY into the empty table, in one transaction. Upsert by external_ref, bare: COPY BINARY into a temporary table, then insert … on conflict do update. Before each run the table is made anew, filled when rows shall be
 * there already, and a checkpoint is done. */
// SPDX-License-Identifier: Apache-2.0
#include "bench.h"
#include "../apps/cash/cash.h"
#include "store/postgres_private.h"

#define CHUNK ((size_t)256 << 10)
#define ROUNDS_MAX 99
#define COLUMNS "external_ref, date, description, category, account, income, expense, counterparty, evidence, memo"

static const struct jb_model *const models[] = { &cash_cashbook, NULL };

/* ---- rows ------------------------------------------------------------------------------------------------------------------- */

/* `changed` gives every row another amount and memo. */
static struct cashbook *rows_make(struct jb_scope *scope, size_t count, bool changed)
{
    static const char *const categories[] = { "운영비", "인건비", "사업비", "회의비", "여비교통비", "소모품비", "보조금수입", "후원금수입" };
    static const char *const accounts[] = { "보통예금", "현금", "법인카드" };
    struct cashbook *rows = JB_NEW_ARRAY(scope, struct cashbook, count);
    uint32_t seed = 2463534242u;

    for (size_t i = 0; i < count; i++) {
        uint32_t random = bench_random(&seed);
        bool income = random % 4 == 0;
        struct jb_decimal amount = { (int64_t)(random % 100000000) * 10 + changed, 2 }, nothing = { 0, 2 };
        rows[i] = (struct cashbook){
            .external_ref = jb_format(scope, "CB-%08zu", i + 1),
            .date = { (int32_t)(18262 + random % 2000) },
            .description = jb_format(scope, "사무용품 구입 %u", random % 5000),
            .category = jb_str_of(categories[random % JB_COUNT(categories)]),
            .account = jb_str_of(accounts[random % JB_COUNT(accounts)]),
            .income = income ? amount : nothing,
            .expense = income ? nothing : amount,
            .counterparty = jb_format(scope, "거래처 %u", random % 700),
            .evidence = JB_STR("영수증"),
            .memo = changed ? JB_STR("고침") : i % 3 ? JB_STR_NULL
                                                     : jb_format(scope, "메모 %zu", i),
        };
    }
    return rows;
}

static void rows_encode(const struct cashbook *rows, size_t count, struct jb_buf *out)
{
    jb_buf_init(out, (size_t)2 << 30);
    jb_buf_put(out, JB__PG_COPY_HEAD);
    for (size_t i = 0; i < count; i++) {
        jb__pg_put16(out, 10);
        for (const struct jb_field *field = cash_cashbook.record.fields; field->type != JB_END; field++)
            if (!field->primary && !jb__pg_put_field(out, field, jb__column_value(&cash_cashbook, &rows[i], field)))
                bench_die("encoding", field->name);
    }
    jb__pg_put16(out, UINT16_MAX);
    JB_CHECK(!out->full);
}

/* ---- bare libpq ----------------------------------------------------------------------------------------------------------------- */

static void bare_copy(PGconn *server, const char *sql, const struct jb_buf *encoded)
{
    PGresult *result = PQexec(server, sql);

    if (PQresultStatus(result) != PGRES_COPY_IN)
        bench_die(sql, PQerrorMessage(server));
    PQclear(result);
    for (size_t at = 0; at < encoded->size; at += CHUNK)
        if (PQputCopyData(server, encoded->data + at, (int)JB_MIN(CHUNK, encoded->size - at)) != 1)
            bench_die("copying", PQerrorMessage(server));
    if (PQputCopyEnd(server, NULL) != 1)
        bench_die("ending the copy", PQerrorMessage(server));
    while ((result = PQgetResult(server))) {
        if (PQresultStatus(result) != PGRES_COMMAND_OK)
            bench_die("copy", PQerrorMessage(server));
        PQclear(result);
    }
}

static void bare_insert(PGconn *server, const struct jb_buf *encoded)
{
    bench_sql(server, "begin");
    bare_copy(server, "copy cashbook (" COLUMNS ") from stdin (format binary)", encoded);
    bench_sql(server, "commit");
}

static void bare_upsert(PGconn *server, const struct jb_buf *encoded)
{
    bench_sql(server, "begin");
    bench_sql(server, "create temporary table staged on commit drop as select " COLUMNS " from cashbook with no data");
    bare_copy(server, "copy staged (" COLUMNS ") from stdin (format binary)", encoded);
    bench_sql(server, "insert into cashbook (" COLUMNS ") select " COLUMNS " from staged on conflict (external_ref) do update set date = excluded.date, description = excluded.description, category = excluded.category,"
                      " account = excluded.account, income = excluded.income, expense = excluded.expense, counterparty = excluded.counterparty, evidence = excluded.evidence, memo = excluded.memo");
    bench_sql(server, "commit");
}

/* ---- side by side ----------------------------------------------------------------------------------------------------------------- */

enum task {
    INSERT,
    ALL_NEW,
    ALL_CHANGED,
    ALL_SAME,
    TASKS,
};

static const char *const names[] = { "insert", "upsert, all new", "upsert, all changed", "upsert, all unchanged" };

struct bench {
    const char *url;
    size_t count;
    int rounds;
    PGconn *server;
    struct cashbook *rows, *changed;
    struct jb_buf encoded, encoded_changed;
    double ours[TASKS][ROUNDS_MAX], bare[TASKS][ROUNDS_MAX], cpu_ours[TASKS][ROUNDS_MAX], cpu_bare[TASKS][ROUNDS_MAX]; /* cpu: of both sides */
};

static void prepare(struct bench *bench, enum task task)
{
    bench_sql(bench->server, "truncate cashbook restart identity");
    if (task == ALL_CHANGED || task == ALL_SAME) {
        bare_insert(bench->server, &bench->encoded);
        bench_sql(bench->server, "vacuum (analyze) cashbook");
    } else {
        bench_sql(bench->server, "analyze cashbook");
    }
    bench_sql(bench->server, "checkpoint");
}

static double cpu_both(const struct bench *bench)
{
    return bench_seconds(CLOCK_PROCESS_CPUTIME_ID) + bench_server_cpu(bench->server);
}

static void ours_run(struct bench *bench, struct jb_scope *scope, enum task task, int round)
{
    int64_t inserted, updated, ignored, count = (int64_t)bench->count;
    struct jb_bulk how = { .ret_inserted = &inserted, .ret_updated = &updated, .ret_ignored = &ignored };

    if (task != INSERT) {
        how.match_on = "external_ref";
        how.on_conflict = JB_CONFLICT_UPDATE;
    }
    struct jb_scope *child = jb_scope_child(scope, "bulk");
    double began = bench_seconds(CLOCK_MONOTONIC), cpu = cpu_both(bench);
    bench_ok(child, jb_bulk_insert(child, &cash_cashbook, task == ALL_CHANGED ? bench->changed : bench->rows, bench->count, &how));
    bench->ours[task][round] = bench_seconds(CLOCK_MONOTONIC) - began;
    bench->cpu_ours[task][round] = cpu_both(bench) - cpu;
    jb_scope_end(child);
    if (inserted != (task <= ALL_NEW ? count : 0) || updated != (task == ALL_CHANGED ? count : 0) || ignored != (task == ALL_SAME ? count : 0))
        bench_die(names[task], "the counts are not what they should be");
}

static void bare_run(struct bench *bench, enum task task, int round)
{
    double cpu = cpu_both(bench), began = bench_seconds(CLOCK_MONOTONIC);

    if (task == INSERT)
        bare_insert(bench->server, &bench->encoded);
    else
        bare_upsert(bench->server, task == ALL_CHANGED ? &bench->encoded_changed : &bench->encoded);
    bench->bare[task][round] = bench_seconds(CLOCK_MONOTONIC) - began;
    bench->cpu_bare[task][round] = cpu_both(bench) - cpu;
}

/* Of the two runs of each round, which follow each other: a machine that gets faster and slower within minutes does so for both. */
static double paired(struct bench *bench, enum task task)
{
    double ratios[ROUNDS_MAX];

    for (int round = 0; round < bench->rounds; round++)
        ratios[round] = bench->ours[task][round] / bench->bare[task][round];
    return bench_median(ratios, bench->rounds);
}

static void report(struct bench *bench)
{
    double ours[TASKS], bare[TASKS];

    for (enum task task = 0; task < TASKS; task++) {
        double ratio = paired(bench, task); /* before the medians sort their rounds */
        ours[task] = bench_median(bench->ours[task], bench->rounds);
        bare[task] = bench_median(bench->bare[task], bench->rounds);
        const char *aim = task == INSERT ? " (aim 1.15)" : task == ALL_SAME ? ""
                                                                            : " (aim 1.20)";
        double cpu_ours = bench_median(bench->cpu_ours[task], bench->rounds), cpu_bare = bench_median(bench->cpu_bare[task], bench->rounds);
        printf("%-22s %zu rows   ours %6.2f s (cpu %5.2f s)   bare %6.2f s (cpu %5.2f s)   ratio %.2f%s, by cpu %.2f\n", names[task], bench->count, ours[task], cpu_ours, bare[task], cpu_bare, ratio, aim, cpu_ours / cpu_bare);
    }
    printf("all unchanged is %.1f times as fast as all changed (aim 3.0)\n", ours[ALL_CHANGED] / ours[ALL_SAME]);
}

static void run(void *arg)
{
    struct bench *bench = arg;
    struct jb_scope *scope = jb_scope_new("bench");
    struct jb_db *db = bench_open(scope, bench->url, models);

    bench->server = bench_connect(bench->url);
    bench->rows = rows_make(scope, bench->count, false);
    bench->changed = rows_make(scope, bench->count, true);
    rows_encode(bench->rows, bench->count, &bench->encoded);
    rows_encode(bench->changed, bench->count, &bench->encoded_changed);
    for (int round = 0; round < bench->rounds; round++)
        for (enum task task = 0; task < TASKS; task++)
            for (int turn = 0; turn < 2; turn++) {
                bool first = (turn + round) % 2 == 0; /* neither always goes first */
                prepare(bench, task);
                if (first)
                    ours_run(bench, scope, task, round);
                else
                    bare_run(bench, task, round);
                fprintf(stderr, "round %d: %s, %s %.2f s\n", round + 1, names[task], first ? "ours" : "bare", first ? bench->ours[task][round] : bench->bare[task][round]);
            }
    report(bench);
    jb_buf_done(&bench->encoded);
    jb_buf_done(&bench->encoded_changed);
    PQfinish(bench->server);
    jb_db_close(db);
    jb_scope_end(scope);
}

int main(int argc, char **argv)
{
    static struct bench bench;

    if (argc != 4 || atoi(argv[2]) < 1 || atoi(argv[3]) < 1 || atoi(argv[3]) > ROUNDS_MAX)
        bench_die("usage", "pg_copy URL ROWS ROUNDS");
    bench.url = argv[1];
    bench.count = (size_t)atoi(argv[2]);
    bench.rounds = atoi(argv[3]);
    jb_loop_run(run, &bench);
    return 0;
}
