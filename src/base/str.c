/* str.c — slices, UTF-8, SipHash and the growing buffer. */
// SPDX-License-Identifier: Apache-2.0
#include "base/str.h"
#include "base/base_private.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

struct jb_str jb_str_of(const char *z)
{
    return z ? (struct jb_str){ z, strlen(z) } : JB_STR_NULL;
}

bool jb_str_equal(struct jb_str a, struct jb_str b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

bool jb_str_is(struct jb_str a, const char *z)
{
    return jb_str_equal(a, jb_str_of(z));
}

static unsigned char lower(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
}

bool jb_str_equal_nocase(struct jb_str a, struct jb_str b)
{
    if (a.size != b.size)
        return false;
    for (size_t i = 0; i < a.size; i++)
        if (lower(a.data[i]) != lower(b.data[i]))
            return false;
    return true;
}

int jb_str_compare(struct jb_str a, struct jb_str b)
{
    size_t size = JB_MIN(a.size, b.size);
    int order = size ? memcmp(a.data, b.data, size) : 0;
    return order ? order : (a.size > b.size) - (a.size < b.size);
}

bool jb_str_starts(struct jb_str text, struct jb_str prefix)
{
    return text.size >= prefix.size && jb_str_equal((struct jb_str){ text.data, prefix.size }, prefix);
}

bool jb_str_ends(struct jb_str text, struct jb_str suffix)
{
    return text.size >= suffix.size && jb_str_equal(jb_str_slice(text, text.size - suffix.size, text.size), suffix);
}

size_t jb_str_find(struct jb_str text, struct jb_str what, size_t from)
{
    if (from > text.size)
        return SIZE_MAX;
    if (what.size == 0)
        return from;
    if (text.size - from < what.size)
        return SIZE_MAX;
    const char *at = memmem(text.data + from, text.size - from, what.data, what.size);
    return at ? (size_t)(at - text.data) : SIZE_MAX;
}

size_t jb_str_find_char(struct jb_str text, char what, size_t from)
{
    if (from >= text.size)
        return SIZE_MAX;
    const char *at = memchr(text.data + from, what, text.size - from);
    return at ? (size_t)(at - text.data) : SIZE_MAX;
}

struct jb_str jb_str_slice(struct jb_str text, size_t from, size_t to)
{
    if (!text.data)
        return text;
    to = JB_MIN(to, text.size);
    from = JB_MIN(from, to);
    return (struct jb_str){ text.data + from, to - from };
}

static bool blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

struct jb_str jb_str_trim(struct jb_str text)
{
    while (text.size && blank(text.data[text.size - 1]))
        text.size--;
    while (text.size && blank(text.data[0])) {
        text.data++;
        text.size--;
    }
    return text;
}

struct jb_str jb_str_trim_unicode(struct jb_str text)
{
    static const struct jb_str blanks[] = {
        { "\xC2\xA0", 2 },     /* U+00A0 no-break space */
        { "\xE3\x80\x80", 3 }, /* U+3000 ideographic space */
        { "\xEF\xBB\xBF", 3 }, /* U+FEFF byte order mark */
        { "\xE2\x80\x8B", 3 }, /* U+200B zero-width space */
    };
    bool again = true;

    while (again) {
        again = false;
        text = jb_str_trim(text);
        for (size_t i = 0; i < JB_COUNT(blanks); i++) {
            if (text.size && jb_str_starts(text, blanks[i])) {
                text = jb_str_slice(text, blanks[i].size, text.size);
                again = true;
            }
            if (text.size && jb_str_ends(text, blanks[i])) {
                text.size -= blanks[i].size;
                again = true;
            }
        }
    }
    return text;
}

struct jb_str jb_str_cut(struct jb_str *rest, char separator)
{
    struct jb_str all = *rest;
    size_t at = jb_str_find_char(all, separator, 0);

    if (at == SIZE_MAX) {
        *rest = JB_STR_NULL;
        return all;
    }
    *rest = jb_str_slice(all, at + 1, all.size);
    return jb_str_slice(all, 0, at);
}

bool jb_str_to_int64(struct jb_str text, int64_t *ret_number)
{
    bool minus = text.size && text.data[0] == '-';
    size_t at = minus || (text.size && text.data[0] == '+');
    int64_t number = 0; /* counted downwards, because INT64_MIN has no positive twin */

    if (at == text.size)
        return false;
    for (; at < text.size; at++) {
        char c = text.data[at];
        if (c < '0' || c > '9' || __builtin_mul_overflow(number, 10, &number) || __builtin_sub_overflow(number, c - '0', &number))
            return false;
    }
    if (!minus && number == INT64_MIN)
        return false;
    *ret_number = minus ? number : -number;
    return true;
}

/* ---- UTF-8 ------------------------------------------------------------------------------------------------------ */

/* Bytes of the code point at `s`, 0 when it is not valid. */
static size_t decode(const unsigned char *s, size_t size, uint32_t *ret_code)
{
    static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    size_t length = s[0] < 0x80 ? 1 : s[0] >= 0xC2 && s[0] < 0xE0 ? 2
                                  : s[0] >= 0xE0 && s[0] < 0xF0   ? 3
                                  : s[0] >= 0xF0 && s[0] < 0xF5   ? 4
                                                                  : 0;
    uint32_t code;

    if (length == 0 || length > size)
        return 0;
    code = length == 1 ? s[0] : s[0] & (0xFFu >> (length + 1));
    for (size_t i = 1; i < length; i++) {
        if ((s[i] & 0xC0) != 0x80)
            return 0;
        code = code << 6 | (s[i] & 0x3F);
    }
    if (code < least[length] || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000))
        return 0;
    *ret_code = code;
    return length;
}

bool jb_utf8_valid(struct jb_str text)
{
    const unsigned char *s = (const unsigned char *)text.data;
    uint32_t code;

    for (size_t at = 0; at < text.size;) {
        uint64_t eight;
        while (text.size - at >= 8 && (memcpy(&eight, s + at, 8), (eight & UINT64_C(0x8080808080808080)) == 0))
            at += 8; /* ASCII, eight at a time */
        if (at == text.size)
            break;
        size_t length = decode(s + at, text.size - at, &code);
        if (length == 0)
            return false;
        at += length;
    }
    return true;
}

size_t jb_utf8_count(struct jb_str text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.size; i++)
        count += ((unsigned char)text.data[i] & 0xC0) != 0x80;
    return count;
}

uint32_t jb_utf8_next(struct jb_str text, size_t *at)
{
    uint32_t code = 0xFFFD;
    JB_CHECK(*at < text.size);
    size_t length = decode((const unsigned char *)text.data + *at, text.size - *at, &code);
    *at += length ? length : 1;
    return code;
}

size_t jb_utf8_put(uint32_t code, char out[4])
{
    if (code > 0x10FFFF || (code >= 0xD800 && code < 0xE000))
        code = 0xFFFD;
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    size_t length = code < 0x800 ? 2 : code < 0x10000 ? 3
                                                      : 4;
    for (size_t i = length - 1; i > 0; i--, code >>= 6)
        out[i] = (char)(0x80 | (code & 0x3F));
    out[0] = (char)((0xF00u >> length & 0xF0) | code);
    return length;
}

struct jb_str jb_utf8_first(struct jb_str text, size_t count)
{
    size_t at = 0;
    while (count-- && at < text.size)
        jb_utf8_next(text, &at);
    return jb_str_slice(text, 0, at);
}

/* ---- SipHash-2-4 (Aumasson and Bernstein, 2012) ------------------------------------------------------------------- */

static uint64_t hash_key[2];

/* Before main and before other constructors, so that a table filled by a constructor is not lost. */
__attribute__((constructor(101))) static void hash_key_make(void)
{
    JB_CHECK(getrandom(hash_key, sizeof hash_key, 0) == sizeof hash_key);
}

static inline uint64_t rotate(uint64_t x, int bits)
{
    return x << bits | x >> (64 - bits);
}

static inline void sip_rounds(uint64_t v[4], int count)
{
    while (count--) {
        v[0] += v[1], v[1] = rotate(v[1], 13) ^ v[0], v[0] = rotate(v[0], 32);
        v[2] += v[3], v[3] = rotate(v[3], 16) ^ v[2];
        v[0] += v[3], v[3] = rotate(v[3], 21) ^ v[0];
        v[2] += v[1], v[1] = rotate(v[1], 17) ^ v[2], v[2] = rotate(v[2], 32);
    }
}

uint64_t jb__siphash(const uint64_t key[2], struct jb_str text)
{
    uint64_t v[4] = { key[0] ^ UINT64_C(0x736f6d6570736575), key[1] ^ UINT64_C(0x646f72616e646f6d),
        key[0] ^ UINT64_C(0x6c7967656e657261), key[1] ^ UINT64_C(0x7465646279746573) };
    size_t at = 0;

    for (; text.size - at >= 8; at += 8) {
        uint64_t word;
        memcpy(&word, text.data + at, 8);
        v[3] ^= word;
        sip_rounds(v, 2);
        v[0] ^= word;
    }
    uint64_t last = (uint64_t)text.size << 56;
    for (size_t i = at; i < text.size; i++)
        last |= (uint64_t)(unsigned char)text.data[i] << (8 * (i - at));
    v[3] ^= last;
    sip_rounds(v, 2);
    v[0] ^= last;
    v[2] ^= 0xFF;
    sip_rounds(v, 4);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t jb_str_hash(struct jb_str text)
{
    return jb__siphash(hash_key, text);
}

uint64_t jb_str_digest(uint64_t digest, struct jb_str text)
{
    for (size_t i = 0; i < text.size; i++)
        digest = (digest ^ (unsigned char)text.data[i]) * 0x100000001b3u;
    return digest;
}

/* ---- growing buffer ------------------------------------------------------------------------------------------------ */

void jb_buf_init(struct jb_buf *buf, size_t bytes_max)
{
    JB_CHECK(bytes_max > 0);
    *buf = JB_BUF_INIT(bytes_max);
}

void jb_buf_done(struct jb_buf *buf)
{
    free(buf->data);
    *buf = JB_BUF_INIT(buf->max);
}

void jb_buf_clear(struct jb_buf *buf)
{
    buf->size = 0;
    buf->full = false;
}

bool jb_buf_reserve(struct jb_buf *buf, size_t size)
{
    JB_CHECK(buf->size <= buf->capacity);
    if (buf->full || size > buf->max || buf->size > buf->max - size) {
        buf->full = true;
        return false;
    }
    if (size <= buf->capacity - buf->size)
        return true;
    size_t wanted = buf->size + size;
#ifdef JB_HOSTILE
    wanted += buf->size < 4096 ? 0 : buf->size / 8; /* no room to spare while that is affordable */
#else
    wanted = JB_MAX(wanted, JB_MAX(buf->capacity * 2, (size_t)64));
#endif
    wanted = JB_MIN(wanted, buf->max);
    char *data = realloc(buf->data, wanted);
    JB_CHECK(data);
    buf->data = data;
    buf->capacity = wanted;
    return true;
}

void jb_buf_put_bytes(struct jb_buf *buf, const void *bytes, size_t size)
{
    if (size == 0 || !jb_buf_reserve(buf, size))
        return;
    memcpy(buf->data + buf->size, bytes, size);
    buf->size += size;
}

void jb_buf_put(struct jb_buf *buf, struct jb_str text)
{
    jb_buf_put_bytes(buf, text.data, text.size);
}

void jb_buf_put_z(struct jb_buf *buf, const char *z)
{
    jb_buf_put_bytes(buf, z, strlen(z));
}

void jb_buf_put_char(struct jb_buf *buf, char c)
{
    jb_buf_put_bytes(buf, &c, 1);
}

void jb_buf_vprintf(struct jb_buf *buf, const char *format, va_list args)
{
    char small[256]; /* vsnprintf wants room for a NUL that the buffer's maximum may not have */
    va_list again;

    va_copy(again, args);
    int size = vsnprintf(small, sizeof small, format, args);
    JB_CHECK(size >= 0);
    if ((size_t)size < sizeof small) {
        jb_buf_put_bytes(buf, small, (size_t)size);
    } else if (buf->full || (size_t)size > buf->max || buf->size > buf->max - (size_t)size) {
        buf->full = true;
    } else {
        char *large = malloc((size_t)size + 1);
        JB_CHECK(large);
        vsnprintf(large, (size_t)size + 1, format, again);
        jb_buf_put_bytes(buf, large, (size_t)size);
        free(large);
    }
    va_end(again);
}

void jb_buf_printf(struct jb_buf *buf, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    jb_buf_vprintf(buf, format, args);
    va_end(args);
}

void jb_buf_drop(struct jb_buf *buf, size_t size)
{
    JB_CHECK(size <= buf->size);
    if (size == 0)
        return;
    memmove(buf->data, buf->data + size, buf->size - size);
    buf->size -= size;
}
