/* SPDX-License-Identifier: Apache-2.0 */
/* Splits a text at the lines that divide YAML documents: `---` and `...` at the start of a line, with a blank or the line's
 * end behind them. No scalar can hold such a line, so nothing has to be parsed for it. Lifetime: the text's. Thread: any. */
#pragma once

#include "base/str.h"

struct place {
    uint32_t line, column; /* from 1; columns count characters */
};

struct part {
    struct str text; /* with the line that begins it and what stands before that, without the line that ends it */
    struct place at;
    struct str content; /* what is left of the text behind markers, comments and directives; empty: no document */
    struct place content_at;
    uint32_t directive; /* the first line that begins with % and is not %YAML 1.1 or 1.2 before the content, or 0 */
};

/* Takes the next part off `rest`, which begins at `line`; false at the end. */
bool part_next(struct str *rest, uint32_t *line, struct part *part);

/* True when a line ends with this byte: LF, or a CR without one. */
bool part_is_break(struct str text, size_t at);
/* Where a byte of a text stands that begins at `origin`. */
struct place part_place(struct str text, size_t offset, struct place origin);
