/* SPDX-License-Identifier: Apache-2.0 */
#include "app/data_dir.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* A home of its own for each test. */
static int make_home(void **state)
{
    static char home[64];
    snprintf(home, sizeof(home), "/tmp/umbra-home-XXXXXX");
    *state = home;
    unsetenv("XDG_STATE_HOME");
    return mkdtemp(home) && setenv("HOME", home, 1) == 0 ? 0 : -1;
}

static int remove_home(void **state)
{
    char line[128];
    snprintf(line, sizeof(line), "rm -rf '%s'", (const char *)*state);
    return system(line);
}

static void options_with(struct options *options, const char *admin, const char *data)
{
    *options = (struct options){.has_data = data != NULL, .settings.is_comparing = 1};
    assert_true(address_parse(str_from_c(admin), &options->settings.admin));
    snprintf(options->settings.data, sizeof(options->settings.data), "%s", data ? data : "");
}

static const char *in_home(const void *home, const char *name)
{
    static char path[256];
    snprintf(path, sizeof(path), "%s/%s", (const char *)home, name);
    return path;
}

static mode_t mode_of(const char *path)
{
    struct stat found;
    assert_int_equal(stat(path, &found), 0);
    return found.st_mode & 07777;
}

static void test_each_admin_address_has_a_directory_of_its_own(void **state)
{
    struct options options;
    struct err err;
    char out[DATA_DIR_PATH];
    options_with(&options, "127.0.0.1:9900", NULL);
    assert_true(data_dir_choose(&options, out, sizeof(out), &err));
    assert_string_equal(err.text, "");
    assert_string_equal(out, in_home(*state, ".local/state/umbra/127.0.0.1:9900"));
    assert_int_equal(mode_of(out), 0700);
    options_with(&options, "[::1]:9901", NULL);
    assert_int_equal(setenv("XDG_STATE_HOME", in_home(*state, "state"), 1), 0);
    assert_true(data_dir_choose(&options, out, sizeof(out), &err));
    assert_string_equal(out, in_home(*state, "state/umbra/[::1]:9901"));
}

static void test_where_nothing_can_be_written_it_is_memory_and_one_line_says_so(void **state)
{
    static const struct {
        const char *admin, *home, *words;
    } cases[] = {
        {"127.0.0.1:9900", "/proc/nowhere", "/proc/nowhere"},
        {"127.0.0.1:9900", "relative", "HOME"},
        {"127.0.0.1:0", "/tmp", "port"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct options options;
        struct err err;
        char out[DATA_DIR_PATH] = "x";
        options_with(&options, cases[i].admin, NULL);
        setenv("HOME", cases[i].home, 1);
        assert_true(data_dir_choose(&options, out, sizeof(out), &err));
        assert_string_equal(out, "");
        assert_non_null(strstr(err.text, "kept in memory only"));
        assert_non_null(strstr(err.text, "--data"));
        assert_non_null(strstr(err.text, cases[i].words));
    }
}

static void test_a_given_directory_is_made_and_used_as_it_is(void **state)
{
    struct options options;
    struct err err;
    char out[DATA_DIR_PATH];
    options_with(&options, "127.0.0.1:9900", in_home(*state, "a/b//c/"));
    assert_true(data_dir_choose(&options, out, sizeof(out), &err));
    assert_string_equal(out, in_home(*state, "a/b/c"));
    assert_int_equal(mode_of(out), 0700);
    assert_int_equal(chmod(out, 0755), 0);
    assert_true(data_dir_choose(&options, out, sizeof(out), &err));
    assert_int_equal(mode_of(out), 0755);
    assert_string_equal(err.text, "");
}

static void test_an_empty_name_asks_for_memory(void **state)
{
    struct options options;
    struct err err;
    char out[DATA_DIR_PATH] = "x";
    options_with(&options, "127.0.0.1:9900", "");
    assert_true(data_dir_choose(&options, out, sizeof(out), &err));
    assert_string_equal(out, "");
    assert_string_equal(err.text, "");
    options_with(&options, "127.0.0.1:9900", NULL);
    options.settings.is_comparing = 0; /* nothing will be kept */
    assert_true(data_dir_choose(&options, out, sizeof(out), &err));
    assert_string_equal(out, "");
    assert_string_equal(err.text, "");
    assert_int_not_equal(access(in_home(*state, ".local"), F_OK), 0);
}

static void test_a_given_directory_that_can_not_be_used_ends_the_start(void **state)
{
    struct options options;
    struct err err;
    char out[DATA_DIR_PATH];
    int fd = open(in_home(*state, "file"), O_CREAT | O_WRONLY, 0600);
    assert_true(fd >= 0);
    close(fd);
    const char *const names[] = {in_home(*state, "file"), "/proc/nowhere/data", "/proc/self"};
    static const char *const words[] = {"not a directory", "can't be made", "can't be written"};
    for (size_t i = 0; i < 3; i++) {
        if (i == 2 && geteuid() == 0)
            continue; /* root may write anywhere, as far as can be asked */
        options_with(&options, "127.0.0.1:9900", names[i]);
        assert_false(data_dir_choose(&options, out, sizeof(out), &err));
        assert_non_null(strstr(err.text, "--data"));
        assert_non_null(strstr(err.text, words[i]));
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_home, remove_home)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_each_admin_address_has_a_directory_of_its_own),
        TEST(test_where_nothing_can_be_written_it_is_memory_and_one_line_says_so),
        TEST(test_a_given_directory_is_made_and_used_as_it_is),
        TEST(test_an_empty_name_asks_for_memory),
        TEST(test_a_given_directory_that_can_not_be_used_ends_the_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
