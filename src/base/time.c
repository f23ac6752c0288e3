/* time.c — the calendar as arithmetic, and the clock that tests can hold.
 *
 * Days are counted in eras of 400 years that begin on 1 March, so that the leap day is the last of its year. */
// SPDX-License-Identifier: Apache-2.0
#include "base/time.h"
#include "base/base_private.h"
#include <stdatomic.h>
#include <time.h>

#define DAYS_TO_1970 719468 /* from 0000-03-01 */

static bool leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

int jb_month_days(int year, int month)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    JB_CHECK(month >= 1 && month <= 12);
    return month == 2 && leap(year) ? 29 : days[month - 1];
}

bool jb_date_of(int year, int month, int day, struct jb_date *ret_date)
{
    if (year < 1 || year > 9999 || month < 1 || month > 12 || day < 1 || day > jb_month_days(year, month))
        return false;
    int shifted = month <= 2 ? year - 1 : year; /* years from March to February */
    int era = shifted / 400, year_of_era = shifted % 400;
    int day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    ret_date->days = era * 146097 + day_of_era - DAYS_TO_1970;
    return true;
}

struct jb_civil jb_date_civil(struct jb_date date)
{
    int64_t days = (int64_t)date.days + DAYS_TO_1970;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int day_of_era = (int)(days - era * 146097);
    int year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int shifted_month = (5 * day_of_year + 2) / 153;
    int month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;

    return (struct jb_civil){ .year = (int)(era * 400) + year_of_era + (month <= 2),
        .month = month,
        .day = day_of_year - (153 * shifted_month + 2) / 5 + 1 };
}

struct jb_month jb_date_month(struct jb_date date)
{
    struct jb_civil civil = jb_date_civil(date);
    return (struct jb_month){ (civil.year - 1970) * 12 + civil.month - 1 };
}

static void month_civil(struct jb_month month, int *ret_year, int *ret_month)
{
    int years = (month.months >= 0 ? month.months : month.months - 11) / 12;
    *ret_year = 1970 + years;
    *ret_month = month.months - years * 12 + 1;
}

struct jb_date jb_month_first(struct jb_month month)
{
    struct jb_date date;
    int year, number;
    month_civil(month, &year, &number);
    JB_CHECK(jb_date_of(year, number, 1, &date)); /* years 1 to 9999 at every door */
    return date;
}

struct jb_date jb_month_last(struct jb_month month)
{
    struct jb_date date = jb_month_first(month);
    struct jb_civil civil = jb_date_civil(date);
    return (struct jb_date){ date.days + jb_month_days(civil.year, civil.month) - 1 };
}

int jb_date_weekday(struct jb_date date)
{
    int weekday = (date.days + 3) % 7; /* 1970-01-01 was a Thursday */
    return weekday < 0 ? weekday + 7 : weekday;
}

bool jb_time_of(const struct jb_civil *civil, struct jb_time *ret_time)
{
    struct jb_date date;

    if (!jb_date_of(civil->year, civil->month, civil->day, &date) || civil->hour < 0 || civil->hour > 23 || civil->minute < 0 || civil->minute > 59 ||
        civil->second < 0 || civil->second > 59 || civil->microsecond < 0 || civil->microsecond > 999999)
        return false;
    ret_time->us = date.days * JB_DAY_US + (civil->hour * 3600 + civil->minute * 60 + civil->second) * JB_SECOND_US + civil->microsecond;
    return true;
}

struct jb_civil jb_time_civil(struct jb_time time)
{
    int64_t days = time.us / JB_DAY_US, rest = time.us % JB_DAY_US;

    if (rest < 0) {
        rest += JB_DAY_US;
        days--;
    }
    struct jb_civil civil = jb_date_civil((struct jb_date){ (int32_t)days });
    int seconds = (int)(rest / JB_SECOND_US);
    civil.hour = seconds / 3600;
    civil.minute = seconds / 60 % 60;
    civil.second = seconds % 60;
    civil.microsecond = (int)(rest % JB_SECOND_US);
    return civil;
}

/* ---- the clock ---------------------------------------------------------------------------------------------------------- */

void (*jb_clock_hook)(void);

static atomic_bool held;
static _Atomic int64_t held_now_us, held_monotonic_us;

static int64_t read_clock(clockid_t id)
{
    struct timespec at;
    JB_CHECK(clock_gettime(id, &at) == 0);
    return at.tv_sec * JB_SECOND_US + at.tv_nsec / 1000;
}

bool jb_clock_held(void)
{
    return atomic_load_explicit(&held, memory_order_acquire);
}

struct jb_time jb_now(void)
{
    return (struct jb_time){ jb_clock_held() ? atomic_load(&held_now_us) : read_clock(CLOCK_REALTIME) };
}

int64_t jb_monotonic_us(void)
{
    return jb_clock_held() ? atomic_load(&held_monotonic_us) : read_clock(CLOCK_MONOTONIC);
}

static void clock_moved(void)
{
    if (jb_clock_hook)
        jb_clock_hook();
}

void jb_clock_hold(struct jb_time now)
{
    int64_t monotonic_us = jb_monotonic_us();
    atomic_store(&held_now_us, now.us);
    atomic_store(&held_monotonic_us, monotonic_us);
    atomic_store(&held, true);
    clock_moved();
}

void jb_clock_advance_us(int64_t us)
{
    JB_CHECK(atomic_load(&held) && us >= 0);
    atomic_fetch_add(&held_now_us, us);
    atomic_fetch_add(&held_monotonic_us, us);
    clock_moved();
}

void jb_clock_release(void)
{
    atomic_store(&held, false);
    clock_moved();
}
