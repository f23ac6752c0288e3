/* test_fault.c — settings of fault points, and what the points do. */
// SPDX-License-Identifier: Apache-2.0
#include "jb_test.h"
#include "run/run.h"
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static bool pass(struct jb_scope *scope)
{
    return !JB_FAULT("net/stream/write", scope);
}

JB_TEST("nothing happens while no fault is set")
{
    CHECK(!jb_fault_armed);
    CHECK_OK(pass(scope));
}

JB_TEST("a fault fails with its kind, only at its own place")
{
    CHECK_OK(jb_fault_set(scope, JB_STR("store/bulk/flush=unavailable")));
    CHECK_OK(pass(scope));
    CHECK_FAILS(!JB_FAULT("store/bulk/flush", scope), JB_UNAVAILABLE);
    CHECK(JB_FAULT("store/bulk/flush", NULL));
    jb_fault_clear();
    CHECK(!JB_FAULT("store/bulk/flush", scope));
}

JB_TEST("a fault can skip passes and act a number of times")
{
    CHECK_OK(jb_fault_set(scope, JB_STR(" net/stream/write=timeout*2@3 , store/sqlite/busy=conflict")));
    for (int i = 0; i < 3; i++)
        CHECK_OK(pass(scope));
    CHECK_FAILS(pass(scope), JB_TIMEOUT);
    CHECK_FAILS(pass(scope), JB_TIMEOUT);
    CHECK_OK(pass(scope));
    CHECK_FAILS(!JB_FAULT("store/sqlite/busy", scope), JB_CONFLICT);
}

JB_FIBER_TEST("a sleeping fault delays and then lets pass, also inside a transaction")
{
    int64_t before_us = jb_monotonic_us();

    CHECK_OK(jb_fault_set(scope, JB_STR("net/stream/write=sleep:5*1")));
    jb_fiber_forbid_waits(true);
    CHECK_OK(pass(scope));
    jb_fiber_forbid_waits(false);
    CHECK(jb_monotonic_us() >= before_us + 5000);
}

JB_TEST("a crashing fault kills the process")
{
    int status;
    pid_t child = fork();

    if (child == 0) {
        jb_fault_set(scope, JB_STR("net/stream/write=crash"));
        pass(scope);
        _exit(0);
    }
    CHECK_INT(waitpid(child, &status, 0), child);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

JB_TEST("an unknown place is refused with the nearest one, and the old setting stays")
{
    CHECK_OK(jb_fault_set(scope, JB_STR("net/stream/write=broken")));
    jb_language_set(scope, JB_EN);
    CHECK(!jb_fault_set(scope, JB_STR("net/steam/write=broken")));
    CHECK_TEXT(jb_failure_text(scope), "There is no fault point 'net/steam/write'. Did you mean 'net/stream/write'?");
    CHECK_INT(jb_error(scope), JB_INVALID);
    jb_failure_clear(scope);
    CHECK_FAILS(pass(scope), JB_BROKEN);
}

JB_TEST("settings of any other form are refused")
{
    const char *const bad[] = { "net/stream/write", "net/stream/write=", "net/stream/write=bad", "net/stream/write=ok", "net/stream/write=broken*0",
        "net/stream/write=broken*x", "net/stream/write=broken@-1", "net/stream/write=sleep", "net/stream/write=sleep:-1", "=broken", "zzz=broken" };

    for (size_t i = 0; i < JB_COUNT(bad); i++)
        CHECK_FAILS(jb_fault_set(scope, jb_str_of(bad[i])), JB_INVALID);
}

JB_TEST("faults come from the environment")
{
    setenv("JANGBU_FAULTS", "net/stream/write=limit", 1);
    CHECK_OK(jb_fault_open(scope));
    CHECK_FAILS(pass(scope), JB_LIMIT);
    setenv("JANGBU_FAULTS", "nonsense", 1);
    CHECK_FAILS(jb_fault_open(scope), JB_INVALID);
    unsetenv("JANGBU_FAULTS");
    CHECK_OK(jb_fault_open(scope));
    CHECK_OK(pass(scope));
}
