/* SPDX-License-Identifier: Apache-2.0 */
/* The answer's way: from live to the client, read only as fast as the client takes it. */
#include "proxy/edit.h"
#include "proxy/relay.h"

/* 100 Continue and its like. */
static void pass_interim(struct relay *relay, const struct head *head, const struct head *answer)
{
    if (head->status == 100 && relay->is_expecting)
        relay_offer(relay);
    stream_send_head(relay->client, answer);
}

/* In the trailers, or in the head of an answer that has nothing else. */
static void note_status(struct relay *relay, const struct field *fields, uint16_t count)
{
    enum grpc_status status = relay->is_grpc ? grpc_find_status(fields, count) : GRPC_NONE;
    if (status != GRPC_NONE)
        relay->grpc_status = (uint8_t)status;
}

/* The tap watches answers to what it was offered, and no tunnels. */
static void tell_tap(struct relay *relay, const struct head *head)
{
    struct tap *tap = relay->proxy->tap;
    relay->is_heard = relay->is_offered && head->body != BODY_TUNNEL;
    if (relay->is_heard)
        tap->ops->on_answer(tap, &relay->exchange, head);
}

static void on_head(struct stream *live, const struct head *head)
{
    struct relay *relay = live->user;
    bool is_interim = head->status < 200 && head->body != BODY_TUNNEL;
    if (!is_interim) {
        tell_tap(relay, head);
        upstream_answered(&relay->upstream, head->status);
        if (relay_retries_answer(relay, head)) {
            relay->live = NULL;
            stream_reset(live, RESET_CANCEL);
            (void)relay_retry(relay, RETRY_STATUS);
            return;
        }
    }
    struct field fields[HEAD_MAX_FIELDS];
    struct head answer = *head;
    memcpy(fields, head->fields, head->field_count * sizeof *fields);
    answer.fields = fields;
    const struct field *upgrade = head->body == BODY_TUNNEL ? head_find(head, FIELD_UPGRADE) : NULL;
    if (upgrade)
        answer.upgrade = upgrade->value;
    edit_strip_hop_by_hop(&answer);
    if (!is_interim || !relay->retries_left)
        replay_end(&relay->replay);
    if (is_interim) {
        pass_interim(relay, head, &answer);
        return;
    }
    relay->exchange.status = head->status;
    note_status(relay, head->fields, head->field_count);
    registry_route_load(relay->series, head->status);
    filters_edit_answer(&relay->filters, &answer, &relay->arena);
    if (head->body == BODY_TUNNEL)
        relay_end_timeouts(relay);
    relay->is_live_closing = !head->is_keep_alive && head->body != BODY_TUNNEL;
    answer.is_last = relay->is_live_closing;
    stream_send_head(relay->client, &answer);
    if (head->body == BODY_TUNNEL || relay->is_request_ended)
        relay_let_rules_go(relay);
    if (head->body == BODY_TUNNEL && relay->client && relay->live)
        stream_pull(relay->client, relay->live->send_credit);
}

static void on_data(struct stream *live, struct slice data)
{
    struct relay *relay = live->user;
    struct tap *tap = relay->proxy->tap;
    relay->exchange.answer_bytes += data.len;
    stream_send_data(relay->client, data);
    if (relay->is_heard)
        tap->ops->on_answer_data(tap, &relay->exchange, data);
    stream_pull(live, relay->client->send_credit);
}

static void on_end(struct stream *live, const struct field *trailers, uint16_t count)
{
    struct relay *relay = live->user;
    struct tap *tap = relay->proxy->tap;
    note_status(relay, trailers, count);
    stream_send_end(relay->client, trailers, count);
    if (relay->is_heard)
        tap->ops->on_answer_end(tap, &relay->exchange, trailers, count);
    if (!relay->is_request_ended && !relay->is_live_closing) {
        relay->is_answer_ended = true; /* answered early, but still reading; or one direction of a tunnel */
        relay_end_timeouts(relay);
        return;
    }
    if (!relay->is_request_ended) {
        /* Live has answered and reads no more, so nobody wants the rest. */
        relay_abort_request(relay);
        stream_reset(relay->client, RESET_CANCEL);
        stream_reset(live, RESET_CANCEL);
    }
    relay->client = relay->live = NULL;
    relay_finish(relay);
}

static bool may_replace(const struct relay *relay, enum reset why)
{
    if (relay->replay.is_lost)
        return false;
    if (why == RESET_REFUSED)
        return relay->refusals < STREAM_REFUSALS;
    return why == RESET_STALE && !relay->is_replaced && method_is_idempotent(relay->request.method_id);
}

static void on_reset(struct stream *live, enum reset why)
{
    struct relay *relay = live->user;
    relay->live = NULL;
    if (may_replace(relay, why)) {
        relay->is_resent = true;
        if (why == RESET_REFUSED)
            relay->refusals++;
        else
            relay->is_replaced = true;
        upstream_forget_tried(&relay->upstream);
        relay_connect(relay, true);
        return;
    }
    if (relay->exchange.status) {
        relay_break_off(relay);
        return;
    }
    upstream_failed(&relay->upstream);
    if (relay_retry(relay, RETRY_RESET))
        return;
    if (relay_was_retried(relay))
        relay_answer(relay, 503, STR("the upstream broke off at every attempt\n"));
    else
        relay_answer(relay, 502, STR("the upstream broke off before it answered\n"));
}

/* Live has taken what was sent: the client may go on. */
static void on_credit(struct stream *live)
{
    struct relay *relay = live->user;
    if (relay->client)
        stream_pull(relay->client, live->send_credit);
}

const struct stream_handler relay_live_handler = {
    .name = "proxy live",
    .on_head = on_head,
    .on_data = on_data,
    .on_end = on_end,
    .on_reset = on_reset,
    .on_credit = on_credit,
};
