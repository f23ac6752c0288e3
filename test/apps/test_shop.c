/* test_shop.c — the shop's tables, and the questions that its pages will ask. */
// SPDX-License-Identifier: Apache-2.0
#include "shop/shop.h"
#include "../store/store_test.h"

static const struct jb_model *const models[] = { JB_AUTH_MODELS, &shop_category, &shop_tag, &shop_product, &shop_product_image, &shop_review, &shop_order, &shop_order_item, &shop_favorite, &shop_report,
    &shop_user_statistics, &shop_notification_preference, &shop_notice, NULL };

static bool on_sqlite(struct jb_scope *scope)
{
    return strcmp(jb_db_kind(jb_db_of(scope)), "sqlite") == 0;
}

static int64_t user_add(struct jb_scope *scope, const char *name)
{
    int64_t id;
    CHECK_OK(jb_user_add(scope, jb_str_of(name), JB_STR("a long password"), false, false, &id));
    return id;
}

static int64_t category_add(struct jb_scope *scope, const char *name, int64_t parent_id)
{
    struct category row = { .name = jb_str_of(name), .parent_id = parent_id };
    CHECK_OK(jb_insert(scope, &shop_category, &row));
    return row.id;
}

static struct product product_of(const char *name, int64_t category_id)
{
    return (struct product){ .name = jb_str_of(name), .category_id = category_id, .price = { 1990, 2 }, .stock = 3, .status = JB_STR("active") };
}

static int64_t product_add(struct jb_scope *scope, const char *name, int64_t category_id)
{
    struct product row = product_of(name, category_id);
    CHECK_OK(jb_insert(scope, &shop_product, &row));
    return row.id;
}

JB_FIBER_TEST("every model of the shop is sound and has the table that was agreed on")
{
    static const char *const tables[] = { "categories", "tags", "products", "product_images", "reviews", "orders", "order_items", "favorites", "reports", "user_statistics", "notification_preferences", "notices" };

    test_database(scope, models);
    const struct jb_model *const *model = models;
    while (*model != &shop_category)
        model++;
    for (size_t i = 0; i < JB_COUNT(tables); i++, model++) {
        CHECK_OK(jb_model_check(scope, *model));
        CHECK_STR(jb_model_table(*model), jb_str_of(tables[i]));
    }
    CHECK(!*model);
    CHECK_STR(jb_model_full_name(&shop_product_image, scope), JB_STR("shop.productimage"));
}

struct index_row {
    struct jb_str name;
};
static const struct jb_record index_record = JB_RECORD(index_row, JB_FIELD(index_row, name));

JB_FIBER_TEST("products have the indexes that were declared, and no others")
{
    static const char *const names[] = { "idx_active_products_name", "products_category_id_price_idx", "products_created_at_idx", "products_name_idx", "products_status_created_at_idx" };

    test_database(scope, models);
    struct jb_rows *rows = on_sqlite(scope) ? jb_query(scope, JB_SQL("select name from sqlite_schema where type = 'index' and tbl_name = 'products' order by name"), &index_record)
                                            : jb_query(scope, JB_SQL("select indexname as name from pg_indexes where tablename = 'products' and indexname not like '%_pkey' order by indexname collate \"C\""), &index_record);
    CHECK_OK(rows != NULL);
    CHECK_INT(rows->count, JB_COUNT(names));
    for (size_t i = 0; i < rows->count; i++)
        CHECK_STR(((struct index_row *)jb_rows_at(rows, i))->name, jb_str_of(names[i]));
}

/* Enough products for a planner to think about it, one in a hundred of them active. */
static void many_products(struct jb_scope *scope, int count)
{
    int64_t category_id = category_add(scope, "all", 0);
    struct jb_scope *child = jb_scope_child(scope, "products");
    struct product *rows = JB_NEW_ARRAY(child, struct product, (size_t)count);

    for (int i = 0; i < count; i++) {
        rows[i] = product_of(jb_format(child, "product %06d", i).data, category_id);
        rows[i].status = i % 100 ? JB_STR("inactive") : JB_STR("active");
        rows[i].created_at = rows[i].updated_at = (struct jb_time){ JB_SECOND_US * (1760000000 + i) };
    }
    CHECK_OK(jb_bulk_insert(scope, &shop_product, rows, (size_t)count, NULL));
    jb_scope_end(child);
    CHECK_OK(jb_exec(scope, JB_SQL("analyze"), NULL));
}

static void uses(struct jb_scope *scope, struct jb_str plan, const char *index)
{
    CHECK_OK(plan.data != NULL);
    if (jb_str_find(plan, jb_str_of(index), 0) == SIZE_MAX)
        CHECK_STR(plan, jb_str_of(index));
}

JB_FIBER_TEST("the database walks the index that fits: of active names, of a category's prices, of the newest")
{
    test_database(scope, models);
    many_products(scope, 5000);
    uses(scope, jb_explain(scope, &shop_product, .where = JB_SQL("status = 'active' and name >= ?", JB_STR("product 001")), .order = JB_STR("name"), .limit = 20), "idx_active_products_name");
    uses(scope, jb_explain(scope, &shop_product, .order = JB_STR("-created_at"), .limit = 20), "products_created_at_idx");
    uses(scope, jb_explain(scope, &shop_product, .where = JB_SQL("status = ?", JB_STR("pending")), .order = JB_STR("-created_at"), .limit = 20, .with = "category"), "products_status_created_at_idx");
    uses(scope, jb_explain(scope, &shop_product, .where = JB_SQL("category_id = ? and price < ?", 7, 3)), "products_category_id_price_idx");
}

JB_FIBER_TEST("an unknown status, a negative stock and too high a rating are refused, also when the database computes them")
{
    test_database(scope, models);
    int64_t category_id = category_add(scope, "books", 0), user_id = user_add(scope, "kim"), id = product_add(scope, "a", category_id), count;
    struct product bad = product_of("bad", category_id);
    bad.status = JB_STR("sold");
    CHECK_FAILS(jb_insert(scope, &shop_product, &bad), JB_INVALID);
    CHECK_FAILS(jb_update(scope, &shop_product, .set = JB_SQL("status = ?", JB_STR("sold"))), JB_INVALID);
    bad = product_of("bad", category_id);
    bad.stock = -1;
    CHECK_FAILS(jb_insert(scope, &shop_product, &bad), JB_INVALID);
    CHECK_OK(jb_update(scope, &shop_product, .set = JB_SQL("stock = stock - ?", 3), .where = JB_SQL("id = ?", id), .ret_count = &count));
    CHECK_INT(count, 1);
    CHECK_FAILS(jb_update(scope, &shop_product, .set = JB_SQL("stock = stock - ?", 1), .where = JB_SQL("id = ?", id)), JB_INVALID);
    CHECK_OK(jb_update(scope, &shop_product, .set = JB_SQL("stock = stock - ?", 1), .where = JB_SQL("id = ? and stock >= ?", id, 1), .ret_count = &count));
    CHECK_INT(count, 0);
    struct review review = { .product_id = id, .user_id = user_id, .rating = 6 };
    CHECK_FAILS(jb_insert(scope, &shop_review, &review), JB_INVALID);
    review.rating = 5;
    CHECK_OK(jb_insert(scope, &shop_review, &review));
}

JB_FIBER_TEST("defaults are those of the shop: active, no views, every channel on")
{
    struct product row = { .name = JB_STR("a") };
    struct notification_preference preference = { 0 };
    CHECK_OK(jb_record_defaults(scope, &shop_product.record, &row));
    CHECK_TEXT(row.status, "active");
    CHECK_OK(jb_record_defaults(scope, &shop_notification_preference.record, &preference));
    CHECK(preference.email && preference.sms && preference.push);
}

static void order_add(struct jb_scope *scope, int64_t user_id, const int64_t *products, int count, int hour)
{
    struct order order = { .user_id = user_id, .status = JB_STR("paid"), .total = { 1000, 2 } };

    CHECK_OK(jb_insert(scope, &shop_order, &order));
    for (int i = 0; i < count; i++) {
        struct order_item item = { .order_id = order.id, .product_id = products[i], .quantity = i + 1, .price = { 500, 2 } };
        CHECK_OK(jb_insert(scope, &shop_order_item, &item));
    }
    CHECK_OK(jb_update(scope, &shop_order, .set = JB_SQL("created_at = ?", ((struct jb_time){ JB_SECOND_US * (1760000000 + hour * INT64_C(3600)) })), .where = JB_SQL("id = ?", order.id)));
}

JB_FIBER_TEST("a person's orders come with their items and products in two queries, the newest first")
{
    test_database(scope, models);
    int64_t category_id = category_add(scope, "books", 0), kim = user_add(scope, "kim"), lee = user_add(scope, "lee");
    int64_t products[] = { product_add(scope, "a", category_id), product_add(scope, "b", category_id) };
    order_add(scope, kim, products, 2, 3);
    order_add(scope, lee, products, 1, 2);
    order_add(scope, kim, products + 1, 1, 9);
    order_add(scope, kim, NULL, 0, 1);

    int64_t before = jb_counters(scope)->queries;
    struct jb_rows *orders = jb_select(scope, &shop_order, .where = JB_SQL("user_id = ?", kim), .order = JB_STR("-created_at"));
    CHECK_OK(orders && jb_prefetch(scope, orders, "items", &shop_order_item, "order_id", .with = "product", .order = JB_STR("id")));
    CHECK_INT(jb_counters(scope)->queries - before, 2);
    CHECK_INT(orders->count, 3);
    const struct jb_rows *newest = jb_children(orders, jb_rows_at(orders, 0), "items"), *middle = jb_children(orders, jb_rows_at(orders, 1), "items");
    CHECK_INT(newest->count, 1);
    CHECK_TEXT(((const struct product *)jb_related(newest, jb_rows_at(newest, 0), "product"))->name, "b");
    CHECK_INT(middle->count, 2);
    CHECK_TEXT(((const struct product *)jb_related(middle, jb_rows_at(middle, 0), "product"))->name, "a");
    CHECK_INT(((const struct order_item *)jb_rows_at(middle, 1))->quantity, 2);
    CHECK_INT(jb_children(orders, jb_rows_at(orders, 2), "items")->count, 0);
}

JB_FIBER_TEST("a list of a hundred products with their categories is one query")
{
    test_database(scope, models);
    int64_t top = category_add(scope, "top", 0), category_id = category_add(scope, "books", top);
    for (int i = 0; i < 100; i++)
        product_add(scope, jb_format(scope, "p%d", i).data, category_id);
    int64_t before = jb_counters(scope)->queries;
    struct jb_rows *rows = jb_select(scope, &shop_product, .with = JB_WITH_2, .limit = 100);
    CHECK_OK(rows != NULL);
    CHECK_INT(rows->count, 100);
    for (JB_EACH_ROW(rows, struct product, row)) {
        CHECK_TEXT(((const struct category *)jb_related(rows, row, "category"))->name, "books");
        CHECK_TEXT(((const struct category *)jb_related(rows, row, "category.parent"))->name, "top");
    }
    CHECK_INT(jb_counters(scope)->queries - before, 1);
}

JB_FIBER_TEST("a lean list names its four columns and no other")
{
    test_database(scope, models);
    struct jb_str sql = jb_explain(scope, &shop_product, .only = "name price status", .order = JB_STR("-created_at"), .limit = 100);
    CHECK_OK(sql.data != NULL);
    CHECK(jb_str_starts(sql, JB_STR("select \"id\", \"name\", \"price\", \"status\" from \"products\" order by ")));
}

JB_FIBER_TEST("a product's tags are fetched for a whole list at once, and a favorite is one of a kind")
{
    test_database(scope, models);
    int64_t category_id = category_add(scope, "books", 0), kim = user_add(scope, "kim"), a = product_add(scope, "a", category_id);
    product_add(scope, "b", category_id);
    struct tag sale = { .name = JB_STR("sale") }, fresh = { .name = JB_STR("new") };
    CHECK_OK(jb_insert(scope, &shop_tag, &sale) && jb_insert(scope, &shop_tag, &fresh));
    CHECK_OK(jb_links_set(scope, &shop_product, a, "tags", (struct jb_ids){ (int64_t[]){ fresh.id, sale.id }, 2 }));
    struct jb_rows *rows = jb_select(scope, &shop_product, .order = JB_STR("name"));
    int64_t before = jb_counters(scope)->queries;
    CHECK_OK(rows && jb_links_prefetch(scope, rows, &shop_product, "tags"));
    CHECK_INT(jb_counters(scope)->queries - before, 1);
    const struct jb_rows *tags = jb_children(rows, jb_rows_at(rows, 0), "tags");
    CHECK_INT(tags->count, 2);
    CHECK_TEXT(((const struct tag *)jb_rows_at(tags, 0))->name, "new");
    CHECK_INT(jb_children(rows, jb_rows_at(rows, 1), "tags")->count, 0);
    struct favorite once = { .user_id = kim, .product_id = a }, twice = once;
    CHECK_OK(jb_insert(scope, &shop_favorite, &once));
    CHECK_FAILS(jb_insert(scope, &shop_favorite, &twice), JB_CONFLICT);
    CHECK_OK(jb_delete(scope, &shop_category, category_id)); /* takes its products along, and what hangs on them */
    CHECK_INT(jb_count(scope, &shop_favorite, .offset = 0), 0);
}
