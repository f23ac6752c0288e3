/* fuzz_json.c — whatever comes in is refused with a reason or read; what was read and written again reads as the same. */
// SPDX-License-Identifier: Apache-2.0
#include "fuzz.h"
#include "base/json.h"

struct entry {
    int64_t id;
    int32_t count;
    bool closed;
    struct jb_str memo;
    struct jb_date day;
    struct jb_month month;
    struct jb_time at;
    struct jb_decimal amount;
    uint64_t present;
};

static const struct jb_record entry_record = JB_RECORD(entry,
    JB_FIELD(entry, id), JB_FIELD(entry, count), JB_FIELD(entry, closed), JB_FIELD(entry, memo, .length_max = 20), JB_FIELD(entry, day),
    JB_FIELD(entry, month), JB_FIELD(entry, at), JB_FIELD(entry, amount, .digits = 15, .decimals = 2), JB_PRESENCE(entry, present));

/* The tree as JSON again: an object as an array of names and values in turn, a number as text. */
static void write_tree(struct jb_json_writer *writer, const struct jb_json *json)
{
    switch (json->type) {
    case JB_JSON_NULL: jb_json_null(writer); return;
    case JB_JSON_FALSE:
    case JB_JSON_TRUE: jb_json_bool(writer, json->type == JB_JSON_TRUE); return;
    case JB_JSON_NUMBER:
    case JB_JSON_STRING: jb_json_text(writer, json->text); return;
    case JB_JSON_ARRAY:
    case JB_JSON_OBJECT: break;
    }
    jb_json_array(writer);
    for (const struct jb_json *child = json->first; child; child = child->next) {
        if (json->type == JB_JSON_OBJECT)
            jb_json_text(writer, child->name);
        write_tree(writer, child);
    }
    jb_json_array_end(writer);
}

static void check_tree(const struct jb_json *json, const struct jb_json *again)
{
    bool object = json->type == JB_JSON_OBJECT;

    JB_CHECK(again->type == (object ? JB_JSON_ARRAY : json->type == JB_JSON_NUMBER ? JB_JSON_STRING
                                                                                   : json->type));
    JB_CHECK(jb_str_equal(again->text, json->text));
    JB_CHECK(again->count == json->count * (object ? 2 : 1));
    const struct jb_json *other = again->first;
    for (const struct jb_json *child = json->first; child; child = child->next, other = other->next) {
        if (object) {
            JB_CHECK(jb_str_equal(other->text, child->name));
            other = other->next;
        }
        check_tree(child, other);
    }
}

static void check_record(struct jb_scope *scope, const struct jb_json *json, struct jb_buf *buf)
{
    struct entry first = { 0 }, second = { 0 };
    struct jb_json_writer writer;

    if (!jb_json_read(scope, json, &entry_record, &first)) {
        JB_CHECK(jb_error(scope) == JB_INVALID && jb_failure_text(scope).size > 0);
        return;
    }
    jb_json_start(&writer, buf);
    jb_json_record(&writer, &entry_record, &first, NULL);
    JB_CHECK(jb_json_read(scope, jb_json_parse(scope, jb_buf_str(buf)), &entry_record, &second));
    JB_CHECK(jb_record_equal(&entry_record, &first, &second));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct jb_scope *scope = jb_scope_new("fuzz");
    struct jb_buf buf = JB_BUF_INIT((size_t)16 << 20);
    struct jb_json *json = jb_json_parse(scope, (struct jb_str){ (const char *)data, size });

    if (json) {
        struct jb_json_writer writer;
        check_record(scope, json, &buf);
        jb_failure_clear(scope);
        jb_buf_clear(&buf);
        jb_json_start(&writer, &buf);
        write_tree(&writer, json);
        struct jb_json *again = jb_json_parse(scope, jb_buf_str(&buf));
        JB_CHECK(again && !buf.full);
        check_tree(json, again);
    } else {
        JB_CHECK(jb_failure_text(scope).size > 0);
    }
    jb_buf_done(&buf);
    jb_scope_end(scope);
    return 0;
}
