/* json_read.c — objects as rows: an array of them, or one a line (RFC 8259; ndjson).
 *
 * The head row is made of all names that stand in the file, in the order they are met, so the file is passed over once before; that also finds whatever is
 * wrong with it before a row is given. An object is row n + 1, as it would be under its heads in a sheet; of a file of lines n is the line. A value is one
 * cell: a text, a number with all its digits, true or false; null is an empty one. One object is in memory at a time. */
// SPDX-License-Identifier: Apache-2.0
#include "sheet/sheet_private.h"
#include "base/map.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define ROW_BYTES_MAX ((size_t)64 << 20)
#define SHOWN_CHARS 40 /* of a name in a sentence */
#define END (-1)       /* of the file, or of what can be read: with a failure */

struct name {
    struct jb_str text;
    uint32_t column; /* from 1 */
    int64_t row;     /* that has it */
};

struct jb__objects {
    struct jb__text text;
    char *window; /* the object being read begins at `start` */
    size_t size, capacity, at, start;
    bool lines, headed;
    int64_t line, objects; /* the line that `at` is on; objects met so far */
    int64_t rows;          /* the last row's number, once all were passed over */
    struct jb_map columns; /* name → struct name */
    struct name **names;
    size_t count, room, expected; /* the column that would come next */
    struct jb__row row;           /* texts are offsets behind `start` until it is whole */
};

/* ---- the window ------------------------------------------------------------------------------------------------------------- */

static bool make_room(struct jb__objects *objects, struct jb_scope *scope)
{
    size_t kept = objects->size - objects->start, wanted = kept + JB__TEXT_ROOM;
    if (wanted > ROW_BYTES_MAX)
        return jb_fail(scope, JB_LIMIT, JB_L(scope, "%lld행(%lld번째 줄)이 %zu MiB를 넘습니다. 따옴표와 괄호가 닫혔는지 확인하세요.", "Row %lld (line %lld) is over %zu MiB. Check that its quotes and braces are closed."), (long long)objects->row.number, (long long)objects->line,
            ROW_BYTES_MAX >> 20);
    if (kept)
        memmove(objects->window, objects->window + objects->start, kept);
    objects->at -= objects->start;
    objects->start = 0;
    objects->size = kept;
    if (wanted > objects->capacity) {
        objects->capacity = wanted * 2;
        objects->window = realloc(objects->window, objects->capacity);
        JB_CHECK(objects->window);
    }
    return true;
}

static bool read_more(struct jb_sheet *sheet, struct jb_scope *scope)
{
    struct jb__objects *objects = sheet->objects;
    if (objects->text.ended || objects->text.undecodable || !make_room(objects, scope))
        return objects->text.undecodable ? jb__text_fail(sheet, scope, objects->row.number) : false;
    ssize_t n = jb__text_read(&objects->text, objects->window + objects->size, objects->capacity - objects->size);
    if (n < 0)
        return jb_fail_errno(scope, errno, "%s", JB_L(scope, "파일 읽기", "reading the file"));
    objects->size += (size_t)n;
    return n > 0 || (objects->text.undecodable && read_more(sheet, scope));
}

static int peek(struct jb_sheet *sheet, struct jb_scope *scope)
{
    struct jb__objects *objects = sheet->objects;
    if (objects->at == objects->size && !read_more(sheet, scope))
        return END;
    return (unsigned char)objects->window[objects->at];
}

/* ---- what is wrong ------------------------------------------------------------------------------------------------------------ */

static bool refuse(const struct jb_sheet *sheet, struct jb_scope *scope, const char *ko, const char *en)
{
    if (jb_failure(scope))
        return false;
    return jb_fail(scope, JB_INVALID, JB_L(scope, "%lld행(%lld번째 줄): %s", "Row %lld (line %lld): %s"), (long long)sheet->objects->row.number, (long long)sheet->objects->line, JB_L(scope, ko, en));
}

static bool refuse_end(const struct jb_sheet *sheet, struct jb_scope *scope)
{
    return refuse(sheet, scope, "파일이 중간에 끝납니다. 다시 저장하거나 다시 올리세요.", "the file ends early. Save or upload it again.");
}

/* A sentence about one member. */
static bool refuse_member(const struct jb_sheet *sheet, struct jb_scope *scope, struct jb_str name, const char *ko, const char *en)
{
    name = jb_utf8_first(name, SHOWN_CHARS);
    return jb_fail(scope, JB_INVALID, JB_L(scope, "%lld행(%lld번째 줄) ‘%.*s’: %s", "Row %lld (line %lld), \"%.*s\": %s"), (long long)sheet->objects->row.number, (long long)sheet->objects->line, JB_FMT(name), JB_L(scope, ko, en));
}

/* ---- strings ------------------------------------------------------------------------------------------------------------------ */

/* Past blanks. false, with a failure, at a line's end inside an object of a file of lines. */
static bool blanks(struct jb_sheet *sheet, struct jb_scope *scope, bool inside)
{
    struct jb__objects *objects = sheet->objects;
    for (int c = peek(sheet, scope); c == ' ' || c == '\t' || c == '\n' || c == '\r'; c = peek(sheet, scope)) {
        if (c == '\n' && inside && objects->lines)
            return refuse(sheet, scope, "객체가 한 줄에 있지 않습니다. 한 줄에 하나씩 적거나, 모두 [ ] 안에 쉼표로 나누어 적으세요.", "the object is not on one line. Write one a line, or put all into [ ] with commas between.");
        objects->line += c == '\n';
        objects->at++;
    }
    return !jb_failure(scope);
}

static bool hex4(struct jb_sheet *sheet, struct jb_scope *scope, uint32_t *ret_code)
{
    uint32_t code = 0;
    for (int i = 0; i < 4; i++, sheet->objects->at++) {
        int c = peek(sheet, scope), low = c | 32;
        if (c >= '0' && c <= '9')
            code = code * 16 + (uint32_t)(c - '0');
        else if (c != END && low >= 'a' && low <= 'f')
            code = code * 16 + (uint32_t)(low - 'a' + 10);
        else
            return refuse(sheet, scope, "\\u 뒤에는 16진수 네 자리가 옵니다.", "\\u takes four hexadecimal digits.");
    }
    *ret_code = code;
    return true;
}

static bool unicode(struct jb_sheet *sheet, struct jb_scope *scope, uint32_t *ret_code)
{
    uint32_t code, low;
    if (!hex4(sheet, scope, &code))
        return false;
    if (code == 0)
        return refuse(sheet, scope, "쓸 수 없는 글자(NUL)가 있습니다. 지우고 다시 하세요.", "it has a NUL character. Remove it.");
    if (code >= 0xd800 && code < 0xe000) {
        bool pair = code < 0xdc00 && peek(sheet, scope) == '\\';
        sheet->objects->at += pair;
        pair = pair && peek(sheet, scope) == 'u';
        sheet->objects->at += pair;
        if (!pair || !hex4(sheet, scope, &low) || low < 0xdc00 || low >= 0xe000)
            return refuse(sheet, scope, "짝이 없는 대리 문자(\\uD800…)입니다. 글자를 고치세요.", "there is half of a surrogate pair (\\uD800…). Correct the text.");
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    *ret_code = code;
    return true;
}

/* Behind a backslash: the character at offset *to, which moves past it. No escape is shorter than what it stands for. */
static bool escape(struct jb_sheet *sheet, struct jb_scope *scope, size_t *to)
{
    static const char from[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    struct jb__objects *objects = sheet->objects;
    char bytes[4];
    objects->at++;
    int c = peek(sheet, scope);
    const char *found = c > 0 ? strchr(from, c) : NULL;
    uint32_t code = found ? (unsigned char)meant[found - from] : 0;
    objects->at += c != END;
    if (c == 'u' ? !unicode(sheet, scope, &code) : !found)
        return c == END ? refuse_end(sheet, scope) : refuse(sheet, scope, "모르는 \\ 표기가 있습니다. \\\\로 적으세요.", "there is an unknown escape. Write \\\\ for a backslash.");
    size_t size = jb_utf8_put(code, bytes);
    memcpy(objects->window + objects->start + *to, bytes, size);
    *to += size;
    return true;
}

/* At a quote: what stands between it and the next, decoded in place. Its data is an offset behind `start`. */
static bool string(struct jb_sheet *sheet, struct jb_scope *scope, struct jb_str *ret_text)
{
    struct jb__objects *objects = sheet->objects;
    size_t begin = ++objects->at - objects->start, to = begin;
    for (;;) {
        size_t from = objects->at;
        const char *window = objects->window;
        while (objects->at < objects->size && window[objects->at] != '"' && window[objects->at] != '\\' && (unsigned char)window[objects->at] >= 0x20)
            objects->at++;
        if (objects->start + to != from)
            memmove(objects->window + objects->start + to, window + from, objects->at - from);
        to += objects->at - from;
        int c = peek(sheet, scope);
        if (c == END)
            return refuse_end(sheet, scope);
        if (c == '"')
            break;
        if (c == 0)
            return refuse(sheet, scope, "쓸 수 없는 글자(NUL)가 있습니다. 텍스트 파일인지 확인하세요.", "it has a NUL character. Check that this is a text file.");
        if (c < 0x20)
            return refuse(sheet, scope, "글 안에 줄바꿈이나 제어 문자가 있습니다. \\n처럼 적으세요.", "there is a line's end or a control character in a text. Write it as \\n or \\u.");
        if (c == '\\' && !escape(sheet, scope, &to))
            return false;
    }
    objects->at++;
    struct jb_str text = { objects->window + objects->start + begin, to - begin };
    if (!objects->text.checked && !jb_utf8_valid(text))
        return refuse(sheet, scope, "UTF-8이 아닌 글자가 있습니다. 부호를 확인하세요.", "the text is not UTF-8. Check the encoding.");
    if (memchr(text.data, '\xe1', text.size))
        text.size = jb__compose_hangul(objects->window + objects->start + begin, text.size);
    *ret_text = (struct jb_str){ (const char *)(uintptr_t)begin, text.size };
    return true;
}

/* ---- values -------------------------------------------------------------------------------------------------------------------- */

static struct jb_str in_window(const struct jb__objects *objects, struct jb_str offset)
{
    return (struct jb_str){ objects->window + objects->start + (uintptr_t)offset.data, offset.size };
}

static bool digits(struct jb_sheet *sheet, struct jb_scope *scope)
{
    size_t seen = 0;
    for (int c = peek(sheet, scope); c >= '0' && c <= '9'; c = peek(sheet, scope), seen++)
        sheet->objects->at++;
    return seen > 0;
}

static bool number(struct jb_sheet *sheet, struct jb_scope *scope, struct jb_str *ret_text)
{
    struct jb__objects *objects = sheet->objects;
    size_t begin = objects->at - objects->start;
    objects->at += peek(sheet, scope) == '-';
    bool zero = peek(sheet, scope) == '0', good = true;
    if (zero)
        objects->at++;
    else
        good = digits(sheet, scope);
    if (good && peek(sheet, scope) == '.') {
        objects->at++;
        good = digits(sheet, scope);
    }
    if (good && (peek(sheet, scope) == 'e' || peek(sheet, scope) == 'E')) {
        objects->at++;
        int sign = peek(sheet, scope);
        objects->at += sign == '+' || sign == '-';
        good = digits(sheet, scope);
    }
    int next = peek(sheet, scope);
    if (!good || (zero && next >= '0' && next <= '9'))
        return refuse(sheet, scope, "수가 아닙니다. 0으로 시작하는 번호는 따옴표 안에 적으세요.", "there is something that is no number. Put codes that begin with 0 into quotes.");
    *ret_text = (struct jb_str){ (const char *)(uintptr_t)begin, objects->at - objects->start - begin };
    return true;
}

static bool word(struct jb_sheet *sheet, struct jb_scope *scope, const char *what)
{
    for (; *what; what++, sheet->objects->at++)
        if (peek(sheet, scope) != *what)
            return refuse(sheet, scope, "값이 아닙니다. 글은 따옴표 안에 적으세요.", "there is something that is no value. Put texts into quotes.");
    return true;
}

static bool check_chars(const struct jb_sheet *sheet, struct jb_scope *scope, struct jb_str text)
{
    char where[64];
    if (text.size <= sheet->options.cell_chars_max || jb_utf8_count(text) <= sheet->options.cell_chars_max)
        return true;
    snprintf(where, sizeof where, JB_L(scope, "%lld행(%lld번째 줄)", "Row %lld (line %lld)"), (long long)sheet->objects->row.number, (long long)sheet->objects->line);
    return jb__fail_chars(scope, sheet->options.cell_chars_max, where);
}

/* The value of a member as a cell; EMPTY for null and "". */
static bool value(struct jb_sheet *sheet, struct jb_scope *scope, struct jb_str name, struct jb_cell *cell)
{
    struct jb__objects *objects = sheet->objects;
    int c = peek(sheet, scope);
    cell->truth = c == 't';
    switch (c) {
    case '"':
        if (!string(sheet, scope, &cell->text) || !check_chars(sheet, scope, in_window(objects, cell->text)))
            return false;
        cell->type = cell->text.size ? JB_CELL_TEXT : JB_CELL_EMPTY;
        return true;
    case 't':
    case 'f': cell->type = JB_CELL_BOOL; return word(sheet, scope, cell->truth ? "true" : "false");
    case 'n': cell->type = JB_CELL_EMPTY; return word(sheet, scope, "null");
    case '{':
    case '[': return refuse_member(sheet, scope, in_window(objects, name), "값이 객체나 배열입니다. 글, 수, true, false, null만 가져옵니다. 펼쳐서 적으세요.", "the value is an object or an array. Only texts, numbers, true, false and null are imported; write it flat.");
    case END: return refuse_end(sheet, scope);
    default: break;
    }
    if (c != '-' && (c < '0' || c > '9'))
        return refuse_member(sheet, scope, in_window(objects, name), "값이 없거나 값이 아닙니다. 글은 따옴표 안에 적으세요.", "the value is missing or none. Put texts into quotes.");
    if (!number(sheet, scope, &cell->text))
        return false;
    cell->exact = jb__number_parse(in_window(objects, cell->text), &cell->serial);
    cell->type = cell->exact ? JB_CELL_NUMBER : JB_CELL_TEXT; /* beyond all doubles: the field says what is wrong */
    return true;
}

/* ---- names --------------------------------------------------------------------------------------------------------------------- */

static struct name *name_add(struct jb_sheet *sheet, struct jb_scope *scope, struct jb_str text)
{
    struct jb__objects *objects = sheet->objects;
    if (objects->count >= (size_t)sheet->options.columns_max) {
        jb_fail(scope, JB_LIMIT, JB_L(scope, "%lld행에서 이름이 %d개를 넘습니다. 열을 줄이세요.", "Row %lld brings the names to more than %d. Use fewer."), (long long)objects->row.number, sheet->options.columns_max);
        return NULL;
    }
    if (objects->count == objects->room) {
        objects->room = objects->room ? objects->room * 2 : 32;
        objects->names = realloc(objects->names, objects->room * sizeof(struct name *));
        JB_CHECK(objects->names);
    }
    struct name *name = jb_arena_alloc(&sheet->arena, sizeof *name);
    char *copy = jb_arena_alloc_raw(&sheet->arena, text.size + 1);
    memcpy(copy, text.data, text.size);
    *name = (struct name){ .text = { copy, text.size }, .column = (uint32_t)objects->count + 1 };
    objects->names[objects->count++] = name;
    jb_map_put(&objects->columns, name->text, name);
    return name;
}

/* The column of a member; most objects have their members in one order. */
static struct name *name_find(struct jb_sheet *sheet, struct jb_scope *scope, struct jb_str text)
{
    struct jb__objects *objects = sheet->objects;
    struct name *name = objects->expected < objects->count && jb_str_equal(objects->names[objects->expected]->text, text) ? objects->names[objects->expected] : jb_map_get(&objects->columns, text);
    if (text.size == 0) {
        refuse(sheet, scope, "이름이 비어 있습니다. \"이름\": 값으로 적으세요.", "a name is empty. Write \"name\": value.");
        return NULL;
    }
    if (!name && objects->headed) { /* somebody writes to the file meanwhile */
        refuse_member(sheet, scope, text, "앞에서 보지 못한 이름입니다. 파일이 바뀌는 중이면 끝난 뒤에 다시 하세요.", "this name was not there before. If the file is being written, try again when it is whole.");
        return NULL;
    }
    if (!name && (!check_chars(sheet, scope, text) || !(name = name_add(sheet, scope, text))))
        return NULL;
    if (name->row == objects->row.number) {
        refuse_member(sheet, scope, text, "같은 이름이 두 번 있습니다. 하나만 남기세요.", "this name stands twice. Keep one.");
        return NULL;
    }
    name->row = objects->row.number;
    objects->expected = name->column;
    return name;
}

/* ---- objects -------------------------------------------------------------------------------------------------------------------- */

static bool member(struct jb_sheet *sheet, struct jb_scope *scope)
{
    struct jb__objects *objects = sheet->objects;
    struct jb_cell cell = { 0 };
    struct jb_str text;
    if (peek(sheet, scope) != '"')
        return peek(sheet, scope) == END ? refuse_end(sheet, scope) : refuse(sheet, scope, "이름이 와야 합니다. \"이름\": 값으로 적으세요.", "a name is missing. Write \"name\": value.");
    if (!string(sheet, scope, &text))
        return false;
    struct name *name = name_find(sheet, scope, in_window(objects, text));
    if (!name || !blanks(sheet, scope, true))
        return false;
    if (peek(sheet, scope) != ':')
        return peek(sheet, scope) == END ? refuse_end(sheet, scope) : refuse(sheet, scope, "이름 뒤에는 :이 옵니다.", "a name is followed by a colon.");
    objects->at++;
    cell.column = name->column;
    if (!blanks(sheet, scope, true) || !value(sheet, scope, text, &cell))
        return false;
    return cell.type == JB_CELL_EMPTY || !objects->headed || jb__row_add(&objects->row, scope, sheet->options.columns_max, cell);
}

/* At {: its members as cells. */
static bool object(struct jb_sheet *sheet, struct jb_scope *scope)
{
    struct jb__objects *objects = sheet->objects;
    jb__row_clear(&objects->row);
    objects->expected = 0;
    objects->at++;
    if (!blanks(sheet, scope, true))
        return false;
    for (bool first = true; peek(sheet, scope) != '}' || !first; first = false) {
        if (!member(sheet, scope) || !blanks(sheet, scope, true))
            return false;
        int c = peek(sheet, scope);
        if (c == '}')
            break;
        if (c != ',')
            return c == END ? refuse_end(sheet, scope) : refuse(sheet, scope, "값 뒤에는 쉼표나 }가 옵니다.", "a value is followed by a comma or }.");
        objects->at++;
        if (!blanks(sheet, scope, true))
            return false;
    }
    objects->at++;
    return true;
}

static bool whole_object(struct jb_sheet *sheet, struct jb_scope *scope)
{
    struct jb__objects *objects = sheet->objects;
    int c = peek(sheet, scope);
    objects->start = objects->at;
    objects->objects++;
    objects->row.number = (objects->lines ? objects->line : objects->objects) + 1;
    if (c != '{')
        return c == END ? refuse_end(sheet, scope) : refuse(sheet, scope, "객체가 아닙니다. 행마다 {\"이름\": 값}으로 적으세요.", "this is no object. Write each row as {\"name\": value}.");
    if (!object(sheet, scope))
        return false;
    for (size_t i = 0; i < objects->row.count; i++) {
        struct jb_cell *cell = &objects->row.cells[i];
        cell->text = cell->type == JB_CELL_BOOL ? (cell->truth ? JB_STR("TRUE") : JB_STR("FALSE")) : in_window(objects, cell->text);
    }
    if (objects->row.unsorted)
        jb__row_sort(&objects->row);
    return true;
}

/* Behind an object of a file of lines. */
static bool line_end(struct jb_sheet *sheet, struct jb_scope *scope)
{
    int c = peek(sheet, scope);
    for (; c == ' ' || c == '\t' || c == '\r'; c = peek(sheet, scope))
        sheet->objects->at++;
    return c == '\n' || (c == END && !jb_failure(scope)) ||
           refuse(sheet, scope, "객체 뒤에 무엇이 더 있습니다. 한 줄에 하나씩 쉼표 없이 적거나, 모두 [ ] 안에 적으세요.", "something follows the object. Write one a line without commas, or put all into [ ].");
}

/* To the next object, or to the end: false, with or without a failure. */
static bool seek_object(struct jb_sheet *sheet, struct jb_scope *scope)
{
    struct jb__objects *objects = sheet->objects;
    objects->start = objects->at;
    if (!blanks(sheet, scope, false))
        return false;
    if (objects->lines)
        return peek(sheet, scope) != END;
    int c = peek(sheet, scope);
    if (c == ',' && objects->objects > 0) {
        objects->at++;
        return blanks(sheet, scope, false);
    }
    if (c != ']')
        return objects->objects == 0 && c != END ? true : c == END ? refuse_end(sheet, scope)
                                                                   : refuse(sheet, scope, "객체 뒤에는 쉼표나 ]가 옵니다.", "an object is followed by a comma or ].");
    objects->at++;
    if (blanks(sheet, scope, false) && peek(sheet, scope) != END)
        refuse(sheet, scope, "배열 뒤에 무엇이 더 있습니다. 지우고 다시 하세요.", "something follows the array. Remove it.");
    return false;
}

static bool next_object(struct jb_sheet *sheet, struct jb_scope *scope)
{
    return seek_object(sheet, scope) && whole_object(sheet, scope) && (!sheet->objects->lines || line_end(sheet, scope));
}

static bool begin(struct jb_sheet *sheet, struct jb_scope *scope)
{
    struct jb__objects *objects = sheet->objects;
    objects->at = objects->size = objects->start = 0;
    objects->objects = 0;
    objects->line = objects->row.number = 1;
    if (!blanks(sheet, scope, false))
        return false;
    int c = peek(sheet, scope);
    objects->lines = c == '{';
    objects->at += c == '[';
    return c == '{' || c == '[' || refuse(sheet, scope, "JSON이 아닙니다. 객체의 배열([…])이나 한 줄에 객체 하나({…})를 올리세요.", "this is no JSON. Use an array of objects ([…]), or one object ({…}) a line.");
}

/* ---- the reader ------------------------------------------------------------------------------------------------------------------- */

static bool collect_names(struct jb_sheet *sheet, struct jb_scope *scope)
{
    struct jb__objects *objects = sheet->objects;
    if (!begin(sheet, scope))
        return false;
    while (next_object(sheet, scope))
        ;
    if (jb_failure(scope))
        return false;
    objects->rows = objects->row.number;
    for (size_t i = 0; i < objects->count; i++)
        objects->names[i]->row = 0;
    jb__text_rewind(&objects->text);
    return true;
}

static bool json_open(struct jb_sheet *sheet, struct jb_scope *scope)
{
    struct jb__objects *objects = sheet->objects = calloc(1, sizeof *objects);
    JB_CHECK(objects);
    jb_map_init(&objects->columns);
    sheet->names = &sheet->title;
    sheet->name_count = 1;
    if (sheet->options.sheet.data && !jb_str_equal(sheet->options.sheet, sheet->title))
        return jb_fail(scope, JB_NOT_FOUND, "%s", JB_L(scope, "JSON에는 시트가 없습니다. 시트 이름을 빼고 다시 하세요.", "JSON has no sheets. Leave the sheet's name out."));
    if (!jb__text_open(&objects->text, sheet, scope) || !collect_names(sheet, scope))
        return false;
    sheet->format = objects->lines ? JB_SHEET_JSONL : JB_SHEET_JSON;
    return begin(sheet, scope);
}

static bool give_head(struct jb_sheet *sheet, struct jb_scope *scope, struct jb_sheet_row *ret_row)
{
    struct jb__objects *objects = sheet->objects;
    objects->headed = true;
    jb__row_clear(&objects->row);
    for (size_t i = 0; i < objects->count; i++)
        if (!jb__row_add(&objects->row, scope, sheet->options.columns_max, (struct jb_cell){ .type = JB_CELL_TEXT, .column = (uint32_t)i + 1, .text = objects->names[i]->text }))
            return false;
    *ret_row = (struct jb_sheet_row){ 1, objects->row.cells, objects->row.count };
    return objects->count > 0;
}

static bool json_next(struct jb_sheet *sheet, struct jb_scope *scope, struct jb_sheet_row *ret_row)
{
    struct jb__objects *objects = sheet->objects;
    if (!objects->headed)
        return give_head(sheet, scope, ret_row);
    while (next_object(sheet, scope)) {
        if (objects->row.number > sheet->options.rows_max)
            return jb_fail(scope, JB_LIMIT, JB_L(scope, "행이 %lld개를 넘습니다. 파일을 나누어 올리세요.", "There are more than %lld rows. Split the file."), (long long)sheet->options.rows_max);
        if (objects->row.count > 0) {
            *ret_row = (struct jb_sheet_row){ objects->row.number, objects->row.cells, objects->row.count };
            return true;
        }
    }
    return false;
}

static void json_close(struct jb_sheet *sheet)
{
    struct jb__objects *objects = sheet->objects;
    if (!objects)
        return;
    jb__text_close(&objects->text);
    jb_map_done(&objects->columns);
    jb__row_done(&objects->row);
    free(objects->names);
    free(objects->window);
    free(objects);
}

static struct jb_sheet_progress json_progress(const struct jb_sheet *sheet)
{
    return (struct jb_sheet_progress){ sheet->objects->text.offset, sheet->size, sheet->objects->rows };
}

const struct jb__reader jb__json_reader = { .open = json_open, .close = json_close, .next = json_next, .progress = json_progress };
