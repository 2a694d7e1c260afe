/* SPDX-License-Identifier: Apache-2.0 */
/* How many copies a mirror was to get, and how many of them Umbra lost: from the registry's counters since the group began, since a copy that
 * was never made leaves no record. Drops for want of an endpoint and by the breaker are the shadow's fault, and count as copies that it failed;
 * those by client_abort are the client's, and count as nothing. Records that were lost on their way here, of which nobody knows whose they were, are shared out by how
 * many copies the mirrors had meanwhile. Lifetime: a value. Thread: the analyst's. */
#pragma once

#include "registry/registry.h"

struct groups;
struct group;

/* Of the last half minute or so: each second a thirtieth is forgotten. */
struct delivery_recent {
    double attempted, kept_away,
        overflowed; /* overflowed: as many were in flight as may be, or the wait was too long */
};

struct delivered {
    uint64_t attempted, lost;
    uint64_t by_breaker, without_endpoint; /* kept away from a shadow that could not answer; among attempted */
    uint64_t overflowed;
};

struct delivery {
    struct registry_mirror *entry; /* NULL: the mirror has counted nothing yet */
    struct delivered added;        /* of its counters that were added already */
    struct delivery_recent recent;
    uint64_t fresh; /* attempted since the last tick */
    double owed;    /* of copies without a record: the part of a copy that was not counted yet */
};

struct deliveries {
    struct registry *registry; /* NULL: not known; then legs say what was attempted */
    size_t next;               /* entry of the registry that was not looked at yet */
    uint64_t unrecorded;       /* copies without a record, of the registry, that were shared out already */
    uint64_t own_lost;         /* legs that were refused here since the last tick */
    bool is_first;             /* what was counted before the first look is to be judged */
};

void deliveries_init(struct deliveries *deliveries, struct registry *registry);
/* Once, before the first look: analyze_begin. */
void deliveries_begin(struct deliveries *deliveries, bool is_first, uint64_t lost_legs);
/* What the mirror counted until now is not this group's. */
void delivery_begin(struct delivery *delivery);
/* After groups came: what their mirrors counted until now is not theirs. */
void deliveries_look(struct deliveries *deliveries, struct groups *groups);
/* Adds what came since the last tick to the tallies; once a second. */
void deliveries_tick(struct deliveries *deliveries, struct groups *groups);
