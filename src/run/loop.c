/* loop.c — one loop per thread: runs the ready fibers, then waits for events.
 *
 * Each turn runs the fibers that were ready at its beginning and then asks libuv once, so that fibers that only yield cannot starve the sockets, and
 * what fibers send in one turn can leave together. */
// SPDX-License-Identifier: Apache-2.0
#include "run/run_private.h"
#include "base/log.h"
#include <stdlib.h>

#define LOOPS_MAX 256
#define PATIENCE_MS 5000 /* for fibers left over when main has returned */

_Thread_local struct jb__loop *jb__loop_self;

/* All loops, so that other threads can reach them: entered when they can take notices, left before they are closed. */
static pthread_mutex_t registry_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct jb__loop *registry[LOOPS_MAX];
static struct jb_list abandoned = { &abandoned, &abandoned };
static bool reserved[LOOPS_MAX];

int jb__loop_reserve(void)
{
    int index = 0;

    pthread_mutex_lock(&registry_mutex);
    while (index < LOOPS_MAX && reserved[index])
        index++;
    JB_CHECK(index < LOOPS_MAX);
    reserved[index] = true;
    pthread_mutex_unlock(&registry_mutex);
    return index;
}

static void registry_set(int index, struct jb__loop *loop)
{
    pthread_mutex_lock(&registry_mutex);
    registry[index] = loop;
    reserved[index] = loop != NULL;
    pthread_mutex_unlock(&registry_mutex);
}

void jb__loop_notify(struct jb__loop *loop)
{
    uv_async_send(&loop->async);
}

static void notify_all_cancelled(void)
{
    pthread_mutex_lock(&registry_mutex);
    for (int i = 0; i < LOOPS_MAX; i++)
        if (registry[i]) {
            atomic_store(&registry[i]->cancelled, true);
            jb__loop_notify(registry[i]);
        }
    pthread_mutex_unlock(&registry_mutex);
}

static void notify_all_clock(void)
{
    pthread_mutex_lock(&registry_mutex);
    for (int i = 0; i < LOOPS_MAX; i++)
        if (registry[i]) {
            atomic_store(&registry[i]->clock_moved, true);
            jb__loop_notify(registry[i]);
        }
    pthread_mutex_unlock(&registry_mutex);
}

/* Before any thread can cancel or move the clock. */
__attribute__((constructor)) static void tie_hooks(void)
{
    jb_cancel_hook = notify_all_cancelled;
    jb_clock_hook = notify_all_clock;
}

/* ---- deadlines ------------------------------------------------------------------------------------------------------- */

static void timer_came(uv_timer_t *timer);

/* A held clock is moved by its test, which notifies us: no timer then. */
static void arm(struct jb__loop *loop, int64_t due_us)
{
    loop->armed_us = due_us;
    if (due_us == JB_NEVER || jb_clock_held()) {
        uv_timer_stop(&loop->timer);
        return;
    }
    int64_t wait_us = JB_MAX(due_us - jb_monotonic_us(), 0);
    uv_update_time(&loop->uv);
    uv_timer_start(&loop->timer, timer_came, (uint64_t)(wait_us + 999) / 1000, 0);
}

static void expire(struct jb__loop *loop)
{
    struct jb_list due, *link;

    jb_list_init(&due);
    jb__wheel_expire(&loop->wheel, jb_monotonic_us(), &due);
    while ((link = jb_list_pop(&due))) {
        struct jb__timer *timer = JB_CONTAINER(link, struct jb__timer, link);
        timer->fire(timer);
    }
    arm(loop, jb__wheel_next_us(&loop->wheel));
}

/* libuv runs timers before it polls: it must not go to sleep over fibers that have just become ready. */
static void timer_came(uv_timer_t *timer)
{
    struct jb__loop *loop = timer->data;

    expire(loop);
    if (!jb_list_empty(&loop->ready))
        uv_stop(&loop->uv);
}

void jb__loop_timer_add(struct jb__loop *loop, struct jb__timer *timer, int64_t due_us)
{
    due_us = jb__wheel_add(&loop->wheel, timer, due_us, jb_monotonic_us());
    if (due_us < loop->armed_us)
        arm(loop, due_us);
}

/* ---- notices from other threads ----------------------------------------------------------------------------------------- */

static void wake_inbound(struct jb__loop *loop)
{
    struct jb_list *link;

    pthread_mutex_lock(&loop->mutex);
    while ((link = jb_list_pop(&loop->inbound))) {
        struct jb_fiber *fiber = JB_CONTAINER(link, struct jb_fiber, inbound_link);
        atomic_store(&fiber->posted, false);
        if (fiber->parked && (fiber->waits_for & atomic_load(&fiber->wakes)))
            jb__fiber_ready(fiber);
    }
    pthread_mutex_unlock(&loop->mutex);
}

static void wake_cancelled(struct jb__loop *loop)
{
    for (struct jb_list *link = loop->scoped.next, *next; link != &loop->scoped; link = next) {
        struct jb_fiber *fiber = JB_CONTAINER(link, struct jb_fiber, scoped_link);
        next = link->next;
        if (jb_cancelled(fiber->scope))
            jb__fiber_ready(fiber);
    }
}

static void notice_came(uv_async_t *async)
{
    struct jb__loop *loop = async->data;

    wake_inbound(loop);
    if (atomic_exchange(&loop->cancelled, false))
        wake_cancelled(loop);
    if (atomic_exchange(&loop->clock_moved, false))
        expire(loop);
}

/* ---- turns ----------------------------------------------------------------------------------------------------------------- */

static void run_ready(struct jb__loop *loop)
{
    struct jb_list turn, *link;

    if (jb_list_empty(&loop->ready))
        return;
    jb_list_init(&turn);
    jb_list_append(&loop->ready, &turn); /* the turn takes over all links of `ready` … */
    jb_list_remove(&loop->ready);        /* … which becomes empty */
    while ((link = jb_list_pop(&turn)))
        jb__fiber_resume(JB_CONTAINER(link, struct jb_fiber, link));
}

static void patience_ended(uv_timer_t *timer)
{
    struct jb__loop *loop = timer->data;

    loop->out_of_patience = true;
    uv_stop(timer->loop);
}

/* Main has returned: whatever still waits with a scope is cancelled (and at its next wait again, see jb__wait). */
static void begin_ending(struct jb__loop *loop)
{
    loop->ending = true;
    uv_update_time(&loop->uv);
    uv_timer_start(&loop->patience, patience_ended, PATIENCE_MS, 0);
    for (JB_EACH(&loop->scoped, link))
        jb_cancel(JB_CONTAINER(link, struct jb_fiber, scoped_link)->scope);
    wake_cancelled(loop);
}

static void turn_until_ended(struct jb__loop *loop, const bool *main_returned)
{
    for (;;) {
        run_ready(loop);
        if (*main_returned && !loop->ending)
            begin_ending(loop);
        if (jb_list_empty(&loop->live) || loop->out_of_patience)
            return;
        uv_run(&loop->uv, jb_list_empty(&loop->ready) ? UV_RUN_ONCE : UV_RUN_NOWAIT);
    }
}

/* ---- life -------------------------------------------------------------------------------------------------------------------- */

/* One at a time: TSan does not see libuv close descriptors, and takes two loops that get the same number, one after the other, for a race. */
static void open_handles(struct jb__loop *loop)
{
    pthread_mutex_lock(&registry_mutex);
    JB_CHECK(uv_loop_init(&loop->uv) == 0);
    JB_CHECK(uv_async_init(&loop->uv, &loop->async, notice_came) == 0);
    JB_CHECK(uv_timer_init(&loop->uv, &loop->timer) == 0);
    JB_CHECK(uv_timer_init(&loop->uv, &loop->patience) == 0);
    pthread_mutex_unlock(&registry_mutex);
    loop->async.data = loop->timer.data = loop->patience.data = loop;
}

static struct jb__loop *loop_new(int index)
{
    struct jb__loop *loop = calloc(1, sizeof *loop);

    JB_CHECK(loop && !jb__loop_self);
    loop->index = index;
    loop->armed_us = JB_NEVER;
    jb_list_init(&loop->ready);
    jb_list_init(&loop->scoped);
    jb_list_init(&loop->live);
    jb_list_init(&loop->pool[false]);
    jb_list_init(&loop->pool[true]);
    jb_list_init(&loop->inbound);
    jb_list_init(&loop->ends);
    jb__wheel_init(&loop->wheel, jb_monotonic_us());
    pthread_mutex_init(&loop->mutex, NULL);
    jb__sanitizer_open_thread(&loop->sanitizer);
    open_handles(loop);
    jb__loop_self = loop;
    registry_set(index, loop);
    return loop;
}

static void loop_free(struct jb__loop *loop)
{
    struct jb_list *link;

    while ((link = jb_list_pop(&loop->ends))) {
        struct jb_loop_end *end = JB_CONTAINER(link, struct jb_loop_end, link);
        end->run(end->arg);
    }
    registry_set(loop->index, NULL);
    jb__loop_self = NULL;
    uv_close((uv_handle_t *)&loop->async, NULL);
    uv_close((uv_handle_t *)&loop->timer, NULL);
    uv_close((uv_handle_t *)&loop->patience, NULL);
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    if (uv_loop_close(&loop->uv) != 0)
        jb_check_failed("every jb_watch is closed before its loop ends", __FILE__, __LINE__);
    for (int big = 0; big < 2; big++)
        while ((link = jb_list_pop(&loop->pool[big])))
            jb__fiber_free(JB_CONTAINER(link, struct jb_fiber, link));
    /* Whoever woke our last fiber may still be leaving the mutex. */
    pthread_mutex_lock(&loop->mutex);
    pthread_mutex_unlock(&loop->mutex);
    pthread_mutex_destroy(&loop->mutex);
    free(loop->watches);
    free(loop);
}

/* Its fibers never came back: they, their stacks and the loop stay where they are, for ever. */
static void loop_abandon(struct jb__loop *loop)
{
    for (JB_EACH(&loop->live, link))
        jb_log(JB_LOG_WARNING, "run", "abandoned fiber '%s': it did not end within %d ms", JB_CONTAINER(link, struct jb_fiber, live_link)->name, PATIENCE_MS);
    registry_set(loop->index, NULL);
    pthread_mutex_lock(&registry_mutex);
    jb_list_append(&abandoned, &loop->abandoned_link);
    pthread_mutex_unlock(&registry_mutex);
    jb__loop_self = NULL;
}

struct main_call {
    void (*main)(void *arg);
    void *arg;
    bool returned;
};

static void call_main(void *arg)
{
    struct main_call *call = arg;

    call->main(call->arg);
    call->returned = true;
}

void jb__loop_run(int index, void (*main)(void *arg), void *arg)
{
    struct main_call call = { main, arg, false };
    struct jb__loop *loop = loop_new(index);
    void *signal_stack = jb__signal_stack_open();

    jb_fiber_start_big("main", call_main, &call);
    turn_until_ended(loop, &call.returned);
    if (jb_list_empty(&loop->live))
        loop_free(loop);
    else
        loop_abandon(loop);
    jb__signal_stack_close(signal_stack);
}

void jb_loop_end_add(struct jb_loop_end *end)
{
    JB_CHECK(jb__loop_self);
    jb_list_init(&end->link);
    jb_list_prepend(&jb__loop_self->ends, &end->link);
}

void jb_loop_end_remove(struct jb_loop_end *end)
{
    jb_list_remove(&end->link);
}

int jb_loop_index(void)
{
    return jb__loop_self ? jb__loop_self->index : -1;
}
