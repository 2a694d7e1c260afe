/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include "base/mem.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

int fixture_setup(void **state)
{
    struct fixture *fixture = mem_alloc(sizeof(*fixture));
    const char *base = getenv("TMPDIR");
    snprintf(fixture->directory, sizeof(fixture->directory), "%s/umbra-store-XXXXXX", base ? base : "/tmp");
    *state = fixture;
    return mkdtemp(fixture->directory) ? 0 : -1;
}

int fixture_teardown(void **state)
{
    struct fixture *fixture = *state;
    remove_tree(fixture->directory);
    mem_free(fixture);
    return 0;
}

const char *fixture_path(const struct fixture *fixture, const char *name, char *out, size_t size)
{
    snprintf(out, size, "%s/%s", fixture->directory, name);
    return out;
}

void remove_tree(const char *path)
{
    DIR *directory = opendir(path);
    struct dirent *entry;
    while (directory && (entry = readdir(directory))) {
        char inner[600];
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        snprintf(inner, sizeof(inner), "%s/%s", path, entry->d_name);
        if (unlink(inner) < 0)
            remove_tree(inner);
    }
    if (directory)
        closedir(directory);
    rmdir(path);
}

bool has_file_with(const char *path, const char *prefix)
{
    bool is_found = false;
    DIR *directory = opendir(path);
    struct dirent *entry;
    while (directory && (entry = readdir(directory)))
        is_found |= strncmp(entry->d_name, prefix, strlen(prefix)) == 0;
    closedir(directory);
    return is_found;
}

static bool file_has(const char *path, struct str bytes)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat found;
    assert_true(fd >= 0 && fstat(fd, &found) == 0);
    char *content = mem_alloc((size_t)found.st_size + 1);
    assert_int_equal(read(fd, content, (size_t)found.st_size), found.st_size);
    bool is_there = memmem(content, (size_t)found.st_size, bytes.ptr, bytes.len) != NULL;
    mem_free(content);
    close(fd);
    return is_there;
}

bool any_file_has(const char *path, struct str bytes)
{
    bool is_there = false;
    DIR *directory = opendir(path);
    struct dirent *entry;
    while (directory && (entry = readdir(directory))) {
        char inner[600];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(inner, sizeof(inner), "%s/%s", path, entry->d_name);
        is_there |= file_has(inner, bytes);
    }
    closedir(directory);
    return is_there;
}

struct store *open_quietly(const char *directory)
{
    struct err note;
    struct store *store = store_open(&(struct store_options){.directory = directory}, &note);
    assert_non_null(store);
    assert_string_equal(note.text, "");
    return store;
}

void add_slot(struct store *store, const char *route, uint64_t begin_ns, const char *tally)
{
    const struct store_key key = {str_from_c(route), STR("mirror"), STR("1"), STR("2")};
    store_add_slot(store, &key, begin_ns, begin_ns + 60 * SECOND_NS, str_from_c(tally));
}

static void count_slot(void *user, const struct store_key *key, uint64_t begin_ns, uint64_t end_ns, struct str tally)
{
    struct slots_seen *seen = user;
    char text[32];
    (void)key;
    assert_true(begin_ns <= end_ns);
    snprintf(text, sizeof(text), "%.*s", STR_ARG(tally));
    seen->count++;
    seen->sum += strtoull(text, NULL, 10);
}

struct slots_seen slots_of(struct store *store, const char *route, uint64_t since_ns)
{
    const struct store_key key = {.route = str_from_c(route)};
    struct slots_seen seen = {0};
    assert_true(store_slots(store, &key, since_ns, count_slot, &seen));
    return seen;
}

static void count_sample(void *user, uint64_t at_ns, struct str sample)
{
    (void)at_ns, (void)sample;
    ++*(size_t *)user;
}

size_t samples_of(struct store *store, const char *finding)
{
    size_t count = 0;
    assert_true(store_samples(store, str_from_c(finding), count_sample, &count));
    return count;
}

bool is_intact(const char *directory)
{
    char path[600];
    sqlite3 *db;
    sqlite3_stmt *statement;
    snprintf(path, sizeof(path), "%s/umbra.db", directory);
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    const char *text = (const char *)sqlite3_column_text(statement, 0);
    bool is_ok = strcmp(text, "ok") == 0;
    if (!is_ok)
        print_message("%s\n", text);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return is_ok;
}
