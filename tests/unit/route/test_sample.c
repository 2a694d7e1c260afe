/* SPDX-License-Identifier: Apache-2.0 */
#include "route/sample.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define ID_A 0x0123456789abcdefull
#define ID_B 0x0123456789abcdeeull /* one bit apart */

static const uint32_t fractions[][2] = {
    {1, 2},    {1, 3},      {2, 3},    {1, 5},      {3, 4},      {1, 4},    {5, 7},    {1, 8},        {1, 9},  {1, 100},
    {99, 100}, {333, 1000}, {1, 1000}, {512, 1024}, {511, 1023}, {1, 1025}, {77, 129}, {9999, 10000}, {6, 17}, {32, 64},
};

static void test_even_takes_exactly_the_numerator_of_every_block(void **state)
{
    (void)state;
    static const uint64_t starts[] = {0, 1ull << 32, 1ull << 62};
    for (size_t f = 0; f < sizeof(fractions) / sizeof(fractions[0]); f++) {
        uint32_t n = fractions[f][0], d = fractions[f][1];
        for (size_t s = 0; s < sizeof(starts) / sizeof(starts[0]); s++) {
            uint64_t start = starts[s] / d * d;
            for (unsigned block = 0; block < 20; block++) {
                uint32_t taken = 0;
                for (uint32_t i = 0; i < d; i++)
                    taken += sample_even(start + (uint64_t)block * d + i, n, d, ID_A);
                assert_int_equal(taken, n);
            }
        }
    }
}

static void test_even_takes_nothing_at_0_and_everything_at_100_percent(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 1000; i++) {
        assert_false(sample_even(i, 0, 1, ID_A));
        assert_false(sample_even(i, 0, 100, ID_A));
        assert_true(sample_even(i, 1, 1, ID_A));
        assert_true(sample_even(i, 100, 100, ID_A));
    }
    assert_true(sample_even(UINT64_MAX, 1, 1, ID_A));
    assert_false(sample_even(UINT64_MAX, 0, 1, ID_A));
}

static void test_even_of_a_large_block_is_spread_over_it(void **state)
{
    (void)state;
    static const uint32_t d = 1000000000;
    uint32_t taken = 0;
    /* 1 in 1,000 requests of the first million of a block of a billion: about a thousand, 6 sigma either way */
    for (uint64_t i = 0; i < 1000000; i++)
        taken += sample_even(i, d / 1000, d, ID_A);
    assert_in_range(taken, 1000 - 190, 1000 + 190);
    /* The largest denominator that fits in the plan. */
    taken = 0;
    for (uint64_t i = 0; i < 1000000; i++)
        taken += sample_even(i, UINT32_MAX / 2, UINT32_MAX, ID_A);
    assert_in_range(taken, 500000 - 3000, 500000 + 3000);
}

static void test_even_gives_every_place_of_a_block_the_same_chance(void **state)
{
    (void)state;
    static const uint32_t small[][2] = {{1, 2}, {1, 3}, {2, 3}, {1, 5}, {3, 7}, {5, 8}, {3, 10}, {1, 17}};
    static const uint32_t blocks = 20000;
    for (size_t f = 0; f < sizeof(small) / sizeof(small[0]); f++) {
        uint32_t n = small[f][0], d = small[f][1];
        uint32_t at[17] = {0};
        for (uint64_t i = 0; i < (uint64_t)blocks * d; i++)
            at[i % d] += sample_even(i, n, d, ID_A);
        uint32_t mean = blocks * n / d;
        for (uint32_t i = 0; i < d; i++)
            assert_in_range(at[i], mean - 430, mean + 430); /* 6 sigma at most */
    }
}

static void test_even_takes_every_pair_of_places_about_equally_often(void **state)
{
    (void)state;
    /* 2 of 5: ten pairs of places; 6 sigma of 20,000 / 10 is 255 */
    uint32_t pairs[32] = {0};
    for (uint64_t block = 0; block < 20000; block++) {
        uint32_t set = 0;
        for (unsigned i = 0; i < 5; i++)
            set |= (uint32_t)sample_even(block * 5 + i, 2, 5, ID_A) << i;
        pairs[set]++;
    }
    for (uint32_t set = 0; set < 32; set++) {
        if (__builtin_popcount(set) == 2)
            assert_in_range(pairs[set], 2000 - 255, 2000 + 255);
        else
            assert_int_equal(pairs[set], 0);
    }
}

static void test_even_does_not_tie_neighbours_together_in_larger_blocks(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {17, 20, 25, 32, 50, 64, 100, 1000, 1024};
    for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
        uint32_t d = sizes[s], n = d / 2, both = 0;
        for (uint64_t block = 0; block < 20000; block++)
            both += sample_even(block * d + 3, n, d, ID_A) && sample_even(block * d + 4, n, d, ID_A);
        uint32_t mean = (uint32_t)(20000ull * n * (n - 1) / ((uint64_t)d * (d - 1)));
        assert_in_range(both, mean - 370, mean + 370); /* 6 sigma */
    }
}

static void count_combinations(uint32_t n, uint32_t d, uint64_t a, uint64_t b, uint32_t *combinations)
{
    for (uint64_t i = 0; i < 40000; i++)
        combinations[sample_even(i, n, d, a) * 2 + sample_even(i, n, d, b)]++;
}

static void test_two_mirrors_at_half_give_all_four_combinations_equally(void **state)
{
    (void)state;
    static const uint32_t halves[][2] = {{1, 2}, {2, 4}, {50, 100}, {500, 1000}, {512, 1024}, {500000000, 1000000000}};
    for (size_t f = 0; f < sizeof(halves) / sizeof(halves[0]); f++) {
        uint32_t combinations[4] = {0};
        count_combinations(halves[f][0], halves[f][1], ID_A, ID_B, combinations);
        for (unsigned i = 0; i < 4; i++)
            assert_in_range(combinations[i], 10000 - 900, 10000 + 900);
    }
}

static void test_many_pairs_of_mirrors_are_independent(void **state)
{
    (void)state;
    for (uint64_t id = 1; id <= 40; id++) {
        uint32_t combinations[4] = {0};
        count_combinations(1, 5, id, id * 0x9e3779b97f4a7c15ull, combinations);
        assert_int_equal(combinations[2] + combinations[3], 8000);
        assert_int_equal(combinations[1] + combinations[3], 8000);
        assert_in_range(combinations[3], 1600 - 250, 1600 + 250);
    }
}

static void test_even_does_not_repeat_from_block_to_block(void **state)
{
    (void)state;
    uint32_t same = 0;
    for (uint64_t i = 0; i < 40000; i++)
        same += sample_even(i, 1, 2, ID_A) == sample_even(i + 2, 1, 2, ID_A);
    assert_in_range(same, 20000 - 900, 20000 + 900);
}

static void test_random_follows_the_draw(void **state)
{
    (void)state;
    assert_true(sample_random(0, 1, 100));
    assert_false(sample_random(UINT64_MAX, 99, 100));
    assert_true(sample_random(UINT64_MAX, 1, 1));
    assert_false(sample_random(0, 0, 1));
    assert_true(sample_random((1ull << 63) - 1, 1, 2));
    assert_false(sample_random(1ull << 63, 1, 2));
}

static bool hash_of_user(unsigned user, struct str salt, uint32_t percent)
{
    char text[16];
    struct str key = {text, (size_t)snprintf(text, sizeof(text), "user-%u", user)};
    return sample_hash(key, salt, percent, 100);
}

static void test_hash_takes_its_share_of_the_keys(void **state)
{
    (void)state;
    uint32_t taken = 0;
    for (unsigned user = 0; user < 100000; user++)
        taken += hash_of_user(user, STR("spring"), 20);
    assert_in_range(taken, 20000 - 760, 20000 + 760);
}

static void test_smaller_hash_set_lies_inside_the_larger(void **state)
{
    (void)state;
    for (unsigned user = 0; user < 5000; user++) {
        for (uint32_t percent = 1; percent <= 100; percent++) {
            if (hash_of_user(user, STR("spring"), percent - 1))
                assert_true(hash_of_user(user, STR("spring"), percent));
        }
        assert_false(hash_of_user(user, STR("spring"), 0));
        assert_true(hash_of_user(user, STR("spring"), 100));
        /* also with other denominators: 5 % in 1/19 in 1/10 */
        char text[16];
        struct str key = {text, (size_t)snprintf(text, sizeof(text), "user-%u", user)};
        if (sample_hash(key, STR("s"), 5, 100))
            assert_true(sample_hash(key, STR("s"), 1, 19));
        if (sample_hash(key, STR("s"), 1, 19))
            assert_true(sample_hash(key, STR("s"), 100000000, 1000000000));
    }
}

static void test_salts_choose_independently(void **state)
{
    (void)state;
    uint32_t both = 0;
    for (unsigned user = 0; user < 40000; user++)
        both += hash_of_user(user, STR("spring"), 50) && hash_of_user(user, STR("autumn"), 50);
    assert_in_range(both, 10000 - 520, 10000 + 520);
}

static void test_hash_choice_is_the_same_in_every_release(void **state)
{
    (void)state;
    /* Known answers: if one changes, replicas of two releases disagree about whom they copy. */
    static const char want[] = "0100001000010000000000001001100110000000";
    char got[sizeof(want)] = {0};
    for (unsigned user = 0; user < sizeof(want) - 1; user++)
        got[user] = hash_of_user(user, STR("spring"), 20) ? '1' : '0';
    assert_string_equal(got, want);
    assert_int_equal(sample_hash(STR_NONE, STR_NONE, 1, 2), sample_hash(STR(""), STR(""), 1, 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_even_takes_exactly_the_numerator_of_every_block),
        cmocka_unit_test(test_even_takes_nothing_at_0_and_everything_at_100_percent),
        cmocka_unit_test(test_even_of_a_large_block_is_spread_over_it),
        cmocka_unit_test(test_even_gives_every_place_of_a_block_the_same_chance),
        cmocka_unit_test(test_even_takes_every_pair_of_places_about_equally_often),
        cmocka_unit_test(test_even_does_not_tie_neighbours_together_in_larger_blocks),
        cmocka_unit_test(test_two_mirrors_at_half_give_all_four_combinations_equally),
        cmocka_unit_test(test_many_pairs_of_mirrors_are_independent),
        cmocka_unit_test(test_even_does_not_repeat_from_block_to_block),
        cmocka_unit_test(test_random_follows_the_draw),
        cmocka_unit_test(test_hash_takes_its_share_of_the_keys),
        cmocka_unit_test(test_smaller_hash_set_lies_inside_the_larger),
        cmocka_unit_test(test_salts_choose_independently),
        cmocka_unit_test(test_hash_choice_is_the_same_in_every_release),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
