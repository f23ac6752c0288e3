/* template_expr.c — the inside of {{ }} and {% %}: words, texts, paths, filters and conditions.
 *
 *     or:    and ("or" and)*            compare: primary (("==" | "!=" | "<" | ">" | "<=" | ">=") primary)?
 *     and:   not ("and" not)*           primary: "(" or ")" | "text" | number | true | false | path, each with |filter[:argument]… */
// SPDX-License-Identifier: Apache-2.0
#include "web/template.h"
#include <string.h>

#define STEPS_MAX 8

bool jb__scan_fail(struct jb__scan *scan, const char *ko, const char *en)
{
    return jb_fail(scan->scope, JB_INVALID, "%.*s:%d: %s", JB_FMT(scan->file), scan->line, JB_L(scan->scope, ko, en));
}

void jb__scan_blanks(struct jb__scan *scan)
{
    for (; scan->at < scan->end && strchr(" \t\r\n", *scan->at) && *scan->at; scan->at++)
        if (*scan->at == '\n')
            scan->line++;
}

bool jb__scan_done(struct jb__scan *scan)
{
    jb__scan_blanks(scan);
    if (scan->at < scan->end)
        return jb_fail(scan->scope, JB_INVALID, JB_L(scan->scope, "%.*s:%d: ‘%.*s’부터 읽을 수 없습니다.", "%.*s:%d: unexpected “%.*s”."), JB_FMT(scan->file), scan->line,
            (int)JB_MIN(scan->end - scan->at, 40), scan->at);
    return true;
}

static bool letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

bool jb__scan_name(struct jb__scan *scan, struct jb_str *ret_name)
{
    jb__scan_blanks(scan);
    const char *from = scan->at;
    if (from >= scan->end || !letter(*from))
        return false;
    while (scan->at < scan->end && (letter(*scan->at) || digit(*scan->at)))
        scan->at++;
    *ret_name = (struct jb_str){ from, (size_t)(scan->at - from) };
    return true;
}

bool jb__scan_text(struct jb__scan *scan, struct jb_str *ret_text)
{
    jb__scan_blanks(scan);
    if (scan->at >= scan->end || (*scan->at != '"' && *scan->at != '\''))
        return jb__scan_fail(scan, "따옴표로 묶은 글이 있어야 합니다.", "a quoted text is needed here.");
    char quote = *scan->at++;
    const char *from = scan->at;
    char *copy = jb_alloc(scan->scope, (size_t)(scan->end - from) + 1);
    size_t size = 0;
    for (; scan->at < scan->end && *scan->at != quote; scan->at++) {
        if (*scan->at == '\\' && scan->at + 1 < scan->end)
            scan->at++;
        if (*scan->at == '\n')
            scan->line++;
        copy[size++] = *scan->at;
    }
    if (scan->at >= scan->end)
        return jb__scan_fail(scan, "닫는 따옴표가 없습니다.", "the closing quote is missing.");
    scan->at++;
    *ret_text = (struct jb_str){ copy, size };
    return true;
}

static struct jb__expr *expr_new(struct jb__scan *scan, enum jb__expr_type type)
{
    struct jb__expr *expr = JB_NEW(scan->scope, struct jb__expr);
    expr->type = type;
    expr->line = scan->line;
    return expr;
}

static struct jb__expr *scan_number(struct jb__scan *scan)
{
    const char *from = scan->at;
    struct jb_decimal number;

    if (*scan->at == '-')
        scan->at++;
    while (scan->at < scan->end && (digit(*scan->at) || *scan->at == '.'))
        scan->at++;
    if (!jb_decimal_parse((struct jb_str){ from, (size_t)(scan->at - from) }, &number)) {
        jb__scan_fail(scan, "수가 아닙니다.", "this is not a number.");
        return NULL;
    }
    struct jb__expr *expr = expr_new(scan, EXPR_LITERAL);
    expr->literal = number.scale == 0 ? jb_v(number.units) : jb_v(number);
    return expr;
}

static struct jb__expr *scan_path(struct jb__scan *scan)
{
    struct jb_str steps[STEPS_MAX];
    size_t count = 0;
    const char *from = scan->at;

    do {
        if (count == STEPS_MAX || !jb__scan_name(scan, &steps[count])) {
            jb__scan_fail(scan, "이름이 있어야 합니다.", "a name is needed here.");
            return NULL;
        }
        count++;
    } while (scan->at < scan->end && *scan->at == '.' && scan->at++);
    struct jb__expr *expr = expr_new(scan, EXPR_PATH);
    expr->path = (struct jb_str){ from, (size_t)(scan->at - from) };
    expr->step_count = count;
    expr->steps = JB_NEW_ARRAY(scan->scope, struct jb_str, count);
    memcpy(expr->steps, steps, count * sizeof steps[0]);
    if (jb_str_is(expr->path, "true") || jb_str_is(expr->path, "false")) {
        expr->type = EXPR_LITERAL;
        expr->literal = jb_v_bool(expr->path.size == 4);
    }
    return expr;
}

static struct jb__expr *scan_operand(struct jb__scan *scan)
{
    jb__scan_blanks(scan);
    if (scan->at < scan->end && (*scan->at == '"' || *scan->at == '\'')) {
        struct jb__expr *expr = expr_new(scan, EXPR_LITERAL);
        struct jb_str text;
        if (!jb__scan_text(scan, &text))
            return NULL;
        expr->literal = jb_v(text);
        return expr;
    }
    if (scan->at < scan->end && (digit(*scan->at) || *scan->at == '-'))
        return scan_number(scan);
    return scan_path(scan);
}

static bool scan_filter(struct jb__scan *scan, struct jb__filter **ret_filter)
{
    struct jb__filter *filter = JB_NEW(scan->scope, struct jb__filter);
    struct jb_str name;
    bool argument;

    if (!jb__scan_name(scan, &name))
        return jb__scan_fail(scan, "거르개 이름이 있어야 합니다.", "a filter's name is needed after |.");
    if (!jb__filter_find(name, &filter->name, &argument))
        return jb_fail(scan->scope, JB_INVALID, JB_L(scan->scope, "%.*s:%d: ‘%.*s’이라는 거르개는 없습니다.", "%.*s:%d: there is no filter “%.*s”."), JB_FMT(scan->file), scan->line, JB_FMT(name));
    if (scan->at < scan->end && *scan->at == ':') {
        scan->at++;
        filter->argument = scan_operand(scan);
        if (!filter->argument)
            return false;
    }
    if (argument != (filter->argument != NULL) && filter->name != FILTER_DATE)
        return jb_fail(scan->scope, JB_INVALID, argument ? JB_L(scan->scope, "%.*s:%d: ‘%.*s’에는 인수가 있어야 합니다.", "%.*s:%d: “%.*s” needs an argument.") : JB_L(scan->scope, "%.*s:%d: ‘%.*s’에는 인수가 없습니다.", "%.*s:%d: “%.*s” takes no argument."),
            JB_FMT(scan->file), scan->line, JB_FMT(name));
    *ret_filter = filter;
    return true;
}

static struct jb__expr *scan_primary(struct jb__scan *scan)
{
    struct jb__expr *expr;

    jb__scan_blanks(scan);
    if (scan->at < scan->end && *scan->at == '(') {
        scan->at++;
        expr = jb__scan_expr(scan);
        jb__scan_blanks(scan);
        if (expr && (scan->at >= scan->end || *scan->at != ')')) {
            jb__scan_fail(scan, "닫는 괄호가 없습니다.", "the closing parenthesis is missing.");
            return NULL;
        }
        scan->at++;
    } else {
        expr = scan_operand(scan);
    }
    if (!expr)
        return NULL;
    struct jb__filter **last = &expr->filters;
    while (*last)
        last = &(*last)->next;
    for (jb__scan_blanks(scan); scan->at < scan->end && *scan->at == '|'; jb__scan_blanks(scan)) {
        scan->at++;
        if (!scan_filter(scan, last))
            return NULL;
        last = &(*last)->next;
    }
    return expr;
}

static bool scan_operator(struct jb__scan *scan, enum jb__expr_type *ret_type)
{
    static const struct {
        const char *text;
        enum jb__expr_type type;
    } operators[] = { { "==", EXPR_EQUAL }, { "!=", EXPR_NOT_EQUAL }, { "<=", EXPR_LESS_EQUAL }, { ">=", EXPR_GREATER_EQUAL }, { "<", EXPR_LESS }, { ">", EXPR_GREATER } };
    struct jb_str rest = { scan->at, (size_t)(scan->end - scan->at) };

    for (size_t i = 0; i < JB_COUNT(operators); i++)
        if (jb_str_starts(rest, jb_str_of(operators[i].text))) {
            *ret_type = operators[i].type;
            scan->at += strlen(operators[i].text);
            return true;
        }
    return false;
}

/* Takes the word if it stands here. */
static bool scan_word(struct jb__scan *scan, const char *word)
{
    const char *back = scan->at;
    struct jb_str name;

    if (jb__scan_name(scan, &name) && jb_str_is(name, word))
        return true;
    scan->at = back;
    return false;
}

static struct jb__expr *join(struct jb__scan *scan, enum jb__expr_type type, struct jb__expr *left, struct jb__expr *right)
{
    if (!left || (!right && type != EXPR_NOT))
        return NULL;
    if (++scan->terms > JB_TEMPLATE_TERMS_MAX) {
        jb__scan_fail(scan, "조건이 너무 깁니다.", "this condition is too long.");
        return NULL;
    }
    struct jb__expr *expr = expr_new(scan, type);
    expr->left = left;
    expr->right = right;
    return expr;
}

static struct jb__expr *scan_not(struct jb__scan *scan)
{
    bool turned = false;
    enum jb__expr_type type;

    while (scan_word(scan, "not"))
        turned = !turned;
    struct jb__expr *expr = scan_primary(scan);
    jb__scan_blanks(scan);
    if (expr && scan_operator(scan, &type))
        expr = join(scan, type, expr, scan_primary(scan));
    return turned ? join(scan, EXPR_NOT, expr, NULL) : expr;
}

static struct jb__expr *scan_and(struct jb__scan *scan)
{
    struct jb__expr *expr = scan_not(scan);

    while (expr && scan_word(scan, "and"))
        expr = join(scan, EXPR_AND, expr, scan_not(scan));
    return expr;
}

struct jb__expr *jb__scan_expr(struct jb__scan *scan)
{
    if (++scan->terms > JB_TEMPLATE_TERMS_MAX) {
        jb__scan_fail(scan, "괄호가 너무 많습니다.", "there are too many parentheses.");
        return NULL;
    }
    struct jb__expr *expr = scan_and(scan);
    while (expr && scan_word(scan, "or"))
        expr = join(scan, EXPR_OR, expr, scan_and(scan));
    return expr;
}
