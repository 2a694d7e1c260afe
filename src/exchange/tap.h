/* SPDX-License-Identifier: Apache-2.0 */
/* What watches exchanges. A source tells its tap what passes and never waits: every call returns at once, nothing is given back, and
 * no path leads from a tap's state to the live streams. Lifetime: the worker's. Thread: one worker.
 * Order of calls: on_request, on_data*, on_end or on_abort, on_over; without on_request none of the others. What live answers comes
 * between on_request and on_over: on_answer, on_answer_data*, on_answer_end, in this order and short of the end when it breaks off. */
#pragma once

#include "exchange/exchange.h"

struct tap;

struct tap_ops {
    const char *name;
    /* The head has been written to a connected live backend. */
    void (*on_request)(struct tap *tap, struct exchange *exchange);
    /* Borrowed for the call; slice_keep to hold. */
    void (*on_data)(struct tap *tap, struct exchange *exchange, struct slice data);
    void (*on_end)(struct tap *tap, struct exchange *exchange, const struct field *trailers, uint16_t count);
    /* The request will not become whole: the client went away or broke the protocol, or live would not read on. */
    void (*on_abort)(struct tap *tap, struct exchange *exchange);
    /* Live's answer as live sent it, before any filter; not one that Umbra makes itself, nor informational ones. An attempt that is given
     * up after its head (a retry) is followed by another on_answer. */
    void (*on_answer)(struct tap *tap, struct exchange *exchange, const struct head *head);
    void (*on_answer_data)(struct tap *tap, struct exchange *exchange, struct slice data);
    void (*on_answer_end)(struct tap *tap, struct exchange *exchange, const struct field *trailers, uint16_t count);
    /* The live exchange is over and about to be freed. */
    void (*on_over)(struct tap *tap, struct exchange *exchange);
};

struct tap {
    const struct tap_ops *ops;
};
