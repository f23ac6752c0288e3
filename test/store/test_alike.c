/* test_alike.c — a value that does not fit is refused alike on both databases: through one row, through many, through own SQL. */
// SPDX-License-Identifier: Apache-2.0
#include "store_test.h"

#define EMOJI10 "😀😀😀😀😀😀😀😀😀😀"
#define X40 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

enum door {
    BY_INSERT,
    BY_SAVE,
    BY_BULK,
    BY_UPSERT,
    BY_UPDATE, /* own SQL */
    DOORS
};

/* A member's value, put into a row and into `MEMBER = ?`. */
#define VALUE(number, member, ...)                                                 \
    static void row_##number(struct sample_entry *row)                             \
    {                                                                              \
        row->member = __VA_ARGS__;                                                 \
    }                                                                              \
    static struct jb_update sql_##number(void)                                     \
    {                                                                              \
        return (struct jb_update){ .set = JB_SQL(#member " = ?", (__VA_ARGS__)) }; \
    }
typedef struct jb_update sql_of(void);

VALUE(0, external_ref, JB_STR(X40 "x"))
VALUE(1, external_ref, JB_STR(EMOJI10 EMOJI10 EMOJI10 EMOJI10))
VALUE(2, external_ref, JB_STR(EMOJI10 EMOJI10 EMOJI10 EMOJI10 "x"))
VALUE(3, kind, JB_STR("gift"))
VALUE(4, memo, ((struct jb_str){ "a\0b", 3 }))
VALUE(5, memo, JB_STR("a\xff"))
VALUE(6, memo, JB_STR("\xed\xa0\x80"))
VALUE(7, memo, JB_STR("😀"))
VALUE(8, income, ((struct jb_decimal){ 1000000000000000, 2 }))
VALUE(9, income, ((struct jb_decimal){ 999999999999999, 2 }))
VALUE(10, income, ((struct jb_decimal){ 1234, 3 }))
VALUE(11, income, ((struct jb_decimal){ 1230, 3 }))
VALUE(12, date, ((struct jb_date){ 2932897 }))
VALUE(13, month, ((struct jb_month){ (10000 - 1970) * 12 }))
VALUE(14, date, ((struct jb_date){ 2932896 }))
VALUE(15, pages, -1)

static const struct {
    const char *name, *member;
    void (*row)(struct sample_entry *row);
    sql_of *sql;
    const char *by_row, *by_sql; /* sentences; NULL: it fits. "": the servers' own differ */
} cases[] = {
    { "a text longer than its column", "external_ref", row_0, sql_0, "41자입니다. 40자까지 쓸 수 있습니다.", "값이 규칙에 맞지 않습니다 (sample_entry.external_ref size)." },
    { "forty characters of four bytes", "external_ref", row_1, sql_1, NULL, NULL },
    { "forty-one characters of four bytes", "external_ref", row_2, sql_2, "41자입니다. 40자까지 쓸 수 있습니다.", "값이 규칙에 맞지 않습니다 (sample_entry.external_ref size)." },
    { "a choice that there is not", "kind", row_3, sql_3, "고를 수 있는 값이 아닙니다. 다음 가운데 하나를 적으세요: 수입, 지출", "값이 규칙에 맞지 않습니다 (sample_entry.kind choice)." },
    { "a NUL byte", "memo", row_4, sql_4, "쓸 수 없는 글자(NUL)가 있습니다. 지우고 다시 적으세요.", "글에 UTF-8이 아닌 바이트나 NUL이 있습니다. 고쳐 쓰세요." },
    { "a byte that is no UTF-8", "memo", row_5, sql_5, "깨진 글자가 있습니다. UTF-8로 저장해 다시 올리세요.", "글에 UTF-8이 아닌 바이트나 NUL이 있습니다. 고쳐 쓰세요." },
    { "half of a surrogate pair", "memo", row_6, sql_6, "깨진 글자가 있습니다. UTF-8로 저장해 다시 올리세요.", "글에 UTF-8이 아닌 바이트나 NUL이 있습니다. 고쳐 쓰세요." },
    { "an emoji", "memo", row_7, sql_7, NULL, NULL },
    { "more digits than the column", "income", row_8, sql_8, "너무 큰 금액입니다. 정수 부분은 13자리까지 쓸 수 있습니다.", "" },
    { "the largest number of the column", "income", row_9, sql_9, NULL, NULL },
    { "more decimals than the column", "income", row_10, sql_10, "소수점 아래 3자리입니다. 2자리까지 쓸 수 있습니다.", "income 열과 견줄 수 없는 수입니다: income = ?" },
    { "decimals that are zeros", "income", row_11, sql_11, NULL, NULL },
    { "a day after the year 9999", "date", row_12, sql_12, "1년부터 9999년까지만 쓸 수 있습니다. 연도를 고치세요.", "1년부터 9999년까지만 쓸 수 있습니다. 연도를 고치세요." },
    { "a month after the year 9999", "month", row_13, sql_13, "1년부터 9999년까지만 쓸 수 있습니다. 연도를 고치세요.", "1년부터 9999년까지만 쓸 수 있습니다. 연도를 고치세요." },
    { "the last day of the year 9999", "date", row_14, sql_14, NULL, NULL },
    { "less than the least", "pages", row_15, sql_15, "너무 작은 수입니다. 0 이상으로 적으세요.", "값이 규칙에 맞지 않습니다 (sample_entry.pages min)." },
};

static bool go_through(struct jb_scope *scope, size_t index, enum door door)
{
    struct sample_entry row = sample_entry_of("CB-1", 1);
    struct jb_update update = cases[index].sql();

    if (door == BY_SAVE || door == BY_UPDATE)
        CHECK_OK(jb_insert(scope, &sample_entry, &row));
    if (door == BY_UPDATE)
        return jb_update_rows(scope, &sample_entry, &update);
    cases[index].row(&row);
    if (door == BY_INSERT)
        return jb_insert(scope, &sample_entry, &row);
    if (door == BY_SAVE)
        return jb_save(scope, &sample_entry, &row);
    return jb_bulk_insert(scope, &sample_entry, &row, 1, door == BY_UPSERT ? &(struct jb_bulk){ .match_on = "external_ref", .on_conflict = JB_CONFLICT_UPDATE } : NULL);
}

/* "memo: …", "fits". */
static struct jb_str told(struct jb_scope *scope, const char *sentence, const char *member)
{
    return sentence ? jb_format(scope, "%s: %s", member, sentence) : JB_STR("fits");
}

static void check_door(struct jb_scope *scope, size_t index, enum door door)
{
    const char *expected = door == BY_UPDATE ? cases[index].by_sql : cases[index].by_row;
    const char *member = door == BY_UPDATE ? "SQL" : cases[index].member;
    bool ok = go_through(scope, index, door);
    const struct jb_failure *failure = jb_failure(scope);
    struct jb_str words = ok ? JB_STR_NULL : failure->fields ? failure->fields->message
                                                             : failure->message;
    struct jb_str field = !ok && failure->fields && door != BY_UPDATE ? failure->fields->field : JB_STR("SQL");

    CHECK(ok || failure->error == JB_INVALID);
    struct jb_str got = told(scope, ok ? NULL : expected && !*expected ? ""
                                                                       : jb_cstr(scope, words),
        jb_cstr(scope, field));
    CHECK_STR(jb_format(scope, "%s by door %d: %.*s", cases[index].name, door, JB_FMT(got)), jb_format(scope, "%s by door %d: %.*s", cases[index].name, door, JB_FMT(told(scope, expected, member))));
}

JB_FIBER_TEST("a value that does not fit is refused in the same words by every door of both databases")
{
    test_database(scope, sample_models);
    for (size_t i = 0; i < JB_COUNT(cases); i++)
        for (int door = 0; door < DOORS; door++) {
            struct jb_scope *one = jb_scope_child(scope, "one");
            struct jb_tx *tx = jb_begin(one);
            CHECK_OK(tx != NULL);
            check_door(one, i, (enum door)door);
            jb_rollback(tx);
            jb_scope_end(one);
        }
}

JB_FIBER_TEST("a number that own SQL computes and its column cannot hold is refused, with the column's name")
{
    static const struct {
        struct jb_sql set;
        const char *sqlite, *postgresql; /* a server names the type only, and which columns have it is for us to know */
    } too_big[] = {
        { { "income = income * 10000000000000", 0, { { 0 } } }, "값이 규칙에 맞지 않습니다 (sample_entry.income size).", "수가 그 열의 자리수를 넘습니다 (numeric(15,2): sample_entry.income). 정수 부분은 13자리까지 쓸 수 있습니다." },
        { { "pages = pages + 2147483647", 0, { { 0 } } }, "값이 규칙에 맞지 않습니다 (sample_entry.pages size).", "수가 그 열의 범위를 넘습니다 (integer: sample_entry.pages). -2147483648…2147483647 안에서 쓰세요." },
        { { "pages = 9999999999", 0, { { 0 } } }, "값이 규칙에 맞지 않습니다 (sample_entry.pages size).", "수가 그 열의 범위를 넘습니다 (integer: sample_entry.pages). -2147483648…2147483647 안에서 쓰세요." },
    };
    struct sample_entry row = sample_entry_of("CB-1", 1);

    test_database(scope, sample_models);
    row.pages = 1;
    CHECK_OK(jb_insert(scope, &sample_entry, &row));
    for (size_t i = 0; i < JB_COUNT(too_big); i++) {
        CHECK(!jb_update_rows(scope, &sample_entry, &(struct jb_update){ .set = too_big[i].set }));
        CHECK_INT(jb_error(scope), JB_INVALID);
        const struct jb_failure *failure = jb_failure(scope);
        CHECK_STR(failure->fields ? failure->fields->message : failure->message, jb_str_of(test_is_sqlite() ? too_big[i].sqlite : too_big[i].postgresql));
        jb_failure_clear(scope);
    }
    CHECK_OK(jb_get(scope, &sample_entry, row.id, &row));
    CHECK_INT(row.pages, 1);
}

JB_FIBER_TEST("what own SQL computes with more decimals than the column is rounded by PostgreSQL, halves away from zero, and refused by SQLite")
{
    struct sample_entry row = sample_entry_of("CB-1", 1);

    test_database(scope, sample_models);
    row.income = cents(-100);
    CHECK_OK(jb_insert(scope, &sample_entry, &row));
    bool ok = jb_update(scope, &sample_entry, .set = JB_SQL("income = income * 1.005"));
    CHECK(ok != test_is_sqlite());
    CHECK(ok || jb_error(scope) == JB_INVALID);
    jb_failure_clear(scope);
    CHECK_OK(jb_get(scope, &sample_entry, row.id, &row));
    CHECK_INT(row.income.units, test_is_sqlite() ? -100 : -101);
    CHECK_FAILS(jb_update(scope, &sample_entry, .set = JB_SQL("income = ?", ((struct jb_decimal){ 1005, 3 }))), JB_INVALID); /* a parameter is refused by both */
}

JB_FIBER_TEST("a number beyond 32 bits is no value for an int, and the row stays as it was")
{
    struct sample_entry row = sample_entry_of("CB-1", 1);

    test_database(scope, sample_models);
    CHECK_OK(jb_insert(scope, &sample_entry, &row));
    CHECK_FAILS(jb_update(scope, &sample_entry, .set = JB_SQL("pages = ?", (int64_t)9999999999)), JB_INVALID);
    CHECK_OK(jb_get(scope, &sample_entry, row.id, &row));
    CHECK_INT(row.pages, 0);
}

JB_FIBER_TEST("of many rows the one that does not fit is named, whatever the others are")
{
    struct sample_entry rows[] = { sample_entry_of("A", 1), sample_entry_of("B", 2), sample_entry_of("C", 3) };
    const struct jb_bulk upsert = { .match_on = "external_ref", .on_conflict = JB_CONFLICT_UPDATE };

    test_database(scope, sample_models);
    rows[1].kind = JB_STR("gift");
    for (int i = 0; i < 2; i++) {
        CHECK(!jb_bulk_insert(scope, &sample_entry, rows, JB_COUNT(rows), i ? &upsert : NULL));
        CHECK_INT(jb_error(scope), JB_INVALID);
        CHECK_TEXT(jb_failure(scope)->fields->field, "kind");
        CHECK_TEXT(jb_failure(scope)->fields->message, "고를 수 있는 값이 아닙니다. 다음 가운데 하나를 적으세요: 수입, 지출");
        jb_failure_clear(scope);
    }
    CHECK_INT(jb_count(scope, &sample_entry, .offset = 0), 0);
}
