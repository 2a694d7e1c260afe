/* SPDX-License-Identifier: Apache-2.0 */
/* The request's way: from the client's head to live. The client is read only as fast as live takes it. */
#include "http/url.h"
#include "proxy/edit.h"
#include "proxy/relay.h"
#include "route/match.h"

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
    relay->call = (struct client_call){.on_open = on_live_open, .on_fail = on_live_fail, .is_fresh = is_fresh};
    relay->is_connecting = true;
    client_open(relay->upstream.lease.endpoint->pool, &relay->call);
    if (relay->is_connecting && !relay->is_over && relay->call.is_connecting)
        timer_arm(relay->proxy->codec->loop, &relay->timer, UPSTREAM_CONNECT_MS);
}

/* Nothing was sent, so any other endpoint may have it. */
static void on_live_fail(struct client_call *call, int error)
{
    (void)error;
    struct relay *relay = CONTAINER_OF(call, struct relay, call);
    relay->is_connecting = false;
    timer_disarm(&relay->timer);
    upstream_unreached(&relay->upstream);
    if (upstream_may_fail_over(&relay->upstream)) {
        upstream_choose(&relay->upstream);
        relay_connect(relay, false);
        return;
    }
    relay_answer(relay, 503, STR("no upstream could be reached\n"));
}

/* What the client has sent so far; nothing on the first connection. False when it is not all there any more. */
static bool resend(struct relay *relay)
{
    if (relay->is_replaced && relay->replay.is_lost)
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
    const struct plan *plan = relay->exchange.rules->plan;
    relay->is_connecting = false;
    relay->live = live;
    live->handler = &relay_live_handler;
    live->user = relay;
    timer_disarm(&relay->timer);
    if (!is_reused)
        upstream_reached(&relay->upstream);
    uint32_t timeout_ms = PLAN_ROUTE(plan, relay->exchange.route)->request_timeout_ms;
    if (timeout_ms)
        timer_arm(relay->proxy->codec->loop, &relay->timer, timeout_ms);
    stream_send_head(live, &relay->request);
    if (!relay->is_expecting)
        relay_offer(relay);
    if (!resend(relay)) {
        stream_reset(live, RESET_CANCEL);
        relay->live = NULL;
        relay_answer(relay, 502, STR("the upstream closed its connection\n"));
        return;
    }
    if (!is_reused || !method_is_idempotent(relay->request.method_id))
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

/* Finds the route and makes the head that live gets; false when the request was answered. */
static bool route_request(struct relay *relay, const struct head *head)
{
    struct proxy *proxy = relay->proxy;
    struct exchange *exchange = &relay->exchange;
    const struct peer *peer = relay->client->peer;
    const struct proxy_listener *listener = peer->listener;
    const struct plan *plan = exchange->rules->plan;
    struct edit_result edited;
    struct str path;
    relay->series = exchange->rules->no_route;
    head_copy(&relay->request, head, &relay->arena, EDIT_SPARE);
    exchange->client = peer->remote;
    if (!url_normalise_path(relay->request.path, &relay->arena, &path)) {
        count_refusal(proxy, REFUSAL_TARGET);
        relay_answer(relay, 400, STR("target\n"));
        return false;
    }
    route_match(plan, exchange->rules->regexes, &proxy->scratch, &(struct route_request){listener->index, head, path},
                &relay->match);
    count_limit_hits(proxy);
    exchange->route = relay->match.route;
    if (exchange->route == PLAN_NONE) {
        relay_answer(relay, 404, STR("no route\n"));
        return false;
    }
    relay->series = exchange->rules->own_series[exchange->route];
    edit_request(&relay->request, &relay->arena,
                 &(struct edit_context){plan, peer, proxy->marker_key, loop_wall_ns(proxy->codec->loop) / 1000000000},
                 &edited);
    exchange->client = edited.client;
    exchange->is_copy = edited.is_copy;
    exchange->is_upgrade = relay->request.has_upgrade || head->method_id == METHOD_CONNECT;
    exchange->request = &relay->request;
    if (edited.had_forged_marker)
        count_refusal(proxy, REFUSAL_MARKER);
    return true;
}

static bool pick_backend(struct relay *relay)
{
    struct proxy *proxy = relay->proxy;
    const struct rules *rules = relay->exchange.rules;
    const struct plan_route *route = PLAN_ROUTE(rules->plan, relay->exchange.route);
    uint32_t weighted = route_pick_backend(rules->plan, route, (uint32_t)random_next(&proxy->random));
    if (weighted == PLAN_NONE) {
        relay_answer(relay, 500, STR("the route has no backend\n"));
        return false;
    }
    relay->series = rules->series[weighted];
    relay->backend = PLAN_WEIGHTED(rules->plan, weighted)->backend;
    if (relay->backend == PLAN_NONE) {
        relay_answer(relay, 500, STR("the route's backend is not known\n"));
        return false;
    }
    relay->exchange.mirrors_of_backend = PLAN_WEIGHTED(rules->plan, weighted)->mirrors;
    if (!rules->addresses[relay->backend].count) {
        relay_answer(relay, 503, STR("the backend has no endpoint\n"));
        return false;
    }
    relay->upstream.upstreams = &proxy->upstreams;
    relay->upstream.addresses = &rules->addresses[relay->backend];
    upstream_choose(&relay->upstream);
    return true;
}

static void on_client_head(struct stream *client, const struct head *head)
{
    struct proxy *proxy = client->user;
    if (!proxy->rules) {
        server_answer(client, 503, STR("no rules yet\n"));
        return;
    }
    struct relay *relay = relay_new(proxy, client);
    client->user = relay;
    if (!route_request(relay, head) || !pick_backend(relay))
        return;
    if (relay->request.has_upgrade && head->body == BODY_NONE)
        relay->request.upgrade = arena_copy(&relay->arena, head_find(head, FIELD_UPGRADE)->value);
    relay->is_expecting = is_expecting(head);
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
}

static void on_client_reset(struct stream *client, enum reset why)
{
    struct relay *relay = client->user;
    relay->client = NULL;
    relay_abort_request(relay);
    if (!relay->status)
        relay->status = why == RESET_PROTOCOL ? 400 : why == RESET_TIMEOUT ? 408 : 499;
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
