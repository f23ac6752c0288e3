/* tables.c — existing tables in the admin without a line of C (--tables). */
// SPDX-License-Identifier: Apache-2.0
#include "app/tables.h"
#include "base/log.h"
#include <string.h>

#define APP "tables"
#define FILTERS_MAX 6
#define SEARCHED_MAX 8

bool jb__tables_open(struct jb_scope *scope, struct jb_runtime *runtime)
{
    struct jb_str names = runtime->config->tables;

    if (!names.data)
        return true;
    for (const struct jb_app *const *app = runtime->site->apps; *app; app++)
        if (strcmp((*app)->name, APP) == 0)
            return jb_fail(scope, JB_INVALID, "%s", JB_L(scope, "tables라는 앱이 있어 --tables를 쓸 수 없습니다.", "--tables cannot be used, because there is an app called tables."));
    if (!jb_tables_read(scope, &(struct jb_tables_options){ .app = APP, .names = jb_str_is(names, "all") ? JB_STR_NULL : names, .superusers = true }, &runtime->tables))
        return false;
    jb_tables_use(scope, &runtime->tables);
    for (size_t i = 0; i < runtime->tables.count; i++) {
        const struct jb_table *table = &runtime->tables.at[i];
        if (table->model && !jb_model_check(scope, table->model))
            return false;
        if (!table->model)
            jb_log(JB_LOG_NOTICE, "site", "table %.*s is left out: %.*s", JB_FMT(table->name), JB_FMT(table->why));
    }
    return true;
}

/* The names of up to `max` fields that are wanted, blanks between; NULL: none. */
static const char *words(struct jb_scope *scope, const struct jb_model *model, size_t max, bool (*wanted)(const struct jb_field *field))
{
    struct jb_str list = JB_STR_NULL;

    for (const struct jb_field *field = model->record.fields; field->type != JB_END && max > 0; field++) {
        if (field->type == JB_WORD || field->primary || field->as_text || !wanted(field))
            continue;
        list = list.data ? jb_format(scope, "%.*s %s", JB_FMT(list), field->name) : jb_str_of(field->name);
        max--;
    }
    return list.data ? jb_cstr(scope, list) : NULL;
}

/* What filters cheaply: few values, or an index. */
static bool is_filter(const struct jb_field *field)
{
    return field->type == JB_BOOL || field->type == JB_DATE || field->references || (field->type == JB_TEXT && field->indexed && !field->unique);
}

static bool is_searched(const struct jb_field *field)
{
    return field->type == JB_TEXT && !field->as_number;
}

struct jb_admin_app jb__tables_admin(struct jb_scope *scope, const struct jb_runtime *runtime)
{
    const struct jb_admin **admins = JB_NEW_ARRAY(scope, const struct jb_admin *, runtime->tables.count + 1);
    size_t count = 0;

    for (size_t i = 0; i < runtime->tables.count; i++) {
        const struct jb_model *model = runtime->tables.at[i].model;
        if (!model)
            continue;
        struct jb_admin *admin = JB_NEW(scope, struct jb_admin);
        *admin = (struct jb_admin){ .model = model, .filters = words(scope, model, FILTERS_MAX, is_filter), .search = words(scope, model, SEARCHED_MAX, is_searched) };
        admins[count++] = admin;
    }
    return count ? (struct jb_admin_app){ .name = APP, .label = "표", .label_en = "Tables", .admins = admins } : (struct jb_admin_app){ 0 };
}
