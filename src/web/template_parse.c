/* template_parse.c — from a template's text to its tree.
 *
 * Recursive descent over text, {{ }}, {% %} and {# #}; {% if %}, {% for %} and {% block %} end at {% end %}. Every branch must leave the markup where it found it (same tag, same attribute), so
 * that each {{ }} has one context whatever the data. A control tag alone on its line takes the line with it. */
// SPDX-License-Identifier: Apache-2.0
#include "web/template.h"
#include <string.h>

#define TAG_BYTES_MAX 4000

enum stop {
    STOP_FILE,
    STOP_END,
    STOP_ELSE,
    STOP_ELIF,
};

struct parser {
    struct jb__templates *templates;
    struct jb__template *template;
    struct jb_scope *scope;
    const char *at, *end;
    int line, depth;
    struct jb__html html;
    bool in_block;        /* text of a child outside blocks is refused */
    struct jb__scan elif; /* the condition that a STOP_ELIF left */
    struct jb__block **last_block;
};

struct chain {
    struct jb__node *first, **last;
};

static bool parse_nodes(struct parser *parser, struct jb__node **ret_first, enum stop *ret_stop);

static bool fail(struct parser *parser, const char *ko, const char *en)
{
    return jb_fail(parser->scope, JB_INVALID, "%.*s:%d: %s", JB_FMT(parser->template->name), parser->line, JB_L(parser->scope, ko, en));
}

/* Rendering recurses this far; it must fit a fiber's stack. */
static bool deeper(struct parser *parser, int depth)
{
    depth += parser->template->parent ? parser->template->parent->depth : 0;
    parser->template->depth = JB_MAX(parser->template->depth, depth);
    return depth <= JB_TEMPLATE_DEPTH_MAX || fail(parser, "틀과 {% %}가 너무 깊이 겹칩니다.", "templates and {% %} are nested too deeply.");
}

static struct jb__node *node_add(struct parser *parser, struct chain *chain, enum jb__node_type type)
{
    struct jb__node *node = JB_NEW(parser->scope, struct jb__node);

    node->type = type;
    node->line = parser->line;
    *chain->last = node;
    chain->last = &node->next;
    return node;
}

static void count_lines(struct parser *parser, struct jb_str text)
{
    for (size_t i = 0; i < text.size; i++)
        parser->line += text.data[i] == '\n';
}

static void add_text(struct parser *parser, struct chain *chain, struct jb_str text)
{
    if (text.size == 0)
        return;
    jb__html_feed(&parser->html, text);
    node_add(parser, chain, NODE_TEXT)->text = text;
}

static bool may_print(struct parser *parser, enum jb__print_context *ret_context)
{
    if (jb__html_print(&parser->html, ret_context))
        return true;
    return jb_fail(parser->scope, JB_INVALID, JB_L(parser->scope, "%.*s:%d: 이 자리에는 값을 쓸 수 없습니다(%s). 글이나 큰따옴표로 묶은 속성에 쓰세요.", "%.*s:%d: values cannot be printed in %s; print in text or in a quoted attribute."),
        JB_FMT(parser->template->name), parser->line, jb__html_place(&parser->html));
}

/* Printing closes an address's scheme only by what the value is; what follows is checked too. */
static bool parse_print(struct parser *parser, struct chain *chain, struct jb__scan *scan)
{
    enum jb__print_context context;

    if (!may_print(parser, &context))
        return false;
    struct jb__node *node = node_add(parser, chain, NODE_PRINT);
    node->context = context;
    node->expr = jb__scan_expr(scan);
    return node->expr && jb__scan_done(scan);
}

/* ---- {% if %}, {% for %}, {% block %} ---------------------------------------------------------------------------------------- */

static bool branch_ends(struct parser *parser, const struct jb__html *at)
{
    jb__html_settle(&parser->html);
    if (jb__html_same(&parser->html, at))
        return true;
    return fail(parser, "갈래가 시작한 자리(같은 태그, 같은 속성)에서 끝나야 합니다. 속성 값은 따옴표로 묶으세요.",
        "a branch must end where it began (same tag, same attribute); quote attribute values.");
}

static bool parse_body(struct parser *parser, const struct jb__html *at, struct jb__node **ret_first, enum stop *ret_stop)
{
    parser->html = *at;
    return parse_nodes(parser, ret_first, ret_stop) && branch_ends(parser, at);
}

static bool parse_if(struct parser *parser, struct chain *chain, struct jb__scan *scan)
{
    jb__html_settle(&parser->html);
    struct jb__html at = parser->html;
    struct jb__node *node = node_add(parser, chain, NODE_IF);
    enum stop stop = STOP_ELIF;
    struct jb__scan condition = *scan;

    for (int depth = parser->depth; stop == STOP_ELIF; depth++) {
        if (!deeper(parser, depth))
            return false;
        if (depth > parser->depth) {
            struct chain other = { NULL, &node->other };
            node = node_add(parser, &other, NODE_IF);
            condition = parser->elif;
        }
        node->expr = jb__scan_expr(&condition);
        if (!node->expr || !jb__scan_done(&condition) || !parse_body(parser, &at, &node->first, &stop))
            return false;
    }
    if (stop == STOP_ELSE && !parse_body(parser, &at, &node->other, &stop))
        return false;
    parser->html = at;
    return stop == STOP_END || fail(parser, "{% if %}의 {% end %}가 없습니다.", "{% end %} of {% if %} is missing.");
}

static bool parse_for(struct parser *parser, struct chain *chain, struct jb__scan *scan)
{
    jb__html_settle(&parser->html);
    struct jb__html at = parser->html;
    struct jb__node *node = node_add(parser, chain, NODE_FOR);
    struct jb_str in;
    enum stop stop;

    if (!jb__scan_name(scan, &node->text) || !jb__scan_name(scan, &in) || !jb_str_is(in, "in"))
        return jb__scan_fail(scan, "{% for 이름 in 목록 %} 꼴이어야 합니다.", "write {% for name in list %}.");
    node->expr = jb__scan_expr(scan);
    if (!node->expr || !jb__scan_done(scan) || !parse_body(parser, &at, &node->first, &stop))
        return false;
    if (stop == STOP_ELSE && !parse_body(parser, &at, &node->other, &stop))
        return false;
    parser->html = at;
    return stop == STOP_END || fail(parser, "{% for %}의 {% end %}가 없습니다.", "{% end %} of {% for %} is missing.");
}

static const struct jb__block *block_of(const struct jb__template *template, struct jb_str name)
{
    for (const struct jb__block *block = template->blocks; block; block = block->next)
        if (jb_str_equal(block->name, name))
            return block;
    return NULL;
}

static bool block_place(struct parser *parser, struct jb__block *block)
{
    const struct jb__template *parent = parser->template->parent;
    const struct jb__block *above = parent ? block_of(parent, block->name) : NULL;

    if (block_of(parser->template, block->name))
        return jb_fail(parser->scope, JB_INVALID, JB_L(parser->scope, "%.*s:%d: 블록 ‘%.*s’이 두 번 나옵니다.", "%.*s:%d: block “%.*s” stands here twice."), JB_FMT(parser->template->name), parser->line, JB_FMT(block->name));
    if (parent && !parser->in_block && !above)
        return jb_fail(parser->scope, JB_INVALID, JB_L(parser->scope, "%.*s:%d: 위 틀에 블록 ‘%.*s’이 없습니다.", "%.*s:%d: the parents have no block “%.*s”."), JB_FMT(parser->template->name), parser->line, JB_FMT(block->name));
    if (parent && !parser->in_block)
        parser->html = above->html;
    else if (above && !jb__html_same(&above->html, &parser->html))
        return fail(parser, "같은 이름의 블록이 위 틀에서는 다른 자리에 있습니다.", "a block of this name stands in another kind of place in the parent.");
    return true;
}

static bool parse_block(struct parser *parser, struct chain *chain, struct jb__scan *scan)
{
    struct jb__block *block = JB_NEW(parser->scope, struct jb__block);
    bool outer = parser->in_block;
    enum stop stop;

    jb__html_settle(&parser->html);
    if (!jb__scan_name(scan, &block->name))
        return jb__scan_fail(scan, "블록의 이름이 있어야 합니다.", "the block's name is needed.");
    if (!jb__scan_done(scan) || !block_place(parser, block))
        return false;
    block->html = parser->html;
    struct jb__node *node = node_add(parser, chain, NODE_BLOCK);
    node->text = block->name;
    *parser->last_block = block;
    parser->last_block = &block->next;
    parser->in_block = true;
    if (!parse_body(parser, &block->html, &block->body, &stop))
        return false;
    parser->in_block = outer;
    return stop == STOP_END || fail(parser, "{% block %}의 {% end %}가 없습니다.", "{% end %} of {% block %} is missing.");
}

/* ---- {% extends %}, {% include %} --------------------------------------------------------------------------------------------- */

static struct jb__template *other_template(struct parser *parser, struct jb__scan *scan)
{
    struct jb_str name;

    if (!jb__scan_text(scan, &name) || !jb__scan_done(scan))
        return NULL;
    struct jb__template *other = jb__template_need(parser->templates, name);
    if (!other) {
        if (!jb_failure(parser->scope))
            jb_fail(parser->scope, JB_INVALID, JB_L(parser->scope, "%.*s:%d: 틀 ‘%.*s’이 없습니다.", "%.*s:%d: there is no template “%.*s”."), JB_FMT(parser->template->name), parser->line, JB_FMT(name));
        return NULL;
    }
    if (other->state == TEMPLATE_PARSING) {
        jb_fail(parser->scope, JB_INVALID, JB_L(parser->scope, "%.*s:%d: 틀 ‘%.*s’이 돌고 돌아 자신을 부릅니다.", "%.*s:%d: template “%.*s” includes or extends itself."), JB_FMT(parser->template->name), parser->line, JB_FMT(name));
        return NULL;
    }
    return deeper(parser, parser->depth + other->depth) ? other : NULL;
}

static bool parse_extends(struct parser *parser, struct jb__scan *scan)
{
    if (parser->template->parent || parser->template->blocks || parser->depth > 1)
        return fail(parser, "{% extends %}는 맨 앞에 한 번만 씁니다.", "{% extends %} stands once, at the top.");
    parser->template->parent = other_template(parser, scan);
    return parser->template->parent != NULL;
}

static bool parse_include(struct parser *parser, struct chain *chain, struct jb__scan *scan)
{
    if (parser->html.state != HTML_TEXT)
        return fail(parser, "{% include %}는 글이 올 자리에만 씁니다.", "{% include %} may only stand where text may.");
    struct jb__node *node = node_add(parser, chain, NODE_INCLUDE);
    const struct jb__template *other = other_template(parser, scan);
    if (other && other->parent)
        return fail(parser, "{% extends %}가 있는 틀은 include할 수 없습니다.", "a template that extends another cannot be included.");
    node->include = other;
    return other != NULL;
}

/* ---- {% t %}, {% static %}, {% url %} -------------------------------------------------------------------------------------------- */

/* "{n} rows": text as written, placeholders as prints. */
static bool parse_sentence(struct parser *parser, struct jb_str text, struct jb__node **ret_first)
{
    struct chain chain = { NULL, ret_first };

    for (size_t from = 0; from < text.size;) {
        size_t open = jb_str_find_char(text, '{', from);
        add_text(parser, &chain, jb_str_slice(text, from, JB_MIN(open, text.size)));
        if (open == SIZE_MAX)
            break;
        size_t close = jb_str_find_char(text, '}', open);
        if (close == SIZE_MAX)
            return fail(parser, "{% t %} 안의 {에 짝이 없습니다.", "a { in {% t %} is not closed.");
        struct jb__scan scan = { parser->scope, parser->template->name, parser->line, 0, text.data + open + 1, text.data + close };
        if (!parse_print(parser, &chain, &scan))
            return false;
        from = close + 1;
    }
    return true;
}

static bool parse_translate(struct parser *parser, struct chain *chain, struct jb__scan *scan)
{
    enum jb__print_context context;
    struct jb_str ko, en;

    if (!may_print(parser, &context) || !jb__scan_text(scan, &ko) || !jb__scan_text(scan, &en) || !jb__scan_done(scan))
        return false;
    struct jb__node *node = node_add(parser, chain, NODE_TRANSLATE);
    struct jb__html at = parser->html;
    if (!parse_sentence(parser, ko, &node->first))
        return false;
    jb__html_settle(&parser->html);
    struct jb__html after = parser->html;
    parser->html = at;
    if (!parse_sentence(parser, en, &node->other))
        return false;
    parser->html.scheme_open |= after.scheme_open;
    return branch_ends(parser, &after);
}

static bool parse_static(struct parser *parser, struct chain *chain, struct jb__scan *scan)
{
    const struct jb__template_names *names = &parser->templates->names;
    enum jb__print_context context;
    struct jb_str name, url;

    if (!may_print(parser, &context) || !jb__scan_text(scan, &name) || !jb__scan_done(scan))
        return false;
    if (!names->asset(names->arg, name, &url))
        return jb_fail(parser->scope, JB_INVALID, JB_L(parser->scope, "%.*s:%d: 정적 파일 ‘%.*s’이 없습니다.", "%.*s:%d: there is no static file “%.*s”."), JB_FMT(parser->template->name), parser->line, JB_FMT(name));
    struct jb_buf escaped = JB_BUF_INIT(JB_TEMPLATE_OUTPUT_MAX);
    jb__html_escape(&escaped, url);
    add_text(parser, chain, jb_copy(parser->scope, jb_buf_str(&escaped)));
    jb_buf_done(&escaped);
    return true;
}

static bool parse_url(struct parser *parser, struct chain *chain, struct jb__scan *scan)
{
    const struct jb__template_names *names = &parser->templates->names;
    enum jb__print_context context;
    struct jb_str name;
    bool parameter;

    if (!may_print(parser, &context) || !jb__scan_text(scan, &name))
        return false;
    struct jb__node *node = node_add(parser, chain, NODE_URL);
    node->route = names->route(names->arg, name, &parameter);
    if (!node->route)
        return jb_fail(parser->scope, JB_INVALID, JB_L(parser->scope, "%.*s:%d: ‘%.*s’이라는 길은 없습니다.", "%.*s:%d: there is no route “%.*s”."), JB_FMT(parser->template->name), parser->line, JB_FMT(name));
    if (parameter) {
        node->expr = jb__scan_expr(scan);
        if (!node->expr)
            return false;
    }
    parser->html.scheme_open = false; /* addresses of routes begin with / */
    return jb__scan_done(scan);
}

/* ---- tags and text ------------------------------------------------------------------------------------------------------------------ */

static bool parse_tag(struct parser *parser, struct chain *chain, struct jb__scan *scan, enum stop *ret_stop, bool *ret_stops)
{
    struct jb_str word;

    *ret_stops = false;
    if (!jb__scan_name(scan, &word))
        return jb__scan_fail(scan, "{% %} 안에 낱말이 있어야 합니다.", "a word is needed inside {% %}.");
    if (jb_str_is(word, "end") || jb_str_is(word, "else")) {
        *ret_stops = true;
        *ret_stop = word.size == 3 ? STOP_END : STOP_ELSE;
        return jb__scan_done(scan);
    }
    if (jb_str_is(word, "elif")) {
        *ret_stops = true;
        *ret_stop = STOP_ELIF;
        parser->elif = *scan;
        return true;
    }
    if (jb_str_is(word, "extends"))
        return parse_extends(parser, scan);
    if (jb_str_is(word, "block"))
        return parse_block(parser, chain, scan);
    if (parser->template->parent && !parser->in_block)
        return fail(parser, "{% extends %}가 있는 틀에서는 모든 것이 블록 안에 있어야 합니다.", "in a template that extends another everything stands in blocks.");
    if (jb_str_is(word, "if"))
        return parse_if(parser, chain, scan);
    if (jb_str_is(word, "for"))
        return parse_for(parser, chain, scan);
    if (jb_str_is(word, "include"))
        return parse_include(parser, chain, scan);
    if (jb_str_is(word, "t"))
        return parse_translate(parser, chain, scan);
    if (jb_str_is(word, "static"))
        return parse_static(parser, chain, scan);
    if (jb_str_is(word, "url"))
        return parse_url(parser, chain, scan);
    return jb_fail(parser->scope, JB_INVALID, JB_L(parser->scope, "%.*s:%d: {%% %.*s %%}는 모르는 말입니다.", "%.*s:%d: {%% %.*s %%} is not known."), JB_FMT(parser->template->name), parser->line, JB_FMT(word));
}

static bool is_control(struct jb_str inside)
{
    static const char *const words[] = { "if", "elif", "else", "end", "for", "block", "extends", "include" };
    struct jb_str rest = jb_str_trim(inside), word = jb_str_slice(rest, 0, jb_str_find_char(rest, ' ', 0));

    for (size_t i = 0; i < JB_COUNT(words); i++)
        if (jb_str_is(word, words[i]))
            return true;
    return false;
}

/* A control tag alone on its line: *from moves to the line's start, *to past its end. */
static void take_line(const struct parser *parser, const char **from, const char **to)
{
    const char *left = *from, *right = *to, *start = parser->template->source.data;

    while (left > start && (left[-1] == ' ' || left[-1] == '\t'))
        left--;
    while (right < parser->end && (*right == ' ' || *right == '\t' || *right == '\r'))
        right++;
    if ((left > start && left[-1] != '\n') || (right < parser->end && *right != '\n'))
        return;
    *from = JB_MAX(left, parser->at);
    *to = right < parser->end ? right + 1 : right;
}

/* The next {{, {% or {#: where it opens, NULL when there is none. */
static const char *next_open(const struct parser *parser)
{
    for (const char *at = parser->at; at + 1 < parser->end; at++) {
        at = memchr(at, '{', (size_t)(parser->end - at - 1));
        if (!at)
            return NULL;
        if (at[1] == '{' || at[1] == '%' || at[1] == '#')
            return at;
    }
    return NULL;
}

/* Where the tag that opens at `open` closes, quotes respected; NULL when it does not. */
static const char *tag_close(const struct parser *parser, const char *open)
{
    char last = open[1] == '{' ? '}' : open[1], quote = 0;

    for (const char *at = open + 2; at + 1 < parser->end && at - open < TAG_BYTES_MAX; at++) {
        if (quote && *at == '\\')
            at++;
        else if (quote)
            quote = *at == quote ? 0 : quote;
        else if (last != '#' && (*at == '"' || *at == '\''))
            quote = *at;
        else if (*at == last && at[1] == '}')
            return at;
    }
    return NULL;
}

static bool outer_text(struct parser *parser, struct chain *chain, struct jb_str text)
{
    if (parser->template->parent && !parser->in_block) {
        if (jb_str_trim(text).size > 0)
            return fail(parser, "{% extends %}가 있는 틀에서는 모든 것이 블록 안에 있어야 합니다.", "in a template that extends another everything stands in blocks.");
    } else {
        add_text(parser, chain, text);
    }
    count_lines(parser, text);
    return true;
}

/* One piece: the text up to the next tag, and that tag. */
static bool parse_piece(struct parser *parser, struct chain *chain, enum stop *ret_stop, bool *ret_stops)
{
    const char *open = next_open(parser), *close, *resume;

    if (!open) {
        if (!outer_text(parser, chain, (struct jb_str){ parser->at, (size_t)(parser->end - parser->at) }))
            return false;
        parser->at = parser->end;
        return true;
    }
    close = tag_close(parser, open);
    struct jb_str inside = close ? (struct jb_str){ open + 2, (size_t)(close - open - 2) } : JB_STR_NULL;
    resume = close ? close + 2 : NULL;
    const char *text_end = open;
    if (close && (open[1] == '#' || (open[1] == '%' && is_control(inside))))
        take_line(parser, &text_end, &resume);
    if (!outer_text(parser, chain, (struct jb_str){ parser->at, (size_t)(text_end - parser->at) }))
        return false;
    if (!close)
        return fail(parser, "여는 {{, {%, {#에 짝이 없습니다.", "{{, {% or {# is not closed.");
    parser->at = resume;
    struct jb__scan scan = { parser->scope, parser->template->name, parser->line, 0, inside.data, inside.data + inside.size };
    struct jb_str passed = { open, (size_t)(resume - open) };
    if (open[1] == '{') {
        if (parser->template->parent && !parser->in_block)
            return fail(parser, "{% extends %}가 있는 틀에서는 모든 것이 블록 안에 있어야 합니다.", "in a template that extends another everything stands in blocks.");
        if (!parse_print(parser, chain, &scan))
            return false;
    }
    int line = parser->line;
    count_lines(parser, passed);
    if (open[1] != '%')
        return true;
    scan.line = line;
    return parse_tag(parser, chain, &scan, ret_stop, ret_stops);
}

static bool parse_nodes(struct parser *parser, struct jb__node **ret_first, enum stop *ret_stop)
{
    struct chain chain = { NULL, ret_first };
    bool stops = false;

    parser->depth++;
    if (!deeper(parser, parser->depth))
        return false;
    *ret_stop = STOP_FILE;
    while (!stops && parser->at < parser->end)
        if (!parse_piece(parser, &chain, ret_stop, &stops))
            return false;
    parser->depth--;
    return true;
}

bool jb__template_parse(struct jb__templates *templates, struct jb__template *template)
{
    struct parser parser = { templates, template, templates->scope, template->source.data, template->source.data + template->source.size, 1, 0, { 0 }, false, { 0 }, &template->blocks };
    enum stop stop;

    if (!parse_nodes(&parser, &template->nodes, &stop))
        return false;
    if (stop != STOP_FILE)
        return fail(&parser, "여기의 {% end %}, {% else %}에는 짝이 없습니다.", "this {% end %} or {% else %} belongs to nothing.");
    if (!template->parent && parser.html.state != HTML_TEXT)
        return fail(&parser, "틀이 태그나 속성 안에서 끝납니다.", "the template ends inside a tag or attribute.");
    if (template->parent) {
        struct jb__block **last = parser.last_block;
        for (const struct jb__block *above = template->parent->blocks; above; above = above->next)
            if (!block_of(template, above->name)) {
                struct jb__block *copy = JB_NEW(templates->scope, struct jb__block);
                *copy = *above;
                copy->next = NULL;
                *last = copy;
                last = &copy->next;
            }
    }
    return true;
}
