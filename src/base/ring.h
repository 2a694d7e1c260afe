/* SPDX-License-Identifier: Apache-2.0 */
/* A ring of records between one writer (a worker of the gateway) and one reader in another process (the analyst). Neither waits for the
 * other: what does not fit is dropped and counted by whoever asks. It lies in two pieces of shared memory:
 * - `data`: a header and the bytes; written by the writer only. The reader maps it read-only and believes nothing in it (head, lengths and
 *   sequence numbers are checked at every step).
 * - `reader`: struct ring_reader_page, written by the reader only; the writer uses the tail and the wish to be woken. A tail that can't be
 *   one counts as "no room": a subverted reader can make records be dropped, and nothing else.
 * Both outlive their processes. A frame is its length, its sequence number and the bytes, 16-byte aligned, and contiguous (the end of the
 * memory is padded by a frame without a record). The sequence number is the frame's place among all bytes ever written, so that none
 * comes twice and the reader knows the next one.
 * A record whose handling killed the reader is skipped by the next one, since the page says which was being handled; nothing is
 * delivered or counted twice, wherever the reader died. Lifetime: the mappings'. Thread: the writer's; the reader's. */
#pragma once

#include "base/err.h"
#include "base/str.h"

#include <stdatomic.h>

#define RING_PAGE 4096
/* Smallest and largest number of bytes; a power of two. */
#define RING_MIN (64u * 1024)
#define RING_MAX (64u * 1024 * 1024)

/* Why records that were written were not judged; counted by the reader, in its page, so that the counts outlive it. */
/* clang-format off */
#define RING_LOSSES(X) \
    X(ANALYST, "analyst") /* taken, and not yet in the store when the analyst died */ \
    X(POISON, "poison")   /* the analyst died while it handled this one */ \
    X(DAMAGED, "damaged") /* no whole record */ \
    X(MEMORY, "memory")   /* the analyst was short of memory */
/* clang-format on */
#define X(name, label) RING_LOST_##name,
enum ring_loss { RING_LOSSES(X) RING_LOSS_COUNT };
#undef X
const char *ring_loss_name(enum ring_loss loss);

struct ring_header; /* the first page of `data` */

/* What is handled, and neither saved nor counted as lost[ANALYST], waits for the store. */
struct ring_reader_page {
    _Atomic uint64_t tail;        /* bytes consumed since the ring was made */
    _Atomic uint64_t handling;    /* sequence number + 1 of the record being handled; 0: none */
    _Atomic uint64_t handled;     /* records */
    _Atomic uint64_t saved;       /* of them, those whose effect is in the store */
    _Atomic uint32_t is_sleeping; /* 0, or a number that is new each time: wants to be woken when there is more */
    _Atomic uint32_t sleeps;      /* the last such number */
    _Atomic uint64_t lost[RING_LOSS_COUNT];
    /* So that a death at any place is counted once: handled and lost[POISON] before the record that is being handled, and
     * `handling` of the record that was skipped last. */
    _Atomic uint64_t handled_before, poison_before, skipped;
};
_Static_assert(sizeof(struct ring_reader_page) <= RING_PAGE, "one page");

/* Bytes of `data` for a ring of `capacity` bytes. */
size_t ring_data_size(size_t capacity);
/* Makes zeroed memory an empty ring. */
void ring_format(void *data, size_t capacity);

struct ring_writer {
    struct ring_header *header;
    char *bytes;
    size_t capacity;
    const struct ring_reader_page *reader; /* may be mapped read-only */
    uint64_t head;                         /* bytes written since the ring was made */
    uint64_t tail;                         /* as the reader said it last; looked at again when room is short */
    uint64_t told;                         /* the head that the reader knows of, or was woken for */
    uint32_t woken;                        /* is_sleeping when it was woken last */
};
/* Goes on where the writer before left off. False: this is no ring of that size. */
bool ring_writer_open(struct ring_writer *writer, void *data, size_t data_size, const struct ring_reader_page *reader,
                      struct err *err) __attribute__((warn_unused_result));
/* The largest record that is ever taken: a quarter of the ring, without its frame. A multiple of 8. */
size_t ring_most(const struct ring_writer *writer);
/* Copies the parts as one record; false: no room, nothing was written. */
bool ring_write(struct ring_writer *writer, const struct str *parts, size_t count) __attribute__((warn_unused_result));
/* Less than an eighth of it is free: what begins now is likely to find no room. */
bool ring_is_short(struct ring_writer *writer) __attribute__((warn_unused_result));
/* True when the reader sleeps and there is something for it; the writer then wakes it. Once per turn. True once for each sleep. */
bool ring_wants_wake(struct ring_writer *writer) __attribute__((warn_unused_result));

struct ring_reader {
    const struct ring_header *header;
    const char *bytes;
    size_t capacity;
    struct ring_reader_page *page;
    uint64_t tail;      /* as in the page */
    uint64_t next_tail; /* behind the record being handled; else as tail */
};
/* Goes on where the reader before left off: skips the record that it died of (POISON), and counts what it had handled and not saved
 * (ANALYST). */
bool ring_reader_open(struct ring_reader *reader, const void *data, size_t data_size, struct ring_reader_page *page,
                      struct err *err) __attribute__((warn_unused_result));
enum ring_result {
    RING_EMPTY,
    RING_RECORD,
    RING_BROKEN /* what lies there is no frame: it was counted (DAMAGED), and the reader begins again at the writer's head */
};
/* The next record, borrowed from the mapping until ring_done, 16-byte aligned. The writer may be subverted and write into it meanwhile:
 * copy it before believing anything. Before ring_done the same one again. */
enum ring_result ring_next(struct ring_reader *reader, struct str *record) __attribute__((warn_unused_result));
/* It was handled: its room is the writer's again. */
void ring_done(struct ring_reader *reader);
/* All that was handled so far is in the store, or there is none. */
void ring_saved(struct ring_reader *reader);
void ring_lose(struct ring_reader *reader, enum ring_loss why, uint64_t count);
/* Before waiting: says that it sleeps; false when there is a record after all. The wish ends with the next ring_next. */
bool ring_sleep(struct ring_reader *reader) __attribute__((warn_unused_result));
