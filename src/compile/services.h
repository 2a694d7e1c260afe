/* SPDX-License-Identifier: Apache-2.0 */
/* Where the endpoints of a Service are: EndpointSlices, else (files) DNS.
 * Lifetime: the compiler's. Thread: control's. */
#pragma once

#include "compile/grants.h"

void services_collect(struct compiler *compiler);

/* Why a reference leads nowhere. */
struct target_failure {
    const char *reason; /* the Gateway API's; NULL: it does not fail */
    struct str text;    /* what is wrong */
    struct str mend;    /* how to mend it; begins with "; " or is empty */
};
struct service_hosts {
    const struct rule_host *list; /* in the compiler's arena */
    size_t count;
    struct target_failure failure;
};
/* The hosts of a reference to a Service, which is not left out, and its port. */
struct service_hosts services_resolve(struct compiler *compiler, const struct reference *reference);
