/* SPDX-License-Identifier: Apache-2.0 */
/* Matches in written order, as Istio has them. */
#include "match_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define MAX_RULES 12
#define NOBODY (-1)

/* Rules of one listener (port 8080) for all hosts, and which of them takes a request. */
struct match_case {
    const char *rules[MAX_RULES]; /* for all hosts, or "HOST; match" */
    struct {
        const char *request;
        int wants;
    } requests[20];
};

static void add_rules(struct match_fixture *fixture, const char *const *rules)
{
    for (size_t i = 0; i < MAX_RULES && rules[i]; i++) {
        const char *mark = strstr(rules[i], "; ");
        char host[64] = "";
        if (mark)
            snprintf(host, sizeof(host), "%.*s", (int)(mark - rules[i]), rules[i]);
        match_fixture_add_route(fixture, 0, host, mark ? mark + 2 : rules[i]);
    }
}

static void assert_takes(struct match_fixture *fixture, const char *request, int wants)
{
    struct route_match match = match_fixture_match(fixture, 0, request);
    int got = match.route == PLAN_NONE ? NOBODY : (int)match.route;
    if (got != wants)
        fail_msg("\"%s\" goes to rule %d instead of %d", request, got, wants);
}

static void check_cases(const struct match_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct match_fixture fixture;
        match_fixture_init(&fixture);
        match_fixture_add_listener(&fixture, 0, "");
        add_rules(&fixture, cases[i].rules);
        match_fixture_build(&fixture);
        for (size_t k = 0; cases[i].requests[k].request; k++)
            assert_takes(&fixture, cases[i].requests[k].request, cases[i].requests[k].wants);
        match_fixture_deinit(&fixture);
    }
}

#define CHECK(cases) check_cases(cases, sizeof(cases) / sizeof((cases)[0]))

static void test_the_first_that_applies_wins_whatever_it_is(void **state)
{
    (void)state;
    static const struct match_case cases[] = {
        {{"then string /", "then exact /a/b", "then string /a GET x=1"},
         {{"GET h /a/b", 0}, {"GET h /a x=1", 0}, {"GET h /", 0}}},
        {{"then string /a", "then regex /.*", "then exact /x", "then string /"},
         {{"GET h /a", 0}, {"GET h /ab", 0}, {"GET h /x", 1}, {"GET h /b/c", 1}}},
        {{"then string /a x=1", "then prefix /a", "then exact /a/b POST", "then string /"},
         {{"GET h /a/b x=1", 0}, {"POST h /a/b", 1}, {"GET h /ab", 3}, {"GET h /ab x=1", 0}}},
        /* `order` comes before the place */
        {{"then1 string /", "then string /a", "then1 string /b", "then exact /"},
         {{"GET h /a", 1}, {"GET h /b", 0}, {"GET h /", 3}, {"GET h /c", 0}}},
    };
    CHECK(cases);
}

static void test_a_string_is_the_beginning_of_a_path(void **state)
{
    (void)state;
    static const struct match_case cases[] = {
        {{"then string /foo"},
         {{"GET h /foo", 0},
          {"GET h /foobar", 0},
          {"GET h /foo/", 0},
          {"GET h /foo/bar", 0},
          {"GET h /foob/ar", 0},
          {"GET h /fo", NOBODY},
          {"GET h /fo/o", NOBODY},
          {"GET h /", NOBODY},
          {"GET h /x/foo", NOBODY},
          {"GET h /Foo", NOBODY},
          {"OPTIONS h *", NOBODY}}},
        {{"then string /foo/"},
         {{"GET h /foo/", 0},
          {"GET h /foo/x", 0},
          {"GET h /foo//", 0},
          {"GET h /foo", NOBODY},
          {"GET h /foox/", NOBODY}}},
        {{"then string /"}, {{"GET h /", 0}, {"GET h //", 0}, {"GET - /a/b", 0}, {"OPTIONS h *", NOBODY}}},
        {{"then string /a/b/cd", "then string /a/b/c", "then string /a/b/", "then string /a/b", "then string /a"},
         {{"GET h /a/b/cde", 0},
          {"GET h /a/b/c/d", 1},
          {"GET h /a/b/x", 2},
          {"GET h /a/b/", 2},
          {"GET h /a/b", 3},
          {"GET h /a/bc", 3},
          {"GET h /a/c", 4},
          {"GET h /ab/c", 4},
          {"GET h /b", NOBODY}}},
        {{"then string //a"}, {{"GET h //a", 0}, {"GET h //ab/c", 0}, {"GET h /a", NOBODY}}},
        {{"then string /a GET x=1", "then string /a x=2", "then string /a"},
         {{"GET h /a x=1", 0}, {"POST h /ab x=1", 2}, {"GET h /a x=2", 1}, {"GET h /a/b", 2}}},
    };
    CHECK(cases);
}

static void test_paths_may_be_compared_without_case(void **state)
{
    (void)state;
    static const struct match_case cases[] = {
        {{"then iexact /Foo/Bar", "then istring /SHOP", "then exact /shop", "then string /"},
         {{"GET h /foo/bar", 0},
          {"GET h /FOO/BAR", 0},
          {"GET h /foo/bar/", 3},
          {"GET h /shop", 1},
          {"GET h /Shopping/Cart", 1},
          {"GET h /sho", 3}}},
        {{"then string /shop", "then istring /shop"}, {{"GET h /shop/1", 0}, {"GET h /Shop/1", 1}}},
        {{"then istring /shop", "then string /shop"}, {{"GET h /shop/1", 0}, {"GET h /Shop/1", 0}}},
    };
    CHECK(cases);
}

static void test_conditions_look_at_all_that_istio_looks_at(void **state)
{
    (void)state;
    static const struct match_case cases[] = {
        {{"then string / x^ab", "then string / x~a|b", "then string / x+", "then string /"},
         {{"GET h / x=abc", 0},
          {"GET h / x=ab", 0},
          {"GET h / x=a", 1},
          {"GET h / X=b", 1},
          {"GET h / x=c", 2},
          {"GET h / x=", 2},
          {"GET h /", 3}}},
        {{"then string / ?q^1", "then string / ?q=", "then string / ?q+", "then string / !?q+"},
         {{"GET h /?q=12", 0}, {"GET h /?q=", 1}, {"GET h /?q", 1}, {"GET h /?q=2", 2}, {"GET h /", 3}}},
        {{"then string / @method=GET", "then string / @method^P", "then string / @method~[A-Z]+D.*", "then string /"},
         {{"GET h /", 0}, {"POST h /", 1}, {"PATCH h /", 1}, {"HEAD h /", 2}, {"OPTIONS h /", 3}, {"get h /", 3}}},
        {{"then string / @scheme=https", "then string / @scheme^http"}, {{"GET h /", 1}}},
        {{"then string / @scheme~https?"}, {{"GET h /", 0}}},
        {{"then string / @authority=a.test:8080", "then string / @authority=a.test", "then string / @authority^B.",
          "then string / @authority~.*\\.c(:[0-9]+)?"},
         {{"GET a.test:8080 /", 0},
          {"GET a.test /", 1},
          {"GET a.test:80 /", NOBODY},
          {"GET A.test /", NOBODY},
          {"GET B.test:1 /", 2},
          {"GET b.test /", NOBODY},
          {"GET x.c:9 /", 3},
          {"GET - /", NOBODY}}},
        {{"then string / @port=80", "then string / @port=8080"}, {{"GET h:80 /", 1}}},
        {{"then string / x+ y=1 ?q^a @method=GET @port=8080 @scheme=http", "then string /"},
         {{"GET h /?q=ab y=1 x=9", 0},
          {"GET h /?q=ab y=1", 1},
          {"POST h /?q=ab y=1 x=9", 1},
          {"GET h /?q=b y=1 x=9", 1}}},
    };
    CHECK(cases);
}

static void test_a_negated_condition_is_met_where_the_other_is_not(void **state)
{
    (void)state;
    static const struct match_case cases[] = {
        {{"then string / !x=a", "then string /"},
         {{"GET h /", 0}, {"GET h / x=b", 0}, {"GET h / x=a", 1}, {"GET h / x=a x=b", 0}}},
        {{"then string / !x+", "then string /"}, {{"GET h /", 0}, {"GET h / x=", 1}, {"GET h / x=a", 1}}},
        {{"then string / !x^a", "then string /"}, {{"GET h /", 0}, {"GET h / x=ba", 0}, {"GET h / x=ab", 1}}},
        {{"then string / !x~a*", "then string /"},
         {{"GET h /", 0}, {"GET h / x=b", 0}, {"GET h / x=aa", 1}, {"GET h / x=", 1}}},
        /* of one name both count */
        {{"then string / x+ !x=a", "then string /"}, {{"GET h /", 1}, {"GET h / x=b", 0}, {"GET h / x=a", 1}}},
    };
    CHECK(cases);
}

static void test_what_is_not_known_is_not_met_negated_either(void **state)
{
    (void)state;
    struct match_fixture fixture;
    match_fixture_init(&fixture);
    match_fixture_add_listener(&fixture, 0, "");
    match_fixture_add_route(&fixture, 0, "", "then string / !x=a");
    match_fixture_add_route(&fixture, 0, "", "then string / x+");
    match_fixture_build(&fixture);
    char *text = arena_alloc(&fixture.arena, PLAN_MAX_VALUE + 1);
    memset(text, 'b', PLAN_MAX_VALUE + 1);
    struct field field = {STR("x"), {text, PLAN_MAX_VALUE + 1}, FIELD_OTHER};
    struct head head = {
        .method = STR("GET"), .authority = STR("h"), .path = STR("/"), .fields = &field, .field_count = 1};
    struct route_match match;
    route_match(fixture.plan, fixture.regexes, &fixture.scratch,
                &(struct route_request){.head = &head, .path = head.path}, &match);
    assert_int_equal(match.route, 1);
    field.value.len--;
    route_match(fixture.plan, fixture.regexes, &fixture.scratch,
                &(struct route_request){.head = &head, .path = head.path}, &match);
    assert_int_equal(match.route, 0);
    match_fixture_deinit(&fixture);
}

static void test_a_host_with_written_order_is_the_last_one(void **state)
{
    (void)state;
    static const struct match_case cases[] = {
        {{"a.test; then string /a", "*.test; then string /", "; then string /"},
         {{"GET a.test /a", 0},
          {"GET a.test /b", NOBODY},
          {"GET b.test /b", 1},
          {"GET b.c.test /", 1},
          {"GET other /", 2}}},
        {{"*.b.test; then string /x", "*.test; then string /"},
         {{"GET a.b.test /x", 0}, {"GET a.b.test /y", NOBODY}, {"GET a.test /y", 1}}},
        /* rules by precedence come first at a host, and alone let less specific hosts have a turn */
        {{"a.test; then exact /a", "a.test; prefix /", "; prefix /b"}, {{"GET a.test /a", 1}, {"GET a.test /b", 1}}},
        {{"a.test; then string /a", "a.test; prefix /a/b", "; prefix /"},
         {{"GET a.test /a/b", 1}, {"GET a.test /a/c", 0}, {"GET a.test /c", NOBODY}, {"GET c.test /c", 2}}},
        {{"a.test; prefix /a", "; then string /"}, {{"GET a.test /a", 0}, {"GET a.test /b", 1}}},
    };
    CHECK(cases);
}

static void test_a_peer_is_told_by_its_address(void **state)
{
    (void)state;
    static const struct {
        const char *peer;
        int wants;
    } peers[] = {{"10.0.0.1:1234", 0}, {"10.0.0.2:80", 0}, {"10.0.0.3:80", 1}, {"[::ffff:10.0.0.2]:9", 0},
                 {"[fd00::1]:9", 0},   {"[fd00::2]:9", 3}, {"10.0.0.4:80", 3}, {"unix:/x", 3}};
    struct match_fixture fixture;
    match_fixture_init(&fixture);
    match_fixture_add_listener(&fixture, 0, "");
    match_fixture_add_route(&fixture, 0, "", "then string / @peer=web");
    match_fixture_add_route(&fixture, 0, "", "then string / @peer=db");
    match_fixture_add_route(&fixture, 0, "", "then string / @peer=nobody");
    match_fixture_add_route(&fixture, 0, "", "then string / !@peer=unknown");
    match_fixture_build(&fixture);
    fixture.peer = (struct address){.family = ADDRESS_IPV4, .ip = {10, 0, 0, 1}};
    assert_takes(&fixture, "GET h /", 3); /* no set is known yet */
    match_fixture_set_peers(&fixture, "web=10.0.0.2,fd00::1,10.0.0.1,10.0.0.2 db=10.0.0.3 nobody=");
    for (size_t i = 0; i < sizeof(peers) / sizeof(peers[0]); i++) {
        assert_true(address_parse(str_from_c(peers[i].peer), &fixture.peer));
        struct route_match match = match_fixture_match(&fixture, 0, "GET h /");
        if ((int)match.route != peers[i].wants)
            fail_msg("%s goes to rule %d instead of %d", peers[i].peer, (int)match.route, peers[i].wants);
    }
    match_fixture_deinit(&fixture);
}

static void test_what_a_match_covers_is_told(void **state)
{
    (void)state;
    static const struct {
        const char *rule, *request;
        size_t wants;
    } cases[] = {{"then string /foo", "GET h /foobar", 4},  {"then string /foo/", "GET h /foo/bar", 5},
                 {"then istring /FOO", "GET h /foobar", 4}, {"then string /", "GET h /foo", 1},
                 {"then exact /foo", "GET h /foo", 0},      {"then regex /f.*", "GET h /foo", 0},
                 {"then prefix /foo", "GET h /foo/b", 4}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct match_fixture fixture;
        match_fixture_init(&fixture);
        match_fixture_add_listener(&fixture, 0, "");
        match_fixture_add_route(&fixture, 0, "", cases[i].rule);
        match_fixture_build(&fixture);
        struct route_match match = match_fixture_match(&fixture, 0, cases[i].request);
        assert_int_equal(match.route, 0);
        if (match.prefix_len != cases[i].wants)
            fail_msg("%s covers %zu bytes, not %zu", cases[i].rule, match.prefix_len, cases[i].wants);
        match_fixture_deinit(&fixture);
    }
}

/* What lies behind the part that is folded can't make one path out of another. */
static void test_long_paths_are_compared_without_case_as_far_as_they_are_read(void **state)
{
    (void)state;
    struct match_fixture fixture;
    struct route_match match;
    match_fixture_init(&fixture);
    match_fixture_add_listener(&fixture, 0, "");
    match_fixture_add_route(&fixture, 0, "", "then istring /aa");
    char *rule = arena_alloc(&fixture.arena, 2 * PLAN_MAX_FOLDED),
         *path = arena_alloc(&fixture.arena, 2 * PLAN_MAX_FOLDED);
    memset(rule, 'a', 2 * PLAN_MAX_FOLDED);
    memset(path, 'A', 2 * PLAN_MAX_FOLDED);
    rule[0] = path[0] = '/';
    size_t index = match_fixture_add_route(&fixture, 0, "", "then iexact /b");
    struct rule_match exact = {.path_kind = PATH_MATCH_EXACT, .path = {rule, PLAN_MAX_FOLDED}, .ignores_case = true};
    struct rule_match longer = exact;
    fixture.routes[index].matches = &exact;
    fixture.rules.routes++; /* without the first */
    fixture.rules.route_count--;
    match_fixture_build(&fixture);
    struct head head = {.method = STR("GET"), .authority = STR("h")};
    struct route_request request = {.head = &head, .path = {path, PLAN_MAX_FOLDED}};
    route_match(fixture.plan, fixture.regexes, &fixture.scratch, &request, &match);
    assert_int_equal(match.route, 0);
    request.path.len++;
    route_match(fixture.plan, fixture.regexes, &fixture.scratch, &request, &match);
    assert_int_equal(match.route, PLAN_NONE);
    request.path.len = 2 * PLAN_MAX_FOLDED;
    route_match(fixture.plan, fixture.regexes, &fixture.scratch, &request, &match);
    assert_int_equal(match.route, PLAN_NONE);
    longer.path.len++;
    fixture.routes[index].matches = &longer;
    struct err err;
    assert_int_equal(plan_build(&fixture.rules, &err), -1);
    assert_non_null(strstr(err.text, "a path without case has more than 4096 bytes"));
    match_fixture_deinit(&fixture);
}

static void test_what_has_no_place_in_an_order_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *rule, *reason;
    } cases[] = {{"string /a", "has no place in the Gateway API's precedence"},
                 {"iexact /a", "of matches in written order alone"},
                 {"then iregex /a", "says itself what it makes of case"},
                 {"then string a", "does not begin with a slash"},
                 {"then string / @peer~a", "no condition of kind 6 that tests so"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct match_fixture fixture;
        struct err err;
        match_fixture_init(&fixture);
        match_fixture_add_listener(&fixture, 0, "");
        match_fixture_add_route(&fixture, 0, "", cases[i].rule);
        assert_int_equal(plan_build(&fixture.rules, &err), -1);
        if (!strstr(err.text, cases[i].reason))
            fail_msg("%s: \"%s\" does not say \"%s\"", cases[i].rule, err.text, cases[i].reason);
        match_fixture_deinit(&fixture);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_first_that_applies_wins_whatever_it_is),
        cmocka_unit_test(test_a_string_is_the_beginning_of_a_path),
        cmocka_unit_test(test_paths_may_be_compared_without_case),
        cmocka_unit_test(test_conditions_look_at_all_that_istio_looks_at),
        cmocka_unit_test(test_a_negated_condition_is_met_where_the_other_is_not),
        cmocka_unit_test(test_what_is_not_known_is_not_met_negated_either),
        cmocka_unit_test(test_a_host_with_written_order_is_the_last_one),
        cmocka_unit_test(test_a_peer_is_told_by_its_address),
        cmocka_unit_test(test_what_a_match_covers_is_told),
        cmocka_unit_test(test_long_paths_are_compared_without_case_as_far_as_they_are_read),
        cmocka_unit_test(test_what_has_no_place_in_an_order_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
