/* arena.c — a chain of chunks, newest first; only the newest is filled.
 *
 * What is not handed out is zero: an allocation only moves `used`, and giving back wipes, in one piece.  Chunks grow with the arena, from
 * 4 KiB to 1 MiB; what is larger gets a chunk of its size.  A rewind keeps one chunk as a spare, so
 * that a loop that rewinds at every row does not call malloc at every row.  Under ASan whatever is not handed out is poisoned, with
 * a gap between neighbours; with -Dhostile every allocation is a chunk. */
// SPDX-License-Identifier: Apache-2.0
#include "base/arena.h"
#include "base/base_private.h"
#include <stdlib.h>

#define CHUNK_MIN ((size_t)4096)
#define CHUNK_MAX ((size_t)1 << 20)
#define HEAD sizeof(struct jb_arena_chunk)
#define ASAN_GAP (JB__ASAN ? (size_t)16 : (size_t)0)

void jb_arena_init(struct jb_arena *arena, size_t bytes_max)
{
    *arena = (struct jb_arena){ .bytes_max = bytes_max ? bytes_max : JB_ARENA_BYTES_MAX };
}

void jb__arena_init_in(struct jb_arena *arena, void *memory, size_t size, size_t bytes_max)
{
    jb_arena_init(arena, bytes_max);
#ifndef JB_HOSTILE
    struct jb_arena_chunk *chunk = memory;
    *chunk = (struct jb_arena_chunk){ .size = size - HEAD, .borrowed = true };
    jb__poison(chunk->data, chunk->size);
    arena->newest = chunk;
    arena->total_bytes = size;
#else
    (void)memory, (void)size;
#endif
}

/* Takes back everything behind the first `used` bytes. */
static void chunk_wipe(struct jb_arena_chunk *chunk, size_t used)
{
    JB_CHECK(used <= chunk->used);
    jb__unpoison(chunk->data + used, chunk->used - used);
    memset(chunk->data + used, 0, chunk->used - used);
    jb__poison(chunk->data + used, chunk->size - used);
    chunk->used = used;
}

static void chunk_free(struct jb_arena *arena, struct jb_arena_chunk *chunk)
{
    arena->total_bytes -= HEAD + chunk->size;
    if (chunk->borrowed)
        chunk_wipe(chunk, 0);
    jb__unpoison(chunk->data, chunk->size);
    if (!chunk->borrowed)
        free(chunk);
}

static void spare_free(struct jb_arena *arena)
{
    if (arena->spare)
        chunk_free(arena, arena->spare);
    arena->spare = NULL;
}

void jb_arena_done(struct jb_arena *arena)
{
    struct jb_arena_chunk *chunk = arena->newest, *previous;

    for (; chunk; chunk = previous) {
        previous = chunk->previous;
        chunk_free(arena, chunk);
    }
    spare_free(arena);
    arena->newest = NULL;
    JB_CHECK(arena->total_bytes == 0);
}

/* How large a chunk for `size` bytes should be, within what the arena may still take. */
static size_t chunk_size(const struct jb_arena *arena, size_t size)
{
    size_t left = arena->bytes_max - arena->total_bytes;

    JB_CHECK(left > HEAD && size <= left - HEAD); /* the arena's maximum: a limit on the input is missing */
#ifdef JB_HOSTILE
    return size;
#else
    size_t wanted = JB_MIN(JB_MAX(arena->total_bytes, CHUNK_MIN), CHUNK_MAX) - HEAD;
    return JB_MIN(JB_MAX(wanted, size), left - HEAD);
#endif
}

static void chunk_add(struct jb_arena *arena, size_t size)
{
    struct jb_arena_chunk *chunk = arena->spare;

    if (chunk && chunk->size >= size) {
        arena->spare = NULL;
    } else {
        spare_free(arena);
        size_t full = chunk_size(arena, size);
        chunk = calloc(1, HEAD + full);
        JB_CHECK(chunk);
        chunk->size = full;
        arena->total_bytes += HEAD + full;
        jb__poison(chunk->data, chunk->size);
    }
    chunk->previous = arena->newest;
    arena->newest = chunk;
}

void *jb__arena_alloc_slow(struct jb_arena *arena, size_t size)
{
    JB_CHECK(size <= arena->bytes_max);
    struct jb_arena_chunk *chunk = arena->newest;
#ifdef JB_HOSTILE
    bool fits = false;
#else
    bool fits = chunk && size <= chunk->size - chunk->used;
#endif
    if (!fits) {
        chunk_add(arena, size);
        chunk = arena->newest;
    }
    void *at = chunk->data + chunk->used;
    size_t room = chunk->size - chunk->used, rounded = ((size + 15) & ~(size_t)15) + ASAN_GAP;
    chunk->used += JB_MIN(rounded, room);
    jb__unpoison(at, size);
    return at;
}

void *jb_arena_alloc_raw(struct jb_arena *arena, size_t size)
{
    void *at = jb__arena_take(arena, size);
#if JB__ASAN || defined(JB_HOSTILE)
    memset(at, 0xA5, size);
#endif
    return at;
}

void *jb_arena_alloc(struct jb_arena *arena, size_t size)
{
    return jb__arena_take(arena, size);
}

struct jb_arena_mark jb_arena_mark(const struct jb_arena *arena)
{
    return (struct jb_arena_mark){ arena->newest, arena->newest ? arena->newest->used : 0 };
}

void jb_arena_rewind(struct jb_arena *arena, struct jb_arena_mark mark)
{
    while (arena->newest != mark.chunk) {
        struct jb_arena_chunk *chunk = arena->newest;
        JB_CHECK(chunk); /* the mark is of another arena, or older than the last rewind */
        arena->newest = chunk->previous;
#ifndef JB_HOSTILE
        if (!chunk->borrowed && chunk->size <= CHUNK_MAX && (!arena->spare || arena->spare->size < chunk->size)) {
            spare_free(arena);
            chunk_wipe(chunk, 0);
            arena->spare = chunk;
            continue;
        }
#endif
        chunk_free(arena, chunk);
    }
    if (mark.chunk)
        chunk_wipe(mark.chunk, mark.used);
}

size_t jb_arena_bytes(const struct jb_arena *arena)
{
    return arena->total_bytes;
}
