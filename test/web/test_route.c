// SPDX-License-Identifier: Apache-2.0
#include "jb_test.h"
#include "web/web_private.h"

static struct jb_response *view(struct jb_request *req)
{
    return jb_respond(req, 200, "text/plain", JB_STR(""));
}

static bool open_web(struct jb_scope *scope, const struct jb_route *routes, struct jb_web **ret_web)
{
    const struct jb_route *const lists[] = { routes, NULL };

    *ret_web = jb_web_new(scope, &(struct jb_web_options){ .routes = lists, .secret_key = JB_STR("0123456789abcdef") });
    return *ret_web != NULL;
}

/* "name a=1 b=2", "308 /path", "405 GET…" or "404". */
static struct jb_str match(struct jb_scope *scope, struct jb_web *web, enum jb_method method, const char *path)
{
    struct jb_request req = { .scope = scope, .web = web, .method = method };
    struct jb_str text = JB_STR("");
    struct jb_buf buf = JB_BUF_INIT(1000);

    switch (jb__route_match(web, &req, jb_str_of(path), &text)) {
    case JB__MATCH_OK:
        jb_buf_put_z(&buf, req.route->name);
        for (size_t i = 0; i < req.path_param_count; i++)
            jb_buf_printf(&buf, " %.*s=%.*s", JB_FMT(req.path_params[i].name), JB_FMT(req.path_params[i].value));
        break;
    case JB__MATCH_SLASH: jb_buf_printf(&buf, "308 %.*s", JB_FMT(text)); break;
    case JB__MATCH_METHOD: jb_buf_printf(&buf, "405 %.*s", JB_FMT(text)); break;
    case JB__MATCH_NONE: jb_buf_put_z(&buf, "404"); break;
    }
    text = jb_copy(scope, jb_buf_str(&buf));
    jb_buf_done(&buf);
    return text;
}

static const struct jb_route routes[] = {
    { JB_GET, "/", view, "root" },
    { JB_GET, "/admin/", view, "index" },
    { JB_GET, "/admin/jobs/", view, "jobs" },
    { JB_GET, "/admin/jobs/{id}/events", view, "events" },
    { JB_GET, "/admin/{app}/{model}/", view, "list" },
    { JB_POST, "/admin/{app}/{model}/", view, "act" },
    { JB_GET, "/admin/{app}/{model}/add/", view, "add" },
    { JB_GET, "/admin/{app}/{model}/{id}/", view, "edit" },
    { JB_GET, "/files/{rest...}", view, "files" },
    { JB_ANY_METHOD, "/any", view, "any" },
    { 0 },
};

JB_TEST("routes are found by text first, then by parameter, then by the rest")
{
    struct jb_web *web;
    static const char *const wanted[][2] = {
        { "/", "root" },
        { "/admin/", "index" },
        { "/admin/jobs/", "jobs" },
        { "/admin/jobs/7/events", "events id=7" },
        { "/admin/jobs/7/", "list app=jobs model=7" },
        { "/admin/cash/cashbook/", "list app=cash model=cashbook" },
        { "/admin/cash/cashbook/add/", "add app=cash model=cashbook" },
        { "/admin/cash/cashbook/7/", "edit app=cash model=cashbook id=7" },
        { "/admin/%ED%95%9C/a%2Fb/", "list app=한 model=a/b" },
        { "/files/a/b%20c", "files rest=a/b c" },
        { "/files/a/", "files rest=a" },
        { "/files/", "404" },
        { "/any", "any" },
        { "/any/", "308 /any" },
        { "/admin", "308 /admin/" },
        { "/admin/cash/%5Cevil.com", "308 /admin/cash/%5Cevil.com/" },
        { "//", "404" },
        { "/admin//", "404" },
        { "/admin//cashbook/", "404" },
        { "/admin/%00/a/", "404" },
        { "/admin/%FF/a/", "404" },
        { "/nowhere", "404" },
        { "*", "404" },
    };

    CHECK_OK(open_web(scope, routes, &web));
    for (size_t i = 0; i < JB_COUNT(wanted); i++)
        CHECK_TEXT(match(scope, web, JB_GET, wanted[i][0]), wanted[i][1]);
    CHECK_TEXT(match(scope, web, JB_POST, "/admin/cash/cashbook"), "act app=cash model=cashbook");
    CHECK_TEXT(match(scope, web, JB_PUT, "/admin/cash/cashbook/"), "405 OPTIONS, GET, HEAD, POST");
    CHECK_TEXT(match(scope, web, JB_DELETE_METHOD, "/any"), "any");
    jb_web_free(web);
}

JB_TEST("a path of very many segments is simply not there")
{
    struct jb_web *web;
    struct jb_buf buf = JB_BUF_INIT(100000);

    CHECK_OK(open_web(scope, routes, &web));
    for (int i = 0; i < 2000; i++)
        jb_buf_put_z(&buf, "/a");
    jb_buf_put_char(&buf, 0);
    CHECK_TEXT(match(scope, web, JB_GET, buf.data), "404");
    jb_buf_done(&buf);
    jb_web_free(web);
}

JB_TEST("addresses of routes carry their value encoded")
{
    struct jb_web *web;
    CHECK_OK(open_web(scope, (const struct jb_route[]){ { JB_GET, "/cash/{month}/", view, "month" }, { JB_GET, "/x", view, "x" }, { 0 } }, &web));
    struct jb_request req = { .scope = scope, .web = web };

    CHECK_TEXT(jb_url(&req, "x", jb_v_null()), "/x");
    CHECK_TEXT(jb_url(&req, "month", jb_v((struct jb_month){ 670 })), "/cash/2025-11/");
    CHECK_TEXT(jb_url(&req, "month", jb_v(JB_STR("a/b?"))), "/cash/a%2Fb%3F/");
    jb_web_free(web);
}

JB_TEST("faulty declarations are found at start")
{
    static const struct jb_route faulty[][3] = {
        { { JB_GET, "a", view, "a" } },
        { { JB_GET, "/a", NULL, "a" } },
        { { 0, "/a", view, "a" } },
        { { JB_GET, "/a//b", view, "a" } },
        { { JB_GET, "/a/{}", view, "a" } },
        { { JB_GET, "/a/{b", view, "a" } },
        { { JB_GET, "/{a...}/b", view, "a" } },
        { { JB_GET, "/a", view, "a" }, { JB_GET, "/a", view, "b" } },
        { { JB_GET, "/{a}", view, "a" }, { JB_GET, "/{b}", view, "b" } },
        { { JB_GET, "/a", view, "a" }, { JB_GET, "/b", view, "a" } },
    };
    struct jb_web *web;

    for (size_t i = 0; i < JB_COUNT(faulty); i++)
        CHECK_FAILS(open_web(scope, faulty[i], &web), JB_INVALID);
}

JB_TEST("a site without a secret, or with nonsense for proxies or CDN, does not start")
{
    CHECK_FAILS(jb_web_new(scope, &(struct jb_web_options){ .secret_key = JB_STR("short") }) != NULL, JB_INVALID);
    CHECK_FAILS(jb_web_new(scope, &(struct jb_web_options){ .secret_key = JB_STR("0123456789abcdef"), .trusted_proxies = JB_STR("10.0.0.0/40") }) != NULL, JB_INVALID);
    CHECK_FAILS(jb_web_new(scope, &(struct jb_web_options){ .secret_key = JB_STR("0123456789abcdef"), .cdn_domain = JB_STR("a; script-src *") }) != NULL, JB_INVALID);
}

JB_TEST("networks are matched bit by bit, IPv4 and IPv6")
{
    struct jb__network *networks;
    size_t count;

    CHECK_OK(jb__networks_parse(scope, JB_STR("10.0.0.0/8, 192.168.1.128/25 ,::1,2001:db8::/33"), &networks, &count));
    CHECK_INT(count, 4);
    static const char *const in[] = { "10.255.0.1", "192.168.1.128", "192.168.1.255", "::1", "2001:db8:7fff::1", "::ffff:10.0.0.1" };
    static const char *const out[] = { "11.0.0.1", "192.168.1.127", "::2", "2001:db8:8000::1", "", "10.0.0", "x" };
    for (size_t i = 0; i < JB_COUNT(in); i++)
        CHECK(jb__network_has(networks, count, jb_str_of(in[i])));
    for (size_t i = 0; i < JB_COUNT(out); i++)
        CHECK(!jb__network_has(networks, count, jb_str_of(out[i])));
}

JB_TEST("languages: the highest quality among ours, the first among equals")
{
    enum jb_language language = JB_KO;

    CHECK(jb__language_accepted(JB_STR("en"), &language) && language == JB_EN);
    CHECK(jb__language_accepted(JB_STR("en;q=0.5, ko"), &language) && language == JB_KO);
    CHECK(jb__language_accepted(JB_STR("ko;q=0.1,en-US;q=0.101"), &language) && language == JB_EN);
    CHECK(!jb__language_accepted(JB_STR("fr, ko;q=0"), &language));
    CHECK(!jb__language_accepted(JB_STR(""), &language));
    CHECK(!jb__language_accepted(JB_STR_NULL, &language));
}
