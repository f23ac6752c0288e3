/* template_html.c — follows HTML markup just far enough to know where a template prints.
 *
 * Not a parser of any page, only of what template authors may write: where it cannot be sure (a name glued together from branches, an unquoted value), it calls the place refused. */
// SPDX-License-Identifier: Apache-2.0
#include "web/template.h"
#include <string.h>

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static bool blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

static void word_put(struct jb__html *html, char c)
{
    if (html->word_size < sizeof html->word)
        html->word[html->word_size++] = lower(c);
}

static bool word_is(const struct jb__html *html, const char *z)
{
    return html->word_size == strlen(z) && memcmp(html->word, z, html->word_size) == 0;
}

static enum jb__attribute_kind attribute_kind(const struct jb__html *html)
{
    static const char *const urls[] = { "href", "src", "action", "formaction", "poster", "cite", "data", "background", "longdesc", "manifest", "xlink:href" };
    static const char *const refused[] = { "style", "srcdoc", "srcset", "ping", "" };

    if (html->word_size >= 2 && html->word[0] == 'o' && html->word[1] == 'n')
        return ATTRIBUTE_REFUSED;
    for (size_t i = 0; i < JB_COUNT(refused); i++)
        if (word_is(html, refused[i]))
            return ATTRIBUTE_REFUSED;
    for (size_t i = 0; i < JB_COUNT(urls); i++)
        if (word_is(html, urls[i]))
            return ATTRIBUTE_URL;
    return ATTRIBUTE_PLAIN;
}

static void tag_named(struct jb__html *html)
{
    html->raw_element = word_is(html, "script") || word_is(html, "style");
    if (html->raw_element) {
        html->raw_end[0] = '/';
        memcpy(html->raw_end + 1, html->word, html->word_size);
        html->raw_end[1 + html->word_size] = 0;
    }
    html->word_size = 0;
}

static void tag_closed(struct jb__html *html)
{
    html->state = html->raw_element ? HTML_RAW : HTML_TEXT;
    html->raw_element = false;
    html->matched = html->word_size = 0;
}

void jb__html_settle(struct jb__html *html)
{
    if (html->state == HTML_TAG_NAME)
        tag_named(html);
    if (html->state == HTML_TAG_NAME || html->state == HTML_ATTRIBUTE)
        html->state = HTML_TAG;
    if (html->state == HTML_TAG)
        html->word_size = 0;
}

static void value_begins(struct jb__html *html, enum jb__html_state state)
{
    html->kind = attribute_kind(html);
    html->scheme_open = html->kind == ATTRIBUTE_URL;
    html->word_size = 0;
    html->state = state;
}

/* One character of an address while its scheme is still open. */
static void scheme_char(struct jb__html *html, char c)
{
    if (c == '/' || c == '?' || c == '#') {
        html->scheme_open = false;
    } else if (c == ':') {
        html->scheme_open = false;
        if (!word_is(html, "http") && !word_is(html, "https") && !word_is(html, "mailto") && !word_is(html, "tel"))
            html->kind = ATTRIBUTE_REFUSED;
    } else if (!blank(c)) {
        word_put(html, c);
    }
}

static void in_tag(struct jb__html *html, char c)
{
    if (c == '>') {
        tag_closed(html);
    } else if (c == '=') {
        html->state = HTML_BEFORE_VALUE;
    } else if (blank(c) || c == '/') {
        html->state = HTML_TAG;
    } else {
        if (html->state == HTML_TAG)
            html->word_size = 0;
        html->state = HTML_ATTRIBUTE;
        word_put(html, c);
    }
}

/* Only </script followed by a blank, / or > ends a script. */
static void in_raw(struct jb__html *html, char c)
{
    bool whole = html->matched > 0 && html->raw_end[html->matched - 1] == 0;

    if (whole && (blank(c) || c == '/' || c == '>')) {
        html->state = HTML_TAG;
        html->word_size = 0;
        in_tag(html, c);
    } else if (c == '<') {
        html->matched = 1;
    } else if (!whole && html->matched > 0 && html->raw_end[html->matched - 1] == lower(c)) {
        html->matched++;
    } else {
        html->matched = 0;
    }
}

static void in_value(struct jb__html *html, char c)
{
    bool ends = html->state == HTML_DOUBLE ? c == '"' : html->state == HTML_SINGLE ? c == '\''
                                                                                   : blank(c) || c == '>';

    if (ends) {
        html->state = HTML_TAG;
        html->word_size = 0;
        if (c == '>')
            tag_closed(html);
    } else if (html->scheme_open) {
        scheme_char(html, c);
    }
}

static void in_opening(struct jb__html *html, char c)
{
    if (html->state == HTML_OPEN && c == '<')
        return;
    if (html->state == HTML_OPEN) {
        html->word_size = 0;
        html->raw_element = false;
        html->state = c == '!' || c == '?' ? HTML_DECLARATION : c == '/' || (lower(c) >= 'a' && lower(c) <= 'z') ? HTML_TAG_NAME
                                                                                                                 : HTML_TEXT;
        if (html->state == HTML_TAG_NAME)
            word_put(html, c);
    } else if (blank(c) || c == '>' || (c == '/' && html->word_size > 0)) {
        tag_named(html);
        html->state = HTML_TAG;
        in_tag(html, c);
    } else {
        word_put(html, c);
    }
}

static void feed_char(struct jb__html *html, char c)
{
    switch (html->state) {
    case HTML_TEXT:
        if (c == '<')
            html->state = HTML_OPEN;
        break;
    case HTML_OPEN:
    case HTML_TAG_NAME: in_opening(html, c); break;
    case HTML_TAG:
    case HTML_ATTRIBUTE: in_tag(html, c); break;
    case HTML_BEFORE_VALUE:
        if (c == '"' || c == '\'')
            value_begins(html, c == '"' ? HTML_DOUBLE : HTML_SINGLE);
        else if (c == '>')
            tag_closed(html);
        else if (!blank(c))
            value_begins(html, HTML_UNQUOTED);
        break;
    case HTML_DOUBLE:
    case HTML_SINGLE:
    case HTML_UNQUOTED: in_value(html, c); break;
    case HTML_RAW: in_raw(html, c); break;
    case HTML_DECLARATION:
        word_put(html, c);
        if (word_is(html, "--")) {
            html->state = HTML_COMMENT;
            html->matched = 2; /* <!--> is a whole comment */
        } else if (c == '>') {
            html->state = HTML_TEXT;
        }
        break;
    case HTML_COMMENT:
        if (c == '>' && html->matched >= 2)
            html->state = HTML_TEXT;
        if (c != '!' || html->matched < 2) /* --!> ends one too */
            html->matched = c == '-' ? html->matched + 1 : 0;
        break;
    }
}

void jb__html_feed(struct jb__html *html, struct jb_str text)
{
    for (size_t i = 0; i < text.size; i++)
        feed_char(html, text.data[i]);
}

bool jb__html_same(const struct jb__html *a, const struct jb__html *b)
{
    bool value = a->state == HTML_DOUBLE || a->state == HTML_SINGLE;

    return a->state == b->state && a->raw_element == b->raw_element && (!value || a->kind == b->kind);
}

bool jb__html_print(const struct jb__html *html, enum jb__print_context *ret_context)
{
    if (html->state == HTML_TEXT) {
        *ret_context = PRINT_TEXT;
        return true;
    }
    if ((html->state != HTML_DOUBLE && html->state != HTML_SINGLE) || html->kind == ATTRIBUTE_REFUSED)
        return false;
    *ret_context = html->kind == ATTRIBUTE_URL && html->scheme_open ? PRINT_URL : PRINT_ATTRIBUTE;
    return true;
}

const char *jb__html_place(const struct jb__html *html)
{
    switch (html->state) {
    case HTML_TEXT: return "text";
    case HTML_DOUBLE:
    case HTML_SINGLE: return html->kind == ATTRIBUTE_REFUSED ? "an on…, style or script: attribute" : "an attribute";
    case HTML_BEFORE_VALUE:
    case HTML_UNQUOTED: return "an unquoted attribute";
    case HTML_RAW: return "<script> or <style>";
    case HTML_COMMENT: return "a comment";
    default: return "a tag";
    }
}
