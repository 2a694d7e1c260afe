/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "judge/confidence.h"
#include "judge/judging.h"
#include "judge/tally_counters.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

#define ULL(n) ((unsigned long long)(n))

void judging_add_reason(struct judging *judging, enum reason_weight weight, double size, const char *format, ...)
{
    if (judging->reason_count == judging->reason_room) {
        judging->reason_room = judging->reason_room ? judging->reason_room * 2 : 16;
        judging->reasons = mem_grow(judging->reasons, judging->reason_room * sizeof(*judging->reasons));
    }
    va_list args;
    va_start(args, format);
    judging->reasons[judging->reason_count++] = (struct reason){weight, size,
                                                                arena_vprintf(judging->memory, format, args)};
    va_end(args);
}

struct finding *judging_add_finding(struct judging *judging, enum finding_kind kind, enum finding_severity severity,
                                    struct str endpoint, struct str field)
{
    if (judging->finding_count == judging->finding_room) {
        judging->finding_room = judging->finding_room ? judging->finding_room * 2 : 16;
        judging->findings = mem_grow(judging->findings, judging->finding_room * sizeof(*judging->findings));
    }
    struct finding *finding = &judging->findings[judging->finding_count++];
    *finding = (struct finding){
        .kind = kind,
        .severity = severity,
        .route = judging->tally->key.route,
        .mirror = judging->tally->key.mirror,
        .endpoint = endpoint,
        .field = field,
    };
    finding_set_id(finding);
    return finding;
}

bool judging_has(const struct judging *judging, enum reason_weight weight)
{
    for (size_t i = 0; i < judging->reason_count; i++) {
        if (judging->reasons[i].weight == weight)
            return true;
    }
    return false;
}

void finding_set_id(struct finding *finding)
{
    struct strbuf text = STRBUF_INIT;
    const struct str parts[] = {str_from_c(finding_kind_name(finding->kind)), finding->route, finding->mirror,
                                finding->endpoint, finding->field};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        strbuf_add(&text, parts[i]);
        strbuf_add_char(&text, '\0');
    }
    snprintf(finding->id, sizeof(finding->id), "%016llx", ULL(XXH64(text.ptr, text.len, 0)));
    strbuf_deinit(&text);
}

/* ----------------------------------------------------------------------------------------- failures to answer, errors */

static struct str failure_list(struct judging *judging)
{
    size_t count;
    struct map_entry **sorted = tally_sorted(&judging->tally->failures, &count);
    struct str list = STR("");
    for (size_t i = 0; i < count; i++)
        list = arena_printf(judging->memory, "%.*s%s%llu %.*s", STR_ARG(list), i > 0 ? ", " : "",
                            ULL(((const struct set_count *)sorted[i]->value)->count), STR_ARG(sorted[i]->key));
    mem_free(sorted);
    return list;
}

/* Also below min_pairs: a shadow that answers nothing makes no pairs. */
static void judge_failures(struct judging *judging)
{
    const struct tally *tally = judging->tally;
    double limit = judging->thresholds.max_shadow_failures, copies = (double)tally->copies;
    if (tally->failed == 0 || tally->copies == 0)
        return;
    double share = fmin((double)tally->failed / copies, 1), live = fmin((double)tally->live_bad / copies, 1);
    double low = rate_low(tally->failed, tally->copies, ALPHA_RATE);
    double wanted = -log(ALPHA_FAILURES);
    bool has_control = tally->control_copies * 2 >= tally->copies;
    double control = has_control ? fmin((double)tally->failed_noise / (double)tally->control_copies, 1) : 0;
    bool is_own = !has_control || sign_evidence(tally->failed_signal, tally->failed_noise) >= wanted;
    bool is_sure = is_own && sign_evidence(tally->failed, tally->reverse) >= wanted && low > limit + live + control;
    char texts[4][SHARE_TEXT];
    struct str numbers = arena_printf(
        judging->memory, "%llu of %llu copies while live succeeded (%s, at least %s): %.*s", ULL(tally->failed),
        ULL(tally->copies), share_text(texts[0], share), share_text(texts[1], low), STR_ARG(failure_list(judging)));
    share_text(texts[2], limit);
    share_text(texts[3], live);
    if (is_sure)
        judging_add_reason(judging, REASON_FAIL, 1 + low,
                           "The shadow failed to answer %.*s; allowed is %s beyond live's own errors (%s).",
                           STR_ARG(numbers), texts[2], texts[3]);
    else if (share > limit + live && !is_own)
        judging_add_reason(
            judging, REASON_INSUFFICIENT, 3,
            "The shadow failed to answer %.*s; but control fails as well, so it may not be the shadow's fault.",
            STR_ARG(numbers));
    else if (share > limit + live)
        judging_add_reason(
            judging, REASON_INSUFFICIENT, 3,
            "The shadow failed to answer %.*s; that is more than the %s allowed, but it is not certain yet.",
            STR_ARG(numbers), texts[2]);
}

/* The endpoint with most of them. */
static const struct endpoint_counts *worst_endpoint(const struct judging *judging)
{
    const struct endpoint_counts *worst = NULL;
    uint64_t most = 0;
    for (size_t i = 0; i < judging->tally->endpoints.count; i++) {
        const struct endpoint_counts *endpoint = judging->tally->endpoints.entries[i].value;
        if (!endpoint)
            continue;
        uint64_t count = judging->is_controlled ? endpoint->errors_signal : endpoint->errors_alone;
        if (count > most || (count == most && worst && strcmp(endpoint->name.ptr, worst->name.ptr) < 0)) {
            most = count;
            worst = endpoint;
        }
    }
    return worst;
}

static void add_error_findings(struct judging *judging, enum finding_severity severity)
{
    const struct map *endpoints = &judging->tally->endpoints;
    for (size_t i = 0; i < endpoints->count; i++) {
        const struct endpoint_counts *endpoint = endpoints->entries[i].value;
        uint64_t errors = !endpoint ? 0 : judging->is_controlled ? endpoint->errors_signal : endpoint->errors_alone;
        const struct field_counts *field = endpoint ? map_find(&endpoint->fields, STR("status")) : NULL;
        if (endpoint && !field)
            field = map_find(&endpoint->fields, STR("grpc-status"));
        if (errors == 0 || !field)
            continue;
        bool is_named = false; /* by judge_fields already */
        for (size_t f = 0; f < judging->finding_count; f++)
            is_named |= str_eq(judging->findings[f].endpoint, endpoint->name) &&
                        str_eq(judging->findings[f].field, field->name);
        if (is_named)
            continue;
        struct finding *finding = judging_add_finding(judging, FINDING_DIFFERENCE, severity, endpoint->name,
                                                      field->name);
        uint64_t pairs = judging->is_controlled ? endpoint->control_pairs : endpoint->pairs;
        char rate[SHARE_TEXT];
        finding->count = errors;
        finding->rate = pairs > 0 ? fmin((double)errors / (double)pairs, 1) : 0;
        finding->first_ns = field->first_ns;
        finding->last_ns = field->last_ns;
        finding->summary = arena_printf(
            judging->memory, "%.*s: %llu of %llu answers are errors where live's are not (%s)%.*s",
            STR_ARG(endpoint->name), ULL(errors), ULL(pairs), share_text(rate, finding->rate),
            STR_ARG(field_example(judging->memory, field)));
    }
}

static void judge_errors(struct judging *judging)
{
    uint64_t pairs = judging->judged_pairs;
    uint64_t count = judging->is_controlled ? judging->sum.errors_signal : judging->sum.errors_alone;
    uint64_t against = judging->is_controlled ? judging->sum.errors_noise : judging->sum.errors_reverse;
    judging->verdict->new_errors = count;
    if (count == 0 || pairs == 0 || pairs < judging->thresholds.min_pairs)
        return;
    double limit = judging->thresholds.max_new_errors, rate = (double)count / (double)pairs;
    double low = rate_low(count, pairs, ALPHA_RATE) - (double)against / (double)pairs;
    bool is_sure = sign_evidence(count, against) >= -log(ALPHA_ERRORS) && low > limit;
    bool is_suspicious = rate - (double)against / (double)pairs > limit &&
                         sign_tail(count, against) < (judging->is_controlled ? SUSPICIOUS : SUSPICIOUS_ALONE);
    if (!is_sure && !is_suspicious)
        return;
    char texts[3][SHARE_TEXT];
    const struct endpoint_counts *worst = worst_endpoint(judging);
    const struct field_counts *field = worst ? map_find(&worst->fields, STR("status")) : NULL;
    struct str most = worst ? arena_printf(judging->memory, "; most at %.*s%.*s", STR_ARG(worst->name),
                                           STR_ARG(field ? field_example(judging->memory, field) : STR("")))
                            : STR("");
    struct str numbers = arena_printf(
        judging->memory, "errors where live's are not in %llu of %llu pairs (%s, at least %s", ULL(count), ULL(pairs),
        share_text(texts[0], fmin(rate, 1)), share_text(texts[1], low > 0 ? low : 0));
    if (against > 0)
        numbers = arena_printf(judging->memory, "%.*s; the other way round in %llu", STR_ARG(numbers), ULL(against));
    share_text(texts[2], limit);
    if (is_sure)
        judging_add_reason(judging, REASON_FAIL, 0.5 + low,
                           "The shadow's answers are %.*s), more than the %s allowed%.*s.", STR_ARG(numbers), texts[2],
                           STR_ARG(most));
    else
        judging_add_reason(
            judging, REASON_INSUFFICIENT, 2.5,
            "The shadow's answers are %.*s)%.*s; that looks like more than the %s allowed, but it is not "
            "certain yet.",
            STR_ARG(numbers), STR_ARG(most), texts[2]);
    add_error_findings(judging, is_sure ? SEVERITY_OF_FAILURE : SEVERITY_OF_INFO);
}

/* ------------------------------------------------------------------------------------------------------------ enough? */

static void judge_enough(struct judging *judging)
{
    const struct verdict *verdict = judging->verdict;
    const struct thresholds *limits = &judging->thresholds;
    char texts[2][SHARE_TEXT];
    if (verdict->pairs < limits->min_pairs || verdict->pairs == 0)
        judging_add_reason(judging, REASON_INSUFFICIENT, 10, "%llu %s of the %llu that a verdict needs.",
                           ULL(verdict->pairs), verdict->pairs == 1 ? "pair" : "pairs", ULL(limits->min_pairs));
    else if (judging->is_controlled && judging->judged_pairs < limits->min_pairs)
        judging_add_reason(
            judging, REASON_INSUFFICIENT, 9,
            "Control answered in %llu of %llu pairs; %llu are needed to tell noise from differences. Does "
            "control run?",
            ULL(judging->judged_pairs), ULL(verdict->pairs), ULL(limits->min_pairs));
    double lost = verdict->attempted > 0 ? (double)verdict->lost / (double)verdict->attempted : 0;
    if (lost > limits->max_lost)
        judging_add_reason(
            judging, REASON_INSUFFICIENT, 8,
            "Umbra lost %llu of %llu copies (%s), more than the %s allowed: what is left may not be like the "
            "rest. `umbra status` says why.",
            ULL(verdict->lost), ULL(verdict->attempted), share_text(texts[0], lost),
            share_text(texts[1], limits->max_lost));
    uint64_t bodies = judging->sum.compared + judging->sum.blind;
    double blind = bodies > 0 ? (double)judging->sum.blind / (double)bodies : 0;
    if (blind > limits->max_blind)
        judging_add_reason(
            judging, REASON_INSUFFICIENT, 7,
            "%llu of %llu bodies could not be compared (%s), more than the %s allowed: they are longer than "
            "compare.bodyBytes, or can't be decoded.",
            ULL(judging->sum.blind), ULL(bodies), share_text(texts[0], blind), share_text(texts[1], limits->max_blind));
}

static void add_pass(struct judging *judging)
{
    const struct verdict *verdict = judging->verdict;
    char limit[SHARE_TEXT];
    share_text(limit, judging->thresholds.max_different);
    judging_add_reason(judging, REASON_NOTE, 100, "%s in %llu pairs%s; %llu new errors; %llu of %llu copies failed.",
                       verdict->bodies_different + verdict->headers_different == 0
                           ? "No difference"
                           : "Differences within what is allowed",
                       ULL(judging->judged_pairs), judging->is_controlled ? " beyond those of control" : "",
                       ULL(verdict->new_errors), ULL(verdict->shadow_failed), ULL(verdict->attempted));
}

/* ------------------------------------------------------------------------------------------------------------- whole */

static void sum_endpoints(struct judging *judging)
{
    const struct map *endpoints = &judging->tally->endpoints;
    for (size_t i = 0; i < endpoints->count; i++) {
        for (const struct tally_counter *c = endpoint_counters; endpoints->entries[i].value && c->name; c++)
            *tally_counter_at(&judging->sum, c) += tally_counter_value(endpoints->entries[i].value, c);
    }
}

static void fill(struct judging *judging)
{
    const struct tally *tally = judging->tally;
    struct verdict *verdict = judging->verdict;
    verdict->key = tally->key;
    verdict->since_ns = tally->since_ns;
    verdict->until_ns = tally->until_ns;
    verdict->pairs = judging->sum.pairs;
    verdict->unpaired = tally->unpaired;
    verdict->lost = tally->lost;
    verdict->shadow_failed = tally->failed;
    uint64_t known = tally->copies + tally->lost;
    verdict->attempted = tally->attempted > known ? tally->attempted : known;
    memcpy(verdict->live_status, tally->live_status, sizeof(verdict->live_status));
    memcpy(verdict->shadow_status, tally->shadow_status, sizeof(verdict->shadow_status));
    verdict->mismatched = tally->mismatched;
    verdict->bodies_compared = judging->sum.compared;
    verdict->bodies_same = judging->sum.same < judging->sum.compared ? judging->sum.same : judging->sum.compared;
}

static int by_weight(const void *a, const void *b)
{
    const struct reason *x = a, *y = b;
    if (x->weight != y->weight)
        return (int)y->weight - (int)x->weight;
    if (x->size != y->size)
        return x->size > y->size ? -1 : 1;
    size_t len = x->text.len < y->text.len ? x->text.len : y->text.len;
    return memcmp(x->text.ptr, y->text.ptr, len);
}

static int by_severity(const void *a, const void *b)
{
    const struct finding *x = a, *y = b;
    if (x->severity != y->severity)
        return (int)y->severity - (int)x->severity;
    if (x->rate != y->rate)
        return x->rate > y->rate ? -1 : 1;
    return strcmp(x->id, y->id);
}

/* What decided comes alone and first; notes only where nothing failed. */
static void conclude(struct judging *judging)
{
    struct verdict *verdict = judging->verdict;
    bool is_fail = judging_has(judging, REASON_FAIL), is_insufficient = judging_has(judging, REASON_INSUFFICIENT);
    verdict->kind = is_fail ? VERDICT_FAIL : is_insufficient ? VERDICT_INSUFFICIENT : VERDICT_PASS;
    if (verdict->kind == VERDICT_PASS)
        add_pass(judging);
    qsort(judging->reasons, judging->reason_count, sizeof(*judging->reasons), by_weight);
    verdict->reasons = arena_alloc(judging->memory, (judging->reason_count + 1) * sizeof(*verdict->reasons));
    for (size_t i = 0; i < judging->reason_count; i++) {
        if (!is_fail || judging->reasons[i].weight > REASON_NOTE)
            verdict->reasons[verdict->reason_count++] = judging->reasons[i].text;
    }
    verdict->findings = arena_alloc(judging->memory, (judging->finding_count + 1) * sizeof(*verdict->findings));
    if (judging->finding_count > 0) {
        qsort(judging->findings, judging->finding_count, sizeof(*judging->findings), by_severity);
        memcpy(verdict->findings, judging->findings, judging->finding_count * sizeof(*verdict->findings));
    }
    verdict->finding_count = judging->finding_count;
    mem_free(judging->reasons);
    mem_free(judging->findings);
}

void judge(struct tally *tally, struct verdict *verdict)
{
    tally_settle(tally);
    *verdict = (struct verdict){.memory = mem_alloc(sizeof(*verdict->memory))};
    arena_init(verdict->memory, NULL, 0);
    struct judging judging = {
        .tally = tally,
        .verdict = verdict,
        .thresholds = tally->has_thresholds ? tally->thresholds : thresholds_default,
        .memory = verdict->memory,
    };
    sum_endpoints(&judging);
    judging.is_controlled = judging.sum.control_pairs > 0;
    judging.judged_pairs = judging.is_controlled ? judging.sum.control_pairs : judging.sum.pairs;
    fill(&judging);
    judge_enough(&judging);
    judge_failures(&judging);
    judge_fields(&judging);
    judge_errors(&judging);
    judge_latency(&judging);
    conclude(&judging);
}

void verdict_deinit(struct verdict *verdict)
{
    if (!verdict->memory)
        return;
    arena_deinit(verdict->memory);
    mem_free(verdict->memory);
    *verdict = (struct verdict){0};
}
