/* ods_read.c — the rows of one sheet of an OpenDocument spreadsheet (OASIS OpenDocument 1.3, part 3, chapters 6.1 and 9).
 *
 * All sheets lie in content.xml, so it is passed over once to know their names (and that it is whole), then once more to the sheet that is read. A row or a
 * cell may stand for many: empty ones are only counted, what holds something is given again as often as it says, within the limits of rows, columns and
 * REPEATED_CELLS_MAX, so that a few bytes are never work without end. A cell's value is its attribute; the text beside it is how a program showed it.
 *
 * Elements and attributes are known by their local names: within a cell they are unmistakable, whatever prefixes a program gave them. */
// SPDX-License-Identifier: Apache-2.0
#include "sheet/sheet_private.h"
#include <stdlib.h>

#define SHEETS_MAX 10000
#define REPEATED_CELLS_MAX ((int64_t)1 << 25)
#define MANIFEST_BYTES_MAX ((size_t)1 << 20)
#define RATIO_MAX 1100
#define MIME_BYTES_MAX 200
#define TIMES_MAX ((uint64_t)1 << 52) /* beyond every limit, and no sum of two overflows */
#define TABLE_DEPTH 4                 /* document-content, body, spreadsheet, table */

struct jb__ods {
    struct jb__xml xml;
    bool opened, in_table;
    int64_t packed;
    struct jb__row row;
    int64_t again;                    /* how often the row is still to be given */
    int64_t next_row;                 /* number of the next one */
    int64_t repeated;                 /* cells given again so far */
    struct jb_buf value, text, piece; /* of one cell: its attribute, what it shows, one piece of that */
};

/* What a cell says before its text. */
struct head {
    enum { AS_NOTHING,
        AS_NUMBER,
        AS_TEXT,
        AS_BOOL,
        AS_DATE,
        AS_TIME } as;
    bool error, formula;
    struct jb_str value; /* decoded, in the reader's buffer; NULL: not said */
    uint64_t columns;    /* it stands for so many */
};

/* ---- attributes ------------------------------------------------------------------------------------------------------------- */

static struct jb_str local(struct jb_str name)
{
    size_t colon = jb_str_find_char(name, ':', 0);
    return colon == SIZE_MAX ? name : jb_str_slice(name, colon + 1, name.size);
}

static bool is_one_of(struct jb_str name, const char *const *names)
{
    for (; *names; names++)
        if (jb_str_is(name, *names))
            return true;
    return false;
}

static struct jb_str attribute(const struct jb__xml *xml, const char *name)
{
    for (size_t i = 0; i < xml->count; i++)
        if (jb_str_is(local(xml->attributes[i].name), name))
            return xml->attributes[i].value;
    return JB_STR_NULL;
}

/* A repetition: at least once, at most more than any sheet has. */
static uint64_t times(struct jb_str text)
{
    int64_t number = 1;
    text = jb_str_trim(text);
    if (text.size > 15)
        return TIMES_MAX;
    return text.data && jb_str_to_int64(text, &number) && number > 1 ? (uint64_t)number : 1;
}

static void set_type(struct head *head, struct jb_str type)
{
    static const struct {
        const char *name;
        int as;
    } types[] = { { "float", AS_NUMBER }, { "percentage", AS_NUMBER }, { "currency", AS_NUMBER }, { "string", AS_TEXT }, { "boolean", AS_BOOL }, { "date", AS_DATE }, { "time", AS_TIME } };
    if (jb_str_is(type, "error")) /* calcext:value-type, beside a string */
        head->error = true;
    for (size_t i = 0; i < JB_COUNT(types); i++)
        if (jb_str_is(type, types[i].name))
            head->as = types[i].as;
}

static void clear(struct jb_buf *buf)
{
    jb_buf_clear(buf);
    buf->full = false;
}

static bool read_value(struct jb_sheet *sheet, struct jb_scope *scope, struct jb_str raw, struct jb_str *ret_value)
{
    struct jb__ods *ods = sheet->ods;
    clear(&ods->value);
    ods->xml.text = raw;
    ods->xml.cdata = false;
    if (!jb__xml_append(&ods->xml, scope, &ods->value) || (!ods->value.full && !jb__xml_check(&ods->xml, scope, jb_buf_str(&ods->value))))
        return false;
    *ret_value = (struct jb_str){ ods->value.data ? ods->value.data : "", ods->value.size };
    return true;
}

static bool read_head(struct jb_sheet *sheet, struct jb_scope *scope, struct head *ret_head)
{
    static const char *const values[] = { "value", "date-value", "time-value", "boolean-value", "string-value", NULL };
    struct jb__xml *xml = &sheet->ods->xml;
    *ret_head = (struct head){ .columns = 1 };
    for (size_t i = 0; i < xml->count; i++) {
        struct jb_str name = local(xml->attributes[i].name), value = xml->attributes[i].value;
        if (jb_str_is(name, "value-type"))
            set_type(ret_head, value);
        else if (jb_str_is(name, "number-columns-repeated"))
            ret_head->columns = times(value);
        else if (jb_str_is(name, "formula"))
            ret_head->formula = true;
        else if (is_one_of(name, values) && !read_value(sheet, scope, value, &ret_head->value))
            return false;
    }
    return true;
}

/* ---- text -------------------------------------------------------------------------------------------------------------------- */

/* White space as 6.1.2 wants it: runs are one blank, none at a paragraph's ends; a program that means more writes <text:s/>. */
struct blanks {
    bool begun, pending;
};

static void put_run(struct jb_buf *buf, struct blanks *blanks, struct jb_str text)
{
    if (blanks->pending && blanks->begun)
        jb_buf_put_char(buf, ' ');
    *blanks = (struct blanks){ .begun = true };
    jb_buf_put(buf, text);
}

static void put_collapsed(struct jb_buf *buf, struct blanks *blanks, struct jb_str text)
{
    for (size_t at = 0; at < text.size;) {
        size_t end = at;
        while (end < text.size && !strchr(" \t\r\n", text.data[end]))
            end++;
        if (end > at)
            put_run(buf, blanks, jb_str_slice(text, at, end));
        for (at = end; at < text.size && text.data[at] && strchr(" \t\r\n", text.data[at]); at++)
            blanks->pending = true;
        if (at == end && at < text.size) /* a NUL: kept, to be refused */
            put_run(buf, blanks, jb_str_slice(text, at, at + 1)), at++;
    }
}

static void put_spaces(struct jb_buf *buf, struct blanks *blanks, uint64_t count)
{
    put_run(buf, blanks, JB_STR(""));
    for (; count > 0 && !buf->full; count--)
        jb_buf_put_char(buf, ' ');
}

/* What an element in a paragraph means; false when its content is none of the text. */
static bool put_element(struct jb__xml *xml, struct jb_buf *buf, struct blanks *blanks)
{
    static const char *const aside[] = { "annotation", "note", "ruby-text", "frame", "custom-shape", "rect", "line", "ellipse", "control", "g", NULL };
    if (jb_str_is(xml->name, "s"))
        put_spaces(buf, blanks, times(attribute(xml, "c")));
    else if (jb_str_is(xml->name, "tab"))
        put_run(buf, blanks, JB_STR("\t"));
    else if (jb_str_is(xml->name, "line-break"))
        put_run(buf, blanks, JB_STR("\n"));
    return !is_one_of(xml->name, aside);
}

/* Behind <text:p>: its text up to </text:p>, behind what is there. Stops early when there is too much. */
static bool read_paragraph(struct jb__ods *ods, struct jb_scope *scope)
{
    struct jb__xml *xml = &ods->xml;
    struct blanks blanks = { 0 };
    for (int depth = xml->depth; !ods->text.full;) {
        switch (jb__xml_next(xml, scope)) {
        case JB__XML_START:
            if (!put_element(xml, &ods->text, &blanks) && !jb__xml_skip(xml, scope))
                return false;
            break;
        case JB__XML_STOP:
            if (xml->depth < depth)
                return true;
            break;
        case JB__XML_TEXT:
            clear(&ods->piece);
            if (!jb__xml_append(xml, scope, &ods->piece))
                return false;
            put_collapsed(&ods->text, &blanks, jb_buf_str(&ods->piece));
            ods->text.full |= ods->piece.full;
            break;
        default: return false;
        }
    }
    return true;
}

/* Behind the head of a cell: the paragraphs of its own, a line each; what hangs on the cell (annotations, drawings, tables in it) is not its text. */
static bool read_text(struct jb__ods *ods, struct jb_scope *scope)
{
    static const char *const paragraph[] = { "p", "h", NULL }, *const around[] = { "list", "list-item", "list-header", "section", NULL };
    struct jb__xml *xml = &ods->xml;
    size_t paragraphs = 0;
    for (int depth = xml->depth; !ods->text.full;) {
        enum jb__xml_token token = jb__xml_next(xml, scope);
        if (token == JB__XML_FAIL || token == JB__XML_END)
            return false;
        if (token == JB__XML_STOP && xml->depth < depth)
            return jb__xml_check(xml, scope, jb_buf_str(&ods->text));
        if (token != JB__XML_START)
            continue;
        bool own = is_one_of(xml->name, paragraph);
        if (own && paragraphs++ > 0)
            jb_buf_put_char(&ods->text, '\n');
        if (own ? !read_paragraph(ods, scope) : !is_one_of(xml->name, around) && !jb__xml_skip(xml, scope))
            return false;
    }
    return true;
}

/* ---- values -------------------------------------------------------------------------------------------------------------------- */

/* Older programs wrote a formula's error as the number 0 that is shown as "#DIV/0!" or "Err:502". */
static bool shown_error(struct jb_str text)
{
    static const char *const errors[] = { "#DIV/0!", "#N/A", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!", NULL };
    return is_one_of(text, errors) || jb_str_starts(text, JB_STR("Err:"));
}

static struct jb_cell text_cell(struct jb_str text)
{
    return (struct jb_cell){ .type = text.size ? JB_CELL_TEXT : JB_CELL_EMPTY, .text = text };
}

/* The cell that a head and its text make; EMPTY when there is nothing in it. A value that is not what its type says is what was shown. */
static struct jb_cell cell_of(const struct head *head, struct jb_str text)
{
    struct jb_str value = head->as == AS_TEXT ? head->value : jb_str_trim(head->value);
    struct jb_cell cell = { .text = value };
    struct jb_civil civil;
    if (head->error || (head->as == AS_NUMBER && head->formula && shown_error(text)))
        return (struct jb_cell){ .type = JB_CELL_ERROR, .text = text.size ? text : JB_STR("#ERROR!") };
    if (!value.data)
        return text_cell(text);
    switch (head->as) {
    case AS_NUMBER:
        cell.type = JB_CELL_NUMBER;
        return jb__number_parse(value, &cell.serial) ? cell : text_cell(text.size ? text : value);
    case AS_BOOL:
        cell.type = JB_CELL_BOOL;
        cell.truth = jb_str_is(value, "true") || jb_str_is(value, "1");
        cell.text = cell.truth ? JB_STR("TRUE") : JB_STR("FALSE");
        return cell;
    case AS_DATE:
        cell.type = JB_CELL_DATE;
        if (!jb__iso_civil(value, &civil, &cell.has_time))
            return text_cell(text.size ? text : value);
        cell.serial = jb__iso_serial(&civil);
        return cell;
    case AS_TIME:
        cell.type = JB_CELL_DATE;
        cell.has_time = cell.duration = true;
        return jb__duration_parse(value, &cell.serial) ? cell : text_cell(text.size ? text : value);
    default: return text_cell(value);
    }
}

/* What a cell shows matters where it has no value, or one that may be none. */
static bool wants_text(const struct head *head)
{
    return !head->value.data || head->error || head->as == AS_DATE || head->as == AS_TIME || (head->as == AS_NUMBER && (head->formula || head->value.size == 0 || (unsigned char)(head->value.data[head->value.size - 1] - '0') > 9));
}

/* ---- rows ---------------------------------------------------------------------------------------------------------------------- */

static bool fail_repeated(struct jb_scope *scope, int64_t row)
{
    return jb_fail(scope, JB_LIMIT, JB_L(scope, "%lld행: 되풀이된 셀이 모두 합쳐 %lld개를 넘습니다. 파일을 나누어 올리세요.", "Row %lld: there are more than %lld repeated cells in all. Split the file."), (long long)row, (long long)REPEATED_CELLS_MAX);
}

static bool add_cells(struct jb_sheet *sheet, struct jb_scope *scope, struct jb_cell cell, uint64_t column, uint64_t count)
{
    struct jb__row *row = &sheet->ods->row;
    if (!jb__row_check_column(sheet, scope, row, column + count - 1) || !jb__row_keep(row, scope, cell.text, &cell.text))
        return false;
    sheet->ods->repeated += (int64_t)count - 1;
    for (uint64_t i = 0; i < count; i++) {
        cell.column = (uint32_t)(column + i);
        if (!jb__row_add(row, scope, sheet->options.columns_max, cell))
            return false;
    }
    return true;
}

/* Behind <table:table-cell …>: up to its end; moves *column past it. */
static bool read_cell(struct jb_sheet *sheet, struct jb_scope *scope, uint64_t *column)
{
    struct jb__ods *ods = sheet->ods;
    struct head head;
    char where[32];
    jb__row_place(&ods->row, (uint32_t)JB_MIN(*column, (uint64_t)sheet->options.columns_max + 1), where);
    clear(&ods->text);
    if (!read_head(sheet, scope, &head) || !(wants_text(&head) ? read_text(ods, scope) : jb__xml_skip(&ods->xml, scope)))
        return jb_error(scope) == JB_INVALID ? jb_wrap(scope, "%s", where) : false;
    struct jb_cell cell = cell_of(&head, jb_buf_str(&ods->text));
    bool full = ods->text.full || ods->value.full;
    if (full || (cell.text.size > sheet->options.cell_chars_max && jb_utf8_count(cell.text) > sheet->options.cell_chars_max))
        return jb__fail_chars(scope, sheet->options.cell_chars_max, where);
    if (cell.type != JB_CELL_EMPTY && !add_cells(sheet, scope, cell, *column, head.columns))
        return false;
    *column = JB_MIN(*column + head.columns, TIMES_MAX);
    return true;
}

/* Behind <table:table-row …>: its cells up to its end, and how often it stands there. */
static bool read_row(struct jb_sheet *sheet, struct jb_scope *scope)
{
    static const char *const cells[] = { "table-cell", "covered-table-cell", NULL };
    struct jb__ods *ods = sheet->ods;
    struct jb__xml *xml = &ods->xml;
    uint64_t column = 1, count = times(attribute(xml, "number-rows-repeated"));
    jb__row_clear(&ods->row);
    ods->row.number = ods->next_row;
    for (int depth = xml->depth;;) {
        enum jb__xml_token token = jb__xml_next(xml, scope);
        if (token == JB__XML_FAIL || token == JB__XML_END)
            return false;
        if (token == JB__XML_STOP && xml->depth < depth)
            break;
        if (token == JB__XML_START && !(is_one_of(xml->name, cells) ? read_cell(sheet, scope, &column) : jb__xml_skip(xml, scope)))
            return false;
    }
    ods->next_row = (int64_t)JB_MIN((uint64_t)ods->next_row + count, TIMES_MAX);
    if (ods->row.count == 0)
        return true;
    if (!jb__row_check_number(sheet, scope, ods->next_row - 1))
        return false;
    ods->repeated += (int64_t)(count - 1) * (int64_t)ods->row.count;
    if (ods->repeated > REPEATED_CELLS_MAX)
        return fail_repeated(scope, ods->row.number);
    ods->row.number--; /* ods_next counts on */
    ods->again = (int64_t)count;
    return true;
}

static bool ods_next(struct jb_sheet *sheet, struct jb_scope *scope, struct jb_sheet_row *ret_row)
{
    static const char *const groups[] = { "table-rows", "table-header-rows", "table-row-group", NULL };
    struct jb__ods *ods = sheet->ods;
    struct jb__xml *xml = &ods->xml;
    while (ods->again == 0 && ods->in_table) {
        enum jb__xml_token token = jb__xml_next(xml, scope);
        if (token == JB__XML_FAIL || token == JB__XML_END)
            return false;
        if (token == JB__XML_STOP && xml->depth < TABLE_DEPTH) {
            ods->in_table = false;
            return jb__xml_drain(xml, scope) && false;
        }
        if (token != JB__XML_START || is_one_of(xml->name, groups))
            continue;
        if (!(jb_str_is(xml->name, "table-row") ? read_row(sheet, scope) : jb__xml_skip(xml, scope)))
            return false;
    }
    if (ods->again == 0)
        return false;
    ods->again--;
    *ret_row = (struct jb_sheet_row){ ++ods->row.number, ods->row.cells, ods->row.count };
    return true;
}

/* ---- opening --------------------------------------------------------------------------------------------------------------------- */

static bool fail_kind(struct jb_scope *scope)
{
    return jb_fail(scope, JB_INVALID, "%s", JB_L(scope, "OpenDocument 파일이지만 스프레드시트(.ods)가 아닙니다. 표를 스프레드시트로 저장하세요.", "This is an OpenDocument file but no spreadsheet (.ods). Save the table as a spreadsheet."));
}

static bool fail_encrypted(struct jb_scope *scope)
{
    return jb_fail(scope, JB_INVALID, "%s", JB_L(scope, "암호가 걸린 OpenDocument 파일입니다. 암호를 풀고 다시 저장하세요.", "The OpenDocument file is encrypted. Save it without a password."));
}

/* The beginning of a part, as text; empty when it is absent. */
static struct jb_str part_head(struct jb_scope *scope, const struct jb__zip *zip, const char *name, size_t size)
{
    const struct jb__zip_entry *entry = jb__zip_find(zip, jb_str_of(name));
    if (!entry)
        return JB_STR("");
    char *text = jb_alloc(scope, size);
    struct jb__part *part = jb__part_new(zip, entry, (int64_t)size, RATIO_MAX);
    size_t got = 0, n;
    while (got < size && (n = jb__part_read(part, text + got, size - got)) > 0)
        got += n;
    jb__part_free(part);
    return (struct jb_str){ text, got };
}

/* A program that encrypts says so in the list of the package's parts. */
static bool check_kind(const struct jb_sheet *sheet, struct jb_scope *outer)
{
    struct jb_scope *scope = jb_scope_child(outer, "kind");
    struct jb_str manifest = part_head(scope, &sheet->zip, "META-INF/manifest.xml", MANIFEST_BYTES_MAX), kind = jb_str_trim(part_head(scope, &sheet->zip, "mimetype", MIME_BYTES_MAX));
    bool encrypted = jb__zip_find(&sheet->zip, JB_STR("encrypted-package")) || jb_str_find(manifest, JB_STR("encryption-data"), 0) != SIZE_MAX;
    bool good = kind.size == 0 || jb_str_starts(kind, JB_STR("application/vnd.oasis.opendocument.spreadsheet"));
    jb_scope_end(scope);
    return encrypted ? fail_encrypted(outer) : good || fail_kind(outer);
}

static void start(struct jb_sheet *sheet, const struct jb__zip_entry *entry)
{
    struct jb__ods *ods = sheet->ods;
    if (ods->opened)
        jb__xml_done(&ods->xml);
    jb__xml_init(&ods->xml, &sheet->zip, entry, sheet->options.part_bytes_max, sheet->options.ratio_max);
    ods->opened = true;
}

/* To the next sheet; copies of sheets of other files, which a program keeps behind its own, are none. false at the end, or with a failure. */
static bool next_table(struct jb__ods *ods, struct jb_scope *scope)
{
    static const char *const path[] = { "document-content", "body", "spreadsheet" };
    struct jb__xml *xml = &ods->xml;
    for (;;) {
        enum jb__xml_token token = jb__xml_next(xml, scope);
        if (token == JB__XML_FAIL || token == JB__XML_END)
            return false;
        if (token != JB__XML_START)
            continue;
        if (xml->depth == TABLE_DEPTH && jb_str_is(xml->name, "table") && !jb_str_is(attribute(xml, "style-name"), "ta_extref"))
            return true;
        bool on_path = xml->depth < TABLE_DEPTH && jb_str_is(xml->name, path[xml->depth - 1]);
        if (!on_path && !jb__xml_skip(xml, scope))
            return false;
    }
}

/* The names of all sheets. */
static bool read_names(struct jb_sheet *sheet, struct jb_scope *scope)
{
    struct jb__ods *ods = sheet->ods;
    struct jb_str *names = NULL;
    size_t capacity = 0;
    while (next_table(ods, scope)) {
        struct jb_str name;
        if (sheet->name_count >= SHEETS_MAX)
            return jb_fail(scope, JB_LIMIT, JB_L(scope, "시트가 %d개보다 많습니다. 파일을 나누어 올리세요.", "There are more than %d sheets. Split the file."), SHEETS_MAX);
        if (!read_value(sheet, scope, attribute(&ods->xml, "name"), &name))
            return false;
        if (sheet->name_count == capacity) {
            capacity = capacity ? capacity * 2 : 8;
            struct jb_str *larger = jb_arena_alloc(&sheet->arena, capacity * sizeof *larger);
            if (names)
                memcpy(larger, names, sheet->name_count * sizeof *larger);
            sheet->names = names = larger;
        }
        char *copy = jb_arena_alloc_raw(&sheet->arena, name.size + 1);
        memcpy(copy, name.data, name.size);
        names[sheet->name_count++] = (struct jb_str){ copy, name.size };
        if (!jb__xml_skip(&ods->xml, scope))
            return false;
    }
    if (jb_failure(scope))
        return false;
    return sheet->name_count > 0 || fail_kind(scope);
}

static bool open_table(struct jb_sheet *sheet, struct jb_scope *scope)
{
    struct jb__ods *ods = sheet->ods;
    for (size_t i = 0; next_table(ods, scope); i++) {
        if (i == sheet->chosen) {
            ods->in_table = true;
            return true;
        }
        if (!jb__xml_skip(&ods->xml, scope))
            return false;
    }
    return false;
}

static bool ods_open(struct jb_sheet *sheet, struct jb_scope *scope)
{
    struct jb__ods *ods = sheet->ods = calloc(1, sizeof *ods);
    JB_CHECK(ods);
    ods->next_row = 1;
    jb_buf_init(&ods->value, sheet->options.cell_chars_max * 4);
    jb_buf_init(&ods->text, sheet->options.cell_chars_max * 4);
    jb_buf_init(&ods->piece, sheet->options.cell_chars_max * 4 + JB__FEED_BLOCK + JB__FEED_TAIL);
    const struct jb__zip_entry *entry = jb__zip_find(&sheet->zip, JB_STR("content.xml"));
    if (!check_kind(sheet, scope))
        return false;
    if (!entry)
        return fail_kind(scope);
    ods->packed = entry->packed;
    start(sheet, entry);
    if (!read_names(sheet, scope) || !jb__choose_sheet(sheet, scope))
        return false;
    start(sheet, entry);
    return open_table(sheet, scope);
}

static void ods_close(struct jb_sheet *sheet)
{
    struct jb__ods *ods = sheet->ods;
    if (!ods)
        return;
    if (ods->opened)
        jb__xml_done(&ods->xml);
    jb__row_done(&ods->row);
    jb_buf_done(&ods->value);
    jb_buf_done(&ods->text);
    jb_buf_done(&ods->piece);
    free(ods);
}

static struct jb_sheet_progress ods_progress(const struct jb_sheet *sheet)
{
    const struct jb__ods *ods = sheet->ods;
    return (struct jb_sheet_progress){ jb__part_packed_read(ods->xml.feed.part), ods->packed, 0 };
}

const struct jb__reader jb__ods_reader = { .workbook = true, .open = ods_open, .close = ods_close, .next = ods_next, .progress = ods_progress };
