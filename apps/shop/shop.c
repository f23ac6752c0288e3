/* shop.c — the app on one page: its tables, and how clerks see them. */
// SPDX-License-Identifier: Apache-2.0
#include "shop.h"

static const struct jb_admin category_admin = { .model = &shop_category, .list = "name parent_id", .search = "name" };
static const struct jb_admin tag_admin = { .model = &shop_tag, .list = "name", .search = "name" };

static const struct jb_admin product_admin = {
    .model = &shop_product,
    .list = "name category_id price stock status view_count created_at",
    .filters = "status category_id created_at",
    .search = "name description",
    .sub = "category_id",
    .minor = "view_count created_at",
    .amount = "price",
};

static const struct jb_admin image_admin = { .model = &shop_product_image, .list = "url product_id position", .search = "url caption" };
static const struct jb_admin review_admin = { .model = &shop_review, .list = "product_id user_id rating created_at", .filters = "rating created_at", .search = "comment" };
static const struct jb_admin order_admin = { .model = &shop_order, .list = "id user_id status total created_at", .filters = "status created_at", .amount = "total" };
static const struct jb_admin item_admin = { .model = &shop_order_item, .list = "order_id product_id quantity price", .amount = "price" };
static const struct jb_admin favorite_admin = { .model = &shop_favorite, .list = "user_id product_id created_at" };
static const struct jb_admin report_admin = { .model = &shop_report, .list = "type generation_time created_at", .filters = "type created_at" };
static const struct jb_admin statistics_admin = { .model = &shop_user_statistics, .list = "user_id purchase_count review_count wishlist_count purchase_total updated_at" };
static const struct jb_admin preference_admin = { .model = &shop_notification_preference, .list = "user_id email sms push" };
static const struct jb_admin notice_admin = { .model = &shop_notice, .list = "title user_id urgency created_at read_at", .filters = "urgency created_at", .search = "title body" };

const struct jb_app shop = {
    .name = "shop",
    .label = "가게",
    .label_en = "Shop",
    .models = JB_MODELS(&shop_category, &shop_tag, &shop_product, &shop_product_image, &shop_review, &shop_order, &shop_order_item, &shop_favorite, &shop_report, &shop_user_statistics, &shop_notification_preference, &shop_notice),
    .admins = JB_ADMINS(&product_admin, &category_admin, &tag_admin, &image_admin, &order_admin, &item_admin, &review_admin, &favorite_admin, &report_admin, &statistics_admin, &preference_admin, &notice_admin),
};
