/* SPDX-License-Identifier: Apache-2.0 */
#include "compile_text.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define GATEWAY(meta, listeners) GATEWAY_OBJECT("Gateway", meta, "gatewayClassName: umbra, listeners: [" listeners "]")
#define BACKEND_REFS "rules: [{name: all, backendRefs: [{name: shop, port: 80}]}]"
#define HTTP_ROUTE(meta, spec) GATEWAY_OBJECT("HTTPRoute", meta, spec ", " BACKEND_REFS)

/* The listeners and routes of the conformance case on the intersection of hostnames. */
#define INTERSECTION \
    GATEWAY("name: edge", "{name: l1, protocol: HTTP, port: 80, hostname: very.specific.com}, " \
                          "{name: l2, protocol: HTTP, port: 80, hostname: '*.wildcard.io'}, " \
                          "{name: l3, protocol: HTTP, port: 80, hostname: '*.anotherwildcard.io'}")

static void test_hostnames_of_route_and_listener_are_intersected(void **state)
{
    (void)state;
    static const struct compile_case cases[] = {
        {INTERSECTION HTTP_ROUTE("name: r", "parentRefs: [{name: edge}], hostnames: [non.matching.com, "
                                            "'*.nonmatchingwildcard.io', very.specific.com]"),
         "default/r#all: default/edge/l1 \"very.specific.com\""},
        {INTERSECTION HTTP_ROUTE("name: r", "parentRefs: [{name: edge}], hostnames: [wildcard.io, foo.wildcard.io, "
                                            "foo.bar.wildcard.io]"),
         "default/r#all: default/edge/l2 \"foo.wildcard.io\", default/edge/l2 \"foo.bar.wildcard.io\""},
        {INTERSECTION HTTP_ROUTE("name: r", "parentRefs: [{name: edge}], hostnames: ['*.specific.com']"),
         "default/r#all: default/edge/l1 \"very.specific.com\""},
        {INTERSECTION HTTP_ROUTE("name: r", "parentRefs: [{name: edge}], hostnames: ['*.anotherwildcard.io']"),
         "default/r#all: default/edge/l3 \"*.anotherwildcard.io\""},
        {INTERSECTION HTTP_ROUTE("name: r", "parentRefs: [{name: edge}]"),
         "default/r#all: default/edge/l1 \"very.specific.com\", default/edge/l2 \"*.wildcard.io\", default/edge/l3 "
         "\"*.anotherwildcard.io\""},
        {EDGE HTTP_ROUTE("name: r", "parentRefs: [{name: edge}], hostnames: [first.com, sub.first.com]"),
         "default/r#all: default/edge/http \"first.com\", default/edge/http \"sub.first.com\""},
    };
    ASSERT_CASES(cases, bindings_text);
}

static void test_a_host_is_bound_once_where_several_hostnames_come_to_the_same(void **state)
{
    (void)state;
    assert_compiles_to(GATEWAY("name: edge", "{name: http, protocol: HTTP, port: 80, hostname: abc.foo.example.com}")
                           HTTP_ROUTE("name: r", "parentRefs: [{name: edge}], hostnames: [bar.com, '*.example.com', "
                                                 "'*.foo.example.com', abc.foo.example.com]"),
                       NULL, bindings_text, "default/r#all: default/edge/http \"abc.foo.example.com\"");
}

static void test_route_without_a_common_hostname_is_not_attached(void **state)
{
    (void)state;
    const char *yaml = INTERSECTION HTTP_ROUTE("name: r", "parentRefs: [{name: edge}], hostnames: "
                                                          "[specific.but.wrong.com, wildcard.io]");
    assert_compiles_to(yaml, NULL, bindings_text, "");
    assert_compiles_to(yaml, NULL, said,
                       "error NoMatchingListenerHostname HTTPRoute/r: spec.hostnames: Gateway default/edge listens for "
                       "none of these; it has \"very.specific.com\" (l1), \"*.wildcard.io\" (l2), "
                       "\"*.anotherwildcard.io\" (l3). Change either, or add a listener");
}

#define PORTS \
    GATEWAY("name: edge", "{name: l1, protocol: HTTP, port: 80, hostname: foo.com}, " \
                          "{name: l2, protocol: HTTP, port: 8080, hostname: foo.com}, " \
                          "{name: l3, protocol: HTTP, port: 8080, hostname: bar.com}")

static void test_section_and_port_select_listeners(void **state)
{
    (void)state;
    static const struct compile_case cases[] = {
        {PORTS HTTP_ROUTE("name: r", "parentRefs: [{name: edge, port: 80}]"),
         "default/r#all: default/edge/l1 \"foo.com\""},
        {PORTS HTTP_ROUTE("name: r", "parentRefs: [{name: edge, port: 8080}]"),
         "default/r#all: default/edge/l2 \"foo.com\", default/edge/l3 \"bar.com\""},
        {PORTS HTTP_ROUTE("name: r", "parentRefs: [{name: edge, sectionName: l3, port: 8080}]"),
         "default/r#all: default/edge/l3 \"bar.com\""},
        /* Two spellings of one parent. */
        {PORTS HTTP_ROUTE("name: r",
                          "parentRefs: [{name: edge, port: 80}, {name: edge, namespace: default, port: 80}]"),
         "default/r#all: default/edge/l1 \"foo.com\""},
        {PORTS HTTP_ROUTE("name: r", "parentRefs: [{name: edge, sectionName: l3}, {name: edge, sectionName: l1}]"),
         "default/r#all: default/edge/l3 \"bar.com\", default/edge/l1 \"foo.com\""},
    };
    ASSERT_CASES(cases, bindings_text);
}

static void test_a_section_or_port_that_is_not_there_is_named_with_those_that_are(void **state)
{
    (void)state;
    static const struct compile_case cases[] = {
        {EDGE HTTP_ROUTE("name: r", "parentRefs: [{name: edge, sectionName: htp}]"),
         "error NoMatchingParent HTTPRoute/r: spec.parentRefs[0].sectionName: Gateway default/edge has no listener "
         "\"htp\"; did you mean \"http\"?"},
        {PORTS HTTP_ROUTE("name: r", "parentRefs: [{name: edge, port: 81}]"),
         "error NoMatchingParent HTTPRoute/r: spec.parentRefs[0].port: Gateway default/edge has no listener at port "
         "81; "
         "it has l1 (port 80), l2 (port 8080), l3 (port 8080)"},
        {EDGE HTTP_ROUTE("name: r", "parentRefs: [{name: edge, sectionName: http, port: 81}]"),
         "error NoMatchingParent HTTPRoute/r: spec.parentRefs[0].port: listener http of Gateway default/edge is at "
         "port "
         "80, not 81; leave one of sectionName and port out"},
    };
    ASSERT_CASES(cases, said);
}

static void test_a_gateway_that_is_not_there_is_named_with_the_nearest(void **state)
{
    (void)state;
    static const struct compile_case cases[] = {
        {EDGE HTTP_ROUTE("name: r", "parentRefs: [{name: egde}]"),
         "error NoMatchingParent HTTPRoute/r: spec.parentRefs[0].name: there is no Gateway default/egde; did you mean "
         "\"edge\"?"},
        {EDGE HTTP_ROUTE("name: r, namespace: shop", "parentRefs: [{name: edge}]"),
         "error NoMatchingParent HTTPRoute/r: spec.parentRefs[0].name: there is no Gateway shop/edge; there is one in "
         "namespace default: write namespace: default"},
        {HTTP_ROUTE("name: r", "parentRefs: [{name: edge}]"),
         "error NoMatchingParent HTTPRoute/r: spec.parentRefs[0].name: there is no Gateway default/edge; there is no "
         "Gateway at all"},
    };
    ASSERT_CASES(cases, said);
}

static void test_one_bad_parent_does_not_take_the_others_along(void **state)
{
    (void)state;
    assert_compiles_to(EDGE HTTP_ROUTE("name: r", "parentRefs: [{name: nowhere}, {name: edge}]"), NULL, bindings_text,
                       "default/r#all: default/edge/http \"\"");
}

static void test_parents_of_a_mesh_are_said_and_nothing_is_served(void **state)
{
    (void)state;
    const char *yaml = EDGE HTTP_ROUTE("name: r", "parentRefs: [{group: '', kind: Service, name: shop}]");
    assert_compiles_to(yaml, NULL, bindings_text, "");
    assert_compiles_to(yaml, NULL, said,
                       "warning InvalidKind HTTPRoute/r: spec.parentRefs[0]: nothing is served by a parent of kind "
                       "Service (that is for a mesh); Umbra attaches routes to Gateways");
}

static void test_route_of_a_gateway_of_another_controller_is_none_of_our_business(void **state)
{
    (void)state;
    const char *yaml = GATEWAY_OBJECT("GatewayClass", "name: umbra", "controllerName: example.com/other")
        EDGE HTTP_ROUTE("name: r", "parentRefs: [{name: edge}]");
    const struct compile_options cluster = {.is_cluster = true};
    struct compile_text result = compile_yaml(yaml, &cluster);
    assert_int_equal(result.compiled->problems.errors, 0);
    assert_int_equal(result.compiled->problems.warnings, 0);
    assert_int_equal(result.compiled->rules.route_count, 0);
    assert_int_equal(result.compiled->routes, 1);
    compile_text_free(&result);
}

#define NAMESPACES(from) \
    GATEWAY("name: edge, namespace: infra", \
            "{name: http, protocol: HTTP, port: 80, allowedRoutes: {namespaces: {" from "}}}")
#define FROM_SHOP HTTP_ROUTE("name: r, namespace: shop", "parentRefs: [{name: edge, namespace: infra}]")
#define SHOP_NAMESPACE "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {team: a}}\n---\n"

static void test_listeners_choose_the_namespaces_of_their_routes(void **state)
{
    (void)state;
    static const char attached[] = "shop/r#all: infra/edge/http \"\"";
    static const struct compile_case cases[] = {
        {NAMESPACES("from: All") FROM_SHOP, attached},
        {NAMESPACES("from: Same") FROM_SHOP, ""},
        {NAMESPACES("") FROM_SHOP, ""},
        {NAMESPACES("from: Same") HTTP_ROUTE("name: r, namespace: infra", "parentRefs: [{name: edge}]"),
         "infra/r#all: infra/edge/http \"\""},
        {NAMESPACES("from: Selector, selector: {matchLabels: {kubernetes.io/metadata.name: shop}}") FROM_SHOP,
         attached},
        {NAMESPACES("from: Selector, selector: {matchLabels: {kubernetes.io/metadata.name: other}}") FROM_SHOP, ""},
        {NAMESPACES("from: Selector, selector: {matchLabels: {team: a}}") SHOP_NAMESPACE FROM_SHOP, attached},
        {NAMESPACES("from: Selector, selector: {matchLabels: {team: b}}") SHOP_NAMESPACE FROM_SHOP, ""},
        {NAMESPACES("from: Selector, selector: {matchLabels: {team: a}}") FROM_SHOP, ""},
        {NAMESPACES("from: Selector, selector: {matchExpressions: [{key: team, operator: In, values: [a, b]}]}")
             SHOP_NAMESPACE FROM_SHOP,
         attached},
        {NAMESPACES("from: Selector, selector: {}") FROM_SHOP, attached},
    };
    ASSERT_CASES(cases, bindings_text);
}

static void test_a_listener_that_does_not_take_the_route_says_what_it_takes(void **state)
{
    (void)state;
    static const struct compile_case cases[] = {
        {NAMESPACES("from: Same") FROM_SHOP,
         "error NotAllowedByListeners HTTPRoute/r: spec.parentRefs[0]: listener http of Gateway infra/edge does not "
         "take "
         "this route: it takes routes of its own namespace infra only, and this one is in shop; set "
         "allowedRoutes.namespaces.from: All or Selector there"},
        {NAMESPACES("from: Selector, selector: {matchLabels: {team: b}}") SHOP_NAMESPACE FROM_SHOP,
         "error NotAllowedByListeners HTTPRoute/r: spec.parentRefs[0]: listener http of Gateway infra/edge does not "
         "take "
         "this route: the selector of its allowedRoutes.namespaces does not match namespace shop; change the selector, "
         "or "
         "the labels of the Namespace"},
        {NAMESPACES("from: Selector, selector: {matchLabels: {team: a}}") FROM_SHOP,
         "error NotAllowedByListeners HTTPRoute/r: spec.parentRefs[0]: listener http of Gateway infra/edge does not "
         "take "
         "this route: the selector of its allowedRoutes.namespaces does not match namespace shop, which has no "
         "Namespace "
         "object here and so no labels but kubernetes.io/metadata.name"},
        {GATEWAY("name: edge", "{name: http, protocol: HTTP, port: 80, allowedRoutes: {kinds: [{kind: TLSRoute}]}}")
             HTTP_ROUTE("name: r", "parentRefs: [{name: edge}]"),
         "warning InvalidRouteKinds Gateway/edge: spec.listeners[0].allowedRoutes.kinds[0]: routes of kind TLSRoute "
         "(group "
         "\"gateway.networking.k8s.io\") are not served by this version, only HTTPRoute and GRPCRoute are\n"
         "error NotAllowedByListeners HTTPRoute/r: spec.parentRefs[0]: listener http of Gateway default/edge does not "
         "take "
         "this route: its allowedRoutes.kinds leave HTTPRoute out; add {kind: HTTPRoute} there"},
    };
    ASSERT_CASES(cases, said);
}

static void test_route_of_a_listener_that_is_not_served_is_said(void **state)
{
    (void)state;
    assert_compiles_to(
        GATEWAY("name: edge", "{name: odd, protocol: SCTP, port: 80}")
            HTTP_ROUTE("name: r", "parentRefs: [{name: edge, sectionName: odd}]"),
        NULL, said,
        "error UnsupportedProtocol Gateway/edge: spec.listeners[0].protocol: SCTP is not served, so this "
        "listener is left out; HTTP is served, and HTTPS, which ends TLS here\n"
        "error NoMatchingParent HTTPRoute/r: spec.parentRefs[0]: the listener odd of Gateway default/edge "
        "is not served (see the problem there), so nothing comes in by it");
}

static void test_route_without_parents_is_an_error(void **state)
{
    (void)state;
    assert_compiles_to(
        GATEWAY_OBJECT("HTTPRoute", "name: r", BACKEND_REFS), NULL, said,
        "error NoMatchingParent HTTPRoute/r: spec.parentRefs: the route names no Gateway, so nothing comes "
        "in by it; write parentRefs: [{name: …}]");
}

static void test_attached_routes_are_counted_for_each_listener(void **state)
{
    (void)state;
    struct compile_text result = compile_yaml(
        INTERSECTION HTTP_ROUTE("name: a", "parentRefs: [{name: edge}], hostnames: [very.specific.com]")
            HTTP_ROUTE("name: b", "parentRefs: [{name: edge}], hostnames: ['*.specific.com', foo.wildcard.io]")
                HTTP_ROUTE("name: c", "parentRefs: [{name: edge}], hostnames: [wrong.com]"),
        NULL);
    assert_int_equal(result.compiled->listener_count, 3);
    assert_int_equal(result.compiled->listeners[0].attached_routes, 2);
    assert_int_equal(result.compiled->listeners[1].attached_routes, 1);
    assert_int_equal(result.compiled->listeners[2].attached_routes, 0);
    compile_text_free(&result);
}

static void test_older_routes_come_first_then_by_namespace_and_name(void **state)
{
    (void)state;
    assert_compiles_to(
        EDGE HTTP_ROUTE("name: c, creationTimestamp: 2024-01-02T00:00:00Z", "parentRefs: [{name: edge}]")
            HTTP_ROUTE("name: d, creationTimestamp: 2024-01-01T00:00:00Z", "parentRefs: [{name: edge}]")
                HTTP_ROUTE("name: b, creationTimestamp: 2024-01-02T00:00:00Z", "parentRefs: [{name: edge}]")
                    HTTP_ROUTE("name: z", "parentRefs: [{name: edge}]"),
        NULL, bindings_text,
        "default/z#all: default/edge/http \"\"\n"
        "default/d#all: default/edge/http \"\"\n"
        "default/b#all: default/edge/http \"\"\n"
        "default/c#all: default/edge/http \"\"");
}

static void test_listeners_isolate_routes_that_name_them(void **state)
{
    (void)state;
    static const char gateway[] = GATEWAY("name: edge",
                                          "{name: any, protocol: HTTP, port: 80}, "
                                          "{name: wide, protocol: HTTP, port: 80, hostname: '*.example.com'}, "
                                          "{name: narrow, protocol: HTTP, port: 80, hostname: '*.foo.example.com'}");
    struct strbuf yaml = STRBUF_INIT;
    static const char *const sections[] = {"any", "wide", "narrow"};
    strbuf_add(&yaml, str_from_c(gateway));
    for (size_t i = 0; i < 3; i++)
        strbuf_printf(&yaml,
                      "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: %s}\n"
                      "spec: {parentRefs: [{name: edge, sectionName: %s}], hostnames: [bar.com, '*.example.com', "
                      "'*.foo.example.com'], " BACKEND_REFS "}\n---\n",
                      sections[i], sections[i]);
    assert_compiles_to(
        yaml.ptr, NULL, bindings_text,
        "default/any#all: default/edge/any \"bar.com\", default/edge/any \"*.example.com\", "
        "default/edge/any \"*.foo.example.com\"\n"
        "default/narrow#all: default/edge/narrow \"*.foo.example.com\"\n"
        "default/wide#all: default/edge/wide \"*.example.com\", default/edge/wide \"*.foo.example.com\"");
    strbuf_deinit(&yaml);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hostnames_of_route_and_listener_are_intersected),
        cmocka_unit_test(test_a_host_is_bound_once_where_several_hostnames_come_to_the_same),
        cmocka_unit_test(test_route_without_a_common_hostname_is_not_attached),
        cmocka_unit_test(test_section_and_port_select_listeners),
        cmocka_unit_test(test_a_section_or_port_that_is_not_there_is_named_with_those_that_are),
        cmocka_unit_test(test_a_gateway_that_is_not_there_is_named_with_the_nearest),
        cmocka_unit_test(test_one_bad_parent_does_not_take_the_others_along),
        cmocka_unit_test(test_parents_of_a_mesh_are_said_and_nothing_is_served),
        cmocka_unit_test(test_route_of_a_gateway_of_another_controller_is_none_of_our_business),
        cmocka_unit_test(test_listeners_choose_the_namespaces_of_their_routes),
        cmocka_unit_test(test_a_listener_that_does_not_take_the_route_says_what_it_takes),
        cmocka_unit_test(test_route_of_a_listener_that_is_not_served_is_said),
        cmocka_unit_test(test_route_without_parents_is_an_error),
        cmocka_unit_test(test_attached_routes_are_counted_for_each_listener),
        cmocka_unit_test(test_older_routes_come_first_then_by_namespace_and_name),
        cmocka_unit_test(test_listeners_isolate_routes_that_name_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
