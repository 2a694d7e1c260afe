/* SPDX-License-Identifier: Apache-2.0 */
#include "compile_text.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define RULE(refs) EDGE ROUTE("r") "  rules: [{name: all, backendRefs: [" refs "]}]\n"
#define SERVICE(meta, spec) "---\napiVersion: v1\nkind: Service\nmetadata: {" meta "}\nspec: {" spec "}\n"
#define SLICE(name, service, rest) \
    "---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n" \
    "metadata: {name: " name ", labels: {kubernetes.io/service-name: " service "}}\n" rest "\n"
#define IPV4(ports, endpoints) "addressType: IPv4\nports: [" ports "]\nendpoints: [" endpoints "]"
#define SHOP_80 "{name: shop, port: 80}"
#define SHOP_SERVICE SERVICE("name: shop", "ports: [{name: http, port: 80, targetPort: 3000}]")
#define CLASS_OF_UMBRA GATEWAY_OBJECT("GatewayClass", "name: umbra", "controllerName: " COMPILE_CONTROLLER)

static const struct compile_options cluster = {.is_cluster = true};

static void test_service_in_files_is_a_name_for_dns(void **state)
{
    (void)state;
    assert_compiles_to(RULE(SHOP_80), NULL, backends_text, "default/shop:80 = shop:80");
    assert_compiles_to(RULE(SHOP_80) SHOP_SERVICE, NULL, backends_text, "default/shop:80 = shop:80");
}

static void test_one_backend_stands_for_all_references_to_it(void **state)
{
    (void)state;
    assert_compiles_to(RULE(SHOP_80 ", {name: shop, port: 81}, " SHOP_80), NULL, routes_text,
                       "default/r#all: / -> default/shop:80*1 default/shop:81*1 default/shop:80*1");
    assert_compiles_to(RULE(SHOP_80 ", {name: shop, port: 81}, " SHOP_80), NULL, backends_text,
                       "default/shop:80 = shop:80\ndefault/shop:81 = shop:81");
}

static void test_endpoint_slices_give_the_addresses_that_are_ready(void **state)
{
    (void)state;
    static const struct compile_case cases[] = {
        /* By the name of the Service's port; absent conditions are ready. */
        {RULE(SHOP_80) SHOP_SERVICE SLICE("a", "shop",
                                          IPV4("{name: admin, port: 9}, {name: http, port: 3000}",
                                               "{addresses: [10.0.0.1]}, {addresses: [10.0.0.2], conditions: {ready: "
                                               "false}}, {addresses: [10.0.0.3], conditions: {ready: true}}")),
         "default/shop:80 = 10.0.0.1:3000 10.0.0.3:3000"},
        /* The first address of an endpoint; an endpoint that stands in two slices once; both families. */
        {RULE(SHOP_80) SHOP_SERVICE SLICE("a", "shop",
                                          IPV4("{name: http, port: 3000}", "{addresses: [10.0.0.1, 10.0.0.9]}"))
             SLICE("b", "shop", IPV4("{name: http, port: 3000}", "{addresses: [10.0.0.1]}"))
                 SLICE("c", "shop",
                       "addressType: IPv6\nports: [{name: http, port: 3000}]\nendpoints: [{addresses: ['fd00::1']}]"),
         "default/shop:80 = 10.0.0.1:3000 fd00::1:3000"},
        /* Whoever is on his way out serves when nobody else is left. */
        {RULE(SHOP_80) SHOP_SERVICE SLICE(
             "a", "shop",
             IPV4("{name: http, port: 3000}",
                  "{addresses: [10.0.0.1], conditions: {ready: false, serving: true, terminating: true}}, "
                  "{addresses: [10.0.0.2], conditions: {ready: false, serving: false, terminating: true}}")),
         "default/shop:80 = 10.0.0.1:3000"},
        /* Without a Service by number, else the only port. */
        {RULE(SHOP_80)
             SLICE("a", "shop", IPV4("{name: one, port: 81}, {name: two, port: 80}", "{addresses: [10.0.0.1]}")),
         "default/shop:80 = 10.0.0.1:80"},
        {RULE(SHOP_80) SLICE("a", "shop", IPV4("{name: x, port: 3000}", "{addresses: [10.0.0.1]}")),
         "default/shop:80 = 10.0.0.1:3000"},
        {RULE(SHOP_80) SLICE("a", "shop",
                             "addressType: FQDN\nports: [{port: 3000}]\nendpoints: [{addresses: [shop.example.com]}]"),
         "default/shop:80 = shop.example.com:3000"},
        /* UDP ports do not count; slices of others neither. */
        {RULE(SHOP_80) SERVICE("name: shop", "ports: [{name: quic, protocol: UDP, port: 80}, {name: http, port: 80}]")
             SLICE("a", "shop",
                   IPV4("{name: quic, protocol: UDP, port: 1}, {name: http, port: 2}", "{addresses: [10.0.0.1]}"))
                 SLICE("b", "other", IPV4("{name: http, port: 3}", "{addresses: [10.0.0.2]}")),
         "default/shop:80 = 10.0.0.1:2"},
    };
    ASSERT_CASES(cases, backends_text);
}

static void test_slices_without_a_ready_endpoint_are_no_reason_for_dns(void **state)
{
    (void)state;
    const char *yaml = RULE(SHOP_80)
        SHOP_SERVICE SLICE("a", "shop",
                           IPV4("{name: http, port: 3000}", "{addresses: [10.0.0.1], conditions: {ready: "
                                                            "false}}"));
    assert_compiles_to(yaml, NULL, backends_text, "default/shop:80 =");
    assert_compiles_to(
        yaml, NULL, said,
        "warning HTTPRoute/r: spec.rules[0].backendRefs[0]: no endpoint in the EndpointSlices of Service "
        "default/shop is ready, so it answers 503; make one ready, or leave the slices out and the name is "
        "looked up in DNS");
    assert_compiles_to(
        RULE(SHOP_80) SHOP_SERVICE SLICE("a", "shop",
                                         IPV4("{name: web, port: 1}", "{addresses: "
                                                                      "[10.0.0.1]}")),
        NULL, said,
        "warning HTTPRoute/r: spec.rules[0].backendRefs[0]: the EndpointSlices of Service default/shop have no port "
        "named \"http\", as port 80 of the Service is, so it answers 503; change either");
}

static void test_slices_of_no_service_are_said_in_files(void **state)
{
    (void)state;
    const char *yaml = CLASS_OF_UMBRA EDGE
        "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: a}\n" IPV4("{port: 1}", "");
    assert_compiles_to(yaml, NULL, said,
                       "warning EndpointSlice/a: metadata.labels: without the label kubernetes.io/service-name these "
                       "endpoints are of no Service; add it, with the Service's name");
    assert_compiles_to(yaml, &cluster, said, "");
}

static void test_a_name_for_dns_that_is_nearly_a_services_is_said(void **state)
{
    (void)state;
    assert_compiles_to(RULE("{name: shpo, port: 80}") SHOP_SERVICE, NULL, said,
                       "warning HTTPRoute/r: spec.rules[0].backendRefs[0].name: there is no Service default/shpo here, "
                       "so the name is looked up in DNS; did you mean \"shop\"?");
    assert_compiles_to(RULE("{name: other, port: 80}, {name: shop-v2, port: 80}") SHOP_SERVICE, NULL, said, "");
}

static void test_external_name_is_asked_for_in_files_only(void **state)
{
    (void)state;
#define EXTERNAL RULE(SHOP_80) SERVICE("name: shop", "type: ExternalName, externalName: shop.example.com")
    assert_compiles_to(EXTERNAL, NULL, backends_text, "default/shop:80 = shop.example.com:80");
    assert_compiles_to(CLASS_OF_UMBRA EXTERNAL, &cluster, said,
                       "error InvalidKind HTTPRoute/r: spec.rules[0].backendRefs[0]: Service default/shop is an "
                       "ExternalName, which could lead anywhere and is not followed in a cluster, so its share of "
                       "requests gets 500; name a Service with endpoints");
}

static void test_in_a_cluster_services_must_exist_and_have_no_addresses_but_their_endpoints(void **state)
{
    (void)state;
    assert_compiles_to(CLASS_OF_UMBRA RULE("{name: shpo, port: 80}") SHOP_SERVICE, &cluster, said,
                       "error BackendNotFound HTTPRoute/r: spec.rules[0].backendRefs[0]: there is no Service "
                       "default/shpo, so its share of requests gets 500; did you mean \"shop\"?");
    /* What other namespaces have is not told. */
    assert_compiles_to(CLASS_OF_UMBRA RULE("{name: secret, port: 80}")
                           SERVICE("name: secret, namespace: other", "ports: [{port: 80}]"),
                       &cluster, said,
                       "error BackendNotFound HTTPRoute/r: spec.rules[0].backendRefs[0]: there is no Service "
                       "default/secret, so its share of requests gets 500");
    assert_compiles_to(CLASS_OF_UMBRA RULE(SHOP_80) SHOP_SERVICE, &cluster, backends_text, "default/shop:80 =");
}

static void test_ports_that_a_service_does_not_have_are_named_with_those_it_has(void **state)
{
    (void)state;
    const char *yaml = RULE("{name: shop, port: 8080}, {name: live, port: 80, weight: 3}")
        SERVICE("name: shop", "ports: [{name: http, port: 80}, {port: 81}]");
    assert_compiles_to(yaml, NULL, routes_text, "default/r#all: / -> 500*1 default/live:80*3");
    assert_compiles_to(yaml, NULL, said,
                       "error BackendNotFound HTTPRoute/r: spec.rules[0].backendRefs[0]: Service default/shop has no "
                       "TCP port 8080, so its share of requests gets 500; it has 80 (http), 81");
}

static void test_protocols_that_are_not_spoken_are_never_replaced_by_plain_text(void **state)
{
    (void)state;
    static const struct compile_case cases[] = {
        {RULE(SHOP_80) SERVICE("name: shop", "ports: [{port: 80, appProtocol: udp}]"),
         "error UnsupportedProtocol HTTPRoute/r: spec.rules[0].backendRefs[0]: port 80 of Service default/shop speaks "
         "udp (its appProtocol), which is not spoken here, so its share of requests gets 500; name a port that speaks "
         "HTTP"},
        {RULE(SHOP_80) SERVICE("name: shop", "ports: [{port: 80, appProtocol: https}]"),
         "error UnsupportedProtocol HTTPRoute/r: spec.rules[0].backendRefs[0]: port 80 of Service default/shop speaks "
         "https (its appProtocol), and no BackendTLSPolicy says how its certificate is checked, so its share of "
         "requests "
         "gets 500; add a BackendTLSPolicy whose targetRefs name the Service"},
        {RULE(SHOP_80) SERVICE("name: shop", "ports: [{port: 80, appProtocol: kubernetes.io/ws}]"), ""},
        {RULE(SHOP_80) SERVICE("name: shop", "ports: [{port: 80, appProtocol: http}]"), ""},
    };
    ASSERT_CASES(cases, said);
}

#define BACKEND_REF(name) "{group: umbra.dev, kind: Backend, name: " name "}"

static void test_backends_bring_their_endpoints_and_need_no_port(void **state)
{
    (void)state;
    assert_compiles_to(RULE(BACKEND_REF("shop") ", {group: umbra.dev, kind: Backend, name: shop, port: 80}")
                           BACKEND("name: shop", "endpoints: [{host: 127.0.0.1, port: 3000}, {host: 'unix:/run/s'}]"),
                       NULL, backends_text,
                       "default/shop = 127.0.0.1:3000 unix:/run/s:0\n"
                       "default/shop:80 = 127.0.0.1:3000 unix:/run/s:0");
}

static void test_label_of_a_backend_can_be_chosen(void **state)
{
    (void)state;
    assert_compiles_to(RULE(BACKEND_REF("shop") ", {group: umbra.dev, kind: Backend, name: shop, port: 80}")
                           BACKEND("name: shop, annotations: {umbra.dev/label: '127.0.0.1:3000'}",
                                   "endpoints: [{host: 127.0.0.1, port: 3000}]"),
                       NULL, routes_text, "default/r#all: / -> 127.0.0.1:3000*1 127.0.0.1:3000*1");
}

static void test_label_that_two_backends_want_is_the_first_ones(void **state)
{
    (void)state;
    const char *yaml = RULE(BACKEND_REF("a") ", " BACKEND_REF("b") ", " BACKEND_REF("c"))
        BACKEND("name: b, annotations: {umbra.dev/label: x}", "endpoints: [{host: b, port: 1}]")
            BACKEND("name: a, annotations: {umbra.dev/label: x}", "endpoints: [{host: a, port: 1}]")
                BACKEND("name: c, annotations: {umbra.dev/label: 'a b'}", "endpoints: [{host: c, port: 1}]");
    assert_compiles_to(yaml, NULL, backends_text, "x = a:1\ndefault/b = b:1\ndefault/c = c:1");
    assert_compiles_to(yaml, NULL, said,
                       "warning Backend/b: metadata.annotations[\"umbra.dev/label\"]: Backend default/a has this label "
                       "already, so it does not count here; give this one another\n"
                       "warning Backend/c: metadata.annotations[\"umbra.dev/label\"]: a label has 1 to 253 visible "
                       "characters without quotes and backslashes; this one does not count");
}

static void test_service_and_backend_of_one_name_have_two_labels(void **state)
{
    (void)state;
    assert_compiles_to(RULE(SHOP_80 ", {group: umbra.dev, kind: Backend, name: shop, port: 80}")
                           BACKEND("name: shop", "endpoints: [{host: b, port: 1}]"),
                       NULL, backends_text, "default/shop:80 = shop:80\ndefault/shop:80~2 = b:1");
}

static void test_a_backend_that_is_not_there_keeps_its_share(void **state)
{
    (void)state;
    const char *yaml = RULE(SHOP_80 ", {group: umbra.dev, kind: Backend, name: shop-v2, weight: 3}")
        BACKEND("name: shop-v1", "endpoints: [{host: b, port: 1}]");
    assert_compiles_to(yaml, NULL, routes_text, "default/r#all: / -> default/shop:80*1 500*3");
    assert_compiles_to(yaml, NULL, said,
                       "error BackendNotFound HTTPRoute/r: spec.rules[0].backendRefs[1]: there is no Backend "
                       "default/shop-v2, so its share of requests gets 500; did you mean \"shop-v1\"?");
}

static void test_other_kinds_are_invalid(void **state)
{
    (void)state;
    static const struct compile_case cases[] = {
        {RULE("{group: unknownkind.example.com, kind: NonExistent, name: shop, port: 80}"),
         "error InvalidKind HTTPRoute/r: spec.rules[0].backendRefs[0]: requests can't be sent to a NonExistent (group "
         "\"unknownkind.example.com\"), so its share of requests gets 500; name a Service, or a Backend of group "
         "umbra.dev"},
        {RULE("{kind: Backend, name: shop}"),
         "error InvalidKind HTTPRoute/r: spec.rules[0].backendRefs[0]: a Backend is of another group than a Service, "
         "so its share of requests gets 500; add group: umbra.dev"},
    };
    ASSERT_CASES(cases, said);
}

#define OTHER_SERVICE RULE("{name: web, namespace: other, port: 80}")
#define TO_WEB "to: [{group: '', kind: Service, name: web}]"
#define FROM_DEFAULT "from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: default}]"

static void test_references_to_other_namespaces_need_a_grant_there(void **state)
{
    (void)state;
    static const char granted[] = "default/r#all: / -> other/web:80*1", refused[] = "default/r#all: / -> 500*1";
    static const struct compile_case cases[] = {
        {OTHER_SERVICE, refused},
        {OTHER_SERVICE GRANT("name: g, namespace: other", FROM_DEFAULT ", " TO_WEB), granted},
        {OTHER_SERVICE GRANT("name: g, namespace: other", FROM_DEFAULT ", to: [{group: '', kind: Service}]"), granted},
        /* Each of these misses by one field. */
        {OTHER_SERVICE GRANT("name: g, namespace: default", FROM_DEFAULT ", " TO_WEB), refused},
        {OTHER_SERVICE GRANT("name: g, namespace: other",
                             "from: [{group: not.the.group, kind: HTTPRoute, namespace: default}], " TO_WEB),
         refused},
        {OTHER_SERVICE GRANT("name: g, namespace: other",
                             "from: [{group: gateway.networking.k8s.io, kind: Gateway, namespace: default}], " TO_WEB),
         refused},
        {OTHER_SERVICE GRANT("name: g, namespace: other",
                             "from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: third}], " TO_WEB),
         refused},
        {OTHER_SERVICE GRANT("name: g, namespace: other",
                             FROM_DEFAULT ", to: [{group: not.the.group, kind: Service, name: web}]"),
         refused},
        {OTHER_SERVICE GRANT("name: g, namespace: other", FROM_DEFAULT ", to: [{group: '', kind: Secret, name: web}]"),
         refused},
        {OTHER_SERVICE GRANT("name: g, namespace: other",
                             FROM_DEFAULT ", to: [{group: '', kind: Service, name: another}]"),
         refused},
    };
    ASSERT_CASES(cases, routes_text);
}

static void test_reference_without_a_grant_says_which_grant_it_needs(void **state)
{
    (void)state;
    assert_compiles_to(
        OTHER_SERVICE, NULL, said,
        "error RefNotPermitted HTTPRoute/r: spec.rules[0].backendRefs[0].namespace: requests to a backend in "
        "namespace other need a ReferenceGrant there (from: HTTPRoute of namespace default, "
        "to: Service web)");
}

static void test_only_the_rule_without_a_grant_fails(void **state)
{
    (void)state;
    assert_compiles_to(EDGE ROUTE("r") "  rules:\n"
                                       "  - {name: v2, matches: [{path: {value: /v2}}], backendRefs: [{name: web-v2, "
                                       "namespace: other, port: 80}]}\n"
                                       "  - {name: v1, backendRefs: [{name: web, namespace: other, port: 80}]}\n" GRANT(
                                           "name: g, namespace: other", FROM_DEFAULT ", " TO_WEB),
                       NULL, routes_text, "default/r#v2: /v2 -> 500*1\ndefault/r#v1: / -> other/web:80*1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_service_in_files_is_a_name_for_dns),
        cmocka_unit_test(test_one_backend_stands_for_all_references_to_it),
        cmocka_unit_test(test_endpoint_slices_give_the_addresses_that_are_ready),
        cmocka_unit_test(test_slices_without_a_ready_endpoint_are_no_reason_for_dns),
        cmocka_unit_test(test_slices_of_no_service_are_said_in_files),
        cmocka_unit_test(test_a_name_for_dns_that_is_nearly_a_services_is_said),
        cmocka_unit_test(test_external_name_is_asked_for_in_files_only),
        cmocka_unit_test(test_in_a_cluster_services_must_exist_and_have_no_addresses_but_their_endpoints),
        cmocka_unit_test(test_ports_that_a_service_does_not_have_are_named_with_those_it_has),
        cmocka_unit_test(test_protocols_that_are_not_spoken_are_never_replaced_by_plain_text),
        cmocka_unit_test(test_backends_bring_their_endpoints_and_need_no_port),
        cmocka_unit_test(test_label_of_a_backend_can_be_chosen),
        cmocka_unit_test(test_label_that_two_backends_want_is_the_first_ones),
        cmocka_unit_test(test_service_and_backend_of_one_name_have_two_labels),
        cmocka_unit_test(test_a_backend_that_is_not_there_keeps_its_share),
        cmocka_unit_test(test_other_kinds_are_invalid),
        cmocka_unit_test(test_references_to_other_namespaces_need_a_grant_there),
        cmocka_unit_test(test_reference_without_a_grant_says_which_grant_it_needs),
        cmocka_unit_test(test_only_the_rule_without_a_grant_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
