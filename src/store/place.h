/* SPDX-License-Identifier: Apache-2.0 */
/* The files of a store in its directory: umbra.db, its WAL and shared memory (-wal, -shm), a lock for those who open, set aside or purge it,
 * and what was set aside. Opening one brings it to this version, or puts it out of the way.
 * Lifetime: a value. Thread: that of the store. */
#pragma once

#include "store/database.h"

#define PLACE_PATH 4352

struct place {
    char directory[PLACE_PATH - 256];
    char path[PLACE_PATH]; /* of the database */
};

/* False: the name is too long. */
bool place_init(struct place *place, const char *directory, struct err *err) __attribute__((warn_unused_result));

/* Held while files change their names, so that two processes never put each other's new database away. -1 with a sentence when it can't be
 * had within two seconds. */
int place_lock(const struct place *place, struct err *err);
void place_unlock(int lock);

/* A database of this version. What is newer, damaged or not ours has been set aside by then, with a sentence in `note` (else left alone).
 * NULL: `err` says why. */
sqlite3 *place_open(const struct place *place, size_t memory_bytes, struct err *note, struct err *err);
/* As above for a database that turned out to be damaged while it was open: sets it aside unless somebody has done that by now. */
sqlite3 *place_reopen(const struct place *place, sqlite3 *damaged, size_t memory_bytes, struct err *note,
                      struct err *err);
/* The path leads to another file than the one that is open, or to none: it was removed, or set aside by another process. */
bool place_is_gone(sqlite3 *db);

/* Removes what was set aside; how many databases that were. False: some are left. */
bool place_remove_aside(const struct place *place, uint64_t *count, struct err *err)
    __attribute__((warn_unused_result));
/* Removes the database and its files. */
bool place_remove(const struct place *place, struct err *err) __attribute__((warn_unused_result));
