/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/endpoint.h"

#include "base/assert.h"
#include "route/balance.h"

#define NS_PER_MS 1000000ull

static bool is_due(const struct endpoint *endpoint, uint64_t now_ns)
{
    return endpoint->state != ENDPOINT_HEALTHY && now_ns >= endpoint->ejected_until_ns;
}

uint64_t endpoint_cost(const struct endpoint *endpoint, uint64_t now_ns)
{
    if (is_due(endpoint, now_ns))
        return 0; /* or what hangs there could keep it from ever being probed */
    return endpoint->in_flight + endpoint->state * BALANCE_AVOID;
}

void endpoint_take(struct endpoint *endpoint, struct lease *lease, uint64_t now_ns)
{
    *lease = (struct lease){endpoint, endpoint->era, is_due(endpoint, now_ns)};
    endpoint->in_flight++;
    if (lease->is_probe)
        endpoint->ejected_until_ns = now_ns + endpoint->pause_ms * NS_PER_MS;
}

void endpoint_give(struct lease *lease)
{
    struct endpoint *endpoint = lease->endpoint;
    if (!endpoint)
        return;
    ASSERT(endpoint->in_flight);
    endpoint->in_flight--;
    if (lease->is_probe && lease->era == endpoint->era)
        endpoint->ejected_until_ns = 0; /* it showed nothing: the next one probes */
    *lease = (struct lease){0};
}

static void enter(struct endpoint *endpoint, enum endpoint_state state)
{
    endpoint->state = (uint8_t)state;
    endpoint->failures = 0;
    endpoint->era++;
}

static void eject(struct endpoint *endpoint, enum endpoint_state why, uint64_t now_ns)
{
    bool is_unreachable = why == ENDPOINT_UNREACHABLE;
    uint32_t first_ms = is_unreachable ? ENDPOINT_UNREACHABLE_MS : ENDPOINT_FAILING_MS;
    uint32_t max_ms = is_unreachable ? ENDPOINT_UNREACHABLE_MAX_MS : ENDPOINT_FAILING_MAX_MS;
    uint32_t next_ms = endpoint->state == why ? 2 * endpoint->pause_ms : first_ms;
    endpoint->pause_ms = next_ms < max_ms ? next_ms : max_ms;
    endpoint->ejected_until_ns = now_ns + endpoint->pause_ms * NS_PER_MS;
    enter(endpoint, why);
}

/* While it is ejected only its probe counts among failures: others went there because all were ejected, and would push its return ever
 * further away. */
static bool is_counted(const struct lease *lease)
{
    const struct endpoint *endpoint = lease->endpoint;
    return lease->era == endpoint->era && (endpoint->state == ENDPOINT_HEALTHY || lease->is_probe);
}

bool endpoint_reached(struct lease *lease)
{
    struct endpoint *endpoint = lease->endpoint;
    if (lease->era != endpoint->era || endpoint->state != ENDPOINT_UNREACHABLE)
        return false;
    enter(endpoint, ENDPOINT_HEALTHY);
    lease->era = endpoint->era; /* its answer counts like any other's */
    lease->is_probe = false;
    return true;
}

bool endpoint_unreached(struct lease *lease, uint64_t now_ns)
{
    if (!is_counted(lease))
        return false;
    eject(lease->endpoint, ENDPOINT_UNREACHABLE, now_ns);
    return true;
}

bool endpoint_succeeded(struct lease *lease)
{
    struct endpoint *endpoint = lease->endpoint;
    if (lease->era != endpoint->era)
        return false;
    endpoint->failures = 0;
    if (endpoint->state == ENDPOINT_HEALTHY)
        return false;
    enter(endpoint, ENDPOINT_HEALTHY);
    return true;
}

bool endpoint_failed(struct lease *lease, uint64_t now_ns, bool (*may_eject)(void *user), void *user)
{
    struct endpoint *endpoint = lease->endpoint;
    if (!is_counted(lease))
        return false;
    /* One that may not be ejected is asked about again after as many failures, since asking has a price. */
    if (!lease->is_probe && (++endpoint->failures % ENDPOINT_FAILURES || !may_eject(user)))
        return false;
    eject(endpoint, ENDPOINT_FAILING, now_ns);
    return true;
}
