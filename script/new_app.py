#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""script/new-app NAME — writes apps/NAME (one model, its admin, one page) and ties it into apps/meson.build and apps/main.c."""
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

HEADER = """/* {name}.h — what the app {name} holds. */
// SPDX-License-Identifier: Apache-2.0
#ifndef {upper}_H
#define {upper}_H

#include <jangbu.h>

struct {name}_item {{
    int64_t id;
    struct jb_str code;
    struct jb_str name;
    struct jb_time created_at;
}};

extern const struct jb_model {name}_item;
extern const struct jb_admin {name}_item_admin;
extern const struct jb_route {name}_routes[];
extern const struct jb_app {name};

#endif
"""

MODELS = """/* models.c — the tables of {name}. A member's type stands in {name}.h; here it gets its label and its rules. */
// SPDX-License-Identifier: Apache-2.0
#include "{name}.h"

const struct jb_model {name}_item = {{
    .app = "{name}",
    .name = "item",
    .label = "항목",
    .label_en = "Item",
    .title = "code",
    .order = "code",
    .record = JB_RECORD({name}_item,
        JB_FIELD({name}_item, id, .primary = true),
        JB_FIELD({name}_item, code, .label = "코드", .required = true, .unique = true, .length_max = 40),
        JB_FIELD({name}_item, name, .label = "이름", .required = true, .length_max = 100),
        JB_FIELD({name}_item, created_at, .label = "만든 때", .auto_now_add = true)),
}};
"""

ADMIN = """/* admin.c — how people see {name}. */
// SPDX-License-Identifier: Apache-2.0
#include "{name}.h"

const struct jb_admin {name}_item_admin = {{
    .model = &{name}_item,
    .list = "code name created_at",
    .search = "code name",
}};
"""

VIEWS = """/* views.c — the pages of {name}. */
// SPDX-License-Identifier: Apache-2.0
#include "{name}.h"

/* GET /{name}: the newest items. */
static struct jb_response *show_items(struct jb_request *req)
{{
    struct jb_rows *items = jb_select(req->scope, &{name}_item, .order = JB_STR("-id"), .limit = 100);
    if (!items)
        return jb_problem(req);
    return jb_page(req, "{name}/items.html", jb_set("items", items));
}}

const struct jb_route {name}_routes[] = {{
    {{ JB_GET, "/{name}", show_items, "{name}.items", .permission = "{name}.view_item" }},
    {{ 0 }},
}};
"""

APP = """/* {name}.c — the app on one page: everything it brings to the site. */
// SPDX-License-Identifier: Apache-2.0
#include "{name}.h"
#include "{name}_templates.h" /* made from templates/ by script/embed */

const struct jb_app {name} = {{
    .name = "{name}",
    .label = "{name}",
    .models = JB_MODELS(&{name}_item),
    .admins = JB_ADMINS(&{name}_item_admin),
    .routes = {name}_routes,
    .templates = {name}_templates,
}};
"""

TEMPLATE = """{{% extends "admin/base.html" %}}
{{% block title %}}{name}{{% end %}}
{{% block main %}}
<div class="head"><h1>{name}</h1></div>
<section class="card"><table>
<thead><tr><th>{{% t "코드" "Code" %}}</th><th>{{% t "이름" "Name" %}}</th></tr></thead>
<tbody>
{{% for item in items %}}
<tr><td>{{{{ item.code }}}}</td><td>{{{{ item.name }}}}</td></tr>
{{% else %}}
<tr><td colspan="2" class="empty">{{% t "아직 없습니다." "Nothing yet." %}}</td></tr>
{{% end %}}
</tbody></table></section>
{{% end %}}
"""

MESON = """{name}_templates = custom_target(output: '{name}_templates.h', input: files('{name}/templates/{name}/items.html'),
  command: [embed, '@OUTPUT@', '{name}_templates', meson.current_source_dir() / '{name}' / 'templates', '@INPUT@'])
{name} = static_library('{name}', '{name}/admin.c', '{name}/{name}.c', '{name}/models.c', '{name}/views.c', {name}_templates,
  include_directories: inc, dependencies: app_dep)

"""


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "x", encoding="utf-8") as file:
        file.write(text)


def edit(path, change):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    changed = change(text)
    if changed == text:
        sys.exit(f"new-app: {path} has not the form it should have; add the app by hand (docs/first-app.md)")
    with open(path, "w", encoding="utf-8") as file:
        file.write(changed)


def main(name):
    if not re.fullmatch(r"[a-z][a-z0-9]{1,30}", name):
        sys.exit(f"new-app: '{name}' is no name for an app: 2 to 31 small letters and digits, a letter first.")
    folder = os.path.join(ROOT, "apps", name)
    if os.path.exists(folder):
        sys.exit(f"new-app: apps/{name} exists already.")
    words = {"name": name, "upper": name.upper()}
    for path, text in ((f"{name}.h", HEADER), ("models.c", MODELS), ("admin.c", ADMIN), ("views.c", VIEWS), (f"{name}.c", APP), (f"templates/{name}/items.html", TEMPLATE)):
        write(os.path.join(folder, path), text.format(**words))
    edit(os.path.join(ROOT, "apps", "meson.build"), lambda text: re.sub(r"apps = \[(.*)\]", lambda m: MESON.format(**words) + f"apps = [{m.group(1)}, {name}]", text))
    edit(os.path.join(ROOT, "apps", "main.c"), lambda text: re.sub(r"JB_APPS\((.*)\)", rf"JB_APPS(\1, &{name})", text).replace('#include "cash/cash.h"\n', f'#include "cash/cash.h"\n#include "{name}/{name}.h"\n'))
    print(f"apps/{name} is there: script/build, then build/jangbu migrate. Its model is {name}.item, its page /{name}.")


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    main(sys.argv[1])
