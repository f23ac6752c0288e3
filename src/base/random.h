/* random.h — secrets from the kernel, and a seeded generator for sample data, jitter and tests. */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_BASE_RANDOM_H
#define JB_BASE_RANDOM_H

#include "base/str.h"

/* getrandom(2); aborts when the kernel has none. */
void jb_random_bytes(void *out, size_t size);
uint64_t jb_random_u64(void);
/* `size` characters of a-z A-Z 0-9 (62 symbols, no bias) and a final NUL: out needs size + 1. */
void jb_random_token(char *out, size_t size);
/* Time-sortable id for requests, 26 characters of Crockford base 32 (ULID): out needs 27. */
void jb_random_ulid(char out[27]);

/* Reproducible: the same seed gives the same numbers on every machine (splitmix64). */
struct jb_rng {
    uint64_t state;
};
uint64_t jb_rng_next(struct jb_rng *rng);
/* 0 <= n < limit, without bias worth mentioning; limit > 0. */
uint64_t jb_rng_below(struct jb_rng *rng, uint64_t limit);

/* Constant time for equal lengths. */
bool jb_secret_equal(struct jb_str a, struct jb_str b);

#endif
