/* map.c — open addressing with linear probing, at most three quarters full.
 *
 * A place is free (no key), removed (a key, no value) or taken.  Removed places keep the probes of others going until the next
 * growth sweeps them out. */
// SPDX-License-Identifier: Apache-2.0
#include "base/map.h"
#include <stdlib.h>

#define CAPACITY_MIN 8

void jb_map_init(struct jb_map *map)
{
    *map = (struct jb_map){ 0 };
}

void jb_map_done(struct jb_map *map)
{
    free(map->entries);
    jb_map_init(map);
}

/* The entry of that key, or the free place where its search ends; the table must have one. */
static struct jb_map_entry *place(const struct jb_map *map, struct jb_str key, uint64_t hash)
{
    for (size_t i = hash;; i++) {
        struct jb_map_entry *entry = &map->entries[i & (map->capacity - 1)];
        if (!entry->key.data || (entry->value && entry->hash == hash && jb_str_equal(entry->key, key)))
            return entry;
    }
}

static void grow(struct jb_map *map)
{
    struct jb_map old = *map;

    map->capacity = CAPACITY_MIN;
    while ((map->count + 1) * 2 > map->capacity)
        map->capacity *= 2;
    map->entries = calloc(map->capacity, sizeof *map->entries);
    JB_CHECK(map->entries);
    map->used = map->count;
    for (size_t i = 0; i < old.capacity; i++)
        if (old.entries[i].value)
            *place(map, old.entries[i].key, old.entries[i].hash) = old.entries[i];
    free(old.entries);
}

void *jb_map_get(const struct jb_map *map, struct jb_str key)
{
    return map->count ? place(map, key, jb_str_hash(key))->value : NULL;
}

void *jb_map_put(struct jb_map *map, struct jb_str key, void *value)
{
    JB_CHECK(value);
    if ((map->used + 1) * 4 > map->capacity * 3)
        grow(map);
    if (!key.data)
        key = JB_STR("");
    uint64_t hash = jb_str_hash(key);
    struct jb_map_entry *entry = place(map, key, hash);
    void *before = entry->value;
    if (!before) {
        map->count++;
        map->used++;
    }
    *entry = (struct jb_map_entry){ key, hash, value };
    return before;
}

void *jb_map_remove(struct jb_map *map, struct jb_str key)
{
    if (map->count == 0)
        return NULL;
    struct jb_map_entry *entry = place(map, key, jb_str_hash(key));
    void *before = entry->value;
    if (before) {
        entry->key = JB_STR(""); /* the caller's key may go now */
        entry->value = NULL;
        map->count--;
    }
    return before;
}

struct jb_map_entry *jb_map_next(const struct jb_map *map, size_t *at)
{
    while (*at < map->capacity) {
        struct jb_map_entry *entry = &map->entries[(*at)++];
        if (entry->value)
            return entry;
    }
    return NULL;
}
