/* command_models.c — which tables there are, and the fields that sheets, filters and mappings name. From the declarations: no database is opened. */
// SPDX-License-Identifier: Apache-2.0
#include "app/command.h"
#include "app/site.h"
#include "base/json.h"
#include "transfer/transfer.h"
#include <stdio.h>

#define LINE_BYTES_MAX ((size_t)64 << 10)
#define NAMES_MAX 1000

const struct jb_model *jb__command_model(struct jb_program *program, struct jb_str name)
{
    struct jb_scope *scope = program->scope;
    struct jb_str *names = JB_NEW_ARRAY(scope, struct jb_str, NAMES_MAX);
    size_t count = 0;

    for (const struct jb_app *const *app = program->site->apps; *app; app++)
        for (const struct jb_model *const *model = (*app)->models; model && *model && count < NAMES_MAX; model++) {
            names[count] = jb_model_full_name(*model, scope);
            if (jb_str_equal(names[count++], name))
                return *model;
        }
    struct jb_str nearest = jb_nearest(name, names, count);
    if (nearest.data)
        jb_fail(scope, JB_NOT_FOUND, JB_L(scope, "‘%.*s’ 모델은 없습니다. 혹시 %.*s입니까? (jangbu models)", "there is no model '%.*s'. Did you mean %.*s? (jangbu models)"), JB_FMT(name), JB_FMT(nearest));
    else
        jb_fail(scope, JB_NOT_FOUND, JB_L(scope, "‘%.*s’ 모델은 없습니다. 있는 것을 보려면: jangbu models", "there is no model '%.*s'. See what there is: jangbu models"), JB_FMT(name));
    return NULL;
}

static void print_json(const struct jb_buf *buf)
{
    printf("%.*s\n", JB_FMT(jb_buf_str(buf)));
}

/* ---- models ------------------------------------------------------------------------------------------------------------------- */

static void print_model(struct jb_program *program, const struct jb_model *model)
{
    struct jb_scope *scope = program->scope;
    struct jb_str name = jb_model_full_name(model, scope), label = jb_model_label(model, scope);
    struct jb_buf buf = JB_BUF_INIT(LINE_BYTES_MAX);
    struct jb_json_writer writer;

    if (!program->json) {
        printf("%.*s\t%.*s\n", JB_FMT(name), JB_FMT(label));
        return;
    }
    jb_json_start(&writer, &buf);
    jb_json_object(&writer);
    jb_json_put(&writer, "model", jb_v(name));
    jb_json_put(&writer, "label", jb_v(label));
    jb_json_object_end(&writer);
    print_json(&buf);
    jb_buf_done(&buf);
}

static int print_models(struct jb_program *program)
{
    for (const struct jb_app *const *app = program->site->apps; *app; app++)
        for (const struct jb_model *const *model = (*app)->models; model && *model; model++)
            if (!(*model)->hidden)
                print_model(program, *model);
    return 0;
}

/* ---- fields ------------------------------------------------------------------------------------------------------------------- */

static const char *type_name(struct jb_scope *scope, const struct jb_field *field)
{
    switch (field->type) {
    case JB_BOOL: return "bool";
    case JB_INT32:
    case JB_INT64: return "integer";
    case JB_DATE: return "date";
    case JB_MONTH: return "month";
    case JB_TIME: return "time";
    case JB_DECIMAL: return jb_format(scope, "decimal(%d,%d)", field->digits, field->decimals).data;
    default: return "text";
    }
}

/* "cash.project.code": by what it is written in a sheet. */
static struct jb_str reference_name(struct jb_scope *scope, const struct jb_field *field)
{
    if (!field->references)
        return JB_STR_NULL;
    const struct jb_field *by = jb_reference_field(field);
    return jb_format(scope, "%.*s.%s", JB_FMT(jb_model_full_name(field->references, scope)), by ? by->name : "id");
}

static void print_field_json(struct jb_scope *scope, const struct jb_field *field)
{
    struct jb_buf buf = JB_BUF_INIT(LINE_BYTES_MAX);
    struct jb_json_writer writer;

    jb_json_start(&writer, &buf);
    jb_json_object(&writer);
    jb_json_put(&writer, "field", jb_v(jb_str_of(field->name)));
    jb_json_put(&writer, "label", jb_v(jb_field_label(scope, field, jb_language(scope))));
    jb_json_put(&writer, "type", jb_v(jb_str_of(type_name(scope, field))));
    jb_json_put(&writer, "required", jb_v_bool(field->required));
    jb_json_put(&writer, "unique", jb_v_bool(field->unique || field->primary));
    jb_json_put(&writer, "default", jb_v(jb_str_of(field->default_text)));
    jb_json_put(&writer, "references", jb_v(reference_name(scope, field)));
    jb_json_object_end(&writer);
    print_json(&buf);
    jb_buf_done(&buf);
}

static void print_field(struct jb_scope *scope, const struct jb_field *field)
{
    struct jb_str label = jb_field_label(scope, field, jb_language(scope)), reference = reference_name(scope, field);

    printf("%s\t%.*s\t%s", field->name, JB_FMT(label), type_name(scope, field));
    if (field->required)
        printf(", %s", JB_L(scope, "필수", "required"));
    if (field->unique || field->primary)
        printf(", %s", JB_L(scope, "고유", "unique"));
    if (field->default_text)
        printf(JB_L(scope, ", 기본값 %s", ", default %s"), field->default_text);
    if (reference.data)
        printf(" → %.*s", JB_FMT(reference));
    printf("\n");
}

int jb__command_models(struct jb_program *program)
{
    if (program->argument_count == 0)
        return print_models(program);
    const struct jb_model *model = jb__command_model(program, program->arguments[0]);
    if (!model)
        return jb__command_failed(program);
    for (const struct jb_field *field = model->record.fields; field->type != JB_END; field++) {
        if (field->type == JB_WORD || field->secret)
            continue;
        if (program->json)
            print_field_json(program->scope, field);
        else
            print_field(program->scope, field);
    }
    return 0;
}
