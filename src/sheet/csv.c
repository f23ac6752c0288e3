/* csv.c — delimited text as people's programs write it.
 *
 * One growing window holds the record being read, as UTF-8; quotes are taken out in place, so cells are slices of it. A record that is cut by the window is
 * gone on with where it stopped: no byte is looked at twice, however long a cell is. What Excel would silently guess at is refused with its row: a quote that
 * never closes, text behind a closing quote, NUL bytes, bytes that are no text in the encoding. */
// SPDX-License-Identifier: Apache-2.0
#include "sheet/sheet_private.h"
#include <errno.h>
#include <iconv.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define INPUT_BYTES ((size_t)64 * 1024)
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
    int64_t offset; /* read from the file */
    char *input;    /* bytes before decoding; NULL when the file is UTF-8 */
    size_t input_size;
    iconv_t decoder; /* with input */
    bool checked;    /* the whole file is known to be UTF-8 */
    bool undecodable, file_ended;
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

/* ---- bytes to UTF-8 -------------------------------------------------------------------------------------------------------- */

static ssize_t read_file(struct jb_sheet *sheet, char *out, size_t size)
{
    ssize_t n = pread(sheet->fd, out, size, sheet->csv->offset);
    if (n > 0)
        sheet->csv->offset += n;
    if (n == 0)
        sheet->csv->file_ended = true;
    return n;
}

/* Decodes what is in `input` behind the window's end; a character cut by the input stays for the next time. */
static void decode(struct jb__csv *csv)
{
    char *in = csv->input, *out = csv->window + csv->size;
    size_t in_left = csv->input_size, out_left = csv->capacity - csv->size;
    if (iconv(csv->decoder, &in, &in_left, &out, &out_left) == (size_t)-1 && errno == EILSEQ)
        csv->undecodable = true;
    if (in_left && csv->file_ended && errno == EINVAL)
        csv->undecodable = true;
    csv->size = csv->capacity - out_left;
    memmove(csv->input, in, in_left);
    csv->input_size = in_left;
}

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
    size_t wanted = csv->size + INPUT_BYTES * 3;
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
    if (csv->undecodable)
        return jb_fail(scope, JB_INVALID, JB_L(scope, "%lld행: 글자 부호가 %.*s이(가) 아닙니다. UTF-8로 저장하거나 부호를 지정하세요.", "Row %lld: the text is not %.*s. Save it as UTF-8 or name its encoding."), (long long)csv->record, JB_FMT(sheet->encoding));
    if (csv->file_ended || !make_room(csv, scope))
        return false;
    size_t before = csv->size;
    while (csv->size == before && !csv->file_ended && !csv->undecodable) {
        ssize_t n = csv->input ? read_file(sheet, csv->input + csv->input_size, INPUT_BYTES - csv->input_size) : read_file(sheet, csv->window + csv->size, INPUT_BYTES);
        if (n < 0)
            return jb_fail_errno(scope, errno, "%s", JB_L(scope, "파일 읽기", "reading the file"));
        if (csv->input) {
            csv->input_size += (size_t)n;
            decode(csv);
        } else {
            csv->size += (size_t)n;
        }
    }
    return csv->size > before || (csv->undecodable && read_more(sheet, scope));
}

/* ---- which encoding ----------------------------------------------------------------------------------------------------------- */

/* Bytes at the end of `text` that begin a character which is not whole. */
static size_t cut_character(struct jb_str text)
{
    for (size_t back = 1; back <= 3 && back <= text.size; back++) {
        unsigned char c = (unsigned char)text.data[text.size - back];
        if (c >= 0xc0)
            return (c >= 0xf0 ? 4 : c >= 0xe0 ? 3
                                              : 2) > back
                       ? back
                       : 0;
        if (c < 0x80)
            return 0;
    }
    return 0;
}

/* Reads the whole file: one wrong byte at its end would otherwise be found after half of it is imported. */
static bool all_utf8(const struct jb_sheet *sheet)
{
    char *bytes = malloc(INPUT_BYTES);
    JB_CHECK(bytes);
    size_t kept = 0;
    bool valid = true;
    for (int64_t offset = 0; valid;) {
        ssize_t n = pread(sheet->fd, bytes + kept, INPUT_BYTES - kept, offset);
        if (n <= 0)
            break;
        offset += n;
        struct jb_str text = { bytes, kept + (size_t)n };
        kept = cut_character(text);
        text.size -= kept;
        valid = jb_utf8_valid(text);
        memmove(bytes, bytes + text.size, kept);
    }
    free(bytes);
    return valid && kept == 0;
}

/* UTF-16 without its mark: every other byte of ordinary text is zero. NULL when it is not that. */
static const char *wide_without_mark(const char *head, size_t size)
{
    size_t zeros[2] = { 0, 0 };
    size &= ~(size_t)1;
    for (size_t i = 0; i < size; i++)
        zeros[i & 1] += head[i] == '\0';
    if (zeros[1] * 10 > size && zeros[0] * 50 < size)
        return "utf-16le";
    return zeros[0] * 10 > size && zeros[1] * 50 < size ? "utf-16be" : NULL;
}

/* Names that iconv knows under one that covers what Windows really writes. */
static const char *common_name(struct jb_str name)
{
    static const struct {
        const char *name, *common;
    } names[] = { { "utf8", "utf-8" }, { "utf-8-sig", "utf-8" }, { "euc-kr", "cp949" }, { "euckr", "cp949" }, { "ms949", "cp949" }, { "uhc", "cp949" }, { "ks_c_5601-1987", "cp949" }, { "cp949", "cp949" }, { "utf-8", "utf-8" }, { "utf-16le", "utf-16le" }, { "utf-16be", "utf-16be" } };
    for (size_t i = 0; i < JB_COUNT(names); i++)
        if (jb_str_equal_nocase(name, jb_str_of(names[i].name)))
            return names[i].common;
    return name.data;
}

static const char *detect(struct jb_sheet *sheet, const char *head, size_t size, size_t *ret_mark)
{
    static const struct {
        const char *mark;
        size_t size;
        const char *encoding;
    } marks[] = { { "\xef\xbb\xbf", 3, "utf-8" }, { "\xff\xfe", 2, "utf-16le" }, { "\xfe\xff", 2, "utf-16be" } };
    const char *wanted = sheet->options.encoding.data ? common_name(sheet->options.encoding) : NULL;
    *ret_mark = 0;
    for (size_t i = 0; i < JB_COUNT(marks); i++)
        if (size >= marks[i].size && memcmp(head, marks[i].mark, marks[i].size) == 0 && (!wanted || jb_str_equal_nocase(jb_str_of(wanted), jb_str_of(marks[i].encoding)) || jb_str_equal_nocase(jb_str_of(wanted), JB_STR("utf-16")))) {
            *ret_mark = marks[i].size;
            return marks[i].encoding;
        }
    if (wanted)
        return wanted;
    const char *wide = wide_without_mark(head, size);
    if (wide)
        return wide;
    sheet->csv->checked = all_utf8(sheet);
    return sheet->csv->checked ? "utf-8" : "cp949";
}

static bool open_encoding(struct jb_sheet *sheet, struct jb_scope *scope)
{
    struct jb__csv *csv = sheet->csv;
    char head[1024];
    size_t mark;
    ssize_t size = pread(sheet->fd, head, sizeof head, 0);
    const char *encoding = detect(sheet, head, size > 0 ? (size_t)size : 0, &mark);
    sheet->encoding = jb_str_of(encoding);
    csv->offset = (int64_t)mark;
    if (strcmp(encoding, "utf-8") == 0)
        return true;
    csv->decoder = iconv_open("UTF-8", encoding);
    if (csv->decoder == (iconv_t)-1)
        return jb_fail(scope, JB_INVALID, JB_L(scope, "모르는 글자 부호입니다: %s. utf-8, cp949, utf-16le 가운데 하나를 쓰세요.", "Unknown encoding: %s. Use utf-8, cp949 or utf-16le."), encoding);
    csv->input = malloc(INPUT_BYTES);
    JB_CHECK(csv->input);
    return true;
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
    while (csv->size < GUESS_BYTES && !csv->undecodable && read_more(sheet, scope))
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

/* Hangul that macOS took apart (U+1100 …) becomes syllables again, in place, as the standard composes it: columns and choices are compared by bytes. */
static size_t compose_hangul(char *text, size_t size)
{
    enum { L = 0x1100,
        V = 0x1161,
        T = 0x11a7,
        S = 0xac00,
        L_COUNT = 19,
        V_COUNT = 21,
        T_COUNT = 28 };
    struct jb_str from = { text, size };
    size_t to = 0;
    for (size_t at = 0; at < size;) {
        uint32_t code = jb_utf8_next(from, &at);
        size_t next = at;
        if (code >= L && code < L + L_COUNT && next < size) {
            uint32_t vowel = jb_utf8_next(from, &next);
            if (vowel >= V && vowel < V + V_COUNT) {
                code = S + ((code - L) * V_COUNT + (vowel - V)) * T_COUNT;
                at = next;
            }
        }
        next = at;
        if (code >= S && code < 0xd7a4 && (code - S) % T_COUNT == 0 && next < size) {
            uint32_t tail = jb_utf8_next(from, &next);
            if (tail > T && tail < T + T_COUNT) {
                code += tail - T;
                at = next;
            }
        }
        to += jb_utf8_put(code, text + to);
    }
    return to;
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
    if (!csv->checked && !csv->input && !jb_utf8_valid(text))
        return refuse(csv, scope, JB_INVALID, "UTF-8이 아닌 글자가 있습니다. 부호를 확인하세요.", "the text is not UTF-8. Check the encoding.");
    if (csv->count == csv->cell_capacity) {
        csv->cell_capacity = csv->cell_capacity ? csv->cell_capacity * 2 : 64;
        csv->cells = realloc(csv->cells, csv->cell_capacity * sizeof *csv->cells);
        JB_CHECK(csv->cells);
    }
    if (memchr(text.data, '\xe1', text.size)) /* the first byte of all such letters */
        text.size = compose_hangul(csv->window + csv->cell, text.size);
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
    if (c == '\r' && csv->at + 1 == csv->size && !csv->file_ended)
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
    return open_encoding(sheet, scope) && open_separator(sheet, scope);
}

static void csv_close(struct jb_sheet *sheet)
{
    struct jb__csv *csv = sheet->csv;
    if (!csv)
        return;
    if (csv->input)
        iconv_close(csv->decoder);
    free(csv->input);
    free(csv->window);
    free(csv->cells);
    free(csv);
}

static struct jb_sheet_progress csv_progress(const struct jb_sheet *sheet)
{
    return (struct jb_sheet_progress){ sheet->csv->offset, sheet->size, 0 };
}

const struct jb__reader jb__csv_reader = { .open = csv_open, .close = csv_close, .next = csv_next, .progress = csv_progress };
