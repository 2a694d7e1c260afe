/* SPDX-License-Identifier: Apache-2.0 */
#include "mirror/copy_head.h"

#include "http/http1_format.h"
#include "http/http1_parse.h"

#include "../route/plan_fixture.h"

#include <stdlib.h>

#define NOW 1767312000u

static const unsigned char key[MARKER_KEY_BYTES] = "0123456789abcde";

struct made {
    struct plan_fixture fixture;
    struct arena arena;
    struct field fields[HEAD_MAX_FIELDS];
    struct head live, copy;
};

/* A mirror with the defaults of MirrorPolicy. */
static void begin(struct made *made)
{
    *made = (struct made){0};
    made->fixture.mirror.label = plan_fixture_text(&made->fixture, "shop");
    made->fixture.mirror.marker_header = plan_fixture_text(&made->fixture, "X-Umbra-Shadow");
    made->fixture.mirror.has_baggage = true;
}

static void make_configured(struct made *made, const char *request)
{
    struct random random = {{1, 2, 3, 4}};
    enum refusal refusal;
    arena_init(&made->arena, NULL, 0);
    made->live = (struct head){.fields = made->fields};
    if (http1_parse_request(str_from_c(request), &made->live, &refusal) != PARSE_DONE)
        fail_msg("%s", refusal_name(refusal));
    struct exchange exchange = {.request = &made->live, .id = {1, 2}};
    copy_head_make(&made->copy, &exchange, &made->arena,
                   &(struct copy_marking){&made->fixture.plan, &made->fixture.mirror, NOW, key, &random});
}

static void make(struct made *made, const char *request)
{
    begin(made);
    make_configured(made, request);
}

static void expect_field(const struct head *head, const char *name, const char *value)
{
    const struct field *field = head_find_name(head, str_from_c(name));
    assert_non_null(field);
    if (!str_eq(field->value, str_from_c(value)))
        fail_msg("%s is \"%.*s\", not \"%s\"", name, STR_ARG(field->value), value);
}

static void test_a_copy_is_live_s_request_and_two_fields(void **state)
{
    (void)state;
    static struct made made;
    make(&made, "GET /a%2Fb//c? HTTP/1.1\r\nhOsT: a\r\nX-B: 1\r\nx-b: 2\r\nCookie: k=v\r\nAuthorization: z\r\n\r\n");
    assert_true(str_eq(made.copy.method, made.live.method) && str_eq(made.copy.target, made.live.target));
    assert_int_equal(made.copy.field_count, made.live.field_count + 2);
    for (uint16_t i = 0; i < made.live.field_count; i++) {
        assert_true(str_eq(made.copy.fields[i].name, made.live.fields[i].name));
        assert_true(str_eq(made.copy.fields[i].value, made.live.fields[i].value));
    }
    assert_true(str_eq(made.copy.fields[5].name, STR("X-Umbra-Shadow")));
    assert_true(marker_verify(made.copy.fields[5].value, NOW, key));
    assert_true(str_starts_with(made.copy.fields[5].value, STR("mirror=shop; id=")));
    expect_field(&made.copy, "baggage", "umbra.shadow=true");
    arena_deinit(&made.arena);
}

static void test_live_s_head_is_left_as_it_was(void **state)
{
    (void)state;
    static struct made made;
    make(&made, "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nbaggage: x=y\r\nContent-Length: 3\r\n\r\n");
    expect_field(&made.live, "Expect", "100-continue");
    expect_field(&made.live, "baggage", "x=y");
    assert_int_equal(made.live.field_count, 4);
    arena_deinit(&made.arena);
}

static void test_expect_is_left_out(void **state)
{
    (void)state;
    static struct made made;
    make(&made, "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    assert_null(head_find(&made.copy, FIELD_EXPECT));
    assert_false(made.copy.has_expect_continue);
    expect_field(&made.copy, "Content-Length", "3");
    arena_deinit(&made.arena);
}

static void test_baggage_is_appended_to_the_last_list(void **state)
{
    (void)state;
    static struct made made;
    make(&made, "GET / HTTP/1.1\r\nHost: a\r\nbaggage: one=1\r\nBaggage: two=2;p,three=3\r\n\r\n");
    expect_field(&made.copy, "baggage", "one=1");
    assert_true(str_eq(made.copy.fields[2].value, STR("two=2;p,three=3,umbra.shadow=true")));
    assert_true(str_eq(made.copy.fields[2].name, STR("Baggage")));
    assert_int_equal(made.copy.field_count, 4);
    arena_deinit(&made.arena);
}

static void test_a_trace_goes_on_unsampled_with_a_span_of_its_own(void **state)
{
    (void)state;
    static struct made made;
    make(&made,
         "GET / HTTP/1.1\r\nHost: a\r\ntraceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n\r\n");
    struct str trace = head_find(&made.copy, FIELD_TRACEPARENT)->value;
    assert_int_equal(trace.len, 55);
    assert_memory_equal(trace.ptr, "00-0af7651916cd43dd8448eb211c80319c-", 36);
    assert_memory_not_equal(trace.ptr + 36, "b7ad6b7169203331", 16);
    assert_memory_not_equal(trace.ptr + 36, "0000000000000000", 16);
    assert_memory_equal(trace.ptr + 52, "-00", 3);
    arena_deinit(&made.arena);
}

static void test_a_traceparent_that_is_none_is_left_alone(void **state)
{
    (void)state;
    static struct made made;
    make(&made, "GET / HTTP/1.1\r\nHost: a\r\ntraceparent: 00-abc\r\n\r\n");
    expect_field(&made.copy, "traceparent", "00-abc");
    arena_deinit(&made.arena);
}

static void test_a_head_with_the_most_fields_has_room_for_the_marker(void **state)
{
    (void)state;
    static struct made made;
    char request[8192] = "GET / HTTP/1.1\r\nHost: a\r\n";
    size_t at = strlen(request);
    for (int i = 1; i < HEAD_MAX_FIELDS; i++)
        at = (size_t)(stpncpy(request + at, "A: b\r\n", 7) - request);
    memcpy(request + at, "\r\n", 3);
    make(&made, request);
    assert_int_equal(made.live.field_count, HEAD_MAX_FIELDS);
    assert_int_equal(made.copy.field_count, HEAD_MAX_FIELDS + 2);
    char *out = malloc(http1_head_bound(&made.copy));
    assert_true(http1_format_request(out, &made.copy, &(struct http1_framing){0}) <= http1_head_bound(&made.copy));
    free(out);
    arena_deinit(&made.arena);
}

static const struct {
    enum plan_host_kind kind;
    const char *literal, *host, *expected;
} hosts[] = {
    {COPY_HOST_PRESERVE, "x", "a.com:80", "a.com:80"},
    {COPY_HOST_SUFFIX, "", "a.com", "a.com-shadow"},
    {COPY_HOST_SUFFIX, "", "a.com:8080", "a.com-shadow:8080"},
    {COPY_HOST_SUFFIX, "", "192.0.2.1:80", "192.0.2.1-shadow:80"},
    {COPY_HOST_SUFFIX, "", "[::1]:80", "[::1]:80"},
    {COPY_HOST_SUFFIX, "", "[::1]", "[::1]"},
    {COPY_HOST_LITERAL, "staging.example.com", "a.com:80", "staging.example.com"},
    {COPY_HOST_LITERAL, "staging:81", "a.com:80", "staging:81"},
    {COPY_HOST_LITERAL, "", "a.com", "a.com"},
    {COPY_HOST_LITERAL, "evil\r\nX: y", "a.com", "a.com"},
};

static void test_host_is_what_the_mirror_wants(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        static struct made made;
        char request[256];
        snprintf(request, sizeof request, "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", hosts[i].host);
        begin(&made);
        made.fixture.mirror.host_kind = hosts[i].kind;
        made.fixture.mirror.host = plan_fixture_text(&made.fixture, hosts[i].literal);
        make_configured(&made, request);
        expect_field(&made.copy, "Host", hosts[i].expected);
        assert_true(str_eq(made.copy.authority, str_from_c(hosts[i].expected)));
        expect_field(&made.live, "Host", hosts[i].host);
        arena_deinit(&made.arena);
    }
}

static void test_redaction_comes_before_edits_and_edits_before_the_marker(void **state)
{
    (void)state;
    static struct made made;
    begin(&made);
    plan_fixture_redact(&made.fixture, REDACT_HEADER, "authorization");
    plan_fixture_redact(&made.fixture, REDACT_QUERY, "token");
    plan_fixture_redact(&made.fixture, REDACT_COOKIE, "sid");
    plan_fixture_edit(&made.fixture, EDIT_SET, "Authorization", "shadow's own");
    plan_fixture_edit(&made.fixture, EDIT_REMOVE, "X-Umbra-Shadow", "");
    plan_fixture_edit(&made.fixture, EDIT_ADD, "X-Env", "shadow");
    made.fixture.mirror.edits = plan_fixture_edits(&made.fixture);
    made.fixture.mirror.redactions = (struct plan_range){0, made.fixture.plan.redactions.count};
    make_configured(&made, "GET /a?token=s&b=1 HTTP/1.1\r\nHost: a\r\nAuthorization: live's\r\nCookie: sid=1\r\n\r\n");
    assert_true(str_eq(made.copy.target, STR("/a?b=1")));
    expect_field(&made.copy, "Authorization", "shadow's own");
    expect_field(&made.copy, "X-Env", "shadow");
    assert_null(head_find(&made.copy, FIELD_COOKIE));
    assert_non_null(head_find(&made.copy, FIELD_X_UMBRA_SHADOW));
    assert_true(str_eq(made.live.target, STR("/a?token=s&b=1")));
    assert_int_equal(made.live.field_count, 3);
    arena_deinit(&made.arena);
}

static void test_nothing_of_a_copy_points_into_the_plan(void **state)
{
    (void)state;
    static struct made made;
    begin(&made);
    plan_fixture_edit(&made.fixture, EDIT_SET, "X-Env", "shadow");
    made.fixture.mirror.edits = plan_fixture_edits(&made.fixture);
    made.fixture.mirror.host_kind = COPY_HOST_LITERAL;
    made.fixture.mirror.host = plan_fixture_text(&made.fixture, "staging");
    made.fixture.mirror.marker_header = plan_fixture_text(&made.fixture, "X-Copy");
    make_configured(&made, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    memset(made.fixture.strings, 'z', sizeof made.fixture.strings);
    expect_field(&made.copy, "X-Env", "shadow");
    expect_field(&made.copy, "Host", "staging");
    assert_true(marker_verify(head_find_name(&made.copy, STR("X-Copy"))->value, NOW, key));
    assert_null(head_find(&made.copy, FIELD_X_UMBRA_SHADOW));
    arena_deinit(&made.arena);
}

static const char *const no_markers[] = {"", "Host", "Content-Length", "X Y", "X\r\nY", "Transfer-Encoding"};

static void test_a_name_that_no_marker_can_have_gives_the_usual_one(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof no_markers / sizeof *no_markers; i++) {
        static struct made made;
        begin(&made);
        made.fixture.mirror.marker_header = plan_fixture_text(&made.fixture, no_markers[i]);
        make_configured(&made, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_non_null(head_find(&made.copy, FIELD_X_UMBRA_SHADOW));
        assert_int_equal(made.copy.field_count, 3);
        arena_deinit(&made.arena);
    }
}

static void test_baggage_can_be_turned_off(void **state)
{
    (void)state;
    static struct made made;
    begin(&made);
    made.fixture.mirror.has_baggage = false;
    make_configured(&made, "GET / HTTP/1.1\r\nHost: a\r\nbaggage: a=b\r\n\r\n");
    expect_field(&made.copy, "baggage", "a=b");
    arena_deinit(&made.arena);
}

#define TRACED \
    "GET / HTTP/1.1\r\nHost: a\r\ntracestate: v=1\r\n" \
    "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n\r\n"

static void test_a_trace_can_keep_its_flags(void **state)
{
    (void)state;
    static struct made made;
    begin(&made);
    made.fixture.mirror.trace = COPY_TRACE_INHERIT;
    make_configured(&made, TRACED);
    struct str trace = head_find(&made.copy, FIELD_TRACEPARENT)->value;
    assert_memory_equal(trace.ptr, "00-0af7651916cd43dd8448eb211c80319c-", 36);
    assert_memory_not_equal(trace.ptr + 36, "b7ad6b7169203331", 16);
    assert_memory_equal(trace.ptr + 52, "-01", 3);
    expect_field(&made.copy, "tracestate", "v=1");
    arena_deinit(&made.arena);
}

static void test_a_trace_can_begin_anew(void **state)
{
    (void)state;
    static struct made made;
    begin(&made);
    made.fixture.mirror.trace = COPY_TRACE_NEW_ROOT;
    make_configured(&made, TRACED);
    struct str trace = head_find(&made.copy, FIELD_TRACEPARENT)->value;
    for (size_t i = 0; i < trace.len; i++)
        assert_non_null(strchr("0123456789abcdef-", trace.ptr[i]));
    assert_memory_not_equal(trace.ptr + 3, "0af7651916cd43dd8448eb211c80319c", 32);
    assert_memory_not_equal(trace.ptr + 36, "b7ad6b7169203331", 16);
    assert_memory_equal(trace.ptr + 52, "-01", 3);
    assert_null(head_find_name(&made.copy, STR("tracestate")));
    arena_deinit(&made.arena);
}

static void test_each_difference_is_named_for_the_documents(void **state)
{
    (void)state;
    assert_true(copy_difference_count >= 4);
    for (size_t i = 0; i < copy_difference_count; i++)
        assert_true(strlen(copy_difference(i)->name) > 0 && strlen(copy_difference(i)->help) > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_copy_is_live_s_request_and_two_fields),
        cmocka_unit_test(test_live_s_head_is_left_as_it_was),
        cmocka_unit_test(test_expect_is_left_out),
        cmocka_unit_test(test_baggage_is_appended_to_the_last_list),
        cmocka_unit_test(test_a_trace_goes_on_unsampled_with_a_span_of_its_own),
        cmocka_unit_test(test_a_traceparent_that_is_none_is_left_alone),
        cmocka_unit_test(test_a_head_with_the_most_fields_has_room_for_the_marker),
        cmocka_unit_test(test_host_is_what_the_mirror_wants),
        cmocka_unit_test(test_redaction_comes_before_edits_and_edits_before_the_marker),
        cmocka_unit_test(test_nothing_of_a_copy_points_into_the_plan),
        cmocka_unit_test(test_a_name_that_no_marker_can_have_gives_the_usual_one),
        cmocka_unit_test(test_baggage_can_be_turned_off),
        cmocka_unit_test(test_a_trace_can_keep_its_flags),
        cmocka_unit_test(test_a_trace_can_begin_anew),
        cmocka_unit_test(test_each_difference_is_named_for_the_documents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
