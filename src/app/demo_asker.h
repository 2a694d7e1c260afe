/* SPDX-License-Identifier: Apache-2.0 */
/* Asks the demo's gateway for its judgement, once a second, in a process of its own, so that no page waits for it.
 * Lifetime: the process; the answers are the demo's, asker_answers_new to its end. Thread: main of a demo child; asker_take: the demo's
 * main. */
#pragma once

#include "app/demo_judgement.h"
#include "app/options.h"

#define ASKER_EACH_MS 1000
#define ASKER_NOW 'a' /* the word on the channel after which it asks at once */

struct asker_answers;
struct asker_spec {
    struct client_options admin;
    char labels[DEMO_SHADOWS][ADDRESS_TEXT]; /* of the mirrors */
    struct asker_answers *answers;
};

/* Zeroed memory that children share, NULL with errno. */
struct asker_answers *asker_answers_new(void);
void asker_answers_free(struct asker_answers *answers);
/* The last answer; zeroes before the first. */
void asker_take(const struct asker_answers *answers, struct demo_judgement *judgement);

/* `spec` points at a struct asker_spec. Ends when the channel closes. */
int demo_asker_run(const void *spec);
