/* xml.c — a pull scanner for the two big parts of a workbook.
 *
 * Tokens are slices of the feed's window; the zero byte behind the window ends every inner loop, so there is no bounds check per byte. A mark-up that is
 * cut by the window is scanned again after the next block. Knows as much XML as workbooks have: elements, attributes, text, CDATA, the five entities and
 * character references; comments and instructions are passed over. A document type is refused: entities that a file defines are how bombs are made. */
// SPDX-License-Identifier: Apache-2.0
#include "sheet/sheet_private.h"
#include <string.h>

#define ENTITY_BYTES_MAX 16

void jb__xml_init(struct jb__xml *xml, const struct jb__zip *zip, const struct jb__zip_entry *entry, int64_t bytes_max, int ratio_max)
{
    memset(xml, 0, sizeof *xml);
    xml->part = entry->name;
    jb__feed_init(&xml->feed, jb__part_new(zip, entry, bytes_max, ratio_max), entry->packed);
}

void jb__xml_done(struct jb__xml *xml)
{
    jb__feed_done(&xml->feed);
}

bool jb__xml_broken(struct jb__xml *xml, struct jb_scope *scope, const char *what)
{
    return jb_fail(scope, JB_INVALID, JB_L(scope, "통합 문서가 손상되었습니다. %.*s: %s. 엑셀에서 열어 다시 저장하세요.", "The workbook is damaged. %.*s: %s. Open it in Excel and save it again."), JB_FMT(xml->part), what);
}

static enum jb__xml_token fail(struct jb__xml *xml, struct jb_scope *scope, const char *what)
{
    jb__xml_broken(xml, scope, what);
    return JB__XML_FAIL;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static bool all_space(struct jb_str text)
{
    for (size_t i = 0; i < text.size; i++)
        if (!is_space(text.data[i]))
            return false;
    return true;
}

/* The window cannot grow: the part's end, or a fault. */
static enum jb__xml_token finish(struct jb__xml *xml, struct jb_scope *scope)
{
    enum jb__part_state state = jb__feed_state(&xml->feed);
    if (state > JB__PART_END) {
        jb__part_fail(scope, state, xml->part);
        return JB__XML_FAIL;
    }
    if (xml->feed.full) {
        jb_fail(scope, JB_LIMIT, JB_L(scope, "통합 문서에 너무 긴 태그가 있습니다(%.*s, 64 KiB 초과). 엑셀에서 다시 저장하세요.", "The workbook has a tag that is too long (%.*s, over 64 KiB). Save it again in Excel."), JB_FMT(xml->part));
        return JB__XML_FAIL;
    }
    struct jb_str rest = { xml->feed.at, (size_t)(xml->feed.end - xml->feed.at) };
    if (xml->depth > 0 || !xml->rooted || !all_space(rest))
        return fail(xml, scope, JB_L(scope, "내용이 중간에 끝납니다", "it ends early"));
    return JB__XML_END;
}

/* Enough of a name to notice that a tag closes another one. */
static uint32_t name_mark(const char *name, size_t size)
{
    return (uint32_t)size << 16 | (uint32_t)(unsigned char)name[0] << 8 | (unsigned char)name[size - 1];
}

static struct jb_str without_prefix(const char *name, const char *end)
{
    const char *colon = memchr(name, ':', (size_t)(end - name));
    if (colon)
        name = colon + 1;
    return (struct jb_str){ name, (size_t)(end - name) };
}

/* name="value" at *at; false when it is neither that nor cut by the window (then *at points at the zero byte). */
static bool scan_attribute(struct jb__xml *xml, const char **at)
{
    const char *p = *at, *name = p;
    while (*p && *p != '=' && *p != '>' && !is_space(*p))
        p++;
    const char *name_end = p;
    while (is_space(*p))
        p++;
    if (*p != '=' || name_end == name) {
        *at = p;
        return *p == '\0';
    }
    p++;
    while (is_space(*p))
        p++;
    char quote = *p;
    if (quote != '"' && quote != '\'') {
        *at = p;
        return quote == '\0';
    }
    const char *value = ++p;
    while (*p != quote && *p)
        p++;
    *at = p;
    if (!*p)
        return true;
    *at = p + 1;
    if (xml->count < JB__XML_ATTRIBUTES_MAX) {
        xml->attributes[xml->count].name = (struct jb_str){ name, (size_t)(name_end - name) };
        xml->attributes[xml->count++].value = (struct jb_str){ value, (size_t)(p - value) };
    }
    return true;
}

enum scan {
    SCAN_DONE,
    SCAN_CUT,
    SCAN_WRONG,
};

/* <name a="b" …> or <name …/>; `p` behind the "<". */
static enum scan scan_start(struct jb__xml *xml, const char *p)
{
    const char *name = p;
    while (*p && *p != '>' && *p != '/' && !is_space(*p))
        p++;
    const char *name_end = p;
    xml->count = 0;
    xml->closed = false;
    for (;;) {
        while (is_space(*p))
            p++;
        if (*p == '/') {
            p++;
            xml->closed = true;
            if (*p && *p != '>')
                return SCAN_WRONG;
        }
        if (*p == '>')
            break;
        if (*p && !scan_attribute(xml, &p))
            return SCAN_WRONG;
        if (!*p)
            return p == xml->feed.end ? SCAN_CUT : SCAN_WRONG;
    }
    if (name_end == name || xml->depth >= JB__XML_DEPTH_MAX)
        return SCAN_WRONG;
    xml->name = without_prefix(name, name_end);
    xml->marks[xml->depth++] = name_mark(name, (size_t)(name_end - name));
    xml->rooted = true;
    xml->pending_stop = xml->closed;
    xml->feed.at = p + 1;
    return SCAN_DONE;
}

static enum scan scan_stop(struct jb__xml *xml, const char *p)
{
    const char *name = p;
    while (*p && *p != '>' && !is_space(*p))
        p++;
    const char *name_end = p;
    while (is_space(*p))
        p++;
    if (!*p)
        return p == xml->feed.end ? SCAN_CUT : SCAN_WRONG;
    if (*p != '>' || name_end == name || xml->depth == 0 || xml->marks[xml->depth - 1] != name_mark(name, (size_t)(name_end - name)))
        return SCAN_WRONG;
    xml->depth--;
    xml->name = without_prefix(name, name_end);
    xml->feed.at = p + 1;
    return SCAN_DONE;
}

/* Moves past the next `close`, however far it is. false at the part's end. */
static bool pass(struct jb__xml *xml, struct jb_str close)
{
    struct jb__feed *feed = &xml->feed;
    for (;;) {
        const char *found = memmem(feed->at, (size_t)(feed->end - feed->at), close.data, close.size);
        if (found) {
            feed->at = found + close.size;
            return true;
        }
        size_t left = (size_t)(feed->end - feed->at);
        feed->at = feed->end - JB_MIN(left, close.size - 1);
        if (!jb__feed_next(feed))
            return false;
    }
}

/* The window begins with `text`: 1, does not: 0, is too short to tell: -1. */
static int begins(const struct jb__feed *feed, struct jb_str text)
{
    size_t left = (size_t)(feed->end - feed->at);
    if (memcmp(feed->at, text.data, JB_MIN(left, text.size)) != 0)
        return 0;
    return left >= text.size ? 1 : -1;
}

/* An instruction; the declaration's encoding must be one the feed has undone. */
static enum scan scan_instruction(struct jb__xml *xml, struct jb_scope *scope)
{
    struct jb__feed *feed = &xml->feed;
    struct jb_str window = { feed->at, (size_t)(feed->end - feed->at) };
    size_t end = jb_str_find(window, JB_STR("?>"), 0);
    if (begins(feed, JB_STR("<?xml ")) == 1) {
        if (end == SIZE_MAX)
            return SCAN_CUT;
        struct jb_str declaration = jb_str_slice(window, 0, end);
        size_t at = jb_str_find(declaration, JB_STR("encoding"), 0);
        size_t quote = at == SIZE_MAX ? SIZE_MAX : JB_MIN(jb_str_find_char(declaration, '"', at), jb_str_find_char(declaration, '\'', at));
        if (quote != SIZE_MAX) {
            size_t close = jb_str_find_char(declaration, declaration.data[quote], quote + 1);
            struct jb_str name = jb_str_slice(declaration, quote + 1, JB_MIN(close, declaration.size));
            if (!jb_str_equal_nocase(name, JB_STR("utf-8")) && !jb_str_equal_nocase(name, JB_STR("utf8")) && !jb_str_equal_nocase(name, JB_STR("us-ascii")) && !jb_str_equal_nocase(name, JB_STR("ascii")) &&
                !(feed->wide && jb_str_equal_nocase(jb_str_slice(name, 0, 6), JB_STR("utf-16")))) {
                jb__part_fail(scope, JB__PART_ENCODING, xml->part);
                return SCAN_WRONG;
            }
        }
    }
    return pass(xml, JB_STR("?>")) ? SCAN_DONE : SCAN_CUT;
}

/* Text up to the next mark-up, or what the window has of it: an entity, CR LF is never cut. NULL: nothing yet. */
static const char *text_end(const struct jb__feed *feed)
{
    const char *p = feed->at;
    for (int i = 0; i < 16 && *p && *p != '<'; i++)
        p++;
    if (*p == '<')
        return p;
    p = memchr(p, '<', (size_t)(feed->end - p));
    if (p)
        return p;
    p = feed->end;
    size_t back = (size_t)JB_MIN(p - feed->at, ENTITY_BYTES_MAX);
    const char *ampersand = memrchr(p - back, '&', back);
    if (ampersand && !memchr(ampersand, ';', (size_t)(p - ampersand)))
        p = ampersand;
    else if (p[-1] == '\r')
        p--;
    return p > feed->at ? p : NULL;
}

static enum jb__xml_token take_text(struct jb__xml *xml, const char *end)
{
    xml->text = (struct jb_str){ xml->feed.at, (size_t)(end - xml->feed.at) };
    xml->feed.at = end;
    return JB__XML_TEXT;
}

static bool fail_nul(struct jb__xml *xml, struct jb_scope *scope)
{
    return jb__xml_broken(xml, scope, JB_L(scope, "NUL 글자가 있습니다", "it has a NUL character"));
}

/* The tag at the window's beginning is none; a NUL in it says so itself. */
static enum jb__xml_token fail_tag(struct jb__xml *xml, struct jb_scope *scope)
{
    size_t left = (size_t)(xml->feed.end - xml->feed.at);
    const char *close = memchr(xml->feed.at, '>', left), *nul = memchr(xml->feed.at, '\0', left);
    if (jb_failure(scope))
        return JB__XML_FAIL;
    if (nul && (!close || nul < close))
        fail_nul(xml, scope);
    else
        jb__xml_broken(xml, scope, JB_L(scope, "태그가 올바르지 않습니다", "a tag is not well-formed"));
    return JB__XML_FAIL;
}

/* A piece of CDATA; a TEXT of no bytes ends it. */
static enum jb__xml_token next_cdata(struct jb__xml *xml, struct jb_scope *scope)
{
    struct jb__feed *feed = &xml->feed;
    for (;;) {
        size_t left = (size_t)(feed->end - feed->at);
        const char *close = memmem(feed->at, left, "]]>", 3);
        if (close || left > 2) {
            take_text(xml, close ? close : feed->end - 2);
            if (close) {
                feed->at += 3;
                xml->in_cdata = false;
            }
            return JB__XML_TEXT;
        }
        if (!jb__feed_next(feed))
            return finish(xml, scope) == JB__XML_FAIL ? JB__XML_FAIL : fail(xml, scope, JB_L(scope, "CDATA가 닫히지 않았습니다", "a CDATA section is not closed"));
    }
}

/* <!--, <![CDATA[ or <!DOCTYPE. */
static enum scan scan_declaration(struct jb__xml *xml, struct jb_scope *scope)
{
    int comment = begins(&xml->feed, JB_STR("<!--")), cdata = begins(&xml->feed, JB_STR("<![CDATA["));
    if (comment == 1) {
        xml->feed.at += 4;
        return pass(xml, JB_STR("-->")) ? SCAN_DONE : SCAN_CUT;
    }
    if (cdata == 1 && xml->depth > 0) {
        xml->feed.at += 9;
        xml->in_cdata = true;
        return SCAN_DONE;
    }
    if (comment == -1 || cdata == -1)
        return SCAN_CUT;
    jb__xml_broken(xml, scope, JB_L(scope, "문서 형식 선언(DTD)은 받지 않습니다", "a document type (DTD) is not accepted"));
    return SCAN_WRONG;
}

enum jb__xml_token jb__xml_next(struct jb__xml *xml, struct jb_scope *scope)
{
    struct jb__feed *feed = &xml->feed;
    if (xml->pending_stop) {
        xml->pending_stop = false;
        xml->depth--;
        return JB__XML_STOP;
    }
    for (;;) {
        xml->cdata = xml->in_cdata;
        if (xml->in_cdata)
            return next_cdata(xml, scope);
        enum scan scan = SCAN_CUT;
        if (feed->at < feed->end && *feed->at != '<') {
            const char *end = text_end(feed);
            if (end) {
                take_text(xml, end);
                if (xml->depth > 0)
                    return JB__XML_TEXT;
                if (!all_space(xml->text))
                    return fail(xml, scope, JB_L(scope, "XML이 아닙니다", "it is not XML"));
                continue;
            }
        } else if (feed->at + 1 < feed->end) {
            char c = feed->at[1];
            scan = c == '/' ? scan_stop(xml, feed->at + 2) : c == '!' ? scan_declaration(xml, scope)
                                                         : c == '?'   ? scan_instruction(xml, scope)
                                                                      : scan_start(xml, feed->at + 1);
            if (scan == SCAN_DONE && c != '!' && c != '?')
                return c == '/' ? JB__XML_STOP : JB__XML_START;
        }
        if (scan == SCAN_WRONG)
            return fail_tag(xml, scope);
        if (scan == SCAN_CUT && !jb__feed_next(feed))
            return finish(xml, scope);
    }
}

bool jb__xml_skip(struct jb__xml *xml, struct jb_scope *scope)
{
    int depth = xml->depth;
    for (;;) {
        enum jb__xml_token token = jb__xml_next(xml, scope);
        if (token == JB__XML_FAIL || token == JB__XML_END)
            return false;
        if (token == JB__XML_STOP && xml->depth < depth)
            return true;
    }
}

struct jb_str jb__xml_attribute(const struct jb__xml *xml, const char *name)
{
    for (size_t i = 0; i < xml->count; i++)
        if (jb_str_is(xml->attributes[i].name, name))
            return xml->attributes[i].value;
    return JB_STR_NULL;
}

/* The character of an entity's name (without & and ;), or UINT32_MAX. */
static uint32_t entity(struct jb_str name)
{
    static const struct {
        const char *name;
        char character;
    } known[] = { { "lt", '<' }, { "gt", '>' }, { "amp", '&' }, { "quot", '"' }, { "apos", '\'' } };
    for (size_t i = 0; i < JB_COUNT(known); i++)
        if (jb_str_is(name, known[i].name))
            return (uint32_t)known[i].character;
    if (name.size < 2 || name.data[0] != '#')
        return UINT32_MAX;
    bool hex = name.data[1] == 'x';
    uint32_t code = 0;
    for (size_t i = hex ? 2 : 1; i < name.size; i++) {
        char c = name.data[i];
        uint32_t digit = c >= '0' && c <= '9' ? (uint32_t)(c - '0') : hex && (c | 32) >= 'a' && (c | 32) <= 'f' ? (uint32_t)((c | 32) - 'a' + 10)
                                                                                                                : UINT32_MAX;
        if (digit == UINT32_MAX || code > 0x10ffff)
            return UINT32_MAX;
        code = code * (hex ? 16 : 10) + digit;
    }
    return code == 0 || code > 0x10ffff || (code >= 0xd800 && code < 0xe000) || (hex && name.size == 2) ? UINT32_MAX : code;
}

size_t jb__xml_decode(struct jb_str raw, char *out)
{
    size_t size = 0;
    for (size_t at = 0; at < raw.size;) {
        char c = raw.data[at];
        if (c == '&') {
            size_t close = jb_str_find_char(jb_str_slice(raw, 0, at + ENTITY_BYTES_MAX), ';', at);
            uint32_t code = close == SIZE_MAX ? UINT32_MAX : entity(jb_str_slice(raw, at + 1, close));
            if (code == UINT32_MAX)
                return SIZE_MAX;
            size += jb_utf8_put(code, out + size);
            at = close + 1;
        } else if (c == '\r') {
            out[size++] = '\n';
            at += 1 + (at + 1 < raw.size && raw.data[at + 1] == '\n');
        } else {
            out[size++] = c;
            at++;
        }
    }
    return size;
}

/* _x followed by four hexadecimal digits and _: what the format writes for characters that XML cannot hold. UINT32_MAX when it is not that. */
static uint32_t escaped(struct jb_str text, size_t at)
{
    if (at + 7 > text.size || text.data[at] != '_' || text.data[at + 1] != 'x' || text.data[at + 6] != '_')
        return UINT32_MAX;
    uint32_t code = 0;
    for (size_t i = at + 2; i < at + 6; i++) {
        char c = text.data[i];
        uint32_t digit = c >= '0' && c <= '9' ? (uint32_t)(c - '0') : (c | 32) >= 'a' && (c | 32) <= 'f' ? (uint32_t)((c | 32) - 'a' + 10)
                                                                                                         : UINT32_MAX;
        if (digit == UINT32_MAX)
            return UINT32_MAX;
        code = code << 4 | digit;
    }
    return code ? code : UINT32_MAX;
}

static void unescape(struct jb_buf *buf)
{
    struct jb_str text = jb_buf_str(buf);
    size_t size = 0, at = jb_str_find(text, JB_STR("_x"), 0);
    if (at == SIZE_MAX)
        return;
    for (size = at; at < text.size;) {
        uint32_t code = buf->data[at] == '_' ? escaped(text, at) : UINT32_MAX;
        uint32_t low = code >= 0xd800 && code < 0xdc00 ? escaped(text, at + 7) : 0;
        bool pair = low >= 0xdc00 && low < 0xe000;
        if (code == UINT32_MAX || (code >= 0xd800 && code < 0xe000 && !pair)) {
            buf->data[size++] = buf->data[at++];
            continue;
        }
        char out[4];
        size_t n = jb_utf8_put(pair ? 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00) : code, out);
        memcpy(buf->data + size, out, n);
        size += n;
        at += pair ? 14 : 7;
    }
    buf->size = size;
}

bool jb__xml_append(struct jb__xml *xml, struct jb_scope *scope, struct jb_buf *buf)
{
    struct jb_str raw = xml->text;
    if (raw.size == 0)
        return true;
    if (xml->cdata || (!memchr(raw.data, '&', raw.size) && !memchr(raw.data, '\r', raw.size))) {
        jb_buf_put(buf, raw);
        return true;
    }
    if (!jb_buf_reserve(buf, raw.size))
        return true; /* over the limit: the caller sees `full` */
    size_t size = jb__xml_decode(raw, buf->data + buf->size);
    if (size == SIZE_MAX && jb_str_find(raw, JB_STR("&#"), 0) != SIZE_MAX)
        return jb__xml_broken(xml, scope, JB_L(scope, "유니코드에 없는 글자나 모르는 개체를 가리키는 참조(&…;)가 있습니다", "it has a reference (&…;) to no character of Unicode or to an unknown entity"));
    if (size == SIZE_MAX)
        return jb__xml_broken(xml, scope, JB_L(scope, "알 수 없는 개체 참조(&…;)가 있습니다", "it has an unknown entity (&…;)"));
    buf->size += size;
    return true;
}

bool jb__xml_check(struct jb__xml *xml, struct jb_scope *scope, struct jb_str text)
{
    if (text.size > 0 && memchr(text.data, '\0', text.size))
        return fail_nul(xml, scope);
    if (!jb_utf8_valid(text))
        return jb__xml_broken(xml, scope, JB_L(scope, "UTF-8이 아닌 글자가 있습니다", "it has text that is not UTF-8"));
    return true;
}

bool jb__xml_drain(struct jb__xml *xml, struct jb_scope *scope)
{
    struct jb__feed *feed = &xml->feed;
    do
        feed->at = feed->end;
    while (jb__feed_next(feed));
    enum jb__part_state state = jb__feed_state(feed);
    return state <= JB__PART_END || jb__part_fail(scope, state, xml->part);
}

static bool check_text(struct jb__xml *xml, struct jb_scope *scope, size_t chars_max, struct jb_buf *buf)
{
    if (!buf->full)
        unescape(buf);
    struct jb_str text = jb_buf_str(buf);
    if (text.size > chars_max && jb_utf8_count(text) > chars_max)
        buf->full = true;
    if (buf->full)
        return false;
    return jb__xml_check(xml, scope, text);
}

bool jb__xml_text(struct jb__xml *xml, struct jb_scope *scope, size_t chars_max, struct jb_buf *buf)
{
    int depth = xml->depth, text_depth = jb_str_is(xml->name, "v") ? depth : -1;
    bool item = text_depth < 0;
    jb_buf_clear(buf);
    buf->full = false;
    buf->max = chars_max * 8; /* an escape takes seven bytes */
    for (;;) {
        switch (jb__xml_next(xml, scope)) {
        case JB__XML_START:
            if (item && jb_str_is(xml->name, "rPh")) {
                if (!jb__xml_skip(xml, scope))
                    return false;
            } else if (item && jb_str_is(xml->name, "t")) {
                text_depth = xml->depth;
            }
            break;
        case JB__XML_STOP:
            if (xml->depth < depth)
                return check_text(xml, scope, chars_max, buf);
            if (item && xml->depth < text_depth)
                text_depth = -1;
            break;
        case JB__XML_TEXT:
            if (xml->depth == text_depth && !jb__xml_append(xml, scope, buf))
                return false;
            if (buf->full)
                return check_text(xml, scope, chars_max, buf);
            break;
        default:
            return false;
        }
    }
}
