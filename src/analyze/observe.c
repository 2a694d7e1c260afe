/* SPDX-License-Identifier: Apache-2.0 */
#include "analyze/observe.h"

#include "base/arena.h"
#include "base/mem.h"
#include "http/grpc.h"
#include "registry/registry.h"

/* Room for the texts of one pair, before anything is allocated for it. */
#define OBSERVER_TEXTS (32u * 1024)

struct leg_answer {
    struct answer answer;
    struct field fields[RECORD_MAX_FIELDS], trailers[RECORD_MAX_FIELDS];
    struct strbuf body;
};

struct observer {
    struct comparer *comparer;
    struct leg_answer live, other;
    struct pair_seen pair;
    struct field_seen fields[2 * COMPARE_MOST];
    struct strbuf shown;
    struct arena texts; /* of the pair */
    char first[OBSERVER_TEXTS];
};

struct observer *observer_new(void)
{
    struct observer *observer = mem_alloc(sizeof(struct observer));
    observer->comparer = comparer_new(&compare_limits_default);
    arena_init(&observer->texts, observer->first, sizeof(observer->first));
    return observer;
}

void observer_free(struct observer *observer)
{
    comparer_free(observer->comparer);
    strbuf_deinit(&observer->live.body);
    strbuf_deinit(&observer->other.body);
    strbuf_deinit(&observer->shown);
    arena_deinit(&observer->texts);
    mem_free(observer);
}

struct comparer *observer_comparer(struct observer *observer)
{
    return observer->comparer;
}

struct field_seen *observer_fields(struct observer *observer)
{
    return observer->fields;
}

uint16_t leg_fields(const struct record_message *message, struct field *fields)
{
    uint16_t count = 0;
    size_t at = 0;
    while (message->is_there && count < RECORD_MAX_FIELDS && record_next_field(message, &at, &fields[count]))
        count++;
    return count;
}

bool leg_is_call(const struct leg *live)
{
    if (live->end.grpc_status != GRPC_NONE)
        return true;
    struct field field;
    size_t at = 0;
    while (live->request.is_there && record_next_field(&live->request, &at, &field)) {
        if (str_eq_nocase(field.name, STR("content-type")))
            return field.value.len >= 16 && str_eq_nocase(str_slice(field.value, 0, 16), STR("application/grpc")) &&
                   (field.value.len == 16 || memchr("+; \t", field.value.ptr[16], 4));
    }
    return false;
}

/* A call that ended without a status has the one that its HTTP status stands for (http-grpc-status-mapping.md). */
static uint8_t status_of_call(const struct record_end *end)
{
    if (end->grpc_status < GRPC_NONE)
        return end->grpc_status;
    return end->status == 200 ? GRPC_UNKNOWN : grpc_status_from_http(end->status);
}

struct leg_seen leg_seen_of(const struct leg *leg, bool is_call)
{
    const struct record_end *end = &leg->end;
    struct leg_seen seen = {.state = LEG_ABSENT, .grpc_status = GRPC_NONE, .is_fresh = end->is_fresh != 0};
    if (end->sent_ns != 0 && end->end_ns > end->sent_ns)
        seen.duration_ns = end->end_ns - end->sent_ns;
    if (end->outcome == OUTCOME_COMPLETE) {
        seen.state = LEG_ANSWERED;
        seen.status = end->status;
        if (is_call)
            seen.grpc_status = status_of_call(end);
    } else if (end->outcome == OUTCOME_FAILED && end->reason < FAILED_COUNT && end->reason != FAILED_LAG &&
               end->reason != FAILED_CLIENT_ABORT) {
        seen.state = LEG_FAILED_OWN;
        seen.failure = failed_name(end->reason);
    }
    return seen;
}

static void fill(struct leg_answer *into, const struct leg *leg, bool is_call)
{
    struct answer *answer = &into->answer;
    answer->status = leg->end.status;
    answer->grpc_status = is_call ? status_of_call(&leg->end) : GRPC_NONE;
    answer->fields = into->fields;
    answer->field_count = leg_fields(&leg->answer, into->fields);
    answer->trailers = into->trailers;
    answer->trailer_count = leg_fields(&leg->trailers, into->trailers);
    answer->body = leg_answer_body(leg, &into->body);
    answer->body_bytes = leg->end.answer_bytes;
    answer->body_hash = leg->end.answer_hash;
    answer->is_cut = answer->body.len < answer->body_bytes;
}

static struct field_seen *find(struct observer *observer, struct str field)
{
    for (size_t i = 0; i < observer->pair.field_count; i++) {
        if (str_eq(observer->fields[i].field, field))
            return &observer->fields[i];
    }
    return NULL;
}

static struct field_seen *add(struct observer *observer, struct str field)
{
    struct field_seen *seen = &observer->fields[observer->pair.field_count++];
    *seen = (struct field_seen){.field = field};
    return seen;
}

/* Of a head that was too large for a record, what is missing says nothing: only what bodies need is left of both. */
static void leave_out_headers(struct answer *answer)
{
    struct field *fields = (struct field *)answer->fields;
    uint16_t kept = 0;
    for (uint16_t i = 0; i < answer->field_count; i++) {
        if (str_eq_nocase(fields[i].name, STR("content-type")) ||
            str_eq_nocase(fields[i].name, STR("content-encoding")))
            fields[kept++] = fields[i];
    }
    answer->field_count = kept;
}

static void compare(struct observer *observer, const struct policy *policy, const struct leg *live,
                    const struct leg *other, struct differences *differences)
{
    if (live->answer.is_cut || other->answer.is_cut) {
        leave_out_headers(&observer->live.answer);
        leave_out_headers(&observer->other.answer);
    }
    compare_answers(observer->comparer, policy->rules, &observer->live.answer, &observer->other.answer, differences);
}

/* The first of the two, whose texts must outlive the second. */
static void look_at_control(struct observer *observer, const struct policy *policy, const struct leg *live,
                            const struct leg *control)
{
    struct differences differences;
    compare(observer, policy, live, control, &differences);
    observer->pair.control_body = differences.body;
    for (size_t i = 0; i < differences.count && i < COMPARE_MOST; i++) {
        const struct difference *from = &differences.list[i];
        struct field_seen *seen = add(observer, arena_copy(&observer->texts, from->field));
        seen->is_in_control = true;
        seen->control_kind = from->kind;
        seen->kind = from->kind;
        seen->is_volatile = from->is_volatile;
    }
}

static void look_at_shadow(struct observer *observer, const struct policy *policy, const struct leg *live,
                           const struct leg *shadow)
{
    struct differences differences;
    compare(observer, policy, live, shadow, &differences);
    observer->pair.body = differences.body;
    observer->pair.unnamed = differences.unnamed;
    bool has_control = observer->pair.field_count > 0;
    for (size_t i = 0; i < differences.count && i < COMPARE_MOST; i++) {
        const struct difference *from = &differences.list[i];
        struct field_seen *seen = has_control ? find(observer, from->field) : NULL;
        if (!seen)
            seen = add(observer, arena_copy(&observer->texts, from->field));
        seen->is_in_shadow = true;
        seen->kind = from->kind;
        seen->is_volatile = from->is_volatile;
        seen->live = from->live;
        seen->shadow = from->other;
    }
}

/* Neither side has a body by definition (RFC 9110 9.3.2). */
static void leave_out_bodies_of_head(struct pair_seen *pair, const struct leg *live)
{
    if (!str_eq(live->request.method, STR("HEAD")))
        return;
    pair->body = pair->control_body = BODY_NOT_COMPARED;
}

struct pair_seen *observer_look(struct observer *observer, const struct policy *policy, const struct leg *live,
                                const struct leg *shadow, const struct leg *control)
{
    arena_deinit(&observer->texts);
    arena_init(&observer->texts, observer->first, sizeof(observer->first));
    bool is_call = leg_is_call(live);
    struct pair_seen *pair = &observer->pair;
    *pair = (struct pair_seen){.wall_ns = live->end.wall_ns, .fields = observer->fields};
    pair->live = leg_seen_of(live, is_call);
    pair->shadow = leg_seen_of(shadow, is_call);
    pair->control.state = LEG_ABSENT;
    if (control)
        pair->control = leg_seen_of(control, is_call);
    pair->has_control = pair->control.state != LEG_ABSENT;
    if (pair->live.state != LEG_ANSWERED)
        return pair;
    fill(&observer->live, live, is_call);
    if (pair->control.state == LEG_ANSWERED) {
        fill(&observer->other, control, is_call);
        look_at_control(observer, policy, live, control);
    }
    if (pair->shadow.state == LEG_ANSWERED) {
        fill(&observer->other, shadow, is_call);
        look_at_shadow(observer, policy, live, shadow);
    }
    leave_out_bodies_of_head(pair, live);
    return pair;
}

static struct str redacted(struct observer *observer, const struct policy *policy, struct str field, struct str value)
{
    if (value.len == 0)
        return STR_NONE;
    strbuf_clear(&observer->shown);
    redaction_add_difference(policy->redaction, field, value, policy->samples != KEEP_FULL, &observer->shown);
    return arena_copy(&observer->texts, strbuf_str(&observer->shown));
}

void observer_redact(struct observer *observer, const struct policy *policy, struct field_seen *field)
{
    if (policy->samples == KEEP_NONE) {
        observer_hide(field);
        return;
    }
    field->live = redacted(observer, policy, field->field, field->live);
    field->shadow = redacted(observer, policy, field->field, field->shadow);
}

void observer_hide(struct field_seen *field)
{
    field->live = field->shadow = STR_NONE;
}
