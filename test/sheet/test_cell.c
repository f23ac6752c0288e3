/* test_cell.c — what cells mean: exact numbers, dates in two calendars, formats, values for fields. */
// SPDX-License-Identifier: Apache-2.0
#include "make.h"

static struct jb_cell number(const char *text)
{
    struct jb_cell cell = { .type = JB_CELL_NUMBER, .column = 1, .text = jb_str_of(text) };
    CHECK(jb__number_parse(cell.text, &cell.serial));
    return cell;
}

static struct jb_cell text(const char *z)
{
    return (struct jb_cell){ .type = JB_CELL_TEXT, .column = 1, .text = jb_str_of(z) };
}

static struct jb_cell date(const char *serial, bool has_time)
{
    struct jb_cell cell = number(serial);
    cell.type = JB_CELL_DATE;
    cell.has_time = has_time;
    return cell;
}

static const struct jb_sheet book = { .format = JB_SHEET_XLSX };
static const struct jb_sheet book1904 = { .format = JB_SHEET_XLSX, .date1904 = true };
static const struct jb_sheet csv = { .format = JB_SHEET_CSV };

JB_TEST("numbers are parsed as strtod would, and nothing else is a number")
{
    static const char *const good[] = { "0", "-0", "1", "123456789012345", "0.1", "1e22", "1E-22", "3.14159265358979", "1234567890.12345", "123456789012345678901234567890", "1.7976931348623157E308", "4.9E-324", ".5", "5.", "+7",
        "0.000000000000000000000001", "9007199254740993", "0.30000000000000004", "1e-400" };
    static const char *const bad[] = { "", "-", ".", "e5", "1e", "0x10", "inf", "nan", "1 2", "1,000", "1e99999", "1E400", "--1", "1.2.3" };
    double got;
    for (size_t i = 0; i < JB_COUNT(good); i++) {
        CHECK(jb__number_parse(jb_str_of(good[i]), &got));
        CHECK(got == strtod(good[i], NULL));
    }
    for (size_t i = 0; i < JB_COUNT(bad); i++)
        CHECK(!jb__number_parse(jb_str_of(bad[i]), &got));
}

static void check_decimal(const char *raw, int64_t units, int scale)
{
    struct jb_cell cell = number(raw);
    struct jb_decimal got = { 0, 0 };
    fprintf(stderr, "# %s\n", raw);
    CHECK(jb_cell_decimal(&cell, &got));
    CHECK_INT(got.units, units);
    CHECK_INT(got.scale, scale);
}

JB_TEST("a cell's number is exact, or what Excel shows of it")
{
    check_decimal("1234.50", 12345, 1);
    check_decimal("0.1", 1, 1);
    check_decimal("0.30000000000000004", 3, 1);
    check_decimal("1234.5600000000001", 123456, 2);
    check_decimal("999999999999999", 999999999999999, 0);
    check_decimal("1.5E+3", 1500, 0);
    check_decimal("1E-2", 1, 2);
    check_decimal("12345678901234567", 12345678901234600, 0);
    check_decimal("-0.0", 0, 0);
    struct jb_cell huge = number("1E+30");
    struct jb_decimal ignored;
    CHECK(!jb_cell_decimal(&huge, &ignored));
}

static void check_time(const struct jb_sheet *sheet, const char *serial, const char *iso)
{
    struct jb_civil civil;
    char got[40];
    struct jb_cell cell = date(serial, true);
    CHECK(jb_cell_time(sheet, &cell, &civil));
    snprintf(got, sizeof got, "%04d-%02d-%02d %02d:%02d:%02d.%06d", civil.year, civil.month, civil.day, civil.hour, civil.minute, civil.second, civil.microsecond);
    CHECK_TEXT(jb_str_of(got), iso);
}

JB_TEST("serials are days of a calendar that has a false 29 February 1900")
{
    check_time(&book, "1", "1900-01-01 00:00:00.000000");
    check_time(&book, "59", "1900-02-28 00:00:00.000000");
    check_time(&book, "61", "1900-03-01 00:00:00.000000");
    check_time(&book, "45688.5", "2025-01-31 12:00:00.000000");
    check_time(&book, "45688.604166666664", "2025-01-31 14:30:00.000000");
    check_time(&book, "45688.6041666667", "2025-01-31 14:30:00.000000");
    check_time(&book, "1.9999999999999998", "1900-01-02 00:00:00.000000");
    check_time(&book, "2958465", "9999-12-31 00:00:00.000000");
    check_time(&book1904, "0", "1904-01-01 00:00:00.000000");
    check_time(&book1904, "40908", "2016-01-01 00:00:00.000000");
    static const char *const none[] = { "0", "0.5", "-1", "60", "60.5", "2958466", "1e300" };
    struct jb_civil ignored;
    for (size_t i = 0; i < JB_COUNT(none); i++) {
        struct jb_cell cell = date(none[i], true);
        CHECK(!jb_cell_time(&book, &cell, &ignored));
    }
}

JB_TEST("formats that show a date or a time are told from those that do not")
{
    static const struct {
        const char *code;
        enum jb__format format;
    } formats[] = { { "General", JB__FORMAT_NUMBER }, { "GENERAL", JB__FORMAT_NUMBER }, { "0.00E+00", JB__FORMAT_NUMBER }, { "#,##0\"원\"", JB__FORMAT_NUMBER }, { "[Red]0", JB__FORMAT_NUMBER }, { "\"day\"0", JB__FORMAT_NUMBER },
        { "\\d0", JB__FORMAT_NUMBER }, { "[$-412]#,##0", JB__FORMAT_NUMBER }, { "[$₩-412]#,##0.00", JB__FORMAT_NUMBER }, { "[>=100]0;0", JB__FORMAT_NUMBER }, { "0_m", JB__FORMAT_NUMBER }, { "0;\"d\"", JB__FORMAT_NUMBER }, { "@", JB__FORMAT_NUMBER },
        { "[DBNum1]0", JB__FORMAT_NUMBER }, { "yyyy-mm-dd", JB__FORMAT_DATE }, { "[$-412]yyyy\"년\" m\"월\" d\"일\";@", JB__FORMAT_DATE }, { "mmm", JB__FORMAT_DATE }, { "aaaa", JB__FORMAT_DATE }, { "ggge", JB__FORMAT_DATE },
        { "h:mm", JB__FORMAT_TIME }, { "[h]:mm:ss", JB__FORMAT_TIME }, { "[mm]", JB__FORMAT_TIME }, { "mm:ss.0", JB__FORMAT_TIME }, { "yyyy-mm-dd hh:mm", JB__FORMAT_TIME }, { "AM/PM h", JB__FORMAT_TIME }, { "", JB__FORMAT_NUMBER },
        { "[", JB__FORMAT_NUMBER }, { "\"", JB__FORMAT_NUMBER }, { "\\", JB__FORMAT_NUMBER } };
    for (size_t i = 0; i < JB_COUNT(formats); i++) {
        fprintf(stderr, "# %s\n", formats[i].code);
        CHECK_INT(jb__format_of(jb_str_of(formats[i].code)), formats[i].format);
    }
    CHECK_INT(jb__format_builtin(14), JB__FORMAT_DATE);
    CHECK_INT(jb__format_builtin(31), JB__FORMAT_DATE);
    CHECK_INT(jb__format_builtin(22), JB__FORMAT_TIME);
    CHECK_INT(jb__format_builtin(44), JB__FORMAT_NUMBER);
}

JB_TEST("columns have letters")
{
    char out[4];
    CHECK_TEXT(jb_column_letters(1, out), "A");
    CHECK_TEXT(jb_column_letters(26, out), "Z");
    CHECK_TEXT(jb_column_letters(27, out), "AA");
    CHECK_TEXT(jb_column_letters(702, out), "ZZ");
    CHECK_TEXT(jb_column_letters(703, out), "AAA");
    CHECK_TEXT(jb_column_letters(16384, out), "XFD");
}

JB_TEST("a cell as text is what people see")
{
    struct jb_cell cells[] = { number("1.0"), number("1E+20"), date("45688", false), date("45688.5", true), date("0.4375", true), text("007") };
    static const char *const want[] = { "1", "1E+20", "2025-01-31", "2025-01-31T12:00:00", "10:30:00", "007" };
    for (size_t i = 0; i < JB_COUNT(cells); i++)
        CHECK_TEXT(jb_cell_text(&book, scope, &cells[i]), want[i]);
}

/* ---- values for fields -------------------------------------------------------------------------------------------------------- */

static const struct jb_choice kinds[] = { { "in", "수입", "Income", 1 }, { "out", "지출", NULL, 2 }, { 0 } };
static const struct jb_field fields[] = {
    { .name = "memo", .type = JB_TEXT },
    { .name = "amount", .type = JB_DECIMAL, .digits = 15, .decimals = 2 },
    { .name = "count", .type = JB_INT64 },
    { .name = "day", .type = JB_DATE },
    { .name = "month", .type = JB_MONTH },
    { .name = "at", .type = JB_TIME },
    { .name = "done", .type = JB_BOOL },
    { .name = "kind", .type = JB_TEXT, .choices = kinds },
};
enum {
    MEMO,
    AMOUNT,
    COUNT,
    DAY,
    MONTH,
    AT,
    DONE,
    KIND,
};

static void check_value(struct jb_scope *scope, struct jb_cell cell, int field, const char *want)
{
    struct jb_value value;
    CHECK_OK(jb_cell_value(&book, scope, &cell, &fields[field], &value));
    CHECK_TEXT(jb_value_text(scope, value), want);
}

JB_TEST("a cell becomes the value that its field wants")
{
    check_value(scope, number("20250131"), MEMO, "20250131");
    check_value(scope, date("45688", false), MEMO, "2025-01-31");
    check_value(scope, number("1234.5"), AMOUNT, "1234.5");
    check_value(scope, text("₩1,234,000"), AMOUNT, "1234000");
    check_value(scope, text("(1,000)"), AMOUNT, "-1000");
    check_value(scope, number("3"), COUNT, "3");
    check_value(scope, date("45688", false), DAY, "2025-01-31");
    check_value(scope, number("20250131"), DAY, "2025-01-31");
    check_value(scope, text("2025년 1월 31일"), DAY, "2025-01-31");
    check_value(scope, text("2025.01.31"), DAY, "2025-01-31");
    check_value(scope, date("45688", false), MONTH, "2025-01");
    check_value(scope, text("2025-01"), MONTH, "2025-01");
    check_value(scope, date("45688.5", true), AT, "2025-01-31T12:00:00Z");
    check_value(scope, (struct jb_cell){ .type = JB_CELL_BOOL, .truth = true }, DONE, "true");
    check_value(scope, number("0"), DONE, "false");
    check_value(scope, text("수입"), KIND, "in");
    check_value(scope, text("  "), AMOUNT, "");
    check_value(scope, (struct jb_cell){ .type = JB_CELL_EMPTY }, DAY, "");
}

JB_TEST("a cell that does not fit is refused with the reason alone")
{
    struct jb_value value;
    struct jb_cell error = { .type = JB_CELL_ERROR, .text = JB_STR("#N/A") }, noon = date("45688.5", true), early = date("0.5", true), abc = text("abc"), huge = number("1E+30");
    CHECK_FAILS(jb_cell_value(&book, scope, &error, &fields[MEMO], &value), JB_INVALID);
    CHECK_FAILS(jb_cell_value(&book, scope, &noon, &fields[DAY], &value), JB_INVALID);
    CHECK_FAILS(jb_cell_value(&book, scope, &early, &fields[DAY], &value), JB_INVALID);
    CHECK_FAILS(jb_cell_value(&book, scope, &noon, &fields[AMOUNT], &value), JB_INVALID);
    CHECK_FAILS(jb_cell_value(&book, scope, &abc, &fields[AMOUNT], &value), JB_INVALID);
    CHECK_FAILS(jb_cell_value(&book, scope, &huge, &fields[AMOUNT], &value), JB_INVALID);
    CHECK_FAILS(jb_cell_value(&book, scope, &abc, &fields[KIND], &value), JB_INVALID);
}

JB_TEST("a text that was guarded in a CSV loses the guard, in a workbook it keeps it")
{
    struct jb_cell guarded = text("'=1+1"), plain = text("'quoted'"), twice = text("''=1");
    CHECK_TEXT(jb_cell_text(&csv, scope, &guarded), "=1+1");
    CHECK_TEXT(jb_cell_text(&csv, scope, &plain), "'quoted'");
    CHECK_TEXT(jb_cell_text(&csv, scope, &twice), "'=1");
    CHECK_TEXT(jb_cell_text(&book, scope, &guarded), "'=1+1");
}
