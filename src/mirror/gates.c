/* SPDX-License-Identifier: Apache-2.0 */
#include "mirror/gates.h"

#include "http/url.h"
#include "mirror/breaker.h"
#include "mirror/rate.h"
#include "route/sample.h"

#define SAFE_METHODS (1u << METHOD_GET | 1u << METHOD_HEAD | 1u << METHOD_OPTIONS)

struct gate {
    struct mirror *mirror;
    const struct exchange *exchange;
    const struct plan_mirror *rule;
    struct registry_mirror *entry;
    uint32_t index;
};

static bool is_off(const struct gate *g)
{
    return g->rule->is_suspended || atomic_load_explicit(&g->entry->is_off, memory_order_relaxed) ||
           atomic_load_explicit(&g->mirror->totals->is_off, memory_order_relaxed);
}

static bool has_method(const struct gate *g)
{
    uint32_t mask = g->rule->method_mask;
    if (g->mirror->settings.is_safe_methods)
        mask &= SAFE_METHODS;
    return mask & (1u << g->exchange->request->method_id);
}

static bool has_source(const struct gate *g)
{
    struct plan_range sources = g->rule->sources;
    for (uint32_t i = 0; i < sources.count; i++) {
        if (cidr_has(PLAN_CIDR(g->exchange->rules->plan, sources.first + i), &g->exchange->client))
            return true;
    }
    return !sources.count;
}

/* The value of `name` in a Cookie field ("a=1; b=2"). */
static bool find_cookie(struct str list, struct str name, struct str *value)
{
    struct str pair;
    while (str_next(&list, ';', &pair)) {
        size_t at = str_find_char(pair, '=');
        if (at < pair.len && str_eq(str_slice(pair, 0, at), name)) {
            *value = str_slice(pair, at + 1, pair.len);
            return true;
        }
    }
    return false;
}

static bool find_key(const struct gate *g, struct str *key)
{
    const struct head *request = g->exchange->request;
    struct str name = plan_text(g->exchange->rules->plan, g->rule->key_name);
    const struct field *field;
    switch ((enum plan_key)g->rule->key) {
    case KEY_HEADER:
        field = head_find_name(request, name);
        *key = field ? field->value : STR_NONE;
        return field;
    case KEY_COOKIE: field = head_find(request, FIELD_COOKIE); return field && find_cookie(field->value, name, key);
    case KEY_QUERY: return url_query_find(request->query, name, key);
    case KEY_CLIENT_IP:
        *key = (struct str){(const char *)g->exchange->client.ip, sizeof g->exchange->client.ip};
        return true;
    case KEY_TRACE_ID:
        field = head_find(request, FIELD_TRACEPARENT);
        *key = field ? str_slice(field->value, 3, 35) : STR_NONE;
        return key->len == 32;
    case KEY_NONE: break;
    }
    return false;
}

/* A request without the key of Hash sampling is sampled as Even would. */
static bool is_sampled(const struct gate *g)
{
    uint32_t numerator = g->rule->numerator, denominator = g->rule->denominator;
    struct str key, salt = plan_text(g->exchange->rules->plan, g->rule->salt);
    if (numerator == denominator)
        return true;
    if (!numerator)
        return false;
    if (g->rule->sampling == SAMPLING_HASH && find_key(g, &key))
        return sample_hash(key, salt, numerator, denominator);
    if (g->rule->sampling == SAMPLING_RANDOM)
        return sample_random(random_next(&g->mirror->random), numerator, denominator);
    uint64_t sequence = atomic_fetch_add_explicit(&g->entry->sequence, 1, memory_order_relaxed);
    return sample_even(sequence, numerator, denominator, g->exchange->rules->mirror_identities[g->index]);
}

static bool filtered(const struct gate *g, enum filtered reason)
{
    counter_add(&g->entry->filtered[reason], 1);
    return false;
}

static bool dropped(const struct gate *g, enum dropped reason)
{
    counter_add(&g->entry->dropped[reason], 1);
    return false;
}

static bool has_room(const struct gate *g)
{
    if (atomic_fetch_add_explicit(&g->entry->occupied, 1, memory_order_relaxed) < (int64_t)g->rule->max_in_flight)
        return true;
    gauge_add(&g->entry->occupied, -1);
    return dropped(g, DROPPED_INFLIGHT);
}

bool gates_pass_control(struct mirror *mirror, const struct exchange *exchange, uint32_t index)
{
    const struct rules *rules = exchange->rules;
    const struct gate g = {mirror, exchange, PLAN_MIRROR(rules->plan, index), rules->mirrors[index], index};
    counter_add(&g.entry->matched, 1);
    if (is_off(&g))
        return filtered(&g, FILTERED_OFF);
    if (!rules->addresses[g.rule->backend].count)
        return dropped(&g, DROPPED_NO_ENDPOINT);
    if (!breaker_allows(g.entry, loop_now_ns(mirror->codec->loop)))
        return dropped(&g, DROPPED_BREAKER);
    return has_room(&g);
}

bool gates_pass(struct mirror *mirror, const struct exchange *exchange, uint32_t index)
{
    const struct rules *rules = exchange->rules;
    struct gate g = {mirror, exchange, PLAN_MIRROR(rules->plan, index), rules->mirrors[index], index};
    uint64_t now_ns = loop_now_ns(mirror->codec->loop);
    counter_add(&g.entry->matched, 1);
    if (is_off(&g))
        return filtered(&g, FILTERED_OFF);
    if (exchange->is_copy)
        return filtered(&g, FILTERED_LOOP);
    if (exchange->is_upgrade)
        return filtered(&g, FILTERED_UPGRADE);
    if (!has_method(&g))
        return filtered(&g, FILTERED_METHOD);
    if (!has_source(&g))
        return filtered(&g, FILTERED_SOURCE);
    if (!is_sampled(&g)) {
        counter_add(&g.entry->sampled_out, 1);
        return false;
    }
    if (!rules->addresses[g.rule->backend].count)
        return dropped(&g, DROPPED_NO_ENDPOINT);
    if (!breaker_allows(g.entry, now_ns))
        return dropped(&g, DROPPED_BREAKER);
    if (!rate_allows(g.entry, g.rule->rate_per_second, now_ns))
        return dropped(&g, DROPPED_RATE);
    if (shed_now(&mirror->shed))
        return dropped(&g, DROPPED_SHED);
    return has_room(&g);
}
