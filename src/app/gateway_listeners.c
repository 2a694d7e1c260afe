/* SPDX-License-Identifier: Apache-2.0 */
#include "app/gateway_listeners.h"

#include "base/mem.h"

#include <stdatomic.h>
#include <unistd.h>

struct gateway_listeners *gateway_listeners_new(void)
{
    struct gateway_listeners *listeners = mem_alloc(sizeof *listeners);
    atomic_init(&listeners->refs, 1);
    return listeners;
}

struct gateway_listeners *gateway_listeners_ref(struct gateway_listeners *listeners)
{
    atomic_fetch_add_explicit(&listeners->refs, 1, memory_order_relaxed);
    return listeners;
}

void gateway_listeners_unref(struct gateway_listeners *listeners)
{
    if (!listeners || atomic_fetch_sub_explicit(&listeners->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < listeners->count; i++)
        close(listeners->list[i].fd);
    mem_free(listeners);
}

bool gateway_listeners_has(const struct gateway_listeners *listeners, const struct address *address)
{
    for (size_t i = 0; i < listeners->count; i++) {
        if (address_eq(&listeners->list[i].address, address))
            return true;
    }
    return false;
}
