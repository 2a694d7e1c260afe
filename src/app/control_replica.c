/* SPDX-License-Identifier: Apache-2.0 */
/* What replicas of a cluster have in common: one holds the Lease and writes what must be written once; all sign copies with the key that it
 * made. Both are in the namespace that Umbra runs in. */
#include "app/control_state.h"
#include "base/log.h"
#include "base/random.h"
#include "kube/events.h"
#include "kube/lease.h"
#include "kube/marker_secret.h"
#include "kube/write.h"
#include "plan/credentials.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LEASE_NAME "umbra-gateway-controller"
#define MARKER_NAME "umbra-marker-key"

/* Not the same after a restart: what the one before promised is over. */
static void make_identity(struct cluster_rules *rules)
{
    char host[256] = "umbra";
    struct random random;
    random_init(&random);
    const char *pod = getenv("POD_NAME");
    if (!pod || !pod[0]) {
        (void)gethostname(host, sizeof(host) - 1);
        pod = host;
    }
    snprintf(rules->identity, sizeof(rules->identity), "%.250s_%08x", pod, (unsigned)random_next(&random));
}

static void on_lead(void *user, bool is_leader)
{
    struct control *control = user;
    log_info(is_leader ? "this replica writes status from now on: it holds the Lease"
                       : "this replica writes no status any more");
    if (control->cluster_rules.marker)
        marker_secret_lead(control->cluster_rules.marker, is_leader);
    if (!is_leader) {
        kube_writer_clear(control->cluster_rules.writer);
        cluster_report_forget(control);
    }
    cluster_report(control);
}

/* ---- the key ---- */

static void on_key(void *user)
{
    cluster_rules_again(user);
}

static bool find_key(const struct control *control, struct str label, unsigned char key[MARKER_HASH_BYTES])
{
    struct credential found;
    bool is_found = control->credentials && credentials_find(control->credentials, label, CREDENTIAL_MARKER, &found) &&
                    found.chain.len == MARKER_HASH_BYTES;
    if (is_found)
        memcpy(key, found.chain.ptr, MARKER_HASH_BYTES);
    return is_found;
}

const struct marker_keys *replica_keys(const struct control *control)
{
    const struct marker_secret *marker = control->cluster_rules.marker;
    return marker ? marker_secret_keys(marker) : NULL;
}

/* ---- life ---- */

void replica_start(struct control *control, struct str ns)
{
    struct cluster_rules *rules = &control->cluster_rules;
    const struct settings *settings = &control->settings;
    char name[sizeof(LEASE_NAME) + 1 + SETTINGS_NAME];
    make_identity(rules);
    rules->writer = kube_writer_new(rules->client);
    rules->events = kube_events_new(rules->writer, rules->identity);
    cluster_report_start(control);
    snprintf(name, sizeof(name), LEASE_NAME "%s%s", settings->gateway_class[0] ? "-" : "", settings->gateway_class);
    if (!settings->has_marker_key_file) {
        struct marker_secret_options options = {
            .loop = control->loop,
            .client = rules->client,
            .ns = ns,
            .name = STR(MARKER_NAME),
            .on_change = on_key,
            .user = control,
        };
        options.in_force.has_own = find_key(control, STR(CREDENTIALS_MARKER), options.in_force.own);
        options.in_force.has_other = find_key(control, STR(CREDENTIALS_OTHER_MARKER), options.in_force.other);
        rules->marker = marker_secret_new(&options);
        explicit_bzero(&options.in_force, sizeof(options.in_force));
    }
    rules->lease = kube_lease_new(&(struct kube_lease_options){
        .loop = control->loop,
        .client = rules->client,
        .ns = ns,
        .name = str_from_c(name),
        .identity = str_from_c(rules->identity),
        .on_change = on_lead,
        .user = control,
    });
}

void replica_drain(struct control *control)
{
    if (control->cluster_rules.lease)
        kube_lease_release(control->cluster_rules.lease);
}

void replica_stop(struct control *control)
{
    struct cluster_rules *rules = &control->cluster_rules;
    kube_lease_free(rules->lease);
    rules->lease = NULL;
    if (rules->writer)
        kube_writer_free(rules->writer);
    kube_events_free(rules->events);
    cluster_report_stop(control);
    marker_secret_free(rules->marker);
}

const char *replica_problem(const struct control *control)
{
    const struct cluster_rules *rules = &control->cluster_rules;
    const char *problem = rules->marker ? marker_secret_problem(rules->marker) : NULL;
    return problem || !rules->lease ? problem : kube_lease_problem(rules->lease);
}
