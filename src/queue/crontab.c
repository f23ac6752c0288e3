/* crontab.c — cron lines: read once into bits, then the next second that fits, day by day. */
// SPDX-License-Identifier: Apache-2.0
#include "queue/crontab.h"
#include <string.h>

#define YEARS_AHEAD 50
#define HOUR_S 3600
#define DAY_S 86400
#define LOOK_S (7 * DAY_S) /* no zone changes twice within so long */

/* ---- reading ----------------------------------------------------------------------------------------------------------------------- */

enum field { SECOND,
    MINUTE,
    HOUR,
    DAY,
    MONTH,
    WEEKDAY };

struct kind {
    const char *label, *label_en;
    int min, max;
    const char *names; /* three letters each, from `first_name` on */
    int first_name;
};
static const struct kind kinds[] = {
    [SECOND] = { "초", "second", 0, 59, NULL, 0 },
    [MINUTE] = { "분", "minute", 0, 59, NULL, 0 },
    [HOUR] = { "시", "hour", 0, 23, NULL, 0 },
    [DAY] = { "날", "day", 1, 31, NULL, 0 },
    [MONTH] = { "달", "month", 1, 12, "janfebmaraprmayjunjulaugsepoctnovdec", 1 },
    [WEEKDAY] = { "요일", "weekday", 0, 7, "sunmontuewedthufrisat", 0 },
};

struct reading {
    struct jb_scope *scope;
    enum field field;
    struct jb_str text; /* of the field */
};

static bool fail_field(const struct reading *reading)
{
    const struct kind *kind = &kinds[reading->field];
    return jb_fail(reading->scope, JB_INVALID, JB_L(reading->scope, "‘%.*s’은(는) %s(으)로 쓸 수 없습니다 (%d-%d). 보기: 0, 1-5, */10, 1,15.", "\"%.*s\" is no %s (%d-%d). Examples: 0, 1-5, */10, 1,15."), JB_FMT(reading->text),
        jb_language(reading->scope) == JB_EN ? kind->label_en : kind->label, kind->min, kind->max);
}

/* A number or a name. */
static bool read_value(const struct reading *reading, struct jb_str text, int *ret_value)
{
    const struct kind *kind = &kinds[reading->field];
    int64_t number;
    char word[4] = { 0 };

    if (text.size > 0 && text.size <= 2 && text.data[0] >= '0' && text.data[0] <= '9' && jb_str_to_int64(text, &number)) {
        *ret_value = (int)number;
        return number >= kind->min && number <= kind->max;
    }
    for (size_t i = 0; i < 3 && text.size == 3; i++)
        word[i] = (char)(text.data[i] | 0x20);
    for (int i = 0; kind->names && word[0] && kind->names[3 * i]; i++)
        if (memcmp(kind->names + 3 * (size_t)i, word, 3) == 0) {
            *ret_value = kind->first_name + i;
            return true;
        }
    return false;
}

static bool read_step(struct jb_str text, bool given, int *ret_step)
{
    int64_t step = 1;

    if (given && (text.size == 0 || text.size > 3 || text.data[0] < '0' || text.data[0] > '9' || !jb_str_to_int64(text, &step) || step == 0))
        return false;
    *ret_step = (int)step;
    return true;
}

/* "*", "5", "1-5", each with "/2" behind it: bits from min on. */
static bool read_item(const struct reading *reading, struct jb_str item, uint64_t *bits)
{
    const struct kind *kind = &kinds[reading->field];
    struct jb_str range = item, rest;
    bool has_step = jb_str_find(item, JB_STR("/"), 0) != SIZE_MAX;
    struct jb_str before = jb_str_cut(&range, '/'), step_text = range;
    bool has_range = jb_str_find(before, JB_STR("-"), 0) != SIZE_MAX;
    int first, last, step;

    if (!read_step(step_text, has_step, &step))
        return false;
    if (jb_str_is(before, "*") || (jb_str_is(before, "?") && (reading->field == DAY || reading->field == WEEKDAY))) {
        first = kind->min;
        last = reading->field == WEEKDAY ? 6 : kind->max;
    } else {
        rest = before;
        if (!read_value(reading, jb_str_cut(&rest, '-'), &first))
            return false;
        last = first;
        if (has_range && !read_value(reading, rest, &last))
            return false;
        if (has_step && last == first)
            last = kind->max; /* 5/15, and 5-5/15, which other programs take for the same */
        if (has_range && reading->field == WEEKDAY && last == 0 && first > 0)
            last = 7; /* fri-sun */
    }
    if (first > last)
        return false;
    for (int value = first; value <= last; value += step)
        *bits |= (uint64_t)1 << (reading->field == WEEKDAY ? value % 7 : value);
    return true;
}

/* "L", "LW" of days; "5L", "mon#2" of weekdays. */
static bool read_special(const struct reading *reading, struct jb_str item, struct jb_crontab *crontab)
{
    struct jb_str rest = item, name = jb_str_cut(&rest, '#');
    int64_t nth;
    int day;

    if (reading->field == DAY) {
        crontab->last_day |= jb_str_is(item, "L");
        crontab->last_workday |= jb_str_is(item, "LW");
        return jb_str_is(item, "L") || jb_str_is(item, "LW");
    }
    if (reading->field != WEEKDAY)
        return false;
    if (name.size < item.size) {
        if (!read_value(reading, name, &day) || rest.size != 1 || !jb_str_to_int64(rest, &nth) || nth < 1 || nth > 5)
            return false;
        crontab->nth_weekdays[day % 7] |= (uint8_t)(1 << nth);
        return true;
    }
    if (item.size < 2 || item.data[item.size - 1] != 'L' || !read_value(reading, jb_str_slice(item, 0, item.size - 1), &day))
        return false;
    crontab->last_weekdays |= (uint8_t)(1 << day % 7);
    return true;
}

static bool read_field(struct reading *reading, struct jb_crontab *crontab, uint64_t *bits)
{
    struct jb_str rest = reading->text;

    while (rest.data) {
        struct jb_str item = jb_str_cut(&rest, ',');
        if (item.size == 0 || (!read_special(reading, item, crontab) && !read_item(reading, item, bits)))
            return fail_field(reading);
    }
    return true;
}

static struct jb_str named(struct jb_str text)
{
    static const char *const names[][2] = { { "@hourly", "0 * * * *" }, { "@daily", "0 0 * * *" }, { "@midnight", "0 0 * * *" }, { "@weekly", "0 0 * * 0" }, { "@monthly", "0 0 1 * *" }, { "@yearly", "0 0 1 1 *" }, { "@annually", "0 0 1 1 *" } };

    for (size_t i = 0; i < JB_COUNT(names); i++)
        if (jb_str_is(text, names[i][0]))
            return jb_str_of(names[i][1]);
    return text;
}

/* Fields between blanks. */
static size_t split(struct jb_str text, struct jb_str *fields, size_t max)
{
    size_t count = 0;

    while (text.data) {
        struct jb_str word = jb_str_cut(&text, ' ');
        if (word.size == 0)
            continue;
        if (count == max)
            return max + 1;
        fields[count++] = word;
    }
    return count;
}

bool jb_crontab_parse(struct jb_scope *scope, struct jb_str text, struct jb_crontab *ret_crontab)
{
    struct jb_str fields[6] = { JB_STR("0") };
    struct jb_crontab crontab = { 0 };
    uint64_t bits[6] = { 0 };
    size_t count = split(named(jb_str_trim(text)), fields, 6);
    struct jb_time never;

    if (count == 5) {
        memmove(fields + 1, fields, 5 * sizeof *fields);
        fields[0] = JB_STR("0");
    } else if (count != 6) {
        return jb_fail(scope, JB_INVALID, JB_L(scope, "‘%.*s’: 분 시 날 달 요일, 다섯 칸을 적으세요. 보기: 30 2 * * 1-5.", "\"%.*s\": give five fields, minute hour day month weekday. Example: 30 2 * * 1-5."), JB_FMT(text));
    }
    for (int i = 0; i < 6; i++)
        if (!read_field(&(struct reading){ scope, (enum field)i, fields[i] }, &crontab, &bits[i]))
            return false;
    crontab.seconds = bits[SECOND];
    crontab.minutes = bits[MINUTE];
    crontab.hours = (uint32_t)bits[HOUR];
    crontab.days = (uint32_t)bits[DAY];
    crontab.months = (uint32_t)bits[MONTH];
    crontab.weekdays = (uint8_t)bits[WEEKDAY];
    crontab.any_day = jb_str_is(fields[DAY], "*") || jb_str_is(fields[DAY], "?");
    crontab.any_weekday = jb_str_is(fields[WEEKDAY], "*") || jb_str_is(fields[WEEKDAY], "?");
    crontab.by_clock = count == 6 || fields[MINUTE].data[0] == '*' || fields[HOUR].data[0] == '*';
    if (!jb_crontab_next(&crontab, NULL, (struct jb_time){ 0 }, &never))
        return jb_fail(scope, JB_INVALID, JB_L(scope, "‘%.*s’: 그런 날은 오지 않습니다.", "\"%.*s\": that day never comes."), JB_FMT(text));
    *ret_crontab = crontab;
    return true;
}

/* ---- days --------------------------------------------------------------------------------------------------------------------------- */

static bool is_last_workday(const struct jb_civil *day, int weekday)
{
    int left = jb_month_days(day->year, day->month) - day->day; /* days after it in the month */
    return weekday >= 1 && weekday <= 5 && (left == 0 || (weekday == 5 && left <= 2));
}

static bool day_fits(const struct jb_crontab *crontab, const struct jb_civil *day, int weekday)
{
    bool last_week = day->day + 7 > jb_month_days(day->year, day->month);
    bool by_day = (crontab->days >> day->day & 1) || (crontab->last_day && day->day == jb_month_days(day->year, day->month)) || (crontab->last_workday && is_last_workday(day, weekday));
    bool by_weekday = (crontab->weekdays >> weekday & 1) || ((crontab->last_weekdays >> weekday & 1) && last_week) || (crontab->nth_weekdays[weekday] >> ((day->day + 6) / 7) & 1);

    if (!(crontab->months >> day->month & 1))
        return false;
    return crontab->both_days || crontab->any_day || crontab->any_weekday ? by_day && by_weekday : by_day || by_weekday;
}

/* ---- by the clock on the wall: seconds since 1970 as it shows them ---------------------------------------------------------------------- */

static bool time_of_day(const struct jb_crontab *crontab, int from, int *ret_second)
{
    for (int hour = from / HOUR_S; hour < 24; hour++) {
        if (!(crontab->hours >> hour & 1))
            continue;
        for (int minute = 0; minute < 60; minute++) {
            if (!(crontab->minutes >> minute & 1) || hour * HOUR_S + minute * 60 + 59 < from)
                continue;
            for (int second = 0; second < 60; second++) {
                *ret_second = hour * HOUR_S + minute * 60 + second;
                if ((crontab->seconds >> second & 1) && *ret_second >= from)
                    return true;
            }
        }
    }
    return false;
}

/* The first that fits, not before `wall`. */
static bool next_on_wall(const struct jb_crontab *crontab, int64_t wall, int64_t *ret_wall)
{
    int64_t day = wall / DAY_S - (wall % DAY_S < 0);
    int from = (int)(wall - day * DAY_S), second;

    for (int64_t last = day + (int64_t)YEARS_AHEAD * 366; day <= last; day++, from = 0) {
        struct jb_date date = { (int32_t)day };
        struct jb_civil civil = jb_date_civil(date);
        if (civil.year > 9999)
            return false;
        if (day_fits(crontab, &civil, (jb_date_weekday(date) + 1) % 7) && time_of_day(crontab, from, &second)) {
            *ret_wall = day * DAY_S + second;
            return true;
        }
    }
    return false;
}

/* ---- in a zone: instants in seconds ------------------------------------------------------------------------------------------------------ */

static int64_t offset_at(const struct jb_zone *zone, int64_t instant)
{
    return jb_zone_offset_s(zone, (struct jb_time){ instant * JB_SECOND_US });
}

/* The first instant in (after, until] at which the clock shows something else; false: none. */
static bool find_change(const struct jb_zone *zone, int64_t after, int64_t until, int64_t *ret_change)
{
    int64_t offset = offset_at(zone, after), from = after, to;

    for (; zone && from < until; from = to) {
        to = JB_MIN(from + LOOK_S, until);
        if (offset_at(zone, to) == offset)
            continue;
        while (to - from > 1) {
            int64_t middle = from + (to - from) / 2;
            if (offset_at(zone, middle) == offset)
                from = middle;
            else
                to = middle;
        }
        *ret_change = to;
        return true;
    }
    return false;
}

/* A fixed time that the clock shows twice runs the first time: `from` on the wall, or where the second showing ends, when it lies in that. */
static int64_t past_fold(const struct jb_crontab *crontab, const struct jb_zone *zone, int64_t instant)
{
    int64_t change;

    if (crontab->by_clock || !find_change(zone, instant - DAY_S, instant, &change))
        return instant;
    int64_t before = offset_at(zone, change - 1), now = offset_at(zone, change), end = change + before - now;
    return now < before && instant < end ? end : instant;
}

/* `instant` is the first that counts. */
static bool next_in_zone(const struct jb_crontab *crontab, const struct jb_zone *zone, int64_t instant, int64_t *ret_instant)
{
    int64_t wall, change;

    for (int changes = 0; changes < 3 * YEARS_AHEAD; changes++) {
        instant = past_fold(crontab, zone, instant);
        int64_t offset = offset_at(zone, instant);
        if (!next_on_wall(crontab, instant + offset, &wall))
            return false;
        *ret_instant = wall - offset;
        if (!find_change(zone, instant, *ret_instant, &change))
            return true;
        int64_t skipped_to = change + offset_at(zone, change); /* on the wall; it stood at change + offset */
        if (!crontab->by_clock && wall < skipped_to) {
            *ret_instant = change; /* it fell into the gap */
            return true;
        }
        instant = change;
    }
    return false;
}

bool jb_crontab_next(const struct jb_crontab *crontab, const struct jb_zone *zone, struct jb_time after, struct jb_time *ret_next)
{
    int64_t seconds = after.us / JB_SECOND_US - (after.us % JB_SECOND_US < 0), next;

    if (!next_in_zone(crontab, zone, seconds + 1, &next))
        return false;
    ret_next->us = next * JB_SECOND_US;
    return true;
}
