/* test_xlsx_read.c — workbooks as many programs write them, and those that nobody should have written. */
// SPDX-License-Identifier: Apache-2.0
#include "make.h"

/* ---- what cells may look like ------------------------------------------------------------------------------------------- */

JB_TEST("numbers, shared strings, booleans and errors are read with their places")
{
    CHECK_TEXT(BOOK_CELLS(.sheet = SHEET("<row r=\"2\"><c r=\"A2\"><v>1.50</v></c><c r=\"C2\" t=\"s\"><v>1</v></c><c r=\"XFD2\" t=\"b\"><v>1</v></c></row><row r=\"9\"><c r=\"B9\" t=\"e\"><v>#DIV/0!</v></c></row>"),
                   .strings = STRINGS("<si><t>no</t></si><si><t>일자</t></si>")),
        "2\t1\tn\t1.5\n2\t3\ts\t\"일자\"\n2\t16384\tb\t1\n9\t2\te\t#DIV/0!\n");
}

JB_TEST("rows and cells without a place are counted on from the last")
{
    CHECK_TEXT(BOOK_CELLS(.sheet = SHEET("<row><c><v>1</v></c><c r=\"D1\"><v>2</v></c><c><v>3</v></c></row><row/><row><c t=\"n\"><v>4</v></c></row>")), "1\t1\tn\t1\n1\t4\tn\t2\n1\t5\tn\t3\n3\t1\tn\t4\n");
}

JB_TEST("a row is where its first cell says it is")
{
    CHECK_TEXT(BOOK_CELLS(.sheet = SHEET("<row><c r=\"B7\"><v>1</v></c></row><row r=\"8\"><c r=\"A9\" t=\"str\"><v>x</v></c></row><row><c><v>2</v></c></row>")), "7\t2\tn\t1\n9\t1\ts\t\"x\"\n10\t1\tn\t2\n");
}

JB_TEST("cells out of order are sorted, and of two at one place the last stays")
{
    CHECK_TEXT(BOOK_CELLS(.sheet = SHEET("<row r=\"1\"><c r=\"C1\"><v>3</v></c><c r=\"A1\"><v>1</v></c><c r=\"C1\"><v>30</v></c><c r=\"B1\"><v>2</v></c></row>")), "1\t1\tn\t1\n1\t2\tn\t2\n1\t3\tn\t30\n");
}

JB_TEST("prefixes, single quotes, blanks, comments, CDATA and instructions change nothing")
{
    CHECK_TEXT(BOOK_CELLS(.sheet = "<?xml version='1.0'?><!-- a > b --><x:worksheet xmlns:x='" MAIN "'><?x y?><x:sheetData ><x:row r = '1' ><x:c\n r='A1' t='inlineStr' ><x:is><x:t><![CDATA[<a & b>]]></x:t></x:is></x:c ><x:c r='B1'>"
                                   "<!-- <v>9</v> --><x:v>7</x:v></x:c></x:row></x:sheetData></x:worksheet>"),
        "1\t1\ts\t\"<a & b>\"\n1\t2\tn\t7\n");
}

JB_TEST("a formula's cached value is its cell")
{
    CHECK_TEXT(BOOK_CELLS(.sheet = SHEET("<row r=\"1\"><c r=\"A1\"><f>1&lt;2</f><v>3</v></c><c r=\"B1\" t=\"str\"><f>\"a\"</f><v>가나</v></c><c r=\"C1\" t=\"str\"><f>\"\"</f><v></v></c><c r=\"D1\"><f>NOW()</f></c></row>")),
        "1\t1\tn\t3\n1\t2\ts\t\"가나\"\n");
}

JB_TEST("runs of rich text are joined and phonetic hints are left out")
{
    CHECK_TEXT(BOOK_CELLS(.sheet = SHEET("<row r=\"1\"><c r=\"A1\" t=\"s\"><v>0</v></c><c r=\"B1\" t=\"inlineStr\"><is><r><rPr><b/></rPr><t>가</t></r><r><t xml:space=\"preserve\"> 나 </t></r></is></c></row>"),
                   .strings = STRINGS("<si><r><t>東</t></r><rPh sb=\"0\" eb=\"1\"><t>ひがし</t></rPh><r><t>京</t></r><phoneticPr fontId=\"1\"/></si>")),
        "1\t1\ts\t\"東京\"\n1\t2\ts\t\"가 나 \"\n");
}

JB_TEST("entities, character references and _xHHHH_ become characters")
{
    CHECK_TEXT(BOOK_CELLS(.sheet = SHEET("<row r=\"1\"><c r=\"A1\" t=\"inlineStr\"><is><t>&lt;&amp;&gt;&quot;&apos;&#44032;&#x1F600;_x0041__x005F_x0041__xD83D__xDE00__x00ZZ_</t></is></c></row>")),
        "1\t1\ts\t\"<&>\\\"'가😀A_x0041_😀_x00ZZ_\"\n");
}

JB_TEST("a stale value beside inline text does not count")
{
    CHECK_TEXT(BOOK_CELLS(.sheet = SHEET("<row r=\"1\"><c r=\"A1\" t=\"inlineStr\"><v>1.0</v><is><t>1.</t></is></c></row>")), "1\t1\ts\t\"1.\"\n");
}

JB_TEST("numbers are shown with the 15 digits that Excel keeps")
{
    CHECK_TEXT(BOOK_CELLS(.sheet = SHEET("<row r=\"1\"><c><v>0.30000000000000004</v></c><c><v>1234567.1</v></c><c><v>1.0E+3</v></c><c><v>-0.10</v></c><c><v> 12 </v></c><c><v>1E+20</v></c><c><v>NaN</v></c></row>")),
        "1\t1\tn\t0.3\n1\t2\tn\t1234567.1\n1\t3\tn\t1000\n1\t4\tn\t-0.1\n1\t5\tn\t12\n1\t6\tn\t1E+20\n1\t7\ts\t\"NaN\"\n");
}

#define STYLES "<styleSheet xmlns=\"" MAIN "\"><numFmts><numFmt numFmtId=\"200\" formatCode=\"[$-412]yyyy&quot;년&quot; m&quot;월&quot; d&quot;일&quot;;@\"/></numFmts><cellStyleXfs><xf numFmtId=\"14\"/></cellStyleXfs>" \
               "<cellXfs><xf numFmtId=\"0\"/><xf numFmtId=\"14\"/><xf numFmtId=\"22\"/><xf numFmtId=\"200\"/></cellXfs></styleSheet>"
#define DATES SHEET("<row r=\"1\"><c s=\"1\"><v>45688</v></c><c s=\"2\"><v>45688.5</v></c><c s=\"3\"><v>45688</v></c><c s=\"0\"><v>45688</v></c><c s=\"99\"><v>45688</v></c></row>")

JB_TEST("a number is a date when its style says so")
{
    CHECK_TEXT(BOOK_CELLS(.sheet = DATES, .styles = STYLES), "1\t1\td\t2025-01-31\n1\t2\td\t2025-01-31T12:00:00\n1\t3\td\t2025-01-31\n1\t4\tn\t45688\n1\t5\tn\t45688\n");
}

JB_TEST("a workbook that counts from 1904 is read so, and an extension's workbookPr does not matter")
{
    CHECK_TEXT(BOOK_CELLS(.sheet = SHEET("<row r=\"1\"><c s=\"1\"><v>0</v></c><c s=\"1\"><v>40908</v></c></row>"), .styles = STYLES,
                   .properties = "<workbookPr date1904=\"1\"/><extLst><ext xmlns:x15=\"urn:x\"><x15:workbookPr chartTrackingRefBase=\"1\"/></ext></extLst>"),
        "1\t1\td\t1904-01-01\n1\t2\td\t2016-01-01\n");
}

JB_TEST("ISO dates in cells are dates")
{
    CHECK_TEXT(BOOK_CELLS(.sheet = SHEET("<row r=\"1\"><c t=\"d\"><v>2025-01-31</v></c><c t=\"d\"><v>2025-01-31T09:30:00</v></c><c t=\"d\"><v>10:30:00</v></c><c t=\"d\"><v>soon</v></c></row>")),
        "1\t1\td\t2025-01-31\n1\t2\td\t2025-01-31T09:30:00\n1\t3\tn\t0.4375\n1\t4\ts\t\"soon\"\n");
}

JB_TEST("a part in UTF-16 is read as one in UTF-8")
{
    static const char text[] = "<?xml version=\"1.0\" encoding=\"UTF-16\"?><worksheet><sheetData><row r=\"1\"><c r=\"A1\" t=\"str\"><v>ab&#44032;</v></c></row></sheetData></worksheet>";
    char wide[2 + 2 * sizeof text] = "\xff\xfe";
    for (size_t i = 0; i + 1 < sizeof text; i++)
        wide[2 + 2 * i] = text[i];
    CHECK_TEXT(BOOK_CELLS(.sheet = wide, .sheet_size = 2 * sizeof text), "1\t1\ts\t\"ab가\"\n");
}

JB_TEST("a sheet of many blocks, unpacked on its own thread, arrives whole")
{
    struct jb_buf rows = JB_BUF_INIT((size_t)64 << 20);
    uint64_t noise = 1;
    for (int i = 1; i <= 100000; i++) {
        noise = noise * 6364136223846793005u + 1442695040888963407u;
        jb_buf_printf(&rows, "<row r=\"%d\"><c r=\"A%d\"><v>%d</v></c><c r=\"B%d\" t=\"str\"><v>%llx가</v></c></row>", i, i, i, i, (unsigned long long)noise);
    }
    struct jb_str all = jb_buf_str(&rows);
    const char *path = make_book(scope, (struct book){ .sheet = jb_format(scope, SHEET("%.*s"), JB_FMT(all)).data });
    jb_buf_done(&rows);
    struct jb_sheet *sheet = jb_sheet_open(scope, path, JB_STR_NULL, NULL);
    CHECK(sheet != NULL);
    struct jb_sheet_row row;
    noise = 1;
    int64_t count = 0;
    while (jb_sheet_next(sheet, scope, &row)) {
        char want[32];
        noise = noise * 6364136223846793005u + 1442695040888963407u;
        snprintf(want, sizeof want, "%llx가", (unsigned long long)noise);
        count++;
        CHECK_INT(row.number, count);
        CHECK_INT(row.count, 2);
        CHECK_INT(row.cells[0].serial, count);
        CHECK_TEXT(row.cells[1].text, want);
    }
    CHECK_INT(jb_error(scope), JB_OK);
    CHECK_INT(count, 100000);
    CHECK_INT(jb_sheet_progress(sheet).bytes_read, jb_sheet_progress(sheet).bytes_total);
    jb_sheet_close(sheet);
}

JB_TEST("a reader that is closed half way leaves no thread behind")
{
    char *noise = jb_alloc(scope, (size_t)4 << 20);
    uint64_t state = 7;
    for (size_t i = 0; i < (size_t)4 << 20; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        noise[i] = (char)('a' + (state >> 60));
    }
    const char *path = make_book(scope, (struct book){ .sheet = jb_format(scope, SHEET("<row><c><v>1</v></c></row><!--%.*s-->"), 4 << 20, noise).data });
    struct jb_sheet *sheet = jb_sheet_open(scope, path, JB_STR_NULL, NULL);
    struct jb_sheet_row row;
    CHECK(sheet && jb_sheet_next(sheet, scope, &row));
    jb_sheet_close(sheet);
}

/* ---- where sheets are ------------------------------------------------------------------------------------------------------ */

#define STRICT "http://purl.oclc.org/ooxml/officeDocument/relationships"

JB_TEST("strict namespaces, absolute targets, backslashes and another case of names are understood")
{
    const char *path = zip_parts(scope, (struct part[]){
                                            { "_rels/.rels", RELATIONS("<Relationship Id=\"a\" Type=\"" STRICT "/officeDocument\" Target=\"/XL/Book.xml\"/>"), 0 },
                                            { "xl\\book.xml", "<w:workbook xmlns:w=\"http://purl.oclc.org/ooxml/spreadsheetml/main\" xmlns:q=\"" STRICT "\"><w:sheets><w:sheet name=\"s\" sheetId=\"5\" q:id=\"b\"/></w:sheets></w:workbook>", 0 },
                                            { "xl/_rels/Book.xml.rels", RELATIONS("<Relationship Id=\"b\" Type=\"" STRICT "/worksheet\" Target=\"..\\xl\\.\\deep%20er/One.xml\"/>"), 0 },
                                            { "XL/deep er/one.xml", SHEET("<row><c><v>5</v></c></row>"), 0 },
                                            { 0 },
                                        });
    CHECK_TEXT(cells_of(scope, path, NULL), "1\t1\tn\t5\n");
}

static const char *three_sheets(struct jb_scope *scope)
{
    return zip_parts(scope, (struct part[]){
                                { "xl/workbook.xml", BOOK("", "<sheet name=\"차트\" sheetId=\"1\" r:id=\"c\"/><sheet name=\"Data\" sheetId=\"2\" r:id=\"d\"/><sheet name=\"More\" sheetId=\"3\" r:id=\"m\"/>"), 0 },
                                { "xl/_rels/workbook.xml.rels", RELATIONS(RELATION("m", "worksheet", "more.xml") RELATION("c", "chartsheet", "chart.xml") RELATION("d", "worksheet", "data.xml")), 0 },
                                { "xl/chart.xml", "<chartsheet/>", 0 },
                                { "xl/data.xml", SHEET("<row><c><v>1</v></c></row>"), 0 },
                                { "xl/more.xml", SHEET("<row><c><v>2</v></c></row>"), 0 },
                                { 0 },
                            });
}

JB_TEST("the first worksheet is read, charts before it are not, and a sheet can be named")
{
    CHECK_TEXT(cells_of(scope, three_sheets(scope), NULL), "1\t1\tn\t1\n");
    CHECK_TEXT(cells_of(scope, three_sheets(scope), &(struct jb_sheet_options){ .sheet = JB_STR("More") }), "1\t1\tn\t2\n");
    CHECK_TEXT(cells_of(scope, three_sheets(scope), &(struct jb_sheet_options){ .sheet = JB_STR(" more") }), "1\t1\tn\t2\n");
}

/* Texts of one workbook: `count` sheets; every id is long, and they differ only at the end. */
static const char *many_sheets(struct jb_scope *scope, int count)
{
    static char prefix[1001];
    struct jb_buf book = JB_BUF_INIT((size_t)64 << 20), relations = JB_BUF_INIT((size_t)64 << 20);

    memset(prefix, 'r', sizeof prefix - 1);
    jb_buf_put_z(&book, "<workbook xmlns=\"" MAIN "\" xmlns:r=\"" OFFICE "\"><sheets>");
    jb_buf_put_z(&relations, "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">");
    for (int i = 0; i < count; i++) {
        jb_buf_printf(&book, "<sheet name=\"S%d\" sheetId=\"%d\" r:id=\"%s%d\"/>", i, i + 1, prefix, i);
        for (int twin = 0; twin < 2; twin++) /* an id that stands twice is the first one's */
            jb_buf_printf(&relations, "<Relationship Id=\"%s%d\" Type=\"" OFFICE "/worksheet\" Target=\"%s%d.xml\"/>", prefix, count - 1 - i, twin ? "twin" : "s", count - 1 - i);
    }
    jb_buf_put_z(&book, "</sheets></workbook>");
    jb_buf_put_z(&relations, "</Relationships>");
    struct jb_str book_text = jb_buf_str(&book), relations_text = jb_buf_str(&relations);
    struct jb_str last = jb_format(scope, "xl/s%d.xml", count - 1);
    const char *path = zip_parts(scope, (struct part[]){
                                            { "xl/workbook.xml", book_text.data, book_text.size },
                                            { "xl/_rels/workbook.xml.rels", relations_text.data, relations_text.size },
                                            { last.data, SHEET("<row><c><v>7</v></c></row>"), 0 },
                                            { 0 },
                                        });
    jb_buf_done(&book);
    jb_buf_done(&relations);
    return path;
}

JB_TEST("the last of 10,000 sheets is found although its id is long and stands twice")
{
    CHECK_TEXT(cells_of(scope, many_sheets(scope, 10000), &(struct jb_sheet_options){ .sheet = JB_STR("S9999") }), "1\t1\tn\t7\n");
}

JB_TEST("a sheet that is not there is named with those that are")
{
    CHECK_SAYS(cells_of(scope, three_sheets(scope), &(struct jb_sheet_options){ .sheet = JB_STR("없는") }), "'없는' 시트가 없습니다. 있는 시트: Data, More");
    CHECK(!jb_sheet_open(scope, three_sheets(scope), JB_STR_NULL, &(struct jb_sheet_options){ .sheet = JB_STR("차트") }));
    CHECK_INT(jb_error(scope), JB_NOT_FOUND);
}

JB_TEST("the dimension tells the rows to come")
{
    const char *path = make_book(scope, (struct book){ .sheet = "<worksheet><dimension ref=\"A1:J1000001\"/><sheetData/></worksheet>" });
    struct jb_sheet *sheet = jb_sheet_open(scope, path, JB_STR_NULL, NULL);
    struct jb_sheet_row row;
    CHECK(sheet && !jb_sheet_next(sheet, scope, &row) && !jb_sheet_next(sheet, scope, &row));
    CHECK_INT(jb_error(scope), JB_OK);
    CHECK_INT(jb_sheet_progress(sheet).rows_hint, 1000001);
    CHECK_TEXT(jb_sheet_name(sheet), "시트");
    jb_sheet_close(sheet);
}

/* ---- what is refused ---------------------------------------------------------------------------------------------------------- */

static void check_refused(struct jb_scope *scope, const char *path, enum jb_error error, const char *part)
{
    struct jb_sheet *sheet = jb_sheet_open(scope, path, JB_STR("장부.xlsx"), NULL);
    struct jb_sheet_row row;
    while (sheet && jb_sheet_next(sheet, scope, &row))
        ;
    jb_sheet_close(sheet);
    struct jb_str says = jb_failure_text(scope);
    fprintf(stderr, "# %.*s\n", JB_FMT(says));
    CHECK_INT(jb_error(scope), error);
    CHECK(jb_str_starts(says, JB_STR("장부.xlsx: ")));
    CHECK(jb_str_find(says, jb_str_of(part), 0) != SIZE_MAX);
    jb_failure_clear(scope);
}

#define REFUSED(error, part, ...) check_refused(scope, make_book(scope, (struct book){ __VA_ARGS__ }), (error), (part))

JB_TEST("what is no workbook is refused by name")
{
    check_refused(scope, write_file(scope, ".xlsx", JB_STR("")), JB_INVALID, "빈 파일");
    check_refused(scope, write_file(scope, ".xlsx", JB_STR("a,b\n1,2\n")), JB_INVALID, "CSV라면");
    check_refused(scope, write_file(scope, ".xlsx", JB_STR("PK\5\6\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0")), JB_INVALID, "손상");
    check_refused(scope, write_file(scope, ".xlsx", JB_STR("PK\3\4 and then nothing more")), JB_INVALID, "잘렸거나");
    check_refused(scope, zip_parts(scope, (struct part[]){ { "a.txt", "x", 0 }, { 0 } }), JB_INVALID, "통합 문서(.xlsx, .ods)가 아닙니다");
    check_refused(scope, zip_parts(scope, (struct part[]){ { "xl/workbook.bin", "x", 0 }, { 0 } }), JB_INVALID, ".xlsb");
    check_refused(scope, zip_parts(scope, (struct part[]){ { "mimetype", "x", 0 }, { "content.xml", "x", 0 }, { 0 } }), JB_INVALID, "스프레드시트(.ods)가 아닙니다");
    check_refused(scope, "/nonexistent/file.xlsx", JB_NOT_FOUND, "파일 열기");
    check_refused(scope, "/tmp", JB_INVALID, "보통 파일이 아닙니다");
}

JB_TEST("an old workbook and an encrypted one are told apart")
{
    char ole[2048] = "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";
    ole[30] = 9;
    check_refused(scope, write_file(scope, ".xls", (struct jb_str){ ole, sizeof ole }), JB_INVALID, "예전 엑셀 형식(.xls)");
    memcpy(ole + 640, "E\0n\0c\0r\0y\0p\0t\0e\0d\0P\0a\0c\0k\0a\0g\0e\0", 32);
    check_refused(scope, write_file(scope, ".xlsx", (struct jb_str){ ole, sizeof ole }), JB_INVALID, "암호");
}

JB_TEST("a picture or a PDF is called so, whatever its name")
{
    check_refused(scope, write_file(scope, ".pdf", JB_STR("%PDF-1.4\n1 0 obj")), JB_INVALID, "그림이나 PDF");
    check_refused(scope, write_file(scope, ".csv", JB_STR("\x89PNG\r\n\x1a\n")), JB_INVALID, "그림이나 PDF");
    check_refused(scope, write_file(scope, ".xlsx", JB_STR("\xff\xd8\xff\xe0 JFIF")), JB_INVALID, "그림이나 PDF");
    check_refused(scope, write_file(scope, ".txt", JB_STR("GIF89a")), JB_INVALID, "그림이나 PDF");
}

JB_TEST("a workbook that was cut or changed on its way is refused")
{
    const char *path = make_book(scope, (struct book){ .sheet = SHEET("<row><c><v>12345</v></c></row>") });
    char bytes[16384];
    FILE *file = fopen(path, "rb");
    size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    check_refused(scope, write_file(scope, ".xlsx", (struct jb_str){ bytes, size - 30 }), JB_INVALID, "잘렸거나");
    char *data = memmem(bytes, size, "sheet1.xml", 10);
    CHECK(data != NULL);
    data[20] ^= 0x10;
    check_refused(scope, write_file(scope, ".xlsx", (struct jb_str){ bytes, size }), JB_INVALID, "손상");
}

JB_TEST("XML that is not well-formed is refused, and so is a document type")
{
    REFUSED(JB_INVALID, "중간에 끝납니다", .sheet = "<worksheet><sheetData><row>");
    REFUSED(JB_INVALID, "태그가 올바르지", .sheet = SHEET("<row><c></row>"));
    REFUSED(JB_INVALID, "태그가 올바르지", .sheet = SHEET("<row r=1></row>"));
    REFUSED(JB_INVALID, "XML이 아닙니다", .sheet = "hello");
    REFUSED(JB_INVALID, "개체 참조", .sheet = SHEET("<row><c t=\"str\"><v>&bomb;</v></c></row>"));
    REFUSED(JB_INVALID, "UTF-8이 아닌", .sheet = SHEET("<row><c t=\"str\"><v>\xc0\x80</v></c></row>"));
    REFUSED(JB_INVALID, "글자 부호", .sheet = "<?xml version=\"1.0\" encoding=\"EUC-KR\"?><worksheet/>");
    REFUSED(JB_INVALID, "DTD", .sheet = "<!DOCTYPE x [<!ENTITY a \"b\">]><worksheet/>");
    REFUSED(JB_INVALID, "DTD", .sheet = SHEET(""), .styles = "<!DOCTYPE x><styleSheet/>");
    REFUSED(JB_INVALID, "docProps/core.xml", .sheet = SHEET(""), .other = { "docProps/core.xml", "<?xml version=\"1.0\"?><!DOCTYPE x><x/>", 0 });
    REFUSED(JB_INVALID, "DTD", .sheet = SHEET(""), .strings = "<!DOCTYPE x><sst/>");
}

JB_TEST("places that Excel does not have are refused")
{
    REFUSED(JB_LIMIT, "1048577행", .sheet = SHEET("<row r=\"1048577\"><c><v>1</v></c></row>"));
    REFUSED(JB_LIMIT, "4294967296행", .sheet = SHEET("<row r=\"4294967296\"/>"));
    REFUSED(JB_LIMIT, "1048577행", .sheet = SHEET("<row><c r=\"A1048577\"><v>1</v></c></row>"));
    REFUSED(JB_INVALID, "행 번호", .sheet = SHEET("<row r=\"x\"/>"));
    REFUSED(JB_LIMIT, "16384개", .sheet = SHEET("<row><c r=\"XFE1\"><v>1</v></c></row>"));
    REFUSED(JB_INVALID, "셀 주소", .sheet = SHEET("<row><c r=\"ZZZZZZZZ99999999999\"><v>1</v></c></row>"));
    REFUSED(JB_INVALID, "셀 주소", .sheet = SHEET("<row><c r=\"12\"><v>1</v></c></row>"));
    REFUSED(JB_INVALID, "공유 문자열 7번", .sheet = SHEET("<row r=\"3\"><c t=\"s\"><v>7</v></c></row>"), .strings = STRINGS("<si><t>a</t></si>"));
}

JB_TEST("a cell over Excel's 32,767 characters is refused with its place, exactly there")
{
    char *text = jb_alloc(scope, 120001);
    for (int i = 0; i < 40000; i++)
        memcpy(text + 3 * i, "가", 3);
    REFUSED(JB_LIMIT, "B3: 셀의 글자가 32767자", .sheet = jb_format(scope, SHEET("<row r=\"3\"><c r=\"B3\" t=\"str\"><v>%s</v></c></row>"), text).data);
    REFUSED(JB_LIMIT, "공유 문자열 2", .sheet = SHEET(""), .strings = jb_format(scope, STRINGS("<si/><si><t>%s</t></si>"), text).data);
    text[3 * 32767] = '\0';
    struct jb_str cells = BOOK_CELLS(.sheet = jb_format(scope, SHEET("<row r=\"3\"><c r=\"B3\" t=\"str\"><v>%s</v></c></row>"), text).data);
    CHECK_INT(cells.size, 3 * 32767 + strlen("3\t2\ts\t\"\"\n"));
}

JB_TEST("the limits of the options hold")
{
    const char *path = make_book(scope, (struct book){ .sheet = SHEET("<row><c><v>1</v></c><c><v>2</v></c></row><row><c><v>3</v></c></row>"), .strings = STRINGS("<si><t>abc</t></si>") });
    CHECK_SAYS(cells_of(scope, path, &(struct jb_sheet_options){ .rows_max = 1 }), "1행까지 읽습니다");
    CHECK_SAYS(cells_of(scope, path, &(struct jb_sheet_options){ .columns_max = 1 }), "열이 1개보다");
    CHECK_SAYS(cells_of(scope, path, &(struct jb_sheet_options){ .cell_chars_max = 2 }), "2자를 넘습니다");
    CHECK_SAYS(cells_of(scope, path, &(struct jb_sheet_options){ .part_bytes_max = 20 }), "한도보다 큽니다");
}

JB_TEST("a part that grows beyond measure is refused long before it is unpacked")
{
    size_t size = (size_t)64 << 20;
    char *blanks = malloc(size);
    memset(blanks, ' ', size);
    const char *path = make_book(scope, (struct book){ .sheet = blanks, .sheet_size = size });
    free(blanks);
    CHECK_SAYS(cells_of(scope, path, &(struct jb_sheet_options){ .ratio_max = 100 }), "비정상적으로 커지는");
}

JB_TEST("a relation that leads out of the archive is refused")
{
    check_refused(scope, zip_parts(scope, (struct part[]){ { "xl/workbook.xml", BOOK("", "<sheet name=\"s\" r:id=\"a\"/>"), 0 }, { "xl/_rels/workbook.xml.rels", RELATIONS(RELATION("a", "worksheet", "../../../etc/passwd")), 0 }, { 0 } }),
        JB_INVALID, "파일 밖을");
    check_refused(scope, zip_parts(scope, (struct part[]){ { "xl/workbook.xml", BOOK("", "<sheet name=\"s\" r:id=\"a\"/>"), 0 }, { "xl/_rels/workbook.xml.rels", RELATIONS(RELATION("a", "worksheet", "gone.xml")), 0 }, { 0 } }),
        JB_INVALID, "xl/gone.xml");
    check_refused(scope, zip_parts(scope, (struct part[]){ { "xl/workbook.xml", BOOK("", ""), 0 }, { 0 } }), JB_INVALID, "읽을 수 있는 시트가 없습니다");
}

JB_TEST("a NUL is called what it is, with the cell or the string it stands in")
{
    static const char cell[] = SHEET("<row r=\"2\"><c r=\"B2\" t=\"str\"><v>a\0b</v></c></row>"), number[] = SHEET("<row r=\"2\"><c r=\"C2\"><v>1\0</v></c></row>"), tag[] = SHEET("<row r=\"2\"><c r=\"B\0\" t=\"str\"/></row>");
    REFUSED(JB_INVALID, "B2: 통합 문서가 손상되었습니다. xl/worksheets/sheet1.xml: NUL 글자가 있습니다", .sheet = cell, .sheet_size = sizeof cell - 1);
    REFUSED(JB_INVALID, "C2: 통합 문서가 손상되었습니다. xl/worksheets/sheet1.xml: NUL 글자가 있습니다", .sheet = number, .sheet_size = sizeof number - 1);
    REFUSED(JB_INVALID, "xl/worksheets/sheet1.xml: NUL 글자가 있습니다", .sheet = tag, .sheet_size = sizeof tag - 1);
    REFUSED(JB_INVALID, "공유 문자열 2: 통합 문서가 손상되었습니다. xl/sharedStrings.xml: UTF-8이 아닌 글자", .sheet = SHEET(""), .strings = STRINGS("<si><t>a</t></si><si><t>\xc3(</t></si>"));
    REFUSED(JB_INVALID, "B2: 통합 문서가 손상되었습니다. xl/worksheets/sheet1.xml: 유니코드에 없는 글자", .sheet = SHEET("<row r=\"2\"><c r=\"B2\" t=\"str\"><v>&#xD800;</v></c></row>"));
}
