/* SPDX-License-Identifier: Apache-2.0 */
/* Says in words for people what libfyaml dislikes, and where. Lifetime: none. Thread: any. */
#pragma once

#include "manifest/tree.h"

struct yaml_error {
    struct str text;     /* the document */
    struct place origin; /* where it begins in the file */
    const char *message; /* libfyaml's; "" when it has none */
    struct place at;     /* in the document, from 1 */
};

/* Adds the problem to the tree's. */
void yaml_error_tell(const struct yaml_error *found, struct tree *tree);
