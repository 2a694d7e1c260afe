/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/check.h"

#include "plan/flat.h"

/* A plan begins with the head that all flat blocks have. */
_Static_assert(offsetof(struct plan, magic) == offsetof(struct flat_head, magic), "magic");
_Static_assert(offsetof(struct plan, version) == offsetof(struct flat_head, version), "version");
_Static_assert(offsetof(struct plan, size) == offsetof(struct flat_head, size), "size");
_Static_assert(offsetof(struct plan, checksum) == offsetof(struct flat_head, checksum), "checksum");
_Static_assert(_Alignof(struct plan_mirror) <= FLAT_ALIGN && _Alignof(struct plan) <= FLAT_ALIGN, "alignment");

static bool check_arrays(const struct plan *plan, struct err *err)
{
    const struct {
        const char *name;
        struct plan_array array;
        size_t element_size;
    } arrays[] = {
        {"listeners", plan->listeners, sizeof(struct plan_listener)},
        {"routes", plan->routes, sizeof(struct plan_route)},
        {"weighted", plan->weighted, sizeof(struct plan_weighted)},
        {"backends", plan->backends, sizeof(struct plan_backend)},
        {"mirrors", plan->mirrors, sizeof(struct plan_mirror)},
        {"cidrs", plan->cidrs, sizeof(struct cidr)},
        {"trusted proxies", plan->trusted_proxies, sizeof(struct cidr)},
        {"strings", plan->strings, 1},
    };
    for (size_t i = 0; i < sizeof(arrays) / sizeof(arrays[0]); i++) {
        if (!flat_has_array((const struct flat_head *)plan, sizeof(*plan), arrays[i].array, arrays[i].element_size))
            return err_set(err, "plan: the array of %s is outside the block", arrays[i].name);
    }
    return true;
}

static bool check_listeners(const struct plan *plan, struct err *err)
{
    for (uint32_t i = 0; i < plan->listeners.count; i++) {
        const struct plan_listener *listener = PLAN_LISTENER(plan, i);
        if (!flat_is_address(&listener->address))
            return err_set(err, "plan: listener %u has no valid address", i);
        if (listener->route >= plan->routes.count)
            return err_set(err, "plan: listener %u names route %u of %u", i, listener->route, plan->routes.count);
    }
    return true;
}

static bool check_routes(const struct plan *plan, struct err *err)
{
    for (uint32_t i = 0; i < plan->routes.count; i++) {
        const struct plan_route *route = PLAN_ROUTE(plan, i);
        if (!flat_has_text(plan->strings, route->label))
            return err_set(err, "plan: the label of route %u is outside the strings", i);
        if (!flat_has_range(plan->weighted, route->backends))
            return err_set(err, "plan: the backends of route %u are out of range", i);
        if (!flat_has_range(plan->mirrors, route->mirrors))
            return err_set(err, "plan: the mirrors of route %u are out of range", i);
    }
    return true;
}

static bool check_backends(const struct plan *plan, struct err *err)
{
    for (uint32_t i = 0; i < plan->backends.count; i++) {
        const struct plan_backend *backend = PLAN_BACKEND(plan, i);
        if (!flat_has_text(plan->strings, backend->label))
            return err_set(err, "plan: the label of backend %u is outside the strings", i);
        if (backend->protocol > PROTOCOL_HTTP1)
            return err_set(err, "plan: backend %u has the unknown protocol %u", i, backend->protocol);
    }
    for (uint32_t i = 0; i < plan->weighted.count; i++) {
        uint32_t backend = PLAN_WEIGHTED(plan, i)->backend;
        if (backend >= plan->backends.count)
            return err_set(err, "plan: weight %u names backend %u of %u", i, backend, plan->backends.count);
    }
    return true;
}

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

static bool check_mirrors(const struct plan *plan, struct err *err)
{
    for (uint32_t i = 0; i < plan->mirrors.count; i++) {
        const struct plan_mirror *mirror = PLAN_MIRROR(plan, i);
        if (!flat_has_text(plan->strings, mirror->label) || !flat_has_text(plan->strings, mirror->key_name) ||
            !flat_has_text(plan->strings, mirror->salt))
            return err_set(err, "plan: a text of mirror %u is outside the strings", i);
        if (mirror->backend >= plan->backends.count)
            return err_set(err, "plan: mirror %u names backend %u of %u", i, mirror->backend, plan->backends.count);
        if (!flat_has_range(plan->cidrs, mirror->sources))
            return err_set(err, "plan: the sources of mirror %u are out of range", i);
        if (mirror->is_suspended > 1)
            return err_set(err, "plan: mirror %u is neither suspended nor not", i);
        if (!check_sampling(mirror, i, err))
            return false;
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
    return flat_check_head(bytes, len, &want, "plan", err) && check_arrays(plan, err) && check_listeners(plan, err) &&
           check_routes(plan, err) && check_backends(plan, err) && check_mirrors(plan, err) && check_cidrs(plan, err);
}

const struct plan *plan_map(int fd, struct err *err)
{
    return flat_map(fd, "plan", plan_check, err);
}

void plan_unmap(const struct plan *plan)
{
    flat_unmap(plan);
}
