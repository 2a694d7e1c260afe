/* SPDX-License-Identifier: Apache-2.0 */
/* The rings between the supervisor's files and those who map them. */
#include "app/records.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#define MIB (1024ull * 1024)

static void test_the_rings_take_an_eighth_of_the_budget_or_nothing(void **state)
{
    (void)state;
    static const struct {
        uint64_t budget;
        unsigned workers;
        size_t capacity;
    } cases[] = {
        {64 * MIB, 1, 4 * MIB},
        {64 * MIB, 2, 4 * MIB},
        {64 * MIB, 4, 2 * MIB},
        {64 * MIB, 3, 2 * MIB},
        {1024 * MIB, 1, 4 * MIB},
        {MIB, 1, 128 * 1024},
        {MIB, 2, 64 * 1024},
        {MIB, 3, 0},
        {512 * 1024, 1, 64 * 1024},
        {512 * 1024 - 1, 1, 0},
        {0, 1, 0},
        {64 * MIB, 256, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t capacity = records_capacity(cases[i].budget, cases[i].workers);
        assert_int_equal(capacity, cases[i].capacity);
        if (capacity)
            assert_true(records_bytes(cases[i].workers, capacity) <=
                        cases[i].budget / 8 + cases[i].workers * 4 * RING_PAGE);
    }
    assert_int_equal(records_bytes(0, 0), 0);
}

static void make(struct records_files *files)
{
    struct err err;
    if (!records_make(files, 2, RING_MIN, &err))
        fail_msg("%s", err.text);
}

static void open_as(const struct records_files *files, enum records_for role, struct records *records)
{
    struct err err;
    int given[RECORDS_MAX_FDS], fds[RECORDS_MAX_FDS];
    size_t count = records_list(files, role, given);
    for (size_t i = 0; i < count; i++)
        fds[i] = dup(given[i]);
    if (!records_open(records, role, fds, count, files->workers, files->capacity, &err))
        fail_msg("%s", err.text);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(fds[i], -1);
}

static void test_what_a_worker_writes_the_analyst_reads(void **state)
{
    (void)state;
    struct err err;
    struct records_files files;
    struct records gateway, analyst, control;
    struct ring_writer writer;
    struct ring_reader reader;
    struct str record, parts[] = {STR("one "), STR("record")};
    make(&files);
    open_as(&files, RECORDS_FOR_GATEWAY, &gateway);
    open_as(&files, RECORDS_FOR_ANALYST, &analyst);
    open_as(&files, RECORDS_FOR_CONTROL, &control);
    assert_true(records_writer(&gateway, 1, &writer, &err));
    assert_true(records_reader(&analyst, 1, &reader, &err));
    assert_true(ring_sleep(&reader));
    assert_true(ring_write(&writer, parts, 2));
    assert_true(ring_wants_wake(&writer));
    records_wake(&gateway);
    char byte;
    assert_int_equal(read(analyst.wake, &byte, 1), 1);
    assert_int_equal(ring_next(&reader, &record), RING_RECORD);
    assert_true(str_eq(record, STR("one record")));
    ring_lose(&reader, RING_LOST_DAMAGED, 3);
    ring_done(&reader);
    assert_int_equal(atomic_load(&records_page(&control, 1)->lost[RING_LOST_DAMAGED]), 3);
    assert_int_equal(atomic_load(&records_page(&control, 0)->lost[RING_LOST_DAMAGED]), 0);
    assert_false(records_writer(&gateway, 2, &writer, &err));
    assert_false(records_writer(&analyst, 0, &writer, &err));
    assert_false(records_reader(&control, 0, &reader, &err));
    records_close(&gateway);
    records_close(&analyst);
    records_close(&control);
    records_forget(&files);
}

static void test_waking_never_waits(void **state)
{
    (void)state;
    struct records_files files;
    struct records gateway;
    make(&files);
    open_as(&files, RECORDS_FOR_GATEWAY, &gateway);
    for (int i = 0; i < 100000; i++)
        records_wake(&gateway);
    records_close(&gateway);
    records_forget(&files);
}

static size_t resident_pages(const struct records *records)
{
    static unsigned char pages[2 * (RING_MIN / RING_PAGE + 1)];
    size_t sum = 0;
    assert_int_equal(mincore(records->data, sizeof(pages) * RING_PAGE, pages), 0);
    for (size_t i = 0; i < sizeof(pages); i++)
        sum += pages[i] & 1;
    return sum;
}

static void test_an_empty_ring_takes_no_memory_and_goes_on(void **state)
{
    (void)state;
    struct err err;
    struct records_files files;
    struct records gateway, analyst;
    struct ring_writer writer;
    struct ring_reader reader;
    char bytes[1024] = {'x'};
    struct str record, parts[] = {{bytes, sizeof(bytes)}};
    uint64_t given = 0;
    make(&files);
    open_as(&files, RECORDS_FOR_GATEWAY, &gateway);
    open_as(&files, RECORDS_FOR_ANALYST, &analyst);
    assert_true(records_writer(&gateway, 0, &writer, &err));
    assert_true(records_reader(&analyst, 0, &reader, &err));
    size_t before = resident_pages(&gateway);
    for (int i = 0; i < 1000; i++) {
        assert_true(ring_write(&writer, parts, 1));
        if (i == 999)
            assert_false(records_trim(&writer, &given)); /* one is left */
        assert_int_equal(ring_next(&reader, &record), RING_RECORD);
        ring_done(&reader);
    }
    assert_true(resident_pages(&gateway) > before);
    assert_true(records_trim(&writer, &given));
    assert_true(resident_pages(&gateway) <= before);
    for (int i = 0; i < 100; i++) {
        assert_true(ring_write(&writer, parts, 1));
        assert_int_equal(ring_next(&reader, &record), RING_RECORD);
        assert_memory_equal(record.ptr, bytes, sizeof(bytes));
        ring_done(&reader);
    }
    records_close(&gateway);
    records_close(&analyst);
    records_forget(&files);
}

static bool can_map(int fd, int protection)
{
    void *at = mmap(NULL, RING_PAGE, protection, MAP_SHARED, fd, 0);
    if (at != MAP_FAILED)
        munmap(at, RING_PAGE);
    return at != MAP_FAILED;
}

/* What a process without capabilities could make of the descriptors that the analyst and control get. */
static void test_what_is_for_reading_is_not_for_writing(void **state)
{
    (void)state;
    struct records_files files;
    make(&files);
    const int readonly[] = {files.data_readonly, files.readers_readonly};
    for (size_t i = 0; i < 2; i++) {
        char path[64];
        assert_true(can_map(readonly[i], PROT_READ));
        assert_false(can_map(readonly[i], PROT_READ | PROT_WRITE));
        assert_int_equal(ftruncate(readonly[i], 0), -1);
        snprintf(path, sizeof(path), "/proc/self/fd/%d", readonly[i]);
        if (geteuid() != 0) {
            assert_int_equal(open(path, O_RDWR | O_CLOEXEC), -1);
            assert_int_equal(errno, EACCES);
        }
    }
    assert_int_equal(ftruncate(files.data, 0), -1); /* nobody pulls the memory away */
    assert_int_equal(errno, EPERM);
    records_forget(&files);
    records_forget(&files);
}

static void test_what_can_be_no_rings_is_refused_and_closed(void **state)
{
    (void)state;
    struct err err;
    struct records_files files;
    struct records records;
    static const struct {
        size_t count;
        unsigned workers;
        size_t capacity;
    } cases[] = {
        {3, 3, RING_MIN},
        {3, 1, RING_MIN},
        {3, 2, 2 * RING_MIN},
        {3, 2, RING_MIN + 8},
        {3, 0, RING_MIN},
        {3, UINT32_MAX, RING_MIN},
        {3, 2, 0},
        {3, 2, (size_t)RING_MAX * 2},
        {2, 2, RING_MIN},
    };
    make(&files);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int fds[RECORDS_MAX_FDS] = {dup(files.data), dup(files.readers), dup(files.wake[1])};
        assert_false(records_open(&records, RECORDS_FOR_GATEWAY, fds, cases[i].count, cases[i].workers,
                                  cases[i].capacity, &err));
        assert_int_equal(records.workers, 0);
        for (size_t fd = 0; fd < RECORDS_MAX_FDS; fd++) {
            if (fds[fd] >= 0)
                close(fds[fd]);
        }
    }
    int fds[RECORDS_MAX_FDS] = {open("/dev/null", O_RDWR), open("/dev/null", O_RDWR), dup(files.wake[1])};
    assert_false(records_open(&records, RECORDS_FOR_GATEWAY, fds, 3, 2, RING_MIN, &err));
    records_forget(&files);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_rings_take_an_eighth_of_the_budget_or_nothing),
        cmocka_unit_test(test_what_a_worker_writes_the_analyst_reads),
        cmocka_unit_test(test_waking_never_waits),
        cmocka_unit_test(test_an_empty_ring_takes_no_memory_and_goes_on),
        cmocka_unit_test(test_what_is_for_reading_is_not_for_writing),
        cmocka_unit_test(test_what_can_be_no_rings_is_refused_and_closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
