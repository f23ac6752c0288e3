/* test_json_read.c — objects as rows: as programs write them, and those that nobody should have written. */
// SPDX-License-Identifier: Apache-2.0
#include "make.h"

static struct jb_str json(struct jb_scope *scope, const char *text)
{
    return cells_of(scope, write_file(scope, ".json", jb_str_of(text)), NULL);
}

#define JSON_BYTES(bytes) cells_of(scope, write_file(scope, ".json", (struct jb_str){ bytes, sizeof bytes - 1 }), NULL)

/* ---- rows --------------------------------------------------------------------------------------------------------------- */

JB_TEST("an array of objects is a sheet with the names as its head row")
{
    CHECK_TEXT(json(scope, " [ {\"전표\": \"007\", \"income\": 1234567.10, \"done\": true},\n{ \"done\" : false , \"전표\":\"8\",\"income\":-0.5e2 } ] \n"),
        "1\t1\ts\t\"전표\"\n1\t2\ts\t\"income\"\n1\t3\ts\t\"done\"\n2\t1\ts\t\"007\"\n2\t2\tn\t1234567.1\n2\t3\tb\t1\n3\t1\ts\t\"8\"\n3\t2\tn\t-50\n3\t3\tb\t0\n");
}

JB_TEST("an object a line is the row below its line's number, blank lines counted")
{
    CHECK_TEXT(json(scope, "{\"a\":1}\r\n\r\n  {\"a\":2} \n{}\n{\"a\":null}\n{\"a\":\"\"}\n{\"a\":3}"), "1\t1\ts\t\"a\"\n2\t1\tn\t1\n4\t1\tn\t2\n8\t1\tn\t3\n");
}

JB_TEST("a name may be met first in any object, and the others have no cell there")
{
    CHECK_TEXT(json(scope, "[{\"a\":1},{\"b\":2,\"a\":null},{\"c\":3,\"b\":4}]"), "1\t1\ts\t\"a\"\n1\t2\ts\t\"b\"\n1\t3\ts\t\"c\"\n2\t1\tn\t1\n3\t2\tn\t2\n4\t2\tn\t4\n4\t3\tn\t3\n");
}

JB_TEST("numbers keep all their digits, as amounts and as text")
{
    static const struct jb_field amount = { .name = "income", .type = JB_DECIMAL, .digits = 18, .decimals = 2 }, memo = { .name = "memo", .type = JB_TEXT }, count = { .name = "count", .type = JB_INT64 };
    struct jb_sheet *sheet = jb_sheet_open(scope, write_file(scope, ".json", JB_STR("[{\"a\":1234567890123456.78,\"b\":1.50,\"c\":100.0,\"d\":1e3,\"e\":12345678901234567890123,\"f\":1e999,\"g\":9007199254740993}]")), JB_STR_NULL, NULL);
    struct jb_sheet_row row;
    struct jb_value value;
    char text[JB_DECIMAL_TEXT_SIZE];

    CHECK(sheet && jb_sheet_next(sheet, scope, &row) && jb_sheet_next(sheet, scope, &row) && row.count == 7);
    CHECK(jb_cell_value(sheet, scope, &row.cells[0], &amount, &value));
    CHECK_TEXT(jb_decimal_text(value.decimal, text), "1234567890123456.78");
    CHECK(jb_cell_value(sheet, scope, &row.cells[1], &memo, &value));
    CHECK_TEXT(value.text, "1.50");
    CHECK(jb_cell_value(sheet, scope, &row.cells[2], &count, &value));
    CHECK_INT(value.number, 100);
    CHECK(jb_cell_value(sheet, scope, &row.cells[3], &count, &value));
    CHECK_INT(value.number, 1000);
    CHECK(jb_cell_value(sheet, scope, &row.cells[6], &count, &value));
    CHECK_INT(value.number, 9007199254740993);
    for (size_t i = 4; i < 6; i++) {
        CHECK(!jb_cell_value(sheet, scope, &row.cells[i], &amount, &value));
        CHECK_INT(jb_error(scope), JB_INVALID);
        jb_failure_clear(scope);
    }
    jb_sheet_close(sheet);
}

JB_TEST("escapes are characters, and a Hangul that was taken apart is whole")
{
    CHECK_TEXT(json(scope, "[{\"a\\u0062\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\uac00\\uD83D\\uDE00 \xe1\x84\x80\xe1\x85\xa1\"}]"), "1\t1\ts\t\"ab\"\n2\t1\ts\t\"\\\"\\\\/\\b\\f\\n\\r\\t가😀 가\"\n");
}

JB_TEST("a mark, UTF-16 and CP949 are understood as in a CSV")
{
    CHECK_TEXT(json(scope, "\xef\xbb\xbf[{\"a\":\"가\"}]"), "1\t1\ts\t\"a\"\n2\t1\ts\t\"가\"\n");
    CHECK_TEXT(JSON_BYTES("\xff\xfe[\0{\0\"\0a\0\"\0:\0\"\0\0\xac\"\0}\0]\0"), "1\t1\ts\t\"a\"\n2\t1\ts\t\"가\"\n");
    CHECK_TEXT(JSON_BYTES("[{\"a\":\"\xb0\xa1\"}]"), "1\t1\ts\t\"a\"\n2\t1\ts\t\"가\"\n");
    CHECK_SAYS(cells_of(scope, write_file(scope, ".json", JB_STR("[{\"a\":1},{\"a\":\"\xff\"}]")), &(struct jb_sheet_options){ .encoding = JB_STR("utf-8") }), "3행(1번째 줄): UTF-8이 아닌 글자");
}

JB_TEST("objects are known by what the file is called, and by how it begins")
{
    static const char *const json_names[] = { ".json", ".JSONL", ".ndjson", "", ".dat" }, *const others[] = { ".csv", ".txt" };
    for (size_t i = 0; i < JB_COUNT(json_names); i++)
        CHECK_TEXT(cells_of(scope, write_file(scope, json_names[i], JB_STR(" {\"a\":1}\n")), NULL), "1\t1\ts\t\"a\"\n2\t1\tn\t1\n");
    for (size_t i = 0; i < JB_COUNT(others); i++)
        CHECK_SAYS(cells_of(scope, write_file(scope, others[i], JB_STR("{\"a\":1}\n")), NULL), "1\t1\ts\t");
    CHECK_TEXT(cells_of(scope, write_file(scope, ".txt", JB_STR("{\"a\":1}\n")), &(struct jb_sheet_options){ .format = JB_SHEET_JSON }), "1\t1\ts\t\"a\"\n2\t1\tn\t1\n");
    struct jb_sheet *sheet = jb_sheet_open(scope, write_file(scope, ".json", JB_STR("{\"a\":1}\n")), JB_STR_NULL, &(struct jb_sheet_options){ .format = JB_SHEET_JSON });
    CHECK(sheet && jb_sheet_format_of(sheet) == JB_SHEET_JSONL && jb_sheet_progress(sheet).rows_hint == 2);
    jb_sheet_close(sheet);
}

JB_TEST("nothing at all is no rows")
{
    CHECK_TEXT(json(scope, "[]"), "");
    CHECK_TEXT(json(scope, "[{}, {}]\n"), "");
}

JB_TEST("many objects arrive whole, whatever the windows cut")
{
    struct jb_buf text = JB_BUF_INIT((size_t)64 << 20);
    struct jb_sheet_row row;
    int64_t count = 0;
    for (int i = 1; i <= 20000; i++)
        jb_buf_printf(&text, "{\"n\": %d, \"text\": \"%d \\uac00 %.*s\"}\n", i, i, i % 97 / 3 * 3, "가나다라마바사아자차카타파하가나다라마바사아자차카타파하가나다라마바사아자차카타파하");
    struct jb_sheet *sheet = jb_sheet_open(scope, write_file(scope, ".jsonl", jb_buf_str(&text)), JB_STR_NULL, NULL);
    jb_buf_done(&text);
    CHECK(sheet && jb_sheet_next(sheet, scope, &row));
    while (jb_sheet_next(sheet, scope, &row)) {
        count++;
        CHECK_INT(row.number, count + 1);
        CHECK_INT(row.cells[0].serial, count);
        CHECK_TEXT(row.cells[1].text, jb_format(scope, "%lld 가 %.*s", (long long)count, (int)(count % 97 / 3 * 3), "가나다라마바사아자차카타파하가나다라마바사아자차카타파하가나다라마바사아자차카타파하").data);
    }
    CHECK(!jb_failure(scope));
    CHECK_INT(count, 20000);
    jb_sheet_close(sheet);
}

/* ---- files that are none --------------------------------------------------------------------------------------------------- */

JB_TEST("what is wrong is one sentence with row and line, and no row is given before it")
{
    static const struct {
        const char *text, *says;
    } cases[] = {
        { "hello", "JSON이 아닙니다" },
        { "  ", "JSON이 아닙니다" },
        { "[1,2]", "2행(1번째 줄): 객체가 아닙니다" },
        { "[{\"a\":1},\n[2]]", "3행(2번째 줄): 객체가 아닙니다" },
        { "[{\"a\":1},\n{\"a\":{\"b\":1}}]", "3행(2번째 줄) ‘a’: 값이 객체나 배열입니다" },
        { "{\"rows\":[{\"a\":1}]}", "2행(1번째 줄) ‘rows’: 값이 객체나 배열입니다" },
        { "[{\"a\":1,\"b\":2,\"a\":3}]", "‘a’: 같은 이름이 두 번" },
        { "[{\"\":1}]", "이름이 비어 있습니다" },
        { "[{\"a\":1}", "파일이 중간에 끝납니다" },
        { "[{\"a\":1},", "파일이 중간에 끝납니다" },
        { "[{\"a\":\"x", "파일이 중간에 끝납니다" },
        { "[{\"a\":\"x\\", "파일이 중간에 끝납니다" },
        { "[{\"a\"", "파일이 중간에 끝납니다" },
        { "[{\"a\":", "파일이 중간에 끝납니다" },
        { "[", "파일이 중간에 끝납니다" },
        { "[{\"a\":1},]", "객체가 아닙니다" },
        { "[{\"a\":1,}]", "이름이 와야 합니다" },
        { "[{\"a\":1} {\"a\":2}]", "객체 뒤에는 쉼표나 ]" },
        { "[{\"a\":1}] x", "배열 뒤에 무엇이 더" },
        { "[{\"a\" 1}]", "이름 뒤에는 :" },
        { "[{\"a\":}]", "값이 없거나" },
        { "[{\"a\":nul}]", "값이 아닙니다" },
        { "[{\"a\":007}]", "0으로 시작하는 번호" },
        { "[{\"a\":1.}]", "수가 아닙니다" },
        { "[{\"a\":-}]", "수가 아닙니다" },
        { "[{\"a\":1e}]", "수가 아닙니다" },
        { "[{\"a\":\"line\nbreak\"}]", "줄바꿈이나 제어 문자" },
        { "[{\"a\":\"\\x\"}]", "모르는 \\ 표기" },
        { "[{\"a\":\"\\u12g4\"}]", "16진수 네 자리" },
        { "[{\"a\":\"\\ud800\"}]", "짝이 없는 대리 문자" },
        { "[{\"a\":\"\\u0000\"}]", "NUL" },
        { "{\"a\":1}\n{\"a\":2},\n", "3행(2번째 줄): 객체 뒤에 무엇이 더" },
        { "{\"a\":1}\n{\n\"a\":2}\n", "3행(2번째 줄): 객체가 한 줄에 있지 않습니다" },
        { "{\"a\":1}\nx\n", "3행(2번째 줄): 객체가 아닙니다" },
    };
    for (size_t i = 0; i < JB_COUNT(cases); i++) {
        struct jb_str says = json(scope, cases[i].text);
        if (jb_str_find(says, jb_str_of(cases[i].says), 0) == SIZE_MAX || jb_str_find(says, JB_STR("\t"), 0) != SIZE_MAX)
            CHECK_TEXT(says, cases[i].says);
    }
    CHECK_SAYS(JSON_BYTES("[{\"a\":\"x\0y\"}]"), "2행(1번째 줄): 쓸 수 없는 글자(NUL)");
}

JB_TEST("limits of a cell, of names and of rows hold, and depth costs nothing")
{
    const char *path = write_file(scope, ".json", JB_STR("[{\"a\":\"가나다\",\"b\":1},{\"c\":2}]"));
    char *deep = jb_alloc(scope, 1000001);
    memset(deep, '[', 1000000);
    memcpy(deep, "[{\"a\":", 6);
    CHECK_SAYS(json(scope, deep), "값이 객체나 배열입니다");
    CHECK_SAYS(cells_of(scope, path, &(struct jb_sheet_options){ .cell_chars_max = 2 }), "2행(1번째 줄): 셀의 글자가 2자를 넘습니다");
    CHECK_SAYS(cells_of(scope, path, &(struct jb_sheet_options){ .columns_max = 2 }), "3행에서 이름이 2개를 넘습니다");
    CHECK_SAYS(cells_of(scope, path, &(struct jb_sheet_options){ .rows_max = 2 }), "행이 2개를 넘습니다");
    CHECK_SAYS(cells_of(scope, path, &(struct jb_sheet_options){ .sheet = JB_STR("x") }), "시트가 없습니다");
}
