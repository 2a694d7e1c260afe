/* SPDX-License-Identifier: Apache-2.0 */
/* Where the endpoints of a Service are: EndpointSlices, else (files) DNS. Lifetime: the compiler's. Thread: control's. */
#pragma once

#include "compile/grants.h"

void services_collect(struct compiler *compiler);

struct service_hosts {
    const struct rule_host *list; /* in the compiler's arena */
    size_t count;
    const char *reason; /* NULL: resolved */
    struct str text;    /* what is wrong */
};
/* The hosts of a reference to a Service and its port. */
struct service_hosts services_resolve(struct compiler *compiler, const struct reference *reference);
