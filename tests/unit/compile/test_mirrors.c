/* SPDX-License-Identifier: Apache-2.0 */
#include "compile_text.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define MIRROR(rest) "{type: RequestMirror, requestMirror: {backendRef: {" rest "}}}"
#define MIRROR_OF(ref, rest) "{type: RequestMirror, requestMirror: {backendRef: {" ref "}, " rest "}}"
#define TO_SHOP "backendRefs: [{name: shop, port: 80}]"
#define READS "matches: [{method: GET}]"
/* A rule that matches reads only, so that nothing is said about writes. */
#define RULE(filters) EDGE ROUTE("r") "  rules: [{name: all, " READS ", " TO_SHOP ", filters: [" filters "]}]\n"

static const struct compile_options cluster = {.is_cluster = true};
#define CLASS_OF_UMBRA GATEWAY_OBJECT("GatewayClass", "name: umbra", "controllerName: " COMPILE_CONTROLLER)

static void test_percent_and_fraction_become_shares(void **state)
{
    (void)state;
    static const struct compile_case cases[] = {
        {RULE(MIRROR("name: v2, port: 80")), "default/r#all -> default/v2:80: 1/1"},
        {RULE(MIRROR_OF("name: v2, port: 80", "percent: 20")), "default/r#all -> default/v2:80: 20/100"},
        {RULE(MIRROR_OF("name: v2, port: 80", "percent: 0")), "default/r#all -> default/v2:80: 0/100"},
        {RULE(MIRROR_OF("name: v2, port: 80", "fraction: {numerator: 25, denominator: 50}")),
         "default/r#all -> default/v2:80: 25/50"},
        {RULE(MIRROR_OF("name: v2, port: 80", "fraction: {numerator: 5}")), "default/r#all -> default/v2:80: 5/100"},
    };
    ASSERT_CASES(cases, mirrors_text);
}

static void test_every_mirror_of_a_rule_and_its_backends_is_made(void **state)
{
    (void)state;
    const char *yaml = EDGE ROUTE(
        "r") "  rules:\n  - name: all\n    " READS "\n"
             "    filters: [" MIRROR("name: v2, port: 80") ", " MIRROR(
                 "group: umbra.dev, kind: Backend, name: twin") "]\n"
                                                                "    backendRefs: [{name: shop, port: 80, filters: "
                                                                "[" MIRROR("name: v3, port: 80") "]}]\n" BACKEND(
                                                                    "name: twin", "endpoints: [{host: t, port: 1}]");
    assert_compiles_to(yaml, NULL, mirrors_text,
                       "default/r#all -> default/v2:80: 1/1\n"
                       "default/r#all -> default/twin: 1/1\n"
                       "default/r#all -> default/v3:80: 1/1");
}

static void test_further_mirrors_to_one_backend_are_numbered(void **state)
{
    (void)state;
    assert_compiles_to(EDGE ROUTE("r") "  rules:\n  - name: all\n    " READS
                                       "\n    backendRefs: [{name: shop, port: 80, "
                                       "filters: [" MIRROR("name: v2, port: 80") "]}]\n    filters: [" MIRROR_OF(
                                           "name: v2, port: 80", "percent: 1") ", " MIRROR_OF("name: v2, port: 80",
                                                                                              "percent: 2") "]\n",
                       NULL, mirrors_text,
                       "default/r#all -> default/v2:80: 1/100\n"
                       "default/r#all -> default/v2:80~2: 2/100\n"
                       "default/r#all -> default/v2:80~3: 1/1");
}

static void test_mirror_that_leads_nowhere_is_dropped_alone(void **state)
{
    (void)state;
    const char *yaml = RULE(MIRROR("group: umbra.dev, kind: Backend, name: v2") ", " MIRROR("name: v3, port: 80"))
        BACKEND("name: v1", "endpoints: [{host: b, port: 1}]");
    assert_compiles_to(yaml, NULL, mirrors_text, "default/r#all -> default/v3:80: 1/1");
    assert_compiles_to(yaml, NULL, routes_text, "default/r#all: /[GET] -> default/shop:80*1");
    assert_compiles_to(
        yaml, NULL, said,
        "error BackendNotFound HTTPRoute/r: spec.rules[0].filters[0].requestMirror.backendRef: there is no "
        "Backend default/v2, so nothing is copied to it; did you mean \"v1\"?");
}

static void test_mirrors_of_a_backend_that_is_not_there_are_none(void **state)
{
    (void)state;
    assert_compiles_to(
        EDGE ROUTE("r") "  rules: [{name: all, " READS
                        ", backendRefs: [{group: umbra.dev, kind: Backend, name: gone, filters: [" MIRROR(
                            "name: v2, port: 80") "]}]}]\n",
        NULL, mirrors_text, "");
}

#define OTHER RULE(MIRROR("name: v2, namespace: trial, port: 80"))
#define TRIAL_SERVICE \
    "---\napiVersion: v1\nkind: Service\nmetadata: {name: v2, namespace: trial}\nspec: {ports: [{port: 80}]}\n" \
    "---\napiVersion: v1\nkind: Service\nmetadata: {name: shop}\nspec: {ports: [{port: 80}]}\n"
#define TRIAL_GRANT \
    GRANT("name: g, namespace: trial", \
          "from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: default}], " \
          "to: [{group: '', kind: Service}]")

static void test_copies_to_other_namespaces_need_a_grant_in_a_cluster(void **state)
{
    (void)state;
    assert_compiles_to(CLASS_OF_UMBRA OTHER TRIAL_SERVICE, &cluster, mirrors_text, "");
    assert_compiles_to(
        CLASS_OF_UMBRA OTHER TRIAL_SERVICE, &cluster, said,
        "error RefNotPermitted HTTPRoute/r: spec.rules[0].filters[0].requestMirror.backendRef.namespace: "
        "copies to a shadow in namespace trial need a ReferenceGrant there (from: HTTPRoute of namespace default, to: "
        "Service v2)");
    assert_compiles_to(OTHER, NULL, mirrors_text, "default/r#all -> trial/v2:80: 1/1");
    assert_compiles_to(
        OTHER, NULL, said,
        "warning RefNotPermitted HTTPRoute/r: "
        "spec.rules[0].filters[0].requestMirror.backendRef.namespace: copies to a shadow in namespace trial "
        "go without a ReferenceGrant, but in a cluster they need one there (from: HTTPRoute of namespace default, "
        "to: Service v2)");
}

static void test_credentials_stay_in_their_namespace_in_a_cluster(void **state)
{
    (void)state;
    assert_compiles_to(CLASS_OF_UMBRA OTHER TRIAL_SERVICE TRIAL_GRANT, &cluster, mirrors_text,
                       "default/r#all -> trial/v2:80: 1/1 redact-header(authorization) redact-header(cookie) "
                       "redact-header(proxy-authorization) redact-header(x-api-key)");
    assert_compiles_to(CLASS_OF_UMBRA OTHER TRIAL_SERVICE TRIAL_GRANT POLICY(
                           "name: p", "targetRefs: [{kind: HTTPRoute, name: r}], request: {redact: {headers: "
                                      "[Cookie, x-b]}}"),
                       &cluster, mirrors_text,
                       "default/r#all -> trial/v2:80: 1/1 redact-header(Cookie) redact-header(x-b) "
                       "redact-header(authorization) redact-header(proxy-authorization) redact-header(x-api-key)");
    assert_compiles_to(CLASS_OF_UMBRA OTHER TRIAL_SERVICE TRIAL_GRANT POLICY(
                           "name: p", "targetRefs: [{kind: HTTPRoute, name: r}], request: {keepCredentials: true}"),
                       &cluster, mirrors_text, "default/r#all -> trial/v2:80: 1/1");
    assert_compiles_to(OTHER TRIAL_GRANT, NULL, mirrors_text, "default/r#all -> trial/v2:80: 1/1");
}

#define WRITES(label) \
    "warning HTTPRoute/r: spec.rules[0].filters[0]: writes are copied to " label \
    " as well, so whatever they do is done " \
    "twice if the shadow shares anything with live; if that is not meant, add a MirrorPolicy with methods: [GET, " \
    "HEAD, " \
    "OPTIONS]"
#define MATCHING(matches) \
    EDGE ROUTE("r") "  rules: [{name: all, " matches TO_SHOP ", filters: [" MIRROR("name: v2, port: 80") "]}]\n"
#define READS_ONLY POLICY("name: p", "targetRefs: [{kind: HTTPRoute, name: r}], methods: [GET, HEAD, OPTIONS]")

static void test_copied_writes_are_said(void **state)
{
    (void)state;
    static const struct compile_case cases[] = {
        {MATCHING(""), WRITES("default/v2:80")},
        {MATCHING("matches: [], "), WRITES("default/v2:80")},
        {MATCHING("matches: [{method: GET}, {method: POST}], "), WRITES("default/v2:80")},
        {MATCHING("matches: [{method: GET}, {path: {value: /x}}], "), WRITES("default/v2:80")},
        {MATCHING("matches: [{method: GET}, {method: HEAD}], "), ""},
        {MATCHING("") READS_ONLY, ""},
        {MATCHING("matches: [{method: POST}], ") READS_ONLY, ""},
        {MATCHING("") POLICY("name: p", "targetRefs: [{kind: HTTPRoute, name: r}], suspend: true"), ""},
        {MATCHING("") POLICY("name: p", "targetRefs: [{kind: HTTPRoute, name: r}], methods: [GET, PUT]"), ""},
        {EDGE ROUTE("r") "  rules: [{name: all, " TO_SHOP
                         ", filters: [" MIRROR_OF("name: v2, port: 80", "percent: 0") "]}]",
         ""},
    };
    ASSERT_CASES(cases, said);
    static const struct compile_options safe = {.is_safe_methods = true};
    assert_compiles_to(MATCHING(""), &safe, said, "");
}

static void test_rules_with_mirrors_want_a_name(void **state)
{
    (void)state;
    assert_compiles_to(EDGE ROUTE("r") "  rules: [{" READS ", " TO_SHOP
                                       ", filters: [" MIRROR("name: v2, port: 80") "]}]\n",
                       NULL, said,
                       "warning HTTPRoute/r: spec.rules[0].name: this rule has a mirror and no name: its label is "
                       "default/r#0 and changes when rules are moved; give it a name");
}

#define SHADOW_AT(host) \
    RULE(MIRROR("group: umbra.dev, kind: Backend, name: v2")) BACKEND("name: v2", "endpoints: [{host: " host "}]")
#define LOOP \
    "warning HTTPRoute/r: spec.rules[0].filters[0].requestMirror.backendRef: this leads back to one of Umbra's own " \
    "listeners, which would serve every copy like a request of a client; name the shadow itself"

static void test_shadows_at_own_listeners_are_said(void **state)
{
    (void)state;
    static const struct compile_case cases[] = {
        {SHADOW_AT("127.0.0.1, port: 80"), LOOP}, {SHADOW_AT("localhost, port: 80"), LOOP},
        {SHADOW_AT("'::1', port: 80"), LOOP},     {SHADOW_AT("0.0.0.0, port: 80"), LOOP},
        {SHADOW_AT("127.0.0.1, port: 81"), ""},   {SHADOW_AT("10.0.0.1, port: 80"), ""},
        {SHADOW_AT("shop.test, port: 80"), ""},
    };
    ASSERT_CASES(cases, said);
    struct compile_options bound = {.bind = {.family = ADDRESS_IPV4, .ip = {10, 0, 0, 1}}, .port_offset = 1};
    assert_compiles_to(SHADOW_AT("10.0.0.1, port: 81"), &bound, said, LOOP);
    assert_compiles_to(SHADOW_AT("10.0.0.1, port: 80"), &bound, said, "");
    assert_compiles_to(SHADOW_AT("localhost, port: 81"), &bound, said, "");
}

#define SHOP_V1 BACKEND("name: v1", "endpoints: [{host: b, port: 1}]")
#define V1 "group: umbra.dev, kind: Backend, name: v1"
#define LIVE_TOO(where) \
    "warning HTTPRoute/r: " where \
    ": default/v1 is a live backend of this rule too, so it gets some requests twice; name " \
    "another shadow"

static void test_shadow_that_is_live_in_the_same_rule_is_said(void **state)
{
    (void)state;
    static const struct compile_case cases[] = {
        {EDGE ROUTE("r") "  rules: [{name: all, " READS ", backendRefs: [{" V1
                         "}], filters: [" MIRROR(V1) "]}]\n" SHOP_V1,
         LIVE_TOO("spec.rules[0].filters[0].requestMirror.backendRef")},
        {EDGE ROUTE("r") "  rules: [{name: all, " READS ", backendRefs: [{" V1
                         ", port: 80}], filters: [" MIRROR(V1) "]}]\n" SHOP_V1,
         LIVE_TOO("spec.rules[0].filters[0].requestMirror.backendRef")},
        {EDGE ROUTE("r") "  rules: [{name: all, " READS ", backendRefs: [{" V1
                         ", filters: [" MIRROR(V1) "]}]}]\n" SHOP_V1,
         LIVE_TOO("spec.rules[0].backendRefs[0].filters[0].requestMirror.backendRef")},
        /* Copies of what another backend of the rule answers are meant; a backend without a share gets nothing. */
        {EDGE ROUTE("r") "  rules: [{name: all, " READS ", backendRefs: [{" V1
                         "}, {name: shop, port: 80, filters: [" MIRROR(V1) "]}]}]\n" SHOP_V1,
         ""},
        {EDGE ROUTE("r") "  rules: [{name: all, " READS ", backendRefs: [{" V1
                         ", weight: 0}, {name: shop, port: 80}], filters: [" MIRROR(V1) "]}]\n" SHOP_V1,
         ""},
        /* So is a shadow that is live elsewhere. */
        {EDGE ROUTE("r") "  rules: [{name: all, " READS ", " TO_SHOP ", filters: [" MIRROR(
             V1) "]}, {name: next, matches: [{path: {value: /next}}], backendRefs: [{" V1 "}]}]\n" SHOP_V1,
         ""},
    };
    ASSERT_CASES(cases, said);
}

static void test_two_mirrors_to_one_backend_are_said_where_they_see_the_same_requests(void **state)
{
    (void)state;
#define TWICE(where) \
    "warning HTTPRoute/r: " where ": another mirror of this rule leads to default/v2:80 too, so it gets some copies " \
    "twice; take one out"
#define V2 MIRROR("name: v2, port: 80")
    static const struct compile_case cases[] = {
        {RULE(V2 ", " V2), TWICE("spec.rules[0].filters[1].requestMirror.backendRef")},
        {EDGE ROUTE("r") "  rules: [{name: all, " READS ", filters: [" V2
                         "], backendRefs: [{name: shop, port: 80, filters: "
                         "[" V2 "]}]}]\n",
         TWICE("spec.rules[0].backendRefs[0].filters[0].requestMirror.backendRef")},
        {EDGE ROUTE("r") "  rules: [{name: all, " READS ", backendRefs: [{name: shop, port: 80, filters: [" V2
                         "]}, {name: other, port: 80, filters: [" V2 "]}]}]\n",
         ""},
    };
    ASSERT_CASES(cases, said);
}

static void test_mirror_of_a_rule_that_redirects_is_said(void **state)
{
    (void)state;
    assert_compiles_to(
        EDGE ROUTE("r") "  rules: [{name: all, " READS ", filters: [{type: RequestRedirect, "
                        "requestRedirect: {hostname: x.test}}, " MIRROR("name: v2, port: 80") "]}]\n",
        NULL, said,
        "warning HTTPRoute/r: spec.rules[0].filters[1].requestMirror.backendRef: the rule answers with a "
        "redirect itself, and such requests are not copied; take the mirror out");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_percent_and_fraction_become_shares),
        cmocka_unit_test(test_every_mirror_of_a_rule_and_its_backends_is_made),
        cmocka_unit_test(test_further_mirrors_to_one_backend_are_numbered),
        cmocka_unit_test(test_mirror_that_leads_nowhere_is_dropped_alone),
        cmocka_unit_test(test_mirrors_of_a_backend_that_is_not_there_are_none),
        cmocka_unit_test(test_copies_to_other_namespaces_need_a_grant_in_a_cluster),
        cmocka_unit_test(test_credentials_stay_in_their_namespace_in_a_cluster),
        cmocka_unit_test(test_copied_writes_are_said),
        cmocka_unit_test(test_rules_with_mirrors_want_a_name),
        cmocka_unit_test(test_shadows_at_own_listeners_are_said),
        cmocka_unit_test(test_shadow_that_is_live_in_the_same_rule_is_said),
        cmocka_unit_test(test_two_mirrors_to_one_backend_are_said_where_they_see_the_same_requests),
        cmocka_unit_test(test_mirror_of_a_rule_that_redirects_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
