/* SPDX-License-Identifier: Apache-2.0 */
/* The request's way: from the client's head to live. The client is read only as fast as live takes it. */
#include "http/url.h"
#include "proxy/edit.h"
#include "proxy/relay.h"
#include "route/match.h"

#include <errno.h>

static void on_live_open(struct client_call *call, struct stream *live, bool is_reused);
static void on_live_fail(struct client_call *call, int error);

static void count_refusal(struct proxy *proxy, enum refusal why)
{
    counter_add(&registry_totals(proxy->registry)->refused[why], 1);
}

static void count_limit_hits(struct proxy *proxy)
{
    if (proxy->scratch.limit_hits)
        counter_add(&registry_totals(proxy->registry)->regex_limit, proxy->scratch.limit_hits);
    proxy->scratch.limit_hits = 0;
}

/* ---- to live ---- */

void relay_connect(struct relay *relay, bool is_fresh)
{
    relay->call = (struct client_call){
        .on_open = on_live_open, .on_fail = on_live_fail, .is_fresh = is_fresh, .refusals = relay->refusals};
    relay->is_connecting = true;
    client_open(relay->upstream.lease.endpoint->pool, &relay->call);
    if (relay->is_connecting && !relay->is_over && relay->call.is_connecting)
        relay_wait_ms(relay, UPSTREAM_CONNECT_MS);
}

/* Nothing was sent, so any other endpoint may have it. */
static void on_live_fail(struct client_call *call, int error)
{
    struct relay *relay = CONTAINER_OF(call, struct relay, call);
    relay->is_connecting = false;
    relay_wait_no_more(relay);
    upstream_unreached(&relay->upstream, error);
    if (upstream_may_fail_over(&relay->upstream)) {
        upstream_choose(&relay->upstream);
        relay_connect(relay, false);
        return;
    }
    if (relay_retry(relay, RETRY_CONNECT))
        return;
    if (error == EPROTO)
        relay_answer(relay, 502, STR("the upstream failed its TLS check\n"));
    else
        relay_answer(relay, 503, STR("no upstream could be reached\n"));
}

/* What the client has sent so far; nothing on the first connection. False when it is not all there any more. */
static bool resend(struct relay *relay)
{
    if (relay->is_resent && relay->replay.is_lost)
        return false;
    for (uint8_t i = 0; i < relay->replay.count; i++)
        stream_send_data(relay->live, relay->replay.pieces[i]);
    if (relay->is_request_ended)
        stream_send_end(relay->live, relay->trailers, relay->trailer_count);
    return true;
}

static void on_live_open(struct client_call *call, struct stream *live, bool is_reused)
{
    struct relay *relay = CONTAINER_OF(call, struct relay, call);
    /* The connection may turn out to be dead, or live may refuse the stream: what is sent may be wanted once more. */
    bool may_be_replaced = client_is_shared(live) || (is_reused && method_is_idempotent(relay->request.method_id));
    relay->is_connecting = false;
    relay->live = live;
    live->handler = &relay_live_handler;
    live->user = relay;
    relay_wait_no_more(relay);
    if (!is_reused)
        upstream_reached(&relay->upstream);
    relay->exchange.sent_ns = loop_now_ns(relay->proxy->codec->loop);
    relay->exchange.is_fresh = !is_reused;
    stream_send_head(live, &relay->request);
    if (!relay->is_expecting)
        relay_offer(relay);
    if (!resend(relay)) {
        stream_reset(live, RESET_CANCEL);
        relay->live = NULL;
        relay_answer(relay, 502, STR("the upstream closed its connection\n"));
        return;
    }
    if (!relay->retries_left && !may_be_replaced)
        replay_end(&relay->replay);
    stream_pull(live, STREAM_WINDOW);
    if (!relay->is_over && relay->live && relay->client)
        stream_pull(relay->client, relay->live->send_credit);
}

/* ---- from the client ---- */

static bool is_expecting(const struct head *head)
{
    return head->has_expect_continue && head->body != BODY_NONE;
}

/* Over TLS, for a host of another listener than the one whose certificate the client was shown: it may use one connection for several
 * hosts, as long as we take them (RFC 9110 15.5.20). */
static bool is_misdirected(const struct relay *relay)
{
    const struct plan *plan = relay->exchange.rules->plan;
    const struct peer *peer = relay->client->peer;
    uint32_t listener = relay->match.listener;
    return peer->is_tls && listener != PLAN_NONE &&
           !str_eq_nocase(peer->tls_name, plan_text(plan, PLAN_LISTENER(plan, listener)->hostname));
}

/* Chooses rule and backendRef and copies the head, with room for what they do to it. False when the path leads out of the root. */
static bool find_route(struct relay *relay, const struct head *head, struct rewrite_path *path)
{
    struct proxy *proxy = relay->proxy;
    struct exchange *exchange = &relay->exchange;
    const struct plan *plan = exchange->rules->plan;
    const struct regex_use use = {exchange->rules->regexes, proxy->scratch.regex};
    const struct proxy_listener *listener = relay->client->peer->listener;
    bool is_inside = url_normalise_path(head->path, &relay->arena, &path->normal);
    relay->weighted = PLAN_NONE;
    if (is_inside) {
        route_match(plan, exchange->rules->regexes, &proxy->scratch,
                    &(struct route_request){.socket = listener->index,
                                            .head = head,
                                            .path = path->normal,
                                            .peer = &relay->client->peer->remote,
                                            .peer_sets = exchange->rules->peer_sets},
                    &relay->match);
        count_limit_hits(proxy);
        exchange->route = is_misdirected(relay) ? PLAN_NONE : relay->match.route;
        path->prefix_len = relay->match.prefix_len;
        path->use = use;
    }
    if (exchange->route != PLAN_NONE) {
        const struct plan_route *route = PLAN_ROUTE(plan, exchange->route);
        relay->is_grpc = route->is_grpc;
        relay->weighted = route_pick_backend(plan, route, (uint32_t)random_next(&proxy->random));
        if (relay->weighted != PLAN_NONE)
            __builtin_prefetch(&exchange->rules->series[relay->weighted]); /* read when the head is made */
        filters_init(&relay->filters, plan, use, route,
                     relay->weighted == PLAN_NONE ? NULL : PLAN_WEIGHTED(plan, relay->weighted));
    }
    head_copy(&relay->request, head, &relay->arena, EDIT_SPARE + filters_room(&relay->filters));
    relay->asked_host = relay->request.authority;
    relay->asked_path = relay->request.path;
    return is_inside;
}

/* Finds the route and makes the head that live gets, but for the filters; false when the request was answered. */
static bool route_request(struct relay *relay, const struct head *head, struct rewrite_path *path)
{
    struct proxy *proxy = relay->proxy;
    struct exchange *exchange = &relay->exchange;
    const struct peer *peer = relay->client->peer;
    struct edit_result edited;
    exchange->client = peer->remote;
    if (!find_route(relay, head, path)) {
        count_refusal(proxy, REFUSAL_TARGET);
        relay_answer(relay, 400, STR("target\n"));
        return false;
    }
    if (is_misdirected(relay)) {
        count_refusal(proxy, REFUSAL_MISDIRECTED);
        relay_answer(relay, 421, STR("this host is served on connections to its own name\n"));
        return false;
    }
    if (exchange->route == PLAN_NONE) {
        relay_answer(relay, 404, STR("no route\n"));
        return false;
    }
    const struct edit_context context = {
        .plan = exchange->rules->plan,
        .peer = peer,
        .marker_key = proxy->marker_key,
        .other_marker_key = proxy->other_marker_key,
        .unix_s = loop_wall_ns(proxy->codec->loop) / 1000000000,
        .marker_headers = exchange->rules->marker_headers,
        .marker_header_count = exchange->rules->marker_header_count,
    };
    edit_request(&relay->request, &relay->arena, &context, &edited);
    exchange->client = edited.client;
    exchange->is_copy = edited.is_copy;
    exchange->is_upgrade = relay->request.has_upgrade || head->method_id == METHOD_CONNECT;
    exchange->request = &relay->request;
    if (edited.had_forged_marker)
        count_refusal(proxy, REFUSAL_MARKER);
    return true;
}

static void redirect(struct relay *relay, const struct plan_redirect *rule, const struct rewrite_path *path)
{
    const struct plan *plan = relay->exchange.rules->plan;
    const struct redirect_from from = {&relay->request, *path, relay->client->peer->is_tls,
                                       PLAN_LISTENER(plan, relay->match.listener)->port};
    struct field location = {STR("Location"), redirect_location(plan, rule, &from, &relay->arena), FIELD_OTHER};
    relay_answer_field(relay, redirect_status(rule), &location, STR("see Location\n"));
}

/* The rule's own answer. */
static void answer_directly(struct relay *relay, const struct plan_answer *answer)
{
    const struct plan *plan = relay->exchange.rules->plan;
    bool has_body = answer->status != 204 && answer->status != 304;
    relay_answer_body(relay, (uint16_t)answer->status, has_body ? plan_text(plan, answer->body) : STR_NONE);
}

/* What the filters answer, and what they change; false when the request was answered. */
static bool filter_request(struct relay *relay, const struct head *head, const struct rewrite_path *path)
{
    struct proxy *proxy = relay->proxy;
    struct filters *filters = &relay->filters;
    const struct plan_redirect *rule = filters_redirect(filters);
    const struct plan_answer *answer = filters_answer(filters);
    filters_note_origin(filters, &relay->request, &relay->arena);
    if (filters_is_preflight(filters, head)) {
        relay_answer_field(relay, 204, NULL, STR_NONE);
        return false;
    }
    if (rule) {
        redirect(relay, rule, path);
        return false;
    }
    if (answer) {
        answer_directly(relay, answer);
        return false;
    }
    if (!filters_edit_request(filters, path, &relay->request, &relay->arena)) {
        proxy->scratch.limit_hits++;
        count_limit_hits(proxy);
        relay_answer(relay, 500, STR("the path can't be rewritten\n"));
        return false;
    }
    return true;
}

static bool choose_upstream(struct relay *relay)
{
    const struct rules *rules = relay->exchange.rules;
    if (relay->weighted == PLAN_NONE) {
        relay_answer(relay, 500, STR("the route has no backend\n"));
        return false;
    }
    const struct plan_weighted *weighted = PLAN_WEIGHTED(rules->plan, relay->weighted);
    if (weighted->backend == PLAN_NONE) {
        relay_answer(relay, 500, STR("the route's backend is not known\n"));
        return false;
    }
    relay->series = rules->series[relay->weighted];
    relay->exchange.mirrors_of_backend = weighted->mirrors;
    relay->exchange.backend = weighted->backend;
    if (!rules->addresses[weighted->backend].count) {
        relay_answer(relay, 503, STR("the backend has no endpoint\n"));
        return false;
    }
    upstream_init(&relay->upstream, &relay->proxy->upstreams, rules, weighted->backend);
    upstream_choose(&relay->upstream);
    return true;
}

static void on_client_head(struct stream *client, const struct head *head)
{
    struct proxy *proxy = client->user;
    struct rewrite_path path = {0};
    if (!proxy->rules) {
        server_answer(client, 503, STR("no rules yet\n"));
        return;
    }
    struct relay *relay = relay_new(proxy, client);
    client->user = relay;
    if (!route_request(relay, head, &path) || !filter_request(relay, head, &path) || !choose_upstream(relay))
        return;
    if (relay->request.has_upgrade && head->body == BODY_NONE)
        relay->request.upgrade = arena_copy(&relay->arena, head_find(head, FIELD_UPGRADE)->value);
    relay->is_expecting = is_expecting(head);
    relay_begin_attempts(relay);
    relay_connect(relay, false);
}

static void on_client_data(struct stream *client, struct slice data)
{
    struct relay *relay = client->user;
    struct tap *tap = relay->proxy->tap;
    relay_offer(relay); /* a client that does not wait for 100 */
    replay_add(&relay->replay, data);
    if (relay->live)
        stream_send_data(relay->live, data);
    if (relay->is_offered)
        tap->ops->on_data(tap, &relay->exchange, data);
    if (relay->live)
        stream_pull(client, relay->live->send_credit);
}

static void on_client_end(struct stream *client, const struct field *trailers, uint16_t count)
{
    struct relay *relay = client->user;
    struct tap *tap = relay->proxy->tap;
    relay->is_request_ended = true;
    if (count) { /* live may not be connected yet, or be replaced */
        relay->trailers = fields_copy(trailers, count, &relay->arena);
        relay->trailer_count = count;
    }
    if (relay->live)
        stream_send_end(relay->live, trailers, count);
    if (relay->is_offered)
        tap->ops->on_end(tap, &relay->exchange, trailers, count);
    if (relay->is_answer_ended)
        relay_finish(relay);
    else if (relay->exchange.status)
        relay_let_rules_go(relay);
}

static void on_client_reset(struct stream *client, enum reset why)
{
    struct relay *relay = client->user;
    relay->client = NULL;
    relay->exchange.is_client_gone = true;
    relay_abort_request(relay);
    if (!relay->exchange.status)
        relay->exchange.status = why == RESET_PROTOCOL ? 400 : why == RESET_TIMEOUT ? 408 : 499;
    if (relay->grpc_status == GRPC_NONE)
        relay->grpc_status = GRPC_CANCELLED;
    if (relay->live)
        stream_reset(relay->live, RESET_CANCEL);
    else
        client_cancel(&relay->call);
    relay->live = NULL;
    relay_finish(relay);
}

/* The client has read: live may go on. */
static void on_client_credit(struct stream *client)
{
    struct relay *relay = client->user;
    if (relay->live)
        stream_pull(relay->live, client->send_credit);
}

const struct stream_handler proxy_handler = {
    .name = "proxy client",
    .on_head = on_client_head,
    .on_data = on_client_data,
    .on_end = on_client_end,
    .on_reset = on_client_reset,
    .on_credit = on_client_credit,
};
