/* SPDX-License-Identifier: Apache-2.0 */
/* The credentials object: certificates, private keys and CA bundles in PEM by label, apart from the plan, so that keys stand in one place
 * that is never logged, printed or dumped, and a renewed certificate recompiles no rules. Flat and position-independent like the plan, in a
 * sealed memfd; mapped with MADV_DONTDUMP and MADV_DONTFORK.
 * Labels say where the bytes come from: "secret/NAMESPACE/NAME" (an identity, or CAs, of a Secret), "configmap/NAMESPACE/NAME" (CAs),
 * "backend/NAMESPACE/NAME" (a client's identity or CAs of the files of a Backend), "system" (CAs, the system's). A bundle of several sources
 * has their labels with commas between them.
 * Lifetime: the mapping. Thread: read-only, any. */
#pragma once

#include "base/err.h"
#include "base/str.h"

#define CREDENTIALS_MAGIC 0x736465724361556dull
#define CREDENTIALS_VERSION 1
#define CREDENTIALS_MAX_BYTES (64u * 1024 * 1024)

struct credentials; /* the flat block */
struct credentials_builder;

enum credential_kind {
    CREDENTIAL_IDENTITY,
    CREDENTIAL_AUTHORITIES,
    CREDENTIAL_MARKER, /* labelled CREDENTIALS_MARKER: what copies are signed with, in place of the run's own key */
};
#define CREDENTIALS_MARKER "marker"
#define CREDENTIALS_OTHER_MARKER "marker-other" /* copies that are signed with it are known besides */

/* Borrowed. */
struct credential {
    enum credential_kind kind;
    struct str chain,
        key; /* identity: PEM; authorities: chain is the bundle, key is empty; marker: the key's bytes are the chain */
    uint64_t hash; /* XXH3-64 of kind and bytes: what has the same is the same */
};

struct credentials_builder *credentials_builder_new(uint64_t generation);
void credentials_builder_free(struct credentials_builder *builder); /* wiped */
/* A label is added once per kind; a second time with other bytes is a bug of the caller. */
void credentials_builder_add(struct credentials_builder *builder, struct str label, enum credential_kind kind,
                             struct str chain, struct str key);
/* A sealed memfd, or -1. */
int credentials_builder_seal(struct credentials_builder *builder, struct err *err) __attribute__((warn_unused_result));

/* Maps and checks a descriptor (stays the caller's); NULL when it is not sealed, damaged or of another version. */
const struct credentials *credentials_map(int fd, struct err *err) __attribute__((warn_unused_result));
void credentials_unmap(const struct credentials *credentials);
/* The check alone, for bytes in memory (fuzzed). */
bool credentials_check(const void *bytes, size_t len, struct err *err) __attribute__((warn_unused_result));
bool credentials_eq(const struct credentials *a, const struct credentials *b);
uint64_t credentials_generation(const struct credentials *credentials);
/* O(log n); false when there is none. */
bool credentials_find(const struct credentials *credentials, struct str label, enum credential_kind kind,
                      struct credential *found) __attribute__((warn_unused_result));
