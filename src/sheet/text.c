/* text.c — a file of text as UTF-8, whatever encoding it has.
 *
 * Which encoding is told by the file's mark, by the caller, or by looking: UTF-8 when all of the file is that, otherwise CP949, which Korean Windows wrote. */
// SPDX-License-Identifier: Apache-2.0
#include "sheet/sheet_private.h"
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define INPUT_BYTES (JB__TEXT_ROOM / 3) /* two bytes become at most three */

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

static const char *detect(struct jb__text *text, const struct jb_sheet *sheet, const char *head, size_t size, size_t *ret_mark)
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
    text->checked = all_utf8(sheet);
    return text->checked ? "utf-8" : "cp949";
}

/* ---- bytes to UTF-8 -------------------------------------------------------------------------------------------------------- */

bool jb__text_open(struct jb__text *text, struct jb_sheet *sheet, struct jb_scope *scope)
{
    char head[1024];
    ssize_t size = pread(sheet->fd, head, sizeof head, 0);
    const char *encoding = detect(text, sheet, head, size > 0 ? (size_t)size : 0, &text->mark);
    sheet->encoding = jb_str_of(encoding);
    text->fd = sheet->fd;
    text->offset = (int64_t)text->mark;
    if (strcmp(encoding, "utf-8") == 0)
        return true;
    iconv_t decoder = iconv_open("UTF-8", encoding);
    if (decoder == (iconv_t)-1)
        return jb_fail(scope, JB_INVALID, JB_L(scope, "모르는 글자 부호입니다: %s. utf-8, cp949, utf-16le 가운데 하나를 쓰세요.", "Unknown encoding: %s. Use utf-8, cp949 or utf-16le."), encoding);
    text->decoder = decoder;
    text->checked = true;
    text->input = malloc(INPUT_BYTES);
    JB_CHECK(text->input);
    return true;
}

void jb__text_close(struct jb__text *text)
{
    if (text->input)
        iconv_close(text->decoder);
    free(text->input);
}

void jb__text_rewind(struct jb__text *text)
{
    text->offset = (int64_t)text->mark;
    text->input_size = 0;
    text->ended = text->undecodable = false;
    if (text->input)
        iconv(text->decoder, NULL, NULL, NULL, NULL);
}

static ssize_t read_file(struct jb__text *text, char *out, size_t size)
{
    ssize_t n = pread(text->fd, out, size, text->offset);
    if (n > 0)
        text->offset += n;
    text->ended |= n == 0;
    return n;
}

/* Decodes what is in `input`; a character cut by the input stays for the next time. */
static size_t decode(struct jb__text *text, char *out, size_t room)
{
    char *in = text->input;
    size_t in_left = text->input_size, out_left = room;
    errno = 0;
    if (iconv(text->decoder, &in, &in_left, &out, &out_left) == (size_t)-1 && errno == EILSEQ)
        text->undecodable = true;
    if (in_left && text->ended && errno == EINVAL)
        text->undecodable = true;
    memmove(text->input, in, in_left);
    text->input_size = in_left;
    return room - out_left;
}

ssize_t jb__text_read(struct jb__text *text, char *out, size_t room)
{
    size_t got = 0;
    JB_CHECK(room >= JB__TEXT_ROOM);
    while (got == 0 && !text->ended && !text->undecodable) {
        ssize_t n = text->input ? read_file(text, text->input + text->input_size, INPUT_BYTES - text->input_size) : read_file(text, out, INPUT_BYTES);
        if (n < 0)
            return n;
        text->input_size += text->input ? (size_t)n : 0;
        got = text->input ? decode(text, out, room) : (size_t)n;
    }
    return (ssize_t)got;
}

bool jb__text_fail(const struct jb_sheet *sheet, struct jb_scope *scope, int64_t row)
{
    return jb_fail(scope, JB_INVALID, JB_L(scope, "%lld행: 글자 부호가 %.*s이(가) 아닙니다. UTF-8로 저장하거나 부호를 지정하세요.", "Row %lld: the text is not %.*s. Save it as UTF-8 or name its encoding."), (long long)row, JB_FMT(sheet->encoding));
}

/* As the standard composes it. */
size_t jb__compose_hangul(char *text, size_t size)
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
