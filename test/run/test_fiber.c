/* test_fiber.c — starting, waiting, waking, cancelling. */
// SPDX-License-Identifier: Apache-2.0
#include "jb_test.h"
#include "base/log.h"
#include "run/run.h"
#include "run/sanitizer.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct counter {
    struct jb_fiber *waiter;
    int started, ended, target;
};

static void count_one(void *arg)
{
    struct counter *counter = arg;

    counter->started++;
    jb_yield();
    if (++counter->ended == counter->target)
        jb_wake(counter->waiter);
}

JB_FIBER_TEST("a fiber runs when its starter waits, not before")
{
    struct counter counter = { .waiter = jb_fiber_self(), .target = 1 };

    jb_fiber_start("one", count_one, &counter);
    CHECK_INT(counter.started, 0);
    CHECK_OK(jb_park(scope, JB_NEVER));
    CHECK_INT(counter.started, 1);
    CHECK_INT(counter.ended, 1);
}

JB_FIBER_TEST("a hundred thousand fibers one after the other")
{
    struct counter counter = { .waiter = jb_fiber_self() };

    for (int i = 1; i <= 100000; i++) {
        counter.target = i;
        jb_fiber_start("one of many", count_one, &counter);
        CHECK_OK(jb_park(scope, JB_NEVER));
        CHECK_INT(counter.ended, i);
    }
}

JB_FIBER_TEST("two thousand fibers at once")
{
    struct counter counter = { .waiter = jb_fiber_self(), .target = 2000 };

    for (int i = 0; i < 2000; i++)
        jb_fiber_start("one of many", count_one, &counter);
    CHECK_OK(jb_park(scope, JB_NEVER));
    CHECK_INT(counter.started, 2000);
}

JB_FIBER_TEST("a wake that comes before the park is not lost, and two are one")
{
    jb_wake(jb_fiber_self());
    jb_wake(jb_fiber_self());
    CHECK_OK(jb_park(scope, JB_NEVER));
    CHECK_FAILS(jb_park(scope, jb_monotonic_us() + 1000), JB_TIMEOUT);
}

static void wake_it(void *arg)
{
    jb_wake(arg);
}

JB_FIBER_TEST("a sleep does not eat a wake meant for the next park")
{
    jb_fiber_start("waker", wake_it, jb_fiber_self());
    CHECK_OK(jb_sleep(scope, 3000));
    CHECK_OK(jb_park(scope, jb_monotonic_us() + 1000));
}

JB_FIBER_TEST("a park ends at its deadline and at the scope's, whichever is nearer")
{
    CHECK_FAILS(jb_park(scope, jb_monotonic_us() + 2000), JB_TIMEOUT);
    CHECK(!jb_park(NULL, jb_monotonic_us() + 2000));
    jb_deadline_set(scope, jb_monotonic_us() + 2000);
    CHECK_FAILS(jb_park(scope, JB_NEVER), JB_TIMEOUT);
    CHECK_FAILS(jb_sleep(scope, 60 * JB_SECOND_US), JB_TIMEOUT);
}

JB_FIBER_TEST("a sleep lasts at least as long as it says")
{
    const int64_t lengths[] = { 0, 1, 999, 5000, 17000, 40000 };

    for (size_t i = 0; i < JB_COUNT(lengths); i++) {
        int64_t before_us = jb_monotonic_us();
        CHECK_OK(jb_sleep(scope, lengths[i]));
        CHECK(jb_monotonic_us() >= before_us + lengths[i]);
    }
}

/* ---- cancelling --------------------------------------------------------------------------------------------------------- */

struct parked {
    struct jb_scope *scope;
    struct jb_fiber *waiter;
    bool waits, returned;
    enum jb_error error;
};

static void park_for_ever(void *arg)
{
    struct parked *parked = arg;

    parked->waits = true;
    parked->returned = jb_park(parked->scope, JB_NEVER);
    parked->error = jb_error(parked->scope);
    jb_wake(parked->waiter);
}

static void *cancel_it(void *arg)
{
    jb_cancel(arg);
    return NULL;
}

JB_FIBER_TEST("a parked fiber is cancelled by another thread")
{
    struct parked parked = { .scope = jb_scope_new("parked"), .waiter = jb_fiber_self(), .returned = true };
    pthread_t thread;

    jb_fiber_start("parked", park_for_ever, &parked);
    while (!parked.waits)
        jb_yield();
    CHECK_INT(pthread_create(&thread, NULL, cancel_it, parked.scope), 0);
    CHECK_OK(jb_park(scope, JB_NEVER));
    CHECK(!parked.returned);
    CHECK_INT(parked.error, JB_CANCELLED);
    pthread_join(thread, NULL);
    jb_scope_end(parked.scope);
}

JB_FIBER_TEST("cancelling a scope ends the waits of its children and nobody else's")
{
    struct jb_scope *parent = jb_scope_new("parent");
    struct parked child = { .scope = jb_scope_child(parent, "child"), .waiter = jb_fiber_self(), .returned = true };
    struct parked other = { .scope = jb_scope_new("other"), .waiter = jb_fiber_self() };

    jb_fiber_start("child", park_for_ever, &child);
    struct jb_fiber *other_fiber = jb_fiber_start("other", park_for_ever, &other);
    while (!child.waits || !other.waits)
        jb_yield();
    jb_cancel(parent);
    CHECK_OK(jb_park(scope, JB_NEVER));
    CHECK_INT(child.error, JB_CANCELLED);
    CHECK(!other.returned);
    jb_wake(other_fiber);
    CHECK_OK(jb_park(scope, JB_NEVER));
    CHECK(other.returned);
    jb_scope_end(child.scope);
    jb_scope_end(other.scope);
    jb_scope_end(parent);
}

/* ---- log tags, transactions, overflow --------------------------------------------------------------------------------------- */

static void set_tag(void *arg)
{
    struct counter *counter = arg;

    jb_log_tag_set("theirs");
    jb_yield();
    CHECK_TEXT(jb_str_of(jb_log_tag()), "theirs");
    count_one(counter);
}

JB_FIBER_TEST("each fiber keeps its own log tag")
{
    struct counter counter = { .waiter = jb_fiber_self(), .target = 1 };

    jb_log_tag_set("mine");
    jb_fiber_start("tagged", set_tag, &counter);
    CHECK_OK(jb_park(scope, JB_NEVER));
    CHECK_TEXT(jb_str_of(jb_log_tag()), "mine");
}

/* Runs in a child on a fiber; returns what it wrote to stderr and its status. */
static int run_in_child(void (*main)(void *arg), char *text, size_t size)
{
    int pipes[2], status;
    size_t got = 0;

    CHECK_INT(pipe(pipes), 0);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        dup2(pipes[1], STDERR_FILENO);
        jb_loop_run(main, NULL);
        _exit(0);
    }
    close(pipes[1]);
    for (ssize_t n; got < size - 1 && (n = read(pipes[0], text + got, size - 1 - got)) > 0;)
        got += (size_t)n;
    text[got] = 0;
    close(pipes[0]);
    CHECK_INT(waitpid(child, &status, 0), child);
    return status;
}

static void wait_in_transaction(void *arg)
{
    (void)arg;
    jb_fiber_forbid_waits(true);
    jb_sleep(NULL, 1000);
}

JB_TEST("a wait inside a transaction ends the process and says where")
{
    char text[2000];
    int status = run_in_child(wait_in_transaction, text, sizeof text);

    CHECK(WIFSIGNALED(status));
    CHECK(strstr(text, "fiber 'main' waits in jb_sleep inside a database transaction"));
}

JB_FIBER_TEST("the store's own waits are allowed inside a transaction")
{
    jb_fiber_forbid_waits(true);
    jb_fiber_forbid_waits(true);
    jb_fiber_allow_wait(true);
    CHECK_OK(jb_sleep(scope, 100));
    jb_fiber_allow_wait(false);
    jb_fiber_forbid_waits(false);
    jb_fiber_forbid_waits(false);
    CHECK_OK(jb_sleep(scope, 100));
}

static int dig(volatile char *above, int depth)
{
    volatile char bytes[4096];

    bytes[0] = above ? above[0] : 1;
    return depth == 0 ? bytes[0] : dig(bytes, depth - 1) + bytes[0];
}

static void overflow(void *arg)
{
    (void)arg;
    dig(NULL, 1 << 20);
}

static void start_overflow(void *arg)
{
    jb_fiber_start("digger", overflow, arg);
    jb_sleep(NULL, 60 * JB_SECOND_US);
}

JB_TEST("a stack overflow ends the process and names the fiber")
{
    char text[4000];

#if defined(JB__TSAN)
    jb_test_skip("TSan dies without a word");
#endif
    int status = run_in_child(start_overflow, text, sizeof text);
#if defined(JB__ASAN)
    CHECK(status != 0);
    CHECK(strstr(text, "stack-overflow")); /* in its own words */
#else
    CHECK(WIFSIGNALED(status));
    CHECK_TEXT(jb_str_of(text), "jangbu: stack overflow on fiber 'digger'\n");
#endif
}

static void dig_deep(void *arg)
{
    struct counter *counter = arg;

    dig(NULL, 15);
    count_one(counter);
}

JB_FIBER_TEST("the deepest use of a stack is known")
{
    struct counter counter = { .waiter = jb_fiber_self(), .target = 1 };

    jb_fiber_start("deep", dig_deep, &counter);
    CHECK_OK(jb_park(scope, JB_NEVER));
    jb_yield();
    CHECK(jb_stack_high_water() >= 15 * 4096);
}

JB_FIBER_TEST("doubles survive a switch")
{
    struct counter counter = { .waiter = jb_fiber_self(), .target = 1 };
    volatile double third = 1.0 / 3.0;

    jb_fiber_start("other", count_one, &counter);
    double before = third * 3.5;
    CHECK_OK(jb_park(scope, JB_NEVER));
    CHECK(before == third * 3.5);
}
