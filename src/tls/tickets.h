/* SPDX-License-Identifier: Apache-2.0 */
/* The keys that session tickets are sealed with: shared by all workers of a gateway, so that a client resumes at any of them. A new one
 * is made every TLS_TICKET_ROTATION_S; the one before still opens tickets, then it is wiped.
 * Lifetime: the gateway's. Thread: any; rotated by the gateway's main thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define TLS_TICKET_ROTATION_S (12 * 3600)

#define TLS_TICKET_NAME_BYTES 16 /* tells a ticket's key; it is sent in clear */
#define TLS_TICKET_KEY_BYTES 32

struct tls_tickets;

struct tls_ticket_key {
    unsigned char name[TLS_TICKET_NAME_BYTES];
    unsigned char cipher[TLS_TICKET_KEY_BYTES]; /* AES-256-CBC */
    unsigned char mac[TLS_TICKET_KEY_BYTES];    /* HMAC-SHA-256 */
};

struct tls_tickets *tls_tickets_new(void);
void tls_tickets_free(struct tls_tickets *tickets);
/* A new key; the oldest is gone. Workers never wait for it. */
void tls_tickets_rotate(struct tls_tickets *tickets);

enum tls_ticket_found { TLS_TICKET_NONE, TLS_TICKET_PRESENT, TLS_TICKET_BEFORE };
/* The present key (`name` is NULL), or the one of this name. NONE also while keys are being changed: a full handshake does as well.
 * Whoever gets a key wipes it. */
enum tls_ticket_found tls_tickets_find(struct tls_tickets *tickets, const unsigned char *name,
                                       struct tls_ticket_key *key);
