/* SPDX-License-Identifier: Apache-2.0 */
#include "compile/claims.h"

/* For each claimed host there is an entry for itself, and one for each domain above it, down to "" for all, that says "something below". */
enum claim { CLAIM_ITSELF, CLAIM_BELOW };

static struct str claim_key(struct compiler *compiler, size_t listener, enum kind_id kind, enum claim claim,
                            struct str host)
{
    return arena_printf(&compiler->scratch, "%zu %d %d %.*s", listener, (int)kind, (int)claim, STR_ARG(host));
}

static const struct aged *find(struct compiler *compiler, size_t listener, enum kind_id kind, enum claim claim,
                               struct str host)
{
    return map_find(&compiler->claims, claim_key(compiler, listener, kind, claim, host));
}

static void add(struct compiler *compiler, size_t listener, const struct aged *route, enum claim claim, struct str host)
{
    enum kind_id kind = route->resource->kind->id;
    if (!find(compiler, listener, kind, claim, host))
        map_add(&compiler->claims, claim_key(compiler, listener, kind, claim, host), (void *)route);
}

/* "example.com" of "a.example.com", "com" of that, and "" of that. */
static struct str domain_above(struct str host)
{
    size_t dot = str_find_char(host, '.');
    return dot < host.len ? str_slice(host, dot + 1, host.len) : STR("");
}

static bool is_needed(const struct compiler *compiler)
{
    return compiler->by_age[KIND_GRPC_ROUTE].count > 0 && compiler->by_age[KIND_HTTP_ROUTE].count > 0;
}

const struct aged *claims_find_rival(struct compiler *compiler, size_t listener, const struct aged *route,
                                     struct str host)
{
    if (!is_needed(compiler))
        return NULL;
    enum kind_id kind = route->resource->kind->id == KIND_HTTP_ROUTE ? KIND_GRPC_ROUTE : KIND_HTTP_ROUTE;
    const struct aged *rival = find(compiler, listener, kind, CLAIM_ITSELF, host);
    if (!rival && host.len > 0)
        rival = find(compiler, listener, kind, CLAIM_ITSELF, STR(""));
    bool is_wildcard = host.len == 0 || str_starts_with(host, STR("*."));
    if (!rival && is_wildcard)
        rival = find(compiler, listener, kind, CLAIM_BELOW, domain_above(host));
    for (struct str above = domain_above(host); !rival && above.len > 0; above = domain_above(above)) {
        struct str wildcard = arena_printf(&compiler->scratch, "*.%.*s", STR_ARG(above));
        rival = find(compiler, listener, kind, CLAIM_ITSELF, wildcard);
    }
    return rival;
}

void claims_add(struct compiler *compiler, size_t listener, const struct aged *route, struct str host)
{
    if (!is_needed(compiler))
        return;
    add(compiler, listener, route, CLAIM_ITSELF, host);
    for (struct str above = domain_above(host); above.len > 0; above = domain_above(above))
        add(compiler, listener, route, CLAIM_BELOW, above);
    add(compiler, listener, route, CLAIM_BELOW, STR(""));
}
