/* web.c — the site as one value: routes, templates and statics checked and compiled before the first request. */
// SPDX-License-Identifier: Apache-2.0
#include "web/web_private.h"
#include "web_templates.h"
#include <sodium.h>

#define FORM_BYTES_MAX ((int64_t)10 << 20)
#define UPLOAD_BYTES_MAX ((int64_t)4 << 30)
#define SESSION_AGE_S 86400

static bool asset_url(void *arg, struct jb_str name, struct jb_str *ret_url)
{
    const struct jb_web *web = arg;
    const struct jb__static *file = jb_map_get(&web->statics, name);

    if (file)
        *ret_url = file->url;
    return file != NULL;
}

static const struct jb_route *route_named(void *arg, struct jb_str name, bool *ret_parameter)
{
    return jb__route_named(arg, name, ret_parameter);
}

static void copy_options(struct jb_web *web, const struct jb_web_options *options)
{
    struct jb_web_options *own = &web->options;

    *own = *options;
    own->secret_key = jb_copy(web->scope, options->secret_key);
    own->allowed_hosts = jb_copy(web->scope, options->allowed_hosts);
    own->trusted_proxies = jb_copy(web->scope, options->trusted_proxies);
    own->cdn_domain = jb_copy(web->scope, options->cdn_domain);
    own->site_name = jb_cstr(web->scope, jb_str_of(options->site_name ? options->site_name : "jangbu"));
    own->site_name_en = options->site_name_en ? jb_cstr(web->scope, jb_str_of(options->site_name_en)) : own->site_name;
    own->form_bytes_max = options->form_bytes_max > 0 ? options->form_bytes_max : FORM_BYTES_MAX;
    own->upload_bytes_max = options->upload_bytes_max > 0 ? options->upload_bytes_max : UPLOAD_BYTES_MAX;
    own->session_age_s = options->session_age_s > 0 ? options->session_age_s : SESSION_AGE_S;
}

static void make_csp(struct jb_web *web)
{
    struct jb_str cdn = web->options.cdn_domain;
    struct jb_str from = cdn.size > 0 ? jb_format(web->scope, "'self' https://%.*s", JB_FMT(cdn)) : JB_STR("'self'");

    web->csp = jb_format(web->scope, "default-src 'none'; style-src %.*s; script-src %.*s; img-src %.*s; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        JB_FMT(from), JB_FMT(from), JB_FMT(from));
}

static bool host_plain(struct jb_str host)
{
    for (size_t i = 0; i < host.size; i++)
        if ((unsigned char)host.data[i] <= 0x20 || (unsigned char)host.data[i] >= 0x7f || host.data[i] == ';' || host.data[i] == ',' || host.data[i] == '\'')
            return false;
    return true;
}

static bool check_options(struct jb_scope *scope, const struct jb_web *web)
{
    if (web->options.secret_key.size < 16)
        return jb_fail(scope, JB_INVALID, JB_L(scope, "설정 SECRET_KEY가 없거나 짧습니다. 16자 이상을 적으세요.", "setting SECRET_KEY is missing or too short; it needs at least 16 characters."));
    if (!host_plain(web->options.cdn_domain))
        return jb_fail(scope, JB_INVALID, JB_L(scope, "설정 CDN_DOMAIN=‘%.*s’: 호스트 이름이 아닙니다.", "setting CDN_DOMAIN='%.*s' is no host name."), JB_FMT(web->options.cdn_domain));
    return true;
}

/* Names of permissions that nobody declared would refuse everybody: a fault of the program, found now. */
static bool check_permissions(struct jb_scope *scope, const struct jb_web *web)
{
    bool ok = true;

    if (!jb_service(scope, JB_SERVICE_DB))
        return true;
    struct jb_scope *child = jb_scope_child(scope, "permissions");
    jb_permissions_use(child, web->options.permissions);
    for (size_t i = 0; ok && web->options.routes && web->options.routes[i]; i++)
        for (const struct jb_route *route = web->options.routes[i]; ok && route->path; route++) {
            struct jb_str permission = jb_str_of(route->permission);
            if (permission.size > 0 && !jb_str_is(permission, "staff") && !jb_str_is(permission, "superuser") && !jb__permission_declared(child, permission))
                ok = jb_wrap(child, "%s", route->path);
        }
    if (!ok)
        jb_failure_pass(child, scope);
    jb_scope_end(child);
    return ok;
}

static const struct jb_asset *const *with_built_in(struct jb_web *web)
{
    size_t count = 0;
    while (web->options.templates && web->options.templates[count])
        count++;
    const struct jb_asset **lists = JB_NEW_ARRAY(web->scope, const struct jb_asset *, count + 2);
    for (size_t i = 0; i < count; i++)
        lists[i] = web->options.templates[i];
    lists[count] = web_templates;
    return lists;
}

static bool open_all(struct jb_scope *scope, struct jb_web *web)
{
    struct jb__template_names names = { .asset = asset_url, .route = route_named, .arg = web };

    if (!check_options(scope, web) || !jb__routes_compile(scope, web) || !check_permissions(scope, web) || !jb__statics_open(scope, web) ||
        !jb__networks_parse(web->scope, web->options.trusted_proxies, &web->proxies, &web->proxy_count))
        return false;
    make_csp(web);
    web->templates = jb__templates_new(web->scope, with_built_in(web), &names);
    return web->templates != NULL;
}

struct jb_web *jb_web_new(struct jb_scope *scope, const struct jb_web_options *options)
{
    struct jb_scope *own = jb_scope_new("web");
    struct jb_web *web = JB_NEW(own, struct jb_web);

    JB_CHECK(sodium_init() >= 0);
    jb_language_set(own, jb_language(scope));
    web->scope = own;
    copy_options(web, options);
    if (open_all(scope, web))
        return web;
    if (jb_failure(own))
        jb_failure_pass(own, scope);
    jb_web_free(web);
    return NULL;
}

void jb_web_free(struct jb_web *web)
{
    if (web)
        jb_scope_end(web->scope);
}
