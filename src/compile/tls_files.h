/* SPDX-License-Identifier: Apache-2.0 */
/* The files that Backends name for TLS: which there are, for whoever reads them before the manifests are compiled.
 * Lifetime: the given arena. Thread: control's. */
#pragma once

#include "base/arena.h"
#include "manifest/manifests.h"

struct tls_file_names {
    struct str *paths; /* NUL-terminated; may come twice */
    size_t count;
    bool needs_system; /* somebody trusts the authorities of the system */
};

/* Of all Backends and BackendTLSPolicies in force. */
void tls_files_list(const struct manifests *manifests, struct arena *arena, struct tls_file_names *names);
/* A file that is named in a manifest: relative to the directory that the manifest is in. */
struct str tls_files_path(struct arena *arena, const struct node *at, struct str name);
