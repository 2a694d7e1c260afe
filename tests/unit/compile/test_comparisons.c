/* SPDX-License-Identifier: Apache-2.0 */
/* What policies say of comparing and judging. */
#include "compile_text.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define MIRROR(rest) "{type: RequestMirror, requestMirror: {backendRef: {" rest "}}}"
#define SHOP \
    EDGE ROUTE("r") "  rules: [{name: all, matches: [{method: GET}], backendRefs: [{name: shop, port: 80}], filters: " \
                    "[" MIRROR("name: v2, port: 80") "]}]\n"
#define ON_ROUTE "targetRefs: [{kind: HTTPRoute, name: r}], "
#define ON_GATEWAY "targetRefs: [{kind: Gateway, name: edge}], "

static void test_every_field_changes_the_comparison(void **state)
{
    (void)state;
#define IS(rest) "default/v2:80: " rest
#define COMPARE(fields) SHOP POLICY("name: p", ON_ROUTE "compare: {" fields "}")
#define VERDICT(fields) SHOP POLICY("name: p", ON_ROUTE "verdict: {" fields "}")
    static const struct compile_case cases[] = {
        {COMPARE("samples: None"), IS("samples=0")},
        {COMPARE("samples: Fields"), IS("samples=1")},
        {COMPARE("bodyBytes: 0"), IS("body=0")},
        {COMPARE("bodyBytes: 1Mi"), IS("body=1048576")},
        {COMPARE("headers: [content-type, x-total]"), IS("only(content-type,x-total)")},
        {COMPARE("ignore: {headers: [x-took]}"), IS("ignore(x-took)")},
        {COMPARE("ignore: {jsonPaths: [$.id, $..at]}"), IS("ignore-path($.id,$..at)")},
        {COMPARE("arrays: [{path: $.tags, type: Set}, {path: $.items, type: Keyed, key: id}]"),
         IS("array($.tags) array($.items by id)")},
        {COMPARE("redact: {headers: [x-a], cookies: [sid], query: [token], jsonPaths: [$.card]}"),
         IS("hide-header(x-a) hide-cookie(sid) hide-query(token) hide-path($.card)")},
        {VERDICT("minPairs: 5, minPairsP99: 50"), IS("minPairs=5 minPairsP99=50")},
        {VERDICT("maxShadowFailures: 2%, maxLost: 3%, maxDifferent: 4%, maxNewErrors: 5%, maxBlind: 6%"),
         IS("failures=20000 lost=30000 different=40000 errors=50000 blind=60000")},
        {VERDICT("findingLatencyAdded: 2ms, findingLatencyShare: 20%, maxLatencyAdded: 1s, maxLatencyShare: 200%"),
         IS("finding=2 findingShare=200000 latency=1000 latencyShare=2000000")},
    };
    ASSERT_CASES(cases, comparisons_text);
}

static void test_what_copies_do_not_get_is_taken_out_of_samples_too(void **state)
{
    (void)state;
    assert_compiles_to(SHOP POLICY("name: p", ON_ROUTE "request: {redact: {headers: [x-b], cookies: [c], query: [q]}}, "
                                                       "compare: {redact: {headers: [x-a]}}"),
                       NULL, comparisons_text, "default/v2:80: hide-header(x-a,x-b) hide-cookie(c) hide-query(q)");
    assert_compiles_to(SHOP POLICY("name: p", ON_ROUTE "compare: {redact: {headers: [x-a]}}"), NULL, mirrors_text,
                       "default/r#all -> default/v2:80: 1/1");
}

static void test_more_specific_policy_wins_field_by_field(void **state)
{
    (void)state;
    assert_compiles_to(
        SHOP POLICY("name: a", ON_GATEWAY "compare: {bodyBytes: 1, samples: None, ignore: {headers: [x], jsonPaths: "
                                          "[$.x]}}, verdict: {minPairs: 1, maxBlind: 1%}")
            POLICY("name: b", ON_ROUTE "compare: {bodyBytes: 2, ignore: {jsonPaths: [$.y]}}, verdict: {minPairs: 2}"),
        NULL, comparisons_text, "default/v2:80: samples=0 body=2 ignore(x) ignore-path($.y) minPairs=2 blind=10000");
}

static void test_conflicts_are_said_for_fields_far_down_the_list(void **state)
{
    (void)state;
    const char *yaml = SHOP POLICY("name: b", ON_ROUTE "verdict: {maxLatencyShare: 1%, minPairs: 1}")
        POLICY("name: a", ON_ROUTE "verdict: {maxLatencyShare: 2%, minPairsP99: 7}");
    assert_compiles_to(yaml, NULL, comparisons_text, "default/v2:80: minPairs=1 minPairsP99=7 latencyShare=20000");
    assert_compiles_to(
        yaml, NULL, said,
        "warning Conflicted MirrorPolicy/b: spec.verdict.maxLatencyShare: MirrorPolicy a says this for the same "
        "mirror and is first by name, so it counts and this does not; take one out, or name a mirrorRef");
}

static void test_without_a_policy_all_mirrors_share_the_defaults(void **state)
{
    (void)state;
    const char *yaml = EDGE ROUTE(
        "r") "  rules: [{name: all, matches: [{method: GET}], backendRefs: [{name: shop, port: "
             "80}], filters: [" MIRROR("name: v2, port: 80") ", " MIRROR("name: v3, port: 80") "]}]\n";
    struct compile_text result = compile_yaml(yaml, NULL);
    const struct rule_route *route = &result.compiled->rules.routes[0];
    assert_string_equal(comparisons_text(&result), "default/v2:80:\ndefault/v3:80:");
    assert_ptr_equal(route->mirrors[0].comparison, route->mirrors[1].comparison);
    compile_text_free(&result);
}

static void test_in_a_cluster_samples_are_masked_unless_a_policy_says_otherwise(void **state)
{
    (void)state;
    static const struct compile_options cluster = {.is_cluster = true};
#define IN_CLUSTER \
    GATEWAY_OBJECT("GatewayClass", "name: umbra", "controllerName: " COMPILE_CONTROLLER) \
    SHOP "---\napiVersion: v1\nkind: Service\nmetadata: {name: v2}\nspec: {ports: [{port: 80}]}\n"
    assert_compiles_to(IN_CLUSTER, &cluster, comparisons_text, "default/v2:80: samples=1");
    assert_compiles_to(IN_CLUSTER POLICY("name: p", ON_ROUTE "compare: {samples: Full}"), &cluster, comparisons_text,
                       "default/v2:80:");
}

static void test_with_compare_off_nothing_is_compared_and_copies_stay(void **state)
{
    (void)state;
    static const struct compile_options off = {.compares_nothing = true};
    assert_compiles_to(SHOP POLICY("name: p", ON_ROUTE "compare: {samples: None}"), &off, comparisons_text,
                       "default/v2:80: not compared");
    assert_compiles_to(SHOP, &off, mirrors_text, "default/r#all -> default/v2:80: 1/1");
    assert_compiles_to(SHOP, &off, said, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_field_changes_the_comparison),
        cmocka_unit_test(test_what_copies_do_not_get_is_taken_out_of_samples_too),
        cmocka_unit_test(test_more_specific_policy_wins_field_by_field),
        cmocka_unit_test(test_conflicts_are_said_for_fields_far_down_the_list),
        cmocka_unit_test(test_without_a_policy_all_mirrors_share_the_defaults),
        cmocka_unit_test(test_in_a_cluster_samples_are_masked_unless_a_policy_says_otherwise),
        cmocka_unit_test(test_with_compare_off_nothing_is_compared_and_copies_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
