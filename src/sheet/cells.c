/* cells.c — `jangbu sheet cells` and `info`: what the readers see, for people and for checks. */
// SPDX-License-Identifier: Apache-2.0
#include "sheet/sheet_private.h"
#include "base/json.h"
#include "base/map.h"
#include <stdio.h>

#define LINE_BYTES_MAX ((size_t)16 << 20)

/* A first row that names its columns must name them differently: an import could not tell which is meant. A row with a number in it is data. */
static bool check_heads(struct jb_scope *scope, const struct jb_sheet_row *row)
{
    struct jb_map seen;
    struct jb_decimal number;
    bool ok = true;
    for (size_t i = 0; i < row->count; i++)
        if (jb_decimal_parse_loose(row->cells[i].text, &number))
            return true;
    jb_map_init(&seen);
    for (size_t i = 0; i < row->count && ok; i++)
        if (jb_map_put(&seen, jb_str_trim_unicode(row->cells[i].text), (void *)row))
            ok = jb_fail(scope, JB_INVALID, JB_L(scope, "첫 행에 열 이름 '%.*s'이(가) 두 번 나옵니다. 하나를 지우거나 이름을 바꾸세요.", "The first row names the column '%.*s' twice. Remove or rename one."), JB_FMT(row->cells[i].text));
    jb_map_done(&seen);
    return ok;
}

/* Before March 1900 programs disagree by a day, and a duration has no date at all: those are printed as their serial. */
static void put_date(const struct jb_sheet *sheet, struct jb_buf *line, const struct jb_cell *cell)
{
    struct jb_civil civil;
    bool unsure = sheet->format == JB_SHEET_XLSX && !sheet->date1904 && cell->serial < 61;
    if (!jb_cell_time(sheet, cell, &civil) || unsure) {
        jb_buf_printf(line, "n\t%.17g", cell->serial);
        return;
    }
    jb_buf_printf(line, "d\t%04d-%02d-%02d", civil.year, civil.month, civil.day);
    if (cell->has_time)
        jb_buf_printf(line, "T%02d:%02d:%02d", civil.hour, civil.minute, civil.second);
    if (civil.microsecond)
        jb_buf_printf(line, ".%06d", civil.microsecond);
}

static void put_number(struct jb_buf *line, const struct jb_cell *cell)
{
    struct jb_decimal number;
    char out[JB_DECIMAL_TEXT_SIZE];
    jb_buf_put_z(line, "n\t");
    if (jb_cell_decimal(cell, &number))
        jb_buf_put(line, jb_decimal_text(number, out));
    else if (cell->exact)
        jb_buf_put(line, cell->text);
    else
        jb_buf_printf(line, "%.15G", cell->serial);
}

static void put_cell(const struct jb_sheet *sheet, struct jb_buf *line, int64_t row, const struct jb_cell *cell)
{
    struct jb_json_writer json;
    jb_buf_printf(line, "%lld\t%u\t", (long long)row, cell->column);
    switch (cell->type) {
    case JB_CELL_EMPTY: break;
    case JB_CELL_NUMBER: put_number(line, cell); break;
    case JB_CELL_DATE: put_date(sheet, line, cell); break;
    case JB_CELL_BOOL: jb_buf_put_z(line, cell->truth ? "b\t1" : "b\t0"); break;
    case JB_CELL_ERROR: jb_buf_printf(line, "e\t%.*s", JB_FMT(cell->text)); break;
    case JB_CELL_TEXT:
        jb_buf_put_z(line, "s\t");
        jb_json_start(&json, line);
        jb_json_text(&json, cell->text);
        break;
    }
    jb_buf_put_char(line, '\n');
}

static bool print_rows(struct jb_sheet *sheet, struct jb_scope *scope, struct jb_buf *line, FILE *out)
{
    struct jb_sheet_row row;
    for (bool first = true; jb_sheet_next(sheet, scope, &row); first = false) {
        if (first && !sheet->reader->workbook && !check_heads(scope, &row))
            return false;
        for (size_t i = 0; i < row.count; i++) {
            jb_buf_clear(line);
            put_cell(sheet, line, row.number, &row.cells[i]);
            if (fwrite(line->data, 1, line->size, out) != line->size)
                return jb_fail(scope, JB_UNAVAILABLE, "%s", JB_L(scope, "출력에 쓰지 못했습니다. 디스크나 파이프를 확인하세요.", "The output cannot be written. Check the disk or pipe."));
        }
    }
    return !jb_failure(scope);
}

bool jb_sheet_print_cells(struct jb_scope *scope, const char *path, const struct jb_sheet_options *options, FILE *out)
{
    struct jb_sheet *sheet = jb_sheet_open(scope, path, JB_STR_NULL, options);
    if (!sheet)
        return false;
    struct jb_buf line = JB_BUF_INIT(LINE_BYTES_MAX);
    bool ok = print_rows(sheet, scope, &line, out);
    jb_buf_done(&line);
    jb_sheet_close(sheet);
    return ok;
}

struct totals {
    int64_t rows, last_row, cells;
    uint32_t columns;
};

static bool count_rows(struct jb_sheet *sheet, struct jb_scope *scope, struct totals *totals)
{
    struct jb_sheet_row row;
    while (jb_sheet_next(sheet, scope, &row)) {
        totals->rows++;
        totals->last_row = row.number;
        totals->cells += (int64_t)row.count;
        totals->columns = JB_MAX(totals->columns, row.cells[row.count - 1].column);
    }
    return !jb_failure(scope);
}

static void info_json(struct jb_buf *buf, const struct jb_sheet *sheet, const struct totals *totals)
{
    struct jb_json_writer json;
    const struct jb_str *names;
    size_t count = jb_sheet_names(sheet, &names);
    jb_json_start(&json, buf);
    jb_json_object(&json);
    jb_json_name(&json, "format");
    jb_json_text(&json, jb_str_of(jb_sheet_format_name(jb_sheet_format_of(sheet))));
    jb_json_name(&json, "encoding");
    jb_json_text(&json, jb_sheet_encoding(sheet));
    jb_json_name(&json, "sheets");
    jb_json_array(&json);
    for (size_t i = 0; i < count; i++)
        jb_json_text(&json, names[i]);
    jb_json_array_end(&json);
    jb_json_name(&json, "sheet");
    jb_json_text(&json, jb_sheet_name(sheet));
    jb_json_name(&json, "date1904");
    jb_json_bool(&json, jb_sheet_date1904(sheet));
    jb_json_put(&json, "rows", jb_v(totals->rows));
    jb_json_put(&json, "last_row", jb_v(totals->last_row));
    jb_json_put(&json, "columns", jb_v(totals->columns));
    jb_json_put(&json, "cells", jb_v(totals->cells));
    jb_json_object_end(&json);
    jb_buf_put_char(buf, '\n');
}

static void info_text(struct jb_buf *buf, const struct jb_sheet *sheet, const struct totals *totals)
{
    const struct jb_str *names;
    size_t count = jb_sheet_names(sheet, &names);
    struct jb_str encoding = jb_sheet_encoding(sheet), name = jb_sheet_name(sheet);
    jb_buf_printf(buf, "format\t%s\n", jb_sheet_format_name(jb_sheet_format_of(sheet)));
    if (encoding.data)
        jb_buf_printf(buf, "encoding\t%.*s\n", JB_FMT(encoding));
    for (size_t i = 0; i < count; i++)
        jb_buf_printf(buf, "%s\t%.*s\n", jb_str_equal(names[i], name) ? "sheet (read)" : "sheet", JB_FMT(names[i]));
    if (jb_sheet_date1904(sheet))
        jb_buf_put_z(buf, "dates\t1904\n");
    jb_buf_printf(buf, "rows\t%lld\nlast row\t%lld\ncolumns\t%u\ncells\t%lld\n", (long long)totals->rows, (long long)totals->last_row, totals->columns, (long long)totals->cells);
}

bool jb_sheet_print_info(struct jb_scope *scope, const char *path, const struct jb_sheet_options *options, bool json, FILE *out)
{
    struct totals totals = { 0 };
    struct jb_sheet *sheet = jb_sheet_open(scope, path, JB_STR_NULL, options);
    if (!sheet)
        return false;
    struct jb_buf buf = JB_BUF_INIT(LINE_BYTES_MAX);
    bool ok = count_rows(sheet, scope, &totals);
    if (ok) {
        if (json)
            info_json(&buf, sheet, &totals);
        else
            info_text(&buf, sheet, &totals);
        fwrite(buf.data, 1, buf.size, out);
    }
    jb_buf_done(&buf);
    jb_sheet_close(sheet);
    return ok;
}
