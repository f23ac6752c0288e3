/* test_csv.c — delimited text from every program, and two public collections of it.
 *
 * Where the collections differ we are strict: text behind a closing quote and a quote that never closes are refused with their row (Papa Parse reads on with a
 * warning), comments are data (it skips them when told to), and blank lines are counted but give no row. */
// SPDX-License-Identifier: Apache-2.0
#include "make.h"
#include "base/json.h"

#define CSV_CELLS(bytes) cells_of(scope, write_file(scope, ".csv", JB_STR(bytes)), NULL)

JB_TEST("cells are text, leading zeros and blanks survive")
{
    CHECK_TEXT(CSV_CELLS("a,b\n007, x \n"), "1\t1\ts\t\"a\"\n1\t2\ts\t\"b\"\n2\t1\ts\t\"007\"\n2\t2\ts\t\" x \"\n");
}

JB_TEST("lines end with LF, CR LF or CR, the last one needs no end, and blank ones count")
{
    CHECK_TEXT(CSV_CELLS("a\n\nb"), "1\t1\ts\t\"a\"\n3\t1\ts\t\"b\"\n");
    CHECK_TEXT(CSV_CELLS("a\r\n\r\nb\r\n"), "1\t1\ts\t\"a\"\n3\t1\ts\t\"b\"\n");
    CHECK_TEXT(CSV_CELLS("a\r\rb\r"), "1\t1\ts\t\"a\"\n3\t1\ts\t\"b\"\n");
}

JB_TEST("quotes hold separators, line ends and quotes")
{
    CHECK_TEXT(CSV_CELLS("\"a,\"\"b\"\"\",\"x\r\ny\"\n\"\",2"), "1\t1\ts\t\"a,\\\"b\\\"\"\n1\t2\ts\t\"x\\r\\ny\"\n2\t2\ts\t\"2\"\n");
}

JB_TEST("the separator is guessed from the first lines, or told by sep=")
{
    CHECK_TEXT(CSV_CELLS("일자;금액\n2025-01-31;1,5\n"), "1\t1\ts\t\"일자\"\n1\t2\ts\t\"금액\"\n2\t1\ts\t\"2025-01-31\"\n2\t2\ts\t\"1,5\"\n");
    CHECK_TEXT(CSV_CELLS("a\tb, c\n1\t2,3\n"), "1\t1\ts\t\"a\"\n1\t2\ts\t\"b, c\"\n2\t1\ts\t\"1\"\n2\t2\ts\t\"2,3\"\n");
    CHECK_TEXT(CSV_CELLS("\"a;b;c\",d\n"), "1\t1\ts\t\"a;b;c\"\n1\t2\ts\t\"d\"\n");
    CHECK_TEXT(CSV_CELLS("sep=|\r\na|b,c\n"), "2\t1\ts\t\"a\"\n2\t2\ts\t\"b,c\"\n");
}

static void check_encoding(struct jb_scope *scope, struct jb_str bytes, const char *encoding)
{
    struct jb_sheet *sheet = jb_sheet_open(scope, write_file(scope, ".csv", bytes), JB_STR_NULL, NULL);
    struct jb_sheet_row row;
    CHECK(sheet && jb_sheet_next(sheet, scope, &row));
    CHECK_TEXT(jb_sheet_encoding(sheet), encoding);
    CHECK_INT(row.count, 2);
    CHECK_TEXT(row.cells[0].text, "일자");
    CHECK_TEXT(row.cells[1].text, "ab");
    CHECK(!jb_sheet_next(sheet, scope, &row));
    CHECK_INT(jb_error(scope), JB_OK);
    jb_sheet_close(sheet);
}

JB_TEST("UTF-8, CP949 and UTF-16 are recognised, with and without their mark")
{
    check_encoding(scope, JB_STR("일자,ab\n"), "utf-8");
    check_encoding(scope, JB_STR("\xef\xbb\xbf일자,ab\n"), "utf-8");
    check_encoding(scope, JB_STR("\xc0\xcf\xc0\xda,ab\n"), "cp949");
    check_encoding(scope, JB_STR("\xff\xfe\x7c\xc7\x90\xc7,\0a\0b\0\n\0"), "utf-16le");
    check_encoding(scope, JB_STR("\xfe\xff\xc7\x7c\xc7\x90\0,\0a\0b\0\n"), "utf-16be");
    check_encoding(scope, JB_STR("\x7c\xc7\x90\xc7,\0a\0b\0\n\0"), "utf-16le");
}

JB_TEST("an encoding can be named, and one that does not hold is refused with its row")
{
    const char *path = write_file(scope, ".csv", JB_STR("a,b\n\xc0\xcf\xc0\xda,\xb1\xdd\xbe\xd7\n"));
    CHECK_TEXT(cells_of(scope, path, &(struct jb_sheet_options){ .encoding = JB_STR("EUC-KR") }), "1\t1\ts\t\"a\"\n1\t2\ts\t\"b\"\n2\t1\ts\t\"일자\"\n2\t2\ts\t\"금액\"\n");
    CHECK_SAYS(cells_of(scope, path, &(struct jb_sheet_options){ .encoding = JB_STR("utf-8") }), "2행 1열: UTF-8이 아닌 글자");
    CHECK_SAYS(cells_of(scope, path, &(struct jb_sheet_options){ .encoding = JB_STR("klingon") }), "모르는 글자 부호");
    CHECK_SAYS(CSV_CELLS("a\nb\n\xff\xff\n"), "3행: 글자 부호가 cp949");
}

JB_TEST("Hangul that macOS took apart is put together")
{
    CHECK_TEXT(CSV_CELLS("\xe1\x84\x8b\xe1\x85\xb5\xe1\x86\xaf\xe1\x84\x8c\xe1\x85\xa1,\xe1\x84\x80\n"), "1\t1\ts\t\"일자\"\n1\t2\ts\t\"\xe1\x84\x80\"\n");
}

JB_TEST("what Excel would guess at is refused with its row")
{
    CHECK_SAYS(CSV_CELLS("a,b\n1,\"2\n3,4\n"), "2행 2열: 여는 따옴표");
    CHECK_SAYS(CSV_CELLS("a,b\n1,\"2\"x\n"), "2행 2열: 닫는 따옴표 뒤");
    CHECK_SAYS(CSV_CELLS("a,b\n1,x\0y\n"), "2행 2열: 쓸 수 없는 글자(NUL)");
    CHECK_SAYS(CSV_CELLS("a,a\n1,2\n"), "'a'이(가) 두 번");
    CHECK_TEXT(CSV_CELLS("1,1\n"), "1\t1\ts\t\"1\"\n1\t2\ts\t\"1\"\n");
}

JB_TEST("the limits of the options hold, and a long cell is read without looking at it twice")
{
    const char *path = write_file(scope, ".csv", JB_STR("a,b\n1,2\n가나다,2\n"));
    CHECK_SAYS(cells_of(scope, path, &(struct jb_sheet_options){ .rows_max = 2 }), "2개를 넘습니다");
    CHECK_SAYS(cells_of(scope, path, &(struct jb_sheet_options){ .columns_max = 1 }), "1행에 열이 1개보다");
    CHECK_SAYS(cells_of(scope, path, &(struct jb_sheet_options){ .cell_chars_max = 2 }), "3행 1열: 셀의 글자가 2자");
    struct jb_buf buf = JB_BUF_INIT((size_t)8 << 20);
    jb_buf_put_char(&buf, '"');
    for (int i = 0; i < 999999; i++)
        jb_buf_put_z(&buf, i % 1000 ? "가" : "\"\"");
    jb_buf_put_z(&buf, "x\"\n");
    CHECK_INT(cells_of(scope, write_file(scope, ".csv", jb_buf_str(&buf)), NULL).size, 3 * 998999 + 2 * 1000 + 1 + strlen("1\t1\ts\t\"\"\n"));
    jb_buf_done(&buf);
}

/* ---- public collections --------------------------------------------------------------------------------------------------- */

static struct jb_json *vectors(struct jb_scope *scope, const char *name)
{
    const char *shared = getenv("JB_SHARED");
    FILE *file = shared ? fopen(jb_format(scope, "%s/cases/vectors/%s", shared, name).data, "rb") : NULL;
    if (!file)
        jb_test_skip("no shared cases at hand");
    char *bytes = jb_alloc(scope, (size_t)4 << 20);
    size_t size = fread(bytes, 1, (size_t)4 << 20, file);
    fclose(file);
    struct jb_json *json = jb_json_parse(scope, (struct jb_str){ bytes, size });
    CHECK_OK(json != NULL);
    return json;
}

static struct jb_str base64(struct jb_scope *scope, struct jb_str text)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char *out = jb_alloc(scope, text.size + 4);
    size_t size = 0;
    uint32_t bits = 0;
    int count = 0;
    for (size_t i = 0; i < text.size && text.data[i] != '='; i++) {
        bits = bits << 6 | (uint32_t)(strchr(letters, text.data[i]) - letters);
        if ((count += 6) >= 8)
            out[size++] = (char)(bits >> (count -= 8));
    }
    return (struct jb_str){ out, size };
}

/* The rows as the collection has them, without empty cells. */
static struct jb_str wanted(struct jb_scope *scope, const struct jb_json *rows)
{
    struct jb_buf buf = JB_BUF_INIT((size_t)1 << 20);
    struct jb_json_writer json;
    int r = 1;
    for (const struct jb_json *row = rows->first; row; row = row->next, r++) {
        int c = 1;
        for (const struct jb_json *cell = row->first; cell; cell = cell->next, c++)
            if (cell->text.size > 0) {
                jb_buf_printf(&buf, "%d\t%d\ts\t", r, c);
                jb_json_start(&json, &buf);
                jb_json_text(&json, cell->text);
                jb_buf_put_char(&buf, '\n');
            }
    }
    struct jb_str text = jb_copy(scope, jb_buf_str(&buf));
    jb_buf_done(&buf);
    return text;
}

/* Rows given as objects lack their head: what the cells say below the first row. */
static struct jb_str below_head(struct jb_str cells)
{
    size_t at = 0;
    while (at < cells.size && jb_str_starts(jb_str_slice(cells, at, cells.size), JB_STR("1\t")))
        at = jb_str_find_char(cells, '\n', at) + 1;
    return jb_str_slice(cells, at, cells.size);
}

/* Those files that are wrong only against their own column names are an import's to refuse. */
static bool about_columns(const struct jb_json *test)
{
    return jb_str_find(jb_json_member(test, "name")->text, JB_STR("bad-header"), 0) != SIZE_MAX;
}

JB_TEST("csv-spectrum and csv-test-data read as they should")
{
    int count = 0;
    for (const struct jb_json *test = vectors(scope, "csv_spectrum.json")->first; test; test = test->next) {
        const struct jb_json *expected = jb_json_member(test, "expected"), *refuse = jb_json_member(test, "must_refuse");
        struct jb_str name = jb_json_member(test, "name")->text;
        struct jb_str cells = cells_of(scope, write_file(scope, ".csv", base64(scope, jb_json_member(test, "csv_b64")->text)), NULL);
        fprintf(stderr, "# %.*s\n", JB_FMT(name));
        if (about_columns(test))
            continue;
        count++;
        if (refuse && refuse->type == JB_JSON_TRUE)
            CHECK_SAYS(cells, "2행 2열: 닫는 따옴표");
        else if (expected->first && expected->first->type == JB_JSON_OBJECT) {
            struct jb_str want = wanted(scope, expected), got = below_head(cells);
            for (size_t i = 0, line = 1; i < got.size; i++) /* the objects' first row is the sheet's second */
                if (line && got.data[i] != '\n' && got.data[i] != '\t') {
                    ((char *)(uintptr_t)got.data)[i]--;
                    line = 0;
                } else {
                    line = got.data[i] == '\n';
                }
            CHECK_STR(got, want);
        } else if (expected->first) {
            CHECK_STR(cells, wanted(scope, expected));
        }
    }
    CHECK(count >= 15);
}

JB_TEST("Papa Parse's core tests read alike where strictness allows")
{
    int count = 0, refused = 0;
    for (const struct jb_json *test = vectors(scope, "csv_papaparse_core.json")->first; test; test = test->next) {
        const struct jb_json *config = jb_json_member(test, "config"), *expected = jb_json_member(test, "expected");
        if (config && (jb_json_member(config, "comments") || jb_json_member(config, "header")))
            continue;
        struct jb_str input = jb_json_member(test, "input")->text;
        struct jb_str cells = cells_of(scope, write_file(scope, ".csv", input), &(struct jb_sheet_options){ .separator = ',' });
        fprintf(stderr, "# %.*s\n", JB_FMT(input));
        count++;
        if (jb_json_member(expected, "errors")->count > 0) {
            refused++;
            CHECK_SAYS(cells, "따옴표");
        } else {
            CHECK_STR(cells, wanted(scope, jb_json_member(expected, "data")));
        }
    }
    CHECK(count >= 15 && refused == 2);
}
