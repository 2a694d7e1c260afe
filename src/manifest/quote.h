/* SPDX-License-Identifier: Apache-2.0 */
/* Texts in quotes: as YAML reads them back, and short in messages. Lifetime: the caller's memory. Thread: any. */
#pragma once

#include "base/strbuf.h"

/* A string as a YAML scalar or key on one line: plain where every reader takes it for the same string, else in double
 * quotes. `text` is UTF-8. */
void quote_yaml(struct strbuf *out, struct str text);

#define QUOTE_CHARACTERS 60 /* more would hide the rest of the message */
#define QUOTE_TEXT (QUOTE_CHARACTERS * 6 + 8)
/* `"text"` with escapes, cut with "…" where it is long; `out` has QUOTE_TEXT bytes and is returned. */
const char *quote_short(struct str text, char *out);
/* The same without the quotes. */
const char *quote_cut(struct str text, char *out);
