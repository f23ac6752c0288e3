/* test_multipart.c — multipart/form-data in pieces of every size, against other people's vectors, and without ever growing. */
// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"
#include "jb_test.h"
#include "net/net.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A body handed out in pieces of at most `step` bytes. */
struct source {
    struct jb_str rest;
    size_t step;
};

static bool read_source(void *arg, struct jb_scope *scope, void *bytes, size_t size, size_t *ret_got)
{
    struct source *source = arg;
    (void)scope;
    size = JB_MIN(JB_MIN(size, source->step), source->rest.size);
    if (size > 0)
        memcpy(bytes, source->rest.data, size);
    source->rest = jb_str_slice(source->rest, size, source->rest.size);
    *ret_got = size;
    return true;
}

/* Everything a form holds as one text: "name|filename|type|content\n"…, then "end" or the kind of failure. */
static struct jb_str story(struct jb_scope *scope, struct jb_str body, struct jb_str boundary, size_t step, const struct jb_multipart_limits *limits)
{
    struct jb_buf out = JB_BUF_INIT((size_t)8 << 20);
    struct source source = { body, step };
    struct jb_scope *form = jb_scope_child(scope, "form");
    struct jb_multipart_part part;
    char bytes[1000];
    size_t got = 1;
    struct jb_str type = jb_format(form, "multipart/form-data; charset=utf-8; boundary=\"%.*s\"", JB_FMT(boundary));
    struct jb_multipart *multipart = jb_multipart_open(form, type, limits, read_source, &source);

    CHECK(multipart);
    while (jb_multipart_next(multipart, &part)) {
        jb_buf_printf(&out, "%.*s|%s%.*s|%.*s|", JB_FMT(part.name), part.filename.data ? "" : "-", JB_FMT(part.filename), JB_FMT(part.content_type));
        while (jb_multipart_read(multipart, bytes, sizeof(bytes), &got) && got > 0)
            jb_buf_put_bytes(&out, bytes, got);
        jb_buf_put_char(&out, '\n');
        if (jb_failure(form))
            break;
    }
    jb_buf_put_z(&out, jb_failure(form) ? jb_error_name(jb_error(form)) : "end");
    struct jb_str text = jb_copy(scope, jb_buf_str(&out));
    jb_buf_done(&out);
    jb_scope_end(form);
    return text;
}

/* The same story in pieces of many sizes. */
static void check_story(struct jb_scope *scope, struct jb_str body, const char *boundary, struct jb_str want)
{
    static const size_t steps[] = { 1, 2, 3, 5, 7, 11, 64, 100, 1000, 70000 };
    for (size_t i = 0; i < JB_COUNT(steps); i++)
        CHECK_STR(story(scope, body, jb_str_of(boundary), steps[i], NULL), want);
}

#define CD "Content-Disposition: form-data; "

JB_TEST("fields and files come one after the other, with their content")
{
    check_story(scope,
        JB_STR("preamble\r\n--b\r\n" CD "name=\"a\"\r\n\r\none\r\n--b  \t\r\n" CD "name=f; filename=\"x.xlsx\"\r\nContent-Type: application/zip\r\n\r\n\r\n--bb\r\n--b-\r\n--\r\n-\r\n--b--\r\nepilogue"), "b",
        JB_STR("a|-||one\nf|x.xlsx|application/zip|\r\n--bb\r\n--b-\r\n--\r\n-\nend"));
}

JB_TEST("an empty form, an empty part and a part without a body are nothing special")
{
    check_story(scope, JB_STR("--b--"), "b", JB_STR("end"));
    check_story(scope, JB_STR("--b\r\n" CD "name=a\r\n\r\n\r\n--b\r\n" CD "name=b\r\n\r\n--b\r\n\r\nbare\r\n--b--\r\n"), "b", JB_STR("a|-||\nb|-||\n|-||bare\nend"));
}

JB_TEST("a form that is cut anywhere is truncated")
{
    struct jb_str body = JB_STR("--b\r\n" CD "name=a\r\n\r\none\r\n--b\r\n" CD "name=b\r\n\r\ntwo\r\n--b--");
    for (size_t size = 0; size < body.size; size++) {
        struct jb_str text = story(scope, jb_str_slice(body, 0, size), JB_STR("b"), 3, NULL);
        CHECK(jb_str_ends(text, JB_STR("invalid")));
    }
    CHECK(jb_str_ends(story(scope, body, JB_STR("b"), 3, NULL), JB_STR("end")));
}

JB_TEST("file names lose their paths and control characters, and filename* wins")
{
    static const struct {
        const char *parameters, *want;
    } cases[] = {
        { "filename=\"/tmp/a.csv\"", "a.csv" },
        { "filename=\"C:\\dir\\new\\a.csv\"", "a.csv" },
        { "filename=\"a\\\"b.csv\"", "a\"b.csv" },
        { "filename=\"..\"", ".." },
        { "filename=\"\"", "" },
        { "filename=\"\xec\x9e\xa5\xeb\xb6\x80.xlsx\"", "장부.xlsx" },
        { "filename=\"x\"; filename*=UTF-8''%EC%9E%A5%EB%B6%80.xlsx", "장부.xlsx" },
        { "filename*=utf-8'ko'%2e%2e%2Fb; filename=\"x\"", "b" },
        { "filename*=iso-8859-1''%FC.txt", "ü.txt" },
        { "filename*=klingon''x; filename=ok", "ok" },
        { "filename=\"bad\xff.txt\"", "bad\xef\xbf\xbd.txt" },
        { "filename=\"a%00b\tc\"", "a%00bc" },
        { "filename*=UTF-8''a%00%0d%0ab", "ab" },
        { "x=\"; filename=evil\"; filename=good", "good" },
    };
    for (size_t i = 0; i < JB_COUNT(cases); i++) {
        struct jb_str body = jb_format(scope, "--b\r\n" CD "name=\"f\"; %s\r\n\r\n\r\n--b--", cases[i].parameters);
        check_story(scope, body, "b", jb_format(scope, "f|%s||\nend", cases[i].want));
    }
}

JB_TEST("heads of another form, too long ones and too many parts are refused")
{
    const struct jb_multipart_limits limits = { .parts = 2, .head_bytes = 64 };
    CHECK_TEXT(story(scope, JB_STR("--b\r\nno colon\r\n\r\n\r\n--b--"), JB_STR("b"), 5, NULL), "invalid");
    CHECK_TEXT(story(scope, JB_STR("--b\r\nA\rB: c\r\n\r\n\r\n--b--"), JB_STR("b"), 5, NULL), "invalid");
    CHECK_TEXT(story(scope, JB_STR("--b\r\nA: b\rc\r\n\r\n\r\n--b--"), JB_STR("b"), 5, NULL), "invalid");
    CHECK_TEXT(story(scope, JB_STR("--b\r\nContent-Transfer-Encoding: uuencode\r\n\r\n\r\n--b--"), JB_STR("b"), 5, NULL), "invalid");
    CHECK_TEXT(story(scope, JB_STR("--b\r\n" CD "name=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n\r\n\r\n--b--"), JB_STR("b"), 5, &limits), "limit");
    CHECK_TEXT(story(scope, JB_STR("--b\r\n\r\n\r\n--b\r\n\r\n\r\n--b\r\n\r\n\r\n--b--"), JB_STR("b"), 5, &limits), "|-||\n|-||\nlimit");
}

JB_TEST("a head of just the longest length is read however it is cut")
{
    const struct jb_multipart_limits longest = { .head_bytes = sizeof(CD "name=abc") - 1 }, shorter = { .head_bytes = longest.head_bytes - 1 };
    for (size_t step = 1; step < 80; step++) {
        CHECK_TEXT(story(scope, JB_STR("--b\r\n" CD "name=abc\r\n\r\nx\r\n--b--"), JB_STR("b"), step, &longest), "abc|-||x\nend");
        CHECK_TEXT(story(scope, JB_STR("--b\r\n" CD "name=abc\r\n\r\nx\r\n--b--"), JB_STR("b"), step, &shorter), "limit");
    }
}

JB_TEST("a boundary of 1 to 70 characters is needed")
{
    struct source source = { JB_STR(""), 1 };
    static const char *const bad[] = { "multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=\"\"", "multipart/mixed; boundary=b", "text/plain", "",
        "multipart/form-data; boundary=12345678901234567890123456789012345678901234567890123456789012345678901" };
    for (size_t i = 0; i < JB_COUNT(bad); i++)
        CHECK_FAILS(jb_multipart_open(scope, jb_str_of(bad[i]), NULL, read_source, &source), JB_INVALID);
    CHECK(jb_multipart_open(scope, JB_STR("Multipart/Form-Data ; Boundary = b"), NULL, read_source, &source));
}

JB_TEST("base64 is decoded, and nonsense in it refused")
{
    check_story(scope, JB_STR("--b\r\n" CD "name=a\r\nContent-Transfer-Encoding: base64\r\n\r\nVGVz\r\ndCAxMjM=\r\n--b--"), "b", JB_STR("a|-||Test 123\nend"));
    CHECK(jb_str_ends(story(scope, JB_STR("--b\r\n" CD "name=a\r\nContent-Transfer-Encoding: base64\r\n\r\nVG*z\r\n--b--"), JB_STR("b"), 100, NULL), JB_STR("invalid")));
}

/* ---- vectors of other projects -------------------------------------------------------------------------------------------------- */

static struct jb_json *vectors(struct jb_scope *scope, const char *name)
{
    const char *shared = getenv("JB_SHARED");
    char path[500];
    struct jb_buf text = JB_BUF_INIT((size_t)16 << 20);
    char bytes[65536];
    snprintf(path, sizeof(path), "%s/cases/vectors/%s.json", shared ? shared : "", name);
    FILE *file = fopen(path, "r");
    if (!file)
        jb_test_skip("JB_SHARED has no vectors");
    for (size_t got; (got = fread(bytes, 1, sizeof(bytes), file)) > 0;)
        jb_buf_put_bytes(&text, bytes, got);
    fclose(file);
    struct jb_json *json = jb_json_parse(scope, jb_copy(scope, jb_buf_str(&text)));
    jb_buf_done(&text);
    CHECK_OK(json);
    return json;
}

static struct jb_str base64(struct jb_scope *scope, struct jb_str text)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char *out = jb_alloc(scope, text.size + 1);
    size_t size = 0;
    unsigned bits = 0, count = 0;
    for (size_t i = 0; i < text.size && text.data[i] != '='; i++) {
        bits = bits << 6 | (unsigned)(strchr(alphabet, text.data[i]) - alphabet);
        if ((count += 6) >= 8)
            out[size++] = (char)(bits >> (count -= 8));
    }
    return (struct jb_str){ out, size };
}

static struct jb_str text_of(const struct jb_json *object, const char *name)
{
    struct jb_json *member = jb_json_member(object, name);
    return member ? member->text : JB_STR_NULL;
}

JB_TEST("the vectors of python-multipart come out as expected")
{
    size_t seen = 0;
    for (struct jb_json *vector = vectors(scope, "multipart_python_multipart")->first; vector; vector = vector->next, seen++) {
        struct jb_str body = base64(scope, text_of(vector, "body_b64"));
        struct jb_json *expected = jb_json_member(vector, "expected");
        const char *boundary = jb_cstr(scope, text_of(vector, "boundary"));
        struct jb_buf want = JB_BUF_INIT((size_t)1 << 20);
        if (expected->type == JB_JSON_OBJECT) {
            jb_buf_put_z(&want, "invalid");
        } else {
            for (struct jb_json *part = expected->first; part; part = part->next) {
                struct jb_str file = text_of(part, "file_name"), content = base64(scope, text_of(jb_json_member(part, "data"), "b64"));
                struct jb_str whole = story(scope, body, jb_str_of(boundary), 1000, NULL);
                CHECK(jb_str_find(whole, jb_format(scope, "%.*s|%s%.*s|", JB_FMT(text_of(part, "name")), file.data ? "" : "-", JB_FMT(file)), 0) != SIZE_MAX);
                CHECK(jb_str_find(whole, jb_format(scope, "|%.*s\n", JB_FMT(content)), 0) != SIZE_MAX);
            }
            jb_buf_put_z(&want, "end");
        }
        for (size_t step = 1; step < 20; step++)
            CHECK(jb_str_ends(story(scope, body, jb_str_of(boundary), step, NULL), jb_buf_str(&want)));
        jb_buf_done(&want);
    }
    CHECK(seen >= 10);
}

/* Names, file names and contents; what busboy does with its own limits and with heads it skips is not ours. */
JB_TEST("the vectors of busboy come out as expected")
{
    size_t seen = 0;
    for (struct jb_json *vector = vectors(scope, "multipart_busboy")->first; vector; vector = vector->next) {
        struct jb_str what = text_of(vector, "what");
        struct jb_buf body = JB_BUF_INIT((size_t)1 << 20);
        bool fails = false;
        if (jb_json_member(vector, "limits") && jb_json_member(vector, "limits")->type != JB_JSON_NULL && jb_str_find(what, JB_STR("imit"), 0) != SIZE_MAX)
            continue;
        for (struct jb_json *piece = jb_json_member(vector, "source_b64")->first; piece; piece = piece->next)
            jb_buf_put(&body, base64(scope, piece->text));
        struct jb_str whole = story(scope, jb_buf_str(&body), text_of(vector, "boundary"), 997, NULL);
        for (struct jb_json *part = jb_json_member(vector, "expected")->first; part; part = part->next) {
            struct jb_json *data = jb_json_member(part, "data"), *info = jb_json_member(part, "info");
            if (jb_json_member(part, "error"))
                fails = true;
            if (!info || jb_json_member(part, "err") || jb_str_is(what, "Oversized part header"))
                continue;
            struct jb_str content = data ? base64(scope, text_of(data, "b64")) : text_of(part, "val");
            struct jb_str file = text_of(info, "filename");
            CHECK(jb_str_find(whole, jb_format(scope, "%.*s|%s%.*s|", JB_FMT(text_of(part, "name")), file.data ? "" : "-", JB_FMT(file)), 0) != SIZE_MAX);
            CHECK(jb_str_find(whole, jb_format(scope, "|%.*s\n", JB_FMT(content)), 0) != SIZE_MAX);
        }
        CHECK_INT(jb_str_ends(whole, JB_STR("\nend")) || jb_str_is(whole, "end"), !fails);
        jb_buf_done(&body);
        seen++;
    }
    CHECK(seen >= 10);
}

JB_TEST("the vectors of werkzeug come out as expected")
{
    size_t seen = 0;
    for (struct jb_json *vector = vectors(scope, "multipart_werkzeug")->first; vector; vector = vector->next, seen++) {
        struct jb_str body = base64(scope, text_of(vector, "body_b64"));
        struct jb_str boundary = jb_str_slice(body, 2, jb_str_find(body, JB_STR("\r\n"), 0));
        for (size_t step = 1; step < 2000; step = step * 2 + 1) {
            struct jb_str whole = story(scope, body, boundary, step, NULL);
            for (struct jb_json *file = jb_json_member(vector, "files")->first; file; file = file->next) {
                struct jb_str content = base64(scope, file->text);
                if (jb_str_is(file->name, "text.txt"))
                    content = jb_str_trim(content); /* the stored file ends with a line end that was not sent */
                CHECK(jb_str_find(whole, jb_format(scope, "|"), 0) != SIZE_MAX);
                CHECK(jb_str_find(whole, content, 0) != SIZE_MAX);
            }
            CHECK(jb_str_ends(whole, JB_STR("\nend")));
        }
    }
    CHECK_INT(seen, 3);
}

/* ---- size ------------------------------------------------------------------------------------------------------------------------ */

#define LARGE_BYTES JB_TEST_MUCH((int64_t)256 << 20, (int64_t)1 << 20)

/* A form with one large file, made while it is read: full of beginnings of boundaries. */
struct large {
    int64_t at;
    struct jb_str head, tail;
};

static bool read_large(void *arg, struct jb_scope *scope, void *bytes, size_t size, size_t *ret_got)
{
    static const char filler[] = "\r\n--boundar\r\n--bound\r\r\n--boundary-\r\n";
    struct large *large = arg;
    char *to = bytes;
    int64_t head = (int64_t)large->head.size, tail = head + LARGE_BYTES, end = tail + (int64_t)large->tail.size;
    (void)scope;
    size = (size_t)JB_MIN((int64_t)size, end - large->at);
    for (size_t i = 0; i < size; i++, large->at++)
        to[i] = large->at < head ? large->head.data[large->at] : large->at >= tail ? large->tail.data[large->at - tail]
                                                                                   : filler[(size_t)(large->at - head) % (sizeof(filler) - 1)];
    *ret_got = size;
    return true;
}

JB_TEST("an upload of 256 MiB does not grow memory by 8 MiB")
{
    struct large large = { 0, JB_STR("--boundary\r\n" CD "name=f; filename=big\r\n\r\n"), JB_STR("\r\n--boundary--\r\n") };
    struct jb_multipart_part part;
    static char bytes[65536];
    int64_t size = 0;
    size_t got = 1;
    int64_t before = jb_test_memory_kib();
    struct jb_multipart *multipart = jb_multipart_open(scope, JB_STR("multipart/form-data; boundary=boundary"), NULL, read_large, &large);

    CHECK_OK(multipart);
    CHECK_OK(jb_multipart_next(multipart, &part));
    while (got > 0) {
        CHECK_OK(jb_multipart_read(multipart, bytes, sizeof(bytes), &got));
        size += (int64_t)got;
    }
    CHECK_INT(size, LARGE_BYTES);
    CHECK(!jb_multipart_next(multipart, &part));
    CHECK(!jb_failure(scope));
    CHECK(jb_test_memory_kib() - before < 8 * 1024);
}
