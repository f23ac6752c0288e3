/* stall.h — which reads that held a loop are worth a line of the log: on an overloaded machine every read is one. */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_APP_STALL_H
#define JB_APP_STALL_H

#include "base/str.h"

#define JB__STALL_SLOTS 256
#define JB__STALL_QUIET_S 60

/* Zeroed by its owner; shared by all loops. */
struct jb__stalls {
    _Atomic uint64_t slots[JB__STALL_SLOTS]; /* by the statement's hash: its upper half, and the second of its last line */
};
/* Once a minute for one statement. Two that share a slot are both news: too many lines rather than none. */
bool jb__stall_is_news(struct jb__stalls *stalls, struct jb_str sql, int64_t now_us);

#endif
