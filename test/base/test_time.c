/* test_time.c — the calendar, ISO text, HTTP dates, dates as people write them, the clock that a test holds. */
// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"
#include "base/time.h"
#include "jb_test.h"
#include <stdio.h>

static char out[JB_TIME_TEXT_SIZE];

static struct jb_date date(const char *text)
{
    struct jb_date parsed;
    CHECK(jb_date_parse(jb_str_of(text), &parsed));
    return parsed;
}

JB_TEST("every day of years 1 to 9999 follows the one before, and comes back from its text")
{
    struct jb_date first, last, today;
    struct jb_civil before = { 0 };
    int weekday = 0; /* 0001-01-01 was a Monday */

    (void)scope;
    CHECK(jb_date_of(1, 1, 1, &first) && jb_date_of(9999, 12, 31, &last));
    CHECK_INT(last.days - first.days, 3652058);
    for (int days = first.days; days <= last.days; days++, weekday = (weekday + 1) % 7) {
        struct jb_civil civil = jb_date_civil((struct jb_date){ days });
        bool follows = days == first.days || (civil.day == before.day + 1 && civil.month == before.month && civil.year == before.year) ||
                       (civil.day == 1 && before.day == jb_month_days(before.year, before.month) && (civil.month == before.month + 1 || (civil.month == 1 && civil.year == before.year + 1)));
        if (!follows || !jb_date_of(civil.year, civil.month, civil.day, &today) || today.days != days || jb_date_weekday(today) != weekday)
            CHECK_INT(days, -1);
        before = civil;
    }
    CHECK_INT(date("1970-01-01").days, 0);
    CHECK_INT(date("2026-11-21").days, 20778);
}

JB_TEST("leap days are where they are")
{
    struct jb_date unused;

    (void)scope;
    CHECK(jb_date_of(2024, 2, 29, &unused) && jb_date_of(2000, 2, 29, &unused) && jb_date_of(4, 2, 29, &unused));
    CHECK(!jb_date_of(2025, 2, 29, &unused) && !jb_date_of(1900, 2, 29, &unused) && !jb_date_of(2100, 2, 29, &unused));
    CHECK(!jb_date_of(0, 1, 1, &unused) && !jb_date_of(10000, 1, 1, &unused) && !jb_date_of(2025, 13, 1, &unused) && !jb_date_of(2025, 0, 1, &unused));
    CHECK(!jb_date_of(2025, 4, 31, &unused) && !jb_date_of(2025, 1, 0, &unused));
}

JB_TEST("a month knows its first and last day, before 1970 too")
{
    struct jb_month month;

    (void)scope;
    CHECK(jb_month_parse(JB_STR("2024-02"), &month));
    CHECK_TEXT(jb_date_text(jb_month_first(month), out), "2024-02-01");
    CHECK_TEXT(jb_date_text(jb_month_last(month), out), "2024-02-29");
    CHECK(jb_month_parse(JB_STR("1969-12"), &month));
    CHECK_INT(month.months, -1);
    CHECK_TEXT(jb_month_text(month, out), "1969-12");
    CHECK_TEXT(jb_date_text(jb_month_last(month), out), "1969-12-31");
    struct jb_date after = { date("9999-12-31").days + 1 };
    CHECK_TEXT(jb_date_text(after, out), "10000-01-01"); /* past the calendar, and no harm done */
    CHECK_INT(jb_date_month(date("0001-01-01")).months, -1969 * 12);
    CHECK(!jb_month_parse(JB_STR("2024-13"), &month) && !jb_month_parse(JB_STR("2024-1"), &month) && !jb_month_parse(JB_STR("2024-02-01"), &month));
}

JB_TEST("ISO dates are taken in exactly their form")
{
    struct jb_date unused;
    const char *bad[] = { "", "2025-1-31", "2025-01-31 ", " 2025-01-31", "2025/01/31", "20250131", "2025-02-30", "2025-01-3a", "+025-01-31", "-025-01-31" };

    (void)scope;
    CHECK_TEXT(jb_date_text(date("2025-01-31"), out), "2025-01-31");
    CHECK_TEXT(jb_date_text(date("0033-04-03"), out), "0033-04-03");
    for (size_t i = 0; i < JB_COUNT(bad); i++)
        CHECK(!jb_date_parse(jb_str_of(bad[i]), &unused));
}

JB_TEST("instants are read with their offset and written in UTC")
{
    static const struct {
        const char *text, *utc;
    } good[] = { { "2026-11-21T09:30:15+09:00", "2026-11-21T00:30:15Z" }, { "2026-11-21 09:30", "2026-11-21T09:30:00Z" }, { "2026-11-21T09:30:15.5Z", "2026-11-21T09:30:15.500000Z" },
        { "2026-11-21T09:30:15.123456Z", "2026-11-21T09:30:15.123456Z" }, { "1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999Z" },
        { "2026-03-01T00:30-00:45", "2026-03-01T01:15:00Z" }, { "0001-01-01T00:00Z", "0001-01-01T00:00:00Z" } };
    const char *bad[] = { "2026-11-21", "2026-11-21T", "2026-11-21T9:30", "2026-11-21T24:00", "2026-11-21T23:60", "2026-11-21T23:59:60", "2026-11-21T09:30:", "2026-11-21T09:30:15.",
        "2026-11-21T09:30:15.1234567", "2026-11-21T09:30z", "2026-11-21T09:30+9:00", "2026-11-21T09:30+24:00", "2026-11-21T09:30+0900", "2026-11-21T09:30Z ", "2026-02-29T00:00Z",
        "0001-01-01T00:00+01:00", "9999-12-31T23:00-02:00" };
    struct jb_time time;

    (void)scope;
    for (size_t i = 0; i < JB_COUNT(good); i++) {
        CHECK(jb_time_parse(jb_str_of(good[i].text), NULL, &time));
        CHECK_TEXT(jb_time_text(time, NULL, out), good[i].utc);
    }
    for (size_t i = 0; i < JB_COUNT(bad); i++)
        if (jb_time_parse(jb_str_of(bad[i]), NULL, &time))
            CHECK_TEXT(jb_str_of(bad[i]), "refused");
}

JB_TEST("dates are read as people write them in sheets")
{
    const char *good[] = { "2025-01-31", "2025.01.31", "2025. 1. 31.", "2025. 1. 31", "2025.1.31.", "2025/01/31", "2025/1/31", "2025-1-31", "20250131", "2025년 1월 31일", "2025년1월31일", "2025년 01월 31일",
        " 2025-01-31\t", "\u00A02025.01.31\u3000",
        "2025-01-31 00:00:00", "2025-01-31T00:00:00", "2025-01-31 00:00", "2025. 1. 31. 00:00:00", "2025-01-31T00:00:00.000Z", "20250131 00:00" };
    const char *bad[] = { "", "2025", "2025-01", "2025-02-30", "2025-13-01", "20251301", "2025-01/31", "2025.01-31", "31.01.2025", "01/31/2025", "25-01-31", "2025-01-31 09:30", "2025-01-31 00:00:01", "2025-01-311",
        "2025년 1월 31", "2025년 1월", "202501310", "2025-01-31 x", "2025-01-31 ", "٢٠٢٥-٠١-٣١", "2025 01 31", "45688" };
    struct jb_date parsed;

    (void)scope;
    for (size_t i = 0; i < JB_COUNT(good); i++) {
        parsed.days = -1;
        if (!jb_date_parse_loose(jb_str_of(good[i]), &parsed))
            CHECK_TEXT(jb_str_of(good[i]), "read");
        CHECK_TEXT(jb_date_text(parsed, out), "2025-01-31");
    }
    for (size_t i = 0; i < JB_COUNT(bad); i++)
        if (jb_date_parse_loose(jb_str_of(bad[i]), &parsed) && i != 18) /* a blank behind it is trimmed */
            CHECK_TEXT(jb_str_of(bad[i]), "refused");
}

/* ---- HTTP ------------------------------------------------------------------------------------------------------------ */

JB_TEST("HTTP dates are written as RFC 9110 wants them and read in its three forms")
{
    struct jb_time time, again;

    (void)scope;
    CHECK(jb_time_parse(JB_STR("1994-11-06T08:49:37Z"), NULL, &time));
    CHECK_TEXT(jb_time_http(time, out), "Sun, 06 Nov 1994 08:49:37 GMT");
    CHECK(jb_time_http_parse(JB_STR("Sun, 06 Nov 1994 08:49:37 GMT"), &again) && again.us == time.us);
    CHECK(jb_time_http_parse(JB_STR("Sunday, 06-Nov-94 08:49:37 GMT"), &again) && again.us == time.us);
    CHECK(jb_time_http_parse(JB_STR("Sun Nov  6 08:49:37 1994"), &again) && again.us == time.us);
    for (time.us = 0; time.us < 400 * JB_DAY_US; time.us += JB_DAY_US + 3661 * JB_SECOND_US) {
        jb_time_http(time, out);
        CHECK(jb_time_http_parse(jb_str_of(out), &again));
        CHECK_INT(again.us, time.us);
    }
}

JB_TEST("a two-digit year lies at most fifty years ahead")
{
    struct jb_time time;

    (void)scope;
    CHECK(jb_time_parse(JB_STR("2026-11-21T00:00Z"), NULL, &time));
    jb_clock_hold(time);
    CHECK(jb_time_http_parse(JB_STR("Saturday, 21-Nov-76 00:00:00 GMT"), &time));
    CHECK_TEXT(jb_time_text(time, NULL, out), "2076-11-21T00:00:00Z");
    CHECK(jb_time_http_parse(JB_STR("Monday, 18-Apr-77 22:50:13 GMT"), &time));
    CHECK_TEXT(jb_time_text(time, NULL, out), "1977-04-18T22:50:13Z");
}

JB_TEST("curl's list of dates: those of RFC 9110 are read right, no other is read wrong")
{
    struct jb_json *list = jb_json_parse(scope, jb_test_shared(scope, "cases/vectors/http_dates_curl.json"));
    int read = 0, wanted = 0;

    CHECK_OK(list != NULL);
    for (struct jb_json *item = list->first; item; item = item->next) {
        struct jb_time time;
        int64_t epoch;
        struct jb_str input = jb_json_member(item, "input")->text;
        CHECK(jb_str_to_int64(jb_json_member(item, "epoch")->text, &epoch));
        if (jb_str_is(input, "Sun, 06 Nov 2044 08:49:37 GMT")) /* -1 in the list, where seconds have 32 bits */
            epoch = 2362034977;
        bool must = jb_json_member(item, "rfc9110_form")->type == JB_JSON_TRUE && epoch != -1;
        bool parsed = jb_time_http_parse(input, &time);
        if (must && !parsed)
            CHECK_STR(input, JB_STR("read"));
        if (parsed)
            CHECK_INT(time.us, epoch * JB_SECOND_US);
        read += parsed;
        wanted += must;
    }
    CHECK_INT(list->count, 86);
    CHECK(wanted == 7 && read >= wanted);
}

/* ---- the clock ---------------------------------------------------------------------------------------------------------- */

JB_TEST("a held clock stands still until it is moved, both hands together")
{
    struct jb_time start = { INT64_C(1700000000000000) };

    (void)scope;
    jb_clock_hold(start);
    int64_t monotonic_us = jb_monotonic_us();
    CHECK_INT(jb_now().us, start.us);
    CHECK_INT(jb_monotonic_us(), monotonic_us);
    jb_clock_advance_us(5000000);
    CHECK_INT(jb_now().us, start.us + 5000000);
    CHECK_INT(jb_monotonic_us(), monotonic_us + 5000000);
    jb_clock_release();
    CHECK(jb_now().us > start.us + 5000000); /* this was written in 2026 */
    int64_t before = jb_monotonic_us();
    CHECK(jb_monotonic_us() >= before);
}
