/* sheet.c — the door of the readers: a file is opened, its limits are set, and each call goes to the reader of its format. */
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
#define CHARS_CEILING ((size_t)100 * 1000 * 1000)

static void fill_options(struct jb_sheet_options *options, bool workbook, bool excel)
{
    if (options->rows_max <= 0)
        options->rows_max = workbook ? ROWS_MAX : INT64_MAX;
    if (options->columns_max <= 0 || options->columns_max > COLUMNS_MAX)
        options->columns_max = COLUMNS_MAX;
    if (options->cell_chars_max == 0)
        options->cell_chars_max = excel ? WORKBOOK_CHARS_MAX : CSV_CHARS_MAX;
    options->cell_chars_max = JB_MIN(options->cell_chars_max, excel ? (size_t)WORKBOOK_CHARS_MAX : CHARS_CEILING);
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
    bool ok = open_file(sheet, scope, path) && jb__choose_format(sheet, scope);
    if (ok) {
        fill_options(&sheet->options, sheet->reader->workbook, sheet->format == JB_SHEET_XLSX);
        ok = sheet->reader->open(sheet, scope);
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
    if (sheet->reader)
        sheet->reader->close(sheet);
    jb__zip_done(&sheet->zip);
    if (sheet->fd >= 0)
        close(sheet->fd);
    jb_arena_done(&sheet->arena);
    free(sheet);
}

bool jb_sheet_next(struct jb_sheet *sheet, struct jb_scope *scope, struct jb_sheet_row *ret_row)
{
    if (sheet->ended)
        return false;
    if (sheet->reader->next(sheet, scope, ret_row))
        return true;
    sheet->ended = true;
    if (jb_failure(scope))
        jb_wrap(scope, "%.*s", JB_FMT(sheet->title));
    return false;
}

struct jb_sheet_progress jb_sheet_progress(const struct jb_sheet *sheet)
{
    return sheet->reader->progress(sheet);
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
    return sheet->format == JB_SHEET_XLSX ? jb__xlsx_strings_bytes(sheet->xlsx) : 0;
}

const struct jb_number_format *jb_sheet_number_format(const struct jb_sheet *sheet, uint32_t format)
{
    return sheet->format == JB_SHEET_XLSX ? jb__xlsx_number_format(sheet->xlsx, format) : NULL;
}
