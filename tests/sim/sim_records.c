/* SPDX-License-Identifier: Apache-2.0 */
#include "sim_records.h"

#include "base/mem.h"

#include <stdio.h>

struct sim_records *sim_records_new(size_t ring_bytes)
{
    struct err err;
    struct sim_records *records = mem_alloc(sizeof *records);
    size_t size = ring_data_size(ring_bytes);
    records->data = mem_alloc(size);
    list_init(&records->legs);
    ring_format(records->data, ring_bytes);
    if (!ring_writer_open(&records->writer, records->data, size, &records->page, &err) ||
        !ring_reader_open(&records->reader, records->data, size, &records->page, &err))
        sim_fail("no ring: %s", err.text);
    return records;
}

void sim_records_free(struct sim_records *records)
{
    struct list *node;
    while ((node = list_take_first(&records->legs))) {
        struct sim_leg *leg = CONTAINER_OF(node, struct sim_leg, node);
        struct strbuf *texts[] = {&leg->request, &leg->request_body, &leg->answer, &leg->answer_body, &leg->trailers};
        for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
            strbuf_deinit(texts[i]);
        mem_free(leg);
    }
    mem_free(records->data);
    mem_free(records);
}

static struct sim_leg *get_leg(struct sim_records *records, const struct record_part *part)
{
    for (struct list *node = records->legs.next; node != &records->legs; node = node->next) {
        struct sim_leg *leg = CONTAINER_OF(node, struct sim_leg, node);
        if (leg->id.hi == part->id_hi && leg->id.lo == part->id_lo && leg->leg == part->leg &&
            leg->leg_id == part->leg_id)
            return leg;
    }
    struct sim_leg *leg = mem_alloc(sizeof *leg);
    leg->id = (struct request_id){part->id_hi, part->id_lo};
    leg->leg = part->leg;
    leg->leg_id = part->leg_id;
    list_add(&records->legs, &leg->node);
    return leg;
}

static void add_fields(struct strbuf *text, const struct record_message *message)
{
    struct field field;
    for (size_t at = 0; record_next_field(message, &at, &field);)
        strbuf_printf(text, "%.*s: %.*s\n", STR_ARG(field.name), STR_ARG(field.value));
}

static void copy_label(char out[64], struct str label)
{
    snprintf(out, 64, "%.*s", STR_ARG(label));
}

static void add_part(struct sim_records *records, struct str bytes)
{
    struct err err;
    struct record_view view;
    if (!record_read(bytes, &view, &err))
        sim_fail("a record is none: %s", err.text);
    struct sim_leg *leg = get_leg(records, &view.part);
    if (leg->is_whole || view.part.number != leg->parts++)
        sim_fail("part %u of a leg comes as its %u.", view.part.number, leg->parts - 1);
    if (view.has_labels) {
        copy_label(leg->route, view.labels.route);
        copy_label(leg->mirror, view.labels.mirror);
        copy_label(leg->backend, view.labels.backend);
        copy_label(leg->revision, view.labels.revision);
    }
    if (view.request.is_there)
        strbuf_printf(&leg->request, "%.*s %.*s %.*s\n", STR_ARG(view.request.method), STR_ARG(view.request.authority),
                      STR_ARG(view.request.target));
    add_fields(&leg->request, &view.request);
    strbuf_add(&leg->request_body, view.request_body);
    if (view.answer.is_there)
        strbuf_printf(&leg->answer, "%u\n", view.answer.status);
    add_fields(&leg->answer, &view.answer);
    strbuf_add(&leg->answer_body, view.answer_body);
    add_fields(&leg->trailers, &view.trailers);
    leg->is_whole = view.part.flags & RECORD_LAST;
    if (leg->is_whole != view.has_end)
        sim_fail("a leg's last part has no end, or another has");
    leg->end = view.end;
}

void sim_reads_records(struct sim *sim)
{
    struct str record;
    enum ring_result result;
    while ((result = ring_next(&sim->records->reader, &record)) == RING_RECORD) {
        char *copy = mem_alloc(record.len);
        memcpy(copy, record.ptr, record.len);
        add_part(sim->records, (struct str){copy, record.len});
        mem_free(copy);
        ring_done(&sim->records->reader);
    }
    if (result != RING_EMPTY)
        sim_fail("the ring is broken");
}

static struct sim_leg *find_leg(struct sim *sim, int kind)
{
    sim_reads_records(sim);
    for (struct list *node = sim->records->legs.next; node != &sim->records->legs; node = node->next) {
        struct sim_leg *leg = CONTAINER_OF(node, struct sim_leg, node);
        if (leg->is_whole && !leg->is_taken && (kind < 0 || leg->leg == (enum record_leg)kind))
            return leg;
    }
    return NULL;
}

const struct sim_leg *(sim_takes_leg)(struct sim *sim, enum record_leg kind, enum record_outcome outcome)
{
    struct sim_leg *leg = find_leg(sim, (int)kind);
    if (!leg)
        sim_fail("there is no leg of kind %d", (int)kind);
    if (leg->end.outcome != outcome)
        sim_fail("the leg ended with outcome %u and reason %u, not outcome %u", leg->end.outcome, leg->end.reason,
                 (unsigned)outcome);
    leg->is_taken = true;
    return leg;
}

void(sim_expects_no_leg)(struct sim *sim)
{
    struct sim_leg *leg = find_leg(sim, -1);
    if (leg)
        sim_fail("there is a leg of kind %d with outcome %u", (int)leg->leg, leg->end.outcome);
}
