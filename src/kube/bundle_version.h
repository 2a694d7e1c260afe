/* SPDX-License-Identifier: Apache-2.0 */
/* Which version of the Gateway API a server has: what its CustomResourceDefinition of GatewayClass says of the bundle that it came with
 * (https://gateway-api.sigs.k8s.io/concepts/versioning/). One open watch of that one object. Who may not read it knows no version, and
 * all else works. Lifetime: bundle_version_new to bundle_version_free. Thread: the loop's. */
#pragma once

#include "base/str.h"

struct bundle_version;
struct kube_client;

#define BUNDLE_VERSION_CRD "gatewayclasses.gateway.networking.k8s.io"
#define BUNDLE_VERSION_MAX 64 /* characters of a version; longer ones are none */

struct bundle_version_options {
    struct kube_client *client;    /* borrowed */
    void (*on_change)(void *user); /* it is known now that there is one, another one or none */
    void *user;
};

struct bundle_version *bundle_version_new(const struct bundle_version_options *options);
/* Before its client. */
void bundle_version_free(struct bundle_version *version);
/* The server has answered, or refuses to: it is not worth waiting for. */
bool bundle_version_is_read(const struct bundle_version *version);
/* "v1.6.1"; empty: not known. Borrowed until the loop goes on. */
struct str bundle_version_text(const struct bundle_version *version);
/* Why it can't be known, a sentence; NULL. Borrowed until the loop goes on. */
const char *bundle_version_problem(const struct bundle_version *version);

/* What a CustomResourceDefinition says, into `text` with a NUL behind it; empty when it says none or no plain one. */
void bundle_version_read(struct str json, char text[BUNDLE_VERSION_MAX + 1]);
