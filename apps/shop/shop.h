/* shop.h — the shop: what it sells, to whom, and what people say of it. */
// SPDX-License-Identifier: Apache-2.0
#ifndef SHOP_H
#define SHOP_H

#include <jangbu.h>

struct category {
    int64_t id;
    struct jb_str name;
    int64_t parent_id; /* 0: none */
};

struct tag {
    int64_t id;
    struct jb_str name;
};

struct product {
    int64_t id;
    struct jb_str name;
    struct jb_str description;
    struct jb_decimal price;
    int stock;
    int64_t view_count;
    struct jb_str status; /* active, inactive, pending */
    int64_t category_id;
    struct jb_time created_at;
    struct jb_time updated_at;
};

struct product_image {
    int64_t id;
    int64_t product_id;
    struct jb_str url;
    struct jb_str caption;
    int position;
};

struct review {
    int64_t id;
    int64_t product_id;
    int64_t user_id;
    int rating; /* 1 to 5 */
    struct jb_str comment;
    struct jb_time created_at;
};

struct order {
    int64_t id;
    int64_t user_id;
    struct jb_str status; /* pending, paid, shipped, delivered, cancelled */
    struct jb_decimal total;
    struct jb_time created_at;
    struct jb_time updated_at;
};

struct order_item {
    int64_t id;
    int64_t order_id;
    int64_t product_id;
    int quantity;
    struct jb_decimal price; /* of one, when it was ordered */
};

struct favorite {
    int64_t id;
    int64_t user_id;
    int64_t product_id;
    struct jb_time created_at;
};

/* What an analytics task found out. */
struct report {
    int64_t id;
    struct jb_str type;                /* sales, user_behavior, performance */
    struct jb_str data;                /* JSON */
    struct jb_decimal generation_time; /* seconds it took */
    struct jb_time created_at;
};

/* What a person did, kept up to date by tasks. */
struct user_statistics {
    int64_t id;
    int64_t user_id;
    int64_t purchase_count;
    int64_t review_count;
    int64_t wishlist_count;
    struct jb_decimal purchase_total;
    struct jb_time updated_at;
};

/* What a person wants to be told by; without a row everything. */
struct notification_preference {
    int64_t id;
    int64_t user_id;
    bool email;
    bool sms;
    bool push;
};

struct notice {
    int64_t id;
    int64_t user_id;
    struct jb_str urgency; /* critical, high, normal */
    struct jb_str title;
    struct jb_str body;
    struct jb_time created_at;
    struct jb_time read_at; /* 0: not yet */
};

extern const struct jb_model shop_category, shop_tag, shop_product, shop_product_image, shop_review, shop_order, shop_order_item, shop_favorite, shop_report, shop_user_statistics, shop_notification_preference, shop_notice;
extern const struct jb_app shop;

#endif
