/* xlsx_read.c — the rows of one worksheet.
 *
 * Almost every cell of a big sheet looks the same, <c r="B7" s="1" t="s"><v>12</v></c>: those are read straight from the window. Everything else (formulas,
 * inline text, prefixes, odd spacing, a cell cut by the window) takes the general way through the scanner's tokens; both end in add_value. What a cell says
 * about its place is believed within Excel's limits; rows and columns that are left out are counted on from the last. */
// SPDX-License-Identifier: Apache-2.0
#include "sheet/sheet_private.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct jb__xlsx {
    struct jb__workbook book;
    struct jb__strings strings;
    struct jb__xml xml;
    bool opened, in_rows; /* xml is open; it stands inside <sheetData> */
    int64_t packed, rows_hint;
    struct jb__row row; /* the last; its cells' texts but for shared strings */
    struct jb_buf scratch;
};

/* What a <c> says before its value. */
struct head {
    uint32_t column, style;
    int64_t row; /* of its address; 0: not said */
    enum { AS_NUMBER,
        AS_SHARED,
        AS_TEXT,
        AS_INLINE,
        AS_BOOL,
        AS_ERROR,
        AS_DATE } as;
};

static bool add_cell(struct jb_sheet *sheet, struct jb_scope *scope, struct jb_cell cell)
{
    return jb__row_add(&sheet->xlsx->row, scope, sheet->options.columns_max, cell);
}

/* ---- values ---------------------------------------------------------------------------------------------------------------- */

/* How the cell's style shows numbers; past the last format for a style that is not there. */
static uint32_t format_of(const struct jb__xlsx *x, const struct head *head)
{
    return head->style < x->book.style_count ? x->book.styles[head->style] : (uint32_t)x->book.format_count;
}

static bool add_number(struct jb_sheet *sheet, struct jb_scope *scope, const struct head *head, struct jb_str raw)
{
    struct jb__xlsx *x = sheet->xlsx;
    struct jb_cell cell = { .type = JB_CELL_NUMBER, .column = head->column, .format = format_of(x, head) };
    bool number = jb__number_parse(raw, &cell.serial);
    if (!number) {
        raw = jb_str_trim(raw);
        if (raw.size == 0)
            return true;
        number = jb__number_parse(raw, &cell.serial);
    }
    enum jb__format format = cell.format < x->book.format_count ? x->book.formats[cell.format].as : JB__FORMAT_NUMBER;
    if (!number) {
        cell.type = JB_CELL_TEXT; /* "NaN", "#N/A" without its type: let the reader of the row say what is wrong */
    } else if (format != JB__FORMAT_NUMBER) {
        cell.type = JB_CELL_DATE;
        cell.has_time = format == JB__FORMAT_TIME || cell.serial != (double)(int64_t)JB_MAX(-1e15, JB_MIN(1e15, cell.serial));
    }
    return jb__row_keep(&x->row, scope, raw, &cell.text) && add_cell(sheet, scope, cell);
}

static bool add_shared(struct jb_sheet *sheet, struct jb_scope *scope, const struct head *head, struct jb_str raw)
{
    struct jb__xlsx *x = sheet->xlsx;
    int64_t index;
    char where[32];
    raw = jb_str_trim(raw);
    if (raw.size == 0)
        return true;
    if (!jb_str_to_int64(raw, &index) || index < 0 || index >= (int64_t)x->strings.count)
        return jb_fail(scope, JB_INVALID, JB_L(scope, "통합 문서가 손상되었습니다. %s: 공유 문자열 %.*s번이 없습니다. 엑셀에서 열어 다시 저장하세요.", "The workbook is damaged. %s: there is no shared string %.*s. Open it in Excel and save it again."), jb__row_place(&x->row, head->column, where), JB_FMT(jb_str_slice(raw, 0, 20)));
    struct jb_str text = jb__strings_at(&x->strings, (size_t)index);
    return text.size == 0 || add_cell(sheet, scope, (struct jb_cell){ .type = JB_CELL_TEXT, .column = head->column, .format = format_of(x, head), .text = text });
}

static bool add_iso_date(struct jb_sheet *sheet, struct jb_scope *scope, const struct head *head, struct jb_str raw)
{
    struct jb_cell cell = { .type = JB_CELL_DATE, .column = head->column, .format = format_of(sheet->xlsx, head) };
    raw = jb_str_trim(raw);
    if (raw.size == 0)
        return true;
    if (!jb__serial_parse(raw, sheet->date1904, &cell.serial, &cell.has_time))
        cell = (struct jb_cell){ .type = JB_CELL_TEXT, .column = head->column, .format = cell.format };
    return jb__row_keep(&sheet->xlsx->row, scope, raw, &cell.text) && add_cell(sheet, scope, cell);
}

static bool add_text(struct jb_sheet *sheet, struct jb_scope *scope, const struct head *head, enum jb_cell_type type, struct jb_str text)
{
    struct jb_cell cell = { .type = type, .column = head->column, .format = format_of(sheet->xlsx, head) };
    return text.size == 0 || (jb__row_keep(&sheet->xlsx->row, scope, text, &cell.text) && add_cell(sheet, scope, cell));
}

static bool add_value(struct jb_sheet *sheet, struct jb_scope *scope, const struct head *head, struct jb_str text)
{
    switch (head->as) {
    case AS_NUMBER: return add_number(sheet, scope, head, text);
    case AS_SHARED: return add_shared(sheet, scope, head, text);
    case AS_DATE: return add_iso_date(sheet, scope, head, text);
    case AS_ERROR: return add_text(sheet, scope, head, JB_CELL_ERROR, text);
    case AS_TEXT:
    case AS_INLINE: return add_text(sheet, scope, head, JB_CELL_TEXT, text);
    case AS_BOOL: break;
    }
    text = jb_str_trim(text);
    bool truth = jb_str_is(text, "1") || jb_str_equal_nocase(text, JB_STR("true"));
    struct jb_cell cell = { .type = JB_CELL_BOOL, .column = head->column, .format = format_of(sheet->xlsx, head), .truth = truth, .text = truth ? JB_STR("TRUE") : JB_STR("FALSE") };
    return text.size == 0 || add_cell(sheet, scope, cell);
}

/* ---- the quick way ---------------------------------------------------------------------------------------------------------- */

/* <c r="B7" s="1" t="s"><v>12</v></c> or <c …/> in one piece, nothing else: true when it was that and `ret_value` is set (NULL data: no value). The zeros behind
 * the window make every comparison fail there. */
static bool quick_cell(struct jb__xml *xml, uint32_t next_column, struct head *ret_head, struct jb_str *ret_value)
{
    const char *p = xml->feed.at;
    struct head head = { .column = next_column };
    if (p[0] != '<' || p[1] != 'c')
        return false;
    for (p += 2; *p == ' '; p++) {
        char name = p[1];
        if (p[2] != '=' || p[3] != '"')
            return false;
        p += 4;
        const char *start = p;
        if (name == 'r') {
            for (head.column = 0; *p >= 'A' && *p <= 'Z'; p++)
                head.column = head.column * 26 + (uint32_t)(*p - 'A' + 1);
            if (p == start || p > start + 3)
                return false;
            const char *digits = p;
            for (; *p >= '0' && *p <= '9'; p++)
                head.row = head.row * 10 + (*p - '0');
            if (p == digits || p > digits + 7)
                return false;
        } else if (name == 's') {
            for (head.style = 0; *p >= '0' && *p <= '9'; p++)
                head.style = head.style * 10 + (uint32_t)(*p - '0');
            if (p > start + 6)
                return false;
        } else if (name == 't' && (*p == 's' || *p == 'n' || *p == 'b') && p[1] == '"') {
            head.as = *p == 's' ? AS_SHARED : *p == 'b' ? AS_BOOL
                                                        : AS_NUMBER;
            p++;
        }
        if (*p != '"')
            return false;
    }
    *ret_value = JB_STR_NULL;
    if (p[0] == '/' && p[1] == '>') {
        p += 2;
    } else {
        if (memcmp(p, "><v>", 4) != 0)
            return false;
        const char *value = p += 4;
        while ((*p >= '0' && *p <= '9') || *p == '.' || *p == '-' || *p == 'E' || *p == '+')
            p++;
        if (memcmp(p, "</v></c>", 8) != 0)
            return false;
        *ret_value = (struct jb_str){ value, (size_t)(p - value) };
        p += 8;
    }
    *ret_head = head;
    xml->feed.at = p;
    return true;
}

/* ---- the general way --------------------------------------------------------------------------------------------------------- */

/* "B7", also "$B$7" and "b7"; 0 for a column or row that is not there. */
static bool parse_reference(struct jb_str text, uint64_t *ret_column, int64_t *ret_row)
{
    uint64_t column = 0, row = 0;
    size_t i = 0;
    for (; i < text.size; i++) {
        char c = text.data[i] | 32;
        if (text.data[i] == '$')
            continue;
        if (c < 'a' || c > 'z')
            break;
        if (column > 1000000)
            return false;
        column = column * 26 + (uint64_t)(c - 'a' + 1);
    }
    for (; i < text.size; i++) {
        if (text.data[i] == '$')
            continue;
        if (text.data[i] < '0' || text.data[i] > '9' || row > 100000000000)
            return false;
        row = row * 10 + (uint64_t)(text.data[i] - '0');
    }
    *ret_column = column;
    *ret_row = (int64_t)row;
    return true;
}

/* A row that does not say its number, or says another than its first cell, is where that cell is. */
static bool move_row(struct jb_sheet *sheet, struct jb_scope *scope, uint32_t next_column, const struct head *head)
{
    struct jb__xlsx *x = sheet->xlsx;
    if (head->row == 0 || head->row == x->row.number)
        return true;
    if (!jb__row_check_number(sheet, scope, head->row))
        return false;
    if (next_column == 1)
        x->row.number = head->row;
    return true;
}

static bool read_head(struct jb_sheet *sheet, struct jb_scope *scope, uint32_t next_column, struct head *ret_head)
{
    struct jb__xlsx *x = sheet->xlsx;
    struct jb__xml *xml = &x->xml;
    struct jb_str r = jb__xml_attribute(xml, "r"), s = jb__xml_attribute(xml, "s"), t = jb__xml_attribute(xml, "t");
    uint64_t column = next_column;
    int64_t number = 0, style = 0;
    if (r.data && (!parse_reference(jb_str_trim(r), &column, &number) || column == 0))
        return jb_fail(scope, JB_INVALID, JB_L(scope, "통합 문서가 손상되었습니다. %lld행: 셀 주소 '%.*s'이(가) 올바르지 않습니다. 엑셀에서 열어 다시 저장하세요.", "The workbook is damaged. Row %lld: '%.*s' is no cell address. Open it in Excel and save it again."), (long long)x->row.number, JB_FMT(jb_str_slice(r, 0, 40)));
    if (!jb__row_check_column(sheet, scope, &x->row, column))
        return false;
    if (s.data && (!jb_str_to_int64(jb_str_trim(s), &style) || style < 0 || style > UINT32_MAX))
        style = 0;
    static const struct {
        const char *name;
        int as;
    } types[] = { { "s", AS_SHARED }, { "str", AS_TEXT }, { "inlineStr", AS_INLINE }, { "b", AS_BOOL }, { "e", AS_ERROR }, { "d", AS_DATE } };
    *ret_head = (struct head){ .column = (uint32_t)column, .style = (uint32_t)style, .row = number };
    for (size_t i = 0; i < JB_COUNT(types); i++)
        if (jb_str_is(t, types[i].name))
            ret_head->as = types[i].as;
    return true;
}

/* Behind <c …>: its value up to </c>. */
static bool read_cell(struct jb_sheet *sheet, struct jb_scope *scope, uint32_t next_column, uint32_t *ret_column)
{
    struct jb__xlsx *x = sheet->xlsx;
    struct jb__xml *xml = &x->xml;
    struct head head;
    bool valued = false;
    char where[32];
    if (!read_head(sheet, scope, next_column, &head) || !move_row(sheet, scope, next_column, &head))
        return false;
    *ret_column = head.column;
    for (int depth = xml->depth;;) {
        enum jb__xml_token token = jb__xml_next(xml, scope);
        if (token == JB__XML_FAIL || token == JB__XML_END)
            return false;
        if (token == JB__XML_STOP && xml->depth < depth)
            return true;
        if (token != JB__XML_START)
            continue;
        bool inline_text = jb_str_is(xml->name, "is");
        bool value = jb_str_is(xml->name, "v") && head.as != AS_INLINE; /* some writers leave a stale <v> beside the <is> */
        if (valued || (!inline_text && !value)) {
            if (!jb__xml_skip(xml, scope))
                return false;
            continue;
        }
        if (!jb__xml_text(xml, scope, sheet->options.cell_chars_max, &x->scratch)) {
            jb__row_place(&x->row, head.column, where);
            return x->scratch.full ? jb__fail_chars(scope, sheet->options.cell_chars_max, where) : jb_wrap(scope, "%s", where);
        }
        if (inline_text)
            head.as = AS_INLINE;
        valued = x->scratch.size > 0;
        if (!add_value(sheet, scope, &head, jb_buf_str(&x->scratch)))
            return false;
    }
}

/* ---- rows -------------------------------------------------------------------------------------------------------------------- */

static bool read_row_number(struct jb_sheet *sheet, struct jb_scope *scope)
{
    struct jb__xlsx *x = sheet->xlsx;
    struct jb_str r = jb_str_trim(jb__xml_attribute(&x->xml, "r"));
    int64_t number = x->row.number + 1;
    if (r.size > 0 && !jb_str_to_int64(r, &number))
        number = 0;
    if (!jb__row_check_number(sheet, scope, number))
        return false;
    x->row.number = number;
    return true;
}

/* Behind <row …>: its cells up to </row>. */
static bool read_row(struct jb_sheet *sheet, struct jb_scope *scope)
{
    struct jb__xlsx *x = sheet->xlsx;
    struct jb__xml *xml = &x->xml;
    uint32_t column = 0;
    jb__row_clear(&x->row);
    if (!read_row_number(sheet, scope))
        return false;
    for (int depth = xml->depth;;) {
        struct head head;
        struct jb_str value;
        uint32_t first = column + 1;
        if (!xml->pending_stop && quick_cell(xml, first, &head, &value)) {
            column = head.column;
            if (!jb__row_check_column(sheet, scope, &x->row, column) || !move_row(sheet, scope, first, &head) || (value.data && !add_value(sheet, scope, &head, value)))
                return false;
            continue;
        }
        enum jb__xml_token token = jb__xml_next(xml, scope);
        if (token == JB__XML_FAIL || token == JB__XML_END)
            return false;
        if (token == JB__XML_STOP && xml->depth < depth)
            break;
        if (token == JB__XML_START && !(jb_str_is(xml->name, "c") ? read_cell(sheet, scope, column + 1, &column) : jb__xml_skip(xml, scope)))
            return false;
    }
    if (x->row.unsorted)
        jb__row_sort(&x->row);
    return true;
}

static bool xlsx_next(struct jb_sheet *sheet, struct jb_scope *scope, struct jb_sheet_row *ret_row)
{
    struct jb__xlsx *x = sheet->xlsx;
    while (x->in_rows) {
        enum jb__xml_token token = jb__xml_next(&x->xml, scope);
        if (token == JB__XML_FAIL || token == JB__XML_END)
            return false;
        if (token == JB__XML_STOP) { /* </sheetData> */
            x->in_rows = false;
            return jb__xml_drain(&x->xml, scope) && false;
        }
        if (token != JB__XML_START)
            continue;
        if (!jb_str_is(x->xml.name, "row")) {
            if (!jb__xml_skip(&x->xml, scope))
                return false;
            continue;
        }
        if (!read_row(sheet, scope))
            return false;
        if (x->row.count > 0) {
            *ret_row = (struct jb_sheet_row){ x->row.number, x->row.cells, x->row.count };
            return true;
        }
    }
    return false;
}

/* ---- opening ------------------------------------------------------------------------------------------------------------------- */

static bool read_strings(struct jb_sheet *sheet, struct jb_scope *scope)
{
    struct jb__xlsx *x = sheet->xlsx;
    const struct jb__zip_entry *entry = x->book.strings_part.data ? jb__zip_find(&sheet->zip, x->book.strings_part) : NULL;
    if (!entry)
        return true;
    struct jb__xml *xml = malloc(sizeof *xml);
    JB_CHECK(xml);
    jb__xml_init(xml, &sheet->zip, entry, sheet->options.part_bytes_max, sheet->options.ratio_max);
    bool ok = jb__strings_read(&x->strings, scope, xml, sheet->options.cell_chars_max);
    jb__xml_done(xml);
    free(xml);
    return ok;
}

/* "A1:J1000001": the last row, for progress only. */
static void note_dimension(struct jb__xlsx *x)
{
    struct jb_str ref = jb__xml_attribute(&x->xml, "ref");
    size_t colon = jb_str_find_char(ref, ':', 0);
    uint64_t column;
    int64_t row;
    if (colon != SIZE_MAX && parse_reference(jb_str_slice(ref, colon + 1, ref.size), &column, &row))
        x->rows_hint = row;
}

/* Up to <sheetData>; a sheet without one has no rows. */
static bool find_rows(struct jb__xlsx *x, struct jb_scope *scope)
{
    enum jb__xml_token token;
    while ((token = jb__xml_next(&x->xml, scope)) != JB__XML_END) {
        if (token == JB__XML_FAIL)
            return false;
        if (token != JB__XML_START)
            continue;
        if (jb_str_is(x->xml.name, "dimension"))
            note_dimension(x);
        if (jb_str_is(x->xml.name, "sheetData")) {
            x->in_rows = true;
            return true;
        }
    }
    return true;
}

static bool open_rows(struct jb_sheet *sheet, struct jb_scope *scope)
{
    struct jb__xlsx *x = sheet->xlsx;
    struct jb_str name = x->book.names[sheet->chosen], part = x->book.parts[sheet->chosen];
    if (!part.data)
        return jb_fail(scope, JB_INVALID, JB_L(scope, "통합 문서의 시트 '%.*s'이(가) 파일 밖을 가리킵니다. 엑셀에서 열어 다시 저장하세요.", "The workbook's sheet '%.*s' points outside the file. Open it in Excel and save it again."), JB_FMT(name));
    const struct jb__zip_entry *entry = jb__zip_find(&sheet->zip, part);
    if (!entry)
        return jb_fail(scope, JB_INVALID, JB_L(scope, "통합 문서에 시트 '%.*s'의 내용(%.*s)이 없습니다. 엑셀에서 열어 다시 저장하세요.", "The workbook's sheet '%.*s' has no content (%.*s). Open it in Excel and save it again."), JB_FMT(name), JB_FMT(part));
    x->packed = entry->packed;
    jb__xml_init(&x->xml, &sheet->zip, entry, sheet->options.part_bytes_max, sheet->options.ratio_max);
    x->opened = true;
    return find_rows(x, scope);
}

static bool xlsx_open(struct jb_sheet *sheet, struct jb_scope *scope)
{
    struct jb__xlsx *x = sheet->xlsx = calloc(1, sizeof *x);
    JB_CHECK(x);
    jb__strings_init(&x->strings, (size_t)sheet->options.strings_bytes_max);
    jb_buf_init(&x->scratch, sheet->options.cell_chars_max * 8);
    if (!jb__workbook_read(&x->book, scope, &sheet->zip, &sheet->arena))
        return false;
    sheet->date1904 = x->book.date1904;
    sheet->names = x->book.names;
    sheet->name_count = x->book.count;
    return jb__choose_sheet(sheet, scope) && read_strings(sheet, scope) && open_rows(sheet, scope);
}

static void xlsx_close(struct jb_sheet *sheet)
{
    struct jb__xlsx *x = sheet->xlsx;
    if (!x)
        return;
    if (x->opened)
        jb__xml_done(&x->xml);
    jb__strings_done(&x->strings);
    jb__row_done(&x->row);
    jb_buf_done(&x->scratch);
    free(x);
}

static struct jb_sheet_progress xlsx_progress(const struct jb_sheet *sheet)
{
    const struct jb__xlsx *x = sheet->xlsx;
    return (struct jb_sheet_progress){ jb__part_packed_read(x->xml.feed.part), x->packed, x->rows_hint };
}

const struct jb_number_format *jb__xlsx_number_format(const struct jb__xlsx *x, uint32_t format)
{
    return format < x->book.format_count ? &x->book.formats[format].number : NULL;
}

size_t jb__xlsx_strings_bytes(const struct jb__xlsx *x)
{
    return jb__strings_bytes(&x->strings);
}

const struct jb__reader jb__xlsx_reader = { .workbook = true, .open = xlsx_open, .close = xlsx_close, .next = xlsx_next, .progress = xlsx_progress };
