/* SPDX-License-Identifier: Apache-2.0 */
#include "status/flow.h"

#define NAMES_SHOWN 3

static const struct flow_words {
    const char *reason;
    enum outcome_state state;
    const char *words; /* before the names of the mirrors; NULL: names say nothing */
} flow_words[] = {
    [FLOW_UNKNOWN] = {"Unknown", OUTCOME_UNKNOWN, NULL},
    [FLOW_NO_TRAFFIC] = {"NoTraffic", OUTCOME_UNKNOWN, NULL},
    [FLOW_FLOWING] = {"Flowing", OUTCOME_TRUE, NULL},
    [FLOW_SUSPENDED] = {"Suspended", OUTCOME_FALSE, NULL},
    [FLOW_NO_ENDPOINTS] = {"NoEndpoints", OUTCOME_FALSE, "no endpoint is ready of "},
    [FLOW_BREAKER_OPEN] = {"BreakerOpen", OUTCOME_FALSE, "the shadow fails, so nothing but a probe is sent to "},
};

/* Later ones outweigh earlier ones. */
static const enum status_flow weights[] = {FLOW_UNKNOWN, FLOW_SUSPENDED,    FLOW_NO_TRAFFIC,
                                           FLOW_FLOWING, FLOW_NO_ENDPOINTS, FLOW_BREAKER_OPEN};

static size_t weight_of(enum status_flow flow)
{
    size_t weight = 0;
    while (weights[weight] != flow)
        weight++;
    return weight;
}

static enum status_flow flow_of(const struct outcome_mirror *mirror, enum status_flow seen)
{
    if (mirror->is_suspended)
        return FLOW_SUSPENDED;
    return mirror->has_hosts ? seen : FLOW_NO_ENDPOINTS;
}

enum status_flow flow_sum(const struct outcome *policy, const enum status_flow *flow)
{
    size_t worst = 0;
    for (size_t i = 0; i < policy->mirror_count; i++) {
        size_t weight = weight_of(flow_of(&policy->mirrors[i], flow[i]));
        worst = weight > worst ? weight : worst;
    }
    return weights[worst];
}

static void add_names(const struct outcome *policy, const enum status_flow *flow, enum status_flow sum,
                      struct strbuf *text)
{
    size_t count = 0;
    for (size_t i = 0; i < policy->mirror_count; i++) {
        const struct outcome_mirror *mirror = &policy->mirrors[i];
        if (flow_of(mirror, flow[i]) == sum && count++ < NAMES_SHOWN)
            strbuf_printf(text, "%s%.*s (route %.*s)", count > 1 ? ", " : "", STR_ARG(mirror->mirror),
                          STR_ARG(mirror->route));
    }
    if (count > NAMES_SHOWN)
        strbuf_printf(text, " and %zu more", count - NAMES_SHOWN);
}

bool flow_condition(const struct outcome *policy, const enum status_flow *flow, struct strbuf *text,
                    struct outcome_condition *condition)
{
    enum status_flow sum = flow_sum(policy, flow);
    const struct flow_words *words = &flow_words[sum];
    *condition = (struct outcome_condition){
        .type = CONDITION_COPIES_FLOW, .reason = words->reason, .state = words->state, .message = STR("")};
    strbuf_clear(text);
    if (policy->mirror_count == 0) {
        condition->reason = "NoMirror";
        condition->message = STR("no mirror that is in force is one of this policy's");
        return true;
    }
    if (sum == FLOW_UNKNOWN)
        return false;
    if (words->words) {
        strbuf_add(text, str_from_c(words->words));
        add_names(policy, flow, sum, text);
        condition->message = strbuf_str(text);
    }
    return true;
}
