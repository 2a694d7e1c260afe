/* SPDX-License-Identifier: Apache-2.0 */
/* SQLite as this program uses it: settings of a connection, statements, errors as sentences.
 * Lifetime: database_open to database_close. Thread: one for each connection. */
#pragma once

#include "base/err.h"
#include "base/str.h"

#include <sqlite3.h>

#define DATABASE_BUSY_MS 200

/* Opens or makes the file (":memory:": none) with all settings in force, of which WAL is the first that touches the disk. NULL with
 * SQLite's result in *code and a sentence. */
sqlite3 *database_open(const char *path, size_t memory_bytes, int *code, struct err *err);
void database_close(sqlite3 *db);

/* Statements without results; SQLITE_OK, or SQLite's result. */
int database_run(sqlite3 *db, const char *sql) __attribute__((warn_unused_result));
/* As above where nothing depends on the result (ROLLBACK). */
void database_try(sqlite3 *db, const char *sql);
/* The first column of the first row; SQLITE_OK, SQLITE_DONE when there is none, or SQLite's result. */
int database_number(sqlite3 *db, const char *sql, int64_t *number) __attribute__((warn_unused_result));

/* NULL: see sqlite3_errcode(). */
sqlite3_stmt *database_prepare(sqlite3 *db, const char *sql);
/* As blobs, since texts are any bytes; borrowed until the next step is done. */
void bind_str(sqlite3_stmt *statement, int index, struct str text);
/* Times beyond the year 2262 become that. */
void bind_u64(sqlite3_stmt *statement, int index, uint64_t number);
struct str column_str(sqlite3_stmt *statement, int column);
uint64_t column_u64(sqlite3_stmt *statement, int column);
/* Steps to the end and resets; SQLITE_OK, or SQLite's result. */
int statement_run(sqlite3_stmt *statement) __attribute__((warn_unused_result));

/* The file itself is wrong, not the moment. */
bool database_is_damage(int code);
/* "database or disk is full", with the system's own words where it has any. Returns false. */
bool database_explain(sqlite3 *db, int code, struct err *err);
