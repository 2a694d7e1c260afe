/* SPDX-License-Identifier: Apache-2.0 */
/* What the scalars of YAML stand for, from the bytes between their quotes or below their header. libfyaml 0.7.12 could do
 * this, but gets quotes and backslashes in a row wrong, reads memory that it has not written where line ends are mixed, and
 * leaks. The bytes have been accepted by libfyaml.
 * Lifetime: results are in the arena, or a part of what was given. Thread: any. */
#pragma once

#include "base/arena.h"

struct yaml_block {
    bool is_folded;  /* `>` */
    char chomp;      /* '-': no line break at the end, '+': all of them, else one */
    unsigned indent; /* as written, or 0 */
};

struct str yaml_plain_text(struct str raw, struct arena *arena);
struct str yaml_single_text(struct str raw, struct arena *arena);
/* False for an escape that stands for no character. */
bool yaml_double_text(struct str raw, struct arena *arena, struct str *text) __attribute__((warn_unused_result));
/* `outer`: columns that the map or list is indented by which the block belongs to, if the header says how much more. */
struct str yaml_block_text(struct str raw, const struct yaml_block *block, unsigned outer, struct arena *arena);

/* Finds the header of the block scalar whose contents begin at `offset` of a document: the offset of its `|` or `>`.
 * document.len: there is none. */
size_t yaml_block_find(struct str document, size_t offset, struct yaml_block *block);
