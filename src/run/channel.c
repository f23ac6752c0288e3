/* channel.c — locks and channels between fibers of any loop, and plain threads.
 *
 * Both hand over directly: a lock passes to the first waiter, an item goes to the first receiver or, from the first waiting sender, into the ring. So
 * order is kept, nobody barges in, and a waiter that gives up has either got its turn or not: under the mutex there is no third case. */
// SPDX-License-Identifier: Apache-2.0
#include "run/run_private.h"
#include <stdlib.h>

static struct jb__waiter *first(struct jb_list *waiters)
{
    struct jb_list *link = jb_list_pop(waiters);

    return link ? JB_CONTAINER(link, struct jb__waiter, link) : NULL;
}

/* ---- lock ---------------------------------------------------------------------------------------------------------------- */

struct jb_lock {
    pthread_mutex_t mutex;
    bool held;
    struct jb_list waiters;
};

struct jb_lock *jb_lock_new(void)
{
    struct jb_lock *lock = calloc(1, sizeof *lock);

    JB_CHECK(lock);
    pthread_mutex_init(&lock->mutex, NULL);
    jb_list_init(&lock->waiters);
    return lock;
}

void jb_lock_free(struct jb_lock *lock)
{
    if (!lock)
        return;
    JB_CHECK(jb_list_empty(&lock->waiters));
    pthread_mutex_destroy(&lock->mutex);
    free(lock);
}

bool jb_lock_take(struct jb_lock *lock, struct jb_scope *scope)
{
    struct jb__waiter waiter;
    bool taken = true;

    jb__may_wait("jb_lock_take");
    pthread_mutex_lock(&lock->mutex);
    if (lock->held) {
        jb__waiter_init(&waiter);
        jb_list_append(&lock->waiters, &waiter.link);
        taken = jb__waiter_wait(&waiter, &lock->mutex, scope);
        jb_list_remove(&waiter.link);
        jb__waiter_done(&waiter);
    }
    lock->held = true; /* by us, or when we gave up by another: whoever leaves hands it to the next */
    pthread_mutex_unlock(&lock->mutex);
    return taken || jb__wait_failed(scope);
}

void jb_lock_leave(struct jb_lock *lock)
{
    pthread_mutex_lock(&lock->mutex);
    JB_CHECK(lock->held);
    struct jb__waiter *next = first(&lock->waiters);
    if (next)
        jb__waiter_wake(next); /* it holds the lock from now on */
    else
        lock->held = false;
    pthread_mutex_unlock(&lock->mutex);
}

/* ---- channel ---------------------------------------------------------------------------------------------------------------- */

/* Receivers wait only while the ring is empty, senders only while it is full. */
struct jb_channel {
    pthread_mutex_t mutex;
    size_t capacity, count, start;
    bool closed;
    struct jb_list senders, receivers;
    void *ring[];
};

struct jb_channel *jb_channel_new(size_t capacity)
{
    JB_CHECK(capacity > 0 && capacity < SIZE_MAX / 2 / sizeof(void *));
    struct jb_channel *channel = calloc(1, sizeof *channel + capacity * sizeof(void *));

    JB_CHECK(channel);
    pthread_mutex_init(&channel->mutex, NULL);
    channel->capacity = capacity;
    jb_list_init(&channel->senders);
    jb_list_init(&channel->receivers);
    return channel;
}

void jb_channel_free(struct jb_channel *channel)
{
    if (!channel)
        return;
    JB_CHECK(jb_list_empty(&channel->senders) && jb_list_empty(&channel->receivers));
    pthread_mutex_destroy(&channel->mutex);
    free(channel);
}

static void put(struct jb_channel *channel, void *item)
{
    channel->ring[(channel->start + channel->count++) % channel->capacity] = item;
}

/* Without waiting; false when full. */
static bool send_now(struct jb_channel *channel, void *item)
{
    struct jb__waiter *receiver = first(&channel->receivers);

    if (receiver) {
        receiver->item = item;
        jb__waiter_wake(receiver);
        return true;
    }
    if (channel->count == channel->capacity)
        return false;
    put(channel, item);
    return true;
}

/* The waiter's item counts as sent when `sent`; closing wakes it without. */
static bool send_waiting(struct jb_channel *channel, struct jb_scope *scope, void *item)
{
    struct jb__waiter waiter;

    jb__waiter_init(&waiter);
    waiter.item = item;
    jb_list_append(&channel->senders, &waiter.link);
    bool woken = jb__waiter_wait(&waiter, &channel->mutex, scope);
    jb_list_remove(&waiter.link);
    jb__waiter_done(&waiter);
    return woken && waiter.item == NULL;
}

static bool send_failed(struct jb_channel *channel, struct jb_scope *scope, bool closed)
{
    (void)channel;
    if (!closed)
        return jb__wait_failed(scope);
    if (scope)
        jb_fail(scope, JB_CANCELLED, JB_L(scope, "받는 쪽이 먼저 끝났습니다.", "The receiving side has ended."));
    return false;
}

bool jb_channel_send(struct jb_channel *channel, struct jb_scope *scope, void *item)
{
    JB_CHECK(item);
    jb__may_wait("jb_channel_send");
    pthread_mutex_lock(&channel->mutex);
    bool sent = !channel->closed && (send_now(channel, item) || send_waiting(channel, scope, item));
    bool closed = channel->closed;
    pthread_mutex_unlock(&channel->mutex);
    return sent || send_failed(channel, scope, closed);
}

bool jb_channel_try_send(struct jb_channel *channel, void *item)
{
    JB_CHECK(item);
    pthread_mutex_lock(&channel->mutex);
    bool sent = !channel->closed && send_now(channel, item);
    pthread_mutex_unlock(&channel->mutex);
    return sent;
}

/* The oldest item; the first waiting sender's moves into its place. */
static void *take(struct jb_channel *channel)
{
    void *item = channel->ring[channel->start];

    channel->start = (channel->start + 1) % channel->capacity;
    channel->count--;
    struct jb__waiter *sender = first(&channel->senders);
    if (sender) {
        put(channel, sender->item);
        sender->item = NULL;
        jb__waiter_wake(sender);
    }
    return item;
}

static void *receive_waiting(struct jb_channel *channel, struct jb_scope *scope)
{
    struct jb__waiter waiter;

    jb__waiter_init(&waiter);
    jb_list_append(&channel->receivers, &waiter.link);
    jb__waiter_wait(&waiter, &channel->mutex, scope);
    jb_list_remove(&waiter.link);
    jb__waiter_done(&waiter);
    return waiter.item;
}

bool jb_channel_receive(struct jb_channel *channel, struct jb_scope *scope, void **ret_item)
{
    void *item = NULL;

    jb__may_wait("jb_channel_receive");
    pthread_mutex_lock(&channel->mutex);
    if (channel->count > 0)
        item = take(channel);
    else if (!channel->closed)
        item = receive_waiting(channel, scope);
    bool closed = channel->closed;
    pthread_mutex_unlock(&channel->mutex);
    if (!item)
        return closed ? false : jb__wait_failed(scope);
    *ret_item = item;
    return true;
}

void jb_channel_close(struct jb_channel *channel)
{
    struct jb__waiter *waiter;

    pthread_mutex_lock(&channel->mutex);
    channel->closed = true;
    while ((waiter = first(&channel->senders)) || (waiter = first(&channel->receivers)))
        jb__waiter_wake(waiter);
    pthread_mutex_unlock(&channel->mutex);
}
