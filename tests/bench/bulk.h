/* SPDX-License-Identifier: Apache-2.0 */
/* The load generator's two jobs that need no event loop: one large upload, and many clients that wait between requests.
 * Both print one line of JSON. Return value: the process's exit status. Thread: one. */
#pragma once

#include <netinet/in.h>
#include <stdint.h>

/* PUTs that many bytes on one connection, as fast as they are taken. */
int bulk_upload(const struct sockaddr_in *to, uint64_t bytes);

/* Opens connections one after another, sends one request on each, prints "ready" and holds them until the end of stdin;
 * then each must still answer a second request. */
int bulk_hold(const struct sockaddr_in *to, unsigned clients);
