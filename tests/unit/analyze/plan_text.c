/* SPDX-License-Identifier: Apache-2.0 */
#include "plan_text.h"

#include "base/assert.h"

#define OFFSET(member) ((uint32_t)offsetof(struct plan_text, member))

static struct plan_str put(struct plan_text *text, const char *words)
{
    size_t len = strlen(words);
    ASSERT(text->used + len <= sizeof(text->strings));
    memcpy(text->strings + text->used, words, len);
    struct plan_str str = {OFFSET(strings) + text->used, (uint32_t)len};
    text->used += (uint32_t)len;
    return str;
}

struct plan_range plan_text_list(struct plan_text *text, const char *word)
{
    struct plan_range range = {text->plan.texts.count, 1};
    text->texts[text->plan.texts.count++] = put(text, word);
    return range;
}

static uint32_t add_backend(struct plan_text *text, const char *label, const char *revision)
{
    text->backends[text->plan.backends.count] = (struct plan_backend){put(text, label), 0, PLAN_NONE,
                                                                      put(text, revision)};
    return text->plan.backends.count++;
}

static void add_mirror(struct plan_text *text, const struct plan_text_mirror *from, bool is_control)
{
    struct plan_mirror *mirror = &text->mirrors[text->plan.mirrors.count++];
    *mirror = (struct plan_mirror){.label = put(text, is_control ? "control" : from->label),
                                   .backend = add_backend(text, from->label, from->revision),
                                   .is_control = is_control,
                                   .comparison = from->is_compared ? 0 : PLAN_NONE};
}

void plan_text_init(struct plan_text *text, const char *route, const char *const *live_revisions,
                    const struct plan_text_mirror *mirrors)
{
    memset(text, 0, sizeof(*text));
    text->plan.routes = (struct plan_array){OFFSET(route), 1};
    text->plan.weighted.off = OFFSET(weighted);
    text->plan.backends.off = OFFSET(backends);
    text->plan.mirrors.off = OFFSET(mirrors);
    text->plan.texts.off = OFFSET(texts);
    text->plan.comparisons = (struct plan_array){OFFSET(comparison), 1};
    text->comparison = (struct plan_comparison){.samples = KEEP_FULL,
                                                .body_bytes = 262144,
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
                                                .max_latency_share = 250000};
    text->route.label = put(text, route);
    for (size_t i = 0; live_revisions[i]; i++) {
        text->weighted[i] = (struct plan_weighted){.backend = add_backend(text, "live", live_revisions[i]),
                                                   .weight = 1};
        text->plan.weighted.count++;
    }
    text->route.backends = (struct plan_range){0, text->plan.weighted.count};
    for (size_t i = 0; mirrors[i].label; i++) {
        struct plan_range range = {text->plan.mirrors.count, 1u + mirrors[i].has_control};
        add_mirror(text, &mirrors[i], false);
        if (mirrors[i].has_control)
            add_mirror(text, &mirrors[i], true);
        if (mirrors[i].of_backend >= 0)
            text->weighted[mirrors[i].of_backend].mirrors = range;
        else
            text->route.mirrors.count += range.count;
    }
}
