/* SPDX-License-Identifier: Apache-2.0 */
#include "mirror/copy.h"

#include "http/grpc.h"
#include "mirror/breaker.h"
#include "mirror/copy_answer.h"
#include "mirror/copy_head.h"
#include "mirror/copy_send.h"
#include "mirror/redact.h"

#include <errno.h>

#define NS_PER_MS 1000000ull
#define FAILURE_LOG_NS 1000000000ull

/* ---- counting ---- */

static void move_gauge(_Atomic int64_t *gauges, const struct copy *copy, int64_t n)
{
    gauge_add(&gauges[copy->mirror->settings.gateway_slot], n);
}

void copy_forget_stream(struct copy *copy)
{
    if (!copy->stream)
        return;
    copy_narrow(copy);
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
    copy_forget_stream(copy);
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
    if (!log_limit_pass(&copy->target->failures, copy_now_ns(copy), FAILURE_LOG_NS, &held_back))
        return;
    char to[ADDRESS_TEXT];
    struct str address = address_format(&copy->target->address, to);
    log_warn("a copy to shadow %.*s failed: %s%s%s (%llu more since the last such line); live is not affected",
             STR_ARG(address), failed_name(reason), *why ? ", " : "", why, (unsigned long long)held_back);
}

void copy_fail(struct copy *copy, enum failed reason, int error)
{
    struct registry_mirror *entry = copy->target->entry;
    counter_add(&entry->failed[reason], 1);
    atomic_store_explicit(&entry->last_failure, reason, memory_order_relaxed);
    atomic_store_explicit(&entry->last_failure_errno, (uint32_t)error, memory_order_relaxed);
    atomic_store_explicit(&entry->last_failure_wall_ns, loop_wall_ns(copy->mirror->codec->loop), memory_order_relaxed);
    if (reason != FAILED_LAG && reason != FAILED_CLIENT_ABORT)
        breaker_failure(entry, copy_now_ns(copy), 0, random_next(&copy->mirror->random));
    if (reason != FAILED_CLIENT_ABORT)
        log_failure(copy, reason, error);
    leg_fail(copy, reason);
    copy_over(copy);
}

static void copy_drop(struct copy *copy, enum dropped reason)
{
    counter_add(&copy->target->entry->dropped[reason], 1);
    leg_drop(copy, reason);
    copy_over(copy);
}

void copy_complete(struct copy *copy)
{
    struct registry_mirror *entry = copy->target->entry;
    counter_add(&entry->completed[registry_code_index(copy->status)], 1);
    if (copy->is_call)
        counter_add(&entry->grpc_completed[copy->grpc_status], 1);
    registry_duration_add(&entry->duration, copy_now_ns(copy) - copy->sent_ns);
    if (copy->status == 503 || copy->status == 429)
        breaker_failure(entry, copy_now_ns(copy), copy->retry_after_ms, random_next(&copy->mirror->random));
    else
        breaker_success(entry);
    leg_complete(copy);
    copy_over(copy);
}

void copy_complete_whole(struct copy *copy)
{
    copy_forget_stream(copy);
    copy_complete(copy);
}

void copy_mark_sent(struct copy *copy, enum copy_state state)
{
    struct registry_mirror *entry = copy->target->entry;
    if (copy->state == COPY_QUEUED) {
        counter_add(&entry->sent, 1);
        move_gauge(entry->queued, copy, -1);
        move_gauge(entry->in_flight, copy, 1);
        copy->sent_ns = copy_now_ns(copy);
        atomic_store_explicit(&entry->last_sent_wall_ns, loop_wall_ns(copy->mirror->codec->loop), memory_order_relaxed);
    }
    copy->state = (uint8_t)state;
    copy->progress_ns = copy_now_ns(copy);
}

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
        copy->progress_ns = copy_now_ns(copy);
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
        since = copy_now_ns(copy);
    if (copy->live_over_ns && copy->live_over_ns < since)
        since = copy->live_over_ns; /* progress counts no more once live is done */
    uint64_t waited_ms = (copy_now_ns(copy) - since) / NS_PER_MS;
    if (waited_ms < copy->timeout_ms)
        timer_arm(copy->mirror->codec->loop, timer, copy->timeout_ms - waited_ms);
    else if (copy->is_answered)
        copy_complete(copy);
    else
        copy_fail(copy, FAILED_TIMEOUT, 0);
}

/* ---- work ---- */

static void run_work(struct task *task)
{
    struct copy *copy = CONTAINER_OF(task, struct copy, work);
    if (copy->stream) {
        copy_send(copy);
        if (copy->stream && copy->stream->pull_credit < COPY_ANSWER_CREDIT / 2)
            copy_read_answer(copy);
    } else if (copy->state == COPY_QUEUED && !copy->call.on_open) {
        copy_open(copy);
    }
}

/* ---- what live offers ---- */

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
    if (!copy_take_memory(copy)) {
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
    copy->live_over_ns = copy_now_ns(copy);
    copy->live_bytes = copy->live->answer_bytes;
    copy->live = NULL;
}

void copy_cancel(struct copy *copy, enum dropped why)
{
    if (copy->state == COPY_QUEUED) {
        copy_drop(copy, why);
    } else if (copy->state != COPY_OVER) {
        leg_drop(copy, why);
        copy_fail(copy, FAILED_RESET, 0);
    }
}
