/* SPDX-License-Identifier: Apache-2.0 */
#include "mirror/breaker.h"

#define NS_PER_MS 1000000ull

static uint32_t state(struct registry_mirror *mirror)
{
    return atomic_load_explicit(&mirror->breaker, memory_order_relaxed);
}

/* A probe that never comes back (its copy was dropped for another reason) is replaced after the same time again. */
bool breaker_allows(struct registry_mirror *mirror, uint64_t now_ns)
{
    if (state(mirror) == BREAKER_CLOSED)
        return true;
    uint64_t until = counter_get(&mirror->breaker_until_ns);
    if (now_ns < until)
        return false;
    uint64_t backoff_ns = atomic_load_explicit(&mirror->breaker_backoff_ms, memory_order_relaxed) * NS_PER_MS;
    if (!atomic_compare_exchange_strong_explicit(&mirror->breaker_until_ns, &until, now_ns + backoff_ns,
                                                 memory_order_relaxed, memory_order_relaxed))
        return false; /* another worker probes */
    atomic_store_explicit(&mirror->breaker, BREAKER_HALF_OPEN, memory_order_relaxed);
    return true;
}

void breaker_success(struct registry_mirror *mirror)
{
    if (atomic_load_explicit(&mirror->breaker_failures, memory_order_relaxed))
        atomic_store_explicit(&mirror->breaker_failures, 0, memory_order_relaxed);
    if (state(mirror) == BREAKER_CLOSED)
        return;
    atomic_store_explicit(&mirror->breaker_backoff_ms, 0, memory_order_relaxed);
    atomic_store_explicit(&mirror->breaker, BREAKER_CLOSED, memory_order_relaxed);
}

void breaker_failure(struct registry_mirror *mirror, uint64_t now_ns, uint64_t retry_after_ms, uint64_t draw)
{
    uint32_t failures = atomic_fetch_add_explicit(&mirror->breaker_failures, 1, memory_order_relaxed) + 1;
    uint32_t was = state(mirror);
    if (was == BREAKER_OPEN || (was == BREAKER_CLOSED && failures < BREAKER_FAILURES && !retry_after_ms))
        return; /* copies that were on their way when it opened do not lengthen it */
    uint64_t backoff_ms = atomic_load_explicit(&mirror->breaker_backoff_ms, memory_order_relaxed);
    backoff_ms = backoff_ms ? backoff_ms * 2 : BREAKER_FIRST_MS;
    if (backoff_ms < retry_after_ms)
        backoff_ms = retry_after_ms;
    if (backoff_ms > BREAKER_MAX_MS)
        backoff_ms = BREAKER_MAX_MS;
    uint64_t jitter_ns = draw % (backoff_ms * NS_PER_MS / 4);
    atomic_store_explicit(&mirror->breaker_backoff_ms, (uint32_t)backoff_ms, memory_order_relaxed);
    atomic_store_explicit(&mirror->breaker_until_ns, now_ns + backoff_ms * NS_PER_MS + jitter_ns, memory_order_relaxed);
    atomic_store_explicit(&mirror->breaker, BREAKER_OPEN, memory_order_relaxed);
}
