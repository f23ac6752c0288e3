/* test_field.c — what people type, and what they are told when it is wrong, in both languages. */
// SPDX-License-Identifier: Apache-2.0
#include "base/record.h"
#include "jb_test.h"

static const struct jb_choice kinds[] = { { "in", "수입", "Income", 1 }, { "out", "지출", "Expense", 2 }, { 0 } };

static const struct jb_field text_field = { .name = "memo", .type = JB_TEXT, .length_max = 5 };
static const struct jb_field name_field = { .name = "name", .type = JB_TEXT, .required = true };
static const struct jb_field long_field = { .name = "note", .type = JB_TEXT, .long_text = true };
static const struct jb_field amount_field = { .name = "amount", .type = JB_DECIMAL, .digits = 15, .decimals = 2 };
static const struct jb_field won_field = { .name = "won", .type = JB_DECIMAL, .digits = 18 };
static const struct jb_field count_field = { .name = "count", .type = JB_INT32, .has_min = true, .min = 0 };
static const struct jb_field big_field = { .name = "big", .type = JB_INT64 };
static const struct jb_field closed_field = { .name = "closed", .type = JB_BOOL };
static const struct jb_field day_field = { .name = "day", .type = JB_DATE, .required = true };
static const struct jb_field month_field = { .name = "month", .type = JB_MONTH };
static const struct jb_field at_field = { .name = "at", .type = JB_TIME };
static const struct jb_field kind_field = { .name = "kind", .type = JB_INT32, .choices = kinds };
static const struct jb_field side_field = { .name = "side", .type = JB_TEXT, .choices = kinds };

/* The value as text, or the reason. */
static struct jb_str typed(struct jb_scope *scope, const struct jb_field *field, const char *text)
{
    struct jb_value value;

    jb_failure_clear(scope);
    if (!jb_field_parse(scope, field, jb_str_of(text), &value) || !jb_field_check(scope, field, value)) {
        CHECK_INT(jb_error(scope), JB_INVALID);
        CHECK(jb_failure(scope)->cause == NULL);
        return jb_failure_text(scope);
    }
    return value.type == JB_NULL ? JB_STR("NULL") : jb_value_text(scope, value);
}

JB_TEST("amounts")
{
    CHECK_TEXT(typed(scope, &amount_field, " ₩1,234,000 "), "1234000");
    CHECK_TEXT(typed(scope, &amount_field, "1200.500"), "1200.500"); /* zeros are no digits lost */
    CHECK_TEXT(typed(scope, &amount_field, ""), "NULL");
    CHECK_TEXT(typed(scope, &amount_field, "일십만원"), "금액이 아닙니다. 숫자로 적으세요.");
    CHECK_TEXT(typed(scope, &amount_field, "1200.005"), "소수점 아래 3자리입니다. 2자리까지 쓸 수 있습니다.");
    CHECK_TEXT(typed(scope, &amount_field, "9999999999999.99"), "9999999999999.99");
    CHECK_TEXT(typed(scope, &amount_field, "10000000000000"), "너무 큰 금액입니다. 정수 부분은 13자리까지 쓸 수 있습니다.");
    CHECK_TEXT(typed(scope, &amount_field, "-10000000000000"), "너무 큰 금액입니다. 정수 부분은 13자리까지 쓸 수 있습니다.");
    CHECK_TEXT(typed(scope, &won_field, "0.5"), "소수점 아래 1자리입니다. 소수점 없이 적으세요.");
    CHECK_TEXT(typed(scope, &won_field, "999999999999999999"), "999999999999999999");
    jb_language_set(scope, JB_EN);
    CHECK_TEXT(typed(scope, &amount_field, "일십만원"), "This is not an amount. Enter digits.");
    CHECK_TEXT(typed(scope, &amount_field, "1200.005"), "This has 3 decimals. Use at most 2.");
}

JB_TEST("whole numbers")
{
    CHECK_TEXT(typed(scope, &count_field, "1,000"), "1000");
    CHECK_TEXT(typed(scope, &count_field, "5.0"), "5");
    CHECK_TEXT(typed(scope, &count_field, "5.5"), "정수가 아닙니다. 소수점 없이 적으세요.");
    CHECK_TEXT(typed(scope, &count_field, "다섯"), "수가 아닙니다. 숫자로 적으세요.");
    CHECK_TEXT(typed(scope, &count_field, "2147483648"), "너무 큰 수입니다. 2,147,483,647까지 쓸 수 있습니다.");
    CHECK_TEXT(typed(scope, &count_field, "-1"), "너무 작은 수입니다. 0 이상으로 적으세요.");
    CHECK_TEXT(typed(scope, &big_field, "9223372036854775807"), "9223372036854775807");
    CHECK_TEXT(typed(scope, &big_field, "-9223372036854775808"), "-9223372036854775808");
    CHECK_TEXT(typed(scope, &big_field, "9223372036854775808"), "수가 아닙니다. 숫자로 적으세요.");
}

JB_TEST("dates that do not exist are told from what is no date")
{
    CHECK_TEXT(typed(scope, &day_field, "2025. 1. 31."), "2025-01-31");
    CHECK_TEXT(typed(scope, &day_field, "2025-02-30"), "없는 날짜입니다. 2월은 28일까지입니다.");
    CHECK_TEXT(typed(scope, &day_field, "2024년 2월 30일"), "없는 날짜입니다. 2월은 29일까지입니다.");
    CHECK_TEXT(typed(scope, &day_field, "20251301"), "없는 날짜입니다. 월은 1에서 12까지입니다.");
    CHECK_TEXT(typed(scope, &day_field, "0000-01-01"), "없는 날짜입니다. 연도는 1에서 9999까지입니다.");
    CHECK_TEXT(typed(scope, &day_field, "어제"), "날짜가 아닙니다. 2025-01-31처럼 적으세요.");
    CHECK_TEXT(typed(scope, &day_field, " "), "비어 있습니다. 값을 적으세요.");
    jb_language_set(scope, JB_EN);
    CHECK_TEXT(typed(scope, &day_field, "2025-02-30"), "There is no such date. February has 28 days.");
    CHECK_TEXT(typed(scope, &day_field, ""), "This is empty. Enter a value.");
}

JB_TEST("months and times")
{
    const char *months[] = { "2025-01", "2025.01", "2025. 1.", "2025.1", "2025/01", "2025/1", "202501", "2025년 1월", "2025년1월" };
    const char *bad[] = { "2025", "2025-01-31", "1월", "", "2025-", "20250131", "2025-1월", "x" };

    for (size_t i = 0; i < JB_COUNT(months); i++)
        CHECK_TEXT(typed(scope, &month_field, months[i]), "2025-01");
    for (size_t i = 0; i < JB_COUNT(bad); i++)
        CHECK_TEXT(typed(scope, &month_field, bad[i]), bad[i][0] ? "달이 아닙니다. 2025-01처럼 적으세요." : "NULL");
    CHECK_TEXT(typed(scope, &month_field, "2025-13"), "없는 날짜입니다. 월은 1에서 12까지입니다.");
    CHECK_TEXT(typed(scope, &at_field, "2025-01-31 09:30"), "2025-01-31T09:30:00Z");
    CHECK_TEXT(typed(scope, &at_field, "2025. 1. 31."), "2025-01-31T00:00:00Z");
    jb_zone_local_set(jb_zone_open("Asia/Seoul"));
    CHECK_TEXT(typed(scope, &at_field, "2025-01-31T00:30:00Z"), jb_zone_local() ? "2025-01-31T09:30:00+09:00" : "2025-01-31T00:30:00Z");
    CHECK_TEXT(typed(scope, &at_field, "아까"), "시각이 아닙니다. 2025-01-31 09:30처럼 적으세요.");
}

JB_TEST("yes and no")
{
    const char *yes[] = { "true", "TRUE", "1", "예", "yes", "Y", "on" }, *no[] = { "false", "0", "아니요", "아니오", "No", "off" };

    for (size_t i = 0; i < JB_COUNT(yes); i++)
        CHECK_TEXT(typed(scope, &closed_field, yes[i]), "true");
    for (size_t i = 0; i < JB_COUNT(no); i++)
        CHECK_TEXT(typed(scope, &closed_field, no[i]), "false");
    CHECK_TEXT(typed(scope, &closed_field, "글쎄"), "예나 아니요가 아닙니다. 예 또는 아니요로 적으세요.");
}

JB_TEST("choices go by name, label or number, and a wrong one names the right ones")
{
    CHECK_TEXT(typed(scope, &kind_field, "지출"), "2");
    CHECK_TEXT(typed(scope, &kind_field, "OUT"), "2");
    CHECK_TEXT(typed(scope, &kind_field, "income"), "1");
    CHECK_TEXT(typed(scope, &kind_field, "2"), "2");
    CHECK_TEXT(typed(scope, &side_field, "수입"), "in");
    CHECK_TEXT(typed(scope, &side_field, ""), "NULL");
    CHECK_TEXT(typed(scope, &side_field, "1"), "고를 수 있는 값이 아닙니다. 다음 가운데 하나를 적으세요: 수입, 지출");
    jb_language_set(scope, JB_EN);
    CHECK_TEXT(typed(scope, &kind_field, "3"), "This is not one of the choices. Use one of: Income, Expense");
    jb_failure_clear(scope);
    CHECK_FAILS(jb_field_check(scope, &kind_field, jb_v(3)), JB_INVALID);
    CHECK_FAILS(jb_field_check(scope, &side_field, jb_v(JB_STR("x"))), JB_INVALID);
    CHECK_OK(jb_field_check(scope, &side_field, jb_v(JB_STR("out"))));
}

JB_TEST("text is trimmed, counted in characters, and must be whole")
{
    struct jb_value value;

    CHECK_TEXT(typed(scope, &text_field, " \xC2\xA0 현금출납부 "), "현금출납부");
    CHECK_TEXT(typed(scope, &text_field, "현금출납부1"), "6자입니다. 5자까지 쓸 수 있습니다.");
    CHECK_TEXT(typed(scope, &text_field, "\xFF"), "깨진 글자가 있습니다. UTF-8로 저장해 다시 올리세요.");
    CHECK_TEXT(typed(scope, &text_field, ""), "NULL");
    CHECK_TEXT(typed(scope, &name_field, "  "), "비어 있습니다. 값을 적으세요.");
    CHECK_TEXT(typed(scope, &long_field, " two\n lines "), " two\n lines ");
    CHECK_FAILS(jb_field_check(scope, &text_field, jb_v(((struct jb_str){ "a\0b", 3 }))), JB_INVALID);
    CHECK_OK(jb_field_parse(scope, &name_field, JB_STR(""), &value));
    CHECK(value.type == JB_TEXT && value.text.data != NULL && value.text.size == 0);
    CHECK_FAILS(jb_field_check(scope, &name_field, jb_v_null()), JB_INVALID);
}
