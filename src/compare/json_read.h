/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the reader share; of this folder only. Lifetime: one json_parse. Thread: the owner's. */
#pragma once

#include "compare/json.h"

/* Four hexadecimal digits; -1: there are none. */
int32_t json_read_hex(const char *at, const char *end);
/* What follows the escape whose backslash stands before `at`; NULL: it is none. */
const char *json_skip_escape(const char *at, const char *end);

/* Room for so many values. */
void json_reserve(struct json *json, uint32_t count);

/* Where a reader is: at the first byte of the value or name that will be values[count], with so many containers open. */
struct json_stand {
    const char *at;
    uint32_t count, open;
    bool is_at_name; /* that is what comes next, and no value */
};

/* ---- json_follow.c ---- */

/* Both texts have had values of the same shape so far, so that values[i] of the one tape stands where values[i] of the other does, and the same
 * containers are open: what is next stands in the same place of both. `last` is the value that was read last, or the outermost container that
 * ended with it; UINT32_MAX: nothing was read yet. */
bool json_is_in_step(const struct json *json, const struct json *model, struct json_stand stand, uint32_t last);
/* Goes on to the last value or name of the model up to which the texts are the same; what lies between comes from the model's tape. The reader
 * goes on there, or is at the end (nothing is open, and all of the model was taken over). */
struct json_stand json_follow(struct json *json, const struct json *model, struct json_stand stand, const char *end);
