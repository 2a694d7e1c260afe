/* SPDX-License-Identifier: Apache-2.0 */
#include "compile/outside.h"

/* Names that lead to this machine, whatever a name server says (RFC 6761 6.3). */
static bool is_own_name(struct str host)
{
    if (host.len > 0 && host.ptr[host.len - 1] == '.')
        host.len--;
    size_t len = sizeof(".localhost") - 1;
    return str_eq_nocase(host, STR("localhost")) ||
           (host.len > len && str_eq_nocase(str_slice(host, host.len - len, host.len), STR(".localhost")));
}

static const char *what_is_wrong(struct str host)
{
    struct cidr ip;
    if (str_starts_with(host, STR("unix:")))
        return "is a Unix socket";
    if (is_own_name(host))
        return "is this machine";
    if (str_find_char(host, '/') < host.len || !cidr_parse(host, &ip))
        return NULL;
    struct address address = {.family = ip.family};
    memcpy(address.ip, ip.ip, sizeof(address.ip));
    return address_is_near(&address) ? "is loopback or link-local" : NULL;
}

/* False, and said, when an endpoint is where nothing may go. */
static bool check_hosts(struct compiler *compiler, const struct backend_spec *spec)
{
    for (size_t i = 0; i < spec->endpoints.count; i++) {
        const struct backend_endpoint *endpoint = SCHEMA_ITEM(spec->endpoints, struct backend_endpoint, i);
        const char *wrong = what_is_wrong(endpoint->host);
        if (!wrong)
            continue;
        compiler_report(compiler, SEVERITY_ERROR, "UnsupportedValue", endpoint->node, "host",
                        "%.*s %s, where nothing is sent in a cluster, so the Backend gets nothing; name a host that "
                        "others can reach too",
                        STR_ARG(endpoint->host), wrong);
        return false;
    }
    return true;
}

void outside_collect(struct compiler *compiler)
{
    static const char *const not_allowed = "InvalidKind", *const bad_host = "InvalidBackend";
    const struct aged_list *backends = &compiler->by_age[KIND_BACKEND];
    for (size_t i = 0; compiler->options->is_cluster && i < backends->count; i++) {
        const struct backend_spec *spec = ((const struct backend *)backends->list[i].resource->object)->spec;
        struct str key = backends->list[i].key;
        if (!compiler->options->allow_backends) {
            compiler_report(compiler, SEVERITY_ERROR, "NotAllowed", spec->node, NULL,
                            "in a cluster Backends are served only when Umbra is started with --allow-backends, so "
                            "this one gets nothing; use a Service, or ask whoever runs Umbra");
            map_add(&compiler->outside, key, (void *)not_allowed);
        } else if (!check_hosts(compiler, spec)) {
            map_add(&compiler->outside, key, (void *)bad_host);
        }
    }
}

const char *outside_refuses(struct compiler *compiler, const struct reference *reference)
{
    if (compiler->outside.live == 0)
        return NULL;
    return map_find(&compiler->outside,
                    arena_printf(&compiler->scratch, "%.*s/%.*s", STR_ARG(reference->ns), STR_ARG(reference->name)));
}
