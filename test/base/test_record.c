/* test_record.c — members through tables: compiled structs, run-time layouts, presence, defaults, copies. */
// SPDX-License-Identifier: Apache-2.0
#include "base/record.h"
#include "jb_test.h"
#include <string.h>

static const struct jb_choice kinds[] = { { "in", "수입", "Income", 1 }, { "out", "지출", NULL, 2 }, { 0 } };

struct entry {
    int64_t id;
    int32_t kind;
    bool closed;
    struct jb_str memo;
    struct jb_html note;
    struct jb_date day;
    struct jb_month month;
    struct jb_time at;
    struct jb_decimal amount;
    uint64_t present;
};
static const struct jb_record entry_record = JB_RECORD(entry,
    JB_FIELD(entry, id, .primary = true), JB_FIELD(entry, kind, .choices = kinds, .default_text = "지출"), JB_FIELD(entry, closed, .label = "마감", .default_text = "아니요"),
    JB_FIELD(entry, memo, .default_text = "적요"), JB_FIELD(entry, note), JB_FIELD(entry, day, .default_text = "2025. 1. 31."), JB_FIELD(entry, month), JB_FIELD(entry, at),
    JB_FIELD(entry, amount, .digits = 15, .decimals = 2, .default_text = "1,000"), JB_PRESENCE(entry, present));

struct strict {
    int64_t id;
    struct jb_str name;
};
static const struct jb_record strict_record = JB_RECORD(strict, JB_FIELD(strict, id), JB_FIELD(strict, name));

static const struct jb_field *field(const char *name)
{
    const struct jb_field *found = jb_record_field(&entry_record, jb_str_of(name));
    CHECK(found != NULL);
    return found;
}

static struct jb_value get(const struct entry *entry, const char *name)
{
    return jb_record_get(&entry_record, entry, field(name));
}

static bool set(struct entry *entry, const char *name, struct jb_value value)
{
    return jb_record_set(&entry_record, entry, field(name), value);
}

JB_TEST("a table knows its fields; the presence word is none")
{
    (void)scope;
    CHECK_INT(jb_record_count(&entry_record), 9);
    CHECK(jb_record_field(&entry_record, JB_STR("present")) == NULL);
    CHECK(jb_record_field(&entry_record, JB_STR("")) == NULL);
    CHECK_INT(jb_field_index(&entry_record, field("amount")), 8);
    CHECK_INT(field("memo")->type, JB_TEXT);
    CHECK_INT(field("id")->offset, 0);
}

JB_TEST("every type is set and read back")
{
    struct entry entry = { 0 };

    (void)scope;
    CHECK(set(&entry, "id", jb_v(INT64_MAX)) && entry.id == INT64_MAX);
    CHECK(set(&entry, "kind", jb_v(2)) && entry.kind == 2);
    CHECK(set(&entry, "closed", jb_v((bool)true)) && entry.closed);
    CHECK(set(&entry, "memo", jb_v(JB_STR("토너"))) && jb_str_is(entry.memo, "토너"));
    CHECK(set(&entry, "note", jb_v(((struct jb_html){ "<b>", 3 }))) && entry.note.size == 3);
    CHECK(set(&entry, "day", jb_v((struct jb_date){ -5 })) && entry.day.days == -5);
    CHECK(set(&entry, "month", jb_v((struct jb_month){ 7 })) && entry.month.months == 7);
    CHECK(set(&entry, "at", jb_v((struct jb_time){ 123 })) && entry.at.us == 123);
    CHECK(set(&entry, "amount", jb_v(((struct jb_decimal){ 5, 1 }))) && entry.amount.units == 50 && entry.amount.scale == 2);
    CHECK_INT(get(&entry, "id").number, INT64_MAX);
    CHECK_INT(get(&entry, "kind").type, JB_INT32);
    CHECK_INT(get(&entry, "closed").truth, true);
    CHECK_TEXT(get(&entry, "memo").text, "토너");
    CHECK_INT(get(&entry, "note").type, JB_HTML);
    CHECK_INT(get(&entry, "day").number, -5);
    CHECK_INT(get(&entry, "month").number, 7);
    CHECK_INT(get(&entry, "at").number, 123);
    CHECK_INT(get(&entry, "amount").decimal.scale, 2);
    CHECK_INT(entry.present, 0x1FF);
}

JB_TEST("absent is absent until it is set, and again after it is set to NULL")
{
    struct entry entry = { .id = 5 };

    (void)scope;
    CHECK_INT(get(&entry, "id").type, JB_NULL);
    CHECK_INT(get(&entry, "memo").type, JB_NULL);
    entry.memo = JB_STR(""); /* text needs no bit */
    CHECK_INT(get(&entry, "memo").type, JB_TEXT);
    CHECK(set(&entry, "id", jb_v(6)));
    CHECK_INT(get(&entry, "id").number, 6);
    CHECK(set(&entry, "id", jb_v_null()) && set(&entry, "memo", jb_v(JB_STR_NULL)));
    CHECK_INT(get(&entry, "id").type, JB_NULL);
    CHECK_INT(get(&entry, "memo").type, JB_NULL);
    CHECK_INT(entry.id, 0);
}

JB_TEST("without a presence word only text can be absent")
{
    struct strict strict = { .id = 5 };
    const struct jb_field *id = &strict_record.fields[0], *name = &strict_record.fields[1];

    (void)scope;
    CHECK_INT(jb_record_get(&strict_record, &strict, id).number, 5);
    CHECK(!jb_record_set(&strict_record, &strict, id, jb_v_null()));
    CHECK_INT(strict.id, 5);
    CHECK(jb_record_set(&strict_record, &strict, name, jb_v(JB_STR("x"))));
    CHECK(jb_record_set(&strict_record, &strict, name, jb_v_null()));
    CHECK_INT(jb_record_get(&strict_record, &strict, name).type, JB_NULL);
}

JB_TEST("what does not fit is refused and changes nothing")
{
    struct entry entry = { .kind = 1, .closed = true, .amount = { 7, 2 } };

    (void)scope;
    CHECK(!set(&entry, "kind", jb_v(INT64_C(2147483648))));
    CHECK(!set(&entry, "kind", jb_v(JB_STR("1"))));
    CHECK(!set(&entry, "closed", jb_v(2)));
    CHECK(!set(&entry, "memo", jb_v(1)));
    CHECK(!set(&entry, "day", jb_v((struct jb_month){ 1 })));
    CHECK(!set(&entry, "day", jb_v(1)));
    CHECK(!set(&entry, "amount", jb_v(((struct jb_decimal){ 1005, 3 }))));
    CHECK(!set(&entry, "amount", jb_v(INT64_MAX)));
    CHECK_INT(entry.kind, 1);
    CHECK_INT(entry.amount.units, 7);
    CHECK_INT(entry.present, 0);
    CHECK(set(&entry, "closed", jb_v(0 == 1)) && !entry.closed); /* an int in C17 */
    CHECK(set(&entry, "amount", jb_v(3)) && entry.amount.units == 300);
}

JB_TEST("labels come in both languages, humanised where there is none")
{
    struct jb_field plain = { .name = "external_ref" };

    CHECK_TEXT(jb_field_label(scope, field("closed"), JB_KO), "마감");
    CHECK_TEXT(jb_field_label(scope, field("closed"), JB_EN), "Closed");
    CHECK_TEXT(jb_field_label(scope, &plain, JB_KO), "External ref");
    CHECK_TEXT(jb_choice_label(scope, &kinds[1], JB_KO), "지출");
    CHECK_TEXT(jb_choice_label(scope, &kinds[1], JB_EN), "Out");
    CHECK(jb_field_choice(field("kind"), jb_v(2)) == &kinds[1]);
    CHECK(jb_field_choice(field("kind"), jb_v(JB_STR("in"))) == &kinds[0]);
    CHECK(jb_field_choice(field("kind"), jb_v(3)) == NULL);
    CHECK(jb_field_choice(field("id"), jb_v(1)) == NULL);
}

JB_TEST("defaults are read as they would stand in a sheet")
{
    struct entry entry = { 0 };
    static const struct jb_field bad[] = { JB_FIELD(strict, id, .default_text = "x"), { 0 } };

    CHECK_OK(jb_record_defaults(scope, &entry_record, &entry));
    CHECK_INT(entry.kind, 2);
    CHECK_INT(get(&entry, "closed").type, JB_BOOL);
    CHECK_TEXT(entry.memo, "적요");
    CHECK_INT(entry.amount.units, 100000);
    CHECK_TEXT(jb_value_text(scope, get(&entry, "day")), "2025-01-31");
    CHECK_INT(get(&entry, "at").type, JB_NULL);
    CHECK_FAILS(jb_record_defaults(scope, &(struct jb_record){ "bad", sizeof(struct strict), bad }, &entry), JB_INVALID);
}

JB_TEST("a copy owns its texts; equality is by value")
{
    struct jb_scope *child = jb_scope_child(scope, "child");
    struct entry entry = { .memo = jb_copy(child, JB_STR("토너")) };

    set(&entry, "amount", jb_v(((struct jb_decimal){ 10, 1 })));
    struct entry *copy = jb_record_copy(scope, &entry_record, &entry);
    CHECK(jb_record_equal(&entry_record, &entry, copy));
    jb_scope_end(child);
    CHECK_TEXT(copy->memo, "토너");
    struct entry other = *copy;
    CHECK(set(&other, "id", jb_v(0)));
    CHECK(!jb_record_equal(&entry_record, copy, &other)); /* absent is not 0 */
    CHECK(jb_value_equal(jb_v(((struct jb_decimal){ 10, 1 })), jb_v(((struct jb_decimal){ 100, 2 }))));
    CHECK(!jb_value_equal(jb_v(1), jb_v((bool)true)) && !jb_value_equal(jb_v_null(), jb_v(0)));
    CHECK(jb_value_equal(jb_v_null(), jb_v(JB_STR_NULL)));
}

JB_TEST("values are printed for people's forms")
{
    CHECK_TEXT(jb_value_text(scope, jb_v((bool)false)), "false");
    CHECK_TEXT(jb_value_text(scope, jb_v(-5)), "-5");
    CHECK_TEXT(jb_value_text(scope, jb_v((struct jb_month){ 0 })), "1970-01");
    CHECK_TEXT(jb_value_text(scope, jb_v((struct jb_time){ 0 })), "1970-01-01T00:00:00Z");
    CHECK_TEXT(jb_value_text(scope, jb_v(((struct jb_decimal){ -1050, 2 }))), "-10.50");
    CHECK_TEXT(jb_value_text(scope, jb_v_null()), "");
}

JB_TEST("a record laid out while the program runs has every type and absent members, beyond 64 fields too")
{
    static const enum jb_type types[] = { JB_BOOL, JB_DECIMAL, JB_INT32, JB_TEXT, JB_BOOL, JB_INT64, JB_DATE, JB_TIME, JB_MONTH };
    struct jb_field fields[100];
    char name[8];

    for (size_t i = 0; i < JB_COUNT(fields); i++) {
        fields[i] = (struct jb_field){ .name = jb_format(scope, "f%zu", i).data, .type = types[i % JB_COUNT(types)] };
    }
    const struct jb_record *record = jb_record_layout(scope, "wide", fields, JB_COUNT(fields));
    CHECK_INT(jb_record_count(record), 100);
    void *row = jb_alloc(scope, record->size);
    for (size_t i = 0; i < 100; i++) {
        const struct jb_field *f = &record->fields[i];
        CHECK_INT(f->offset % JB_MIN(f->size, (size_t)8), 0);
        CHECK(f->offset + f->size <= record->size);
        CHECK_INT(jb_record_get(record, row, f).type, JB_NULL);
    }
    for (size_t i = 0; i < 100; i += 9) { /* the bools */
        CHECK(jb_record_set(record, row, &record->fields[i], jb_v(1)));
        if (i + 5 < 100)
            CHECK(jb_record_set(record, row, &record->fields[i + 5], jb_v((int64_t)i)));
    }
    CHECK_INT(jb_record_get(record, row, &record->fields[99]).truth, true);
    CHECK_INT(jb_record_get(record, row, &record->fields[95]).number, 90);
    CHECK_INT(jb_record_get(record, row, &record->fields[98]).type, JB_NULL);
    memcpy(name, "f98", 4);
    CHECK(jb_record_field(record, jb_str_of(name)) == &record->fields[98]);
}

JB_TEST("unsigned numbers are values while they fit")
{
    (void)scope;
    CHECK_INT(jb_v((size_t)5).number, 5);
    CHECK_INT(jb_v((uint64_t)INT64_MAX).number, INT64_MAX);
    CHECK_INT(jb_v(jb_v(7)).number, 7);
}
