/* SPDX-License-Identifier: Apache-2.0 */
/* A registry of its own and small helpers for the tests of admin. */
#pragma once

#include "base/strbuf.h"
#include "registry/registry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#define ROUTE STR("default/quickstart#0")
#define LIVE STR("127.0.0.1:3000")
#define SHADOW STR("127.0.0.1:3001")

static inline struct registry *fixture_registry(void)
{
    struct err err;
    int fd;
    struct registry *registry = registry_new(&fd, &err);
    if (!registry)
        fail_msg("%s", err.text);
    close(fd);
    return registry;
}

/* A gateway that serves in slot 0. */
static inline struct registry_gateway *fixture_gateway(struct registry *registry, int32_t pid)
{
    struct registry_gateway *gateway = registry_gateway_get(registry, registry_gateway_take(registry, pid));
    gateway->is_ready = 1;
    gateway->workers = 2;
    return gateway;
}

static inline void assert_has(const struct strbuf *page, const char *piece)
{
    if (!page->ptr || !strstr(page->ptr, piece))
        fail_msg("the page lacks:\n%s\nit is:\n%s", piece, page->ptr ? page->ptr : "(empty)");
}

static inline void assert_lacks(const struct strbuf *page, const char *piece)
{
    if (page->ptr && strstr(page->ptr, piece))
        fail_msg("the page has:\n%s\nit is:\n%s", piece, page->ptr);
}
