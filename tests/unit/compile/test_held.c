/* SPDX-License-Identifier: Apache-2.0 */
#include "compile_text.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define SHOP(name) \
    ROUTE(name) \
    "  rules: [{name: all, matches: [{method: GET, path: {value: /" name \
    "}}], backendRefs: [{name: shop, port: 80}], filters: [{type: " \
    "RequestMirror, requestMirror: {backendRef: {name: v2, port: 80}}}]}]\n---\n"
#define MIRRORS(r, s) "default/r#all -> default/v2:80: 1/1" r "\ndefault/s#all -> default/v2:80: 1/1" s
#define SAID(policy, route) \
    "warning Invalid MirrorPolicy/" policy ": until this is mended, nothing is copied where the policy counts " \
    "(HTTPRoute default/" route ", to begin with), since it may keep something from the shadows"

/* What can't be read is left as it is; `said` of reading is not looked at. */
static void assert_held(const char *policies, const char *mirrors, const char *problems)
{
    struct strbuf yaml = STRBUF_INIT;
    struct compile_text result = {.manifests = manifests_new()};
    struct compile_options options = {0};
    strbuf_printf(&yaml, "%s%s%s%s", EDGE, SHOP("r"), SHOP("s"), policies);
    manifests_read(result.manifests, STR("rules.yaml"), strbuf_str(&yaml));
    result.compiled = compile(result.manifests, &options);
    assert_string_equal(mirrors_text(&result), mirrors);
    assert_string_equal(said(&result), problems);
    compile_text_free(&result);
    strbuf_deinit(&yaml);
}

static void test_a_policy_that_cannot_be_read_suspends_the_mirrors_of_its_targets(void **state)
{
    (void)state;
    static const struct {
        const char *policies, *mirrors, *problems;
    } cases[] = {
        {POLICY("name: p", "targetRefs: [{kind: HTTPRoute, name: r}], request: {redakt: {headers: [cookie]}}"),
         MIRRORS(" suspended", ""), SAID("p", "r")},
        {POLICY("name: p", "targetRefs: [{kind: HTTPRoute, name: r, sectionName: other}], methods: [get]"),
         MIRRORS(" suspended", ""), SAID("p", "r")},
        {POLICY("name: p", "targetRefs: [{kind: Gateway, name: edge}], methods: [get]"),
         MIRRORS(" suspended", " suspended"), SAID("p", "r")},
        {POLICY("name: p", "targetRef: [{kind: HTTPRoute, name: r}]"), MIRRORS(" suspended", " suspended"),
         SAID("p", "r")},
        {POLICY("name: p", "targetRefs: [{kind: HTTPRoute, name: s}, 7]"), MIRRORS(" suspended", " suspended"),
         SAID("p", "r")},
        {POLICY("name: p, namespace: elsewhere", "targetRefs: [{kind: HTTPRoute, name: r}], methods: [get]"),
         MIRRORS("", ""), ""},
        {POLICY("name: p", "targetRefs: [{kind: HTTPRoute, name: nobody}], methods: [get]"), MIRRORS("", ""), ""},
        {POLICY("name: p", "targetRefs: [{kind: HTTPRoute, name: r}], methods: [GET]"), MIRRORS(" methods=2", ""), ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_held(cases[i].policies, cases[i].mirrors, cases[i].problems);
}

static void test_a_document_that_breaks_off_suspends_too(void **state)
{
    (void)state;
    assert_held("apiVersion: umbra.dev/v1alpha1\nkind: MirrorPolicy\nmetadata:\n  name: p\nspec:\n  targetRefs: [{\n",
                MIRRORS(" suspended", " suspended"), SAID("p", "r"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_policy_that_cannot_be_read_suspends_the_mirrors_of_its_targets),
        cmocka_unit_test(test_a_document_that_breaks_off_suspends_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
