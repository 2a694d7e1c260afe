/* SPDX-License-Identifier: Apache-2.0 */
#include "io/wheel.h"

#define LEVEL_BITS 6
#define SLOT_MASK (WHEEL_SLOTS - 1)

void timer_init(struct timer *timer, void (*on_fire)(struct timer *))
{
    list_init(&timer->node);
    timer->at_ms = 0;
    timer->on_fire = on_fire;
}

void timer_disarm(struct timer *timer)
{
    list_remove(&timer->node);
}

bool timer_is_armed(const struct timer *timer)
{
    return list_is_linked(&timer->node);
}

void wheel_init(struct wheel *wheel, uint64_t now_ms)
{
    wheel->now_ms = now_ms;
    for (int level = 0; level < WHEEL_LEVELS; level++) {
        wheel->occupied[level] = 0;
        for (int slot = 0; slot < WHEEL_SLOTS; slot++)
            list_init(&wheel->slots[level][slot]);
    }
}

/* The lowest level on which the time is less than one turn away. */
static void wheel_place(struct wheel *wheel, struct timer *timer)
{
    int level = 0;
    uint64_t at = timer->at_ms;
    while (level < WHEEL_LEVELS - 1 &&
           (at >> (LEVEL_BITS * level)) - (wheel->now_ms >> (LEVEL_BITS * level)) >= WHEEL_SLOTS)
        level++;
    uint64_t tick = at >> (LEVEL_BITS * level);
    uint64_t now_tick = wheel->now_ms >> (LEVEL_BITS * level);
    if (tick - now_tick >= WHEEL_SLOTS)
        tick = now_tick + WHEEL_SLOTS - 1; /* beyond the horizon: placed anew from there */
    unsigned slot = tick & SLOT_MASK;
    list_add(&wheel->slots[level][slot], &timer->node);
    wheel->occupied[level] |= 1ull << slot;
}

void wheel_add(struct wheel *wheel, struct timer *timer, uint64_t at_ms)
{
    list_remove(&timer->node);
    timer->at_ms = at_ms > wheel->now_ms ? at_ms : wheel->now_ms + 1;
    wheel_place(wheel, timer);
}

/* When the next occupied slot of a level begins, or UINT64_MAX. The current slot of a level is always empty. */
static uint64_t level_next_ms(const struct wheel *wheel, int level)
{
    uint64_t bits = wheel->occupied[level];
    if (!bits)
        return UINT64_MAX;
    uint64_t tick = wheel->now_ms >> (LEVEL_BITS * level);
    unsigned from = (unsigned)((tick + 1) & SLOT_MASK);
    uint64_t turned = from ? (bits >> from) | (bits << (WHEEL_SLOTS - from)) : bits;
    return (tick + 1 + (uint64_t)__builtin_ctzll(turned)) << (LEVEL_BITS * level);
}

uint64_t wheel_next_ms(const struct wheel *wheel)
{
    uint64_t next = UINT64_MAX;
    for (int level = 0; level < WHEEL_LEVELS; level++) {
        uint64_t at = level_next_ms(wheel, level);
        if (at < next)
            next = at;
    }
    return next;
}

/* Takes the slot that begins now off a level. */
static void slot_take(struct wheel *wheel, int level, struct list *into)
{
    unsigned slot = (wheel->now_ms >> (LEVEL_BITS * level)) & SLOT_MASK;
    wheel->occupied[level] &= ~(1ull << slot);
    list_move_all(into, &wheel->slots[level][slot]);
}

/* The wheel stands at the beginning of at least one slot: spread the coarse ones, fire the finest. */
static void wheel_tick(struct wheel *wheel)
{
    struct list moved, due;
    struct list *node;
    list_init(&moved);
    list_init(&due);
    for (int level = WHEEL_LEVELS - 1; level > 0; level--) {
        if (wheel->now_ms & ((1ull << (LEVEL_BITS * level)) - 1))
            continue;
        slot_take(wheel, level, &moved);
    }
    while ((node = list_take_first(&moved))) {
        struct timer *timer = CONTAINER_OF(node, struct timer, node);
        if (timer->at_ms <= wheel->now_ms)
            list_add(&due, node);
        else
            wheel_place(wheel, timer);
    }
    slot_take(wheel, 0, &due);
    while ((node = list_take_first(&due))) {
        struct timer *timer = CONTAINER_OF(node, struct timer, node);
        timer->on_fire(timer);
    }
}

void wheel_advance(struct wheel *wheel, uint64_t now_ms)
{
    for (;;) {
        uint64_t next = wheel_next_ms(wheel);
        if (next > now_ms)
            break;
        wheel->now_ms = next;
        wheel_tick(wheel);
    }
    if (now_ms > wheel->now_ms)
        wheel->now_ms = now_ms;
}
