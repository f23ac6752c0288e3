/* formats.c — the formats by name: one table for file names, options, HTTP and sentences. */
// SPDX-License-Identifier: Apache-2.0
#include "sheet/sheet_private.h"

static const struct {
    const char *name, *type; /* also what follows the last point of a file's name; media type */
} formats[] = {
    [JB_SHEET_XLSX] = { "xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" },
    [JB_SHEET_CSV] = { "csv", "text/csv; charset=utf-8" },
    [JB_SHEET_TSV] = { "tsv", "text/tab-separated-values; charset=utf-8" },
    [JB_SHEET_ODS] = { "ods", "application/vnd.oasis.opendocument.spreadsheet" },
};

const char *jb_sheet_format_name(enum jb_sheet_format format)
{
    JB_CHECK(format > JB_SHEET_AUTO && format < JB_COUNT(formats));
    return formats[format].name;
}

const char *jb_sheet_format_type(enum jb_sheet_format format)
{
    JB_CHECK(format > JB_SHEET_AUTO && format < JB_COUNT(formats));
    return formats[format].type;
}

enum jb_sheet_format jb_sheet_format_named(struct jb_str name)
{
    static const struct {
        const char *name;
        enum jb_sheet_format format;
    } others[] = { { "xlsm", JB_SHEET_XLSX }, { "xltx", JB_SHEET_XLSX }, { "xltm", JB_SHEET_XLSX }, { "ots", JB_SHEET_ODS }, { "tab", JB_SHEET_TSV } };
    for (size_t i = 1; i < JB_COUNT(formats); i++)
        if (jb_str_equal_nocase(name, jb_str_of(formats[i].name)))
            return (enum jb_sheet_format)i;
    for (size_t i = 0; i < JB_COUNT(others); i++)
        if (jb_str_equal_nocase(name, jb_str_of(others[i].name)))
            return others[i].format;
    return JB_SHEET_AUTO;
}
