/* SPDX-License-Identifier: Apache-2.0 */
#include "analyze/events.h"

#include <inttypes.h>

void events_init(struct events *events)
{
    *events = (struct events){.newest = 0};
}

void events_deinit(struct events *events)
{
    for (size_t i = 0; i < EVENTS_KEPT; i++)
        strbuf_deinit(&events->data[i]);
}

void events_add(struct events *events, const char *name, struct str data, uint64_t wall_ns)
{
    events->newest = events->newest ? events->newest + 1 : wall_ns / 1000000u + 1;
    size_t at = events->newest % EVENTS_KEPT;
    strbuf_clear(&events->data[at]);
    strbuf_add(&events->data[at], data);
    events->names[at] = name;
    if (events->count < EVENTS_KEPT)
        events->count++;
}

bool events_write(const struct events *events, uint64_t *last, struct strbuf *out)
{
    uint64_t oldest = events->newest - events->count + 1, from = *last + 1;
    if (events->count == 0 || *last == events->newest)
        return false;
    if (*last < oldest || *last > events->newest)
        from = oldest;
    for (uint64_t number = from; number <= events->newest; number++) {
        size_t at = number % EVENTS_KEPT;
        strbuf_printf(out, "id: %" PRIu64 "\nevent: %s\ndata: ", number, events->names[at]);
        strbuf_add(out, strbuf_str(&events->data[at]));
        strbuf_add(out, STR("\n\n"));
    }
    *last = events->newest;
    return true;
}
