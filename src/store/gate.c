/* gate.c — so many may pass, the others wait in order.
 *
 * A counting semaphore with a queue: the writer of a file is a gate of one, a pool of connections a gate of its size. A permit is handed to the first in the
 * queue, never put down in between, so nobody overtakes. Waiters are fibers of any loop or plain threads; the record of a waiter lives on its stack, and it
 * leaves only under the mutex, so that a permit granted at the very moment of its deadline is passed on. */
// SPDX-License-Identifier: Apache-2.0
#include "store/store_private.h"
#include <time.h>

#define THREAD_LOOK_MS 10 /* a plain thread looks at its scope this often while it waits */

struct waiter {
    struct jb_list link;
    struct jb_fiber *fiber; /* NULL: a plain thread */
    bool granted;
};

void jb__gate_init(struct jb__gate *gate, int permits)
{
    JB_CHECK(permits > 0);
    JB_CHECK(pthread_mutex_init(&gate->mutex, NULL) == 0);
    JB_CHECK(pthread_cond_init(&gate->passed, NULL) == 0);
    jb_list_init(&gate->waiters);
    gate->free = gate->permits = permits;
}

void jb__gate_done(struct jb__gate *gate)
{
    pthread_mutex_destroy(&gate->mutex);
    pthread_cond_destroy(&gate->passed);
}

/* With the mutex held: waits a little or until a wake, without it. false when the scope ended. */
static bool wait_once(struct jb__gate *gate, struct jb_scope *scope, struct waiter *waiter)
{
    bool ok;

    if (waiter->fiber) {
        pthread_mutex_unlock(&gate->mutex);
        jb__wait_allow(true);
        ok = jb_park(scope, JB_NEVER);
        jb__wait_allow(false);
        pthread_mutex_lock(&gate->mutex);
        return ok;
    }
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += THREAD_LOOK_MS * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000L;
    }
    pthread_cond_timedwait(&gate->passed, &gate->mutex, &until);
    return waiter->granted || jb_continue(scope);
}

/* With the mutex held. */
static void pass_on(struct jb__gate *gate)
{
    struct jb_list *link = jb_list_pop(&gate->waiters);

    if (!link) {
        gate->free++;
        return;
    }
    struct waiter *next = JB_CONTAINER(link, struct waiter, link);
    next->granted = true;
    if (next->fiber)
        jb_wake(next->fiber);
    else
        pthread_cond_broadcast(&gate->passed);
}

bool jb__gate_try(struct jb__gate *gate)
{
    pthread_mutex_lock(&gate->mutex);
    bool taken = gate->free > 0;
    gate->free -= taken;
    pthread_mutex_unlock(&gate->mutex);
    return taken;
}

bool jb__gate_take(struct jb__gate *gate, struct jb_scope *scope)
{
    bool ok = true;

    pthread_mutex_lock(&gate->mutex);
    if (gate->free > 0) {
        gate->free--;
        pthread_mutex_unlock(&gate->mutex);
        return true;
    }
    struct waiter waiter = { .fiber = jb_fiber_self() };
    jb_list_init(&waiter.link);
    jb_list_append(&gate->waiters, &waiter.link);
    gate->waiting++;
    gate->waits++;
    while (ok && !waiter.granted)
        ok = wait_once(gate, scope, &waiter);
    jb_list_remove(&waiter.link);
    gate->waiting--;
    if (!ok && waiter.granted)
        pass_on(gate);
    pthread_mutex_unlock(&gate->mutex);
    return ok;
}

void jb__gate_leave(struct jb__gate *gate)
{
    pthread_mutex_lock(&gate->mutex);
    JB_CHECK(gate->free < gate->permits);
    pass_on(gate);
    pthread_mutex_unlock(&gate->mutex);
}

bool jb__gate_idle(struct jb__gate *gate)
{
    pthread_mutex_lock(&gate->mutex);
    bool idle = gate->free == gate->permits;
    pthread_mutex_unlock(&gate->mutex);
    return idle;
}
