/* SPDX-License-Identifier: Apache-2.0 */
/* The header edits of a rule, of a backendRef or of a mirror: set, add and remove, done one after the other as the plan lists them.
 * Whatever a plan says, an edit can't break a message or make it another one: fields that frame it, that end at this hop, Host, Expect
 * and the marker are left alone, and so are edits whose name is no token or whose value has a control character.
 * Thread: any; pure functions. */
#pragma once

#include "base/arena.h"
#include "http/head.h"
#include "plan/layout.h"

/* Edits of one list; those behind are ignored. The Gateway API allows 48 a filter. */
#define EDITS_MAX 256

/* A field that may be edited, with a name and a value that can stand in a head. */
bool edits_is_safe(struct str name, struct str value);

/* Fields that the list may add: head_copy's `spare` must have room for so many. */
size_t edits_room(struct plan_range edits);

/* `arena`: names and values are copied there; NULL: they are borrowed from the plan. */
void edits_apply(const struct plan *plan, struct plan_range edits, struct head *head, struct arena *arena);
