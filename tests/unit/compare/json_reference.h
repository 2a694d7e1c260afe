/* SPDX-License-Identifier: Apache-2.0 */
/* JSON read one byte after the other, by recursion: what json_parse must make of a text, however it does it.
 * Lifetime and thread: the caller's. */
#pragma once

#include "compare/json.h"

struct json_reference {
    struct json_value *values;
    uint32_t count, room;
};

void json_reference_deinit(struct json_reference *reference);
enum json_result json_reference_read(struct json_reference *reference, struct str text, unsigned depth, size_t most);
