/* SPDX-License-Identifier: Apache-2.0 */
/* A user of streams that checks what stream.h promises and does things by turns. Lifetime: one input. Thread: one. */
#pragma once

#include "../sim/twin.h"
#include "http/server.h"

#define FUZZ_STREAMS 512

/* What is known of a stream that has a user. */
struct fuzz_stream {
    struct stream *stream;
    bool has_head, has_end, is_begun, is_sent; /* is_begun: its answer; the head may end the request */
};

struct fuzz_user {
    struct fuzz_stream streams[FUZZ_STREAMS];
    size_t count;
    unsigned turns; /* chooses what is done next */
    bool is_client;
};

extern const struct stream_handler fuzz_handler;

void fuzz_add(struct fuzz_user *user, struct stream *stream);
/* Ends the sending direction. */
void fuzz_end(struct fuzz_user *user, struct stream *stream);
/* Sends the input to the gateway: a byte for the length of a piece, then the piece; between them users go on. */
void fuzz_feed(struct wire *wire, struct fuzz_user *user, const uint8_t *data, size_t len);
void fuzz_settle(struct wire *wire);
