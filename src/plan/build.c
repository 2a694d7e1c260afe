/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/build.h"

#include "base/assert.h"
#include "base/mem.h"
#include "plan/check.h"
#include "plan/flat.h"

#include <unistd.h>

/* The block under construction: where the next element of the arrays that several routes share goes. */
struct draft {
    struct plan *plan;
    uint32_t weighted, mirrors, cidrs;
    uint32_t text_end;
};

void rule_mirror_init(struct rule_mirror *mirror)
{
    *mirror = (struct rule_mirror){
        .sampling = SAMPLING_EVEN,
        .numerator = 1,
        .denominator = 1,
        .method_mask = UINT32_MAX,
        .max_in_flight = 1024,
        .max_connections = 256,
        .window_bytes = 1024 * 1024,
        .timeout_ms = 15000,
        .connect_timeout_ms = 1000,
    };
}

static bool check_mirror(const struct rules *rules, const struct rule_mirror *mirror, struct err *err)
{
    bool has_name = mirror->key == KEY_HEADER || mirror->key == KEY_COOKIE || mirror->key == KEY_QUERY;

    if (mirror->backend >= rules->backend_count)
        return err_set(err, "the shadow is backend %zu of %zu", mirror->backend, rules->backend_count);
    if (mirror->denominator == 0)
        return err_set(err, "the denominator is 0; write at least 1");
    if (mirror->numerator > mirror->denominator)
        return err_set(err, "%u of %u is over 100 %%; write at most 100", mirror->numerator, mirror->denominator);
    if (mirror->sampling == SAMPLING_HASH && mirror->key == KEY_NONE)
        return err_set(err, "Hash sampling needs a key: header, cookie, query, clientIP or traceID");
    if (has_name && mirror->key_name.len == 0)
        return err_set(err, "the sampling key needs a name");
    return true;
}

static bool check_route(const struct rules *rules, const struct rule_route *route, struct err *err)
{
    for (size_t i = 0; i < route->backend_count; i++) {
        if (route->backends[i].backend >= rules->backend_count)
            return err_set(err, "backendRef %zu is backend %u of %zu", i, route->backends[i].backend,
                           rules->backend_count);
    }
    for (size_t i = 0; i < route->mirror_count; i++) {
        if (!check_mirror(rules, &route->mirrors[i], err))
            return err_wrap(err, "mirror %.*s", STR_ARG(route->mirrors[i].label));
    }
    return true;
}

static bool check_rules(const struct rules *rules, struct err *err)
{
    for (size_t i = 0; i < rules->listener_count; i++) {
        if (rules->listeners[i].route >= rules->route_count)
            return err_set(err, "listener %zu names route %zu of %zu", i, rules->listeners[i].route,
                           rules->route_count);
    }
    for (size_t i = 0; i < rules->route_count; i++) {
        if (!check_route(rules, &rules->routes[i], err))
            return err_wrap(err, "route %.*s", STR_ARG(rules->routes[i].label));
    }
    return true;
}

/* Places all arrays in the head of a plan; returns the size of the block. */
static uint64_t measure(const struct rules *rules, struct plan *head)
{
    uint64_t weighted = 0, mirrors = 0, cidrs = 0, text = 0, end = sizeof(*head);

    for (size_t i = 0; i < rules->backend_count; i++)
        text += rules->backends[i].label.len;
    for (size_t i = 0; i < rules->route_count; i++) {
        const struct rule_route *route = &rules->routes[i];
        weighted += route->backend_count;
        mirrors += route->mirror_count;
        text += route->label.len;
        for (size_t j = 0; j < route->mirror_count; j++) {
            const struct rule_mirror *mirror = &route->mirrors[j];
            cidrs += mirror->source_count;
            text += mirror->label.len + mirror->key_name.len + mirror->salt.len;
        }
    }
    head->listeners = flat_place(&end, rules->listener_count, sizeof(struct plan_listener));
    head->routes = flat_place(&end, rules->route_count, sizeof(struct plan_route));
    head->weighted = flat_place(&end, weighted, sizeof(struct plan_weighted));
    head->backends = flat_place(&end, rules->backend_count, sizeof(struct plan_backend));
    head->mirrors = flat_place(&end, mirrors, sizeof(struct plan_mirror));
    head->cidrs = flat_place(&end, cidrs, sizeof(struct cidr));
    head->trusted_proxies = flat_place(&end, rules->trusted_proxy_count, sizeof(struct cidr));
    head->strings = flat_place(&end, text, 1);
    return end;
}

static void *slot_at(const struct draft *draft, struct plan_array array, size_t index, size_t size)
{
    ASSERT(index < array.count);
    return (char *)draft->plan + array.off + index * size;
}

static struct plan_str add_text(struct draft *draft, struct str text)
{
    return flat_add_text(draft->plan, &draft->text_end, text);
}

static uint32_t gcd(uint32_t a, uint32_t b)
{
    while (b != 0) {
        uint32_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static void add_mirror(struct draft *draft, const struct rule_mirror *rule)
{
    uint32_t divisor = gcd(rule->denominator, rule->numerator);
    struct plan_mirror *mirror = slot_at(draft, draft->plan->mirrors, draft->mirrors++, sizeof(*mirror));

    mirror->label = add_text(draft, rule->label);
    mirror->backend = (uint32_t)rule->backend;
    mirror->sampling = rule->sampling;
    mirror->numerator = rule->numerator / divisor;
    mirror->denominator = rule->denominator / divisor;
    mirror->key = rule->key;
    mirror->key_name = add_text(draft, rule->key_name);
    mirror->salt = add_text(draft, rule->salt);
    mirror->is_suspended = rule->is_suspended;
    mirror->method_mask = rule->method_mask;
    mirror->sources = (struct plan_range){draft->cidrs, (uint32_t)rule->source_count};
    for (size_t i = 0; i < rule->source_count; i++) {
        struct cidr *cidr = slot_at(draft, draft->plan->cidrs, draft->cidrs++, sizeof(*cidr));
        *cidr = rule->sources[i];
    }
    mirror->rate_per_second = rule->rate_per_second;
    mirror->max_in_flight = rule->max_in_flight;
    mirror->max_connections = rule->max_connections;
    mirror->window_bytes = rule->window_bytes;
    mirror->timeout_ms = rule->timeout_ms;
    mirror->connect_timeout_ms = rule->connect_timeout_ms;
}

static void add_route(struct draft *draft, size_t index, const struct rule_route *rule)
{
    struct plan_route *route = slot_at(draft, draft->plan->routes, index, sizeof(*route));

    route->label = add_text(draft, rule->label);
    route->request_timeout_ms = rule->request_timeout_ms;
    route->backends = (struct plan_range){draft->weighted, (uint32_t)rule->backend_count};
    for (size_t i = 0; i < rule->backend_count; i++) {
        struct plan_weighted *weighted = slot_at(draft, draft->plan->weighted, draft->weighted++, sizeof(*weighted));
        *weighted = rule->backends[i];
    }
    route->mirrors = (struct plan_range){draft->mirrors, (uint32_t)rule->mirror_count};
    for (size_t i = 0; i < rule->mirror_count; i++)
        add_mirror(draft, &rule->mirrors[i]);
}

static void fill(struct draft *draft, const struct rules *rules)
{
    struct plan *plan = draft->plan;

    for (size_t i = 0; i < rules->listener_count; i++) {
        struct plan_listener *listener = slot_at(draft, plan->listeners, i, sizeof(*listener));
        listener->address = rules->listeners[i].address;
        listener->route = (uint32_t)rules->listeners[i].route;
    }
    for (size_t i = 0; i < rules->backend_count; i++) {
        struct plan_backend *backend = slot_at(draft, plan->backends, i, sizeof(*backend));
        backend->label = add_text(draft, rules->backends[i].label);
        backend->protocol = PROTOCOL_HTTP1;
    }
    for (size_t i = 0; i < rules->route_count; i++)
        add_route(draft, i, &rules->routes[i]);
    for (size_t i = 0; i < rules->trusted_proxy_count; i++) {
        struct cidr *cidr = slot_at(draft, plan->trusted_proxies, i, sizeof(*cidr));
        *cidr = rules->trusted_proxies[i];
    }
}

int plan_build(const struct rules *rules, struct err *err)
{
    if (!check_rules(rules, err))
        return -1;

    struct plan head = {.magic = PLAN_MAGIC, .version = PLAN_VERSION, .generation = rules->generation};
    uint64_t size = measure(rules, &head);
    if (size > PLAN_MAX_BYTES) {
        err_set(err, "the rules need %llu bytes, at most %u are allowed; split them over several gateways",
                (unsigned long long)size, PLAN_MAX_BYTES);
        return -1;
    }

    struct draft draft = {.plan = mem_alloc(size), .text_end = head.strings.off};
    *draft.plan = head;
    fill(&draft, rules);
    int fd = flat_seal("umbra-plan", draft.plan, size, err);
    /* What is wrong beyond the checks above (an address of no family, say) is found by the reader's own check. */
    bool is_sound = fd >= 0 && plan_check(draft.plan, size, err);
    mem_free(draft.plan);
    if (fd >= 0 && !is_sound) {
        close(fd);
        return -1;
    }
    return fd;
}
