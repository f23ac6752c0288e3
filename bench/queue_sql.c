/* queue_sql.c — tasks that do nothing, on the database's queue.
 *
 *     queue_sql fill URL COUNT                  puts so many into the queue
 *     queue_sql work URL CONCURRENCY PREFETCH   runs what is there, and ends */
// SPDX-License-Identifier: Apache-2.0
#include "bench.h"

struct noop {
    int n;
};

static bool run_noop(struct jb_scope *scope, const void *payload)
{
    (void)scope, (void)payload;
    return true;
}

static const struct jb_task noop = { .name = "bench.noop", .payload = JB_RECORD(noop, JB_FIELD(noop, n)), .run = run_noop };
static const struct jb_task *const tasks[] = { &noop, NULL };
static const struct jb_model *const models[] = { JB_QUEUE_MODELS, NULL };

static void fill(struct jb_scope *scope, int64_t count)
{
    bool sqlite = strcmp(jb_db_kind(jb_db_of(scope)), "sqlite") == 0;

    if (sqlite)
        bench_ok(scope, jb_exec(scope, JB_SQL("with recursive s(n) as (select 1 union all select n + 1 from s where n < ?) insert into queue_entries (name, queue, payload, priority, attempts, run_at, created_at)"
                                              " select 'bench.noop', 'default', '{\"n\":1}', 5, 0, ?, ? from s",
                                           count, jb_now(), jb_now()),
                            NULL));
    else
        bench_ok(scope, jb_exec(scope, JB_SQL("insert into queue_entries (name, queue, payload, priority, attempts, run_at, created_at)"
                                              " select 'bench.noop', 'default', '{\"n\":1}', 5, 0, now(), now() from generate_series(1, ?::bigint)",
                                           count),
                            NULL));
}

struct working {
    const char *url;
    int concurrency, prefetch;
};

static void work(void *arg)
{
    const struct working *working = arg;
    struct jb_scope *scope = jb_scope_new("bench");
    struct jb_db *db = bench_open(scope, working->url, models);
    struct jb_queue *queue = jb_queue_new(scope, tasks);

    bench_ok(scope, queue != NULL);
    jb_queue_use(scope, queue);
    bench_ok(scope, jb_queue_work(scope, &(struct jb_work){ .drain = true, .concurrency = working->concurrency, .prefetch = working->prefetch }));
    jb_queue_free(queue);
    jb_db_close(db);
    jb_scope_end(scope);
}

int main(int argc, char **argv)
{
    if (argc < 4)
        bench_die("usage", "queue_sql fill URL COUNT | work URL CONCURRENCY PREFETCH");
    jb_log_open(&(struct jb_log_options){ .level = JB_LOG_WARNING });
    if (strcmp(argv[1], "work") == 0) {
        struct working working = { argv[2], atoi(argv[3]), argc > 4 ? atoi(argv[4]) : 1 };
        jb_loop_run(work, &working);
        return 0;
    }
    struct jb_scope *scope = jb_scope_new("bench");
    struct jb_db *db = bench_open(scope, argv[2], models);
    fill(scope, atoll(argv[3]));
    jb_db_close(db);
    jb_scope_end(scope);
    return 0;
}
