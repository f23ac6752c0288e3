/* arena.h — memory that is freed all at once.
 *
 * A chain of chunks; allocation moves a pointer, freeing happens with the arena or back to a mark.  An arena states
 * its maximum at birth: whoever lets input in (body, row, cell, batch) limits it below that, so running over is a
 * programmer's mistake and aborts.  With -Dhostile every allocation is its own malloc, so that ASan sees overruns. */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_BASE_ARENA_H
#define JB_BASE_ARENA_H

#include "base/check.h"

#define JB_ARENA_BYTES_MAX ((size_t)1 << 30)

struct jb_arena_chunk;

struct jb_arena {
    struct jb_arena_chunk *newest;
    struct jb_arena_chunk *spare; /* kept by a rewind for the next allocation, or NULL */
    size_t total_bytes;           /* of all chunks */
    size_t bytes_max;
};

struct jb_arena_mark {
    struct jb_arena_chunk *chunk;
    size_t used;
};

/* bytes_max 0 means JB_ARENA_BYTES_MAX.  No memory is taken before the first allocation. */
void jb_arena_init(struct jb_arena *arena, size_t bytes_max);
void jb_arena_done(struct jb_arena *arena);

/* Zeroed, aligned to 16 bytes, never NULL.  Size 0 gives a valid pointer. */
void *jb_arena_alloc(struct jb_arena *arena, size_t size);

/* The same for a caller that fills it at once: do not rely on zeros (ASan and hostile builds put other bytes there). */
void *jb_arena_alloc_raw(struct jb_arena *arena, size_t size);

struct jb_arena_mark jb_arena_mark(const struct jb_arena *arena);

/* Frees everything allocated since the mark. */
void jb_arena_rewind(struct jb_arena *arena, struct jb_arena_mark mark);

/* Bytes held in chunks, handed out or not, for counters and tests. */
size_t jb_arena_bytes(const struct jb_arena *arena);

#endif
