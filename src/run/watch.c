/* watch.c — waiting for descriptors, on uv_poll.
 *
 * A watch that stays (jb_watch_open) is armed for reading all its life, so that a request costs no epoll_ctl; for writing only while somebody waits.
 * What comes while nobody reads is noted, or told to a callback: bytes disarm reading until the next wait, a hang-up also sets `gone`.
 * libuv allows one uv_poll per descriptor and loop, so a loop keeps its watches in a table and jb_wait_fd shares them. */
// SPDX-License-Identifier: Apache-2.0
#include "run/run_private.h"
#include <stdlib.h>
#include <string.h>

struct jb_watch {
    uv_poll_t poll;
    struct jb__loop *loop;
    int fd, users, armed;
    bool stays;    /* armed while nobody waits */
    bool readable; /* bytes or the end came while nobody read */
    bool gone;
    bool closed;
    struct side {
        struct jb_fiber *fiber; /* who waits */
        bool came;
    } read, write;
    jb_watch_seen *seen; /* told while nobody reads; may be NULL */
    void *arg;
};

static void event_came(uv_poll_t *poll, int status, int events);

static void arm(struct jb_watch *watch)
{
    int events = 0;

    if (watch->read.fiber || (watch->stays && !watch->readable))
        events |= UV_READABLE;
    if (watch->read.fiber || (watch->stays && !watch->gone))
        events |= UV_DISCONNECT;
    if (watch->write.fiber)
        events |= UV_WRITABLE;
    if (events == watch->armed)
        return;
    watch->armed = events;
    JB_CHECK((events ? uv_poll_start(&watch->poll, events, event_came) : uv_poll_stop(&watch->poll)) == 0);
}

static void wake(struct side *side)
{
    if (!side->fiber)
        return;
    side->came = true;
    jb__wake(side->fiber, JB__PRIVATE);
}

/* Nobody reads: it is noted, or told to `seen`, which may close the watch (its memory lasts until libuv's closing phase). */
static void note(struct jb_watch *watch, bool gone)
{
    bool keep = false;

    watch->gone = watch->gone || gone;
    if (watch->seen)
        keep = watch->seen(watch->arg, gone);
    watch->readable = !keep;
}

/* An error is for everybody, the next system call tells which; libuv gives no events with it and has disarmed. */
static void event_came(uv_poll_t *poll, int status, int events)
{
    struct jb_watch *watch = JB_CONTAINER(poll, struct jb_watch, poll);

    if (status < 0) {
        events = UV_READABLE | UV_WRITABLE | UV_DISCONNECT;
        watch->armed = 0;
    }
    if (events & UV_WRITABLE)
        wake(&watch->write);
    if (events & (UV_READABLE | UV_DISCONNECT)) {
        if (watch->read.fiber)
            wake(&watch->read);
        else
            note(watch, events & UV_DISCONNECT);
    }
    if (status >= 0 && !watch->closed)
        arm(watch);
}

/* ---- life --------------------------------------------------------------------------------------------------------------- */

static void enter(struct jb__loop *loop, struct jb_watch *watch)
{
    size_t capacity = JB_MAX(loop->watch_capacity, (size_t)64);

    while (capacity <= (size_t)watch->fd)
        capacity *= 2;
    if (capacity > loop->watch_capacity) {
        loop->watches = realloc(loop->watches, capacity * sizeof *loop->watches);
        JB_CHECK(loop->watches);
        memset(loop->watches + loop->watch_capacity, 0, (capacity - loop->watch_capacity) * sizeof *loop->watches);
        loop->watch_capacity = capacity;
    }
    JB_CHECK(!loop->watches[watch->fd]);
    loop->watches[watch->fd] = watch;
}

/* NULL when the kernel cannot watch it (EPERM: a plain file, which is always ready). */
static struct jb_watch *watch_new(int fd, bool stays)
{
    struct jb__loop *loop = jb__loop_self;
    struct jb_watch *watch = calloc(1, sizeof *watch);

    JB_CHECK(loop && fd >= 0 && watch);
    int status = uv_poll_init(&loop->uv, &watch->poll, fd);
    if (status == UV_EPERM) {
        free(watch);
        return NULL;
    }
    JB_CHECK(status == 0);
    watch->loop = loop;
    watch->fd = fd;
    watch->users = 1;
    watch->stays = stays;
    enter(loop, watch);
    arm(watch);
    return watch;
}

struct jb_watch *jb_watch_open(int fd)
{
    struct jb_watch *watch = watch_new(fd, true);

    JB_CHECK(watch);
    return watch;
}

static void closed(uv_handle_t *handle)
{
    free(JB_CONTAINER(handle, struct jb_watch, poll));
}

void jb_watch_close(struct jb_watch *watch)
{
    if (!watch)
        return;
    JB_CHECK(watch->loop == jb__loop_self && !watch->read.fiber && !watch->write.fiber);
    watch->closed = true;
    watch->loop->watches[watch->fd] = NULL;
    uv_close((uv_handle_t *)&watch->poll, closed);
}

/* ---- waiting -------------------------------------------------------------------------------------------------------------- */

static bool watch_wait(struct jb_watch *watch, struct jb_scope *scope, enum jb_wait what, int64_t deadline_us)
{
    struct side *side = what == JB_WAIT_READ ? &watch->read : &watch->write;

    JB_CHECK(watch->loop == jb__loop_self && !side->fiber);
    if (what == JB_WAIT_READ && watch->readable) {
        watch->readable = false;
        return true;
    }
    *side = (struct side){ jb_fiber_self(), false };
    arm(watch);
    while (!side->came && !jb__scope_over(scope) && jb_monotonic_us() < deadline_us)
        jb__wait(JB__PRIVATE, scope, deadline_us);
    side->fiber = NULL;
    if (!watch->stays || what == JB_WAIT_WRITE)
        arm(watch);
    return side->came || jb__wait_failed(scope);
}

bool jb_watch_wait(struct jb_watch *watch, struct jb_scope *scope, enum jb_wait what, int64_t deadline_us)
{
    jb__may_wait("jb_watch_wait");
    return watch_wait(watch, scope, what, deadline_us);
}

bool jb_wait_fd(struct jb_scope *scope, int fd, enum jb_wait what, int64_t deadline_us)
{
    jb__may_wait("jb_wait_fd");
    struct jb__loop *loop = jb__loop_self;
    JB_CHECK(loop && fd >= 0);
    struct jb_watch *watch = (size_t)fd < loop->watch_capacity ? loop->watches[fd] : NULL;

    if (watch)
        watch->users++;
    else
        watch = watch_new(fd, false);
    if (!watch)
        return true;
    bool ok = watch_wait(watch, scope, what, deadline_us);
    if (--watch->users == 0)
        jb_watch_close(watch);
    return ok;
}

bool jb_watch_gone(const struct jb_watch *watch)
{
    return watch->gone;
}

void jb_watch_notify(struct jb_watch *watch, jb_watch_seen *seen, void *arg)
{
    watch->seen = seen;
    watch->arg = arg;
}

void jb_watch_arm(struct jb_watch *watch)
{
    JB_CHECK(watch->loop == jb__loop_self);
    watch->readable = false;
    arm(watch);
}
