/* SPDX-License-Identifier: Apache-2.0 */
/* Path templates, learned: "GET /items/{id}" of GET /items/17 and GET /items/18. An element that looks like a number, a UUID, a hash or a
 * token is a parameter at once; a place with more than ENDPOINT_SIBLINGS different words becomes one, and what was learned below is merged.
 * Bounded: ENDPOINT_MOST endpoints per tree, then "METHOD /{...}". The same requests in any order end in the same templates.
 * Lifetime: endpoints_new to endpoints_free; names live as long. Thread: one. */
#pragma once

#include "base/str.h"

#define ENDPOINT_SIBLINGS 32
#define ENDPOINT_MOST 512

struct endpoint_tree;
struct endpoint_tree *endpoint_tree_new(void);
void endpoint_tree_free(struct endpoint_tree *tree);
/* "METHOD /path/{id}"; for calls pass is_call, and the name is the full method as it is. The query does not count. Borrowed from the tree. */
struct str endpoint_of(struct endpoint_tree *tree, struct str method, struct str target, bool is_call);
/* True once, after places were merged: names given before may now be another's. `from` is an old name, `to` what it is now; call until false. */
bool endpoint_renamed(struct endpoint_tree *tree, struct str *from, struct str *to);
