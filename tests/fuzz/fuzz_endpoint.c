/* SPDX-License-Identifier: Apache-2.0 */
/* Each line is a target. Names are printable UTF-8 of bounded length, and the same once all was seen. */
#include "base/assert.h"
#include "base/utf8.h"
#include "compare/endpoint.h"
#include "compare/volatile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_name(struct str name)
{
    size_t blanks = 0;
    ASSERT(name.len > 0 && name.len < 1024);
    for (size_t at = 0, size; at < name.len; at += size) {
        size = utf8_len(str_slice(name, at, name.len));
        ASSERT(size > 0 && (size > 1 || (name.ptr[at] >= ' ' && name.ptr[at] < 0x7f)));
        blanks += name.ptr[at] == ' ';
    }
    ASSERT(blanks <= 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct endpoint_tree *tree = endpoint_tree_new();
    struct str from, to;
    for (int pass = 0; pass < 2; pass++) {
        size_t at = 0;
        while (at < len) {
            struct str line = {(const char *)data + at, len - at};
            line = str_slice(line, 0, str_find_char(line, '\n'));
            at += line.len + 1;
            struct str name = endpoint_of(tree, line.len % 3 ? STR("GET") : str_slice(line, 0, 4), line,
                                          line.len % 16 == 7);
            check_name(name);
            while (endpoint_renamed(tree, &from, &to)) {
                check_name(from);
                check_name(to);
                ASSERT(pass == 0 && !str_eq(from, to));
            }
            size_t middle = line.len / 2;
            (void)volatile_pair(str_slice(line, 0, middle), str_slice(line, middle, line.len));
        }
    }
    endpoint_tree_free(tree);
    return 0;
}
