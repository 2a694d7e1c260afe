/* SPDX-License-Identifier: Apache-2.0 */
#include "analyze/legs.h"

#include "base/mem.h"

#include <xxhash.h>

/* Bytes of a part with its record, in order; what is larger has a block of its own. */
static const size_t part_sizes[LEG_PART_SIZES] = {512, 1024, 1536, 2048, 3072, 4096};

void leg_memory_init(struct leg_memory *memory, struct room *room)
{
    memory->room = room;
    memory->legs = slab_new("legs", sizeof(struct leg));
    for (size_t i = 0; i < LEG_PART_SIZES; i++)
        memory->parts[i] = slab_new("parts of legs", part_sizes[i]);
}

void leg_memory_deinit(struct leg_memory *memory)
{
    slab_free(memory->legs);
    for (size_t i = 0; i < LEG_PART_SIZES; i++)
        slab_free(memory->parts[i]);
}

/* The slab for a part of `size` bytes in all, which becomes what it takes; NULL: none is large enough. */
static struct slab *part_slab(const struct leg_memory *memory, size_t *size)
{
    for (size_t i = 0; i < LEG_PART_SIZES; i++) {
        if (*size <= part_sizes[i]) {
            *size = part_sizes[i];
            return memory->parts[i];
        }
    }
    return NULL;
}

/* NULL: no room. */
static struct leg_part *part_new(struct leg_memory *memory, size_t record_size)
{
    size_t size = sizeof(struct leg_part) + record_size;
    struct slab *slab = part_slab(memory, &size);
    if (!room_take(memory->room, size))
        return NULL;
    struct leg_part *part = slab ? slab_take(slab) : mem_alloc_raw(size);
    part->size = record_size;
    return part;
}

struct leg_part *leg_part_read(struct leg_memory *memory, struct str record, struct record_view *view, bool *is_damaged)
{
    *is_damaged = record.len == 0 || record.len > RECORD_PART_MAX;
    struct leg_part *part = *is_damaged ? NULL : part_new(memory, record.len);
    if (!part)
        return NULL;
    part->next = NULL;
    memcpy(part->bytes, record.ptr, record.len);
    *is_damaged = !record_read((struct str){part->bytes, record.len}, view, NULL) || view->part.leg >= LEG_COUNT;
    if (*is_damaged) {
        leg_part_free(memory, part);
        return NULL;
    }
    part->request_body = view->request_body;
    part->answer_body = view->answer_body;
    return part;
}

void leg_part_free(struct leg_memory *memory, struct leg_part *part)
{
    size_t size = sizeof(struct leg_part) + part->size;
    struct slab *slab = part_slab(memory, &size);
    room_give(memory->room, size);
    if (slab)
        slab_give(slab, part);
    else
        mem_free(part);
}

struct leg *leg_new(struct leg_memory *memory, enum record_leg kind, uint64_t leg_id)
{
    if (!room_take(memory->room, sizeof(struct leg)))
        return NULL;
    struct leg *leg = slab_take(memory->legs);
    *leg = (struct leg){.kind = kind, .leg_id = leg_id};
    list_init(&leg->node);
    leg->last = &leg->first;
    return leg;
}

static void drop_parts(struct leg_memory *memory, struct leg *leg)
{
    for (struct leg_part *part = leg->first, *next; part; part = next) {
        next = part->next;
        leg_part_free(memory, part);
    }
    leg->first = NULL;
    leg->last = &leg->first;
    leg->labels = (struct record_labels){.route = STR_NONE};
    leg->request = leg->answer = leg->trailers = (struct record_message){.is_there = false};
}

void leg_free(struct leg_memory *memory, struct leg *leg)
{
    list_remove(&leg->node);
    drop_parts(memory, leg);
    room_give(memory->room, sizeof(struct leg));
    slab_give(memory->legs, leg);
}

void leg_void(struct leg_memory *memory, struct leg *leg)
{
    leg->progress = LEG_VOID;
    drop_parts(memory, leg);
}

void leg_settle(struct leg_memory *memory, struct leg *leg)
{
    leg->progress = LEG_SETTLED;
    leg->mirror_hash = XXH3_64bits(leg->labels.mirror.ptr, leg->labels.mirror.len);
    drop_parts(memory, leg);
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

void leg_add_part(struct leg_memory *memory, struct leg *leg, struct leg_part *part, const struct record_view *view)
{
    if (leg->progress != LEG_COMING || view->part.number < leg->next_part) {
        leg_part_free(memory, part);
        return;
    }
    bool is_first = view->part.flags & RECORD_FIRST, is_last = view->part.flags & RECORD_LAST;
    *leg->last = part;
    leg->last = &part->next;
    if (view->part.number != leg->next_part || is_first != (leg->next_part == 0) || is_last != view->has_end ||
        is_first != view->has_labels) {
        leg_void(memory, leg);
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
        leg_void(memory, leg);
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
