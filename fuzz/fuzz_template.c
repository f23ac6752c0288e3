/* fuzz_template.c — any text as a template is refused with a reason or rendered; what is rendered shows the hostile value only where and how the compiler said it may.
 *
 * Input: a template, and after a NUL the value of x. */
// SPDX-License-Identifier: Apache-2.0
#include "fuzz.h"
#include "web/template.h"
#include <string.h>

static const struct jb_route route = { .method = JB_GET, .path = "/a/{b}", .name = "r" };

static bool asset(void *arg, struct jb_str name, struct jb_str *ret_url)
{
    (void)arg;
    *ret_url = name;
    return name.size < 5;
}

static const struct jb_route *named(void *arg, struct jb_str name, bool *ret_parameter)
{
    (void)arg;
    *ret_parameter = true;
    return jb_str_is(name, "r") ? &route : NULL;
}

static bool url(struct jb__render *render, const struct jb_route *which, struct jb_value of, struct jb_str *ret_url)
{
    (void)which, (void)of;
    (void)render;
    *ret_url = JB_STR("/a/b");
    return true;
}

struct line {
    int64_t id;
    struct jb_str memo;
    struct jb_decimal income;
    struct jb_date day;
};
static const struct jb_record line_record = JB_RECORD(line, JB_FIELD(line, id), JB_FIELD(line, memo), JB_FIELD(line, income), JB_FIELD(line, day));

static struct jb_vars *values(struct jb_scope *scope, struct jb_str x)
{
    struct jb_vars *vars = jb_vars_new(scope);
    struct line *lines = JB_NEW_ARRAY(scope, struct line, 2);
    struct jb_rows *rows = JB_NEW(scope, struct jb_rows);

    lines[0] = (struct line){ 1, x, { -100050, 2 }, { 20000 } };
    lines[1] = (struct line){ INT64_MAX, JB_STR_NULL, { 0, 0 }, { -700000 } };
    *rows = (struct jb_rows){ &line_record, 2, (char *)lines };
    jb_vars_text(vars, "x", x);
    jb_vars_set(vars, "n", jb_v(3));
    jb_vars_set(vars, "t", jb_v((struct jb_time){ 1763688615000000 }));
    jb_vars_set(vars, "rows", jb_v_rows(rows));
    jb_vars_text(jb_vars_append(vars, "list"), "x", x);
    jb_vars_vars(vars, "map", vars);
    return vars;
}

static void render(struct jb_scope *scope, const struct jb__template *template, struct jb_str x)
{
    for (int language = JB_KO; language <= JB_EN; language++) {
        struct jb_buf out = JB_BUF_INIT(1 << 20);
        struct jb__render render = { .scope = scope, .out = &out, .language = (enum jb_language)language, .vars = values(scope, x), .url = url };
        bool ok = jb__template_render(&render, template);
        JB_CHECK(ok || jb_failure(scope));
        /* A value that is markup never comes through raw, unless the template has it itself. */
        if (jb_str_find(x, JB_STR("<zq>"), 0) != SIZE_MAX && jb_str_find(template->source, JB_STR("zq"), 0) == SIZE_MAX)
            JB_CHECK(jb_str_find(jb_buf_str(&out), JB_STR("<zq>"), 0) == SIZE_MAX);
        jb_failure_clear(scope);
        jb_buf_done(&out);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct jb_scope *scope = jb_scope_new("fuzz");
    const uint8_t *end = size > 0 ? memchr(data, 0, size) : NULL;
    size_t source = end ? (size_t)(end - data) : size;
    struct jb_str x = end ? (struct jb_str){ (const char *)end + 1, size - source - 1 } : JB_STR("<zq>\"'&");
    const struct jb_asset assets[] = {
        { "x.html", (const char *)data, source },
        { "base.html", "<p title=\"{% block a %}{% end %}\">{% block b %}{{ x }}{% end %}", 63 },
        { "_i.html", "<i>{{ n }}</i>", 14 },
        { 0 },
    };
    const struct jb_asset *const lists[] = { assets, NULL };
    struct jb__templates *templates = jb__templates_new(scope, lists, &(struct jb__template_names){ .asset = asset, .route = named });

    JB_CHECK(templates || jb_error(scope) == JB_INVALID);
    jb_failure_clear(scope);
    if (templates)
        render(scope, jb__template_find(templates, JB_STR("x.html")), x);
    jb_scope_end(scope);
    return 0;
}
