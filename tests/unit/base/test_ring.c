/* SPDX-License-Identifier: Apache-2.0 */
#include "base/ring.h"

#include "base/mem.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* As ring.c has it: what a subverted writer may write. */
#define HEAD_OFFSET 64
#define FRAME_BYTES 16

struct pair {
    char *data;
    size_t size;
    struct ring_reader_page *page;
    struct ring_writer writer;
    struct ring_reader reader;
};

static void open_reader(struct pair *pair)
{
    struct err err;
    if (!ring_reader_open(&pair->reader, pair->data, pair->size, pair->page, &err))
        fail_msg("%s", err.text);
}

static void open_writer(struct pair *pair)
{
    struct err err;
    if (!ring_writer_open(&pair->writer, pair->data, pair->size, pair->page, &err))
        fail_msg("%s", err.text);
}

static void *share(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(memory != MAP_FAILED);
    return memory;
}

static void pair_init(struct pair *pair, size_t capacity)
{
    pair->size = ring_data_size(capacity);
    pair->data = share(pair->size);
    pair->page = share(RING_PAGE);
    ring_format(pair->data, capacity);
    open_writer(pair);
    open_reader(pair);
}

static void pair_deinit(struct pair *pair)
{
    munmap(pair->data, pair->size);
    munmap(pair->page, RING_PAGE);
}

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525 + 1013904223;
    return *seed >> 8;
}

/* A record that says its number and whose bytes follow from it. */
static size_t fill(char *record, uint64_t number, size_t size)
{
    size = size < sizeof(number) ? sizeof(number) : size;
    memset(record, (int)(number & 0xff), size);
    memcpy(record, &number, sizeof(number));
    return size;
}

static uint64_t number_of(struct str record)
{
    uint64_t number;
    assert_true(record.len >= sizeof(number));
    memcpy(&number, record.ptr, sizeof(number));
    for (size_t i = sizeof(number); i < record.len; i++)
        assert_true((uint8_t)record.ptr[i] == (number & 0xff));
    return number;
}

static bool write_number(struct ring_writer *writer, uint64_t number, size_t size)
{
    static char record[64 * 1024];
    size = fill(record, number, size);
    struct str parts[2] = {{record, size / 2}, {record + size / 2, size - size / 2}};
    return ring_write(writer, parts, 2);
}

static uint64_t lost(const struct pair *pair, enum ring_loss why)
{
    return atomic_load(&pair->page->lost[why]);
}

static void expect_record(struct pair *pair, uint64_t number)
{
    struct str record;
    assert_int_equal(ring_next(&pair->reader, &record), RING_RECORD);
    assert_true(number_of(record) == number);
}

static void expect_empty(struct pair *pair)
{
    struct str record;
    assert_int_equal(ring_next(&pair->reader, &record), RING_EMPTY);
}

static void test_records_come_out_as_they_went_in(void **state)
{
    (void)state;
    struct pair pair;
    pair_init(&pair, RING_MIN);
    uint32_t seed = 1;
    uint64_t in = 0, out = 0;
    struct str record;
    while (out < 50000) {
        size_t size = next_random(&seed) % 8 == 0 ? next_random(&seed) % (ring_most(&pair.writer) + 1)
                                                  : next_random(&seed) % 300;
        if (next_random(&seed) % 2 == 0)
            in += write_number(&pair.writer, in, size);
        else if (ring_next(&pair.reader, &record) == RING_RECORD) {
            assert_true(number_of(record) == out++);
            assert_int_equal((uintptr_t)record.ptr % 16, 0);
            ring_done(&pair.reader);
        }
    }
    assert_true(atomic_load(&pair.page->handled) == out);
    for (enum ring_loss why = 0; why < RING_LOSS_COUNT; why++)
        assert_int_equal(lost(&pair, why), 0);
    pair_deinit(&pair);
}

static void test_what_does_not_fit_is_refused_and_changes_nothing(void **state)
{
    (void)state;
    struct pair pair;
    pair_init(&pair, RING_MIN);
    assert_false(write_number(&pair.writer, 0, ring_most(&pair.writer) + 1));
    uint64_t in = 0;
    while (write_number(&pair.writer, in, 1000))
        in++;
    assert_int_equal(in, RING_MIN / 1024); /* with its frame, 1016 bytes take 1024 */
    assert_false(write_number(&pair.writer, in, 8));
    for (uint64_t i = 0; i < in; i++) {
        expect_record(&pair, i);
        ring_done(&pair.reader);
    }
    expect_empty(&pair);
    assert_true(write_number(&pair.writer, in, ring_most(&pair.writer)));
    expect_record(&pair, in);
    pair_deinit(&pair);
}

static void test_a_ring_is_short_before_it_is_full_and_until_it_is_read(void **state)
{
    (void)state;
    struct pair pair;
    struct str record;
    pair_init(&pair, RING_MIN);
    assert_false(ring_is_short(&pair.writer));
    uint64_t written = 0;
    while (!ring_is_short(&pair.writer))
        assert_true(write_number(&pair.writer, written++, 4000));
    assert_true(write_number(&pair.writer, written++, 4000)); /* there is room yet */
    while (ring_next(&pair.reader, &record) == RING_RECORD)
        ring_done(&pair.reader);
    assert_false(ring_is_short(&pair.writer));
    pair_deinit(&pair);
}

static void test_an_empty_record_is_a_record(void **state)
{
    (void)state;
    struct pair pair;
    pair_init(&pair, RING_MIN);
    struct str record;
    assert_true(ring_write(&pair.writer, NULL, 0));
    assert_int_equal(ring_next(&pair.reader, &record), RING_RECORD);
    assert_int_equal(record.len, 0);
    ring_done(&pair.reader);
    expect_empty(&pair);
    pair_deinit(&pair);
}

static void test_a_writer_goes_on_where_the_last_one_was(void **state)
{
    (void)state;
    struct pair pair;
    pair_init(&pair, RING_MIN);
    for (uint64_t i = 0; i < 1000; i++) {
        assert_true(write_number(&pair.writer, i, i));
        open_writer(&pair);
        if (i >= 10) {
            expect_record(&pair, i - 10);
            ring_done(&pair.reader);
        }
    }
    pair_deinit(&pair);
}

static void test_a_reader_goes_on_and_counts_what_was_not_saved(void **state)
{
    (void)state;
    struct pair pair;
    pair_init(&pair, RING_MIN);
    for (uint64_t i = 0; i < 10; i++)
        assert_true(write_number(&pair.writer, i, 100));
    for (uint64_t i = 0; i < 6; i++) {
        expect_record(&pair, i);
        ring_done(&pair.reader);
        if (i == 1)
            ring_saved(&pair.reader);
    }
    open_reader(&pair);
    open_reader(&pair); /* and dies again at once */
    assert_int_equal(lost(&pair, RING_LOST_ANALYST), 4);
    assert_int_equal(lost(&pair, RING_LOST_POISON), 0);
    expect_record(&pair, 6);
    ring_done(&pair.reader);
    ring_saved(&pair.reader);
    assert_true(atomic_load(&pair.page->saved) == 3);
    open_reader(&pair);
    assert_int_equal(lost(&pair, RING_LOST_ANALYST), 4);
    pair_deinit(&pair);
}

static void test_a_record_that_killed_its_reader_is_skipped(void **state)
{
    (void)state;
    struct pair pair;
    pair_init(&pair, RING_MIN);
    for (uint64_t i = 0; i < 4; i++)
        assert_true(write_number(&pair.writer, i, 100));
    expect_record(&pair, 0);
    ring_done(&pair.reader);
    expect_record(&pair, 1);
    expect_record(&pair, 1); /* not done yet */
    open_reader(&pair);
    assert_int_equal(lost(&pair, RING_LOST_POISON), 1);
    assert_int_equal(lost(&pair, RING_LOST_ANALYST), 1);
    expect_record(&pair, 2);
    ring_done(&pair.reader);
    expect_record(&pair, 3);
    ring_done(&pair.reader);
    expect_empty(&pair);
    assert_true(atomic_load(&pair.page->handled) == 3);
    pair_deinit(&pair);
}

/* A reader may die between any two of its stores, also while it ends what the one before had begun. */
static void test_each_place_of_death_is_counted_once(void **state)
{
    (void)state;
    static const struct {
        bool is_tail_moved, is_handled, is_skipped, is_poison;
        bool was_handled;
    } deaths[] = {
        {false, false, false, false, false},                                     /* while handling */
        {true, false, false, false, true},                                       /* in ring_done */
        {true, true, false, false, true},    {false, false, true, false, false}, /* while it is skipped */
        {false, false, true, true, false},   {true, false, true, true, false},
    };
    for (size_t i = 0; i < sizeof(deaths) / sizeof(deaths[0]); i++) {
        struct pair pair;
        pair_init(&pair, RING_MIN);
        for (uint64_t j = 0; j < 3; j++)
            assert_true(write_number(&pair.writer, j, 100));
        expect_record(&pair, 0);
        ring_done(&pair.reader);
        expect_record(&pair, 1);
        if (deaths[i].is_tail_moved)
            atomic_store(&pair.page->tail, pair.reader.next_tail);
        if (deaths[i].is_handled)
            atomic_store(&pair.page->handled, 2);
        if (deaths[i].is_skipped)
            atomic_store(&pair.page->skipped, atomic_load(&pair.page->handling));
        if (deaths[i].is_poison)
            atomic_store(&pair.page->lost[RING_LOST_POISON], 1);
        open_reader(&pair);
        assert_int_equal(lost(&pair, RING_LOST_POISON), !deaths[i].was_handled);
        assert_int_equal(atomic_load(&pair.page->handled), 1 + deaths[i].was_handled);
        assert_int_equal(lost(&pair, RING_LOST_ANALYST), 1 + deaths[i].was_handled);
        expect_record(&pair, 2);
        ring_done(&pair.reader);
        expect_empty(&pair);
        pair_deinit(&pair);
    }
}

/* ---- a subverted reader ---- */

static void test_a_tail_that_can_not_be_one_is_no_room(void **state)
{
    (void)state;
    static const int64_t tails[] = {1, 8, 4096, INT64_MAX, INT64_MIN, -(int64_t)RING_MIN - 1, -1000000};
    struct pair pair;
    pair_init(&pair, RING_MIN);
    for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
        atomic_store(&pair.page->tail, pair.writer.head + (uint64_t)tails[i]);
        open_writer(&pair);
        uint64_t head = pair.writer.head;
        assert_false(write_number(&pair.writer, 1, 100));
        assert_true(pair.writer.head == head);
        atomic_store(&pair.page->tail, head); /* and there is room once it can be one again */
        assert_true(write_number(&pair.writer, 1, 100));
    }
    pair_deinit(&pair);
}

/* ---- a subverted writer ---- */

static void set_head(struct pair *pair, uint64_t head)
{
    memcpy(pair->data + HEAD_OFFSET, &head, sizeof(head));
}

static void test_a_head_that_can_not_be_one_is_counted_and_passed(void **state)
{
    (void)state;
    static const uint64_t heads[] = {1, 8, 17, RING_MIN + 16, UINT64_MAX, UINT64_MAX - 15, 1ull << 63};
    struct str record;
    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        struct pair pair;
        pair_init(&pair, RING_MIN);
        set_head(&pair, heads[i]);
        assert_int_equal(ring_next(&pair.reader, &record), RING_BROKEN);
        assert_int_equal(lost(&pair, RING_LOST_DAMAGED), 1);
        expect_empty(&pair);
        /* A good writer after it is understood again. */
        open_writer(&pair);
        assert_true(write_number(&pair.writer, 5, 100));
        enum ring_result result = ring_next(&pair.reader, &record);
        if (result == RING_BROKEN) /* the writer had to step to a place of its own */
            assert_true(write_number(&pair.writer, 5, 100));
        expect_record(&pair, 5);
        pair_deinit(&pair);
    }
}

static void test_a_frame_that_can_not_be_one_is_counted_and_passed(void **state)
{
    (void)state;
    static const struct {
        uint32_t size;
        uint64_t sequence;
    } frames[] = {
        {100, 1},        {100, UINT64_MAX},   {101 * 16, 0},        {RING_MIN / 4, 0}, {RING_MIN, 0},
        {UINT32_MAX, 0}, {UINT32_MAX - 1, 0}, {UINT32_MAX - 15, 0}, {INT32_MAX, 0},
    };
    struct str record;
    for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
        struct pair pair;
        pair_init(&pair, RING_MIN);
        assert_true(write_number(&pair.writer, 1, 100));
        memcpy(pair.data + RING_PAGE, &frames[i].size, 4);
        memcpy(pair.data + RING_PAGE + 8, &frames[i].sequence, 8);
        assert_int_equal(ring_next(&pair.reader, &record), RING_BROKEN);
        assert_int_equal(lost(&pair, RING_LOST_DAMAGED), 1);
        expect_empty(&pair);
        assert_true(write_number(&pair.writer, 2, 100));
        expect_record(&pair, 2);
        pair_deinit(&pair);
    }
}

static void test_memory_that_is_no_ring_is_refused(void **state)
{
    (void)state;
    struct pair pair;
    struct err err;
    pair_init(&pair, RING_MIN);
    static const size_t sizes[] = {0, 1, RING_PAGE, RING_PAGE + RING_MIN / 2, RING_PAGE + RING_MIN + 16};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        assert_false(ring_reader_open(&pair.reader, pair.data, sizes[i], pair.page, &err));
        assert_false(ring_writer_open(&pair.writer, pair.data, sizes[i], pair.page, &err));
    }
    memset(pair.data, 0, 8);
    assert_false(ring_reader_open(&pair.reader, pair.data, pair.size, pair.page, &err));
    pair_deinit(&pair);
}

/* ---- sleeping ---- */

static void test_a_sleeper_is_woken_once_for_each_sleep(void **state)
{
    (void)state;
    struct pair pair;
    pair_init(&pair, RING_MIN);
    assert_true(write_number(&pair.writer, 0, 8));
    assert_false(ring_wants_wake(&pair.writer));
    assert_false(ring_sleep(&pair.reader)); /* there is one */
    expect_record(&pair, 0);
    ring_done(&pair.reader);
    for (uint64_t i = 1; i < 10; i++) {
        assert_true(ring_sleep(&pair.reader));
        assert_false(ring_wants_wake(&pair.writer)); /* nothing to wake it for */
        assert_true(write_number(&pair.writer, i, 8));
        assert_true(ring_wants_wake(&pair.writer));
        assert_true(write_number(&pair.writer, i, 8));
        assert_false(ring_wants_wake(&pair.writer)); /* it was woken */
        expect_record(&pair, i);
        ring_done(&pair.reader);
        expect_record(&pair, i);
        ring_done(&pair.reader);
        expect_empty(&pair);
    }
    pair_deinit(&pair);
}

enum { THREAD_RECORDS = 100000 };

struct sleeper {
    struct pair pair;
    int wake[2];
};

/* Wakes by a byte in a pipe; sleeps for ever without it. */
static void *read_all(void *argument)
{
    struct sleeper *sleeper = argument;
    struct str record;
    uint64_t expected = 0, last = 0;
    char byte;
    while (last != UINT64_MAX) {
        if (ring_next(&sleeper->pair.reader, &record) != RING_RECORD) {
            if (ring_sleep(&sleeper->pair.reader) && read(sleeper->wake[0], &byte, 1) != 1)
                return NULL;
            continue;
        }
        last = number_of(record);
        if (last != UINT64_MAX && last != expected++)
            return NULL;
        ring_done(&sleeper->pair.reader);
    }
    return sleeper;
}

static void test_no_wake_up_is_lost_between_two_threads(void **state)
{
    (void)state;
    struct sleeper sleeper;
    pthread_t thread;
    uint32_t seed = 3;
    pair_init(&sleeper.pair, RING_MIN);
    assert_int_equal(pipe(sleeper.wake), 0);
    assert_int_equal(pthread_create(&thread, NULL, read_all, &sleeper), 0);
    for (uint64_t i = 0; i <= THREAD_RECORDS;) {
        uint32_t turn = next_random(&seed) % 8;
        for (uint32_t j = 0; j < turn && i <= THREAD_RECORDS; j++)
            i += write_number(&sleeper.pair.writer, i < THREAD_RECORDS ? i : UINT64_MAX, next_random(&seed) % 200);
        if (ring_wants_wake(&sleeper.pair.writer))
            assert_int_equal(write(sleeper.wake[1], "", 1), 1);
    }
    void *result;
    pthread_join(thread, &result);
    assert_ptr_equal(result, &sleeper);
    close(sleeper.wake[0]);
    close(sleeper.wake[1]);
    pair_deinit(&sleeper.pair);
}

/* ---- two processes, one of them killed at any moment ---- */

enum { SEEN_MAX = 1 << 20 };

/* What the readers tell the test; in shared memory of its own. */
struct seen {
    _Atomic uint64_t begun, saves;
    _Atomic uint8_t times[SEEN_MAX];
};

static void read_for_ever(struct pair *pair, struct seen *seen)
{
    struct str record;
    struct err err;
    uint32_t seed = (uint32_t)getpid();
    if (!ring_reader_open(&pair->reader, pair->data, pair->size, pair->page, &err))
        _exit(2);
    for (;;) {
        if (ring_next(&pair->reader, &record) != RING_RECORD) {
            sched_yield();
            continue;
        }
        uint64_t number;
        memcpy(&number, record.ptr, sizeof(number));
        if (number >= SEEN_MAX)
            _exit(3);
        atomic_fetch_add(&seen->times[number], 1);
        atomic_fetch_add(&seen->begun, 1);
        ring_done(&pair->reader);
        if (next_random(&seed) % 64 == 0)
            ring_saved(&pair->reader);
    }
}

static pid_t start_reader(struct pair *pair, struct seen *seen)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        read_for_ever(pair, seen);
    return child;
}

static void kill_reader(pid_t child)
{
    int status;
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* Every record is handled once, or is poison, and each is counted in just one way, however often the reader dies. */
static void test_nothing_comes_or_counts_twice_when_readers_are_killed(void **state)
{
    (void)state;
    struct pair pair;
    struct seen *seen = share(sizeof(*seen));
    pair_init(&pair, RING_MIN);
    uint64_t in = 0;
    uint32_t seed = 11;
    for (int round = 0; round < 120; round++) {
        pid_t child = start_reader(&pair, seen);
        uint64_t until = atomic_load(&seen->begun) + next_random(&seed) % 2000 + 1;
        while (atomic_load(&seen->begun) < until && in < SEEN_MAX) {
            if (write_number(&pair.writer, in, next_random(&seed) % 200))
                in++;
            else
                sched_yield();
        }
        kill_reader(child);
        if (round % 10 == 0)
            open_writer(&pair);
    }
    open_reader(&pair);
    struct str record;
    while (ring_next(&pair.reader, &record) == RING_RECORD) {
        atomic_fetch_add(&seen->times[number_of(record)], 1);
        ring_done(&pair.reader);
    }
    ring_saved(&pair.reader);
    for (uint64_t i = 0; i < in; i++)
        assert_true(atomic_load(&seen->times[i]) <= 1);
    uint64_t handled = atomic_load(&pair.page->handled);
    assert_true(in > 10000);
    assert_true(handled + lost(&pair, RING_LOST_POISON) == in);
    assert_true(atomic_load(&pair.page->saved) + lost(&pair, RING_LOST_ANALYST) == handled);
    assert_int_equal(lost(&pair, RING_LOST_DAMAGED), 0);
    pair_deinit(&pair);
    munmap(seen, sizeof(*seen));
}

static void test_losses_have_names(void **state)
{
    (void)state;
    assert_string_equal(ring_loss_name(RING_LOST_POISON), "poison");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_records_come_out_as_they_went_in),
        cmocka_unit_test(test_what_does_not_fit_is_refused_and_changes_nothing),
        cmocka_unit_test(test_a_ring_is_short_before_it_is_full_and_until_it_is_read),
        cmocka_unit_test(test_an_empty_record_is_a_record),
        cmocka_unit_test(test_a_writer_goes_on_where_the_last_one_was),
        cmocka_unit_test(test_a_reader_goes_on_and_counts_what_was_not_saved),
        cmocka_unit_test(test_a_record_that_killed_its_reader_is_skipped),
        cmocka_unit_test(test_each_place_of_death_is_counted_once),
        cmocka_unit_test(test_a_tail_that_can_not_be_one_is_no_room),
        cmocka_unit_test(test_a_head_that_can_not_be_one_is_counted_and_passed),
        cmocka_unit_test(test_a_frame_that_can_not_be_one_is_counted_and_passed),
        cmocka_unit_test(test_memory_that_is_no_ring_is_refused),
        cmocka_unit_test(test_a_sleeper_is_woken_once_for_each_sleep),
        cmocka_unit_test(test_no_wake_up_is_lost_between_two_threads),
        cmocka_unit_test(test_nothing_comes_or_counts_twice_when_readers_are_killed),
        cmocka_unit_test(test_losses_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
