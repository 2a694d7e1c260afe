/* SPDX-License-Identifier: Apache-2.0 */
/* The ring of a play, in plain memory, and what an analyst would find in it: legs, put together of their parts.
 * Lifetime: the play's. Thread: one. */
#pragma once

#include "base/ring.h"
#include "exchange/record.h"
#include "sim.h"

struct sim_leg {
    struct list node;
    enum record_leg leg;
    struct request_id id;
    uint64_t leg_id;
    uint32_t parts;
    bool is_whole, is_taken;
    char route[64], mirror[64], backend[64], revision[64];
    struct strbuf request; /* method, authority, target, then a line "name: value" for each field */
    struct strbuf request_body;
    struct strbuf answer; /* status, then a line for each field; empty: no head came */
    struct strbuf answer_body;
    struct strbuf trailers;
    struct record_end end;
};

struct sim_records {
    void *data;
    struct ring_reader_page page;
    struct ring_writer writer;
    struct ring_reader reader;
    struct list legs;
    unsigned wakes;
};

struct sim_records *sim_records_new(size_t ring_bytes);
void sim_records_free(struct sim_records *records);

/* Reads all that is in the ring. */
void sim_reads_records(struct sim *sim);
/* Reads, and gives the first whole leg of the kind that was not handed out; there must be one, with this outcome. Borrowed. */
const struct sim_leg *sim_takes_leg(struct sim *sim, enum record_leg kind, enum record_outcome outcome);
/* Reads; all whole legs were handed out. */
void sim_expects_no_leg(struct sim *sim);
/* A time of a leg in the play's milliseconds. */
static inline uint64_t leg_ms(uint64_t ns)
{
    return ns / 1000000;
}

#define sim_takes_leg(...) SIM_HERE((sim_takes_leg)(__VA_ARGS__))
#define sim_expects_no_leg(...) SIM_HERE((sim_expects_no_leg)(__VA_ARGS__))
