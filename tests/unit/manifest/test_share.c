/* SPDX-License-Identifier: Apache-2.0 */
/* Loads that have what others read. */
#include "load.h"

#include "manifest/http_route.h"

#include <string.h>

#define ROUTE(name, host) \
    "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: " name "}\nspec: {hostnames: [" host \
    "]}\n"

static struct str host_of(const struct manifests *manifests, const char *name)
{
    const struct resource *resource = manifests_find(manifests, KIND_HTTP_ROUTE, STR("default"), str_from_c(name));
    const struct http_route *route = resource ? resource->object : NULL;
    return route ? *SCHEMA_ITEM(route->spec->hostnames, struct str, 0) : STR("");
}

static void test_resources_are_there_without_being_read_again(void **state)
{
    (void)state;
    struct manifests *part = load_text(ROUTE("a", "a.test")), *all = load_text(ROUTE("b", "b.test")),
                     *next = manifests_new();
    assert_true(manifests_share(all, part));
    assert_true(manifests_share(next, part));
    manifests_unref(part);
    assert_true(str_eq(host_of(all, "a"), STR("a.test")));
    assert_true(str_eq(host_of(all, "b"), STR("b.test")));
    assert_int_equal(all->resource_count, 2);
    manifests_unref(all);
    assert_true(str_eq(host_of(next, "a"), STR("a.test")));
    manifests_unref(next);
}

static void test_what_is_wrong_is_said_in_each_load(void **state)
{
    (void)state;
    struct manifests *good = load_text(ROUTE("a", "a.test")), *part = load_text(ROUTE("a", "a b"));
    struct manifests *all = load_text(ROUTE("b", "c d"));
    const char *words[] = {"a b", NULL};
    assert_true(manifests_share(all, part));
    assert_int_equal(all->problems.errors, 2);
    manifests_keep_last_good(all, good);
    assert_true(str_eq(host_of(all, "a"), STR("a.test")));
    assert_non_null(strstr(load_problems(all), "its last good version stays in force"));
    load_assert_one(part, SEVERITY_ERROR, words); /* as it was */
    assert_null(strstr(load_problems(part), "last good"));
    assert_null(manifests_find(part, KIND_HTTP_ROUTE, STR("default"), STR("a")));
    manifests_unref(good);
    manifests_unref(part);
    manifests_unref(all);
}

static void test_what_needs_the_whole_load_is_not_shared(void **state)
{
    (void)state;
    static const char *const parts[] = {
        ROUTE("a", "other.test"),                                      /* it is there already */
        "apiVersion: v9\nkind: Other\nmetadata: {name: a}\n",          /* said once in a load */
        "kind: HTTPRoute\n",                                           /* nobody knows what it is */
        "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\n", /* nor which one */
    };
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        struct manifests *all = load_text(ROUTE("a", "a.test")), *part = load_text(parts[i]);
        assert_false(manifests_share(all, part));
        assert_int_equal(all->resource_count, 1);
        assert_int_equal(all->problems.count, 0);
        manifests_unref(part);
        manifests_unref(all);
    }
    struct manifests *of_server = manifests_new(), *part = load_text(ROUTE("a", "a.test"));
    of_server->from_server = true; /* what a file is told of as an error is a warning there */
    assert_false(manifests_share(of_server, part));
    manifests_unref(part);
    manifests_unref(of_server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_resources_are_there_without_being_read_again),
        cmocka_unit_test(test_what_is_wrong_is_said_in_each_load),
        cmocka_unit_test(test_what_needs_the_whole_load_is_not_shared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
