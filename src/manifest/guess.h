/* SPDX-License-Identifier: Apache-2.0 */
/* What a person may have meant by a word that does not exist or a text that has the wrong form.
 * Lifetime: the candidates'. Thread: any. */
#pragma once

#include "manifest/schema.h"

/* `next` yields candidates until NULL. */
typedef const char *guess_next_fn(size_t index, const void *user);
/* The candidate that is the word in another case, else the nearest, or NULL. */
const char *guess_word(struct str word, guess_next_fn *next, const void *user);
/* The only candidate that holds the word or is held by it, else the only one that begins as it does, or NULL. */
const char *guess_part(struct str word, guess_next_fn *next, const void *user);

#define GUESS_TEXT 128
/* What `text` would be in the format after the usual slips: upper case, "_" or blanks for "-", a URL or a port for a host. `out` has
 * GUESS_TEXT bytes and is returned; NULL when nothing valid comes of it. */
const char *guess_format(struct str text, const struct schema_format *format, char *out);
