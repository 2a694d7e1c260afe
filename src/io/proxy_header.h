/* SPDX-License-Identifier: Apache-2.0 */
/* The header with which a balancer says whose connection it passes on: the PROXY protocol, versions 1 and 2 (HAProxy's
 * doc/proxy-protocol.txt, sections 2, 2.1 and 2.2). Whoever can connect can claim any address with it, so it is read only where an
 * operator said that none but the balancer can reach the listener.
 * Thread: any; a pure function. */
#pragma once

#include "base/address.h"

/* A header of version 1 has at most 107 bytes (section 2.1). One of version 2 says its length; the fixed part and the longest addresses
 * take 232, and what follows are TLVs, of which the largest in use is a client's certificate. */
#define PROXY_HEADER_V1_MAX 107
#define PROXY_HEADER_MAX 4096

enum proxy_header_parse { PROXY_HEADER_WHOLE, PROXY_HEADER_MORE, PROXY_HEADER_BAD };

struct proxy_header {
    size_t len; /* bytes of the header; what follows is the client's */
    bool
        has_addresses; /* false (LOCAL, UNKNOWN, UNSPEC): the balancer speaks for itself, the connection's own addresses count */
    struct address source, destination;
};

/* `bytes` are the first of a connection. MORE: they may still become a header; never with PROXY_HEADER_MAX bytes. BAD: they can't. */
enum proxy_header_parse proxy_header_parse(struct str bytes, struct proxy_header *header)
    __attribute__((warn_unused_result));
