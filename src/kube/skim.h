/* SPDX-License-Identifier: Apache-2.0 */
/* Finds its way in a JSON text (RFC 8259, strictly: UTF-8, at most SKIM_DEPTH deep) without building anything: what is found are runs of the
 * text itself. Thousands of objects pass through here, of which a few short texts are wanted and the rest is kept as it is.
 * Whatever has been returned as a value was checked as a whole. Lifetime: a value; the text is borrowed. Thread: any. */
#pragma once

#include "base/str.h"
#include "base/strbuf.h"

#define SKIM_DEPTH 64

/* Reads one value at `*at`, blanks in front of it passed over, and moves `*at` behind it. False: there is none. */
bool skim_value(struct str text, size_t *at, struct str *value) __attribute__((warn_unused_result));

/* The members of an object, one after the other. */
struct skim {
    struct str text;
    size_t at;
    size_t begin; /* of the member, at its name's quote */
    bool is_broken, is_over, has_members;
};

void skim_open(struct skim *skim, struct str object);
/* False: there is no more, or the text is broken. Names are what is between the quotes, escapes and all. */
bool skim_next(struct skim *skim, struct str *name, struct str *value);
/* All members were read, and nothing follows the object. */
bool skim_is_whole(const struct skim *skim);

/* The first member with this name, as it stands in the text; STR_NONE: there is none in front of what is broken. */
struct str skim_find(struct str object, struct str name);
/* What is between the quotes of a string without escapes; STR_NONE when `value` is none. */
struct str skim_text(struct str value);
/* skim_text(skim_find(…)). */
struct str skim_find_text(struct str object, struct str name);
/* A string as people read it: escapes resolved, at most `most` bytes of the text. Nothing when `value` is none. */
void skim_read(struct strbuf *out, struct str value, size_t most);
