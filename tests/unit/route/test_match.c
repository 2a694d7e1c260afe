/* SPDX-License-Identifier: Apache-2.0 */
#include "match_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define MAX_RULES 12
#define NOBODY (-1)

/* Rules of one listener for all hosts, and which of them takes a request. */
struct match_case {
    const char *rules[MAX_RULES]; /* for all hosts, or "HOST; match" */
    struct {
        const char *request;
        int wants;
    } requests[16];
};

static void add_rules(struct match_fixture *fixture, size_t listener, const char *const *rules)
{
    for (size_t i = 0; i < MAX_RULES && rules[i]; i++) {
        const char *mark = strstr(rules[i], "; ");
        char host[64] = "";
        if (mark)
            snprintf(host, sizeof(host), "%.*s", (int)(mark - rules[i]), rules[i]);
        match_fixture_add_route(fixture, listener, host, mark ? mark + 2 : rules[i]);
    }
}

static void assert_takes(struct match_fixture *fixture, uint32_t socket, const char *request, int wants)
{
    struct route_match match = match_fixture_match(fixture, socket, request);
    int got = match.route == PLAN_NONE ? NOBODY : (int)match.route;
    if (got != wants)
        fail_msg("\"%s\" goes to rule %d instead of %d", request, got, wants);
}

static void check_cases(const struct match_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct match_fixture fixture;
        match_fixture_init(&fixture);
        size_t listener = match_fixture_add_listener(&fixture, 0, "");
        add_rules(&fixture, listener, cases[i].rules);
        match_fixture_build(&fixture);
        for (size_t k = 0; cases[i].requests[k].request; k++)
            assert_takes(&fixture, 0, cases[i].requests[k].request, cases[i].requests[k].wants);
        match_fixture_deinit(&fixture);
    }
}

#define CHECK(cases) check_cases(cases, sizeof(cases) / sizeof((cases)[0]))

static void test_prefix_matches_whole_elements(void **state)
{
    (void)state;
    static const struct match_case cases[] = {
        {{"prefix /foo"},
         {{"GET h /foo", 0},
          {"GET h /foo/", 0},
          {"GET h /foo/bar/baz", 0},
          {"GET h /foo//", 0},
          {"GET h /foobar", NOBODY},
          {"GET h /fo", NOBODY},
          {"GET h /Foo", NOBODY},
          {"GET h /", NOBODY},
          {"GET h /x/foo", NOBODY}}},
        {{"prefix /foo/"}, {{"GET h /foo", 0}, {"GET h /foo/", 0}, {"GET h /foo/x", 0}, {"GET h /foobar", NOBODY}}},
        {{"prefix /"}, {{"GET h /", 0}, {"GET h /a", 0}, {"OPTIONS h *", 0}, {"GET - /a", 0}}},
        {{"prefix /a", "prefix /a/b/c", "prefix /a/b"},
         {{"GET h /a/x", 0}, {"GET h /a/b", 2}, {"GET h /a/b/cc", 2}, {"GET h /a/b/c/d", 1}, {"GET h /b", NOBODY}}},
    };
    CHECK(cases);
}

static void test_exact_path_is_the_whole_path(void **state)
{
    (void)state;
    static const struct match_case cases[] = {
        {{"exact /foo", "exact /foo/"},
         {{"GET h /foo", 0},
          {"GET h /foo/", 1},
          {"GET h /foo/x", NOBODY},
          {"GET h /foo//", NOBODY},
          {"GET h /", NOBODY}}},
        {{"exact /"}, {{"GET h /", 0}, {"GET h /a", NOBODY}, {"OPTIONS h *", NOBODY}}},
    };
    CHECK(cases);
}

static void test_regex_is_matched_against_the_whole_path(void **state)
{
    (void)state;
    static const struct match_case cases[] = {
        {{"regex /v[0-9]+/users"},
         {{"GET h /v1/users", 0},
          {"GET h /v12/users", 0},
          {"GET h /v/users", NOBODY},
          {"GET h /v1/users/", NOBODY},
          {"GET h /x/v1/users", NOBODY}}},
        {{"regex /a|/b/c"}, {{"GET h /a", 0}, {"GET h /b/c", 0}, {"GET h /b", NOBODY}}},
        {{"regex /api/(v1|v2)/.*"}, {{"GET h /api/v2/", 0}, {"GET h /api/v3/", NOBODY}, {"GET h /api/v1/x/y", 0}}},
        {{"regex (?i)/api/.*"}, {{"GET h /API/x", 0}, {"GET h /apj/x", NOBODY}}},
        {{"regex .*"}, {{"GET h /", 0}, {"OPTIONS h *", 0}}},
        {{"regex /api/?"}, {{"GET h /api", 0}, {"GET h /api/", 0}, {"GET h /apx", NOBODY}}},
        {{"regex ^/a\\.b/x$"}, {{"GET h /a.b/x", 0}, {"GET h /aXb/x", NOBODY}}},
    };
    CHECK(cases);
}

static void test_path_precedence_is_exact_regex_prefix(void **state)
{
    (void)state;
    static const struct match_case cases[] = {
        {{"prefix /a/b GET x=1 ?q=1", "regex /a/.* GET", "exact /a/b"},
         {{"GET h /a/b?q=1 x=1", 2}, {"GET h /a/b/ x=1", 1}}},
        /* what an exact path does not take goes on */
        {{"prefix /a", "exact /a/b x=1"}, {{"GET h /a/b x=1", 1}, {"GET h /a/b", 0}}},
        /* longer patterns first, wherever their literal prefix ends */
        {{"regex /a/b/.+", "regex /a/.+.+.+.+", "prefix /a/b/cccc"},
         {{"GET h /a/b/cccc", 1}, {"GET h /a/b/c", 0}, {"GET h /a/xyz", NOBODY}}},
        {{"regex /a/...", "regex /./b.."}, {{"GET h /a/bcd", 0}}},
        {{"prefix /a", "prefix /a/b POST"}, {{"GET h /a/b", 0}, {"POST h /a/b", 1}}},
    };
    CHECK(cases);
}

static void test_method_then_headers_then_parameters_then_order_decide(void **state)
{
    (void)state;
    static const struct match_case cases[] = {
        {{"prefix /", "prefix /"}, {{"GET h /", 0}}},
        {{"prefix /", "prefix / GET"}, {{"GET h /", 1}, {"POST h /", 0}, {"get h /", 0}}},
        {{"prefix / x=1 y=1 ?q=1", "prefix / GET"}, {{"GET h /?q=1 x=1 y=1", 1}}},
        {{"prefix / x=1 ?q=1 ?r=1", "prefix / x=1 y=1"}, {{"GET h /?q=1&r=1 x=1 y=1", 1}, {"GET h /?q=1&r=1 x=1", 0}}},
        {{"prefix / ?q=1", "prefix / ?q=1 ?r=1"}, {{"GET h /?q=1&r=1", 1}, {"GET h /?q=1", 0}}},
        {{"prefix / x=1", "prefix / y=1"}, {{"GET h / x=1 y=1", 0}, {"GET h / y=1", 1}}},
        {{"prefix / x~.*", "prefix / y=1"}, {{"GET h / x=1 y=1", 0}, {"GET h / y=1", 1}}},
        {{"prefix / GET", "prefix / PUT", "prefix / PROPFIND"},
         {{"PUT h /", 1}, {"PROPFIND h /", 2}, {"POST h /", NOBODY}}},
    };
    CHECK(cases);
}

static void test_header_conditions(void **state)
{
    (void)state;
    static const struct match_case cases[] = {
        {{"prefix / X-Version=two"},
         {{"GET h / x-version=two", 0},
          {"GET h / X-VERSION=two", 0},
          {"GET h / x-version=Two", NOBODY},
          {"GET h /", NOBODY},
          {"GET h / x-version=", NOBODY}}},
        /* several fields are one list */
        {{"prefix / x=1,2"}, {{"GET h / x=1 a=b X=2", 0}, {"GET h / x=2 x=1", NOBODY}, {"GET h / x=1,2", 0}}},
        {{"prefix / x=1"}, {{"GET h / x=1 x=2", NOBODY}}},
        {{"prefix / x~[ab]+,c"}, {{"GET h / x=ab x=c", 0}, {"GET h / x=ab,c", 0}, {"GET h / x=ab,cc", NOBODY}}},
        {{"prefix / x~.+ y=1"}, {{"GET h / y=1", NOBODY}, {"GET h / y=1 x=", NOBODY}, {"GET h / y=1 x=0", 0}}},
        /* of a name that comes twice the first counts */
        {{"prefix / x=1 X=2"}, {{"GET h / x=1", 0}, {"GET h / x=2", NOBODY}}},
        {{"prefix / x=1 X~2", "prefix / x=1 y=1"}, {{"GET h / x=1 y=1", 1}}},
        {{"prefix / x="}, {{"GET h / x=", 0}, {"GET h /", NOBODY}}},
    };
    CHECK(cases);
}

static void test_query_conditions(void **state)
{
    (void)state;
    static const struct match_case cases[] = {
        {{"prefix / ?a=1"},
         {{"GET h /?a=1", 0},
          {"GET h /?b=2&a=1", 0},
          {"GET h /?a=1&a=2", 0},
          {"GET h /?a=2&a=1", NOBODY},
          {"GET h /?A=1", NOBODY},
          {"GET h /", NOBODY},
          {"GET h /?a", NOBODY},
          {"GET h /?a=%31", 0},
          {"GET h /?a=1%", NOBODY}}},
        {{"prefix / ?a~x\\Dy"},
         {{"GET h /?a=x+y", 0}, {"GET h /?a=x%20y", 0}, {"GET h /?a=xy", NOBODY}, {"GET h /?a=x%2by", 0}}},
        {{"prefix / ?a=x+y"}, {{"GET h /?a=x%2By", 0}, {"GET h /?a=x+y", NOBODY}}},
        {{"prefix / ?a=%zz"}, {{"GET h /?a=%zz", 0}}},
        {{"prefix / ?a=1 ?A=2"}, {{"GET h /?a=1&A=2", 0}, {"GET h /?a=1", NOBODY}}},
        {{"prefix / ?a= x=1"}, {{"GET h /?a x=1", 0}, {"GET h /?a= x=1", 0}, {"GET h / x=1", NOBODY}}},
    };
    CHECK(cases);
}

static void test_most_specific_host_is_asked_first(void **state)
{
    (void)state;
    static const struct match_case cases[] = {
        {{"prefix /", "*.example.com; prefix /", "*.a.example.com; prefix /", "b.a.example.com; prefix /"},
         {{"GET b.a.example.com /", 3},
          {"GET c.a.example.com /", 2},
          {"GET d.c.a.example.com /", 2},
          {"GET a.example.com /", 1},
          {"GET x.example.com /", 1},
          {"GET example.com /", 0},
          {"GET .example.com /", 0},
          {"GET other.test /", 0},
          {"GET - /", 0}}},
        /* what none of its rules take goes to the next */
        {{"exact /all", "*.example.com; prefix /wild", "a.example.com; prefix /one"},
         {{"GET a.example.com /one", 2},
          {"GET a.example.com /wild", 1},
          {"GET a.example.com /all", 0},
          {"GET a.example.com /no", NOBODY}}},
        /* the host weighs more than the path */
        {{"exact /a/b GET", "*.test; prefix /"}, {{"GET x.test /a/b", 1}}},
        {{"a.test; prefix /", "*.b.test; prefix /"},
         {{"GET A.Test:8080 /", 0},
          {"GET a.test. /", 0},
          {"GET a.test.:80 /", 0},
          {"GET x.B.test:1 /", 1},
          {"GET b.test /", NOBODY},
          {"GET xa.test /", NOBODY},
          {"GET bad:host:1 /", NOBODY}}},
        {{"*.Example.COM; prefix /", "A.example.com; prefix /"},
         {{"GET a.example.com /", 1}, {"GET b.example.com /", 0}}},
        {{"::1; prefix /", "127.0.0.1; prefix /"},
         {{"GET [::1]:80 /", 0}, {"GET [::1] /", 0}, {"GET 127.0.0.1:80 /", 1}, {"GET [::2] /", NOBODY}}},
    };
    CHECK(cases);
}

static void test_most_specific_listener_alone_is_asked(void **state)
{
    (void)state;
    struct match_fixture fixture;
    match_fixture_init(&fixture);
    size_t all = match_fixture_add_listener(&fixture, 0, "");
    size_t wild = match_fixture_add_listener(&fixture, 0, "*.example.com");
    size_t one = match_fixture_add_listener(&fixture, 0, "a.example.com");
    size_t other = match_fixture_add_listener(&fixture, 1, "a.example.com");
    match_fixture_add_route(&fixture, all, "", "prefix /");
    match_fixture_add_route(&fixture, wild, "*.example.com", "prefix /wild");
    match_fixture_add_route(&fixture, one, "a.example.com", "prefix /one");
    match_fixture_add_route(&fixture, other, "a.example.com", "prefix /other");
    match_fixture_build(&fixture);

    assert_takes(&fixture, 0, "GET a.example.com /one", 2);
    assert_takes(&fixture, 0, "GET a.example.com /wild", NOBODY);
    assert_takes(&fixture, 0, "GET a.example.com /", NOBODY);
    assert_takes(&fixture, 0, "GET b.example.com /wild", 1);
    assert_takes(&fixture, 0, "GET b.example.com /", NOBODY);
    assert_takes(&fixture, 0, "GET example.com /one", 0);
    assert_takes(&fixture, 1, "GET a.example.com /other", 3);
    assert_takes(&fixture, 1, "GET a.example.com /one", NOBODY);
    assert_takes(&fixture, 2, "GET a.example.com /one", NOBODY);
    assert_takes(&fixture, PLAN_NONE, "GET a.example.com /one", NOBODY);

    assert_int_equal(match_fixture_match(&fixture, 0, "GET a.example.com /no").listener, one);
    assert_int_equal(match_fixture_match(&fixture, 0, "GET b.example.com /no").listener, wild);
    assert_int_equal(match_fixture_match(&fixture, 0, "GET c.test /no").listener, all);
    assert_int_equal(match_fixture_match(&fixture, 1, "GET c.test /no").listener, PLAN_NONE);
    match_fixture_deinit(&fixture);
}

static void test_match_says_how_much_a_prefix_covers(void **state)
{
    (void)state;
    struct match_fixture fixture;
    match_fixture_init(&fixture);
    size_t listener = match_fixture_add_listener(&fixture, 0, "");
    match_fixture_add_route(&fixture, listener, "", "prefix /");
    match_fixture_add_route(&fixture, listener, "", "prefix /ab/c/");
    match_fixture_add_route(&fixture, listener, "", "exact /ab/c/exact");
    match_fixture_build(&fixture);
    assert_int_equal(match_fixture_match(&fixture, 0, "GET h /x").prefix_len, 0);
    assert_int_equal(match_fixture_match(&fixture, 0, "GET h /ab/c").prefix_len, 5);
    assert_int_equal(match_fixture_match(&fixture, 0, "GET h /ab/c/d").prefix_len, 5);
    assert_int_equal(match_fixture_match(&fixture, 0, "GET h /ab/c/exact").prefix_len, 0);
    match_fixture_deinit(&fixture);
}

static void test_route_with_several_hosts_listeners_and_matches(void **state)
{
    (void)state;
    struct match_fixture fixture;
    match_fixture_init(&fixture);
    match_fixture_add_listener(&fixture, 0, "");
    match_fixture_add_listener(&fixture, 1, "");
    match_fixture_add_route(&fixture, 0, "", "prefix /");
    match_fixture_add_route(&fixture, 0, "", "prefix /");
    static const struct rule_binding bindings[] = {
        {0, STR_INIT("a.test")}, {0, STR_INIT("b.test")}, {1, STR_INIT("")}, {0, STR_INIT("a.test")}};
    static const struct rule_match matches[] = {{.path_kind = PATH_MATCH_EXACT, .path = STR_INIT("/x")},
                                                {.path_kind = PATH_MATCH_PREFIX, .path = STR_INIT("/y")}};
    fixture.routes[1].bindings = bindings;
    fixture.routes[1].binding_count = 4;
    fixture.routes[1].matches = matches;
    fixture.routes[1].match_count = 2;
    match_fixture_build(&fixture);
    assert_takes(&fixture, 0, "GET a.test /x", 1);
    assert_takes(&fixture, 0, "GET b.test /y/z", 1);
    assert_takes(&fixture, 0, "GET c.test /x", 0);
    assert_takes(&fixture, 0, "GET a.test /z", 0);
    assert_takes(&fixture, 1, "GET c.test /x", 1);
    assert_takes(&fixture, 1, "GET c.test /z", NOBODY);
    match_fixture_deinit(&fixture);
}

static void test_path_of_500_elements(void **state)
{
    (void)state;
    struct match_fixture fixture;
    match_fixture_init(&fixture);
    size_t listener = match_fixture_add_listener(&fixture, 0, "");
    char rule[1100] = "prefix ", request[1100] = "GET h ";
    for (size_t i = 0; i < 499; i++) {
        memcpy(rule + 7 + 2 * i, "/a", 3);
        memcpy(request + 6 + 2 * i, "/a", 3);
    }
    match_fixture_add_route(&fixture, listener, "", "prefix /");
    match_fixture_add_route(&fixture, listener, "", rule);
    match_fixture_build(&fixture);
    request[6 + 2 * 498] = '\0';
    assert_takes(&fixture, 0, request, 0);
    memcpy(request + 6 + 2 * 498, "/a/x", 5);
    assert_takes(&fixture, 0, request, 1);
    assert_int_equal(match_fixture_match(&fixture, 0, request).prefix_len, 998);
    match_fixture_deinit(&fixture);
}

/* Two elements share no string, but could share a slot. */
static void test_many_names_are_all_found(void **state)
{
    (void)state;
    struct match_fixture fixture;
    char rule[64], host[64], request[160];
    match_fixture_init(&fixture);
    size_t listener = match_fixture_add_listener(&fixture, 0, "");
    for (unsigned i = 0; i < FIXTURE_ROUTES; i++) {
        snprintf(rule, sizeof(rule), "prefix /p%u v=%u", i % 16, i);
        snprintf(host, sizeof(host), "host-%u.test", i % 64);
        match_fixture_add_route(&fixture, listener, host, rule);
    }
    match_fixture_build(&fixture);
    for (unsigned i = 0; i < FIXTURE_ROUTES; i++) {
        snprintf(request, sizeof(request), "GET host-%u.test /p%u/x v=%u", i % 64, i % 16, i);
        assert_takes(&fixture, 0, request, (int)i);
        snprintf(request, sizeof(request), "GET host-%u.test /p%u/x v=%u", i % 64, i % 16, i + 1);
        assert_takes(&fixture, 0, request, NOBODY);
    }
    match_fixture_deinit(&fixture);
}

/* Each goes through all ways of (x+x+)+[yz] before it can say no. */
static void test_regexes_at_their_limit_are_no_match_and_counted(void **state)
{
    (void)state;
    struct match_fixture fixture;
    char request[512];
    match_fixture_init(&fixture);
    size_t listener = match_fixture_add_listener(&fixture, 0, "");
    for (unsigned i = 0; i < 20; i++)
        match_fixture_add_route(&fixture, listener, "", "regex /(x+x+)+[yz]");
    size_t last = match_fixture_add_route(&fixture, listener, "", "prefix /");
    match_fixture_build(&fixture);
    memset(request, 'x', sizeof(request));
    memcpy(request, "GET h /", 7);
    request[200] = '\0';
    assert_takes(&fixture, 0, request, (int)last);
    assert_int_equal(fixture.scratch.limit_hits, 4);
    fixture.scratch.limit_hits = 0;
    assert_takes(&fixture, 0, "GET h /xxxxy", 0);
    assert_int_equal(fixture.scratch.limit_hits, 0);
    match_fixture_deinit(&fixture);
}

static void test_values_over_the_limit_match_nothing(void **state)
{
    (void)state;
    struct match_fixture fixture;
    static char value[PLAN_MAX_VALUE + 2];
    memset(value, 'v', sizeof(value));
    match_fixture_init(&fixture);
    size_t listener = match_fixture_add_listener(&fixture, 0, "");
    match_fixture_add_route(&fixture, listener, "", "prefix / x~v+");
    match_fixture_add_route(&fixture, listener, "", "prefix / y~[v,]+");
    match_fixture_build(&fixture);
    struct {
        struct field fields[2];
        uint32_t wants;
    } cases[] = {
        {{{.name = STR("x"), .value = {value, PLAN_MAX_VALUE}}, {.name = STR("z")}}, 0},
        {{{.name = STR("x"), .value = {value, PLAN_MAX_VALUE + 1}}, {.name = STR("z")}}, PLAN_NONE},
        {{{.name = STR("y"), .value = {value, PLAN_MAX_VALUE - 2}}, {.name = STR("y"), .value = {value, 1}}}, 1},
        {{{.name = STR("y"), .value = {value, PLAN_MAX_VALUE - 1}}, {.name = STR("y"), .value = {value, 1}}},
         PLAN_NONE},
        {{{.name = STR("y"), .value = {value, PLAN_MAX_VALUE + 1}}, {.name = STR("y"), .value = {value, 1}}},
         PLAN_NONE},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct head head = {.method = STR("GET"), .fields = cases[i].fields, .field_count = 2};
        struct route_match match;
        route_match(fixture.plan, fixture.regexes, &fixture.scratch,
                    &(struct route_request){.head = &head, .path = STR("/")}, &match);
        assert_int_equal(match.route, cases[i].wants);
    }
    match_fixture_deinit(&fixture);
}

static void test_of_prefixes_of_one_length_the_heavier_comes_first(void **state)
{
    (void)state;
    static const struct match_case cases[] = {
        {{"prefix /", "prefix /~/[^/]+/Get", "prefix /~/[^/]+/GetAll", "prefix /shop", "prefix /~/s.*/Get|/never"},
         {{"POST a /cart/Get", 1},
          {"POST a /cart/GetAll", 2},
          {"POST a /cart/Put", 0},
          {"POST a /shop/Get", 3},
          {"POST a /stock/Get", 4},
          {"POST a /stock/x/Get", 4},
          {"POST a /Get", 0}}},
        {{"prefix /~/[^/]+/Get v=1", "prefix /~/[^/]+/Get", "prefix /~/[^/]+/(Get|Put) w=1"},
         {{"POST a /x/Get", 1}, {"POST a /x/Get v=1", 0}, {"POST a /x/Get v=1 w=1", 2}, {"POST a /x/Put v=1", NOBODY}}},
    };
    CHECK(cases);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_prefix_matches_whole_elements),
        cmocka_unit_test(test_exact_path_is_the_whole_path),
        cmocka_unit_test(test_regex_is_matched_against_the_whole_path),
        cmocka_unit_test(test_path_precedence_is_exact_regex_prefix),
        cmocka_unit_test(test_of_prefixes_of_one_length_the_heavier_comes_first),
        cmocka_unit_test(test_method_then_headers_then_parameters_then_order_decide),
        cmocka_unit_test(test_header_conditions),
        cmocka_unit_test(test_query_conditions),
        cmocka_unit_test(test_most_specific_host_is_asked_first),
        cmocka_unit_test(test_most_specific_listener_alone_is_asked),
        cmocka_unit_test(test_match_says_how_much_a_prefix_covers),
        cmocka_unit_test(test_route_with_several_hosts_listeners_and_matches),
        cmocka_unit_test(test_path_of_500_elements),
        cmocka_unit_test(test_many_names_are_all_found),
        cmocka_unit_test(test_regexes_at_their_limit_are_no_match_and_counted),
        cmocka_unit_test(test_values_over_the_limit_match_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
