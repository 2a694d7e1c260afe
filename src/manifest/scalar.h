/* SPDX-License-Identifier: Apache-2.0 */
/* What a plain scalar means, as Kubernetes reads YAML: the booleans of YAML 1.1 with y and n, integers in base 2, 8, 10 and
 * 16 with underscores, floats, null; all else, timestamps too, is a string. Lifetime: none. Thread: any. */
#pragma once

#include "base/arena.h"
#include "manifest/node.h"

/* Sets kind and integer or real from the node's text. The arena is scratch for unusual numbers. */
void scalar_resolve(struct node *node, struct arena *arena);
