/* SPDX-License-Identifier: Apache-2.0 */
#include "route/cors.h"

#include "http/http1_parse.h"
#include "plan_fixture.h"

struct rule {
    const char *origins, *methods, *headers, *expose;
    bool has_credentials;
    uint32_t max_age;
};

static const struct rule several = {"https://www.foo.com https://*.bar.com",
                                    "GET OPTIONS",
                                    "x-header-1 x-header-2",
                                    "x-header-3 x-header-4",
                                    true,
                                    3600};
static const struct rule any_method = {"https://www.foo.com", "*", "", "", false, 5};
static const struct rule any_origin = {"*", "PUT", "", "", false, 5};
static const struct rule all_with = {"*", "*", "*", "*", true, 5};
static const struct rule all_without = {"*", "*", "*", "*", false, 5};

static struct plan_cors make(struct plan_fixture *fixture, const struct rule *rule)
{
    *fixture = (struct plan_fixture){0};
    return (struct plan_cors){
        .origins = plan_fixture_list(fixture, rule->origins),
        .methods = plan_fixture_list(fixture, rule->methods),
        .headers = plan_fixture_list(fixture, rule->headers),
        .expose = plan_fixture_list(fixture, rule->expose),
        .allows_credentials = rule->has_credentials,
        .max_age_s = rule->max_age,
    };
}

static const struct {
    const struct rule *rule;
    const char *request;  /* method and fields */
    const char *expected; /* fields */
} cases[] = {
    {&several,
     "OPTIONS\nOrigin: https://www.foo.com\nAccess-Control-Request-Method: GET\n"
     "Access-Control-Request-Headers: x-header-1, x-header-2\n",
     "Vary: Origin\nAccess-Control-Allow-Origin: https://www.foo.com\nAccess-Control-Allow-Credentials: true\n"
     "Access-Control-Expose-Headers: x-header-3, x-header-4\nAccess-Control-Allow-Methods: GET, OPTIONS\n"
     "Access-Control-Allow-Headers: x-header-1, x-header-2\nAccess-Control-Max-Age: 3600\n"},
    {&several, "OPTIONS\nOrigin: https://foobar.com\nAccess-Control-Request-Method: GET\n", "Vary: Origin\n"},
    {&several, "GET\nOrigin: https://xpto.www.bar.com\n",
     "Vary: Origin\nAccess-Control-Allow-Origin: https://xpto.www.bar.com\nAccess-Control-Allow-Credentials: true\n"
     "Access-Control-Expose-Headers: x-header-3, x-header-4\n"},
    {&several, "GET\nOrigin: https://foobar.com\n", "Vary: Origin\n"},
    {&several, "GET\n", "Vary: Origin\n"},
    {&any_method, "OPTIONS\nOrigin: https://www.foo.com\nAccess-Control-Request-Method: POST\n",
     "Vary: Origin\nAccess-Control-Allow-Origin: https://www.foo.com\nAccess-Control-Allow-Methods: *\n"
     "Access-Control-Max-Age: 5\n"},
    {&any_origin, "OPTIONS\nOrigin: https://foobar.com:12345\nAccess-Control-Request-Method: PUT\n",
     "Access-Control-Allow-Origin: *\nAccess-Control-Allow-Methods: PUT\nAccess-Control-Max-Age: 5\n"},
    {&any_origin, "PUT\nOrigin: null\n", "Access-Control-Allow-Origin: *\n"},
    {&any_origin, "PUT\n", "Access-Control-Allow-Origin: *\n"},
    {&all_with,
     "OPTIONS\nOrigin: https://other.foo.com\nAccess-Control-Request-Method: PUT\n"
     "Access-Control-Request-Headers: x-header-1, x-header-2\n",
     "Vary: Origin\nAccess-Control-Allow-Origin: https://other.foo.com\nAccess-Control-Allow-Credentials: true\n"
     "Access-Control-Allow-Methods: PUT\nAccess-Control-Allow-Headers: x-header-1, x-header-2\n"
     "Access-Control-Max-Age: 5\n"},
    {&all_with, "OPTIONS\nOrigin: https://a.b\nAccess-Control-Request-Method: PUT\n",
     "Vary: Origin\nAccess-Control-Allow-Origin: https://a.b\nAccess-Control-Allow-Credentials: true\n"
     "Access-Control-Allow-Methods: PUT\nAccess-Control-Max-Age: 5\n"},
    {&all_with, "GET\nOrigin: https://other.foo.com\n",
     "Vary: Origin\nAccess-Control-Allow-Origin: https://other.foo.com\nAccess-Control-Allow-Credentials: true\n"},
    {&all_without,
     "OPTIONS\nOrigin: https://other.foo.com\nAccess-Control-Request-Method: PUT\n"
     "Access-Control-Request-Headers: x-header-1\n",
     "Access-Control-Allow-Origin: *\nAccess-Control-Expose-Headers: *\nAccess-Control-Allow-Methods: *\n"
     "Access-Control-Allow-Headers: *\nAccess-Control-Max-Age: 5\n"},
};

static void parse(struct head *head, char *text, size_t size, const char *request)
{
    enum refusal refusal;
    size_t method = str_find_char(str_from_c(request), '\n');
    size_t len = (size_t)snprintf(text, size, "%.*s / HTTP/1.1\r\nHost: a\r\n", (int)method, request);
    for (const char *at = request + method + 1; *at; at++) {
        if (*at == '\n')
            text[len++] = '\r';
        text[len++] = *at;
    }
    snprintf(text + len, size - len, "\r\n");
    assert_int_equal(http1_parse_request(str_from_c(text), head, &refusal), PARSE_DONE);
}

static void test_answers_get_the_fields_that_the_rule_allows(void **state)
{
    (void)state;
    static struct plan_fixture fixture;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[1024], got[1024] = "";
        struct field room[HEAD_MAX_FIELDS], fields[CORS_MAX_FIELDS];
        struct head head = {.fields = room};
        struct plan_cors cors = make(&fixture, cases[i].rule);
        struct arena arena;
        size_t len = 0;
        arena_init(&arena, NULL, 0);
        parse(&head, text, sizeof text, cases[i].request);
        uint16_t count = cors_make_fields(&(struct cors_rule){.plan = &fixture.plan, .cors = &cors}, &head, &arena,
                                          fields);
        for (uint16_t k = 0; k < count; k++)
            len += (size_t)snprintf(got + len, sizeof got - len, "%.*s: %.*s\n", STR_ARG(fields[k].name),
                                    STR_ARG(fields[k].value));
        if (strcmp(got, cases[i].expected) != 0)
            fail_msg("case %zu: got\n%snot\n%s", i, got, cases[i].expected);
        arena_deinit(&arena);
    }
}

static const struct {
    const char *rule, *origin;
    bool is_allowed;
} origins[] = {
    {"*", "https://a.b", true},
    {"*", "null", true},
    {"https://a.com", "https://a.com", true},
    {"https://a.com", "HTTPS://A.com", true},
    {"https://a.com", "http://a.com", false},
    {"https://a.com", "https://a.com:443", true},
    {"https://a.com:443", "https://a.com", true},
    {"http://a.com", "http://a.com:80", true},
    {"https://a.com", "https://a.com:8443", false},
    {"https://a.com:8443", "https://a.com:8443", true},
    {"https://a.com", "https://b.a.com", false},
    {"https://a.com", "https://a.com.evil.com", false},
    {"https://*.a.com", "https://b.a.com", true},
    {"https://*.a.com", "https://c.b.a.com", true},
    {"https://*.a.com", "https://B.A.com", true},
    {"https://*.a.com", "https://a.com", false},
    {"https://*.a.com", "https://.a.com", false},
    {"https://*.a.com", "https://xa.com", false},
    {"https://*.a.com", "https://evil.com/.a.com", false},
    {"https://*.a.com", "https://evil.com:1.a.com", false},
    {"https://*.a.com", "https://user@b.a.com", false},
    {"https://*.a.com", "https://evil.com%2F.a.com", false},
    {"https://*.a.com", "http://b.a.com", false},
    {"https://*.a.com", "null", false},
    {"https://*", "https://anything", true},
    {"https://*", "https://[::1]", true},
    {"https://*", "http://anything", false},
    {"https://*:8443", "https://x:8443", true},
    {"https://*:8443", "https://x", false},
    {"https://[::1]", "https://[::1]", true},
    {"https://a.com", "https://a.com/", false},
    {"https://a.com", "https:a.com", false},
    {"https://a.com", "", false},
    {"", "https://a.com", false},
    {"https://x.com https://a.com", "https://a.com", true},
};

static void test_origins_are_compared_as_browsers_mean_them(void **state)
{
    (void)state;
    static struct plan_fixture fixture;
    for (size_t i = 0; i < sizeof origins / sizeof *origins; i++) {
        struct rule rule = {origins[i].rule, "", "", "", false, 0};
        struct plan_cors cors = make(&fixture, &rule);
        if (cors_allows(&(struct cors_rule){.plan = &fixture.plan, .cors = &cors}, str_from_c(origins[i].origin)) !=
            origins[i].is_allowed)
            fail_msg("\"%s\" must %sallow \"%s\"", origins[i].rule, origins[i].is_allowed ? "" : "not ",
                     origins[i].origin);
    }
}

static void test_origins_may_be_told_by_prefix_and_by_regular_expression(void **state)
{
    (void)state;
    static const struct {
        const char *origin;
        bool is_allowed;
    } asking[] = {{"https://a.test", true},
                  {"https://a.test.evil", true},
                  {"http://a.test", false},
                  {"https://shop-1.test", true},
                  {"https://shop-x.test", false},
                  {"https://shop-1.test:8443", false},
                  {"HTTPS://a.test", false},
                  {"app://exactly", true},
                  {"app://exactly.", false},
                  {"https://listed.test:443", true},
                  {"", false}};
    static struct plan_fixture fixture;
    struct err err;
    struct rule listed = {"https://listed.test", "GET", "", "", false, 0};
    struct plan_cors cors = make(&fixture, &listed);
    fixture.plan.conditions.off = FIXTURE_OFFSET(conditions);
    fixture.conditions[0] = (struct plan_condition){.test = TEST_PREFIX,
                                                    .value = plan_fixture_text(&fixture, "https://a.")};
    fixture.conditions[1] = (struct plan_condition){
        .test = TEST_REGEX, .index = plan_fixture_regex(&fixture, "https://shop-[0-9]\\.test", false)};
    fixture.conditions[2] = (struct plan_condition){.test = TEST_EXACT,
                                                    .value = plan_fixture_text(&fixture, "app://exactly")};
    cors.origin_tests = (struct plan_range){0, 3};
    struct cors_rule rule = {&fixture.plan, &cors, {regexes_new(&fixture.plan, &err), regex_scratch_new()}};
    for (size_t i = 0; i < sizeof asking / sizeof *asking; i++) {
        if (cors_allows(&rule, str_from_c(asking[i].origin)) != asking[i].is_allowed)
            fail_msg("\"%s\" must %sbe allowed", asking[i].origin, asking[i].is_allowed ? "" : "not ");
    }
    regexes_free((struct regexes *)rule.use.regexes);
    regex_scratch_free(rule.use.scratch);
}

static const struct {
    const char *request;
    bool is_preflight;
} preflights[] = {
    {"OPTIONS\nOrigin: https://a\nAccess-Control-Request-Method: GET\n", true},
    {"OPTIONS\norigin: https://a\naccess-control-request-method: GET\n", true},
    {"OPTIONS\nOrigin: https://a\n", false},
    {"OPTIONS\nAccess-Control-Request-Method: GET\n", false},
    {"OPTIONS\nOrigin: https://a\nAccess-Control-Request-Method: \n", false},
    {"GET\nOrigin: https://a\nAccess-Control-Request-Method: GET\n", false},
};

static void test_a_preflight_is_options_with_both_fields(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof preflights / sizeof *preflights; i++) {
        char text[512];
        struct field fields[HEAD_MAX_FIELDS];
        struct head head = {.fields = fields};
        parse(&head, text, sizeof text, preflights[i].request);
        if (cors_is_preflight(&head) != preflights[i].is_preflight)
            fail_msg("case %zu", i);
    }
}

static void test_vary_is_not_said_twice(void **state)
{
    (void)state;
    struct field fields[] = {{STR("vary"), STR("accept"), FIELD_OTHER}, {STR("Vary"), STR("x, origin"), FIELD_OTHER}};
    struct head head = {.fields = fields, .field_count = 1};
    assert_false(cors_has_vary(&head));
    head.field_count = 2;
    assert_true(cors_has_vary(&head));
    fields[1].value = STR("*");
    assert_true(cors_has_vary(&head));
}

static void test_live_s_own_words_on_cors_are_known(void **state)
{
    (void)state;
    assert_true(cors_owns(STR("access-control-allow-origin")));
    assert_true(cors_owns(STR("Access-Control-Max-Age")));
    assert_false(cors_owns(STR("Vary")));
    assert_false(cors_owns(STR("Access-Control-Request-Method")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers_get_the_fields_that_the_rule_allows),
        cmocka_unit_test(test_origins_are_compared_as_browsers_mean_them),
        cmocka_unit_test(test_origins_may_be_told_by_prefix_and_by_regular_expression),
        cmocka_unit_test(test_a_preflight_is_options_with_both_fields),
        cmocka_unit_test(test_vary_is_not_said_twice),
        cmocka_unit_test(test_live_s_own_words_on_cors_are_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
