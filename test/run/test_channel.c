/* test_channel.c — locks and channels, between fibers of one loop, of several, and plain threads. */
// SPDX-License-Identifier: Apache-2.0
#include "jb_test.h"
#include "run/run.h"
#include <pthread.h>
#include <stdatomic.h>

static int numbers[10000];

static void fill_numbers(void)
{
    for (int i = 0; i < (int)JB_COUNT(numbers); i++)
        numbers[i] = i;
}

struct flow {
    struct jb_channel *channel;
    atomic_long sum;
    atomic_int senders; /* still sending */
    atomic_bool in_order;
};

static void send_all(void *arg)
{
    struct flow *flow = arg;
    struct jb_scope *scope = jb_scope_new("sender");

    for (size_t i = 0; i < JB_COUNT(numbers); i++)
        CHECK_OK(jb_channel_send(flow->channel, scope, &numbers[i]));
    if (--flow->senders == 0)
        jb_channel_close(flow->channel);
    jb_scope_end(scope);
}

static void receive_all(void *arg)
{
    struct flow *flow = arg;
    struct jb_scope *scope = jb_scope_new("receiver");
    void *item;
    int last = -1;

    while (jb_channel_receive(flow->channel, scope, &item)) {
        int number = *(int *)item;
        if (number <= last)
            flow->in_order = false;
        last = number;
        flow->sum += number;
    }
    CHECK_INT(jb_error(scope), JB_OK);
    jb_scope_end(scope);
}

static const long sum_of_all = (long)JB_COUNT(numbers) * (JB_COUNT(numbers) - 1) / 2;

JB_FIBER_TEST("items arrive in order and the receiver ends when the channel is closed and empty")
{
    struct flow flow = { .channel = jb_channel_new(3), .senders = 1, .in_order = true };

    fill_numbers();
    jb_fiber_start("sender", send_all, &flow);
    receive_all(&flow);
    CHECK(flow.in_order);
    CHECK_INT(flow.sum, sum_of_all);
    jb_channel_free(flow.channel);
}

static void on_each_loop(int index, void *arg)
{
    if (index % 2 == 0)
        send_all(arg);
    else
        receive_all(arg);
}

JB_TEST("two loops send to two others without loss")
{
    struct flow flow = { .channel = jb_channel_new(1), .senders = 2 };

    fill_numbers();
    jb_loop_run_threads(4, on_each_loop, &flow);
    CHECK_INT(flow.sum, 2 * sum_of_all);
    jb_channel_free(flow.channel);
}

static void *send_from_thread(void *arg)
{
    send_all(arg);
    return NULL;
}

JB_FIBER_TEST("a plain thread sends to a fiber, blocking while the channel is full")
{
    struct flow flow = { .channel = jb_channel_new(2), .senders = 1, .in_order = true };
    pthread_t thread;

    fill_numbers();
    CHECK_INT(pthread_create(&thread, NULL, send_from_thread, &flow), 0);
    receive_all(&flow);
    pthread_join(thread, NULL);
    CHECK(flow.in_order);
    CHECK_INT(flow.sum, sum_of_all);
    jb_channel_free(flow.channel);
}

static void *receive_on_thread(void *arg)
{
    receive_all(arg);
    return NULL;
}

JB_TEST("plain threads at both ends")
{
    struct flow flow = { .channel = jb_channel_new(2), .senders = 1, .in_order = true };
    pthread_t thread;

    fill_numbers();
    CHECK_INT(pthread_create(&thread, NULL, receive_on_thread, &flow), 0);
    send_all(&flow);
    pthread_join(thread, NULL);
    CHECK_INT(flow.sum, sum_of_all);
    jb_channel_free(flow.channel);
}

JB_FIBER_TEST("trying to send fails when the channel is full or closed")
{
    struct jb_channel *channel = jb_channel_new(1);
    void *item;

    CHECK(jb_channel_try_send(channel, &numbers[1]));
    CHECK(!jb_channel_try_send(channel, &numbers[2]));
    jb_channel_close(channel);
    CHECK(jb_channel_receive(channel, scope, &item));
    CHECK(item == &numbers[1]);
    CHECK(!jb_channel_receive(channel, scope, &item));
    CHECK_INT(jb_error(scope), JB_OK);
    CHECK(!jb_channel_try_send(channel, &numbers[2]));
    CHECK_FAILS(jb_channel_send(channel, scope, &numbers[2]), JB_CANCELLED);
    jb_channel_free(channel);
}

JB_FIBER_TEST("waiting at a channel ends with the scope and leaves no trace")
{
    struct jb_channel *channel = jb_channel_new(1);
    struct jb_scope *hurried = jb_scope_child(scope, "hurried");
    void *item;

    jb_deadline_set(hurried, jb_monotonic_us() + 2000);
    CHECK(!jb_channel_receive(channel, hurried, &item));
    CHECK_INT(jb_error(hurried), JB_TIMEOUT);
    CHECK_OK(jb_channel_send(channel, scope, &numbers[1]));
    CHECK(!jb_channel_send(channel, hurried, &numbers[2]));
    CHECK_OK(jb_channel_receive(channel, scope, &item));
    CHECK(item == &numbers[1]);
    jb_channel_close(channel);
    CHECK(!jb_channel_receive(channel, scope, &item));
    jb_channel_free(channel);
    jb_scope_end(hurried);
}

JB_TEST("a plain thread's wait ends with the scope too")
{
    struct jb_channel *channel = jb_channel_new(1);
    void *item;

    jb_deadline_set(scope, jb_monotonic_us() + 2000);
    CHECK_FAILS(jb_channel_receive(channel, scope, &item), JB_TIMEOUT);
    jb_channel_free(channel);
}

/* ---- lock ------------------------------------------------------------------------------------------------------------------ */

struct guarded {
    struct jb_lock *lock;
    int inside, count;
};

static void take_turns(int index, void *arg)
{
    struct guarded *guarded = arg;
    struct jb_scope *scope = jb_scope_new("turns");

    (void)index;
    for (int i = 0; i < 500; i++) {
        CHECK_OK(jb_lock_take(guarded->lock, scope));
        CHECK_INT(guarded->inside++, 0);
        if (i % 7 == 0)
            jb_yield();
        guarded->count++;
        guarded->inside--;
        jb_lock_leave(guarded->lock);
    }
    jb_scope_end(scope);
}

JB_TEST("a lock lets one fiber in at a time, whatever loop it is on")
{
    struct guarded guarded = { .lock = jb_lock_new() };

    jb_loop_run_threads(3, take_turns, &guarded);
    CHECK_INT(guarded.count, 1500);
    jb_lock_free(guarded.lock);
}

static void hold_for_ever(void *arg)
{
    CHECK(jb_lock_take(arg, NULL));
    jb_park(NULL, JB_NEVER);
}

static void leave_held(void *lock)
{
    jb_fiber_start("holds", hold_for_ever, lock);
    jb_yield();
}

JB_TEST("a lock goes although a fiber that was abandoned holds it")
{
    struct jb_lock *lock = jb_lock_new();

    jb_loop_run(leave_held, lock);
    jb_lock_free(lock);
}

JB_FIBER_TEST("a lock that is not given in time is not held")
{
    struct jb_lock *lock = jb_lock_new();
    struct jb_scope *hurried = jb_scope_child(scope, "hurried");

    jb_deadline_set(hurried, jb_monotonic_us() + 2000);
    CHECK_OK(jb_lock_take(lock, scope));
    CHECK(!jb_lock_take(lock, hurried));
    CHECK_INT(jb_error(hurried), JB_TIMEOUT);
    jb_lock_leave(lock);
    CHECK_OK(jb_lock_take(lock, scope));
    jb_lock_leave(lock);
    jb_lock_free(lock);
    jb_scope_end(hurried);
}
