/* SPDX-License-Identifier: Apache-2.0 */
/* The shadow's answer: read as far as live's CPU allows, and thrown away. Internal to src/mirror.
 * Lifetime: the copy's. Thread: the worker's. */
#pragma once

#include "mirror/copy.h"

/* So much of one answer is read at once. */
#define COPY_ANSWER_CREDIT (64 * 1024)

/* Of the copy's stream. */
extern const struct stream_handler copy_answer_handler;

/* Opens the credit for more of the answer, now or in one of the next turns. */
void copy_read_answer(struct copy *copy);
/* The timer mirror->pace: the next of the copies in mirror->paced reads on. */
void copy_pace(struct timer *timer);
