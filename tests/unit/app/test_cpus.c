/* SPDX-License-Identifier: Apache-2.0 */
#include "app/cpus.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static char root[PATH_MAX];

static void put(const char *path, const char *text)
{
    char full[PATH_MAX + 256];
    snprintf(full, sizeof(full), "%s/%s", root, path);
    for (char *at = full + strlen(root) + 1; (at = strchr(at, '/')); at++) {
        *at = '\0';
        mkdir(full, 0700);
        *at = '/';
    }
    FILE *file = fopen(full, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static int setup(void **state)
{
    (void)state;
    snprintf(root, sizeof(root), "/tmp/umbra-test-XXXXXX");
    return mkdtemp(root) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    char command[PATH_MAX + 16];
    snprintf(command, sizeof(command), "rm -r '%s'", root);
    return system(command);
}

static unsigned quota(const char *cgroup)
{
    char path[PATH_MAX + 16];
    put("self", cgroup);
    snprintf(path, sizeof(path), "%s/self", root);
    return cpus_quota(path, root);
}

static void test_v2_quota_is_rounded_up(void **state)
{
    (void)state;
    put("pod/cpu.max", "150000 100000\n");
    assert_int_equal(quota("0::/pod\n"), 2);
    put("pod/cpu.max", "200000 100000\n");
    assert_int_equal(quota("0::/pod\n"), 2);
    put("pod/cpu.max", "10000 100000\n");
    assert_int_equal(quota("0::/pod\n"), 1);
}

static void test_the_lowest_quota_of_all_parents_counts(void **state)
{
    (void)state;
    put("a/cpu.max", "300000 100000\n");
    put("a/b/cpu.max", "max 100000\n");
    put("a/b/c/cpu.max", "800000 100000\n");
    assert_int_equal(quota("0::/a/b/c\n"), 3);
}

static void test_a_path_of_the_host_falls_back_to_the_mount(void **state)
{
    (void)state;
    put("cpu.max", "400000 100000\n");
    assert_int_equal(quota("0::/not/visible/here\n"), 4);
}

static void test_v1_quota_is_read_from_the_cpu_hierarchy(void **state)
{
    (void)state;
    put("cpu/x/cpu.cfs_quota_us", "250000\n");
    put("cpu/x/cpu.cfs_period_us", "100000\n");
    assert_int_equal(quota("5:memory:/x\n4:cpu,cpuacct:/x\n"), 3);
    put("cpu/x/cpu.cfs_quota_us", "-1\n");
    assert_int_equal(quota("4:cpu,cpuacct:/x\n"), 0);
}

static void test_no_limit_is_none(void **state)
{
    (void)state;
    put("pod/cpu.max", "max 100000\n");
    assert_int_equal(quota("0::/pod\n"), 0);
    assert_int_equal(quota(""), 0);
    assert_int_equal(quota("rubbish"), 0);
    assert_int_equal(cpus_quota("/nonexistent", "/nonexistent"), 0);
}

static void test_there_is_always_a_cpu(void **state)
{
    (void)state;
    assert_true(cpus_usable() >= 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_v2_quota_is_rounded_up, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_lowest_quota_of_all_parents_counts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_path_of_the_host_falls_back_to_the_mount, setup, teardown),
        cmocka_unit_test_setup_teardown(test_v1_quota_is_read_from_the_cpu_hierarchy, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_limit_is_none, setup, teardown),
        cmocka_unit_test(test_there_is_always_a_cpu),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
