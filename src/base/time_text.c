/* time_text.c — dates and times as text: ISO 8601 for machines, HTTP's three forms, and what people write in sheets. */
// SPDX-License-Identifier: Apache-2.0
#include "base/base_private.h"
#include "base/time.h"
#include <stdio.h>

#define HTTP_YEARS_AHEAD 50 /* RFC 9110 5.6.7: a two-digit year further ahead lies in the past */

bool jb__digits(struct jb_str text, size_t at, size_t count, int *ret_number)
{
    int number = 0;

    if (at > text.size || count > text.size - at)
        return false;
    for (size_t i = at; i < at + count; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        number = number * 10 + (text.data[i] - '0');
    }
    *ret_number = number;
    return true;
}

static bool char_at(struct jb_str text, size_t at, char c)
{
    return at < text.size && text.data[at] == c;
}

/* ---- ISO ------------------------------------------------------------------------------------------------------------ */

static bool iso_date(struct jb_str text, struct jb_date *ret_date)
{
    int year, month, day;
    return jb__digits(text, 0, 4, &year) && char_at(text, 4, '-') && jb__digits(text, 5, 2, &month) && char_at(text, 7, '-') && jb__digits(text, 8, 2, &day) &&
           jb_date_of(year, month, day, ret_date);
}

bool jb_date_parse(struct jb_str text, struct jb_date *ret_date)
{
    return text.size == 10 && iso_date(text, ret_date);
}

bool jb_month_parse(struct jb_str text, struct jb_month *ret_month)
{
    int year, month;
    struct jb_date date;

    if (text.size != 7 || !jb__digits(text, 0, 4, &year) || text.data[4] != '-' || !jb__digits(text, 5, 2, &month) || !jb_date_of(year, month, 1, &date))
        return false;
    *ret_month = jb_date_month(date);
    return true;
}

/* `09:30[:15[.123456]]` from *at on; the ranges are jb_time_of's business. */
static bool clock_time(struct jb_str text, size_t *at, struct jb_civil *civil)
{
    if (!jb__digits(text, *at, 2, &civil->hour) || !char_at(text, *at + 2, ':') || !jb__digits(text, *at + 3, 2, &civil->minute))
        return false;
    *at += 5;
    if (!char_at(text, *at, ':'))
        return true;
    if (!jb__digits(text, *at + 1, 2, &civil->second))
        return false;
    *at += 3;
    if (!char_at(text, *at, '.'))
        return true;
    int unit = 100000, digit;
    for (++*at; unit && jb__digits(text, *at, 1, &digit); ++*at, unit /= 10)
        civil->microsecond += digit * unit;
    return unit < 100000;
}

/* `Z` or `±hh:mm` to the end of the text. */
static bool offset_parse(struct jb_str text, size_t at, int *ret_offset_s)
{
    int hours, minutes;

    if (at + 1 == text.size && text.data[at] == 'Z') {
        *ret_offset_s = 0;
        return true;
    }
    if (at + 6 != text.size || (text.data[at] != '+' && text.data[at] != '-') || !jb__digits(text, at + 1, 2, &hours) || text.data[at + 3] != ':' ||
        !jb__digits(text, at + 4, 2, &minutes) || hours > 23 || minutes > 59)
        return false;
    *ret_offset_s = (hours * 60 + minutes) * (text.data[at] == '-' ? -60 : 60);
    return true;
}

static bool in_years(struct jb_time time)
{
    int year = jb_time_civil(time).year;
    return year >= 1 && year <= 9999;
}

bool jb_time_parse(struct jb_str text, const struct jb_zone *zone, struct jb_time *ret_time)
{
    struct jb_date date;
    struct jb_time time;
    size_t at = 11;
    int offset_s;

    if (!iso_date(text, &date) || (!char_at(text, 10, 'T') && !char_at(text, 10, ' ')))
        return false;
    struct jb_civil civil = jb_date_civil(date);
    if (!clock_time(text, &at, &civil))
        return false;
    if (at == text.size) {
        if (!jb_zone_time(zone, &civil, &time))
            return false;
    } else {
        if (!offset_parse(text, at, &offset_s) || !jb_time_of(&civil, &time))
            return false;
        time.us -= offset_s * JB_SECOND_US;
    }
    if (!in_years(time))
        return false;
    *ret_time = time;
    return true;
}

/* `2026-11-21` digit by digit: every date of an export and of a bulk insert passes here, and printf takes ten times as long. */
static struct jb_str civil_date_text(const struct jb_civil *civil, size_t size, char out[JB_DATE_TEXT_SIZE])
{
    static const int tens[] = { 1000, 100, 10, 1, 0, 10, 1, 0, 10, 1 };

    if (civil->year < 0 || civil->year > 9999) { /* the day after the last one, in a link nobody follows */
        int length = snprintf(out, JB_DATE_TEXT_SIZE, size == 7 ? "%04d-%02d" : "%04d-%02d-%02d", civil->year, civil->month, civil->day);
        return (struct jb_str){ out, (size_t)JB_MIN(length, JB_DATE_TEXT_SIZE - 1) };
    }
    for (size_t i = 0; i < size; i++) {
        int part = i < 4 ? civil->year : i < 7 ? civil->month
                                               : civil->day;
        out[i] = tens[i] ? (char)('0' + part / tens[i] % 10) : '-';
    }
    out[size] = '\0';
    return (struct jb_str){ out, size };
}

struct jb_str jb_date_text(struct jb_date date, char out[JB_DATE_TEXT_SIZE])
{
    struct jb_civil civil = jb_date_civil(date);
    return civil_date_text(&civil, 10, out);
}

struct jb_str jb_month_text(struct jb_month month, char out[JB_DATE_TEXT_SIZE])
{
    struct jb_civil civil = jb_date_civil(jb_month_first(month));
    return civil_date_text(&civil, 7, out);
}

struct jb_str jb_time_text(struct jb_time time, const struct jb_zone *zone, char out[JB_TIME_TEXT_SIZE])
{
    struct jb_buf buf = { out, 0, JB_TIME_TEXT_SIZE - 1, JB_TIME_TEXT_SIZE - 1, false }; /* never grows: the longest form has 35 bytes */
    struct jb_civil civil = jb_zone_civil(zone, time);
    int offset_s = jb_zone_offset_s(zone, time);

    jb_buf_printf(&buf, "%04d-%02d-%02dT%02d:%02d:%02d", civil.year, civil.month, civil.day, civil.hour, civil.minute, civil.second);
    if (civil.microsecond)
        jb_buf_printf(&buf, ".%06d", civil.microsecond);
    if (!zone)
        jb_buf_put_char(&buf, 'Z');
    else
        jb_buf_printf(&buf, "%c%02d:%02d", offset_s < 0 ? '-' : '+', JB_MAX(offset_s, -offset_s) / 3600, JB_MAX(offset_s, -offset_s) / 60 % 60);
    JB_CHECK(!buf.full);
    out[buf.size] = '\0';
    return jb_buf_str(&buf);
}

/* ---- HTTP (RFC 9110 5.6.7) -------------------------------------------------------------------------------------------- */

static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
static const char *const weekdays[] = { "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday" };

struct jb_str jb_time_http(struct jb_time time, char out[JB_TIME_TEXT_SIZE])
{
    struct jb_civil civil = jb_time_civil(time);
    struct jb_date date;

    JB_CHECK(jb_date_of(civil.year, civil.month, civil.day, &date));
    int size = snprintf(out, JB_TIME_TEXT_SIZE, "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT", weekdays[jb_date_weekday(date)], civil.day,
        months + 3 * (civil.month - 1), civil.year, civil.hour, civil.minute, civil.second);
    return (struct jb_str){ out, (size_t)size };
}

static bool month_name(struct jb_str text, size_t at, int *ret_month)
{
    struct jb_str name = jb_str_slice(text, at, at + 3);

    for (int i = 0; i < 12; i++)
        if (jb_str_equal(name, (struct jb_str){ months + 3 * i, 3 })) {
            *ret_month = i + 1;
            return true;
        }
    return false;
}

/* The bytes of a weekday's name at the start, short or long; 0 when there is none. */
static size_t weekday_name(struct jb_str text)
{
    for (size_t i = 0; i < JB_COUNT(weekdays); i++) {
        if (jb_str_starts(text, jb_str_of(weekdays[i])))
            return strlen(weekdays[i]);
        if (jb_str_starts(text, (struct jb_str){ weekdays[i], 3 }))
            return 3;
    }
    return 0;
}

static bool http_clock(struct jb_str text, size_t at, struct jb_civil *civil)
{
    return jb__digits(text, at, 2, &civil->hour) && char_at(text, at + 2, ':') && jb__digits(text, at + 3, 2, &civil->minute) && char_at(text, at + 5, ':') &&
           jb__digits(text, at + 6, 2, &civil->second);
}

/* `06 Nov 1994 08:49:37 GMT` */
static bool http_fixdate(struct jb_str text, struct jb_civil *civil)
{
    return text.size == 24 && jb__digits(text, 0, 2, &civil->day) && text.data[2] == ' ' && month_name(text, 3, &civil->month) && text.data[6] == ' ' &&
           jb__digits(text, 7, 4, &civil->year) && text.data[11] == ' ' && http_clock(text, 12, civil) && jb_str_ends(text, JB_STR(" GMT"));
}

/* `06-Nov-94 08:49:37 GMT` */
static bool http_rfc850(struct jb_str text, struct jb_civil *civil)
{
    if (text.size != 22 || !jb__digits(text, 0, 2, &civil->day) || text.data[2] != '-' || !month_name(text, 3, &civil->month) || text.data[6] != '-' ||
        !jb__digits(text, 7, 2, &civil->year) || text.data[9] != ' ' || !http_clock(text, 10, civil) || !jb_str_ends(text, JB_STR(" GMT")))
        return false;
    int now = jb_time_civil(jb_now()).year;
    civil->year += now - now % 100;
    if (civil->year > now + HTTP_YEARS_AHEAD)
        civil->year -= 100;
    return true;
}

/* `Nov  6 08:49:37 1994` */
static bool http_asctime(struct jb_str text, struct jb_civil *civil)
{
    bool padded = char_at(text, 4, ' ');
    return text.size == 20 && month_name(text, 0, &civil->month) && text.data[3] == ' ' && jb__digits(text, padded ? 5 : 4, padded ? 1 : 2, &civil->day) &&
           text.data[6] == ' ' && http_clock(text, 7, civil) && text.data[15] == ' ' && jb__digits(text, 16, 4, &civil->year);
}

bool jb_time_http_parse(struct jb_str text, struct jb_time *ret_time)
{
    struct jb_civil civil = { 0 };
    size_t name = weekday_name(text);

    if (name == 0)
        return false;
    if (jb_str_starts(jb_str_slice(text, name, text.size), JB_STR(", "))) {
        struct jb_str rest = jb_str_slice(text, name + 2, text.size);
        if (!http_fixdate(rest, &civil) && !http_rfc850(rest, &civil))
            return false;
    } else if (name != 3 || !char_at(text, 3, ' ') || !http_asctime(jb_str_slice(text, 4, text.size), &civil)) {
        return false;
    }
    if (civil.second == 60) /* a leap second: the grammar has it, the clock does not */
        civil.second = 59;
    return jb_time_of(&civil, ret_time);
}

/* ---- loose dates ---------------------------------------------------------------------------------------------------------- */

static void skip_blanks(struct jb_str text, size_t *at)
{
    while (char_at(text, *at, ' '))
        ++*at;
}

static bool skip(struct jb_str text, size_t *at, const char *what)
{
    struct jb_str sign = jb_str_of(what);
    if (!jb_str_starts(jb_str_slice(text, *at, text.size), sign))
        return false;
    *at += sign.size;
    return true;
}

/* One or two digits. */
static bool small_number(struct jb_str text, size_t *at, int *ret_number)
{
    size_t count = jb__digits(text, *at, 2, ret_number) ? 2 : 1;
    if (!jb__digits(text, *at, count, ret_number))
        return false;
    *at += count;
    return true;
}

/* `2025-01-31`, `2025. 1. 31.`, `2025/1/31`, `2025년 1월 31일`; leaves *at behind it. */
static bool scan_separated(struct jb_str text, size_t *at, int *year, int *month, int *day)
{
    static const char *const forms[][3] = { { "-", "-", "" }, { ".", ".", "" }, { "/", "/", "" }, { "년", "월", "일" } };

    if (!jb__digits(text, 0, 4, year))
        return false;
    for (size_t i = 0; i < JB_COUNT(forms); i++) {
        bool blanks = i == 1 || i == 3;
        *at = 4;
        if (blanks)
            skip_blanks(text, at);
        if (!skip(text, at, forms[i][0]))
            continue;
        if (blanks)
            skip_blanks(text, at);
        if (!small_number(text, at, month))
            return false;
        if (blanks)
            skip_blanks(text, at);
        if (!skip(text, at, forms[i][1]))
            return false;
        if (blanks)
            skip_blanks(text, at);
        if (!small_number(text, at, day))
            return false;
        if (i == 3)
            skip_blanks(text, at);
        if (i == 1)
            skip(text, at, "."); /* the last point is often left out */
        return skip(text, at, forms[i][2]);
    }
    return false;
}

/* What may follow a date: nothing, or midnight. */
static bool midnight(struct jb_str text, size_t at)
{
    struct jb_civil civil = { 0 };

    if (at == text.size)
        return true;
    if (!char_at(text, at, ' ') && !char_at(text, at, 'T'))
        return false;
    at++;
    skip_blanks(text, &at);
    if (!clock_time(text, &at, &civil))
        return false;
    skip(text, &at, "Z");
    return at == text.size && civil.hour == 0 && civil.minute == 0 && civil.second == 0 && civil.microsecond == 0;
}

bool jb__date_scan_loose(struct jb_str text, int *ret_year, int *ret_month, int *ret_day)
{
    int year, month, day, whole;
    size_t at = 8;

    text = jb_str_trim_unicode(text);
    if (jb__digits(text, 0, 8, &whole)) {
        year = whole / 10000;
        month = whole / 100 % 100;
        day = whole % 100;
    } else if (!scan_separated(text, &at, &year, &month, &day)) {
        return false;
    }
    if (!midnight(text, at))
        return false;
    *ret_year = year;
    *ret_month = month;
    *ret_day = day;
    return true;
}

bool jb_date_parse_loose(struct jb_str text, struct jb_date *ret_date)
{
    int year, month, day;
    return jb__date_scan_loose(text, &year, &month, &day) && jb_date_of(year, month, day, ret_date);
}
