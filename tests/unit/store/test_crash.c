/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store.h"

#include "base/mem.h"
#include "fixture.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define KILLS 100
#define WRITERS 3
#define COMMITS 60

static char *add_up(void *user, const struct str *tallies, size_t count)
{
    (void)user;
    uint64_t sum = 0;
    char text[32];
    for (size_t i = 0; i < count; i++) {
        snprintf(text, sizeof(text), "%.*s", STR_ARG(tallies[i]));
        sum += strtoull(text, NULL, 10);
    }
    int len = snprintf(text, sizeof(text), "%llu", (unsigned long long)sum);
    return mem_dup(text, (size_t)len);
}

/* What a writer knows to be in the database, for the one that looks after its death. */
struct promised {
    volatile uint64_t begun, committed;
};

static struct promised *share(void)
{
    void *memory = mmap(NULL, sizeof(struct promised) * WRITERS, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
                        0);
    assert_ptr_not_equal(memory, MAP_FAILED);
    return memory;
}

/* All that a store does, as fast as it can. */
_Noreturn static void write_for_ever(const char *directory, struct promised *promised)
{
    static char text[20000];
    struct err note;
    struct store *store = store_open(&(struct store_options){.directory = directory, .sample_bytes = 1 << 20}, &note);
    memset(text, 'x', sizeof(text));
    for (uint64_t i = 0;; i++) {
        uint64_t begin_ns = T0_NS + i % 3000 * 60 * SECOND_NS;
        char name[16];
        int len = snprintf(name, sizeof(name), "f%llu", (unsigned long long)(i % 30));
        promised->begun++;
        add_slot(store, "a", begin_ns, "1");
        store_add_sample(store, (struct str){name, (size_t)len}, begin_ns, (struct str){text, 1 + i * 997 % 20000});
        if (store_commit(store))
            promised->committed = promised->begun;
        if (i % 50 == 49)
            store_expire(store, begin_ns);
        if (i % 40 == 39 && !store_roll_up(store, T0_NS + 40 * DAY_NS, add_up, NULL))
            _exit(3);
    }
}

static void rest_ns(long ns)
{
    nanosleep(&(struct timespec){0, ns}, NULL);
}

static void test_kill_at_any_moment_loses_nothing_that_was_committed(void **state)
{
    const struct fixture *fixture = *state;
    struct promised *promised = share();
    unsigned random = 12345;
    for (int i = 0; i < KILLS; i++) {
        pid_t pid = fork();
        if (pid == 0)
            write_for_ever(fixture->directory, promised);
        rest_ns((long)(rand_r(&random) % 40000) * 1000);
        assert_int_equal(kill(pid, SIGKILL), 0);
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        struct store *store = open_quietly(fixture->directory);
        uint64_t sum = slots_of(store, "a", 0).sum;
        if (sum < promised->committed || sum > promised->begun)
            fail_msg("%llu slots, of %llu that were committed and %llu that were begun", (unsigned long long)sum,
                     (unsigned long long)promised->committed, (unsigned long long)promised->begun);
        promised->begun = promised->committed = sum;
        store_close(store);
        assert_true(is_intact(fixture->directory));
    }
    assert_true(promised->committed > KILLS);
    assert_false(has_file_with(fixture->directory, "umbra.db.damaged"));
    munmap(promised, sizeof(*promised) * WRITERS);
}

static void write_some(const char *directory)
{
    struct err note;
    struct store *store = store_open(&(struct store_options){.directory = directory}, &note);
    if (!store || note.text[0])
        _exit(4);
    for (int i = 0; i < COMMITS; i++) {
        add_slot(store, "a", T0_NS + (uint64_t)i * 60 * SECOND_NS, "1");
        (void)!store_commit(store);
    }
    for (int i = 0; i < 1000 && !store_commit(store); i++)
        rest_ns(10000000);
    bool is_all_in = store_commit(store);
    store_close(store);
    _exit(is_all_in ? 0 : 5);
}

static void test_several_writers_and_a_reader_lose_nothing(void **state)
{
    const struct fixture *fixture = *state;
    pid_t pids[WRITERS];
    for (size_t i = 0; i < WRITERS; i++) {
        pids[i] = fork();
        if (pids[i] == 0)
            write_some(fixture->directory);
    }
    struct store *store = open_quietly(fixture->directory);
    size_t left = WRITERS;
    uint64_t last = 0;
    while (left > 0) {
        int status;
        uint64_t sum = slots_of(store, "a", 0).sum;
        assert_true(sum >= last);
        last = sum;
        if (waitpid(-1, &status, WNOHANG) > 0) {
            assert_true(WIFEXITED(status));
            assert_int_equal(WEXITSTATUS(status), 0);
            left--;
        }
    }
    assert_int_equal(slots_of(store, "a", 0).sum, WRITERS * COMMITS);
    store_close(store);
    assert_true(is_intact(fixture->directory));
}

static void test_two_roll_up_at_once_and_nothing_is_counted_twice(void **state)
{
    const struct fixture *fixture = *state;
    struct store *store = open_quietly(fixture->directory);
    for (uint64_t i = 0; i < 4000; i++)
        add_slot(store, "a", T0_NS + i * 20 * SECOND_NS, "1");
    assert_true(store_commit(store));
    store_close(store);
    for (size_t i = 0; i < 2; i++) {
        if (fork() == 0) {
            struct store *own = open_quietly(fixture->directory);
            for (int turn = 0; turn < 20; turn++)
                (void)store_roll_up(own, T0_NS + 3 * DAY_NS, add_up, NULL);
            store_close(own);
            _exit(0);
        }
    }
    int status;
    while (wait(&status) > 0)
        assert_int_equal(status, 0);
    store = open_quietly(fixture->directory);
    assert_int_equal(slots_of(store, "a", 0).sum, 4000);
    assert_int_equal(slots_of(store, "a", 0).count, 23);
    store_close(store);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_kill_at_any_moment_loses_nothing_that_was_committed),
        TEST(test_several_writers_and_a_reader_lose_nothing),
        TEST(test_two_roll_up_at_once_and_nothing_is_counted_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
