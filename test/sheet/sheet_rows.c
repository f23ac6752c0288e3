/* sheet_rows.c — reads a workbook to typed cells as an import would, and says what it took: rows, cells, seconds, most memory, memory of shared strings, memory
 * before (bytes). For bench/xlsx-read. */
// SPDX-License-Identifier: Apache-2.0
#include "sheet/sheet.h"
#include <string.h>

/* VmHWM or VmRSS of this process in bytes. */
static long long memory(const char *name)
{
    char line[256];
    long long kib = 0;
    FILE *status = fopen("/proc/self/status", "r");
    while (status && fgets(line, sizeof line, status))
        if (strncmp(line, name, strlen(name)) == 0)
            sscanf(line + strlen(name), ": %lld", &kib);
    if (status)
        fclose(status);
    return kib * 1024;
}

/* Every cell in its own type; the sum keeps the compiler honest. */
static bool read_rows(struct jb_sheet *sheet, struct jb_scope *scope, int64_t *rows, int64_t *cells, int64_t *sum)
{
    struct jb_sheet_row row;
    while (jb_sheet_next(sheet, scope, &row)) {
        ++*rows;
        *cells += (int64_t)row.count;
        for (size_t i = 0; i < row.count; i++) {
            const struct jb_cell *cell = &row.cells[i];
            struct jb_decimal number = { 0, 0 };
            struct jb_civil civil = { 0 };
            if (cell->type == JB_CELL_NUMBER && jb_cell_decimal(cell, &number))
                *sum += number.units;
            else if (cell->type == JB_CELL_DATE && jb_cell_time(sheet, cell, &civil))
                *sum += civil.day;
            else
                *sum += (int64_t)cell->text.size;
        }
    }
    return !jb_failure(scope);
}

int main(int argc, char **argv)
{
    struct jb_scope *scope = jb_scope_new("sheet_rows");
    int64_t rows = 0, cells = 0, sum = 0, start = jb_monotonic_us();
    long long before = memory("VmRSS");
    struct jb_sheet *sheet = argc == 2 ? jb_sheet_open(scope, argv[1], JB_STR_NULL, NULL) : NULL;
    if (!sheet || !read_rows(sheet, scope, &rows, &cells, &sum)) {
        struct jb_str text = jb_failure_text(scope);
        fprintf(stderr, "%.*s\n", JB_FMT(text));
        return 3;
    }
    printf("%lld %lld %.3f %lld %zu %lld %lld\n", (long long)rows, (long long)cells, (double)(jb_monotonic_us() - start) / 1e6, memory("VmHWM"), jb_sheet_strings_bytes(sheet), before, (long long)(sum & 1));
    jb_sheet_close(sheet);
    jb_scope_end(scope);
    return 0;
}
