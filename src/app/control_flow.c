/* SPDX-License-Identifier: Apache-2.0 */
#include "app/control_flow.h"

#include "base/strbuf.h"

static enum status_flow judge(const struct status_source *source, const struct status_mirror *mirror)
{
    uint64_t now_ns = source->now_wall_ns, sent_ns = mirror->last_sent_wall_ns;
    if (mirror->is_off || mirror->rule->is_suspended)
        return FLOW_SUSPENDED;
    if (mirror->breaker != BREAKER_CLOSED)
        return FLOW_BREAKER_OPEN;
    if (mirror->is_without_endpoint)
        return FLOW_NO_ENDPOINTS;
    bool is_recent = sent_ns > 0 && (now_ns < sent_ns || now_ns - sent_ns < FLOW_TRAFFIC_SECONDS * 1000000000ull);
    return is_recent ? FLOW_FLOWING : FLOW_NO_TRAFFIC;
}

static struct str key_of(struct str route, struct str mirror, struct strbuf *key)
{
    strbuf_clear(key);
    strbuf_add(key, route);
    strbuf_add_char(key, '\0');
    strbuf_add(key, mirror);
    return strbuf_str(key);
}

void flows_init(struct flows *flows, const struct status_source *source)
{
    struct status_walk walk;
    struct status_mirror mirror;
    struct strbuf key = STRBUF_INIT;
    map_init(&flows->by_mirror);
    status_open(&walk, source);
    while (status_next_mirror(&walk, &mirror)) {
        if (!mirror.rule || mirror.is_removed)
            continue;
        uintptr_t flow = judge(source, &mirror);
        map_add(&flows->by_mirror, key_of(mirror.route, mirror.mirror, &key), (void *)(flow + 1));
    }
    status_close(&walk);
    strbuf_deinit(&key);
}

void flows_deinit(struct flows *flows)
{
    map_deinit(&flows->by_mirror);
}

enum status_flow flows_find(const struct flows *flows, struct str route, struct str mirror)
{
    struct strbuf key = STRBUF_INIT;
    uintptr_t flow = (uintptr_t)map_find(&flows->by_mirror, key_of(route, mirror, &key));
    strbuf_deinit(&key);
    return flow > 0 ? (enum status_flow)(flow - 1) : FLOW_UNKNOWN;
}
