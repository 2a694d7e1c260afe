/* SPDX-License-Identifier: Apache-2.0 */
/* Timers of a loop: a hashed wheel with 1 ms ticks (arming and disarming are O(1)); a timer fires in the first turn
 * after its time, never before it, at most one tick late plus the turn. Lifetime: the caller's memory. Thread: the loop's. */
#pragma once

#include "base/list.h"

#include <stdbool.h>
#include <stdint.h>

struct loop;

struct timer {
    struct list node;
    uint64_t at_ms; /* loop time */
    void (*on_fire)(struct timer *timer);
};

void timer_init(struct timer *timer, void (*on_fire)(struct timer *));
/* (Re)arms; the timer is disarmed before on_fire runs. */
void timer_arm(struct loop *loop, struct timer *timer, uint64_t after_ms);
void timer_disarm(struct timer *timer);
bool timer_is_armed(const struct timer *timer);
