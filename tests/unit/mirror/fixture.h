/* SPDX-License-Identifier: Apache-2.0 */
/* A registry with two mirrors and a budget. Lifetime: one test (setup and teardown). Thread: one. */
#pragma once

#include "mirror/budget.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
    struct registry *registry;
    struct registry_mirror *one, *two;
    struct budget budget;
};

static inline int setup(void **state)
{
    static struct fixture fixture;
    struct err err;
    int fd;
    fixture.registry = registry_new(&fd, &err);
    if (!fixture.registry)
        fail_msg("%s", err.text);
    close(fd);
    assert_int_equal(registry_gateway_take(fixture.registry, 1), 0);
    fixture.one = registry_mirror(fixture.registry, STR("r"), STR("one"));
    fixture.two = registry_mirror(fixture.registry, STR("r"), STR("two"));
    budget_init(&fixture.budget, fixture.registry, 0);
    *state = &fixture;
    return 0;
}

static inline int teardown(void **state)
{
    struct fixture *fixture = *state;
    registry_close(fixture->registry);
    chunk_cache_trim();
    return 0;
}

static inline void set_limit(struct fixture *fixture, uint64_t bytes)
{
    atomic_store(&registry_totals(fixture->registry)->budget_limit, bytes);
}

static inline int64_t used(struct fixture *fixture)
{
    return atomic_load(&registry_gateway_get(fixture->registry, 0)->budget_used);
}

static inline int64_t held(struct registry_mirror *mirror)
{
    return atomic_load(&mirror->held_bytes);
}
