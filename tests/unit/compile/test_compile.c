/* SPDX-License-Identifier: Apache-2.0 */
#include "compile_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

#define RULE(rest) \
    "  rules: [{name: all, matches: [{method: GET}], backendRefs: [{name: shop, port: 80}]" rest "}]\n---\n"
#define MIRRORED RULE(", filters: [{type: RequestMirror, requestMirror: {backendRef: {name: v2, port: 80}}}]")
#define SUSPENDED(route) POLICY("name: p", "targetRefs: [{kind: HTTPRoute, name: " route "}], suspend: true")

/* Reading may have found errors here. */
static struct compiled *compile_text(const char *yaml)
{
    static const struct compile_options plain = {0};
    struct manifests *manifests = manifests_new();
    manifests_read(manifests, STR("a.yaml"), str_from_c(yaml));
    struct compiled *compiled = compile(manifests, &plain);
    manifests_unref(manifests);
    return compiled;
}

static void test_counts_are_of_routes_mirrored_routes_and_resources_with_problems(void **state)
{
    (void)state;
    struct compiled *compiled = compile_text(
        EDGE ROUTE("plain") RULE("") ROUTE("mirrored") "  hostnames: [a.test]\n" MIRRORED ROUTE(
            "suspended") "  hostnames: "
                         "[b.test]\n" MIRRORED ROUTE(
                             "misspelt") "  hostname: [c.test]\n" MIRRORED
                                         "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: "
                                         "lost}\nspec:\n  parentRefs: [{name: "
                                         "nowhere}, {name: neither}]\n" MIRRORED SUSPENDED("suspended"));
    assert_int_equal(compiled->routes, 5);
    assert_int_equal(compiled->mirrored, 1);
    /* "misspelt" by reading, "lost" by compiling, once each. */
    assert_int_equal(compiled->attention, 2);
    assert_int_equal(compiled->rules.route_count, 3);
    assert_int_equal(compiled->problems.errors, 2);
    compiled_free(compiled);
}

static void test_notes_need_no_attention(void **state)
{
    (void)state;
    struct compiled *compiled = compile_text(
        GATEWAY_OBJECT("GatewayClass", "name: umbra", "controllerName: example.com/other") EDGE);
    assert_int_equal(compiled->problems.count, 1);
    assert_int_equal(compiled->attention, 0);
    compiled_free(compiled);
}

static void assert_said(const char *yaml, const char *want)
{
    struct compiled *compiled = compile_text(yaml);
    struct strbuf text = STRBUF_INIT;
    for (size_t i = 0; i < compiled->problems.count; i++) {
        const struct problem *problem = &compiled->problems.list[i];
        strbuf_printf(&text, "%d %.*s: %.*s\n", (int)problem->severity, STR_ARG(problem->name), STR_ARG(problem->text));
    }
    assert_string_equal(text.ptr ? text.ptr : "", want);
    strbuf_deinit(&text);
    compiled_free(compiled);
}

#define BAD_GATEWAY \
    GATEWAY_OBJECT("Gateway", "name: edge", \
                   "gatewayClassName: umbra, listeners: [{name: http, protocol: HTTP, port: eighty}]")
#define REF(name) "{group: umbra.dev, kind: Backend, name: " name "}"
#define MIRROR_RULE(live, shadow) \
    "  rules: [{backendRefs: [" REF(live) "], filters: [{type: RequestMirror, requestMirror: {backendRef: " REF( \
        shadow) "}}], name: all}]\n---\n"

static void test_what_follows_from_a_bad_resource_is_noted_once(void **state)
{
    (void)state;
    assert_said(BAD_GATEWAY ROUTE("r") RULE("") ROUTE("s") RULE(""),
                "2 r: Gateway default/edge has an error and is left out, so nothing comes in by it\n");
    assert_said(EDGE ROUTE("r") MIRROR_RULE("v", "w") ROUTE("s") "  hostnames: [s.test]\n" MIRROR_RULE("v", "w")
                    BACKEND("name: v", "endpoints: [7]") BACKEND("name: w", "endpoint: []"),
                "2 r: Backend default/v has an error and is left out, so its share of requests gets 500\n"
                "2 r: Backend default/w has an error and is left out, so nothing is copied to it\n");
    struct compiled *compiled = compile_text(BAD_GATEWAY ROUTE("r") RULE(""));
    assert_int_equal(compiled->attention, 1);
    compiled_free(compiled);
}

#define FOR_ROUTE(name) POLICY("name: p", "targetRefs: [{kind: HTTPRoute, name: " name "}], methods: [GET]")

static void test_policies_of_what_is_wrong_elsewhere_are_not_complained_of(void **state)
{
    (void)state;
    static const char *const routes[] = {
        EDGE ROUTE("r") "  rule: []\n",                         /* bad */
        EDGE ROUTE("r") "  rules: [\n",                         /* no YAML */
        EDGE "kind: HTTPRoute\nmetadata: {nam: r}\nspec: {}\n", /* without a name */
        EDGE "apiVersion: v1\nmetadata: {name: r}\n",           /* without a kind */
        EDGE ROUTE("r") MIRROR_RULE("v", "nobody") BACKEND("name: v", "endpoints: [{host: v.test, port: 80}]"),
    };
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        struct strbuf yaml = STRBUF_INIT;
        strbuf_printf(&yaml, "%s%s", routes[i], FOR_ROUTE("r"));
        struct compiled *compiled = compile_text(yaml.ptr);
        for (size_t j = 0; j < compiled->problems.count; j++)
            assert_false(str_eq(compiled->problems.list[j].kind, STR("MirrorPolicy")));
        compiled_free(compiled);
        strbuf_deinit(&yaml);
    }
    assert_said(EDGE ROUTE("r") "  rule: []\n" FOR_ROUTE("x"),
                "1 p: there is no HTTPRoute x in namespace default, so the policy has no effect there; there is no "
                "HTTPRoute at all\n");
}

static void test_nothing_compiles_to_nothing(void **state)
{
    (void)state;
    struct compiled *compiled = compile_text("");
    assert_int_equal(compiled->rules.route_count, 0);
    assert_int_equal(compiled->rules.listener_count, 0);
    assert_int_equal(compiled->attention, 0);
    compiled_free(compiled);
    compiled_free(NULL);
}

static void test_rules_can_be_made_a_plan(void **state)
{
    (void)state;
    struct compiled *compiled = compile_text(EDGE ROUTE("r") "  hostnames: [a.test, '*.b.test']\n" MIRRORED POLICY(
        "name: p", "targetRefs: [{kind: HTTPRoute, name: r}], sources: [10.0.0.0/8], sampling: {mode: Hash, key: "
                   "{header: x}}, request: {redact: {cookies: [a]}, headers: {remove: [b]}}"));
    struct err err;
    int fd = plan_build(&compiled->rules, &err);
    if (fd < 0)
        fail_msg("%s", err.text);
    close(fd);
    compiled_free(compiled);
}

static void test_guesses_end_where_they_would_cost_too_much(void **state)
{
    (void)state;
    struct strbuf yaml = STRBUF_INIT;
    strbuf_add(&yaml, STR(EDGE));
    /* 400 routes miss 400 Backends each: more candidates than guesses may look at. */
    for (int i = 0; i < 400; i++)
        strbuf_printf(&yaml,
                      ROUTE("r%d") "  rules: [{name: all, backendRefs: [{group: umbra.dev, kind: Backend, name: "
                                   "gone-%d}]}]\n" BACKEND("name: there-%d", "endpoints: [{host: b, port: 1}]") "---\n",
                      i, i, i);
    struct compiled *compiled = compile_text(yaml.ptr);
    size_t hints = 0, bare = 0;
    for (size_t i = 0; i < compiled->problems.count; i++) {
        struct str text = compiled->problems.list[i].text;
        bool is_missing = str_starts_with(text, STR("there is no Backend default/gone-"));
        bool is_bare = str_ends_with(text, STR("so its share of requests gets 500"));
        hints += is_missing && !is_bare;
        bare += is_missing && is_bare;
    }
    assert_int_equal(hints + bare, 400);
    assert_int_equal(hints, 125);
    compiled_free(compiled);
    strbuf_deinit(&yaml);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts_are_of_routes_mirrored_routes_and_resources_with_problems),
        cmocka_unit_test(test_notes_need_no_attention),
        cmocka_unit_test(test_what_follows_from_a_bad_resource_is_noted_once),
        cmocka_unit_test(test_policies_of_what_is_wrong_elsewhere_are_not_complained_of),
        cmocka_unit_test(test_nothing_compiles_to_nothing),
        cmocka_unit_test(test_rules_can_be_made_a_plan),
        cmocka_unit_test(test_guesses_end_where_they_would_cost_too_much),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
