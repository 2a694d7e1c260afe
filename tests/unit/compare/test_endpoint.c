/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"
#include "compare/endpoint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void expect(struct endpoint_tree *tree, const char *target, const char *name)
{
    struct str found = endpoint_of(tree, STR("GET"), str_from_c(target), false);
    if (!str_eq(found, str_from_c(name)))
        fail_msg("%s is %.*s, not %s", target, STR_ARG(found), name);
}

static void test_ids_are_parameters_at_once(void **state)
{
    static const char *const ids[] = {
        "17",
        "-3",
        "1,2,3",
        "0b7c1f9e-6f0a-4d51-9a0e-5a1d6f1f0c11",
        "4bf92f3577b34da6a3ce929d0e0e4736",
        "9fceb02d",
        "01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "V1StGXR8_Z5jdHi6B-myT",
        "2026-11-21",
        "2026-11",
        "2026-11-21T16:04:46Z",
        "2026-11-21T16%3A04%3A46Z",
        "jo@example.org",
        "jo%40example.org",
        "order-20231",
        "17.json",
        "0b7c1f9e-6f0a-4d51-9a0e-5a1d6f1f0c11.pdf",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        struct endpoint_tree *tree = endpoint_tree_new();
        char target[128];
        snprintf(target, sizeof(target), "/items/%s/parts?x=1", ids[i]);
        expect(tree, target, "GET /items/{id}/parts");
        endpoint_tree_free(tree);
    }
}

static void test_words_stay(void **state)
{
    static const char *const words[] = {"search",
                                        "v1",
                                        "v2.1",
                                        "1.1",
                                        "oauth2",
                                        "iso8601",
                                        "utf-8",
                                        "deadbeef",
                                        "cafe",
                                        "index.html",
                                        "app.js",
                                        "users_by_name",
                                        "sha256",
                                        "@me",
                                        "how-to-cook-2-eggs-in-10-min",
                                        "getUserByIdentifier"};
    (void)state;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        struct endpoint_tree *tree = endpoint_tree_new();
        char target[128], name[128];
        snprintf(target, sizeof(target), "/a/%s/b", words[i]);
        snprintf(name, sizeof(name), "GET /a/%s/b", words[i]);
        expect(tree, target, name);
        endpoint_tree_free(tree);
    }
}

static void test_targets_of_all_kinds(void **state)
{
    struct endpoint_tree *tree = endpoint_tree_new();
    (void)state;
    expect(tree, "/", "GET /");
    expect(tree, "/?a=b", "GET /");
    expect(tree, "//a///b/", "GET /a/b");
    expect(tree, "/a;v=1/b;jsessionid=F00?x", "GET /a/b");
    expect(tree, "/a/./c/../b", "GET /a/b");
    expect(tree, "/../../a/%2e%2E/b", "GET /b");
    expect(tree, "http://shop.local:80/a/b?x", "GET /a/b");
    expect(tree, "http://shop.local", "GET /");
    expect(tree, "/%61/b#x", "GET /a/b");
    expect(tree, "/a%2Fb/%7Bid%7D/{id}", "GET /a%2Fb/%7Bid%7D/%7Bid%7D");
    expect(tree, "/a%20b/%00%0a%zz%", "GET /a%20b/%00%0A%25zz%25");
    expect(tree, "/caf\xc3\xa9", "GET /caf\xc3\xa9");
    expect(tree, "/caf%C3%A9", "GET /caf\xc3\xa9");
    expect(tree, "/x%ff%fey\xc0\x80", "GET /x\xef\xbf\xbd\xef\xbf\xbdy\xef\xbf\xbd\xef\xbf\xbd");
    expect(tree, "/x%E2%80%AEy", "GET /x\xef\xbf\xbdy");
    expect(tree, "*", "GET /{...}");
    expect(tree, "", "GET /{...}");
    expect(tree, "shop.local:443", "GET /{...}");
    endpoint_tree_free(tree);
}

static void test_methods_are_apart_and_bounded(void **state)
{
    struct endpoint_tree *tree = endpoint_tree_new();
    (void)state;
    assert_true(str_eq(endpoint_of(tree, STR("POST"), STR("/a"), false), STR("POST /a")));
    assert_true(str_eq(endpoint_of(tree, STR("A B"), STR("/a"), false), STR("{method} /a")));
    assert_true(str_eq(endpoint_of(tree, STR(""), STR("/a"), false), STR("{method} /a")));
    for (int i = 0; i < 1000; i++) {
        char method[16];
        int len = snprintf(method, sizeof(method), "M%d", i);
        struct str name = endpoint_of(tree, (struct str){method, (size_t)len}, STR("/a"), false);
        assert_true(i < 13 || str_eq(name, STR("{method} /a")));
    }
    endpoint_tree_free(tree);
}

static void test_calls_are_named_as_they_are(void **state)
{
    struct endpoint_tree *tree = endpoint_tree_new();
    struct str from, to;
    (void)state;
    assert_true(str_eq(endpoint_of(tree, STR("POST"), STR("/shop.v1.Items/Get17"), true), STR("/shop.v1.Items/Get17")));
    assert_true(str_eq(endpoint_of(tree, STR("POST"), STR("/bad\x01name/x"), true), STR("POST /{...}")));
    for (int i = 0; i < 2 * ENDPOINT_MOST; i++) {
        char target[32];
        int len = snprintf(target, sizeof(target), "/s.S/M%d", i);
        struct str name = endpoint_of(tree, STR("POST"), (struct str){target, (size_t)len}, true);
        assert_true(str_eq(name, i < ENDPOINT_MOST - 1 ? (struct str){target, (size_t)len} : STR("POST /{...}")));
    }
    assert_false(endpoint_renamed(tree, &from, &to));
    endpoint_tree_free(tree);
}

static void test_many_words_become_a_parameter(void **state)
{
    struct endpoint_tree *tree = endpoint_tree_new();
    struct str from, to;
    char target[64], name[80];
    unsigned renames = 0;
    (void)state;
    for (int i = 0; i < ENDPOINT_SIBLINGS; i++) {
        snprintf(target, sizeof(target), "/users/name%c%c/%s", 'a' + i % 26, 'a' + i / 26, i % 2 ? "posts" : "likes");
        snprintf(name, sizeof(name), "GET %s", target);
        expect(tree, target, name);
    }
    assert_false(endpoint_renamed(tree, &from, &to));
    expect(tree, "/users/onemore/posts", "GET /users/{id}/posts");
    while (endpoint_renamed(tree, &from, &to))
        renames++;
    assert_in_range(renames, ENDPOINT_SIBLINGS, ENDPOINT_SIBLINGS + 2);
    expect(tree, "/users/nameaa/likes", "GET /users/{id}/likes");
    expect(tree, "/users/again", "GET /users/{id}");
    assert_false(endpoint_renamed(tree, &from, &to));
    endpoint_tree_free(tree);
}

/* ---- any order ---- */

#define REQUESTS 400

static unsigned draw(unsigned *seed)
{
    *seed = *seed * 1103515245u + 12345u;
    return *seed >> 16;
}

/* Three levels, of which some have many words, so that merges meet merged places below. */
static void make_requests(char requests[REQUESTS][64], unsigned *seed)
{
    for (int i = 0; i < REQUESTS; i++) {
        unsigned top = draw(seed) % 4, middle = draw(seed) % (top == 1 ? 40 : 4), low = draw(seed) % 45;
        int len = snprintf(requests[i], sizeof(requests[i]), "/t%c", 'a' + (int)top);
        if (draw(seed) % 8)
            len += snprintf(requests[i] + len, sizeof(requests[i]) - (size_t)len, "/m%c%c", 'a' + (int)(middle % 26),
                            'a' + (int)(middle / 26));
        if (top != 2 && draw(seed) % 4)
            len += snprintf(requests[i] + len, sizeof(requests[i]) - (size_t)len, "/l%c%c", 'a' + (int)(low % 26),
                            'a' + (int)(low / 26));
        if (draw(seed) % 16 == 0)
            snprintf(requests[i] + len, sizeof(requests[i]) - (size_t)len, "/%u/z", draw(seed));
    }
}

struct seen {
    struct str names[REQUESTS];
};

static void see_all(struct endpoint_tree *tree, char requests[REQUESTS][64], const int order[REQUESTS],
                    struct seen *seen)
{
    struct str from, to;
    memset(seen, 0, sizeof(*seen));
    for (int i = 0; i < REQUESTS; i++) {
        seen->names[order[i]] = endpoint_of(tree, STR("GET"), str_from_c(requests[order[i]]), false);
        while (endpoint_renamed(tree, &from, &to)) {
            for (int j = 0; j < REQUESTS; j++) {
                if (str_eq(seen->names[j], from))
                    seen->names[j] = to;
            }
        }
    }
}

static void test_any_order_ends_in_the_same_names(void **state)
{
    static char requests[REQUESTS][64];
    static struct seen first, again;
    (void)state;
    for (unsigned round = 0; round < 40; round++) {
        unsigned seed = round / 8 + 1, shuffle = round + 100;
        int order[REQUESTS];
        make_requests(requests, &seed);
        for (int i = 0; i < REQUESTS; i++)
            order[i] = i;
        for (int i = REQUESTS - 1; i > 0 && round % 8; i--) {
            int other = (int)(draw(&shuffle) % (unsigned)(i + 1)), kept = order[i];
            order[i] = order[other];
            order[other] = kept;
        }
        struct endpoint_tree *tree = endpoint_tree_new();
        see_all(tree, requests, order, &again);
        for (int i = 0; i < REQUESTS; i++)
            assert_true(str_eq(again.names[i], endpoint_of(tree, STR("GET"), str_from_c(requests[i]), false)));
        static struct endpoint_tree *kept;
        if (round % 8 == 0) {
            endpoint_tree_free(kept);
            kept = tree;
            first = again;
            continue;
        }
        for (int i = 0; i < REQUESTS; i++) {
            if (!str_eq(first.names[i], again.names[i]))
                fail_msg("%s: %.*s and %.*s", requests[i], STR_ARG(first.names[i]), STR_ARG(again.names[i]));
        }
        endpoint_tree_free(tree);
        if (round == 39)
            endpoint_tree_free(kept);
    }
}

static void test_nonsense_is_bounded(void **state)
{
    struct endpoint_tree *tree = endpoint_tree_new();
    static char target[16384];
    unsigned seed = 7;
    struct str from, to;
    (void)state;
    for (int i = 0; i < 50000; i++) {
        int len = 0;
        for (unsigned depth = draw(&seed) % 8; depth > 0; depth--)
            len += snprintf(target + len, 32, "/w%c%c", 'a' + (int)(draw(&seed) % 6), 'a' + (int)(draw(&seed) % 5));
        struct str name = endpoint_of(tree, STR("GET"), (struct str){target, (size_t)len}, false);
        assert_in_range(name.len, 5, 64);
        while (endpoint_renamed(tree, &from, &to))
            assert_false(str_eq(from, to));
    }
    for (size_t i = 0; i < sizeof(target); i++)
        target[i] = i % 8 ? (char)('a' + draw(&seed) % 26) : '/';
    struct str name = endpoint_of(tree, STR("PUT"), (struct str){target, sizeof(target)}, false);
    assert_in_range(name.len, 5, 512);
    memset(target + 1, 'a', sizeof(target) - 1);
    endpoint_tree_free(tree);
    tree = endpoint_tree_new();
    expect(tree, "/a/b", "GET /a/b");
    assert_true(str_eq(endpoint_of(tree, STR("GET"), (struct str){target, sizeof(target)}, false), STR("GET /{id}")));
    endpoint_tree_free(tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ids_are_parameters_at_once),
        cmocka_unit_test(test_words_stay),
        cmocka_unit_test(test_targets_of_all_kinds),
        cmocka_unit_test(test_methods_are_apart_and_bounded),
        cmocka_unit_test(test_calls_are_named_as_they_are),
        cmocka_unit_test(test_many_words_become_a_parameter),
        cmocka_unit_test(test_any_order_ends_in_the_same_names),
        cmocka_unit_test(test_nonsense_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
