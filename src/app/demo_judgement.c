/* SPDX-License-Identifier: Apache-2.0 */
#include "app/demo_judgement.h"

#include "judge/tallies.h"

/* Cut at a character's beginning. */
static void keep(char *out, struct str text)
{
    size_t len = text.len < DEMO_SENTENCE - 1 ? text.len : DEMO_SENTENCE - 1;
    while (len < text.len && len > 0 && ((unsigned char)text.ptr[len] & 0xc0) == 0x80)
        len--;
    memcpy(out, text.ptr, len);
    out[len] = '\0';
}

/* Findings come with the weightiest first. */
static void keep_found(struct demo_judged *judged, const struct verdict *verdict)
{
    for (size_t i = 0; i < SHOP_FAULTS; i++) {
        struct str endpoint = str_from_c(shop_planted_faults[i].endpoint);
        for (size_t f = 0; f < verdict->finding_count && !judged->found[i][0]; f++) {
            const struct finding *finding = &verdict->findings[f];
            if (finding->severity == SEVERITY_OF_FAILURE && str_eq(finding->endpoint, endpoint))
                keep(judged->found[i], finding->summary);
        }
    }
}

static void judge_one(struct demo_judged *judged, struct tally *tally)
{
    struct verdict verdict;
    judge(tally, &verdict);
    judged->is_there = true;
    judged->kind = verdict.kind;
    judged->pairs = verdict.pairs;
    judged->attempted = verdict.attempted;
    judged->failed = verdict.shadow_failed;
    judged->reason_count = verdict.reason_count < DEMO_REASONS ? verdict.reason_count : DEMO_REASONS;
    for (size_t i = 0; i < judged->reason_count; i++)
        keep(judged->reasons[i], verdict.reasons[i]);
    keep_found(judged, &verdict);
    verdict_deinit(&verdict);
}

bool demo_judgement_read(struct demo_judgement *judgement, struct str json, const char labels[][ADDRESS_TEXT],
                         struct err *err)
{
    struct tallies tallies = {0};
    memset(judgement->shadows, 0, sizeof(judgement->shadows));
    bool is_read = tallies_read(&tallies, json, err);
    tallies_keep_current(&tallies);
    for (size_t i = 0; is_read && i < tallies.count; i++) {
        for (size_t s = 0; s < DEMO_SHADOWS; s++) {
            if (str_eq(tally_key(tallies.list[i]).mirror, str_from_c(labels[s])))
                judge_one(&judgement->shadows[s], tallies.list[i]);
        }
    }
    tallies_deinit(&tallies);
    return is_read;
}

bool demo_judged_is_settled(const struct demo_judged *judged)
{
    return judged->is_there && judged->kind != VERDICT_INSUFFICIENT;
}

bool demo_judgement_is_whole(const struct demo_judgement *judgement)
{
    bool is_whole = true;
    for (size_t i = 0; i < DEMO_SHADOWS; i++)
        is_whole &= demo_judged_is_settled(&judgement->shadows[i]);
    for (size_t i = 0; i < SHOP_FAULTS; i++)
        is_whole &= judgement->shadows[0].found[i][0] != '\0';
    return is_whole;
}
