/* SPDX-License-Identifier: Apache-2.0 */
#include "compile_text.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define TO_SHOP "backendRefs: [{name: shop, port: 80}]"
#define RULES(rules) EDGE ROUTE("r") "  rules:\n" rules

static void test_labels_are_the_rules_names_else_their_places(void **state)
{
    (void)state;
    static const struct compile_case cases[] = {
        {RULES("  - {" TO_SHOP "}\n  - {name: cart, matches: [{path: {value: /cart}}], " TO_SHOP "}\n"),
         "default/r#0: / -> default/shop:80*1\ndefault/r#cart: /cart -> default/shop:80*1"},
        /* A name that is another rule's place would be its label too. */
        {RULES("  - {name: '1', matches: [{path: {value: /a}}], " TO_SHOP "}\n  - {" TO_SHOP "}\n"),
         "default/r#0: /a -> default/shop:80*1\ndefault/r#1: / -> default/shop:80*1"},
        {RULES("  - {name: '404', " TO_SHOP "}\n"), "default/r#404: / -> default/shop:80*1"},
    };
    ASSERT_CASES(cases, routes_text);
}

static void test_matches_are_taken_over_with_their_defaults(void **state)
{
    (void)state;
    static const struct compile_case cases[] = {
        {RULES("  - {name: a, " TO_SHOP "}\n"), "default/r#a: / -> default/shop:80*1"},
        {RULES("  - {name: a, matches: [], " TO_SHOP "}\n"), "default/r#a: / -> default/shop:80*1"},
        {RULES("  - {name: a, matches: [{path: {type: Exact, value: /x}}, {path: {type: RegularExpression, value: "
               "/y.*}}, "
               "{path: {value: /z}, method: POST}, {method: GET}], " TO_SHOP "}\n"),
         "default/r#a: =/x ~/y.* /z[POST] /[GET] -> default/shop:80*1"},
        {RULES(
             "  - {name: a, matches: [{path: {value: /%7Ea/%c3%a4/%41}}, {path: {type: Exact, value: /%7ea}}], " TO_SHOP
             "}\n"),
         "default/r#a: /~a/%C3%A4/A =/~a -> default/shop:80*1"},
        {RULES(
             "  - {name: a, matches: [{headers: [{name: v, value: a}, {name: w, type: RegularExpression, value: b+}], "
             "queryParams: [{name: q, value: c}]}], " TO_SHOP "}\n"),
         "default/r#a: /[v=a][w~b+][?q=c] -> default/shop:80*1"},
    };
    ASSERT_CASES(cases, routes_text);
}

static void test_of_conditions_on_one_name_the_first_counts(void **state)
{
    (void)state;
    assert_compiles_to(
        RULES("  - {name: a, matches: [{headers: [{name: v, value: a}, {name: V, value: b}], queryParams: "
              "[{name: v, value: c}, {name: V, value: d}]}], " TO_SHOP "}\n"),
        NULL, routes_text, "default/r#a: /[v=a][?v=c][?V=d] -> default/shop:80*1");
}

static void test_filters_become_actions(void **state)
{
    (void)state;
    static const struct compile_case cases[] = {
        {RULES("  - name: a\n    " TO_SHOP "\n    filters:\n"
               "    - {type: RequestHeaderModifier, requestHeaderModifier: {add: [{name: b, value: '2'}], set: [{name: "
               "a, "
               "value: '1'}], remove: [c]}}\n"
               "    - {type: ResponseHeaderModifier, responseHeaderModifier: {remove: [server]}}\n"
               "    - {type: URLRewrite, urlRewrite: {hostname: in.test, path: {type: ReplacePrefixMatch, "
               "replacePrefixMatch: /b}}}\n"),
         "default/r#a: / request-set(a=1) request-add(b=2) request-remove(c=) response-remove(server=) rewrite(in.test "
         "prefix=/b) -> default/shop:80*1"},
        {RULES(
             "  - name: a\n    filters:\n"
             "    - {type: RequestRedirect, requestRedirect: {scheme: https, hostname: x.test, port: 8443, statusCode: "
             "301, path: {type: ReplaceFullPath, replaceFullPath: /n}}}\n"),
         "default/r#a: / redirect(301 https x.test 8443 full=/n) ->"},
        {RULES("  - name: a\n    filters: [{type: RequestRedirect, requestRedirect: {hostname: x.test}}]\n"),
         "default/r#a: / redirect(302  x.test 0) ->"},
        {RULES("  - name: a\n    " TO_SHOP "\n    filters:\n"
               "    - {type: CORS, cors: {allowOrigins: ['https://a.test'], allowMethods: [GET, PUT], allowHeaders: "
               "[x-a], "
               "exposeHeaders: [x-b], allowCredentials: true, maxAge: 60}}\n"),
         "default/r#a: / cors(60s cred origin=https://a.test method=GET method=PUT header=x-a expose=x-b) -> "
         "default/shop:80*1"},
        {RULES("  - name: a\n    backendRefs:\n    - name: shop\n      port: 80\n      weight: 9\n      filters:\n"
               "      - {type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: to, value: shop}]}}\n"
               "    - {name: other, port: 81}\n"),
         "default/r#a: / -> default/shop:80*9 request-set(to=shop) default/other:81*1"},
    };
    ASSERT_CASES(cases, routes_text);
}

static void test_edits_of_fields_that_no_rule_may_touch_are_said(void **state)
{
    (void)state;
    assert_compiles_to(
        RULES("  - name: a\n    " TO_SHOP "\n    filters:\n"
              "    - {type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: X-A, value: a}, {name: host, "
              "value: b}], remove: [Connection]}}\n"
              "    - {type: ResponseHeaderModifier, responseHeaderModifier: {add: [{name: Content-Length, value: "
              "'1'}]}}\n"),
        NULL, said,
        "warning UnsupportedValue HTTPRoute/r: spec.rules[0].filters[0].requestHeaderModifier.set: host stays as it "
        "is, "
        "because it is the request's host; use a URLRewrite with a hostname\n"
        "warning UnsupportedValue HTTPRoute/r: spec.rules[0].filters[0].requestHeaderModifier.remove: Connection stays "
        "as it is, because it belongs to a connection or says where a message ends; take it out here\n"
        "warning UnsupportedValue HTTPRoute/r: spec.rules[0].filters[1].responseHeaderModifier.add: Content-Length "
        "stays as it is, because it belongs to a connection or says where a message ends; take it out here");
}

static void test_unknown_filter_of_a_rule_turns_all_of_it_into_500(void **state)
{
    (void)state;
    const char *yaml = RULES("  - name: a\n    matches: [{path: {value: /a}}]\n    " TO_SHOP "\n    filters:\n"
                             "    - {type: RequestHeaderModifier, requestHeaderModifier: {remove: [authorization]}}\n"
                             "    - {type: ExtensionRef, extensionRef: {group: example.com, kind: Auth, name: x}}\n"
                             "    - {type: RequestMirror, requestMirror: {backendRef: {name: shadow, port: 80}}}\n"
                             "  - {name: b, " TO_SHOP "}\n");
    assert_compiles_to(yaml, NULL, routes_text, "default/r#a: /a ->\ndefault/r#b: / -> default/shop:80*1");
    assert_compiles_to(yaml, NULL, mirrors_text, "");
    assert_compiles_to(
        yaml, NULL, said,
        "error UnsupportedValue HTTPRoute/r: spec.rules[0].filters[1]: no filter of kind Auth (group "
        "\"example.com\") is known here; its requests get 500 until the filter is taken out, since to go on "
        "without it could do harm");
}

static void test_unknown_filter_of_a_backend_turns_its_share_into_500(void **state)
{
    (void)state;
    assert_compiles_to(RULES("  - name: a\n    backendRefs:\n    - name: shop\n      port: 80\n      weight: 9\n"
                             "      filters:\n"
                             "      - {type: RequestHeaderModifier, requestHeaderModifier: {remove: [a]}}\n"
                             "      - {type: ExtensionRef, extensionRef: {group: example.com, kind: Auth, name: x}}\n"
                             "    - {name: other, port: 81}\n"),
                       NULL, routes_text, "default/r#a: / -> 500*9 default/other:81*1");
}

static void test_rules_that_nobody_answers_are_in_force_and_said(void **state)
{
    (void)state;
    static const struct compile_case cases[] = {
        {RULES("  - {name: a}\n"), "warning HTTPRoute/r: spec.rules[0].backendRefs: nobody is named to answer, so this "
                                   "rule's requests get 500; add "
                                   "backendRefs, or a redirect"},
        {RULES("  - {name: a, backendRefs: []}\n"), "warning HTTPRoute/r: spec.rules[0].backendRefs: nobody is named "
                                                    "to answer, so this rule's requests get 500; add "
                                                    "backendRefs, or a redirect"},
        {RULES("  - {name: a, backendRefs: [{name: shop, port: 80, weight: 0}]}\n"),
         "warning HTTPRoute/r: spec.rules[0].backendRefs: all weights are 0, so this rule's requests get 500; give one "
         "of "
         "them a weight"},
        {EDGE ROUTE("r"),
         "warning HTTPRoute/r: spec.backendRefs: nobody is named to answer, so this rule's requests get 500; add "
         "backendRefs, or a redirect"},
    };
    ASSERT_CASES(cases, said);
    assert_compiles_to(RULES("  - {name: a}\n"), NULL, routes_text, "default/r#a: / ->");
    assert_compiles_to(RULES("  - {name: a, backendRefs: [{name: shop, port: 80, weight: 0}]}\n"), NULL, routes_text,
                       "default/r#a: / -> default/shop:80*0");
}

static void test_timeouts_and_retries_are_taken_over(void **state)
{
    (void)state;
    static const struct compile_case cases[] = {
        {RULES("  - {name: a, timeouts: {request: 10s, backendRequest: 1500ms}, " TO_SHOP "}\n"),
         "default/r#a: / timeouts(10000 1500) -> default/shop:80*1"},
        {RULES("  - {name: a, timeouts: {request: 0s}, " TO_SHOP "}\n"), "default/r#a: / -> default/shop:80*1"},
        {RULES("  - {name: a, retry: {codes: [500, 503], attempts: 3, backoff: 100ms}, " TO_SHOP "}\n"),
         "default/r#a: / retry(3 after 100 500 503) -> default/shop:80*1"},
        {RULES("  - {name: a, retry: {}, " TO_SHOP "}\n"), "default/r#a: / retry(1 after 25) -> default/shop:80*1"},
    };
    ASSERT_CASES(cases, routes_text);
}

static void test_a_match_that_an_earlier_rule_takes_is_said(void **state)
{
    (void)state;
    static const struct compile_case cases[] = {
        {RULES("  - {name: a, " TO_SHOP "}\n") "---\n" ROUTE("s") "  rules: [{name: b, " TO_SHOP "}]\n",
         "warning HTTPRoute/s: spec.rules[0]: this is never reached: rule default/r#a has the same match for the same "
         "hosts "
         "and comes first, by age, name or place; take one out"},
        {RULES("  - {name: a, matches: [{path: {value: /x}}], " TO_SHOP "}\n"
               "  - {name: b, matches: [{path: {value: /y}}, {path: {value: /x/}}], " TO_SHOP "}\n"),
         "warning HTTPRoute/r: spec.rules[1].matches[1]: this is never reached: rule default/r#a has the same match "
         "for the "
         "same hosts and comes first, by age, name or place; take one out"},
        /* It is reached by another host, method, header or kind of path. */
        {RULES("  - {name: a, " TO_SHOP "}\n") "---\n" ROUTE("s") "  hostnames: [a.test]\n"
                                                                  "  rules: [{name: b, " TO_SHOP "}]\n",
         ""},
        {RULES("  - {name: a, matches: [{path: {value: /x}}, {path: {value: /x, type: Exact}}, {path: {value: /x}, "
               "method: "
               "GET}, {path: {value: /x}, headers: [{name: a, value: b}]}, {path: {value: /x}, headers: [{name: a, "
               "value: "
               "c}]}], " TO_SHOP "}\n"),
         ""},
    };
    ASSERT_CASES(cases, said);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_labels_are_the_rules_names_else_their_places),
        cmocka_unit_test(test_matches_are_taken_over_with_their_defaults),
        cmocka_unit_test(test_of_conditions_on_one_name_the_first_counts),
        cmocka_unit_test(test_filters_become_actions),
        cmocka_unit_test(test_edits_of_fields_that_no_rule_may_touch_are_said),
        cmocka_unit_test(test_unknown_filter_of_a_rule_turns_all_of_it_into_500),
        cmocka_unit_test(test_unknown_filter_of_a_backend_turns_its_share_into_500),
        cmocka_unit_test(test_rules_that_nobody_answers_are_in_force_and_said),
        cmocka_unit_test(test_timeouts_and_retries_are_taken_over),
        cmocka_unit_test(test_a_match_that_an_earlier_rule_takes_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
