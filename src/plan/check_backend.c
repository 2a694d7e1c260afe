/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/check_parts.h"
#include "plan/flat.h"

static bool check_tls(const struct plan *plan, struct err *err)
{
    for (uint32_t i = 0; i < plan->tls.count; i++) {
        const struct plan_tls *tls = PLAN_TLS(plan, i);
        if (!flat_has_text(plan->strings, tls->server_name) || !flat_has_text(plan->strings, tls->authorities) ||
            !flat_has_text(plan->strings, tls->identity))
            return err_set(err, "plan: a text of TLS settings %u is outside the strings", i);
        if (!flat_has_range(plan->sans, tls->sans))
            return err_set(err, "plan: the names of TLS settings %u are outside their array", i);
        if (!tls->authorities.len || (!tls->server_name.len && !tls->sans.count))
            return err_set(err, "plan: TLS settings %u would check nothing", i);
    }
    for (uint32_t i = 0; i < plan->sans.count; i++) {
        const struct plan_san *san = PLAN_SAN(plan, i);
        if (san->kind > SAN_URI || !flat_has_text(plan->strings, san->name) || !san->name.len)
            return err_set(err, "plan: subject alternative name %u is damaged", i);
    }
    return true;
}

bool check_backends(const struct plan *plan, struct err *err)
{
    for (uint32_t i = 0; i < plan->backends.count; i++) {
        const struct plan_backend *backend = PLAN_BACKEND(plan, i);
        if (!flat_has_text(plan->strings, backend->label))
            return err_set(err, "plan: the label of backend %u is outside the strings", i);
        if (!flat_has_text(plan->strings, backend->revision))
            return err_set(err, "plan: the revision of backend %u is outside the strings", i);
        if (backend->protocol > PROTOCOL_ALPN)
            return err_set(err, "plan: backend %u has the unknown protocol %u", i, backend->protocol);
        if (backend->tls != PLAN_NONE && backend->tls >= plan->tls.count)
            return err_set(err, "plan: backend %u has TLS settings %u of %u", i, backend->tls, plan->tls.count);
        if (backend->protocol == PROTOCOL_ALPN && backend->tls == PLAN_NONE)
            return err_set(err, "plan: backend %u has ALPN without TLS", i);
    }
    return check_tls(plan, err);
}
