/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the compiler share during one run: the resources in force by age, indices by name, and the way to
 * say what is wrong. Lifetime: one call of compile(). Thread: control's. */
#pragma once

#include "base/map.h"
#include "compile/compile.h"
#include "manifest/gateway.h"
#include "manifest/grpc_route.h"
#include "manifest/service.h"
#include "manifest/umbra_kinds.h"
#include "manifest/virtual_service.h"

#define GATEWAY_GROUP "gateway.networking.k8s.io"
#define UMBRA_GROUP "umbra.dev"
#define ISTIO_GROUP "networking.istio.io"

/* A resource in force, with its name as precedence and messages want it. */
struct aged {
    const struct resource *resource;
    struct str key; /* "namespace/name" */
};
struct aged_list {
    struct aged *list; /* oldest first, then by key: the Gateway API's order on a tie */
    size_t count;
};

/* A Gateway that is served here. */
struct gateway_site {
    const struct resource *resource;
    const struct gateway *object;
    struct str key;
    size_t first, count; /* of compiler.listeners */
    bool takes_proxy_header;
    bool is_clear; /* it is known whether it does */
};
struct listener_site {
    const struct gateway_site *gateway;
    const struct gateway_listener *spec;
    size_t row;           /* of compiled.listeners */
    size_t rule;          /* of rule_set.listeners; SIZE_MAX: not served */
    uint32_t route_kinds; /* 1 << enum kind_id for each that it takes, by allowedRoutes.kinds */
    size_t last_route;    /* the serial of the route that was attached last */
};

struct backend_row {
    struct rule_backend rule;
    struct str owner; /* the Service's port or the Backend that it stands for */
    size_t twin;      /* the next one of the same owner and label, which differs in its protocol; SIZE_MAX: none */
};

/* Which Gateway has a port, and how: others with the same port must want the same. */
struct port_claim {
    const struct listener_site *site;
    bool is_tls, takes_proxy_header;
};

struct istio_gateway_site;

struct outcome_track;
struct tls_policy;
struct compiler {
    struct compiled *out;
    const struct compile_options *options;
    struct arena *arena;  /* of the result */
    struct arena scratch; /* ends with the run */
    struct aged_list by_age[KIND_COUNT];
    struct aged_list routes; /* HTTPRoutes and GRPCRoutes together */
    size_t guesses_left;     /* candidates that may still be compared: looking for what was meant costs time */

    struct map gateways;                 /* "namespace/name" → struct gateway_site */
    struct listener_site *listeners;     /* one for each of compiled.listeners, but for Istio's */
    struct map claims;                   /* listener, kind and host → struct aged (claims.h) */
    struct map sockets;                  /* port → index + 1 of rule_set.sockets */
    struct map namespaces;               /* name → struct schema_list of labels */
    struct rule_listener *listener_rows; /* of rule_set.listeners, being filled */
    struct address *socket_rows;         /* of rule_set.sockets, being filled */

    struct map grants;    /* what may be referred to from where */
    struct map slices;    /* "namespace/service" → struct slice_list */
    struct map targets;   /* reference → what it leads to */
    struct map labels;    /* label → index + 1 of backends */
    struct map outside;   /* "namespace/name" of a Backend that gets nothing → the reason (outside.h) */
    struct map annotated; /* "namespace/name" of a Backend → its own label, struct str */
    struct map revisions; /* "Backend namespace/name", and of Services → the revision that it says, struct str */
    struct backend_row *backends;
    size_t backend_count, backend_capacity;

    struct map keys;         /* kind and label → struct key_entry */
    struct map tls_policies; /* target → struct tls_policy */
    struct tls_policy *tls_policy_list;
    size_t tls_policy_count;
    struct map ways; /* Backend → struct backend_way */

    struct map blamed; /* what is left out, of which it is noted what follows from it */

    struct map policies;                /* target → struct policy_chain */
    struct rule_comparison *comparison; /* of mirrors without a policy; NULL until the first */
    struct policy *policy_list;
    size_t policy_count;
    bool has_unread[KIND_COUNT]; /* there are resources of the kind without a name that could be read */
    struct map held;             /* what a policy that can't be read is for → struct held */

    struct map istio_gateways; /* "namespace/name" → struct istio_gateway_site */
    struct istio_gateway_site *istio_sites;
    size_t istio_site_count;
    bool is_istio_said;     /* that Gateways of Istio are left out */
    struct map istio_hosts; /* listener and host → the struct aged of the first VirtualService there */
    struct map entries;     /* host → the struct aged of the ServiceEntry that has it */
    struct map rules;       /* namespace and host → struct rule_link of DestinationRules */
    struct map pods;        /* namespace and address → struct resource; empty until it is asked for */
    struct map peer_names;  /* of rule_set.peer_sets */
    struct rule_peer_set *peer_sets;
    size_t peer_capacity;
    /* For outcomes.h, in a cluster only. */
    struct outcome_track **tracks; /* one for each of manifests.resources that has a status; NULL: none is wanted */
    struct map roots;              /* a resource's root node → struct outcome_track */
    struct map reaches;            /* Service or Backend → struct outcome_reach */
    struct str said;               /* the last problem, with its place */
    bool is_judging;               /* of routes that get no requests, only what is wrong is wanted */

    struct map reached; /* what requests an earlier rule takes → its label, struct str */
    size_t reach_left;  /* entries that it may still get */
};

void compiler_init(struct compiler *compiler, struct compiled *out, const struct compile_options *options);
void compiler_deinit(struct compiler *compiler);

/* Says a problem at a member of a node, or at the node itself when `member` is NULL; `member` may be a path
 * ("limits.inFlight") and need not exist. `reason` may be "". */
void compiler_report(struct compiler *compiler, enum severity severity, const char *reason, const struct node *at,
                     const char *member, const char *format, ...) __attribute__((format(printf, 6, 7)));

/* A reference to what is among the manifests and left out because of an error, which is said there. */
struct left_out {
    const struct node *at;
    enum kind_id kind;
    struct str ns, name;
};
bool compiler_is_left_out(const struct compiler *compiler, enum kind_id kind, struct str ns, struct str name);
/* Notes what follows from it: once, since other references fare the same. */
void compiler_note_left_out(struct compiler *compiler, const struct left_out *what, const char *reason,
                            const char *effect);

/* Notes that the result would be another one if this were different. Strs are borrowed. */
void compiler_want(struct compiler *compiler, enum kind_id kind, struct str ns, struct str name);

/* The end of a sentence on a resource that does not exist: what may have been meant, or what there is; begins with "; "
 * or is empty. */
struct str compiler_hint(struct compiler *compiler, enum kind_id kind, struct str ns, struct str name);
/* What may have been meant, of the same namespace, or NULL. */
const char *compiler_guess(struct compiler *compiler, enum kind_id kind, struct str ns, struct str name);
/* The hint for a name out of a short list. */
struct str compiler_hint_name(struct compiler *compiler, struct str name, const struct str *names, size_t count);

/* A text, or what it means when it is absent. */
static inline struct str str_or(struct str text, struct str fallback)
{
    return text.ptr ? text : fallback;
}
static inline uint32_t clamp_u32(int64_t value)
{
    return value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
}
