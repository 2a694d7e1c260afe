/* SPDX-License-Identifier: Apache-2.0 */
#include "io/wheel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define TIMERS 60
#define START 1234567ull

/* A timer, and what a list of times without any wheel says of it. */
struct watched {
    struct timer timer; /* first */
    uint64_t due_ms;    /* 0: not armed */
    unsigned fired;
};

static struct watched watched[TIMERS];
static struct wheel wheel;
static uint64_t last_fired_ms, seed;

static uint64_t draw(uint64_t below)
{
    seed = seed * 6364136223846793005ull + 1442695040888963407ull;
    return (seed >> 24) % below;
}

/* Near, far, and beyond the wheel's horizon of twelve days. */
static uint64_t some_delay(void)
{
    static const uint64_t spans[] = {2, 70, 5000, 300000, 40000000, 3000000000};
    return draw(spans[draw(6)]);
}

static void arm(struct watched *w)
{
    uint64_t at = wheel.now_ms + some_delay();
    wheel_add(&wheel, &w->timer, at);
    w->due_ms = at > wheel.now_ms ? at : wheel.now_ms + 1;
}

static void on_fire(struct timer *timer)
{
    struct watched *w = (struct watched *)timer;
    assert_false(timer_is_armed(timer));
    assert_true(w->due_ms > 0 && w->due_ms <= wheel.now_ms);
    assert_true(w->due_ms >= last_fired_ms);
    last_fired_ms = w->due_ms;
    w->due_ms = 0;
    w->fired++;
    struct watched *other = &watched[draw(TIMERS)];
    switch (draw(6)) { /* a callback may do anything to any timer, itself included */
    case 0: arm(w); break;
    case 1: arm(other); break;
    case 2:
        timer_disarm(&other->timer);
        other->due_ms = 0;
        break;
    default: break;
    }
}

static uint64_t earliest(void)
{
    uint64_t at = UINT64_MAX;
    for (int i = 0; i < TIMERS; i++) {
        if (watched[i].due_ms && watched[i].due_ms < at)
            at = watched[i].due_ms;
    }
    return at;
}

static void advance(uint64_t now_ms)
{
    last_fired_ms = 0;
    wheel_advance(&wheel, now_ms);
    assert_int_equal(wheel.now_ms, now_ms);
    assert_true(earliest() > now_ms); /* all that was due has fired */
    for (int i = 0; i < TIMERS; i++)
        assert_int_equal(timer_is_armed(&watched[i].timer), watched[i].due_ms != 0);
    assert_true(wheel_next_ms(&wheel) <= earliest());
    assert_true(wheel_next_ms(&wheel) > now_ms);
}

static int setup(void **state)
{
    (void)state;
    seed = 1;
    last_fired_ms = 0;
    wheel_init(&wheel, START);
    for (int i = 0; i < TIMERS; i++) {
        watched[i] = (struct watched){.due_ms = 0};
        timer_init(&watched[i].timer, on_fire);
    }
    return 0;
}

static void test_a_random_life_agrees_with_a_list_of_times(void **state)
{
    (void)state;
    for (seed = 1; seed < 50; seed++) {
        uint64_t own = seed;
        setup(NULL);
        seed = own;
        for (int step = 0; step < 2000; step++) {
            struct watched *w = &watched[draw(TIMERS)];
            uint64_t what = draw(10);
            if (what < 5) {
                arm(w);
            } else if (what < 6) {
                timer_disarm(&w->timer);
                w->due_ms = 0;
            } else if (what < 9) {
                advance(wheel.now_ms + some_delay());
            } else {
                uint64_t next = wheel_next_ms(&wheel); /* as the loop does: sleep until there is something to do */
                if (next != UINT64_MAX)
                    advance(next);
            }
        }
        seed = own;
    }
}

static void test_a_timer_fires_at_its_time_and_not_before(void **state)
{
    (void)state;
    static const uint64_t delays[] = {1,    2,    63,     64,     65,       127,        128,       4095,
                                      4096, 4097, 262143, 262144, 16777216, 1073741824, 5000000000};
    for (size_t i = 0; i < sizeof delays / sizeof *delays; i++) {
        setup(NULL);
        watched[0].due_ms = START + delays[i];
        wheel_add(&wheel, &watched[0].timer, watched[0].due_ms);
        for (int k = 1; k < TIMERS; k++)
            watched[k].fired = 0;
        wheel_advance(&wheel, START + delays[i] - 1);
        assert_int_equal(watched[0].fired, 0);
        wheel_advance(&wheel, START + delays[i]);
        assert_int_equal(watched[0].fired, 1);
    }
}

static void test_a_time_in_the_past_fires_at_the_next_tick(void **state)
{
    (void)state;
    watched[0].due_ms = START + 1;
    wheel_add(&wheel, &watched[0].timer, 5);
    wheel_advance(&wheel, START);
    assert_int_equal(watched[0].fired, 0);
    wheel_advance(&wheel, START + 1);
    assert_int_equal(watched[0].fired, 1);
}

static void test_an_empty_wheel_has_nothing_to_do(void **state)
{
    (void)state;
    assert_true(wheel_next_ms(&wheel) == UINT64_MAX);
    wheel_advance(&wheel, START + 1000000000000ull);
    assert_int_equal(wheel.now_ms, START + 1000000000000ull);
}

static void test_arming_again_moves_a_timer(void **state)
{
    (void)state;
    wheel_add(&wheel, &watched[0].timer, START + 10);
    wheel_add(&wheel, &watched[0].timer, START + 1000);
    watched[0].due_ms = START + 1000;
    wheel_advance(&wheel, START + 999);
    assert_int_equal(watched[0].fired, 0);
    wheel_advance(&wheel, START + 1000);
    assert_int_equal(watched[0].fired, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_a_random_life_agrees_with_a_list_of_times, setup),
        cmocka_unit_test_setup(test_a_timer_fires_at_its_time_and_not_before, setup),
        cmocka_unit_test_setup(test_a_time_in_the_past_fires_at_the_next_tick, setup),
        cmocka_unit_test_setup(test_an_empty_wheel_has_nothing_to_do, setup),
        cmocka_unit_test_setup(test_arming_again_moves_a_timer, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
