/* row.c — a row as the readers of workbooks gather it: cells, and the bytes of their texts.
 *
 * Cells lie in one array and their texts in one buffer, both kept from row to row; when the buffer moves, the cells that point into it move along. Limits of
 * rows and columns stand here too, so that every format says them alike. */
// SPDX-License-Identifier: Apache-2.0
#include "sheet/sheet_private.h"
#include <stdio.h>
#include <stdlib.h>

#define TEXT_BYTES_MAX ((size_t)32 << 20)

void jb__row_done(struct jb__row *row)
{
    free(row->cells);
    free(row->order);
    free(row->text);
}

bool jb__row_grow_text(struct jb__row *row, struct jb_scope *scope, size_t size)
{
    if (row->text_size + size > TEXT_BYTES_MAX)
        return jb_fail(scope, JB_LIMIT, JB_L(scope, "%lld행의 내용이 모두 합쳐 %zu MiB를 넘습니다. 내용을 줄이세요.", "Row %lld holds more than %zu MiB in all. Shorten it."), (long long)row->number, TEXT_BYTES_MAX >> 20);
    size_t capacity = JB_MAX(row->text_capacity, (size_t)4096);
    while (capacity < row->text_size + size)
        capacity *= 2;
    char *before = row->text, *after = malloc(capacity);
    JB_CHECK(after);
    if (before)
        memcpy(after, before, row->text_size);
    for (size_t i = 0; i < row->count; i++) {
        uintptr_t at = (uintptr_t)row->cells[i].text.data;
        if (before && at >= (uintptr_t)before && at < (uintptr_t)before + row->text_capacity)
            row->cells[i].text.data = after + (at - (uintptr_t)before);
    }
    free(before);
    row->text = after;
    row->text_capacity = capacity;
    return true;
}

bool jb__row_grow_cells(struct jb__row *row, struct jb_scope *scope, int columns_max)
{
    if (row->count >= (size_t)columns_max)
        return jb_fail(scope, JB_LIMIT, JB_L(scope, "%lld행에 셀이 %d개보다 많습니다. 엑셀에서 다시 저장하세요.", "Row %lld has more than %d cells. Save the file again in Excel."), (long long)row->number, columns_max);
    row->capacity = JB_MIN(row->capacity ? row->capacity * 2 : 64, (size_t)columns_max);
    row->cells = realloc(row->cells, row->capacity * sizeof *row->cells);
    JB_CHECK(row->cells);
    return true;
}

static int compare_order(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

void jb__row_sort(struct jb__row *row)
{
    row->order = realloc(row->order, row->capacity * sizeof *row->order);
    struct jb_cell *sorted = malloc(row->capacity * sizeof *sorted);
    JB_CHECK(row->order && sorted);
    for (size_t i = 0; i < row->count; i++)
        row->order[i] = (uint64_t)row->cells[i].column << 32 | i;
    qsort(row->order, row->count, sizeof *row->order, compare_order);
    size_t count = 0;
    for (size_t i = 0; i < row->count; i++)
        if (i + 1 == row->count || row->order[i] >> 32 != row->order[i + 1] >> 32)
            sorted[count++] = row->cells[row->order[i] & UINT32_MAX];
    free(row->cells);
    row->cells = sorted;
    row->count = count;
}

bool jb__fail_chars(struct jb_scope *scope, size_t chars_max, const char *where)
{
    return jb_fail(scope, JB_LIMIT, JB_L(scope, "%s: 셀의 글자가 %zu자를 넘습니다. 내용을 줄이세요.", "%s: a cell holds more than %zu characters. Shorten it."), where, chars_max);
}

const char *jb__row_place(const struct jb__row *row, uint32_t column, char out[32])
{
    char letters[4];
    struct jb_str name = jb_column_letters(column, letters);
    snprintf(out, 32, "%.*s%lld", JB_FMT(name), (long long)row->number);
    return out;
}

bool jb__row_check_column(const struct jb_sheet *sheet, struct jb_scope *scope, const struct jb__row *row, uint64_t column)
{
    if (column <= (uint64_t)sheet->options.columns_max)
        return true;
    return jb_fail(scope, JB_LIMIT, JB_L(scope, "%lld행에 열이 %d개보다 많습니다. 파일을 나누어 올리세요.", "Row %lld has more than %d columns. Split the file."), (long long)row->number, sheet->options.columns_max);
}

bool jb__row_check_number(const struct jb_sheet *sheet, struct jb_scope *scope, int64_t number)
{
    if (number >= 1 && number <= sheet->options.rows_max)
        return true;
    if (number < 1)
        return jb_fail(scope, JB_INVALID, JB_L(scope, "통합 문서가 손상되었습니다. 행 번호가 %lld입니다. 엑셀에서 열어 다시 저장하세요.", "The workbook is damaged. A row has the number %lld. Open it in Excel and save it again."), (long long)number);
    return jb_fail(scope, JB_LIMIT, JB_L(scope, "행이 %lld행까지 있습니다. 한 시트는 %lld행까지 읽습니다. 파일을 나누어 올리세요.", "There is a row %lld; a sheet is read up to row %lld. Split the file."), (long long)number, (long long)sheet->options.rows_max);
}
