/* mapping.c — what a job says about the columns of its sheet: this heading means that field, that field has this default.
 *
 * A mapping is an option of the job, so an attempt that starts again reads the sheet the same way. It may only name what the exchange has; a reference may be given by any unique field of its
 * target, whichever the exchange would take. */
// SPDX-License-Identifier: Apache-2.0
#include "transfer/transfer_private.h"
#include <string.h>

#define NAMES_MAX 400

bool jb_import_pair_read(struct jb_scope *scope, const char *option, struct jb_str text, bool by_last, struct jb_import_pair *ret_pair)
{
    size_t cut = SIZE_MAX;

    for (size_t i = 0; i < text.size && (by_last || cut == SIZE_MAX); i++)
        if (text.data[i] == '=')
            cut = i;
    struct jb_import_pair pair = { JB_STR(""), JB_STR("") };
    if (cut != SIZE_MAX)
        pair = (struct jb_import_pair){ jb_str_trim_unicode(jb_str_slice(text, 0, cut)), jb_str_trim_unicode(jb_str_slice(text, cut + 1, text.size)) };
    if (pair.name.size == 0)
        return jb_fail(scope, JB_INVALID, by_last ? JB_L(scope, "‘%s %.*s’: 머리글=열이름으로 적으세요. 보기: 금액=income.", "'%s %.*s': give HEADING=FIELD, for example Amount=income.") : JB_L(scope, "‘%s %.*s’: 열이름=값으로 적으세요. 보기: account=현금.", "'%s %.*s': give FIELD=VALUE, for example account=cash."), option,
            JB_FMT(text));
    *ret_pair = pair;
    return true;
}

/* ---- names ----------------------------------------------------------------------------------------------------------------- */

/* What may be written for a target: its own name and, of a reference, every unique field of what it refers to. */
static size_t names_of(const struct jb__target *target, struct jb_scope *scope, struct jb_str *names)
{
    const struct jb_model *there = target->field->references;
    size_t count = 0;

    names[count++] = target->name;
    for (const struct jb_field *field = there ? there->record.fields : NULL; field && field->type != JB_END && count < 20; field++)
        if (field->type != JB_WORD && field->unique && !field->secret)
            names[count++] = jb_format(scope, "%s.%s", target->field->name, field->name);
    return count;
}

static bool fail_unknown(struct jb__plan *plan, struct jb_scope *scope, struct jb_str name)
{
    struct jb_str *names = JB_NEW_ARRAY(scope, struct jb_str, NAMES_MAX + 20);
    size_t count = 0;

    for (size_t i = 0; i < plan->count && count < NAMES_MAX; i++)
        count += names_of(&plan->targets[i], scope, names + count);
    struct jb_str nearest = jb_nearest(name, names, count), label = jb_model_label(plan->model, scope);
    if (!nearest.data)
        return jb_fail(scope, JB_INVALID, JB_L(scope, "‘%.*s’에는 ‘%.*s’ 열이 없습니다.", "%.*s has no field \"%.*s\"."), JB_FMT(label), JB_FMT(name));
    return jb_fail(scope, JB_INVALID, JB_L(scope, "‘%.*s’에는 ‘%.*s’ 열이 없습니다. 혹시 ‘%.*s’입니까?", "%.*s has no field \"%.*s\". Did you mean \"%.*s\"?"), JB_FMT(label), JB_FMT(name), JB_FMT(nearest));
}

static bool is_named(struct jb_scope *scope, const struct jb_field *field, struct jb_str name)
{
    return jb_str_equal_nocase(name, jb_str_of(field->name)) || jb_str_equal_nocase(name, jb_field_label(scope, field, JB_KO)) || jb_str_equal_nocase(name, jb_field_label(scope, field, JB_EN));
}

/* The target looks up by this field of what it refers to from now on. */
static void look_up_by(struct jb__plan *plan, struct jb_scope *scope, struct jb__target *target, const struct jb_field *by)
{
    if (by == target->lookup || (by->primary && !target->lookup))
        return;
    struct jb_str label = jb_field_label(plan->scope, target->field, jb_language(scope)), its = jb_field_label(plan->scope, by, jb_language(scope));
    target->lookup = by->primary ? NULL : by;
    target->lookup_in = by->primary ? NULL : target->field->references;
    target->name = by->primary ? jb_str_of(target->field->name) : jb_format(plan->scope, "%s.%s", target->field->name, by->name);
    target->heading = by->primary ? label : jb_format(plan->scope, "%.*s %.*s", JB_FMT(label), JB_FMT(its));
}

static const struct jb_field *unique_named(struct jb_scope *scope, const struct jb_model *model, struct jb_str name)
{
    for (const struct jb_field *field = model->record.fields; field->type != JB_END; field++)
        if (field->type != JB_WORD && (field->unique || field->primary) && !field->secret && is_named(scope, field, name))
            return field;
    return NULL;
}

static bool fail_not_unique(struct jb__plan *plan, struct jb_scope *scope, const struct jb__target *target, struct jb_str path, struct jb_str rest)
{
    const struct jb_model *there = target->field->references;
    struct jb_str label = jb_model_label(there, scope);

    if (!jb_record_field(&there->record, rest))
        return fail_unknown(plan, scope, path);
    return jb_fail(scope, JB_INVALID, JB_L(scope, "‘%.*s’: %.*s의 그 열은 고유하지 않아 찾아볼 수 없습니다.", "\"%.*s\": that field of %.*s is not unique, so it cannot be looked up by."), JB_FMT(path), JB_FMT(label));
}

/* "수입", as people see it on pages. */
static struct jb__target *target_labelled(struct jb__plan *plan, struct jb_scope *scope, struct jb_str name)
{
    for (size_t i = 0; i < plan->count; i++) {
        struct jb__target *target = &plan->targets[i];
        if (!target->field->as_text && (jb_str_equal_nocase(name, target->heading) || is_named(scope, target->field, name)))
            return target;
    }
    return jb__plan_path(plan, scope, name);
}

struct jb__target *jb__plan_target(struct jb__plan *plan, struct jb_scope *scope, struct jb_str name)
{
    struct jb_str rest = name, first = jb_str_cut(&rest, '.');

    for (size_t i = 0; i < plan->count; i++) {
        struct jb__target *target = &plan->targets[i];
        if (target->field->as_text)
            continue; /* such a column is only shown */
        if (jb_str_equal(name, target->name) || (!target->field->references && jb_str_is(name, target->field->name)))
            return target;
        if (!target->field->references || !(jb__is_reference_to(target->field, first)))
            continue;
        bool by_number = !rest.data && jb_str_is(name, target->field->name);
        const struct jb_field *by = rest.data ? unique_named(scope, target->field->references, rest) : by_number ? jb_model_primary(target->field->references)
                                                                                                                 : target->lookup;
        if (!by && rest.data) {
            fail_not_unique(plan, scope, target, name, rest);
            return NULL;
        }
        if (by)
            look_up_by(plan, scope, target, by);
        return target;
    }
    struct jb__target *labelled = target_labelled(plan, scope, name);
    if (!labelled)
        fail_unknown(plan, scope, name);
    return labelled;
}

/* "project.code", "사업.사업코드", "사업 사업코드" */
struct jb__target *jb__plan_path(struct jb__plan *plan, struct jb_scope *scope, struct jb_str head)
{
    size_t cut = jb_str_find_char(head, '.', 0);

    if (cut == SIZE_MAX)
        cut = jb_str_find_char(head, ' ', 0);
    if (cut == SIZE_MAX)
        return NULL;
    struct jb_str first = jb_str_trim_unicode(jb_str_slice(head, 0, cut)), rest = jb_str_trim_unicode(jb_str_slice(head, cut + 1, head.size));
    for (size_t i = 0; i < plan->count; i++) {
        struct jb__target *target = &plan->targets[i];
        if (!target->field->references || target->field->as_text || target->column || !(jb__is_reference_to(target->field, first) || is_named(scope, target->field, first)))
            continue;
        const struct jb_field *by = unique_named(scope, target->field->references, rest);
        if (!by)
            continue;
        look_up_by(plan, scope, target, by);
        return target;
    }
    return NULL;
}

/* ---- the mapping --------------------------------------------------------------------------------------------------------------- */

/* 2 for "[B]", 0 for what is no column's letters. */
static uint32_t letters_read(struct jb_str text)
{
    uint32_t column = 0;

    if (text.size < 3 || text.size > 5 || text.data[0] != '[' || text.data[text.size - 1] != ']')
        return 0;
    for (size_t i = 1; i + 1 < text.size; i++) {
        char letter = (char)(text.data[i] | 0x20);
        if (letter < 'a' || letter > 'z')
            return 0;
        column = column * 26 + (uint32_t)(letter - 'a') + 1;
    }
    return column <= 16384 ? column : 0;
}

static bool choose(struct jb__plan *plan, struct jb_scope *scope, const struct jb_import_pair *pair)
{
    struct jb__choice choice = { .head = jb_str_trim_unicode(jb__nfc(scope, pair->name)), .column = letters_read(pair->name) };

    if (pair->value.size > 0 && !(choice.target = jb__plan_target(plan, scope, pair->value)))
        return false;
    for (size_t i = 0; i < plan->choice_count; i++) {
        const struct jb__choice *other = &plan->choices[i];
        if (jb_str_equal_nocase(other->head, choice.head))
            return jb_fail(scope, JB_INVALID, JB_L(scope, "머리글 ‘%.*s’을(를) 두 번 맞추었습니다. 하나만 남기세요.", "The heading \"%.*s\" is mapped twice. Keep one."), JB_FMT(choice.head));
        if (choice.target && other->target == choice.target)
            return jb_fail(scope, JB_INVALID, JB_L(scope, "‘%.*s’과(와) ‘%.*s’을(를) 모두 ‘%.*s’에 맞추었습니다. 하나를 빼거나 다른 열에 맞추세요.", "\"%.*s\" and \"%.*s\" are both mapped to \"%.*s\". Leave one out, or map it to another field."), JB_FMT(other->head), JB_FMT(choice.head),
                JB_FMT(choice.target->name));
    }
    plan->choices[plan->choice_count++] = choice;
    return true;
}

struct jb__choice *jb__plan_choice(const struct jb__plan *plan, struct jb_str head, uint32_t column)
{
    for (size_t i = 0; i < plan->choice_count; i++)
        if (plan->choices[i].column ? plan->choices[i].column == column : jb_str_equal_nocase(plan->choices[i].head, head))
            return &plan->choices[i];
    return NULL;
}

static bool fail_no_heading(const struct jb__plan *plan, struct jb_scope *scope, struct jb_str head, const struct jb_str *heads, size_t count)
{
    struct jb_str nearest = jb_nearest(head, heads, count);

    if (nearest.data)
        return jb_fail(scope, JB_INVALID, JB_L(scope, "%lld행에 머리글 ‘%.*s’이(가) 없습니다. 혹시 ‘%.*s’입니까?", "Row %lld has no heading \"%.*s\". Did you mean \"%.*s\"?"), (long long)plan->head_row, JB_FMT(head), JB_FMT(nearest));
    struct jb_str list = JB_STR("");
    for (size_t i = 0; i < count && i < 20; i++)
        list = jb_format(scope, "%.*s%s%.*s", JB_FMT(list), i ? ", " : "", JB_FMT(heads[i]));
    return jb_fail(scope, JB_INVALID, JB_L(scope, "%lld행에 머리글 ‘%.*s’이(가) 없습니다. 있는 것: %.*s.", "Row %lld has no heading \"%.*s\". It has: %.*s."), (long long)plan->head_row, JB_FMT(head), JB_FMT(list));
}

bool jb__plan_choices_end(struct jb__plan *plan, struct jb_scope *scope, const struct jb_str *heads, size_t count)
{
    for (size_t i = 0; i < plan->choice_count; i++) {
        struct jb__choice *choice = &plan->choices[i];
        if (choice->used)
            continue;
        if (!choice->column)
            return fail_no_heading(plan, scope, choice->head, heads, count);
        if (!choice->target)
            plan->seen[choice->column] = true; /* it is left out, whatever it holds */
        else if (!jb__plan_take(plan, scope, choice->target, choice->head, choice->column))
            return false;
    }
    return true;
}

bool jb__plan_seen(const struct jb__plan *plan, struct jb_scope *scope)
{
    for (size_t i = 0; i < plan->choice_count; i++) {
        const struct jb__choice *choice = &plan->choices[i];
        if (choice->column && choice->target && !plan->seen[choice->column])
            return jb_fail(scope, JB_INVALID, JB_L(scope, "시트의 %.*s열에는 머리글도 값도 없습니다. 다른 열을 고르세요.", "Column %.*s of the sheet has neither a heading nor a value. Choose another."), JB_FMT(choice->head));
    }
    return true;
}

/* ---- defaults ---------------------------------------------------------------------------------------------------------------------- */

static bool set_default(struct jb__plan *plan, struct jb_scope *scope, const struct jb_import_pair *pair)
{
    struct jb__target *as_mapped = JB_NEW_ARRAY(scope, struct jb__target, plan->count), *target;
    struct jb_value value;

    memcpy(as_mapped, plan->targets, plan->count * sizeof *as_mapped);
    if (!(target = jb__plan_target(plan, scope, pair->name)))
        return false;
    const struct jb_field *by = target->lookup, *field = by ? by : target->field;
    memcpy(plan->targets, as_mapped, plan->count * sizeof *as_mapped); /* the column itself may be given by another field */
    if (target->match)
        return jb_fail(scope, JB_INVALID, JB_L(scope, "‘%.*s’은(는) 행을 알아보는 열쇠라 기본값을 둘 수 없습니다.", "\"%.*s\" tells rows apart, so it can have no default."), JB_FMT(target->heading));
    if (target->has_fallback)
        return jb_fail(scope, JB_INVALID, JB_L(scope, "‘%.*s’의 기본값이 두 번 있습니다. 하나만 남기세요.", "\"%.*s\" has two defaults. Keep one."), JB_FMT(target->heading));
    if (!jb_field_parse(scope, field, pair->value, &value) || !jb_field_check(scope, field, value))
        return jb_wrap(scope, JB_L(scope, "‘%.*s’의 기본값 ‘%.*s’", "the default of \"%.*s\", \"%.*s\""), JB_FMT(target->heading), JB_FMT(pair->value));
    target->has_fallback = true;
    target->fallback = value;
    target->fallback_lookup = by;
    return true;
}

struct jb__plan *jb__plan_of(struct jb_scope *scope, const struct jb_transfer *transfer, const struct jb_exchange *exchange, const struct jb_import_options *options)
{
    struct jb__plan *plan = jb__plan_new(scope, transfer, exchange, options->match_on);

    if (!plan)
        return NULL;
    plan->choices = JB_NEW_ARRAY(scope, struct jb__choice, options->map.count + 1);
    for (size_t i = 0; i < options->map.count; i++)
        if (!choose(plan, scope, &options->map.at[i]))
            return NULL;
    for (size_t i = 0; i < options->defaults.count; i++)
        if (!set_default(plan, scope, &options->defaults.at[i]))
            return NULL;
    return plan;
}
