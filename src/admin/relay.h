/* SPDX-License-Identifier: Apache-2.0 */
/* Pages that another process makes: how the admin port asks for them, without knowing who that is. A question is asked once, answered by a
 * head, pieces and an end, or by a failure in place of the head; it may be given up at any time. Nothing waits.
 * Lifetime: a call's is that of the question. Thread: the loop's. */
#pragma once

#include "base/err.h"
#include "base/str.h"

#include <stdint.h>

struct relay_call;

struct relay_question {
    struct str path, query; /* query: without "?"; empty when there is none */
    bool is_stream;         /* goes on until somebody has enough: server-sent events */
    uint64_t last_event;    /* is_stream: those after this one */
};

struct relay_head {
    uint16_t status;
    const char *content_type;
    bool is_stream;
    uint64_t length; /* unless is_stream; no more bytes than these come */
};

/* None is called from within relay_ops.ask. */
struct relay_call_ops {
    const char *name;
    void (*on_head)(struct relay_call *call, const struct relay_head *head);
    /* In place of a head: 503 or 504 with a sentence. The question is over. */
    void (*on_fail)(struct relay_call *call, uint16_t status, const char *sentence);
    void (*on_data)(struct relay_call *call, struct str data);
    /* The question is over. */
    void (*on_end)(struct relay_call *call, bool is_whole);
};

/* Embedded in what asks. */
struct relay_call {
    const struct relay_call_ops *ops;
    void *question; /* the relay's own; NULL: none is asked */
};

struct relay_ops {
    const char *name;
    /* False: there is nobody to ask; `why` is a sentence for the client, and the call is not touched. */
    bool (*ask)(void *user, struct relay_call *call, const struct relay_question *question, struct err *why);
    /* Pieces come while the call has credit: raised to so many bytes; 0 at first. */
    void (*pull)(struct relay_call *call, size_t credit);
    /* Nothing is called any more. */
    void (*cancel)(struct relay_call *call);
};
