/* SPDX-License-Identifier: Apache-2.0 */
/* The analyst as a child, and the rings of records, which outlive it and the gateway. It is started when control says for the first time that
 * there is something to compare. Nobody waits for it: neither readiness nor, beyond a moment, the end. */
#include "app/supervisor_state.h"

#include "base/log.h"

#include <unistd.h>

/* To finish what is in the rings once the gateway is gone. */
#define FINISH_MS 1000

void analyst_prepare(struct supervisor *supervisor)
{
    const struct settings *settings = &supervisor->settings;
    struct err err;
    size_t capacity = records_capacity(settings->mirror_budget, settings->workers);
    if (!settings->is_comparing || capacity == 0)
        return;
    supervisor->registry_readonly_fd = registry_readonly(supervisor->registry_fd, &err);
    if (supervisor->registry_readonly_fd < 0 || !records_make(&supervisor->records, settings->workers, capacity, &err))
        log_warn("answers are not compared: %s", err.text);
}

void analyst_forget(struct supervisor *supervisor)
{
    records_forget(&supervisor->records);
    if (supervisor->registry_readonly_fd >= 0)
        close(supervisor->registry_readonly_fd);
}

bool analyst_send_records(struct child *child, enum records_for role)
{
    const struct records_files *records = &child->supervisor->records;
    struct ipc_records payload = {.workers = records->workers, .capacity = records->capacity};
    int fds[RECORDS_MAX_FDS];
    if (records->workers == 0)
        return true;
    size_t count = records_list(records, role, fds);
    return child_send(child, IPC_RECORDS, (struct str){(const char *)&payload, sizeof(payload)}, fds, count);
}

void analyst_connect(struct supervisor *supervisor)
{
    struct child *analyst = &supervisor->children[CHILD_ANALYST], *control = &supervisor->children[CHILD_CONTROL];
    struct err err;
    int ends[2];
    if (analyst->pid == 0 || control->pid == 0)
        return;
    if (!ipc_pair(ends, &err)) {
        log_error("control can't ask the analyst: %s", err.text);
        return;
    }
    (void)child_send(analyst, IPC_ANALYST, STR_NONE, &ends[1], 1);
    (void)child_send(control, IPC_ANALYST, STR_NONE, &ends[0], 1);
    close(ends[0]);
    close(ends[1]);
}

bool analyst_send_parts(struct supervisor *supervisor, uint32_t came)
{
    struct child *analyst = &supervisor->children[CHILD_ANALYST];
    struct ipc_parts parts = IPC_PARTS_NONE;
    if (came >> IPC_PART_PLAN & 1)
        parts.fds[IPC_PART_PLAN] = supervisor->parts.fds[IPC_PART_PLAN];
    if (came >> IPC_PART_ENDPOINTS & 1)
        parts.fds[IPC_PART_ENDPOINTS] = supervisor->parts.fds[IPC_PART_ENDPOINTS];
    return analyst->pid == 0 || child_send_parts(analyst, &parts);
}

bool analyst_compare(struct supervisor *supervisor, const struct ipc_message *message)
{
    struct child *analyst = &supervisor->children[CHILD_ANALYST];
    uint32_t is_comparing;
    if (message->len != sizeof(is_comparing))
        return false;
    memcpy(&is_comparing, message->payload, sizeof(is_comparing));
    bool may_start = supervisor->records.workers > 0 && supervisor->phase != PHASE_DRAINING;
    if (is_comparing && may_start && !supervisor->has_analyst) {
        supervisor->has_analyst = true;
        child_start(analyst);
    }
    return true;
}

/* Its exit ends the loop (on_child_signal), or this time does. */
bool analyst_finish(struct supervisor *supervisor)
{
    struct child *analyst = &supervisor->children[CHILD_ANALYST];
    timer_disarm(&analyst->restart);
    if (analyst->pid == 0 || !child_send(analyst, IPC_DRAIN, STR_NONE, NULL, 0))
        return false;
    timer_arm(supervisor->loop, &supervisor->linger, FINISH_MS);
    return true;
}

static void on_start(struct child *child)
{
    struct ipc_registry payload = {0};
    struct supervisor *supervisor = child->supervisor;
    if (analyst_send_records(child, RECORDS_FOR_ANALYST) &&
        child_send(child, IPC_REGISTRY, (struct str){(const char *)&payload, sizeof(payload)},
                   &supervisor->registry_readonly_fd, 1) &&
        analyst_send_parts(supervisor, UINT32_MAX))
        analyst_connect(supervisor);
}

/* It has nothing to say to the supervisor. */
static bool on_message(struct child *child, struct ipc_message *message)
{
    (void)child;
    (void)message;
    return false;
}

static void on_end(struct child *child)
{
    (void)child;
}

const struct child_role analyst_role = {.name = "analyst",
                                        .max_backoff_ms = 500, /* it is to be back within a second */
                                        .on_start = on_start,
                                        .on_message = on_message,
                                        .on_end = on_end};
