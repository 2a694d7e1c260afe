/* SPDX-License-Identifier: Apache-2.0 */
/* The provider of the quick start: one listener, one route, one live backend and the shadows that the command line names, in
 * the same tables that manifests fill. Lifetime: everything is made in the caller's arena; strs of the input are
 * borrowed. Thread: control's. */
#pragma once

#include "base/arena.h"
#include "plan/build.h"

#define FLAGS_ROUTE "default/quickstart#0"
#define FLAGS_LISTENER "default/quickstart/http"

struct flags_target {
    struct str label; /* as it was given: "HOST:PORT" */
    struct str host;  /* name, IP without brackets, or "unix:/path" */
    uint16_t port;
    uint32_t numerator, denominator; /* of shadows */
};

struct flags_input {
    struct address listen; /* with its real port */
    struct flags_target live;
    const struct flags_target *shadows;
    size_t shadow_count;
    uint32_t method_mask; /* that may be copied */
    enum plan_sampling sampling;
    enum plan_key key;
    struct str key_name;
    const struct cidr *trusted_proxies;
    size_t trusted_proxy_count;
};

/* Services that are named more than once are one backend; a further mirror to the same one has "~2" and so on behind its
 * label. */
struct rule_set flags_rules(const struct flags_input *input, uint64_t generation, struct arena *arena);
