/* SPDX-License-Identifier: Apache-2.0 */
/* What the load generator asks for: one request, or those of a file, in turn. All are rendered before the load begins, so
 * that each costs the same. Lifetime: the process. Thread: one. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct request {
    const char *bytes;
    size_t size;
};

/* Takes the heads in the file, one behind the other, each with its empty line; without this there is one built in. False:
 * there is none, or it can't be read (errno says why, or is 0). */
bool requests_read(const char *path);

/* The next in turn, and after the last the first again. */
struct request requests_next(void);
