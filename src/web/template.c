/* template.c — the set of templates: gathered from the embedded lists, parsed at start, parents and includes first. */
// SPDX-License-Identifier: Apache-2.0
#include "web/template.h"
#include <string.h>

static void map_done(void *arg)
{
    jb_map_done(arg);
}

struct jb__template *jb__template_need(struct jb__templates *templates, struct jb_str name)
{
    struct jb__template *template = jb_map_get(&templates->by_name, name);

    if (!template || template->state != TEMPLATE_NEW)
        return template;
    template->state = TEMPLATE_PARSING;
    if (!jb__template_parse(templates, template))
        return NULL;
    template->state = TEMPLATE_READY;
    return template;
}

const struct jb__template *jb__template_find(const struct jb__templates *templates, struct jb_str name)
{
    return jb_map_get(&templates->by_name, name);
}

struct jb__templates *jb__templates_new(struct jb_scope *scope, const struct jb_asset *const *lists, const struct jb__template_names *names)
{
    struct jb__templates *templates = JB_NEW(scope, struct jb__templates);

    templates->scope = scope;
    templates->names = *names;
    jb_map_init(&templates->by_name);
    jb_defer(scope, map_done, &templates->by_name);
    for (size_t i = 0; lists && lists[i]; i++)
        for (const struct jb_asset *asset = lists[i]; asset->name; asset++) {
            struct jb_str name = jb_str_of(asset->name);
            if (jb_map_get(&templates->by_name, name))
                continue;
            struct jb__template *template = JB_NEW(scope, struct jb__template);
            template->name = name;
            template->source = (struct jb_str){ asset->data, asset->size };
            jb_map_put(&templates->by_name, name, template);
        }
    for (size_t i = 0; lists && lists[i]; i++)
        for (const struct jb_asset *asset = lists[i]; asset->name; asset++)
            if (!jb__template_need(templates, jb_str_of(asset->name)))
                return NULL;
    return templates;
}
