/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/relay.h"

#include "base/log.h"

#define NS_PER_MS 1000000.0

void relay_offer(struct relay *relay)
{
    struct tap *tap = relay->proxy->tap;
    if (relay->is_offered || !tap)
        return;
    relay->is_offered = true;
    tap->ops->on_request(tap, &relay->exchange);
    if (relay->is_request_ended)
        tap->ops->on_end(tap, &relay->exchange, relay->trailers, relay->trailer_count);
}

void relay_abort_request(struct relay *relay)
{
    struct tap *tap = relay->proxy->tap;
    if (relay->is_offered && !relay->is_request_ended)
        tap->ops->on_abort(tap, &relay->exchange);
    relay->is_request_ended = true;
}

static struct str find_label(const struct relay *relay)
{
    const struct exchange *exchange = &relay->exchange;
    if (!exchange->rules)
        return relay->label;
    const struct plan *plan = exchange->rules->plan;
    return exchange->route == PLAN_NONE ? STR("-") : plan_text(plan, PLAN_ROUTE(plan, exchange->route)->label);
}

void relay_let_rules_go(struct relay *relay)
{
    struct rules *rules = relay->exchange.rules;
    if (relay->is_over || !rules)
        return;
    if (relay->proxy->is_access_log)
        relay->label = arena_copy(&relay->arena, find_label(relay));
    relay->exchange.rules = NULL;
    relay->upstream.addresses = NULL;
    rules_unref(rules);
}

static void log_access(const struct relay *relay, uint64_t duration_ns)
{
    char client[ADDRESS_TEXT], id[32];
    struct str ip = address_format_ip(&relay->exchange.client, client), route = find_label(relay);
    request_id_format(id, relay->exchange.id);
    log_info("%.*s %.*s%.*s %u %.3fms client=%.*s route=%.*s id=%.32s", STR_ARG(relay->request.method),
             STR_ARG(relay->asked_host), STR_ARG(relay->asked_path), relay->exchange.status,
             (double)duration_ns / NS_PER_MS, STR_ARG(ip), STR_ARG(route), id);
}

static void relay_free(struct task *task)
{
    struct relay *relay = CONTAINER_OF(task, struct relay, reap);
    struct proxy *proxy = relay->proxy;
    replay_end(&relay->replay);
    arena_deinit(&relay->arena);
    rules_unref(relay->exchange.rules);
    slab_give(proxy->relays, relay);
    if (--proxy->in_flight == 0 && proxy->on_idle)
        proxy->on_idle(proxy);
}

/* Answers of Umbra's own count apart. */
static struct registry_route *find_series(const struct relay *relay)
{
    const struct exchange *exchange = &relay->exchange;
    if (relay->series)
        return relay->series;
    return exchange->route == PLAN_NONE ? exchange->rules->no_route : exchange->rules->own_series[exchange->route];
}

_Static_assert(REGISTRY_GRPC_STATUSES == GRPC_STATUS_COUNT, "counted as they are numbered");

/* Only methods that live knows get a name there: the others are whatever clients like. Umbra's own answers have another status. */
static void count_call(const struct relay *relay, struct registry_route *series)
{
    bool is_known = relay->exchange.status == 200 && relay->grpc_status != GRPC_UNIMPLEMENTED &&
                    relay->grpc_status != GRPC_NONE;
    if (grpc_is_call(&relay->request))
        registry_count_call(relay->proxy->registry, series, relay->asked_path, relay->grpc_status, is_known);
}

void relay_finish(struct relay *relay)
{
    struct proxy *proxy = relay->proxy;
    if (relay->is_over)
        return;
    relay->is_over = true;
    uint64_t duration = loop_now_ns(proxy->codec->loop) - relay->exchange.begin_ns;
    struct registry_route *series = find_series(relay);
    counter_add(&series->code[registry_code_index(relay->exchange.status)], 1);
    if (relay->is_grpc)
        count_call(relay, series);
    registry_duration_add(&series->duration, duration);
    if (relay->is_offered)
        proxy->tap->ops->on_over(proxy->tap, &relay->exchange);
    if (proxy->is_access_log)
        log_access(relay, duration);
    timer_disarm(&relay->timer);
    upstream_give(&relay->upstream);
    loop_soon(proxy->codec->loop, &relay->reap);
}

/* The answer to a call: a head that is its trailers, too. The texts are literals of this folder and need no percent-encoding as a
 * grpc-message; their line's end goes. Whoever does not speak gRPC gets what HTTP has, lest a failure look like a success. */
static void make_trailers_only(struct head *answer, enum grpc_status status, struct str text)
{
    answer->status = 200;
    head_add(answer, FIELD_OTHER, STR("Content-Type"), STR("application/grpc"));
    head_add(answer, FIELD_OTHER, STR("Grpc-Status"), grpc_status_text(status));
    head_add(answer, FIELD_OTHER, STR("Grpc-Message"), str_slice(text, 0, text.len - 1));
}

/* A body of the rules is for no call, whose message would have to be plain words. */
static void answer_with(struct relay *relay, uint16_t status, const struct field *field, struct slice body)
{
    struct stream *client = relay->client;
    struct field fields[3];
    struct head answer = {.status = status, .fields = fields};
    bool is_call = status >= 400 && grpc_is_call(&relay->request);
    if (!relay->exchange.status)
        relay->exchange.status = status;
    relay->exchange.is_own_answer = true;
    if (is_call)
        relay->grpc_status = (uint8_t)grpc_status_from_http(status);
    relay->client = NULL;
    relay_abort_request(relay);
    relay_finish(relay);
    if (!client)
        return;
    if (is_call && status != 421) { /* the client is to see that the connection is the wrong one, and take another */
        struct str text = body.chunk ? STR("the rule answers so\n") : (struct str){body.ptr, body.len};
        make_trailers_only(&answer, (enum grpc_status)relay->grpc_status, text);
        body.len = 0;
    } else if (body.len) {
        head_add(&answer, FIELD_OTHER, STR("Content-Type"), STR("text/plain; charset=utf-8"));
    }
    if (field)
        head_add(&answer, field->id, field->name, field->value);
    filters_edit_answer(&relay->filters, &answer, &relay->arena);
    server_answer_body(client, &answer, body);
}

void relay_answer_field(struct relay *relay, uint16_t status, const struct field *field, struct str text)
{
    answer_with(relay, status, field, (struct slice){NULL, text.ptr, text.len});
}

void relay_answer_body(struct relay *relay, uint16_t status, struct str body)
{
    struct slice copy = slice_copy(body);
    answer_with(relay, status, NULL, copy);
    chunk_unref(copy.chunk);
}

void relay_answer(struct relay *relay, uint16_t status, struct str text)
{
    relay_answer_field(relay, status, NULL, text);
}

void relay_break_off(struct relay *relay)
{
    struct stream *client = relay->client;
    relay_abort_request(relay);
    relay->client = NULL;
    if (client)
        stream_reset(client, RESET_CLOSED);
    relay_finish(relay);
}

struct relay *relay_new(struct proxy *proxy, struct stream *client)
{
    struct relay *relay = slab_take(proxy->relays);
    memset(relay, 0, offsetof(struct relay, first_block));
    relay->proxy = proxy;
    relay->client = client;
    const struct proxy_listener *listener = client->peer->listener;
    relay->exchange.rules = rules_ref(listener->rules ? listener->rules : proxy->rules);
    relay->exchange.route = PLAN_NONE;
    relay->grpc_status = GRPC_NONE;
    relay->exchange.id = (struct request_id){random_next(&proxy->random), random_next(&proxy->random)};
    relay->exchange.begin_ns = loop_now_ns(proxy->codec->loop);
    arena_init(&relay->arena, relay->first_block, sizeof relay->first_block);
    replay_init(&relay->replay);
    timer_init(&relay->timer, relay_on_timer);
    task_init(&relay->reap, relay_free);
    proxy->in_flight++;
    return relay;
}

void proxy_init(struct proxy *proxy, struct codec *codec, struct registry *registry, unsigned gateway_slot)
{
    *proxy = (struct proxy){.codec = codec, .registry = registry};
    random_init(&proxy->random);
    route_scratch_init(&proxy->scratch);
    proxy->relays = slab_new("relays", sizeof(struct relay));
    upstreams_init(&proxy->upstreams, codec, registry_gateway_get(registry, gateway_slot), &proxy->random);
}

void proxy_deinit(struct proxy *proxy)
{
    upstreams_deinit(&proxy->upstreams);
    rules_unref(proxy->rules);
    route_scratch_deinit(&proxy->scratch);
    slab_free(proxy->relays);
}

void proxy_set_rules(struct proxy *proxy, struct rules *rules)
{
    rules_unref(proxy->rules);
    proxy->rules = rules;
    upstreams_keep_only(&proxy->upstreams, rules);
}
