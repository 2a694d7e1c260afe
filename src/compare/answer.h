/* SPDX-License-Identifier: Apache-2.0 */
/* One answer as it is compared: what a record says of it. Bytes come from backends: nothing in them is believed.
 * Lifetime: borrowed. Thread: any. */
#pragma once

#include "http/field.h"

struct answer {
    uint16_t status;
    uint8_t grpc_status; /* enum grpc_status; GRPC_NONE: no call */
    const struct field *fields;
    uint16_t field_count;
    const struct field *trailers;
    uint16_t trailer_count;
    struct str body;     /* the bytes that were captured, content-encoded as they came */
    uint64_t body_bytes; /* of the whole body */
    uint64_t body_hash;  /* XXH64 of the whole body */
    bool is_cut;         /* body is only the beginning */
    bool has_no_body;    /* by definition: the request was HEAD. For 204 and 304 the status says so */
};
