/* zone.c — time zones from the system's tz database (RFC 8536), version 2 and later.
 *
 * A zone is a sorted table of instants at which the offset changes, and the POSIX rule in the footer for what comes after the last. */
// SPDX-License-Identifier: Apache-2.0
#include "base/base_private.h"
#include "base/map.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define FILE_BYTES_MAX (1 << 20)
#define ZONES_MAX 1000

/* One change of a POSIX rule: Mm.w.d, Jn or n, and the second of that day. */
struct change {
    char kind; /* 'M', 'J' or 'n' */
    int month, week, day;
    int second;
};

struct jb_zone {
    char *name;
    int64_t *at_s;     /* when each change happens, ascending */
    int32_t *offset_s; /* the offset from then on */
    size_t count;
    int32_t first_s; /* before the first change */
    bool has_rule, has_summer;
    int32_t standard_s, summer_s;
    struct change to_summer, to_standard;
};

/* ---- the rule: `EST5EDT,M3.2.0,M11.1.0` or `<+09>-9` -------------------------------------------------------------------- */

struct cursor {
    const char *at, *end;
};

static bool take(struct cursor *c, char wanted)
{
    if (c->at == c->end || *c->at != wanted)
        return false;
    c->at++;
    return true;
}

static bool take_number(struct cursor *c, int max, int *ret_number)
{
    const char *start = c->at;
    int number = 0;

    while (c->at < c->end && *c->at >= '0' && *c->at <= '9' && c->at - start < 4)
        number = number * 10 + (*c->at++ - '0');
    if (c->at == start || number > max)
        return false;
    *ret_number = number;
    return true;
}

static bool take_name(struct cursor *c)
{
    bool quoted = take(c, '<');
    const char *start = c->at;

    while (c->at < c->end && (quoted ? *c->at != '>' : (*c->at >= 'A' && *c->at <= 'Z') || (*c->at >= 'a' && *c->at <= 'z')))
        c->at++;
    return c->at - start >= 3 && (!quoted || take(c, '>'));
}

/* `[+-]h[:mm[:ss]]` */
static bool take_clock(struct cursor *c, int *ret_seconds)
{
    bool minus = take(c, '-');
    int hours, minutes = 0, seconds = 0;

    if (!minus)
        take(c, '+');
    if (!take_number(c, 167, &hours) || (take(c, ':') && (!take_number(c, 59, &minutes) || (take(c, ':') && !take_number(c, 59, &seconds)))))
        return false;
    *ret_seconds = (hours * 3600 + minutes * 60 + seconds) * (minus ? -1 : 1);
    return true;
}

static bool take_change(struct cursor *c, struct change *change)
{
    *change = (struct change){ .kind = 'n', .second = 7200 };
    if (!take(c, ','))
        return false;
    if (take(c, 'M')) {
        change->kind = 'M';
        if (!take_number(c, 12, &change->month) || !take(c, '.') || !take_number(c, 5, &change->week) || !take(c, '.') || !take_number(c, 6, &change->day) ||
            change->month == 0 || change->week == 0)
            return false;
    } else {
        if (take(c, 'J'))
            change->kind = 'J';
        if (!take_number(c, 365, &change->day) || (change->kind == 'J' && change->day == 0))
            return false;
    }
    return !take(c, '/') || take_clock(c, &change->second);
}

static bool rule_parse(struct jb_str text, struct jb_zone *zone)
{
    struct cursor c = { text.data, text.data + text.size };
    int seconds;

    if (!take_name(&c) || !take_clock(&c, &seconds))
        return false;
    zone->standard_s = -seconds; /* POSIX counts west */
    if (c.at < c.end) {
        if (!take_name(&c))
            return false;
        zone->summer_s = zone->standard_s + 3600;
        if (c.at < c.end && *c.at != ',') {
            if (!take_clock(&c, &seconds))
                return false;
            zone->summer_s = -seconds;
        }
        if (!take_change(&c, &zone->to_summer) || !take_change(&c, &zone->to_standard))
            return false;
        zone->has_summer = true;
    }
    zone->has_rule = true;
    return c.at == c.end;
}

/* The change's second of that year, in the clock that runs before it. */
static int64_t change_local_s(const struct change *change, int year)
{
    struct jb_date date, first;

    JB_CHECK(jb_date_of(year, 1, 1, &first));
    if (change->kind == 'M') {
        JB_CHECK(jb_date_of(year, change->month, 1, &date));
        int sunday_first = (jb_date_weekday(date) + 1) % 7;
        int day = (change->day - sunday_first + 7) % 7 + (change->week - 1) * 7;
        while (day >= jb_month_days(year, change->month))
            day -= 7; /* week 5 is the last */
        date.days += day;
    } else {
        bool leap = jb_month_days(year, 2) == 29;
        date.days = first.days + (change->kind == 'J' ? change->day - 1 + (leap && change->day >= 60) : change->day);
    }
    return date.days * INT64_C(86400) + change->second;
}

static int32_t rule_offset(const struct jb_zone *zone, int64_t at_s)
{
    if (!zone->has_summer)
        return zone->standard_s;
    int year = jb_time_civil((struct jb_time){ (at_s + zone->standard_s) * JB_SECOND_US }).year;
    if (year < 1 || year > 9999)
        return zone->standard_s;
    int64_t summer = change_local_s(&zone->to_summer, year) - zone->standard_s;
    int64_t standard = change_local_s(&zone->to_standard, year) - zone->summer_s;
    bool is_summer = summer < standard ? at_s >= summer && at_s < standard : at_s >= summer || at_s < standard;
    return is_summer ? zone->summer_s : zone->standard_s;
}

/* ---- the file ----------------------------------------------------------------------------------------------------------- */

static uint64_t big_endian(const unsigned char *at, int bytes)
{
    uint64_t number = 0;
    while (bytes--)
        number = number << 8 | *at++;
    return number;
}

/* The counts in a TZif header. */
struct head {
    size_t is_utc, is_standard, leaps, changes, types, name_bytes;
};

static bool head_read(struct jb_str file, size_t at, struct head *head)
{
    const unsigned char *bytes = (const unsigned char *)file.data + at;

    if (at > file.size || file.size - at < 44 || memcmp(bytes, "TZif", 4) != 0 || bytes[4] < '2')
        return false;
    size_t *counts[] = { &head->is_utc, &head->is_standard, &head->leaps, &head->changes, &head->types, &head->name_bytes };
    for (size_t i = 0; i < JB_COUNT(counts); i++) {
        *counts[i] = big_endian(bytes + 20 + 4 * i, 4);
        if (*counts[i] > FILE_BYTES_MAX)
            return false;
    }
    return true;
}

static size_t body_bytes(const struct head *head, size_t word)
{
    return head->changes * (word + 1) + head->types * 6 + head->name_bytes + head->leaps * (word + 4) + head->is_standard + head->is_utc;
}

static bool body_read(struct jb_str file, size_t at, const struct head *head, struct jb_zone *zone)
{
    const unsigned char *at_s = (const unsigned char *)file.data + at, *indexes = at_s + 8 * head->changes, *types = indexes + head->changes;

    if (head->types == 0)
        return false;
    zone->count = head->changes;
    zone->at_s = calloc(head->changes + 1, sizeof *zone->at_s);
    zone->offset_s = calloc(head->changes + 1, sizeof *zone->offset_s);
    JB_CHECK(zone->at_s && zone->offset_s);
    zone->first_s = (int32_t)big_endian(types, 4);
    for (size_t i = 0; i < head->changes; i++) {
        zone->at_s[i] = (int64_t)big_endian(at_s + 8 * i, 8);
        if (indexes[i] >= head->types || (i && zone->at_s[i] <= zone->at_s[i - 1]))
            return false;
        zone->offset_s[i] = (int32_t)big_endian(types + (size_t)6 * indexes[i], 4);
    }
    return true;
}

static bool zone_read(struct jb_str file, struct jb_zone *zone)
{
    struct head head;

    if (!head_read(file, 0, &head))
        return false;
    size_t at = 44 + body_bytes(&head, 4); /* the first body has 32-bit instants: skipped */
    if (!head_read(file, at, &head))
        return false;
    at += 44;
    size_t end = at + body_bytes(&head, 8);
    if (end >= file.size || file.data[end] != '\n' || !body_read(file, at, &head, zone))
        return false;
    size_t stop = jb_str_find_char(file, '\n', end + 1);
    if (stop == SIZE_MAX)
        return false;
    return stop == end + 1 || rule_parse(jb_str_slice(file, end + 1, stop), zone);
}

static void zone_free(struct jb_zone *zone)
{
    free(zone->name);
    free(zone->at_s);
    free(zone->offset_s);
    free(zone);
}

/* Names are from settings, but paths are not for them to choose. */
static bool name_good(const char *name)
{
    return name[0] && strlen(name) < 64 && name[0] != '/' && !strstr(name, "..") &&
           name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-/")] == '\0';
}

static struct jb_zone *zone_load(const char *name)
{
    struct jb_buf buf = JB_BUF_INIT(FILE_BYTES_MAX);
    char path[128];

    snprintf(path, sizeof path, "/usr/share/zoneinfo/%s", name);
    FILE *file = fopen(path, "rbe");
    if (!file)
        return NULL;
    while (jb_buf_reserve(&buf, 8192)) {
        size_t got = fread(buf.data + buf.size, 1, 8192, file);
        buf.size += got;
        if (got == 0)
            break;
    }
    fclose(file);
    struct jb_zone *zone = calloc(1, sizeof *zone);
    JB_CHECK(zone && (zone->name = strdup(name)));
    if (buf.full || !zone_read(jb_buf_str(&buf), zone)) {
        zone_free(zone);
        zone = NULL;
    }
    jb_buf_done(&buf);
    return zone;
}

const struct jb_zone *jb_zone_open(const char *name)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static struct jb_map zones;

    if (!name || !name_good(name))
        return NULL;
    pthread_mutex_lock(&lock);
    struct jb_zone *zone = jb_map_get(&zones, jb_str_of(name));
    if (!zone && zones.count < ZONES_MAX && (zone = zone_load(name)))
        jb_map_put(&zones, jb_str_of(zone->name), zone);
    pthread_mutex_unlock(&lock);
    return zone;
}

/* ---- questions ------------------------------------------------------------------------------------------------------------ */

static int32_t offset_at(const struct jb_zone *zone, int64_t at_s)
{
    size_t low = 0, high = zone->count; /* the number of changes at or before at_s */

    if (zone->has_rule && (zone->count == 0 || at_s >= zone->at_s[zone->count - 1]))
        return rule_offset(zone, at_s);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (zone->at_s[middle] <= at_s)
            low = middle + 1;
        else
            high = middle;
    }
    return low ? zone->offset_s[low - 1] : zone->first_s;
}

static int64_t floor_s(struct jb_time time)
{
    return time.us / JB_SECOND_US - (time.us % JB_SECOND_US < 0);
}

int jb_zone_offset_s(const struct jb_zone *zone, struct jb_time time)
{
    return zone ? offset_at(zone, floor_s(time)) : 0;
}

struct jb_civil jb_zone_civil(const struct jb_zone *zone, struct jb_time time)
{
    return jb_time_civil((struct jb_time){ time.us + jb_zone_offset_s(zone, time) * JB_SECOND_US });
}

bool jb_zone_time(const struct jb_zone *zone, const struct jb_civil *civil, struct jb_time *ret_time)
{
    struct jb_time local;

    if (!jb_time_of(civil, &local))
        return false;
    if (zone) {
        /* The offsets a day before and after are those on both sides of a change near this moment. */
        int64_t local_s = floor_s(local);
        int32_t before = offset_at(zone, local_s - 86400), after = offset_at(zone, local_s + 86400);
        if (offset_at(zone, local_s - before) == before || offset_at(zone, local_s - after) != after)
            local.us -= before * JB_SECOND_US; /* the earlier of two, or moved forward over the gap */
        else
            local.us -= after * JB_SECOND_US;
    }
    *ret_time = local;
    return true;
}

/* ---- the site's zone -------------------------------------------------------------------------------------------------------- */

static const struct jb_zone *local_zone;

void jb_zone_local_set(const struct jb_zone *zone)
{
    __atomic_store_n(&local_zone, zone, __ATOMIC_RELEASE);
}

const struct jb_zone *jb_zone_local(void)
{
    return __atomic_load_n(&local_zone, __ATOMIC_ACQUIRE);
}
