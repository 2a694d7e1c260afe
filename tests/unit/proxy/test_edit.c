/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/edit.h"

#include "http/http1_format.h"
#include "http/http1_parse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define NOW 1767312000u

static const unsigned char key[MARKER_KEY_BYTES] = "0123456789abcde", other_key[MARKER_KEY_BYTES] = "edcba9876543210";
static const struct str marker_headers[] = {STR_INIT("X-Copy-Of")};

/* A plan that trusts 10.0.0.0/8 and fd00::/8. */
static struct {
    struct plan plan;
    struct cidr trusted[2];
} rules;

struct edited {
    struct arena arena;
    struct head head;
    struct edit_result result;
    char text[16384];
};

static int setup(void **state)
{
    (void)state;
    rules.plan.trusted_proxies = (struct plan_array){(uint32_t)((char *)rules.trusted - (char *)&rules), 2};
    return !cidr_parse(STR("10.0.0.0/8"), &rules.trusted[0]) || !cidr_parse(STR("fd00::/8"), &rules.trusted[1]);
}

/* What live gets from a request that came from `peer`, as text. */
static const char *edit_from(struct edited *edited, const char *peer_ip, bool is_tls, const char *request)
{
    struct field fields[HEAD_MAX_FIELDS];
    struct head head = {.fields = fields};
    enum refusal refusal;
    struct peer peer = {.is_tls = is_tls};
    assert_true(address_parse(str_from_c(peer_ip), &peer.remote));
    assert_true(address_parse(STR("192.0.2.80:8080"), &peer.local));
    arena_init(&edited->arena, NULL, 0);
    if (http1_parse_request(str_from_c(request), &head, &refusal) != PARSE_DONE)
        fail_msg("%s", refusal_name(refusal));
    head_copy(&edited->head, &head, &edited->arena, EDIT_SPARE);
    edit_request(&edited->head, &edited->arena,
                 &(struct edit_context){&rules.plan, &peer, key, NOW, marker_headers, 1, other_key}, &edited->result);
    size_t len = http1_format_request(edited->text, &edited->head, &(struct http1_framing){0});
    edited->text[len] = 0;
    return edited->text;
}

static const char *edit(struct edited *edited, const char *request)
{
    return edit_from(edited, "192.0.2.1:4000", false, request);
}

#define FORWARDED "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Host: a\r\nX-Forwarded-Proto: http\r\n"

static void test_requests_become_what_live_gets(void **state)
{
    (void)state;
    static const struct {
        const char *request, *live;
    } cases[] = {
        /* untouched but for the forwarding fields */
        {"GET /a%2fb//c?x= HTTP/1.1\r\nhOsT: a\r\nX: 1\r\nx: 2\r\n\r\n",
         "GET /a%2fb//c?x= HTTP/1.1\r\nhOsT: a\r\nX: 1\r\nx: 2\r\n" FORWARDED "\r\n"},
        /* hop-by-hop fields, and those that Connection names, go */
        {"GET / HTTP/1.1\r\nHost: a\r\nConnection: close, X-Hop ,te\r\nX-Hop: 1\r\nTE: trailers\r\nKeep-Alive: 5\r\n"
         "Proxy-Connection: x\r\nTrailer: Sum\r\nProxy-Authorization: z\r\nX-Stay: 1\r\n\r\n",
         "GET / HTTP/1.1\r\nHost: a\r\nTrailer: Sum\r\nX-Stay: 1\r\n" FORWARDED "\r\n"},
        /* but never those that frame or route */
        {"POST / HTTP/1.1\r\nHost: a\r\nConnection: host, content-length\r\nContent-Length: 3\r\n\r\n",
         "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n" FORWARDED "\r\n"},
        /* absolute-form becomes origin-form, and its authority is the Host */
        {"GET http://a/x?y HTTP/1.1\r\nHost: evil\r\n\r\n", "GET /x?y HTTP/1.1\r\nHost: a\r\n" FORWARDED "\r\n"},
        {"GET http://a HTTP/1.1\r\nHost: a\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\n" FORWARDED "\r\n"},
        {"GET http://a?q HTTP/1.1\r\nHost: a\r\n\r\n", "GET /?q HTTP/1.1\r\nHost: a\r\n" FORWARDED "\r\n"},
        {"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "OPTIONS * HTTP/1.1\r\nHost: a\r\n" FORWARDED "\r\n"},
        /* HTTP/1.0 without Host is for whom it reached */
        {"GET / HTTP/1.0\r\n\r\n", "GET / HTTP/1.1\r\nHost: 192.0.2.80:8080\r\nX-Forwarded-For: 192.0.2.1\r\n"
                                   "X-Forwarded-Host: 192.0.2.80:8080\r\nX-Forwarded-Proto: http\r\n\r\n"},
        /* what a stranger says about forwarding is overwritten in its place, but for the list of addresses */
        {"GET / HTTP/1.1\r\nX-Forwarded-Host: evil\r\nHost: a\r\nX-Forwarded-For: 1.1.1.1\r\nx-forwarded-proto: "
         "https\r\n"
         "X-Forwarded-Proto: ftp\r\n\r\n",
         "GET / HTTP/1.1\r\nX-Forwarded-Host: a\r\nHost: a\r\nX-Forwarded-For: 1.1.1.1, 192.0.2.1\r\n"
         "x-forwarded-proto: http\r\n\r\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct edited edited;
        assert_string_equal(edit(&edited, cases[i].request), cases[i].live);
        assert_false(edited.result.had_forged_marker);
        arena_deinit(&edited.arena);
    }
}

static void test_a_trusted_peer_is_believed(void **state)
{
    (void)state;
    struct edited edited;
    const char *live = edit_from(&edited, "10.1.2.3:4000", false,
                                 "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-Host: real\r\nX-Forwarded-Proto: https\r\n"
                                 "X-Forwarded-For: 203.0.113.9\r\n\r\n");
    assert_string_equal(live, "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-Host: real\r\nX-Forwarded-Proto: https\r\n"
                              "X-Forwarded-For: 203.0.113.9, 10.1.2.3\r\n\r\n");
    arena_deinit(&edited.arena);
    live = edit_from(&edited, "[fd00::1]:4000", true, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_string_equal(live, "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: fd00::1\r\nX-Forwarded-Host: a\r\n"
                              "X-Forwarded-Proto: https\r\n\r\n");
    arena_deinit(&edited.arena);
}

static void test_the_client_is_the_last_address_that_nobody_trusted_has(void **state)
{
    (void)state;
    static const struct {
        const char *peer, *forwarded, *client;
    } cases[] = {
        {"192.0.2.1:1", "", "192.0.2.1"},
        {"192.0.2.1:1", "X-Forwarded-For: 203.0.113.9\r\n", "192.0.2.1"}, /* anybody may say that */
        {"10.0.0.1:1", "", "10.0.0.1"},
        {"10.0.0.1:1", "X-Forwarded-For: 203.0.113.9\r\n", "203.0.113.9"},
        {"10.0.0.1:1", "X-Forwarded-For: 1.2.3.4, 203.0.113.9, 10.9.9.9\r\n", "203.0.113.9"},
        {"10.0.0.1:1", "X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-For: 10.1.1.1\r\n", "203.0.113.9"},
        {"10.0.0.1:1", "X-Forwarded-For: 203.0.113.9:5000\r\n", "203.0.113.9"},
        {"10.0.0.1:1", "X-Forwarded-For: [2001:db8::1]:5000\r\n", "2001:db8::1"},
        {"10.0.0.1:1", "X-Forwarded-For: [2001:db8::1]\r\n", "2001:db8::1"},
        {"10.0.0.1:1", "X-Forwarded-For: 2001:db8::1\r\n", "2001:db8::1"},
        {"10.0.0.1:1", "X-Forwarded-For: 1.2.3.4, unknown\r\n", "10.0.0.1"}, /* the chain of trust ends there */
        {"10.0.0.1:1", "X-Forwarded-For: 1.2.3.4, unknown, 10.0.0.2\r\n", "10.0.0.2"},
        {"10.0.0.1:1", "X-Forwarded-For: 1.2.3.0/24\r\n", "10.0.0.1"},
        {"10.0.0.1:1", "X-Forwarded-For: ,\r\n", "10.0.0.1"},
        {"10.0.0.1:1", "X-Forwarded-For: 10.0.0.2, 10.0.0.3\r\n", "10.0.0.2"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct edited edited;
        char request[256], text[ADDRESS_TEXT];
        snprintf(request, sizeof request, "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n", cases[i].forwarded);
        (void)edit_from(&edited, cases[i].peer, false, request);
        struct str client = address_format_ip(&edited.result.client, text);
        if (!str_eq(client, str_from_c(cases[i].client)))
            fail_msg("%s %s: %.*s, not %s", cases[i].peer, cases[i].forwarded, STR_ARG(client), cases[i].client);
        arena_deinit(&edited.arena);
    }
}

static void test_a_valid_marker_makes_a_copy(void **state)
{
    (void)state;
    struct edited edited;
    char request[2048], marker[MARKER_MAX];
    int len = (int)marker_format(marker, STR("m"), (struct request_id){1, 2}, NOW - 10, key);
    snprintf(request, sizeof request,
             "GET / HTTP/1.1\r\nHost: a\r\nX-Umbra-Shadow: %.*s\r\nbaggage: umbra.shadow=true\r\n\r\n", len, marker);
    const char *live = edit(&edited, request);
    assert_true(edited.result.is_copy);
    assert_false(edited.result.had_forged_marker);
    assert_non_null(strstr(live, "X-Umbra-Shadow: mirror=m"));
    assert_non_null(strstr(live, "baggage: umbra.shadow=true\r\n"));
    arena_deinit(&edited.arena);
}

static void test_a_marker_of_the_other_key_is_valid_too(void **state)
{
    (void)state;
    struct edited edited;
    char request[2048], marker[MARKER_MAX];
    int len = (int)marker_format(marker, STR("m"), (struct request_id){1, 2}, NOW - 10, other_key);
    snprintf(request, sizeof(request), "GET / HTTP/1.1\r\nHost: a\r\nX-Umbra-Shadow: %.*s\r\n\r\n", len, marker);
    (void)edit(&edited, request);
    assert_true(edited.result.is_copy);
    assert_false(edited.result.had_forged_marker);
    arena_deinit(&edited.arena);
}

static void test_forged_markers_and_baggage_are_removed(void **state)
{
    (void)state;
    static const struct {
        const char *sent, *left;
    } cases[] = {
        {"X-Umbra-Shadow: true\r\n", ""},
        {"X-Umbra-Shadow: 1\r\nY: 2\r\nx-umbra-shadow: 3\r\n", "Y: 2\r\n"},
        {"baggage: umbra.shadow=true\r\n", ""},
        {"baggage: a=1, umbra.shadow=true;p=q ,b=2\r\n", "baggage: a=1,b=2\r\n"},
        {"baggage: umbra.shadow\r\n", ""},
        {"baggage: umbra.shadow = x, umbra.shadow=y,umbra.shadow=z\r\n", ""},
        {"Baggage: b=2\r\nbaggage: umbra.shadow=1\r\nbaggage: c=3\r\n", "Baggage: b=2\r\nbaggage: c=3\r\n"},
        {"X-Umbra-Shadow: mirror=m; id=0; t=1767312000; sig=00000000000000000000000000000000\r\nbaggage: "
         "k=v,umbra.shadow=true\r\n",
         "baggage: k=v\r\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct edited edited;
        char request[1024], want[1024];
        snprintf(request, sizeof request, "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n", cases[i].sent);
        snprintf(want, sizeof want, "GET / HTTP/1.1\r\nHost: a\r\n%s" FORWARDED "\r\n", cases[i].left);
        assert_string_equal(edit(&edited, request), want);
        assert_true(edited.result.had_forged_marker);
        assert_false(edited.result.is_copy);
        arena_deinit(&edited.arena);
    }
}

static void test_other_baggage_keeps_its_bytes(void **state)
{
    (void)state;
    static const char *const lists[] = {"a=1 , b=2", "umbra.shadows=1",   "x=umbra.shadow", "UMBRA.SHADOW=1",
                                        ",,",        "a=1;umbra.shadow=2"};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        struct edited edited;
        char request[256], field[128];
        snprintf(field, sizeof field, "baggage: %s\r\n", lists[i]);
        snprintf(request, sizeof request, "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n", field);
        assert_non_null(strstr(edit(&edited, request), field));
        assert_false(edited.result.had_forged_marker);
        arena_deinit(&edited.arena);
    }
}

/* A second, forged marker behind a valid one must not ride along; which of the two counts is the first. */
static void test_a_valid_marker_does_not_cover_a_forged_one_before_it(void **state)
{
    (void)state;
    struct edited edited;
    char request[2048], marker[MARKER_MAX];
    int len = (int)marker_format(marker, STR("m"), (struct request_id){1, 2}, NOW, key);
    snprintf(request, sizeof request, "GET / HTTP/1.1\r\nHost: a\r\nX-Umbra-Shadow: x\r\nX-Umbra-Shadow: %.*s\r\n\r\n",
             len, marker);
    const char *live = edit(&edited, request);
    assert_false(edited.result.is_copy);
    assert_true(edited.result.had_forged_marker);
    assert_null(strstr(live, "X-Umbra-Shadow"));
    arena_deinit(&edited.arena);
}

static void test_a_valid_marker_does_not_cover_a_forged_one_behind_it(void **state)
{
    (void)state;
    struct edited edited;
    char request[2048], marker[MARKER_MAX];
    int len = (int)marker_format(marker, STR("m"), (struct request_id){1, 2}, NOW, key);
    snprintf(request, sizeof request,
             "GET / HTTP/1.1\r\nHost: a\r\nX-Umbra-Shadow: %.*s\r\nX-Umbra-Shadow: forged\r\nY: 1\r\n\r\n", len,
             marker);
    const char *live = edit(&edited, request);
    assert_true(edited.result.is_copy);
    assert_true(edited.result.had_forged_marker);
    assert_non_null(strstr(live, "X-Umbra-Shadow: mirror=m"));
    assert_non_null(strstr(live, "\r\nY: 1\r\n"));
    assert_null(strstr(live, "forged"));
    arena_deinit(&edited.arena);
}

static const struct {
    const char *name; /* of the field with the marker */
    bool is_valid;    /* its signature */
    bool is_copy, is_kept;
} named[] = {
    {"X-Copy-Of", true, true, true},        {"x-copy-of", true, true, true},
    {"X-Other-Gateways", true, true, true}, /* a gateway with other rules has made it */
    {"X-Copy-Of", false, false, false},     {"X-Other-Gateways", false, false, true}, /* a field like any other */
};

static void test_a_marker_is_known_under_any_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof named / sizeof *named; i++) {
        struct edited edited;
        char request[2048], marker[MARKER_MAX];
        size_t len = marker_format(marker, STR("m"), (struct request_id){1, 2}, NOW, key);
        marker[len - 1] ^= named[i].is_valid ? 0 : 1;
        snprintf(request, sizeof request, "GET / HTTP/1.1\r\nHost: a\r\n%s: %.*s\r\nbaggage: umbra.shadow=true\r\n\r\n",
                 named[i].name, (int)len, marker);
        const char *live = edit(&edited, request);
        if (edited.result.is_copy != named[i].is_copy || (strstr(live, named[i].name) != NULL) != named[i].is_kept)
            fail_msg("case %zu: is_copy %d, live got\n%s", i, edited.result.is_copy, live);
        assert_int_equal(strstr(live, "umbra.shadow") != NULL, named[i].is_copy);
        assert_int_equal(edited.result.had_forged_marker, !named[i].is_copy);
        arena_deinit(&edited.arena);
    }
}

/* As a client's field would be that is meant to hide the marker from the next gateway. */
static void test_what_only_looks_like_a_marker_hides_none(void **state)
{
    (void)state;
    struct edited edited;
    char request[4096], marker[MARKER_MAX], fake[MARKER_MAX];
    int len = (int)marker_format(marker, STR("m"), (struct request_id){1, 2}, NOW, key);
    (void)marker_format(fake, STR("m"), (struct request_id){1, 2}, NOW, (const unsigned char *)"another key.....");
    snprintf(request, sizeof request, "GET / HTTP/1.1\r\nHost: a\r\nX-A: %.*s\r\nX-Umbra-Shadow: %.*s\r\n\r\n", len,
             fake, len, marker);
    (void)edit(&edited, request);
    assert_true(edited.result.is_copy);
    assert_false(edited.result.had_forged_marker);
    arena_deinit(&edited.arena);
}

static void test_a_request_with_the_most_fields_has_room(void **state)
{
    (void)state;
    struct edited edited;
    char request[8192] = "GET / HTTP/1.0\r\n";
    size_t at = strlen(request);
    for (int i = 0; i < HEAD_MAX_FIELDS; i++, at += 6)
        memcpy(request + at, "A: b\r\n", 6);
    memcpy(request + at, "\r\n", 3);
    (void)edit(&edited, request);
    assert_int_equal(edited.head.field_count, HEAD_MAX_FIELDS + 4);
    arena_deinit(&edited.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests_become_what_live_gets),
        cmocka_unit_test(test_a_trusted_peer_is_believed),
        cmocka_unit_test(test_the_client_is_the_last_address_that_nobody_trusted_has),
        cmocka_unit_test(test_a_valid_marker_makes_a_copy),
        cmocka_unit_test(test_a_marker_of_the_other_key_is_valid_too),
        cmocka_unit_test(test_forged_markers_and_baggage_are_removed),
        cmocka_unit_test(test_other_baggage_keeps_its_bytes),
        cmocka_unit_test(test_a_valid_marker_does_not_cover_a_forged_one_before_it),
        cmocka_unit_test(test_a_valid_marker_does_not_cover_a_forged_one_behind_it),
        cmocka_unit_test(test_a_marker_is_known_under_any_name),
        cmocka_unit_test(test_what_only_looks_like_a_marker_hides_none),
        cmocka_unit_test(test_a_request_with_the_most_fields_has_room),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
