/* pages.c — see pages.h. The check of form is strict: every element closed in order, no attribute twice, no style= and no inline script. */
// SPDX-License-Identifier: Apache-2.0
#include "pages.h"
#include "web/template.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool asset(void *arg, struct jb_str name, struct jb_str *ret_url)
{
    (void)arg;
    for (const struct jb_asset *at = jb_admin_statics; at->name; at++)
        if (jb_str_is(name, at->name)) {
            *ret_url = JB_STR("/static/x");
            return true;
        }
    return false;
}

static const struct jb_route *route(void *arg, struct jb_str name, bool *ret_parameter)
{
    (void)arg, (void)name, (void)ret_parameter;
    return NULL;
}

bool has(struct jb_str html, const char *text)
{
    return jb_str_find(html, jb_str_of(text), 0) != SIZE_MAX;
}

struct jb_vars *page_vars(struct jb_scope *scope)
{
    struct jb_vars *vars = jb_vars_new(scope), *site = jb_vars_new(scope), *user = jb_vars_new(scope);
    jb_vars_text(site, "name", JB_STR("장부"));
    jb_vars_vars(vars, "site", site);
    jb_vars_text(user, "name", JB_STR("관리자"));
    jb_vars_vars(vars, "user", user);
    jb_vars_text(vars, "language", jb_language(scope) == JB_KO ? JB_STR("ko") : JB_STR("en"));
    jb_vars_set(vars, "csrf", jb_v(((struct jb_html){ "<input type=\"hidden\" name=\"csrf\" value=\"x\">", 44 })));
    jb_vars_list(vars, "flash");
    jb_vars_list(vars, "menu");
    jb_vars_set(vars, "open_jobs", jb_v((int64_t)2));
    jb_vars_set(vars, "jobs_current", jb_v_bool(false));
    return vars;
}

/* ---- form --------------------------------------------------------------------------------------------------------------------- */

static _Noreturn void not_well(struct jb_str html, size_t at, const char *why)
{
    struct jb_str around = jb_str_slice(html, at > 80 ? at - 80 : 0, at + 80);
    fprintf(stderr, "not well-formed: %s near\n  %.*s\n", why, JB_FMT(around));
    fflush(stderr);
    _Exit(1);
}

static bool is_void(struct jb_str name)
{
    static const char *const names[] = { "meta", "link", "input", "br", "hr", "img" };
    for (size_t i = 0; i < JB_COUNT(names); i++)
        if (jb_str_is(name, names[i]))
            return true;
    return false;
}

static bool name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == ':';
}

/* From behind the element's name to behind its `>`. */
static size_t attributes(struct jb_str html, size_t at, bool *ret_closed)
{
    struct jb_str names[32];
    size_t count = 0;

    *ret_closed = false;
    for (;;) {
        while (at < html.size && strchr(" \t\n", html.data[at]))
            at++;
        if (at >= html.size)
            not_well(html, at, "a tag without an end");
        if (html.data[at] == '>')
            return at + 1;
        if (html.data[at] == '/' && at + 1 < html.size && html.data[at + 1] == '>') {
            *ret_closed = true;
            return at + 2;
        }
        size_t from = at;
        while (at < html.size && name_char(html.data[at]))
            at++;
        struct jb_str name = jb_str_slice(html, from, at);
        if (name.size == 0 || count == JB_COUNT(names))
            not_well(html, at, "no attribute name");
        for (size_t i = 0; i < count; i++)
            if (jb_str_equal(names[i], name))
                not_well(html, at, "an attribute twice");
        if (jb_str_is(name, "style") || jb_str_starts(name, JB_STR("on")))
            not_well(html, at, "style or script in an attribute");
        names[count++] = name;
        if (at < html.size && html.data[at] == '=') {
            size_t end = at + 1 < html.size && html.data[at + 1] == '"' ? jb_str_find_char(html, '"', at + 2) : SIZE_MAX;
            if (end == SIZE_MAX)
                not_well(html, at, "an unquoted value");
            if (jb_str_find_char(jb_str_slice(html, at + 2, end), '<', 0) != SIZE_MAX)
                not_well(html, at, "< in a value");
            at = end + 1;
        }
    }
}

static void check_form(struct jb_str html)
{
    struct jb_str open[64];
    size_t depth = 0, at = 0;

    while ((at = jb_str_find_char(html, '<', at)) != SIZE_MAX) {
        bool closing = at + 1 < html.size && html.data[at + 1] == '/', closed;
        if (at + 1 < html.size && html.data[at + 1] == '!') {
            at = jb_str_find_char(html, '>', at);
            continue;
        }
        size_t from = at + 1 + closing, end = from;
        while (end < html.size && name_char(html.data[end]))
            end++;
        struct jb_str name = jb_str_slice(html, from, end);
        if (name.size == 0)
            not_well(html, at, "a bare <");
        at = attributes(html, end, &closed);
        if (closing) {
            if (depth == 0 || !jb_str_equal(open[depth - 1], name))
                not_well(html, at, "an end that does not match");
            depth--;
        } else if (!closed && !is_void(name)) {
            if (depth == JB_COUNT(open))
                not_well(html, at, "too deep");
            open[depth++] = name;
        }
    }
    if (depth != 0)
        not_well(html, html.size, "an element that is not closed");
}

struct jb_str page_of(struct jb_scope *scope, const char *name, struct jb_vars *vars)
{
    const struct jb_asset *const lists[] = { jb_admin_templates, NULL };
    struct jb__templates *templates = jb__templates_new(scope, lists, &(struct jb__template_names){ .asset = asset, .route = route });
    CHECK_OK(templates != NULL);
    struct jb_buf buf = JB_BUF_INIT(1 << 20);
    struct jb__render render = { .scope = scope, .out = &buf, .language = jb_language(scope), .vars = vars, .page_vars = page_vars(scope) };
    CHECK_OK(jb__template_render(&render, jb__template_find(templates, jb_str_of(name))));
    struct jb_str html = jb_copy(scope, jb_buf_str(&buf));
    jb_buf_done(&buf);
    check_form(html);
    if (getenv("JB_PAGES"))
        printf("%.*s\n", JB_FMT(html));
    return html;
}
