/* SPDX-License-Identifier: Apache-2.0 */
/* What a GRPCRoute says differently from an HTTPRoute, each rule of its CRD broken and kept. */
#include "load.h"

#include "manifest/grpc_route.h"

#include <stdio.h>
#include <string.h>

static struct manifests *load_spec(const char *spec)
{
    static char text[16384];
    snprintf(text, sizeof(text),
             "apiVersion: gateway.networking.k8s.io/v1\nkind: GRPCRoute\nmetadata: {name: a}\nspec: {%s}\n", spec);
    return load_text(text);
}

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define METHOD(fields) "rules: [{matches: [{method: {" fields "}}]}]"
#define METHOD_AT "spec.rules[0].matches[0].method"
#define FILTERS(list) "rules: [{filters: [" list "]}]"
#define BACKEND_FILTERS(list) "rules: [{backendRefs: [{name: b, port: 80, filters: [" list "]}]}]"
#define TWICE(type, member) "{type: " type ", " member ": {}}, {type: " type ", " member ": {}}"

static void test_rules_of_the_crd_that_are_broken_are_errors(void **state)
{
    (void)state;
    static const struct {
        const char *spec, *field, *says;
    } breaches[] = {
        {METHOD("type: Exact"), METHOD_AT, "has neither service nor method"},
        {METHOD(""), METHOD_AT, "has neither service nor method"},
        {METHOD("type: RegularExpression"), METHOD_AT, "has neither service nor method"},
        {METHOD("service: shop/Cart"), METHOD_AT ".service", "is no name of a service"},
        {METHOD("service: ''"), METHOD_AT ".service", "is no name of a service"},
        {METHOD("service: shop..Cart"), METHOD_AT ".service", "is no name of a service"},
        {METHOD("service: shop.Cart."), METHOD_AT ".service", "is no name of a service"},
        {METHOD("service: shop.1Cart"), METHOD_AT ".service", "is no name of a service"},
        {METHOD("service: ..Cart"), METHOD_AT ".service", "is no name of a service"},
        {METHOD("method: Get.Cart"), METHOD_AT ".method", "is no name of a method"},
        {METHOD("method: /Get"), METHOD_AT ".method", "is no name of a method"},
        {METHOD("method: 1Get"), METHOD_AT ".method", "is no name of a method"},
        {METHOD("type: Prefix, method: Get"), METHOD_AT ".type", "Prefix"},
        {METHOD("type: RegularExpression, service: 'a(b'"), METHOD_AT ".service", "is no valid regular expression"},
        {METHOD("type: RegularExpression, service: a, method: '*'"), METHOD_AT ".method",
         "is no valid regular expression"},
        {METHOD("type: RegularExpression, service: '(?x)a # b'"), METHOD_AT, "is no valid regular expression"},
        {"rules: [{matches: [{path: {value: /a}}]}]", "spec.rules[0].matches[0].path", "path"},
        {"rules: [{timeouts: {request: 1s}}]", "spec.rules[0].timeouts", "timeouts"},
        {FILTERS("{type: URLRewrite}"), "spec.rules[0].filters[0].type", "URLRewrite"},
        {FILTERS("{type: RequestRedirect}"), "spec.rules[0].filters[0].type", "RequestRedirect"},
        {FILTERS("{type: RequestMirror}"), "spec.rules[0].filters[0].requestMirror", "add it"},
        {FILTERS("{type: RequestMirror, requestMirror: {backendRef: {name: s}}}"),
         "spec.rules[0].filters[0].requestMirror.backendRef.port", "a Service needs a port"},
        {FILTERS(
             "{type: RequestMirror, requestMirror: {backendRef: {name: s, port: 1}}, extensionRef: {group: g, kind: "
             "K, name: x}}"),
         "spec.rules[0].filters[0].extensionRef", "is for the type ExtensionRef"},
        {FILTERS(TWICE("RequestHeaderModifier", "requestHeaderModifier")), "spec.rules[0].filters[1]", "is the second"},
        {BACKEND_FILTERS(TWICE("ResponseHeaderModifier", "responseHeaderModifier")),
         "spec.rules[0].backendRefs[0].filters[1]", "is the second"},
        {"rules: [{backendRefs: [{name: b}]}]", "spec.rules[0].backendRefs[0].port", "a Service needs a port"},
        {"parentRefs: [{name: g}, {name: g, sectionName: a}]", "spec.parentRefs[1]", "one of them a sectionName"},
    };
    for (size_t i = 0; i < COUNT(breaches); i++) {
        struct manifests *manifests = load_spec(breaches[i].spec);
        char field[256];
        snprintf(field, sizeof(field), ": GRPCRoute/a: %s: ", breaches[i].field);
        if (manifests->problems.errors == 0)
            fail_msg("%s is accepted", breaches[i].spec);
        load_assert_one(manifests, SEVERITY_ERROR, (const char *const[]){field, breaches[i].says, NULL});
        assert_null(manifests->resources[0].object);
        manifests_unref(manifests);
    }
}

static void test_what_the_crd_allows_is_accepted(void **state)
{
    (void)state;
    static const char *const specs[] = {
        "",
        "hostnames: [a.example]",
        "rules: []",
        "rules: [{}]",
        "rules: [{matches: [{}]}]",
        METHOD("service: grpc.health.v1.Health"),
        METHOD("service: .Shop"),
        METHOD("service: SHOP_2.V1.cart_"),
        METHOD("method: _Get2"),
        METHOD("type: Exact, service: a, method: B"),
        METHOD("type: RegularExpression, service: 'shop\\..*', method: 'Get|List'"),
        METHOD("type: RegularExpression, service: '', method: 'Get|List'"),
        "rules: [{matches: [{headers: [{name: v, value: a}, {name: w, value: 'b+', type: RegularExpression}]}]}]",
        BACKEND_FILTERS("{type: RequestMirror, requestMirror: {backendRef: {name: s, port: 80}, percent: 5}}"),
        "rules: [{name: cart, sessionPersistence: {sessionName: a}}]",
    };
    for (size_t i = 0; i < COUNT(specs); i++) {
        struct manifests *manifests = load_spec(specs[i]);
        if (manifests->problems.errors > 0)
            fail_msg("%s:\n%s", specs[i], load_problems(manifests));
        assert_non_null(manifests->resources[0].object);
        manifests_unref(manifests);
    }
}

static void test_a_pattern_is_for_the_whole_path(void **state)
{
    (void)state;
    static const struct {
        struct grpc_method_match match;
        const char *pattern;
    } cases[] = {
        {{.type = {.value = VALUE_EXACT}, .method = STR_INIT("Get")}, "/[^/]+/Get"},
        {{.type = {.value = VALUE_EXACT}, .service = STR_INIT("a.B"), .method = STR_INIT("Get")}, "/a\\.B/Get"},
        {{.type = {.value = VALUE_REGEX}, .service = STR_INIT("a|b")}, "/(?:a|b)/(?:[^/]+)"},
        {{.type = {.value = VALUE_REGEX}, .method = STR_INIT("G.*")}, "/(?:[^/]+)/(?:G.*)"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct strbuf pattern = STRBUF_INIT;
        grpc_path_pattern(&cases[i].match, &pattern);
        assert_true(str_eq(strbuf_str(&pattern), str_from_c(cases[i].pattern)));
        strbuf_deinit(&pattern);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules_of_the_crd_that_are_broken_are_errors),
        cmocka_unit_test(test_what_the_crd_allows_is_accepted),
        cmocka_unit_test(test_a_pattern_is_for_the_whole_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
