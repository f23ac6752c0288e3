/* fuzz_sheet.h — what the fuzz targets of workbooks share: packing parts, and reading all cells of any sheet into every kind of field. */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_FUZZ_SHEET_H
#define JB_FUZZ_SHEET_H

#include "fuzz.h"
#include "sheet/write_private.h"
#include <sys/mman.h>
#include <unistd.h>

static const struct jb_field fields[] = {
    { .name = "text", .type = JB_TEXT },
    { .name = "decimal", .type = JB_DECIMAL, .digits = 15, .decimals = 2 },
    { .name = "int", .type = JB_INT64 },
    { .name = "date", .type = JB_DATE },
    { .name = "month", .type = JB_MONTH },
    { .name = "time", .type = JB_TIME },
    { .name = "bool", .type = JB_BOOL },
};

static inline bool to_fd(void *arg, struct jb_scope *scope, const void *bytes, size_t size)
{
    (void)scope;
    return write(*(int *)arg, bytes, size) == (ssize_t)size;
}

static inline void put_part(struct jb__zip_writer *zip, struct jb_scope *scope, const char *name, struct jb_str text)
{
    JB_CHECK(jb__zip_begin(zip, scope, name) && jb__zip_put(zip, scope, text.data, text.size) && jb__zip_end(zip, scope));
}

static inline void check_cell(const struct jb_sheet *sheet, struct jb_scope *scope, const struct jb_cell *cell)
{
    struct jb_decimal number;
    struct jb_civil civil;
    JB_CHECK(cell->type != JB_CELL_EMPTY && cell->column >= 1 && cell->column <= 16384);
    JB_CHECK(jb_utf8_valid(cell->text) && jb_str_find_char(cell->text, '\0', 0) == SIZE_MAX);
    jb_cell_decimal(cell, &number);
    jb_cell_time(sheet, cell, &civil);
    JB_CHECK(jb_cell_text(sheet, scope, cell).data);
    for (size_t i = 0; i < JB_COUNT(fields); i++) {
        struct jb_value value;
        if (jb_cell_value(sheet, scope, cell, &fields[i], &value))
            jb_field_check(scope, &fields[i], value);
        JB_CHECK(!jb_failure(scope) || jb_error(scope) == JB_INVALID);
        jb_failure_clear(scope);
    }
}

static inline void read_rows(struct jb_scope *scope, struct jb_sheet *sheet)
{
    struct jb_sheet_row row;
    while (jb_sheet_next(sheet, scope, &row)) {
        struct jb_scope *child = jb_scope_child(scope, "row");
        JB_CHECK(row.count > 0 && row.number >= 1 && row.number <= 1048576);
        for (size_t i = 0; i < row.count; i++) {
            check_cell(sheet, child, &row.cells[i]);
            JB_CHECK(i == 0 || row.cells[i - 1].column < row.cells[i].column);
        }
        jb_scope_end(child);
    }
}

static inline struct jb_sheet *open_fd(struct jb_scope *scope, int fd, const char *name, const struct jb_sheet_options *options)
{
    return jb_sheet_open(scope, jb_format(scope, "/proc/self/fd/%d", fd).data, jb_str_of(name), options);
}

/* The file is read to its end, or refused with a reason. */
static inline void read_all(struct jb_scope *scope, int fd, const char *name)
{
    struct jb_sheet_options options = { .part_bytes_max = 16 << 20, .strings_bytes_max = 16 << 20, .rows_max = 100000 };
    struct jb_sheet *sheet = open_fd(scope, fd, name, &options);
    if (sheet)
        read_rows(scope, sheet);
    jb_sheet_close(sheet);
    JB_CHECK(!jb_failure(scope) || (jb_failure_text(scope).size > 20 && jb_error(scope) != JB_BROKEN));
}

#endif
