/* test_decimal.c — text in and out, loose amounts, doubles, limits; test_decimal_vectors.c has the arithmetic. */
// SPDX-License-Identifier: Apache-2.0
#include "base/decimal.h"
#include "base/random.h"
#include "jb_test.h"
#include <float.h>
#include <math.h>
#include <string.h>

static char out[48];

static struct jb_decimal number(const char *text)
{
    struct jb_decimal parsed;
    if (!jb_decimal_parse(jb_str_of(text), &parsed))
        CHECK_TEXT(jb_str_of(text), "a number");
    return parsed;
}

JB_TEST("a number is read as written, with its scale")
{
    static const struct {
        const char *text;
        int64_t units;
        int scale;
    } good[] = { { "0", 0, 0 }, { "-0.00", 0, 2 }, { "1234.50", 123450, 2 }, { "+7", 7, 0 }, { "-0.001", -1, 3 }, { "1.5e3", 1500, 0 }, { "1.5E-3", 15, 4 }, { "15e-1", 15, 1 },
        { "000000000000000000000012", 12, 0 }, { "999999999999999999", 999999999999999999, 0 }, { "-999999999999999999", -999999999999999999, 0 }, { "0.000000000000000001", 1, 18 },
        { "1e17", 100000000000000000, 0 }, { "0e999", 0, 0 }, { "123456789.123456789", 123456789123456789, 9 } };
    const char *bad[] = { "", "-", "+", ".", ".5", "5.", "1,000", " 1", "1 ", "1e", "1e+", "1e1.5", "--1", "1-", "0x10", "inf", "nan", "1000000000000000000", "1e18", "1e-19", "0.0000000000000000001",
        "1e99999999999999999999", "1.5e999", "1e-1001", "１", "1\0" };

    (void)scope;
    for (size_t i = 0; i < JB_COUNT(good); i++) {
        struct jb_decimal parsed = number(good[i].text);
        CHECK_INT(parsed.units, good[i].units);
        CHECK_INT(parsed.scale, good[i].scale);
    }
    struct jb_decimal untouched = { 42, 1 };
    for (size_t i = 0; i + 1 < JB_COUNT(bad); i++)
        if (jb_decimal_parse(jb_str_of(bad[i]), &untouched))
            CHECK_TEXT(jb_str_of(bad[i]), "refused");
    CHECK(!jb_decimal_parse((struct jb_str){ "1\0", 2 }, &untouched));
    CHECK_INT(untouched.units, 42);
}

JB_TEST("amounts are read as people write them")
{
    static const struct {
        const char *text, *want;
    } good[] = { { "1,234,000", "1234000" }, { "₩1,000", "1000" }, { "￦1,000", "1000" }, { "1,000원", "1000" }, { "1,000 원", "1000" }, { "(1,000)", "-1000" }, { "( 1,000 )", "-1000" }, { "(₩1,000)", "-1000" },
        { "₩(1,000)", "-1000" }, { "(1,000원)", "-1000" }, { "−5", "-5" }, { "－5", "-5" }, { "-₩1,000", "-1000" }, { "₩-1,000", "-1000" }, { "₩ 1,000.50", "1000.50" }, { "１，２３４．５", "1234.5" }, { "  12 ", "12" },
        { "\u00A012\u3000",
            "12" },
        { "+7", "7" }, { ".5", "0.5" }, { "5.", "5" }, { "1.5E+3", "1500" }, { "999,999,999,999,999,999", "999999999999999999" }, { "0", "0" }, { "1,000.123456", "1000.123456" } };
    const char *bad[] = { "", " ", "1,23", "12,34", "1234,567", "1,2345", ",123", "1,,000", "1,000,", "0,123", "1.000,5", "1,000,00", "1.5,000", "(-5)", "-(5)", "(5", "5)", "((5))", "--5", "₩", "원", "()", "-", "₩1,000원",
        "1 000", "일십만원", "1,000 won", "1,0e3", "5%", "12a", "$5", "1/2", "=1+1", "1..5", "5원원", "\xFF" };
    struct jb_decimal parsed;

    (void)scope;
    for (size_t i = 0; i < JB_COUNT(good); i++) {
        if (!jb_decimal_parse_loose(jb_str_of(good[i].text), &parsed))
            CHECK_TEXT(jb_str_of(good[i].text), "an amount");
        CHECK_TEXT(jb_decimal_text(parsed, out), good[i].want);
    }
    for (size_t i = 0; i < JB_COUNT(bad); i++)
        if (jb_decimal_parse_loose(jb_str_of(bad[i]), &parsed))
            CHECK_TEXT(jb_str_of(bad[i]), "refused");
}

JB_TEST("an amount of absurd length is refused")
{
    struct jb_decimal parsed;
    char *text = jb_alloc(scope, 100001);

    for (int i = 0; i < 100000; i++)
        text[i] = '0';
    CHECK(!jb_decimal_parse_loose((struct jb_str){ text, 100000 }, &parsed));
    CHECK(!jb_decimal_parse((struct jb_str){ text, 100000 }, &parsed));
}

JB_TEST("a double is the number that Excel shows: fifteen significant digits")
{
    static const struct {
        double number;
        const char *want;
    } good[] = { { 0.1 + 0.2, "0.3" }, { 1e15, "1000000000000000" }, { 123456789012345.67, "123456789012346" }, { 12345678901234.567, "12345678901234.6" }, { 1234.5, "1234.5" }, { -0.0, "0" }, { 0.1, "0.1" },
        { 1.0 / 3, "0.333333333333333" }, { 2.0 / 3, "0.666666666666667" }, { 1e-18, "0.000000000000000001" }, { 1200.005, "1200.005" }, { -99.99, "-99.99" }, { 1e17, "100000000000000000" }, { 999999999999999.9, "1000000000000000" },
        { 4.35 * 100, "435" }, { 1.1 + 2.2, "3.3" }, { 43831.0, "43831" }, { 9007199254740993.0, "9007199254740990" } };
    const double bad[] = { INFINITY, -INFINITY, NAN, 1e18, -1e18, 1e-19, DBL_MIN, DBL_MAX };
    struct jb_decimal parsed;

    (void)scope;
    for (size_t i = 0; i < JB_COUNT(good); i++) {
        CHECK(jb_decimal_of_double(good[i].number, &parsed));
        CHECK_TEXT(jb_decimal_text(parsed, out), good[i].want);
    }
    for (size_t i = 0; i < JB_COUNT(bad); i++)
        CHECK(!jb_decimal_of_double(bad[i], &parsed));
}

JB_TEST("any decimal of fifteen digits survives being a double")
{
    struct jb_rng rng = { 5 };

    (void)scope;
    for (int i = 0; i < 100000; i++) {
        struct jb_decimal one = { (int64_t)jb_rng_below(&rng, 1999999999999999) - 999999999999999, (int32_t)jb_rng_below(&rng, 16) }, again;
        CHECK(jb_decimal_of_double(jb_decimal_to_double(one), &again));
        CHECK_INT(jb_decimal_compare(one, again), 0);
    }
}

JB_TEST("sums and products are exact or refused")
{
    struct jb_decimal result, most = number("999999999999999999");

    (void)scope;
    CHECK(jb_decimal_add(number("0.1"), number("0.25"), &result));
    CHECK_TEXT(jb_decimal_text(result, out), "0.35");
    CHECK(jb_decimal_subtract(number("1"), number("0.001"), &result));
    CHECK_TEXT(jb_decimal_text(result, out), "0.999");
    CHECK(jb_decimal_multiply(number("1.10"), number("3"), &result));
    CHECK_TEXT(jb_decimal_text(result, out), "3.30");
    CHECK(!jb_decimal_add(most, number("1"), &result));
    CHECK(!jb_decimal_subtract(number("-999999999999999999"), number("1"), &result));
    CHECK(jb_decimal_subtract(most, most, &result) && result.units == 0);
    CHECK(!jb_decimal_add(most, number("0.1"), &result));
    CHECK(jb_decimal_add(number("100000000000000000"), number("0.00"), &result)); /* zeros give way */
    CHECK_TEXT(jb_decimal_text(result, out), "100000000000000000");
    CHECK(!jb_decimal_multiply(most, most, &result));
    CHECK(jb_decimal_multiply(number("0.000000001"), number("0.000000001"), &result));
    CHECK_TEXT(jb_decimal_text(result, out), "0.000000000000000001");
    CHECK(!jb_decimal_multiply(number("0.0000000001"), number("0.000000001"), &result));
    CHECK(jb_decimal_multiply(number("500000000000000000"), number("0.2"), &result));
    CHECK_TEXT(jb_decimal_text(result, out), "100000000000000000");
}

JB_TEST("numbers compare by value")
{
    (void)scope;
    CHECK_INT(jb_decimal_compare(number("1.0"), number("1.00")), 0);
    CHECK(jb_decimal_compare(number("-1"), number("0.5")) < 0);
    CHECK(jb_decimal_compare(number("999999999999999999"), number("0.999999999999999999")) > 0);
    CHECK_INT(jb_decimal_compare(number("-0"), number("0.000")), 0);
}

JB_TEST("rescaling never loses a digit; rounding goes to the nearest, halves to even")
{
    struct jb_decimal result;
    static const struct {
        const char *from, *want;
    } rounds[] = { { "0.125", "0.12" }, { "0.135", "0.14" }, { "-0.125", "-0.12" }, { "-0.135", "-0.14" }, { "0.1251", "0.13" }, { "2.675", "2.68" }, { "1", "1.00" }, { "0.994999", "0.99" }, { "0.995", "1.00" }, { "0.005", "0.00" }, { "-0.0051", "-0.01" } };

    (void)scope;
    CHECK(jb_decimal_rescale(number("1.500"), 1, &result) && result.units == 15 && result.scale == 1);
    CHECK(!jb_decimal_rescale(number("1.55"), 1, &result));
    CHECK(jb_decimal_rescale(number("7"), 2, &result) && result.units == 700);
    CHECK(!jb_decimal_rescale(number("999999999999999999"), 1, &result));
    CHECK(!jb_decimal_rescale(number("1"), 19, &result) && !jb_decimal_rescale(number("1"), -1, &result));
    for (size_t i = 0; i < JB_COUNT(rounds); i++) {
        CHECK(jb_decimal_round(number(rounds[i].from), 2, &result));
        CHECK_TEXT(jb_decimal_text(result, out), rounds[i].want);
    }
    CHECK_TEXT(jb_decimal_text(jb_decimal_trim(number("1200.500")), out), "1200.5");
    CHECK_TEXT(jb_decimal_text(jb_decimal_trim(number("1200")), out), "1200");
    CHECK_TEXT(jb_decimal_text(jb_decimal_trim(number("0.00")), out), "0");
}

JB_TEST("people see commas at thousands and a real minus sign")
{
    static const struct {
        const char *from, *want;
    } cases[] = { { "0", "0" }, { "999", "999" }, { "1000", "1,000" }, { "-1234567.5", "−1,234,567.5" }, { "-0.25", "−0.25" }, { "100000", "100,000" }, { "999999999999999999", "999,999,999,999,999,999" }, { "1234.5678", "1,234.5678" },
        { "-0.000000000000000001", "−0.000000000000000001" } };

    (void)scope;
    for (size_t i = 0; i < JB_COUNT(cases); i++)
        CHECK_TEXT(jb_decimal_text_people(number(cases[i].from), out), cases[i].want);
}

JB_TEST("what people see is read back as the same number")
{
    struct jb_rng rng = { 11 };

    (void)scope;
    for (int i = 0; i < 100000; i++) {
        struct jb_decimal one = { (int64_t)(jb_rng_next(&rng) % 1999999999999999999u) - 999999999999999999, (int32_t)jb_rng_below(&rng, 19) }, again;
        one.units /= (int64_t[]){ 1, 1000, 1000000, 1000000000000 }[jb_rng_below(&rng, 4)];
        CHECK(jb_decimal_parse_loose(jb_decimal_text_people(one, out), &again));
        CHECK(again.units == one.units && again.scale == one.scale);
        CHECK(jb_decimal_parse(jb_decimal_text(one, out), &again));
        CHECK(again.units == one.units && again.scale == one.scale);
    }
}

JB_TEST("a sum of many has as many digits as it takes, and is read again as it was written")
{
    static const char *const texts[] = { "0", "-1", "1234", "0.00", "0.07", "-0.10", "999999999999999999999999999999999999.9", "-12345678901234567890123.45" };
    char text[JB_DECIMAL_SUM_TEXT_SIZE];
    jb_decimal_sum sum;

    (void)scope;
    for (size_t i = 0; i < JB_COUNT(texts); i++) {
        const char *point = strchr(texts[i], '.');
        int scale = point ? (int)strlen(point + 1) : 0;
        CHECK(jb_decimal_sum_parse(jb_str_of(texts[i]), scale, &sum));
        CHECK_TEXT(jb_decimal_sum_text(sum, scale, text), texts[i]);
    }
    sum = 0;
    for (int i = 0; i < 1000; i++)
        sum += 999999999999999999;
    CHECK_TEXT(jb_decimal_sum_text(sum, 2, text), "9999999999999999990.00");
}

JB_TEST("a sum is brought to its scale, or refused")
{
    static const struct {
        const char *text;
        int scale;
        int64_t units;
    } good[] = { { "5", 2, 500 }, { "-5.1", 2, -510 }, { "5.100", 2, 510 }, { "0.000", 0, 0 } };
    const char *bad[] = { "", "-", "+1", ".5", "5.", "5.001", "1e3", "NaN", "1.2.3", " 1", "1 ", "99999999999999999999999999999999999999" };
    jb_decimal_sum sum = 42;

    (void)scope;
    for (size_t i = 0; i < JB_COUNT(good); i++) {
        CHECK(jb_decimal_sum_parse(jb_str_of(good[i].text), good[i].scale, &sum));
        CHECK(sum == good[i].units);
    }
    sum = 42;
    for (size_t i = 0; i < JB_COUNT(bad); i++)
        CHECK(!jb_decimal_sum_parse(jb_str_of(bad[i]), 2, &sum));
    CHECK(sum == 42);
}
