/* csv.c — delimited text as people's programs write it.
 *
 * One growing window holds the record being read, as UTF-8; quotes are taken out in place, so cells are slices of it. A record that is cut by the window is
 * gone on with where it stopped: no byte is looked at twice, however long a cell is. What Excel would silently guess at is refused with its row: a quote that
 * never closes, text behind a closing quote, NUL bytes, bytes that are no text in the encoding. */
// SPDX-License-Identifier: Apache-2.0
#include "sheet/sheet_private.h"
#include <errno.h>
#include <stdlib.h>

#define RECORD_BYTES_MAX ((size_t)64 << 20)
#define GUESS_BYTES ((size_t)64 * 1024)
#define GUESS_RECORDS 50

enum field_state {
    FIELD_START,
    FIELD_PLAIN,
    FIELD_QUOTED,
    FIELD_CLOSED,
};

struct jb__csv {
    struct jb__text text;
    char *window;
    size_t size, capacity;
    size_t at, start; /* next byte; the record's first */
    int64_t record;   /* its number */
    char separator;
    /* the cell being read: it begins at `cell` and has been written up to `to` */
    enum field_state state;
    size_t cell, to;
    uint32_t column;
    struct jb_cell *cells;
    size_t count, cell_capacity;
};

/* ---- the window ---------------------------------------------------------------------------------------------------------------- */

/* Moves the record to the window's start and makes room for one more input. */
static bool make_room(struct jb__csv *csv, struct jb_scope *scope)
{
    if (csv->window)
        memmove(csv->window, csv->window + csv->start, csv->size - csv->start);
    csv->size -= csv->start;
    csv->at -= csv->start;
    csv->cell -= csv->start;
    csv->to -= csv->start;
    for (size_t i = 0; i < csv->count; i++)
        csv->cells[i].text.data -= csv->start;
    csv->start = 0;
    size_t wanted = csv->size + JB__TEXT_ROOM;
    if (wanted <= csv->capacity)
        return true;
    if (wanted > RECORD_BYTES_MAX)
        return jb_fail(scope, JB_LIMIT, JB_L(scope, "%lld행이 %zu MiB를 넘습니다. 따옴표가 닫혔는지 확인하세요.", "Row %lld is over %zu MiB. Check that its quotes are closed."), (long long)csv->record, RECORD_BYTES_MAX >> 20);
    char *before = csv->window;
    csv->capacity = wanted * 2;
    csv->window = malloc(csv->capacity);
    JB_CHECK(csv->window);
    if (before)
        memcpy(csv->window, before, csv->size);
    for (size_t i = 0; i < csv->count; i++)
        csv->cells[i].text.data = csv->window + (csv->cells[i].text.data - before);
    free(before);
    return true;
}

/* More text behind the window's end. false at the file's end or with a failure. */
static bool read_more(struct jb_sheet *sheet, struct jb_scope *scope)
{
    struct jb__csv *csv = sheet->csv;
    if (csv->text.undecodable)
        return jb__text_fail(sheet, scope, csv->record);
    if (csv->text.ended || !make_room(csv, scope))
        return false;
    ssize_t n = jb__text_read(&csv->text, csv->window + csv->size, csv->capacity - csv->size);
    if (n < 0)
        return jb_fail_errno(scope, errno, "%s", JB_L(scope, "파일 읽기", "reading the file"));
    csv->size += (size_t)n;
    return n > 0 || (csv->text.undecodable && read_more(sheet, scope));
}

/* ---- which separator ------------------------------------------------------------------------------------------------------------ */

struct guess {
    size_t first, same, records; /* separators in the first record; records with as many; records seen */
};

static struct guess count_separators(struct jb_str text, char separator)
{
    struct guess guess = { 0 };
    size_t here = 0, length = 0;
    bool quoted = false;
    for (size_t i = 0; i < text.size && guess.records < GUESS_RECORDS; i++) {
        char c = text.data[i];
        length++;
        if (c == '"')
            quoted = !quoted;
        if (quoted || (c != separator && c != '\n' && c != '\r'))
            continue;
        if (c == separator) {
            here++;
        } else {
            if (length > 1) { /* not a blank line */
                guess.first = guess.records ? guess.first : here;
                guess.same += guess.first == here;
                guess.records++;
            }
            here = length = 0;
        }
    }
    if (length > 0 && guess.records == 0)
        guess = (struct guess){ here, 1, 1 };
    return guess;
}

/* The one that the most records have as often as the first record; of equals the more frequent, then the earlier in the list: people write commas in their
 * texts and amounts, tabs never. */
static char guess_separator(struct jb_str text, bool tabs)
{
    char best = tabs ? '\t' : ',';
    size_t best_same = 0, best_first = 0;
    for (const char *c = "\t,;"; *c; c++) {
        struct guess guess = count_separators(text, *c);
        if (guess.first > 0 && (guess.same > best_same || (guess.same == best_same && guess.first > best_first))) {
            best = *c;
            best_same = guess.same;
            best_first = guess.first;
        }
    }
    return best;
}

/* A first line "sep=;" is Excel's own way of telling. */
static bool told_separator(struct jb__csv *csv)
{
    struct jb_str text = { csv->window, csv->size };
    if (text.size < 6 || memcmp(text.data, "sep=", 4) != 0 || (text.data[5] != '\r' && text.data[5] != '\n'))
        return false;
    csv->separator = text.data[4];
    csv->at = csv->start = csv->cell = csv->to = 6 + (text.data[5] == '\r' && text.size > 6 && text.data[6] == '\n');
    csv->record = 2;
    return true;
}

static bool open_separator(struct jb_sheet *sheet, struct jb_scope *scope)
{
    struct jb__csv *csv = sheet->csv;
    while (csv->size < GUESS_BYTES && !csv->text.undecodable && read_more(sheet, scope))
        ;
    if (jb_failure(scope))
        return false;
    struct jb_str text = { csv->window, csv->size };
    if (sheet->options.separator)
        csv->separator = sheet->options.separator;
    else if (!told_separator(csv))
        csv->separator = guess_separator(jb_str_slice(text, 0, GUESS_BYTES), sheet->format == JB_SHEET_TSV);
    sheet->format = csv->separator == '\t' ? JB_SHEET_TSV : JB_SHEET_CSV;
    return true;
}

/* ---- records ------------------------------------------------------------------------------------------------------------------ */

static bool refuse(const struct jb__csv *csv, struct jb_scope *scope, enum jb_error error, const char *ko, const char *en)
{
    return jb_fail(scope, error, JB_L(scope, "%lld행 %u열: %s", "Row %lld, column %u: %s"), (long long)csv->record, csv->column, JB_L(scope, ko, en));
}

static bool end_cell(struct jb_sheet *sheet, struct jb_scope *scope)
{
    struct jb__csv *csv = sheet->csv;
    struct jb_str text = { csv->window + csv->cell, csv->to - csv->cell };
    csv->state = FIELD_START;
    if (++csv->column > (uint32_t)sheet->options.columns_max)
        return jb_fail(scope, JB_LIMIT, JB_L(scope, "%lld행에 열이 %d개보다 많습니다. 열을 줄이세요.", "Row %lld has more than %d columns. Use fewer."), (long long)csv->record, sheet->options.columns_max);
    if (text.size == 0)
        return true;
    if (text.size > sheet->options.cell_chars_max && jb_utf8_count(text) > sheet->options.cell_chars_max)
        return jb_fail(scope, JB_LIMIT, JB_L(scope, "%lld행 %u열: 셀의 글자가 %zu자를 넘습니다. 내용을 줄이세요.", "Row %lld, column %u: a cell holds more than %zu characters. Shorten it."), (long long)csv->record, csv->column, sheet->options.cell_chars_max);
    if (memchr(text.data, '\0', text.size))
        return refuse(csv, scope, JB_INVALID, "쓸 수 없는 글자(NUL)가 있습니다. 텍스트 파일인지 확인하세요.", "it has a NUL character. Check that this is a text file.");
    if (!csv->text.checked && !jb_utf8_valid(text))
        return refuse(csv, scope, JB_INVALID, "UTF-8이 아닌 글자가 있습니다. 부호를 확인하세요.", "the text is not UTF-8. Check the encoding.");
    if (csv->count == csv->cell_capacity) {
        csv->cell_capacity = csv->cell_capacity ? csv->cell_capacity * 2 : 64;
        csv->cells = realloc(csv->cells, csv->cell_capacity * sizeof *csv->cells);
        JB_CHECK(csv->cells);
    }
    if (memchr(text.data, '\xe1', text.size)) /* the first byte of all such letters */
        text.size = jb__compose_hangul(csv->window + csv->cell, text.size);
    csv->cells[csv->count++] = (struct jb_cell){ .type = JB_CELL_TEXT, .column = csv->column, .text = text };
    return true;
}

/* Moves over plain bytes of a cell. Inside quotes they move down by the quotes that were taken out. */
static void pass_plain(struct jb__csv *csv)
{
    const char *window = csv->window;
    size_t from = csv->at;
    if (csv->state == FIELD_QUOTED) {
        const char *quote = memchr(window + from, '"', csv->size - from);
        csv->at = quote ? (size_t)(quote - window) : csv->size;
    } else {
        char separator = csv->separator;
        while (csv->at < csv->size && window[csv->at] != separator && window[csv->at] != '\n' && window[csv->at] != '\r')
            csv->at++;
    }
    if (csv->to != from)
        memmove(csv->window + csv->to, window + from, csv->at - from);
    csv->to += csv->at - from;
}

enum step {
    STEP_GO_ON,
    STEP_RECORD,
    STEP_MORE,
    STEP_FAIL,
};

/* At a separator or a line's end: the cell is over. CR LF is one end, and must be whole to be known. */
static enum step end_field(struct jb_sheet *sheet, struct jb_scope *scope, char c)
{
    struct jb__csv *csv = sheet->csv;
    if (c == '\r' && csv->at + 1 == csv->size && !csv->text.ended)
        return STEP_MORE;
    if (!end_cell(sheet, scope))
        return STEP_FAIL;
    csv->at += 1 + (c == '\r' && csv->at + 1 < csv->size && csv->window[csv->at + 1] == '\n');
    csv->cell = csv->to = csv->at;
    return c == csv->separator ? STEP_GO_ON : STEP_RECORD;
}

static enum step step(struct jb_sheet *sheet, struct jb_scope *scope)
{
    struct jb__csv *csv = sheet->csv;
    char c = csv->window[csv->at];
    bool ends = c == csv->separator || c == '\n' || c == '\r';
    switch (csv->state) {
    case FIELD_START:
        csv->cell = csv->to = csv->at;
        csv->state = c == '"' ? FIELD_QUOTED : FIELD_PLAIN;
        csv->at += c == '"';
        csv->cell = csv->to = csv->at;
        return STEP_GO_ON;
    case FIELD_PLAIN:
        if (ends)
            return end_field(sheet, scope, c);
        pass_plain(csv);
        return STEP_GO_ON;
    case FIELD_QUOTED:
        if (c == '"') {
            csv->state = FIELD_CLOSED;
            csv->at++;
        } else {
            pass_plain(csv);
        }
        return STEP_GO_ON;
    case FIELD_CLOSED: break;
    }
    if (ends)
        return end_field(sheet, scope, c);
    if (c != '"') {
        csv->column++;
        refuse(csv, scope, JB_INVALID, "닫는 따옴표 뒤에 글자가 있습니다. 셀 안의 따옴표는 두 번(\"\") 적으세요.", "there is text behind the closing quote. Write quotes inside a cell twice (\"\").");
        return STEP_FAIL;
    }
    csv->window[csv->to++] = '"';
    csv->at++;
    csv->state = FIELD_QUOTED;
    return STEP_GO_ON;
}

/* The file's end closes a last record without a line's end. */
static enum step end_file(struct jb_sheet *sheet, struct jb_scope *scope)
{
    struct jb__csv *csv = sheet->csv;
    if (csv->state == FIELD_QUOTED) {
        csv->column++;
        refuse(csv, scope, JB_INVALID, "여는 따옴표가 끝까지 닫히지 않았습니다. 따옴표를 닫거나 지우세요.", "the quote that opens here is never closed. Close or remove it.");
        return STEP_FAIL;
    }
    if (csv->at == csv->start)
        return STEP_MORE; /* no record is left */
    return end_cell(sheet, scope) ? STEP_RECORD : STEP_FAIL;
}

static enum step read_record(struct jb_sheet *sheet, struct jb_scope *scope)
{
    struct jb__csv *csv = sheet->csv;
    csv->start = csv->cell = csv->to = csv->at;
    csv->count = 0;
    csv->column = 0;
    csv->state = FIELD_START;
    for (;;) {
        enum step result = csv->at < csv->size ? step(sheet, scope) : STEP_MORE;
        if (result == STEP_MORE && !read_more(sheet, scope)) {
            if (jb_failure(scope))
                return STEP_FAIL;
            if (csv->at == csv->size)
                return end_file(sheet, scope);
        }
        if (result == STEP_RECORD || result == STEP_FAIL)
            return result;
    }
}

static bool csv_next(struct jb_sheet *sheet, struct jb_scope *scope, struct jb_sheet_row *ret_row)
{
    struct jb__csv *csv = sheet->csv;
    while (read_record(sheet, scope) == STEP_RECORD) {
        int64_t number = csv->record++;
        if (number > sheet->options.rows_max)
            return jb_fail(scope, JB_LIMIT, JB_L(scope, "행이 %lld개를 넘습니다. 파일을 나누어 올리세요.", "There are more than %lld rows. Split the file."), (long long)sheet->options.rows_max);
        if (csv->count > 0) {
            *ret_row = (struct jb_sheet_row){ number, csv->cells, csv->count };
            return true;
        }
    }
    return false;
}

/* ---- opening -------------------------------------------------------------------------------------------------------------------- */

static bool csv_open(struct jb_sheet *sheet, struct jb_scope *scope)
{
    struct jb__csv *csv = sheet->csv = calloc(1, sizeof *csv);
    JB_CHECK(csv);
    csv->record = 1;
    sheet->names = &sheet->title;
    sheet->name_count = 1;
    if (sheet->options.sheet.data && !jb_str_equal(sheet->options.sheet, sheet->title))
        return jb_fail(scope, JB_NOT_FOUND, "%s", JB_L(scope, "CSV에는 시트가 없습니다. 시트 이름을 빼고 다시 하세요.", "A CSV file has no sheets. Leave the sheet's name out."));
    return jb__text_open(&csv->text, sheet, scope) && open_separator(sheet, scope);
}

static void csv_close(struct jb_sheet *sheet)
{
    struct jb__csv *csv = sheet->csv;
    if (!csv)
        return;
    jb__text_close(&csv->text);
    free(csv->window);
    free(csv->cells);
    free(csv);
}

static struct jb_sheet_progress csv_progress(const struct jb_sheet *sheet)
{
    return (struct jb_sheet_progress){ sheet->csv->text.offset, sheet->size, 0 };
}

const struct jb__reader jb__csv_reader = { .open = csv_open, .close = csv_close, .next = csv_next, .progress = csv_progress };
