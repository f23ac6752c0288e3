/* render.c — from a template's tree and values to HTML in one buffer. */
// SPDX-License-Identifier: Apache-2.0
#include "web/template.h"
#include <string.h>

/* One running {% for %}. */
struct jb__frame {
    struct jb_str name;
    struct jb__item item;
    size_t index, count;
    struct jb__frame *up;
};

static bool render_nodes(struct jb__render *render, const struct jb__node *node);

static struct jb__item item_of(struct jb_value value)
{
    return (struct jb__item){ .kind = ITEM_VALUE, .value = value };
}

static bool fail_at(struct jb__render *render, int line, const char *ko, const char *en, struct jb_str what)
{
    return jb_fail(render->scope, JB_BROKEN, "%.*s:%d: %s: %.*s", JB_FMT(render->template->name), line, JB_L(render->scope, ko, en), JB_FMT(what));
}

/* ---- expressions ------------------------------------------------------------------------------------------------------------- */

static struct jb__item loop_item(const struct jb__frame *frame, struct jb_str name)
{
    if (jb_str_is(name, "index"))
        return item_of(jb_v((int64_t)frame->index + 1));
    if (jb_str_is(name, "first"))
        return item_of(jb_v_bool(frame->index == 0));
    if (jb_str_is(name, "last"))
        return item_of(jb_v_bool(frame->index + 1 == frame->count));
    return (struct jb__item){ .kind = ITEM_MISSING };
}

static struct jb__item top_item(struct jb__render *render, struct jb_str name)
{
    struct jb__item item = { .kind = ITEM_MISSING };

    for (const struct jb__frame *frame = render->frame; frame; frame = frame->up)
        if (jb_str_equal(frame->name, name))
            return frame->item;
    item = jb__vars_get(render->vars, name);
    if (item.kind == ITEM_MISSING)
        item = jb__vars_get(render->page_vars, name);
    if (item.kind == ITEM_MISSING && render->builtin)
        item = render->builtin(render, name);
    return item;
}

static struct jb__item inner_item(const struct jb__item *item, struct jb_str name)
{
    if (item->kind == ITEM_MAP)
        return jb__vars_get(item->map, name);
    if (item->kind == ITEM_VALUE && item->value.type == JB_NULL)
        return *item;
    if (item->kind == ITEM_VALUE && item->value.type == JB_ROW) {
        const struct jb_field *field = jb_record_field(item->value.row.record, name);
        struct jb_value related;
        if (field && !field->secret)
            return (struct jb__item){ .kind = ITEM_VALUE, .value = jb_record_get(item->value.row.record, item->value.row.data, field), .field = field };
        if (!field && jb_record_related(item->value.row.record, item->value.row.data, name, &related))
            return item_of(related);
    }
    return (struct jb__item){ .kind = ITEM_MISSING };
}

static struct jb__item path_item(struct jb__render *render, const struct jb__expr *expr)
{
    if (render->frame && expr->step_count == 2 && jb_str_is(expr->steps[0], "loop"))
        return loop_item(render->frame, expr->steps[1]);
    struct jb__item item = top_item(render, expr->steps[0]);
    for (size_t i = 1; i < expr->step_count && item.kind != ITEM_MISSING; i++)
        item = inner_item(&item, expr->steps[i]);
    return item;
}

static bool evaluate(struct jb__render *render, const struct jb__expr *expr, struct jb__item *ret_item);

static bool compare(struct jb__render *render, const struct jb__expr *expr, bool *ret_truth)
{
    struct jb__item left, right;
    int order = 0;

    if (!evaluate(render, expr->left, &left) || !evaluate(render, expr->right, &right))
        return false;
    bool comparable = jb__item_compare(render->scope, &left, &right, &order);
    switch (expr->type) {
    case EXPR_EQUAL: *ret_truth = comparable && order == 0; break;
    case EXPR_NOT_EQUAL: *ret_truth = !comparable || order != 0; break;
    case EXPR_LESS: *ret_truth = comparable && order < 0; break;
    case EXPR_GREATER: *ret_truth = comparable && order > 0; break;
    case EXPR_LESS_EQUAL: *ret_truth = comparable && order <= 0; break;
    default: *ret_truth = comparable && order >= 0; break;
    }
    return true;
}

static bool truth_of(struct jb__render *render, const struct jb__expr *expr, bool *ret_truth)
{
    struct jb__item item;

    if (!evaluate(render, expr, &item))
        return false;
    *ret_truth = jb__item_true(&item);
    return true;
}

static bool evaluate_logic(struct jb__render *render, const struct jb__expr *expr, bool *ret_truth)
{
    bool left, right;

    if (expr->type != EXPR_NOT && expr->type != EXPR_AND && expr->type != EXPR_OR)
        return compare(render, expr, ret_truth);
    if (!truth_of(render, expr->left, &left))
        return false;
    if (expr->type == EXPR_NOT) {
        *ret_truth = !left;
        return true;
    }
    if (left == (expr->type == EXPR_OR)) {
        *ret_truth = left;
        return true;
    }
    if (!truth_of(render, expr->right, &right))
        return false;
    *ret_truth = right;
    return true;
}

static bool evaluate(struct jb__render *render, const struct jb__expr *expr, struct jb__item *ret_item)
{
    struct jb__item item;
    bool truth;

    if (expr->type == EXPR_LITERAL) {
        item = item_of(expr->literal);
    } else if (expr->type == EXPR_PATH) {
        item = path_item(render, expr);
    } else {
        if (!evaluate_logic(render, expr, &truth))
            return false;
        item = item_of(jb_v_bool(truth));
    }
    for (const struct jb__filter *filter = expr->filters; filter; filter = filter->next) {
        struct jb__item argument;
        if (filter->argument && !evaluate(render, filter->argument, &argument))
            return false;
        if (!jb__filter_apply(render, filter, filter->argument ? &argument : NULL, &item))
            return jb_wrap(render->scope, "%.*s:%d", JB_FMT(render->template->name), expr->line);
    }
    *ret_item = item;
    return true;
}

/* ---- printing ------------------------------------------------------------------------------------------------------------------ */

/* No scheme, or one that only leads somewhere. A colon before any of / ? # would end a scheme, however it is written or glued together. */
static bool harmless_address(struct jb_str text)
{
    static const char *const schemes[] = { "http://", "https://", "mailto:", "tel:" };

    for (size_t i = 0; i < JB_COUNT(schemes); i++)
        if (text.size >= strlen(schemes[i]) && jb_str_equal_nocase(jb_str_slice(text, 0, strlen(schemes[i])), jb_str_of(schemes[i])))
            return true;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == ':')
            return false;
        if (strchr("/?#", text.data[i]) && text.data[i])
            return true;
    }
    return true;
}

static bool print_item(struct jb__render *render, const struct jb__item *item, enum jb__print_context context, int line, struct jb_str what)
{
    if (item->kind == ITEM_MISSING)
        return fail_at(render, line, "이런 이름의 값이 없습니다", "there is no such value", what);
    if (item->kind != ITEM_VALUE || item->value.type == JB_ROWS || item->value.type == JB_ROW || item->value.type == JB_IDS)
        return fail_at(render, line, "목록이나 기록은 그대로 쓸 수 없습니다", "a list or record cannot be printed", what);
    if (item->value.type == JB_HTML && context == PRINT_TEXT) {
        jb_buf_put(render->out, item->value.text);
        return true;
    }
    struct jb_str text = jb__item_text(render, item);
    if (context == PRINT_URL && !harmless_address(text))
        text = JB_STR("about:invalid");
    jb__html_escape(render->out, text);
    return true;
}

static bool render_print(struct jb__render *render, const struct jb__node *node)
{
    struct jb__item item;

    render->context = node->context;
    return evaluate(render, node->expr, &item) && print_item(render, &item, node->context, node->line, node->expr->path.data ? node->expr->path : JB_STR("{{ }}"));
}

static bool render_url(struct jb__render *render, const struct jb__node *node)
{
    struct jb__item item = item_of(jb_v_null());
    struct jb_str url;

    if (node->expr && !evaluate(render, node->expr, &item))
        return false;
    if (node->expr && (item.kind != ITEM_VALUE || item.value.type == JB_NULL))
        return fail_at(render, node->line, "주소에 넣을 값이 없습니다", "there is no value for the address", node->expr->path);
    if (!render->url(render, node->route, item.value, &url))
        return false;
    jb__html_escape(render->out, url);
    return true;
}

/* ---- loops, blocks, includes -------------------------------------------------------------------------------------------------------- */

static bool loop_once(struct jb__render *render, const struct jb__node *node, struct jb__frame *frame, struct jb__item item)
{
    if (render->out->full)
        return true; /* said at the end */
    frame->item = item;
    bool ok = render_nodes(render, node->first);
    frame->index++;
    return ok;
}

static bool render_loop(struct jb__render *render, const struct jb__node *node, const struct jb__item *list)
{
    struct jb__frame frame = { .name = node->text, .up = render->frame };
    bool ok = true;

    render->frame = &frame;
    if (list->kind == ITEM_LIST) {
        frame.count = list->list->count;
        for (const struct jb_vars *vars = list->list->first; ok && vars; vars = vars->next)
            ok = loop_once(render, node, &frame, (struct jb__item){ .kind = ITEM_MAP, .map = vars });
    } else if (list->value.type == JB_ROWS) {
        const struct jb_rows *rows = list->value.rows;
        frame.count = rows->count;
        for (size_t i = 0; ok && i < rows->count; i++)
            ok = loop_once(render, node, &frame, item_of(jb_v_row((struct jb_row){ rows->record, jb_rows_at(rows, i) })));
    } else {
        frame.count = list->value.ids.count;
        for (size_t i = 0; ok && i < frame.count; i++)
            ok = loop_once(render, node, &frame, item_of(jb_v(list->value.ids.at[i])));
    }
    render->frame = frame.up;
    return ok;
}

static bool render_for(struct jb__render *render, const struct jb__node *node)
{
    struct jb__item list;

    if (!evaluate(render, node->expr, &list))
        return false;
    if (list.kind == ITEM_MISSING)
        return fail_at(render, node->line, "이런 이름의 목록이 없습니다", "there is no such list", node->expr->path);
    if (list.kind == ITEM_MAP || (list.kind == ITEM_VALUE && list.value.type != JB_ROWS && list.value.type != JB_IDS && list.value.type != JB_NULL))
        return fail_at(render, node->line, "목록이 아닙니다", "this is not a list", node->expr->path);
    if (!jb__item_true(&list))
        return render_nodes(render, node->other);
    return render_loop(render, node, &list);
}

static bool render_block(struct jb__render *render, const struct jb__node *node)
{
    for (const struct jb__block *block = render->template->blocks; block; block = block->next)
        if (jb_str_equal(block->name, node->text))
            return render_nodes(render, block->body);
    return true;
}

static bool render_include(struct jb__render *render, const struct jb__node *node)
{
    const struct jb__template *outer = render->template;

    render->template = node->include;
    bool ok = render_nodes(render, node->include->nodes);
    render->template = outer;
    return ok;
}

static bool render_if(struct jb__render *render, const struct jb__node *node)
{
    bool truth;

    if (!truth_of(render, node->expr, &truth))
        return false;
    return render_nodes(render, truth ? node->first : node->other);
}

static bool render_node(struct jb__render *render, const struct jb__node *node)
{
    switch (node->type) {
    case NODE_TEXT: jb_buf_put(render->out, node->text); return true;
    case NODE_PRINT: return render_print(render, node);
    case NODE_IF: return render_if(render, node);
    case NODE_FOR: return render_for(render, node);
    case NODE_BLOCK: return render_block(render, node);
    case NODE_INCLUDE: return render_include(render, node);
    case NODE_TRANSLATE: return render_nodes(render, render->language == JB_KO ? node->first : node->other);
    case NODE_URL: return render_url(render, node);
    }
    return true;
}

static bool render_nodes(struct jb__render *render, const struct jb__node *node)
{
    for (; node; node = node->next)
        if (!render_node(render, node))
            return false;
    return true;
}

bool jb__template_render(struct jb__render *render, const struct jb__template *template)
{
    const struct jb__template *root = template;

    while (root->parent)
        root = root->parent;
    render->template = template;
    if (!render_nodes(render, root->nodes))
        return false;
    if (render->out->full)
        return jb_fail(render->scope, JB_LIMIT, JB_L(render->scope, "쪽이 너무 큽니다. 조건을 좁히세요.", "The page is too big. Narrow the selection."));
    return true;
}
