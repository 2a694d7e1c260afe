/* SPDX-License-Identifier: Apache-2.0 */
#include "mirror/redact.h"

#include "http/http1_format.h"
#include "http/http1_parse.h"

#include "../route/plan_fixture.h"

static const struct {
    enum plan_redaction_kind kind;
    const char *names; /* separated by blanks */
    const char *before, *after;
} cases[] = {
    {REDACT_HEADER, "authorization", "/\nHost: a\nAuthorization: x\nAUTHORIZATION: y\nB: c\n", "/\nHost: a\nB: c\n"},
    {REDACT_HEADER, "x-a", "/\nHost: a\nX-AB: 1\nX-A: 2\n", "/\nHost: a\nX-AB: 1\n"},
    {REDACT_HEADER, "cookie X-B", "/\nHost: a\nCookie: x\nX-B: 2\nX-C: 3\n", "/\nHost: a\nX-C: 3\n"},
    {REDACT_HEADER, "host content-length", "/\nHost: a\nContent-Length: 3\n", "/\nHost: a\nContent-Length: 3\n"},
    {REDACT_COOKIE, "sid", "/\nHost: a\nCookie: a=1; sid=2; b=3\n", "/\nHost: a\nCookie: a=1; b=3\n"},
    {REDACT_COOKIE, "sid", "/\nHost: a\nCookie: sid=2\nX: y\n", "/\nHost: a\nX: y\n"},
    {REDACT_COOKIE, "sid", "/\nHost: a\nCookie: sid=2; sid=3\nCookie: b=1\n", "/\nHost: a\nCookie: b=1\n"},
    {REDACT_COOKIE, "sid b", "/\nHost: a\nCookie: a=1;b=2;c=3\n", "/\nHost: a\nCookie: a=1; c=3\n"},
    {REDACT_COOKIE, "sid", "/\nHost: a\nCookie: SID=1; xsid=2; sidx=3\n",
     "/\nHost: a\nCookie: SID=1; xsid=2; sidx=3\n"},
    {REDACT_COOKIE, "sid", "/\nHost: a\nCookie: a=sid;  b=1;\n", "/\nHost: a\nCookie: a=sid;  b=1;\n"},
    {REDACT_COOKIE, "sid", "/\nHost: a\nCookie: sid; a=b=sid\n", "/\nHost: a\nCookie: a=b=sid\n"},
    {REDACT_COOKIE, "sid", "/\nHost: a\nCookie: sid =1; a=2\n", "/\nHost: a\nCookie: a=2\n"},
    {REDACT_COOKIE, "sid", "/\nHost: a\nCookie: \nX-Cookie: sid=1\n", "/\nHost: a\nCookie: \nX-Cookie: sid=1\n"},
    {REDACT_QUERY, "token", "/p?a=1&token=x&b=2\nHost: a\n", "/p?a=1&b=2\nHost: a\n"},
    {REDACT_QUERY, "token", "/p?token=x\nHost: a\n", "/p\nHost: a\n"},
    {REDACT_QUERY, "token", "/p?token=x&token=y&a\nHost: a\n", "/p?a\nHost: a\n"},
    {REDACT_QUERY, "token", "/p?token\nHost: a\n", "/p\nHost: a\n"},
    {REDACT_QUERY, "token", "/p?%74ok%65n=x&a=1\nHost: a\n", "/p?a=1\nHost: a\n"},
    {REDACT_QUERY, "a&b", "/p?a%26b=x&c\nHost: a\n", "/p?c\nHost: a\n"},
    {REDACT_QUERY, "token", "/p?tok%65=1&token%=2&%zz&xtoken=3&tokenx=4\nHost: a\n",
     "/p?tok%65=1&token%=2&%zz&xtoken=3&tokenx=4\nHost: a\n"},
    {REDACT_QUERY, "token", "/p?a=token&&b=%74oken&\nHost: a\n", "/p?a=token&&b=%74oken&\nHost: a\n"},
    {REDACT_QUERY, "token", "/p?a;token=x;b&token=y;c\nHost: a\n", "/p?a;b;c\nHost: a\n"},
    {REDACT_QUERY, "token", "/p?token=x;a=1&b\nHost: a\n", "/p?a=1&b\nHost: a\n"},
    {REDACT_QUERY, "token", "/p?&&token=x;;\nHost: a\n", "/p\nHost: a\n"},
    {REDACT_QUERY, "token", "/p?a&&token=x;;b\nHost: a\n", "/p?a&;;b\nHost: a\n"},
    {REDACT_QUERY, "token", "/p?a;tokens=1\nHost: a\n", "/p?a;tokens=1\nHost: a\n"},
    {REDACT_QUERY, "token", "/p?\nHost: a\n", "/p?\nHost: a\n"},
    {REDACT_QUERY, "token", "/token\nHost: a\n", "/token\nHost: a\n"},
};

static void add_names(struct plan_fixture *fixture, enum plan_redaction_kind kind, const char *names)
{
    struct str rest = str_from_c(names), name;
    while (str_next(&rest, ' ', &name)) {
        char text[64];
        snprintf(text, sizeof text, "%.*s", STR_ARG(name));
        plan_fixture_redact(fixture, kind, text);
    }
}

static size_t to_request(char *out, size_t size, const char *lines)
{
    size_t target = str_find_char(str_from_c(lines), '\n');
    size_t len = (size_t)snprintf(out, size, "GET %.*s HTTP/1.1\r\n", (int)target, lines);
    for (const char *at = lines + target + 1; *at; at++) {
        if (*at == '\n')
            out[len++] = '\r';
        out[len++] = *at;
    }
    return len + (size_t)snprintf(out + len, size - len, "\r\n");
}

static void test_only_what_is_named_goes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        static struct plan_fixture fixture;
        char before[512], after[512], got[1024];
        struct field fields[HEAD_MAX_FIELDS];
        struct head head = {.fields = fields};
        struct arena arena;
        enum refusal refusal;
        fixture = (struct plan_fixture){0};
        add_names(&fixture, cases[i].kind, cases[i].names);
        struct plan_range all = {0, fixture.plan.redactions.count};
        to_request(before, sizeof before, cases[i].before);
        size_t len = to_request(after, sizeof after, cases[i].after);
        assert_int_equal(http1_parse_request(str_from_c(before), &head, &refusal), PARSE_DONE);
        arena_init(&arena, NULL, 0);
        redact_fields(&fixture.plan, all, head.fields, &head.field_count);
        redact_cookies(&fixture.plan, all, &head, &arena);
        redact_query(&fixture.plan, all, &head, &arena);
        size_t got_len = http1_format_request(got, &head, &(struct http1_framing){0});
        if (got_len != len || memcmp(got, after, len) != 0)
            fail_msg("case %zu: got\n%.*snot\n%s", i, (int)got_len, got, after);
        arena_deinit(&arena);
    }
}

static void test_the_query_of_a_redacted_head_is_that_of_its_target(void **state)
{
    (void)state;
    static struct plan_fixture fixture;
    struct arena arena;
    struct head head = {.target = STR("/a?b=1&t=2")};
    head.query = str_slice(head.target, 3, head.target.len);
    plan_fixture_redact(&fixture, REDACT_QUERY, "t");
    arena_init(&arena, NULL, 0);
    redact_query(&fixture.plan, (struct plan_range){0, 1}, &head, &arena);
    assert_true(str_eq(head.query, STR("b=1")));
    assert_ptr_equal(head.query.ptr, head.target.ptr + 3);
    head.query = str_slice(head.target, 3, head.target.len);
    fixture.redactions[0].name = plan_fixture_text(&fixture, "b");
    redact_query(&fixture.plan, (struct plan_range){0, 1}, &head, &arena);
    assert_null(head.query.ptr);
    assert_true(str_eq(head.target, STR("/a")));
    arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_what_is_named_goes),
        cmocka_unit_test(test_the_query_of_a_redacted_head_is_that_of_its_target),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
