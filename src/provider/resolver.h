/* SPDX-License-Identifier: Apache-2.0 */
/* One lookup of a name, through c-ares on a loop. Lifetime: resolver_new to resolver_free; a query is the caller's memory
 * until its answer came or the resolver is freed (then no answer comes). Thread: the loop's. */
#pragma once

#include "base/address.h"
#include "io/loop.h"

struct resolver;
struct resolver_query;

struct resolver_answer {
    bool is_found;
    bool is_from_file;               /* /etc/hosts: there is no TTL */
    const char *problem;             /* when it is not found */
    uint64_t ttl_ms;                 /* the least of all records */
    const struct address *addresses; /* without ports; valid during the call */
    size_t count;
};

struct resolver_query {
    void (*on_answer)(struct resolver_query *query, const struct resolver_answer *answer);
    struct resolver *resolver;
    bool is_asking;
};

/* `servers` as "127.0.0.1:5300", NULL: those of the system. */
struct resolver *resolver_new(struct loop *loop, const char *servers, struct err *err)
    __attribute__((warn_unused_result));
void resolver_free(struct resolver *resolver);
/* on_answer runs once, possibly before this returns. */
void resolver_ask(struct resolver *resolver, struct resolver_query *query, const char *host);
/* Reads the system's configuration again, unless a query is under way. */
void resolver_refresh(struct resolver *resolver);
