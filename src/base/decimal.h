/* decimal.h — exact decimal numbers of at most 18 digits.  Money is never a double.
 *
 * value = units / 10^scale, 0 <= scale <= 18, |units| < 10^18.  Every operation is exact or says no. */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_BASE_DECIMAL_H
#define JB_BASE_DECIMAL_H

#include "base/str.h"

#define JB_DECIMAL_DIGITS_MAX 18
#define JB_DECIMAL_TEXT_SIZE 24

struct jb_decimal {
    int64_t units;
    int32_t scale;
};

/* Optional sign, digits, optional point and digits, optional exponent (`1.5e3`), nothing else.  The scale is the number of decimals
 * written (after the exponent).  false when it is not that form or does not fit in 18 digits. */
bool jb_decimal_parse(struct jb_str text, struct jb_decimal *ret_number);

/* An amount as people write it: also `1,234,000`, `₩1,000`, `1,000원`, `(1,000)` for minus, U+2212 minus, blanks around, full-width digits.
 * Thousands commas must stand at thousands. */
bool jb_decimal_parse_loose(struct jb_str text, struct jb_decimal *ret_number);

/* The number that Excel shows for a double: its 15 significant digits, without trailing zeros.  false for inf, nan, or outside 18 digits. */
bool jb_decimal_of_double(double number, struct jb_decimal *ret_number);
double jb_decimal_to_double(struct jb_decimal number);

bool jb_decimal_add(struct jb_decimal a, struct jb_decimal b, struct jb_decimal *ret_sum);
bool jb_decimal_subtract(struct jb_decimal a, struct jb_decimal b, struct jb_decimal *ret_difference);
bool jb_decimal_multiply(struct jb_decimal a, struct jb_decimal b, struct jb_decimal *ret_product);
/* By value: 1.0 equals 1.00.  Returns <0, 0, >0. */
int jb_decimal_compare(struct jb_decimal a, struct jb_decimal b);
/* The same value with another scale; false when digits would be lost or it does not fit. */
bool jb_decimal_rescale(struct jb_decimal number, int scale, struct jb_decimal *ret_number);
/* The nearest value with that scale, halves to even. */
bool jb_decimal_round(struct jb_decimal number, int scale, struct jb_decimal *ret_number);
/* Without trailing zeros after the point. */
struct jb_decimal jb_decimal_trim(struct jb_decimal number);

/* `-1234.50`: all decimals of its scale, no exponent. */
struct jb_str jb_decimal_text(struct jb_decimal number, char out[JB_DECIMAL_TEXT_SIZE]);
/* `−1,234.5`: thousands commas, U+2212 for minus, for people. `out` needs 48 bytes. */
struct jb_str jb_decimal_text_people(struct jb_decimal number, char out[48]);

/* Units of any number of decimals of one scale, added up. */
__extension__ typedef __int128 jb_decimal_sum;
#define JB_DECIMAL_SUM_TEXT_SIZE 48
/* As jb_decimal_text, with as many digits as it takes. */
struct jb_str jb_decimal_sum_text(jb_decimal_sum units, int scale, char out[JB_DECIMAL_SUM_TEXT_SIZE]);
/* Sign, digits, point and digits; false when it is not that form, when digits beyond the scale are not 0, or over 37 digits. */
bool jb_decimal_sum_parse(struct jb_str text, int scale, jb_decimal_sum *ret_units);

#endif
