/* SPDX-License-Identifier: Apache-2.0 */
/* A leg of an exchange, put together from the parts that a worker's ring delivers in order. A part that is missing, or that comes too early,
 * voids the leg; one that comes again is left out. Parts are copied, since the writer of the ring may be subverted and change them.
 * Lifetime: leg_new to leg_free; labels, heads and bodies point into the leg's parts. Thread: the analyst's. */
#pragma once

#include "analyze/room.h"
#include "base/list.h"
#include "base/slab.h"
#include "exchange/record.h"

/* One part with its own bytes, from leg_part_read. */
struct leg_part {
    struct leg_part *next;
    size_t size; /* of the record */
    struct str request_body, answer_body;
    _Alignas(8) char bytes[];
};

enum leg_progress {
    LEG_COMING,
    LEG_WHOLE,
    LEG_VOID,    /* a part is missing, or it makes no sense: it says nothing */
    LEG_SETTLED, /* it was used; its parts are gone */
};

struct leg {
    struct list node; /* of the copies of a gathering (analyze/pairs.h) */
    enum record_leg kind;
    uint64_t leg_id;
    enum leg_progress progress;
    uint32_t next_part;
    struct leg_part *first, **last;
    struct record_labels labels;
    struct record_message request, answer, trailers;
    struct record_end end; /* LEG_WHOLE */
    uint64_t mirror_hash;  /* of its mirror's label, also when it is settled */
};

/* Memory for legs and parts, which come and go at the rate of requests: of parts that are not large, a slab for each of some sizes. */
#define LEG_PART_SIZES 6
struct leg_memory {
    struct room *room;
    struct slab *legs, *parts[LEG_PART_SIZES];
};
void leg_memory_init(struct leg_memory *memory, struct room *room);
/* All was given back. */
void leg_memory_deinit(struct leg_memory *memory);

/* NULL: no room, or no whole record (then `is_damaged`). The view's texts point into the part. */
struct leg_part *leg_part_read(struct leg_memory *memory, struct str record, struct record_view *view,
                               bool *is_damaged);
void leg_part_free(struct leg_memory *memory, struct leg_part *part);

/* NULL: no room. */
struct leg *leg_new(struct leg_memory *memory, enum record_leg kind, uint64_t leg_id);
void leg_free(struct leg_memory *memory, struct leg *leg);
/* Takes the part. */
void leg_add_part(struct leg_memory *memory, struct leg *leg, struct leg_part *part, const struct record_view *view);
/* Its parts go; labels and heads are no more. */
void leg_void(struct leg_memory *memory, struct leg *leg);
void leg_settle(struct leg_memory *memory, struct leg *leg);

/* What was captured of a body, in one piece: in the part, or put together in `scratch`. */
struct str leg_answer_body(const struct leg *leg, struct strbuf *scratch);
struct str leg_request_body(const struct leg *leg, struct strbuf *scratch);
