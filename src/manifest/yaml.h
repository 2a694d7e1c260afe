/* SPDX-License-Identifier: Apache-2.0 */
/* Reads YAML documents into a tree, by means of libfyaml. Lifetime: yaml_deinit. Thread: the owner's. */
#pragma once

#include "manifest/tree.h"

struct fy_diag;
struct fy_parser;
struct yaml {
    struct fy_parser *parser; /* reused from document to document; NULL: to be made */
    struct fy_diag *diag;     /* what is wrong in the parser's eyes */
    struct strbuf copy;       /* of the document */
};

void yaml_init(struct yaml *yaml);
void yaml_deinit(struct yaml *yaml);
/* Reads `text`, which is one document that begins at `at`. False: it has a defect that the tree was told. Scalars refer to
 * the text where they can. */
bool yaml_read(struct yaml *yaml, struct str text, struct place at, struct tree *tree)
    __attribute__((warn_unused_result));
