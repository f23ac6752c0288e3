/* field.c — from what people type to values, and the table's rules.
 *
 * Each failure is the reason alone, in the words of the interface: what is wrong, then what to write instead. */
// SPDX-License-Identifier: Apache-2.0
#include "base/base_private.h"
#include "base/record.h"

#define TEXT_LENGTH_MAX 1000000
#define CHOICES_NAMED_MAX 10

#define REFUSE(scope, ...) jb_fail((scope), JB_INVALID, __VA_ARGS__)

/* ---- parsing ------------------------------------------------------------------------------------------------------------ */

static bool refuse_choice(struct jb_scope *scope, const struct jb_field *field)
{
    struct jb_buf names = JB_BUF_INIT((size_t)16 * 1024);
    size_t count = 0;

    for (const struct jb_choice *choice = field->choices; choice->name; choice++, count++) {
        if (count == CHOICES_NAMED_MAX) {
            jb_buf_put_z(&names, ", …");
            break;
        }
        struct jb_str label = jb_choice_label(scope, choice, jb_language(scope));
        jb_buf_printf(&names, "%s%.*s", count ? ", " : "", JB_FMT(label));
    }
    struct jb_str all = jb_buf_str(&names);
    REFUSE(scope, JB_L(scope, "고를 수 있는 값이 아닙니다. 다음 가운데 하나를 적으세요: %.*s", "This is not one of the choices. Use one of: %.*s"), JB_FMT(all));
    jb_buf_done(&names);
    return false;
}

static bool choice_named(const struct jb_choice *choice, struct jb_str text)
{
    return jb_str_equal_nocase(text, jb_str_of(choice->name)) || (choice->label && jb_str_is(text, choice->label)) ||
           (choice->label_en && jb_str_equal_nocase(text, jb_str_of(choice->label_en)));
}

static bool parse_choice(struct jb_scope *scope, const struct jb_field *field, struct jb_str text, struct jb_value *ret_value)
{
    int64_t number;

    for (const struct jb_choice *choice = field->choices; choice->name; choice++) {
        bool by_number = field->type != JB_TEXT && jb_str_to_int64(text, &number) && number == choice->value;
        if (by_number || choice_named(choice, text)) {
            *ret_value = field->type == JB_TEXT ? jb_v_text(jb_str_of(choice->name)) : (struct jb_value){ .type = field->type, .number = choice->value };
            return true;
        }
    }
    return refuse_choice(scope, field);
}

static bool parse_bool(struct jb_scope *scope, struct jb_str text, struct jb_value *ret_value)
{
    static const char *const yes[] = { "true", "1", "yes", "y", "on", "예", "네", "참" };
    static const char *const no[] = { "false", "0", "no", "n", "off", "아니요", "아니오", "거짓" };

    for (size_t i = 0; i < JB_COUNT(yes); i++)
        if (jb_str_equal_nocase(text, jb_str_of(yes[i])) || jb_str_equal_nocase(text, jb_str_of(no[i]))) {
            *ret_value = jb_v_bool(jb_str_equal_nocase(text, jb_str_of(yes[i])));
            return true;
        }
    return REFUSE(scope, "%s", JB_L(scope, "예나 아니요가 아닙니다. 예 또는 아니요로 적으세요.", "This is neither yes nor no. Enter yes or no."));
}

static bool parse_int(struct jb_scope *scope, const struct jb_field *field, struct jb_str text, struct jb_value *ret_value)
{
    struct jb_decimal decimal;
    int64_t number;

    if (!jb_str_to_int64(text, &number)) {
        if (!jb_decimal_parse_loose(text, &decimal))
            return REFUSE(scope, "%s", JB_L(scope, "수가 아닙니다. 숫자로 적으세요.", "This is not a number. Enter digits."));
        if (!jb_decimal_rescale(decimal, 0, &decimal))
            return REFUSE(scope, "%s", JB_L(scope, "정수가 아닙니다. 소수점 없이 적으세요.", "This is not a whole number. Leave out the decimals."));
        number = decimal.units;
    }
    if (field->type == JB_INT32 && (number < INT32_MIN || number > INT32_MAX))
        return REFUSE(scope, "%s", JB_L(scope, "너무 큰 수입니다. 2,147,483,647까지 쓸 수 있습니다.", "This number is too large. Use at most 2,147,483,647."));
    *ret_value = (struct jb_value){ .type = field->type, .number = number };
    return true;
}

static bool refuse_day(struct jb_scope *scope, int year, int month)
{
    static const char *const names[] = { "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December" };

    if (year < 1)
        return REFUSE(scope, "%s", JB_L(scope, "없는 날짜입니다. 연도는 1에서 9999까지입니다.", "There is no such date. Years run from 1 to 9999."));
    if (month < 1 || month > 12)
        return REFUSE(scope, "%s", JB_L(scope, "없는 날짜입니다. 월은 1에서 12까지입니다.", "There is no such date. Months run from 1 to 12."));
    if (jb_language(scope) == JB_KO)
        return REFUSE(scope, "없는 날짜입니다. %d월은 %d일까지입니다.", month, jb_month_days(year, month));
    return REFUSE(scope, "There is no such date. %s has %d days.", names[month - 1], jb_month_days(year, month));
}

static bool parse_date(struct jb_scope *scope, struct jb_str text, struct jb_value *ret_value)
{
    struct jb_date date;
    int year, month, day;

    if (!jb__date_scan_loose(text, &year, &month, &day))
        return REFUSE(scope, "%s", JB_L(scope, "날짜가 아닙니다. 2025-01-31처럼 적으세요.", "This is not a date. Enter it like 2025-01-31."));
    if (!jb_date_of(year, month, day, &date))
        return refuse_day(scope, year, month);
    *ret_value = jb_v_date(date);
    return true;
}

/* `2025-01`, `2025.1`, `2025/01`, `202501`, `2025년 1월`: a date without its day. */
static bool parse_month(struct jb_scope *scope, struct jb_str text, struct jb_value *ret_value)
{
    struct jb_str rest = jb_str_slice(text, 4, text.size);
    struct jb_date date;
    int year, month, ignored;

    if (text.size == 6 && jb__digits(text, 0, 6, &ignored))
        rest = jb_format(scope, "%.*s-%.*s-01", 4, text.data, 2, text.data + 4);
    else if (jb_str_ends(rest, JB_STR("월")))
        rest = jb_format(scope, "%.*s 1일", JB_FMT(text));
    else if (jb_str_starts(rest, JB_STR(".")) && jb_str_ends(rest, JB_STR(".")))
        rest = jb_format(scope, "%.*s1", JB_FMT(text));
    else
        rest = jb_format(scope, "%.*s%.*s01", JB_FMT(text), rest.size ? 1 : 0, rest.data);
    if (!jb__date_scan_loose(rest, &year, &month, &ignored))
        return REFUSE(scope, "%s", JB_L(scope, "달이 아닙니다. 2025-01처럼 적으세요.", "This is not a month. Enter it like 2025-01."));
    if (!jb_date_of(year, month, 1, &date))
        return refuse_day(scope, year, month);
    *ret_value = jb_v_month(jb_date_month(date));
    return true;
}

/* An ISO time; a loose date alone is its midnight.  Without an offset, in the site's zone. */
static bool parse_time(struct jb_scope *scope, struct jb_str text, struct jb_value *ret_value)
{
    struct jb_time time;
    struct jb_date date;

    if (!jb_time_parse(text, jb_zone_local(), &time)) {
        struct jb_civil civil;
        if (!jb_date_parse_loose(text, &date) || (civil = jb_date_civil(date), !jb_zone_time(jb_zone_local(), &civil, &time)))
            return REFUSE(scope, "%s", JB_L(scope, "시각이 아닙니다. 2025-01-31 09:30처럼 적으세요.", "This is not a time. Enter it like 2025-01-31 09:30."));
    }
    *ret_value = jb_v_time(time);
    return true;
}

bool jb_field_parse(struct jb_scope *scope, const struct jb_field *field, struct jb_str text, struct jb_value *ret_value)
{
    struct jb_str trimmed = jb_str_trim_unicode(text);
    struct jb_decimal decimal;

    if (trimmed.size == 0) {
        *ret_value = field->type == JB_TEXT && field->required ? jb_v_text(JB_STR("")) : jb_v_null();
        return true;
    }
    if (field->choices)
        return parse_choice(scope, field, trimmed, ret_value);
    switch (field->type) {
    case JB_BOOL: return parse_bool(scope, trimmed, ret_value);
    case JB_INT32:
    case JB_INT64: return parse_int(scope, field, trimmed, ret_value);
    case JB_DATE: return parse_date(scope, trimmed, ret_value);
    case JB_MONTH: return parse_month(scope, trimmed, ret_value);
    case JB_TIME: return parse_time(scope, trimmed, ret_value);
    case JB_TEXT: *ret_value = jb_v_text(field->long_text ? text : trimmed); return true;
    case JB_DECIMAL:
        if (!jb_decimal_parse_loose(trimmed, &decimal))
            return REFUSE(scope, "%s", JB_L(scope, "금액이 아닙니다. 숫자로 적으세요.", "This is not an amount. Enter digits."));
        *ret_value = jb_v_decimal(decimal);
        return true;
    default: JB_CHECK(!"a field that people fill in"); return false;
    }
}

/* ---- rules -------------------------------------------------------------------------------------------------------------- */

static bool check_text(struct jb_scope *scope, const struct jb_field *field, struct jb_str text)
{
    size_t most = field->length_max ? (size_t)field->length_max : TEXT_LENGTH_MAX;

    if (field->required && text.size == 0)
        return REFUSE(scope, "%s", JB_L(scope, "비어 있습니다. 값을 적으세요.", "This is empty. Enter a value."));
    if (!jb_utf8_valid(text))
        return REFUSE(scope, "%s", JB_L(scope, "깨진 글자가 있습니다. UTF-8로 저장해 다시 올리세요.", "This contains broken characters. Save it as UTF-8 and try again."));
    if (jb_str_find_char(text, '\0', 0) != SIZE_MAX)
        return REFUSE(scope, "%s", JB_L(scope, "쓸 수 없는 글자(NUL)가 있습니다. 지우고 다시 적으세요.", "This contains a NUL character. Remove it."));
    size_t count = jb_utf8_count(text);
    struct jb_decimal number;
    if (field->as_number && text.size > 0 && !jb_decimal_parse(text, &number))
        return REFUSE(scope, "%s", JB_L(scope, "수가 아닙니다. 1234.5처럼 적으세요.", "This is no number. Write it like 1234.5."));
    if (count > most)
        return REFUSE(scope, JB_L(scope, "%zu자입니다. %zu자까지 쓸 수 있습니다.", "This has %zu characters. Use at most %zu."), count, most);
    return true;
}

static bool check_decimal(struct jb_scope *scope, const struct jb_field *field, struct jb_decimal number)
{
    struct jb_decimal rescaled;
    int64_t limit = 1;

    if (field->digits == 0 && field->decimals == 0)
        return true;
    number = jb_decimal_trim(number);
    if (number.scale > field->decimals)
        return field->decimals ? REFUSE(scope, JB_L(scope, "소수점 아래 %d자리입니다. %d자리까지 쓸 수 있습니다.", "This has %d decimals. Use at most %d."), number.scale, field->decimals)
                               : REFUSE(scope, JB_L(scope, "소수점 아래 %d자리입니다. 소수점 없이 적으세요.", "This has %d decimals. Use none."), number.scale);
    int digits = field->digits ? field->digits : JB_DECIMAL_DIGITS_MAX;
    for (int i = 0; i < digits; i++)
        limit *= 10;
    if (!jb_decimal_rescale(number, field->decimals, &rescaled) || rescaled.units >= limit || rescaled.units <= -limit)
        return REFUSE(scope, JB_L(scope, "너무 큰 금액입니다. 정수 부분은 %d자리까지 쓸 수 있습니다.", "This amount is too large. Use at most %d digits before the point."), digits - field->decimals);
    return true;
}

static bool check_int(struct jb_scope *scope, const struct jb_field *field, int64_t number)
{
    if (field->type == JB_INT32 && (number < INT32_MIN || number > INT32_MAX))
        return REFUSE(scope, "%s", JB_L(scope, "너무 큰 수입니다. 2,147,483,647까지 쓸 수 있습니다.", "This number is too large. Use at most 2,147,483,647."));
    if (field->has_min && number < field->min)
        return REFUSE(scope, JB_L(scope, "너무 작은 수입니다. %lld 이상으로 적으세요.", "This number is too small. Use %lld or more."), (long long)field->min);
    return true;
}

bool jb_value_dated(struct jb_scope *scope, struct jb_value value)
{
    static const int64_t first_day = -719162, end_day = 2932897, first_month = (1 - 1970) * 12, end_month = (10000 - 1970) * 12;
    bool good = true;

    if (value.type == JB_DATE)
        good = value.number >= first_day && value.number < end_day;
    else if (value.type == JB_MONTH)
        good = value.number >= first_month && value.number < end_month;
    else if (value.type == JB_TIME)
        good = value.number >= first_day * JB_DAY_US && value.number < end_day * JB_DAY_US;
    return good || REFUSE(scope, "%s", JB_L(scope, "1년부터 9999년까지만 쓸 수 있습니다. 연도를 고치세요.", "Only the years 1 to 9999 can be written. Correct the year."));
}

bool jb_field_check(struct jb_scope *scope, const struct jb_field *field, struct jb_value value)
{
    if (value.type == JB_NULL)
        return !field->required || REFUSE(scope, "%s", JB_L(scope, "비어 있습니다. 값을 적으세요.", "This is empty. Enter a value."));
    bool chooses = field->choices && (value.type != JB_TEXT || value.text.size || field->required);
    switch (value.type) {
    case JB_TEXT:
        if (!check_text(scope, field, value.text))
            return false;
        break;
    case JB_DECIMAL:
        if (!check_decimal(scope, field, value.decimal))
            return false;
        break;
    case JB_INT32:
    case JB_INT64:
        if (!check_int(scope, field, value.number))
            return false;
        break;
    default:
        if (!jb_value_dated(scope, value))
            return false;
    }
    return !chooses || jb_field_choice(field, value) || refuse_choice(scope, field);
}
