/* render_page.c — templates in a request: the names that every page sees, pages as responses. */
// SPDX-License-Identifier: Apache-2.0
#include "web/web_private.h"

static struct jb__item item_of(struct jb_value value)
{
    return (struct jb__item){ .kind = ITEM_VALUE, .value = value };
}

static struct jb__item map_of(const struct jb_vars *vars)
{
    return (struct jb__item){ .kind = ITEM_MAP, .map = vars };
}

static struct jb__item csrf_input(struct jb_request *req)
{
    struct jb_str token = jb__csrf_token(req);
    struct jb_str html = jb_format(req->scope, "<input type=\"hidden\" name=\"csrfmiddlewaretoken\" value=\"%.*s\">", JB_FMT(token));

    return item_of(jb_v_html((struct jb_html){ html.data, html.size }));
}

/* The messages that wait in the session; once shown they are gone. */
static struct jb__item flash_list(struct jb_request *req)
{
    struct jb_str rest = jb_session_get(req, "flash");
    struct jb_vars *vars = jb_vars_new(req->scope);

    jb_vars_list(vars, "flash");
    if (rest.size == 0)
        return jb__vars_get(vars, JB_STR("flash"));
    while (rest.size > 0) {
        struct jb_str message = jb_str_cut(&rest, '\x1e'), kind = jb_str_cut(&message, '\x1f');
        struct jb_vars *one = jb_vars_append(vars, "flash");
        jb_vars_text(one, "kind", kind);
        jb_vars_text(one, "message", message);
    }
    jb_session_set(req, "flash", JB_STR_NULL);
    return jb__vars_get(vars, JB_STR("flash"));
}

static struct jb__item request_map(struct jb_request *req)
{
    struct jb_vars *vars = jb_vars_new(req->scope);
    struct jb_str query = req->http->query;

    jb_vars_text(vars, "path", req->path);
    jb_vars_text(vars, "full_path", query.size > 0 ? jb_format(req->scope, "%.*s?%.*s", JB_FMT(req->http->path), JB_FMT(query)) : req->http->path);
    jb_vars_text(vars, "id", jb_str_of(req->id));
    return map_of(vars);
}

static struct jb__item user_map(struct jb_request *req)
{
    const struct jb_user *user = jb_actor(req->scope);
    struct jb_vars *vars = jb_vars_new(req->scope);

    jb_vars_set(vars, "id", jb_v(user->id));
    jb_vars_text(vars, "name", user->name);
    jb_vars_set(vars, "staff", jb_v_bool(user->staff));
    jb_vars_set(vars, "superuser", jb_v_bool(user->superuser));
    return map_of(vars);
}

static struct jb__item builtin(struct jb__render *render, struct jb_str name)
{
    struct jb_request *req = render->arg;

    if (jb_str_is(name, "csrf"))
        return csrf_input(req);
    if (jb_str_is(name, "language"))
        return item_of(jb_v(render->language == JB_KO ? JB_STR("ko") : JB_STR("en")));
    if (jb_str_is(name, "flash"))
        return flash_list(req);
    if (jb_str_is(name, "user"))
        return user_map(req);
    if (jb_str_is(name, "request"))
        return request_map(req);
    if (jb_str_is(name, "site")) {
        struct jb_vars *vars = jb_vars_new(req->scope);
        jb_vars_text(vars, "name", jb_str_of(render->language == JB_KO ? req->web->options.site_name : req->web->options.site_name_en));
        return map_of(vars);
    }
    return (struct jb__item){ .kind = ITEM_MISSING };
}

static bool route_url(struct jb__render *render, const struct jb_route *route, struct jb_value of, struct jb_str *ret_url)
{
    *ret_url = jb__route_url(render->scope, route, of);
    return true;
}

static void buf_done(void *arg)
{
    jb_buf_done(arg);
}

bool jb__render_page(struct jb_request *req, const char *name, struct jb_vars *vars, struct jb_html *ret_html)
{
    const struct jb__template *template = jb__template_find(req->web->templates, jb_str_of(name));
    struct jb_buf *buf = JB_NEW(req->http->scope, struct jb_buf);

    if (!template)
        return jb_fail(req->scope, JB_BROKEN, JB_L(req->scope, "틀 ‘%s’이 없습니다.", "There is no template '%s'."), name);
    jb_buf_init(buf, JB_TEMPLATE_OUTPUT_MAX);
    jb_defer(req->http->scope, buf_done, buf);
    struct jb__render render = {
        .scope = req->scope,
        .out = buf,
        .language = jb_language(req->scope),
        .zone = jb_zone_of(req),
        .vars = vars,
        .page_vars = req->state->showing_error ? NULL : req->state->page_vars,
        .builtin = builtin,
        .url = route_url,
        .arg = req,
    };
    if (!jb__template_render(&render, template))
        return false;
    *ret_html = (struct jb_html){ buf->data ? buf->data : "", buf->size };
    return true;
}

bool jb_render_vars(struct jb_request *req, const char *name, struct jb_vars *vars, struct jb_html *ret_html)
{
    bool (*page_vars)(struct jb_request *, struct jb_vars *) = req->web->options.page_vars;

    if (page_vars && !req->state->page_vars) {
        struct jb_vars *more = jb_vars_new(req->scope);
        if (!page_vars(req, more))
            return false;
        req->state->page_vars = more;
    }
    return jb__render_page(req, name, vars, ret_html);
}

struct jb_response *jb_page_vars(struct jb_request *req, int status, const char *name, struct jb_vars *vars)
{
    struct jb_html html;

    if (!jb_render_vars(req, name, vars, &html))
        return jb_problem(req);
    return jb_respond(req, status, "text/html; charset=utf-8", (struct jb_str){ html.data, html.size });
}

struct jb_response *jb_page_list(struct jb_request *req, const char *name, const struct jb_var *vars)
{
    struct jb_vars *map = jb_vars_new(req->scope);

    for (; vars->name; vars++)
        jb_vars_set(map, vars->name, vars->value);
    return jb_page_vars(req, 200, name, map);
}
