/* test_map.c — the hash table against a plain array. */
// SPDX-License-Identifier: Apache-2.0
#include "base/map.h"
#include "base/random.h"
#include "jb_test.h"

JB_TEST("an empty map has nothing")
{
    struct jb_map map;
    size_t at = 0;

    (void)scope;
    jb_map_init(&map);
    CHECK(jb_map_get(&map, JB_STR("a")) == NULL);
    CHECK(jb_map_remove(&map, JB_STR("a")) == NULL);
    CHECK(jb_map_next(&map, &at) == NULL);
    jb_map_done(&map);
}

JB_TEST("putting a key again replaces its value")
{
    struct jb_map map;
    int one, two;

    (void)scope;
    jb_map_init(&map);
    CHECK(jb_map_put(&map, JB_STR("key"), &one) == NULL);
    CHECK(jb_map_put(&map, JB_STR("key"), &two) == &one);
    CHECK(jb_map_get(&map, JB_STR("key")) == &two);
    CHECK_INT(map.count, 1);
    jb_map_put(&map, JB_STR_NULL, &one);
    CHECK(jb_map_get(&map, JB_STR("")) == &one);
    jb_map_done(&map);
}

#define KEYS 500

JB_TEST("a hundred thousand puts and removes agree with an array")
{
    static int values[2];
    struct jb_str keys[KEYS];
    void *want[KEYS] = { 0 };
    struct jb_rng rng = { 99 };
    struct jb_map map;
    size_t count = 0;

    jb_map_init(&map);
    for (size_t i = 0; i < KEYS; i++)
        keys[i] = jb_format(scope, "key %zu", i);
    for (int step = 0; step < 100000; step++) {
        size_t i = jb_rng_below(&rng, KEYS);
        void *value = jb_rng_below(&rng, 3) ? &values[jb_rng_below(&rng, 2)] : NULL;
        void *before = value ? jb_map_put(&map, keys[i], value) : jb_map_remove(&map, keys[i]);
        CHECK(before == want[i]);
        count += (value != NULL) - (want[i] != NULL);
        want[i] = value;
        CHECK_INT(map.count, count);
        CHECK(map.capacity <= 2048); /* removed places do not make it grow for ever */
    }
    size_t at = 0, seen = 0;
    for (struct jb_map_entry *entry; (entry = jb_map_next(&map, &at)); seen++)
        CHECK(entry->value == jb_map_get(&map, entry->key));
    CHECK_INT(seen, count);
    for (size_t i = 0; i < KEYS; i++)
        CHECK(jb_map_get(&map, keys[i]) == want[i]);
    jb_map_done(&map);
}
