/* SPDX-License-Identifier: Apache-2.0 */
/* Heads and chunk framing to HTTP/1 bytes, without I/O. Thread: any; pure functions. */
#pragma once

#include "http/head.h"

/* How the receiver of a message is told where its body ends and whether the connection goes on. */
struct http1_framing {
    bool is_chunked;        /* add Transfer-Encoding: chunked */
    bool has_length;        /* add Content-Length (head->content_length) unless a field says so already */
    bool is_close;          /* add Connection: close */
    bool is_keep_alive_1_0; /* add Connection: keep-alive, for an HTTP/1.0 peer that asked */
    struct str upgrade;     /* not empty: add Connection: upgrade and Upgrade: <this> */
};

/* An `upgrade` longer than this is left out, with its Connection: upgrade. */
#define HTTP1_UPGRADE_MAX 256

/* Upper bound of what the functions below write for this head. */
size_t http1_head_bound(const struct head *head);

/* Request line (target bytes as they are), fields in order and spelling, then the framing fields at the end, empty
 * line. Hop-by-hop fields and those named by Connection must have been dropped by the caller; Content-Length stands
 * where it stood, and is left out when is_chunked. Returns the bytes written; `out` has http1_head_bound bytes. */
size_t http1_format_request(char *out, const struct head *head, const struct http1_framing *framing);
/* Status line "HTTP/1.1 <status> <reason>" (the standard reason when it is empty), then as above. */
size_t http1_format_response(char *out, const struct head *head, const struct http1_framing *framing);
/* "1f4\r\n"; `out` has 20 bytes. */
size_t http1_format_chunk_size(char *out, size_t len);

/* The standard reason phrase ("Not Found"), "" when there is none. */
struct str http_reason(uint16_t status);
