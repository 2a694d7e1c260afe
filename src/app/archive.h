/* SPDX-License-Identifier: Apache-2.0 */
/* Texts with their names in one sealed memory file, that one control leaves to the next. Lifetime: archive_open to
 * archive_close; texts are borrowed from the mapping. Thread: any. */
#pragma once

#include "base/err.h"
#include "base/str.h"

struct archive {
    const char *bytes; /* NULL: empty */
    size_t len;
    size_t at; /* of the next text */
};

struct archive_entry {
    struct str name, text;
};

/* The memory file, or -1. */
int archive_seal(const struct archive_entry *entries, size_t count, struct err *err)
    __attribute__((warn_unused_result));
/* The descriptor stays the caller's. */
bool archive_open(struct archive *archive, int fd, struct err *err) __attribute__((warn_unused_result));
void archive_close(struct archive *archive);
/* False at the end, and where it is damaged. */
bool archive_next(struct archive *archive, struct archive_entry *entry);
