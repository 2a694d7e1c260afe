/* SPDX-License-Identifier: Apache-2.0 */
/* The objects of one collection, in order of namespace and name. Lists come nearly in that order, so that adding is appending.
 * Lifetime: objects_deinit; all zero is empty. Thread: the owner's. */
#pragma once

#include "kube/object.h"

struct objects {
    struct kept **list;
    size_t count, capacity;
    size_t bytes; /* of the objects' blocks */
};

void objects_deinit(struct objects *objects);
struct kept *objects_find(const struct objects *objects, struct str ns, struct str name);
/* Takes over; what was there by this name is freed. */
void objects_put(struct objects *objects, struct kept *kept);
/* False: there was none. */
bool objects_remove(struct objects *objects, struct str ns, struct str name);
/* Removes what the list with this number had not; true when there was any. */
bool objects_sweep(struct objects *objects, uint32_t listing);
