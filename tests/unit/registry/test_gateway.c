/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/registry.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static struct registry *registry_of_test(void **state)
{
    return *state;
}

static int setup(void **state)
{
    struct err err;
    int fd;
    *state = registry_new(&fd, &err);
    if (!*state)
        fail_msg("%s", err.text);
    close(fd);
    return 0;
}

static int teardown(void **state)
{
    registry_close(*state);
    return 0;
}

static uint64_t sum(counter *counters, size_t count)
{
    uint64_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += counter_get(&counters[i]);
    return total;
}

static int64_t sum_gauges(_Atomic int64_t *gauges)
{
    int64_t total = 0;
    for (size_t i = 0; i < REGISTRY_GATEWAYS; i++)
        total += atomic_load(&gauges[i]);
    return total;
}

/* Both equations of the accounting, and the limits that follow from them. */
static void assert_exact(struct registry_mirror *mirror)
{
    int64_t queued = sum_gauges(mirror->queued), in_flight = sum_gauges(mirror->in_flight);
    assert_true(queued >= 0 && in_flight >= 0);
    assert_int_equal(counter_get(&mirror->matched),
                     counter_get(&mirror->sampled_out) + sum(mirror->filtered, FILTERED_COUNT) +
                         sum(mirror->dropped, DROPPED_COUNT) + counter_get(&mirror->sent) + (uint64_t)queued);
    assert_int_equal(counter_get(&mirror->sent),
                     sum(mirror->completed, REGISTRY_CODES) + sum(mirror->failed, FAILED_COUNT) + (uint64_t)in_flight);
    assert_int_equal(atomic_load(&mirror->occupied), queued + in_flight);
    assert_int_equal(atomic_load(&mirror->connections), sum_gauges(mirror->gateway_connections));
    assert_int_equal(atomic_load(&mirror->held_bytes), sum_gauges(mirror->gateway_held_bytes));
}

/* The steps of a copy, as a gateway counts them. */
static void count_queued(struct registry_mirror *mirror, unsigned gateway)
{
    counter_add(&mirror->matched, 1);
    gauge_add(&mirror->occupied, 1);
    gauge_add(&mirror->queued[gateway], 1);
    registry_held_bytes_add(mirror, gateway, 100);
}

static void count_sent(struct registry_mirror *mirror, unsigned gateway)
{
    registry_connections_add(mirror, gateway, 1);
    gauge_add(&mirror->queued[gateway], -1);
    counter_add(&mirror->sent, 1);
    gauge_add(&mirror->in_flight[gateway], 1);
}

static void count_completed(struct registry_mirror *mirror, unsigned gateway)
{
    gauge_add(&mirror->in_flight[gateway], -1);
    counter_add(&mirror->completed[registry_code_index(200)], 1);
    gauge_add(&mirror->occupied, -1);
    registry_connections_add(mirror, gateway, -1);
    registry_held_bytes_add(mirror, gateway, -100);
}

static void test_gateways_take_different_slots_until_there_are_none(void **state)
{
    struct registry *registry = registry_of_test(state);
    for (unsigned i = 0; i < REGISTRY_GATEWAYS; i++) {
        assert_int_equal(registry_gateway_take(registry, 100 + (int32_t)i), i);
        assert_int_equal(atomic_load(&registry_gateway_get(registry, i)->pid), 100 + i);
    }
    assert_int_equal(registry_gateway_take(registry, 200), REGISTRY_GATEWAYS);
    registry_gateway_reap(registry, 5);
    assert_int_equal(registry_gateway_take(registry, 200), 5);
}

static void test_reaped_gateway_gives_back_what_it_held(void **state)
{
    struct registry *registry = registry_of_test(state);
    struct registry_mirror *mirror = registry_mirror(registry, STR("a"), STR("b"));
    struct registry_route *route = registry_route(registry, STR("a"), STR("c"));
    unsigned dead = registry_gateway_take(registry, 1), alive = registry_gateway_take(registry, 2);

    for (unsigned i = 0; i < 6; i++)
        count_queued(mirror, dead);
    for (unsigned i = 0; i < 4; i++)
        count_sent(mirror, dead);
    count_completed(mirror, dead);
    count_queued(mirror, alive);
    count_queued(mirror, alive);
    count_sent(mirror, alive);
    counter_add(&route->in_flight[dead], 9);
    counter_add(&route->in_flight[alive], 3);
    assert_exact(mirror);

    registry_gateway_reap(registry, dead);
    assert_exact(mirror);
    assert_int_equal(counter_get(&mirror->dropped[DROPPED_SHUTDOWN]), 2);
    assert_int_equal(counter_get(&mirror->failed[FAILED_RESET]), 3);
    assert_int_equal(counter_get(&mirror->completed[100]), 1);
    assert_int_equal(atomic_load(&mirror->occupied), 2);
    assert_int_equal(atomic_load(&mirror->connections), 1);
    assert_int_equal(atomic_load(&mirror->held_bytes), 200);
    assert_int_equal(counter_get(&route->in_flight[dead]), 0);
    assert_int_equal(counter_get(&route->in_flight[alive]), 3);

    registry_gateway_reap(registry, alive);
    assert_exact(mirror);
    assert_int_equal(atomic_load(&mirror->occupied), 0);
    assert_int_equal(atomic_load(&mirror->held_bytes), 0);
}

static void test_reaped_slot_is_clean_for_the_next_gateway(void **state)
{
    struct registry *registry = registry_of_test(state);
    unsigned slot = registry_gateway_take(registry, 1);
    struct registry_gateway *gateway = registry_gateway_get(registry, slot);
    gauge_add(&gateway->budget_used, 1000);
    gauge_add(&gateway->connections_client, 3);
    counter_add(&gateway->accepted, 3);
    atomic_store(&gateway->is_ready, 1);
    atomic_store(&gateway->is_draining, 1);
    registry_gateway_reap(registry, slot);
    static const struct registry_gateway zero;
    assert_memory_equal(gateway, &zero, sizeof(zero));
}

static void test_half_counted_copies_are_settled_when_nothing_moves(void **state)
{
    struct registry *registry = registry_of_test(state);
    struct registry_mirror *matched = registry_mirror(registry, STR("a"), STR("matched, not yet decided"));
    struct registry_mirror *sent = registry_mirror(registry, STR("a"), STR("sent, not yet in flight"));
    struct registry_mirror *ended = registry_mirror(registry, STR("a"), STR("completed, still in flight"));
    struct registry_mirror *dequeued = registry_mirror(registry, STR("a"), STR("not queued any more, not yet sent"));
    unsigned slot = registry_gateway_take(registry, 1);

    counter_add(&matched->matched, 1);
    gauge_add(&matched->occupied, 1);
    count_queued(sent, slot);
    gauge_add(&sent->queued[slot], -1);
    counter_add(&sent->sent, 1);
    count_queued(ended, slot);
    count_sent(ended, slot);
    counter_add(&ended->completed[100], 1);
    count_queued(dequeued, slot);
    gauge_add(&dequeued->queued[slot], -1);

    registry_gateway_reap(registry, slot);
    assert_exact(matched);
    assert_exact(sent);
    assert_exact(ended);
    assert_exact(dequeued);
    assert_int_equal(counter_get(&matched->dropped[DROPPED_SHUTDOWN]), 1);
    assert_int_equal(counter_get(&sent->failed[FAILED_RESET]), 1);
    assert_int_equal(counter_get(&dequeued->dropped[DROPPED_SHUTDOWN]), 1);
}

static void test_probe_of_a_dead_gateway_does_not_keep_the_breaker_half_open(void **state)
{
    struct registry *registry = registry_of_test(state);
    struct registry_mirror *mirror = registry_mirror(registry, STR("a"), STR("b"));
    unsigned slot = registry_gateway_take(registry, 1);
    atomic_store(&mirror->breaker, BREAKER_HALF_OPEN);
    registry_gateway_reap(registry, slot);
    assert_int_equal(atomic_load(&mirror->breaker), BREAKER_OPEN);
}

/* Copies without end, until it is killed. */
static _Noreturn void be_a_gateway(struct registry *registry, int ready)
{
    unsigned slot = registry_gateway_take(registry, getpid());
    struct registry_mirror *mirror = registry_mirror(registry, STR("a"), STR("b"));
    for (unsigned i = 0; i < 40; i++)
        count_queued(mirror, slot);
    for (unsigned i = 0; i < 20; i++)
        count_sent(mirror, slot);
    if (write(ready, "x", 1) != 1)
        _exit(1);
    for (;;) {
        count_queued(mirror, slot);
        count_sent(mirror, slot);
        count_completed(mirror, slot);
    }
}

static unsigned slot_of(struct registry *registry, pid_t pid)
{
    for (unsigned i = 0; i < REGISTRY_GATEWAYS; i++) {
        if (atomic_load(&registry_gateway_get(registry, i)->pid) == pid)
            return i;
    }
    fail_msg("no slot of %d", pid);
    return 0;
}

static void test_equations_hold_after_gateways_were_killed_at_work(void **state)
{
    struct registry *registry = registry_of_test(state);
    struct registry_mirror *mirror = registry_mirror(registry, STR("a"), STR("b"));
    for (unsigned round = 0; round < 20; round++) {
        pid_t pids[2];
        int pipes[2];
        char byte;
        assert_int_equal(pipe(pipes), 0);
        for (unsigned i = 0; i < 2; i++) {
            pids[i] = fork();
            if (pids[i] == 0)
                be_a_gateway(registry, pipes[1]);
            assert_int_equal(read(pipes[0], &byte, 1), 1);
        }
        for (unsigned i = 0; i < 2; i++) {
            kill(pids[i], SIGKILL);
            assert_int_equal(waitpid(pids[i], NULL, 0), pids[i]);
            registry_gateway_reap(registry, slot_of(registry, pids[i]));
        }
        assert_exact(mirror);
        assert_int_equal(atomic_load(&mirror->occupied), 0);
        close(pipes[0]);
        close(pipes[1]);
    }
    assert_true(counter_get(&mirror->dropped[DROPPED_SHUTDOWN]) >= 20 * 2 * 19);
    assert_true(counter_get(&mirror->failed[FAILED_RESET]) >= 20 * 2 * 19);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_gateways_take_different_slots_until_there_are_none),
        TEST(test_reaped_gateway_gives_back_what_it_held),
        TEST(test_reaped_slot_is_clean_for_the_next_gateway),
        TEST(test_half_counted_copies_are_settled_when_nothing_moves),
        TEST(test_probe_of_a_dead_gateway_does_not_keep_the_breaker_half_open),
        TEST(test_equations_hold_after_gateways_were_killed_at_work),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
