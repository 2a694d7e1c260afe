/* SPDX-License-Identifier: Apache-2.0 */
/* Header lists of HTTP/2 (RFC 9113 8.2, 8.3) to struct head and back. nghttp2 has checked, before a field comes here, what a message may
 * hold: names and values byte by byte, pseudo-header fields, Content-Length, fields of the connection. Internal to the HTTP/2 codec.
 * Lifetime: a block from its first field until its head has been used, or its trailers; holds nghttp2's memory of names and values.
 * Thread: the worker's. */
#pragma once

#include "base/chunk.h"
#include "http/head.h"
#include "http/refusal.h"

#include <nghttp2/nghttp2.h>

/* A header list as it is received. */
struct http2_block {
    struct str method, scheme, authority, path, status;
    size_t unpacked;      /* bytes of all names and values, also of those that are not kept */
    struct chunk *cookie; /* the pieces of Cookie, when there is more than one */
    uint16_t held_count, count, cookies;
    bool is_too_large; /* for HEAD_MAX_BYTES or HEAD_MAX_FIELDS: what follows is not kept */
    nghttp2_rcbuf *held[2 * (HEAD_MAX_FIELDS + 8)];
    struct field fields[1 + HEAD_MAX_FIELDS]; /* the first is left for Host */
};

void http2_block_init(struct http2_block *block);
void http2_block_deinit(struct http2_block *block);
/* False when the list has unpacked into more than HTTP2_MAX_UNPACKED. */
bool http2_block_add(struct http2_block *block, nghttp2_rcbuf *name, nghttp2_rcbuf *value)
    __attribute__((warn_unused_result));

/* The head that the list is; points into the block. `is_last`: no body follows. REFUSAL_NONE, or why it is refused: then what was
 * understood stands in the head. */
enum refusal http2_block_request(struct http2_block *block, bool is_last, struct head *head)
    __attribute__((warn_unused_result));
/* `method` is that of the request. Refused: what is too large, and a status below 100. */
enum refusal http2_block_response(struct http2_block *block, bool is_last, enum http_method method, struct head *head)
    __attribute__((warn_unused_result));
/* Keeps of the fields those that may stand in trailers; they are block->fields + 1, block->count many. */
void http2_block_keep_trailers(struct http2_block *block);

/* Header lists to be sent; made in room that is kept from one to the next, and copied by nghttp2 when they are submitted. */
struct http2_list {
    nghttp2_nv *fields;
    size_t count, capacity;
    char number[24]; /* of Content-Length, or :status */
};

void http2_list_deinit(struct http2_list *list);
/* `tls` decides about :scheme. */
void http2_list_request(struct http2_list *list, const struct head *head, bool is_tls);
/* `has_length`: the head's content_length is said if no field does. */
void http2_list_response(struct http2_list *list, const struct head *head, bool has_length);
void http2_list_trailers(struct http2_list *list, const struct field *fields, uint16_t count);
