/* SPDX-License-Identifier: Apache-2.0 */
#include "compile/istio_tls.h"

#include "compile/keyring.h"
#include "compile/services.h"

#define EFFECT "the destination gets nothing, rather than plain text"

/* Settings of the port count alone, without those beside them. */
static const struct istio_client_tls *tls_of(const struct istio_traffic_policy *policy, uint16_t port)
{
    for (size_t i = 0; policy && i < policy->port_settings.count; i++) {
        const struct istio_traffic_policy *each = SCHEMA_ITEM(policy->port_settings, struct istio_traffic_policy, i);
        if (each->port->number.value == port)
            return each->tls;
    }
    return policy ? policy->tls : NULL;
}

static const struct istio_client_tls *find_tls(const struct istio_tls_rule *rule)
{
    const struct destination_rule *object = rule->resource ? rule->resource->object : NULL;
    const struct istio_client_tls *tls = rule->subset ? tls_of(rule->subset->policy, rule->reference->port) : NULL;
    return tls || !object ? tls : tls_of(object->spec->policy, rule->reference->port);
}

static void refuse(struct compiler *compiler, const struct istio_tls_rule *rule, struct backend_way *way)
{
    way->failure = (struct target_failure){
        .reason = "InvalidBackendTLS",
        .text = arena_printf(&compiler->scratch, "what DestinationRule %.*s/%.*s asks for can't be had",
                             STR_ARG(rule->resource->ns), STR_ARG(rule->resource->name)),
        .mend = STR(""),
        .is_said = true,
    };
}

/* The proxy beside Umbra speaks TLS of the mesh to what is sent to a Service's own address. */
static void take_mesh_tls(struct compiler *compiler, const struct istio_tls_rule *rule,
                          const struct istio_client_tls *tls, struct backend_way *way)
{
    if (services_are_routed(compiler, rule->reference)) {
        compiler_report(compiler, SEVERITY_NOTE, "UnsupportedValue", tls->node, "mode",
                        "ISTIO_MUTUAL is left to the sidecar beside Umbra: requests go to the Service's own address as "
                        "plain text");
        return;
    }
    compiler_report(compiler, SEVERITY_ERROR, "UnsupportedValue", tls->node, "mode",
                    "ISTIO_MUTUAL needs certificates of Istio, which this version has not, so " EFFECT
                    "; let a sidecar do it: run Umbra with one, and with --routing Service");
    refuse(compiler, rule, way);
}

static bool has_files(struct compiler *compiler, const struct istio_client_tls *tls)
{
    const char *member = tls->ca_certificates.len > 0      ? "caCertificates"
                         : tls->client_certificate.len > 0 ? "clientCertificate"
                         : tls->private_key.len > 0        ? "privateKey"
                                                           : NULL;
    if (!member || (str_eq(tls->ca_certificates, STR("system")) && tls->client_certificate.len == 0))
        return false;
    compiler_report(compiler, SEVERITY_ERROR, "UnsupportedValue", tls->node, member,
                    "files of Istio's proxy are not read, so " EFFECT
                    "; put them into a Secret and name it as credentialName");
    return true;
}

/* A Secret for SIMPLE has authorities or, with a certificate alone, none: then the system's count. */
static bool fill_keys(struct compiler *compiler, const struct istio_tls_rule *rule, const struct istio_client_tls *tls,
                      struct rule_tls *out)
{
    struct object_ref ref = {.node = place_of(tls->node, "credentialName"),
                             .group = STR(""),
                             .kind = STR("Secret"),
                             .name = tls->credential_name};
    struct schema_list refs = {.items = &ref, .count = 1};
    bool is_mutual = tls->mode.value == CLIENT_MUTUAL;
    if (ref.name.len == 0 || !keyring_has_authorities(compiler, &ref, rule->resource))
        out->authorities = keyring_system(compiler, tls->node, "credentialName").label;
    else
        out->authorities = keyring_authorities(compiler, &refs, rule->resource, EFFECT).label;
    if (!is_mutual)
        return out->authorities.ptr != NULL;
    struct reference reference = reference_make(&ref, rule->resource);
    out->identity = keyring_identity(compiler, &reference, EFFECT).label;
    return out->authorities.ptr && out->identity.ptr;
}

/* The names of the certificate: those that are written, else the host. */
static void fill_names(struct compiler *compiler, const struct istio_tls_rule *rule, const struct istio_client_tls *tls,
                       struct rule_tls *out)
{
    struct rule_san *sans = arena_alloc(compiler->arena, (tls->subject_alt_names.count + 1) * sizeof(*sans));
    for (size_t i = 0; i < tls->subject_alt_names.count; i++) {
        struct str name = *SCHEMA_ITEM(tls->subject_alt_names, struct str, i);
        bool is_uri = memmem(name.ptr, name.len, "://", 3) != NULL;
        sans[i] = (struct rule_san){is_uri ? SAN_URI : SAN_DNS, name};
    }
    out->sans = sans;
    out->san_count = tls->subject_alt_names.count;
    out->server_name = tls->sni.len > 0 ? tls->sni : rule->reference->host;
}

void istio_tls_apply(struct compiler *compiler, const struct istio_tls_rule *rule, struct backend_way *way)
{
    const struct istio_client_tls *tls = find_tls(rule);
    if (!tls || tls->mode.value == CLIENT_DISABLE)
        return;
    if (tls->mode.value == CLIENT_ISTIO_MUTUAL) {
        take_mesh_tls(compiler, rule, tls, way);
        return;
    }
    /* What the port's appProtocol lacks without a policy is here. */
    if (way->failure.needs_tls)
        way->failure = (struct target_failure){0};
    if (way->failure.reason)
        return;
    struct rule_tls *made = arena_alloc(compiler->arena, sizeof(*made));
    *made = (struct rule_tls){0};
    fill_names(compiler, rule, tls, made);
    way->tls = made;
    if (has_files(compiler, tls) || !fill_keys(compiler, rule, tls, made))
        refuse(compiler, rule, way);
}
