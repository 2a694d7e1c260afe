/* SPDX-License-Identifier: Apache-2.0 */
#include "app/demo_figures.h"

#include "admin/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

#define ROUTE STR("default/a \"route\", {odd}]#0")
#define SHADOW STR("127.0.0.1:3001")

/* The page that a gateway with this registry shows. */
static struct strbuf status_page(struct registry *registry)
{
    struct strbuf page = STRBUF_INIT;
    struct status_source source = {.registry = registry, .now_ns = 1000000000, .now_wall_ns = 2000000000};
    status_json(&source, &page);
    return page;
}

static struct registry *new_registry(void)
{
    struct err err;
    int fd;
    struct registry *registry = registry_new(&fd, &err);
    assert_non_null(registry);
    close(fd);
    return registry;
}

static void test_figures_are_those_of_the_status_page(void **state)
{
    (void)state;
    struct registry *registry = new_registry();
    struct registry_mirror *mirror = registry_mirror(registry, ROUTE, SHADOW);
    counter_add(&registry_mirror(registry, ROUTE, STR("127.0.0.1:3000"))->matched, 1); /* another one, and before it */
    counter_add(&registry_totals(registry)->budget_limit, 64 << 20);
    unsigned slot = registry_gateway_take(registry, getpid());
    registry_gateway_get(registry, slot)->budget_used = 4096;
    counter_add(&mirror->matched, 100);
    counter_add(&mirror->sampled_out, 10);
    counter_add(&mirror->filtered[FILTERED_METHOD], 7);
    counter_add(&mirror->dropped[DROPPED_BREAKER], 20);
    counter_add(&mirror->sent, 60);
    gauge_add(&mirror->queued[slot], 3);
    counter_add(&mirror->completed[registry_code_index(200)], 50);
    counter_add(&mirror->failed[FAILED_RESET], 6);
    gauge_add(&mirror->in_flight[slot], 4);
    mirror->breaker = BREAKER_OPEN;
    counter_add(&mirror->breaker_until_ns, 2500000000);
    struct strbuf page = status_page(registry);
    struct demo_figures figures;
    struct err err;
    if (!demo_figures_parse(strbuf_str(&page), SHADOW, &figures, &err))
        fail_msg("%s in %s", err.text, page.ptr);
    assert_int_equal(figures.matched, 100);
    assert_int_equal(figures.sampled_out, 10);
    assert_int_equal(figures.filtered_by[FILTERED_METHOD], 7);
    assert_int_equal(figures.dropped_by[DROPPED_BREAKER], 20);
    assert_int_equal(figures.failed_by[FAILED_RESET], 6);
    assert_int_equal(figures.queued, 3);
    assert_int_equal(figures.sent, 60);
    assert_int_equal(figures.completed, 50);
    assert_int_equal(figures.in_flight, 4);
    assert_int_equal(figures.breaker, BREAKER_OPEN);
    assert_int_equal(figures.probe_ms, 1500);
    assert_int_equal(figures.budget_used, 4096);
    assert_int_equal(figures.budget_limit, 64 << 20);
    assert_true(figures.is_matched_equal && figures.is_sent_equal && demo_figures_hold(&figures));
    counter_add(&mirror->sent, 1);
    strbuf_deinit(&page);
    page = status_page(registry);
    assert_true(demo_figures_parse(strbuf_str(&page), SHADOW, &figures, &err));
    assert_false(figures.is_matched_equal || figures.is_sent_equal || demo_figures_hold(&figures));
    strbuf_deinit(&page);
    registry_close(registry);
}

static void test_a_page_that_lacks_something_says_what(void **state)
{
    (void)state;
    struct demo_figures figures;
    struct err err;
    assert_false(
        demo_figures_parse(STR("{\"budget\":{\"used\":1,\"limit\":2},\"mirrors\":[]}"), SHADOW, &figures, &err));
    assert_string_equal(err.text, "the gateway's status names no mirror 127.0.0.1:3001");
    assert_false(demo_figures_parse(STR("{\"mirrors\":[{\"matched\":1}]}"), SHADOW, &figures, &err));
    static const char *const odd[] = {"", "{", "[", "\"", "{\"mirrors\":[{", "{\"mirrors\":\"\\", "not json", "{}"};
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
        assert_false(demo_figures_parse(str_from_c(odd[i]), SHADOW, &figures, &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_figures_are_those_of_the_status_page),
        cmocka_unit_test(test_a_page_that_lacks_something_says_what),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
