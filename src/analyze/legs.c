/* SPDX-License-Identifier: Apache-2.0 */
#include "analyze/legs.h"

#include "base/mem.h"

#include <xxhash.h>

struct leg_part *leg_part_read(struct room *room, struct str record, struct record_view *view, bool *is_damaged)
{
    *is_damaged = record.len == 0 || record.len > RECORD_PART_MAX;
    if (*is_damaged || !room_take(room, sizeof(struct leg_part) + record.len))
        return NULL;
    struct leg_part *part = mem_alloc_raw(sizeof(struct leg_part) + record.len);
    part->next = NULL;
    part->size = record.len;
    memcpy(part->bytes, record.ptr, record.len);
    *is_damaged = !record_read((struct str){part->bytes, record.len}, view, NULL) || view->part.leg >= LEG_COUNT;
    if (*is_damaged) {
        leg_part_free(room, part);
        return NULL;
    }
    part->request_body = view->request_body;
    part->answer_body = view->answer_body;
    return part;
}

void leg_part_free(struct room *room, struct leg_part *part)
{
    room_give(room, sizeof(struct leg_part) + part->size);
    mem_free(part);
}

struct leg *leg_new(struct room *room, enum record_leg kind, uint64_t leg_id)
{
    if (!room_take(room, sizeof(struct leg)))
        return NULL;
    struct leg *leg = mem_alloc(sizeof(struct leg));
    list_init(&leg->node);
    leg->kind = kind;
    leg->leg_id = leg_id;
    leg->last = &leg->first;
    return leg;
}

static void drop_parts(struct room *room, struct leg *leg)
{
    for (struct leg_part *part = leg->first, *next; part; part = next) {
        next = part->next;
        leg_part_free(room, part);
    }
    leg->first = NULL;
    leg->last = &leg->first;
    leg->labels = (struct record_labels){.route = STR_NONE};
    leg->request = leg->answer = leg->trailers = (struct record_message){.is_there = false};
}

void leg_free(struct room *room, struct leg *leg)
{
    list_remove(&leg->node);
    drop_parts(room, leg);
    room_give(room, sizeof(struct leg));
    mem_free(leg);
}

void leg_void(struct room *room, struct leg *leg)
{
    leg->progress = LEG_VOID;
    drop_parts(room, leg);
}

void leg_settle(struct room *room, struct leg *leg)
{
    leg->progress = LEG_SETTLED;
    leg->mirror_hash = XXH3_64bits(leg->labels.mirror.ptr, leg->labels.mirror.len);
    drop_parts(room, leg);
}

static bool makes_sense(const struct leg *leg)
{
    const struct record_end *end = &leg->end;
    if (leg->kind == LEG_LIVE && !leg->request.is_there)
        return false;
    if (end->outcome > OUTCOME_LOST)
        return false;
    if (end->outcome == OUTCOME_COMPLETE)
        return end->status >= 100 && end->status <= 999 && end->sent_ns != 0 && end->end_ns >= end->sent_ns;
    return true;
}

void leg_add_part(struct room *room, struct leg *leg, struct leg_part *part, const struct record_view *view)
{
    if (leg->progress != LEG_COMING || view->part.number < leg->next_part) {
        leg_part_free(room, part);
        return;
    }
    bool is_first = view->part.flags & RECORD_FIRST, is_last = view->part.flags & RECORD_LAST;
    *leg->last = part;
    leg->last = &part->next;
    if (view->part.number != leg->next_part || is_first != (leg->next_part == 0) || is_last != view->has_end ||
        is_first != view->has_labels) {
        leg_void(room, leg);
        return;
    }
    leg->next_part++;
    if (is_first)
        leg->labels = view->labels;
    if (view->request.is_there)
        leg->request = view->request;
    if (view->answer.is_there)
        leg->answer = view->answer;
    if (view->trailers.is_there)
        leg->trailers = view->trailers;
    if (!is_last)
        return;
    leg->end = view->end;
    leg->progress = LEG_WHOLE;
    if (!makes_sense(leg))
        leg_void(room, leg);
}

struct str leg_answer_body(const struct leg *leg, struct strbuf *scratch)
{
    if (leg->first && !leg->first->next)
        return leg->first->answer_body;
    strbuf_clear(scratch);
    for (const struct leg_part *part = leg->first; part; part = part->next)
        strbuf_add(scratch, part->answer_body);
    return strbuf_str(scratch);
}

struct str leg_request_body(const struct leg *leg, struct strbuf *scratch)
{
    if (leg->first && !leg->first->next)
        return leg->first->request_body;
    strbuf_clear(scratch);
    for (const struct leg_part *part = leg->first; part; part = part->next)
        strbuf_add(scratch, part->request_body);
    return strbuf_str(scratch);
}
