/* model.c — what a model is called, and whether everything it names exists. */
// SPDX-License-Identifier: Apache-2.0
#include "store/ddl.h"
#include <string.h>

/* ---- names ---------------------------------------------------------------------------------------------------------------------- */

struct jb_str jb_model_table(const struct jb_model *model)
{
    return jb_str_of(model->table ? model->table : model->record.name);
}

struct jb_str jb_model_name(const struct jb_model *model, struct jb_scope *scope)
{
    if (model->name)
        return jb_str_of(model->name);
    size_t size = strlen(model->record.name), kept = 0;
    char *name = jb_alloc(scope, size + 1);
    for (size_t i = 0; i < size; i++)
        if (model->record.name[i] != '_')
            name[kept++] = model->record.name[i];
    return (struct jb_str){ name, kept };
}

struct jb_str jb_model_full_name(const struct jb_model *model, struct jb_scope *scope)
{
    struct jb_str name = jb_model_name(model, scope);
    return jb_format(scope, "%s.%.*s", model->app ? model->app : "", JB_FMT(name));
}

/* "project_cashbook" → "Project cashbook". */
static struct jb_str humanised(struct jb_scope *scope, const char *name)
{
    struct jb_str copy = jb_copy(scope, jb_str_of(name));
    char *at = (char *)copy.data;

    for (size_t i = 0; i < copy.size; i++)
        if (at[i] == '_')
            at[i] = ' ';
    if (copy.size > 0 && at[0] >= 'a' && at[0] <= 'z')
        at[0] = (char)(at[0] - 'a' + 'A');
    return copy;
}

struct jb_str jb_model_label(const struct jb_model *model, struct jb_scope *scope)
{
    const char *label = jb_language(scope) == JB_KO ? model->label : model->label_en;
    return label ? jb_str_of(label) : humanised(scope, model->record.name);
}

struct jb_str jb_model_entry(const struct jb_model *model, struct jb_scope *scope)
{
    const char *entry = jb_language(scope) == JB_KO ? model->entry : model->entry_en;
    return entry ? jb_str_of(entry) : jb_model_label(model, scope);
}

const struct jb_field *jb_model_primary(const struct jb_model *model)
{
    for (const struct jb_field *field = model->record.fields; field->type != JB_END; field++)
        if (field->primary)
            return field;
    JB_CHECK(!"a model has a primary key");
    return NULL;
}

int64_t jb_row_id(const struct jb_model *model, const void *row)
{
    int64_t id;
    memcpy(&id, (const char *)row + jb_model_primary(model)->offset, sizeof id);
    return id;
}

struct jb_str jb_row_title(struct jb_scope *scope, const struct jb_model *model, const void *row)
{
    const struct jb_field *title = model->title ? jb_record_field(&model->record, jb_str_of(model->title)) : NULL;
    struct jb_str text = title ? jb_value_text(scope, jb_record_get(&model->record, row, title)) : JB_STR_NULL;

    if (text.size > 0)
        return text;
    return jb_format(scope, "#%lld", (long long)jb_row_id(model, row));
}

const struct jb_model *jb__model_of_table(struct jb_db *db, struct jb_str table)
{
    for (const struct jb_model **model = db->models; *model; model++)
        if (jb_str_equal_nocase(jb_model_table(*model), table))
            return *model;
    return NULL;
}

const struct jb_model *jb_model_find(struct jb_scope *scope, struct jb_str full_name)
{
    const struct jb_model *const *models = jb_db_models(scope);
    struct jb_str names[256];
    size_t count = 0;

    for (; models[count] && count < JB_COUNT(names); count++) {
        names[count] = jb_model_full_name(models[count], scope);
        if (jb_str_equal_nocase(names[count], full_name))
            return models[count];
    }
    struct jb_str near = jb_nearest(full_name, names, count), ending = jb_format(scope, ".%.*s", JB_FMT(full_name));
    for (size_t i = 0; i < count && !near.data; i++)
        if (jb_str_ends(names[i], ending)) /* the app was left out */
            near = names[i];
    if (near.data)
        jb_fail(scope, JB_NOT_FOUND, JB_L(scope, "모델 “%.*s”이(가) 없습니다. “%.*s”을(를) 뜻했습니까?", "There is no model \"%.*s\"; did you mean \"%.*s\"?"), JB_FMT(full_name), JB_FMT(near));
    else if (jb_str_starts(full_name, JB_STR("tables.")))
        jb_fail(scope, JB_NOT_FOUND, JB_L(scope, "모델 “%.*s”이(가) 없습니다. 있는 표는 --tables all을 붙여야 읽습니다.", "There is no model \"%.*s\". Existing tables are read when --tables all is given."), JB_FMT(full_name));
    else
        jb_fail(scope, JB_NOT_FOUND, JB_L(scope, "모델 “%.*s”이(가) 없습니다. cash.cashbook처럼 앱.모델로 적으세요.", "There is no model \"%.*s\". Name it as APP.MODEL, like cash.cashbook."), JB_FMT(full_name));
    return NULL;
}

/* ---- lists of fields ---------------------------------------------------------------------------------------------------------------- */

struct jb_str jb__list_word(struct jb_str *rest, bool *ret_descending)
{
    *ret_descending = false;
    while (rest->data) {
        struct jb_str word = jb_str_trim(jb_str_cut(rest, ' '));
        if (word.size == 0)
            continue;
        if (word.data[0] == '-') {
            *ret_descending = true;
            word = jb_str_slice(word, 1, word.size);
        }
        return word;
    }
    return JB_STR_NULL;
}

bool jb__list_has(struct jb_str list, const char *name)
{
    struct jb_str word;
    bool descending;

    while ((word = jb__list_word(&list, &descending)).data)
        if (jb_str_is(word, name))
            return true;
    return false;
}

bool jb__field_is_stored(const struct jb_field *field)
{
    return field->type != JB_WORD;
}

bool jb__field_is_written(const struct jb_field *field)
{
    return field->type != JB_WORD && !field->as_text;
}

bool jb__has_word(const struct jb_model *model)
{
    const struct jb_field *field = model->record.fields;
    while (field->type != JB_END && field->type != JB_WORD)
        field++;
    return field->type == JB_WORD;
}

/* An optional reference, or a time that no presence word speaks for: 0 stands for NULL. With a word it is 1970-01-01, which older programs write for want of a time. */
static bool zero_is_null(const struct jb_model *model, const struct jb_field *field)
{
    return !field->required && !field->primary && (field->references || (field->type == JB_TIME && !jb__has_word(model)));
}

bool jb__field_nullable(const struct jb_model *model, const struct jb_field *field)
{
    if (field->required || field->primary || field->empty_text)
        return false;
    return field->type == JB_TEXT || zero_is_null(model, field) || jb__has_word(model);
}

struct jb_value jb__column_value(const struct jb_model *model, const void *row, const struct jb_field *field)
{
    struct jb_value value = jb_record_get(&model->record, row, field), exact;

    if (field->primary || zero_is_null(model, field))
        return value.type != JB_NULL && value.number == 0 ? jb_v_null() : value;
    if (value.type == JB_NULL && field->empty_text)
        return jb_v_text(JB_STR(""));
    if (value.type == JB_DECIMAL && (value.decimal.scale != field->decimals || field->as_number)) {
        bool fits = jb__value_for(field, value, &exact);
        JB_CHECK(fits); /* jb_field_check refuses more decimals than the field has */
        return exact;
    }
    return value;
}

const struct jb_field *jb__model_field(struct jb_scope *scope, const struct jb_model *model, struct jb_str name, const char *where)
{
    const struct jb_field *field = jb_record_field(&model->record, name);

    if (field && jb__field_is_stored(field))
        return field;
    struct jb_str near = jb_record_nearest(&model->record, name), full = jb_model_full_name(model, scope);
    if (near.data)
        jb_fail(scope, JB_INVALID, JB_L(scope, "%s: %.*s에 ‘%.*s’ 필드가 없습니다. ‘%.*s’을(를) 뜻했습니까?", "%s: %.*s has no '%.*s'; did you mean '%.*s'?"), where, JB_FMT(full), JB_FMT(name), JB_FMT(near));
    else
        jb_fail(scope, JB_INVALID, JB_L(scope, "%s: %.*s에 ‘%.*s’ 필드가 없습니다.", "%s: %.*s has no '%.*s'."), where, JB_FMT(full), JB_FMT(name));
    return NULL;
}

/* ---- jb check -------------------------------------------------------------------------------------------------------------------------- */

static bool list_check(struct jb_scope *scope, const struct jb_model *model, const char *list, const char *where)
{
    struct jb_str groups = jb_str_of(list);

    while (groups.data) {
        struct jb_str group = jb_str_cut(&groups, ','), word;
        bool descending;
        while ((word = jb__list_word(&group, &descending)).data)
            if (!jb__model_field(scope, model, word, where))
                return false;
    }
    return true;
}

static bool stored_type(enum jb_type type)
{
    return type == JB_BOOL || type == JB_INT32 || type == JB_INT64 || type == JB_TEXT || type == JB_DATE || type == JB_MONTH || type == JB_TIME || type == JB_DECIMAL || type == JB_WORD;
}

static const char *field_fault(const struct jb_model *model, const struct jb_field *field)
{
    if (strlen(field->name) > JB__NAME_BYTES_MAX)
        return "the name of a column has at most 63 bytes";
    if (!stored_type(field->type))
        return "a member of this type cannot be stored";
    if (field->min != 0 && !field->has_min)
        return ".min counts only beside .has_min = true";
    if (field->type == JB_DECIMAL && (field->digits < 1 || field->digits > JB_DECIMAL_DIGITS_MAX || field->decimals < 0 || field->decimals > field->digits))
        return "a decimal needs .digits (1 to 18) and .decimals";
    if (field->references && field->type != JB_INT64)
        return "a reference is an int64_t";
    if (field->on_delete == JB_SET_NULL && field->required)
        return "a required reference cannot become NULL";
    if ((field->auto_now || field->auto_now_add) && field->type != JB_TIME)
        return "auto_now is for struct jb_time";
    if (field->choices && field->type != JB_TEXT && field->type != JB_INT32 && field->type != JB_INT64)
        return "choices are for text and int";
    if (field->primary && (field->type != JB_INT64 || (!model->external && strcmp(field->name, "id") != 0)))
        return "the primary key is int64_t id";
    return NULL;
}

static bool fields_check(struct jb_scope *scope, const struct jb_model *model)
{
    int primaries = 0;

    for (const struct jb_field *field = model->record.fields; field->type != JB_END; field++) {
        const char *fault = field_fault(model, field);
        primaries += field->primary;
        if (fault)
            return jb_fail(scope, JB_INVALID, "%s.%s: %s", model->record.name, field->name, fault);
        struct jb_value ignored;
        if (field->default_text && !jb_field_parse(scope, field, jb_str_of(field->default_text), &ignored))
            return jb_wrap(scope, "%s.%s.default_text", model->record.name, field->name);
    }
    return primaries == 1 || jb_fail(scope, JB_INVALID, "%s: exactly one field is .primary", model->record.name);
}

static bool references_check(struct jb_scope *scope, const struct jb_model *model)
{
    for (const struct jb_field *field = model->record.fields; field->type != JB_END; field++) {
        const struct jb_model *const *known = jb_db_models(scope);
        while (field->references && *known && *known != field->references)
            known++;
        if (!*known)
            return jb_fail(scope, JB_INVALID, "%s.%s: it refers to %s, which is no model of the site", model->record.name, field->name, field->references->record.name);
        if (field->references && !jb__may_relate(jb_db_of(scope), model, field->references))
            return jb_fail(scope, JB_INVALID, "%s.%s: it refers to %s, but only one of the two is read from the analytics server; route their apps alike", model->record.name, field->name, field->references->record.name);
    }
    return true;
}

static bool is_declared_twice(struct jb_scope *scope, const char *table)
{
    const struct jb_model *const *models = jb_db_models(scope);
    size_t count = 0;

    for (size_t i = 0; models[i]; i++)
        count += jb_str_equal_nocase(jb_model_table(models[i]), jb_str_of(table));
    return count > 1;
}

static bool links_check(struct jb_scope *scope, const struct jb_model *model)
{
    for (const struct jb_link *link = model->links; link && link->name; link++)
        if (jb_record_field(&model->record, jb_str_of(link->name)))
            return jb_fail(scope, JB_INVALID, "%s.links, %s: a field has that name already", model->record.name, link->name);
        else if (is_declared_twice(scope, link->table))
            return jb_fail(scope, JB_INVALID, "%s.links, %s: the table %s is declared elsewhere, too; a link stands in one of its two models", model->record.name, link->name, link->table);
        else if (!jb__may_relate(jb_db_of(scope), model, link->target))
            return jb_fail(scope, JB_INVALID, "%s.links, %s: what is read from analytics cannot be linked with what is read here", model->record.name, link->name);
    return true;
}

bool jb_model_check(struct jb_scope *scope, const struct jb_model *model)
{
    const char *name = model->record.name;

    return jb__indexes_check(scope, model) && links_check(scope, model) && fields_check(scope, model) && references_check(scope, model) &&
           list_check(scope, model, model->order, jb_format(scope, "%s.order", name).data) &&
           list_check(scope, model, model->title, jb_format(scope, "%s.title", name).data);
}
