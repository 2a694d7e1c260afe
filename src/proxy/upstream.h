/* SPDX-License-Identifier: Apache-2.0 */
/* The live backends' connections of one worker: one pool per address, shared by all backends that have it, and surviving changes of
 * rules as long as the address does. Lifetime: the worker's. Thread: the worker's. */
#pragma once

#include "base/map.h"
#include "exchange/rules.h"
#include "http/client.h"

/* Longest wait for one connection to a live backend; after it the next endpoint is tried. */
#define UPSTREAM_CONNECT_MS 3000
/* Endpoints tried besides the first when no connection can be made (nothing was sent). */
#define UPSTREAM_FAILOVERS 2

struct upstreams {
    struct codec *codec;
    struct map pools; /* address bytes → struct client_pool */
    struct registry_gateway *gauges;
    uint32_t turn; /* round robin */
};

void upstreams_init(struct upstreams *upstreams, struct codec *codec, struct registry_gateway *gauges);
void upstreams_deinit(struct upstreams *upstreams);
/* Lets go of pools whose address no backend of the rules has. */
void upstreams_keep_only(struct upstreams *upstreams, const struct rules *rules);

/* Where the next request of a backend begins among its endpoints: round robin, past those that could not be reached lately. */
size_t upstreams_first(struct upstreams *upstreams, const struct rules_addresses *addresses);
/* The pool of an address, made when there is none. */
struct client_pool *upstreams_pool(struct upstreams *upstreams, const struct address *address);
