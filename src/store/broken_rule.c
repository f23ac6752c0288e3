/* broken_rule.c — which rule of a table was broken, as a sentence for people.
 *
 * The drivers find out from their database's message which columns, which constraint or which reference it was; the words are found here. A rule of a field is said about the field, with the value
 * where it may be seen. */
// SPDX-License-Identifier: Apache-2.0
#include "store/broken_rule.h"

/* The sentence is for the field; the failure's kind is that of the broken rule. */
static bool fail_field(struct jb_scope *scope, enum jb_error error, const struct jb_field *field, struct jb_str sentence)
{
    struct jb_str label = jb_field_label(scope, field, jb_language(scope));

    if (error == JB_INVALID)
        return jb_fail_field(scope, jb_str_of(field->name), "%.*s", JB_FMT(sentence));
    return jb_fail(scope, error, JB_L(scope, "‘%.*s’: %.*s", "%.*s: %.*s"), JB_FMT(label), JB_FMT(sentence));
}

/* The member of the statement's row, otherwise what the database told; NULL text for what nobody may see. */
static struct jb_str shown(struct jb_scope *scope, const struct jb_model *model, const struct jb_field *field, struct jb_str told, const struct jb__statement *what)
{
    if (field->secret)
        return JB_STR_NULL;
    if (what && what->row && what->model == model)
        told = jb_value_text(scope, jb_record_get(&model->record, what->row, field));
    return told.data ? jb_utf8_first(told, 60) : JB_STR_NULL;
}

/* "products.code, products.name": the table, and its last column that is a field of the model. */
static const struct jb_field *named_field(struct jb_db *db, struct jb_str columns, const struct jb_model **ret_model, int *ret_count)
{
    const struct jb_field *found = NULL;

    *ret_count = 0;
    while (columns.data) {
        struct jb_str column = jb_str_trim(jb_str_cut(&columns, ',')), table = jb_str_cut(&column, '.');
        const struct jb_model *model = jb__model_of_table(db, table);
        if (!model || !column.data)
            continue;
        *ret_model = model;
        const struct jb_field *field = jb_record_field(&model->record, column);
        if (field) {
            (*ret_count)++;
            found = field;
        }
    }
    return found;
}

bool jb__broken_unique(struct jb_scope *scope, struct jb_str columns, struct jb_str told, const struct jb__statement *what)
{
    const struct jb_model *model = NULL;
    int count;
    const struct jb_field *field = named_field(jb_db_of(scope), columns, &model, &count);

    if (!field)
        return jb_fail(scope, JB_CONFLICT, JB_L(scope, "같은 값이 이미 있습니다 (%.*s).", "Such a value exists already (%.*s)."), JB_FMT(columns));
    struct jb_str value = shown(scope, model, field, told, what);
    if (count > 1)
        return fail_field(scope, JB_CONFLICT, field, jb_str_of(JB_L(scope, "같은 조합의 행이 이미 있습니다. 다른 값을 쓰세요.", "a row with this combination exists already. Use another value.")));
    if (!value.data)
        return fail_field(scope, JB_CONFLICT, field, jb_str_of(JB_L(scope, "같은 값이 이미 있습니다. 다른 값을 쓰세요.", "this value exists already. Use another one.")));
    return fail_field(scope, JB_CONFLICT, field,
        jb_format(scope, JB_L(scope, "“%.*s” 값이 이미 있습니다. 다른 값을 쓰세요.", "\"%.*s\" exists already. Use another value."), JB_FMT(value)));
}

bool jb__broken_null(struct jb_scope *scope, struct jb_str column)
{
    const struct jb_model *model = NULL;
    int count;
    const struct jb_field *field = named_field(jb_db_of(scope), column, &model, &count);

    if (!field)
        return jb_fail(scope, JB_INVALID, JB_L(scope, "값이 있어야 하는 열이 비어 있습니다 (%.*s).", "A required column is empty (%.*s)."), JB_FMT(column));
    return fail_field(scope, JB_INVALID, field, jb_str_of(JB_L(scope, "비어 있습니다. 값을 적으세요.", "is empty. Enter a value.")));
}

/* What jb_field_check says against the row's member; NULL text when it is fine. */
static struct jb_str complaint(struct jb_scope *scope, const struct jb_model *model, const void *row, const struct jb_field *field)
{
    struct jb_scope *child = jb_scope_child(scope, "check");
    bool fine = jb_field_check(child, field, jb_record_get(&model->record, row, field));
    struct jb_str reason = fine ? JB_STR_NULL : jb_copy(scope, jb_failure_text(child));

    jb_scope_end(child);
    return reason;
}

bool jb__broken_check(struct jb_scope *scope, struct jb_str name, const struct jb__statement *what)
{
    const struct jb_model *model = NULL;
    int count;
    struct jb_str column = jb_str_slice(name, 0, jb_str_find_char(name, ' ', 0)), reason = JB_STR_NULL;
    const struct jb_field *field = named_field(jb_db_of(scope), column, &model, &count);

    if (!field)
        return jb_fail(scope, JB_INVALID, JB_L(scope, "표의 규칙에 맞지 않는 값입니다 (%.*s).", "A value breaks a rule of the table (%.*s)."), JB_FMT(name));
    if (what && what->model == model && what->row)
        reason = complaint(scope, model, what->row, field);
    if (!reason.data)
        reason = jb_format(scope, JB_L(scope, "값이 규칙에 맞지 않습니다 (%.*s).", "the value breaks a rule (%.*s)."), JB_FMT(name));
    return fail_field(scope, JB_INVALID, field, reason);
}

bool jb__broken_row(struct jb_scope *scope, const struct jb__statement *what)
{
    bool broken = false;

    if (!what || !what->model || !what->row)
        return false;
    for (const struct jb_field *field = what->model->record.fields; field->type != JB_END; field++) {
        struct jb_str reason = jb__field_is_stored(field) ? complaint(scope, what->model, what->row, field) : JB_STR_NULL;
        if (reason.data)
            fail_field(scope, JB_INVALID, field, reason);
        broken |= reason.data != NULL;
    }
    return broken;
}

bool jb__broken_text(struct jb_scope *scope, const struct jb__statement *what)
{
    return !jb__broken_row(scope, what) && jb_fail(scope, JB_INVALID, "%s", JB_L(scope, "글에 UTF-8이 아닌 바이트나 NUL이 있습니다. 고쳐 쓰세요.", "A text has bytes that are no UTF-8, or a NUL. Correct it."));
}

bool jb__broken_reference(struct jb_scope *scope, const struct jb_model *model, const struct jb_field *field, struct jb_str told, const struct jb__statement *what)
{
    struct jb_str value = shown(scope, model, field, told, what);

    if (!value.data)
        return fail_field(scope, JB_INVALID, field, jb_str_of(JB_L(scope, "가리키는 행이 없습니다. 있는 것을 고르세요.", "there is no such row. Choose an existing one.")));
    return fail_field(scope, JB_INVALID, field,
        jb_format(scope, JB_L(scope, "가리키는 행이 없습니다 (%.*s). 있는 것을 고르세요.", "there is no such row (%.*s). Choose an existing one."), JB_FMT(value)));
}

bool jb__broken_delete(struct jb_scope *scope, const struct jb_model *other)
{
    if (other) {
        struct jb_str label = jb_model_label(other, scope);
        return jb_fail(scope, JB_CONFLICT, JB_L(scope, "지우지 못했습니다. ‘%.*s’에 이것을 쓰는 행이 있습니다. 먼저 그 행을 지우거나 고치세요.", "Not deleted: rows of \"%.*s\" refer to it. Delete or change them first."), JB_FMT(label));
    }
    return jb_fail(scope, JB_CONFLICT, "%s", JB_L(scope, "다른 행이 가리키는 행을 지우거나, 없는 행을 가리킬 수 없습니다.", "A row that others refer to cannot go, and a reference needs its row."));
}

/* ---- what is no rule of a table ------------------------------------------------------------------------------------------------------- */

bool jb__fail_busy(struct jb_scope *scope)
{
    if (!jb_continue(scope))
        return jb_wrap(scope, "%s", JB_L(scope, "데이터베이스를 기다리다가 멈추었습니다", "while waiting for the database"));
    return jb_fail(scope, JB_TIMEOUT, "%s", JB_L(scope, "데이터베이스가 바쁩니다. 잠시 뒤에 다시 하세요.", "The database is busy. Try again in a moment."));
}

bool jb__fail_disk_full(struct jb_scope *scope)
{
    jb_fail(scope, JB_UNAVAILABLE, "%s", JB_L(scope, "디스크가 가득 차서 저장하지 못했습니다. 자리를 비우고 다시 하세요.", "The disk is full, so this could not be saved. Free some space and try again."));
    return jb_failure_of_full_disk(scope);
}

bool jb__fail_too_big(struct jb_scope *scope)
{
    return jb_fail(scope, JB_LIMIT, "%s", JB_L(scope, "값이 너무 큽니다. 나누어 저장하세요.", "The value is too big. Split it."));
}

bool jb__fail_total(struct jb_scope *scope)
{
    return jb_fail(scope, JB_LIMIT, "%s", JB_L(scope, "합계가 너무 커서 셈할 수 없습니다. 범위를 줄이세요.", "The total is too big. Narrow the range."));
}
