/* multipart_head.c — the head of a part: Content-Disposition with its names, Content-Type, Content-Transfer-Encoding (RFC 7578, 2183, 5987).
 *
 * Names come out as valid UTF-8 without control characters: they go into tables, messages and logs. */
// SPDX-License-Identifier: Apache-2.0
#include "net/net_private.h"
#include <string.h>

/* ---- parameters ------------------------------------------------------------------------------------------------------------ */

/* The inside of a quoted string from its opening quote on; moves *at behind it. */
static struct jb_str take_quoted(struct jb_str value, size_t *at)
{
    size_t from = *at + 1, i = from;
    while (i < value.size && value.data[i] != '"')
        i += value.data[i] == '\\' && i + 1 < value.size ? 2 : 1;
    *at = JB_MIN(i + 1, value.size);
    return jb_str_slice(value, from, i);
}

/* Only \" and \\ are escapes: old browsers send C:\a\b.xlsx. */
static struct jb_str unescape(struct jb_scope *scope, struct jb_str text)
{
    char *out = jb_alloc(scope, text.size + 1);
    size_t size = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '\\' && i + 1 < text.size && (text.data[i + 1] == '"' || text.data[i + 1] == '\\'))
            i++;
        out[size++] = text.data[i];
    }
    return (struct jb_str){ out, size };
}

static struct jb_str take_until(struct jb_str value, size_t *at, const char *ends)
{
    size_t from = *at;
    while (*at < value.size && !(value.data[*at] != '\0' && strchr(ends, value.data[*at])))
        ++*at;
    return jb__trim_ows(jb_str_slice(value, from, *at));
}

struct jb_str jb__parameter(struct jb_scope *scope, struct jb_str value, const char *name)
{
    size_t at = jb_str_find_char(value, ';', 0);
    while (at < value.size) {
        at++; /* the semicolon */
        struct jb_str key = take_until(value, &at, "=;");
        if (at == value.size || value.data[at] == ';')
            continue;
        at++; /* the equals sign */
        while (at < value.size && (value.data[at] == ' ' || value.data[at] == '\t'))
            at++;
        bool quoted = at < value.size && value.data[at] == '"';
        struct jb_str text = quoted ? take_quoted(value, &at) : take_until(value, &at, ";");
        if (jb_str_equal_nocase(key, jb_str_of(name)))
            return quoted ? unescape(scope, text) : jb_copy(scope, text);
        take_until(value, &at, ";");
    }
    return JB_STR_NULL;
}

/* RFC 5987: UTF-8'ko'%EC%9E%A5. NULL text when it is of another form or character set. */
static struct jb_str decode_extended(struct jb_scope *scope, struct jb_str text)
{
    size_t first = jb_str_find_char(text, '\'', 0);
    size_t second = first == SIZE_MAX ? SIZE_MAX : jb_str_find_char(text, '\'', first + 1);
    if (second == SIZE_MAX)
        return JB_STR_NULL;
    struct jb_str charset = jb_str_slice(text, 0, first);
    struct jb_str bytes = jb_url_decode(scope, jb_str_slice(text, second + 1, text.size), false);
    if (jb_str_equal_nocase(charset, JB_STR("UTF-8")))
        return bytes;
    if (!jb_str_equal_nocase(charset, JB_STR("ISO-8859-1")))
        return JB_STR_NULL;
    char *out = jb_alloc(scope, bytes.size * 2 + 1);
    size_t size = 0;
    for (size_t i = 0; i < bytes.size; i++)
        size += jb_utf8_put((unsigned char)bytes.data[i], out + size);
    return (struct jb_str){ out, size };
}

static bool is_clean(struct jb_str text)
{
    if (!jb_utf8_valid(text))
        return false;
    for (size_t i = 0; i < text.size; i++)
        if ((unsigned char)text.data[i] < 0x20 || text.data[i] == 0x7f || (unsigned char)text.data[i] == 0xc2) /* U+0080-009F begin with C2 */
            return false;
    return true;
}

/* Valid UTF-8 without control characters. */
static struct jb_str clean(struct jb_scope *scope, struct jb_str text)
{
    if (!text.data || is_clean(text))
        return text;
    char *out = jb_alloc(scope, text.size * 3 + 1);
    size_t size = 0;
    for (size_t at = 0; at < text.size;) {
        uint32_t code = jb_utf8_next(text, &at);
        if (code >= 0x20 && (code < 0x7f || code > 0x9f))
            size += jb_utf8_put(code, out + size);
    }
    return (struct jb_str){ out, size };
}

static struct jb_str last_path_part(struct jb_str name)
{
    size_t from = name.size;
    while (from > 0 && name.data[from - 1] != '/' && name.data[from - 1] != '\\')
        from--;
    return name.data ? jb_str_slice(name, from, name.size) : name;
}

/* ---- lines -------------------------------------------------------------------------------------------------------------------- */

static void read_disposition(struct jb_scope *scope, struct jb_str value, struct jb_multipart_part *part)
{
    struct jb_str type = jb__trim_ows(jb_str_slice(value, 0, jb_str_find_char(value, ';', 0)));
    if (!jb_str_equal_nocase(type, JB_STR("form-data")))
        return;
    part->name = clean(scope, jb__parameter(scope, value, "name"));
    struct jb_str extended = jb__parameter(scope, value, "filename*");
    struct jb_str filename = extended.data ? decode_extended(scope, extended) : JB_STR_NULL;
    if (!filename.data)
        filename = jb__parameter(scope, value, "filename");
    part->filename = last_path_part(clean(scope, filename));
}

static bool read_header(struct jb_scope *scope, struct jb_str name, struct jb_str value, struct jb__part *part)
{
    if (jb_str_equal_nocase(name, JB_STR("Content-Disposition")))
        read_disposition(scope, value, &part->part);
    if (jb_str_equal_nocase(name, JB_STR("Content-Type")) && value.size > 0)
        part->part.content_type = jb_copy(scope, value);
    if (!jb_str_equal_nocase(name, JB_STR("Content-Transfer-Encoding")))
        return true;
    part->base64 = jb_str_equal_nocase(value, JB_STR("base64"));
    if (!part->base64 && !jb_str_equal_nocase(value, JB_STR("binary")) && !jb_str_equal_nocase(value, JB_STR("8bit")) && !jb_str_equal_nocase(value, JB_STR("7bit")))
        return jb_fail(scope, JB_INVALID, JB_L(scope, "보낸 양식의 Content-Transfer-Encoding \"%.*s\"은(는) 읽을 수 없습니다. binary나 base64로 보내 주십시오.", "The form's Content-Transfer-Encoding \"%.*s\" cannot be read; send binary or base64."), JB_FMT(value));
    return true;
}

/* Folded lines (MIME allows them) become one, in place. */
static void unfold(char *head, size_t size)
{
    for (size_t i = 2; i < size; i++)
        if (head[i - 2] == '\r' && head[i - 1] == '\n' && (head[i] == ' ' || head[i] == '\t'))
            head[i - 2] = head[i - 1] = ' ';
}

bool jb__part_parse(struct jb_scope *scope, char *bytes, size_t size, struct jb__part *ret_part)
{
    struct jb_str head = { bytes, size };
    unfold(bytes, size);
    struct jb__part part = { { JB_STR_NULL, JB_STR_NULL, JB_STR_NULL }, false };
    while (head.size > 0) {
        size_t end = jb_str_find(head, JB_STR("\r\n"), 0);
        struct jb_str line = jb_str_slice(head, 0, end);
        head = jb_str_slice(head, JB_MIN(end, head.size - 2) + 2, head.size);
        size_t colon = jb_str_find_char(line, ':', 0);
        struct jb_str value = colon == SIZE_MAX ? JB_STR_NULL : jb__trim_ows(jb_str_slice(line, colon + 1, line.size));
        if (colon == SIZE_MAX || !jb__is_token(jb_str_slice(line, 0, colon)) || !jb__is_field_value(value))
            return jb_fail(scope, JB_INVALID, JB_L(scope, "보낸 양식의 머리글 줄이 올바르지 않습니다(multipart).", "A header line of the form is malformed (multipart)."));
        if (!read_header(scope, jb_str_slice(line, 0, colon), value, &part))
            return false;
    }
    *ret_part = part;
    return true;
}
