/* SPDX-License-Identifier: Apache-2.0 */
#include "mirror/copy_answer.h"

#include "http/grpc.h"
#include "mirror/breaker.h"
#include "mirror/copy_send.h"

/* So much is read of all answers in a turn: an endless one must not keep the worker from live. */
#define ANSWERS_PER_TURN (1024 * 1024)
/* Nor may it take the CPU that live needs: of all answers that go beyond twice the length of live's and COPY_ANSWER_CREDIT, one reads so
 * much every PACE_MS, which is 13 MB/s together. */
#define PACE_MS 5

/* ---- how fast it is read ---- */

static bool is_far_beyond_live(const struct copy *copy)
{
    uint64_t live = copy->live ? copy->live->answer_bytes : copy->live_bytes;
    return copy->answer_bytes > 2 * live + COPY_ANSWER_CREDIT;
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
        stream_pull(copy->stream, COPY_ANSWER_CREDIT);
    if (!list_is_empty(&mirror->paced) && !timer_is_armed(timer))
        timer_arm(mirror->codec->loop, timer, PACE_MS);
}

void copy_read_answer(struct copy *copy)
{
    struct mirror *mirror = copy->mirror;
    if (is_far_beyond_live(copy)) {
        wait_for_pace(copy);
        return;
    }
    if (mirror->turn_ns != copy_now_ns(copy)) {
        mirror->turn_ns = copy_now_ns(copy);
        mirror->answer_room = ANSWERS_PER_TURN;
    }
    size_t wanted = COPY_ANSWER_CREDIT - copy->stream->pull_credit;
    if (wanted > mirror->answer_room) {
        loop_later(mirror->codec->loop, &copy->work);
        return;
    }
    mirror->answer_room -= wanted;
    stream_pull(copy->stream, COPY_ANSWER_CREDIT);
}

/* ---- what comes ---- */

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
    leg_answer(copy, head);
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
    leg_answer_data(copy, (struct str){data.ptr, data.len});
    if (stream->pull_credit < COPY_ANSWER_CREDIT / 2)
        loop_later(copy->mirror->codec->loop, &copy->work);
}

static void on_end(struct stream *stream, const struct field *trailers, uint16_t count)
{
    struct copy *copy = stream->user;
    note_grpc_status(copy, trailers, count);
    leg_answer_end(copy, trailers, count);
    if (copy->is_end_sent)
        copy_complete_whole(copy);
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
    copy_forget_stream(copy);
    if (may_replace(copy, why)) {
        if (why == RESET_REFUSED)
            copy->refusals++;
        else
            copy->is_replaced = true;
        copy_open_again(copy);
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

const struct stream_handler copy_answer_handler = {"shadow", on_head, on_data, on_end, on_reset, on_credit};
