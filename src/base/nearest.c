/* SPDX-License-Identifier: Apache-2.0 */
#include "base/nearest.h"

#define LONGEST 40

/* Edits (insert, delete, replace, swap of neighbours) from a to b; both at most LONGEST bytes. */
static size_t edit_distance(struct str a, struct str b)
{
    size_t rows[3][LONGEST + 1];
    for (size_t j = 0; j <= b.len; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        size_t *row = rows[i % 3], *above = rows[(i + 2) % 3], *two_above = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t best = above[j - 1] + (a.ptr[i - 1] != b.ptr[j - 1]);
            if (above[j] + 1 < best)
                best = above[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            bool is_swap = i > 1 && j > 1 && a.ptr[i - 1] == b.ptr[j - 2] && a.ptr[i - 2] == b.ptr[j - 1];
            if (is_swap && two_above[j - 2] + 1 < best)
                best = two_above[j - 2] + 1;
            row[j] = best;
        }
    }
    return rows[a.len % 3][b.len];
}

const char *nearest_word(struct str word, const char *(*next)(size_t index, const void *user), const void *user)
{
    if (word.len == 0 || word.len > LONGEST)
        return NULL;
    const char *nearest = NULL;
    size_t least = word.len / 3 + 1; /* further away is another word, not a slip */
    for (size_t i = 0;; i++) {
        const char *name = next(i, user);
        if (!name)
            return nearest;
        struct str candidate = str_from_c(name);
        if (candidate.len > LONGEST)
            continue;
        bool is_start = word.len >= 4 && str_starts_with(candidate, word);
        size_t distance = is_start ? 1 : edit_distance(word, candidate);
        if (distance < least || (distance == least && !nearest)) {
            least = distance;
            nearest = name;
        }
    }
}
