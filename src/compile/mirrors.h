/* SPDX-License-Identifier: Apache-2.0 */
/* RequestMirror filters of a rule and of its backendRefs as mirrors, and the warnings that belong to them.
 * Lifetime: the compiler's arena; a mirror_maker is reused from rule to rule. Thread: control's. */
#pragma once

#include "compile/policies.h"

/* The rule whose mirrors are made. */
struct mirror_maker {
    struct compiler *compiler;
    const struct aged *route;
    const struct schema_list *rule_filters; /* where the mirrors of the rule itself stand */
    bool takes_writes;                      /* the rule takes requests that do more than read */
    const struct policy_set *policies;
    const struct rule_weighted *live; /* its backends */
    size_t live_count;
    bool is_redirect; /* the rule answers itself */
    bool is_held;     /* the route's mirrors are suspended (held.h) */
    /* Those made so far, for labels and warnings. */
    struct made_mirror {
        size_t backend;
        const struct schema_list *filters; /* where it stands; NULL: a control */
    } * made;
    size_t made_count, made_capacity;
    size_t copying; /* of them, those that are not suspended */
};
void mirror_maker_deinit(struct mirror_maker *maker);

/* Whether a request that does more than read may match. */
bool mirrors_take_writes(const struct http_route_rule *rule);

/* A mirror that is asked for. */
struct mirror_wish {
    const struct node *node; /* where */
    struct reference shadow;
    uint32_t numerator, denominator; /* its share of copies; 0 of 0: all */
};

/* Those of the rule itself that are asked for otherwise than by filters: see mirrors_make(). */
struct rule_mirror *mirrors_make_wished(struct mirror_maker *maker, const struct mirror_wish *wishes, size_t wish_count,
                                        size_t *count);

/* The mirrors of one list of filters; `owner` is the backendRef that has them, or NULL: the rule. Call for the rule
 * first. What can't be resolved is said and left out. The control of a mirror stands directly behind it. */
struct rule_mirror *mirrors_make(struct mirror_maker *maker, const struct schema_list *filters,
                                 const struct rule_weighted *owner, size_t *count);
