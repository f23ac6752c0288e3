/* xlsx_write.c — a workbook of one sheet, row by row.
 *
 * Text is written inline: shared strings would have to be remembered. A value is written as a number only when Excel's 15 digits hold all of it, otherwise
 * as text: a workbook that is read back has every value unchanged. Columns carry their format, so that a row which a person adds looks like the others. */
// SPDX-License-Identifier: Apache-2.0
#include "sheet/write_private.h"
#include <stdio.h>
#include <string.h>

#define ROWS_MAX 1048576
#define CHARS_MAX 32767
#define DECIMAL_FORMATS (JB_DECIMAL_DIGITS_MAX + 1)

enum style {
    STYLE_NONE,
    STYLE_HEAD,
    STYLE_TEXT,
    STYLE_DATE,
    STYLE_TIME,
    STYLE_MONTH,
    STYLE_DECIMAL, /* + decimals */
    STYLE_LINES = STYLE_DECIMAL + DECIMAL_FORMATS,
    STYLE_MARKED,                                  /* + one of the first, up to TIME */
    STYLE_FORMATS = STYLE_MARKED + STYLE_TIME + 1, /* + 2 · a place in options.formats, + 1 when marked */
};
#define STYLES_MAX 65000 /* of Excel's 65,490 */
#define OWN_FORMAT 1000  /* the first id of a format that came with a code */

static const char content_types[] =
    "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\">"
    "<Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/>"
    "<Default Extension=\"xml\" ContentType=\"application/xml\"/>"
    "<Override PartName=\"/xl/workbook.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml\"/>"
    "<Override PartName=\"/xl/worksheets/sheet1.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml\"/>"
    "<Override PartName=\"/xl/styles.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.spreadsheetml.styles+xml\"/></Types>";
static const char package_relations[] =
    "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">"
    "<Relationship Id=\"rId1\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>";
static const char book_relations[] =
    "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">"
    "<Relationship Id=\"rId1\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet\" Target=\"worksheets/sheet1.xml\"/>"
    "<Relationship Id=\"rId2\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles\" Target=\"styles.xml\"/></Relationships>";

static bool write_part(struct jb_sheet_writer *writer, struct jb_scope *scope, const char *name, struct jb_str text)
{
    return jb__zip_begin(writer->zip, scope, name) && jb__zip_put(writer->zip, scope, text.data, text.size) && jb__zip_end(writer->zip, scope);
}

/* ---- text ------------------------------------------------------------------------------------------------------------------- */

static bool hex(char c)
{
    return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'f');
}

/* Text that says _x0041_ itself: its first _ is escaped, or readers would take it for an A. */
static bool looks_escaped(struct jb_str text, size_t at)
{
    if (at + 7 > text.size || text.data[at + 1] != 'x' || text.data[at + 6] != '_')
        return false;
    return hex(text.data[at + 2]) && hex(text.data[at + 3]) && hex(text.data[at + 4]) && hex(text.data[at + 5]);
}

/* What XML has no character for is _xHHHH_; bytes that are no UTF-8 become U+FFFD. */
static void put_character(struct jb_buf *out, struct jb_str text, size_t *at)
{
    char bytes[4];
    size_t start = *at;
    uint32_t code = jb_utf8_next(text, at);
    switch (code) {
    case '&': jb_buf_put_z(out, "&amp;"); return;
    case '<': jb_buf_put_z(out, "&lt;"); return;
    case '>': jb_buf_put_z(out, "&gt;"); return;
    case '"': jb_buf_put_z(out, "&quot;"); return;
    case '_': jb_buf_put_z(out, looks_escaped(text, start) ? "_x005F_" : "_"); return;
    }
    if ((code < 0x20 && code != '\n' && code != '\t') || code == 0xfffe || code == 0xffff)
        jb_buf_printf(out, "_x%04X_", code);
    else
        jb_buf_put(out, (struct jb_str){ bytes, jb_utf8_put(code, bytes) });
}

static bool plain_byte(unsigned char c)
{
    return c >= 0x20 && c < 0x7f && c != '&' && c != '<' && c != '>' && c != '"' && c != '_';
}

static void put_text(struct jb_buf *out, struct jb_str text)
{
    for (size_t at = 0; at < text.size;) {
        size_t start = at;
        while (at < text.size && plain_byte((unsigned char)text.data[at]))
            at++;
        jb_buf_put(out, jb_str_slice(text, start, at));
        if (at < text.size)
            put_character(out, text, &at);
    }
}

/* Excel counts UTF-16 units. */
static bool fits(struct jb_str text)
{
    size_t units = 0;
    if (text.size <= CHARS_MAX)
        return true;
    for (size_t at = 0; at < text.size && units <= CHARS_MAX;)
        units += jb_utf8_next(text, &at) > 0xffff ? 2 : 1;
    return units <= CHARS_MAX;
}

/* ---- cells ------------------------------------------------------------------------------------------------------------------ */

/* A cell's place, in digits made once per row. */
struct place {
    const char *letters;
    const char *row;
};

static void open_cell(struct jb_buf *out, struct place place, int style)
{
    jb_buf_put_z(out, "<c r=\"");
    jb_buf_put_z(out, place.letters);
    jb_buf_put_z(out, place.row);
    if (style >= 10)
        jb_buf_printf(out, "\" s=\"%d", style);
    else if (style) {
        jb_buf_put_z(out, "\" s=\"");
        jb_buf_put_char(out, (char)('0' + style));
    }
}

static bool put_text_cell(struct jb_buf *out, struct jb_scope *scope, struct place place, int style, struct jb_str text)
{
    if (text.size == 0)
        return true;
    if (!fits(text))
        return jb_fail(scope, JB_LIMIT, JB_L(scope, "%s%s: 엑셀 셀에는 %d자까지 들어갑니다. CSV로 내보내세요.", "%s%s: an Excel cell holds at most %d characters. Export as CSV."), place.letters, place.row, CHARS_MAX);
    char first = text.data[0], last = text.data[text.size - 1];
    open_cell(out, place, style);
    jb_buf_put_z(out, "\" t=\"inlineStr\"><is><t");
    if ((unsigned char)first <= ' ' || (unsigned char)last <= ' ')
        jb_buf_put_z(out, " xml:space=\"preserve\"");
    jb_buf_put_char(out, '>');
    put_text(out, text);
    jb_buf_put_z(out, "</t></is></c>");
    return true;
}

static void put_number_cell(struct jb_buf *out, struct place place, int style, struct jb_str number)
{
    open_cell(out, place, style);
    jb_buf_put_z(out, "\"><v>");
    jb_buf_put(out, number);
    jb_buf_put_z(out, "</v></c>");
}

static struct jb_str int_text(int64_t number, char out[24])
{
    char *at = out + 24;
    uint64_t left = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    do
        *--at = (char)('0' + left % 10);
    while (left /= 10);
    if (number < 0)
        *--at = '-';
    return (struct jb_str){ at, (size_t)(out + 24 - at) };
}

static bool put_int(struct jb_buf *out, struct jb_scope *scope, struct place place, int64_t number)
{
    char text[24];
    struct jb_str digits = int_text(number, text);
    if (number >= JB__EXACT_MAX || number <= -JB__EXACT_MAX)
        return put_text_cell(out, scope, place, STYLE_TEXT, digits);
    put_number_cell(out, place, STYLE_NONE, digits);
    return true;
}

static bool put_decimal(struct jb_buf *out, struct jb_scope *scope, struct place place, struct jb_decimal number)
{
    char text[JB_DECIMAL_TEXT_SIZE];
    struct jb_decimal trimmed = jb_decimal_trim(number);
    struct jb_str digits = jb_decimal_text(trimmed, text);
    if (trimmed.units >= JB__EXACT_MAX || trimmed.units <= -JB__EXACT_MAX)
        return put_text_cell(out, scope, place, STYLE_TEXT, digits);
    put_number_cell(out, place, STYLE_DECIMAL + JB_MAX(number.scale, 0), digits);
    return true;
}

/* A serial, or ISO text for what Excel's calendar does not have (before 1900). */
static bool put_civil(struct jb_buf *out, struct jb_scope *scope, struct place place, int style, const struct jb_civil *civil, struct jb_str iso)
{
    double serial;
    char text[40];
    if (!jb__serial_of(civil, &serial))
        return put_text_cell(out, scope, place, STYLE_TEXT, iso);
    if (style == STYLE_TIME)
        put_number_cell(out, place, style, (struct jb_str){ text, (size_t)snprintf(text, sizeof text, "%.17g", serial) });
    else
        put_number_cell(out, place, style, int_text((int64_t)serial, text));
    return true;
}

static bool put_date(struct jb_buf *out, struct jb_scope *scope, struct place place, int style, struct jb_date date)
{
    char iso[JB_DATE_TEXT_SIZE];
    struct jb_civil civil = jb_date_civil(date);
    struct jb_str text = style == STYLE_MONTH ? jb_month_text(jb_date_month(date), iso) : jb_date_text(date, iso);
    return put_civil(out, scope, place, style, &civil, text);
}

static bool put_value(struct jb_sheet_writer *writer, struct jb_scope *scope, struct place place, struct jb_value value)
{
    struct jb_buf *out = &writer->out;
    char iso[JB_TIME_TEXT_SIZE];
    switch (value.type) {
    case JB_NULL: return true;
    case JB_BOOL:
        open_cell(out, place, STYLE_NONE);
        jb_buf_put_z(out, value.truth ? "\" t=\"b\"><v>1</v></c>" : "\" t=\"b\"><v>0</v></c>");
        return true;
    case JB_INT32:
    case JB_INT64: return put_int(out, scope, place, value.number);
    case JB_TEXT: return put_text_cell(out, scope, place, STYLE_TEXT, value.text);
    case JB_DECIMAL: return put_decimal(out, scope, place, value.decimal);
    case JB_DATE: return put_date(out, scope, place, STYLE_DATE, (struct jb_date){ (int32_t)value.number });
    case JB_MONTH: return put_date(out, scope, place, STYLE_MONTH, jb_month_first((struct jb_month){ (int32_t)value.number }));
    case JB_TIME: {
        struct jb_civil civil = jb_zone_civil(writer->options.zone, (struct jb_time){ value.number });
        return put_civil(out, scope, place, STYLE_TIME, &civil, jb_time_text((struct jb_time){ value.number }, writer->options.zone, iso));
    }
    default: JB_CHECK(!"a value that a sheet can hold"); return false;
    }
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
        return STYLE_LINES;
    int style = cell->type == JB_CELL_TEXT ? STYLE_TEXT : cell->type != JB_CELL_DATE ? STYLE_NONE
                                                      : cell->has_time               ? STYLE_TIME
                                                                                     : STYLE_DATE;
    return marked ? STYLE_MARKED + style : style;
}

static void put_error_cell(struct jb_buf *out, struct place place, int style, struct jb_str text)
{
    open_cell(out, place, style);
    jb_buf_put_z(out, "\" t=\"e\"><v>");
    put_text(out, text);
    jb_buf_put_z(out, "</v></c>");
}

static bool put_cell(struct jb_sheet_writer *writer, struct jb_scope *scope, struct place place, const struct jb_cell *cell, bool marked)
{
    struct jb_buf *out = &writer->out;
    int style = style_of_cell(writer, cell, marked);
    char serial[40];

    switch (cell->type) {
    case JB_CELL_EMPTY:
        open_cell(out, place, style);
        jb_buf_put_z(out, "\"/>");
        return true;
    case JB_CELL_TEXT:
        if (fits(cell->text))
            return put_text_cell(out, scope, place, style, cell->text);
        put_error_cell(out, place, style, JB_STR("#VALUE!"));
        return true;
    case JB_CELL_ERROR: put_error_cell(out, place, style, cell->text); return true;
    case JB_CELL_BOOL:
        open_cell(out, place, style);
        jb_buf_put_z(out, cell->truth ? "\" t=\"b\"><v>1</v></c>" : "\" t=\"b\"><v>0</v></c>");
        return true;
    case JB_CELL_NUMBER: /* its digits as they were: a reader that took them for a number lets nothing else through */
        if (cell->exact && !jb__number_kept(cell->text))
            return put_text_cell(out, scope, place, style, cell->text);
        put_number_cell(out, place, style, cell->text);
        return true;
    case JB_CELL_DATE:
        if (cell->serial < 0) /* of an OpenDocument: Excel has no day before 1900 */
            return put_text_cell(out, scope, place, style, cell->text);
        put_number_cell(out, place, style, (struct jb_str){ serial, (size_t)snprintf(serial, sizeof serial, "%.17g", cell->serial) });
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
        put_text(out, writer->options.formats[i].code);
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
    static const struct look first[] = { [STYLE_NONE] = { 0 }, [STYLE_HEAD] = { .font = 1 }, [STYLE_TEXT] = { .format = 49 }, [STYLE_DATE] = { .format = 164 }, [STYLE_TIME] = { .format = 165 }, [STYLE_MONTH] = { .format = 166 } };
    size_t count = formats_written(writer);

    jb_buf_printf(out, "<cellXfs count=\"%zu\">", STYLE_FORMATS + 2 * count);
    for (int i = 0; i < STYLE_DECIMAL; i++)
        put_style(out, first[i]);
    for (int i = 0; i < DECIMAL_FORMATS; i++)
        put_style(out, (struct look){ .format = 167 + i });
    put_style(out, (struct look){ .format = 49, .lines = true });
    for (int i = 0; i <= STYLE_TIME; i++)
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
    return jb__zip_begin(writer->zip, scope, "xl/styles.xml") && jb__write_flush(writer, scope, 0) && jb__zip_end(writer->zip, scope);
}

static bool write_book(struct jb_sheet_writer *writer, struct jb_scope *scope)
{
    struct jb_buf *out = &writer->out;
    jb_buf_put_z(out, "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n<workbook xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\" "
                      "xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\">");
    jb_buf_put_z(out, writer->options.date1904 ? "<workbookPr date1904=\"1\"/><sheets><sheet name=\"" : "<sheets><sheet name=\"");
    put_text(out, writer->options.sheet);
    jb_buf_put_z(out, "\" sheetId=\"1\" r:id=\"rId1\"/></sheets></workbook>");
    return jb__zip_begin(writer->zip, scope, "xl/workbook.xml") && jb__write_flush(writer, scope, 0) && jb__zip_end(writer->zip, scope);
}

static int column_style(const struct jb_field *field)
{
    switch (field ? field->type : JB_TEXT) {
    case JB_TEXT: return STYLE_TEXT;
    case JB_DATE: return STYLE_DATE;
    case JB_TIME: return STYLE_TIME;
    case JB_MONTH: return STYLE_MONTH;
    case JB_DECIMAL: return STYLE_DECIMAL + JB_MAX(0, JB_MIN(field->decimals, JB_DECIMAL_DIGITS_MAX));
    default: return STYLE_NONE;
    }
}

static bool xlsx_head(struct jb_sheet_writer *writer, struct jb_scope *scope, const struct jb_str *titles)
{
    struct jb_buf *out = &writer->out;
    if (!write_part(writer, scope, "[Content_Types].xml", jb_str_of(content_types)) || !write_part(writer, scope, "_rels/.rels", jb_str_of(package_relations)) ||
        !write_part(writer, scope, "xl/_rels/workbook.xml.rels", jb_str_of(book_relations)) || !write_styles(writer, scope) || !write_book(writer, scope) ||
        !jb__zip_begin(writer->zip, scope, "xl/worksheets/sheet1.xml"))
        return false;
    jb_buf_put_z(out, "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n<worksheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"><sheetViews><sheetView tabSelected=\"1\" "
                      "workbookViewId=\"0\"><pane ySplit=\"1\" topLeftCell=\"A2\" activePane=\"bottomLeft\" state=\"frozen\"/></sheetView></sheetViews><sheetFormatPr defaultRowHeight=\"15\"/><cols>");
    for (size_t i = 0; i < writer->count; i++)
        jb_buf_printf(out, "<col min=\"%zu\" max=\"%zu\" width=\"%d\" style=\"%d\" customWidth=\"1\"/>", i + 1, i + 1, jb__column_width(writer->columns[i].field), column_style(writer->columns[i].field));
    jb_buf_put_z(out, "</cols><sheetData><row r=\"1\">");
    writer->row = 1;
    for (size_t i = 0; i < writer->count; i++)
        if (!put_text_cell(out, scope, (struct place){ writer->columns[i].letters, "1" }, STYLE_HEAD, titles[i]) || !jb__write_flush(writer, scope, JB__WRITE_CHUNK))
            return false;
    jb_buf_put_z(out, "</row>");
    return jb__write_flush(writer, scope, JB__WRITE_CHUNK);
}

/* The number of the row that begins, as digits. */
static bool open_row(struct jb_sheet_writer *writer, struct jb_scope *scope, char digits[24])
{
    char text[24];

    if (writer->row >= ROWS_MAX)
        return jb_fail(scope, JB_LIMIT, JB_L(scope, "엑셀 시트에는 %d행까지 들어갑니다. CSV로 내보내거나 조건을 좁히세요.", "An Excel sheet holds at most %d rows. Export as CSV or narrow the filter."), ROWS_MAX);
    struct jb_str number = int_text(++writer->row, text);
    memcpy(digits, number.data, number.size);
    digits[number.size] = '\0';
    jb_buf_put_z(&writer->out, "<row r=\"");
    jb_buf_put(&writer->out, number);
    jb_buf_put_z(&writer->out, "\">");
    return true;
}

static bool xlsx_row(struct jb_sheet_writer *writer, struct jb_scope *scope, const struct jb_value *values, size_t count)
{
    char row[24];

    if (!open_row(writer, scope, row))
        return false;
    for (size_t i = 0; i < count; i++)
        if (!put_value(writer, scope, (struct place){ writer->columns[i].letters, row }, values[i]) || !jb__write_flush(writer, scope, JB__WRITE_CHUNK))
            return false;
    jb_buf_put_z(&writer->out, "</row>");
    return true;
}

static bool xlsx_cells(struct jb_sheet_writer *writer, struct jb_scope *scope, const struct jb_cell *cells, const bool *marks, size_t count)
{
    char row[24];

    if (!open_row(writer, scope, row))
        return false;
    for (size_t i = 0; i < count; i++)
        if (!put_cell(writer, scope, (struct place){ writer->columns[cells[i].column - 1].letters, row }, &cells[i], marks[i]) || !jb__write_flush(writer, scope, JB__WRITE_CHUNK))
            return false;
    jb_buf_put_z(&writer->out, "</row>");
    return true;
}

static bool xlsx_finish(struct jb_sheet_writer *writer, struct jb_scope *scope)
{
    jb_buf_put_z(&writer->out, "</sheetData></worksheet>");
    return jb__write_flush(writer, scope, 0) && jb__zip_end(writer->zip, scope) && jb__zip_finish(writer->zip, scope);
}

const struct jb__writer jb__xlsx_writer = { .zipped = true, .head = xlsx_head, .row = xlsx_row, .cells = xlsx_cells, .finish = xlsx_finish };
