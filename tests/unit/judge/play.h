/* SPDX-License-Identifier: Apache-2.0 */
/* A service that is asked twice or three times, as numbers: what the tests of judging feed a tally with.
 * Lifetime: values. Thread: one. */
#pragma once

#include "base/random.h"
#include "judge/verdict.h"

/* The same sequence for the same seed. */
void play_seed(struct random *random, uint64_t seed);
double play_uniform(struct random *random);
bool play_chance(struct random *random, double chance);
/* Milliseconds: lognormal around `middle` with a long tail. */
double play_latency(struct random *random, double middle);

#define PLAY_FIELDS 8
struct play {
    struct pair_seen pair;
    struct field_seen fields[PLAY_FIELDS];
};
/* A pair of equal answers 200 of GET /items/{id}, at the next second. */
void play_pair(struct play *play, bool has_control);
/* The shadow and control differ in it, or one of both. */
void play_differ(struct play *play, const char *field, bool is_in_shadow, bool is_in_control);
void play_example(struct play *play, const char *live, const char *shadow);

struct tally *play_tally(void);
/* Says whether some reason has all of this text. */
bool play_says(const struct verdict *verdict, const char *text);
/* Judges and lets go. */
enum verdict_kind play_verdict(struct tally *tally);
