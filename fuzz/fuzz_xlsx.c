/* fuzz_xlsx.c — any bytes as a workbook: refused with a reason, or read to cells in order, each of which every kind of field takes or refuses.
 *
 * Bytes that begin with PK are the file itself. Others are its parts: sheet, shared strings, styles and workbook, separated by the byte FF; they are packed
 * here, because no mutation survives a checksum. */
// SPDX-License-Identifier: Apache-2.0
#include "fuzz.h"
#include "sheet/write_private.h"
#include <sys/mman.h>
#include <unistd.h>

static const char relations[] =
    "<Relationships><Relationship Id=\"rId1\" Type=\"/worksheet\" Target=\"s.xml\"/><Relationship Id=\"rId2\" Type=\"/sharedStrings\" Target=\"t.xml\"/><Relationship Id=\"rId3\" Type=\"/styles\" Target=\"f.xml\"/></Relationships>";
static const char workbook[] = "<workbook xmlns:r=\"r\"><sheets><sheet name=\"s\" r:id=\"rId1\"/></sheets></workbook>";

static const struct jb_field fields[] = {
    { .name = "text", .type = JB_TEXT },
    { .name = "decimal", .type = JB_DECIMAL, .digits = 15, .decimals = 2 },
    { .name = "int", .type = JB_INT64 },
    { .name = "date", .type = JB_DATE },
    { .name = "month", .type = JB_MONTH },
    { .name = "time", .type = JB_TIME },
    { .name = "bool", .type = JB_BOOL },
};

static bool to_fd(void *arg, struct jb_scope *scope, const void *bytes, size_t size)
{
    (void)scope;
    return write(*(int *)arg, bytes, size) == (ssize_t)size;
}

static void put_part(struct jb__zip_writer *zip, struct jb_scope *scope, const char *name, struct jb_str text)
{
    JB_CHECK(jb__zip_begin(zip, scope, name) && jb__zip_put(zip, scope, text.data, text.size) && jb__zip_end(zip, scope));
}

static void pack(struct jb_scope *scope, int fd, struct jb_str bytes)
{
    struct jb__zip_writer *zip = jb__zip_writer_new(to_fd, &fd);
    put_part(zip, scope, "xl/_rels/workbook.xml.rels", jb_str_of(relations));
    put_part(zip, scope, "xl/s.xml", jb_str_cut(&bytes, '\xff'));
    if (bytes.data)
        put_part(zip, scope, "xl/t.xml", jb_str_cut(&bytes, '\xff'));
    if (bytes.data)
        put_part(zip, scope, "xl/f.xml", jb_str_cut(&bytes, '\xff'));
    put_part(zip, scope, "xl/workbook.xml", bytes.data ? bytes : jb_str_of(workbook));
    JB_CHECK(jb__zip_finish(zip, scope));
    jb__zip_writer_free(zip);
}

static void check_cell(const struct jb_sheet *sheet, struct jb_scope *scope, const struct jb_cell *cell)
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

static void read_rows(struct jb_scope *scope, struct jb_sheet *sheet)
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct jb_scope *scope = jb_scope_new("fuzz");
    struct jb_str bytes = { size ? (const char *)data : "", size };
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    JB_CHECK(fd >= 0);
    if (jb_str_starts(bytes, JB_STR("PK")))
        JB_CHECK(write(fd, bytes.data, bytes.size) == (ssize_t)bytes.size);
    else
        pack(scope, fd, bytes);
    struct jb_sheet_options options = { .part_bytes_max = 16 << 20, .strings_bytes_max = 16 << 20 };
    struct jb_sheet *sheet = jb_sheet_open(scope, jb_format(scope, "/proc/self/fd/%d", fd).data, JB_STR("f.xlsx"), &options);
    if (sheet)
        read_rows(scope, sheet);
    jb_sheet_close(sheet);
    JB_CHECK(!jb_failure(scope) || (jb_failure_text(scope).size > 20 && jb_error(scope) != JB_BROKEN));
    close(fd);
    jb_scope_end(scope);
    return 0;
}
