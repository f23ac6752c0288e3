/* nearest.c — "did you mean …?": the name that takes the fewest edits. */
// SPDX-License-Identifier: Apache-2.0
#include "base/str.h"
#include <string.h>

#define NAME_BYTES_MAX 64 /* longer names are compared by their beginning */

/* Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b` (optimal string alignment). */
static size_t edits(struct jb_str a, struct jb_str b)
{
    size_t row[3][NAME_BYTES_MAX + 1];

    a.size = JB_MIN(a.size, (size_t)NAME_BYTES_MAX);
    b.size = JB_MIN(b.size, (size_t)NAME_BYTES_MAX);
    for (size_t j = 0; j <= b.size; j++)
        row[0][j] = j;
    for (size_t i = 1; i <= a.size; i++) {
        size_t *now = row[i % 3], *above = row[(i - 1) % 3], *above2 = row[(i + 1) % 3];
        now[0] = i;
        for (size_t j = 1; j <= b.size; j++) {
            size_t least = above[j - 1] + (a.data[i - 1] != b.data[j - 1]);
            least = JB_MIN(least, JB_MIN(above[j], now[j - 1]) + 1);
            if (i > 1 && j > 1 && a.data[i - 1] == b.data[j - 2] && a.data[i - 2] == b.data[j - 1])
                least = JB_MIN(least, above2[j - 2] + 1);
            now[j] = least;
        }
    }
    return row[a.size % 3][b.size];
}

struct jb_str jb_nearest(struct jb_str name, const struct jb_str *names, size_t count)
{
    size_t best = SIZE_MAX;
    struct jb_str nearest = JB_STR_NULL;

    for (size_t i = 0; i < count; i++) {
        size_t distance = edits(name, names[i]);
        if (distance < best) {
            best = distance;
            nearest = names[i];
        }
    }
    size_t compared = JB_MIN(name.size, (size_t)NAME_BYTES_MAX);
    return best <= JB_MAX(compared / 2, (size_t)2) ? nearest : JB_STR_NULL;
}
