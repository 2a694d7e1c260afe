/* SPDX-License-Identifier: Apache-2.0 */
#include "compile/listener_tls.h"

#include "compile/keyring.h"
#include "compile/outcomes.h"
#include "manifest/gateway_extras.h"
#include "tls/identity.h"

bool tls_options_check(struct compiler *compiler, const struct schema_list *options, const char *effect)
{
    bool is_good = true;
    for (size_t i = 0; i < options->count; i++) {
        struct str name = SCHEMA_ITEM(*options, struct schema_pair, i)->key;
        const char *member = arena_printf(&compiler->scratch, "%.*s", STR_ARG(name)).ptr;
        size_t slash = str_find_char(name, '/');
        struct str domain = str_slice(name, 0, slash);
        bool is_foreign = slash < name.len && !str_eq(domain, STR(UMBRA_GROUP)) &&
                          !str_ends_with(domain, STR("." UMBRA_GROUP));
        if (is_foreign)
            compiler_report(compiler, SEVERITY_WARNING, "UnsupportedValue", options->node, member,
                            "is an option of another implementation, so it has no effect here; take it out");
        else
            compiler_report(compiler, SEVERITY_ERROR, "UnsupportedValue", options->node, member,
                            "no such option is known, so %s: to go on without it could be weaker than what is "
                            "written; take it out",
                            effect);
        is_good = is_good && is_foreign;
    }
    return is_good;
}

static const struct client_validation *validation_of(const struct listener_site *site)
{
    const struct gateway_tls *tls = site->gateway->object->spec->tls;
    const struct frontend_tls *frontend = tls ? tls->frontend : NULL;
    for (size_t i = 0; frontend && i < frontend->per_port.count; i++) {
        const struct frontend_tls_port *port = SCHEMA_ITEM(frontend->per_port, struct frontend_tls_port, i);
        if (port->port.value == site->spec->port.value)
            return port->tls->validation;
    }
    return frontend ? frontend->fallback->validation : NULL;
}

/* Who asks for clients' certificates does not want to be reached without. */
static bool check_frontend(struct compiler *compiler, const struct listener_site *site)
{
    const struct client_validation *validation = validation_of(site);
    if (!validation)
        return true;
    if (str_eq(validation->mode, STR("AllowInsecureFallback"))) {
        compiler_report(compiler, SEVERITY_WARNING, "UnsupportedValue", validation->node, NULL,
                        "this version does not ask clients for certificates, so listener %.*s takes all of them, as "
                        "AllowInsecureFallback lets it",
                        STR_ARG(site->spec->name));
        return true;
    }
    compiler_report(compiler, SEVERITY_ERROR, "UnsupportedValue", validation->node, NULL,
                    "this version does not check clients' certificates, so listener %.*s is not served: without the "
                    "check everybody would be let in; take the validation out for this port, or let whoever stands in "
                    "front of Umbra check",
                    STR_ARG(site->spec->name));
    outcomes_add(compiler, site->gateway->resource, (size_t)(site - compiler->listeners) - site->gateway->first,
                 ASPECT_ACCEPTED, "UnsupportedValue");
    return false;
}

static void warn_of_hostname(struct compiler *compiler, const struct gateway_listener *spec, const struct key_use *uses,
                             size_t count)
{
    bool is_judged = false;
    for (size_t i = 0; i < count; i++) {
        if (uses[i].identity && tls_identity_is_for(uses[i].identity, spec->hostname))
            return;
        is_judged = is_judged || uses[i].identity;
    }
    if (is_judged && spec->hostname.len > 0)
        compiler_report(compiler, SEVERITY_WARNING, "", spec->node, "hostname",
                        "none of the listener's certificates is for %.*s, so clients refuse it; name a Secret whose "
                        "certificate is",
                        STR_ARG(spec->hostname));
}

static bool add_certificates(struct compiler *compiler, const struct listener_site *site, struct rule_listener *row)
{
    const struct schema_list *refs = &site->spec->tls->certificate_refs;
    struct str *labels = arena_alloc(compiler->arena, (refs->count + 1) * sizeof(*labels));
    struct key_use *uses = arena_alloc(&compiler->scratch, (refs->count + 1) * sizeof(*uses));
    size_t count = 0;
    for (size_t i = 0; i < refs->count; i++) {
        struct reference reference = reference_make(SCHEMA_ITEM(*refs, struct object_ref, i), site->gateway->resource);
        uses[count] = keyring_identity(compiler, &reference,
                                       refs->count == 1 ? "the listener is not served" : "no client gets it");
        if (!uses[count].label.ptr)
            continue;
        labels[count] = uses[count].label;
        count++;
    }
    row->certificates = labels;
    row->certificate_count = count;
    if (count > 0)
        warn_of_hostname(compiler, site->spec, uses, count);
    else if (refs->count > 1)
        compiler_report(compiler, SEVERITY_NOTE, "InvalidCertificateRef", site->spec->tls->node, "certificateRefs",
                        "none of its certificates can be used, so the listener is not served");
    return count > 0;
}

bool listener_tls_compile(struct compiler *compiler, const struct listener_site *site, struct rule_listener *row)
{
    const struct listener_tls *tls = site->spec->tls;
    if (!tls || tls->certificate_refs.count == 0) {
        compiler_report(compiler, SEVERITY_ERROR, "InvalidCertificateRef", site->spec->node, "tls.certificateRefs",
                        "the protocol HTTPS needs a certificate, so the listener is not served; name a Secret of type "
                        "kubernetes.io/tls, as tls: {certificateRefs: [{name: example-com-tls}]}");
        return false;
    }
    bool has_options = tls_options_check(compiler, &tls->options, "the listener is not served");
    bool has_frontend = check_frontend(compiler, site);
    return add_certificates(compiler, site, row) && has_options && has_frontend;
}
