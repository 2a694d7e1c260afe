/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/files.h"

#include "io/loop.h"
#include "io/timer.h"
#include "provider/file_read.h"

#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define LONGEST_MS 20000 /* a test that waits longer than this has failed */

static struct loop *loop;
static struct files *files;
static unsigned changes;
static bool is_waiting_for_change;
static struct timer longest, nap;
static char root[64];
static int writer; /* a descriptor that a test keeps open; -1 */

static const char *path_of(const char *name)
{
    static char paths[4][128];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof(paths[0]), "%s/%s", root, name);
    return path;
}

static void put_all(int fd, const char *text)
{
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static int open_new(const char *name)
{
    int fd = open(path_of(name), O_WRONLY | O_CREAT | O_TRUNC, 0644);
    assert_true(fd >= 0);
    return fd;
}

static void put(const char *name, const char *text)
{
    int fd = open_new(name);
    put_all(fd, text);
    close(fd);
}

static void put_by_rename(const char *name, const char *text)
{
    put("new", text);
    assert_int_equal(rename(path_of("new"), path_of(name)), 0);
}

static void link_to(const char *name, const char *target)
{
    assert_int_equal(symlink(target, path_of(name)), 0);
}

static void on_change(void *user)
{
    assert_ptr_equal(user, &changes);
    changes++;
    if (is_waiting_for_change)
        loop_stop(loop);
}

static void on_longest(struct timer *timer)
{
    (void)timer;
    fail_msg("waited too long");
}

static void on_nap_over(struct timer *timer)
{
    (void)timer;
    loop_stop(loop);
}

/* Lets the loop run for this time. */
static void run_for(uint64_t ms)
{
    timer_arm(loop, &nap, ms);
    loop_run(loop);
}

static void wait_for_change(void)
{
    timer_arm(loop, &longest, LONGEST_MS);
    is_waiting_for_change = true;
    loop_run(loop);
    is_waiting_for_change = false;
    timer_disarm(&longest);
}

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* "name=text name=text"; names without the directory of the test, "!" for what can't be read. */
static void assert_texts(const char *want)
{
    char got[1024] = "";
    size_t count, len = 0;
    const struct file_text *texts = files_get(files, &count);
    for (size_t i = 0; i < count; i++) {
        const char *name = texts[i].name.ptr;
        size_t skip = strncmp(name, root, strlen(root)) == 0 ? strlen(root) + 1 : 0;
        len += (size_t)snprintf(got + len, sizeof(got) - len, "%s%s=%.*s%s", i > 0 ? " " : "", name + skip,
                                STR_ARG(texts[i].text), texts[i].problem ? "!" : "");
    }
    assert_string_equal(got, want);
}

static void open_sources(const struct file_source *sources, size_t count)
{
    struct files_options options = {
        .loop = loop, .sources = sources, .source_count = count, .on_change = on_change, .user = &changes};
    files = files_new(&options);
}

static void open_path(const char *name)
{
    struct file_source source = {str_from_c(*name ? path_of(name) : root), -1};
    open_sources(&source, 1);
}

static void open_patiently(const char *name)
{
    struct file_source source = {str_from_c(path_of(name)), -1};
    struct files_options options = {.loop = loop,
                                    .sources = &source,
                                    .source_count = 1,
                                    .on_change = on_change,
                                    .user = &changes,
                                    .is_patient = true};
    files = files_new(&options);
}

static int setup(void **state)
{
    (void)state;
    struct err err;
    loop = loop_new(&err);
    timer_init(&longest, on_longest);
    timer_init(&nap, on_nap_over);
    snprintf(root, sizeof(root), "/tmp/umbra-test-files-XXXXXX");
    files = NULL;
    changes = 0;
    writer = -1;
    return loop && mkdtemp(root) ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *state, int kind, struct FTW *place)
{
    (void)state, (void)kind, (void)place;
    return remove(path);
}

static int teardown(void **state)
{
    (void)state;
    files_free(files);
    loop_free(loop);
    if (writer >= 0)
        close(writer);
    return nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void test_a_directory_stands_for_its_manifests_in_order(void **state)
{
    (void)state;
    put("b.yml", "2");
    put("a.yaml", "1");
    put("c.json", "3");
    put(".hidden.yaml", "no");
    put("notes.txt", "no");
    put("b.yaml~", "no");
    assert_int_equal(mkdir(path_of("below.yaml"), 0755), 0);
    put("below.yaml/d.yaml", "no");
    open_path("");
    assert_texts("a.yaml=1 b.yml=2 c.json=3");
}

static void test_paths_come_in_their_order_and_a_file_counts_once(void **state)
{
    (void)state;
    put("z.txt", "0");
    put("a.yaml", "1");
    put("b.yaml", "2");
    char b[128], z[128];
    snprintf(b, sizeof(b), "%s", path_of("b.yaml"));
    snprintf(z, sizeof(z), "%s", path_of("z.txt"));
    struct file_source sources[] = {
        {str_from_c(b), -1}, {str_from_c(z), -1}, {str_from_c(root), -1}, {str_from_c(b), -1}};
    open_sources(sources, 4);
    assert_texts("b.yaml=2 z.txt=0 a.yaml=1");
}

static void test_a_file_written_in_place_counts_when_it_is_closed(void **state)
{
    (void)state;
    put("a.yaml", "1");
    open_path("a.yaml");
    put("a.yaml", "2");
    wait_for_change();
    assert_texts("a.yaml=2");
    assert_int_equal(changes, 1);
}

static void test_a_file_renamed_over_another_counts(void **state)
{
    (void)state;
    put("a.yaml", "1");
    open_path("a.yaml");
    put_by_rename("a.yaml", "2");
    wait_for_change();
    assert_texts("a.yaml=2");
}

static void test_a_half_written_file_is_awaited(void **state)
{
    (void)state;
    put("a.yaml", "1");
    open_path("a.yaml");
    writer = open_new("a.yaml");
    put_all(writer, "first ");
    run_for(400);
    put_all(writer, "second");
    run_for(700); /* more than a second since it was opened, less than one since it was modified */
    assert_texts("a.yaml=1");
    close(writer);
    writer = -1;
    wait_for_change();
    assert_texts("a.yaml=first second");
    assert_int_equal(changes, 1);
}

static void test_a_file_that_stays_open_counts_after_a_second_of_rest(void **state)
{
    (void)state;
    put("a.yaml", "1");
    open_path("a.yaml");
    uint64_t begin_ms = now_ms();
    writer = open_new("a.yaml");
    put_all(writer, "2");
    wait_for_change();
    assert_texts("a.yaml=2");
    assert_in_range(now_ms() - begin_ms, 900, 2000);
}

static void test_a_new_file_is_awaited_while_it_is_written(void **state)
{
    (void)state;
    put("a.yaml", "1");
    open_path("");
    writer = open_new("b.yaml");
    run_for(300);
    put_all(writer, "2");
    run_for(300);
    assert_texts("a.yaml=1");
    close(writer);
    writer = -1;
    wait_for_change();
    assert_texts("a.yaml=1 b.yaml=2");
    assert_int_equal(changes, 1);
}

static struct timer scribbling;

static void on_scribble(struct timer *timer)
{
    put_all(writer, "x");
    timer_arm(loop, timer, 50);
}

static void test_a_file_that_never_rests_does_not_hold_up_others(void **state)
{
    (void)state;
    put("a.yaml", "1");
    put("b.yaml", "1");
    open_path("");
    writer = open_new("a.yaml");
    timer_init(&scribbling, on_scribble);
    on_scribble(&scribbling);
    run_for(100);
    uint64_t begin_ms = now_ms();
    put("b.yaml", "2");
    wait_for_change();
    assert_in_range(now_ms() - begin_ms, 0, 2000);
    assert_texts("a.yaml=1 b.yaml=2");
    timer_disarm(&scribbling);
}

static void test_changes_without_end_count_in_between(void **state)
{
    (void)state;
    put("a.yaml", "1");
    open_path("");
    timer_init(&scribbling, on_scribble);
    uint64_t begin_ms = now_ms();
    for (int i = 0; changes == 0 && now_ms() - begin_ms < 5000; i++) {
        char text[16];
        snprintf(text, sizeof(text), "%d", i);
        put_by_rename("a.yaml", text);
        run_for(10);
    }
    assert_in_range(now_ms() - begin_ms, 0, 2000);
}

/* What kubelet does with a ConfigMap. */
static void test_a_swapped_symbolic_link_counts(void **state)
{
    (void)state;
    assert_int_equal(mkdir(path_of("..1"), 0755), 0);
    assert_int_equal(mkdir(path_of("..2"), 0755), 0);
    put("..1/a.yaml", "1");
    put("..2/a.yaml", "2");
    put("..2/b.yaml", "3");
    link_to("..data", "..1");
    link_to("a.yaml", "..data/a.yaml");
    link_to("b.yaml", "..data/b.yaml");
    open_path("");
    assert_texts("a.yaml=1 b.yaml=!");
    uint64_t begin_ms = now_ms();
    link_to("..data_tmp", "..2");
    assert_int_equal(rename(path_of("..data_tmp"), path_of("..data")), 0);
    wait_for_change();
    assert_in_range(now_ms() - begin_ms, 0, 700);
    assert_texts("a.yaml=2 b.yaml=3");
    assert_int_equal(changes, 1);
}

static void test_a_file_behind_links_is_watched_where_it_is(void **state)
{
    (void)state;
    assert_int_equal(mkdir(path_of("far"), 0755), 0);
    assert_int_equal(mkdir(path_of("near"), 0755), 0);
    put("far/a.yaml", "1");
    link_to("near/way", "../far");
    link_to("near/a.yaml", "way/a.yaml");
    open_path("near/a.yaml");
    assert_texts("near/a.yaml=1");
    uint64_t begin_ms = now_ms();
    put("far/a.yaml", "2");
    wait_for_change();
    assert_in_range(now_ms() - begin_ms, 0, 700);
    assert_texts("near/a.yaml=2");
}

static void test_a_removed_file_is_gone_after_a_while(void **state)
{
    (void)state;
    put("a.yaml", "1");
    put("b.yaml", "2");
    open_path("");
    uint64_t begin_ms = now_ms();
    assert_int_equal(unlink(path_of("a.yaml")), 0);
    wait_for_change();
    assert_texts("b.yaml=2");
    assert_in_range(now_ms() - begin_ms, 450, 1900);
}

static void test_a_file_that_is_removed_and_made_again_is_never_missing(void **state)
{
    (void)state;
    put("a.yaml", "1");
    put("b.yaml", "1");
    open_path("");
    assert_int_equal(unlink(path_of("a.yaml")), 0);
    put("b.yaml", "2");
    run_for(200);
    put("a.yaml", "2");
    wait_for_change();
    assert_texts("a.yaml=2 b.yaml=2");
    assert_int_equal(changes, 1);
}

static void test_a_directory_that_comes_back_is_read_again(void **state)
{
    (void)state;
    assert_int_equal(mkdir(path_of("rules"), 0755), 0);
    assert_int_equal(mkdir(path_of("next"), 0755), 0);
    put("rules/a.yaml", "1");
    put("next/a.yaml", "2");
    open_path("rules");
    assert_int_equal(rename(path_of("rules"), path_of("old")), 0);
    assert_int_equal(rename(path_of("next"), path_of("rules")), 0);
    wait_for_change();
    assert_texts("rules/a.yaml=2");
    put("rules/a.yaml", "3");
    wait_for_change();
    assert_texts("rules/a.yaml=3");
    assert_int_equal(changes, 2);
}

static void test_what_cannot_be_read_has_a_problem(void **state)
{
    (void)state;
    put("a.yaml", "1");
    put("big.yaml", "");
    assert_int_equal(truncate(path_of("big.yaml"), FILE_MAX_BYTES + 1), 0);
    assert_int_equal(mkfifo(path_of("pipe.yaml"), 0644), 0);
    link_to("void.yaml", "nothing");
    open_path("");
    assert_texts("a.yaml=1 big.yaml=! pipe.yaml=! void.yaml=!");
    size_t count;
    const struct file_text *texts = files_get(files, &count);
    assert_non_null(strstr(texts[1].problem, "33554432"));
    assert_non_null(strstr(texts[2].problem, "regular"));
    assert_non_null(strstr(texts[3].problem, "symbolic link"));
}

static void test_the_same_bytes_are_no_change(void **state)
{
    (void)state;
    put("a.yaml", "1");
    open_path("a.yaml");
    put("a.yaml", "1");
    put_by_rename("a.yaml", "1");
    run_for(300);
    assert_int_equal(changes, 0);
}

static void test_a_reload_is_told_though_nothing_changed(void **state)
{
    (void)state;
    put("a.yaml", "1");
    open_path("a.yaml");
    uint64_t begin_ms = now_ms();
    files_reload(files);
    wait_for_change();
    assert_in_range(now_ms() - begin_ms, 0, 300);
    assert_texts("a.yaml=1");
}

static void test_a_reload_waits_a_little_for_a_writer(void **state)
{
    (void)state;
    put("a.yaml", "1");
    open_path("a.yaml");
    writer = open_new("a.yaml");
    put_all(writer, "2");
    uint64_t begin_ms = now_ms();
    files_reload(files);
    wait_for_change();
    assert_in_range(now_ms() - begin_ms, 400, 900);
    assert_texts("a.yaml=1");
    wait_for_change();
    assert_in_range(now_ms() - begin_ms, 900, 2000);
    assert_texts("a.yaml=2");
}

/* As when very many rules are compiled: the time for the reload is over before anybody could look. */
static void on_busy(struct timer *timer)
{
    (void)timer;
    files_reload(files);
    usleep(700 * 1000);
    put_all(writer, "half");
}

/* The next turn has both the event and the timer. */
static void on_first_bytes(struct timer *timer)
{
    (void)timer;
    put_all(writer, "a ");
    usleep(5 * 1000);
}

static void test_a_late_reload_takes_no_half_written_file(void **state)
{
    (void)state;
    struct timer first, busy;
    put("a.yaml", "1");
    open_path("a.yaml");
    writer = open_new("a.yaml");
    timer_init(&first, on_first_bytes);
    timer_init(&busy, on_busy);
    timer_arm(loop, &first, 2);
    timer_arm(loop, &busy, 4);
    wait_for_change();
    assert_texts("a.yaml=1");
    put_all(writer, " and half");
    close(writer);
    writer = -1;
    wait_for_change();
    assert_texts("a.yaml=a half and half");
}

/* The look is due when the loop goes on, before it hears of this. */
static void on_empty(struct timer *timer)
{
    (void)timer;
    writer = open_new("a.yaml");
    usleep(20 * 1000);
}

static void test_a_file_that_was_just_emptied_is_awaited(void **state)
{
    (void)state;
    struct timer empty;
    put("a.yaml", "1");
    open_path("");
    run_for(50);
    put("b.yaml", "2");
    timer_init(&empty, on_empty);
    timer_arm(loop, &empty, 25);
    run_for(200);
    size_t count;
    assert_true(str_eq(files_get(files, &count)->text, STR("1")));
    put_all(writer, "3");
    close(writer);
    writer = -1;
    run_for(200);
    assert_texts("a.yaml=3 b.yaml=2");
}

static void test_a_file_that_stays_empty_counts(void **state)
{
    (void)state;
    put("a.yaml", "1");
    put("b.yaml", "2");
    open_path("");
    uint64_t begin_ms = now_ms();
    put("a.yaml", "");
    put("b.yaml", "3");
    wait_for_change();
    assert_texts("a.yaml=1 b.yaml=3");
    wait_for_change();
    assert_texts("a.yaml= b.yaml=3");
    assert_in_range(now_ms() - begin_ms, 400, 1000);
}

static void test_the_patient_wait_for_a_writer_that_came_before(void **state)
{
    (void)state;
    put("a.yaml", "half");
    uint64_t begin_ms = now_ms();
    open_patiently("a.yaml");
    assert_texts("");
    run_for(200);
    put_by_rename("a.yaml", "whole");
    wait_for_change();
    assert_in_range(now_ms() - begin_ms, 400, 1000);
    assert_texts("a.yaml=whole");
    assert_int_equal(changes, 1);
}

/* The writer said its last word before anybody listened. */
static void test_the_patient_wait_until_the_writer_has_closed(void **state)
{
    (void)state;
    static const char *const begun[] = {"", "ha"};
    for (size_t i = 0; i < sizeof(begun) / sizeof(begun[0]); i++) {
        writer = open_new("a.yaml");
        put_all(writer, begun[i]);
        open_patiently("a.yaml");
        run_for(i == 0 ? 2500 : 800); /* more than the kernel's word on the file's age */
        assert_int_equal(changes, 0);
        assert_texts("a.yaml=!");
        put_all(writer, "whole");
        close(writer);
        writer = -1;
        wait_for_change();
        assert_texts(i == 0 ? "a.yaml=whole" : "a.yaml=hawhole");
        files_free(files);
        files = NULL;
        changes = 0;
    }
}

static void test_a_file_that_is_emptied_and_open_keeps_its_text(void **state)
{
    (void)state;
    put("a.yaml", "before");
    open_path("a.yaml");
    writer = open_new("a.yaml");
    run_for(1500);
    assert_int_equal(changes, 0);
    assert_texts("a.yaml=before");
    close(writer);
    writer = -1;
    wait_for_change();
    assert_texts("a.yaml=");
}

static void test_changes_that_nobody_tells_are_found_by_looking(void **state)
{
    (void)state;
    put("a.yaml", "1");
    assert_int_equal(mkdir(path_of("other"), 0755), 0);
    assert_int_equal(link(path_of("a.yaml"), path_of("other/same")), 0);
    open_path("a.yaml");
    run_for(50);
    uint64_t begin_ms = now_ms();
    put("other/same", "22");
    wait_for_change();
    assert_in_range(now_ms() - begin_ms, 0, 2000);
    assert_texts("a.yaml=22");
}

static void test_a_pipe_is_read_once_and_kept(void **state)
{
    (void)state;
    struct err err;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    put_all(ends[1], "rules");
    close(ends[1]);
    int kept = file_keep(ends[0], "stdin", &err);
    close(ends[0]);
    assert_true(kept >= 0);
    struct file_source source = {STR("stdin"), kept};
    open_sources(&source, 1);
    assert_texts("stdin=rules");
    files_reload(files);
    wait_for_change();
    assert_texts("stdin=rules");
    close(kept);
}

static void test_many_changes_leave_no_descriptors(void **state)
{
    (void)state;
    put("a.yaml", "1");
    open_path("");
    int before = dup(0);
    for (int i = 0; i < 50; i++) {
        char text[32];
        snprintf(text, sizeof(text), "text %d", i);
        put_by_rename("a.yaml", text);
        wait_for_change();
    }
    int after = dup(0);
    assert_int_equal(before + 1, after);
    close(before);
    close(after);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_a_directory_stands_for_its_manifests_in_order),
        CASE(test_paths_come_in_their_order_and_a_file_counts_once),
        CASE(test_a_file_written_in_place_counts_when_it_is_closed),
        CASE(test_a_file_renamed_over_another_counts),
        CASE(test_a_half_written_file_is_awaited),
        CASE(test_a_file_that_stays_open_counts_after_a_second_of_rest),
        CASE(test_a_new_file_is_awaited_while_it_is_written),
        CASE(test_a_file_that_never_rests_does_not_hold_up_others),
        CASE(test_changes_without_end_count_in_between),
        CASE(test_a_swapped_symbolic_link_counts),
        CASE(test_a_file_behind_links_is_watched_where_it_is),
        CASE(test_a_removed_file_is_gone_after_a_while),
        CASE(test_a_file_that_is_removed_and_made_again_is_never_missing),
        CASE(test_a_directory_that_comes_back_is_read_again),
        CASE(test_what_cannot_be_read_has_a_problem),
        CASE(test_the_same_bytes_are_no_change),
        CASE(test_a_reload_is_told_though_nothing_changed),
        CASE(test_a_reload_waits_a_little_for_a_writer),
        CASE(test_a_late_reload_takes_no_half_written_file),
        CASE(test_a_file_that_was_just_emptied_is_awaited),
        CASE(test_a_file_that_stays_empty_counts),
        CASE(test_the_patient_wait_for_a_writer_that_came_before),
        CASE(test_the_patient_wait_until_the_writer_has_closed),
        CASE(test_a_file_that_is_emptied_and_open_keeps_its_text),
        CASE(test_changes_that_nobody_tells_are_found_by_looking),
        CASE(test_a_pipe_is_read_once_and_kept),
        CASE(test_many_changes_leave_no_descriptors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
