/* test_write.c — what was written is read back as it was, by us and by openpyxl. */
// SPDX-License-Identifier: Apache-2.0
#include "make.h"
#include "base/json.h"

struct entry {
    struct jb_str name;
    struct jb_decimal amount;
    int64_t count;
    bool done;
    struct jb_date day;
    struct jb_month month;
    struct jb_time at;
    uint64_t present;
};
static const struct jb_record entry_record = JB_RECORD(entry,
    JB_FIELD(entry, name, .label = "이름", .unique = true, .required = true, .length_max = 40), JB_FIELD(entry, amount, .label = "금액", .digits = 15, .decimals = 2), JB_FIELD(entry, count), JB_FIELD(entry, done),
    JB_FIELD(entry, day, .label = "일자"), JB_FIELD(entry, month), JB_FIELD(entry, at), JB_PRESENCE(entry, present));
#define FIELDS 7

/* Writes the rows (FIELDS values each) and returns the path. */
static const char *write_rows(struct jb_scope *scope, struct jb_sheet_writer_options options, const struct jb_value (*rows)[FIELDS], size_t count)
{
    const struct jb_field *fields[FIELDS];
    struct jb_str titles[FIELDS];
    char *path = temporary(scope, jb_format(scope, ".%s", jb_sheet_format_name(options.format)).data);
    FILE *file = fopen(path, "wb");
    struct jb_sheet_writer *writer = jb_sheet_writer_new(scope, &options, to_file, file);
    for (size_t i = 0; i < FIELDS; i++) {
        fields[i] = &entry_record.fields[i];
        titles[i] = jb_str_of(fields[i]->name);
    }
    CHECK_OK(jb_sheet_writer_head(writer, scope, titles, fields, FIELDS));
    for (size_t i = 0; i < count; i++)
        CHECK_OK(jb_sheet_writer_row(writer, scope, rows[i], FIELDS));
    CHECK_OK(jb_sheet_writer_finish(writer, scope));
    jb_sheet_writer_free(writer);
    fclose(file);
    return path;
}

/* Every value as it was; decimals by value. */
static void check_back(struct jb_scope *scope, const char *path, const struct jb_value (*rows)[FIELDS], size_t count)
{
    struct jb_sheet *sheet = jb_sheet_open(scope, path, JB_STR_NULL, NULL);
    struct jb_sheet_row row;
    CHECK_OK(sheet != NULL);
    CHECK(jb_sheet_next(sheet, scope, &row) && row.count == FIELDS);
    for (size_t r = 0; r < count; r++) {
        CHECK_OK(jb_sheet_next(sheet, scope, &row));
        CHECK_INT(row.number, r + 2);
        size_t at = 0;
        for (size_t i = 0; i < FIELDS; i++) {
            struct jb_cell none = { .type = JB_CELL_EMPTY };
            bool here = at < row.count && row.cells[at].column == i + 1;
            struct jb_value got;
            CHECK_OK(jb_cell_value(sheet, scope, here ? &row.cells[at] : &none, &entry_record.fields[i], &got));
            at += here;
            if (!jb_value_equal(got, rows[r][i])) {
                CHECK_STR(jb_value_text(scope, got), jb_value_text(scope, rows[r][i]));
                CHECK_INT(got.type, rows[r][i].type);
            }
        }
    }
    CHECK(!jb_sheet_next(sheet, scope, &row));
    CHECK_INT(jb_error(scope), JB_OK);
    jb_sheet_close(sheet);
}

static struct jb_value decimal(int64_t units, int32_t scale)
{
    return jb_v(((struct jb_decimal){ units, scale }));
}

static struct jb_value day(int year, int month, int date)
{
    struct jb_date result;
    CHECK(jb_date_of(year, month, date, &result));
    return jb_v(result);
}

static struct jb_value at(const char *iso)
{
    struct jb_time time;
    CHECK(jb_time_parse(jb_str_of(iso), NULL, &time));
    return jb_v(time);
}

static size_t sample(struct jb_value rows[8][FIELDS])
{
    const struct jb_value null = jb_v_null();
    const struct jb_value all[][FIELDS] = {
        { jb_v(JB_STR("가나 <b>&\"'다\"")), decimal(123450, 2), jb_v((int64_t)-7), jb_v_bool(true), day(2025, 1, 31), jb_v(((struct jb_month){ 660 })), at("2025-01-31T09:30:15Z") },
        { jb_v(JB_STR("_x0041_ 😀 \x01 tab\there")), decimal(-999999999999999, 2), jb_v((int64_t)999999999999999), jb_v_bool(false), day(1900, 1, 1), jb_v(((struct jb_month){ 0 })), at("2025-01-31T23:59:59.999999Z") },
        { jb_v(JB_STR("007")), decimal(123456789012345678, 2), jb_v(INT64_MAX), null, day(1899, 12, 31), jb_v(((struct jb_month){ -900 })), at("2025-01-31T09:30:15.123457Z") },
        { jb_v(JB_STR("a, \"b\"; c")), decimal(0, 0), jb_v(INT64_MIN), null, day(9999, 12, 31), null, at("1970-01-01T00:00Z") },
        { jb_v(JB_STR("=1+1")), null, null, null, null, null, null },
        { jb_v(JB_STR("'=1+1")), decimal(1, 18), null, null, day(1900, 3, 1), null, at("2024-02-29T12:00Z") },
    };
    memcpy(rows, all, sizeof all);
    return JB_COUNT(all);
}

static bool to_buf(void *buf, struct jb_scope *scope, const void *bytes, size_t size)
{
    (void)scope;
    jb_buf_put_bytes(buf, bytes, size);
    return true;
}

JB_TEST("a workbook that was written is read back exactly")
{
    struct jb_value rows[8][FIELDS];
    size_t count = sample(rows);
    check_back(scope, write_rows(scope, (struct jb_sheet_writer_options){ .format = JB_SHEET_XLSX }, (const struct jb_value(*)[FIELDS])rows, count), (const struct jb_value(*)[FIELDS])rows, count);
}

JB_TEST("delimited text that was written is read back exactly")
{
    struct jb_value rows[8][FIELDS];
    size_t count = sample(rows);
    static const enum jb_sheet_format formats[] = { JB_SHEET_CSV, JB_SHEET_TSV };
    for (size_t i = 0; i < 4; i++)
        check_back(scope, write_rows(scope, (struct jb_sheet_writer_options){ .format = formats[i % 2], .bom = i / 2 }, (const struct jb_value(*)[FIELDS])rows, count), (const struct jb_value(*)[FIELDS])rows, count);
}

JB_TEST("an OpenDocument spreadsheet that was written is read back exactly")
{
    struct jb_value rows[8][FIELDS];
    size_t count = sample(rows);
    rows[1][0] = jb_v(JB_STR("two  blanks\tand\r\nlines\n\n \rend"));
    check_back(scope, write_rows(scope, (struct jb_sheet_writer_options){ .format = JB_SHEET_ODS, .sheet = JB_STR("시트 <&>") }, (const struct jb_value(*)[FIELDS])rows, count), (const struct jb_value(*)[FIELDS])rows, count);
}

JB_TEST("blanks at the ends of lines are kept by OpenDocument")
{
    const char *path = temporary(scope, ".ods");
    FILE *file = fopen(path, "wb");
    struct jb_sheet_writer *writer = jb_sheet_writer_new(scope, &(struct jb_sheet_writer_options){ .format = JB_SHEET_ODS }, to_file, file);
    CHECK_OK(jb_sheet_writer_head(writer, scope, (const struct jb_str[]){ JB_STR("  a  b "), JB_STR("\n") }, NULL, 2));
    CHECK_OK(jb_sheet_writer_row(writer, scope, (const struct jb_value[]){ jb_v(JB_STR(" \t x \n  y\n")), jb_v(JB_STR(" \r\n ")) }, 2) && jb_sheet_writer_finish(writer, scope));
    jb_sheet_writer_free(writer);
    fclose(file);
    CHECK_TEXT(cells_of(scope, path, NULL), "1\t1\ts\t\"  a  b \"\n1\t2\ts\t\"\\n\"\n2\t1\ts\t\" \\t x \\n  y\\n\"\n2\t2\ts\t\" \\r\\n \"\n");
}

JB_TEST("what OpenDocument cannot hold is refused with its cell")
{
    struct jb_buf out = JB_BUF_INIT((size_t)1 << 20);
    struct jb_sheet_writer *writer = jb_sheet_writer_new(scope, &(struct jb_sheet_writer_options){ .format = JB_SHEET_ODS }, to_buf, &out);
    CHECK_OK(jb_sheet_writer_head(writer, scope, (const struct jb_str[]){ JB_STR("a"), JB_STR("b") }, NULL, 2));
    CHECK(!jb_sheet_writer_row(writer, scope, (const struct jb_value[]){ jb_v_null(), jb_v(JB_STR("x\x01")) }, 2));
    CHECK_SAYS(jb_failure_text(scope), "B2: OpenDocument에 담을 수 없는 글자(U+0001)");
    jb_failure_clear(scope);
    jb_sheet_writer_free(writer);
    jb_buf_done(&out);
}

JB_TEST("the type of an OpenDocument file stands at its beginning, as it is")
{
    struct jb_buf out = JB_BUF_INIT((size_t)1 << 20);
    struct jb_sheet_writer *writer = jb_sheet_writer_new(scope, &(struct jb_sheet_writer_options){ .format = JB_SHEET_ODS }, to_buf, &out);
    CHECK_OK(jb_sheet_writer_head(writer, scope, (const struct jb_str[]){ JB_STR("a") }, NULL, 1) && jb_sheet_writer_finish(writer, scope));
    CHECK_TEXT(jb_str_slice(jb_buf_str(&out), 30, 86), "mimetypeapplication/vnd.oasis.opendocument.spreadsheetPK");
    jb_sheet_writer_free(writer);
    jb_buf_done(&out);
}

JB_TEST("objects that were written are read back exactly, one a line or as an array")
{
    struct jb_value rows[8][FIELDS];
    size_t count = sample(rows);
    static const enum jb_sheet_format formats[] = { JB_SHEET_JSON, JB_SHEET_JSONL };
    for (size_t i = 0; i < JB_COUNT(formats); i++)
        check_back(scope, write_rows(scope, (struct jb_sheet_writer_options){ .format = formats[i] }, (const struct jb_value(*)[FIELDS])rows, count), (const struct jb_value(*)[FIELDS])rows, count);
}

JB_TEST("amounts are numbers with all their decimals, empty cells null, and no formula is guarded")
{
    static const struct {
        enum jb_sheet_format format;
        const char *rows, *none;
    } cases[] = { { JB_SHEET_JSON, "[\n{\"a \\\"\":12.50,\"b\":\"=1+1\"},\n{\"a \\\"\":null,\"b\":null}\n]\n", "[]\n" }, { JB_SHEET_JSONL, "{\"a \\\"\":12.50,\"b\":\"=1+1\"}\n{\"a \\\"\":null,\"b\":null}\n", "" } };
    const struct jb_str titles[] = { JB_STR("a \""), JB_STR("b") };
    for (size_t i = 0; i < 2 * JB_COUNT(cases); i++) {
        struct jb_buf out = JB_BUF_INIT((size_t)1 << 20);
        struct jb_sheet_writer *writer = jb_sheet_writer_new(scope, &(struct jb_sheet_writer_options){ .format = cases[i / 2].format, .bom = true }, to_buf, &out);
        CHECK_OK(jb_sheet_writer_head(writer, scope, titles, NULL, 2));
        if (i % 2 == 0)
            CHECK_OK(jb_sheet_writer_row(writer, scope, (const struct jb_value[]){ decimal(1250, 2), jb_v(JB_STR("=1+1")) }, 2) && jb_sheet_writer_row(writer, scope, NULL, 0));
        CHECK_OK(jb_sheet_writer_finish(writer, scope));
        CHECK_TEXT(jb_buf_str(&out), i % 2 == 0 ? cases[i / 2].rows : cases[i / 2].none);
        jb_sheet_writer_free(writer);
        jb_buf_done(&out);
    }
}

JB_TEST("times are written in the zone of the options")
{
    const struct jb_value rows[][FIELDS] = { { jb_v(JB_STR("x")), jb_v_null(), jb_v_null(), jb_v_null(), jb_v_null(), jb_v_null(), at("2025-01-31T23:30:00Z") } };
    struct jb_sheet_writer_options options = { .format = JB_SHEET_CSV, .zone = jb_zone_open("Asia/Seoul") };
    CHECK_SAYS(cells_of(scope, write_rows(scope, options, rows, 1), NULL), "2025-02-01T08:30:00+09:00");
    options.format = JB_SHEET_XLSX;
    CHECK_SAYS(cells_of(scope, write_rows(scope, options, rows, 1), NULL), "2\t7\td\t2025-02-01T08:30:00\n");
}

/* ---- formulas --------------------------------------------------------------------------------------------------------------- */

/* One text as the only cell below a head "t". */
static struct jb_str text_as(struct jb_scope *scope, struct jb_sheet_writer_options options, struct jb_str text, const char **ret_path)
{
    struct jb_buf buf = JB_BUF_INIT((size_t)1 << 20);
    struct jb_value value = jb_v(text);
    struct jb_sheet_writer *writer = jb_sheet_writer_new(scope, &options, to_buf, &buf);
    CHECK_OK(jb_sheet_writer_head(writer, scope, &JB_STR("t"), NULL, 1) && jb_sheet_writer_row(writer, scope, &value, 1) && jb_sheet_writer_finish(writer, scope));
    jb_sheet_writer_free(writer);
    struct jb_str bytes = jb_copy(scope, jb_buf_str(&buf));
    jb_buf_done(&buf);
    *ret_path = write_file(scope, options.format == JB_SHEET_XLSX ? ".xlsx" : ".csv", bytes);
    return bytes;
}

static struct jb_str only_text(struct jb_scope *scope, const char *path, bool raw)
{
    struct jb_sheet *sheet = jb_sheet_open(scope, path, JB_STR_NULL, &(struct jb_sheet_options){ .separator = ',' });
    struct jb_sheet_row row;
    CHECK_OK(sheet && jb_sheet_next(sheet, scope, &row) && jb_sheet_next(sheet, scope, &row) && row.count == 1);
    CHECK_INT(row.cells[0].type, JB_CELL_TEXT);
    struct jb_str text = jb_copy(scope, raw ? row.cells[0].text : jb_cell_text(sheet, scope, &row.cells[0]));
    jb_sheet_close(sheet);
    return text;
}

static void check_guard(struct jb_scope *scope, struct jb_str text, bool may_be_bare)
{
    static const char *const dangerous[] = { "=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠" };
    const char *path;
    fprintf(stderr, "# %.*s\n", JB_FMT(text));
    text_as(scope, (struct jb_sheet_writer_options){ .format = JB_SHEET_CSV }, text, &path);
    struct jb_str written = only_text(scope, path, true);
    for (size_t i = 0; i < JB_COUNT(dangerous); i++)
        CHECK(may_be_bare || !jb_str_starts(written, jb_str_of(dangerous[i])));
    CHECK(!may_be_bare || jb_str_equal(written, text));
    CHECK_STR(only_text(scope, path, false), text);
    text_as(scope, (struct jb_sheet_writer_options){ .format = JB_SHEET_CSV, .raw = true }, text, &path);
    CHECK_STR(only_text(scope, path, true), text);
    text_as(scope, (struct jb_sheet_writer_options){ .format = JB_SHEET_XLSX }, text, &path);
    CHECK_STR(only_text(scope, path, false), text);
}

JB_TEST("no exported text runs as a formula, and each comes back as it was")
{
    const char *shared = getenv("JB_SHARED");
    FILE *file = shared ? fopen(jb_format(scope, "%s/cases/vectors/formula_injection.json", shared).data, "rb") : NULL;
    if (!file)
        jb_test_skip("no shared cases at hand");
    char bytes[65536];
    struct jb_str json = { bytes, fread(bytes, 1, sizeof bytes, file) };
    fclose(file);
    struct jb_json *all = jb_json_parse(scope, json);
    CHECK_OK(all != NULL);
    CHECK(jb_json_member(all, "strings")->count > 10);
    for (const struct jb_json *text = jb_json_member(all, "strings")->first; text; text = text->next)
        check_guard(scope, text->text, false);
    for (const struct jb_json *text = jb_json_member(all, "numbers_allowed_bare")->first; text; text = text->next)
        check_guard(scope, text->text, true);
    static const char *const more[] = { "''-1+1", "'", "''", "+82 10-1234-5678", "-1e5", "@", "=", "'@'", "it's", "＠a" };
    for (size_t i = 0; i < JB_COUNT(more); i++)
        check_guard(scope, jb_str_of(more[i]), false);
}

/* ---- limits and order ---------------------------------------------------------------------------------------------------------- */

JB_TEST("a text over Excel's length is refused in a workbook and fits in a CSV")
{
    char *text = jb_alloc(scope, 40001);
    memset(text, 'a', 40000);
    struct jb_buf buf = JB_BUF_INIT((size_t)1 << 20);
    struct jb_value value = jb_v(((struct jb_str){ text, 40000 }));
    struct jb_sheet_writer *writer = jb_sheet_writer_new(scope, &(struct jb_sheet_writer_options){ .format = JB_SHEET_XLSX }, to_buf, &buf);
    CHECK_OK(jb_sheet_writer_head(writer, scope, &JB_STR("t"), NULL, 1));
    CHECK_FAILS(jb_sheet_writer_row(writer, scope, &value, 1), JB_LIMIT);
    jb_sheet_writer_free(writer);
    jb_buf_done(&buf);
    const char *path;
    text_as(scope, (struct jb_sheet_writer_options){ .format = JB_SHEET_CSV }, value.text, &path);
    CHECK_INT(only_text(scope, path, false).size, 40000);
}

JB_TEST("rows that a sheet has no room for stand in a further one of the same head")
{
    const char *path = temporary(scope, ".xlsx");
    FILE *file = fopen(path, "wb");
    struct jb_sheet_writer *writer = jb_sheet_writer_new(scope, &(struct jb_sheet_writer_options){ .format = JB_SHEET_XLSX, .sheet = JB_STR("가나다라마바사아자차카타파하가나다라마바사아자차카타파하가나다라") }, to_file, file);
    CHECK_OK(jb_sheet_writer_head(writer, scope, &JB_STR("t"), NULL, 1));
    for (int i = 2; i <= 1048576 + 2; i++) {
        struct jb_value value = jb_v(i);
        CHECK(jb_sheet_writer_row(writer, scope, &value, 1));
    }
    CHECK_INT(jb_sheet_writer_sheets(writer), 2);
    CHECK_OK(jb_sheet_writer_finish(writer, scope));
    jb_sheet_writer_free(writer);
    fclose(file);
    struct jb_sheet_row row;
    const struct jb_str *names;
    struct jb_sheet *sheet = jb_sheet_open(scope, path, JB_STR("large.xlsx"), &(struct jb_sheet_options){ 0 });
    CHECK_OK(sheet != NULL);
    CHECK_INT(jb_sheet_names(sheet, &names), 2);
    CHECK_STR(names[0], JB_STR("가나다라마바사아자차카타파하가나다라마바사아자차카타파하가나다"));
    CHECK_STR(names[1], JB_STR("가나다라마바사아자차카타파하가나다라마바사아자차카타파 (2)"));
    int64_t rows = 0;
    while (jb_sheet_next(sheet, scope, &row))
        rows++;
    CHECK_INT(rows, 1048576);
    jb_sheet_close(sheet);
    sheet = jb_sheet_open(scope, path, JB_STR("large.xlsx"), &(struct jb_sheet_options){ .sheet = JB_STR("가나다라마바사아자차카타파하가나다라마바사아자차카타파 (2)") });
    CHECK_OK(sheet != NULL && jb_sheet_next(sheet, scope, &row));
    CHECK_STR(row.cells[0].text, JB_STR("t"));
    CHECK(jb_sheet_next(sheet, scope, &row));
    CHECK_INT(row.number, 2);
    CHECK_STR(row.cells[0].text, JB_STR("1048577"));
    CHECK(jb_sheet_next(sheet, scope, &row) && !jb_sheet_next(sheet, scope, &row));
    jb_sheet_close(sheet);
}

JB_TEST("a sheet whose text would not fit into 32-bit sizes ends, and a further one goes on")
{
    const char *path = temporary(scope, ".xlsx");
    FILE *file = fopen(path, "wb");
    struct jb_sheet_writer *writer = jb_sheet_writer_new(scope, &(struct jb_sheet_writer_options){ .format = JB_SHEET_XLSX, .sheet_bytes_max = 1 << 20 }, to_file, file);
    char text[30001];
    memset(text, 'a', sizeof text);
    CHECK_OK(jb_sheet_writer_head(writer, scope, &JB_STR("t"), NULL, 1));
    for (int i = 0; i < 300; i++) {
        struct jb_value value = jb_v(((struct jb_str){ text, sizeof text - 1 }));
        CHECK(jb_sheet_writer_row(writer, scope, &value, 1));
    }
    int sheets = jb_sheet_writer_sheets(writer);
    CHECK(sheets >= 3 && sheets <= 9);
    CHECK_OK(jb_sheet_writer_finish(writer, scope));
    jb_sheet_writer_free(writer);
    fclose(file);
    struct jb_sheet_row row;
    const struct jb_str *names;
    struct jb_sheet *first = jb_sheet_open(scope, path, JB_STR("wide.xlsx"), &(struct jb_sheet_options){ 0 });
    CHECK_OK(first != NULL);
    CHECK_INT(jb_sheet_names(first, &names), sheets);
    int64_t rows = 0;
    for (int i = 0; i < sheets; i++) {
        struct jb_sheet *sheet = jb_sheet_open(scope, path, JB_STR("wide.xlsx"), &(struct jb_sheet_options){ .sheet = names[i] });
        CHECK_OK(sheet != NULL && jb_sheet_next(sheet, scope, &row)); /* the head */
        while (jb_sheet_next(sheet, scope, &row))
            rows++;
        jb_sheet_close(sheet);
    }
    jb_sheet_close(first);
    CHECK_INT(rows, 300);
}

static bool refuse_bytes(void *arg, struct jb_scope *scope, const void *bytes, size_t size)
{
    (void)bytes;
    size_t *left = arg;
    if (size > *left)
        return jb_fail(scope, JB_UNAVAILABLE, "the disk is full");
    *left -= size;
    return true;
}

JB_TEST("a sink that fails stops the writer wherever it stands")
{
    struct jb_value value = jb_v(JB_STR("some text"));
    for (size_t room = 0; room < 3000; room += 97) {
        size_t left = room;
        struct jb_sheet_writer *writer = jb_sheet_writer_new(scope, &(struct jb_sheet_writer_options){ .format = room % 2 ? JB_SHEET_XLSX : JB_SHEET_CSV }, refuse_bytes, &left);
        bool ok = jb_sheet_writer_head(writer, scope, &JB_STR("t"), NULL, 1);
        for (int i = 0; ok && i < 20000; i++)
            ok = jb_sheet_writer_row(writer, scope, &value, 1);
        ok = ok && jb_sheet_writer_finish(writer, scope);
        CHECK(!ok);
        CHECK_INT(jb_error(scope), JB_UNAVAILABLE);
        jb_failure_clear(scope);
        jb_sheet_writer_free(writer);
    }
}

JB_TEST("a sheet's name is made one that Excel takes")
{
    static const struct {
        const char *wanted, *name;
    } names[] = { { "2025/01: [장부]*?", "2025 01   장부" }, { "", "Sheet1" }, { "'", "Sheet1" }, { "가나다라마바사아자차카타파하가나다라마바사아자차카타파하가나다라", "가나다라마바사아자차카타파하가나다라마바사아자차카타파하가나다" } };
    for (size_t i = 0; i < JB_COUNT(names); i++) {
        const char *path;
        text_as(scope, (struct jb_sheet_writer_options){ .format = JB_SHEET_XLSX, .sheet = jb_str_of(names[i].wanted) }, JB_STR("x"), &path);
        struct jb_sheet *sheet = jb_sheet_open(scope, path, JB_STR_NULL, NULL);
        CHECK_OK(sheet != NULL);
        CHECK_STR(jb_str_trim(jb_sheet_name(sheet)), jb_str_of(names[i].name));
        jb_sheet_close(sheet);
    }
}

/* ---- openpyxl ------------------------------------------------------------------------------------------------------------------ */

JB_TEST("openpyxl reads what was written, with its formats and the frozen bold head")
{
    struct jb_value rows[8][FIELDS];
    size_t count = sample(rows);
    if (!jb_test_output(scope, "/usr/bin/python3 -c 'import openpyxl' 2>/dev/null").data)
        jb_test_skip("no openpyxl");
    const char *path = write_rows(scope, (struct jb_sheet_writer_options){ .format = JB_SHEET_XLSX, .sheet = JB_STR("장부") }, (const struct jb_value(*)[FIELDS])rows, count);
    struct jb_str says = jb_test_output(scope, jb_format(scope, "/usr/bin/python3 -c \"\nimport openpyxl\nw = openpyxl.load_workbook('%s')\ns = w.active\nprint(s.title, s.freeze_panes, s['A1'].font.b, s.max_row, s.max_column)\nfor c in s[2]: print(repr(c.value), c.number_format)\nprint(repr(s['E3'].value), s['B3'].value, "
                                                                "s['B4'].value, s['D3'].value)\n\"",
                                                   path)
                                                   .data);
    CHECK_TEXT(says, "장부 A2 True 7 7\n"
                     "'가나 <b>&\"\\'다\"' @\n1234.5 #,##0.00\n-7 General\nTrue General\ndatetime.datetime(2025, 1, 31, 0, 0) yyyy\\-mm\\-dd\ndatetime.datetime(2025, 1, 1, 0, 0) yyyy\\-mm\ndatetime.datetime(2025, 1, 31, 9, 30, 15) yyyy\\-mm\\-dd\\ hh:mm:ss\n"
                     "datetime.datetime(1900, 1, 1, 0, 0) -9999999999999.99 1234567890123456.78 False\n");
}

/* ---- cells that were read ----------------------------------------------------------------------------------------------------------- */

#define STYLES_OF(formats, cells) "<styleSheet xmlns=\"" MAIN "\"><numFmts count=\"9\">" formats "</numFmts><cellXfs>" cells "</cellXfs></styleSheet>"

/* Dates of both calendars, a code, leading zeros as a code and as text, a truth, an error, an ISO date, lines; row 3 has a gap. */
static const char *odd_book(struct jb_scope *scope, const char *properties)
{
    const struct part parts[] = {
        { "[Content_Types].xml", "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"/>", 0 },
        { "_rels/.rels", RELATIONS(RELATION("rId1", "officeDocument", "xl/workbook.xml")), 0 },
        { "xl/workbook.xml", jb_format(scope, BOOK("%s", "<sheet name=\"S\" sheetId=\"1\" r:id=\"rId1\"/>"), properties).data, 0 },
        { "xl/_rels/workbook.xml.rels", RELATIONS(RELATION("rId1", "worksheet", "worksheets/sheet1.xml") RELATION("rId2", "styles", "styles.xml")), 0 },
        { "xl/styles.xml", STYLES_OF("<numFmt numFmtId=\"170\" formatCode=\"yyyy&quot;년&quot;\"/><numFmt numFmtId=\"171\" formatCode=\"00000\"/>", "<xf numFmtId=\"0\"/><xf numFmtId=\"14\"/><xf numFmtId=\"170\"/><xf numFmtId=\"171\"/><xf numFmtId=\"49\"/>"), 0 },
        { "xl/worksheets/sheet1.xml",
            SHEET("<row r=\"1\"><c r=\"A1\"><v>45000.5</v></c><c r=\"B1\" s=\"1\"><v>45000</v></c><c r=\"C1\" s=\"2\"><v>45000</v></c><c r=\"D1\" s=\"3\"><v>42</v></c><c r=\"E1\" s=\"4\" t=\"str\"><v>007</v></c></row>"
                  "<row r=\"3\"><c r=\"A3\" t=\"b\"><v>1</v></c><c r=\"C3\" t=\"e\"><v>#DIV/0!</v></c><c r=\"D3\" s=\"2\" t=\"d\"><v>2024-02-29</v></c><c r=\"E3\" t=\"inlineStr\"><is><t>a&lt;\nb</t></is></c></row>"),
            0 },
        { 0 },
    };
    return zip_parts(scope, parts);
}

/* Reads a sheet and writes its cells again, those of `marked` columns coloured. */
static const char *copy_cells(struct jb_scope *scope, const char *path, uint32_t marked)
{
    struct jb_sheet *sheet = jb_sheet_open(scope, path, JB_STR_NULL, NULL);
    struct jb_number_format formats[16];
    size_t count = 0;
    struct jb_sheet_row row;
    char *copy = temporary(scope, ".xlsx");
    FILE *file = fopen(copy, "wb");

    CHECK_OK(sheet != NULL);
    for (const struct jb_number_format *format; (format = jb_sheet_number_format(sheet, (uint32_t)count)); count++)
        formats[count] = *format;
    struct jb_sheet_writer *writer = jb_sheet_writer_new(scope, &(struct jb_sheet_writer_options){ .format = JB_SHEET_XLSX, .formats = formats, .format_count = count, .date1904 = jb_sheet_date1904(sheet) }, to_file, file);
    struct jb_str titles[5] = { JB_STR("a"), JB_STR("b"), JB_STR("c"), JB_STR("d"), JB_STR("e") };
    CHECK_OK(jb_sheet_writer_head(writer, scope, titles, NULL, 5));
    while (jb_sheet_next(sheet, scope, &row)) {
        bool marks[5];
        for (size_t i = 0; i < row.count; i++)
            marks[i] = row.cells[i].column == marked;
        CHECK_OK(jb_sheet_writer_cells(writer, scope, row.cells, marks, row.count));
    }
    CHECK_OK(jb_sheet_writer_finish(writer, scope));
    jb_sheet_writer_free(writer);
    jb_sheet_close(sheet);
    fclose(file);
    return copy;
}

JB_TEST("cells that were read are written as they were, in both calendars")
{
    for (int i = 0; i < 2; i++) {
        struct jb_str copy = cells_of(scope, copy_cells(scope, odd_book(scope, i ? "<workbookPr date1904=\"1\"/>" : ""), 0), NULL);
        CHECK_SAYS(copy, "2\t1\tn\t45000.5\n");
        if (i)
            CHECK_SAYS(copy, "2\t2\td\t2027-03-16\n2\t3\td\t2027-03-16\n");
        else
            CHECK_SAYS(copy, "2\t2\td\t2023-03-15\n2\t3\td\t2023-03-15\n");
        CHECK_SAYS(copy, "2\t4\tn\t42\n2\t5\ts\t\"007\"\n");
        CHECK_SAYS(copy, "3\t1\tb\t1\n3\t3\te\t#DIV/0!\n3\t4\td\t2024-02-29\n3\t5\ts\t\"a<\\nb\"\n");
    }
}

JB_TEST("openpyxl shows copied cells by their own formats, and the marked ones coloured")
{
    if (!jb_test_output(scope, "/usr/bin/python3 -c 'import openpyxl' 2>/dev/null").data)
        jb_test_skip("no openpyxl");
    struct jb_str says = jb_test_output(scope, jb_format(scope, "/usr/bin/python3 -c \"\nimport openpyxl\ns = openpyxl.load_workbook('%s').active\nfor c in s[2]: print(c.number_format, c.fill.fgColor.rgb if c.fill.patternType else '-')\n\"", copy_cells(scope, odd_book(scope, ""), 3)).data);
    CHECK_TEXT(says, "General -\nmm-dd-yy -\nyyyy\"년\" FFFFC7CE\n00000 -\n@ -\n");
}

JB_TEST("a text over Excel's length is copied as an error that no import takes")
{
    char *text = jb_alloc(scope, 40001);
    memset(text, 'a', 40000);
    struct jb_cell cells[] = { { .type = JB_CELL_TEXT, .column = 1, .format = UINT32_MAX, .text = { text, 40000 } }, { .type = JB_CELL_TEXT, .column = 2, .format = UINT32_MAX, .text = JB_STR("007") } };
    char *path = temporary(scope, ".xlsx");
    FILE *file = fopen(path, "wb");
    struct jb_sheet_writer *writer = jb_sheet_writer_new(scope, &(struct jb_sheet_writer_options){ .format = JB_SHEET_XLSX }, to_file, file);
    CHECK_OK(jb_sheet_writer_head(writer, scope, (struct jb_str[]){ JB_STR("t"), JB_STR("u") }, NULL, 2) && jb_sheet_writer_cells(writer, scope, cells, (bool[]){ false, true }, 2) && jb_sheet_writer_finish(writer, scope));
    jb_sheet_writer_free(writer);
    fclose(file);
    CHECK_SAYS(cells_of(scope, path, NULL), "2\t1\te\t#VALUE!\n2\t2\ts\t\"007\"\n");
}

/* ---- generate -------------------------------------------------------------------------------------------------------------------- */

JB_TEST("sample rows depend on the seed and their number alone")
{
    char *first = temporary(scope, ".csv"), *second = temporary(scope, ".csv"), *other = temporary(scope, ".csv");
    CHECK_OK(jb_sheet_generate(scope, &entry_record, JB_STR("장부"), 20, 7, JB_SHEET_CSV, first));
    CHECK_OK(jb_sheet_generate(scope, &entry_record, JB_STR("장부"), 30, 7, JB_SHEET_CSV, second));
    CHECK_OK(jb_sheet_generate(scope, &entry_record, JB_STR("장부"), 20, 8, JB_SHEET_CSV, other));
    struct jb_str a = cells_of(scope, first, NULL), b = cells_of(scope, second, NULL), c = cells_of(scope, other, NULL);
    CHECK(jb_str_starts(a, JB_STR("1\t1\ts\t\"이름\"\n1\t2\ts\t\"금액\"\n")));
    CHECK(jb_str_starts(b, a));
    CHECK(!jb_str_equal(a, c));
    CHECK_SAYS(a, "\"NAME-000020\"");
}

JB_TEST("sample rows are values that their fields accept")
{
    static const enum jb_sheet_format formats[] = { JB_SHEET_XLSX, JB_SHEET_CSV };
    for (size_t f = 0; f < 2; f++) {
        char *path = temporary(scope, f ? ".csv" : ".xlsx");
        CHECK_OK(jb_sheet_generate(scope, &entry_record, JB_STR_NULL, 200, 1, formats[f], path));
        struct jb_sheet *sheet = jb_sheet_open(scope, path, JB_STR_NULL, NULL);
        struct jb_sheet_row row;
        int count = 0;
        CHECK(sheet && jb_sheet_next(sheet, scope, &row));
        for (; jb_sheet_next(sheet, scope, &row); count++)
            for (size_t i = 0; i < row.count; i++) {
                const struct jb_field *field = &entry_record.fields[row.cells[i].column - 1];
                struct jb_value value;
                CHECK_OK(jb_cell_value(sheet, scope, &row.cells[i], field, &value) && jb_field_check(scope, field, value));
            }
        CHECK_INT(count, 200);
        jb_sheet_close(sheet);
    }
}
