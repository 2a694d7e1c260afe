/* SPDX-License-Identifier: Apache-2.0 */
#include "mirror/copy.h"

#include "http/grpc.h"
#include "mirror/breaker.h"
#include "mirror/copy_head.h"
#include "mirror/redact.h"

#include <errno.h>

#define NS_PER_MS 1000000ull
/* Handed to the stream ahead of what the shadow has taken; the rest waits here, where it is accounted piece by piece. */
#define SEND_AHEAD (64 * 1024)
/* As for live: what was sent on a reused connection and can be sent again. */
#define REPLAY_WINDOW (64 * 1024)
/* More than this waits: the copy is large, and comes faster than its bounded socket lets it through. */
#define WIDEN_AT (128 * 1024)
/* A shadow's answer is read and thrown away, so much of one and so much of all in a turn: an endless one must not keep the worker
 * from live. */
#define ANSWER_CREDIT (64 * 1024)
#define ANSWERS_PER_TURN (1024 * 1024)
/* Nor may it take the CPU that live needs: of all answers that go beyond twice the length of live's and ANSWER_CREDIT, one reads so much
 * every PACE_MS, which is 13 MB/s together. */
#define PACE_MS 5
#define FAILURE_LOG_NS 1000000000ull

static const struct stream_handler shadow_handler;

static uint64_t now_ns(const struct copy *copy)
{
    return loop_now_ns(copy->mirror->codec->loop);
}

/* ---- counting ---- */

static void move_gauge(_Atomic int64_t *gauges, const struct copy *copy, int64_t n)
{
    gauge_add(&gauges[copy->mirror->settings.gateway_slot], n);
}

/* Before the stream goes: its connection will carry others. */
static void narrow(struct copy *copy)
{
    if (!copy->is_wide)
        return;
    copy->is_wide = false;
    client_set_send_buffer(copy->stream, TARGET_SEND_BUFFER, true);
    budget_give(&copy->mirror->budget, copy->target->entry, TARGET_WIDE_BYTES);
}

static void widen(struct copy *copy)
{
    if (copy->is_wide || copy->pieces.unsent < WIDEN_AT || client_is_shared(copy->stream) ||
        !budget_take(&copy->mirror->budget, copy->target->entry, TARGET_WIDE_BYTES))
        return;
    copy->is_wide = true;
    client_set_send_buffer(copy->stream, TARGET_WIDE_BUFFER, false);
}

/* The stream is not the copy's any more. */
static void forget_stream(struct copy *copy)
{
    if (!copy->stream)
        return;
    narrow(copy);
    counter_add(&copy->target->entry->bytes_sent, copy->stream->wire_sent);
    counter_add(&copy->target->entry->bytes_received, copy->stream->wire_received);
    copy->stream = NULL;
}

/* Memory goes at the end of the callback: code on the stack may still look at the state. */
static void copy_over(struct copy *copy)
{
    struct registry_mirror *entry = copy->target->entry;
    bool was_sent = copy->state != COPY_QUEUED;
    struct stream *stream = copy->stream;
    move_gauge(was_sent ? entry->in_flight : entry->queued, copy, -1);
    gauge_add(&entry->occupied, -1);
    copy->state = COPY_OVER;
    client_cancel(&copy->call);
    forget_stream(copy);
    if (stream)
        stream_reset(stream, RESET_CANCEL);
    timer_disarm(&copy->timer);
    task_cancel(&copy->work);
    list_remove(&copy->by_watch);
    list_remove(&copy->by_pace);
    loop_soon(copy->mirror->codec->loop, &copy->reap);
}

static void copy_free(struct task *task)
{
    struct copy *copy = CONTAINER_OF(task, struct copy, reap);
    struct mirror *mirror = copy->mirror;
    struct registry_mirror *entry = copy->target->entry;
    pieces_clear(&copy->pieces, &mirror->budget, entry);
    budget_give(&mirror->budget, entry, copy->charged);
    arena_deinit(&copy->arena);
    target_remove(copy->target, &copy->by_target);
    slab_give(mirror->copies, copy);
    if (--mirror->in_flight == 0 && mirror->on_idle)
        mirror->on_idle(mirror);
}

static void log_failure(const struct copy *copy, enum failed reason, int error)
{
    const char *why = reason == FAILED_TLS ? client_pool_tls_failure(copy->target->pool) : error ? strerror(error) : "";
    uint64_t held_back;
    if (!log_limit_pass(&copy->target->failures, now_ns(copy), FAILURE_LOG_NS, &held_back))
        return;
    char to[ADDRESS_TEXT];
    struct str address = address_format(&copy->target->address, to);
    log_warn("a copy to shadow %.*s failed: %s%s%s (%llu more since the last such line); live is not affected",
             STR_ARG(address), failed_name(reason), *why ? ", " : "", why, (unsigned long long)held_back);
}

static void copy_fail(struct copy *copy, enum failed reason, int error)
{
    struct registry_mirror *entry = copy->target->entry;
    counter_add(&entry->failed[reason], 1);
    atomic_store_explicit(&entry->last_failure, reason, memory_order_relaxed);
    atomic_store_explicit(&entry->last_failure_errno, (uint32_t)error, memory_order_relaxed);
    atomic_store_explicit(&entry->last_failure_wall_ns, loop_wall_ns(copy->mirror->codec->loop), memory_order_relaxed);
    if (reason != FAILED_LAG && reason != FAILED_CLIENT_ABORT)
        breaker_failure(entry, now_ns(copy), 0, random_next(&copy->mirror->random));
    if (reason != FAILED_CLIENT_ABORT)
        log_failure(copy, reason, error);
    copy_over(copy);
}

static void copy_drop(struct copy *copy, enum dropped reason)
{
    counter_add(&copy->target->entry->dropped[reason], 1);
    copy_over(copy);
}

static void copy_complete(struct copy *copy)
{
    struct registry_mirror *entry = copy->target->entry;
    counter_add(&entry->completed[registry_code_index(copy->status)], 1);
    if (copy->is_call)
        counter_add(&entry->grpc_completed[copy->grpc_status], 1);
    registry_duration_add(&entry->duration, now_ns(copy) - copy->sent_ns);
    if (copy->status == 503 || copy->status == 429)
        breaker_failure(entry, now_ns(copy), copy->retry_after_ms, random_next(&copy->mirror->random));
    else
        breaker_success(entry);
    copy_over(copy);
}

/* Both directions have ended: the stream is over by itself. */
static void complete_whole(struct copy *copy)
{
    forget_stream(copy);
    copy_complete(copy);
}

static void mark_sent(struct copy *copy, enum copy_state state)
{
    struct registry_mirror *entry = copy->target->entry;
    if (copy->state == COPY_QUEUED) {
        counter_add(&entry->sent, 1);
        move_gauge(entry->queued, copy, -1);
        move_gauge(entry->in_flight, copy, 1);
        copy->sent_ns = now_ns(copy);
        atomic_store_explicit(&entry->last_sent_wall_ns, loop_wall_ns(copy->mirror->codec->loop), memory_order_relaxed);
    }
    copy->state = (uint8_t)state;
    copy->progress_ns = now_ns(copy);
}

/* ---- sending ---- */

static size_t own_bytes(const struct copy *copy)
{
    return sizeof *copy + copy->arena.allocated + copy->head_bytes;
}

/* What waits in the stream is memory too. False when it no longer fits, and the copy is over. */
static bool charge_stream(struct copy *copy)
{
    struct registry_mirror *entry = copy->target->entry;
    size_t queued = copy->stream ? copy->stream->queued : 0;
    size_t wanted = own_bytes(copy) + (queued > copy->head_bytes ? queued - copy->head_bytes : 0);
    if (wanted > copy->charged && !budget_take(&copy->mirror->budget, entry, wanted - copy->charged)) {
        copy_fail(copy, FAILED_LAG, 0);
        return false;
    }
    if (wanted < copy->charged)
        budget_give(&copy->mirror->budget, entry, copy->charged - wanted);
    copy->charged = wanted;
    return true;
}

static void send_pieces(struct copy *copy)
{
    struct stream *stream = copy->stream;
    struct pieces *pieces = &copy->pieces;
    while (pieces->unsent && stream->queued < SEND_AHEAD) {
        stream_send_data(stream, pieces_send(pieces));
        if (pieces->kept > REPLAY_WINDOW)
            copy->may_replace = false;
        if (!copy->may_replace)
            pieces_drop_sent(pieces, &copy->mirror->budget, copy->target->entry);
    }
    /* After an early answer the end is the copy's: until then what waits in the stream is accounted for. */
    bool is_leaving = copy->is_answered && stream->queued;
    if (copy->is_request_ended && !pieces->unsent && !copy->is_end_sent && !is_leaving) {
        copy->is_end_sent = true;
        stream_send_end(stream, copy->trailers, copy->trailer_count);
        if (copy->is_answered) {
            complete_whole(copy);
            return;
        }
    }
    if (charge_stream(copy))
        widen(copy);
}

static void on_connecting(struct client_call *call)
{
    struct copy *copy = CONTAINER_OF(call, struct copy, call);
    mark_sent(copy, COPY_CONNECTING);
    timer_arm(copy->mirror->codec->loop, &copy->timer, copy->connect_timeout_ms);
}

/* No place after all: what is awaited now is a turn. */
static void on_waiting(struct client_call *call)
{
    struct copy *copy = CONTAINER_OF(call, struct copy, call);
    timer_arm(copy->mirror->codec->loop, &copy->timer, copy->timeout_ms);
}

static void on_open(struct client_call *call, struct stream *stream, bool is_reused)
{
    struct copy *copy = CONTAINER_OF(call, struct copy, call);
    mark_sent(copy, COPY_SENDING);
    copy->stream = stream;
    stream->handler = &shadow_handler;
    stream->user = copy;
    copy->is_end_sent = false;
    copy->may_replace = client_is_shared(stream) || (is_reused && method_is_idempotent(copy->head.method_id));
    timer_arm(copy->mirror->codec->loop, &copy->timer, copy->timeout_ms);
    stream_send_head(stream, &copy->head);
    send_pieces(copy);
    if (copy->state == COPY_SENDING)
        stream_pull(stream, ANSWER_CREDIT);
}

static void on_fail(struct client_call *call, int error)
{
    struct copy *copy = CONTAINER_OF(call, struct copy, call);
    if (copy->state == COPY_QUEUED)
        mark_sent(copy, COPY_CONNECTING); /* an attempt that failed at once is one */
    if (error == EPROTO)
        copy_fail(copy, FAILED_TLS, 0);
    else
        copy_fail(copy, FAILED_CONNECT, error);
}

static bool is_far_beyond_live(const struct copy *copy)
{
    uint64_t live = copy->live ? copy->live->answer_bytes : copy->live_bytes;
    return copy->answer_bytes > 2 * live + ANSWER_CREDIT;
}

static void wait_for_pace(struct copy *copy)
{
    struct mirror *mirror = copy->mirror;
    if (!list_is_linked(&copy->by_pace))
        list_add(&mirror->paced, &copy->by_pace);
    if (!timer_is_armed(&mirror->pace))
        timer_arm(mirror->codec->loop, &mirror->pace, PACE_MS);
}

void copy_pace(struct timer *timer)
{
    struct mirror *mirror = CONTAINER_OF(timer, struct mirror, pace);
    struct list *next = list_take_first(&mirror->paced);
    struct copy *copy = next ? CONTAINER_OF(next, struct copy, by_pace) : NULL;
    if (copy)
        stream_pull(copy->stream, ANSWER_CREDIT);
    if (!list_is_empty(&mirror->paced) && !timer_is_armed(timer))
        timer_arm(mirror->codec->loop, timer, PACE_MS);
}

/* Opens the credit for more of the answer, now or in one of the next turns. */
static void read_answer(struct copy *copy)
{
    struct mirror *mirror = copy->mirror;
    if (is_far_beyond_live(copy)) {
        wait_for_pace(copy);
        return;
    }
    if (mirror->turn_ns != now_ns(copy)) {
        mirror->turn_ns = now_ns(copy);
        mirror->answer_room = ANSWERS_PER_TURN;
    }
    size_t wanted = ANSWER_CREDIT - copy->stream->pull_credit;
    if (wanted > mirror->answer_room) {
        loop_later(mirror->codec->loop, &copy->work);
        return;
    }
    mirror->answer_room -= wanted;
    stream_pull(copy->stream, ANSWER_CREDIT);
}

static void run_work(struct task *task)
{
    struct copy *copy = CONTAINER_OF(task, struct copy, work);
    if (copy->stream) {
        send_pieces(copy);
        if (copy->stream && copy->stream->pull_credit < ANSWER_CREDIT / 2)
            read_answer(copy);
    } else if (copy->state == COPY_QUEUED && !copy->call.on_open) {
        copy->call = (struct client_call){
            .on_open = on_open, .on_connecting = on_connecting, .on_waiting = on_waiting, .on_fail = on_fail};
        client_open(copy->target->pool, &copy->call);
    }
}

/* ---- the shadow's answer ---- */

static void note_grpc_status(struct copy *copy, const struct field *fields, uint16_t count)
{
    enum grpc_status status = copy->is_call ? grpc_find_status(fields, count) : GRPC_NONE;
    if (status != GRPC_NONE)
        copy->grpc_status = (uint8_t)status;
}

static void on_head(struct stream *stream, const struct head *head)
{
    struct copy *copy = stream->user;
    uint64_t seconds;
    copy->may_replace = false;
    if (head->status < 200)
        return;
    copy->status = head->status;
    note_grpc_status(copy, head->fields, head->field_count);
    copy->is_shadow_closing = !head->is_keep_alive;
    const struct field *retry_after = head_find(head, FIELD_RETRY_AFTER);
    if (retry_after && str_to_u64(retry_after->value, &seconds) && seconds <= BREAKER_MAX_MS / 1000)
        copy->retry_after_ms = seconds * 1000;
}

static void on_data(struct stream *stream, struct slice data)
{
    struct copy *copy = stream->user;
    copy->answer_bytes += data.len;
    if (stream->pull_credit < ANSWER_CREDIT / 2)
        loop_later(copy->mirror->codec->loop, &copy->work);
}

static void on_end(struct stream *stream, const struct field *trailers, uint16_t count)
{
    struct copy *copy = stream->user;
    note_grpc_status(copy, trailers, count);
    if (copy->is_end_sent)
        complete_whole(copy);
    else if (copy->is_shadow_closing)
        copy_complete(copy);
    else {
        copy->is_answered = true; /* early; it gets the rest as live does */
        list_remove(&copy->by_pace);
    }
}

static bool may_replace(const struct copy *copy, enum reset why)
{
    if (!copy->may_replace || copy->target->is_dropped)
        return false;
    if (why == RESET_REFUSED)
        return copy->refusals < STREAM_REFUSALS;
    return why == RESET_STALE && !copy->is_replaced && method_is_idempotent(copy->head.method_id);
}

static void on_reset(struct stream *stream, enum reset why)
{
    struct copy *copy = stream->user;
    forget_stream(copy);
    if (may_replace(copy, why)) {
        if (why == RESET_REFUSED)
            copy->refusals++;
        else
            copy->is_replaced = true;
        pieces_rewind(&copy->pieces);
        copy->call.is_fresh = true;
        copy->call.refusals = copy->refusals;
        client_open(copy->target->pool, &copy->call);
        return;
    }
    if (copy->is_answered)
        copy_complete(copy);
    else
        copy_fail(copy, why == RESET_PROTOCOL ? FAILED_PROTOCOL : FAILED_RESET, 0);
}

static void on_credit(struct stream *stream)
{
    struct copy *copy = stream->user;
    loop_soon(copy->mirror->codec->loop, &copy->work); /* the shadow keeps up: go on as long as it does */
}

static const struct stream_handler shadow_handler = {"shadow", on_head, on_data, on_end, on_reset, on_credit};

/* ---- time ---- */

/* While the client has not sent more, nobody waits for the shadow; nor while live goes on with a call, since a stream of events is quiet
 * for as long as there are none. */
static bool waits_for_client(const struct copy *copy)
{
    bool may_be_quiet = !copy->is_request_ended || (copy->is_call && !copy->live_over_ns);
    return copy->stream && may_be_quiet && !copy->pieces.unsent && !copy->stream->queued;
}

/* The client goes on: what the shadow has to show from here counts from here. */
static void end_wait_for_client(struct copy *copy)
{
    if (waits_for_client(copy))
        copy->progress_ns = now_ns(copy);
}

static void on_timer(struct timer *timer)
{
    struct copy *copy = CONTAINER_OF(timer, struct copy, timer);
    if (copy->state == COPY_QUEUED) {
        copy_drop(copy, DROPPED_QUEUE_TIMEOUT);
        return;
    }
    if (copy->state == COPY_CONNECTING) {
        copy_fail(copy, copy->call.is_connecting ? FAILED_CONNECT : FAILED_TIMEOUT, ETIMEDOUT);
        return;
    }
    uint64_t since = copy->progress_ns;
    if (copy->stream && copy->stream->progress_ns > since)
        since = copy->stream->progress_ns;
    if (waits_for_client(copy))
        since = now_ns(copy);
    if (copy->live_over_ns && copy->live_over_ns < since)
        since = copy->live_over_ns; /* progress counts no more once live is done */
    uint64_t waited_ms = (now_ns(copy) - since) / NS_PER_MS;
    if (waited_ms < copy->timeout_ms)
        timer_arm(copy->mirror->codec->loop, timer, copy->timeout_ms - waited_ms);
    else if (copy->is_answered)
        copy_complete(copy);
    else
        copy_fail(copy, FAILED_TIMEOUT, 0);
}

/* ---- what live offers ---- */

/* Room for the head in the stream, taken with the copy: a request without a body fits from then on. */
static uint32_t head_size(const struct head *head)
{
    size_t size = head->method.len + head->target.len + 64;
    for (uint16_t i = 0; i < head->field_count; i++)
        size += head->fields[i].name.len + head->fields[i].value.len + 4;
    return (uint32_t)size;
}

struct copy *copy_new(struct mirror *mirror, struct target *target, const struct exchange *exchange, uint32_t index)
{
    const struct plan *plan = exchange->rules->plan;
    const struct plan_mirror *rule = PLAN_MIRROR(plan, index);
    struct copy *copy = slab_take(mirror->copies);
    memset(copy, 0, offsetof(struct copy, first_block));
    copy->mirror = mirror;
    copy->target = target;
    copy->timeout_ms = rule->timeout_ms;
    copy->connect_timeout_ms = rule->connect_timeout_ms;
    copy->window = rule->window_bytes;
    copy->redactions = rule->redactions;
    copy->is_call = PLAN_ROUTE(plan, rule->route)->is_grpc && grpc_is_call(exchange->request);
    copy->grpc_status = GRPC_NONE;
    arena_init(&copy->arena, copy->first_block, sizeof copy->first_block);
    task_init(&copy->work, run_work);
    task_init(&copy->reap, copy_free);
    timer_init(&copy->timer, on_timer);
    list_init(&copy->by_watch);
    list_init(&copy->by_pace);
    copy->live = exchange;
    struct copy_marking marking = {
        .plan = plan,
        .mirror = rule,
        .unix_s = loop_wall_ns(mirror->codec->loop) / 1000000000,
        .key = mirror->settings.marker_key,
        .random = &mirror->random,
    };
    copy_head_make(&copy->head, exchange, &copy->arena, &marking);
    copy->head_bytes = head_size(&copy->head);
    copy->charged = own_bytes(copy);
    if (!budget_take(&mirror->budget, target->entry, copy->charged)) {
        counter_add(&target->entry->dropped[DROPPED_BUDGET], 1);
        gauge_add(&target->entry->occupied, -1);
        arena_deinit(&copy->arena);
        slab_give(mirror->copies, copy);
        return NULL;
    }
    target_add(target, &copy->by_target);
    mirror->in_flight++;
    move_gauge(target->entry->queued, copy, 1);
    timer_arm(mirror->codec->loop, &copy->timer, copy->timeout_ms);
    loop_later(mirror->codec->loop, &copy->work);
    return copy;
}

void copy_data(struct copy *copy, struct slice data)
{
    end_wait_for_client(copy);
    size_t lag = copy->pieces.unsent + data.len + (copy->stream ? copy->stream->queued : 0);
    bool is_held = lag <= copy->window && pieces_add(&copy->pieces, &copy->mirror->budget, copy->target->entry, data);
    if (is_held)
        loop_later(copy->mirror->codec->loop, &copy->work);
    else if (copy->state == COPY_QUEUED)
        copy_drop(copy, DROPPED_BUDGET);
    else
        copy_fail(copy, FAILED_LAG, 0);
}

void copy_end(struct copy *copy, const struct exchange *exchange, const struct field *trailers, uint16_t count)
{
    end_wait_for_client(copy);
    copy->is_request_ended = true;
    if (count) {
        struct field *own = fields_copy(trailers, count, &copy->arena);
        redact_fields(exchange->rules->plan, copy->redactions, own, &count);
        copy->trailers = own;
        copy->trailer_count = count;
    }
    loop_later(copy->mirror->codec->loop, &copy->work);
}

void copy_abort(struct copy *copy)
{
    if (copy->state == COPY_QUEUED)
        copy_drop(copy, DROPPED_CLIENT_ABORT);
    else
        copy_fail(copy, FAILED_CLIENT_ABORT, 0);
}

bool copy_waits(const struct copy *copy)
{
    return copy->state == COPY_QUEUED || (copy->state == COPY_SENDING && !copy->stream);
}

void copy_live_over(struct copy *copy)
{
    list_remove(&copy->by_watch);
    end_wait_for_client(copy);
    copy->live_over_ns = now_ns(copy);
    copy->live_bytes = copy->live->answer_bytes;
    copy->live = NULL;
}

void copy_cancel(struct copy *copy, enum dropped why)
{
    if (copy->state == COPY_QUEUED)
        copy_drop(copy, why);
    else if (copy->state != COPY_OVER)
        copy_fail(copy, FAILED_RESET, 0);
}
