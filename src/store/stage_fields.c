/* stage_fields.c — what both stagings read off a model: lists of columns, groups that are unique together, keys to look up, the model's own check. */
// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"
#include "store/stage_private.h"
#include <string.h>

/* ---- names ------------------------------------------------------------------------------------------------------------------- */

struct jb_str jb__stage_table(struct jb_scope *scope, const struct jb_stage *stage)
{
    return jb__quoted(scope, jb_cstr(scope, jb_model_table(stage->model)));
}

struct jb_str jb__stage_list(struct jb_scope *scope, const struct jb_field *const *fields, size_t count, const char *pattern, const char *between)
{
    struct jb_buf buf = JB_BUF_INIT(JB__SQL_BYTES_MAX);

    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            jb_buf_put_z(&buf, between);
        for (const char *c = pattern; *c; c++)
            if (*c == '@')
                jb__put_name(&buf, jb_str_of(fields[i]->name));
            else
                jb_buf_put_char(&buf, *c);
    }
    struct jb_str list = jb_copy(scope, jb_buf_str(&buf));
    jb_buf_done(&buf);
    return list;
}

/* ---- fields ------------------------------------------------------------------------------------------------------------------ */

size_t jb__stage_stored(const struct jb_model *model, bool with_primary, const struct jb_field **fields)
{
    size_t count = 0;

    for (const struct jb_field *field = model->record.fields; field->type != JB_END; field++)
        if (jb__field_is_written(field) && (with_primary || !field->primary)) {
            JB_CHECK(count < JB_STAGE_COLUMNS_MAX);
            fields[count++] = field;
        }
    return count;
}

size_t jb__stage_written(const struct jb_stage *stage, const struct jb_field **fields)
{
    size_t count = 0;

    for (size_t i = 0; i < stage->column_count; i++)
        if (!stage->columns[i]->primary)
            fields[count++] = stage->columns[i];
    for (const struct jb_field *field = stage->model->record.fields; field->type != JB_END; field++)
        if (field->auto_now && !jb__stage_brings(stage, field)) {
            JB_CHECK(count < JB_STAGE_COLUMNS_MAX);
            fields[count++] = field;
        }
    return count;
}

size_t jb__stage_differing(const struct jb_stage *stage, const struct jb_field **fields)
{
    size_t count = 0;

    for (size_t i = 0; i < stage->column_count; i++) {
        bool in_key = stage->columns[i]->primary;
        for (size_t k = 0; k < stage->match_count; k++)
            in_key |= stage->match[k] == stage->columns[i];
        if (!in_key)
            fields[count++] = stage->columns[i];
    }
    return count;
}

size_t jb__stage_auto_now(const struct jb_stage *stage, const struct jb_field **fields)
{
    size_t count = 0;

    for (const struct jb_field *field = stage->model->record.fields; field->type != JB_END; field++)
        if (field->type != JB_WORD && field->auto_now && !jb__stage_brings(stage, field))
            fields[count++] = field;
    return count;
}

static size_t without_auto_now(const struct jb_stage *stage, bool brought_too, const struct jb_field **fields)
{
    const struct jb_field *stored[JB_STAGE_COLUMNS_MAX];
    size_t all = jb__stage_stored(stage->model, false, stored), count = 0;

    for (size_t i = 0; i < all; i++) {
        bool brought = jb__stage_brings(stage, stored[i]);
        if (brought ? brought_too : !stored[i]->auto_now)
            fields[count++] = stored[i];
    }
    return count;
}

size_t jb__stage_left_by_insert(const struct jb_stage *stage, const struct jb_field **fields)
{
    return without_auto_now(stage, true, fields);
}

size_t jb__stage_left_alone(const struct jb_stage *stage, const struct jb_field **fields)
{
    return without_auto_now(stage, false, fields);
}

bool jb__stage_brings(const struct jb_stage *stage, const struct jb_field *field)
{
    for (size_t i = 0; i < stage->column_count; i++)
        if (stage->columns[i] == field)
            return true;
    return false;
}

const struct jb_field *jb__stage_key(const struct jb_stage *stage)
{
    return stage->match_count > 0 ? stage->match[0] : jb_model_primary(stage->model);
}

struct jb_str jb__stage_unkeyed(struct jb_scope *scope, const struct jb_stage *stage, const char *alias)
{
    struct jb_str any = JB_STR("");

    if (stage->by_id || stage->match_count == 0)
        return JB_STR("true");
    for (size_t i = 0; i < stage->match_count; i++) {
        struct jb_str name = jb__quoted(scope, stage->match[i]->name);
        if (jb__field_nullable(stage->model, stage->match[i]))
            any = jb_format(scope, "%.*s%s%s.%.*s is null", JB_FMT(any), any.size ? " or " : "", alias, JB_FMT(name));
    }
    return any.size ? jb_format(scope, "(%.*s)", JB_FMT(any)) : JB_STR_NULL;
}

/* ---- groups of fields that are unique together ----------------------------------------------------------------------------------- */

static void describe(const struct jb_stage *stage, struct jb__stage_group *group)
{
    group->is_key = group->count == stage->match_count;
    group->brought = true;
    for (size_t i = 0; i < group->count; i++) {
        group->is_key = group->is_key && group->fields[i] == stage->match[i];
        group->brought = group->brought && jb__stage_brings(stage, group->fields[i]);
    }
}

static void group_of_list(const struct jb_model *model, struct jb_str list, struct jb__stage_group *group)
{
    struct jb_str word;
    bool descending;

    group->count = 0;
    while ((word = jb__list_word(&list, &descending)).data)
        group->fields[group->count++] = jb_record_field(&model->record, word);
}

bool jb__stage_group_at(const struct jb_stage *stage, int n, struct jb__stage_group *ret_group)
{
    const struct jb_model *model = stage->model;
    int seen = 0;

    ret_group->index = n;
    for (const struct jb_field *field = model->record.fields; field->type != JB_END; field++)
        if (field->type != JB_WORD && field->unique && !field->primary && seen++ == n) {
            ret_group->fields[0] = field;
            ret_group->count = 1;
            describe(stage, ret_group);
            return true;
        }
    for (struct jb_str rest = jb_str_of(model->uniques); rest.data;) {
        struct jb_str list = jb_str_trim(jb_str_cut(&rest, ','));
        if (list.size > 0 && seen++ == n) {
            group_of_list(model, list, ret_group);
            describe(stage, ret_group);
            return true;
        }
    }
    for (const struct jb_index *index = model->named_indexes; index && index->name; index++)
        if (index->unique && !index->where && seen++ == n) { /* what is unique among some rows only is found when the table refuses it */
            group_of_list(model, jb_str_of(index->fields), ret_group);
            describe(stage, ret_group);
            return true;
        }
    return false;
}

/* ---- keys ----------------------------------------------------------------------------------------------------------------------- */

struct jb_str jb__stage_keys(struct jb_scope *scope, const struct jb_str *keys, size_t count)
{
    struct jb_buf buf = JB_BUF_INIT((size_t)64 << 20);
    struct jb_json_writer writer;

    jb_json_start(&writer, &buf);
    jb_json_array(&writer);
    for (size_t i = 0; i < count; i++)
        jb_json_text(&writer, keys[i]);
    jb_json_array_end(&writer);
    struct jb_str json = jb_copy(scope, jb_buf_str(&buf));
    jb_buf_done(&buf);
    return json;
}

/* ---- rows ------------------------------------------------------------------------------------------------------------------------- */

void *jb__stage_lay_over(const struct jb_stage *stage, struct jb_scope *scope, const void *before, const void *staged)
{
    const struct jb_record *record = &stage->model->record;
    void *after = jb_record_copy(scope, record, before);

    for (size_t i = 0; i < stage->column_count; i++)
        if (!stage->columns[i]->primary)
            JB_CHECK(jb_record_set(record, after, stage->columns[i], jb_record_get(record, staged, stage->columns[i])));
    return after;
}

/* What the check said about single fields, each with what the row would hold. */
static bool refuse_fields(const struct jb_stage *stage, struct jb_scope *scope, const struct jb_stage_compare *how, int64_t row, const void *after, const struct jb_field_error *error)
{
    const struct jb_record *record = &stage->model->record;

    for (; error; error = error->next) {
        const struct jb_field *field = jb_record_field(record, error->field);
        struct jb_str value = field && after ? jb_value_text(scope, jb_record_get(record, after, field)) : JB_STR_NULL;
        if (!how->refuse(how->arg, scope, &(struct jb_stage_refusal){ .conflict = JB_STAGE_CHECKED, .row = row, .field = field, .value = value, .reason = error->message }))
            return false;
    }
    return true;
}

bool jb__stage_check(struct jb_stage *stage, struct jb_scope *scope, const struct jb_stage_compare *how, int64_t row, const void *before, const void *after, bool *ret_good)
{
    *ret_good = stage->model->check(scope, how->check_state, before, after);
    if (*ret_good)
        return true;
    const struct jb_failure *failure = jb_failure(scope);
    if (failure->error != JB_INVALID && failure->error != JB_CONFLICT && failure->error != JB_DENIED)
        return false;
    struct jb_str reason = jb_failure_text(scope);
    const struct jb_field_error *fields = failure->fields;
    jb_failure_clear(scope);
    if (fields)
        return refuse_fields(stage, scope, how, row, after, fields);
    return how->refuse(how->arg, scope, &(struct jb_stage_refusal){ .conflict = JB_STAGE_CHECKED, .row = row, .reason = reason });
}

/* ---- undoing ------------------------------------------------------------------------------------------------------------------------ */

void jb__stage_undo_count(struct jb_stage_undo_counts *counts, int state, int64_t rows)
{
    int64_t *const by_state[] = { &counts->removed, &counts->restored, &counts->stand, &counts->returned };

    counts->rows += rows;
    *(state < (int)JB_COUNT(by_state) ? by_state[state] : &counts->left) += rows;
}

bool jb__stage_undo_check(struct jb_stage *stage, struct jb_scope *scope, void *check_state, const void *before, const void *after, struct jb_str *ret_note)
{
    *ret_note = JB_STR_NULL;
    if (stage->model->check(scope, check_state, before, after))
        return true;
    const struct jb_failure *failure = jb_failure(scope);
    if (failure->error != JB_INVALID && failure->error != JB_CONFLICT && failure->error != JB_DENIED)
        return false;
    *ret_note = failure->fields ? failure->fields->message : jb_failure_text(scope);
    jb_failure_clear(scope);
    return true;
}
