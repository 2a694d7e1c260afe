/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/upstream.h"

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

static struct str address_key(const struct address *address)
{
    return (struct str){(const char *)address, sizeof *address};
}

void upstreams_init(struct upstreams *upstreams, struct codec *codec, struct registry_gateway *gauges)
{
    upstreams->codec = codec;
    upstreams->gauges = gauges;
    upstreams->turn = 0;
    map_init(&upstreams->pools);
}

void upstreams_deinit(struct upstreams *upstreams)
{
    for (size_t i = 0; i < upstreams->pools.count; i++) {
        if (upstreams->pools.entries[i].value)
            client_pool_drop(upstreams->pools.entries[i].value);
    }
    map_deinit(&upstreams->pools);
}

void upstreams_keep_only(struct upstreams *upstreams, const struct rules *rules)
{
    struct map wanted;
    map_init(&wanted);
    for (uint32_t i = 0; i < rules->plan->backends.count; i++) {
        for (size_t k = 0; k < rules->addresses[i].count; k++)
            map_add(&wanted, address_key(&rules->addresses[i].list[k]), upstreams);
    }
    for (size_t i = 0; i < upstreams->pools.count; i++) {
        struct client_pool *pool = upstreams->pools.entries[i].value;
        if (!pool || map_find(&wanted, address_key(client_pool_address(pool))))
            continue;
        map_remove(&upstreams->pools, address_key(client_pool_address(pool)));
        client_pool_drop(pool);
    }
    map_deinit(&wanted);
}

size_t upstreams_first(struct upstreams *upstreams, const struct rules_addresses *addresses)
{
    if (addresses->count == 1)
        return 0;
    size_t first = upstreams->turn++ % addresses->count;
    for (size_t k = 0; k < addresses->count; k++) {
        size_t at = (first + k) % addresses->count;
        const struct client_pool *pool = map_find(&upstreams->pools, address_key(&addresses->list[at]));
        if (!pool || !client_pool_is_failing(pool))
            return at;
    }
    return first;
}

struct client_pool *upstreams_pool(struct upstreams *upstreams, const struct address *address)
{
    struct client_pool *pool = map_find(&upstreams->pools, address_key(address));
    if (!pool) {
        pool = client_pool_new(upstreams->codec, address, &pool_ops, upstreams, 0);
        map_add(&upstreams->pools, address_key(address), pool);
    }
    return pool;
}
