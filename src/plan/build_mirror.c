/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/build_parts.h"

void rule_mirror_init(struct rule_mirror *mirror)
{
    *mirror = (struct rule_mirror){
        .sampling = SAMPLING_EVEN,
        .numerator = 1,
        .denominator = 1,
        .method_mask = UINT32_MAX,
        .max_in_flight = 1024,
        .max_connections = 256,
        .window_bytes = 1024 * 1024,
        .timeout_ms = 15000,
        .connect_timeout_ms = 1000,
        .host_kind = COPY_HOST_PRESERVE,
        .marker_header = STR("X-Umbra-Shadow"),
        .has_baggage = true,
        .trace = COPY_TRACE_UNSAMPLED,
    };
}

void rule_mirror_set_percent(struct rule_mirror *mirror, double percent)
{
    const uint32_t millionths = 1000000;
    double share = percent / 100 * millionths + 0.5;
    mirror->numerator = !(share >= 1) ? 0 : share >= millionths ? millionths : (uint32_t)share;
    mirror->denominator = millionths;
}

/* As docs/reference/rules.md says. */
void rule_comparison_init(struct rule_comparison *comparison)
{
    *comparison = (struct rule_comparison){
        .samples = KEEP_FULL,
        .body_bytes = 256 * 1024,
        .min_pairs = 100,
        .min_pairs_p99 = 1000,
        .max_shadow_failures = 10000,
        .max_lost = 100000,
        .max_different = 1000,
        .max_new_errors = 1000,
        .max_blind = 100000,
        .finding_latency_ms = 1,
        .finding_latency_share = 100000,
        .max_latency_ms = 5,
        .max_latency_share = 250000,
    };
}

bool build_check_mirror(const struct rule_set *rules, const struct rule_mirror *mirror, struct err *err)
{
    bool has_name = mirror->key == KEY_HEADER || mirror->key == KEY_COOKIE || mirror->key == KEY_QUERY;

    if (mirror->backend >= rules->backend_count)
        return err_set(err, "the shadow is backend %zu of %zu", mirror->backend, rules->backend_count);
    if (mirror->denominator == 0)
        return err_set(err, "the denominator is 0; write at least 1");
    if (mirror->numerator > mirror->denominator)
        return err_set(err, "%u of %u is over 100 %%; write at most 100", mirror->numerator, mirror->denominator);
    if (mirror->sampling == SAMPLING_HASH && mirror->key == KEY_NONE)
        return err_set(err, "Hash sampling needs a key: header, cookie, query, clientIP or traceID");
    if (has_name && mirror->key_name.len == 0)
        return err_set(err, "the sampling key needs a name");
    return true;
}

static uint32_t gcd(uint32_t a, uint32_t b)
{
    while (b != 0) {
        uint32_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

struct plan_range build_edits(struct draft *draft, const struct rule_edit *edits, size_t count)
{
    struct plan_range range = {draft_count(draft, ARRAY_EDITS), (uint32_t)count};
    for (size_t i = 0; i < count; i++) {
        struct plan_edit edit = {edits[i].kind, draft_add_text(draft, edits[i].name),
                                 draft_add_text(draft, edits[i].value)};
        draft_add_copies(draft, ARRAY_EDITS, &edit, 1);
    }
    return range;
}

static struct plan_range add_redactions(struct draft *draft, const struct rule_redaction *redactions, size_t count)
{
    struct plan_range range = {draft_count(draft, ARRAY_REDACTIONS), (uint32_t)count};
    for (size_t i = 0; i < count; i++) {
        struct plan_redaction redaction = {redactions[i].kind, draft_add_text(draft, redactions[i].name)};
        draft_add_copies(draft, ARRAY_REDACTIONS, &redaction, 1);
    }
    return range;
}

static struct plan_range add_array_rules(struct draft *draft, const struct rule_comparison *rule)
{
    struct plan_range range = {draft_count(draft, ARRAY_ARRAY_RULES), (uint32_t)rule->array_count};
    for (size_t i = 0; i < rule->array_count; i++) {
        struct plan_array_rule array = {draft_add_text(draft, rule->arrays[i].path), rule->arrays[i].kind,
                                        draft_add_text(draft, rule->arrays[i].key)};
        draft_add_copies(draft, ARRAY_ARRAY_RULES, &array, 1);
    }
    return range;
}

/* A control has its mirror's, and neighbours without a policy have all the same. */
static uint32_t add_comparison(struct draft *draft, const struct rule_comparison *rule)
{
    if (!rule)
        return PLAN_NONE;
    if (draft->comparison == rule)
        return draft->comparison_index;
    struct plan_comparison comparison = {
        .samples = rule->samples,
        .body_bytes = rule->body_bytes,
        .headers = build_texts(draft, rule->headers),
        .ignored_headers = build_texts(draft, rule->ignored_headers),
        .ignored_paths = build_texts(draft, rule->ignored_paths),
        .redacted_headers = build_texts(draft, rule->redacted_headers),
        .redacted_cookies = build_texts(draft, rule->redacted_cookies),
        .redacted_query = build_texts(draft, rule->redacted_query),
        .redacted_paths = build_texts(draft, rule->redacted_paths),
        .arrays = add_array_rules(draft, rule),
        .min_pairs = rule->min_pairs,
        .min_pairs_p99 = rule->min_pairs_p99,
        .max_shadow_failures = rule->max_shadow_failures,
        .max_lost = rule->max_lost,
        .max_different = rule->max_different,
        .max_new_errors = rule->max_new_errors,
        .max_blind = rule->max_blind,
        .finding_latency_ms = rule->finding_latency_ms,
        .finding_latency_share = rule->finding_latency_share,
        .max_latency_ms = rule->max_latency_ms,
        .max_latency_share = rule->max_latency_share,
    };
    draft->comparison = rule;
    draft->comparison_index = draft_add_copies(draft, ARRAY_COMPARISONS, &comparison, 1).first;
    return draft->comparison_index;
}

void build_mirror(struct draft *draft, uint32_t route, const struct rule_mirror *rule)
{
    uint32_t divisor = gcd(rule->denominator, rule->numerator);
    struct plan_mirror mirror = {
        .label = draft_add_text(draft, rule->label),
        .route = route,
        .backend = (uint32_t)rule->backend,
        .sampling = rule->sampling,
        .numerator = rule->numerator / divisor,
        .denominator = rule->denominator / divisor,
        .key = rule->key,
        .key_name = draft_add_text(draft, rule->key_name),
        .salt = draft_add_text(draft, rule->salt),
        .is_suspended = rule->is_suspended,
        .method_mask = rule->method_mask,
        .sources = draft_add_copies(draft, ARRAY_CIDRS, rule->sources, rule->source_count),
        .rate_per_second = rule->rate_per_second,
        .max_in_flight = rule->max_in_flight,
        .max_connections = rule->max_connections,
        .window_bytes = rule->window_bytes,
        .timeout_ms = rule->timeout_ms,
        .connect_timeout_ms = rule->connect_timeout_ms,
        .host_kind = rule->host_kind,
        .host = draft_add_text(draft, rule->host),
        .edits = build_edits(draft, rule->edits, rule->edit_count),
        .redactions = add_redactions(draft, rule->redactions, rule->redaction_count),
        .marker_header = draft_add_text(draft, rule->marker_header),
        .has_baggage = rule->has_baggage,
        .trace = rule->trace,
        .is_control = rule->is_control,
        .comparison = add_comparison(draft, rule->comparison),
    };
    draft_add_copies(draft, ARRAY_MIRRORS, &mirror, 1);
}
