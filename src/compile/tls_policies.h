/* SPDX-License-Identifier: Apache-2.0 */
/* How backends are spoken to: the protocol of a Service's port (appProtocol, GEP-1911), BackendTLSPolicies (GEP-1897), and what Backends say
 * themselves. Never weaker than written: where TLS is asked for and can't be had, nothing is sent.
 * Lifetime: the compiler's. Thread: control's. */
#pragma once

#include "compile/grants.h"

/* Why a reference leads nowhere. */
struct target_failure {
    const char *reason; /* the Gateway API's; NULL: it does not fail */
    struct str text;    /* what is wrong */
    struct str mend;    /* how to mend it; begins with "; " or is empty */
    bool is_said;       /* at the place where it can be mended */
    bool needs_tls;     /* the port speaks TLS, and nothing says how */
};

struct backend_way {
    enum plan_protocol protocol;
    const struct rule_tls *tls; /* NULL: plain */
    struct target_failure failure;
};

/* Finds the targets of all policies. */
void tls_policies_collect(struct compiler *compiler);

/* Judges what nobody has asked for, for outcomes: policies of backends that requests are meant for, and Backends. After all routes. */
void tls_policies_finish(struct compiler *compiler);

/* To a port of a Service; `port` is NULL when the Service is not among the manifests or has no ports. */
struct backend_way way_to_service(struct compiler *compiler, const struct reference *reference,
                                  const struct service_port *port);
struct backend_way way_to_backend(struct compiler *compiler, const struct reference *reference,
                                  const struct resource *backend);
