/* SPDX-License-Identifier: Apache-2.0 */
/* What the load generator's parts share: the clock, connections to the address under test, and the judgement of an
 * answer. Only answers with Content-Length are understood, since the bench's own origins give no others. Everything here
 * is strict, so that a proxy that answers wrongly cannot look fast. Thread: one. */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the origins answer. */
struct wire_body {
    const char *bytes;
    size_t size;
};
extern const struct wire_body wire_text; /* 64 bytes */
/* About 1 KiB of JSON; edited: with three other values. The caller's for ever. */
struct wire_body wire_json(bool is_edited);

enum wire_answer { WIRE_DONE, WIRE_MORE, WIRE_BAD_STATUS, WIRE_BAD_BODY };

uint64_t wire_now_ns(void);

/* "127.0.0.1:8080"; false when it is no IPv4 address with a port. */
bool wire_address(const char *text, struct sockaddr_in *address);

/* A connected, blocking socket with TCP_NODELAY; from 127.0.0.SOURCE unless that is 0. -1 on failure, errno says why. */
int wire_connect(const struct sockaddr_in *to, unsigned source);

/* Judges what has come so far. WIRE_DONE: exactly one whole answer, 200 with the expected body. */
enum wire_answer wire_judge(const char *bytes, size_t size, struct wire_body expected);
