/* SPDX-License-Identifier: Apache-2.0 */
#include "route/redirect.h"

#include "http/http1_parse.h"
#include "http/url.h"
#include "plan_fixture.h"

struct wanted {
    const char *scheme, *hostname;
    enum plan_path_kind kind;
    const char *path;
    uint32_t port;
    enum plan_redirect_port port_kind;
    const char *query;
};
#define OF_REQUEST .port_kind = REDIRECT_PORT_OF_REQUEST
#define OF_LISTENER .port_kind = REDIRECT_PORT_OF_LISTENER

static const struct {
    const char *target, *host;
    bool is_tls;
    uint32_t listener_port;
    struct wanted rule;
    const char *location;
} cases[] = {
    /* nothing said: the request's */
    {"/a?b", "a.com", false, 80, {.kind = REWRITE_NO_PATH}, "http://a.com/a?b"},
    {"/a", "a.com:80", false, 80, {.kind = REWRITE_NO_PATH}, "http://a.com/a"},
    {"/a", "a.com:9", false, 8080, {.kind = REWRITE_NO_PATH}, "http://a.com:8080/a"},
    {"/a", "a.com", true, 443, {.kind = REWRITE_NO_PATH}, "https://a.com/a"},
    {"/a", "a.com", false, 0, {.kind = REWRITE_NO_PATH}, "http://a.com/a"},
    /* ports, as the conformance suite has them: listener on 80 */
    {"/p", "x", false, 80, {.hostname = "example.org"}, "http://example.org/p"},
    {"/p", "x", false, 80, {.hostname = "example.org", .port = 80}, "http://example.org/p"},
    {"/p", "x", false, 80, {.hostname = "example.org", .port = 8080}, "http://example.org:8080/p"},
    {"/p", "x", false, 80, {.scheme = "https", .hostname = "example.org"}, "https://example.org/p"},
    {"/p", "x", false, 80, {.scheme = "https", .hostname = "example.org", .port = 443}, "https://example.org/p"},
    {"/p", "x", false, 80, {.scheme = "https", .hostname = "example.org", .port = 8443}, "https://example.org:8443/p"},
    /* listener on 8080 */
    {"/p", "x", false, 8080, {.hostname = "example.org"}, "http://example.org:8080/p"},
    {"/p", "x", false, 8080, {.hostname = "example.org", .port = 80}, "http://example.org/p"},
    {"/p", "x", false, 8080, {.scheme = "https", .hostname = "example.org"}, "https://example.org/p"},
    /* TLS on 443 */
    {"/p", "x", true, 443, {.hostname = "example.org"}, "https://example.org/p"},
    {"/p", "x", true, 443, {.hostname = "example.org", .port = 443}, "https://example.org/p"},
    {"/p", "x", true, 443, {.hostname = "example.org", .port = 8443}, "https://example.org:8443/p"},
    {"/p", "x", true, 443, {.scheme = "http", .hostname = "example.org"}, "http://example.org/p"},
    {"/p", "x", true, 443, {.scheme = "http", .hostname = "example.org", .port = 80}, "http://example.org/p"},
    {"/p", "x", true, 443, {.scheme = "http", .hostname = "example.org", .port = 8080}, "http://example.org:8080/p"},
    {"/p", "x", false, 80, {.port = 443}, "http://x:443/p"},
    {"/p", "x", false, 80, {.port = 70000}, "http://x/p"},
    /* paths */
    {"/foo/lemon?q=1", "x", false, 80, {.kind = REWRITE_PREFIX, .path = "/new"}, "http://x/new/lemon?q=1"},
    {"/foo", "x", false, 80, {.kind = REWRITE_PREFIX, .path = "/new"}, "http://x/new"},
    {"/foo/bar?", "x", false, 80, {.kind = REWRITE_FULL_PATH, .path = "/full"}, "http://x/full?"},
    {"/foo/../foo/a", "x", false, 80, {.kind = REWRITE_PREFIX, .path = "/new"}, "http://x/new/a"},
    {"/foo//evil.com", "x", false, 80, {.kind = REWRITE_PREFIX, .path = "/"}, "http://x//evil.com"},
    {"//evil.com/", "x", false, 80, {.kind = REWRITE_NO_PATH}, "http://x//evil.com/"},
    {"/foo/%0d%0aX:y", "x", false, 80, {.kind = REWRITE_NO_PATH}, "http://x/foo/%0d%0aX:y"},
    {"/a", "x", false, 80, {.kind = REWRITE_FULL_PATH, .path = "/\r\nX: y"}, "http://x/%0D%0AX:%20y"},
    /* ports as Envoy has them */
    {"/p", "x:9", false, 8080, {OF_REQUEST}, "http://x:9/p"},
    {"/p", "x", false, 8080, {OF_REQUEST}, "http://x/p"},
    {"/p", "x:80", false, 80, {OF_REQUEST}, "http://x:80/p"},
    {"/p", "x:80", false, 80, {.scheme = "https", OF_REQUEST}, "https://x/p"},
    {"/p", "x:443", true, 443, {.scheme = "http", OF_REQUEST}, "http://x/p"},
    {"/p", "x:8080", false, 8080, {.scheme = "https", OF_REQUEST}, "https://x:8080/p"},
    {"/p", "x:443", false, 8080, {.scheme = "https", OF_REQUEST}, "https://x:443/p"},
    {"/p", "[::1]:80", false, 80, {.scheme = "https", OF_REQUEST}, "https://[::1]/p"},
    {"/p", "x:9", false, 8080, {.port = 7, OF_REQUEST}, "http://x:7/p"},
    {"/p", "x:9", false, 8080, {.port = 80, OF_REQUEST}, "http://x/p"},
    {"/p", "x:9", false, 8080, {.hostname = "y", OF_REQUEST}, "http://y/p"},
    {"/p", "x:9", false, 8080, {.hostname = "y:6", OF_REQUEST}, "http://y:6/p"},
    {"/p", "x:9", false, 8080, {.hostname = "y", .port = 7, OF_REQUEST}, "http://y:7/p"},
    {"/p", "x:9", false, 8080, {OF_LISTENER}, "http://x:8080/p"},
    {"/p", "x:9", false, 8080, {.scheme = "https", .hostname = "y", OF_LISTENER}, "https://y:8080/p"},
    {"/p", "x:9", true, 443, {OF_LISTENER}, "https://x/p"},
    /* queries of the rule's own, and what matched */
    {"/p?a=1", "x", false, 80, {.query = "b=2&c"}, "http://x/p?b=2&c"},
    {"/p", "x", false, 80, {.kind = REWRITE_FULL_PATH, .path = "/q", .query = "b=%20"}, "http://x/q?b=%20"},
    {"/p?a=1", "x", false, 80, {.query = "b=2\r\nX: y"}, "http://x/p?a=1"},
    {"/foobar?a", "x", false, 80, {.kind = REWRITE_MATCHED, .path = "/new"}, "http://x/newbar?a"},
    /* hosts */
    {"/a", "[::1]:8080", false, 8080, {.kind = REWRITE_NO_PATH}, "http://[::1]:8080/a"},
    {"/a", "[::1]", false, 80, {.scheme = "https"}, "https://[::1]/a"},
    {"/a", "x", false, 80, {.hostname = "evil\r\nX: y"}, "http://x/a"},
    {"http://b.com:81/a?c", "x", false, 80, {.kind = REWRITE_NO_PATH}, "http://b.com/a?c"},
    {"http://b.com?c", "x", false, 80, {.kind = REWRITE_NO_PATH}, "http://b.com/?c"},
};

static void make(struct plan_fixture *fixture, const struct wanted *wanted, struct plan_redirect *rule)
{
    *fixture = (struct plan_fixture){0};
    *rule = (struct plan_redirect){.path_kind = wanted->kind, .port = wanted->port, .port_kind = wanted->port_kind};
    rule->query = plan_fixture_text(fixture, wanted->query ? wanted->query : "");
    rule->scheme = plan_fixture_text(fixture, wanted->scheme ? wanted->scheme : "");
    rule->hostname = plan_fixture_text(fixture, wanted->hostname ? wanted->hostname : "");
    rule->path = plan_fixture_text(fixture, wanted->path ? wanted->path : "");
}

static void test_location_is_as_the_gateway_api_says(void **state)
{
    (void)state;
    static struct plan_fixture fixture;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[512];
        struct field fields[HEAD_MAX_FIELDS];
        struct head head = {.fields = fields};
        struct arena arena;
        enum refusal refusal;
        struct plan_redirect rule;
        struct redirect_from from = {&head, {.prefix_len = 4}, cases[i].is_tls, cases[i].listener_port};
        snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", cases[i].target, cases[i].host);
        assert_int_equal(http1_parse_request(str_from_c(text), &head, &refusal), PARSE_DONE);
        arena_init(&arena, NULL, 0);
        assert_true(url_normalise_path(head.path, &arena, &from.path.normal));
        make(&fixture, &cases[i].rule, &rule);
        struct str location = redirect_location(&fixture.plan, &rule, &from, &arena);
        if (!str_eq(location, str_from_c(cases[i].location)))
            fail_msg("case %zu, %s: %.*s, not %s", i, cases[i].target, STR_ARG(location), cases[i].location);
        arena_deinit(&arena);
    }
}

static void test_only_statuses_of_redirects_are_sent(void **state)
{
    (void)state;
    static const uint32_t known[] = {301, 302, 303, 307, 308}, unknown[] = {0, 200, 304, 65837};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        assert_int_equal(redirect_status(&(struct plan_redirect){.status = known[i]}), known[i]);
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
        assert_int_equal(redirect_status(&(struct plan_redirect){.status = unknown[i]}), 302);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_location_is_as_the_gateway_api_says),
        cmocka_unit_test(test_only_statuses_of_redirects_are_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
