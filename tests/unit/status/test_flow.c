/* SPDX-License-Identifier: Apache-2.0 */
#include "merge_text.h"

#include "status/flow.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

/* Three mirrors: the first is suspended where `suspended` says so, the last has no endpoints where `bare` does. */
static struct outcome three(struct outcome_mirror mirrors[3], bool suspended, bool bare)
{
    for (size_t i = 0; i < 3; i++)
        mirrors[i] = (struct outcome_mirror){STR("default/r#0"), STR("default/shadow:80"), false, true};
    mirrors[0].is_suspended = suspended;
    mirrors[2].has_hosts = !bare;
    return (struct outcome){.mirrors = mirrors, .mirror_count = 3};
}

static void test_what_keeps_copies_back_outweighs_what_does_not(void **state)
{
    (void)state;
    static const struct flow_case {
        enum status_flow seen[3];
        bool suspended, bare;
        enum status_flow want;
    } cases[] = {
        {{FLOW_FLOWING, FLOW_FLOWING, FLOW_FLOWING}, false, false, FLOW_FLOWING},
        {{FLOW_FLOWING, FLOW_BREAKER_OPEN, FLOW_FLOWING}, false, false, FLOW_BREAKER_OPEN},
        {{FLOW_NO_ENDPOINTS, FLOW_BREAKER_OPEN, FLOW_FLOWING}, false, false, FLOW_BREAKER_OPEN},
        {{FLOW_NO_TRAFFIC, FLOW_NO_ENDPOINTS, FLOW_FLOWING}, false, false, FLOW_NO_ENDPOINTS},
        {{FLOW_FLOWING, FLOW_FLOWING, FLOW_FLOWING}, false, true, FLOW_NO_ENDPOINTS},
        {{FLOW_NO_TRAFFIC, FLOW_FLOWING, FLOW_NO_TRAFFIC}, false, false, FLOW_FLOWING},
        {{FLOW_NO_TRAFFIC, FLOW_NO_TRAFFIC, FLOW_NO_TRAFFIC}, false, false, FLOW_NO_TRAFFIC},
        {{FLOW_UNKNOWN, FLOW_UNKNOWN, FLOW_UNKNOWN}, false, false, FLOW_UNKNOWN},
        {{FLOW_UNKNOWN, FLOW_FLOWING, FLOW_UNKNOWN}, false, false, FLOW_FLOWING},
        /* Suspended ones count only when all are. */
        {{FLOW_BREAKER_OPEN, FLOW_FLOWING, FLOW_FLOWING}, true, false, FLOW_FLOWING},
        {{FLOW_FLOWING, FLOW_SUSPENDED, FLOW_SUSPENDED}, true, false, FLOW_SUSPENDED},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct outcome_mirror mirrors[3];
        struct outcome policy = three(mirrors, cases[i].suspended, cases[i].bare);
        assert_int_equal(flow_sum(&policy, cases[i].seen), cases[i].want);
    }
}

static void assert_condition(enum status_flow seen, enum outcome_state state, const char *reason)
{
    enum status_flow flow[3] = {seen, seen, seen};
    struct outcome_mirror mirrors[3];
    struct outcome policy = three(mirrors, false, false);
    struct outcome_condition condition;
    struct strbuf text = STRBUF_INIT;
    assert_true(flow_condition(&policy, flow, &text, &condition));
    assert_string_equal(condition.type, "umbra.dev/CopiesFlow");
    assert_string_equal(condition.reason, reason);
    assert_int_equal(condition.state, state);
    strbuf_deinit(&text);
}

static void test_the_condition_is_true_only_while_copies_flow(void **state)
{
    (void)state;
    assert_condition(FLOW_FLOWING, OUTCOME_TRUE, "Flowing");
    assert_condition(FLOW_NO_TRAFFIC, OUTCOME_UNKNOWN, "NoTraffic");
    assert_condition(FLOW_SUSPENDED, OUTCOME_FALSE, "Suspended");
    assert_condition(FLOW_NO_ENDPOINTS, OUTCOME_FALSE, "NoEndpoints");
    assert_condition(FLOW_BREAKER_OPEN, OUTCOME_FALSE, "BreakerOpen");
}

static void test_the_mirrors_that_fail_are_named(void **state)
{
    (void)state;
    enum status_flow flow[3] = {FLOW_FLOWING, FLOW_BREAKER_OPEN, FLOW_FLOWING};
    struct outcome_mirror mirrors[3];
    struct outcome policy = three(mirrors, false, false);
    struct outcome_condition condition;
    struct strbuf text = STRBUF_INIT;
    mirrors[1].mirror = STR("default/broken:80");
    assert_true(flow_condition(&policy, flow, &text, &condition));
    assert_true(str_eq(condition.message, STR("the shadow fails, so nothing but a probe is sent to default/broken:80 "
                                              "(route default/r#0)")));
    strbuf_deinit(&text);
}

#define POLICY \
    "apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\nmetadata: {name: umbra}\n" \
    "spec: {controllerName: umbra.dev/gateway-controller}\n---\n" \
    "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: edge}\n" \
    "spec: {gatewayClassName: umbra, listeners: [{name: http, protocol: HTTP, port: 80}]}\n---\n" \
    "apiVersion: v1\nkind: Service\nmetadata: {name: shop}\nspec: {ports: [{port: 80}]}\n---\n" \
    "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: r}\nspec: {parentRefs: [{name: " \
    "edge}], " \
    "rules: [{filters: [{type: RequestMirror, requestMirror: {backendRef: {name: shop, port: 80}}}]}]}\n---\n" \
    "apiVersion: umbra.dev/v1alpha1\nkind: MirrorPolicy\nmetadata: {name: p, generation: 1}\nspec: {targetRefs: " \
    "[{group: " \
    "gateway.networking.k8s.io, kind: HTTPRoute, name: r}]}\n"
#define STATUS(conditions) \
    "{'ancestors': [{'ancestorRef': {'group': 'gateway.networking.k8s.io', 'kind': 'HTTPRoute', 'namespace': " \
    "'default', " \
    "'name': 'r'}, 'controllerName': 'umbra.dev/gateway-controller', 'conditions': [" CONDITION( \
        "Accepted", "True", "Accepted", "1", OLD) ", " CONDITION("ResolvedRefs", "True", "ResolvedRefs", "1", OLD) \
        conditions "]}]}"
#define FLOW(state, reason, time) ", " CONDITION("umbra.dev/CopiesFlow", state, reason, "1", time)

static void test_the_condition_stands_beside_the_others_and_stays_when_nobody_knows(void **state)
{
    (void)state;
    static const enum status_flow flowing[] = {FLOW_FLOWING}, unknown[] = {FLOW_UNKNOWN};
    /* The Service has no endpoints, and that outweighs what was seen. */
    static const struct merge_case cases[] = {
        {POLICY, STATUS(""), STATUS(FLOW("False", "NoEndpoints", NOW)), flowing},
        {POLICY, STATUS(FLOW("True", "Flowing", OLD)), STATUS(FLOW("False", "NoEndpoints", NOW)), flowing},
        {POLICY, STATUS(FLOW("True", "Flowing", OLD)), NULL, NULL},
        {POLICY, STATUS(FLOW("False", "BreakerOpen", OLD)), STATUS(FLOW("False", "NoEndpoints", OLD)), unknown},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_merges(&cases[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_keeps_copies_back_outweighs_what_does_not),
        cmocka_unit_test(test_the_condition_is_true_only_while_copies_flow),
        cmocka_unit_test(test_the_mirrors_that_fail_are_named),
        cmocka_unit_test(test_the_condition_stands_beside_the_others_and_stays_when_nobody_knows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
