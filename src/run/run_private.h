/* run_private.h — what the files of run share.
 *
 * A loop's thread is a scheduler: it runs every fiber that is ready, then lets libuv wait for events (UV_RUN_ONCE). Callbacks never enter a fiber,
 * they only make it ready.  All of a loop belongs to its thread, but `inbound` (under the mutex) and the atomics.
 *
 * Waking: a token is set in fiber->wakes; whoever waits takes it.  PUBLIC is jb_wake's, PRIVATE that of waits inside run, so that neither eats the
 * other's.  Waits inside run therefore hold their condition in a struct of their own and look at it again whenever they return. */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_RUN_RUN_PRIVATE_H
#define JB_RUN_RUN_PRIVATE_H

#include "base/list.h"
#include "run/run.h"
#include "run/sanitizer.h"
#include <pthread.h>
#include <stdatomic.h>
#include <uv.h>
#if defined(JB_SWITCH_UCONTEXT)
#include <ucontext.h>
#endif

/* ---- switch ------------------------------------------------------------------------------------------------------ */

#if defined(JB_SWITCH_UCONTEXT)
struct jb__context {
    ucontext_t ucontext;
};
void jb__context_switch(struct jb__context *from, struct jb__context *to);
#else
struct jb__context {
    void *stack_pointer;
};
void jb__switch(void **ret_save, void *to);
static inline void jb__context_switch(struct jb__context *from, struct jb__context *to)
{
    jb__switch(&from->stack_pointer, to->stack_pointer);
}
#endif
/* The first switch to it calls entry, which never returns. */
void jb__context_init(struct jb__context *context, char *stack, size_t size, void (*entry)(void));

/* ---- stacks ------------------------------------------------------------------------------------------------------- */

struct jb__stack {
    char *bottom; /* above the guard page */
    size_t size;
};
struct jb__stack jb__stack_map(bool big);
void jb__stack_unmap(struct jb__stack *stack);
/* Adds its deepest use to the high-water mark. */
void jb__stack_measure(const struct jb__stack *stack);
/* Signals of this thread get a stack of their own, so that running into a guard page is reported by the fiber's name. */
void *jb__signal_stack_open(void);
void jb__signal_stack_close(void *stack);

/* ---- deadlines ---------------------------------------------------------------------------------------------------- */

#define JB__SLOT_US 16000
#define JB__SLOTS 512

/* Intrusive; stands in a slot by its due time, modulo the wheel. */
struct jb__timer {
    struct jb_list link;
    int64_t due_us;
    void (*fire)(struct jb__timer *timer); /* on the loop's thread, taken out of the wheel */
};
struct jb__wheel {
    struct jb_list slots[JB__SLOTS];
    int64_t tick; /* slots before this one were looked through */
};
void jb__wheel_init(struct jb__wheel *wheel, int64_t now_us);
/* Two slots ahead or more it is rounded up to a slot, so that many share one wake-up; nearer it is exact. Returns when it is due. */
int64_t jb__wheel_add(struct jb__wheel *wheel, struct jb__timer *timer, int64_t due_us, int64_t now_us);
/* Moves what is due into the list. */
void jb__wheel_expire(struct jb__wheel *wheel, int64_t now_us, struct jb_list *due);
/* When to look again; JB_NEVER when it is empty. */
int64_t jb__wheel_next_us(const struct jb__wheel *wheel);

/* ---- loops ----------------------------------------------------------------------------------------------------------- */

struct jb__loop {
    uv_loop_t uv;
    uv_async_t async;    /* something came from another thread */
    uv_timer_t timer;    /* the wheel's */
    uv_timer_t patience; /* how long fibers may take to end */
    int index;
    struct jb__context context; /* the scheduler's */
    struct jb__sanitizer sanitizer;
    struct jb_fiber *running;
    struct jb_list ready;
    struct jb_list scoped;  /* parked with a scope: may be cancelled */
    struct jb_list live;    /* all that have not ended */
    struct jb_list pool[2]; /* ended, by size of stack */
    size_t pooled[2];
    struct jb__wheel wheel;
    int64_t armed_us; /* when the timer comes; JB_NEVER */
    bool ending, out_of_patience;
    struct jb_list ends; /* who wants to be told of the end */
    struct jb_list abandoned_link;
    struct jb_watch **watches; /* by descriptor */
    size_t watch_capacity;
    pthread_mutex_t mutex;
    struct jb_list inbound; /* fibers with a token set by other threads */
    atomic_bool cancelled;  /* some scope was: look through `scoped` */
    atomic_bool clock_moved;
};
extern _Thread_local struct jb__loop *jb__loop_self;

/* Takes the lowest free index for a loop that will run. */
int jb__loop_reserve(void);
void jb__loop_run(int index, void (*main)(void *arg), void *arg);
void jb__loop_timer_add(struct jb__loop *loop, struct jb__timer *timer, int64_t due_us);
/* From any thread: the loop will look at inbound and the flags. */
void jb__loop_notify(struct jb__loop *loop);

/* ---- fibers ------------------------------------------------------------------------------------------------------------ */

enum {
    JB__PUBLIC = 1,
    JB__PRIVATE = 2,
};

struct jb_fiber {
    struct jb__context context;
    struct jb__sanitizer sanitizer;
    struct jb__stack stack;
    struct jb__loop *loop;
    const char *name;
    void (*main)(void *arg);
    void *arg;
    const char *log_tag;
    struct jb_list link; /* ready, pool */
    struct jb_list live_link;
    struct jb_list inbound_link; /* under loop->mutex */
    struct jb_list scoped_link;
    struct jb__timer timer;
    struct jb_scope *scope; /* while it is parked */
    atomic_uint wakes;      /* tokens */
    atomic_bool posted;     /* stands in inbound */
    unsigned waits_for;     /* tokens; while it is parked */
    bool parked, ended, big;
    int forbidden, allowed;
    unsigned uses;
};

/* Runs a ready fiber until it waits or ends. */
void jb__fiber_resume(struct jb_fiber *fiber);
void jb__fiber_ready(struct jb_fiber *fiber); /* parked → ready; on its loop's thread */
void jb__fiber_free(struct jb_fiber *fiber);  /* a pooled one */
void jb__wake(struct jb_fiber *fiber, unsigned token);
/* Parks until the token comes (true), or the deadline or the scope's end (false, no failure is recorded). */
bool jb__wait(unsigned token, struct jb_scope *scope, int64_t deadline_us);
/* Every function that may wait begins with it: no wait inside a transaction; with -Dhostile others run first. */
void jb__may_wait(const char *function);
/* true when the scope is cancelled or late; never for NULL. */
bool jb__scope_over(struct jb_scope *scope);
/* Records why a wait ended: CANCELLED or TIMEOUT. NULL is fine. Returns false. */
bool jb__wait_failed(struct jb_scope *scope);

/* ---- somebody who waits under a mutex: a fiber or a plain thread --------------------------------------------------------- */

struct jb__waiter {
    struct jb_list link;
    struct jb_fiber *fiber; /* NULL: a thread */
    uv_cond_t cond;
    bool done;
    void *item;
};
void jb__waiter_init(struct jb__waiter *waiter);
void jb__waiter_done(struct jb__waiter *waiter);
/* With the mutex held; it is given back meanwhile. Until done is true; false when the scope ended first. */
bool jb__waiter_wait(struct jb__waiter *waiter, pthread_mutex_t *mutex, struct jb_scope *scope);
/* With the mutex held. */
void jb__waiter_wake(struct jb__waiter *waiter);

#endif
