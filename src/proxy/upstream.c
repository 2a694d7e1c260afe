/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/upstream.h"

#include "base/assert.h"
#include "base/mem.h"
#include "route/balance.h"

#include <errno.h>

#define NS_PER_S 1000000000ull
/* Worse than any state of an endpoint: it was tried for this very request. */
#define COST_TRIED (8 * BALANCE_AVOID)

static bool count_connection(void *user)
{
    struct upstreams *upstreams = user;
    gauge_add(&upstreams->gauges->connections_live, 1);
    return true;
}

static void uncount_connection(void *user)
{
    struct upstreams *upstreams = user;
    gauge_add(&upstreams->gauges->connections_live, -1);
}

static const struct client_pool_ops pool_ops = {"live", count_connection, uncount_connection, NULL};

void upstreams_init(struct upstreams *upstreams, struct codec *codec, struct registry_gateway *gauges,
                    struct random *random)
{
    *upstreams = (struct upstreams){.codec = codec, .gauges = gauges, .random = random};
    map_init(&upstreams->endpoints);
}

static void endpoint_free(struct endpoint *endpoint)
{
    client_pool_drop(endpoint->pool);
    mem_free(endpoint);
}

void upstreams_deinit(struct upstreams *upstreams)
{
    for (size_t i = 0; i < upstreams->endpoints.count; i++) {
        struct endpoint *endpoint = upstreams->endpoints.entries[i].value;
        if (!endpoint)
            continue;
        ASSERT(!endpoint->in_flight);
        endpoint_free(endpoint);
    }
    map_deinit(&upstreams->endpoints);
}

static void free_if_over(struct upstreams *upstreams, struct endpoint *endpoint)
{
    if (!endpoint->is_unwanted || endpoint->in_flight)
        return;
    map_remove(&upstreams->endpoints, backend_key_bytes(&endpoint->key));
    endpoint_free(endpoint);
}

void upstreams_keep_only(struct upstreams *upstreams, const struct rules *rules)
{
    struct map wanted;
    map_init(&wanted);
    for (uint32_t i = 0; i < rules->plan->backends.count; i++) {
        const struct client_how how = backend_how(rules, upstreams->worker, i);
        for (size_t k = 0; k < rules->addresses[i].count; k++) {
            struct backend_key key = backend_key_make(&rules->addresses[i].list[k], &how);
            map_add(&wanted, backend_key_bytes(&key), upstreams);
        }
    }
    for (size_t i = 0; i < upstreams->endpoints.count; i++) {
        struct endpoint *endpoint = upstreams->endpoints.entries[i].value;
        if (!endpoint)
            continue;
        endpoint->is_unwanted = !map_find(&wanted, upstreams->endpoints.entries[i].key);
        free_if_over(upstreams, endpoint);
    }
    map_deinit(&wanted);
}

static struct endpoint *find_endpoint(const struct upstream *upstream, size_t at)
{
    struct backend_key key = backend_key_make(&upstream->addresses->list[at], &upstream->how);
    return map_find(&upstream->upstreams->endpoints, backend_key_bytes(&key));
}

static struct endpoint *get_endpoint(const struct upstream *upstream, size_t at)
{
    struct upstreams *upstreams = upstream->upstreams;
    struct endpoint *endpoint = find_endpoint(upstream, at);
    if (!endpoint) {
        const struct address *address = &upstream->addresses->list[at];
        endpoint = mem_alloc(sizeof *endpoint);
        endpoint->key = backend_key_make(address, &upstream->how);
        endpoint->pool = client_pool_new(upstreams->codec, address, &upstream->how, &pool_ops, upstreams);
        map_add(&upstreams->endpoints, backend_key_bytes(&endpoint->key), endpoint);
    }
    return endpoint;
}

void upstream_init(struct upstream *upstream, struct upstreams *upstreams, const struct rules *rules, uint32_t backend)
{
    upstream->upstreams = upstreams;
    upstream->addresses = &rules->addresses[backend];
    upstream->how = backend_how(rules, upstreams->worker, backend);
}

/* ---- choice ---- */

static uint64_t now_ns(const struct upstream *upstream)
{
    return loop_now_ns(upstream->upstreams->codec->loop);
}

static uint64_t cost_of(void *user, size_t at)
{
    const struct upstream *upstream = user;
    for (uint8_t i = 0; i < upstream->tried_count; i++) {
        if (upstream->tried[i] == at)
            return COST_TRIED;
    }
    const struct endpoint *endpoint = find_endpoint(upstream, at);
    return endpoint ? endpoint_cost(endpoint, now_ns(upstream)) : 0;
}

void upstream_choose(struct upstream *upstream)
{
    struct upstreams *upstreams = upstream->upstreams;
    const struct rules_addresses *addresses = upstream->addresses;
    size_t at = 0;
    upstream_give(upstream);
    if (addresses->count > 1)
        at = balance_pick(addresses->count, random_next(upstreams->random), cost_of, upstream);
    if (upstream->tried_count < UPSTREAM_FAILOVERS + 1)
        upstream->tried_count++;
    upstream->tried[upstream->tried_count - 1] = (uint32_t)at;
    endpoint_take(get_endpoint(upstream, at), &upstream->lease, now_ns(upstream));
}

void upstream_forget_tried(struct upstream *upstream)
{
    upstream->tried[0] = upstream->tried[upstream->tried_count - 1];
    upstream->tried_count = 1;
}

bool upstream_may_fail_over(const struct upstream *upstream)
{
    return upstream->tried_count <= UPSTREAM_FAILOVERS && upstream->tried_count < upstream->addresses->count;
}

void upstream_give(struct upstream *upstream)
{
    struct endpoint *endpoint = upstream->lease.endpoint;
    endpoint_give(&upstream->lease);
    if (endpoint)
        free_if_over(upstream->upstreams, endpoint);
}

/* ---- what became of it ---- */

static void say(const struct upstream *upstream, const char *what)
{
    struct upstreams *upstreams = upstream->upstreams;
    const struct endpoint *endpoint = upstream->lease.endpoint;
    uint64_t held_back;
    char text[ADDRESS_TEXT];
    if (upstream->addresses->count < 2 ||
        !log_limit_pass(&upstreams->ejections, now_ns(upstream), NS_PER_S, &held_back))
        return;
    struct str address = address_format(client_pool_address(endpoint->pool), text);
    if (endpoint->state == ENDPOINT_HEALTHY)
        log_info("the endpoint %.*s %s (%llu more lines like this held back)", STR_ARG(address), what,
                 (unsigned long long)held_back);
    else
        log_warn("the endpoint %.*s %s: no requests for %u s (%llu more lines like this held back)", STR_ARG(address),
                 what, endpoint->pause_ms / 1000, (unsigned long long)held_back);
}

void upstream_reached(struct upstream *upstream)
{
    if (endpoint_reached(&upstream->lease))
        say(upstream, "can be reached again");
}

/* Rules and peers disagree, which people have to mend. */
static void say_tls_failure(const struct upstream *upstream)
{
    struct endpoint *endpoint = upstream->lease.endpoint;
    uint64_t held_back;
    char text[ADDRESS_TEXT];
    if (!log_limit_pass(&endpoint->tls_failures, now_ns(upstream), NS_PER_S, &held_back))
        return;
    struct str address = address_format(client_pool_address(endpoint->pool), text);
    log_warn("no TLS with the live endpoint %.*s: %s (%llu more lines like this held back)", STR_ARG(address),
             client_pool_tls_failure(endpoint->pool), (unsigned long long)held_back);
}

void upstream_unreached(struct upstream *upstream, int error)
{
    if (error == EPROTO)
        say_tls_failure(upstream);
    if (endpoint_unreached(&upstream->lease, now_ns(upstream)))
        say(upstream, "can't be reached");
}

/* Half of them, rounded up, and never the last. */
static bool may_eject(void *user)
{
    const struct upstream *upstream = user;
    const struct rules_addresses *addresses = upstream->addresses;
    size_t ejected = 1; /* this one */
    for (size_t k = 0; k < addresses->count; k++) {
        const struct endpoint *endpoint = find_endpoint(upstream, k);
        ejected += endpoint && endpoint->state != ENDPOINT_HEALTHY;
    }
    return ejected <= (addresses->count + 1) / 2 && ejected < addresses->count;
}

void upstream_failed(struct upstream *upstream)
{
    if (endpoint_failed(&upstream->lease, now_ns(upstream), may_eject, upstream))
        say(upstream, "fails to answer");
}

void upstream_answered(struct upstream *upstream, uint16_t status)
{
    if (status == 502 || status == 503 || status == 504)
        upstream_failed(upstream);
    else if (endpoint_succeeded(&upstream->lease))
        say(upstream, "answers again");
}
