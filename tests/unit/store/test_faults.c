/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store.h"

#include "base/mem.h"
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define BLOB 20000

static char blob[BLOB];

static void add_blob(struct store *store, uint64_t at)
{
    const struct store_key key = {STR("r"), STR("m"), STR(""), STR("")};
    store_add_slot(store, &key, T0_NS + at, T0_NS + at + 1, (struct str){blob, sizeof(blob)});
}

static struct store *open_any(const char *directory, struct err *note)
{
    struct store *store = store_open(&(struct store_options){.directory = directory}, note);
    assert_non_null(store);
    memset(blob, '0', sizeof(blob));
    return store;
}

/* The pause between tries ends. */
static bool commit_soon(struct store *store)
{
    for (int i = 0; i < 600; i++) {
        if (store_commit(store))
            return true;
        nanosleep(&(struct timespec){0, 50000000}, NULL);
    }
    return false;
}

/* ---- a full disk ---- */

static bool write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool is_done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    if (fd >= 0)
        close(fd);
    return is_done;
}

/* A file system of 2 MiB of its own, without being root. */
static bool mount_small(const char *directory)
{
    char users[32], groups[32];
    snprintf(users, sizeof(users), "0 %u 1", (unsigned)geteuid());
    snprintf(groups, sizeof(groups), "0 %u 1", (unsigned)getegid());
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
        return false;
    return write_text("/proc/self/uid_map", users) && write_text("/proc/self/setgroups", "deny") &&
           write_text("/proc/self/gid_map", groups) && mount("umbra", directory, "tmpfs", 0, "size=2m") == 0;
}

enum { ENDED_WELL, ENDED_BADLY, NO_MOUNT = 77 };

#define MUST(condition) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, "line %d: %s\n", __LINE__, #condition); \
            _exit(ENDED_BADLY); \
        } \
    } while (0)

static void fill_disk(const char *path)
{
    static char zeros[4096];
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    while (write(fd, zeros, sizeof(zeros)) > 0)
        ;
    close(fd);
}

_Noreturn static void live_through_a_full_disk(const struct fixture *fixture)
{
    char filler[600];
    struct err note;
    if (!mount_small(fixture->directory))
        _exit(NO_MOUNT);
    fixture_path(fixture, "filler", filler, sizeof(filler));
    struct store *store = open_any(fixture->directory, &note);
    add_blob(store, 0);
    MUST(store_commit(store));
    fill_disk(filler);
    uint64_t added = 1;
    /* All of it is still seen, and taken up to the bound of the queue. */
    while (store_begin(store) && added < 1000) {
        add_blob(store, added++);
        (void)!store_commit(store);
    }
    MUST(strstr(store_trouble(store), "full"));
    MUST(added > 100 && added < 1000);
    MUST(slots_of(store, "r", 0).count == added);
    MUST(store_counts(store).lost == 0 && store_counts(store).failures > 0);
    /* What does not care whether there is room is lost and counted. */
    for (int i = 0; i < 400; i++)
        add_blob(store, added + 1);
    uint64_t lost = store_counts(store).lost;
    MUST(lost > 0 && lost < 400);
    added += 400 - lost;
    unlink(filler);
    MUST(mount("umbra", fixture->directory, "tmpfs", MS_REMOUNT, "size=64m") == 0);
    MUST(commit_soon(store));
    MUST(store_trouble(store)[0] == '\0');
    MUST(slots_of(store, "r", 0).count == added);
    store_close(store);
    MUST(is_intact(fixture->directory));
    store = open_any(fixture->directory, &note);
    MUST(note.text[0] == '\0' && slots_of(store, "r", 0).count == added);
    store_close(store);
    _exit(ENDED_WELL);
}

_Noreturn static void start_on_a_full_disk(const struct fixture *fixture)
{
    char filler[600];
    struct err note;
    if (!mount_small(fixture->directory))
        _exit(NO_MOUNT);
    fixture_path(fixture, "filler", filler, sizeof(filler));
    fill_disk(filler);
    struct store *store = open_any(fixture->directory, &note);
    MUST(strstr(note.text, "memory only"));
    MUST(strcmp(store_trouble(store), note.text) == 0);
    add_blob(store, 0);
    store_add_sample(store, STR("f"), T0_NS, STR("sample"));
    store_note_finding(store, STR("f"), 5);
    MUST(store_commit(store));
    store_expire(store, T0_NS);
    MUST(strstr(store_trouble(store), "memory only"));
    MUST(slots_of(store, "r", 0).count == 1);
    unlink(filler);
    store_expire(store, T0_NS);
    MUST(store_trouble(store)[0] == '\0');
    store_close(store);
    store = open_any(fixture->directory, &note);
    MUST(note.text[0] == '\0' && slots_of(store, "r", 0).count == 1);
    MUST(samples_of(store, "f") == 1 && store_finding_since(store, STR("f")) == 5);
    store_close(store);
    _exit(ENDED_WELL);
}

/* In a child, whose file systems and limits are its own. */
static void run_apart(const struct fixture *fixture, void (*run)(const struct fixture *fixture))
{
    pid_t pid = fork();
    if (pid == 0)
        run(fixture);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) == NO_MOUNT) {
        print_message("this user may not mount a file system here\n");
        skip();
    }
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), ENDED_WELL);
}

static void test_a_full_disk_stops_nothing_and_loses_what_the_queue_can_not_hold(void **state)
{
    run_apart(*state, live_through_a_full_disk);
}

static void test_a_start_on_a_full_disk_is_in_memory_until_there_is_room(void **state)
{
    run_apart(*state, start_on_a_full_disk);
}

_Noreturn static void live_with_a_limit_of_files(const struct fixture *fixture)
{
    struct err note;
    struct store *store = open_any(fixture->directory, &note);
    struct rlimit limit = {1 << 20, RLIM_INFINITY};
    signal(SIGXFSZ, SIG_IGN);
    MUST(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    uint64_t added = 0;
    while (added < 100) {
        MUST(store_begin(store));
        add_blob(store, added++);
        (void)!store_commit(store);
    }
    MUST(store_counts(store).failures > 0 && store_trouble(store)[0] != '\0');
    MUST(slots_of(store, "r", 0).count == added);
    limit.rlim_cur = RLIM_INFINITY;
    MUST(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    MUST(commit_soon(store));
    MUST(slots_of(store, "r", 0).count == added);
    store_close(store);
    MUST(is_intact(fixture->directory));
    _exit(ENDED_WELL);
}

static void test_files_that_may_not_grow_stop_nothing(void **state)
{
    run_apart(*state, live_with_a_limit_of_files);
}

/* ---- who may not write ---- */

static void test_a_directory_that_is_not_there_means_memory_and_is_said(void **state)
{
    (void)state;
    struct err note;
    struct store *store = open_any("/nonexistent/umbra", &note);
    assert_non_null(strstr(note.text, "/nonexistent/umbra"));
    assert_non_null(strstr(note.text, "memory only"));
    add_slot(store, "a", T0_NS, "1");
    assert_true(store_commit(store));
    assert_int_equal(slots_of(store, "a", 0).sum, 1);
    store_close(store);
}

_Noreturn static void open_read_only(const struct fixture *fixture)
{
    struct err note;
    if (!mount_small(fixture->directory))
        _exit(NO_MOUNT);
    struct store *store = open_any(fixture->directory, &note);
    add_blob(store, 0);
    MUST(store_commit(store));
    store_close(store);
    MUST(mount("umbra", fixture->directory, "tmpfs", MS_REMOUNT | MS_RDONLY, "") == 0);
    store = open_any(fixture->directory, &note);
    MUST(strstr(note.text, "memory only"));
    add_blob(store, 1);
    MUST(store_commit(store));
    MUST(mount("umbra", fixture->directory, "tmpfs", MS_REMOUNT, "") == 0);
    store_expire(store, T0_NS);
    MUST(slots_of(store, "r", 0).count == 2);
    store_close(store);
    _exit(ENDED_WELL);
}

static void test_a_read_only_directory_means_memory_until_it_is_writable(void **state)
{
    run_apart(*state, open_read_only);
}

/* ---- others ---- */

static void test_a_locked_database_is_waited_for_and_read_meanwhile(void **state)
{
    const struct fixture *fixture = *state;
    struct store *store = open_quietly(fixture->directory);
    add_slot(store, "a", T0_NS, "1");
    assert_true(store_commit(store));
    char path[600];
    sqlite3 *other;
    assert_int_equal(sqlite3_open(fixture_path(fixture, "umbra.db", path, sizeof(path)), &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    add_slot(store, "a", T0_NS, "10");
    assert_false(store_commit(store));
    assert_non_null(strstr(store_trouble(store), "locked"));
    assert_int_equal(store_counts(store).waiting, 1);
    assert_int_equal(slots_of(store, "a", 0).sum, 11);
    /* While it pauses nothing is tried. */
    uint64_t failures = store_counts(store).failures;
    assert_false(store_commit(store));
    assert_int_equal(store_counts(store).failures, failures);
    assert_int_equal(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(other);
    assert_true(commit_soon(store));
    assert_int_equal(slots_of(store, "a", 0).sum, 11);
    assert_int_equal(store_counts(store).waiting, 0);
    store_close(store);
}

/* ---- a disk that fails: what no test can make otherwise ---- */

/* Countdown of calls until one fails; 0: none does. In one place, since SQLite's calls carry no user. The database and its WAL have
 * functions of their own. */
static struct {
    sqlite3_vfs vfs;
    sqlite3_io_methods methods[2];
    const sqlite3_io_methods *real[2];
    unsigned until;
    int code;
} shim;

static bool is_due(void)
{
    return shim.until > 0 && --shim.until == 0;
}

static const sqlite3_io_methods *real_of(sqlite3_file *file)
{
    return shim.real[file->pMethods == &shim.methods[1]];
}

static int shim_write(sqlite3_file *file, const void *bytes, int len, sqlite3_int64 at)
{
    return is_due() ? shim.code : real_of(file)->xWrite(file, bytes, len, at);
}

static int shim_sync(sqlite3_file *file, int flags)
{
    return is_due() ? SQLITE_IOERR_FSYNC : real_of(file)->xSync(file, flags);
}

static int shim_read(sqlite3_file *file, void *bytes, int len, sqlite3_int64 at)
{
    return is_due() ? SQLITE_IOERR_READ : real_of(file)->xRead(file, bytes, len, at);
}

static int shim_lock(sqlite3_file *file, int offset, int n, int flags)
{
    return (flags & SQLITE_SHM_LOCK) && is_due() ? SQLITE_IOERR_SHMLOCK
                                                 : real_of(file)->xShmLock(file, offset, n, flags);
}

static int shim_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out)
{
    (void)vfs;
    int code = sqlite3_vfs_find("unix")->xOpen(sqlite3_vfs_find("unix"), name, file, flags, out);
    if (code != SQLITE_OK || !file->pMethods)
        return code;
    size_t which = (flags & SQLITE_OPEN_MAIN_DB) != 0;
    sqlite3_io_methods *methods = &shim.methods[which];
    shim.real[which] = file->pMethods;
    *methods = *file->pMethods;
    methods->xWrite = shim_write;
    methods->xSync = shim_sync;
    methods->xRead = shim_read;
    methods->xShmLock = which ? shim_lock : NULL;
    file->pMethods = methods;
    return code;
}

static void test_any_single_failure_of_the_disk_loses_nothing(void **state)
{
    const struct fixture *fixture = *state;
    static const int codes[] = {SQLITE_IOERR_WRITE, SQLITE_FULL};
    shim.vfs = *sqlite3_vfs_find("unix");
    shim.vfs.zName = "failing";
    shim.vfs.xOpen = shim_open;
    assert_int_equal(sqlite3_vfs_register(&shim.vfs, 1), SQLITE_OK);
    uint64_t added = 0;
    for (unsigned until = 1; until < 60; until += 1 + until / 8) {
        struct err note;
        struct store *store = open_any(fixture->directory, &note);
        assert_string_equal(note.text, "");
        shim.until = until;
        shim.code = codes[until % 2];
        for (int i = 0; i < 4; i++) {
            add_blob(store, added++);
            (void)!store_commit(store);
            store_expire(store, T0_NS);
        }
        shim.until = 0;
        assert_true(commit_soon(store));
        assert_int_equal(slots_of(store, "r", 0).count, added);
        store_close(store);
        assert_true(is_intact(fixture->directory));
    }
    assert_false(has_file_with(fixture->directory, "umbra.db.damaged"));
    assert_int_equal(sqlite3_vfs_unregister(&shim.vfs), SQLITE_OK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_full_disk_stops_nothing_and_loses_what_the_queue_can_not_hold),
        TEST(test_a_start_on_a_full_disk_is_in_memory_until_there_is_room),
        TEST(test_files_that_may_not_grow_stop_nothing),
        TEST(test_a_directory_that_is_not_there_means_memory_and_is_said),
        TEST(test_a_read_only_directory_means_memory_until_it_is_writable),
        TEST(test_a_locked_database_is_waited_for_and_read_meanwhile),
        TEST(test_any_single_failure_of_the_disk_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
