/* SPDX-License-Identifier: Apache-2.0 */
#include "compile_text.h"

#include "base/assert.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define GATEWAY(meta, listeners) GATEWAY_OBJECT("Gateway", meta, "gatewayClassName: umbra, listeners: [" listeners "]")
#define CLASS(name, controller) GATEWAY_OBJECT("GatewayClass", "name: " name, "controllerName: " controller)

static struct compile_options bound_to(const char *address)
{
    struct compile_options options = {0};
    bool is_valid = address_parse(str_from_c(address), &options.bind);
    ASSERT(is_valid);
    return options;
}

static void test_listeners_of_one_port_share_a_socket(void **state)
{
    (void)state;
    assert_compiles_to(GATEWAY("name: edge, namespace: infra", "{name: all, protocol: HTTP, port: 80}, "
                                                               "{name: shop, protocol: HTTP, port: 80, hostname: "
                                                               "'*.shop.test'}, "
                                                               "{name: other, protocol: HTTP, port: 8080}"),
                       NULL, listeners_text,
                       "infra/edge/all [::]:80 \"\" 80\n"
                       "infra/edge/shop [::]:80 \"*.shop.test\" 80\n"
                       "infra/edge/other [::]:8080 \"\" 8080");
}

static void test_bind_and_offset_move_sockets_but_not_ports_of_redirects(void **state)
{
    (void)state;
    struct compile_options options = bound_to("127.0.0.1:1");
    options.port_offset = 8000;
    assert_compiles_to(EDGE, &options, listeners_text, "default/edge/http 127.0.0.1:8080 \"\" 80");
}

static void test_port_beyond_the_last_is_an_error_of_its_listener(void **state)
{
    (void)state;
    struct compile_options options = {.port_offset = 60000};
    const char *yaml = GATEWAY("name: edge",
                               "{name: low, protocol: HTTP, port: 80}, {name: high, protocol: HTTP, port: "
                               "8080}");
    assert_compiles_to(yaml, &options, listeners_text, "default/edge/low [::]:60080 \"\" 80");
    assert_compiles_to(
        yaml, &options, said,
        "error PortUnavailable Gateway/edge: spec.listeners[1].port: with --port-offset 60000 this is port "
        "68080, and there is none over 65535; take a smaller offset");
}

static void test_protocols_that_are_not_served_are_errors_of_their_listeners(void **state)
{
    (void)state;
    const char *yaml = GATEWAY("name: edge", "{name: web, protocol: HTTP, port: 80}, "
                                             "{name: tls, protocol: TLS, port: 443, tls: {mode: Passthrough}}, "
                                             "{name: odd, protocol: INVALID, port: 1111}");
    assert_compiles_to(yaml, NULL, listeners_text, "default/edge/web [::]:80 \"\" 80");
    assert_compiles_to(
        yaml, NULL, said,
        "error UnsupportedProtocol Gateway/edge: spec.listeners[1].protocol: TLS with the mode Passthrough "
        "is not served, so this listener is left out; HTTP is served, and HTTPS, which ends TLS here\n"
        "error UnsupportedProtocol Gateway/edge: spec.listeners[2].protocol: INVALID is not served, so this "
        "listener is left out; HTTP is served, and HTTPS, which ends TLS here");
}

static void test_older_gateway_keeps_a_port_and_hostname(void **state)
{
    (void)state;
    const char *yaml = GATEWAY(
        "name: a, creationTimestamp: 2024-02-01T00:00:00Z",
        "{name: http, protocol: HTTP, port: 80}, {name: own, protocol: HTTP, port: 80, hostname: "
        "own.test}")
        GATEWAY("name: b, creationTimestamp: 2024-01-01T00:00:00Z", "{name: web, protocol: HTTP, port: 80}");
    assert_compiles_to(yaml, NULL, listeners_text,
                       "default/b/web [::]:80 \"\" 80\n"
                       "default/a/own [::]:80 \"own.test\" 80");
    assert_compiles_to(yaml, NULL, said,
                       "error HostnameConflict Gateway/a: spec.listeners[0]: port 80, without a hostname, is taken by "
                       "listener web of Gateway default/b, which is older or comes first by name; give one of them "
                       "another port or hostname");
}

static void test_gateways_of_the_same_age_are_ordered_by_namespace_and_name(void **state)
{
    (void)state;
    assert_compiles_to(GATEWAY("name: z, namespace: a", "{name: http, protocol: HTTP, port: 80}")
                           GATEWAY("name: a, namespace: a-b", "{name: http, protocol: HTTP, port: 81}"),
                       NULL, listeners_text,
                       "a-b/a/http [::]:81 \"\" 81\n"
                       "a/z/http [::]:80 \"\" 80");
}

static void test_class_of_another_controller_is_left_out_with_a_note(void **state)
{
    (void)state;
    const struct compile_options cluster = {.is_cluster = true};
    const char *foreign = CLASS("umbra", "example.com/other") EDGE;
    const char *left_out = "note Gateway/edge: spec.gatewayClassName: left out: GatewayClass umbra belongs to "
                           "example.com/other, not to umbra.dev/gateway-controller";
    assert_compiles_to(foreign, &cluster, listeners_text, "");
    assert_compiles_to(foreign, &cluster, said, left_out);
    /* In files, as soon as one is Umbra's, by its class or without one. */
    const char *own_class = CLASS("umbra", "example.com/other") EDGE CLASS("own", COMPILE_CONTROLLER);
    assert_compiles_to(own_class, NULL, listeners_text, "");
    assert_compiles_to(own_class, NULL, said, left_out);
    assert_compiles_to(CLASS("umbra", "example.com/other")
                           EDGE GATEWAY_OBJECT("Gateway", "name: own",
                                               "gatewayClassName: own, listeners: "
                                               "[{name: http, protocol: HTTP, port: 81}]"),
                       NULL, listeners_text, "default/own/http [::]:81 \"\" 81");
}

static void test_in_files_classes_of_others_are_served_while_none_is_umbras(void **state)
{
    (void)state;
    assert_compiles_to(CLASS("umbra", "example.com/other") EDGE, NULL, listeners_text,
                       "default/edge/http [::]:80 \"\" 80");
    assert_compiles_to(CLASS("umbra", "example.com/other") EDGE, NULL, said,
                       "note Gateway/edge: spec.gatewayClassName: served, though GatewayClass umbra belongs to "
                       "example.com/other: no Gateway here is of umbra.dev/gateway-controller");
    assert_compiles_to(CLASS("umbra", COMPILE_CONTROLLER) EDGE, NULL, said, "");
}

static void test_class_is_needed_in_a_cluster_only(void **state)
{
    (void)state;
    const struct compile_options cluster = {.is_cluster = true};
    assert_compiles_to(EDGE, NULL, listeners_text, "default/edge/http [::]:80 \"\" 80");
    assert_compiles_to(EDGE, &cluster, listeners_text, "");
    assert_compiles_to(EDGE, &cluster, said,
                       "note Gateway/edge: spec.gatewayClassName: left out: there is no GatewayClass umbra");
    assert_compiles_to(CLASS("umbra", COMPILE_CONTROLLER) EDGE, &cluster, listeners_text,
                       "default/edge/http [::]:80 \"\" 80");
}

static void test_addresses_that_are_not_bound_are_said(void **state)
{
    (void)state;
    const char *yaml = GATEWAY_OBJECT("Gateway", "name: edge",
                                      "gatewayClassName: umbra, listeners: [{name: http, protocol: HTTP, port: 80}], "
                                      "addresses: [{value: 10.0.0.1}, {type: Hostname, value: edge.test}]");
    struct compile_options there = bound_to("10.0.0.1:0"), elsewhere = bound_to("127.0.0.1:0");
    assert_compiles_to(yaml, &there, said, "");
    assert_compiles_to(yaml, NULL, said,
                       "warning AddressNotUsable Gateway/edge: spec.addresses[0].value: listeners are bound to all "
                       "addresses, whatever stands here; start Umbra with --bind 10.0.0.1");
    assert_compiles_to(
        yaml, &elsewhere, said,
        "warning AddressNotUsable Gateway/edge: spec.addresses[0].value: listeners are bound to 127.0.0.1, "
        "whatever stands here; start Umbra with --bind 10.0.0.1");
}

static void test_kinds_that_are_not_served_are_said(void **state)
{
    (void)state;
    assert_compiles_to(
        GATEWAY("name: edge", "{name: http, protocol: HTTP, port: 80, allowedRoutes: {kinds: [{kind: "
                              "InvalidRoute}, {kind: HTTPRoute}]}}"),
        NULL, said,
        "warning InvalidRouteKinds Gateway/edge: spec.listeners[0].allowedRoutes.kinds[0]: routes of kind "
        "InvalidRoute (group \"gateway.networking.k8s.io\") are not served by this version, only HTTPRoute "
        "and GRPCRoute are");
}

static void test_places_of_problems_are_those_of_the_field(void **state)
{
    (void)state;
    struct compile_text result = compile_yaml("apiVersion: gateway.networking.k8s.io/v1\n"
                                              "kind: Gateway\n"
                                              "metadata: {name: edge}\n"
                                              "spec:\n"
                                              "  gatewayClassName: umbra\n"
                                              "  listeners:\n"
                                              "  - name: odd\n"
                                              "    port: 80\n"
                                              "    protocol: SCTP\n",
                                              NULL);
    const struct problems *problems = &result.compiled->problems;
    assert_int_equal(problems->count, 1);
    assert_int_equal(problems->list[0].line, 9);
    assert_int_equal(problems->list[0].column, 15);
    assert_int_equal(result.compiled->listener_count, 1);
    assert_true(result.compiled->listeners[0].rule == SIZE_MAX);
    compile_text_free(&result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_listeners_of_one_port_share_a_socket),
        cmocka_unit_test(test_bind_and_offset_move_sockets_but_not_ports_of_redirects),
        cmocka_unit_test(test_port_beyond_the_last_is_an_error_of_its_listener),
        cmocka_unit_test(test_protocols_that_are_not_served_are_errors_of_their_listeners),
        cmocka_unit_test(test_older_gateway_keeps_a_port_and_hostname),
        cmocka_unit_test(test_gateways_of_the_same_age_are_ordered_by_namespace_and_name),
        cmocka_unit_test(test_class_of_another_controller_is_left_out_with_a_note),
        cmocka_unit_test(test_in_files_classes_of_others_are_served_while_none_is_umbras),
        cmocka_unit_test(test_class_is_needed_in_a_cluster_only),
        cmocka_unit_test(test_addresses_that_are_not_bound_are_said),
        cmocka_unit_test(test_kinds_that_are_not_served_are_said),
        cmocka_unit_test(test_places_of_problems_are_those_of_the_field),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
