/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store.h"

#include "base/mem.h"
#include "fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cmocka.h>

static void test_slots_are_there_after_a_restart(void **state)
{
    const struct fixture *fixture = *state;
    struct store *store = open_quietly(fixture->directory);
    assert_true(store_begin(store));
    add_slot(store, "a", T0_NS, "1");
    add_slot(store, "a", T0_NS, "10");
    add_slot(store, "b", T0_NS + HOUR_NS, "100");
    assert_true(store_commit(store));
    store_close(store);
    store = open_quietly(fixture->directory);
    assert_int_equal(slots_of(store, "", 0).sum, 111);
    assert_int_equal(slots_of(store, "a", 0).sum, 11);
    assert_int_equal(slots_of(store, "a", T0_NS + HOUR_NS).count, 0);
    assert_int_equal(slots_of(store, "c", 0).count, 0);
    assert_int_equal(slots_of(store, "", T0_NS + 60 * SECOND_NS).sum, 100);
    store_close(store);
}

struct order {
    size_t count;
    uint64_t last_ns;
};

static void check_order(void *user, const struct store_key *key, uint64_t begin_ns, uint64_t end_ns, struct str tally)
{
    struct order *order = user;
    (void)end_ns;
    assert_true(begin_ns >= order->last_ns);
    assert_true(str_eq(key->route, STR("r\0x")) && str_eq(key->shadow_revision, STR("\xff")));
    assert_int_equal(tally.len, 3);
    assert_memory_equal(tally.ptr, "a\0b", 3);
    order->last_ns = begin_ns;
    order->count++;
}

static void test_slots_come_oldest_first_and_texts_are_any_bytes(void **state)
{
    const struct fixture *fixture = *state;
    struct store *store = open_quietly(fixture->directory);
    const struct store_key key = {STR("r\0x"), STR(""), STR(""), STR("\xff")};
    struct order order = {0};
    for (uint64_t i = 0; i < 20; i++) {
        uint64_t begin_ns = T0_NS + i * 7 % 20 * SECOND_NS;
        store_add_slot(store, &key, begin_ns, begin_ns + SECOND_NS, STR("a\0b"));
    }
    assert_true(store_commit(store));
    assert_true(store_slots(store, &key, 0, check_order, &order));
    assert_int_equal(order.count, 20);
    store_close(store);
}

static void test_more_than_the_queue_holds_is_written_when_each_is_begun(void **state)
{
    const struct fixture *fixture = *state;
    struct store *store = open_quietly(fixture->directory);
    size_t len = STORE_ROW_BYTES / 2, rows = 3 * STORE_QUEUE_BYTES / len;
    char *tally = mem_alloc(len + 1);
    memset(tally, ' ', len);
    tally[len - 1] = '1';
    for (size_t i = 0; i < rows; i++) {
        assert_true(store_begin(store));
        add_slot(store, "a", T0_NS + i * SECOND_NS, tally);
    }
    assert_true(store_commit(store));
    assert_int_equal(store_counts(store).lost, 0);
    assert_int_equal(slots_of(store, "a", 0).count, rows);
    mem_free(tally);
    store_close(store);
}

static void test_what_is_not_committed_yet_is_seen(void **state)
{
    const struct fixture *fixture = *state;
    struct store *store = open_quietly(fixture->directory);
    add_slot(store, "a", T0_NS, "5");
    store_add_sample(store, STR("f"), T0_NS, STR("sample"));
    assert_int_equal(slots_of(store, "a", 0).sum, 5);
    assert_int_equal(samples_of(store, "f"), 1);
    assert_int_equal(store_finding_since(store, STR("f")), T0_NS);
    assert_true(store_commit(store));
    assert_int_equal(slots_of(store, "a", 0).sum, 5);
    assert_int_equal(samples_of(store, "f"), 1);
    store_close(store);
}

static char *add_up(void *user, const struct str *tallies, size_t count)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        char text[32];
        snprintf(text, sizeof(text), "%.*s", STR_ARG(tallies[i]));
        sum += strtoull(text, NULL, 10);
    }
    if (user)
        ++*(size_t *)user;
    char text[32];
    int len = snprintf(text, sizeof(text), "%llu", (unsigned long long)sum);
    return mem_dup(text, (size_t)len);
}

static void test_minutes_become_hours_and_days_and_nothing_is_lost(void **state)
{
    const struct fixture *fixture = *state;
    struct store *store = open_quietly(fixture->directory);
    for (uint64_t minute = 0; minute < 3 * 1440; minute += 5) {
        add_slot(store, "a", T0_NS + minute * 60 * SECOND_NS, "1");
        add_slot(store, "b", T0_NS + minute * 60 * SECOND_NS, "1000");
    }
    assert_true(store_commit(store));
    assert_int_equal(slots_of(store, "a", 0).count, 864);
    uint64_t now_ns = T0_NS + 3 * DAY_NS;
    for (int i = 0; i < 4; i++)
        assert_true(store_roll_up(store, now_ns, add_up, NULL));
    /* Two days of hours, one of minutes. */
    assert_int_equal(slots_of(store, "a", 0).count, 48 + 288);
    assert_int_equal(slots_of(store, "a", 0).sum, 864);
    assert_int_equal(slots_of(store, "b", 0).sum, 864000);
    assert_int_equal(slots_of(store, "b", T0_NS + 2 * DAY_NS).sum, 288000);
    for (int i = 0; i < 8; i++)
        assert_true(store_roll_up(store, T0_NS + 40 * DAY_NS, add_up, NULL));
    assert_int_equal(slots_of(store, "a", 0).count, 3);
    assert_int_equal(slots_of(store, "a", 0).sum, 864);
    store_close(store);
    assert_true(is_intact(fixture->directory));
}

static void test_a_latecomer_is_added_to_its_hour(void **state)
{
    const struct fixture *fixture = *state;
    struct store *store = open_quietly(fixture->directory);
    uint64_t now_ns = T0_NS + 2 * DAY_NS;
    for (uint64_t i = 0; i < 3; i++) {
        add_slot(store, "a", T0_NS + i * 60 * SECOND_NS, "1");
        assert_true(store_commit(store));
        assert_true(store_roll_up(store, now_ns, add_up, NULL));
        assert_int_equal(slots_of(store, "a", 0).count, 1);
        assert_int_equal(slots_of(store, "a", 0).sum, i + 1);
    }
    store_close(store);
}

static void test_more_rows_than_one_step_takes_still_become_one(void **state)
{
    const struct fixture *fixture = *state;
    struct store *store = open_quietly(fixture->directory);
    size_t steps = 0;
    for (uint64_t i = 0; i < 500; i++)
        add_slot(store, "a", T0_NS + i * SECOND_NS, "1");
    assert_true(store_commit(store));
    assert_true(store_roll_up(store, T0_NS + 2 * DAY_NS, add_up, &steps));
    assert_int_equal(slots_of(store, "a", 0).count, 1);
    assert_int_equal(slots_of(store, "a", 0).sum, 500);
    assert_in_range(steps, 8, 9);
    store_close(store);
}

static char *refuse(void *user, const struct str *tallies, size_t count)
{
    (void)user, (void)tallies, (void)count;
    return NULL;
}

static void test_what_can_not_be_added_up_stays_apart_and_ends(void **state)
{
    const struct fixture *fixture = *state;
    struct store *store = open_quietly(fixture->directory);
    for (uint64_t i = 0; i < 10; i++)
        add_slot(store, "a", T0_NS + i * SECOND_NS, "1");
    assert_true(store_commit(store));
    assert_true(store_roll_up(store, T0_NS + 2 * DAY_NS, refuse, NULL));
    assert_int_equal(slots_of(store, "a", 0).sum, 10);
    store_close(store);
}

struct kept {
    size_t count;
    char numbers[512];
};

static void note_sample(void *user, uint64_t at_ns, struct str sample)
{
    struct kept *kept = user;
    size_t len = strlen(kept->numbers);
    (void)at_ns;
    snprintf(kept->numbers + len, sizeof(kept->numbers) - len, "%.*s ", STR_ARG(sample));
    kept->count++;
}

static void test_a_finding_keeps_its_first_and_its_newest_samples(void **state)
{
    const struct fixture *fixture = *state;
    struct store *store = open_quietly(fixture->directory);
    for (unsigned i = 0; i < 100; i++) {
        char text[16];
        int len = snprintf(text, sizeof(text), "%u", i);
        store_add_sample(store, STR("f"), T0_NS + i, (struct str){text, (size_t)len});
        if (i % 7 == 0)
            assert_true(store_commit(store));
    }
    store_add_sample(store, STR("g"), T0_NS, STR("other"));
    assert_true(store_commit(store));
    struct kept kept = {0};
    assert_true(store_samples(store, STR("f"), note_sample, &kept));
    assert_string_equal(kept.numbers, "99 98 97 96 95 94 93 92 91 90 89 88 87 86 85 4 3 2 1 0 ");
    assert_int_equal(kept.count, STORE_SAMPLES_EACH);
    assert_int_equal(samples_of(store, "g"), 1);
    assert_int_equal(store_counts(store).samples, STORE_SAMPLES_EACH + 1);
    store_close(store);
}

static void test_samples_are_bounded_in_all_and_the_oldest_go(void **state)
{
    const struct fixture *fixture = *state;
    struct err note;
    struct store *store = store_open(&(struct store_options){.directory = fixture->directory, .sample_bytes = 100000},
                                     &note);
    static char text[1000];
    memset(text, 'x', sizeof(text));
    for (unsigned i = 0; i < 300; i++) {
        char name[16];
        int len = snprintf(name, sizeof(name), "f%u", i);
        store_add_sample(store, (struct str){name, (size_t)len}, T0_NS + i, (struct str){text, sizeof(text)});
        if (i % 10 == 9) {
            assert_true(store_commit(store));
            assert_true(store_counts(store).samples <= 100);
        }
    }
    assert_true(store_counts(store).samples >= 90);
    assert_int_equal(samples_of(store, "f0"), 0);
    assert_int_equal(samples_of(store, "f299"), 1);
    store_close(store);
}

static void test_samples_expire_and_findings_are_still_known(void **state)
{
    const struct fixture *fixture = *state;
    struct err note;
    struct store *store = store_open(
        &(struct store_options){.directory = fixture->directory, .sample_ttl_ms = 72 * 3600 * 1000}, &note);
    store_note_finding(store, STR("f"), T0_NS);
    store_add_sample(store, STR("f"), T0_NS + HOUR_NS, STR("old"));
    store_add_sample(store, STR("f"), T0_NS + 2 * DAY_NS, STR("new"));
    assert_true(store_commit(store));
    store_expire(store, T0_NS + 3 * DAY_NS);
    assert_int_equal(samples_of(store, "f"), 2);
    store_expire(store, T0_NS + 3 * DAY_NS + 2 * HOUR_NS);
    assert_int_equal(samples_of(store, "f"), 1);
    store_expire(store, T0_NS + 6 * DAY_NS);
    assert_int_equal(samples_of(store, "f"), 0);
    assert_int_equal(store_finding_since(store, STR("f")), T0_NS);
    assert_int_equal(store_finding_since(store, STR("g")), 0);
    store_note_finding(store, STR("f"), T0_NS + 7 * DAY_NS);
    assert_true(store_commit(store));
    assert_int_equal(store_finding_since(store, STR("f")), T0_NS);
    store_close(store);
}

static void test_without_a_directory_everything_is_in_memory_and_bounded(void **state)
{
    (void)state;
    struct err note;
    struct store *store = store_open(&(struct store_options){.memory_bytes = 8 << 20}, &note);
    assert_non_null(store);
    assert_string_equal(note.text, "");
    static char text[20000];
    memset(text, '1', sizeof(text));
    for (uint64_t i = 0; i < 2000; i++) {
        const struct store_key key = {STR("r"), STR("m"), STR(""), STR("")};
        assert_true(store_begin(store));
        store_add_slot(store, &key, T0_NS + i * SECOND_NS, T0_NS + (i + 1) * SECOND_NS,
                       (struct str){text, sizeof(text)});
        store_add_sample(store, STR("f"), T0_NS, STR("s"));
        assert_true(store_commit(store));
    }
    assert_true(slots_of(store, "r", 0).count > 50);
    assert_int_equal(slots_of(store, "r", T0_NS + 1999 * SECOND_NS).count, 1);
    assert_true(store_counts(store).bytes <= 8 << 20);
    assert_true(store_counts(store).lost > 0);
    store_close(store);
}

static void test_two_stores_add_beside_each_other(void **state)
{
    const struct fixture *fixture = *state;
    struct store *one = open_quietly(fixture->directory), *two = open_quietly(fixture->directory);
    for (unsigned i = 0; i < 50; i++) {
        add_slot(one, "a", T0_NS, "1");
        add_slot(two, "a", T0_NS, "100");
        assert_true(store_commit(one));
        assert_true(store_commit(two));
    }
    assert_int_equal(slots_of(one, "a", 0).sum, 5050);
    assert_int_equal(slots_of(two, "a", 0).sum, 5050);
    store_close(one);
    add_slot(two, "a", T0_NS, "1");
    assert_true(store_commit(two));
    store_close(two);
    assert_true(is_intact(fixture->directory));
}

static void test_only_the_user_can_read_the_files(void **state)
{
    const struct fixture *fixture = *state;
    static const char *const names[] = {"umbra.db", "umbra.db-wal", "umbra.db-shm", "umbra.db.lock"};
    struct store *store = open_quietly(fixture->directory);
    add_slot(store, "a", T0_NS, "1");
    assert_true(store_commit(store));
    for (size_t i = 0; i < 4; i++) {
        char path[600];
        struct stat found;
        assert_int_equal(stat(fixture_path(fixture, names[i], path, sizeof(path)), &found), 0);
        assert_int_equal(found.st_mode & 0777, 0600);
    }
    store_close(store);
}

static void test_a_row_of_the_largest_size_is_kept_and_a_larger_one_is_counted(void **state)
{
    const struct fixture *fixture = *state;
    struct err note;
    struct store *store = store_open(&(struct store_options){.directory = fixture->directory, .memory_bytes = 8 << 20},
                                     &note);
    char *text = mem_alloc(STORE_ROW_BYTES);
    const struct store_key key = {STR("r"), STR("m"), STR(""), STR("")};
    memset(text, '7', STORE_ROW_BYTES);
    for (int i = 0; i < 3; i++)
        store_add_slot(store, &key, T0_NS, T0_NS + 1, (struct str){text, STORE_ROW_BYTES - 1024});
    store_add_slot(store, &key, T0_NS, T0_NS + 1, (struct str){text, STORE_ROW_BYTES});
    assert_true(store_commit(store));
    assert_int_equal(slots_of(store, "r", 0).count, 3);
    assert_int_equal(store_counts(store).lost, 1);
    mem_free(text);
    store_close(store);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_slots_are_there_after_a_restart),
        TEST(test_slots_come_oldest_first_and_texts_are_any_bytes),
        TEST(test_what_is_not_committed_yet_is_seen),
        TEST(test_more_than_the_queue_holds_is_written_when_each_is_begun),
        TEST(test_minutes_become_hours_and_days_and_nothing_is_lost),
        TEST(test_a_latecomer_is_added_to_its_hour),
        TEST(test_more_rows_than_one_step_takes_still_become_one),
        TEST(test_what_can_not_be_added_up_stays_apart_and_ends),
        TEST(test_a_finding_keeps_its_first_and_its_newest_samples),
        TEST(test_samples_are_bounded_in_all_and_the_oldest_go),
        TEST(test_samples_expire_and_findings_are_still_known),
        TEST(test_without_a_directory_everything_is_in_memory_and_bounded),
        TEST(test_two_stores_add_beside_each_other),
        TEST(test_only_the_user_can_read_the_files),
        TEST(test_a_row_of_the_largest_size_is_kept_and_a_larger_one_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
