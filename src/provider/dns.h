/* SPDX-License-Identifier: Apache-2.0 */
/* Names to addresses, on a loop, again and again: A and AAAA from DNS and /etc/hosts, asked anew when their TTL is over. The
 * addresses that were good stay while a name can't be resolved. IP literals and Unix paths need no asking.
 * Lifetime: dns_new to dns_free; names live as long. Thread: the loop's. */
#pragma once

#include "base/address.h"
#include "io/loop.h"

/* More addresses of one name are left out. */
#define DNS_MAX_ADDRESSES 64

struct dns;
struct dns_name;

struct dns_options {
    const char *servers;           /* "127.0.0.1:5300"; NULL: those of the system */
    void (*on_change)(void *user); /* some name has other addresses, or got its first answer */
    void *user;
};

/* NULL with a reason when the resolver can't be set up. */
struct dns *dns_new(struct loop *loop, const struct dns_options *options, struct err *err)
    __attribute__((warn_unused_result));
void dns_free(struct dns *dns);

/* `known` are addresses from an earlier run, good until the first answer. May call on_change before it returns when no
 * asking is needed. */
struct dns_name *dns_add(struct dns *dns, struct str host, uint16_t port, const struct address *known,
                         size_t known_count);
/* In a fixed order, so that two answers with the same addresses are equal. */
const struct address *dns_get(const struct dns_name *name, size_t *count);
/* True once the name needs no asking, has known addresses or was answered, well or badly. */
bool dns_is_settled(const struct dns_name *name);
