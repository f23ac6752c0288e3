/* models.c — the tables of the shop. */
// SPDX-License-Identifier: Apache-2.0
#include "shop.h"

#define CREATED(record) JB_FIELD(record, created_at, .label = "만든 때", .label_en = "Created", .required = true, .auto_now_add = true)
#define UPDATED(record) JB_FIELD(record, updated_at, .label = "고친 때", .label_en = "Changed", .required = true, .auto_now = true)
#define USER(record) JB_FIELD(record, user_id, .label = "사용자", .label_en = "User", .required = true, .references = &jb_auth_user, .on_delete = JB_CASCADE)
#define PRODUCT(record, deletes) JB_FIELD(record, product_id, .label = "상품", .label_en = "Product", .required = true, .references = &shop_product, .on_delete = (deletes))

const struct jb_model shop_category = {
    .app = "shop",
    .table = "categories",
    .label = "분류",
    .label_en = "Categories",
    .entry_en = "Category",
    .title = "name",
    .order = "name",
    .record = JB_RECORD(category,
        JB_FIELD(category, id, .primary = true),
        JB_FIELD(category, name, .label = "이름", .required = true, .unique = true, .length_max = 100),
        JB_FIELD(category, parent_id, .label = "윗분류", .label_en = "Parent", .references = &shop_category, .on_delete = JB_SET_NULL)),
};

const struct jb_model shop_tag = {
    .app = "shop",
    .table = "tags",
    .label = "꼬리표",
    .label_en = "Tags",
    .entry_en = "Tag",
    .title = "name",
    .order = "name",
    .record = JB_RECORD(tag,
        JB_FIELD(tag, id, .primary = true),
        JB_FIELD(tag, name, .label = "이름", .required = true, .unique = true, .length_max = 50)),
};

static const struct jb_choice product_statuses[] = {
    { "active", "판매 중", "Active", 0 },
    { "inactive", "판매 중지", "Inactive", 0 },
    { "pending", "준비 중", "Pending", 0 },
    { 0 },
};

/* Both status and created_at are what an index begins with, so neither has one of its own. */
const struct jb_model shop_product = {
    .app = "shop",
    .table = "products",
    .label = "상품",
    .label_en = "Products",
    .entry_en = "Product",
    .title = "name",
    .order = "-created_at -id",
    .indexes = "status created_at, category_id price, -created_at",
    .named_indexes = JB_INDEXES({ "idx_active_products_name", "name", .where = "status = 'active'" }),
    .links = JB_LINKS({ "tags", &shop_tag, "product_tags" }),
    .record = JB_RECORD(product,
        JB_FIELD(product, id, .primary = true),
        JB_FIELD(product, name, .label = "이름", .required = true, .indexed = true, .length_max = 255),
        JB_FIELD(product, description, .label = "설명", .long_text = true),
        JB_FIELD(product, price, .label = "값", .label_en = "Price", .unit = "원", .required = true, .digits = 10, .decimals = 2),
        JB_FIELD(product, stock, .label = "재고", .label_en = "Stock", .required = true, .has_min = true, .min = 0, .default_text = "0"),
        JB_FIELD(product, view_count, .label = "본 횟수", .label_en = "Views", .required = true, .readonly = true, .has_min = true, .min = 0, .default_text = "0"),
        JB_FIELD(product, status, .label = "상태", .required = true, .indexed = true, .length_max = 20, .choices = product_statuses, .default_text = "active"),
        JB_FIELD(product, category_id, .label = "분류", .label_en = "Category", .required = true, .references = &shop_category, .on_delete = JB_CASCADE),
        JB_FIELD(product, created_at, .label = "만든 때", .label_en = "Created", .required = true, .auto_now_add = true, .indexed = true),
        UPDATED(product)),
};

const struct jb_model shop_product_image = {
    .app = "shop",
    .table = "product_images",
    .label = "상품 사진",
    .label_en = "Product images",
    .entry_en = "Image",
    .title = "url",
    .order = "product_id position",
    .indexes = "product_id position",
    .record = JB_RECORD(product_image,
        JB_FIELD(product_image, id, .primary = true),
        PRODUCT(product_image, JB_CASCADE),
        JB_FIELD(product_image, url, .label = "주소", .label_en = "Address", .required = true, .length_max = 500),
        JB_FIELD(product_image, caption, .label = "설명", .length_max = 200),
        JB_FIELD(product_image, position, .label = "차례", .required = true, .has_min = true, .min = 0, .default_text = "0")),
};

static const struct jb_choice ratings[] = {
    { "1", "1점", "1 star", 1 },
    { "2", "2점", "2 stars", 2 },
    { "3", "3점", "3 stars", 3 },
    { "4", "4점", "4 stars", 4 },
    { "5", "5점", "5 stars", 5 },
    { 0 },
};

const struct jb_model shop_review = {
    .app = "shop",
    .table = "reviews",
    .label = "상품평",
    .label_en = "Reviews",
    .entry_en = "Review",
    .order = "-created_at -id",
    .indexes = "product_id -created_at",
    .record = JB_RECORD(review,
        JB_FIELD(review, id, .primary = true),
        PRODUCT(review, JB_CASCADE),
        USER(review),
        JB_FIELD(review, rating, .label = "점수", .required = true, .choices = ratings),
        JB_FIELD(review, comment, .label = "글", .long_text = true),
        CREATED(review)),
};

static const struct jb_choice order_statuses[] = {
    { "pending", "접수", "Pending", 0 },
    { "paid", "결제함", "Paid", 0 },
    { "shipped", "보냄", "Shipped", 0 },
    { "delivered", "받음", "Delivered", 0 },
    { "cancelled", "취소", "Cancelled", 0 },
    { 0 },
};

const struct jb_model shop_order = {
    .app = "shop",
    .table = "orders",
    .label = "주문",
    .label_en = "Orders",
    .entry_en = "Order",
    .order = "-created_at -id",
    .indexes = "user_id -created_at, status created_at",
    .record = JB_RECORD(order,
        JB_FIELD(order, id, .primary = true),
        JB_FIELD(order, user_id, .label = "사용자", .label_en = "User", .required = true, .references = &jb_auth_user, .on_delete = JB_RESTRICT),
        JB_FIELD(order, status, .label = "상태", .required = true, .length_max = 20, .choices = order_statuses, .default_text = "pending"),
        JB_FIELD(order, total, .label = "합계", .unit = "원", .required = true, .digits = 12, .decimals = 2, .default_text = "0"),
        CREATED(order),
        UPDATED(order)),
};

const struct jb_model shop_order_item = {
    .app = "shop",
    .table = "order_items",
    .label = "주문 상품",
    .label_en = "Ordered products",
    .entry_en = "Ordered product",
    .order = "order_id id",
    .record = JB_RECORD(order_item,
        JB_FIELD(order_item, id, .primary = true),
        JB_FIELD(order_item, order_id, .label = "주문", .label_en = "Order", .required = true, .references = &shop_order, .on_delete = JB_CASCADE),
        PRODUCT(order_item, JB_RESTRICT),
        JB_FIELD(order_item, quantity, .label = "수량", .required = true, .has_min = true, .min = 1, .default_text = "1"),
        JB_FIELD(order_item, price, .label = "값", .unit = "원", .required = true, .digits = 10, .decimals = 2)),
};

const struct jb_model shop_favorite = {
    .app = "shop",
    .table = "favorites",
    .label = "찜",
    .label_en = "Favorites",
    .entry_en = "Favorite",
    .order = "-created_at -id",
    .uniques = "user_id product_id",
    .record = JB_RECORD(favorite,
        JB_FIELD(favorite, id, .primary = true),
        USER(favorite),
        PRODUCT(favorite, JB_CASCADE),
        CREATED(favorite)),
};

static const struct jb_choice report_types[] = {
    { "sales", "매출", "Sales", 0 },
    { "user_behavior", "사용자 행동", "User behavior", 0 },
    { "performance", "성능", "Performance", 0 },
    { 0 },
};

const struct jb_model shop_report = {
    .app = "shop",
    .table = "reports",
    .label = "보고서",
    .label_en = "Reports",
    .entry_en = "Report",
    .order = "-created_at -id",
    .indexes = "type -created_at",
    .record = JB_RECORD(report,
        JB_FIELD(report, id, .primary = true),
        JB_FIELD(report, type, .label = "종류", .required = true, .length_max = 50, .choices = report_types),
        JB_FIELD(report, data, .label = "내용", .required = true, .long_text = true, .default_text = "{}"),
        JB_FIELD(report, generation_time, .label = "걸린 시간", .unit = "초", .required = true, .digits = 10, .decimals = 3, .default_text = "0"),
        CREATED(report)),
};

const struct jb_model shop_user_statistics = {
    .app = "shop",
    .table = "user_statistics",
    .label = "사용자 통계",
    .label_en = "User statistics",
    .order = "-updated_at -id",
    .record = JB_RECORD(user_statistics,
        JB_FIELD(user_statistics, id, .primary = true),
        JB_FIELD(user_statistics, user_id, .label = "사용자", .label_en = "User", .required = true, .unique = true, .references = &jb_auth_user, .on_delete = JB_CASCADE),
        JB_FIELD(user_statistics, purchase_count, .label = "산 횟수", .label_en = "Purchases", .has_min = true, .min = 0),
        JB_FIELD(user_statistics, review_count, .label = "상품평 수", .label_en = "Reviews", .has_min = true, .min = 0),
        JB_FIELD(user_statistics, wishlist_count, .label = "찜한 수", .label_en = "Favorites", .has_min = true, .min = 0),
        JB_FIELD(user_statistics, purchase_total, .label = "산 금액", .label_en = "Total", .unit = "원", .digits = 14, .decimals = 2, .default_text = "0"),
        UPDATED(user_statistics)),
};

const struct jb_model shop_notification_preference = {
    .app = "shop",
    .table = "notification_preferences",
    .label = "알림 설정",
    .label_en = "Notification preferences",
    .record = JB_RECORD(notification_preference,
        JB_FIELD(notification_preference, id, .primary = true),
        JB_FIELD(notification_preference, user_id, .label = "사용자", .label_en = "User", .required = true, .unique = true, .references = &jb_auth_user, .on_delete = JB_CASCADE),
        JB_FIELD(notification_preference, email, .label = "전자우편", .label_en = "Mail", .default_text = "true"),
        JB_FIELD(notification_preference, sms, .label = "문자", .label_en = "SMS", .default_text = "true"),
        JB_FIELD(notification_preference, push, .label = "푸시", .default_text = "true")),
};

static const struct jb_choice urgencies[] = {
    { "critical", "긴급", "Critical", 0 },
    { "high", "높음", "High", 0 },
    { "normal", "보통", "Normal", 0 },
    { 0 },
};

const struct jb_model shop_notice = {
    .app = "shop",
    .table = "notices",
    .label = "알림",
    .label_en = "Notices",
    .entry_en = "Notice",
    .title = "title",
    .order = "-created_at -id",
    .indexes = "user_id -created_at",
    .record = JB_RECORD(notice,
        JB_FIELD(notice, id, .primary = true),
        USER(notice),
        JB_FIELD(notice, urgency, .label = "급한 정도", .required = true, .length_max = 10, .choices = urgencies, .default_text = "normal"),
        JB_FIELD(notice, title, .label = "제목", .required = true, .length_max = 200),
        JB_FIELD(notice, body, .label = "내용", .long_text = true),
        CREATED(notice),
        JB_FIELD(notice, read_at, .label = "읽은 때", .label_en = "Read", .readonly = true)),
};
