/* params.c — which column does a `?` face?
 *
 * C cannot tell an amount of 1,000 from a count of 1,000, and `true` is an int (decisions.md D), so a parameter is encoded by the kind of its column. Drivers whose database says the kind
 * (PostgreSQL) need no help; SQLite does not, so the literal is read: a `?` faces the column it is compared with, assigned to, added to, or inserted into. Only numbers need it: an int
 * for a DECIMAL column becomes minor units, a decimal is brought to the column's scale. A decimal whose column cannot be found is refused rather than guessed. */
// SPDX-License-Identifier: Apache-2.0
#include "store/store_private.h"
#include <stdlib.h>
#include <string.h>

#define TOKENS_MAX 400
#define IDS_BOUND_MAX ((size_t)8192)

enum token_kind {
    NAME,
    MARK,
    PARAM,
    OTHER,
}; /* MARK: operators and punctuation */

struct token {
    enum token_kind kind;
    struct jb_str text;
};

struct tokens {
    size_t count;
    struct token at[TOKENS_MAX];
};

/* ---- words ---------------------------------------------------------------------------------------------------------------------------- */

static size_t token_end(struct jb_str sql, size_t at, enum token_kind *ret_kind)
{
    char c = sql.data[at], next = at + 1 < sql.size ? sql.data[at + 1] : '\0';

    size_t quoted_end = jb__sql_quoted_end(sql, at);
    if (quoted_end != at) {
        *ret_kind = c == '"' ? NAME : OTHER;
        return quoted_end;
    }
    if (jb__sql_is_name_byte(c)) {
        *ret_kind = c >= '0' && c <= '9' ? OTHER : NAME;
        while (at < sql.size && jb__sql_is_name_byte(sql.data[at]))
            at++;
        return at;
    }
    *ret_kind = c == '?' ? PARAM : MARK;
    bool two = (strchr("<>!=", c) && (next == '=' || next == '>')) || (c == '|' && next == '|');
    return at + (two ? 2 : 1);
}

static bool tokens_read(struct jb_str sql, struct tokens *tokens)
{
    size_t at = 0;

    tokens->count = 0;
    while (at < sql.size) {
        struct token token;
        if (strchr(" \t\r\n", sql.data[at])) {
            at++;
            continue;
        }
        if (at + 1 < sql.size && (memcmp(sql.data + at, "--", 2) == 0 || memcmp(sql.data + at, "/*", 2) == 0)) {
            at = jb__sql_quoted_end(sql, at);
            continue;
        }
        size_t end = token_end(sql, at, &token.kind);
        token.text = jb_str_slice(sql, at, end);
        if (token.kind == NAME && token.text.data[0] == '"')
            token.text = jb_str_slice(token.text, 1, token.text.size - 1);
        if (tokens->count == TOKENS_MAX)
            return false;
        tokens->at[tokens->count++] = token;
        at = end;
    }
    return true;
}

/* ---- which column ---------------------------------------------------------------------------------------------------------------------- */

struct facing {
    struct jb_db *db;
    const struct jb_model *model; /* NULL: the tables that the text names */
    const struct tokens *tokens;
};

static const struct token *token_at(const struct tokens *tokens, size_t index)
{
    static const struct token none = { OTHER, { "", 0 } };
    return index < tokens->count ? &tokens->at[index] : &none;
}

static bool is(const struct tokens *tokens, size_t index, const char *word)
{
    const struct token *token = token_at(tokens, index);
    return (token->kind == NAME || token->kind == MARK) && jb_str_equal_nocase(token->text, jb_str_of(word));
}

static bool is_one_of(const struct tokens *tokens, size_t index, const char *words)
{
    struct jb_str rest = jb_str_of(words);

    while (rest.data) {
        struct jb_str word = jb_str_cut(&rest, ' ');
        const struct token *token = token_at(tokens, index);
        if ((token->kind == NAME || token->kind == MARK) && jb_str_equal_nocase(token->text, word))
            return true;
    }
    return false;
}

static bool mentioned(const struct tokens *tokens, struct jb_str table)
{
    for (size_t i = 0; i < tokens->count; i++)
        if (tokens->at[i].kind == NAME && jb_str_equal_nocase(tokens->at[i].text, table))
            return true;
    return false;
}

/* The column of that name; NULL when there is none or two tables disagree about its kind. */
static const struct jb_field *column(const struct facing *facing, size_t index)
{
    const struct token *token = token_at(facing->tokens, index);
    const struct jb_field *found = NULL;

    if (token->kind != NAME)
        return NULL;
    if (facing->model)
        return jb__model_path(facing->model, token->text);
    for (const struct jb_model **model = facing->db->models; *model; model++) {
        const struct jb_field *field = jb_record_field(&(*model)->record, token->text);
        if (!field || !mentioned(facing->tokens, jb_model_table(*model)))
            continue;
        if (found && (found->type != field->type || found->decimals != field->decimals))
            return NULL;
        found = field;
    }
    return found;
}

/* Index of the "(" that belongs to the ")" at `index`, or that encloses it; SIZE_MAX when there is none. */
static size_t opening(const struct tokens *tokens, size_t index)
{
    int depth = 0;

    while (index-- > 0) {
        if (is(tokens, index, ")"))
            depth++;
        else if (is(tokens, index, "(") && depth-- == 0)
            return index;
    }
    return SIZE_MAX;
}

/* The column that the expression ending at `index` is about: itself, or the first one in the brackets of a function that keeps the kind. */
static const struct jb_field *column_ending(const struct facing *facing, size_t index)
{
    const struct tokens *tokens = facing->tokens;

    if (!is(tokens, index, ")"))
        return column(facing, index);
    size_t open = opening(tokens, index);
    if (open == SIZE_MAX || open == 0 || !is_one_of(tokens, open - 1, "sum min max total coalesce ifnull nullif abs"))
        return NULL;
    for (size_t i = open + 1; i < index; i++)
        if (column(facing, i))
            return column(facing, i);
    return NULL;
}

/* insert into t (a, b) values (?, ?): the column at the parameter's place. */
static const struct jb_field *column_inserted(const struct facing *facing, size_t values_open, size_t index)
{
    const struct tokens *tokens = facing->tokens;
    size_t place = 0, at, depth = 0;

    for (at = values_open + 1; at < index; at++) {
        depth += is(tokens, at, "(");
        depth -= is(tokens, at, ")");
        place += depth == 0 && is(tokens, at, ",");
    }
    for (at = 0; at < values_open && !is(tokens, at, "into"); at++)
        ;
    for (; at < values_open && !is(tokens, at, "("); at++)
        ;
    for (at++; at < values_open && !is(tokens, at, ")"); at++) {
        if (is(tokens, at, ","))
            place--;
        else if (place == 0)
            return column(facing, at);
    }
    return NULL;
}

/* … , (?, ?), (?: the first row of values of a list. */
static size_t values_start(const struct tokens *tokens, size_t open)
{
    while (open >= 2 && is(tokens, open - 1, ",") && is(tokens, open - 2, ")")) {
        open = opening(tokens, open - 2);
        if (open == SIZE_MAX)
            return SIZE_MAX;
    }
    return open != 0 && is(tokens, open - 1, "values") ? open - 1 : SIZE_MAX;
}

/* A parameter inside brackets: a list after IN, a row of VALUES, or an argument of a function. */
static const struct jb_field *column_around(const struct facing *facing, size_t index)
{
    const struct tokens *tokens = facing->tokens;
    size_t open = opening(tokens, index);

    if (open == SIZE_MAX || open == 0)
        return NULL;
    if (is(tokens, open - 1, "in"))
        return column_ending(facing, open - (is(tokens, open - 2, "not") ? 3 : 2));
    if (values_start(tokens, open) != SIZE_MAX)
        return column_inserted(facing, open, index);
    if (is_one_of(tokens, open - 1, "coalesce ifnull nullif max min")) {
        for (size_t i = open + 1; i < tokens->count && !is(tokens, i, ")"); i++)
            if (column(facing, i))
                return column(facing, i);
        return is_one_of(tokens, open - 2, "= < > <= >= <> != ==") ? column_ending(facing, open - 3) : NULL;
    }
    return NULL;
}

static const char *const operators = "= == <> != < > <= >= + - is like glob between";

static const struct jb_field *faced(const struct facing *facing, size_t index)
{
    const struct tokens *tokens = facing->tokens;
    const struct jb_field *found = NULL;

    if (index >= 2 && is_one_of(tokens, index - 1, operators))
        found = column_ending(facing, index - (is(tokens, index - 2, "not") ? 3 : 2)); /* not between ? */
    if (!found && index >= 3 && is(tokens, index - 1, "not"))
        found = column_ending(facing, index - 3); /* is not ? */
    if (!found && index >= 4 && is(tokens, index - 1, "from") && is(tokens, index - 2, "distinct"))
        found = column_ending(facing, index - (is(tokens, index - 3, "not") ? 5 : 4)); /* is not distinct from ? */
    if (!found && index >= 4 && is(tokens, index - 1, "and") && is(tokens, index - 3, "between"))
        found = column_ending(facing, index - (is(tokens, index - 4, "not") ? 5 : 4));
    if (!found && is_one_of(tokens, index + 1, operators))
        found = column(facing, index + (is(tokens, index + 3, ".") ? 4 : 2));
    return found ? found : column_around(facing, index);
}

/* ---- values --------------------------------------------------------------------------------------------------------------------------------- */

static bool is_whole(struct jb_value value)
{
    return value.type == JB_INT32 || value.type == JB_INT64 || value.type == JB_BOOL;
}

static int64_t whole(struct jb_value value)
{
    return value.type == JB_BOOL ? value.truth : value.number;
}

bool jb__value_for(const struct jb_field *field, struct jb_value value, struct jb_value *ret_value)
{
    if (field->type == JB_DECIMAL && is_whole(value))
        value = jb_v_decimal((struct jb_decimal){ whole(value), 0 });
    if (value.type == JB_DECIMAL) {
        struct jb_decimal exact;
        int scale = field->type == JB_DECIMAL ? field->decimals : 0;
        if ((field->type != JB_DECIMAL && field->type != JB_INT64 && field->type != JB_INT32) || !jb_decimal_rescale(jb_decimal_trim(value.decimal), scale, &exact))
            return false;
        value = field->type == JB_DECIMAL ? jb_v_decimal(exact) : jb_v_int(exact.units);
        value.as_number = field->as_number;
    }
    if (field->type == JB_INT32 && is_whole(value) && whole(value) != (int32_t)whole(value)) /* SQLite's columns would take it */
        return false;
    *ret_value = value;
    return true;
}

static bool needs_column(const struct jb__dialect *dialect, const struct jb_sql *sql)
{
    for (size_t i = 0; i < sql->arg_count; i++)
        if ((!dialect->says_kinds && is_whole(sql->args[i])) || sql->args[i].type == JB_DECIMAL)
            return true;
    return false;
}

static bool is_inside(const struct tokens *tokens, size_t index, const char *before, const char *after)
{
    return index > 0 && is(tokens, index - 1, before) && is(tokens, index + 1, after);
}

/* `in (?)` becomes `= any(?)`, of which planners know more than of a list; elsewhere the array stands as rows. */
static void array_param(const struct tokens *tokens, size_t index, struct jb_buf *out)
{
    bool list = is_inside(tokens, index, "(", ")") && index >= 2 && is(tokens, index - 2, "in");
    bool not_in = list && index >= 3 && is(tokens, index - 3, "not");
    size_t from = index - (not_in ? 3 : 2);

    if (!list) {
        jb_buf_put_z(out, "select unnest(?::bigint[])");
        return;
    }
    out->size -= (size_t)(tokens->at[index].text.data - tokens->at[from].text.data);
    jb_buf_put_z(out, not_in ? "<> all(?" : "= any(?");
}

/* Where the database says itself which kind a parameter has, only more decimals than a column has are refused: it would round them without a word. */
static bool one_param(struct jb_scope *scope, const struct jb__dialect *dialect, const struct jb_sql *sql, const struct jb_field *field, struct jb_value value, struct jb_value *ret_value)
{
    struct jb_value exact;

    if (dialect->says_kinds && (!field || value.type != JB_DECIMAL || jb__value_for(field, value, &exact))) {
        *ret_value = value;
        return true;
    }
    if (field && (is_whole(value) || value.type == JB_DECIMAL)) {
        if (jb__value_for(field, value, ret_value))
            return true;
        return jb_fail(scope, JB_INVALID, JB_L(scope, "%s 열과 견줄 수 없는 수입니다: %s", "a number that does not fit the column %s: %s"), field->name, sql->text);
    }
    if (value.type == JB_DECIMAL)
        return jb_fail(scope, JB_BROKEN, "which column does this decimal face? Write it next to its column: %s", sql->text);
    *ret_value = value;
    return true;
}

/* ?,?,… for the ids, as many as the next power of two so that few different texts are prepared; the last one is repeated. An empty list is (): nothing is in it, everything not in it (of (null) neither is known). */
static bool ids_bound(struct jb_scope *scope, struct jb_ids ids, struct jb_buf *out, struct jb_value *args, size_t args_max, size_t *count)
{
    size_t places = ids.count > 0;

    while (places < ids.count)
        places *= 2;
    if (*count + places > args_max)
        return jb_fail(scope, JB_LIMIT, JB_L(scope, "한 번에 %zu개까지 고를 수 있습니다. 나누어 하세요.", "At most %zu can be chosen at once. Do it in parts."), args_max / 2);
    for (size_t i = 0; i < places; i++) {
        jb_buf_put_z(out, i ? ",?" : "?");
        args[(*count)++] = jb_v_int(ids.at[JB_MIN(i, ids.count - 1)]);
    }
    return true;
}

/* Of very many ids, which would not all have a place: one text, whose numbers stand as rows. */
static bool ids_param(struct jb_scope *scope, struct jb_ids ids, struct jb_buf *out, struct jb_value *args, size_t args_max, size_t *count)
{
    struct jb_buf list = JB_BUF_INIT(ids.count * 21 + 2);

    if (ids.count <= IDS_BOUND_MAX)
        return ids_bound(scope, ids, out, args, args_max, count);
    JB_CHECK(*count < args_max);
    for (size_t i = 0; i < ids.count; i++)
        jb_buf_printf(&list, "%c%lld", i ? ',' : '[', (long long)ids.at[i]);
    jb_buf_put_char(&list, ']');
    args[(*count)++] = jb_v_text(jb_copy(scope, jb_buf_str(&list)));
    jb_buf_put_z(out, "select value from json_each(?)");
    jb_buf_done(&list);
    return true;
}

bool jb__params(struct jb_scope *scope, struct jb_db *db, const struct jb_model *model, const struct jb_sql *sql, struct jb_buf *out, struct jb_value *args, size_t args_max, size_t *count)
{
    struct tokens tokens;
    struct facing facing = { db, model, &tokens };
    struct jb_str text = jb_str_of(sql->text);
    const struct jb__dialect *dialect = db->driver->dialect;
    size_t arg = 0, written = 0;

    if (sql->arg_count == 0) {
        jb_buf_put(out, text);
        return true;
    }
    if (!tokens_read(text, &tokens))
        return jb_fail(scope, JB_BROKEN, "SQL of more than %d words: %.200s", TOKENS_MAX, sql->text);
    bool typed = needs_column(dialect, sql);
    for (size_t i = 0; i < tokens.count; i++) {
        if (tokens.at[i].kind != PARAM)
            continue;
        JB_CHECK(arg < sql->arg_count); /* as many ? as arguments */
        size_t at = (size_t)(tokens.at[i].text.data - text.data);
        struct jb_value value = sql->args[arg++];
        jb_buf_put(out, jb_str_slice(text, written, at));
        written = at + 1;
        if (value.type == JB_IDS && dialect->takes_arrays) {
            array_param(&tokens, i, out);
            JB_CHECK(*count < args_max);
            args[(*count)++] = value;
            continue;
        }
        if (value.type == JB_IDS) {
            if (!ids_param(scope, value.ids, out, args, args_max, count))
                return false;
            continue;
        }
        JB_CHECK(*count < args_max);
        jb_buf_put_char(out, '?');
        struct jb_value *arg_at = &args[(*count)++];
        *arg_at = value;
        if (!one_param(scope, dialect, sql, typed ? faced(&facing, i) : NULL, value, arg_at))
            return false;
    }
    JB_CHECK(arg == sql->arg_count);
    jb_buf_put(out, jb_str_slice(text, written, text.size));
    return true;
}
