/* index.c — the first page: what the person may see, and the newest jobs. */
// SPDX-License-Identifier: Apache-2.0
#include "admin_private.h"
#include "job_fields.h"

enum { JOBS_SHOWN = 8 };

static void app_vars(struct jb_request *req, const struct jb_admin_site *site, const struct jb_admin_app *app, struct jb_vars *vars)
{
    struct jb_scope *scope = req->scope;
    struct jb_vars *group = NULL;

    for (size_t i = 0; i < site->book_count; i++) {
        const struct jb__book *book = &site->books[i];
        if (book->app != app || !jb_may_model(scope, "view", book->model))
            continue;
        if (!group)
            group = jb_vars_append(vars, "apps");
        struct jb_vars *inner = jb_vars_append(group, "books");
        jb_vars_text(inner, "path", book->path);
        jb_vars_text(inner, "label", jb_model_label(book->model, scope));
        jb__set(inner, "may_add", (bool)jb_may_model(scope, "add", book->model));
        jb__set(inner, "may_import", (bool)jb_may_model(scope, "import", book->model));
        jb__set(inner, "may_export", (bool)jb_may_model(scope, "export", book->model));
    }
    if (group)
        jb_vars_text(group, "label", jb_str_of(jb_language(scope) == JB_KO || !app->label_en ? app->label : app->label_en));
}

struct jb_response *jb__index_view(struct jb_request *req)
{
    const struct jb_admin_site *site = jb__site_of(req->scope);
    struct jb_vars *vars = jb_vars_new(req->scope);

    if (!jb__staff(req->scope))
        return jb_problem(req);
    jb_vars_list(vars, "apps");
    for (const struct jb_admin_app *app = site->options.apps; app->name; app++)
        app_vars(req, site, app, vars);
    if (!jb__jobs_rows(req, vars, 0, JOBS_SHOWN))
        return jb_problem(req);
    return jb_page_vars(req, 200, "admin/index.html", vars);
}
