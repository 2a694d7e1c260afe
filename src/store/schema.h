/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of the store, as the steps by which they came to be: a database of version N has the first N. A step never changes once it
 * is released. Lifetime: static. Thread: that of the connection. */
#pragma once

#include <sqlite3.h>
#include <stddef.h>
#include <stdint.h>

#define SCHEMA_APPLICATION 0x556d6272 /* "Umbr": says in the file's header whose it is (SQLite's file format, 1.3.17) */

extern const char *const schema_steps[];
extern const size_t schema_step_count; /* STORE_SCHEMA */

enum schema_result {
    SCHEMA_OK,
    SCHEMA_NEWER,   /* made by a newer version; *version says which */
    SCHEMA_FOREIGN, /* a database of some other program */
    SCHEMA_FAILED,  /* *code is why, a result of SQLite */
};
/* Brings a database to the version of these steps, in one transaction; a new one is made whole. */
enum schema_result schema_apply(sqlite3 *db, const char *const *steps, size_t count, int64_t *version, int *code)
    __attribute__((warn_unused_result));
/* Only looks: SCHEMA_OK for one that is empty, or of this version or an older one. */
enum schema_result schema_look(sqlite3 *db, size_t count, int64_t *version, int *code)
    __attribute__((warn_unused_result));
