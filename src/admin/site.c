/* site.c — the site's admin: its books, its routes and the side menu. */
// SPDX-License-Identifier: Apache-2.0
#include "admin_private.h"
#include <string.h>

/* ---- routes: one table per kind, filled in for every book ------------------------------------------------------------------------- */

struct pattern {
    enum jb_method method;
    const char *tail; /* after the book's path */
    jb_view *view;
    const char *verb; /* of the permission */
    const char *name; /* NULL: no name */
    bool upload;
};

static const struct pattern book_patterns[] = {
    { JB_GET, "", jb__list_view, "view", "list", false },
    { JB_POST, "", jb__list_post, "view", NULL, false },
    { JB_GET, "add/", jb__add_view, "add", "add", false },
    { JB_POST, "add/", jb__add_post, "add", NULL, false },
    { JB_GET, "import/", jb__import_view, "import", "import", false },
    { JB_POST, "import/", jb__import_post, "import", NULL, true },
    { JB_GET, "export/", jb__export_view, "export", "export", false },
    { JB_POST, "export/", jb__export_post, "export", NULL, false },
    { JB_GET, "{id}/", jb__edit_view, "view", "edit", false },
    { JB_POST, "{id}/", jb__edit_post, "change", NULL, false },
    { JB_GET, "{id}/history/", jb__history_view, "view", "history", false },
    { JB_GET, "{id}/delete/", jb__delete_view, "delete", "delete", false },
    { JB_POST, "{id}/delete/", jb__delete_post, "delete", NULL, false },
};

static const struct jb_route site_routes[] = {
    { JB_GET, "/admin/", jb__index_view, "admin.index", .permission = "staff" },
    { JB_GET, "/admin/login/", jb__login_view, "admin.login" },
    { JB_POST, "/admin/login/", jb__login_post, NULL },
    { JB_POST, "/admin/logout/", jb__logout_post, "admin.logout" },
    { JB_GET, "/admin/jobs/", jb__jobs_view, "admin.jobs", .permission = "staff" },
    { JB_GET, "/admin/jobs/{id}/", jb__job_view, "admin.job", .permission = "staff" },
    { JB_GET, "/admin/jobs/{id}/events", jb__job_events_view, NULL, .permission = "staff" },
    { JB_GET, "/admin/jobs/{id}/refused.xlsx", jb__job_file_view, NULL, .permission = "staff" },
    { JB_GET, "/admin/jobs/{id}/differences.xlsx", jb__job_differences, NULL, .permission = "staff" },
    { JB_GET, "/admin/jobs/{id}/download", jb__job_file_view, NULL, .permission = "staff" },
    { JB_POST, "/admin/jobs/{id}/cancel/", jb__job_cancel, NULL, .permission = "staff" },
    { JB_POST, "/admin/jobs/{id}/retry/", jb__job_retry, NULL, .permission = "staff" },
    { JB_POST, "/admin/jobs/{id}/columns/", jb__job_columns, NULL, .permission = "staff" },
    { JB_POST, "/admin/jobs/{id}/confirm/", jb__job_confirm, NULL, .permission = "staff" },
    { JB_POST, "/admin/jobs/{id}/discard/", jb__job_discard, NULL, .permission = "staff" },
    { JB_GET, "/admin/jobs/{id}/undo/", jb__undo_view, NULL, .permission = "staff" },
    { JB_POST, "/admin/jobs/{id}/undo/", jb__undo_post, NULL, .permission = "staff" },
    { JB_POST, "/admin/jobs/{id}/continue/", jb__job_continue, NULL, .permission = "staff", .upload = true },
};

static const char *made(struct jb_scope *scope, struct jb_str text)
{
    return jb_cstr(scope, text);
}

/* Returns how many. What only the program writes has no page to write it on. */
static size_t book_routes(struct jb_scope *scope, const struct jb__book *book, struct jb_route *routes)
{
    struct jb_str model = jb_model_name(book->model, scope);
    size_t count = 0;

    for (size_t i = 0; i < JB_COUNT(book_patterns); i++) {
        const struct pattern *pattern = &book_patterns[i];
        if (book->model->read_only && strcmp(pattern->verb, "view") != 0 && strcmp(pattern->verb, "export") != 0)
            continue;
        routes[count++] = (struct jb_route){
            .method = pattern->method,
            .path = made(scope, jb_format(scope, "%.*s%s", JB_FMT(book->path), pattern->tail)),
            .view = pattern->view,
            .name = pattern->name ? made(scope, jb_format(scope, "admin.%s.%.*s.%s", book->app->name, JB_FMT(model), pattern->name)) : NULL,
            .permission = book->model->superusers ? "superuser" : made(scope, jb_format(scope, "%s.%s_%.*s", book->app->name, pattern->verb, JB_FMT(model))),
            .upload = pattern->upload,
            .context = book,
        };
    }
    return count;
}

/* ---- the site ------------------------------------------------------------------------------------------------------------------------ */

struct jb_admin_site *jb_admin_new(struct jb_scope *scope, const struct jb_admin_options *options)
{
    struct jb_admin_site *site = JB_NEW(scope, struct jb_admin_site);
    size_t count = 0;

    site->options = *options;
    for (const struct jb_admin_app *app = options->apps; app->name; app++)
        for (const struct jb_admin *const *admin = app->admins; admin && *admin; admin++)
            count++;
    site->books = JB_NEW_ARRAY(scope, struct jb__book, count + 1);
    for (const struct jb_admin_app *app = options->apps; app->name; app++)
        for (const struct jb_admin *const *admin = app->admins; admin && *admin; admin++) {
            if (!jb__book_make(scope, app, *admin, &site->books[site->book_count]))
                return NULL;
            site->books[site->book_count++].site = site;
        }

    site->routes = JB_NEW_ARRAY(scope, struct jb_route, JB_COUNT(site_routes) + count * JB_COUNT(book_patterns) + 1);
    struct jb_route *end = site->routes;
    for (size_t i = 0; i < JB_COUNT(site_routes); i++)
        *end++ = site_routes[i];
    for (size_t i = 0; i < count; i++)
        end += book_routes(scope, &site->books[i], end);
    return site;
}

const struct jb_route *jb_admin_routes(const struct jb_admin_site *site)
{
    return site->routes;
}

void jb_admin_use(struct jb_scope *scope, struct jb_admin_site *site)
{
    jb_service_set(scope, JB_SERVICE_ADMIN, site);
}

struct jb_admin_site *jb__site_of(const struct jb_scope *scope)
{
    struct jb_admin_site *site = jb_service(scope, JB_SERVICE_ADMIN);
    JB_CHECK(site != NULL);
    return site;
}

const struct jb__book *jb__book_find(struct jb_scope *scope, const struct jb_model *model)
{
    const struct jb_admin_site *site = jb__site_of(scope);
    for (size_t i = 0; i < site->book_count; i++)
        if (site->books[i].model == model)
            return &site->books[i];
    return NULL;
}

bool jb__staff(struct jb_scope *scope)
{
    const struct jb_user *user = jb_actor(scope);
    if (user->staff || user->superuser)
        return true;
    return jb_fail(scope, JB_DENIED, JB_L(scope, "관리 화면은 직원만 볼 수 있습니다. 관리자에게 직원 권한을 부탁하세요.", "These pages are for staff. Ask an administrator for staff status."));
}

const struct jb__book *jb__book_of(struct jb_request *req)
{
    return jb__staff(req->scope) ? req->route->context : NULL;
}

/* ---- the side menu --------------------------------------------------------------------------------------------------------------------- */

static struct jb_str in_language(struct jb_scope *scope, const char *ko, const char *en)
{
    return jb_str_of(jb_language(scope) == JB_KO || !en ? ko : en);
}

static void menu_item(struct jb_request *req, struct jb_vars *group, struct jb_str label, struct jb_str path)
{
    struct jb_vars *item = jb_vars_append(group, "links");
    jb_vars_text(item, "label", label);
    jb_vars_text(item, "path", path);
    jb__set(item, "current", (bool)jb_str_starts(req->path, path));
}

static void app_menu(struct jb_request *req, const struct jb_admin_site *site, const struct jb_admin_app *app, struct jb_vars *vars)
{
    struct jb_scope *scope = req->scope;
    struct jb_vars *group = NULL;

    for (size_t i = 0; i < site->book_count; i++) {
        const struct jb__book *book = &site->books[i];
        if (book->app != app || !jb_may_model(scope, "view", book->model))
            continue;
        if (!group)
            group = jb_vars_append(vars, "menu");
        menu_item(req, group, jb_model_label(book->model, scope), book->path);
    }
    for (const struct jb_admin_link *link = app->links; link && link->label; link++) {
        if (link->permission && !jb_may(scope, jb_str_of(link->permission)))
            continue;
        if (!group)
            group = jb_vars_append(vars, "menu");
        menu_item(req, group, in_language(scope, link->label, link->label_en), jb_str_of(link->path));
    }
    if (group)
        jb_vars_text(group, "label", in_language(scope, app->label, app->label_en));
}

/* Jobs of this person that have not ended; 0 when the database does not answer, since a menu is no reason to fail a page. */
static int64_t open_jobs(struct jb_request *req)
{
    struct jb_scope *scope = jb_scope_child(req->scope, "menu");
    int64_t jobs = jb_count(scope, &jb_import_job, .where = JB_SQL("user_id = ? and status in ('queued', 'running', 'waiting')", jb_actor(req->scope)->id));
    jb_scope_end(scope);
    return jobs < 0 ? 0 : jobs;
}

bool jb_admin_page_vars(struct jb_request *req, struct jb_vars *vars)
{
    struct jb_scope *scope = req->scope;
    const struct jb_admin_site *site = jb__site_of(scope);
    const struct jb_user *user = jb_actor(scope);

    jb_vars_list(vars, "menu");
    jb__set(vars, "open_jobs", (int64_t)0);
    jb__set(vars, "jobs_current", (bool)jb_str_starts(req->path, JB_STR("/admin/jobs/")));
    if (!user->staff && !user->superuser)
        return true;
    for (const struct jb_admin_app *app = site->options.apps; app->name; app++)
        app_menu(req, site, app, vars);
    jb__set(vars, "open_jobs", open_jobs(req));
    return true;
}
