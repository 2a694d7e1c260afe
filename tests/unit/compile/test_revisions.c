/* SPDX-License-Identifier: Apache-2.0 */
#include "compile_text.h"
#include "tls_samples.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define TO(ref) EDGE ROUTE("r") "  rules: [{name: all, backendRefs: [{" ref "}]}]\n"
#define TO_BACKEND TO("group: umbra.dev, kind: Backend, name: shop")
#define SHOP(spec) BACKEND("name: shop", spec)
#define SERVICE(meta) "---\napiVersion: v1\nkind: Service\nmetadata: {" meta "}\nspec: {ports: [{port: 80}]}\n"
#define SLICE(name, address) \
    "---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: " name \
    ", labels: {kubernetes.io/service-name: shop}}\naddressType: IPv4\nports: [{port: 3000}]\nendpoints: " \
    "[{addresses: [" address "]}]\n"

/* Into a buffer that the next calls leave alone. */
static const char *revisions(const char *yaml, const struct compile_options *options)
{
    static char texts[8][256];
    static size_t next;
    char *text = texts[next++ % 8];
    struct compile_text result = compile_yaml(yaml, options);
    snprintf(text, sizeof(texts[0]), "%s", revisions_text(&result));
    compile_text_free(&result);
    return text;
}

static void test_an_annotation_says_it(void **state)
{
    (void)state;
    assert_compiles_to(
        TO_BACKEND BACKEND("name: shop, annotations: {umbra.dev/revision: v1.2+g7}", "endpoints: [{host: a, port: 1}]"),
        NULL, revisions_text, "default/shop v1.2+g7");
    assert_compiles_to(TO("name: shop, port: 80") SERVICE("name: shop, annotations: {umbra.dev/revision: 'sha256:1f'}"),
                       NULL, revisions_text, "default/shop:80 sha256:1f");
}

static void test_a_wrong_annotation_is_said_and_does_not_count(void **state)
{
    (void)state;
#define WRONG(text) \
    TO_BACKEND BACKEND("name: shop, annotations: {umbra.dev/revision: '" text "'}", "endpoints: [{host: a, port: 1}]")
    static const char *const wrong[] = {
        WRONG(""),      WRONG("a b"), WRONG("a\"b"),
        WRONG("größe"), WRONG("~1f"), WRONG("1234567890123456789012345678901234567890123456789012345678901234"),
    };
    const char *plain = revisions(TO_BACKEND SHOP("endpoints: [{host: a, port: 1}]"), NULL);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_compiles_to(wrong[i], NULL, said,
                           "warning Backend/shop: metadata.annotations[\"umbra.dev/revision\"]: a revision has 1 to 63 "
                           "visible characters without quotes, backslashes and ~; this one does not count");
        assert_compiles_to(wrong[i], NULL, revisions_text, plain);
    }
}

static void test_without_one_it_is_eight_digits_that_never_change(void **state)
{
    (void)state;
    /* The very digits: verdicts of an older run must be found again. */
    assert_compiles_to(TO_BACKEND SHOP("endpoints: [{host: 127.0.0.1, port: 3000}]"), NULL, revisions_text,
                       "default/shop ~c3c3b277");
}

/* The system's authorities. YAML wants "\\n" in two characters, a file does not. */
static bool find_file(const void *files, struct str path, struct compile_file *file)
{
    static char text[sizeof(SHOP_CRT)];
    size_t len = 0;
    (void)files, (void)path;
    for (const char *c = SHOP_CRT; *c; c++)
        text[len++] = c[0] == '\\' && c[1] == 'n' ? (c++, '\n') : *c;
    *file = (struct compile_file){.text = {text, len}};
    return true;
}

static void test_what_the_backend_is_made_of_changes_it(void **state)
{
    (void)state;
    static const char *const differing[] = {
        TO_BACKEND SHOP("endpoints: [{host: a, port: 1}]"),
        TO_BACKEND SHOP("endpoints: [{host: a, port: 2}]"),
        TO_BACKEND SHOP("endpoints: [{host: b, port: 1}]"),
        TO_BACKEND SHOP("endpoints: [{host: a, port: 1}, {host: b, port: 1}]"),
        TO_BACKEND SHOP("protocol: H2C, endpoints: [{host: a, port: 1}]"),
        TO_BACKEND SHOP("protocol: HTTPS, endpoints: [{host: a, port: 1}], tls: {serverName: x.test}"),
        TO_BACKEND SHOP("protocol: HTTPS, endpoints: [{host: a, port: 1}], tls: {serverName: y.test}"),
        TO_BACKEND BACKEND("name: shop, annotations: {umbra.dev/label: a}", "endpoints: [{host: a, port: 1}]"),
    };
    struct compile_options options = {.find_file = find_file, .system_file = STR("/etc/system.pem")};
    size_t count = sizeof(differing) / sizeof(differing[0]);
    const char *got[8];
    for (size_t i = 0; i < count; i++) {
        got[i] = revisions(differing[i], &options);
        assert_true(strlen(got[i]) > 0);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(got[i], got[k]);
    }
}

static void test_the_order_of_documents_and_endpoints_does_not(void **state)
{
    (void)state;
    assert_string_equal(revisions(TO_BACKEND SHOP("endpoints: [{host: a, port: 1}, {host: b, port: 2}]"), NULL),
                        revisions(TO_BACKEND SHOP("endpoints: [{host: b, port: 2}, {host: a, port: 1}]"), NULL));
    assert_string_equal(revisions(TO("name: shop, port: 80") SERVICE("name: shop") SLICE("s1", "10.0.0.1")
                                      SLICE("s2", "10.0.0.2"),
                                  NULL),
                        revisions(SLICE("s2", "10.0.0.1") SLICE("s1", "10.0.0.2")
                                      SERVICE("name: shop") "---\n" TO("name: shop, port: 80"),
                                  NULL));
}

static void test_pods_that_come_and_go_in_a_cluster_do_not(void **state)
{
    (void)state;
    static const struct compile_options cluster = {.is_cluster = true};
#define CLUSTER \
    GATEWAY_OBJECT("GatewayClass", "name: umbra", "controllerName: " COMPILE_CONTROLLER) \
    TO("name: shop, port: 80") SERVICE("name: shop")
    assert_string_equal(revisions(CLUSTER SLICE("s1", "10.0.0.1"), &cluster),
                        revisions(CLUSTER SLICE("s1", "10.0.0.9"), &cluster));
    assert_string_not_equal(revisions(CLUSTER SLICE("s1", "10.0.0.1"), NULL),
                            revisions(CLUSTER SLICE("s1", "10.0.0.9"), NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_annotation_says_it),
        cmocka_unit_test(test_a_wrong_annotation_is_said_and_does_not_count),
        cmocka_unit_test(test_without_one_it_is_eight_digits_that_never_change),
        cmocka_unit_test(test_what_the_backend_is_made_of_changes_it),
        cmocka_unit_test(test_the_order_of_documents_and_endpoints_does_not),
        cmocka_unit_test(test_pods_that_come_and_go_in_a_cluster_do_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
