/* test_crontab.c — cron lines against the vectors of other programs, and where clocks change. */
// SPDX-License-Identifier: Apache-2.0
#include "queue/crontab.h"
#include "base/json.h"
#include "jb_test.h"
#include <ctype.h>
#include <stdio.h>
#include <string.h>

static const struct jb_json *vectors(struct jb_scope *scope, const char *file)
{
    struct jb_json *json = jb_json_parse(scope, jb_test_shared(scope, jb_format(scope, "cases/vectors/%s.json", file).data));
    CHECK_INT(jb_error(scope), JB_OK);
    return json;
}

static struct jb_str member(const struct jb_json *object, const char *name)
{
    const struct jb_json *value = jb_json_member(object, name);
    return value && value->type == JB_JSON_STRING ? value->text : JB_STR_NULL;
}

/* "TZ=America/New_York 0 0 * * *": the zone, and *text behind it. */
static const struct jb_zone *take_zone(struct jb_scope *scope, struct jb_str *text)
{
    struct jb_str rest = *text, word = jb_str_cut(&rest, ' '), name = word;

    (void)jb_str_cut(&name, '=');
    if (!name.data || !jb_str_ends(jb_str_slice(word, 0, word.size - name.size), JB_STR("TZ=")))
        return NULL;
    *text = rest;
    const struct jb_zone *zone = jb_zone_open(jb_cstr(scope, name));
    CHECK(zone != NULL);
    return zone;
}

/* In the forms of the vectors: "2012-07-01_09:53:00", "2012-03-11T00:00:00-0500", "Mon Jul 9 14:45 2012". */
static struct jb_time time_of(struct jb_scope *scope, struct jb_str text)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    struct jb_civil civil = { 0 };
    struct jb_time time;
    char weekday[4], month[4], clock[16];

    if (text.size > 0 && isalpha((unsigned char)text.data[0]) && sscanf(jb_cstr(scope, text), "%3s %3s %d %15s %d", weekday, month, &civil.day, clock, &civil.year) == 5) {
        civil.month = (int)(strstr(months, month) - months) / 3 + 1;
        CHECK(sscanf(clock, "%d:%d:%d", &civil.hour, &civil.minute, &civil.second) >= 2);
        CHECK(jb_time_of(&civil, &time));
        return time;
    }
    char *copy = (char *)jb_cstr(scope, jb_format(scope, "%.*s", JB_FMT(text)));
    for (char *c = copy; *c; c++)
        if (*c == '_')
            *c = ' ';
    struct jb_str iso = jb_str_of(copy);
    if (iso.size == 24 && iso.data[21] != ':') /* an offset without colon */
        iso = jb_format(scope, "%.22s:%s", copy, copy + 22);
    if (!jb_time_parse(iso, NULL, &time))
        CHECK_TEXT(text, "a time");
    return time;
}

static void check_next(struct jb_scope *scope, struct jb_str expression, const struct jb_zone *zone, struct jb_time start, const struct jb_json *next)
{
    struct jb_crontab crontab;

    if (!jb_crontab_parse(scope, expression, &crontab))
        CHECK_TEXT(expression, "a cron line");
    for (; next; next = next->next) {
        struct jb_time got = { 0 }, want = time_of(scope, next->text);
        char text[JB_TIME_TEXT_SIZE];
        CHECK(jb_crontab_next(&crontab, zone, start, &got));
        if (got.us != want.us)
            CHECK_STR(jb_format(scope, "%.*s: %.*s", JB_FMT(expression), JB_FMT(jb_time_text(got, zone, text))), jb_format(scope, "%.*s: %.*s", JB_FMT(expression), JB_FMT(next->text)));
        start = got;
    }
}

static int64_t check_refused(struct jb_scope *outer, const struct jb_json *list, const char *name)
{
    int64_t count = 0;

    for (const struct jb_json *item = list->first; item; item = item->next, count++) {
        struct jb_scope *scope = jb_scope_child(outer, "refused");
        struct jb_str expression = name ? member(item, name) : item->text;
        struct jb_crontab crontab;
        if (jb_crontab_parse(scope, expression, &crontab))
            CHECK_TEXT(expression, "refused");
        CHECK_INT(jb_error(scope), JB_INVALID);
        jb_failure_clear(scope);
        jb_scope_end(scope);
    }
    return count;
}

JB_TEST("600 lines at random come round as in Debian's cron")
{
    const struct jb_json *file = vectors(scope, "cron_oracle");
    int64_t count = 0;

    for (const struct jb_json *item = jb_json_member(file, "agree")->first; item; item = item->next, count++)
        check_next(scope, member(item, "expr"), NULL, time_of(scope, member(item, "start")), jb_json_member(item, "next")->first);
    CHECK(count >= 300);
    for (const struct jb_json *item = jb_json_member(file, "named")->first; item; item = item->next)
        check_next(scope, member(item, "expr"), NULL, time_of(scope, member(item, "start")), jb_json_member(item, "next") ? jb_json_member(item, "next")->first : NULL);
    CHECK(check_refused(scope, jb_json_member(file, "invalid"), "expr") >= 5);
}

JB_TEST("where clocks change, a fixed time is neither lost nor doubled")
{
    int64_t count = 0;

    for (const struct jb_json *item = jb_json_member(vectors(scope, "cron_oracle"), "dst")->first; item; item = item->next, count++)
        check_next(scope, member(item, "expr"), jb_zone_open(jb_cstr(scope, member(item, "tz"))), time_of(scope, member(item, "start")), jb_json_member(item, "next")->first);
    CHECK(count >= 40);
}

JB_TEST("six fields with seconds follow the clock as it shows")
{
    const struct jb_json *robfig = vectors(scope, "cron_robfig"), *ccronexpr = vectors(scope, "cron_ccronexpr");

    for (const struct jb_json *item = jb_json_member(robfig, "next")->first; item; item = item->next) {
        struct jb_str expression = member(item, "expr"), start = member(item, "start");
        const struct jb_zone *zone = take_zone(scope, &expression), *other = take_zone(scope, &start);
        struct jb_crontab crontab;
        if (member(item, "next").size > 0)
            check_next(scope, expression, zone ? zone : other, time_of(scope, start), &(struct jb_json){ .text = member(item, "next") });
        else
            CHECK(!jb_crontab_parse(scope, expression, &crontab)); /* it never comes */
        jb_failure_clear(scope);
    }
    for (const struct jb_json *item = jb_json_member(ccronexpr, "next")->first; item; item = item->next)
        check_next(scope, member(item, "expr"), NULL, time_of(scope, member(item, "start")), &(struct jb_json){ .text = member(item, "next") });
    CHECK(check_refused(scope, jb_json_member(robfig, "invalid"), NULL) + check_refused(scope, jb_json_member(ccronexpr, "invalid"), NULL) >= 6);
}

JB_TEST("a line fits a minute or not")
{
    for (const struct jb_json *item = jb_json_member(vectors(scope, "cron_robfig"), "activation")->first; item; item = item->next) {
        struct jb_time at = time_of(scope, member(item, "time")), next;
        struct jb_crontab crontab;
        CHECK_OK(jb_crontab_parse(scope, member(item, "expr"), &crontab));
        CHECK(jb_crontab_next(&crontab, NULL, (struct jb_time){ at.us - 1 }, &next));
        if ((next.us == at.us) != (jb_json_member(item, "fires")->type == JB_JSON_TRUE))
            CHECK_TEXT(member(item, "expr"), "what fires then");
    }
}

JB_TEST("Celery's lines ask for the day and the weekday")
{
    static const char *const fields[] = { "minute", "hour", "day_of_month", "month_of_year", "day_of_week" };
    int64_t count = 0;

    for (const struct jb_json *item = vectors(scope, "celery_crontab")->first; item; item = item->next, count++) {
        struct jb_str line = JB_STR("");
        struct jb_crontab crontab;
        struct jb_time next;
        for (size_t i = 0; i < JB_COUNT(fields); i++) {
            struct jb_str field = member(jb_json_member(item, "crontab"), fields[i]);
            line = jb_format(scope, "%.*s %.*s", JB_FMT(line), JB_FMT(field.data ? field : JB_STR("*")));
        }
        CHECK_OK(jb_crontab_parse(scope, line, &crontab));
        crontab.both_days = true;
        CHECK(jb_crontab_next(&crontab, NULL, time_of(scope, member(item, "last_run")), &next));
        CHECK_INT(next.us, time_of(scope, member(item, "next")).us);
    }
    CHECK(count >= 8);
}

JB_TEST("what is wrong with a line is said, and of which field")
{
    static const struct {
        const char *line, *says;
    } bad[] = { { "61 * * * *", "\"61\" is no minute (0-59)" }, { "* * * foo *", "\"foo\" is no month (1-12)" }, { "* *", "five fields" }, { "0 0 30 2 *", "never comes" }, { "* * 1#2 * *", "is no day" }, { "* * * * mon#6", "is no weekday" }, { "* * * * ,1", "is no weekday" } };
    struct jb_crontab crontab;

    jb_language_set(scope, JB_EN);
    for (size_t i = 0; i < JB_COUNT(bad); i++) {
        CHECK(!jb_crontab_parse(scope, jb_str_of(bad[i].line), &crontab));
        CHECK(jb_str_find(jb_failure_text(scope), jb_str_of(bad[i].says), 0) != SIZE_MAX);
        jb_failure_clear(scope);
    }
    CHECK_OK(jb_crontab_parse(scope, JB_STR(" 0  4 * * fri-sun "), &crontab)); /* blanks do not matter, and a week may end on Sunday */
    CHECK_INT(crontab.weekdays, 1 << 5 | 1 << 6 | 1);
}
