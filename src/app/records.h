/* SPDX-License-Identifier: Apache-2.0 */
/* The shared memory of the rings: made by the supervisor, which keeps it while gateways and analysts come and go; written by the gateway,
 * read by the analyst; control reads the reader's pages for its metrics. `data` is one ring per worker, one after the other; `readers` a
 * page per worker, in a memory file of its own. To wake the analyst the gateway writes into a pipe: each side has its own end, so that an
 * analyst that was subverted can't make writing wait. The files are of fixed size, and their owner may only open them for
 * reading: who gets a descriptor for reading can't make one for writing of it.
 * Nothing is resident before it is used; what the rings take in the end is set aside of --mirror-budget from the start.
 * Lifetime: records_forget; records_close. Thread: each process's main; workers use their own ring. */
#pragma once

#include "base/err.h"
#include "base/ring.h"

/* Who they are handed to. */
enum records_for {
    RECORDS_FOR_GATEWAY, /* data, readers, and the writing end of the pipe */
    RECORDS_FOR_ANALYST, /* data for reading only, readers, and the reading end */
    RECORDS_FOR_CONTROL, /* readers, for reading only */
    RECORDS_FOR_COUNT
};
#define RECORDS_MAX_FDS 3

/* The supervisor's. */
struct records_files {
    int data, data_readonly, readers, readers_readonly;
    int wake[2];
    unsigned workers; /* 0: there are none */
    size_t capacity;  /* of one ring */
};

/* As the others have them. */
struct records {
    unsigned workers; /* 0: there are none */
    size_t capacity;
    void *data; /* NULL: control's */
    struct ring_reader_page *readers;
    int wake; /* its own; -1: control's */
    bool is_readonly_data, is_readonly_readers;
};

/* What one worker's ring takes of --mirror-budget: an eighth of it over all workers, at most 4 MiB; a power of two. 0: less than RING_MIN
 * is left, there are no rings. */
size_t records_capacity(uint64_t mirror_budget, unsigned workers);
/* Of the rings of all workers, with their pages. */
size_t records_bytes(unsigned workers, size_t capacity);
/* Empty ones. */
bool records_make(struct records_files *files, unsigned workers, size_t capacity, struct err *err)
    __attribute__((warn_unused_result));
/* The descriptors for one of the others, borrowed; returns how many. */
size_t records_list(const struct records_files *files, enum records_for role, int fds[RECORDS_MAX_FDS]);
void records_forget(struct records_files *files);

/* Maps what came with IPC_RECORDS and closes the descriptors, but for that of the pipe, which becomes its own: they are -1 after. */
bool records_open(struct records *records, enum records_for role, int *fds, size_t fd_count, unsigned workers,
                  size_t capacity, struct err *err) __attribute__((warn_unused_result));
void records_close(struct records *records);
bool records_writer(const struct records *records, unsigned worker, struct ring_writer *writer, struct err *err)
    __attribute__((warn_unused_result));
bool records_reader(const struct records *records, unsigned worker, struct ring_reader *reader, struct err *err)
    __attribute__((warn_unused_result));
struct ring_reader_page *records_page(const struct records *records, unsigned worker);
/* Gives the memory of a ring that is empty back to the system; true: it was, or there is little to give. `*given` is the caller's, 0 at
 * first: where the writer was the last time. The writer's thread. */
bool records_trim(const struct ring_writer *writer, uint64_t *given);
/* The analyst sleeps: it is to look. Any thread of the gateway. */
void records_wake(const struct records *records);
