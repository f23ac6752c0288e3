// SPDX-License-Identifier: Apache-2.0
#include "jb_test.h"
#include "base/json.h"
#include "web/template.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- a small site of templates in the test's text ---------------------------------------------------------------------------- */

static const struct jb_route month_route = { JB_GET, "/cash/{month}", NULL, "cash.month", NULL };
static const struct jb_route home_route = { JB_GET, "/", NULL, "home", NULL };

static bool asset(void *arg, struct jb_str name, struct jb_str *ret_url)
{
    (void)arg;
    if (!jb_str_is(name, "jangbu.css"))
        return false;
    *ret_url = JB_STR("/static/jangbu.1a2b.css");
    return true;
}

static const struct jb_route *route(void *arg, struct jb_str name, bool *ret_parameter)
{
    (void)arg;
    *ret_parameter = jb_str_is(name, "cash.month");
    return *ret_parameter ? &month_route : jb_str_is(name, "home") ? &home_route
                                                                   : NULL;
}

static bool url(struct jb__render *render, const struct jb_route *which, struct jb_value of, struct jb_str *ret_url)
{
    *ret_url = of.type == JB_NULL ? jb_str_of(which->path) : jb_format(render->scope, "/cash/%.*s", JB_FMT(jb_value_text(render->scope, of)));
    return true;
}

static struct jb_asset assets[20];
static size_t asset_count;

static void given(const char *name, const char *source)
{
    assets[asset_count++] = (struct jb_asset){ name, source, strlen(source) };
}

static struct jb__templates *compile(struct jb_scope *scope)
{
    const struct jb_asset *const lists[] = { assets, NULL };

    return jb__templates_new(scope, lists, &(struct jb__template_names){ .asset = asset, .route = route });
}

static bool render(struct jb_scope *scope, const char *name, struct jb_vars *vars, struct jb_str *ret_html)
{
    struct jb__templates *templates = compile(scope);
    if (!templates)
        return false;
    struct jb_buf buf = JB_BUF_INIT(1 << 20);
    struct jb__render render = { .scope = scope, .out = &buf, .language = jb_language(scope), .vars = vars, .url = url };
    bool ok = jb__template_render(&render, jb__template_find(templates, jb_str_of(name)));
    *ret_html = jb_copy(scope, jb_buf_str(&buf));
    jb_buf_done(&buf);
    return ok;
}

static struct jb_str html_of(struct jb_scope *scope, const char *source, struct jb_vars *vars)
{
    struct jb_str html = JB_STR_NULL;

    asset_count = 0;
    given("x.html", source);
    given(NULL, "");
    CHECK_OK(render(scope, "x.html", vars, &html));
    return html;
}

/* The template is refused at start, and the sentence contains `word`. */
static void refused(struct jb_scope *scope, const char *source, const char *word)
{
    asset_count = 0;
    given("x.html", source);
    given("loop.html", "{% include \"loop.html\" %}");
    assets[source[0] ? 1 : 2].name = strstr(source, "loop.html") ? "loop.html" : NULL;
    given(NULL, "");
    jb_language_set(scope, JB_EN);
    if (compile(scope)) {
        fprintf(stderr, "not refused: %s\n", source);
        CHECK(false);
    }
    CHECK_INT(jb_error(scope), JB_INVALID);
    struct jb_str text = jb_failure_text(scope);
    if (jb_str_find(text, jb_str_of(word), 0) == SIZE_MAX)
        CHECK_STR(text, jb_str_of(word));
    jb_failure_clear(scope);
}

struct line {
    int64_t id;
    struct jb_str memo, kind, secret;
    struct jb_decimal income;
    struct jb_date date;
    bool done;
};
static const struct jb_choice kinds[] = { { "in", "수입", "Income", 0 }, { "out", "지출", NULL, 0 }, { 0 } };
static const struct jb_record line_record = JB_RECORD(line,
    JB_FIELD(line, id, .primary = true),
    JB_FIELD(line, memo),
    JB_FIELD(line, kind, .choices = kinds),
    JB_FIELD(line, secret, .secret = true),
    JB_FIELD(line, income, .digits = 15, .decimals = 2),
    JB_FIELD(line, date),
    JB_FIELD(line, done));

static struct line lines[] = {
    { 1, { "토너 <4개>", 13 }, { "in", 2 }, { "pw", 2 }, { 123450000, 2 }, { 20413 }, true },
    { 2, { NULL, 0 }, { "out", 3 }, { "pw", 2 }, { -64250, 2 }, { 20414 }, false },
    { 3, { "", 0 }, { "out", 3 }, { "pw", 2 }, { 0, 2 }, { 20415 }, false },
};
static const struct jb_rows rows = { &line_record, 3, (char *)lines };

JB_TEST("what was read beside a row is reached through its name, also inside a loop of loops")
{
    static const void *const partners[] = { &lines[0], NULL, &lines[1] };
    const struct jb_rows parts[] = { { &line_record, 2, (char *)lines }, { &line_record, 0, NULL }, { &line_record, 1, (char *)&lines[2] } };
    const struct jb_related many = { .name = "parts", .base = (char *)lines, .count = 3, .many = parts };
    const struct jb_related one = { .next = &many, .name = "partner", .base = (char *)lines, .count = 3, .record = &line_record, .one = partners };
    const struct jb_record record = { line_record.name, line_record.size, line_record.fields, &one };
    const struct jb_rows related = { &record, 3, (char *)lines };
    struct jb_vars *vars = jb_vars_new(scope);
    jb_vars_set(vars, "rows", jb_v(&related));

    CHECK_TEXT(html_of(scope, "{% for row in rows %}{{ row.id }}:{{ row.partner.id }}{% for part in row.parts %} {{ part.id }}{% end %}{% if not row.partner %} alone{% end %};{% end %}", vars), "1:1 1 2;2: alone;3:2 3;");
    struct jb_str html;
    asset_count = 0;
    given("x.html", "{% for row in rows %}{{ row.partners.id }}{% end %}");
    given(NULL, "");
    CHECK_FAILS(render(scope, "x.html", vars, &html), JB_BROKEN);
}

/* ---- printing ----------------------------------------------------------------------------------------------------------------- */

JB_TEST("values are escaped in text and attributes")
{
    struct jb_vars *vars = jb_vars_new(scope);
    jb_vars_text(vars, "x", JB_STR("<a href='x'>&\"</a>"));

    CHECK_TEXT(html_of(scope, "<p title=\"{{ x }}\">{{ x }}</p>", vars),
        "<p title=\"&lt;a href=&#39;x&#39;&gt;&amp;&quot;&lt;/a&gt;\">&lt;a href=&#39;x&#39;&gt;&amp;&quot;&lt;/a&gt;</p>");
}

JB_TEST("HTML made by the renderer stays HTML in text and is escaped in attributes")
{
    struct jb_vars *vars = jb_vars_new(scope);
    jb_vars_set(vars, "x", jb_v_html((struct jb_html){ "<b>1</b>", 8 }));

    CHECK_TEXT(html_of(scope, "{{ x }}<i title=\"{{ x }}\">", vars), "<b>1</b><i title=\"&lt;b&gt;1&lt;/b&gt;\">");
}

JB_TEST("bytes that are no UTF-8 and NUL become the replacement character")
{
    struct jb_vars *vars = jb_vars_new(scope);
    jb_vars_text(vars, "x", JB_STR("a\xff<\0b"));

    CHECK_TEXT(html_of(scope, "{{ x }}", vars), "a\xef\xbf\xbd&lt;\xef\xbf\xbd"
                                                "b");
}

JB_TEST("an address of another scheme is not printed into href, src and action")
{
    static const char *const bad[] = { "javascript:alert(1)", "JaVaScRiPt:x", " javascript:x", "java\nscript:x", "data:text/html,x", "vbscript:x", "\x01javascript:x" };
    static const char *const good[] = { "/a:b", "?q=a:b", "#a:b", "https://x.kr/a", "mailto:a@b", "list", "2026-11" };

    for (size_t i = 0; i < JB_COUNT(bad); i++) {
        struct jb_vars *vars = jb_vars_new(scope);
        jb_vars_text(vars, "x", jb_str_of(bad[i]));
        CHECK_TEXT(html_of(scope, "<a href=\"{{ x }}\">", vars), "<a href=\"about:invalid\">");
        CHECK_TEXT(html_of(scope, "<form ACTION='{{ x }}'>", vars), "<form ACTION='about:invalid'>");
    }
    for (size_t i = 0; i < JB_COUNT(good); i++) {
        struct jb_vars *vars = jb_vars_new(scope);
        jb_vars_text(vars, "x", jb_str_of(good[i]));
        CHECK_STR(html_of(scope, "<a href=\"{{ x }}\">", vars), jb_format(scope, "<a href=\"%s\">", good[i]));
    }
}

JB_TEST("a scheme glued together from two values is not printed")
{
    struct jb_vars *vars = jb_vars_new(scope);
    jb_vars_text(vars, "a", JB_STR("java"));
    jb_vars_text(vars, "b", JB_STR("script:x"));

    CHECK_TEXT(html_of(scope, "<a href=\"{{ a }}{{ b }}\">", vars), "<a href=\"javaabout:invalid\">");
    CHECK_TEXT(html_of(scope, "<a href=\"/{{ b }}\">", vars), "<a href=\"/script:x\">");
}

JB_TEST("values print as people read them")
{
    struct jb_vars *vars = jb_vars_new(scope);
    jb_vars_set(vars, "rows", jb_v(&rows));

    CHECK_TEXT(html_of(scope, "{% for r in rows %}{{ loop.index }} {{ r.kind }} {{ r.income|money }} {{ r.income|number }} {{ r.date }} {{ r.date|date:\"n/j\" }} {{ r.done }} {{ r.memo }};{% end %}", vars),
        "1 수입 1,234,500 1,234,500 2025-11-21 11/21 예 토너 &lt;4개&gt;;2 지출 −642.50 −642.50 2025-11-22 11/22 아니요 ;3 지출 <span class=\"muted\">–</span> 0 2025-11-23 11/23 아니요 ;");
    jb_language_set(scope, JB_EN);
    CHECK_TEXT(html_of(scope, "{% for r in rows %}{{ r.kind }} {{ r.done }} {% end %}", vars), "Income yes Out no Out no ");
}

JB_TEST("a zero amount is a plain dash in an attribute")
{
    struct jb_vars *vars = jb_vars_new(scope);
    jb_vars_set(vars, "n", jb_v(0));

    CHECK_TEXT(html_of(scope, "<i title=\"{{ n|money }}\">", vars), "<i title=\"–\">");
}

JB_TEST("filters: length, upper, url, json, attr, default, date")
{
    struct jb_vars *vars = jb_vars_new(scope);
    jb_vars_text(vars, "x", JB_STR("a b&한"));
    jb_vars_text(vars, "none", JB_STR_NULL);
    jb_vars_set(vars, "rows", jb_v(&rows));
    jb_vars_set(vars, "at", jb_v((struct jb_time){ 1763688615000000 }));

    CHECK_TEXT(html_of(scope, "{{ x|length }} {{ rows|length }} {{ x|upper }} {{ x|url }} {{ x|attr }} {{ none|default:\"–\" }} {{ gone|default:x }}", vars),
        "5 3 A B&amp;한 a%20b%26%ED%95%9C a-b---- – a b&amp;한");
    CHECK_TEXT(html_of(scope, "<p data-x=\"{{ x|json }}\">{{ at }} {{ at|date }} {{ at|datetime }} {{ at|date:\"H:i:s\" }}", vars),
        "<p data-x=\"&quot;a b&amp;한&quot;\">2025-11-21 01:30 2025-11-21 2025-11-21 01:30 01:30:15");
}

JB_TEST("a name that is not there is a failure when printed, false in a condition, and has a default")
{
    struct jb_str html;

    asset_count = 0;
    given("x.html", "a\n{{ gone }}");
    given(NULL, "");
    CHECK_FAILS(render(scope, "x.html", NULL, &html), JB_BROKEN);
    CHECK_TEXT(html_of(scope, "{% if gone %}yes{% else %}no{% end %}{{ gone|default:\"d\" }}", NULL), "nod");
}

JB_TEST("a secret field cannot be printed")
{
    struct jb_vars *vars = jb_vars_new(scope);
    struct jb_str html;
    jb_vars_set(vars, "r", jb_v_row((struct jb_row){ &line_record, &lines[0] }));

    asset_count = 0;
    given("x.html", "{{ r.secret }}");
    given(NULL, "");
    CHECK_FAILS(render(scope, "x.html", vars, &html), JB_BROKEN);
}

/* ---- tags ------------------------------------------------------------------------------------------------------------------------ */

JB_TEST("conditions know and, or, not, comparisons and parentheses")
{
    struct jb_vars *vars = jb_vars_new(scope);
    jb_vars_set(vars, "n", jb_v(3));
    jb_vars_text(vars, "t", JB_STR("in"));
    jb_vars_text(vars, "empty", JB_STR(""));
    jb_vars_set(vars, "d", jb_v_decimal((struct jb_decimal){ 300, 2 }));
    jb_vars_set(vars, "m", jb_v((struct jb_month){ 670 }));
    static const char *const yes[] = { "n == 3", "n == d", "d > 2.5", "not n < 3", "n and t", "empty or t", "t == \"in\"", "t != 'out'", "not (empty or gone)", "n >= 3 and n <= 3 and not n != 3",
        "m == \"2025-11\"", "empty == gone", "true", "not false", "n|length == 1", "-1 < n" };
    static const char *const no[] = { "n < 3", "not t", "empty", "t and not n", "t < n and n < t", "gone > 1", "gone < 1", "n == \"\"", "(n or t) and empty" };

    for (size_t i = 0; i < JB_COUNT(yes); i++)
        CHECK_STR(html_of(scope, jb_cstr(scope, jb_format(scope, "{%% if %s %%}yes{%% end %%} %s", yes[i], yes[i])), vars), jb_format(scope, "yes %s", yes[i]));
    for (size_t i = 0; i < JB_COUNT(no); i++)
        CHECK_STR(html_of(scope, jb_cstr(scope, jb_format(scope, "{%% if %s %%}yes{%% else %%}no{%% end %%} %s", no[i], no[i])), vars), jb_format(scope, "no %s", no[i]));
}

JB_TEST("elif takes the first branch that holds")
{
    static const char source[] = "{% if n == 1 %}a{% elif n == 2 %}b{% elif n == 3 %}c{% else %}d{% end %}";
    static const char *const want[] = { "d", "a", "b", "c", "d" };

    for (int n = 0; n < 5; n++) {
        struct jb_vars *vars = jb_vars_new(scope);
        jb_vars_set(vars, "n", jb_v(n));
        CHECK_TEXT(html_of(scope, source, vars), want[n]);
    }
}

JB_TEST("loops go over lists of maps, know first, last and index, and have an else")
{
    struct jb_vars *vars = jb_vars_new(scope);
    for (int i = 0; i < 3; i++) {
        struct jb_vars *line = jb_vars_append(vars, "lines");
        jb_vars_set(line, "n", jb_v(i));
        if (i == 1)
            jb_vars_set(jb_vars_append(line, "inner"), "k", jb_v(7));
        else
            jb_vars_list(line, "inner");
    }
    jb_vars_list(vars, "none");

    CHECK_TEXT(html_of(scope, "{% for l in lines %}{% if loop.first %}[{% end %}{{ loop.index }}:{{ l.n }}{% for i in l.inner %}({{ i.k }}{{ loop.last }}){% else %}-{% end %}{% if loop.last %}]{% else %},{% end %}{% end %}"
                              "{% for x in none %}{% else %}nothing{% end %}",
                   vars),
        "[1:0-,2:1(7예),3:2-]nothing");
}

JB_TEST("children fill their parents' blocks, over several generations")
{
    struct jb_str html;

    asset_count = 0;
    given("child.html", "{% extends \"mid.html\" %}\n{# a word #}\n{% block title %}child{% end %}\n{% block inner %}<i>{{ x }}</i>{% end %}\n");
    given("base.html", "<title>{% block title %}base{% end %}</title><body{% block class %}{% end %}>{% block body %}empty{% end %}</body>");
    given("mid.html", "{% extends \"base.html\" %}{% block body %}<main>{% block inner %}mid{% end %}{% include \"_foot.html\" %}</main>{% end %}{% block class %} class=\"a\"{% end %}");
    given("_foot.html", "<p>{{ x }}</p>");
    given(NULL, "");
    struct jb_vars *vars = jb_vars_new(scope);
    jb_vars_text(vars, "x", JB_STR("&"));
    CHECK_OK(render(scope, "child.html", vars, &html));
    CHECK_TEXT(html, "<title>child</title><body class=\"a\"><main><i>&amp;</i><p>&amp;</p></main></body>");
    CHECK_OK(render(scope, "base.html", vars, &html));
    CHECK_TEXT(html, "<title>base</title><body>empty</body>");
}

JB_TEST("a block that stands in an attribute is checked as an attribute in the child")
{
    struct jb_str html;
    struct jb_vars *vars = jb_vars_new(scope);
    jb_vars_text(vars, "x", JB_STR("javascript:x"));

    asset_count = 0;
    given("base.html", "<a href=\"{% block link %}/{% end %}\">");
    given("child.html", "{% extends \"base.html\" %}{% block link %}{{ x }}{% end %}");
    given(NULL, "");
    CHECK_OK(render(scope, "child.html", vars, &html));
    CHECK_TEXT(html, "<a href=\"about:invalid\">");
}

JB_TEST("texts follow the language and carry escaped values")
{
    static const char source[] = "<i title=\"{% t \"{n|number}건\" \"{n|number} entries\" %}\">{% t \"모두 <b>{n|number}</b>건 {who}\" \"<b>{n|number}</b> in all {who}\" %}</i>";
    struct jb_vars *vars = jb_vars_new(scope);
    jb_vars_set(vars, "n", jb_v(1200));
    jb_vars_text(vars, "who", JB_STR("<x>"));

    CHECK_TEXT(html_of(scope, source, vars), "<i title=\"1,200건\">모두 <b>1,200</b>건 &lt;x&gt;</i>");
    jb_language_set(scope, JB_EN);
    CHECK_TEXT(html_of(scope, source, vars), "<i title=\"1,200 entries\"><b>1,200</b> in all &lt;x&gt;</i>");
}

JB_TEST("static files and routes become addresses")
{
    struct jb_vars *vars = jb_vars_new(scope);
    jb_vars_set(vars, "m", jb_v((struct jb_month){ 670 }));

    CHECK_TEXT(html_of(scope, "<link href=\"{% static \"jangbu.css\" %}\"><a href=\"{% url \"cash.month\" m %}\"><a href=\"{% url \"home\" %}?a={{ m|url }}\">", vars),
        "<link href=\"/static/jangbu.1a2b.css\"><a href=\"/cash/2025-11\"><a href=\"/?a=2025-11\">");
}

JB_TEST("a control tag alone on its line leaves no line behind")
{
    struct jb_vars *vars = jb_vars_new(scope);
    jb_vars_set(vars, "rows", jb_v(&rows));

    CHECK_TEXT(html_of(scope, "<ul>\n  {% for r in rows %}\n  <li>{{ r.id }}\n  {% end %}\n{# done #}\n</ul>\n", vars), "<ul>\n  <li>1\n  <li>2\n  <li>3\n</ul>\n");
}

/* ---- what is refused at start --------------------------------------------------------------------------------------------------------- */

JB_TEST("values are refused where escaping does not help")
{
    refused(scope, "<script>var x = '{{ x }}'</script>", "<script>");
    refused(scope, "<style>a { color: {{ x }} }</style>", "<style>");
    refused(scope, "<a onclick=\"f({{ x }})\">", "attribute");
    refused(scope, "<a style=\"width: {{ x }}\">", "attribute");
    refused(scope, "<a title={{ x }}>", "unquoted");
    refused(scope, "<a {{ x }}>", "a tag");
    refused(scope, "<{{ x }}>", "a tag");
    refused(scope, "<!-- {{ x }} -->", "a comment");
    refused(scope, "<a href=\"javascript:{{ x }}\">", "attribute");
    refused(scope, "<iframe srcdoc=\"{{ x }}\">", "attribute");
    refused(scope, "<a{% if x %} title=b{% end %}>", "branch");
    refused(scope, "{% if x %}<a href=\"{% else %}<b title=\"{% end %}{{ y }}\">", "branch");
    refused(scope, "<a {% if x %}href{% else %}onclick{% end %}=\"{{ y }}\">", "attribute");
    refused(scope, "<script></scriptx>{{ x }}</script>", "<script>");
    refused(scope, "<script></script<b>{{ x }}", "<script>");
    refused(scope, "<!--><script>-->{{ x }}", "<script>");
    refused(scope, "<!-- a --!><style>{{ x }}", "<style>");
    refused(scope, "<a =\"{{ x }}\">", "attribute");
    refused(scope, "<a onclick = '{{ x }}'>", "attribute");
    refused(scope, "<<b title={{ x }}>", "unquoted");
    CHECK_TEXT(html_of(scope, "<SCRIPT>a</b</Script >{{ 1 }}<!-- a-b --><!----><a title = \"{{ 2 }}\"/>{{ 3 }}</a><br/>{{ 4 }}1 < 2{{ 5 }}", NULL), "<SCRIPT>a</b</Script >1<!-- a-b --><!----><a title = \"2\"/>3</a><br/>41 < 25");
    CHECK_TEXT(html_of(scope, "<script src=\"{% static \"jangbu.css\" %}\" defer></script>{{ \"<\" }}", NULL), "<script src=\"/static/jangbu.1a2b.css\" defer></script>&lt;");
}

JB_TEST("faults of syntax and names are found at start, with file and line")
{
    refused(scope, "a\n\n{% if x %}", "x.html:3:");
    refused(scope, "{% end %}", "belongs to nothing");
    refused(scope, "{% nope %}", "nope");
    refused(scope, "{{ x|nope }}", "no filter");
    refused(scope, "{{ x|default }}", "needs an argument");
    refused(scope, "{{ x|money:2 }}", "takes no argument");
    refused(scope, "{{ x y }}", "unexpected");
    refused(scope, "{{ }}", "a name");
    refused(scope, "{{ x", "not closed");
    refused(scope, "{% for x of y %}{% end %}", "for name in list");
    refused(scope, "{% include \"gone.html\" %}", "gone.html");
    refused(scope, "{% extends \"gone.html\" %}", "gone.html");
    refused(scope, "{% include \"loop.html\" %}", "itself");
    refused(scope, "{% static \"gone.css\" %}", "gone.css");
    refused(scope, "{% url \"gone\" %}", "gone");
    refused(scope, "{% url \"cash.month\" %}", "a name");
    refused(scope, "{% url \"home\" x %}", "unexpected");
    refused(scope, "{% t \"한국어\" %}", "quoted text");
    refused(scope, "{% t \"{a\" \"b\" %}", "not closed");
    refused(scope, "{% block a %}{% end %}{% block a %}{% end %}", "twice");
    refused(scope, "<a href=\"", "inside a tag");
}

JB_TEST("what is nested too deeply is refused")
{
    struct jb_buf buf = JB_BUF_INIT(1 << 20);

    for (int i = 0; i < 100; i++)
        jb_buf_put_z(&buf, "{% if x %}");
    jb_buf_put_char(&buf, 0);
    refused(scope, buf.data, "too deeply");
    jb_buf_clear(&buf);
    jb_buf_put_z(&buf, "{{ ");
    for (int i = 0; i < 100; i++)
        jb_buf_put_z(&buf, "(");
    jb_buf_put_z(&buf, "x }}");
    jb_buf_put_char(&buf, 0);
    refused(scope, buf.data, "parentheses");
    jb_buf_done(&buf);
}

JB_TEST("a child may not use a block that its parents do not have, nor text outside blocks")
{
    static const char *const children[] = { "{% extends \"base.html\" %}{% block nope %}{% end %}", "{% extends \"base.html\" %}text", "{% extends \"base.html\" %}{{ x }}", "a{% extends \"base.html\" %}b" };
    static const char *const words[] = { "no block", "in blocks", "in blocks", "in blocks" };

    for (size_t i = 0; i < JB_COUNT(children); i++) {
        asset_count = 0;
        given("child.html", children[i]);
        given("base.html", "{% block a %}{% end %}");
        given(NULL, "");
        jb_language_set(scope, JB_EN);
        CHECK(!compile(scope));
        CHECK(jb_str_find(jb_failure_text(scope), jb_str_of(words[i]), 0) != SIZE_MAX);
        jb_failure_clear(scope);
    }
}

/* ---- hostile text -------------------------------------------------------------------------------------------------------------------------- */

JB_TEST("no naughty string gets a raw < or quote into the page")
{
    const char *shared = getenv("JB_SHARED");
    char path[1000];
    snprintf(path, sizeof path, "%s/cases/vectors/naughty_strings.json", shared ? shared : "");
    FILE *file = fopen(path, "rb");
    if (!file)
        jb_test_skip("../shared/cases is not there");
    struct jb_buf buf = JB_BUF_INIT(1 << 24);
    char chunk[65536];
    for (size_t got; (got = fread(chunk, 1, sizeof chunk, file)) > 0;)
        jb_buf_put_bytes(&buf, chunk, got);
    fclose(file);
    struct jb_json *list = jb_json_parse(scope, jb_buf_str(&buf));
    CHECK_OK(list != NULL);
    CHECK(list->count > 100);
    for (struct jb_json *one = list->first; one; one = one->next) {
        struct jb_vars *vars = jb_vars_new(scope);
        jb_vars_text(vars, "x", one->text);
        struct jb_str html = html_of(scope, "<p>{{ x }}|{{ x|upper }}|{{ x|url }}|{{ x|json }}</p><a title=\"{{ x }}\" href=\"{{ x }}\">", vars);
        size_t open = 0, quotes = 0;
        for (size_t i = 0; i < html.size; i++) {
            open += html.data[i] == '<';
            quotes += html.data[i] == '"';
        }
        CHECK_INT(open, 3);
        CHECK_INT(quotes, 4);
        CHECK(jb_str_find(html, JB_STR("href=\"javascript:"), 0) == SIZE_MAX);
    }
    jb_buf_done(&buf);
}
