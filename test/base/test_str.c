/* test_str.c — slices, UTF-8, SipHash, growing buffers. */
// SPDX-License-Identifier: Apache-2.0
#include "base/base_private.h"
#include "base/random.h"
#include "base/str.h"
#include "jb_test.h"
#include <stdlib.h>

#define S(text) JB_STR(text)

JB_TEST("NULL text and empty text read alike and stay apart")
{
    (void)scope;
    CHECK(jb_str_equal(JB_STR_NULL, S("")));
    CHECK(jb_str_of(NULL).data == NULL);
    CHECK(jb_str_of("").data != NULL);
    CHECK_INT(jb_str_compare(JB_STR_NULL, S("")), 0);
    CHECK(jb_str_starts(S("a"), JB_STR_NULL) && jb_str_ends(S("a"), JB_STR_NULL));
    CHECK(jb_str_slice(JB_STR_NULL, 0, 5).data == NULL);
    CHECK_INT(jb_str_trim(JB_STR_NULL).size, 0);
    CHECK(jb_utf8_valid(JB_STR_NULL));
    CHECK_INT(jb_str_find(JB_STR_NULL, S("a"), 0), SIZE_MAX);
    CHECK_INT(jb_str_hash(JB_STR_NULL), jb_str_hash(S("")));
}

JB_TEST("text is ordered byte by byte, the shorter first")
{
    (void)scope;
    CHECK(jb_str_compare(S("a"), S("b")) < 0);
    CHECK(jb_str_compare(S("b"), S("a")) > 0);
    CHECK(jb_str_compare(S("a"), S("ab")) < 0);
    CHECK(jb_str_compare(S("ab"), S("a")) > 0);
    CHECK(jb_str_compare(S("z"), S("가")) < 0);
    CHECK_INT(jb_str_compare(S("가"), S("가")), 0);
    CHECK(jb_str_is(S("abc"), "abc") && !jb_str_is(S("abc"), "ab") && !jb_str_is(S("ab"), "abc"));
}

JB_TEST("only ASCII letters lose their case")
{
    (void)scope;
    CHECK(jb_str_equal_nocase(S("Content-TYPE"), S("content-type")));
    CHECK(!jb_str_equal_nocase(S("[a"), S("{a"))); /* 32 apart, no letters */
    CHECK(!jb_str_equal_nocase(S("é"), S("É")));
    CHECK(!jb_str_equal_nocase(S("ab"), S("abc")));
}

JB_TEST("text is found from a place on")
{
    struct jb_str text = S("abcabc");

    (void)scope;
    CHECK_INT(jb_str_find(text, S("bc"), 0), 1);
    CHECK_INT(jb_str_find(text, S("bc"), 2), 4);
    CHECK_INT(jb_str_find(text, S("bc"), 5), SIZE_MAX);
    CHECK_INT(jb_str_find(text, S("bc"), 99), SIZE_MAX);
    CHECK_INT(jb_str_find(text, S(""), 6), 6);
    CHECK_INT(jb_str_find(text, S("abcabcabc"), 0), SIZE_MAX);
    CHECK_INT(jb_str_find_char(text, 'c', 3), 5);
    CHECK_INT(jb_str_find_char(text, 'x', 0), SIZE_MAX);
    CHECK_INT(jb_str_find_char(text, 'a', 6), SIZE_MAX);
}

JB_TEST("slices are clipped to their text")
{
    (void)scope;
    CHECK_TEXT(jb_str_slice(S("hello"), 1, 3), "el");
    CHECK_TEXT(jb_str_slice(S("hello"), 3, 99), "lo");
    CHECK_TEXT(jb_str_slice(S("hello"), 9, 12), "");
    CHECK_TEXT(jb_str_slice(S("hello"), 3, 1), "");
    CHECK(jb_str_starts(S("hello"), S("he")) && !jb_str_starts(S("he"), S("hello")));
    CHECK(jb_str_ends(S("hello"), S("lo")) && !jb_str_ends(S("lo"), S("hello")));
}

JB_TEST("blanks are trimmed at both ends, those of sheets too")
{
    (void)scope;
    CHECK_TEXT(jb_str_trim(S(" \t\r\n\f\va b \n")), "a b");
    CHECK_TEXT(jb_str_trim(S("  ")), "");
    CHECK_TEXT(jb_str_trim_unicode(S("\xC2\xA0\xE3\x80\x80 \xEF\xBB\xBF가 나\xE2\x80\x8B \xC2\xA0")), "가 나");
    CHECK_TEXT(jb_str_trim_unicode(S("\xC2\xA0\xC2\xA0")), "");
    CHECK_TEXT(jb_str_trim_unicode(S("é")), "é");
}

JB_TEST("cutting walks through all parts, empty ones too")
{
    struct jb_str rest = S("a,,b,"), parts[8];
    size_t count = 0;

    (void)scope;
    while (rest.data)
        parts[count++] = jb_str_cut(&rest, ',');
    CHECK_INT(count, 4);
    CHECK_TEXT(parts[0], "a");
    CHECK_TEXT(parts[1], "");
    CHECK_TEXT(parts[2], "b");
    CHECK_TEXT(parts[3], "");
    CHECK(parts[3].data != NULL);
}

JB_TEST("integers are read to their limits and not beyond")
{
    int64_t number = 42;
    const char *bad[] = { "", "-", "+", " 1", "1 ", "1.0", "0x1", "9223372036854775808", "-9223372036854775809", "99999999999999999999", "--1", "١" };

    (void)scope;
    CHECK(jb_str_to_int64(S("9223372036854775807"), &number) && number == INT64_MAX);
    CHECK(jb_str_to_int64(S("-9223372036854775808"), &number) && number == INT64_MIN);
    CHECK(jb_str_to_int64(S("+007"), &number) && number == 7);
    CHECK(jb_str_to_int64(S("-0"), &number) && number == 0);
    number = 42;
    for (size_t i = 0; i < JB_COUNT(bad); i++)
        CHECK(!jb_str_to_int64(jb_str_of(bad[i]), &number));
    CHECK_INT(number, 42);
}

JB_TEST("every code point survives being written and read; surrogates and overlong forms are invalid")
{
    char out[4];

    (void)scope;
    for (uint32_t code = 0; code <= 0x10FFFF; code++) {
        size_t at = 0, size = jb_utf8_put(code, out);
        bool surrogate = code >= 0xD800 && code < 0xE000;
        if (jb_utf8_next((struct jb_str){ out, size }, &at) != (surrogate ? 0xFFFD : code) || at != size || !jb_utf8_valid((struct jb_str){ out, size }))
            CHECK_INT(code, -1);
    }
    CHECK_INT(jb_utf8_put(0x110000, out), 3);
    const char *bad[] = { "\xC0\x80", "\xC1\xBF", "\xE0\x80\x80", "\xED\xA0\x80", "\xED\xBF\xBF", "\xF0\x80\x80\x80", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\x80", "\xBF", "\xE3\x80", "\xFF", "\xFE",
        "abcdefgh\x80", "가\xE3\x80" };
    for (size_t i = 0; i < JB_COUNT(bad); i++)
        CHECK(!jb_utf8_valid(jb_str_of(bad[i])));
}

JB_TEST("an invalid byte is one replacement character, and reading goes on behind it")
{
    struct jb_str text = S("a\xFF\xE3\x80z");
    uint32_t codes[5], want[] = { 'a', 0xFFFD, 0xFFFD, 0xFFFD, 'z' };
    size_t at = 0;

    (void)scope;
    for (size_t i = 0; i < 5; i++) {
        codes[i] = jb_utf8_next(text, &at);
        CHECK_INT(codes[i], want[i]);
    }
    CHECK_INT(at, text.size);
}

JB_TEST("length counts code points")
{
    (void)scope;
    CHECK_INT(jb_utf8_count(S("현금출납부 A😀")), 8);
    CHECK_TEXT(jb_utf8_first(S("현금출납부"), 2), "현금");
    CHECK_TEXT(jb_utf8_first(S("ab"), 9), "ab");
    CHECK_TEXT(jb_utf8_first(S("ab"), 0), "");
}

JB_TEST("the hash is SipHash-2-4")
{
    /* The reference vectors: key 00…0f, message 00 01 02 … of each length. */
    static const struct {
        size_t size;
        uint64_t hash;
    } vectors[] = { { 0, UINT64_C(0x726fdb47dd0e0e31) }, { 1, UINT64_C(0x74f839c593dc67fd) }, { 7, UINT64_C(0xab0200f58b01d137) }, { 8, UINT64_C(0x93f5f5799a932462) }, { 15, UINT64_C(0xa129ca6149be45e5) } };
    uint64_t key[2] = { UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908) };
    char message[16];

    (void)scope;
    for (int i = 0; i < 16; i++)
        message[i] = (char)i;
    for (size_t i = 0; i < JB_COUNT(vectors); i++)
        CHECK_INT(jb__siphash(key, (struct jb_str){ message, vectors[i].size }), vectors[i].hash);
    CHECK(jb_str_hash(S("a")) != jb_str_hash(S("b")));
    CHECK(jb_str_digest(JB_DIGEST_START, S("foobar")) == 0x85944171f73967e8u); /* of the authors of FNV */
    CHECK(jb_str_digest(jb_str_digest(JB_DIGEST_START, S("foo")), S("bar")) == 0x85944171f73967e8u);
}

JB_TEST("a buffer grows, is cleared and keeps its memory")
{
    struct jb_buf buf;

    (void)scope;
    jb_buf_init(&buf, 100000);
    CHECK_TEXT(jb_buf_str(&buf), "");
    for (int i = 0; i < 1000; i++)
        jb_buf_printf(&buf, "%d,", i);
    CHECK_INT(buf.size, 3890);
    CHECK(jb_str_ends(jb_buf_str(&buf), S("998,999,")));
    jb_buf_drop(&buf, 3886);
    CHECK_TEXT(jb_buf_str(&buf), "999,");
    char *memory = buf.data;
    jb_buf_clear(&buf);
    jb_buf_put(&buf, S("a"));
    jb_buf_put_z(&buf, "b");
    jb_buf_put_char(&buf, 'c');
    jb_buf_put_bytes(&buf, "\0d", 2);
    CHECK(buf.data == memory);
    CHECK_STR(jb_buf_str(&buf), ((struct jb_str){ "abc\0d", 5 }));
    jb_buf_done(&buf);
    CHECK_INT(buf.capacity, 0);
}

JB_TEST("a full buffer drops the piece that does not fit and all after it, and says so")
{
    struct jb_buf buf = JB_BUF_INIT(10);

    (void)scope;
    jb_buf_put_z(&buf, "12345678");
    CHECK(!buf.full);
    jb_buf_put_z(&buf, "abc");
    CHECK(buf.full);
    jb_buf_put_z(&buf, "d");
    jb_buf_printf(&buf, "%d", 1);
    CHECK_TEXT(jb_buf_str(&buf), "12345678");
    CHECK(!jb_buf_reserve(&buf, 1));
    jb_buf_clear(&buf);
    jb_buf_printf(&buf, "%010d", 7);
    CHECK(!buf.full);
    CHECK_TEXT(jb_buf_str(&buf), "0000000007");
    jb_buf_clear(&buf);
    CHECK(!jb_buf_reserve(&buf, SIZE_MAX));
    jb_buf_done(&buf);
}

JB_TEST("printing into a buffer is not limited by the first guess")
{
    struct jb_buf buf = JB_BUF_INIT(5000), small = JB_BUF_INIT(300);
    char *text = jb_alloc(scope, 1001);

    for (int i = 0; i < 1000; i++)
        text[i] = 'x';
    jb_buf_printf(&buf, "<%s>", text);
    CHECK_INT(buf.size, 1002);
    CHECK_INT(buf.data[1001], '>');
    jb_buf_printf(&small, "<%s>", text);
    CHECK(small.full && small.size == 0);
    jb_buf_done(&buf);
    jb_buf_done(&small);
}
