/* SPDX-License-Identifier: Apache-2.0 */
#include "analyze/pairs.h"

#include "base/mem.h"
#include "base/random.h"

#include <xxhash.h>

#define PAIRS_BUCKETS 1024 /* to begin with; doubled as long as there are more gatherings */

struct gathering_key {
    uint64_t id_hi, id_lo, worker;
};

struct gathering {
    struct list by_age;
    struct gathering *next; /* of its bucket */
    uint64_t hash;
    struct gathering_key key;
    uint64_t until_ns;
    struct leg *live;   /* NULL: not yet */
    struct list copies; /* legs */
    unsigned known;     /* of these */
    unsigned over;      /* of these, those that are not on their way any more */
    unsigned void_copies;
};

void pairs_init(struct pairs *pairs, const struct pairs_handlers *handlers, void *user, struct room *room,
                uint64_t deadline_ns)
{
    struct random random;
    random_init(&random);
    *pairs = (struct pairs){.handlers = handlers,
                            .user = user,
                            .deadline_ns = deadline_ns,
                            .seed = random_next(&random),
                            .bucket_count = PAIRS_BUCKETS};
    list_init(&pairs->by_age);
    leg_memory_init(&pairs->memory, room);
    pairs->gatherings = slab_new("gatherings", sizeof(struct gathering));
    pairs->buckets = mem_alloc(PAIRS_BUCKETS * sizeof(struct gathering *));
}

static uint64_t hash_of(const struct pairs *pairs, const struct gathering_key *key)
{
    return XXH3_64bits_withSeed(key, sizeof(*key), pairs->seed);
}

static struct gathering **slot_of(struct pairs *pairs, uint64_t hash)
{
    return &pairs->buckets[hash & (pairs->bucket_count - 1)];
}

static void grow(struct pairs *pairs)
{
    struct gathering **old = pairs->buckets;
    size_t old_count = pairs->bucket_count;
    pairs->bucket_count *= 2;
    pairs->buckets = mem_alloc(pairs->bucket_count * sizeof(struct gathering *));
    for (size_t i = 0; i < old_count; i++) {
        for (struct gathering *each = old[i], *next; each; each = next) {
            struct gathering **slot = slot_of(pairs, each->hash);
            next = each->next;
            each->next = *slot;
            *slot = each;
        }
    }
    mem_free(old);
}

static struct gathering *find(struct pairs *pairs, const struct gathering_key *key, uint64_t hash)
{
    for (struct gathering *each = *slot_of(pairs, hash); each; each = each->next) {
        if (each->hash == hash && memcmp(&each->key, key, sizeof(*key)) == 0)
            return each;
    }
    return NULL;
}

/* NULL: no room. */
static struct gathering *add(struct pairs *pairs, const struct gathering_key *key, uint64_t hash)
{
    if (!room_take(pairs->memory.room, sizeof(struct gathering)))
        return NULL;
    if (pairs->count >= pairs->bucket_count)
        grow(pairs);
    struct gathering *gathering = slab_take(pairs->gatherings);
    struct gathering **slot = slot_of(pairs, hash);
    *gathering = (struct gathering){.key = *key, .hash = hash, .next = *slot};
    *slot = gathering;
    list_init(&gathering->copies);
    list_init(&gathering->by_age);
    pairs->count++;
    return gathering;
}

static void gathering_free(struct pairs *pairs, struct gathering *gathering)
{
    struct gathering **at = slot_of(pairs, gathering->hash);
    while (*at != gathering)
        at = &(*at)->next;
    *at = gathering->next;
    list_remove(&gathering->by_age);
    if (gathering->live)
        leg_free(&pairs->memory, gathering->live);
    while (!list_is_empty(&gathering->copies))
        leg_free(&pairs->memory, CONTAINER_OF(gathering->copies.next, struct leg, node));
    room_give(pairs->memory.room, sizeof(struct gathering));
    slab_give(pairs->gatherings, gathering);
    pairs->count--;
}

void pairs_deinit(struct pairs *pairs)
{
    while (!list_is_empty(&pairs->by_age))
        gathering_free(pairs, CONTAINER_OF(pairs->by_age.next, struct gathering, by_age));
    mem_free(pairs->buckets);
    slab_free(pairs->gatherings);
    leg_memory_deinit(&pairs->memory);
}

static struct leg *find_copy(struct gathering *gathering, enum record_leg kind, uint64_t leg_id)
{
    for (struct list *node = gathering->copies.next; node != &gathering->copies; node = node->next) {
        struct leg *leg = CONTAINER_OF(node, struct leg, node);
        if (leg->kind == kind && leg->leg_id == leg_id)
            return leg;
    }
    return NULL;
}

static struct leg *find_leg(struct gathering *gathering, enum record_leg kind, uint64_t leg_id)
{
    return kind == LEG_LIVE ? gathering->live : find_copy(gathering, kind, leg_id);
}

/* NULL: no room. */
static struct leg *add_leg(struct pairs *pairs, struct gathering *gathering, enum record_leg kind, uint64_t leg_id)
{
    if (kind != LEG_LIVE && gathering->known >= PAIRS_COPIES)
        return NULL;
    struct leg *leg = leg_new(&pairs->memory, kind, leg_id);
    if (leg && kind == LEG_LIVE) {
        gathering->live = leg;
    } else if (leg) {
        list_add(&gathering->copies, &leg->node);
        gathering->known++;
    }
    return leg;
}

static bool is_over(const struct leg *leg)
{
    return leg && leg->progress != LEG_COMING;
}

/* Hands on the shadow's pair; `is_last_call`: its control does not come any more. */
static void settle_shadow(struct pairs *pairs, struct gathering *gathering, struct leg *shadow, bool is_last_call)
{
    struct leg *live = gathering->live;
    if (shadow->kind != LEG_SHADOW || shadow->progress != LEG_WHOLE || !is_over(live))
        return;
    if (live->progress == LEG_VOID) {
        pairs->counts.alone++;
        pairs->handlers->on_alone(pairs->user, shadow);
        leg_settle(&pairs->memory, shadow);
        return;
    }
    struct leg *control = find_copy(gathering, LEG_CONTROL, shadow->leg_id);
    if (!is_over(control) && !is_last_call && pairs->handlers->has_control(pairs->user, live, shadow))
        return;
    bool is_there = control && control->progress == LEG_WHOLE;
    pairs->handlers->on_pair(pairs->user, live, shadow, is_there ? control : NULL);
    leg_settle(&pairs->memory, shadow);
    if (is_there)
        leg_settle(&pairs->memory, control);
}

static void settle_all(struct pairs *pairs, struct gathering *gathering, bool is_last_call)
{
    for (struct list *node = gathering->copies.next; node != &gathering->copies; node = node->next)
        settle_shadow(pairs, gathering, CONTAINER_OF(node, struct leg, node), is_last_call);
}

static bool is_complete(const struct gathering *gathering)
{
    const struct leg *live = gathering->live;
    return live && live->progress == LEG_WHOLE && gathering->over >= live->end.copies;
}

/* The deadline is over, or everything has come. */
static void finish(struct pairs *pairs, struct gathering *gathering)
{
    struct leg *live = gathering->live;
    settle_all(pairs, gathering, true);
    bool is_live_whole = live && live->progress == LEG_WHOLE;
    for (struct list *node = gathering->copies.next; node != &gathering->copies; node = node->next) {
        struct leg *leg = CONTAINER_OF(node, struct leg, node);
        if (leg->kind != LEG_SHADOW || leg->progress != LEG_WHOLE)
            continue;
        pairs->counts.alone++;
        pairs->handlers->on_alone(pairs->user, leg);
    }
    unsigned came = gathering->over - gathering->void_copies;
    if (is_live_whole && live->end.copies > came)
        pairs->handlers->on_missing(pairs->user, live, live->end.copies - came, &gathering->copies);
    gathering_free(pairs, gathering);
}

static void on_over(struct pairs *pairs, struct gathering *gathering, struct leg *leg)
{
    pairs->counts.legs++;
    if (leg->progress == LEG_VOID)
        pairs->counts.void_legs++;
    if (leg->kind == LEG_LIVE) {
        if (leg->progress == LEG_WHOLE)
            pairs->handlers->on_live(pairs->user, leg);
        settle_all(pairs, gathering, false);
    } else {
        gathering->over++;
        gathering->void_copies += leg->progress == LEG_VOID;
        struct leg *shadow = leg->kind == LEG_SHADOW ? leg : find_copy(gathering, LEG_SHADOW, leg->leg_id);
        if (shadow)
            settle_shadow(pairs, gathering, shadow, false);
    }
    if (is_complete(gathering))
        finish(pairs, gathering);
}

static void stay(struct pairs *pairs, struct gathering *gathering)
{
    gathering->until_ns = pairs->now_ns + pairs->deadline_ns;
    list_remove(&gathering->by_age);
    list_add(&pairs->by_age, &gathering->by_age);
}

/* A part was refused: its leg, if it is known, is void, so that its partners do not wait for it. */
static void refuse(struct pairs *pairs, unsigned worker, struct str record)
{
    struct record_part part;
    pairs->counts.no_memory++;
    if (record.len < sizeof(part))
        return;
    memcpy(&part, record.ptr, sizeof(part));
    struct gathering_key key = {part.id_hi, part.id_lo, worker};
    struct gathering *gathering = find(pairs, &key, hash_of(pairs, &key));
    struct leg *leg = gathering ? find_leg(gathering, part.leg, part.leg_id) : NULL;
    if (!leg || leg->progress != LEG_COMING)
        return;
    leg_void(&pairs->memory, leg);
    on_over(pairs, gathering, leg);
}

enum pairs_result pairs_add(struct pairs *pairs, unsigned worker, struct str record)
{
    struct record_view view;
    bool is_damaged;
    pairs->counts.parts++;
    struct leg_part *part = leg_part_read(&pairs->memory, record, &view, &is_damaged);
    if (!part && is_damaged) {
        pairs->counts.damaged++;
        return PAIRS_DAMAGED;
    }
    if (!part) {
        refuse(pairs, worker, record);
        return PAIRS_NO_MEMORY;
    }
    struct gathering_key key = {view.part.id_hi, view.part.id_lo, worker};
    uint64_t hash = hash_of(pairs, &key);
    struct gathering *gathering = find(pairs, &key, hash);
    if (!gathering)
        gathering = add(pairs, &key, hash);
    struct leg *leg = gathering ? find_leg(gathering, view.part.leg, view.part.leg_id) : NULL;
    if (gathering && !leg)
        leg = add_leg(pairs, gathering, view.part.leg, view.part.leg_id);
    if (gathering)
        stay(pairs, gathering);
    if (!leg) {
        leg_part_free(&pairs->memory, part);
        pairs->counts.no_memory++;
        return PAIRS_NO_MEMORY;
    }
    if (leg->progress != LEG_COMING || view.part.number < leg->next_part)
        pairs->counts.duplicates++;
    bool was_over = is_over(leg);
    leg_add_part(&pairs->memory, leg, part, &view);
    if (!was_over && is_over(leg))
        on_over(pairs, gathering, leg);
    return PAIRS_OK;
}

void pairs_tick(struct pairs *pairs, uint64_t now_ns)
{
    if (now_ns > pairs->now_ns)
        pairs->now_ns = now_ns;
    while (!list_is_empty(&pairs->by_age)) {
        struct gathering *oldest = CONTAINER_OF(pairs->by_age.next, struct gathering, by_age);
        if (oldest->until_ns > pairs->now_ns)
            return;
        finish(pairs, oldest);
    }
}
