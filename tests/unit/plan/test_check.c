/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE 1
#include "plan/check.h"

#include "base/mem.h"
#include "plan/build.h"
#include "plan/flat.h"
#include "sample_rules.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

/* A writable copy of a good plan of `*len` bytes. */
static struct plan *good_plan(size_t *len)
{
    struct sample_rules sample;
    struct err err;
    sample_rules_init(&sample);
    int fd = plan_build(&sample.rules, &err);
    assert_true(fd >= 0);
    *len = (size_t)lseek(fd, 0, SEEK_END);
    struct plan *plan = mem_alloc_raw(*len);
    assert_int_equal(pread(fd, plan, *len, 0), *len);
    close(fd);
    assert_true(plan_check(plan, *len, &err));
    return plan;
}

static void *at(struct plan *plan, struct plan_array array)
{
    return (char *)plan + array.off;
}

/* One field of a good plan made wrong; the checksum is put right afterwards. */
#define DAMAGE(name, statement) \
    static void name(struct plan *plan) \
    { \
        struct plan_listener *listener = at(plan, plan->listeners); \
        struct plan_route *route = at(plan, plan->routes); \
        struct plan_weighted *weighted = at(plan, plan->weighted); \
        struct plan_backend *backend = at(plan, plan->backends); \
        struct plan_mirror *mirror = at(plan, plan->mirrors); \
        struct cidr *cidr = at(plan, plan->cidrs); \
        struct cidr *trusted = at(plan, plan->trusted_proxies); \
        (void)listener, (void)route, (void)weighted, (void)backend, (void)mirror, (void)cidr, (void)trusted; \
        statement; \
    }

DAMAGE(wrong_magic, plan->magic++)
DAMAGE(wrong_version, plan->version++)
DAMAGE(array_over_the_end, plan->routes.count = plan->size)
DAMAGE(array_overflows, plan->mirrors.count = UINT32_MAX)
DAMAGE(array_in_the_head, plan->listeners.off = 0)
DAMAGE(array_unaligned, plan->backends.off += 4)
DAMAGE(array_behind_the_end, plan->cidrs.off = plan->size + 8)
DAMAGE(strings_over_the_end, plan->strings.count = UINT32_MAX)
DAMAGE(listener_without_family, listener->address.family = ADDRESS_NONE)
DAMAGE(listener_with_long_path, listener[1].address.path_len = 109)
DAMAGE(listener_with_no_such_route, listener[1].route = plan->routes.count)
DAMAGE(route_label_before_strings, route->label.off = plan->strings.off - 1)
DAMAGE(route_label_overflows, route->label.len = UINT32_MAX)
DAMAGE(route_label_over_the_end, route->label.off = plan->strings.off + plan->strings.count)
DAMAGE(route_backends_overflow, route->backends = ((struct plan_range){UINT32_MAX, 2}))
DAMAGE(route_mirrors_over_the_end, route->mirrors.count++)
DAMAGE(backend_label_outside, backend[2].label.off = UINT32_MAX)
DAMAGE(backend_protocol_unknown, backend->protocol = 1)
DAMAGE(weight_with_no_such_backend, weighted[2].backend = plan->backends.count)
DAMAGE(mirror_label_outside, mirror->label.off = 0)
DAMAGE(mirror_key_name_outside, mirror->key_name.len = UINT32_MAX)
DAMAGE(mirror_salt_outside, mirror[1].salt.len = UINT32_MAX)
DAMAGE(mirror_with_no_such_backend, mirror->backend = plan->backends.count)
DAMAGE(mirror_sampling_unknown, mirror->sampling = 3)
DAMAGE(mirror_key_unknown, mirror->key = 6)
DAMAGE(mirror_denominator_zero, mirror->denominator = mirror->numerator = 0)
DAMAGE(mirror_over_everything, mirror->numerator = mirror->denominator + 1)
DAMAGE(mirror_hash_without_key, mirror[1].key = KEY_NONE)
DAMAGE(mirror_key_without_name, mirror[1].key_name.len = 0)
DAMAGE(mirror_half_suspended, mirror->is_suspended = 2)
DAMAGE(mirror_sources_over_the_end, mirror->sources.count = 3)
DAMAGE(source_without_family, cidr->family = ADDRESS_UNIX)
DAMAGE(source_with_too_many_bits, cidr->bits = 33)
DAMAGE(trusted_with_too_many_bits, trusted->bits = 255)

static const struct {
    void (*damage)(struct plan *plan);
    const char *reason;
} damages[] = {
    {wrong_magic, "magic"},
    {wrong_version, "layout version 2"},
    {array_over_the_end, "array of routes"},
    {array_overflows, "array of mirrors"},
    {array_in_the_head, "array of listeners"},
    {array_unaligned, "array of backends"},
    {array_behind_the_end, "array of cidrs"},
    {strings_over_the_end, "array of strings"},
    {listener_without_family, "listener 0 has no valid address"},
    {listener_with_long_path, "listener 1 has no valid address"},
    {listener_with_no_such_route, "listener 1 names route 2 of 2"},
    {route_label_before_strings, "label of route 0"},
    {route_label_overflows, "label of route 0"},
    {route_label_over_the_end, "label of route 0"},
    {route_backends_overflow, "backends of route 0"},
    {route_mirrors_over_the_end, "mirrors of route 0"},
    {backend_label_outside, "label of backend 2"},
    {backend_protocol_unknown, "protocol 1"},
    {weight_with_no_such_backend, "weight 2 names backend 3 of 3"},
    {mirror_label_outside, "text of mirror 0"},
    {mirror_key_name_outside, "text of mirror 0"},
    {mirror_salt_outside, "text of mirror 1"},
    {mirror_with_no_such_backend, "mirror 0 names backend 3 of 3"},
    {mirror_sampling_unknown, "unknown sampling 3"},
    {mirror_key_unknown, "unknown key 6"},
    {mirror_denominator_zero, "copies 0 of 0"},
    {mirror_over_everything, "copies 1001 of 1000"},
    {mirror_hash_without_key, "without a key"},
    {mirror_key_without_name, "has no name"},
    {mirror_half_suspended, "suspended"},
    {mirror_sources_over_the_end, "sources of mirror 0"},
    {source_without_family, "source network 0"},
    {source_with_too_many_bits, "source network 0"},
    {trusted_with_too_many_bits, "trusted proxy network 0"},
};

static void test_every_wrong_field_is_refused_with_a_reason(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
        size_t len;
        struct err err = {{0}};
        struct plan *plan = good_plan(&len);
        damages[i].damage(plan);
        plan->checksum = flat_checksum(plan, len);
        assert_false(plan_check(plan, len, &err));
        if (!strstr(err.text, damages[i].reason))
            fail_msg("\"%s\" does not say \"%s\"", err.text, damages[i].reason);
        mem_free(plan);
    }
}

static void test_every_flipped_bit_is_noticed(void **state)
{
    (void)state;
    size_t len;
    struct err err;
    struct plan *plan = good_plan(&len);
    for (size_t bit = 0; bit < len * 8; bit++) {
        ((unsigned char *)plan)[bit / 8] ^= (unsigned char)(1u << bit % 8);
        assert_false(plan_check(plan, len, &err));
        ((unsigned char *)plan)[bit / 8] ^= (unsigned char)(1u << bit % 8);
    }
    assert_true(plan_check(plan, len, &err));
    mem_free(plan);
}

static void test_every_shorter_plan_is_refused(void **state)
{
    (void)state;
    size_t len;
    struct err err;
    struct plan *plan = good_plan(&len);
    for (size_t shorter = 0; shorter < len; shorter++)
        assert_false(plan_check(plan, shorter, &err));
    mem_free(plan);
}

static int memory_file(const void *bytes, size_t len, int seals)
{
    int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, len), len);
    assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
    return fd;
}

static void assert_not_mapped(int fd, const char *reason)
{
    struct err err = {{0}};
    assert_null(plan_map(fd, &err));
    if (!strstr(err.text, reason))
        fail_msg("\"%s\" does not say \"%s\"", err.text, reason);
    close(fd);
}

static void test_plan_that_could_still_change_is_not_mapped(void **state)
{
    (void)state;
    static const int all = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
    size_t len;
    struct err err;
    struct plan *plan = good_plan(&len);
    int fd = memory_file(plan, len, all);
    const struct plan *mapped = plan_map(fd, &err);
    assert_non_null(mapped);
    plan_unmap(mapped);
    close(fd);

    assert_not_mapped(memory_file(plan, len, 0), "sealed");
    assert_not_mapped(memory_file(plan, len, all & ~F_SEAL_WRITE), "sealed");
    assert_not_mapped(memory_file(plan, len, all & ~F_SEAL_SHRINK), "sealed");
    assert_not_mapped(memory_file(plan, len, all & ~F_SEAL_GROW), "sealed");
    assert_not_mapped(memory_file(plan, len, all & ~F_SEAL_SEAL), "sealed");
    assert_not_mapped(memory_file(plan, 0, all), "0 bytes");
    assert_not_mapped(memory_file(plan, len - 1, all), "plan says");
    assert_not_mapped(open("/dev/null", O_RDONLY | O_CLOEXEC), "sealed");
    assert_null(plan_map(-1, &err));
    mem_free(plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_wrong_field_is_refused_with_a_reason),
        cmocka_unit_test(test_every_flipped_bit_is_noticed),
        cmocka_unit_test(test_every_shorter_plan_is_refused),
        cmocka_unit_test(test_plan_that_could_still_change_is_not_mapped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
