/* test_arena.c — chunks, marks and limits. */
// SPDX-License-Identifier: Apache-2.0
#include "base/arena.h"
#include "base/random.h"
#include "jb_test.h"
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#define POISONED(at) __asan_address_is_poisoned(at)
#else
#define POISONED(at) ((void)(at), 1)
#endif

JB_TEST("memory is zeroed and aligned to 16 bytes, whatever its size")
{
    struct jb_arena arena;
    size_t sizes[] = { 0, 1, 15, 16, 17, 4000, 4096, 5000, 100000, 2000000 };

    (void)scope;
    jb_arena_init(&arena, 0);
    CHECK_INT(jb_arena_bytes(&arena), 0);
    for (int round = 0; round < 3; round++)
        for (size_t i = 0; i < JB_COUNT(sizes); i++) {
            unsigned char *at = jb_arena_alloc(&arena, sizes[i]);
            CHECK_INT((uintptr_t)at % 16, 0);
            for (size_t k = 0; k < sizes[i]; k++)
                CHECK_INT(at[k], 0);
            memset(at, 0xAA, sizes[i]);
        }
    jb_arena_done(&arena);
    CHECK_INT(jb_arena_bytes(&arena), 0);
}

JB_TEST("allocations do not overlap")
{
    struct jb_rng rng = { 7 };
    struct jb_arena *arena = jb_scope_arena(scope);
    struct {
        unsigned char *at;
        size_t size;
    } pieces[2000];

    for (size_t i = 0; i < JB_COUNT(pieces); i++) {
        pieces[i].size = jb_rng_below(&rng, 200);
        pieces[i].at = jb_arena_alloc_raw(arena, pieces[i].size);
        memset(pieces[i].at, (int)(i & 0xFF), pieces[i].size);
    }
    for (size_t i = 0; i < JB_COUNT(pieces); i++)
        for (size_t k = 0; k < pieces[i].size; k++)
            CHECK_INT(pieces[i].at[k], i & 0xFF);
}

JB_TEST("a rewind gives back what was allocated since the mark and nothing else")
{
    struct jb_arena arena;

    (void)scope;
    jb_arena_init(&arena, 0);
    char *kept = jb_arena_alloc(&arena, 6);
    memcpy(kept, "kept!", 6);
    struct jb_arena_mark mark = jb_arena_mark(&arena);
    size_t bytes_most = 0;
    for (int i = 0; i < 100; i++) {
        for (int k = 0; k < 50; k++) {
            unsigned char *at = jb_arena_alloc(&arena, 1000);
            CHECK_INT(at[0] | at[999], 0);
            memset(at, 0xFF, 1000);
        }
        bytes_most = i == 0 ? jb_arena_bytes(&arena) : bytes_most;
        CHECK(jb_arena_bytes(&arena) <= bytes_most * 2);
        jb_arena_rewind(&arena, mark);
    }
    CHECK_TEXT(jb_str_of(kept), "kept!");
    jb_arena_done(&arena);
}

JB_TEST("a mark of the empty arena rewinds to empty")
{
    struct jb_arena arena;

    (void)scope;
    jb_arena_init(&arena, 0);
    struct jb_arena_mark mark = jb_arena_mark(&arena);
    for (int i = 0; i < 3; i++) {
        jb_arena_alloc(&arena, 3000000);
        jb_arena_alloc(&arena, 10);
        jb_arena_rewind(&arena, mark);
        CHECK(jb_arena_bytes(&arena) <= (size_t)1 << 20); /* at most the spare chunk */
    }
    jb_arena_done(&arena);
}

JB_TEST("what was not handed out is poisoned under AddressSanitizer")
{
    struct jb_arena arena;

    (void)scope;
    jb_arena_init(&arena, 0);
    struct jb_arena_mark mark = jb_arena_mark(&arena);
    char *at = jb_arena_alloc(&arena, 10);
    CHECK(POISONED(at + 10));
    char *second = jb_arena_alloc(&arena, 10);
#ifndef JB_HOSTILE /* there each allocation has a head of its own before it */
    CHECK(POISONED(second - 1));
#else
    (void)second;
#endif
    jb_arena_rewind(&arena, mark);
    CHECK(POISONED(at));
    jb_arena_done(&arena);
}

static bool dies_at(size_t max, size_t size)
{
    int status;
    pid_t child = fork();

    JB_CHECK(child >= 0);
    if (child == 0) {
        struct jb_arena arena;
        fclose(stderr);
        jb_arena_init(&arena, max);
        for (size_t done = 0; done < size; done += 1000)
            jb_arena_alloc(&arena, 1000);
        _exit(0);
    }
    JB_CHECK(waitpid(child, &status, 0) == child);
    return !(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

JB_TEST("running over the stated maximum aborts, staying below it does not")
{
    (void)scope;
    CHECK(!dies_at(400000, 200000));
    CHECK(dies_at(400000, 500000));
}
