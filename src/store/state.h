/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the store share; nobody else includes it. Lifetime: store_open to store_close. Thread: that of the store. */
#pragma once

#include "store/place.h"
#include "store/statements.h"
#include "store/store.h"

struct store {
    struct place place;
    bool has_place;  /* a directory was given */
    bool is_on_disk; /* `db` is in it; else in memory, until the directory can be used */
    sqlite3 *db;
    struct statements statements; /* of `db` */
    size_t memory_bytes;
    uint64_t sample_ttl_ns, sample_bytes;
    uint64_t sample_bytes_used; /* about: others write too; made exact by samples_trim() */
    struct row_queue queue;
    uint64_t retry_at_ns; /* monotonic; 0: at once */
    uint64_t pause_ns;    /* the last one, doubled each time */
    bool is_full;         /* what the last write failed for */
    struct err trouble;
    struct store_counts counts;
};

#define STORE_SECOND_NS 1000000000ull
/* How old slots get before they are rolled up; in memory alone there is less room. */
#define STORE_AGES(store) ((store)->is_on_disk ? 0 : 1)

/* From now on all is in this one; the one before is closed. */
void store_take_database(struct store *store, sqlite3 *db);

/* BEGIN IMMEDIATE; false: the failure was noted. */
bool store_transaction(struct store *store) __attribute__((warn_unused_result));
/* COMMIT when `code` is SQLITE_OK, else (or when that fails) ROLLBACK and the failure is noted. */
bool store_transaction_end(struct store *store, int code);
/* A read failed: a database that turns out to be damaged is set aside. */
void store_read_failed(struct store *store, int code);

/* Where the database should be and is not: tries to have it there. */
void store_renew(struct store *store);

/* What samples there are, for a database that was just opened. */
void samples_measure(struct store *store);
/* Samples beyond the bytes of all go, oldest first; within a transaction. SQLITE_OK, or SQLite's result. */
int samples_trim(struct store *store) __attribute__((warn_unused_result));
