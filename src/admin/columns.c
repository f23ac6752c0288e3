/* columns.c — the page that asks what the columns of an upload mean, and takes the answer. */
// SPDX-License-Identifier: Apache-2.0
#include "admin_private.h"
#include "job_fields.h"

static struct jb_str member(const struct jb_json *object, const char *name)
{
    const struct jb_json *json = jb_json_member(object, name);
    return json && (json->type == JB_JSON_STRING || json->type == JB_JSON_NUMBER) ? json->text : JB_STR("");
}

static uint32_t column_number(const struct jb_json *column)
{
    int64_t number = 0;
    return jb_str_to_int64(member(column, "at"), &number) && number > 0 && number <= 16384 ? (uint32_t)number : 1;
}

static const char *field_name(struct jb_scope *scope, const struct jb_json *column)
{
    return jb_format(scope, "column_%u", column_number(column)).data;
}

static void choices_vars(const struct jb_import_question *question, struct jb_str chosen, struct jb_vars *vars)
{
    jb_vars_list(vars, "targets");
    for (size_t i = 0; i < question->target_count; i++) {
        const struct jb_import_target *target = &question->targets[i];
        struct jb_vars *inner = jb_vars_append(vars, "targets");
        jb_vars_text(inner, "name", target->name);
        jb_vars_text(inner, "label", target->label);
        jb__set(inner, "required", target->required);
        jb__set(inner, "chosen", (bool)jb_str_equal(target->name, chosen));
    }
}

static void column_vars(struct jb_request *req, const struct jb_import_question *question, const struct jb_json *column, struct jb_vars *vars)
{
    struct jb_scope *scope = req->scope;
    struct jb_vars *inner = jb_vars_append(vars, "columns");
    const struct jb_json *samples = jb_json_member(column, "samples"), *guessed = jb_json_member(column, "guessed");
    struct jb_str typed = jb_form_text(req, field_name(scope, column)), shown = JB_STR(""), letters;
    char room[4];

    letters = jb_copy(scope, jb_column_letters(column_number(column), room));
    jb_vars_text(inner, "letters", letters);
    jb_vars_text(inner, "name", jb_str_of(field_name(scope, column)));
    jb_vars_text(inner, "head", member(column, "head"));
    for (const struct jb_json *sample = samples ? samples->first : NULL; sample; sample = sample->next)
        shown = jb_format(scope, "%.*s%s%.*s", JB_FMT(shown), shown.size ? " · " : "", JB_FMT(sample->text));
    jb_vars_text(inner, "samples", shown);
    jb__set(inner, "guessed", (bool)(!typed.data && guessed && guessed->type == JB_JSON_TRUE));
    choices_vars(question, typed.data ? typed : member(column, "target"), inner);
}

/* Fields that no column brings may be given a value for all rows. */
static void defaults_vars(struct jb_request *req, const struct jb_import_question *question, struct jb_vars *vars)
{
    jb_vars_list(vars, "defaults");
    for (size_t i = 0; i < question->target_count; i++) {
        const struct jb_import_target *target = &question->targets[i];
        const char *name = jb_format(req->scope, "default_%.*s", JB_FMT(target->name)).data;
        struct jb_str value = jb_form_text(req, name);
        if (!target->own)
            continue;
        for (size_t d = 0; !value.data && d < question->defaults.count; d++)
            if (jb_str_equal(question->defaults.at[d].name, target->name))
                value = question->defaults.at[d].value;
        struct jb_vars *inner = jb_vars_append(vars, "defaults");
        jb_vars_text(inner, "name", jb_str_of(name));
        jb_vars_text(inner, "label", target->label);
        jb_vars_text(inner, "value", value.data ? value : JB_STR(""));
    }
}

struct jb_response *jb__columns_page(struct jb_request *req, const struct import_job *job, struct jb_vars *vars, struct jb_str problem, int status)
{
    struct jb_import_question question;

    if (!jb_import_question(req->scope, job->id, &question))
        return jb_problem(req);
    jb_vars_text(vars, "problem", problem.data ? problem : question.problem);
    jb__set(vars, "waits", question.waits);
    jb_vars_list(vars, "sheets");
    for (const struct jb_json *sheet = question.sheets ? question.sheets->first : NULL; sheet; sheet = sheet->next) {
        struct jb_vars *inner = jb_vars_append(vars, "sheets");
        jb_vars_text(inner, "name", sheet->text);
        jb__set(inner, "chosen", (bool)jb_str_equal(sheet->text, question.sheet));
    }
    jb__set(vars, "more_sheets", (bool)(question.sheets && question.sheets->count > 1));
    jb__set(vars, "head_row", question.head_row);
    jb_vars_list(vars, "columns");
    for (const struct jb_json *column = question.columns ? question.columns->first : NULL; column; column = column->next)
        column_vars(req, &question, column, vars);
    defaults_vars(req, &question, vars);
    return jb_page_vars(req, status, "admin/columns.html", vars);
}

/* A heading that stands twice is told apart by its column's letters. */
static struct jb_str heading_or_letters(struct jb_scope *scope, const struct jb_import_question *question, const struct jb_json *column)
{
    struct jb_str head = member(column, "head");
    size_t same = 0;
    char room[4];

    for (const struct jb_json *other = question->columns->first; other; other = other->next)
        same += jb_str_equal_nocase(member(other, "head"), head);
    if (same == 1 && head.size > 0 && head.data[0] != '[')
        return head;
    return jb_format(scope, "[%.*s]", JB_FMT(jb_column_letters(column_number(column), room)));
}

static void read_answer(struct jb_request *req, const struct jb_import_question *question, struct jb_import_answer *answer)
{
    struct jb_scope *scope = req->scope;
    size_t columns = question->columns ? question->columns->count : 0, map = 0, defaults = 0;
    struct jb_import_pair *map_at = JB_NEW_ARRAY(scope, struct jb_import_pair, columns + 1), *defaults_at = JB_NEW_ARRAY(scope, struct jb_import_pair, question->target_count + 1);

    for (const struct jb_json *column = question->columns ? question->columns->first : NULL; column; column = column->next)
        map_at[map++] = (struct jb_import_pair){ heading_or_letters(scope, question, column), jb_str_trim(jb_form_text(req, field_name(scope, column))) };
    for (size_t i = 0; i < question->target_count; i++) {
        struct jb_str value = jb_str_trim_unicode(jb_form_text(req, jb_format(scope, "default_%.*s", JB_FMT(question->targets[i].name)).data));
        if (question->targets[i].own && value.size > 0)
            defaults_at[defaults++] = (struct jb_import_pair){ question->targets[i].name, value };
    }
    answer->sheet = jb_form_text(req, "sheet");
    answer->map = (struct jb_import_pairs){ map_at, map };
    answer->defaults = (struct jb_import_pairs){ defaults_at, defaults };
}

bool jb__head_row_read(struct jb_request *req, int64_t *ret_row)
{
    struct jb_str text = jb_str_trim_unicode(jb_form_text(req, "head_row"));

    if (text.size == 0 || (jb_str_to_int64(text, ret_row) && *ret_row > 0 && *ret_row <= 1048576))
        return true;
    return jb_fail(req->scope, JB_INVALID, JB_L(req->scope, "머리글 행 ‘%.*s’: 1부터 1048576까지의 수를 적으세요.", "Row of headings “%.*s”: enter a number from 1 to 1048576."), JB_FMT(text));
}

struct jb_response *jb__job_columns(struct jb_request *req)
{
    struct jb_scope *scope = req->scope;
    struct jb_import_question question;
    struct jb_import_answer answer = { 0 };
    struct import_job job;

    if (!jb_form_read(req) || !jb__job_read(req, &job) || !jb__job_allowed(scope, &job) || !jb_import_question(scope, job.id, &question))
        return jb_problem(req);
    read_answer(req, &question, &answer);
    if (jb__head_row_read(req, &answer.head_row) && jb_import_answer(scope, job.id, &answer))
        return jb__to_job(req, job.id);
    if (req->api || jb_error(scope) != JB_INVALID)
        return jb_problem(req);
    struct jb_str problem = jb_failure_text(scope);
    jb_failure_clear(scope); /* it is answered here, by the page */
    return jb__job_page(req, &job, problem, 422);
}
