/* test_stall.c — which stalls are told. */
// SPDX-License-Identifier: Apache-2.0
#include "../jb_test.h"
#include "app/stall.h"
#include "base/time.h"

JB_TEST("a statement that holds its loop again and again is told once a minute")
{
    static struct jb__stalls stalls;
    struct jb_str sql = JB_STR("select 1"), other = JB_STR("select 2");
    int64_t start = 1000 * JB_SECOND_US;

    CHECK(jb__stall_is_news(&stalls, sql, start));
    CHECK(!jb__stall_is_news(&stalls, sql, start));
    CHECK(jb__stall_is_news(&stalls, other, start));
    CHECK(!jb__stall_is_news(&stalls, sql, start + 59 * JB_SECOND_US));
    CHECK(!jb__stall_is_news(&stalls, other, start + 59 * JB_SECOND_US));
    CHECK(jb__stall_is_news(&stalls, sql, start + 60 * JB_SECOND_US));
    CHECK(!jb__stall_is_news(&stalls, sql, start + 61 * JB_SECOND_US));
}
