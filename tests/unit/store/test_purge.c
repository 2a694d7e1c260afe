/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store.h"

#include "fixture.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define CANARY "canary-7f3a9c51e2d84b06"

/* Many rows of several sizes, some of them deleted and overwritten by the store itself. */
static void fill(struct store *store)
{
    static char text[30000];
    for (size_t i = 0; i + sizeof(CANARY) < sizeof(text); i += sizeof(CANARY))
        memcpy(text + i, CANARY "/", sizeof(CANARY));
    const struct store_key key = {STR("route-" CANARY), STR("m"), STR(""), STR("")};
    for (uint64_t i = 0; i < 60; i++) {
        size_t len = 40 + i * 499;
        store_add_slot(store, &key, T0_NS + i, T0_NS + i + 1, (struct str){text, len});
        store_add_sample(store, STR("finding-" CANARY), T0_NS + i, (struct str){text, len});
        store_note_finding(store, STR("g-" CANARY), T0_NS);
        if (i % 6 == 0)
            assert_true(store_commit(store));
    }
    assert_true(store_commit(store));
}

static void purge(const struct fixture *fixture, bool is_samples_only, struct store_purged *purged)
{
    struct err err;
    if (!store_purge(fixture->directory, is_samples_only, purged, &err))
        fail_msg("%s", err.text);
}

static void test_no_byte_is_left_in_any_file(void **state)
{
    const struct fixture *fixture = *state;
    struct store_purged purged;
    struct store *store = open_quietly(fixture->directory);
    fill(store);
    store_close(store);
    assert_true(any_file_has(fixture->directory, STR(CANARY)));
    purge(fixture, false, &purged);
    assert_false(any_file_has(fixture->directory, STR(CANARY)));
    assert_int_equal(purged.slots, 60);
    assert_int_equal(purged.samples, STORE_SAMPLES_EACH);
    assert_int_equal(purged.findings, 2);
    assert_true(is_intact(fixture->directory));
    purge(fixture, false, &purged);
    assert_int_equal(purged.slots + purged.samples + purged.findings + purged.files, 0);
}

static void test_only_samples_are_erased_when_that_is_asked(void **state)
{
    const struct fixture *fixture = *state;
    struct store_purged purged;
    struct store *store = open_quietly(fixture->directory);
    add_slot(store, "a", T0_NS, "7");
    for (unsigned i = 0; i < 200; i++)
        store_add_sample(store, STR("f"), T0_NS, STR("sample " CANARY));
    assert_true(store_commit(store));
    store_close(store);
    purge(fixture, true, &purged);
    assert_false(any_file_has(fixture->directory, STR(CANARY)));
    assert_int_equal(purged.slots, 0);
    store = open_quietly(fixture->directory);
    assert_int_equal(slots_of(store, "a", 0).sum, 7);
    assert_int_equal(store_finding_since(store, STR("f")), T0_NS);
    assert_int_equal(samples_of(store, "f"), 0);
    store_close(store);
}

/* The other process is a child, so that its locks are its own. */
static pid_t hold_open(const struct fixture *fixture, const char *sql, int *ready)
{
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct store *store = open_quietly(fixture->directory);
        fill(store);
        if (sql) {
            char path[600];
            sqlite3 *db;
            sqlite3_stmt *statement;
            sqlite3_open(fixture_path(fixture, "umbra.db", path, sizeof(path)), &db);
            sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
            sqlite3_step(statement);
        }
        if (write(ends[1], "x", 1) != 1)
            _exit(2);
        for (;;)
            pause();
    }
    char byte;
    assert_int_equal(read(ends[0], &byte, 1), 1);
    close(ends[0]);
    close(ends[1]);
    *ready = byte;
    return pid;
}

static void end(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static void test_no_byte_is_left_while_another_process_has_it_open(void **state)
{
    const struct fixture *fixture = *state;
    struct store_purged purged;
    int ready;
    pid_t pid = hold_open(fixture, NULL, &ready);
    purge(fixture, false, &purged);
    assert_false(any_file_has(fixture->directory, STR(CANARY)));
    assert_int_equal(purged.slots, 60);
    end(pid);
    assert_false(any_file_has(fixture->directory, STR(CANARY)));
    assert_true(is_intact(fixture->directory));
}

static void test_one_who_never_lets_go_is_said(void **state)
{
    const struct fixture *fixture = *state;
    struct store_purged purged;
    struct err err;
    int ready;
    pid_t pid = hold_open(fixture, "SELECT id FROM slots", &ready);
    bool is_done = store_purge(fixture->directory, false, &purged, &err);
    end(pid);
    assert_false(is_done);
    assert_non_null(strstr(err.text, "another process"));
    purge(fixture, false, &purged);
    assert_false(any_file_has(fixture->directory, STR(CANARY)));
}

static void test_a_store_goes_on_after_a_purge(void **state)
{
    const struct fixture *fixture = *state;
    struct store_purged purged;
    struct store *store = open_quietly(fixture->directory);
    fill(store);
    purge(fixture, false, &purged);
    assert_int_equal(slots_of(store, "", 0).count, 0);
    add_slot(store, "a", T0_NS, "3");
    store_add_sample(store, STR("finding-" CANARY), T0_NS, STR("new"));
    assert_true(store_commit(store));
    assert_int_equal(slots_of(store, "a", 0).sum, 3);
    assert_int_equal(samples_of(store, "finding-" CANARY), 1);
    store_close(store);
}

static void test_what_was_set_aside_is_removed(void **state)
{
    const struct fixture *fixture = *state;
    static const char *const names[] = {"umbra.db.damaged-20260101T000000.000Z", "umbra.db.newer-9-x",
                                        "umbra.db.newer-9-x-wal", "umbra.db.newer-9-x-shm"};
    struct store_purged purged;
    for (size_t i = 0; i < 4; i++) {
        char path[600];
        int fd = open(fixture_path(fixture, names[i], path, sizeof(path)), O_CREAT | O_WRONLY, 0600);
        assert_int_equal(write(fd, CANARY, strlen(CANARY)), strlen(CANARY));
        close(fd);
    }
    purge(fixture, true, &purged);
    assert_int_equal(purged.files, 2);
    assert_false(any_file_has(fixture->directory, STR(CANARY)));
}

static void test_a_damaged_database_is_removed(void **state)
{
    const struct fixture *fixture = *state;
    struct store_purged purged;
    char path[600];
    int fd = open(fixture_path(fixture, "umbra.db", path, sizeof(path)), O_CREAT | O_WRONLY, 0600);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(write(fd, CANARY, strlen(CANARY)), strlen(CANARY));
    close(fd);
    purge(fixture, false, &purged);
    assert_int_equal(purged.files, 1);
    assert_false(any_file_has(fixture->directory, STR(CANARY)));
}

static void test_a_directory_that_is_not_there_is_said(void **state)
{
    (void)state;
    struct store_purged purged;
    struct err err;
    assert_false(store_purge("/nonexistent/umbra", false, &purged, &err));
    assert_non_null(strstr(err.text, "/nonexistent/umbra"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_no_byte_is_left_in_any_file),
        TEST(test_only_samples_are_erased_when_that_is_asked),
        TEST(test_no_byte_is_left_while_another_process_has_it_open),
        TEST(test_one_who_never_lets_go_is_said),
        TEST(test_a_store_goes_on_after_a_purge),
        TEST(test_what_was_set_aside_is_removed),
        TEST(test_a_damaged_database_is_removed),
        TEST(test_a_directory_that_is_not_there_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
