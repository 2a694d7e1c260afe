/* SPDX-License-Identifier: Apache-2.0 */
#include "compile/pods.h"

#include "base/mem.h"
#include "manifest/pod.h"

#include <stdlib.h>

bool labels_have(const struct schema_list *labels, const struct schema_list *wanted)
{
    for (size_t i = 0; i < wanted->count; i++) {
        const struct schema_pair *pair = SCHEMA_ITEM(*wanted, struct schema_pair, i);
        struct str value = pairs_find(labels, pair->key);
        if (!value.ptr || !str_eq(value, pair->value))
            return false;
    }
    return true;
}

/* All addresses of a Pod; podIP is the first of podIPs where there are both. */
static size_t pod_addresses(const struct pod *pod, struct str *out, size_t most)
{
    size_t count = 0;
    if (!pod_has_addresses(pod))
        return 0;
    for (size_t i = 0; i < pod->status->pod_ips.count && count < most; i++)
        out[count++] = SCHEMA_ITEM(pod->status->pod_ips, struct pod_ip, i)->ip;
    if (count == 0 && pod->status->pod_ip.len > 0)
        out[count++] = pod->status->pod_ip;
    return count;
}

#define POD_ADDRESSES_MAX 16

static void collect_addresses(struct compiler *compiler)
{
    const struct aged_list *aged = &compiler->by_age[KIND_POD];
    for (size_t i = 0; i < aged->count; i++) {
        const struct resource *resource = aged->list[i].resource;
        struct str addresses[POD_ADDRESSES_MAX];
        size_t count = pod_addresses(resource->object, addresses, POD_ADDRESSES_MAX);
        for (size_t k = 0; k < count; k++)
            (void)map_add(&compiler->pods,
                          arena_printf(&compiler->scratch, "%.*s %.*s", STR_ARG(resource->ns), STR_ARG(addresses[k])),
                          (void *)resource);
    }
}

static const struct resource *find_by_address(struct compiler *compiler, struct str ns, struct str address)
{
    /* When it is needed: most manifests have no subsets. */
    if (compiler->pods.live == 0)
        collect_addresses(compiler);
    return map_find(&compiler->pods, arena_printf(&compiler->scratch, "%.*s %.*s", STR_ARG(ns), STR_ARG(address)));
}

/* Endpoints come by namespace: nearly always the last one is the same. */
static void want_pods(struct compiler *compiler, struct str ns)
{
    const struct compiled *out = compiler->out;
    const struct resource_want *last = out->want_count > 0 ? &out->wants[out->want_count - 1] : NULL;
    if (!last || last->kind != KIND_POD || !str_eq(last->ns, ns))
        compiler_want(compiler, KIND_POD, ns, STR(""));
}

bool pods_endpoint_has(struct compiler *compiler, const struct endpoint *endpoint, struct str ns,
                       const struct schema_list *wanted)
{
    const struct endpoint_target *target = endpoint->target;
    want_pods(compiler, ns);
    const struct resource *resource = NULL;
    if (target && str_eq(target->kind, STR("Pod")))
        resource = manifests_find(compiler->out->manifests, KIND_POD, target->ns.len > 0 ? target->ns : ns,
                                  target->name);
    else if (endpoint->addresses.count > 0)
        resource = find_by_address(compiler, ns, *SCHEMA_ITEM(endpoint->addresses, struct str, 0));
    const struct object_head *head = resource ? resource->object : NULL;
    return head && labels_have(&head->metadata->labels, wanted);
}

/* ---- peers ---- */

static int compare_pairs(const void *a, const void *b)
{
    const struct schema_pair *left = a, *right = b;
    size_t common = left->key.len < right->key.len ? left->key.len : right->key.len;
    int order = memcmp(left->key.ptr, right->key.ptr, common);
    return order != 0 ? order : (left->key.len > right->key.len) - (left->key.len < right->key.len);
}

/* What selects the members, the same however it was written. */
static struct str set_name(struct compiler *compiler, struct str ns, const struct schema_list *labels)
{
    struct schema_pair *pairs = arena_alloc(&compiler->scratch, (labels->count + 1) * sizeof(*pairs));
    struct strbuf text = STRBUF_INIT;
    if (labels->count > 0)
        memcpy(pairs, labels->items, labels->count * sizeof(*pairs));
    qsort(pairs, labels->count, sizeof(*pairs), compare_pairs);
    strbuf_printf(&text, "namespace=%.*s", STR_ARG(ns));
    for (size_t i = 0; i < labels->count; i++)
        strbuf_printf(&text, ",%.*s=%.*s", STR_ARG(pairs[i].key), STR_ARG(pairs[i].value));
    struct str name = arena_copy(compiler->arena, strbuf_str(&text));
    strbuf_deinit(&text);
    return name;
}

static void add_members(struct compiler *compiler, struct str ns, const struct schema_list *labels,
                        struct rule_peer_set *set)
{
    const struct aged_list *aged = &compiler->by_age[KIND_POD];
    struct address *addresses = NULL;
    size_t capacity = 0;
    want_pods(compiler, ns);
    for (size_t i = 0; i < aged->count; i++) {
        const struct resource *resource = aged->list[i].resource;
        const struct pod *pod = resource->object;
        struct str texts[POD_ADDRESSES_MAX];
        if ((ns.len > 0 && !str_eq(resource->ns, ns)) || !labels_have(&pod->head.metadata->labels, labels))
            continue;
        size_t count = pod_addresses(pod, texts, POD_ADDRESSES_MAX);
        if (set->count + count > capacity) {
            capacity = (set->count + count) * 2;
            addresses = mem_grow(addresses, capacity * sizeof(*addresses));
        }
        for (size_t k = 0; k < count; k++) {
            struct cidr ip;
            if (str_find_char(texts[k], '/') < texts[k].len || !cidr_parse(texts[k], &ip))
                continue;
            struct address *address = &addresses[set->count++];
            *address = (struct address){.family = ip.family};
            memcpy(address->ip, ip.ip, sizeof(address->ip));
        }
    }
    struct address *kept = arena_alloc(compiler->arena, (set->count + 1) * sizeof(*kept));
    if (set->count > 0)
        memcpy(kept, addresses, set->count * sizeof(*kept));
    mem_free(addresses);
    set->addresses = kept;
}

struct str pods_peer_set(struct compiler *compiler, struct str ns, const struct schema_list *labels)
{
    struct rule_set *rules = &compiler->out->rules;
    struct str name = set_name(compiler, ns, labels);
    if (map_find(&compiler->peer_names, name))
        return name;
    map_add(&compiler->peer_names, name, compiler);
    if (rules->peer_set_count == compiler->peer_capacity) {
        size_t capacity = compiler->peer_capacity ? compiler->peer_capacity * 2 : 8;
        struct rule_peer_set *sets = arena_alloc(compiler->arena, capacity * sizeof(*sets));
        if (rules->peer_set_count > 0)
            memcpy(sets, compiler->peer_sets, rules->peer_set_count * sizeof(*sets));
        compiler->peer_sets = sets;
        compiler->peer_capacity = capacity;
        rules->peer_sets = sets;
    }
    struct rule_peer_set *set = &compiler->peer_sets[rules->peer_set_count++];
    *set = (struct rule_peer_set){.name = name};
    add_members(compiler, ns, labels, set);
    return name;
}
