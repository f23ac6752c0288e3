/* postgres_numeric.c — numeric's binary form, there and back.
 *
 * Four 16-bit words: how many digits follow, the weight of the first, the sign, how many decimals to show. Then digits of base 10,000, each 16 bits; the digit at place i
 * counts 10,000^(weight - i). Zeros at both ends are left out. Writing is the hot path of a bulk insert: no loop over decimal digits, no 128-bit number. */
// SPDX-License-Identifier: Apache-2.0
#include "store/postgres_private.h"
#include <endian.h>
#include <stdio.h>
#include <string.h>

#define HEAD_BYTES 8
#define BASE 10000
#define BASE_DIGITS 4
#define DIGITS_MAX 10 /* five before the point, five behind it */
#define TEXT_BYTES_MAX ((size_t)1 << 18)

enum sign {
    PLUS = 0x0000,
    MINUS = 0x4000,
    NOT_A_NUMBER = 0xC000,
    INFINITE = 0xD000,
    MINUS_INFINITE = 0xF000,
};

static const uint64_t powers[] = { 1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000, 10000000000, 100000000000, 1000000000000, 10000000000000,
    100000000000000, 1000000000000000, 10000000000000000, 100000000000000000, 1000000000000000000 };

int64_t jb__pg_power(int exponent)
{
    JB_CHECK(exponent >= 0 && exponent <= JB_DECIMAL_DIGITS_MAX);
    return (int64_t)powers[exponent];
}

static void put16(char *out, uint16_t number)
{
    number = htobe16(number);
    memcpy(out, &number, sizeof number);
}

static uint16_t get16(const char *at)
{
    uint16_t number;
    memcpy(&number, at, sizeof number);
    return be16toh(number);
}

size_t jb__pg_numeric_put(char out[JB__PG_NUMERIC_BYTES_MAX], struct jb_decimal number)
{
    JB_CHECK(number.scale >= 0 && number.scale <= JB_DECIMAL_DIGITS_MAX);
    uint64_t units = number.units < 0 ? -(uint64_t)number.units : (uint64_t)number.units;
    uint64_t whole = units / powers[number.scale], rest = units % powers[number.scale];
    uint16_t digits[DIGITS_MAX];
    int first = DIGITS_MAX / 2, end = first, scale = number.scale;

    for (; whole > 0; whole /= BASE)
        digits[--first] = (uint16_t)(whole % BASE);
    for (; rest > 0 && scale > BASE_DIGITS; rest %= powers[scale]) {
        scale -= BASE_DIGITS;
        digits[end++] = (uint16_t)(rest / powers[scale]);
    }
    if (rest > 0)
        digits[end++] = (uint16_t)(rest * powers[BASE_DIGITS - scale]);
    int weight = DIGITS_MAX / 2 - 1 - first;
    for (; first < end && digits[first] == 0; first++)
        weight--;
    while (end > first && digits[end - 1] == 0)
        end--;
    put16(out, (uint16_t)(end - first));
    put16(out + 2, (uint16_t)(first < end ? weight : 0));
    put16(out + 4, number.units < 0 ? MINUS : PLUS);
    put16(out + 6, (uint16_t)number.scale);
    char *to = out + HEAD_BYTES;
    for (; first < end; first++, to += 2)
        put16(to, digits[first]);
    return (size_t)(to - out);
}

/* ---- from the server ---------------------------------------------------------------------------------------------------- */

struct numeric {
    int count, weight, decimals;
    enum sign sign;
    const char *digits;
};

static int digit_at(const struct numeric *numeric, int index)
{
    return index >= 0 && index < numeric->count ? get16(numeric->digits + 2 * (size_t)index) : 0;
}

static bool numeric_read(struct jb_str bytes, struct numeric *numeric)
{
    if (bytes.size < HEAD_BYTES)
        return false;
    *numeric = (struct numeric){ .count = get16(bytes.data), .weight = (int16_t)get16(bytes.data + 2), .decimals = get16(bytes.data + 6), .sign = get16(bytes.data + 4), .digits = bytes.data + HEAD_BYTES };
    if (bytes.size != HEAD_BYTES + 2 * (size_t)numeric->count)
        return false;
    for (int i = 0; i < numeric->count; i++)
        if (digit_at(numeric, i) >= BASE)
            return false;
    return true;
}

bool jb__pg_numeric_get(struct jb_str bytes, int scale, int64_t *ret_units, bool *ret_exact)
{
    struct numeric numeric;
    uint64_t units = 0;
    bool exact = true, up = false;

    if (!numeric_read(bytes, &numeric) || (numeric.sign != PLUS && numeric.sign != MINUS))
        return false;
    for (int i = 0; i < numeric.count; i++) {
        uint64_t digit = (uint64_t)digit_at(&numeric, i), part = digit;
        int exponent = BASE_DIGITS * (numeric.weight - i) + scale; /* of its last decimal digit, in units */
        if (digit == 0)
            continue;
        if (exponent > JB_DECIMAL_DIGITS_MAX)
            return false;
        if (exponent >= 0) {
            if (__builtin_mul_overflow(digit, powers[exponent], &part))
                return false;
        } else if (exponent >= -BASE_DIGITS) { /* the point of the units is inside or just before it */
            part = digit / powers[-exponent];
            exact &= digit % powers[-exponent] == 0;
            up = digit / powers[-exponent - 1] % 10 >= 5;
        } else {
            part = 0;
            exact = false;
        }
        if (__builtin_add_overflow(units, part, &units))
            return false;
    }
    if (__builtin_add_overflow(units, (uint64_t)up, &units) || units > (uint64_t)INT64_MAX + (numeric.sign == MINUS))
        return false;
    *ret_units = (int64_t)(numeric.sign == MINUS ? -units : units);
    *ret_exact = exact;
    return true;
}

static const char *special(enum sign sign)
{
    switch (sign) {
    case NOT_A_NUMBER: return "NaN";
    case INFINITE: return "Infinity";
    case MINUS_INFINITE: return "-Infinity";
    default: return NULL;
    }
}

bool jb__pg_numeric_text(struct jb_scope *scope, struct jb_str bytes, struct jb_str *ret_text)
{
    struct numeric numeric;
    struct jb_buf buf = JB_BUF_INIT(TEXT_BYTES_MAX);

    if (!numeric_read(bytes, &numeric))
        return false;
    if (special(numeric.sign)) {
        *ret_text = jb_str_of(special(numeric.sign));
        return true;
    }
    jb_buf_put_z(&buf, numeric.sign == MINUS ? "-" : "");
    jb_buf_printf(&buf, "%d", numeric.weight >= 0 ? digit_at(&numeric, 0) : 0);
    for (int i = 1; i <= numeric.weight; i++)
        jb_buf_printf(&buf, "%04d", digit_at(&numeric, i));
    jb_buf_put_z(&buf, numeric.decimals > 0 ? "." : "");
    for (int left = numeric.decimals, i = numeric.weight + 1; left > 0; left -= BASE_DIGITS, i++) {
        char digits[8];
        snprintf(digits, sizeof digits, "%04d", digit_at(&numeric, i) % BASE);
        jb_buf_put_bytes(&buf, digits, (size_t)JB_MIN(left, BASE_DIGITS));
    }
    *ret_text = jb_copy(scope, jb_buf_str(&buf));
    jb_buf_done(&buf);
    return true;
}
