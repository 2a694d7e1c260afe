/* SPDX-License-Identifier: Apache-2.0 */
/* The keys that session tickets are sealed with: shared by all workers of a gateway, so that a client resumes at any of them. A new one
 * is made every TLS_TICKET_ROTATION_S; the one before still opens tickets, then it is wiped.
 * Lifetime: the gateway's. Thread: any; rotated by the gateway's main thread. */
#pragma once

#include <stdint.h>

#define TLS_TICKET_ROTATION_S (12 * 3600)

struct tls_tickets;

struct tls_tickets *tls_tickets_new(void);
void tls_tickets_free(struct tls_tickets *tickets);
/* A new key; the oldest is gone. Workers never wait for it. */
void tls_tickets_rotate(struct tls_tickets *tickets);
