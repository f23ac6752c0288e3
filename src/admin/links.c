/* links.c — what a row is linked to, in its form: a box to tick for each of a few, one line of text for each of many.
 *
 * Those that are linked stand first, in their order; the form sends them in that order, so saving keeps it. A hidden empty value tells a form with nothing ticked from one that does not ask. */
// SPDX-License-Identifier: Apache-2.0
#include "admin_private.h"

enum { TARGETS_MAX = 200 }; /* more than that are typed, not ticked */

static bool has(struct jb_ids ids, int64_t id)
{
    for (size_t i = 0; i < ids.count; i++)
        if (ids.at[i] == id)
            return true;
    return false;
}

static struct jb_ids ids_of(struct jb_scope *scope, const struct jb_model *model, const struct jb_rows *rows)
{
    int64_t *ids = JB_NEW_ARRAY(scope, int64_t, rows->count);
    for (size_t i = 0; i < rows->count; i++)
        ids[i] = jb_row_id(model, jb_rows_at(rows, i));
    return (struct jb_ids){ ids, rows->count };
}

/* A line of text, by title or number; its reason is said at the field. */
static bool line_read(struct jb_request *req, const struct jb_link *link, struct jb_str line, int64_t *ret_id)
{
    struct jb_scope *one = jb_scope_child(req->scope, "link");
    bool ok = jb__reference_read(one, link->target, line, ret_id);

    if (!ok && jb_error(one) == JB_INVALID)
        jb_fail_field(req->scope, jb_str_of(link->name), "%.*s", JB_FMT(jb_failure(one)->message));
    else if (!ok)
        jb_failure_pass(one, req->scope);
    jb_scope_end(one);
    return ok;
}

/* NAME.id are ticked boxes, NAME holds lines of text. */
static bool ids_sent(struct jb_request *req, const struct jb_link *link, struct jb_ids *ret_ids)
{
    const struct jb_str *ticked;
    size_t count = 0, lines = 1, sent = jb_form_all(req, jb_format(req->scope, "%s.id", link->name).data, &ticked);
    struct jb_str text = jb_form_text(req, link->name);

    for (size_t i = 0; i < text.size; i++)
        lines += text.data[i] == '\n';
    int64_t *ids = JB_NEW_ARRAY(req->scope, int64_t, sent + lines);
    for (size_t i = 0; i < sent; i++)
        if (!jb_str_to_int64(ticked[i], &ids[count++]))
            return jb_fail_field(req->scope, jb_str_of(link->name), "%s", JB_L(req->scope, "고를 수 없는 것입니다.", "This cannot be chosen."));
    while (text.data) {
        struct jb_str line = jb_str_trim_unicode(jb_str_cut(&text, '\n'));
        if (line.size > 0 && !line_read(req, link, line, &ids[count]))
            return false;
        count += line.size > 0;
    }
    *ret_ids = (struct jb_ids){ ids, count };
    return true;
}

struct jb_str jb__link_label(struct jb_scope *scope, const struct jb_model *model, struct jb_str name)
{
    for (const struct jb_link *link = model->links; link && link->name; link++) {
        const char *label = jb_language(scope) == JB_KO ? link->label : link->label_en;
        if (jb_str_is(name, link->name))
            return label ? jb_str_of(label) : jb_model_label(link->target, scope);
    }
    return name;
}

static void box(struct jb_scope *scope, struct jb_vars *vars, const struct jb_model *target, const void *row, bool chosen)
{
    struct jb_vars *inner = jb_vars_append(vars, "options");
    jb__set(inner, "value", jb_row_id(target, row));
    jb_vars_text(inner, "label", jb_row_title(scope, target, row));
    jb__set(inner, "chosen", chosen);
}

static bool boxes(struct jb_request *req, const struct jb_link *link, const struct jb_rows *linked, const struct jb_ids *typed, struct jb_vars *vars)
{
    struct jb_scope *scope = req->scope;
    struct jb_rows *all = jb_select(scope, link->target, .limit = TARGETS_MAX + 1);
    struct jb_ids ids = ids_of(scope, link->target, linked);
    struct jb_str text = JB_STR("");

    if (!all)
        return false;
    bool many = all->count > TARGETS_MAX;
    for (size_t i = 0; i < linked->count; i++) {
        const void *row = jb_rows_at(linked, i);
        box(scope, vars, link->target, row, !typed || has(*typed, ids.at[i]));
        text = jb_format(scope, "%.*s%.*s\n", JB_FMT(text), JB_FMT(jb_row_title(scope, link->target, row)));
    }
    for (size_t i = 0; !many && i < all->count; i++) {
        const void *row = jb_rows_at(all, i);
        if (!has(ids, jb_row_id(link->target, row)))
            box(scope, vars, link->target, row, typed && has(*typed, jb_row_id(link->target, row)));
    }
    jb__set(vars, "many", many);
    jb_vars_text(vars, "value", typed && jb_form_text(req, link->name).data ? jb_form_text(req, link->name) : text);
    return true;
}

bool jb__links_vars(struct jb_request *req, const struct jb_model *model, int64_t id, bool may_write, bool typed, const struct jb_field_error *errors, struct jb_vars *vars)
{
    struct jb_scope *scope = req->scope;

    jb_vars_list(vars, "links");
    for (const struct jb_link *link = model->links; link && link->name; link++) {
        struct jb_vars *inner = jb_vars_append(vars, "links");
        struct jb_rows *linked = jb_links_get(scope, model, id, link->name);
        struct jb_ids sent = { 0 };
        if (!linked)
            return false;
        if (typed && !ids_sent(req, link, &sent))
            jb_failure_clear(scope); /* said at the field already */
        jb_vars_text(inner, "name", jb_str_of(link->name));
        jb_vars_text(inner, "label", jb__link_label(scope, model, jb_str_of(link->name)));
        jb__set(inner, "disabled", (bool)!may_write);
        jb_vars_text(inner, "error", JB_STR_NULL);
        for (const struct jb_field_error *error = errors; error; error = error->next)
            if (jb_str_is(error->field, link->name))
                jb_vars_text(inner, "error", error->message);
        jb_vars_list(inner, "options");
        if (!boxes(req, link, linked, typed ? &sent : NULL, inner))
            return false;
    }
    return true;
}

bool jb__links_save(struct jb_request *req, const struct jb_model *model, int64_t id)
{
    bool ok = true;

    for (const struct jb_link *link = model->links; ok && link && link->name; link++) {
        struct jb_ids ids;
        if (jb_form_text(req, link->name).data) /* otherwise the form did not ask */
            ok = ids_sent(req, link, &ids) && jb_links_set(req->scope, model, id, link->name, ids);
    }
    return ok;
}
