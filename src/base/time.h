/* time.h — dates, months, instants and zones; a clock that tests can hold.
 *
 * Proleptic Gregorian calendar, years 1 to 9999 at every door.  Instants are microseconds since 1970-01-01T00:00Z. */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_BASE_TIME_H
#define JB_BASE_TIME_H

#include "base/str.h"

struct jb_date {
    int32_t days; /* since 1970-01-01 */
};
struct jb_month {
    int32_t months; /* since 1970-01 */
};
struct jb_time {
    int64_t us; /* since 1970-01-01T00:00Z */
};

struct jb_civil {
    int year, month, day, hour, minute, second, microsecond;
};

#define JB_SECOND_US ((int64_t)1000000)
#define JB_DAY_US ((int64_t)86400 * JB_SECOND_US)
#define JB_NEVER INT64_MAX /* a deadline that never comes */

/* false when there is no such day. */
bool jb_date_of(int year, int month, int day, struct jb_date *ret_date);
/* Fills year, month, day; the rest is 0. */
struct jb_civil jb_date_civil(struct jb_date date);
struct jb_month jb_date_month(struct jb_date date);
struct jb_date jb_month_first(struct jb_month month);
struct jb_date jb_month_last(struct jb_month month);
int jb_month_days(int year, int month);
/* 0 Monday … 6 Sunday. */
int jb_date_weekday(struct jb_date date);

/* Civil time in UTC to an instant and back; false when a part is out of range. */
bool jb_time_of(const struct jb_civil *civil, struct jb_time *ret_time);
struct jb_civil jb_time_civil(struct jb_time time);

/* ISO text.  Each _parse takes exactly its form and nothing else around it:
 *   date `2026-11-21`; month `2026-11`;
 *   time `2026-11-21T09:30[:15[.123456]][Z|±hh:mm]`, also with a space for T; without an offset it is read in `zone` (NULL: UTC). */
bool jb_date_parse(struct jb_str text, struct jb_date *ret_date);
bool jb_month_parse(struct jb_str text, struct jb_month *ret_month);
struct jb_zone;
bool jb_time_parse(struct jb_str text, const struct jb_zone *zone, struct jb_time *ret_time);

/* A date as people write it in sheets (row B of the stage's list): 2025-01-31, 2025.01.31, 2025. 1. 31., 2025/01/31, 20250131,
 * 2025년 1월 31일, each optionally followed by a time of day, which is ignored when it is midnight and refused otherwise. */
bool jb_date_parse_loose(struct jb_str text, struct jb_date *ret_date);

#define JB_DATE_TEXT_SIZE 16
#define JB_TIME_TEXT_SIZE 40
/* Write ISO text with a final NUL into `out` and return it as a slice of `out`. */
struct jb_str jb_date_text(struct jb_date date, char out[JB_DATE_TEXT_SIZE]);
struct jb_str jb_month_text(struct jb_month month, char out[JB_DATE_TEXT_SIZE]);
/* `2026-11-21T09:30:15+09:00`, microseconds only when not zero; zone NULL gives `…Z`. */
struct jb_str jb_time_text(struct jb_time time, const struct jb_zone *zone, char out[JB_TIME_TEXT_SIZE]);
/* `Sat, 21 Nov 2026 00:30:15 GMT` (RFC 9110 5.6.7). */
struct jb_str jb_time_http(struct jb_time time, char out[JB_TIME_TEXT_SIZE]);
bool jb_time_http_parse(struct jb_str text, struct jb_time *ret_time);

/* A zone of the system's tz database ("Asia/Seoul"), with the rule for times past the table; NULL when unknown.  Read once
 * and kept for the whole process; call it at start, it reads a file. */
const struct jb_zone *jb_zone_open(const char *name);
/* Seconds east of UTC at that instant; zone NULL is UTC. */
int jb_zone_offset_s(const struct jb_zone *zone, struct jb_time time);
struct jb_civil jb_zone_civil(const struct jb_zone *zone, struct jb_time time);
/* A civil time that the zone skips is moved forward by the gap, one that it has twice is the earlier. */
bool jb_zone_time(const struct jb_zone *zone, const struct jb_civil *civil, struct jb_time *ret_time);

/* The site's zone, set once at start (settings TIME_ZONE): where times without an offset are read, and how they are shown. NULL is UTC. */
const struct jb_zone *jb_zone_local(void);
void jb_zone_local_set(const struct jb_zone *zone);

/* The wall clock and the monotonic clock (µs from any start).  A test holds both with jb_clock_hold and moves them together. */
struct jb_time jb_now(void);
int64_t jb_monotonic_us(void);
void jb_clock_hold(struct jb_time now); /* this process, until jb_clock_release */
void jb_clock_advance_us(int64_t us);
void jb_clock_release(void);
bool jb_clock_held(void);
/* run/loop sets it at start: called on any thread when a test has held, moved or released the clock, so that loops look at their deadlines. */
extern void (*jb_clock_hook)(void);

#endif
