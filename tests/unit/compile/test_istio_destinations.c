/* SPDX-License-Identifier: Apache-2.0 */
/* What destinations of VirtualServices lead to: Services, subsets, hosts of ServiceEntries, and how they are spoken to. */
#include "compile_text.h"

#include "tls_samples.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define ISTIO(kind, meta, spec) \
    "apiVersion: networking.istio.io/v1\nkind: " kind "\nmetadata: {" meta "}\nspec: {" spec "}\n---\n"
#define GATE ISTIO("Gateway", "name: gate", "servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]")
/* VirtualService "v", whose only route goes to one destination. */
#define TO(destination) \
    GATE ISTIO("VirtualService", "name: v", \
               "gateways: [gate], hosts: [a.test], http: [{name: r, route: [{destination: {" destination "}}]}]")
#define SERVICE(meta, spec) "apiVersion: v1\nkind: Service\nmetadata: {" meta "}\nspec: {" spec "}\n---\n"
#define SLICE(service, ports, endpoints) \
    "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: " service "-1, labels: " \
    "{kubernetes.io/service-name: " service "}}\naddressType: IPv4\nports: [" ports "]\nendpoints: [" endpoints \
    "]\n---\n"
#define POD(meta, status) "apiVersion: v1\nkind: Pod\nmetadata: {" meta "}\nstatus: {" status "}\n---\n"

static const struct compile_options cluster = {.is_cluster = true, .istio_selector = STR_INIT("app=umbra")};

#define SHOP SERVICE("name: shop", "clusterIP: 10.96.0.1, ports: [{port: 80, name: http}]")
#define SHOP_ENDPOINTS \
    SLICE("shop", "{name: http, port: 8080}", \
          "{addresses: [10.0.0.1], targetRef: {kind: Pod, name: one}}, {addresses: [10.0.0.2]}, {addresses: " \
          "[10.0.0.3]}")
#define SHOP_PODS \
    POD("name: one, labels: {version: v1, tier: web}", "podIP: 10.9.9.9") \
    POD("name: two, labels: {version: v2}", "podIP: 10.0.0.2")
#define SUBSETS \
    ISTIO("DestinationRule", "name: shop", \
          "host: shop, subsets: [{name: v1, labels: {version: v1}}, {name: v2, " \
          "labels: {version: v2}}, {name: v3, labels: {version: v3}}, {name: all}]")

static void test_names_of_services_lead_to_their_endpoints(void **state)
{
    (void)state;
#define THREE " 10.0.0.1:8080 10.0.0.2:8080 10.0.0.3:8080"
    static const struct compile_case cases[] = {
        {TO("host: shop, port: {number: 80}") SHOP SHOP_ENDPOINTS, "shop:80 =" THREE},
        {TO("host: shop") SHOP SHOP_ENDPOINTS, "shop:80 =" THREE},
        {TO("host: shop.default.svc.cluster.local") SHOP SHOP_ENDPOINTS, "shop.default.svc.cluster.local:80 =" THREE},
        {TO("host: shop.default.svc") SHOP SHOP_ENDPOINTS, "shop.default.svc:80 =" THREE},
        {TO("host: shop, port: {number: 80}"), "shop:80 = shop:80"},
    };
    ASSERT_CASES(cases, backends_text);
}

static void test_a_port_that_must_be_named_is_asked_for(void **state)
{
    (void)state;
    assert_compiles_to(
        TO("host: shop") SERVICE("name: shop", "ports: [{port: 80, name: a}, {port: 81, name: b}]"), NULL, said,
        "error BackendNotFound VirtualService/v: spec.http[0].route[0].destination: shop has not exactly "
        "one port, so its share of requests gets 500; say which, as port: {number: 80}");
}

static void test_subsets_are_the_endpoints_whose_pods_have_the_labels(void **state)
{
    (void)state;
#define FOR(subset) TO("host: shop, subset: " subset ", port: {number: 80}") SHOP SHOP_ENDPOINTS SHOP_PODS SUBSETS
    static const struct compile_case cases[] = {
        {FOR("v1"), "shop:80|v1 = 10.0.0.1:8080"}, /* by targetRef, whatever the Pod's address is */
        {FOR("v2"), "shop:80|v2 = 10.0.0.2:8080"}, /* by the address */
        {FOR("v3"), "shop:80|v3 ="},
        {FOR("all"), "shop:80|all =" THREE},
    };
    ASSERT_CASES(cases, backends_text);
    assert_compiles_to(
        FOR("v3"), NULL, said,
        "warning VirtualService/v: spec.http[0].route[0].destination.subset: no ready endpoint of Service "
        "default/shop is of a Pod with the labels of subset v3, so it answers 503; subsets are found by "
        "EndpointSlices and Pods among the manifests");
    assert_compiles_to(
        FOR("v4"), NULL, said,
        "error BackendNotFound VirtualService/v: spec.http[0].route[0].destination: no DestinationRule for "
        "shop has a subset \"v4\", so its share of requests gets 500; add it to DestinationRule "
        "default/shop");
}

static void test_the_rule_of_the_senders_namespace_counts_first(void **state)
{
    (void)state;
    static const char yaml[] = TO("host: shop.other.svc.cluster.local, subset: v1, port: {number: 80}")
        SERVICE("name: shop, namespace: other", "ports: [{port: 80, name: http}]")
            ISTIO("DestinationRule", "name: theirs, namespace: other", "host: shop, subsets: [{name: v1}]")
                ISTIO("DestinationRule", "name: foreign, namespace: third",
                      "host: shop.other.svc.cluster.local, subsets: [{name: v2}]");
    assert_compiles_to(yaml, NULL, backends_text, "shop.other.svc.cluster.local:80|v1 = shop:80");
    struct strbuf both = STRBUF_INIT;
    strbuf_printf(&both, "%s%s", yaml,
                  ISTIO("DestinationRule", "name: ours", "host: '*.other.svc.cluster.local', subsets: [{name: v3}]"));
    assert_compiles_to(
        both.ptr, NULL, said,
        "error BackendNotFound VirtualService/v: spec.http[0].route[0].destination: no DestinationRule for "
        "shop.other.svc.cluster.local has a subset \"v1\", so its share of requests gets 500; add it to "
        "DestinationRule default/ours");
    strbuf_deinit(&both);
}

/* -------------------------------------------------------------------------------------------------- ServiceEntries */

#define ENTRY(spec) \
    ISTIO("ServiceEntry", "name: e", \
          "hosts: [api.test], ports: [{number: 80, name: http, protocol: HTTP}, " \
          "{number: 81, name: rpc, protocol: GRPC, targetPort: 9090}], " spec)

static void test_hosts_of_service_entries_have_endpoints_or_dns(void **state)
{
    (void)state;
    static const struct compile_case cases[] = {
        {TO("host: api.test, port: {number: 80}") ENTRY(
             "resolution: STATIC, endpoints: [{address: 10.0.0.1, ports: {http: 8080}}, {address: unix:///run/a}]"),
         "api.test:80 = 10.0.0.1:8080 unix:/run/a:0"},
        {TO("host: api.test, port: {number: 81}") ENTRY("resolution: DNS"), "api.test:81 (h2) = api.test:9090"},
        {TO("host: api.test, port: {number: 80}") ENTRY("resolution: DNS, endpoints: [{address: b.test}]"),
         "api.test:80 = b.test:80"},
        {TO("host: x.api.test, port: {number: 80}") ISTIO("ServiceEntry", "name: e",
                                                          "hosts: ['*.api.test'], ports: [{number: 80, name: http}], "
                                                          "resolution: STATIC, endpoints: [{address: 10.0.0.1}]"),
         "x.api.test:80 = 10.0.0.1:80"},
        {TO("host: api.test, port: {number: 80}, subset: v1")
             ENTRY("resolution: STATIC, endpoints: [{address: 10.0.0.1, labels: {v: '1'}}, {address: 10.0.0.2}]")
                 ISTIO("DestinationRule", "name: d", "host: api.test, subsets: [{name: v1, labels: {v: '1'}}]"),
         "api.test:80|v1 = 10.0.0.1:80"},
        {TO("host: api.test, port: {number: 80}") ENTRY("resolution: NONE"), "api.test:80 ="},
        {TO("host: unknown.test, port: {number: 80}"), "unknown.test:80 = unknown.test:80"},
    };
    ASSERT_CASES(cases, backends_text);
}

static void test_what_a_service_entry_lacks_is_said(void **state)
{
    (void)state;
    static const struct compile_case cases[] = {
        {TO("host: api.test, port: {number: 82}") ENTRY("resolution: DNS"),
         "error BackendNotFound VirtualService/v: spec.http[0].route[0].destination: ServiceEntry default/e has no "
         "port 82, "
         "so its share of requests gets 500; name one of its ports"},
        {TO("host: api.test, port: {number: 80}") ENTRY("resolution: NONE"),
         "warning VirtualService/v: spec.http[0].route[0].destination: ServiceEntry default/e has no endpoint for "
         "api.test, "
         "so it answers 503; give it endpoints, or resolution: DNS and the host itself"},
        {TO("host: unknown.test, port: {number: 80}"),
         "warning VirtualService/v: spec.http[0].route[0].destination.host: no ServiceEntry here has this host, so the "
         "name "
         "is looked up in DNS; in a cluster it needs one"},
        {TO("host: s.test, port: {number: 443}")
             ISTIO("ServiceEntry", "name: e",
                   "hosts: [s.test], ports: [{number: 443, name: tls, protocol: TLS}], "
                   "resolution: DNS"),
         "error UnsupportedProtocol VirtualService/v: spec.http[0].route[0].destination: port 443 of ServiceEntry "
         "default/e "
         "speaks TLS, and no DestinationRule says how, so its share of requests gets 500; add one with trafficPolicy: "
         "{tls: "
         "{mode: SIMPLE}}"},
    };
    ASSERT_CASES(cases, said);
}

static void test_in_a_cluster_nobody_is_led_to_umbras_own_machine(void **state)
{
    (void)state;
    static const char yaml[] = TO("host: api.test, port: {number: 80}")
        ENTRY("resolution: STATIC, endpoints: [{address: 127.0.0.1}, {address: 169.254.169.254}, {address: 10.0.0.1}, "
              "{address: unix:///run/a}]");
    assert_compiles_to(yaml, &cluster, backends_text, "api.test:80 = 10.0.0.1:80");
}

/* ------------------------------------------------------------------------------------------------------------- TLS */

static const char *tls_text(struct compile_text *result)
{
    const struct rule_set *rules = &result->compiled->rules;
    strbuf_clear(&result->text);
    for (size_t i = 0; i < rules->backend_count; i++) {
        const struct rule_tls *tls = rules->backends[i].tls;
        strbuf_printf(&result->text, "%s%.*s", i > 0 ? "\n" : "", STR_ARG(rules->backends[i].label));
        if (!tls)
            continue;
        strbuf_printf(&result->text, " %.*s ca=%.*s", STR_ARG(tls->server_name), STR_ARG(tls->authorities));
        if (tls->identity.len > 0)
            strbuf_printf(&result->text, " cert=%.*s", STR_ARG(tls->identity));
        for (size_t k = 0; k < tls->san_count; k++)
            strbuf_printf(&result->text, " san=%.*s", STR_ARG(tls->sans[k].name));
    }
    return result->text.ptr ? result->text.ptr : "";
}

#define RULE(spec) ISTIO("DestinationRule", "name: d", "host: shop, " spec)
#define CA_SECRET \
    "apiVersion: v1\nkind: Secret\nmetadata: {name: keys}\nstringData: {cacert: \"" SHOP_CRT "\", cert: \"" SHOP_CRT \
    "\", key: \"" SHOP_KEY "\"}\n---\n"

static void test_a_destination_rule_says_how_tls_is_spoken(void **state)
{
    (void)state;
#define SHOP_80 TO("host: shop, port: {number: 80}") SHOP SHOP_ENDPOINTS CA_SECRET
    static const struct compile_case cases[] = {
        {SHOP_80 RULE(
             "trafficPolicy: {tls: {mode: SIMPLE, credentialName: keys, sni: s.test, subjectAltNames: [a.test]}}"),
         "shop:80 s.test ca=secret/default/keys san=a.test"},
        {SHOP_80 RULE("trafficPolicy: {tls: {mode: MUTUAL, credentialName: keys}}"),
         "shop:80 shop ca=secret/default/keys cert=secret/default/keys"},
        {SHOP_80 RULE("trafficPolicy: {tls: {mode: DISABLE}}"), "shop:80"},
        {SHOP_80 RULE(
             "trafficPolicy: {tls: {mode: SIMPLE, credentialName: keys}, portLevelSettings: [{port: {number: 80}}]}"),
         "shop:80"},
    };
    ASSERT_CASES(cases, tls_text);
}

static void test_tls_that_can_not_be_had_is_no_plain_text(void **state)
{
    (void)state;
    static const struct compile_case cases[] = {
        {TO("host: shop, port: {number: 80}") SHOP RULE("trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}"),
         "error UnsupportedValue DestinationRule/d: spec.trafficPolicy.tls.mode: ISTIO_MUTUAL needs certificates of "
         "Istio, "
         "which this version has not, so the destination gets nothing, rather than plain text; let a sidecar do it: "
         "run Umbra "
         "with one, and with --routing Service\n"
         "note InvalidBackendTLS VirtualService/v: spec.http[0].route[0].destination: what DestinationRule default/d "
         "asks for "
         "can't be had, so its share of requests gets 500"},
        {TO("host: shop, port: {number: 80}")
             SHOP RULE("trafficPolicy: {tls: {mode: SIMPLE, caCertificates: /etc/ca.pem}}"),
         "error UnsupportedValue DestinationRule/d: spec.trafficPolicy.tls.caCertificates: files of Istio's proxy are "
         "not "
         "read, so the destination gets nothing, rather than plain text; put them into a Secret and name it as "
         "credentialName\n"
         "note InvalidBackendTLS VirtualService/v: spec.http[0].route[0].destination: what DestinationRule default/d "
         "asks for "
         "can't be had, so its share of requests gets 500"},
    };
    ASSERT_CASES(cases, said);
    assert_compiles_to(cases[0].yaml, NULL, routes_text, "virtualservice/default/v#r: ^/@1 -> 500*1");
}

/* --------------------------------------------------------------------------------------------------------- routing */

static void test_requests_go_to_a_services_own_address_where_that_is_asked_for(void **state)
{
    (void)state;
    struct compile_options to_service = {.routing = ROUTING_SERVICE};
    static const char plain[] = TO("host: shop, port: {number: 80}") SHOP SHOP_ENDPOINTS;
    assert_compiles_to(plain, &to_service, backends_text, "shop:80 = 10.96.0.1:80");
    assert_compiles_to(plain, NULL, backends_text, "shop:80 =" THREE);
#define ANNOTATED(value) \
    TO("host: shop, port: {number: 80}") \
    SERVICE("name: shop, annotations: {umbra.dev/routing: " value "}", \
            "clusterIP: 10.96.0.1, ports: [{port: 80, name: http}]") \
    SHOP_ENDPOINTS
    assert_compiles_to(ANNOTATED("Service"), NULL, backends_text, "shop:80 = 10.96.0.1:80");
    assert_compiles_to(ANNOTATED("Endpoints"), &to_service, backends_text, "shop:80 =" THREE);
    assert_compiles_to(
        ANNOTATED("Pods"), NULL, said,
        "warning Service/shop: metadata.annotations[\"umbra.dev/routing\"]: is neither \"Endpoints\" nor "
        "\"Service\", so it does not count");
}

static void test_routing_to_services_is_for_the_gateway_api_too_and_not_for_subsets_or_headless_ones(void **state)
{
    (void)state;
    struct compile_options to_service = {.routing = ROUTING_SERVICE};
    assert_compiles_to(EDGE ROUTE("r") "  rules: [{backendRefs: [{name: shop, port: 80}]}]\n---\n" SHOP SHOP_ENDPOINTS,
                       &to_service, backends_text, "default/shop:80 = 10.96.0.1:80");
    assert_compiles_to(TO("host: shop, port: {number: 80}, subset: v1") SHOP SHOP_ENDPOINTS SHOP_PODS SUBSETS,
                       &to_service, backends_text, "shop:80|v1 = 10.0.0.1:8080");
    assert_compiles_to(TO("host: shop, port: {number: 80}")
                           SERVICE("name: shop", "clusterIP: None, ports: [{port: 80, name: http}]") SHOP_ENDPOINTS,
                       &to_service, backends_text, "shop:80 =" THREE);
    assert_compiles_to(
        TO("host: shop, port: {number: 80}") SHOP RULE("trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}"), &to_service, said,
        "note UnsupportedValue DestinationRule/d: spec.trafficPolicy.tls.mode: ISTIO_MUTUAL is left to the "
        "sidecar beside Umbra: requests go to the Service's own address as plain text");
}

/* ------------------------------------------------------------------------------------------------------ namespaces */

static void test_live_may_leave_the_namespace_and_copies_need_a_grant_in_a_cluster(void **state)
{
    (void)state;
    static const char yaml[] = ISTIO(
        "Gateway", "name: gate",
        "selector: {app: umbra}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]")
        ISTIO("VirtualService", "name: v",
              "gateways: [gate], hosts: [a.test], http: [{name: r, match: [{method: {exact: GET}}], route: "
              "[{destination: "
              "{host: shop.other.svc.cluster.local}}], mirror: {host: v2.other.svc.cluster.local}}]")
            SERVICE("name: shop, namespace: other", "ports: [{port: 80}]")
                SERVICE("name: v2, namespace: other", "ports: [{port: 80}]");
    assert_compiles_to(yaml, &cluster, routes_text,
                       "virtualservice/default/v#r: ^/[GET] -> shop.other.svc.cluster.local:80*1");
    assert_compiles_to(yaml, &cluster, mirrors_text, "");
    struct strbuf granted = STRBUF_INIT;
    strbuf_printf(
        &granted, "%s%s", yaml,
        GRANT("name: g, namespace: other",
              "from: [{group: networking.istio.io, kind: VirtualService, namespace: default}], to: [{group: '', "
              "kind: Service}]"));
    assert_compiles_to(granted.ptr, &cluster, mirrors_text,
                       "virtualservice/default/v#r -> v2.other.svc.cluster.local:80: 1000000/1000000 "
                       "redact-header(authorization) redact-header(cookie) redact-header(proxy-authorization) "
                       "redact-header(x-api-key)");
    strbuf_deinit(&granted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_of_services_lead_to_their_endpoints),
        cmocka_unit_test(test_a_port_that_must_be_named_is_asked_for),
        cmocka_unit_test(test_subsets_are_the_endpoints_whose_pods_have_the_labels),
        cmocka_unit_test(test_the_rule_of_the_senders_namespace_counts_first),
        cmocka_unit_test(test_hosts_of_service_entries_have_endpoints_or_dns),
        cmocka_unit_test(test_what_a_service_entry_lacks_is_said),
        cmocka_unit_test(test_in_a_cluster_nobody_is_led_to_umbras_own_machine),
        cmocka_unit_test(test_a_destination_rule_says_how_tls_is_spoken),
        cmocka_unit_test(test_tls_that_can_not_be_had_is_no_plain_text),
        cmocka_unit_test(test_requests_go_to_a_services_own_address_where_that_is_asked_for),
        cmocka_unit_test(test_routing_to_services_is_for_the_gateway_api_too_and_not_for_subsets_or_headless_ones),
        cmocka_unit_test(test_live_may_leave_the_namespace_and_copies_need_a_grant_in_a_cluster),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
