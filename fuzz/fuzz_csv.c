/* fuzz_csv.c — any bytes as delimited text: refused with a reason, or read to cells that are text and that, written as CSV, are read back as they were. */
// SPDX-License-Identifier: Apache-2.0
#include "fuzz.h"
#include "sheet/sheet.h"
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define COLUMNS_MAX 64

static bool to_buf(void *buf, struct jb_scope *scope, const void *bytes, size_t size)
{
    (void)scope;
    jb_buf_put_bytes(buf, bytes, size);
    return true;
}

static struct jb_sheet *open_bytes(struct jb_scope *scope, struct jb_str bytes, const struct jb_sheet_options *options, int *ret_fd)
{
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    JB_CHECK(fd >= 0 && write(fd, bytes.data, bytes.size) == (ssize_t)bytes.size);
    *ret_fd = fd;
    return jb_sheet_open(scope, jb_format(scope, "/proc/self/fd/%d", fd).data, JB_STR("f.csv"), options);
}

static void check_row(const struct jb_sheet_row *row)
{
    for (size_t i = 0; i < row->count; i++) {
        const struct jb_cell *cell = &row->cells[i];
        JB_CHECK(cell->type == JB_CELL_TEXT && cell->text.size > 0 && cell->column >= 1 && cell->column <= 16384);
        JB_CHECK(i == 0 || row->cells[i - 1].column < cell->column);
        JB_CHECK(jb_utf8_valid(cell->text) && jb_str_find_char(cell->text, '\0', 0) == SIZE_MAX);
    }
}

/* Copies the sheet as CSV into `out`, text by text. */
static void copy(struct jb_scope *scope, struct jb_sheet *sheet, struct jb_buf *out)
{
    struct jb_str titles[COLUMNS_MAX];
    struct jb_sheet_row row;
    for (size_t i = 0; i < COLUMNS_MAX; i++)
        titles[i] = JB_STR("t");
    struct jb_sheet_writer *writer = jb_sheet_writer_new(scope, &(struct jb_sheet_writer_options){ .format = JB_SHEET_CSV }, to_buf, out);
    JB_CHECK(jb_sheet_writer_head(writer, scope, titles, NULL, COLUMNS_MAX));
    while (jb_sheet_next(sheet, scope, &row)) {
        struct jb_value values[COLUMNS_MAX] = { { .type = JB_NULL } };
        check_row(&row);
        for (size_t i = 0; i < COLUMNS_MAX; i++)
            values[i] = jb_v_null();
        for (size_t i = 0; i < row.count; i++)
            if (row.cells[i].column <= COLUMNS_MAX)
                values[row.cells[i].column - 1] = jb_v(row.cells[i].text);
        JB_CHECK(jb_sheet_writer_row(writer, scope, values, COLUMNS_MAX));
    }
    JB_CHECK(jb_sheet_writer_finish(writer, scope));
    jb_sheet_writer_free(writer);
}

static void compare(struct jb_scope *scope, struct jb_sheet *first, struct jb_sheet *second)
{
    struct jb_sheet_row a, b;
    JB_CHECK(jb_sheet_next(second, scope, &b));
    while (jb_sheet_next(first, scope, &a)) {
        size_t count = 0;
        while (count < a.count && a.cells[count].column <= COLUMNS_MAX)
            count++;
        if (count == 0)
            continue;
        JB_CHECK(jb_sheet_next(second, scope, &b) && b.count == count);
        for (size_t i = 0; i < count; i++)
            JB_CHECK(b.cells[i].column == a.cells[i].column && jb_str_equal(jb_cell_text(second, scope, &b.cells[i]), a.cells[i].text));
    }
    JB_CHECK(!jb_sheet_next(second, scope, &b) && !jb_failure(scope));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct jb_scope *scope = jb_scope_new("fuzz");
    struct jb_buf out = JB_BUF_INIT((size_t)64 << 20);
    struct jb_str bytes = { size ? (const char *)data : "", size };
    int fds[3] = { -1, -1, -1 };
    struct jb_sheet *sheet = open_bytes(scope, bytes, NULL, &fds[0]);
    if (sheet) {
        copy(scope, sheet, &out);
        jb_sheet_close(sheet);
    }
    if (jb_failure(scope)) {
        JB_CHECK(jb_failure_text(scope).size > 20 && jb_error(scope) != JB_BROKEN);
    } else {
        struct jb_sheet *first = open_bytes(scope, bytes, NULL, &fds[1]);
        struct jb_sheet *second = open_bytes(scope, jb_buf_str(&out), &(struct jb_sheet_options){ .separator = ',', .encoding = JB_STR("utf-8") }, &fds[2]);
        JB_CHECK(first && second);
        compare(scope, first, second);
        jb_sheet_close(first);
        jb_sheet_close(second);
    }
    for (size_t i = 0; i < JB_COUNT(fds); i++)
        if (fds[i] >= 0)
            close(fds[i]);
    jb_buf_done(&out);
    jb_scope_end(scope);
    return 0;
}
