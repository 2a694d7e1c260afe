/* SPDX-License-Identifier: Apache-2.0 */
/* One judgement under way; for src/judge alone. Lifetime: the call of judge(). Thread: one. */
#pragma once

#include "base/arena.h"
#include "judge/tally_layout.h"
#include "judge/verdict.h"

/* How the 1 % of a false FAIL is shared out (docs/judging.md has the same table). */
#define ALPHA_DIFFERENT 0.0063
#define ALPHA_ERRORS 0.0013
#define ALPHA_FAILURES 0.0013
#define ALPHA_LATENCY 0.0004   /* each of p50 and p99 of the mirror */
#define ALPHA_ENDPOINTS 0.0002 /* both of all endpoints together */
/* For "at least": lower ends of rates that a sign test guards against a false FAIL already. */
#define ALPHA_RATE 0.01
/* Plain p-values below which a PASS is withheld: with a control, and without one. */
#define SUSPICIOUS 0.02
#define SUSPICIOUS_ALONE 0.1

enum reason_weight { REASON_NOTE, REASON_INSUFFICIENT, REASON_FAIL };

struct reason {
    enum reason_weight weight;
    double size; /* among those of the same weight, larger ones come first */
    struct str text;
};

/* A field of an endpoint with what was found about it. */
struct judged_field {
    const struct endpoint_counts *endpoint;
    const struct field_counts *field;
    uint64_t count, against; /* pairs that speak for a difference, and those that speak against it */
    double evidence;         /* sign_evidence; with a control */
    double rate, low;        /* of all pairs */
    bool is_confirmed;       /* without a control: not noise */
    bool is_noise;           /* without a control: differs always and looks like an id, a time or a token */
    bool is_suspicious;
};

struct judging {
    const struct tally *tally;
    struct verdict *verdict;
    struct thresholds thresholds;
    struct arena *memory;
    bool is_controlled;         /* some pairs have a control: only these are asked for differences and new errors */
    uint64_t judged_pairs;      /* pairs that differences and errors are shares of */
    struct endpoint_counts sum; /* of all endpoints: counters only */
    struct reason *reasons;
    size_t reason_count, reason_room;
    struct finding *findings;
    size_t finding_count, finding_room;
    struct judged_field *fields; /* by first appearance */
    size_t field_count;
};

void judging_add_reason(struct judging *judging, enum reason_weight weight, double size, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
struct finding *judging_add_finding(struct judging *judging, enum finding_kind kind, enum finding_severity severity,
                                    struct str endpoint, struct str field);
bool judging_has(const struct judging *judging, enum reason_weight weight);

/* Fields, differences of bodies and headers, what is blind. */
void judge_fields(struct judging *judging);
void judge_latency(struct judging *judging);

/* ---- words ---- */
#define SHARE_TEXT 24
/* "1.0 %" */
const char *share_text(char *out, double share);
/* "differs", "is missing", …: by the kind that was seen most. */
const char *field_verb(const struct field_counts *field);
/* "; for example 12.5 became 13", or "". */
struct str field_example(struct arena *memory, const struct field_counts *field);
