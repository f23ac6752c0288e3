/* sqlite_definition.c — the text of a CREATE TABLE, as its parts: columns, and rules of the table itself. */
// SPDX-License-Identifier: Apache-2.0
#include "store/sqlite_definition.h"
#include <stdio.h>
#include <string.h>

/* Past a quoted word or text. */
static size_t past_quotes(struct jb_str sql, size_t at)
{
    char quote = sql.data[at];
    size_t end = jb_str_find_char(sql, quote, at + 1);
    return end == SIZE_MAX ? sql.size : end + 1; /* a doubled quote begins the next one */
}

/* "name" or name, at the beginning of a definition. */
static struct jb_str defined_name(struct jb_str definition)
{
    if (definition.size > 0 && strchr("\"`[", definition.data[0]))
        return jb_str_slice(definition, 1, jb_str_find_char(definition, definition.data[0] == '[' ? ']' : definition.data[0], 1));
    return jb_str_slice(definition, 0, jb_str_find_char(definition, ' ', 0));
}

/* A rule of the table, no column: these words are no names unless they are quoted. */
static bool is_rule(struct jb_str definition)
{
    static const char *const words[] = { "CONSTRAINT", "CHECK", "UNIQUE", "PRIMARY", "FOREIGN" };

    for (size_t i = 0; i < JB_COUNT(words); i++) {
        size_t size = strlen(words[i]);
        if (definition.size > size && jb_str_equal_nocase(jb_str_slice(definition, 0, size), jb_str_of(words[i])) && strchr(" (\t\r\n", definition.data[size]))
            return true;
    }
    return false;
}

static void definition_add(struct jb__definitions *definitions, struct jb_str sql)
{
    sql = jb_str_trim(sql);
    if (is_rule(sql)) {
        if (definitions->rule_count < JB__RULES_MAX)
            definitions->rules[definitions->rule_count++] = sql;
        return;
    }
    if (sql.size == 0 || definitions->count == JB__DEFINITIONS_MAX)
        return;
    definitions->at[definitions->count].name = defined_name(sql);
    definitions->at[definitions->count++].sql = sql;
}

void jb__definitions_read(struct jb_str sql, struct jb__definitions *definitions)
{
    size_t start = jb_str_find_char(sql, '(', 0) + 1, at = start;
    int depth = 1;

    definitions->count = definitions->rule_count = 0;
    while (start != 0 && at < sql.size && depth > 0) {
        char c = sql.data[at];
        if (c == '"' || c == '\'' || c == '`') {
            at = past_quotes(sql, at);
            continue;
        }
        depth += (c == '(') - (c == ')');
        if (depth == 0 || (depth == 1 && c == ',')) {
            definition_add(definitions, jb_str_slice(sql, start, at));
            start = at + 1;
        }
        at++;
    }
}

size_t jb__definition_find(const struct jb__definitions *definitions, struct jb_str name)
{
    for (size_t i = 0; i < definitions->count; i++)
        if (jb_str_equal_nocase(definitions->at[i].name, name))
            return i;
    return SIZE_MAX;
}

bool jb__rule_is_primary_key(struct jb_str rule)
{
    char text[200];

    snprintf(text, sizeof text, "%.*s", JB_FMT(rule));
    return strcasestr(text, "PRIMARY KEY") != NULL;
}
