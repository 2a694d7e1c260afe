/* SPDX-License-Identifier: Apache-2.0 */
#include "outcome_text.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define GOOD(route) "HTTPRoute default/" route " > edge: Accepted ResolvedRefs"

static void test_a_route_in_order_is_accepted_with_its_references(void **state)
{
    (void)state;
    static const struct outcome_case cases[] = {
        {WORLD HTTP_ROUTE("name: r", "parentRefs: [{name: edge}], " TO_SHOP), GOOD("r")},
        /* As it is written, since that tells entries apart. */
        {WORLD HTTP_ROUTE("name: r, generation: 7",
                          "parentRefs: [{name: edge, namespace: default, sectionName: http, port: 80}], " TO_SHOP),
         "HTTPRoute default/r@7 > default/edge/http:80: Accepted ResolvedRefs"},
        {WORLD GATEWAY_OBJECT("GRPCRoute", "name: r", "parentRefs: [{name: edge}], " TO_SHOP), ""},
    };
    ASSERT_OUTCOMES("HTTPRoute", cases);
    assert_outcomes("GRPCRoute", NULL, cases[2].yaml, NULL, "GRPCRoute default/r > edge: Accepted ResolvedRefs");
}

#define TWO \
    CLASS("umbra") \
    SERVICE("name: shop") \
    GATEWAY("name: edge", "{name: a, protocol: HTTP, port: 80, hostname: a.com}, {name: b, protocol: HTTP, port: " \
                          "8080}")

static void test_a_parent_that_does_not_match_is_refused_and_others_are_not(void **state)
{
    (void)state;
    static const struct outcome_case cases[] = {
        {TWO HTTP_ROUTE("name: r",
                        "parentRefs: [{name: edge, sectionName: c}, {name: edge, sectionName: b}], " TO_SHOP),
         "HTTPRoute default/r > edge/c: !Accepted(NoMatchingParent) ResolvedRefs\n"
         "HTTPRoute default/r > edge/b: Accepted ResolvedRefs"},
        {TWO HTTP_ROUTE("name: r", "parentRefs: [{name: edge, port: 81}], " TO_SHOP),
         "HTTPRoute default/r > edge:81: !Accepted(NoMatchingParent) ResolvedRefs"},
        {TWO HTTP_ROUTE("name: r", "parentRefs: [{name: edge, sectionName: a, port: 8080}], " TO_SHOP),
         "HTTPRoute default/r > edge/a:8080: !Accepted(NoMatchingParent) ResolvedRefs"},
        {TWO HTTP_ROUTE("name: r", "parentRefs: [{name: edge, sectionName: a}], hostnames: [b.com], " TO_SHOP),
         "HTTPRoute default/r > edge/a: !Accepted(NoMatchingListenerHostname) ResolvedRefs"},
        {TWO HTTP_ROUTE("name: r, namespace: other", "parentRefs: [{name: edge, namespace: default}], rules: [{}]"),
         "HTTPRoute other/r > default/edge: !Accepted(NotAllowedByListeners) ResolvedRefs"},
        {CLASS("umbra") GATEWAY("name: edge", "{name: a, protocol: HTTP, port: 80, allowedRoutes: {kinds: [{kind: "
                                              "TLSRoute}]}}")
             HTTP_ROUTE("name: r", "parentRefs: [{name: edge}], rules: [{}]"),
         "HTTPRoute default/r > edge: !Accepted(NotAllowedByListeners) ResolvedRefs"},
        {CLASS("umbra") GATEWAY("name: edge", "{name: a, protocol: TCP, port: 80}")
             HTTP_ROUTE("name: r", "parentRefs: [{name: edge}], rules: [{}]"),
         "HTTPRoute default/r > edge: !Accepted(NotAllowedByListeners) ResolvedRefs"},
        /* The older one has the hosts. */
        {WORLD HTTP_ROUTE("name: a", "parentRefs: [{name: edge}], " TO_SHOP)
             GATEWAY_OBJECT("GRPCRoute", "name: b", "parentRefs: [{name: edge}], " TO_SHOP),
         GOOD("a")},
    };
    ASSERT_OUTCOMES("HTTPRoute", cases);
    assert_outcomes("GRPCRoute", NULL, cases[7].yaml, NULL,
                    "GRPCRoute default/b > edge: !Accepted(HostnameConflict) ResolvedRefs");
}

static void test_parents_of_others_are_left_to_them(void **state)
{
    (void)state;
    static const struct outcome_case cases[] = {
        {WORLD HTTP_ROUTE("name: r", "parentRefs: [{name: nowhere}], " TO_SHOP), ""},
        {WORLD GATEWAY_OBJECT("GatewayClass", "name: others", "controllerName: example.com/other") GATEWAY_OBJECT(
             "Gateway", "name: theirs", "gatewayClassName: others, listeners: [{name: a, protocol: HTTP, port: 80}]")
             HTTP_ROUTE("name: r", "parentRefs: [{name: theirs}, {name: edge}, {kind: Service, group: '', name: "
                                   "shop}], " TO_SHOP),
         GOOD("r")},
        /* A class that is not there may be anybody's. */
        {EDGE HTTP_ROUTE("name: r", "parentRefs: [{name: edge}], rules: [{}]"), ""},
    };
    ASSERT_OUTCOMES("HTTPRoute", cases);
}

/* Of this controller too, and served by an Umbra with another --class. */
#define TWIN \
    CLASS("twin") \
    GATEWAY_OBJECT("Gateway", "name: theirs", \
                   "gatewayClassName: twin, listeners: [{name: a, protocol: HTTP, port: 80}]")

static void test_parents_of_another_class_are_left_to_the_umbra_that_serves_it(void **state)
{
    (void)state;
    const struct compile_options options = {.is_cluster = true, .class_name = STR_INIT("umbra")};
    const char *route = WORLD TWIN HTTP_ROUTE("name: r", "parentRefs: [{name: theirs}, {name: edge}], " TO_SHOP);
    assert_outcomes("HTTPRoute", NULL, route, &options, GOOD("r"));
    assert_outcomes("HTTPRoute", NULL, route, NULL, "HTTPRoute default/r > theirs: Accepted ResolvedRefs\n" GOOD("r"));
    /* One that can't be read as well. */
    assert_outcomes("HTTPRoute", NULL, WORLD TWIN HTTP_ROUTE("name: r", "parentRefs: [{name: theirs}], rules: 7"),
                    &options, "");
}

#define RULES(rules) WORLD HTTP_ROUTE("name: r", "parentRefs: [{name: edge}], rules: [" rules "]")
#define UNRESOLVED(reason) "HTTPRoute default/r > edge: Accepted !ResolvedRefs(" reason ")"

static void test_what_can_not_be_resolved_is_said_and_the_route_stays_accepted(void **state)
{
    (void)state;
    static const struct outcome_case cases[] = {
        {RULES("{backendRefs: [{name: none, port: 80}]}"), UNRESOLVED("BackendNotFound")},
        {RULES("{backendRefs: [{name: shop, port: 81}]}"), UNRESOLVED("BackendNotFound")},
        {RULES("{backendRefs: [{name: shop, kind: NonExistent, group: example.com}]}"), UNRESOLVED("InvalidKind")},
        {RULES("{backendRefs: [{name: shop, namespace: other, port: 80}]}"), UNRESOLVED("RefNotPermitted")},
        {RULES(
             "{backendRefs: [{name: shop, port: 80}], filters: [{type: ExtensionRef, extensionRef: {group: a.b, kind: "
             "C, name: d}}]}"),
         UNRESOLVED("InvalidKind")},
        /* One rule is enough, and one backend of it. */
        {RULES("{backendRefs: [{name: shop, port: 80}]}, {backendRefs: [{name: shop, port: 80}, {name: none, port: "
               "80}]}"),
         UNRESOLVED("BackendNotFound")},
        {WORLD
         "apiVersion: v1\nkind: Service\nmetadata: {name: ext}\nspec: {type: ExternalName, externalName: a.b}\n"
         "---\n" HTTP_ROUTE("name: r", "parentRefs: [{name: edge}], rules: [{backendRefs: [{name: ext, port: 80}]}]"),
         UNRESOLVED("InvalidKind")},
        {WORLD
         "apiVersion: v1\nkind: Service\nmetadata: {name: tls}\nspec: {ports: [{port: 443, appProtocol: https}]}\n"
         "---\n" HTTP_ROUTE("name: r", "parentRefs: [{name: edge}], rules: [{backendRefs: [{name: tls, port: 443}]}]"),
         UNRESOLVED("UnsupportedProtocol")},
    };
    ASSERT_OUTCOMES("HTTPRoute", cases);
    assert_message("HTTPRoute", cases[0].yaml, NULL, "HTTPRoute", "ResolvedRefs",
                   "spec.rules[0].backendRefs[0]: there is no Service default/none");
}

#define ELSEWHERE \
    WORLD SERVICE("name: shop, namespace: other") HTTP_ROUTE( \
        "name: r", "parentRefs: [{name: edge}], rules: [{backendRefs: [{name: shop, namespace: other, port: " \
                   "80}]}, {backendRefs: [{name: shop, port: 80}]}]")
#define FROM_HERE "from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: default}]"

static void test_a_grant_permits_a_reference_to_another_namespace(void **state)
{
    (void)state;
    static const struct outcome_case cases[] = {
        {ELSEWHERE GRANT("name: g, namespace: other", FROM_HERE ", to: [{group: '', kind: Service}]"), GOOD("r")},
        {ELSEWHERE GRANT("name: g, namespace: other", FROM_HERE ", to: [{group: '', kind: Service, name: shop}]"),
         GOOD("r")},
        {ELSEWHERE, UNRESOLVED("RefNotPermitted")},
        {ELSEWHERE GRANT("name: g, namespace: other", FROM_HERE ", to: [{group: '', kind: Service, name: cart}]"),
         UNRESOLVED("RefNotPermitted")},
        {ELSEWHERE GRANT("name: g", FROM_HERE ", to: [{group: '', kind: Service}]"), UNRESOLVED("RefNotPermitted")},
        {ELSEWHERE GRANT(
             "name: g, namespace: other",
             "from: [{group: gateway.networking.k8s.io, kind: GRPCRoute, namespace: default}], to: [{group: "
             "'', kind: Service}]"),
         UNRESOLVED("RefNotPermitted")},
    };
    ASSERT_OUTCOMES("HTTPRoute", cases);
}

#define MIRROR(ref) \
    "{backendRefs: [{name: shop, port: 80}], filters: [{type: RequestMirror, requestMirror: {backendRef: {" ref "}}}]" \
    "}"

static void test_a_mirror_that_can_not_be_resolved_costs_that_mirror_only_and_is_named(void **state)
{
    (void)state;
    static const struct outcome_case cases[] = {
        {RULES(MIRROR("name: shadow, port: 80")), UNRESOLVED("BackendNotFound")},
        {RULES(MIRROR("name: shop, namespace: other, port: 80")), UNRESOLVED("RefNotPermitted")},
        {RULES(MIRROR("name: shadow, kind: Job, group: batch")), UNRESOLVED("InvalidKind")},
        {RULES(MIRROR("name: shop, port: 443")), GOOD("r")},
    };
    ASSERT_OUTCOMES("HTTPRoute", cases);
    assert_message(
        "HTTPRoute", cases[0].yaml, NULL, "HTTPRoute", "ResolvedRefs",
        "spec.rules[0].filters[0].requestMirror.backendRef: there is no Service default/shadow, so nothing is "
        "copied to it");
}

static void test_references_of_a_route_that_gets_no_requests_are_judged_too(void **state)
{
    (void)state;
    assert_outcomes("HTTPRoute", NULL,
                    WORLD HTTP_ROUTE("name: r", "parentRefs: [{name: edge, sectionName: none}], rules: [{backendRefs: "
                                                "[{name: none, port: 80}]}]"),
                    NULL,
                    "HTTPRoute default/r > edge/none: !Accepted(NoMatchingParent) !ResolvedRefs(BackendNotFound)");
}

static void test_what_is_judged_only_leaves_no_trace_in_the_rules(void **state)
{
    (void)state;
    static const struct compile_options cluster = {.is_cluster = true};
    struct compile_text result = compile_yaml(
        WORLD SERVICE("name: cart") HTTP_ROUTE("name: idle", "parentRefs: [{name: edge, sectionName: none}], rules: "
                                                             "[{name: a, backendRefs: [{name: cart, port: 80}]}]")
            HTTP_ROUTE("name: r",
                       "parentRefs: [{name: edge}], rules: [{name: b, backendRefs: [{name: shop, port: 80}]}]"),
        &cluster);
    assert_string_equal(bindings_text(&result), "default/r#b: default/edge/http \"\"");
    assert_string_equal(backends_text(&result), "default/shop:80 =");
    compile_text_free(&result);
}

static void test_a_reference_to_what_is_left_out_is_unresolved_for_each_that_has_it(void **state)
{
    (void)state;
    assert_outcomes(
        "HTTPRoute", NULL,
        WORLD "apiVersion: v1\nkind: Service\nmetadata: {name: bad}\nspec: {ports: [{port: many}]}\n---\n" HTTP_ROUTE(
            "name: a", "parentRefs: [{name: edge}], rules: [{backendRefs: [{name: bad, port: 80}]}]")
            HTTP_ROUTE("name: b", "parentRefs: [{name: edge}], rules: [{backendRefs: [{name: bad, port: 80}]}]"),
        NULL,
        "HTTPRoute default/a > edge: Accepted !ResolvedRefs(BackendNotFound)\n"
        "HTTPRoute default/b > edge: Accepted !ResolvedRefs(BackendNotFound)");
}

#define BAD(generation) \
    HTTP_ROUTE("name: r, generation: " generation, \
               "parentRefs: [{name: edge}, {name: others}], rules: [{matches: [{path: {type: Exact, value: nope}}]}]")

static void test_a_route_that_can_not_be_read_says_so_at_its_own_parents(void **state)
{
    (void)state;
    assert_outcomes("HTTPRoute", NULL, WORLD BAD("3"), NULL,
                    "HTTPRoute default/r@3 > edge: !Accepted(UnsupportedValue)");
    assert_message("HTTPRoute", WORLD BAD("3"), NULL, "HTTPRoute", "Accepted", "spec.rules[0].matches[0].path.value: ");
}

static void test_a_route_whose_last_good_version_stays_says_that_it_fell_back(void **state)
{
    (void)state;
    const char *before = WORLD HTTP_ROUTE("name: r, generation: 2", "parentRefs: [{name: edge}], " TO_SHOP);
    assert_outcomes("HTTPRoute", before, WORLD BAD("3"), NULL,
                    "HTTPRoute default/r@3 > edge: !Accepted(UnsupportedValue) PartiallyInvalid(UnsupportedValue)");
}

static void test_filters_that_exclude_each_other_are_incompatible(void **state)
{
    (void)state;
    assert_outcomes("HTTPRoute", NULL,
                    RULES("{filters: [{type: RequestRedirect, requestRedirect: {port: 81}}, {type: URLRewrite, "
                          "urlRewrite: {hostname: a.com}}]}"),
                    NULL, "HTTPRoute default/r > edge: !Accepted(IncompatibleFilters)");
}

static void test_there_are_no_outcomes_outside_of_a_cluster(void **state)
{
    (void)state;
    static const struct compile_options files = {0};
    assert_outcomes("HTTPRoute", NULL, WORLD HTTP_ROUTE("name: r", "parentRefs: [{name: edge}], " TO_SHOP), &files, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_route_in_order_is_accepted_with_its_references),
        cmocka_unit_test(test_a_parent_that_does_not_match_is_refused_and_others_are_not),
        cmocka_unit_test(test_parents_of_others_are_left_to_them),
        cmocka_unit_test(test_parents_of_another_class_are_left_to_the_umbra_that_serves_it),
        cmocka_unit_test(test_what_can_not_be_resolved_is_said_and_the_route_stays_accepted),
        cmocka_unit_test(test_a_grant_permits_a_reference_to_another_namespace),
        cmocka_unit_test(test_a_mirror_that_can_not_be_resolved_costs_that_mirror_only_and_is_named),
        cmocka_unit_test(test_references_of_a_route_that_gets_no_requests_are_judged_too),
        cmocka_unit_test(test_what_is_judged_only_leaves_no_trace_in_the_rules),
        cmocka_unit_test(test_a_reference_to_what_is_left_out_is_unresolved_for_each_that_has_it),
        cmocka_unit_test(test_a_route_that_can_not_be_read_says_so_at_its_own_parents),
        cmocka_unit_test(test_a_route_whose_last_good_version_stays_says_that_it_fell_back),
        cmocka_unit_test(test_filters_that_exclude_each_other_are_incompatible),
        cmocka_unit_test(test_there_are_no_outcomes_outside_of_a_cluster),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
