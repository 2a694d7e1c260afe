/* SPDX-License-Identifier: Apache-2.0 */
/* Runs the incremental HTTP/1 functions over bytes that arrive `step` at a time, as a connection would.
 * Lifetime: results point into the bytes. Thread: any. */
#pragma once

#include "http/http1_parse.h"

/* FNV-1a over body bytes, so that pieces can be compared without keeping them. */
#define FEED_HASH_START UINT64_C(0xcbf29ce484222325)
uint64_t feed_hash(uint64_t hash, struct str bytes);

enum parse feed_head_end(struct str bytes, size_t step, size_t *len, enum refusal *refusal);
enum parse feed_trailers_end(struct str bytes, size_t step, size_t *len, enum refusal *refusal);

struct feed_body {
    enum parse result;
    size_t used; /* framing included, without the trailer section */
    size_t len;
    uint64_t hash;
};
struct feed_body feed_chunked(struct str bytes, size_t step);

/* Asserts that `part` is empty or lies inside `whole`. */
void feed_check_inside(struct str part, struct str whole);
/* Asserts what holds for every head that was accepted: names are tokens, values hold no control but HTAB. */
void feed_check_fields(const struct field *fields, uint16_t count, struct str whole);
