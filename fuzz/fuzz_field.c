/* fuzz_field.c — what is typed into a field is refused with a reason, or is a value that comes back from its own text. */
// SPDX-License-Identifier: Apache-2.0
#include "fuzz.h"
#include "base/record.h"

static const struct jb_choice kinds[] = { { "in", "수입", "Income", 1 }, { "out", "지출", "Expense", 2 }, { 0 } };

struct typed {
    bool closed;
    int32_t count, kind;
    int64_t number;
    struct jb_str memo;
    struct jb_date day;
    struct jb_month month;
    struct jb_time at;
    struct jb_decimal amount, any;
    uint64_t present;
};

static const struct jb_record typed_record = JB_RECORD(typed,
    JB_FIELD(typed, closed), JB_FIELD(typed, count, .has_min = true), JB_FIELD(typed, kind, .choices = kinds), JB_FIELD(typed, number), JB_FIELD(typed, memo, .length_max = 20),
    JB_FIELD(typed, day), JB_FIELD(typed, month), JB_FIELD(typed, at), JB_FIELD(typed, amount, .digits = 15, .decimals = 2), JB_FIELD(typed, any), JB_PRESENCE(typed, present));

static void check_field(struct jb_scope *scope, const struct jb_field *field, struct jb_str text)
{
    struct typed row = { 0 };
    struct jb_value value, again;

    if (!jb_field_parse(scope, field, text, &value) || !jb_field_check(scope, field, value)) {
        JB_CHECK(jb_error(scope) == JB_INVALID && jb_utf8_valid(jb_failure_text(scope)));
        jb_failure_clear(scope);
        return;
    }
    JB_CHECK(jb_record_set(&typed_record, &row, field, value));
    value = jb_record_get(&typed_record, &row, field);
    JB_CHECK(jb_field_parse(scope, field, jb_value_text(scope, value), &again));
    JB_CHECK(jb_value_equal(value, again));
}

static void check_texts(struct jb_str text)
{
    char out[48];
    struct jb_decimal number, again;
    struct jb_time time, time_again;

    if (jb_decimal_parse(text, &number)) {
        JB_CHECK(jb_decimal_parse_loose(jb_decimal_text_people(number, out), &again) && again.units == number.units && again.scale == number.scale);
        JB_CHECK(jb_decimal_compare(jb_decimal_trim(number), number) == 0);
    }
    if (jb_time_http_parse(text, &time))
        JB_CHECK(jb_time_http_parse(jb_time_http(time, out), &time_again) && time_again.us == time.us);
    size_t count = 0;
    for (size_t at = 0; at < text.size; count++)
        jb_utf8_next(text, &at);
    JB_CHECK(!jb_utf8_valid(text) || count == jb_utf8_count(text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct jb_scope *scope = jb_scope_new("fuzz");
    struct jb_str text = { (const char *)data, size };

    jb_language_set(scope, size % 2 ? JB_KO : JB_EN);
    for (const struct jb_field *field = typed_record.fields; field->type != JB_WORD; field++)
        check_field(scope, field, text);
    check_texts(text);
    jb_scope_end(scope);
    return 0;
}
