/* format.c — does a number format show a date?
 *
 * Excel keeps dates as numbers; only the cell's format tells. A format code is looked through once per style: literals, colours, locales and conditions are
 * stepped over, what remains is date letters or digits. */
// SPDX-License-Identifier: Apache-2.0
#include "sheet/sheet_private.h"

/* Formats that are never written down in the file. 27-36 and 50-58 are the dates of the Korean, Chinese and Japanese Excel. */
enum jb__format jb__format_builtin(int id)
{
    if ((id >= 18 && id <= 22) || (id >= 45 && id <= 47) || (id >= 32 && id <= 35) || id == 55 || id == 56)
        return JB__FORMAT_TIME;
    if ((id >= 14 && id <= 17) || (id >= 27 && id <= 36) || (id >= 50 && id <= 58))
        return JB__FORMAT_DATE;
    return JB__FORMAT_NUMBER;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* [h], [mm], [ss]: elapsed time. `at` behind the bracket; moved behind its end. */
static bool elapsed(struct jb_str code, size_t *at)
{
    size_t close = JB_MIN(jb_str_find_char(code, ']', *at), code.size);
    struct jb_str inside = jb_str_slice(code, *at, close);
    *at = close + 1;
    if (inside.size == 0)
        return false;
    char unit = lower(inside.data[0]);
    if (unit != 'h' && unit != 'm' && unit != 's')
        return false;
    for (size_t i = 1; i < inside.size; i++)
        if (lower(inside.data[i]) != unit)
            return false;
    return true;
}

static bool starts_nocase(struct jb_str code, size_t at, struct jb_str word)
{
    return jb_str_equal_nocase(jb_str_slice(code, at, at + word.size), word);
}

struct seen {
    bool date, month, time, digits;
};

/* One letter or sign of the code, outside literals. Returns how many bytes it takes. */
static size_t see(struct jb_str code, size_t at, struct seen *seen)
{
    char c = lower(code.data[at]);
    if (starts_nocase(code, at, JB_STR("general")))
        return 7;
    if (starts_nocase(code, at, JB_STR("am/pm"))) {
        seen->time = true;
        return 5;
    }
    if (starts_nocase(code, at, JB_STR("a/p"))) {
        seen->time = true;
        return 3;
    }
    if (c == 'e' && at + 1 < code.size && (code.data[at + 1] == '+' || code.data[at + 1] == '-')) {
        seen->digits = true; /* 0.00E+00 */
        return 2;
    }
    if (c == 'y' || c == 'd' || (c == 'e' && !seen->digits) || starts_nocase(code, at, JB_STR("aaa")))
        seen->date = true;
    else if (c == 'm')
        seen->month = true;
    else if (c == 'h' || c == 's')
        seen->time = true;
    else if (c == '0' || c == '#' || c == '?' || c == '@')
        seen->digits = true;
    return 1;
}

/* Only the first section counts: the others are for negative numbers, zero and text. */
enum jb__format jb__format_of(struct jb_str code)
{
    struct seen seen = { 0 };
    for (size_t at = 0; at < code.size && code.data[at] != ';';) {
        char c = code.data[at];
        if (c == '"')
            at = JB_MIN(jb_str_find_char(code, '"', at + 1), code.size) + 1;
        else if (c == '\\' || c == '_' || c == '*')
            at += 2;
        else if (c == '[') {
            at++;
            seen.time |= elapsed(code, &at);
        } else {
            at += see(code, at, &seen);
        }
    }
    if (seen.time)
        return JB__FORMAT_TIME;
    return seen.date || seen.month ? JB__FORMAT_DATE : JB__FORMAT_NUMBER;
}
