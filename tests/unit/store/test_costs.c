/* SPDX-License-Identifier: Apache-2.0 */
/* What keeping things costs on this machine. The bounds are far from what is usual: they are for mistakes in the order of magnitude. */
#include "store/store.h"

#include "base/mem.h"
#include "fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#define COMMITS 20
#define SLOTS 50
#define SLOT_BYTES (20 * 1024)
#define SAMPLES 5000
#define SAMPLE_BYTES 4000

static double seconds_of(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void test_what_a_minute_of_fifty_mirrors_costs(void **state)
{
    const struct fixture *fixture = *state;
    struct store *store = open_quietly(fixture->directory);
    char *tally = mem_alloc(SLOT_BYTES);
    memset(tally, '1', SLOT_BYTES);
    double wall = seconds_of(CLOCK_MONOTONIC), cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
    for (uint64_t i = 0; i < COMMITS; i++) {
        assert_true(store_begin(store));
        for (int mirror = 0; mirror < SLOTS; mirror++) {
            char name[24];
            int len = snprintf(name, sizeof(name), "mirror %d", mirror);
            const struct store_key key = {STR("route"), {name, (size_t)len}, STR("1"), STR("2")};
            store_add_slot(store, &key, T0_NS + i, T0_NS + i + 1, (struct str){tally, SLOT_BYTES});
        }
        assert_true(store_commit(store));
    }
    wall = seconds_of(CLOCK_MONOTONIC) - wall;
    cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    print_message("commits of %d slots of %d KiB: %.1f a second, %.1f ms of CPU each, %.2f bytes on disk per byte\n",
                  SLOTS, SLOT_BYTES / 1024, COMMITS / wall, cpu / COMMITS * 1000,
                  (double)store_counts(store).bytes / ((double)COMMITS * SLOTS * SLOT_BYTES));
    assert_true(cpu / COMMITS < 1);
    mem_free(tally);
    store_close(store);
}

static void test_what_a_sample_costs(void **state)
{
    const struct fixture *fixture = *state;
    struct store *store = open_quietly(fixture->directory);
    static char text[SAMPLE_BYTES];
    memset(text, 's', sizeof(text));
    double cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
    for (unsigned i = 0; i < SAMPLES; i++) {
        char name[24];
        int len = snprintf(name, sizeof(name), "finding %u", i / 10);
        store_add_sample(store, (struct str){name, (size_t)len}, T0_NS + i, (struct str){text, sizeof(text)});
        if (i % 100 == 99)
            assert_true(store_commit(store));
    }
    assert_true(store_commit(store));
    cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    assert_int_equal(store_counts(store).samples, SAMPLES);
    double each = (double)store_counts(store).bytes / SAMPLES;
    print_message("a sample of %d bytes: %.0f bytes on disk (with the WAL), %.0f us of CPU\n", SAMPLE_BYTES, each,
                  cpu / SAMPLES * 1e6);
    assert_true(each < 3.0 * SAMPLE_BYTES);
    store_close(store);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_what_a_minute_of_fifty_mirrors_costs),
        TEST(test_what_a_sample_costs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
