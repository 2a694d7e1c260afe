/* SPDX-License-Identifier: Apache-2.0 */
#include "compile_text.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define MIRROR(rest) "{type: RequestMirror, requestMirror: {backendRef: {" rest "}}}"
#define RULE(name, path, filters) \
    "  - {name: " name ", matches: [{method: GET, path: {value: " path "}}], backendRefs: [{name: shop, port: 80}], " \
    "filters: [" filters "]}\n"
/* One route with one rule and a mirror to v2. */
#define SHOP EDGE ROUTE("r") "  rules:\n" RULE("all", "/", MIRROR("name: v2, port: 80"))
#define ON_ROUTE "targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: r}], "
#define ON_RULE "targetRefs: [{kind: HTTPRoute, name: r, sectionName: all}], "
#define ON_GATEWAY "targetRefs: [{kind: Gateway, name: edge}], "
#define ON_LISTENER "targetRefs: [{kind: Gateway, name: edge, sectionName: http}], "

static void test_every_field_changes_the_mirror(void **state)
{
    (void)state;
#define IS(rest) "default/r#all -> default/v2:80: 1/1 " rest
    static const struct compile_case cases[] = {
        {SHOP POLICY("name: p", ON_ROUTE "suspend: true"), IS("suspended")},
        {SHOP POLICY("name: p", ON_ROUTE "methods: [GET, HEAD]"), IS("methods=6")},
        {SHOP POLICY("name: p", ON_ROUTE "sources: [10.0.0.0/8, 192.168.0.0/16]"), IS("source=10/8 source=192/16")},
        {SHOP POLICY("name: p", ON_ROUTE "sampling: {mode: Random}"), IS("random")},
        {SHOP POLICY("name: p", ON_ROUTE "sampling: {mode: Hash, key: {header: x-user}, salt: spring}"),
         IS("hash key=1 x-user salt=spring")},
        {SHOP POLICY("name: p", ON_ROUTE "sampling: {mode: Hash, key: {cookie: c}}"), IS("hash key=2 c")},
        {SHOP POLICY("name: p", ON_ROUTE "sampling: {mode: Hash, key: {query: q}}"), IS("hash key=3 q")},
        {SHOP POLICY("name: p", ON_ROUTE "sampling: {mode: Hash, key: {clientIP: true}}"), IS("hash key=4 ")},
        {SHOP POLICY("name: p", ON_ROUTE "sampling: {mode: Hash, key: {traceID: true}}"), IS("hash key=5 ")},
        {SHOP POLICY("name: p", ON_ROUTE "limits: {requestsPerSecond: 200, inFlight: 64, connections: 32, window: 2Mi, "
                                         "timeout: 5s, connectTimeout: 250ms}"),
         IS("rate=200 inFlight=64 connections=32 window=2097152 timeout=5000 connectTimeout=250")},
        {SHOP POLICY("name: p", ON_ROUTE "request: {host: {type: Suffix}}"), IS("host=1 ")},
        {SHOP POLICY("name: p", ON_ROUTE "request: {host: {type: Literal, value: in.test}}"), IS("host=2 in.test")},
        {SHOP POLICY("name: p", ON_ROUTE "request: {headers: {set: [{name: a, value: '1'}], remove: [b]}}"),
         IS("copy-set(a=1) copy-remove(b=)")},
        {SHOP POLICY("name: p",
                     ON_ROUTE "request: {redact: {headers: [authorization], cookies: [sid], query: [token]}}"),
         IS("redact-header(authorization) redact-cookie(sid) redact-query(token)")},
        {SHOP POLICY("name: p", ON_ROUTE "request: {marker: {header: X-Copy, baggage: false, trace: NewRoot}}"),
         IS("marker=X-Copy no-baggage trace=2")},
        {SHOP POLICY("name: p", ON_ROUTE "request: {marker: {trace: Inherit}}"), IS("trace=1")},
    };
    ASSERT_CASES(cases, mirrors_text);
}

static void test_more_specific_target_wins_field_by_field(void **state)
{
    (void)state;
    /* The names are in the order in which the losers would win by name. */
    const char *yaml = SHOP POLICY("name: a",
                                   ON_GATEWAY "limits: {inFlight: 1, connections: 1, timeout: 1s, window: 1Ki}")
        POLICY("name: b", ON_LISTENER "limits: {inFlight: 2, connections: 2, timeout: 2s}")
            POLICY("name: c", ON_ROUTE "limits: {inFlight: 3, connections: 3}")
                POLICY("name: d", ON_RULE "limits: {inFlight: 4}");
    assert_compiles_to(yaml, NULL, mirrors_text,
                       "default/r#all -> default/v2:80: 1/1 inFlight=4 connections=3 window=1024 timeout=2000");
    assert_compiles_to(yaml, NULL, said, "");
}

static void test_policy_that_names_the_mirror_is_more_specific_on_its_level(void **state)
{
    (void)state;
    assert_compiles_to(SHOP POLICY("name: a", ON_ROUTE "limits: {inFlight: 1, connections: 1}")
                           POLICY("name: b", ON_ROUTE "mirrorRef: {name: v2}, limits: {inFlight: 2}")
                               POLICY("name: c", ON_GATEWAY "mirrorRef: {name: v2}, limits: {connections: 3}"),
                       NULL, mirrors_text, "default/r#all -> default/v2:80: 1/1 inFlight=2 connections=1");
}

static void test_mirror_ref_narrows_to_one_mirror(void **state)
{
    (void)state;
#define TWO \
    EDGE ROUTE("r") "  rules:\n" RULE( \
        "all", "/", MIRROR("name: v2, port: 80") ", " MIRROR("group: umbra.dev, kind: Backend, name: v2")) \
        BACKEND("name: v2", "endpoints: [{host: b, port: 1}]")
#define BOTH(first, second) "default/r#all -> default/v2:80: 1/1" first "\ndefault/r#all -> default/v2: 1/1" second
    static const struct compile_case cases[] = {
        {TWO POLICY("name: p", ON_ROUTE "mirrorRef: {name: v2}, suspend: true"), BOTH(" suspended", " suspended")},
        {TWO POLICY("name: p", ON_ROUTE "mirrorRef: {kind: Backend, name: v2}, suspend: true"), BOTH("", " suspended")},
        {TWO POLICY("name: p", ON_ROUTE "mirrorRef: {group: '', name: v2}, suspend: true"), BOTH(" suspended", "")},
        {TWO POLICY("name: p", ON_ROUTE "mirrorRef: {name: v2, port: 80}, suspend: true"), BOTH(" suspended", "")},
        {TWO POLICY("name: p", ON_ROUTE "mirrorRef: {name: v2, namespace: default}, suspend: true"),
         BOTH(" suspended", " suspended")},
        {TWO POLICY("name: p", ON_ROUTE "mirrorRef: {name: v2, namespace: other}, suspend: true"), BOTH("", "")},
    };
    ASSERT_CASES(cases, mirrors_text);
}

static void test_of_equals_the_oldest_wins_then_the_name_and_the_loser_is_told(void **state)
{
    (void)state;
    const char *by_age = SHOP POLICY("name: a, creationTimestamp: 2024-02-01T00:00:00Z",
                                     ON_ROUTE "limits: {inFlight: 1, timeout: 9s}")
        POLICY("name: b, creationTimestamp: 2024-01-01T00:00:00Z", ON_ROUTE "limits: {inFlight: 2}");
    assert_compiles_to(by_age, NULL, mirrors_text, "default/r#all -> default/v2:80: 1/1 inFlight=2 timeout=9000");
    assert_compiles_to(by_age, NULL, said,
                       "warning Conflicted MirrorPolicy/a: spec.limits.inFlight: MirrorPolicy b says this for the same "
                       "mirror and is older, so it counts and this does not; take one out, or name a mirrorRef");
    const char *by_name = SHOP POLICY("name: b", ON_ROUTE "methods: [GET]")
        POLICY("name: a", ON_ROUTE "methods: [HEAD]");
    assert_compiles_to(by_name, NULL, mirrors_text, "default/r#all -> default/v2:80: 1/1 methods=4");
    assert_compiles_to(
        by_name, NULL, said,
        "warning Conflicted MirrorPolicy/b: spec.methods: MirrorPolicy a says this for the same mirror and "
        "is first by name, so it counts and this does not; take one out, or name a mirrorRef");
}

static void test_a_conflict_is_said_once_for_all_mirrors(void **state)
{
    (void)state;
    struct compile_text result = compile_yaml(EDGE ROUTE("r") "  rules:\n" RULE("a", "/a", MIRROR("name: v2, port: 80"))
                                                  RULE("b", "/b", MIRROR("name: v2, port: 80"))
                                                      POLICY("name: a", ON_ROUTE "suspend: true")
                                                          POLICY("name: b", ON_ROUTE "suspend: false"),
                                              NULL);
    assert_int_equal(result.compiled->problems.warnings, 1);
    compile_text_free(&result);
}

static void test_an_even_mode_that_wins_needs_no_key(void **state)
{
    (void)state;
    assert_compiles_to(SHOP POLICY("name: a", ON_GATEWAY "sampling: {mode: Hash, key: {header: x}}")
                           POLICY("name: b", ON_ROUTE "sampling: {mode: Even}"),
                       NULL, mirrors_text, "default/r#all -> default/v2:80: 1/1");
}

static void test_policy_counts_only_in_its_namespace_and_for_its_targets(void **state)
{
    (void)state;
    static const struct compile_case cases[] = {
        {SHOP POLICY("name: p, namespace: other", ON_ROUTE "suspend: true"), "default/r#all -> default/v2:80: 1/1"},
        {EDGE ROUTE("r") "  rules:\n" RULE("all", "/", MIRROR("name: v2, port: 80"))
             RULE("next", "/next", MIRROR("name: v2, port: 80")) POLICY("name: p", ON_RULE "suspend: true"),
         "default/r#all -> default/v2:80: 1/1 suspended\ndefault/r#next -> default/v2:80: 1/1"},
    };
    ASSERT_CASES(cases, mirrors_text);
}

static void test_targets_that_are_not_there_are_said_with_the_nearest(void **state)
{
    (void)state;
#define TARGET(target) SHOP POLICY("name: p", "targetRefs: [{" target "}], suspend: true")
    static const struct compile_case cases[] = {
        {TARGET("kind: HTTPRoute, name: rr"), "warning TargetNotFound MirrorPolicy/p: spec.targetRefs[0].name: there "
                                              "is no HTTPRoute rr in namespace default, so "
                                              "the policy has no effect there; did you mean \"r\"?"},
        {TARGET("kind: Gateway, name: egde"), "warning TargetNotFound MirrorPolicy/p: spec.targetRefs[0].name: there "
                                              "is no Gateway egde in namespace default, so "
                                              "the policy has no effect there; did you mean \"edge\"?"},
        {TARGET("kind: HTTPRoute, name: r, sectionName: al"),
         "warning TargetNotFound MirrorPolicy/p: spec.targetRefs[0].sectionName: HTTPRoute r has no rule named \"al\", "
         "so "
         "the policy has no effect there; did you mean \"all\"?"},
        {TARGET("kind: Gateway, name: edge, sectionName: https"),
         "warning TargetNotFound MirrorPolicy/p: spec.targetRefs[0].sectionName: Gateway edge has no listener named "
         "\"https\", so the policy has no effect there; did you mean \"http\"?"},
    };
    ASSERT_CASES(cases, said);
}

static void test_mirror_that_no_target_has_is_said_with_the_nearest(void **state)
{
    (void)state;
    assert_compiles_to(
        SHOP POLICY("name: p", ON_ROUTE "mirrorRef: {name: v3}, suspend: true"), NULL, said,
        "warning TargetNotFound MirrorPolicy/p: spec.mirrorRef: no mirror of its targets leads there, so the "
        "policy has no effect; did you mean \"v2\"?");
    assert_compiles_to(EDGE ROUTE("r") "  rules:\n" RULE("all", "/", "") POLICY("name: p", ON_ROUTE "suspend: true"),
                       NULL, said,
                       "note MirrorPolicy/p: spec.targetRefs: none of its targets has a mirror, so the policy changes "
                       "nothing; a mirror is a filter of type RequestMirror in a route");
}

static void test_policy_of_one_of_several_listeners_is_said_to_count_for_all(void **state)
{
    (void)state;
    const char *yaml = GATEWAY_OBJECT(
        "Gateway", "name: inner", "gatewayClassName: umbra, listeners: [{name: http, protocol: HTTP, port: 81}]") EDGE
        "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: r}\n"
        "spec:\n  parentRefs: [{name: edge}, {name: inner}]\n  rules:\n" RULE("all", "/", MIRROR("name: v2, port: 80"))
            POLICY("name: p", ON_GATEWAY "suspend: true")
                POLICY("name: q", "targetRefs: [{kind: Gateway, name: edge}, {kind: Gateway, name: inner}], limits: "
                                  "{inFlight: 9}");
    assert_compiles_to(yaml, NULL, mirrors_text, "default/r#all -> default/v2:80: 1/1 suspended inFlight=9");
    assert_compiles_to(
        yaml, NULL, said,
        "warning MirrorPolicy/p: spec.targetRefs: HTTPRoute default/r is attached to other listeners as "
        "well, and the policy counts for what it copies from there too; target the HTTPRoute, or split it");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_field_changes_the_mirror),
        cmocka_unit_test(test_more_specific_target_wins_field_by_field),
        cmocka_unit_test(test_policy_that_names_the_mirror_is_more_specific_on_its_level),
        cmocka_unit_test(test_mirror_ref_narrows_to_one_mirror),
        cmocka_unit_test(test_of_equals_the_oldest_wins_then_the_name_and_the_loser_is_told),
        cmocka_unit_test(test_a_conflict_is_said_once_for_all_mirrors),
        cmocka_unit_test(test_an_even_mode_that_wins_needs_no_key),
        cmocka_unit_test(test_policy_counts_only_in_its_namespace_and_for_its_targets),
        cmocka_unit_test(test_targets_that_are_not_there_are_said_with_the_nearest),
        cmocka_unit_test(test_mirror_that_no_target_has_is_said_with_the_nearest),
        cmocka_unit_test(test_policy_of_one_of_several_listeners_is_said_to_count_for_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
