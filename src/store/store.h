/* SPDX-License-Identifier: Apache-2.0 */
/* What the analyst keeps beyond its own life, in one SQLite database (WAL) in --data: tallies by slots of time, rolled up as they get old
 * (minutes for a day, hours for a month, then days, for ever), and samples, bounded per finding and in all, which expire. Knows nothing
 * of what is in them: keys and texts. Several analysts may have it open at a time (--replace): each adds rows of its own.
 * A full disk, a locked or a damaged database never stops the caller: what can't be written is kept in memory up to a bound, tried again,
 * then counted as lost. A database of a newer version, or a damaged one, is set aside under another name, and that is said.
 * Lifetime: store_open to store_close. Thread: one; calls may take as long as the disk does. */
#pragma once

#include "base/err.h"
#include "base/str.h"

#define STORE_SCHEMA 1
/* Of samples: per finding the first STORE_FIRST_SAMPLES and the newest of the others, up to STORE_SAMPLES_EACH; of all, the oldest go first. */
#define STORE_SAMPLES_EACH 20
#define STORE_FIRST_SAMPLES 5
#define STORE_SAMPLE_BYTES (128ull * 1024 * 1024)
/* What waits in memory while nothing can be written: minutes of a busy gateway. A row may have a quarter of it. */
#define STORE_QUEUE_BYTES (8u * 1024 * 1024)
#define STORE_ROW_BYTES (STORE_QUEUE_BYTES / 4)

struct store;

struct store_options {
    const char *directory;  /* exists and is writable; NULL or "": in memory only */
    uint64_t sample_ttl_ms; /* 0: they don't expire */
    uint64_t sample_bytes;  /* 0: STORE_SAMPLE_BYTES */
    size_t memory_bytes;    /* what SQLite may take, of all stores of the process together: 0: 16 MiB */
};

/* NULL only when not even a database in memory can be had. `note` gets a sentence when something is not as it should be (set aside,
 * not writable), else it is empty. */
struct store *store_open(const struct store_options *options, struct err *note);
/* Tries once more to write what waits. */
void store_close(struct store *store);
/* What is wrong with writing now, for people; empty when nothing is. */
const char *store_trouble(const struct store *store);

struct store_counts {
    uint64_t writes, failures, lost; /* transactions; those that failed; rows given up */
    uint64_t bytes;                  /* of the database and its WAL */
    uint64_t samples;
    uint64_t waiting; /* rows that could not be written yet */
};
struct store_counts store_counts(struct store *store);

/* What a tally belongs to: texts are compared as bytes. */
struct store_key {
    struct str route, mirror, live_revision, shadow_revision;
};

/* What is added between begin and commit is written in one transaction: all of it or none. What can't be written waits in memory, is
 * seen by the functions below that read, and is written by a later commit: it is never to be added again.
 * store_begin: false: too much waits already (or nothing can be written at all): add nothing now, keep it and come back. Before each addition of
 * many: what was added may then be written in several transactions, and nothing is lost for want of room.
 * store_commit: true: everything that was ever added is in the database; false: some of it waits. */
bool store_begin(struct store *store) __attribute__((warn_unused_result));
bool store_commit(struct store *store) __attribute__((warn_unused_result));

/* A tally of one slot of time; further ones of the same slot are kept beside it. */
void store_add_slot(struct store *store, const struct store_key *key, uint64_t begin_ns, uint64_t end_ns,
                    struct str tally);
/* All slots of a key (route and mirror empty: all; revisions empty: all) that end after `since_ns`, oldest first. The texts are borrowed
 * for the call; `each` must not call the store. False: not all could be read. */
typedef void store_slot_fn(void *user, const struct store_key *key, uint64_t begin_ns, uint64_t end_ns,
                           struct str tally);
bool store_slots(struct store *store, const struct store_key *key, uint64_t since_ns, store_slot_fn *each, void *user);
/* Merges the slots of one key into coarser ones; some at a time: once a minute. `merge` gets the texts of what becomes one and returns the
 * sum with a NUL at its end, to be freed with mem_free; NULL: they can't be added up and stay apart. False: it could not be written. */
typedef char *store_merge_fn(void *user, const struct str *tallies, size_t count);
bool store_roll_up(struct store *store, uint64_t now_ns, store_merge_fn *merge, void *user);

void store_add_sample(struct store *store, struct str finding, uint64_t at_ns, struct str sample);
/* Newest first. */
typedef void store_sample_fn(void *user, uint64_t at_ns, struct str sample);
bool store_samples(struct store *store, struct str finding, store_sample_fn *each, void *user);
/* Samples that are too old or too many go; once a minute. Also when a directory that could not be used is tried again. */
void store_expire(struct store *store, uint64_t now_ns);

/* What a finding was first seen at, beyond rolled-up slots and restarts. */
void store_note_finding(struct store *store, struct str finding, uint64_t at_ns);
uint64_t store_finding_since(struct store *store, struct str finding); /* 0: not known */

/* `umbra purge`: everything (or only samples) is erased so that no byte of it is left in the database or its WAL (secure_delete, VACUUM,
 * truncated checkpoint), also while an analyst has it open; what was set aside is removed. False: `err` says what is left. */
struct store_purged {
    uint64_t slots, samples, findings; /* rows erased */
    uint64_t files;                    /* databases that had been set aside, or were too damaged to be read */
};
bool store_purge(const char *directory, bool is_samples_only, struct store_purged *purged, struct err *err)
    __attribute__((warn_unused_result));
