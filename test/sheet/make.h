/* make.h — small workbooks and text files for the tests of this module, and what `sheet cells` says of them. */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_TEST_SHEET_MAKE_H
#define JB_TEST_SHEET_MAKE_H

#include "jb_test.h"
#include "sheet/write_private.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAIN "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
#define OFFICE "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
#define SHEET(rows) "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<worksheet xmlns=\"" MAIN "\"><sheetData>" rows "</sheetData></worksheet>"
#define STRINGS(items) "<sst xmlns=\"" MAIN "\">" items "</sst>"
#define RELATIONS(items) "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">" items "</Relationships>"
#define RELATION(id, type, target) "<Relationship Id=\"" id "\" Type=\"" OFFICE "/" type "\" Target=\"" target "\"/>"
#define BOOK(properties, sheets) "<workbook xmlns=\"" MAIN "\" xmlns:r=\"" OFFICE "\">" properties "<sheets>" sheets "</sheets></workbook>"

/* One part; size 0: a NUL-terminated text. */
struct part {
    const char *name, *text;
    size_t size;
};

static inline void remove_file(void *path)
{
    unlink(path);
}

/* A new empty file, gone with the scope. */
static inline char *temporary(struct jb_scope *scope, const char *ending)
{
    char *path = (char *)(uintptr_t)jb_format(scope, "/tmp/jb-sheet-XXXXXX%s", ending).data;
    int fd = mkstemps(path, (int)strlen(ending));
    CHECK(fd >= 0);
    close(fd);
    jb_defer(scope, remove_file, path);
    return path;
}

static inline const char *write_file(struct jb_scope *scope, const char *ending, struct jb_str bytes)
{
    char *path = temporary(scope, ending);
    FILE *file = fopen(path, "wb");
    CHECK(file && fwrite(bytes.data, 1, bytes.size, file) == bytes.size && fclose(file) == 0);
    return path;
}

static inline bool to_file(void *file, struct jb_scope *scope, const void *bytes, size_t size)
{
    (void)scope;
    return fwrite(bytes, 1, size, file) == size;
}

/* The parts, ended by one without a name, as a zip. */
static inline const char *zip_parts(struct jb_scope *scope, const struct part *parts)
{
    char *path = temporary(scope, ".xlsx");
    FILE *file = fopen(path, "wb");
    struct jb__zip_writer *zip = jb__zip_writer_new(to_file, file, false);
    for (; parts->name; parts++)
        CHECK(jb__zip_begin(zip, scope, parts->name) && jb__zip_put(zip, scope, parts->text, parts->size ? parts->size : strlen(parts->text)) && jb__zip_end(zip, scope));
    CHECK(jb__zip_finish(zip, scope));
    jb__zip_writer_free(zip);
    fclose(file);
    return path;
}

/* A workbook of one sheet; the other parts may be NULL. */
struct book {
    const char *sheet, *strings, *styles, *properties;
    size_t sheet_size;
    struct part other;
};

static inline const char *make_book(struct jb_scope *scope, struct book book)
{
    struct part parts[8] = {
        { "_rels/.rels", RELATIONS(RELATION("rId1", "officeDocument", "xl/workbook.xml")), 0 },
        { "xl/workbook.xml", jb_format(scope, BOOK("%s", "<sheet name=\"시트\" sheetId=\"1\" r:id=\"rId1\"/>"), book.properties ? book.properties : "").data, 0 },
        { "xl/_rels/workbook.xml.rels", RELATIONS(RELATION("rId1", "worksheet", "worksheets/sheet1.xml") RELATION("rId2", "sharedStrings", "sharedStrings.xml") RELATION("rId3", "styles", "styles.xml")), 0 },
        { "xl/worksheets/sheet1.xml", book.sheet, book.sheet_size },
    };
    size_t count = 4;
    if (book.strings)
        parts[count++] = (struct part){ "xl/sharedStrings.xml", book.strings, 0 };
    if (book.styles)
        parts[count++] = (struct part){ "xl/styles.xml", book.styles, 0 };
    if (book.other.name)
        parts[count++] = book.other;
    return zip_parts(scope, parts);
}

/* What `jangbu sheet cells` prints; after a failure its sentence (and the scope is clear again). */
static inline struct jb_str cells_of(struct jb_scope *scope, const char *path, const struct jb_sheet_options *options)
{
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    bool ok = jb_sheet_print_cells(scope, path, options, file);
    fclose(file);
    struct jb_str result = jb_copy(scope, ok ? (struct jb_str){ text, size } : jb_failure_text(scope));
    free(text);
    jb_failure_clear(scope);
    return result;
}

#define BOOK_CELLS(...) cells_of(scope, make_book(scope, (struct book){ __VA_ARGS__ }), NULL)
#define CHECK_SAYS(text, part) CHECK(jb_str_find((text), JB_STR(part), 0) != SIZE_MAX || (fprintf(stderr, "it says: %.*s\n", JB_FMT(text)), false))

#endif
