/* SPDX-License-Identifier: Apache-2.0 */
/* What the analyst is told of an exchange whose answers are compared: one leg for live and one for each copy (exchange/record.h), captured
 * while they pass. All of it does nothing for what is not compared, and nothing here can make a copy or live wait or fail.
 * Internal to src/mirror. Lifetime: part of a copy, or of the watch of an exchange. Thread: the worker's. */
#pragma once

#include "exchange/capture.h"
#include "exchange/exchange.h"

struct copy;
struct mirror;

/* A leg that was lost has the number of an enum dropped as its reason, or FAILED_LAG where the copy fell behind: that is the number of a
 * gate, and what a gate refuses has no leg. */
_Static_assert((int)FAILED_LAG <= (int)DROPPED_INFLIGHT, "told from what is dropped after the gates");

struct live_leg;

/* The marks of one leg, on the clock of the loop. */
struct leg {
    struct capture *capture; /* NULL: not compared, void, or over */
    uint64_t begin_ns, wall_ns;
    uint64_t sent_ns;      /* of a copy: its stream opened */
    uint64_t head_ns;      /* of the answer */
    uint64_t answered_ns;  /* the answer has ended */
    struct live_leg *live; /* of a shadow's leg: that of its exchange, while it lasts */
    bool is_fresh;
    bool is_counted; /* of a shadow's leg: not to be counted as unrecorded, or not any more */
};

/* Live's, and what is known of all. Zeroed when the exchange is first copied. */
struct live_leg {
    struct leg leg;
    uint64_t body_bytes; /* the largest of the mirrors that compare */
    uint64_t shadows;    /* legs begun, controls not counted: the last one's leg_id */
    uint64_t counted;    /* of the shadows, those with is_counted */
    uint16_t copies;     /* controls included */
    uint16_t status;     /* of live's own answer */
    uint8_t grpc_status;
    bool is_call;
    bool is_lost;     /* it has no record */
    bool is_left_out; /* the ring was short of room when it began: no leg is recorded, rather than one of two */
};

/* mirror->sink, and mirror->wake: where records are made, their reader is woken if it sleeps. */
void leg_sink_init(struct mirror *mirror);
void leg_sink_deinit(struct mirror *mirror);

/* ---- a copy's ---- */

/* Begins the leg of a copy that was just made, when answers of its mirror are compared; a control directly after its shadow. */
void leg_begin(struct copy *copy, struct live_leg *live, const struct exchange *exchange, uint32_t mirror_index);
/* The request is on its way, on the first connection or on one that replaces a stale one. */
void leg_sent(struct copy *copy, bool is_reused);
void leg_answer(struct copy *copy, const struct head *head);
void leg_answer_data(struct copy *copy, struct str data);
void leg_answer_end(struct copy *copy, const struct field *trailers, uint16_t count);
/* Live's part is over. `why` it has no record, so that a copy that goes on makes no pair; RECORD_DROP_COUNT: it has one. */
void leg_live_over(struct copy *copy, enum record_drop why);
/* Each ends the leg, if it was not ended before. */
void leg_complete(struct copy *copy);
void leg_fail(struct copy *copy, enum failed reason);
/* Umbra's doing, or the client's, whether or not it counts as sent. */
void leg_drop(struct copy *copy, enum dropped reason);

/* ---- live's ---- */

/* The first copy is about to be made. */
void live_leg_init(struct live_leg *live, struct mirror *mirror);
/* All copies are made: begins the leg when there is one to compare with. The others are for as long as leg.capture stands. */
void live_leg_begin(struct live_leg *live, struct mirror *mirror, const struct exchange *exchange);
void live_leg_data(struct live_leg *live, struct mirror *mirror, struct str data);
void live_leg_answer(struct live_leg *live, struct mirror *mirror, const struct head *head);
void live_leg_answer_data(struct live_leg *live, struct mirror *mirror, struct str data);
void live_leg_answer_end(struct live_leg *live, struct mirror *mirror, const struct field *trailers, uint16_t count);
/* Returns why live has no record; RECORD_DROP_COUNT: it has one. */
enum record_drop live_leg_over(struct live_leg *live, struct mirror *mirror, const struct exchange *exchange);
