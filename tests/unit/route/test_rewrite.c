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

/* As Envoy replaces what matched: bytes, and nothing else. */
static const struct {
    const char *path;
    size_t prefix_len;
    const char *replacement, *expected;
} matched[] = {
    {"/foobar", 4, "/x", "/xbar"},       {"/foo/bar", 4, "/x", "/x/bar"},   {"/foo/bar", 5, "/x/", "/x/bar"},
    {"/foo/bar", 5, "/x", "/xbar"},      {"/a/b", 1, "/x", "/xa/b"},        {"/a/b", 1, "/x/", "/x/a/b"},
    {"/foo/bar", 4, "/", "//bar"},       {"/foo/bar", 5, "/", "/bar"},      {"/foo", 4, "/", "/"},
    {"/foobar", 4, "", "/bar"},          {"/foo/b", 4, "", "/b"},           {"/foo", 0, "/whole", "/whole"},
    {"/foo/%7e%2F", 4, "/x", "/x/~%2F"}, {"/foo/bar", 0, "/a?b", "/a%3Fb"},
};

static void test_what_matched_is_replaced_by_bytes(void **state)
{
    (void)state;
    static struct plan_fixture fixture;
    for (size_t i = 0; i < sizeof matched / sizeof *matched; i++) {
        struct arena arena;
        struct rewrite_path path = {.prefix_len = matched[i].prefix_len};
        arena_init(&arena, NULL, 0);
        assert_true(url_normalise_path(str_from_c(matched[i].path), &arena, &path.normal));
        struct str made = make(&fixture, REWRITE_MATCHED, matched[i].replacement, &path, &arena);
        if (!str_eq(made, str_from_c(matched[i].expected)))
            fail_msg("%s, %zu -> \"%s\": %.*s, not %s", matched[i].path, matched[i].prefix_len, matched[i].replacement,
                     STR_ARG(made), matched[i].expected);
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

/* False when the rule could not be followed. */
static bool rewrite_by_regex(struct rewritten *r, struct str target, const char *pattern, const char *replacement)
{
    struct err err;
    size_t query = str_find_char(target, '?');
    *r = (struct rewritten){.head = {.target = target, .path = str_slice(target, 0, query)}};
    if (query < target.len)
        r->head.query = str_slice(target, query + 1, target.len);
    arena_init(&r->arena, NULL, 0);
    struct plan_rewrite rule = {.path_kind = REWRITE_REGEX,
                                .path = plan_fixture_text(&r->fixture, replacement),
                                .regex = plan_fixture_regex(&r->fixture, pattern, true)};
    struct regexes *regexes = regexes_new(&r->fixture.plan, &err);
    assert_non_null(regexes);
    struct rewrite_path path = {.use = {regexes, regex_scratch_new()}};
    assert_true(url_normalise_path(r->head.path, &r->arena, &path.normal));
    bool is_made = rewrite_target(&r->fixture.plan, &rule, &path, &r->head, &r->arena);
    regex_scratch_free(path.use.scratch);
    regexes_free(regexes);
    return is_made;
}

static const struct {
    const char *target, *pattern, *replacement, *expected;
} by_regex[] = {
    {"/service/foo/v1/api?q=/service/x", "^/service/([^/]+)(/.*)$", "\\2/instance/\\1",
     "/v1/api/instance/foo?q=/service/x"},
    {"/xxx/one/yyy/one/zzz", "one", "two", "/xxx/two/yyy/two/zzz"},
    {"/xxx/one/yyy/one/zzz", "^(.*?)one(.*)$", "\\1two\\2", "/xxx/two/yyy/one/zzz"},
    {"/aaa/XxX/bbb", "(?i)/xxx/", "/yyy/", "/aaa/yyy/bbb"},
    {"/abc", "z", "y", "/abc"},
    {"/abc", ".*", "", "/"},
    {"/abc", "/", "", "/abc"},
    {"/abc", "b", "[\\0]", "/a[b]c"},
    {"/abc", "b(x)?", "<\\1\\9>", "/a<>c"},
    {"/abc", "b", "\\\\1", "/a\\1c"},
    {"/abc", "b", "\\", "/a\\c"},
    {"/abc", "x*", "-", "/-/-a-b-c-"},
    {"/abab", "(?:ab)*", "-", "/-/-"},
    {"/a%2Fb", "b$", "c d?", "/a%2Fc%20d%3F"},
    {"*", ".", "x", "*"},
};

static void test_a_regular_expression_replaces_all_that_it_finds(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof by_regex / sizeof *by_regex; i++) {
        static struct rewritten r;
        assert_true(rewrite_by_regex(&r, str_from_c(by_regex[i].target), by_regex[i].pattern, by_regex[i].replacement));
        if (!str_eq(r.head.target, str_from_c(by_regex[i].expected)))
            fail_msg("%s, %s -> %s: %.*s, not %s", by_regex[i].target, by_regex[i].pattern, by_regex[i].replacement,
                     STR_ARG(r.head.target), by_regex[i].expected);
        arena_deinit(&r.arena);
    }
}

static void test_a_regular_expression_that_comes_to_a_limit_changes_nothing(void **state)
{
    (void)state;
    static struct rewritten r;
    static char text[REWRITE_MAX_PATH];
    memset(text, 'a', sizeof text);
    text[0] = '/';
    assert_false(rewrite_by_regex(&r, (struct str){text, 100}, "a", "b")); /* too many places */
    assert_true(r.head.target.ptr == text && r.head.target.len == 100);
    arena_deinit(&r.arena);
    assert_true(rewrite_by_regex(&r, (struct str){text, REWRITE_MAX_PATH - 1}, "^", "b")); /* as long as may be */
    assert_int_equal(r.head.target.len, REWRITE_MAX_PATH + 1);                             /* and its slash */
    arena_deinit(&r.arena);
    assert_false(rewrite_by_regex(&r, (struct str){text, REWRITE_MAX_PATH - 1}, "^", "bb"));
    arena_deinit(&r.arena);
    assert_false(
        rewrite_by_regex(&r, (struct str){text, REWRITE_MAX_PATH - 2}, "^", " ")); /* an escape has three bytes */
    arena_deinit(&r.arena);
    assert_false(rewrite_by_regex(&r, (struct str){text, 1000}, "(a|aa)+[yz]", "b"));
    arena_deinit(&r.arena);
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
        cmocka_unit_test(test_what_matched_is_replaced_by_bytes),
        cmocka_unit_test(test_a_regular_expression_replaces_all_that_it_finds),
        cmocka_unit_test(test_a_regular_expression_that_comes_to_a_limit_changes_nothing),
        cmocka_unit_test(test_a_query_keeps_its_bytes_and_what_is_no_path_stays),
        cmocka_unit_test(test_without_a_path_modifier_the_target_is_untouched),
        cmocka_unit_test(test_a_host_replaces_the_one_that_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
