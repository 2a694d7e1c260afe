/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a text for tests of documents: its trees as one line of text, and its problems as people see them.
 * Lifetime: read_text_deinit. Thread: the test's. */
#pragma once

#include "manifest/document.h"

#define READ_TEXT_MAX 64

struct read_text {
    struct arena arena;
    struct problems problems;
    struct source source;
    struct document documents[READ_TEXT_MAX];
    size_t count; /* of documents; those above the maximum are only counted */
    bool is_whole;
};

void read_text_init(struct read_text *read, struct str text);
void read_text_deinit(struct read_text *read);
/* All documents: {key=value ...}, [item ...], and of scalars s"string", i12, f0.5, true, null; "broken" for a broken one.
 * With `has_places` each value is followed by @line:column, and each key by the same. In the arena, NUL-terminated. */
const char *read_text_show(struct read_text *read, bool has_places);
/* The problems, a line each without the last newline. In the arena. */
const char *read_text_problems(struct read_text *read);
