/* SPDX-License-Identifier: Apache-2.0 */
/* The wire format of protocol buffers (protobuf.dev/programming-guides/encoding), read without a schema: fields by number, one level at a
 * time. What is inside of length-delimited fields is not looked at here; groups are taken whole.
 * Lifetime: borrowed bytes. Thread: any; pure functions. */
#pragma once

#include "base/str.h"

enum wire_type { WIRE_VARINT, WIRE_FIXED64, WIRE_BYTES, WIRE_GROUP, WIRE_FIXED32 = 5 };

struct wire_field {
    uint32_t number;
    enum wire_type type;
    uint64_t value;   /* WIRE_VARINT and the fixed ones */
    struct str bytes; /* WIRE_BYTES and WIRE_GROUP: what is inside; else as it stands */
};

/* Takes the next field; false: there is none, or what comes is not one (`rest` is not empty then). */
bool wire_next(struct str *rest, struct wire_field *field);
/* How many fields a message has at its top level; false: it is no message. */
bool wire_count(struct str message, size_t *count);
/* Readable as it stands, by its beginning, so that it is shown and compared as a text though it may be a message by chance. */
bool wire_is_text(struct str bytes);
