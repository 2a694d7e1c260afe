/* SPDX-License-Identifier: Apache-2.0 */
/* The endpoints object: the addresses of all backends, apart from the plan, so that a change of addresses never recompiles
 * rules. Flat and position-independent like the plan, in a sealed memfd. Lifetime: the mapping. Thread: read-only, any. */
#pragma once

#include "base/address.h"
#include "base/err.h"

#define ENDPOINTS_MAGIC 0x73646e4561726d55ull /* "UmraEnds" read as bytes */
#define ENDPOINTS_VERSION 1

struct endpoints; /* the flat block */
struct endpoints_builder;

struct endpoints_builder *endpoints_builder_new(uint64_t generation);
void endpoints_builder_free(struct endpoints_builder *builder);
/* The addresses of one backend, possibly none; a label is added once. */
void endpoints_builder_add(struct endpoints_builder *builder, struct str label, const struct address *addresses,
                           size_t count);
/* A sealed memfd, or -1. */
int endpoints_builder_seal(struct endpoints_builder *builder, struct err *err) __attribute__((warn_unused_result));

/* Maps and checks a descriptor (stays the caller's); NULL when it is not sealed, damaged or of another version. */
const struct endpoints *endpoints_map(int fd, struct err *err) __attribute__((warn_unused_result));
void endpoints_unmap(const struct endpoints *endpoints);
/* The check alone, for bytes in memory (fuzzed). */
bool endpoints_check(const void *bytes, size_t len, struct err *err) __attribute__((warn_unused_result));

/* Whether both have the same addresses; the generation is no difference. */
bool endpoints_eq(const struct endpoints *a, const struct endpoints *b);
uint64_t endpoints_generation(const struct endpoints *endpoints);
/* Borrowed addresses of a backend; *count is 0 when the label is unknown or has none. O(log n). */
const struct address *endpoints_find(const struct endpoints *endpoints, struct str label, size_t *count);
