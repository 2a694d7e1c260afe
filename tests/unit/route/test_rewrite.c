/* SPDX-License-Identifier: Apache-2.0 */
#include "route/rewrite.h"

#include "http/url.h"
#include "plan_fixture.h"

/* `prefix_len` is what route_match says of the prefix that a rule has. */
static const struct {
    const char *path, *prefix, *replacement, *expected;
} prefixes[] = {
    /* the Gateway API's table; a rule's prefix has lost its slash at the end */
    {"/foo/bar", "/foo", "/xyz", "/xyz/bar"},
    {"/foo/bar", "/foo", "/xyz/", "/xyz/bar"},
    {"/foo", "/foo", "/xyz", "/xyz"},
    {"/foo/", "/foo", "/xyz", "/xyz/"},
    {"/foo/bar", "/foo", "", "/bar"},
    {"/foo/", "/foo", "", "/"},
    {"/foo", "/foo", "", "/"},
    {"/foo/", "/foo", "/", "/"},
    {"/foo", "/foo", "/", "/"},
    /* beyond it */
    {"/foo", "/foo", "/xyz/", "/xyz"},
    {"/", "", "/xyz", "/xyz/"},
    {"/a/b", "", "/xyz", "/xyz/a/b"},
    {"/a/b", "", "/", "/a/b"},
    {"/foo/bar", "/foo", "xyz", "/xyz/bar"},
    {"/foo/a%2Fb%20c;v=1", "/foo", "/x", "/x/a%2Fb%20c;v=1"},
    {"/foo//bar/", "/foo", "/x", "/x//bar/"},
    {"/foo/a~b", "/foo", "/x", "/x/a~b"},
    {"/foo/a%7eb", "/foo", "/x", "/x/a~b"},
    {"/foo/../foo/./bar", "/foo", "/x", "/x/bar"},
    {"/foo/a/..", "/foo", "/x", "/x/"},
    {"/foo/%2e%2e/foo/b", "/foo", "/x", "/x/b"},
    {"/foo/bar", "/foo", "/a b?c#d\r\nX: y", "/a%20b%3Fc%23d%0D%0AX:%20y/bar"},
    {"/foo/bar", "/foo", "/caf\xc3\xa9", "/caf%C3%A9/bar"},
};

static struct str make(struct plan_fixture *fixture, enum plan_path_kind kind, const char *replacement,
                       const struct rewrite_path *path, struct arena *arena)
{
    *fixture = (struct plan_fixture){0};
    return rewrite_make_path(&fixture->plan, kind, plan_fixture_text(fixture, replacement), path, arena);
}

static void test_a_prefix_is_replaced_by_whole_elements(void **state)
{
    (void)state;
    static struct plan_fixture fixture;
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        struct arena arena;
        struct rewrite_path path = {.prefix_len = strlen(prefixes[i].prefix)};
        arena_init(&arena, NULL, 0);
        assert_true(url_normalise_path(str_from_c(prefixes[i].path), &arena, &path.normal));
        struct str made = make(&fixture, REWRITE_PREFIX, prefixes[i].replacement, &path, &arena);
        if (!str_eq(made, str_from_c(prefixes[i].expected)))
            fail_msg("%s, %s -> \"%s\": %.*s, not %s", prefixes[i].path, prefixes[i].prefix, prefixes[i].replacement,
                     STR_ARG(made), prefixes[i].expected);
        arena_deinit(&arena);
    }
}

static const struct {
    const char *replacement, *expected;
} fulls[] = {
    {"/one", "/one"}, {"/one/", "/one/"}, {"/", "/"}, {"", "/"}, {"one", "/one"}, {"/a?b", "/a%3Fb"},
};

static void test_a_full_path_is_replaced_as_it_stands(void **state)
{
    (void)state;
    static struct plan_fixture fixture;
    struct rewrite_path path = {.normal = STR("/foo/bar"), .prefix_len = 4};
    for (size_t i = 0; i < sizeof fulls / sizeof *fulls; i++) {
        struct arena arena;
        arena_init(&arena, NULL, 0);
        struct str made = make(&fixture, REWRITE_FULL_PATH, fulls[i].replacement, &path, &arena);
        if (!str_eq(made, str_from_c(fulls[i].expected)))
            fail_msg("\"%s\": %.*s, not %s", fulls[i].replacement, STR_ARG(made), fulls[i].expected);
        arena_deinit(&arena);
    }
}

struct rewritten {
    struct plan_fixture fixture;
    struct arena arena;
    struct head head;
};

static void rewrite(struct rewritten *r, const char *target, enum plan_path_kind kind, const char *replacement)
{
    struct rewrite_path path = {.prefix_len = 2};
    size_t query = str_find_char(str_from_c(target), '?');
    *r = (struct rewritten){.head = {.target = str_from_c(target)}};
    r->head.path = str_slice(r->head.target, 0, query);
    if (query < r->head.target.len)
        r->head.query = str_slice(r->head.target, query + 1, r->head.target.len);
    arena_init(&r->arena, NULL, 0);
    assert_true(url_normalise_path(r->head.path, &r->arena, &path.normal));
    struct plan_rewrite rule = {.path_kind = kind, .path = plan_fixture_text(&r->fixture, replacement)};
    assert_true(rewrite_target(&r->fixture.plan, &rule, &path, &r->head, &r->arena));
}

static const struct {
    const char *target, *expected, *path;
} targets[] = {
    {"/a/b", "/x/b", "/x/b"},
    {"/a/b?", "/x/b?", "/x/b"},
    {"/a/b?c=%zz&d=/../?", "/x/b?c=%zz&d=/../?", "/x/b"},
    {"*", "*", "*"},
    {"example.com:443", "example.com:443", "example.com:443"},
};

static void test_a_query_keeps_its_bytes_and_what_is_no_path_stays(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        static struct rewritten r;
        rewrite(&r, targets[i].target, REWRITE_PREFIX, "/x");
        if (!str_eq(r.head.target, str_from_c(targets[i].expected)))
            fail_msg("%s: %.*s, not %s", targets[i].target, STR_ARG(r.head.target), targets[i].expected);
        assert_true(str_eq(r.head.path, str_from_c(targets[i].path)));
        if (r.head.query.ptr)
            assert_ptr_equal(r.head.query.ptr + r.head.query.len, r.head.target.ptr + r.head.target.len);
        arena_deinit(&r.arena);
    }
}

static void test_without_a_path_modifier_the_target_is_untouched(void **state)
{
    (void)state;
    static struct rewritten r;
    rewrite(&r, "/a/./%7e?q", REWRITE_NO_PATH, "");
    assert_true(str_eq(r.head.target, STR("/a/./%7e?q")));
    arena_deinit(&r.arena);
}

static void test_a_host_replaces_the_one_that_was(void **state)
{
    (void)state;
    struct field fields[] = {{STR("X"), STR("y"), FIELD_OTHER}, {STR("hOst"), STR("a:8080"), FIELD_HOST}};
    struct head head = {.fields = fields, .field_count = 2, .authority = STR("a:8080")};
    rewrite_host(STR("example.org"), &head);
    assert_true(str_eq(fields[1].value, STR("example.org")) && str_eq(fields[1].name, STR("hOst")));
    assert_true(str_eq(head.authority, STR("example.org")) && str_eq(fields[0].value, STR("y")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_prefix_is_replaced_by_whole_elements),
        cmocka_unit_test(test_a_full_path_is_replaced_as_it_stands),
        cmocka_unit_test(test_a_query_keeps_its_bytes_and_what_is_no_path_stays),
        cmocka_unit_test(test_without_a_path_modifier_the_target_is_untouched),
        cmocka_unit_test(test_a_host_replaces_the_one_that_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
