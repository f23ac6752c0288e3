/* test_json.c — strict reading, the public test suite, records from objects, writing. */
// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"
#include "jb_test.h"
#include <string.h>

static struct jb_json *parse(struct jb_scope *scope, const char *text)
{
    return jb_json_parse(scope, jb_str_of(text));
}

JB_TEST("a document becomes a tree, its names and values decoded")
{
    struct jb_json *json = parse(scope, " {\"a\" : [1, -2.5e3, \"x\\u00e9\\ud83d\\ude00\\n\\/\"], \"b\":{}, \"\":null, \"t\":true,\"f\":false}\n");

    CHECK_OK(json != NULL);
    CHECK_INT(json->type, JB_JSON_OBJECT);
    CHECK_INT(json->count, 5);
    struct jb_json *list = jb_json_member(json, "a");
    CHECK_INT(list->count, 3);
    CHECK_TEXT(list->first->text, "1");
    CHECK_TEXT(list->first->next->text, "-2.5e3");
    CHECK_TEXT(list->first->next->next->text, "xé😀\n/");
    CHECK(list->first->next->next->next == NULL);
    CHECK_INT(jb_json_member(json, "b")->count, 0);
    CHECK_INT(jb_json_member(json, "")->type, JB_JSON_NULL);
    CHECK_INT(jb_json_member(json, "t")->type, JB_JSON_TRUE);
    CHECK_INT(jb_json_member(json, "f")->type, JB_JSON_FALSE);
    CHECK(jb_json_member(json, "x") == NULL && jb_json_member(NULL, "x") == NULL && jb_json_member(list, "x") == NULL);
}

JB_TEST("strings without escapes are slices of the text")
{
    struct jb_str text = JB_STR("[\"plain\",\"esc\\t\"]");
    struct jb_json *json = jb_json_parse(scope, text);

    CHECK(json->first->text.data == text.data + 2);
    CHECK_TEXT(json->first->next->text, "esc\t");
}

JB_TEST("a refusal names line, column and reason in the scope's language")
{
    CHECK(parse(scope, "{\n  \"가\": tru\n}") == NULL);
    CHECK_TEXT(jb_failure_text(scope), "JSON을 읽지 못했습니다. 2줄 8칸: 값이 아닙니다.");
    CHECK_INT(jb_error(scope), JB_INVALID);
    jb_failure_clear(scope);
    jb_language_set(scope, JB_EN);
    CHECK(parse(scope, "[1,2") == NULL);
    CHECK_TEXT(jb_failure_text(scope), "Cannot read the JSON: line 1, column 5: a comma or ] is missing.");
}

JB_TEST("a name that stands twice is refused, in small objects and in large ones")
{
    struct jb_buf buf = JB_BUF_INIT(100000);

    CHECK_FAILS(parse(scope, "{\"a\":1,\"a\":2}"), JB_INVALID);
    CHECK_FAILS(parse(scope, "{\"a\":1,\"\\u0061\":2}"), JB_INVALID);
    for (int count = 1; count < 40; count++) {
        for (int twice = 0; twice < 2; twice++) {
            jb_buf_clear(&buf);
            for (int i = 0; i < count; i++)
                jb_buf_printf(&buf, "%s\"name %d\":{\"name 0\":%d}", i ? "," : "{", i, i);
            jb_buf_put_z(&buf, twice ? ",\"name 0\":1}" : "}");
            CHECK((jb_json_parse(scope, jb_buf_str(&buf)) != NULL) == !twice);
            jb_failure_clear(scope);
        }
    }
    jb_buf_done(&buf);
}

JB_TEST("depth and number of values are limited")
{
    struct jb_buf buf = JB_BUF_INIT(10000000);

    for (int depth = JB_JSON_DEPTH_MAX; depth <= JB_JSON_DEPTH_MAX + 1; depth++) {
        jb_buf_clear(&buf);
        for (int i = 0; i < depth; i++)
            jb_buf_put_z(&buf, "[");
        for (int i = 0; i < depth; i++)
            jb_buf_put_z(&buf, "]");
        CHECK((jb_json_parse(scope, jb_buf_str(&buf)) != NULL) == (depth == JB_JSON_DEPTH_MAX));
    }
    CHECK_INT(jb_error(scope), JB_LIMIT);
    jb_failure_clear(scope);
    jb_buf_clear(&buf);
    jb_buf_put_z(&buf, "[1");
    for (int i = 0; i < 1000000; i++)
        jb_buf_put_z(&buf, ",1");
    jb_buf_put_z(&buf, "]");
    CHECK_FAILS(jb_json_parse(scope, jb_buf_str(&buf)), JB_LIMIT);
    jb_buf_done(&buf);
}

/* ---- the public suite ------------------------------------------------------------------------------------------------- */

static struct jb_str base64(struct jb_scope *scope, struct jb_str text)
{
    static const char symbols[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char *out = jb_alloc(scope, text.size + 1);
    uint32_t bits = 0;
    size_t size = 0, have = 0;

    for (size_t i = 0; i < text.size && text.data[i] != '='; i++) {
        bits = bits << 6 | (uint32_t)(strchr(symbols, text.data[i]) - symbols);
        have += 6;
        if (have >= 8)
            out[size++] = (char)(bits >> (have -= 8));
    }
    return (struct jb_str){ out, size };
}

JB_TEST("the JSON parsing test suite: what must be taken is taken, what must not is not")
{
    struct jb_json *list = jb_json_parse(scope, jb_test_shared(scope, "cases/vectors/json_nst.json"));
    int taken = 0, refused = 0;

    CHECK_OK(list != NULL);
    for (struct jb_json *item = list->first; item; item = item->next) {
        struct jb_str name = jb_json_member(item, "name")->text, expect = jb_json_member(item, "expect")->text;
        bool parsed = jb_json_parse(scope, base64(scope, jb_json_member(item, "b64")->text)) != NULL;
        jb_failure_clear(scope);
        if (jb_str_is(expect, "any"))
            continue;
        bool twice = jb_str_starts(name, JB_STR("y_object_duplicated_key")); /* RFC 8259 leaves it open; here a name stands once */
        if (parsed != (jb_str_is(expect, "accept") && !twice))
            CHECK_STR(name, parsed ? JB_STR("refused") : JB_STR("taken"));
        taken += parsed;
        refused += !parsed;
    }
    CHECK_INT(taken, 47);
    CHECK_INT(refused, 94);
}

JB_TEST("every text of the list of naughty strings survives writing and reading")
{
    struct jb_json *list = jb_json_parse(scope, jb_test_shared(scope, "cases/vectors/naughty_strings.json"));
    struct jb_buf buf = JB_BUF_INIT(100000);
    struct jb_json_writer writer;
    int count = 0;

    CHECK_OK(list != NULL);
    for (struct jb_json *item = list->first; item; item = item->next, count++) {
        if (item->type != JB_JSON_STRING)
            continue;
        jb_buf_clear(&buf);
        jb_json_start(&writer, &buf);
        jb_json_text(&writer, item->text);
        struct jb_json *again = jb_json_parse(scope, jb_buf_str(&buf));
        CHECK_OK(again != NULL);
        CHECK_STR(again->text, item->text);
    }
    CHECK(count >= 100);
    jb_buf_done(&buf);
}

/* ---- records ------------------------------------------------------------------------------------------------------------ */

struct entry {
    int64_t id;
    int32_t count;
    bool closed;
    struct jb_str memo, password;
    struct jb_date day;
    struct jb_month month;
    struct jb_time at;
    struct jb_decimal amount;
    uint64_t present;
};
static const struct jb_record entry_record = JB_RECORD(entry,
    JB_FIELD(entry, id), JB_FIELD(entry, count), JB_FIELD(entry, closed), JB_FIELD(entry, memo), JB_FIELD(entry, password, .secret = true), JB_FIELD(entry, day),
    JB_FIELD(entry, month), JB_FIELD(entry, at), JB_FIELD(entry, amount, .digits = 15, .decimals = 2), JB_PRESENCE(entry, present));

static bool read_entry(struct jb_scope *scope, const char *text, struct entry *entry)
{
    return jb_json_read(scope, parse(scope, text), &entry_record, entry);
}

JB_TEST("an object is read into a record and written from it")
{
    struct entry entry = { .count = 5 };
    struct jb_buf buf = JB_BUF_INIT(10000);
    struct jb_json_writer writer;

    CHECK_OK(read_entry(scope, "{\"id\":7,\"closed\":true,\"memo\":\"토너\",\"password\":\"x\",\"day\":\"2025-01-31\",\"month\":\"2025-02\",\"at\":\"2025-01-31T09:30:00+09:00\",\"amount\":1234.5}", &entry));
    CHECK_INT(entry.id, 7);
    CHECK_INT(entry.count, 5); /* absent: kept */
    CHECK(entry.closed);
    CHECK_TEXT(entry.password, "x");
    CHECK_INT(entry.amount.units, 123450);
    entry.present |= 2; /* count */
    jb_json_start(&writer, &buf);
    jb_json_record(&writer, &entry_record, &entry, NULL);
    CHECK_TEXT(jb_buf_str(&buf), "{\"id\":7,\"count\":5,\"closed\":true,\"memo\":\"토너\",\"day\":\"2025-01-31\",\"month\":\"2025-02\",\"at\":\"2025-01-31T00:30:00Z\",\"amount\":1234.50}");
    CHECK_OK(read_entry(scope, "{\"id\":1e2,\"amount\":\"-0.50\",\"memo\":null,\"closed\":null}", &entry));
    CHECK_INT(entry.id, 100);
    CHECK_INT(entry.amount.units, -50);
    jb_buf_clear(&buf);
    jb_json_start(&writer, &buf);
    jb_json_record(&writer, &entry_record, &entry, jb_zone_open("Asia/Seoul"));
    CHECK(jb_str_find(jb_buf_str(&buf), JB_STR("\"closed\":null,\"memo\":null,"), 0) != SIZE_MAX);
    jb_buf_done(&buf);
}

JB_TEST("unknown names and wrong types are errors of their fields, all at once")
{
    struct entry entry = { 0 };
    static const char *const names[] = { "id", "count", "closed", "memo", "day", "month", "at", "amount", "nope" };
    size_t at = 0;

    CHECK(!read_entry(scope, "{\"id\":\"7\",\"count\":2147483648,\"closed\":1,\"memo\":5,\"day\":\"2025-02-30\",\"month\":\"2025\",\"at\":true,\"amount\":1.005,\"nope\":1}", &entry));
    CHECK_INT(jb_error(scope), JB_INVALID);
    for (const struct jb_field_error *error = jb_failure(scope)->fields; error; error = error->next, at++) {
        CHECK(at < JB_COUNT(names));
        CHECK_TEXT(error->field, names[at]);
        if (at == 4)
            CHECK_TEXT(error->message, "없는 날짜입니다. 2월은 28일까지입니다.");
        if (at == 7)
            CHECK_TEXT(error->message, "소수점 아래 3자리입니다. 2자리까지 쓸 수 있습니다.");
    }
    CHECK_INT(at, JB_COUNT(names));
    jb_failure_clear(scope);
    CHECK_FAILS(read_entry(scope, "[1]", &entry), JB_INVALID);
    CHECK_FAILS(read_entry(scope, "{\"id\":1.5}", &entry), JB_INVALID);
    CHECK_FAILS(read_entry(scope, "{\"amount\":true}", &entry), JB_INVALID);
    CHECK_FAILS(read_entry(scope, "{\"day\":\"20250131\"}", &entry), JB_INVALID); /* loose forms are for people */
}

/* ---- writing ------------------------------------------------------------------------------------------------------------ */

JB_TEST("commas and quotes come by themselves")
{
    struct jb_buf buf = JB_BUF_INIT(10000);
    struct jb_json_writer w;
    int64_t ids[] = { 3, 4 };

    (void)scope;
    jb_json_start(&w, &buf);
    jb_json_object(&w);
    jb_json_put(&w, "a", jb_v(1));
    jb_json_name(&w, "b");
    jb_json_array(&w);
    jb_json_array(&w);
    jb_json_array_end(&w);
    jb_json_object(&w);
    jb_json_object_end(&w);
    jb_json_null(&w);
    jb_json_bool(&w, false);
    jb_json_int(&w, INT64_MIN);
    jb_json_double(&w, 2.0 / 3, 2);
    jb_json_double(&w, 1.0 / 0.0, 2);
    jb_json_array_end(&w);
    jb_json_put(&w, "c", jb_v(JB_STR_NULL));
    jb_json_put(&w, "d", jb_v_ids((struct jb_ids){ ids, 2 }));
    jb_json_put(&w, "\"", jb_v(JB_STR("q")));
    jb_json_object_end(&w);
    CHECK_TEXT(jb_buf_str(&buf), "{\"a\":1,\"b\":[[],{},null,false,-9223372036854775808,0.67,null],\"c\":null,\"d\":[3,4],\"\\\"\":\"q\"}");
    jb_buf_done(&buf);
}

JB_TEST("text is escaped, and what is not UTF-8 becomes the replacement character")
{
    struct jb_buf buf = JB_BUF_INIT(10000);
    struct jb_json_writer w;

    (void)scope;
    jb_json_start(&w, &buf);
    jb_json_text(&w, (struct jb_str){ "a\"\\\b\f\n\r\t\x01\0가\xFFz\x7f", 16 });
    CHECK_TEXT(jb_buf_str(&buf), "\"a\\\"\\\\\\b\\f\\n\\r\\t\\u0001\\u0000가\xEF\xBF\xBDz\x7f\"");
    jb_buf_done(&buf);
}
