/* template.h — templates as compact trees of nodes, private to web.
 *
 * All templates are parsed at start, parents before children, because the HTML context in which a block stands is known only from its parent. The parser follows the markup
 * (template_html.c) just far enough to know for each {{ }} whether it prints text, an attribute or the start of an address, and refuses every other place. What can be resolved
 * at start is resolved at start: addresses of static files become text, routes, filters, parents and includes become pointers. Rendering walks the tree once, appending to one buffer. */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_WEB_TEMPLATE_H
#define JB_WEB_TEMPLATE_H

#include "base/map.h"
#include "web/web.h"

#define JB_TEMPLATE_DEPTH_MAX 48                  /* nested tags, includes and parents together: rendering recurses so far */
#define JB_TEMPLATE_TERMS_MAX 24                  /* operators and parentheses of one condition */
#define JB_TEMPLATE_OUTPUT_MAX ((size_t)32 << 20) /* bytes of one page */

/* ---- where in the markup ------------------------------------------------------------------------------------------------ */

enum jb__html_state {
    HTML_TEXT,
    HTML_OPEN,
    HTML_TAG_NAME,
    HTML_TAG,
    HTML_ATTRIBUTE,
    HTML_BEFORE_VALUE,
    HTML_DOUBLE,
    HTML_SINGLE,
    HTML_UNQUOTED,
    HTML_RAW,
    HTML_COMMENT,
    HTML_DECLARATION,
};
enum jb__attribute_kind {
    ATTRIBUTE_PLAIN,
    ATTRIBUTE_URL,
    ATTRIBUTE_REFUSED,
};
enum jb__print_context {
    PRINT_TEXT,
    PRINT_ATTRIBUTE,
    PRINT_URL, /* the start of an address: its scheme is checked */
};

struct jb__html {
    enum jb__html_state state;
    enum jb__attribute_kind kind;
    bool scheme_open; /* in a URL attribute before any / ? # : */
    bool raw_element; /* the tag being read opens script or style */
    char word[16];    /* tag or attribute name, scheme; cut */
    size_t word_size;
    char raw_end[8]; /* "/script" */
    size_t matched;  /* of raw_end or of --> */
};

void jb__html_feed(struct jb__html *html, struct jb_str text);
/* Ends a half-read tag or attribute name, so that branches can be compared. */
void jb__html_settle(struct jb__html *html);
bool jb__html_same(const struct jb__html *a, const struct jb__html *b);
/* May something be printed here, and how? */
bool jb__html_print(const struct jb__html *html, enum jb__print_context *ret_context);
const char *jb__html_place(const struct jb__html *html); /* for messages, English */

/* ---- the tree --------------------------------------------------------------------------------------------------------------- */

enum jb__filter_name {
    FILTER_ATTR,
    FILTER_DATE,
    FILTER_DATETIME,
    FILTER_DEFAULT,
    FILTER_JSON,
    FILTER_LENGTH,
    FILTER_MONEY,
    FILTER_NUMBER,
    FILTER_UPPER,
    FILTER_URL,
    FILTER_COUNT,
};

struct jb__filter {
    enum jb__filter_name name;
    struct jb__expr *argument; /* NULL: none */
    struct jb__filter *next;
};

enum jb__expr_type {
    EXPR_LITERAL,
    EXPR_PATH,
    EXPR_NOT,
    EXPR_AND,
    EXPR_OR,
    EXPR_EQUAL,
    EXPR_NOT_EQUAL,
    EXPR_LESS,
    EXPR_GREATER,
    EXPR_LESS_EQUAL,
    EXPR_GREATER_EQUAL,
};

struct jb__expr {
    enum jb__expr_type type;
    int line;
    struct jb_value literal;
    struct jb_str path; /* "row.date", for messages */
    struct jb_str *steps;
    size_t step_count;
    struct jb__expr *left, *right;
    struct jb__filter *filters;
};

enum jb__node_type {
    NODE_TEXT,
    NODE_PRINT,
    NODE_IF,
    NODE_FOR,
    NODE_BLOCK,
    NODE_INCLUDE,
    NODE_TRANSLATE,
    NODE_URL,
};

struct jb__node {
    enum jb__node_type type;
    enum jb__print_context context;
    int line;
    struct jb_str text;     /* TEXT; FOR: the variable; BLOCK: its name */
    struct jb__expr *expr;  /* PRINT, IF, FOR, URL (may be NULL) */
    struct jb__node *first; /* IF and FOR: the body; BLOCK; TRANSLATE: Korean */
    struct jb__node *other; /* IF and FOR: else; TRANSLATE: English */
    const struct jb__template *include;
    const struct jb_route *route;
    struct jb__node *next;
};

struct jb__block {
    struct jb_str name;
    struct jb__node *body;
    struct jb__html html; /* where it stands */
    struct jb__block *next;
};

struct jb__template {
    struct jb_str name, source;
    const struct jb__template *parent; /* NULL: none */
    struct jb__node *nodes;
    struct jb__block *blocks; /* own ones first, then the parent's that it does not override */
    enum { TEMPLATE_NEW,
        TEMPLATE_PARSING,
        TEMPLATE_READY } state;
    int depth; /* how deep rendering recurses: tags, includes, parents */
};

/* What the parser asks about names that are not templates. */
struct jb__template_names {
    bool (*asset)(void *arg, struct jb_str name, struct jb_str *ret_url);
    const struct jb_route *(*route)(void *arg, struct jb_str name, bool *ret_parameter);
    void *arg;
};

struct jb__templates {
    struct jb_scope *scope;
    struct jb_map by_name;
    struct jb__template_names names;
};

/* Parses all templates of the lists (earlier lists win); fails INVALID with file:line of the first fault. */
struct jb__templates *jb__templates_new(struct jb_scope *scope, const struct jb_asset *const *lists, const struct jb__template_names *names);
const struct jb__template *jb__template_find(const struct jb__templates *templates, struct jb_str name);

/* template_parse.c: fills nodes, blocks and parent. `find` gives another template, parsed. */
struct jb__template *jb__template_need(struct jb__templates *templates, struct jb_str name);
bool jb__template_parse(struct jb__templates *templates, struct jb__template *template);

/* template_expr.c: a scanner over the inside of a tag. */
struct jb__scan {
    struct jb_scope *scope;
    struct jb_str file;
    int line, terms;
    const char *at, *end;
};
bool jb__scan_fail(struct jb__scan *scan, const char *ko, const char *en);
void jb__scan_blanks(struct jb__scan *scan);
bool jb__scan_done(struct jb__scan *scan);                          /* nothing is left; fails otherwise */
bool jb__scan_name(struct jb__scan *scan, struct jb_str *ret_name); /* false without a failure when there is none */
bool jb__scan_text(struct jb__scan *scan, struct jb_str *ret_text); /* "…" or '…'; fails */
struct jb__expr *jb__scan_expr(struct jb__scan *scan);              /* NULL: failed */

/* ---- values ------------------------------------------------------------------------------------------------------------------ */

enum jb__item_kind {
    ITEM_MISSING,
    ITEM_VALUE,
    ITEM_MAP,
    ITEM_LIST,
};

struct jb__list {
    struct jb_vars *first, *last;
    size_t count;
};

/* What an expression gives. */
struct jb__item {
    enum jb__item_kind kind;
    struct jb_value value;
    const struct jb_field *field; /* where the value came from: choices print their labels */
    const struct jb_vars *map;
    const struct jb__list *list;
};

struct jb__entry {
    const char *name;
    size_t name_size;
    struct jb__item item;
    struct jb__list list; /* ITEM_LIST points here */
    struct jb__entry *next;
};

struct jb_vars {
    struct jb_scope *scope;
    struct jb__entry *first, *last;
    struct jb_vars *next; /* in a list */
};

struct jb__item jb__vars_get(const struct jb_vars *vars, struct jb_str name);

struct jb__render {
    struct jb_scope *scope;
    struct jb_buf *out;
    enum jb_language language;
    const struct jb_zone *zone;
    const struct jb_vars *vars, *page_vars;                                    /* either may be NULL */
    struct jb__item (*builtin)(struct jb__render *render, struct jb_str name); /* may be NULL */
    bool (*url)(struct jb__render *render, const struct jb_route *route, struct jb_value of, struct jb_str *ret_url);
    void *arg;
    const struct jb__template *template; /* whose blocks count */
    struct jb__frame *frame;
    enum jb__print_context context; /* of the {{ }} being printed */
};

bool jb__template_render(struct jb__render *render, const struct jb__template *template);
/* template_filter.c */
bool jb__filter_apply(struct jb__render *render, const struct jb__filter *filter, const struct jb__item *argument, struct jb__item *item);
bool jb__filter_find(struct jb_str name, enum jb__filter_name *ret_name, bool *ret_argument);
struct jb_str jb__item_text(struct jb__render *render, const struct jb__item *item); /* as people read it */
bool jb__item_true(const struct jb__item *item);
bool jb__item_compare(struct jb_scope *scope, const struct jb__item *a, const struct jb__item *b, int *ret_order); /* false: cannot be compared */
void jb__html_escape(struct jb_buf *out, struct jb_str text);

#endif
