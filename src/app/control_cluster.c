/* SPDX-License-Identifier: Apache-2.0 */
/* Where control's rules come from: a cluster. They are loaded when everything was read once, then as it changes: what comes in a moment is one
 * load, and a flood of changes leaves control as much time for other things as loading takes. While the server is away, what was read last
 * stays in force. */
#include "app/control_state.h"
#include "base/log.h"
#include "compile/compile.h"
#include "kube/bundle_version.h"
#include "kube/cluster.h"
#include "kube/config.h"
#include "manifest/manifests.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* Events of one change come together: a Service and its EndpointSlice, a rollout's endpoints. */
#define GATHER_MS 20
/* Between loads: as many times as long as the last one took, at most so long. */
#define PAUSE_LOADS 2
#define PAUSE_MAX_MS 1000

/* ---- loads ---- */

static uint64_t clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Secrets that the rules refer to are read before the rules count. */
static void load_cluster(struct control *control)
{
    struct cluster_rules *rules = &control->cluster_rules;
    if (!cluster_is_synced(rules->cluster) || (rules->version && !bundle_version_is_read(rules->version)))
        return;
    uint64_t begin_ns = clock_ns();
    struct manifests *manifests = manifests_new();
    rules->edition = cluster_edition(rules->cluster);
    cluster_read(rules->cluster, manifests);
    const char *problem = replica_problem(control);
    snprintf(rules->problem, sizeof(rules->problem), "%s", problem ? problem : "");
    if (problem)
        problems_add_place(&manifests->problems, SEVERITY_WARNING, STR_NONE, 0, 0, "%s", problem);
    struct load *load = rules_make(control, manifests);
    cluster_want(rules->cluster, load->compiled->wants, load->compiled->want_count);
    if (!cluster_is_synced(rules->cluster)) {
        load_free(load);
        return;
    }
    rules->is_loaded = true;
    rules_load(control, load);
    rules->loaded_ns = clock_ns();
    rules->load_ns = rules->loaded_ns - begin_ns;
}

static void on_later(struct timer *timer)
{
    struct control *control = CONTAINER_OF(timer, struct control, cluster_rules.later);
    if (!control->is_succeeded)
        load_cluster(control);
}

/* What the last load says of this replica is not so any more. */
static bool is_problem_news(const struct control *control)
{
    char now[sizeof(control->cluster_rules.problem)];
    const char *problem = replica_problem(control);
    snprintf(now, sizeof(now), "%s", problem ? problem : "");
    return strcmp(now, control->cluster_rules.problem) != 0;
}

void cluster_rules_check(struct control *control)
{
    if (control->cluster_rules.is_loaded && is_problem_news(control))
        cluster_rules_again(control);
}

void cluster_rules_again(struct control *control)
{
    struct cluster_rules *rules = &control->cluster_rules;
    uint64_t pause_ns = rules->load_ns * PAUSE_LOADS, due_ns = rules->loaded_ns + pause_ns, now_ns = clock_ns();
    uint64_t wait_ms = due_ns > now_ns ? (due_ns - now_ns) / 1000000 : 0;
    if (timer_is_armed(&rules->later))
        return;
    wait_ms = wait_ms > GATHER_MS ? wait_ms : GATHER_MS;
    timer_arm(control->loop, &rules->later, wait_ms < PAUSE_MAX_MS ? wait_ms : PAUSE_MAX_MS);
}

/* ---- the server ---- */

/* Said when it is news, and again when it is over. */
static void log_trouble(struct cluster_rules *rules)
{
    const char *trouble = cluster_trouble(rules->cluster);
    char now[sizeof(rules->trouble)];
    snprintf(now, sizeof(now), "%s", trouble ? trouble : "");
    if (strcmp(now, rules->trouble) == 0)
        return;
    if (trouble)
        log_warn("the API server: %s; %s", trouble,
                 rules->is_loaded ? "what was read last stays in force" : "nothing is served until it answers");
    else
        log_info("in step with the API server");
    memcpy(rules->trouble, now, sizeof(now));
}

const char *cluster_rules_awaited(struct control *control)
{
    struct cluster_rules *rules = &control->cluster_rules;
    if (!rules->cluster || rules->is_loaded)
        return NULL;
    snprintf(rules->awaited, sizeof(rules->awaited), "the rules of the cluster are not known yet: %s",
             rules->trouble[0] ? rules->trouble : "the API server is being read");
    return rules->awaited;
}

static void on_change(void *user)
{
    struct control *control = user;
    struct cluster_rules *rules = &control->cluster_rules;
    log_trouble(rules);
    if (!rules->is_loaded)
        report_status(control);
    /* Most of what changes in a cluster is somebody's status. */
    if (!rules->is_loaded || cluster_edition(rules->cluster) != rules->edition)
        cluster_rules_again(control);
    cluster_report(control);
}

/* ---- the version of the Gateway API ---- */

struct str cluster_rules_version(const struct control *control)
{
    const struct bundle_version *version = control->cluster_rules.version;
    return version ? bundle_version_text(version) : STR("");
}

static void on_version(void *user)
{
    struct control *control = user;
    struct cluster_rules *rules = &control->cluster_rules;
    const char *problem = rules->version ? bundle_version_problem(rules->version) : NULL;
    if (problem && !rules->has_said_version)
        log_info("the version of the Gateway API is not known, and so the condition SupportedVersion of the "
                 "GatewayClass is left out: %s",
                 problem);
    rules->has_said_version = problem != NULL;
    cluster_rules_again(control);
}

/* ---- life ---- */

bool cluster_rules_start(struct control *control, struct err *err)
{
    struct cluster_rules *rules = &control->cluster_rules;
    const struct settings *settings = &control->settings;
    timer_init(&rules->later, on_later);
    struct kube_config *config = kube_config_find(settings->kubeconfig[0] ? settings->kubeconfig : NULL,
                                                  settings->kube_context[0] ? settings->kube_context : NULL, err);
    if (!config)
        return false;
    rules->client = kube_client_new(control->loop, config, err);
    if (!rules->client)
        return false;
    struct str namespaces[SETTINGS_MAX_NAMESPACES];
    const char *name = settings->namespaces;
    for (uint32_t i = 0; i < settings->namespace_count; i++, name += namespaces[i - 1].len + 1)
        namespaces[i] = str_from_c(name);
    struct cluster_options options = {
        .loop = control->loop,
        .client = rules->client,
        .namespaces = namespaces,
        .namespace_count = settings->namespace_count,
        .on_change = on_change,
        .user = control,
    };
    rules->cluster = cluster_new(&options);
    if (settings->namespace_count == 0)
        rules->version = bundle_version_new(
            &(struct bundle_version_options){.client = rules->client, .on_change = on_version, .user = control});
    replica_start(control, kube_client_config(rules->client)->ns);
    /* A gateway without rules serves the probes at least, and says what it waits for. */
    if (!control->plan && !control->endpoints)
        rules_load(control, rules_make(control, manifests_new()));
    return true;
}

void cluster_rules_stop(struct control *control)
{
    struct cluster_rules *rules = &control->cluster_rules;
    if (rules->cluster) {
        timer_disarm(&rules->later);
        replica_stop(control);
        cluster_free(rules->cluster);
        bundle_version_free(rules->version);
    }
    if (rules->client)
        kube_client_free(rules->client);
}
