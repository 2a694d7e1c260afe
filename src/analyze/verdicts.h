/* SPDX-License-Identifier: Apache-2.0 */
/* When groups are judged. Judging costs as much as comparing many pairs, so it is not done with every pair and not for every group at a time:
 * one is due when it has grown by a share of what it had, which makes its judgements as few as its doublings, and some seconds after it changed at the
 * latest; all of it within a share of the time. Who asks gets the verdict as of now. A verdict that becomes another is an event.
 * Lifetime: a value. Thread: the analyst's. */
#pragma once

#include "analyze/findings.h"

/* A group is due when it has so large a part more than when it was judged: pairs, and copies that failed or were lost. */
#define VERDICTS_GROWTH 4
/* At most so often, but when somebody asks. */
#define VERDICTS_PAUSE_NS 1000000000ull
/* And so long after it changed, even if little came. */
#define VERDICTS_LATE_NS (5 * 1000000000ull)
/* Of the analyst's CPU time while records come, else of all time, one part; and so much at once. */
#define VERDICTS_SHARE 20
#define VERDICTS_BURST_NS 50000000ull
/* For one question. */
#define VERDICTS_QUESTION_NS 200000000ull

struct verdicts {
    struct groups *groups;
    struct findings *findings;
    uint64_t allowance_ns;     /* of CPU time */
    uint64_t now_ns, spent_ns; /* of the last tick: its time, and the CPU time until then */
};

void verdicts_init(struct verdicts *verdicts, struct groups *groups, struct findings *findings);
/* Judges what is due. `is_busy`: records came since the last tick. */
void verdicts_tick(struct verdicts *verdicts, bool is_busy, uint64_t now_ns, uint64_t wall_ns);
/* Judges all that has changed, as far as VERDICTS_QUESTION_NS goes: somebody looks at many. */
void verdicts_renew(struct verdicts *verdicts, uint64_t now_ns, uint64_t wall_ns);
/* The group's verdict as of now; borrowed until it is judged again. */
const struct verdict *verdicts_get(struct verdicts *verdicts, struct group *group, uint64_t now_ns, uint64_t wall_ns);
