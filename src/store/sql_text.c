/* sql_text.c — what in a text of SQL is quoted: no ? of it is a parameter, no word of it a name.
 *
 * One rule for both databases, PostgreSQL's, which has more: E'…' with backslashes, $tag$…$tag$ and nested comments. SQLite refuses a text in which these would differ. */
// SPDX-License-Identifier: Apache-2.0
#include "store/store_private.h"
#include <string.h>

static char byte_at(struct jb_str sql, size_t at)
{
    return at < sql.size ? sql.data[at] : '\0';
}

bool jb__sql_is_name_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || (unsigned char)c >= 0x80;
}

/* Doubled quotes are inside; in E'…' also what follows a backslash. */
static size_t quote_end(struct jb_str sql, size_t at, bool escapes)
{
    char quote = sql.data[at++];

    for (; at < sql.size; at++) {
        if (escapes && sql.data[at] == '\\') {
            at++;
        } else if (sql.data[at] == quote) {
            if (byte_at(sql, at + 1) != quote)
                return at + 1;
            at++;
        }
    }
    return sql.size;
}

static size_t comment_end(struct jb_str sql, size_t at)
{
    int depth = 0;

    if (sql.data[at] == '-') {
        size_t end = jb_str_find_char(sql, '\n', at);
        return end == SIZE_MAX ? sql.size : end + 1;
    }
    while (at + 1 < sql.size) {
        bool opens = memcmp(sql.data + at, "/*", 2) == 0, closes = memcmp(sql.data + at, "*/", 2) == 0;
        depth += opens - closes;
        at += opens || closes ? 2 : 1;
        if (depth == 0)
            return at;
    }
    return sql.size;
}

/* `at` when this $ begins no $tag$. */
static size_t dollar_end(struct jb_str sql, size_t at)
{
    size_t tag_end = at + 1;

    if (byte_at(sql, tag_end) >= '0' && byte_at(sql, tag_end) <= '9')
        return at;
    while (tag_end < sql.size && jb__sql_is_name_byte(sql.data[tag_end]))
        tag_end++;
    if (byte_at(sql, tag_end) != '$')
        return at;
    struct jb_str tag = jb_str_slice(sql, at, tag_end + 1);
    size_t end = jb_str_find(sql, tag, tag_end + 1);
    return end == SIZE_MAX ? sql.size : end + tag.size;
}

size_t jb__sql_quoted_end(struct jb_str sql, size_t at)
{
    char c = byte_at(sql, at), next = byte_at(sql, at + 1);

    if (c == '\'' || c == '"')
        return quote_end(sql, at, false);
    if ((c == 'E' || c == 'e') && next == '\'')
        return quote_end(sql, at + 1, true);
    if ((c == '-' && next == '-') || (c == '/' && next == '*'))
        return comment_end(sql, at);
    return c == '$' ? dollar_end(sql, at) : at;
}
