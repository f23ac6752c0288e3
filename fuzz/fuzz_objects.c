/* fuzz_objects.c — any bytes as objects in an array or one a line: refused with a reason, or read to cells; and texts that are written as objects are read
 * back as they were. */
// SPDX-License-Identifier: Apache-2.0
#include "fuzz_sheet.h"

#define COLUMNS_MAX 64

/* Copies the sheet as lines, text by text. The titles are numbers, because names may be long. */
static void copy(struct jb_scope *scope, struct jb_sheet *sheet, int fd)
{
    struct jb_str titles[COLUMNS_MAX];
    struct jb_sheet_row row;
    for (size_t i = 0; i < COLUMNS_MAX; i++)
        titles[i] = jb_format(scope, "%zu", i);
    struct jb_sheet_writer *writer = jb_sheet_writer_new(scope, &(struct jb_sheet_writer_options){ .format = JB_SHEET_JSONL }, to_fd, &fd);
    JB_CHECK(jb_sheet_writer_head(writer, scope, titles, NULL, COLUMNS_MAX));
    while (jb_sheet_next(sheet, scope, &row)) {
        struct jb_value values[COLUMNS_MAX];
        for (size_t i = 0; i < COLUMNS_MAX; i++)
            values[i] = jb_v_null();
        for (size_t i = 0; i < row.count && row.cells[i].column <= COLUMNS_MAX; i++)
            values[row.cells[i].column - 1] = jb_v(row.cells[i].text);
        JB_CHECK(jb_sheet_writer_row(writer, scope, values, COLUMNS_MAX));
    }
    JB_CHECK(jb_sheet_writer_finish(writer, scope));
    jb_sheet_writer_free(writer);
}

static void compare(struct jb_scope *scope, struct jb_sheet *first, struct jb_sheet *second)
{
    struct jb_sheet_row a, b;
    if (!jb_sheet_next(first, scope, &a))
        return;
    JB_CHECK(jb_sheet_next(second, scope, &b)); /* the titles */
    do {
        size_t count = 0;
        while (count < a.count && a.cells[count].column <= COLUMNS_MAX)
            count++;
        if (count == 0)
            continue;
        JB_CHECK(jb_sheet_next(second, scope, &b) && b.count == count);
        for (size_t i = 0; i < count; i++)
            JB_CHECK(b.cells[i].column == a.cells[i].column && b.cells[i].type == JB_CELL_TEXT && jb_str_equal(b.cells[i].text, a.cells[i].text));
    } while (jb_sheet_next(first, scope, &a));
    JB_CHECK(!jb_sheet_next(second, scope, &b) && !jb_failure(scope));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct jb_scope *scope = jb_scope_new("fuzz");
    int fd = memfd_create("fuzz", MFD_CLOEXEC), copied = memfd_create("copy", MFD_CLOEXEC);
    JB_CHECK(fd >= 0 && copied >= 0 && write(fd, data, size) == (ssize_t)size);
    read_all(scope, fd, "f.json");
    if (!jb_failure(scope)) {
        struct jb_sheet *first = open_fd(scope, fd, "f.json", NULL);
        JB_CHECK(first);
        copy(scope, first, copied);
        jb_sheet_close(first);
        JB_CHECK(!jb_failure(scope));
        first = open_fd(scope, fd, "f.json", NULL);
        struct jb_sheet *second = open_fd(scope, copied, "f.jsonl", NULL);
        if (second) /* none when there was no row */
            compare(scope, first, second);
        jb_failure_clear(scope);
        jb_sheet_close(first);
        jb_sheet_close(second);
    }
    close(fd);
    close(copied);
    jb_scope_end(scope);
    return 0;
}
