/* SPDX-License-Identifier: Apache-2.0 */
#include "mirror/copy_send.h"

#include "mirror/copy_answer.h"

#include <errno.h>

/* Handed to the stream ahead of what the shadow has taken; the rest waits here, where it is accounted piece by piece. */
#define SEND_AHEAD (64 * 1024)
/* As for live: what was sent on a reused connection and can be sent again. */
#define REPLAY_WINDOW (64 * 1024)
/* More than this waits: the copy is large, and comes faster than its bounded socket lets it through. */
#define WIDEN_AT (128 * 1024)

void copy_narrow(struct copy *copy)
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

/* Room for the head in the stream, taken with the copy: a request without a body fits from then on. */
static uint32_t head_size(const struct head *head)
{
    size_t size = head->method.len + head->target.len + 64;
    for (uint16_t i = 0; i < head->field_count; i++)
        size += head->fields[i].name.len + head->fields[i].value.len + 4;
    return (uint32_t)size;
}

static size_t own_bytes(const struct copy *copy)
{
    return sizeof *copy + copy->arena.allocated + copy->head_bytes;
}

bool copy_take_memory(struct copy *copy)
{
    copy->head_bytes = head_size(&copy->head);
    copy->charged = own_bytes(copy);
    return budget_take(&copy->mirror->budget, copy->target->entry, copy->charged);
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

void copy_send(struct copy *copy)
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
            copy_complete_whole(copy);
            return;
        }
    }
    if (charge_stream(copy))
        widen(copy);
}

static void on_connecting(struct client_call *call)
{
    struct copy *copy = CONTAINER_OF(call, struct copy, call);
    copy_mark_sent(copy, COPY_CONNECTING);
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
    copy_mark_sent(copy, COPY_SENDING);
    leg_sent(copy, is_reused);
    copy->stream = stream;
    stream->handler = &copy_answer_handler;
    stream->user = copy;
    copy->is_end_sent = false;
    copy->may_replace = client_is_shared(stream) || (is_reused && method_is_idempotent(copy->head.method_id));
    timer_arm(copy->mirror->codec->loop, &copy->timer, copy->timeout_ms);
    stream_send_head(stream, &copy->head);
    copy_send(copy);
    if (copy->state == COPY_SENDING)
        stream_pull(stream, COPY_ANSWER_CREDIT);
}

static void on_fail(struct client_call *call, int error)
{
    struct copy *copy = CONTAINER_OF(call, struct copy, call);
    if (copy->state == COPY_QUEUED)
        copy_mark_sent(copy, COPY_CONNECTING); /* an attempt that failed at once is one */
    if (error == EPROTO)
        copy_fail(copy, FAILED_TLS, 0);
    else
        copy_fail(copy, FAILED_CONNECT, error);
}

void copy_open(struct copy *copy)
{
    copy->call = (struct client_call){
        .on_open = on_open, .on_connecting = on_connecting, .on_waiting = on_waiting, .on_fail = on_fail};
    client_open(copy->target->pool, &copy->call);
}

void copy_open_again(struct copy *copy)
{
    pieces_rewind(&copy->pieces);
    copy->call.is_fresh = true;
    copy->call.refusals = copy->refusals;
    client_open(copy->target->pool, &copy->call);
}
