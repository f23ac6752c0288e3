/* multipart.c — multipart/form-data (RFC 7578, 2046 5.1) as it streams by: a pull parser over one fixed buffer.
 *
 * A delimiter is CRLF, two hyphens and the boundary. The buffer begins with a CRLF of our own, so that the first delimiter looks like all others. A search (memmem)
 * tells how many bytes from `start` on are certainly content; only what could be the beginning of a delimiter is kept for the next fill. No part is ever collected. */
// SPDX-License-Identifier: Apache-2.0
#include "net/net_private.h"
#include <string.h>

#define BOUNDARY_BYTES_MAX 70
#define PADDING_BYTES_MAX 64 /* blanks behind a boundary */
#define BUFFER_BYTES ((size_t)64 << 10)
#define HEAD_BYTES ((size_t)16 << 10)
#define HEADS_BYTES_MAX ((size_t)1 << 20) /* of all parts: names stay in the scope */
#define PARTS 1000

enum place {
    BEFORE_FIRST,
    IN_PART,
    AT_DELIMITER,
    AFTER_LAST,
};

struct jb_multipart {
    struct jb_scope *scope;
    jb_read *read;
    void *arg;
    char *buffer;
    size_t capacity, start, end; /* unread bytes: [start, end) */
    size_t safe;                 /* bytes at start that are certainly content (or preamble) */
    bool ended;                  /* the source has */
    enum place place;
    char delimiter[4 + BOUNDARY_BYTES_MAX]; /* \r\n--boundary */
    size_t delimiter_bytes;
    int parts, parts_max;
    size_t head_bytes_max, heads_bytes;
    bool base64;
    unsigned bits, bit_count; /* of base64 not yet given out */
    bool padded;
};

static bool fail_truncated(struct jb_multipart *multipart)
{
    return jb_fail(multipart->scope, JB_INVALID, JB_L(multipart->scope, "보낸 내용이 중간에 끊겼습니다(truncated). 다시 보내 주십시오.", "The form is truncated: its closing boundary never came. Please send it again."));
}

struct jb_multipart *jb_multipart_open(struct jb_scope *scope, struct jb_str content_type, const struct jb_multipart_limits *limits, jb_read *read, void *arg)
{
    struct jb_str type = jb__trim_ows(jb_str_slice(content_type, 0, jb_str_find_char(content_type, ';', 0)));
    struct jb_str boundary = jb__parameter(scope, content_type, "boundary");
    if (!jb_str_equal_nocase(type, JB_STR("multipart/form-data")) || boundary.size < 1 || boundary.size > BOUNDARY_BYTES_MAX || !jb__is_field_value(boundary)) {
        jb_fail(scope, JB_INVALID, JB_L(scope, "multipart/form-data로, 1~70자의 boundary와 함께 보내야 합니다.", "Send multipart/form-data with a boundary of 1 to 70 characters."));
        return NULL;
    }
    struct jb_multipart *multipart = JB_NEW(scope, struct jb_multipart);
    multipart->scope = scope;
    multipart->read = read;
    multipart->arg = arg;
    multipart->parts_max = limits && limits->parts ? limits->parts : PARTS;
    multipart->head_bytes_max = limits && limits->head_bytes ? limits->head_bytes : HEAD_BYTES;
    memcpy(multipart->delimiter, "\r\n--", 4);
    memcpy(multipart->delimiter + 4, boundary.data, boundary.size);
    multipart->delimiter_bytes = 4 + boundary.size;
    multipart->capacity = multipart->head_bytes_max + 256;
#ifndef JB_HOSTILE
    multipart->capacity = JB_MAX(multipart->capacity, BUFFER_BYTES);
#endif
    multipart->buffer = jb_arena_alloc_raw(jb_scope_arena(scope), multipart->capacity);
    memcpy(multipart->buffer, "\r\n", 2);
    multipart->end = 2;
    return multipart;
}

/* Reads some more behind `end`, making room first; at the end of the source sets `ended`. The caller leaves less than the capacity unread. */
static bool fill(struct jb_multipart *multipart)
{
    size_t got;
    if (multipart->start > 0) {
        memmove(multipart->buffer, multipart->buffer + multipart->start, multipart->end - multipart->start);
        multipart->end -= multipart->start;
        multipart->start = 0;
    }
    JB_CHECK(multipart->end < multipart->capacity);
    size_t room = multipart->capacity - multipart->end;
#ifdef JB_HOSTILE
    room = JB_MIN(room, (size_t)13);
#endif
    if (!multipart->read(multipart->arg, multipart->scope, multipart->buffer + multipart->end, room, &got))
        return false;
    multipart->end += got;
    multipart->ended = got == 0;
    return true;
}

/* What stands behind a delimiter that begins at `at`. */
enum tail {
    TAIL_MORE,
    TAIL_NONE,
    TAIL_NEXT,
    TAIL_LAST,
};

static enum tail tail_at(const struct jb_multipart *multipart, const char *at, const char **ret_behind)
{
    const char *end = multipart->buffer + multipart->end;
    const char *c = at + multipart->delimiter_bytes;
    if (c < end && *c == '-') {
        *ret_behind = c + 2;
        if (c + 1 == end)
            return TAIL_MORE;
        return c[1] == '-' ? TAIL_LAST : TAIL_NONE;
    }
    for (int padding = 0; c < end && (*c == ' ' || *c == '\t') && padding < PADDING_BYTES_MAX; padding++)
        c++;
    if (c + 1 >= end)
        return c == end || *c == '\r' ? TAIL_MORE : TAIL_NONE;
    *ret_behind = c; /* the CRLF stays: the head begins with it */
    return c[0] == '\r' && c[1] == '\n' ? TAIL_NEXT : TAIL_NONE;
}

/* Finds out how many bytes from start on are content, reading until it is at least one or a delimiter stands at start (place AT_DELIMITER or AFTER_LAST). */
static bool look(struct jb_multipart *multipart)
{
    while (multipart->safe == 0 && (multipart->place == IN_PART || multipart->place == BEFORE_FIRST)) {
        const char *begin = multipart->buffer + multipart->start, *end = multipart->buffer + multipart->end, *behind = NULL;
        const char *found = memmem(begin, (size_t)(end - begin), multipart->delimiter, multipart->delimiter_bytes);
        enum tail tail = found ? tail_at(multipart, found, &behind) : TAIL_NONE;

        if (found > begin) {
            multipart->safe = (size_t)(found - begin);
        } else if (tail == TAIL_NEXT || tail == TAIL_LAST) {
            multipart->place = tail == TAIL_NEXT ? AT_DELIMITER : AFTER_LAST;
            multipart->start += (size_t)(behind - begin);
        } else if (found && tail == TAIL_NONE) {
            multipart->safe = multipart->delimiter_bytes; /* it only looked like one */
        } else if (!found && (size_t)(end - begin) >= multipart->delimiter_bytes) {
            multipart->safe = (size_t)(end - begin) - (multipart->delimiter_bytes - 1);
        } else if (multipart->ended) {
            return fail_truncated(multipart);
        } else if (!fill(multipart)) {
            return false;
        }
    }
    return true;
}

/* The head stands at start, beginning with the CRLF of the delimiter's line; leaves start at the content. */
static bool read_head(struct jb_multipart *multipart, struct jb__part *ret_part)
{
    char *blank;
    while (!(blank = memmem(multipart->buffer + multipart->start, multipart->end - multipart->start, "\r\n\r\n", 4))) {
        if (multipart->end - multipart->start >= 2 + multipart->head_bytes_max + 4) /* the longest head that may be, with its line ends */
            break;
        if (multipart->ended)
            return fail_truncated(multipart);
        if (!fill(multipart))
            return false;
    }
    char *head = multipart->buffer + multipart->start + 2;
    if (!blank || blank > head + multipart->head_bytes_max)
        return jb_fail(multipart->scope, JB_LIMIT, JB_L(multipart->scope, "보낸 양식의 항목 머리글이 %zu바이트를 넘습니다.", "The head of a part of the form is longer than %zu bytes."), multipart->head_bytes_max);
    size_t size = blank > head ? (size_t)(blank + 2 - head) : 0;
    multipart->heads_bytes += size;
    if (multipart->heads_bytes > HEADS_BYTES_MAX)
        return jb_fail(multipart->scope, JB_LIMIT, JB_L(multipart->scope, "보낸 양식의 항목 머리글이 모두 합해 너무 깁니다.", "The heads of the form's parts are too long in all."));
    if (!jb__part_parse(multipart->scope, head, size, ret_part))
        return false;

    /* A part without any content may end with the very CRLF that ended its head (RFC 2046: body-part). */
    multipart->start = (size_t)(blank + 2 - multipart->buffer);
    multipart->place = IN_PART;
    multipart->safe = 0;
    if (!look(multipart))
        return false;
    if (multipart->place == IN_PART) {
        multipart->start += 2;
        multipart->safe -= JB_MIN(multipart->safe, (size_t)2);
    }
    return true;
}

bool jb_multipart_next(struct jb_multipart *multipart, struct jb_multipart_part *ret_part)
{
    struct jb__part part;
    while (multipart->place == BEFORE_FIRST || multipart->place == IN_PART) {
        multipart->start += multipart->safe;
        multipart->safe = 0;
        if (!look(multipart))
            return false;
    }
    if (multipart->place == AFTER_LAST)
        return false;
    if (multipart->parts++ == multipart->parts_max)
        return jb_fail(multipart->scope, JB_LIMIT, JB_L(multipart->scope, "보낸 양식의 항목이 %d개를 넘습니다.", "The form has more than %d parts."), multipart->parts_max);
    if (!read_head(multipart, &part))
        return false;
    multipart->base64 = part.base64;
    multipart->bits = multipart->bit_count = 0;
    multipart->padded = false;
    *ret_part = part.part;
    return true;
}

/* ---- content --------------------------------------------------------------------------------------------------------------- */

static int base64_of(unsigned char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+')
        return 62;
    return c == '/' ? 63 : -1;
}

/* Decodes safe bytes into at most `size`; blanks and line ends are skipped. */
static bool decode_base64(struct jb_multipart *multipart, unsigned char *to, size_t size, size_t *ret_got)
{
    size_t got = 0;
    while (multipart->safe > 0 && got < size) {
        unsigned char c = (unsigned char)multipart->buffer[multipart->start];
        int value = base64_of(c);
        bool blank = c == '=' || c == ' ' || c == '\t' || c == '\r' || c == '\n';
        if (!blank && (value < 0 || multipart->padded)) {
            if (got > 0)
                break; /* what came before it is content; the next call fails */
            return jb_fail(multipart->scope, JB_INVALID, JB_L(multipart->scope, "보낸 양식의 base64 내용이 올바르지 않습니다.", "The base64 content of the form is malformed."));
        }
        multipart->start++;
        multipart->safe--;
        multipart->padded |= c == '=';
        if (blank)
            continue;
        multipart->bits = (multipart->bits << 6 | (unsigned)value) & 0xffffff;
        multipart->bit_count += 6;
        if (multipart->bit_count >= 8) {
            multipart->bit_count -= 8;
            to[got++] = (unsigned char)(multipart->bits >> multipart->bit_count);
        }
    }
    *ret_got = got;
    return true;
}

bool jb_multipart_read(struct jb_multipart *multipart, void *bytes, size_t size, size_t *ret_got)
{
    size_t got = 0;
    JB_CHECK(size > 0);
    while (got == 0) {
        if (!look(multipart))
            return false;
        if (multipart->place != IN_PART)
            break;
        if (multipart->base64) {
            if (!decode_base64(multipart, bytes, size, &got))
                return false;
            continue;
        }
        got = JB_MIN(size, multipart->safe);
        memcpy(bytes, multipart->buffer + multipart->start, got);
        multipart->start += got;
        multipart->safe -= got;
    }
    *ret_got = got;
    return true;
}
