/* test_pace.c — when an import slows down; test/cli/test_slow.py shows that it then rests. */
// SPDX-License-Identifier: Apache-2.0
#define JB_TRANSFER_TEST_MODELS
#include "transfer_test.h"
#include "transfer/transfer_private.h"

#define LIMIT_US (20 * JB_SECOND_US) /* no answer here takes a fraction of it */

static bool is_slow(struct jb_scope *outer, struct jb__pace *pace)
{
    struct jb_scope *scope = jb_scope_child(outer, "measure");
    jb__pace_measure(pace, scope, 1);
    CHECK_INT(jb_error(scope), JB_OK);
    jb_scope_end(scope);
    return jb__pace_is_slow(pace);
}

JB_FIBER_TEST("a wait for the writer counts with the next answer, once")
{
    struct jb__pace pace;

    site_new(scope);
    jb__pace_open(&pace, LIMIT_US);
    CHECK(!is_slow(scope, &pace));
    jb__pace_waited(&pace, LIMIT_US + 1);
    jb__pace_waited(&pace, 1); /* the longest counts */
    CHECK(is_slow(scope, &pace));
    CHECK(!is_slow(scope, &pace));
    jb__pace_waited(&pace, LIMIT_US);
    CHECK(!is_slow(scope, &pace));
}

JB_FIBER_TEST("with no limit nothing is measured")
{
    struct jb__pace pace;

    site_new(scope);
    jb__pace_open(&pace, 0);
    jb__pace_waited(&pace, LIMIT_US + 1);
    CHECK(!is_slow(scope, &pace));
}
