/* test_nearest.c — which name was meant. */
// SPDX-License-Identifier: Apache-2.0
#include "jb_test.h"

static const struct jb_str names[] = { { "amount", 6 }, { "category", 8 }, { "date", 4 }, { "memo", 4 } };

static struct jb_str nearest(const char *name)
{
    return jb_nearest(jb_str_of(name), names, JB_COUNT(names));
}

JB_TEST("a missing, added, wrong or swapped letter is forgiven")
{
    CHECK_TEXT(nearest("amout"), "amount");
    CHECK_TEXT(nearest("ammount"), "amount");
    CHECK_TEXT(nearest("emount"), "amount");
    CHECK_TEXT(nearest("aomunt"), "amount");
    CHECK_TEXT(nearest("memo"), "memo");
    CHECK_TEXT(nearest("dtae"), "date");
}

JB_TEST("nothing is near to something else, and of nothing nothing is near")
{
    CHECK(!nearest("invoice_number").data);
    CHECK(!nearest("").data);
    CHECK(!jb_nearest(JB_STR("memo"), names, 0).data);
}

JB_TEST("names of any length are compared by their beginning")
{
    char name[1000];

    for (size_t i = 0; i < sizeof name; i++)
        name[i] = 'a';
    struct jb_str same = { name, sizeof name };
    CHECK_STR(jb_nearest(same, &same, 1), same);
    CHECK(!jb_nearest(same, names, JB_COUNT(names)).data);
}
