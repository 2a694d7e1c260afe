/* SPDX-License-Identifier: Apache-2.0 */
/* An API server in memory with one object, in place of kube/client.h and kube/watch.h: each write is one optimistic transaction, and all watches
 * see it at once. Lifetime: a scenario. Thread: one. */
#pragma once

#include "base/strbuf.h"
#include "kube/watch.h"

/* One replica's way to the server. */
struct kube_client {
    bool is_cut; /* requests are not answered, watches are stale */
};

struct fake_api {
    struct strbuf json; /* of the object; empty: there is none */
    unsigned version;
    struct kube_object object;
    char version_text[16];
    struct kube_watch *watches[8];
    size_t watch_count;
    unsigned writes, refused; /* requests that changed something; conflicts */
    bool is_forbidden;
};

void fake_api_init(struct fake_api *api);
void fake_api_deinit(struct fake_api *api);
/* Somebody else's write, which no watch has seen yet. */
void fake_api_change(struct fake_api *api, const char *json);
/* Likewise, and all see it. */
void fake_api_set(struct fake_api *api, const char *json);
/* The watch that was begun so many watches after the first sees what there is. */
void fake_api_tell_one(struct fake_api *api, size_t index);
/* Calls the watches again: a client is cut, or no longer. */
void fake_api_tell(struct fake_api *api);
