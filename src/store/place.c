/* SPDX-License-Identifier: Apache-2.0 */
#include "store/place.h"

#include "store/schema.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define NAME "umbra.db"
#define LOCK_TRIES 200
#define LOCK_PAUSE_NS 10000000
/* Small enough to be read whole at each start (100 ms of a slow disk); larger ones show their damage when it is met. */
#define CHECKED_PAGES 4096

static const char *const suffixes[] = {"-wal", "-shm", ""}; /* the database last: its WAL never stands alone */

bool place_init(struct place *place, const char *directory, struct err *err)
{
    int len = snprintf(place->directory, sizeof(place->directory), "%s", directory);
    if (len < 0 || (size_t)len >= sizeof(place->directory))
        return err_set(err, "the name of the directory is longer than %zu bytes", sizeof(place->directory) - 1);
    snprintf(place->path, sizeof(place->path), "%s/" NAME, place->directory);
    return true;
}

int place_lock(const struct place *place, struct err *err)
{
    char path[PLACE_PATH + 16];
    const struct timespec pause = {0, LOCK_PAUSE_NS};
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    snprintf(path, sizeof(path), "%s.lock", place->path);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        (void)err_errno(err, "%s", path);
        return -1;
    }
    for (int i = 0; i < LOCK_TRIES; i++) {
        if (fcntl(fd, F_OFD_SETLK, &whole) == 0)
            return fd;
        if (errno != EAGAIN && errno != EACCES)
            break;
        nanosleep(&pause, NULL);
    }
    (void)err_errno(err, "%s can't be locked", path);
    close(fd);
    return -1;
}

void place_unlock(int lock)
{
    close(lock);
}

/* Renames the database with its WAL and shared memory: they belong together. `what`: "damaged", "newer-7". */
static bool set_aside(const struct place *place, const char *what, struct err *note)
{
    char to[PLACE_PATH + 64], old[PLACE_PATH + 8], new[PLACE_PATH + 80];
    struct timespec now;
    struct tm utc;
    char when[40];
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    size_t len = strftime(when, 20, "%Y%m%dT%H%M%S", &utc);
    snprintf(when + len, sizeof(when) - len, ".%03ldZ", now.tv_nsec / 1000000);
    snprintf(to, sizeof(to), "%s.%s-%s", place->path, what, when);
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        snprintf(old, sizeof(old), "%s%s", place->path, suffixes[i]);
        snprintf(new, sizeof(new), "%s%s", to, suffixes[i]);
        if (rename(old, new) < 0 && errno != ENOENT)
            return err_errno(note, "%s can't be renamed", old);
    }
    (void)err_set(note, "%s", to);
    return true;
}

/* SQLITE_OK, SQLITE_CORRUPT, or what kept it from being checked. */
static int check(sqlite3 *db)
{
    int64_t pages = 0;
    int code = database_number(db, "PRAGMA page_count", &pages);
    if (code != SQLITE_OK || pages > CHECKED_PAGES)
        return code;
    sqlite3_stmt *statement = database_prepare(db, "PRAGMA quick_check(1)");
    if (!statement)
        return sqlite3_extended_errcode(db);
    code = sqlite3_step(statement);
    if (code == SQLITE_ROW)
        code = str_eq(column_str(statement, 0), STR("ok")) ? SQLITE_OK : SQLITE_CORRUPT;
    sqlite3_finalize(statement);
    return code;
}

enum opened { OPENED, OPENED_NOT, OPENED_ASIDE };

/* OPENED_ASIDE: something stood there and was put away; the next try finds the place empty. */
static enum opened try_open(const struct place *place, size_t memory_bytes, sqlite3 **db, struct err *note,
                            struct err *err)
{
    int code;
    int64_t version = 0;
    char what[48] = "damaged";
    enum schema_result result = SCHEMA_FAILED;
    *db = database_open(place->path, memory_bytes, &code, err);
    if (*db) {
        result = schema_apply(*db, schema_steps, schema_step_count, &version, &code);
        if (result == SCHEMA_OK && (code = check(*db)) == SQLITE_OK)
            return OPENED;
        (void)database_explain(*db, code, err);
        database_close(*db);
        *db = NULL;
    }
    if (result == SCHEMA_NEWER)
        snprintf(what, sizeof(what), "newer-%lld", (long long)version);
    else if (result == SCHEMA_FOREIGN)
        snprintf(what, sizeof(what), "foreign");
    else if (!database_is_damage(code))
        return OPENED_NOT;
    struct err to;
    if (!set_aside(place, what, &to)) {
        *err = to;
        return OPENED_NOT;
    }
    const char *why = result == SCHEMA_NEWER     ? "was made by a newer version of umbra"
                      : result == SCHEMA_FOREIGN ? "is not a database of umbra"
                                                 : "is damaged";
    (void)err_set(note, "%s %s: it was set aside as %s, and a new one was begun", place->path, why, to.text);
    return OPENED_ASIDE;
}

static sqlite3 *open_locked(const struct place *place, size_t memory_bytes, struct err *note, struct err *err)
{
    sqlite3 *db = NULL;
    enum opened opened = try_open(place, memory_bytes, &db, note, err);
    if (opened == OPENED_ASIDE)
        opened = try_open(place, memory_bytes, &db, note, err);
    if (!db)
        (void)err_wrap(err, "%s can't be opened", place->path);
    return opened == OPENED ? db : NULL;
}

sqlite3 *place_open(const struct place *place, size_t memory_bytes, struct err *note, struct err *err)
{
    int lock = place_lock(place, err);
    if (lock < 0)
        return NULL;
    sqlite3 *db = open_locked(place, memory_bytes, note, err);
    place_unlock(lock);
    return db;
}

bool place_is_gone(sqlite3 *db)
{
    int has_moved = 0;
    return sqlite3_file_control(db, "main", SQLITE_FCNTL_HAS_MOVED, &has_moved) == SQLITE_OK && has_moved;
}

sqlite3 *place_reopen(const struct place *place, sqlite3 *damaged, size_t memory_bytes, struct err *note,
                      struct err *err)
{
    int lock = place_lock(place, err);
    if (lock < 0)
        return NULL;
    bool is_ours = !place_is_gone(damaged);
    struct err to;
    sqlite3 *db = NULL;
    if (!is_ours || set_aside(place, "damaged", &to)) {
        if (is_ours)
            (void)err_set(note, "%s is damaged: it was set aside as %s, and a new one was begun", place->path, to.text);
        db = open_locked(place, memory_bytes, note, err);
    } else {
        *err = to;
    }
    place_unlock(lock);
    return db;
}

static bool remove_file(const char *path, struct err *err)
{
    return unlink(path) == 0 || errno == ENOENT || err_errno(err, "%s can't be removed", path);
}

bool place_remove(const struct place *place, struct err *err)
{
    char path[PLACE_PATH + 8];
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        snprintf(path, sizeof(path), "%s%s", place->path, suffixes[i]);
        if (!remove_file(path, err))
            return false;
    }
    return true;
}

static bool is_aside(struct str name)
{
    static const struct str prefixes[] = {STR_INIT(NAME ".newer-"), STR_INIT(NAME ".damaged-"),
                                          STR_INIT(NAME ".foreign-")};
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        if (str_starts_with(name, prefixes[i]))
            return true;
    }
    return false;
}

bool place_remove_aside(const struct place *place, uint64_t *count, struct err *err)
{
    DIR *directory = opendir(place->directory);
    if (!directory)
        return err_errno(err, "%s", place->directory);
    bool is_done = true;
    struct dirent *entry;
    while (is_done && (entry = readdir(directory))) {
        struct str name = str_from_c(entry->d_name);
        char path[PLACE_PATH + 256];
        if (!is_aside(name))
            continue;
        snprintf(path, sizeof(path), "%s/%s", place->directory, entry->d_name);
        is_done = remove_file(path, err);
        *count += !str_ends_with(name, STR("-wal")) && !str_ends_with(name, STR("-shm"));
    }
    closedir(directory);
    return is_done;
}
