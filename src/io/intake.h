/* SPDX-License-Identifier: Apache-2.0 */
/* A connection before anything is known of its client: reads the PROXY header (io/proxy_header.h), and not a byte more, so that what
 * follows, TLS or HTTP, finds the connection as if it had just been accepted.
 * Lifetime: the caller's memory, intake_start to on_over or intake_stop. Thread: the loop's. */
#pragma once

#include "io/loop.h"
#include "io/proxy_header.h"
#include "io/timer.h"

struct intake;

enum intake_end {
    INTAKE_WHOLE,
    INTAKE_BAD,     /* no header, or one that is cut short */
    INTAKE_TIMEOUT, /* it was not whole in time */
    INTAKE_GONE,    /* the peer left without a word, as checks of a port do */
};

struct intake {
    struct watch watch;
    struct timer timer;
    struct loop *loop;
    uint64_t began_ns;
    bool is_over;
    /* Once, also within intake_look, never within intake_start. The descriptor is the caller's again; `header` is NULL unless it is
     * whole. */
    void (*on_over)(struct intake *intake, enum intake_end end, const struct proxy_header *header);
};

/* on_over is set before. The descriptor is non-blocking. */
void intake_start(struct intake *intake, struct loop *loop, int fd, uint32_t timeout_ms);
/* Looks whether the header has come without an event that told of it. True when on_over was called, which may have freed it. */
bool intake_look(struct intake *intake) __attribute__((warn_unused_result));
/* No callback follows; the descriptor is the caller's again. */
void intake_stop(struct intake *intake);
