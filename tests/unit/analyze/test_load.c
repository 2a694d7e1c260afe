/* SPDX-License-Identifier: Apache-2.0 */
#include "analyze/load.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define SECOND_NS 1000000000ull
#define BEGIN_NS 1790000000000000000ull

struct play {
    struct services services;
    struct loads loads;
    struct groups groups;
    struct store *store;
    struct room room;
    uint64_t now_ns;
};

static int begin(void **state)
{
    static struct play play;
    struct err note;
    play = (struct play){.now_ns = 100 * SECOND_NS, .room = {.limit = 1 << 24}};
    play.store = store_open(&(struct store_options){.directory = NULL}, &note);
    services_init(&play.services, play.now_ns);
    loads_init(&play.loads);
    group_set_init(&play.groups, play.store, &play.room, KEEP_FULL);
    *state = &play;
    return 0;
}

static int end(void **state)
{
    struct play *play = *state;
    group_set_deinit(&play->groups);
    loads_deinit(&play->loads);
    services_deinit(&play->services);
    store_close(play->store);
    return 0;
}

/* So many requests a second, for so many seconds; every `error_each`-th is an error (0: none). */
static void serve(struct play *play, const char *backend, unsigned rate, double ms, unsigned error_each,
                  unsigned seconds)
{
    for (unsigned second = 0; second < seconds; second++) {
        for (unsigned i = 0; i < rate; i++)
            services_add(&play->services,
                         &(struct service_leg){.route = STR("r"),
                                               .backend = str_from_c(backend),
                                               .endpoint = STR("GET /"),
                                               .duration_ns = (uint64_t)(ms * (0.8 + 0.4 * i / rate) * 1e6),
                                               .is_error = error_each > 0 && i % error_each == 0});
        play->now_ns += SECOND_NS;
        services_tick(&play->services, play->now_ns);
    }
}

static const struct finding *look(struct play *play, const char *field)
{
    loads_look(&play->loads, &play->services, &play->groups, BEGIN_NS + play->now_ns);
    for (size_t i = 0; i < play->loads.count; i++) {
        if (str_eq(play->loads.list[i].field, str_from_c(field)))
            return &play->loads.list[i];
    }
    return NULL;
}

static void assert_says(const struct finding *finding, const char *words)
{
    assert_non_null(finding);
    char text[1024];
    (void)snprintf(text, sizeof(text), "%.*s", STR_ARG(finding->summary));
    if (!strstr(text, words))
        fail_msg("no \"%s\" in \"%s\"", words, text);
}

static void test_steady_services_raise_nothing(void **state)
{
    struct play *play = *state;
    for (unsigned i = 0; i < 30; i++) {
        serve(play, "a", 20 + i % 3, 10 + i % 2, 50, 10);
        loads_look(&play->loads, &play->services, &play->groups, BEGIN_NS + play->now_ns);
    }
    assert_int_equal(play->loads.count, 0);
}

static void test_little_data_raises_nothing(void **state)
{
    struct play *play = *state;
    serve(play, "a", 5, 10, 0, 200);
    serve(play, "a", 5, 400, 2, 30);
    (void)look(play, "");
    assert_int_equal(play->loads.count, 0);
}

static void test_slower_than_its_past(void **state)
{
    struct play *play = *state;
    serve(play, "a", 20, 10, 0, 200);
    assert_null(look(play, "slow-past"));
    serve(play, "a", 20, 50, 0, 30);
    assert_says(look(play, "slow-past"), "is slower than it was");
    assert_null(look(play, "capacity"));
}

static void test_errors_that_rise(void **state)
{
    struct play *play = *state;
    serve(play, "a", 50, 10, 50, 200);
    assert_null(look(play, "errors"));
    serve(play, "a", 50, 10, 5, 30);
    assert_says(look(play, "errors"), "20.0 % of 1");
}

static void test_more_requests_than_it_can_answer(void **state)
{
    struct play *play = *state;
    serve(play, "a", 100, 10, 0, 40);
    assert_null(look(play, "capacity"));
    serve(play, "a", 160, 80, 0, 30);
    assert_says(look(play, "capacity"), "It needs about 2.0 times the replicas");
    (void)map_add(&play->loads.replicas, STR("a"), (void *)(uintptr_t)3);
    assert_says(look(play, "capacity"), "With 3 replicas it needs about 6");
}

static void test_slower_than_its_peer(void **state)
{
    struct play *play = *state;
    for (unsigned i = 0; i < 40; i++) {
        play->now_ns -= i > 0 ? SECOND_NS : 0;
        serve(play, "a", 20, 10, 0, 1);
        play->now_ns -= SECOND_NS;
        serve(play, "b", 20, 30, 0, 1);
        play->now_ns += SECOND_NS;
    }
    assert_says(look(play, "slow-peers"), "slower than its peer a");
}

static void test_copies_that_could_not_be_sent(void **state)
{
    struct play *play = *state;
    struct group *group = group_set_get(&play->groups, STR("r"), STR("m"), STR("1"), STR("1"));
    group->delivery.recent = (struct delivery_recent){.attempted = 100, .kept_away = 300};
    assert_says(look(play, "unreachable"), "75 % of the copies");
    group->delivery.recent = (struct delivery_recent){.attempted = 1000, .overflowed = 500};
    assert_says(look(play, "capacity"), "2.5 times the replicas");
}

static void test_findings_go_when_they_are_old(void **state)
{
    struct play *play = *state;
    struct group *group = group_set_get(&play->groups, STR("r"), STR("m"), STR("1"), STR("1"));
    group->delivery.recent = (struct delivery_recent){.attempted = 100, .kept_away = 300};
    assert_non_null(look(play, "unreachable"));
    group->delivery.recent = (struct delivery_recent){.attempted = 400};
    play->now_ns += 100 * SECOND_NS;
    assert_non_null(look(play, "unreachable"));
    play->now_ns += 300 * SECOND_NS;
    assert_null(look(play, "unreachable"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_steady_services_raise_nothing, begin, end),
        cmocka_unit_test_setup_teardown(test_little_data_raises_nothing, begin, end),
        cmocka_unit_test_setup_teardown(test_slower_than_its_past, begin, end),
        cmocka_unit_test_setup_teardown(test_errors_that_rise, begin, end),
        cmocka_unit_test_setup_teardown(test_more_requests_than_it_can_answer, begin, end),
        cmocka_unit_test_setup_teardown(test_slower_than_its_peer, begin, end),
        cmocka_unit_test_setup_teardown(test_copies_that_could_not_be_sent, begin, end),
        cmocka_unit_test_setup_teardown(test_findings_go_when_they_are_old, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
