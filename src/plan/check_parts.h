/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of plan_check, to be called when the arrays lie inside the block. Internal to src/plan. Thread: any. */
#pragma once

#include "base/err.h"
#include "plan/layout.h"

/* check_backend.c: backends and TLS to them. */
bool check_backends(const struct plan *plan, struct err *err) __attribute__((warn_unused_result));
/* check_route.c: routes, their backends and what is done to requests. */
bool check_routes(const struct plan *plan, struct err *err) __attribute__((warn_unused_result));
/* check_mirror.c */
bool check_mirrors(const struct plan *plan, struct err *err) __attribute__((warn_unused_result));
/* check_comparison.c: how answers are compared; and that each control stands behind its mirror, after the mirrors and routes. */
bool check_comparisons(const struct plan *plan, struct err *err) __attribute__((warn_unused_result));
bool check_controls(const struct plan *plan, struct err *err) __attribute__((warn_unused_result));
/* check_match.c: hosts, paths, groups, matches and their tables. */
bool check_matching(const struct plan *plan, struct err *err) __attribute__((warn_unused_result));
