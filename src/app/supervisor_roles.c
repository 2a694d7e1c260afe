/* SPDX-License-Identifier: Apache-2.0 */
/* What the supervisor has to say to each kind of child, and what it takes from it. */
#include "app/supervisor_state.h"

#include "base/log.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#define MAX_BACKOFF_MS 1000

static bool send_registry(struct child *child)
{
    struct ipc_registry payload = {.gateway_slot = child->slot};
    return child_send(child, IPC_REGISTRY, (struct str){(const char *)&payload, sizeof(payload)},
                      &child->supervisor->registry_fd, 1);
}

static bool send_fd(struct child *child, enum ipc_type type, int fd)
{
    return fd < 0 || child_send(child, type, STR_NONE, &fd, 1);
}

/* The whole set in force, unless the child has it. */
static bool send_listeners(struct child *child)
{
    const struct supervisor *supervisor = child->supervisor;
    if (child->listeners_version == supervisor->listeners_version)
        return true;
    size_t done = 0;
    do {
        struct address addresses[IPC_MAX_FDS];
        int fds[IPC_MAX_FDS];
        size_t count = 0;
        for (; count < IPC_MAX_FDS && done < supervisor->listener_count; done++) {
            const struct bound *bound = &supervisor->listeners[done];
            if (!bound->is_in_force)
                continue;
            addresses[count] = bound->real;
            fds[count++] = bound->fd;
        }
        struct str payload = {(const char *)addresses, count * sizeof(addresses[0])};
        if (!child_send(child, IPC_LISTENERS, payload, fds, count))
            return false;
    } while (done < supervisor->listener_count);
    child->listeners_version = supervisor->listeners_version;
    return true;
}

/* Takes one of the message's descriptors in place of `*kept`. */
static void keep_fd(struct ipc_message *message, size_t index, int *kept)
{
    if (*kept >= 0)
        close(*kept);
    *kept = message->fds[index];
    message->fds[index] = -1;
}

static bool send_sources(struct child *child)
{
    const struct sources *sources = &child->supervisor->sources;
    for (uint32_t i = 0; i < sources->count; i++) {
        struct str payload = {(const char *)&i, sizeof(i)};
        if (sources->list[i].fd >= 0 && !child_send(child, IPC_SOURCE, payload, &sources->list[i].fd, 1))
            return false;
    }
    return true;
}

static void control_start(struct child *child)
{
    const struct supervisor *supervisor = child->supervisor;
    if (send_registry(child) && send_sources(child) && child_send_parts(child, &supervisor->parts) &&
        send_fd(child, IPC_LAST_GOOD, supervisor->last_good_fd) && analyst_send_records(child, RECORDS_FOR_CONTROL) &&
        child_send(child, IPC_ADMIN, (struct str){(const char *)&supervisor->admin.real, sizeof(struct address)},
                   &supervisor->admin.fd, 1))
        analyst_connect(child->supervisor);
}

static bool on_bind(struct child *child, const struct ipc_message *message)
{
    struct supervisor *supervisor = child->supervisor;
    struct ipc_bind head;
    if (message->len < sizeof(head))
        return false;
    memcpy(&head, message->payload, sizeof(head));
    if (head.count > IPC_MAX_SOCKETS || message->len != sizeof(head) + head.count * sizeof(struct address))
        return false;
    for (size_t i = 0; i < supervisor->listener_count; i++)
        supervisor->listeners[i].is_wanted = false;
    struct {
        struct ipc_bind head;
        struct ipc_bound sockets[IPC_MAX_SOCKETS];
    } answer;
    memset(&answer, 0, sizeof(answer));
    answer.head = head;
    for (size_t i = 0; i < head.count; i++) {
        struct address asked;
        memcpy(&asked, message->payload + sizeof(head) + i * sizeof(asked), sizeof(asked));
        struct bound *bound = listeners_get(supervisor, &asked);
        answer.sockets[i] = (struct ipc_bound){.address = bound ? bound->real : asked, .error = bound ? 0 : errno};
        if (bound)
            bound->is_wanted = true;
    }
    if (supervisor->phase != PHASE_DRAINING)
        listeners_close_unwanted(supervisor);
    struct str payload = {(const char *)&answer, sizeof(head) + head.count * sizeof(answer.sockets[0])};
    return child_send(child, IPC_BOUND, payload, NULL, 0) || true;
}

/* A gateway that has no plan gets it all together with that. */
static void send_news(struct child *gateway, uint32_t came)
{
    struct ipc_parts news = gateway->supervisor->parts;
    bool has_plan = news.fds[IPC_PART_PLAN] >= 0;
    for (unsigned i = 0; i < IPC_PART_COUNT; i++) {
        if (!(came >> i & 1))
            news.fds[i] = -1;
    }
    if (has_plan)
        (void)child_send_parts(gateway, &news);
}

static bool on_plan(struct child *child, struct ipc_message *message)
{
    struct supervisor *supervisor = child->supervisor;
    struct child *gateway = &supervisor->children[CHILD_GATEWAY];
    uint32_t came = ipc_take_parts(message, &supervisor->parts);
    if (came == 0 || supervisor->is_succeeded)
        return came != 0;
    /* While it drains, the gateway has all sockets that it will ever have, and new connections still come. */
    if (supervisor->phase == PHASE_DRAINING || !(came >> IPC_PART_PLAN & 1)) {
        send_news(gateway, came);
        (void)analyst_send_parts(supervisor, came);
        return true;
    }
    /* The gateway has its own copies of sockets that go, and serves them until it has the new plan. */
    listeners_put_in_force(supervisor);
    (void)(send_listeners(gateway) && child_send_parts(gateway, &supervisor->parts));
    (void)analyst_send_parts(supervisor, came);
    return true;
}

static bool on_last_good(struct supervisor *supervisor, struct ipc_message *message)
{
    if (supervisor->last_good_fd >= 0)
        close(supervisor->last_good_fd);
    supervisor->last_good_fd = -1;
    if (message->fd_count == 1)
        keep_fd(message, 0, &supervisor->last_good_fd);
    return true;
}

static bool control_message(struct child *child, struct ipc_message *message)
{
    struct supervisor *supervisor = child->supervisor;
    switch (message->type) {
    case IPC_BIND: return on_bind(child, message);
    case IPC_PLAN: return on_plan(child, message);
    case IPC_LAST_GOOD: return on_last_good(supervisor, message);
    case IPC_COMPARING: return analyst_compare(supervisor, message);
    case IPC_READY:
        child->is_ready = true;
        supervisor_check_ready(supervisor);
        return true;
    case IPC_FAILED:
        if (supervisor->phase == PHASE_STARTING) {
            supervisor->exit_code = EXIT_FAILED;
            loop_stop(supervisor->loop);
        }
        return true;
    default: return false;
    }
}

static void control_end(struct child *child)
{
    (void)child;
}

const struct child_role control_role = {.name = "control",
                                        .max_backoff_ms = MAX_BACKOFF_MS,
                                        .on_start = control_start,
                                        .on_message = control_message,
                                        .on_end = control_end};

static void gateway_start(struct child *child)
{
    struct supervisor *supervisor = child->supervisor;
    child->slot = registry_gateway_take(supervisor->registry, child->pid);
    if (child->slot == REGISTRY_GATEWAYS) {
        log_error("%d gateways are alive already, most of them draining; trying again", REGISTRY_GATEWAYS);
        kill(child->pid, SIGKILL);
        return;
    }
    if (!analyst_send_records(child, RECORDS_FOR_GATEWAY) || !send_registry(child) ||
        supervisor->parts.fds[IPC_PART_PLAN] < 0)
        return;
    (void)(send_listeners(child) && child_send_parts(child, &supervisor->parts));
}

static bool gateway_message(struct child *child, struct ipc_message *message)
{
    switch (message->type) {
    case IPC_READY:
        child->is_ready = true;
        supervisor_check_ready(child->supervisor);
        return true;
    case IPC_IN_FORCE:
        (void)child_send(&child->supervisor->children[CHILD_CONTROL], IPC_IN_FORCE,
                         (struct str){message->payload, message->len}, NULL, 0);
        return true;
    case IPC_DRAINED: log_debug("gateway is drained"); return true;
    default: return false;
    }
}

static void gateway_end(struct child *child)
{
    if (child->slot < REGISTRY_GATEWAYS)
        registry_gateway_reap(child->supervisor->registry, child->slot);
    child->slot = REGISTRY_GATEWAYS;
}

const struct child_role gateway_role = {.name = "gateway",
                                        .max_backoff_ms = MAX_BACKOFF_MS,
                                        .on_start = gateway_start,
                                        .on_message = gateway_message,
                                        .on_end = gateway_end};
