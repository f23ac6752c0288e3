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
    [JB_SHEET_JSON] = { "json", "application/json" },
    [JB_SHEET_JSONL] = { "jsonl", "application/x-ndjson" },
};

const char *jb_sheet_format_name(enum jb_sheet_format format)
{
    JB_CHECK(format > JB_SHEET_AUTO && format < JB_COUNT(formats));
    return formats[format].name;
}

const char *jb_sheet_format_type(enum jb_sheet_format format)
{
    return format > JB_SHEET_AUTO && format < JB_COUNT(formats) ? formats[format].type : "application/octet-stream";
}

enum jb_sheet_format jb_sheet_format_named(struct jb_str name)
{
    static const struct {
        const char *name;
        enum jb_sheet_format format;
    } others[] = { { "xlsm", JB_SHEET_XLSX }, { "xltx", JB_SHEET_XLSX }, { "xltm", JB_SHEET_XLSX }, { "ots", JB_SHEET_ODS }, { "tab", JB_SHEET_TSV }, { "ndjson", JB_SHEET_JSONL } };
    for (size_t i = 1; i < JB_COUNT(formats); i++)
        if (jb_str_equal_nocase(name, jb_str_of(formats[i].name)))
            return (enum jb_sheet_format)i;
    for (size_t i = 0; i < JB_COUNT(others); i++)
        if (jb_str_equal_nocase(name, jb_str_of(others[i].name)))
            return others[i].format;
    return JB_SHEET_AUTO;
}

enum jb_sheet_format jb_sheet_format_written(struct jb_str name)
{
    enum jb_sheet_format format = jb_sheet_format_named(name);
    return format != JB_SHEET_AUTO && jb_str_equal_nocase(name, jb_str_of(formats[format].name)) ? format : JB_SHEET_AUTO;
}

enum jb_sheet_format jb_sheet_format_of_file(struct jb_str name)
{
    struct jb_str rest = name, ending = JB_STR_NULL;
    jb_str_cut(&rest, '.');
    while (rest.data)
        ending = jb_str_cut(&rest, '.');
    return jb_sheet_format_written(ending);
}

enum jb_sheet_format jb_sheet_format_typed(struct jb_str type)
{
    struct jb_str rest = type;
    type = jb_str_trim(jb_str_cut(&rest, ';'));
    if (jb_str_equal_nocase(type, JB_STR("application/jsonl")) || jb_str_equal_nocase(type, JB_STR("application/jsonlines")))
        return JB_SHEET_JSONL;
    for (size_t i = 1; i < JB_COUNT(formats) && type.size > 0; i++) {
        rest = jb_str_of(formats[i].type);
        if (jb_str_equal_nocase(type, jb_str_cut(&rest, ';')))
            return (enum jb_sheet_format)i;
    }
    return JB_SHEET_AUTO;
}
