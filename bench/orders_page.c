/* orders_page.c — one person's orders with their items and products: read one by one, as the documents do, and as two queries.
 *
 *     orders_page URL PAGES     prints queries and P50 of each way, then the ratios
 *
 * 1,000 people of whom 800 have bought, 25 orders each, five items an order, 10,000 products: the loop asks 1 + 25 + 125 = 151 times. */
// SPDX-License-Identifier: Apache-2.0
#include "bench.h"
#include "../apps/shop/shop.h"
#include <endian.h>

#define BUYERS 800
#define ORDERS 25
#define ITEMS 125
#define PAGES_MAX 2000
#define WARM 20 /* pages before the clock */

static const struct jb_model *const models[] = { JB_AUTH_MODELS, &shop_category, &shop_tag, &shop_product, &shop_order, &shop_order_item, NULL };

static void seed(struct jb_scope *scope)
{
    static const struct jb_sql steps[] = {
        { .text = "insert into jb_user (username, password, name, email, active, staff, superuser, language, date_joined)"
                  " select 'user' || n, '!', '사용자 ' || n, 'user' || n || '@example.com', true, false, false, 'ko', now() from generate_series(1, 1000) as n" },
        { .text = "insert into categories (name) select '분류 ' || n from generate_series(1, 50) as n" },
        { .text = "insert into products (name, description, price, stock, view_count, status, category_id, created_at, updated_at)"
                  " select '상품 ' || n, repeat('좋은 물건입니다. ', 10), 1000 + n, 100, 0, 'active', 1 + n % 50, now(), now() from generate_series(1, 10000) as n" },
        { .text = "insert into orders (user_id, status, total, created_at, updated_at)"
                  " select 1 + n % 800, 'paid', 50000, timestamptz '2026-01-01' + n * interval '1 minute', now() from generate_series(0, 19999) as n" },
        { .text = "insert into order_items (order_id, product_id, quantity, price) select 1 + n / 5, 1 + (n * 7919) % 10000, 1 + n % 3, 1000 from generate_series(0, 99999) as n" },
        { .text = "analyze" },
    };

    for (size_t i = 0; i < JB_COUNT(steps); i++)
        bench_ok(scope, jb_exec(scope, steps[i], NULL));
}

/* What a page shows is added up, so that all ways have read the same. */
struct page {
    int orders, items;
    int64_t total; /* of price times quantity, and of the products' prices */
};

/* ---- the loop ----------------------------------------------------------------------------------------------------------------- */

static void loop_ours(struct jb_scope *scope, int64_t user, struct page *page)
{
    struct jb_rows *orders = jb_select(scope, &shop_order, .where = JB_SQL("user_id = ?", user));

    bench_ok(scope, orders != NULL);
    for (size_t i = 0; i < orders->count; i++, page->orders++) {
        const struct order *order = (const struct order *)orders->data + i;
        struct jb_rows *items = jb_select(scope, &shop_order_item, .where = JB_SQL("order_id = ?", order->id));
        bench_ok(scope, items != NULL);
        for (size_t k = 0; k < items->count; k++, page->items++) {
            const struct order_item *item = (const struct order_item *)items->data + k;
            struct product product;
            bench_ok(scope, jb_get(scope, &shop_product, item->product_id, &product));
            page->total += item->price.units * item->quantity + product.stock;
        }
    }
}

/* ---- two queries ---------------------------------------------------------------------------------------------------------------- */

static void two_queries(struct jb_scope *scope, int64_t user, struct page *page)
{
    struct jb_rows *orders = jb_select(scope, &shop_order, .where = JB_SQL("user_id = ?", user));

    bench_ok(scope, orders && jb_prefetch(scope, orders, "items", &shop_order_item, "order_id", .with = "product"));
    for (size_t i = 0; i < orders->count; i++, page->orders++) {
        const struct jb_rows *items = jb_children(orders, (const struct order *)orders->data + i, "items");
        for (size_t k = 0; k < items->count; k++, page->items++) {
            const struct order_item *item = (const struct order_item *)items->data + k;
            const struct product *product = jb_related(items, item, "product");
            page->total += item->price.units * item->quantity + product->stock;
        }
    }
}

static void three_queries(struct jb_scope *scope, int64_t user, struct page *page)
{
    bench_ok(scope, jb_get(scope, &jb_auth_user, user, jb_alloc(scope, jb_auth_user.record.size)));
    two_queries(scope, user, page);
}

/* ---- bare libpq --------------------------------------------------------------------------------------------------------------------- */

static void bare_prepare(PGconn *server)
{
    static const char *const statements[][2] = {
        { "orders", "select id, user_id, status, total, created_at, updated_at from orders where user_id = $1 order by created_at desc, id desc" },
        { "items", "select id, order_id, product_id, quantity, price from order_items where order_id = $1 order by order_id, id" },
        { "product", "select id, name, description, price, stock, view_count, status, category_id, created_at, updated_at from products where id = $1" },
    };

    for (size_t i = 0; i < JB_COUNT(statements); i++) {
        PGresult *result = PQprepare(server, statements[i][0], statements[i][1], 0, NULL);
        if (PQresultStatus(result) != PGRES_COMMAND_OK)
            bench_die(statements[i][0], PQerrorMessage(server));
        PQclear(result);
    }
}

static PGresult *bare_ask(PGconn *server, const char *name, int64_t id)
{
    uint64_t bytes = htobe64((uint64_t)id);
    const char *values[] = { (const char *)&bytes };
    PGresult *result = PQexecPrepared(server, name, 1, values, (const int[]){ sizeof bytes }, (const int[]){ 1 }, 1);

    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        bench_die(name, PQerrorMessage(server));
    return result;
}

static int64_t bare_id(const PGresult *result, int row, int column)
{
    uint64_t id;
    memcpy(&id, PQgetvalue(result, row, column), sizeof id);
    return (int64_t)be64toh(id);
}

static int bare_int(const PGresult *result, int row, int column)
{
    uint32_t number;
    memcpy(&number, PQgetvalue(result, row, column), sizeof number);
    return (int)be32toh(number);
}

static void loop_bare(PGconn *server, int64_t user, struct page *page)
{
    PGresult *orders = bare_ask(server, "orders", user);

    for (int i = 0; i < PQntuples(orders); i++, page->orders++) {
        PGresult *items = bare_ask(server, "items", bare_id(orders, i, 0));
        for (int k = 0; k < PQntuples(items); k++, page->items++) {
            PGresult *product = bare_ask(server, "product", bare_id(items, k, 2));
            page->total += (int64_t)100000 * bare_int(items, k, 3) + bare_int(product, 0, 4);
            PQclear(product);
        }
        PQclear(items);
    }
    PQclear(orders);
}

/* ---- side by side ---------------------------------------------------------------------------------------------------------------------- */

enum way {
    TWO,
    THREE,
    LOOP_OURS,
    LOOP_BARE,
    WAYS,
};

static const char *const names[] = { "select + prefetch with products", "the same and the user", "one by one, ours", "one by one, libpq" };

struct bench {
    const char *url;
    int pages;
    double times[WAYS][PAGES_MAX], cpu[WAYS][PAGES_MAX];
    long long queries[WAYS];
};

static void measure(struct bench *bench, struct jb_scope *root, PGconn *server, enum way way, int number)
{
    int at = JB_MAX(number, 0);
    int64_t user = 1 + (number + WARM) * 37 % BUYERS;
    double began = bench_seconds(CLOCK_MONOTONIC), cpu = bench_seconds(CLOCK_PROCESS_CPUTIME_ID);
    struct jb_scope *scope = jb_scope_child(root, "page");
    struct page page = { 0 };

    switch (way) {
    case TWO: two_queries(scope, user, &page); break;
    case THREE: three_queries(scope, user, &page); break;
    case LOOP_OURS: loop_ours(scope, user, &page); break;
    default: loop_bare(server, user, &page);
    }
    bench->queries[way] = way == LOOP_BARE ? 1 + page.orders + page.items : (long long)jb_counters(scope)->queries;
    jb_scope_end(scope);
    bench->times[way][at] = bench_seconds(CLOCK_MONOTONIC) - began;
    bench->cpu[way][at] = bench_seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    if (page.orders != ORDERS || page.items != ITEMS || page.total < ITEMS * 100000)
        bench_die(names[way], "the page is not what it should be");
}

static void run(void *arg)
{
    struct bench *bench = arg;
    struct jb_scope *scope = jb_scope_new("bench");
    struct jb_db *db = bench_open(scope, bench->url, models);
    PGconn *server = bench_connect(bench->url);
    double median[WAYS];

    seed(scope);
    bare_prepare(server);
    for (int page = -WARM; page < bench->pages; page++)
        for (int turn = 0; turn < WAYS; turn++)
            measure(bench, scope, server, (enum way)((turn + page + WARM) % WAYS), page); /* none is always the first to see a page's rows */
    for (enum way way = 0; way < WAYS; way++) {
        median[way] = bench_median(bench->times[way], bench->pages);
        printf("%-32s %4lld queries   P50 %7.2f ms   client cpu %5.2f ms\n", names[way], bench->queries[way], 1000 * median[way], 1000 * bench_median(bench->cpu[way], bench->pages));
    }
    printf("against the loop, ours:  %.3f, with the user %.3f (aim 0.100)\n", median[TWO] / median[LOOP_OURS], median[THREE] / median[LOOP_OURS]);
    printf("against the loop, libpq: %.3f, with the user %.3f\n", median[TWO] / median[LOOP_BARE], median[THREE] / median[LOOP_BARE]);
    PQfinish(server);
    jb_db_close(db);
    jb_scope_end(scope);
}

int main(int argc, char **argv)
{
    static struct bench bench;

    if (argc != 3 || atoi(argv[2]) < 1 || atoi(argv[2]) > PAGES_MAX)
        bench_die("usage", "orders_page URL PAGES");
    bench.url = argv[1];
    bench.pages = atoi(argv[2]);
    jb_loop_run(run, &bench);
    return 0;
}
