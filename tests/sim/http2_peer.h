/* SPDX-License-Identifier: Apache-2.0 */
/* The other end of an HTTP/2 connection, frame by frame, so that it may do what no library would; and a user of streams that writes down
 * what it is told. Header lists are written as "name: value" lines. Lifetime: a test. Thread: one. */
#pragma once

#include "http/server.h"
#include "twin.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <nghttp2/nghttp2.h>

struct peer_end {
    struct wire *wire;
    nghttp2_hd_deflater *deflater;
    nghttp2_hd_inflater *inflater;
    struct strbuf got; /* what came, one line for each frame that peer_look was told of */
};

void peer_init(struct peer_end *end, struct wire *wire);
void peer_deinit(struct peer_end *end);

void peer_frame(struct peer_end *end, uint8_t type, uint8_t flags, uint32_t id, struct str payload);
/* `list` is lines; END_HEADERS is among the flags unless the caller goes on with CONTINUATION. */
void peer_headers(struct peer_end *end, uint8_t flags, uint32_t id, const char *list);
struct str peer_encode(struct peer_end *end, const char *list);
void peer_setting(struct peer_end *end, uint16_t id, uint32_t value);
void peer_number(struct peer_end *end, uint8_t type, uint32_t id, uint32_t number); /* RST_STREAM, WINDOW_UPDATE */

/* Runs turns until nothing moves, and writes what has come to `got`, like "HEADERS 1 end\n  :status: 200\n", "DATA 1 5\n", "RST_STREAM 1
 * CANCEL\n", "GOAWAY 1 NO_ERROR\n". WINDOW_UPDATE and SETTINGS are there too. Returns it; it is cleared by the next call. */
const char *peer_look(struct peer_end *end);

/* What users of streams are told, as lines "1 head GET /x …". */
struct seen {
    struct strbuf log;
    struct stream *streams[256];
    size_t count;
    size_t pull;       /* given at each head */
    bool is_answering; /* 200 and "hello" at the end of each request */
};
extern const struct stream_handler seen_handler;
const char *seen_text(struct seen *seen);
void seen_clear(struct seen *seen);
void seen_deinit(struct seen *seen);
/* As the next in its list. */
void seen_add(struct seen *seen, struct stream *stream);

struct head seen_answer(uint16_t status, enum body_kind body, uint64_t length);
void assert_has(const char *text, const char *part);
void assert_has_not(const char *text, const char *part);
