/* SPDX-License-Identifier: Apache-2.0 */
/* A directory for a store, made and removed; rows in few words. Lifetime: a test. Thread: main. */
#pragma once

#include "store/store.h"

#define SECOND_NS 1000000000ull
#define HOUR_NS (3600 * SECOND_NS)
#define DAY_NS (24 * HOUR_NS)
#define T0_NS (20000 * DAY_NS) /* some midnight */

struct fixture {
    char directory[256];
};

/* For cmocka: *state is the fixture. */
int fixture_setup(void **state);
int fixture_teardown(void **state);
/* Path of a file in the directory. */
const char *fixture_path(const struct fixture *fixture, const char *name, char *out, size_t size);
void remove_tree(const char *path);
bool has_file_with(const char *directory, const char *prefix);
/* Some file below the directory has these bytes. */
bool any_file_has(const char *directory, struct str bytes);

/* Fails the test when there is none, or when a note was not expected. */
struct store *open_quietly(const char *directory);
void add_slot(struct store *store, const char *route, uint64_t begin_ns, const char *tally);
/* How many slots there are (of all routes), and the sum of their tallies, which are numbers. */
struct slots_seen {
    size_t count;
    uint64_t sum;
};
struct slots_seen slots_of(struct store *store, const char *route, uint64_t since_ns);
size_t samples_of(struct store *store, const char *finding);
/* "ok", or what PRAGMA integrity_check says of the file. */
bool is_intact(const char *directory);
