/* columns.c — what a sheet's columns mean: an exchange's columns resolved against the model, and the head row matched with them.
 *
 * A head cell means a column when it is its heading, its field's name or one of its labels, whatever the case and the blanks around it, composed or decomposed Hangul. */
// SPDX-License-Identifier: Apache-2.0
#include "transfer/transfer_private.h"
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#define UNKNOWN_MAX 100

struct jb_str jb__nfc(struct jb_scope *scope, struct jb_str text)
{
    bool ascii = true;

    for (size_t i = 0; i < text.size && ascii; i++)
        ascii = (unsigned char)text.data[i] < 0x80;
    if (ascii || !jb_utf8_valid(text))
        return text;
    utf8proc_uint8_t *composed = NULL;
    utf8proc_ssize_t size = utf8proc_map((const utf8proc_uint8_t *)text.data, (utf8proc_ssize_t)text.size, &composed, UTF8PROC_STABLE | UTF8PROC_COMPOSE);
    if (size < 0)
        return text;
    struct jb_str copy = jb_copy(scope, (struct jb_str){ (const char *)composed, (size_t)size });
    free(composed);
    return copy;
}

/* ---- the exchange's columns ------------------------------------------------------------------------------------------------ */

static bool fail_name(struct jb_scope *scope, const struct jb_record *record, struct jb_str name)
{
    struct jb_str nearest = jb_record_nearest(record, name);

    if (!nearest.data || jb_str_equal(nearest, name)) /* a secret one is not there for anybody */
        return jb_fail(scope, JB_INVALID, JB_L(scope, "%s에는 ‘%.*s’ 열이 없습니다.", "%s has no column \"%.*s\"."), record->name, JB_FMT(name));
    return jb_fail(scope, JB_INVALID, JB_L(scope, "%s에는 ‘%.*s’ 열이 없습니다. 혹시 ‘%.*s’입니까?", "%s has no column \"%.*s\". Did you mean \"%.*s\"?"), record->name, JB_FMT(name), JB_FMT(nearest));
}

/* "project" for project_id. */
bool jb__is_reference_to(const struct jb_field *field, struct jb_str name)
{
    struct jb_str own = jb_str_of(field->name);
    return field->references && (jb_str_equal(own, name) || (jb_str_ends(own, JB_STR("_id")) && jb_str_equal(jb_str_slice(own, 0, own.size - 3), name)));
}

static const struct jb_field *reference_find(const struct jb_record *record, struct jb_str name)
{
    for (const struct jb_field *field = record->fields; field->type != JB_END; field++)
        if (field->type != JB_WORD && jb__is_reference_to(field, name))
            return field;
    return NULL;
}

bool jb__target_resolve(struct jb_scope *scope, const struct jb_model *model, struct jb_str name, const char *heading, struct jb__target *ret_target)
{
    struct jb_str rest = name, first = jb_str_cut(&rest, '.');
    struct jb__target target = { .name = name };

    target.field = rest.data ? reference_find(&model->record, first) : jb_record_field(&model->record, name);
    if (!target.field || target.field->secret)
        return fail_name(scope, &model->record, first);
    if (rest.data) {
        target.lookup_in = target.field->references;
        target.lookup = jb_record_field(&target.lookup_in->record, rest);
        if (!target.lookup || target.lookup->secret)
            return fail_name(scope, &target.lookup_in->record, rest);
        if (!target.lookup->unique)
            return jb_fail(scope, JB_INVALID, JB_L(scope, "%s.%s은(는) 고유하지 않아 찾아볼 수 없습니다.", "%s.%s is not unique, so it cannot be looked up by."), target.lookup_in->record.name, target.lookup->name);
    }
    target.label = target.heading = heading ? jb_str_of(heading) : jb_field_label(scope, target.field, jb_language(scope));
    *ret_target = target;
    return true;
}

static bool is_default_column(const struct jb_field *field)
{
    return field->type != JB_WORD && !field->primary && !field->auto_now && !field->auto_now_add && !field->secret;
}

static const struct jb_field *default_match(const struct jb_model *model)
{
    for (const struct jb_field *field = model->record.fields; field->type != JB_END; field++)
        if (field->type != JB_WORD && field->unique && !field->primary && !field->secret)
            return field;
    return jb_model_primary(model);
}

const struct jb_field *jb_reference_field(const struct jb_field *field)
{
    const struct jb_model *there = field->references;
    const struct jb_field *key = there && there->title ? jb_record_field(&there->record, jb_str_of(there->title)) : NULL;

    if (there && (!key || !key->unique || key->secret))
        key = default_match(there);
    return key && !key->primary ? key : NULL;
}

/* "shelf_id.code" */
static struct jb_str default_name(struct jb_scope *scope, const struct jb_field *field)
{
    const struct jb_field *key = jb_reference_field(field);

    return !key ? jb_str_of(field->name) : jb_format(scope, "%s.%s", field->name, key->name);
}

static bool targets_of_model(struct jb__plan *plan, struct jb_scope *scope)
{
    const struct jb_record *record = &plan->model->record;

    plan->targets = JB_NEW_ARRAY(scope, struct jb__target, 2 * jb_record_count(record));
    for (const struct jb_field *field = record->fields; field->type != JB_END; field++)
        if (is_default_column(field) && !jb__target_resolve(scope, plan->model, default_name(scope, field), NULL, &plan->targets[plan->count++]))
            return false;
    return true;
}

static bool targets_of_exchange(struct jb__plan *plan, struct jb_scope *scope, const struct jb_column *columns)
{
    size_t count = 0;

    while (columns[count].field)
        count++;
    plan->targets = JB_NEW_ARRAY(scope, struct jb__target, count + jb_record_count(&plan->model->record));
    for (size_t i = 0; i < count; i++)
        if (!jb__target_resolve(scope, plan->model, jb_str_of(columns[i].field), columns[i].heading, &plan->targets[plan->count++]))
            return false;
    return true;
}

/* ---- the import key ------------------------------------------------------------------------------------------------------------ */

static bool add_match(struct jb__plan *plan, struct jb_scope *scope, const struct jb_field *field)
{
    plan->match[plan->match_count++] = field;
    for (size_t i = 0; i < plan->count; i++)
        if (plan->targets[i].field == field) {
            plan->targets[i].match = true;
            return true;
        }
    /* a key that the exchange leaves out may stand in the sheet all the same */
    if (!jb__target_resolve(scope, plan->model, jb_str_of(field->name), NULL, &plan->targets[plan->count]))
        return false;
    plan->targets[plan->count++].match = true;
    return true;
}

/* The fields of a key are unique alone or as one of the model's groups. */
static bool is_unique_key(const struct jb__plan *plan, struct jb_str text)
{
    if (plan->match_count == 1)
        return plan->match[0]->unique || plan->match[0]->primary;
    struct jb_str rest = jb_str_of(plan->model->uniques);
    while (rest.data)
        if (jb_str_equal(jb_str_trim(jb_str_cut(&rest, ',')), text))
            return true;
    return false;
}

static bool match_resolve(struct jb__plan *plan, struct jb_scope *scope, struct jb_str match_on)
{
    struct jb_str rest = jb_str_trim(match_on), words = rest;

    plan->match = JB_NEW_ARRAY(scope, const struct jb_field *, jb_record_count(&plan->model->record) + 1);
    if (words.size == 0)
        return add_match(plan, scope, default_match(plan->model));
    while (rest.data) {
        struct jb_str name = jb_str_cut(&rest, ' ');
        if (name.size == 0)
            continue;
        const struct jb_field *field = jb_record_field(&plan->model->record, name);
        if (!field || field->secret)
            return fail_name(scope, &plan->model->record, name);
        if (!add_match(plan, scope, field))
            return false;
        if (plan->match_count == jb_record_count(&plan->model->record))
            break;
    }
    return is_unique_key(plan, words) ||
           jb_fail(scope, JB_INVALID, JB_L(scope, "‘%.*s’은(는) 고유하지 않아 가져오기의 열쇠가 될 수 없습니다.", "\"%.*s\" is not unique, so it cannot be the import key."), JB_FMT(words));
}

struct jb__plan *jb__plan_new(struct jb_scope *scope, const struct jb_transfer *transfer, const struct jb_exchange *exchange, struct jb_str match_on)
{
    struct jb__plan *plan = JB_NEW(scope, struct jb__plan);

    plan->scope = scope;
    plan->model = exchange->model;
    plan->batch_rows = exchange->batch_rows ? exchange->batch_rows : transfer->batch_rows;
    if (!(exchange->columns ? targets_of_exchange(plan, scope, exchange->columns) : targets_of_model(plan, scope)))
        return NULL;
    return match_resolve(plan, scope, match_on.size > 0 ? match_on : jb_str_of(exchange->match_on)) ? plan : NULL;
}

/* ---- the head row ------------------------------------------------------------------------------------------------------------------ */

static bool same_name(struct jb_str head, struct jb_str name)
{
    return name.size > 0 && jb_str_equal_nocase(head, name);
}

static bool means(struct jb_scope *scope, const struct jb__target *target, struct jb_str head)
{
    if (same_name(head, target->label) || same_name(head, target->heading) || same_name(head, target->name) || same_name(head, jb_str_of(target->field->name)) ||
        same_name(head, jb_field_label(scope, target->field, JB_KO)) || same_name(head, jb_field_label(scope, target->field, JB_EN)))
        return true;
    return target->lookup && jb__is_reference_to(target->field, head);
}

static struct jb__target *target_find(struct jb__plan *plan, struct jb_scope *scope, struct jb_str head)
{
    for (size_t i = 0; i < plan->count; i++)
        if (!plan->targets[i].field->as_text && means(scope, &plan->targets[i], head)) /* such a column is only shown */
            return &plan->targets[i];
    return NULL;
}

static bool fail_twice(struct jb__plan *plan, struct jb_scope *scope, const struct jb__target *target, struct jb_str head, uint32_t column)
{
    char before[4], here[4];

    if (jb_str_equal_nocase(target->head, head))
        return jb_fail(scope, JB_INVALID,
            JB_L(scope, "%lld행: 머리글 ‘%.*s’이(가) %.*s열과 %.*s열에 두 번 있습니다. 하나만 남기세요.", "Row %lld: the heading \"%.*s\" stands twice, in columns %.*s and %.*s. Keep one."),
            (long long)plan->head_row, JB_FMT(head), JB_FMT(jb_column_letters(target->column, before)), JB_FMT(jb_column_letters(column, here)));
    return jb_fail(scope, JB_INVALID,
        JB_L(scope, "%lld행: %.*s열 ‘%.*s’과(와) %.*s열 ‘%.*s’이(가) 모두 ‘%.*s’에 들어갑니다. 하나를 빼거나 다른 열에 맞추세요.", "Row %lld: the columns %.*s (\"%.*s\") and %.*s (\"%.*s\") both go to \"%.*s\". Leave one out, or map it to another field."),
        (long long)plan->head_row, JB_FMT(jb_column_letters(target->column, before)), JB_FMT(target->head), JB_FMT(jb_column_letters(column, here)), JB_FMT(head), JB_FMT(target->heading));
}

bool jb__plan_take(struct jb__plan *plan, struct jb_scope *scope, struct jb__target *target, struct jb_str head, uint32_t column)
{
    if (target->column)
        return fail_twice(plan, scope, target, head, column);
    target->column = column;
    target->head = jb_copy(plan->scope, head);
    plan->by_column[column] = target;
    return true;
}

/* The job's word counts, then names and labels. */
static bool map_head(struct jb__plan *plan, struct jb_scope *scope, struct jb_str head, uint32_t column)
{
    struct jb__choice *choice = jb__plan_choice(plan, head, column);
    struct jb__target *target = choice ? choice->target : target_find(plan, scope, head);

    if (choice)
        choice->used = true;
    else if (!target)
        target = jb__plan_path(plan, scope, head);
    if (target && !(choice && choice->column)) /* what is wrong in it is told by the name that the sheet has for it */
        target->heading = jb_copy(plan->scope, head);
    if (target)
        return jb__plan_take(plan, scope, target, head, column);
    if (!choice && plan->unknown_count < UNKNOWN_MAX)
        plan->unknown[plan->unknown_count++] = jb_copy(plan->scope, jb_utf8_first(head, 100));
    return true;
}

static bool map_cells(struct jb__plan *plan, struct jb_scope *scope, const struct jb_sheet *sheet, const struct jb_sheet_row *head)
{
    struct jb_str *heads = JB_NEW_ARRAY(scope, struct jb_str, head->count + 1);
    size_t count = 0;

    for (size_t i = 0; i < head->count; i++) {
        struct jb_str text = jb_copy(scope, jb_str_trim_unicode(jb__nfc(scope, jb_cell_text(sheet, scope, &head->cells[i]))));
        if (text.size == 0)
            continue;
        plan->seen[head->cells[i].column] = true;
        heads[count++] = text;
        if (!map_head(plan, scope, text, head->cells[i].column))
            return false;
    }
    return jb__plan_choices_end(plan, scope, heads, count);
}

static struct jb_str headings(struct jb_scope *scope, const struct jb__plan *plan)
{
    struct jb_str list = JB_STR("");

    for (size_t i = 0; i < plan->count && i < 20; i++)
        list = jb_format(scope, "%.*s%s%.*s", JB_FMT(list), i ? ", " : "", JB_FMT(plan->targets[i].heading));
    return list;
}

static bool is_missing(const struct jb__target *target, enum jb_import_mode mode)
{
    if (target->column || (target->match && target->field->primary && mode != JB_UPDATE_ONLY))
        return false;
    return target->match || (target->field->required && !target->field->default_text && !target->has_fallback && mode != JB_UPDATE_ONLY);
}

static bool check_required(const struct jb__plan *plan, struct jb_scope *scope, enum jb_import_mode mode)
{
    struct jb_str list = JB_STR("");
    size_t count = 0, keys = 0;

    for (size_t i = 0; i < plan->count; i++) {
        const struct jb__target *target = &plan->targets[i];
        if (!is_missing(target, mode))
            continue;
        list = jb_format(scope, JB_L(scope, "%.*s%s‘%.*s’", "%.*s%s\"%.*s\""), JB_FMT(list), count++ ? ", " : "", JB_FMT(target->heading));
        keys += target->match;
    }
    if (count == 0)
        return true;
    const char *advice = keys == count ? JB_L(scope, "행을 알아보는 열쇠이니 머리글을 넣거나 다른 이름의 열을 맞추세요(map).", "The key tells rows apart: add it, or map a column to it (map).")
                         : keys > 0    ? JB_L(scope, "머리글을 넣으세요.", "Add what is missing.")
                                       : JB_L(scope, "머리글을 넣거나, 다른 이름의 열을 맞추거나(map), 기본값을 주거나(default), 있는 행만 고치려면 방식을 ‘있는 행만 고치기’(update)로 하세요.", "Add what is missing, map a column to it (map), give a default (default), or use the mode \"update\" to change existing rows only.");
    return jb_fail(scope, JB_INVALID, JB_L(scope, "필수 열 %.*s이(가) 없습니다. %s", count == 1 ? "The required column %.*s is missing. %s" : "The required columns %.*s are missing. %s"), JB_FMT(list), advice);
}

bool jb__plan_map(struct jb__plan *plan, struct jb_scope *scope, const struct jb_sheet *sheet, const struct jb_sheet_row *head, enum jb_import_mode mode)
{
    plan->head_row = head->number;
    plan->column_max = head->count > 0 ? head->cells[head->count - 1].column : 0;
    for (size_t i = 0; i < plan->choice_count; i++)
        plan->column_max = JB_MAX(plan->column_max, plan->choices[i].column);
    plan->by_column = JB_NEW_ARRAY(plan->scope, struct jb__target *, plan->column_max + 1);
    plan->seen = JB_NEW_ARRAY(plan->scope, bool, plan->column_max + 1);
    plan->unknown = JB_NEW_ARRAY(plan->scope, struct jb_str, UNKNOWN_MAX);
    if (!map_cells(plan, scope, sheet, head))
        return false;
    plan->present = JB_NEW_ARRAY(plan->scope, const struct jb_field *, plan->count + 1);
    for (size_t i = 0; i < plan->count; i++)
        if (plan->targets[i].column)
            plan->present[plan->present_count++] = plan->targets[i].field;
    if (plan->present_count == 0)
        return jb_fail(scope, JB_INVALID, JB_L(scope, "%lld행에 아는 머리글이 없습니다. 머리글이 있는 행을 고르거나(header-row), 열을 맞추거나(map), 그 행에 머리글을 적으세요: %.*s.", "Row %lld holds no known heading. Choose the row that holds the headings (header-row), say what the columns mean (map), or write headings into that row: %.*s."),
            (long long)plan->head_row, JB_FMT(headings(scope, plan)));
    plan->match_given = true;
    for (size_t i = 0; i < plan->count; i++)
        if (plan->targets[i].match && !plan->targets[i].column)
            plan->match_given = false;
    return check_required(plan, scope, mode);
}
