/* vars.c — named values for templates: maps are short lists in the order they were set; a name set again replaces the former. */
// SPDX-License-Identifier: Apache-2.0
#include "web/template.h"
#include <string.h>

struct jb_vars *jb_vars_new(struct jb_scope *scope)
{
    struct jb_vars *vars = JB_NEW(scope, struct jb_vars);

    vars->scope = scope;
    return vars;
}

static struct jb__entry *entry_find(const struct jb_vars *vars, const char *name, size_t size)
{
    for (struct jb__entry *entry = vars->first; entry; entry = entry->next)
        if (entry->name_size == size && memcmp(entry->name, name, size) == 0)
            return entry;
    return NULL;
}

static struct jb__entry *entry_of(struct jb_vars *vars, const char *name)
{
    size_t size = strlen(name);
    struct jb__entry *entry = entry_find(vars, name, size);

    if (entry)
        return entry;
    entry = JB_NEW(vars->scope, struct jb__entry);
    entry->name = name;
    entry->name_size = size;
    if (vars->last)
        vars->last->next = entry;
    else
        vars->first = entry;
    vars->last = entry;
    return entry;
}

void jb_vars_set(struct jb_vars *vars, const char *name, struct jb_value value)
{
    entry_of(vars, name)->item = (struct jb__item){ .kind = ITEM_VALUE, .value = value };
}

void jb_vars_text(struct jb_vars *vars, const char *name, struct jb_str text)
{
    jb_vars_set(vars, name, jb_v(text));
}

void jb_vars_vars(struct jb_vars *vars, const char *name, struct jb_vars *inner)
{
    entry_of(vars, name)->item = (struct jb__item){ .kind = ITEM_MAP, .map = inner };
}

static struct jb__list *list_of(struct jb_vars *vars, const char *name)
{
    struct jb__entry *entry = entry_of(vars, name);

    if (entry->item.kind != ITEM_LIST) {
        entry->list = (struct jb__list){ 0 };
        entry->item = (struct jb__item){ .kind = ITEM_LIST, .list = &entry->list };
    }
    return &entry->list;
}

struct jb_vars *jb_vars_append(struct jb_vars *vars, const char *name)
{
    struct jb__list *list = list_of(vars, name);
    struct jb_vars *element = jb_vars_new(vars->scope);

    if (list->last)
        list->last->next = element;
    else
        list->first = element;
    list->last = element;
    list->count++;
    return element;
}

void jb_vars_list(struct jb_vars *vars, const char *name)
{
    list_of(vars, name);
}

struct jb__item jb__vars_get(const struct jb_vars *vars, struct jb_str name)
{
    const struct jb__entry *entry = vars ? entry_find(vars, name.data, name.size) : NULL;

    return entry ? entry->item : (struct jb__item){ .kind = ITEM_MISSING };
}
