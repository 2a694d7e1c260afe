/* SPDX-License-Identifier: Apache-2.0 */
#include "compare/content.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define CANARY "CaNaRy7f3Q"
#define LEFT_OUT "[left out: could not be read]"
#define JSON_TYPE "application/json"
#define FORM_TYPE "application/x-www-form-urlencoded"

static const struct str headers[] = {STR_INIT("X-Session")};
static const struct str query[] = {STR_INIT("api_key"), STR_INIT("a b")};
static const struct str paths[] = {STR_INIT("$.token"), STR_INIT("$..password"), STR_INIT("$.cards[*]['pan']"),
                                   STR_INIT("$.meta.*"), STR_INIT("[*].3.1")};
static const struct str token_path[] = {STR_INIT("$.token")};

static struct redaction *strict(void)
{
    const struct redaction_spec spec = {.headers = headers,
                                        .header_count = 1,
                                        .query = query,
                                        .query_count = 2,
                                        .paths = paths,
                                        .path_count = sizeof(paths) / sizeof(paths[0])};
    return redaction_new(&spec);
}

static struct redaction *of_token(void)
{
    const struct redaction_spec spec = {.paths = token_path, .path_count = 1};
    return redaction_new(&spec);
}

static struct redaction *without_rules(void)
{
    const struct redaction_spec spec = {.header_count = 0};
    return redaction_new(&spec);
}

static void expect(struct strbuf *out, const char *expected)
{
    strbuf_add_char(out, '\0');
    assert_string_equal(out->ptr, expected);
    strbuf_clear(out);
}

static void test_headers_that_are_always_hidden(void **state)
{
    struct redaction *redaction = without_rules();
    struct strbuf out = STRBUF_INIT;
    static const char *const names[] = {"Authorization", "authorization", "X-API-Key", "Proxy-Authorization"};
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        assert_true(redaction_hides_header(redaction, str_from_c(names[i])));
        redaction_add_value(redaction, str_from_c(names[i]), STR("Bearer " CANARY), &out);
        expect(&out, "[redacted]");
    }
    redaction_add_value(redaction, STR("Cookie"), STR("a=" CANARY "; b=\"" CANARY "\";; " CANARY), &out);
    expect(&out, "a=[redacted]; b=[redacted]; ; [redacted]");
    redaction_add_value(redaction, STR("set-cookie"), STR("a=" CANARY "; Path=/; Secure; x=" CANARY "; Max-Age=3"),
                        &out);
    expect(&out, "a=[redacted]; Path=/; Secure; Max-Age=3");
    redaction_add_value(redaction, STR("accept"), STR("text/html;q=0.9, */*?"), &out);
    expect(&out, "text/html;q=0.9, */*?");
    assert_false(redaction_hides_header(redaction, STR("x-session")));
    strbuf_deinit(&out);
    redaction_free(redaction);
    redaction_free(NULL);
}

static void test_headers_and_parameters_of_the_policy(void **state)
{
    struct redaction *redaction = strict();
    struct strbuf out = STRBUF_INIT;
    static const char *const targets[][2] = {
        {"/a?x=1&api_key=" CANARY "&y=2", "/a?x=1&api_key=[redacted]&y=2"},
        {"/a?api_key=" CANARY, "/a?api_key=[redacted]"},
        {"/a?API%5Fke%79=" CANARY "&z", "/a?API%5Fke%79=[redacted]&z"},
        {"/a?a+b=" CANARY "&a%20b=" CANARY, "/a?a+b=[redacted]&a%20b=[redacted]"},
        {"/a?x=1;api_key=" CANARY ";y", "/a?x=1;api_key=[redacted]"},
        {"/a?api_key=?" CANARY ";" CANARY "=&y", "/a?api_key=[redacted]&y"},
        {"/a?api_key=1&api_key=" CANARY, "/a?api_key=[redacted]&api_key=[redacted]"},
        {"http://shop/a?api_key=" CANARY, "http://shop/a?api_key=[redacted]"},
        {"http://jo:" CANARY "@shop/a?x", "http://[redacted]@shop/a?x"},
        {"/a;api_key=" CANARY "/b?x#api_key=" CANARY, "/a;api_key=[redacted]/b?x#api_key=[redacted]"},
        {"/a?api_keys=1&key=2&api_key&%zz=1", "/a?api_keys=1&key=2&api_key&%zz=1"},
        {"", ""},
        {"*", "*"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        redaction_add_target(redaction, str_from_c(targets[i][0]), &out);
        expect(&out, targets[i][1]);
    }
    redaction_add_value(redaction, STR("X-SESSION"), STR(CANARY), &out);
    expect(&out, "[redacted]");
    redaction_add_value(redaction, STR("Referer"), STR("https://a:" CANARY "@b/?q=1&api_key=" CANARY), &out);
    expect(&out, "https://[redacted]@b/?q=1&api_key=[redacted]");
    redaction_add_value(redaction, STR("Link"), STR("<https://b/?api_key=" CANARY ">; rel=next"), &out);
    expect(&out, "<https://b/?api_key=[redacted]>; rel=next");
    strbuf_deinit(&out);
    redaction_free(redaction);
}

struct body {
    const char *type, *body, *expected;
};

static void check_bodies(const struct redaction *redaction, const struct body *table, size_t count)
{
    struct strbuf out = STRBUF_INIT;
    for (size_t i = 0; i < count; i++) {
        redaction_add_body(redaction, str_from_c(table[i].type), str_from_c(table[i].body), false, false, &out);
        expect(&out, table[i].expected);
    }
    strbuf_deinit(&out);
}

#define CHECK(redaction, table) check_bodies(redaction, table, sizeof(table) / sizeof((table)[0]))

static void test_json_keeps_its_shape(void **state)
{
    static const struct body table[] = {
        {JSON_TYPE, "{ \"a\" : 1.0,\n\"token\" : \"" CANARY "\" }", "{ \"a\" : 1.0,\n\"token\" : \"[redacted]\" }"},
        {JSON_TYPE, "{\"t\\u006fken\":{\"deep\":[\"" CANARY "\"]}}", "{\"t\\u006fken\":\"[redacted]\"}"},
        {JSON_TYPE, "{\"token\":\"" CANARY "\",\"b\":0,\"token\":\"" CANARY "\"}",
         "{\"token\":\"[redacted]\",\"b\":0,\"token\":\"[redacted]\"}"},
        {"application/problem+json; charset=utf-8", "[{\"x\":{\"password\":12}},{\"password\":[" /**/ "1]}]",
         "[{\"x\":{\"password\":\"[redacted]\"}},{\"password\":\"[redacted]\"}]"},
        {"text/plain", " {\"cards\":[{\"pan\":\"" CANARY "\",\"x\":1},{\"pan\":null}]}",
         " {\"cards\":[{\"pan\":\"[redacted]\",\"x\":1},{\"pan\":\"[redacted]\"}]}"},
        {"", "{\"meta\":{\"a\":\"" CANARY "\",\"b\":{\"c\":\"" CANARY "\"}},\"token2\":3}",
         "{\"meta\":{\"a\":\"[redacted]\",\"b\":\"[redacted]\"},\"token2\":3}"},
        {FORM_TYPE, "{\"token\":\"" CANARY "\"}", "{\"token\":\"[redacted]\"}"},
        {JSON_TYPE, "\"token\"", "\"token\""},
        {JSON_TYPE, "", ""},
    };
    struct redaction *redaction = strict();
    (void)state;
    CHECK(redaction, table);
    redaction_free(redaction);
}

static void test_what_cannot_be_read_is_left_out(void **state)
{
    static const struct body table[] = {
        {JSON_TYPE, "{\"token\":\"" CANARY "\"", LEFT_OUT},
        {JSON_TYPE, "{'token':'" CANARY "'}", LEFT_OUT},
        {JSON_TYPE, "token=" CANARY, LEFT_OUT},
        {JSON_TYPE, "{\"token\":\"" CANARY "\"}{}", LEFT_OUT},
        {"text/plain", "{\"a\":1}\n{\"token\":\"" CANARY "\"}\n", LEFT_OUT},
        {"application/x-ndjson", "{\"t\\u006fken\":\"" CANARY "\"}\n", LEFT_OUT},
        {"text/event-stream", "data: {\"t\\u006fken\":\"" CANARY "\"}\n\n", LEFT_OUT},
        {"application/grpc+proto", CANARY, LEFT_OUT},
        {"application/xml", "<Token>" CANARY "</Token>", LEFT_OUT},
        {"text/html", "<p>hello</p>", "<p>hello</p>"},
        {"", "token=" CANARY, LEFT_OUT},
        {"application/octet-stream", "\xff\xfe" CANARY, LEFT_OUT},
        {FORM_TYPE, "a=1&t%6fken=" CANARY "&%zz=1", LEFT_OUT},
        {"multipart/form-data", "--b\r\n\r\n--b--", LEFT_OUT},
        {"multipart/form-data; boundary=b", "token=" CANARY, LEFT_OUT},
    };
    struct redaction *redaction = of_token();
    struct strbuf out = STRBUF_INIT;
    (void)state;
    CHECK(redaction, table);
    static const char *const types[] = {JSON_TYPE, FORM_TYPE, "multipart/form-data; boundary=b"};
    for (size_t i = 0; i < 3; i++) {
        redaction_add_body(redaction, str_from_c(types[i]), STR("[1]"), true, false, &out);
        expect(&out, LEFT_OUT);
    }
    strbuf_deinit(&out);
    redaction_free(redaction);
}

static void test_without_rules_bodies_stay_as_they_are(void **state)
{
    static const struct body table[] = {
        {JSON_TYPE, "{\"token\":", "{\"token\":"}, {FORM_TYPE, "token=1&%zz", "token=1&%zz"},
        {"multipart/form-data", "--", "--"},       {"application/x-ndjson", "{}\n{}", "{}\n{}"},
        {"image/png", "\x89PNG", "\x89PNG"},
    };
    struct redaction *redaction = without_rules();
    (void)state;
    CHECK(redaction, table);
    redaction_free(redaction);
}

static void test_forms_by_the_last_name(void **state)
{
    static const struct body table[] = {
        {FORM_TYPE, "a=1&token=" CANARY "&b=2", "a=1&token=[redacted]&b=2"},
        {FORM_TYPE "; charset=utf-8", "t%6Fken=" CANARY "&Token=" CANARY, "t%6Fken=[redacted]&Token=[redacted]"},
        {FORM_TYPE, "card[pan]=" CANARY "&card%5Bpan%5D=" CANARY, "card[pan]=[redacted]&card%5Bpan%5D=[redacted]"},
        {FORM_TYPE, "user.password=" CANARY "&password[]=" CANARY, "user.password=[redacted]&password[]=[redacted]"},
        {FORM_TYPE, "a=1;token=" CANARY "&api_key=" CANARY, "a=[redacted]&api_key=[redacted]"},
        {FORM_TYPE, "a=1&&b&=3&tokens=4&", "a=1&&b&=3&tokens=4&"},
    };
    struct redaction *redaction = strict();
    (void)state;
    CHECK(redaction, table);
    redaction_free(redaction);
}

static void test_parts_of_multipart(void **state)
{
#define DISPOSITION(name) "Content-Disposition: form-data; name=" name "\r\n"
    static const struct body table[] = {
        {"multipart/form-data; boundary=b",
         "--b\r\n" DISPOSITION("\"a\"") "\r\n1\r\n--b\r\n" DISPOSITION("\"token\"") "\r\n" CANARY "\r\n\r\n--b--\r\n",
         "--b\r\n" DISPOSITION("\"a\"") "\r\n1\r\n--b\r\n" DISPOSITION("\"token\"") "\r\n[redacted]\r\n--b--\r\n"},
        {"multipart/form-data; charset=x; Boundary=\"a b'()+_,-./:=?\"",
         "--a b'()+_,-./:=?  \r\ncontent-disposition:form-data;filename=\"a;name=x\" ; NAME = tok%65n\r\n\r\n" CANARY
         "\r\n--a b'()+_,-./:=?--",
         "--a b'()+_,-./:=?  \r\ncontent-disposition:form-data;filename=\"a;name=x\" ; NAME = tok%65n\r\n\r\n"
         "[redacted]\r\n--a b'()+_,-./:=?--"},
        {"multipart/mixed; boundary=b",
         "--b\nContent-Type: application/json\n\n{\"token\":\"" CANARY "\"}\n--b\n\n" CANARY " token\n--b--\n",
         "--b\nContent-Type: application/json\n\n{\"token\":\"[redacted]\"}\n--b\n\n" LEFT_OUT "\n--b--\n"},
        {"multipart/mixed; boundary=b",
         "--b\r\nContent-Type: multipart/form-data; boundary=c\r\n\r\n--c\r\n" DISPOSITION(
             "token") "\r\n" CANARY "\r\n--c--\r\n--b--",
         "--b\r\nContent-Type: multipart/form-data; boundary=c\r\n\r\n--c\r\n" DISPOSITION(
             "token") "\r\n"
                      "[redacted]\r\n--c--\r\n--b--"},
        {"multipart/form-data; boundary=b",
         "--b\r\n" DISPOSITION("a") "Content-Transfer-Encoding: base64\r\n\r\n" CANARY "\r\n--b--",
         "--b\r\n" DISPOSITION("a") "Content-Transfer-Encoding: base64\r\n\r\n" LEFT_OUT "\r\n--b--"},
        /* What servers read in different ways. */
        {"multipart/form-data; boundary=b", "--b\r\n" DISPOSITION("token") "\r\n" CANARY, LEFT_OUT},
        {"multipart/form-data; boundary=b", "--b\r\n" DISPOSITION("a; name=token") "\r\n" CANARY "\r\n--b--", LEFT_OUT},
        {"multipart/form-data; boundary=b", "--b\r\n" DISPOSITION("a") DISPOSITION("token") "\r\n" CANARY "\r\n--b--",
         LEFT_OUT},
        {"multipart/form-data; boundary=b",
         "--b\r\nContent-Disposition: form-data;\r\n name=token\r\n\r\n" CANARY "\r\n--b--", LEFT_OUT},
        {"multipart/form-data; boundary=b",
         "--b\r\nContent-Disposition: form-data; name*=utf-8''token\r\n\r\n" CANARY "\r\n--b--", LEFT_OUT},
        {"multipart/form-data; boundary=b", "--b\r\n" DISPOSITION("\"token") "\r\n" CANARY "\r\n--b--", LEFT_OUT},
        {"multipart/form-data; boundary=b; boundary=c", "--b\r\n" DISPOSITION("token") "\r\n" CANARY "\r\n--b--",
         LEFT_OUT},
        {"multipart/form-data; boundary=b", "--bx\r\n" DISPOSITION("token") "\r\n" CANARY "\r\n--bx--", LEFT_OUT},
        {"multipart/form-data; boundary=\"\"", "--\r\n" DISPOSITION("token") "\r\n" CANARY "\r\n----", LEFT_OUT},
    };
    struct redaction *redaction = of_token();
    (void)state;
    CHECK(redaction, table);
    redaction_free(redaction);
}

static void test_paths_without_a_name_hide_all(void **state)
{
    static const struct str all[] = {STR_INIT("$")}, elements[] = {STR_INIT("$[*]")};
    const struct redaction_spec spec = {.paths = all, .path_count = 1}, each = {.paths = elements, .path_count = 1};
    static const struct body whole[] = {{JSON_TYPE, "{\"a\":1}", "[redacted]"}, {"", "x", "[redacted]"}};
    static const struct body some[] = {{JSON_TYPE, "[\"" CANARY "\", 2]", "[\"[redacted]\", \"[redacted]\"]"},
                                       {FORM_TYPE, "a=" CANARY, "a=[redacted]"}};
    struct redaction *redaction = redaction_new(&spec);
    (void)state;
    CHECK(redaction, whole);
    redaction_free(redaction);
    redaction = redaction_new(&each);
    CHECK(redaction, some);
    redaction_free(redaction);
}

static void test_masks_show_types_and_sizes(void **state)
{
    static const struct body table[] = {
        {JSON_TYPE, "{\"a\":\"h\xc3\xa9llo\\n\\u00e9\", \"b\":[1.5,true,null],\"token\":\"x\",\"o\":{}}",
         "{\"a\":\"string(7)\", \"b\":[\"number\",\"boolean\",null],\"token\":\"[redacted]\",\"o\":{}}"},
        {JSON_TYPE, "{\"a\":", "json(5)"},
        {FORM_TYPE, "a=" CANARY, "form(12)"},
        {"multipart/form-data", CANARY, "multipart(10)"},
        {"text/html", CANARY, "text(10)"},
        {"image/png", "\x89PNG", "binary(4)"},
        {"application/grpc", CANARY, "structured(10)"},
    };
    struct redaction *redaction = of_token();
    struct strbuf out = STRBUF_INIT;
    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        redaction_add_body(redaction, str_from_c(table[i].type), str_from_c(table[i].body), false, true, &out);
        expect(&out, table[i].expected);
    }
    strbuf_deinit(&out);
    redaction_free(redaction);
}

static void test_differences_by_their_field(void **state)
{
    static const char *const table[][4] = {
        /* field, value, as it is kept, masked */
        {"status", "200", "200", "200"},
        {"grpc-status", "OK", "OK", "OK"},
        {"headers.x-a", "abc", "abc", "text(3)"},
        {"headers.x-session", CANARY, "[redacted]", "[redacted]"},
        {"trailers.x-api-key", CANARY, "[redacted]", "[redacted]"},
        {"headers.location", "/?api_key=" CANARY, "/?api_key=[redacted]", "text(20)"},
        {"headers.set-cookie", "a, b", "a, b", "a, b"},
        {"body.$.token", "\"" CANARY "\"", "[redacted]", "[redacted]"},
        {"body.$.token.x[*]", "\"" CANARY "\"", "[redacted]", "[redacted]"},
        {"body.$.a.b['password']", "\"" CANARY "\"", "[redacted]", "[redacted]"},
        {"body.$.meta", "{\"a\":\"" CANARY "\"}", "[redacted]", "[redacted]"},
        {"body.$.cards[*]", "{\"pan\":\"" CANARY, "[redacted]", "[redacted]"},
        {"body.$.cards[*].pan", "\"" CANARY "\"", "[redacted]", "[redacted]"},
        {"body[*].3.1", CANARY, "[redacted]", "[redacted]"},
        {"body.$.long\xe2\x80\xa6", CANARY, "[redacted]", "[redacted]"},
        {"body", "token=" CANARY, LEFT_OUT, LEFT_OUT},
    };
    struct redaction *redaction = strict();
    struct strbuf out = STRBUF_INIT;
    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        for (int masked = 0; masked < 2; masked++) {
            redaction_add_difference(redaction, str_from_c(table[i][0]), str_from_c(table[i][1]), masked, &out);
            expect(&out, table[i][2 + masked]);
        }
    }
    redaction_free(redaction);
    redaction = of_token();
    static const char *const plain[][3] = {{"body.$.price", "9.99", "number"}, {"body.$.n", "\"abc\"", "string(3)"},
                                           {"body.$.n", "\"abc", "string"},    {"body.$.o", "{\"a\":1}", "object"},
                                           {"body.$.o", "[1", "array"},        {"body.$.b", "false", "boolean"},
                                           {"body[*].3", "08 01", "text(5)"},  {"body.$.z", "null", "null"}};
    for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
        redaction_add_difference(redaction, str_from_c(plain[i][0]), str_from_c(plain[i][1]), false, &out);
        expect(&out, plain[i][1]);
        redaction_add_difference(redaction, str_from_c(plain[i][0]), str_from_c(plain[i][1]), true, &out);
        expect(&out, plain[i][2]);
    }
    strbuf_deinit(&out);
    redaction_free(redaction);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_headers_that_are_always_hidden),
        cmocka_unit_test(test_headers_and_parameters_of_the_policy),
        cmocka_unit_test(test_json_keeps_its_shape),
        cmocka_unit_test(test_what_cannot_be_read_is_left_out),
        cmocka_unit_test(test_without_rules_bodies_stay_as_they_are),
        cmocka_unit_test(test_forms_by_the_last_name),
        cmocka_unit_test(test_parts_of_multipart),
        cmocka_unit_test(test_paths_without_a_name_hide_all),
        cmocka_unit_test(test_masks_show_types_and_sizes),
        cmocka_unit_test(test_differences_by_their_field),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
