/* SPDX-License-Identifier: Apache-2.0 */
/* The provider of the quick start: turns what the command line names into manifests, so that flags and files go one way and
 * `umbra print` can teach the language. One Gateway, one HTTPRoute, a Backend for each service, and a MirrorPolicy.
 * Lifetime: strs of the input are borrowed. Thread: any. */
#pragma once

#include "base/address.h"
#include "base/strbuf.h"
#include "plan/layout.h"

/* Where problems with these manifests are said to be. */
#define FLAGS_SOURCE "(command line)"

struct flags_target {
    struct str label; /* as it was given: "HOST:PORT" */
    struct str host;  /* name, IP without brackets, or "unix:/path" */
    uint16_t port;
    uint32_t numerator, denominator; /* of shadows */
};

struct flags_input {
    struct address listen; /* a port of 0 and a Unix path are written as port 80, which manifests need */
    struct flags_target live;
    const struct flags_target *shadows;
    size_t shadow_count;
    const struct flags_target *control; /* of every shadow; NULL: none */
    bool is_mirroring_writes;           /* else only GET, HEAD and OPTIONS are copied */
    enum plan_sampling sampling;
    enum plan_key key;
    struct str key_name;
};

/* Appends the documents. Services that are named more than once are one Backend. Labels are those of the quick start:
 * route default/quickstart#0, and HOST:PORT through an annotation of the Backend. */
void flags_manifest(const struct flags_input *input, struct strbuf *out);
