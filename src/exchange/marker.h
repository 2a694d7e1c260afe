/* SPDX-License-Identifier: Apache-2.0 */
/* The marker that every copy carries, `X-Umbra-Shadow: mirror=NAME; id=REQUEST-ID; t=TIME; sig=KEYED-HASH`, so that a copy is never
 * copied again, and so that no client can make itself look like one: a marker whose signature does not verify, or that is older than
 * MARKER_MAX_AGE_S, is removed. SIG is SipHash-2-4 with 128 bits (libsodium's siphashx24) over the bytes before "; sig=", in hex.
 * NAME is the mirror's label, REQUEST-ID 32 hex digits, TIME Unix seconds.
 * A mirror may give the field another name. A marker is known by its value, so that a gateway with the same key knows a copy whatever
 * its field is called, and whoever made it. A forged one under another name is removed only where a mirror of the present plan uses
 * that name (the first RULES_MARKER_HEADERS of them), since elsewhere it is a field like any other. Thread: any; pure functions. */
#pragma once

#include "base/str.h"

#define MARKER_KEY_BYTES 16
#define MARKER_MAX_AGE_S 300 /* clocks of gateways may differ by this; a captured marker is worth nothing after it */
#define MARKER_MAX 768       /* bytes of a marker; labels are cut to fit */

struct request_id {
    uint64_t hi, lo;
};

/* Writes the value; out has MARKER_MAX bytes. */
size_t marker_format(char *out, struct str mirror, struct request_id id, uint64_t unix_s, const unsigned char *key);
/* Looks like one; cheap, and false for nearly every field. */
static inline bool marker_may_be(struct str value)
{
    return value.len > 64 && value.len <= MARKER_MAX && memcmp(value.ptr, "mirror=", 7) == 0;
}
bool marker_verify(struct str value, uint64_t unix_s, const unsigned char *key);

/* 32 hex digits, no NUL. */
void request_id_format(char out[32], struct request_id id);
