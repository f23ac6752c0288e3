/* fiber.c — fibers: started, resumed, parked, woken.
 *
 * A fiber struct and its stack come from the loop's pool and go back there: its entry is an endless loop that runs one `main` after another.
 * It is ready (in loop->ready), running, parked, or pooled. */
// SPDX-License-Identifier: Apache-2.0
#include "run/run_private.h"
#include "base/log.h"
#include <stdio.h>
#include <stdlib.h>

#define POOL_MAX 256 /* idle stacks kept by a loop */
#define POOL_BIG_MAX 32
#define MEASURE_EVERY 256 /* uses of a stack between two looks at its depth */

/* Back to the scheduler, until it resumes this fiber. */
static void leave(struct jb_fiber *fiber)
{
    struct jb__loop *loop = fiber->loop;

    jb__sanitizer_leave(&fiber->sanitizer, &loop->sanitizer);
    jb__context_switch(&fiber->context, &loop->context);
    jb__sanitizer_enter(&fiber->sanitizer, &loop->sanitizer);
}

static void fiber_entry(void)
{
    struct jb_fiber *fiber = jb__loop_self->running;

    jb__sanitizer_enter(&fiber->sanitizer, &fiber->loop->sanitizer);
    for (;;) {
        fiber->main(fiber->arg);
        JB_CHECK(fiber->forbidden == 0 && fiber->allowed == 0);
        fiber->ended = true;
        leave(fiber);
    }
}

static void timer_fired(struct jb__timer *timer)
{
    jb__fiber_ready(JB_CONTAINER(timer, struct jb_fiber, timer));
}

static struct jb_fiber *fiber_new(struct jb__loop *loop, bool big)
{
    struct jb_fiber *fiber = calloc(1, sizeof *fiber);

    JB_CHECK(fiber);
    fiber->loop = loop;
    fiber->big = big;
    fiber->stack = jb__stack_map(big);
    fiber->timer.fire = timer_fired;
    jb_list_init(&fiber->link);
    jb_list_init(&fiber->live_link);
    jb_list_init(&fiber->inbound_link);
    jb_list_init(&fiber->scoped_link);
    jb_list_init(&fiber->timer.link);
    jb__sanitizer_open(&fiber->sanitizer, fiber->stack.bottom, fiber->stack.size);
    jb__context_init(&fiber->context, fiber->stack.bottom, fiber->stack.size, fiber_entry);
    return fiber;
}

void jb__fiber_free(struct jb_fiber *fiber)
{
    jb__stack_measure(&fiber->stack);
    jb__sanitizer_close(&fiber->sanitizer);
    jb__stack_unmap(&fiber->stack);
    free(fiber);
}

static struct jb_fiber *start(const char *name, void (*main)(void *arg), void *arg, bool big)
{
    struct jb__loop *loop = jb__loop_self;
    JB_CHECK(loop);
    struct jb_list *pooled = jb_list_pop(&loop->pool[big]);
    struct jb_fiber *fiber = pooled ? JB_CONTAINER(pooled, struct jb_fiber, link) : fiber_new(loop, big);

    if (pooled)
        loop->pooled[big]--;
    fiber->name = name;
    fiber->main = main;
    fiber->arg = arg;
    fiber->log_tag = NULL;
    fiber->ended = false;
    fiber->uses++;
    atomic_store_explicit(&fiber->wakes, 0, memory_order_relaxed);
    jb_list_append(&loop->live, &fiber->live_link);
    jb_list_append(&loop->ready, &fiber->link);
    return fiber;
}

struct jb_fiber *jb_fiber_start(const char *name, void (*main)(void *arg), void *arg)
{
    return start(name, main, arg, false);
}

struct jb_fiber *jb_fiber_start_big(const char *name, void (*main)(void *arg), void *arg)
{
    return start(name, main, arg, true);
}

/* An ended fiber goes to the pool. A late post by another thread must not reach its next user. */
static void retire(struct jb_fiber *fiber)
{
    struct jb__loop *loop = fiber->loop;

    if (atomic_load(&fiber->posted)) {
        pthread_mutex_lock(&loop->mutex);
        jb_list_remove(&fiber->inbound_link);
        atomic_store(&fiber->posted, false);
        pthread_mutex_unlock(&loop->mutex);
    }
    jb_list_remove(&fiber->live_link);
    if (loop->pooled[fiber->big] >= (fiber->big ? POOL_BIG_MAX : POOL_MAX)) {
        jb__fiber_free(fiber);
        return;
    }
    if (fiber->uses % MEASURE_EVERY == 1)
        jb__stack_measure(&fiber->stack);
    loop->pooled[fiber->big]++;
    jb_list_prepend(&loop->pool[fiber->big], &fiber->link);
}

void jb__fiber_resume(struct jb_fiber *fiber)
{
    struct jb__loop *loop = fiber->loop;

    loop->running = fiber;
    jb_log_tag_set(fiber->log_tag);
    jb__sanitizer_leave(&loop->sanitizer, &fiber->sanitizer);
    jb__context_switch(&loop->context, &fiber->context);
    jb__sanitizer_enter(&loop->sanitizer, &fiber->sanitizer);
    loop->running = NULL;
    fiber->log_tag = jb_log_tag();
    jb_log_tag_set(NULL);
    if (fiber->ended)
        retire(fiber);
}

struct jb_fiber *jb_fiber_self(void)
{
    return jb__loop_self ? jb__loop_self->running : NULL;
}

bool jb_on_fiber(void)
{
    return jb_fiber_self() != NULL;
}

const char *jb_fiber_name(const struct jb_fiber *fiber)
{
    return fiber->name;
}

/* ---- waiting --------------------------------------------------------------------------------------------------------- */

void jb_fiber_forbid_waits(bool forbid)
{
    struct jb_fiber *fiber = jb_fiber_self();

    if (fiber)
        fiber->forbidden += forbid ? 1 : -1;
    JB_CHECK(!fiber || fiber->forbidden >= 0);
}

void jb_fiber_allow_wait(bool allow)
{
    struct jb_fiber *fiber = jb_fiber_self();

    if (fiber)
        fiber->allowed += allow ? 1 : -1;
    JB_CHECK(!fiber || fiber->allowed >= 0);
}

static void let_others_run(struct jb_fiber *fiber)
{
    jb_list_append(&fiber->loop->ready, &fiber->link);
    leave(fiber);
}

void jb__may_wait(const char *function)
{
    struct jb_fiber *fiber = jb_fiber_self();

    if (!fiber)
        return;
    if (fiber->forbidden > 0 && fiber->allowed == 0) {
        fprintf(stderr, "fiber '%s' waits in %s inside a database transaction: only store calls may wait there\n", fiber->name, function);
        jb_check_failed("no wait inside a transaction", __FILE__, __LINE__);
    }
#if defined(JB_HOSTILE)
    let_others_run(fiber);
#endif
}

void jb_yield(void)
{
    struct jb_fiber *fiber = jb_fiber_self();

    JB_CHECK(fiber);
    jb__may_wait("jb_yield");
    let_others_run(fiber);
}

void jb__fiber_ready(struct jb_fiber *fiber)
{
    JB_CHECK(fiber->parked);
    fiber->parked = false;
    jb_list_remove(&fiber->scoped_link);
    jb_list_remove(&fiber->timer.link);
    jb_list_append(&fiber->loop->ready, &fiber->link);
}

static bool take_token(struct jb_fiber *fiber, unsigned token)
{
    if (!(atomic_load_explicit(&fiber->wakes, memory_order_acquire) & token))
        return false;
    atomic_fetch_and_explicit(&fiber->wakes, ~token, memory_order_acq_rel);
    return true;
}

bool jb__wait(unsigned token, struct jb_scope *scope, int64_t deadline_us)
{
    struct jb_fiber *fiber = jb_fiber_self();
    JB_CHECK(fiber);
    struct jb__loop *loop = fiber->loop;

    if (take_token(fiber, token))
        return true;
    if (scope && loop->ending)
        jb_cancel(scope);
    if (scope)
        deadline_us = JB_MIN(deadline_us, jb_deadline_us(scope));
    if (deadline_us <= jb_monotonic_us() || (scope && jb_cancelled(scope))) {
        let_others_run(fiber); /* a fiber that asks again and again must not hold the loop */
        return take_token(fiber, token);
    }
    fiber->parked = true;
    fiber->waits_for = token;
    fiber->scope = scope;
    if (scope)
        jb_list_append(&loop->scoped, &fiber->scoped_link);
    if (deadline_us != JB_NEVER)
        jb__loop_timer_add(loop, &fiber->timer, deadline_us);
    leave(fiber);
    fiber->scope = NULL;
    return take_token(fiber, token);
}

/* On its own loop a parked fiber becomes ready here; to another loop it is posted. Whoever finds the token set already need not post: the one who set
 * it does, or did. */
void jb__wake(struct jb_fiber *fiber, unsigned token)
{
    unsigned before = atomic_fetch_or_explicit(&fiber->wakes, token, memory_order_acq_rel);
    struct jb__loop *loop = fiber->loop;

    if (loop == jb__loop_self) {
        if (fiber->parked && (fiber->waits_for & token))
            jb__fiber_ready(fiber);
        return;
    }
    if (before & token)
        return;
    pthread_mutex_lock(&loop->mutex);
    if (!atomic_load(&fiber->posted)) {
        atomic_store(&fiber->posted, true);
        jb_list_append(&loop->inbound, &fiber->inbound_link);
    }
    uv_async_send(&loop->async);
    pthread_mutex_unlock(&loop->mutex);
}

void jb_wake(struct jb_fiber *fiber)
{
    jb__wake(fiber, JB__PUBLIC);
}

bool jb__scope_over(struct jb_scope *scope)
{
    return scope && (jb_cancelled(scope) || jb_deadline_us(scope) <= jb_monotonic_us());
}

bool jb__wait_failed(struct jb_scope *scope)
{
    if (scope && jb_continue(scope))
        jb_fail(scope, JB_TIMEOUT, JB_L(scope, "기다리던 일이 정해진 시간 안에 끝나지 않았습니다.", "What was waited for did not happen in time."));
    return false;
}

bool jb_park(struct jb_scope *scope, int64_t deadline_us)
{
    jb__may_wait("jb_park");
    return jb__wait(JB__PUBLIC, scope, deadline_us) || jb__wait_failed(scope);
}

static int64_t due_after(int64_t us)
{
    int64_t due_us;

    return __builtin_add_overflow(jb_monotonic_us(), us, &due_us) ? JB_NEVER : due_us;
}

bool jb_sleep(struct jb_scope *scope, int64_t us)
{
    int64_t due_us = due_after(us);

    jb__may_wait("jb_sleep");
    for (;;) {
        int64_t left_us = due_us - jb_monotonic_us();
        if (jb_on_fiber())
            jb__wait(0, scope, due_us);
        else
            uv_sleep((unsigned)JB_MAX(0, JB_MIN(50, (left_us + 999) / 1000)));
        if (scope && !jb_continue(scope))
            return false;
        if (jb_monotonic_us() >= due_us)
            return true;
    }
}

/* ---- waiting under a mutex ---------------------------------------------------------------------------------------------- */

#define THREAD_LOOK_NS ((uint64_t)50 * 1000 * 1000) /* how often a plain thread looks at its scope */

void jb__waiter_init(struct jb__waiter *waiter)
{
    waiter->done = false;
    waiter->item = NULL;
    waiter->fiber = jb_fiber_self();
    jb_list_init(&waiter->link);
    if (!waiter->fiber)
        JB_CHECK(uv_cond_init(&waiter->cond) == 0);
}

void jb__waiter_done(struct jb__waiter *waiter)
{
    if (!waiter->fiber)
        uv_cond_destroy(&waiter->cond);
}

bool jb__waiter_wait(struct jb__waiter *waiter, pthread_mutex_t *mutex, struct jb_scope *scope)
{
    while (!waiter->done) {
        if (jb__scope_over(scope))
            return false;
        if (waiter->fiber) {
            pthread_mutex_unlock(mutex);
            jb__wait(JB__PRIVATE, scope, JB_NEVER);
            pthread_mutex_lock(mutex);
        } else if (scope)
            uv_cond_timedwait(&waiter->cond, mutex, THREAD_LOOK_NS);
        else
            uv_cond_wait(&waiter->cond, mutex);
    }
    return true;
}

void jb__waiter_wake(struct jb__waiter *waiter)
{
    waiter->done = true;
    if (waiter->fiber)
        jb__wake(waiter->fiber, JB__PRIVATE);
    else
        uv_cond_signal(&waiter->cond);
}
