/* SPDX-License-Identifier: Apache-2.0 */
/* What the hosts of VirtualServices lead to: Services by their short or whole names, and hosts of ServiceEntries; narrowed to a subset and
 * spoken to as DestinationRules say. Lifetime: the compiler's. Thread: control's. */
#pragma once

#include "compile/services.h"
#include "manifest/destination_rule.h"

/* Finds the hosts of ServiceEntries and DestinationRules. */
void istio_destinations_collect(struct compiler *compiler);

/* The reference that a destination of a VirtualService is. The port is the only one that the host has where none is written. */
struct reference istio_reference(struct compiler *compiler, const struct istio_destination *destination,
                                 const struct resource *from);
/* The hosts of such a reference and how they are spoken to, or why it leads nowhere. */
struct service_hosts istio_destinations_resolve(struct compiler *compiler, const struct reference *reference);
/* "host:port", with "|subset": the label of what it leads to. */
struct str istio_reference_label(struct arena *arena, const struct reference *reference);
