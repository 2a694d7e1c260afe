/* SPDX-License-Identifier: Apache-2.0 */
/* The Pods among the manifests: which one is behind an endpoint, which have what labels, and where those are.
 * Lifetime: the compiler's. Thread: control's. */
#pragma once

#include "compile/compiler.h"

/* Whether all labels are there with their values. */
bool labels_have(const struct schema_list *labels, const struct schema_list *wanted);

/* Whether the Pod behind an endpoint of a slice in the namespace has the labels. The Pod is the one that targetRef names, else the one that
 * has the address; without a Pod it has none. */
bool pods_endpoint_has(struct compiler *compiler, const struct endpoint *endpoint, struct str ns,
                       const struct schema_list *wanted);

/* The name of the set of peers that have the labels and are in the namespace; either may be empty. The set is made when it is asked for
 * first, and is among those of the rules. */
struct str pods_peer_set(struct compiler *compiler, struct str ns, const struct schema_list *labels);
