/* switch.c — what fibers cost: a switch, a start and end, a wait with a deadline, a wake across loops, an offload.
 *
 * Prints nanoseconds each; the smallest of five rounds, because a busy machine only makes it slower. */
// SPDX-License-Identifier: Apache-2.0
#include "run/run.h"
#include <stdio.h>

#define ROUNDS 5

static struct jb_scope *scope;
static bool stop;

static void spin(void *arg)
{
    (void)arg;
    while (!stop)
        jb_yield();
}

static void end_at_once(void *arg)
{
    (void)arg;
}

/* Two fibers take turns, so each round of one is two switches to a fiber and two back, and half a look at libuv. */
static void yields(int times)
{
    for (int i = 0; i < times; i++)
        jb_yield();
}

static void starts(int times)
{
    for (int i = 0; i < times; i++) {
        jb_fiber_start("short", end_at_once, NULL);
        if (i % 100 == 99)
            jb_yield();
    }
}

/* The wake came before the park: no switch, only the token. */
static void tokens(int times)
{
    for (int i = 0; i < times; i++) {
        jb_wake(jb_fiber_self());
        jb_park(scope, JB_NEVER);
    }
}

static void wake_arg(void *arg)
{
    jb_wake(arg);
}

/* Parked with a deadline of 30 s that never comes, as every read of a connection is. */
static void deadlines(int times)
{
    for (int i = 0; i < times; i++) {
        jb_fiber_start("waker", wake_arg, jb_fiber_self());
        jb_park(scope, jb_monotonic_us() + 30 * JB_SECOND_US);
    }
}

static void offloads(int times)
{
    for (int i = 0; i < times; i++)
        jb_offload(end_at_once, NULL);
}

static void measure(const char *name, void (*run)(int times), int times)
{
    int64_t best_us = JB_NEVER;

    for (int round = 0; round < ROUNDS; round++) {
        int64_t before_us = jb_monotonic_us();
        run(times);
        best_us = JB_MIN(best_us, jb_monotonic_us() - before_us);
    }
    printf("%-34s %8.1f ns\n", name, (double)best_us * 1000 / times);
}

static void bench(void *arg)
{
    (void)arg;
    scope = jb_scope_new("bench");
    measure("yield, alone (a turn of the loop)", yields, 200000);
    for (int i = 0; i < 99; i++)
        jb_fiber_start("spinner", spin, NULL);
    measure("yield, a hundred fibers, each", yields, 20000);
    stop = true;
    yields(2);
    measure("start and end", starts, 200000);
    measure("wake and park without a switch", tokens, 1000000);
    measure("start, park with deadline, wake", deadlines, 100000);
    measure("offload and back", offloads, 20000);
    printf("%-34s %8zu KiB\n", "deepest stack", jb_stack_high_water() / 1024);
    jb_scope_end(scope);
}

int main(void)
{
    jb_loop_run(bench, NULL);
    return 0;
}
