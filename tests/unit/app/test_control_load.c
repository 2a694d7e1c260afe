/* SPDX-License-Identifier: Apache-2.0 */
#include "app/control_load.h"

#include "manifest/manifests.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#define GATEWAY \
    "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: gw}\nspec:\n" \
    "  gatewayClassName: umbra\n  listeners:\n  - {name: one, port: 8080, protocol: HTTP}\n" \
    "  - {name: two, port: 8081, protocol: HTTP}\n---\n"
#define ROUTE \
    "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: shop}\nspec:\n" \
    "  parentRefs: [{name: gw}]\n  rules:\n  - backendRefs: [{group: umbra.dev, kind: Backend, name: v1}]\n---\n"
#define BACKEND(endpoints) \
    "apiVersion: umbra.dev/v1alpha1\nkind: Backend\nmetadata: {name: v1}\nspec: {endpoints: [" endpoints "]}\n"
#define ONE "{host: 127.0.0.1, port: 1}"
#define TWO "{host: 127.0.0.1, port: 2}"

static const struct settings settings = {.file_count = 1};

static struct load *load_of(const char *text)
{
    struct manifests *manifests = manifests_new();
    manifests_read(manifests, STR("rules.yaml"), str_from_c(text));
    return load_new(&(struct load_from){.settings = &settings, .manifests = manifests});
}

static const struct endpoints *endpoints_with(const char *text, bool is_guarded)
{
    struct err err;
    struct load *load = load_of(text);
    for (size_t i = 0; i < load->rules.backends[0].host_count; i++)
        ((struct rule_host *)(uintptr_t)load->rules.backends[0].hosts)[i].is_guarded = is_guarded;
    load_take_names(load, NULL, NULL); /* literals alone */
    int fd = load_endpoints(load, 1, &err);
    assert_true(fd >= 0);
    const struct endpoints *endpoints = endpoints_map(fd, &err);
    assert_non_null(endpoints);
    close(fd);
    load_free(load);
    return endpoints;
}

static const struct endpoints *endpoints_of(const char *text)
{
    return endpoints_with(text, false);
}

static void test_a_guarded_host_has_no_address_that_only_this_machine_or_link_can_reach(void **state)
{
    (void)state;
    const char *text = GATEWAY ROUTE BACKEND("{host: 127.0.0.1, port: 1}, {host: 169.254.169.254, port: 1}, "
                                             "{host: '::1', port: 1}, {host: 192.0.2.1, port: 1}");
    const struct endpoints *guarded = endpoints_with(text, true), *open = endpoints_of(text);
    size_t count;
    const struct address *addresses = endpoints_find(guarded, STR("default/v1"), &count);
    assert_int_equal(count, 1);
    assert_int_equal(addresses[0].ip[0], 192);
    (void)endpoints_find(open, STR("default/v1"), &count);
    assert_int_equal(count, 4);
    endpoints_unmap(guarded);
    endpoints_unmap(open);
}

static void test_the_order_of_hosts_is_no_difference(void **state)
{
    (void)state;
    const struct endpoints *one = endpoints_of(GATEWAY ROUTE BACKEND(ONE ", " TWO));
    const struct endpoints *other = endpoints_of(GATEWAY ROUTE BACKEND(TWO ", " ONE ", " TWO));
    const struct endpoints *less = endpoints_of(GATEWAY ROUTE BACKEND(ONE));
    size_t count;
    const struct address *addresses = endpoints_find(one, STR("default/v1"), &count);
    assert_int_equal(count, 2);
    assert_true(addresses[0].port == 1 && addresses[1].port == 2);
    assert_true(endpoints_eq(one, other));
    assert_false(endpoints_eq(one, less));
    endpoints_unmap(one);
    endpoints_unmap(other);
    endpoints_unmap(less);
}

static void test_a_socket_that_is_taken_is_an_error_of_its_listener(void **state)
{
    (void)state;
    struct address admin;
    assert_true(address_parse(STR("127.0.0.1:9900"), &admin));
    struct load *load = load_of(GATEWAY ROUTE BACKEND(ONE));
    assert_int_equal(load->rules.socket_count, 2);
    load_say_sockets(load, &admin);
    assert_int_equal(load->problems.errors, 0);
    load->socket_errors[1] = EADDRINUSE;
    load_say_sockets(load, &admin);
    assert_int_equal(load->problems.errors, 1);
    const struct problem *problem = &load->problems.list[load->problems.count - 1];
    assert_true(str_eq(problem->kind, STR("Gateway")) && str_eq(problem->name, STR("gw")));
    assert_true(str_eq(problem->field, STR("spec.listeners[1].port")));
    assert_true(str_eq(problem->reason, STR("PortUnavailable")));
    assert_int_equal(problem->line, 8);
    assert_true(str_starts_with(problem->text, STR("listener two: can't listen on [::]:8081: ")));
    assert_int_equal(load->listeners[0].address.port, 8080);
    assert_int_equal(load->listeners[1].address.family, ADDRESS_NONE);
    load_free(load);
}

static void test_a_port_that_needs_rights_has_two_remedies(void **state)
{
    (void)state;
    struct address admin;
    assert_true(address_parse(STR("127.0.0.1:9900"), &admin));
    struct load *load = load_of(GATEWAY ROUTE BACKEND(ONE));
    load->socket_errors[0] = EACCES;
    load_say_sockets(load, &admin);
    const struct problem *problem = &load->problems.list[load->problems.count - 1];
    assert_non_null(strstr(problem->text.ptr, "--port-offset 8000"));
    assert_non_null(strstr(problem->text.ptr, "CAP_NET_BIND_SERVICE"));
    load_free(load);
}

static void test_errors_are_counted_by_resource(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t errors;
    } cases[] = {
        {GATEWAY ROUTE BACKEND(ONE), 0},
        {GATEWAY ROUTE BACKEND("{host: 127.0.0.1, port: 0, prot: 1}"), 1}, /* though two things are wrong in it */
        {"kind: [\n", 1},
        {"kind: [\n---\nkind: [\n", 1},
    };
    struct address admin;
    assert_true(address_parse(STR("127.0.0.1:9900"), &admin));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct load *load = load_of(cases[i].text);
        load_say_sockets(load, &admin);
        if (problems_count_resources(&load->problems, NULL, SEVERITY_ERROR) != cases[i].errors)
            fail_msg("case %zu: %zu errors", i, problems_count_resources(&load->problems, NULL, SEVERITY_ERROR));
        load_free(load);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_guarded_host_has_no_address_that_only_this_machine_or_link_can_reach),
        cmocka_unit_test(test_the_order_of_hosts_is_no_difference),
        cmocka_unit_test(test_a_socket_that_is_taken_is_an_error_of_its_listener),
        cmocka_unit_test(test_a_port_that_needs_rights_has_two_remedies),
        cmocka_unit_test(test_errors_are_counted_by_resource),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
