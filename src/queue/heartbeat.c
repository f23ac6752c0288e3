/* heartbeat.c — what a worker says while it runs tasks: that it lives, and that they are its own. It hears of leases that it has lost and of wishes to cancel. */
// SPDX-License-Identifier: Apache-2.0
#include "queue/queue_private.h"
#include <stdlib.h>

#define WISH_LOOK_US (300 * 1000) /* a wish to cancel is seen well within a second */
#define SEEN_EVERY_US (JB_LEASE_S * JB_SECOND_US / 3)

static int by_id(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* One that was claimed while the leases were renewed is not among them. */
static void judge(struct jb_list *runs, const struct jb_rows *renewed, int64_t renewal)
{
    for (JB_EACH(runs, link)) {
        struct jb__task_run *run = JB_CONTAINER(link, struct jb__task_run, link);
        if (run->since >= renewal)
            continue;
        const struct jb__renewed *lease = bsearch(&run->entry.id, renewed->data, renewed->count, sizeof *lease, by_id);
        run->lost |= !lease;
        run->wished |= lease && lease->cancel;
        if (run->scope && (run->wished || run->lost))
            jb_cancel(run->scope);
    }
}

/* Of all that the worker has, also of what has returned and is not written yet. */
static const int64_t *lease_ids(struct jb__work *work, struct jb_scope *scope, size_t *ret_count)
{
    struct jb_list *const lists[] = { &work->reserved, &work->running, &work->ended, &work->writing };
    int64_t *ids = JB_NEW_ARRAY(scope, int64_t, (size_t)(work->reserved_count + work->registry.active + work->ended_count) + 1);
    size_t count = 0;

    for (size_t i = 0; i < JB_COUNT(lists); i++)
        for (JB_EACH(lists[i], link))
            ids[count++] = JB_CONTAINER(link, struct jb__task_run, link)->entry.id;
    *ret_count = count;
    return ids;
}

static void renew(struct jb__work *work, struct jb_scope *scope)
{
    int64_t renewal = ++work->renewals;
    size_t count;
    const int64_t *ids = lease_ids(work, scope, &count);

    if (count == 0)
        return;
    struct jb_rows *renewed = jb__broker_renew(scope, work->claim.worker, ids, count, work->claim.lease_s);
    if (!renewed) {
        jb__work_log(scope, "renewing leases");
        return;
    }
    qsort(renewed->data, renewed->count, sizeof(struct jb__renewed), by_id);
    judge(&work->reserved, renewed, renewal);
    judge(&work->running, renewed, renewal);
}

static bool wish_exists(struct jb__work *work, struct jb_scope *scope)
{
    int64_t count = 0;

    if (jb_list_empty(&work->running) && jb_list_empty(&work->reserved))
        return false;
    if (!jb__broker_wishes(scope, work->claim.worker, &count))
        jb__work_log(scope, "looking for wishes to cancel");
    return count > 0;
}

static void see_worker(struct jb__work *work, struct jb_scope *scope)
{
    if (work->claim.only_id)
        return;
    work->registry.seen_at = jb_now();
    if (!jb__broker_worker_seen(scope, &work->registry))
        jb__work_log(scope, "writing the heartbeat");
}

void jb__beat(void *arg)
{
    struct jb__work *work = arg;
    int64_t renewed_us = 0, seen_us = 0, lease_us = work->claim.lease_s * JB_SECOND_US;

    while (!jb_cancelled(work->beat_scope)) {
        struct jb_scope *scope = jb_scope_child(work->beat_scope, "beat");
        bool due = jb_monotonic_us() - renewed_us >= lease_us / 3;
        if (due || wish_exists(work, scope))
            renew(work, scope);
        if (due)
            renewed_us = jb_monotonic_us();
        if (due || jb_monotonic_us() - seen_us >= SEEN_EVERY_US) { /* however long a lease is */
            see_worker(work, scope);
            seen_us = jb_monotonic_us();
        }
        (void)jb_sleep(scope, JB_MIN(WISH_LOOK_US, lease_us / 4)); /* ends early when the worker stops */
        jb_scope_end(scope);
    }
    work->beating = false;
    jb__work_poke(&work->link);
}
