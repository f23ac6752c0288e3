/* test_postgres_type.c — values and rows in PostgreSQL's binary form, against bytes as its documentation and its source have them. */
// SPDX-License-Identifier: Apache-2.0
#include "store/postgres_private.h"
#include "store_test.h"

/* The bytes as "0002 0000", for comparing. */
static struct jb_str hex(struct jb_scope *scope, const char *bytes, size_t size)
{
    struct jb_buf buf = JB_BUF_INIT(10000);

    for (size_t i = 0; i < size; i++)
        jb_buf_printf(&buf, "%s%02x", i > 0 && i % 2 == 0 ? " " : "", (unsigned char)bytes[i]);
    struct jb_str text = jb_copy(scope, jb_buf_str(&buf));
    jb_buf_done(&buf);
    return text;
}

static struct jb_str bytes_of(struct jb_scope *scope, const char *digits)
{
    char *bytes = jb_alloc(scope, strlen(digits) / 2 + 1);
    size_t size = 0;

    for (; *digits; digits += *digits == ' ' ? 1 : 2) {
        unsigned byte;
        if (*digits != ' ' && sscanf(digits, "%2x", &byte) == 1)
            bytes[size++] = (char)byte;
    }
    return (struct jb_str){ bytes, size };
}

static struct jb_decimal decimal(const char *text)
{
    struct jb_decimal number = { 0, 0 };
    CHECK(jb_decimal_parse(jb_str_of(text), &number));
    return number;
}

static struct jb_str numeric_hex(struct jb_scope *scope, const char *text)
{
    char out[JB__PG_NUMERIC_BYTES_MAX];
    return hex(scope, out, jb__pg_numeric_put(out, decimal(text)));
}

/* ---- numeric ------------------------------------------------------------------------------------------------------------------------- */

JB_TEST("a decimal is a numeric of digits of base 10,000 without zeros at its ends")
{
    CHECK_TEXT(numeric_hex(scope, "0"), "0000 0000 0000 0000");
    CHECK_TEXT(numeric_hex(scope, "0.00"), "0000 0000 0000 0002");
    CHECK_TEXT(numeric_hex(scope, "1"), "0001 0000 0000 0000 0001");
    CHECK_TEXT(numeric_hex(scope, "-0.01"), "0001 ffff 4000 0002 0064");
    CHECK_TEXT(numeric_hex(scope, "0.00001"), "0001 fffe 0000 0005 03e8");
    CHECK_TEXT(numeric_hex(scope, "9999"), "0001 0000 0000 0000 270f");
    CHECK_TEXT(numeric_hex(scope, "10000"), "0001 0001 0000 0000 0001");
    CHECK_TEXT(numeric_hex(scope, "-12345.60"), "0003 0001 4000 0002 0001 0929 1770");
    CHECK_TEXT(numeric_hex(scope, "100000000.0001"), "0004 0002 0000 0004 0001 0000 0000 0001");
    CHECK_TEXT(numeric_hex(scope, "999999999999999999"), "0005 0004 0000 0000 0063 270f 270f 270f 270f");
    CHECK_TEXT(numeric_hex(scope, "0.999999999999999999"), "0005 ffff 0000 0012 270f 270f 270f 270f 26ac");
    CHECK_TEXT(numeric_hex(scope, "0.000000000000000001"), "0001 fffb 0000 0012 0064");
}

JB_TEST("a decimal comes back from its numeric, whatever its size and scale")
{
    static const int64_t numbers[] = { 0, 1, 9, 10, 99, 9999, 10000, 10001, 99999999, 100000000, 123456789012345678, 999999999999999999, 100000000000000000 };

    for (size_t i = 0; i < JB_COUNT(numbers); i++)
        for (int scale = 0; scale <= 18; scale++)
            for (int sign = -1; sign <= 1; sign += 2) {
                char out[JB__PG_NUMERIC_BYTES_MAX], text[JB_DECIMAL_TEXT_SIZE];
                struct jb_decimal number = { numbers[i] * sign, scale };
                struct jb_str bytes = { out, jb__pg_numeric_put(out, number) }, got;
                int64_t units;
                bool exact;
                CHECK(jb__pg_numeric_get(bytes, scale, &units, &exact));
                CHECK_INT(units, number.units);
                CHECK(exact);
                CHECK(jb__pg_numeric_text(scope, bytes, &got));
                CHECK_STR(got, jb_decimal_text(number, text));
            }
}

static int64_t units_of(struct jb_scope *scope, const char *digits, int scale)
{
    int64_t units = -1;
    bool exact;
    CHECK(jb__pg_numeric_get(bytes_of(scope, digits), scale, &units, &exact));
    return units;
}

JB_TEST("a numeric of more decimals is rounded, halves away from zero")
{
    static const char *const third = "0003 0000 0000 0010 0001 0d05 0d05", *const half = "0002 ffff 4000 0006 0064 1388"; /* 1.33333333, -0.01005 */

    CHECK_INT(units_of(scope, third, 2), 133);
    CHECK_INT(units_of(scope, third, 0), 1);
    CHECK_INT(units_of(scope, "0001 ffff 0000 0003 0032", 2), 1);         /* 0.005 */
    CHECK_INT(units_of(scope, "0001 ffff 4000 0003 0032", 2), -1);        /* -0.005 */
    CHECK_INT(units_of(scope, "0001 ffff 0000 0003 0031", 2), 0);         /* 0.0049 */
    CHECK_INT(units_of(scope, "0001 ffff 0000 0001 1388", 0), 1);         /* 0.5 */
    CHECK_INT(units_of(scope, "0001 fffe 0000 0005 1388", 4), 1);         /* 0.00005 */
    CHECK_INT(units_of(scope, "0001 fffd 0000 0009 270f", 4), 0);         /* 0.000000009999 */
    CHECK_INT(units_of(scope, "0002 0000 0000 0002 0063 26ac", 2), 9999); /* 99.99 */
    CHECK_INT(units_of(scope, half, 4), -101);
}

JB_TEST("a numeric that is too big, no number, or not as long as it says is refused")
{
    static const char *const broken[] = { "", "0001 0000 0000", "0001 0000 0000 0000", "0001 0000 0000 0000 0001 0001", "0001 0000 0000 0000 2710", "ffff 0000 0000 0000 0001" };
    static const char *const special[] = { "0000 0000 c000 0000", "0000 0000 d000 0020", "0000 0000 f000 0020" }, *const words[] = { "NaN", "Infinity", "-Infinity" };
    struct jb_str text;
    int64_t units;
    bool exact;

    for (size_t i = 0; i < JB_COUNT(broken); i++) {
        CHECK(!jb__pg_numeric_get(bytes_of(scope, broken[i]), 2, &units, &exact));
        CHECK(!jb__pg_numeric_text(scope, bytes_of(scope, broken[i]), &text));
    }
    for (size_t i = 0; i < JB_COUNT(special); i++) {
        CHECK(!jb__pg_numeric_get(bytes_of(scope, special[i]), 2, &units, &exact));
        CHECK(jb__pg_numeric_text(scope, bytes_of(scope, special[i]), &text));
        CHECK_TEXT(text, words[i]);
    }
    CHECK(!jb__pg_numeric_get(bytes_of(scope, "0001 7fff 0000 0000 0001"), 0, &units, &exact));
    CHECK_INT(units_of(scope, "0005 0004 0000 0000 039a 0d2c 0170 1565 16af", 0), INT64_MAX);
    CHECK(!jb__pg_numeric_get(bytes_of(scope, "0005 0004 0000 0000 039a 0d2c 0170 1565 16b0"), 0, &units, &exact));
    CHECK(!jb__pg_numeric_get(bytes_of(scope, "0005 0004 0000 0000 270f 270f 270f 270f 270f"), 0, &units, &exact));
    CHECK(jb__pg_numeric_text(scope, bytes_of(scope, "0005 0004 0000 0002 270f 0001 270f 270f 270f"), &text));
    CHECK_TEXT(text, "99990001999999999999.00");
}

/* ---- parameters ------------------------------------------------------------------------------------------------------------------------- */

/* "null", "text:…", or the bytes. */
static struct jb_str encoded(struct jb_scope *scope, Oid type, struct jb_value value)
{
    struct jb__pg_params params;

    if (!jb__pg_encode(scope, JB_STR("select ?"), &type, &value, 1, &params)) {
        CHECK_INT(jb_error(scope), JB_INVALID);
        jb_failure_clear(scope);
        return JB_STR("refused");
    }
    CHECK_INT(params.count, 1);
    if (!params.values[0])
        return JB_STR("null");
    if (params.formats[0])
        return hex(scope, params.values[0], (size_t)params.lengths[0]);
    CHECK_INT(params.values[0][params.lengths[0]], '\0');
    return jb_format(scope, "text:%s", params.values[0]);
}

#define CHECK_ENCODED(type, value, want) CHECK_TEXT(encoded(scope, (type), (value)), (want))

JB_TEST("an int takes the type that the server names, when it fits")
{
    CHECK_ENCODED(JB__PG_INT2, jb_v(-2), "fffe");
    CHECK_ENCODED(JB__PG_INT4, jb_v(65536), "0001 0000");
    CHECK_ENCODED(JB__PG_INT8, jb_v(-1), "ffff ffff ffff ffff");
    CHECK_ENCODED(JB__PG_OID, jb_v((int64_t)4294967295), "ffff ffff");
    CHECK_ENCODED(JB__PG_NUMERIC, jb_v(-10000), "0001 0001 4000 0000 0001");
    CHECK_ENCODED(JB__PG_NUMERIC, jb_v(INT64_MIN), "0005 0004 4000 0000 039a 0d2c 0170 1565 16b0");
    CHECK_ENCODED(JB__PG_BOOL, jb_v(1), "01");
    CHECK_ENCODED(JB__PG_BOOL, jb_v(0), "00");
    CHECK_ENCODED(JB__PG_BOOL, jb_v(2), "refused");
    CHECK_ENCODED(JB__PG_TEXT, jb_v(-12), "2d31 32");
    CHECK_ENCODED(JB__PG_FLOAT8, jb_v(7), "text:7");
    CHECK_ENCODED(JB__PG_INT2, jb_v(32768), "refused");
    CHECK_ENCODED(JB__PG_INT4, jb_v((int64_t)2147483648), "refused");
    CHECK_ENCODED(JB__PG_OID, jb_v(-1), "refused");
    CHECK_ENCODED(JB__PG_DATE, jb_v(1), "refused");
    CHECK_ENCODED(JB__PG_TIMESTAMPTZ, jb_v(1), "refused");
}

JB_TEST("truths and decimals face every kind of number that holds them")
{
    CHECK_ENCODED(JB__PG_BOOL, jb_v_bool(true), "01");
    CHECK_ENCODED(JB__PG_INT4, jb_v_bool(true), "0000 0001");
    CHECK_ENCODED(JB__PG_NUMERIC, jb_v_bool(true), "0001 0000 0000 0000 0001");
    CHECK_ENCODED(JB__PG_TEXT, jb_v_bool(false), "6661 6c73 65");
    CHECK_ENCODED(JB__PG_FLOAT8, jb_v_bool(true), "text:1");
    CHECK_ENCODED(JB__PG_NUMERIC, jb_v(decimal("1.50")), "0002 0000 0000 0002 0001 1388");
    CHECK_ENCODED(JB__PG_INT4, jb_v(decimal("12.00")), "0000 000c");
    CHECK_ENCODED(JB__PG_INT4, jb_v(decimal("12.01")), "refused");
    CHECK_ENCODED(JB__PG_INT2, jb_v(decimal("40000")), "refused");
    CHECK_ENCODED(JB__PG_FLOAT8, jb_v(decimal("-0.25")), "text:-0.25");
    CHECK_ENCODED(JB__PG_VARCHAR, jb_v(decimal("-0.25")), "2d30 2e32 35");
    CHECK_ENCODED(JB__PG_DATE, jb_v(decimal("1")), "refused");
}

JB_TEST("dates, months and instants count from 2000-01-01, also before it")
{
    struct jb_time epoch = { 946684800 * JB_SECOND_US }, before = { -1 };

    CHECK_ENCODED(JB__PG_DATE, jb_v(day(2000, 1, 1)), "0000 0000");
    CHECK_ENCODED(JB__PG_DATE, jb_v(day(1999, 12, 31)), "ffff ffff");
    CHECK_ENCODED(JB__PG_DATE, jb_v(jb_date_month(day(2000, 2, 29))), "0000 001f");
    CHECK_ENCODED(JB__PG_DATE, jb_v(day(1, 1, 1)), "fff4 dbf9");
    CHECK_ENCODED(JB__PG_DATE, jb_v(day(9999, 12, 31)), "002c 95d3");
    CHECK_ENCODED(JB__PG_DATE, jb_v(((struct jb_date){ 2932897 })), "refused");
    CHECK_ENCODED(JB__PG_DATE, jb_v(((struct jb_month){ 100000 })), "refused");
    CHECK_ENCODED(JB__PG_DATE, jb_v(epoch), "refused");
    CHECK_ENCODED(JB__PG_TIMESTAMPTZ, jb_v(epoch), "0000 0000 0000 0000");
    CHECK_ENCODED(JB__PG_TIMESTAMP, jb_v(before), "fffc a2fe c4c8 1fff");
    CHECK_ENCODED(JB__PG_TIMESTAMPTZ, jb_v(day(2000, 1, 2)), "0000 0014 1dd7 6000");
    CHECK_ENCODED(JB__PG_TIMESTAMPTZ, jb_v(((struct jb_time){ INT64_MAX })), "refused");
    CHECK_ENCODED(JB__PG_TEXT, jb_v(day(2000, 1, 1)), "3230 3030 2d30 312d 3031");
    CHECK_ENCODED(JB__PG_TEXT, jb_v(jb_date_month(day(2000, 1, 1))), "3230 3030 2d30 31");
    CHECK_ENCODED(114, jb_v(before), "text:1969-12-31T23:59:59.999999Z");
    CHECK_ENCODED(JB__PG_INT4, jb_v(day(2000, 1, 1)), "refused");
}

JB_TEST("text that faces something else is parsed by the server, but a month there is its first day")
{
    CHECK_ENCODED(JB__PG_TEXT, jb_v(JB_STR("가")), "eab0 80");
    CHECK_ENCODED(JB__PG_VARCHAR, jb_v(JB_STR("")), "");
    CHECK_ENCODED(JB__PG_TEXT, jb_v(JB_STR_NULL), "null");
    CHECK_ENCODED(JB__PG_DATE, jb_v(JB_STR("2000-01-02")), "text:2000-01-02");
    CHECK_ENCODED(JB__PG_DATE, jb_v(JB_STR("2000-02")), "0000 001f");
    CHECK_ENCODED(JB__PG_NUMERIC, jb_v(JB_STR("1.5")), "text:1.5");
    CHECK_ENCODED(JB__PG_INT8, jb_v(JB_STR("12")), "text:12");
    CHECK_ENCODED(JB__PG_BOOL, jb_v(JB_STR("true")), "text:true");
    CHECK_ENCODED(3802, jb_v(JB_STR("{}")), "text:{}");
    CHECK_ENCODED(3802, jb_v(JB_STR("{\0}")), "refused");
    CHECK_ENCODED(JB__PG_INT4, jb_v_null(), "null");
}

JB_TEST("ids are one array, also none of them")
{
    static const int64_t ids[] = { 1, -2 };
    struct jb_ids none = { NULL, 0 }, two = { ids, 2 };

    CHECK_ENCODED(JB__PG_INT8_ARRAY, jb_v(none), "0000 0000 0000 0000 0000 0014");
    CHECK_ENCODED(JB__PG_INT8_ARRAY, jb_v(two), "0000 0001 0000 0000 0000 0014 0000 0002 0000 0001 0000 0008 0000 0000 0000 0001 0000 0008 ffff ffff ffff fffe");
    CHECK_ENCODED(1007, jb_v(two), "text:{1,-2}");
    CHECK_ENCODED(JB__PG_INT8, jb_v(two), "refused");
}

/* ---- COPY ------------------------------------------------------------------------------------------------------------------------------- */

static struct jb_str field_bytes(struct jb_scope *scope, const char *name, struct jb_value value)
{
    struct jb_buf buf = JB_BUF_INIT(1000);
    const struct jb_field *field = jb_record_field(&sample_entry.record, jb_str_of(name));
    bool ok = jb__pg_put_field(&buf, field, value);
    struct jb_str text = ok ? hex(scope, buf.data, buf.size) : JB_STR("refused");

    CHECK(ok || buf.size == 0);
    jb_buf_done(&buf);
    return text;
}

JB_TEST("a column of a COPY is its length and the bytes of the field's kind")
{
    CHECK_TEXT(field_bytes(scope, "id", jb_v((int64_t)7)), "0000 0008 0000 0000 0000 0007");
    CHECK_TEXT(field_bytes(scope, "memo", jb_v(JB_STR("가"))), "0000 0003 eab0 80");
    CHECK_TEXT(field_bytes(scope, "memo", jb_v(JB_STR(""))), "0000 0000");
    CHECK_TEXT(field_bytes(scope, "memo", jb_v_null()), "ffff ffff");
    CHECK_TEXT(field_bytes(scope, "income", jb_v(cents(-1))), "0000 000a 0001 ffff 4000 0002 0064");
    CHECK_TEXT(field_bytes(scope, "income", jb_v(decimal("1.001"))), "refused");
    CHECK_TEXT(field_bytes(scope, "pages", jb_v(3)), "0000 0004 0000 0003");
    CHECK_TEXT(field_bytes(scope, "pages", jb_v((int64_t)2147483648)), "refused");
    CHECK_TEXT(field_bytes(scope, "closed", jb_v_bool(true)), "0000 0001 01");
    CHECK_TEXT(field_bytes(scope, "date", jb_v(day(2000, 1, 2))), "0000 0004 0000 0001");
    CHECK_TEXT(field_bytes(scope, "month", jb_v(jb_date_month(day(2000, 2, 9)))), "0000 0004 0000 001f");
    CHECK_TEXT(field_bytes(scope, "created_at", jb_v(((struct jb_time){ 946684800000001 }))), "0000 0008 0000 0000 0000 0001");
    CHECK_TEXT(field_bytes(scope, "date", jb_v(JB_STR("2000-01-02"))), "refused");
}

/* ---- rows ------------------------------------------------------------------------------------------------------------------------------- */

struct seen {
    struct jb_str text;
    int64_t number;
    int small;
    bool truth;
    struct jb_decimal amount;
    struct jb_date date;
    struct jb_month month;
    struct jb_time time;
    uint64_t present;
};

static const struct jb_record seen_record = JB_RECORD(seen,
    JB_FIELD(seen, text),
    JB_FIELD(seen, number),
    JB_FIELD(seen, small),
    JB_FIELD(seen, truth),
    JB_FIELD(seen, amount, .digits = 18, .decimals = 2),
    JB_FIELD(seen, date),
    JB_FIELD(seen, month),
    JB_FIELD(seen, time),
    JB_PRESENCE(seen, present));

/* One column of that name and type, one row of those bytes (NULL: null), read into a record. */
static bool read_column(struct jb_scope *scope, const char *name, Oid type, const char *digits, struct seen *ret_row)
{
    PGresult *result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    PGresAttDesc column = { .name = (char *)name, .format = 1, .typid = type, .typlen = -1, .atttypmod = -1 };
    struct jb_str bytes = digits ? bytes_of(scope, digits) : JB_STR_NULL;
    struct jb__sink sink;
    struct jb__statement what = { .sql = JB_STR("select x"), .sink = &sink };

    CHECK(PQsetResultAttrs(result, 1, &column));
    CHECK(PQsetvalue(result, 0, 0, (char *)bytes.data, digits ? (int)bytes.size : -1));
    jb__sink_init(&sink, scope, &seen_record, 10);
    bool ok = jb__pg_rows_read(scope, result, &what, &(struct jb__pg_answer){ .found = false });
    if (ok && sink.count == 1)
        memcpy(ret_row, sink.data, sizeof *ret_row);
    PQclear(result);
    return ok;
}

static struct seen seen(struct jb_scope *scope, const char *name, Oid type, const char *digits)
{
    struct seen row = { 0 };
    CHECK_OK(read_column(scope, name, type, digits, &row));
    return row;
}

#define CHECK_NO_VALUE(name, type, digits)                                        \
    do {                                                                          \
        struct seen ignored;                                                      \
        CHECK_FAILS(read_column(scope, name, type, digits, &ignored), JB_BROKEN); \
    } while (0)

JB_TEST("every kind of number is read by an int or a truth when it is whole and fits")
{
    CHECK_INT(seen(scope, "number", JB__PG_INT2, "fffe").number, -2);
    CHECK_INT(seen(scope, "number", JB__PG_INT4, "8000 0000").number, INT32_MIN);
    CHECK_INT(seen(scope, "number", JB__PG_INT8, "8000 0000 0000 0000").number, INT64_MIN);
    CHECK_INT(seen(scope, "number", JB__PG_OID, "ffff ffff").number, 4294967295);
    CHECK_INT(seen(scope, "number", JB__PG_BOOL, "01").number, 1);
    CHECK_INT(seen(scope, "number", JB__PG_NUMERIC, "0005 0004 4000 0000 039a 0d2c 0170 1565 16b0").number, INT64_MIN);
    CHECK_INT(seen(scope, "small", JB__PG_INT8, "ffff ffff 8000 0000").small, INT32_MIN);
    CHECK(seen(scope, "truth", JB__PG_BOOL, "01").truth);
    CHECK(!seen(scope, "truth", JB__PG_INT4, "0000 0000").truth);
    CHECK_NO_VALUE("small", JB__PG_INT8, "0000 0000 8000 0000");
    CHECK_NO_VALUE("number", JB__PG_NUMERIC, "0002 0000 0000 0001 0001 1388");
    CHECK_NO_VALUE("number", JB__PG_TEXT, "31");
    CHECK_NO_VALUE("number", JB__PG_INT4, "0000 00");
    CHECK_NO_VALUE("number", JB__PG_INT4, "0000 0000 00");
    CHECK_NO_VALUE("number", JB__PG_INT8, "0000 0001");
    CHECK_NO_VALUE("truth", JB__PG_BOOL, "");
}

JB_TEST("numerics, ints and floats are read by a decimal at its scale")
{
    struct seen row = seen(scope, "amount", JB__PG_NUMERIC, "0002 ffff 4000 0006 0064 1388");
    CHECK_INT(row.amount.units, -1);
    CHECK_INT(row.amount.scale, 2);
    CHECK_INT(seen(scope, "amount", JB__PG_INT4, "ffff ffff").amount.units, -100);
    CHECK_INT(seen(scope, "amount", JB__PG_FLOAT8, "3fc0 0000 0000 0000").amount.units, 13); /* 0.125 */
    CHECK_INT(seen(scope, "amount", JB__PG_FLOAT4, "bfc0 0000").amount.units, -150);
    CHECK_NO_VALUE("amount", JB__PG_NUMERIC, "0000 0000 c000 0000");
    CHECK_FAILS(read_column(scope, "amount", JB__PG_NUMERIC, "0001 0004 0000 0000 0001", &row), JB_LIMIT); /* 10^16: with two decimals it has 19 digits */
    CHECK_NO_VALUE("amount", JB__PG_INT8, "7fff ffff ffff ffff");
    CHECK_NO_VALUE("amount", JB__PG_FLOAT8, "7ff0 0000 0000 0000");
    CHECK_NO_VALUE("amount", JB__PG_FLOAT8, "7ff8 0000 0000 0000");
    CHECK_NO_VALUE("amount", JB__PG_FLOAT8, "7fef ffff ffff ffff");
    CHECK_NO_VALUE("amount", JB__PG_BOOL, "01");
}

JB_TEST("dates, months and instants are read, also those before their epochs, but not infinite ones")
{
    CHECK_INT(seen(scope, "date", JB__PG_DATE, "ffff ffff").date.days, 10956);
    CHECK_INT(seen(scope, "date", JB__PG_DATE, "fff4 dbf9").date.days, day(1, 1, 1).days);
    CHECK_INT(seen(scope, "month", JB__PG_DATE, "ffff ffff").month.months, 359);
    CHECK_INT(seen(scope, "time", JB__PG_TIMESTAMPTZ, "fffc a2fe c4c8 1fff").time.us, -1);
    CHECK_INT(seen(scope, "time", JB__PG_TIMESTAMP, "0000 0000 0000 0000").time.us, 946684800 * JB_SECOND_US);
    CHECK_INT(seen(scope, "date", JB__PG_TEXT, "3230 3030 2d30 312d 3031").date.days, 10957);
    CHECK_INT(seen(scope, "month", JB__PG_TEXT, "3230 3030 2d30 31").month.months, 360);
    CHECK_NO_VALUE("date", JB__PG_DATE, "7fff ffff");
    CHECK_NO_VALUE("date", JB__PG_DATE, "8000 0000");
    CHECK_NO_VALUE("date", JB__PG_DATE, "002c 95d4"); /* 10000-01-01 */
    CHECK_NO_VALUE("month", JB__PG_DATE, "8000 0000");
    CHECK_NO_VALUE("time", JB__PG_TIMESTAMPTZ, "7fff ffff ffff ffff");
    CHECK_NO_VALUE("time", JB__PG_TIMESTAMPTZ, "8000 0000 0000 0000");
    CHECK_NO_VALUE("date", JB__PG_TIMESTAMPTZ, "0000 0000 0000 0000");
    CHECK_NO_VALUE("time", JB__PG_INT8, "0000 0000 0000 0000");
}

JB_TEST("every type has a readable text")
{
    CHECK_TEXT(seen(scope, "text", JB__PG_TEXT, "eab0 80").text, "가");
    CHECK_TEXT(seen(scope, "text", JB__PG_NAME, "61").text, "a");
    CHECK_TEXT(seen(scope, "text", JB__PG_BPCHAR, "6120").text, "a ");
    CHECK_TEXT(seen(scope, "text", JB__PG_INT8, "ffff ffff ffff ffff").text, "-1");
    CHECK_TEXT(seen(scope, "text", JB__PG_BOOL, "00").text, "false");
    CHECK_TEXT(seen(scope, "text", JB__PG_DATE, "0000 003b").text, "2000-02-29");
    CHECK_TEXT(seen(scope, "text", JB__PG_TIMESTAMPTZ, "fffc a2fe c4c8 1fff").text, "1969-12-31T23:59:59.999999Z");
    CHECK_TEXT(seen(scope, "text", JB__PG_NUMERIC, "0002 0000 4000 0003 0001 1388").text, "-1.500");
    CHECK_TEXT(seen(scope, "text", JB__PG_FLOAT8, "3fb9 9999 9999 999a").text, "0.1");
    CHECK_TEXT(seen(scope, "text", JB__PG_FLOAT8, "3fd3 3333 3333 3334").text, "0.30000000000000004");
    CHECK_TEXT(seen(scope, "text", JB__PG_FLOAT4, "3dcc cccd").text, "0.1");
    CHECK_NO_VALUE("text", JB__PG_DATE, "7fff ffff");
    CHECK_NO_VALUE("text", 2950, "0011 2233"); /* uuid: nobody has said how */
}

JB_TEST("NULL is absent, and empty text is not NULL")
{
    struct seen row = seen(scope, "text", JB__PG_TEXT, "");
    CHECK(row.text.data != NULL);
    CHECK_INT(row.present, 1);
    row = seen(scope, "text", JB__PG_TEXT, NULL);
    CHECK(row.text.data == NULL);
    CHECK_INT(row.present, 0);
    row = seen(scope, "amount", JB__PG_NUMERIC, NULL);
    CHECK_INT(row.present, 0);
    CHECK_INT(row.amount.scale, 2);
}

JB_TEST("a value that its member cannot hold, and a column without a member, are named")
{
    struct seen row;

    jb_language_set(scope, JB_EN);
    CHECK(!read_column(scope, "small", JB__PG_INT8, "0000 0000 8000 0000", &row));
    CHECK_TEXT(jb_failure_text(scope), "seen.small holds \"2147483648\", which is no value for it.");
    jb_failure_clear(scope);
    CHECK(!read_column(scope, "time", 2950, "0011", &row));
    CHECK_TEXT(jb_failure_text(scope), "seen.time holds \"2 bytes of type 2950\", which is no value for it.");
    jb_failure_clear(scope);
    CHECK(!read_column(scope, "other", JB__PG_INT8, NULL, &row));
    CHECK_TEXT(jb_failure_text(scope), "seen has no member for the column \"other\" of: select x");
    jb_failure_clear(scope);
}
