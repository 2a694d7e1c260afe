/* SPDX-License-Identifier: Apache-2.0 */
#include "compile/compile.h"

static void set(struct outcome_conditions *conditions, const char *type, enum outcome_state state, const char *reason,
                struct str message)
{
    for (size_t i = 0; i < conditions->count; i++) {
        if (str_eq(str_from_c(conditions->list[i].type), str_from_c(type)))
            conditions->list[i] = (struct outcome_condition){
                .type = type, .reason = reason, .state = state, .message = message};
    }
}

static bool is_true(const struct outcome_conditions *conditions, const char *type)
{
    const struct outcome_condition *condition = outcome_find(conditions, type);
    return condition && condition->state == OUTCOME_TRUE;
}

/* What the listeners make of the Gateway; what it lacks itself stays. */
static void judge_gateway(struct outcome *gateway, struct arena *arena)
{
    struct outcome_conditions *conditions = &gateway->conditions;
    size_t accepted = 0, programmed = 0;
    for (size_t i = 0; i < gateway->listener_count; i++) {
        accepted += is_true(&gateway->listeners[i].conditions, "Accepted");
        programmed += is_true(&gateway->listeners[i].conditions, "Programmed");
    }
    struct str words = arena_printf(arena, "%zu of %zu listeners are served", programmed, gateway->listener_count);
    if (is_true(conditions, "Accepted"))
        set(conditions, "Accepted", accepted > 0 ? OUTCOME_TRUE : OUTCOME_FALSE, "ListenersNotValid", words);
    if (is_true(conditions, "Programmed") && programmed == 0)
        set(conditions, "Programmed", OUTCOME_FALSE, "Invalid", words);
}

/* `unavailable` is that of the Gateway's first listener. */
static void change_gateway(struct outcome *gateway, const struct str *unavailable, struct arena *arena)
{
    struct outcome_listener *listeners = arena_alloc(arena, (gateway->listener_count + 1) * sizeof(*listeners));
    bool is_changed = false;
    for (size_t i = 0; i < gateway->listener_count; i++) {
        listeners[i] = gateway->listeners[i];
        if (unavailable[i].len == 0)
            continue;
        struct str why = arena_copy(arena, unavailable[i]);
        set(&listeners[i].conditions, "Accepted", OUTCOME_FALSE, "PortUnavailable", why);
        set(&listeners[i].conditions, "Programmed", OUTCOME_FALSE, "Invalid", why);
        is_changed = true;
    }
    gateway->listeners = listeners;
    if (is_changed)
        judge_gateway(gateway, arena);
}

struct outcomes outcomes_with_ports(const struct compiled *compiled, const struct str *unavailable, struct arena *arena)
{
    struct outcomes outcomes = compiled->outcomes;
    struct outcome *list = arena_alloc(arena, (outcomes.count + 1) * sizeof(*list));
    if (outcomes.count > 0)
        memcpy(list, outcomes.list, outcomes.count * sizeof(*list));
    for (size_t i = 0; i < outcomes.count; i++) {
        size_t first = 0;
        if (list[i].listener_count == 0)
            continue;
        while (first < compiled->listener_count && compiled->listeners[first].gateway != list[i].resource)
            first++;
        if (first + list[i].listener_count <= compiled->listener_count)
            change_gateway(&list[i], &unavailable[first], arena);
    }
    outcomes.list = list;
    return outcomes;
}
