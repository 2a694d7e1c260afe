/* SPDX-License-Identifier: Apache-2.0 */
#include "app/instance.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char runtime[64];
static struct address admin;

static int setup(void **state)
{
    (void)state;
    snprintf(runtime, sizeof(runtime), "/tmp/umbra-test-XXXXXX");
    if (!mkdtemp(runtime) || !address_parse(STR("127.0.0.1:9900"), &admin))
        return -1;
    return setenv("XDG_RUNTIME_DIR", runtime, 1);
}

static int teardown(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof(command), "rm -r '%s'", runtime);
    return system(command);
}

static void publish(struct instance *instance)
{
    struct err err;
    assert_true(instance_init(instance, &admin, &err));
    assert_true(instance_listen(instance, &err));
    assert_true(instance_publish(instance, &err));
}

static void test_a_published_instance_is_found(void **state)
{
    (void)state;
    struct instance instance;
    pid_t pid = 0;
    publish(&instance);
    int caller = instance_connect(&instance, &pid);
    assert_true(caller >= 0);
    assert_int_equal(pid, getpid());
    int accepted = instance_accept(&instance);
    assert_true(accepted >= 0);
    assert_int_equal(instance_accept(&instance), -1);
    close(caller);
    close(accepted);
    instance_close(&instance);
    assert_int_equal(access(instance.path, F_OK), -1);
}

static void test_nobody_is_found_where_nobody_runs(void **state)
{
    (void)state;
    struct instance instance;
    struct err err;
    assert_true(instance_init(&instance, &admin, &err));
    assert_int_equal(instance_connect(&instance, NULL), -1);
    instance_close(&instance);
}

static void test_a_predecessor_leaves_the_path_to_its_successor(void **state)
{
    (void)state;
    struct instance old, new;
    publish(&old);
    publish(&new);
    instance_close(&old);
    int caller = instance_connect(&new, NULL);
    assert_true(caller >= 0);
    close(caller);
    instance_close(&new);
}

static void test_a_directory_that_others_can_enter_is_refused(void **state)
{
    (void)state;
    char dir[128];
    struct instance instance;
    struct err err;
    snprintf(dir, sizeof(dir), "%s/umbra", runtime);
    assert_int_equal(mkdir(dir, 0755), 0);
    assert_int_equal(chmod(dir, 0755), 0);
    assert_false(instance_init(&instance, &admin, &err));
    assert_int_equal(rmdir(dir), 0);
    assert_int_equal(symlink("/tmp", dir), 0);
    assert_false(instance_init(&instance, &admin, &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_published_instance_is_found, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nobody_is_found_where_nobody_runs, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_predecessor_leaves_the_path_to_its_successor, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_directory_that_others_can_enter_is_refused, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
