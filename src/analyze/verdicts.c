/* SPDX-License-Identifier: Apache-2.0 */
#include "analyze/verdicts.h"

#include "analyze/spent.h"

void verdicts_init(struct verdicts *verdicts, struct groups *groups, struct findings *findings)
{
    *verdicts = (struct verdicts){
        .groups = groups, .findings = findings, .allowance_ns = VERDICTS_BURST_NS, .spent_ns = spent_ns()};
}

static void tell(struct findings *findings, const struct verdict *verdict, uint64_t wall_ns)
{
    struct strbuf text = STRBUF_INIT;
    strbuf_add(&text, STR("{\"route\":"));
    strbuf_add_json(&text, verdict->key.route);
    strbuf_add(&text, STR(",\"mirror\":"));
    strbuf_add_json(&text, verdict->key.mirror);
    strbuf_printf(&text, ",\"verdict\":\"%s\",\"reasons\":[", verdict_name(verdict->kind));
    for (size_t i = 0; i < verdict->reason_count; i++) {
        if (i > 0)
            strbuf_add_char(&text, ',');
        strbuf_add_json(&text, verdict->reasons[i]);
    }
    strbuf_add(&text, STR("]}"));
    events_add(findings->events, "verdict", strbuf_str(&text), wall_ns);
    strbuf_deinit(&text);
}

static void judge_group(struct verdicts *verdicts, struct group *group, uint64_t now_ns, uint64_t wall_ns)
{
    bool had_verdict = group->has_verdict;
    enum verdict_kind before = group->verdict.kind;
    if (had_verdict)
        verdict_deinit(&group->verdict);
    judge(group_tally(verdicts->groups, group), &group->verdict);
    const struct verdict *verdict = &group->verdict;
    group_judged(group, (verdict->pairs + verdict->shadow_failed + verdict->lost) / VERDICTS_GROWTH);
    group->has_verdict = true;
    group->judged_ns = now_ns;
    for (size_t i = 0; i < verdict->finding_count; i++)
        findings_note(verdicts->findings, &group->verdict.findings[i], wall_ns);
    bool is_told = had_verdict ? before != verdict->kind : verdict->kind != VERDICT_INSUFFICIENT;
    if (is_told)
        tell(verdicts->findings, verdict, wall_ns);
}

static void accrue(struct verdicts *verdicts, bool is_busy, uint64_t now_ns, uint64_t spent)
{
    uint64_t passed = is_busy ? spent - verdicts->spent_ns : now_ns - verdicts->now_ns;
    verdicts->allowance_ns += passed / VERDICTS_SHARE;
    if (verdicts->allowance_ns > VERDICTS_BURST_NS)
        verdicts->allowance_ns = VERDICTS_BURST_NS;
    verdicts->now_ns = now_ns;
}

/* False: the allowance is used up. */
static bool judge_within(struct verdicts *verdicts, struct group *group, uint64_t now_ns, uint64_t wall_ns)
{
    judge_group(verdicts, group, now_ns, wall_ns);
    uint64_t spent = spent_ns(), took = spent - verdicts->spent_ns;
    verdicts->spent_ns = spent;
    verdicts->allowance_ns -= took < verdicts->allowance_ns ? took : verdicts->allowance_ns;
    return verdicts->allowance_ns > 0;
}

/* Lists are in the order in which groups became due, or changed: those that had to wait come first the next time. */
void verdicts_tick(struct verdicts *verdicts, bool is_busy, uint64_t now_ns, uint64_t wall_ns)
{
    uint64_t spent = spent_ns();
    accrue(verdicts, is_busy, now_ns, spent);
    verdicts->spent_ns = spent;
    struct list *due = &verdicts->groups->due, *changed = &verdicts->groups->changed;
    bool has_time = verdicts->allowance_ns > 0;
    for (struct list *node = due->next, *next; node != due && has_time; node = next) {
        struct group *group = CONTAINER_OF(node, struct group, changed);
        next = node->next;
        if (!group->has_verdict || now_ns - group->judged_ns >= VERDICTS_PAUSE_NS)
            has_time = judge_within(verdicts, group, now_ns, wall_ns);
    }
    while (has_time && !list_is_empty(changed)) {
        struct group *group = CONTAINER_OF(changed->next, struct group, changed);
        if (now_ns - group->changed_ns < VERDICTS_LATE_NS)
            break;
        has_time = judge_within(verdicts, group, now_ns, wall_ns);
    }
    findings_save(verdicts->findings);
    verdicts->spent_ns = spent_ns();
}

static void renew(struct verdicts *verdicts, struct list *list, uint64_t until_ns, uint64_t now_ns, uint64_t wall_ns)
{
    while (!list_is_empty(list) && spent_ns() < until_ns)
        judge_group(verdicts, CONTAINER_OF(list->next, struct group, changed), now_ns, wall_ns);
}

void verdicts_renew(struct verdicts *verdicts, uint64_t now_ns, uint64_t wall_ns)
{
    uint64_t until_ns = spent_ns() + VERDICTS_QUESTION_NS;
    renew(verdicts, &verdicts->groups->due, until_ns, now_ns, wall_ns);
    renew(verdicts, &verdicts->groups->changed, until_ns, now_ns, wall_ns);
    findings_save(verdicts->findings);
}

const struct verdict *verdicts_get(struct verdicts *verdicts, struct group *group, uint64_t now_ns, uint64_t wall_ns)
{
    if (!group->has_verdict || list_is_linked(&group->changed))
        judge_group(verdicts, group, now_ns, wall_ns);
    return &group->verdict;
}
