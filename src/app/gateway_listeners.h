/* SPDX-License-Identifier: Apache-2.0 */
/* The listening sockets that a gateway was handed for one plan; shared by its workers, read-only while they have it.
 * Lifetime: an atomic reference count; the last one closes the descriptors. Thread: any. */
#pragma once

#include "base/address.h"

#define GATEWAY_MAX_LISTENERS 256

struct gateway_listeners {
    _Atomic uint32_t refs;
    size_t count;
    struct {
        struct address address;
        int fd;
    } list[GATEWAY_MAX_LISTENERS];
};

/* An empty set. */
struct gateway_listeners *gateway_listeners_new(void);
struct gateway_listeners *gateway_listeners_ref(struct gateway_listeners *listeners);
void gateway_listeners_unref(struct gateway_listeners *listeners);
bool gateway_listeners_has(const struct gateway_listeners *listeners, const struct address *address);
