/* test_ods_read.c — OpenDocument spreadsheets as programs write them, and those that nobody should have written. */
// SPDX-License-Identifier: Apache-2.0
#include "make.h"

#define NAMESPACES "xmlns:office=\"urn:oasis:names:tc:opendocument:xmlns:office:1.0\" xmlns:table=\"urn:oasis:names:tc:opendocument:xmlns:table:1.0\" xmlns:text=\"urn:oasis:names:tc:opendocument:xmlns:text:1.0\""
#define CONTENT(tables) "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<office:document-content " NAMESPACES "><office:automatic-styles><style:style style:name=\"ta1\"/></office:automatic-styles><office:body><office:spreadsheet>" \
                        "<table:calculation-settings/>" tables "<table:named-expressions/></office:spreadsheet></office:body></office:document-content>"
#define TABLE(name, rows) "<table:table table:name=\"" name "\" table:style-name=\"ta1\"><table:table-column table:number-columns-repeated=\"16384\"/>" rows "</table:table>"
#define ROWS(rows) CONTENT(TABLE("시트", rows))
#define ROW(cells) "<table:table-row>" cells "</table:table-row>"
#define TEXT(paragraphs) "<table:table-cell office:value-type=\"string\">" paragraphs "</table:table-cell>"
#define FLOAT(value) "<table:table-cell office:value-type=\"float\" office:value=\"" value "\"><text:p>shown</text:p></table:table-cell>"
#define MIME "application/vnd.oasis.opendocument.spreadsheet"

static const char *make_ods(struct jb_scope *scope, const char *mime, const char *content, size_t content_size, const char *manifest)
{
    return zip_parts(scope, (struct part[]){ { "mimetype", mime, 0 }, { "content.xml", content, content_size }, { "META-INF/manifest.xml", manifest ? manifest : "<manifest/>", 0 }, { NULL, NULL, 0 } });
}

static struct jb_str ods(struct jb_scope *scope, const char *content)
{
    return cells_of(scope, make_ods(scope, MIME, content, 0, NULL), NULL);
}

/* ---- values -------------------------------------------------------------------------------------------------------------- */

JB_TEST("a cell's value is its attribute, whatever is shown")
{
    CHECK_TEXT(ods(scope, ROWS(ROW(FLOAT("1234567.10") "<table:table-cell office:value-type=\"percentage\" office:value=\"0.15\"><text:p>15 %</text:p></table:table-cell>"
                                                       "<table:table-cell office:value-type=\"currency\" office:currency=\"KRW\" office:value=\"-30000\"><text:p>-₩30,000</text:p></table:table-cell>"
                                                       "<table:table-cell office:value-type=\"boolean\" office:boolean-value=\"true\"><text:p>VRAI</text:p></table:table-cell>"
                                                       "<table:table-cell office:value-type=\"boolean\" office:boolean-value=\"false\"/>"
                                                       "<table:table-cell office:value-type=\"string\" office:string-value=\"a&#13;&#10;&lt;b\"><text:p>other</text:p></table:table-cell>"))),
        "1\t1\tn\t1234567.1\n1\t2\tn\t0.15\n1\t3\tn\t-30000\n1\t4\tb\t1\n1\t5\tb\t0\n1\t6\ts\t\"a\\r\\n<b\"\n");
}

JB_TEST("dates are as written, also before 1900, and a length of time is days")
{
#define DATE(value) "<table:table-cell office:value-type=\"date\" office:date-value=\"" value "\"><text:p>x</text:p></table:table-cell>"
#define TIME(value) "<table:table-cell office:value-type=\"time\" office:time-value=\"" value "\"><text:p>x</text:p></table:table-cell>"
    CHECK_TEXT(ods(scope, ROWS(ROW(DATE("2025-01-31") DATE("2025-01-31T09:30:00") DATE("2025-01-31T09:30:00.123456000") DATE("1900-02-28") DATE("1753-01-01") DATE("soon") TIME("PT16H45M00S") TIME("09:00:00") TIME("P1DT12H") TIME("-PT6H")
                                  TIME("PTS")))),
        "1\t1\td\t2025-01-31\n1\t2\td\t2025-01-31T09:30:00\n1\t3\td\t2025-01-31T09:30:00.123456\n1\t4\td\t1900-02-28\n1\t5\td\t1753-01-01\n1\t6\ts\t\"x\"\n1\t7\tn\t0.69791666666666663\n1\t8\tn\t0.375\n1\t9\tn\t1.5\n1\t10\tn\t-0.25\n1\t11\ts\t\"x\"\n");
}

JB_TEST("cells become values of fields: exact amounts, days, times of day as text")
{
    static const struct jb_field amount = { .name = "income", .type = JB_DECIMAL, .digits = 15, .decimals = 2 }, day = { .name = "date", .type = JB_DATE }, memo = { .name = "memo", .type = JB_TEXT };
    struct jb_sheet *sheet = jb_sheet_open(scope, make_ods(scope, MIME, ROWS(ROW(FLOAT("0.30000000000000004") DATE("2025-01-31T00:00:00") TIME("PT25H10M") DATE("2025-01-31T09:30:00"))), 0, NULL), JB_STR_NULL, NULL);
    struct jb_sheet_row row;
    struct jb_value value;
    char text[JB_DECIMAL_TEXT_SIZE];

    CHECK(sheet && jb_sheet_next(sheet, scope, &row) && row.count == 4);
    CHECK(jb_cell_value(sheet, scope, &row.cells[0], &amount, &value));
    CHECK_TEXT(jb_decimal_text(value.decimal, text), "0.3");
    CHECK(jb_cell_value(sheet, scope, &row.cells[1], &day, &value) && value.type == JB_DATE);
    CHECK(jb_cell_value(sheet, scope, &row.cells[2], &memo, &value));
    CHECK_TEXT(value.text, "25:10:00");
    CHECK(!jb_cell_value(sheet, scope, &row.cells[2], &day, &value));
    jb_failure_clear(scope);
    CHECK(!jb_cell_value(sheet, scope, &row.cells[3], &day, &value));
    CHECK_SAYS(jb_failure_text(scope), "시각이 붙어 있습니다");
    jb_failure_clear(scope);
    jb_sheet_close(sheet);
}

JB_TEST("errors of formulas are errors, not zero and not text")
{
    CHECK_TEXT(ods(scope, ROWS(ROW("<table:table-cell table:formula=\"of:=1/0\" office:value-type=\"string\" office:string-value=\"\" calcext:value-type=\"error\"><text:p>#DIV/0!</text:p></table:table-cell>"
                                   "<table:table-cell table:formula=\"of:=0/0\" office:value-type=\"float\" office:value=\"0\"><text:p>Err:502</text:p></table:table-cell>"
                                   "<table:table-cell table:formula=\"of:=1-1\" office:value-type=\"float\" office:value=\"0\"><text:p>0</text:p></table:table-cell>"
                                   "<table:table-cell office:value-type=\"string\"><text:p>#DIV/0!</text:p></table:table-cell>"))),
        "1\t1\te\t#DIV/0!\n1\t2\te\tErr:502\n1\t3\tn\t0\n1\t4\ts\t\"#DIV/0!\"\n");
}

JB_TEST("a value that its type cannot be is what was shown")
{
    CHECK_TEXT(ods(scope, ROWS(ROW("<table:table-cell office:value-type=\"float\" office:value=\"NaN\"><text:p>nothing</text:p></table:table-cell><table:table-cell office:value-type=\"float\"><text:p>12</text:p></table:table-cell>"
                                   "<table:table-cell office:value-type=\"float\" office:value=\"\"/><table:table-cell><text:p>no type</text:p></table:table-cell>"))),
        "1\t1\ts\t\"nothing\"\n1\t2\ts\t\"12\"\n1\t4\ts\t\"no type\"\n");
}

/* ---- text ----------------------------------------------------------------------------------------------------------------- */

JB_TEST("paragraphs are lines; spans, links and fields are their text")
{
    CHECK_TEXT(ods(scope, ROWS(ROW(TEXT("<text:p>가<text:span text:style-name=\"T1\">나<text:a xlink:href=\"http://x\">다</text:a></text:span></text:p><text:p/><text:p>라&amp;<![CDATA[<마>]]></text:p>") TEXT("<text:p>today: <text:date>2025</text:date></text:p>")))),
        "1\t1\ts\t\"가나다\\n\\n라&<마>\"\n1\t2\ts\t\"today: 2025\"\n");
}

JB_TEST("white space collapses, and what a program meant is written as elements")
{
    CHECK_TEXT(ods(scope, ROWS(ROW(TEXT("<text:p> \n a  b\t c </text:p>") TEXT("<text:p><text:s text:c=\"2\"/>a <text:s/>b<text:tab/>c<text:line-break/>d <text:s/></text:p>") TEXT("<text:p> <text:span> a</text:span> <text:span> b</text:span></text:p>")))),
        "1\t1\ts\t\"a b c\"\n1\t2\ts\t\"  a  b\\tc\\nd  \"\n1\t3\ts\t\"a b\"\n");
}

JB_TEST("annotations, drawings and readings are none of the text")
{
    CHECK_TEXT(ods(scope, ROWS("<table:shapes><draw:frame><text:p>far</text:p></draw:frame></table:shapes>" ROW("<table:table-cell office:value-type=\"string\"><office:annotation><dc:creator>me</dc:creator><text:p>remark</text:p></office:annotation><text:p>a<office:annotation><text:p>b</text:p></office:annotation>"
                                                                                                                "<text:ruby><text:ruby-base>東京</text:ruby-base><text:ruby-text>とうきょう</text:ruby-text></text:ruby></text:p><draw:frame><draw:text-box><text:p>box</text:p></draw:text-box></draw:frame></table:table-cell>"
                                                                                                                "<table:table-cell><office:annotation><text:p>alone</text:p></office:annotation></table:table-cell>" FLOAT("1")))),
        "1\t1\ts\t\"a東京\"\n1\t3\tn\t1\n");
}

/* ---- repetitions ------------------------------------------------------------------------------------------------------------ */

JB_TEST("cells and rows stand for as many as they say, and empty ones are only counted")
{
    CHECK_TEXT(ods(scope, ROWS(ROW("<table:table-cell table:number-columns-repeated=\"2\"/><table:table-cell table:number-columns-repeated=\"2\" office:value-type=\"float\" office:value=\"7\"/><table:covered-table-cell/>" FLOAT("8") "<table:table-cell table:number-columns-repeated=\"999999999\"/>") "<table:table-row table:number-rows-repeated=\"3\"><table:table-cell table:number-columns-repeated=\"16384\"/></table:table-row>"
                                                                                                                                                                                                                                                                                                            "<table:table-row-group><table:table-header-rows><table:table-row table:number-rows-repeated=\"2\">" FLOAT("9") "</table:table-row></table:table-header-rows></table:table-row-group>"
                                                                                                                                                                                                                                                                                                                                                                                                                            "<table:table-rows>" ROW(FLOAT("10")) "</table:table-rows>"
                                                                                                                                                                                                                                                                                                                                                                                                                                                                  "<table:table-row table:number-rows-repeated=\"99999999999999999999\"><table:table-cell/></table:table-row>")),
        "1\t3\tn\t7\n1\t4\tn\t7\n1\t6\tn\t8\n5\t1\tn\t9\n6\t1\tn\t9\n7\t1\tn\t10\n");
}

JB_TEST("a covered cell keeps what it holds")
{
    CHECK_TEXT(ods(scope, ROWS(ROW("<table:table-cell table:number-columns-spanned=\"2\" office:value-type=\"float\" office:value=\"1\"/><table:covered-table-cell office:value-type=\"float\" office:value=\"2\"/>"))), "1\t1\tn\t1\n1\t2\tn\t2\n");
}

JB_TEST("repetitions beyond the limits are refused before any of them is given")
{
    CHECK_SAYS(ods(scope, ROWS("<table:table-row table:number-rows-repeated=\"999999999\">" FLOAT("1") "</table:table-row>")), "999999999행까지 있습니다");
    CHECK_SAYS(ods(scope, ROWS("<table:table-row table:number-rows-repeated=\"99999999999999999999\">" FLOAT("1") "</table:table-row>")), "행까지 있습니다");
    CHECK_SAYS(ods(scope, ROWS(ROW("<table:table-cell table:number-columns-repeated=\"16385\" office:value-type=\"float\" office:value=\"1\"/>"))), "16384개보다 많습니다");
    CHECK_SAYS(ods(scope, ROWS("<table:table-row table:number-rows-repeated=\"1048576\"><table:table-cell table:number-columns-repeated=\"16384\" office:value-type=\"float\" office:value=\"1\"/></table:table-row>")), "되풀이된 셀");
    CHECK_SAYS(ods(scope, ROWS("<table:table-row table:number-rows-repeated=\"1048575\"><table:table-cell/></table:table-row>" ROW(FLOAT("1")) ROW(FLOAT("2")))), "1048577행까지 있습니다");
    CHECK_TEXT(ods(scope, ROWS("<table:table-row table:number-rows-repeated=\"1048575\"><table:table-cell/></table:table-row>" ROW(FLOAT("1")))), "1048576\t1\tn\t1\n");
}

/* ---- sheets ------------------------------------------------------------------------------------------------------------------ */

#define EXTERNAL "<table:table table:name=\"'file:///a.ods'#$x\" table:style-name=\"ta_extref\">" ROW(FLOAT("9")) "</table:table>"

JB_TEST("a sheet is chosen by its name or its number")
{
    const char *path = make_ods(scope, MIME, CONTENT(TABLE("하나", ROW(FLOAT("1"))) TABLE("둘 &amp; Two", ROW(FLOAT("2"))) TABLE("1", ROW(FLOAT("3"))) EXTERNAL), 0, NULL);

    CHECK_TEXT(cells_of(scope, path, NULL), "1\t1\tn\t1\n");
    CHECK_TEXT(cells_of(scope, path, &(struct jb_sheet_options){ .sheet = JB_STR(" 둘 & TWO") }), "1\t1\tn\t2\n");
    CHECK_TEXT(cells_of(scope, path, &(struct jb_sheet_options){ .sheet = JB_STR("2") }), "1\t1\tn\t2\n");
    CHECK_TEXT(cells_of(scope, path, &(struct jb_sheet_options){ .sheet = JB_STR("1") }), "1\t1\tn\t3\n"); /* its name */
    CHECK_SAYS(cells_of(scope, path, &(struct jb_sheet_options){ .sheet = JB_STR("4") }), "있는 시트: 하나, 둘 & Two, 1.");
}

JB_TEST("a sheet of many blocks arrives whole, and the sheet behind it is not read")
{
    struct jb_buf rows = JB_BUF_INIT((size_t)64 << 20);
    uint64_t noise = 1;
    for (int i = 1; i <= 30000; i++) {
        noise = noise * 6364136223846793005u + 1442695040888963407u;
        jb_buf_printf(&rows, ROW(FLOAT("%d") TEXT("<text:p>%llx가</text:p>")), i, (unsigned long long)noise);
    }
    struct jb_str all = jb_buf_str(&rows);
    const char *content = jb_format(scope, CONTENT("%s%.*s%s"), "<table:table table:name=\"a\">", JB_FMT(all), "</table:table>" TABLE("b", ROW(FLOAT("1")))).data;
    struct jb_sheet *sheet = jb_sheet_open(scope, make_ods(scope, MIME, content, 0, NULL), JB_STR_NULL, NULL);
    struct jb_sheet_row row;
    int64_t count = 0;

    jb_buf_done(&rows);
    CHECK(sheet != NULL);
    for (noise = 1; jb_sheet_next(sheet, scope, &row);) {
        char want[32];
        noise = noise * 6364136223846793005u + 1442695040888963407u;
        snprintf(want, sizeof want, "%llx가", (unsigned long long)noise);
        CHECK_INT(row.number, ++count);
        CHECK_INT(row.cells[0].serial, count);
        CHECK_TEXT(row.cells[1].text, want);
    }
    CHECK_INT(count, 30000);
    CHECK(!jb_failure(scope) && jb_sheet_format_of(sheet) == JB_SHEET_ODS);
    jb_sheet_close(sheet);
}

/* ---- files that are none -------------------------------------------------------------------------------------------------------- */

JB_TEST("an encrypted file, a text document and a flat one are refused by what they are")
{
    CHECK_SAYS(cells_of(scope, make_ods(scope, MIME, "rubbish", 0, "<manifest:file-entry manifest:full-path=\"content.xml\"><manifest:encryption-data/></manifest:file-entry>"), NULL), "암호가 걸린 OpenDocument");
    CHECK_SAYS(cells_of(scope, zip_parts(scope, (struct part[]){ { "mimetype", MIME, 0 }, { "encrypted-package", "rubbish", 0 }, { NULL, NULL, 0 } }), NULL), "암호가 걸린 OpenDocument");
    CHECK_SAYS(cells_of(scope, make_ods(scope, "application/vnd.oasis.opendocument.text", "<a/>", 0, NULL), NULL), "스프레드시트(.ods)가 아닙니다");
    CHECK_SAYS(cells_of(scope, make_ods(scope, MIME, "<office:document-content><office:body><office:text><text:p>x</text:p></office:text></office:body></office:document-content>", 0, NULL), NULL), "스프레드시트(.ods)가 아닙니다");
    CHECK_SAYS(cells_of(scope, write_file(scope, ".fods", JB_STR("<?xml version=\"1.0\"?><office:document/>")), NULL), ".fods");
}

JB_TEST("damage is one sentence that names the file and the place, and nothing of the sheet is read")
{
    static const char nul[] = ROWS(ROW(FLOAT("1")) ROW("<table:table-cell/>" TEXT("<text:p>a\0b</text:p>"))), tag[] = ROWS(ROW("<table:table-cell office:value=\"1\0\"/>"));
    CHECK_SAYS(ods(scope, "<office:document-content " NAMESPACES "><office:body><office:spreadsheet><table:table table:name=\"a\">" ROW(FLOAT("1"))), "내용이 중간에 끝납니다");
    CHECK_SAYS(ods(scope, "<!DOCTYPE x [<!ENTITY a \"b\">]>" CONTENT(TABLE("a", ROW(FLOAT("1"))))), "DTD");
    CHECK_SAYS(ods(scope, ROWS(ROW(TEXT("<text:p>&unknown;</text:p>")))), "A1");
    CHECK_SAYS(ods(scope, ROWS(ROW(TEXT("<text:p>\xff</text:p>")))), "A1: 통합 문서가 손상되었습니다. content.xml: UTF-8이 아닌 글자");
    CHECK_SAYS(cells_of(scope, make_ods(scope, MIME, nul, sizeof nul - 1, NULL), NULL), "B2: 통합 문서가 손상되었습니다. content.xml: NUL 글자");
    CHECK_SAYS(cells_of(scope, make_ods(scope, MIME, tag, sizeof tag - 1, NULL), NULL), "content.xml: NUL 글자");
}

JB_TEST("limits of a cell, a row and unpacked bytes hold")
{
    const char *path = make_ods(scope, MIME, ROWS(ROW(FLOAT("1") TEXT("<text:p>가나다라</text:p>"))), 0, NULL);
    CHECK_SAYS(cells_of(scope, path, &(struct jb_sheet_options){ .cell_chars_max = 3 }), "B1: 셀의 글자가 3자를 넘습니다");
    CHECK_SAYS(cells_of(scope, path, &(struct jb_sheet_options){ .columns_max = 1 }), "열이 1개보다 많습니다");
    CHECK_SAYS(cells_of(scope, path, &(struct jb_sheet_options){ .part_bytes_max = 100 }), "한도보다 큽니다");
    CHECK_SAYS(ods(scope, ROWS(ROW(TEXT("<text:p><text:s text:c=\"999999999999\"/></text:p>")))), "A1: 셀의 글자가 1000000자를 넘습니다");
}
