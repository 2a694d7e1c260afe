/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/build.h"

#include "plan/build_parts.h"
#include "plan/match_index.h"

static const struct rule_listener *first_of_socket(const struct rule_set *rules, size_t socket)
{
    for (size_t i = 0; i < rules->listener_count; i++) {
        if (rules->listeners[i].socket == socket)
            return &rules->listeners[i];
    }
    return NULL;
}

static bool check_rules(const struct rule_set *rules, struct err *err)
{
    for (size_t i = 0; i < rules->listener_count; i++) {
        const struct rule_listener *listener = &rules->listeners[i];
        if (listener->socket >= rules->socket_count)
            return err_set(err, "listener %.*s has socket %zu of %zu", STR_ARG(listener->label), listener->socket,
                           rules->socket_count);
        const struct rule_listener *first = first_of_socket(rules, listener->socket);
        if (!first->certificate_count != !listener->certificate_count ||
            first->takes_proxy_header != listener->takes_proxy_header)
            return err_set(err,
                           "listener %.*s and listener %.*s share a socket and disagree about TLS or PROXY headers",
                           STR_ARG(first->label), STR_ARG(listener->label));
    }
    for (size_t i = 0; i < rules->backend_count; i++) {
        if (!build_check_backend(&rules->backends[i], err))
            return err_wrap(err, "backend %.*s", STR_ARG(rules->backends[i].label));
    }
    for (size_t i = 0; i < rules->route_count; i++) {
        if (!build_check_route(rules, &rules->routes[i], err))
            return err_wrap(err, "route %.*s", STR_ARG(rules->routes[i].label));
    }
    return true;
}

static void add_sockets(struct draft *draft, const struct rule_set *rules)
{
    for (size_t i = 0; i < rules->socket_count; i++) {
        const struct rule_listener *first = first_of_socket(rules, i);
        struct plan_socket socket = {
            .address = rules->sockets[i],
            .is_tls = first && first->certificate_count,
            .takes_proxy_header = first && first->takes_proxy_header,
            .hosts = {.any = PLAN_NONE},
        };
        draft_add_copies(draft, ARRAY_SOCKETS, &socket, 1);
    }
    for (size_t i = 0; i < rules->listener_count; i++) {
        const struct rule_listener *rule = &rules->listeners[i];
        struct plan_listener listener = {
            .label = draft_add_text(draft, rule->label),
            .hostname = draft_add_text(draft, rule->hostname),
            .socket = (uint32_t)rule->socket,
            .port = rule->port,
            .certificates = build_texts(draft, (struct rule_texts){rule->certificates, rule->certificate_count}),
            .hosts = {.any = PLAN_NONE},
        };
        draft_add_copies(draft, ARRAY_LISTENERS, &listener, 1);
    }
}

static void fill(struct draft *draft, const struct rule_set *rules)
{
    add_sockets(draft, rules);
    for (size_t i = 0; i < rules->backend_count; i++)
        build_backend(draft, &rules->backends[i]);
    for (size_t i = 0; i < rules->route_count && !draft_is_too_large(draft); i++)
        build_route(draft, &rules->routes[i]);
    draft_add_copies(draft, ARRAY_TRUSTED_PROXIES, rules->trusted_proxies, rules->trusted_proxy_count);
}

int plan_build(const struct rule_set *rules, struct err *err)
{
    if (!check_rules(rules, err))
        return -1;
    struct draft draft;
    draft_init(&draft);
    fill(&draft, rules);
    int fd = -1;
    if (draft_is_too_large(&draft) || match_index_write(&draft, rules, err))
        fd = draft_seal(&draft, rules->generation, err);
    draft_deinit(&draft);
    return fd;
}
