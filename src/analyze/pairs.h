/* SPDX-License-Identifier: Apache-2.0 */
/* Where the legs of an exchange gather until they make pairs: live with a shadow, and with that shadow's control where there is one. A pair
 * is handed on as soon as all that belongs to it is there; how many copies there are stands in live's end. What has not come by the
 * deadline does not come: a shadow without its control is a pair without one, and a copy without live is alone.
 * Lifetime: pairs_init to pairs_deinit. Thread: the analyst's. */
#pragma once

#include "analyze/legs.h"

/* Copies of one request that are followed; a plan has fewer. */
#define PAIRS_COPIES 256

/* Legs are borrowed for the call. */
struct pairs_handlers {
    /* Live is whole, and copies may still be on their way. */
    void (*on_live)(void *user, const struct leg *live);
    /* The shadow's mirror has a control, so that its leg will come. */
    bool (*has_control)(void *user, const struct leg *live, const struct leg *shadow);
    /* Once per shadow; `control`: NULL when there is none, or when it did not come. */
    void (*on_pair)(void *user, const struct leg *live, const struct leg *shadow, const struct leg *control);
    /* A shadow whose live leg is void or did not come. */
    void (*on_alone)(void *user, const struct leg *shadow);
    /* The deadline is over, and so many copies did not come or were void; `copies` are those that came. */
    void (*on_missing)(void *user, const struct leg *live, unsigned missing, const struct list *copies);
};

struct pairs_counts {
    uint64_t parts, damaged, no_memory, duplicates;
    uint64_t legs, void_legs, alone;
};

struct gathering;
struct pairs {
    const struct pairs_handlers *handlers;
    void *user;
    struct leg_memory memory;
    struct slab *gatherings;
    uint64_t deadline_ns; /* from the last part that came */
    uint64_t now_ns;
    uint64_t seed;
    struct list by_age; /* gatherings, those whose last part came first first */
    struct gathering **buckets;
    size_t bucket_count, count;
    struct pairs_counts counts;
};

void pairs_init(struct pairs *pairs, const struct pairs_handlers *handlers, void *user, struct room *room,
                uint64_t deadline_ns);
void pairs_deinit(struct pairs *pairs);

enum pairs_result { PAIRS_OK, PAIRS_DAMAGED, PAIRS_NO_MEMORY };
/* One part of a leg, of one worker's ring; hostile bytes. */
enum pairs_result pairs_add(struct pairs *pairs, unsigned worker, struct str record);
/* Time goes on: what is over its deadline is handed on as it is. */
void pairs_tick(struct pairs *pairs, uint64_t now_ns);
