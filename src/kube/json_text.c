/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/json_text.h"

static int add_bytes(const char *bytes, size_t len, void *out)
{
    strbuf_add(out, (struct str){bytes, len});
    return 0;
}

void json_text_add(struct strbuf *out, const json_t *value)
{
    (void)json_dump_callback(value, add_bytes, out, JSON_COMPACT);
}
