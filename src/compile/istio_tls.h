/* SPDX-License-Identifier: Apache-2.0 */
/* How a destination is spoken to over TLS, as its DestinationRule says. Never weaker than written: what can't be had makes the destination lead
 * nowhere. Lifetime: the compiler's. Thread: control's. */
#pragma once

#include "compile/tls_policies.h"
#include "manifest/destination_rule.h"

struct istio_tls_rule {
    const struct reference *reference;
    const struct resource *resource; /* the DestinationRule that counts; NULL: none */
    const struct istio_subset *subset;
};

/* Puts it into the way, in place of what the port itself would ask for. */
void istio_tls_apply(struct compiler *compiler, const struct istio_tls_rule *rule, struct backend_way *way);
