/* test_url.c — percent encoding. */
// SPDX-License-Identifier: Apache-2.0
#include "jb_test.h"
#include "net/net.h"

JB_TEST("escapes are decoded, bad ones stay as they are")
{
    CHECK_TEXT(jb_url_decode(scope, JB_STR("a%20b%2Fc%2f"), false), "a b/c/");
    CHECK_TEXT(jb_url_decode(scope, JB_STR("%EC%9E%A5%EB%B6%80"), false), "장부");
    CHECK_TEXT(jb_url_decode(scope, JB_STR("100%"), false), "100%");
    CHECK_TEXT(jb_url_decode(scope, JB_STR("%4"), false), "%4");
    CHECK_TEXT(jb_url_decode(scope, JB_STR("%zz%4x%%41"), false), "%zz%4x%A");
    CHECK_STR(jb_url_decode(scope, JB_STR("a%00b"), false), ((struct jb_str){ "a\0b", 3 }));
}

JB_TEST("a plus is a blank in forms only")
{
    CHECK_TEXT(jb_url_decode(scope, JB_STR("a+b%2B"), true), "a b+");
    CHECK_TEXT(jb_url_decode(scope, JB_STR("a+b"), false), "a+b");
}

JB_TEST("empty and NULL text stay what they are")
{
    struct jb_str text = jb_url_decode(scope, JB_STR(""), true);
    CHECK(text.data && text.size == 0);
    CHECK(!jb_url_decode(scope, JB_STR_NULL, true).data);
    CHECK(!jb_url_encode(scope, JB_STR_NULL, true).data);
}

JB_TEST("everything but unreserved characters is encoded")
{
    CHECK_TEXT(jb_url_encode(scope, JB_STR("aZ09-._~ /?&=+%\"장"), false), "aZ09-._~%20%2F%3F%26%3D%2B%25%22%EC%9E%A5");
    CHECK_TEXT(jb_url_encode(scope, JB_STR("/a b/"), true), "/a%20b/");
    CHECK_TEXT(jb_url_encode(scope, ((struct jb_str){ "\0", 1 }), false), "%00");
}

JB_TEST("any bytes survive encoding and decoding")
{
    char bytes[256];
    for (int i = 0; i < 256; i++)
        bytes[i] = (char)i;
    struct jb_str all = { bytes, sizeof(bytes) };
    CHECK_STR(jb_url_decode(scope, jb_url_encode(scope, all, false), true), all);
    CHECK_STR(jb_url_decode(scope, jb_url_encode(scope, all, true), false), all);
}
