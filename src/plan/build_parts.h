/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of plan_build. Internal to src/plan. Lifetime: a call. Thread: control's. */
#pragma once

#include "plan/build.h"
#include "plan/draft.h"

/* build_route.c: what routes say but for their matches; index i of rules.routes becomes index i of the plan's. */
bool build_check_route(const struct rule_set *rules, const struct rule_route *route, struct err *err)
    __attribute__((warn_unused_result));
void build_route(struct draft *draft, const struct rule_route *route);

/* build_backend.c */
bool build_check_backend(const struct rule_backend *rule, struct err *err) __attribute__((warn_unused_result));
void build_backend(struct draft *draft, const struct rule_backend *rule);
struct plan_range build_texts(struct draft *draft, struct rule_texts texts);

/* build_mirror.c: one copy's target; `route` is its index in the plan. */
bool build_check_mirror(const struct rule_set *rules, const struct rule_mirror *mirror, struct err *err)
    __attribute__((warn_unused_result));
void build_mirror(struct draft *draft, uint32_t route, const struct rule_mirror *mirror);
struct plan_range build_edits(struct draft *draft, const struct rule_edit *edits, size_t count);
