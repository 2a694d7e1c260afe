/* SPDX-License-Identifier: Apache-2.0 */
/* How one worker connects to a backend of the rules: protocol, and TLS with its own context. What is reached in the same way by the same
 * context may share connections. Lifetime: values; the context is borrowed from the rules. Thread: any. */
#pragma once

#include "exchange/rules.h"
#include "http/client.h"

/* Never weaker than written: a backend that wants TLS and has no context that can be used has is_tls, and no tls. */
struct client_how backend_how(const struct rules *rules, unsigned worker, uint32_t backend);

/* What connections are kept apart by; its bytes are a key of maps. */
struct backend_key {
    struct address address;
    const struct tls_client *tls;
    uint32_t protocol, is_tls;
};

struct backend_key backend_key_make(const struct address *address, const struct client_how *how);
static inline struct str backend_key_bytes(const struct backend_key *key)
{
    return (struct str){(const char *)key, sizeof *key};
}
