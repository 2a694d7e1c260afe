/* SPDX-License-Identifier: Apache-2.0 */
/* The shared memory of the rings: made by the supervisor, which keeps it while gateways and analysts come and go; written by the gateway,
 * read by the analyst; control reads the reader's pages for its metrics. Three descriptors:
 * `data`, one ring per worker, one after the other (the analyst gets it opened read-only); `readers`, a page per worker; `wake`, an
 * eventfd that the gateway writes when the analyst sleeps. Lifetime: records_close. Thread: each process's main; workers use their own ring. */
#pragma once

#include "base/err.h"
#include "base/ring.h"

enum records_fd { RECORDS_DATA, RECORDS_READERS, RECORDS_WAKE, RECORDS_FD_COUNT };

struct records {
    int fds[RECORDS_FD_COUNT]; /* -1: none */
    unsigned workers;
    size_t capacity; /* of one ring */
    void *data;      /* mapped; NULL: not yet */
    struct ring_reader_page *readers;
    bool is_writable;
};

/* What one worker's ring takes of --mirror-budget: an eighth of it over all workers, within RING_MIN and 4 MiB; a power of two. */
size_t records_capacity(uint64_t mirror_budget, unsigned workers);
bool records_make(struct records *records, unsigned workers, size_t capacity, struct err *err) __attribute__((warn_unused_result));
/* Maps what came with IPC_RECORDS; the descriptors become its own. `data` may only be readable. */
bool records_open(struct records *records, const int *fds, unsigned workers, size_t capacity, bool is_writable, struct err *err)
    __attribute__((warn_unused_result));
void records_close(struct records *records);
bool records_writer(const struct records *records, unsigned worker, struct ring_writer *writer, struct err *err)
    __attribute__((warn_unused_result));
bool records_reader(const struct records *records, unsigned worker, struct ring_reader *reader, struct err *err)
    __attribute__((warn_unused_result));
struct ring_reader_page *records_page(const struct records *records, unsigned worker);
