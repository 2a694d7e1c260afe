/* SPDX-License-Identifier: Apache-2.0 */
/* How long an exchange may take, and how often live is asked. One timer watches the nearest of three ends: of the exchange, of the
 * present attempt, and of what is waited for, a connection or the pause before a retry. An attempt begins with the search for a
 * connection. Without timeouts in the rule the timer runs while connecting only. */
#include "proxy/relay.h"

#include <errno.h>

#define NS_PER_MS 1000000ull
/* A pause is longer by up to this part of it, so that retries of many do not come together. It is never shorter: a rule's backoff is
 * the least that it wants. */
#define JITTER_PART 4

static const struct plan_route *find_rule(const struct relay *relay)
{
    return PLAN_ROUTE(relay->exchange.rules->plan, relay->exchange.route);
}

static uint64_t now_ns(const struct relay *relay)
{
    return loop_now_ns(relay->proxy->codec->loop);
}

static uint64_t end_after(const struct relay *relay, uint32_t timeout_ms)
{
    return timeout_ms ? now_ns(relay) + timeout_ms * NS_PER_MS : 0;
}

static uint64_t nearer(uint64_t a, uint64_t b)
{
    return !a || (b && b < a) ? b : a;
}

static void arm(struct relay *relay)
{
    uint64_t end = nearer(nearer(relay->exchange_end_ns, relay->attempt_end_ns), relay->wait_end_ns);
    uint64_t now = now_ns(relay);
    if (!end)
        timer_disarm(&relay->timer);
    else
        timer_arm(relay->proxy->codec->loop, &relay->timer, end > now ? (end - now + NS_PER_MS - 1) / NS_PER_MS : 0);
}

/* A call's deadline ends the exchange, when it comes before the rule's timeout does. */
static void keep_deadline(struct relay *relay)
{
    uint32_t deadline_ms;
    if (!grpc_is_call(&relay->request) || !grpc_deadline_ms(&relay->request, &deadline_ms))
        return;
    uint64_t end_ns = now_ns(relay) + deadline_ms * NS_PER_MS;
    relay->is_client_deadline = !relay->exchange_end_ns || end_ns <= relay->exchange_end_ns;
    if (relay->is_client_deadline)
        relay->exchange_end_ns = end_ns;
}

void relay_begin_attempts(struct relay *relay)
{
    const struct plan_route *rule = find_rule(relay);
    relay->retries_left = rule->retry_attempts;
    relay->exchange_end_ns = end_after(relay, rule->request_timeout_ms);
    relay->attempt_end_ns = end_after(relay, rule->backend_timeout_ms);
    if (relay->is_grpc)
        keep_deadline(relay);
}

void relay_wait_ms(struct relay *relay, uint64_t ms)
{
    relay->wait_end_ns = now_ns(relay) + ms * NS_PER_MS;
    arm(relay);
}

void relay_wait_no_more(struct relay *relay)
{
    relay->wait_end_ns = 0;
    arm(relay);
}

void relay_end_timeouts(struct relay *relay)
{
    relay->exchange_end_ns = relay->attempt_end_ns = relay->wait_end_ns = 0;
    timer_disarm(&relay->timer);
}

/* ---- retries ---- */

/* What the client has sent is all there, and what it may yet send before the next attempt will be. */
static bool is_whole(const struct relay *relay)
{
    const struct replay *replay = &relay->replay;
    if (replay->is_lost || !relay->client)
        return false;
    bool is_small = relay->request.body == BODY_LENGTH && relay->request.content_length <= REPLAY_WINDOW;
    return relay->is_request_ended || is_small || replay->bytes + relay->client->pull_credit <= REPLAY_WINDOW;
}

static bool may_retry(const struct relay *relay)
{
    return relay->retries_left && !relay->exchange.status && is_whole(relay);
}

/* An answer that is its trailers, too, says at once how the call went. */
static bool has_grpc_status(const struct head *answer, uint32_t statuses)
{
    enum grpc_status status = statuses ? grpc_find_status(answer->fields, answer->field_count) : GRPC_NONE;
    return status < GRPC_STATUS_COUNT && statuses >> status & 1;
}

bool relay_retries_answer(const struct relay *relay, const struct head *answer)
{
    if (!may_retry(relay))
        return false;
    const struct plan_route *rule = find_rule(relay);
    for (uint32_t i = 0; i < rule->retry_codes.count; i++) {
        if (PLAN_CODE(relay->exchange.rules->plan, rule->retry_codes.first + i) == answer->status)
            return rule->retry_on & RETRY_STATUS;
    }
    return rule->retry_on & RETRY_STATUS && has_grpc_status(answer, rule->retry_grpc);
}

/* At least 1 ms, so that no callback of an attempt begins the next one. */
static uint64_t pause_ms(struct relay *relay)
{
    uint64_t backoff = find_rule(relay)->retry_backoff_ms;
    uint64_t jitter = random_next(&relay->proxy->random) % (backoff / JITTER_PART + 1);
    return backoff + jitter + !backoff;
}

bool relay_retry(struct relay *relay, enum plan_retry why)
{
    if (!may_retry(relay) || !(find_rule(relay)->retry_on & why))
        return false;
    relay->retries_left--;
    relay->is_pausing = true;
    upstream_give(&relay->upstream);
    relay->attempt_end_ns = 0;
    relay_wait_ms(relay, pause_ms(relay));
    return true;
}

bool relay_was_retried(const struct relay *relay)
{
    return relay->retries_left < find_rule(relay)->retry_attempts;
}

static void try_again(struct relay *relay)
{
    relay->is_pausing = relay->is_replaced = false;
    relay->is_resent = true;
    relay->attempt_end_ns = end_after(relay, find_rule(relay)->backend_timeout_ms);
    upstream_forget_tried(&relay->upstream);
    upstream_choose(&relay->upstream);
    relay_connect(relay, false);
}

/* ---- time ---- */

/* Ends the attempt, whatever it was at. */
static void drop_attempt(struct relay *relay)
{
    struct stream *live = relay->live;
    client_cancel(&relay->call);
    relay->is_connecting = relay->is_pausing = false;
    relay->live = NULL;
    if (live)
        stream_reset(live, RESET_TIMEOUT);
}

static void time_out(struct relay *relay, bool may_go_on)
{
    bool is_slow = relay->live && (relay->is_request_ended || relay->live->queued); /* else the client was */
    bool is_asked_for = relay->is_client_deadline && !may_go_on;
    if (!is_asked_for && (relay->is_connecting || (is_slow && !relay->exchange.status)))
        upstream_failed(&relay->upstream);
    drop_attempt(relay);
    if (may_go_on && relay_retry(relay, RETRY_TIMEOUT))
        return;
    if (relay->exchange.status) {
        relay->grpc_status = GRPC_DEADLINE_EXCEEDED;
        relay_break_off(relay);
    } else {
        relay_answer(relay, 504, STR("upstream timeout\n"));
    }
}

void relay_on_timer(struct timer *timer)
{
    struct relay *relay = CONTAINER_OF(timer, struct relay, timer);
    uint64_t now = now_ns(relay);
    if (relay->exchange_end_ns && now >= relay->exchange_end_ns) {
        time_out(relay, false);
    } else if (relay->attempt_end_ns && now >= relay->attempt_end_ns) {
        time_out(relay, true);
    } else if (!relay->wait_end_ns || now < relay->wait_end_ns) {
        arm(relay);
    } else if (relay->is_pausing) {
        relay->wait_end_ns = 0;
        try_again(relay);
    } else {
        client_cancel(&relay->call);
        relay->call.on_fail(&relay->call, ETIMEDOUT);
    }
}
