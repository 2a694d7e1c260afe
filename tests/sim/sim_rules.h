/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of a play, compiled as control does.
 * Lifetime: descriptors are the caller's. Thread: any. */
#pragma once

#include "base/address.h"

struct sim_rules;

/* Sealed memory files. */
void sim_rules_build(const struct sim_rules *rules, int *plan_fd, int *endpoints_fd);
struct address sim_live_address(unsigned endpoint);
struct address sim_shadow_address(unsigned mirror, unsigned endpoint);
/* "shadow-3:80"; out has 32 bytes. */
struct str sim_mirror_label(char *out, unsigned mirror);
#define SIM_ROUTE "default/play#0"
