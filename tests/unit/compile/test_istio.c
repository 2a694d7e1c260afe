/* SPDX-License-Identifier: Apache-2.0 */
/* Istio's Gateways and VirtualServices: where requests come in, which match, and what is done with them. */
#include "compile_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define ISTIO(kind, meta, spec) \
    "apiVersion: networking.istio.io/v1\nkind: " kind "\nmetadata: {" meta "}\nspec: {" spec "}\n---\n"
#define SERVER(port, hosts) "{port: {number: " port ", name: http, protocol: HTTP}, hosts: [" hosts "]}"
#define GATE ISTIO("Gateway", "name: gate", "servers: [" SERVER("80", "'*'") "]")
#define SERVICE(meta, spec) ISTIO("VirtualService", meta, "gateways: [gate], " spec)
/* One route of VirtualService "v" for a.test: what it matches and does. */
#define HTTP(text) GATE SERVICE("name: v", "hosts: [a.test], http: [{name: r, " text "}]")
#define TO_SHOP "route: [{destination: {host: shop, port: {number: 80}}}]"

static const struct compile_options cluster = {.is_cluster = true};

/* -------------------------------------------------------------------------------------------------------- Gateways */

static void test_each_host_of_a_server_is_a_listener(void **state)
{
    (void)state;
    static const struct compile_case cases[] = {
        {GATE, "default/gate/http [::]:80 \"\" 80"},
        {ISTIO("Gateway", "name: gate",
               "servers: [" SERVER("80", "a.test, '*.b.test'") ", " SERVER("8080", "a.test") "]"),
         "default/gate/http [::]:80 \"a.test\" 80\ndefault/gate/http [::]:80 \"*.b.test\" 80\n"
         "default/gate/http [::]:8080 \"a.test\" 8080"},
        {ISTIO("Gateway", "name: gate",
               "servers: [{name: web, port: {number: 80, name: http, protocol: GRPC}, hosts: ['*']}]"),
         "default/gate/web [::]:80 \"\" 80"},
    };
    ASSERT_CASES(cases, listeners_text);
}

static void test_each_host_has_a_row_for_status(void **state)
{
    (void)state;
    struct compile_text result = compile_yaml(
        ISTIO("Gateway", "name: gate", "servers: [" SERVER("80", "a.test, '*.b.test'") ", " SERVER("81", "'*'") "]")
            ISTIO("Gateway", "name: later", "servers: [" SERVER("81", "'*'") "]")
                SERVICE("name: v", "hosts: [a.test, c.b.test], http: [{name: r, " TO_SHOP "}]")
                    SERVICE("name: w", "hosts: [other.test], http: [{name: r, " TO_SHOP "}]"),
        NULL);
    static const struct {
        const char *name;
        uint32_t routes;
        size_t rule;
    } rows[] = {{"http a.test", 1, 0}, {"http *.b.test", 1, 1}, {"http", 2, 2}, {"http", 0, 2}};
    const struct compiled *compiled = result.compiled;
    assert_int_equal(compiled->listener_count, sizeof(rows) / sizeof(rows[0]));
    for (size_t i = 0; i < compiled->listener_count; i++) {
        const struct compiled_listener *row = &compiled->listeners[i];
        assert_true(str_eq(row->name, str_from_c(rows[i].name)));
        assert_true(str_eq(row->gateway->name, i < 3 ? STR("gate") : STR("later")));
        assert_int_equal(row->attached_routes, rows[i].routes);
        assert_int_equal(row->rule, rows[i].rule);
        assert_non_null(row->node);
    }
    compile_text_free(&result);
}

static void test_servers_that_are_not_served_are_said_and_the_others_are_served(void **state)
{
    (void)state;
    static const char yaml[] = ISTIO(
        "Gateway", "name: gate",
        "servers: [{port: {number: 443, name: tls, protocol: TLS}, hosts: ['*'], tls: {mode: PASSTHROUGH}}, {port: "
        "{number: 444, name: m, protocol: HTTPS}, hosts: ['*'], tls: {mode: MUTUAL, credentialName: a}}, " SERVER(
            "80", "'*'") "]");
    assert_compiles_to(yaml, NULL, listeners_text, "default/gate/http [::]:80 \"\" 80");
    assert_compiles_to(
        yaml, NULL, said,
        "warning UnsupportedProtocol Istio Gateway/gate: spec.servers[0].port.protocol: TLS is not served "
        "by this version, so this server is left out; HTTP is served, and HTTPS, which ends TLS here\n"
        "warning UnsupportedValue Istio Gateway/gate: spec.servers[1].tls.mode: only SIMPLE is served by "
        "this version, so this server is left out");
}

static void test_a_gateway_is_served_when_its_selector_is_that_of_this_pod(void **state)
{
    (void)state;
    static const char yaml[] = ISTIO("Gateway", "name: ours",
                                     "selector: {app: umbra}, servers: [" SERVER("80", "'*'") "]")
        ISTIO("Gateway", "name: theirs", "selector: {istio: ingressgateway}, servers: [" SERVER("81", "'*'") "]");
    struct compile_options options = {.istio_selector = STR_INIT("app=umbra,team=edge")};
    assert_compiles_to(yaml, &options, listeners_text, "default/ours/http [::]:80 \"\" 80");
    assert_compiles_to(yaml, &options, said,
                       "note Istio Gateway/theirs: spec.selector: left out: these labels are not among those of "
                       "--istio-selector");
    assert_compiles_to(yaml, NULL, listeners_text,
                       "default/ours/http [::]:80 \"\" 80\ndefault/theirs/http [::]:81 \"\" 81");
    assert_compiles_to(yaml, &cluster, listeners_text, "");
    assert_compiles_to(
        yaml, &cluster, said,
        "note Istio Gateway/ours: spec.selector: left out, as all Gateways of Istio are: start Umbra with "
        "--istio-selector and the labels of its own pod to serve those that select it");
}

static void test_gateways_with_one_port_and_host_share_it(void **state)
{
    (void)state;
    static const char yaml[] = GATE ISTIO("Gateway", "name: other", "servers: [" SERVER("80", "'*', a.test") "]")
        SERVICE("name: v", "hosts: [a.test], http: [{" TO_SHOP "}]")
            ISTIO("VirtualService", "name: w", "gateways: [other], hosts: [b.test], http: [{" TO_SHOP "}]");
    assert_compiles_to(yaml, NULL, listeners_text,
                       "default/gate/http [::]:80 \"\" 80\ndefault/other/http [::]:80 \"a.test\" 80");
    assert_compiles_to(yaml, NULL, bindings_text,
                       "virtualservice/default/v#0: default/gate/http \"a.test\"\nvirtualservice/default/w#0: "
                       "default/gate/http \"b.test\"");
}

static void test_a_server_may_send_everybody_to_https(void **state)
{
    (void)state;
    static const char yaml[] = ISTIO(
        "Gateway", "name: gate",
        "servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*.test'], tls: {httpsRedirect: true}}]")
        SERVICE("name: v", "hosts: [a.test], http: [{" TO_SHOP "}]");
    assert_compiles_to(yaml, NULL, routes_text,
                       "istiogateway/default/gate#http: ^/ redirect(301 https  0 port-of=request) ->");
    assert_compiles_to(yaml, NULL, bindings_text, "istiogateway/default/gate#http: default/gate/http \"*.test\"");
    assert_compiles_to(yaml, NULL, said, "");
}

/* -------------------------------------------------------------------------------------------------------- binding */

static void test_hosts_of_service_and_server_are_intersected(void **state)
{
    (void)state;
    static const char gate[] = ISTIO("Gateway", "name: gate",
                                     "servers: [" SERVER("80", "'*.test', other/b.example, ./c.example") "]");
    struct strbuf yaml = STRBUF_INIT;
    strbuf_printf(&yaml, "%s%s", gate,
                  SERVICE("name: v", "hosts: [a.test, '*', b.example, c.example, d.example], http: [{" TO_SHOP "}]"));
    assert_compiles_to(
        yaml.ptr, NULL, bindings_text,
        "virtualservice/default/v#0: default/gate/http \"a.test\", default/gate/http \"*.test\", default/gate/http "
        "\"c.example\"");
    strbuf_deinit(&yaml);
}

static void test_a_short_host_stands_for_itself_and_its_service(void **state)
{
    (void)state;
    assert_compiles_to(GATE SERVICE("name: v, namespace: default", "hosts: [shop], http: [{" TO_SHOP "}]"), NULL,
                       bindings_text,
                       "virtualservice/default/v#0: default/gate/http \"shop\", default/gate/http "
                       "\"shop.default.svc.cluster.local\"");
}

static void test_a_virtual_service_binds_to_a_gateway_of_the_gateway_api(void **state)
{
    (void)state;
    static const char yaml[] = EDGE ISTIO("VirtualService", "name: v",
                                          "gateways: [default/edge], hosts: [a.test], http: [{" TO_SHOP "}]")
        ISTIO("VirtualService", "name: v, namespace: other",
              "gateways: [default/edge], hosts: [b.test], http: [{" TO_SHOP "}]");
    assert_compiles_to(yaml, NULL, bindings_text, "virtualservice/default/v#0: default/edge/http \"a.test\"");
    assert_compiles_to(yaml, NULL, said,
                       "error NotAllowedByListeners VirtualService/v: spec.gateways[0]: no listener of Gateway "
                       "default/edge takes VirtualServices of this namespace; set allowedRoutes.namespaces.from: All "
                       "there, and leave kinds out or add {group: networking.istio.io, kind: VirtualService}");
}

static void test_the_mesh_alone_binds_to_nothing_and_is_said(void **state)
{
    (void)state;
    static const char yaml[] = ISTIO("VirtualService", "name: v", "hosts: [a], http: [{" TO_SHOP "}]")
        ISTIO("VirtualService", "name: w", "hosts: [a], gateways: [mesh], http: [{" TO_SHOP "}]");
    assert_compiles_to(yaml, NULL, routes_text, "");
    assert_compiles_to(
        yaml, NULL, said,
        "warning VirtualService/v: spec.gateways: is missing, which stands for the mesh, which Umbra is not "
        "in, so nothing comes in by it; name a Gateway, as namespace/name\n"
        "warning VirtualService/w: spec.gateways: is for the mesh, which Umbra is not in, so nothing comes "
        "in by it; name a Gateway, as namespace/name");
}

static void test_a_gateway_that_is_not_there_or_has_other_hosts_is_said(void **state)
{
    (void)state;
    assert_compiles_to(
        ISTIO("Gateway", "name: gate", "servers: [" SERVER("80", "a.test") "]")
            ISTIO("VirtualService", "name: v", "gateways: [gaet, gate], hosts: [b.test], http: [{" TO_SHOP "}]"),
        NULL, said,
        "error NoMatchingParent VirtualService/v: spec.gateways[0]: there is no Gateway default/gaet, of "
        "Istio or of the Gateway API; did you mean \"gate\"?\n"
        "warning NoMatchingListenerHostname VirtualService/v: spec.gateways[1]: Istio Gateway default/gate "
        "takes none of these hosts for this namespace, so nothing comes in by it; change either");
}

/* ------------------------------------------------------------------------------------------------------ matching */

static void test_conditions_become_matches_in_written_order(void **state)
{
    (void)state;
    static const struct compile_case cases[] = {
        {HTTP("match: [{uri: {exact: /a}}, {uri: {prefix: /b}}, {uri: {regex: '/c.*'}}], " TO_SHOP),
         "virtualservice/default/v#r: =/a ^/b ~/c.* -> shop:80*1"},
        {HTTP("match: [{uri: {prefix: /A}, ignoreUriCase: true, method: {exact: GET}}], " TO_SHOP),
         "virtualservice/default/v#r: ^/A(i)[GET] -> shop:80*1"},
        {HTTP("match: [{method: {regex: 'P.*'}, scheme: {exact: http}, authority: {prefix: a}, port: 80}], " TO_SHOP),
         "virtualservice/default/v#r: ^/[method~P.*][scheme=http][authority^a][port=80] -> shop:80*1"},
        {HTTP("match: [{headers: {x-a: {}, x-b: {prefix: b}, uri: {exact: z}}, withoutHeaders: {x-c: {}, x-d: {exact: "
              "d}}, queryParams: {q: {exact: '1'}}}], " TO_SHOP),
         "virtualservice/default/v#r: ^/[x-a*][x-b^b][!x-c*][!x-d=d][?q=1] -> shop:80*1"},
        {HTTP(TO_SHOP), "virtualservice/default/v#r: ^/@1 -> shop:80*1"},
        {HTTP("match: [{uri: {prefix: /%7Ea}}], " TO_SHOP), "virtualservice/default/v#r: ^/~a -> shop:80*1"},
    };
    ASSERT_CASES(cases, routes_text);
}

static void test_what_takes_everything_comes_last_and_ends_a_service(void **state)
{
    (void)state;
    static const char yaml[] = GATE SERVICE(
        "name: v", "hosts: [a.test], http: [{name: all, match: [{uri: {prefix: /}}], " TO_SHOP "}, {name: late, match: "
                   "[{uri: {prefix: /x}}], " TO_SHOP "}]")
        SERVICE("name: w", "hosts: [a.test], http: [{name: more, match: [{uri: {prefix: /y}}], " TO_SHOP "}]");
    assert_compiles_to(yaml, NULL, routes_text,
                       "virtualservice/default/v#all: ^/@1 -> shop:80*1\n"
                       "virtualservice/default/w#more: ^/y -> shop:80*1");
    assert_compiles_to(
        yaml, NULL, said,
        "warning VirtualService/v: spec.http[1]: this is never reached: a route before it takes every "
        "request; take one out, or move that one to the end\n"
        "note VirtualService/w: spec.hosts: a.test is also of VirtualService default/v, which is older or "
        "comes first by name: its routes are tried first, but for those that take everything");
}

static void test_matches_for_some_gateways_are_rules_of_their_own(void **state)
{
    (void)state;
    static const char yaml[] = GATE ISTIO("Gateway", "name: inner", "servers: [" SERVER("81", "'*'") "]") ISTIO(
        "VirtualService", "name: v",
        "gateways: [gate, inner], hosts: [a.test], http: [{name: r, match: [{uri: {prefix: /a}, gateways: [inner]}, "
        "{uri: {prefix: /b}}, {uri: {prefix: /c}, gateways: [inner]}], " TO_SHOP "}]");
    assert_compiles_to(yaml, NULL, routes_text,
                       "virtualservice/default/v#r: ^/a ^/c -> shop:80*1\n"
                       "virtualservice/default/v#r: ^/b -> shop:80*1");
    assert_compiles_to(yaml, NULL, bindings_text,
                       "virtualservice/default/v#r: default/inner/http \"a.test\"\n"
                       "virtualservice/default/v#r: default/gate/http \"a.test\", default/inner/http \"a.test\"");
}

#define POD(meta, status) "apiVersion: v1\nkind: Pod\nmetadata: {" meta "}\nstatus: {" status "}\n---\n"

static void test_sources_become_sets_of_addresses_of_pods(void **state)
{
    (void)state;
    static const char yaml[] = POD("name: a, namespace: web, labels: {app: front}",
                                   "podIP: 10.0.0.1, podIPs: [{ip: 10.0.0.1}, {ip: 'fd00::1'}]")
        POD("name: b, namespace: web, labels: {app: back}", "podIP: 10.0.0.2")
            POD("name: c, namespace: other, labels: {app: front}", "podIP: 10.0.0.3")
                HTTP("match: [{sourceLabels: {app: front}, sourceNamespace: web}, {sourceNamespace: web}], " TO_SHOP);
    assert_compiles_to(yaml, NULL, routes_text,
                       "virtualservice/default/v#r: ^/[peer=namespace=web,app=front]@1 ^/[peer=namespace=web]@1 -> "
                       "shop:80*1");
    struct compile_text result = compile_yaml(yaml, NULL);
    const struct rule_set *rules = &result.compiled->rules;
    assert_int_equal(rules->peer_set_count, 2);
    assert_true(str_eq(rules->peer_sets[0].name, STR("namespace=web,app=front")));
    assert_int_equal(rules->peer_sets[0].count, 2);
    assert_int_equal(rules->peer_sets[1].count, 3);
    compile_text_free(&result);
}

static void test_sources_without_any_pod_are_said(void **state)
{
    (void)state;
    assert_compiles_to(
        HTTP("match: [{sourceLabels: {app: front}}], " TO_SHOP), NULL, said,
        "warning VirtualService/v: spec.http[0].match[0].sourceLabels: matches nobody: whose a request is, "
        "is told by the addresses of Pods, and there is no Pod among the manifests");
}

/* -------------------------------------------------------------------------------------------------------- actions */

static void test_what_a_route_does(void **state)
{
    (void)state;
    static const struct compile_case cases[] = {
        {HTTP("match: [{uri: {prefix: /a}}], rewrite: {uri: /b, authority: c.test}, " TO_SHOP),
         "virtualservice/default/v#r: ^/a rewrite(c.test matched=/b) -> shop:80*1"},
        {HTTP("match: [{uri: {prefix: /a}}], rewrite: {uriRegexRewrite: {match: '^/a/(.*)', rewrite: "
              "'/\\1'}}, " TO_SHOP),
         "virtualservice/default/v#r: ^/a rewrite( regex=/\\1 of ^/a/(.*)) -> shop:80*1"},
        {HTTP("match: [{uri: {prefix: /a}}], redirect: {uri: '/b?c=d', authority: 'e.test:81', redirectCode: 307}"),
         "virtualservice/default/v#r: ^/a redirect(307  e.test:81 0 full=/b?c=d port-of=request) ->"},
        {HTTP("match: [{uri: {prefix: /a}}], redirect: {prefixRewrite: /b, scheme: https, derivePort: "
              "FROM_PROTOCOL_DEFAULT}"),
         "virtualservice/default/v#r: ^/a redirect(301 https  443 matched=/b port-of=request) ->"},
        {HTTP("match: [{uri: {prefix: /a}}], redirect: {uri: /b, derivePort: FROM_REQUEST_PORT}"),
         "virtualservice/default/v#r: ^/a redirect(301   0 full=/b port-of=listener) ->"},
        {HTTP("match: [{uri: {prefix: /a}}], directResponse: {status: 503, body: {string: gone}}"),
         "virtualservice/default/v#r: ^/a answer(503 gone) ->"},
        {HTTP("match: [{uri: {prefix: /a}}], directResponse: {status: 200, body: {bytes: aGk=}}"),
         "virtualservice/default/v#r: ^/a answer(200 hi) ->"},
        {HTTP("match: [{uri: {prefix: /a}}], headers: {request: {set: {a: b, Host: c.test}, add: {d: e}, remove: [f]}, "
              "response: {set: {g: h}}}, " TO_SHOP),
         "virtualservice/default/v#r: ^/a request-remove(f=) request-set(a=b) request-add(d=e) response-set(g=h) "
         "rewrite(c.test) -> shop:80*1"},
        {HTTP("match: [{uri: {prefix: /a}}], route: [{destination: {host: a, port: {number: 80}}, weight: 75, headers: "
              "{request: {set: {v: '1'}}}}, {destination: {host: b, port: {number: 80}}, weight: 25}]"),
         "virtualservice/default/v#r: ^/a -> a:80*75 request-set(v=1) b:80*25"},
        {HTTP(
             "match: [{uri: {prefix: /a}}], corsPolicy: {allowOrigins: [{exact: 'https://b.c'}, {prefix: 'https://d'}, "
             "{regex: '.*e'}], allowMethods: [GET], maxAge: 90s, allowCredentials: true, unmatchedPreflights: "
             "IGNORE}, " TO_SHOP),
         "virtualservice/default/v#r: ^/a cors(90s cred method=GET origin=https://b.c origin^https://d origin~.*e) -> "
         "shop:80*1"},
        {HTTP("match: [{uri: {prefix: /a}}], delegate: {name: b}"), "virtualservice/default/v#r: ^/a ->"},
    };
    ASSERT_CASES(cases, routes_text);
}

static void test_timeouts_and_retries(void **state)
{
    (void)state;
#define TIMES(text) HTTP("match: [{uri: {prefix: /a}}], " text ", " TO_SHOP)
#define HEAD_OF "virtualservice/default/v#r: ^/a"
    static const struct compile_case cases[] = {
        {TIMES("timeout: 0.5s"), HEAD_OF " timeouts(500 0) -> shop:80*1"},
        {TIMES("retries: {attempts: 0}"), HEAD_OF " -> shop:80*1"},
        {TIMES("retries: {attempts: 2, perTryTimeout: 1s}"),
         HEAD_OF " timeouts(0 1000) retry(2 after 25 503 on=9 grpc=16386) -> shop:80*1"},
        {TIMES("retries: {attempts: 1, retryOn: 'gateway-error,503', backoff: 50ms}"),
         HEAD_OF " retry(1 after 50 502 503 504 on=15) -> shop:80*1"},
        {TIMES("retries: {attempts: 1, retryOn: connect-failure}"), HEAD_OF " retry(1 after 25 on=1) -> shop:80*1"},
        {TIMES("retries: {attempts: 1, retryOn: retriable-headers}"), HEAD_OF " -> shop:80*1"},
    };
    ASSERT_CASES(cases, routes_text);
}

/* -------------------------------------------------------------------------------------------------------- mirrors */

#define READS "match: [{uri: {prefix: /a}, method: {exact: GET}}], "
#define MIRRORS(text) HTTP(READS TO_SHOP ", " text)

static void test_mirrors_and_their_shares(void **state)
{
    (void)state;
#define TO_V2 "virtualservice/default/v#r -> shop-v2:80: "
    static const struct compile_case cases[] = {
        {MIRRORS("mirror: {host: shop-v2, port: {number: 80}}"), TO_V2 "1000000/1000000"},
        {MIRRORS("mirror: {host: shop-v2, port: {number: 80}}, mirrorPercentage: {value: 33.5}"),
         TO_V2 "335000/1000000"},
        {MIRRORS("mirror: {host: shop-v2, port: {number: 80}}, mirrorPercentage: {value: 0}"), TO_V2 "0/1000000"},
        {MIRRORS("mirror: {host: shop-v2, port: {number: 80}}, mirrorPercent: 20"), TO_V2 "200000/1000000"},
        {MIRRORS("mirror: {host: shop-v2, port: {number: 80}}, mirrorPercent: 20, mirrorPercentage: {value: 5}"),
         TO_V2 "50000/1000000"},
        {MIRRORS("mirrors: [{destination: {host: shop-v2, port: {number: 80}}, percentage: {value: 10}}, {destination: "
                 "{host: v3.other.svc.cluster.local, port: {number: 8080}}}]"),
         TO_V2 "100000/1000000\nvirtualservice/default/v#r -> v3.other.svc.cluster.local:8080: 1000000/1000000"},
    };
    ASSERT_CASES(cases, mirrors_text);
}

static void test_a_policy_for_a_virtual_service_counts_for_its_mirrors(void **state)
{
    (void)state;
    assert_compiles_to(
        GATE SERVICE("name: v",
                     "hosts: [a.test], http: [{name: r, " READS TO_SHOP ", mirror: {host: shop-v2, port: "
                     "{number: 80}}}, {name: s, " READS TO_SHOP ", mirror: {host: shop-v2, port: {number: 80}}}]")
            POLICY("name: p",
                   "targetRefs: [{group: networking.istio.io, kind: VirtualService, name: v}], limits: {inFlight: "
                   "7}") POLICY("name: q",
                                "targetRefs: [{group: networking.istio.io, kind: VirtualService, name: v, sectionName: "
                                "s}], suspend: true"),
        NULL, mirrors_text,
        "virtualservice/default/v#r -> shop-v2:80: 1000000/1000000 inFlight=7\n"
        "virtualservice/default/v#s -> shop-v2:80: 1000000/1000000 suspended inFlight=7");
}

static void test_a_route_without_a_name_has_its_place_as_label(void **state)
{
    (void)state;
    static const char yaml[] = GATE SERVICE("name: v", "hosts: [a.test], http: [{name: '1', " READS TO_SHOP
                                                       "}, {" READS TO_SHOP ", mirror: {host: b, port: "
                                                       "{number: 80}}}]");
    assert_compiles_to(yaml, NULL, bindings_text,
                       "virtualservice/default/v#0: default/gate/http \"a.test\"\nvirtualservice/default/v#1: "
                       "default/gate/http \"a.test\"");
    assert_compiles_to(yaml, NULL, said,
                       "warning VirtualService/v: spec.http[1].name: this route has a mirror and no name: its label is "
                       "virtualservice/default/v#1 and changes when routes are moved; give it a name");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_host_of_a_server_is_a_listener),
        cmocka_unit_test(test_each_host_has_a_row_for_status),
        cmocka_unit_test(test_servers_that_are_not_served_are_said_and_the_others_are_served),
        cmocka_unit_test(test_a_gateway_is_served_when_its_selector_is_that_of_this_pod),
        cmocka_unit_test(test_gateways_with_one_port_and_host_share_it),
        cmocka_unit_test(test_a_server_may_send_everybody_to_https),
        cmocka_unit_test(test_hosts_of_service_and_server_are_intersected),
        cmocka_unit_test(test_a_short_host_stands_for_itself_and_its_service),
        cmocka_unit_test(test_a_virtual_service_binds_to_a_gateway_of_the_gateway_api),
        cmocka_unit_test(test_the_mesh_alone_binds_to_nothing_and_is_said),
        cmocka_unit_test(test_a_gateway_that_is_not_there_or_has_other_hosts_is_said),
        cmocka_unit_test(test_conditions_become_matches_in_written_order),
        cmocka_unit_test(test_what_takes_everything_comes_last_and_ends_a_service),
        cmocka_unit_test(test_matches_for_some_gateways_are_rules_of_their_own),
        cmocka_unit_test(test_sources_become_sets_of_addresses_of_pods),
        cmocka_unit_test(test_sources_without_any_pod_are_said),
        cmocka_unit_test(test_what_a_route_does),
        cmocka_unit_test(test_timeouts_and_retries),
        cmocka_unit_test(test_mirrors_and_their_shares),
        cmocka_unit_test(test_a_policy_for_a_virtual_service_counts_for_its_mirrors),
        cmocka_unit_test(test_a_route_without_a_name_has_its_place_as_label),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
