/* test_random.c — secrets differ, also after a fork; the seeded generator does not. */
// SPDX-License-Identifier: Apache-2.0
#include "base/random.h"
#include "base/time.h"
#include "jb_test.h"
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

JB_TEST("random bytes of all sizes are filled to the last")
{
    size_t sizes[] = { 1, 8, 63, 64, 65, 256, 257, 1000 };
    unsigned char bytes[1000], seen[1000];

    (void)scope;
    for (size_t i = 0; i < JB_COUNT(sizes); i++) {
        memset(seen, 0, sizeof seen);
        for (int round = 0; round < 8; round++) { /* a byte that is 0 eight times was not filled */
            memset(bytes, 0, sizeof bytes);
            jb_random_bytes(bytes, sizes[i]);
            for (size_t k = 0; k < sizes[i]; k++)
                seen[k] |= bytes[k];
        }
        for (size_t k = 0; k < sizes[i]; k++)
            CHECK(seen[k] != 0);
    }
    CHECK(jb_random_u64() != jb_random_u64());
}

JB_TEST("a forked child gets other random bytes than its parent")
{
    unsigned char mine[16], childs[16];
    int pipe_fds[2], status;

    (void)scope;
    jb_random_bytes(mine, sizeof mine); /* fills the pool that the child inherits */
    CHECK_INT(pipe(pipe_fds), 0);
    pid_t child = fork();
    if (child == 0) {
        jb_random_bytes(childs, sizeof childs);
        _exit(write(pipe_fds[1], childs, sizeof childs) != sizeof childs);
    }
    jb_random_bytes(mine, sizeof mine);
    CHECK_INT(read(pipe_fds[0], childs, sizeof childs), sizeof childs);
    CHECK_INT(waitpid(child, &status, 0), child);
    CHECK_INT(status, 0);
    CHECK(memcmp(mine, childs, sizeof mine) != 0);
}

JB_TEST("a token has 62 kinds of characters, each about as often")
{
    char token[41];
    int counts[128] = { 0 }, kinds = 0;

    (void)scope;
    for (int i = 0; i < 1000; i++) {
        jb_random_token(token, 40);
        CHECK_INT(strlen(token), 40);
        for (int k = 0; k < 40; k++)
            counts[(unsigned char)token[k] & 127]++;
    }
    for (int c = 0; c < 128; c++) {
        bool allowed = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        CHECK(allowed == (counts[c] > 0));
        kinds += allowed;
        if (allowed)
            CHECK(counts[c] > 430 && counts[c] < 880); /* 645 expected, nine standard deviations */
    }
    CHECK_INT(kinds, 62);
}

JB_TEST("an id for a request begins with its time")
{
    char first[27], second[27], later[27];

    (void)scope;
    jb_clock_hold((struct jb_time){ INT64_C(1469918176385) * 1000 }); /* the example of the ULID specification: 01ARYZ6S41 */
    jb_random_ulid(first);
    jb_random_ulid(second);
    jb_clock_advance_us(1000);
    jb_random_ulid(later);
    CHECK_TEXT(jb_str_slice(jb_str_of(first), 0, 10), "01ARYZ6S41");
    CHECK_INT(strlen(first), 26);
    CHECK_INT(memcmp(first, second, 10), 0);
    CHECK(memcmp(first, second, 26) != 0);
    CHECK(memcmp(first, later, 10) < 0);
    CHECK_INT(strspn(first, "0123456789ABCDEFGHJKMNPQRSTVWXYZ"), 26);
}

JB_TEST("the same seed gives the same numbers")
{
    struct jb_rng rng = { 1234567 };

    (void)scope; /* splitmix64's published sequence */
    CHECK_INT(jb_rng_next(&rng), UINT64_C(6457827717110365317));
    CHECK_INT(jb_rng_next(&rng), UINT64_C(3203168211198807973));
    CHECK_INT(jb_rng_next(&rng), UINT64_C(9817491932198370423));
    bool seen[6] = { false };
    for (int i = 0; i < 1000; i++)
        seen[jb_rng_below(&rng, 6)] = true;
    for (int i = 0; i < 6; i++)
        CHECK(seen[i]);
    CHECK_INT(jb_rng_below(&rng, 1), 0);
}

JB_TEST("secrets are equal only when every byte is")
{
    (void)scope;
    CHECK(jb_secret_equal(JB_STR("secret"), JB_STR("secret")));
    CHECK(!jb_secret_equal(JB_STR("secret"), JB_STR("Secret")));
    CHECK(!jb_secret_equal(JB_STR("secret"), JB_STR("secreT")));
    CHECK(!jb_secret_equal(JB_STR("secret"), JB_STR("secret ")));
    CHECK(jb_secret_equal(JB_STR(""), JB_STR_NULL));
}
