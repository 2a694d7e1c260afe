/* SPDX-License-Identifier: Apache-2.0 */
/* Records of legs as a gateway writes them, from a few words. Lifetime: static where not said. Thread: one. */
#pragma once

#include "exchange/record.h"

struct leg_text {
    enum record_leg leg;
    uint64_t id;
    uint64_t leg_id;
    const char *route, *mirror, *backend, *revision; /* NULL: "r", "m" (not of live), "b", "1" */
    const char *method, *target;                     /* of live; NULL: GET / */
    const char *request_header;                      /* "name: value", or NULL */
    const char *header;                              /* of the answer, besides content-type: application/json */
    const char *request_body, *body;                 /* NULL: none */
    const char *content_type;                        /* NULL: application/json */
    uint16_t status;                                 /* 0: 200 */
    enum record_outcome outcome;
    uint8_t reason;
    uint16_t copies;  /* of live */
    double ms;        /* duration; 0: 10 */
    uint64_t wall_ns; /* 0: some time */
    bool is_fresh;
    uint8_t grpc_status; /* 0: none */
    unsigned body_parts; /* the body goes on in so many further parts */
};

/* One part of the leg: part 0 is the whole when there is no other. `out` is emptied. */
void leg_text_write(const struct leg_text *text, unsigned part, struct strbuf *out);
