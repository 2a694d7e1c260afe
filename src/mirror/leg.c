/* SPDX-License-Identifier: Apache-2.0 */
#include "mirror/leg.h"

#include "http/grpc.h"
#include "mirror/copy.h"

static uint64_t now_ns(const struct mirror *mirror)
{
    return loop_now_ns(mirror->codec->loop);
}

/* ---- the ring ---- */

/* Waking the analyst is a system call, and takes the CPU from somebody: done for what comes in so many ms together, or at once when it is
 * this part of the ring. Nobody waits for a record, but a ring that is full takes none. */
#define WAKE_MS 5
#define WAKE_PART 8

static void wake(struct mirror *mirror)
{
    struct ring_writer *ring = mirror->settings.ring;
    mirror->records_head = ring->head;
    if (ring_wants_wake(ring) && mirror->on_records)
        mirror->on_records(mirror);
}

static void on_wake(struct timer *timer)
{
    wake(CONTAINER_OF(timer, struct mirror, wake));
}

/* Parts of a leg go into the ring as they are full. */
static void note_records(struct mirror *mirror)
{
    const struct ring_writer *ring = mirror->settings.ring;
    uint64_t fresh = ring->head - mirror->records_head;
    if (fresh && !timer_is_armed(&mirror->wake))
        timer_arm(mirror->codec->loop, &mirror->wake, WAKE_MS);
    if (fresh > ring->capacity / WAKE_PART)
        wake(mirror);
}

void leg_sink_init(struct mirror *mirror)
{
    capture_sink_init(&mirror->sink, mirror->settings.ring, mirror->totals);
    mirror->sink.take = budget_take_for_records;
    mirror->sink.give = budget_give_for_records;
    mirror->sink.budget = &mirror->budget;
    mirror->records_head = mirror->settings.ring ? mirror->settings.ring->head : 0;
    timer_init(&mirror->wake, on_wake);
}

void leg_sink_deinit(struct mirror *mirror)
{
    if (timer_is_armed(&mirror->wake))
        wake(mirror);
    timer_disarm(&mirror->wake);
    capture_sink_deinit(&mirror->sink);
}

/* ---- both kinds ---- */

static void begin(struct leg *leg, struct mirror *mirror, const struct capture_leg *what, uint64_t begin_ns)
{
    leg->begin_ns = begin_ns;
    leg->wall_ns = loop_wall_ns(mirror->codec->loop) - (now_ns(mirror) - begin_ns);
    leg->capture = capture_begin(&mirror->sink, what);
}

static void answer(struct leg *leg, struct mirror *mirror, const struct head *head)
{
    leg->head_ns = now_ns(mirror);
    capture_answer(leg->capture, head);
    note_records(mirror);
}

static void answer_data(struct leg *leg, struct mirror *mirror, struct str data)
{
    capture_answer_data(leg->capture, data);
    note_records(mirror);
}

static void answer_end(struct leg *leg, struct mirror *mirror, const struct field *trailers, uint16_t count)
{
    leg->answered_ns = now_ns(mirror);
    if (count)
        capture_trailers(leg->capture, trailers, count);
    note_records(mirror);
}

static void count_dropped(struct mirror *mirror, enum record_drop why)
{
    counter_add(&mirror->totals->records_dropped[why], 1);
}

static void count_unrecorded(struct mirror *mirror, uint64_t copies)
{
    counter_add(&mirror->totals->copies_unrecorded, copies);
}

/* `what` has all that the leg does not know itself. */
static enum record_drop end_leg(struct leg *leg, struct mirror *mirror, struct record_end *what)
{
    what->is_fresh = leg->is_fresh;
    what->wall_ns = leg->wall_ns;
    what->begin_ns = leg->begin_ns;
    what->sent_ns = leg->sent_ns;
    what->head_ns = leg->head_ns;
    what->end_ns = what->outcome == OUTCOME_COMPLETE ? leg->answered_ns : now_ns(mirror);
    enum record_drop why = capture_end(leg->capture, what);
    leg->capture = NULL;
    note_records(mirror);
    return why;
}

/* ---- a copy's ---- */

/* A shadow's that has no record, or needs none: what was lost on the way stands in the mirror's own counters. */
static void settle(struct leg *leg, struct mirror *mirror, bool is_lost)
{
    if (leg->is_counted || (leg->live && leg->live->is_lost))
        return;
    leg->is_counted = true;
    if (leg->live)
        leg->live->counted++;
    if (is_lost)
        count_unrecorded(mirror, 1);
}

static void begin_copy(struct copy *copy, struct live_leg *live, const struct capture_leg *what)
{
    struct leg *leg = &copy->leg;
    leg->live = live;
    leg->is_counted = what->leg != LEG_SHADOW;
    if (live->is_left_out)
        count_dropped(copy->mirror, RECORD_DROPPED_RING);
    else
        begin(leg, copy->mirror, what, now_ns(copy->mirror));
    if (!leg->capture)
        settle(leg, copy->mirror, true);
}

void leg_begin(struct copy *copy, struct live_leg *live, const struct exchange *exchange, uint32_t mirror_index)
{
    const struct plan *plan = exchange->rules->plan;
    const struct plan_mirror *rule = PLAN_MIRROR(plan, mirror_index);
    if (!copy->mirror->settings.ring || rule->comparison == PLAN_NONE)
        return;
    live->copies++;
    live->shadows += !rule->is_control;
    const struct plan_mirror *named = rule->is_control ? PLAN_MIRROR(plan, mirror_index - 1) : rule;
    const struct plan_backend *backend = PLAN_BACKEND(plan, rule->backend);
    const struct capture_leg what = {
        .leg = rule->is_control ? LEG_CONTROL : LEG_SHADOW,
        .id = exchange->id,
        .leg_id = live->shadows,
        .labels = {.route = plan_text(plan, PLAN_ROUTE(plan, exchange->route)->label),
                   .mirror = plan_text(plan, named->label),
                   .backend = plan_text(plan, backend->label),
                   .revision = plan_text(plan, backend->revision)},
        .body_bytes = PLAN_COMPARISON(plan, rule->comparison)->body_bytes,
    };
    if (what.body_bytes > live->body_bytes)
        live->body_bytes = what.body_bytes;
    begin_copy(copy, live, &what);
}

void leg_sent(struct copy *copy, bool is_reused)
{
    copy->leg.sent_ns = now_ns(copy->mirror);
    copy->leg.is_fresh = !is_reused;
}

void leg_answer(struct copy *copy, const struct head *head)
{
    if (copy->leg.capture)
        answer(&copy->leg, copy->mirror, head);
}

void leg_answer_data(struct copy *copy, struct str data)
{
    if (copy->leg.capture)
        answer_data(&copy->leg, copy->mirror, data);
}

void leg_answer_end(struct copy *copy, const struct field *trailers, uint16_t count)
{
    if (copy->leg.capture)
        answer_end(&copy->leg, copy->mirror, trailers, count);
}

static void end_copy(struct copy *copy, enum record_outcome outcome, unsigned reason)
{
    struct record_end what = {
        .outcome = (uint8_t)outcome,
        .reason = (uint8_t)reason,
        .status = copy->status,
        .grpc_status = copy->grpc_status,
    };
    if (!copy->leg.capture)
        return;
    bool is_pair = outcome == OUTCOME_COMPLETE || outcome == OUTCOME_FAILED;
    bool is_recorded = end_leg(&copy->leg, copy->mirror, &what) == RECORD_DROP_COUNT;
    if (!is_recorded || !is_pair)
        settle(&copy->leg, copy->mirror, is_pair);
}

void leg_live_over(struct copy *copy, enum record_drop why)
{
    struct leg *leg = &copy->leg;
    leg->is_counted |= leg->live && leg->live->is_lost; /* with live's */
    leg->live = NULL;
    if (why == RECORD_DROPPED_RING)
        capture_lose(copy->leg.capture, why);
}

void leg_complete(struct copy *copy)
{
    end_copy(copy, OUTCOME_COMPLETE, 0);
}

void leg_fail(struct copy *copy, enum failed reason)
{
    enum record_outcome outcome = reason == FAILED_CLIENT_ABORT ? OUTCOME_ABORTED
                                  : reason == FAILED_LAG        ? OUTCOME_LOST
                                                                : OUTCOME_FAILED;
    end_copy(copy, outcome, reason);
}

void leg_drop(struct copy *copy, enum dropped reason)
{
    if (reason == DROPPED_CLIENT_ABORT)
        end_copy(copy, OUTCOME_ABORTED, FAILED_CLIENT_ABORT);
    else
        end_copy(copy, OUTCOME_LOST, reason);
}

/* ---- live's ---- */

void live_leg_init(struct live_leg *live, struct mirror *mirror)
{
    *live = (struct live_leg){.is_left_out = mirror->settings.ring && ring_is_short(mirror->settings.ring)};
}

/* All of its copies are without a pair. Those that were counted by themselves are not counted again. */
static enum record_drop lose(struct live_leg *live, struct mirror *mirror, enum record_drop why)
{
    if (why != RECORD_DROP_COUNT)
        count_unrecorded(mirror, live->shadows - live->counted);
    live->is_lost = why != RECORD_DROP_COUNT;
    return why;
}

void live_leg_begin(struct live_leg *live, struct mirror *mirror, const struct exchange *exchange)
{
    if (!live->copies)
        return;
    if (live->is_left_out) {
        count_dropped(mirror, RECORD_DROPPED_RING);
        return;
    }
    const struct plan *plan = exchange->rules->plan;
    const struct plan_route *route = PLAN_ROUTE(plan, exchange->route);
    const struct plan_backend *backend = PLAN_BACKEND(plan, exchange->backend);
    const struct capture_leg what = {
        .leg = LEG_LIVE,
        .id = exchange->id,
        .labels = {.route = plan_text(plan, route->label),
                   .backend = plan_text(plan, backend->label),
                   .revision = plan_text(plan, backend->revision)},
        .body_bytes = live->body_bytes,
    };
    live->is_call = route->is_grpc && grpc_is_call(exchange->request);
    live->grpc_status = GRPC_NONE;
    begin(&live->leg, mirror, &what, exchange->begin_ns);
    if (!live->leg.capture)
        (void)lose(live, mirror, RECORD_DROPPED_BUDGET);
    capture_request(live->leg.capture, exchange->request);
}

void live_leg_data(struct live_leg *live, struct mirror *mirror, struct str data)
{
    capture_request_data(live->leg.capture, data);
    note_records(mirror);
}

static void note_status(struct live_leg *live, const struct field *fields, uint16_t count)
{
    enum grpc_status status = live->is_call ? grpc_find_status(fields, count) : GRPC_NONE;
    if (status != GRPC_NONE)
        live->grpc_status = (uint8_t)status;
}

void live_leg_answer(struct live_leg *live, struct mirror *mirror, const struct head *head)
{
    live->status = head->status;
    note_status(live, head->fields, head->field_count);
    answer(&live->leg, mirror, head);
}

void live_leg_answer_data(struct live_leg *live, struct mirror *mirror, struct str data)
{
    answer_data(&live->leg, mirror, data);
}

void live_leg_answer_end(struct live_leg *live, struct mirror *mirror, const struct field *trailers, uint16_t count)
{
    note_status(live, trailers, count);
    answer_end(&live->leg, mirror, trailers, count);
}

/* Umbra's answer says why. */
static enum failed own_answer_reason(uint16_t status)
{
    return status == 504 ? FAILED_TIMEOUT : status == 503 ? FAILED_CONNECT : FAILED_RESET;
}

/* An answer of Umbra's own has no head of live's, even if an attempt that was given up had one. */
static void judge(struct live_leg *live, const struct exchange *exchange, struct record_end *what)
{
    what->status = live->status;
    what->grpc_status = live->grpc_status;
    if (exchange->is_own_answer) {
        what->outcome = OUTCOME_FAILED;
        what->reason = (uint8_t)own_answer_reason(exchange->status);
        what->status = exchange->status;
        live->leg.head_ns = 0;
        if (live->is_call)
            what->grpc_status = (uint8_t)grpc_status_from_http(exchange->status);
    } else if (live->leg.answered_ns) {
        what->outcome = OUTCOME_COMPLETE;
    } else if (exchange->is_client_gone) {
        what->outcome = OUTCOME_ABORTED;
        what->reason = FAILED_CLIENT_ABORT;
    } else {
        what->outcome = OUTCOME_FAILED;
        what->reason = FAILED_RESET;
    }
}

enum record_drop live_leg_over(struct live_leg *live, struct mirror *mirror, const struct exchange *exchange)
{
    struct record_end what = {.copies = live->copies};
    if (exchange->status && !exchange->is_own_answer && !exchange->is_client_gone && !live->leg.head_ns) {
        capture_drop(live->leg.capture); /* live answered before it agreed to the body: nothing of that was seen */
        live->leg.capture = NULL;
        return lose(live, mirror, RECORD_DROPPED_BUDGET);
    }
    live->leg.sent_ns = exchange->sent_ns;
    live->leg.is_fresh = exchange->is_fresh;
    judge(live, exchange, &what);
    return lose(live, mirror, end_leg(&live->leg, mirror, &what));
}
