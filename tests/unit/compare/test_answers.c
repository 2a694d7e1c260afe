/* SPDX-License-Identifier: Apache-2.0 */
#include "http/grpc.h"
#include "pair.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define FIELDS_MAX 8

/* "Name: value\nName: value" */
static uint16_t read_fields(const char *text, struct field fields[FIELDS_MAX])
{
    struct str rest = str_from_c(text), line;
    uint16_t count = 0;
    while (str_next(&rest, '\n', &line)) {
        if (line.len == 0)
            continue;
        size_t colon = str_find_char(line, ':');
        fields[count++] = (struct field){str_slice(line, 0, colon), str_trim(str_slice(line, colon + 1, line.len)),
                                         FIELD_OTHER};
    }
    return count;
}

struct side {
    uint16_t status;
    uint8_t grpc;
    const char *fields, *trailers, *body;
};

static struct answer make(const struct side *side, struct field fields[FIELDS_MAX], struct field trailers[FIELDS_MAX])
{
    struct str body = str_from_c(side->body);
    return (struct answer){
        .status = side->status,
        .grpc_status = side->grpc ? (uint8_t)(side->grpc - 1) : GRPC_NONE,
        .fields = fields,
        .field_count = read_fields(side->fields, fields),
        .trailers = trailers,
        .trailer_count = read_fields(side->trailers, trailers),
        .body = body,
        .body_bytes = body.len,
        .body_hash = body.len ? (uint64_t)body.ptr[0] : 0,
    };
}

static void check(const struct compare_rules *rules, struct side live, struct side other, const char *expected,
                  enum body_verdict body)
{
    struct field fields[4][FIELDS_MAX];
    struct answer a = make(&live, fields[0], fields[1]), b = make(&other, fields[2], fields[3]);
    enum body_verdict found;
    assert_string_equal(pair_of_answers(rules, &a, &b, &found), expected);
    assert_int_equal(found, body);
}

static void test_a_status_that_differs_leaves_the_bodies_alone(void **state)
{
    (void)state;
    check(NULL, (struct side){.status = 200, .body = "a"}, (struct side){.status = 404, .body = "b"},
          "status value 200|404", BODY_NOT_COMPARED);
    check(NULL, (struct side){.status = 404}, (struct side){.status = 200}, "status value 404|200", BODY_NOT_COMPARED);
    check(NULL, (struct side){.status = 200, .grpc = 1}, (struct side){.status = 200, .grpc = 6},
          "grpc-status value 0|5", BODY_NOT_COMPARED);
    check(NULL, (struct side){.status = 200, .grpc = 1}, (struct side){.status = 200}, "grpc-status missing 0|",
          BODY_NOT_COMPARED);
    check(NULL, (struct side){.status = 200}, (struct side){.status = 200, .grpc = 1}, "grpc-status extra |0",
          BODY_NOT_COMPARED);
}

static void test_some_answers_have_no_body(void **state)
{
    (void)state;
    check(NULL, (struct side){.status = 304, .body = "a"}, (struct side){.status = 304}, "", BODY_NOT_COMPARED);
    check(NULL, (struct side){.status = 204, .body = "a"}, (struct side){.status = 204}, "", BODY_NOT_COMPARED);
    check(NULL, (struct side){.status = 200}, (struct side){.status = 200}, "", BODY_SAME);
    struct answer live = {.status = 200, .body_bytes = 1, .has_no_body = true}, other = {.status = 200};
    enum body_verdict body;
    assert_string_equal(pair_of_answers(NULL, &live, &other, &body), "");
    assert_int_equal(body, BODY_NOT_COMPARED);
}

static void test_headers_are_compared_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *live, *other, *expected;
    } rows[] = {
        {"A: 1\nB: 2", "b: 2\na: 1", ""},
        {"A: 1", "a: 2", "headers.a value 1|2"},
        {"A: 1", "B: 1", "headers.a missing 1|; headers.b extra |1"},
        {"A: 1\nA: 2", "A: 2\nA: 1", "headers.a value 1, 2|2, 1"},
        {"A: 1\nA: 2", "A: 1", "headers.a value 1, 2|1"},
        {"A: 1\nB: x\na: 2", "A: 1\nA: 2\nB: x", ""},
        {"Date: 1\nServer: a\nETag: 2", "Date: 2\nAge: 3\nVia: q", ""},
        {"Content-Length: 3\nTransfer-Encoding: chunked\nX-Request-Id: 9", "Connection: close", ""},
        {"Set-Cookie: a=1; Path=/\nSet-Cookie: b=2", "Set-Cookie: b=9\nset-cookie: a=7; Secure", ""},
        {"Set-Cookie: a=1", "Set-Cookie: b=1", "headers.set-cookie value a|b"},
        {"Set-Cookie: a=secret", "", "headers.set-cookie missing a|"},
        {"Content-Type: text/html;charset=UTF-8", "Content-Type: Text/HTML; Charset=\"utf-8\"", ""},
        {"Content-Type: text/html", "Content-Type: text/plain", "headers.content-type value text/html|text/plain"},
        {"A: caf\xe9", "A: x", "headers.a value caf\xef\xbf\xbd|x"},
        {"Grpc-Status: 0", "Grpc-Status: 5", ""},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct side live = {.status = 200, .fields = rows[i].live}, other = {.status = 200, .fields = rows[i].other};
        check(NULL, live, other, rows[i].expected, BODY_SAME);
    }
    check(NULL, (struct side){.status = 200, .trailers = "Sum: 1"}, (struct side){.status = 200, .trailers = "sum: 2"},
          "trailers.sum value 1|2", BODY_SAME);
}

static void test_rules_choose_headers(void **state)
{
    (void)state;
    const struct str names[] = {STR("Date"), STR("x-a")}, ignored[] = {STR("X-A")};
    struct compare_rules *only = compare_rules_new(&(struct compare_spec){.headers = names, .header_count = 2});
    struct compare_rules *but = compare_rules_new(
        &(struct compare_spec){.ignored_headers = ignored, .ignored_header_count = 1});
    struct side live = {.status = 200, .fields = "Date: 1\nX-A: 1\nX-B: 1"};
    struct side other = {.status = 200, .fields = "Date: 2\nX-A: 2\nX-B: 2"};
    check(only, live, other, "headers.date value 1|2; headers.x-a value 1|2", BODY_SAME);
    check(but, live, other, "headers.x-b value 1|2", BODY_SAME);
    compare_rules_free(only);
    compare_rules_free(but);
}

static void test_content_is_compared_where_there_is_no_structure(void **state)
{
    (void)state;
    struct pair pair = {.type = "text/plain", .live = STR("hello world"), .other = STR("hello there")};
    pair_check(&pair, "body value hello world|hello there");
    pair = (struct pair){.live = STR("abc\0\1\xff"), .other = STR("abc\0\2\xff")};
    pair_check(&pair, "body value 6162630001ff|6162630002ff");
    pair = (struct pair){.live = STR("{\"a\":1}"), .other = STR("{\"a\":2}")};
    pair_check(&pair, "body.$.a value 1|2");
    char text[2][500];
    memset(text, 'x', sizeof(text));
    text[1][400] = 'y';
    pair = (struct pair){.live = {text[0], 500}, .other = {text[1], 500}};
    const char *found = pair_differences(&pair, NULL, NULL);
    assert_int_equal(strlen(found), strlen("body value ") + 140 + 1 + 140);
}

static void test_cut_bodies_are_judged_by_what_is_there(void **state)
{
    (void)state;
    struct answer live = {.status = 200, .body = STR("{\"a\":1"), .body_bytes = 100, .body_hash = 1, .is_cut = true};
    struct answer other = live;
    enum body_verdict body;
    assert_string_equal(pair_of_answers(NULL, &live, &other, &body), "");
    assert_int_equal(body, BODY_SAME);
    other.body_hash = 2;
    assert_string_equal(pair_of_answers(NULL, &live, &other, &body), "");
    assert_int_equal(body, BODY_BLIND);
    other.body = STR("{\"a\":2");
    assert_string_equal(pair_of_answers(NULL, &live, &other, &body), "body value {\"a\":1|{\"a\":2");
    assert_int_equal(body, BODY_DIFFERENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_status_that_differs_leaves_the_bodies_alone),
        cmocka_unit_test(test_some_answers_have_no_body),
        cmocka_unit_test(test_headers_are_compared_by_name),
        cmocka_unit_test(test_rules_choose_headers),
        cmocka_unit_test(test_content_is_compared_where_there_is_no_structure),
        cmocka_unit_test(test_cut_bodies_are_judged_by_what_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
