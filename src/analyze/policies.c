/* SPDX-License-Identifier: Apache-2.0 */
#include "analyze/policies.h"

#include "base/arena.h"
#include "base/mem.h"

#include <xxhash.h>

static const struct str *texts_of(const struct plan *plan, struct plan_range range, struct arena *arena, size_t *count)
{
    struct str *texts = arena_alloc(arena, (range.count + 1) * sizeof(struct str));
    for (uint32_t i = 0; i < range.count; i++)
        texts[i] = plan_text(plan, PLAN_TEXT(plan, range.first + i));
    *count = range.count;
    return texts;
}

static const struct compare_array *arrays_of(const struct plan *plan, struct plan_range range, struct arena *arena)
{
    struct compare_array *arrays = arena_alloc(arena, (range.count + 1) * sizeof(struct compare_array));
    for (uint32_t i = 0; i < range.count; i++) {
        const struct plan_array_rule *rule = PLAN_ARRAY_RULE(plan, range.first + i);
        arrays[i].path = plan_text(plan, rule->path);
        arrays[i].kind = rule->kind == COMPARE_KEYED ? ARRAY_KEYED : ARRAY_SET;
        arrays[i].key = plan_text(plan, rule->key);
    }
    return arrays;
}

static void hash_text(XXH3_state_t *state, struct str text)
{
    uint64_t len = text.len;
    XXH3_64bits_update(state, &len, sizeof(len));
    XXH3_64bits_update(state, text.ptr, text.len);
}

static void hash_texts(XXH3_state_t *state, const struct str *texts, size_t count)
{
    uint64_t number = count;
    XXH3_64bits_update(state, &number, sizeof(number));
    for (size_t i = 0; i < count; i++)
        hash_text(state, texts[i]);
}

static uint64_t hash_of(const struct compare_spec *spec, uint64_t body_bytes)
{
    XXH3_state_t *state = XXH3_createState();
    if (!state)
        return 0;
    XXH3_64bits_reset(state);
    hash_texts(state, spec->headers, spec->header_count);
    hash_texts(state, spec->ignored_headers, spec->ignored_header_count);
    hash_texts(state, spec->ignored_paths, spec->ignored_path_count);
    for (size_t i = 0; i < spec->array_count; i++) {
        uint64_t kind = spec->arrays[i].kind;
        hash_text(state, spec->arrays[i].path);
        XXH3_64bits_update(state, &kind, sizeof(kind));
        hash_text(state, spec->arrays[i].key);
    }
    XXH3_64bits_update(state, &body_bytes, sizeof(body_bytes));
    uint64_t hash = XXH3_64bits_digest(state);
    XXH3_freeState(state);
    return hash;
}

static struct thresholds thresholds_of(const struct plan_comparison *from)
{
    return (struct thresholds){
        .min_pairs = from->min_pairs,
        .min_pairs_p99 = from->min_pairs_p99,
        .max_shadow_failures = from->max_shadow_failures / 1e6,
        .max_lost = from->max_lost / 1e6,
        .max_different = from->max_different / 1e6,
        .max_new_errors = from->max_new_errors / 1e6,
        .max_blind = from->max_blind / 1e6,
        .finding_latency_ms = from->finding_latency_ms,
        .finding_latency_share = from->finding_latency_share / 1e6,
        .max_latency_ms = from->max_latency_ms,
        .max_latency_share = from->max_latency_share / 1e6,
    };
}

static void fill(struct policy *policy, const struct plan *plan, const struct plan_comparison *from,
                 struct arena *arena)
{
    struct compare_spec compare = {.arrays = arrays_of(plan, from->arrays, arena), .array_count = from->arrays.count};
    compare.headers = texts_of(plan, from->headers, arena, &compare.header_count);
    compare.ignored_headers = texts_of(plan, from->ignored_headers, arena, &compare.ignored_header_count);
    compare.ignored_paths = texts_of(plan, from->ignored_paths, arena, &compare.ignored_path_count);
    struct redaction_spec redact = {.headers = NULL};
    redact.headers = texts_of(plan, from->redacted_headers, arena, &redact.header_count);
    redact.cookies = texts_of(plan, from->redacted_cookies, arena, &redact.cookie_count);
    redact.query = texts_of(plan, from->redacted_query, arena, &redact.query_count);
    redact.paths = texts_of(plan, from->redacted_paths, arena, &redact.path_count);
    *policy = (struct policy){.rules = compare_rules_new(&compare),
                              .redaction = redaction_new(&redact),
                              .thresholds = thresholds_of(from),
                              .samples = from->samples,
                              .rules_hash = hash_of(&compare, from->body_bytes)};
}

void policies_init(struct policies *policies, const struct plan *plan)
{
    policies->count = plan->comparisons.count;
    policies->list = mem_alloc((policies->count + 1) * sizeof(struct policy));
    struct arena arena;
    arena_init(&arena, NULL, 0);
    for (size_t i = 0; i < policies->count; i++)
        fill(&policies->list[i], plan, PLAN_COMPARISON(plan, i), &arena);
    arena_deinit(&arena);
}

void policies_deinit(struct policies *policies)
{
    for (size_t i = 0; i < policies->count; i++)
        policy_deinit(&policies->list[i]);
    mem_free(policies->list);
    *policies = (struct policies){.list = NULL};
}

void policy_init(struct policy *policy, enum plan_samples samples)
{
    struct compare_spec compare = {.headers = NULL};
    struct redaction_spec redact = {.headers = NULL};
    *policy = (struct policy){.rules = compare_rules_new(&compare),
                              .redaction = redaction_new(&redact),
                              .thresholds = thresholds_default,
                              .samples = samples};
}

void policy_deinit(struct policy *policy)
{
    compare_rules_free(policy->rules);
    redaction_free(policy->redaction);
}
