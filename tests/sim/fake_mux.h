/* SPDX-License-Identifier: Apache-2.0 */
/* A multiplexed protocol that exists for one purpose: to show that proxy and mirror know streams and no connections. Many streams share a
 * connection, frames of several are interleaved, each stream and direction has credit of its own, one is reset without touching the
 * others, and GOAWAY lets a connection end in order. fake_mux_client.c defines http2_client_adopt in place of HTTP/2's, so a program that
 * links it runs the real pool, proxy and mirror over this protocol; fake_mux_accept stands where server_accept does.
 *
 * A frame is a line "STREAM KIND LENGTH\n" and LENGTH bytes:
 *     HEAD    a head in HTTP/1 form, its last CRLF CRLF included; more follows
 *     LAST    as HEAD, and the message has no body
 *     DATA    within the credit that the receiver gave
 *     END     of the message, with trailers as "name: value CRLF" lines
 *     RESET   of the stream
 *     CREDIT  a decimal number of bytes that may be sent more; a stream begins with none
 *     REFUSED of the stream, which was and will not be looked at
 *     LIMIT   of stream 0: a decimal number of streams that may be open at once
 *     GOAWAY  of stream 0: no new streams
 * Streams of the opening side are numbered 1, 2, 3. Lifetime: connections free themselves. Thread: the loop's. */
#pragma once

#include "http/server.h"

/* Takes over the descriptor. */
void fake_mux_accept(struct server *server, int fd, const struct peer *peer);
