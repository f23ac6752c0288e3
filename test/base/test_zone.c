/* test_zone.c — zones of the system's database: tables, rules past the table, gaps and overlaps. */
// SPDX-License-Identifier: Apache-2.0
#include "base/time.h"
#include "jb_test.h"
#include <stdlib.h>
#include <time.h>

static char out[JB_TIME_TEXT_SIZE];

static const struct jb_zone *zone(const char *name)
{
    const struct jb_zone *found = jb_zone_open(name);
    if (!found)
        jb_test_skip("the tz database is not installed");
    return found;
}

static struct jb_str shown(const struct jb_zone *where, const char *utc)
{
    struct jb_time time;
    CHECK(jb_time_parse(jb_str_of(utc), NULL, &time));
    return jb_time_text(time, where, out);
}

/* A civil time read in the zone, as UTC. */
static struct jb_str read_in(const struct jb_zone *where, const char *civil)
{
    struct jb_time time;
    CHECK(jb_time_parse(jb_str_of(civil), where, &time));
    return jb_time_text(time, NULL, out);
}

JB_TEST("Seoul is nine hours ahead, and was not always")
{
    const struct jb_zone *seoul = zone("Asia/Seoul");

    (void)scope;
    CHECK_TEXT(shown(seoul, "2026-11-21T00:30:15Z"), "2026-11-21T09:30:15+09:00");
    CHECK_TEXT(shown(seoul, "1988-07-01T00:00Z"), "1988-07-01T10:00:00+10:00"); /* the summer of the Olympics */
    CHECK_TEXT(shown(seoul, "2200-01-01T00:00Z"), "2200-01-01T09:00:00+09:00");
    CHECK_TEXT(read_in(seoul, "2026-11-21T09:30"), "2026-11-21T00:30:00Z");
    CHECK(jb_zone_open("Asia/Seoul") == seoul);
}

JB_TEST("New York follows its rule for ever")
{
    const struct jb_zone *york = zone("America/New_York");

    (void)scope;
    CHECK_TEXT(shown(york, "2026-03-08T06:59:59Z"), "2026-03-08T01:59:59-05:00");
    CHECK_TEXT(shown(york, "2026-03-08T07:00:00Z"), "2026-03-08T03:00:00-04:00");
    CHECK_TEXT(shown(york, "2026-11-01T05:59:59Z"), "2026-11-01T01:59:59-04:00");
    CHECK_TEXT(shown(york, "2026-11-01T06:00:00Z"), "2026-11-01T01:00:00-05:00");
    CHECK_TEXT(shown(york, "2090-07-01T00:00Z"), "2090-06-30T20:00:00-04:00");
    CHECK_TEXT(shown(york, "2090-01-01T00:00Z"), "2089-12-31T19:00:00-05:00");
    CHECK_TEXT(shown(york, "1800-01-01T00:00Z"), "1799-12-31T19:03:58-04:56");
}

JB_TEST("a time that the zone skips moves forward, one that it has twice is the earlier")
{
    const struct jb_zone *york = zone("America/New_York");

    (void)scope;
    CHECK_TEXT(read_in(york, "2026-03-08T02:30"), "2026-03-08T07:30:00Z"); /* 03:30 -04:00 */
    CHECK_TEXT(read_in(york, "2026-03-08T01:59:59"), "2026-03-08T06:59:59Z");
    CHECK_TEXT(read_in(york, "2026-03-08T03:00"), "2026-03-08T07:00:00Z");
    CHECK_TEXT(read_in(york, "2026-11-01T01:30"), "2026-11-01T05:30:00Z");
    CHECK_TEXT(read_in(york, "2026-11-01T00:59:59"), "2026-11-01T04:59:59Z");
    CHECK_TEXT(read_in(york, "2026-11-01T02:00"), "2026-11-01T07:00:00Z");
}

JB_TEST("southern summers and rules with odd hours")
{
    (void)scope;
    CHECK_TEXT(shown(zone("Australia/Sydney"), "2090-01-15T00:00Z"), "2090-01-15T11:00:00+11:00");
    CHECK_TEXT(shown(zone("Australia/Sydney"), "2090-07-15T00:00Z"), "2090-07-15T10:00:00+10:00");
    CHECK_TEXT(shown(zone("Asia/Kolkata"), "2090-07-15T00:00Z"), "2090-07-15T05:30:00+05:30");
    CHECK_TEXT(shown(zone("America/Nuuk"), "2020-01-15T00:00Z"), "2020-01-14T21:00:00-03:00");
    CHECK_TEXT(shown(zone("UTC"), "2026-01-01T00:00Z"), "2026-01-01T00:00:00+00:00");
}

JB_TEST("offsets agree with the C library's, from 1900 to 2100")
{
    static const char *const names[] = { "Asia/Seoul", "America/New_York", "Europe/London", "Europe/Dublin", "Australia/Lord_Howe", "America/Nuuk", "Africa/Casablanca", "Asia/Tehran", "Pacific/Apia", "America/St_Johns" };

    (void)scope;
    for (size_t i = 0; i < JB_COUNT(names); i++) {
        const struct jb_zone *where = zone(names[i]);
        setenv("TZ", names[i], 1);
        tzset();
        for (int64_t at_s = -2208988800; at_s < INT64_C(4102444800); at_s += 86400 * 3 + 3607) {
            time_t at = at_s;
            struct tm tm;
            CHECK(localtime_r(&at, &tm) != NULL);
            CHECK_INT(jb_zone_offset_s(where, (struct jb_time){ at_s * JB_SECOND_US }), tm.tm_gmtoff);
        }
    }
}

JB_TEST("names that are no zones open nothing")
{
    static const char *const bad[] = { "", "Mars/Olympus", "../../../etc/passwd", "/etc/passwd", "Asia", "zone.tab", "Asia/Seoul\n", "tzdata.zi" };

    (void)scope;
    CHECK(jb_zone_open(NULL) == NULL);
    for (size_t i = 0; i < JB_COUNT(bad); i++)
        CHECK(jb_zone_open(bad[i]) == NULL);
}

JB_TEST("without a zone it is UTC, and the site's zone is one for all")
{
    struct jb_civil civil = { .year = 2026, .month = 11, .day = 21, .hour = 9 };
    struct jb_time time;

    (void)scope;
    CHECK(jb_zone_time(NULL, &civil, &time));
    CHECK_INT(jb_zone_civil(NULL, time).hour, 9);
    CHECK_INT(jb_zone_offset_s(NULL, time), 0);
    CHECK(jb_zone_local() == NULL);
    jb_zone_local_set(zone("Asia/Seoul"));
    CHECK_INT(jb_zone_civil(jb_zone_local(), time).hour, 18);
    civil.hour = 24;
    CHECK(!jb_zone_time(NULL, &civil, &time));
}
