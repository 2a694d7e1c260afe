/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/registry.h"
#include "registry/shared.h"
#include "route/sample.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define THREADS 4
#define LABELS 500

struct shared_test {
    struct registry *registry;
    int fd;
};

static int setup(void **state)
{
    static struct shared_test test;
    struct err err;
    test.registry = registry_new(&test.fd, &err);
    if (!test.registry)
        fail_msg("%s", err.text);
    *state = &test;
    return 0;
}

static int teardown(void **state)
{
    struct shared_test *test = *state;
    registry_close(test->registry);
    close(test->fd);
    return 0;
}

static struct registry *registry_of_test(void **state)
{
    return ((struct shared_test *)*state)->registry;
}

static struct str label_of(unsigned i, char *text)
{
    return (struct str){text, (size_t)snprintf(text, 64, "namespace-%u/route-%u#0", i, i)};
}

static void run_threads(void *(*body)(void *), void *argument)
{
    pthread_t threads[THREADS];
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, body, argument), 0);
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
}

/* 5,000 requests of one worker, sampled at 20 %. */
static void *sample_requests(void *argument)
{
    struct registry_mirror *mirror = registry_mirror(argument, STR("a"), STR("b"));
    for (unsigned i = 0; i < 5000; i++) {
        counter_add(&mirror->matched, 1);
        uint64_t sequence = atomic_fetch_add_explicit(&mirror->sequence, 1, memory_order_relaxed);
        if (sample_even(sequence, 1, 5, 0x1234))
            counter_add(&mirror->sent, 1);
        else
            counter_add(&mirror->sampled_out, 1);
    }
    return NULL;
}

static void test_even_sampling_is_exact_across_threads(void **state)
{
    struct registry *registry = registry_of_test(state);
    run_threads(sample_requests, registry);
    struct registry_mirror *mirror = registry_mirror(registry, STR("a"), STR("b"));
    assert_int_equal(counter_get(&mirror->matched), THREADS * 5000);
    assert_int_equal(counter_get(&mirror->sent), THREADS * 1000);
    assert_int_equal(counter_get(&mirror->sampled_out), THREADS * 4000);
}

static bool is_whole(struct str route, struct str mirror)
{
    return str_starts_with(route, STR("namespace-")) && str_ends_with(route, STR("#0")) && str_eq(route, mirror);
}

/* Adds the same labels as everybody, and reads the list meanwhile. */
static void *add_and_list(void *argument)
{
    struct registry *registry = argument;
    char text[64];
    for (unsigned i = 0; i < LABELS; i++) {
        struct str label = label_of(i, text), route, mirror;
        struct registry_mirror *entry;
        counter_add(&registry_mirror(registry, label, label)->matched, 1);
        for (size_t j = i > 8 ? i - 8 : 0; registry_mirror_at(registry, j, &route, &mirror, &entry); j++) {
            if (!is_whole(route, mirror))
                counter_add(&registry_totals(registry)->refused[0], 1);
        }
    }
    return NULL;
}

/* Every label once, each counted by all. */
static void assert_added_once(struct registry *registry, unsigned count)
{
    struct registry_mirror *entry;
    struct str route, mirror;
    size_t n = 0;
    for (; registry_mirror_at(registry, n, &route, &mirror, &entry); n++) {
        assert_true(is_whole(route, mirror));
        assert_int_equal(counter_get(&entry->matched), count);
        assert_ptr_equal(registry_mirror(registry, route, mirror), entry);
    }
    assert_int_equal(n, LABELS);
    assert_int_equal(counter_get(&registry_totals(registry)->refused[0]), 0);
}

static void test_threads_that_add_the_same_labels_share_entries(void **state)
{
    struct registry *registry = registry_of_test(state);
    run_threads(add_and_list, registry);
    assert_added_once(registry, THREADS);
}

static void test_processes_that_add_the_same_labels_share_entries(void **state)
{
    struct shared_test *test = *state;
    pid_t pids[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        pids[i] = fork();
        if (pids[i] != 0)
            continue;
        /* a mapping of its own, at another address */
        struct registry *registry = registry_open(test->fd, NULL);
        if (registry)
            add_and_list(registry);
        _exit(registry ? 0 : 1);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        int status;
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_int_equal(status, 0);
    }
    assert_added_once(test->registry, THREADS);
}

static void test_counts_outlive_the_process_and_the_mapping(void **state)
{
    struct shared_test *test = *state;
    counter_add(&registry_mirror(test->registry, STR("a"), STR("b"))->sequence, 41);
    registry_close(test->registry);
    struct err err;
    test->registry = registry_open(test->fd, &err);
    assert_non_null(test->registry);
    assert_int_equal(counter_get(&registry_mirror(test->registry, STR("a"), STR("b"))->sequence), 41);
}

static void die_in(struct registry *registry, bool is_entry_half_published)
{
    pid_t pid = fork();
    if (pid == 0) {
        struct registry_index *index = &registry->shared->mirror_index;
        registry_mirror(registry, STR("a"), STR("b"));
        pthread_mutex_lock(&registry->shared->adding);
        for (unsigned i = 0; is_entry_half_published && i < REGISTRY_SLOTS; i++)
            atomic_store(&index->slots[i], 0);
        raise(SIGKILL);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
}

static void test_process_that_dies_while_adding_blocks_nobody(void **state)
{
    struct registry *registry = registry_of_test(state);
    struct registry_mirror *entry;
    struct str route, mirror;
    die_in(registry, false);
    registry_mirror(registry, STR("a"), STR("c"));
    registry_mirror(registry, STR("a"), STR("b"));
    assert_true(registry_mirror_at(registry, 1, &route, &mirror, &entry));
    assert_false(registry_mirror_at(registry, 2, &route, &mirror, &entry));
}

static void test_entry_of_a_process_that_died_half_way_is_not_added_twice(void **state)
{
    struct registry *registry = registry_of_test(state);
    struct registry_mirror *entry, *first;
    struct str route, mirror;
    die_in(registry, true);
    assert_true(registry_mirror_at(registry, 0, &route, &mirror, &first));
    assert_ptr_equal(registry_mirror(registry, STR("a"), STR("b")), first);
    assert_false(registry_mirror_at(registry, 1, &route, &mirror, &entry));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_even_sampling_is_exact_across_threads),
        TEST(test_threads_that_add_the_same_labels_share_entries),
        TEST(test_processes_that_add_the_same_labels_share_entries),
        TEST(test_counts_outlive_the_process_and_the_mapping),
        TEST(test_process_that_dies_while_adding_blocks_nobody),
        TEST(test_entry_of_a_process_that_died_half_way_is_not_added_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
