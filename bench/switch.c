/* switch.c — what fibers cost: a switch (beside ucontext's), a start and end, a wait with a deadline, an offload.
 *
 * Prints nanoseconds each; the smallest of five rounds, because a busy machine only makes it slower. */
// SPDX-License-Identifier: Apache-2.0
#include "run/run_private.h"
#include <stdio.h>
#include <ucontext.h>

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

/* ---- bare switches, there and back ------------------------------------------------------------------------------------- */

static char stacks[2][64 << 10] __attribute__((aligned(16)));
static struct jb__context ours[2];
static ucontext_t theirs[2];

static void our_entry(void)
{
    for (;;)
        jb__context_switch(&ours[1], &ours[0]);
}

static void their_entry(void)
{
    for (;;)
        swapcontext(&theirs[1], &theirs[0]);
}

static void our_switches(int times)
{
    for (int i = 0; i < times; i++)
        jb__context_switch(&ours[0], &ours[1]);
}

static void their_switches(int times)
{
    for (int i = 0; i < times; i++)
        swapcontext(&theirs[0], &theirs[1]);
}

static void prepare_switches(void)
{
    jb__context_init(&ours[1], stacks[0], sizeof stacks[0], our_entry);
    getcontext(&theirs[1]);
    theirs[1].uc_stack.ss_sp = stacks[1];
    theirs[1].uc_stack.ss_size = sizeof stacks[1];
    makecontext(&theirs[1], their_entry, 0);
}

/* ---- fibers ---------------------------------------------------------------------------------------------------------------- */

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

static double measure(const char *name, void (*run)(int times), int times)
{
    int64_t best_us = JB_NEVER;

    for (int round = 0; round < ROUNDS; round++) {
        int64_t before_us = jb_monotonic_us();
        run(times);
        best_us = JB_MIN(best_us, jb_monotonic_us() - before_us);
    }
    printf("%-34s %8.1f ns\n", name, (double)best_us * 1000 / times);
    return (double)best_us * 1000 / times;
}

static void bench(void *arg)
{
    (void)arg;
    scope = jb_scope_new("bench");
    prepare_switches();
    double our_ns = measure("switch there and back", our_switches, 2000000);
    double their_ns = measure("the same by ucontext", their_switches, 200000);
    measure("yield, alone (a turn of the loop)", yields, 200000);
    for (int i = 0; i < 99; i++)
        jb_fiber_start("spinner", spin, NULL);
    measure("yield, one round of a hundred", yields, 20000);
    stop = true;
    yields(2);
    measure("start and end", starts, 200000);
    measure("wake and park without a switch", tokens, 1000000);
    measure("start, park with deadline, wake", deadlines, 100000);
    measure("offload and back", offloads, 20000);
    printf("%-34s %8zu KiB\n", "deepest stack", jb_stack_high_water() / 1024);
    printf("a switch is %.0f times faster than ucontext's\n", their_ns / our_ns);
    jb_scope_end(scope);
}

int main(void)
{
    jb_loop_run(bench, NULL);
    return 0;
}
