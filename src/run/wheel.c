/* wheel.c — deadlines in slots of 16 ms.
 *
 * 512 slots make a round of 8 s; what is due later stands in its slot and is passed over until its round comes. Adding and removing cost a few
 * nanoseconds, and the loop's one timer is armed for the next slot in use, so an idle loop sleeps.
 * Invariant: what is due before `tick` stands in the slot of `tick` or was expired. */
// SPDX-License-Identifier: Apache-2.0
#include "run/run_private.h"

#define FAR_US (JB_DAY_US * 3650) /* keeps the arithmetic from overflowing */

static struct jb_list *slot_at(const struct jb__wheel *wheel, int64_t tick)
{
    return (struct jb_list *)&wheel->slots[(uint64_t)tick % JB__SLOTS];
}

void jb__wheel_init(struct jb__wheel *wheel, int64_t now_us)
{
    for (size_t i = 0; i < JB__SLOTS; i++)
        jb_list_init(&wheel->slots[i]);
    wheel->tick = now_us / JB__SLOT_US;
}

int64_t jb__wheel_add(struct jb__wheel *wheel, struct jb__timer *timer, int64_t due_us, int64_t now_us)
{
    due_us = JB_MIN(due_us, now_us + FAR_US);
    if (due_us - now_us >= 2 * JB__SLOT_US)
        due_us = (due_us + JB__SLOT_US - 1) / JB__SLOT_US * JB__SLOT_US;
    timer->due_us = due_us;
    jb_list_append(slot_at(wheel, JB_MAX(due_us / JB__SLOT_US, wheel->tick)), &timer->link);
    return due_us;
}

void jb__wheel_expire(struct jb__wheel *wheel, int64_t now_us, struct jb_list *due)
{
    int64_t now_tick = now_us / JB__SLOT_US;

    for (int64_t i = 0, tick = wheel->tick; i < JB__SLOTS && tick <= now_tick; i++, tick++) {
        struct jb_list *slot = slot_at(wheel, tick);
        for (struct jb_list *link = slot->next, *next; link != slot; link = next) {
            next = link->next;
            if (JB_CONTAINER(link, struct jb__timer, link)->due_us > now_us)
                continue;
            jb_list_remove(link);
            jb_list_append(due, link);
        }
    }
    wheel->tick = now_tick; /* also backwards: a test may let go of the clock */
}

int64_t jb__wheel_next_us(const struct jb__wheel *wheel)
{
    bool any = false;

    for (int64_t tick = wheel->tick; tick < wheel->tick + JB__SLOTS; tick++) {
        struct jb_list *slot = slot_at(wheel, tick);
        int64_t next = JB_NEVER;
        for (JB_EACH(slot, link)) {
            int64_t due_us = JB_CONTAINER(link, struct jb__timer, link)->due_us;
            any = true;
            if (due_us / JB__SLOT_US <= tick)
                next = JB_MIN(next, due_us);
        }
        if (next != JB_NEVER)
            return next;
    }
    return any ? (wheel->tick + JB__SLOTS) * JB__SLOT_US : JB_NEVER;
}
