/* SPDX-License-Identifier: Apache-2.0 */
/* Entries of routes and policies, and what belongs to others. */
#include "merge_text.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define WORLD \
    "apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\nmetadata: {name: umbra}\n" \
    "spec: {controllerName: umbra.dev/gateway-controller}\n---\n" \
    "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: edge}\n" \
    "spec: {gatewayClassName: umbra, listeners: [{name: http, protocol: HTTP, port: 80}]}\n---\n" \
    "apiVersion: v1\nkind: Service\nmetadata: {name: shop}\nspec: {ports: [{port: 80}]}\n---\n"
#define ROUTE(parents, backend) \
    WORLD "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: r, generation: 3}\n" \
          "spec: {parentRefs: [" parents "], rules: [{backendRefs: [{name: " backend ", port: 80}]}]}\n"
#define GOOD(generation, time) \
    CONDITION("Accepted", "True", "Accepted", generation, time) \
    ", " CONDITION("ResolvedRefs", "True", "ResolvedRefs", generation, time)
#define OTHERS \
    "{'parentRef': {'name': 'edge'}, 'controllerName': 'example.com/other', 'conditions': [" CONDITION( \
        "Accepted", "False", "Odd", "1", OLD) "], 'unheard-of': [1, 2.5, null]}"

static void test_a_route_without_a_status_gets_its_entries(void **state)
{
    (void)state;
    static const struct merge_case cases[] = {
        {ROUTE("{name: edge}", "shop"), NULL, "{'parents': [" ENTRY("'name': 'edge'", GOOD("3", NOW)) "]}", NULL},
        {ROUTE("{group: gateway.networking.k8s.io, kind: Gateway, namespace: default, name: edge, sectionName: http, "
               "port: "
               "80}",
               "shop"),
         "{'parents': []}",
         "{'parents': [" ENTRY(
             "'group': 'gateway.networking.k8s.io', 'kind': 'Gateway', 'namespace': 'default', 'name': "
             "'edge', 'sectionName': 'http', 'port': 80",
             GOOD("3", NOW)) "]}",
         NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_merges(&cases[i]);
}

static void test_nothing_is_written_when_nothing_would_change(void **state)
{
    (void)state;
    static const struct merge_case cases[] = {
        {ROUTE("{name: edge}", "shop"), "{'parents': [" ENTRY("'name': 'edge'", GOOD("3", OLD)) "]}", NULL, NULL},
        /* A route that names no Gateway of ours, and has no entry of ours. */
        {ROUTE("{name: theirs}", "shop"), NULL, NULL, NULL},
        {ROUTE("{name: theirs}", "shop"), "{'parents': [" OTHERS "]}", NULL, NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_merges(&cases[i]);
}

static void test_the_time_of_a_transition_stays_while_the_status_does(void **state)
{
    (void)state;
    static const struct merge_case cases[] = {
        /* A new generation, and another reason. */
        {ROUTE("{name: edge}", "shop"), "{'parents': [" ENTRY("'name': 'edge'", GOOD("2", OLD)) "]}",
         "{'parents': [" ENTRY("'name': 'edge'", GOOD("3", OLD)) "]}", NULL},
        {ROUTE("{name: edge}", "shop"),
         "{'parents': [" ENTRY("'name': 'edge'", CONDITION("Accepted", "True", "Odd", "3", OLD) ", " CONDITION(
                                                     "ResolvedRefs", "False", "BackendNotFound", "3", OLD)) "]}",
         "{'parents': [" ENTRY("'name': 'edge'", CONDITION("Accepted", "True", "Accepted", "3", OLD) ", " CONDITION(
                                                     "ResolvedRefs", "True", "ResolvedRefs", "3", NOW)) "]}",
         NULL},
        {ROUTE("{name: edge}", "none"), "{'parents': [" ENTRY("'name': 'edge'", GOOD("3", OLD)) "]}",
         "{'parents': [" ENTRY("'name': 'edge'", CONDITION("Accepted", "True", "Accepted", "3", OLD) ", " CONDITION(
                                                     "ResolvedRefs", "False", "BackendNotFound", "3", NOW)) "]}",
         NULL},
        /* What is no time is not kept. */
        {ROUTE("{name: edge}", "shop"), "{'parents': [" ENTRY("'name': 'edge'", GOOD("3", "yesterday")) "]}",
         "{'parents': [" ENTRY("'name': 'edge'", GOOD("3", NOW)) "]}", NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_merges(&cases[i]);
}

static void test_entries_of_other_controllers_stay_as_they_are(void **state)
{
    (void)state;
    static const struct merge_case cases[] = {
        {ROUTE("{name: edge}", "shop"), "{'parents': [" OTHERS "], 'more': {'a': 'b'}}",
         "{'parents': [" OTHERS ", " ENTRY("'name': 'edge'", GOOD("3", NOW)) "], 'more': {'a': 'b'}}", NULL},
        {ROUTE("{name: edge}", "shop"),
         "{'parents': [" ENTRY("'name': 'edge'", GOOD("2", OLD)) ", " OTHERS ", 17, 'text']}",
         "{'parents': [" ENTRY("'name': 'edge'", GOOD("3", OLD)) ", " OTHERS ", 17, 'text']}", NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_merges(&cases[i]);
}

static void test_entries_for_parents_that_are_no_longer_named_go(void **state)
{
    (void)state;
    static const struct merge_case cases[] = {
        {ROUTE("{name: edge, sectionName: http}", "shop"),
         "{'parents': [" ENTRY("'name': 'edge'", GOOD("2", OLD)) ", " ENTRY("'name': 'gone'", GOOD("2", OLD)) "]}",
         "{'parents': [" ENTRY("'name': 'edge', 'sectionName': 'http'", GOOD("3", NOW)) "]}", NULL},
        {ROUTE("{name: theirs}", "shop"), "{'parents': [" ENTRY("'name': 'edge'", GOOD("2", OLD)) ", " OTHERS "]}",
         "{'parents': [" OTHERS "]}", NULL},
        /* One parent twice. */
        {ROUTE("{name: edge}", "shop"),
         "{'parents': [" ENTRY("'name': 'edge'", GOOD("3", OLD)) ", " ENTRY("'name': 'edge', 'namespace': 'default'",
                                                                            GOOD("3", OLD)) "]}",
         "{'parents': [" ENTRY("'name': 'edge'", GOOD("3", OLD)) "]}", NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_merges(&cases[i]);
}

#define POLICY(more) \
    ROUTE("{name: edge}", "shop") \
    "---\napiVersion: umbra.dev/v1alpha1\nkind: MirrorPolicy\nmetadata: {name: p, generation: 1}\nspec: {" more "}\n"
#define ANCESTOR(controller, name, conditions) \
    "{'ancestorRef': {'group': 'gateway.networking.k8s.io', 'kind': 'HTTPRoute', 'namespace': 'default', 'name': " \
    "'" name "'}, 'controllerName': '" controller "', 'conditions': [" conditions "]}"
#define OUR_ANCESTOR(conditions) ANCESTOR("umbra.dev/gateway-controller", "r", conditions)
#define TO_R "targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: r}]"

/* Of this controller too, and served by an Umbra with another --class; a route of it. */
#define TWIN \
    "apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\nmetadata: {name: twin}\n" \
    "spec: {controllerName: umbra.dev/gateway-controller}\n---\n" \
    "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: theirs}\n" \
    "spec: {gatewayClassName: twin, listeners: [{name: http, protocol: HTTP, port: 80}]}\n---\n" \
    "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: q}\n" \
    "spec: {parentRefs: [{name: theirs}], rules: [{}]}\n---\n"

static void test_entries_of_an_umbra_with_another_class_stay_as_they_are(void **state)
{
    (void)state;
    static const struct merge_case cases[] = {
        {TWIN ROUTE("{name: edge}, {name: theirs}", "shop"),
         "{'parents': [" ENTRY("'name': 'theirs', 'sectionName': 'old'", "") ", " ENTRY("'name': 'gone'", "") "]}",
         "{'parents': [" ENTRY("'name': 'theirs', 'sectionName': 'old'", "") ", " ENTRY("'name': 'edge'",
                                                                                        GOOD("3", NOW)) "]}",
         NULL},
        {TWIN ROUTE("{name: theirs}", "shop"), "{'parents': [" ENTRY("'name': 'theirs'", "") "]}", NULL, NULL},
        {TWIN POLICY("targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: q}]"),
         "{'ancestors': [" ANCESTOR("umbra.dev/gateway-controller", "q", "") "]}", NULL, NULL},
        {TWIN POLICY("targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: q}]"), NULL, NULL, NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_merges(&cases[i]);
}

static void test_conditions_of_ours_that_no_longer_hold_go_and_double_ones_too(void **state)
{
    (void)state;
    static const struct merge_case test = {
        ROUTE("{name: edge}", "shop"),
        "{'parents': [" ENTRY("'name': 'edge'", CONDITION("PartiallyInvalid", "True", "UnsupportedValue", "2",
                                                          OLD) ", " GOOD("3", OLD) ", " GOOD("3", OLD)) "]}",
        "{'parents': [" ENTRY("'name': 'edge'", GOOD("3", OLD)) "]}", NULL};
    assert_merges(&test);
}

static void test_policies_have_ancestors(void **state)
{
    (void)state;
    static const struct merge_case cases[] = {
        {POLICY(TO_R), NULL, "{'ancestors': [" OUR_ANCESTOR(GOOD("1", NOW)) "]}", NULL},
        {POLICY(TO_R),
         "{'ancestors': [" ANCESTOR("example.com/other", "r", "") ", " ANCESTOR("umbra.dev/gateway-controller", "q",
                                                                                "") "]}",
         "{'ancestors': [" ANCESTOR("example.com/other", "r", "") ", " OUR_ANCESTOR(GOOD("1", NOW)) "]}", NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_merges(&cases[i]);
}

#define FOUR(name) \
    ANCESTOR("a.b/c", name "1", "") \
    ", " ANCESTOR("a.b/c", name "2", "") ", " ANCESTOR("a.b/c", name "3", "") ", " ANCESTOR("a.b/c", name "4", "")

static void test_a_policy_that_has_sixteen_ancestors_of_others_gets_none(void **state)
{
    (void)state;
    static const struct merge_case full = {
        POLICY(TO_R), "{'ancestors': [" FOUR("a") ", " FOUR("b") ", " FOUR("c") ", " FOUR("d") "]}", NULL, NULL};
    assert_merges(&full);
}

static void test_what_is_not_the_object_is_left_alone(void **state)
{
    (void)state;
    const char *manifests = ROUTE("{name: edge}", "shop");
    static const char *const others[] = {
        "",
        "null",
        "[]",
        "{}",
        "{\"apiVersion\": 7}",
        "{\"apiVersion\": \"gateway.networking.k8s.io/v1\", \"kind\": \"HTTPRoute\", \"metadata\": {\"name\": \"r\", "
        "\"namespace\": \"default\"}}",
        "{\"apiVersion\": \"gateway.networking.k8s.io/v1\", \"kind\": \"HTTPRoute\", \"metadata\": {\"name\": \"q\", "
        "\"namespace\": \"default\", \"resourceVersion\": \"1\"}}",
        "{\"apiVersion\": \"gateway.networking.k8s.io/v1\", \"kind\": \"GRPCRoute\", \"metadata\": {\"name\": \"r\", "
        "\"namespace\": \"default\", \"resourceVersion\": \"1\"}}",
        "{\"apiVersion\": \"example.com/v1\", \"kind\": \"HTTPRoute\", \"metadata\": {\"name\": \"r\", "
        "\"namespace\": \"default\", \"resourceVersion\": \"1\"}}",
    };
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        assert_int_equal(merge_into(manifests, others[i]), STATUS_FOREIGN);
}

static void test_a_status_that_is_none_is_replaced_where_it_is_ours(void **state)
{
    (void)state;
    static const char *const statuses[] = {"7", "null", "[]", "{'parents': 7}", "{'parents': {'a': 'b'}}"};
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        struct merge_case test = {ROUTE("{name: edge}", "shop"), statuses[i],
                                  "{'parents': [" ENTRY("'name': 'edge'", GOOD("3", NOW)) "]}", NULL};
        assert_merges(&test);
    }
}

static void test_a_new_object_of_the_same_name_is_not_the_one_that_was_judged(void **state)
{
    (void)state;
    const char *manifests = WORLD "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: r, uid: "
                                  "a}\nspec: {parentRefs: [{name: edge}]}\n";
#define OBJECT(uid) \
    "{\"apiVersion\": \"gateway.networking.k8s.io/v1\", \"kind\": \"HTTPRoute\", \"metadata\": {\"name\": \"r\", " \
    "\"namespace\": \"default\", \"resourceVersion\": \"1\", \"uid\": \"" uid "\"}}"
    assert_int_equal(merge_into(manifests, OBJECT("b")), STATUS_FOREIGN);
    assert_int_equal(merge_into(manifests, OBJECT("a")), STATUS_CHANGED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_route_without_a_status_gets_its_entries),
        cmocka_unit_test(test_nothing_is_written_when_nothing_would_change),
        cmocka_unit_test(test_the_time_of_a_transition_stays_while_the_status_does),
        cmocka_unit_test(test_entries_of_other_controllers_stay_as_they_are),
        cmocka_unit_test(test_entries_for_parents_that_are_no_longer_named_go),
        cmocka_unit_test(test_entries_of_an_umbra_with_another_class_stay_as_they_are),
        cmocka_unit_test(test_conditions_of_ours_that_no_longer_hold_go_and_double_ones_too),
        cmocka_unit_test(test_policies_have_ancestors),
        cmocka_unit_test(test_a_policy_that_has_sixteen_ancestors_of_others_gets_none),
        cmocka_unit_test(test_what_is_not_the_object_is_left_alone),
        cmocka_unit_test(test_a_status_that_is_none_is_replaced_where_it_is_ours),
        cmocka_unit_test(test_a_new_object_of_the_same_name_is_not_the_one_that_was_judged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
