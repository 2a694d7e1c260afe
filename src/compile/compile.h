/* SPDX-License-Identifier: Apache-2.0 */
/* From manifests to rule tables: which Gateways are served, which routes attach to which of their listeners, what
 * references lead to, which policy counts for which mirror. What can't be resolved costs only itself and is said. Knows
 * the Gateway API and Umbra's kinds; knows nothing of files, sockets and the plan's layout.
 * Lifetime: compiled_free; strs are borrowed from the manifests, of which it holds a reference. Thread: control's. */
#pragma once

#include "base/arena.h"
#include "compile/outcome.h"
#include "plan/build.h"
#include "plan/credentials.h"

#define COMPILE_CONTROLLER "umbra.dev/gateway-controller"

/* A file that a Backend names. */
struct compile_file {
    struct str text;
    const char *problem; /* NULL: it was read; else why not */
};

/* Where requests to a Service go. */
enum compile_routing { ROUTING_ENDPOINTS, ROUTING_SERVICE };

struct compile_options {
    struct address bind;   /* listeners' IP; its port does not count; ADDRESS_NONE: all (:: taking IPv4 too) */
    uint32_t port_offset;  /* added to the Gateways' ports; a sum over 65535 is an error of the listener */
    bool is_safe_methods;  /* --safe-methods: no warnings of copied writes */
    bool compares_nothing; /* --compare off */
    /* Classes are needed, Services have their addresses from EndpointSlices only, grants count for mirrors, credentials
     * do not leave a namespace. */
    bool is_cluster;
    struct str class_name; /* only Gateways of this GatewayClass; empty: of all that are Umbra's */
    bool trusts_class;     /* no GatewayClass can be read: Gateways that name class_name are served */
    bool awaits_marker;    /* there is no key yet that replicas know copies by: nothing is mirrored */
    bool allow_backends;   /* --allow-backends: in a cluster, Backends are served (their hosts are checked still) */
    /* Of a cluster, for status. The Service whose addresses are those of all Gateways, "namespace/name", else `addresses`. */
    struct str publish_service;
    const struct outcome_address *addresses;
    size_t address_count;
    struct str
        gateway_api_version; /* of the installed CRDs: the annotation gateway.networking.k8s.io/bundle-version; empty: unknown */
    enum compile_routing routing; /* of Services that say nothing themselves */
    /* The labels of Umbra's own pod: which of Istio's Gateways are served. Without them all are, but in a cluster none. */
    struct str istio_selector; /* "name=value,name=value"; STR_NONE: none */
    const struct cidr *trusted_proxies;
    size_t trusted_proxy_count;
    /* The files of tls_files.h, read before; false when nobody read it. May be NULL: there are none. */
    bool (*find_file)(const void *files, struct str path, struct compile_file *file);
    const void *files;
    struct str system_file;           /* with the authorities of the system; empty: there is none */
    const struct credentials *before; /* in force now: what is bad keeps its last good bytes; may be NULL */
    int64_t now_s;                    /* for warnings of expired certificates; 0: none */
};

/* What plan/credentials.h is made of. */
struct compiled_credential {
    struct str label;
    enum credential_kind kind;
    struct str chain, key;
};

/* Listeners, for status: those of the Gateway API, then those of Istio's Gateways, one for each host of a server. */
struct compiled_listener {
    const struct resource *gateway;
    const struct node *node; /* where it is written */
    struct str name;
    uint32_t attached_routes;
    size_t rule; /* of rules.listeners, perhaps with others of Istio; SIZE_MAX: not served */
};

struct compiled {
    struct arena arena;
    struct manifests *manifests;
    struct problems problems; /* of compiling only; those of reading are the manifests' */
    struct outcomes outcomes; /* of a cluster; else none */
    struct rule_set rules;    /* generation 0: the publisher sets it */
    struct compiled_listener *listeners;
    size_t listener_count;
    struct compiled_credential *credentials; /* those that the rules use; keys are wiped by compiled_free */
    size_t credential_count;
    struct resource_want *wants; /* Secrets, ConfigMaps and Pods that were looked for, there or not; may come twice */
    size_t want_count, want_capacity;
    size_t routes;    /* HTTPRoutes, GRPCRoutes and VirtualServices in the manifests, good or bad */
    size_t mirrored;  /* of them, in force with at least one mirror that is resolved and not suspended */
    size_t attention; /* resources with an error or a warning, of reading or compiling */
};

struct compiled *compile(struct manifests *manifests, const struct compile_options *options);
/* The outcomes once it is known which sockets could be bound: `unavailable` has for each of `listeners` why not, or an empty text. In
 * `arena`, and borrowed from the result besides. */
struct outcomes outcomes_with_ports(const struct compiled *compiled, const struct str *unavailable,
                                    struct arena *arena);
void compiled_free(struct compiled *compiled);
