/* SPDX-License-Identifier: Apache-2.0 */
/* Loads: which resources a text has, what is said of those that are wrong, and what stays of an older load. */
#include "load.h"

#include "manifest/http_route.h"

#include <stdio.h>
#include <string.h>

#define ROUTE_HEAD(name) "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: " name "}\n"
#define GOOD(name, host) ROUTE_HEAD(name) "spec: {hostnames: [" host "]}\n"
#define BAD(name) ROUTE_HEAD(name) "spec: {hostnames: [a b]}\n"
#define BROKEN(name) ROUTE_HEAD(name) "spec: {hostnames: [a\n"
#define NEXT "---\n"

/* The first hostname of a route in force, or "". */
static struct str host_of(const struct manifests *manifests, const char *name)
{
    const struct resource *resource = manifests_find(manifests, KIND_HTTP_ROUTE, STR("default"), str_from_c(name));
    if (!resource)
        return STR("");
    const struct http_route *route = resource->object;
    return *SCHEMA_ITEM(route->spec->hostnames, struct str, 0);
}

static void assert_host(const struct manifests *manifests, const char *name, const char *host)
{
    struct str is = host_of(manifests, name);
    if (!str_eq(is, str_from_c(host)))
        fail_msg("%s is for \"%.*s\", not \"%s\":\n%s", name, STR_ARG(is), host, load_problems(manifests));
}

/* A reload of one file. */
static struct manifests *reload(struct manifests *before, const char *text)
{
    struct manifests *manifests = load_text(text);
    manifests_keep_last_good(manifests, before);
    manifests_unref(before);
    return manifests;
}

/* ------------------------------------------------------------------------------------------------------ identity */

static void test_resources_are_found_by_kind_namespace_and_name(void **state)
{
    (void)state;
    struct manifests *manifests = load_text(GOOD("a", "x.example") NEXT
                                            "apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n" NEXT
                                            "apiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: b}\n");
    assert_string_equal(load_problems(manifests), "");
    assert_int_equal(manifests->resource_count, 3);
    assert_non_null(manifests_find(manifests, KIND_HTTP_ROUTE, STR("default"), STR("a")));
    assert_non_null(manifests_find(manifests, KIND_NAMESPACE, STR(""), STR("a")));
    assert_non_null(manifests_find(manifests, KIND_SERVICE, STR("b"), STR("a")));
    assert_null(manifests_find(manifests, KIND_SERVICE, STR("default"), STR("a")));
    assert_null(manifests_find(manifests, KIND_NAMESPACE, STR("default"), STR("a")));
    assert_false(manifests_has(manifests, KIND_GATEWAY, STR("default"), STR("a")));
    manifests_unref(manifests);
}

static void test_a_second_resource_of_the_same_name_is_an_error_that_names_the_first(void **state)
{
    (void)state;
    struct manifests *manifests = manifests_new();
    manifests_read(manifests, STR("a.yaml"), STR(GOOD("a", "x.example")));
    manifests_read(manifests, STR("b.yaml"), STR("# second\n" GOOD("a", "y.example")));
    load_assert_one(manifests, SEVERITY_ERROR,
                    (const char *const[]){"b.yaml:4:18: HTTPRoute/a: metadata.name: ", "another", "a.yaml:1", NULL});
    assert_int_equal(manifests->resource_count, 1);
    assert_host(manifests, "a", "x.example");
    manifests_unref(manifests);
}

static void test_names_and_namespaces_are_checked(void **state)
{
    (void)state;
    static const struct {
        const char *head, *field, *says;
    } cases[] = {
        {"kind: Service\nmetadata: {name: Shop_V2}", "metadata.name", "shop-v2"},
        {"kind: Service\nmetadata: {name: a.b}", "metadata.name", "a DNS label"},
        {"kind: Namespace\nmetadata: {name: a.b}", "metadata.name", "a DNS label"},
        {"kind: Secret\nmetadata: {name: -a}", "metadata.name", "a DNS name"},
        {"kind: Secret\nmetadata: {name: a, namespace: b.c}", "metadata.namespace", "DNS label"},
        {"kind: Secret\nmetadata: {name: 12}", "metadata.name", "\"12\""},
        {"kind: Secret\nmetadata: {name: ''}", "metadata.name", "1"},
        {"kind: Secret\nmetadata: {}", "metadata.name", "is missing"},
        {"kind: Secret", "metadata", "is missing"},
        {"kind: Secret\nmetadata: a", "metadata", "map"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[256];
        snprintf(text, sizeof(text), "apiVersion: v1\n%s\n", cases[i].head);
        struct manifests *manifests = load_text(text);
        load_assert_one(manifests, SEVERITY_ERROR, (const char *const[]){cases[i].field, cases[i].says, NULL});
        manifests_unref(manifests);
    }
    struct manifests *manifests = load_text("apiVersion: v1\nkind: Secret\nmetadata: {name: a.b, namespace: c-d}\n");
    assert_string_equal(load_problems(manifests), "");
    manifests_unref(manifests);
}

static void test_a_namespace_of_a_kind_that_has_none_is_a_warning(void **state)
{
    (void)state;
    struct manifests *manifests = load_text("apiVersion: v1\nkind: Namespace\nmetadata: {name: a, namespace: b}\n");
    load_assert_one(manifests, SEVERITY_WARNING, (const char *const[]){"metadata.namespace", "in no namespace", NULL});
    assert_non_null(manifests_find(manifests, KIND_NAMESPACE, STR(""), STR("a")));
    manifests_unref(manifests);
}

/* --------------------------------------------------------------------------------------------------------- kinds */

static void check_kind(const char *text, enum severity severity, const char *const *words)
{
    struct manifests *manifests = load_text(text);
    load_assert_one(manifests, severity, words);
    if (manifests->problems.count != 1)
        fail_msg("more is said:\n%s", load_problems(manifests));
    manifests_unref(manifests);
}

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define META "metadata: {name: a}\n"

static void test_slips_in_kind_and_version_are_errors_that_say_what_is_right(void **state)
{
    (void)state;
    check_kind("apiVersion: gateway.networking.k8s.io/v1alpha2\nkind: HTTPRoute\n" META "spec: {}\n", SEVERITY_ERROR,
               WORDS("a.yaml:1:13: HTTPRoute/a: apiVersion: ", "v1alpha2", "gateway.networking.k8s.io/v1 or "));
    check_kind("apiVersion: v1\nkind: HTTPRoute\n" META "spec: {}\n", SEVERITY_ERROR,
               WORDS("apiVersion: \"v1\"", "write gateway.networking.k8s.io/v1 "));
    check_kind("apiVersion: gateway.networking.k8s.oi/v1\nkind: HTTPRoute\n" META "spec: {}\n", SEVERITY_ERROR,
               WORDS("write gateway.networking.k8s.io/v1 "));
    check_kind("apiVersion: networking.k8s.io/v1\nkind: Gateway\n" META "spec: " /* a Gateway's */
               "{gatewayClassName: a, listeners: [{name: a, port: 1, protocol: HTTP}]}\n",
               SEVERITY_ERROR, WORDS("write gateway.networking.k8s.io/v1 "));
    check_kind("apiVersion: gateway.networking.k8s.io\nkind: HTTPRoute\n" META "spec: {}\n", SEVERITY_ERROR,
               WORDS("write gateway.networking.k8s.io/v1 "));
    check_kind("apiVersion: gateway.networking.k8s.io/v1\nkind: HttpRoute\n" META "spec: {}\n", SEVERITY_ERROR,
               WORDS(": kind: there is no kind \"HttpRoute\"; did you mean HTTPRoute?"));
    check_kind("apiVersion: umbra.dev/v1alpha1\nkind: MirorPolicy\n" META
               "spec: {targetRefs: [{kind: Gateway, name: a}]}\n",
               SEVERITY_ERROR, WORDS("did you mean MirrorPolicy?"));
    check_kind("apiVersion: v1\nkind: Servcie\n" META, SEVERITY_ERROR, WORDS("did you mean Service?"));
}

static void test_kinds_of_others_are_a_note(void **state)
{
    (void)state;
    static const char *const others[][2] = {
        {"apps/v1", "Deployment"},
        {"v1", "Endpoints"},
        {"v1", "PodTemplate"},
        {"v1", "Node"},
        {"v1", "ServiceAccount"},
        {"networking.istio.io/v1", "Sidecar"},
        {"networking.istio.io/v1", "WorkloadEntry"},
        {"gateway.envoyproxy.io/v1alpha1", "Backend"},
        {"serving.knative.dev/v1", "Service"},
        {"policy.linkerd.io/v1beta3", "HTTPRoute"},
        {"gateway.networking.k8s.io/v1alpha2", "TCPRoute"},
        {"gateway.networking.k8s.io/v1", "TLSRoute"},
        {"gateway.networking.k8s.io/v1alpha2", "UDPRoute"},
        {"gateway.networking.k8s.io/v1", "ListenerSet"},
        {"networking.k8s.io/v1", "Ingress"},
        {"apiextensions.k8s.io/v1", "CustomResourceDefinition"},
    };
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        char text[256];
        snprintf(text, sizeof(text), "apiVersion: %s\nkind: %s\n" META, others[i][0], others[i][1]);
        check_kind(text, SEVERITY_NOTE, WORDS("does not read", others[i][0], others[i][1]));
    }
}

static void test_a_kind_that_is_not_read_is_said_once_for_a_file(void **state)
{
    (void)state;
    static const char text[] = "apiVersion: apps/v1\nkind: Deployment\n" META NEXT
                               "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: b}\n" NEXT
                               "apiVersion: v1\nkind: Node\n" META;
    struct manifests *manifests = load_text(text);
    assert_int_equal(manifests->problems.count, 2);
    manifests_read(manifests, STR("b.yaml"), STR(text));
    assert_int_equal(manifests->problems.count, 4);
    assert_int_equal(manifests->resource_count, 0);
    manifests_unref(manifests);
}

static void test_what_does_not_say_what_it_is_is_an_error(void **state)
{
    (void)state;
    check_kind("apiVersion: v1\n" META, SEVERITY_ERROR, WORDS("a.yaml:1:1: a: kind: is missing"));
    check_kind("apiVersion: v1\nkind:\n" META, SEVERITY_ERROR, WORDS("kind: is missing"));
    check_kind("kind: HTTPRoute\n" META, SEVERITY_ERROR,
               WORDS("apiVersion: is missing; write apiVersion: gateway.networking.k8s.io/v1"));
    check_kind("kind: Deployment\n" META, SEVERITY_ERROR, WORDS("apiVersion: is missing"));
    check_kind("apiVersion: v1\nkind: [Service]\n" META, SEVERITY_ERROR,
               WORDS("kind: ", "a list where a string belongs"));
    check_kind("- a\n", SEVERITY_ERROR, WORDS("a.yaml:1:1: ", "a list where a resource belongs"));
    check_kind("text\n", SEVERITY_ERROR, WORDS("where a resource belongs"));
}

static void test_empty_texts_and_documents_have_nothing(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "---\n", "# a\n---\n---\n# b\n", "null\n"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct manifests *manifests = load_text(texts[i]);
        assert_string_equal(load_problems(manifests), "");
        assert_int_equal(manifests->resource_count, 0);
        manifests_unref(manifests);
    }
}

static void test_a_wrong_creation_time_is_a_warning(void **state)
{
    (void)state;
    struct manifests *manifests = load_text(
        "apiVersion: v1\nkind: Service\nmetadata: {name: a, creationTimestamp: yesterday}\n");
    load_assert_one(manifests, SEVERITY_WARNING, WORDS("metadata.creationTimestamp", "oldest"));
    assert_int_equal(manifests->resources[0].created_s, 0);
    assert_non_null(manifests->resources[0].object);
    manifests_unref(manifests);
}

static void test_unknown_fields_are_errors_in_files_and_warnings_from_a_server(void **state)
{
    (void)state;
    static const char text[] = ROUTE_HEAD("a") "spec: {hostnams: [a.b]}\n";
    for (unsigned from_server = 0; from_server < 2; from_server++) {
        struct manifests *manifests = manifests_new();
        manifests->from_server = from_server;
        manifests_read(manifests, STR("a.yaml"), STR(text));
        load_assert_one(manifests, from_server ? SEVERITY_WARNING : SEVERITY_ERROR, WORDS("hostnames"));
        assert_int_equal(manifests_find(manifests, KIND_HTTP_ROUTE, STR("default"), STR("a")) != NULL, from_server);
        assert_true(manifests_has(manifests, KIND_HTTP_ROUTE, STR("default"), STR("a")));
        manifests_unref(manifests);
    }
}

/* --------------------------------------------------------------------------------------------------------- lists */

static void test_the_items_of_lists_are_read(void **state)
{
    (void)state;
    struct manifests *manifests = load_text(
        "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Service\n  metadata: {name: a}\n"
        "- apiVersion: apps/v1\n  kind: Deployment\n  metadata: {name: b}\n" NEXT
        "{\"apiVersion\": \"gateway.networking.k8s.io/v1\", \"kind\": \"HTTPRouteList\", \"items\": ["
        "{\"metadata\": {\"name\": \"c\"}, \"spec\": {\"hostnames\": [\"c.example\"]}}]}\n" NEXT
        "apiVersion: v1\nkind: List\nitems: null\n");
    load_assert_one(manifests, SEVERITY_NOTE, WORDS("Deployment"));
    assert_int_equal(manifests->problems.count, 1);
    assert_int_equal(manifests->resource_count, 2);
    assert_host(manifests, "c", "c.example");
    const struct http_route *route = manifests_find(manifests, KIND_HTTP_ROUTE, STR("default"), STR("c"))->object;
    assert_true(str_eq(route->head.kind, STR("HTTPRoute")));
    assert_true(str_eq(route->head.api_version, STR("gateway.networking.k8s.io/v1")));
    manifests_unref(manifests);
}

static void test_a_wrong_item_costs_itself_only(void **state)
{
    (void)state;
    struct manifests *manifests = load_text(
        "apiVersion: v1\nkind: ServiceList\nitems:\n- metadata: {name: a}\n- metadata: {name: b}\n"
        "  spec: {ports: [{port: 0}]}\n- metadata: {name: c}\n- 7\n- {kind: List, items: []}\n");
    assert_int_equal(manifests->problems.errors, 3);
    const char *said = load_problems(manifests);
    assert_non_null(strstr(said, "a.yaml:6:25: Service/b: "));
    assert_non_null(strstr(said, "spec.ports[0].port"));
    assert_non_null(strstr(said, "an integer where a resource belongs"));
    assert_non_null(strstr(said, "a List within a List"));
    assert_non_null(manifests_find(manifests, KIND_SERVICE, STR("default"), STR("a")));
    assert_null(manifests_find(manifests, KIND_SERVICE, STR("default"), STR("b")));
    assert_non_null(manifests_find(manifests, KIND_SERVICE, STR("default"), STR("c")));
    manifests_unref(manifests);
}

static void test_items_that_are_no_list_are_an_error(void **state)
{
    (void)state;
    check_kind("apiVersion: v1\nkind: List\nitems: {}\n", SEVERITY_ERROR, WORDS("items: a map where a list"));
    check_kind("apiVersion: v1\nkind: List\nitems:\n- metadata: {name: a}\n", SEVERITY_ERROR,
               WORDS("has no apiVersion and no kind"));
}

/* ----------------------------------------------------------------------------------------------------- last good */

static void test_a_bad_resource_keeps_its_last_good_version(void **state)
{
    (void)state;
    struct manifests *manifests = load_text(GOOD("a", "old.example") NEXT GOOD("b", "b.example"));
    manifests = reload(manifests, BAD("a") NEXT GOOD("b", "new.example"));
    assert_host(manifests, "a", "old.example");
    assert_host(manifests, "b", "new.example");
    load_assert_one(manifests, SEVERITY_ERROR,
                    WORDS("a.yaml:4:20: HTTPRoute/a: spec.hostnames[0]: ", "; its last good version stays in force"));
    const struct resource *kept = manifests_find(manifests, KIND_HTTP_ROUTE, STR("default"), STR("a"));
    assert_true(kept->is_bad);
    assert_true(kept->is_kept);
    assert_int_equal(kept->node->line, 1);
    const struct resource *good = manifests_find(manifests, KIND_HTTP_ROUTE, STR("default"), STR("b"));
    assert_false(good->is_bad);
    assert_false(good->is_kept);
    /* Behind a question it is a sentence of its own. */
    manifests = reload(manifests, ROUTE_HEAD("a") "spec: {hostnam: [a.b]}\n" NEXT GOOD("b", "b.example"));
    load_assert_one(manifests, SEVERITY_ERROR,
                    WORDS("HTTPRoute/a: ", "did you mean \"hostnames\"? Its last good version stays in force"));
    manifests_unref(manifests);
}

static void test_a_version_is_kept_over_many_bad_loads_and_then_replaced(void **state)
{
    (void)state;
    struct manifests *manifests = load_text(GOOD("a", "old.example"));
    for (unsigned i = 0; i < 20; i++) {
        manifests = reload(manifests, i % 2 ? BAD("a") : BROKEN("a"));
        assert_host(manifests, "a", "old.example");
    }
    assert_true(manifests->arena.allocated < 256 * 1024);
    manifests = reload(manifests, GOOD("a", "new.example"));
    assert_host(manifests, "a", "new.example");
    assert_false(manifests->resources[0].is_kept);
    manifests_unref(manifests);
}

static void test_a_bad_resource_without_a_good_version_is_left_out(void **state)
{
    (void)state;
    struct manifests *manifests = reload(load_text(BAD("a")), BAD("a"));
    assert_null(manifests_find(manifests, KIND_HTTP_ROUTE, STR("default"), STR("a")));
    assert_true(manifests_has(manifests, KIND_HTTP_ROUTE, STR("default"), STR("a")));
    assert_null(strstr(load_problems(manifests), "stays in force"));
    manifests_unref(manifests);
}

static void test_a_resource_that_is_gone_is_gone(void **state)
{
    (void)state;
    struct manifests *manifests = reload(load_text(GOOD("a", "a.example") NEXT GOOD("b", "b.example")), BAD("b"));
    assert_false(manifests_has(manifests, KIND_HTTP_ROUTE, STR("default"), STR("a")));
    assert_host(manifests, "b", "b.example");
    manifests_unref(manifests);
}

static void test_a_document_that_cannot_be_parsed_keeps_the_resource_that_it_names(void **state)
{
    (void)state;
    struct manifests *manifests = load_text(GOOD("a", "a.example") NEXT GOOD("b", "b.example"));
    manifests = reload(manifests, BROKEN("a") NEXT GOOD("c", "c.example"));
    assert_host(manifests, "a", "a.example");
    assert_host(manifests, "c", "c.example");
    assert_false(manifests_has(manifests, KIND_HTTP_ROUTE, STR("default"), STR("b")));
    load_assert_one(manifests, SEVERITY_ERROR, WORDS("HTTPRoute/a: ", "; its last good version stays in force"));
    manifests_unref(manifests);
}

static void test_a_document_without_a_name_keeps_what_its_file_had(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{\n" NEXT GOOD("b", "new.example"),
        GOOD("b", "new.example") NEXT "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nspec: {}\n",
        GOOD("b", "new.example") NEXT "metadata: {name: a}\n",
        GOOD("b", "new.example") NEXT "- a\n",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct manifests *before = manifests_new();
        manifests_read(before, STR("a.yaml"), STR(GOOD("a", "a.example") NEXT GOOD("b", "b.example")));
        manifests_read(before, STR("other.yaml"), STR(GOOD("gone", "c.example")));
        struct manifests *manifests = reload(before, texts[i]);
        assert_host(manifests, "a", "a.example");
        assert_host(manifests, "b", "new.example");
        assert_host(manifests, "gone", "");
        assert_non_null(strstr(load_problems(manifests), "; HTTPRoute/a stays in force as it was\n"));
        assert_true(manifests_find(manifests, KIND_HTTP_ROUTE, STR("default"), STR("a"))->is_kept);
        manifests_unref(manifests);
    }
}

static void test_a_file_that_cannot_be_read_keeps_all_that_it_had(void **state)
{
    (void)state;
    struct manifests *before = load_text(GOOD("a", "a.example") NEXT GOOD("b", "b.example") NEXT GOOD("c", "c.example")
                                             NEXT GOOD("d", "d.example") NEXT GOOD("e", "e.example")
                                                 NEXT GOOD("f", "f.example") NEXT GOOD("g", "g.example"));
    for (unsigned round = 0; round < 3; round++) {
        struct manifests *manifests = manifests_new();
        manifests_read_failed(manifests, STR("a.yaml"), "Permission denied");
        manifests_keep_last_good(manifests, before);
        manifests_unref(before);
        assert_host(manifests, "a", "a.example");
        assert_host(manifests, "g", "g.example");
        assert_int_equal(manifests->resource_count, 7);
        assert_string_equal(load_problems(manifests),
                            "a.yaml: can't be read: Permission denied; HTTPRoute/a, HTTPRoute/b, HTTPRoute/c, "
                            "HTTPRoute/d, HTTPRoute/e and 2 more stay in force as they were\n");
        before = manifests;
    }
    manifests_unref(before);
}

static void test_a_text_that_is_refused_keeps_all_that_its_file_had(void **state)
{
    (void)state;
    struct manifests *manifests = reload(load_text(GOOD("a", "a.example")), "\xff\xfe");
    assert_host(manifests, "a", "a.example");
    assert_non_null(strstr(load_problems(manifests), "HTTPRoute/a stays in force"));
    manifests_unref(manifests);
}

static void test_a_resource_that_moved_to_another_file_is_not_kept(void **state)
{
    (void)state;
    struct manifests *before = load_text(GOOD("a", "old.example"));
    struct manifests *manifests = manifests_new();
    manifests_read(manifests, STR("a.yaml"), STR("{"));
    manifests_read(manifests, STR("b.yaml"), STR(GOOD("a", "new.example")));
    manifests_keep_last_good(manifests, before);
    assert_host(manifests, "a", "new.example");
    assert_int_equal(manifests->resource_count, 1);
    manifests_unref(manifests);
    manifests_unref(before);
}

static void test_a_slip_in_kind_or_version_keeps_the_resource_that_was_meant(void **state)
{
    (void)state;
    static const char *const heads[] = {
        "apiVersion: gateway.networking.k8s.io/v1\nkind: HttpRoute\n",
        "apiVersion: gateway.networking.k8s.io/v2\nkind: HTTPRoute\n",
        "apiVersion: v1\nkind: HTTPRoute\n",
    };
    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        char text[256];
        snprintf(text, sizeof(text), "%s" META "spec: {}\n", heads[i]);
        struct manifests *manifests = reload(load_text(GOOD("a", "old.example")), text);
        assert_host(manifests, "a", "old.example");
        load_assert_one(manifests, SEVERITY_ERROR, WORDS("ts last good version stays in force"));
        manifests_unref(manifests);
    }
}

static void test_a_good_document_takes_the_place_of_one_that_cannot_be_parsed(void **state)
{
    (void)state;
    struct manifests *manifests = load_text(BROKEN("a") NEXT GOOD("a", "a.example"));
    assert_host(manifests, "a", "a.example");
    assert_int_equal(manifests->problems.errors, 1);
    assert_false(manifests->resources[0].is_bad);
    manifests_unref(manifests);
}

static void test_what_is_kept_of_a_list_is_that_of_the_item(void **state)
{
    (void)state;
#define LIST(host) \
    "apiVersion: v1\nkind: List\nitems:\n- apiVersion: gateway.networking.k8s.io/v1\n  kind: HTTPRoute\n" \
    "  metadata: {name: a}\n  spec: {hostnames: [" host "]}\n"
    struct manifests *manifests = reload(load_text(LIST("a.example")), LIST("a b"));
    assert_host(manifests, "a", "a.example");
    manifests = reload(manifests, LIST("c d"));
    assert_host(manifests, "a", "a.example");
    manifests_unref(manifests);
}

static void test_nothing_is_kept_of_no_load(void **state)
{
    (void)state;
    struct manifests *manifests = load_text(BAD("a"));
    manifests_keep_last_good(manifests, NULL);
    assert_null(manifests->resources[0].object);
    manifests_unref(manifests);
}

/* -------------------------------------------------------------------------------------------------------- print */

static void test_what_is_in_force_is_printed_in_the_order_read(void **state)
{
    (void)state;
    struct manifests *manifests = load_text(GOOD("b", "b.example") NEXT BAD("x") NEXT
                                            "apiVersion: v1\nkind: Service\nmetadata: {name: a}\n"
                                            "spec: {ports: [{port: 80}]}\n");
    struct strbuf out = STRBUF_INIT;
    manifests_print(manifests, &out);
    assert_string_equal(out.ptr, "apiVersion: gateway.networking.k8s.io/v1\n"
                                 "kind: HTTPRoute\n"
                                 "metadata:\n"
                                 "  name: b\n"
                                 "spec:\n"
                                 "  hostnames:\n"
                                 "  - b.example\n"
                                 "  rules:\n"
                                 "  - matches:\n"
                                 "    - path:\n"
                                 "        type: PathPrefix\n"
                                 "        value: /\n"
                                 "---\n"
                                 "apiVersion: v1\n"
                                 "kind: Service\n"
                                 "metadata:\n"
                                 "  name: a\n"
                                 "spec:\n"
                                 "  type: ClusterIP\n"
                                 "  ports:\n"
                                 "  - protocol: TCP\n"
                                 "    port: 80\n");
    struct manifests *again = load_text(out.ptr);
    assert_string_equal(load_problems(again), "");
    struct strbuf second = STRBUF_INIT;
    manifests_print(again, &second);
    assert_string_equal(second.ptr, out.ptr);
    strbuf_deinit(&second);
    strbuf_deinit(&out);
    manifests_unref(again);
    manifests_unref(manifests);
}

static void test_secrets_are_not_printed(void **state)
{
    (void)state;
    struct manifests *manifests = load_text(
        "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata: {tls.key: c2VjcmV0}\nstringData: {b: hush}\n");
    struct strbuf out = STRBUF_INIT;
    manifests_print(manifests, &out);
    assert_null(strstr(out.ptr, "c2VjcmV0"));
    assert_null(strstr(out.ptr, "hush"));
    assert_string_equal(out.ptr, "# Secret default/a is not shown; apply it from where it is.\n");
    struct manifests *again = load_text(out.ptr);
    assert_string_equal(load_problems(again), "");
    manifests_unref(again);
    strbuf_deinit(&out);
    manifests_unref(manifests);
}

static void test_a_secret_is_not_in_a_message(void **state)
{
    (void)state;
    struct manifests *manifests = load_text(
        "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata: {tls.key: 'hush hush'}\n");
    load_assert_one(manifests, SEVERITY_ERROR, WORDS("data[\"tls.key\"]", "base64"));
    assert_null(strstr(load_problems(manifests), "hush"));
    manifests_unref(manifests);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_resources_are_found_by_kind_namespace_and_name),
        cmocka_unit_test(test_a_second_resource_of_the_same_name_is_an_error_that_names_the_first),
        cmocka_unit_test(test_names_and_namespaces_are_checked),
        cmocka_unit_test(test_a_namespace_of_a_kind_that_has_none_is_a_warning),
        cmocka_unit_test(test_slips_in_kind_and_version_are_errors_that_say_what_is_right),
        cmocka_unit_test(test_kinds_of_others_are_a_note),
        cmocka_unit_test(test_a_kind_that_is_not_read_is_said_once_for_a_file),
        cmocka_unit_test(test_what_does_not_say_what_it_is_is_an_error),
        cmocka_unit_test(test_empty_texts_and_documents_have_nothing),
        cmocka_unit_test(test_a_wrong_creation_time_is_a_warning),
        cmocka_unit_test(test_unknown_fields_are_errors_in_files_and_warnings_from_a_server),
        cmocka_unit_test(test_the_items_of_lists_are_read),
        cmocka_unit_test(test_a_wrong_item_costs_itself_only),
        cmocka_unit_test(test_items_that_are_no_list_are_an_error),
        cmocka_unit_test(test_a_bad_resource_keeps_its_last_good_version),
        cmocka_unit_test(test_a_version_is_kept_over_many_bad_loads_and_then_replaced),
        cmocka_unit_test(test_a_bad_resource_without_a_good_version_is_left_out),
        cmocka_unit_test(test_a_resource_that_is_gone_is_gone),
        cmocka_unit_test(test_a_document_that_cannot_be_parsed_keeps_the_resource_that_it_names),
        cmocka_unit_test(test_a_document_without_a_name_keeps_what_its_file_had),
        cmocka_unit_test(test_a_file_that_cannot_be_read_keeps_all_that_it_had),
        cmocka_unit_test(test_a_text_that_is_refused_keeps_all_that_its_file_had),
        cmocka_unit_test(test_a_resource_that_moved_to_another_file_is_not_kept),
        cmocka_unit_test(test_a_slip_in_kind_or_version_keeps_the_resource_that_was_meant),
        cmocka_unit_test(test_a_good_document_takes_the_place_of_one_that_cannot_be_parsed),
        cmocka_unit_test(test_what_is_kept_of_a_list_is_that_of_the_item),
        cmocka_unit_test(test_nothing_is_kept_of_no_load),
        cmocka_unit_test(test_what_is_in_force_is_printed_in_the_order_read),
        cmocka_unit_test(test_secrets_are_not_printed),
        cmocka_unit_test(test_a_secret_is_not_in_a_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
