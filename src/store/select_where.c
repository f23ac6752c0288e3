/* select_where.c — conditions, words and literals as SQL: names are looked up in the model, values are parameters. */
// SPDX-License-Identifier: Apache-2.0
#include "store/select_private.h"
#include <string.h>

#define SEARCH_WORDS_MAX 8
#define CONDITION_ARGS_MAX ((size_t)512) /* besides ids, which have their own limit */

/* ---- conditions ---------------------------------------------------------------------------------------------------------------------- */

static void and_next(struct jb__query *query)
{
    jb__query_put(query, query->any ? " and " : " where ");
    query->any = true;
}

/* %text% with %, _ and \ taken literally. */
static struct jb_value like_value(struct jb__query *query, struct jb_str text, bool anywhere)
{
    char *pattern = jb_alloc(query->scope, text.size * 2 + 3);
    size_t size = 0;

    if (anywhere)
        pattern[size++] = '%';
    for (size_t i = 0; i < text.size; i++) {
        if (strchr("%_\\", text.data[i]) && text.data[i])
            pattern[size++] = '\\';
        pattern[size++] = text.data[i];
    }
    pattern[size++] = '%';
    return jb_v_text((struct jb_str){ pattern, size });
}

/* A column that is no text is looked at as it is written. */
static void put_like(struct jb__query *query, struct jb__place place)
{
    const struct jb__dialect *dialect = query->db->driver->dialect;
    const char *const *around = place.field->type == JB_MONTH ? dialect->part_of_month : dialect->part_of;
    bool part = place.field->type != JB_TEXT;

    jb__query_put(query, part ? around[0] : "");
    jb__query_put_place(query, place);
    jb__query_put(query, part ? around[1] : "");
    jb__query_put(query, dialect->like);
    jb__query_put(query, "? escape '\\'");
}

static bool like(struct jb__query *query, struct jb__place place, struct jb_value value, bool anywhere)
{
    const struct jb_field *field = place.field;

    if (field->type == JB_DECIMAL || field->type == JB_BOOL || field->type == JB_TIME || (value.type != JB_TEXT && value.type != JB_NULL))
        return jb_fail(query->scope, JB_INVALID, JB_L(query->scope, "‘%s’은(는) 글이 아니라서 부분으로 찾을 수 없습니다.", "%s is not text: it cannot be searched by a part."), field->name);
    put_like(query, place);
    jb__query_arg(query, like_value(query, value.text, anywhere));
    return true;
}

static bool compare(struct jb__query *query, struct jb__place place, const char *operator, struct jb_value value)
{
    const struct jb_field *field = place.field;
    struct jb_value encoded;

    if (!jb__value_for(field, value, &encoded))
        return jb_fail(query->scope, JB_INVALID, JB_L(query->scope, "‘%s’과(와) 견줄 수 없는 값입니다.", "%s: that is no value to compare it with."), field->name);
    jb__query_put_place(query, place);
    jb__query_put(query, operator);
    jb__query_arg(query, encoded);
    return true;
}

static bool in_list(struct jb__query *query, struct jb__place place, struct jb_value value)
{
    struct jb_sql list = { .text = " in (?)", .arg_count = 1, .args = { value } };

    if (value.type != JB_IDS)
        return compare(query, place, " = ?", value);
    jb__query_put_place(query, place);
    jb__query_reserve(query, 2 * value.ids.count + 2);
    return jb__params(query->scope, query->db, query->model, &list, &query->sql, query->args, JB_MIN(query->args_max, JB__ARGS_MAX), &query->arg_count);
}

/* Rows that are linked to the one with that id, or to one of those. */
static bool linked(struct jb__query *query, const struct jb_link *link, const struct jb_condition *condition)
{
    const struct jb_model *table = jb__link_model(query->db, query->model, link);
    struct jb__place from = { NULL, &table->record.fields[1] }, to = { NULL, &table->record.fields[2] }, id = { NULL, jb_model_primary(query->model) };

    if (condition->op != JB_EQUAL && condition->op != JB_IN)
        return jb_fail(query->scope, JB_INVALID, JB_L(query->scope, "‘%s’은(는) 이어진 것의 번호로만 찾습니다.", "%s: rows are found by the ids of what they are linked to."), link->name);
    and_next(query);
    jb__query_put_place(query, id);
    jb__query_put(query, " in (select ");
    jb__query_put_place(query, from);
    jb__query_put(query, " from ");
    jb__put_name(&query->sql, jb_model_table(table));
    jb__query_put(query, " where ");
    if (!in_list(query, to, condition->value))
        return false;
    jb__query_put(query, ")");
    return true;
}

static bool condition(struct jb__query *query, const struct jb_condition *condition)
{
    const struct jb_link *link = jb__link_named(query->model, condition->field);
    bool null = condition->value.type == JB_NULL;
    struct jb__place place;

    if (link)
        return linked(query, link, condition);
    if (!jb__query_place(query, condition->field, "filter", &place))
        return false;
    and_next(query);
    if (null && (condition->op == JB_EQUAL || condition->op == JB_NOT_EQUAL)) {
        jb__query_put_place(query, place);
        jb__query_put(query, condition->op == JB_EQUAL ? " is null" : " is not null");
        return true;
    }
    switch (condition->op) {
    case JB_EQUAL: return compare(query, place, " = ?", condition->value);
    case JB_NOT_EQUAL: return compare(query, place, " is distinct from ?", condition->value);
    case JB_LESS: return compare(query, place, " < ?", condition->value);
    case JB_LESS_EQUAL: return compare(query, place, " <= ?", condition->value);
    case JB_GREATER: return compare(query, place, " > ?", condition->value);
    case JB_GREATER_EQUAL: return compare(query, place, " >= ?", condition->value);
    case JB_CONTAINS: return like(query, place, condition->value, true);
    case JB_STARTS: return like(query, place, condition->value, false);
    case JB_IN: return in_list(query, place, condition->value);
    case JB_IS_NULL:
        jb__query_put_place(query, place);
        jb__query_put(query, condition->value.type == JB_BOOL && !condition->value.truth ? " is not null" : " is null");
        return true;
    default:
        JB_CHECK(!"an operator");
        return false;
    }
}

/* One word in one field: text and dates by a part, numbers and amounts by their value. false when the word cannot stand there. */
static bool word_in_field(struct jb__query *query, struct jb__place place, struct jb_str word, bool first)
{
    const struct jb_field *field = place.field;
    struct jb_decimal number;
    struct jb_value value;
    bool part = field->type == JB_TEXT || field->type == JB_DATE || field->type == JB_MONTH;

    if (!part && (!jb_decimal_parse_loose(word, &number) || !jb__value_for(field, jb_v_decimal(number), &value)))
        return false;
    jb__query_put(query, first ? "" : " or ");
    if (part) {
        put_like(query, place);
    } else {
        jb__query_put_place(query, place);
        jb__query_put(query, " = ?");
    }
    jb__query_arg(query, part ? like_value(query, word, true) : value);
    return true;
}

static bool search(struct jb__query *query, struct jb_str words, const char *fields)
{
    struct jb_str rest = jb_str_trim_unicode(words);
    bool descending;
    int count = 0;

    JB_CHECK(fields); /* a search names its fields */
    while (rest.size > 0) {
        struct jb_str word = jb_str_trim_unicode(jb_str_cut(&rest, ' ')), list = jb_str_of(fields), name;
        bool first = true;
        if (word.size == 0)
            continue;
        if (count++ == SEARCH_WORDS_MAX)
            break; /* more words would only narrow further */
        and_next(query);
        jb__query_put(query, "(");
        while ((name = jb__list_word(&list, &descending)).data) {
            struct jb__place place;
            if (!jb__query_place(query, name, "search_fields", &place))
                return false;
            first = !word_in_field(query, place, word, first) && first;
        }
        jb__query_put(query, first ? "false)" : ")");
    }
    return true;
}

static bool literal(struct jb__query *query, const struct jb_sql *sql)
{
    jb__query_reserve(query, jb__args_room(sql));
    return jb__query_literal_joins(query, sql->text) &&
           jb__params(query->scope, query->db, query->model, sql, &query->sql, query->args, JB_MIN(query->args_max, query->arg_count + JB__ARGS_MAX), &query->arg_count);
}

bool jb__query_where(struct jb__query *query, const struct jb_select *what)
{
    query->reads = what->fresh ? JB_READS_PRIMARY : what->reads;
    if (what->where.text) {
        and_next(query);
        jb__query_put(query, "(");
        if (!literal(query, &what->where))
            return false;
        jb__query_put(query, ")");
    }
    for (const struct jb_condition *at = what->conditions; at && at->op != JB_OP_END; at++) {
        if (query->arg_count > CONDITION_ARGS_MAX && at->op != JB_IN)
            return jb_fail(query->scope, JB_LIMIT, "%s", JB_L(query->scope, "조건이 너무 많습니다. 줄이세요.", "Too many conditions. Use fewer."));
        if (!condition(query, at))
            return false;
    }
    return !what->search.size || search(query, what->search, what->search_fields);
}
