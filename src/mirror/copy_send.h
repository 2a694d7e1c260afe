/* SPDX-License-Identifier: Apache-2.0 */
/* The way of a copy to its shadow, from the wait for a connection to the last byte of the request. What waits is charged to the budget.
 * Internal to src/mirror. Lifetime: the copy's. Thread: the worker's. */
#pragma once

#include "mirror/copy.h"

/* Charges the copy and its head; false: refused, nothing was charged. */
bool copy_take_memory(struct copy *copy) __attribute__((warn_unused_result));
/* Asks its target for a connection. */
void copy_open(struct copy *copy);
/* For another one, to send all of it once more. */
void copy_open_again(struct copy *copy);
/* What there is and the stream takes; the copy may be over after. */
void copy_send(struct copy *copy);
/* Before the stream goes: its connection will carry others. */
void copy_narrow(struct copy *copy);
