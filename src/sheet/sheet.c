/* sheet.c — the door: which reader a file needs, and why a file is none of ours.
 *
 * The first bytes decide, the name only breaks ties: a CSV named .xlsx is refused with a sentence that says so, a workbook named .csv is read. */
// SPDX-License-Identifier: Apache-2.0
#include "sheet/sheet_private.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROWS_MAX 1048576
#define COLUMNS_MAX 16384
#define WORKBOOK_CHARS_MAX 32767
#define CSV_CHARS_MAX 1000000
#define HEAD_BYTES 4096
#define CHARS_CEILING ((size_t)100 * 1000 * 1000)

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

/* Sets sheet->format, or refuses. */
static bool choose_format(struct jb_sheet *sheet, struct jb_scope *scope)
{
    static const char *const workbooks[] = { ".xlsx", ".xlsm", ".xltx", ".xltm", ".xlsb", ".ods", NULL };
    static const char *const tabs[] = { ".tsv", ".tab", NULL };
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
    bool wants_workbook = sheet->options.format == JB_SHEET_XLSX || (sheet->options.format == JB_SHEET_AUTO && name_ends(sheet->title, workbooks));
    if (zip && (sheet->options.format == JB_SHEET_AUTO || wants_workbook)) {
        sheet->format = JB_SHEET_XLSX;
        return true;
    }
    if (old_excel(head, size, sheet->title))
        return jb_fail(scope, JB_INVALID, "%s", JB_L(scope, "예전 엑셀 형식(.xls)입니다. 엑셀에서 .xlsx로 저장하세요.", "This is the old Excel format (.xls). Save it as .xlsx in Excel."));
    if (wants_workbook)
        return jb_fail(scope, JB_INVALID, "%s", JB_L(scope, "엑셀 통합 문서(.xlsx)가 아닙니다. 엑셀에서 .xlsx로 저장하거나, CSV라면 이름을 .csv로 바꾸세요.", "This is not an Excel workbook (.xlsx). Save it as .xlsx in Excel; if it is CSV, name it .csv."));
    sheet->format = sheet->options.format == JB_SHEET_TSV || (sheet->options.format == JB_SHEET_AUTO && name_ends(sheet->title, tabs)) ? JB_SHEET_TSV : JB_SHEET_CSV;
    return true;
}

static void fill_options(struct jb_sheet_options *options, bool workbook)
{
    if (options->rows_max <= 0)
        options->rows_max = workbook ? ROWS_MAX : INT64_MAX;
    if (options->columns_max <= 0 || options->columns_max > COLUMNS_MAX)
        options->columns_max = COLUMNS_MAX;
    if (options->cell_chars_max == 0)
        options->cell_chars_max = workbook ? WORKBOOK_CHARS_MAX : CSV_CHARS_MAX;
    options->cell_chars_max = JB_MIN(options->cell_chars_max, workbook ? (size_t)WORKBOOK_CHARS_MAX : CHARS_CEILING);
    if (options->part_bytes_max <= 0)
        options->part_bytes_max = (int64_t)4 << 30;
    if (options->strings_bytes_max <= 0)
        options->strings_bytes_max = (int64_t)400 << 20;
    if (options->ratio_max <= 0)
        options->ratio_max = 1000;
}

static struct jb_str keep(struct jb_sheet *sheet, struct jb_str text)
{
    if (!text.data)
        return text;
    char *copy = jb_arena_alloc_raw(&sheet->arena, text.size + 1);
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    return (struct jb_str){ copy, text.size };
}

static bool open_file(struct jb_sheet *sheet, struct jb_scope *scope, const char *path)
{
    struct stat status;
    sheet->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (sheet->fd < 0 || fstat(sheet->fd, &status) != 0)
        return jb_fail_errno(scope, errno, "%s", JB_L(scope, "파일 열기", "opening the file"));
    if (!S_ISREG(status.st_mode))
        return jb_fail(scope, JB_INVALID, "%s", JB_L(scope, "보통 파일이 아닙니다. 파일을 고르세요.", "This is not a regular file. Choose a file."));
    sheet->size = status.st_size;
    return true;
}

struct jb_sheet *jb_sheet_open(struct jb_scope *scope, const char *path, struct jb_str name, const struct jb_sheet_options *options)
{
    struct jb_sheet *sheet = calloc(1, sizeof *sheet);
    JB_CHECK(sheet);
    const char *slash = strrchr(path, '/');
    jb_arena_init(&sheet->arena, 0);
    sheet->fd = -1;
    sheet->title = keep(sheet, name.data ? name : jb_str_of(slash ? slash + 1 : path));
    sheet->options = options ? *options : (struct jb_sheet_options){ 0 };
    sheet->options.sheet = keep(sheet, sheet->options.sheet);
    sheet->options.encoding = keep(sheet, sheet->options.encoding);
    bool ok = open_file(sheet, scope, path) && choose_format(sheet, scope);
    if (ok) {
        fill_options(&sheet->options, sheet->format == JB_SHEET_XLSX);
        ok = sheet->format == JB_SHEET_XLSX ? jb__xlsx_open(sheet, scope) : jb__csv_open(sheet, scope);
    }
    if (ok)
        return sheet;
    jb_wrap(scope, "%.*s", JB_FMT(sheet->title));
    jb_sheet_close(sheet);
    return NULL;
}

void jb_sheet_close(struct jb_sheet *sheet)
{
    if (!sheet)
        return;
    jb__xlsx_close(sheet->xlsx);
    jb__csv_close(sheet->csv);
    if (sheet->fd >= 0)
        close(sheet->fd);
    jb_arena_done(&sheet->arena);
    free(sheet);
}

bool jb_sheet_next(struct jb_sheet *sheet, struct jb_scope *scope, struct jb_sheet_row *ret_row)
{
    if (sheet->ended)
        return false;
    if (sheet->format == JB_SHEET_XLSX ? jb__xlsx_next(sheet, scope, ret_row) : jb__csv_next(sheet, scope, ret_row))
        return true;
    sheet->ended = true;
    if (jb_failure(scope))
        jb_wrap(scope, "%.*s", JB_FMT(sheet->title));
    return false;
}

struct jb_sheet_progress jb_sheet_progress(const struct jb_sheet *sheet)
{
    return sheet->format == JB_SHEET_XLSX ? jb__xlsx_progress(sheet) : jb__csv_progress(sheet);
}

enum jb_sheet_format jb_sheet_format_of(const struct jb_sheet *sheet)
{
    return sheet->format;
}

size_t jb_sheet_names(const struct jb_sheet *sheet, const struct jb_str **ret_names)
{
    *ret_names = sheet->names;
    return sheet->name_count;
}

struct jb_str jb_sheet_name(const struct jb_sheet *sheet)
{
    return sheet->names[sheet->chosen];
}

bool jb_sheet_date1904(const struct jb_sheet *sheet)
{
    return sheet->date1904;
}

struct jb_str jb_sheet_encoding(const struct jb_sheet *sheet)
{
    return sheet->encoding;
}

size_t jb_sheet_strings_bytes(const struct jb_sheet *sheet)
{
    return sheet->xlsx ? jb__xlsx_strings_bytes(sheet->xlsx) : 0;
}

const struct jb_number_format *jb_sheet_number_format(const struct jb_sheet *sheet, uint32_t format)
{
    return sheet->xlsx ? jb__xlsx_number_format(sheet->xlsx, format) : NULL;
}
