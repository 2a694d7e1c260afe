/* SPDX-License-Identifier: Apache-2.0 */
/* Prints a CustomResourceDefinition of each kind that Umbra reads and that an API server may lack, so that tests need
 * nobody else's. They have the fields that Umbra knows, and no others. */
#include "manifest/kind_docs.h"

#include <stdio.h>

int main(void)
{
    struct strbuf out = STRBUF_INIT;
    for (size_t i = 0; i < KIND_COUNT; i++) {
        if (kind_table[i].group[0] == '\0')
            continue; /* the core group is part of every server */
        strbuf_add(&out, STR("---\n"));
        kind_crd(&kind_table[i], &out);
    }
    bool is_written = fwrite(out.ptr, 1, out.len, stdout) == out.len && fflush(stdout) == 0;
    strbuf_deinit(&out);
    return is_written ? 0 : 1;
}
