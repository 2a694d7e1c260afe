/* SPDX-License-Identifier: Apache-2.0 */
/* A random play: what clients send and when, how live answers each request, and where each of them fails, all from one seed. It can be
 * played with shadows and without; clients and live do the same things at the same times in both.
 * Lifetime: script_init to script_deinit. Thread: one. */
#pragma once

#include "base/random.h"
#include "sim.h"

#define SCRIPT_CLIENTS 4
#define SCRIPT_REQUESTS 4
#define SCRIPT_STEPS 40

enum script_fault { FAULT_NONE, FAULT_CLOSE, FAULT_RESET, FAULT_STALL, FAULT_GARBAGE, FAULT_COUNT };

struct script_client {
    struct strbuf bytes; /* all its requests */
    size_t burst;        /* most that it sends in a step */
    size_t segment;      /* of that, what arrives in a turn */
    size_t write_max;    /* of the gateway's kernel towards it */
    enum script_fault fault;
    size_t fault_at; /* byte of its own */
    unsigned begin;  /* step of its connection */
    unsigned deaf_from, deaf_until;
    size_t capacity;
};

/* What live does with a request. */
struct script_answer {
    unsigned status;
    size_t body;
    enum { BODY_BY_LENGTH, BODY_BY_CHUNKS, BODY_BY_CLOSE } framing;
    unsigned delay_steps;
    bool is_early, has_informational, is_last, has_trailers;
    enum script_fault fault;
    size_t fault_at;
};

struct script {
    uint64_t seed;
    unsigned clients, requests;
    struct script_client client[SCRIPT_CLIENTS];
    struct script_answer answer[SCRIPT_CLIENTS * SCRIPT_REQUESTS];
    unsigned step_ms[SCRIPT_STEPS];
    unsigned live_endpoints;
    bool is_live_failing[SIM_ENDPOINTS];
    unsigned live_latency_ms;
    size_t live_segment, live_write_max, live_capacity;
    unsigned idle_close; /* live closes an idle connection in one of so many steps; 0: never */
    uint32_t request_timeout_ms, backend_timeout_ms, retry_attempts;
    struct sim_rules rules[2]; /* with shadows: first, then from step rules_change on */
    unsigned rules_change;
    uint64_t budget;
    uint64_t shadow_seed;
};

/* The number that seed and purpose give; the same in every run. */
uint64_t script_hash(uint64_t seed, uint64_t what);
void script_init(struct script *script, uint64_t seed);
void script_deinit(struct script *script);
/* The bytes of the answer to request `number`, whose method is HEAD or not. */
void script_format_answer(const struct script *script, unsigned number, bool is_head, struct strbuf *out);
