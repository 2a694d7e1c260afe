/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/flags.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

static void test_input_reaches_every_mirror(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL, 0);
    struct flags_target shadows[2] = {
        {.label = STR("a:1"), .host = STR("a"), .port = 1, .numerator = 1, .denominator = 3},
        {.label = STR("b:2"), .host = STR("b"), .port = 2, .numerator = 2, .denominator = 3},
    };
    struct cidr trusted;
    assert_true(cidr_parse(STR("10.0.0.0/8"), &trusted));
    struct flags_input input = {
        .live = {.label = STR("l:9"), .host = STR("l"), .port = 9},
        .shadows = shadows,
        .shadow_count = 2,
        .method_mask = 6,
        .sampling = SAMPLING_HASH,
        .key = KEY_COOKIE,
        .key_name = STR("session"),
        .trusted_proxies = &trusted,
        .trusted_proxy_count = 1,
    };
    assert_true(address_parse(STR("[::1]:8080"), &input.listen));
    struct rule_set rules = flags_rules(&input, 3, &arena);
    assert_int_equal(rules.generation, 3);
    assert_ptr_equal(rules.trusted_proxies, &trusted);
    assert_int_equal(rules.trusted_proxy_count, 1);
    for (size_t i = 0; i < 2; i++) {
        const struct rule_mirror *mirror = &rules.routes[0].mirrors[i];
        assert_int_equal(mirror->backend, i + 1);
        assert_int_equal(mirror->method_mask, 6);
        assert_int_equal(mirror->sampling, SAMPLING_HASH);
        assert_int_equal(mirror->key, KEY_COOKIE);
        assert_true(str_eq(mirror->key_name, STR("session")));
        assert_int_equal(mirror->numerator, i + 1);
        assert_int_equal(mirror->denominator, 3);
        assert_int_equal(mirror->window_bytes, 1 << 20);
    }
    struct err err;
    int fd = plan_build(&rules, &err);
    assert_true(fd >= 0);
    close(fd);
    arena_deinit(&arena);
}

static void test_without_shadows_there_is_a_plain_route(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL, 0);
    struct flags_input input = {.live = {.label = STR("l:9"), .host = STR("l"), .port = 9}};
    assert_true(address_parse(STR("127.0.0.1:80"), &input.listen));
    struct rule_set rules = flags_rules(&input, 1, &arena);
    assert_int_equal(rules.backend_count, 1);
    assert_int_equal(rules.routes[0].mirror_count, 0);
    struct err err;
    int fd = plan_build(&rules, &err);
    assert_true(fd >= 0);
    close(fd);
    arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_input_reaches_every_mirror),
        cmocka_unit_test(test_without_shadows_there_is_a_plain_route),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
