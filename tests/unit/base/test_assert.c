/* SPDX-License-Identifier: Apache-2.0 */
/* What must end the process: each case runs in a child, whose last words are read. */
#include "base/assert.h"

#include "base/mem.h"
#include "base/slab.h"
#include "base/str.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* So that AddressSanitizer leaves running out of memory to the code under test. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

static void assert_dies_saying(void (*deed)(void), const char *words)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        deed();
        _exit(0);
    }
    close(ends[1]);
    char text[4096];
    size_t len = 0;
    ssize_t got;
    while ((got = read(ends[0], text + len, sizeof(text) - 1 - len)) > 0)
        len += (size_t)got;
    close(ends[0]);
    text[len] = '\0';
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    if (!strstr(text, words))
        fail_msg("said \"%s\", not \"%s\"", text, words);
}

static void fail_an_assertion(void)
{
    volatile int one = 1;
    ASSERT(one == 2);
}

static void ask_for_too_much(void)
{
    volatile size_t size = SIZE_MAX / 2;
    mem_free(mem_alloc(size));
}

static void ask_for_too_much_raw(void)
{
    volatile size_t size = SIZE_MAX / 2;
    mem_free(mem_alloc_raw(size));
}

static void grow_too_much(void)
{
    volatile size_t size = SIZE_MAX / 2;
    mem_free(mem_grow(mem_alloc(1), size));
}

static void free_a_slab_in_use(void)
{
    struct slab *slab = slab_new("exchange", 64);
    void *object = slab_take(slab);
    ASSERT(object);
    slab_free(slab);
}

static void give_to_the_wrong_slab(void)
{
    struct slab *slab = slab_new("exchange", 64);
    struct slab *other = slab_new("client", 64);
    slab_give(other, slab_take(slab));
}

static void test_a_true_condition_passes(void **state)
{
    (void)state;
    int count = 0;
    ASSERT(++count == 1);
    assert_int_equal(count, 1);
}

static void test_a_false_condition_says_itself_and_aborts(void **state)
{
    (void)state;
    assert_dies_saying(fail_an_assertion, "test_assert.c:");
    assert_dies_saying(fail_an_assertion, "assertion failed: one == 2\n");
}

static void test_running_out_of_memory_aborts(void **state)
{
    (void)state;
    assert_dies_saying(ask_for_too_much, "memory for 9223372036854775807 more bytes");
    assert_dies_saying(ask_for_too_much_raw, "memory for 9223372036854775807 more bytes");
    assert_dies_saying(grow_too_much, "memory for 9223372036854775807 more bytes");
}

static void test_a_slab_in_use_can_not_be_freed(void **state)
{
    (void)state;
    assert_dies_saying(free_a_slab_in_use, "slab exchange: 1 objects were not given back");
}

static void test_an_object_goes_back_to_its_own_slab(void **state)
{
    (void)state;
    assert_dies_saying(give_to_the_wrong_slab, "page->slab == slab");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_true_condition_passes),
        cmocka_unit_test(test_a_false_condition_says_itself_and_aborts),
        cmocka_unit_test(test_running_out_of_memory_aborts),
        cmocka_unit_test(test_a_slab_in_use_can_not_be_freed),
        cmocka_unit_test(test_an_object_goes_back_to_its_own_slab),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
