/* SPDX-License-Identifier: Apache-2.0 */
/* Where the endpoints of a Service are, and how they are spoken to: EndpointSlices, else (files) DNS.
 * Lifetime: the compiler's. Thread: control's. */
#pragma once

#include "compile/tls_policies.h"

void services_collect(struct compiler *compiler);

struct service_hosts {
    const struct rule_host *list; /* in the compiler's arena */
    size_t count;
    struct backend_way way;
};
/* Whether requests go to the Service's own address (--routing Service) and not to its endpoints. */
bool services_are_routed(struct compiler *compiler, const struct reference *reference);
/* The hosts of a reference to a Service, which is not left out, and its port. */
struct service_hosts services_resolve(struct compiler *compiler, const struct reference *reference);
