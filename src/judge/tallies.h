/* SPDX-License-Identifier: Apache-2.0 */
/* Tallies of several gateways, added up by key. Lifetime: tallies_deinit. Thread: one. */
#pragma once

#include "judge/tally.h"

/* Keys at once. */
#define TALLIES 4096

struct tallies {
    struct tally **list;
    size_t count;
};

/* Takes the tally. */
bool tallies_add(struct tallies *tallies, struct tally *tally, struct err *err) __attribute__((warn_unused_result));
/* Adds those of {"tallies": [...]}, the answer of GET /api/tallies: hostile input. False: with what is wrong; what stood before the wrong one is added. */
bool tallies_read(struct tallies *tallies, struct str json, struct err *err) __attribute__((warn_unused_result));
/* Sorted by route and mirror; of several revisions only the one that was seen last stays. */
void tallies_keep_current(struct tallies *tallies);
void tallies_deinit(struct tallies *tallies);
