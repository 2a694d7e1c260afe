/* SPDX-License-Identifier: Apache-2.0 */
#include "compile/comparison_fields.h"

/* Most mirrors have no policy, and one comparison together: a mirror gets its own with the first thing that a policy says. */
static struct rule_comparison *own(struct policy_outcome *outcome)
{
    if (!outcome->comparison) {
        outcome->comparison = arena_alloc(outcome->arena, sizeof(*outcome->comparison));
        *outcome->comparison = *outcome->plain;
    }
    return outcome->comparison;
}

static struct rule_texts texts_of(const struct schema_list *list)
{
    return (struct rule_texts){.list = list->items, .count = list->count};
}

/* ---------------------------------------------------------------------------------------------------- comparing */

bool apply_samples(const struct mirror_policy_spec *spec, struct policy_outcome *outcome)
{
    static const enum plan_samples kinds[] = {
        [SAMPLES_NONE] = KEEP_NONE, [SAMPLES_FIELDS] = KEEP_FIELDS, [SAMPLES_FULL] = KEEP_FULL};
    bool is_set = spec->compare && spec->compare->samples.is_set;
    if (is_set && outcome)
        own(outcome)->samples = kinds[spec->compare->samples.value];
    return is_set;
}

bool apply_body_bytes(const struct mirror_policy_spec *spec, struct policy_outcome *outcome)
{
    bool is_set = spec->compare && spec->compare->body_bytes.is_set;
    if (is_set && outcome)
        own(outcome)->body_bytes = (uint64_t)spec->compare->body_bytes.value;
    return is_set;
}

bool apply_control(const struct mirror_policy_spec *spec, struct policy_outcome *outcome)
{
    bool is_set = spec->compare && spec->compare->control;
    if (is_set && outcome)
        outcome->control = outcome->policy;
    return is_set;
}

/* Names or paths as they stand in the manifest. */
static bool apply_texts(const struct schema_list *list, struct policy_outcome *outcome, size_t offset)
{
    if (list->is_set && outcome)
        *(struct rule_texts *)((char *)own(outcome) + offset) = texts_of(list);
    return list->is_set;
}
#define APPLY_TEXTS(list, outcome, member) apply_texts(list, outcome, offsetof(struct rule_comparison, member))

bool apply_compared_headers(const struct mirror_policy_spec *spec, struct policy_outcome *outcome)
{
    return spec->compare && APPLY_TEXTS(&spec->compare->headers, outcome, headers);
}

bool apply_ignored_headers(const struct mirror_policy_spec *spec, struct policy_outcome *outcome)
{
    const struct policy_ignore *ignore = spec->compare ? spec->compare->ignore : NULL;
    return ignore && APPLY_TEXTS(&ignore->headers, outcome, ignored_headers);
}

bool apply_ignored_paths(const struct mirror_policy_spec *spec, struct policy_outcome *outcome)
{
    const struct policy_ignore *ignore = spec->compare ? spec->compare->ignore : NULL;
    return ignore && APPLY_TEXTS(&ignore->json_paths, outcome, ignored_paths);
}

bool apply_arrays(const struct mirror_policy_spec *spec, struct policy_outcome *outcome)
{
    static const enum plan_array_kind kinds[] = {[ARRAY_OF_SET] = COMPARE_SET, [ARRAY_OF_KEYED] = COMPARE_KEYED};
    const struct schema_list *list = spec->compare ? &spec->compare->arrays : NULL;
    if (!list || !list->is_set || !outcome)
        return list && list->is_set;
    struct rule_array *arrays = arena_alloc(outcome->arena, (list->count + 1) * sizeof(*arrays));
    for (size_t i = 0; i < list->count; i++) {
        const struct policy_array *array = SCHEMA_ITEM(*list, struct policy_array, i);
        arrays[i] = (struct rule_array){.path = array->path, .kind = kinds[array->type.value], .key = array->key};
    }
    own(outcome)->arrays = arrays;
    own(outcome)->array_count = list->count;
    return true;
}

/* ------------------------------------------------------------------------------------------------------ samples */

static const struct policy_sample_redact *redact_of(const struct mirror_policy_spec *spec)
{
    return spec->compare ? spec->compare->redact : NULL;
}

bool apply_sample_headers(const struct mirror_policy_spec *spec, struct policy_outcome *outcome)
{
    return redact_of(spec) && APPLY_TEXTS(&redact_of(spec)->headers, outcome, redacted_headers);
}

bool apply_sample_cookies(const struct mirror_policy_spec *spec, struct policy_outcome *outcome)
{
    return redact_of(spec) && APPLY_TEXTS(&redact_of(spec)->cookies, outcome, redacted_cookies);
}

bool apply_sample_query(const struct mirror_policy_spec *spec, struct policy_outcome *outcome)
{
    return redact_of(spec) && APPLY_TEXTS(&redact_of(spec)->query, outcome, redacted_query);
}

bool apply_sample_paths(const struct mirror_policy_spec *spec, struct policy_outcome *outcome)
{
    return redact_of(spec) && APPLY_TEXTS(&redact_of(spec)->json_paths, outcome, redacted_paths);
}

/* ------------------------------------------------------------------------------------------------------ verdict */

/* One for each threshold: they differ in nothing but their names. */
#define APPLY_THRESHOLD(function, from, to, type) \
    bool function(const struct mirror_policy_spec *spec, struct policy_outcome *outcome) \
    { \
        bool is_set = spec->verdict && spec->verdict->from.is_set; \
        if (is_set && outcome) \
            own(outcome)->to = (type)spec->verdict->from.value; \
        return is_set; \
    }

APPLY_THRESHOLD(apply_min_pairs, min_pairs, min_pairs, uint64_t)
APPLY_THRESHOLD(apply_min_pairs_p99, min_pairs_p99, min_pairs_p99, uint64_t)
APPLY_THRESHOLD(apply_max_shadow_failures, max_shadow_failures, max_shadow_failures, uint32_t)
APPLY_THRESHOLD(apply_max_lost, max_lost, max_lost, uint32_t)
APPLY_THRESHOLD(apply_max_different, max_different, max_different, uint32_t)
APPLY_THRESHOLD(apply_max_new_errors, max_new_errors, max_new_errors, uint32_t)
APPLY_THRESHOLD(apply_max_blind, max_blind, max_blind, uint32_t)
APPLY_THRESHOLD(apply_finding_latency_added, finding_latency_added, finding_latency_ms, uint32_t)
APPLY_THRESHOLD(apply_finding_latency_share, finding_latency_share, finding_latency_share, uint32_t)
APPLY_THRESHOLD(apply_max_latency_added, max_latency_added, max_latency_ms, uint32_t)
APPLY_THRESHOLD(apply_max_latency_share, max_latency_share, max_latency_share, uint32_t)

/* ------------------------------------------------------------------------------------------------------- finish */

static struct rule_texts joined(struct arena *arena, struct rule_texts texts, const struct schema_list *more)
{
    struct str *list = arena_alloc(arena, (texts.count + more->count) * sizeof(*list));
    for (size_t i = 0; i < texts.count; i++)
        list[i] = texts.list[i];
    for (size_t i = 0; i < more->count; i++)
        list[texts.count + i] = *SCHEMA_ITEM(*more, struct str, i);
    return (struct rule_texts){list, texts.count + more->count};
}

void comparison_finish(struct policy_outcome *outcome)
{
    static const size_t lists[] = {
        [REDACT_HEADER] = offsetof(struct rule_comparison, redacted_headers),
        [REDACT_COOKIE] = offsetof(struct rule_comparison, redacted_cookies),
        [REDACT_QUERY] = offsetof(struct rule_comparison, redacted_query),
    };
    for (size_t kind = 0; kind <= REDACT_QUERY; kind++) {
        const struct schema_list *names = outcome->redacted[kind];
        if (!names || names->count == 0)
            continue;
        struct rule_texts *texts = (struct rule_texts *)((char *)own(outcome) + lists[kind]);
        *texts = joined(outcome->arena, *texts, names);
    }
    outcome->mirror->comparison = outcome->comparison ? outcome->comparison : outcome->plain;
}
