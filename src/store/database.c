/* SPDX-License-Identifier: Apache-2.0 */
#include "store/database.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define WAL_KEPT_BYTES "4194304" /* what the file of the WAL shrinks to after a checkpoint */

/* Pages that wait to be written go to the WAL when the cache is full; the rest is for statements and sorting. */
#define CACHE_SHARE 4

/* Files of SQLite get the mode of the database, so that must be right before it is opened. */
static void make_private(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd >= 0)
        close(fd);
}

/* A file that others wrote can hold triggers and views: none of ours does. */
static void distrust(sqlite3 *db)
{
    static const int off[] = {SQLITE_DBCONFIG_ENABLE_TRIGGER, SQLITE_DBCONFIG_ENABLE_VIEW,
                              SQLITE_DBCONFIG_TRUSTED_SCHEMA};
    for (size_t i = 0; i < sizeof(off) / sizeof(off[0]); i++)
        sqlite3_db_config(db, off[i], 0, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
}

static int configure(sqlite3 *db, const char *path, size_t memory_bytes)
{
    char cache[64];
    snprintf(cache, sizeof(cache), "PRAGMA cache_size=-%zu", memory_bytes / CACHE_SHARE / 1024);
    sqlite3_hard_heap_limit64((sqlite3_int64)memory_bytes);
    sqlite3_extended_result_codes(db, 1);
    sqlite3_busy_timeout(db, DATABASE_BUSY_MS);
    distrust(db);
    int code = database_run(db, "PRAGMA temp_store=MEMORY; PRAGMA secure_delete=ON; PRAGMA foreign_keys=ON");
    if (code == SQLITE_OK)
        code = database_run(db, cache);
    if (code != SQLITE_OK || path[0] == ':')
        return code;
    /* The WAL stays when the last one closes: a process that still has a database open which was set aside under another name must not
     * remove the file that now has the WAL's name. */
    int persist = 1;
    sqlite3_file_control(db, "main", SQLITE_FCNTL_PERSIST_WAL, &persist);
    return database_run(db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA mmap_size=0;"
                            "PRAGMA journal_size_limit=" WAL_KEPT_BYTES);
}

sqlite3 *database_open(const char *path, size_t memory_bytes, int *code, struct err *err)
{
    sqlite3 *db = NULL;
    bool is_file = path[0] != ':';
    if (is_file)
        make_private(path);
    *code = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
    if (*code == SQLITE_OK)
        *code = configure(db, path, memory_bytes);
    if (*code == SQLITE_OK)
        return db;
    (void)database_explain(db, *code, err);
    sqlite3_close_v2(db);
    return NULL;
}

void database_close(sqlite3 *db)
{
    sqlite3_close_v2(db);
}

int database_run(sqlite3 *db, const char *sql)
{
    return sqlite3_exec(db, sql, NULL, NULL, NULL);
}

void database_try(sqlite3 *db, const char *sql)
{
    (void)sqlite3_exec(db, sql, NULL, NULL, NULL);
}

int database_number(sqlite3 *db, const char *sql, int64_t *number)
{
    sqlite3_stmt *statement = database_prepare(db, sql);
    if (!statement)
        return sqlite3_extended_errcode(db);
    int code = sqlite3_step(statement);
    if (code == SQLITE_ROW) {
        *number = sqlite3_column_int64(statement, 0);
        code = SQLITE_OK;
    }
    sqlite3_finalize(statement);
    return code;
}

sqlite3_stmt *database_prepare(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    return sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK ? statement : NULL;
}

void bind_str(sqlite3_stmt *statement, int index, struct str text)
{
    sqlite3_bind_blob64(statement, index, text.len > 0 ? text.ptr : "", text.len, SQLITE_STATIC);
}

void bind_u64(sqlite3_stmt *statement, int index, uint64_t number)
{
    sqlite3_bind_int64(statement, index, number > INT64_MAX ? INT64_MAX : (int64_t)number);
}

struct str column_str(sqlite3_stmt *statement, int column)
{
    const char *bytes = sqlite3_column_blob(statement, column);
    int len = sqlite3_column_bytes(statement, column);
    return bytes ? (struct str){bytes, (size_t)len} : STR("");
}

uint64_t column_u64(sqlite3_stmt *statement, int column)
{
    sqlite3_int64 number = sqlite3_column_int64(statement, column);
    return number < 0 ? 0 : (uint64_t)number;
}

int statement_run(sqlite3_stmt *statement)
{
    int code;
    do
        code = sqlite3_step(statement);
    while (code == SQLITE_ROW);
    sqlite3_reset(statement);
    return code == SQLITE_DONE ? SQLITE_OK : code;
}

bool database_is_damage(int code)
{
    return (code & 0xff) == SQLITE_CORRUPT || (code & 0xff) == SQLITE_NOTADB || code == SQLITE_IOERR_SHORT_READ;
}

bool database_explain(sqlite3 *db, int code, struct err *err)
{
    int error = db ? sqlite3_system_errno(db) : 0;
    bool is_system = (code & 0xff) == SQLITE_IOERR || (code & 0xff) == SQLITE_CANTOPEN;
    if (is_system && error != 0)
        return err_set(err, "%s: %s", sqlite3_errstr(code), strerror(error));
    return err_set(err, "%s", sqlite3_errstr(code));
}
