/* random.c — the kernel's randomness, fetched 256 bytes at a time per thread.
 *
 * Bytes are wiped when handed out.  A forked child must not hand out its parent's: the child counts one generation on, and a
 * buffer of another generation is empty. */
// SPDX-License-Identifier: Apache-2.0
#include "base/random.h"
#include "base/base_private.h"
#include "base/time.h"
#include <pthread.h>
#include <sys/random.h>

#define POOL_BYTES 256 /* getrandom gives that many in one piece, whatever signals come */

static _Thread_local struct {
    unsigned char bytes[POOL_BYTES];
    size_t left;
    unsigned generation;
} pool;
static unsigned generation;

static void after_fork(void)
{
    generation++; /* the child has one thread */
}

__attribute__((constructor)) static void watch_forks(void)
{
    JB_CHECK(pthread_atfork(NULL, NULL, after_fork) == 0);
}

static void fetch(void *out, size_t size)
{
    for (size_t at = 0; at < size;) {
        ssize_t got = getrandom((char *)out + at, JB_MIN(size - at, (size_t)POOL_BYTES), 0);
        JB_CHECK(got > 0);
        at += (size_t)got;
    }
}

void jb_random_bytes(void *out, size_t size)
{
    if (size > POOL_BYTES / 4) {
        fetch(out, size);
        return;
    }
    if (pool.left < size || pool.generation != generation) {
        fetch(pool.bytes, POOL_BYTES);
        pool.left = POOL_BYTES;
        pool.generation = generation;
    }
    pool.left -= size;
    memcpy(out, pool.bytes + pool.left, size);
    explicit_bzero(pool.bytes + pool.left, size);
}

uint64_t jb_random_u64(void)
{
    uint64_t number;
    jb_random_bytes(&number, sizeof number);
    return number;
}

void jb_random_token(char *out, size_t size)
{
    static const char symbols[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

    for (size_t at = 0; at < size;) {
        unsigned char byte;
        jb_random_bytes(&byte, 1);
        if (byte < 62 * 4) /* the rest would favour the first symbols */
            out[at++] = symbols[byte % 62];
    }
    out[size] = '\0';
}

void jb_random_ulid(char out[27])
{
    static const char symbols[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    unsigned char bytes[16];
    uint64_t ms = (uint64_t)jb_now().us / 1000;

    for (int i = 5; i >= 0; i--, ms >>= 8)
        bytes[i] = (unsigned char)ms;
    jb_random_bytes(bytes + 6, 10);
    jb__uint128 number = 0;
    for (size_t i = 0; i < sizeof bytes; i++)
        number = number << 8 | bytes[i];
    for (int i = 25; i >= 0; i--, number >>= 5)
        out[i] = symbols[(unsigned)number & 31];
    out[26] = '\0';
}

uint64_t jb_rng_next(struct jb_rng *rng)
{
    uint64_t z = rng->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

uint64_t jb_rng_below(struct jb_rng *rng, uint64_t limit)
{
    JB_CHECK(limit > 0);
    return (uint64_t)((jb__uint128)jb_rng_next(rng) * limit >> 64);
}

bool jb_secret_equal(struct jb_str a, struct jb_str b)
{
    unsigned char difference = 0;

    if (a.size != b.size)
        return false;
    for (size_t i = 0; i < a.size; i++)
        difference |= (unsigned char)(a.data[i] ^ b.data[i]);
    __asm__ volatile(""
                     : "+r"(difference)); /* keeps the compiler from leaving the loop early */
    return difference == 0;
}
