/* SPDX-License-Identifier: Apache-2.0 */
#include "app/quickstart.h"

#include "app/option_values.h"
#include "app/rules_read.h"
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

/* What the flags come to, on the way that files go; there must be no error. */
static struct compiled *compile_settings(const struct settings *settings)
{
    struct manifests *manifests = rules_read(settings, NULL);
    struct compile_options options = rules_options(settings);
    struct compiled *compiled = compile(manifests, &options);
    assert_int_equal(manifests->problems.errors, 0);
    assert_int_equal(compiled->problems.errors, 0);
    manifests_unref(manifests);
    return compiled;
}

static void test_one_route_with_live_and_shadows(void **state)
{
    (void)state;
    struct settings settings;
    settings_init(&settings);
    add_shadow(&settings, "shop-v2:80");
    add_shadow(&settings, "unix:/run/x");
    struct compiled *compiled = compile_settings(&settings);
    const struct rule_set *rules = &compiled->rules;
    assert_int_equal(rules->socket_count, 1);
    assert_int_equal(rules->listener_count, 1);
    assert_true(address_eq(&rules->sockets[0], &settings.listen));
    assert_int_equal(rules->route_count, 1);
    const struct rule_route *route = &rules->routes[0];
    assert_str(route->label, "default/quickstart#0");
    assert_int_equal(route->backend_count, 1);
    assert_int_equal(rules->backend_count, 3);
    assert_str(rules->backends[route->backends[0].backend].label, "[::1]:3000");
    assert_str(rules->backends[route->backends[0].backend].hosts[0].host, "::1");
    assert_int_equal(rules->backends[route->backends[0].backend].hosts[0].port, 3000);
    assert_int_equal(route->mirror_count, 2);
    assert_str(route->mirrors[0].label, "shop-v2:80");
    assert_str(route->mirrors[1].label, "unix:/run/x");
    assert_str(rules->backends[route->mirrors[1].backend].hosts[0].host, "unix:/run/x");
    assert_int_equal(route->mirrors[0].numerator * 2, route->mirrors[0].denominator);
    assert_int_equal(route->mirrors[0].method_mask, SAFE_METHODS);
    assert_int_equal(route->mirrors[0].max_in_flight, 1024);
    assert_int_equal(route->mirrors[0].window_bytes, 1 << 20);
    compiled_free(compiled);
}

static void test_a_service_named_twice_is_one_backend(void **state)
{
    (void)state;
    struct settings settings;
    settings_init(&settings);
    add_shadow(&settings, "a:1");
    add_shadow(&settings, "a:1");
    add_shadow(&settings, "[::1]:3000");
    struct compiled *compiled = compile_settings(&settings);
    const struct rule_route *route = &compiled->rules.routes[0];
    assert_int_equal(compiled->rules.backend_count, 2);
    assert_int_equal(route->mirror_count, 3);
    assert_str(route->mirrors[0].label, "a:1");
    assert_str(route->mirrors[1].label, "a:1~2");
    assert_str(route->mirrors[2].label, "[::1]:3000");
    assert_int_equal(route->mirrors[2].backend, route->backends[0].backend);
    compiled_free(compiled);
}

static void test_all_methods_are_copied_when_writes_are(void **state)
{
    (void)state;
    struct settings settings;
    settings_init(&settings);
    add_shadow(&settings, "a:1");
    settings.is_mirroring_writes = 1;
    struct compiled *compiled = compile_settings(&settings);
    assert_int_equal(compiled->rules.routes[0].mirrors[0].method_mask, UINT32_MAX);
    compiled_free(compiled);
}

static void test_sampling_by_key_reaches_every_mirror(void **state)
{
    (void)state;
    static const struct {
        enum plan_key key;
        const char *name, *want;
    } cases[] = {
        {KEY_HEADER, "x-user-id", "x-user-id"},
        {KEY_COOKIE, "session", "session"},
        {KEY_QUERY, "a\"b: c", "a\"b: c"},
        {KEY_CLIENT_IP, "", ""},
        {KEY_TRACE_ID, "", ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct settings settings;
        settings_init(&settings);
        add_shadow(&settings, "a:1");
        add_shadow(&settings, "b:2");
        settings.sampling = SAMPLING_HASH;
        settings.key = cases[i].key;
        strncpy(settings.key_name, cases[i].name, sizeof(settings.key_name) - 1);
        struct compiled *compiled = compile_settings(&settings);
        for (size_t k = 0; k < 2; k++) {
            const struct rule_mirror *mirror = &compiled->rules.routes[0].mirrors[k];
            assert_int_equal(mirror->sampling, SAMPLING_HASH);
            assert_int_equal(mirror->key, cases[i].key);
            assert_str(mirror->key_name, cases[i].want);
        }
        compiled_free(compiled);
    }
}

static void set_control(struct settings *settings, const char *text)
{
    struct err err;
    settings->has_control = 1;
    settings->is_comparing = 1;
    assert_true(target_parse(str_from_c(text), &settings->control, &err));
}

static void test_every_shadow_gets_the_control(void **state)
{
    (void)state;
    struct settings settings;
    settings_init(&settings);
    add_shadow(&settings, "a:1");
    add_shadow(&settings, "b:2");
    set_control(&settings, "twin:3");
    struct compiled *compiled = compile_settings(&settings);
    const struct rule_route *route = &compiled->rules.routes[0];
    static const char *const labels[] = {"a:1", "twin:3", "b:2", "twin:3~2"};
    assert_int_equal(route->mirror_count, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_str(route->mirrors[i].label, labels[i]);
        assert_int_equal(route->mirrors[i].is_control, i % 2);
        assert_int_equal(route->mirrors[i].method_mask, SAFE_METHODS);
        assert_int_equal(route->mirrors[i].comparison->samples, KEEP_FULL);
    }
    assert_int_equal(compiled->rules.backend_count, 4);
    assert_int_equal(compiled->attention, 0);
    compiled_free(compiled);
}

static void test_a_control_that_has_a_name_already_keeps_it(void **state)
{
    (void)state;
    struct settings settings;
    settings_init(&settings);
    add_shadow(&settings, "a:1");
    add_shadow(&settings, "b:2");
    set_control(&settings, "b:2");
    struct compiled *compiled = compile_settings(&settings);
    const struct rule_route *route = &compiled->rules.routes[0];
    assert_int_equal(route->mirror_count, 3); /* b:2 is no control of itself */
    assert_true(route->mirrors[1].is_control && !route->mirrors[2].is_control);
    assert_str(route->mirrors[1].label, "b:2");
    assert_str(route->mirrors[2].label, "b:2~2");
    compiled_free(compiled);
    set_control(&settings, "[::1]:3000");
    compiled = compile_settings(&settings);
    assert_int_equal(compiled->rules.routes[0].mirror_count, 4);
    assert_int_equal(compiled->rules.routes[0].mirrors[1].backend, compiled->rules.routes[0].backends[0].backend);
    compiled_free(compiled);
}

static void test_with_compare_off_answers_are_not_compared(void **state)
{
    (void)state;
    struct settings settings;
    settings_init(&settings);
    add_shadow(&settings, "a:1");
    struct compiled *compiled = compile_settings(&settings);
    assert_null(compiled->rules.routes[0].mirrors[0].comparison);
    compiled_free(compiled);
}

static void test_without_shadows_there_is_a_plain_route(void **state)
{
    (void)state;
    struct settings settings;
    settings_init(&settings);
    struct compiled *compiled = compile_settings(&settings);
    assert_int_equal(compiled->rules.backend_count, 1);
    assert_int_equal(compiled->rules.routes[0].mirror_count, 0);
    assert_int_equal(compiled->attention, 0);
    compiled_free(compiled);
}

static void test_a_free_port_and_a_unix_path_have_manifests_too(void **state)
{
    (void)state;
    static const char *const addresses[] = {"127.0.0.1:0", "unix:/run/umbra.sock"};
    for (size_t i = 0; i < 2; i++) {
        struct settings settings;
        settings_init(&settings);
        assert_true(address_parse(str_from_c(addresses[i]), &settings.listen));
        struct compiled *compiled = compile_settings(&settings);
        assert_int_equal(compiled->rules.socket_count, 1);
        compiled_free(compiled);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_route_with_live_and_shadows),
        cmocka_unit_test(test_a_service_named_twice_is_one_backend),
        cmocka_unit_test(test_all_methods_are_copied_when_writes_are),
        cmocka_unit_test(test_sampling_by_key_reaches_every_mirror),
        cmocka_unit_test(test_every_shadow_gets_the_control),
        cmocka_unit_test(test_a_control_that_has_a_name_already_keeps_it),
        cmocka_unit_test(test_with_compare_off_answers_are_not_compared),
        cmocka_unit_test(test_without_shadows_there_is_a_plain_route),
        cmocka_unit_test(test_a_free_port_and_a_unix_path_have_manifests_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
