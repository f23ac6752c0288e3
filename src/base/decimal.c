/* decimal.c — sums in 128 bits, which hold any two 18-digit numbers brought to one scale; then back to 18 digits or no. */
// SPDX-License-Identifier: Apache-2.0
#include "base/decimal.h"
#include "base/base_private.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define LOOSE_BYTES_MAX 128

static jb__int128 power(int exponent)
{
    jb__int128 number = 1;
    JB_CHECK(exponent >= 0 && exponent <= 38);
    while (exponent--)
        number *= 10;
    return number;
}

#define UNITS_LIMIT ((jb__int128)1000000000000000000)

static jb__int128 magnitude(jb__int128 number)
{
    return number < 0 ? -number : number;
}

/* The number in 18 digits, giving up trailing zeros where that makes it fit. */
static bool fit(jb__int128 units, int scale, struct jb_decimal *ret_number)
{
    while ((magnitude(units) >= UNITS_LIMIT || scale > JB_DECIMAL_DIGITS_MAX) && scale > 0 && units % 10 == 0) {
        units /= 10;
        scale--;
    }
    if (magnitude(units) >= UNITS_LIMIT || scale > JB_DECIMAL_DIGITS_MAX)
        return false;
    *ret_number = (struct jb_decimal){ (int64_t)units, scale };
    return true;
}

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Digits from *at on into *units; false when they become more than 18 (leading zeros are free). */
static bool scan_digits(struct jb_str text, size_t *at, jb__int128 *units, int *ret_count)
{
    size_t start = *at;

    for (; *at < text.size && digit(text.data[*at]); ++*at) {
        *units = *units * 10 + (text.data[*at] - '0');
        if (*units >= UNITS_LIMIT || *at - start > 1000)
            return false;
    }
    *ret_count = (int)(*at - start);
    return true;
}

static bool scan_exponent(struct jb_str text, size_t *at, int *ret_exponent)
{
    int64_t number;

    *ret_exponent = 0;
    if (*at == text.size || (text.data[*at] != 'e' && text.data[*at] != 'E'))
        return true;
    struct jb_str rest = jb_str_slice(text, *at + 1, text.size);
    if (!jb_str_to_int64(rest, &number) || number < -1000 || number > 1000)
        return false;
    *at = text.size;
    *ret_exponent = (int)number;
    return true;
}

bool jb_decimal_parse(struct jb_str text, struct jb_decimal *ret_number)
{
    bool minus = text.size && text.data[0] == '-';
    size_t at = minus || (text.size && text.data[0] == '+');
    jb__int128 units = 0;
    int whole, decimals = 0, exponent;

    if (!scan_digits(text, &at, &units, &whole) || whole == 0)
        return false;
    if (at < text.size && text.data[at] == '.') {
        at++;
        if (!scan_digits(text, &at, &units, &decimals) || decimals == 0)
            return false;
    }
    if (!scan_exponent(text, &at, &exponent) || at != text.size)
        return false;
    int scale = decimals - exponent;
    if (scale < 0) {
        if (units != 0 && scale < -JB_DECIMAL_DIGITS_MAX)
            return false;
        units = units ? units * power(-scale) : 0;
        scale = 0;
    }
    if (scale > JB_DECIMAL_DIGITS_MAX || units >= UNITS_LIMIT)
        return false;
    *ret_number = (struct jb_decimal){ (int64_t)(minus ? -units : units), scale };
    return true;
}

/* ---- as people write ------------------------------------------------------------------------------------------------ */

/* Full-width forms, won signs and minus signs in ASCII: `₩` becomes `w`, which no number contains.  0 for what no amount has. */
static char plain(uint32_t code)
{
    if (code >= 0xFF01 && code <= 0xFF5E)
        code -= 0xFF01 - 0x21;
    switch (code) {
    case 0x2212: return '-'; /* minus sign */
    case 0x20A9:             /* won sign */
    case 0xFFE6: return 'w'; /* full-width won sign */
    case 0xC6D0: return 'o'; /* 원 */
    case 0xA0:
    case 0x3000: return ' ';
    }
    return code < 0x80 && strchr("0123456789+-.,eE() ", (int)code) && code ? (char)code : '\0';
}

/* Takes out the commas, each of which must have one to three digits before the first and three after each. */
static bool drop_commas(char *text)
{
    size_t run = 0, groups = 0, to = 0;
    bool point = false;

    for (size_t i = 0; text[i]; i++) {
        if (digit(text[i])) {
            run++;
        } else if (text[i] == ',') {
            bool first = groups == 0;
            if (point || run == 0 || run > 3 || (!first && run != 3) || (first && text[i - run] == '0'))
                return false;
            groups++;
            run = 0;
            continue;
        } else {
            if (groups && !point && run != 3)
                return false;
            if (groups && text[i] != '.' && text[i] != ')')
                return false;
            point = true; /* what follows is no longer the whole part */
        }
        text[to++] = text[i];
    }
    text[to] = '\0';
    return groups == 0 || point || run == 3;
}

/* The sign, won sign and parentheses around the digits, in any order that people use; leaves the digits in *text. */
static bool unwrap(struct jb_str *text, bool *ret_minus)
{
    bool minus = false, sign = false, won = false, open = false;

    for (; text->size; *text = jb_str_trim(jb_str_slice(*text, 1, text->size))) {
        char c = text->data[0];
        if ((c == '-' || c == '+') && !sign)
            sign = true, minus = c == '-';
        else if (c == 'w' && !won)
            won = true;
        else if (c == '(' && !open && !sign)
            open = true;
        else
            break;
    }
    bool closed = false;
    for (; text->size; *text = jb_str_trim(jb_str_slice(*text, 0, text->size - 1))) {
        char c = text->data[text->size - 1];
        if (c == 'o' && !won)
            won = true;
        else if (c == ')' && open && !closed)
            closed = true;
        else
            break;
    }
    if (open != closed || (open && sign))
        return false;
    *ret_minus = minus || open;
    return true;
}

bool jb_decimal_parse_loose(struct jb_str text, struct jb_decimal *ret_number)
{
    char plain_text[LOOSE_BYTES_MAX + 3];
    size_t size = 0;
    bool minus;

    text = jb_str_trim_unicode(text);
    if (text.size == 0 || text.size > LOOSE_BYTES_MAX)
        return false;
    for (size_t at = 0; at < text.size;) {
        char c = plain(jb_utf8_next(text, &at));
        if (!c)
            return false;
        plain_text[size++] = c;
    }
    struct jb_str digits = jb_str_trim((struct jb_str){ plain_text, size });
    if (!unwrap(&digits, &minus) || digits.size == 0)
        return false;
    char number[LOOSE_BYTES_MAX + 3];
    size = 0;
    if (digits.data[0] == '.')
        number[size++] = '0';
    else if (!digit(digits.data[0]))
        return false;
    memcpy(number + size, digits.data, digits.size);
    size += digits.size;
    if (number[size - 1] == '.')
        size--;
    number[size] = '\0';
    struct jb_decimal parsed;
    if (!drop_commas(number) || !jb_decimal_parse(jb_str_of(number), &parsed))
        return false;
    parsed.units = minus ? -parsed.units : parsed.units;
    *ret_number = parsed;
    return true;
}

/* ---- doubles --------------------------------------------------------------------------------------------------------- */

bool jb_decimal_of_double(double number, struct jb_decimal *ret_number)
{
    char text[32];
    struct jb_decimal parsed;

    if (!isfinite(number))
        return false;
    snprintf(text, sizeof text, "%.14e", number);
    /* Trailing zeros go first, so that 1e-18 is not refused for the zeros behind its 1. */
    char *exponent = strchr(text, 'e'), *end = exponent, out[32];
    while (end[-1] == '0')
        end--;
    if (end[-1] == '.')
        end--;
    snprintf(out, sizeof out, "%.*s%s", (int)(end - text), text, exponent);
    if (!jb_decimal_parse(jb_str_of(out), &parsed))
        return false;
    *ret_number = jb_decimal_trim(parsed);
    return true;
}

double jb_decimal_to_double(struct jb_decimal number)
{
    char text[JB_DECIMAL_TEXT_SIZE];
    jb_decimal_text(number, text);
    return strtod(text, NULL); /* rounds once, where units / 10^scale would round twice */
}

/* ---- sums -------------------------------------------------------------------------------------------------------------- */

static jb__int128 at_scale(struct jb_decimal number, int scale)
{
    return number.units * power(scale - number.scale);
}

bool jb_decimal_add(struct jb_decimal a, struct jb_decimal b, struct jb_decimal *ret_sum)
{
    int scale = JB_MAX(a.scale, b.scale);
    return fit(at_scale(a, scale) + at_scale(b, scale), scale, ret_sum);
}

bool jb_decimal_subtract(struct jb_decimal a, struct jb_decimal b, struct jb_decimal *ret_difference)
{
    b.units = -b.units;
    return jb_decimal_add(a, b, ret_difference);
}

bool jb_decimal_multiply(struct jb_decimal a, struct jb_decimal b, struct jb_decimal *ret_product)
{
    return fit((jb__int128)a.units * b.units, a.scale + b.scale, ret_product);
}

int jb_decimal_compare(struct jb_decimal a, struct jb_decimal b)
{
    int scale = JB_MAX(a.scale, b.scale);
    jb__int128 x = at_scale(a, scale), y = at_scale(b, scale);
    return (x > y) - (x < y);
}

bool jb_decimal_rescale(struct jb_decimal number, int scale, struct jb_decimal *ret_number)
{
    struct jb_decimal rounded;

    if (!jb_decimal_round(number, scale, &rounded) || jb_decimal_compare(rounded, number) != 0)
        return false;
    *ret_number = rounded;
    return true;
}

bool jb_decimal_round(struct jb_decimal number, int scale, struct jb_decimal *ret_number)
{
    jb__int128 units;

    if (scale < 0 || scale > JB_DECIMAL_DIGITS_MAX)
        return false;
    if (scale >= number.scale) {
        units = at_scale(number, scale);
    } else {
        jb__int128 unit = power(number.scale - scale), rest = number.units % unit;
        units = number.units / unit;
        int half = (magnitude(rest) * 2 > unit) - (magnitude(rest) * 2 < unit);
        if (half > 0 || (half == 0 && units % 2 != 0))
            units += number.units < 0 ? -1 : 1;
    }
    if (magnitude(units) >= UNITS_LIMIT)
        return false;
    *ret_number = (struct jb_decimal){ (int64_t)units, scale };
    return true;
}

struct jb_decimal jb_decimal_trim(struct jb_decimal number)
{
    while (number.scale > 0 && number.units % 10 == 0) {
        number.units /= 10;
        number.scale--;
    }
    return number;
}

/* ---- text ---------------------------------------------------------------------------------------------------------------- */

struct jb_str jb_decimal_text(struct jb_decimal number, char out[JB_DECIMAL_TEXT_SIZE])
{
    char digits[JB_DECIMAL_TEXT_SIZE], *to = out;

    JB_CHECK(number.scale >= 0 && number.scale <= JB_DECIMAL_DIGITS_MAX && magnitude(number.units) < UNITS_LIMIT);
    int count = snprintf(digits, sizeof digits, "%0*lld", number.scale + 1, (long long)magnitude(number.units));
    if (number.units < 0)
        *to++ = '-';
    memcpy(to, digits, (size_t)(count - number.scale));
    to += count - number.scale;
    if (number.scale) {
        *to++ = '.';
        memcpy(to, digits + count - number.scale, (size_t)number.scale);
        to += number.scale;
    }
    *to = '\0';
    return (struct jb_str){ out, (size_t)(to - out) };
}

struct jb_str jb_decimal_text_people(struct jb_decimal number, char out[48])
{
    char plain_text[JB_DECIMAL_TEXT_SIZE], *to = out;
    struct jb_str text = jb_decimal_text(number, plain_text);
    size_t at = 0;

    if (number.units < 0) {
        memcpy(to, "\xE2\x88\x92", 3); /* U+2212 */
        to += 3;
        at = 1;
    }
    size_t point = JB_MIN(jb_str_find_char(text, '.', 0), text.size);
    for (; at < text.size; at++) {
        *to++ = text.data[at];
        if (at + 1 < point && (point - at - 1) % 3 == 0)
            *to++ = ',';
    }
    *to = '\0';
    return (struct jb_str){ out, (size_t)(to - out) };
}

/* ---- sums of many -------------------------------------------------------------------------------------------------------- */

struct jb_str jb_decimal_sum_text(jb_decimal_sum units, int scale, char out[JB_DECIMAL_SUM_TEXT_SIZE])
{
    char digits[JB_DECIMAL_SUM_TEXT_SIZE], *end = digits + sizeof digits, *at = end;
    jb__uint128 rest = units < 0 ? -(jb__uint128)units : (jb__uint128)units;

    JB_CHECK(scale >= 0 && scale <= JB_DECIMAL_DIGITS_MAX);
    for (int count = 0; rest > 0 || count <= scale; count++, rest /= 10) {
        if (count == scale && count > 0)
            *--at = '.';
        *--at = (char)('0' + (int)(rest % 10));
    }
    if (units < 0)
        *--at = '-';
    memcpy(out, at, (size_t)(end - at));
    out[end - at] = '\0';
    return (struct jb_str){ out, (size_t)(end - at) };
}

bool jb_decimal_sum_parse(struct jb_str text, int scale, jb_decimal_sum *ret_units)
{
    bool minus = text.size > 0 && text.data[0] == '-', point = false;
    size_t at = minus, first = at;
    int decimals = 0;
    jb__int128 units = 0;

    for (; at < text.size && (digit(text.data[at]) || (text.data[at] == '.' && !point && at > first)); at++) {
        if (text.data[at] == '.') {
            point = true;
            continue;
        }
        if (point && ++decimals > scale) {
            if (text.data[at] != '0')
                return false;
            continue;
        }
        units = units * 10 + (text.data[at] - '0');
        if (units >= power(37))
            return false;
    }
    int missing = scale - JB_MIN(decimals, scale);
    if (at != text.size || at == first || text.data[at - 1] == '.' || scale < 0 || missing > JB_DECIMAL_DIGITS_MAX || units >= power(37 - missing))
        return false;
    units *= power(missing);
    *ret_units = minus ? -units : units;
    return true;
}
