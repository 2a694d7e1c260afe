/* SPDX-License-Identifier: Apache-2.0 */
/* What references to Secrets, ConfigMaps and files lead to: identities and bundles of authorities, judged once each, by the labels of
 * plan/credentials.h. What is bad is said where it stands; while what it was before is still in force, it stays so.
 * Lifetime: the compiler's; the bytes are the result's. Thread: control's. */
#pragma once

#include "compile/grants.h"

struct tls_identity;

/* A label that can be used, or nothing, which was said. */
struct key_use {
    struct str label;              /* STR_NONE: nothing */
    struct tls_identity *identity; /* borrowed; NULL for a bundle, and for what is in force from before */
    bool is_kept; /* of a bundle: all of it is from before, since nothing of what there is now can be used */
};

/* The Secret that a reference leads to. `member` names it at the reference's node for messages, or NULL. `effect` ends the sentence when
 * nothing can be used: "nobody is served". */
struct key_use keyring_identity(struct compiler *compiler, const struct reference *reference, const char *effect);
/* The bundle of one or more ConfigMaps and Secrets of the same namespace as `from`. What can't be used is left out and said. */
struct key_use keyring_authorities(struct compiler *compiler, const struct schema_list *refs,
                                   const struct resource *from, const char *effect);
/* Whether a Secret in the namespace of `from` has authorities; true when there is no such Secret, which is then said where they are asked for. */
bool keyring_has_authorities(struct compiler *compiler, const struct object_ref *ref, const struct resource *from);
/* Those of the files that a Backend names. */
struct key_use keyring_file_identity(struct compiler *compiler, const struct resource *backend);
struct key_use keyring_file_authorities(struct compiler *compiler, const struct resource *backend);
/* Those of the system; `at` is who asks for them. */
struct key_use keyring_system(struct compiler *compiler, const struct node *at, const char *member);

/* Hands the credentials to the result. */
void keyring_finish(struct compiler *compiler);
void keyring_deinit(struct compiler *compiler);
