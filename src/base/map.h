/* map.h — a hash table from text to pointer.
 *
 * Open addressing, power-of-two table, jb_str_hash.  Keys are borrowed: they must live as long as the entry. */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_BASE_MAP_H
#define JB_BASE_MAP_H

#include "base/str.h"

struct jb_map_entry {
    struct jb_str key;
    uint64_t hash;
    void *value; /* NULL: free or removed */
};

struct jb_map {
    struct jb_map_entry *entries;
    size_t count, used, capacity; /* used counts removed places too */
};

void jb_map_init(struct jb_map *map);
void jb_map_done(struct jb_map *map);
/* NULL when absent. */
void *jb_map_get(const struct jb_map *map, struct jb_str key);
/* value must not be NULL.  Returns what stood there before, or NULL. */
void *jb_map_put(struct jb_map *map, struct jb_str key, void *value);
void *jb_map_remove(struct jb_map *map, struct jb_str key);
/* Walks all entries in no order: size_t at = 0; while ((entry = jb_map_next(map, &at))).  No put or remove meanwhile. */
struct jb_map_entry *jb_map_next(const struct jb_map *map, size_t *at);

#endif
