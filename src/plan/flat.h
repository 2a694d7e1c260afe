/* SPDX-License-Identifier: Apache-2.0 */
/* What the plan, the endpoints object and the credentials share: the head of a flat block, the checks of what it refers to, and the way
 * into and out of a sealed memfd. Lifetime: none of its own. Thread: any. */
#pragma once

#include "base/err.h"
#include "plan/layout.h"

/* All blocks begin with this. */
struct flat_head {
    uint64_t magic;
    uint32_t version;
    uint32_t size;     /* of the whole block */
    uint64_t checksum; /* XXH3-64 of the bytes after this field */
};

/* Arrays begin at multiples of this. */
#define FLAT_ALIGN 8
/* What is placed behind another array begins at a cache line, so that an element of 32 bytes lies in one. */
#define FLAT_LINE 64

typedef bool flat_check_fn(const void *bytes, size_t len, struct err *err);

/* Appends an array of `count` elements at *end and moves *end behind it, aligned. The caller refuses the block when *end is
 * over PLAN_MAX_BYTES afterwards, so that offsets and counts fit. */
struct plan_array flat_place(uint64_t *end, uint64_t count, size_t element_size);
/* Copies text to *end of the block, which has room for it, and moves *end. */
struct plan_str flat_add_text(void *block, uint32_t *end, struct str text);

uint64_t flat_checksum(const void *bytes, size_t len);
/* Sets size and checksum and copies the block into a memfd with all seals; -1 when the system refuses. */
int flat_seal(const char *name, void *bytes, size_t len, struct err *err);
/* Maps a sealed memfd of any contents that `check` accepts; NULL otherwise. `what` is for messages. */
const void *flat_map(int fd, const char *what, flat_check_fn *check, struct err *err);
void flat_unmap(const void *block);

/* Length, alignment, magic, version, size and checksum. */
bool flat_check_head(const void *bytes, size_t len, const struct flat_head *want, const char *what, struct err *err)
    __attribute__((warn_unused_result));
/* Behind `head_size`, inside the block and aligned. */
bool flat_has_array(const struct flat_head *head, size_t head_size, struct plan_array array, size_t element_size);
bool flat_has_range(struct plan_array array, struct plan_range range);
bool flat_has_text(struct plan_array strings, struct plan_str text);
/* The order of sorted labels: by bytes. */
int flat_compare_labels(struct str a, struct str b);
bool flat_is_address(const struct address *address);
bool flat_is_cidr(const struct cidr *cidr);
