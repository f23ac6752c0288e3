/* Declarations become books: defaults, the nearest name for a slip, permissions and addresses of routes; and the small words of pages. */
// SPDX-License-Identifier: Apache-2.0
#include "jb_test.h"
#include "admin/admin_private.h"
#include <string.h>

struct shelf {
    int64_t id;
    struct jb_str code;
};
struct item {
    int64_t id;
    struct jb_str code;
    struct jb_str name;
    int64_t shelf_id;
    struct jb_date checked_on;
    struct jb_decimal price;
    struct jb_decimal cost;
    struct jb_str memo;
    struct jb_str key;
    struct jb_time made_at;
};

static const struct jb_model shelf = {
    .app = "stock",
    .label = "선반",
    .title = "code",
    .record = JB_RECORD(shelf, JB_FIELD(shelf, id, .primary = true), JB_FIELD(shelf, code, .label = "코드", .required = true, .unique = true)),
};
static const struct jb_model item = {
    .app = "stock",
    .label = "재고",
    .title = "code",
    .record = JB_RECORD(item,
        JB_FIELD(item, id, .primary = true),
        JB_FIELD(item, code, .label = "코드", .required = true, .unique = true),
        JB_FIELD(item, name, .label = "이름"),
        JB_FIELD(item, shelf_id, .label = "선반", .references = &shelf),
        JB_FIELD(item, checked_on, .label = "확인한 날"),
        JB_FIELD(item, price, .label = "값", .digits = 12, .decimals = 2),
        JB_FIELD(item, cost, .label = "원가", .digits = 12, .decimals = 2),
        JB_FIELD(item, memo, .label = "메모", .long_text = true),
        JB_FIELD(item, key, .label = "열쇠", .secret = true),
        JB_FIELD(item, made_at, .label = "만든 때", .auto_now_add = true)),
};

static struct jb_admin_site *site_of(struct jb_scope *scope, const struct jb_admin *admin)
{
    const struct jb_admin **admins = JB_NEW_ARRAY(scope, const struct jb_admin *, 2);
    struct jb_admin_app *apps = JB_NEW_ARRAY(scope, struct jb_admin_app, 2);
    admins[0] = admin;
    apps[0] = (struct jb_admin_app){ .name = "stock", .label = "창고", .admins = admins };
    return jb_admin_new(scope, &(struct jb_admin_options){ .apps = apps });
}

static bool has_column(const struct jb__book *book, const char *name)
{
    for (size_t i = 0; i < book->column_count; i++)
        if (strcmp(book->columns[i].field->name, name) == 0)
            return true;
    return false;
}

JB_TEST("the import page says of a reference what to write into its cells")
{
    CHECK_TEXT(jb__type_words(scope, jb_record_field(&item.record, JB_STR("shelf_id"))), "선반의 코드");
    CHECK_TEXT(jb__type_words(scope, jb_record_field(&item.record, JB_STR("checked_on"))), "날짜");
    CHECK_TEXT(jb__type_words(scope, jb_record_field(&item.record, JB_STR("price"))), "금액, 소수 2자리까지");
}

JB_TEST("a book without a word shows its fields, but neither secrets nor long texts")
{
    const struct jb_admin admin = { .model = &item };
    struct jb_admin_site *site = site_of(scope, &admin);
    CHECK_OK(site != NULL);
    const struct jb__book *book = &site->books[0];
    CHECK(has_column(book, "code") && has_column(book, "price") && has_column(book, "shelf_id"));
    CHECK(!has_column(book, "key") && !has_column(book, "memo") && !has_column(book, "id"));
    CHECK_TEXT(jb_str_of(book->columns[book->link].field->name), "code");
    CHECK_TEXT(jb_str_of(book->columns[book->main].field->name), "name");
    CHECK_INT(book->amount_count, 1);
    CHECK_TEXT(book->search, "code");
    CHECK_INT(book->page_rows, 50);
    for (size_t i = 0; i < book->form_count; i++) {
        CHECK(!book->form[i]->secret && !book->form[i]->primary);
        if (strcmp(book->form[i]->name, "made_at") == 0)
            CHECK(book->readonly[i]);
    }
}

JB_TEST("a column may go through a reference, and an amount may count against another")
{
    const struct jb_admin admin = { .model = &item, .list = "code shelf.code price cost", .amount = "price -cost", .fixed = "code", .sub = "shelf.code name" };
    struct jb_admin_site *site = site_of(scope, &admin);
    CHECK_OK(site != NULL);
    const struct jb__book *book = &site->books[0];
    CHECK_TEXT(jb_str_of(book->columns[1].field->name), "shelf_id");
    CHECK_TEXT(jb_str_of(book->columns[1].through->name), "code");
    CHECK_INT(book->amount_count, 2);
    CHECK_INT(book->signs[1], -1);
    CHECK_INT(book->sub_count, 2);
}

JB_TEST("a slip in a declaration is named with the list it stands in and the nearest field")
{
    jb_language_set(scope, JB_EN);
    static const struct jb_admin slips[] = {
        { .model = &item, .list = "code prise" },
        { .model = &item, .filters = "prise" },
        { .model = &item, .search = "code prise" },
        { .model = &item, .form = "prise" },
        { .model = &item, .readonly = "prise" },
        { .model = &item, .fixed = "prise" },
        { .model = &item, .sub = "prise" },
        { .model = &item, .minor = "prise" },
        { .model = &item, .main = "prise" },
        { .model = &item, .amount = "-prise" },
    };
    for (size_t i = 0; i < JB_COUNT(slips); i++) {
        CHECK(site_of(scope, &slips[i]) == NULL);
        CHECK_INT(jb_error(scope), JB_INVALID);
        CHECK(jb_str_find(jb_failure_text(scope), JB_STR("did you mean 'price'?"), 0) != SIZE_MAX);
        CHECK(jb_str_find(jb_failure_text(scope), JB_STR("stock.item"), 0) != SIZE_MAX);
        jb_failure_clear(scope);
    }
}

JB_TEST("only text can be searched, only amounts can be summed, only references lead on")
{
    static const struct jb_admin slips[] = {
        { .model = &item, .search = "price" },
        { .model = &item, .amount = "code" },
        { .model = &item, .list = "code.name" },
        { .model = &item, .list = "shelf.color" },
    };
    for (size_t i = 0; i < JB_COUNT(slips); i++)
        CHECK_FAILS(site_of(scope, &slips[i]), JB_INVALID);
}

JB_TEST("every route of a book asks for its own permission")
{
    const struct jb_admin admin = { .model = &item };
    const struct jb_route *routes = jb_admin_routes(site_of(scope, &admin));
    size_t found = 0;
    for (; routes->path; routes++) {
        struct jb_str path = jb_str_of(routes->path);
        if (!jb_str_starts(path, JB_STR("/admin/stock/item/")))
            continue;
        found++;
        const char *verb = jb_str_ends(path, JB_STR("add/")) ? "stock.add_item" : jb_str_ends(path, JB_STR("import/"))                          ? "stock.import_item"
                                                                              : jb_str_ends(path, JB_STR("export/"))                            ? "stock.export_item"
                                                                              : jb_str_ends(path, JB_STR("delete/"))                            ? "stock.delete_item"
                                                                              : jb_str_ends(path, JB_STR("{id}/")) && routes->method == JB_POST ? "stock.change_item"
                                                                                                                                                : "stock.view_item";
        CHECK_TEXT(jb_str_of(routes->permission), verb);
        CHECK_INT(routes->upload, jb_str_ends(path, JB_STR("import/")) && routes->method == JB_POST);
    }
    CHECK_INT(found, 13);
}

JB_TEST("numbers, sizes, times and particles read as people write them")
{
    CHECK_TEXT(jb__number(scope, 128402), "128,402");
    CHECK_TEXT(jb__bytes(scope, 4LL << 30), "4 GiB");
    CHECK_TEXT(jb__bytes(scope, 1536), "1.5 KiB");
    CHECK_TEXT(jb__bytes(scope, 5 << 20), "5 MiB");
    CHECK_TEXT(jb__amount(scope, (struct jb_decimal){ -123450, 2 }, true), "−1,234.5");
    CHECK_TEXT(jb__amount(scope, (struct jb_decimal){ 100, 0 }, true), "+100");
    CHECK_TEXT(jb__seconds(scope, 1930000), "1.93초");
    CHECK_TEXT(jb__seconds(scope, 12340000), "12.3초");
    CHECK_TEXT(jb__seconds(scope, 185000000), "3분 5초");
    CHECK_TEXT(jb__with(scope, JB_STR("전표"), "이", "가"), "전표가");
    CHECK_TEXT(jb__with(scope, JB_STR("사업"), "이", "가"), "사업이");
    CHECK_TEXT(jb__with(scope, JB_STR("PDF"), "이", "가"), "PDF가");
    CHECK_TEXT(jb__without_head(JB_STR("지우지 못했습니다. 쓰입니다."), JB_STR("지우지 못했습니다")), "쓰입니다.");
    CHECK_TEXT(jb__without_head(JB_STR("쓰입니다."), JB_STR("지우지 못했습니다")), "쓰입니다.");
    CHECK_TEXT(jb__without_head(JB_STR("지우지 못했습니다"), JB_STR("지우지 못했습니다")), "");
    jb_language_set(scope, JB_EN);
    CHECK_TEXT(jb__with(scope, JB_STR("entry"), "이", "가"), "entry");
    CHECK_TEXT(jb__seconds(scope, 1930000), "1.93 s");
}
