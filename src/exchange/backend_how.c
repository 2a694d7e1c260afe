/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/backend_how.h"

#include "exchange/rules_tls.h"

#include <string.h>

struct client_how backend_how(const struct rules *rules, unsigned worker, uint32_t backend)
{
    static const enum client_protocol protocols[] = {
        [PROTOCOL_HTTP1] = CLIENT_HTTP1, [PROTOCOL_HTTP2] = CLIENT_HTTP2, [PROTOCOL_ALPN] = CLIENT_ALPN};
    const struct plan_backend *rule = PLAN_BACKEND(rules->plan, backend);
    struct client_how how = {.protocol = protocols[rule->protocol], .is_tls = rule->tls != PLAN_NONE};
    if (how.is_tls)
        how.tls = rules_tls_client(rules->tls, worker, backend);
    return how;
}

struct backend_key backend_key_make(const struct address *address, const struct client_how *how)
{
    struct backend_key key;
    memset(&key, 0, sizeof key);
    key.address = *address;
    key.tls = how->tls;
    key.protocol = how->protocol;
    key.is_tls = how->is_tls;
    return key;
}
