/* SPDX-License-Identifier: Apache-2.0 */
/* Names to addresses, on a loop, again and again: A and AAAA from DNS and /etc/hosts, asked anew when their TTL is over. The
 * addresses that were good stay while a name can't be resolved. Each name is asked for once, however many want it.
 * Lifetime: dns_new to dns_free; a name while somebody holds it. Thread: the loop's. */
#pragma once

#include "base/address.h"
#include "io/loop.h"

/* More addresses of one name are left out. */
#define DNS_MAX_ADDRESSES 64
/* Questions under way; further names wait, so that ten thousand of them do not flood a name server. */
#define DNS_MAX_ASKING 256

struct dns;
struct dns_name;

struct dns_options {
    const char *servers;           /* "127.0.0.1:5300"; NULL: those of the system */
    void (*on_change)(void *user); /* some name has other addresses, or none is awaited any more */
    void *user;
};

/* NULL with a reason when the resolver can't be set up. */
struct dns *dns_new(struct loop *loop, const struct dns_options *options, struct err *err)
    __attribute__((warn_unused_result));
/* Names that are held end with it. */
void dns_free(struct dns *dns);

/* A name, asked for from now on if it is new; never calls on_change. Give it back with dns_give. */
struct dns_name *dns_take(struct dns *dns, struct str host);
void dns_give(struct dns_name *name);
/* An address from an earlier run, good until the first answer; ports do not count. */
void dns_know(struct dns_name *name, const struct address *address);
/* In a fixed order and without ports, so that two answers with the same addresses are equal. Borrowed until the loop goes on. */
const struct address *dns_get(const struct dns_name *name, size_t *count);

/* Whether a name that has no address is in its first question. */
bool dns_is_awaiting(const struct dns *dns);
/* The names that are awaited have had their time. */
void dns_stop_awaiting(struct dns *dns);

/* What needs no question: an IP literal with this port, or a Unix path. */
bool dns_literal(struct str host, uint16_t port, struct address *address) __attribute__((warn_unused_result));
