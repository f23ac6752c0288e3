/* ods_write.c — an OpenDocument spreadsheet of one sheet, row by row.
 *
 * The type and look of a column stand at the column, so that a cell is only its value, and a row which a person adds looks like the others. What a
 * spreadsheet's 15 digits cannot hold is text, as in XLSX. OpenDocument has no escape for characters that XML lacks: those are refused, not changed. */
// SPDX-License-Identifier: Apache-2.0
#include "sheet/write_private.h"
#include <stdio.h>

#define ROWS_MAX 1048576
#define DECIMAL_FORMATS (JB_DECIMAL_DIGITS_MAX + 1)
#define NAMESPACES "xmlns:office=\"urn:oasis:names:tc:opendocument:xmlns:office:1.0\" xmlns:config=\"urn:oasis:names:tc:opendocument:xmlns:config:1.0\" xmlns:ooo=\"http://openoffice.org/2004/office\" "                           \
                   "xmlns:style=\"urn:oasis:names:tc:opendocument:xmlns:style:1.0\" xmlns:fo=\"urn:oasis:names:tc:opendocument:xmlns:xsl-fo-compatible:1.0\" xmlns:number=\"urn:oasis:names:tc:opendocument:xmlns:datastyle:1.0\" " \
                   "xmlns:table=\"urn:oasis:names:tc:opendocument:xmlns:table:1.0\" xmlns:text=\"urn:oasis:names:tc:opendocument:xmlns:text:1.0\" office:version=\"1.3\""
#define DECLARATION "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"

static const char mimetype[] = "application/vnd.oasis.opendocument.spreadsheet";
static const char manifest[] =
    DECLARATION "<manifest:manifest xmlns:manifest=\"urn:oasis:names:tc:opendocument:xmlns:manifest:1.0\" manifest:version=\"1.3\">"
                "<manifest:file-entry manifest:full-path=\"/\" manifest:version=\"1.3\" manifest:media-type=\"application/vnd.oasis.opendocument.spreadsheet\"/>"
                "<manifest:file-entry manifest:full-path=\"content.xml\" manifest:media-type=\"text/xml\"/><manifest:file-entry manifest:full-path=\"settings.xml\" manifest:media-type=\"text/xml\"/></manifest:manifest>";

/* ---- text ------------------------------------------------------------------------------------------------------------------- */

/* false for a character that no XML can hold. Bytes that are no UTF-8 become U+FFFD. */
static bool put_character(struct jb_buf *out, uint32_t code)
{
    char bytes[4];
    switch (code) {
    case '&': jb_buf_put_z(out, "&amp;"); return true;
    case '<': jb_buf_put_z(out, "&lt;"); return true;
    case '>': jb_buf_put_z(out, "&gt;"); return true;
    case '"': jb_buf_put_z(out, "&quot;"); return true;
    case '\t':
    case '\n':
    case '\r': jb_buf_printf(out, "&#%u;", code); return true; /* in an attribute */
    }
    if (code < 0x20 || code == 0xfffe || code == 0xffff)
        return false;
    jb_buf_put(out, (struct jb_str){ bytes, jb_utf8_put(code, bytes) });
    return true;
}

static bool fail_character(const struct jb_sheet_writer *writer, struct jb_scope *scope, size_t column, uint32_t code)
{
    return jb_fail(scope, JB_INVALID, JB_L(scope, "%s%lld: OpenDocument에 담을 수 없는 글자(U+%04X)가 있습니다. XLSX나 CSV로 내보내세요.", "%s%lld: there is a character that OpenDocument cannot hold (U+%04X). Export as XLSX or CSV."), writer->columns[column].letters,
        (long long)writer->row, code);
}

/* Blanks that a reader would take away are elements: behind another, and at the ends of a paragraph. */
static void put_blanks(struct jb_buf *out, size_t count, bool at_an_end)
{
    if (!at_an_end) {
        jb_buf_put_char(out, ' ');
        count--;
    }
    if (count == 1)
        jb_buf_put_z(out, "<text:s/>");
    else if (count > 1)
        jb_buf_printf(out, "<text:s text:c=\"%zu\"/>", count);
}

static bool plain_byte(unsigned char c)
{
    return c > 0x20 && c < 0x7f && c != '&' && c != '<' && c != '>' && c != '"';
}

/* The text as paragraphs, and as an attribute where those cannot tell all of it: readers take a carriage return for a blank. */
static bool put_text(struct jb_sheet_writer *writer, struct jb_scope *scope, size_t column, struct jb_str text)
{
    struct jb_buf *out = &writer->out;
    bool begun = false; /* the paragraph */
    jb_buf_put_z(out, "<table:table-cell office:value-type=\"string\"");
    if (jb_str_find_char(text, '\r', 0) != SIZE_MAX) {
        jb_buf_put_z(out, " office:string-value=\"");
        for (size_t at = 0; at < text.size;) {
            uint32_t code = jb_utf8_next(text, &at);
            if (!put_character(out, code))
                return fail_character(writer, scope, column, code);
        }
        jb_buf_put_char(out, '"');
    }
    jb_buf_put_z(out, "><text:p>");
    for (size_t at = 0; at < text.size;) {
        size_t start = at;
        while (at < text.size && plain_byte((unsigned char)text.data[at]))
            at++;
        jb_buf_put(out, jb_str_slice(text, start, at));
        begun |= at > start;
        if (at == text.size)
            break;
        size_t blank = at;
        while (at < text.size && text.data[at] == ' ')
            at++;
        if (at > blank) {
            put_blanks(out, at - blank, !begun || at == text.size || text.data[at] == '\n' || text.data[at] == '\r');
            begun = true;
            continue;
        }
        uint32_t code = jb_utf8_next(text, &at);
        bool line = code == '\n' || code == '\r';
        if (code == '\r' && at < text.size && text.data[at] == '\n')
            at++;
        if (line)
            jb_buf_put_z(out, "</text:p><text:p>");
        else if (code == '\t')
            jb_buf_put_z(out, "<text:tab/>");
        else if (!put_character(out, code))
            return fail_character(writer, scope, column, code);
        begun = !line;
    }
    jb_buf_put_z(out, "</text:p></table:table-cell>");
    return true;
}

/* ---- cells ------------------------------------------------------------------------------------------------------------------ */

static void put_typed(struct jb_buf *out, const char *type, const char *attribute, struct jb_str value)
{
    jb_buf_put_z(out, "<table:table-cell office:value-type=\"");
    jb_buf_put_z(out, type);
    jb_buf_put_z(out, "\" office:");
    jb_buf_put_z(out, attribute);
    jb_buf_put_z(out, "=\"");
    jb_buf_put(out, value);
    jb_buf_put_z(out, "\"><text:p>");
    jb_buf_put(out, value);
    jb_buf_put_z(out, "</text:p></table:table-cell>");
}

static bool put_number(struct jb_sheet_writer *writer, struct jb_scope *scope, size_t column, struct jb_decimal number)
{
    char text[JB_DECIMAL_TEXT_SIZE];
    number = jb_decimal_trim(number);
    struct jb_str digits = jb_decimal_text(number, text);
    if (number.units >= JB__EXACT_MAX || number.units <= -JB__EXACT_MAX)
        return put_text(writer, scope, column, digits);
    put_typed(&writer->out, "float", "value", digits);
    return true;
}

static void put_time(struct jb_buf *out, const struct jb_zone *zone, struct jb_time time)
{
    struct jb_civil civil = jb_zone_civil(zone, time);
    char text[64];
    int size = snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d", civil.year, civil.month, civil.day, civil.hour, civil.minute, civil.second);
    if (civil.microsecond)
        size += snprintf(text + size, sizeof text - (size_t)size, ".%06d", civil.microsecond);
    put_typed(out, "date", "date-value", (struct jb_str){ text, (size_t)size });
}

static bool put_value(struct jb_sheet_writer *writer, struct jb_scope *scope, size_t column, struct jb_value value)
{
    struct jb_buf *out = &writer->out;
    char text[JB_DATE_TEXT_SIZE];
    char digits[24];
    switch (value.type) {
    case JB_BOOL: put_typed(out, "boolean", "boolean-value", value.truth ? JB_STR("true") : JB_STR("false")); return true;
    case JB_INT32:
    case JB_INT64:
        if (value.number >= JB__EXACT_MAX || value.number <= -JB__EXACT_MAX)
            return put_text(writer, scope, column, (struct jb_str){ digits, (size_t)snprintf(digits, sizeof digits, "%lld", (long long)value.number) });
        return put_number(writer, scope, column, (struct jb_decimal){ value.number, 0 });
    case JB_TEXT: return put_text(writer, scope, column, value.text);
    case JB_DECIMAL: return put_number(writer, scope, column, value.decimal);
    case JB_DATE: put_typed(out, "date", "date-value", jb_date_text((struct jb_date){ (int32_t)value.number }, text)); return true;
    case JB_MONTH: put_typed(out, "date", "date-value", jb_date_text(jb_month_first((struct jb_month){ (int32_t)value.number }), text)); return true;
    case JB_TIME: put_time(out, writer->options.zone, (struct jb_time){ value.number }); return true;
    default: JB_CHECK(!"a value that a sheet can hold"); return false;
    }
}

static bool is_empty(struct jb_value value)
{
    return value.type == JB_NULL || (value.type == JB_TEXT && value.text.size == 0);
}

static void put_empty(struct jb_buf *out, size_t count)
{
    if (count == 1)
        jb_buf_put_z(out, "<table:table-cell/>");
    else if (count > 1)
        jb_buf_printf(out, "<table:table-cell table:number-columns-repeated=\"%zu\"/>", count);
}

/* ---- styles ------------------------------------------------------------------------------------------------------------------ */

static const char *column_style(const struct jb_field *field, char out[16])
{
    switch (field ? field->type : JB_TEXT) {
    case JB_TEXT: return "text";
    case JB_DATE: return "date";
    case JB_TIME: return "time";
    case JB_MONTH: return "month";
    case JB_DECIMAL: snprintf(out, 16, "decimal%d", JB_MAX(0, JB_MIN(field->decimals, JB_DECIMAL_DIGITS_MAX))); return out;
    default: return "Default";
    }
}

static void put_style(struct jb_buf *out, const char *name, const char *data)
{
    jb_buf_printf(out, "<style:style style:name=\"%s\" style:family=\"table-cell\" style:data-style-name=\"%s\"/>", name, data);
}

static void put_styles(struct jb_sheet_writer *writer)
{
    struct jb_buf *out = &writer->out;
    char name[32], data[32];
#define DAY "<number:year number:style=\"long\"/><number:text>-</number:text><number:month number:style=\"long\"/>"
    jb_buf_put_z(out, "<office:automatic-styles><number:text-style style:name=\"n-text\"><number:text-content/></number:text-style><number:date-style style:name=\"n-month\">" DAY "</number:date-style>"
                      "<number:date-style style:name=\"n-date\">" DAY "<number:text>-</number:text><number:day number:style=\"long\"/></number:date-style>"
                      "<number:date-style style:name=\"n-time\">" DAY "<number:text>-</number:text><number:day number:style=\"long\"/><number:text> </number:text><number:hours number:style=\"long\"/><number:text>:</number:text>"
                      "<number:minutes number:style=\"long\"/><number:text>:</number:text><number:seconds number:style=\"long\"/></number:date-style>");
#undef DAY
    for (int i = 0; i < DECIMAL_FORMATS; i++)
        jb_buf_printf(out, "<number:number-style style:name=\"n-decimal%d\"><number:number number:decimal-places=\"%d\" number:min-decimal-places=\"%d\" number:min-integer-digits=\"1\" number:grouping=\"true\"/></number:number-style>", i, i, i);
    jb_buf_put_z(out, "<style:style style:name=\"head\" style:family=\"table-cell\"><style:text-properties fo:font-weight=\"bold\" style:font-weight-asian=\"bold\"/></style:style>");
    put_style(out, "text", "n-text");
    put_style(out, "date", "n-date");
    put_style(out, "time", "n-time");
    put_style(out, "month", "n-month");
    for (int i = 0; i < DECIMAL_FORMATS; i++) {
        snprintf(name, sizeof name, "decimal%d", i);
        snprintf(data, sizeof data, "n-decimal%d", i);
        put_style(out, name, data);
    }
    for (size_t i = 0; i < writer->count; i++)
        jb_buf_printf(out, "<style:style style:name=\"co%zu\" style:family=\"table-column\"><style:table-column-properties style:column-width=\"%dmm\"/></style:style>", i + 1, jb__column_width(writer->columns[i].field) * 2);
    jb_buf_put_z(out, "</office:automatic-styles>");
}

static void put_name(struct jb_sheet_writer *writer)
{
    struct jb_str name = writer->options.sheet;
    for (size_t at = 0; at < name.size;)
        put_character(&writer->out, jb_utf8_next(name, &at));
}

/* The head row stays in sight. */
static void put_settings(struct jb_sheet_writer *writer)
{
    struct jb_buf *out = &writer->out;
    jb_buf_put_z(out, DECLARATION "<office:document-settings " NAMESPACES "><office:settings><config:config-item-set config:name=\"ooo:view-settings\"><config:config-item-map-indexed config:name=\"Views\"><config:config-item-map-entry>"
                                  "<config:config-item config:name=\"ViewId\" config:type=\"string\">view1</config:config-item><config:config-item-map-named config:name=\"Tables\"><config:config-item-map-entry config:name=\"");
    put_name(writer);
    jb_buf_put_z(out, "\"><config:config-item config:name=\"VerticalSplitMode\" config:type=\"short\">2</config:config-item><config:config-item config:name=\"VerticalSplitPosition\" config:type=\"int\">1</config:config-item>"
                      "<config:config-item config:name=\"ActiveSplitRange\" config:type=\"short\">2</config:config-item><config:config-item config:name=\"PositionTop\" config:type=\"int\">0</config:config-item>"
                      "<config:config-item config:name=\"PositionBottom\" config:type=\"int\">1</config:config-item></config:config-item-map-entry></config:config-item-map-named>"
                      "<config:config-item config:name=\"ActiveTable\" config:type=\"string\">");
    put_name(writer);
    jb_buf_put_z(out, "</config:config-item></config:config-item-map-entry></config:config-item-map-indexed></config:config-item-set></office:settings></office:document-settings>");
}

/* ---- the file ---------------------------------------------------------------------------------------------------------------- */

static bool ods_head(struct jb_sheet_writer *writer, struct jb_scope *scope, const struct jb_str *titles)
{
    struct jb_buf *out = &writer->out;
    char style[16];
    if (!jb__zip_store(writer->zip, scope, "mimetype", jb_str_of(mimetype)) || !jb__zip_begin(writer->zip, scope, "META-INF/manifest.xml") || !jb__zip_put(writer->zip, scope, manifest, sizeof manifest - 1) ||
        !jb__zip_end(writer->zip, scope) || !jb__zip_begin(writer->zip, scope, "settings.xml"))
        return false;
    put_settings(writer);
    if (!jb__write_flush(writer, scope, 0) || !jb__zip_end(writer->zip, scope) || !jb__zip_begin(writer->zip, scope, "content.xml"))
        return false;
    jb_buf_put_z(out, DECLARATION "<office:document-content " NAMESPACES ">");
    put_styles(writer);
    jb_buf_put_z(out, "<office:body><office:spreadsheet><table:table table:name=\"");
    put_name(writer);
    jb_buf_put_z(out, "\">");
    for (size_t i = 0; i < writer->count; i++)
        jb_buf_printf(out, "<table:table-column table:style-name=\"co%zu\" table:default-cell-style-name=\"%s\"/>", i + 1, column_style(writer->columns[i].field, style));
    jb_buf_put_z(out, "<table:table-row table:default-cell-style-name=\"head\">");
    writer->row = 1;
    for (size_t i = 0; i < writer->count; i++)
        if (!put_text(writer, scope, i, titles[i]) || !jb__write_flush(writer, scope, JB__WRITE_CHUNK))
            return false;
    jb_buf_put_z(out, "</table:table-row>");
    return jb__write_flush(writer, scope, JB__WRITE_CHUNK);
}

static bool ods_row(struct jb_sheet_writer *writer, struct jb_scope *scope, const struct jb_value *values, size_t count)
{
    struct jb_buf *out = &writer->out;
    size_t empty = 0;
    if (writer->row >= ROWS_MAX)
        return jb_fail(scope, JB_LIMIT, JB_L(scope, "시트에는 %d행까지 들어갑니다. CSV로 내보내거나 조건을 좁히세요.", "A sheet holds at most %d rows. Export as CSV or narrow the filter."), ROWS_MAX);
    writer->row++;
    jb_buf_put_z(out, "<table:table-row>");
    for (size_t i = 0; i < count; i++) {
        if (is_empty(values[i])) {
            empty++;
            continue;
        }
        put_empty(out, empty);
        empty = 0;
        if (!put_value(writer, scope, i, values[i]) || !jb__write_flush(writer, scope, JB__WRITE_CHUNK))
            return false;
    }
    put_empty(out, empty);
    jb_buf_put_z(out, "</table:table-row>");
    return jb__write_flush(writer, scope, JB__WRITE_CHUNK);
}

static bool ods_finish(struct jb_sheet_writer *writer, struct jb_scope *scope)
{
    jb_buf_put_z(&writer->out, "</table:table></office:spreadsheet></office:body></office:document-content>");
    return jb__write_flush(writer, scope, 0) && jb__zip_end(writer->zip, scope) && jb__zip_finish(writer->zip, scope);
}

const struct jb__writer jb__ods_writer = { .zipped = true, .head = ods_head, .row = ods_row, .finish = ods_finish };
