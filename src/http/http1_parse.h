/* SPDX-License-Identifier: Apache-2.0 */
/* Strict HTTP/1 parsing without I/O (RFC 9112): the caller passes bytes and keeps them while the result is used.
 * A refusal is a reason of umbra_refused_total. Thread: any; pure functions. */
#pragma once

#include "http/head.h"
#include "http/refusal.h"

enum parse { PARSE_DONE, PARSE_MORE, PARSE_BAD };

/* Finds the end of a head (the empty line) in bytes that arrive in pieces. `scanned` is kept by the caller between
 * calls, 0 at the start, so that a head sent byte by byte costs linear time. PARSE_DONE: *head_len includes the empty
 * line. PARSE_BAD: bare CR, bare LF, NUL and the controls between, refused as soon as seen. Empty lines before a request
 * line (RFC 9112 2.2) are part of the head's length; at most 2. Also PARSE_BAD: no end within HEAD_MAX_BYTES
 * (REFUSAL_URI_SIZE when the first line alone is too long, else REFUSAL_HEADER_SIZE). */
enum parse http1_find_head_end(struct str bytes, size_t *scanned, size_t *head_len, enum refusal *refusal)
    __attribute__((warn_unused_result));

/* Parses a whole request head (as delimited above) into `head`, whose `fields` must have room for HEAD_MAX_FIELDS.
 * PARSE_DONE or PARSE_BAD, never PARSE_MORE. Sets body kind by RFC 9112 6.3: Transfer-Encoding must be exactly
 * "chunked" (other codings: REFUSAL_FRAMING, 400), never with Content-Length, never in HTTP/1.0. Content-Length: digits
 * only; a repeated equal value is REFUSAL_FRAMING too. Host: exactly one in HTTP/1.1 (at most one in 1.0), a valid
 * uri-host[:port] (RFC 3986 3.2), empty allowed only for authority-form. Target forms: origin, absolute (http and
 * https; its authority wins over Host), authority (CONNECT only, with a port, never with a body), asterisk (OPTIONS
 * only). What was understood before a refusal (method, target, version) stands in `head`. A path that climbs above '/'
 * is not seen here: that is url_normalise_path's. */
enum parse http1_parse_request(struct str head_bytes, struct head *head, enum refusal *refusal)
    __attribute__((warn_unused_result));

/* Parses a whole response head. `method` is that of its request: a response to HEAD and 1xx, 204, 304 have BODY_NONE;
 * 101 and 2xx to CONNECT have BODY_TUNNEL. TE with CL, unknown codings and repeated CLs are PARSE_BAD
 * (REFUSAL_FRAMING). */
enum parse http1_parse_response(struct str head_bytes, enum http_method method, struct head *head,
                                enum refusal *refusal) __attribute__((warn_unused_result));

/* Incremental chunked decoding (RFC 9112 7.1). Zero-initialised at the start of a body. */
struct chunked {
    uint64_t left;     /* data bytes of the current chunk not yet seen */
    uint32_t line_len; /* bytes of the current size line or trailer section, limited */
    uint8_t state;     /* enum in http1_chunked.c */
    uint8_t digits;
};

/* Consumes from the front of `bytes`. PARSE_MORE with data->len > 0: a run of body bytes (pointing into bytes); *used
 * tells how much was consumed, framing included; call again with the rest. PARSE_MORE with data->len == 0: all bytes
 * were consumed, feed more. PARSE_DONE: the last chunk's line was consumed; what follows is the trailer section, read
 * with http1_find_trailers_end below. PARSE_BAD: bad size (sign, space, over 16 digits), bare CR or LF, a line over
 * 4 KiB. Chunk extensions are checked for forbidden bytes and dropped. */
enum parse http1_chunked(struct chunked *state, struct str bytes, size_t *used, struct str *data)
    __attribute__((warn_unused_result));

/* The trailer section after the last chunk: either CRLF at once or fields and an empty line. Same contract as
 * http1_find_head_end. */
enum parse http1_find_trailers_end(struct str bytes, size_t *scanned, size_t *len, enum refusal *refusal)
    __attribute__((warn_unused_result));
/* Parses the section into `fields` (room for HEAD_MAX_FIELDS); fields forbidden in trailers are dropped. */
enum parse http1_parse_trailers(struct str bytes, struct field *fields, uint16_t *count, enum refusal *refusal)
    __attribute__((warn_unused_result));
