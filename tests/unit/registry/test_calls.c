/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/registry.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static int setup(void **state)
{
    struct err err;
    int fd;
    *state = registry_new(&fd, &err);
    if (!*state)
        fail_msg("%s", err.text);
    close(fd);
    return 0;
}

static int teardown(void **state)
{
    registry_close(*state);
    return 0;
}

/* The count of a method of a route; UINT64_MAX when it has no place. */
static uint64_t count_of(struct registry *registry, const char *route, const char *method, unsigned status)
{
    struct registry_call_name name;
    counter *statuses;
    for (size_t i = 0; registry_call_at(registry, i, &name, &statuses); i++) {
        if (str_eq(name.route, str_from_c(route)) && str_eq(name.method, str_from_c(method)))
            return counter_get(&statuses[status]);
    }
    return UINT64_MAX;
}

static void test_calls_are_counted_by_route_method_and_status(void **state)
{
    struct registry *registry = *state;
    struct registry_route *a = registry_route(registry, STR("a"), STR("b")),
                          *c = registry_route(registry, STR("c"), STR("b"));
    registry_count_call(registry, a, STR("/s/Get"), 0, true);
    registry_count_call(registry, a, STR("/s/Get"), 0, true);
    registry_count_call(registry, a, STR("/s/Get"), 14, false);
    registry_count_call(registry, a, STR("/s/Put"), 0, true);
    registry_count_call(registry, c, STR("/s/Get"), 5, true);
    assert_int_equal(count_of(registry, "a", "/s/Get", 0), 2);
    assert_int_equal(count_of(registry, "a", "/s/Get", 14), 1);
    assert_int_equal(count_of(registry, "a", "/s/Put", 0), 1);
    assert_int_equal(count_of(registry, "c", "/s/Get", 5), 1);
    assert_int_equal(count_of(registry, "c", "/s/Get", 0), 0);
}

static void test_methods_without_a_name_of_their_own_are_one(void **state)
{
    struct registry *registry = *state;
    struct registry_route *route = registry_route(registry, STR("a"), STR("b"));
    char longest[REGISTRY_METHOD_MAX + 2];
    memset(longest, 'm', sizeof(longest));
    registry_count_call(registry, route, STR("/s/Unknown"), 12, false);
    registry_count_call(registry, route, STR("/s/G et"), 12, true);
    registry_count_call(registry, route, STR(""), 12, true);
    registry_count_call(registry, route, (struct str){longest, REGISTRY_METHOD_MAX + 1}, 12, true);
    assert_int_equal(counter_get(&route->other_methods[12]), 4);
    registry_count_call(registry, route, (struct str){longest, REGISTRY_METHOD_MAX}, 12, true);
    assert_int_equal(counter_get(&route->other_methods[12]), 4);
}

static void test_a_route_has_so_many_methods_and_no_more(void **state)
{
    struct registry *registry = *state;
    struct registry_route *route = registry_route(registry, STR("a"), STR("b"));
    for (unsigned i = 0; i < REGISTRY_METHODS + 10; i++) {
        char method[32];
        snprintf(method, sizeof(method), "/s/%u", i);
        registry_count_call(registry, route, str_from_c(method), 0, true);
    }
    assert_int_equal(counter_get(&route->other_methods[0]), 10);
    registry_count_call(registry, route, STR("/s/0"), 0, true);
    assert_int_equal(count_of(registry, "a", "/s/0", 0), 2);
    assert_int_equal(counter_get(&route->other_methods[0]), 10);
}

static void test_a_full_table_counts_as_other(void **state)
{
    struct registry *registry = *state;
    uint64_t counted = 0, calls = 0;
    for (unsigned i = 0; i < 2 * REGISTRY_CALLS / REGISTRY_METHODS; i++) {
        char text[32];
        snprintf(text, sizeof(text), "route-%u", i);
        struct registry_route *route = registry_route(registry, str_from_c(text), STR("b"));
        for (unsigned k = 0; k < REGISTRY_METHODS; k++, calls++) {
            snprintf(text, sizeof(text), "/s/%u", k);
            registry_count_call(registry, route, str_from_c(text), 0, true);
        }
        counted += counter_get(&route->other_methods[0]);
    }
    struct registry_call_name name;
    counter *statuses;
    for (size_t i = 0; registry_call_at(registry, i, &name, &statuses); i++)
        counted += counter_get(&statuses[0]);
    assert_int_equal(counted, calls);
}

#define THREADS 4
#define ROUNDS 2000
#define SHARED_METHODS 80 /* more than a route may have */

static void *count_many(void *user)
{
    struct registry *registry = user;
    struct registry_route *route = registry_route(registry, STR("a"), STR("b"));
    for (unsigned i = 0; i < ROUNDS; i++) {
        char method[32];
        snprintf(method, sizeof(method), "/s/%u", i % SHARED_METHODS);
        registry_count_call(registry, route, str_from_c(method), 0, true);
    }
    return NULL;
}

static void test_workers_that_add_the_same_methods_at_once_lose_none(void **state)
{
    struct registry *registry = *state;
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count_many, registry), 0);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    struct registry_route *route = registry_route(registry, STR("a"), STR("b"));
    uint64_t counted = counter_get(&route->other_methods[0]), methods = 0;
    struct registry_call_name name;
    counter *statuses;
    for (size_t i = 0; registry_call_at(registry, i, &name, &statuses); i++) {
        counted += counter_get(&statuses[0]);
        methods += name.method.len > 0;
    }
    assert_int_equal(counted, THREADS * ROUNDS);
    assert_true(methods <= REGISTRY_METHODS);
}

static void test_looking_for_calls_takes_no_memory_for_those_that_there_are_not(void **state)
{
    (void)state;
    struct err err;
    int fd;
    struct stat before, after;
    struct registry *registry = registry_new(&fd, &err);
    assert_non_null(registry);
    struct registry_route *route = registry_route(registry, STR("a"), STR("b"));
    registry_count_call(registry, route, STR("/s/Get"), 0, true);
    assert_int_equal(fstat(fd, &before), 0);
    assert_int_equal(count_of(registry, "a", "/s/Get", 0), 1);
    assert_int_equal(count_of(registry, "a", "/s/Put", 0), UINT64_MAX);
    assert_int_equal(fstat(fd, &after), 0);
    assert_int_equal(after.st_blocks, before.st_blocks);
    registry_close(registry);
    close(fd);
}

int main(void)
{
#define ISOLATED(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        ISOLATED(test_calls_are_counted_by_route_method_and_status),
        ISOLATED(test_methods_without_a_name_of_their_own_are_one),
        ISOLATED(test_a_route_has_so_many_methods_and_no_more),
        ISOLATED(test_a_full_table_counts_as_other),
        ISOLATED(test_workers_that_add_the_same_methods_at_once_lose_none),
        cmocka_unit_test(test_looking_for_calls_takes_no_memory_for_those_that_there_are_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
