/* sanitizer.h — tells ASan and TSan which stack runs; nothing at all in other builds.
 *
 * Fibers go back to the pool and never die, so ASan's fake stack is always saved and handed back. */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_RUN_SANITIZER_H
#define JB_RUN_SANITIZER_H

#include <stddef.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define JB__ASAN 1
#endif
#if __has_feature(thread_sanitizer)
#define JB__TSAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define JB__ASAN 1
#endif
#if defined(__SANITIZE_THREAD__)
#define JB__TSAN 1
#endif
#if defined(JB__ASAN) || defined(JB__TSAN)
#define JB__SANITIZED 1
#endif

/* One side of a switch: a fiber's stack or the thread's own. */
struct jb__sanitizer {
    const void *bottom;
    size_t size;
    void *fake;  /* ASan */
    void *fiber; /* TSan */
};

#if defined(JB__ASAN)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(JB__TSAN)
#include <sanitizer/tsan_interface.h>
#endif

/* Before the switch, on the old stack. */
static inline void jb__sanitizer_leave(struct jb__sanitizer *from, const struct jb__sanitizer *to)
{
    (void)from, (void)to;
#if defined(JB__ASAN)
    __sanitizer_start_switch_fiber(&from->fake, to->bottom, to->size);
#endif
#if defined(JB__TSAN)
    __tsan_switch_to_fiber(to->fiber, 0);
#endif
}

/* After the switch, on the new stack; learns the bounds of the one it came from. */
static inline void jb__sanitizer_enter(struct jb__sanitizer *to, struct jb__sanitizer *from)
{
    (void)to, (void)from;
#if defined(JB__ASAN)
    __sanitizer_finish_switch_fiber(to->fake, &from->bottom, &from->size);
#endif
}

static inline void jb__sanitizer_open(struct jb__sanitizer *side, const void *bottom, size_t size)
{
    *side = (struct jb__sanitizer){ .bottom = bottom, .size = size };
#if defined(JB__TSAN)
    side->fiber = __tsan_create_fiber(0);
#endif
}

/* The thread's own stack: ASan tells its bounds at the first switch. */
static inline void jb__sanitizer_open_thread(struct jb__sanitizer *side)
{
    *side = (struct jb__sanitizer){ .bottom = NULL };
#if defined(JB__TSAN)
    side->fiber = __tsan_get_current_fiber();
#endif
}

/* Before the stack's memory goes back to the system. */
static inline void jb__sanitizer_close(struct jb__sanitizer *side)
{
    (void)side;
#if defined(JB__ASAN)
    __asan_unpoison_memory_region(side->bottom, side->size);
#endif
#if defined(JB__TSAN)
    __tsan_destroy_fiber(side->fiber);
#endif
}

#endif
