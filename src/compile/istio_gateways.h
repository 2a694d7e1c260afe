/* SPDX-License-Identifier: Apache-2.0 */
/* Istio's Gateways: which of them are served here, and their servers as listeners, one for each host.
 * Lifetime: the compiler's. Thread: control's. */
#pragma once

#include "compile/compiler.h"

/* One host of one server. */
struct istio_site {
    struct listener_site site; /* its spec says what the server says, in the Gateway API's words */
    struct str ns;             /* whose VirtualServices may have the host; empty: everybody's */
    bool redirects;            /* to https, whatever is asked for */
    bool is_shared;            /* the listener is that of another one */
};
/* A Gateway that is served here. */
struct istio_gateway_site {
    struct gateway_site gateway;
    struct istio_site *sites;
    size_t count;
};

/* Finds those that are served. Returns how many listeners they may have. */
size_t istio_gateways_collect(struct compiler *compiler);
/* Adds their listeners behind those of the Gateway API; `claims` are those of listeners.h. */
void istio_gateways_listen(struct compiler *compiler, struct map *claims);

/* NULL when it is not served here. */
const struct istio_gateway_site *istio_gateways_find(const struct compiler *compiler, struct str key);

/* The rules of servers that send everybody to https. Returns how many; `rows` has room for istio_gateways_redirects(). */
size_t istio_gateways_redirects(const struct compiler *compiler);
void istio_gateways_add_redirects(struct compiler *compiler, struct rule_route *rows);
