/* stall.c — one line a minute for one statement. */
// SPDX-License-Identifier: Apache-2.0
#include "app/stall.h"
#include "base/time.h"
#include <stdatomic.h>

bool jb__stall_is_news(struct jb__stalls *stalls, struct jb_str sql, int64_t now_us)
{
    uint64_t hash = jb_str_hash(sql), mine = hash & ~(uint64_t)UINT32_MAX;
    uint32_t second = (uint32_t)(now_us / JB_SECOND_US) + 1; /* 0: never */
    _Atomic uint64_t *slot = &stalls->slots[hash % JB__STALL_SLOTS];
    uint64_t said = atomic_load(slot);
    bool same = (uint32_t)said != 0 && (said & ~(uint64_t)UINT32_MAX) == mine;

    if (same && second - (uint32_t)said < JB__STALL_QUIET_S)
        return false;
    return atomic_compare_exchange_strong(slot, &said, mine | second); /* whoever was faster has said it */
}
