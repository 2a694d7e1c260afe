/* SPDX-License-Identifier: Apache-2.0 */
#include "mirror/rate.h"

#define BURST_NS 100000000ull

bool rate_allows(struct registry_mirror *mirror, uint64_t per_second, uint64_t now_ns)
{
    if (!per_second)
        return true;
    uint64_t interval_ns = 1000000000ull / per_second;
    uint64_t tat = counter_get(&mirror->rate_tat_ns);
    uint64_t next;
    do {
        uint64_t base = tat > now_ns ? tat : now_ns;
        if (base - now_ns > BURST_NS)
            return false;
        next = base + interval_ns;
    } while (!atomic_compare_exchange_weak_explicit(&mirror->rate_tat_ns, &tat, next, memory_order_relaxed,
                                                    memory_order_relaxed));
    return true;
}
