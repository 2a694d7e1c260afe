/* SPDX-License-Identifier: Apache-2.0 */
/* The TLS contexts of rules: made of the plan's labels and the credentials, for each worker its own. What is made of the same names and the
 * same bytes as before is the same object as before, so that a reload that changes nothing drops no pooled connection.
 * Lifetime: that of the rules that hold it; an atomic reference count. Thread: made by the gateway's main thread. */
#pragma once

#include "base/err.h"
#include "plan/credentials.h"
#include "plan/layout.h"
#include "tls/client.h"
#include "tls/server.h"

struct rules;
struct rules_tls;
struct tls_tickets;

/* `before` may be NULL. A socket or backend whose credentials are missing or bad gets none, which is said in the log: its connections
 * are closed, or fail; the others are served. */
struct rules_tls *rules_tls_new(const struct plan *plan, const struct credentials *credentials, unsigned workers,
                                struct tls_tickets *tickets, const struct rules_tls *before);
struct rules_tls *rules_tls_ref(struct rules_tls *tls);
void rules_tls_unref(struct rules_tls *tls);

/* Borrowed. NULL: the socket has no TLS, or no certificate that can be used (PLAN_SOCKET(…)->is_tls says which). */
struct tls_server *rules_tls_server(const struct rules_tls *tls, unsigned worker, uint32_t socket);
/* Borrowed. NULL: the backend has no TLS, or what it needs can't be used (PLAN_BACKEND(…)->tls says which): never connect plain then. */
struct tls_client *rules_tls_client(const struct rules_tls *tls, unsigned worker, uint32_t backend);
