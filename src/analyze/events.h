/* SPDX-License-Identifier: Apache-2.0 */
/* What happened, for whoever listens: the last EVENTS_KEPT server-sent events (WHATWG HTML 9.2). Numbers begin with the time in milliseconds, so that
 * they go on after a restart. Lifetime: events_init to events_deinit. Thread: the analyst's. */
#pragma once

#include "base/strbuf.h"

#define EVENTS_KEPT 256

struct events {
    uint64_t newest; /* number; 0: none yet */
    size_t count;
    struct strbuf data[EVENTS_KEPT]; /* by number modulo EVENTS_KEPT */
    const char *names[EVENTS_KEPT];
};

void events_init(struct events *events);
void events_deinit(struct events *events);
/* `data` is one line of JSON; `name` is static. */
void events_add(struct events *events, const char *name, struct str data, uint64_t wall_ns);
/* Those after *last, which is moved on. False: there are none. */
bool events_write(const struct events *events, uint64_t *last, struct strbuf *out);
