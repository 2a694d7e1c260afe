/* SPDX-License-Identifier: Apache-2.0 */
#include "app/demo_shop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void ask(enum shop_role role, enum http_method method, const char *target, struct shop_answer *answer)
{
    *answer = (struct shop_answer){.body = STRBUF_INIT};
    shop_answer(role, method, str_from_c(target), STR(""), answer);
}

/* Whether its status, body and delay are live's. */
static bool is_same(enum shop_role role, const char *target)
{
    struct shop_answer live, shadow;
    ask(SHOP_LIVE, METHOD_GET, target, &live);
    ask(role, METHOD_GET, target, &shadow);
    bool is_equal = live.status == shadow.status && live.delay_ms == shadow.delay_ms &&
                    str_eq(strbuf_str(&live.body), strbuf_str(&shadow.body));
    strbuf_deinit(&live.body);
    strbuf_deinit(&shadow.body);
    return is_equal;
}

static void test_shadow_differs_exactly_where_a_fault_is_planted(void **state)
{
    (void)state;
    char target[64];
    for (int id = 1; id <= SHOP_ITEMS; id++) {
        snprintf(target, sizeof(target), "/items/%d", id);
        assert_int_equal(is_same(SHOP_SHADOW, target), id % SHOP_WRONG_PRICE_EACH != 0);
    }
    for (int id = 1; id <= SHOP_USERS; id++) {
        snprintf(target, sizeof(target), "/users/%d", id);
        assert_int_equal(is_same(SHOP_SHADOW, target), id % SHOP_MISSING_USER_EACH != 0);
    }
}

static void test_the_clean_shadow_differs_nowhere(void **state)
{
    (void)state;
    for (uint64_t n = 0; n < 2000; n++) {
        struct shop_request request;
        shop_request(n, &request);
        assert_true(is_same(SHOP_CLEAN, request.target));
    }
}

static void test_each_planted_fault_is_where_it_says(void **state)
{
    (void)state;
    assert_string_equal(shop_planted_faults[0].endpoint, "GET /items/{id}");
    assert_false(is_same(SHOP_SHADOW, "/items/25"));
    assert_string_equal(shop_planted_faults[1].endpoint, "GET /users/{id}");
    assert_false(is_same(SHOP_SHADOW, "/users/25"));
    assert_string_equal(shop_planted_faults[2].endpoint, "GET /search");
    assert_false(is_same(SHOP_SHADOW, "/search?q=mug"));
}

static void test_shadow_misses_users_and_searches_slowly(void **state)
{
    (void)state;
    struct shop_answer answer;
    ask(SHOP_SHADOW, METHOD_GET, "/users/50", &answer);
    assert_int_equal(answer.status, 404);
    strbuf_deinit(&answer.body);
    ask(SHOP_SHADOW, METHOD_GET, "/search?q=mug", &answer);
    assert_int_equal(answer.delay_ms, SHOP_SLOW_SEARCH_MS);
    strbuf_deinit(&answer.body);
    ask(SHOP_LIVE, METHOD_GET, "/search?q=mug", &answer);
    assert_int_equal(answer.delay_ms, 0);
    strbuf_deinit(&answer.body);
}

static void test_what_the_shop_has_not_is_an_error(void **state)
{
    (void)state;
    static const struct {
        enum http_method method;
        const char *target;
        uint16_t status;
    } cases[] = {
        {METHOD_GET, "/items/0", 404},    {METHOD_GET, "/items/501", 404},  {METHOD_GET, "/items/", 404},
        {METHOD_GET, "/items/1x", 404},   {METHOD_GET, "/search", 404},     {METHOD_GET, "/checkout", 405},
        {METHOD_POST, "/items/1", 405},   {METHOD_DELETE, "/users/1", 405}, {METHOD_GET, "/items/1?a=b", 200},
        {METHOD_HEAD, "/users/200", 200}, {METHOD_GET, "/", 200},           {METHOD_POST, "/checkout", 201},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct shop_answer answer;
        ask(SHOP_LIVE, cases[i].method, cases[i].target, &answer);
        assert_int_equal(answer.status, cases[i].status);
        strbuf_deinit(&answer.body);
    }
}

static void test_a_search_word_is_quoted(void **state)
{
    (void)state;
    struct shop_answer answer;
    ask(SHOP_LIVE, METHOD_GET, "/search?q=\"\\", &answer);
    assert_true(str_starts_with(strbuf_str(&answer.body), STR("{\"query\": \"\\\"\\\\\", \"results\": [{")));
    strbuf_deinit(&answer.body);
}

static void test_live_answers_all_requests_of_the_load(void **state)
{
    (void)state;
    unsigned posts = 0;
    for (uint64_t n = 0; n < 2000; n++) {
        struct shop_request request;
        struct shop_answer answer;
        shop_request(n, &request);
        ask(SHOP_LIVE, request.method, request.target, &answer);
        assert_int_equal(answer.status, request.method == METHOD_POST ? 201 : 200);
        assert_int_equal(request.body[0] != '\0', request.method == METHOD_POST);
        posts += request.method == METHOD_POST;
        strbuf_deinit(&answer.body);
    }
    assert_in_range(posts, 60, 140); /* 5 % */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shadow_differs_exactly_where_a_fault_is_planted),
        cmocka_unit_test(test_the_clean_shadow_differs_nowhere),
        cmocka_unit_test(test_each_planted_fault_is_where_it_says),
        cmocka_unit_test(test_shadow_misses_users_and_searches_slowly),
        cmocka_unit_test(test_what_the_shop_has_not_is_an_error),
        cmocka_unit_test(test_a_search_word_is_quoted),
        cmocka_unit_test(test_live_answers_all_requests_of_the_load),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
