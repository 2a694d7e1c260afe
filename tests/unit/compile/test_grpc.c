/* SPDX-License-Identifier: Apache-2.0 */
/* What the compiler makes of GRPCRoutes, as far as it differs from what it makes of HTTPRoutes. */
#include "compile_text.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define TO_SHOP "backendRefs: [{name: shop, port: 80}]"
#define GRPC(meta, spec) GATEWAY_OBJECT("GRPCRoute", meta, spec)
#define HTTP(meta, spec) GATEWAY_OBJECT("HTTPRoute", meta, spec)
#define AT_EDGE "parentRefs: [{name: edge}]"
#define RULE(fields) EDGE GRPC("name: r", AT_EDGE ", rules: [{name: a, " fields "}]")
#define MATCH(fields) RULE("matches: [{" fields "}], " TO_SHOP)

static void test_methods_are_paths(void **state)
{
    (void)state;
    static const struct compile_case cases[] = {
        {RULE(TO_SHOP), "grpcroute/default/r#a: / -> default/shop:80*1"},
        {MATCH(""), "grpcroute/default/r#a: / -> default/shop:80*1"},
        {MATCH("method: {service: a.B, method: Get}"), "grpcroute/default/r#a: =/a.B/Get -> default/shop:80*1"},
        {MATCH("method: {service: a.B}"), "grpcroute/default/r#a: /a.B -> default/shop:80*1"},
        {MATCH("method: {method: Get}"), "grpcroute/default/r#a: /~/[^/]+/Get -> default/shop:80*1"},
        {MATCH("method: {type: RegularExpression, service: 'a.*', method: 'G|L'}"),
         "grpcroute/default/r#a: /~/(?:a.*)/(?:G|L) -> default/shop:80*1"},
        {MATCH("headers: [{name: v, value: a}, {name: V, value: b}, {name: w, type: RegularExpression, value: c+}]"),
         "grpcroute/default/r#a: /[v=a][w~c+] -> default/shop:80*1"},
    };
    ASSERT_CASES(cases, routes_text);
}

static void test_rules_without_a_name_have_their_place_in_the_label(void **state)
{
    (void)state;
    assert_compiles_to(EDGE GRPC("name: r", AT_EDGE ", rules: [{" TO_SHOP "}]"), NULL, routes_text,
                       "grpcroute/default/r#0: / -> default/shop:80*1");
}

static void test_a_route_without_rules_is_a_warning(void **state)
{
    (void)state;
    assert_compiles_to(EDGE GRPC("name: r", AT_EDGE), NULL, said,
                       "warning GRPCRoute/r: spec.rules: the route has no rules, so it takes no calls; add one");
}

static void test_backends_of_calls_are_spoken_to_in_http2(void **state)
{
    (void)state;
    static const struct compile_case cases[] = {
        {MATCH(""), "default/shop:80 (h2) = shop:80"},
        {RULE("backendRefs: [{group: umbra.dev, kind: Backend, name: b}]")
             BACKEND("name: b", "endpoints: [{host: h, port: 1}]"),
         "default/b (h2) = h:1"},
        {RULE("backendRefs: [{group: umbra.dev, kind: Backend, name: b}]")
             BACKEND("name: b", "endpoints: [{host: h, port: 1}], protocol: HTTP"),
         "default/b = h:1"},
        /* Both kinds of route lead to it: one label, one set of addresses, and a protocol for each. */
        {EDGE HTTP("name: h", AT_EDGE ", hostnames: [h.test], rules: [{" TO_SHOP "}]")
             GRPC("name: g", AT_EDGE ", hostnames: [g.test], rules: [{" TO_SHOP
                                     "}, {matches: [{method: {service: s}}], " TO_SHOP "}]"),
         "default/shop:80 (h2) = shop:80\ndefault/shop:80 twin = shop:80"},
    };
    ASSERT_CASES(cases, backends_text);
}

static void test_listeners_take_the_kinds_that_they_allow(void **state)
{
    (void)state;
#define LISTENER(kinds) \
    GATEWAY_OBJECT("Gateway", "name: edge", \
                   "gatewayClassName: umbra, listeners: [{name: http, protocol: HTTP, port: 80, " \
                   "allowedRoutes: {kinds: [" kinds "]}}]")
#define ROUTE_OF(kind) GATEWAY_OBJECT(kind, "name: r", AT_EDGE ", rules: [{name: a, " TO_SHOP "}]")
    static const struct compile_case cases[] = {
        {LISTENER("{kind: GRPCRoute}") ROUTE_OF("GRPCRoute"), ""},
        {LISTENER("{kind: GRPCRoute}, {kind: HTTPRoute}") ROUTE_OF("HTTPRoute"), ""},
        {LISTENER("{kind: HTTPRoute}") ROUTE_OF("GRPCRoute"),
         "error NotAllowedByListeners GRPCRoute/r: spec.parentRefs[0]: listener http of Gateway default/edge does not "
         "take this route: its allowedRoutes.kinds leave GRPCRoute out; add {kind: GRPCRoute} there"},
        {LISTENER("{kind: GRPCRoute}") ROUTE_OF("HTTPRoute"),
         "error NotAllowedByListeners HTTPRoute/r: spec.parentRefs[0]: listener http of Gateway default/edge does not "
         "take this route: its allowedRoutes.kinds leave HTTPRoute out; add {kind: HTTPRoute} there"},
    };
    ASSERT_CASES(cases, said);
}

/* Which of an HTTPRoute "h" and a GRPCRoute "g" are attached, with their hostnames. */
#define PAIR(http_meta, http_hosts, grpc_meta, grpc_hosts) \
    EDGE HTTP("name: h" http_meta, AT_EDGE ", hostnames: [" http_hosts "], rules: [{name: a, " TO_SHOP "}]") \
        GRPC("name: g" grpc_meta, AT_EDGE ", hostnames: [" grpc_hosts "], rules: [{name: a, " TO_SHOP "}]")
#define OLDER ", creationTimestamp: 2024-01-01T00:00:00Z"
#define YOUNGER ", creationTimestamp: 2024-01-02T00:00:00Z"
#define ONLY_GRPC(host) "grpcroute/default/g#a: default/edge/http \"" host "\""
#define ONLY_HTTP(host) "default/h#a: default/edge/http \"" host "\""

static void test_of_two_kinds_for_one_host_the_older_route_is_accepted(void **state)
{
    (void)state;
    static const struct compile_case cases[] = {
        {PAIR(OLDER, "a.test", YOUNGER, "a.test"), ONLY_HTTP("a.test")},
        {PAIR(YOUNGER, "a.test", OLDER, "a.test"), ONLY_GRPC("a.test")},
        {PAIR("", "a.test", "", "a.test"), ONLY_GRPC("a.test")}, /* by name */
        {PAIR(YOUNGER, "'*.test'", OLDER, "a.test"), ONLY_GRPC("a.test")},
        {PAIR(YOUNGER, "a.test", OLDER, "'*.test'"), ONLY_GRPC("*.test")},
        {PAIR(YOUNGER, "'*.b.test'", OLDER, "'*.test'"), ONLY_GRPC("*.test")},
        {PAIR(YOUNGER, "'*.test'", OLDER, "'*.b.test'"), ONLY_GRPC("*.b.test")},
        {PAIR(YOUNGER, "", OLDER, "a.test"), ONLY_GRPC("a.test")},
        {PAIR(YOUNGER, "a.test", OLDER, ""), ONLY_GRPC("")},
        {PAIR(YOUNGER, "", OLDER, ""), ONLY_GRPC("")},
        {PAIR(YOUNGER, "b.test, a.test", OLDER, "a.test"), ONLY_GRPC("a.test")}, /* as a whole */
        {PAIR(OLDER, "a.test", YOUNGER, "b.test"), ONLY_HTTP("a.test") "\n" ONLY_GRPC("b.test")},
        {PAIR(OLDER, "test", YOUNGER, "'*.test'"), ONLY_HTTP("test") "\n" ONLY_GRPC("*.test")},
        {PAIR(OLDER, "'*.a.test'", YOUNGER, "'*.b.test'"), ONLY_HTTP("*.a.test") "\n" ONLY_GRPC("*.b.test")},
    };
    ASSERT_CASES(cases, bindings_text);
}

static void test_a_route_that_is_not_accepted_names_the_other(void **state)
{
    (void)state;
    assert_compiles_to(
        PAIR(YOUNGER, "'*.test'", OLDER, "a.test"), NULL, said,
        "error HostnameConflict HTTPRoute/h: spec.parentRefs[0]: does not attach to listener http of Gateway "
        "default/edge: GRPCRoute default/g, which is older or comes first by name, has \"*.test\" or a part of it "
        "there, "
        "and a listener takes HTTPRoutes and GRPCRoutes for different hosts only; give one of them other hostnames or "
        "a "
        "listener of its own");
}

#define MIRROR "filters: [{type: RequestMirror, requestMirror: {backendRef: {name: shadow, port: 80}}}]"
#define POST_ONLY "methods: [POST]"
#define MIRRORED RULE(MIRROR ", " TO_SHOP)

static void test_policies_may_name_grpc_routes_and_their_rules(void **state)
{
    (void)state;
    static const struct compile_case cases[] = {
        {MIRRORED POLICY("name: p", "targetRefs: [{kind: GRPCRoute, name: r}], suspend: true"),
         "grpcroute/default/r#a -> default/shadow:80: 1/1 suspended"},
        {MIRRORED POLICY("name: p", "targetRefs: [{kind: GRPCRoute, name: r, sectionName: a}], suspend: true"),
         "grpcroute/default/r#a -> default/shadow:80: 1/1 suspended"},
        {MIRRORED POLICY("name: p", "targetRefs: [{kind: Gateway, name: edge}], suspend: true"),
         "grpcroute/default/r#a -> default/shadow:80: 1/1 suspended"},
        {MIRRORED POLICY("name: p", "targetRefs: [{kind: HTTPRoute, name: r}], suspend: true"),
         "grpcroute/default/r#a -> default/shadow:80: 1/1"},
    };
    ASSERT_CASES(cases, mirrors_text);
}

static void test_copies_of_calls_are_said_to_write_unless_that_is_meant(void **state)
{
    (void)state;
    static const struct compile_case cases[] = {
        {MIRRORED,
         "warning GRPCRoute/r: spec.rules[0].filters[0]: calls that write are copied to default/shadow:80 as well, so "
         "whatever they do is done twice if the shadow shares anything with live; move the mirror to a rule that "
         "matches "
         "methods which only read, or say that it is meant: add a MirrorPolicy with methods: [POST]"},
        {MIRRORED POLICY("name: p", "targetRefs: [{kind: GRPCRoute, name: r}], " POST_ONLY), ""},
    };
    ASSERT_CASES(cases, said);
}

static void test_references_across_namespaces_need_a_grant_for_grpc_routes(void **state)
{
    (void)state;
#define ACROSS RULE("backendRefs: [{name: shop, namespace: other, port: 80}]")
#define FROM(kind) \
    GRANT("name: g, namespace: other", "from: [{group: gateway.networking.k8s.io, kind: " kind \
                                       ", namespace: default}], to: [{group: '', kind: Service}]")
    static const struct compile_case cases[] = {
        {ACROSS FROM("GRPCRoute"), ""},
        {ACROSS FROM("HTTPRoute"),
         "error RefNotPermitted GRPCRoute/r: spec.rules[0].backendRefs[0].namespace: requests to a backend in "
         "namespace "
         "other need a ReferenceGrant there (from: GRPCRoute of namespace default, to: Service shop)"},
    };
    ASSERT_CASES(cases, said);
}

static void test_a_match_that_an_earlier_rule_has_is_said(void **state)
{
    (void)state;
    assert_compiles_to(
        EDGE GRPC("name: r",
                  AT_EDGE ", rules: [{name: a, matches: [{method: {method: Get}}], " TO_SHOP
                          "}, {name: b, matches: [{method: {method: Put}}, {method: {method: Get}}], " TO_SHOP "}]"),
        NULL, said,
        "warning GRPCRoute/r: spec.rules[1].matches[1]: this is never reached: rule grpcroute/default/r#a has the same "
        "match for the same hosts and comes first, by age, name or place; take one out");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_methods_are_paths),
        cmocka_unit_test(test_rules_without_a_name_have_their_place_in_the_label),
        cmocka_unit_test(test_a_route_without_rules_is_a_warning),
        cmocka_unit_test(test_backends_of_calls_are_spoken_to_in_http2),
        cmocka_unit_test(test_listeners_take_the_kinds_that_they_allow),
        cmocka_unit_test(test_of_two_kinds_for_one_host_the_older_route_is_accepted),
        cmocka_unit_test(test_a_route_that_is_not_accepted_names_the_other),
        cmocka_unit_test(test_policies_may_name_grpc_routes_and_their_rules),
        cmocka_unit_test(test_copies_of_calls_are_said_to_write_unless_that_is_meant),
        cmocka_unit_test(test_references_across_namespaces_need_a_grant_for_grpc_routes),
        cmocka_unit_test(test_a_match_that_an_earlier_rule_has_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
