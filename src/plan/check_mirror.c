/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/check_parts.h"
#include "plan/flat.h"

static bool check_sampling(const struct plan_mirror *mirror, uint32_t i, struct err *err)
{
    if (mirror->sampling > SAMPLING_HASH)
        return err_set(err, "plan: mirror %u has the unknown sampling %u", i, mirror->sampling);
    if (mirror->denominator < 1 || mirror->numerator > mirror->denominator)
        return err_set(err, "plan: mirror %u copies %u of %u", i, mirror->numerator, mirror->denominator);
    if (mirror->key > KEY_TRACE_ID)
        return err_set(err, "plan: mirror %u has the unknown key %u", i, mirror->key);
    if (mirror->sampling == SAMPLING_HASH && mirror->key == KEY_NONE)
        return err_set(err, "plan: mirror %u samples by hash without a key", i);
    bool has_name = mirror->key == KEY_HEADER || mirror->key == KEY_COOKIE || mirror->key == KEY_QUERY;
    if (has_name && mirror->key_name.len == 0)
        return err_set(err, "plan: the key of mirror %u has no name", i);
    return true;
}

static bool check_copies(const struct plan *plan, const struct plan_mirror *mirror, uint32_t i, struct err *err)
{
    if (mirror->host_kind > COPY_HOST_LITERAL)
        return err_set(err, "plan: mirror %u has the unknown kind of host %u", i, mirror->host_kind);
    if (mirror->trace > COPY_TRACE_NEW_ROOT)
        return err_set(err, "plan: mirror %u has the unknown kind of trace %u", i, mirror->trace);
    if (mirror->has_baggage > 1)
        return err_set(err, "plan: mirror %u has neither baggage nor none", i);
    if (!flat_has_range(plan->edits, mirror->edits))
        return err_set(err, "plan: the edits of mirror %u are out of range", i);
    if (!flat_has_range(plan->redactions, mirror->redactions))
        return err_set(err, "plan: the redactions of mirror %u are out of range", i);
    return true;
}

static bool has_texts(const struct plan *plan, const struct plan_mirror *mirror)
{
    return flat_has_text(plan->strings, mirror->label) && flat_has_text(plan->strings, mirror->key_name) &&
           flat_has_text(plan->strings, mirror->salt) && flat_has_text(plan->strings, mirror->host) &&
           flat_has_text(plan->strings, mirror->marker_header);
}

static bool check_mirror(const struct plan *plan, uint32_t i, struct err *err)
{
    const struct plan_mirror *mirror = PLAN_MIRROR(plan, i);
    if (!has_texts(plan, mirror))
        return err_set(err, "plan: a text of mirror %u is outside the strings", i);
    if (mirror->route >= plan->routes.count)
        return err_set(err, "plan: mirror %u is of route %u of %u", i, mirror->route, plan->routes.count);
    if (mirror->backend >= plan->backends.count)
        return err_set(err, "plan: mirror %u names backend %u of %u", i, mirror->backend, plan->backends.count);
    if (!flat_has_range(plan->cidrs, mirror->sources))
        return err_set(err, "plan: the sources of mirror %u are out of range", i);
    if (mirror->is_suspended > 1)
        return err_set(err, "plan: mirror %u is neither suspended nor not", i);
    if (mirror->comparison != PLAN_NONE && mirror->comparison >= plan->comparisons.count)
        return err_set(err, "plan: mirror %u has comparison %u of %u", i, mirror->comparison, plan->comparisons.count);
    return check_sampling(mirror, i, err) && check_copies(plan, mirror, i, err);
}

bool check_mirrors(const struct plan *plan, struct err *err)
{
    for (uint32_t i = 0; i < plan->mirrors.count; i++) {
        if (!check_mirror(plan, i, err))
            return false;
    }
    for (uint32_t i = 0; i < plan->redactions.count; i++) {
        const struct plan_redaction *redaction = PLAN_REDACTION(plan, i);
        if (redaction->kind > REDACT_QUERY || !flat_has_text(plan->strings, redaction->name))
            return err_set(err, "plan: redaction %u is none", i);
    }
    return true;
}
