/* SPDX-License-Identifier: Apache-2.0 */
/* The endpoints object: the addresses of all backends, and of the peers that rules tell apart, beside the plan, so that a change of
 * addresses never recompiles rules. Flat and position-independent like the plan, in a sealed memfd. Lifetime: the mapping. Thread: read-only, any. */
#pragma once

#include "base/address.h"
#include "base/err.h"

#define ENDPOINTS_MAGIC 0x73646e4561726d55ull /* "UmraEnds" read as bytes */
#define ENDPOINTS_VERSION 2

struct endpoints; /* the flat block */
struct endpoints_builder;

struct endpoints_builder *endpoints_builder_new(uint64_t generation);
void endpoints_builder_free(struct endpoints_builder *builder);
/* The addresses of one backend, possibly none; a label is added once. */
void endpoints_builder_add(struct endpoints_builder *builder, struct str label, const struct address *addresses,
                           size_t count);
/* The addresses of a set of peers, possibly none; ports and what is no IP do not count. A name is added once. */
void endpoints_builder_add_peers(struct endpoints_builder *builder, struct str name, const struct address *addresses,
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

/* The addresses of one set of peers, sorted. Lifetime: the mapping's. */
struct endpoint_peer {
    uint8_t family; /* ADDRESS_IPV4 (also of IPv4-mapped IPv6) or ADDRESS_IPV6 */
    uint8_t ip[16]; /* as in struct address */
};
struct endpoint_peers {
    const struct endpoint_peer *list;
    size_t count;
};
/* None when the name is unknown. O(log n). */
struct endpoint_peers endpoints_find_peers(const struct endpoints *endpoints, struct str name);
/* Whether the address is one of them, whatever its port. O(log n). */
bool endpoint_peers_has(const struct endpoint_peers *peers, const struct address *address);
