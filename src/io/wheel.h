/* SPDX-License-Identifier: Apache-2.0 */
/* The hierarchical timer wheel under a loop: 5 levels of 64 slots, 1 ms the finest (about 12 days in all; later times wait
 * in the last slot and are placed anew). Adding and removing are O(1); nothing is scanned while nothing is due. No clock of its own:
 * real and simulated loops feed it their time. After Varghese and Lauck, "Hashed and Hierarchical Timing Wheels" (1987), scheme 6.
 * Thread: the loop's. */
#pragma once

#include "io/timer.h"

#define WHEEL_LEVELS 5
#define WHEEL_SLOTS 64

struct wheel {
    uint64_t now_ms;                 /* all timers at or before this have fired */
    uint64_t occupied[WHEEL_LEVELS]; /* one bit per slot that may hold timers */
    struct list slots[WHEEL_LEVELS][WHEEL_SLOTS];
};

void wheel_init(struct wheel *wheel, uint64_t now_ms);
void wheel_add(struct wheel *wheel, struct timer *timer, uint64_t at_ms);
/* The next moment at which wheel_advance has something to do; UINT64_MAX when there are no timers. */
uint64_t wheel_next_ms(const struct wheel *wheel);
/* Fires what is due up to and including now_ms, in order of time (1 ms resolution). */
void wheel_advance(struct wheel *wheel, uint64_t now_ms);
