/* SPDX-License-Identifier: Apache-2.0 */
/* From a tally to a verdict, and to findings: pure functions of the counts, so that looking changes nothing and two lookers say the same.
 * How it decides, and why looking often does not raise false alarms, is in docs/judging.md (anytime-valid tests; each test's share of the 1 % is stated there).
 * Lifetime: verdict_deinit. Thread: any. */
#pragma once

#include "judge/tally.h"

enum verdict_kind { VERDICT_PASS, VERDICT_FAIL, VERDICT_INSUFFICIENT, VERDICT_KIND_COUNT };
const char *verdict_name(enum verdict_kind kind);

struct interval {
    double value, low, high;
    bool is_there;
};

struct latency_side {
    bool is_there;
    double p50, p95, p99; /* milliseconds */
};

/* A field that could not be judged. */
struct blind_field {
    struct str endpoint, field;
    double rate;      /* at which control differs in it; without a control, at which the shadow does */
    bool is_proposed; /* without a control: looks like an id, a time or a token; a rule for it is proposed */
};

enum finding_kind { FINDING_DIFFERENCE, FINDING_LATENCY, FINDING_LOAD, FINDING_SECURITY, FINDING_KIND_COUNT };
const char *finding_kind_name(enum finding_kind kind);
enum finding_severity { SEVERITY_OF_INFO, SEVERITY_OF_WARNING, SEVERITY_OF_FAILURE, SEVERITY_OF_COUNT };
const char *finding_severity_name(enum finding_severity severity); /* "info", "warning", "failure" */

#define FINDING_ID 17 /* 16 hex digits of a hash of kind, route, mirror, endpoint, field; NUL-terminated */
struct finding {
    char id[FINDING_ID];
    enum finding_kind kind;
    enum finding_severity severity;
    struct str route, mirror, endpoint, field, summary;
    uint64_t count;
    double rate;                /* of the pairs of the endpoint */
    uint64_t first_ns, last_ns; /* CLOCK_REALTIME */
};

struct verdict {
    enum verdict_kind kind;
    struct str *reasons; /* one sentence each, with its numbers; the weightiest first */
    size_t reason_count;
    struct tally_key key;
    uint64_t since_ns, until_ns; /* CLOCK_REALTIME */
    uint64_t pairs, unpaired;
    uint64_t attempted, shadow_failed, lost;
    uint64_t live_status[6], shadow_status[6]; /* by hundreds; [0]: others */
    uint64_t mismatched, new_errors;
    uint64_t bodies_compared, bodies_same, bodies_noise, bodies_different, headers_different;
    struct latency_side live, shadow;
    struct interval delta_p50, delta_p99;
    struct blind_field *blind;
    size_t blind_count;
    struct finding *findings; /* differences and latency; the weightiest first */
    size_t finding_count;
    struct arena *memory; /* of all of these */
};

/* `verdict` is filled; the tally must outlive it. */
void judge(struct tally *tally, struct verdict *verdict);
void verdict_deinit(struct verdict *verdict);

/* The hash that makes a finding's id. */
void finding_set_id(struct finding *finding);

/* ---- how they are written: public, DESIGN 6 "Judgement" ---- */
void verdict_json(const struct verdict *verdict, struct strbuf *out); /* one object */
void finding_json(const struct finding *finding, struct strbuf *out); /* one object, without samples */
/* umbra_verdict, umbra_pairs_total, umbra_latency_delta_seconds of all of these. */
void verdicts_metrics(const struct verdict *verdicts, size_t count, struct strbuf *out);
/* Whole documents. */
enum report_format { REPORT_TEXT, REPORT_JSON, REPORT_MARKDOWN, REPORT_JUNIT };
struct report_source {
    const struct verdict *verdicts;
    size_t count;
    const char *const *unreached; /* admin addresses that could not be asked, with why; JUnit: errors */
    size_t unreached_count;
};
void report_write(const struct report_source *source, enum report_format format, struct strbuf *out);
/* 0, 1, 3 as section 4 says (4 is the caller's). */
int report_exit_code(const struct verdict *verdicts, size_t count);
