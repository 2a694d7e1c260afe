/* SPDX-License-Identifier: Apache-2.0 */
/* Which of several replicas writes: the one that holds a Lease (coordination.k8s.io/v1). Others watch it, and take it when its holder has not
 * renewed it for the time that it promised, measured by their own clock from when they saw it renewed; clocks need not agree. A holder that can't
 * renew stops to be one before others may begin. Steady state: one write each LEASE_RENEW_MS of the holder's.
 * Lifetime: kube_lease_new to kube_lease_free. Thread: the loop's. */
#pragma once

#include "base/err.h"
#include "base/str.h"

struct loop;
struct kube_client;
struct kube_lease;

#define LEASE_SECONDS 10 /* promised by the holder: 20 s hold for all of losing, noticing and taking over */
#define LEASE_RENEW_MS 3000
#define LEASE_GIVE_UP_MS 8000 /* without a renewal: no holder any more */

struct kube_lease_options {
    struct loop *loop;
    struct kube_client *client; /* borrowed */
    struct str ns, name;        /* copied, as all of these */
    struct str identity;        /* of this replica, and of no other: "umbra-5d9c7-abcde_1f2e3d4c" */
    void (*on_change)(void *user, bool is_holder);
    void *user;
};

struct kube_lease *kube_lease_new(const struct kube_lease_options *options);
/* Lets go of it for good, so that another one need not wait. The request is sent as long as the loop goes on. */
void kube_lease_release(struct kube_lease *lease);
void kube_lease_free(struct kube_lease *lease);
bool kube_lease_is_holder(const struct kube_lease *lease);
/* Who holds it, as far as is known; empty: nobody. Borrowed until the loop goes on. */
struct str kube_lease_holder(const struct kube_lease *lease);
/* Why this replica can neither hold it nor see who does (a missing right), a sentence; NULL. Borrowed until the loop goes on. */
const char *kube_lease_problem(const struct kube_lease *lease);
