/* SPDX-License-Identifier: Apache-2.0 */
#include "merge_text.h"

#include "compile/gateway_features.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define CLASS(more) \
    "apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\nmetadata: {name: umbra, generation: 2}\n" \
    "spec: {controllerName: umbra.dev/gateway-controller" more "}\n---\n"
#define GATEWAY(listeners) \
    CLASS("") \
    "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: edge, generation: 5}\n" \
    "spec: {gatewayClassName: umbra, listeners: [" listeners "]}\n"
#define PENDING(type) \
    "{'type': '" type "', 'status': 'Unknown', 'reason': 'Pending', 'message': 'Waiting for controller', " \
    "'lastTransitionTime': '1970-01-01T00:00:00Z'}"
#define LISTENER(name, time) \
    "{'name': '" name "', 'attachedRoutes': 0, 'supportedKinds': [{'group': 'gateway.networking.k8s.io', 'kind': " \
    "'HTTPRoute'}, {'group': 'gateway.networking.k8s.io', 'kind': 'GRPCRoute'}], 'conditions': [" CONDITION( \
        "Accepted", "True", "Accepted", "5", \
        time) ", " CONDITION("Programmed", "True", "Programmed", "5", \
                             time) ", " CONDITION("Conflicted", "False", "NoConflicts", "5", \
                                                  time) ", " CONDITION("ResolvedR" \
                                                                       "efs", \
                                                                       "True", \
                                                                       "Resolved" \
                                                                       "Refs", \
                                                                       "5", time) "]}"
#define BOTH(time) \
    CONDITION("Accepted", "True", "Accepted", "5", time) ", " CONDITION("Programmed", "True", "Programmed", "5", time)

static void test_what_the_server_puts_there_first_is_replaced(void **state)
{
    (void)state;
    static const struct merge_case test = {GATEWAY("{name: a, protocol: HTTP, port: 80}"),
                                           "{'conditions': [" PENDING("Accepted") ", " PENDING("Programmed") "]}",
                                           "{'conditions': [" BOTH(NOW) "], 'listeners': [" LISTENER("a", NOW) "]}",
                                           NULL};
    assert_merges(&test);
}

static void test_listeners_are_those_of_the_gateway_and_keep_their_times(void **state)
{
    (void)state;
    static const struct merge_case test = {
        GATEWAY("{name: a, protocol: HTTP, port: 80}, {name: b, protocol: HTTP, port: 81}"),
        "{'conditions': [" BOTH(OLD) "], 'listeners': [" LISTENER("gone", OLD) ", " LISTENER("b", OLD) "]}",
        "{'conditions': [" BOTH(OLD) "], 'listeners': [" LISTENER("a", NOW) ", " LISTENER("b", OLD) "]}", NULL};
    assert_merges(&test);
}

static void test_conditions_of_others_on_a_gateway_stay_and_ours_that_ended_go(void **state)
{
    (void)state;
    static const struct merge_case test = {
        GATEWAY("{name: a, protocol: HTTP, port: 80}"),
        "{'conditions': [" CONDITION("example.com/Odd", "True", "Odd", "1", OLD) ", " CONDITION(
            "ResolvedRefs", "False", "InvalidClientCertificateRef", "4",
            OLD) ", " BOTH(OLD) "], 'listeners': [" LISTENER("a",
                                                             OLD) "], 'addresses': [{'type': 'IPAddress', 'value': "
                                                                  "'10.0.0.1'}], 'attachedListenerSets': 0}",
        "{'conditions': [" CONDITION("example.com/Odd", "True", "Odd", "1", OLD) ", " BOTH(
            OLD) "], 'listeners': [" LISTENER("a", OLD) "], 'attachedListenerSets': 0}",
        NULL};
    assert_merges(&test);
}

static void test_a_class_says_its_features(void **state)
{
    (void)state;
    struct strbuf want = STRBUF_INIT;
    strbuf_add(&want,
               STR("{'conditions': [" CONDITION("Accepted", "True", "Accepted", "2", NOW) "], "
                                                                                          "'supportedFeatures': ["));
    for (size_t i = 0; i < gateway_feature_count; i++)
        strbuf_printf(&want, "%s{'name': '%s'}", i > 0 ? ", " : "", gateway_features[i]);
    strbuf_add(&want, STR("]}"));
    struct merge_case test = {CLASS(""), "{'conditions': [" PENDING("Accepted") "]}", want.ptr, NULL};
    assert_merges(&test);
    strbuf_deinit(&want);
}

static void test_a_class_that_is_not_accepted_has_no_features(void **state)
{
    (void)state;
    static const struct merge_case test = {
        CLASS(", parametersRef: {group: a.b, kind: C, name: d}"),
        "{'conditions': [" CONDITION("Accepted", "True", "Accepted", "1", OLD) "], 'supportedFeatures': [{'name': "
                                                                               "'Gateway'}]}",
        "{'conditions': [" CONDITION("Accepted", "False", "InvalidParameters", "2", NOW) "]}", NULL};
    assert_merges(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_the_server_puts_there_first_is_replaced),
        cmocka_unit_test(test_listeners_are_those_of_the_gateway_and_keep_their_times),
        cmocka_unit_test(test_conditions_of_others_on_a_gateway_stay_and_ours_that_ended_go),
        cmocka_unit_test(test_a_class_says_its_features),
        cmocka_unit_test(test_a_class_that_is_not_accepted_has_no_features),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
