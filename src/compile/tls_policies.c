/* SPDX-License-Identifier: Apache-2.0 */
#include "compile/tls_policies.h"

#include "compile/keyring.h"
#include "compile/listener_tls.h"
#include "compile/outcomes.h"
#include "manifest/backend_tls_policy.h"

#define POLICY_EFFECT "its backends get nothing, rather than plain text"

enum policy_state { POLICY_UNJUDGED, POLICY_GOOD, POLICY_FAILED };

/* In the arena of the result, which has rows that point to `tls`. */
struct tls_policy {
    const struct resource *resource;
    const struct backend_tls_policy_spec *spec; /* NULL: it can't be read */
    enum policy_state state;
    struct rule_tls tls;
    bool is_kept; /* its authorities are those of before */
};

/* ---- targets ---- */

/* Names have no blank in them; the section "*" is all ports, "?" any one by its name. */
static struct str target_key(struct compiler *compiler, enum kind_id kind, struct str ns, struct str name,
                             struct str section)
{
    return arena_printf(&compiler->scratch, "%s %.*s/%.*s %.*s", kind_table[kind].name, STR_ARG(ns), STR_ARG(name),
                        STR_ARG(section));
}

static void add_target(struct compiler *compiler, struct tls_policy *policy, enum kind_id kind,
                       const struct object_ref *ref)
{
    struct str ns = policy->resource->ns;
    bool has_section = kind == KIND_SERVICE && ref->section_name.len > 0;
    struct str key = target_key(compiler, kind, ns, ref->name, has_section ? ref->section_name : STR("*"));
    const struct tls_policy *winner = map_find(&compiler->tls_policies, key);
    if (!winner)
        map_add(&compiler->tls_policies, key, policy);
    else if (policy->spec)
        compiler_report(compiler, SEVERITY_WARNING, "Conflicted", ref->node, NULL,
                        "BackendTLSPolicy %.*s has the same target and is %s, so it counts there and this does not; "
                        "take one out",
                        STR_ARG(winner->resource->name),
                        winner->resource->created_s < policy->resource->created_s ? "older" : "first by name");
    if (has_section)
        map_add(&compiler->tls_policies, target_key(compiler, kind, ns, ref->name, STR("?")), policy);
}

static bool has_port_named(const struct resource *service, struct str name)
{
    const struct service_spec *spec = ((const struct service *)service->object)->spec;
    for (size_t i = 0; spec && i < spec->ports.count; i++) {
        if (str_eq(SCHEMA_ITEM(spec->ports, struct service_port, i)->name, name))
            return true;
    }
    return false;
}

static struct str port_hint(struct compiler *compiler, const struct resource *service, struct str name)
{
    const struct service_spec *spec = ((const struct service *)service->object)->spec;
    size_t count = spec ? spec->ports.count : 0, used = 0;
    struct str *names = arena_alloc(&compiler->scratch, (count + 1) * sizeof(*names));
    for (size_t i = 0; i < count; i++) {
        struct str port = SCHEMA_ITEM(spec->ports, struct service_port, i)->name;
        if (port.len > 0)
            names[used++] = port;
    }
    return compiler_hint_name(compiler, name, names, used);
}

/* False, and said, when the policy can't be attached there. */
static bool check_service(struct compiler *compiler, const struct tls_policy *policy, const struct object_ref *ref)
{
    struct str ns = policy->resource->ns;
    const struct resource *service = manifests_find(compiler->out->manifests, KIND_SERVICE, ns, ref->name);
    if (!service && !manifests_has(compiler->out->manifests, KIND_SERVICE, ns, ref->name)) {
        if (compiler->options->is_cluster)
            compiler_report(compiler, SEVERITY_WARNING, "TargetNotFound", ref->node, "name",
                            "there is no Service %.*s in namespace %.*s, so the policy has no effect there%.*s",
                            STR_ARG(ref->name), STR_ARG(ns),
                            STR_ARG(compiler_hint(compiler, KIND_SERVICE, ns, ref->name)));
        else if (ref->section_name.len > 0)
            compiler_report(compiler, SEVERITY_ERROR, "TargetNotFound", ref->node, "sectionName",
                            "Service %.*s is not here, so nobody knows which of its ports \"%.*s\" is, and it gets "
                            "nothing, rather than plain text; add the Service, or take sectionName out",
                            STR_ARG(ref->name), STR_ARG(ref->section_name));
        return true;
    }
    if (!service || ref->section_name.len == 0 || has_port_named(service, ref->section_name))
        return true;
    compiler_report(compiler, SEVERITY_ERROR, "TargetNotFound", ref->node, "sectionName",
                    "Service %.*s has no port named \"%.*s\", so the policy has no effect there%.*s",
                    STR_ARG(ref->name), STR_ARG(ref->section_name),
                    STR_ARG(port_hint(compiler, service, ref->section_name)));
    return false;
}

static void warn_of_backend(struct compiler *compiler, const struct tls_policy *policy, const struct object_ref *ref)
{
    struct str ns = policy->resource->ns;
    if (!manifests_has(compiler->out->manifests, KIND_BACKEND, ns, ref->name))
        compiler_report(compiler, SEVERITY_WARNING, "TargetNotFound", ref->node, "name",
                        "there is no Backend %.*s in namespace %.*s, so the policy has no effect there%.*s",
                        STR_ARG(ref->name), STR_ARG(ns), STR_ARG(compiler_hint(compiler, KIND_BACKEND, ns, ref->name)));
    const struct resource *backend = manifests_find(compiler->out->manifests, KIND_BACKEND, ns, ref->name);
    if (backend && backend_has_tls(((const struct backend *)backend->object)->spec))
        compiler_report(compiler, SEVERITY_WARNING, "Conflicted", ref->node, NULL,
                        "Backend %.*s says itself how it is spoken to over TLS, so that counts and this does not; "
                        "take one out",
                        STR_ARG(ref->name));
}

static void add_ref(struct compiler *compiler, struct tls_policy *policy, const struct object_ref *ref)
{
    if (ref->group.len == 0 && str_eq(ref->kind, STR("Service"))) {
        if (check_service(compiler, policy, ref))
            add_target(compiler, policy, KIND_SERVICE, ref);
        return;
    }
    if (str_eq(ref->group, STR(UMBRA_GROUP)) && str_eq(ref->kind, STR("Backend"))) {
        warn_of_backend(compiler, policy, ref);
        add_target(compiler, policy, KIND_BACKEND, ref);
        return;
    }
    compiler_report(compiler, SEVERITY_WARNING, "TargetNotFound", ref->node, "kind",
                    "a BackendTLSPolicy counts for Services, and for Backends of group " UMBRA_GROUP ", not for a "
                    "%.*s (group \"%.*s\"), so it has no effect there",
                    STR_ARG(ref->kind), STR_ARG(ref->group));
}

/* A policy that can't be read still says which backends are not to be spoken to in plain text. */
static void add_unread(struct compiler *compiler, const struct resource *resource)
{
    const struct node *refs = node_find(node_find(resource->node, STR("spec")), STR("targetRefs"));
    struct tls_policy *policy = arena_alloc(&compiler->scratch, sizeof(*policy));
    *policy = (struct tls_policy){.resource = resource, .state = POLICY_FAILED};
    for (const struct node *node = refs ? refs->first : NULL; node; node = node->next) {
        struct object_ref ref = {
            .node = node,
            .name = node_text(node, STR("name")),
            .section_name = str_or(node_text(node, STR("sectionName")), STR("")),
        };
        bool is_backend = str_eq(node_text(node, STR("kind")), STR("Backend"));
        if (ref.name.len > 0)
            add_target(compiler, policy, is_backend ? KIND_BACKEND : KIND_SERVICE, &ref);
    }
}

void tls_policies_collect(struct compiler *compiler)
{
    const struct aged_list *aged = &compiler->by_age[KIND_BACKEND_TLS_POLICY];
    struct tls_policy *list = arena_alloc(compiler->arena, (aged->count + 1) * sizeof(*list));
    for (size_t i = 0; i < aged->count; i++) {
        const struct backend_tls_policy *object = aged->list[i].resource->object;
        list[i] = (struct tls_policy){.resource = aged->list[i].resource, .spec = object->spec};
        for (size_t j = 0; j < object->spec->target_refs.count; j++)
            add_ref(compiler, &list[i], SCHEMA_ITEM(object->spec->target_refs, struct object_ref, j));
    }
    compiler->tls_policy_list = list;
    compiler->tls_policy_count = aged->count;
    const struct manifests *manifests = compiler->out->manifests;
    for (size_t i = 0; i < manifests->resource_count; i++) {
        const struct resource *resource = &manifests->resources[i];
        if (resource->kind->id == KIND_BACKEND_TLS_POLICY && !resource->object)
            add_unread(compiler, resource);
    }
}

/* ---- what a policy says ---- */

static struct key_use authorities_of(struct compiler *compiler, const struct tls_policy *policy)
{
    const struct backend_validation *validation = policy->spec->validation;
    if (validation->ca_refs.count > 0)
        return keyring_authorities(compiler, &validation->ca_refs, policy->resource, POLICY_EFFECT);
    if (str_eq(validation->well_known, STR("System")))
        return keyring_system(compiler, validation->node, "wellKnownCACertificates");
    compiler_report(compiler, SEVERITY_ERROR, "Invalid", validation->node, "wellKnownCACertificates",
                    "%.*s is not known here, so " POLICY_EFFECT "; write System, or name a ConfigMap in "
                    "caCertificateRefs",
                    STR_ARG(validation->well_known));
    return (struct key_use){0};
}

static void add_alt_names(struct compiler *compiler, const struct backend_validation *validation, struct rule_tls *tls)
{
    struct rule_san *sans = arena_alloc(compiler->arena, (validation->alt_names.count + 1) * sizeof(*sans));
    for (size_t i = 0; i < validation->alt_names.count; i++) {
        const struct subject_alt_name *name = SCHEMA_ITEM(validation->alt_names, struct subject_alt_name, i);
        bool is_uri = name->type.value == ALT_NAME_URI;
        sans[i] = (struct rule_san){is_uri ? SAN_URI : SAN_DNS, is_uri ? name->uri : name->hostname};
    }
    tls->sans = sans;
    tls->san_count = validation->alt_names.count;
}

static void judge(struct compiler *compiler, struct tls_policy *policy)
{
    const struct backend_validation *validation = policy->spec->validation;
    bool has_options = tls_options_check(compiler, &policy->spec->options, POLICY_EFFECT);
    struct key_use authorities = authorities_of(compiler, policy);
    policy->tls = (struct rule_tls){.server_name = validation->hostname, .authorities = authorities.label};
    add_alt_names(compiler, validation, &policy->tls);
    policy->is_kept = authorities.is_kept;
    policy->state = has_options && authorities.label.ptr ? POLICY_GOOD : POLICY_FAILED;
}

static bool is_reached(struct compiler *compiler, const struct tls_policy *policy)
{
    for (size_t i = 0; i < policy->spec->target_refs.count; i++) {
        const struct object_ref *ref = SCHEMA_ITEM(policy->spec->target_refs, struct object_ref, i);
        if (outcomes_reach_of(compiler, ref->kind, policy->resource->ns, ref->name))
            return true;
    }
    return false;
}

void tls_policies_finish(struct compiler *compiler)
{
    for (size_t i = 0; compiler->tracks && i < compiler->tls_policy_count; i++) {
        struct tls_policy *policy = &compiler->tls_policy_list[i];
        struct outcome_track *track = outcomes_track(compiler, policy->resource);
        if (policy->state == POLICY_UNJUDGED && is_reached(compiler, policy))
            judge(compiler, policy);
        track->is_dead = !policy->tls.authorities.ptr;
        track->is_kept = policy->is_kept;
    }
    const struct aged_list *backends = &compiler->by_age[KIND_BACKEND];
    for (size_t i = 0; compiler->tracks && i < backends->count; i++)
        (void)way_to_backend(compiler, &(struct reference){0}, backends->list[i].resource);
}

static void use_policy(struct compiler *compiler, struct tls_policy *policy, struct backend_way *way)
{
    if (policy->state == POLICY_UNJUDGED)
        judge(compiler, policy);
    way->tls = &policy->tls;
    if (policy->state == POLICY_GOOD)
        return;
    way->failure = (struct target_failure){
        .reason = "InvalidBackendTLSPolicy",
        .text = arena_printf(&compiler->scratch,
                             "BackendTLSPolicy %.*s/%.*s, which says how it is spoken to, can't be "
                             "used",
                             STR_ARG(policy->resource->ns), STR_ARG(policy->resource->name)),
        .mend = STR(""),
        .is_said = true,
    };
}

/* ---- Services ---- */

enum port_need { NEED_NOTHING, NEED_TLS, NEED_OTHER };

/* What a port says that it speaks. Unknown names are taken for HTTP/1.1. */
static const struct port_kind {
    const char *name;
    enum plan_protocol protocol;
    enum port_need need;
} port_kinds[] = {
    {"kubernetes.io/h2c", PROTOCOL_HTTP2, NEED_NOTHING},
    {"h2c", PROTOCOL_HTTP2, NEED_NOTHING},
    {"http2", PROTOCOL_HTTP2, NEED_NOTHING},
    {"grpc", PROTOCOL_HTTP2, NEED_NOTHING},
    {"https", PROTOCOL_HTTP1, NEED_TLS},
    {"kubernetes.io/wss", PROTOCOL_HTTP1, NEED_TLS},
    {"wss", PROTOCOL_HTTP1, NEED_TLS},
    {"tls", PROTOCOL_HTTP1, NEED_TLS},
    {"h2", PROTOCOL_HTTP2, NEED_TLS},
    {"grpcs", PROTOCOL_HTTP2, NEED_TLS},
    {"udp", PROTOCOL_HTTP1, NEED_OTHER},
};

/* Istio reads a protocol at the front of a port's name: "grpc", "http2-api". */
static bool is_named_http2(const struct service_port *port)
{
    size_t dash = port ? str_find_char(port->name, '-') : 0;
    struct str word = port ? str_slice(port->name, 0, dash) : STR("");
    return str_eq(word, STR("grpc")) || str_eq(word, STR("http2"));
}

static struct port_kind port_kind_of(const struct service_port *port)
{
    for (size_t i = 0; port && i < sizeof(port_kinds) / sizeof(port_kinds[0]); i++) {
        if (str_eq_nocase(port->app_protocol, str_from_c(port_kinds[i].name)))
            return port_kinds[i];
    }
    return (struct port_kind){.protocol = PROTOCOL_HTTP1};
}

static struct tls_policy *find_policy(struct compiler *compiler, const struct reference *reference,
                                      const struct service_port *port)
{
    struct str ns = reference->ns, name = reference->name;
    struct tls_policy *policy = NULL;
    if (compiler->tls_policies.live == 0)
        return NULL;
    if (!port || port->name.len > 0)
        policy = map_find(&compiler->tls_policies,
                          target_key(compiler, KIND_SERVICE, ns, name, port ? port->name : STR("?")));
    /* A port that can't be told apart from the one that the policy is for. */
    if (policy && !port)
        policy->state = POLICY_FAILED;
    return policy ? policy : map_find(&compiler->tls_policies, target_key(compiler, KIND_SERVICE, ns, name, STR("*")));
}

struct backend_way way_to_service(struct compiler *compiler, const struct reference *reference,
                                  const struct service_port *port)
{
    struct port_kind kind = port_kind_of(port);
    if (reference->host.ptr && port && port->app_protocol.len == 0 && is_named_http2(port))
        kind.protocol = PROTOCOL_HTTP2;
    /* Calls of gRPC need HTTP/2, whatever a backend says or leaves open. */
    struct backend_way way = {.protocol = reference->is_grpc ? PROTOCOL_HTTP2 : kind.protocol};
    struct tls_policy *policy = find_policy(compiler, reference, port);
    if (policy && kind.need != NEED_OTHER) {
        use_policy(compiler, policy, &way);
        return way;
    }
    if (kind.need == NEED_NOTHING)
        return way;
    way.failure = (struct target_failure){
        .reason = "UnsupportedProtocol",
        .text = arena_printf(&compiler->scratch, "port %u of Service %.*s/%.*s speaks %.*s (its appProtocol)%s",
                             reference->port, STR_ARG(reference->ns), STR_ARG(reference->name),
                             STR_ARG(port->app_protocol),
                             kind.need == NEED_TLS ? ", and no BackendTLSPolicy says how its certificate is checked"
                                                   : ", which is not spoken here"),
        .needs_tls = kind.need == NEED_TLS,
        .mend = kind.need == NEED_TLS ? STR("; add a BackendTLSPolicy whose targetRefs name the Service")
                                      : STR("; name a port that speaks HTTP"),
    };
    return way;
}

/* ---- Backends ---- */

static bool has_cluster_problem(struct compiler *compiler, const struct backend_tls *tls)
{
    const char *member = tls->ca_file.len > 0 ? "caFile" : tls->cert_file.len > 0 ? "certFile" : NULL;
    if (!compiler->options->is_cluster || !member)
        return false;
    compiler_report(compiler, SEVERITY_ERROR, "Invalid", tls->node, member,
                    "in a cluster there are no files beside the manifest, so the Backend gets nothing; use %s",
                    tls->ca_file.len > 0 ? "caCertificateRefs" : "clientCertificateRef");
    return true;
}

static struct str first_host(const struct backend_spec *spec)
{
    return SCHEMA_ITEM(spec->endpoints, struct backend_endpoint, 0)->host;
}

/* False, and said, when any part that is written can't be had. */
static bool fill_tls(struct compiler *compiler, const struct resource *backend, struct rule_tls *out)
{
    const struct backend_spec *spec = ((const struct backend *)backend->object)->spec;
    const struct backend_tls *tls = spec->tls;
    struct key_use use;
    *out = (struct rule_tls){.server_name = tls && tls->server_name.len > 0 ? tls->server_name : first_host(spec)};
    if (tls && has_cluster_problem(compiler, tls))
        return false;
    if (tls && tls->ca_file.len > 0)
        use = keyring_file_authorities(compiler, backend);
    else if (tls && tls->ca_refs.count > 0)
        use = keyring_authorities(compiler, &tls->ca_refs, backend, "the Backend gets nothing");
    else
        use = keyring_system(compiler, tls ? tls->node : spec->node, tls ? "caFile" : "tls.caFile");
    out->authorities = use.label;
    if (!tls || (tls->cert_file.len == 0 && !tls->client_certificate))
        return out->authorities.ptr != NULL;
    if (tls->cert_file.len > 0) {
        use = keyring_file_identity(compiler, backend);
    } else {
        struct reference reference = reference_make(tls->client_certificate, backend);
        use = keyring_identity(compiler, &reference, "the Backend gets nothing");
    }
    out->identity = use.label;
    return out->authorities.ptr && out->identity.ptr;
}

static void own_way(struct compiler *compiler, const struct resource *backend, struct backend_way *way)
{
    struct rule_tls *tls = arena_alloc(compiler->arena, sizeof(*tls));
    way->tls = tls;
    if (fill_tls(compiler, backend, tls))
        return;
    way->failure = (struct target_failure){
        .reason = "InvalidBackendTLS",
        .text = arena_printf(&compiler->scratch, "what Backend %.*s/%.*s needs for TLS can't be had",
                             STR_ARG(backend->ns), STR_ARG(backend->name)),
        .mend = STR(""),
        .is_said = true,
    };
}

static enum plan_protocol protocol_of(const struct reference *reference, const struct backend_spec *spec)
{
    static const enum plan_protocol protocols[] = {
        [BACKEND_HTTP] = PROTOCOL_HTTP1,
        [BACKEND_H2C] = PROTOCOL_HTTP2,
        [BACKEND_HTTPS] = PROTOCOL_HTTP1,
        [BACKEND_AUTO] = PROTOCOL_ALPN,
    };
    bool is_plain_http = spec->protocol.is_set && spec->protocol.value == BACKEND_HTTP;
    return reference->is_grpc && !is_plain_http ? PROTOCOL_HTTP2 : protocols[spec->protocol.value];
}

struct backend_way way_to_backend(struct compiler *compiler, const struct reference *reference,
                                  const struct resource *backend)
{
    const struct backend_spec *spec = ((const struct backend *)backend->object)->spec;
    struct str key = target_key(compiler, KIND_BACKEND, backend->ns, backend->name, STR("way"));
    struct backend_way *way = map_find(&compiler->ways, key);
    if (way) {
        way->protocol = protocol_of(reference, spec);
        return *way;
    }
    way = arena_alloc(&compiler->scratch, sizeof(*way));
    *way = (struct backend_way){.protocol = protocol_of(reference, spec)};
    map_add(&compiler->ways, key, way);
    struct tls_policy *policy = map_find(&compiler->tls_policies,
                                         target_key(compiler, KIND_BACKEND, backend->ns, backend->name, STR("*")));
    if (backend_has_tls(spec))
        own_way(compiler, backend, way);
    else if (policy)
        use_policy(compiler, policy, way);
    return *way;
}
