/* SPDX-License-Identifier: Apache-2.0 */
/* What one pair (or a copy without one) says, as the tally counts it. Lifetime: borrowed. Thread: any. */
#pragma once

#include "compare/compare.h"

enum leg_state {
    LEG_ANSWERED,
    LEG_FAILED_OWN, /* no whole answer, by the backend's fault: connect, timeout, reset, protocol, tls */
    LEG_ABSENT,     /* not asked, aborted by the client, or its record is lost: says nothing */
};

struct leg_seen {
    enum leg_state state;
    const char *failure; /* label of the reason (static); LEG_FAILED_OWN */
    uint16_t status;     /* LEG_ANSWERED */
    uint8_t
        grpc_status; /* GRPC_NONE: no call. A call with a status other than 0 is an error, whatever its HTTP status is */
    uint64_t duration_ns; /* first byte sent to last byte received: waiting for a connection is not in it */
    bool is_fresh;        /* its connection was made for it: its duration is kept apart */
};

/* A field that differs between live and shadow, live and control, or both. */
struct field_seen {
    struct str field;
    enum difference_kind kind; /* of live and shadow; is_in_shadow */
    enum difference_kind
        control_kind; /* of live and control; is_in_control. A shadow that drops what is only random in control is seen by it */
    bool is_in_shadow, is_in_control;
    bool is_volatile;
    struct str live,
        shadow; /* shown values, with what must not be kept taken out already: they go into sentences; empty: none */
};

struct pair_seen {
    struct str endpoint;
    uint64_t wall_ns;
    struct leg_seen live, shadow, control;
    bool has_control; /* the mirror has one, and its leg came */
    const struct field_seen *fields;
    size_t field_count;
    size_t unnamed;                       /* further differences between live and shadow */
    enum body_verdict body, control_body; /* live against shadow, live against control */
};
