// SPDX-License-Identifier: Apache-2.0
#include "jb_test.h"
#include "web/web_private.h"

struct entry {
    int64_t id;
    struct jb_str ref, memo;
    struct jb_date date;
    struct jb_decimal income;
    int32_t count;
    bool closed;
    struct jb_str kind;
    uint64_t present;
};
static const struct jb_choice kinds[] = { { "in", "수입", "Income", 0 }, { "out", "지출", "Expense", 0 }, { 0 } };
static const struct jb_record record = JB_RECORD(entry,
    JB_FIELD(entry, id, .primary = true),
    JB_FIELD(entry, ref, .label = "전표번호", .required = true, .length_max = 5),
    JB_FIELD(entry, memo, .long_text = true),
    JB_FIELD(entry, date, .label = "일자", .required = true),
    JB_FIELD(entry, income, .digits = 15, .decimals = 2),
    JB_FIELD(entry, count, .readonly = true),
    JB_FIELD(entry, closed),
    JB_FIELD(entry, kind, .choices = kinds),
    JB_PRESENCE(entry, present));

/* A request whose form was sent as `text`. */
static struct jb_request *request_of(struct jb_scope *scope, const char *text)
{
    struct jb_request *req = JB_NEW(scope, struct jb_request);

    req->scope = scope;
    req->http = JB_NEW(scope, struct jb_http);
    req->http->scope = scope;
    req->http->query = jb_str_of(text);
    req->state = JB_NEW(scope, struct jb__request_state);
    req->state->form = jb__urlencoded_parse(scope, jb_str_of(text), JB_FORM_FIELDS_MAX, &req->state->form_count);
    req->state->form_read = true;
    jb__query_read(req);
    return req;
}

JB_TEST("a form fills a record, in the loose forms that people type")
{
    struct jb_request *req = request_of(scope, "id=9&ref=+CB-1+&memo=a%0Ab+&date=2025.+11.+3.&income=1%2C234.50&count=5&closed=on&kind=in&stranger=1");
    struct entry entry = { .id = 3, .count = 2 };

    CHECK_OK(jb_form_record(req, &record, NULL, &entry));
    CHECK_INT(entry.id, 3);
    CHECK_INT(entry.count, 2);
    CHECK_TEXT(entry.ref, "CB-1");
    CHECK_TEXT(entry.memo, "a\nb ");
    CHECK_INT(entry.date.days, 20395);
    CHECK_INT(entry.income.units, 123450);
    CHECK(entry.closed);
    CHECK_TEXT(entry.kind, "in");
}

JB_TEST("all faults of a form are said at once, each at its field")
{
    struct jb_request *req = request_of(scope, "ref=1234567&date=&income=%EC%9D%BC&kind=nope&memo=%FF");
    struct entry entry = { .memo = JB_STR("before") };

    CHECK(!jb_form_record(req, &record, NULL, &entry));
    CHECK_INT(jb_error(scope), JB_INVALID);
    static const char *const fields[] = { "ref", "memo", "date", "income", "kind" };
    const struct jb_field_error *error = jb_failure(scope)->fields;
    for (size_t i = 0; i < JB_COUNT(fields); i++, error = error->next) {
        CHECK(error != NULL);
        CHECK_TEXT(error->field, fields[i]);
        CHECK(error->message.size > 0);
    }
    CHECK(error == NULL);
    CHECK_TEXT(entry.memo, "before");
}

JB_TEST("only the listed fields are taken; an absent box is false, an absent field stays")
{
    struct jb_request *req = request_of(scope, "ref=B&memo=new");
    struct entry entry = { .ref = JB_STR("A"), .memo = JB_STR("old"), .closed = true };

    CHECK_OK(jb_form_record(req, &record, "memo closed date", &entry));
    CHECK_TEXT(entry.ref, "A");
    CHECK_TEXT(entry.memo, "new");
    CHECK(!entry.closed);
}

JB_TEST("fields of one name are found in their order")
{
    struct jb_request *req = request_of(scope, "id=3&x=&id=1&id=2");
    const struct jb_str *values;

    CHECK_INT(jb_form_all(req, "id", &values), 3);
    CHECK_TEXT(values[0], "3");
    CHECK_TEXT(values[2], "2");
    CHECK_TEXT(jb_form_text(req, "x"), "");
    CHECK(!jb_form_text(req, "y").data);
    CHECK_INT(jb_form_all(req, "y", &values), 0);
}

JB_TEST("too many fields are refused, not cut")
{
    size_t count;

    CHECK(!jb__urlencoded_parse(scope, JB_STR("a=1&b=2&c=3"), 2, &count));
    CHECK(count == SIZE_MAX);
}

JB_TEST("links keep the query and change one of its parameters")
{
    struct jb_request *req = request_of(scope, "q=a+b&page=2&kind=%EC%88%98&page=3");

    CHECK_TEXT(jb_query_with(req, "page", JB_STR("4")), "?q=a%20b&page=4&kind=%EC%88%98");
    CHECK_TEXT(jb_query_with(req, "page", JB_STR_NULL), "?q=a%20b&kind=%EC%88%98");
    CHECK_TEXT(jb_query_with(req, "new", JB_STR("&")), "?q=a%20b&page=2&kind=%EC%88%98&page=3&new=%26");
    CHECK_TEXT(jb_query_with(request_of(scope, "a=1"), "a", JB_STR_NULL), "?");
    CHECK_TEXT(jb_query_text(req, "page"), "2");
}

JB_TEST("a query's bytes that are no UTF-8 become the replacement character")
{
    CHECK_TEXT(jb_query_text(request_of(scope, "q=a%FFb%00"), "q"), "a\xef\xbf\xbd"
                                                                    "b\xef\xbf\xbd");
}
