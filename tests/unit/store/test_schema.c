/* SPDX-License-Identifier: Apache-2.0 */
#include "store/schema.h"

#include "fixture.h"
#include "store/database.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static const char *const made_up[] = {
    "CREATE TABLE a(x)",
    "ALTER TABLE a ADD COLUMN y DEFAULT 5; CREATE TABLE b(z); INSERT INTO b SELECT x FROM a",
    "CREATE TABLE c(x); INSERT INTO no_such_table VALUES(1)",
};

static sqlite3 *open_file(const struct fixture *fixture)
{
    char path[600];
    struct err err;
    int code;
    sqlite3 *db = database_open(fixture_path(fixture, "umbra.db", path, sizeof(path)), 8 << 20, &code, &err);
    assert_non_null(db);
    return db;
}

static int64_t number_of(sqlite3 *db, const char *sql)
{
    int64_t number = -1;
    assert_int_equal(database_number(db, sql, &number), SQLITE_OK);
    return number;
}

static void test_an_older_database_gets_the_steps_it_lacks(void **state)
{
    sqlite3 *db = open_file(*state);
    int64_t version = -1;
    int code;
    assert_int_equal(schema_apply(db, made_up, 1, &version, &code), SCHEMA_OK);
    assert_int_equal(version, 1);
    assert_int_equal(database_run(db, "INSERT INTO a VALUES(42)"), SQLITE_OK);
    assert_int_equal(schema_apply(db, made_up, 2, &version, &code), SCHEMA_OK);
    assert_int_equal(version, 2);
    assert_int_equal(number_of(db, "SELECT z FROM b"), 42);
    assert_int_equal(number_of(db, "SELECT y FROM a"), 5);
    assert_int_equal(number_of(db, "PRAGMA user_version"), 2);
    assert_int_equal(number_of(db, "PRAGMA application_id"), SCHEMA_APPLICATION);
    assert_int_equal(schema_apply(db, made_up, 2, &version, &code), SCHEMA_OK);
    assert_int_equal(number_of(db, "SELECT count(*) FROM b"), 1);
    database_close(db);
}

static void test_a_step_that_fails_leaves_everything_as_it_was(void **state)
{
    sqlite3 *db = open_file(*state);
    int64_t version = -1;
    int code;
    assert_int_equal(schema_apply(db, made_up, 2, &version, &code), SCHEMA_OK);
    assert_int_equal(schema_apply(db, made_up, 3, &version, &code), SCHEMA_FAILED);
    assert_int_equal(code, SQLITE_ERROR);
    assert_int_equal(number_of(db, "PRAGMA user_version"), 2);
    assert_int_equal(number_of(db, "SELECT count(*) FROM sqlite_schema WHERE name = 'c'"), 0);
    database_close(db);
}

static void test_a_newer_and_a_foreign_database_are_told_apart(void **state)
{
    sqlite3 *db = open_file(*state);
    int64_t version = -1;
    int code;
    assert_int_equal(schema_apply(db, made_up, 2, &version, &code), SCHEMA_OK);
    assert_int_equal(schema_apply(db, made_up, 1, &version, &code), SCHEMA_NEWER);
    assert_int_equal(version, 2);
    assert_int_equal(database_run(db, "PRAGMA application_id=1"), SQLITE_OK);
    assert_int_equal(schema_apply(db, made_up, 2, &version, &code), SCHEMA_FOREIGN);
    database_close(db);
}

static void test_the_store_s_own_steps_make_its_version(void **state)
{
    sqlite3 *db = open_file(*state);
    int64_t version = -1;
    int code;
    assert_int_equal(schema_step_count, STORE_SCHEMA);
    assert_int_equal(schema_apply(db, schema_steps, schema_step_count, &version, &code), SCHEMA_OK);
    assert_int_equal(version, STORE_SCHEMA);
    database_close(db);
}

static void run_on_file(const struct fixture *fixture, const char *sql)
{
    sqlite3 *db = open_file(fixture);
    assert_int_equal(database_run(db, sql), SQLITE_OK);
    database_close(db);
}

static void fill(const struct fixture *fixture, unsigned rows)
{
    static char text[5000];
    struct store *store = open_quietly(fixture->directory);
    const struct store_key key = {STR("a"), STR("m"), STR(""), STR("")};
    memset(text, '0', sizeof(text));
    for (unsigned i = 0; i < rows; i++)
        store_add_slot(store, &key, T0_NS + i, T0_NS + i + 1, (struct str){text, sizeof(text)});
    assert_true(store_commit(store));
    store_close(store);
}

/* Opens with a note that has these words, and works. */
static void opens_anew(const struct fixture *fixture, const char *words, const char *aside)
{
    struct err note;
    struct store *store = store_open(&(struct store_options){.directory = fixture->directory}, &note);
    assert_non_null(store);
    if (!strstr(note.text, words))
        fail_msg("the note is: %s", note.text);
    assert_true(has_file_with(fixture->directory, aside));
    add_slot(store, "a", T0_NS, "8");
    assert_true(store_commit(store));
    store_close(store);
    store = open_quietly(fixture->directory);
    assert_int_equal(slots_of(store, "a", 0).sum, 8);
    store_close(store);
}

static void test_a_newer_database_is_set_aside_so_that_a_rollback_starts(void **state)
{
    fill(*state, 3);
    run_on_file(*state, "PRAGMA user_version=7");
    opens_anew(*state, "newer version", "umbra.db.newer-7-");
}

static void test_a_foreign_database_is_set_aside(void **state)
{
    run_on_file(*state, "CREATE TABLE shop(x)");
    opens_anew(*state, "not a database of umbra", "umbra.db.foreign-");
}

static void overwrite(const struct fixture *fixture, off_t at, size_t len)
{
    char path[600], bytes[4096];
    memset(bytes, '\xa5', sizeof(bytes));
    int fd = open(fixture_path(fixture, "umbra.db", path, sizeof(path)), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    for (size_t done = 0, piece; done < len; done += piece) {
        piece = len - done < sizeof(bytes) ? len - done : sizeof(bytes);
        assert_int_equal(pwrite(fd, bytes, piece, at + (off_t)done), piece);
    }
    close(fd);
}

static void test_a_file_that_is_no_database_is_set_aside(void **state)
{
    overwrite(*state, 0, 10000);
    opens_anew(*state, "is damaged", "umbra.db.damaged-");
}

static void test_a_database_with_a_hole_is_set_aside(void **state)
{
    fill(*state, 100);
    overwrite(*state, 4096, 8192);
    opens_anew(*state, "is damaged", "umbra.db.damaged-");
}

static void test_a_database_that_was_cut_is_set_aside(void **state)
{
    char path[600];
    fill(*state, 100);
    assert_int_equal(truncate(fixture_path(*state, "umbra.db", path, sizeof(path)), 20480), 0);
    opens_anew(*state, "is damaged", "umbra.db.damaged-");
}

static void test_an_empty_file_is_a_new_database(void **state)
{
    const struct fixture *fixture = *state;
    overwrite(fixture, 0, 0);
    struct store *store = open_quietly(fixture->directory);
    add_slot(store, "a", T0_NS, "1");
    assert_true(store_commit(store));
    store_close(store);
}

static void ignore_slot(void *user, const struct store_key *key, uint64_t begin_ns, uint64_t end_ns, struct str tally)
{
    (void)user, (void)key, (void)begin_ns, (void)end_ns, (void)tally;
}

/* Far more than the cache of a connection has. */
static void test_damage_that_shows_later_costs_what_was_there_and_nothing_else(void **state)
{
    const struct fixture *fixture = *state;
    const struct store_key all = {STR_NONE, STR_NONE, STR_NONE, STR_NONE};
    fill(fixture, 2000);
    struct store *store = open_quietly(fixture->directory);
    overwrite(fixture, 4096, 1200 * 4096);
    add_slot(store, "b", T0_NS + 1000, "1");
    assert_false(store_slots(store, &all, 0, ignore_slot, NULL));
    assert_true(has_file_with(fixture->directory, "umbra.db.damaged-"));
    assert_non_null(strstr(store_trouble(store), "is damaged"));
    assert_true(store_commit(store));
    assert_string_equal(store_trouble(store), "");
    assert_int_equal(slots_of(store, "", 0).sum, 1);
    store_close(store);
    store = open_quietly(fixture->directory);
    assert_int_equal(slots_of(store, "b", 0).sum, 1);
    store_close(store);
    assert_true(is_intact(fixture->directory));
}

static void test_a_directory_that_was_emptied_gets_a_new_database(void **state)
{
    const struct fixture *fixture = *state;
    char path[600];
    struct store *store = open_quietly(fixture->directory);
    static const char *const names[] = {"umbra.db", "umbra.db-wal", "umbra.db-shm"};
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(unlink(fixture_path(fixture, names[i], path, sizeof(path))), 0);
    store_expire(store, T0_NS);
    add_slot(store, "a", T0_NS, "6");
    assert_true(store_commit(store));
    store_close(store);
    store = open_quietly(fixture->directory);
    assert_int_equal(slots_of(store, "a", 0).sum, 6);
    store_close(store);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_an_older_database_gets_the_steps_it_lacks),
        TEST(test_a_step_that_fails_leaves_everything_as_it_was),
        TEST(test_a_newer_and_a_foreign_database_are_told_apart),
        TEST(test_the_store_s_own_steps_make_its_version),
        TEST(test_a_newer_database_is_set_aside_so_that_a_rollback_starts),
        TEST(test_a_foreign_database_is_set_aside),
        TEST(test_a_file_that_is_no_database_is_set_aside),
        TEST(test_a_database_with_a_hole_is_set_aside),
        TEST(test_a_database_that_was_cut_is_set_aside),
        TEST(test_an_empty_file_is_a_new_database),
        TEST(test_damage_that_shows_later_costs_what_was_there_and_nothing_else),
        TEST(test_a_directory_that_was_emptied_gets_a_new_database),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
