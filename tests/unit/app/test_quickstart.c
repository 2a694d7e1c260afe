/* SPDX-License-Identifier: Apache-2.0 */
#include "app/quickstart.h"

#include "app/option_values.h"
#include "http/head.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define SAFE_METHODS (1u << METHOD_GET | 1u << METHOD_HEAD | 1u << METHOD_OPTIONS)

static void add_shadow(struct settings *settings, const char *text)
{
    struct settings_target *shadow = &settings->shadows[settings->shadow_count++];
    struct err err;
    shadow->numerator = 1;
    shadow->denominator = 2;
    assert_true(target_parse(str_from_c(text), shadow, &err));
}

static void settings_init(struct settings *settings)
{
    struct err err;
    memset(settings, 0, sizeof(*settings));
    assert_true(address_parse(STR("127.0.0.1:8080"), &settings->listen));
    assert_true(target_parse(STR("[::1]:3000"), &settings->live, &err));
}

static void assert_str(struct str got, const char *want)
{
    assert_int_equal(got.len, strlen(want));
    assert_memory_equal(got.ptr, want, got.len);
}

static void test_one_route_with_live_and_shadows(void **state)
{
    (void)state;
    struct settings settings;
    struct arena arena;
    arena_init(&arena, NULL, 0);
    settings_init(&settings);
    add_shadow(&settings, "shop-v2:80");
    add_shadow(&settings, "unix:/run/x");
    struct rule_set rules = quickstart_rules(&settings, 7, &arena);
    assert_int_equal(rules.generation, 7);
    assert_int_equal(rules.socket_count, 1);
    assert_int_equal(rules.listener_count, 1);
    assert_true(address_eq(&rules.sockets[0], &settings.listen));
    assert_int_equal(rules.route_count, 1);
    const struct rule_route *route = &rules.routes[0];
    assert_str(route->label, "default/quickstart#0");
    assert_int_equal(route->backend_count, 1);
    assert_int_equal(route->backends[0].weight, 1);
    assert_int_equal(rules.backend_count, 3);
    assert_str(rules.backends[route->backends[0].backend].label, "[::1]:3000");
    assert_str(rules.backends[0].hosts[0].host, "::1");
    assert_int_equal(rules.backends[0].hosts[0].port, 3000);
    assert_int_equal(route->mirror_count, 2);
    assert_str(route->mirrors[0].label, "shop-v2:80");
    assert_str(rules.backends[route->mirrors[0].backend].hosts[0].host, "shop-v2");
    assert_int_equal(route->mirrors[0].numerator, 1);
    assert_int_equal(route->mirrors[0].denominator, 2);
    assert_int_equal(route->mirrors[0].max_in_flight, 1024);
    assert_str(route->mirrors[1].label, "unix:/run/x");
    struct err err;
    int fd = plan_build(&rules, &err);
    assert_true(fd >= 0);
    arena_deinit(&arena);
}

static void test_a_service_named_twice_is_one_backend_and_two_mirrors(void **state)
{
    (void)state;
    struct settings settings;
    struct arena arena;
    arena_init(&arena, NULL, 0);
    settings_init(&settings);
    add_shadow(&settings, "a:1");
    add_shadow(&settings, "[::1]:3000");
    add_shadow(&settings, "a:1");
    add_shadow(&settings, "a:1");
    struct rule_set rules = quickstart_rules(&settings, 1, &arena);
    const struct rule_mirror *mirrors = rules.routes[0].mirrors;
    assert_int_equal(rules.backend_count, 2);
    assert_str(mirrors[0].label, "a:1");
    assert_int_equal(mirrors[1].backend, 0);
    assert_str(mirrors[2].label, "a:1~2");
    assert_str(mirrors[3].label, "a:1~3");
    assert_int_equal(mirrors[3].backend, mirrors[0].backend);
    arena_deinit(&arena);
}

static uint32_t mask(bool is_mirroring_writes, bool is_safe_methods)
{
    struct settings settings;
    struct arena arena;
    arena_init(&arena, NULL, 0);
    settings_init(&settings);
    add_shadow(&settings, "a:1");
    settings.is_mirroring_writes = is_mirroring_writes;
    settings.is_safe_methods = is_safe_methods;
    uint32_t methods = quickstart_rules(&settings, 1, &arena).routes[0].mirrors[0].method_mask;
    arena_deinit(&arena);
    return methods;
}

static void test_writes_are_copied_only_when_asked_for(void **state)
{
    (void)state;
    assert_int_equal(mask(false, false), SAFE_METHODS);
    assert_int_equal(mask(true, false), UINT32_MAX);
    assert_int_equal(mask(true, true), SAFE_METHODS);
    assert_int_equal(mask(false, true), SAFE_METHODS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_route_with_live_and_shadows),
        cmocka_unit_test(test_a_service_named_twice_is_one_backend_and_two_mirrors),
        cmocka_unit_test(test_writes_are_copied_only_when_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
