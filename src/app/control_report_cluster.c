/* SPDX-License-Identifier: Apache-2.0 */
/* What the replica that leads writes of the current load: status and events of the objects it was made of. */
#include "app/control_flow.h"
#include "app/control_state.h"
#include "app/control_status.h"
#include "base/log.h"
#include "kube/cluster.h"
#include "kube/lease.h"
#include "kube/write.h"

/* Failed writes and flows are looked at again. */
#define AGAIN_MS 5000
/* What happens within this time is reported together. */
#define SOON_MS 50

struct look {
    struct control *control;
    struct status_source source;
    bool has_flows;
    struct flows flows;
};

static bool find_object(void *user, const struct kind *kind, struct str ns, struct str name,
                        struct control_status_object *object)
{
    const struct look *look = user;
    const struct kube_object *found = cluster_find(look->control->cluster_rules.cluster, kind->id, ns, name);
    if (found)
        *object = (struct control_status_object){.json = found->json, .version = found->version};
    return found != NULL;
}

/* All mirrors are walked through once one is asked for. */
static enum status_flow find_flow(void *user, struct str route, struct str mirror)
{
    struct look *look = user;
    if (!look->has_flows)
        flows_init(&look->flows, &look->source);
    look->has_flows = true;
    return flows_find(&look->flows, route, mirror);
}

static void write_on(void *user, const struct kube_write *write)
{
    const struct look *look = user;
    kube_writer_add(look->control->cluster_rules.writer, write);
}

static void update_status(struct control *control)
{
    struct cluster_rules *rules = &control->cluster_rules;
    uint64_t now_ns = loop_now_ns(control->loop), now_wall_ns = loop_wall_ns(control->loop);
    struct look look = {.control = control,
                        .source = {
                            .registry = control->registry,
                            .plan = control->plan,
                            .endpoints = control->endpoints,
                            .now_wall_ns = now_wall_ns,
                            .now_ns = now_ns,
                        }};
    struct control_status_from from = {
        .outcomes = &control->current->outcomes,
        .load = rules->load_number,
        .find = find_object,
        .flow = find_flow,
        .write = write_on,
        .user = &look,
        .is_leader = kube_lease_is_holder(rules->lease),
        .now_ns = now_ns,
        .now_s = (int64_t)(now_wall_ns / 1000000000u),
    };
    (void)control_status_update(rules->status, &from);
    if (look.has_flows)
        flows_deinit(&look.flows);
}

/* Events are of a load: one that was said by this leader has nothing more to say. */
static void report(struct control *control)
{
    struct cluster_rules *rules = &control->cluster_rules;
    if (!rules->lease || !rules->is_loaded || !control->current)
        return;
    bool is_leader = kube_lease_is_holder(rules->lease);
    if (is_leader && rules->said_load != rules->load_number)
        events_say(control);
    rules->said_load = is_leader ? rules->load_number : 0;
    update_status(control);
}

static void on_again(struct timer *timer)
{
    struct control *control = CONTAINER_OF(timer, struct control, cluster_rules.report_again);
    control->cluster_rules.is_report_soon = false;
    timer_arm(control->loop, timer, AGAIN_MS);
    cluster_rules_check(control);
    report(control);
}

static void on_object(void *user, const struct kind *kind, struct str json)
{
    struct control *control = user;
    cluster_put(control->cluster_rules.cluster, kind->id, json);
}

void cluster_report_start(struct control *control)
{
    struct cluster_rules *rules = &control->cluster_rules;
    rules->status = control_status_new(on_object, control);
    timer_init(&rules->report_again, on_again);
    timer_arm(control->loop, &rules->report_again, AGAIN_MS);
}

void cluster_report_stop(struct control *control)
{
    if (!control->cluster_rules.status)
        return;
    timer_disarm(&control->cluster_rules.report_again);
    control_status_free(control->cluster_rules.status);
}

void cluster_report(struct control *control)
{
    struct cluster_rules *rules = &control->cluster_rules;
    if (!rules->status || rules->is_report_soon)
        return;
    rules->is_report_soon = true;
    timer_arm(control->loop, &rules->report_again, SOON_MS);
}

void cluster_report_forget(struct control *control)
{
    struct control_status_from from = {.is_leader = false};
    control->cluster_rules.said_load = 0;
    (void)control_status_update(control->cluster_rules.status, &from);
}
