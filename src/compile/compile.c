/* SPDX-License-Identifier: Apache-2.0 */
#include "compile/compile.h"

#include "base/mem.h"
#include "compile/held.h"
#include "compile/keyring.h"
#include "compile/listeners.h"
#include "compile/outcomes.h"
#include "compile/outside.h"
#include "compile/policies.h"
#include "compile/revisions.h"
#include "compile/rules.h"
#include "compile/services.h"
#include "compile/targets.h"
#include "compile/tls_policies.h"

static size_t count_routes(const struct manifests *manifests)
{
    size_t count = 0;
    for (size_t i = 0; i < manifests->resource_count; i++)
        count += kind_is_route(manifests->resources[i].kind->id);
    return count;
}

static void copy_trusted(struct compiled *compiled, const struct compile_options *options)
{
    size_t size = options->trusted_proxy_count * sizeof(struct cidr);
    struct cidr *trusted = arena_alloc(&compiled->arena, size + 1);
    if (size > 0)
        memcpy(trusted, options->trusted_proxies, size);
    compiled->rules.trusted_proxies = trusted;
    compiled->rules.trusted_proxy_count = options->trusted_proxy_count;
}

struct compiled *compile(struct manifests *manifests, const struct compile_options *options)
{
    struct compiled *compiled = mem_alloc(sizeof(*compiled));
    arena_init(&compiled->arena, NULL, 0);
    problems_init(&compiled->problems);
    compiled->manifests = manifests_ref(manifests);
    compiled->routes = count_routes(manifests);
    copy_trusted(compiled, options);
    struct compiler compiler;
    compiler_init(&compiler, compiled, options);
    outcomes_init(&compiler);
    grants_collect(&compiler);
    listeners_collect(&compiler);
    services_collect(&compiler);
    targets_collect(&compiler);
    outside_collect(&compiler);
    revisions_collect(&compiler);
    tls_policies_collect(&compiler);
    policies_collect(&compiler);
    held_collect(&compiler);
    rules_compile(&compiler);
    policies_finish(&compiler);
    tls_policies_finish(&compiler);
    outcomes_finish(&compiler);
    targets_finish(&compiler);
    keyring_finish(&compiler);
    compiler_deinit(&compiler);
    compiled->attention = problems_count_resources(&manifests->problems, &compiled->problems, SEVERITY_WARNING);
    return compiled;
}

void compiled_free(struct compiled *compiled)
{
    if (!compiled)
        return;
    for (size_t i = 0; i < compiled->credential_count; i++) {
        struct str key = compiled->credentials[i].key;
        if (key.len > 0)
            explicit_bzero((char *)(uintptr_t)key.ptr, key.len);
    }
    mem_free(compiled->wants);
    problems_deinit(&compiled->problems);
    manifests_unref(compiled->manifests);
    arena_deinit(&compiled->arena);
    mem_free(compiled);
}
