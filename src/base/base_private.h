/* base_private.h — what the files of base share with each other only. */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_BASE_PRIVATE_H
#define JB_BASE_PRIVATE_H

#include "base/arena.h"
#include "base/time.h"
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define JB__ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define JB__ASAN 1
#endif
#endif
#ifndef JB__ASAN
#define JB__ASAN 0
#endif

#if defined(__SANITIZE_THREAD__)
#define JB__TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define JB__TSAN 1
#endif
#endif
#ifndef JB__TSAN
#define JB__TSAN 0
#endif

#if JB__ASAN
#include <sanitizer/asan_interface.h>
#define jb__poison(at, size) __asan_poison_memory_region((at), (size))
#define jb__unpoison(at, size) __asan_unpoison_memory_region((at), (size))
#else
#define jb__poison(at, size) ((void)(at), (void)(size))
#define jb__unpoison(at, size) ((void)(at), (void)(size))
#endif

/* Exact products and sums of two 18-digit numbers; also multiply-high. */
__extension__ typedef __int128 jb__int128;
__extension__ typedef unsigned __int128 jb__uint128;

/* ---- arena ---- */

struct jb_arena_chunk {
    struct jb_arena_chunk *previous;
    size_t used, size;
    bool borrowed; /* stands in the scope's own block: not to be freed, given back zeroed */
    _Alignas(16) char data[];
};

/* As jb_arena_init, with a first chunk in zeroed memory of the caller's, `size` bytes with the chunk's head, aligned to 16. */
void jb__arena_init_in(struct jb_arena *arena, void *memory, size_t size, size_t bytes_max);
void *jb__arena_alloc_slow(struct jb_arena *arena, size_t size);

/* Zeroed.  The short way is room in the newest chunk; inline because a request does it some twenty times. */
static inline void *jb__arena_take(struct jb_arena *arena, size_t size)
{
#if !defined(JB_HOSTILE) && !JB__ASAN
    struct jb_arena_chunk *chunk = arena->newest;
    if (__builtin_expect(chunk && size <= chunk->size - chunk->used, 1)) {
        void *at = chunk->data + chunk->used;
        size_t room = chunk->size - chunk->used, rounded = (size + 15) & ~(size_t)15;
        chunk->used += JB_MIN(rounded, room);
        return at;
    }
#endif
    return jb__arena_alloc_slow(arena, size);
}

/* ---- str ---- */

uint64_t jb__siphash(const uint64_t key[2], struct jb_str text);

/* ---- time ---- */

/* The shape of a loose date alone: true with its numbers even when there is no such day, for a message that says so. */
bool jb__date_scan_loose(struct jb_str text, int *ret_year, int *ret_month, int *ret_day);

/* Exactly `count` ASCII digits at text[at]. */
bool jb__digits(struct jb_str text, size_t at, size_t count, int *ret_number);

#endif
