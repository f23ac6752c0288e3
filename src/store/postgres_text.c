/* postgres_text.c — ? becomes $1, $2, …: the only thing in which the text of a statement differs on its way to PostgreSQL. */
// SPDX-License-Identifier: Apache-2.0
#include "store/postgres_private.h"
#include <stdio.h>
#include <string.h>

#define PARAM_BYTES_MAX 16

/* A name may hold a $, which then begins no quoted part, and an E that is its last letter begins none either. A number holds none. */
static size_t word_end(struct jb_str sql, size_t at)
{
    bool number = sql.data[at] >= '0' && sql.data[at] <= '9';

    while (at < sql.size && (jb__sql_is_name_byte(sql.data[at]) || (sql.data[at] == '$' && !number)))
        at++;
    return at;
}

/* Place of the next ? outside quotes and comments; the text's end when there is none. */
static size_t param_next(struct jb_str sql, size_t at)
{
    while (at < sql.size && sql.data[at] != '?') {
        size_t end = jb__sql_quoted_end(sql, at);
        if (end == at && jb__sql_is_name_byte(sql.data[at]))
            end = word_end(sql, at);
        at = end == at ? at + 1 : end;
    }
    return at;
}

/* `limit?` and `?and` are words apart here, but `limit$1` would be one name. */
static bool touches_word(struct jb_str sql, size_t at)
{
    return at < sql.size && (jb__sql_is_name_byte(sql.data[at]) || sql.data[at] == '$');
}

const char *jb__pg_text(struct jb_scope *scope, struct jb_str sql)
{
    size_t count = 0, done = 0;

    for (size_t at = param_next(sql, 0); at < sql.size; at = param_next(sql, at + 1))
        count++;
    char *text = jb_alloc(scope, sql.size + count * PARAM_BYTES_MAX + 1), *to = text;
    for (size_t number = 1; number <= count; number++) {
        size_t at = param_next(sql, done);
        memcpy(to, sql.data + done, at - done);
        to += at - done;
        to += snprintf(to, PARAM_BYTES_MAX, "%s$%u%s", at > 0 && touches_word(sql, at - 1) ? " " : "", (unsigned)number, touches_word(sql, at + 1) ? " " : "");
        done = at + 1;
    }
    if (sql.size > done)
        memcpy(to, sql.data + done, sql.size - done);
    return text;
}
