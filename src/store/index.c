/* index.c — the indexes that a model declares, read once for both databases.
 *
 * A list of fields, - for descending, is called TABLE_FIELDS_idx (_key when unique) unless it has a name of its own. Conditions are read here and written again by each database's DDL, so that both mean the same; their values are
 * written as they would stand in a sheet, in '' when they have blanks. */
// SPDX-License-Identifier: Apache-2.0
#include "store/ddl.h"
#include <string.h>

/* ---- names ------------------------------------------------------------------------------------------------------------------ */

struct jb_str jb__name_fit(struct jb_scope *scope, struct jb_str name, const char *ending, size_t bytes_max)
{
    size_t keep = bytes_max - strlen(ending) - strlen("_12345678");

    if (name.size + strlen(ending) <= bytes_max)
        return jb_format(scope, "%.*s%s", JB_FMT(name), ending);
    while (keep > 0 && ((unsigned char)name.data[keep] & 0xc0) == 0x80)
        keep--;
    return jb_format(scope, "%.*s_%08x%s", (int)keep, name.data, (unsigned)jb_str_digest(JB_DIGEST_START, name), ending);
}

bool jb__index_is_ours(struct jb_str table, struct jb_str name)
{
    static const char *const suffixes[] = { "_idx", "_key", "_idx_new", "_key_new" };

    for (size_t i = 0; i < JB_COUNT(suffixes); i++)
        if (jb_str_starts(name, table) && name.size > table.size && name.data[table.size] == '_' && jb_str_ends(name, jb_str_of(suffixes[i])))
            return true;
    return false;
}

static struct jb_str derived_name(struct jb_scope *scope, const struct jb__index *index, struct jb_str table)
{
    struct jb_buf name = JB_BUF_INIT(10000);

    jb_buf_put(&name, table);
    for (size_t i = 0; i < index->column_count; i++)
        jb_buf_printf(&name, "_%s", index->columns[i].field->name);
    struct jb_str fitted = jb__name_fit(scope, jb_buf_str(&name), index->unique ? "_key" : "_idx", JB__INDEX_NAME_BYTES_MAX);
    jb_buf_done(&name);
    return fitted;
}

/* ---- reading one group ---------------------------------------------------------------------------------------------------------- */

static bool word_next(struct jb_str *rest, const char *word)
{
    if (!jb_str_starts(*rest, jb_str_of(word)))
        return false;
    *rest = jb_str_trim(jb_str_slice(*rest, strlen(word), rest->size));
    return true;
}

/* 'a ''b''' or a bare word. */
static struct jb_str value_next(struct jb_scope *scope, struct jb_str *rest)
{
    struct jb_buf value = JB_BUF_INIT(10000);
    size_t at = 0;
    bool quoted = rest->size > 0 && rest->data[0] == '\'';

    for (at += quoted; at < rest->size; at++) {
        char c = rest->data[at];
        if (quoted && c == '\'' && (at + 1 == rest->size || rest->data[++at] != '\''))
            break;
        if (!quoted && c == ' ')
            break;
        jb_buf_put_char(&value, c);
    }
    if (quoted && at + 1 == rest->size && rest->data[at] == '\'')
        at++;
    struct jb_str text = jb_copy(scope, jb_buf_str(&value));
    jb_buf_done(&value);
    *rest = jb_str_trim(jb_str_slice(*rest, at, rest->size));
    return text;
}

static bool fail_condition(struct jb_scope *scope, const char *where, struct jb_str rest)
{
    return jb_fail(scope, JB_INVALID,
        JB_L(scope, "%s: 색인의 조건 “%.*s”을(를) 읽을 수 없습니다. 필드 = 값, 필드 is null 꼴을 and로 잇습니다.", "%s: the index's condition \"%.*s\" cannot be read. Write FIELD = VALUE or FIELD is null, joined by and."), where, JB_FMT(rest));
}

static bool condition_read(struct jb_scope *scope, const struct jb_model *model, const char *where, struct jb_str *rest, struct jb__index_condition *condition)
{
    static const char *const operators[] = { "is not null", "is null", "<=", ">=", "<>", "=", "<", ">" };
    struct jb_str whole = *rest;
    size_t end = 0;

    while (end < rest->size && !strchr(" <>=", rest->data[end]))
        end++;
    if (!(condition->field = jb__model_field(scope, model, jb_str_slice(*rest, 0, end), where)))
        return false;
    *rest = jb_str_trim(jb_str_slice(*rest, end, rest->size));
    condition->op = NULL;
    for (size_t i = 0; i < JB_COUNT(operators) && !condition->op; i++)
        if (word_next(rest, operators[i]))
            condition->op = operators[i];
    if (!condition->op)
        return fail_condition(scope, where, whole);
    condition->value = jb_v_null();
    if (condition->op[0] == 'i')
        return true;
    struct jb_str text = value_next(scope, rest);
    if (!jb_field_parse(scope, condition->field, text, &condition->value))
        return jb_wrap(scope, "%s: %.*s", where, JB_FMT(whole));
    return (condition->value.type != JB_NULL && jb__value_for(condition->field, condition->value, &condition->value)) || fail_condition(scope, where, whole);
}

static bool conditions_read(struct jb_scope *scope, const struct jb_model *model, const char *where, struct jb_str rest, struct jb__index *index)
{
    struct jb_str whole = rest;

    while (rest.size > 0) {
        if (index->condition_count == JB__INDEX_CONDITIONS_MAX || (index->condition_count > 0 && !word_next(&rest, "and ")))
            return fail_condition(scope, where, whole);
        if (!condition_read(scope, model, where, &rest, &index->conditions[index->condition_count]))
            return false;
        index->condition_count++;
    }
    return index->condition_count > 0 || fail_condition(scope, where, whole);
}

static bool columns_read(struct jb_scope *scope, const struct jb_model *model, const char *where, struct jb_str words, struct jb__index *index)
{
    struct jb_str word;
    bool descending;

    while ((word = jb__list_word(&words, &descending)).data) {
        const struct jb_field *field = jb__model_field(scope, model, word, where);
        if (!field)
            return false;
        if (index->column_count == JB__INDEX_COLUMNS_MAX)
            return jb_fail(scope, JB_INVALID, JB_L(scope, "%s: 색인 하나에 필드는 %d개까지입니다.", "%s: an index has at most %d fields."), where, JB__INDEX_COLUMNS_MAX);
        index->columns[index->column_count++] = (struct jb__index_column){ field, descending };
    }
    return true;
}

/* No fields give an index without columns. */
static bool index_read(struct jb_scope *scope, const struct jb_model *model, struct jb_str table, const struct jb_index *declared, struct jb__index *index)
{
    const char *where = jb_format(scope, "%s.%s%s", model->record.name, declared->name ? "named_indexes, " : declared->unique ? "uniques"
                                                                                                                              : "indexes",
        declared->name ? declared->name : "")
                            .data;

    *index = (struct jb__index){ .name = jb_str_of(declared->name), .unique = declared->unique };
    if (index->name.size > JB__INDEX_NAME_BYTES_MAX)
        return jb_fail(scope, JB_INVALID, JB_L(scope, "%s: 이름이 너무 깁니다 (%d바이트까지).", "%s: the name is too long (at most %d bytes)."), where, JB__INDEX_NAME_BYTES_MAX);
    if (!columns_read(scope, model, where, jb_str_of(declared->fields), index) || (declared->where && !conditions_read(scope, model, where, jb_str_trim(jb_str_of(declared->where)), index)))
        return false;
    if (declared->name)
        return index->column_count > 0 || jb_fail(scope, JB_INVALID, JB_L(scope, "%s: 필드가 없습니다.", "%s: it names no fields."), where);
    index->name = derived_name(scope, index, table);
    return true;
}

/* ---- all of a model ------------------------------------------------------------------------------------------------------------------ */

bool jb__index_leads(const struct jb__indexes *indexes, const char *column)
{
    for (size_t i = 0; i < indexes->count; i++)
        if (indexes->at[i].condition_count == 0 && strcmp(indexes->at[i].columns[0].field->name, column) == 0)
            return true;
    return false;
}

static bool index_add(struct jb_scope *scope, const struct jb_model *model, struct jb_str table, const struct jb_index *declared, struct jb__indexes *indexes)
{
    if (indexes->count == JB_COUNT(indexes->at)) {
        JB_CHECK(model->external); /* whose indexes are made elsewhere; we only ask what some begin with */
        return true;
    }
    if (!index_read(scope, model, table, declared, &indexes->at[indexes->count]))
        return false;
    indexes->count += indexes->at[indexes->count].column_count > 0;
    return true;
}

/* Groups of a list, separated by commas. */
static bool groups_add(struct jb_scope *scope, const struct jb_model *model, struct jb_str table, const char *list, bool unique, struct jb__indexes *indexes)
{
    bool ok = true;

    for (struct jb_str groups = jb_str_of(list); ok && groups.data;)
        ok = index_add(scope, model, table, &(struct jb_index){ .fields = jb_cstr(scope, jb_str_cut(&groups, ',')), .unique = unique }, indexes);
    return ok;
}

static bool read_all(struct jb_scope *scope, const struct jb_model *model, struct jb_str table, struct jb__indexes *indexes)
{
    const struct jb_field *fields = model->record.fields;
    bool ok = true;

    indexes->count = 0;
    for (const struct jb_field *field = fields; ok && field->type != JB_END; field++)
        if (field->unique && !field->primary)
            ok = index_add(scope, model, table, &(struct jb_index){ .fields = field->name, .unique = true }, indexes);
    ok = ok && groups_add(scope, model, table, model->uniques, true, indexes) && groups_add(scope, model, table, model->indexes, false, indexes);
    for (const struct jb_index *index = model->named_indexes; ok && index && index->name; index++)
        ok = index_add(scope, model, table, index, indexes);
    for (const struct jb_field *field = fields; ok && field->type != JB_END; field++)
        if ((field->indexed || field->references) && !jb__index_leads(indexes, field->name))
            ok = index_add(scope, model, table, &(struct jb_index){ .fields = field->name }, indexes);
    return ok;
}

void jb__indexes_of(struct jb_scope *scope, const struct jb_model *model, struct jb_str table, struct jb__indexes *ret_indexes)
{
    bool ok = read_all(scope, model, table, ret_indexes);
    JB_CHECK(ok); /* jb_model_check has refused it already */
}

bool jb__indexes_check(struct jb_scope *scope, const struct jb_model *model)
{
    struct jb__indexes *indexes = JB_NEW(scope, struct jb__indexes);

    if (!read_all(scope, model, jb_model_table(model), indexes))
        return false;
    for (size_t i = 0; i < indexes->count && !model->external; i++)
        for (size_t j = 0; j < i; j++)
            if (jb_str_equal(indexes->at[i].name, indexes->at[j].name))
                return jb_fail(scope, JB_INVALID,
                    JB_L(scope, "%s: 색인 둘의 이름이 %.*s입니다. 하나는 named_indexes에서 다른 이름으로 부르세요.", "%s: two indexes are called %.*s. Give one of them another name, in named_indexes."), model->record.name, JB_FMT(indexes->at[i].name));
    return true;
}
