/* xlsx_write.c — the parts of a workbook around its rows, and rows of cells that were read.
 *
 * Columns carry their format, so that a row which a person adds looks like the others. Rows that one sheet has no room for go on in a further one of the same head; how many sheets there are is known at the
 * end, so what names them stands there. */
// SPDX-License-Identifier: Apache-2.0
#include "sheet/write_private.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DECIMAL_FORMATS (JB_DECIMAL_DIGITS_MAX + 1)

enum {
    STYLE_MARKED = JB__STYLE_LINES + 1,                /* + one of the first, up to TIME */
    STYLE_FORMATS = STYLE_MARKED + JB__STYLE_TIME + 1, /* + 2 · a place in options.formats, + 1 when marked */
};
#define STYLES_MAX 65000 /* of Excel's 65,490 */
#define SHEET_NAME_MAX 31
#define OWN_FORMAT 1000 /* the first id of a format that came with a code */

static const char package_relations[] =
    "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">"
    "<Relationship Id=\"rId1\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>";

/* What stands in `out` becomes a part. */
static bool write_part(struct jb_sheet_writer *writer, struct jb_scope *scope, const char *name)
{
    return jb__zip_begin(writer->zip, scope, name) && jb__write_flush(writer, scope, 0) && jb__zip_end(writer->zip, scope);
}

/* ---- cells that were read ------------------------------------------------------------------------------------------------------ */

static size_t formats_written(const struct jb_sheet_writer *writer)
{
    return JB_MIN(writer->options.format_count, (size_t)(STYLES_MAX - STYLE_FORMATS) / 2);
}

static int style_of_cell(const struct jb_sheet_writer *writer, const struct jb_cell *cell, bool marked)
{
    if (cell->format < formats_written(writer))
        return STYLE_FORMATS + 2 * (int)cell->format + marked;
    if (cell->type == JB_CELL_TEXT && !marked && jb_str_find_char(cell->text, '\n', 0) != SIZE_MAX)
        return JB__STYLE_LINES;
    int style = cell->type == JB_CELL_TEXT ? JB__STYLE_TEXT : cell->type != JB_CELL_DATE ? JB__STYLE_NONE
                                                          : cell->has_time               ? JB__STYLE_TIME
                                                                                         : JB__STYLE_DATE;
    return marked ? STYLE_MARKED + style : style;
}

/* Up to where its value or kind begins. */
static void open_cell(struct jb_sheet_writer *writer, size_t column, int style)
{
    jb_buf_printf(&writer->out, "<c r=\"%s%lld\"", writer->columns[column].letters, (long long)writer->row);
    if (style)
        jb_buf_printf(&writer->out, " s=\"%d\"", style);
}

static void put_number_cell(struct jb_sheet_writer *writer, size_t column, int style, struct jb_str number)
{
    open_cell(writer, column, style);
    jb_buf_put_z(&writer->out, "><v>");
    jb_buf_put(&writer->out, number);
    jb_buf_put_z(&writer->out, "</v></c>");
}

static void put_error_cell(struct jb_sheet_writer *writer, size_t column, int style, struct jb_str text)
{
    open_cell(writer, column, style);
    jb_buf_put_z(&writer->out, " t=\"e\"><v>");
    jb__xlsx_put_text(&writer->out, text);
    jb_buf_put_z(&writer->out, "</v></c>");
}

static bool put_cell(struct jb_sheet_writer *writer, struct jb_scope *scope, const struct jb_cell *cell, bool marked)
{
    size_t column = cell->column - 1;
    int style = style_of_cell(writer, cell, marked);
    char serial[40];

    switch (cell->type) {
    case JB_CELL_EMPTY:
        open_cell(writer, column, style);
        jb_buf_put_z(&writer->out, "/>");
        return true;
    case JB_CELL_TEXT:
        if (jb__xlsx_text_fits(cell->text))
            return jb__xlsx_text_cell(writer, scope, column, style, cell->text);
        put_error_cell(writer, column, style, JB_STR("#VALUE!"));
        return true;
    case JB_CELL_ERROR: put_error_cell(writer, column, style, cell->text); return true;
    case JB_CELL_BOOL:
        open_cell(writer, column, style);
        jb_buf_put_z(&writer->out, cell->truth ? " t=\"b\"><v>1</v></c>" : " t=\"b\"><v>0</v></c>");
        return true;
    case JB_CELL_NUMBER: /* its digits as they were: a reader that took them for a number lets nothing else through */
        if (cell->exact && !jb__number_kept(cell->text))
            return jb__xlsx_text_cell(writer, scope, column, style, cell->text);
        put_number_cell(writer, column, style, cell->text);
        return true;
    case JB_CELL_DATE:
        if (cell->serial < 0) /* of an OpenDocument: Excel has no day before 1900 */
            return jb__xlsx_text_cell(writer, scope, column, style, cell->text);
        put_number_cell(writer, column, style, (struct jb_str){ serial, (size_t)snprintf(serial, sizeof serial, "%.17g", cell->serial) });
        return true;
    }
    return true;
}

/* ---- the other parts ---------------------------------------------------------------------------------------------------------- */

static void put_formats(struct jb_buf *out, const struct jb_sheet_writer *writer)
{
    size_t count = formats_written(writer), coded = 0;

    for (size_t i = 0; i < count; i++)
        coded += writer->options.formats[i].code.data != NULL;
    jb_buf_printf(out, "<numFmts count=\"%zu\">", DECIMAL_FORMATS + 3 + coded);
    jb_buf_put_z(out, "<numFmt numFmtId=\"164\" formatCode=\"yyyy\\-mm\\-dd\"/><numFmt numFmtId=\"165\" formatCode=\"yyyy\\-mm\\-dd\\ hh:mm:ss\"/><numFmt numFmtId=\"166\" formatCode=\"yyyy\\-mm\"/>");
    for (int i = 0; i < DECIMAL_FORMATS; i++)
        jb_buf_printf(out, "<numFmt numFmtId=\"%d\" formatCode=\"#,##0%s%.*s\"/>", 167 + i, i ? "." : "", i, "000000000000000000");
    for (size_t i = 0; i < count; i++) {
        if (!writer->options.formats[i].code.data)
            continue;
        jb_buf_printf(out, "<numFmt numFmtId=\"%zu\" formatCode=\"", OWN_FORMAT + i);
        jb__xlsx_put_text(out, writer->options.formats[i].code);
        jb_buf_put_z(out, "\"/>");
    }
    jb_buf_put_z(out, "</numFmts>");
}

struct look {
    int format, font, fill;
    bool lines;
};

static void put_style(struct jb_buf *out, struct look look)
{
    jb_buf_printf(out, "<xf numFmtId=\"%d\" fontId=\"%d\" fillId=\"%d\" borderId=\"0\" xfId=\"0\"%s%s%s%s", look.format, look.font, look.fill, look.format ? " applyNumberFormat=\"1\"" : "", look.font ? " applyFont=\"1\"" : "",
        look.fill ? " applyFill=\"1\"" : "", look.lines ? " applyAlignment=\"1\"><alignment vertical=\"top\" wrapText=\"1\"/></xf>" : "/>");
}

static void put_styles(struct jb_buf *out, const struct jb_sheet_writer *writer)
{
    static const struct look first[] = { [JB__STYLE_NONE] = { 0 }, [JB__STYLE_HEAD] = { .font = 1 }, [JB__STYLE_TEXT] = { .format = 49 }, [JB__STYLE_DATE] = { .format = 164 }, [JB__STYLE_TIME] = { .format = 165 }, [JB__STYLE_MONTH] = { .format = 166 } };
    size_t count = formats_written(writer);

    jb_buf_printf(out, "<cellXfs count=\"%zu\">", STYLE_FORMATS + 2 * count);
    for (int i = 0; i < JB__STYLE_DECIMAL; i++)
        put_style(out, first[i]);
    for (int i = 0; i < DECIMAL_FORMATS; i++)
        put_style(out, (struct look){ .format = 167 + i });
    put_style(out, (struct look){ .format = 49, .lines = true });
    for (int i = 0; i <= JB__STYLE_TIME; i++)
        put_style(out, (struct look){ .format = first[i].format, .fill = 2 });
    for (size_t i = 0; i < 2 * count; i++) {
        const struct jb_number_format *format = &writer->options.formats[i / 2];
        put_style(out, (struct look){ .format = format->code.data ? OWN_FORMAT + (int)(i / 2) : format->id, .fill = i % 2 ? 2 : 0 });
    }
    jb_buf_put_z(out, "</cellXfs>");
}

static bool write_styles(struct jb_sheet_writer *writer, struct jb_scope *scope)
{
    struct jb_buf *out = &writer->out;

    jb_buf_put_z(out, "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n<styleSheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\">");
    put_formats(out, writer);
    jb_buf_put_z(out, "<fonts count=\"2\"><font><sz val=\"11\"/><name val=\"Calibri\"/></font><font><b/><sz val=\"11\"/><name val=\"Calibri\"/></font></fonts>"
                      "<fills count=\"3\"><fill><patternFill patternType=\"none\"/></fill><fill><patternFill patternType=\"gray125\"/></fill><fill><patternFill patternType=\"solid\"><fgColor rgb=\"FFFFC7CE\"/><bgColor indexed=\"64\"/></patternFill></fill></fills>"
                      "<borders count=\"1\"><border><left/><right/><top/><bottom/><diagonal/></border></borders>"
                      "<cellStyleXfs count=\"1\"><xf numFmtId=\"0\" fontId=\"0\" fillId=\"0\" borderId=\"0\"/></cellStyleXfs>");
    put_styles(out, writer);
    jb_buf_put_z(out, "<cellStyles count=\"1\"><cellStyle name=\"Normal\" xfId=\"0\" builtinId=\"0\"/></cellStyles></styleSheet>");
    return write_part(writer, scope, "xl/styles.xml");
}

/* "Book", "Book (2)", …: with the number inside Excel's 31 characters. */
static struct jb_str sheet_title(const struct jb_sheet_writer *writer, int number, char out[160])
{
    char ending[16];
    int ending_size = snprintf(ending, sizeof ending, " (%d)", number);
    struct jb_str name = writer->options.sheet;

    if (number > 1) {
        size_t units = 0, at = 0, end = 0;
        while (at < name.size && units <= (size_t)(SHEET_NAME_MAX - ending_size)) {
            end = at;
            units += jb_utf8_next(name, &at) > 0xffff ? 2 : 1;
        }
        if (units <= (size_t)(SHEET_NAME_MAX - ending_size))
            end = name.size;
        name = jb_str_slice(name, 0, end);
    }
    int size = snprintf(out, 160, "%.*s%s", JB_FMT(name), number > 1 ? ending : "");
    return (struct jb_str){ out, (size_t)size };
}

static bool write_book(struct jb_sheet_writer *writer, struct jb_scope *scope)
{
    struct jb_buf *out = &writer->out;
    char title[160];

    jb_buf_put_z(out, "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n<workbook xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\" "
                      "xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\">");
    jb_buf_put_z(out, writer->options.date1904 ? "<workbookPr date1904=\"1\"/><sheets>" : "<sheets>");
    for (int i = 1; i <= writer->sheets; i++) {
        jb_buf_put_z(out, "<sheet name=\"");
        jb__xlsx_put_text(out, sheet_title(writer, i, title));
        jb_buf_printf(out, "\" sheetId=\"%d\" r:id=\"rId%d\"/>", i, i);
    }
    jb_buf_put_z(out, "</sheets></workbook>");
    return write_part(writer, scope, "xl/workbook.xml");
}

static bool write_relations(struct jb_sheet_writer *writer, struct jb_scope *scope)
{
    struct jb_buf *out = &writer->out;

    jb_buf_put_z(out, "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">");
    for (int i = 1; i <= writer->sheets; i++)
        jb_buf_printf(out, "<Relationship Id=\"rId%d\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet\" Target=\"worksheets/sheet%d.xml\"/>", i, i);
    jb_buf_printf(out, "<Relationship Id=\"rId%d\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles\" Target=\"styles.xml\"/></Relationships>", writer->sheets + 1);
    return write_part(writer, scope, "xl/_rels/workbook.xml.rels");
}

static bool write_types(struct jb_sheet_writer *writer, struct jb_scope *scope)
{
    struct jb_buf *out = &writer->out;

    jb_buf_put_z(out, "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\">"
                      "<Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/>"
                      "<Default Extension=\"xml\" ContentType=\"application/xml\"/>"
                      "<Override PartName=\"/xl/workbook.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml\"/>");
    for (int i = 1; i <= writer->sheets; i++)
        jb_buf_printf(out, "<Override PartName=\"/xl/worksheets/sheet%d.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml\"/>", i);
    jb_buf_put_z(out, "<Override PartName=\"/xl/styles.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.spreadsheetml.styles+xml\"/></Types>");
    return write_part(writer, scope, "[Content_Types].xml");
}

static int column_style(const struct jb_field *field)
{
    switch (field ? field->type : JB_TEXT) {
    case JB_TEXT: return JB__STYLE_TEXT;
    case JB_DATE: return JB__STYLE_DATE;
    case JB_TIME: return JB__STYLE_TIME;
    case JB_MONTH: return JB__STYLE_MONTH;
    case JB_DECIMAL: return JB__STYLE_DECIMAL + JB_MAX(0, JB_MIN(field->decimals, JB_DECIMAL_DIGITS_MAX));
    default: return JB__STYLE_NONE;
    }
}

/* ---- sheets -------------------------------------------------------------------------------------------------------------------- */

static bool open_sheet(struct jb_sheet_writer *writer, struct jb_scope *scope)
{
    struct jb_buf *out = &writer->out;
    char name[40];

    snprintf(name, sizeof name, "xl/worksheets/sheet%d.xml", ++writer->sheets);
    if (!jb__zip_begin(writer->zip, scope, name))
        return false;
    jb_buf_printf(out, "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n<worksheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"><sheetViews><sheetView%s "
                       "workbookViewId=\"0\"><pane ySplit=\"1\" topLeftCell=\"A2\" activePane=\"bottomLeft\" state=\"frozen\"/></sheetView></sheetViews><sheetFormatPr defaultRowHeight=\"15\"/><cols>",
        writer->sheets == 1 ? " tabSelected=\"1\"" : "");
    for (size_t i = 0; i < writer->count; i++)
        jb_buf_printf(out, "<col min=\"%zu\" max=\"%zu\" width=\"%d\" style=\"%d\" customWidth=\"1\"/>", i + 1, i + 1, jb__column_width(writer->columns[i].field), column_style(writer->columns[i].field));
    jb_buf_put_z(out, "</cols><sheetData>");
    writer->row = 0;
    jb__xlsx_open_row(writer);
    for (size_t i = 0; i < writer->count; i++)
        if (!jb__xlsx_text_cell(writer, scope, i, JB__STYLE_HEAD, writer->titles[i]) || !jb__write_flush(writer, scope, JB__PACK_BYTES))
            return false;
    jb__xlsx_close_row(writer);
    return true;
}

static bool close_sheet(struct jb_sheet_writer *writer, struct jb_scope *scope)
{
    jb_buf_put_z(&writer->out, "</sheetData></worksheet>");
    return jb__write_flush(writer, scope, 0) && jb__zip_end(writer->zip, scope);
}

bool jb__xlsx_next_sheet(struct jb_sheet_writer *writer, struct jb_scope *scope)
{
    return close_sheet(writer, scope) && open_sheet(writer, scope);
}

static bool xlsx_head(struct jb_sheet_writer *writer, struct jb_scope *scope, const struct jb_str *titles)
{
    jb__xlsx_shells_make(writer);
    writer->titles = calloc(writer->count, sizeof *writer->titles);
    JB_CHECK(writer->titles);
    for (size_t i = 0; i < writer->count; i++) {
        char *copy = malloc(titles[i].size + 1);
        JB_CHECK(copy);
        memcpy(copy, titles[i].size ? titles[i].data : "", titles[i].size);
        writer->titles[i] = (struct jb_str){ copy, titles[i].size };
    }
    jb_buf_put_z(&writer->out, package_relations);
    return write_part(writer, scope, "_rels/.rels") && write_styles(writer, scope) && open_sheet(writer, scope);
}

static bool xlsx_cells(struct jb_sheet_writer *writer, struct jb_scope *scope, const struct jb_cell *cells, const bool *marks, size_t count)
{
    if (writer->row >= JB__XLSX_ROWS_MAX)
        return jb_fail(scope, JB_LIMIT, JB_L(scope, "엑셀 시트에는 %d행까지 들어갑니다.", "An Excel sheet holds at most %d rows."), JB__XLSX_ROWS_MAX);
    jb__xlsx_open_row(writer);
    for (size_t i = 0; i < count; i++)
        if (!put_cell(writer, scope, &cells[i], marks[i]) || !jb__write_flush(writer, scope, JB__PACK_BYTES))
            return false;
    jb__xlsx_close_row(writer);
    return true;
}

static bool xlsx_finish(struct jb_sheet_writer *writer, struct jb_scope *scope)
{
    return close_sheet(writer, scope) && write_book(writer, scope) && write_relations(writer, scope) && write_types(writer, scope) && jb__zip_finish(writer->zip, scope);
}

const struct jb__writer jb__xlsx_writer = { .zipped = true, .head = xlsx_head, .row = jb__xlsx_write_row, .cells = xlsx_cells, .finish = xlsx_finish };
