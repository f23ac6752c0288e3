/* url.c — percent encoding (RFC 3986 2.1) and the form variant of it. */
// SPDX-License-Identifier: Apache-2.0
#include "net/net.h"
#include <string.h>

static int hex_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

struct jb_str jb_url_decode(struct jb_scope *scope, struct jb_str text, bool form)
{
    if (!text.data)
        return JB_STR_NULL;
    char *out = jb_alloc(scope, text.size + 1);
    size_t size = 0;
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        int high = c == '%' && i + 2 < text.size ? hex_of(text.data[i + 1]) : -1;
        int low = high >= 0 ? hex_of(text.data[i + 2]) : -1;
        if (low >= 0) {
            c = (char)(high * 16 + low);
            i += 2;
        } else if (form && c == '+') {
            c = ' ';
        }
        out[size++] = c;
    }
    return (struct jb_str){ out, size };
}

static bool is_unreserved(unsigned char c)
{
    unsigned char lower = c | 0x20;
    return (lower >= 'a' && lower <= 'z' && c < 0x80) || (c >= '0' && c <= '9') || (c != '\0' && strchr("-._~", c));
}

struct jb_str jb_url_encode(struct jb_scope *scope, struct jb_str text, bool keep_slash)
{
    static const char digits[] = "0123456789ABCDEF";
    if (!text.data)
        return JB_STR_NULL;
    size_t escapes = 0;
    for (size_t i = 0; i < text.size; i++)
        escapes += !is_unreserved((unsigned char)text.data[i]);
    char *out = jb_alloc(scope, text.size + escapes * 2 + 1);
    size_t size = 0;
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (is_unreserved(c) || (keep_slash && c == '/')) {
            out[size++] = (char)c;
            continue;
        }
        out[size++] = '%';
        out[size++] = digits[c >> 4];
        out[size++] = digits[c & 15];
    }
    return (struct jb_str){ out, size };
}
