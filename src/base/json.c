/* json.c — one pass over the text, by recursive descent; depth, values and bytes are limited.
 *
 * Strings without escapes and all numbers are slices of the text.  Objects of up to 16 members look for a double name one by one,
 * larger ones in a table, so that no body is quadratic. */
// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"
#include "base/base_private.h"
#include "base/map.h"

#define BYTES_MAX ((size_t)64 * 1024 * 1024)
#define VALUES_MAX 1000000
#define NAMES_LINEAR 16

struct parser {
    struct jb_scope *scope;
    struct jb_str text;
    size_t at;
    size_t values;
    int depth;
};

static bool refuse(struct parser *p, const char *ko, const char *en)
{
    size_t line = 1, start = 0, at = JB_MIN(p->at, p->text.size);

    for (size_t i = 0; i < at; i++)
        if (p->text.data[i] == '\n') {
            line++;
            start = i + 1;
        }
    size_t column = jb_utf8_count(jb_str_slice(p->text, start, at)) + 1;
    return jb_fail(p->scope, JB_INVALID, JB_L(p->scope, "JSON을 읽지 못했습니다. %zu줄 %zu칸: %s", "Cannot read the JSON: line %zu, column %zu: %s"), line, column,
        JB_L(p->scope, ko, en));
}

/* '\0' at the end; a NUL in the text is refused as any other odd character is. */
static char peek(const struct parser *p)
{
    return p->at < p->text.size ? p->text.data[p->at] : '\0';
}

static void blanks(struct parser *p)
{
    for (char c = peek(p); c == ' ' || c == '\t' || c == '\n' || c == '\r'; c = peek(p))
        p->at++;
}

/* ---- strings -------------------------------------------------------------------------------------------------------------- */

static bool hex4(struct parser *p, uint32_t *ret_code)
{
    uint32_t code = 0;

    if (p->text.size - p->at < 4)
        return false;
    for (int i = 0; i < 4; i++, p->at++) {
        char c = p->text.data[p->at], low = (char)(c | 32);
        if (c >= '0' && c <= '9')
            code = code * 16 + (uint32_t)(c - '0');
        else if (low >= 'a' && low <= 'f')
            code = code * 16 + (uint32_t)(low - 'a' + 10);
        else
            return false;
    }
    *ret_code = code;
    return true;
}

/* What follows \u, with the second half of a surrogate pair. */
static bool unicode(struct parser *p, uint32_t *ret_code)
{
    uint32_t code, low;

    if (!hex4(p, &code))
        return refuse(p, "\\u 뒤에는 16진수 네 자리가 옵니다.", "\\u takes four hexadecimal digits.");
    if (code >= 0xD800 && code < 0xE000) {
        bool pair = code < 0xDC00 && jb_str_starts(jb_str_slice(p->text, p->at, p->text.size), JB_STR("\\u"));
        p->at += pair ? 2 : 0;
        if (!pair || !hex4(p, &low) || low < 0xDC00 || low >= 0xE000)
            return refuse(p, "짝이 없는 대리 문자입니다.", "a surrogate without its pair.");
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    *ret_code = code;
    return true;
}

static bool escape(struct parser *p, char *out, size_t *size)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    uint32_t code = 0;

    p->at++; /* the backslash */
    char c = peek(p);
    if (c == 'u') {
        p->at++;
        if (!unicode(p, &code))
            return false;
        *size += jb_utf8_put(code, out + *size);
        return true;
    }
    const char *found = c ? strchr(from, c) : NULL;
    if (!found)
        return refuse(p, "모르는 \\ 표기입니다.", "an unknown escape.");
    out[(*size)++] = to[found - from];
    p->at++;
    return true;
}

/* From behind the opening quote to the closing one. */
static size_t string_end(const struct parser *p, bool *ret_escapes)
{
    bool escapes = false;
    size_t at = p->at;

    for (; at < p->text.size && p->text.data[at] != '"'; at++) {
        if ((unsigned char)p->text.data[at] < 0x20)
            break;
        if (p->text.data[at] == '\\') {
            escapes = true;
            at++; /* whatever it is, it does not end the string */
            if (at >= p->text.size)
                break;
        }
    }
    *ret_escapes = escapes;
    return JB_MIN(at, p->text.size);
}

static bool string(struct parser *p, struct jb_str *ret_text)
{
    bool escapes;

    p->at++;
    size_t end = string_end(p, &escapes);
    if (end == p->text.size || p->text.data[end] != '"') {
        p->at = end;
        return end == p->text.size ? refuse(p, "글이 \"로 끝나지 않았습니다.", "a string without its closing quote.")
                                   : refuse(p, "글 안의 제어 문자는 \\u로 적어야 합니다.", "control characters in strings are written as \\u escapes.");
    }
    struct jb_str raw = jb_str_slice(p->text, p->at, end);
    if (!jb_utf8_valid(raw))
        return refuse(p, "UTF-8이 아닌 글자가 있습니다.", "a string that is not UTF-8.");
    if (escapes) {
        char *out = jb_arena_alloc_raw(jb_scope_arena(p->scope), raw.size); /* no escape is shorter than what it stands for */
        size_t size = 0;
        while (p->at < end) {
            if (p->text.data[p->at] != '\\')
                out[size++] = p->text.data[p->at++];
            else if (!escape(p, out, &size))
                return false;
        }
        raw = (struct jb_str){ out, size };
    }
    p->at = end + 1;
    *ret_text = raw;
    return true;
}

/* ---- other values ----------------------------------------------------------------------------------------------------------- */

static bool digits(struct parser *p)
{
    size_t start = p->at;
    while (peek(p) >= '0' && peek(p) <= '9')
        p->at++;
    return p->at > start;
}

static bool number(struct parser *p, struct jb_str *ret_text)
{
    size_t start = p->at;
    bool good = true;

    p->at += peek(p) == '-';
    if (peek(p) == '0')
        p->at++;
    else
        good = digits(p);
    if (good && peek(p) == '.') {
        p->at++;
        good = digits(p);
    }
    if (good && (peek(p) | 32) == 'e') {
        p->at++;
        p->at += peek(p) == '+' || peek(p) == '-';
        good = digits(p);
    }
    if (!good)
        return refuse(p, "수가 아닙니다.", "not a number.");
    *ret_text = jb_str_slice(p->text, start, p->at);
    return true;
}

static bool word(struct parser *p, const char *what)
{
    struct jb_str expected = jb_str_of(what);

    if (!jb_str_starts(jb_str_slice(p->text, p->at, p->text.size), expected))
        return refuse(p, "값이 아닙니다.", "not a value.");
    p->at += expected.size;
    return true;
}

static bool value(struct parser *p, struct jb_json *json);

/* ---- arrays and objects ------------------------------------------------------------------------------------------------------- */

/* true when the object has no member of that name yet; `names` takes over from NAMES_LINEAR on. */
static bool name_fresh(struct jb_map *names, const struct jb_json *object, struct jb_json *member)
{
    if (object->count < NAMES_LINEAR) {
        for (const struct jb_json *other = object->first; other; other = other->next)
            if (jb_str_equal(other->name, member->name))
                return false;
        return true;
    }
    if (object->count == NAMES_LINEAR)
        for (struct jb_json *other = object->first; other; other = other->next)
            jb_map_put(names, other->name, other);
    return jb_map_put(names, member->name, member) == NULL;
}

static bool member_name(struct parser *p, struct jb_map *names, const struct jb_json *object, struct jb_json *member)
{
    if (peek(p) != '"')
        return refuse(p, "이름은 \"로 시작합니다.", "a name begins with a quote.");
    size_t start = p->at;
    if (!string(p, &member->name))
        return false;
    if (!name_fresh(names, object, member)) {
        p->at = start;
        return refuse(p, "같은 이름이 두 번 있습니다.", "a name that stands twice.");
    }
    blanks(p);
    if (peek(p) != ':')
        return refuse(p, "이름 뒤에는 :이 옵니다.", "a name is followed by a colon.");
    p->at++;
    blanks(p);
    return true;
}

static bool children(struct parser *p, struct jb_json *json, struct jb_map *names, char end)
{
    struct jb_json **last = &json->first;

    p->at++;
    blanks(p);
    if (peek(p) == end) {
        p->at++;
        return true;
    }
    for (;;) {
        struct jb_json *child = JB_NEW(p->scope, struct jb_json);
        if ((names && !member_name(p, names, json, child)) || !value(p, child))
            return false;
        *last = child;
        last = &child->next;
        json->count++;
        blanks(p);
        if (peek(p) == end) {
            p->at++;
            return true;
        }
        if (peek(p) != ',')
            return names ? refuse(p, ", 또는 }이 와야 합니다.", "a comma or } is missing.") : refuse(p, ", 또는 ]이 와야 합니다.", "a comma or ] is missing.");
        p->at++;
        blanks(p);
    }
}

static bool container(struct parser *p, struct jb_json *json)
{
    if (++p->depth > JB_JSON_DEPTH_MAX)
        return jb_fail(p->scope, JB_LIMIT, JB_L(p->scope, "JSON이 너무 깊습니다. %d겹까지 쓸 수 있습니다.", "The JSON is nested too deeply: at most %d levels."), JB_JSON_DEPTH_MAX);
    bool done;
    if (peek(p) == '[') {
        json->type = JB_JSON_ARRAY;
        done = children(p, json, NULL, ']');
    } else {
        struct jb_map names;
        json->type = JB_JSON_OBJECT;
        jb_map_init(&names);
        done = children(p, json, &names, '}');
        jb_map_done(&names);
    }
    p->depth--;
    return done;
}

static bool value(struct parser *p, struct jb_json *json)
{
    if (++p->values > VALUES_MAX)
        return jb_fail(p->scope, JB_LIMIT, JB_L(p->scope, "JSON에 값이 너무 많습니다. %d개까지 쓸 수 있습니다.", "The JSON has too many values: at most %d."), VALUES_MAX);
    switch (peek(p)) {
    case '{':
    case '[': return container(p, json);
    case '"': json->type = JB_JSON_STRING; return string(p, &json->text);
    case 't': json->type = JB_JSON_TRUE; return word(p, "true");
    case 'f': json->type = JB_JSON_FALSE; return word(p, "false");
    case 'n': json->type = JB_JSON_NULL; return word(p, "null");
    }
    if (peek(p) == '-' || (peek(p) >= '0' && peek(p) <= '9')) {
        json->type = JB_JSON_NUMBER;
        return number(p, &json->text);
    }
    return refuse(p, "값이 있어야 할 자리입니다.", "a value is missing.");
}

struct jb_json *jb_json_parse(struct jb_scope *scope, struct jb_str text)
{
    struct parser p = { .scope = scope, .text = text };
    struct jb_json *json = JB_NEW(scope, struct jb_json);

    if (text.size > BYTES_MAX) {
        jb_fail(scope, JB_LIMIT, "%s", JB_L(scope, "JSON이 너무 큽니다. 64 MiB까지 쓸 수 있습니다.", "The JSON is too large: at most 64 MiB."));
        return NULL;
    }
    blanks(&p);
    if (!value(&p, json))
        return NULL;
    blanks(&p);
    if (p.at != text.size) {
        refuse(&p, "값 뒤에 무엇이 더 있습니다.", "something follows the value.");
        return NULL;
    }
    return json;
}

struct jb_json *jb_json_member(const struct jb_json *object, const char *name)
{
    if (!object || object->type != JB_JSON_OBJECT)
        return NULL;
    for (struct jb_json *member = object->first; member; member = member->next)
        if (jb_str_is(member->name, name))
            return member;
    return NULL;
}
