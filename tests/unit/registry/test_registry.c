/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE 1
#include "registry/registry.h"

#include "base/mem.h"
#include "registry/shared.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

static struct registry *registry_of_test(void **state)
{
    return *state;
}

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

static void assert_str(struct str s, const char *want)
{
    assert_int_equal(s.len, strlen(want));
    assert_memory_equal(s.ptr, want, s.len);
}

static void test_same_identity_is_the_same_entry(void **state)
{
    struct registry *registry = registry_of_test(state);
    struct registry_mirror *mirror = registry_mirror(registry, STR("default/a#0"), STR("127.0.0.1:1"));
    assert_ptr_equal(registry_mirror(registry, STR("default/a#0"), STR("127.0.0.1:1")), mirror);
    assert_ptr_not_equal(registry_mirror(registry, STR("default/a#0"), STR("127.0.0.1:2")), mirror);
    assert_ptr_not_equal(registry_mirror(registry, STR("default/a#1"), STR("127.0.0.1:1")), mirror);
}

static void test_boundary_between_labels_counts(void **state)
{
    struct registry *registry = registry_of_test(state);
    assert_ptr_not_equal(registry_route(registry, STR("ab"), STR("c")), registry_route(registry, STR("a"), STR("bc")));
    assert_ptr_not_equal(registry_route(registry, STR("ab"), STR("")), registry_route(registry, STR(""), STR("ab")));
    assert_ptr_equal(registry_route(registry, STR("ab"), STR_NONE), registry_route(registry, STR("ab"), STR("")));
}

static void test_entries_are_listed_with_their_labels(void **state)
{
    struct registry *registry = registry_of_test(state);
    struct registry_route *first = registry_route(registry, STR("default/a#0"), STR("live:80"));
    struct registry_route *second = registry_route(registry, STR("default/a#0"), STR(""));
    struct registry_route *entry;
    struct registry_mirror *mirror;
    struct str route, backend;

    assert_true(registry_route_at(registry, 0, &route, &backend, &entry));
    assert_str(route, "default/a#0");
    assert_str(backend, "live:80");
    assert_ptr_equal(entry, first);
    assert_true(registry_route_at(registry, 1, &route, &backend, &entry));
    assert_str(backend, "");
    assert_ptr_equal(entry, second);
    assert_false(registry_route_at(registry, 2, &route, &backend, &entry));
    assert_false(registry_route_at(registry, SIZE_MAX, &route, &backend, &entry));
    assert_false(registry_mirror_at(registry, 0, &route, &backend, &mirror));
}

static void test_new_entry_counts_from_zero(void **state)
{
    struct registry *registry = registry_of_test(state);
    static const struct registry_mirror zero;
    assert_memory_equal(registry_mirror(registry, STR("a"), STR("b")), &zero, sizeof(zero));
}

static void test_full_registry_gives_the_entry_of_all_others(void **state)
{
    struct registry *registry = registry_of_test(state);
    struct registry_mirror *entry, *other = NULL;
    struct str route, mirror;
    char label[32];

    for (unsigned i = 0; i < REGISTRY_MIRRORS + 10; i++) {
        int len = snprintf(label, sizeof(label), "default/m-%u:80", i);
        entry = registry_mirror(registry, STR("r"), (struct str){label, (size_t)len});
        if (i == REGISTRY_MIRRORS - 1)
            other = entry;
        if (i >= REGISTRY_MIRRORS - 1)
            assert_ptr_equal(entry, other);
        else
            assert_ptr_not_equal(entry, &registry->shared->mirrors[REGISTRY_OTHER]);
    }
    assert_ptr_equal(registry_mirror(registry, STR("r"), STR("default/m-7:80")), &registry->shared->mirrors[7]);
    assert_true(registry_mirror_at(registry, REGISTRY_MIRRORS - 1, &route, &mirror, &entry));
    assert_str(route, "other");
    assert_str(mirror, "other");
    assert_ptr_equal(entry, other);
    assert_false(registry_mirror_at(registry, REGISTRY_MIRRORS, &route, &mirror, &entry));
}

static void test_full_room_for_labels_gives_the_entry_of_all_others(void **state)
{
    struct registry *registry = registry_of_test(state);
    size_t len = REGISTRY_TEXT_BYTES / 4;
    char *label = mem_alloc(len);
    for (unsigned i = 0; i < 4; i++) {
        label[0] = (char)i;
        assert_ptr_equal(registry_route(registry, (struct str){label, len}, STR("")), &registry->shared->routes[i]);
    }
    assert_ptr_equal(registry_route(registry, STR("a"), STR("")), &registry->shared->routes[REGISTRY_OTHER]);
    /* an identity without text needs no room */
    assert_ptr_equal(registry_route(registry, STR(""), STR("")), &registry->shared->routes[4]);
    mem_free(label);
}

static void test_damaged_index_is_never_followed_out_of_bounds(void **state)
{
    struct registry *registry = registry_of_test(state);
    struct registry_shared *shared = registry->shared;
    struct registry_route *entry;
    struct str route, backend;

    registry_route(registry, STR("a"), STR("b"));
    atomic_store(&shared->route_index.keys[0].route_off, UINT32_MAX);
    atomic_store(&shared->route_index.keys[0].name_len, REGISTRY_TEXT_BYTES);
    assert_true(registry_route_at(registry, 0, &route, &backend, &entry));
    assert_str(route, "");
    assert_str(backend, "");
    atomic_store(&shared->route_index.count, UINT32_MAX);
    assert_true(registry_route_at(registry, REGISTRY_OTHER - 1, &route, &backend, &entry));
    assert_false(registry_route_at(registry, REGISTRY_OTHER, &route, &backend, &entry));
    for (unsigned i = 0; i < REGISTRY_SLOTS; i++)
        atomic_store(&shared->route_index.slots[i], UINT32_MAX - i);
    assert_ptr_equal(registry_route(registry, STR("x"), STR("y")), &shared->routes[REGISTRY_OTHER]);
    atomic_store(&shared->route_index.count, 1);
    atomic_store(&shared->text_used, UINT32_MAX);
    assert_ptr_equal(registry_route(registry, STR("x"), STR("z")), &shared->routes[REGISTRY_OTHER]);
}

static void test_memory_of_another_version_is_refused(void **state)
{
    (void)state;
    struct err err;
    int fd;
    struct registry *registry = registry_new(&fd, &err);
    assert_non_null(registry);
    struct registry *again = registry_open(fd, &err);
    assert_non_null(again);
    registry_close(again);

    registry->shared->layout++;
    assert_null(registry_open(fd, &err));
    assert_non_null(strstr(err.text, "layout"));
    registry_close(registry);
    close(fd);

    fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    assert_null(registry_open(fd, &err));
    assert_non_null(strstr(err.text, "fixed size"));
    assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW), 0);
    assert_null(registry_open(fd, &err));
    assert_non_null(strstr(err.text, "size differs"));
    close(fd);
    assert_null(registry_open(-1, &err));
}

static void test_nobody_can_shrink_the_memory(void **state)
{
    (void)state;
    struct err err;
    int fd;
    struct registry *registry = registry_new(&fd, &err);
    assert_non_null(registry);
    assert_int_equal(ftruncate(fd, 0), -1);
    assert_int_equal(ftruncate(fd, 1ll << 40), -1);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    registry_close(registry);
    close(fd);
}

static void test_reasons_have_the_names_of_the_metrics(void **state)
{
    (void)state;
    assert_string_equal(filtered_name(FILTERED_OFF), "off");
    assert_string_equal(filtered_name(FILTERED_SOURCE), "source");
    assert_string_equal(dropped_name(DROPPED_NO_ENDPOINT), "no_endpoint");
    assert_string_equal(dropped_name(DROPPED_SHUTDOWN), "shutdown");
    assert_string_equal(failed_name(FAILED_CONNECT), "connect");
    assert_string_equal(failed_name(FAILED_TLS), "tls");
    assert_int_equal(FILTERED_COUNT, 5);
    assert_int_equal(DROPPED_COUNT, 10);
    assert_int_equal(FAILED_COUNT, 7);
}

static void test_status_codes_outside_100_to_599_are_other(void **state)
{
    (void)state;
    assert_int_equal(registry_code_index(100), 0);
    assert_int_equal(registry_code_index(599), 499);
    assert_int_equal(registry_code_index(99), REGISTRY_CODES - 1);
    assert_int_equal(registry_code_index(600), REGISTRY_CODES - 1);
    assert_int_equal(registry_code_index(0), REGISTRY_CODES - 1);
}

static void test_durations_are_counted_in_their_bucket(void **state)
{
    struct registry *registry = registry_of_test(state);
    struct registry_route *route = registry_route(registry, STR("a"), STR("b"));
    registry_duration_add(&route->duration, 3000000);
    registry_duration_add(&route->duration, 3000000);
    registry_duration_add(&route->duration, UINT64_MAX / 4);
    assert_int_equal(counter_get(&route->duration.bucket[histogram_bucket(3000000)]), 2);
    assert_int_equal(counter_get(&route->duration.bucket[HISTOGRAM_BUCKETS - 1]), 1);
    assert_int_equal(counter_get(&route->duration.sum_ns), 6000000 + UINT64_MAX / 4);
}

static void test_who_may_only_look_sees_all_and_can_not_write(void **state)
{
    (void)state;
    struct err err;
    int fd;
    struct registry *writer = registry_new(&fd, &err);
    struct registry_mirror *mirror = registry_mirror(writer, STR("default/a#0"), STR("127.0.0.1:1"));
    counter_add(&mirror->matched, 3);
    int readonly = registry_readonly(fd, &err);
    assert_true(readonly >= 0);
    assert_null(registry_open(readonly, &err));
    struct registry *reader = registry_open_readonly(readonly, &err);
    assert_non_null(reader);
    assert_int_equal(counter_get(&registry_mirror(reader, STR("default/a#0"), STR("127.0.0.1:1"))->matched), 3);
    /* What there is not is not made. */
    assert_int_equal(counter_get(&registry_mirror(reader, STR("default/b#0"), STR("127.0.0.1:1"))->matched), 0);
    assert_int_equal(counter_get(&registry_route(reader, STR("default/b#0"), STR(""))->code[100]), 0);
    struct str route, label;
    struct registry_mirror *entry;
    assert_false(registry_mirror_at(writer, 1, &route, &label, &entry));
    if (geteuid() != 0) { /* root may open what its mode forbids */
        char path[64];
        snprintf(path, sizeof(path), "/proc/self/fd/%d", readonly);
        assert_int_equal(open(path, O_RDWR | O_CLOEXEC), -1);
    }
    close(readonly);
    close(fd);
    registry_close(reader);
    registry_close(writer);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_same_identity_is_the_same_entry),
        TEST(test_boundary_between_labels_counts),
        TEST(test_entries_are_listed_with_their_labels),
        TEST(test_new_entry_counts_from_zero),
        TEST(test_full_registry_gives_the_entry_of_all_others),
        TEST(test_full_room_for_labels_gives_the_entry_of_all_others),
        TEST(test_damaged_index_is_never_followed_out_of_bounds),
        cmocka_unit_test(test_memory_of_another_version_is_refused),
        cmocka_unit_test(test_nobody_can_shrink_the_memory),
        cmocka_unit_test(test_who_may_only_look_sees_all_and_can_not_write),
        cmocka_unit_test(test_reasons_have_the_names_of_the_metrics),
        cmocka_unit_test(test_status_codes_outside_100_to_599_are_other),
        TEST(test_durations_are_counted_in_their_bucket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
