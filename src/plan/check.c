/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/check.h"

#include "plan/arrays.h"
#include "plan/check_parts.h"
#include "plan/flat.h"

/* A plan begins with the head that all flat blocks have. */
_Static_assert(offsetof(struct plan, magic) == offsetof(struct flat_head, magic), "magic");
_Static_assert(offsetof(struct plan, version) == offsetof(struct flat_head, version), "version");
_Static_assert(offsetof(struct plan, size) == offsetof(struct flat_head, size), "size");
_Static_assert(offsetof(struct plan, checksum) == offsetof(struct flat_head, checksum), "checksum");
_Static_assert(_Alignof(struct plan_mirror) <= FLAT_ALIGN && _Alignof(struct plan) <= FLAT_ALIGN, "alignment");

/* No padding: the same rules are the same bytes. */
_Static_assert(sizeof(struct plan_comparison) == 136 && sizeof(struct plan_mirror) == 152, "members are all there is");

static bool check_arrays(const struct plan *plan, struct err *err)
{
    for (enum array_id id = 0; id < ARRAY_COUNT; id++) {
        const struct plan_array *array = (const struct plan_array *)((const char *)plan + array_kinds[id].offset);
        if (!flat_has_array((const struct flat_head *)plan, sizeof(*plan), *array, array_kinds[id].element_size))
            return err_set(err, "plan: the array of %s is outside the block", array_kinds[id].name);
    }
    return true;
}

static bool check_sockets(const struct plan *plan, struct err *err)
{
    for (uint32_t i = 0; i < plan->sockets.count; i++) {
        if (!flat_is_address(&PLAN_SOCKET(plan, i)->address))
            return err_set(err, "plan: socket %u has no valid address", i);
        if (PLAN_SOCKET(plan, i)->is_tls > 1 || PLAN_SOCKET(plan, i)->takes_proxy_header > 1)
            return err_set(err, "plan: a switch of socket %u is neither on nor off", i);
    }
    return true;
}

static bool check_listeners(const struct plan *plan, struct err *err)
{
    for (uint32_t i = 0; i < plan->listeners.count; i++) {
        const struct plan_listener *listener = PLAN_LISTENER(plan, i);
        if (!flat_has_text(plan->strings, listener->label) || !flat_has_text(plan->strings, listener->hostname))
            return err_set(err, "plan: a text of listener %u is outside the strings", i);
        if (listener->socket >= plan->sockets.count)
            return err_set(err, "plan: listener %u has socket %u of %u", i, listener->socket, plan->sockets.count);
        if (listener->port > UINT16_MAX)
            return err_set(err, "plan: listener %u has port %u", i, listener->port);
        if (!flat_has_range(plan->texts, listener->certificates))
            return err_set(err, "plan: the certificates of listener %u are outside their array", i);
        if ((listener->certificates.count > 0) != PLAN_SOCKET(plan, listener->socket)->is_tls)
            return err_set(err, "plan: listener %u and its socket do not agree about TLS", i);
    }
    return true;
}

static bool check_cidrs(const struct plan *plan, struct err *err)
{
    for (uint32_t i = 0; i < plan->cidrs.count; i++) {
        if (!flat_is_cidr(PLAN_CIDR(plan, i)))
            return err_set(err, "plan: source network %u is none", i);
    }
    for (uint32_t i = 0; i < plan->trusted_proxies.count; i++) {
        if (!flat_is_cidr(PLAN_TRUSTED(plan, i)))
            return err_set(err, "plan: trusted proxy network %u is none", i);
    }
    return true;
}

bool plan_check(const void *bytes, size_t len, struct err *err)
{
    static const struct flat_head want = {.magic = PLAN_MAGIC, .version = PLAN_VERSION, .size = sizeof(struct plan)};
    const struct plan *plan = bytes;
    return flat_check_head(bytes, len, &want, "plan", err) && check_arrays(plan, err) && check_sockets(plan, err) &&
           check_listeners(plan, err) && check_backends(plan, err) && check_routes(plan, err) &&
           check_mirrors(plan, err) && check_comparisons(plan, err) && check_controls(plan, err) &&
           check_matching(plan, err) && check_cidrs(plan, err);
}

const struct plan *plan_map(int fd, struct err *err)
{
    return flat_map(fd, "plan", plan_check, err);
}

void plan_unmap(const struct plan *plan)
{
    flat_unmap(plan);
}
