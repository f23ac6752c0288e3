// SPDX-License-Identifier: Apache-2.0
#include "web_test.h"
#include "base/json.h"
#include "web/web_private.h"
#include <sodium.h>

/* The JSON of ../shared/cases/vectors; skips the test when it is not there. */
static struct jb_json *vectors(struct jb_scope *scope, const char *name)
{
    const char *shared = getenv("JB_SHARED");
    FILE *file = shared ? fopen(jb_cstr(scope, jb_format(scope, "%s/cases/vectors/%s.json", shared, name)), "rb") : NULL;
    struct jb_buf buf = JB_BUF_INIT(1 << 24);
    char chunk[65536];

    if (!file)
        jb_test_skip("../shared/cases is not there");
    for (size_t got; (got = fread(chunk, 1, sizeof chunk, file)) > 0;)
        jb_buf_put_bytes(&buf, chunk, got);
    fclose(file);
    struct jb_json *json = jb_json_parse(scope, jb_copy(scope, jb_buf_str(&buf)));
    jb_buf_done(&buf);
    CHECK_OK(json != NULL);
    return json;
}

static struct jb_str text_of(const struct jb_json *object, const char *name)
{
    const struct jb_json *member = jb_json_member(object, name);

    CHECK(member != NULL);
    return member->text;
}

static bool true_of(const struct jb_json *object, const char *name)
{
    return jb_json_member(object, name)->type == JB_JSON_TRUE;
}

JB_TEST("hosts are allowed as Django allows them")
{
    size_t count = 0;

    for (struct jb_json *one = vectors(scope, "allowed_hosts_django")->first; one; one = one->next, count++) {
        struct jb_buf list = JB_BUF_INIT(10000);
        for (struct jb_json *allowed = jb_json_member(one, "allowed")->first; allowed; allowed = allowed->next)
            jb_buf_printf(&list, "%s%.*s", list.size > 0 ? "," : "", JB_FMT(allowed->text));
        bool ok = jb__host_allowed(text_of(one, "host"), jb_buf_str(&list));
        if (ok != true_of(one, "ok"))
            fprintf(stderr, "host %.*s, allowed %.*s\n", JB_FMT(text_of(one, "host")), JB_FMT(jb_buf_str(&list)));
        CHECK_INT(ok, true_of(one, "ok"));
        jb_buf_done(&list);
    }
    CHECK(count > 40);
    CHECK(jb__host_allowed(JB_STR("a.example.com"), JB_STR("*.example.com")));
    CHECK(!jb__host_allowed(JB_STR("example.com"), JB_STR("*.example.com")));
    CHECK(!jb__host_allowed(JB_STR("aexample.com"), JB_STR("*.example.com")));
    CHECK(!jb__host_allowed(JB_STR("x"), JB_STR("*.,.,,")));
    CHECK(jb__host_allowed(JB_STR(""), JB_STR("a, *")));
    CHECK(!jb__host_allowed(JB_STR(""), JB_STR("a, .b, ,")));
}

JB_TEST("next addresses are safe as Django says, or refused")
{
    size_t count = 0;

    for (struct jb_json *one = vectors(scope, "open_redirect_django")->first; one; one = one->next, count++) {
        bool ok = jb__url_safe(scope, text_of(one, "url"), text_of(one, "host"), true_of(one, "require_https"));
        if (ok != true_of(one, "safe"))
            fprintf(stderr, "url '%.*s'\n", JB_FMT(text_of(one, "url")));
        CHECK_INT(ok, true_of(one, "safe"));
    }
    CHECK(count > 20);
    CHECK(!jb__url_safe(scope, JB_STR("/\t/evil.com"), JB_STR("example.com"), false));
    CHECK(!jb__url_safe(scope, JB_STR("/\n/evil.com"), JB_STR("example.com"), false));
    CHECK(!jb__url_safe(scope, JB_STR("http://example.com/"), JB_STR("example.com"), true));
}

JB_TEST("cookies are read as Django reads them")
{
    for (struct jb_json *one = vectors(scope, "cookie_django")->first; one; one = one->next) {
        struct jb__pair *pairs = jb__cookies_parse(scope, text_of(one, "header"));
        struct jb_json *expected = jb_json_member(one, "expected");
        size_t count = 0;
        for (const struct jb__pair *pair = pairs; pair; pair = pair->next, count++) {
            struct jb_json *want = expected->first;
            while (want && !jb_str_equal(want->name, pair->name))
                want = want->next;
            CHECK(want != NULL);
            CHECK_STR(pair->value, want->text);
        }
        CHECK_INT(count, expected->count);
    }
}

JB_TEST("urlencoded forms are read as busboy reads them")
{
    for (struct jb_json *one = vectors(scope, "urlencoded_busboy")->first; one; one = one->next) {
        if (jb_json_member(one, "limits") || jb_json_member(one, "charset"))
            continue; /* ours are UTF-8, and refused rather than cut */
        struct jb_buf source = JB_BUF_INIT(100000);
        for (struct jb_json *part = jb_json_member(one, "source_b64")->first; part; part = part->next) {
            unsigned char bytes[10000];
            size_t size;
            CHECK(sodium_base642bin(bytes, sizeof bytes, part->text.data, part->text.size, NULL, &size, NULL, sodium_base64_VARIANT_ORIGINAL) == 0);
            jb_buf_put_bytes(&source, bytes, size);
        }
        size_t count;
        struct jb__pair *pair = jb__urlencoded_parse(scope, jb_buf_str(&source), 1000, &count);
        struct jb_json *expected = jb_json_member(one, "expected");
        CHECK_INT(count, expected->count);
        for (struct jb_json *want = expected->first; want; want = want->next, pair = pair->next) {
            CHECK_STR(pair->name, want->first->text);
            CHECK_STR(pair->value, want->first->next->text);
        }
        jb_buf_done(&source);
    }
}

JB_TEST("CSRF tokens are masked as Django masks them")
{
    for (struct jb_json *one = jb_json_member(vectors(scope, "django_session_csrf"), "csrf")->first; one; one = one->next)
        for (struct jb_json *masked = jb_json_member(one, "masked")->first; masked; masked = masked->next) {
            char secret[33];
            CHECK(jb__csrf_unmask(masked->text, secret));
            CHECK_INT(jb_str_is(text_of(one, "secret"), secret), true_of(one, "match"));
        }
    char secret[33];
    CHECK(!jb__csrf_unmask(JB_STR(""), secret));
    CHECK(!jb__csrf_unmask(JB_STR("mHqeB2aVgEoyL6VPU8QiLG8A7GJbKI7a64xKWM1l9laXVGhO7pTAYHNwBD43HeK-"), secret));
}

static const struct jb_asset statics[] = { { "site.css", "a", 1 }, { 0 } };

JB_FIBER_TEST("no path leads out of the static files")
{
    struct jb_json *paths = jb_json_member(vectors(scope, "path_traversal"), "paths");
    struct talk *talk = talk_open(scope, (struct jb_web_options){ .statics = (const struct jb_asset *const[]){ statics, NULL } });

    CHECK_INT(talk_get(talk, "/static/site.css").status, 200);
    for (struct jb_json *one = paths->first; one; one = one->next) {
        struct jb_buf target = JB_BUF_INIT(1 << 16);
        jb_buf_put_z(&target, "/static/");
        for (size_t i = 0; i < one->text.size; i++) { /* what cannot stand in a request line goes out encoded */
            unsigned char c = (unsigned char)one->text.data[i];
            if (c <= 0x20 || c >= 0x7f)
                jb_buf_printf(&target, "%%%02X", c);
            else
                jb_buf_put_char(&target, (char)c);
        }
        jb_buf_put_char(&target, 0);
        if (target.size < 8000) {
            int status = talk_get(talk, target.data).status;
            CHECK(status == 400 || status == 403 || status == 404);
        }
        jb_buf_done(&target);
    }
}
