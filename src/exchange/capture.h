/* SPDX-License-Identifier: Apache-2.0 */
/* Makes records of one leg while it passes, part by part into the worker's ring. Bounded: heads and the first `body_bytes` of bodies are
 * kept in a draft of at most a part, whose memory is taken from the mirror budget; the rest of a body is only hashed and counted. When
 * memory or room in the ring is short the leg is void, counted once, and everything else goes on: parts that are in the ring already are
 * nothing without the last one. Never blocks, never fails.
 * Lifetime: capture_begin to capture_end or capture_drop. Thread: the worker's. */
#pragma once

#include "base/chunk.h"
#include "base/ring.h"
#include "exchange/record.h"
#include "http/head.h"
#include "registry/registry.h"

/* Drafts that are kept for the next capture; of a size, so that a burst of large ones does not stay. They are not charged: at most
 * 512 KiB for a worker. */
#define CAPTURE_SPARES 128
#define CAPTURE_SPARE_MAX (4u * 1024)
/* How often the bodies of a leg may take turns, each of which makes a part, before no more is kept of them. */
#define CAPTURE_TURNS 64

/* One per worker. */
struct capture_sink {
    struct ring_writer *ring;       /* NULL: nothing is captured */
    struct registry_totals *totals; /* records, records_dropped */
    struct slab *captures;
    /* The mirror budget; false: refused, nothing was taken. NULL: there is enough. Set after capture_sink_init. */
    bool (*take)(void *budget, size_t bytes);
    void (*give)(void *budget, size_t bytes);
    void *budget;
    struct strbuf spares[CAPTURE_SPARES];
    size_t spare_count;
};
void capture_sink_init(struct capture_sink *sink, struct ring_writer *ring, struct registry_totals *totals);
/* No capture may be left. */
void capture_sink_deinit(struct capture_sink *sink);
/* Frees the drafts that are kept; for quiet moments after a burst. */
void capture_sink_trim(struct capture_sink *sink);

struct capture;

struct capture_leg {
    enum record_leg leg;
    struct request_id id;
    uint64_t leg_id;
    struct record_labels labels; /* borrowed for the call */
    uint64_t body_bytes;         /* of each body, at most */
};

/* NULL when nothing is captured, or nothing can be (counted); the functions below take NULL. */
struct capture *capture_begin(struct capture_sink *sink, const struct capture_leg *leg);
/* What live got; of copies the request is not recorded. Before anything else, once. `head` is borrowed, as the bytes below are. */
void capture_request(struct capture *capture, const struct head *head);
void capture_request_data(struct capture *capture, struct str data);
/* As the backend sent it. A second final head (a retry) begins the answer anew: the leg is void. */
void capture_answer(struct capture *capture, const struct head *head);
void capture_answer_data(struct capture *capture, struct str data);
/* Of the answer, after all of its data, once. */
void capture_trailers(struct capture *capture, const struct field *trailers, uint16_t count);
/* Nobody needs the record: what it would be compared with has none. Void, counted for this reason. */
void capture_lose(struct capture *capture, enum record_drop why);
/* Lengths and hashes are filled in here; status too, when it is 0 and a head came. The capture is gone after. Why there is no record;
 * RECORD_DROP_COUNT: there is one. */
enum record_drop capture_end(struct capture *capture, const struct record_end *end);
/* Without a record; counted as one for which the budget was short, unless it was void and counted already. The capture is gone after. */
void capture_drop(struct capture *capture);
