/* SPDX-License-Identifier: Apache-2.0 */
/* Reads JSON (RFC 8259) into a tree. YAML would do, but its reader needs a hundred times the memory for a long line, and
 * JSON often is one line. Lifetime: none. Thread: any. */
#pragma once

#include "manifest/tree.h"

enum json_result {
    JSON_DONE,
    JSON_REFUSED, /* the tree has said why */
    JSON_NOT,     /* no JSON: perhaps YAML */
};

/* Reads the map or list at the start of `text` and moves `text` and `at` behind it and the blanks that follow. Strings
 * refer to the text where they can. */
enum json_result json_read(struct str *text, struct place *at, struct tree *tree) __attribute__((warn_unused_result));
