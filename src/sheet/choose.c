/* choose.c — which reader a file needs, why a file is none of ours, and which of a workbook's sheets is meant.
 *
 * The first bytes decide, the name only breaks ties: a CSV named .xlsx is refused with a sentence that says so, a workbook named .csv is read. */
// SPDX-License-Identifier: Apache-2.0
#include "sheet/sheet_private.h"
#include <errno.h>
#include <unistd.h>

#define HEAD_BYTES 4096
#define NAMES_BYTES_MAX 900

static bool name_ends(struct jb_str name, const char *const *endings)
{
    for (; *endings; endings++) {
        struct jb_str ending = jb_str_of(*endings);
        if (name.size >= ending.size && jb_str_equal_nocase(jb_str_slice(name, name.size - ending.size, name.size), ending))
            return true;
    }
    return false;
}

/* An OLE file is an old workbook, or the envelope of an encrypted one: its directory says which. */
static bool refuse_ole(struct jb_sheet *sheet, struct jb_scope *scope, const unsigned char *head)
{
    static const char encrypted[] = "E\0n\0c\0r\0y\0p\0t\0e\0d\0P\0a\0c\0k\0a\0g\0e"; /* UTF-16 */
    char directory[HEAD_BYTES];
    int64_t sector = head[30] == 12 ? 4096 : 512;
    int64_t at = ((int64_t)head[48] | (int64_t)head[49] << 8 | (int64_t)head[50] << 16 | (int64_t)head[51] << 24) * sector + sector;
    ssize_t size = pread(sheet->fd, directory, sizeof directory, at);
    if (size > 0 && memmem(directory, (size_t)size, encrypted, sizeof encrypted))
        return jb_fail(scope, JB_INVALID, "%s", JB_L(scope, "암호가 걸린 통합 문서입니다. 엑셀에서 암호를 풀고 .xlsx로 저장하세요.", "The workbook is encrypted. Remove its password in Excel and save it as .xlsx."));
    return jb_fail(scope, JB_INVALID, "%s", JB_L(scope, "예전 엑셀 형식(.xls)입니다. 엑셀에서 .xlsx로 저장하세요.", "This is the old Excel format (.xls). Save it as .xlsx in Excel."));
}

static bool old_excel(const unsigned char *head, size_t size, struct jb_str name)
{
    static const char *const endings[] = { ".xls", ".xlt", NULL };
    bool biff = size >= 4 && head[0] == 9 && (head[1] == 0 || head[1] == 2 || head[1] == 4 || head[1] == 8) && head[3] == 0;
    return biff || name_ends(name, endings);
}

/* What people choose by mistake: read as CSV it would only miss its headings. */
static bool picture_or_pdf(const unsigned char *head, size_t size)
{
    return size >= 5 && (memcmp(head, "%PDF-", 5) == 0 || memcmp(head, "\x89PNG", 4) == 0 || memcmp(head, "\xff\xd8\xff", 3) == 0 || memcmp(head, "GIF8", 4) == 0);
}

/* OpenDocument files have their content in one part, Excel's have a list of what is where. */
static bool open_workbook(struct jb_sheet *sheet, struct jb_scope *scope)
{
    if (!jb__zip_init(&sheet->zip, scope, sheet->fd, sheet->size))
        return false;
    bool open_document = jb__zip_find(&sheet->zip, JB_STR("content.xml")) && !jb__zip_find(&sheet->zip, JB_STR("[Content_Types].xml")) && !jb__zip_find(&sheet->zip, JB_STR("xl/workbook.xml"));
    open_document |= jb__zip_find(&sheet->zip, JB_STR("encrypted-package")) != NULL;
    sheet->format = open_document ? JB_SHEET_ODS : JB_SHEET_XLSX;
    sheet->reader = open_document ? &jb__ods_reader : &jb__xlsx_reader;
    return true;
}

static bool refuse_no_workbook(struct jb_sheet *sheet, struct jb_scope *scope)
{
    static const char *const flat[] = { ".fods", NULL };
    if (name_ends(sheet->title, flat))
        return jb_fail(scope, JB_INVALID, "%s", JB_L(scope, "압축하지 않은 OpenDocument(.fods)는 읽지 않습니다. .ods나 .xlsx로 저장하세요.", "Flat OpenDocument files (.fods) are not read. Save it as .ods or .xlsx."));
    return jb_fail(scope, JB_INVALID, "%s", JB_L(scope, "통합 문서(.xlsx, .ods)가 아닙니다. 엑셀에서 .xlsx로 저장하거나, CSV라면 이름을 .csv로 바꾸세요.", "This is not a workbook (.xlsx, .ods). Save it as .xlsx in Excel; if it is CSV, name it .csv."));
}

/* Text that is JSON by its name, or by how it begins when the name says nothing. */
static bool is_json(const struct jb_sheet *sheet, struct jb_str head)
{
    static const char *const named[] = { ".json", ".jsonl", ".ndjson", NULL }, *const others[] = { ".csv", ".tsv", ".tab", ".txt", NULL };
    enum jb_sheet_format wanted = sheet->options.format;
    if (wanted != JB_SHEET_AUTO)
        return wanted == JB_SHEET_JSON || wanted == JB_SHEET_JSONL;
    if (name_ends(sheet->title, named))
        return true;
    if (jb_str_starts(head, JB_STR("\xef\xbb\xbf")))
        head = jb_str_slice(head, 3, head.size);
    head = jb_str_trim(head);
    struct jb_str behind = jb_str_trim(jb_str_slice(head, 1, head.size));
    return head.size > 1 && !name_ends(sheet->title, others) && ((head.data[0] == '{' && behind.data[0] == '"') || (head.data[0] == '[' && behind.data[0] == '{'));
}

bool jb__choose_format(struct jb_sheet *sheet, struct jb_scope *scope)
{
    static const char *const workbooks[] = { ".xlsx", ".xlsm", ".xltx", ".xltm", ".xlsb", ".ods", ".ots", ".fods", NULL };
    static const char *const tabs[] = { ".tsv", ".tab", NULL };
    enum jb_sheet_format wanted = sheet->options.format;
    unsigned char head[HEAD_BYTES];
    ssize_t got = pread(sheet->fd, head, sizeof head, 0);
    if (got < 0)
        return jb_fail_errno(scope, errno, "%s", JB_L(scope, "파일 읽기", "reading the file"));
    size_t size = (size_t)got;
    if (size == 0 || (size == 3 && memcmp(head, "\xef\xbb\xbf", 3) == 0))
        return jb_fail(scope, JB_INVALID, "%s", JB_L(scope, "빈 파일입니다. 내용이 있는 파일을 올리세요.", "The file is empty. Use one that has content."));
    if (size >= 512 && memcmp(head, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 8) == 0)
        return refuse_ole(sheet, scope, head);
    if (picture_or_pdf(head, size))
        return jb_fail(scope, JB_INVALID, "%s", JB_L(scope, "그림이나 PDF입니다. 엑셀 통합 문서(.xlsx)나 CSV를 올리세요.", "This is a picture or a PDF. Use an Excel workbook (.xlsx) or CSV."));
    bool zip = size >= 4 && head[0] == 'P' && head[1] == 'K' && (head[2] == 3 || head[2] == 5 || head[2] == 7);
    bool wants_workbook = wanted == JB_SHEET_XLSX || wanted == JB_SHEET_ODS || (wanted == JB_SHEET_AUTO && name_ends(sheet->title, workbooks));
    if (zip && (wanted == JB_SHEET_AUTO || wants_workbook))
        return open_workbook(sheet, scope);
    if (old_excel(head, size, sheet->title))
        return jb_fail(scope, JB_INVALID, "%s", JB_L(scope, "예전 엑셀 형식(.xls)입니다. 엑셀에서 .xlsx로 저장하세요.", "This is the old Excel format (.xls). Save it as .xlsx in Excel."));
    if (wants_workbook)
        return refuse_no_workbook(sheet, scope);
    if (is_json(sheet, (struct jb_str){ (const char *)head, size })) {
        sheet->format = JB_SHEET_JSON;
        sheet->reader = &jb__json_reader;
        return true;
    }
    sheet->format = wanted == JB_SHEET_TSV || (wanted == JB_SHEET_AUTO && name_ends(sheet->title, tabs)) ? JB_SHEET_TSV : JB_SHEET_CSV;
    sheet->reader = &jb__csv_reader;
    return true;
}

/* ---- a sheet --------------------------------------------------------------------------------------------------------------- */

static bool refuse_sheet(const struct jb_sheet *sheet, struct jb_scope *scope)
{
    struct jb_buf list = JB_BUF_INIT(1000);
    for (size_t i = 0; i < sheet->name_count && !list.full; i++) {
        jb_buf_put_z(&list, i ? ", " : "");
        jb_buf_put(&list, sheet->names[i]);
    }
    struct jb_str names = jb_utf8_first(jb_buf_str(&list), NAMES_BYTES_MAX);
    jb_fail(scope, JB_NOT_FOUND, JB_L(scope, "통합 문서에 '%.*s' 시트가 없습니다. 있는 시트: %.*s.", "The workbook has no sheet '%.*s'. It has: %.*s."), JB_FMT(sheet->options.sheet), JB_FMT(names));
    jb_buf_done(&list);
    return false;
}

/* As written, then as Excel compares: without case; then by its number from 1. */
bool jb__choose_sheet(struct jb_sheet *sheet, struct jb_scope *scope)
{
    struct jb_str wanted = sheet->options.sheet;
    int64_t number;
    if (!wanted.data)
        return true;
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < sheet->name_count; i++)
            if (pass == 0 ? jb_str_equal(sheet->names[i], wanted) : jb_str_equal_nocase(jb_str_trim_unicode(sheet->names[i]), jb_str_trim_unicode(wanted))) {
                sheet->chosen = i;
                return true;
            }
    if (!jb_str_to_int64(jb_str_trim(wanted), &number) || number < 1 || number > (int64_t)sheet->name_count)
        return refuse_sheet(sheet, scope);
    sheet->chosen = (size_t)number - 1;
    return true;
}
