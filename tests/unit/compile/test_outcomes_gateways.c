/* SPDX-License-Identifier: Apache-2.0 */
#include "compile/gateway_features.h"
#include "outcome_text.h"
#include "tls_samples.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define SECRET(meta, contents) \
    "apiVersion: v1\nkind: Secret\nmetadata: {" meta "}\ntype: kubernetes.io/tls\nstringData: {" contents "}\n---\n"
#define GOOD_SECRET(meta) SECRET(meta, "tls.crt: \"" SHOP_CRT "\", tls.key: \"" SHOP_KEY "\"")
#define ONE(listener) CLASS("umbra") GATEWAY("name: edge", listener)
#define HTTPS(refs) "{name: https, protocol: HTTPS, port: 443, tls: {certificateRefs: [" refs "]}}"
#define BOTH_KINDS "HTTPRoute,GRPCRoute"
#define PLAIN "{name: plain, protocol: HTTP, port: 80}"

/* ---- classes ---- */

static void test_a_class_of_this_controller_is_accepted_and_others_are_left_alone(void **state)
{
    (void)state;
    static const struct outcome_case cases[] = {
        {CLASS("umbra"), "GatewayClass umbra: Accepted"},
        {GATEWAY_OBJECT("GatewayClass", "name: umbra, generation: 4", "controllerName: umbra.dev/gateway-controller"),
         "GatewayClass umbra@4: Accepted"},
        {GATEWAY_OBJECT("GatewayClass", "name: other", "controllerName: example.com/other"), ""},
        {GATEWAY_OBJECT("GatewayClass", "name: umbra",
                        "controllerName: umbra.dev/gateway-controller, parametersRef: {group: a.b, kind: C, name: d}"),
         "GatewayClass umbra: !Accepted(InvalidParameters)"},
    };
    ASSERT_OUTCOMES("GatewayClass", cases);
}

static void test_the_version_of_the_crds_is_said_when_it_is_known(void **state)
{
    (void)state;
    const struct compile_options known = {.is_cluster = true, .gateway_api_version = STR("v1.6.1")},
                                 unknown = {.is_cluster = true, .gateway_api_version = STR("v2.0.0")};
    assert_outcomes("GatewayClass", NULL, CLASS("umbra"), &known, "GatewayClass umbra: Accepted SupportedVersion");
    assert_outcomes("GatewayClass", NULL, CLASS("umbra"), &unknown,
                    "GatewayClass umbra: Accepted !SupportedVersion(UnsupportedVersion)");
}

static void test_features_are_sorted_and_each_stands_once(void **state)
{
    (void)state;
    assert_int_equal(gateway_feature_count > 0 && gateway_feature_count <= 64, 1);
    for (size_t i = 1; i < gateway_feature_count; i++)
        assert_true(strcmp(gateway_features[i - 1], gateway_features[i]) < 0);
    assert_null(gateway_features[gateway_feature_count]);
}

static void test_gateways_of_a_class_that_is_not_accepted_wait(void **state)
{
    (void)state;
    assert_outcomes("Gateway", NULL,
                    GATEWAY_OBJECT("GatewayClass", "name: umbra",
                                   "controllerName: umbra.dev/gateway-controller, parametersRef: {group: a.b, kind: C, "
                                   "name: d}") EDGE,
                    NULL, "");
}

/* ---- listeners ---- */

static void test_a_gateway_in_order_is_programmed_with_all_its_listeners(void **state)
{
    (void)state;
    static const struct outcome_case cases[] = {
        {WORLD, "Gateway default/edge: Accepted Programmed\n"
                "Gateway default/edge http 0 " BOTH_KINDS ": Accepted Programmed ResolvedRefs"},
        {CLASS("umbra") GATEWAY("name: edge, generation: 12", PLAIN),
         "Gateway default/edge@12: Accepted Programmed\n"
         "Gateway default/edge@12 plain 0 " BOTH_KINDS ": Accepted Programmed ResolvedRefs"},
        {ONE(HTTPS("{name: tls}")) GOOD_SECRET("name: tls"),
         "Gateway default/edge: Accepted Programmed\n"
         "Gateway default/edge https 0 " BOTH_KINDS ": Accepted Programmed ResolvedRefs"},
        {EDGE, ""},
    };
    ASSERT_OUTCOMES("Gateway", cases);
}

static void test_kinds_that_are_not_served_are_left_out_of_those_that_are(void **state)
{
    (void)state;
    static const struct outcome_case cases[] = {
        {ONE("{name: a, protocol: HTTP, port: 80, allowedRoutes: {kinds: [{kind: InvalidRoute}]}}"),
         "Gateway default/edge: Accepted Programmed\n"
         "Gateway default/edge a 0 : Accepted Programmed !ResolvedRefs(InvalidRouteKinds)"},
        {ONE("{name: a, protocol: HTTP, port: 80, allowedRoutes: {kinds: [{kind: InvalidRoute}, {kind: HTTPRoute}]}}"),
         "Gateway default/edge: Accepted Programmed\n"
         "Gateway default/edge a 0 HTTPRoute: Accepted Programmed !ResolvedRefs(InvalidRouteKinds)"},
        {ONE("{name: a, protocol: HTTP, port: 80, allowedRoutes: {kinds: [{kind: GRPCRoute}]}}"),
         "Gateway default/edge: Accepted Programmed\n"
         "Gateway default/edge a 0 GRPCRoute: Accepted Programmed ResolvedRefs"},
    };
    ASSERT_OUTCOMES("Gateway", cases);
}

static void test_a_listener_that_is_not_served_says_why_and_the_gateway_that_it_has_one(void **state)
{
    (void)state;
    static const struct outcome_case cases[] = {
        {ONE("{name: a, protocol: TCP, port: 80}"),
         "Gateway default/edge: !Accepted(ListenersNotValid) !Programmed(Invalid)\n"
         "Gateway default/edge a 0 : !Accepted(UnsupportedProtocol) !Programmed(Invalid) ResolvedRefs"},
        {ONE("{name: a, protocol: TCP, port: 81}, " PLAIN),
         "Gateway default/edge: Accepted(ListenersNotValid) Programmed\n"
         "Gateway default/edge a 0 : !Accepted(UnsupportedProtocol) !Programmed(Invalid) ResolvedRefs\n"
         "Gateway default/edge plain 0 " BOTH_KINDS ": Accepted Programmed ResolvedRefs"},
        {ONE("{name: a, protocol: HTTP, port: 80}, {name: b, protocol: HTTPS, port: 80, tls: {certificateRefs: [{name: "
             "tls}]}}") GOOD_SECRET("name: tls"),
         "Gateway default/edge: !Accepted(ListenersNotValid) !Programmed(Invalid)\n"
         "Gateway default/edge a 0 " BOTH_KINDS
         ": !Accepted(ProtocolConflict) !Programmed(Invalid) Conflicted(ProtocolConflict) ResolvedRefs\n"
         "Gateway default/edge b 0 " BOTH_KINDS
         ": !Accepted(ProtocolConflict) !Programmed(Invalid) Conflicted(ProtocolConflict) ResolvedRefs"},
        {CLASS("umbra") GATEWAY("name: a", PLAIN) GATEWAY("name: b", PLAIN),
         "Gateway default/a: Accepted Programmed\n"
         "Gateway default/a plain 0 " BOTH_KINDS ": Accepted Programmed ResolvedRefs\n"
         "Gateway default/b: !Accepted(ListenersNotValid) !Programmed(Invalid)\n"
         "Gateway default/b plain 0 " BOTH_KINDS
         ": !Accepted(HostnameConflict) !Programmed(Invalid) Conflicted(HostnameConflict) ResolvedRefs"},
        {ONE(HTTPS("{name: tls}") "], tls: {frontend: {default: {validation: {caCertificateRefs: [{group: '', kind: "
                                  "ConfigMap, name: ca}]}}}}, addresses: [") GOOD_SECRET("name: tls"),
         "Gateway default/edge: !Accepted(ListenersNotValid) !Programmed(Invalid)\n"
         "Gateway default/edge https 0 " BOTH_KINDS ": !Accepted(UnsupportedValue) !Programmed(Invalid) ResolvedRefs"},
    };
    ASSERT_OUTCOMES("Gateway", cases);
    const struct compile_options offset = {.is_cluster = true, .port_offset = 65000};
    assert_outcomes("Gateway", NULL, ONE("{name: a, protocol: HTTP, port: 8080}"), &offset,
                    "Gateway default/edge: !Accepted(ListenersNotValid) !Programmed(Invalid)\n"
                    "Gateway default/edge a 0 " BOTH_KINDS ": !Accepted(PortUnavailable) !Programmed(Invalid) "
                    "ResolvedRefs");
}

#define UNRESOLVED(reason) \
    "Gateway default/edge: Accepted(ListenersNotValid) !Programmed(Invalid)\n" \
    "Gateway default/edge https 0 " BOTH_KINDS ": Accepted !Programmed(Invalid) !ResolvedRefs(" reason ")"
#define FROM_GATEWAYS "from: [{group: gateway.networking.k8s.io, kind: Gateway, namespace: default}]"
#define ELSEWHERE ONE(HTTPS("{name: tls, namespace: secrets}")) GOOD_SECRET("name: tls, namespace: secrets")
#define IN_ORDER \
    "Gateway default/edge: Accepted Programmed\n" \
    "Gateway default/edge https 0 " BOTH_KINDS ": Accepted Programmed ResolvedRefs"

static void test_a_certificate_that_can_not_be_had_is_an_unresolved_reference(void **state)
{
    (void)state;
    static const struct outcome_case cases[] = {
        {ONE(HTTPS("{name: none}")), UNRESOLVED("InvalidCertificateRef")},
        {ONE(HTTPS("{name: tls, group: wrong.io}")), UNRESOLVED("InvalidCertificateRef")},
        {ONE(HTTPS("{name: tls, kind: ConfigMap}")), UNRESOLVED("InvalidCertificateRef")},
        {ONE(HTTPS("{name: tls}")) SECRET("name: tls", "tls.crt: Hello, tls.key: world"),
         UNRESOLVED("InvalidCertificateRef")},
        {ONE(HTTPS("{name: tls}")) SECRET("name: tls", "tls.crt: Hello"), UNRESOLVED("InvalidCertificateRef")},
        {ELSEWHERE, UNRESOLVED("RefNotPermitted")},
        {ELSEWHERE GRANT("name: g, namespace: secrets", FROM_GATEWAYS ", to: [{group: '', kind: Secret}]"), IN_ORDER},
        {ELSEWHERE GRANT("name: g, namespace: secrets", FROM_GATEWAYS ", to: [{group: '', kind: Secret, name: tls}]"),
         IN_ORDER},
        {ELSEWHERE GRANT("name: g, namespace: secrets", FROM_GATEWAYS ", to: [{group: '', kind: Secret, name: other}]"),
         UNRESOLVED("RefNotPermitted")},
        {ELSEWHERE GRANT(
             "name: g, namespace: secrets",
             "from: [{group: gateway.networking.k8s.io, kind: Gateway, namespace: other}], to: [{group: '', "
             "kind: Secret}]"),
         UNRESOLVED("RefNotPermitted")},
        /* One that can be had is enough to be served. */
        {ONE(HTTPS("{name: none}, {name: tls}")) GOOD_SECRET("name: tls"),
         "Gateway default/edge: Accepted Programmed\n"
         "Gateway default/edge https 0 " BOTH_KINDS ": Accepted Programmed !ResolvedRefs(InvalidCertificateRef)"},
    };
    ASSERT_OUTCOMES("Gateway", cases);
    assert_message("Gateway", cases[4].yaml, NULL, "Gateway default/edge https", "ResolvedRefs",
                   "Secret default/tls: is missing: a Secret for TLS has the certificate");
}

static void test_a_socket_that_can_not_be_bound_costs_its_listener(void **state)
{
    (void)state;
    static const struct compile_options cluster = {.is_cluster = true};
    static const struct row {
        const char *first, *second; /* why not */
        enum outcome_state accepted, programmed;
    } rows[] = {
        {"permission denied", "", OUTCOME_TRUE, OUTCOME_TRUE},
        {"permission denied", "in use", OUTCOME_FALSE, OUTCOME_FALSE},
    };
    struct compile_text result = compile_yaml(ONE(PLAIN ", {name: b, protocol: HTTP, port: 81}"), &cluster);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct str unavailable[] = {str_from_c(rows[i].first), str_from_c(rows[i].second)};
        struct arena arena;
        arena_init(&arena, NULL, 0);
        struct outcomes outcomes = outcomes_with_ports(result.compiled, unavailable, &arena);
        const struct outcome *gateway = &outcomes.list[1];
        const struct outcome_condition *plain = outcome_find(&gateway->listeners[0].conditions, "Accepted");
        assert_string_equal(plain->reason, "PortUnavailable");
        assert_true(str_eq(plain->message, STR("permission denied")));
        assert_string_equal(outcome_find(&gateway->conditions, "Accepted")->reason, "ListenersNotValid");
        assert_int_equal(outcome_find(&gateway->conditions, "Accepted")->state, rows[i].accepted);
        assert_int_equal(outcome_find(&gateway->conditions, "Programmed")->state, rows[i].programmed);
        arena_deinit(&arena);
    }
    /* The compiled outcomes are as they were. */
    assert_string_equal(outcome_find(&result.compiled->outcomes.list[1].conditions, "Accepted")->reason, "Accepted");
    compile_text_free(&result);
}

/* ---- attached routes ---- */

static void test_routes_are_counted_at_the_listeners_that_they_are_attached_to(void **state)
{
    (void)state;
    static const struct outcome_case cases[] = {
        {WORLD HTTP_ROUTE("name: a", "parentRefs: [{name: edge}], " TO_SHOP)
             HTTP_ROUTE("name: b", "parentRefs: [{name: edge, sectionName: http}], " TO_SHOP)
                 HTTP_ROUTE("name: c", "parentRefs: [{name: edge, sectionName: none}], " TO_SHOP),
         "Gateway default/edge: Accepted Programmed\n"
         "Gateway default/edge http 2 " BOTH_KINDS ": Accepted Programmed ResolvedRefs"},
        /* Whether the listener is served, and whether references are resolved, does not matter. */
        {ONE(HTTPS("{name: none}"))
             HTTP_ROUTE("name: r", "parentRefs: [{name: edge}], rules: [{backendRefs: [{name: none, port: 80}]}]"),
         "Gateway default/edge: Accepted(ListenersNotValid) !Programmed(Invalid)\n"
         "Gateway default/edge https 1 " BOTH_KINDS
         ": Accepted !Programmed(Invalid) !ResolvedRefs(InvalidCertificateRef)"},
        {CLASS("umbra")
             GATEWAY("name: edge", "{name: a, protocol: HTTP, port: 80, hostname: a.com}, {name: b, protocol: "
                                   "HTTP, port: 80, hostname: b.com}")
                 HTTP_ROUTE("name: r", "parentRefs: [{name: edge}], hostnames: [b.com], rules: [{}]"),
         "Gateway default/edge: Accepted Programmed\n"
         "Gateway default/edge a 0 " BOTH_KINDS ": Accepted Programmed ResolvedRefs\n"
         "Gateway default/edge b 1 " BOTH_KINDS ": Accepted Programmed ResolvedRefs"},
    };
    ASSERT_OUTCOMES("Gateway", cases);
    assert_outcomes("HTTPRoute", NULL, cases[1].yaml, NULL,
                    "HTTPRoute default/r > edge: Accepted !ResolvedRefs(BackendNotFound)");
    assert_message("HTTPRoute", cases[1].yaml, NULL, "HTTPRoute", "Accepted", "is not served");
}

/* ---- the Gateway ---- */

static void test_what_a_gateway_asks_for_and_is_not_known_is_said_by_it(void **state)
{
    (void)state;
    static const struct outcome_case cases[] = {
        {ONE(PLAIN "], infrastructure: {parametersRef: {group: a.b, kind: C, name: d}}, addresses: ["),
         "Gateway default/edge: !Accepted(InvalidParameters) !Programmed(Invalid)\n"
         "Gateway default/edge plain 0 " BOTH_KINDS ": Accepted !Programmed(Invalid) ResolvedRefs"},
        {ONE(PLAIN "], addresses: [{type: a.b/c, value: d}"),
         "Gateway default/edge: !Accepted(UnsupportedAddress) Programmed\n"
         "Gateway default/edge plain 0 " BOTH_KINDS ": Accepted Programmed ResolvedRefs"},
        {ONE(PLAIN "], addresses: [{value: 192.0.2.1}"),
         "Gateway default/edge: Accepted !Programmed(AddressNotUsable)\n"
         "Gateway default/edge plain 0 " BOTH_KINDS ": Accepted Programmed ResolvedRefs"},
        {ONE(PLAIN "], tls: {backend: {clientCertificateRef: {name: c}}}, addresses: ["),
         "Gateway default/edge: Accepted Programmed !ResolvedRefs(InvalidClientCertificateRef)\n"
         "Gateway default/edge plain 0 " BOTH_KINDS ": Accepted Programmed ResolvedRefs"},
        {CLASS("umbra") GATEWAY("name: edge, annotations: {umbra.dev/proxy-protocol: 'yes'}", PLAIN),
         "Gateway default/edge: !Accepted(Invalid) !Programmed(Invalid)\n"
         "Gateway default/edge plain 0 " BOTH_KINDS ": Accepted !Programmed(Invalid) ResolvedRefs"},
    };
    ASSERT_OUTCOMES("Gateway", cases);
}

static void test_a_gateway_that_can_not_be_read_says_so_and_its_last_good_listeners_stay(void **state)
{
    (void)state;
    const char *bad = ONE("{name: a, protocol: HTTP, port: many}");
    assert_outcomes("Gateway", NULL, bad, NULL, "Gateway default/edge: !Accepted(Invalid) !Programmed(Invalid)");
    assert_outcomes("Gateway", ONE(PLAIN), bad, NULL,
                    "Gateway default/edge: !Accepted(Invalid) Programmed\n"
                    "Gateway default/edge plain 0 " BOTH_KINDS ": Accepted Programmed ResolvedRefs");
    assert_message("Gateway", bad, NULL, "Gateway", "Accepted", "spec.listeners[0].port: ");
}

/* ---- addresses ---- */

static void assert_addresses(const char *yaml, const struct compile_options *options, const char *want)
{
    struct compile_text result = compile_yaml(yaml, options);
    strbuf_clear(&result.text);
    strbuf_add(&result.text, STR(""));
    for (size_t i = 0; i < result.compiled->outcomes.count; i++) {
        const struct outcome *outcome = &result.compiled->outcomes.list[i];
        for (size_t k = 0; k < outcome->address_count; k++)
            strbuf_printf(&result.text, "%s%.*s ", outcome->addresses[k].is_hostname ? "host " : "",
                          STR_ARG(outcome->addresses[k].value));
    }
    assert_string_equal(result.text.ptr, want);
    compile_text_free(&result);
}

#define PUBLISHED(spec, status) \
    WORLD "apiVersion: v1\nkind: Service\nmetadata: {name: umbra, namespace: umbra}\nspec: {" spec \
          "}\nstatus: {" status "}\n"

static void test_addresses_are_those_of_the_published_service(void **state)
{
    (void)state;
    const struct compile_options published = {.is_cluster = true, .publish_service = STR("umbra/umbra")};
    assert_addresses(PUBLISHED("type: LoadBalancer, clusterIP: 10.0.0.1",
                               "loadBalancer: {ingress: [{ip: 192.0.2.7}, {hostname: lb.example.com}]}"),
                     &published, "192.0.2.7 host lb.example.com ");
    assert_addresses(
        PUBLISHED("type: ClusterIP, clusterIP: 10.0.0.1, clusterIPs: [10.0.0.1, 'fd00::1']", "loadBalancer: {}"),
        &published, "10.0.0.1 fd00::1 ");
    assert_addresses(PUBLISHED("clusterIP: 10.0.0.1", ""), &published, "10.0.0.1 ");
    assert_addresses(PUBLISHED("clusterIP: None", ""), &published, "");
    assert_outcomes("Gateway", NULL, PUBLISHED("type: LoadBalancer, clusterIP: 10.0.0.1", ""), &published,
                    "Gateway default/edge: Accepted !Programmed(AddressNotAssigned)\n"
                    "Gateway default/edge http 0 " BOTH_KINDS ": Accepted Programmed ResolvedRefs");
    assert_message("Gateway", WORLD, &published, "Gateway", "Programmed", "there is no Service umbra/umbra");
}

static void test_without_a_published_service_they_are_those_that_are_given(void **state)
{
    (void)state;
    static const struct outcome_address given[] = {{.value = STR_INIT("10.1.1.1")}};
    const struct compile_options options = {.is_cluster = true, .addresses = given, .address_count = 1};
    assert_addresses(WORLD, &options, "10.1.1.1 ");
    assert_outcomes("Gateway", NULL, ONE(PLAIN "], addresses: [{value: 10.1.1.1}"), &options,
                    "Gateway default/edge: Accepted Programmed\n"
                    "Gateway default/edge plain 0 " BOTH_KINDS ": Accepted Programmed ResolvedRefs");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_class_of_this_controller_is_accepted_and_others_are_left_alone),
        cmocka_unit_test(test_the_version_of_the_crds_is_said_when_it_is_known),
        cmocka_unit_test(test_features_are_sorted_and_each_stands_once),
        cmocka_unit_test(test_gateways_of_a_class_that_is_not_accepted_wait),
        cmocka_unit_test(test_a_gateway_in_order_is_programmed_with_all_its_listeners),
        cmocka_unit_test(test_kinds_that_are_not_served_are_left_out_of_those_that_are),
        cmocka_unit_test(test_a_listener_that_is_not_served_says_why_and_the_gateway_that_it_has_one),
        cmocka_unit_test(test_a_certificate_that_can_not_be_had_is_an_unresolved_reference),
        cmocka_unit_test(test_a_socket_that_can_not_be_bound_costs_its_listener),
        cmocka_unit_test(test_routes_are_counted_at_the_listeners_that_they_are_attached_to),
        cmocka_unit_test(test_what_a_gateway_asks_for_and_is_not_known_is_said_by_it),
        cmocka_unit_test(test_a_gateway_that_can_not_be_read_says_so_and_its_last_good_listeners_stay),
        cmocka_unit_test(test_addresses_are_those_of_the_published_service),
        cmocka_unit_test(test_without_a_published_service_they_are_those_that_are_given),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
