/* SPDX-License-Identifier: Apache-2.0 */
#include "app/archive.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

static const struct archive_entry sample[] = {{STR_INIT("a.yaml"), STR_INIT("kind: Gateway\n")},
                                              {STR_INIT("empty"), STR_INIT("")},
                                              {STR_INIT("b"), STR_INIT("x")}};

static void test_texts_come_back_in_their_order(void **state)
{
    (void)state;
    struct err err;
    struct archive archive;
    struct archive_entry entry;
    int fd = archive_seal(sample, 3, &err);
    assert_true(fd >= 0);
    assert_true(archive_open(&archive, fd, &err));
    for (size_t i = 0; i < 3; i++) {
        assert_true(archive_next(&archive, &entry));
        assert_true(str_eq(entry.name, sample[i].name));
        assert_true(str_eq(entry.text, sample[i].text));
    }
    assert_false(archive_next(&archive, &entry));
    archive_close(&archive);
    close(fd);
}

static void test_an_empty_archive_has_no_texts(void **state)
{
    (void)state;
    struct err err;
    struct archive archive;
    struct archive_entry entry;
    int fd = archive_seal(NULL, 0, &err);
    assert_true(archive_open(&archive, fd, &err));
    assert_false(archive_next(&archive, &entry));
    archive_close(&archive);
    close(fd);
}

static void test_a_damaged_archive_ends_where_the_damage_is(void **state)
{
    (void)state;
    uint64_t heads[] = {1, 1, 0, UINT64_MAX, 5};
    struct err err;
    for (size_t len = 0; len <= sizeof(heads); len++) {
        struct archive archive;
        struct archive_entry entry;
        int fd = memfd_create("test", MFD_ALLOW_SEALING);
        assert_int_equal(write(fd, heads, len), len);
        assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL), 0);
        assert_true(archive_open(&archive, fd, &err));
        int count = 0;
        while (archive_next(&archive, &entry))
            count++;
        assert_int_equal(count, len >= 18);
        archive_close(&archive);
        close(fd);
    }
}

static void test_what_can_still_change_is_refused(void **state)
{
    (void)state;
    struct err err;
    struct archive archive;
    int fd = memfd_create("test", MFD_ALLOW_SEALING);
    assert_false(archive_open(&archive, fd, &err));
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts_come_back_in_their_order),
        cmocka_unit_test(test_an_empty_archive_has_no_texts),
        cmocka_unit_test(test_a_damaged_archive_ends_where_the_damage_is),
        cmocka_unit_test(test_what_can_still_change_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
