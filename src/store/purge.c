/* SPDX-License-Identifier: Apache-2.0 */
/* Erasing so that nothing is left in any file: rows are deleted (secure_delete overwrites them), VACUUM writes the file anew, which leaves
 * no page behind that held some of it, and the WAL is cut to nothing. Each of these needs a moment in which others don't use the database. */
#include "store/place.h"
#include "store/schema.h"
#include "store/store.h"

#include <errno.h>
#include <sys/stat.h>
#include <time.h>

#define TRIES 33 /* with the 200 ms that SQLite waits by itself: 10 s */
#define PAUSE_NS 100000000
#define MEMORY_BYTES \
    (1024ull * 1024 * 1024) /* VACUUM copies what stays by way of memory: no limit but one for the worst case */

static bool is_busy(int code)
{
    return (code & 0xff) == SQLITE_BUSY || (code & 0xff) == SQLITE_LOCKED;
}

static void pause_a_little(void)
{
    nanosleep(&(struct timespec){0, PAUSE_NS}, NULL);
}

static int run_patiently(sqlite3 *db, const char *sql)
{
    int code = database_run(db, sql);
    for (int i = 0; i < TRIES && is_busy(code); i++) {
        pause_a_little();
        code = database_run(db, sql);
    }
    return code;
}

/* SQLITE_BUSY as long as somebody reads what only the WAL has. */
static int cut_wal(sqlite3 *db)
{
    int code = SQLITE_BUSY;
    for (int i = 0; i < TRIES && is_busy(code); i++) {
        int left = 0;
        if (i > 0)
            pause_a_little();
        code = sqlite3_wal_checkpoint_v2(db, "main", SQLITE_CHECKPOINT_TRUNCATE, &left, NULL);
        if (code == SQLITE_OK && left > 0)
            code = SQLITE_BUSY;
    }
    return code;
}

static int delete_table(sqlite3 *db, const char *sql, uint64_t *count)
{
    int code = database_run(db, sql);
    if (code == SQLITE_OK)
        *count += (uint64_t)sqlite3_changes64(db);
    return code;
}

static int delete_rows(sqlite3 *db, bool is_samples_only, struct store_purged *purged)
{
    uint64_t keys = 0;
    int code = run_patiently(db, "BEGIN IMMEDIATE");
    if (code != SQLITE_OK)
        return code;
    code = delete_table(db, "DELETE FROM samples", &purged->samples);
    if (code == SQLITE_OK && !is_samples_only)
        code = delete_table(db, "DELETE FROM findings", &purged->findings);
    if (code == SQLITE_OK && !is_samples_only)
        code = delete_table(db, "DELETE FROM slots", &purged->slots);
    if (code == SQLITE_OK && !is_samples_only)
        code = delete_table(db, "DELETE FROM keys", &keys);
    if (code == SQLITE_OK)
        code = database_run(db, "COMMIT");
    if (code != SQLITE_OK)
        database_try(db, "ROLLBACK");
    return code;
}

/* SQLITE_OK, or SQLite's result with a sentence. */
static int erase(sqlite3 *db, const struct place *place, bool is_samples_only, struct store_purged *purged,
                 struct err *err)
{
    const char *what = "erasing the rows";
    int code = delete_rows(db, is_samples_only, purged);
    if (code == SQLITE_OK) {
        what = "writing it anew without them";
        code = run_patiently(db, "VACUUM");
    }
    if (code == SQLITE_OK) {
        what = "emptying its WAL";
        code = cut_wal(db);
    }
    if (is_busy(code)) {
        (void)err_set(err, "%s: another process kept it in use for too long while %s; end that process and purge again",
                      place->path, what);
    } else if (code != SQLITE_OK) {
        (void)database_explain(db, code, err);
        (void)err_wrap(err, "%s: %s failed", place->path, what);
    }
    return code;
}

/* As above. */
static int purge_open(sqlite3 *db, const struct place *place, bool is_samples_only, struct store_purged *purged,
                      struct err *err)
{
    int code;
    int64_t version = 0;
    switch (schema_apply(db, schema_steps, schema_step_count, &version, &code)) {
    case SCHEMA_OK: return erase(db, place, is_samples_only, purged, err);
    case SCHEMA_NEWER:
        (void)err_set(err,
                      "%s was made by a newer version of umbra; purge it with that version, or stop what uses it and "
                      "remove the directory",
                      place->path);
        return SQLITE_ERROR;
    case SCHEMA_FOREIGN:
        (void)err_set(err, "%s is not a database of umbra; it was left alone", place->path);
        return SQLITE_ERROR;
    case SCHEMA_FAILED: break;
    }
    (void)database_explain(db, code, err);
    (void)err_wrap(err, "%s", place->path);
    return code;
}

static bool purge_database(const struct place *place, bool is_samples_only, struct store_purged *purged,
                           struct err *err)
{
    int code;
    sqlite3 *db = database_open(place->path, MEMORY_BYTES, &code, err);
    if (db) {
        code = purge_open(db, place, is_samples_only, purged, err);
        database_close(db);
    } else {
        (void)err_wrap(err, "%s can't be opened", place->path);
    }
    if (!database_is_damage(code))
        return code == SQLITE_OK;
    purged->files++; /* what can't be read is removed as a file */
    return place_remove(place, err);
}

bool store_purge(const char *directory, bool is_samples_only, struct store_purged *purged, struct err *err)
{
    struct place place;
    struct stat found;
    *purged = (struct store_purged){0};
    if (!place_init(&place, directory, err))
        return false;
    if (stat(place.directory, &found) < 0)
        return err_errno(err, "%s", place.directory);
    int lock = place_lock(&place, err);
    if (lock < 0)
        return false;
    bool is_done = place_remove_aside(&place, &purged->files, err);
    if (is_done && stat(place.path, &found) == 0)
        is_done = purge_database(&place, is_samples_only, purged, err);
    else if (is_done && errno != ENOENT)
        is_done = err_errno(err, "%s", place.path);
    place_unlock(lock);
    return is_done;
}
