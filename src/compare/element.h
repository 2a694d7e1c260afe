/* SPDX-License-Identifier: Apache-2.0 */
/* The elements of a request target's path, one after the other, as they stand in the names of endpoints: unescaped where that can be shown,
 * valid UTF-8, printable, without blanks, slashes and braces. Of this folder only.
 * Lifetime: the target's, and of what had to be written anew the caller's room. Thread: any. */
#pragma once

#include "base/str.h"

/* Longer elements are no words. */
#define ELEMENT_MOST 64
/* One byte becomes three at most. */
#define ELEMENT_ROOM (3 * ELEMENT_MOST)

/* The path of a target in origin-form or absolute-form, without its query; STR_NONE when it has none. */
struct str element_path(struct str target);

enum element_kind { ELEMENT_END, ELEMENT_WORD, ELEMENT_LONG, ELEMENT_UP };
/* Takes the next element off `path`; empty ones and "." are left out, ".." is ELEMENT_UP, parameters behind ';' are cut off. */
enum element_kind element_next(struct str *path, char room[ELEMENT_ROOM], struct str *element);
/* It looks like a number, an id, a token, a date or an e-mail address. */
bool element_is_id(struct str element);
