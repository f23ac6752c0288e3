/* http_chunk.c — the framing of a chunked body (RFC 9112 7.1), one byte at a time so that it may come in any pieces; the data itself is never touched here.
 *
 * Extensions and trailers are checked for form, bounded and forgotten: nobody needs them, and both have been used to hide bytes or to waste time. */
// SPDX-License-Identifier: Apache-2.0
#include "net/net_private.h"

#define LINE_BYTES_MAX 4096       /* of one chunk-size line */
#define EXTENSION_BYTES_MAX 16384 /* of all extensions of a body */
#define TRAILER_BYTES_MAX 8192

enum state {
    SIZE_FIRST,
    SIZE,
    SIZE_BLANK, /* blanks after the size: a semicolon must follow */
    NAME_FIRST,
    NAME,
    NAME_BLANK,
    VALUE_FIRST,
    VALUE,
    QUOTED,
    ESCAPED,
    VALUE_END, /* behind a quoted value */
    VALUE_BLANK,
    SIZE_LF,
    DATA,
    DATA_CR,
    DATA_LF,
    TRAILER_FIRST,
    TRAILER_NAME,
    TRAILER_VALUE,
    TRAILER_LF,
    LAST_LF,
    DONE,
    BAD,
};

void jb__chunk_init(struct jb__chunk *chunk)
{
    *chunk = (struct jb__chunk){ .state = SIZE_FIRST };
}

static int hex_of(unsigned char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool is_blank(unsigned char c)
{
    return c == ' ' || c == '\t';
}

static enum state step_size(struct jb__chunk *chunk, enum state state, unsigned char c)
{
    int digit = hex_of(c);
    if (state != SIZE_BLANK && digit >= 0) {
        if (chunk->left > (INT64_MAX >> 4))
            return BAD;
        chunk->left = chunk->left * 16 + digit;
        return SIZE;
    }
    if (state == SIZE_FIRST)
        return BAD;
    if (c == ';')
        return NAME_FIRST;
    if (is_blank(c))
        return SIZE_BLANK;
    return c == '\r' && state == SIZE ? SIZE_LF : BAD;
}

/* The grammar of extensions, *( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] ), and of trailers; the first edge that fits counts. */
enum {
    BLANK = 1,
    TCHAR = 2,
    TEXT = 3,
}; /* kinds of characters; others stand for themselves */

static const struct edge {
    enum state from;
    char kind;
    enum state to;
} edges[] = {
    { NAME_FIRST, BLANK, NAME_FIRST },
    { NAME_FIRST, TCHAR, NAME },
    { NAME, TCHAR, NAME },
    { NAME, '=', VALUE_FIRST },
    { NAME, ';', NAME_FIRST },
    { NAME, BLANK, NAME_BLANK },
    { NAME, '\r', SIZE_LF },
    { NAME_BLANK, BLANK, NAME_BLANK },
    { NAME_BLANK, '=', VALUE_FIRST },
    { NAME_BLANK, ';', NAME_FIRST },
    { VALUE_FIRST, BLANK, VALUE_FIRST },
    { VALUE_FIRST, '"', QUOTED },
    { VALUE_FIRST, TCHAR, VALUE },
    { VALUE, TCHAR, VALUE },
    { VALUE, ';', NAME_FIRST },
    { VALUE, BLANK, VALUE_BLANK },
    { VALUE, '\r', SIZE_LF },
    { QUOTED, '"', VALUE_END },
    { QUOTED, '\\', ESCAPED },
    { QUOTED, TEXT, QUOTED },
    { ESCAPED, TEXT, QUOTED },
    { VALUE_END, ';', NAME_FIRST },
    { VALUE_END, BLANK, VALUE_BLANK },
    { VALUE_END, '\r', SIZE_LF },
    { VALUE_BLANK, BLANK, VALUE_BLANK },
    { VALUE_BLANK, ';', NAME_FIRST },
    { TRAILER_FIRST, '\r', LAST_LF },
    { TRAILER_FIRST, TCHAR, TRAILER_NAME },
    { TRAILER_NAME, TCHAR, TRAILER_NAME },
    { TRAILER_NAME, ':', TRAILER_VALUE },
    { TRAILER_VALUE, '\r', TRAILER_LF },
    { TRAILER_VALUE, TEXT, TRAILER_VALUE },
    { TRAILER_LF, '\n', TRAILER_FIRST },
    { LAST_LF, '\n', DONE },
};

static bool fits(char kind, unsigned char c)
{
    switch (kind) {
    case BLANK: return is_blank(c);
    case TCHAR: return jb__is_token_char(c);
    case TEXT: return c == '\t' || (c >= 0x20 && c != 0x7f);
    default: return c == (unsigned char)kind;
    }
}

static enum state step_edge(enum state state, unsigned char c)
{
    for (size_t i = 0; i < JB_COUNT(edges); i++)
        if (edges[i].from == state && fits(edges[i].kind, c))
            return edges[i].to;
    return BAD;
}

static enum state step(struct jb__chunk *chunk, unsigned char c)
{
    enum state state = (enum state)chunk->state;
    if (state <= SIZE_LF && ++chunk->line_bytes > LINE_BYTES_MAX)
        return BAD;
    if (state <= SIZE_BLANK)
        return step_size(chunk, state, c);
    if (state < SIZE_LF)
        return ++chunk->extension_bytes > EXTENSION_BYTES_MAX ? BAD : step_edge(state, c);
    if (state == SIZE_LF) {
        chunk->line_bytes = 0;
        if (c != '\n')
            return BAD;
        return chunk->left > 0 ? DATA : TRAILER_FIRST;
    }
    if (state == DATA_CR)
        return c == '\r' ? DATA_LF : BAD;
    if (state == DATA_LF)
        return c == '\n' ? SIZE_FIRST : BAD;
    return ++chunk->trailer_bytes > TRAILER_BYTES_MAX ? BAD : step_edge(state, c);
}

enum jb__chunked jb__chunk_feed(struct jb__chunk *chunk, const char *bytes, size_t size, size_t *ret_used)
{
    size_t used = 0;
    while (used < size && chunk->state != DATA && chunk->state < DONE)
        chunk->state = (int)step(chunk, (unsigned char)bytes[used++]);
    *ret_used = used;
    switch (chunk->state) {
    case DATA: return JB__CHUNK_DATA;
    case DONE: return JB__CHUNK_DONE;
    case BAD: return JB__CHUNK_BAD;
    default: return JB__CHUNK_MORE;
    }
}

void jb__chunk_take(struct jb__chunk *chunk, size_t size)
{
    JB_CHECK(chunk->state == DATA && size <= (uint64_t)chunk->left);
    chunk->left -= (int64_t)size;
    if (chunk->left == 0)
        chunk->state = DATA_CR;
}
