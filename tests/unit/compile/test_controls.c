/* SPDX-License-Identifier: Apache-2.0 */
/* compare.control: a second instance of the live version that gets what the shadow gets. */
#include "compile_text.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define MIRROR(rest) "{type: RequestMirror, requestMirror: {backendRef: {" rest "}}}"
#define RULE_WITH(name, path, filters) \
    "  - {name: " name ", matches: [{method: GET, path: {value: " path "}}], backendRefs: [{name: shop, port: 80}], " \
    "filters: [" filters "]}\n"
#define SHOP EDGE ROUTE("r") "  rules:\n" RULE_WITH("all", "/", MIRROR("name: v2, port: 80"))
#define TO_ROUTE "targetRefs: [{kind: HTTPRoute, name: r}], "
#define CONTROL(ref) "compare: {control: {backendRef: {" ref "}}}"

#define CLASS_OF_UMBRA GATEWAY_OBJECT("GatewayClass", "name: umbra", "controllerName: " COMPILE_CONTROLLER)
static const struct compile_options cluster = {.is_cluster = true};

static void test_a_control_stands_behind_its_shadow_with_the_same_policy(void **state)
{
    (void)state;
    const char *yaml = SHOP POLICY(
        "name: p",
        TO_ROUTE CONTROL(
            "name: twin, port: 80") ", limits: {inFlight: 7}, request: "
                                    "{redact: {headers: [x-a]}, marker: {header: X-Copy}}, verdict: {minPairs: 3}");
    assert_compiles_to(yaml, NULL, mirrors_text,
                       "default/r#all -> default/v2:80: 1/1 inFlight=7 redact-header(x-a) marker=X-Copy\n"
                       "default/r#all -> default/twin:80: 1/1 control inFlight=7 redact-header(x-a) marker=X-Copy");
    assert_compiles_to(yaml, NULL, comparisons_text,
                       "default/v2:80: hide-header(x-a) minPairs=3\n"
                       "default/twin:80: control hide-header(x-a) minPairs=3");
    assert_compiles_to(yaml, NULL, said, "");
    struct compile_text result = compile_yaml(yaml, NULL);
    const struct rule_mirror *mirrors = result.compiled->rules.routes[0].mirrors;
    assert_ptr_equal(mirrors[0].comparison, mirrors[1].comparison);
    assert_int_equal(result.compiled->mirrored, 1);
    compile_text_free(&result);
}

static void test_each_shadow_has_its_own_and_labels_stay_unique(void **state)
{
    (void)state;
    assert_compiles_to(EDGE ROUTE("r") "  rules:\n" RULE_WITH(
                           "all", "/", MIRROR("name: v2, port: 80") ", " MIRROR("name: v3, port: 80"))
                           POLICY("name: p", TO_ROUTE CONTROL("name: twin, port: 80")),
                       NULL, mirrors_text,
                       "default/r#all -> default/v2:80: 1/1\ndefault/r#all -> default/twin:80: 1/1 control\n"
                       "default/r#all -> default/v3:80: 1/1\ndefault/r#all -> default/twin:80~2: 1/1 control");
    /* Of a backendRef likewise; a shadow that is another one's control is not counted as copied twice. */
    const char *yaml = EDGE ROUTE(
        "r") "  rules: [{name: all, matches: [{method: GET}], backendRefs: [{name: shop, port: "
             "80, filters: [" MIRROR("name: v2, port: 80") "]}], filters: [" MIRROR(
                 "name: twin, port: 80") "]}]\n" POLICY("name: p", TO_ROUTE
                                                        "mirrorRef: {name: v2}, " CONTROL("name: twin, port: 80"));
    assert_compiles_to(yaml, NULL, mirrors_text,
                       "default/r#all -> default/twin:80: 1/1\ndefault/r#all -> default/v2:80: 1/1\n"
                       "default/r#all -> default/twin:80~2: 1/1 control");
    assert_compiles_to(yaml, NULL, said, "");
}

static void test_the_most_specific_control_counts(void **state)
{
    (void)state;
    assert_compiles_to(
        SHOP POLICY("name: a", "targetRefs: [{kind: Gateway, name: edge}], " CONTROL("name: one, port: 80"))
            POLICY("name: b", TO_ROUTE CONTROL("name: two, port: 80")),
        NULL, mirrors_text, "default/r#all -> default/v2:80: 1/1\ndefault/r#all -> default/two:80: 1/1 control");
}

static void test_a_control_that_leads_nowhere_costs_itself_only_and_is_said_once(void **state)
{
    (void)state;
    const char *yaml = EDGE ROUTE("r") "  rules:\n" RULE_WITH("a", "/a", MIRROR("name: v2, port: 80"))
        RULE_WITH("b", "/b", MIRROR("name: v2, port: 80")) POLICY(
            "name: p", TO_ROUTE CONTROL("group: umbra.dev, kind: Backend, name: twin") ", verdict: {minPairs: 3}")
            BACKEND("name: twins", "endpoints: [{host: b, port: 1}]");
    assert_compiles_to(yaml, NULL, comparisons_text, "default/v2:80: minPairs=3\ndefault/v2:80: minPairs=3");
    assert_compiles_to(yaml, NULL, said,
                       "error BackendNotFound MirrorPolicy/p: spec.compare.control.backendRef: there is no Backend "
                       "default/twin, so shadows are compared without a control; did you mean \"twins\"?");
}

#define ELSEWHERE SHOP POLICY("name: p", TO_ROUTE CONTROL("name: twin, namespace: trial, port: 80"))
#define SERVICES \
    "---\napiVersion: v1\nkind: Service\nmetadata: {name: v2}\nspec: {ports: [{port: 80}]}\n" \
    "---\napiVersion: v1\nkind: Service\nmetadata: {name: shop}\nspec: {ports: [{port: 80}]}\n" \
    "---\napiVersion: v1\nkind: Service\nmetadata: {name: twin, namespace: trial}\nspec: {ports: [{port: 80}]}\n"
#define GRANT_FROM(kind) \
    GRANT("name: g, namespace: trial", \
          "from: [{group: " kind ", namespace: default}], to: [{group: '', kind: Service}]")

static void test_a_control_in_another_namespace_needs_a_grant_in_a_cluster(void **state)
{
    (void)state;
    assert_compiles_to(
        CLASS_OF_UMBRA ELSEWHERE SERVICES GRANT_FROM("gateway.networking.k8s.io, kind: HTTPRoute"), &cluster, said,
        "error RefNotPermitted MirrorPolicy/p: spec.compare.control.backendRef.namespace: copies to a "
        "control in namespace trial need a ReferenceGrant there (from: MirrorPolicy of namespace default, "
        "to: Service twin)");
    assert_compiles_to(CLASS_OF_UMBRA ELSEWHERE SERVICES, &cluster, mirrors_text,
                       "default/r#all -> default/v2:80: 1/1");
    assert_compiles_to(ELSEWHERE, NULL, mirrors_text,
                       "default/r#all -> default/v2:80: 1/1\ndefault/r#all -> trial/twin:80: 1/1 control");
}

static void test_credentials_do_not_leave_the_namespace_with_a_control(void **state)
{
    (void)state;
#define GRANTED CLASS_OF_UMBRA ELSEWHERE SERVICES GRANT_FROM("umbra.dev, kind: MirrorPolicy")
    assert_compiles_to(GRANTED, &cluster, said, "");
    assert_compiles_to(GRANTED, &cluster, mirrors_text,
                       "default/r#all -> default/v2:80: 1/1\n"
                       "default/r#all -> trial/twin:80: 1/1 control redact-header(authorization) redact-header(cookie) "
                       "redact-header(proxy-authorization) redact-header(x-api-key)");
    assert_compiles_to(GRANTED POLICY("name: q", TO_ROUTE "request: {keepCredentials: true}"), &cluster, mirrors_text,
                       "default/r#all -> default/v2:80: 1/1\ndefault/r#all -> trial/twin:80: 1/1 control");
}

static void test_a_control_that_is_the_shadow_is_left_out_and_said(void **state)
{
    (void)state;
    const char *yaml = SHOP POLICY("name: p", TO_ROUTE CONTROL("name: v2, port: 80"));
    assert_compiles_to(yaml, NULL, mirrors_text, "default/r#all -> default/v2:80: 1/1");
    assert_compiles_to(
        yaml, NULL, said,
        "warning MirrorPolicy/p: spec.compare.control.backendRef: default/v2:80 is the shadow itself, and all that is "
        "wrong with it would count as noise, so it is left out there; name a second instance of the live version");
}

static void test_a_control_that_is_live_is_said_and_made(void **state)
{
    (void)state;
    const char *yaml = SHOP POLICY("name: p", TO_ROUTE CONTROL("name: shop, port: 80"));
    assert_compiles_to(yaml, NULL, mirrors_text,
                       "default/r#all -> default/v2:80: 1/1\ndefault/r#all -> default/shop:80: 1/1 control");
    assert_compiles_to(
        yaml, NULL, said,
        "warning MirrorPolicy/p: spec.compare.control.backendRef: default/shop:80 is a live backend of these requests "
        "too, so it gets them twice; that is fine if it has the capacity and requests that are answered twice do no "
        "harm, else name a second instance");
}

static void test_a_control_that_is_umbra_itself_is_said(void **state)
{
    (void)state;
    assert_compiles_to(
        SHOP POLICY("name: p", TO_ROUTE CONTROL("group: umbra.dev, kind: Backend, name: me"))
            BACKEND("name: me", "endpoints: [{host: 127.0.0.1, port: 80}]"),
        NULL, said,
        "warning MirrorPolicy/p: spec.compare.control.backendRef: default/me leads back to one of Umbra's own "
        "listeners, which would serve every copy like a request of a client; name the second instance itself");
}

static void test_writes_that_a_control_gets_are_said_as_a_shadows_are(void **state)
{
    (void)state;
    struct compile_text result = compile_yaml(
        EDGE ROUTE("r") "  rules: [{name: all, backendRefs: [{name: shop, port: 80}], filters: [" MIRROR(
            "name: v2, port: 80") "]}]\n" POLICY("name: p", TO_ROUTE CONTROL("name: twin, port: 80")),
        NULL);
    const char *text = said(&result);
    assert_non_null(strstr(text, "writes are copied to default/v2:80 as well"));
    assert_non_null(strstr(text, "writes are copied to default/twin:80 as well"));
    compile_text_free(&result);
}

static void test_a_control_with_compare_off_is_for_nothing(void **state)
{
    (void)state;
    static const struct compile_options off = {.compares_nothing = true};
    assert_compiles_to(SHOP POLICY("name: p", TO_ROUTE CONTROL("name: twin, port: 80")), &off, said,
                       "warning MirrorPolicy/p: spec.compare.control.backendRef: default/twin:80 gets copies for "
                       "nothing: --compare off compares no answers; run with --compare auto, or take the control out");
}

static void test_calls_reach_a_control_over_http2(void **state)
{
    (void)state;
    struct compile_text result = compile_yaml(
        EDGE
        "apiVersion: gateway.networking.k8s.io/v1\nkind: GRPCRoute\nmetadata: {name: g}\nspec:\n"
        "  parentRefs: [{name: edge}]\n  rules: [{name: all, backendRefs: [{name: shop, port: 80}], filters: [" MIRROR(
            "name: v2, port: 80") "]}]\n" POLICY("name: p",
                                                 "targetRefs: [{kind: GRPCRoute, name: g}], methods: [POST], " CONTROL(
                                                     "name: twin, port: 80")),
        NULL);
    const struct rule_set *rules = &result.compiled->rules;
    const struct rule_route *route = &rules->routes[0];
    assert_int_equal(route->mirror_count, 2);
    assert_int_equal(rules->backends[route->mirrors[1].backend].protocol, PROTOCOL_HTTP2);
    compile_text_free(&result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_control_stands_behind_its_shadow_with_the_same_policy),
        cmocka_unit_test(test_each_shadow_has_its_own_and_labels_stay_unique),
        cmocka_unit_test(test_the_most_specific_control_counts),
        cmocka_unit_test(test_a_control_that_leads_nowhere_costs_itself_only_and_is_said_once),
        cmocka_unit_test(test_a_control_in_another_namespace_needs_a_grant_in_a_cluster),
        cmocka_unit_test(test_credentials_do_not_leave_the_namespace_with_a_control),
        cmocka_unit_test(test_a_control_that_is_the_shadow_is_left_out_and_said),
        cmocka_unit_test(test_a_control_that_is_live_is_said_and_made),
        cmocka_unit_test(test_a_control_that_is_umbra_itself_is_said),
        cmocka_unit_test(test_writes_that_a_control_gets_are_said_as_a_shadows_are),
        cmocka_unit_test(test_a_control_with_compare_off_is_for_nothing),
        cmocka_unit_test(test_calls_reach_a_control_over_http2),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
