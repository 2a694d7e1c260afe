/* SPDX-License-Identifier: Apache-2.0 */
/* From the legs of a pair to what the tally counts: the answers are compared, and what differs between live and shadow is joined with what
 * differs between live and control. All comparing goes through one comparer.
 * Lifetime: observer_new to observer_free; what is observed is valid until the next time. Thread: the analyst's. */
#pragma once

#include "analyze/legs.h"
#include "analyze/policies.h"
#include "judge/observation.h"

struct observer;

struct observer *observer_new(void);
void observer_free(struct observer *observer);

/* `control`: NULL when there is none. Shown values of fields are raw: observer_redact, or observer_hide, before they go anywhere. */
struct pair_seen *observer_look(struct observer *observer, const struct policy *policy, const struct leg *live,
                                const struct leg *shadow, const struct leg *control);
/* The fields of the pair that was looked at last, to be redacted or hidden. */
struct field_seen *observer_fields(struct observer *observer);
/* The field's shown values as the policy lets them be kept. */
void observer_redact(struct observer *observer, const struct policy *policy, struct field_seen *field);
void observer_hide(struct field_seen *field);

/* What the outcome of a leg says. */
struct leg_seen leg_seen_of(const struct leg *leg, bool is_call);
/* The request is a call of gRPC. */
bool leg_is_call(const struct leg *live);
/* Fields of a message; at most RECORD_MAX_FIELDS. */
uint16_t leg_fields(const struct record_message *message, struct field *fields);

struct comparer *observer_comparer(struct observer *observer);
