/* SPDX-License-Identifier: Apache-2.0 */
/* Tallies on their way to the store and back: what a group counted since it was saved last becomes a slot of time. What the store can't
 * take stays in the tally and is tried again. Lifetime: none. Thread: the analyst's; calls may take as long as the disk does. */
#pragma once

#include "base/str.h"

struct groups;
struct group;
struct tally;

/* Writes the news of all groups that have some. True: all of it is in the database. */
bool slots_save(struct groups *groups, uint64_t wall_ns);
/* Adds what the store has of the group's revisions since then. */
void slots_load(struct groups *groups, const struct group *group, struct tally *tally, uint64_t since_ns);
/* Old slots become coarser ones; once a minute. */
void slots_roll_up(struct groups *groups, uint64_t wall_ns);
