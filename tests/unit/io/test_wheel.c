/* SPDX-License-Identifier: Apache-2.0 */
#include "io/wheel.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define TIMERS 200
#define HORIZON_MS (1ull << 30) /* 64^5: the wheel's own reach */

/* A timer, and what a naive list knows about it. */
struct entry {
    struct timer timer;
    uint64_t at_ms; /* 0: not armed */
    unsigned fired;
};

static struct wheel wheel;
static struct entry entries[TIMERS];
static bool is_meddling; /* callbacks arm and disarm others */
static uint64_t seed;

static uint64_t draw(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

/* Mostly near, sometimes on the borders of levels, sometimes beyond the horizon. */
static uint64_t draw_delay(void)
{
    unsigned bits = (unsigned)(draw() % 33);
    uint64_t delay = draw() & ((1ull << bits) - 1);
    return draw() % 4 ? delay : (1ull << bits) + draw() % 3 - 1;
}

static void arm(struct entry *entry, uint64_t at_ms)
{
    wheel_add(&wheel, &entry->timer, at_ms);
    entry->at_ms = at_ms > wheel.now_ms ? at_ms : wheel.now_ms + 1;
}

static void disarm(struct entry *entry)
{
    timer_disarm(&entry->timer);
    entry->at_ms = 0;
}

static uint64_t model_first(void)
{
    uint64_t first = UINT64_MAX;
    for (unsigned i = 0; i < TIMERS; i++) {
        if (entries[i].at_ms && entries[i].at_ms < first)
            first = entries[i].at_ms;
    }
    return first;
}

static void on_fire(struct timer *timer)
{
    struct entry *entry = CONTAINER_OF(timer, struct entry, timer);
    assert_false(timer_is_armed(timer));
    assert_true(entry->at_ms);
    assert_int_equal(entry->at_ms, wheel.now_ms); /* never early, never late */
    assert_int_equal(entry->at_ms, model_first());
    entry->at_ms = 0;
    entry->fired++;
    if (!is_meddling)
        return;
    if (draw() % 2)
        arm(entry, wheel.now_ms + draw_delay());
    struct entry *other = &entries[draw() % TIMERS];
    if (draw() % 2)
        disarm(other);
    else if (draw() % 2)
        arm(other, wheel.now_ms + draw_delay());
}

static int set_up(void **state)
{
    (void)state;
    seed = 0x9e3779b97f4a7c15ull;
    is_meddling = false;
    wheel_init(&wheel, 1234567);
    for (unsigned i = 0; i < TIMERS; i++) {
        timer_init(&entries[i].timer, on_fire);
        entries[i].at_ms = 0;
        entries[i].fired = 0;
    }
    return 0;
}

static void test_timers_fire_at_their_time_as_in_a_plain_list(void **state)
{
    (void)state;
    is_meddling = true;
    for (unsigned step = 0; step < 20000; step++) {
        struct entry *entry = &entries[draw() % TIMERS];
        if (draw() % 8)
            arm(entry, wheel.now_ms + draw_delay());
        else
            disarm(entry);
        uint64_t now = wheel.now_ms + (draw() % 3 ? draw() % 100 : draw_delay());
        wheel_advance(&wheel, now);
        assert_int_equal(wheel.now_ms, now);
        assert_true(model_first() > now);
        assert_true(wheel_next_ms(&wheel) > now);
        assert_true(wheel_next_ms(&wheel) <= model_first());
        for (unsigned i = 0; i < TIMERS; i++)
            assert_int_equal(timer_is_armed(&entries[i].timer), entries[i].at_ms != 0);
    }
}

static void test_next_is_exact_for_what_is_near(void **state)
{
    (void)state;
    assert_int_equal(wheel_next_ms(&wheel), UINT64_MAX);
    for (uint64_t delay = 1; delay < WHEEL_SLOTS; delay++) {
        arm(&entries[0], wheel.now_ms + delay);
        assert_int_equal(wheel_next_ms(&wheel), entries[0].at_ms);
        wheel_advance(&wheel, entries[0].at_ms - 1);
        assert_int_equal(wheel_next_ms(&wheel), entries[0].at_ms);
        wheel_advance(&wheel, entries[0].at_ms);
        assert_int_equal(entries[0].fired, delay);
        assert_int_equal(wheel_next_ms(&wheel), UINT64_MAX);
    }
}

static void test_following_next_meets_every_timer_in_a_few_steps(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 500; round++) {
        uint64_t at = wheel.now_ms + 1 + draw_delay();
        unsigned steps = 0;
        for (arm(&entries[0], at); entries[0].at_ms; steps++) {
            assert_true(wheel_next_ms(&wheel) <= at);
            wheel_advance(&wheel, wheel_next_ms(&wheel));
        }
        assert_int_equal(wheel.now_ms, at);
        assert_in_range(steps, 1, WHEEL_LEVELS + (1ull << 33) / HORIZON_MS);
    }
}

static void test_time_beyond_the_horizon_is_waited_for(void **state)
{
    (void)state;
    uint64_t at = wheel.now_ms + 5 * HORIZON_MS + 17;
    arm(&entries[0], at);
    wheel_advance(&wheel, at - 1);
    assert_int_equal(entries[0].fired, 0);
    wheel_advance(&wheel, at);
    assert_int_equal(entries[0].fired, 1);
}

static void test_time_that_has_passed_is_the_next_millisecond(void **state)
{
    (void)state;
    wheel_add(&wheel, &entries[0].timer, 1);
    entries[0].at_ms = wheel.now_ms + 1;
    assert_int_equal(wheel_next_ms(&wheel), wheel.now_ms + 1);
    wheel_advance(&wheel, wheel.now_ms + 1);
    assert_int_equal(entries[0].fired, 1);
}

static void test_arming_again_moves_a_timer(void **state)
{
    (void)state;
    uint64_t start = wheel.now_ms;
    arm(&entries[0], start + 10);
    arm(&entries[0], start + 5000);
    wheel_advance(&wheel, start + 4999);
    assert_int_equal(entries[0].fired, 0);
    arm(&entries[0], start + 5001);
    wheel_advance(&wheel, start + 6000);
    assert_int_equal(entries[0].fired, 1);
}

static void disarm_neighbour(struct timer *timer)
{
    entries[0].fired++;
    disarm(timer == &entries[0].timer ? &entries[1] : &entries[0]);
}

static void test_callback_may_disarm_one_that_is_due_with_it(void **state)
{
    (void)state;
    entries[0].timer.on_fire = entries[1].timer.on_fire = disarm_neighbour;
    arm(&entries[0], wheel.now_ms + 70);
    arm(&entries[1], wheel.now_ms + 70);
    wheel_advance(&wheel, wheel.now_ms + 100);
    assert_int_equal(entries[0].fired, 1);
    assert_false(timer_is_armed(&entries[0].timer) || timer_is_armed(&entries[1].timer));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_timers_fire_at_their_time_as_in_a_plain_list, set_up),
        cmocka_unit_test_setup(test_next_is_exact_for_what_is_near, set_up),
        cmocka_unit_test_setup(test_following_next_meets_every_timer_in_a_few_steps, set_up),
        cmocka_unit_test_setup(test_time_beyond_the_horizon_is_waited_for, set_up),
        cmocka_unit_test_setup(test_time_that_has_passed_is_the_next_millisecond, set_up),
        cmocka_unit_test_setup(test_arming_again_moves_a_timer, set_up),
        cmocka_unit_test_setup(test_callback_may_disarm_one_that_is_due_with_it, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
