/* SPDX-License-Identifier: Apache-2.0 */
/* MirrorPolicies that can't be read, and of which no good version is known: what they would have kept from a shadow (secrets,
 * writes, whole clients) must not go out meanwhile, so the mirrors that they are for are suspended until they are mended.
 * Lifetime: the compiler's. Thread: control's. */
#pragma once

#include "compile/attach.h"

/* Finds what such policies are for: the targets that can still be read in them, else every route of their namespace. */
void held_collect(struct compiler *compiler);
/* Whether the mirrors of a route are to be suspended; said once per policy. */
bool held_has_route(struct compiler *compiler, const struct aged *route, const struct attachment *attachment);
