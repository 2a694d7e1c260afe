/* SPDX-License-Identifier: Apache-2.0 */
/* Content codings taken off a body: gzip (RFC 1952, several members), deflate (RFC 9110 8.4.1.2: zlib, and raw, as some send), br (RFC 7932),
 * zstd (RFC 8878, window as RFC 9659 allows), one after another as Content-Encoding lists them. Output is bounded in bytes and in relation to the
 * input, and grows only as bytes come. What ends early, or goes on after its end, can't be decoded.
 * Lifetime: decoder_init to decoder_deinit; what it gives lives until its next use. Thread: the owner's. */
#pragma once

#include "http/field.h"

/* Codings after one another; more are not believed. */
#define DECODE_MOST_CODINGS 4

enum decode_result { DECODE_OK, DECODE_BROKEN, DECODE_UNKNOWN, DECODE_TOO_LARGE };

struct decode_limits {
    size_t bytes;   /* of the output of each coding */
    unsigned ratio; /* from DECODE_FREE_BYTES of output on */
};
#define DECODE_FREE_BYTES ((size_t)1 << 20)

struct decode_buffer {
    char *ptr;
    size_t len, capacity;
};
struct decoder {
    struct decode_buffer buffers[2]; /* in turn */
    struct z_stream_s *inflate;      /* NULL: not used yet */
    struct ZSTD_DCtx_s *zstd;
};

void decoder_init(struct decoder *decoder);
void decoder_deinit(struct decoder *decoder);
/* Gives back what is more than ordinary bodies need. */
void decoder_trim(struct decoder *decoder);

/* True when one of the names in the field (Content-Encoding; STR_NONE: absent) is a coding other than identity. */
bool decode_is_coded(struct str codings);
/* Without codings `decoded` is `body` itself. */
enum decode_result decode_body(struct decoder *decoder, struct decode_limits limits, struct str codings,
                               struct str body, struct str *decoded) __attribute__((warn_unused_result));
