/* postgres_ddl.c — a model's table as PostgreSQL's DDL.
 *
 * Names and rules are SQLite's (ddl.c); what the type says already has no CHECK. Text is `text` with a CHECK of its length, not varchar(n): that type cuts blanks at the end without a word, does not name the column that it refuses,
 * and cannot be made shorter without stopping everybody. Rules and defaults are written in the form in which the server gives them back, give or take casts and brackets, which jb__pg_same ignores. */
// SPDX-License-Identifier: Apache-2.0
#include "store/migrate.h"
#include <ctype.h>
#include <string.h>

static struct jb_str taken(struct jb_scope *scope, struct jb_buf *sql)
{
    struct jb_str text = jb_copy(scope, jb_buf_str(sql));
    jb_buf_done(sql);
    return text;
}

/* ---- a column ---------------------------------------------------------------------------------------------------------------------- */

static void put_value(struct jb_buf *sql, struct jb_value value)
{
    char date[JB_DATE_TEXT_SIZE], number[JB_DECIMAL_TEXT_SIZE];

    switch (value.type) {
    case JB_BOOL: jb_buf_put_z(sql, value.truth ? "true" : "false"); break;
    case JB_INT32:
    case JB_INT64: jb_buf_printf(sql, "%lld", (long long)value.number); break;
    case JB_DECIMAL: jb_buf_put(sql, jb_decimal_text(value.decimal, number)); break;
    case JB_TEXT: jb__put_literal(sql, value.text); break;
    case JB_DATE: jb__put_literal(sql, jb_date_text((struct jb_date){ (int32_t)value.number }, date)); break;
    case JB_MONTH:
        jb_month_text((struct jb_month){ (int32_t)value.number }, date);
        jb_buf_printf(sql, "'%s-01'", date);
        break;
    default: jb_buf_put_z(sql, "null");
    }
}

static struct jb_str type_of(struct jb_scope *scope, const struct jb_field *field)
{
    switch (field->type) {
    case JB_BOOL: return JB_STR("boolean");
    case JB_INT32: return JB_STR("integer");
    case JB_INT64: return JB_STR("bigint");
    case JB_DATE:
    case JB_MONTH: return JB_STR("date");
    case JB_TIME: return JB_STR("timestamp with time zone");
    case JB_DECIMAL: return jb_format(scope, "numeric(%d,%d)", field->digits, field->decimals);
    default: return JB_STR("text");
    }
}

struct jb_str jb__pg_rule_name(struct jb_scope *scope, struct jb_str table, const char *column, const char *word)
{
    struct jb_str ending = jb_format(scope, " %s", word);
    return jb__name_fit(scope, jb__dotted(scope, table, jb_str_of(column)), ending.data, JB__NAME_BYTES_MAX);
}

static void rule_add(struct jb_scope *scope, const struct jb_model *model, struct jb__pg_column *column, const char *word, struct jb_str sql)
{
    JB_CHECK(column->rule_count < JB_COUNT(column->rules));
    column->rules[column->rule_count++] = (struct jb__pg_rule){ jb__pg_rule_name(scope, jb_model_table(model), column->field->name, word), sql, word };
}

static struct jb_str choices_sql(struct jb_scope *scope, const struct jb_field *field)
{
    struct jb_buf sql = JB_BUF_INIT(JB__SQL_BYTES_MAX);
    bool text = field->type == JB_TEXT;

    jb_buf_printf(&sql, "\"%s\" = any (array[", field->name);
    for (const struct jb_choice *choice = field->choices; choice->name; choice++) {
        jb_buf_put_z(&sql, choice == field->choices ? "" : ", ");
        put_value(&sql, text ? jb_v_text(jb_str_of(choice->name)) : jb_v_int(choice->value));
    }
    jb_buf_put_z(&sql, text && !field->required ? ", ''])" : "])");
    return taken(scope, &sql);
}

static void rules_add(struct jb_scope *scope, const struct jb_model *model, struct jb__pg_column *column)
{
    const struct jb_field *field = column->field;

    if (field->type == JB_MONTH)
        rule_add(scope, model, column, "month", jb_format(scope, "date_part('day', \"%s\") = 1", field->name));
    if (field->type == JB_TEXT && field->length_max && !field->choices)
        rule_add(scope, model, column, "size", jb_format(scope, "char_length(\"%s\") <= %d", field->name, field->length_max));
    if (field->has_min)
        rule_add(scope, model, column, "min", jb_format(scope, "\"%s\" >= %lld", field->name, (long long)field->min));
    if (field->choices)
        rule_add(scope, model, column, "choice", choices_sql(scope, field));
}

void jb__pg_column_of(struct jb_scope *scope, const struct jb_model *model, const struct jb_field *field, struct jb__pg_column *ret_column)
{
    *ret_column = (struct jb__pg_column){ .field = field, .type = type_of(scope, field), .nullable = jb__field_nullable(model, field) };
    if (field->primary)
        return;
    struct jb_value value = jb__field_default(scope, model, field);
    if (value.type != JB_NULL && value.type != JB_TIME) {
        struct jb_buf sql = JB_BUF_INIT(JB__SQL_BYTES_MAX);
        put_value(&sql, value);
        ret_column->default_sql = taken(scope, &sql);
    }
    rules_add(scope, model, ret_column);
}

struct jb_str jb__pg_column_sql(struct jb_scope *scope, const struct jb__pg_column *column)
{
    struct jb_buf sql = JB_BUF_INIT(JB__SQL_BYTES_MAX);

    jb_buf_printf(&sql, "\"%s\" %.*s", column->field->name, JB_FMT(column->type));
    if (column->field->primary)
        jb_buf_put_z(&sql, " GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY");
    if (column->field->type == JB_TEXT)
        jb_buf_put_z(&sql, " COLLATE \"C\"");
    if (!column->nullable && !column->field->primary)
        jb_buf_put_z(&sql, " NOT NULL");
    if (column->default_sql.data)
        jb_buf_printf(&sql, " DEFAULT %.*s", JB_FMT(column->default_sql));
    return taken(scope, &sql);
}

struct jb_str jb__pg_rule_sql(struct jb_scope *scope, const struct jb__pg_rule *rule)
{
    return jb_format(scope, "CONSTRAINT \"%.*s\" CHECK (%.*s)", JB_FMT(rule->name), JB_FMT(rule->sql));
}

struct jb_str jb__pg_reference_name(struct jb_scope *scope, const struct jb_model *model, const struct jb_field *field)
{
    struct jb_str table = jb_model_table(model);
    return jb__name_fit(scope, jb_format(scope, "%.*s_%s", JB_FMT(table), field->name), "_fkey", JB__NAME_BYTES_MAX);
}

struct jb_str jb__pg_reference_sql(struct jb_scope *scope, const struct jb_model *model, const struct jb_field *field)
{
    static const char *const actions[] = { [JB_RESTRICT] = "RESTRICT", [JB_CASCADE] = "CASCADE", [JB_SET_NULL] = "SET NULL" };

    if (!field->references || field->references->live != model->live)
        return JB_STR_NULL;
    struct jb_str name = jb__pg_reference_name(scope, model, field), target = jb_model_table(field->references);
    return jb_format(scope, "CONSTRAINT \"%.*s\" FOREIGN KEY (\"%s\") REFERENCES \"%.*s\" (\"%s\") ON DELETE %s", JB_FMT(name), field->name, JB_FMT(target), jb_model_primary(field->references)->name, actions[field->on_delete]);
}

struct jb_str jb__pg_table_sql(struct jb_scope *scope, const struct jb_model *model, bool (*has)(void *arg, const struct jb_model *target), void *arg)
{
    struct jb_buf sql = JB_BUF_INIT(JB__SQL_BYTES_MAX), rules = JB_BUF_INIT(JB__SQL_BYTES_MAX);
    struct jb_str table = jb_model_table(model), name = jb_model_full_name(model, scope);
    const char *between = "\n  ";

    jb_buf_printf(&sql, "CREATE TABLE \"%.*s\" (", JB_FMT(table));
    for (const struct jb_field *field = model->record.fields; field->type != JB_END; field++) {
        struct jb__pg_column column;
        if (!jb__field_is_stored(field))
            continue;
        jb__pg_column_of(scope, model, field, &column);
        jb_buf_printf(&sql, "%s%.*s", between, JB_FMT(jb__pg_column_sql(scope, &column)));
        for (size_t i = 0; i < column.rule_count; i++)
            jb_buf_printf(&rules, ",\n  %.*s", JB_FMT(jb__pg_rule_sql(scope, &column.rules[i])));
        struct jb_str reference = has ? jb__pg_reference_sql(scope, model, field) : JB_STR_NULL;
        if (reference.data && has(arg, field->references))
            jb_buf_printf(&rules, ",\n  %.*s", JB_FMT(reference));
        between = ",\n  ";
    }
    jb_buf_put(&sql, jb_buf_str(&rules));
    jb_buf_printf(&sql, "\n);\nCOMMENT ON TABLE \"%.*s\" IS 'jangbu %.*s'", JB_FMT(table), JB_FMT(name));
    jb_buf_done(&rules);
    return taken(scope, &sql);
}

/* ---- indexes ------------------------------------------------------------------------------------------------------------------------ */

/* NULL is the smallest value in every order (select.c), so where there may be one the index says where it stands. */
struct jb_str jb__pg_index_sql(struct jb_scope *scope, const struct jb_model *model, const struct jb__index *index, struct jb_str name, bool concurrently)
{
    struct jb_buf sql = JB_BUF_INIT(JB__SQL_BYTES_MAX);
    struct jb_str table = jb_model_table(model), condition = jb__pg_index_condition(scope, index);

    jb_buf_printf(&sql, "CREATE %sINDEX %s\"%.*s\" ON \"%.*s\" (", index->unique ? "UNIQUE " : "", concurrently ? "CONCURRENTLY " : "", JB_FMT(name), JB_FMT(table));
    for (size_t i = 0; i < index->column_count; i++) {
        const struct jb__index_column *column = &index->columns[i];
        bool nullable = jb__field_nullable(model, column->field);
        jb_buf_printf(&sql, "%s\"%s\"%s", i ? ", " : "", column->field->name, column->descending ? " DESC" : "");
        if (nullable)
            jb_buf_put_z(&sql, column->descending ? " NULLS LAST" : " NULLS FIRST");
    }
    jb_buf_put_char(&sql, ')');
    if (condition.data)
        jb_buf_printf(&sql, " WHERE %.*s", JB_FMT(condition));
    return taken(scope, &sql);
}

struct jb_str jb__pg_index_shape(struct jb_scope *scope, const struct jb_model *model, const struct jb__index *index)
{
    struct jb_buf shape = JB_BUF_INIT(10000);

    for (size_t i = 0; i < index->column_count; i++) {
        const struct jb__index_column *column = &index->columns[i];
        bool nulls_first = jb__field_nullable(model, column->field) != column->descending; /* not said, they are first in descending order */
        jb_buf_printf(&shape, "%s%s %d", i ? "\n" : "", column->field->name, column->descending + 2 * nulls_first);
    }
    return taken(scope, &shape);
}

struct jb_str jb__pg_index_condition(struct jb_scope *scope, const struct jb__index *index)
{
    struct jb_buf sql = JB_BUF_INIT(JB__SQL_BYTES_MAX);

    for (size_t i = 0; i < index->condition_count; i++) {
        const struct jb__index_condition *condition = &index->conditions[i];
        jb_buf_printf(&sql, "%s\"%s\" %s ", i ? " and " : "", condition->field->name, condition->op);
        if (condition->value.type != JB_NULL)
            put_value(&sql, condition->value);
    }
    struct jb_str text = sql.size ? jb_copy(scope, jb_str_trim(jb_buf_str(&sql))) : JB_STR_NULL;
    jb_buf_done(&sql);
    return text;
}

/* ---- expressions as the server writes them ---------------------------------------------------------------------------------------------- */

/* Walks through an expression word by word; casts, brackets and blanks are passed over. */
struct words {
    struct jb_str rest;
    struct jb_buf word;
};

static bool starts_word(char c)
{
    return isalnum((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80;
}

static void past_name(struct jb_str *rest)
{
    size_t at = 0;
    while (at < rest->size && (starts_word(rest->data[at]) || rest->data[at] == '"'))
        at++;
    *rest = jb_str_slice(*rest, at, rest->size);
}

/* ::character varying(20)[], ::timestamp with time zone */
static void past_cast(struct jb_str *rest)
{
    static const char *const more[] = { " varying", " precision", " without time zone", " with time zone" };

    *rest = jb_str_slice(*rest, 2, rest->size);
    past_name(rest);
    for (size_t i = 0; i < JB_COUNT(more); i++)
        if (jb_str_starts(*rest, jb_str_of(more[i])))
            *rest = jb_str_slice(*rest, strlen(more[i]), rest->size);
    if (jb_str_starts(*rest, JB_STR("(")) && rest->size > 1 && isdigit((unsigned char)rest->data[1]))
        *rest = jb_str_slice(*rest, jb_str_find_char(*rest, ')', 0) + 1, rest->size);
}

/* Past "name" or 'text', whose content is put into the word. */
static void put_quoted(struct words *words, char quote)
{
    size_t at = 1;

    for (; at < words->rest.size; at++) {
        if (words->rest.data[at] == quote && (at + 1 == words->rest.size || words->rest.data[++at] != quote))
            break;
        jb_buf_put_char(&words->word, words->rest.data[at]);
    }
    if (at < words->rest.size && words->rest.data[at] == quote && at + 1 == words->rest.size)
        at++;
    words->rest = jb_str_slice(words->rest, at, words->rest.size);
}

static bool is_number(struct jb_str text)
{
    size_t at = text.size > 1 && text.data[0] == '-';

    for (size_t i = at; i < text.size; i++)
        if (!isdigit((unsigned char)text.data[i]) && text.data[i] != '.')
            return false;
    return text.size > at;
}

/* A bare word or number, or a sign. */
static void put_bare(struct words *words)
{
    static const char signs[] = "<>=!";
    struct jb_str rest = words->rest;
    size_t at = 1;
    bool number = rest.data[0] == '-' || isdigit((unsigned char)rest.data[0]);

    if (starts_word(rest.data[0]) || number)
        while (at < rest.size && (starts_word(rest.data[at]) || (number && rest.data[at] == '.')))
            at++;
    else if (strchr(signs, rest.data[0]))
        while (at < rest.size && strchr(signs, rest.data[at]))
            at++;
    for (size_t i = 0; i < at; i++)
        jb_buf_put_char(&words->word, (char)tolower((unsigned char)rest.data[i]));
    words->rest = jb_str_slice(rest, at, rest.size);
}

/* false at the end. A text is marked so that it is no name, unless it is a number, which the server puts in quotes as it likes. */
static bool word_next(struct words *words)
{
    jb_buf_clear(&words->word);
    while (words->rest.size > 0) {
        char c = words->rest.data[0];
        if (jb_str_starts(words->rest, JB_STR("::")))
            past_cast(&words->rest);
        else if (strchr(" \n\t()[],", c))
            words->rest = jb_str_slice(words->rest, 1, words->rest.size);
        else
            break;
    }
    if (words->rest.size == 0)
        return false;
    char c = words->rest.data[0];
    if (c != '\'' && c != '"') {
        put_bare(words);
        return true;
    }
    put_quoted(words, c);
    if (c == '\'' && !is_number(jb_buf_str(&words->word)))
        jb_buf_put_char(&words->word, '\'');
    return true;
}

bool jb__pg_same(struct jb_str a, struct jb_str b)
{
    struct words left = { a, JB_BUF_INIT(JB__SQL_BYTES_MAX) }, right = { b, JB_BUF_INIT(JB__SQL_BYTES_MAX) };
    bool more = true, same = !a.data == !b.data;

    while (same && more) {
        more = word_next(&left);
        same = more == word_next(&right) && jb_str_equal(jb_buf_str(&left.word), jb_buf_str(&right.word));
    }
    jb_buf_done(&left.word);
    jb_buf_done(&right.word);
    return same;
}
